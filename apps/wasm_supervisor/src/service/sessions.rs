//! Sessions of operators: who may change something.
//!
//! ```text
//!   request ── sealed? ──► tag and counter right ──► it is asked in this session
//!      │                       else: refused
//!      └── not sealed ──► may that be asked without? ──► else: refused
//! ```
//!
//! Where the manufacturer has given the device no operators' keys, everything passes, and nothing of this takes memory. What sessions are made of is in `berth-session`; a login is looked at by the kernel, some milliseconds of
//! each turn ([`Service::look_at_login`]), so containers go on.

use berth_protocol::{DeviceError, Op, Operators, Reply, Right};
use berth_session::{
    Challenge, KEY_BYTES, Keys, OPENING, OPERATOR_BYTES, Seal, Way, provision, transcript,
};

use super::Service;
use super::errors::{About, error};
use super::frames::AnswerSeal;
use crate::container::operators::DeviceKey;
use crate::platform::{AGREEMENT_BYTES, Examined, LOGIN_BYTES, Platform};

/// Sessions at the same time. One more ends the one that was used least recently.
pub(crate) const SESSIONS_MAX: usize = 4;

/// Challenges to which an answer is awaited.
const CHALLENGES: usize = 4;

/// So many seconds without a request end a session.
pub(crate) const IDLE_S: u32 = 3_600;

/// The base point of X25519.
const BASE: [u8; KEY_BYTES] = {
    let mut base = [0; KEY_BYTES];
    base[0] = 9;
    base
};

/// A session that is open.
struct Session {
    number: u32,
    /// Of its login, so that this is answered once more while nothing was asked in it.
    transcript: [u8; 32],
    keys: Keys,
    /// Counter of the last request.
    counter: u32,
    used_us: u64,
}

/// What is wanted of a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// A session with this number, agreed on with this key.
    Session {
        number: u32,
        one_time: [u8; KEY_BYTES],
    },
    /// To give the device this secret.
    Secret([u8; KEY_BYTES]),
}

/// Where a login stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has been looked at.
    New,
    /// The kernel looks at the signature.
    Verify,
    /// It is right.
    Signed,
    /// The kernel agrees.
    Agree,
    Over(Result<(), DeviceError<'static>>),
}

/// A login that is looked at, or was.
struct Login {
    wish: Wish,
    hash: [u8; 32],
    /// As the kernel gets it.
    login: [u8; LOGIN_BYTES],
    stage: Stage,
}

/// The sessions of a run.
#[derive(Default)]
pub(super) struct Sessions {
    /// Raised in the store before the first challenge.
    epoch: Option<u32>,
    /// Number of the last challenge.
    challenged: u32,
    /// Those to which an answer is awaited; 0 is none.
    awaited: [u32; CHALLENGES],
    login: Option<Login>,
    open: [Option<Session>; SESSIONS_MAX],
}

impl Sessions {
    fn find(&mut self, number: u32) -> Option<&mut Session> {
        let mut open = self.open.iter_mut().flatten();
        open.find(|session| session.number == number)
    }

    /// Is this a challenge that an answer is awaited to? It is not any more.
    fn take_challenge(&mut self, challenge: Challenge) -> bool {
        let awaited = self.awaited.iter_mut();
        let mut awaited = awaited.filter(|number| **number == challenge.number);
        let is_ours = challenge.number != 0 && self.epoch == Some(challenge.epoch);
        is_ours && awaited.next().map(core::mem::take).is_some()
    }

    fn add(&mut self, session: Session) {
        let used = |place: &&mut Option<Session>| place.as_ref().map(|session| session.used_us);
        if let Some(place) = self.open.iter_mut().min_by_key(used) {
            *place = Some(session);
        }
    }
}

/// A request that was sealed.
pub(super) struct Asked {
    /// How its answer is sealed.
    pub(super) seal: AnswerSeal,
    /// Its session.
    pub(super) session: u32,
    /// It is the last one of its session once more.
    pub(super) is_repeated: bool,
}

