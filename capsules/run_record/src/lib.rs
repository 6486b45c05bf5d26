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

/// Where a process's image lies in flash, which is what its runs have in common.
type Owner = (usize, usize);

/// What one process left.
struct Record {
    /// Whose it is, and how many words it left.
    owner: Cell<Option<(Owner, usize)>>,
    words: [Cell<u32>; WORDS_MAX],
}

impl Record {
    const fn new() -> Self {
        Self {
            owner: Cell::new(None),
            words: [const { Cell::new(0) }; WORDS_MAX],
        }
    }

    fn is_of(&self, process: Owner) -> bool {
        self.owner.get().is_some_and(|(owner, _)| owner == process)
    }
}

/// The driver: a record for each of the first processes that left one, so many as there is room for, so that none
/// takes another's away.
pub struct RunRecord<const RECORDS: usize = 4> {
    grant: RunRecordGrant,
    records: [Record; RECORDS],
}

impl<const RECORDS: usize> RunRecord<RECORDS> {
    /// A driver without a record.
    #[must_use]
    pub const fn new(grant: RunRecordGrant) -> Self {
        Self {
            grant,
            records: [const { Record::new() }; RECORDS],
        }
    }

    /// A process is about to end: keep its record, if it lent one.
    ///
    /// For the board, when the kernel tells it of a fault while the
    /// process's memory is still as it was.
    pub fn process_gone(&self, process: ProcessId) {
        let _ = self.keep(process);
    }

    /// The record of a process; `None` if it left none.
    fn record(&self, owner: Owner) -> Option<&Record> {
        self.records.iter().find(|record| record.is_of(owner))
    }

    fn keep(&self, process: ProcessId) -> Result<(), ErrorCode> {
        let owner = process.get_editable_flash_range();
        let free = || {
            self.records
                .iter()
                .find(|record| record.owner.get().is_none())
        };
        let record = self.record(owner).or_else(free).ok_or(ErrorCode::NOMEM)?;
        let length = self.grant.enter(process, |_, kernel_data| {
            kernel_data
                .get_readonly_processbuffer(ro_allow::RECORD)
                .and_then(|buffer| {
                    buffer.enter(|bytes| {
                        let mut length = 0;
                        for (word, from) in record.words.iter().zip(bytes.chunks(4)) {
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
        })?;
        if length == 0 {
            return Err(ErrorCode::RESERVE);
        }
        record.owner.set(Some((owner, length)));
        Ok(())
    }

    fn previous(&self, process: ProcessId, index: usize) -> Result<u32, ErrorCode> {
        let record = self.record(process.get_editable_flash_range());
        let word = record.and_then(|record| {
            let (_, length) = record.owner.get()?;
            record.words.get(..length)?.get(index)
        });
        word.map(Cell::get).ok_or(ErrorCode::INVAL)
    }
}

impl<const RECORDS: usize> SyscallDriver for RunRecord<RECORDS> {
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
