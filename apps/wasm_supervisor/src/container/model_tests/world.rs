//! The life of containers as their operator would tell it.

use std::vec::Vec;

use berth_protocol::{Entry, Fault, Restart, State};

use super::SLOTS;
use super::program::{OnInterrupt, OnPause, Program, RECEIVER, SLEEP_US, TIMER};

/// Fuel of `Computes`: between what two short slices, and a short and a usual one, are.
const COMPUTES_FUEL: u64 = 3_500;
/// Fuel of a usual slice, and of a long one.
const SLICE: u64 = 2_500;
const LONG_SLICE: u64 = 4 * SLICE;
/// Messages of one byte from a name of two that fit a queue.
const QUEUE: u32 = 392 / 5;

/// One container as the model sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    pub(super) program: Program,
    pub(super) policy: Restart,
    pub(super) state: State,
    /// Slices since main began, and the fuel of them.
    steps: u32,
    fuel: u64,
    /// It sleeps until then.
    wake_us: u64,
    /// What the program `Saves` has counted to, and has saved.
    count: u32,
    pub(super) saved: Option<u32>,
    /// It waits for a message, and has so many.
    receiving: bool,
    pub(super) mail: u32,
    /// Its interrupt has come and its handler has not run.
    pending: bool,
    /// Paused, and its memory is gone.
    pub(super) gone: bool,
    in_row: u32,
    pub(super) total: u16,
    due_us: u64,
    started_us: u64,
    ended: State,
    pub(super) fault: Option<(Fault, Entry)>,
}

impl Model {
    /// One that was just stored.
    pub(super) const fn new(program: Program, policy: Restart) -> Self {
        Self {
            program,
            policy,
            state: State::Stored,
            steps: 0,
            fuel: 0,
            wake_us: 0,
            count: 0,
            saved: None,
            receiving: false,
            mail: 0,
            pending: false,
            gone: false,
            in_row: 0,
            total: 0,
            due_us: 0,
            started_us: 0,
            ended: State::Stored,
            fault: None,
        }
    }

    /// Does it hold memory and claims?
    pub(super) const fn is_loaded(&self) -> bool {
        matches!(self.state, State::Running | State::Paused) && !self.gone
    }
}

/// What an operation answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    State(State),
    Busy,
}

pub(super) struct World {
    pub(super) now_us: u64,
    pub(super) models: [Option<Model>; SLOTS],
}

impl World {
    pub(super) fn model(&mut self, slot: usize) -> &mut Model {
        self.models[slot].as_mut().unwrap()
    }

    /// Does another container hold the block that the one in `slot` wants?
    fn is_busy(&self, slot: usize) -> bool {
        let wanted = self.models[slot].and_then(|model| model.program.block());
        let others = (0..SLOTS).filter(|other| *other != slot);
        wanted.is_some()
            && others
                .filter_map(|other| self.block(other))
                .any(|held| Some(held) == wanted)
    }

    /// The block that the container in `slot` holds.
    pub(super) fn block(&self, slot: usize) -> Option<usize> {
        let model = self.models[slot].filter(Model::is_loaded)?;
        model.program.block()
    }

    /// The slot whose interrupt handler is registered.
    pub(super) fn registered(&self) -> Option<usize> {
        (0..SLOTS).find(|slot| {
            self.block(*slot) == Some(TIMER) && self.models[*slot].is_some_and(|m| m.steps > 0)
        })
    }

    /// Its interrupt comes. Returns whether it is noted.
    pub(super) fn interrupt(&mut self) -> bool {
        let Some(slot) = self.registered() else {
            return false;
        };
        !core::mem::replace(&mut self.model(slot).pending, true)
    }

    /// Run the handler of the interrupt that waits. Returns whether there is one.
    pub(super) fn handle(&mut self) -> bool {
        let waits = |model: &mut Model| {
            model.state == State::Running && core::mem::take(&mut model.pending)
        };
        let Some(slot) = self.registered().filter(|slot| waits(self.model(*slot))) else {
            return false;
        };
        let entry = Entry::Handler { source: 0 };
        let fault = |fault| State::Faulted { fault };
        let end = match self.model(slot).program {
            Program::Handles(OnInterrupt::Traps) => fault(Fault::Unreachable),
            Program::Handles(OnInterrupt::Spins) => fault(Fault::HandlerTooLong),
            Program::Handles(OnInterrupt::Exits) => State::Exited { code: 6 },
            _ => return true,
        };
        self.end(slot, end, entry);
        true
    }

