//! Interrupts from the line to the record, with fake lines, a fake clock and sources
//! that behave as hardware does.

use super::ends::{ENDS, Held};
use super::{claim_store, failed};
use crate::test_clock::TestClock;
use crate::test_lines::{Chip, TestLines};
use crate::test_window::{Access, Memory};
use crate::{
    BusError, Clear, Clock, Exposure, Interrupt, InterruptStore, Interrupts, Limits, Register,
    Registers, SafeWrite, TableError, WasmHost, Width, Widths, Window,
};
use berth_exposure::interrupt::{CHECKS_OF_A_PASS, Capture, ONLY_LINE};
use berth_exposure::program::state;
use berth_exposure::{
    DESCRIPTION_MAX, DRIVER_NUM, Description, allow, command, interrupt_of, registration, upcall,
};
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use std::boxed::Box;
use std::sync::Mutex;
use std::vec::Vec;

/// Two interrupts (before- and after-capture) of a UART; two blocks on one line whose
/// sources only a handler can silence.
const RX: u32 = 2;
const TX: u32 = 3;
const SHARED: u32 = 24;

const STATUS: u16 = 0x0;
const DATA: u16 = 0x4;
const HIDDEN: u16 = 0x8;

const LIMITS: Limits = Limits {
    handlers: 3,
    captures: 4,
    accesses_per_pass: 3,
    share_percent: 10,
};

static TABLE: [Interrupt; 4] = [
    Interrupt {
        exposure: 0,
        line: RX,
        captures_max: 2,
        clear: Some(Clear {
            offset: STATUS,
            bytes: 4,
            value: 2,
            before_capture: true,
            raised: None,
        }),
    },
    Interrupt {
        exposure: 0,
        line: TX,
        captures_max: 1,
        clear: Some(Clear {
            offset: STATUS,
            bytes: 4,
            value: 1,
            before_capture: false,
            raised: None,
        }),
    },
    Interrupt {
        exposure: 1,
        line: SHARED,
        captures_max: 0,
        clear: None,
    },
    Interrupt {
        exposure: 2,
        line: SHARED,
        captures_max: 1,
        clear: None,
    },
];
/// Where records begin: bits, then count and captures of each.
const RECORD: [usize; 4] = [1, 4, 6, 7];
const WORDS: usize = 9;

