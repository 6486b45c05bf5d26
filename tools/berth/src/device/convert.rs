//! From the words of the wire to what berth keeps.

use crate::advice::advice;
use crate::model::{
    CodeFlash, Container, DeviceEvent, DeviceStatus, Erases, FaultRecord, HostCall, Image,
    ServiceInfo, Settings, Source, Store, UpdateOutcome,
};
use berth_protocol::{
    CodeStatus, Entry, FaultReport, Happening, Parameters, Restart, Status, Update,
};

pub(super) fn container(item: berth_protocol::Container<'_>) -> Container {
    Container {
        name: item.name.into(),
        state: item.state,
        uptime_us: item.uptime_us,
        fuel_used: item.fuel_used,
        memory_used: item.memory_used,
        memory_limit: item.memory_limit,
        share: item.share,
        cpu_permille: item.cpu_permille,
        memory_high: item.memory_high,
        stack_high: item.stack_high,
        interrupts: item.interrupts,
        interrupts_dropped: item.interrupts_dropped,
        restarts: item.restarts,
        image_bytes: item.image_bytes,
        engine: None,
        engine_why: None,
        blocks: Vec::new(),
    }
}

/// What an operator chose, as [`Image`] has it.
#[must_use]
pub fn settings(parameters: Parameters) -> Settings {
    let (restart, backoff_ms) = match parameters.restart {
        None => (None, None),
        Some(Restart::No) => (Some("no".to_owned()), None),
        Some(Restart::OnFailure { limit, backoff_ms }) => (
            Some(match limit {
                0 => "on-failure".to_owned(),
                limit => format!("on-failure:{limit}"),
            }),
            Some(backoff_ms),
        ),
        Some(Restart::Always { backoff_ms }) => (Some("always".to_owned()), Some(backoff_ms)),
    };
    Settings {
        stack: parameters.stack,
        memory: parameters.memory,
        limit: parameters.limit,
        share: parameters.share,
        restart,
        backoff_ms,
        boot: parameters.boot,
        log_level: parameters.log_level.map(|level| level.word()),
        service: parameters.service.map(|service| ServiceInfo {
            period_ms: service.period_ms,
            budget: service.budget,
        }),
        writes: parameters.writes,
    }
}

/// Returns bytes as hexadecimal digits: a SHA-256 as [`Image`] has it.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the bytes of a number in hexadecimal; `None` if it is none, or of other length.
pub(crate) fn from_hexadecimal<const N: usize>(word: &str) -> Option<[u8; N]> {
    let digits = word.as_bytes().as_chunks::<2>().0;
    if word.len() != 2 * N || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(digits) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

pub(super) fn image(item: berth_protocol::Image<'_>) -> Image {
    Image {
        name: item.name.into(),
        bytes: item.bytes,
        sha256: hexadecimal(&item.hash.0),
        persistent: item.persistent,
        parameters: settings(item.parameters),
    }
}

pub(super) fn source(item: berth_protocol::Source<'_>) -> Source {
    Source {
        label: item.label.into(),
        priority: item.priority,
        taken: item.taken,
        dropped: item.dropped,
        merged: item.merged,
        longest_fuel: item.longest_fuel,
        longest_us: item.longest_us,
    }
}

pub(super) fn fault(report: FaultReport<'_>) -> FaultRecord {
    FaultRecord {
        fault: report.fault.word(),
        entry: report.entry.word(),
        source: match report.entry {
            Entry::Handler { source } => Some(source),
            _ => None,
        },
        last_call: report.last_call.map(|call| HostCall {
            name: call.name.into(),
            arguments: call.arguments,
            block: None,
            register: None,
        }),
        fuel_used: report.fuel_used,
        memory_used: report.memory_used,
        restarts: report.restarts,
        time_us: report.time_us,
        place: None,
        why: advice(report.fault.word()).map(str::to_owned),
    }
}

/// `None`: there was no update.
pub(super) fn update(update: Update) -> Option<UpdateOutcome> {
    let outcome = |word| UpdateOutcome {
        update: word,
        left_ms: None,
        stopped_first: None,
        fault: None,
    };
    Some(match update {
        Update::None => return None,
        Update::Trial {
            left_ms,
            stopped_first,
        } => UpdateOutcome {
            left_ms: Some(left_ms),
            stopped_first: Some(stopped_first),
            ..outcome("trial")
        },
        Update::Kept { stopped_first } => UpdateOutcome {
            stopped_first: Some(stopped_first),
            ..outcome("kept")
        },
        Update::RolledBack { fault } => UpdateOutcome {
            fault: fault.map(|fault| fault.word()),
            ..outcome("rolled-back")
        },
    })
}

pub(super) fn event(
    (log, sequence, dropped, time_us): (u32, u32, u32, u64),
    name: Option<&str>,
    what: Happening,
) -> DeviceEvent {
    let detail = match what {
        Happening::Boot {
            restarts,
            safe_mode,
        } => {
            let mut detail = match restarts {
                0 => String::new(),
                1 => "1 restart within a minute".into(),
                restarts => format!("{restarts} restarts within a minute"),
            };
            if safe_mode {
                detail.push_str(", safe mode: no container starts");
            }
            detail
        }
        Happening::Exited { code } => format!("code {code}"),
        Happening::Faulted { fault } => fault.word().into(),
        Happening::Untrusted { why } => why.to_string(),
        Happening::Restarting { count } => format!("time {count} in a row"),
        Happening::Updated(Update::RolledBack { fault }) => fault
            .map_or("could not be started", |fault| fault.word())
            .into(),
        _ => String::new(),
    };
    DeviceEvent {
        log,
        sequence,
        dropped,
        time_us,
        name: name.map(Into::into),
        event: what.word(),
        detail,
    }
}

pub(super) fn status(status: Status<'_>) -> DeviceStatus {
    DeviceStatus {
        safe_mode: status.safe_mode,
        without_store: status.without_store,
        suspect: status.suspect.map(Into::into),
        restarts: status.restarts,
        longest_stall_us: status.longest_stall_us,
        minimal_bytes: status.minimal_bytes,
        store: status.store.map(|store| Store {
            total: store.total,
            free: store.free,
            largest_free: store.largest_free,
            wear_max: store.wear_max,
            wear_mean: store.wear_mean,
            erases: store.erases.map(erases),
        }),
    }
}

pub(super) fn code(status: CodeStatus) -> CodeFlash {
    CodeFlash {
        total: status.total,
        free: status.free,
        largest_free: status.largest_free,
        objects: status.objects,
        erased: status.erased,
        erases: status.erases.map(erases),
    }
}

const fn erases(erases: berth_protocol::Erases) -> Erases {
    Erases {
        left: erases.left,
        most: erases.most,
        period_s: erases.period_s,
        refused: erases.refused,
    }
}
