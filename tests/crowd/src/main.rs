//! Puts a crowd behind a gateway, does what [`berth_crowd::load`] does, and writes what came of it as JSON.
//!
//! A program of its own, so that it can be compiled with optimisation: a crowd that is slow itself would be measured in the
//! gateway's place.

#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use berth_crowd::load::{Size, measure};
use std::path::Path;

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [program, numbers @ ..] = given.as_slice() else {
        anyhow::bail!("which gateway? berth-load PROGRAM DEVICES CONTAINERS STREAMS REQUESTS");
    };
    let numbers = numbers
        .iter()
        .map(|number| number.parse().with_context(|| number.clone()))
        .collect::<Result<Vec<usize>>>()?;
    let [devices, containers, streams, requests] = *numbers.as_slice() else {
        anyhow::bail!("four numbers: devices, containers, streams, requests");
    };
    let size = Size {
        devices,
        containers,
        streams,
        requests,
    };
    println!(
        "{}",
        serde_json::to_string(&measure(Path::new(program), size)?)?
    );
    Ok(())
}
