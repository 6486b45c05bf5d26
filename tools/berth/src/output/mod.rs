//! What people and scripts see: tables or JSON on standard output, errors on standard error.
//!
//! Each JSON document carries, beside our keys, those of WASMICO's answers where it has their
//! values (`status_code`, `message`, `tasks`, `files`, `free_heap_size`, …), so that scripts made for
//! them read it too.

mod doctor;
mod exposures;
mod inspect;
mod keys;
mod tables;

pub(crate) use doctor::{Check, Fit, Report, Verdict, doctor};
pub(crate) use exposures::exposures;
pub(crate) use inspect::{info, inspection};
pub(crate) use keys::{key, keys, verified};
pub(crate) use tables::{Found, containers, devices, erases_left, heap, images, scan, stats};

use crate::{DeviceEvent, Error, LogLine, UpdateOutcome, cli::Cli};
use berth_pack::printable;
use berth_protocol::is_plain;
use berth_sim::{Access, OnBus};
use clap::CommandFactory;
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

/// An error and the next step, on standard error.
pub(crate) fn error(error: &Error, as_json: bool) {
    let text = if as_json {
        safe_json(&error_json(error))
    } else {
        match hint(error) {
            Some(hint) => printable_lines(&format!("error: {error}\nhint: {hint}")),
            None => printable_lines(&format!("error: {error}")),
        }
    };
    // If standard error is gone, the exit code still tells.
    let _ = writeln!(io::stderr(), "{text}");
}

/// An error as a JSON object.
pub(crate) fn error_object(error: &Error) -> Value {
    let mut inner = json!({
        "code": error.code(),
        "message": error.to_string(),
        "exit": error.exit_code(),
    });
    if let Some(object) = inner.as_object_mut() {
        if let Some(hint) = hint(error) {
            object.insert("hint".into(), hint.into());
        }
        if let Error::Refused(refusal) = error
            && let Ok(Value::Object(details)) = serde_json::to_value(refusal)
        {
            object.extend(details);
        }
    }
    inner
}

fn error_json(error: &Error) -> Value {
    json!({
        "error": error_object(error),
        "status_code": 1,
        "message": error.to_string(),
    })
}

/// Something beside what was asked for, on standard error.
pub(crate) fn note(text: &str) {
    // If standard error is gone, nothing is missed.
    let _ = writeln!(io::stderr(), "note: {}", printable_lines(text));
}

/// What is wrong with a command line. It quotes what was typed, which may be the name of a file.
pub(crate) fn not_understood(error: &clap::Error) {
    let words: Vec<_> = words().filter(|word| printable(word) != *word).collect();
    if words.is_empty() {
        // If nobody reads it, the exit code still tells.
        let _ = error.print();
        return;
    }
    let mut text = error.render().to_string();
    for word in words {
        text = text.replace(&word, &printable(&word));
    }
    let _ = writeln!(io::stderr(), "{}", printable_lines(text.trim_end()));
}

/// What was typed.
fn words() -> impl Iterator<Item = String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned())
}

/// What to do next; a wrong command line is told of its own command's help.
fn hint(error: &Error) -> Option<String> {
    let hint = error.hint()?;
    if !matches!(error, Error::Usage(_)) {
        return Some(hint.to_owned());
    }
    let known = Cli::command();
    let mut takes_value = false;
    let command = words().skip(1).find(|word| {
        let is_value = std::mem::replace(
            &mut takes_value,
            matches!(&**word, "--device" | "-d" | "--timeout"),
        );
        !is_value && known.find_subcommand(word).is_some()
    });
    Some(match command {
        Some(command) => hint.replace("COMMAND", &command),
        None => hint.to_owned(),
    })
}

/// One thing was done.
pub(crate) fn action(
    out: &mut impl Write,
    name: &str,
    done: &str,
    bytes: Option<usize>,
    as_json: bool,
) -> io::Result<()> {
    let message = match bytes {
        Some(bytes) => format!("{name} {done} ({bytes} bytes)"),
        None => format!("{name} {done}"),
    };
    if !as_json {
        return writeln!(out, "{}", printable(&message));
    }
    let mut value = json!({
        "name": name,
        "result": done,
        "status_code": 0,
        "message": message,
    });
    if let (Some(bytes), Some(object)) = (bytes, value.as_object_mut()) {
        object.insert("bytes".into(), bytes.into());
    }
    print_json(out, &value)
}

/// A live update that stands, as far as is known.
pub(crate) fn updated(
    out: &mut impl Write,
    name: &str,
    update: Option<&UpdateOutcome>,
    bytes: usize,
    as_json: bool,
) -> io::Result<()> {
    let how = match update {
        Some(UpdateOutcome {
            stopped_first: Some(true),
            ..
        }) => ", the old one was stopped first because both did not fit into memory",
        _ => "",
    };
    let trial = match update.and_then(|update| update.left_ms) {
        Some(left) => format!(", on trial for {:.1} s", f64::from(left) / 1000.0),
        None => String::new(),
    };
    let message = format!("{name} updated ({bytes} bytes){how}{trial}");
    if !as_json {
        return writeln!(out, "{message}");
    }
    print_json(
        out,
        &json!({
            "name": name,
            "result": "updated",
            "bytes": bytes,
            "update": update,
            "status_code": 0,
            "message": message,
        }),
    )
}

/// How the moment of a line is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moments {
    /// Seconds since the device started.
    Device,
    /// By this computer's clock, on which the device started then.
    Clock(SystemTime),
}