    /// It has ended so; its policy decides.
    fn end(&mut self, slot: usize, state: State, entry: Entry) {
        let now = self.now_us;
        let model = self.model(slot);
        if let State::Faulted { fault } = state {
            model.fault = Some((fault, entry));
        }
        model.state = state;
        model.ended = state;
        let ran = now - model.started_us;
        self.policy(slot, !matches!(state, State::Exited { .. }), ran);
    }

    fn policy(&mut self, slot: usize, failed: bool, ran_us: u64) {
        let now = self.now_us;
        let model = self.model(slot);
        if ran_us >= 600_000_000 {
            model.in_row = 0;
        }
        let backoff_ms = match model.policy {
            Restart::Always { backoff_ms } => Some(backoff_ms),
            Restart::OnFailure { limit, backoff_ms } => {
                (failed && (limit == 0 || model.in_row < u32::from(limit))).then_some(backoff_ms)
            }
            Restart::No => None,
        };
        let Some(backoff_ms) = backoff_ms else {
            if let State::Restarting { .. } = model.state {
                model.state = model.ended;
            }
            return;
        };
        let mut wait_ms = u64::from(backoff_ms).max(100);
        for _ in 0..model.in_row.min(20) {
            wait_ms *= 2;
        }
        model.due_us = now + wait_ms.min(300_000) * 1000;
        model.in_row += 1;
        model.total += 1;
        model.state = State::Restarting {
            count: model.in_row as u16,
        };
    }

    /// Load and begin.
    fn launch(&mut self, slot: usize) -> Answer {
        let now = self.now_us;
        if self.is_busy(slot) {
            return Answer::Busy;
        }
        let model = self.model(slot);
        *model = Model {
            started_us: now,
            steps: 0,
            fuel: 0,
            wake_us: 0,
            receiving: false,
            mail: 0,
            pending: false,
            gone: false,
            fault: None,
            ..*model
        };
        let fault = match model.program {
            Program::BadStart => Fault::Unreachable,
            Program::LongStart => Fault::StartTooLong,
            _ => {
                model.state = State::Running;
                return Answer::Done;
            }
        };
        self.end(slot, State::Faulted { fault }, Entry::Start);
        Answer::State(State::Faulted { fault })
    }

    /// Fuel of a slice: a long one while nobody else can want to run, a short one while an
    /// interrupt may come.
    pub(super) fn slice(&self, slot: usize) -> u64 {
        let alone = self.models.iter().enumerate().all(|(other, model)| {
            other == slot
                || !model
                    .is_some_and(|m| matches!(m.state, State::Running | State::Restarting { .. }))
        });
        if alone { LONG_SLICE } else { SLICE }
    }

    /// One slice with `fuel`.
    pub(super) fn step(&mut self, slot: usize, fuel: u64) {
        let now = self.now_us;
        if self.model(slot).program == Program::Sends {
            self.send();
        }
        let model = self.model(slot);
        let step = model.steps;
        model.steps += 1;
        model.fuel += fuel;
        let end = match model.program {
            Program::Exits { yields, code } if step == u32::from(yields) => State::Exited {
                code: i32::from(code),
            },
            Program::Traps { yields } if step == u32::from(yields) => State::Faulted {
                fault: Fault::Unreachable,
            },
            Program::Computes if model.fuel > COMPUTES_FUEL => State::Exited { code: 9 },
            Program::Receives => {
                // It takes one and waits for the next.
                if model.receiving {
                    model.mail -= 1;
                }
                model.receiving = true;
                return;
            }
            Program::Saves => {
                if step == 0 {
                    model.count = model.saved.unwrap_or(0);
                }
                if model.count < 12 {
                    model.count += 1;
                    return;
                }
                State::Exited { code: 12 }
            }
            Program::Claims | Program::Pause(_) | Program::Sends | Program::Handles(_) => {
                model.wake_us = now + SLEEP_US;
                return;
            }
            _ => return,
        };
        self.end(slot, end, Entry::Main);
    }

    /// A message to the receiver, if there is one and its queue has room.
    fn send(&mut self) {
        if let Some(model) = &mut self.models[RECEIVER]
            && model.is_loaded()
            && model.mail < QUEUE
        {
            model.mail += 1;
        }
    }

