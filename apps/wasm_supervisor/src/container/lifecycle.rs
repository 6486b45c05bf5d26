//! What operators do with containers, and what follows when one ends.
//!
//! Requests are handled between two slices, so a container is always suspended then: before its
//! first instruction, at a border of its own choice (it sleeps, yields or waits in a host
//! function), or cut somewhere. Nothing here waits for a container.

use berth_protocol::{Entry, Fault, Happening, Parameters, State};

use super::belongings::Change;
use super::budget::Cause;
use super::name::CONTAINERS_MAX;
use super::notes;
use super::outcome::End;
use super::pieces::undivided;
use super::refused::Refused;
use super::run::Main;
use super::saved::Saved;
use super::schedule::slice_fuel;
use super::state::Event;
use super::storage::Belongings;
use super::table::Containers;
use crate::admission::entries::PAUSE;
use crate::arena;
use crate::engine::{Engine, Step};
use crate::platform::Platform;

/// Fuel of `_pause`: one slice of the usual length.
const PAUSE_FUEL: u64 = 2_500;

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

    /// The container in `slot` may be started again although the supervisor failed while it ran. One that may be
    /// already stays as it is.
    ///
    /// # Errors
    ///
    /// Why it could not be stored; it may not then.
    pub fn lift(&mut self, slot: usize) -> Result<(), Refused> {
        if self.check(slot, Event::Lift).is_ok() {
            self.store_meta(slot, false).map_err(Refused::Store)?;
            self.go(slot, Event::Lift);
        }
        Ok(())
    }

    /// End the container in `slot`, for good. If it was cut in the middle of something, it
    /// gets one slice to come to a border; whether it does or not, it ends then.
    ///
    /// # Errors
    ///
    /// If it is not active.
    pub fn stop(&mut self, slot: usize) -> Result<(), Refused> {
        self.check(slot, Event::Stop)?;
        if let Some(end) = self.settle(slot) {
            self.end(slot, end);
            // It ended by itself, and its policy has no say in that any more.
            self.give_up(slot);
        }
        match self.check(slot, Event::Stop) {
            Ok(()) => self.kill(slot),
            Err(_) => Ok(()),
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

    /// End all containers for a reset that somebody asked for. The next run finds what they saved, and begins as
    /// after power-on.
    pub fn end_all(&mut self) {
        for slot in 0..CONTAINERS_MAX {
            // What is not active has ended already.
            let _ = self.stop(slot);
        }
        notes::forget(&self.shared.platform);
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
            .run_mut(slot)
            .and_then(|run| run.engine.as_mut())
            .is_some_and(|engine| engine.run(|engine| engine.exports(PAUSE)) == Ok(true));
        if asks {
            if let Some(end) = self.settle(slot) {
                self.end(slot, end);
            }
            self.check(slot, Event::Pause)?;
            if let Some(end) = self.ask_to_pause(slot) {
                self.end(slot, end);
            }
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
        if self.get(slot).is_some_and(|c| c.run.is_some()) {
            self.go(slot, Event::Resume);
            return Ok(());
        }
        self.launch(slot, Event::Restore)
    }

    /// Change how the container in `slot` is to run; what is `None` in `changes` stays. `beside`: its configuration,
    /// and the limit of its named values. These, share,
    /// limit and policies apply at once, the rest from the next start on, which is now if
    /// `restart` is set and the container is active.
    ///
    /// # Errors
    ///
    /// Why it could not be stored, or not be started again: nothing is changed then, and what was active is started
    /// as it was. If its own code fails at the new start, it is changed, and the error is that state.
    pub fn edit(
        &mut self,
        slot: usize,
        changes: Parameters,
        beside: Change<'_>,
        restart: bool,
    ) -> Result<(), Refused> {
        let Some(container) = self.get(slot) else {
            return Ok(());
        };
        let before = (container.parameters, container.belongings);
        let parameters = merged(container.parameters, changes);
        let restarts = restart && container.state.is_active();
        let was_paused = container.state == State::Paused;
        if restarts {
            // What can never start is no reason to stop what runs.
            self.rehearse(slot, parameters)?;
        }
        let belongings = self.changed(before.1, beside)?;
        let stored = self.set_stored_parameters(slot, (parameters, belongings));
        if stored.is_err() {
            self.sweep();
        }
        stored?;
        if restarts {
            self.stop(slot)?;
            match self.start(slot) {
                Ok(()) => {}
                Err(Refused::State(state)) => return Err(Refused::State(state)),
                Err(refused) => {
                    // Both can only fail for what made the change fail, and that is the answer.
                    let _ = self.set_stored_parameters(slot, before);
                    self.sweep();
                    if self.start(slot).is_ok() && was_paused {
                        // At its beginning: where it was is gone.
                        self.go(slot, Event::Pause);
                    }
                    return Err(refused);
                }
            }
        } else if let Some(id) = self.arena(slot)
            && self.get(slot).is_some_and(|c| c.state.is_active())
        {
            arena::set_limit(id, self.memory(slot).1 as usize);
        }
        self.sweep();
        self.note(slot, Happening::Edited);
        Ok(())
    }

    /// Give the container in `slot` other parameters, in the store first.
    fn set_stored_parameters(
        &mut self,
        slot: usize,
        chosen: (Parameters, Belongings),
    ) -> Result<(), Refused> {
        let Some(before) = self.set_own_parameters(slot, chosen) else {
            return Ok(());
        };
        let quarantined = self.state(slot) == Some(State::Quarantined);
        if let Err(error) = self.store_meta(slot, quarantined) {
            self.set_own_parameters(slot, before);
            return Err(Refused::Store(error));
        }
        // A larger budget may let go what waits.
        self.deferred_us = self.deferred_us.min(self.shared.platform.now_us());
        self.shared.set_parameters(slot, &chosen.0);
        if before.1.configuration != chosen.1.configuration {
            self.shared.set_changed(slot);
        }
        Ok(())
    }

    /// Returns what they were.
    fn set_own_parameters(
        &mut self,
        slot: usize,
        (parameters, belongings): (Parameters, Belongings),
    ) -> Option<(Parameters, Belongings)> {
        let container = self.get_mut(slot)?;
        Some((
            core::mem::replace(&mut container.parameters, parameters),
            core::mem::replace(&mut container.belongings, belongings),
        ))
    }

    /// Let the main of the container in `slot`, if it was cut, come to a border, for one
    /// slice at most. Returns how it has ended, if it has.
    pub(super) fn settle(&mut self, slot: usize) -> Option<End> {
        let container = self.get(slot)?;
        let cut = container
            .run
            .as_ref()
            .is_some_and(|run| run.main == Main::Cut);
        if container.state != State::Running || !cut {
            return None;
        }
        let fuel = u64::from(slice_fuel(container.share()));
        self.slice_of(slot, fuel, self.shared.platform.now_us())
    }

    /// Returns the fuel that the `_pause` of the container in `slot` has.
    pub(super) fn pause_fuel(&self, slot: usize) -> u64 {
        let run = self.get(slot).and_then(|container| container.run.as_ref());
        undivided(PAUSE_FUEL, run.map_or(0, |run| run.stack_bytes))
    }

    /// Run the `_pause` of the container in `slot`. If it saves its state, its run is over. Returns how it has
    /// ended, if it has.
    fn ask_to_pause(&mut self, slot: usize) -> Option<End> {
        self.shared.with_saved(slot, Saved::take_fresh);
        let fuel = self.pause_fuel(slot);
        let outcome = self.step(slot, |engine| {
            let step = engine.aside(PAUSE, fuel);
            (
                step.unwrap_or(Step::Trapped(Fault::Engine)),
                engine.fuel_used(),
            )
        });
        let end = outcome.end_aside(Entry::Pause, Fault::PauseTooLong);
        // What is not stored must not be lost with its memory.
        if end.is_none()
            && self.shared.with_saved(slot, Saved::take_fresh)
            && self.persist(slot, Cause::Operator).is_ok()
            && let Some(container) = self.get_mut(slot)
        {
            container.end_run();
        }
        end
    }
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
        writes: changes.writes.or(old.writes),
    }
}
