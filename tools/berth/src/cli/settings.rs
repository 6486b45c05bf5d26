//! How a container is to run, as words of the command line.

use crate::{Changes, Error, Terms};
use berth_pack::whole_number;
use berth_protocol::{Level, Parameters, Restart, Service, VALUES_MAX};
use clap::{Args, ValueEnum};

/// Milliseconds before the first restart, unless the operator says otherwise.
const BACKOFF_MS: u16 = 500;

/// How a container is to run. What is left out is left to the device, or stays as it is.
#[derive(Clone, Debug, Default, Args)]
pub struct Settings {
    /// Most bytes of stack for the interpreter
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_negative_numbers = true, alias = "reserved-stack-size")]
    pub stack: Option<u32>,
    /// Most bytes its linear memory may grow to
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_negative_numbers = true, alias = "reserved-initial-memory")]
    pub memory: Option<u32>,
    /// Most bytes of device memory, everything included
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_negative_numbers = true)]
    pub limit: Option<u32>,
    /// Share of the CPU relative to other containers, 1 to 100
    #[arg(long, value_name = "N", value_parser = whole_number(1_u8, 100), allow_negative_numbers = true)]
    pub share: Option<u8>,
    /// When to start it again: no, on-failure, on-failure:TIMES or always
    #[arg(long, value_name = "POLICY", value_parser = policy)]
    pub restart: Option<Policy>,
    /// Milliseconds before the first restart, 500 unless chosen; each further one waits twice as long
    #[arg(long, value_name = "MS", value_parser = whole_number(0, u16::MAX), allow_negative_numbers = true)]
    pub backoff: Option<u16>,
    /// Start it when the device starts
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub boot: Option<bool>,
    /// Keep only log lines of this importance and above
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,
    /// Run its interrupt handlers every MS milliseconds with at most FUEL, instead of at once
    #[arg(long, value_name = "MS:FUEL", value_parser = service)]
    pub service: Option<Service>,
    /// Write its state to flash at most N times a day for what it does itself
    #[arg(long, value_name = "N", value_parser = whole_number(0, u16::MAX), allow_negative_numbers = true)]
    pub writes: Option<u16>,
    /// A setting of its configuration; may be said several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// Remove a setting of its configuration
    #[arg(long, value_name = "NAME")]
    pub unset: Vec<String>,
    /// Most bytes of flash that its named values may take, up to 16K
    #[arg(long, value_name = "BYTES", value_parser = values, allow_negative_numbers = true)]
    pub values: Option<u32>,
}

/// WASMICO's three numbers, in its order and with its meanings (section 4.1 of its paper).
#[derive(Clone, Debug, Default, Args)]
pub struct Numbers {
    /// WASMICO's reservedStackSize: as --stack
    #[arg(value_name = "STACK", value_parser = bytes, conflicts_with = "stack")]
    pub stack_number: Option<u32>,
    /// WASMICO's reservedInitialMemory: as --memory
    #[arg(value_name = "INITIAL_MEMORY", value_parser = bytes, conflicts_with = "memory")]
    pub memory_number: Option<u32>,
    /// WASMICO's memoryLimit, the stack-size of the compilation: read, but not needed, since a
    /// packed module has no more memory than it uses
    #[arg(value_name = "MEMORY_LIMIT", value_parser = bytes)]
    pub memory_limit_number: Option<u32>,
}

impl Numbers {
    /// Are there any? Then it is WASMICO's command line.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.stack_number.is_some()
    }

    /// What became of a number that means something else here; `None` if none does.
    #[must_use]
    pub fn note(&self) -> Option<&'static str> {
        self.memory_limit_number.map(|_| {
            "MEMORY_LIMIT is not needed: a packed module has no more memory than it uses; \
             --limit bounds all that a container takes of the device"
        })
    }
}

/// What becomes of an author's wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wishes {
    /// Nothing is granted.
    None,
    /// Share up to 50, stack up to 16 KiB, five restarts in a row after failures.
    Bounded,
    /// All is granted.
    All,
}

/// A restart policy without its back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Never.
    No,
    /// After a fault, so often in a row; 0: without limit.
    OnFailure(u8),
    /// Whenever it ends.
    Always,
}

/// Importance of a log line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something may go wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// For the author.
    Debug,
    /// For the author, in quantity.
    Trace,
}

impl Settings {
    /// Is it whole, for a container that is new?
    ///
    /// # Errors
    /// If something is given that has no meaning alone.
    pub fn check(&self) -> Result<(), Error> {
        if self.backoff.is_some() && self.restart.is_none() {
            return Err(Error::Usage(
                "--backoff needs --restart: without, it is never started again".into(),
            ));
        }
        Ok(())
    }

    /// All of it.
    ///
    /// # Errors
    /// What of the configuration cannot be.
    pub fn terms(&self, numbers: &Numbers) -> Result<Terms, Error> {
        let mut configuration = Changes::default();
        let set = self.set.iter().map(|(name, value)| (name, Some(&**value)));
        let unset = self.unset.iter().map(|name| (name, None));
        for (name, value) in set.chain(unset) {
            configuration.add(name, value).map_err(Error::Usage)?;
        }
        Ok(Terms {
            older: false,
            parameters: self.parameters(numbers),
            configuration,
            values: self.values,
        })
    }

