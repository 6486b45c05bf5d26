//! Processes in turn, and one in the background that runs when no other can.
//!
//! For a device whose firmware lives in processes and that has one more for what
//! was added later: that one must never cost the firmware anything.
//!
//! Which ones are in the background, their places say ([`Priority`]); usually it is one.
//! All others are equals. As long as only one of
//! them is ready it runs without a time slice, which would only cost time; when
//! another becomes ready they take turns of 10 ms, so that none can keep the others
//! from running for good. A turn that kernel work interrupts goes on afterwards with
//! what is left of it. In the background it is the same, without what is left of a turn: whoever of the equals becomes
//! ready takes over at once. While a process waits to begin again, which no event tells, all runs are turns.

use core::cell::Cell;
use core::num::NonZeroU32;

use super::round_robin::{DEFAULT_TIMESLICE_US, MIN_REST_US};
use super::{Scheduler, SchedulingDecision};
use crate::deferred_call::DeferredCall;
use crate::kernel::{Kernel, PROCESSES_MAX};
use crate::platform::chip::Chip;
use crate::process::{Priority, Process, ProcessId, StoppedExecutingReason};

/// What was last chosen to run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chosen {
    /// The process in the background, while no other is ready there.
    Background,
    /// One of several that are ready in the background.
    BackgroundSliced,
    /// The process whose turn it is, while no other is ready.
    Alone,
    /// The process whose turn it is, with so many microseconds.
    Sliced(NonZeroU32),
}

/// The slot that is asked after this one; which of them hold processes, [`Kernel::first_ready`] knows.
fn behind(slot: usize) -> usize {
    (slot + 1) % PROCESSES_MAX
}

/// The scheduler.
pub struct BackgroundSched {
    kernel: &'static Kernel,
    /// Slots of the equals, a bit each; none before they were looked at.
    equals: Cell<u32>,
    /// Slots of those in the background.
    backgrounds: Cell<u32>,
    looked: Cell<bool>,
    /// Slot that is asked first of the equals.
    turn: Cell<usize>,
    /// What that slot's process has left of an interrupted turn.
    rest: Cell<Option<NonZeroU32>>,
    /// Slot that is asked first in the background; the one that was last chosen there.
    background: Cell<usize>,
    chosen: Cell<Chosen>,
}

impl BackgroundSched {
    /// Turns for all processes but those whose places are in the background.
    #[must_use]
    pub const fn new(kernel: &'static Kernel) -> Self {
        Self {
            kernel,
            equals: Cell::new(0),
            looked: Cell::new(false),
            turn: Cell::new(0),
            rest: Cell::new(None),
            backgrounds: Cell::new(0),
            background: Cell::new(0),
            chosen: Cell::new(Chosen::Background),
        }
    }

    /// Look once where processes are: they are loaded before the kernel loop begins,
    /// into the first slots, and do not move.
    #[cold]
    fn look(&self) {
        self.looked.set(true);
        for index in 0..self.kernel.process_count() {
            let slots = match self.kernel.process_with(index, Priority::Background) {
                Some(_) => &self.backgrounds,
                None => &self.equals,
            };
            slots.set(slots.get() | 1 << index);
        }
    }

    fn slots(&self, priority: Priority) -> u32 {
        match priority {
            Priority::Equal => self.equals.get(),
            Priority::Background => self.backgrounds.get(),
        }
    }

    /// The first one with this priority that is ready, from slot `from` on, and round.
    fn next_of(&self, priority: Priority, from: usize) -> Option<(usize, &'static dyn Process)> {
        self.kernel.first_ready(self.slots(priority), from)
    }

    /// Whether another one with this priority than that at `turn` is ready, or may be without a
    /// word: one that waits to begin again.
    fn other_ready(&self, priority: Priority, turn: usize) -> bool {
        let others = self.slots(priority) & !(1 << turn);
        self.kernel.first_ready(others, 0).is_some()
            || (self.kernel.has_pending_restarts() && self.equal_waits())
    }

    /// Whether an equal waits to begin again. One of the background has the time that others leave.
    #[cold]
    fn equal_waits(&self) -> bool {
        let mut left = self.equals.get();
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            let process = self.kernel.process_at(index);
            if process.is_some_and(|process| process.awaits_restart()) {
                return true;
            }
            left &= left - 1;
        }
        false
    }

    /// What runs when no equal is ready.
    fn next_in_background(&self) -> SchedulingDecision {
        let Some((index, process)) = self.next_of(Priority::Background, self.background.get())
        else {
            return SchedulingDecision::TrySleep;
        };
        self.background.set(index);
        let chosen = if self.other_ready(Priority::Background, index) {
            Chosen::BackgroundSliced
        } else {
            Chosen::Background
        };
        self.choose(chosen, process)
    }

    fn pass_turn(&self) {
        self.turn.set(behind(self.turn.get()));
        self.rest.set(None);
    }

    /// Whether the process that runs may go on after something happened to some
    /// process.
    #[inline(never)]
    fn still_first(&self) -> bool {
        match self.chosen.get() {
            Chosen::Sliced(_) => true,
            Chosen::Alone => !self.other_ready(Priority::Equal, self.turn.get()),
            Chosen::Background => {
                self.next_of(Priority::Equal, 0).is_none()
                    && !self.other_ready(Priority::Background, self.background.get())
            }
            Chosen::BackgroundSliced => self.next_of(Priority::Equal, 0).is_none(),
        }
    }

    fn choose(&self, chosen: Chosen, process: &dyn Process) -> SchedulingDecision {
        self.chosen.set(chosen);
        let slice = match chosen {
            Chosen::Sliced(slice) => Some(slice),
            Chosen::BackgroundSliced => Some(DEFAULT_TIMESLICE_US),
            Chosen::Alone | Chosen::Background => None,
        };
        SchedulingDecision::RunProcess((process.processid(), slice))
    }
}

