//! How claims end: by whom, and what is left behind.

use super::{Board, LED, board, board_with, failed};
use crate::WasmHost;
use berth_exposure::{Claim, DESCRIPTION_MAX, DRIVER_NUM, allow, command};
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::syscall::CommandReturn;
use kernel::test_utils::TestProcess;
use std::boxed::Box;

/// A claim that process 0 made under tag 1, and who can end it.
pub(super) struct Held<'a> {
    pub(super) host: &'a WasmHost<3>,
    pub(super) processes: &'a [TestProcess],
    /// The exposure, by index and by label.
    pub(super) index: usize,
    pub(super) label: &'a str,
    pub(super) handle: u16,
}

impl Held<'_> {
    fn call(&self, process: usize, number: usize, a: usize, b: usize) -> CommandReturn {
        self.processes[process].command(self.host, number, a, b)
    }

    fn release_all(&self, process: usize) {
        assert_eq!(release_all(self.host, &self.processes[process], 1), 1);
    }
}

/// All that a process holds under a tag, as often as it takes; how much it was.
fn release_all<const N: usize>(host: &WasmHost<N>, process: &TestProcess, tag: usize) -> u32 {
    let (mut all, mut from) = (0, 0);
    loop {
        let answer = process.command(host, command::RELEASE_ALL, tag, from as usize);
        let (released, next) = answer.get_success_2_u32().unwrap();
        assert!(released <= 1);
        all += released;
        from = next;
        if from == 0 {
            return all;
        }
    }
}

type End = fn(&Held);

/// Every way a claim can end.
pub(super) const ENDS: [(&str, End); 8] = [
    ("release", |held| {
        let released = held.call(0, command::RELEASE, held.handle.into(), 0);
        assert!(released.is_success());
    }),
    ("release of all", |held| held.release_all(0)),
    ("fault, told", |held| {
        let process = held.processes[0].as_process();
        process.set_fault_state();
        held.host.process_gone(process.processid());
    }),
    ("fault, found", |held| {
        held.processes[0].as_process().set_fault_state();
        held.host.reap();
    }),
    ("end, found", |held| {
        held.processes[0].terminate();
        held.host.reap();
    }),
    ("restart, found", |held| {
        held.processes[0].restart();
        held.host.reap();
    }),
    ("end, next claimant", |held| {
        held.processes[0].terminate();
        let label = held.label.as_bytes();
        held.processes[1]
            .allow_ro(DRIVER_NUM, held.host, allow::RO_LABEL, label)
            .unwrap();
        let claimed = held.call(1, command::CLAIM, 1, label.len());
        assert!(claimed.get_success_3_u32().is_some());
        held.release_all(1);
    }),
    ("end, looked at", |held| {
        held.processes[0].terminate();
        held.processes[1]
            .allow_rw(
                DRIVER_NUM,
                held.host,
                allow::RW_DESCRIPTION,
                DESCRIPTION_MAX,
            )
            .unwrap();
        assert!(
            held.call(1, command::DESCRIBE, held.index, 0)
                .is_success_u32()
        );
    }),
];

impl Board {
    /// The claim of process 0 under tag 1 that `handle` stands for, to end it.
    pub(super) fn held<'a>(&'a self, index: usize, label: &'a str, handle: u16) -> Held<'a> {
        Held {
            host: &self.host,
            processes: &self.processes,
            index,
            label,
            handle,
        }
    }
}

/// However a claim ends, the hardware is safe, the handle dead and the exposure free.
#[test]
fn every_end_of_a_claim_is_safe() {
    for (name, end) in ENDS {
        let board = board();
        let handle = board.claim(0, 1, "leds").unwrap();
        board.work(0, handle);
        assert!(!board.is_safe());
        end(&board.held(0, "leds", handle));
        assert!(board.is_safe(), "{name}");
        assert_eq!(
            board.read32(0, handle, LED),
            failed(ErrorCode::RESERVE),
            "{name}"
        );
        board.leds.take_log();
        let next = board.claim(1, 9, "leds").expect(name);
        assert_ne!(next, handle, "{name}");
        assert_eq!(
            board.read32(1, handle, LED),
            failed(ErrorCode::RESERVE),
            "{name}"
        );
        // A claim that ended does not end again.
        board.host.reap();
        assert_eq!(board.leds.take_log(), [], "{name}");
    }
}

