//! Claims that need an image which one of the manufacturer's keys has signed.

use super::{LED, claim_store, failed};
use crate::signed_images::{keys, module, signed};
use crate::test_window::Memory;
use berth_exposure::proof::{PROOFS_MAX, Refused};
use berth_exposure::{DRIVER_NUM, allow, command, register};
use berth_proof::KeyProver;
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use std::boxed::Box;
use std::cell::RefCell;
use std::vec::Vec;
use wasm_host::*;

/// Bytes that the test changes as it likes.
struct Partition(RefCell<Vec<u8>>);

impl Images for Partition {
    fn length(&self) -> usize {
        self.0.borrow().len()
    }

    fn look(&self, offset: usize, length: usize, work: &mut dyn FnMut(&[u8])) -> bool {
        let bytes = self.0.borrow();
        let range = bytes.get(offset..offset + length);
        range.map(work).is_some()
    }
}

/// "lamp" needs key 0, "heater" key 1, "valve" either, "open" none.
struct Board {
    host: &'static WasmHost<4>,
    window: &'static Memory,
    partition: &'static Partition,
    processes: Vec<TestProcess>,
}

const BYTES: usize = 0x8000;

fn with(ends: bool) -> Board {
    static REGISTERS: [Register; 1] = [Register::new(LED, 0x2, 0x2)];
    static SAFE: [SafeWrite; 1] = [SafeWrite::new(LED, 0, 0x2)];
    let window = Memory::leak(0x20);
    let exposure = |label, window, keys| {
        Exposure::new(label, window, 0x10, Registers::List(&REGISTERS))
            .safe_state(&SAFE)
            .keys(keys)
    };
    let table = Box::leak(Box::new([
        exposure("lamp", window, 1),
        exposure("heater", Memory::leak(0x20), 2),
        exposure("valve", Memory::leak(0x20), 3),
        exposure("open", Memory::leak(0x20), 0),
    ]));
    let kernel = TestKernel::new();
    let partition = Box::leak(Box::new(Partition(RefCell::new(vec![0xff; BYTES]))));
    let signatures = Signatures {
        images: partition,
        prover: Box::leak(Box::new(KeyProver::new(Box::leak(Box::new(keys([1, 2])))))),
        keys: 2,
        refuses_unsigned: true,
        revokers: 2,
    };
    let mut host = WasmHost::new(table, claim_store(), kernel.create_grant(DRIVER_NUM))
        .unwrap()
        .with_signatures(signatures, Box::leak(Box::new(ProofStore::new())));
    if ends {
        host = host.with_ends_one_by_one(DeferredCall::set_later);
    }
    let host = Box::leak(Box::new(host));
    if ends {
        host.register();
    }
    Board {
        host,
        window,
        partition,
        processes: kernel.start_all(&[TestApp::default(), TestApp::default()]),
    }
}

fn board() -> Board {
    with(false)
}

impl Board {
    fn call(&self, process: usize, number: usize, a: usize, b: usize) -> CommandReturn {
        self.processes[process].command(self.host, number, a, b)
    }

