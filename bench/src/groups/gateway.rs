//! A thousand devices behind one gateway, on the host.

use anyhow::{Context, Result, ensure};
use berth_crowd::load::{FOLLOWED, Load, Times};
use berth_e2e::target;
use std::{
    process::{Command, Stdio},
    time::Duration,
};

use crate::figure::{Figure, Group, Key, Unit};

/// Devices, containers of each, logs that are followed, requests of each figure.
const SIZE: [&str; 4] = ["1000", "16", "100", "500"];

/// Has the crowd and the gateway, both compiled as they are installed, do it.
fn load() -> Result<Load> {
    let built = target().join("release");
    let out = Command::new(built.join("berth-load"))
        .arg(built.join("berth-serve"))
        .args(SIZE)
        .stderr(Stdio::inherit())
        .output()
        .context("the crowd does not begin: run `make bench-gateway`")?;
    ensure!(out.status.success(), "the crowd ended with {}", out.status);
    Ok(serde_json::from_slice(&out.stdout)?)
}

const fn time(name: &'static str, what: &'static str) -> Key {
    Key::alone(name, Unit::Milliseconds, what, None)
}

const fn bytes(name: &'static str, what: &'static str) -> Key {
    Key::alone(name, Unit::Bytes, what, None)
}

fn figure(key: Key, time: Duration) -> Figure {
    Figure {
        key,
        value: (time.as_secs_f64() * 10_000.0).round() / 10.0,
    }
}

/// Half of the requests, and 99 of a hundred.
fn both(keys: [Key; 2], times: Times) -> [Figure; 2] {
    let [half, p99] = keys;
    [figure(half, times.half), figure(p99, times.p99)]
}

/// Measure it.
///
/// # Errors
/// If the gateway or a device fails.
pub fn measure() -> Result<Group> {
    let load = load()?;
    let counted = |key, value: f64| Figure { key, value };
    let mut figures = vec![figure(
        time(
            "gateway.see_all",
            "From its start until the gateway has seen all 1,000 with all 16,000 containers",
        ),
        load.see_all,
    )];
    figures.extend(both(
        [
            time(
                "gateway.list.p50",
                "`GET /v1/devices`, all of them: half of 500 requests take no longer",
            ),
            time("gateway.list.p99", "The same, 99 of a hundred"),
        ],
        load.list,
    ));
    figures.extend(both(
        [
            time(
                "gateway.list_followed.p50",
                "The same while 100 logs are followed: half",
            ),
            time("gateway.list_followed.p99", "The same, 99 of a hundred"),
        ],
        load.list_followed,
    ));
    let lines = Key::alone(
        "gateway.lines_followed",
        Unit::Ratio,
        "Lines a second that the followers of 100 logs had; each log gets one a second, and a follower has what is kept of it first",
        None,
    );
    figures.push(counted(lines, load.lines as f64 / FOLLOWED.as_secs_f64()));
    figures.extend(both(
        [
            time(
                "gateway.request.p50",
                "`GET /v1/devices/NAME/heap`, asked of the device: half of 500",
            ),
            time("gateway.request.p99", "The same, 99 of a hundred"),
        ],
        load.good,
    ));
    figures.extend(both(
        [
            time(
                "gateway.request_beside.p50",
                "The same while one other device stalls, one floods and one sends garbage: half",
            ),
            time("gateway.request_beside.p99", "The same, 99 of a hundred"),
        ],
        load.good_beside,
    ));
    figures.push(figure(
        time(
            "gateway.rollout",
            "A container rolled out to all 1,000 in four stages, each watched for a second",
        ),
        load.rollout,
    ));
    figures.push(counted(
        bytes(
            "gateway.memory",
            "Memory of the gateway (resident) when it has seen all",
        ),
        load.memory as f64,
    ));
    figures.push(counted(
        bytes("gateway.memory_most", "The same, the most of the whole run"),
        load.memory_most as f64,
    ));
    Ok(Group {
        title: "The gateway",
        how: "By the host's clock (two cores, shared with the devices; `berth-serve` as `make install` makes it): 1,000 devices with 16 containers each are the \
              supervisor's library on boards in memory, each behind a unix socket, all in one other process (`tests/crowd`). One container of each writes a line \
              a second. Requests come one after the other over HTTP, with a key. These figures move with the host.",
        figures,
        ..Group::default()
    })
}