    /// In the words of the protocol.
    #[must_use]
    pub fn parameters(&self, numbers: &Numbers) -> Parameters {
        let backoff_ms = self.backoff.unwrap_or(BACKOFF_MS);
        Parameters {
            stack: self.stack.or(numbers.stack_number),
            memory: self.memory.or(numbers.memory_number),
            limit: self.limit,
            share: self.share,
            restart: self.restart.map(|policy| match policy {
                Policy::No => Restart::No,
                Policy::OnFailure(limit) => Restart::OnFailure { limit, backoff_ms },
                Policy::Always => Restart::Always { backoff_ms },
            }),
            boot: self.boot,
            log_level: self.log_level.map(|level| match level {
                LogLevel::Error => Level::Error,
                LogLevel::Warn => Level::Warn,
                LogLevel::Info => Level::Info,
                LogLevel::Debug => Level::Debug,
                LogLevel::Trace => Level::Trace,
            }),
            service: self.service,
            writes: self.writes,
        }
    }
}

/// `4096`, `16K`, `16KiB`, `1M`.
fn bytes(text: &str) -> Result<u32, String> {
    const FORM: &str = "bytes are written as 4096, 16K or 1M";
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let factor = match unit {
        "" | "B" => 1,
        "K" | "k" | "KiB" => 1024,
        "M" | "MiB" => 1024 * 1024,
        _ => return Err(format!("there is no unit {unit}; {FORM}")),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("not a whole number; {FORM}"));
    }
    digits
        .parse::<u32>()
        .ok()
        .and_then(|count| count.checked_mul(factor))
        .ok_or_else(|| format!("more than the {} bytes that can be asked for", u32::MAX))
}

/// `NAME=VALUE`.
fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("expected NAME=VALUE, such as period_ms=500; --unset NAME removes one")?;
    Changes::default().add(name, Some(value))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// As [`bytes`], no more than a device gives.
fn values(text: &str) -> Result<u32, String> {
    match bytes(text)? {
        count if count > VALUES_MAX => Err(format!("at most {VALUES_MAX} bytes")),
        count => Ok(count),
    }
}

/// `no`, `on-failure`, `on-failure:TIMES` or `always`.
///
/// # Errors
/// What is wrong with it.
pub fn policy(text: &str) -> Result<Policy, String> {
    let wrong = || "expected no, on-failure, on-failure:TIMES or always".to_owned();
    match text.split_once(':') {
        None => match text {
            "no" => Ok(Policy::No),
            "on-failure" => Ok(Policy::OnFailure(0)),
            "always" => Ok(Policy::Always),
            _ => Err(wrong()),
        },
        Some(("on-failure", times)) => match times.parse() {
            Ok(times @ 1..) => Ok(Policy::OnFailure(times)),
            _ => Err("on-failure:TIMES takes 1 to 255".into()),
        },
        Some(_) => Err(wrong()),
    }
}

/// Milliseconds and fuel, as `10:5000`.
///
/// # Errors
/// What is wrong with it.
pub fn service(text: &str) -> Result<Service, String> {
    let (period, budget) = text.split_once(':').unwrap_or_default();
    match (period.parse(), budget.parse()) {
        (Ok(period_ms @ 1..), Ok(budget)) => Ok(Service { period_ms, budget }),
        _ => Err("expected MS:FUEL, such as 10:5000".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(
            ["0", "4096", "16K", "16KiB", "2M", "7B"].map(bytes),
            [0, 4096, 16_384, 16_384, 2 << 20, 7].map(Ok)
        );
        for wrong in ["", "K", "-1", "1.5K", "1G", "5000000K", "0x10"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn policies_are_dockers() {
        assert_eq!(policy("no"), Ok(Policy::No));
        assert_eq!(policy("on-failure:3"), Ok(Policy::OnFailure(3)));
        assert_eq!(policy("always"), Ok(Policy::Always));
        for wrong in ["", "never", "on-failure:0", "on-failure:256", "always:2"] {
            assert!(policy(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_setting_has_a_name_and_a_value() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(setting("period_ms=500"), pair("period_ms", "500"));
        assert_eq!(setting("a=b=c"), pair("a", "b=c"));
        assert_eq!(setting("a="), pair("a", ""));
        for wrong in ["a", "=1", "a b=1", "a=\n"] {
            assert!(setting(wrong).is_err(), "{wrong}");
        }
        assert_eq!(values("4K"), Ok(4096));
        assert!(values("17K").is_err());
        let twice = |set: &[&str], unset: &[&str]| Settings {
            set: set.iter().map(|text| setting(text).unwrap()).collect(),
            unset: unset.iter().map(|name| (*name).to_owned()).collect(),
            ..Settings::default()
        };
        for wrong in [twice(&["a=1", "a=2"], &[]), twice(&["a=1"], &["a"])] {
            let error = wrong.terms(&Numbers::default()).unwrap_err();
            assert!(error.to_string().contains("a is changed twice"), "{error}");
        }
    }

    #[test]
    fn a_service_has_a_period() {
        assert_eq!(
            service("10:5000"),
            Ok(Service {
                period_ms: 10,
                budget: 5000
            })
        );
        for wrong in ["", "10", "0:5", "x:5", "10:"] {
            assert!(service(wrong).is_err(), "{wrong}");
        }
    }
}
