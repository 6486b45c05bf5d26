//! Proofs that an image in the store's partition is signed, which claims of some blocks need.

use crate::{CommandReturn, ErrorCode, command};
use berth_exposure::DRIVER_NUM;
use berth_exposure::command as number;
use berth_exposure::program::state;
use berth_exposure::proof::Refused;

/// What the board's manufacturer says of signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many keys the board has.
    pub keys: u32,
    /// Packages without a signature are not to run.
    pub refuses_unsigned: bool,
    /// Proofs that the kernel keeps at most.
    pub proofs: u32,
}

/// A proven image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The number of the key that signed it.
    pub key: u32,
    /// The version of the package, as its signer counts.
    pub counter: u32,
}

/// Why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// The kernel looked at the image.
    Refused(Refused),
    /// It did not: `Busy` while the bytes change or another process's image is looked at, `NoMem` if as many proofs are kept as there may
    /// be, `Invalid` for bytes outside the partition, `NoSupport` from a kernel without keys.
    Error(ErrorCode),
}

/// Asks what the board says of signatures; `None`: its kernel looks at none.
#[must_use]
pub fn policy() -> Option<Policy> {
    let answer = command(DRIVER_NUM, number::KEYS, 0, 0).success_3_u32();
    let (keys, refuses, proofs) = answer.ok()?;
    Some(Policy {
        keys,
        refuses_unsigned: refuses != 0,
        proofs,
    })
}

/// Asks which keys may sign lists of what is revoked, as a set; none of a kernel that looks at no signatures.
#[must_use]
pub fn revokers() -> u32 {
    let answer = command(DRIVER_NUM, number::KEYS, 1, 0).success_u32();
    answer.unwrap_or_default()
}

/// Asks which keys may sign for exposure `index`, as a set; without any, a claim needs no proof.
///
/// # Errors
///
/// `Invalid`: there is no such exposure. `NoSupport`: the kernel knows no keys.
pub fn keys_of(index: u32) -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, number::KEYS_OF, index as usize, 0).success_u32()
}

/// Does one call's work on the proof of an image, in the partition from `offset` on; `None`: there is more to do.
///
/// # Errors
///
/// [`Unproven`].
pub fn go_on(offset: usize, length: usize) -> Option<Result<Proven, Unproven>> {
    let answer = command(DRIVER_NUM, number::PROVE, offset, length);
    if answer.success_u32() == Ok(state::GOES_ON) {
        return None;
    }
    Some(match answer.success_2_u32() {
        Ok((key, counter)) => Ok(Proven { key, counter }),
        Err(error) => Err(unproven(answer, error)),
    })
}

fn unproven(answer: CommandReturn, error: ErrorCode) -> Unproven {
    let reason = answer
        .failure_u32()
        .and_then(|(_, reason)| Refused::of(reason));
    reason.map_or(Unproven::Error(error), Unproven::Refused)
}

/// Has an image in the partition proven. The firmware comes first between any two passes.
///
/// # Errors
///
/// [`Unproven`].
pub fn prove(offset: usize, length: usize) -> Result<Proven, Unproven> {
    loop {
        if let Some(come) = go_on(offset, length) {
            return come;
        }
    }
}

/// Ends the proof of an image, and with it claims that no other proof allows.
///
/// # Errors
///
/// `Reserve`: there is none.
pub fn end(offset: usize, length: usize) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, number::PROOF_END, offset, length).success()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{class, variant};

    /// A kernel that goes on twice, and then answers this.
    fn kernel(answer: [usize; 4]) {
        let mut calls = 0;
        crate::host::install(move |class, [driver, number, offset, length]| {
            let expected = [DRIVER_NUM, number::PROVE, 0x200, 77];
            assert_eq!(
                (class, [driver, number, offset, length]),
                (class::COMMAND, expected)
            );
            calls += 1;
            if calls < 3 {
                return [variant::SUCCESS_U32, state::GOES_ON as usize, 0, 0];
            }
            answer
        });
    }

    #[test]
    fn a_proof_goes_on_until_there_is_an_answer() {
        kernel([variant::SUCCESS_2_U32, 3, 9, 0]);
        assert_eq!(prove(0x200, 77), Ok(Proven { key: 3, counter: 9 }));
        kernel([variant::FAILURE_U32, ErrorCode::Fail as usize, 4, 0]);
        assert_eq!(
            prove(0x200, 77),
            Err(Unproven::Refused(Refused::BadSignature))
        );
        kernel([variant::FAILURE, ErrorCode::Busy as usize, 0, 0]);
        assert_eq!(prove(0x200, 77), Err(Unproven::Error(ErrorCode::Busy)));
    }
}
