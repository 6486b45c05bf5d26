//! A serial line that does not wait: bytes come at 115200 baud whether anybody reads them or not.
//!
//! Time is the board's own, counted in instructions (32 ns each, a core of 31 MHz), so a busy
//! host changes nothing.

#[path = "line/guests.rs"]
mod guests;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, guest};
use berth_emulator::{Icount, Sleep};
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
        let got = line
            .read(&mut buffer)
            .with_context(|| format!("after {} of {count} answers", found.len()))?;
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
    let mut device = Device::power_on_board(&flash, |board| {
        board
            .raw_console()
            .limit(Duration::from_secs(300))
            .icount(Icount {
                shift: 5,
                sleep: Sleep::RealTime,
            })
    })?;
    let mut line = device.board.uart(0)?;
    line.set_read_timeout(Some(Duration::from_secs(5)))?;
    // What the emulator has not taken keeps the sender waiting, who then sees that it is late.
    rustix::net::sockopt::set_socket_send_buffer_size(&line, 1)?;

    let busy = std::fs::read(guest("spin"))?;
    let image = with_custom_section(std::fs::read(guest("fib"))?, 20_000);
    let upload = |name, image: &'static [u8]| {
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
    };
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
