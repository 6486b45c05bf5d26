//! A serial line that does not wait: bytes come at 115200 baud whether anybody reads them or not.
//!
//! Time is the board's own, counted in instructions (32 ns each, a core of 31 MHz), so a busy
//! host changes nothing.

#[path = "line/guests.rs"]
mod guests;
#[path = "guests/mod.rs"]
mod handlers;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, guest};
use berth_emulator::{Board, Icount, Sleep};
use berth_protocol::{
    CHUNK_MAX, Event, FRAME_MAX, FrameDecoder, ImageHash, Op, Parameters, Request, Response,
    encode_frame,
};
use guests::with_custom_section;

/// A counter of the board's clock.
const COUNTER: u32 = 0x4002_8018;
/// Its ticks in a second, and bytes of ten bits at 115200 baud.
const TICKS: u64 = 1_562_500;
const BYTES: u64 = 11_520;
/// Bytes that are sent together: what a USB adapter does.
const TOGETHER: usize = 16;

/// What a part may be late before a failure is the host's, not the device's: 100 ms, a fifth of what a frame may take.
const LATE_MAX: u64 = TICKS / 10;
/// How often it is tried with a host that lets the board run and this test wait.
const ATTEMPTS: usize = 40;
/// What a part may be late before the rest is not sent: two seconds, in which much more comes together than a device may
/// keep.
const HOPELESS: u64 = 2 * TICKS;

/// Send at line rate by the board's time; `latest` becomes the most ticks by which a part was late. What was late is caught
/// up with, or each look at the clock would make frames longer than the device allows.
///
/// # Errors
/// If the host was so late that this is no line any more: later than [`HOPELESS`].
fn send_paced(
    device: &mut Device,
    line: &mut UnixStream,
    bytes: &[u8],
    latest: &mut u64,
) -> Result<()> {
    let start = device.board.bus.read32(COUNTER)?;
    let mut sent = 0;
    for part in bytes.chunks(TOGETHER) {
        let due = sent * TICKS / BYTES;
        let late = loop {
            let passed = u64::from(device.board.bus.read32(COUNTER)?.wrapping_sub(start));
            if let Some(late) = passed.checked_sub(due) {
                break late;
            }
            // Who asks without pause keeps the emulator from taking bytes.
            let left_us = (due - passed) * 1_000_000 / TICKS;
            std::thread::sleep(Duration::from_micros(left_us / 2));
        };
        *latest = late.max(*latest);
        ensure!(late <= HOPELESS, "{sent} bytes were sent");
        line.write_all(part)?;
        sent += part.len() as u64;
    }
    Ok(())
}

/// The frames of these operations, with ids counting up.
fn frames<'a>(operations: impl Iterator<Item = Op<'a>>, first_id: u32) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for (op, id) in operations.zip(first_id..) {
        let mut frame = [0; FRAME_MAX];
        let encoded = encode_frame(&Request { id, op }, &mut frame);
        all.extend_from_slice(encoded.map_err(|error| anyhow::anyhow!("{error:?}"))?);
    }
    Ok(all)
}

/// The next answers: id, and the error's word if it is a refusal.
fn answers(line: &mut UnixStream, count: usize) -> Result<Vec<(u32, Option<&'static str>)>> {
    let mut decoder = FrameDecoder::new();
    let mut found = Vec::new();
    let mut buffer = [0; 1024];
    while found.len() < count {
        let got = line.read(&mut buffer).with_context(|| {
            format!(
                "after {} of {count} answers: {:?}",
                found.len(),
                found.last()
            )
        })?;
        ensure!(
            got != 0,
            "the line ended after {} of {count} answers",
            found.len()
        );
        for byte in &buffer[..got] {
            if let Event::Message(message) = decoder.push(*byte) {
                let answer = Response::decode(message).map_err(|e| anyhow::anyhow!("{e:?}"))?;
                found.push((answer.id, answer.result.err().map(|error| error.word())));
            }
        }
    }
    Ok(found)
}

/// A board whose time is instructions, and passes as `sleep` says.
fn paced(board: Board, sleep: Sleep) -> Board {
    board
        .raw_console()
        .limit(Duration::from_secs(300))
        .icount(Icount { shift: 5, sleep })
}

