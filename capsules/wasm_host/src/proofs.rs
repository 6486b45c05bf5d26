//! Proofs of images in the store's partition, and what claims they allow.
//!
//! ```text
//!   process ──26──► range of the partition ──► Prover, pass after pass ──► labels, one in a pass ──► proof kept: which exposures
//!                        │ Images                 board's keys              keys of each exposure        │
//!   flash_partition ── changes ─► proofs of these bytes dropped ── claims that none allows any more ─────┴─► safe state, one by one
//! ```
//!
//! A proof is of bytes that its process cannot change without losing it. Which of its containers holds a claim that a proof allows is the process's
//! business, as with all claims; so a claim lasts as long as the process has any proof that allows it.

use core::cell::Cell;

use crate::driver::WasmHost;
use crate::exposure::Exposure;
use crate::refusal::Refusal;
use crate::table;
use berth_exposure::program::state;
use berth_exposure::proof::{KEYS_MAX, PROOFS_MAX, Prover, Proving, Refused};
use kernel::ErrorCode;
use kernel::process::ProcessId;
use kernel::syscall::CommandReturn;
use kernel::utilities::cells::TakeCell;

/// The bytes of the partition that images are in.
pub trait Images {
    /// How many they are.
    fn length(&self) -> usize;

    /// Has `work` look at `length` bytes from `offset` on, which lie inside. Returns whether it did.
    fn look(&self, offset: usize, length: usize, work: &mut dyn FnMut(&[u8])) -> bool;
}

/// What a board's manufacturer says of signatures, and how they are looked at.
pub struct Signatures {
    /// Where images are.
    pub images: &'static dyn Images,
    /// Finds out whether one is signed, by which of the board's keys.
    pub prover: &'static mut dyn Prover,
    /// How many keys the board has.
    pub keys: usize,
    /// Packages without a signature are not to run. The kernel does not see what runs: it tells the process.
    pub refuses_unsigned: bool,
    /// The keys that may revoke, as a set. The kernel does not see what is revoked: it tells the process.
    pub revokers: u32,
}

/// A set of exposures.
type Labels = [u32; crate::claims::SLOTS_MAX / 32];

/// Bytes of the partition.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Range {
    offset: usize,
    length: usize,
}

impl Range {
    /// Neither is empty.
    const fn overlaps(self, other: Self) -> bool {
        self.offset < other.offset.saturating_add(other.length)
            && other.offset < self.offset.saturating_add(self.length)
    }
}

/// An image that is signed.
#[derive(Clone, Copy)]
struct Proof {
    process: ProcessId,
    range: Range,
    /// What it allows to claim.
    labels: Labels,
}

/// An image of which it is not known yet.
#[derive(Clone, Copy)]
struct Begun {
    proof: Proof,
    /// The key and the counter, and how many labels have been looked at, once it is known to be signed.
    signed: Option<(u32, u32, usize)>,
}

/// Room for proofs.
pub struct ProofStore {
    proofs: [Cell<Option<Proof>>; PROOFS_MAX],
}

impl ProofStore {
    /// No proofs.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            proofs: [const { Cell::new(None) }; PROOFS_MAX],
        }
    }
}

impl Default for ProofStore {
    fn default() -> Self {
        Self::new()
    }
}

/// The proofs of a board.
pub(crate) struct Proofs {
    images: &'static dyn Images,
    prover: TakeCell<'static, dyn Prover>,
    keys: u32,
    refuses_unsigned: bool,
    revokers: u32,
    kept: &'static ProofStore,
    /// The one that is under way.
    begun: Cell<Option<Begun>>,
    /// What is being erased or written.
    changing: Cell<Option<Range>>,
}

impl Proofs {
    /// The place of a proof of exactly this.
    fn of(&self, process: ProcessId, range: Range) -> Option<&'static Cell<Option<Proof>>> {
        let is_it = |proof: Proof| proof.process == process && proof.range == range;
        self.kept
            .proofs
            .iter()
            .find(|place| place.get().is_some_and(is_it))
    }

    /// Returns whether a process has a proof that allows to claim an exposure.
    fn allow(&self, process: ProcessId, index: usize) -> bool {
        self.kept.proofs.iter().any(|place| {
            place
                .get()
                .is_some_and(|proof| contains(&proof.labels, index) && proof.process == process)
        })
    }

    /// Drop those that `is_over` tells, and what is under way if it does. Returns whether there was a proof.
    fn drop_where(&self, is_over: impl Fn(&Proof) -> bool) -> bool {
        if self.begun.get().is_some_and(|begun| is_over(&begun.proof)) {
            self.begun.set(None);
        }
        let mut any = false;
        for place in &self.kept.proofs {
            if place.get().is_some_and(|proof| is_over(&proof)) {
                place.set(None);
                any = true;
            }
        }
        any
    }
}

