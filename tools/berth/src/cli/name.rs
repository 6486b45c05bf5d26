//! Names of containers, as people and scripts write them: as they are. Nothing is guessed where something is
//! deleted, stopped or replaced.

use std::path::Path;

/// What a container is called that comes from the file `path` if nobody says: the file's name without its ending,
/// or, uploaded with WASMICO's three numbers, whose tasks go by the names of their files, with it.
#[must_use]
pub fn name_of(path: &Path, as_wasmico: bool) -> String {
    let name = if as_wasmico {
        path.file_name()
    } else {
        path.file_stem()
    };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// The name that somebody may have meant who wrote that of a file, for a hint and for what changes nothing.
#[must_use]
pub fn without_ending(text: &str) -> Option<&str> {
    [".wasm", ".berth"]
        .iter()
        .find_map(|ending| text.strip_suffix(ending))
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_called_as_its_file_and_a_task_as_its_file_is_called() {
        let names = ["app.wasm", "x/app.berth", "app", "v1.2.wasm", ".wasm"];
        assert_eq!(
            names.map(|name| name_of(name.as_ref(), false)),
            ["app", "app", "app", "v1.2", ".wasm"]
        );
        assert_eq!(name_of("x/app.wasm".as_ref(), true), "app.wasm");
    }

    #[test]
    fn what_may_have_been_meant_is_not_the_same_name() {
        let names = ["app.wasm", "app.berth", "app", ".wasm", "a.wasm.wasm"];
        assert_eq!(
            names.map(without_ending),
            [Some("app"), Some("app"), None, None, Some("a.wasm")]
        );
    }
}
