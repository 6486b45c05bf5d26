//! What people and scripts see: tables or JSON on standard output, errors on standard error.

use crate::table::{plain, print_table, right_align};
use crate::{
    Block, Container, DeviceInfo, Error, Exposure, HeapInfo, Holder, LogLine,
    commands::action_json, printable::printable,
};
use serde::Serialize;
use serde_json::json;
use std::{
    io::{self, Write},
    time::Duration,
};

/// An error and the next step, on standard error.
pub(crate) fn error(error: &Error, as_json: bool) {
    let text = if as_json {
        error_json(error).to_string()
    } else {
        match error.hint() {
            Some(hint) => format!("error: {error}\nhint: {hint}"),
            None => format!("error: {error}"),
        }
    };
    // If standard error is gone, the exit code still tells.
    let _ = writeln!(io::stderr(), "{text}");
}

fn error_json(error: &Error) -> serde_json::Value {
    let mut inner = json!({
        "code": error.code(),
        "message": error.to_string(),
        "exit": error.exit_code(),
    });
    if let Some(object) = inner.as_object_mut() {
        if let Some(hint) = error.hint() {
            object.insert("hint".into(), hint.into());
        }
        if let Error::Refused(refusal) = error
            && let Ok(serde_json::Value::Object(details)) = serde_json::to_value(refusal)
        {
            object.extend(details);
        }
    }
    json!({ "error": inner })
}

/// One thing was done.
pub(crate) fn action(
    out: &mut impl Write,
    name: &str,
    done: &str,
    bytes: Option<usize>,
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        return writeln!(out, "{}", action_json(name, done, bytes));
    }
    match bytes {
        Some(bytes) => writeln!(out, "{name} {done} ({bytes} bytes)"),
        None => writeln!(out, "{name} {done}"),
    }
}

/// `ps`.
pub(crate) fn containers(
    out: &mut impl Write,
    containers: &[Container],
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        return print_json(out, &json!({ "containers": containers }));
    }
    let mut table = plain(&[
        "NAME", "STATE", "UPTIME", "FUEL", "MEMORY", "LIMIT", "SHARE", "IMAGE", "BLOCKS",
    ]);
    for c in containers {
        let state = match (c.exit_code, c.fault) {
            (Some(code), _) => format!("{}({code})", c.state),
            (None, Some(fault)) => format!("{}({fault})", c.state),
            (None, None) => c.state.to_owned(),
        };
        table.add_row([
            c.name.clone(),
            state,
            duration(c.uptime_us),
            c.fuel_used.to_string(),
            c.memory_used.to_string(),
            c.memory_limit.to_string(),
            c.share.to_string(),
            c.image_bytes.to_string(),
            blocks(&c.blocks),
        ]);
    }
    right_align(&mut table, 2..8);
    print_table(out, &table)
}

/// The blocks of a container, with how they are reached where that is not simply `mediated`.
fn blocks(blocks: &[Block]) -> String {
    if blocks.is_empty() {
        return "-".to_owned();
    }
    let texts: Vec<_> = blocks
        .iter()
        .map(|block| match block.access {
            "mediated" => block.label.clone(),
            access => format!("{} ({access})", block.label),
        })
        .collect();
    texts.join(", ")
}

/// `exposures`.
pub(crate) fn exposures(
    out: &mut impl Write,
    exposures: &[Exposure],
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        return print_json(out, &json!({ "exposures": exposures }));
    }
    let mut table = plain(&["LABEL", "ACCESS", "BYTES", "REGISTERS", "HELD BY"]);
    for e in exposures {
        table.add_row([
            e.label.clone(),
            e.access.to_owned(),
            e.length.to_string(),
            e.registers.to_string(),
            match &e.holder {
                Holder::Free => "-".to_owned(),
                Holder::Container(name) => name.clone(),
                Holder::Firmware => "(firmware)".to_owned(),
            },
        ]);
    }
    right_align(&mut table, 2..4);
    print_table(out, &table)
}

/// One line of `logs`.
pub(crate) fn log_line(out: &mut impl Write, line: &LogLine, as_json: bool) -> io::Result<()> {
    if as_json {
        return print_json(out, line);
    }
    if line.dropped > 0 {
        writeln!(out, "({} older lines were dropped)", line.dropped)?;
    }
    let seconds = line.time_us / 1_000_000;
    let milliseconds = line.time_us / 1000 % 1000;
    writeln!(
        out,
        "{seconds:>6}.{milliseconds:03} {:5} {}",
        line.level,
        printable(&line.text)
    )
}

/// `info`.
pub(crate) fn info(
    out: &mut impl Write,
    info: &DeviceInfo,
    heap: &HeapInfo,
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        return print_json(out, &json!({ "device": info, "heap": heap }));
    }
    let mut table = plain(&[]);
    table.add_row(["board", &info.board]);
    table.add_row(["kernel", &info.kernel]);
    table.add_row(["supervisor", &info.supervisor]);
    table.add_row(["protocol", &info.protocol.to_string()]);
    table.add_row(["up for", &duration(info.uptime_us)]);
    table.add_row([
        "memory",
        &format!(
            "{} of {} bytes free, {} in one piece",
            heap.free, heap.total, heap.largest_free
        ),
    ]);
    table.add_row([
        "containers",
        &format!("{} of {}", heap.containers, heap.containers_max),
    ]);
    print_table(out, &table)
}

/// `heap`.
pub(crate) fn heap(out: &mut impl Write, heap: &HeapInfo, as_json: bool) -> io::Result<()> {
    if as_json {
        return print_json(out, &json!({ "heap": heap }));
    }
    let mut table = plain(&["TOTAL", "FREE", "LARGEST FREE", "CONTAINERS"]);
    table.add_row([
        heap.total.to_string(),
        heap.free.to_string(),
        heap.largest_free.to_string(),
        format!("{}/{}", heap.containers, heap.containers_max),
    ]);
    right_align(&mut table, 0..4);
    print_table(out, &table)
}

/// A short duration for people; `-` for none.
fn duration(microseconds: u64) -> String {
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

fn print_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value).map_err(io::Error::other)?;
    writeln!(out, "{text}")
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
    fn a_refusal_is_complete_in_json() {
        let refusal = Refusal {
            code: "missing-imports",
            name: Some("bad".into()),
            message: "1 import is not available on this device".into(),
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
