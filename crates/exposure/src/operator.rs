//! Operators' sessions: what the kernel finds out about a login ([`command::LOGIN`](crate::command::LOGIN)), and what a device's
//! secret and an operator's key agree on ([`command::AGREE`](crate::command::AGREE)).
//!
//! Whom to obey is the process's business; the cryptography is the kernel's because it has that for signed images already, in short passes.

/// Bytes of an operator's key id: the first of the SHA-256 of the public key.
pub const ID_BYTES: usize = 8;

/// Bytes of a login: the key's id, the SHA-256 of what the operator signs, and the signature.
pub const LOGIN_BYTES: usize = ID_BYTES + 32 + 64;

/// What the signature of a login is of: these bytes, and the hash behind them. (Packages' signatures are of others of the same length.)
pub const CONTEXT: &[u8; 12] = b"berth-opr v1";

/// Bytes of a secret and another's public key for X25519, and of what they agree on.
pub const AGREEMENT_BYTES: usize = 64;

/// Bytes of what they agree on, and of each of the two.
pub const SECRET_BYTES: usize = 32;

/// Bytes that an operator signs.
pub const MESSAGE_BYTES: usize = CONTEXT.len() + 32;

/// Returns what an operator signs, where `hash` is the SHA-256 of all that a login is about.
#[must_use]
pub fn message(hash: &[u8; 32]) -> [u8; MESSAGE_BYTES] {
    let mut message = [0; MESSAGE_BYTES];
    let (context, rest) = message.split_at_mut(CONTEXT.len());
    context.copy_from_slice(CONTEXT);
    rest.copy_from_slice(hash);
    message
}

/// The first argument of both commands.
pub mod step {
    /// Begin with what is lent.
    pub const BEGIN: usize = 0;
    /// Go on.
    pub const GO_ON: usize = 1;
}

/// What a pass has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Examined {
    /// There is more to do.
    GoesOn,
    /// No operator has this key, or the signature is not of it.
    Refused,
    /// It is an operator's; what was to be agreed on is.
    Done,
}

/// Looks at one login or agreement at a time, in passes: what a board gives to `wasm_host`.
pub trait Operators {
    /// Begin with a login.
    fn login(&mut self, login: &[u8; LOGIN_BYTES]);

    /// Begin with an agreement of a secret and, behind it, a public key.
    fn agree(&mut self, keys: &[u8; AGREEMENT_BYTES]);

    /// Work for a pass.
    fn pass(&mut self) -> Examined;

    /// Returns what was agreed on, once it is.
    fn agreed(&mut self) -> [u8; SECRET_BYTES];
}