struct Board {
    uart: &'static Memory,
    spi: [&'static Memory; 2],
    lines: &'static TestLines,
    clock: &'static TestClock,
    host: &'static WasmHost<3>,
    processes: Vec<TestProcess>,
    records: usize,
}

fn board() -> Board {
    board_with(LIMITS)
}

fn board_with(limits: Limits) -> Board {
    let spi = [Memory::leak(0x10), Memory::leak(0x10)];
    board_of(&TABLE, limits, TestLines::leak(), spi, [spi[0], spi[1]])
}

/// A board with such interrupts, with `windows` to its two blocks on one line.
fn board_of(
    interrupts: &'static [Interrupt; 4],
    limits: Limits,
    lines: &'static TestLines,
    spi: [&'static Memory; 2],
    windows: [&'static dyn Window; 2],
) -> Board {
    static REGISTERS: [Register; 3] = [
        Register::new(STATUS, 0xff, 0xff),
        Register::new(DATA, 0xff, 0xff),
        Register::new(HIDDEN, 0, 0xff),
    ];
    static SAFE: [SafeWrite; 1] = [SafeWrite::new(DATA, 0, 0xff)];
    let uart = Memory::leak(0x10);
    let clock = TestClock::leak();
    let table = Box::leak(Box::new([
        Exposure::new("uart", uart, 0x10, Registers::List(&REGISTERS)).safe_state(&SAFE),
        Exposure::new("spi0", windows[0], 0x10, Registers::Whole(Widths::ALL)),
        Exposure::new("spi1", windows[1], 0x10, Registers::Whole(Widths::ALL)),
    ]));
    let kernel = TestKernel::new();
    let grant = kernel.create_grant(DRIVER_NUM);
    let store = Box::leak(Box::new(InterruptStore::<4, 18>::new()));
    assert!(crate::captures(interrupts) <= 18);
    let interrupts = Interrupts::new(interrupts, store, lines, clock, limits).unwrap();
    let host = WasmHost::new(table, claim_store(), grant)
        .unwrap()
        .with_interrupts(interrupts)
        .unwrap();
    let host: &'static WasmHost<3> = Box::leak(Box::new(host));
    host.register();
    let processes = kernel.start_all(&[TestApp::default(), TestApp::default()]);
    let records = processes[0]
        .allow_userspace_readable(DRIVER_NUM, host, allow::RECORDS, 4 * WORDS)
        .unwrap();
    processes[0]
        .subscribe(DRIVER_NUM, host, upcall::INTERRUPT)
        .unwrap();
    Board {
        uart,
        spi,
        lines,
        clock,
        host,
        processes,
        records,
    }
}

impl Board {
    fn call(&self, process: usize, number: usize, a: usize, b: usize) -> CommandReturn {
        self.processes[process].command(self.host, number, a, b)
    }

    fn claim(&self, process: usize, tag: usize, label: &str) -> u16 {
        let app = &self.processes[process];
        app.allow_ro(DRIVER_NUM, self.host, allow::RO_LABEL, label.as_bytes())
            .unwrap();
        let result = self.call(process, command::CLAIM, tag, label.len());
        let (handle, ..) = result.get_success_3_u32().unwrap();
        handle.try_into().unwrap()
    }

    fn lend_captures(&self, captures: &[Capture]) {
        let list: Vec<u8> = captures.iter().flat_map(|c| c.encode()).collect();
        self.processes[0]
            .allow_ro(DRIVER_NUM, self.host, allow::RO_CAPTURES, &list)
            .unwrap();
    }

    /// Register interrupt `number` of a block; index, record and wait.
    fn register(
        &self,
        handle: u16,
        number: u16,
        priority: u8,
        captures: &[Capture],
    ) -> Result<(u32, u32, u32), ErrorCode> {
        self.lend_captures(captures);
        let how = registration(priority, captures.len() as u8);
        loop {
            let result = self.call(0, command::REGISTER, interrupt_of(handle, number), how);
            match result.get_success_3_u32() {
                Some(told) => return Ok(told),
                None if result == GOES_ON => {}
                None => return Err(result.get_failure().unwrap()),
            }
        }
    }

    /// The hardware and the kernel as long as there is something to do. Returns how many top halves ran.
    fn settle(&self) -> usize {
        let mut taken = 0;
        loop {
            let raised: Vec<u32> = (0..32).filter(|line| self.lines.take(*line)).collect();
            if raised.is_empty() && !DeferredCall::has_tasks() {
                return taken;
            }
            taken += raised.len();
            for line in raised {
                assert!(self.host.interrupt(line));
                self.lines.serviced(line);
            }
            DeferredCall::service_next_pending_call();
            assert!(taken < 1000, "a storm");
        }
    }

    fn unregister(&self, handle: u16, number: u16) -> CommandReturn {
        self.call(0, command::UNREGISTER, interrupt_of(handle, number), 0)
    }

    fn acknowledge(&self, index: usize) -> u32 {
        let result = self.call(0, command::ACKNOWLEDGE, index, 0);
        result.get_success_u32().unwrap()
    }

    fn word(&self, word: usize) -> u32 {
        let bytes = self.processes[0].read(self.records + 4 * word, 4);
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    fn record(&self, index: usize) -> Vec<u32> {
        let end = RECORD.get(index + 1).copied().unwrap_or(WORDS);
        (RECORD[index]..end).map(|word| self.word(word)).collect()
    }

    /// The bits of interrupts that the one upcall since the last look told.
    fn told(&self) -> usize {
        let upcalls = self.processes[0].upcalls();
        assert!(upcalls.len() <= 1, "{upcalls:?}");
        upcalls.first().map_or(0, |(_, (bits, ..))| *bits)
    }

    /// The interrupts that are served one after the other, one in a pass.
    fn order(&self) -> Vec<u32> {
        let mut order = Vec::new();
        for line in (0..32).filter(|line| self.lines.take(*line)) {
            assert!(self.host.interrupt(line));
        }
        while DeferredCall::has_tasks() {
            DeferredCall::service_next_pending_call();
            order.push(self.told().trailing_zeros());
        }
        order
    }

    fn counters(&self, handle: u16, number: u16) -> (u32, u32, u32) {
        self.call(0, command::COUNTERS, interrupt_of(handle, number), 0)
            .get_success_3_u32()
            .unwrap()
    }
}

fn capture(offset: u16) -> Capture {
    Capture { offset, bytes: 4 }
}

#[test]
fn chips_that_enable_lines_behind_the_service_lose_and_repeat_nothing() {
    for chip in [
        Chip::Keeps,
        Chip::Attends,
        Chip::Enables,
        Chip::EnablesFirst,
    ] {
        let board = board();
        board.lines.set_chip(chip);
        let uart = board.claim(0, 1, "uart");
        board.register(uart, 0, 0, &[]).unwrap();
        for round in 1..4 {
            board.lines.pulse(RX);
            assert!(board.settle() >= 1, "{chip:?}");
            let record = board.word(0);
            assert_eq!(board.counters(uart, 0), (2 * round - 1, 0, round - 1));
            // While it is handled nothing is recorded anew, whatever the chip enabled.
            for _ in 0..5 {
                board.lines.pulse(RX);
                board.settle();
                assert!(!board.lines.get(RX).open, "{chip:?}");
            }
            assert_eq!(board.word(0), record, "{chip:?}");
            // The pulses since then are one.
            assert_eq!(board.acknowledge(0), 0);
            board.settle();
            assert_ne!(board.word(0), record, "{chip:?}");
            assert_eq!(board.record(0)[0], 1, "{chip:?}");
            assert_eq!(board.counters(uart, 0), (2 * round, 0, round));
            assert_eq!(board.acknowledge(0), 0);
            assert_eq!(board.settle(), 0, "{chip:?}");
        }
        let unbidden = board.host.unbidden_interrupts();
        assert_eq!(unbidden != 0, chip == Chip::Enables, "{chip:?}: {unbidden}");
    }
}

/// Whoever enabled it.
#[test]
fn a_line_that_comes_though_it_is_held_masked_is_masked_again() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    board.register(uart, 0, 0, &[]).unwrap();
    board.lines.pulse(RX);
    assert_eq!(board.settle(), 1);
    for times in 1..4 {
        board.lines.enable(RX);
        board.lines.pulse(RX);
        assert!(board.host.interrupt(RX));
        assert_eq!(board.host.unbidden_interrupts(), times);
        board.lines.pulse(RX);
        assert!(!board.lines.take(RX));
    }
}

/// A source that only its handler can silence, on chips that keep masked lines masked or pass them over.
#[test]
fn a_level_is_one_interrupt_for_each_run_of_its_handler_on_both_chips() {
    for chip in [Chip::Keeps, Chip::Attends] {
        let board = board();
        board.lines.set_chip(chip);
        let spi = board.claim(0, 1, "spi0");
        board.register(spi, 0, 0, &[]).unwrap();
        board.lines.set(SHARED, true);
        for round in 1..4 {
            assert_eq!(board.settle(), 1, "{chip:?}");
            assert_eq!(board.settle(), 0, "{chip:?}");
            assert_eq!(board.counters(spi, 0).0, round, "{chip:?}");
            board.acknowledge(2);
        }
        assert_eq!(board.settle(), 1, "{chip:?}");
        board.lines.set(SHARED, false);
        board.acknowledge(2);
        assert_eq!(board.settle(), 0, "{chip:?}");
        assert_eq!(board.host.unbidden_interrupts(), 0, "{chip:?}");
    }
}

/// What was raised while a registration ended is not told to the next one.
#[test]
fn what_came_behind_a_mask_ends_with_its_registration() {
    let board = board();
    board.lines.set_chip(Chip::Enables);
    let uart = board.claim(0, 1, "uart");
    board.register(uart, 0, 0, &[]).unwrap();
    board.lines.pulse(RX);
    board.settle();
    board.lines.pulse(RX);
    board.settle();
    board.call(0, command::RELEASE, uart.into(), 0);
    board.lines.pulse(RX);
    board.settle();
    let uart = board.claim(0, 1, "uart");
    board.register(uart, 0, 0, &[]).unwrap();
    assert_eq!(board.settle(), 0);
    assert_eq!(board.counters(uart, 0), (0, 0, 0));
}

#[test]
fn an_interrupt_is_captured_cleared_and_told() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    let told = board.register(uart, 0, 7, &[capture(DATA), capture(STATUS)]);
    assert_eq!(told, Ok((0, RECORD[0] as u32, 0)));
    board.uart.set_word(DATA.into(), 0x141);
    board.uart.take_log();
    board.lines.set(RX, true);
    assert!(board.lines.take(RX));
    assert!(board.host.interrupt(RX));
    // The prologue touches no register and writes no record.
    assert_eq!(board.uart.take_log(), []);
    assert_eq!(board.word(0), 0);
    DeferredCall::service_next_pending_call();
    let word = Width::Bits32;
    assert_eq!(
        board.uart.take_log(),
        [
            Access::Store(STATUS.into(), word, 2),
            Access::Load(DATA.into(), word),
            Access::Load(STATUS.into(), word),
        ]
    );
    assert_eq!(board.word(0), 1);
    // What may not be read is zero.
    assert_eq!(board.record(0), [1, 0x41, 2]);
    assert_eq!(board.told(), 1);
    assert!(!board.lines.get(RX).open, "masked until it is handled");
    assert_eq!(board.counters(uart, 0), (1, 0, 0));
}

#[test]
fn clear_order_is_the_exposures() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    board.register(uart, 1, 0, &[capture(DATA)]).unwrap();
    board.lines.pulse(TX);
    board.uart.take_log();
    board.settle();
    let word = Width::Bits32;
    assert_eq!(
        board.uart.take_log(),
        [
            Access::Load(DATA.into(), word),
            Access::Store(STATUS.into(), word, 1),
        ]
    );
}

#[test]
fn a_line_stays_masked_until_its_handler_has_run() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    board.register(uart, 0, 0, &[]).unwrap();
    board.lines.pulse(RX);
    assert_eq!(board.settle(), 1);
    // Pulses meanwhile become one.
    for _ in 0..5 {
        board.lines.pulse(RX);
    }
    assert_eq!(board.settle(), 0);
    assert_eq!(board.word(0), 1);
    assert_eq!(board.acknowledge(0), 0);
    assert_eq!(board.settle(), 1);
    assert_eq!(board.word(0), 0, "the bit changes with every record");
    assert_eq!(board.record(0)[0], 1);
    assert_eq!(board.acknowledge(0), 0);
    assert_eq!(board.settle(), 0);
    assert_eq!(board.counters(uart, 0), (2, 0, 1));
    assert_eq!(board.told(), 1);
}

