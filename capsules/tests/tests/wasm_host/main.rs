//! The driver as processes see it, through the kernel's own system-call path.

mod conveyors;
mod ends;
mod exchange;
mod gated;
mod hostile;
mod interrupts;
mod largest;
mod mapped;
mod operators;
mod programs;
mod proofs;
mod reaping;

#[allow(dead_code)]
#[path = "../../../../crates/proof/tests/support/mod.rs"]
mod signed_images;
mod test_lines;
// What the capsule's own tests use, too.
#[allow(dead_code)]
#[path = "../../../wasm_host/src/test_clock.rs"]
mod test_clock;
#[allow(dead_code)]
#[path = "../../../wasm_host/src/test_window.rs"]
mod test_window;

use berth_exposure::{
    AccessClass, Claim, DESCRIPTION_MAX, DRIVER_NUM, Description, LABEL_MAX, allow, command,
    register,
};
use kernel::ErrorCode;
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use std::boxed::Box;
use std::string::{String, ToString};
use std::vec::Vec;
use test_window::Memory;
use wasm_host::*;

/// A block with a LED register (bit 1 rw, safe state off), a write-only register
/// and a byte of status; a block that is exposed whole; one without registers.
struct Board {
    leds: &'static Memory,
    uart: &'static Memory,
    host: WasmHost<3>,
    processes: Vec<TestProcess>,
}

const LED: u16 = 0x0;
const CLEAR: u16 = 0x4;
const STATUS: u16 = 0x8;

/// Room for claims.
fn claim_store<const N: usize>() -> &'static ClaimStore<N> {
    Box::leak(Box::new(ClaimStore::new()))
}

fn board() -> Board {
    board_with(|host| host)
}

fn board_with(more: impl FnOnce(WasmHost<3>) -> WasmHost<3>) -> Board {
    static REGISTERS: [Register; 3] = [
        Register::new(LED, 0x2, 0x2),
        Register::new(CLEAR, 0, 0x3),
        Register::new(STATUS, 0xff, 0)
            .size(crate::Width::Bits8)
            .widths(Widths::BITS8),
    ];
    static SAFE: [SafeWrite; 2] = [SafeWrite::new(LED, 0, 0x2), SafeWrite::new(CLEAR, 0x3, 0x3)];
    let leds = Memory::leak(0x20);
    let uart = Memory::leak(0x1000);
    let table = Box::leak(Box::new([
        Exposure::new("leds", leds, 0x10, Registers::List(&REGISTERS)).safe_state(&SAFE),
        Exposure::new("uart1", uart, 0x1000, Registers::Whole(Widths::ALL))
            .access(AccessClass::Mapped),
        Exposure::new("nothing", leds, 4, Registers::List(&[])),
    ]));
    let kernel = TestKernel::new();
    let slots = Box::leak(Box::new([ProgramSlot::new(), ProgramSlot::new()]));
    let host = WasmHost::new(table, claim_store(), kernel.create_grant(DRIVER_NUM)).unwrap();
    let host = more(host.with_programs(slots));
    let processes = kernel.start_all(&[TestApp::default(), TestApp::default()]);
    Board {
        leds,
        uart,
        host,
        processes,
    }
}

impl Board {
    fn call(&self, process: usize, number: usize, a: usize, b: usize) -> CommandReturn {
        self.processes[process].command(&self.host, number, a, b)
    }

    fn lend_label(&self, process: usize, label: &[u8]) {
        self.processes[process]
            .allow_ro(DRIVER_NUM, &self.host, allow::RO_LABEL, label)
            .unwrap();
    }

    fn claim(&self, process: usize, tag: usize, label: &str) -> Result<u16, ErrorCode> {
        self.lend_label(process, label.as_bytes());
        let result = self.call(process, command::CLAIM, tag, label.len());
        match result.get_success_3_u32() {
            Some((handle, ..)) => Ok(handle.try_into().unwrap()),
            None => Err(result.get_failure().unwrap()),
        }
    }

    fn read32(&self, process: usize, handle: u16, offset: u16) -> CommandReturn {
        self.call(process, command::READ32, register(handle, offset), 0)
    }

    fn write32(&self, process: usize, handle: u16, offset: u16, value: usize) -> CommandReturn {
        self.call(process, command::WRITE32, register(handle, offset), value)
    }

    /// The description of an exposure: label, claim, class, registers, length.
    fn describe(&self, process: usize, index: usize) -> (String, Claim, AccessClass, u8, u32) {
        let buffer = self.processes[process]
            .allow_rw(
                DRIVER_NUM,
                &self.host,
                allow::RW_DESCRIPTION,
                DESCRIPTION_MAX,
            )
            .unwrap();
        let length = self
            .call(process, command::DESCRIBE, index, 0)
            .get_success_u32()
            .unwrap();
        let bytes = self.processes[process].read(buffer, length as usize);
        let d = Description::decode(&bytes).unwrap();
        (
            d.label.to_string(),
            d.claim,
            d.access,
            d.registers,
            d.length,
        )
    }

