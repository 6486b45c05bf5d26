//! The system-call driver: claims, and mediated access to what is claimed.
//!
//! Every argument comes from a process the kernel does not trust. The path of an
//! access is short on purpose, since containers take it for every register: find
//! the slot by index, compare process and generation, check the masks, go. It
//! enters no grant.
//!
//! Claims live in slots beside the table rather than in grants: what must be
//! exclusive over processes has to stand in one place, and there are exactly as
//! many slots as exposures, known when the kernel is built.

use crate::access;
use crate::claims::{ClaimStore, Claims, Holder, PIECE};
#[cfg(feature = "conveyors")]
use crate::conveying::Conveyors;
use crate::exposure::{Exposure, Registers};
use crate::interrupts::Interrupts;
use crate::mapping::{Mapper, Never};
#[cfg(feature = "keys")]
use crate::operators::{Matter, OperatorDesk};
#[cfg(feature = "keys")]
use crate::proofs::Proofs;
use crate::refusal::Refusal;
#[cfg(feature = "programs")]
use crate::running::ProgramSlot;
use crate::table::{self, TableError};
use crate::window::Turn;
use berth_exposure::interrupt::ONLY_LINE;
use berth_exposure::{Claim, DESCRIPTION_MAX, Description, LABEL_MAX, Width, allow, command};
use kernel::ErrorCode;
use kernel::deferred_call::DeferredCall;
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, GrantKernelData, UpcallCount};
use kernel::process::{self, ProcessId};
use kernel::processbuffer::{
    ReadableProcessBuffer, UserspaceReadableProcessBuffer, WriteableProcessBuffer,
};
use kernel::syscall::{CommandReturn, SyscallDriver};

/// What the driver keeps for each process, in the process's own memory.
#[derive(Default)]
pub struct ProcessData {
    /// Set by the command before a modify.
    modify_mask: Option<u32>,
    /// Where its interrupts are recorded.
    pub(crate) records: UserspaceReadableProcessBuffer,
    /// What stands in the first word of the records.
    pub(crate) raised: u32,
    /// The bits that the last upcall told.
    pub(crate) told: u32,
    /// What its conveyors mirror registers in.
    #[cfg(feature = "conveyors")]
    pub(crate) conveyor: UserspaceReadableProcessBuffer,
}

/// The grant a board creates for the driver, under
/// [`DRIVER_NUM`](berth_exposure::DRIVER_NUM).
pub type HostGrant = Grant<ProcessData, UpcallCount<1>, AllowRoCount<4>, AllowRwCount<2>>;

/// How the claims of runs that have ended come to their end, one by one.
pub(crate) struct Ends {
    pub(crate) call: DeferredCall,
    /// Has the call made after processes that come first.
    later: fn(&DeferredCall),
}

impl Ends {
    pub(crate) fn set(&self) {
        (self.later)(&self.call);
    }
}

/// The driver, for a table of `N` exposures.
pub struct WasmHost<const N: usize> {
    /// The board's table.
    pub(crate) exposures: &'static [Exposure; N],
    /// Who holds which exposure.
    pub(crate) claims: Claims<ProcessId, N>,
    /// What each process has lent and is told.
    grant: HostGrant,
    /// Opens blocks to a process and closes them.
    mapper: &'static dyn Mapper,
    /// The interrupts of the exposures, on a board that delivers them.
    pub(crate) interrupts: Option<Interrupts>,
    /// Ends the claims of runs that have ended; `None`: they end at once.
    pub(crate) ends: Option<Ends>,
    #[cfg(feature = "programs")]
    pub(crate) programs: &'static [ProgramSlot],
    /// Says when a call must end; `None`: with a pass.
    pub(crate) turn: Option<&'static dyn Turn>,
    #[cfg(feature = "conveyors")]
    pub(crate) conveyors: Option<Conveyors>,
    /// What images are proven to be signed; `None`: what needs a proof is nobody's.
    #[cfg(feature = "keys")]
    pub(crate) proofs: Option<Proofs>,
    /// Whose logins are looked at; `None`: nobody's.
    #[cfg(feature = "keys")]
    pub(crate) operators: Option<OperatorDesk>,
}