#[test]
fn a_source_that_only_the_handler_silences_does_not_storm() {
    let board = board();
    let spi = board.claim(0, 1, "spi0");
    board.register(spi, 0, 0, &[]).unwrap();
    board.lines.set(SHARED, true);
    for round in 1..4 {
        assert_eq!(board.settle(), 1);
        assert_eq!(board.settle(), 0);
        assert_eq!(board.counters(spi, 0).0, round);
        board.acknowledge(2);
    }
    assert_eq!(board.settle(), 1);
    // The handler finds and removes the cause: nothing stale comes after it.
    board.lines.set(SHARED, false);
    board.acknowledge(2);
    assert_eq!(board.settle(), 0);
    assert!(board.lines.get(SHARED).open);
    // A pulse while it is handled is not taken for stale.
    board.lines.pulse(SHARED);
    assert_eq!(board.settle(), 1);
    board.lines.pulse(SHARED);
    board.acknowledge(2);
    assert_eq!(board.settle(), 1);
}

#[test]
fn a_shared_line_serves_by_priority_and_waits_for_all() {
    let board = board();
    let first = board.claim(0, 1, "spi0");
    let second = board.claim(0, 2, "spi1");
    board.register(first, 0, 9, &[]).unwrap();
    board.register(second, 0, 3, &[capture(DATA)]).unwrap();
    board.spi[1].set_word(DATA.into(), 0x77);
    board.lines.pulse(SHARED);
    assert_eq!(board.order(), [3, 2]);
    assert_eq!(board.word(0), 0b1100);
    assert_eq!(board.record(3), [1, 0x77]);
    board.acknowledge(3);
    assert!(!board.lines.get(SHARED).open);
    board.acknowledge(2);
    assert!(board.lines.get(SHARED).open);
    // One of them ends while both wait: the other keeps the line masked, then opens it.
    board.lines.pulse(SHARED);
    board.settle();
    assert!(
        board
            .call(0, command::RELEASE, first.into(), 0)
            .is_success()
    );
    assert!(!board.lines.get(SHARED).open);
    board.acknowledge(3);
    assert!(board.lines.get(SHARED).open);
    // And one that ends while the line is open does not take it from the other.
    let first = board.claim(0, 1, "spi0");
    board.register(first, 0, 9, &[]).unwrap();
    board.call(0, command::RELEASE, first.into(), 0);
    assert!(board.lines.get(SHARED).open);
    board.call(0, command::RELEASE, second.into(), 0);
    assert!(!board.lines.get(SHARED).open);
}

#[test]
fn equal_priorities_go_by_the_table() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    let spi = board.claim(0, 1, "spi0");
    board.register(spi, 0, 4, &[]).unwrap();
    board.register(uart, 1, 4, &[]).unwrap();
    board.register(uart, 0, 200, &[]).unwrap();
    for line in [RX, TX, SHARED] {
        board.lines.pulse(line);
    }
    assert_eq!(board.order(), [1, 2, 0]);
}

/// One that never acknowledges keeps nobody's interrupts but its own, and nobody's block raises a line for another.
#[test]
fn a_shared_line_is_one_process_s() {
    let board = board();
    let first = board.claim(0, 1, "spi0");
    let second = board.claim(1, 1, "spi1");
    board.processes[1]
        .allow_userspace_readable(DRIVER_NUM, board.host, allow::RECORDS, 4 * WORDS)
        .unwrap();
    let theirs = |handle| {
        let how = registration(0, 0);
        board.call(1, command::REGISTER, interrupt_of(handle, 0), how)
    };
    let release = |process, handle: u16| {
        let released = board.call(process, command::RELEASE, usize::from(handle), 0);
        assert!(released.is_success());
    };
    // Whose block is on the line can raise it, registered or not.
    assert_eq!(board.register(first, 0, 9, &[]), Err(ErrorCode::BUSY));
    assert_eq!(theirs(second), failed(ErrorCode::BUSY));
    release(1, second);
    board.register(first, 0, 9, &[]).unwrap();
    board.lines.pulse(SHARED);
    board.settle();
    let claim = || board.call(1, command::CLAIM, 1, "spi1".len());
    assert_eq!(claim(), failed(ErrorCode::BUSY));
    // Whatever its end.
    board.unregister(first, 0);
    let second = board.claim(1, 1, "spi1");
    release(0, first);
    assert!(theirs(second).get_success_3_u32().is_some());
    board.processes[1].terminate();
    let first = board.claim(0, 1, "spi0");
    board.register(first, 0, 9, &[]).unwrap();
    assert!(board.lines.get(SHARED).open);
}

/// However many claims with interrupts on a line a run left when it ended, a registration on that line ends one of them in a pass.
#[test]
fn a_registration_ends_claims_of_a_run_that_has_ended_in_passes() {
    static ONE_LINE: [Interrupt; 4] = {
        let mut table = TABLE;
        table[0].line = SHARED;
        table[1].line = SHARED;
        table
    };
    let spi = [Memory::leak(0x10), Memory::leak(0x10)];
    let board = board_of(&ONE_LINE, LIMITS, TestLines::leak(), spi, [spi[0], spi[1]]);
    for label in ["uart", "spi0"] {
        let handle = board.claim(0, 1, label);
        board.register(handle, 0, 9, &[]).unwrap();
    }
    board.uart.set_word(DATA.into(), 5);
    board.processes[0].terminate();
    board.processes[1]
        .allow_userspace_readable(DRIVER_NUM, board.host, allow::RECORDS, 4 * WORDS)
        .unwrap();
    let own = board.claim(1, 1, "spi1");
    let register = || {
        let how = registration(0, 0);
        board.call(1, command::REGISTER, interrupt_of(own, 0), how)
    };
    assert_eq!(register(), GOES_ON);
    assert_eq!(board.uart.word(DATA.into()), 0, "the first one is at rest");
    assert_eq!(register(), GOES_ON);
    assert!(register().get_success_3_u32().is_some());
}

/// What waits of a registration that has ended, in any way, is nothing to the next one: its first record is seen by who knows of none.
#[test]
fn a_registration_begins_with_nothing_that_waits() {
    let board = board();
    let mut uart = board.claim(0, 1, "uart");
    for releases in [false, true, false, true] {
        board.register(uart, 0, 0, &[]).unwrap();
        assert_eq!(board.word(0) & 1, 0);
        board.lines.pulse(RX);
        board.settle();
        // Nobody takes it.
        assert_eq!(board.word(0) & 1, 1);
        if releases {
            board.call(0, command::RELEASE, uart.into(), 0);
            uart = board.claim(0, 1, "uart");
        } else {
            board.unregister(uart, 0);
        }
    }
}

/// What a call answers whose captures are checked in part.
const GOES_ON: CommandReturn = CommandReturn::success_u32(state::GOES_ON);

