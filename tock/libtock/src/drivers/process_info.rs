//! Process info: what runs on the board (driver 0x10002).

#![cfg_attr(test, allow(unsafe_code))]

use crate::{CommandReturn, ErrorCode, allow, command};

/// Driver number.
pub const DRIVER_NUM: usize = 0x10002;

mod commands {
    pub(super) const COUNT: usize = 1;
    pub(super) const IDS: usize = 2;
    pub(super) const NAME: usize = 4;
    pub(super) const STATS: usize = 5;
    pub(super) const SET_STATE: usize = 6;
}

const RW_RESULT: usize = 0;

/// What the kernel counts for one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Time slices used up.
    pub timeslice_expirations: u32,
    /// System calls made.
    pub system_calls: u32,
    /// Restarts since boot.
    pub restarts: u32,
    /// What it is doing.
    pub state: State,
}

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Running, or ready to.
    Running,
    /// Waiting for any event.
    Yielded,
    /// Waiting for one particular event.
    YieldedFor,
    /// Stopped from outside.
    Stopped,
    /// Stopped by the kernel for what it did.
    Faulted,
    /// Ended.
    Terminated,
    /// A number this library does not know.
    Unknown(u32),
}

impl State {
    const fn from_raw(number: u32) -> Self {
        match number {
            0 => Self::Running,
            1 => Self::Yielded,
            2 => Self::YieldedFor,
            3 => Self::Stopped,
            4 => Self::Faulted,
            5 => Self::Terminated,
            other => Self::Unknown(other),
        }
    }
}

/// What can be asked for one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Action {
    /// Let a stopped process run on.
    Start = 1,
    /// Stop it; one that is to begin again does not.
    Stop = 2,
    /// Treat it as if it had faulted.
    Fault = 3,
    /// End it for good, one that is to begin again too.
    Terminate = 4,
    /// Start an ended one, when its place allows it.
    Boot = 5,
}

/// How many processes there are.
pub fn count() -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, commands::COUNT, 0, 0).success_u32()
}

/// Write the process ids (u32, little endian) to `out`; returns how many
/// processes there are, which may be more than fit.
pub fn ids(out: &mut [u8]) -> Result<u32, ErrorCode> {
    ask(out, commands::IDS, 0)?.success_u32()
}

/// Write the name of process `id` to `out` and return it, cut to what fits.
///
/// # Errors
///
/// `Invalid` without such a process.
pub fn name(id: u32, out: &mut [u8]) -> Result<&str, ErrorCode> {
    let length = ask(out, commands::NAME, id)?.success_u32()?;
    let bytes = out.get(..length as usize).unwrap_or(out);
    match core::str::from_utf8(bytes) {
        Ok(name) => Ok(name),
        // The buffer may end within a character.
        Err(error) => bytes
            .get(..error.valid_up_to())
            .and_then(|whole| core::str::from_utf8(whole).ok())
            .ok_or(ErrorCode::BadRVal),
    }
}

/// What the kernel counts for process `id`. `Invalid` without such a process.
pub fn stats(id: u32) -> Result<Stats, ErrorCode> {
    let mut bytes = [0; 16];
    ask(&mut bytes, commands::STATS, id)?.success()?;
    let [a, b, c, d] = [0, 4, 8, 12].map(|at| word(&bytes, at));
    Ok(Stats {
        timeslice_expirations: a,
        system_calls: b,
        restarts: c,
        state: State::from_raw(d),
    })
}

/// The little-endian word at byte `at`; 0 behind the end.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

/// Ask for a change of process `id`. Only for processes that the board trusts
/// with it; `NoSupport` or `NoDevice` otherwise.
///
/// # Errors
///
/// Nothing has changed then. `Already`: it is so already. `Off`: it has ended, and [`Action::Boot`] alone brings it
/// back. `Invalid`: no such process, or the process itself.
pub fn set_state(id: u32, action: Action) -> Result<(), ErrorCode> {
    command(
        DRIVER_NUM,
        commands::SET_STATE,
        id as usize,
        action as usize,
    )
    .success()
}

/// A command whose result comes in a lent buffer.
fn ask(out: &mut [u8], number: usize, argument: u32) -> Result<CommandReturn, ErrorCode> {
    allow::with_read_write(DRIVER_NUM, RW_RESULT, out, || {
        command(DRIVER_NUM, number, argument as usize, 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{class, variant};

    /// A kernel with one process, whose id is 1.
    fn fake(reply: &'static [u8], answer: [usize; 4]) {
        let mut lent = (0, 0);
        crate::host::install(move |class, [_, _, r2, r3]| match class {
            class::ALLOW_READ_WRITE => {
                lent = (r2, r3);
                [variant::SUCCESS_2_U32, 0, 0, r3]
            }
            _ => {
                let length = reply.len().min(lent.1);
                // SAFETY: the buffer is lent right now.
                unsafe {
                    core::ptr::with_exposed_provenance_mut::<u8>(lent.0)
                        .copy_from(reply.as_ptr(), length);
                }
                answer
            }
        });
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        fake("blinké".as_bytes(), [variant::SUCCESS_U32, 7, 0, 0]);
        assert_eq!(name(1, &mut [0; 16]), Ok("blinké"));
        assert_eq!(name(1, &mut [0; 7]), Ok("blinké"));
        assert_eq!(name(1, &mut [0; 6]), Ok("blink"));
        assert_eq!(name(1, &mut []), Ok(""));
    }

    #[test]
    fn stats_are_read_in_their_order() {
        fake(
            &[1, 0, 0, 0, 2, 1, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0],
            [variant::SUCCESS, 0, 0, 0],
        );
        assert_eq!(
            stats(1),
            Ok(Stats {
                timeslice_expirations: 1,
                system_calls: 0x102,
                restarts: 3,
                state: State::Faulted,
            })
        );
    }
}
