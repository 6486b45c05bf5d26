//! How claims end: by whom, and what is left behind.

use super::{Board, LED, board, failed};
use berth_exposure::{Claim, command};
use kernel::ErrorCode;
use kernel::syscall_driver::CommandReturn;

/// Every way a claim can end leaves the hardware safe, the handle dead and the
/// exposure free.
#[test]
fn every_end_of_a_claim_is_safe() {
    type End = fn(&Board, u16);
    let ends: [(&str, End); 8] = [
        ("release", |board, handle| {
            assert!(
                board
                    .call(0, command::RELEASE, handle.into(), 0)
                    .is_success()
            );
        }),
        ("release of all", |board, _| {
            assert_eq!(
                board.call(0, command::RELEASE_ALL, 1, 0),
                CommandReturn::success_u32(1)
            );
        }),
        ("fault, told", |board, _| {
            let process = board.processes[0].as_process();
            process.set_fault_state();
            board.host.process_gone(process.processid());
        }),
        ("fault, found", |board, _| {
            board.processes[0].as_process().set_fault_state();
            board.host.reap();
        }),
        ("end, found", |board, _| {
            board.processes[0].terminate();
            board.host.reap();
        }),
        ("restart, found", |board, _| {
            board.processes[0].restart();
            board.host.reap();
        }),
        ("end, next claimant", |board, _| {
            board.processes[0].terminate();
            board.claim(1, 1, "leds").unwrap();
            assert!(board.is_safe());
            assert_eq!(
                board.call(1, command::RELEASE_ALL, 1, 0),
                CommandReturn::success_u32(1)
            );
        }),
        ("end, looked at", |board, _| {
            board.processes[0].terminate();
            assert_eq!(board.describe(1, 0).1, Claim::Free);
        }),
    ];
    for (name, end) in ends {
        let board = board();
        let handle = board.claim(0, 1, "leds").unwrap();
        board.work(0, handle);
        assert!(!board.is_safe());
        end(&board, handle);
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
    assert_eq!(
        board.call(0, command::RELEASE_ALL, 3, 0),
        CommandReturn::success_u32(0)
    );
    assert_eq!(
        board.call(1, command::RELEASE_ALL, 2, 0),
        CommandReturn::success_u32(0)
    );
    assert_eq!(
        board.call(0, command::RELEASE_ALL, 1, 0),
        CommandReturn::success_u32(1)
    );
    assert_eq!(board.read32(0, leds, LED), failed(ErrorCode::RESERVE));
    assert!(board.read32(0, uart, 0).is_success_u32());
    assert_eq!(board.describe(0, 2).1, Claim::Other);
    board.host.process_gone(board.processes[0].id());
    assert_eq!(board.describe(1, 1).1, Claim::Free);
    assert_eq!(board.describe(1, 2).1, Claim::Own(1));
}
