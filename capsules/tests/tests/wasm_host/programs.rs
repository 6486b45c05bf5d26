//! Register programs: the same accesses as one by one, all checked before the first, in bounded passes.

use super::test_window::{Access, Memory};
use super::{Board, CLEAR, LED, STATUS, board, board_with, failed};
use berth_exposure::program::{
    ACCESSES_MAX, Exchange, INSTRUCTION_BYTES, INSTRUCTIONS_MAX, Instruction, NESTING_MAX,
    PASSES_MAX, Place, Ready, answer_of, of_answer, state,
};
use berth_exposure::{DRIVER_NUM, Width, allow, command, data_of, program_of, register};
use kernel::ErrorCode;
use kernel::syscall::CommandReturn;
use kernel::test_utils::TestProcess;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::VecDeque;
use wasm_host::{Turn, WasmHost};

/// Work of a pass, as the driver's page says.
pub(super) const PASS: u32 = 75;

fn word(offset: u16) -> Place {
    Place {
        offset,
        width: Width::Bits32,
    }
}

fn bytes_of(program: &[Instruction]) -> Vec<u8> {
    program.iter().flat_map(|i| i.encode()).collect()
}

/// What is answered to a call of so many passes that put nothing out.
fn told(state: u32, passes: u32) -> CommandReturn {
    CommandReturn::success_u32_u32(answer_of(state, passes), 0)
}

/// How a program went.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Done(Vec<u8>),
    /// At which instruction, and what it had put out.
    Failed(ErrorCode, u32, Vec<u8>),
    /// Before anything.
    Refused(ErrorCode),
}

/// Lend, run and continue to the end. Returns how many calls it took, too.
pub(super) fn run<const N: usize>(
    process: &TestProcess,
    host: &WasmHost<N>,
    handle: u16,
    program: &[Instruction],
    input: &[u8],
    room: u16,
) -> (Outcome, u32) {
    let code = [bytes_of(program), input.to_vec()].concat();
    { process.allow_ro(DRIVER_NUM, host, allow::RO_PROGRAM, &code) }.unwrap();
    let output = { process.allow_rw(DRIVER_NUM, host, allow::RW_OUTPUT, room.into()) }.unwrap();
    let mut result = process.command(
        host,
        command::PROGRAM_RUN,
        program_of(handle, program.len() as u8, 0),
        data_of(input.len() as u16, room),
    );
    let mut calls = 1;
    loop {
        let written = |length: u32| process.read(output, length as usize);
        if let Some((error, answer, length)) = result.get_failure_2_u32() {
            let (at, _) = of_answer(answer);
            return (Outcome::Failed(error, at, written(length)), calls);
        }
        if let Some(error) = result.get_failure() {
            return (Outcome::Refused(error), calls);
        }
        let (answer, length) = result.get_success_2_u32().expect("two numbers");
        let (state, _) = of_answer(answer);
        if state == state::DONE {
            return (Outcome::Done(written(length)), calls);
        }
        assert_eq!(state, state::GOES_ON);
        result = process.command(host, command::PROGRAM_CONTINUE, handle.into(), 0);
        calls += 1;
    }
}

impl Board {
    fn run(&self, handle: u16, program: &[Instruction], input: &[u8], room: u16) -> Outcome {
        run(&self.processes[0], &self.host, handle, program, input, room).0
    }
}

/// What the commands for single accesses make of a program.
struct OneByOne<'a> {
    board: &'a Board,
    handle: u16,
    input: VecDeque<u8>,
    output: Vec<u8>,
}

