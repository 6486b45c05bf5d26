//! Containers in the simulator, `berth sim`.

use std::io::Write;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Run, guest};

/// What containers have said in the simulator, and how the run ended.
pub struct Simulated {
    /// The lines of the log.
    pub said: Vec<String>,
    /// What was on buses, as the trace tells it: `uart1 sent 0x41`.
    pub on_bus: Vec<String>,
    /// Exit code.
    pub code: i32,
    /// Standard error.
    pub stderr: String,
}

impl Simulated {
    /// Run examples of the SDK. `model` says in TOML what stands behind the board's blocks, besides what is there anyway; `words` are more
    /// of `berth sim`.
    ///
    /// # Errors
    ///
    /// It cannot be run, or prints what it should not.
    pub fn run(examples: &[&str], model: &str, words: &[&str]) -> Result<Self> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(model.as_bytes())?;
        let model = file.path().to_string_lossy().into_owned();
        let mut all = vec!["--json".to_owned(), "sim".to_owned(), "--trace".to_owned()];
        all.extend(["--model".to_owned(), model]);
        all.extend(
            examples
                .iter()
                .map(|name| guest(name).to_string_lossy().into_owned()),
        );
        all.extend(words.iter().map(|word| (*word).to_owned()));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let run = Run::of(&all, &[])?;
        let mut simulated = Self {
            said: Vec::new(),
            on_bus: Vec::new(),
            code: run.code,
            stderr: run.stderr,
        };
        for line in run.stdout.lines() {
            let line: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            if let Some(text) = line["text"].as_str() {
                simulated.said.push(text.to_owned());
            }
            if let (Some(block), Some(what)) = (line["block"].as_str(), line["bus"].as_str()) {
                simulated.on_bus.push(format!("{block} {what}"));
            }
        }
        Ok(simulated)
    }

    /// The bytes that left a serial line.
    #[must_use]
    pub fn sent(&self, block: &str) -> Vec<u8> {
        let words = format!("{block} sent 0x");
        let bytes = self.on_bus.iter().filter_map(|line| {
            let digits = line.strip_prefix(&words)?;
            u8::from_str_radix(digits, 16).ok()
        });
        bytes.collect()
    }
}
