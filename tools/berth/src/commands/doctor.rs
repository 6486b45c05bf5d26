//! Step by step from the list of devices to what the device has room for.

use super::{Connection, Failure, devices, timeout, wanted};
use crate::{
    Address, Client, CodeFlash, DeviceInfo, DeviceStatus, Error, HeapInfo, Registry,
    cli::Cli,
    device::{self, Revocations},
    model::Erases,
    output::{self, Check, Fit, Report, Verdict},
    registry_path, session,
};
use berth_protocol::{Operators, Trust};
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// How often the line is tried.
const ROUNDS: u32 = 10;

/// Sizes of containers that are tried beside the smallest, in bytes.
const SIZES: [u32; 3] = [16 * 1024, 32 * 1024, 64 * 1024];

/// A pause in which operators notice that the device does not answer.
const LONG_STALL: Duration = Duration::from_millis(500);

/// So much worn beyond the mean tells of a page that is written too often.
const WEAR_FACTOR: u32 = 2;

pub(super) fn run(cli: &Cli, out: &mut impl Write) -> Result<(), Failure> {
    let mut report = Report::default();
    let failed = examine(cli, &mut report).err();
    output::doctor(out, &report, cli.json)?;
    match failed {
        Some(error) => Err(Failure::Reported(error.exit_code())),
        None => Ok(()),
    }
}

/// Fill the report; the error is that of the step that failed.
fn examine(cli: &Cli, report: &mut Report) -> Result<(), Error> {
    let address = choose(cli, report)?;
    let (connection, place) = open(cli, &address, report)?;
    let Connection {
        mut client, info, ..
    } = connection;
    report.add(
        "device",
        Verdict::Ok,
        format!(
            "{} with kernel {}, supervisor {}, protocol {}, up for {}",
            info.board,
            info.kernel,
            info.supervisor,
            info.protocol,
            output::duration(info.uptime_us)
        ),
        None,
    );
    try_line(&mut client, &place, report)?;
    let heap = device::heap(&mut client)?;
    let status = device::optional(device::status(&mut client))?;
    firmware(&info, status.as_ref(), report);
    trust(device::optional(device::trust(&mut client))?, report);
    revocations(device::optional(device::revocations(&mut client))?, report);
    operators(device::optional(session::operators(&mut client))?, report);
    if let Some(code) = device::optional(device::code(&mut client))? {
        compiled(code.as_ref(), report);
    }
    memory(&heap, status.as_ref(), report);
    Ok(())
}

fn choose(cli: &Cli, report: &mut Report) -> Result<Address, Error> {
    let registry = Registry::load().inspect_err(|error| report.failed("configuration", error))?;
    let path = registry_path()?;
    report.add(
        "configuration",
        Verdict::Ok,
        match registry.devices.len() {
            1 => format!("{}, 1 device", path.display()),
            count => format!("{}, {count} devices", path.display()),
        },
        None,
    );
    let (address, by) = devices::meant(&registry, wanted(cli))
        .inspect_err(|error| report.failed("choice", error))?;
    report.add(
        "choice",
        Verdict::Ok,
        format!("{address}, {}", by.words()),
        None,
    );
    Ok(address)
}

fn open(cli: &Cli, address: &Address, report: &mut Report) -> Result<(Connection, Address), Error> {
    let (lock, place) =
        device::take_line(address).inspect_err(|error| report.failed("line", error))?;
    let mut client = crate::open(&place)
        .and_then(Client::new)
        .inspect_err(|error| report.failed("line", error))?;
    client.set_timeout(timeout(cli));
    let message = if lock.is_held() {
        format!("{place} opens")
    } else {
        format!("{place}, shared with other programs")
    };
    report.add("line", Verdict::Ok, message, None);
    let info = device::hello(&mut client).inspect_err(|error| report.failed("device", error))?;
    let connection = Connection {
        client,
        info,
        _lock: lock,
    };
    Ok((connection, place))
}

/// Some round trips: how long, and how many had to be repeated.
fn try_line(client: &mut Client, place: &Address, report: &mut Report) -> Result<(), Error> {
    let before = client.repetitions();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        device::hello(client).inspect_err(|error| report.failed("answers", error))?;
        times.push(began.elapsed());
    }
    times.sort();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    let lost = client.repetitions() - before;
    report.round_trip_us = Some(u64::try_from(middle.as_micros()).unwrap_or(u64::MAX));
    report.repetitions = Some(lost);
    if lost == 0 {
        report.add(
            "answers",
            Verdict::Ok,
            format!("{ROUNDS} of {ROUNDS} requests answered at once"),
            None,
        );
    } else {
        report.add(
            "answers",
            Verdict::Warning,
            format!("{lost} of {ROUNDS} requests had to be repeated on {place}"),
            Some("check cable, ground and baud rate; or the device is very busy"),
        );
    }
    Ok(())
}