impl OneByOne<'_> {
    fn read(&self, at: Place) -> Result<u32, ErrorCode> {
        let number = match at.width {
            Width::Bits8 => command::READ8,
            Width::Bits16 => command::READ16,
            Width::Bits32 => command::READ32,
        };
        let result = self
            .board
            .call(0, number, register(self.handle, at.offset), 0);
        result
            .get_success_u32()
            .ok_or_else(|| result.get_failure().unwrap())
    }

    fn write(&self, at: Place, value: u32) -> Result<(), ErrorCode> {
        let number = match at.width {
            Width::Bits8 => command::WRITE8,
            Width::Bits16 => command::WRITE16,
            Width::Bits32 => command::WRITE32,
        };
        let argument = register(self.handle, at.offset);
        let result = self.board.call(0, number, argument, value as usize);
        result.get_failure().map_or(Ok(()), Err)
    }

    /// Instructions `from..to`. The error says where it was.
    fn run(
        &mut self,
        program: &[Instruction],
        from: usize,
        to: usize,
    ) -> Result<(), (ErrorCode, u32)> {
        let mut at = from;
        while at < to {
            let here = |error| (error, at as u32);
            match program[at] {
                Instruction::Read(place) => {
                    let value = self.read(place).map_err(here)?;
                    let bytes = value.to_le_bytes();
                    self.output.extend(&bytes[..place.width.bytes() as usize]);
                }
                Instruction::Write(place, value) => self.write(place, value).map_err(here)?,
                Instruction::Modify { at, mask, value } => {
                    let set = self
                        .board
                        .call(0, command::SET_MODIFY_MASK, mask as usize, 0);
                    assert!(set.is_success());
                    let argument = register(self.handle, at.offset);
                    let result = self
                        .board
                        .call(0, command::MODIFY32, argument, value as usize);
                    result
                        .get_failure()
                        .map_or(Ok(()), |error| Err(here(error)))?;
                }
                Instruction::Poll {
                    at,
                    mask,
                    value,
                    limit,
                } => {
                    let mut left = limit;
                    while self.read(at).map_err(here)? & mask != value {
                        left -= 1;
                        if left == 0 {
                            return Err(here(ErrorCode::NOACK));
                        }
                    }
                }
                Instruction::Take(place) => {
                    let mut bytes = [0; 4];
                    for byte in bytes.iter_mut().take(place.width.bytes() as usize) {
                        *byte = self.input.pop_front().expect("checked");
                    }
                    self.write(place, u32::from_le_bytes(bytes)).map_err(here)?;
                }
                Instruction::Repeat { count, body } => {
                    let end = at + 1 + usize::from(body);
                    for _ in 0..count {
                        self.run(program, at + 1, end)?;
                    }
                    at = end;
                    continue;
                }
                Instruction::Exchange(_) => unreachable!("not generated"),
            }
            at += 1;
        }
        Ok(())
    }
}

/// Places of the block "leds": mostly registers, and everything else.
fn place() -> impl Strategy<Value = Place> {
    let offset = prop_oneof![
        8 => Just(LED),
        4 => Just(CLEAR),
        1 => 0_u16..0x14,
    ];
    let width =
        prop_oneof![8 => Just(Width::Bits32), 1 => Just(Width::Bits16), 1 => Just(Width::Bits8)];
    prop_oneof![
        8 => (offset, width).prop_map(|(offset, width)| Place { offset, width }),
        2 => Just(Place { offset: STATUS, width: Width::Bits8 }),
    ]
}

fn instruction() -> impl Strategy<Value = Instruction> {
    prop_oneof![
        place().prop_map(Instruction::Read),
        (place(), any::<u32>()).prop_map(|(at, value)| Instruction::Write(at, value)),
        (0_u16..3, any::<u32>(), any::<u32>()).prop_map(|(index, mask, value)| {
            Instruction::Modify {
                at: word(4 * index),
                mask,
                value,
            }
        }),
        (0_u32..4, any::<bool>(), 1_u32..5).prop_map(|(value, status, limit)| Instruction::Poll {
            at: if status {
                Place {
                    offset: STATUS,
                    width: Width::Bits8,
                }
            } else {
                word(LED)
            },
            mask: 2,
            value: value & 2,
            limit,
        }),
        place().prop_map(Instruction::Take),
        (1_u32..5, 1_u8..4).prop_map(|(count, body)| Instruction::Repeat { count, body }),
    ]
}

