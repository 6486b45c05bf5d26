//! The driver as its process sees it, through the kernel's own system-call path.

use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::vec::Vec;

use berth_flash::driver::{DRIVER_NUM, allow_ro, command, upcall};
use kernel::ErrorCode;
use kernel::process::ProcessId;
use kernel::syscall::{CommandReturn, SyscallDriver};
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use kernel::utilities::leasable_buffer::SubSliceMut;

use flash_partition::{
    Budget, FlashPartition, Geometry, Guard, Kept, Part, PartClient, Rate, Seconds, Watch, Wear,
};

const GEOMETRY: Geometry = Geometry {
    start: 0x14_1000,
    length: 3 * PAGE,
    page: PAGE,
    word: 4,
    programs: 2,
};
const PAGE: usize = 256;
/// Bytes of the driver's buffer.
const PROGRAM_MAX: usize = 64;

/// What reaches the flash.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Done {
    Erase(usize),
    Program(usize, Vec<u8>),
}

/// A part that ends an operation when the test says so.
#[derive(Default)]
struct TestPart {
    client: Cell<Option<&'static dyn PartClient>>,
    done: RefCell<Vec<Done>>,
    buffer: RefCell<Option<SubSliceMut<'static, u8>>>,
    refuses: Cell<Option<ErrorCode>>,
}

impl TestPart {
    fn finish(&self, result: Result<(), ErrorCode>) {
        let client = self.client.get().unwrap();
        match self.buffer.take() {
            Some(bytes) => client.programmed(bytes, result),
            None => client.erased(result),
        }
    }
}

impl Part for TestPart {
    fn set_client(&self, client: &'static dyn PartClient) {
        self.client.set(Some(client));
    }

    fn geometry(&self) -> Geometry {
        GEOMETRY
    }

    fn erase(&self, page: usize) -> Result<(), ErrorCode> {
        if let Some(error) = self.refuses.get() {
            return Err(error);
        }
        self.done.borrow_mut().push(Done::Erase(page));
        Ok(())
    }

    fn program(
        &self,
        offset: usize,
        bytes: SubSliceMut<'static, u8>,
    ) -> Result<(), (ErrorCode, SubSliceMut<'static, u8>)> {
        if let Some(error) = self.refuses.get() {
            return Err((error, bytes));
        }
        let program = Done::Program(offset, bytes.as_slice().to_vec());
        self.done.borrow_mut().push(program);
        self.buffer.replace(Some(bytes));
        Ok(())
    }
}

/// Admits one process, and has so many regions.
#[derive(Default)]
struct TestGuard {
    owner: Cell<Option<ProcessId>>,
    regions: Cell<usize>,
    opened: RefCell<Vec<(ProcessId, usize, usize)>>,
}

impl Guard for TestGuard {
    fn admits(&self, process: ProcessId) -> bool {
        self.owner.get() == Some(process)
    }

    fn open(&self, process: ProcessId, start: usize, length: usize) -> bool {
        let Some(left) = self.regions.get().checked_sub(1) else {
            return false;
        };
        self.regions.set(left);
        self.opened.borrow_mut().push((process, start, length));
        true
    }
}

/// More than most tests need.
const BUDGET: Budget = Budget {
    burst: 20,
    period_s: 60,
    per_second: 25,
};

#[derive(Default)]
struct Clock(Cell<u32>);

impl Seconds for Clock {
    fn seconds(&self) -> u32 {
        self.0.get()
    }
}

struct Board {
    clock: &'static Clock,
    part: &'static TestPart,
    guard: &'static TestGuard,
    driver: &'static FlashPartition,
    processes: Vec<TestProcess>,
}

/// Two processes; the partition is the first one's.
fn board() -> Board {
    let kernel = TestKernel::new();
    let part: &'static TestPart = Box::leak(Box::default());
    let guard: &'static TestGuard = Box::leak(Box::default());
    let kept: &'static Kept<3> = Box::leak(Box::default());
    let clock: &'static Clock = Box::leak(Box::default());
    let rate = Box::leak(Box::new(Rate::new()));
    let wear = Box::leak(Box::new(Wear::new(BUDGET, rate, clock, kept)));
    let driver = Box::leak(Box::new(FlashPartition::new(
        part,
        guard,
        wear,
        Box::leak(Box::new([0; PROGRAM_MAX])),
        kernel.create_grant(DRIVER_NUM),
    )));
    part.set_client(driver);
    let processes = kernel.start_all(&[TestApp::default(), TestApp::default()]);
    guard.owner.set(Some(processes[0].id()));
    guard.regions.set(1);
    Board {
        clock,
        part,
        guard,
        driver,
        processes,
    }
}

