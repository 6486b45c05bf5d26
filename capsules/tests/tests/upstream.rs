//! The capsules, and the example of a board beside upstream's kernel, against what upstream publishes: stand-ins with
//! its paths and signatures (`capsules/tests/upstream`), of its release 2.2 and of its main branch.

mod folders;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use folders::{capsules, copy, root};

/// The target of the board; the stand-ins are for nothing else.
const TARGET: &str = "thumbv7em-none-eabi";

/// Writes a manifest of sources of `capsules/tests/upstream`.
fn stand_in(place: &Path, name: &str, source: &str, more: &str) {
    fs::create_dir_all(place).unwrap();
    let sources = root().join("capsules/tests/upstream").join(source);
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
         [lib]\npath = \"{}\"\n{more}\n",
        sources.canonicalize().unwrap().display()
    );
    fs::write(place.join("Cargo.toml"), manifest).unwrap();
}

/// An empty place of this test, and a kernel of this version in it.
fn beside_upstream(name: &str, release: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&place);
    let features = format!("[features]\ndefault = [{release}]\nrelease-2-2 = []\n");
    stand_in(&place.join("tock/kernel"), "kernel", "kernel.rs", &features);
    for folder in ["crates/exposure", "crates/flash"] {
        copy(&root().join(folder), &place.join(folder));
    }
    for folder in capsules() {
        copy(&root().join(&folder), &place.join(&folder));
    }
    place
}

/// Checks what is in `place`, and returns what the compiler says against it.
fn check(place: &Path, features: &str) -> Result<(), String> {
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--workspace", "--offline"])
        .args(["--target", TARGET, "--features", features])
        .current_dir(place)
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("upstream-target"),
        )
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_capsules_compile_with_what_upstream_publishes() {
    for (version, feature) in [("main", ""), ("2-2", "\"release-2-2\"")] {
        let place = beside_upstream(&format!("upstream-{version}"), feature);
        let workspace = format!(
            "[workspace]\nresolver = \"2\"\nmembers = {:?}\n",
            capsules()
        );
        fs::write(place.join("Cargo.toml"), workspace).unwrap();
        if let Err(said) = check(
            &place,
            "wasm_host/programs,wasm_host/keys,flash_partition/watched",
        ) {
            panic!("with upstream's {version}: {said}");
        }
    }
}

/// Its manifests, with stand-ins where they name upstream by revision.
#[test]
fn the_example_board_compiles_with_what_upstream_publishes() {
    let place = beside_upstream("upstream-board", "");
    let kernel = "[dependencies]\nkernel = { path = \"../kernel\" }";
    let board =
        "[dependencies]\nkernel = { path = \"../kernel\" }\nnrf52840 = { path = \"../nrf52840\" }";
    let library = "name = \"nrf52840dk_test_base_lib\"\n";
    let upstream = place.join("tock");
    for (name, source, more) in [
        ("capsules-system", "capsules_system.rs", kernel.to_owned()),
        ("nrf52840", "nrf52840.rs", kernel.to_owned()),
        (
            "nrf52840dk-test-base",
            "nrf52840dk_test_base.rs",
            format!("{library}{board}"),
        ),
        ("tock_build_scripts", "build_scripts.rs", String::new()),
    ] {
        stand_in(&upstream.join(name), name, source, &more);
    }
    let example = "kernel-board/upstream-nrf52840dk";
    copy(&root().join(example), &place.join(example));
    let place = place.join(example);
    let manifest = fs::read_to_string(place.join("Cargo.toml")).unwrap();
    let mut replaced = 0;
    let lines: Vec<_> = manifest
        .lines()
        .map(|line| match line.split_once(" = { git = ") {
            Some((name, _)) => {
                replaced += 1;
                format!(
                    "{name} = {{ path = \"{}\" }}",
                    upstream.join(name).display()
                )
            }
            None => line.to_owned(),
        })
        .collect();
    assert!(replaced >= 4, "{manifest}");
    fs::write(place.join("Cargo.toml"), lines.join("\n")).unwrap();
    if let Err(said) = check(&place, "") {
        panic!("{said}");
    }
}