/// An access to a register, of `sim`.
pub(crate) fn access(out: &mut impl Write, access: &Access, as_json: bool) -> io::Result<()> {
    if !as_json {
        return writeln!(out, "{access}");
    }
    print_json(
        out,
        &json!({
            "time_us": access.time_us,
            "block": access.block,
            "register": access.name,
            "offset": access.offset,
            "bits": 8 * access.width.bytes(),
            "access": access.kind.word(),
            "value": access.value,
            "by": access.by.word(),
        }),
    )
}

/// Something that was on a bus.
pub(crate) fn bus(out: &mut impl Write, entry: &OnBus, as_json: bool) -> io::Result<()> {
    if !as_json {
        return writeln!(out, "{entry}");
    }
    let (time_us, block) = (entry.time_us, &entry.block);
    let what = entry.what.to_string();
    print_json(
        out,
        &json!({ "time_us": time_us, "block": block, "bus": what }),
    )
}

/// One line of `logs`.
pub(crate) fn log_line(
    out: &mut impl Write,
    line: &LogLine,
    moments: Moments,
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        return print_json(out, line);
    }
    if line.dropped > 0 {
        writeln!(
            out,
            "({} older lines were dropped: the device keeps the newest 768 bytes of a log, and takes 50 \
             lines a second)",
            line.dropped
        )?;
    }
    let when = match moments {
        Moments::Device => moment(line.time_us),
        Moments::Clock(start) => clock(start, line.time_us).unwrap_or(moment(line.time_us)),
    };
    writeln!(out, "{} {:5} {}", when, line.level, line.text)?;
    if let Some(meaning) = &line.meaning {
        writeln!(out, "{:width$} {meaning}", "", width = when.len() + 6)?;
    }
    Ok(())
}

/// One line of `events`.
pub(crate) fn event(out: &mut impl Write, event: &DeviceEvent, as_json: bool) -> io::Result<()> {
    if as_json {
        return print_json(out, event);
    }
    if event.dropped > 0 {
        writeln!(out, "({} older events were dropped)", event.dropped)?;
    }
    let text = format!(
        "{} {:16} {:11} {}",
        moment(event.time_us),
        event.name.as_deref().unwrap_or("-"),
        event.event,
        event.detail
    );
    writeln!(out, "{}", text.trim_end())
}

/// So many microseconds behind `start`. `None` if a calendar has no such time: a device may say any number.
fn clock(start: SystemTime, microseconds: u64) -> Option<String> {
    let when = start.checked_add(Duration::from_micros(microseconds))?;
    // What can be written ends with the year 9999, and begins with 1970.
    let since = when.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let is_written = since.as_secs() <= LAST_SECOND;
    is_written.then(|| humantime::format_rfc3339_millis(when).to_string())
}

/// Seconds from 1970 to the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// Seconds since the device started.
fn moment(microseconds: u64) -> String {
    let seconds = microseconds / 1_000_000;
    let milliseconds = microseconds / 1000 % 1000;
    format!("{seconds:>6}.{milliseconds:03}")
}

/// A short duration for people; `-` for none.
pub(crate) fn duration(microseconds: u64) -> String {
    let all = Duration::from_micros(microseconds);
    let (days, hours, minutes, seconds) = (
        all.as_secs() / 86_400,
        all.as_secs() / 3600 % 24,
        all.as_secs() / 60 % 60,
        all.as_secs() % 60,
    );
    match (days, hours, minutes, seconds) {
        _ if all.is_zero() => "-".into(),
        (0, 0, 0, _) => format!("{:.1}s", all.as_secs_f64()),
        (0, 0, _, _) => format!("{minutes}m{seconds:02}s"),
        (0, _, _, _) => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours:02}h"),
    }
}

/// A number of which only the size matters: five digits at most.
fn count(number: u64) -> String {
    match number {
        0..100_000 => number.to_string(),
        100_000..10_000_000 => format!("{}k", number / 1000),
        10_000_000..10_000_000_000 => format!("{}M", number / 1_000_000),
        _ => format!("{}G", number / 1_000_000_000),
    }
}

fn print_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    // Through `Value`, which sorts the keys.
    let value = serde_json::to_value(value).map_err(io::Error::other)?;
    writeln!(out, "{}", safe_json(&value))
}

/// As text in which every character that is not plain is escaped, as JSON allows: it may be read on a terminal.
fn safe_json(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        // Outside of strings all is ASCII, and within them JSON has escaped what is below a blank.
        if is_plain(character) {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

/// Several lines as they may stand on a terminal.
fn printable_lines(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Missing, Refusal};

    #[test]
    fn durations_are_short() {
        let shown = [0, 1_500_000, 61_000_000, 3_660_000_000, 90_000_000_000].map(duration);
        assert_eq!(shown, ["-", "1.5s", "1m01s", "1h01m", "1d01h"]);
    }

    #[test]
    fn counts_are_short() {
        let shown = [0, 99_999, 100_000, 9_999_999, 10_000_000, u64::MAX].map(count);
        assert_eq!(
            shown,
            ["0", "99999", "100k", "9999k", "10M", "18446744073G"]
        );
    }

    #[test]
    fn a_refusal_is_complete_in_json() {
        let refusal = Refusal {
            code: "missing-imports",
            name: Some("bad".into()),
            message: "1 import is not available on this device".into(),
            to: "start",
            missing: vec![Missing {
                module: "mmio:flash".into(),
                name: "claim".into(),
                why: "not-exposed",
                message: "not exposed by this board".into(),
            }],
        };
        let value = error_json(&Error::Refused(refusal));
        assert_eq!(value["error"]["code"], "missing-imports");
        assert_eq!(value["error"]["exit"], 1);
        assert_eq!(value["error"]["name"], "bad");
        assert_eq!(value["error"]["missing"][0]["module"], "mmio:flash");
        assert!(value["error"]["hint"].is_string());
    }
}