/// The line of a device, for [`send_paced`].
fn listen(device: &mut Device) -> Result<UnixStream> {
    let line = device.board.uart(0)?;
    line.set_read_timeout(Some(Duration::from_secs(5)))?;
    // What the emulator has not taken keeps the sender waiting, who then sees that it is late.
    rustix::net::sockopt::set_socket_send_buffer_size(&line, 1)?;
    Ok(line)
}

/// The operations that upload an image.
fn upload(name: &'static str, image: &'static [u8]) -> impl Iterator<Item = Op<'static>> {
    let begin = Op::UploadBegin {
        upload: 0,
        name,
        length: image.len() as u32,
        hash: ImageHash::of(image),
        parameters: Parameters::default(),
    };
    let upload = begin.upload_id().unwrap_or_default();
    let chunks = image
        .chunks(CHUNK_MAX)
        .enumerate()
        .map(move |(number, bytes)| {
            let offset = (number * CHUNK_MAX) as u32;
            Op::UploadChunk {
                upload,
                offset,
                bytes,
            }
        });
    std::iter::once(begin)
        .chain(chunks)
        .chain([Op::UploadCommit { upload }])
}

/// A whole upload, its requests one behind the other without waiting for an answer, while a container
/// never gives the processor back: every byte is taken, every request answered, in order.
#[test]
fn nothing_is_lost_at_line_rate_without_waiting() -> Result<()> {
    for _ in 0..ATTEMPTS {
        let mut latest = 0;
        match nothing_is_lost(&mut latest) {
            Err(error) if latest > LATE_MAX => println!("late by {latest} ticks, {error}"),
            other => return other,
        }
    }
    anyhow::bail!("the host is too busy to be a line")
}

fn nothing_is_lost(latest: &mut u64) -> Result<()> {
    let flash = Flash::new()?;
    let mut device = Device::power_on_board(&flash, |board| paced(board, Sleep::Aligned))?;
    let mut line = listen(&mut device)?;

    let busy = std::fs::read(guest("spin"))?;
    let image = with_custom_section(std::fs::read(guest("fib"))?, 20_000);
    let (busy, image): (&[u8], &[u8]) = (busy.leak(), image.leak());
    let first: Vec<Op<'_>> = upload("spin", busy)
        .chain([Op::Start { name: "spin" }])
        .collect();
    let bytes = frames(first.iter().copied(), 1)?;
    send_paced(&mut device, &mut line, &bytes, latest)?;
    let expected: Vec<_> = (1..).map(|id| (id, None)).take(first.len()).collect();
    ensure!(answers(&mut line, expected.len())? == expected);

    // What follows the upload comes while the device checks the module.
    let second: Vec<Op<'_>> = upload("fib", image)
        .chain(std::iter::repeat_n(Op::Heap, 20))
        .collect();
    let bytes = frames(second.iter().copied(), 1000)?;
    // Answers are read meanwhile: a board does not wait for its listeners either.
    let mut reading = line.try_clone()?;
    let count = second.len();
    let reader = std::thread::spawn(move || answers(&mut reading, count));
    let is_sent = send_paced(&mut device, &mut line, &bytes, latest);
    if is_sent.is_err() {
        // Nobody waits for answers to what was not asked.
        line.shutdown(Shutdown::Both)?;
    }
    let found = reader
        .join()
        .map_err(|_| anyhow::anyhow!("the reader panicked"))?;
    is_sent?;
    let found = found?;
    let expected: Vec<_> = (1000..).map(|id| (id, None)).take(count).collect();
    ensure!(found == expected, "{found:?}");
    println!("{} bytes at line rate, {count} answers", bytes.len());
    Ok(())
}

/// The state of the console's UART, and the bit that says that a byte has not been taken.
const UART_STATE: u32 = 0x4000_4004;
const UART_FULL: u32 = 1 << 1;

