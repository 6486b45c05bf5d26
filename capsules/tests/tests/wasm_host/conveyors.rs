//! Conveyors: a list that is checked completely and kept, and moves between registers and lent memory, one call for all.

use super::test_window::{Access, Memory};
use super::{Board, CLEAR, LED, STATUS, board_with, failed};
use berth_exposure::conveyor::{
    ACCESSES_MAX, CHECKS_OF_A_PASS, Direction, MEMORY_MAX, MOVE_UNITS, MOVES_MAX, Move, directions,
    state,
};
use berth_exposure::program::{PASS_UNITS, answer_of, of_answer};
use berth_exposure::{DRIVER_NUM, Width, allow, command, conveyor_of, moves_of, register};
use kernel::ErrorCode;
use kernel::processbuffer::WriteableProcessSlice;
use kernel::syscall::CommandReturn;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::VecDeque;
use wasm_host::{ConveyorSlot, Engine, Moves, Processor, Refused, WasmHost, Window};

fn moved(direction: Direction, offset: u16, width: Width, place: u16, count: u16) -> Move {
    Move {
        offset,
        width,
        direction,
        place,
        count,
    }
}

fn taken_in(offset: u16, place: u16) -> Move {
    moved(Direction::In, offset, Width::Bits32, place, 1)
}

fn put_out(offset: u16, place: u16) -> Move {
    moved(Direction::Out, offset, Width::Bits32, place, 1)
}

fn slots<const COUNT: usize>() -> &'static [ConveyorSlot] {
    Box::leak(Box::new([const { ConveyorSlot::new() }; COUNT]))
}

fn board() -> Board {
    board_with(with_the_processor)
}

fn with_the_processor(host: WasmHost<3>) -> WasmHost<3> {
    host.with_conveyors(slots::<2>(), Box::leak(Box::new(Processor::new())))
}

impl Board {
    fn attach(&self, handle: u16, list: &[Move], memory: usize) -> CommandReturn {
        let bytes: Vec<u8> = list.iter().flat_map(|one| one.encode()).collect();
        self.attach_bytes(handle, list.len() as u8, &bytes, memory)
    }

    fn attach_bytes(&self, handle: u16, count: u8, list: &[u8], memory: usize) -> CommandReturn {
        let process = &self.processes[0];
        { process.allow_ro(DRIVER_NUM, &self.host, allow::RO_PROGRAM, list) }.unwrap();
        let which = conveyor_of(handle, count);
        for _ in 0..=MOVES_MAX / CHECKS_OF_A_PASS {
            let answer = self.call(0, command::CONVEYOR_ATTACH, which, memory);
            if answer == ATTACHED {
                return CommandReturn::success();
            }
            if answer != CHECKED_IN_PART {
                return answer;
            }
        }
        panic!("the check of a list does not end");
    }

    /// Lend memory for conveyors. Returns where it is.
    fn lend_memory(&self, bytes: usize) -> usize {
        self.processes[0]
            .allow_userspace_readable(DRIVER_NUM, &self.host, allow::CONVEYOR, bytes)
            .unwrap()
    }

    fn put(&self, address: usize, bytes: &[u8]) {
        for (at, byte) in bytes.iter().enumerate() {
            assert!(self.processes[0].as_process().set_byte(address + at, *byte));
        }
    }

    fn sync(&self, handle: u16, first: u8, count: u8, directions: u32) -> CommandReturn {
        let which = moves_of(handle, first, count);
        self.call(0, command::CONVEYOR_SYNC, which, directions as usize)
    }

    /// All moves, in as many calls as it takes. Returns how many these were.
    fn sync_all(&self, handle: u16, count: u8, directions: u32) -> usize {
        let mut first = 0;
        for calls in 1..=count.into() {
            let answer = self.sync(handle, first, count - first, directions);
            let (come, made) = of_answer(answer.get_success_2_u32().unwrap().0);
            first += made as u8;
            if come == state::DONE {
                assert_eq!(first, count);
                return calls;
            }
            assert!(made > 0 && first < count);
        }
        panic!("a call that makes no move");
    }
}

