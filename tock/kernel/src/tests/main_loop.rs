//! The main loop, schedulers, faults.

use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::vec::Vec;

use super::driver::{Driver, NUM, driver};
use crate::deferred_call::{DeferredCall, DeferredCallClient};
use crate::kernel::Kernel;
use crate::platform::chip::Chip;
use crate::platform::{
    ContextSwitchCallback, KernelResources, ProcessFault, SyscallDriverLookup, SyscallFilter,
    WorkOf,
};
use crate::process::{
    FaultAction, Pass, Priority, Process, ProcessId, RunEnd, RunEndClient, State,
    StoppedExecutingReason,
};
use crate::scheduler::background::BackgroundSched;
use crate::scheduler::priority::PrioritySched;
use crate::scheduler::round_robin::RoundRobinSched;
use crate::scheduler::{Scheduler, SchedulingDecision};
use crate::syscall::{
    CommandReturn, ContextSwitchReason, Syscall, SyscallDriver, SyscallReturn, YieldCall,
};
use crate::test_utils::{FakeChip, FakeTimer, OneDriver, TestApp, TestKernel, TestPlace};
use crate::upcall::UpcallId;
use crate::{ErrorCode, create_capability};

/// What one process does to another.
type Deed = fn(&dyn Process);

/// Refuses what the test says, remembers who ran, turns the clock.
struct Hooks {
    refuse: Cell<Option<ErrorCode>>,
    forgive: Cell<bool>,
    ran: RefCell<Vec<&'static str>>,
    /// The next one that runs does this to this one.
    ends: Cell<Option<(&'static dyn Process, Deed)>>,
}

impl SyscallFilter for Hooks {
    fn filter_syscall(&self, _: &dyn Process, _: &Syscall) -> Result<(), ErrorCode> {
        self.refuse.get().map_or(Ok(()), Err)
    }
}

impl ProcessFault for Hooks {
    fn process_fault_hook(&self, _: &dyn Process) -> Result<(), ()> {
        if self.forgive.get() { Ok(()) } else { Err(()) }
    }
}

impl ContextSwitchCallback for Hooks {
    fn context_switch_hook(&self, process: &dyn Process) {
        self.ran.borrow_mut().push(process.get_process_name());
        if let Some((other, asks)) = self.ends.take() {
            asks(other);
        }
    }
}

/// One driver, whose every pass is work of this one, and goes on.
struct Lookup {
    one: OneDriver<'static>,
    work_of: Cell<WorkOf>,
    kernel: &'static Kernel,
    passes: RefCell<Vec<usize>>,
}

impl SyscallDriverLookup for Lookup {
    fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
    where
        F: FnOnce(Option<&dyn SyscallDriver>) -> R,
    {
        self.one.with_driver(driver_num, f)
    }

    fn pass(&self, driver_num: usize, process: ProcessId) -> WorkOf {
        self.passes.borrow_mut().push(process.index);
        if self.passes.borrow().len() < 8 {
            self.kernel.request_pass(process, driver_num);
        }
        self.work_of.get()
    }
}

struct Board<S> {
    scheduler: S,
    lookup: Lookup,
    hooks: Hooks,
    timer: &'static FakeTimer,
}

impl<S: Scheduler<FakeChip>> KernelResources<FakeChip> for Board<S> {
    type SyscallDriverLookup = Lookup;
    type SyscallFilter = Hooks;
    type ProcessFault = Hooks;
    type ContextSwitchCallback = Hooks;
    type Scheduler = S;
    type SchedulerTimer = FakeTimer;
    type WatchDog = ();

