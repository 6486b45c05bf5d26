//! How costs grow with what a board exposes and what is registered: constant or linear.
//!
//! The process `bench_growth` measures on a kernel with 140 blocks, one of them with 255 registers with masks (`growth.awk` of the board).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use berth_e2e::Flash;
use berth_emulator::Board;

use crate::figure::{Figure, Group, Key, number};
use crate::plot::{Line, Plot, Scale};
use crate::process::{ICOUNT, all};

const PATIENCE: Duration = Duration::from_secs(240);

const fn key(name: &'static str, what: &'static str) -> Key {
    Key::instructions(name, what, None)
}

/// A sweep: what it is called, and the keys for its slope and the picture.
struct Sweep {
    /// Behind `growth.`, as the process says it.
    name: &'static str,
    slope: Key,
    plot: &'static str,
    title: &'static str,
    right: &'static str,
    line: &'static str,
}

const SWEEPS: [Sweep; 4] = [
    Sweep {
        name: "exposures",
        slope: key(
            "growth.per_exposure",
            "What a register write takes more for each block that stands before its own",
        ),
        plot: "growth-exposures",
        title: "A register write by the place of its block in the table",
        right: "place of the block",
        line: "write, block whole",
    },
    Sweep {
        name: "registers",
        slope: key(
            "growth.per_register",
            "What a masked register write takes more for each exposed register that stands before its own in the block",
        ),
        plot: "growth-registers",
        title: "A masked register write by the place of the register in its block",
        right: "place of the register",
        line: "write with a mask",
    },
    Sweep {
        name: "handlers",
        slope: key(
            "growth.per_handler",
            "What an interrupt takes more, from its line to the process, for each other that is registered",
        ),
        plot: "growth-handlers",
        title: "An interrupt by how many are registered",
        right: "interrupts registered",
        line: "interrupt to process",
    },
    Sweep {
        name: "captures",
        slope: key(
            "growth.per_capture",
            "What it takes more for each register that is captured",
        ),
        plot: "growth-captures",
        title: "An interrupt by how many registers are captured",
        right: "registers captured",
        line: "interrupt to process",
    },
];

/// Measures all `growth.*`.
///
/// # Errors
/// If the board fails, or the process does not tell.
pub fn measure() -> Result<Group> {
    let flash = Flash::with_kernel("growth-kernel.bin")
        .context("the kernel with much to expose; run `make bench-growth`")?;
    flash.install("bench_growth")?;
    let said = all(
        "bench_growth",
        Board::new(flash.path()).icount(ICOUNT),
        PATIENCE,
    )?;
    let mut figures = Vec::new();
    let mut plots = Vec::new();
    let mut more = String::from("Each at each number:\n\n");
    for sweep in SWEEPS {
        let points = points(&said, sweep.name);
        let value = slope(&points).with_context(|| format!("growth.{} in {said:?}", sweep.name))?;
        figures.push(Figure {
            key: sweep.slope,
            value,
        });
        let told: Vec<String> = points
            .iter()
            .map(|(at, cost)| format!("{} at {}", number(*cost), number(*at)))
            .collect();
        more += &format!(
            "* {}: {}.\n\n  ![{}](measurements/{}.svg)\n",
            sweep.title,
            told.join(", "),
            sweep.title,
            sweep.plot
        );
        plots.push(Plot {
            name: sweep.plot,
            title: sweep.title,
            right: sweep.right,
            scale: Scale::Linear,
            up: "instructions",
            lines: vec![Line {
                name: sweep.line.to_owned(),
                points,
            }],
        });
    }
    Ok(Group {
        title: "Growth",
        how: "A native process on a kernel that exposes 140 blocks, one of them with 255 registers with masks. Writes as under \"Register accesses\". An interrupt \
              is that of a byte sent through a UART, from the write that sends it until the process runs again, the least of ten. The figures are \
              slopes, by least squares over all points: 0 is constant.",
        figures,
        more,
        plots,
    })
}

/// The points of a sweep, from left to right.
fn points(said: &BTreeMap<String, f64>, name: &str) -> Vec<(f64, f64)> {
    let prefix = format!("growth.{name}.");
    let points = said.iter().filter_map(|(key, cost)| {
        let at = key.strip_prefix(&prefix)?.parse().ok()?;
        Some((at, *cost))
    });
    let mut points: Vec<(f64, f64)> = points.collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    points
}

/// By least squares; `None` for fewer than two points.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (right, up) = (mean(|point| point.0), mean(|point| point.1));
    let over: f64 = points.iter().map(|(x, y)| (x - right) * (y - up)).sum();
    let under: f64 = points.iter().map(|(x, _)| (x - right).powi(2)).sum();
    (points.len() > 1).then_some(over / under)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_lines() {
        let line = |slope: f64| [1.0, 2.0, 4.0].map(|x| (x, 100.0 + slope * x));
        for expected in [0.0, 2.5] {
            assert!((slope(&line(expected)).unwrap() - expected).abs() < 1e-9);
        }
        assert_eq!(slope(&[(1.0, 1.0)]), None);
    }

    #[test]
    fn points_stand_in_their_order() {
        let said = [
            ("growth.a.10", 1.0),
            ("growth.a.2", 3.0),
            ("growth.b.1", 9.0),
        ];
        let said = said.map(|(key, value)| (key.to_owned(), value)).into();
        assert_eq!(points(&said, "a"), [(2.0, 3.0), (10.0, 1.0)]);
    }
}