const ATTACHED: CommandReturn = CommandReturn::success_u32(state::DONE);
const CHECKED_IN_PART: CommandReturn = CommandReturn::success_u32(state::GOES_ON);

fn done(moves: u32, accesses: u32) -> CommandReturn {
    CommandReturn::success_u32_u32(answer_of(state::DONE, moves), accesses)
}

fn wrong(error: ErrorCode, which: u32) -> CommandReturn {
    CommandReturn::failure_u32(error, which)
}

#[test]
fn registers_and_memory_are_made_alike_by_one_call() {
    let board = board();
    let handle = board.claim(0, 1, "leds").unwrap();
    board.leds.set_word(LED.into(), 0xff);
    board.leds.set_word(STATUS.into(), 0x5a);
    let status = moved(Direction::In, STATUS, Width::Bits8, 9, 3);
    let list = [put_out(LED, 0), taken_in(LED, 4), status];
    assert_eq!(board.attach(handle, &list, 12), CommandReturn::success());
    assert_eq!(
        board.leds.take_log(),
        [],
        "nothing is accessed when it is attached"
    );
    let memory = board.lend_memory(16);
    board.put(memory, &[0, 0, 0, 0xee, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(board.sync(handle, 0, 3, directions::ALL), done(3, 5));
    let load = |offset: u16, width| Access::Load(offset.into(), width);
    let byte = load(STATUS, Width::Bits8);
    let word = load(LED, Width::Bits32);
    // The bits outside of the mask are kept; those that may not be seen are not.
    let store = Access::Store(LED.into(), Width::Bits32, 0xfd);
    assert_eq!(board.leds.take_log(), [word, store, word, byte, byte, byte]);
    let bytes = board.processes[0].read(memory, 13);
    assert_eq!(bytes, [0, 0, 0, 0xee, 0, 0, 0, 0, 5, 0x5a, 0x5a, 0x5a, 9]);
}

#[test]
fn a_call_can_be_about_some_of_the_moves() {
    let board = board();
    let handle = board.claim(0, 1, "uart1").unwrap();
    let list = [
        put_out(0, 0),
        taken_in(4, 4),
        put_out(8, 8),
        taken_in(12, 12),
    ];
    assert!(board.attach(handle, &list, 16).is_success());
    board.lend_memory(16);
    let accessed = |first, count, directions| {
        let answer = board.sync(handle, first, count, directions);
        let log = board.uart.take_log();
        assert_eq!(answer, done(count.into(), log.len() as u32));
        let offset = |access| match access {
            Access::Load(offset, _) | Access::Store(offset, _, _) => offset,
        };
        log.into_iter().map(offset).collect::<Vec<_>>()
    };
    assert_eq!(accessed(0, 4, directions::ALL), [0, 4, 8, 12]);
    assert_eq!(accessed(1, 2, directions::ALL), [4, 8]);
    assert_eq!(accessed(0, 4, directions::IN), [4, 12]);
    assert_eq!(accessed(0, 4, directions::OUT), [0, 8]);
    assert_eq!(accessed(0, 4, 0), [0; 0]);
    assert_eq!(accessed(4, 0, directions::ALL), [0; 0]);
    for (first, count) in [(0, 5), (4, 1), (255, 255), (5, 0)] {
        let answer = board.sync(handle, first, count, directions::ALL);
        assert_eq!(answer, failed(ErrorCode::INVAL), "{first} {count}");
    }
    assert_eq!(board.uart.take_log(), []);
}

#[test]
fn a_list_is_refused_before_the_first_access() {
    let board = board();
    let handle = board.claim(0, 1, "leds").unwrap();
    let good = taken_in(LED, 0);
    let byte_of = |offset| moved(Direction::In, offset, Width::Bits8, 0, 1);
    for (bad, error) in [
        // No such place, or not so.
        (taken_in(2, 0), ErrorCode::INVAL),
        (taken_in(0x10, 0), ErrorCode::INVAL),
        (taken_in(0xfffc, 0), ErrorCode::INVAL),
        (byte_of(LED), ErrorCode::INVAL),
        (taken_in(STATUS, 0), ErrorCode::INVAL),
        (taken_in(0xc, 0), ErrorCode::NOSUPPORT),
        (taken_in(CLEAR, 0), ErrorCode::NOSUPPORT),
        (
            moved(Direction::Out, STATUS, Width::Bits8, 0, 1),
            ErrorCode::NOSUPPORT,
        ),
        // Not in the memory.
        (taken_in(LED, 2), ErrorCode::FAIL),
        (taken_in(LED, 16), ErrorCode::SIZE),
        (taken_in(LED, 0xfffc), ErrorCode::SIZE),
        (
            moved(Direction::In, LED, Width::Bits32, 4, 4),
            ErrorCode::SIZE,
        ),
        (
            moved(Direction::In, LED, Width::Bits32, 0, 0),
            ErrorCode::FAIL,
        ),
        (
            moved(Direction::In, LED, Width::Bits32, 0, u16::MAX),
            ErrorCode::SIZE,
        ),
    ] {
        let answer = board.attach(handle, &[good, bad, good], 16);
        assert_eq!(answer, wrong(error, 1), "{bad:?}");
    }
    // More accesses than a call makes: half as many where bits are kept.
    let many = |direction, count| moved(direction, STATUS, Width::Bits8, 0, count);
    let most = ACCESSES_MAX as u16;
    let list = [many(Direction::In, most), many(Direction::In, 1)];
    assert_eq!(board.attach(handle, &list, 256), wrong(ErrorCode::SIZE, 1));
    let kept = [moved(Direction::Out, LED, Width::Bits32, 0, most / 2), good];
    assert_eq!(board.attach(handle, &kept, 256), wrong(ErrorCode::SIZE, 1));
    // What is no move.
    for (at, byte) in [(2, 0), (2, 3), (2, 8), (3, 2), (3, 0xff)] {
        let mut bytes = good.encode();
        bytes[at] = byte;
        let answer = board.attach_bytes(handle, 1, &bytes, 16);
        assert_eq!(answer, wrong(ErrorCode::FAIL, 0), "{at} {byte}");
    }
    // As many as are said must be lent.
    let answer = board.attach_bytes(handle, 2, &good.encode(), 16);
    assert_eq!(answer, wrong(ErrorCode::FAIL, 1));
    assert_eq!(board.attach(handle, &[], 0), failed(ErrorCode::FAIL));
    let long = [good; MOVES_MAX + 1];
    assert_eq!(board.attach(handle, &long, 16), failed(ErrorCode::SIZE));
    let answer = board.attach(handle, &[good], MEMORY_MAX + 1);
    assert_eq!(answer, failed(ErrorCode::SIZE));
    let which = conveyor_of(handle, 0) | 0x101;
    let answer = board.call(0, command::CONVEYOR_ATTACH, which, 16);
    assert_eq!(answer, failed(ErrorCode::SIZE), "bits beyond the number");
    assert_eq!(board.leds.take_log(), []);
    // None of them is attached, and what can be is.
    let answer = board.sync(handle, 0, 1, directions::ALL);
    assert_eq!(answer, failed(ErrorCode::ALREADY));
    assert!(
        board
            .attach(handle, &[good; MOVES_MAX], MEMORY_MAX)
            .is_success()
    );
}

#[test]
fn a_block_has_one_conveyor_and_a_board_room_for_some() {
    let board =
        board_with(|host| host.with_conveyors(slots::<1>(), Box::leak(Box::new(Processor::new()))));
    let leds = board.claim(0, 1, "leds").unwrap();
    let uart = board.claim(0, 1, "uart1").unwrap();
    let list = [taken_in(0, 0)];
    assert!(board.attach(leds, &list, 4).is_success());
    assert_eq!(board.attach(leds, &list, 4), failed(ErrorCode::ALREADY));
    assert_eq!(board.attach(uart, &list, 4), failed(ErrorCode::NOMEM));
    let detach = |handle: u16| board.call(0, command::CONVEYOR_DETACH, handle.into(), 0);
    assert_eq!(detach(uart), failed(ErrorCode::ALREADY));
    assert!(detach(leds).is_success());
    assert_eq!(detach(leds), failed(ErrorCode::ALREADY));
    assert!(board.attach(uart, &list, 4).is_success());
    // Another process has none of it, whatever handle it names.
    let which = moves_of(uart, 0, 1);
    let answer = board.call(1, command::CONVEYOR_SYNC, which, 3);
    assert_eq!(answer, failed(ErrorCode::RESERVE));
    let answer = board.call(1, command::CONVEYOR_DETACH, uart.into(), 0);
    assert_eq!(answer, failed(ErrorCode::RESERVE));
    let answer = board.call(1, command::CONVEYOR_ATTACH, conveyor_of(uart, 1), 4);
    assert_eq!(answer, failed(ErrorCode::RESERVE));
}

/// However a claim ends, its conveyor has ended, and the room is another's.
#[test]
fn a_conveyor_ends_with_its_claim() {
    for (name, end) in super::ends::ENDS {
        let board = board_with(|host| {
            host.with_conveyors(slots::<1>(), Box::leak(Box::new(Processor::new())))
        });
        let handle = board.claim(0, 1, "leds").unwrap();
        assert!(board.attach(handle, &[put_out(LED, 0)], 4).is_success());
        board.lend_memory(4);
        assert_eq!(board.sync(handle, 0, 1, 3), done(1, 1));
        end(&board.held(0, "leds", handle));
        board.leds.take_log();
        let answer = board.sync(handle, 0, 1, 3);
        assert!(answer.get_failure().is_some(), "{name}");
        assert_eq!(board.leds.take_log(), [], "{name}");
        let next = board.claim(1, 9, "uart1").expect(name);
        {
            board.processes[1].allow_ro(
                DRIVER_NUM,
                &board.host,
                allow::RO_PROGRAM,
                &taken_in(0, 0).encode(),
            )
        }
        .unwrap();
        let answer = board.call(1, command::CONVEYOR_ATTACH, conveyor_of(next, 1), 4);
        assert_eq!(answer, ATTACHED, "{name}");
    }
}

/// A list that is only begun is none: nothing is moved by it, what is checked for one block stands for no other, and one that changes
/// meanwhile is checked from its beginning.
#[test]
fn a_list_is_checked_in_passes_and_is_none_before_it_is_whole() {
    let board =
        board_with(|host| host.with_conveyors(slots::<1>(), Box::leak(Box::new(Processor::new()))));
    let leds = board.claim(0, 1, "leds").unwrap();
    let uart = board.claim(0, 1, "uart1").unwrap();
    board.lend_memory(16);
    let lend = |list: &[Move]| {
        let bytes: Vec<u8> = list.iter().flat_map(|one| one.encode()).collect();
        board.processes[0]
            .allow_ro(DRIVER_NUM, &board.host, allow::RO_PROGRAM, &bytes)
            .unwrap();
    };
    let attach = |handle, count, memory| {
        let which = conveyor_of(handle, count);
        board.call(0, command::CONVEYOR_ATTACH, which, memory)
    };
    let full = [taken_in(LED, 0); MOVES_MAX];
    lend(&full);
    let calls = |handle| (1..).find(|_| attach(handle, MOVES_MAX as u8, 16) != CHECKED_IN_PART);
    assert_eq!(calls(leds), Some(MOVES_MAX / CHECKS_OF_A_PASS));
    assert_eq!(
        attach(leds, MOVES_MAX as u8, 16),
        failed(ErrorCode::ALREADY)
    );
    let detach = |handle: u16| board.call(0, command::CONVEYOR_DETACH, handle.into(), 0);
    assert!(detach(leds).is_success());
    // Begun: not to be used, and the room is its own.
    assert_eq!(attach(leds, MOVES_MAX as u8, 16), CHECKED_IN_PART);
    for count in [0, 1, MOVES_MAX as u8] {
        let answer = board.sync(leds, 0, count, directions::ALL);
        assert_eq!(answer, failed(ErrorCode::ALREADY), "{count}");
    }
    assert_eq!(attach(uart, MOVES_MAX as u8, 16), failed(ErrorCode::NOMEM));
    assert!(detach(leds).is_success());
    // What was checked for the LEDs, which have no such register to write, is checked again for the other block.
    let status = moved(Direction::In, STATUS, Width::Bits8, 0, 1);
    lend(&[status, status, taken_in(LED, 0)]);
    assert_eq!(attach(leds, 3, 16), CHECKED_IN_PART);
    assert!(detach(leds).is_success());
    lend(&[taken_in(0xfff0, 0), status, taken_in(LED, 0)]);
    assert_eq!(attach(uart, 3, 16), wrong(ErrorCode::INVAL, 0));
    // Another number of moves, or another memory, begins again.
    lend(&full);
    for (count, memory) in [(5, 16), (4, 16), (4, 12), (4, 8)] {
        assert_eq!(attach(leds, count, memory), CHECKED_IN_PART);
    }
    assert_eq!(attach(leds, 4, 8), ATTACHED);
    // Each move is checked as it is when it is looked at: what comes later is not used.
    assert!(detach(leds).is_success());
    lend(&[taken_in(LED, 0), taken_in(LED, 0), taken_in(LED, 0)]);
    assert_eq!(attach(leds, 3, 16), CHECKED_IN_PART);
    lend(&[put_out(STATUS, 0), taken_in(LED, 0), put_out(STATUS, 0)]);
    assert_eq!(attach(leds, 3, 16), wrong(ErrorCode::INVAL, 2));
    lend(&[taken_in(LED, 4); 3]);
    assert_eq!(attach(leds, 3, 16), CHECKED_IN_PART);
    assert_eq!(attach(leds, 3, 16), ATTACHED);
    assert_eq!(board.leds.take_log(), []);
}

/// However many moves there are, the lines are looked at after a pass of work; all are made, once each and in their order.
#[test]
fn moves_are_made_in_passes() {
    let board = board();
    let handle = board.claim(0, 1, "leds").unwrap();
    let mut list: Vec<Move> = vec![put_out(LED, 0); MOVES_MAX];
    for (index, one) in list.iter_mut().enumerate() {
        one.place = 4 * index as u16;
        // Two accesses each, as the bits of others are kept.
        one.count = if index < 4 { 2 } else { 1 };
    }
    assert!(board.attach(handle, &list, 4 * MOVES_MAX + 4).is_success());
    let memory = board.lend_memory(4 * MOVES_MAX + 4);
    for place in 0..=MOVES_MAX {
        board.put(memory + 4 * place, &[(place as u8 & 1) << 1]);
    }
    let work = ACCESSES_MAX + MOVES_MAX as u32 * u32::from(MOVE_UNITS);
    let calls = board.sync_all(handle, MOVES_MAX as u8, directions::ALL);
    assert_eq!(calls as u32, work.div_ceil(PASS_UNITS));
    let stores: Vec<u32> = (board.leds.take_log().iter())
        .filter_map(|access| match access {
            Access::Store(_, _, value) => Some(value & 2),
            Access::Load(..) => None,
        })
        .collect();
    let expected: Vec<u32> = (list.iter().enumerate())
        .flat_map(|(index, one)| {
            (index..index + usize::from(one.count)).map(|at| (at as u32 & 1) << 1)
        })
        .collect();
    assert_eq!(stores, expected);
    // One move that is as much as a pass by itself is made.
    board.call(0, command::CONVEYOR_DETACH, handle.into(), 0);
    let longest = moved(Direction::In, STATUS, Width::Bits8, 0, ACCESSES_MAX as u16);
    assert!(board.attach(handle, &[longest], 64).is_success());
    assert_eq!(board.sync(handle, 0, 1, 3), done(1, ACCESSES_MAX));
}

#[test]
fn without_enough_memory_nothing_is_moved() {
    let board = board();
    let handle = board.claim(0, 1, "leds").unwrap();
    assert!(board.attach(handle, &[put_out(LED, 0)], 8).is_success());
    let size = failed(ErrorCode::SIZE);
    assert_eq!(board.sync(handle, 0, 1, 3), size, "nothing is lent");
    board.lend_memory(7);
    assert_eq!(board.sync(handle, 0, 1, 3), size);
    assert_eq!(board.leds.take_log(), []);
    board.lend_memory(8);
    assert_eq!(board.sync(handle, 0, 1, 3), done(1, 1));
}

#[test]
fn a_bus_error_ends_a_call_and_names_the_register() {
    let board = board();
    let handle = board.claim(0, 1, "uart1").unwrap();
    let list = [taken_in(4, 0), put_out(8, 4), put_out(12, 4)];
    assert!(board.attach(handle, &list, 8).is_success());
    board.lend_memory(8);
    board.uart.gate(true);
    assert_eq!(board.sync(handle, 1, 2, 3), wrong(ErrorCode::OFF, 8));
    assert_eq!(board.uart.take_log().len(), 1);
    board.uart.gate(false);
    assert_eq!(board.sync(handle, 0, 3, 3), done(3, 3));
}

#[test]
fn a_board_without_conveyors_says_so() {
    let board = super::board();
    let handle = board.claim(0, 1, "leds").unwrap();
    let none = failed(ErrorCode::NOSUPPORT);
    assert_eq!(board.attach(handle, &[taken_in(LED, 0)], 4), none);
    assert_eq!(board.sync(handle, 0, 1, 3), none);
}

/// An engine that goes on by itself, and makes one move each time it is asked.
#[derive(Default)]
struct Slow {
    made: Cell<usize>,
    stopped: Cell<usize>,
}

impl Engine for Slow {
    fn carry(
        &self,
        window: &dyn Window,
        moves: Moves<'_>,
        memory: &WriteableProcessSlice,
        _: &mut dyn FnMut() -> bool,
    ) -> Result<usize, Refused> {
        let Some(one) = moves.iter().nth(self.made.get()) else {
            self.made.set(0);
            return Ok(moves.count());
        };
        assert!(one.is_whole() && one.direction() == Direction::In);
        for number in 0..one.count() {
            let offset = one.offset();
            let value = { window.load(offset, one.width()) }.map_err(|_| Refused { offset })?;
            let bytes = one.width().bytes() as usize;
            let place = one.place() + number * bytes;
            let to = memory.get(place..place + bytes).unwrap();
            to.copy_from_slice_or_err(&value.to_le_bytes()[..bytes])
                .unwrap();
        }
        self.made.set(self.made.get() + 1);
        Ok(0)
    }

    fn stop(&self) {
        self.made.set(0);
        self.stopped.set(self.stopped.get() + 1);
    }
}

/// Nothing assumes that the processor makes the moves: another engine is asked until they are made, and stopped before memory or block are
/// another's.
#[test]
fn another_engine_goes_on_by_itself_and_is_stopped() {
    let engine: &'static Slow = Box::leak(Box::default());
    let board = board_with(|host| host.with_conveyors(slots::<1>(), engine));
    let handle = board.claim(0, 1, "uart1").unwrap();
    board.uart.set_word(4, 0x1234_5678);
    let half = moved(Direction::In, 4, Width::Bits16, 0, 2);
    assert!(
        board
            .attach(handle, &[half, taken_in(4, 4)], 8)
            .is_success()
    );
    let memory = board.lend_memory(8);
    let under_way = CommandReturn::success_u32_u32(state::GOES_ON, 0);
    let stopped = engine.stopped.get();
    assert_eq!(board.sync(handle, 0, 2, directions::IN), under_way);
    assert_eq!(board.sync(handle, 0, 2, directions::IN), under_way);
    assert_eq!(board.sync(handle, 0, 2, directions::IN), done(2, 3));
    let bytes = board.processes[0].read(memory, 8);
    assert_eq!(bytes, [0x78, 0x56, 0x78, 0x56, 0x78, 0x56, 0x34, 0x12]);
    assert_eq!(engine.stopped.get(), stopped);
    board.lend_memory(8);
    assert_eq!(engine.stopped.get(), stopped + 1, "other memory");
    board.call(0, command::CONVEYOR_DETACH, handle.into(), 0);
    assert_eq!(engine.stopped.get(), stopped + 2, "the conveyor ends");
    board.attach(handle, &[half], 8);
    board.call(0, command::RELEASE, handle.into(), 0);
    assert_eq!(engine.stopped.get(), stopped + 3, "the claim ends");
    board.host.process_gone(board.processes[0].id());
    assert!(engine.stopped.get() > stopped + 3, "the run ends");
}

/// What commands for single accesses make of moves. Returns the memory behind them.
fn one_by_one(board: &Board, handle: u16, list: &[Move], mut memory: Vec<u8>) -> Vec<u8> {
    for one in list {
        let mut places: VecDeque<usize> = (0..usize::from(one.count))
            .map(|number| usize::from(one.place) + number * one.width.bytes() as usize)
            .collect();
        while let Some(place) = places.pop_front() {
            let bytes = &mut memory[place..place + one.width.bytes() as usize];
            let at = register(handle, one.offset);
            let (read, write) = match one.width {
                Width::Bits8 => (command::READ8, command::WRITE8),
                Width::Bits16 => (command::READ16, command::WRITE16),
                Width::Bits32 => (command::READ32, command::WRITE32),
            };
            match one.direction {
                Direction::In => {
                    let value = board.call(0, read, at, 0).get_success_u32().unwrap();
                    bytes.copy_from_slice(&value.to_le_bytes()[..bytes.len()]);
                }
                Direction::Out => {
                    let mut value = [0; 4];
                    value[..bytes.len()].copy_from_slice(bytes);
                    let value = u32::from_le_bytes(value) as usize;
                    assert!(board.call(0, write, at, value).is_success());
                }
            }
        }
    }
    memory
}

fn any_move() -> impl Strategy<Value = (u8, Move)> {
    let width = prop_oneof![Just(Width::Bits8), Just(Width::Bits16), Just(Width::Bits32)];
    let places = (any::<bool>(), 0_u16..3, 0_u16..8, 1_u16..4);
    (0_u8..2, width, places).prop_map(|(block, width, (goes_in, register, place, count))| {
        let direction = if goes_in {
            Direction::In
        } else {
            Direction::Out
        };
        let offset = register * if block == 0 { 4 } else { width.bytes() as u16 };
        let place = place * width.bytes() as u16;
        (block, moved(direction, offset, width, place, count))
    })
}

proptest! {
    /// A conveyor that is attached makes the accesses that the single commands would make, and one that has a move which they would
    /// refuse is not.
    #[test]
    fn moves_are_the_accesses_of_single_commands(
        drawn in prop::collection::vec(any_move(), 1..8),
        memory in prop::collection::vec(any::<u8>(), 64),
        registers in prop::collection::vec(any::<u8>(), 0x20),
        is_masked in any::<bool>(),
    ) {
        let list: Vec<Move> = drawn.iter().filter(|(block, _)| (*block == 0) == is_masked).map(|(_, one)| *one).collect();
        prop_assume!(!list.is_empty());
        let board = board();
        let (label, block): (_, &Memory) = if is_masked { ("leds", board.leds) } else { ("uart1", board.uart) };
        let mut all = block.bytes();
        all[..0x20].copy_from_slice(&registers);
        block.fill(&all);
        let handle = board.claim(0, 1, label).unwrap();
        let address = board.lend_memory(64);
        board.put(address, &memory);
        let answer = board.attach(handle, &list, 64);
        if !answer.is_success() {
            let (_, which) = answer.get_failure_u32().unwrap();
            let refused = list[which as usize];
            let single = match refused.direction {
                Direction::In => [command::READ8, command::READ16, command::READ32],
                Direction::Out => [command::WRITE8, command::WRITE16, command::WRITE32],
            };
            let number = single[refused.width.bytes().trailing_zeros() as usize];
            let answer = board.call(0, number, register(handle, refused.offset), 0);
            prop_assert!(answer.get_failure().is_some(), "{refused:?}");
            return Ok(());
        }
        let accesses: u32 = list.iter().map(|one| u32::from(one.count)).sum();
        prop_assert_eq!(board.sync(handle, 0, list.len() as u8, directions::ALL), done(list.len() as u32, accesses));
        let (log, behind, bytes) = (block.take_log(), board.processes[0].read(address, 64), block.bytes());
        block.fill(&all);
        prop_assert_eq!(one_by_one(&board, handle, &list, memory), behind);
        prop_assert_eq!(block.bytes(), bytes);
        prop_assert_eq!(block.take_log(), log);
    }
}