impl<const N: usize> WasmHost<N> {
    /// Serve a table of at most 256 exposures.
    ///
    /// # Errors
    /// What is wrong with the table. The board should not start processes then.
    pub fn new(
        exposures: &'static [Exposure; N],
        store: &'static ClaimStore<N>,
        grant: HostGrant,
    ) -> Result<Self, TableError> {
        let claims = Claims::new(store);
        table::check(exposures, claims.by_label())?;
        Ok(Self {
            exposures,
            claims,
            grant,
            mapper: &Never,
            interrupts: None,
            ends: None,
            #[cfg(feature = "programs")]
            programs: &[],
            turn: None,
            #[cfg(feature = "conveyors")]
            conveyors: None,
            #[cfg(feature = "keys")]
            proofs: None,
            #[cfg(feature = "keys")]
            operators: None,
        })
    }

    /// Map blocks that the table calls mapped. Without a mapper all are served
    /// by commands.
    #[must_use]
    pub fn with_mapper(mut self, mapper: &'static dyn Mapper) -> Self {
        self.mapper = mapper;
        self
    }

    /// A process stopped for good, faulted, or is about to be restarted: end all its
    /// claims and write their safe states.
    ///
    /// The board calls it at the end of a run, whoever ends it. Where the kernel tells only of faults (upstream's), it calls
    /// it then, and [`reap`](Self::reap) for all other ends. Where claims end [one by one](Self::with_ends_one_by_one),
    /// none has ended when this returns. Nobody can claim what is not at rest: who asks for it meanwhile ends it.
    pub fn process_gone(&self, process: ProcessId) {
        #[cfg(feature = "conveyors")]
        self.stop_conveyors();
        #[cfg(feature = "keys")]
        {
            self.forget_proofs(process);
            self.forget_login(process);
        }
        let Some(ends) = &self.ends else {
            self.end_where(|_, holder| holder.process == process);
            return;
        };
        if self.claims.leave() {
            ends.set();
        }
    }

    /// End the claims of a run that has ended one by one, each in a deferred call that `later` sets: interrupts of the firmware come
    /// between two, and those processes that come before such a call. The driver must be registered for its deferred calls.
    #[must_use]
    pub fn with_ends_one_by_one(mut self, later: fn(&DeferredCall)) -> Self {
        self.ends = Some(Ends {
            call: DeferredCall::new(),
            later,
        });
        self
    }

    /// End one claim of a run that has ended, if there is one in the next piece of the table. Returns whether any was said to be left.
    pub(crate) fn end_one(&self) -> bool {
        if !self.claims.any_left() {
            return false;
        }
        if let Some(index) = self.next_over() {
            self.end(index);
        }
        match &self.ends {
            Some(ends) if self.claims.any_left() => ends.set(),
            _ => {}
        }
        true
    }

    /// The next claim in the piece that is looked at whose run has ended, and with it what was open to it.
    #[cfg(not(feature = "keys"))]
    fn next_over(&self) -> Option<usize> {
        let index = self.claims.next_left(&mut self.gone())?;
        self.close_with_run(index);
        Some(index)
    }

    /// The same, or one that no proof allows any more; what is open to its run, which goes on, is closed when it ends.
    #[cfg(feature = "keys")]
    fn next_over(&self) -> Option<usize> {
        let mut gone = self.gone();
        let mut has_gone = false;
        let index = self.claims.next_left(&mut |index, holder| {
            has_gone = gone(index, holder);
            has_gone || self.is_unproven(index)
        })?;
        if has_gone {
            self.close_with_run(index);
        }
        Some(index)
    }

    #[inline(always)]
    fn close_with_run(&self, index: usize) {
        if self.mapper.closes_with_run() {
            self.claims.set_mapped(index, false);
        }
    }

    /// End one claim of a run that has ended, as [`process_gone`](Self::process_gone) has it done, sooner: for who
    /// waits until the hardware is at rest. Returns whether any is left.
    pub fn end_pass(&self) -> bool {
        self.end_one() && self.claims.any_left()
    }