/// A block with as many captures as there may be: a call checks some of them, and the next goes on there.
#[test]
fn captures_are_checked_in_passes() {
    const MOST: u8 = 16;
    static MANY: [Interrupt; 4] = {
        let mut table = TABLE;
        table[0].captures_max = MOST as u32;
        table
    };
    const ALLOWED: Limits = Limits {
        captures: MOST as u32,
        accesses_per_pass: 64,
        ..LIMITS
    };
    let spi = [Memory::leak(0x10), Memory::leak(0x10)];
    let board = board_of(&MANY, ALLOWED, TestLines::leak(), spi, [spi[0], spi[1]]);
    board.processes[0]
        .allow_userspace_readable(DRIVER_NUM, board.host, allow::RECORDS, 4 * (WORDS + 16))
        .unwrap();
    let uart = board.claim(0, 1, "uart");
    let call = |count| {
        let how = registration(0, count);
        board.call(0, command::REGISTER, interrupt_of(uart, 0), how)
    };
    let is_open = || board.lines.get(RX).open;
    let good = [capture(DATA); MOST as usize];
    let calls_of = |count: u8| usize::from(count).div_ceil(CHECKS_OF_A_PASS);
    for count in [1, CHECKS_OF_A_PASS as u8, CHECKS_OF_A_PASS as u8 + 1, MOST] {
        board.lend_captures(&good);
        for _ in 1..calls_of(count) {
            assert_eq!(call(count), GOES_ON, "{count}");
            assert!(!is_open());
        }
        assert!(call(count).get_success_3_u32().is_some(), "{count}");
        assert!(is_open());
        assert!(board.unregister(uart, 0).is_success());
    }
    // What is to blame is found when it is checked, and then it begins again.
    let mut bad = good;
    bad[MOST as usize - 1] = capture(HIDDEN);
    for _ in 0..2 {
        board.lend_captures(&bad);
        for _ in 1..calls_of(MOST) {
            assert_eq!(call(MOST), GOES_ON);
        }
        assert_eq!(call(MOST), failed(ErrorCode::NOSUPPORT));
    }
    // Nothing of it is left to another number of captures, behind its end, or to the next claim.
    bad[0] = capture(HIDDEN);
    let begin = |list: &[Capture]| {
        board.lend_captures(list);
        assert_eq!(call(MOST), GOES_ON);
        board.lend_captures(&bad);
    };
    begin(&good);
    assert_eq!(call(MOST - 1), failed(ErrorCode::NOSUPPORT));
    begin(&good);
    assert!(board.unregister(uart, 0).is_success());
    assert_eq!(call(MOST), failed(ErrorCode::NOSUPPORT));
    begin(&good);
    board.call(0, command::RELEASE, uart.into(), 0);
    let uart = board.claim(0, 1, "uart");
    let how = registration(0, MOST);
    let again = board.call(0, command::REGISTER, interrupt_of(uart, 0), how);
    assert_eq!(again, failed(ErrorCode::NOSUPPORT));
}

#[test]
fn who_has_no_claim_gets_nothing() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    let theirs = board.claim(1, 1, "spi1");
    let refused = Err(ErrorCode::RESERVE);
    assert_eq!(board.register(theirs, 0, 0, &[]), refused);
    assert_eq!(board.register(uart ^ 1, 0, 0, &[]), refused);
    // Claimed by a process that did not register: nobody is told, the line stays shut, and
    // who registers later is not told of it.
    board.lines.pulse(SHARED);
    board.lines.pulse(RX);
    assert_eq!(board.settle(), 0);
    board.register(uart, 0, 0, &[]).unwrap();
    assert_eq!(board.settle(), 0);
    assert_eq!(board.counters(uart, 0).0, 0);
    for (process, index) in [(1, 0), (0, 1), (0, 3), (0, 4), (0, usize::MAX)] {
        assert_eq!(
            board.call(process, command::ACKNOWLEDGE, index, 0),
            failed(ErrorCode::RESERVE),
            "{process} {index}"
        );
    }
    for number in [command::UNREGISTER, command::COUNTERS] {
        assert_eq!(
            board.call(1, number, interrupt_of(uart, 0), 0),
            failed(ErrorCode::RESERVE)
        );
    }
}

#[test]
fn registrations_are_checked() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    let spi = board.claim(0, 1, "spi0");
    let byte = |offset| Capture { offset, bytes: 1 };
    for (number, captures, error) in [
        (2, &[][..], ErrorCode::NODEVICE),
        (0xffff, &[], ErrorCode::NODEVICE),
        (0, &[capture(DATA); 3], ErrorCode::SIZE),
        (1, &[capture(DATA); 2], ErrorCode::SIZE),
        (0, &[capture(HIDDEN)], ErrorCode::NOSUPPORT),
        (0, &[capture(0xc)], ErrorCode::NOSUPPORT),
        (0, &[capture(0x10)], ErrorCode::INVAL),
        (0, &[capture(2)], ErrorCode::INVAL),
        (0, &[byte(DATA)], ErrorCode::INVAL),
        (
            0,
            &[Capture {
                offset: 0,
                bytes: 3,
            }],
            ErrorCode::INVAL,
        ),
    ] {
        assert_eq!(
            board.register(uart, number, 0, captures),
            Err(error),
            "{number} {captures:?}"
        );
    }
    // A list shorter than announced, and bits that no argument has.
    board.lend_captures(&[capture(DATA)]);
    let call = |how| board.call(0, command::REGISTER, interrupt_of(uart, 0), how);
    assert_eq!(call(registration(0, 2)), failed(ErrorCode::INVAL));
    assert_eq!(call(0x1_0000), failed(ErrorCode::INVAL));
    assert!(!board.lines.get(RX).open);

    board.register(uart, 0, 0, &[capture(DATA)]).unwrap();
    assert!(board.lines.get(RX).open);
    assert_eq!(board.register(uart, 0, 0, &[]), Err(ErrorCode::ALREADY));
    board.register(uart, 1, 0, &[]).unwrap();
    board.register(spi, 0, 0, &[]).unwrap();
    let last = board.claim(0, 1, "spi1");
    assert_eq!(board.register(last, 0, 0, &[]), Err(ErrorCode::NOMEM));
    assert!(board.unregister(uart, 0).is_success());
    assert!(!board.lines.get(RX).open);
    board.register(last, 0, 0, &[]).unwrap();
    assert_eq!(board.unregister(uart, 0), failed(ErrorCode::RESERVE));
}

#[test]
fn without_room_for_the_record_nothing_is_registered() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    for (words, expected) in [(RECORD[1] - 1, Err(ErrorCode::SIZE)), (RECORD[1], Ok(()))] {
        board.processes[0]
            .allow_userspace_readable(DRIVER_NUM, board.host, allow::RECORDS, 4 * words)
            .unwrap();
        let told = board.register(uart, 0, 0, &[]);
        assert_eq!(told.map(drop), expected);
    }
    assert_eq!(
        board.processes[0].allow_userspace_readable(DRIVER_NUM, board.host, 2, 4),
        Err(ErrorCode::NOSUPPORT)
    );
}

#[test]
fn an_interrupt_without_a_record_is_dropped_and_counted() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    board.register(uart, 0, 0, &[]).unwrap();
    // The process takes its buffer away.
    board.processes[0]
        .allow_userspace_readable(DRIVER_NUM, board.host, allow::RECORDS, 0)
        .unwrap();
    board.lines.pulse(RX);
    board.settle();
    assert_eq!(board.counters(uart, 0), (1, 1, 0));
    assert!(!board.lines.get(RX).open);
    let records = board.processes[0]
        .allow_userspace_readable(DRIVER_NUM, board.host, allow::RECORDS, 4 * WORDS)
        .unwrap();
    board.acknowledge(0);
    board.lines.pulse(RX);
    board.settle();
    assert_eq!(board.counters(uart, 0), (2, 1, 0));
    // The record stands for both.
    let count = board.processes[0].read(records + 4 * RECORD[0], 1);
    assert_eq!(count, [2]);
}