    fn syscall_driver_lookup(&self) -> &Lookup {
        &self.lookup
    }
    fn syscall_filter(&self) -> &Hooks {
        &self.hooks
    }
    fn process_fault(&self) -> &Hooks {
        &self.hooks
    }
    fn context_switch_callback(&self) -> &Hooks {
        &self.hooks
    }
    fn scheduler(&self) -> &S {
        &self.scheduler
    }
    fn scheduler_timer(&self) -> &FakeTimer {
        self.timer
    }
    fn watchdog(&self) -> &() {
        &()
    }
}

struct Setup<S> {
    test: TestKernel,
    board: Board<S>,
    driver: &'static Driver,
}

fn setup<S>(
    action: FaultAction,
    names: &[&'static str],
    scheduler: impl FnOnce(&'static Kernel) -> S,
) -> Setup<S> {
    let place = TestPlace {
        flash: names.iter().flat_map(|&name| app(name).image()).collect(),
        action,
        ..TestPlace::default()
    };
    setup_places([place], scheduler)
}

fn app(name: &'static str) -> TestApp {
    TestApp {
        name,
        ram: 16_000,
        ..TestApp::default()
    }
}

fn setup_places<S>(
    places: impl IntoIterator<Item = TestPlace>,
    scheduler: impl FnOnce(&'static Kernel) -> S,
) -> Setup<S> {
    let test = TestKernel::new();
    let driver = driver(&test);
    test.load_places(places).unwrap();
    Setup {
        test,
        driver,
        board: Board {
            scheduler: scheduler(test.kernel),
            lookup: Lookup {
                one: OneDriver {
                    number: NUM,
                    driver,
                },
                work_of: Cell::new(WorkOf::Itself),
                kernel: test.kernel,
                passes: RefCell::default(),
            },
            hooks: Hooks {
                refuse: Cell::new(None),
                forgive: Cell::new(false),
                ran: RefCell::default(),
                ends: Cell::new(None),
            },
            timer: Box::leak(Box::default()),
        },
    }
}

impl<S: Scheduler<FakeChip>> Setup<S> {
    /// Run with processes that stop for these reasons, then all yield.
    fn run(&self, script: &[ContextSwitchReason]) -> Vec<&'static str> {
        let capability = create_capability!(crate::capabilities::MainLoopCapability);
        self.test.chip.boundary.script.borrow_mut().extend(script);
        for _ in 0..20 {
            if self.test.chip.boundary.script.borrow().is_empty() {
                break;
            }
            self.test
                .kernel
                .kernel_loop_operation(&self.board, self.test.chip, true, &capability);
        }
        self.board.hooks.ran.take()
    }

    fn state(&self, index: usize) -> State {
        self.test.process(index).as_process().get_state()
    }
}

const fn fired(syscall: Syscall) -> ContextSwitchReason {
    ContextSwitchReason::SyscallFired { syscall }
}

const WAIT: ContextSwitchReason = fired(Syscall::Yield {
    yield_type: YieldCall::Wait,
});
const COMMAND: ContextSwitchReason = fired(Syscall::Command {
    driver_number: NUM,
    subdriver_number: 0,
    arg0: 0,
    arg1: 0,
});
const FAULT: ContextSwitchReason = ContextSwitchReason::Fault;

#[test]
fn priorities_in_array_order_and_one_in_the_background() {
    let s = setup(FaultAction::Stop, &["a", "b", "c"], PrioritySched::new);
    assert_eq!(s.run(&[WAIT; 3]), ["a", "b", "c"]);
    let s = setup_places(
        ["a", "b", "c"].map(|name| TestPlace {
            flash: app(name).image(),
            priority: if name == "a" {
                Priority::Background
            } else {
                Priority::Equal
            },
            ..TestPlace::default()
        }),
        BackgroundSched::new,
    );
    assert_eq!(s.run(&[WAIT; 3]), ["b", "c", "a"]);
}

#[test]
fn a_higher_priority_takes_over_at_once() {
    let s = setup(FaultAction::Stop, &["high", "low"], PrioritySched::new);
    let high = s.test.process(0);
    assert_eq!(s.run(&[WAIT]), ["high"]);
    high.subscribe(NUM, s.driver, 0).unwrap();
    // The low process runs; its command (from the driver's view, any event)
    // makes the high one ready.
    let tell = fired(Syscall::Command {
        driver_number: NUM,
        subdriver_number: 1,
        arg0: 0,
        arg1: 0,
    });
    assert_eq!(s.run(&[tell, COMMAND]), ["low", "low"]);
    assert!(high.command(s.driver, 2, 0, 5).is_success());
    assert_eq!(s.run(&[WAIT, WAIT]), ["high", "low"]);
}

#[test]
fn round_robin_takes_turns() {
    let s = setup(FaultAction::Stop, &["a", "b"], RoundRobinSched::new);
    assert_eq!(s.run(&[COMMAND, WAIT, WAIT]), ["a", "a", "b"]);
    let scheduler: &dyn Scheduler<FakeChip> = &s.board.scheduler;
    assert_eq!(
        scheduler.next(),
        SchedulingDecision::TrySleep,
        "nobody is ready"
    );
}

#[test]
fn a_used_up_slice_passes_the_turn() {
    let s = setup(FaultAction::Stop, &["a", "b"], RoundRobinSched::new);
    let a = s.test.process(0).as_process();
    let scheduler: &dyn Scheduler<FakeChip> = &s.board.scheduler;
    use crate::process::StoppedExecutingReason::{KernelPreemption, TimesliceExpired};
    use SchedulingDecision::RunProcess;
    let us = |n| core::num::NonZeroU32::new(n);
    let b = s.test.process(1).id();
    assert_eq!(scheduler.next(), RunProcess((a.processid(), us(10_000))));
    scheduler.result(KernelPreemption, Some(4_000));
    assert_eq!(scheduler.next(), RunProcess((a.processid(), us(6_000))));
    scheduler.result(KernelPreemption, Some(5_900));
    assert_eq!(scheduler.next(), RunProcess((b, us(10_000))));
    scheduler.result(TimesliceExpired, Some(10_000));
    assert_eq!(scheduler.next(), RunProcess((a.processid(), us(10_000))));
}

/// Round robin, and the slice ends while it is asked whether the process may go on.
struct EndsMeanwhile {
    scheduler: RoundRobinSched,
    timer: Cell<Option<&'static FakeTimer>>,
    result: Cell<Option<StoppedExecutingReason>>,
}

impl Scheduler<FakeChip> for EndsMeanwhile {
    fn next(&self) -> SchedulingDecision {
        Scheduler::<FakeChip>::next(&self.scheduler)
    }
    fn result(&self, reason: StoppedExecutingReason, used: Option<u32>) {
        self.result.set(Some(reason));
        Scheduler::<FakeChip>::result(&self.scheduler, reason, used);
    }
    fn continue_process(&self, process: ProcessId, chip: &FakeChip) -> bool {
        if let Some(timer) = self.timer.get() {
            timer.left.set(0);
        }
        self.scheduler.continue_process(process, chip)
    }
}

/// A chip forgets all that it noted when it looks at its interrupts, the end of a slice as well.
#[test]
fn a_slice_that_ends_during_the_look_at_interrupts_is_over() {
    let s = setup(FaultAction::Stop, &["a"], |kernel| EndsMeanwhile {
        scheduler: RoundRobinSched::new(kernel),
        timer: Cell::new(None),
        result: Cell::new(None),
    });
    assert_eq!(s.run(&[COMMAND]), ["a"]);
    s.board.scheduler.timer.set(Some(s.board.timer));
    assert!(s.run(&[COMMAND]).is_empty());
    assert_eq!(
        s.board.scheduler.result.get(),
        Some(StoppedExecutingReason::TimesliceExpired)
    );
}

#[test]
fn kernel_work_goes_first() {
    let s = setup(FaultAction::Stop, &["a"], PrioritySched::new);
    s.test.chip.interrupt.set(true);
    assert_eq!(s.run(&[COMMAND, WAIT]), ["a", "a"]);
    assert!(!s.test.chip.interrupt.get());
}

#[test]
fn wait_for_returns_the_event() {
    let s = setup(FaultAction::Stop, &["a"], PrioritySched::new);
    let id = UpcallId {
        driver_num: NUM,
        subscribe_num: 1,
    };
    let wait_for = fired(Syscall::Yield {
        yield_type: YieldCall::WaitFor(id),
    });
    s.run(&[wait_for]);
    assert_eq!(s.state(0), State::YieldedFor(id));
    let process = s.test.process(0);
    assert!(process.command(s.driver, 2, 1, 77).is_success());
    s.run(&[WAIT]);
    let returned = s.test.chip.boundary.returned.get();
    assert_eq!(returned, Some(SyscallReturn::YieldWaitFor(77, 0, 0)));
}

#[test]
fn null_upcalls_wake_nobody() {
    let s = setup(FaultAction::Stop, &["a"], PrioritySched::new);
    s.run(&[WAIT]);
    let process = s.test.process(0);
    assert!(process.command(s.driver, 2, 1, 77).is_success());
    assert!(!process.as_process().ready());
    process.subscribe(NUM, s.driver, 0).unwrap();
    assert!(process.command(s.driver, 2, 0, 5).is_success());
    assert_eq!(s.run(&[WAIT]), ["a"]);
    let calls = s.test.chip.boundary.calls.borrow();
    assert_eq!(calls.last().map(|call| call.argument0), Some(5));
    assert_eq!(process.as_process().pending_tasks(), 0);
}

#[test]
fn a_filtered_driver_answers_as_an_absent_one() {
    let s = setup(FaultAction::Stop, &["a"], PrioritySched::new);
    let subscribe = fired(Syscall::Subscribe {
        driver_number: NUM,
        subdriver_number: 0,
        upcall_ptr: 0,
        appdata: 7,
    });
    let allow = fired(Syscall::ReadOnlyAllow {
        driver_number: NUM,
        subdriver_number: 0,
        allow_address: 0,
        allow_size: 0,
    });
    let plain = SyscallReturn::Failure;
    let swap = SyscallReturn::SwapFailure;
    let expected = [
        (COMMAND, plain(ErrorCode::NODEVICE)),
        (subscribe, swap(ErrorCode::NODEVICE, 0, 7)),
        (allow, swap(ErrorCode::NODEVICE, 0, 0)),
    ];
    s.board.hooks.refuse.set(Some(ErrorCode::NODEVICE));
    for (call, answer) in expected {
        s.run(&[call]);
        let returned = s.test.chip.boundary.returned.take();
        assert_eq!(returned, Some(answer));
    }
    // Any other code is the filter's own.
    s.board.hooks.refuse.set(Some(ErrorCode::BUSY));
    for call in [COMMAND, subscribe, allow] {
        s.run(&[call]);
        let returned = s.test.chip.boundary.returned.take();
        assert_eq!(returned, Some(plain(ErrorCode::BUSY)));
    }
    let memop = fired(Syscall::Memop {
        operand: 7,
        arg0: 0,
    });
    s.run(&[memop]);
    assert!(
        s.test
            .chip
            .boundary
            .returned
            .take()
            .is_some_and(|r| r.is_success())
    );
}

/// Remembers whose run was ended how; has so many pieces left to do.
#[derive(Default)]
struct Told(RefCell<Vec<(&'static str, RunEnd)>>, Cell<u32>);

impl RunEndClient for Told {
    fn run_ends(&self, process: &dyn Process, end: RunEnd) {
        let told = (process.get_process_name(), end);
        self.0.borrow_mut().push(told);
    }

    fn end_pass(&self) -> bool {
        self.1.set(self.1.get() - 1);
        self.1.get() != 0
    }
}

/// What an end leaves to do keeps nobody but who caused it, whose turns it has; then that one goes on.
#[test]
fn who_ends_another_run_waits_until_that_end_is_over_and_others_do_not() {
    let told: &'static Told = Box::leak(Box::default());
    told.1.set(3);
    let s = setup_places(
        ["a", "b", "c"].map(|name| TestPlace {
            flash: app(name).image(),
            ..TestPlace::default()
        }),
        BackgroundSched::new,
    );
    let capability = create_capability!(crate::capabilities::ProcessManagementCapability);
    s.test.kernel.set_run_end_client(told, &capability);
    let a = s.test.process(0).as_process();
    assert_eq!(s.run(&[WAIT]), ["a"]);
    s.board.hooks.ends.set(Some((a, |a| a.terminate(None))));
    // Its call is over, and so is its turn.
    assert_eq!(s.run(&[COMMAND, COMMAND]), ["b", "c"]);
    assert_eq!(told.0.take(), [("a", RunEnd::Asked)]);
    assert_eq!(told.1.get(), 2);
    // One has the processor as long as it wants it, of turns that end.
    assert_eq!(s.run(&[COMMAND]), ["c"]);
    assert_eq!(told.1.get(), 2);
    // Nobody else has anything to do.
    assert_eq!(s.run(&[WAIT, COMMAND]), ["c", "b"]);
    assert_eq!(told.1.get(), 0);
}

/// Who asks for an end that has come already, by a fault an instant before, waits all the same.
#[test]
fn who_ends_a_process_that_has_faulted_waits_until_that_end_is_over() {
    for asks in [
        |process: &dyn Process| process.terminate(None),
        |process: &dyn Process| process.stop(),
    ] {
        let told: &'static Told = Box::leak(Box::default());
        told.1.set(2);
        let place = |name, priority| TestPlace {
            flash: app(name).image(),
            action: FaultAction::Restart,
            priority,
            ..TestPlace::default()
        };
        let places = [
            place("a", Priority::Background),
            place("b", Priority::Equal),
        ];
        let s = setup_places(places, BackgroundSched::new);
        let capability = create_capability!(crate::capabilities::ProcessManagementCapability);
        s.test.kernel.set_run_end_client(told, &capability);
        assert_eq!(s.run(&[COMMAND]), ["b"]);
        let a = s.test.process(0).as_process();
        a.set_fault_state();
        assert_eq!(told.0.take(), [("a", RunEnd::Faulted)]);
        s.board.hooks.ends.set(Some((a, asks)));
        assert_eq!(s.run(&[COMMAND]), ["b"]);
        assert_eq!(told.1.get(), 2);
        assert_eq!(s.run(&[COMMAND]), ["b"]);
        assert_eq!(told.1.get(), 0);
    }
}

#[test]
fn faults_follow_hook_and_policy() {
    let s = setup(FaultAction::Stop, &["a", "b"], PrioritySched::new);
    s.board.hooks.forgive.set(true);
    s.run(&[FAULT]);
    assert_ne!(s.state(0), State::Faulted);
    s.board.hooks.forgive.set(false);
    assert_eq!(s.run(&[FAULT, WAIT]), ["a", "b"]);
    assert_eq!((s.state(0), s.state(1)), (State::Faulted, State::Yielded));
    let a = s.test.process(0).as_process();
    assert!(!a.ready());
    assert_eq!(a.grant_allocated_count(), 0);
}

#[test]
fn restart_policy_starts_anew() {
    let s = setup(FaultAction::Restart, &["a"], PrioritySched::new);
    let id = s.test.process(0).id();
    assert_eq!(s.run(&[FAULT, WAIT]), ["a", "a"]);
    let a = s.test.process(0).as_process();
    assert_ne!(a.processid(), id);
    assert_eq!(a.get_restart_count(), 1);
    assert_eq!(s.test.chip.boundary.calls.borrow().len(), 2);
}

#[test]
fn stopped_processes_keep_their_place() {
    let s = setup(FaultAction::Stop, &["a"], PrioritySched::new);
    let a = s.test.process(0).as_process();
    a.stop();
    assert!(s.run(&[WAIT]).is_empty());
    s.test.chip.boundary.script.borrow_mut().clear();
    a.resume();
    assert_eq!(s.run(&[COMMAND, WAIT]), ["a", "a"]);
}

#[test]
#[should_panic(expected = "process a faulted")]
fn panic_policy_panics() {
    let s = setup(FaultAction::Panic, &["a"], PrioritySched::new);
    s.run(&[FAULT]);
}

/// A call that moves the break far.
fn far() -> ContextSwitchReason {
    fired(Syscall::Memop {
        operand: 1,
        arg0: 14_000,
    })
}

#[test]
fn an_interrupt_comes_between_two_passes_of_a_process_s_work() {
    let s = setup(FaultAction::Stop, &["low"], PrioritySched::new);
    // The script's last entry leaves an interrupt pending: the loop is left right after the call.
    assert_eq!(s.run(&[far()]), ["low"]);
    let p = s.test.process(0).as_process();
    assert!(p.is_being_cleared(), "only the first pass is done");
    let capability = create_capability!(crate::capabilities::MainLoopCapability);
    let turn = || {
        s.test
            .kernel
            .kernel_loop_operation(&s.board, s.test.chip, true, &capability);
    };
    s.test.chip.interrupt.set(true);
    turn();
    assert!(!s.test.chip.interrupt.get() && p.is_being_cleared());
    // Nothing else to do: all passes, then the process goes on.
    s.test.chip.boundary.script.borrow_mut().push_back(WAIT);
    turn();
    assert!(!p.is_being_cleared());
    assert_eq!(s.board.hooks.ran.take(), ["low"]);
}

#[test]
fn a_slice_that_passes_use_up_is_over() {
    let s = setup(FaultAction::Stop, &["a", "b"], RoundRobinSched::new);
    s.run(&[far()]);
    let a = s.test.process(0).as_process();
    assert!(a.is_being_cleared());
    // In its turn, each pass looks at the timer.
    let id = a.processid();
    let before = a.debug_timeslice_expiration_count();
    let capability = create_capability!(crate::capabilities::MainLoopCapability);
    s.board.timer.expires_at_once.set(true);
    s.test
        .kernel
        .kernel_loop_operation(&s.board, s.test.chip, true, &capability);
    s.test
        .kernel
        .kernel_loop_operation(&s.board, s.test.chip, true, &capability);
    assert_eq!(a.processid(), id);
    assert!(a.is_being_cleared(), "no pass without time");
    assert!(a.debug_timeslice_expiration_count() > before);
}

#[test]
fn a_report_is_told_in_parts_before_the_next_run_begins() {
    use crate::capabilities::SetDebugWriterCapability;
    use std::string::String;
    struct Sink {
        text: RefCell<String>,
        ended: Cell<bool>,
        full: Cell<bool>,
    }
    impl crate::debug::DebugSink for Sink {
        fn has_room_for_line(&self, of_background: bool) -> bool {
            assert!(!of_background);
            !self.full.get()
        }
        fn write(&self, text: &str) {
            self.text.borrow_mut().push_str(text);
        }
        fn end(&self) {
            self.ended.set(true);
        }
    }
    let sink: &'static Sink = std::boxed::Box::leak(std::boxed::Box::new(Sink {
        text: RefCell::default(),
        ended: Cell::new(false),
        full: Cell::new(false),
    }));
    crate::debug::set_debug_sink(sink, &create_capability!(SetDebugWriterCapability));
    let s = setup(FaultAction::Restart, &["a"], PrioritySched::new);
    s.run(&[COMMAND]);
    // So that it has a grant.
    let granted = s.test.process(0).command(s.driver, 1, 0, 0);
    assert_eq!(granted, CommandReturn::success_u32(1));
    let a = s.test.process(0).as_process();
    let id = a.processid();
    a.request_report("is restarted.");
    assert!(s.test.kernel.request_pass(id, NUM));
    a.set_fault_state();
    assert!(sink.text.borrow().is_empty(), "nothing at once");
    assert_eq!((a.processid(), a.get_state()), (id, State::Faulted));
    // No line is lost for want of room.
    sink.full.set(true);
    // It may be this driver for which the room waits.
    assert_eq!(a.pass(), Some(Pass::Driver(NUM)));
    assert_eq!(a.pass(), Some(Pass::Last), "others come first");
    assert!(sink.text.borrow().is_empty());
    sink.full.set(false);
    let mut before = 0;
    while let Some(pass) = a.pass() {
        assert_eq!(pass, Pass::Last);
        assert_eq!(a.processid(), id, "not before it is told");
        let told = sink.text.borrow().len();
        assert!(told - before <= 160, "{}", sink.text.borrow());
        before = told;
    }
    let text = sink.text.borrow().clone();
    assert!(text.contains("Process \"a\"") && text.contains("faulted"));
    assert!(text.ends_with("\r\na is restarted.\r\n"), "{text}");
    assert!(sink.ended.get());
    assert_eq!(s.run(&[WAIT]), ["a"]);
    assert_ne!(a.processid(), id);
}

/// Goes on and on, a piece a call.
struct Piecework {
    call: DeferredCall,
    pieces: Cell<u32>,
}

impl DeferredCallClient for Piecework {
    fn handle_deferred_call(&self) {
        self.pieces.set(self.pieces.get() + 1);
        self.call.set_later();
    }
    fn register(&'static self) {
        self.call.register(self);
    }
}

#[test]
fn what_comes_after_processes_comes_although_each_turn_is_ended_by_an_interrupt() {
    let s = setup(FaultAction::Stop, &["a"], PrioritySched::new);
    let work: &'static Piecework = Box::leak(Box::new(Piecework {
        call: DeferredCall::new(),
        pieces: Cell::new(0),
    }));
    work.register();
    work.call.set_later();
    let mut turns = 0;
    while work.pieces.get() < 3 {
        // The script's last entry leaves an interrupt pending.
        assert_eq!(s.run(&[COMMAND]), ["a"]);
        turns += 1;
        assert!(turns <= 100, "it is never made");
    }
    assert!(turns > 20, "and the interrupts' work goes first");
}