    /// Returns whether the description of an exposure says that it is mapped.
    fn description_is_mapped(&self, process: usize, index: usize) -> bool {
        let app = &self.processes[process];
        let buffer = app
            .allow_rw(
                DRIVER_NUM,
                &self.host,
                allow::RW_DESCRIPTION,
                DESCRIPTION_MAX,
            )
            .unwrap();
        let described = self.call(process, command::DESCRIBE, index, 0);
        let length = described.get_success_u32().unwrap() as usize;
        Description::decode(&app.read(buffer, length))
            .unwrap()
            .mapped
    }

    /// LED on and other bits of its register set, as a driver that is at work has it.
    fn work(&self, process: usize, handle: u16) {
        self.leds.set_word(LED.into(), 0xf0);
        self.leds.set_word(CLEAR.into(), 0);
        assert!(self.write32(process, handle, LED, 0x2).is_success());
        assert_eq!(self.leds.word(LED.into()), 0xf2);
    }

    /// The LED is off, the rest of its register as it was, all of the safe state written.
    fn is_safe(&self) -> bool {
        self.leds.word(LED.into()) == 0xf0 && self.leds.word(CLEAR.into()) == 0x3
    }
}

fn failed(error: ErrorCode) -> CommandReturn {
    CommandReturn::failure(error)
}

#[test]
fn the_driver_tells_what_is_exposed() {
    let board = board();
    assert!(board.call(0, command::EXISTS, 0, 0).is_success());
    assert_eq!(
        board.call(0, command::COUNT, 0, 0),
        CommandReturn::success_u32(3)
    );
    assert_eq!(
        board.describe(0, 0),
        ("leds".into(), Claim::Free, AccessClass::Mediated, 3, 0x10)
    );
    board.claim(0, 77, "uart1").unwrap();
    assert_eq!(
        board.describe(0, 1),
        (
            "uart1".into(),
            Claim::Own(77),
            AccessClass::Mapped,
            0,
            0x1000
        )
    );
    assert_eq!(board.describe(1, 1).1, Claim::Other);
    board.processes[0].terminate();
    assert_eq!(board.describe(1, 1).1, Claim::Free);
    assert_eq!(
        board.call(1, command::DESCRIBE, 3, 0),
        failed(ErrorCode::INVAL)
    );
}

#[test]
fn a_description_needs_its_room() {
    let board = board();
    let describe = || board.call(0, command::DESCRIBE, 0, 0);
    assert_eq!(describe(), failed(ErrorCode::SIZE));
    let length = 8 + "leds".len();
    for (room, expected) in [
        (length - 1, failed(ErrorCode::SIZE)),
        (length, CommandReturn::success_u32(length as u32)),
    ] {
        let buffer = board.processes[0]
            .allow_rw(DRIVER_NUM, &board.host, allow::RW_DESCRIPTION, room)
            .unwrap();
        assert_eq!(describe(), expected);
        let written = board.processes[0].read(buffer, room);
        assert_eq!(written.iter().any(|byte| *byte != 0), room == length);
    }
}

#[test]
fn a_claim_gives_handle_length_and_class() {
    let board = board();
    board.lend_label(0, b"uart1 and more");
    let (handle, length, class) = board
        .call(0, command::CLAIM, 1, 5)
        .get_success_3_u32()
        .unwrap();
    assert_ne!(handle, 0);
    assert_eq!((length, class), (0x1000, AccessClass::Mapped as u32));
}

#[test]
fn an_exposure_has_one_claimant_over_processes_and_containers() {
    let board = board();
    let handle = board.claim(0, 1, "leds").unwrap();
    assert_eq!(board.claim(0, 1, "leds"), Err(ErrorCode::ALREADY));
    assert_eq!(board.claim(0, 2, "leds"), Err(ErrorCode::BUSY));
    assert_eq!(board.claim(1, 1, "leds"), Err(ErrorCode::BUSY));
    // The refusals changed nothing for the holder, and gave nobody else access.
    assert_eq!(board.read32(0, handle, LED), CommandReturn::success_u32(0));
    assert_eq!(board.read32(1, handle, LED), failed(ErrorCode::RESERVE));
    assert_eq!(
        board.call(1, command::RELEASE, handle.into(), 0),
        failed(ErrorCode::RESERVE)
    );
    assert!(
        board
            .call(0, command::RELEASE, handle.into(), 0)
            .is_success()
    );
    assert!(board.claim(1, 1, "leds").is_ok());
}

#[test]
fn labels_are_checked() {
    let board = board();
    let long = "x".repeat(LABEL_MAX + 1);
    for (label, error) in [
        ("led", ErrorCode::NODEVICE),
        ("ledsx", ErrorCode::NODEVICE),
        (&long[1..], ErrorCode::NODEVICE),
        (&long, ErrorCode::SIZE),
        ("", ErrorCode::INVAL),
        ("le ds", ErrorCode::INVAL),
        ("leds\0", ErrorCode::INVAL),
        ("l\u{e4}ds", ErrorCode::INVAL),
    ] {
        assert_eq!(board.claim(0, 1, label), Err(error), "{label:?}");
    }
    board.lend_label(0, b"leds");
    assert_eq!(
        board.call(0, command::CLAIM, 1, 5),
        failed(ErrorCode::INVAL)
    );
    assert_eq!(
        board.call(0, command::CLAIM, 1, usize::MAX),
        failed(ErrorCode::SIZE)
    );
    // No buffer at all.
    assert_eq!(
        board.call(1, command::CLAIM, 1, 4),
        failed(ErrorCode::INVAL)
    );
}

