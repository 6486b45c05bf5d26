//! Random numbers.
//!
//! ```text
//!   capsule ── Rng ── chip: when there are some, the client is given them
//!              Random: at once, from a seed
//! ```
//!
//! Nothing here says that they cannot be guessed.

use crate::ErrorCode;

/// Whether who was given random numbers has enough of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continue {
    /// It wants more.
    More,
    /// It has enough.
    Done,
}

/// Gives random numbers when there are some.
pub trait Rng<'a> {
    /// Asks for numbers.
    ///
    /// # Errors
    ///
    /// `OFF` not powered, `FAIL` another reason; the client is not called.
    fn get(&self) -> Result<(), ErrorCode>;

    /// Asks no more.
    ///
    /// # Errors
    ///
    /// `FAIL` it is too late: the client is called.
    fn cancel(&self) -> Result<(), ErrorCode>;

    /// Says who is given numbers.
    fn set_client(&'a self, client: &'a dyn Client);
}

/// Is given random numbers.
pub trait Client {
    /// These numbers are there, as far as they are taken; `error` says whether something went wrong, `CANCEL` that it was
    /// [asked no more](Rng::cancel). With [`Continue::More`] it is called again when there are more.
    fn randomness_available(
        &self,
        randomness: &mut dyn Iterator<Item = u32>,
        error: Result<(), ErrorCode>,
    ) -> Continue;
}

/// Computes numbers from a seed.
pub trait Random<'a> {
    /// Takes a seed of its own.
    fn initialize(&'a self);

    /// Takes this seed.
    fn reseed(&self, seed: u32);

    /// Returns the next number.
    fn random(&self) -> u32;
}
