//! The supervisor behind its line: sequences of requests, noise, time and ends of the power, beside a model of what is stored.

use std::sync::LazyLock;

use berth_flash::Simulated;
use berth_protocol::{
    CHUNK_MAX, Event, FRAME_MAX, FrameDecoder, ImageHash, Op, Parameters, Request, Response,
    Restart, encode_frame,
};
use wasm_supervisor::fake::Fake;
use wasm_supervisor::supervisor::Supervisor;

use crate::bytes::{Bytes, counted};
use crate::frame::operations;

mod model;

use model::{Announced, Stored, changes};

/// Pages of the store's flash.
const PAGES: usize = 24;

/// Steps of a sequence.
const STEPS_MAX: usize = 64;

const NAMES: [&str; 3] = ["a", "blink", "c"];

/// Modules that are uploaded.
static IMAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let texts = [
        r#"(module (import "mmio:fpgaio" "claim" (func $claim (result i32)))
          (import "mmio" "write32" (func $write (param i32 i32 i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (memory (export "memory") 64 (pagesize 1))
          (func (export "_start")
            (loop $again
              (call $write (call $claim) (i32.const 0) (i32.const 1))
              (call $log (i32.const 2) (i32.const 0) (i32.const 7))
              (call $sleep (i64.const 1000))
              (br $again))))"#,
        r#"(module (func (export "_start") (loop $again (br $again))))"#,
        r#"(module (import "mmio:uart1" "claim" (func $claim (result i32))) (func (export "_start") (drop (call $claim)) unreachable))"#,
        r#"(module (import "mmio:secret" "claim" (func $claim (result i32))) (func (export "_start")))"#,
        r#"(module (memory 2) (func (export "_start")))"#,
    ];
    let modules = texts.iter().map(|text| wat::parse_str(text).unwrap());
    modules.chain([b"no module".to_vec()]).collect()
});

struct World {
    fake: Fake,
    supervisor: Supervisor<Fake>,
    next_id: u32,
    stored: Stored,
    announced: Option<Announced>,
}

/// Sequences; the power comes back after each end of it.
pub fn body(input: &[u8]) {
    let mut world = World::new();
    let mut bytes = Bytes(input);
    for _ in 0..STEPS_MAX {
        if bytes.is_empty() {
            break;
        }
        world = world.step(&mut bytes);
    }
    world.end();
}

impl World {
    fn new() -> Self {
        let fake = Fake::default();
        fake.0.flash.replace(Some(Simulated::new(PAGES)));
        Self {
            supervisor: Supervisor::new(fake.clone()),
            fake,
            next_id: 100,
            stored: Stored::new(),
            announced: None,
        }
    }

    fn step(mut self, bytes: &mut Bytes<'_>) -> Self {
        let kind = bytes.below(20);
        let name = NAMES[bytes.below(NAMES.len())];
        match kind {
            0..=2 => self.upload(name, bytes),
            3 => self.tell(Op::Start { name }),
            4 => self.tell(Op::Stop { name }),
            5 => self.tell(Op::Kill { name }),
            6 => self.tell(Op::Remove { name }),
            7 => self.tell(Op::Pause { name }),
            8 => self.tell(Op::Resume { name }),
            9 | 10 => self.message(bytes.counted()),
            11 => self.noise(bytes.counted()),
            12..=14 => self.live(u64::from(bytes.word()) % 2_000_000),
            15 => self = self.restarted(),
            16 => self.check(),
            17 => self.update(name, bytes),
            _ => {
                let parameters = Parameters {
                    share: Some(bytes.byte()),
                    boot: Some(bytes.byte().is_multiple_of(2)),
                    restart: bytes
                        .byte()
                        .is_multiple_of(2)
                        .then_some(Restart::Always { backoff_ms: 100 }),
                    ..Parameters::default()
                };
                let restart = bytes.byte().is_multiple_of(2);
                self.tell(Op::Edit {
                    name,
                    parameters,
                    restart,
                });
            }
        }
        self
    }

    /// Sends what is in `line`, and returns the messages that come back.
    fn send(&mut self, line: &[u8]) -> Vec<Vec<u8>> {
        self.fake.0.input.borrow_mut().extend(line);
        while !self.fake.0.input.borrow().is_empty() {
            self.supervisor.poll();
        }
        let sent = std::mem::take(&mut *self.fake.0.output.borrow_mut());
        let mut decoder = FrameDecoder::new();
        let mut messages = Vec::new();
        for byte in sent {
            match decoder.push(byte) {
                Event::Message(message) => messages.push(message.to_vec()),
                Event::Dropped(bytes) => panic!("a broken frame: {bytes:x?}"),
                _ => {}
            }
        }
        messages
    }