proptest! {
    /// A program that is not refused makes exactly the accesses that the commands for single ones make, in the same
    /// order, and ends in the same way; one that is refused makes none.
    #[test]
    fn a_program_does_what_its_accesses_do_one_by_one(
        program in prop::collection::vec(instruction(), 1..12),
        input in prop::collection::vec(any::<u8>(), 0..64),
        start in any::<[u8; 0x20]>(),
    ) {
        let scene = || {
            let board = board();
            let handle = board.claim(0, 1, "leds").unwrap();
            board.leds.fill(&start);
            (board, handle)
        };
        let (together, handle) = scene();
        let outcome = together.run(handle, &program, &input, 256);
        let made = together.leds.take_log();

        let (single, handle) = scene();
        let mut one_by_one = OneByOne {
            board: &single,
            handle,
            input: input.clone().into(),
            output: Vec::new(),
        };
        match outcome {
            Outcome::Refused(error) => prop_assert!(false, "{error:?}"),
            // Nothing was done: an instruction was refused. (A poll that ends it has made an access.)
            Outcome::Failed(error, at, ref output) if made.is_empty() => {
                prop_assert!(output.is_empty() && (at as usize) < program.len());
                prop_assert_ne!(error, ErrorCode::NOACK);
                prop_assert_eq!(together.leds.bytes(), start.to_vec());
            }
            _ => {
                let result = one_by_one.run(&program, 0, program.len());
                let expected = match result {
                    Ok(()) => Outcome::Done(one_by_one.output),
                    Err((error, at)) => Outcome::Failed(error, at, one_by_one.output),
                };
                prop_assert_eq!(outcome, expected);
                prop_assert_eq!(made, single.leds.take_log());
                prop_assert_eq!(together.leds.bytes(), single.leds.bytes());
            }
        }
    }
}

