//! What operators can ask of the containers of a device, and the answers.
//!
//! Requests come as messages of frames ([`Service::take_message`]) or from whoever speaks another language
//! ([`Answering`](crate::answering::Answering)).

use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::container::{Containers, Shared};
use crate::platform::{OperatorPolicy, Platform};

pub mod answers;
mod draft;
mod errors;
pub mod exposures;
mod frames;
mod refusals;
mod reports;
pub mod requests;
pub(crate) mod sessions;
pub mod upload;
mod uploading;

use answers::AnswerCache;
use draft::Draft;
use refusals::Refusals;
use sessions::Sessions;
use upload::Upload;

/// The containers of a device, and what is being asked about them.
pub struct Service<P: Platform + 'static> {
    /// What service and containers share: the platform, logs, saved states.
    pub(crate) shared: Rc<Shared<P>>,
    /// The containers.
    pub(crate) containers: Containers<P>,
    /// The upload in progress, of which there is one at most.
    upload: Option<Upload>,
    /// Changes of a configuration that have arrived.
    draft: Draft,
    /// Answers that a repeated request gets again.
    answers: AnswerCache,
    /// The refused requests whose missing imports can be asked for.
    refusals: Refusals,
    /// Until when an image is kept that was refused as a live update, in microseconds; only while one is.
    refused_until_us: u64,
    /// Number of the first request to this run of the supervisor.
    session: Option<u32>,
    /// What the manufacturer says of operators.
    operators: OperatorPolicy,
    /// Their sessions: none before the first is asked for, then one value.
    sessions: Vec<Sessions>,
    /// Number of the session in which is asked what is being answered.
    asking: Option<u32>,
    /// When this run of the supervisor began, in microseconds of the platform's clock.
    started_us: u64,
}

impl<P: Platform + 'static> Service<P> {
    /// The containers that the platform's store has.
    #[must_use]
    pub fn new(platform: P) -> Self {
        let started_us = platform.now_us();
        let operators = platform.operators();
        let shared = Rc::new(Shared::new(platform));
        Self {
            containers: Containers::new(shared.clone()),
            shared,
            upload: None,
            draft: Draft::default(),
            answers: AnswerCache::new(),
            refusals: Refusals::new(),
            refused_until_us: 0,
            session: None,
            operators,
            sessions: Vec::new(),
            asking: None,
            started_us,
        }
    }
}
