//! The receiver against a model of upstream Tock's console, by its interface: one read at a time goes straight into the
//! driver's buffer of 64 bytes; it ends when all its bytes have come, or, a while after it was asked to, by an abort. Between
//! two reads the UART holds one byte; a second one overwrites it.

#![allow(unsafe_code)]

use super::*;
use crate::raw::{class, variant, yield_variant};
use std::collections::VecDeque;
use std::rc::Rc;
use std::{cell::RefCell, vec, vec::Vec};

/// Nanoseconds of a byte at 115200 baud.
const BYTE_NS: u64 = 86_806;
/// A system call: 600 instructions at 64 MHz.
const CALL_NS: u64 = 9_400;
/// From the call that aborts a read to its end.
const ABORT_NS: u64 = 30_000;
/// Bytes of the driver's own buffer.
const DRIVER_BYTES: usize = 64;

struct Read {
    asked: usize,
    bytes: Vec<u8>,
    /// When an abort ends it.
    ends_ns: Option<u64>,
}

#[derive(Default)]
struct Model {
    now_ns: u64,
    /// Bytes on the line and when they are complete.
    line: VecDeque<(u64, u8)>,
    /// The UART's register.
    held: Option<u8>,
    overruns: u32,
    read: Option<Read>,
    lent: (usize, usize),
    subscribed: usize,
    upcalls: VecDeque<[usize; 3]>,
    /// Another process reads until then.
    busy_until_ns: u64,
    calls: u64,
}

impl Model {
    /// Let time pass.
    fn pass(&mut self, ns: u64) {
        let until = self.now_ns + ns;
        loop {
            let byte = self.line.front().map(|(at, _)| *at);
            let abort = self.read.as_ref().and_then(|read| read.ends_ns);
            let next = [byte, abort].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            self.now_ns = self.now_ns.max(next);
            if abort == Some(next) {
                self.end(crate::ErrorCode::Cancel as usize);
            } else if let Some((_, byte)) = self.line.pop_front() {
                self.arrive(byte);
            }
        }
        self.now_ns = until;
    }

    fn arrive(&mut self, byte: u8) {
        let Some(read) = &mut self.read else {
            self.overruns += u32::from(self.held.replace(byte).is_some());
            return;
        };
        read.bytes.push(byte);
        if read.bytes.len() == read.asked {
            self.end(0);
        }
    }

    fn end(&mut self, status: usize) {
        let read = self.read.take().unwrap();
        assert!(read.bytes.len() <= self.lent.1);
        for (index, byte) in read.bytes.iter().enumerate() {
            // SAFETY: lent right now, and that long.
            unsafe {
                core::ptr::with_exposed_provenance_mut::<u8>(self.lent.0 + index).write(*byte);
            }
        }
        self.upcalls.push_back([status, read.bytes.len(), 0]);
    }

    fn command(&mut self, number: usize, argument: usize) -> Option<crate::ErrorCode> {
        match number {
            2 if self.read.is_some() || self.now_ns < self.busy_until_ns => {
                return Some(crate::ErrorCode::Busy);
            }
            // Upstream's takes no less instead.
            2 if argument.min(self.lent.1) > DRIVER_BYTES => {
                return Some(crate::ErrorCode::Invalid);
            }
            2 => {
                self.read = Some(Read {
                    asked: argument.min(self.lent.1),
                    bytes: Vec::new(),
                    ends_ns: None,
                });
                if let Some(byte) = self.held.take() {
                    self.arrive(byte);
                }
            }
            3 => {
                if let Some(read) = &mut self.read {
                    read.ends_ns = Some(self.now_ns + ABORT_NS);
                }
            }
            _ => return Some(crate::ErrorCode::NoSupport),
        }
        None
    }
}

type Shared = Rc<RefCell<Model>>;

