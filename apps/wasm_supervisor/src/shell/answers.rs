//! Answers as text: one line each, mostly.

use core::fmt::{self, Write};

use berth_protocol::{
    DeviceError, Entry, Happening, Holder, ImageHash, Parameters, Reply, Restart, Status, Update,
};

use super::printer::Printer;
use crate::platform::Platform;

/// What an answer leaves to be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// Nothing.
    End,
    /// Nothing: the request was refused.
    Refused,
    /// The item at this cursor.
    Cursor(u16),
    /// What follows this log line or event.
    Sequence(u32),
    /// So many missing imports.
    Missing(u16),
}

/// Say it.
pub(super) fn print_answer<P: Platform>(
    platform: &P,
    result: &Result<Reply<'_>, DeviceError<'_>>,
) -> More {
    let mut out = Printer::new(platform);
    let more = match result {
        Ok(reply) => match print_reply(&mut out, reply) {
            Ok(more) => more,
            // A printer does not fail.
            Err(fmt::Error) => More::End,
        },
        Err(error) => {
            out.add("error: ");
            let _ = write!(out, "{error}");
            match error {
                DeviceError::MissingImports { count } => More::Missing(*count),
                _ => More::Refused,
            }
        }
    };
    if !matches!(result, Ok(Reply::End)) {
        out.add("\n");
    }
    more
}

fn after(next: Option<u16>) -> More {
    next.map_or(More::End, More::Cursor)
}

// Inlined it would be copied to every place that answers.
#[inline(never)]
fn print_reply<P: Platform>(
    out: &mut Printer<'_, P>,
    reply: &Reply<'_>,
) -> Result<More, fmt::Error> {
    match reply {
        Reply::Done => out.add("ok"),
        Reply::End | Reply::Upload { .. } | Reply::Unchanged => {}
        Reply::Hello(device) => {
            out.add(device.board);
            out.add(", kernel ");
            out.add(device.kernel);
            out.add(", supervisor ");
            out.add(device.supervisor);
            out.add(", protocol ");
            out.count(device.protocol.into(), ", up ");
            out.number(0, device.uptime_us / 1_000_000);
            out.add(" s");
        }
        Reply::Heap(heap) => {
            out.count(heap.total, " bytes, ");
            out.count(heap.free, " free, ");
            out.count(heap.largest_free, " in one piece; ");
            out.count(heap.containers.into(), " of ");
            out.count(heap.containers_max.into(), " containers");
        }
        Reply::Container { item, next } => {
            out.add(item.name);
            out.column(13);
            write!(out, "{}", item.state)?;
            out.column(33);
            out.number(36, u64::from(item.cpu_permille / 10));
            out.add("%");
            out.number(44, item.memory_used.into());
            out.number(51, item.memory_limit.into());
            out.number(62, item.fuel_used);
            out.number(68, item.interrupts.into());
            out.number(77, item.restarts.into());
            return Ok(after(*next));
        }
        Reply::Image { item, next } => {
            out.add(item.name);
            out.column(12);
            out.number(18, item.bytes.into());
            out.add("  ");
            print_hash(out, &item.hash)?;
            print_parameters(out, &item.parameters)?;
            return Ok(after(*next));
        }
        Reply::Exposure { item, next } => {
            out.add(item.label);
            out.column(16);
            out.number(22, item.length.into());
            out.add(" ");
            out.add(item.access.word());
            out.column(41);
            out.add(match item.holder {
                Holder::Free => "-",
                Holder::Firmware => "(firmware)",
                Holder::Container(name) => name,
            });
            return Ok(after(*next));
        }
        Reply::LogLine {
            sequence,
            time_us,
            level,
            text,
            ..
        } => {
            print_time(out, *time_us);
            out.add(level.word());
            out.column(16);
            out.add(text);
            return Ok(More::Sequence(*sequence));
        }
        Reply::Event {
            sequence,
            time_us,
            name,
            what,
            ..
        } => {
            print_time(out, *time_us);
            out.add(name.unwrap_or("-"));
            out.column(24);
            out.add(what.word());
            match what {
                Happening::Exited { code } => write!(out, " {code}")?,
                Happening::Faulted { fault } => {
                    out.add(" ");
                    out.add(fault.word());
                }
                Happening::Restarting { count } => {
                    out.add(" ");
                    out.count((*count).into(), "");
                }
                Happening::Boot {
                    safe_mode: true, ..
                } => out.add(" into safe mode"),
                _ => {}
            }
            return Ok(More::Sequence(*sequence));
        }
        Reply::Missing { module, name, why } => {
            print_import(out, module, name);
            write!(out, "{why}")?;
        }
        Reply::Held {
            module,
            name,
            holder,
        } => {
            print_import(out, module, name);
            out.add("in use by ");
            out.add(holder.unwrap_or("the firmware"));
        }
        Reply::Inspection(found) => {
            print_hash(out, &found.hash)?;
            print_parameters(out, &found.parameters)?;
            out.add("\n");
            out.count(found.saved_bytes, " bytes of state saved, ");
            out.count(found.log_dropped, " log lines dropped");
            if let Some(fault) = &found.fault {
                out.add("\nlast fault: ");
                out.add(fault.fault.word());
                out.add(" in ");
                out.add(fault.entry.word());
                if let Entry::Handler { source } = fault.entry {
                    out.add(" ");
                    out.count(source, "");
                }
                if let Some(call) = &fault.last_call {
                    let [first, second] = call.arguments;
                    out.add(" after ");
                    out.add(call.name);
                    out.add("(");
                    out.count(first, ", ");
                    out.count(second, ")");
                }
                out.add("; ");
                out.number(0, fault.fuel_used);
                out.add(" fuel, ");
                out.count(fault.memory_used, " bytes, ");
                out.count(fault.restarts.into(), " restarts");
            }
        }
        Reply::Source { item, next } => {
            out.add("source ");
            out.add(item.label);
            out.add(": priority ");
            out.count(item.priority.into(), ", ");
            out.count(item.taken, " taken, ");
            out.count(item.dropped, " lost, ");
            out.count(item.merged, " merged, longest ");
            out.count(item.longest_us, " us");
            return Ok(after(*next));
        }
        Reply::Status(status) => print_status(out, status),
        Reply::Update(update) => out.add(match update {
            Update::None => "no update",
            Update::Trial { .. } => "on trial",
            Update::Kept { .. } => "kept",
            Update::RolledBack { .. } => "rolled back",
        }),
    }
    Ok(More::End)
}

