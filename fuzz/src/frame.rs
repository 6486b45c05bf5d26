//! The serial line's frames: no byte makes the decoder do anything but what [`berth_protocol`] says.

use berth_protocol::{
    CHUNK_MAX, Event, FRAME_MAX, FrameDecoder, ImageHash, Op, Parameters, Request, Response,
    encode_frame, frame_message,
};

use crate::bytes::{Bytes, counted};

/// The first byte says how the others are meant: as they come on the line, as messages, or as parts of a line of which
/// some are frames, whole and damaged.
pub fn body(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    match kind % 3 {
        0 => line(rest),
        1 => message(rest),
        _ => conversation(Bytes(rest)),
    }
}

/// Everything on the line is text, a message, or dropped, and a message is what stood between its zeros.
fn line(bytes: &[u8]) {
    let mut decoder = FrameDecoder::new();
    let mut open = None;
    for (at, byte) in bytes.iter().enumerate() {
        let began = open;
        match decoder.push(*byte) {
            Event::Nothing => {
                if *byte == 0 {
                    open = Some(at + 1);
                }
            }
            Event::Text(text) => assert!(text == *byte && text != 0 && began.is_none()),
            Event::Message(found) => {
                let mut buffer = [0; FRAME_MAX];
                let frame = frame_message(found, &mut buffer).unwrap();
                let from = began.unwrap();
                assert_eq!(&frame[1..frame.len() - 1], &bytes[from..at]);
                message(found);
                open = None;
            }
            Event::Dropped(dropped) => {
                let from = began.unwrap();
                let to = if *byte == 0 { at } else { at + 1 };
                assert_eq!(dropped, &bytes[from..to]);
                open = (*byte == 0).then_some(at + 1);
            }
        }
        assert_eq!(decoder.in_frame(), open.is_some());
    }
    // Whatever came before, the next whole frame is found.
    let id = 0x1234_5678;
    let mut buffer = [0; FRAME_MAX];
    let frame = encode_frame(&Request { id, op: Op::Heap }, &mut buffer).unwrap();
    let mut found = None;
    for byte in [0].iter().chain(frame) {
        if let Event::Message(message) = decoder.push(*byte) {
            found = Request::decode(message).ok().map(|request| request.id);
        }
    }
    assert_eq!(found, Some(id));
}

/// What can be read as a message is the same when it was written again.
fn message(bytes: &[u8]) {
    let mut buffer = [0; FRAME_MAX];
    if let Ok(request) = Request::decode(bytes)
        && let Ok(frame) = encode_frame(&request, &mut buffer)
    {
        let again = only_message(frame);
        assert_eq!(Request::decode(&again), Ok(request));
    }
    let mut buffer = [0; FRAME_MAX];
    if let Ok(response) = Response::decode(bytes)
        && let Ok(frame) = encode_frame(&response, &mut buffer)
    {
        let again = only_message(frame);
        assert_eq!(Response::decode(&again), Ok(response));
    }
}

fn only_message(frame: &[u8]) -> Vec<u8> {
    let messages = messages(frame);
    assert_eq!(messages.len(), 1);
    messages.concat()
}

fn messages(line: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = FrameDecoder::new();
    let mut found = Vec::new();
    for byte in line {
        if let Event::Message(message) = decoder.push(*byte) {
            found.push(message.to_vec());
        }
    }
    found
}

/// A damaged frame costs itself and no other.
fn conversation(mut bytes: Bytes<'_>) {
    let mut line = Vec::new();
    let mut sent = Vec::new();
    while !bytes.is_empty() {
        let kind = bytes.byte();
        let part = bytes.counted();
        if kind.is_multiple_of(3) {
            line.extend(part.iter().filter(|byte| **byte != 0));
            continue;
        }
        let mut buffer = [0; FRAME_MAX];
        let Ok(frame) = frame_message(part, &mut buffer) else {
            continue;
        };
        let from = line.len();
        line.extend(frame);
        if kind % 3 == 1 {
            sent.push(part.to_vec());
            continue;
        }
        // One byte is another one.
        let (at, flip) = (bytes.byte(), bytes.byte());
        match line.get_mut(from + usize::from(at)) {
            Some(byte) if flip != 0 => *byte ^= flip,
            _ => sent.push(part.to_vec()),
        }
    }
    assert_eq!(messages(&line), sent);
}

/// Requests of each kind, one after the other with text between, and the same as messages.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut parts = vec![2];
    let mut all = vec![0];
    for (id, op) in operations().into_iter().enumerate() {
        let id = id as u32;
        let mut buffer = [0; FRAME_MAX];
        let frame = encode_frame(&Request { id, op }, &mut buffer).unwrap();
        let message = only_message(frame);
        all.extend(frame);
        all.extend(b"[blink] toggled\r\n");
        seeds.push([&[1], &message[..]].concat());
        parts.push((id % 3) as u8);
        parts.extend(counted(&message));
        parts.extend(if id % 3 == 2 { &[7, 1][..] } else { &[] });
    }
    seeds.extend([all, parts]);
    seeds
}

/// Operations of many kinds.
#[must_use]
pub fn operations() -> Vec<Op<'static>> {
    let name = "blink";
    let parameters = Parameters::default();
    let hash = ImageHash([7; 32]);
    vec![
        Op::Hello { protocol: 1 },
        Op::Heap,
        Op::UploadBegin {
            upload: 1,
            name,
            length: 300,
            hash,
            parameters,
        },
        Op::UploadChunk {
            upload: 1,
            offset: 0,
            bytes: &[0; CHUNK_MAX],
        },
        Op::UploadCommit { upload: 1 },
        Op::UploadAbort { upload: 1 },
        Op::Start { name },
        Op::Stop { name },
        Op::Kill { name },
        Op::Remove { name },
        Op::Containers { cursor: 0 },
        Op::Log {
            name,
            log: Some(1),
            from: 0,
        },
        Op::Exposures { cursor: 0 },
        Op::Detail { of: 1, index: 0 },
        Op::Pause { name },
        Op::Resume { name },
        Op::Edit {
            name,
            parameters,
            restart: true,
        },
        Op::Inspect { name },
        Op::Sources { name, cursor: 0 },
        Op::Images { cursor: 0 },
        Op::Events { log: None, from: 0 },
        Op::Status,
        Op::UpdateBegin {
            upload: 2,
            name,
            length: 300,
            hash,
            parameters,
            trial_ms: 100,
        },
        Op::UpdateStatus { name, upload: None },
        Op::Lift { name },
        Op::Reset { uptime_us: 5 },
        Op::ReadImage { name, offset: 0 },
        Op::RunCommit { upload: 2 },
        Op::Blocks { name, cursor: 0 },
        Op::FaultBlock { name },
        Op::FaultPlace { name },
        Op::Draft {
            draft: 1,
            offset: 0,
            bytes: b"a=b\0",
        },
        Op::Kept { name, offset: 0 },
    ]
}
