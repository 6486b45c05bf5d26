//! A device that lies: texts that would move a terminal or forge lines, numbers as large as they can be, lists without
//! end, answers that nobody has asked for.

mod support;

use berth_protocol::{
    Access, Container, Device, DeviceError, Entry, Event, Exposure, FRAME_MAX, Fault, FaultReport,
    FrameDecoder, Happening, Heap, Holder, HostCall, Image, ImageHash, Inspection, Level,
    MissingWhy, Op, PROTOCOL_VERSION, Parameters, Place, Reply, Request, Response, Source, State,
    Status, StoreStatus, Update, encode_frame,
};
use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};
use support::run::berth;

/// Moves a terminal, begins a line of its own, turns the direction of writing, and asks a shell for something.
const EVIL: &str = "e\u{1b}[31m\nhint: LIE\r\u{202e}\u{9b}2J;touch LIE;";

/// How often a configuration has been told.
static COUNT: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lies {
    /// Numbers are as large as they can be.
    Large,
    /// Numbers are zero, and every request is refused.
    Refusing,
    /// Lists never end: whatever is asked for, there is one more.
    Endless,
    /// Every answer is sent behind two hundred to somebody else's questions.
    Talking,
}

fn lie<'a>(op: &Op<'a>, lies: Lies) -> Result<Reply<'a>, DeviceError<'a>> {
    let large = lies == Lies::Large;
    let (long, word, half) = match large {
        true => (u64::MAX, u32::MAX, u16::MAX),
        false => (0, 0, 0),
    };
    let next = |cursor: u16| match lies {
        Lies::Endless => Some(cursor),
        _ if cursor < 2 => Some(cursor + 1),
        _ => None,
    };
    let entry = Entry::Handler { source: word };
    let fault = Fault::Unreachable;
    Ok(match *op {
        Op::Hello { .. } => Reply::Hello(Device {
            protocol: PROTOCOL_VERSION,
            board: EVIL,
            kernel: EVIL,
            supervisor: EVIL,
            uptime_us: long,
        }),
        Op::Detail { index: 0, .. } => Reply::Missing {
            module: EVIL,
            name: EVIL,
            why: MissingWhy::NotExposed,
        },
        Op::Detail { .. } => Reply::Held {
            module: EVIL,
            name: EVIL,
            holder: Some(EVIL),
        },
        Op::Start { .. } => return Err(DeviceError::MissingImports { count: 2 }),
        Op::UploadBegin { .. } => return Err(DeviceError::NameTaken),
        _ if lies == Lies::Refusing => return Err(DeviceError::UploadBusy { name: EVIL }),
        Op::Heap => Reply::Heap(Heap {
            total: 0,
            free: word,
            largest_free: word,
            containers: half,
            containers_max: 0,
        }),
        Op::Status => Reply::Status(Status {
            safe_mode: true,
            without_store: true,
            suspect: Some(EVIL),
            restarts: half,
            longest_stall_us: word,
            minimal_bytes: word,
            store: Some(StoreStatus {
                total: 0,
                free: word,
                largest_free: word,
                wear_max: word,
                wear_mean: word,
                erases: None,
            }),
        }),
        Op::Containers { cursor } => Reply::Container {
            item: Container {
                name: EVIL,
                state: State::Faulted { fault },
                image_bytes: word,
                uptime_us: long,
                fuel_used: long,
                memory_used: word,
                memory_limit: 0,
                share: u8::MAX,
                cpu_permille: half,
                memory_high: word,
                stack_high: Some(word),
                interrupts: word,
                interrupts_dropped: word,
                restarts: half,
            },
            next: next(cursor),
        },
        Op::Images { cursor } => Reply::Image {
            item: Image {
                name: EVIL,
                bytes: word,
                hash: ImageHash([0xff; 32]),
                parameters: Parameters::default(),
                persistent: true,
            },
            next: next(cursor),
        },
        Op::Inspect { .. } => Reply::Inspection(Inspection {
            hash: ImageHash([0xff; 32]),
            parameters: Parameters::default(),
            saved_bytes: word,
            log_dropped: word,
            fault: Some(FaultReport {
                fault,
                entry,
                last_call: Some(HostCall {
                    name: EVIL,
                    arguments: [word; 2],
                }),
                fuel_used: long,
                memory_used: word,
                restarts: half,
                time_us: long,
            }),
        }),
        Op::Sources { cursor, .. } => Reply::Source {
            item: Source {
                label: EVIL,
                priority: u8::MAX,
                taken: word,
                dropped: word,
                merged: word,
                longest_fuel: word,
                longest_us: word,
            },
            next: next(cursor),
        },
        Op::Blocks { cursor, .. } => Reply::Block {
            label: EVIL,
            access: Access::Fallback,
            next: next(cursor),
        },
        Op::FaultBlock { .. } => Reply::FaultBlock { label: Some(EVIL) },
        Op::FaultPlace { .. } => Reply::FaultPlace {
            place: Some(Place {
                number: word,
                image: word,
            }),
        },
        Op::Engine { .. } => Reply::Engine {
            engine: None,
            why: Some(EVIL),
        },
        Op::Code => Reply::Code(None),
        Op::Revocations => Reply::Revocations {
            counter: Some(word),
            entries: half,
            is_valid: false,
        },
        // Another configuration each time it is asked, and never all of it.
        Op::Kept { offset, .. } => Reply::Kept(berth_protocol::Kept {
            changes: if lies == Lies::Endless {
                COUNT.fetch_add(1, Ordering::Relaxed)
            } else {
                word
            },
            part: if offset == 0 {
                EVIL.as_bytes()
            } else {
                b"=\xff\0"
            },
            left: half,
            values: half,
            values_bytes: word,
            values_limit: 0,
            values_chosen: Some(word),
        }),
        Op::Trust => Reply::Trust(berth_protocol::Trust {
            keys: half as u8,
            refuses_unsigned: true,
            packages: half,
            packages_max: 0,
        }),
        Op::Operators => Reply::Operators(berth_protocol::Operators {
            keys: half as u8,
            closes_reading: true,
            is_provisioned: false,
            sessions: half as u8,
        }),
        Op::Challenge => Reply::Challenge {
            device: Some([half as u8; 32]),
            epoch: word,
            number: word,
        },
        Op::Login { .. } => Reply::SessionOpen { idle_s: word },
        Op::Provision { .. } => Reply::Checking,
        Op::Signature { .. } => Reply::Signature {
            key: [half as u8; 8],
            counter: word,
            package: EVIL,
            label: Some(EVIL),
        },
        Op::Exposures { cursor } => Reply::Exposure {
            item: Exposure {
                label: EVIL,
                length: word,
                access: Access::Mapped,
                registers: half as u8,
                holder: Holder::Container(EVIL),
            },
            next: next(cursor),
        },
        Op::Events { from, .. } if from < 3 || lies == Lies::Endless => Reply::Event {
            log: word,
            sequence: from,
            dropped: word,
            time_us: long,
            name: Some(EVIL),
            what: Happening::Faulted { fault },
        },
        Op::Log { from, .. } if from < 3 || lies == Lies::Endless => Reply::LogLine {
            log: word,
            sequence: if large && from == 2 { u32::MAX } else { from },
            dropped: word,
            time_us: long,
            level: Level::Info,
            text: EVIL,
        },
        Op::UpdateStatus { .. } => Reply::Update(Update::RolledBack { fault: Some(fault) }),
        Op::ReadImage { .. } => Reply::ImagePart { bytes: b"" },
        _ => Reply::End,
    })
}

