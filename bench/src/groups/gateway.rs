//! What a gateway with a thousand devices takes, by the host's clock: nothing here is of the emulated board.

use std::time::Duration;

use anyhow::Result;
use berth_crowd::load::{self, FOLLOWED, Size};
use berth_e2e::target;

use crate::figure::{Figure, Group, Key, Unit};

const SIZE: Size = Size {
    devices: 1000,
    containers: 16,
    streams: 100,
    requests: 300,
};

const SEE_ALL: Key = host(
    "gateway.see_all",
    Unit::Milliseconds,
    "From the gateway's start until it has seen 1,000 devices with 16 containers each; devices and gateway share the host's processors here and below",
);
const LIST: Key = host(
    "gateway.list_p99",
    Unit::Milliseconds,
    "99 of a hundred `GET /v1/devices` take no longer",
);
const FOLLOWED_LIST: Key = host(
    "gateway.list_p99_followed",
    Unit::Milliseconds,
    "The same while 100 logs are followed",
);
const LINES: Key = host(
    "gateway.lines",
    Unit::PerSecond,
    "Lines that 100 followers of logs have, of devices that write one a second",
);
const MEMORY: Key = host("gateway.memory", Unit::Bytes, "The gateway's memory then");
const ALONE: Key = host(
    "gateway.good_p99",
    Unit::Milliseconds,
    "99 of a hundred requests to a device take no longer",
);
const BESIDE: Key = host(
    "gateway.good_p99_beside",
    Unit::Milliseconds,
    "The same while a device stalls, one floods its line and one sends garbage",
);
const ROLLOUT: Key = host(
    "gateway.rollout",
    Unit::Milliseconds,
    "A new image of a container onto all of them, in four stages that are watched for a second each",
);

const fn host(name: &'static str, unit: Unit, what: &'static str) -> Key {
    Key::alone(name, unit, what, None)
}

/// Measure.
///
/// # Errors
/// If there is no gateway, or something is refused.
pub fn measure() -> Result<Group> {
    let load = load::measure(&target().join("debug/berth-serve"), SIZE)?;
    let milliseconds = |key, time: Duration| figure(key, time.as_secs_f64() * 1000.0);
    Ok(Group {
        title: "The gateway",
        how: "`berth-serve` as `make build` makes it, without optimisation, with 1,000 simulated devices in one other process, 16 containers each: the supervisor's library behind \
              sockets. Both share the processors of the computer that this page was made on (two), and times are its own: they tell what order a figure has, not more.",
        figures: vec![
            milliseconds(SEE_ALL, load.see_all),
            milliseconds(LIST, load.list_p99),
            milliseconds(FOLLOWED_LIST, load.list_p99_followed),
            figure(LINES, load.lines as f64 / FOLLOWED.as_secs_f64()),
            figure(MEMORY, load.memory as f64),
            milliseconds(ALONE, load.good_p99.0),
            milliseconds(BESIDE, load.good_p99.1),
            milliseconds(ROLLOUT, load.rollout),
        ],
        ..Group::default()
    })
}

const fn figure(key: Key, value: f64) -> Figure {
    Figure { key, value }
}
