//! The life of a process against a model that is written down independently: every change in every state.

use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::collections::BTreeSet;
use std::string::String;
use std::vec::Vec;

use super::driver::{NUM, driver};
use crate::process::{
    Change, FaultAction, FunctionCall, FunctionCallSource, Life, RestartPace, State, StoppedState,
    Task, Woken, change,
};
use crate::syscall::Syscall;
use crate::test_utils::{TestApp, TestKernel, TestPlace};
use crate::upcall::UpcallId;
use crate::{ErrorCode, create_capability};

const AWAITED: UpcallId = UpcallId {
    driver_num: NUM,
    subscribe_num: 1,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    // Of others.
    Resume,
    Stop,
    Fault,
    End,
    Boot,
    // Of the kernel.
    FaultsAll,
    Event,
    Due,
    Turn,
    // Its own, when it runs.
    Exits,
    BeginsAgain,
    Faults,
    Yields,
    YieldsFor,
}

use Deed::*;

const DEEDS: [Deed; 14] = [
    Resume,
    Stop,
    Fault,
    End,
    Boot,
    FaultsAll,
    Event,
    Due,
    Turn,
    Exits,
    BeginsAgain,
    Faults,
    Yields,
    YieldsFor,
];

/// How a run stands that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Runs,
    Waits,
    WaitsFor,
}

/// What is to be, in other words than the kernel's.
#[derive(Debug)]
struct Model {
    restarts_after_faults: bool,
    /// The present run, if there is one.
    run: Option<Run>,
    /// The last run ended by a fault.
    faulted: bool,
    /// Nobody may run it.
    held: bool,
    /// There is to be another run.
    again: bool,
    /// Runs that may begin.
    budget: u32,
    begun: usize,
    /// Whether the start of the run waits to be called, and events.
    start: bool,
    events: usize,
}

impl Model {
    fn ends(&mut self, faulted: bool, again: bool) {
        self.run = None;
        self.faulted = faulted;
        self.again = again;
        self.held &= again;
        self.start = false;
        self.events = 0;
    }

    fn faults(&mut self) {
        if self.run.is_some() {
            self.ends(true, self.restarts_after_faults);
        }
    }

    /// Whether a run or the next one would go on, but for being held.
    fn lives(&self) -> bool {
        self.run.is_some() || self.again
    }

    fn does(&mut self, deed: Deed) -> Result<(), ErrorCode> {
        let already = |is: bool| if is { Err(ErrorCode::ALREADY) } else { Ok(()) };
        match deed {
            Resume | Stop | Fault if !self.lives() => return Err(ErrorCode::OFF),
            Resume => {
                already(!self.held)?;
                self.held = false;
            }
            Stop => {
                already(self.held)?;
                self.held = true;
            }
            Fault => {
                already(self.run.is_none())?;
                self.faults();
            }
            End => {
                already(!self.lives())?;
                self.ends(false, false);
            }
            Boot => {
                already(self.run.is_some() || (self.again && !self.held))?;
                (self.again, self.held, self.faulted) = (true, false, false);
            }
            FaultsAll | Faults => self.faults(),
            Event if self.run.is_some() => self.events += 1,
            Due => self.budget += 1,
            Turn => self.turn(),
            Exits => self.ends(false, false),
            BeginsAgain => self.ends(false, true),
            Yields => self.run = Some(Run::Waits),
            YieldsFor => self.run = Some(Run::WaitsFor),
            Event => {}
        }
        Ok(())
    }

    fn has_turn(&self) -> bool {
        !self.held
            && match self.run {
                Some(Run::Runs) => true,
                Some(Run::Waits) => self.start || self.events > 0,
                Some(Run::WaitsFor) => self.events > 0,
                None => self.again && self.budget > 0,
            }
    }

    fn turn(&mut self) {
        if !self.has_turn() {
            return;
        }
        match self.run {
            None => {
                self.ends(false, false);
                (self.run, self.start) = (Some(Run::Waits), true);
                self.budget -= 1;
                self.begun += 1;
            }
            Some(Run::Waits) if self.start => (self.run, self.start) = (Some(Run::Runs), false),
            Some(Run::Waits | Run::WaitsFor) => {
                self.run = Some(Run::Runs);
                self.events -= 1;
            }
            Some(Run::Runs) => {}
        }
    }

