//! Logins of operators, and what a device's secret and an operator's key agree on.
//!
//! ```text
//!   process ──31, 32──► what it lends, copied ──► Operators, pass after pass ──► it is an operator's; what was agreed on
//! ```
//!
//! It changes nothing in the kernel: it lends a process the cryptography that is there for [proofs](crate::ProofStore). One is under way at a time, and belongs to the
//! process that began it.

use core::cell::Cell;

use crate::driver::WasmHost;
use crate::refusal::Refusal;
use berth_exposure::allow;
use berth_exposure::operator::{AGREEMENT_BYTES, Examined, LOGIN_BYTES, Operators, step};
use berth_exposure::program::state;
use kernel::ErrorCode;
use kernel::process::ProcessId;
use kernel::processbuffer::{ReadableProcessBuffer, WriteableProcessBuffer};
use kernel::syscall::CommandReturn;
use kernel::utilities::cells::TakeCell;

/// What a board's manufacturer says of operators, and how their logins are looked at.
pub struct OperatorPolicy {
    /// Looks at logins.
    pub examiner: &'static mut dyn Operators,
    /// How many operators' keys the board has.
    pub keys: usize,
    /// Reading, too, is for operators alone. What is asked, the kernel does not see: it tells the process.
    pub closes_reading: bool,
}

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matter {
    /// A login.
    Login,
    /// What two keys agree on.
    Agreement,
}

/// The operators of a board.
pub(crate) struct OperatorDesk {
    examiner: TakeCell<'static, dyn Operators>,
    keys: u32,
    closes_reading: bool,
    /// What is under way, and whose it is.
    begun: Cell<Option<(ProcessId, Matter)>>,
}

impl<const N: usize> WasmHost<N> {
    /// Look at logins of operators. Without this nobody is one.
    #[must_use]
    pub fn with_operators(mut self, policy: OperatorPolicy) -> Self {
        self.operators = Some(OperatorDesk {
            examiner: TakeCell::new(policy.examiner),
            keys: policy.keys as u32,
            closes_reading: policy.closes_reading,
            begun: Cell::new(None),
        });
        self
    }

    fn desk(&self) -> Result<&OperatorDesk, Refusal> {
        self.operators.as_ref().ok_or(Refusal::NoSignatures)
    }

    /// A run has ended, and with it what it has begun.
    pub(crate) fn forget_login(&self, process: ProcessId) {
        let Some(desk) = &self.operators else { return };
        if desk.begun.get().is_some_and(|(whose, _)| whose == process) {
            desk.begun.set(None);
            // Which forgets what it was about.
            desk.examiner.map(|examiner| examiner.agreed());
        }
    }

    pub(crate) fn operators(&self) -> Result<CommandReturn, Refusal> {
        let desk = self.desk()?;
        Ok(CommandReturn::success_u32_u32(
            desk.keys,
            desk.closes_reading.into(),
        ))
    }

    pub(crate) fn examine(
        &self,
        process: ProcessId,
        matter: Matter,
        (number, passes): (usize, u32),
    ) -> Result<CommandReturn, Refusal> {
        let desk = self.desk()?;
        match (number, desk.begun.get()) {
            (_, Some((other, _))) if other != process && self.is_alive(other) => {
                return Err(Refusal::Held);
            }
            (step::BEGIN, _) => {
                desk.begun.set(None);
                self.begin_examination(desk, process, matter)?;
                desk.begun.set(Some((process, matter)));
            }
            (step::GO_ON, Some(begun)) if begun == (process, matter) => {}
            _ => return Err(Refusal::Argument),
        }
        let mut passes = self.passes_of_a_turn().at_most(passes);
        loop {
            let come = desk.examiner.map(|examiner| examiner.pass());
            match come.unwrap_or(Examined::Refused) {
                Examined::GoesOn if passes.another() => {}
                Examined::GoesOn => return Ok(CommandReturn::success_u32(state::GOES_ON)),
                Examined::Refused => {
                    desk.begun.set(None);
                    return Ok(CommandReturn::failure(ErrorCode::FAIL));
                }
                Examined::Done => {
                    desk.begun.set(None);
                    return self.end_examination(desk, process, matter);
                }
            }
        }
    }

    /// Begin with what the process lends.
    fn begin_examination(
        &self,
        desk: &OperatorDesk,
        process: ProcessId,
        matter: Matter,
    ) -> Result<(), Refusal> {
        match matter {
            Matter::Login => {
                let login = self.copy_lent::<LOGIN_BYTES>(process)?;
                desk.examiner.map(|examiner| examiner.login(&login));
            }
            Matter::Agreement => {
                let keys = self.copy_lent::<AGREEMENT_BYTES>(process)?;
                desk.examiner.map(|examiner| examiner.agree(&keys));
            }
        }
        Ok(())
    }

    /// Bytes that the process lends.
    fn copy_lent<const LENGTH: usize>(&self, process: ProcessId) -> Result<[u8; LENGTH], Refusal> {
        let mut copy = [0; LENGTH];
        let mut is_there = false;
        self.enter(process, &mut |_, kernel_data| {
            let buffer = kernel_data.get_readonly_processbuffer(allow::RO_LABEL);
            let copied = buffer.and_then(|buffer| {
                buffer.enter(|bytes| {
                    let from = bytes.get(0..LENGTH);
                    from.is_some_and(|from| from.copy_to_slice_or_err(&mut copy).is_ok())
                })
            });
            is_there = copied.unwrap_or(false);
        })
        .map_err(|_| Refusal::NoGrant)?;
        is_there.then_some(copy).ok_or(Refusal::BufferTooSmall)
    }

    /// It is done; what was agreed on is written where the process wants it.
    fn end_examination(
        &self,
        desk: &OperatorDesk,
        process: ProcessId,
        matter: Matter,
    ) -> Result<CommandReturn, Refusal> {
        if matter == Matter::Login {
            return Ok(CommandReturn::success());
        }
        let agreed = desk.examiner.map(|examiner| examiner.agreed());
        let agreed = agreed.ok_or(Refusal::Held)?;
        let mut is_written = false;
        self.enter(process, &mut |_, kernel_data| {
            let buffer = kernel_data.get_readwrite_processbuffer(allow::RW_DESCRIPTION);
            let written = buffer.and_then(|buffer| {
                buffer.mut_enter(|out| {
                    let out = out.get(0..agreed.len());
                    out.is_some_and(|out| out.copy_from_slice_or_err(&agreed).is_ok())
                })
            });
            is_written = written.unwrap_or(false);
        })
        .map_err(|_| Refusal::NoGrant)?;
        is_written
            .then(CommandReturn::success)
            .ok_or(Refusal::BufferTooSmall)
    }
}
