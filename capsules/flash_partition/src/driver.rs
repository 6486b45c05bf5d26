//! The system-call driver.

use berth_flash::driver::{allow_ro, command, upcall};
use kernel::ErrorCode;
use kernel::errorcode::into_statuscode;
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, UpcallCount};
use kernel::process::{self, ProcessId};
use kernel::processbuffer::ReadableProcessBuffer;
use kernel::syscall::{CommandReturn, SyscallDriver};
use kernel::utilities::cells::{OptionalCell, TakeCell};
use kernel::utilities::leasable_buffer::SubSliceMut;

use crate::budget::Wear;
#[cfg(feature = "watched")]
use crate::part::Watch;
use crate::part::{Geometry, Guard, Part, PartClient};

/// What the driver keeps for its process, in the process's own memory.
#[derive(Default)]
pub struct ProcessData {
    /// The partition is open to it. Gone with the process, as the opening is.
    is_open: bool,
}

/// The grant a board creates for the driver, under [`DRIVER_NUM`](crate::DRIVER_NUM).
pub type PartitionGrant = Grant<
    ProcessData,
    UpcallCount<{ upcall::COUNT }>,
    AllowRoCount<{ allow_ro::COUNT }>,
    AllowRwCount<0>,
>;

/// The driver.
pub struct FlashPartition {
    part: &'static dyn Part,
    geometry: Geometry,
    guard: &'static dyn Guard,
    grant: PartitionGrant,
    /// Bytes on their way into the flash; not there while they are programmed.
    buffer: TakeCell<'static, [u8]>,
    /// Bytes of a program at most.
    program_max: usize,
    /// What erases its process has.
    wear: &'static Wear<'static>,
    /// Whose operation is under way.
    caller: OptionalCell<ProcessId>,
    /// Who is told what changes.
    #[cfg(feature = "watched")]
    watch: OptionalCell<&'static dyn Watch>,
}

impl FlashPartition {
    /// Serve `part` to the process that `guard` admits. A program takes as many bytes
    /// as `buffer` has. The board makes this the part's client.
    #[must_use]
    pub fn new(
        part: &'static dyn Part,
        guard: &'static dyn Guard,
        wear: &'static Wear<'static>,
        buffer: &'static mut [u8],
        grant: PartitionGrant,
    ) -> Self {
        Self {
            part,
            geometry: part.geometry(),
            guard,
            wear,
            grant,
            program_max: buffer.len(),
            buffer: TakeCell::new(buffer),
            caller: OptionalCell::empty(),
            #[cfg(feature = "watched")]
            watch: OptionalCell::empty(),
        }
    }

    /// Tell somebody of every change before it begins, and when it is over.
    #[cfg(feature = "watched")]
    pub fn set_watch(&self, watch: &'static dyn Watch) {
        self.watch.set(watch);
    }

    /// Begin a change of these bytes, watched if somebody does.
    #[inline(always)]
    fn change<E>(
        &self,
        _range: (usize, usize),
        begin: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        #[cfg(feature = "watched")]
        if let Some(watch) = self.watch.get() {
            watch.changes(_range.0, _range.1);
            return begin().inspect_err(|_| watch.changed());
        }
        begin()
    }

    fn map(&self, process: ProcessId) -> Result<(), ErrorCode> {
        let geometry = &self.geometry;
        self.grant.enter(process, |data, _| {
            data.is_open =
                data.is_open || self.guard.open(process, geometry.start, geometry.length);
            data.is_open.then_some(()).ok_or(ErrorCode::NOMEM)
        })?
    }

    fn erase(&self, process: ProcessId, page: usize) -> Result<(), ErrorCode> {
        let geometry = &self.geometry;
        if page >= geometry.length / geometry.page {
            return Err(ErrorCode::INVAL);
        }
        // Its end is told there; without it nothing begins.
        self.allocate_grant(process)?;
        if !self.wear.may_erase(page) {
            return Err(ErrorCode::RESERVE);
        }
        // One that was begun counts, whatever becomes of it.
        let noted = self.wear.erases(page);
        self.change((page * geometry.page, geometry.page), || {
            self.part.erase(page)
        })
        .inspect_err(|_| self.wear.did_not_begin(noted))
    }

