//! Lists of things, one a line.

use super::{count, duration, error_object, print_json};
use crate::model::Erases;
use crate::{
    Block, Container, DeviceInfo, Error, HeapInfo, Image, Registry, Settings, Store,
    table::{Columns, plain, print_table, right_align},
};
use berth_protocol::{Engine, State};
use serde_json::{Value, json};
use std::io::{self, Write};

/// What was found at a place.
pub(crate) struct Found {
    pub(crate) name: Option<String>,
    pub(crate) address: String,
    /// Who answered; `None` if nobody was asked.
    pub(crate) answer: Option<Result<DeviceInfo, Error>>,
}

/// `ps`.
pub(crate) fn containers(
    out: &mut impl Write,
    containers: &[Container],
    width: Option<usize>,
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        let tasks: Vec<_> = containers
            .iter()
            .filter(|c| c.state.is_active())
            .map(|c| json!({ "filename": c.name, "paused": c.state == State::Paused }))
            .collect();
        return print_json(
            out,
            &json!({ "containers": containers, "tasks": tasks, "status_code": 0 }),
        );
    }
    // What is left out first comes last.
    const LESS: [&str; 9] = [
        "UPTIME", "STACK", "RESTARTS", "CPU", "LIMIT", "FUEL", "IRQS", "LOST", "ENGINE",
    ];
    let mut table = Columns::new(
        &[
            "NAME", "STATE", "ENGINE", "UPTIME", "CPU", "FUEL", "MEMORY", "LIMIT", "STACK", "IRQS",
            "LOST", "RESTARTS", "BLOCKS",
        ],
        &[
            "UPTIME", "CPU", "FUEL", "MEMORY", "LIMIT", "STACK", "IRQS", "LOST", "RESTARTS",
        ],
    );
    for c in containers {
        table.add_row([
            c.name.to_string(),
            c.state_text(),
            c.engine.unwrap_or("-").to_owned(),
            duration(c.uptime_us),
            percent(c),
            count(c.fuel_used),
            c.memory_used.to_string(),
            c.memory_limit.to_string(),
            or_dash(c.stack_high),
            c.interrupts.to_string(),
            c.interrupts_dropped.to_string(),
            c.restarts.to_string(),
            blocks(&c.blocks),
        ]);
    }
    // A device that compiles nothing has no reasons.
    if containers
        .iter()
        .all(|c| c.engine != Some(Engine::Compiled.word()) && c.engine_why.is_none())
    {
        table.remove("ENGINE");
    }
    table.print(out, width, &LESS)
}

/// `stats`: one look.
pub(crate) fn stats(
    out: &mut impl Write,
    board: &str,
    heap: &HeapInfo,
    store: Option<&Store>,
    containers: &[Container],
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        let picture = json!({ "heap": heap, "store": store, "containers": containers });
        return print_json(out, &picture);
    }
    writeln!(
        out,
        "{board}: {} of {} bytes free, {} in one piece, {} of {} containers",
        heap.free, heap.total, heap.largest_free, heap.containers, heap.containers_max
    )?;
    if let Some(erases) = store.and_then(|store| store.erases.as_ref()) {
        writeln!(out, "flash: {}", erases_left(erases))?;
    }
    let mut table = plain(&[
        "NAME", "STATE", "CPU", "SHARE", "MEMORY", "PEAK", "LIMIT", "STACK", "FUEL", "IRQS", "LOST",
    ]);
    for c in containers {
        table.add_row([
            c.name.to_string(),
            c.state_text(),
            percent(c),
            c.share.to_string(),
            c.memory_used.to_string(),
            c.memory_high.to_string(),
            c.memory_limit.to_string(),
            or_dash(c.stack_high),
            count(c.fuel_used),
            c.interrupts.to_string(),
            c.interrupts_dropped.to_string(),
        ]);
    }
    right_align(&mut table, 2..11);
    print_table(out, &table)
}

/// What the firmware allows the store to wear, in words.
pub(crate) fn erases_left(erases: &Erases) -> String {
    format!(
        "{} of {} erases left to the page with the fewest, one more each {}; {} refused",
        erases.left,
        erases.most,
        duration(u64::from(erases.period_s) * 1_000_000),
        erases.refused
    )
}