fn firmware(info: &DeviceInfo, status: Option<&DeviceStatus>, report: &mut Report) {
    let Some(status) = status else {
        report.add(
            "firmware",
            Verdict::Warning,
            format!(
                "supervisor {} does not tell how it is doing",
                info.supervisor
            ),
            Some("newer firmware does"),
        );
        return;
    };
    report.longest_stall_us = Some(status.longest_stall_us);
    if status.safe_mode {
        let suspect = status.suspect.as_deref().unwrap_or("unknown");
        let mut message = format!("safe mode, no container starts; suspect: {suspect}");
        if status.without_store {
            message.push_str("; the store could not be read, and is left alone");
        }
        report.add(
            "firmware",
            Verdict::Warning,
            message,
            Some("`berth rm` the suspect, then `berth reset`"),
        );
    } else {
        let (verdict, hint) = match status.restarts {
            0 => (Verdict::Ok, None),
            _ => (
                Verdict::Warning,
                Some("`berth events` tells what happened before"),
            ),
        };
        let mut message = format!(
            "{} restarts of the supervisor since power-on",
            status.restarts
        );
        if let Some(suspect) = &status.suspect {
            message.push_str(&format!(", the last while {suspect} ran"));
        }
        report.add("firmware", verdict, message, hint);
    }
    let stall = Duration::from_micros(status.longest_stall_us.into());
    let (verdict, hint) = if stall < LONG_STALL {
        (Verdict::Ok, None)
    } else {
        (
            Verdict::Warning,
            Some("loading large modules stalls the device; split them, or load when it is idle"),
        )
    };
    report.add(
        "longest stall",
        verdict,
        format!("{:.1} ms without an answer", stall.as_secs_f64() * 1000.0),
        hint,
    );
    if let Some(store) = &status.store {
        let uneven = store.wear_mean > 0 && store.wear_max / store.wear_mean > WEAR_FACTOR;
        report.add(
            "store",
            if uneven { Verdict::Warning } else { Verdict::Ok },
            format!(
                "{} of {} bytes free, largest image {}; pages erased {} times on the mean, {} at most",
                store.free, store.total, store.largest_free, store.wear_mean, store.wear_max
            ),
            uneven.then_some("one page is worn out of proportion: please report this"),
        );
        if let Some(erases) = &store.erases {
            erases_left("flash budget", erases, report);
        }
    }
}

/// What is revoked. Nothing is said where nothing is, or by older firmware.
fn revocations(revocations: Option<Revocations>, report: &mut Report) {
    let Some(Revocations {
        counter,
        entries,
        is_valid,
    }) = revocations
    else {
        return;
    };
    if !is_valid {
        let message = "the list was changed in flash, and no container starts".to_owned();
        let remedy = "send it again: `berth keys revoke --list FILE`";
        report.add("revoked", Verdict::Warning, message, Some(remedy));
    } else if let Some(counter) = counter {
        let message = format!("{entries} entries, list {counter}");
        report.add("revoked", Verdict::Ok, message, None);
    }
}

/// Whose packages run. Older firmware does not ask who made one.
fn trust(trust: Option<Trust>, report: &mut Report) {
    let message = match trust {
        None | Some(Trust { keys: 0, .. }) => {
            "the device has no keys: any package runs, whoever made it".to_owned()
        }
        Some(trust) => format!(
            "{} {}; {}; counters of {} packages, {} at most",
            trust.keys,
            if trust.keys == 1 { "key" } else { "keys" },
            if trust.refuses_unsigned {
                "signed packages only"
            } else {
                "unsigned packages run, without the blocks that need a key"
            },
            trust.packages,
            trust.packages_max
        ),
    };
    report.add("trust", Verdict::Ok, message, None);
}