fn print_status<P: Platform>(out: &mut Printer<'_, P>, status: &Status<'_>) {
    if status.safe_mode {
        out.add("safe mode, ");
    }
    if let Some(suspect) = status.suspect {
        out.add("suspect ");
        out.add(suspect);
        out.add(", ");
    }
    out.count(status.restarts.into(), " restarts, longest stall ");
    out.count(status.longest_stall_us, " us, smallest container ");
    out.count(status.minimal_bytes, " bytes");
    if let Some(store) = &status.store {
        out.add("\nstore: ");
        out.count(store.free, " of ");
        out.count(store.total, " bytes free, erased ");
        out.count(store.wear_mean, " times, ");
        out.count(store.wear_max, " at most");
    }
}

/// The first bytes of a hash are enough to tell images apart.
fn print_hash<P: Platform>(out: &mut Printer<'_, P>, hash: &ImageHash) -> fmt::Result {
    for byte in hash.0.iter().take(6) {
        write!(out, "{byte:02x}")?;
    }
    Ok(())
}

/// What the operator chose; the rest is the device's choice.
fn print_parameters<P: Platform>(out: &mut Printer<'_, P>, parameters: &Parameters) -> fmt::Result {
    let numbers = [
        (" stack ", parameters.stack),
        (" memory ", parameters.memory),
        (" limit ", parameters.limit),
        (" share ", parameters.share.map(u32::from)),
    ];
    for (word, number) in numbers {
        if let Some(number) = number {
            out.add(word);
            out.number(0, number.into());
        }
    }
    match parameters.restart {
        None => {}
        Some(Restart::No) => out.add(" restart no"),
        Some(Restart::OnFailure { .. }) => out.add(" restart on-failure"),
        Some(Restart::Always { .. }) => out.add(" restart always"),
    }
    match parameters.boot {
        None => {}
        Some(true) => out.add(" boot yes"),
        Some(false) => out.add(" boot no"),
    }
    if let Some(level) = parameters.log_level {
        out.add(" log ");
        out.add(level.word());
    }
    Ok(())
}

fn print_import<P: Platform>(out: &mut Printer<'_, P>, module: &str, name: &str) {
    out.add("  ");
    out.printable(module);
    out.add(".");
    out.printable(name);
    out.add(": ");
}

/// Seconds since the start.
fn print_time<P: Platform>(out: &mut Printer<'_, P>, time_us: u64) {
    out.number(5, time_us / 1_000_000);
    // Three digits behind the point, the first of which may be 0.
    let _ = write!(out, ".{:03} ", time_us / 1000 % 1000);
}