/// What is wrong with each, and at which instruction.
#[test]
fn a_program_is_checked_whole_before_its_first_access() {
    let good = Instruction::Write(word(LED), 2);
    let poll = |mask, value, limit| Instruction::Poll {
        at: word(LED),
        mask,
        value,
        limit,
    };
    let exchange = Exchange {
        data: word(LED),
        status: LED,
        words: 1,
        under_way: 1,
        room: Some(Ready { bit: 1, is: true }),
        from_input: false,
        filled: None,
        to_output: false,
        limit: 1,
    };
    let again = |count, body| Instruction::Repeat { count, body };
    let bad: &[(&str, &[Instruction], ErrorCode, u32)] = &[
        (
            "no register there",
            &[good, Instruction::Read(word(0xc))],
            ErrorCode::NOSUPPORT,
            1,
        ),
        (
            "outside",
            &[good, Instruction::Read(word(0x10))],
            ErrorCode::INVAL,
            1,
        ),
        (
            "misaligned",
            &[good, good, Instruction::Write(word(2), 0)],
            ErrorCode::INVAL,
            2,
        ),
        (
            "read of a write-only register",
            &[good, Instruction::Read(word(CLEAR))],
            ErrorCode::NOSUPPORT,
            1,
        ),
        (
            "write to a read-only one",
            &[
                good,
                Instruction::Take(Place {
                    offset: STATUS,
                    width: Width::Bits8,
                }),
            ],
            ErrorCode::NOSUPPORT,
            1,
        ),
        (
            "another width",
            &[
                good,
                Instruction::Read(Place {
                    offset: LED,
                    width: Width::Bits16,
                }),
            ],
            ErrorCode::INVAL,
            1,
        ),
        (
            "modify of what is not kept",
            &[
                good,
                Instruction::Modify {
                    at: word(CLEAR),
                    mask: 1,
                    value: 1,
                },
            ],
            ErrorCode::NOSUPPORT,
            1,
        ),
        (
            "poll without reads",
            &[good, poll(2, 2, 0)],
            ErrorCode::FAIL,
            1,
        ),
        (
            "poll without bits",
            &[good, poll(0, 0, 1)],
            ErrorCode::FAIL,
            1,
        ),
        (
            "poll that cannot end",
            &[good, poll(2, 3, 1)],
            ErrorCode::FAIL,
            1,
        ),
        (
            "poll of hidden bits",
            &[good, poll(3, 1, 1)],
            ErrorCode::NOSUPPORT,
            1,
        ),
        ("repeats nothing", &[good, again(2, 0)], ErrorCode::FAIL, 1),
        (
            "repeats never",
            &[good, again(0, 1), good],
            ErrorCode::FAIL,
            1,
        ),
        (
            "repeats what is not there",
            &[good, again(2, 2), good],
            ErrorCode::FAIL,
            1,
        ),
        (
            "ends outside of what repeats it",
            &[again(2, 1), again(2, 1), good],
            ErrorCode::FAIL,
            1,
        ),
        (
            "too many accesses",
            &[good, again(ACCESSES_MAX, 1), good],
            ErrorCode::SIZE,
            2,
        ),
        (
            "too many reads",
            &[good, again(2, 1), poll(2, 2, ACCESSES_MAX)],
            ErrorCode::SIZE,
            2,
        ),
        (
            "sums beyond a word",
            &[
                again(u32::MAX, 3),
                again(u32::MAX, 2),
                again(u32::MAX, 1),
                good,
            ],
            ErrorCode::SIZE,
            1,
        ),
        (
            "output without room",
            &[good, again(65, 1), Instruction::Read(word(LED))],
            ErrorCode::SIZE,
            2,
        ),
        (
            "input that is not there",
            &[
                good,
                Instruction::Take(word(LED)),
                Instruction::Take(word(LED)),
            ],
            ErrorCode::SIZE,
            2,
        ),
        (
            "no words",
            &[
                good,
                Instruction::Exchange(Exchange {
                    words: 0,
                    ..exchange
                }),
            ],
            ErrorCode::FAIL,
            1,
        ),
        (
            "no room",
            &[
                good,
                Instruction::Exchange(Exchange {
                    under_way: 0,
                    ..exchange
                }),
            ],
            ErrorCode::FAIL,
            1,
        ),
        (
            "no patience",
            &[
                good,
                Instruction::Exchange(Exchange {
                    limit: 0,
                    ..exchange
                }),
            ],
            ErrorCode::FAIL,
            1,
        ),
        (
            "neither way",
            &[
                good,
                Instruction::Exchange(Exchange {
                    room: None,
                    ..exchange
                }),
            ],
            ErrorCode::FAIL,
            1,
        ),
        (
            "output of what is not read",
            &[
                good,
                Instruction::Exchange(Exchange {
                    to_output: true,
                    ..exchange
                }),
            ],
            ErrorCode::FAIL,
            1,
        ),
        (
            "hidden bit of the status",
            &[
                good,
                Instruction::Exchange(Exchange {
                    room: Some(Ready { bit: 0, is: true }),
                    ..exchange
                }),
            ],
            ErrorCode::NOSUPPORT,
            1,
        ),
        (
            "hidden status",
            &[
                good,
                Instruction::Exchange(Exchange {
                    status: CLEAR,
                    ..exchange
                }),
            ],
            ErrorCode::NOSUPPORT,
            1,
        ),
        (
            "data not to be read",
            &[
                good,
                Instruction::Exchange(Exchange {
                    data: word(CLEAR),
                    filled: Some(Ready { bit: 1, is: true }),
                    ..exchange
                }),
            ],
            ErrorCode::NOSUPPORT,
            1,
        ),
        (
            "words without input",
            &[
                good,
                Instruction::Exchange(Exchange {
                    words: 2,
                    from_input: true,
                    ..exchange
                }),
            ],
            ErrorCode::SIZE,
            1,
        ),
    ];
    for (what, program, error, at) in bad {
        // Room for the next buffers.
        let b = board();
        let handle = b.claim(0, 1, "leds").unwrap();
        b.leds.take_log();
        let outcome = b.run(handle, program, &[0; 4], 256);
        assert_eq!(outcome, Outcome::Failed(*error, *at, vec![]), "{what}");
        assert_eq!(b.leds.take_log(), [], "{what}");
    }
    let b = board();
    let handle = b.claim(0, 1, "leds").unwrap();
    let nested: Vec<_> = (0..=NESTING_MAX as u8)
        .map(|level| again(1, NESTING_MAX as u8 + 1 - level))
        .chain([good])
        .collect();
    let outcome = b.run(handle, &nested, &[], 0);
    assert_eq!(
        outcome,
        Outcome::Failed(ErrorCode::SIZE, NESTING_MAX as u32, vec![])
    );
    assert_eq!(b.run(handle, &nested[1..], &[], 0), Outcome::Done(vec![]));
    assert_eq!(
        b.run(handle, &[], &[], 0),
        Outcome::Refused(ErrorCode::FAIL)
    );
    let long = [good; INSTRUCTIONS_MAX + 1];
    assert_eq!(
        b.run(handle, &long, &[], 0),
        Outcome::Refused(ErrorCode::SIZE)
    );
    assert_eq!(b.run(handle, &long[1..], &[], 0), Outcome::Done(vec![]));
}