    /// Put bytes into the partition as its driver would.
    fn write(&self, offset: usize, bytes: &[u8]) {
        self.host.changes(offset, bytes.len());
        self.partition.0.borrow_mut()[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.host.changed();
    }

    /// All calls of a proof.
    fn prove(&self, process: usize, offset: usize, length: usize) -> CommandReturn {
        for calls in 0.. {
            let come = self.call(process, command::PROVE, offset, length);
            if come.get_success_u32() != Some(1) {
                return come;
            }
            assert!(calls < 10_000);
        }
        unreachable!()
    }

    /// Put an image there and prove it.
    fn proven(&self, process: usize, offset: usize, image: &[u8]) {
        self.write(offset, image);
        let come = self.prove(process, offset, image.len());
        assert!(come.get_success_2_u32().is_some(), "{come:?}");
    }

    fn claim(&self, process: usize, label: &str) -> Result<u16, ErrorCode> {
        self.processes[process]
            .allow_ro(DRIVER_NUM, self.host, allow::RO_LABEL, label.as_bytes())
            .unwrap();
        self.claim_again(process, label)
    }

    /// The same of the label that was lent the last time.
    fn claim_again(&self, process: usize, label: &str) -> Result<u16, ErrorCode> {
        let come = self.call(process, command::CLAIM, 1, label.len());
        match come.get_success_3_u32() {
            Some((handle, ..)) => Ok(handle.try_into().unwrap()),
            None => Err(come.get_failure().unwrap()),
        }
    }

    /// Switch the lamp on. Returns whether that was allowed.
    fn work(&self, process: usize, handle: u16) -> bool {
        self.call(process, command::WRITE32, register(handle, LED), 2)
            .is_success()
    }

    fn is_on(&self) -> bool {
        self.window.word(LED.into()) & 2 != 0
    }
}

fn lamp(counter: u32) -> Vec<u8> {
    signed(1, module(30), counter, &["lamp", "open", "elsewhere"])
}

fn refused(reason: Refused) -> CommandReturn {
    CommandReturn::failure_u32(ErrorCode::FAIL, reason as u32)
}

const NO_PROOF: Result<u16, ErrorCode> = Err(ErrorCode::RESERVE);

#[test]
fn a_label_with_keys_is_claimed_with_a_proof_only() {
    let board = board();
    assert_eq!(board.claim(0, "lamp"), NO_PROOF);
    assert!(board.claim(0, "open").is_ok());
    let image = lamp(5);
    board.write(0x100, &image);
    let come = board.prove(0, 0x100, image.len());
    assert_eq!(come, CommandReturn::success_u32_u32(0, 5));
    // Another's label, one that this key could sign for but did not, and another process.
    assert_eq!(board.claim(0, "heater"), NO_PROOF);
    assert_eq!(board.claim(0, "valve"), NO_PROOF);
    assert_eq!(board.claim(1, "lamp"), NO_PROOF);
    let handle = board.claim(0, "lamp").unwrap();
    assert!(board.work(0, handle) && board.is_on());
}

#[test]
fn what_the_board_says_of_keys_is_readable() {
    let board = board();
    let revokers = board.call(0, command::KEYS, 1, 0);
    assert_eq!(revokers, CommandReturn::success_u32(2));
    let keys = board.call(0, command::KEYS, 0, 0);
    assert_eq!(
        keys,
        CommandReturn::success_u32_u32_u32(2, 1, PROOFS_MAX as u32)
    );
    for (index, expected) in [1, 2, 3, 0].into_iter().enumerate() {
        let keys = board.call(0, command::KEYS_OF, index, 0);
        assert_eq!(keys, CommandReturn::success_u32(expected));
    }
    let none = board.call(0, command::KEYS_OF, 4, 0);
    assert_eq!(none, failed(ErrorCode::INVAL));
}

#[test]
fn without_keys_the_calls_are_not_there() {
    let board = super::board();
    for number in [command::PROVE, command::PROOF_END, command::KEYS] {
        assert_eq!(board.call(0, number, 0, 1), failed(ErrorCode::NOSUPPORT));
    }
}

#[test]
fn what_is_no_proof_says_why() {
    let board = board();
    let cases = [
        (module(9), Refused::Unsigned),
        (vec![0; 40], Refused::Malformed),
        (signed(3, module(9), 1, &["lamp"]), Refused::UnknownKey),
        // A key signs for its labels only.
        (signed(1, module(9), 1, &["lamp", "heater"]), Refused::Label),
        (signed(2, module(9), 1, &["lamp"]), Refused::Label),
    ];
    for (image, reason) in cases {
        board.write(0x40, &image);
        assert_eq!(board.prove(0, 0x40, image.len()), refused(reason));
        assert_eq!(board.claim(0, "lamp"), NO_PROOF);
    }
    let image = lamp(1);
    board.write(0x40, &image);
    for (offset, length) in [(0x40, image.len() - 1), (0x41, image.len() - 1), (0x40, 70)] {
        let come = board.prove(0, offset, length);
        assert!(come.get_failure_u32().is_some(), "{come:?}");
    }
    for (offset, length) in [
        (0, 0),
        (BYTES, 1),
        (BYTES - 1, 2),
        (usize::MAX, 2),
        (2, usize::MAX),
        (0, BYTES + 1),
    ] {
        assert_eq!(board.prove(0, offset, length), failed(ErrorCode::INVAL));
    }
    assert_eq!(board.claim(0, "lamp"), NO_PROOF);
}

/// Exhaustive: with the capsule, each bit of a signed image.
#[test]
fn no_bit_of_a_proven_image_may_be_another() {
    let board = board();
    let image = lamp(1);
    assert_eq!(board.claim(0, "lamp"), NO_PROOF);
    for bit in 0..8 * image.len() {
        let mut changed = image.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        board.write(0, &changed);
        let come = board.prove(0, 0, image.len());
        assert!(come.get_failure_u32().is_some(), "bit {bit}: {come:?}");
        assert_eq!(board.claim_again(0, "lamp"), NO_PROOF);
    }
}

#[test]
fn a_change_of_a_proven_byte_ends_proof_and_claim_with_the_safe_state() {
    let image = lamp(1);
    let end = 0x100 + image.len();
    for (offset, length, is_inside) in [
        (0x100, 1, true),
        (end - 1, 1, true),
        (0xff, 2, true),
        (0, BYTES, true),
        (0xff, 1, false),
        (end, 4, false),
    ] {
        for one_by_one in [false, true] {
            let board = with(one_by_one);
            board.proven(0, 0x100, &image);
            let (lamp, open) = (
                board.claim(0, "lamp").unwrap(),
                board.claim(0, "open").unwrap(),
            );
            assert!(board.work(0, lamp) && board.work(0, open));
            board.host.changes(offset, length);
            if one_by_one {
                while DeferredCall::service_next_later_call().is_some() {}
            }
            assert_eq!(board.is_on(), !is_inside, "{offset:#x}");
            assert_eq!(board.work(0, lamp), !is_inside);
            assert!(board.work(0, open));
            assert_eq!(board.claim(0, "lamp") == NO_PROOF, is_inside);
            board.host.changed();
            assert_eq!(board.claim(0, "lamp") == NO_PROOF, is_inside);
        }
    }
}

/// In place of what has the label: two images at once, as in a live update.
#[test]
fn a_claim_lasts_as_long_as_any_proof_allows_it() {
    let board = board();
    board.proven(0, 0, &lamp(1));
    board.proven(0, 0x1000, &lamp(2));
    let handle = board.claim(0, "lamp").unwrap();
    board.write(0, &[0]);
    assert!(board.work(0, handle));
    board.write(0x1000, &[0]);
    assert!(!board.work(0, handle) && !board.is_on());
}

#[test]
fn nothing_is_proven_while_it_changes() {
    let board = board();
    let image = lamp(1);
    board.write(0x200, &image);
    // Begun before: what has been looked at does not count any more.
    assert_eq!(
        board.call(0, command::PROVE, 0x200, image.len()),
        CommandReturn::success_u32(1)
    );
    board.host.changes(0x200, 8);
    let busy = failed(ErrorCode::BUSY);
    assert_eq!(board.prove(0, 0x200, image.len()), busy);
    assert_eq!(board.prove(0, 0x1ff, 2), busy);
    // Beside it something may be.
    assert_eq!(board.prove(0, 0x300, 8), refused(Refused::Malformed));
    let mut other = image.clone();
    other[20] ^= 1;
    board.partition.0.borrow_mut()[0x200..0x200 + image.len()].copy_from_slice(&other);
    board.host.changed();
    assert_eq!(
        board.prove(0, 0x200, image.len()),
        refused(Refused::BadSignature)
    );
}

/// The image is another one in the middle of the proof: every pass of it, through the partition's driver.
#[test]
fn a_proof_that_a_change_interrupts_begins_anew() {
    let image = lamp(1);
    let board = board();
    for calls in (0..2_000).step_by(97) {
        board.write(0, &image);
        for _ in 0..calls {
            if board
                .call(0, command::PROVE, 0, image.len())
                .get_success_u32()
                != Some(1)
            {
                break;
            }
        }
        let mut other = image.clone();
        other[40] ^= 0x10;
        board.write(0, &other);
        assert_eq!(
            board.prove(0, 0, image.len()),
            refused(Refused::BadSignature)
        );
        assert_eq!(board.claim(0, "lamp"), NO_PROOF);
    }
}

#[test]
fn proofs_are_so_many_and_end_with_their_run() {
    let board = board();
    let image = lamp(1);
    let place = |number: usize| number * 0x400;
    for number in 0..=PROOFS_MAX {
        board.write(place(number), &image);
        let come = board.prove(0, place(number), image.len());
        let fits = number < PROOFS_MAX;
        assert_eq!(
            come.get_success_2_u32().is_some(),
            fits,
            "{number}: {come:?}"
        );
        assert_eq!(come == failed(ErrorCode::NOMEM), !fits);
    }
    // The same one again needs no place, and ends none of its claims.
    let handle = board.claim(0, "lamp").unwrap();
    assert!(board.prove(0, 0, image.len()).get_success_2_u32().is_some());
    assert!(board.work(0, handle));
    let end = |offset| board.call(0, command::PROOF_END, offset, image.len());
    assert!(end(0).is_success());
    assert_eq!(end(0), failed(ErrorCode::RESERVE));
    assert!(board.work(0, handle), "fifteen others allow it");
    assert!(board.prove(0, 0, image.len()).get_success_2_u32().is_some());
    // Another process finds no place, until the run is over.
    assert_eq!(
        board.prove(1, place(16), image.len()),
        failed(ErrorCode::NOMEM)
    );
    board.processes[0].restart();
    assert!(
        board
            .prove(1, place(16), image.len())
            .get_success_2_u32()
            .is_some()
    );
    assert_eq!(board.claim(0, "lamp"), NO_PROOF, "the run before had one");
    assert!(board.claim(1, "lamp").is_ok());
}

#[test]
fn what_is_found_to_have_changed_by_itself_ends_its_claims() {
    let board = board();
    let image = lamp(1);
    board.proven(0, 0, &image);
    let handle = board.claim(0, "lamp").unwrap();
    assert!(board.work(0, handle));
    // No driver wrote this bit.
    board.partition.0.borrow_mut()[33] ^= 4;
    assert_eq!(
        board.prove(0, 0, image.len()),
        refused(Refused::BadSignature)
    );
    assert!(!board.work(0, handle) && !board.is_on());
    assert_eq!(board.claim(0, "lamp"), NO_PROOF);
}

#[test]
fn one_image_at_a_time_is_proven() {
    let board = board();
    let image = lamp(1);
    board.write(0, &image);
    board.write(0x1000, &image);
    let goes_on = CommandReturn::success_u32(1);
    assert_eq!(board.call(0, command::PROVE, 0, image.len()), goes_on);
    assert_eq!(
        board.call(1, command::PROVE, 0x1000, image.len()),
        failed(ErrorCode::BUSY)
    );
    // Its own earlier one is given up.
    assert_eq!(board.call(0, command::PROVE, 0x1000, image.len()), goes_on);
    assert!(board.prove(0, 0, image.len()).get_success_2_u32().is_some());
    assert!(board.prove(1, 0, image.len()).get_success_2_u32().is_some());
    // A run that is over keeps nobody.
    assert_eq!(board.call(0, command::PROVE, 0x1000, image.len()), goes_on);
    board.processes[0].terminate();
    assert!(
        board
            .prove(1, 0x1000, image.len())
            .get_success_2_u32()
            .is_some()
    );
}