impl<P: Platform + 'static> Service<P> {
    /// Is a request sealed as it should be, with what stands behind it? It counts from then on.
    pub(super) fn unseal(
        &mut self,
        message: &[u8],
        behind: &[u8],
    ) -> Result<Asked, DeviceError<'static>> {
        if self.operators.keys == 0 {
            return Err(DeviceError::Unsupported);
        }
        let seal = Seal::from_bytes(behind).ok_or(DeviceError::Unsupported)?;
        let now = self.shared.platform.now_us();
        let sessions = self.sessions.first_mut();
        let session = sessions.and_then(|sessions| sessions.find(seal.session));
        let session = session.ok_or(DeviceError::NoSession)?;
        let request = message.len().saturating_sub(behind.len());
        let request = message.get(..request).unwrap_or_default();
        let Seal { counter, tag, .. } = seal;
        if now.saturating_sub(session.used_us) > u64::from(IDLE_S) * 1_000_000
            || !session.keys.is_tag(Way::ToDevice, counter, request, &tag)
        {
            return Err(DeviceError::NoSession);
        }
        // The opening's counter is none of a request.
        if counter < session.counter || counter == OPENING {
            return Err(DeviceError::Replayed);
        }
        let is_repeated = counter == session.counter;
        session.counter = counter;
        session.used_us = now;
        Ok(Asked {
            seal: AnswerSeal {
                keys: session.keys.clone(),
                counter,
            },
            session: seal.session,
            is_repeated,
        })
    }

    /// May this be asked, as it is asked?
    pub(super) fn may(&self, op: &Op<'_>) -> Result<(), DeviceError<'static>> {
        let needs_one = match op.right() {
            Right::Nothing => false,
            Right::Read => self.operators.closes_reading,
            Right::Change => true,
        };
        if needs_one && self.operators.keys != 0 && self.asking.is_none() {
            return Err(DeviceError::SessionNeeded);
        }
        Ok(())
    }

    /// Is nothing to be said of containers to who is no operator?
    #[must_use]
    pub fn closes_reading(&self) -> bool {
        self.operators.closes_reading
    }

    pub(super) fn operators(&self) -> Operators {
        let open = self.sessions.iter().flat_map(|sessions| &sessions.open);
        Operators {
            keys: self.operators.keys,
            closes_reading: self.operators.closes_reading,
            is_provisioned: self.containers.device_key().is_some(),
            sessions: open.flatten().count() as u8,
        }
    }

    /// The sessions of this run, for which memory is taken when the first is asked for.
    fn sessions(&mut self) -> Result<&mut Sessions, DeviceError<'static>> {
        if self.operators.keys == 0 {
            return Err(DeviceError::Unsupported);
        }
        if !self.containers.outlives_resets() {
            return Err(DeviceError::NoStore);
        }
        if self.sessions.is_empty() {
            let full = |_| DeviceError::DeviceFull { needed: 0, free: 0 };
            self.sessions.try_reserve_exact(1).map_err(full)?;
            self.sessions.push(Sessions::default());
        }
        self.sessions.first_mut().ok_or(DeviceError::Unsupported)
    }

    /// A new challenge.
    pub(super) fn challenge(&mut self) -> Result<Reply<'static>, DeviceError<'static>> {
        if self.sessions()?.epoch.is_none() {
            let raised = self.containers.raise_epoch();
            let raised = raised.map_err(|refused| self.store_error(refused))?;
            self.sessions()?.epoch = Some(raised);
        }
        let device = self.containers.device_key().map(|key| key.public);
        let sessions = self.sessions()?;
        let number = sessions.challenged.checked_add(1);
        let number = number.ok_or(DeviceError::OldChallenge)?;
        sessions.challenged = number;
        if let Some(place) = sessions.awaited.get_mut(number as usize % CHALLENGES) {
            *place = number;
        }
        Ok(Reply::Challenge {
            device,
            epoch: sessions.epoch.unwrap_or_default(),
            number,
        })
    }

    fn store_error(&self, refused: crate::container::Refused) -> DeviceError<'static> {
        let about = About {
            slot: None,
            update: false,
        };
        match error(&self.containers, about, refused) {
            DeviceError::StoreLater => DeviceError::StoreLater,
            DeviceError::StoreFailed { page } => DeviceError::StoreFailed { page },
            _ => DeviceError::StoreFull { needed: 0, free: 0 },
        }
    }

    /// Somebody wants a session. Returns how to seal the answer, if there is one.
    pub(super) fn login(
        &mut self,
        operator: &[u8; OPERATOR_BYTES],
        challenge: Challenge,
        one_time: [u8; KEY_BYTES],
        signature: &[u8],
    ) -> Result<(Reply<'static>, Option<AnswerSeal>), DeviceError<'static>> {
        self.sessions()?;
        let key = self.containers.device_key();
        let key = key.ok_or(DeviceError::NotProvisioned)?;
        let hash = transcript(&key.public, challenge, operator, &one_time);
        let sessions = self.sessions()?;
        if let Some(session) = sessions.find(challenge.number)
            && session.transcript == hash
        {
            if session.counter != OPENING {
                return Err(DeviceError::OldChallenge);
            }
            let seal = AnswerSeal {
                keys: session.keys.clone(),
                counter: OPENING,
            };
            return Ok((Reply::SessionOpen { idle_s: IDLE_S }, Some(seal)));
        }
        let wish = Wish::Session {
            number: challenge.number,
            one_time,
        };
        self.wish(wish, (operator, challenge, signature), hash)?;
        Ok((Reply::Checking, None))
    }

    /// Somebody wants to give the device its secret.
    pub(super) fn provision(
        &mut self,
        operator: &[u8; OPERATOR_BYTES],
        challenge: Challenge,
        secret: [u8; KEY_BYTES],
        signature: &[u8],
    ) -> Result<Reply<'static>, DeviceError<'static>> {
        let hash = provision(challenge, operator, &secret);
        let sessions = self.sessions()?;
        let is_done = (sessions.login.as_ref())
            .is_some_and(|login| login.hash == hash && login.stage == Stage::Over(Ok(())));
        if is_done {
            return Ok(Reply::Done);
        }
        if self.containers.device_key().is_some() && self.asking.is_none() {
            return Err(DeviceError::Provisioned);
        }
        let wish = Wish::Secret(secret);
        self.wish(wish, (operator, challenge, signature), hash)?;
        Ok(Reply::Checking)
    }

    /// Have a signature looked at, if it is not being looked at.
    fn wish(
        &mut self,
        wish: Wish,
        (operator, challenge, signature): (&[u8; OPERATOR_BYTES], Challenge, &[u8]),
        hash: [u8; 32],
    ) -> Result<(), DeviceError<'static>> {
        let sessions = self.sessions()?;
        match &sessions.login {
            Some(login) if login.hash == hash => match login.stage {
                Stage::Over(Err(error)) => return Err(error),
                Stage::Over(Ok(())) => return Err(DeviceError::OldChallenge),
                _ => return Ok(()),
            },
            Some(login) if !matches!(login.stage, Stage::Over(_)) => {
                return Err(DeviceError::Busy);
            }
            _ => {}
        }
        let mut login = [0; LOGIN_BYTES];
        let (front, behind) = login.split_at_mut(OPERATOR_BYTES + hash.len());
        let (id, hashed) = front.split_at_mut(OPERATOR_BYTES);
        if behind.len() != signature.len() {
            return Err(DeviceError::NotAnOperator);
        }
        if !sessions.take_challenge(challenge) {
            return Err(DeviceError::OldChallenge);
        }
        id.copy_from_slice(operator);
        hashed.copy_from_slice(&hash);
        behind.copy_from_slice(signature);
        sessions.login = Some(Login {
            wish,
            hash,
            login,
            stage: Stage::New,
        });
        Ok(())
    }

    /// End the session in which this is asked.
    pub(super) fn logout(&mut self) -> Result<Reply<'static>, DeviceError<'static>> {
        let number = self.asking.ok_or(DeviceError::NoSession)?;
        for place in self.sessions.iter_mut().flat_map(|all| &mut all.open) {
            let _ = place.take_if(|session| session.number == number);
        }
        Ok(Reply::Done)
    }

    /// Go on looking at a login, for some milliseconds. Returns whether there is one.
    pub(crate) fn look_at_login(&mut self) -> bool {
        let shared = self.shared.clone();
        let sessions = self.sessions.first_mut();
        let Some(login) = sessions.and_then(|sessions| sessions.login.as_mut()) else {
            return false;
        };
        let begins = (login.stage == Stage::New).then_some(&login.login);
        let mut agreed = [0; KEY_BYTES];
        let come = match login.stage {
            Stage::Over(_) => return false,
            Stage::New | Stage::Verify => shared.platform.examine_login(begins),
            Stage::Signed => {
                let (secret, public) = match login.wish {
                    Wish::Secret(secret) => (secret, BASE),
                    Wish::Session { one_time, .. } => {
                        let key = self.containers.device_key();
                        (key.map_or([0; KEY_BYTES], |key| key.secret), one_time)
                    }
                };
                let mut both = [0; AGREEMENT_BYTES];
                let (first, second) = both.split_at_mut(KEY_BYTES);
                first.copy_from_slice(&secret);
                second.copy_from_slice(&public);
                shared.platform.examine_agreement(Some(&both), &mut agreed)
            }
            Stage::Agree => shared.platform.examine_agreement(None, &mut agreed),
        };
        let is_agreeing = matches!(login.stage, Stage::Signed | Stage::Agree);
        let (wish, hash) = (login.wish, login.hash);
        let next = match come {
            Examined::GoesOn if is_agreeing => Stage::Agree,
            Examined::GoesOn => Stage::Verify,
            Examined::Refused => Stage::Over(Err(DeviceError::NotAnOperator)),
            Examined::Done if is_agreeing => Stage::Over(self.fulfil(wish, hash, &agreed)),
            Examined::Done => Stage::Signed,
        };
        let sessions = self.sessions.first_mut();
        if let Some(login) = sessions.and_then(|sessions| sessions.login.as_mut()) {
            login.stage = next;
        }
        true
    }

    /// The signature is right, and this is what was agreed on.
    fn fulfil(
        &mut self,
        wish: Wish,
        hash: [u8; 32],
        agreed: &[u8; KEY_BYTES],
    ) -> Result<(), DeviceError<'static>> {
        match wish {
            Wish::Secret(secret) => {
                let public = *agreed;
                let kept = self
                    .containers
                    .keep_device_key(DeviceKey { secret, public });
                kept.map_err(|refused| self.store_error(refused))
            }
            Wish::Session { number, .. } => {
                let keys = Keys::derive(agreed, &hash).ok_or(DeviceError::NotAnOperator)?;
                let used_us = self.shared.platform.now_us();
                self.sessions()?.add(Session {
                    number,
                    transcript: hash,
                    keys,
                    counter: OPENING,
                    used_us,
                });
                Ok(())
            }
        }
    }
}