/// `images`.
pub(crate) fn images(
    out: &mut impl Write,
    images: &[Image],
    width: Option<usize>,
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        let files: Vec<_> = images.iter().map(file).collect();
        return print_json(
            out,
            &json!({ "images": images, "files": files, "status_code": 0 }),
        );
    }
    // What is left out first comes last.
    const LESS: [&str; 10] = [
        "BOOT", "RESTART", "LIMIT", "SHARE", "MEMORY", "STACK", "LOG", "WRITES", "SERVICE",
        "KEPT IN",
    ];
    let mut table = Columns::new(
        &[
            "NAME", "BYTES", "SHA-256", "KEPT IN", "STACK", "MEMORY", "LIMIT", "SHARE", "RESTART",
            "BOOT", "LOG", "SERVICE", "WRITES",
        ],
        &["BYTES", "STACK", "MEMORY", "LIMIT", "SHARE", "WRITES"],
    );
    for image in images {
        let Settings {
            stack,
            memory,
            limit,
            share,
            restart,
            boot,
            log_level,
            service,
            writes,
            ..
        } = &image.parameters;
        table.add_row([
            image.name.to_string(),
            image.bytes.to_string(),
            image.sha256.chars().take(12).collect(),
            if image.persistent { "flash" } else { "memory" }.to_owned(),
            or_dash(*stack),
            or_dash(*memory),
            or_dash(*limit),
            or_dash(*share),
            or_dash(restart.as_deref()),
            boot.map_or("-", |boot| if boot { "yes" } else { "no" })
                .to_owned(),
            or_dash(*log_level),
            service
                .as_ref()
                .map_or("-".to_owned(), |s| format!("{}:{}", s.period_ms, s.budget)),
            or_dash(*writes),
        ]);
    }
    table.print(out, width, &LESS)
}

/// An image in WASMICO's words.
fn file(image: &Image) -> Value {
    json!({
        "filename": image.name,
        "reserved_stack_size": image.parameters.stack,
        "reserved_initial_memory": image.parameters.memory,
        "memory_limit": image.parameters.limit,
    })
}

/// The share of the CPU that a container had lately.
fn percent(container: &Container) -> String {
    if !container.state.is_active() {
        return "-".to_owned();
    }
    let permille = container.cpu_permille;
    format!("{}.{}%", permille / 10, permille % 10)
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// The blocks of a container, with how they are reached where that is not simply `mediated`.
pub(super) fn blocks(blocks: &[Block]) -> String {
    if blocks.is_empty() {
        return "-".to_owned();
    }
    let texts: Vec<_> = blocks
        .iter()
        .map(|block| match block.access {
            "mediated" => block.label.to_string(),
            access => format!("{} ({access})", block.label),
        })
        .collect();
    texts.join(", ")
}

/// `heap`.
pub(crate) fn heap(
    out: &mut impl Write,
    heap: &HeapInfo,
    containers: &[Container],
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        let held: Vec<_> = containers
            .iter()
            .map(|c| {
                json!({
                    "name": c.name,
                    "memory_used": c.memory_used,
                    "memory_high": c.memory_high,
                    "memory_limit": c.memory_limit,
                    "image_bytes": c.image_bytes,
                })
            })
            .collect();
        return print_json(
            out,
            &json!({
                "heap": heap,
                "containers": held,
                "free_heap_size": heap.free,
                "largest_free_block_size": heap.largest_free,
                "status_code": 0,
            }),
        );
    }
    let mut table = plain(&["", "USED", "PEAK", "LIMIT", "FREE", "LARGEST FREE"]);
    table.add_row([
        "(device)".to_owned(),
        (heap.total - heap.free.min(heap.total)).to_string(),
        "-".to_owned(),
        heap.total.to_string(),
        heap.free.to_string(),
        heap.largest_free.to_string(),
    ]);
    for c in containers {
        table.add_row([
            c.name.to_string(),
            c.memory_used.to_string(),
            c.memory_high.to_string(),
            c.memory_limit.to_string(),
            "-".to_owned(),
            "-".to_owned(),
        ]);
    }
    right_align(&mut table, 1..6);
    print_table(out, &table)
}

/// `devices`.
pub(crate) fn devices(out: &mut impl Write, registry: &Registry, as_json: bool) -> io::Result<()> {
    let is_selected = |name: &String| registry.selected.as_ref() == Some(name);
    if as_json {
        let devices: Vec<_> = registry
            .devices
            .iter()
            .map(|(name, address)| {
                json!({ "name": name, "address": address, "selected": is_selected(name) })
            })
            .collect();
        return print_json(out, &json!({ "devices": devices, "status_code": 0 }));
    }
    let mut table = plain(&["NAME", "ADDRESS", "SELECTED"]);
    for (name, address) in &registry.devices {
        let mark = if is_selected(name) { "*" } else { "" };
        table.add_row([name, address, mark]);
    }
    print_table(out, &table)
}

