//! Sessions of an operator: what it takes to change something on a device whose manufacturer has named operators (crate `berth-session`).
//!
//! ```text
//!   Client ── log_in ──► challenge, signature, keys ──► Session ── seal ──► request, session, counter, tag
//!                            │ public half of the device's key                └── answer, whose tag has to be right
//!                        known-devices.toml: the same as ever?
//! ```
//!
//! Whoever has a key logs in when something is to be changed, or read where that is closed. `berth login` keeps a session in a file that only its owner reads, for
//! calls without the key.

use crate::{Address, Client, Error, Refusal};
use berth_pack::{keys::Secret, write_whole};
use berth_protocol::{DeviceError, Op, Reply, Response};
use berth_session::{
    Challenge, KEY_BYTES, Keys, OPENING, Seal, TAG_BYTES, Way, provision, transcript,
};
use curve25519_dalek::MontgomeryPoint;
use etcetera::base_strategy::{BaseStrategy, Xdg};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Between two questions whether a login has been looked at.
const PATIENCE: Duration = Duration::from_millis(40);

/// So many times it is asked.
const QUESTIONS: u32 = 500;

/// Who operates devices.
#[derive(Clone, Debug)]
pub struct Operator {
    secret: Arc<Secret>,
    /// The device, as it is known; `None`: no device is known again.
    device: Option<String>,
}

impl Operator {
    /// Reads the key of this name or file, as `pack --sign` does.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn read(key: &str) -> Result<Self, Error> {
        Ok(Self {
            secret: Arc::new(Secret::read(key)?),
            device: None,
        })
    }

    /// The same, for the device at an address, which is known again.
    #[must_use]
    pub fn at(&self, device: &Address) -> Self {
        Self {
            secret: Arc::clone(&self.secret),
            device: Some(device.to_string()),
        }
    }
}

/// A session that is open.
pub struct Session {
    number: u32,
    epoch: u32,
    keys: Keys,
    counter: Counter,
    idle: Duration,
    used: Instant,
}

/// Where the counter of a session is.
enum Counter {
    Here(u32),
    /// Other calls have the session, too.
    Kept(PathBuf),
}

/// As a session is kept.
#[derive(Serialize, Deserialize)]
struct KeptSession {
    number: u32,
    epoch: u32,
    keys: String,
    counter: u32,
}

/// A request in its seal, and what it takes to know the answer.
pub(crate) struct Sealed {
    pub(crate) message: Vec<u8>,
    counter: u32,
    /// Keeps others from asking in the session until the answer is there.
    _lock: Option<File>,
}

impl Session {
    /// Has it been idle for so long that the device may have ended it?
    pub(crate) fn is_stale(&self) -> bool {
        matches!(self.counter, Counter::Here(_)) && self.used.elapsed() > self.idle / 2
    }

    /// Of which run of the device is it?
    pub(crate) const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Seal a request.
    pub(crate) fn seal(&mut self, request: &[u8]) -> Result<Sealed, Error> {
        self.used = Instant::now();
        let (counter, lock) = match &mut self.counter {
            Counter::Here(counter) => {
                *counter = counter.checked_add(1).ok_or_else(is_over)?;
                (*counter, None)
            }
            Counter::Kept(path) => {
                let mut file = locked(path)?;
                let mut kept = read_kept(path, &mut file)?;
                if kept.number != self.number || kept.epoch != self.epoch {
                    return Err(is_over());
                }
                kept.counter = kept.counter.checked_add(1).ok_or_else(is_over)?;
                write_kept(path, &mut file, &kept)?;
                (kept.counter, Some(file))
            }
        };
        let seal = Seal {
            session: self.number,
            counter,
            tag: self.keys.tag(Way::ToDevice, counter, request),
        };
        Ok(Sealed {
            message: [request, &seal.to_bytes()].concat(),
            counter,
            _lock: lock,
        })
    }

    /// Returns the answer in its seal; what is not sealed as it should be is none.
    pub(crate) fn open(
        &self,
        what: &str,
        sealed: &Sealed,
        answer: Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        self.open_at(what, sealed.counter, answer)
    }

    fn open_at(&self, what: &str, counter: u32, mut answer: Vec<u8>) -> Result<Vec<u8>, Error> {
        if let Some((plain, tag)) = answer.split_last_chunk::<TAG_BYTES>()
            && self.keys.is_tag(Way::ToOperator, counter, plain, tag)
        {
            answer.truncate(answer.len() - TAG_BYTES);
            return Ok(answer);
        }
        // Who is in no session cannot say so in one.
        match Response::decode(&answer).map(|response| response.result) {
            Ok(Err(error @ (DeviceError::NoSession | DeviceError::Replayed))) => {
                Err(Error::Refused(Refusal::of("session", None, &error)))
            }
            _ => Err(Error::Verification(format!(
                "the answer to {what} is not sealed by the device: somebody else is on the line"
            ))),
        }
    }

