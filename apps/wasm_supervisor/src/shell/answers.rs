//! Answers as text: one line each, mostly.

use core::fmt::{self, Write};

use berth_protocol::{
    DeviceError, Engine, Entry, Happening, Holder, ImageHash, Parameters, Reply, Restart, Status,
    Update,
};

use berth_protocol::configuration::settings;

use super::printer::Printer;
use crate::platform::{COMPILES, Platform};

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
        Reply::End
        | Reply::Upload { .. }
        | Reply::Unchanged
        | Reply::ImagePart { .. }
        | Reply::FaultBlock { label: None }
        // The log tells it.
        | Reply::FaultPlace { .. }
        // Only programs ask.
        | Reply::Trust(_)
        | Reply::Revocations { .. }
        | Reply::Operators(_)
        | Reply::Challenge { .. }
        | Reply::Checking
        | Reply::SessionOpen { .. }
        | Reply::Signature { .. } => {}
        Reply::FaultBlock { label: Some(label) } => {
            out.add("last call before the fault: of block ");
            out.add(label);
        }
        Reply::Hello(device) => write!(
            out,
            "{}, kernel {}, supervisor {}, protocol {}, up {} s",
            device.board,
            device.kernel,
            device.supervisor,
            device.protocol,
            device.uptime_us / 1_000_000
        )?,
        Reply::Heap(heap) => write!(
            out,
            "{} bytes, {} free, {} in one piece; {} of {} containers",
            heap.total, heap.free, heap.largest_free, heap.containers, heap.containers_max
        )?,
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
                Happening::Faulted { fault } => write!(out, " {}", fault.word())?,
                Happening::Restarting { count } => write!(out, " {count}")?,
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
            write!(
                out,
                "\n{} bytes of state saved, {} log lines dropped",
                found.saved_bytes, found.log_dropped
            )?;
            if let Some(fault) = &found.fault {
                out.add("\nlast fault: ");
                out.add(fault.fault.word());
                out.add(" in ");
                out.add(fault.entry.word());
                if let Entry::Handler { source } = fault.entry {
                    write!(out, " {source}")?;
                }
                if let Some(call) = &fault.last_call {
                    let [first, second] = call.arguments;
                    write!(out, " after {}({first}, {second})", call.name)?;
                }
                write!(
                    out,
                    "; {} fuel, {} bytes, {} restarts",
                    fault.fuel_used, fault.memory_used, fault.restarts
                )?;
            }
        }
        Reply::Source { item, next } => {
            out.add("source ");
            out.add(item.label);
            write!(
                out,
                ": priority {}, {} taken, {} lost, {} merged, longest {} us",
                item.priority, item.taken, item.dropped, item.merged, item.longest_us
            )?;
            return Ok(after(*next));
        }
        Reply::Block {
            label,
            access,
            next,
        } => {
            out.add("block ");
            out.add(label);
            out.add(": ");
            out.add(access.word());
            return Ok(after(*next));
        }
        Reply::Engine { .. } | Reply::Code(_) if !COMPILES => {}
        Reply::Engine { engine, why } => {
            out.add("engine: ");
            out.add(engine.map_or("-", Engine::word));
            if let Some(why) = why {
                out.add(", ");
                out.add(why);
            }
        }
        // No verb asks for it.
        Reply::Code(_) => {}
        Reply::Kept(kept) => {
            for setting in settings(kept.part) {
                // They are text: it was looked at when it came.
                let text = setting.whole.strip_suffix(&[0]).unwrap_or(setting.whole);
                out.add("set ");
                out.add(core::str::from_utf8(text).unwrap_or_default());
                out.add("\n");
            }
            if kept.left > 0 {
                return Ok(More::Cursor(kept.part.len() as u16));
            }
            write!(
                out,
                "{} values, {} of {} bytes",
                kept.values, kept.values_bytes, kept.values_limit
            )?;
        }
        Reply::Status(status) => print_status(out, status)?,
        Reply::Update(update) => out.add(match update {
            Update::None => "no update",
            Update::Trial { .. } => "on trial",
            Update::Kept { .. } => "kept",
            Update::RolledBack { .. } => "rolled back",
        }),
    }
    Ok(More::End)
}

fn print_status<P: Platform>(out: &mut Printer<'_, P>, status: &Status<'_>) -> fmt::Result {
    if status.safe_mode {
        out.add("safe mode, ");
    }
    if let Some(suspect) = status.suspect {
        out.add("suspect ");
        out.add(suspect);
        out.add(", ");
    }
    write!(
        out,
        "{} restarts, longest stall {} us, smallest container {} bytes",
        status.restarts, status.longest_stall_us, status.minimal_bytes
    )?;
    if let Some(store) = &status.store {
        write!(
            out,
            "\nstore: {} of {} bytes free, erased {} times, {} at most",
            store.free, store.total, store.wear_mean, store.wear_max
        )?;
    }
    Ok(())
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