/// `scan`.
pub(crate) fn scan(out: &mut impl Write, found: &[Found], as_json: bool) -> io::Result<()> {
    if as_json {
        let places: Vec<_> = found
            .iter()
            .map(|place| {
                let mut value = json!({ "address": place.address, "name": place.name });
                match (&place.answer, value.as_object_mut()) {
                    (Some(Ok(info)), Some(object)) => {
                        object.insert("device".into(), json!(info));
                    }
                    (Some(Err(error)), Some(object)) => {
                        object.insert("error".into(), error_object(error));
                    }
                    _ => {}
                }
                value
            })
            .collect();
        return print_json(out, &json!({ "found": places, "status_code": 0 }));
    }
    let mut table = plain(&["ADDRESS", "NAME", "BOARD", "SUPERVISOR", "ANSWER"]);
    for place in found {
        let (board, supervisor, answer) = match &place.answer {
            None => ("-", "-", "not asked".to_owned()),
            Some(Ok(info)) => (&*info.board, &*info.supervisor, "ok".to_owned()),
            Some(Err(error)) => ("-", "-", why(error)),
        };
        table.add_row([
            &*place.address,
            place.name.as_deref().unwrap_or("-"),
            board,
            supervisor,
            &answer,
        ]);
    }
    print_table(out, &table)
}

/// An error without the address, which stands in the same line.
fn why(error: &Error) -> String {
    match error {
        Error::Open { source, .. } => format!("cannot open: {source}"),
        Error::Busy { by, .. } => format!("in use by {by}"),
        Error::TimedOut { .. } => "none".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Vec<Found> {
        let place = |address: &str, name: Option<&str>, answer| Found {
            name: name.map(Into::into),
            address: address.into(),
            answer,
        };
        let info = DeviceInfo {
            protocol: 2,
            board: "mps2-an386".into(),
            kernel: "Tock 2".into(),
            supervisor: "0.1.0".into(),
            uptime_us: 1_500_000,
        };
        let address: crate::Address = "/dev/ttyACM1".parse().unwrap();
        vec![
            place("/dev/ttyACM0", Some("bench"), Some(Ok(info))),
            place(
                "/dev/ttyACM1",
                None,
                Some(Err(Error::Busy {
                    address: address.clone(),
                    by: "picocom (process 7)".into(),
                    socket: None,
                })),
            ),
            place(
                "/dev/ttyACM2",
                None,
                Some(Err(Error::Open {
                    address,
                    source: io::ErrorKind::PermissionDenied.into(),
                })),
            ),
            place(
                "/dev/ttyS0",
                None,
                Some(Err(Error::TimedOut {
                    to: "hello",
                    after: std::time::Duration::from_millis(1500),
                })),
            ),
            place(
                "tcp:gateway:4000",
                Some("old"),
                Some(Err(Error::Version { device: 1 })),
            ),
            place("/dev/ttyS1", None, None),
        ]
    }

    fn printed(as_json: bool) -> String {
        let mut out = Vec::new();
        scan(&mut out, &found(), as_json).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_scan_says_what_it_found_where() {
        assert_eq!(
            printed(false),
            "ADDRESS           NAME   BOARD       SUPERVISOR  ANSWER\n\
             /dev/ttyACM0      bench  mps2-an386  0.1.0       ok\n\
             /dev/ttyACM1      -      -           -           in use by picocom (process 7)\n\
             /dev/ttyACM2      -      -           -           cannot open: permission denied\n\
             /dev/ttyS0        -      -           -           none\n\
             tcp:gateway:4000  old    -           -           the device speaks protocol 1, this berth speaks 3\n\
             /dev/ttyS1        -      -           -           not asked\n"
        );
    }

    #[test]
    fn a_scan_in_json_has_a_device_an_error_or_neither() {
        let value: Value = serde_json::from_str(&printed(true)).unwrap();
        let places = value["found"].as_array().unwrap();
        assert_eq!(places[0]["device"]["board"], "mps2-an386");
        assert_eq!(places[0]["name"], "bench");
        assert_eq!(places[1]["error"]["code"], "line-in-use");
        assert_eq!(places[4]["error"]["exit"], 3);
        assert!(places[5]["device"].is_null() && places[5]["error"].is_null());
    }
}