#[test]
fn what_is_no_instruction_is_refused_with_its_place() {
    let b = board();
    let handle = b.claim(0, 1, "leds").unwrap();
    let mut code = bytes_of(&[
        Instruction::Write(word(LED), 2),
        Instruction::Read(word(LED)),
    ]);
    code[INSTRUCTION_BYTES] = 0;
    let lend = |code: &[u8]| {
        { b.processes[0].allow_ro(DRIVER_NUM, &b.host, allow::RO_PROGRAM, code) }.unwrap();
    };
    let run = |count| b.call(0, command::PROGRAM_RUN, program_of(handle, count, 0), 0);
    lend(&code);
    b.leds.take_log();
    let refused = CommandReturn::failure_u32_u32(ErrorCode::FAIL, answer_of(1, 1), 0);
    assert_eq!(run(2), refused);
    assert!(b.leds.take_log().is_empty());
    // Buffers that are shorter than the call says, or none.
    assert_eq!(run(3), failed(ErrorCode::SIZE));
    let input = b.call(
        0,
        command::PROGRAM_RUN,
        program_of(handle, 1, 0),
        data_of(17, 0),
    );
    assert_eq!(input, failed(ErrorCode::SIZE));
    let output = b.call(
        0,
        command::PROGRAM_RUN,
        program_of(handle, 1, 0),
        data_of(0, 1),
    );
    assert_eq!(output, failed(ErrorCode::SIZE));
    assert_eq!(run(1), told(state::DONE, 1));
    lend(&[]);
    assert_eq!(run(1), failed(ErrorCode::SIZE));
}

/// However long a program is, a call makes no more accesses than a pass has.
#[test]
fn a_long_program_goes_on_in_bounded_passes() {
    let b = board();
    let handle = b.claim(0, 1, "uart1").unwrap();
    let program = [
        Instruction::Repeat {
            count: 100,
            body: 2,
        },
        Instruction::Write(word(8), 3),
        Instruction::Read(word(8)),
    ];
    b.uart.take_log();
    { b.processes[0].allow_ro(DRIVER_NUM, &b.host, allow::RO_PROGRAM, &bytes_of(&program)) }
        .unwrap();
    let output = { b.processes[0].allow_rw(DRIVER_NUM, &b.host, allow::RW_OUTPUT, 400) }.unwrap();
    let mut result = b.call(
        0,
        command::PROGRAM_RUN,
        program_of(handle, 3, 0),
        data_of(0, 400),
    );
    let mut made = 0;
    let mut calls = 1;
    loop {
        let now = b.uart.take_log().len() as u32;
        assert!(now <= PASS, "{now}");
        made += now;
        let (answer, length) = result.get_success_2_u32().unwrap();
        assert_eq!(length, made / 2 * 4);
        if answer == answer_of(state::DONE, 1) {
            break;
        }
        // One program of a block at a time.
        let another = b.call(
            0,
            command::PROGRAM_RUN,
            program_of(handle, 3, 0),
            data_of(0, 400),
        );
        assert_eq!(another, failed(ErrorCode::ALREADY));
        result = b.call(0, command::PROGRAM_CONTINUE, handle.into(), 0);
        calls += 1;
    }
    assert!(made == 200 && calls > 200 / PASS, "{made} in {calls}");
    assert_eq!(b.processes[0].read(output, 400), [3, 0, 0, 0].repeat(100));
    let over = b.call(0, command::PROGRAM_CONTINUE, handle.into(), 0);
    assert_eq!(over, failed(ErrorCode::ALREADY));
}

