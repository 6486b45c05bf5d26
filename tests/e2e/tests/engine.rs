//! The engine on the board: WebAssembly's own tests as containers that prove themselves.
//!
//! With `BERTH_SOAK` all of them, else a sample.

use std::time::Duration;

use anyhow::{Result, ensure};
use berth_admission::Module;
use berth_e2e::{Device, Flash};
use berth_engine_tests::outcome::Ending;
use berth_engine_tests::product::Running;
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

/// Does it hold where the memory never grows, and calls go no deeper than containers'? What does not may fail on a board,
/// which has no room for everything that is asserted.
fn needs_no_room(proof: &Proof) -> bool {
    let begins_with = Module::scan(&proof.image).map_or(0, |module| module.memory_bytes);
    let begins_with = usize::try_from(begins_with).unwrap_or(usize::MAX);
    let running = Running::with_memory(&proof.image, 200, begins_with).ok();
    let ending = running.and_then(|mut running| running.call("_start", &[]).ok());
    matches!(ending, Some(Ending::Returned(_)))
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
    // A sample takes seconds; all of them take minutes, more of them on a busy host than a board is left alone for.
    let limit = Duration::from_secs(60 * 60);
    let device = Device::power_on_for(&Flash::new()?, limit)?;
    device.console("type help")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("proof.wasm");
    let (mut held, mut assertions, mut too_large, mut without_room) = (0, 0, 0, 0);
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
            if state == "exited" {
                held += 1;
                assertions += proof.assertions;
            } else {
                ensure!(!needs_no_room(&proof), "{}: {state}", proof.place);
                println!("{}: {state}, for want of room", proof.place);
                without_room += 1;
            }
        }
        device.berth(&["rm", "proof"])?.ok()?;
    }
    println!(
        "{held} containers, {assertions} assertions; {too_large} did not fit, {without_room} wanted room"
    );
    ensure!(held >= SAMPLE * 3 / 4, "only {held} containers");
    Ok(())
}

/// The supervisor brings the remainder with which the engine rounds what is half-way between two numbers.
#[test]
fn what_is_half_way_is_rounded_to_even_on_the_board() -> Result<()> {
    let longs = [
        0.0,
        1.0,
        2.0,
        3.0,
        41.0,
        8_388_606.0,
        4_503_599_627_370_494.0,
    ]
    .into_iter()
    .flat_map(|whole: f64| [whole + 0.5, -whole - 0.5, whole + 0.25]);
    let longs: String = longs
        .map(|number| {
            let (number, even) = (
                number.to_bits() as i64,
                number.round_ties_even().to_bits() as i64,
            );
            format!("(call $long (i64.const {number}) (i64.const {even}))\n")
        })
        .collect();
    let shorts = [0.0, 1.0, 2.0, 3.0, 41.0, 4_194_302.0]
        .into_iter()
        .flat_map(|whole: f32| [whole + 0.5, -whole - 0.5, whole + 0.25]);
    let shorts: String = shorts
        .map(|number| {
            let (number, even) = (
                number.to_bits() as i32,
                number.round_ties_even().to_bits() as i32,
            );
            format!("(call $short (i32.const {number}) (i32.const {even}))\n")
        })
        .collect();
    let text = format!(
        r#"(module
          (func $long (param i64 i64)
            (if (i64.ne (i64.reinterpret_f64 (f64.nearest (f64.reinterpret_i64 (local.get 0))))
                (local.get 1))
              (then unreachable)))
          (func $short (param i32 i32)
            (if (i32.ne (i32.reinterpret_f32 (f32.nearest (f32.reinterpret_i32 (local.get 0))))
                (local.get 1))
              (then unreachable)))
          (func (export "_start") {longs} {shorts}))"#
    );
    let device = Device::boot()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("rounds.wasm");
    std::fs::write(&file, wat::parse_str(text)?)?;
    device.upload_file(&file)?.ok()?;
    device.berth(&["start", "rounds"])?.ok()?;
    device.wait_state("rounds", "exited")?;
    Ok(())
}
