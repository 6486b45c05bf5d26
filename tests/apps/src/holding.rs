//! Everything that a process may hold of what is exposed.

use libtock::berth_exposure::DESCRIPTION_MAX;
use libtock::wasm_host::interrupts::Records;
use libtock::{ErrorCode, wasm_host};

/// Claim with `tag`, map and register everything, the interrupts without captures. Returns how many claims and interrupts there are.
///
/// # Errors
///
/// Those of the driver of containers.
pub fn all<const WORDS: usize>(
    tag: u32,
    records: &'static Records<WORDS>,
) -> Result<(u32, u32), ErrorCode> {
    all_but(tag, records, "")
}

/// The same without one label.
///
/// # Errors
///
/// As those of [`all`].
pub fn all_but<const WORDS: usize>(
    tag: u32,
    records: &'static Records<WORDS>,
    label: &str,
) -> Result<(u32, u32), ErrorCode> {
    records.lend()?;
    let (mut claims, mut registered) = (0, 0);
    for index in 0..wasm_host::count()? {
        let mut record = [0; DESCRIPTION_MAX];
        let block = wasm_host::describe(index, &mut record)?;
        if block.label == label {
            continue;
        }
        let handle = wasm_host::claim(tag, block.label)?.handle;
        claims += 1;
        let _ = wasm_host::map(handle);
        for number in 0..block.interrupts {
            let priority = 255 - registered as u8;
            let done = records.register(handle, number.into(), priority, &[]);
            registered += u32::from(done.is_ok());
        }
    }
    Ok((claims, registered))
}