    /// Keep it for other calls.
    ///
    /// # Errors
    /// [`Error::Written`].
    pub(crate) fn keep(&self, device: &Address) -> Result<PathBuf, Error> {
        let path = place(device)?;
        let counter = match self.counter {
            Counter::Here(counter) => counter,
            Counter::Kept(_) => return Ok(path),
        };
        let kept = KeptSession {
            number: self.number,
            epoch: self.epoch,
            keys: crate::hexadecimal(&self.keys.to_bytes()),
            counter,
        };
        write_kept(&path, &mut locked(&path)?, &kept)?;
        Ok(path)
    }

    /// The session that is kept for a device, if one is.
    ///
    /// # Errors
    /// If the file cannot be read, or is none.
    pub(crate) fn kept(device: &Address) -> Result<Option<Self>, Error> {
        let path = place(device)?;
        if !path.is_file() {
            return Ok(None);
        }
        let kept = read_kept(&path, &mut locked(&path)?)?;
        let keys = crate::device::from_hexadecimal(&kept.keys).ok_or_else(|| Error::Config {
            path: path.clone(),
            why: "no keys of a session".into(),
        })?;
        Ok(Some(Self {
            number: kept.number,
            epoch: kept.epoch,
            keys: Keys::from_bytes(&keys),
            counter: Counter::Kept(path),
            idle: Duration::MAX,
            used: Instant::now(),
        }))
    }

    /// Forget the session that is kept for a device. Returns whether there was one.
    pub(crate) fn forget(device: &Address) -> Result<bool, Error> {
        Ok(std::fs::remove_file(place(device)?).is_ok())
    }
}

fn is_over() -> Error {
    let over = DeviceError::NoSession;
    Error::Refused(Refusal::of("session", None, &over))
}

/// `berth` below `$XDG_CONFIG_HOME` or `~/.config`.
fn folder() -> Result<PathBuf, Error> {
    let folders = Xdg::new()
        .map_err(|error| Error::Usage(format!("no folder for sessions: {error}; set HOME")))?;
    Ok(folders.config_dir().join("berth"))
}

/// Where the session with a device is kept.
fn place(device: &Address) -> Result<PathBuf, Error> {
    let name = crate::lock::line_name(device);
    Ok(folder()?.join("sessions").join(name).with_extension("json"))
}