    /// One request, which has one answer, with its number.
    fn ask<R>(&mut self, op: Op<'_>, then: impl FnOnce(&mut Self, &Response<'_>) -> R) -> R {
        self.next_id += 1;
        let id = self.next_id;
        let mut buffer = [0; FRAME_MAX];
        let frame = encode_frame(&Request { id, op }, &mut buffer).unwrap();
        let answers = self.send(frame);
        assert_eq!(answers.len(), 1, "{op:?}");
        let response = Response::decode(&answers[0]).unwrap();
        assert_eq!(response.id, id, "{op:?}");
        if changes(&op) {
            // The same number: the same request, which is not done twice.
            let again = self.send(frame);
            assert_eq!(again, answers, "{op:?}");
        }
        then(self, &response)
    }

    /// One request, and the model is told what came of it.
    fn tell(&mut self, op: Op<'_>) {
        self.ask(op, |world, response| world.note(&op, response));
    }

    /// What is sent is a message of the input.
    fn message(&mut self, message: &[u8]) {
        match Request::decode(message) {
            // One that is too long to be told again in a frame is told by nobody.
            Ok(request) if encode_frame(&request, &mut [0; FRAME_MAX]).is_ok() => {
                self.tell(request.op);
            }
            _ => {
                let mut buffer = [0; FRAME_MAX];
                if let Ok(frame) = berth_protocol::frame_message(message, &mut buffer) {
                    let answers = self.send(frame);
                    assert!(answers.len() <= 1);
                }
            }
        }
    }

    /// Bytes that are typed, or noise. What they do is not known before.
    fn noise(&mut self, bytes: &[u8]) {
        self.send(bytes);
        // Whatever is open ends here.
        self.send(&[0, 0]);
        self.send(b"\0\r\x03\r");
        self.live(2_000_000);
        self.resync();
    }

    fn upload(&mut self, name: &str, bytes: &mut Bytes<'_>) {
        let image = &IMAGES[bytes.below(IMAGES.len())];
        let upload = u32::from(bytes.byte());
        let cut = bytes.byte();
        self.tell(Op::UploadBegin {
            upload,
            name,
            length: image.len() as u32,
            hash: ImageHash::of(image),
            parameters: Parameters::default(),
        });
        self.parts(upload, image, cut);
    }

    fn update(&mut self, name: &str, bytes: &mut Bytes<'_>) {
        let image = &IMAGES[bytes.below(IMAGES.len())];
        let upload = u32::from(bytes.byte());
        let cut = bytes.byte();
        self.tell(Op::UpdateBegin {
            upload,
            name,
            length: image.len() as u32,
            hash: ImageHash::of(image),
            parameters: Parameters::default(),
            trial_ms: u32::from(bytes.byte()),
        });
        self.parts(upload, image, cut);
    }

    /// The parts of an image and its commit, as far as `cut` lets it come.
    fn parts(&mut self, upload: u32, image: &[u8], cut: u8) {
        for (number, bytes) in image.chunks(CHUNK_MAX).enumerate() {
            if cut == number as u8 + 1 {
                return;
            }
            self.tell(Op::UploadChunk {
                upload,
                offset: (number * CHUNK_MAX) as u32,
                bytes,
            });
        }
        match cut {
            100..150 => self.tell(Op::UploadAbort { upload }),
            150..200 => {}
            200..220 => self.tell(Op::RunCommit { upload }),
            _ => self.tell(Op::UploadCommit { upload }),
        }
    }

    /// Lets time pass.
    fn live(&mut self, microseconds: u64) {
        let end = self.fake.0.now_us.get() + microseconds;
        for _ in 0..64 {
            let now = self.fake.0.now_us.get();
            if now >= end {
                break;
            }
            if !self.supervisor.poll() {
                self.fake
                    .0
                    .now_us
                    .set((now + microseconds / 32 + 1).min(end));
            }
        }
        self.fake.0.output.borrow_mut().clear();
    }

    /// The next supervisor on the same device.
    fn restarted(self) -> Self {
        let Self {
            fake,
            supervisor,
            next_id,
            stored,
            ..
        } = self;
        drop(supervisor);
        fake.begin_again();
        fake.0.output.borrow_mut().clear();
        let mut world = Self {
            supervisor: Supervisor::new(fake.clone()),
            fake,
            next_id,
            stored,
            announced: None,
        };
        world.check();
        world
    }

    /// Everything is removed; nothing is left, on the device or of what it held.
    fn end(mut self) {
        self.check();
        let names: Vec<String> = self.stored.keys().cloned().collect();
        for name in &names {
            self.tell(Op::Kill { name });
            self.tell(Op::Remove { name });
        }
        assert!(self.listed().is_empty());
        let holders = self.fake.0.holders.borrow();
        assert!(holders.iter().all(Option::is_none), "a block is still held");
        drop(holders);
        self.stored.clear();
        self.restarted().check();
    }
}

/// Whole lives, and messages of each kind.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    // Upload, start, time, pause, resume, stop, restart of the device, remove.
    let life = [
        0, 1, 0, 7, 0, 3, 1, 12, 0, 0, 0, 1, 0, 7, 1, 8, 1, 4, 1, 15, 0, 16, 0, 6, 1,
    ];
    let update = [
        0, 0, 0, 1, 0, 3, 0, 12, 0, 0, 0, 1, 0, 17, 0, 1, 2, 0, 9, 13, 0, 0, 0, 9, 0, 17, 0, 2, 3,
        0, 9, 13, 0, 0, 0, 9, 0, 15, 0, 5, 0, 6, 0,
    ];
    let refused = [
        1, 2, 3, 4, 0, 3, 2, 1, 1, 4, 5, 0, 3, 1, 2, 0, 5, 6, 0, 18, 2, 5, 0, 1, 0, 0, 2, 2, 9, 2,
        15, 0,
    ];
    let mut messages = Vec::new();
    for (id, op) in operations().into_iter().enumerate() {
        let mut buffer = [0; FRAME_MAX];
        let id = id as u32;
        let frame = encode_frame(&Request { id, op }, &mut buffer).unwrap();
        let mut decoder = FrameDecoder::new();
        for byte in frame {
            if let Event::Message(message) = decoder.push(*byte) {
                messages.extend([9, 0]);
                messages.extend(counted(message));
            }
        }
    }
    let mut typed = vec![0, 1, 0, 7, 0, 11, 0];
    typed.extend(counted(b"start blink\rps\rrm blink\r"));
    let whole = [&life[..], &update, &refused, &messages].concat();
    vec![
        life.to_vec(),
        update.to_vec(),
        refused.to_vec(),
        messages,
        typed,
        whole,
    ]
}