    /// Tells whether a holder's run has ended. Usually many claims are one process's: it asks about it once.
    fn gone(&self) -> impl FnMut(usize, Holder<ProcessId>) -> bool + '_ {
        let mut last: Option<(ProcessId, bool)> = None;
        move |_, holder| match last {
            Some((process, alive)) if process == holder.process => !alive,
            _ => {
                let alive = self.is_alive(holder.process);
                last = Some((holder.process, alive));
                !alive
            }
        }
    }

    /// End the claims of every process that is not alive any more.
    ///
    /// For a place the kernel passes often, such as the scheduler: with no claim
    /// held it costs one comparison, else a look per exposure and one per holding process. Must not be called
    /// while this driver's grant of any process is entered.
    pub fn reap(&self) {
        if !self.claims.any() {
            return;
        }
        self.end_where(self.gone());
    }

    /// End all claims that `over` tells.
    pub(crate) fn end_where(&self, mut over: impl FnMut(usize, Holder<ProcessId>) -> bool) {
        for index in 0..N {
            let holder = self.claims.holder(index);
            if holder.is_some_and(|holder| over(index, holder)) {
                self.end(index);
            }
        }
    }

    /// End one claim: silence its lines, end its program, close the block, then bring the hardware
    /// to rest, then let others have it.
    pub(crate) fn end(&self, index: usize) {
        if let Some(exposure) = self.exposures.get(index) {
            let registered = self.silence(index);
            #[cfg(feature = "programs")]
            self.end_program(index);
            #[cfg(feature = "conveyors")]
            self.end_conveyor(index);
            self.close(index, exposure);
            for write in exposure.safe {
                // A block that does not answer is at rest, and the others are still to be written.
                let _ = access::make_safe(exposure, write);
            }
            self.forget(registered);
        }
        self.claims.free(index);
    }

    /// Close a block that is open to its holder. Returns whether it was.
    fn close(&self, index: usize, exposure: &Exposure) -> bool {
        let was_open = self.claims.set_mapped(index, false);
        if !was_open {
            return false;
        }
        if let (Some((start, _)), Some(holder)) = (exposure.mappable(), self.claims.holder(index)) {
            self.mapper
                .close(holder.process, start, exposure.length as usize);
        }
        true
    }

    /// Enter the grant of a process. All of this driver's work with grants comes here:
    /// one copy of what entering takes, in place of one for each use.
    #[inline(never)]
    pub(crate) fn enter(
        &self,
        process: ProcessId,
        work: &mut dyn FnMut(&mut ProcessData, &GrantKernelData<'_>),
    ) -> Result<(), process::Error> {
        self.grant
            .enter(process, |data, kernel_data| work(data, kernel_data))
    }

    /// A holder has entered the grant before, so this allocates nothing.
    pub(crate) fn is_alive(&self, process: ProcessId) -> bool {
        self.enter(process, &mut |_, _| ()).is_ok()
    }

    /// Who holds an exposure, after ending the claim of a process that is gone.
    pub(crate) fn live_holder(&self, index: usize, asking: ProcessId) -> Option<Holder<ProcessId>> {
        let holder = self.claims.holder(index)?;
        if holder.process == asking || self.is_alive(holder.process) {
            return Some(holder);
        }
        self.end(index);
        None
    }

    /// The label that stands in the process's buffer.
    fn label(
        &self,
        process: ProcessId,
        length: usize,
    ) -> Result<([u8; LABEL_MAX], usize), Refusal> {
        if length > LABEL_MAX {
            return Err(Refusal::LabelTooLong);
        }
        let mut label = [0; LABEL_MAX];
        let mut copied = false;
        self.enter(process, &mut |_, kernel_data| {
            copied = kernel_data
                .get_readonly_processbuffer(allow::RO_LABEL)
                .and_then(|buffer| {
                    buffer.enter(|bytes| {
                        let parts = bytes.get(0..length).zip(label.get_mut(..length));
                        parts.is_some_and(|(from, to)| from.copy_to_slice_or_err(to).is_ok())
                    })
                })
                .unwrap_or(false);
        })
        .map_err(|_| Refusal::NoGrant)?;
        // A buffer shorter than the length given holds no such label.
        if copied && label.get(..length).is_some_and(table::label_is_well_formed) {
            Ok((label, length))
        } else {
            Err(Refusal::LabelMalformed)
        }
    }

    fn claim(&self, process: ProcessId, tag: u32, length: usize) -> Result<CommandReturn, Refusal> {
        let (label, length) = self.label(process, length)?;
        let label = label.get(..length).unwrap_or_default();
        let index = table::find(self.exposures, self.claims.by_label(), label)
            .map_err(|_| Refusal::UnknownLabel)?;
        let exposure = self.exposures.get(index).ok_or(Refusal::UnknownLabel)?;
        #[cfg(feature = "keys")]
        if !self.may_claim(process, index) {
            return Err(Refusal::NoProof);
        }
        let wanted = Holder { tag, process };
        if let Some(holder) = self.live_holder(index, process) {
            return Err(if holder == wanted {
                Refusal::HeldBySelf
            } else {
                Refusal::Held
            });
        }
        if self.is_on_anothers_line(process, index) {
            return Err(Refusal::Held);
        }
        let handle = self.claims.take(index, wanted).ok_or(Refusal::Held)?;
        Ok(CommandReturn::success_u32_u32_u32(
            u32::from(handle),
            exposure.length,
            exposure.access as u32,
        ))
    }

    fn describe(&self, process: ProcessId, index: usize) -> Result<CommandReturn, Refusal> {
        let exposure = self.exposures.get(index).ok_or(Refusal::NoSuchIndex)?;
        let claim = match self.live_holder(index, process) {
            None => Claim::Free,
            Some(holder) if holder.process == process => Claim::Own(holder.tag),
            Some(_) => Claim::Other,
        };
        let description = Description {
            length: exposure.length,
            access: exposure.access,
            interrupts: self.interrupts_of(index),
            // What another process was given is not this one's to know.
            mapped: matches!(claim, Claim::Own(_)) && self.claims.is_mapped(index),
            claim,
            registers: match exposure.registers {
                Registers::Whole(_) => 0,
                // The table check admits no longer list.
                Registers::List(list) => u8::try_from(list.len()).unwrap_or(u8::MAX),
            },
            label: exposure.label,
        };
        let mut record = [0; DESCRIPTION_MAX];
        // Labels fit since the table check admits no longer one.
        let record = description
            .encode(&mut record)
            .and_then(|length| record.get(..length))
            .ok_or(Refusal::BufferTooSmall)?;
        let mut written = false;
        self.enter(process, &mut |_, kernel_data| {
            written = kernel_data
                .get_readwrite_processbuffer(allow::RW_DESCRIPTION)
                .and_then(|buffer| {
                    buffer.mut_enter(|out| {
                        out.get(0..record.len())
                            .is_some_and(|out| out.copy_from_slice_or_err(record).is_ok())
                    })
                })
                .unwrap_or(false);
        })
        .map_err(|_| Refusal::NoGrant)?;
        written
            .then(|| CommandReturn::success_u32(record.len() as u32))
            .ok_or(Refusal::BufferTooSmall)
    }

    /// The slot of a handle that came as a whole argument.
    pub(crate) fn held(
        &self,
        process: ProcessId,
        handle: u32,
    ) -> Result<(usize, &Exposure), Refusal> {
        u16::try_from(handle)
            .ok()
            .and_then(|handle| self.claims.resolve(handle, process))
            .and_then(|index| Some((index, self.exposures.get(index)?)))
            .ok_or(Refusal::NotHeld)
    }

    fn release(&self, process: ProcessId, handle: u32) -> Result<CommandReturn, Refusal> {
        let (index, _) = self.held(process, handle)?;
        self.end(index);
        Ok(CommandReturn::success())
    }

    fn map(&self, process: ProcessId, handle: u32) -> Result<CommandReturn, Refusal> {
        let (index, exposure) = self.held(process, handle)?;
        let (start, widths) = exposure.mappable().ok_or(Refusal::NotMappable)?;
        // 32 bits on a board.
        let address = u32::try_from(start).map_err(|_| Refusal::NotMappable)?;
        if !self.claims.is_mapped(index) {
            if !self.mapper.open(process, start, exposure.length as usize) {
                return Err(Refusal::NoRegion);
            }
            self.claims.set_mapped(index, true);
        }
        Ok(CommandReturn::success_u32_u32_u32(
            address,
            exposure.length,
            widths.bits(),
        ))
    }

    fn unmap(&self, process: ProcessId, handle: u32) -> Result<CommandReturn, Refusal> {
        let (index, exposure) = self.held(process, handle)?;
        self.close(index, exposure)
            .then(CommandReturn::success)
            .ok_or(Refusal::NotMapped)
    }

    /// Look at a piece of the table, and end at most one claim.
    fn release_all(&self, process: ProcessId, tag: u32, from: usize) -> CommandReturn {
        let own = Holder { tag, process };
        let end = from.saturating_add(PIECE).min(N);
        let found = (from..end).find(|index| self.claims.holder(*index) == Some(own));
        if let Some(index) = found {
            self.end(index);
        }
        let next = found.map_or(end, |index| index + 1);
        let next = if next < N { next as u32 } else { 0 };
        CommandReturn::success_u32_u32(found.is_some().into(), next)
    }

    /// The exposure and the offset that a register argument names.
    fn register(&self, process: ProcessId, register: u32) -> Result<(&Exposure, u16), Refusal> {
        let handle = (register >> 16) as u16;
        self.claims
            .resolve(handle, process)
            .and_then(|index| self.exposures.get(index))
            .map(|exposure| (exposure, register as u16))
            .ok_or(Refusal::NotHeld)
    }

    fn read(
        &self,
        process: ProcessId,
        register: u32,
        width: Width,
    ) -> Result<CommandReturn, Refusal> {
        let (exposure, offset) = self.register(process, register)?;
        let value = access::read(exposure, offset, width)?;
        Ok(CommandReturn::success_u32(value))
    }

    fn write(
        &self,
        process: ProcessId,
        register: u32,
        width: Width,
        value: u32,
    ) -> Result<CommandReturn, Refusal> {
        let (exposure, offset) = self.register(process, register)?;
        access::write(exposure, offset, width, value)?;
        Ok(CommandReturn::success())
    }

    fn set_modify_mask(&self, process: ProcessId, mask: u32) -> Result<CommandReturn, Refusal> {
        self.enter(process, &mut |data, _| data.modify_mask = Some(mask))
            .map_err(|_| Refusal::NoGrant)?;
        Ok(CommandReturn::success())
    }

    fn modify(
        &self,
        process: ProcessId,
        register: u32,
        value: u32,
    ) -> Result<CommandReturn, Refusal> {
        // Taken before anything is checked: a mask serves one call.
        let mut mask = None;
        self.enter(process, &mut |data, _| mask = data.modify_mask.take())
            .map_err(|_| Refusal::NoGrant)?;
        let (exposure, offset) = self.register(process, register)?;
        let mask = mask.ok_or(Refusal::NoMask)?;
        access::modify(exposure, offset, Width::Bits32, mask, value)?;
        Ok(CommandReturn::success())
    }

    fn dispatch(
        &self,
        number: usize,
        arg0: usize,
        arg1: usize,
        process: ProcessId,
    ) -> Result<CommandReturn, Refusal> {
        // Arguments are 32 bits on the board; a host may pass more.
        let word = |argument| u32::try_from(argument).map_err(|_| Refusal::Argument);
        match number {
            command::READ32 => self.read(process, word(arg0)?, Width::Bits32),
            command::WRITE32 => self.write(process, word(arg0)?, Width::Bits32, word(arg1)?),
            command::READ8 => self.read(process, word(arg0)?, Width::Bits8),
            command::READ16 => self.read(process, word(arg0)?, Width::Bits16),
            command::WRITE8 => self.write(process, word(arg0)?, Width::Bits8, word(arg1)?),
            command::WRITE16 => self.write(process, word(arg0)?, Width::Bits16, word(arg1)?),
            command::SET_MODIFY_MASK => self.set_modify_mask(process, word(arg0)?),
            command::MODIFY32 => self.modify(process, word(arg0)?, word(arg1)?),
            command::EXISTS => Ok(CommandReturn::success()),
            command::COUNT => Ok(CommandReturn::success_u32(N as u32)),
            command::DESCRIBE => self.describe(process, arg0),
            command::CLAIM => self.claim(process, word(arg0)?, arg1),
            command::MAP => self.map(process, word(arg0)?),
            command::UNMAP => self.unmap(process, word(arg0)?),
            command::RELEASE => self.release(process, word(arg0)?),
            command::RELEASE_ALL => Ok(self.release_all(process, word(arg0)?, arg1)),
            command::ACKNOWLEDGE => self.acknowledge(process, arg0, arg1 == ONLY_LINE),
            command::REGISTER => self.register_interrupt(process, word(arg0)?, word(arg1)?),
            command::UNREGISTER => self.unregister_interrupt(process, word(arg0)?),
            command::COUNTERS => self.counters(process, word(arg0)?),
            #[cfg(feature = "programs")]
            command::PROGRAM_RUN => self.run_program(process, word(arg0)?, word(arg1)?),
            #[cfg(feature = "programs")]
            command::PROGRAM_CONTINUE => self.continue_program(process, word(arg0)?, word(arg1)?),
            #[cfg(feature = "programs")]
            command::PROGRAM_CANCEL => self.cancel_program(process, word(arg0)?),
            #[cfg(feature = "conveyors")]
            command::CONVEYOR_ATTACH => self.attach_conveyor(process, word(arg0)?, word(arg1)?),
            #[cfg(feature = "conveyors")]
            command::CONVEYOR_SYNC => self.sync_conveyor(process, word(arg0)?, word(arg1)?),
            #[cfg(feature = "conveyors")]
            command::CONVEYOR_DETACH => self.detach_conveyor(process, word(arg0)?),
            #[cfg(feature = "keys")]
            command::PROVE => self.prove(process, arg0, arg1),
            #[cfg(feature = "keys")]
            command::PROOF_END => self.forget_proof(process, arg0, arg1),
            #[cfg(feature = "keys")]
            command::KEYS => self.keys(arg0),
            #[cfg(feature = "keys")]
            command::KEYS_OF => self.keys_of(arg0),
            #[cfg(feature = "keys")]
            command::OPERATORS => self.operators(),
            #[cfg(feature = "keys")]
            command::LOGIN => self.examine(process, Matter::Login, (arg0, word(arg1)?)),
            #[cfg(feature = "keys")]
            command::AGREE => self.examine(process, Matter::Agreement, (arg0, word(arg1)?)),
            _ => Ok(CommandReturn::failure(ErrorCode::NOSUPPORT)),
        }
    }
}