fn install() -> Shared {
    let model = Shared::default();
    let shared = model.clone();
    crate::host::install(move |class, [r0, r1, r2, r3]| {
        let mut model = shared.borrow_mut();
        model.calls += 1;
        model.pass(CALL_NS);
        match class {
            class::SUBSCRIBE => {
                model.subscribed = r3;
                [variant::SUCCESS_2_U32, 0, 0, r3]
            }
            class::ALLOW_READ_WRITE => {
                let (address, length) = core::mem::replace(&mut model.lent, (r2, r3));
                [variant::SUCCESS_2_U32, address, length, r3]
            }
            class::COMMAND => match model.command(r1, r2) {
                None => [variant::SUCCESS, r1, r2, r3],
                Some(code) => [variant::FAILURE, code as usize, r2, r3],
            },
            class::YIELD => {
                assert_eq!(r0, yield_variant::NO_WAIT);
                let upcall = model.upcalls.pop_front();
                let ran = u8::from(upcall.is_some());
                if let Some(arguments) = upcall {
                    // SAFETY: what the subscription gave.
                    unsafe { crate::host::upcall(model.subscribed, arguments) };
                }
                // SAFETY: the flag of a Yield-NoWait.
                unsafe { core::ptr::with_exposed_provenance_mut::<u8>(r1).write(ran) };
                [r0, r1, r2, r3]
            }
            _ => crate::host::no_device(class, [r0, r1, r2, r3]),
        }
    });
    model
}

/// One at a console that keeps nothing.
fn receiver(slot: &'static EventSlot) -> Receiver {
    assert_eq!(super::super::kept(), 0);
    let mut receiver = Receiver::new(vec![0; 64].leak(), slot, false).unwrap();
    receiver.keep_in(vec![0; 1024].leak());
    receiver
}

/// A process as the supervisor is one: looks, works for a while or sleeps, and looks again.
struct Process {
    model: Shared,
    receiver: Receiver,
    slot: &'static EventSlot,
    heard: Vec<u8>,
    /// How long each byte was on its way to it, at worst.
    random: u64,
}

