//! Process information as processes see it.
//!
//! The driver takes a capability, which only a board can make: its crate forbids the `unsafe` that takes.

use capsules_extra::process_info_driver::{ByState, DRIVER_NUM, Lives, ProcessInfo};
use kernel::ErrorCode;
use kernel::capabilities::ProcessManagementCapability;
use kernel::create_capability;
use kernel::syscall::{CommandReturn, SyscallDriver};
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use process_lives::KernelLives;

struct Desk {
    driver: Box<dyn SyscallDriver>,
    processes: Vec<TestProcess>,
}

fn desk<L: Lives + 'static>(lives: L) -> Desk {
    let test = TestKernel::new();
    let capability = create_capability!(ProcessManagementCapability);
    let driver = ProcessInfo::new(test.kernel, test.create_grant(DRIVER_NUM), capability);
    let app = |name, short_id| TestApp {
        name,
        short_id,
        ..TestApp::default()
    };
    Desk {
        processes: test.start_all(&[app("one", 0), app("two", 0x1234)]),
        driver: Box::new(driver.with_lives(lives)),
    }
}

impl Desk {
    fn id(&self, process: usize) -> usize {
        self.processes[process].id().id()
    }

    fn call(&self, number: usize, a: usize, b: usize) -> CommandReturn {
        self.processes[0].command(&*self.driver, number, a, b)
    }

    /// The answer of a command and what it wrote to a buffer of `room` bytes.
    fn ask(&self, number: usize, a: usize, room: usize) -> (CommandReturn, Vec<u8>) {
        let buffer = self.processes[0]
            .allow_rw(DRIVER_NUM, &*self.driver, 0, room)
            .unwrap();
        let result = self.call(number, a, 0);
        (result, self.processes[0].read(buffer, room))
    }

    fn ask_words(&self, number: usize, a: usize, room: usize) -> (CommandReturn, Vec<u32>) {
        let (result, bytes) = self.ask(number, a, 4 * room);
        let word = |word: &[u8]| u32::from_le_bytes(word.try_into().unwrap());
        (result, bytes.chunks(4).map(word).collect())
    }

    fn state(&self, process: usize) -> u32 {
        let (result, words) = self.ask_words(5, self.id(process), 4);
        assert!(result.is_success());
        words[3]
    }
}

#[test]
fn processes_are_counted_and_listed() {
    let desk = desk(());
    let two = CommandReturn::success_u32(2);
    let ids = [desk.id(0) as u32, desk.id(1) as u32];
    assert!(desk.call(0, 0, 0).is_success());
    assert_eq!(desk.call(1, 0, 0), two);
    assert_eq!(desk.ask_words(2, 0, 3), (two, [ids[0], ids[1], 0].into()));
    assert_eq!(desk.ask_words(3, 0, 2), (two, [0, 0x1234].into()));
    // Cut to the buffer; what does not hold a whole number is left alone.
    let (result, bytes) = desk.ask(3, 0, 7);
    assert_eq!((result, bytes), (two, [0; 7].into()));
    assert_eq!(desk.ask_words(2, 0, 1), (two, [ids[0]].into()));
    assert_eq!(
        desk.call(7, 0, 0),
        CommandReturn::failure(ErrorCode::NOSUPPORT)
    );
}

#[test]
fn names_and_statistics_are_told() {
    let desk = desk(());
    let three = CommandReturn::success_u32(3);
    assert_eq!(desk.ask(4, desk.id(1), 5), (three, b"two\0\0".into()));
    assert_eq!(desk.ask(4, desk.id(0), 2), (three, b"on".into()));
    desk.processes[1].restart();
    let (result, words) = desk.ask_words(5, desk.id(1), 4);
    assert!(result.is_success());
    assert_eq!(words[2], 1);
    // Cut to the buffer, as upstream's driver does.
    let (result, cut) = desk.ask(5, desk.id(1), 15);
    assert!(result.is_success());
    assert_eq!((cut[8], &cut[12..]), (1, &[0; 3][..]));
    assert!(desk.ask(5, desk.id(1), 0).0.is_success());
    let none = CommandReturn::failure(ErrorCode::INVAL);
    assert_eq!(desk.ask(4, 999, 4).0, none);
    assert_eq!(desk.ask(5, 999, 16).0, none);
}

