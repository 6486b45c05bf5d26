//! How a container is to run, in JSON and TOML.

use berth::Terms;
use berth::cli::{LogLevel, Numbers, Settings, policy};
use berth_protocol::{Service, VALUES_MAX};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How a container is to run. What is left out is left to the device, or stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Most bytes of stack for the interpreter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stack: Option<u32>,
    /// Most bytes its linear memory may grow to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<u32>,
    /// Most bytes of device memory, everything included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u32>,
    /// Share of the CPU relative to other containers, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) share: Option<u8>,
    /// `no`, `on-failure`, `on-failure:TIMES` or `always`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restart: Option<String>,
    /// Milliseconds before the first restart, 500 unless chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backoff_ms: Option<u16>,
    /// Start it when the device starts?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boot: Option<bool>,
    /// Keep only log lines of this importance and above: `error`, `warn`, `info`, `debug` or `trace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log_level: Option<String>,
    /// Run its interrupt handlers at a fixed period instead of at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<Period>,
    /// Write its state to flash at most so many times a day for what it does itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) writes: Option<u16>,
    /// Its configuration: texts by name, 512 bytes at most. What is `null` is removed, what is not there stays.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) configuration: BTreeMap<String, Option<String>>,
    /// Most bytes of flash that its named values may take, up to 16384.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) values: Option<u32>,
}

/// Handlers at a fixed period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Period {
    /// Milliseconds from one service to the next, from 1.
    pub(crate) period_ms: u16,
    /// Fuel of all handlers in one period.
    pub(crate) budget: u32,
}

impl Wanted {
    /// In the words of the protocol.
    ///
    /// # Errors
    /// What makes no sense.
    pub(crate) fn terms(&self) -> Result<Terms, String> {
        let period = self.service.as_ref().map(|service| Service {
            period_ms: service.period_ms,
            budget: service.budget,
        });
        if period.is_some_and(|period| period.period_ms == 0) {
            return Err("service: period_ms is from 1".into());
        }
        let wrong = |field: &str, why: &str| format!("{field}: {why}");
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
            values: self.values,
            ..Settings::default()
        };
        if self.values.is_some_and(|values| values > VALUES_MAX) {
            return Err(format!("values: at most {VALUES_MAX} bytes"));
        }
        let mut terms = settings
            .terms(&Numbers::default())
            .map_err(|error| error.to_string())?;
        for (name, value) in &self.configuration {
            let added = terms.configuration.add(name, value.as_deref());
            added.map_err(|why| wrong("configuration", &why))?;
        }
        Ok(terms)
    }
}