impl Board {
    fn call(&self, number: usize, a: usize, b: usize) -> CommandReturn {
        self.processes[0].command(self.driver, number, a, b)
    }

    fn lend(&self, bytes: &[u8]) {
        self.processes[0]
            .allow_ro(DRIVER_NUM, self.driver, allow_ro::PROGRAM, bytes)
            .unwrap();
    }

    fn subscribe(&self) {
        self.processes[0]
            .subscribe(DRIVER_NUM, self.driver, upcall::DONE)
            .unwrap();
    }

    fn done(&self) -> Vec<Done> {
        self.part.done.take()
    }
}

fn error(result: &CommandReturn) -> Option<ErrorCode> {
    result.get_failure()
}

#[test]
fn the_shape_is_told() {
    let board = board();
    assert!(board.call(command::EXISTS, 0, 0).is_success());
    assert_eq!(
        board.call(command::GEOMETRY, 0, 0).get_success_3_u32(),
        Some((0x14_1000, 0x300, 0x100))
    );
    assert_eq!(
        board.call(command::LIMITS, 0, 0).get_success_3_u32(),
        Some((4, 2, 64))
    );
    assert_eq!(
        board.call(command::BUDGET, 0, 0).get_success_3_u32(),
        Some((20, 20, 60))
    );
    assert_eq!(
        board.call(command::ERASES, 0, 0).get_success_3_u32(),
        Some((0, 0, 25))
    );
    assert_eq!(error(&board.call(8, 0, 0)), Some(ErrorCode::NOSUPPORT));
}

#[test]
fn for_another_process_it_is_not_there() {
    let board = board();
    for number in 0..8 {
        let result = board.processes[1].command(board.driver, number, 0, 0);
        assert_eq!(error(&result), Some(ErrorCode::NODEVICE), "{number}");
    }
    assert!(board.done().is_empty() && board.guard.opened.borrow().is_empty());
    // Nor for the same process after a restart that the board does not know of.
    board.processes[0].restart();
    let result = board.call(command::ERASE, 0, 0);
    assert_eq!(error(&result), Some(ErrorCode::NODEVICE));
}

#[test]
fn it_is_opened_once_and_again_after_a_restart() {
    let board = board();
    for _ in 0..3 {
        assert!(board.call(command::MAP, 0, 0).is_success());
    }
    let id = board.processes[0].id();
    assert_eq!(board.guard.opened.take(), [(id, 0x14_1000, 0x300)]);
    board.processes[0].restart();
    board.guard.owner.set(Some(board.processes[0].id()));
    let refused = board.call(command::MAP, 0, 0);
    assert_eq!(error(&refused), Some(ErrorCode::NOMEM), "no region is left");
    board.guard.regions.set(1);
    assert!(board.call(command::MAP, 0, 0).is_success());
}

