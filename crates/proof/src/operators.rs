//! Whether a login is an operator's, and what a device and an operator agree on, found out in short passes.

use berth_ed25519::{Agreement, Pass, Verification};
use berth_exposure::operator::{
    AGREEMENT_BYTES, Examined, ID_BYTES, LOGIN_BYTES, Operators, SECRET_BYTES, message,
};

use crate::Key;

/// What is under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Verify,
    Agree,
    Over(Examined),
}

/// The operators of a board: who has one of these keys.
pub struct OperatorKeys<'k> {
    keys: &'k [Key],
    stage: Stage,
    verification: Verification<'k>,
    agreement: Agreement,
}

impl<'k> OperatorKeys<'k> {
    /// Nothing is known of any login.
    #[must_use]
    pub const fn new(keys: &'k [Key]) -> Self {
        Self {
            keys,
            stage: Stage::Over(Examined::Refused),
            verification: Verification::new(),
            agreement: Agreement::new(),
        }
    }

    /// The key that a login names, what it signs, and the signature.
    fn of_login<'l>(&self, login: &'l [u8; LOGIN_BYTES]) -> Option<(&'k Key, [&'l [u8]; 2])> {
        let (id, rest) = login.split_first_chunk::<ID_BYTES>()?;
        let (hash, signature) = rest.split_at_checked(SECRET_BYTES)?;
        let key = self.keys.iter().find(|key| key.id.0 == *id)?;
        Some((key, [hash, signature]))
    }
}

impl Operators for OperatorKeys<'_> {
    fn login(&mut self, login: &[u8; LOGIN_BYTES]) {
        self.stage = Stage::Over(Examined::Refused);
        let Some((key, [hash, signature])) = self.of_login(login) else {
            return;
        };
        if let (Ok(hash), Ok(signature)) = (hash.try_into(), signature.try_into()) {
            self.verification
                .begin(&key.public, &message(hash), signature);
            self.stage = Stage::Verify;
        }
    }

    fn agree(&mut self, keys: &[u8; AGREEMENT_BYTES]) {
        if let (Some(secret), Some(public)) = (keys.first_chunk(), keys.last_chunk()) {
            self.agreement.begin(secret, public);
            self.stage = Stage::Agree;
        }
    }

    fn pass(&mut self) -> Examined {
        let come = match self.stage {
            Stage::Verify => match self.verification.pass() {
                Pass::GoesOn => Examined::GoesOn,
                Pass::Valid => Examined::Done,
                Pass::Invalid => Examined::Refused,
            },
            Stage::Agree if self.agreement.pass() => Examined::GoesOn,
            Stage::Agree => Examined::Done,
            Stage::Over(come) => return come,
        };
        if come != Examined::GoesOn {
            self.stage = Stage::Over(come);
        }
        come
    }

    fn agreed(&mut self) -> [u8; SECRET_BYTES] {
        self.agreement.take()
    }
}