impl Process {
    fn new() -> Self {
        let model = install();
        let slot: &'static EventSlot = std::boxed::Box::leak(std::boxed::Box::default());
        Self {
            model,
            receiver: receiver(slot),
            slot,
            heard: Vec::new(),
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn now_us(&self) -> u64 {
        self.model.borrow().now_ns / 1000
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) % n
    }

    /// So many bytes come, one right behind the other, beginning after `after_us`.
    fn send(&mut self, after_us: u64, bytes: impl Iterator<Item = u8>) {
        let mut model = self.model.borrow_mut();
        let begin = model.now_ns + after_us * 1000;
        let times = (1..).map(|n| begin + n * BYTE_NS);
        model.line.extend(times.zip(bytes));
    }

    fn look(&mut self) -> usize {
        let mut out = [0; 64];
        let count = self.receiver.receive(self.now_us(), &mut out);
        self.heard.extend(&out[..count]);
        count
    }

    /// Compute; nobody looks at what comes.
    fn work(&mut self, us: u64) {
        self.model.borrow_mut().pass(us * 1000);
    }

    /// Wait for something that takes so long, an answer on its way out say; a read that ends wakes the process.
    fn wait(&mut self, us: u64) {
        let until = self.now_us() + us;
        while self.now_us() < until {
            self.model.borrow_mut().pass(10_000);
            if yield_no_wait() {
                self.receiver.keep(self.now_us());
            }
        }
    }

    /// Sleep until a byte or the moment wakes it, as a wait on an alarm does. How long.
    fn sleep(&mut self, longest_us: u64) -> u64 {
        let from = self.now_us();
        let wake = self.receiver.before_sleep(from);
        let until = wake.unwrap_or(u64::MAX).min(from + longest_us);
        while self.now_us() < until && !self.slot.is_filled() {
            self.model.borrow_mut().pass(10_000);
            while yield_no_wait() {}
        }
        self.receiver.after_sleep(self.now_us());
        self.now_us() - from
    }
}

fn pattern(length: u32) -> impl Iterator<Item = u8> {
    (0..length).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
}

/// Bytes come at the line's pace to a process that does the same again and again: it gets all of them, in their order.
fn loses_nothing(mut again: impl FnMut(&mut Process)) {
    let mut process = Process::new();
    let total = 20_000;
    process.send(3_000, pattern(total));
    while process.heard.len() < total as usize {
        again(&mut process);
        assert!(
            process.now_us() < 10_000_000,
            "{} came",
            process.heard.len()
        );
    }
    assert_eq!(process.model.borrow().overruns, 0);
    assert!(process.heard.iter().copied().eq(pattern(total)));
}

#[test]
fn no_byte_is_lost_while_the_process_works() {
    loses_nothing(|process| {
        process.look();
        // A slice: up to 3 ms in one piece.
        let us = process.below(3_000);
        process.work(us);
    });
}

#[test]
fn no_byte_is_lost_while_the_process_waits_for_something_else() {
    loses_nothing(|process| {
        while process.look() > 0 {}
        // As long as an answer of 700 bytes takes.
        let us = process.below(60_000);
        process.wait(us);
    });
}

#[test]
fn no_byte_is_lost_when_it_comes_to_who_was_woken_by_something_else() {
    let mut process = Process::new();
    let mut sent = Vec::new();
    for _ in 0..200 {
        while process.look() > 0 {}
        // A timer: asleep for long, and then at work before anything is received.
        process.model.borrow_mut().pass(50_000_000);
        process.sleep(7_000);
        let after = process.below(500);
        process.send(after, pattern(40));
        sent.extend(pattern(40));
        process.work(2_500);
        while process.heard.len() < sent.len() {
            process.look();
            process.work(500);
            assert!(
                process.now_us() < 60_000_000,
                "{} came",
                process.heard.len()
            );
        }
    }
    assert_eq!(process.model.borrow().overruns, 0);
    assert_eq!(process.heard, sent);
}

#[test]
fn it_says_until_when_it_has_to_be_asked() {
    let mut process = Process::new();
    process.look();
    let now = process.now_us();
    let by = process.receiver.look_by();
    assert!((now + 1_000..=now + LOOK_US).contains(&by), "{by} at {now}");
    // Whoever works until then and takes 3 ms more loses nothing.
    process.send(0, pattern(2_000));
    while process.heard.len() < 2_000 && process.now_us() < 10_000_000 {
        let left = process.receiver.look_by().saturating_sub(process.now_us());
        process.work(left + 3_000);
        process.look();
    }
    assert_eq!(process.model.borrow().overruns, 0);
    assert!(process.heard.iter().copied().eq(pattern(2_000)));
}

#[test]
fn no_byte_is_lost_when_it_comes_out_of_silence() {
    let mut process = Process::new();
    let mut sent = Vec::new();
    for round in 0..200 {
        // Typed, or a frame; after a while in which the process may have gone to sleep.
        let length = [1, 2, 3, 64, 65, 256][round % 6];
        let pause = process.below(60_000);
        process.send(pause, pattern(length));
        sent.extend(pattern(length));
        let mut slept = 0;
        while process.heard.len() < sent.len() {
            if process.look() == 0 {
                slept += process.sleep(1_000_000);
            }
            assert!(
                slept < 1_000_000,
                "round {round}: {} of {}",
                process.heard.len(),
                sent.len()
            );
        }
    }
    assert_eq!(process.model.borrow().overruns, 0);
    assert_eq!(process.heard, sent);
}

#[test]
fn no_byte_is_lost_between_work_and_sleep() {
    let mut process = Process::new();
    let mut sent = Vec::new();
    for _ in 0..300 {
        let (pause, length) = (process.below(30_000), process.below(80) as u32 + 1);
        process.send(pause, pattern(length));
        sent.extend(pattern(length));
        // Containers that wake, work, and sleep.
        while process.heard.len() < sent.len() {
            process.look();
            match process.below(3) {
                0 => {
                    let us = process.below(2_500);
                    process.work(us);
                }
                _ => {
                    let us = process.below(30_000);
                    process.sleep(us);
                }
            }
        }
    }
    assert_eq!(process.model.borrow().overruns, 0);
    assert_eq!(process.heard, sent);
}

#[test]
fn a_process_with_nothing_to_do_sleeps_until_a_byte_comes() {
    let mut process = Process::new();
    for _ in 0..50 {
        process.look();
        process.sleep(10_000);
    }
    let calls = process.model.borrow().calls;
    process.send(800_000, pattern(1));
    let slept = process.sleep(10_000_000);
    assert!((800_000..810_000).contains(&slept), "{slept}");
    // What the model's sleep asks is one yield a look.
    assert!(process.model.borrow().calls - calls < 90_000);
    assert_eq!(process.look(), 1);
}

#[test]
fn another_process_that_reads_is_waited_for() {
    let model = install();
    model.borrow_mut().busy_until_ns = 50_000_000;
    let slot: &'static EventSlot = std::boxed::Box::leak(std::boxed::Box::default());
    let mut process = Process {
        model,
        receiver: receiver(slot),
        slot,
        heard: Vec::new(),
        random: 7,
    };
    process.send(100_000, pattern(100));
    while process.heard.len() < 100 && process.now_us() < 1_000_000 {
        if process.look() == 0 {
            process.sleep(100_000);
        }
    }
    assert!(process.heard.iter().copied().eq(pattern(100)));
}
