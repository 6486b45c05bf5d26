//! What `doctor` found.

use super::print_json;
use crate::table::{plain, print_table, right_align};
use serde::Serialize;
use serde_json::json;
use std::io::{self, Write};

/// The findings.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Step by step.
    pub(crate) checks: Vec<Check>,
    /// How many containers of which size still fit.
    pub(crate) fits: Vec<Fit>,
    /// Middle of some round trips, in microseconds.
    pub(crate) round_trip_us: Option<u64>,
    /// Requests that had to be repeated.
    pub(crate) repetitions: Option<u32>,
    /// Longest time for which the device could not answer.
    pub(crate) longest_stall_us: Option<u32>,
}

/// One step.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// What was looked at.
    pub(crate) check: &'static str,
    /// How it is.
    #[serde(rename = "result")]
    pub(crate) verdict: Verdict,
    /// For people.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<&'static str>,
}

/// How a step came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but somebody should look.
    Warning,
    /// Does not work; nothing after it was looked at.
    Failed,
}

/// How many containers of a size fit.
#[derive(Debug, Serialize)]
pub(crate) struct Fit {
    /// Bytes of device memory that each needs.
    pub(crate) bytes: u32,
    /// How many more fit.
    pub(crate) containers: u32,
}

/// Print it.
pub(crate) fn doctor(out: &mut impl Write, report: &Report, as_json: bool) -> io::Result<()> {
    if as_json {
        let healthy = report.checks.iter().all(|c| c.verdict != Verdict::Failed);
        let mut value = json!(report);
        if let Some(object) = value.as_object_mut() {
            object.insert("status_code".into(), u8::from(!healthy).into());
        }
        return print_json(out, &value);
    }
    for check in &report.checks {
        let mark = match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "FAILED",
        };
        writeln!(out, "{mark:8} {:14} {}", check.check, check.message)?;
        if let Some(hint) = check.hint {
            writeln!(out, "{:8} {:14} {hint}", "", "")?;
        }
    }
    if report.fits.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nRoom for more containers:")?;
    let mut table = plain(&["BYTES EACH", "HOW MANY"]);
    for fit in &report.fits {
        table.add_row([fit.bytes.to_string(), fit.containers.to_string()]);
    }
    right_align(&mut table, 0..2);
    print_table(out, &table)
}
