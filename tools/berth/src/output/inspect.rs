//! Everything about one thing, a line for each of its properties.

use super::{count, duration, moment, print_json, tables::blocks};
use crate::{
    DeviceInfo, FaultRecord, HeapInfo, Inspection, Settings, UpdateOutcome,
    table::{Table, plain, print_table, right_align},
};
use serde_json::json;
use std::io::{self, Write};

/// `info`.
pub(crate) fn info(
    out: &mut impl Write,
    info: &DeviceInfo,
    heap: &HeapInfo,
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        return print_json(
            out,
            &json!({ "device": info, "heap": heap, "status_code": 0 }),
        );
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

/// `inspect`.
pub(crate) fn inspection(
    out: &mut impl Write,
    found: &Inspection,
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        return print_json(out, &json!({ "container": found, "status_code": 0 }));
    }
    let c = &found.container;
    let mut table = plain(&[]);
    table.add_row(["name", &c.name]);
    table.add_row(["state", &c.state_text()]);
    table.add_row(["up for", &duration(c.uptime_us)]);
    table.add_row([
        "image",
        &format!("{} bytes, SHA-256 {}", c.image_bytes, found.sha256),
    ]);
    if let Some(signature) = &found.signature {
        let labels: Vec<_> = signature.labels.iter().map(|label| &**label).collect();
        let labels = match labels.join(", ") {
            none if none.is_empty() => "no block that needs a key".to_owned(),
            labels => labels,
        };
        table.add_row([
            "signed",
            &format!(
                "by key {} as {}, counter {}, for {labels}",
                signature.key, signature.package, signature.counter
            ),
        ]);
    }
    table.add_row([
        "memory",
        &format!(
            "{} bytes now, {} at most, limit {}",
            c.memory_used, c.memory_high, c.memory_limit
        ),
    ]);
    if let Some(stack) = c.stack_high {
        table.add_row(["stack", &format!("{stack} bytes at the deepest")]);
    }
    table.add_row([
        "CPU",
        &format!(
            "{}.{} % lately, share {}, {} fuel in all",
            c.cpu_permille / 10,
            c.cpu_permille % 10,
            c.share,
            count(c.fuel_used)
        ),
    ]);
    table.add_row([
        "interrupts",
        &format!("{} taken, {} lost", c.interrupts, c.interrupts_dropped),
    ]);
    table.add_row(["restarts", &c.restarts.to_string()]);
    table.add_row(["blocks", &blocks(&c.blocks)]);
    table.add_row(["saved state", &format!("{} bytes", found.saved_bytes)]);
    table.add_row(["log", &format!("{} lines dropped", found.log_dropped)]);
    table.add_row(["parameters", &parameters(&found.parameters)]);
    for (number, (name, value)) in found.configuration.iter().flatten().enumerate() {
        let title = if number == 0 { "configuration" } else { "" };
        table.add_row([title, &format!("{name}={value}")]);
    }
    if let Some(values) = &found.values {
        let many = if values.count == 1 { "value" } else { "values" };
        table.add_row([
            "kept",
            &format!(
                "{} named {many}, {} of {} bytes",
                values.count, values.bytes, values.limit
            ),
        ]);
    }
    if let Some(outcome) = &found.update {
        table.add_row(["last update", &update(outcome)]);
    }
    match &found.last_fault {
        Some(fault) => add_fault(&mut table, fault),
        None => {
            table.add_row(["last fault", "none"]);
        }
    }
    print_table(out, &table)?;
    if found.sources.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = plain(&[
        "SOURCE",
        "PRIORITY",
        "TAKEN",
        "LOST",
        "MERGED",
        "MOST FUEL",
        "LONGEST",
    ]);
    for s in &found.sources {
        table.add_row([
            s.label.to_string(),
            s.priority.to_string(),
            s.taken.to_string(),
            s.dropped.to_string(),
            s.merged.to_string(),
            s.longest_fuel.to_string(),
            format!("{} us", s.longest_us),
        ]);
    }
    right_align(&mut table, 1..7);
    print_table(out, &table)
}

/// What the operator chose; the rest is the device's choice.
fn parameters(settings: &Settings) -> String {
    let mut words = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push(format!("{name} {value}"));
        }
    };
    add("stack", settings.stack.map(|n| n.to_string()));
    add("memory", settings.memory.map(|n| n.to_string()));
    add("limit", settings.limit.map(|n| n.to_string()));
    add("share", settings.share.map(|n| n.to_string()));
    add("restart", settings.restart.clone());
    add("backoff", settings.backoff_ms.map(|n| format!("{n} ms")));
    add("boot", settings.boot.map(|boot| boot.to_string()));
    add("log-level", settings.log_level.map(Into::into));
    add(
        "service",
        settings
            .service
            .as_ref()
            .map(|s| format!("every {} ms with {} fuel", s.period_ms, s.budget)),
    );
    add("writes", settings.writes.map(|n| format!("{n} a day")));
    if words.is_empty() {
        "all left to the device".to_owned()
    } else {
        words.join(", ")
    }
}

fn update(outcome: &UpdateOutcome) -> String {
    let mut text = outcome.update.to_owned();
    if let Some(left) = outcome.left_ms {
        text.push_str(&format!(", {left} ms left"));
    }
    if outcome.stopped_first == Some(true) {
        text.push_str(", the old image was stopped first");
    }
    if let Some(fault) = outcome.fault {
        text.push_str(&format!(", the new image faulted ({fault})"));
    }
    text
}

fn add_fault(table: &mut Table, fault: &FaultRecord) {
    let place = match fault.source {
        Some(source) => format!("the handler of source {source}"),
        None => match fault.entry {
            "start" => "its start function".to_owned(),
            "pause" => "_pause".to_owned(),
            _ => "main".to_owned(),
        },
    };
    table.add_row([
        "last fault",
        &format!(
            "{} in {place}, {} s after the device started",
            fault.fault,
            moment(fault.time_us).trim_start()
        ),
    ]);
    if let Some(place) = &fault.place {
        let told = place.as_told().to_string();
        let said = match &place.text {
            Some(text) => format!("in {text}"),
            None => format!("{told}, whose names are not known here (--names FILE)"),
        };
        table.add_row(["  there", &said]);
    }
    if let Some(why) = &fault.why {
        table.add_row(["  why", why]);
    }
    table.add_row([
        "  last call",
        &fault.last_call.as_ref().map_or_else(
            || "no host function".to_owned(),
            |call| {
                let [first, second] = call.arguments;
                let block = call.block.as_ref();
                let of = match (block, &call.register) {
                    (Some(block), Some(register)) => format!(" of {block}: {register}"),
                    (Some(block), None) => format!(" of {block}"),
                    (None, _) => String::new(),
                };
                format!("{}({first:#x}, {second:#x}){of}", call.name)
            },
        ),
    ]);
    table.add_row([
        "  then",
        &format!(
            "{} fuel used, {} bytes of memory held, {} restarts before",
            fault.fuel_used, fault.memory_used, fault.restarts
        ),
    ]);
}