/// Send as a line of that pace does: no part sooner behind the one before than it takes, and none before the board has all of
/// that one. What comes late is caught up with by nobody. Returns the ticks that it took.
fn send_steady(device: &mut Device, line: &mut UnixStream, bytes: &[u8]) -> Result<u64> {
    let start = device.board.bus.read32(COUNTER)?;
    let mut due = 0;
    for (number, part) in bytes.chunks(TOGETHER).enumerate() {
        if number % 20 == 0 { println!("part {number} due {due}"); }
        let passed = loop {
            let passed = u64::from(device.board.bus.read32(COUNTER)?.wrapping_sub(start));
            if passed >= due {
                break passed;
            }
            let left_us = (due - passed) * 1_000_000 / TICKS;
            std::thread::sleep(Duration::from_micros(left_us / 2));
        };
        line.write_all(part)?;
        // The emulator's loop gives a byte to a UART that is empty and answers here, by turns: behind each answer that it was
        // empty one more byte has gone.
        let mut empty = 0;
        while empty <= part.len() {
            let state = device.board.bus.read32(UART_STATE)?;
            empty += usize::from(state & UART_FULL == 0);
            let now = u64::from(device.board.bus.read32(COUNTER)?.wrapping_sub(start));
            ensure!(now - passed <= HOPELESS, "{empty} of a part's bytes were taken");
        }
        due = passed + part.len() as u64 * TICKS / BYTES;
    }
    Ok(due)
}

/// Upstream's console keeps nothing between two reads: who computes has to look what has come before one read is full.
#[test]
fn nothing_is_lost_by_a_console_that_keeps_nothing() -> Result<()> {
    let flash = Flash::with_kernel("no-ring-kernel.bin")?;
    flash.install("wasm_supervisor")?;
    let mut device = Device::power_on_board(&flash, |board| paced(board, Sleep::Aligned))?;
    let mut line = listen(&mut device)?;
    // Before it says hello nobody reads.
    let mut said = Vec::new();
    while !said.ends_with(b"type help") {
        let mut byte = [0];
        line.read_exact(&mut byte)
            .with_context(|| String::from_utf8_lossy(&said).into_owned())?;
        said.extend(byte);
    }

    let computing = std::fs::read(guest("spin"))?;
    let calling = handlers::whole("leds", "(loop $l (drop (call $now)) (br $l))", "")?;
    // A thousand interrupts a second of a timer at 25 MHz, and half the time in their handlers.
    let handling = handlers::whole(
        "timer0",
        "(call $handle_with_priority (i32.const 5))
         (call $set (i32.const 0x8) (i32.const 24999))
         (call $set (i32.const 0x0) (i32.const 9))
         (loop $l (drop (call $busy)) (br $l))",
        "(drop (call $busy))",
    )?;
    for (name, image) in [
        ("computing", computing),
        ("calling", calling),
        ("handling", handling),
    ] {
        let image: &[u8] = image.leak();
        // While a module is checked nobody listens: one request after the other.
        for (op, id) in upload(name, image).chain([Op::Start { name }]).zip(1..) {
            send_steady(&mut device, &mut line, &frames([op].into_iter(), id)?)?;
            let answer = answers(&mut line, 1).with_context(|| format!("{name}: request {id}"))?;
            ensure!(answer == [(id, None)], "{name}: {answer:?}");
        }
        // Long requests, each answered in a word: a line that is full in one direction.
        let count = 80;
        let chunk = Op::UploadChunk {
            upload: 1,
            offset: 0,
            bytes: &[0x5a; CHUNK_MAX],
        };
        let bytes = frames(std::iter::repeat_n(chunk, count), 1000)?;
        let mut reading = line.try_clone()?;
        let reader = std::thread::spawn(move || answers(&mut reading, count));
        let took = send_steady(&mut device, &mut line, &bytes)?;
        let found = reader
            .join()
            .map_err(|_| anyhow::anyhow!("the reader panicked"))?
            .with_context(|| name)?;
        let expected: Vec<_> = (1000..)
            .map(|id| (id, Some("no-upload")))
            .take(count)
            .collect();
        ensure!(found == expected, "{name}: {found:?}");
        let pace = bytes.len() as u64 * TICKS / took;
        println!("{name}: {} bytes at {pace} bytes/s", bytes.len());
    }
    Ok(())
}
