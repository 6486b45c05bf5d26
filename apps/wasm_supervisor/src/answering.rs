//! Who answers requests, and who takes the answers.
//!
//! ```text
//!   frames ──► Supervisor ──┐                        ┌──► FrameSink: a frame on the line
//!                           ├─► Answering::answer ──┤
//!   words ───► Shell ───────┘       (Service)        └──► text for a person
//! ```
//!
//! Whoever asks brings the place for the answer, so the two sides know this file and not each other.

use berth_protocol::{DeviceError, Reply, Request};

/// What an answer is.
pub type Answer<'a> = Result<Reply<'a>, DeviceError<'a>>;

/// Takes the answer to a request.
pub trait Sink {
    /// Take the answer to the request with this id.
    fn take(&mut self, id: u32, answer: &Answer<'_>);
}

/// Carries out requests.
pub trait Answering {
    /// Do what is asked, and give the one answer to `sink`.
    fn answer(&mut self, request: &Request<'_>, sink: &mut dyn Sink);
}