fn serve(mut stream: UnixStream, lies: Lies) {
    let mut decoder = FrameDecoder::new();
    let mut buffer = [0; 512];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        for byte in &buffer[..count] {
            let Event::Message(message) = decoder.push(*byte) else {
                continue;
            };
            let Ok(request) = Request::decode(message) else {
                continue;
            };
            let mut frame = [0; FRAME_MAX];
            let mut answer = |id: u32, stream: &mut UnixStream| {
                let result = lie(&request.op, lies);
                let bytes = encode_frame(&Response { id, result }, &mut frame).unwrap();
                stream.write_all(bytes)
            };
            if lies == Lies::Talking {
                for other in 1..=200 {
                    let _ = answer(request.id.wrapping_add(other), &mut stream);
                }
            }
            let _ = answer(request.id, &mut stream);
        }
    }
}

/// Where it listens; the folder must live as long as it is used.
fn device(lies: Lies) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("line");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), lies);
        }
    });
    (folder, path)
}

const COMMANDS: [&[&str]; 25] = [
    &["images", "--save", "x", "--output", "saved"],
    &["ps"],
    &["stats", "--count", "1"],
    &["images"],
    &["heap"],
    &["stats", "--no-stream"],
    &["info"],
    &["exposures"],
    &["events"],
    &["logs", "x"],
    &["logs", "x", "--clock"],
    &["logs", "x", "--tail", "2"],
    &["logs", "x", "--since", "1s"],
    &["inspect", "x"],
    &["doctor"],
    &["start", "x"],
    &["stop", "x"],
    &["kill", "x"],
    &["pause", "x"],
    &["resume", "x"],
    &["rm", "-f", "x"],
    &["edit", "x", "--limit", "1"],
    &["restart", "x"],
    &["upload", "x.wasm"],
    &["prune"],
];

/// A module that does nothing: the type `() -> ()`, one function, its export `_start`, its body.
const MODULE: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x04\x01\x02\0\x0b";

#[test]
fn nothing_that_a_device_says_reaches_the_terminal_as_it_is() {
    for lies in [Lies::Large, Lies::Refusing, Lies::Endless, Lies::Talking] {
        let (folder, path) = device(lies);
        let home = folder.path();
        std::fs::write(home.join("x.wasm"), MODULE).unwrap();
        let address = format!("unix:{}", path.display());
        for words in COMMANDS {
            for json in [&[][..], &["--json"]] {
                let words = [words, json, &["--timeout", "10"]].concat();
                let (code, out, err) = berth(home, Some(&address), &words);
                let shown = format!("{lies:?} {words:?}: {code}\n{out}\n{err}");
                // Done, refused, or told that the answer makes no sense: no usage error, no time-out, no panic.
                assert!([0, 1, 3].contains(&code), "{shown:?}");
                for text in [&out, &err] {
                    let odd = text.chars().find(|c| {
                        (c.is_control() && *c != '\n') || *c == '\u{202e}' || *c == '\u{9b}'
                    });
                    assert_eq!(odd, None, "{shown:?}");
                    let forged = text.lines().find(|line| line.starts_with("hint: LIE"));
                    assert_eq!(forged, None, "{shown:?}");
                }
            }
        }
    }
}

/// What is offered is taken by the shell as if it had been typed.
#[test]
fn a_shell_is_offered_names_only() {
    let (folder, path) = device(Lies::Large);
    let mut command = support::run::command(folder.path());
    let output = command
        .env("BERTH_DEVICE", format!("unix:{}", path.display()))
        .env("COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", "2")
        .args(["--", "berth", "start", ""])
        .output()
        .unwrap();
    let offered = String::from_utf8_lossy(&output.stdout);
    assert!(!offered.contains("LIE"), "{offered}");
}
