//! The life of a container as a table: which event leads from where to where.
//!
//! ```text
//!             Start            Loaded             Pause
//!   stored ─────────► starting ───────► running ◄────────► paused
//!     ▲                ▲ │ Refuse          │      Resume      │ Restore
//!     │                │ │                 │                  └──────────► starting
//!     └──────────────────┘                 │ Exit, Fault, Stop  (its memory was given
//!      (back to where it was)              ▼                     back, its state saved)
//!                      │      exited, faulted, stopped
//!                Start │        │ Again   ▲
//!                      │        ▼         │ GiveUp, Stop
//!                      └──── restarting ──┘
//!
//!   stored ── Quarantine ─► quarantined ── Lift ─► stored
//! ```
//!
//! Every change of a container's state goes through [`next`]. What may happen to a
//! container besides (deletion) is asked here, too.

use berth_protocol::{Fault, State};

/// What happens to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The operator, the restart policy or the boot list starts it.
    Start,
    /// It is loaded and linked.
    Loaded,
    /// It could not be started; it is again what it was before.
    Refuse {
        /// What it was before `Start` or `Restore`.
        before: State,
    },
    /// The operator suspends it.
    Pause,
    /// The operator lets it go on where it was suspended.
    Resume,
    /// As `Resume`, but its `_pause` has saved what it needs and its memory was
    /// given back: it is loaded anew and finds its state.
    Restore,
    /// The operator ends it.
    Stop,
    /// It ends by itself.
    Exit {
        /// Its code.
        code: i32,
    },
    /// The supervisor ends it.
    Fault(
        /// Why.
        Fault,
    ),
    /// Its restart policy wants it started again, or for the first time at boot.
    Again {
        /// How often it has been restarted in a row, this time included.
        count: u16,
    },
    /// It is found to be the cause of a failure of the supervisor: nobody starts it.
    Quarantine,
    /// The operator lifts that, or gives it another image.
    Lift,
    /// Its restart policy, or the operator's `stop` meanwhile, wants it no more.
    GiveUp {
        /// How it had ended.
        ended: State,
    },
}

/// The state after `event`.
///
/// # Errors
///
/// The state itself, if the event is not possible in it.
pub const fn next(state: State, event: Event) -> Result<State, State> {
    match (state, event) {
        (
            State::Stored
            | State::Stopped
            | State::Exited { .. }
            | State::Faulted { .. }
            | State::Restarting { .. },
            Event::Start,
        )
        | (State::Paused, Event::Restore) => Ok(State::Starting),
        (State::Starting, Event::Refuse { before }) if !executes(before) => Ok(before),
        (State::Starting, Event::Loaded) | (State::Paused, Event::Resume) => Ok(State::Running),
        (State::Running, Event::Pause) => Ok(State::Paused),
        (
            State::Starting | State::Running | State::Paused | State::Restarting { .. },
            Event::Stop,
        ) => Ok(State::Stopped),
        (State::Running, Event::Exit { code }) => Ok(State::Exited { code }),
        (State::Starting | State::Running, Event::Fault(fault)) => Ok(State::Faulted { fault }),
        (
            State::Stored | State::Exited { .. } | State::Faulted { .. } | State::Restarting { .. },
            Event::Again { count },
        ) => Ok(State::Restarting { count }),
        (State::Restarting { .. }, Event::GiveUp { ended }) if !ended.is_active() => Ok(ended),
        (State::Stored, Event::Quarantine) => Ok(State::Quarantined),
        (State::Quarantined, Event::Lift) => Ok(State::Stored),
        _ => Err(state),
    }
}

/// May a container in this state be deleted? One that executes must be stopped first,
/// so that nothing is deleted by mistake; a paused one may go, its state with it.
#[must_use]
pub const fn may_remove(state: State) -> bool {
    !executes(state)
}

const fn executes(state: State) -> bool {
    matches!(state, State::Starting | State::Running)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 9] = [
        State::Stored,
        State::Starting,
        State::Running,
        State::Paused,
        State::Stopped,
        State::Exited { code: 3 },
        State::Faulted {
            fault: Fault::Engine,
        },
        State::Restarting { count: 1 },
        State::Quarantined,
    ];
    const EVENTS: [Event; 13] = [
        Event::Start,
        Event::Loaded,
        Event::Refuse {
            before: State::Stored,
        },
        Event::Pause,
        Event::Resume,
        Event::Restore,
        Event::Stop,
        Event::Exit { code: 3 },
        Event::Fault(Fault::Engine),
        Event::Again { count: 2 },
        Event::GiveUp {
            ended: State::Exited { code: 3 },
        },
        Event::Quarantine,
        Event::Lift,
    ];

    /// One row a state, one column an event, `.` for impossible.
    fn table() -> Vec<String> {
        let letter = |state| match state {
            State::Stored => 's',
            State::Starting => 'b',
            State::Running => 'r',
            State::Paused => 'p',
            State::Stopped => 'x',
            State::Exited { .. } => 'e',
            State::Faulted { .. } => 'f',
            State::Restarting { .. } => 'a',
            State::Quarantined => 'q',
        };
        STATES
            .iter()
            .map(|&state| {
                EVENTS
                    .iter()
                    .map(|&event| next(state, event).map_or('.', letter))
                    .collect()
            })
            .collect()
    }

    #[test]
    fn the_table_is_the_one_agreed_on() {
        assert_eq!(
            table(),
            [
                "b........a.q.", // stored
                ".rs...x.f....", // starting
                "...p..xef....", // running
                "....rbx......", // paused
                "b............", // stopped
                "b........a...", // exited
                "b........a...", // faulted
                "b.....x..ae..", // restarting
                "............s", // quarantined
            ]
        );
    }

    #[test]
    fn what_is_refused_keeps_its_state() {
        for state in STATES {
            for event in EVENTS {
                if let Err(kept) = next(state, event) {
                    assert_eq!(kept, state);
                }
            }
        }
    }

    #[test]
    fn nothing_goes_back_to_executing() {
        for before in [State::Running, State::Starting] {
            assert!(next(State::Starting, Event::Refuse { before }).is_err());
        }
        for ended in [State::Running, State::Starting, State::Paused] {
            assert!(next(State::Restarting { count: 1 }, Event::GiveUp { ended }).is_err());
        }
    }
}