impl<C: Chip> Scheduler<C> for BackgroundSched {
    fn next(&self) -> SchedulingDecision {
        let _ = self.kernel.take_noted_work();
        if !self.looked.get() {
            self.look();
        }
        let Some((index, process)) = self.next_of(Priority::Equal, self.turn.get()) else {
            return self.next_in_background();
        };
        if index != self.turn.replace(index) {
            self.rest.set(None);
        }
        let chosen = if self.other_ready(Priority::Equal, index) {
            Chosen::Sliced(self.rest.get().unwrap_or(DEFAULT_TIMESLICE_US))
        } else {
            Chosen::Alone
        };
        self.choose(chosen, process)
    }

    fn result(&self, result: StoppedExecutingReason, execution_time_us: Option<u32>) {
        let interrupted = result == StoppedExecutingReason::KernelPreemption;
        match self.chosen.get() {
            Chosen::BackgroundSliced if !interrupted => {
                self.background.set(behind(self.background.get()));
            }
            Chosen::Background | Chosen::BackgroundSliced => {}
            Chosen::Sliced(slice) if interrupted => {
                let used = execution_time_us.unwrap_or(slice.get());
                match NonZeroU32::new(slice.get().saturating_sub(used)) {
                    Some(left) if left.get() >= MIN_REST_US => self.rest.set(Some(left)),
                    _ => self.pass_turn(),
                }
            }
            Chosen::Alone if interrupted => {}
            Chosen::Alone | Chosen::Sliced(_) => self.pass_turn(),
        }
    }