#[test]
fn taken_are_recorded_or_dropped_exactly() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    board.register(uart, 0, 0, &[]).unwrap();
    let mut handled = 0;
    let mut seed = 1_u32;
    for _ in 0..10_000 {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        match seed >> 16 & 3 {
            0 | 1 => board.lines.pulse(RX),
            2 => {
                board.settle();
            }
            _ => {
                let pending = board.word(0) & 1 != handled & 1;
                handled += u32::from(pending);
                // Time passes, so that the share of it is never the limit.
                board.clock.advance(10_000);
                if pending {
                    board.acknowledge(0);
                }
            }
        }
        board.told();
    }
    board.settle();
    let (taken, dropped, merged) = board.counters(uart, 0);
    let waits = u32::from(board.word(0) & 1 != handled & 1);
    assert_eq!(taken, handled + waits + dropped);
    assert!(handled > 1_000 && merged > 100, "{handled} {merged}");
    // What waits when it ends was dropped.
    board.lines.pulse(RX);
    board.settle();
    let waits = u32::from(board.word(0) & 1 != handled & 1);
    let taken = board.counters(uart, 0).0;
    board.unregister(uart, 0);
    assert_eq!(board.counters(uart, 0).0, taken);
    assert_eq!(board.counters(uart, 0).1, dropped + waits);
    assert_eq!(taken, handled + dropped + waits);
}

#[test]
fn one_pass_serves_one_interrupt() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    let spi = board.claim(0, 1, "spi0");
    board
        .register(uart, 0, 0, &[capture(DATA), capture(STATUS)])
        .unwrap();
    board.register(uart, 1, 1, &[]).unwrap();
    board.register(spi, 0, 2, &[]).unwrap();
    for line in [RX, TX, SHARED] {
        board.lines.pulse(line);
        assert!(board.lines.take(line));
        assert!(board.host.interrupt(line));
    }
    // However few accesses one makes: what comes with them is the most of it.
    for told in [0b1, 0b10, 0b100] {
        assert!(DeferredCall::service_next_pending_call().is_some());
        assert_eq!(board.told(), told, "one a pass");
    }
    assert_eq!(board.settle(), 0);
    // With the write that clears the source there are three accesses: no more than a pass may make.
    assert_eq!(LIMITS.accesses_per_pass, 3);
}

#[test]
fn a_used_up_share_keeps_lines_shut_until_the_next_window() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    board.register(uart, 0, 0, &[]).unwrap();
    // A prologue and an epilogue take 100 us each: 5 of both in a millisecond.
    board.clock.set_step(100);
    let mut rounds = 0;
    let wait = loop {
        board.lines.pulse(RX);
        assert_eq!(board.settle(), 1);
        rounds += 1;
        match board.acknowledge(0) {
            0 => assert!(rounds < 9, "the share has no end"),
            wait => break wait,
        }
    };
    assert_eq!(rounds, 5);
    board.clock.set_step(0);
    assert!(!board.lines.get(RX).open);
    board.clock.advance(wait - 1);
    assert_eq!(board.acknowledge(0), 1);
    board.clock.advance(1);
    assert_eq!(board.acknowledge(0), 0);
    assert!(board.lines.get(RX).open);
}

/// Whoever registers and unregisters on a shared line, and however, has it opened no oftener than its share allows:
/// 5 interrupts of two sources each in a window's millisecond, and one of each line that had to stay shut.
#[test]
fn what_ends_on_a_shared_line_is_no_reason_to_open_it() {
    // The label and no captures are lent already.
    let register = |board: &Board, handle: u16| {
        let how = registration(9, 0);
        let told = board.call(0, command::REGISTER, interrupt_of(handle, 0), how);
        assert!(told.get_success_3_u32().is_some(), "{told:?}");
    };
    let claim = |board: &Board| {
        let told = board.call(0, command::CLAIM, 2, "spi1".len());
        told.get_success_3_u32().unwrap().0 as u16
    };
    type Again<'a> = &'a dyn Fn(&Board, &mut u16);
    let by: [(&str, Again); 3] = [
        ("unregister", &|board, second| {
            board.unregister(*second, 0);
            register(board, *second);
        }),
        ("release", &|board, second| {
            board.call(0, command::RELEASE, (*second).into(), 0);
            *second = claim(board);
            register(board, *second);
        }),
        (
            "release of all, acknowledged in between",
            &|board, second| {
                board.call(0, command::RELEASE_ALL, 2, 0);
                board.acknowledge(2);
                *second = claim(board);
                register(board, *second);
            },
        ),
    ];
    for (name, again) in by {
        let board = board();
        let first = board.claim(0, 1, "spi0");
        let mut second = board.claim(0, 2, "spi1");
        board.register(first, 0, 9, &[]).unwrap();
        board.register(second, 0, 9, &[]).unwrap();
        let mut most = 0;
        for _ in 0..20 {
            let begin = board.clock.now();
            let mut taken = 0;
            while board.clock.now().wrapping_sub(begin) < 10_000 {
                board.lines.pulse(SHARED);
                board.clock.set_step(100);
                taken += board.settle();
                board.clock.set_step(0);
                board.acknowledge(2);
                again(&board, &mut second);
                board.acknowledge(2);
                board.clock.advance(20);
            }
            most = most.max(taken);
        }
        // The windows of the share are others than those of this test.
        assert!(most <= 2 * 6, "{name}: {most} in 10 ms");
        assert!(most >= 3, "{name}: {most}");
    }
}

/// A line that was open when another registration on it ended stays so, whatever is left of the share; one that
/// was shut opens when it is asked for, and a record that waits then waits on.
#[test]
fn what_is_left_on_a_shared_line_can_ask_for_it() {
    let board = board();
    let first = board.claim(0, 1, "spi0");
    let second = board.claim(0, 2, "spi1");
    board.register(first, 0, 9, &[]).unwrap();
    board.register(second, 0, 9, &[]).unwrap();
    let ask = || {
        let result = board.call(0, command::ACKNOWLEDGE, 2, ONLY_LINE);
        result.get_success_u32().unwrap()
    };
    let use_up = || {
        board.clock.set_step(1_000);
        board.lines.pulse(SHARED);
        board.settle();
        board.clock.set_step(0);
    };
    use_up();
    assert_eq!(board.acknowledge(2), 0, "it waits for the other");
    assert_eq!(ask(), 0);
    board.unregister(second, 0);
    assert!(!board.lines.get(SHARED).open);
    let wait = ask();
    assert_ne!(wait, 0);
    board.clock.advance(wait);
    assert_eq!(ask(), 0);
    assert!(board.lines.get(SHARED).open);
    // Open, with a share that is used up by another line.
    board.register(second, 0, 9, &[]).unwrap();
    let uart = board.claim(0, 3, "uart");
    board.register(uart, 0, 0, &[]).unwrap();
    board.clock.set_step(1_000);
    board.lines.pulse(RX);
    board.settle();
    board.clock.set_step(0);
    assert_ne!(board.acknowledge(0), 0);
    board.unregister(second, 0);
    assert!(board.lines.get(SHARED).open);
    // Its next record waits, whoever asks for the line.
    board.lines.pulse(SHARED);
    assert_eq!(board.settle(), 1);
    assert_eq!(ask(), 0);
    assert!(!board.lines.get(SHARED).open);
    board.lines.pulse(SHARED);
    assert_eq!(board.settle(), 0);
    board.clock.advance(20_000);
    assert_eq!(board.acknowledge(2), 0);
    assert!(board.lines.get(SHARED).open);
}