    fn program(&self, process: ProcessId, offset: usize, length: usize) -> Result<(), ErrorCode> {
        let geometry = &self.geometry;
        let is_inside = offset <= geometry.length && length <= geometry.length - offset;
        if !is_inside || (offset | length) & (geometry.word - 1) != 0 {
            return Err(ErrorCode::INVAL);
        }
        // There, unless the part has it although nothing is under way.
        let buffer = self.buffer.take().ok_or(ErrorCode::BUSY)?;
        if let Err(error) = self.fill(process, length, buffer) {
            self.buffer.replace(buffer);
            return Err(error);
        }
        let mut bytes = SubSliceMut::new(buffer);
        bytes.slice(..length);
        self.change((offset, length), || {
            self.part.program(offset, bytes).map_err(|(error, bytes)| {
                self.buffer.replace(bytes.take());
                error
            })
        })
    }

    /// Copy what the process lent to the front of `buffer`.
    fn fill(&self, process: ProcessId, length: usize, buffer: &mut [u8]) -> Result<(), ErrorCode> {
        let buffer = buffer.get_mut(..length).ok_or(ErrorCode::SIZE)?;
        let copied = self.grant.enter(process, |_, kernel_data| {
            kernel_data
                .get_readonly_processbuffer(allow_ro::PROGRAM)
                .and_then(|lent| {
                    lent.enter(|bytes| {
                        let pairs = buffer.iter_mut().zip(bytes.iter());
                        pairs.map(|(to, from)| *to = from.get()).count()
                    })
                })
                .unwrap_or(0)
        })?;
        if copied == length {
            Ok(())
        } else {
            Err(ErrorCode::SIZE)
        }
    }

    /// Begin an operation, unless one is under way.
    fn begin(
        &self,
        process: ProcessId,
        operation: impl FnOnce() -> Result<(), ErrorCode>,
    ) -> Result<(), ErrorCode> {
        if self.caller.is_some() {
            return Err(ErrorCode::BUSY);
        }
        operation()?;
        self.caller.set(process);
        Ok(())
    }

    fn end(&self, result: Result<(), ErrorCode>) {
        #[cfg(feature = "watched")]
        if let Some(watch) = self.watch.get() {
            watch.changed();
        }
        if let Some(process) = self.caller.take() {
            // A process that is gone need not be told.
            let _ = self.grant.enter(process, |_, kernel_data| {
                kernel_data.schedule_upcall(upcall::DONE, (into_statuscode(result), 0, 0))
            });
        }
    }
}

impl PartClient for FlashPartition {
    fn erased(&self, result: Result<(), ErrorCode>) {
        self.end(result);
    }

    fn programmed(&self, bytes: SubSliceMut<'static, u8>, result: Result<(), ErrorCode>) {
        self.buffer.replace(bytes.take());
        self.end(result);
    }
}

impl SyscallDriver for FlashPartition {
    fn command(
        &self,
        command_num: usize,
        r2: usize,
        r3: usize,
        process_id: ProcessId,
    ) -> CommandReturn {
        // For every other process the driver is not there.
        if !self.guard.admits(process_id) {
            return CommandReturn::failure(ErrorCode::NODEVICE);
        }
        // 32 bits on a board.
        let words = |a, b, c| CommandReturn::success_u32_u32_u32(a as u32, b as u32, c as u32);
        let geometry = &self.geometry;
        let result = match command_num {
            command::EXISTS => Ok(()),
            command::GEOMETRY => return words(geometry.start, geometry.length, geometry.page),
            command::LIMITS => return words(geometry.word, geometry.programs, self.program_max),
            command::BUDGET => {
                let (fewest, budget) = (self.wear.told().fewest, self.wear.budget());
                let burst = budget.burst.into();
                return CommandReturn::success_u32_u32_u32(fewest, burst, budget.period_s);
            }
            command::ERASES => {
                let (told, budget) = (self.wear.told(), self.wear.budget());
                let rate = budget.per_second.into();
                return CommandReturn::success_u32_u32_u32(told.done, told.refused, rate);
            }
            command::MAP => self.map(process_id),
            command::ERASE => self.begin(process_id, || self.erase(process_id, r2)),
            command::PROGRAM => self.begin(process_id, || self.program(process_id, r2, r3)),
            _ => Err(ErrorCode::NOSUPPORT),
        };
        result.into()
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.grant.enter(process_id, |_, _| ())
    }
}