/// A turn that goes on for so many looks, and what there was between two of them.
#[derive(Default)]
struct Looks {
    left: Cell<u32>,
    made: Cell<u32>,
    /// Whose accesses are counted.
    uart: Cell<Option<&'static Memory>>,
    accesses: Cell<u32>,
}

impl Looks {
    /// A pass is over.
    fn note(&self) {
        let accesses = self.uart.get().unwrap().take_log().len() as u32;
        assert!(accesses <= PASS, "{accesses}");
        self.accesses.set(self.accesses.get() + accesses);
    }
}

impl Turn for Looks {
    fn goes_on(&self) -> bool {
        self.made.set(self.made.get() + 1);
        self.note();
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left != 0
    }
}

/// A call that may make many passes looks after each whether it may go on, and ends when it may not, with the number that was
/// asked for, or with the program. Nothing is left out or done twice.
#[test]
fn a_call_makes_passes_as_long_as_its_turn_goes_on() {
    let looks: &'static Looks = Box::leak(Box::default());
    let b = board_with(|host| host.with_turn(looks));
    looks.uart.set(Some(b.uart));
    let handle = b.claim(0, 1, "uart1").unwrap();
    // The check alone takes more than a pass.
    let mut program = vec![Instruction::Write(word(4), 1); 6];
    program.extend([
        Instruction::Repeat {
            count: 500,
            body: 2,
        },
        Instruction::Write(word(8), 3),
        Instruction::Read(word(8)),
    ]);
    let length = program.len() as u8;
    { b.processes[0].allow_ro(DRIVER_NUM, &b.host, allow::RO_PROGRAM, &bytes_of(&program)) }
        .unwrap();
    let output = { b.processes[0].allow_rw(DRIVER_NUM, &b.host, allow::RW_OUTPUT, 2000) }.unwrap();
    let begin = || {
        let data = data_of(0, 2000);
        b.call(0, command::PROGRAM_RUN, program_of(handle, length, 0), data)
    };
    b.uart.take_log();
    // One pass begins it, whatever the turn.
    looks.left.set(u32::MAX);
    assert_eq!(begin(), told(state::GOES_ON, 1));
    looks.note();
    assert_eq!((looks.accesses.get(), looks.made.take()), (0, 0));
    let go_on = |passes: u32| {
        let answer = b.call(0, command::PROGRAM_CONTINUE, handle.into(), passes as usize);
        looks.note();
        let (answer, written) = answer.get_success_2_u32().unwrap();
        let (state, made) = of_answer(answer);
        (state, made, written)
    };
    // None means one, and one asks nobody.
    assert_eq!(go_on(0), (state::GOES_ON, 1, 0));
    assert_eq!(go_on(1), (state::GOES_ON, 1, 0));
    assert_eq!(looks.made.take(), 0);
    // As many as are asked for.
    let (state, made, written) = go_on(5);
    assert_eq!((state, made, looks.made.take()), (state::GOES_ON, 5, 4));
    assert!(written > 4, "{written}");
    // Until somebody waits: after the first pass, after the third.
    for (left, passes) in [(0, 1), (2, 3)] {
        looks.left.set(left);
        let (state, made, _) = go_on(PASSES_MAX);
        assert_eq!((state, made), (state::GOES_ON, passes));
        assert_eq!(looks.made.take(), passes);
    }
    // To the end; more than there may be is as many as there may be.
    looks.left.set(u32::MAX);
    let (state, made, written) = go_on(u32::MAX);
    assert_eq!((state, written), (state::DONE, 2000));
    assert!(made > 1 && looks.made.take() == made - 1);
    assert_eq!(looks.accesses.take(), 6 + 1000);
    assert_eq!(b.processes[0].read(output, 2000), [3, 0, 0, 0].repeat(500));
    // An error has the number of passes with it.
    let program = [Instruction::Poll {
        at: word(8),
        mask: 3,
        value: 0,
        limit: 1000,
    }];
    { b.processes[0].allow_ro(DRIVER_NUM, &b.host, allow::RO_PROGRAM, &bytes_of(&program)) }
        .unwrap();
    let begun = b.call(0, command::PROGRAM_RUN, program_of(handle, 1, 0), 0);
    assert_eq!(begun, told(state::GOES_ON, 1));
    looks.note();
    let all = PASSES_MAX as usize;
    let ended = b.call(0, command::PROGRAM_CONTINUE, handle.into(), all);
    looks.note();
    let (error, answer, _) = ended.get_failure_2_u32().unwrap();
    let (at, made) = of_answer(answer);
    assert_eq!((error, at), (ErrorCode::NOACK, 0));
    assert_eq!(made, looks.made.get() + 1);
    assert_eq!(looks.accesses.get(), 1000);
}