/// Interrupts of a board whose two blocks on one line have a rule to clear them, or have none.
fn table_with(clears: [bool; 2]) -> &'static [Interrupt; 4] {
    let mut table = TABLE;
    for (interrupt, clear) in table[2..].iter_mut().zip(clears) {
        interrupt.clear = clear.then_some(Clear {
            offset: STATUS,
            bytes: 4,
            value: 1,
            before_capture: true,
            raised: None,
        });
    }
    Box::leak(Box::new(table))
}

/// A window whose block does something when a register is read, and when one is written.
struct Reacts {
    memory: &'static Memory,
    behind_load: fn(&Memory, u16),
    behind_store: fn(&Memory, u16),
}

impl Window for Reacts {
    fn len(&self) -> usize {
        self.memory.len()
    }

    fn address(&self) -> Option<usize> {
        self.memory.address()
    }

    fn load(&self, offset: u16, width: Width) -> Result<u32, BusError> {
        let value = self.memory.load(offset, width);
        (self.behind_load)(self.memory, offset);
        value
    }

    fn store(&self, offset: u16, width: Width, value: u32) -> Result<(), BusError> {
        let stored = self.memory.store(offset, width, value);
        (self.behind_store)(self.memory, offset);
        stored
    }
}

/// On a line of two blocks that are cleared after their captures: one that says that it has not raised it is not cleared, whatever it
/// says a moment later, or says nothing at all; one that has is.
#[test]
fn what_a_block_raises_on_anothers_turn_is_not_cleared_unseen() {
    for (rule, gated, cleared) in [
        (false, false, true),
        (true, false, false),
        (true, true, false),
    ] {
        let mut table = TABLE;
        for interrupt in &mut table[2..] {
            let clear = Clear {
                offset: HIDDEN,
                bytes: 4,
                value: 1,
                before_capture: false,
                raised: rule.then_some(&(STATUS, 1)),
            };
            interrupt.clear = Some(clear);
        }
        let spi = [Memory::leak(0x10), Memory::leak(0x10)];
        // It raises its interrupt at the moment at which its captured register is read.
        let late = Box::leak(Box::new(Reacts {
            memory: spi[1],
            behind_load: |block, offset| {
                if offset == DATA {
                    block.set_word(STATUS.into(), 1);
                }
            },
            behind_store: |_, _| {},
        }));
        let table = Box::leak(Box::new(table));
        let board = board_of(table, LIMITS, TestLines::leak(), spi, [spi[0], late]);
        let capture = Capture {
            offset: DATA,
            bytes: 4,
        };
        for (tag, label, captures) in [(1, "spi0", &[][..]), (2, "spi1", &[capture])] {
            let handle = board.claim(0, tag, label);
            board.register(handle, 0, 9, captures).unwrap();
        }
        spi[0].set_word(STATUS.into(), 1);
        spi[1].gate(gated);
        board.lines.pulse(SHARED);
        assert_eq!(board.settle(), 1);
        spi[1].gate(false);
        let is_cleared = |block: &Memory| block.word(HIDDEN.into()) == 1;
        assert!(is_cleared(spi[0]), "it has raised it");
        assert_eq!(is_cleared(spi[1]), cleared && !gated);
    }
}

/// Whenever a block raises its interrupt while its neighbour on the line is served, one record says so, and it stands for one interrupt; those
/// that the neighbour caused stand for none, and take nothing out of a block.
#[test]
fn what_a_block_raises_on_anothers_turn_is_told_once() {
    for before_capture in [false, true] {
        let mut table = TABLE;
        for interrupt in &mut table[2..] {
            interrupt.clear = Some(Clear {
                offset: HIDDEN,
                bytes: 4,
                value: 1,
                before_capture,
                raised: Some(&(STATUS, 1)),
            });
        }
        let spi = [Memory::leak(0x10), Memory::leak(0x10)];
        // It raises its interrupt, once, just behind a look at whether it has.
        let late = Box::leak(Box::new(Reacts {
            memory: spi[1],
            behind_load: |block, offset| {
                if offset == STATUS && block.word(DATA.into()) == 0 {
                    block.set_word(STATUS.into(), 1);
                    block.set_word(DATA.into(), 1);
                }
            },
            behind_store: |block, offset| {
                if offset == HIDDEN {
                    block.set_word(STATUS.into(), 0);
                }
            },
        }));
        let table = Box::leak(Box::new(table));
        let board = board_of(table, LIMITS, TestLines::leak(), spi, [spi[0], late]);
        let handles = [(1, "spi0"), (2, "spi1")].map(|(tag, label)| board.claim(0, tag, label));
        board.register(handles[0], 0, 9, &[]).unwrap();
        { board.register(handles[1], 0, 9, &[capture(STATUS)]) }.unwrap();
        spi[0].set_word(STATUS.into(), 1);
        board.lines.pulse(SHARED);
        assert_eq!(board.settle(), 1);
        // It had not raised it when it was looked at: no interrupt, nothing read, and not cleared.
        assert_eq!(board.record(3), [0, 0]);
        assert_eq!(board.counters(handles[1], 0), (0, 0, 0));
        assert_eq!(spi[1].word(STATUS.into()), 1);
        assert_eq!(board.counters(handles[0], 0).0, 1);
        board.acknowledge(2);
        board.acknowledge(3);
        // Now it is its own, and the neighbour's has been cleared.
        spi[0].set_word(STATUS.into(), 0);
        board.lines.pulse(SHARED);
        assert_eq!(board.settle(), 1);
        let value = u32::from(!before_capture);
        assert_eq!(board.record(3), [1, value]);
        assert_eq!(board.record(2)[0], 0);
        assert_eq!(spi[1].word(STATUS.into()), 0);
        assert_eq!(board.counters(handles[1], 0), (1, 0, 0));
        // A record that stands for none is none that is dropped.
        let answer = board.unregister(handles[0], 0);
        assert!(answer.is_success());
        assert_eq!(board.counters(handles[0], 0), (1, 0, 0));
        board.acknowledge(3);
        assert_eq!(board.settle(), 0);
    }
}

/// What the hardware raises while the line is masked comes afterwards, once, also if another registration on the line
/// ends meanwhile, and is counted with whoever is left.
#[test]
fn a_pulse_survives_the_end_of_anothers_registration() {
    for by in ["unregister", "release", "release of all"] {
        for acknowledged_before in [false, true] {
            let board = board();
            let first = board.claim(0, 1, "spi0");
            let second = board.claim(0, 2, "spi1");
            board.register(first, 0, 9, &[]).unwrap();
            board.register(second, 0, 9, &[]).unwrap();
            board.lines.pulse(SHARED);
            assert_eq!(board.settle(), 1);
            board.lines.pulse(SHARED);
            if acknowledged_before {
                board.acknowledge(3);
            }
            match by {
                "unregister" => board.unregister(first, 0),
                "release" => board.call(0, command::RELEASE, first.into(), 0),
                _ => board.call(0, command::RELEASE_ALL, 1, 0),
            };
            if !acknowledged_before {
                board.acknowledge(3);
            }
            assert_eq!(board.settle(), 1, "{by}");
            assert_eq!(board.counters(second, 0), (2, 0, 1), "{by}");
            board.acknowledge(3);
            assert_eq!(board.settle(), 0, "{by}");
            // With the last, what is pending is nobody's.
            board.lines.pulse(SHARED);
            board.settle();
            board.lines.pulse(SHARED);
            match by {
                "unregister" => board.unregister(second, 0),
                "release" => board.call(0, command::RELEASE, second.into(), 0),
                _ => board.call(0, command::RELEASE_ALL, 2, 0),
            };
            let input = board.lines.get(SHARED);
            assert!(!input.open && !input.pending, "{by}");
        }
    }
}

