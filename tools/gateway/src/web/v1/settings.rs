//! How a container is to run, as words of an address.

use super::super::Problem;
use crate::settings::{Period, Wanted};
use berth::cli::service;
use berth_protocol::Parameters;
use serde::Deserialize;
use utoipa::IntoParams;

/// How a container is to run, and is placed. What is left out is left to the device, or stays as it is.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    /// Most bytes of stack for the interpreter.
    stack: Option<u32>,
    /// Most bytes its linear memory may grow to.
    memory: Option<u32>,
    /// Most bytes of device memory, everything included.
    limit: Option<u32>,
    /// Share of the CPU relative to other containers, 1 to 100.
    share: Option<u8>,
    /// `no`, `on-failure`, `on-failure:TIMES` or `always`.
    restart: Option<String>,
    /// Milliseconds before the first restart, 500 unless chosen.
    backoff_ms: Option<u16>,
    /// Start it when the device starts?
    boot: Option<bool>,
    /// Keep only log lines of this importance and above.
    log_level: Option<String>,
    /// Run its interrupt handlers every so many milliseconds with at most so much fuel: `10:5000`.
    service: Option<String>,
    /// Write its state to flash at most so many times a day for what it does itself.
    writes: Option<u16>,
    /// Start it, if it does not run?
    #[serde(default)]
    pub(super) start: bool,
    /// How long a container that replaces one that runs is on trial, in milliseconds; a fault in this time brings the old
    /// one back. 1000 unless chosen; up to 10,000 the answer waits for its end.
    pub(super) trial_ms: Option<u32>,
    /// What becomes of the wishes of the package's author: `none`, `bounded` (unless chosen) or `all`.
    pub(super) wishes: Option<String>,
}

impl Stored {
    pub(super) fn parameters(&mut self) -> Result<Parameters, Problem> {
        let period = self.service.as_deref().map(service).transpose();
        let period = period.map_err(|why| Problem::bad_request(&format!("service: {why}")))?;
        let wanted = Wanted {
            stack: self.stack,
            memory: self.memory,
            limit: self.limit,
            share: self.share,
            restart: self.restart.take(),
            backoff_ms: self.backoff_ms,
            boot: self.boot,
            log_level: self.log_level.take(),
            service: period.map(|service| Period {
                period_ms: service.period_ms,
                budget: service.budget,
            }),
            writes: self.writes,
        };
        if wanted.backoff_ms.is_some() && wanted.restart.is_none() {
            return Err(Problem::bad_request(
                "backoff_ms needs restart: without, it is never started again",
            ));
        }
        wanted
            .parameters()
            .map_err(|why| Problem::bad_request(&why))
    }
}
