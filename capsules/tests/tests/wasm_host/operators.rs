//! Logins of operators, and agreements, through the kernel's own system-call path.

use super::{LED, claim_store, failed};
use crate::signed_images::{id, keys, signing};
use crate::test_window::Memory;
use berth_exposure::operator::{LOGIN_BYTES, SECRET_BYTES, message};
use berth_exposure::{DRIVER_NUM, allow, command};
use berth_proof::OperatorKeys;
use ed25519_dalek::Signer;
use kernel::ErrorCode;
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use std::boxed::Box;
use std::vec::Vec;
use wasm_host::*;

const GOES_ON: CommandReturn = CommandReturn::success_u32(1);

struct Board {
    host: &'static WasmHost<1>,
    processes: Vec<TestProcess>,
}

/// The operators 4 and 5.
fn board() -> Board {
    static REGISTERS: [Register; 1] = [Register::new(LED, 0x2, 0x2)];
    let window = Memory::leak(0x20);
    let table = Box::leak(Box::new([Exposure::new(
        "lamp",
        window,
        0x10,
        Registers::List(&REGISTERS),
    )]));
    let kernel = TestKernel::new();
    let operators = OperatorPolicy {
        examiner: Box::leak(Box::new(OperatorKeys::new(Box::leak(Box::new(keys([
            4, 5,
        ])))))),
        keys: 2,
        closes_reading: true,
    };
    let host = WasmHost::new(table, claim_store(), kernel.create_grant(DRIVER_NUM))
        .unwrap()
        .with_operators(operators);
    Board {
        host: Box::leak(Box::new(host)),
        processes: kernel.start_all(&[TestApp::default(), TestApp::default()]),
    }
}

fn login(by: u8, signs: u8) -> [u8; LOGIN_BYTES] {
    let hash = [7; 32];
    let signature = signing(signs).sign(&message(&hash)).to_bytes();
    let all = [&id(&signing(by)).0[..], &hash, &signature].concat();
    all.try_into().unwrap()
}

impl Board {
    fn call(&self, process: usize, number: usize, step: usize) -> CommandReturn {
        self.processes[process].command(self.host, number, step, 4)
    }

    fn lend(&self, process: usize, bytes: &[u8]) {
        self.processes[process]
            .allow_ro(DRIVER_NUM, self.host, allow::RO_LABEL, bytes)
            .unwrap();
    }

    /// All calls of one that was begun.
    fn end(&self, process: usize, number: usize) -> CommandReturn {
        for _ in 0..10_000 {
            let come = self.call(process, number, 1);
            if come != GOES_ON {
                return come;
            }
        }
        unreachable!()
    }

    fn login(&self, login: &[u8]) -> CommandReturn {
        self.lend(0, login);
        match self.call(0, command::LOGIN, 0) {
            GOES_ON => self.end(0, command::LOGIN),
            come => come,
        }
    }
}

#[test]
fn what_the_board_says_of_operators_is_readable() {
    let operators = board().call(0, command::OPERATORS, 0);
    assert_eq!(operators, CommandReturn::success_u32_u32(2, 1));
    let none = super::board();
    for number in [command::OPERATORS, command::LOGIN, command::AGREE] {
        assert_eq!(none.call(0, number, 0, 1), failed(ErrorCode::NOSUPPORT));
    }
}

#[test]
fn a_login_is_an_operators_or_is_not() {
    let board = board();
    assert_eq!(board.login(&login(4, 4)), CommandReturn::success());
    assert_eq!(board.login(&login(5, 5)), CommandReturn::success());
    let fail = failed(ErrorCode::FAIL);
    for (by, signs) in [(6, 6), (4, 5), (4, 6), (6, 4)] {
        assert_eq!(board.login(&login(by, signs)), fail, "{by} {signs}");
    }
    for bit in 0..8 * LOGIN_BYTES {
        // A process has room for some of what it lends.
        let board = self::board();
        let mut changed = login(4, 4);
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(board.login(&changed), fail, "bit {bit}");
    }
    assert_eq!(board.login(&login(4, 4)[1..]), failed(ErrorCode::SIZE));
}

#[test]
fn a_login_is_copied_and_of_the_process_that_began_it() {
    let board = board();
    let invalid = failed(ErrorCode::INVAL);
    assert_eq!(board.call(0, command::LOGIN, 1), invalid);
    board.lend(0, &login(4, 4));
    assert_eq!(board.call(0, command::LOGIN, 0), GOES_ON);
    // What it lends meanwhile, and what another process wants, changes nothing.
    board.lend(0, &[0; LOGIN_BYTES]);
    board.lend(1, &login(6, 6));
    assert_eq!(board.call(1, command::LOGIN, 0), failed(ErrorCode::BUSY));
    assert_eq!(board.call(1, command::LOGIN, 1), failed(ErrorCode::BUSY));
    assert_eq!(board.call(0, command::AGREE, 1), invalid);
    assert_eq!(board.call(0, command::LOGIN, 2), invalid);
    assert_eq!(board.end(0, command::LOGIN), CommandReturn::success());
    assert_eq!(board.call(0, command::LOGIN, 1), invalid);
    // What a run has begun ends with it.
    board.lend(0, &login(4, 4));
    assert_eq!(board.call(0, command::LOGIN, 0), GOES_ON);
    board.host.process_gone(board.processes[0].id());
    assert_eq!(board.call(1, command::LOGIN, 0), failed(ErrorCode::FAIL));
}

#[test]
fn an_agreement_is_that_of_both_keys() {
    let board = board();
    let (secret, other) = ([0x42; SECRET_BYTES], [0x17; SECRET_BYTES]);
    let public = berth_ed25519::agree(&other, &berth_ed25519::BASE_POINT);
    board.lend(0, &[secret, public].concat());
    // Nowhere to write it.
    assert_eq!(board.call(0, command::AGREE, 0), GOES_ON);
    assert_eq!(board.end(0, command::AGREE), failed(ErrorCode::SIZE));
    let process = &board.processes[0];
    let place = process
        .allow_rw(DRIVER_NUM, board.host, allow::RW_DESCRIPTION, SECRET_BYTES)
        .unwrap();
    assert_eq!(board.call(0, command::AGREE, 0), GOES_ON);
    assert_eq!(board.end(0, command::AGREE), CommandReturn::success());
    let agreed = process.read(place, SECRET_BYTES);
    assert_eq!(agreed, berth_ed25519::agree(&secret, &public));
    board.lend(0, &[1; 63]);
    assert_eq!(board.call(0, command::AGREE, 0), failed(ErrorCode::SIZE));
}
