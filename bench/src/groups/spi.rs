//! What a kilobyte through an SPI controller costs by word, in every way that there is.
//!
//! The controller's loopback is closed, and the emulator moves a frame in no time: what is counted is the processor's work
//! alone, which on a chip goes on beside the controller's. From it follows what rate a processor can keep up with at best.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, guest};
use berth_emulator::{Icount, Sleep};

use crate::figure::{Figure, Group, Key, Spread, number};
use crate::plot::{Line, Plot, Scale};

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
    let mut figures = vec![figure(POLLED_KERNEL, polled), figure(NATIVE_KERNEL, driver)];
    let ways = [
        ("calls", CALL, container(&device, "loopback_calls")?),
        (
            "memory-mapped",
            MMIO,
            container(&device, "loopback_mapped")?,
        ),
        (
            "register program",
            program,
            container(&device, "loopback_program")?,
        ),
        (
            "conveyor",
            CONVEYOR,
            container(&device, "loopback_conveyor")?,
        ),
        ("kernel's bus", OS_API, os_api),
    ];
    let mut words = vec![
        ("kernel, polled", polled),
        ("kernel, by interrupts", driver),
    ];
    for (name, key, spread) in ways {
        figures.extend(spread.figures(key));
        words.push((name, spread.least));
    }
    Ok(Group {
        title: "SPI",
        how: "A kilobyte in 16-bit words through a PL022 whose loopback is closed, divided by 512; each word that comes back is compared. \
              The emulated controller takes no time, so these are the instructions of the processor alone. Of containers: \
              the examples of the SDK, from before the first word until the last one is there (those that come all at once are compared afterwards), by the device's clock, alone on the device: the \
              least of three runs, and the most.",
        figures,
        more: rates(&words),
        plots: vec![plot(&words)],
    })
}

/// Instructions a second of the processor of Wasm-IO's Figure 11, at one cycle each: 48 MHz.
const PROCESSOR: f64 = 48e6;
/// The configured rates of that figure in bits a second: half the processor's clock, and below it from the lowest on each twice
/// the one before.
const RATES: [f64; 12] = [
    18_750.0,
    37_500.0,
    75_000.0,
    150_000.0,
    300_000.0,
    600_000.0,
    1_200_000.0,
    2_400_000.0,
    4_800_000.0,
    9_600_000.0,
    19_200_000.0,
    24_000_000.0,
];

/// The share of a configured rate that is reached at best, where a word takes so many instructions: the processor has a word's time on
/// the line for its work, which goes on beside it, or the line waits for the processor.
fn share(rate: f64, instructions: f64) -> f64 {
    let line = 16.0 / rate;
    let processor = instructions / PROCESSOR;
    (line / processor).min(1.0)
}

/// The table below the figures.
fn rates(words: &[(&str, f64)]) -> String {
    let mut out = String::from(
        "### Share of the configured rate\n\n\
         What follows from these for Wasm-IO's Figure 11: the share of the configured rate that a core with 48 million instructions a second \
         (48 MHz at one cycle each) reaches **at best**. A word of 16 bits takes 16 divided by the rate on the line, and so many instructions of the \
         processor, which go on beside the line; the longer of both counts. Cycles beyond one an instruction and gaps that a controller \
         makes come on top. In the paper (measured on that core, without DMA) nothing isolated is above 71 % at any rate, and the kernel's own \
         driver is at 99.5 % from 37.5 kHz on; a runtime that is not trusted is slower than that.\n\n\
         | rate | ",
    );
    out += &words
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(" | ");
    out += " |\n| ---: |";
    out += &" ---: |".repeat(words.len());
    for rate in RATES {
        out += &format!("\n| {} kHz |", number(rate / 1000.0));
        for (_, instructions) in words {
            out += &format!(
                " {} % |",
                number((share(rate, *instructions) * 1000.0).round() / 10.0)
            );
        }
    }
    out + "\n\n![Share of the configured SPI rate by way](measurements/spi-rate.svg)\n"
}

fn plot(words: &[(&str, f64)]) -> Plot {
    let lines = words.iter().map(|(name, instructions)| Line {
        name: (*name).to_owned(),
        points: RATES
            .iter()
            .map(|rate| (rate / 1000.0, share(*rate, *instructions) * 100.0))
            .collect(),
    });
    Plot {
        name: "spi-rate",
        title: "Share of the configured SPI rate that is reached at best, by way",
        right: "configured rate, kHz",
        scale: Scale::Doubling,
        up: "reached at best, %",
        lines: lines.collect(),
    }
}

/// Boots a board with containers, on which time is the number of instructions.
fn board(flash: &Flash) -> Result<Device> {
    let device = Device::power_on_board(flash, |board| {
        board.limit(Duration::from_secs(1800)).icount(Icount {
            shift: SHIFT,
            // The operator's line needs time that does not jump.
            sleep: Sleep::RealTime,
        })
    })?;
    device.console("type help")?;
    Ok(device)
}

/// Instructions of a word by an example.
fn container(device: &Device, name: &str) -> Result<Spread> {
    let module = guest(name).to_string_lossy().into_owned();
    device.berth(&["upload", &module, "--places", "no"])?.ok()?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        device.berth(&["start", name])?.ok()?;
        // The line is quiet meanwhile.
        std::thread::sleep(Duration::from_millis(1500));
        device.wait_state(name, "exited")?;
        let told = device.container(name)?.context("it is listed")?;
        let us = told["exit_code"].as_f64().context("an exit code")?;
        ensure!(us > 0.0, "{name} says that other words came back");
        runs.push(us);
    }
    device.berth(&["rm", name])?.ok()?;
    let instructions = |us| us * 1000.0 / f64::from(1 << SHIFT);
    Ok(Spread::of(runs).map(|us| instructions(us) / WORDS))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_of_line_and_processor_counts() {
        // A word of 1 MHz takes 16 us, in which there are 768 instructions.
        for (instructions, expected) in [(10.0, 1.0), (768.0, 1.0), (1536.0, 0.5)] {
            assert!((share(1e6, instructions) - expected).abs() < 1e-9);
        }
        let table = rates(&[("a", 768.0), ("b", 1536.0)]);
        assert!(table.contains("| 1,200 kHz | 83.3 % | 41.7 % |"), "{table}");
        assert!(table.contains("| 18.8 kHz | 100 % | 100 % |"), "{table}");
    }
}