#[test]
fn accesses_go_where_the_handle_says_and_no_further() {
    let board = board();
    let handle = board.claim(0, 1, "leds").unwrap();
    board.leds.set_word(LED.into(), 0xff);
    board.leds.set_word(STATUS.into(), 0x1234);
    let at = |offset| register(handle, offset);
    let calls = [
        (command::READ32, at(LED), 0, CommandReturn::success_u32(0x2)),
        (command::WRITE32, at(LED), 0, CommandReturn::success()),
        (
            command::READ8,
            at(STATUS),
            0,
            CommandReturn::success_u32(0x34),
        ),
        (command::WRITE8, at(STATUS), 0, failed(ErrorCode::NOSUPPORT)),
        (command::READ16, at(STATUS), 0, failed(ErrorCode::INVAL)),
        (command::READ32, at(CLEAR), 0, failed(ErrorCode::NOSUPPORT)),
        (command::READ32, at(0xc), 0, failed(ErrorCode::NOSUPPORT)),
        (command::READ32, at(0x10), 0, failed(ErrorCode::INVAL)),
        (command::READ32, at(0xffff), 0, failed(ErrorCode::INVAL)),
        (command::WRITE16, at(1), 0, failed(ErrorCode::INVAL)),
        (
            command::READ32,
            register(handle ^ 1, LED),
            0,
            failed(ErrorCode::RESERVE),
        ),
        (
            command::READ32,
            register(0, LED),
            0,
            failed(ErrorCode::RESERVE),
        ),
        (
            command::READ32,
            at(LED) | (1 << 40),
            0,
            failed(ErrorCode::INVAL),
        ),
    ];
    for (number, argument, value, expected) in calls {
        assert_eq!(
            board.call(0, number, argument, value),
            expected,
            "{number} {argument:#x}"
        );
    }
    assert_eq!(board.leds.word(LED.into()), 0xfd);

    let uart = board.claim(0, 1, "uart1").unwrap();
    // Narrow writes take the low bits, as a store does.
    assert!(
        board
            .call(0, command::WRITE8, register(uart, 0xffd), 0x1234_5678)
            .is_success()
    );
    assert!(
        board
            .call(0, command::WRITE16, register(uart, 0xffe), 0x9abc_def0)
            .is_success()
    );
    assert_eq!(board.uart.word(0xffc), 0xdef0_7800);
    assert_eq!(
        board.call(0, command::READ16, register(uart, 0xffe), 0),
        CommandReturn::success_u32(0xdef0)
    );
}

#[test]
fn modify_takes_its_mask_once_and_from_its_own_process() {
    let board = board();
    let handle = board.claim(0, 1, "uart1").unwrap();
    let target = register(handle, 0x8);
    let mask = |process, mask| board.call(process, command::SET_MODIFY_MASK, mask, 0);
    let modify = |value| board.call(0, command::MODIFY32, target, value);
    board.uart.set_word(0x8, 0x1111_1111);
    assert_eq!(modify(0xff), failed(ErrorCode::INVAL));
    assert!(mask(1, 0xf).is_success());
    assert_eq!(modify(0xff), failed(ErrorCode::INVAL));
    assert!(mask(0, 0xf0).is_success());
    assert!(modify(0xff).is_success());
    assert_eq!(board.uart.word(0x8), 0x1111_11f1);
    assert_eq!(modify(0xff), failed(ErrorCode::INVAL));
    // Used up by a call that fails as well.
    assert!(mask(0, 0xf).is_success());
    let wrong = register(handle, 0x9);
    assert_eq!(
        board.call(0, command::MODIFY32, wrong, 0),
        failed(ErrorCode::INVAL)
    );
    assert_eq!(modify(0xff), failed(ErrorCode::INVAL));
    assert_eq!(board.uart.word(0x8), 0x1111_11f1);

    let leds = board.claim(0, 1, "leds").unwrap();
    board.leds.set_word(LED.into(), 0xf0);
    mask(0, usize::try_from(u32::MAX).unwrap());
    let led = register(leds, LED);
    assert!(
        board
            .call(0, command::MODIFY32, led, 0xffff_ffff)
            .is_success()
    );
    assert_eq!(board.leds.word(LED.into()), 0xf2);
    mask(0, 0x3);
    let write_only = register(leds, CLEAR);
    assert_eq!(
        board.call(0, command::MODIFY32, write_only, 1),
        failed(ErrorCode::NOSUPPORT)
    );
}

#[test]
fn a_block_without_registers_can_be_claimed_but_not_touched() {
    let board = board();
    let handle = board.claim(0, 1, "nothing").unwrap();
    assert_eq!(board.read32(0, handle, 0), failed(ErrorCode::NOSUPPORT));
    assert_eq!(board.write32(0, handle, 0, 1), failed(ErrorCode::NOSUPPORT));
}
