//! What a process last knew, for its next run.
//!
//! ```text
//!   process ── read-only allow 0: some words it keeps up to date ──┐
//!                                                                  ▼
//!   board, at a fault ── process_gone ──► RunRecord ── copies them when the process faults
//!                                                                  │
//!   the same process, restarted ◄── command 1: word by word ───────┘
//! ```
//!
//! A restarted process finds nothing in its RAM of what was there before. With this driver
//! it can leave its next run some words: how long it ran, what it was busy with.
//! Keeping them up to date costs the process plain stores and no system call.
//!
//! Commands, arguments and errors: `README.md` beside this crate.

#![no_std]
#![forbid(unsafe_code)]

use core::cell::Cell;

use kernel::ErrorCode;
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, UpcallCount};
use kernel::process::{self, ProcessId};
use kernel::processbuffer::ReadableProcessBuffer;
use kernel::syscall::{CommandReturn, SyscallDriver};

/// The driver's number, in the range that Tock's own drivers do not use.
pub const DRIVER_NUM: usize = 0xA_0002;

/// Words of the longest record.
pub const WORDS_MAX: usize = 16;

/// Read-only allow numbers.
mod ro_allow {
    pub(super) const RECORD: usize = 0;
    pub(super) const COUNT: u8 = 1;
}

mod command {
    pub(super) const EXISTS: usize = 0;
    pub(super) const PREVIOUS: usize = 1;
    pub(super) const KEEP: usize = 2;
}

/// The driver keeps nothing for a process but the buffer it lends.
#[derive(Default)]
pub struct App {}

/// The grant a board creates for the driver, under [`DRIVER_NUM`].
pub type RunRecordGrant =
    Grant<App, UpcallCount<0>, AllowRoCount<{ ro_allow::COUNT }>, AllowRwCount<0>>;

/// The driver: one record, of the process that last left one.
pub struct RunRecord {
    grant: RunRecordGrant,
    /// Flash of the process the record is of, which is what its runs have in common, and how many
    /// words it left.
    record: Cell<Option<((usize, usize), usize)>>,
    words: [Cell<u32>; WORDS_MAX],
}

impl RunRecord {
    /// A driver without a record.
    #[must_use]
    pub const fn new(grant: RunRecordGrant) -> Self {
        Self {
            grant,
            record: Cell::new(None),
            words: [const { Cell::new(0) }; WORDS_MAX],
        }
    }

    /// A process is about to end: keep its record, if it lent one.
    ///
    /// For the board, when the kernel tells it of a fault while the
    /// process's memory is still as it was.
    pub fn process_gone(&self, process: ProcessId) {
        let _ = self.keep(process);
    }

    fn keep(&self, process: ProcessId) -> Result<(), ErrorCode> {
        // A process that never used the driver gets no grant at its end.
        let mut grants = self.grant.iter();
        let grant = grants.find(|grant| grant.processid() == process);
        let length = grant
            .ok_or(ErrorCode::RESERVE)?
            .try_enter(|_, kernel_data| {
                kernel_data
                    .get_readonly_processbuffer(ro_allow::RECORD)
                    .and_then(|buffer| {
                        buffer.enter(|bytes| {
                            let mut length = 0;
                            for (word, from) in self.words.iter().zip(bytes.chunks(4)) {
                                let mut copy = [0; 4];
                                if from.copy_to_slice_or_err(&mut copy).is_err() {
                                    break;
                                }
                                word.set(u32::from_le_bytes(copy));
                                length += 1;
                            }
                            length
                        })
                    })
                    .unwrap_or(0)
            });
        let length = length.filter(|length| *length != 0);
        let length = length.ok_or(ErrorCode::RESERVE)?;
        self.record
            .set(Some((process.get_editable_flash_range(), length)));
        Ok(())
    }

    fn previous(&self, process: ProcessId, index: usize) -> Result<u32, ErrorCode> {
        let (owner, length) = self.record.get().ok_or(ErrorCode::INVAL)?;
        let word = self.words.get(..length).and_then(|words| words.get(index));
        match word {
            Some(word) if process.get_editable_flash_range() == owner => Ok(word.get()),
            _ => Err(ErrorCode::INVAL),
        }
    }
}

impl SyscallDriver for RunRecord {
    fn command(
        &self,
        command_num: usize,
        index: usize,
        _: usize,
        process_id: ProcessId,
    ) -> CommandReturn {
        match command_num {
            command::EXISTS => CommandReturn::success(),
            command::PREVIOUS => match self.previous(process_id, index) {
                Ok(word) => CommandReturn::success_u32(word),
                Err(error) => CommandReturn::failure(error),
            },
            command::KEEP => self.keep(process_id).into(),
            _ => CommandReturn::failure(ErrorCode::NOSUPPORT),
        }
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.grant.enter(process_id, |_, _| ())
    }
}
