//! What containers cost: computing in one, and the operations of their life.

use anyhow::{Context, Result};
use berth_e2e::Device;

use crate::figure::{Figure, Group, Key, Unit};
use crate::process;

/// Told by the process `bench_containers`.
const KEYS: [Key; 14] = [
    Key::instructions(
        "fib.native",
        "1500 Fibonacci numbers by a native process",
        None,
    ),
    Key::instructions(
        "fib.bare_wasmi_unfuelled",
        "The same by wasmi alone, without counting fuel",
        None,
    ),
    Key::instructions(
        "fib.bare_wasmi",
        "The same by wasmi alone, counting fuel",
        None,
    ),
    Key::instructions(
        "fib.container",
        "The same in a container, by its own clock (WASMICO: 1.16 times its bare interpreter)",
        None,
    ),
    Key::instructions(
        "fib.container_8",
        "The same in each of eight containers at once: the longest of their own times, divided by eight",
        None,
    ),
    Key::instructions(
        "lifecycle.bare_load",
        "Compile and instantiate a driver of 307 bytes with wasmi alone",
        None,
    ),
    Key::instructions(
        "lifecycle.start",
        "Start of the same driver as a container: scan, claim, compile, link, instantiate",
        None,
    ),
    Key::instructions(
        "lifecycle.stop",
        "Stop of a container that sleeps, claims and memory returned",
        Some(20_000.0),
    ),
    Key::instructions("lifecycle.kill", "Kill of the same", Some(20_000.0)),
    Key::instructions("lifecycle.pause", "Pause of the same", Some(20_000.0)),
    Key::instructions("lifecycle.resume", "Resume of the same", Some(20_000.0)),
    Key::instructions(
        "lifecycle.live_update",
        "Live update of a driver in the store, from the commit until the new one is on trial: hash, check, record, compile beside the old one, take its claims over",
        None,
    ),
    Key::instructions(
        "lifecycle.slice",
        "One slice of a container that computes and is alone, with the usual share: what a request may have to wait for",
        None,
    ),
    Key::instructions(
        "lifecycle.stop_computing",
        "Stop of a container that computes without end: the slice it gets to come to a border included",
        None,
    ),
];

const START_MAX: Key = Key::instructions(
    "lifecycle.start.max",
    "Start, the running slice of another container included",
    None,
);
const UPDATE_MAX: Key = Key::instructions(
    "lifecycle.live_update.max",
    "Live update, the running slice included",
    None,
);
const STOP_MAX: Key = Key::instructions(
    "lifecycle.stop.max",
    "Stop, the running slice and its own last slice included",
    None,
);
const PAUSE_MAX: Key = Key::instructions(
    "lifecycle.pause.max",
    "Pause, the running slice included",
    None,
);
const RESUME_MAX: Key = Key::instructions(
    "lifecycle.resume.max",
    "Resume, the running slice included",
    None,
);

const RAM: Key = Key {
    unit: Unit::Bytes,
    must: Some(56_000.0),
    ..Key::instructions(
        "container.ram_12k_guest_bytes",
        "Arena of the example `report` (12 KB of module, 10 KiB of memory), running",
        None,
    )
};

/// Measure all of it.
///
/// # Errors
/// If the board fails.
pub fn measure() -> Result<Group> {
    let mut figures = process::measure("bench_containers", &KEYS)?;
    let value = |name: &str| -> Result<f64> {
        let figure = figures.iter().find(|figure| figure.key.name == name);
        Ok(figure.with_context(|| format!("no {name}"))?.value)
    };
    let slice = value("lifecycle.slice")?;
    let with_slice = [
        (START_MAX, value("lifecycle.start")?),
        (UPDATE_MAX, value("lifecycle.live_update")?),
        (STOP_MAX, value("lifecycle.stop_computing")?),
        (PAUSE_MAX, value("lifecycle.pause")?),
        (RESUME_MAX, value("lifecycle.resume")?),
    ];
    let bare_fib = value("fib.bare_wasmi")?;
    let bare_load = value("lifecycle.bare_load")?;
    // Limits that hang on another figure.
    for figure in &mut figures {
        figure.key.must = match figure.key.name {
            "fib.container" => Some((bare_fib * 1.05).round()),
            "lifecycle.start" => Some((bare_load * 2.0).round()),
            _ => figure.key.must,
        };
    }
    figures.extend(with_slice.map(|(key, value)| Figure {
        key,
        value: value + slice,
    }));
    figures.push(Figure {
        key: RAM,
        value: large_container()?,
    });
    Ok(Group {
        title: "Containers",
        how: "The process `bench_containers` is the supervisor's library, as built for the product, without the serial line: it does what a request \
              does once it is decoded, and asks the clock before and after (16 times for the operations, the mean is told). Beside it stands wasmi alone, same module, same settings. \
              Between two slices nothing of a container runs, so a request is carried out at once when it is decoded; `.max` adds the slice that may have to end first. \
              Memory is what `ps` tells on the board.",
        figures,
        ..Group::default()
    })
}

/// Bytes that a large example holds while it runs.
fn large_container() -> Result<f64> {
    let device = Device::boot()?;
    device.upload("report")?;
    device.berth(&["start", "report"])?.ok()?;
    // Some reports, so that its stacks are as deep as they get.
    device.console("[report]")?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    let container = device.container("report")?.context("it is listed")?;
    container["memory_used"]
        .as_f64()
        .with_context(|| format!("no memory_used in {container}"))
}