fn contains(labels: &Labels, index: usize) -> bool {
    labels
        .get(index / 32)
        .is_some_and(|word| word >> (index % 32) & 1 == 1)
}

impl<const N: usize> WasmHost<N> {
    /// Prove images, and let exposures with keys be claimed by who has a proof. Without this nobody can claim them.
    #[must_use]
    pub fn with_signatures(mut self, signatures: Signatures, kept: &'static ProofStore) -> Self {
        self.proofs = Some(Proofs {
            images: signatures.images,
            prover: TakeCell::new(signatures.prover),
            keys: signatures.keys.min(KEYS_MAX) as u32,
            refuses_unsigned: signatures.refuses_unsigned,
            revokers: signatures.revokers,
            kept,
            begun: Cell::new(None),
            changing: Cell::new(None),
        });
        self
    }

    /// Bytes of the partition are about to be erased or written: drop the proofs of them. Nothing is proven there until [`changed`](Self::changed).
    ///
    /// The board passes on what the driver of the partition says, before anything changes. Claims that no proof allows any more end before a process in the background runs again.
    pub fn changes(&self, offset: usize, length: usize) {
        let Some(proofs) = &self.proofs else { return };
        let range = Range { offset, length };
        proofs.changing.set(Some(range));
        if proofs.drop_where(|proof| proof.range.overlaps(range)) {
            self.end_unproven();
        }
    }

    /// What [`changes`](Self::changes) said is over, done or not.
    pub fn changed(&self) {
        if let Some(proofs) = &self.proofs {
            proofs.changing.set(None);
        }
    }

    /// A run has ended, and its proofs with it. Its claims end in any case.
    pub(crate) fn forget_proofs(&self, process: ProcessId) {
        if let Some(proofs) = &self.proofs {
            proofs.drop_where(|proof| proof.process == process);
        }
    }

    /// End the claims that no proof allows any more.
    fn end_unproven(&self) {
        match &self.ends {
            Some(ends) if self.claims.leave() => ends.set(),
            Some(_) => {}
            None => self.end_where(|index, _| self.is_unproven(index)),
        }
    }

    /// Returns whether a slot is held, and needs a proof that its holder has no more.
    pub(crate) fn is_unproven(&self, index: usize) -> bool {
        let holder = self.claims.holder(index);
        holder.is_some_and(|holder| !self.may_claim(holder.process, index))
    }

    /// Returns whether an exposure needs no proof, or the process has one that allows to claim it.
    pub(crate) fn may_claim(&self, process: ProcessId, index: usize) -> bool {
        self.exposures
            .get(index)
            .is_none_or(|exposure| exposure.keys == 0)
            || (self.proofs.as_ref()).is_some_and(|proofs| proofs.allow(process, index))
    }

    fn proofs(&self) -> Result<&Proofs, Refusal> {
        self.proofs.as_ref().ok_or(Refusal::NoSignatures)
    }

    pub(crate) fn prove(
        &self,
        process: ProcessId,
        offset: usize,
        length: usize,
    ) -> Result<CommandReturn, Refusal> {
        let proofs = self.proofs()?;
        let range = Range { offset, length };
        let end = offset.checked_add(length);
        if length == 0 || end.is_none_or(|end| end > proofs.images.length()) {
            return Err(Refusal::Argument);
        }
        if proofs
            .changing
            .get()
            .is_some_and(|changing| changing.overlaps(range))
        {
            return Err(Refusal::Held);
        }
        let mut begun = match proofs.begun.get() {
            Some(begun) if begun.proof.process == process && begun.proof.range == range => begun,
            Some(other) if other.proof.process != process && self.is_alive(other.proof.process) => {
                return Err(Refusal::Held);
            }
            _ => {
                // Looked for now, so that no work is done for nothing.
                self.place_for(proofs, process, range)?;
                proofs.prover.map(|prover| prover.begin());
                Begun {
                    proof: Proof {
                        process,
                        range,
                        labels: [0; crate::claims::SLOTS_MAX / 32],
                    },
                    signed: None,
                }
            }
        };
        let mut passes = self.passes_of_a_turn();
        loop {
            let come = self.proof_pass(proofs, &mut begun);
            match come {
                None if passes.another() => {}
                None => {
                    proofs.begun.set(Some(begun));
                    return Ok(CommandReturn::success_u32(state::GOES_ON));
                }
                Some(come) => {
                    proofs.begun.set(None);
                    return self.end_proof(proofs, begun.proof, come);
                }
            }
        }
    }

