//! A process's life, as whoever manages processes sees it, and the changes that can be asked for.
//!
//! ```text
//!            stop                fault, exit                    stop
//!   Stopped ◄────► Alive ─────────────────────► Restarting ◄──────────► RestartStopped
//!      │   resume    │   ▲   to begin again         │   resume, boot          │
//!      │             │   └── its place allows it ───┤                         │
//!      │             │ fault, exit, end             │ end                     │ end
//!      │ end         └──────────────► Ended ◄───────┘◄────────────────────────┘
//!      └────────────────────────────►  │ boot: Restarting
//! ```
//!
//! A fault of a stopped one leads to `RestartStopped` if its fault policy restarts it: what was stopped does not run before
//! somebody lets it, whatever happens to it meanwhile.

use super::{Process, State};
use crate::errorcode::ErrorCode;

/// Where in its life a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs or sleeps.
    Alive,
    /// It is alive and held.
    Stopped,
    /// It has ended, and begins again when its place allows it.
    Restarting,
    /// It has ended, would begin again, and is held.
    RestartStopped,
    /// It has ended for good, by a fault or otherwise.
    Ended,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Let what is held go on.
    Resume,
    /// Hold it.
    Stop,
    /// Treat it as if it had faulted.
    Fault,
    /// End it for good.
    End,
    /// Begin again what has ended.
    Boot,
}

/// Carries a change out.
///
/// # Errors
///
/// Nothing is changed then. `ALREADY`: it is so already. `OFF`: the process has ended and nothing brings it back but
/// [`Change::Boot`].
pub fn change(process: &dyn Process, change: Change) -> Result<(), ErrorCode> {
    match (process.life(), change) {
        (Life::Stopped | Life::RestartStopped, Change::Resume) => process.resume(),
        (Life::Alive | Life::Restarting, Change::Stop) => process.stop(),
        (Life::Alive | Life::Stopped, Change::Fault) => process.set_fault_state(),
        (Life::Ended, Change::End) => return Err(ErrorCode::ALREADY),
        (_, Change::End) => process.terminate(None),
        (Life::Ended | Life::RestartStopped, Change::Boot) => process.try_restart(None),
        (Life::Ended, Change::Resume | Change::Stop | Change::Fault) => return Err(ErrorCode::OFF),
        _ => return Err(ErrorCode::ALREADY),
    }
    Ok(())
}

/// Whether the process that is in one of its states is to begin again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    /// No.
    None,
    /// When its place allows it.
    Pending,
    /// When somebody lets it, and then as above.
    Held,
}

impl Life {
    pub(super) fn of(state: State, restart: Restart) -> Self {
        match (state, restart) {
            (State::Running | State::Yielded | State::YieldedFor(_), _) => Self::Alive,
            (State::Stopped(_), _) => Self::Stopped,
            (State::Faulted | State::Terminated, Restart::Pending) => Self::Restarting,
            (State::Faulted | State::Terminated, Restart::Held) => Self::RestartStopped,
            (State::Faulted | State::Terminated, Restart::None) => Self::Ended,
        }
    }
}
