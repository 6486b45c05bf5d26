//! What a kilobyte through an SPI controller costs by word, in every way that there is.
//!
//! The controller's loopback is closed, and the emulator moves a frame in no time: what is counted is the processor's work
//! alone, which on a chip goes on beside the controller's. From it follows what rate a processor can keep up with at best.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, guest};
use berth_emulator::{Icount, Sleep};

use crate::figure::{Figure, Group, Key};

/// Time of an instruction: 2^6 ns.
const SHIFT: u8 = 6;

/// Words of 16 bits in a kilobyte.
const WORDS: f64 = 512.0;

/// How often each container runs; the least counts, since an interrupt of the kernel's own clock or line falls into some
/// runs.
const RUNS: usize = 3;

/// The kernel that measures its own transfers, and then lends the bus to processes.
const KERNEL: &str = "bench-buses-kernel.bin";

const NATIVE_KERNEL: Key = Key::instructions(
    "spi.word_native_kernel",
    "By the kernel's interrupt-driven driver, two frames of 8 bits a word: from its call to its client's, 1,024 bytes",
    None,
);
const POLLED_KERNEL: Key = Key::instructions(
    "spi.word_polled_kernel",
    "By a loop of kernel code that looks at the status, in frames of 16 bits",
    None,
);
const CALL: Key = Key::instructions(
    "spi.word_call",
    "By a container, the same loop, each access a call (`loopback_calls`); block mapped",
    None,
);
const MMIO: Key = Key::instructions(
    "spi.word_mmio",
    "By a container, the same loop with loads and stores of a struct of registers (`loopback_mapped`); block mapped",
    None,
);
const PROGRAM: Key = Key::instructions(
    "spi.word_program",
    "By a container, with one register program (`loopback_program`)",
    None,
);

const CONVEYOR: Key = Key::instructions(
    "spi.word_conveyor",
    "By a container whose conveyor moves eight words each way at once (`loopback_conveyor`); the word is put there and compared by the container",
    None,
);

const OS_API: Key = Key::instructions(
    "spi.word_os_api",
    "By a container through the kernel's driver, `tock:spi`, in one transfer of 1,024 bytes (`loopback_os`)",
    None,
);

/// Boots the board that measures itself, then the board with containers.
///
/// # Errors
/// If a board or the operator's line fails, or words do not come back.
pub fn measure() -> Result<Group> {
    let [polled, driver] = kernel()?;
    let flash = Flash::with_kernel(KERNEL)?;
    flash.install("wasm_supervisor")?;
    let os_api = container(&board(&flash)?, "loopback_os")?;
    let flash = Flash::new()?;
    let device = board(&flash)?;
    let program = Key {
        must: Some((1.3 * driver).round()),
        ..PROGRAM
    };
    let figure = |key, value| Figure { key, value };
    Ok(Group {
        title: "SPI",
        how: "A kilobyte in 16-bit words through a PL022 whose loopback is closed, divided by 512; each word that comes back is compared. \
              The emulated controller takes no time, so these are the instructions of the processor alone. Of containers: \
              the examples of the SDK, from before the first word until the last one is there (those that come all at once are compared afterwards), by the device's clock, alone on the device. Upper bound of the rate that a \
              processor reaches: its instructions a second, divided by these, times 16 bits.",
        figures: vec![
            figure(POLLED_KERNEL, polled),
            figure(NATIVE_KERNEL, driver),
            figure(CALL, container(&device, "loopback_calls")?),
            figure(MMIO, container(&device, "loopback_mapped")?),
            figure(program, container(&device, "loopback_program")?),
            figure(OS_API, os_api),
            figure(CONVEYOR, container(&device, "loopback_conveyor")?),
        ],
    })
}

/// Boots a board with containers, on which time is the number of instructions.
fn board(flash: &Flash) -> Result<Device> {
    let device = Device::power_on_board(flash, |board| {
        board.limit(Duration::from_secs(300)).icount(Icount {
            shift: SHIFT,
            // The operator's line needs time that does not jump.
            sleep: Sleep::RealTime,
        })
    })?;
    device.console("type help")?;
    Ok(device)
}

/// Instructions of a word by an example.
fn container(device: &Device, name: &str) -> Result<f64> {
    let module = guest(name).to_string_lossy().into_owned();
    device.berth(&["upload", &module])?.ok()?;
    let mut least = f64::INFINITY;
    for _ in 0..RUNS {
        device.berth(&["start", name])?.ok()?;
        // The line is quiet meanwhile.
        std::thread::sleep(Duration::from_millis(1500));
        device.wait_state(name, "exited")?;
        let told = device.container(name)?.context("it is listed")?;
        let us = told["exit_code"].as_f64().context("an exit code")?;
        ensure!(us > 0.0, "{name} says that other words came back");
        least = least.min(us);
    }
    device.berth(&["rm", name])?.ok()?;
    Ok(least * 1000.0 / f64::from(1 << SHIFT) / WORDS)
}

/// Instructions of a word by kernel code that polls and by the kernel's driver.
fn kernel() -> Result<[f64; 2]> {
    let text = super::kernel_says(KERNEL, SHIFT, "bench: spi done")?;
    let mut figures = [0.0; 2];
    for (figure, which) in figures.iter_mut().zip(["polled", "driver"]) {
        let nanoseconds: f64 = text
            .lines()
            .find_map(|line| line.split_once(&format!("words, {which} = ")))
            .with_context(|| format!("the kernel said: {text}"))?
            .1
            .trim()
            .parse()?;
        *figure = nanoseconds / f64::from(1 << SHIFT) / WORDS;
    }
    Ok(figures)
}
