//! The life of a container as a table: which event leads from where to where.
//!
//! ```text
//!             Start            Loaded             Pause
//!   stored ─────────► starting ───────► running ◄────────► paused
//!     ▲                  │ Refuse          │      Resume      │
//!     └──────────────────┘                 │ Exit, Fault, Stop│ Stop
//!      (back to where it was)              ▼                  ▼
//!                                 exited, faulted, stopped ◄──┘
//!                                          │ Start
//!                                          ▼
//!                                       starting
//! ```

use berth_protocol::{Fault, State};

/// What happens to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The operator starts it.
    Start,
    /// It is loaded and linked.
    Loaded,
    /// It could not be started; it is again what it was before.
    Refuse {
        /// What it was before `Start`.
        before: State,
    },
    /// The operator suspends it.
    Pause,
    /// The operator lets it go on.
    Resume,
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
}

/// The state after `event`.
///
/// # Errors
///
/// The state itself, if the event is not possible in it.
pub const fn next(state: State, event: Event) -> Result<State, State> {
    match (state, event) {
        (
            State::Stored | State::Stopped | State::Exited { .. } | State::Faulted { .. },
            Event::Start,
        ) => Ok(State::Starting),
        (State::Starting, Event::Refuse { before }) if !before.is_active() => Ok(before),
        (State::Starting, Event::Loaded) | (State::Paused, Event::Resume) => Ok(State::Running),
        (State::Running, Event::Pause) => Ok(State::Paused),
        (State::Starting | State::Running | State::Paused, Event::Stop) => Ok(State::Stopped),
        (State::Running, Event::Exit { code }) => Ok(State::Exited { code }),
        (State::Starting | State::Running, Event::Fault(fault)) => Ok(State::Faulted { fault }),
        _ => Err(state),
    }
}

/// May a container in this state be deleted?
#[must_use]
pub const fn may_remove(state: State) -> bool {
    !state.is_active()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 7] = [
        State::Stored,
        State::Starting,
        State::Running,
        State::Paused,
        State::Stopped,
        State::Exited { code: 3 },
        State::Faulted {
            fault: Fault::Engine,
        },
    ];
    const EVENTS: [Event; 8] = [
        Event::Start,
        Event::Loaded,
        Event::Refuse {
            before: State::Stored,
        },
        Event::Pause,
        Event::Resume,
        Event::Stop,
        Event::Exit { code: 3 },
        Event::Fault(Fault::Engine),
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
            State::Restarting { .. } => 'R',
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
                "b.......", // stored
                ".rs..x.f", // starting
                "...p.xef", // running
                "....rx..", // paused
                "b.......", // stopped
                "b.......", // exited
                "b.......", // faulted
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
        let active = Event::Refuse {
            before: State::Running,
        };
        assert!(next(State::Starting, active).is_err());
    }
}