impl<const N: usize> SyscallDriver for WasmHost<N> {
    fn command(
        &self,
        command_num: usize,
        r2: usize,
        r3: usize,
        process_id: ProcessId,
    ) -> CommandReturn {
        self.dispatch(command_num, r2, r3, process_id)
            .unwrap_or_else(|refusal| CommandReturn::failure(refusal.into()))
    }

    fn allow_userspace_readable(
        &self,
        process_id: ProcessId,
        which: usize,
        buffer: UserspaceReadableProcessBuffer,
    ) -> Result<UserspaceReadableProcessBuffer, (UserspaceReadableProcessBuffer, ErrorCode)> {
        #[cfg(feature = "conveyors")]
        if which == allow::CONVEYOR {
            return self.lend_conveyor(process_id, buffer);
        }
        if which != allow::RECORDS {
            return Err((buffer, ErrorCode::NOSUPPORT));
        }
        let mut buffer = buffer;
        let entered = self.enter(process_id, &mut |data, _| {
            core::mem::swap(&mut data.records, &mut buffer);
            // A new buffer is read from the beginning.
            data.raised = 0;
        });
        match entered {
            Ok(()) => Ok(buffer),
            Err(error) => Err((buffer, error.into())),
        }
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.enter(process_id, &mut |_, _| ())
    }
}