    fn life(&self) -> Life {
        match (self.run.is_some(), self.held, self.again) {
            (true, false, _) => Life::Alive,
            (true, true, _) => Life::Stopped,
            (false, false, true) => Life::Restarting,
            (false, true, _) => Life::RestartStopped,
            (false, false, false) => Life::Ended,
        }
    }

    fn state(&self) -> State {
        match (self.run, self.held) {
            (None, _) if self.faulted => State::Faulted,
            (None, _) => State::Terminated,
            (Some(Run::Runs), false) => State::Running,
            (Some(Run::Waits), false) => State::Yielded,
            (Some(Run::WaitsFor), false) => State::YieldedFor(AWAITED),
            (Some(Run::Runs), true) => State::Stopped(StoppedState::Running),
            (Some(Run::Waits), true) => State::Stopped(StoppedState::Yielded),
            (Some(Run::WaitsFor), true) => State::Stopped(StoppedState::YieldedFor(AWAITED)),
        }
    }
}

#[derive(Default)]
struct Budget(Cell<u32>);

impl RestartPace for Budget {
    fn is_due(&self) -> bool {
        self.0.get() > 0
    }

    fn restarted(&self) {
        self.0.set(self.0.get() - 1);
    }
}

/// One process, whose every deed the model does too.
fn walk(action: FaultAction, steps: usize) -> BTreeSet<(String, Deed)> {
    let test = TestKernel::new();
    let driver = driver(&test);
    let pace: &'static Budget = Box::leak(Box::default());
    let place = TestPlace {
        flash: TestApp::default().image(),
        action,
        pace,
        ..TestPlace::default()
    };
    test.load_places([place]).unwrap();
    let process = test.process(0);
    let p = process.as_process();
    let mut model = Model {
        restarts_after_faults: action == FaultAction::Restart,
        run: Some(Run::Waits),
        faulted: false,
        held: false,
        again: false,
        budget: 0,
        begun: 0,
        start: true,
        events: 0,
    };
    let exit = |which| {
        let call = Syscall::Exit {
            which,
            completion_code: 3,
        };
        let _ = process.syscall(test.chip, NUM, driver, call);
        Ok(())
    };
    let event = FunctionCall {
        source: FunctionCallSource::Driver(AWAITED),
        argument0: 0,
        argument1: 0,
        argument2: 0,
        argument3: 0,
        pc: 0,
    };
    let capability = create_capability!(crate::capabilities::ProcessManagementCapability);
    let mut seen = BTreeSet::new();
    let mut path = Vec::new();
    let mut random: u32 = 1;
    for _ in 0..steps {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let deed = DEEDS[random as usize % DEEDS.len()];
        let own = matches!(deed, Exits | BeginsAgain | Faults | Yields | YieldsFor);
        let full = deed == Event && model.events == 3;
        if full || own && model.state() != State::Running || deed == Due && model.budget > 1 {
            continue;
        }
        seen.insert((std::format!("{:?}", model.life()), deed));
        path.push((deed, model.life()));
        let expected = model.does(deed);
        let done = match deed {
            Resume => change(p, Change::Resume),
            Stop => change(p, Change::Stop),
            Fault => change(p, Change::Fault),
            End => change(p, Change::End),
            Boot => change(p, Change::Boot),
            FaultsAll => {
                test.kernel.hardfault_all_apps(&capability);
                Ok(())
            }
            Event => {
                let _ = p.enqueue_task(Task::FunctionCall(event));
                Ok(())
            }
            Due => {
                pace.0.set(pace.0.get() + 1);
                Ok(())
            }
            Turn => {
                let runs = p.wake() == Ok(Woken::Runs);
                assert_eq!(runs, model.state() == State::Running, "{:?}", tail(&path));
                Ok(())
            }
            Exits => exit(0),
            BeginsAgain => exit(1),
            Faults => {
                p.set_fault_state();
                Ok(())
            }
            Yields => {
                p.set_yielded_state();
                Ok(())
            }
            YieldsFor => {
                p.set_yielded_for_state(AWAITED);
                Ok(())
            }
        };
        while p.pass().is_some() {}
        let is = (done, p.life(), p.get_state(), p.ready());
        let to_be = (expected, model.life(), model.state(), model.has_turn());
        assert_eq!(is, to_be, "{:?}", tail(&path));
        let looks = test.kernel.has_pending_restarts();
        assert_eq!(looks, p.life() == Life::Restarting, "{:?}", tail(&path));
        assert_eq!(p.get_restart_count(), model.begun, "{:?}", tail(&path));
    }
    seen
}