/// The firmware comes between two epilogues: what is raised there is not cleared with the source of the second.
#[test]
fn a_pulse_survives_anothers_epilogue() {
    let memory = [Memory::leak(0x10), Memory::leak(0x10)];
    let windows: [&dyn Window; 2] = [memory[0], memory[1]];
    let table = table_with([true; 2]);
    let board = board_of(table, LIMITS, TestLines::leak(), memory, windows);
    let first = board.claim(0, 1, "spi0");
    let second = board.claim(0, 2, "spi1");
    board.register(first, 0, 9, &[]).unwrap();
    board.register(second, 0, 3, &[]).unwrap();
    board.lines.pulse(SHARED);
    assert!(board.lines.take(SHARED));
    assert!(board.host.interrupt(SHARED));
    DeferredCall::service_next_pending_call();
    assert_eq!(board.word(0), 0b1000);
    board.lines.pulse(SHARED);
    DeferredCall::service_next_pending_call();
    assert_eq!(board.word(0), 0b1100);
    board.acknowledge(3);
    board.acknowledge(2);
    assert_eq!(board.settle(), 1);
    assert_eq!(board.counters(first, 0), (2, 0, 1));
    assert_eq!(board.counters(second, 0), (2, 0, 1));
}

/// One source was held high until its handler silenced it: what another raises while its own still runs is not taken for that.
#[test]
fn a_pulse_behind_a_level_is_not_taken_for_it() {
    let board = board();
    let first = board.claim(0, 1, "spi0");
    let second = board.claim(0, 2, "spi1");
    board.register(first, 0, 3, &[]).unwrap();
    board.register(second, 0, 9, &[]).unwrap();
    board.lines.set(SHARED, true);
    assert_eq!(board.settle(), 1);
    board.lines.set(SHARED, false);
    board.acknowledge(2);
    board.lines.pulse(SHARED);
    board.acknowledge(3);
    assert_eq!(board.settle(), 1);
    assert_eq!(board.counters(second, 0), (2, 0, 1));
    board.acknowledge(2);
    board.acknowledge(3);
    assert_eq!(board.settle(), 0);
}

/// Two sources on one line, and what the kernel owes for it.
#[derive(Default)]
struct Sources {
    /// Held high.
    levels: [bool; 2],
    /// The line rose since it was taken, or was high when the kernel looked last: something may come.
    rose: bool,
    /// It rose where the kernel can see that: something must come.
    owed: bool,
    /// It was high when it was taken, and the kernel has not looked since.
    blind: bool,
}

struct Wire {
    lines: &'static TestLines,
    sources: Mutex<Sources>,
}

impl Wire {
    fn change<R>(&self, change: impl FnOnce(&mut Sources) -> R) -> R {
        change(&mut self.sources.lock().unwrap())
    }

    fn is_high(&self) -> bool {
        self.change(|sources| sources.levels.contains(&true))
    }

    fn set(&self, source: usize, level: bool) {
        let before = self.is_high();
        self.change(|sources| {
            sources.levels[source] = level;
            if level && !before {
                sources.rose = true;
                sources.owed |= !sources.blind;
            }
        });
        self.lines.set(SHARED, self.is_high());
    }

    fn pulse(&self, source: usize) {
        let level = self.change(|sources| sources.levels[source]);
        self.set(source, true);
        self.set(source, level);
    }

    /// The kernel has looked at the line.
    fn looked(&self) {
        let high = self.is_high();
        self.change(|sources| {
            sources.rose |= high;
            sources.blind &= high;
        });
    }
}

/// A block whose every write silences its source.
struct Silencer {
    wire: &'static Wire,
    source: usize,
}

impl Window for Silencer {
    fn len(&self) -> usize {
        0x10
    }
    fn load(&self, _: u16, _: Width) -> Result<u32, BusError> {
        Ok(0)
    }
    fn store(&self, _: u16, _: Width, _: u32) -> Result<(), BusError> {
        self.wire.set(self.source, false);
        Ok(())
    }
}

/// Random operations on a line with two sources, beside a model of it.
struct Model {
    board: Board,
    wire: &'static Wire,
    clears: [bool; 2],
    handles: [u16; 2],
    registered: [bool; 2],
    /// The bits of the records that were looked at.
    seen: [u32; 2],
    handled: [u32; 2],
    delivered: u32,
}

impl Model {
    fn new(clears: [bool; 2]) -> Self {
        let lines = TestLines::leak();
        let sources = Mutex::default();
        let wire: &'static Wire = Box::leak(Box::new(Wire { lines, sources }));
        let window =
            |source| -> &'static dyn Window { Box::leak(Box::new(Silencer { wire, source })) };
        let memory = [Memory::leak(0x10), Memory::leak(0x10)];
        let windows = [window(0), window(1)];
        let board = board_of(table_with(clears), LIMITS, lines, memory, windows);
        let handles = [board.claim(0, 1, "spi0"), board.claim(0, 2, "spi1")];
        Self {
            board,
            wire,
            clears,
            handles,
            registered: [false; 2],
            seen: [0; 2],
            handled: [0; 2],
            delivered: 0,
        }
    }

    fn bit(&self, source: usize) -> u32 {
        self.board.word(0) >> (2 + source) & 1
    }

    fn waits(&self, source: usize) -> bool {
        self.registered[source] && self.bit(source) != self.seen[source]
    }

    /// The line is taken if it may be.
    fn take(&mut self) {
        if !self.board.lines.take(SHARED) {
            return;
        }
        let high = self.wire.is_high();
        self.wire.change(|sources| {
            assert!(sources.rose, "nothing was raised");
            sources.rose = high;
            sources.owed = false;
            sources.blind = high;
        });
        assert!(self.board.host.interrupt(SHARED));
        self.board.lines.serviced(SHARED);
        self.delivered += 1;
    }

    fn epilogue(&self) {
        let before = [self.bit(0), self.bit(1)];
        DeferredCall::service_next_pending_call();
        if (0..2).any(|source| self.clears[source] && self.bit(source) != before[source]) {
            self.wire.looked();
        }
        self.board.told();
    }

    /// Its handler runs, if there is something for it, and silences its source.
    fn handle(&mut self, source: usize) {
        if self.waits(source) {
            self.seen[source] ^= 1;
            self.handled[source] += 1;
            self.wire.set(source, false);
            self.acknowledge(source, 0);
        }
    }

    fn acknowledge(&self, source: usize, how: usize) {
        self.board.clock.advance(10_000);
        let told = self.board.call(0, command::ACKNOWLEDGE, 2 + source, how);
        assert_eq!(told.get_success_u32(), Some(0));
        self.wire.looked();
    }

    fn register(&mut self, source: usize, priority: u8) {
        if self.registered[source] {
            return;
        }
        self.board.clock.advance(10_000);
        if self.registered == [false; 2] {
            let high = self.wire.is_high();
            self.wire.change(|sources| {
                sources.rose = high;
                sources.owed = false;
                sources.blind = high;
            });
        }
        self.board
            .register(self.handles[source], 0, priority, &[])
            .unwrap();
        self.wire.looked();
        self.registered[source] = true;
        self.handled[source] = 0;
        self.seen[source] = self.bit(source);
    }

