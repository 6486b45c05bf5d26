//! Room for compilations on the host, as much as any test's module takes.

use berth_admission::Module as Admitted;
use berth_compiler::{Error, Storage};

/// Room for 1,200 functions and code of 100,000 halfwords.
pub type Large<'a> = Storage<'a, 1_200, 600, 4_096, 1_024, 100_000>;

/// Empty room.
#[must_use]
pub fn large<'a>() -> Box<Large<'a>> {
    Box::new(Storage::new())
}

/// Tells whether a device with this compiler takes a module.
///
/// # Errors
///
/// What the scan or the compiler says.
pub fn validate(image: &[u8]) -> Result<(), String> {
    Admitted::scan(image).map_err(|error| format!("{error:?}"))?;
    match berth_compiler::validate(image, large().room()) {
        Ok(()) => Ok(()),
        Err(Error::Invalid(what)) => Err(format!("{what:?}")),
        Err(other) => panic!("{other:?}"),
    }
}
