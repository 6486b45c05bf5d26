//! The engine on the board: WebAssembly's own tests as containers that prove themselves.
//!
//! With `BERTH_SOAK` all of them, else a sample.

use anyhow::{Result, ensure};
use berth_admission::Module;
use berth_e2e::Device;
use berth_engine_tests::proofs::{Proof, proofs};
use berth_pack::{Options, pack};

/// Containers of the sample.
const SAMPLE: usize = 40;
/// More linear memory than this is not tried: the board has no room for it.
const MEMORY_MAX: u64 = 128 * 1024;

/// Returns a proof's package, if a container can be one. Its memory stays as it is.
fn package(proof: &Proof) -> Option<Vec<u8>> {
    let module = Module::scan(&proof.image).ok()?;
    if module.imports().next().is_some() || module.memory_bytes > MEMORY_MAX {
        return None;
    }
    let options = Options {
        name: "proof".to_owned(),
        memory: u32::try_from(module.memory_bytes).ok(),
        value_stack: Some(16 * 1024),
        ..Options::default()
    };
    pack(&proof.image, &options).ok().map(|packed| packed.image)
}

#[test]
fn webassemblys_own_tests_hold_on_the_board() -> Result<()> {
    let packages: Vec<_> = proofs()
        .into_iter()
        .filter_map(|proof| Some((package(&proof)?, proof)))
        .collect();
    let step = match std::env::var_os("BERTH_SOAK") {
        Some(_) => 1,
        None => packages.len().div_ceil(SAMPLE),
    };
    let device = Device::boot()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("proof.wasm");
    let (mut held, mut assertions, mut too_large) = (0, 0, 0);
    for (image, proof) in packages.into_iter().step_by(step) {
        std::fs::write(&file, image)?;
        device.upload_file(&file)?.ok()?;
        let started = device.berth(&["start", "proof"])?;
        if started.code == 1 && started.stderr.contains("memory") {
            too_large += 1;
        } else {
            started.ok()?;
            let mut state = device.state("proof")?;
            while state == "running" || state == "ready" {
                state = device.state("proof")?;
            }
            ensure!(state == "exited", "{}: {state}", proof.place);
            held += 1;
            assertions += proof.assertions;
        }
        device.berth(&["rm", "proof"])?.ok()?;
    }
    println!("{held} containers, {assertions} assertions; {too_large} did not fit");
    ensure!(held >= SAMPLE * 3 / 4, "only {held} containers");
    Ok(())
}