    #[inline]
    fn continue_process(&self, _process: ProcessId, chip: &C) -> bool {
        if DeferredCall::has_tasks() || chip.has_pending_interrupts() {
            return false;
        }
        // Nobody else can be ready unless something happened to a process.
        !self.kernel.take_noted_work() || self.still_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::StoppedExecutingReason::{KernelPreemption, NoWorkLeft, TimesliceExpired};
    use crate::process::{FunctionCall, FunctionCallSource, Task};
    use crate::test_utils::{FakeChip, TestApp, TestKernel, TestPlace};

    /// Three processes with these names; "b" is in the background.
    struct Three {
        test: TestKernel,
        scheduler: BackgroundSched,
    }

    impl Three {
        fn new() -> Self {
            Self::with(Priority::Background)
        }

        fn with(background: Priority) -> Self {
            let test = TestKernel::new();
            let app = |name| TestApp {
                name,
                ..TestApp::default()
            };
            let place = |name, priority| TestPlace {
                flash: app(name).image(),
                priority,
                ..TestPlace::default()
            };
            let loaded = test.load_places([
                place("x", Priority::Equal),
                place("b", background),
                place("y", Priority::Equal),
            ]);
            assert_eq!(loaded, Ok(()));
            let scheduler = BackgroundSched::new(test.kernel);
            Self { test, scheduler }
        }

        /// Name and slice of what runs next.
        fn next(&self) -> Option<(&'static str, Option<u32>)> {
            let scheduler: &dyn Scheduler<FakeChip> = &self.scheduler;
            match scheduler.next() {
                SchedulingDecision::RunProcess((id, slice)) => {
                    let process = self.test.kernel.process(id).unwrap();
                    Some((process.get_process_name(), slice.map(NonZeroU32::get)))
                }
                SchedulingDecision::TrySleep => None,
            }
        }

        fn result(&self, reason: StoppedExecutingReason, used: Option<u32>) {
            let scheduler: &dyn Scheduler<FakeChip> = &self.scheduler;
            scheduler.result(reason, used);
        }

        fn goes_on(&self, index: usize) -> bool {
            let scheduler: &dyn Scheduler<FakeChip> = &self.scheduler;
            scheduler.continue_process(self.test.process(index).id(), self.test.chip)
        }

        /// The process yields and has nothing to do.
        fn sleep(&self, index: usize) {
            let process = self.test.process(index).as_process();
            while process.dequeue_task().is_some() {}
        }

        fn wake(&self, index: usize) {
            let call = FunctionCall {
                source: FunctionCallSource::Kernel,
                argument0: 0,
                argument1: 0,
                argument2: 0,
                argument3: 0,
                pc: 4,
            };
            let process = self.test.process(index).as_process();
            process.enqueue_task(Task::FunctionCall(call)).unwrap();
        }
    }

    fn all_ready() -> Three {
        let three = Three::new();
        for index in 0..3 {
            three.sleep(index);
            three.wake(index);
        }
        three
    }

    #[test]
    fn equals_take_turns_and_the_background_waits() {
        let s = all_ready();
        for _ in 0..3 {
            assert_eq!(s.next(), Some(("x", Some(10_000))));
            s.result(TimesliceExpired, Some(10_000));
            assert_eq!(s.next(), Some(("y", Some(10_000))));
            s.result(TimesliceExpired, Some(10_000));
        }
        s.sleep(0);
        assert_eq!(s.next(), Some(("y", None)));
        s.sleep(2);
        s.result(NoWorkLeft, None);
        assert_eq!(s.next(), Some(("b", None)));
        s.sleep(1);
        s.result(NoWorkLeft, None);
        assert_eq!(s.next(), None);
    }

    #[test]
    fn an_interrupted_turn_goes_on_with_its_rest() {
        let s = all_ready();
        assert_eq!(s.next(), Some(("x", Some(10_000))));
        s.result(KernelPreemption, Some(4_000));
        assert_eq!(s.next(), Some(("x", Some(6_000))));
        // Less than what a switch is worth: the turn is over.
        s.result(KernelPreemption, Some(5_900));
        assert_eq!(s.next(), Some(("y", Some(10_000))));
    }

    #[test]
    fn one_alone_has_no_slice_until_another_is_ready() {
        let s = all_ready();
        s.sleep(2);
        assert_eq!(s.next(), Some(("x", None)));
        s.result(KernelPreemption, None);
        assert_eq!(s.next(), Some(("x", None)));
        assert!(s.goes_on(0));
        s.wake(2);
        assert!(!s.goes_on(0), "now it has to share");
        s.result(KernelPreemption, None);
        assert_eq!(s.next(), Some(("x", Some(10_000))));
        s.wake(0);
        assert!(s.goes_on(0), "others wait for their turn");
        s.result(TimesliceExpired, Some(10_000));
        assert_eq!(s.next(), Some(("y", Some(10_000))));
    }

    #[test]
    fn whoever_is_ready_takes_over_from_the_background() {
        let s = all_ready();
        s.sleep(0);
        s.sleep(2);
        assert_eq!(s.next(), Some(("b", None)));
        s.wake(1);
        assert!(s.goes_on(1), "an event of its own changes nothing");
        s.wake(2);
        assert!(!s.goes_on(1));
        s.result(KernelPreemption, None);
        assert_eq!(s.next(), Some(("y", None)));
    }

    #[test]
    fn without_the_background_process_all_take_turns() {
        let s = Three::with(Priority::Equal);
        for name in ["x", "b", "y", "x"] {
            assert_eq!(s.next(), Some((name, Some(10_000))));
            s.result(TimesliceExpired, Some(10_000));
        }
    }

    /// Who sleeps is looked at when it falls asleep, and no more.
    #[test]
    fn those_that_sleep_are_not_asked() {
        let looks = |processes: usize| {
            let test = TestKernel::with_slots::<13>();
            let _ = test.start_all(&std::vec![TestApp::default(); processes]);
            let scheduler = BackgroundSched::new(test.kernel);
            let s = Three { test, scheduler };
            (2..processes).for_each(|index| s.sleep(index));
            let turn = || {
                s.next();
                s.wake(1);
                s.goes_on(0);
                s.result(NoWorkLeft, None);
            };
            turn();
            s.test.looks_in(turn)
        };
        assert_eq!(looks(13), looks(2));
    }

    #[test]
    fn several_in_the_background_share_what_the_others_leave() {
        let test = TestKernel::new();
        let place = |name, count, priority| TestPlace {
            flash: TestApp {
                name,
                ..TestApp::default()
            }
            .image()
            .repeat(count),
            priority,
            ..TestPlace::default()
        };
        let loaded = test.load_places([
            place("b", 2, Priority::Background),
            place("x", 1, Priority::Equal),
        ]);
        assert_eq!(loaded, Ok(()));
        let scheduler = BackgroundSched::new(test.kernel);
        let s = Three { test, scheduler };
        assert_eq!(s.next(), Some(("x", None)), "firmware first");
        s.sleep(2);
        s.result(NoWorkLeft, None);
        let running = |s: &Three| match s.scheduler.chosen.get() {
            Chosen::Background | Chosen::BackgroundSliced => s.scheduler.background.get(),
            _ => usize::MAX,
        };
        for index in [0, 1, 0] {
            assert_eq!(s.next(), Some(("b", Some(10_000))));
            assert_eq!(running(&s), index);
            s.result(TimesliceExpired, Some(10_000));
        }
        s.sleep(0);
        assert_eq!(s.next(), Some(("b", None)));
        assert_eq!(running(&s), 1);
        s.wake(0);
        assert!(!s.goes_on(1), "now it has to share");
        s.result(KernelPreemption, None);
        assert_eq!(s.next(), Some(("b", Some(10_000))));
        s.wake(2);
        assert!(!s.goes_on(1), "and the firmware comes first");
    }
}