#[test]
fn without_control_nothing_is_changed() {
    let desk = desk(());
    let before = desk.state(1);
    for state in 0..7 {
        let result = desk.call(6, desk.id(1), state);
        assert_eq!(result, CommandReturn::failure(ErrorCode::NOSUPPORT));
    }
    assert_eq!(desk.state(1), before);
}

#[test]
fn with_control_the_others_obey() {
    let desk = desk(KernelLives);
    let set = |process: usize, state| desk.call(6, desk.id(process), state);
    let inval = CommandReturn::failure(ErrorCode::INVAL);
    let before = desk.state(1);
    assert!(set(1, 2).is_success());
    assert_eq!(desk.state(1), 3);
    assert!(set(1, 1).is_success());
    assert_eq!(desk.state(1), before);
    assert_eq!(set(1, 5), CommandReturn::failure(ErrorCode::ALREADY));
    assert!(set(1, 4).is_success());
    assert_eq!(desk.state(1), 5);
    assert_eq!(set(0, 2), inval);
    assert_eq!(set(1, 9), inval);
    assert_eq!(desk.call(6, 999, 2), inval);
}

#[test]
fn a_fault_is_told() {
    let desk = desk(KernelLives);
    assert!(desk.call(6, desk.id(1), 3).is_success());
    assert_eq!(desk.state(1), 4);
}

/// A row of the table of docs/syscalls/10002: a state by the commands that lead to it, its number, and what each command
/// returns there.
type Row = (&'static [usize], Option<u32>, [Result<(), ErrorCode>; 5]);

const DONE: Result<(), ErrorCode> = Ok(());
const ALREADY: Result<(), ErrorCode> = Err(ErrorCode::ALREADY);
const OFF: Result<(), ErrorCode> = Err(ErrorCode::OFF);

fn every_command_returns(rows: &[Row], desk: fn() -> Desk) {
    for (way, state, returns) in rows {
        for (command, expected) in (1..).zip(*returns) {
            let desk = desk();
            let set = |state| desk.call(6, desk.id(1), state);
            let alive = desk.state(1);
            assert!(way.iter().all(|state| set(*state).is_success()), "{way:?}");
            let before = desk.state(1);
            assert_eq!(before, state.unwrap_or(alive), "{way:?}");
            assert_eq!(set(command), expected.into(), "{way:?} {command}");
            if expected.is_err() {
                assert_eq!(desk.state(1), before, "{way:?} {command} changed it");
            }
        }
    }
}

#[test]
fn every_command_in_every_state_returns_what_is_documented() {
    let rows: [Row; 7] = [
        (&[], None, [ALREADY, DONE, DONE, DONE, ALREADY]),
        (&[2], Some(3), [DONE, ALREADY, DONE, DONE, ALREADY]),
        (&[4, 5], Some(5), [ALREADY, DONE, ALREADY, DONE, ALREADY]),
        (&[4, 5, 2], Some(3), [DONE, ALREADY, ALREADY, DONE, DONE]),
        (&[4], Some(5), [OFF, OFF, OFF, ALREADY, DONE]),
        (&[3], Some(4), [OFF, OFF, OFF, ALREADY, DONE]),
        (&[4, 5, 2, 4], Some(5), [OFF, OFF, OFF, ALREADY, DONE]),
    ];
    every_command_returns(&rows, || desk(KernelLives));
}

#[test]
fn by_state_alone_all_but_a_beginning_is_done() {
    let none = Err(ErrorCode::NOSUPPORT);
    let rows: [Row; 4] = [
        (&[], None, [ALREADY, DONE, DONE, DONE, none]),
        (&[2], Some(3), [DONE, ALREADY, DONE, DONE, none]),
        (&[4], Some(5), [OFF, OFF, OFF, ALREADY, none]),
        (&[3], Some(4), [OFF, OFF, OFF, ALREADY, none]),
    ];
    every_command_returns(&rows, || desk(ByState));
}