#[test]
fn operations_reach_the_flash_in_order_and_their_ends_the_process() {
    let board = board();
    board.subscribe();
    assert!(board.call(command::ERASE, 2, 0).is_success());
    assert!(board.processes[0].upcalls().is_empty(), "not over yet");
    board.part.finish(Ok(()));
    board.lend(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(board.call(command::PROGRAM, 0x2f8, 8).is_success());
    board.part.finish(Err(ErrorCode::FAIL));
    assert_eq!(
        board.done(),
        [
            Done::Erase(2),
            Done::Program(0x2f8, Vec::from([1, 2, 3, 4, 5, 6, 7, 8]))
        ]
    );
    assert_eq!(
        board.processes[0].upcalls(),
        [(upcall::DONE, (0, 0, 0)), (upcall::DONE, (1, 0, 0))]
    );
    // The buffer came back.
    assert!(board.call(command::PROGRAM, 0, 8).is_success());
}

#[test]
fn one_operation_at_a_time() {
    let board = board();
    board.lend(&[0; 4]);
    assert!(board.call(command::PROGRAM, 0, 4).is_success());
    for (number, length) in [(command::PROGRAM, 4), (command::ERASE, 0)] {
        let result = board.call(number, 0, length);
        assert_eq!(error(&result), Some(ErrorCode::BUSY));
    }
    assert_eq!(board.done().len(), 1);
}

#[test]
fn an_operation_outlives_its_process() {
    let board = board();
    board.lend(&[0; 4]);
    assert!(board.call(command::PROGRAM, 0, 4).is_success());
    board.processes[0].restart();
    board.guard.owner.set(Some(board.processes[0].id()));
    board.subscribe();
    assert_eq!(
        error(&board.call(command::ERASE, 0, 0)),
        Some(ErrorCode::BUSY)
    );
    board.part.finish(Ok(()));
    assert!(board.processes[0].upcalls().is_empty(), "not its own");
    assert!(board.call(command::ERASE, 0, 0).is_success());
}

#[test]
fn what_the_part_refuses_leaves_nothing_behind() {
    let board = board();
    board.subscribe();
    board.lend(&[0; 4]);
    board.part.refuses.set(Some(ErrorCode::ALREADY));
    for (number, length) in [(command::PROGRAM, 4), (command::ERASE, 0)] {
        let result = board.call(number, 0, length);
        assert_eq!(error(&result), Some(ErrorCode::ALREADY));
    }
    board.part.refuses.set(None);
    assert!(board.call(command::PROGRAM, 0, 4).is_success());
    assert!(board.processes[0].upcalls().is_empty());
}

#[test]
fn nothing_outside_the_partition_and_nothing_but_whole_words() {
    const WORD: usize = 4;
    let board = board();
    board.lend(&[0; PROGRAM_MAX + WORD]);
    let edges = [0, 1, 2, 3, WORD, 6, PROGRAM_MAX, PROGRAM_MAX + WORD];
    let ends = [GEOMETRY.length, usize::MAX, 1 << 31, 1 << 20];
    let mut accepted = 0;
    for start in ends.into_iter().chain([0, PAGE]) {
        for below in edges {
            for length in edges.into_iter().chain(ends) {
                let offset = start.wrapping_sub(below);
                let result = board.call(command::PROGRAM, offset, length);
                let inside = offset
                    .checked_add(length)
                    .is_some_and(|end| end <= GEOMETRY.length);
                let whole = offset % WORD == 0 && length % WORD == 0;
                let expected = match (inside && whole, length <= PROGRAM_MAX) {
                    (false, _) => Some(ErrorCode::INVAL),
                    (true, false) => Some(ErrorCode::SIZE),
                    (true, true) => None,
                };
                assert_eq!(error(&result), expected, "{offset:#x} {length:#x}");
                if expected.is_none() {
                    accepted += 1;
                    board.part.finish(Ok(()));
                }
            }
        }
    }
    assert_eq!(board.done().len(), accepted);
    for page in [3, 4, usize::MAX, usize::MAX / PAGE] {
        let result = board.call(command::ERASE, page, 0);
        assert_eq!(error(&result), Some(ErrorCode::INVAL));
    }
}

#[test]
fn not_more_is_programmed_than_was_lent() {
    let board = board();
    let none = board.call(command::PROGRAM, 0, 4);
    assert_eq!(error(&none), Some(ErrorCode::SIZE));
    board.lend(&[0; 7]);
    let short = board.call(command::PROGRAM, 0, 8);
    assert_eq!(error(&short), Some(ErrorCode::SIZE));
    assert!(board.call(command::PROGRAM, 0, 4).is_success());
}

#[test]
fn memory_for_the_grant_is_asked_for_first() {
    let board = board();
    let driver: &dyn SyscallDriver = board.driver;
    assert_eq!(driver.allocate_grant(board.processes[0].id()), Ok(()));
}

#[test]
fn a_page_is_erased_as_often_as_its_budget_says_and_later_again() {
    let board = board();
    let erase = |page| {
        let result = board.call(command::ERASE, page, 0);
        if result.is_success() {
            board.part.finish(Ok(()));
        }
        error(&result)
    };
    for _ in 0..20 {
        assert_eq!(erase(1), None);
    }
    let done = board.done().len();
    for _ in 0..20_000 {
        assert_eq!(erase(1), Some(ErrorCode::RESERVE));
    }
    assert_eq!(
        (done, board.done().len()),
        (20, 0),
        "nothing reached the part"
    );
    assert_eq!(erase(0), None, "another page");
    // Whoever is in the process's place next has what is left, not more.
    board.processes[0].restart();
    board.guard.owner.set(Some(board.processes[0].id()));
    assert_eq!(erase(1), Some(ErrorCode::RESERVE));
    board.clock.0.set(60);
    assert_eq!((erase(1), erase(1)), (None, Some(ErrorCode::RESERVE)));
    // What the part does not begin does not count.
    board.clock.0.set(120);
    board.part.refuses.set(Some(ErrorCode::FAIL));
    assert_eq!(erase(1), Some(ErrorCode::FAIL));
    board.part.refuses.set(None);
    assert_eq!(erase(1), None);
    // Done and refused, with the sums of above.
    let told = board.call(command::ERASES, 0, 0).get_success_3_u32();
    assert_eq!(told, Some((23, 20_002, 25)));
}

#[test]
fn all_pages_together_are_erased_no_more_often_in_a_second_than_the_rate_says() {
    let board = board();
    let erases = || {
        let begun = |number: &usize| {
            let result = board.call(command::ERASE, number % 3, 0);
            if result.is_success() {
                board.part.finish(Ok(()));
            }
            result.is_success()
        };
        (0..40).filter(begun).count()
    };
    assert_eq!(erases(), 25);
    // A second of the clock may be over at once.
    board.clock.0.set(1);
    assert_eq!(erases(), 0);
    board.clock.0.set(2);
    assert_eq!(erases(), 25);
}

/// Notes what it is told, and how much had reached the flash then.
struct Noted {
    part: &'static TestPart,
    told: RefCell<Vec<Told>>,
}

/// Bytes that are about to change, or none when that is over; and how many changes had reached the flash.
type Told = (Option<(usize, usize)>, usize);

impl Watch for Noted {
    fn changes(&self, offset: usize, length: usize) {
        let reached = self.part.done.borrow().len();
        self.told
            .borrow_mut()
            .push((Some((offset, length)), reached));
    }

    fn changed(&self) {
        let reached = self.part.done.borrow().len();
        self.told.borrow_mut().push((None, reached));
    }
}

/// A board with somebody who is told; eight bytes are lent.
fn watched() -> (Board, &'static Noted) {
    let board = board();
    let noted: &'static Noted = Box::leak(Box::new(Noted {
        part: board.part,
        told: RefCell::default(),
    }));
    board.driver.set_watch(noted);
    board.lend(&[0; 8]);
    (board, noted)
}

