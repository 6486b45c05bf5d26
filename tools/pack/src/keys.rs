//! Keys that sign packages: files in PKCS#8, as `openssl pkey` reads and writes them.
//!
//! ```text
//!   NAME.pem   the secret key, encrypted if a passphrase was given
//!   NAME.pub   the public key, for who verifies, and to be shown without the passphrase
//! ```

use std::fmt::{self, Display, Formatter};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use berth_signature::{KeyId, PUBLIC_BYTES};
use ed25519_dalek::pkcs8::KeypairBytes;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use pkcs8::LineEnding;
use pkcs8::spki::{DecodePublicKey, EncodePublicKey};
use pkcs8::{DecodePrivateKey, EncodePrivateKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Where a passphrase comes from that nobody types.
pub const PASSPHRASE: &str = "BERTH_PASSPHRASE";

/// How the file of an encrypted key begins.
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read.
    #[error("cannot read the key {}: {source}", super::printable(&path.display().to_string()))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write the key {}: {source}", super::printable(&path.display().to_string()))]
    Written {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no key.
    #[error(
        "{} is no Ed25519 key in PEM (`berth keys new NAME` makes one, and so does `openssl genpkey -algorithm ed25519`)",
        super::printable(&.0.display().to_string())
    )]
    NoKey(PathBuf),
    /// The passphrase is another.
    #[error("the passphrase does not open {}", super::printable(&.0.display().to_string()))]
    Passphrase(PathBuf),
    /// Nobody is there to be asked.
    #[error("{} is encrypted: say its passphrase in {PASSPHRASE}, or sign at a terminal", super::printable(&.0.display().to_string()))]
    Unasked(PathBuf),
    /// The passphrase was typed in two ways, or not at all.
    #[error("{0}")]
    Typed(&'static str),
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// There is no folder of one's own.
    #[error("no folder for keys: set HOME, or name a file")]
    NoFolder,
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Public(VerifyingKey);

impl Public {
    /// Returns the key with these bytes; `None` if they are not one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; PUBLIC_BYTES]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().map(Self)
    }

    /// Returns its bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; PUBLIC_BYTES] {
        self.0.to_bytes()
    }

    /// Returns what names it in packages.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of_hash(&Sha256::digest(self.bytes()).into())
    }

    /// Returns whether `signature` is its signature of `message`, strictly: as a device says.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }

    /// Returns it as a device's configuration has it (`exposure.dts`).
    #[must_use]
    pub fn dts(&self) -> String {
        let bytes: Vec<_> = self.bytes().iter().map(|b| format!("{b:02x}")).collect();
        format!("public = [{}];", bytes.join(" "))
    }

    /// Returns it as `openssl pkey -pubin` reads it.
    ///
    /// # Errors
    /// If it cannot be written as text.
    pub fn pem(&self) -> Result<String, KeyError> {
        let pem = self.0.to_public_key_pem(LineEnding::LF);
        pem.map_err(|_| KeyError::Typed("the key cannot be written as PEM"))
    }

    /// Reads a public key, or the public half of a secret one that is not encrypted or has its public key beside it.
    ///
    /// # Errors
    /// [`KeyError::Read`], [`KeyError::NoKey`], [`KeyError::Unasked`].
    pub fn read(word: &str) -> Result<Self, KeyError> {
        let path = place(word)?;
        let beside = public_of(&path);
        let path = if beside.is_file() { beside } else { path };
        let text = read(&path)?;
        if text.contains(ENCRYPTED) {
            return Err(KeyError::Unasked(path));
        }
        match VerifyingKey::from_public_key_pem(&text) {
            Ok(key) => Ok(Self(key)),
            Err(_) => {
                Ok(Secret::of(&path, &text, || Err(KeyError::Unasked(path.clone())))?.public())
            }
        }
    }
}

/// The fingerprint: the key's id, by which packages name it.
impl Display for Public {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}

/// A secret key. It is wiped from memory when it is dropped.
#[derive(Debug)]
pub struct Secret(SigningKey);

impl Secret {
    /// Makes a new one.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| KeyError::Random(error.to_string()))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Returns the key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// Returns its public key.
    #[must_use]
    pub fn public(&self) -> Public {
        Public(self.0.verifying_key())
    }

