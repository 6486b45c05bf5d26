//! The whole supervisor on a fake platform, driven through its serial line.

mod belongings;
mod claims;
mod containers;
mod edges;
mod engines;
mod failures;
mod lifecycle;
mod lines;
mod older;
mod operators;
mod refused;
mod requests;
mod reset;
mod sessions;
mod store;
mod trust;
mod uploads;

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use berth_protocol::{
    CHUNK_MAX, DeviceError, Event, FRAME_MAX, Fault, FrameDecoder, ImageHash, MissingWhy, Op,
    Parameters, Reply, Request, Response, State, encode_frame,
};

use super::Supervisor;
use crate::fake::{EXPOSED, Fake};

/// A supervisor and the operator's end of its line.
struct Bench {
    fake: Fake,
    supervisor: Supervisor<Fake>,
    next_id: u32,
    /// Text seen outside frames.
    text: String,
}

impl Bench {
    fn new() -> Self {
        let fake = Fake::default();
        Self {
            supervisor: Supervisor::new(fake.clone()),
            fake,
            next_id: 100,
            text: String::new(),
        }
    }

    fn type_text(&mut self, text: &str) -> String {
        self.fake.0.input.borrow_mut().extend(text.bytes());
        self.polls(4);
        self.collect();
        std::mem::take(&mut self.text)
    }

    fn polls(&mut self, count: usize) {
        for _ in 0..count {
            self.supervisor.poll();
        }
    }

    /// Let time pass as the process would: run, and sleep when there is nothing to do.
    fn live(&mut self, until_us: u64) {
        while self.fake.0.now_us.get() < until_us {
            if !self.supervisor.poll() {
                let wake = self.supervisor.deadline().unwrap_or(until_us);
                self.fake.0.now_us.set(wake.min(until_us));
            }
        }
    }

    /// Take apart what the supervisor has sent.
    fn collect(&mut self) -> Vec<Vec<u8>> {
        let sent = std::mem::take(&mut *self.fake.0.output.borrow_mut());
        let mut decoder = FrameDecoder::new();
        let mut messages = Vec::new();
        for byte in sent {
            match decoder.push(byte) {
                Event::Message(message) => messages.push(message.to_vec()),
                Event::Text(byte) => self.text.push(byte as char),
                _ => {}
            }
        }
        messages
    }

    fn send(&mut self, id: u32, op: Op<'_>) -> Vec<Vec<u8>> {
        let mut frame = [0; FRAME_MAX];
        let frame = encode_frame(&Request { id, op }, &mut frame).unwrap();
        self.fake.0.input.borrow_mut().extend(frame.iter());
        while !self.fake.0.input.borrow().is_empty() {
            self.supervisor.poll();
        }
        self.collect()
    }

    /// One request and what `check` makes of its answer.
    fn ask<R>(
        &mut self,
        op: Op<'_>,
        check: impl FnOnce(Result<Reply<'_>, DeviceError<'_>>) -> R,
    ) -> R {
        self.next_id += 1;
        let id = self.next_id;
        let answers = self.send(id, op);
        assert_eq!(answers.len(), 1, "one answer");
        let response = Response::decode(&answers[0]).unwrap();
        assert_eq!(response.id, id);
        check(response.result)
    }

    fn ok(&mut self, op: Op<'_>) {
        self.ask(op, |result| assert!(result.is_ok(), "{result:?}"));
    }

    fn refused(&mut self, op: Op<'_>) -> String {
        self.ask(op, |result| result.unwrap_err().to_string())
    }

    fn begin<'a>(name: &'a str, image: &[u8]) -> Op<'a> {
        Op::UploadBegin {
            upload: 0,
            name,
            length: image.len() as u32,
            hash: ImageHash::of(image),
            parameters: Parameters::default(),
        }
    }

    fn upload(&mut self, name: &str, image: &[u8]) {
        self.ok(Self::begin(name, image));
        for (number, bytes) in image.chunks(CHUNK_MAX).enumerate() {
            let offset = (number * CHUNK_MAX) as u32;
            self.ok(Op::UploadChunk {
                upload: 0,
                offset,
                bytes,
            });
        }
    }

    fn install(&mut self, name: &str, wat: &str) {
        let image = wat::parse_str(wat).unwrap();
        self.upload(name, &image);
        self.ok(Op::UploadCommit { upload: 0 });
    }

    fn state(&mut self, name: &str) -> State {
        let slot = self.supervisor.service.containers.find(name).unwrap();
        self.supervisor
            .service
            .containers
            .get(slot)
            .unwrap()
            .state()
    }

    /// All log lines of a container, through the protocol.
    fn logs(&mut self, name: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut from = 0;
        loop {
            let line = self.ask(
                Op::Log {
                    name,
                    log: None,
                    from,
                },
                |result| match result.unwrap() {
                    Reply::LogLine { sequence, text, .. } => Some((sequence, text.to_string())),
                    Reply::End => None,
                    other => panic!("{other:?}"),
                },
            );
            let Some((sequence, text)) = line else {
                return lines;
            };
            from = sequence + 1;
            lines.push(text);
        }
    }
}

/// Toggles bit 1 of the first register of `fpgaio` every 100 ms.
const BLINK: &str = r#"(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
  (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "toggled")
  (func (export "_start") (local $handle i32)
    (local.set $handle (call $claim))
    (loop $again
      (call $modify (local.get $handle) (i32.const 0) (i32.const 2)
        (i32.xor (call $read (local.get $handle) (i32.const 0)) (i32.const 2)))
      (call $log (i32.const 2) (i32.const 0) (i32.const 7))
      (call $sleep (i64.const 100000))
      (br $again))))"#;

const SPIN: &str = r#"(module (func (export "_start") (loop $again (br $again))))"#;

/// A module whose main is `body`, with what bodies need.
fn program(body: &str) -> String {
    format!(
        r#"(module
          (import "mmio:fpgaio" "claim" (func $claim (result i32)))
          (import "mmio" "read8" (func $read8 (param i32 i32) (result i32)))
          (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
          (import "mmio" "write16" (func $write16 (param i32 i32 i32)))
          (import "mmio" "write32" (func $write (param i32 i32 i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "now_us" (func $now (result i64)))
          (import "berth" "yield" (func $yield))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 64 (pagesize 1))
          (func $deep (call $deep))
          (func (export "_start") {body}))"#
    )
}