/// The last steps.
fn tail(path: &[(Deed, Life)]) -> &[(Deed, Life)] {
    &path[path.len().saturating_sub(12)..]
}

#[test]
fn every_change_in_every_state_does_what_is_written_or_says_why_not() {
    const OWN: usize = 5;
    const LIVES: usize = 5;
    // Miri is some thousand times slower.
    let steps = if cfg!(miri) { 300 } else { 60_000 };
    for action in [FaultAction::Restart, FaultAction::Stop] {
        let seen = walk(action, steps);
        // Its own deeds are those of one that is alive.
        let all = LIVES * (DEEDS.len() - OWN) + OWN;
        assert!(seen.len() == all || cfg!(miri), "{seen:?}");
    }
}

/// Keeps what the kernel says.
#[derive(Default)]
struct Sink(RefCell<String>);

impl crate::debug::DebugSink for Sink {
    fn has_room_for_line(&self, _: bool) -> bool {
        true
    }
    fn write(&self, text: &str) {
        self.0.borrow_mut().push_str(text);
    }
    fn end(&self) {}
}

/// What a report has said, or is about to say, is true.
#[test]
fn a_report_does_not_tell_of_a_restart_that_is_not() {
    type Case = (&'static [Change], &'static str);
    let sink: &'static Sink = Box::leak(Box::default());
    let capability = create_capability!(crate::capabilities::SetDebugWriterCapability);
    crate::debug::set_debug_sink(sink, &capability);
    let app = TestApp {
        name: "a",
        ..TestApp::default()
    };
    let cases: [Case; 4] = [
        (&[], "is restarted."),
        (&[Change::Stop], "is stopped, and not restarted."),
        (&[Change::End], "is ended, and not restarted."),
        (&[Change::Stop, Change::End], "is ended, and not restarted."),
    ];
    for (changes, outcome) in cases {
        for told_before in [false, true] {
            sink.0.take();
            let test = TestKernel::new();
            let place = TestPlace {
                flash: app.image(),
                action: FaultAction::Restart,
                ..TestPlace::default()
            };
            test.load_places([place]).unwrap();
            let process = test.process(0);
            let a = process.as_process();
            let passes = || while a.pass().is_some() {};
            a.request_report("is restarted.");
            a.set_fault_state();
            if told_before {
                passes();
            }
            for asked in changes {
                change(a, *asked).unwrap();
            }
            passes();
            let text = sink.0.take();
            let last = text.trim_end().rsplit("\r\n").next().unwrap();
            assert_eq!(last, std::format!("a {outcome}"), "{text}");
            let said = text.matches("is restarted.").count();
            let is_true = changes.is_empty() || told_before;
            assert_eq!(said, usize::from(is_true), "{text}");
        }
    }
}

/// What a stopped process waits for is not lost to a queue that others have filled.
#[test]
fn the_event_that_a_stopped_process_waits_for_has_its_place() {
    let test = TestKernel::new();
    let process = test.start_all(&[TestApp::default()]).remove(0);
    let p = process.as_process();
    let event = |subscribe_num| {
        Task::FunctionCall(FunctionCall {
            source: FunctionCallSource::Driver(UpcallId {
                driver_num: NUM,
                subscribe_num,
            }),
            argument0: 0,
            argument1: 0,
            argument2: 0,
            argument3: 0,
            pc: 0,
        })
    };
    assert_eq!(p.wake(), Ok(Woken::Runs));
    p.set_yielded_for_state(AWAITED);
    p.stop();
    while p.enqueue_task(event(0)).is_ok() {}
    assert_eq!(p.enqueue_task(event(AWAITED.subscribe_num)), Ok(()));
    p.resume();
    assert_eq!(p.wake(), Ok(Woken::Runs));
}
