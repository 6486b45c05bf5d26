//! Names of containers, as people and scripts write them.

/// What a container is called that is asked for as `text`: WASMICO's tasks go by the names of
/// their files (`start app.wasm`), so the ending of a module or package is left out, wherever a
/// name is given.
#[must_use]
pub fn container_name(text: &str) -> &str {
    [".wasm", ".berth"]
        .iter()
        .find_map(|ending| text.strip_suffix(ending))
        .filter(|name| !name.is_empty())
        .unwrap_or(text)
}

/// For clap.
#[expect(clippy::unnecessary_wraps, reason = "the form that clap wants")]
pub(super) fn parse(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(container_name(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_file_is_no_part_of_a_name() {
        let names = [
            "app.wasm",
            "app.berth",
            "app",
            "v1.2",
            ".wasm",
            "a.wasm.wasm",
        ];
        assert_eq!(
            names.map(container_name),
            ["app", "app", "app", "v1.2", ".wasm", "a.wasm"]
        );
    }
}
