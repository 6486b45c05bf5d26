//! How a container comes from one state to another.

use berth_protocol::{Happening, State};

use super::budget::Cause;
use super::record::Container;
use super::refused::Refused;
use super::run::Main;
use super::state::{self, Event};
use super::table::Containers;
use crate::errno;
use crate::platform::Platform;

impl<P: Platform + 'static> Containers<P> {
    /// Where the container in `slot` stands.
    pub(super) fn state(&self, slot: usize) -> Option<State> {
        self.get(slot).map(Container::state)
    }

    /// Would `event` be possible now?
    pub(super) fn check(&self, slot: usize, event: Event) -> Result<(), Refused> {
        match self.state(slot) {
            Some(state) => state::next(state, event)
                .map(|_| ())
                .map_err(Refused::State),
            None => Ok(()),
        }
    }

    /// Change the state. A container that is no longer active has no run.
    pub(super) fn go(&mut self, slot: usize, event: Event) {
        let Some(container) = self.get_mut(slot) else {
            return;
        };
        if let Ok(state) = state::next(container.state, event) {
            container.state = state;
        }
        if container.state == State::Paused
            && let Some(run) = &mut container.run
            && let Main::Transfer(_) = run.main
        {
            // The bus is for those who run.
            run.main = Main::Returning(errno::CANCEL.into());
            let id = run.id();
            self.shared.cancel_transfers(id);
        }
        let Some(container) = self.get_mut(slot) else {
            return;
        };
        if !container.state.is_active() {
            container.end_run();
            let cause = match event {
                Event::Stop | Event::Pause => Cause::Operator,
                _ => Cause::Container,
            };
            // Tried again when it ends the next time.
            let _ = self.persist(slot, cause);
        }
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
        Event::Quarantine => Happening::Quarantined,
        Event::Lift => Happening::Lifted,
        Event::Start | Event::Refuse { .. } | Event::GiveUp { .. } => {
            return None;
        }
    })
}