fn locked(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::Written {
        path: path.to_path_buf(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    let file = options.open(path).map_err(failed)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
    Ok(file)
}

fn read_kept(path: &Path, file: &mut File) -> Result<KeptSession, Error> {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    read.map_err(|source| Error::File {
        path: path.to_path_buf(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| Error::Config {
        path: path.to_path_buf(),
        why: error.to_string(),
    })
}

fn write_kept(path: &Path, file: &mut File, kept: &KeptSession) -> Result<(), Error> {
    let text = serde_json::to_string(kept).unwrap_or_default();
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(text.as_bytes()));
    written.map_err(|source| Error::Written {
        path: path.to_path_buf(),
        source,
    })
}

/// The public keys of devices, by their addresses: the file `known-devices.toml`.
struct Known(PathBuf, BTreeMap<String, String>);

impl Known {
    fn read() -> Result<Self, Error> {
        let path = folder()?.join("known-devices.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(Error::File { path, source }),
        };
        match toml::from_str(&text) {
            Ok(known) => Ok(Self(path, known)),
            Err(error) => Err(Error::Config {
                path,
                why: error.to_string(),
            }),
        }
    }

    fn write(&self) -> Result<(), Error> {
        let Self(path, known) = self;
        let text = toml::to_string(known).unwrap_or_default();
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = folder.and_then(|()| write_whole(path, text.as_bytes()));
        written.map_err(|source| Error::Written {
            path: path.clone(),
            source,
        })
    }
}

/// Remember a device's key.
fn remember(device: &str, public: &[u8; KEY_BYTES]) -> Result<(), Error> {
    let mut known = Known::read()?;
    known.1.insert(device.into(), crate::hexadecimal(public));
    known.write()
}

/// Is a device the one that it was? One that was never seen is from now on.
fn recognise(device: &str, public: &[u8; KEY_BYTES]) -> Result<(), Error> {
    let shown = crate::hexadecimal(public);
    let known = Known::read()?;
    match known.1.get(device) {
        Some(before) if *before == shown => Ok(()),
        Some(_) => Err(Error::Verification(format!(
            "the device at {} is another than before, or somebody answers in its place; if it was given a new secret, delete its line in {}",
            berth_pack::printable(device),
            crate::error::shown(&known.0)
        ))),
        None => remember(device, public),
    }
}

fn random() -> Result<[u8; KEY_BYTES], Error> {
    let mut bytes = [0; KEY_BYTES];
    let failed =
        |error: getrandom::Error| Error::Key(berth_pack::keys::KeyError::Random(error.to_string()));
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Ask for a challenge. Returns it with the device's public key.
fn challenge(client: &mut Client) -> Result<(Option<[u8; KEY_BYTES]>, Challenge), Error> {
    crate::device::ask(client, "login", None, Op::Challenge, |reply| match reply {
        Reply::Challenge {
            device,
            epoch,
            number,
        } => Some((device, Challenge { epoch, number })),
        _ => None,
    })
}

/// Does the device have operators?
///
/// # Errors
/// As every request.
pub(crate) fn operators(client: &mut Client) -> Result<berth_protocol::Operators, Error> {
    crate::device::ask(
        client,
        "operators",
        None,
        Op::Operators,
        |reply| match reply {
            Reply::Operators(operators) => Some(operators),
            _ => None,
        },
    )
}

/// Open a session. `None`: the device has no operators, and never had as far as is known.
///
/// # Errors
/// As every request; [`Error::Verification`] if the device is another than before.
pub(crate) fn open(client: &mut Client, operator: &Operator) -> Result<Option<Session>, Error> {
    let is_known = match &operator.device {
        Some(device) => Known::read()?.1.contains_key(device),
        None => true,
    };
    if !is_known {
        // Older firmware does not know the question.
        match operators(client) {
            Ok(operators) if operators.keys > 0 => {}
            Ok(_) => return Ok(None),
            Err(error) if error.is_refusal("unsupported") => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let (device, challenge) = challenge(client)?;
    let Some(device) = device else {
        return Err(Error::Refused(Refusal::of(
            "login",
            None,
            &DeviceError::NotProvisioned,
        )));
    };
    if let Some(address) = &operator.device {
        recognise(address, &device)?;
    }
    let id = operator.secret.public().id().0;
    let secret = random()?;
    let one_time = MontgomeryPoint::mul_base_clamped(secret).to_bytes();
    let hash = transcript(&device, challenge, &id, &one_time);
    let signature = operator
        .secret
        .sign(&berth_exposure::operator::message(&hash));
    let agreed = MontgomeryPoint(device).mul_clamped(secret).to_bytes();
    let keys = Keys::derive(&agreed, &hash).ok_or_else(|| {
        Error::Verification("the device's key is none: anybody could be in the session".into())
    })?;
    let mut session = Session {
        number: challenge.number,
        epoch: challenge.epoch,
        keys,
        counter: Counter::Here(OPENING),
        idle: Duration::ZERO,
        used: Instant::now(),
    };
    let op = Op::Login {
        operator: id,
        epoch: challenge.epoch,
        number: challenge.number,
        one_time,
        signature: &signature,
    };
    for _ in 0..QUESTIONS {
        let (_, answer) = client.plain("login", op)?;
        match Response::decode(&answer).map(|response| response.result) {
            Ok(Ok(Reply::Checking) | Err(DeviceError::Busy)) => std::thread::sleep(PATIENCE),
            Ok(Err(error)) => return Err(Error::Refused(Refusal::of("login", None, &error))),
            _ => {
                let answer = session.open_at("login", OPENING, answer)?;
                let Ok(Ok(Reply::SessionOpen { idle_s })) =
                    Response::decode(&answer).map(|response| response.result)
                else {
                    return Err(Error::Unexpected { to: "login" });
                };
                session.idle = Duration::from_secs(idle_s.into());
                return Ok(Some(session));
            }
        }
    }
    Err(Error::Unexpected { to: "login" })
}

/// Give a device the secret that sessions need: over a line that is trusted.
///
/// # Errors
/// As every request.
pub(crate) fn give_secret(client: &mut Client, operator: &Operator) -> Result<String, Error> {
    let (_, challenge) = challenge(client)?;
    let id = operator.secret.public().id().0;
    let secret = random()?;
    let hash = provision(challenge, &id, &secret);
    let signature = operator
        .secret
        .sign(&berth_exposure::operator::message(&hash));
    let op = Op::Provision {
        operator: id,
        epoch: challenge.epoch,
        number: challenge.number,
        secret,
        signature: &signature,
    };
    for _ in 0..QUESTIONS {
        let is_done = crate::device::ask(client, "provision", None, op, |reply| match reply {
            Reply::Checking => Some(false),
            Reply::Done => Some(true),
            _ => None,
        });
        match is_done {
            Ok(true) => {
                let public = MontgomeryPoint::mul_base_clamped(secret).to_bytes();
                if let Some(device) = &operator.device {
                    remember(device, &public)?;
                }
                return Ok(crate::hexadecimal(&public));
            }
            Ok(false) => std::thread::sleep(PATIENCE),
            Err(error) if error.is_refusal("busy") => std::thread::sleep(PATIENCE),
            Err(error) => return Err(error),
        }
    }
    Err(Error::Unexpected { to: "provision" })
}