/// Exchanges that are over at the first look are work, too: as many of them as one may repeat take many passes.
#[test]
fn short_exchanges_again_and_again_go_on_in_bounded_passes() {
    let b = board();
    let handle = b.claim(0, 1, "uart1").unwrap();
    let exchange = Exchange {
        data: word(8),
        status: 4,
        words: 1,
        under_way: 1,
        room: Some(Ready { bit: 0, is: false }),
        from_input: false,
        filled: None,
        to_output: false,
        limit: 3,
    };
    let program = [
        Instruction::Repeat {
            count: 100,
            body: 1,
        },
        Instruction::Exchange(exchange),
    ];
    b.uart.take_log();
    { b.processes[0].allow_ro(DRIVER_NUM, &b.host, allow::RO_PROGRAM, &bytes_of(&program)) }
        .unwrap();
    let mut result = b.call(
        0,
        command::PROGRAM_RUN,
        program_of(handle, 2, 0),
        data_of(0, 0),
    );
    let mut made = 0;
    loop {
        let now = b.uart.take_log().len() as u32;
        assert!(now <= PASS, "{now}");
        made += now;
        if result.get_success_2_u32().unwrap().0 == answer_of(state::DONE, 1) {
            break;
        }
        result = b.call(0, command::PROGRAM_CONTINUE, handle.into(), 0);
    }
    assert_eq!(made, 200, "a look and a word each");
}

/// The end of the claim, the process's own wish, or buffers that it takes back end a program where it is.
#[test]
fn a_program_stops_at_once_with_its_claim() {
    let b = board();
    let program = [
        Instruction::Repeat {
            count: 250,
            body: 1,
        },
        Instruction::Take(word(LED)),
    ];
    let code = [bytes_of(&program), vec![2; 1000]].concat();
    let lend = |process: usize, code: &[u8]| {
        let app = &b.processes[process];
        { app.allow_ro(DRIVER_NUM, &b.host, allow::RO_PROGRAM, code) }.unwrap();
    };
    let begin = |process: usize| {
        let handle = b.claim(process, 1, "leds").unwrap();
        b.leds.set_word(LED.into(), 0xf0);
        b.leds.set_word(CLEAR.into(), 0);
        let result = b.call(
            process,
            command::PROGRAM_RUN,
            program_of(handle, 2, 0),
            data_of(1000, 0),
        );
        assert_eq!(result, told(state::GOES_ON, 1));
        handle
    };
    let go_on = |process, handle: u16| b.call(process, command::PROGRAM_CONTINUE, handle.into(), 0);
    lend(0, &code);
    let handle = begin(0);
    // Not by others, nor with what is no handle.
    assert_eq!(go_on(1, handle), failed(ErrorCode::RESERVE));
    assert_eq!(
        b.call(1, command::PROGRAM_CANCEL, handle.into(), 0),
        failed(ErrorCode::RESERVE)
    );
    assert_eq!(go_on(0, handle ^ 1), failed(ErrorCode::RESERVE));
    assert!(b.call(0, command::RELEASE, handle.into(), 0).is_success());
    assert!(b.is_safe());
    b.leds.take_log();
    assert_eq!(go_on(0, handle), failed(ErrorCode::RESERVE));
    assert!(b.leds.take_log().is_empty());
    // Cancelled, it can begin anew at once.
    let handle = begin(0);
    assert!(
        b.call(0, command::PROGRAM_CANCEL, handle.into(), 0)
            .is_success()
    );
    assert_eq!(
        b.call(0, command::PROGRAM_CANCEL, handle.into(), 0),
        failed(ErrorCode::ALREADY)
    );
    assert_eq!(go_on(0, handle), failed(ErrorCode::ALREADY));
    let result = b.call(
        0,
        command::PROGRAM_RUN,
        program_of(handle, 2, 0),
        data_of(1000, 0),
    );
    assert_eq!(result, told(state::GOES_ON, 1));
    // A shorter buffer.
    lend(0, &code[..INSTRUCTION_BYTES * 2 + 20]);
    let short = CommandReturn::failure_u32_u32(ErrorCode::SIZE, answer_of(1, 1), 0);
    assert_eq!(go_on(0, handle), short);
    assert_eq!(go_on(0, handle), failed(ErrorCode::ALREADY));
    assert!(b.call(0, command::RELEASE, handle.into(), 0).is_success());
    // The process is gone.
    lend(0, &code);
    let handle = begin(0);
    b.processes[0].terminate();
    b.host.reap();
    assert!(b.is_safe());
    b.leds.take_log();
    lend(1, &code);
    assert_eq!(go_on(1, handle), failed(ErrorCode::RESERVE));
    assert!(b.leds.take_log().is_empty());
    begin(1);
}