/// Who may change something. Older firmware does not ask.
fn operators(operators: Option<Operators>, report: &mut Report) {
    let (verdict, message, hint) = match operators {
        None | Some(Operators { keys: 0, .. }) => (
            Verdict::Ok,
            "the device has no operators' keys: whoever holds the line may do everything"
                .to_owned(),
            None,
        ),
        Some(operators) if !operators.is_provisioned => (
            Verdict::Warning,
            "the device has operators' keys and no secret yet: nobody can change anything"
                .to_owned(),
            Some("`berth keys provision --operator KEY`, once, over a line that nobody else hears"),
        ),
        Some(operators) => (
            Verdict::Ok,
            format!(
                "{} {}; {}; {} sessions open",
                operators.keys,
                if operators.keys == 1 { "key" } else { "keys" },
                if operators.closes_reading {
                    "reading, too, needs one"
                } else {
                    "reading is open"
                },
                operators.sessions
            ),
            None,
        ),
    };
    report.add("operators", verdict, message, hint);
}

/// The flash for compiled code.
fn compiled(code: Option<&CodeFlash>, report: &mut Report) {
    let Some(code) = code else {
        let message = "the manufacturer gives no flash for it: the interpreter runs all".to_owned();
        return report.add("compiled code", Verdict::Ok, message, None);
    };
    let full = code.free == 0;
    report.add(
        "compiled code",
        if full { Verdict::Warning } else { Verdict::Ok },
        format!(
            "of {} images; {} of {} bytes free, {} in one piece; {} pages erased in all",
            code.objects, code.free, code.total, code.largest_free, code.erased
        ),
        full.then_some("what is started for the first time now the interpreter runs, more slowly: `berth inspect` says so"),
    );
    if let Some(erases) = &code.erases {
        erases_left("code budget", erases, report);
    }
}

/// What the firmware allows flash to wear.
fn erases_left(check: &'static str, erases: &Erases, report: &mut Report) {
    let few = erases.left == 0 || erases.refused > 0;
    report.add(
        check,
        if few { Verdict::Warning } else { Verdict::Ok },
        output::erases_left(erases),
        few.then_some("something stores more often than the manufacturer allows the flash to wear: see `berth events` and `berth stats`"),
    );
}

/// How many containers of which size still fit.
fn memory(heap: &HeapInfo, status: Option<&DeviceStatus>, report: &mut Report) {
    let minimal = match status {
        Some(status) if status.minimal_bytes > 0 => status.minimal_bytes,
        // The firmware does not tell.
        _ => berth_protocol::MINIMAL_BYTES,
    };
    let places = u32::from(heap.containers_max.saturating_sub(heap.containers));
    report.fits = std::iter::once(minimal)
        .chain(SIZES.into_iter().filter(|size| *size > minimal))
        .map(|bytes| Fit {
            bytes,
            containers: fitting(heap, places, bytes),
        })
        .collect();
    let (verdict, hint) = match report.fits.first() {
        Some(fit) if fit.containers > 0 => (Verdict::Ok, None),
        _ => (
            Verdict::Warning,
            Some("`berth heap` shows who holds the memory; stop or delete what is not needed"),
        ),
    };
    report.add(
        "memory",
        verdict,
        format!(
            "{} of {} bytes free, {} in one piece; {} of {} places for containers taken",
            heap.free, heap.total, heap.largest_free, heap.containers, heap.containers_max
        ),
        hint,
    );
}

/// A container's linear memory lies in one piece, so none is larger than the largest.
fn fitting(heap: &HeapInfo, places: u32, bytes: u32) -> u32 {
    if bytes > heap.largest_free {
        return 0;
    }
    (heap.free / bytes.max(1)).min(places)
}

impl Report {
    fn add(
        &mut self,
        check: &'static str,
        verdict: Verdict,
        message: String,
        hint: Option<&'static str>,
    ) {
        self.checks.push(Check {
            check,
            verdict,
            message,
            hint,
        });
    }

    fn failed(&mut self, check: &'static str, error: &Error) {
        self.add(check, Verdict::Failed, error.to_string(), error.hint());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_bounded_by_bytes_by_places_and_by_the_largest_piece() {
        let heap = HeapInfo {
            total: 200_000,
            free: 100_000,
            largest_free: 40_000,
            containers: 5,
            containers_max: 8,
        };
        assert_eq!(fitting(&heap, 3, 40_000), 2);
        assert_eq!(fitting(&heap, 3, 40_001), 0);
        assert_eq!(fitting(&heap, 3, 10_000), 3);
        assert_eq!(fitting(&heap, 0, 1), 0);
    }
}
