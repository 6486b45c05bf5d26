//! What operators do with containers, and what follows when one ends.
//!
//! Requests are handled between two slices, so a container is always suspended then: before its
//! first instruction, at a border of its own choice (it sleeps, yields or waits in a host
//! function), or cut somewhere. Nothing here waits for a container.

use core::fmt::Write;

use berth_protocol::{Entry, Fault, Happening, LOG_TEXT_MAX, Level, Parameters, Restart, State};

use super::loading::Loading;
use super::notes::{Tag, note_active, note_running};
use super::restart::End;
use super::saved::Saved;
use super::schedule::slice_fuel;
use super::state::{self, Event};
use super::storage::Meta;
use super::table::{Containers, Refused, tag};
use super::update::never_fits;
use super::{CONTAINERS_MAX, FaultRecord, LastCall, Main, Pending};
use crate::arena;
use crate::engine::{Engine, Step};
use crate::platform::Platform;
use crate::text::Text;

/// The function that a container may export to save its state when it is paused.
pub(super) const PAUSE: &str = "_pause";

/// Fuel of `_pause`: one slice of the usual length.
pub(super) const PAUSE_FUEL: u64 = 2_500;

impl<P: Platform + 'static> Containers<P> {
    /// Load and link the container in `slot`; its main runs from the next slice on.
    ///
    /// # Errors
    ///
    /// Why it cannot run. If its own code failed while it was loaded, it is faulted and
    /// the error is that state.
    pub fn start(&mut self, slot: usize) -> Result<(), Refused> {
        self.check(slot, Event::Start)?;
        let Some(container) = self.get_mut(slot) else {
            return Ok(());
        };
        let restarts = core::mem::take(&mut container.restarts);
        let started = self.launch(slot, Event::Start);
        // What was refused has changed nothing; a state is that of one that has failed.
        if !matches!(started, Ok(()) | Err(Refused::State(_)))
            && let Some(container) = self.get_mut(slot)
        {
            container.restarts = restarts;
        }
        started
    }

    /// End the container in `slot`, for good. If it was cut in the middle of something, it
    /// gets one slice to come to a border; whether it does or not, it ends then.
    ///
    /// # Errors
    ///
    /// If it is not active.
    pub fn stop(&mut self, slot: usize) -> Result<(), Refused> {
        self.check(slot, Event::Stop)?;
        self.settle(slot);
        match self.state(slot) {
            Some(state) if state::next(state, Event::Stop).is_ok() => self.kill(slot),
            // It ended by itself, and its policy has no say in that any more.
            _ => Ok(()),
        }
    }

    /// End the container in `slot`, for good and without another instruction of it.
    ///
    /// # Errors
    ///
    /// If it is not active.
    pub fn kill(&mut self, slot: usize) -> Result<(), Refused> {
        self.check(slot, Event::Stop)?;
        self.go(slot, Event::Stop);
        Ok(())
    }

    /// Suspend the container in `slot` where it is. One that exports `_pause` is asked first; if it
    /// saves its state then, its memory and claims are given back.
    ///
    /// # Errors
    ///
    /// If it does not run, or ended while it was asked.
    pub fn pause(&mut self, slot: usize) -> Result<(), Refused> {
        self.check(slot, Event::Pause)?;
        let asks = self
            .get_mut(slot)
            .and_then(|container| container.engine.as_mut())
            .is_some_and(|engine| engine.run(|engine| engine.exports(PAUSE)) == Ok(true));
        if asks {
            self.settle(slot);
            self.check(slot, Event::Pause)?;
            self.ask_to_pause(slot);
            self.check(slot, Event::Pause)?;
        }
        self.go(slot, Event::Pause);
        Ok(())
    }

    /// Let the container in `slot` go on: where it was suspended, or from the start with
    /// the state that its `_pause` has saved.
    ///
    /// # Errors
    ///
    /// If it is not paused, or why it could not be loaded again; it stays paused then.
    pub fn resume(&mut self, slot: usize) -> Result<(), Refused> {
        self.check(slot, Event::Resume)?;
        if self.get(slot).is_some_and(|c| c.engine.is_some()) {
            self.go(slot, Event::Resume);
            return Ok(());
        }
        self.launch(slot, Event::Restore)
    }

    /// Change how the container in `slot` is to run; what is `None` in `changes` stays. Share,
    /// limit and policies apply at once, the rest from the next start on, which is now if
    /// `restart` is set and the container is active.
    ///
    /// # Errors
    ///
    /// Why it could not be stored, or not be started again: nothing is changed then, and what was active is started
    /// as it was. If its own code fails at the new start, it is changed, and the error is that state.
    pub fn edit(&mut self, slot: usize, changes: Parameters, restart: bool) -> Result<(), Refused> {
        let Some(container) = self.get(slot) else {
            return Ok(());
        };
        let before = container.parameters;
        let parameters = merged(before, changes);
        let restarts = restart && container.state.is_active();
        if restarts {
            // What can never start is no reason to stop what runs.
            never_fits(self.image(slot), parameters)?;
        }
        self.set_stored_parameters(slot, parameters)?;
        if restarts {
            self.stop(slot)?;
            match self.start(slot) {
                Ok(()) => {}
                Err(Refused::State(state)) => return Err(Refused::State(state)),
                Err(refused) => {
                    // Both can only fail for what made the change fail, and that is the answer.
                    let _ = self.set_stored_parameters(slot, before);
                    let _ = self.start(slot);
                    return Err(refused);
                }
            }
        } else if let Some(id) = self.shared.arena(slot)
            && self.get(slot).is_some_and(|c| c.state.is_active())
        {
            arena::set_limit(id, self.memory(slot).1 as usize);
        }
        self.note(slot, Happening::Edited);
        Ok(())
    }

    /// Give the container in `slot` other parameters, in the store first.
    fn set_stored_parameters(
        &mut self,
        slot: usize,
        parameters: Parameters,
    ) -> Result<(), Refused> {
        let Some(container) = self.slots.get_mut(slot).and_then(Option::as_mut) else {
            return Ok(());
        };
        if let (Some(key), Some(store)) = (container.image.key(slot), &mut self.images) {
            let meta = Meta::new(container.name, parameters);
            store.link(key, key, meta.bytes()).map_err(Refused::Store)?;
        }
        container.parameters = parameters;
        self.shared.set_parameters(slot, &parameters);
        Ok(())
    }

    /// Look at one more of the containers that were there when the supervisor began, and start
    /// it if it is to start then: because its operator said so, or because it was active
    /// when the supervisor failed and has a policy. Whether there was one to look at.
    pub fn start_at_boot(&mut self) -> bool {
        let mut slots = self.boot_slot..CONTAINERS_MAX;
        let next = slots.find_map(|slot| Some((slot, self.get(slot)?)));
        let starts = next.is_some_and(|(_, container)| {
            let policy = container.parameters.restart.unwrap_or(Restart::No);
            let comes_back = policy != Restart::No
                && self.before.was_active(&self.shared.platform, container.tag);
            container.state == State::Stored
                && (comes_back || container.parameters.boot == Some(true))
        });
        let next = next.map(|(slot, _)| slot);
        self.boot_slot = slots.start;
        if let (Some(slot), true) = (next, starts) {
            self.start_again(slot);
        }
        next.is_some()
    }

    /// Start the container in `slot` because its policy or the boot list wants it.
    pub(super) fn start_again(&mut self, slot: usize) {
        match self.launch(slot, Event::Start) {
            // A fault while it was loaded has been dealt with as every fault.
            Ok(()) | Err(Refused::State(_) | Refused::SafeMode) => {}
            Err(_) => self.apply_policy(slot, End::Failure),
        }
    }

    /// End a container for what it did, and say so in its log.
    pub(super) fn fail(
        &mut self,
        slot: usize,
        fault: Fault,
        entry: Entry,
        last_call: Option<LastCall>,
    ) {
        let time_us = self.shared.platform.now_us();
        let (memory_used, _) = self.memory(slot);
        if let Some(container) = self.get_mut(slot) {
            let record = FaultRecord {
                fault,
                entry,
                last_call,
                fuel_used: container.fuel_used,
                memory_used,
                restarts: container.restarts.total,
                time_us,
            };
            container.fault = Some(record);
            let entry = match entry {
                Entry::Start => "while loading",
                Entry::Main => "in main",
                Entry::Handler { .. } => "in a handler",
                Entry::Pause => "in _pause",
            };
            // Nothing here may need memory: it may be what the container ran out of.
            let mut text = Text::<LOG_TEXT_MAX>::new();
            let _ = write!(
                text,
                "faulted: {} {entry}, fuel {}",
                fault.word(),
                record.fuel_used
            );
            if let Some(LastCall { name, arguments }) = last_call {
                let [first, second] = arguments;
                let _ = write!(text, ", last call {name}({first}, {second:#x})");
            }
            self.shared.with_log(slot, |log| {
                log.say(Level::Error, time_us, text.bytes());
            });
        }
        self.go(slot, Event::Fault(fault));
        if !self.roll_back(slot, Some(fault)) {
            self.apply_policy(slot, End::Failure);
        }
    }

    /// The container in `slot` has ended itself.
    pub(super) fn exit(&mut self, slot: usize, code: i32) {
        self.go(slot, Event::Exit { code });
        self.apply_policy(slot, End::Exit);
    }

    fn state(&self, slot: usize) -> Option<State> {
        self.get(slot).map(super::Container::state)
    }

    /// Would `event` be possible now?
    fn check(&self, slot: usize, event: Event) -> Result<(), Refused> {
        match self.state(slot) {
            Some(state) => state::next(state, event)
                .map(|_| ())
                .map_err(Refused::State),
            None => Ok(()),
        }
    }

    /// Load the container in `slot` and let it begin.
    pub(super) fn launch(&mut self, slot: usize, event: Event) -> Result<(), Refused> {
        let Some(before) = self.state(slot) else {
            return Ok(());
        };
        self.check(slot, event)?;
        if self.before.safe_mode {
            return Err(Refused::SafeMode);
        }
        self.go(slot, event);
        let platform = &self.shared.platform;
        note_running(
            platform,
            self.get(slot).map_or(Tag::NONE, super::Container::tag),
        );
        let began = platform.now_us();
        let loaded = self.load(slot, None);
        note_running(&self.shared.platform, Tag::NONE);
        let now = self.shared.platform.now_us();
        let took = now.saturating_sub(began);
        self.clock.stalled(took);
        if let Some(container) = self.get_mut(slot) {
            container.restarts.loading_us = u32::try_from(took).unwrap_or(u32::MAX);
        }
        if !matches!(loaded, Err(Loading::Refused(_)))
            && let Some(container) = self.get_mut(slot)
        {
            container.started_us = now;
            container.fuel_used = 0;
            container.interrupts = (0, 0);
            container.fault = None;
            container.main = Main::Fresh;
        }
        match loaded {
            Ok(mut engine) => {
                let fuel = engine.run(|engine| engine.fuel_used()).unwrap_or(0);
                if let Some(container) = self.get_mut(slot) {
                    container.engine = Some(engine);
                }
                self.used(slot, fuel);
                self.go(slot, Event::Loaded);
                Ok(())
            }
            Err(Loading::Refused(refused)) => {
                self.go(slot, Event::Refuse { before });
                Err(refused)
            }
            Err(Loading::Fault(fault, words)) => {
                if let Some(container) = self.get_mut(slot) {
                    container.fuel_used = words.fuel_used;
                }
                self.fail(slot, fault, Entry::Start, words.last_call);
                // Its arena is wiped already.
                if let Some(container) = self.get_mut(slot)
                    && let Some(record) = &mut container.fault
                {
                    record.memory_used = words.memory_used;
                }
                Err(Refused::State(State::Faulted { fault }))
            }
        }
    }

    /// Let the main of the container in `slot`, if it was cut, come to a border, for one
    /// slice at most. If it ends meanwhile, it has ended, whatever its policy is.
    pub(super) fn settle(&mut self, slot: usize) {
        if let Some(container) = self.get(slot)
            && container.state == State::Running
            && container.main == Main::Cut
        {
            let fuel = u64::from(slice_fuel(container.share()));
            self.slice_of(slot, fuel);
            if let Some(container) = self.get(slot)
                && let State::Restarting { .. } = container.state
            {
                let ended = container.ended;
                self.go(slot, Event::GiveUp { ended });
            }
        }
    }

    /// Run the `_pause` of the container in `slot`. If it saves its state, its engine is dropped.
    fn ask_to_pause(&mut self, slot: usize) {
        self.shared.with_saved(slot, Saved::take_fresh);
        let Some(outcome) = self.step(slot, |engine| {
            engine
                .aside(PAUSE, PAUSE_FUEL)
                .unwrap_or(Step::Trapped(Fault::Engine))
        }) else {
            return self.fail(slot, Fault::OutOfMemory, Entry::Pause, None);
        };
        let last_call = outcome.last_call;
        match (outcome.step, outcome.pending) {
            (Step::Finished, _) => {
                // What is not stored must not be lost with its memory.
                if self.shared.with_saved(slot, Saved::take_fresh)
                    && self.persist(slot).is_ok()
                    && let Some(container) = self.get_mut(slot)
                {
                    container.drop_engine();
                }
            }
            (Step::Stopped, Some(Pending::Exit { code })) => self.exit(slot, code),
            (Step::OutOfFuel, _) => {
                self.fail(slot, Fault::PauseTooLong, Entry::Pause, last_call);
            }
            (Step::Stopped, Some(Pending::Fault(fault))) | (Step::Trapped(fault), _) => {
                self.fail(slot, fault, Entry::Pause, last_call);
            }
            (Step::Stopped, _) => self.fail(slot, Fault::MaySuspend, Entry::Pause, last_call),
        }
    }

    /// The container in `slot` has ended, or could not be started again: what does its
    /// policy say?
    pub(super) fn apply_policy(&mut self, slot: usize, end: End) {
        let now = self.shared.platform.now_us();
        let Some(container) = self.get_mut(slot) else {
            return;
        };
        let waited = matches!(container.state, State::Restarting { .. });
        let ran_us = if waited {
            0
        } else {
            container.ended = container.state;
            now.saturating_sub(container.started_us)
        };
        let ended = container.ended;
        let policy = container.parameters.restart.unwrap_or(Restart::No);
        if container.restarts.again(policy, end, ran_us, now) {
            let count = container.restarts.in_row;
            self.go(slot, Event::Again { count });
        } else if waited {
            self.go(slot, Event::GiveUp { ended });
        }
    }

    /// Leave to the next run whether the container in `slot` is active.
    pub(super) fn note_active(&self, slot: usize) {
        let pair = slot / 2;
        let active = [2 * pair, 2 * pair + 1].map(|slot| match self.get(slot) {
            Some(container) if container.state.is_active() => container.tag,
            _ => Tag::NONE,
        });
        note_active(&self.shared.platform, pair, active);
    }

    /// Change the state; a container without an engine has no claims, and one that is no
    /// longer active has no engine.
    fn go(&mut self, slot: usize, event: Event) {
        let Some(container) = self.get_mut(slot) else {
            return;
        };
        if let Ok(state) = state::next(container.state, event) {
            container.state = state;
        }
        if !container.state.is_active() {
            container.drop_engine();
            // Tried again when it ends the next time.
            let _ = self.persist(slot);
        }
        let Some(container) = self.get(slot) else {
            return;
        };
        let open = container.engine.is_some().then_some(container.name);
        if open.is_none() {
            self.end_interrupts(slot);
            self.shared.end_line(slot, self.shared.platform.now_us());
            self.shared.platform.release_all(tag(slot));
        }
        self.shared.with_mail(slot, |mail| mail.set_open(open));
        self.note_active(slot);
        if let Some(what) = happening(event) {
            self.note(slot, what);
        }
    }
}

/// What an operator is told of an event.
const fn happening(event: Event) -> Option<Happening> {
    Some(match event {
        Event::Loaded => Happening::Started,
        Event::Pause => Happening::Paused,
        Event::Resume | Event::Restore => Happening::Resumed,
        Event::Stop => Happening::Stopped,
        Event::Exit { code } => Happening::Exited { code },
        Event::Fault(fault) => Happening::Faulted { fault },
        Event::Again { count } => Happening::Restarting { count },
        Event::Start | Event::Refuse { .. } | Event::GiveUp { .. } => return None,
    })
}

/// `old` with what `changes` names.
pub(crate) fn merged(old: Parameters, changes: Parameters) -> Parameters {
    Parameters {
        stack: changes.stack.or(old.stack),
        memory: changes.memory.or(old.memory),
        limit: changes.limit.or(old.limit),
        share: changes.share.or(old.share),
        restart: changes.restart.or(old.restart),
        boot: changes.boot.or(old.boot),
        log_level: changes.log_level.or(old.log_level),
        service: changes.service.or(old.service),
    }
}