    /// A place for a proof: of the same range, a free one, or one of a run that has ended.
    fn place_for(
        &self,
        proofs: &Proofs,
        process: ProcessId,
        range: Range,
    ) -> Result<&'static Cell<Option<Proof>>, Refusal> {
        let kept = &proofs.kept.proofs;
        proofs
            .of(process, range)
            .or_else(|| kept.iter().find(|place| place.get().is_none()))
            .or_else(|| {
                let mut all = kept.iter();
                all.find(|place| {
                    place
                        .get()
                        .is_some_and(|proof| !self.is_alive(proof.process))
                })
            })
            .ok_or(Refusal::TooManyProofs)
    }

    /// One pass. Returns what has come of it, if it is over.
    fn proof_pass(
        &self,
        proofs: &Proofs,
        begun: &mut Begun,
    ) -> Option<Result<(u32, u32), Refused>> {
        let Range { offset, length } = begun.proof.range;
        let mut come = Some(Err(Refused::Malformed));
        proofs.prover.map(|prover| {
            proofs.images.look(offset, length, &mut |image| {
                come = match &mut begun.signed {
                    None => match prover.pass(image) {
                        Proving::GoesOn => None,
                        Proving::Refused(reason) => Some(Err(reason)),
                        Proving::Proven { key, counter } => {
                            begun.signed = Some((key, counter, 0));
                            None
                        }
                    },
                    Some((key, counter, number)) => match prover.label(image, *number) {
                        None => Some(Ok((*key, *counter))),
                        Some(label) => {
                            *number += 1;
                            let allowed = self.allow_label(*key, label, &mut begun.proof.labels);
                            allowed.err().map(Err)
                        }
                    },
                };
            });
        });
        come
    }

    /// Take a label that a signature names into the set, if it is one that needs a proof.
    fn allow_label(&self, key: u32, label: &str, labels: &mut Labels) -> Result<(), Refused> {
        // A label that this board does not have is another board's.
        let Ok(index) = table::find(self.exposures, self.claims.by_label(), label.as_bytes())
        else {
            return Ok(());
        };
        let keys = self
            .exposures
            .get(index)
            .map_or(0, |exposure| exposure.keys);
        if keys == 0 {
            return Ok(());
        }
        if keys.checked_shr(key).unwrap_or_default() & 1 == 0 {
            return Err(Refused::Label);
        }
        if let Some(word) = labels.get_mut(index / 32) {
            *word |= 1 << (index % 32);
        }
        Ok(())
    }

    fn end_proof(
        &self,
        proofs: &Proofs,
        proof: Proof,
        come: Result<(u32, u32), Refused>,
    ) -> Result<CommandReturn, Refusal> {
        match come {
            Ok((key, counter)) => {
                self.place_for(proofs, proof.process, proof.range)?
                    .set(Some(proof));
                Ok(CommandReturn::success_u32_u32(key, counter))
            }
            Err(reason) => {
                // What was true of these bytes is not any more, though nobody wrote there.
                self.end_proof_of(proofs, proof.process, proof.range);
                Ok(CommandReturn::failure_u32(ErrorCode::FAIL, reason as u32))
            }
        }
    }

    /// End the proof of a range. Returns whether there was one.
    fn end_proof_of(&self, proofs: &Proofs, process: ProcessId, range: Range) -> bool {
        let place = proofs.of(process, range);
        if let Some(place) = place {
            place.set(None);
            self.end_unproven();
        }
        place.is_some()
    }

    pub(crate) fn forget_proof(
        &self,
        process: ProcessId,
        offset: usize,
        length: usize,
    ) -> Result<CommandReturn, Refusal> {
        let range = Range { offset, length };
        self.end_proof_of(self.proofs()?, process, range)
            .then(CommandReturn::success)
            .ok_or(Refusal::NoProof)
    }

    pub(crate) fn keys(&self, which: usize) -> Result<CommandReturn, Refusal> {
        let proofs = self.proofs()?;
        if which != 0 {
            return Ok(CommandReturn::success_u32(proofs.revokers));
        }
        Ok(CommandReturn::success_u32_u32_u32(
            proofs.keys,
            proofs.refuses_unsigned.into(),
            PROOFS_MAX as u32,
        ))
    }

    pub(crate) fn keys_of(&self, index: usize) -> Result<CommandReturn, Refusal> {
        let exposure: &Exposure = self.exposures.get(index).ok_or(Refusal::NoSuchIndex)?;
        Ok(CommandReturn::success_u32(exposure.keys))
    }
}
