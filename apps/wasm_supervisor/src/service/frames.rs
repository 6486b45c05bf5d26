//! Answers as frames on the serial line.

use berth_protocol::{DeviceError, FRAME_MAX, MESSAGE_MAX, Response, frame_message};
use berth_session::{Keys, TAG_BYTES, Way};

use crate::answering::{Answer, Sink};
use crate::platform::Platform;

/// How an answer is sealed.
pub(super) struct AnswerSeal {
    pub(super) keys: Keys,
    /// That of the request.
    pub(super) counter: u32,
}

/// Sends an answer in a frame, and has that frame afterwards.
pub(super) struct FrameSink<'a, P> {
    platform: &'a P,
    /// Of an answer in a session.
    pub(super) seal: Option<AnswerSeal>,
    frame: [u8; FRAME_MAX],
    length: usize,
}

impl<'a, P: Platform> FrameSink<'a, P> {
    /// Returns one to which nothing was answered.
    pub(super) const fn new(platform: &'a P) -> Self {
        Self {
            platform,
            seal: None,
            frame: [0; FRAME_MAX],
            length: 0,
        }
    }

    /// Returns the frame that was sent.
    pub(super) fn frame(&self) -> &[u8] {
        self.frame.get(..self.length).unwrap_or_default()
    }

    /// Put an answer into the frame, with its tag if it is sealed. Returns whether it fits.
    fn put(&mut self, response: &Response<'_>) -> bool {
        let mut message = [0; MESSAGE_MAX];
        let Ok(length) = postcard::to_slice(response, &mut message).map(|message| message.len())
        else {
            return false;
        };
        let mut end = length;
        if let Some(seal) = &self.seal {
            let plain = message.get(..length).unwrap_or_default();
            let tag = seal.keys.tag(Way::ToOperator, seal.counter, plain);
            end += TAG_BYTES;
            let Some(place) = message.get_mut(length..end) else {
                return false;
            };
            place.copy_from_slice(&tag);
        }
        let whole = message.get(..end).unwrap_or_default();
        let framed = frame_message(whole, &mut self.frame);
        self.length = framed.map_or(0, <[u8]>::len);
        self.length > 0
    }
}

impl<P: Platform> Sink for FrameSink<'_, P> {
    // Once, not in every place that answers.
    #[inline(never)]
    fn take(&mut self, id: u32, answer: &Answer<'_>) {
        let result = *answer;
        if !self.put(&Response { id, result }) {
            let what = "answer too long";
            let result = Err(DeviceError::Internal { what });
            self.put(&Response { id, result });
        }
        self.platform.write(self.frame());
    }
}