    /// Returns its signature of `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Returns it as PEM, encrypted if there is a passphrase.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn pem(&self, passphrase: Option<&str>) -> Result<Zeroizing<String>, KeyError> {
        // Without the public half: openssl reads the first version of PKCS#8 only, which has none.
        let pair = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        let pem = match passphrase {
            Some(passphrase) => pair.to_pkcs8_encrypted_pem(passphrase, LineEnding::LF),
            None => pair.to_pkcs8_pem(LineEnding::LF),
        };
        pem.map_err(|error| KeyError::Random(error.to_string()))
    }

    /// Reads the key of this name or file. An encrypted one is opened with the passphrase in [`PASSPHRASE`], or one that is typed.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn read(word: &str) -> Result<Self, KeyError> {
        let path = place(word)?;
        let text = Zeroizing::new(read(&path)?);
        Self::of(&path, &text, || match given_passphrase() {
            Some(passphrase) => Ok(passphrase),
            None if io::stdin().is_terminal() => typed(&format!("Passphrase of {word}: ")),
            None => Err(KeyError::Unasked(path.clone())),
        })
    }

    fn of(
        path: &Path,
        text: &str,
        passphrase: impl FnOnce() -> Result<Zeroizing<String>, KeyError>,
    ) -> Result<Self, KeyError> {
        if text.contains(ENCRYPTED) {
            let key = SigningKey::from_pkcs8_encrypted_pem(text, passphrase()?.as_bytes());
            return key
                .map(Self)
                .map_err(|_| KeyError::Passphrase(path.to_owned()));
        }
        let key = SigningKey::from_pkcs8_pem(text);
        key.map(Self).map_err(|_| KeyError::NoKey(path.to_owned()))
    }

    /// Writes it, and its public key beside it, into files that are not there yet, and that only their owner reads.
    ///
    /// # Errors
    /// [`KeyError::Written`], if one is there already, too.
    pub fn write_new(&self, path: &Path, passphrase: Option<&str>) -> Result<(), KeyError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(written(path))?;
        }
        let (secret, public) = (self.pem(passphrase)?, self.public().pem()?);
        write_new(path, 0o600, &secret)?;
        write_new(&public_of(path), 0o644, &public)
    }
}

fn written(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::Written { path, source }
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), KeyError> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(written(path))
}

fn read(path: &Path) -> Result<String, KeyError> {
    std::fs::read_to_string(path).map_err(|source| KeyError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The passphrase that stands in [`PASSPHRASE`], if one does.
fn given_passphrase() -> Option<Zeroizing<String>> {
    let given = std::env::var(PASSPHRASE).ok()?;
    (!given.is_empty()).then(|| Zeroizing::new(given))
}

fn typed(prompt: &str) -> Result<Zeroizing<String>, KeyError> {
    match rpassword::prompt_password(prompt) {
        Ok(passphrase) if !passphrase.is_empty() => Ok(Zeroizing::new(passphrase)),
        _ => Err(KeyError::Typed("no passphrase was given")),
    }
}

/// Returns the passphrase of a new key: what stands in [`PASSPHRASE`], or what is typed twice.
///
/// # Errors
/// [`KeyError::Typed`].
pub fn new_passphrase() -> Result<Zeroizing<String>, KeyError> {
    if let Some(given) = given_passphrase() {
        return Ok(given);
    }
    if !io::stdin().is_terminal() {
        return Err(KeyError::Typed(
            "no passphrase: say one in BERTH_PASSPHRASE, or make the key at a terminal",
        ));
    }
    let first = typed("New passphrase: ")?;
    if typed("The same again: ")? != first {
        return Err(KeyError::Typed("the two passphrases are not the same"));
    }
    Ok(first)
}

/// Returns where keys with a name are: `berth/keys` below `$XDG_CONFIG_HOME` or `~/.config`.
///
/// # Errors
/// [`KeyError::NoFolder`].
pub fn folder() -> Result<PathBuf, KeyError> {
    use etcetera::base_strategy::{BaseStrategy, Xdg};
    let folders = Xdg::new().map_err(|_| KeyError::NoFolder)?;
    Ok(folders.config_dir().join("berth").join("keys"))
}

/// Returns the file that is meant by `word`: the key of this name, or a file, which has a slash or an ending in its name.
///
/// # Errors
/// [`KeyError::NoFolder`].
pub fn place(word: &str) -> Result<PathBuf, KeyError> {
    if word.contains(['/', '.']) {
        return Ok(word.into());
    }
    Ok(folder()?.join(word).with_extension("pem"))
}

/// Where the public key of the one in `path` is.
fn public_of(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

/// Returns names and public keys of those in [`folder`], in their order.
///
/// # Errors
/// If the folder cannot be read; one that is not there is an empty one.
pub fn list() -> Result<Vec<(String, Public)>, KeyError> {
    let folder = folder()?;
    let files = match std::fs::read_dir(&folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(KeyError::Read {
                path: folder,
                source,
            });
        }
    };
    let mut keys = Vec::new();
    for path in files.flatten().map(|file| file.path()) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.extension().is_some_and(|ending| ending == "pub")
            && let Ok(key) = Public::read(&path.to_string_lossy())
        {
            keys.push((name.into_owned(), key));
        }
    }
    keys.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(keys)
}
