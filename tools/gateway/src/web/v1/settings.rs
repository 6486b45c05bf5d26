//! How a container is to run, as words of an address.

use super::super::Problem;
use crate::settings::{Period, Wanted};
use berth::Terms;
use berth::cli::service;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::IntoParams;

/// How a container is to run, and is placed. What is left out is left to the device, or stays as it is.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Stored {
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
    /// Its configuration, a setting a line: `NAME=VALUE`, or `NAME` alone to remove one.
    configuration: Option<String>,
    /// Most bytes of flash that its named values may take, up to 16384.
    values: Option<u32>,
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
    /// All is left to the device and the package but whether it is started.
    pub(in super::super) fn of(start: bool) -> Self {
        Self {
            start,
            ..Self::default()
        }
    }

    pub(super) fn terms(&mut self) -> Result<Terms, Problem> {
        let period = self.service.as_deref().map(service).transpose();
        let period = period.map_err(|why| Problem::bad_request(&format!("service: {why}")))?;
        let mut configuration = BTreeMap::new();
        for line in self.configuration.iter().flat_map(|text| text.lines()) {
            let (name, value) = match line.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (line, None),
            };
            if configuration.insert(name.to_owned(), value).is_some() {
                let why = format!("configuration: {name} is changed twice");
                return Err(Problem::bad_request(&why));
            }
        }
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
            configuration,
            values: self.values,
        };
        if wanted.backoff_ms.is_some() && wanted.restart.is_none() {
            return Err(Problem::bad_request(
                "backoff_ms needs restart: without, it is never started again",
            ));
        }
        wanted.terms().map_err(|why| Problem::bad_request(&why))
    }
}