/// A driver with work for when processes have had their turn.
struct Later {
    call: DeferredCall,
    made: Cell<usize>,
    /// So often it goes on.
    most: usize,
}

impl DeferredCallClient for Later {
    fn handle_deferred_call(&self) {
        self.made.set(self.made.get() + 1);
        if self.made.get() < self.most {
            self.call.set_later();
        }
    }
    fn register(&'static self) {
        self.call.register(self);
    }
}

/// A call in the background is made when no other process is ready, one at a time, and before any process of the
/// background goes on, also where that one's own call has set it.
#[test]
fn calls_in_the_background_come_between_firmware_and_background() {
    let place = |name, priority| TestPlace {
        flash: app(name).image(),
        priority,
        ..TestPlace::default()
    };
    let s = setup_places(
        [
            place("x", Priority::Equal),
            place("b", Priority::Background),
        ],
        BackgroundSched::new,
    );
    let calls: [&'static Later; 2] = [1, 2].map(|most| {
        let later: &'static Later = Box::leak(Box::new(Later {
            call: DeferredCall::new(),
            made: Cell::new(0),
            most,
        }));
        later.register();
        later.call.put_in_background();
        later.call.set();
        later
    });
    let made = || calls.map(|call| call.made.get());
    let capability = create_capability!(crate::capabilities::MainLoopCapability);
    let turn = |reason: Option<ContextSwitchReason>| {
        s.test.chip.boundary.script.borrow_mut().extend(reason);
        s.test
            .kernel
            .kernel_loop_operation(&s.board, s.test.chip, true, &capability);
        s.board.hooks.ran.take()
    };
    // The end of a script leaves an interrupt: a pass for that, and one to look.
    let until_made = |expected: [usize; 2]| {
        for _ in 0..4 {
            if made() != expected {
                assert!(turn(None).is_empty(), "{:?}", made());
            }
        }
        assert_eq!(made(), expected);
    };
    // The loop looks, and the firmware goes first.
    assert!(turn(None).is_empty());
    assert_eq!(turn(Some(WAIT)), ["x"]);
    assert_eq!(made(), [0, 0]);
    until_made([1, 0]);
    // It becomes ready: before the next one.
    s.test.process(0).subscribe(NUM, s.driver, 0).unwrap();
    assert!(s.test.process(0).command(s.driver, 2, 0, 5).is_success());
    assert_eq!(turn(Some(WAIT)), ["x"]);
    assert_eq!(made(), [1, 0]);
    until_made([1, 1]);
    until_made([1, 2]);
    assert_eq!(turn(Some(COMMAND)), ["b"]);
}

