//! What is sent of a file: a package.
//!
//! A file that is a package already is sent as it is. A plain module is packed on the way
//! (`berth-pack`), so that a program compiled for pages of 64 KiB takes the few kilobytes it
//! uses. A module that cannot be packed is refused, for `pack`'s own reason. What is no module at
//! all is sent as it is: the device says what is wrong with it, and it has the last word anyway.

use berth_pack::{Options, PackError, Places, SideFile, pack};
use berth_package::Manifest;
use berth_protocol::Parameters;

/// What to send, and how it wants to be run.
#[derive(Debug)]
pub struct Prepared {
    /// The image.
    pub bytes: Vec<u8>,
    /// What the package's author chose.
    pub wishes: Parameters,
    /// Something the operator may want to know.
    pub note: Option<String>,
    /// What the numbers of its faults mean, if it was packed now.
    pub names: Option<SideFile>,
}

/// How a module and a component begin (WebAssembly 5.5.16).
const MAGIC: &[u8] = b"\0asm";

/// Prepare the contents of a file for the container `name`.
///
/// # Errors
/// What `pack` says of a module that it refuses.
pub fn prepare(file: Vec<u8>, name: &str) -> Result<Prepared, PackError> {
    prepare_with(file, name, Places::default())
}

/// The same. `places`: how closely it is to tell where it is, if it is no package yet.
pub(crate) fn prepare_with(
    file: Vec<u8>,
    name: &str,
    places: Places,
) -> Result<Prepared, PackError> {
    let options = Options {
        name: name.to_owned(),
        places,
        ..Options::default()
    };
    let (bytes, note, names) = match pack(&file, &options) {
        Ok(packed) => {
            let (note, names) = (packed.advice(), packed.side_file());
            (packed.image, note, names)
        }
        Err(PackError::AlreadyPacked) => (file, None, None),
        Err(error) if file.starts_with(MAGIC) => return Err(error),
        Err(_) => (file, None, None),
    };
    let wishes = wishes(&bytes);
    Ok(Prepared {
        bytes,
        wishes,
        note,
        names,
    })
}

/// What a package's author chose; nothing if it is none, or one of a newer format.
fn wishes(image: &[u8]) -> Parameters {
    match Manifest::of(image) {
        Ok(Some(manifest)) => Parameters {
            stack: manifest.value_stack,
            memory: manifest.memory_limit,
            share: manifest.share,
            restart: manifest.restart,
            ..Parameters::default()
        },
        _ => Parameters::default(),
    }
}

/// The name that a package has; `None` if the file is none.
pub(crate) fn name(file: &[u8]) -> Option<&str> {
    let manifest = Manifest::of(file).ok()??;
    Some(manifest.name)
}

/// Returns what a file is that no device takes for a module; `None` if it begins as one.
pub(crate) fn instead_of_a_module(file: &[u8]) -> Option<&'static str> {
    if file.starts_with(MAGIC) {
        return None;
    }
    let is_text = || str::from_utf8(file).is_ok_and(|text| !text.contains('\0'));
    Some(match file {
        [] => "empty",
        [0x7f, b'E', b'L', b'F', ..] => "a program for another machine (ELF)",
        _ if is_text() => "text",
        _ => "something else",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_protocol::Restart;

    /// Header, type `() -> ()`, one function, its export `_start`, its body.
    const MODULE: &[u8] =
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x04\x01\x02\0\x0b";

    #[test]
    fn a_module_is_packed_and_a_package_is_sent_as_it_is() {
        let options = Options {
            name: "pump".to_owned(),
            share: Some(10),
            restart: Some(Restart::No),
            ..Options::default()
        };
        let package = pack(MODULE, &options).unwrap().image;
        let prepared = prepare(package.clone(), "other").unwrap();
        assert_eq!(prepared.bytes, package);
        assert_eq!(prepared.wishes.share, Some(10));
        assert_eq!((name(&package), name(MODULE)), (Some("pump"), None));

        let plain = prepare(MODULE.to_vec(), "plain").unwrap();
        assert_eq!(name(&plain.bytes), Some("plain"));
        assert_eq!(plain.wishes, Parameters::default());
        // The same file gives the same image, which the device then recognises.
        let again = prepare(MODULE.to_vec(), "plain").unwrap();
        assert_eq!(again.bytes, plain.bytes);
    }

    #[test]
    fn what_is_no_module_is_left_to_the_device() {
        assert_eq!(prepare(b"hello".to_vec(), "x").unwrap().bytes, b"hello");
    }

    #[test]
    fn what_is_no_module_is_called_by_what_it_is() {
        assert_eq!(instead_of_a_module(MODULE), None);
        for (file, what) in [
            (&b""[..], "empty"),
            (b"fn main() {}", "text"),
            (b"\x7fELF\x01", "a program for another machine (ELF)"),
            (b"\x1f\x8b\0\0", "something else"),
        ] {
            assert_eq!(instead_of_a_module(file), Some(what));
        }
    }

    #[test]
    fn what_pack_refuses_is_refused_for_the_same_reason() {
        let component = b"\0asm\x0d\0\x01\0";
        let (no_start, cut) = (&MODULE[..8], &MODULE[..MODULE.len() - 1]);
        for file in [component, no_start, cut] {
            let own = pack(file, &Options::default()).unwrap_err().to_string();
            let refused = prepare(file.to_vec(), "x").unwrap_err().to_string();
            assert_eq!(refused, own);
        }
    }
}
