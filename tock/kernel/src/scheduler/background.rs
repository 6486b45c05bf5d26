//! Processes in turn, and one in the background that runs when no other can.
//!
//! For a device whose firmware lives in processes and that has one more for what
//! was added later: that one must never cost the firmware anything.
//!
//! All processes but the one in the background are equals. As long as only one of
//! them is ready it runs without a time slice, which would only cost time; when
//! another becomes ready they take turns of 10 ms, so that none can keep the others
//! from running for good. A turn that kernel work interrupts goes on afterwards with
//! what is left of it. The process in the background has no slice: whoever becomes
//! ready takes over from it at once, and it has nobody to share with.

use core::cell::Cell;
use core::num::NonZeroU32;

use super::round_robin::{DEFAULT_TIMESLICE_US, MIN_REST_US};
use super::{Scheduler, SchedulingDecision};
use crate::deferred_call::DeferredCall;
use crate::kernel::Kernel;
use crate::platform::chip::Chip;
use crate::process::{Process, ProcessAddress, ProcessId, StoppedExecutingReason};

/// What was last chosen to run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chosen {
    /// The process in the background.
    Background,
    /// The process whose turn it is, while no other is ready.
    Alone,
    /// The process whose turn it is, with so many microseconds.
    Sliced(NonZeroU32),
}

/// The scheduler.
pub struct BackgroundSched {
    kernel: &'static Kernel,
    /// Flash address of the process in the background.
    flash_start: usize,
    /// Its slot, once it was looked for: none if there is no such process.
    background: Cell<Option<Option<usize>>>,
    /// Slot that is asked first.
    turn: Cell<usize>,
    /// What that slot's process has left of an interrupted turn.
    rest: Cell<Option<NonZeroU32>>,
    chosen: Cell<Chosen>,
}

impl BackgroundSched {
    /// Turns for all processes but the one whose flash begins at `flash_start`.
    #[must_use]
    pub const fn new(kernel: &'static Kernel, flash_start: usize) -> Self {
        Self {
            kernel,
            flash_start,
            background: Cell::new(None),
            turn: Cell::new(0),
            rest: Cell::new(None),
            chosen: Cell::new(Chosen::Background),
        }
    }

    /// The slot of the process in the background. Processes are loaded before the
    /// kernel loop begins and do not move, so it is looked up once.
    fn background(&self) -> Option<usize> {
        if let Some(known) = self.background.get() {
            return known;
        }
        let found = (0..self.kernel.slot_count()).find(|&index| {
            self.kernel
                .process_at(index)
                .is_some_and(|p| p.address(ProcessAddress::FlashStart) == self.flash_start)
        });
        self.background.set(Some(found));
        found
    }

    /// The next equal that is ready, from slot `from` on and round to it.
    fn next_ready(&self, from: usize, count: usize) -> Option<(usize, &'static dyn Process)> {
        let (slots, background) = (self.kernel.slot_count(), self.background());
        let mut index = from;
        for _ in 0..count {
            if index >= slots {
                index = 0;
            }
            if Some(index) != background
                && let Some(process) = self.kernel.process_at(index)
                && process.ready()
            {
                return Some((index, process));
            }
            index += 1;
        }
        None
    }

    fn pass_turn(&self) {
        self.turn.set(self.turn.get() + 1);
        self.rest.set(None);
    }

    fn choose(&self, chosen: Chosen, process: &dyn Process) -> SchedulingDecision {
        self.chosen.set(chosen);
        let slice = match chosen {
            Chosen::Sliced(slice) => Some(slice),
            Chosen::Alone | Chosen::Background => None,
        };
        SchedulingDecision::RunProcess((process.processid(), slice))
    }
}

impl<C: Chip> Scheduler<C> for BackgroundSched {
    fn next(&self) -> SchedulingDecision {
        let _ = self.kernel.take_noted_work();
        let slots = self.kernel.slot_count();
        let Some((index, process)) = self.next_ready(self.turn.get(), slots) else {
            let process = self
                .background()
                .and_then(|index| self.kernel.process_at(index))
                .filter(|process| process.ready());
            return match process {
                Some(process) => self.choose(Chosen::Background, process),
                None => SchedulingDecision::TrySleep,
            };
        };
        if index != self.turn.replace(index) {
            self.rest.set(None);
        }
        let chosen = if self.next_ready(index + 1, slots - 1).is_none() {
            Chosen::Alone
        } else {
            Chosen::Sliced(self.rest.get().unwrap_or(DEFAULT_TIMESLICE_US))
        };
        self.choose(chosen, process)
    }

    fn result(&self, result: StoppedExecutingReason, execution_time_us: Option<u32>) {
        let interrupted = result == StoppedExecutingReason::KernelPreemption;
        match self.chosen.get() {
            Chosen::Background => {}
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
        if !self.kernel.take_noted_work() {
            return true;
        }
        let (turn, slots) = (self.turn.get(), self.kernel.slot_count());
        match self.chosen.get() {
            Chosen::Sliced(_) => true,
            Chosen::Alone => self.next_ready(turn + 1, slots - 1).is_none(),
            Chosen::Background => self.next_ready(turn, slots).is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::StoppedExecutingReason::{KernelPreemption, NoWorkLeft, TimesliceExpired};
    use crate::process::{FunctionCall, FunctionCallSource, Task};
    use crate::test_utils::{FakeChip, TestApp, TestKernel};

    /// Three processes with these names; "b" is in the background.
    struct Three {
        test: TestKernel,
        scheduler: BackgroundSched,
    }

    impl Three {
        fn new() -> Self {
            let test = TestKernel::new();
            let app = |name| TestApp {
                name,
                ..TestApp::default()
            };
            let _ = test.start_all(&[app("x"), app("b"), app("y")]);
            let background = test.process(1).as_process();
            let scheduler =
                BackgroundSched::new(test.kernel, background.address(ProcessAddress::FlashStart));
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
        let s = all_ready();
        let scheduler = BackgroundSched::new(s.test.kernel, 1);
        let s = Three { scheduler, ..s };
        for name in ["x", "b", "y", "x"] {
            assert_eq!(s.next(), Some((name, Some(10_000))));
            s.result(TimesliceExpired, Some(10_000));
        }
    }
}
