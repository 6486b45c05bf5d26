//! How a container is to run, as a request says it.

use super::super::Problem;
use berth::cli::{LogLevel, Numbers, Settings, policy, service};
use berth_protocol::{Parameters, Service};
use clap::ValueEnum;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// How a container is to run. What is left out is left to the device, or stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
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
    /// Keep only log lines of this importance and above: `error`, `warn`, `info`, `debug` or `trace`.
    log_level: Option<String>,
    /// Run its interrupt handlers at a fixed period instead of at once.
    service: Option<Period>,
    /// Write its state to flash at most so many times a day for what it does itself.
    writes: Option<u16>,
}

/// Handlers at a fixed period.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Period {
    /// Milliseconds from one service to the next, from 1.
    period_ms: u16,
    /// Fuel of all handlers in one period.
    budget: u32,
}

/// The same as words of an address.
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

impl Wanted {
    /// In the words of the protocol, with what cannot be undone about them said here.
    pub(super) fn parameters(&self) -> Result<Parameters, Problem> {
        let period = self.service.as_ref().map(|service| Service {
            period_ms: service.period_ms,
            budget: service.budget,
        });
        if period.is_some_and(|period| period.period_ms == 0) {
            return Err(Problem::bad_request("service: period_ms is from 1"));
        }
        let wrong = |field: &str, why: &str| Problem::bad_request(&format!("{field}: {why}"));
        let settings = Settings {
            stack: self.stack,
            memory: self.memory,
            limit: self.limit,
            share: self.share,
            restart: self
                .restart
                .as_deref()
                .map(policy)
                .transpose()
                .map_err(|why| wrong("restart", &why))?,
            backoff: self.backoff_ms,
            boot: self.boot,
            log_level: self
                .log_level
                .as_deref()
                .map(|level| LogLevel::from_str(level, false))
                .transpose()
                .map_err(|_| wrong("log_level", "expected error, warn, info, debug or trace"))?,
            service: period,
            writes: self.writes,
        };
        Ok(settings.parameters(&Numbers::default()))
    }
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
        wanted.parameters()
    }
}