#[test]
fn who_watches_is_told_before_anything_changes_and_when_it_is_over() {
    let (board, noted) = watched();
    assert!(board.call(command::ERASE, 2, 0).is_success());
    assert_eq!(noted.told.take(), [(Some((2 * PAGE, PAGE)), 0)]);
    // What is refused because of that, changes nothing.
    assert!(board.call(command::PROGRAM, 0, 8).get_failure().is_some());
    assert_eq!(noted.told.take(), []);
    board.part.finish(Ok(()));
    assert_eq!(noted.told.take(), [(None, 1)]);
    assert!(board.call(command::PROGRAM, 4, 8).is_success());
    // Whoever began it.
    board.processes[0].terminate();
    board.part.finish(Err(ErrorCode::FAIL));
    assert_eq!(noted.told.take(), [(Some((4, 8)), 1), (None, 2)]);
}

#[test]
fn who_watches_is_told_that_what_the_part_refuses_is_over() {
    let (board, noted) = watched();
    board.part.refuses.set(Some(ErrorCode::ALREADY));
    for (number, range) in [(command::ERASE, (0, PAGE)), (command::PROGRAM, (0, 4))] {
        assert!(board.call(number, 0, 4).get_failure().is_some());
        assert_eq!(noted.told.take(), [(Some(range), 0), (None, 0)]);
    }
    // Nor is anybody told of what the driver itself refuses.
    assert!(board.call(command::PROGRAM, 2, 4).get_failure().is_some());
    assert!(board.call(command::ERASE, 3, 0).get_failure().is_some());
    assert_eq!(noted.told.take(), []);
}