impl<S: Scheduler<FakeChip>> Setup<S> {
    /// One pass of the loop; the process that runs in it, if any, stops for this reason.
    fn turn(&self, reason: ContextSwitchReason) -> Vec<&'static str> {
        let capability = create_capability!(crate::capabilities::MainLoopCapability);
        // The script's end leaves an interrupt, which is not what these tests are about.
        self.test.chip.service_pending_interrupts();
        let mut script = self.test.chip.boundary.script.borrow_mut();
        script.clear();
        script.push_back(reason);
        if reason == WAIT {
            // It is over before.
            script.push_back(COMMAND);
        }
        drop(script);
        self.test
            .kernel
            .kernel_loop_operation(&self.board, self.test.chip, true, &capability);
        self.board.hooks.ran.take()
    }
}

/// Two of the firmware that are ready, the first with work for passes; one in the background.
fn with_passes(work_of: WorkOf) -> Setup<BackgroundSched> {
    let place = |name, priority| TestPlace {
        flash: app(name).image(),
        priority,
        ..TestPlace::default()
    };
    let s = setup_places(
        [
            place("x", Priority::Equal),
            place("y", Priority::Equal),
            place("b", Priority::Background),
        ],
        BackgroundSched::new,
    );
    s.board.lookup.work_of.set(work_of);
    let x = s.test.process(0);
    // So that it has a grant.
    assert_eq!(x.command(s.driver, 1, 0, 0), CommandReturn::success_u32(1));
    s.test.kernel.request_pass(x.id(), NUM);
    s
}