    fn end(&mut self, source: usize, how: u32) {
        let handle = self.handles[source];
        match how {
            0 if self.registered[source] => {
                self.board.unregister(handle, 0);
            }
            0 => return,
            1 => {
                self.board.call(0, command::RELEASE, handle.into(), 0);
            }
            _ => {
                self.board.call(0, command::RELEASE_ALL, source + 1, 0);
            }
        }
        if how != 0 {
            self.handles[source] = self.board.claim(0, source + 1, ["spi0", "spi1"][source]);
        }
        if core::mem::take(&mut self.registered[source]) {
            self.wire.looked();
            // What was taken was handled or dropped, exactly.
            let (taken, dropped, _) = self.board.counters(self.handles[source], 0);
            assert_eq!(taken, self.handled[source] + dropped);
            let input = self.board.lines.get(SHARED);
            if self.registered == [false; 2] {
                assert!(!input.open && input.pending == self.wire.is_high());
            }
        }
    }

    /// All that is owed comes, and no more than that.
    fn come_to_rest(&mut self) {
        for _ in 0..10 {
            self.take();
            while DeferredCall::has_tasks() {
                self.epilogue();
            }
            for source in 0..2 {
                self.wire.set(source, false);
                self.handle(source);
                if self.registered[source] {
                    self.acknowledge(source, ONLY_LINE);
                }
            }
        }
        let input = self.board.lines.get(SHARED);
        if self.registered != [false; 2] {
            assert!(!self.wire.change(|sources| sources.owed), "one is lost");
            assert!(input.open && !input.pending);
        }
        for source in (0..2).filter(|source| self.registered[*source]) {
            let (taken, dropped, merged) = self.board.counters(self.handles[source], 0);
            assert_eq!(taken, self.handled[source] + dropped);
            assert!(merged <= taken);
        }
    }
}

#[test]
fn nothing_raised_on_a_shared_line_is_lost_and_nothing_comes_twice() {
    for clears in [[false; 2], [true, false], [false, true], [true; 2]] {
        let mut model = Model::new(clears);
        let mut seed = 1_u32;
        let mut random = move |below: u32| {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            (seed >> 16) % below
        };
        for _ in 0..20_000 {
            let source = random(2) as usize;
            match random(24) {
                0..4 => model.wire.pulse(source),
                4..6 => model.wire.set(source, true),
                6 => model.wire.set(source, false),
                7..11 => model.take(),
                11..15 if DeferredCall::has_tasks() => model.epilogue(),
                15..19 => model.handle(source),
                19..22 => model.register(source, random(3) as u8),
                22 => model.end(source, random(3)),
                23 => model.come_to_rest(),
                _ => {}
            }
        }
        assert!(model.delivered > 1_000, "{}", model.delivered);
        // The end of the run ends it all.
        model.register(0, 0);
        model.wire.pulse(0);
        model.board.processes[0].terminate();
        model.board.host.reap();
        let input = model.board.lines.get(SHARED);
        assert!(!input.open && input.pending == model.wire.is_high());
        while DeferredCall::has_tasks() {
            DeferredCall::service_next_pending_call();
        }
    }
}

/// However a claim ends, its lines are shut and clear, and what waited is gone.
#[test]
fn every_end_of_a_claim_silences_its_lines() {
    // At rest, noted, recorded; and held by a source that only the safe state silences.
    for stage in 0..3 {
        for (name, end) in ENDS {
            let board = board();
            let uart = board.claim(0, 1, "uart");
            board.register(uart, 0, 0, &[capture(DATA)]).unwrap();
            if stage > 0 {
                board.lines.pulse(RX);
                board.lines.take(RX);
                board.host.interrupt(RX);
            }
            if stage > 1 {
                DeferredCall::service_next_pending_call();
                board.lines.pulse(RX);
            }
            end(&Held {
                host: board.host,
                processes: &board.processes,
                index: 0,
                label: "uart",
                handle: uart,
            });
            board.settle();
            let input = board.lines.get(RX);
            assert!(!input.open && !input.pending, "{name} {stage}");
            assert_eq!(board.uart.word(DATA.into()), 0);
            board.lines.pulse(RX);
            board.uart.take_log();
            assert_eq!(board.settle(), 0, "{name} {stage}");
            assert_eq!(board.uart.take_log(), [], "{name} {stage}");
        }
    }
}

#[test]
fn a_dead_process_leaves_its_line_masked_even_before_it_is_found() {
    let board = board();
    let uart = board.claim(0, 1, "uart");
    board.register(uart, 0, 0, &[capture(DATA)]).unwrap();
    board.processes[0].terminate();
    board.lines.set(RX, true);
    assert_eq!(board.settle(), 1);
    assert_eq!(board.settle(), 0);
}

#[test]
fn a_description_tells_how_many_interrupts_there_are() {
    let board = board();
    let buffer = board.processes[0]
        .allow_rw(
            DRIVER_NUM,
            board.host,
            allow::RW_DESCRIPTION,
            DESCRIPTION_MAX,
        )
        .unwrap();
    for (index, expected) in [(0, 2), (1, 1), (2, 1)] {
        let described = board.call(0, command::DESCRIBE, index, 0);
        let length = described.get_success_u32().unwrap() as usize;
        let bytes = board.processes[0].read(buffer, length);
        assert_eq!(Description::decode(&bytes).unwrap().interrupts, expected);
    }
}

#[test]
fn unknown_lines_are_not_ours() {
    let board = board();
    for line in [0, 1, 4, 31, 32, u32::MAX] {
        assert!(!board.host.interrupt(line));
    }
}

#[test]
fn a_table_that_does_not_fit_is_refused() {
    let lines = TestLines::leak();
    let clock = TestClock::leak();
    let new = |table: &'static [Interrupt]| {
        let store = Box::leak(Box::new(InterruptStore::<1, 1>::new()));
        Interrupts::new(table, store, lines, clock, LIMITS)
    };
    let entry = |exposure, captures_max, offset, bytes| {
        let clear = Some(Clear {
            offset,
            bytes,
            value: 0,
            before_capture: true,
            raised: None,
        });
        let interrupt = Interrupt {
            exposure,
            line: 1,
            captures_max,
            clear,
        };
        &*Box::leak(Box::new([interrupt]))
    };
    assert_eq!(new(&TABLE).err(), Some(TableError::TooManyInterrupts));
    assert_eq!(
        new(entry(0, 2, 0, 4)).err(),
        Some(TableError::TooManyInterrupts)
    );
    for (exposure, offset, bytes, sound) in [
        (0, 0, 4, true),
        (0, 0xc, 4, true),
        (0, 0xf, 1, true),
        (1, 0, 4, false),
        (0, 0x10, 4, false),
        (0, 0xe, 4, false),
        (0, 1, 2, false),
        (0, 0, 3, false),
    ] {
        let kernel = TestKernel::new();
        let window = Memory::leak(0x10);
        let table = Box::leak(Box::new([Exposure::new(
            "block",
            window,
            0x10,
            Registers::Whole(Widths::ALL),
        )]));
        let host = WasmHost::new(table, claim_store(), kernel.create_grant(DRIVER_NUM)).unwrap();
        let interrupts = new(entry(exposure, 1, offset, bytes)).unwrap();
        let result = host.with_interrupts(interrupts).err();
        let expected = (!sound).then_some(TableError::Interrupt { interrupt: 0 });
        assert_eq!(result, expected, "{exposure} {offset} {bytes}");
    }
}