#[test]
fn a_restarted_process_does_not_inherit() {
    let board = board();
    let handle = board.claim(0, 1, "leds").unwrap();
    board.work(0, handle);
    board.processes[0].restart();
    // Without any hook having been called.
    assert_eq!(board.read32(0, handle, LED), failed(ErrorCode::RESERVE));
    let next = board.claim(0, 1, "leds").unwrap();
    assert!(board.is_safe());
    assert_ne!(next, handle);
}

#[test]
fn release_is_by_tag_and_by_process() {
    let board = board();
    let leds = board.claim(0, 1, "leds").unwrap();
    let uart = board.claim(0, 2, "uart1").unwrap();
    board.claim(1, 1, "nothing").unwrap();
    assert_eq!(release_all(&board.host, &board.processes[0], 3), 0);
    assert_eq!(release_all(&board.host, &board.processes[1], 2), 0);
    assert_eq!(release_all(&board.host, &board.processes[0], 1), 1);
    assert_eq!(board.read32(0, leds, LED), failed(ErrorCode::RESERVE));
    assert!(board.read32(0, uart, 0).is_success_u32());
    assert_eq!(board.describe(0, 2).1, Claim::Other);
    board.host.process_gone(board.processes[0].id());
    assert_eq!(board.describe(1, 1).1, Claim::Free);
    assert_eq!(board.describe(1, 2).1, Claim::Own(1));
}

/// Claims of ended runs end one by one.
fn one_by_one() -> &'static Board {
    let more = |host: WasmHost<3>| host.with_ends_one_by_one(DeferredCall::set_later);
    let board: &'static Board = Box::leak(Box::new(board_with(more)));
    board.host.register();
    board
}

/// They end in calls that come after processes, none before.
#[test]
fn claims_of_a_run_that_ended_end_after_processes_that_come_first() {
    let board = one_by_one();
    let process = &board.processes[0];
    for label in ["leds", "uart1"] {
        board.claim(0, 1, label).unwrap();
    }
    board.leds.set_word(LED.into(), 0x2);
    process.terminate();
    board.host.process_gone(process.id());
    assert!(DeferredCall::service_next_pending_call().is_none());
    assert_eq!(board.leds.word(LED.into()), 0x2, "processes come first");
    assert!(DeferredCall::service_next_later_call().is_some());
    assert_eq!(board.leds.word(LED.into()), 0);
    assert_eq!(board.describe(1, 1).1, Claim::Free, "who looks ends it");
    // Nothing is left but the call.
    assert!(DeferredCall::service_next_later_call().is_some());
    assert!(DeferredCall::service_next_later_call().is_none());
}

/// A run's claims end one by one, each in a call of its own; what is asked for before
/// its turn is ended first, and no call ends the claim of who has it then.
#[test]
fn claims_of_a_run_that_has_ended_end_one_in_a_call() {
    let board = one_by_one();
    let all = || {
        for (tag, label) in [(1, "leds"), (2, "uart1"), (1, "nothing")] {
            board.claim(0, tag, label).unwrap();
        }
        board.leds.set_word(LED.into(), 0x2);
        board.processes[0].terminate();
        board.host.process_gone(board.processes[0].id());
    };
    let calls = || core::iter::from_fn(DeferredCall::service_next_later_call).count();
    all();
    assert_eq!(board.leds.word(LED.into()), 0x2, "not yet");
    assert!(DeferredCall::service_next_later_call().is_some());
    assert_eq!(board.leds.word(LED.into()), 0, "the first one");
    assert_eq!(calls(), 2);
    for index in 0..3 {
        assert_eq!(board.describe(1, index).1, Claim::Free);
    }
    board.processes[0].restart();
    all();
    board.claim(1, 9, "leds").unwrap();
    assert_eq!(board.leds.word(LED.into()), 0, "its safe state first");
    assert_eq!(calls(), 2);
    assert_eq!(board.describe(1, 0).1, Claim::Own(9));
    assert_eq!(board.describe(1, 1).1, Claim::Free);
}