#[test]
fn a_pass_for_another_is_all_that_a_turn_has() {
    let s = with_passes(WorkOf::Another);
    let passes = || s.board.lookup.passes.borrow().len();
    for number in 1..=8 {
        // Of the turn of the one that waits nothing is left but the pass; then comes the other.
        assert_eq!(s.turn(COMMAND), [""; 0], "{number}");
        assert_eq!(passes(), number);
        assert_eq!(s.turn(WAIT), ["y"]);
        assert_eq!(passes(), number);
        // And it is ready again.
        let y = s.test.process(1);
        y.subscribe(NUM, s.driver, 0).unwrap();
        assert!(y.command(s.driver, 2, 0, 5).is_success());
    }
    assert_eq!(s.turn(COMMAND), ["x"], "its own turn, at last");
}

#[test]
fn passes_of_its_own_are_a_turn() {
    let s = with_passes(WorkOf::Itself);
    assert_eq!(s.turn(COMMAND), ["x"]);
    assert_eq!(s.board.lookup.passes.borrow().len(), 8);
}

/// Each process of the firmware that stops leaves its time to the next one, and a call that comes after processes comes when
/// none of them is ready: before the background.
#[test]
fn what_comes_after_processes_comes_after_all_of_the_firmware() {
    let s = with_passes(WorkOf::Itself);
    let work: &'static Piecework = Box::leak(Box::new(Piecework {
        call: DeferredCall::new(),
        pieces: Cell::new(0),
    }));
    work.register();
    work.call.set_later();
    let mut ran = Vec::new();
    while ran.len() < 2 {
        assert_eq!(work.pieces.get(), 0, "after {ran:?}");
        ran.extend(s.turn(WAIT));
    }
    assert_eq!(ran, ["x", "y"]);
    assert_eq!(work.pieces.get(), 0);
    while work.pieces.get() < 3 {
        assert!(s.turn(WAIT).is_empty(), "before the background");
    }
}

/// A process that computes without a pause is left for what it, or an interrupt, has set meanwhile.
#[test]
fn what_comes_after_processes_is_seen_at_once() {
    let s = with_passes(WorkOf::Itself);
    let work: &'static Piecework = Box::leak(Box::new(Piecework {
        call: DeferredCall::new(),
        pieces: Cell::new(0),
    }));
    work.register();
    let scheduler: &dyn Scheduler<FakeChip> = &s.board.scheduler;
    assert_eq!(s.turn(COMMAND), ["x"]);
    s.test.chip.service_pending_interrupts();
    assert!(scheduler.continue_process(s.test.process(0).id(), s.test.chip));
    work.call.set_later();
    assert!(!scheduler.continue_process(s.test.process(0).id(), s.test.chip));
}
