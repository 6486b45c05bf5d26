//! Signs packages, and looks at signatures.

use std::io::Write;
use std::process::{Command, Stdio};

use berth_admission::Module;
use berth_package::Manifest;
use berth_signature::revocation::{self, LIST_MAX, Revoked, unsigned};
use berth_signature::{
    LABELS_MAX, Malformed, NewClaims, SECTION_MAX, SIGNATURE_BYTES, Signed, find, message,
};
use sha2::{Digest, Sha256};

use crate::keys::{Public, Secret};
use crate::printable;

/// Who signs.
#[derive(Debug)]
pub enum Signer {
    /// A key of this computer.
    Key(Secret),
    /// A command, for keys that cannot be read: it gets the message on its standard input, and answers with the 64 bytes of the
    /// signature on its standard output.
    Command {
        /// What the shell is to carry out.
        command: String,
        /// The key that it signs with.
        public: Public,
    },
}

/// Why a package cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// It is no package.
    #[error("this is no package, and only packages are signed: `pack` makes one of a module")]
    NoPackage,
    /// It is signed already.
    #[error("this package is signed already; sign the one that it was made from")]
    AlreadySigned,
    /// Its sections are not in order.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// Too many labels.
    #[error(
        "{0} labels: a container has at most {LABELS_MAX}; say with --label which of them need a signature"
    )]
    TooManyLabels(usize),
    /// A label that cannot be one.
    #[error("{0:?} is no label: 1 to 32 letters, digits and signs without blanks")]
    Label(String),
    /// A list that cannot be one.
    #[error(
        "this list has more than {LIST_MAX} bytes with its signature, or a name in it is none: 1 to 32 letters, digits and signs without blanks"
    )]
    List,
    /// The command did not sign.
    #[error("the signer `{}` {what}", printable(command))]
    Command {
        /// The command.
        command: String,
        /// What happened.
        what: String,
    },
    /// What the command gave is no signature of the key.
    #[error(
        "what the signer `{}` gave is no signature of key {public}: was it given the 44 bytes of its input, unhashed?",
        printable(command)
    )]
    NotOfKey {
        /// The command.
        command: String,
        /// The key.
        public: Box<Public>,
    },
}

impl Signer {
    fn public(&self) -> Public {
        match self {
            Self::Key(secret) => secret.public(),
            Self::Command { public, .. } => *public,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        match self {
            Self::Key(secret) => Ok(secret.sign(message)),
            Self::Command { command, public } => {
                let failed = |what: String| SignError::Command {
                    command: command.clone(),
                    what,
                };
                let given = carry_out(command, message).map_err(failed)?;
                let length = given.len();
                let signature = given
                    .try_into()
                    .map_err(|_| failed(format!("gave {length} bytes instead of 64")))?;
                if !public.verifies(message, &signature) {
                    let command = command.clone();
                    return Err(SignError::NotOfKey {
                        command,
                        public: Box::new(*public),
                    });
                }
                Ok(signature)
            }
        }
    }
}

/// Returns what `command` writes when it reads `input`.
fn carry_out(command: &str, input: &[u8]) -> Result<Vec<u8>, String> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    // Fewer bytes than a pipe holds; one who does not read them is found out by what it gives.
    if let Some(mut pipe) = child.stdin.take() {
        let _ = pipe.write_all(input);
    }
    let output = child
        .wait_with_output()
        .map_err(|error| format!("cannot be waited for: {error}"))?;
    if !output.status.success() {
        return Err(format!("failed ({})", output.status));
    }
    Ok(output.stdout)
}

/// Signs a package, as version `counter` of it. It may claim `labels`, or else what it asks for.
///
/// # Errors
///
/// See [`SignError`].
pub fn sign(
    package: &[u8],
    counter: u32,
    labels: Option<&[String]>,
    signer: &Signer,
) -> Result<Vec<u8>, SignError> {
    if find(package)?.is_some() {
        return Err(SignError::AlreadySigned);
    }
    let (Ok(Some(manifest)), Ok(module)) = (Manifest::of(package), Module::scan(package)) else {
        return Err(SignError::NoPackage);
    };
    let labels: Vec<&str> = match labels {
        Some(labels) => labels.iter().map(String::as_str).collect(),
        None => module.block_labels().map(|label| label.0).collect(),
    };
    if labels.len() > LABELS_MAX {
        return Err(SignError::TooManyLabels(labels.len()));
    }
    let claims = NewClaims {
        key: signer.public().id(),
        counter,
        name: manifest.name,
        labels: &labels,
    };
    let Some(signed) = signed(package, &claims, signer)? else {
        let is_label = |label: &&&str| {
            let alone = NewClaims {
                labels: &[**label],
                ..claims
            };
            alone.section(&mut [0; SECTION_MAX]).is_some()
        };
        return Err(match labels.iter().find(|label| !is_label(label)) {
            Some(label) => SignError::Label((*label).to_owned()),
            None => SignError::NoPackage,
        });
    };
    Ok(signed)
}

/// Returns whether the signature of a package is that of this key.
#[must_use]
pub fn is_of(package: &[u8], signed: &Signed<'_>, public: &Public) -> bool {
    let covered = package.get(..signed.covered).unwrap_or_default();
    signed.claims.key == public.id()
        && public.verifies(&message(&Sha256::digest(covered).into()), signed.signature)
}

/// Returns what a signature claims, in words.
#[must_use]
pub fn in_words(signed: &Signed<'_>) -> String {
    let claims = signed.claims;
    let labels: Vec<_> = claims.labels.iter().map(printable).collect();
    let labels = if labels.is_empty() {
        "no block that needs a key".to_owned()
    } else {
        labels.join(", ")
    };
    format!(
        "by key {} as {}, counter {}, for {labels}",
        claims.key,
        printable(claims.name),
        claims.counter
    )
}

/// Signs a list of what must not run any more, as version `counter` of all lists.
///
/// # Errors
///
/// See [`SignError`].
pub fn sign_list(
    entries: &[Revoked<'_>],
    counter: u32,
    signer: &Signer,
) -> Result<Vec<u8>, SignError> {
    let mut buffer = [0; LIST_MAX];
    let length = unsigned(entries, &mut buffer).ok_or(SignError::List)?;
    let claims = NewClaims {
        key: signer.public().id(),
        counter,
        name: revocation::NAME,
        labels: &[],
    };
    let list = buffer.get(..length).unwrap_or_default();
    let signed = signed(list, &claims, signer)?.ok_or(SignError::List)?;
    if signed.len() > LIST_MAX {
        return Err(SignError::List);
    }
    Ok(signed)
}

/// Returns a module with its signature behind it; `None` if these cannot be claims.
fn signed(
    module: &[u8],
    claims: &NewClaims<'_>,
    signer: &Signer,
) -> Result<Option<Vec<u8>>, SignError> {
    let mut section = [0; SECTION_MAX];
    let Some(length) = claims.section(&mut section) else {
        return Ok(None);
    };
    let mut signed = module.to_vec();
    signed.extend_from_slice(section.get(..length).unwrap_or_default());
    let signature = signer.sign(&message(&Sha256::digest(&signed).into()))?;
    signed.extend_from_slice(&signature);
    Ok(Some(signed))
}
