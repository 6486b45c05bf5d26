//! Proofs: what the kernel found out about a signed image in the store's partition.
//!
//! An exposure whose manufacturer names keys is claimed only by a process that has, in this run, a proof of an image whose signer may
//! sign for it. The kernel makes a proof itself, from the bytes in flash, and drops it when any of these bytes is erased or written
//! ([`command::PROVE`](crate::command::PROVE)).

/// Proofs that the kernel keeps at the same time.
pub const PROOFS_MAX: usize = 16;

/// Most keys of a board: a set of them is one word.
pub const KEYS_MAX: usize = 32;

/// Why an image is not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Refused {
    /// It has no signature.
    Unsigned = 1,
    /// It is no module, or its signature cannot be read.
    Malformed = 2,
    /// The board has no key of this id.
    UnknownKey = 3,
    /// The signature is not of this key and these bytes.
    BadSignature = 4,
    /// It names a label whose exposure does not name this key.
    Label = 5,
}

impl Refused {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Unsigned,
        Self::Malformed,
        Self::UnknownKey,
        Self::BadSignature,
        Self::Label,
    ];

    /// The reason that a process was told as this number.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|reason| *reason as u32 == number)
    }
}

/// What a pass of a proof has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proving {
    /// There is more to do.
    GoesOn,
    /// It is not proven.
    Refused(Refused),
    /// It is signed.
    Proven {
        /// By which of the board's keys.
        key: u32,
        /// The version of the package, as its signer counts.
        counter: u32,
    },
}

/// Finds out about one image at a time whether it is signed, in passes: what a board gives to `wasm_host`.
pub trait Prover {
    /// Begin with an image.
    fn begin(&mut self);

    /// Work on the proof of `image` for a pass. Its bytes are the same in all passes since it was begun.
    fn pass(&mut self, image: &[u8]) -> Proving;

    /// Returns the label of this number that the signature of `image` names, which is proven; `None` behind the last one.
    fn label<'a>(&self, image: &'a [u8], number: usize) -> Option<&'a str>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_survives_the_way_as_a_number() {
        for reason in Refused::ALL {
            assert_eq!(Refused::of(reason as u32), Some(reason));
        }
        assert_eq!((Refused::of(0), Refused::of(6)), (None, None));
    }
}
