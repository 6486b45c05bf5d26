//! Logins of operators, and what a device's secret and an operator's key agree on.

use crate::{CommandReturn, ErrorCode, allow, command};
use berth_exposure::DRIVER_NUM;
use berth_exposure::allow::{RO_LABEL, RW_DESCRIPTION};
use berth_exposure::command as number;
use berth_exposure::operator::{AGREEMENT_BYTES, LOGIN_BYTES, SECRET_BYTES, step};
use berth_exposure::program::state;

/// What the board's manufacturer says of operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many keys of operators the board has.
    pub keys: u32,
    /// Reading, too, is for operators alone.
    pub closes_reading: bool,
}

/// Passes of a call: some two milliseconds of a processor of 25 MHz.
const PASSES: usize = 16;

/// Asks what the board says of operators; `None`: its kernel knows none.
#[must_use]
pub fn policy() -> Option<Policy> {
    let (keys, closes) = command(DRIVER_NUM, number::OPERATORS, 0, 0)
        .success_2_u32()
        .ok()?;
    Some(Policy {
        keys,
        closes_reading: closes != 0,
    })
}

/// Does one call's work on a login, which is given at the beginning. Returns whether it is an operator's; `None`: there is more to do.
pub fn login(begins: Option<&[u8; LOGIN_BYTES]>) -> Option<bool> {
    let go = |step| command(DRIVER_NUM, number::LOGIN, step, PASSES);
    let come = match begins {
        Some(login) => allow::with_read_only(DRIVER_NUM, RO_LABEL, login, || go(step::BEGIN)),
        None => Ok(go(step::GO_ON)),
    };
    come.map_or(Some(false), outcome)
}

/// Does one call's work on what two keys agree on, which are given at the beginning: the secret one and the other's public one. Returns
/// whether that stands in `agreed`; `None`: there is more to do.
pub fn agree(
    begins: Option<&[u8; AGREEMENT_BYTES]>,
    agreed: &mut [u8; SECRET_BYTES],
) -> Option<bool> {
    let go = |step| command(DRIVER_NUM, number::AGREE, step, PASSES);
    let come = allow::with_read_write(DRIVER_NUM, RW_DESCRIPTION, agreed, || match begins {
        Some(keys) => allow::with_read_only(DRIVER_NUM, RO_LABEL, keys, || go(step::BEGIN)),
        None => Ok(go(step::GO_ON)),
    });
    come.and_then(|come| come).map_or(Some(false), outcome)
}

fn outcome(answer: CommandReturn) -> Option<bool> {
    (answer.success_u32() != Ok(state::GOES_ON))
        .then(|| answer.success() == Ok::<(), ErrorCode>(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{class, variant};

    /// A kernel that goes on twice, and then answers this.
    fn kernel(expected: usize, answer: [usize; 4]) {
        let mut calls = 0;
        crate::host::install(move |class, [driver, number, step, _]| {
            if class != class::COMMAND {
                return [variant::SUCCESS_2_U32, 0, 0, 0];
            }
            assert_eq!((driver, number), (DRIVER_NUM, expected));
            assert_eq!(step, usize::from(calls > 0));
            calls += 1;
            if calls < 3 {
                return [variant::SUCCESS_U32, state::GOES_ON as usize, 0, 0];
            }
            answer
        });
    }

    fn until_over(mut pass: impl FnMut(bool) -> Option<bool>) -> bool {
        let mut begins = true;
        loop {
            if let Some(come) = pass(begins) {
                return come;
            }
            begins = false;
        }
    }

    #[test]
    fn a_login_goes_on_until_there_is_an_answer() {
        let all = || until_over(|begins| login(begins.then_some(&[1; LOGIN_BYTES])));
        kernel(number::LOGIN, [variant::SUCCESS, 0, 0, 0]);
        assert!(all());
        kernel(
            number::LOGIN,
            [variant::FAILURE, ErrorCode::Fail as usize, 0, 0],
        );
        assert!(!all());
        kernel(number::AGREE, [variant::SUCCESS, 0, 0, 0]);
        assert!(until_over(|begins| agree(
            begins.then_some(&[1; AGREEMENT_BYTES]),
            &mut [0; SECRET_BYTES]
        )));
    }
}
