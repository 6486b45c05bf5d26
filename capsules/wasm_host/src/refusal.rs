//! Why a command was refused, and the error code that says so.

use crate::access;
use kernel::ErrorCode;

/// One reason for refusing a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The handle is none of this process's live claims.
    NotHeld,
    /// The block may be held, but this access to it is not allowed.
    Access(access::Refusal),
    /// An argument has bits that no valid one has.
    Argument,
    /// A modify without a mask set before.
    NoMask,
    /// There is no exposure of this index.
    NoSuchIndex,
    /// The label is longer than labels are.
    LabelTooLong,
    /// The label is empty, not all there, or has other than printable characters.
    LabelMalformed,
    /// No exposure has this label.
    UnknownLabel,
    /// Another process or container holds the exposure.
    Held,
    /// This container of this process holds the exposure already.
    HeldBySelf,
    /// The record does not fit the buffer that the process lent.
    BufferTooSmall,
    /// The block is reached by commands only.
    NotMappable,
    /// The memory protection unit has no region left for the process, or none
    /// that fits the block.
    NoRegion,
    /// The block is not mapped.
    NotMapped,
    /// The process has no memory left for the driver's grant.
    NoGrant,
    /// The block has no interrupt of this number.
    NoInterrupt,
    /// The interrupt is registered already.
    Registered,
    /// More captures than the manufacturer allows.
    TooManyCaptures,
    /// A capture is not in the list or none at all.
    CaptureMalformed,
    /// As many interrupts are registered as the manufacturer allows.
    TooManyHandlers,
    /// The board looks at no signatures.
    #[cfg(feature = "keys")]
    NoSignatures,
    /// No proof of this process allows it, or it has none of these bytes.
    #[cfg(feature = "keys")]
    NoProof,
    /// As many proofs are kept as there may be.
    #[cfg(feature = "keys")]
    TooManyProofs,
    /// A program was refused, or ended before its last instruction.
    #[cfg(feature = "programs")]
    Program(crate::program::Refusal),
}

#[cfg(feature = "programs")]
impl From<crate::program::Refusal> for Refusal {
    fn from(refusal: crate::program::Refusal) -> Self {
        Self::Program(refusal)
    }
}

impl From<access::Refusal> for Refusal {
    fn from(refusal: access::Refusal) -> Self {
        Self::Access(refusal)
    }
}

impl From<Refusal> for ErrorCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotHeld => Self::RESERVE,
            Refusal::Access(access::Refusal::NoPermission) | Refusal::NotMappable => {
                Self::NOSUPPORT
            }
            Refusal::Access(
                access::Refusal::Misaligned
                | access::Refusal::OutsideBlock
                | access::Refusal::Width,
            )
            | Refusal::Argument
            | Refusal::NoMask
            | Refusal::NoSuchIndex
            | Refusal::LabelMalformed
            | Refusal::CaptureMalformed => Self::INVAL,
            Refusal::Access(access::Refusal::Bus) => Self::OFF,
            Refusal::LabelTooLong | Refusal::BufferTooSmall | Refusal::TooManyCaptures => {
                Self::SIZE
            }
            Refusal::UnknownLabel | Refusal::NoInterrupt => Self::NODEVICE,
            Refusal::Held => Self::BUSY,
            Refusal::HeldBySelf | Refusal::NotMapped | Refusal::Registered => Self::ALREADY,
            Refusal::NoGrant | Refusal::NoRegion | Refusal::TooManyHandlers => Self::NOMEM,
            #[cfg(feature = "keys")]
            Refusal::NoSignatures => Self::NOSUPPORT,
            #[cfg(feature = "keys")]
            Refusal::NoProof => Self::RESERVE,
            #[cfg(feature = "keys")]
            Refusal::TooManyProofs => Self::NOMEM,
            #[cfg(feature = "programs")]
            Refusal::Program(refusal) => refusal.into(),
        }
    }
}