    /// Was main cut in the middle of something?
    fn cut(&mut self, slot: usize) -> bool {
        let model = self.model(slot);
        model.state == State::Running
            && model.steps > 0
            && matches!(model.program, Program::Spins | Program::Computes)
    }

    /// One slice to come to a border; if it ends, that is how it has ended.
    fn settle(&mut self, slot: usize) {
        if self.cut(slot) {
            self.step(slot, SLICE);
            let model = self.model(slot);
            if let State::Restarting { .. } = model.state {
                model.state = model.ended;
            }
        }
    }

    pub(super) fn start(&mut self, slot: usize) -> Answer {
        let model = self.model(slot);
        match model.state {
            State::Starting | State::Running | State::Paused => Answer::State(model.state),
            _ => {
                let before = *model;
                model.in_row = 0;
                model.total = 0;
                let answer = self.launch(slot);
                if answer == Answer::Busy {
                    *self.model(slot) = before;
                }
                answer
            }
        }
    }

    pub(super) fn stop(&mut self, slot: usize, at_once: bool) -> Answer {
        let state = self.model(slot).state;
        if !state.is_active() && !matches!(state, State::Restarting { .. }) {
            return Answer::State(state);
        }
        if !at_once {
            self.settle(slot);
        }
        let model = self.model(slot);
        if model.state.is_active() || matches!(model.state, State::Restarting { .. }) {
            model.state = State::Stopped;
        }
        Answer::Done
    }

    pub(super) fn pause(&mut self, slot: usize) -> Answer {
        let model = self.model(slot);
        if model.state != State::Running {
            return Answer::State(model.state);
        }
        let end = match model.program {
            Program::Saves => {
                // Before main has begun, there is nothing in its memory yet.
                model.saved = Some(if model.steps == 0 { 0 } else { model.count });
                model.gone = true;
                None
            }
            Program::Pause(OnPause::Spins) => Some(Fault::PauseTooLong),
            Program::Pause(OnPause::Traps) => Some(Fault::Unreachable),
            Program::Pause(OnPause::Yields) => Some(Fault::MaySuspend),
            Program::Pause(OnPause::Exits) => {
                self.end(slot, State::Exited { code: 5 }, Entry::Pause);
                return Answer::State(self.model(slot).state);
            }
            _ => None,
        };
        if let Some(fault) = end {
            self.end(slot, State::Faulted { fault }, Entry::Pause);
            return Answer::State(self.model(slot).state);
        }
        self.model(slot).state = State::Paused;
        Answer::Done
    }

    pub(super) fn resume(&mut self, slot: usize) -> Answer {
        let model = self.model(slot);
        if model.state != State::Paused {
            return Answer::State(model.state);
        }
        if model.gone {
            return self.launch(slot);
        }
        model.state = State::Running;
        Answer::Done
    }

    pub(super) fn edit(&mut self, slot: usize, policy: Restart, restart: bool) -> Answer {
        let model = self.model(slot);
        let before = core::mem::replace(&mut model.policy, policy);
        if restart && model.state.is_active() {
            self.stop(slot, false);
            let answer = self.start(slot);
            if !matches!(answer, Answer::Done | Answer::State(_)) {
                // What is refused changes nothing.
                self.model(slot).policy = before;
                self.start(slot);
            }
            return answer;
        }
        Answer::Done
    }

    pub(super) fn remove(&mut self, slot: usize) -> Answer {
        let state = self.model(slot).state;
        if matches!(state, State::Starting | State::Running) {
            return Answer::State(state);
        }
        self.models[slot] = None;
        Answer::Done
    }

    /// The slot whose policy starts it now.
    pub(super) fn due(&self) -> Option<usize> {
        self.models.iter().position(|model| {
            model.is_some_and(|m| {
                matches!(m.state, State::Restarting { .. }) && m.due_us <= self.now_us
            })
        })
    }

    pub(super) fn restart(&mut self, slot: usize) {
        if self.launch(slot) == Answer::Busy {
            self.policy(slot, true, 0);
        }
    }

    pub(super) fn ready(&self) -> Vec<usize> {
        (0..SLOTS)
            .filter(|slot| {
                self.models[*slot].is_some_and(|m| {
                    let wants = if m.receiving {
                        m.mail > 0
                    } else {
                        m.wake_us <= self.now_us
                    };
                    m.state == State::Running && wants
                })
            })
            .collect()
    }
}