#[test]
fn a_board_without_room_refuses_programs() {
    let b = board();
    let program = [
        Instruction::Repeat {
            count: 1000,
            body: 1,
        },
        Instruction::Write(word(0), 0),
    ];
    let begin = |handle| b.call(0, command::PROGRAM_RUN, program_of(handle, 2, 0), 0);
    { b.processes[0].allow_ro(DRIVER_NUM, &b.host, allow::RO_PROGRAM, &bytes_of(&program)) }
        .unwrap();
    let (leds, uart) = (
        b.claim(0, 1, "leds").unwrap(),
        b.claim(0, 1, "uart1").unwrap(),
    );
    let nothing = b.claim(0, 1, "nothing").unwrap();
    let goes_on = told(state::GOES_ON, 1);
    assert_eq!(begin(leds), goes_on);
    assert_eq!(begin(uart), goes_on);
    assert_eq!(begin(nothing), failed(ErrorCode::NOMEM));
    assert!(
        b.call(0, command::PROGRAM_CANCEL, leds.into(), 0)
            .is_success()
    );
    // There is room again; the block has no register.
    let refused = CommandReturn::failure_u32_u32(ErrorCode::NOSUPPORT, answer_of(1, 1), 0);
    assert_eq!(begin(nothing), refused);
    assert_eq!(begin(leds), goes_on);
}

#[test]
fn a_bus_error_ends_a_program_with_its_place() {
    let b = board();
    let handle = b.claim(0, 1, "uart1").unwrap();
    b.uart.gate(true);
    let program = [Instruction::Modify {
        at: word(0),
        mask: 1,
        value: 1,
    }];
    let outcome = b.run(handle, &program, &[], 0);
    assert_eq!(outcome, Outcome::Failed(ErrorCode::OFF, 0, vec![]));
    b.uart.gate(false);
    assert_eq!(b.run(handle, &program, &[], 0), Outcome::Done(vec![]));
}

/// Nothing but accesses of a pass costs anything: a program of a hidden bit's modify makes none at all.
#[test]
fn a_change_of_nothing_touches_no_hardware() {
    let b = board();
    let handle = b.claim(0, 1, "leds").unwrap();
    b.leds.take_log();
    let program = [
        Instruction::Repeat {
            count: 1000,
            body: 1,
        },
        Instruction::Modify {
            at: word(LED),
            mask: 1,
            value: 1,
        },
    ];
    let (outcome, calls) = run(&b.processes[0], &b.host, handle, &program, &[], 0);
    assert_eq!(outcome, Outcome::Done(vec![]));
    assert!(calls > 1000 / PASS);
    assert_eq!(b.leds.take_log(), Vec::<Access>::new());
    let _: &Memory = b.leds;
}
