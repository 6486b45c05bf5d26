//! Answers as frames on the serial line.

use berth_protocol::{DeviceError, FRAME_MAX, Response, encode_frame};

use crate::answering::{Answer, Sink};
use crate::platform::Platform;

/// Sends an answer in a frame, and has that frame afterwards.
pub(super) struct FrameSink<'a, P> {
    platform: &'a P,
    frame: [u8; FRAME_MAX],
    length: usize,
}

impl<'a, P: Platform> FrameSink<'a, P> {
    /// Returns one to which nothing was answered.
    pub(super) const fn new(platform: &'a P) -> Self {
        Self {
            platform,
            frame: [0; FRAME_MAX],
            length: 0,
        }
    }

    /// Returns the frame that was sent.
    pub(super) fn frame(&self) -> &[u8] {
        self.frame.get(..self.length).unwrap_or_default()
    }
}

impl<P: Platform> Sink for FrameSink<'_, P> {
    // Once, not in every place that answers.
    #[inline(never)]
    fn take(&mut self, id: u32, answer: &Answer<'_>) {
        let result = *answer;
        let response = Response { id, result };
        self.length = match encode_frame(&response, &mut self.frame) {
            Ok(encoded) => encoded.len(),
            Err(_) => {
                let what = "answer too long";
                let result = Err(DeviceError::Internal { what });
                encode_frame(&Response { id, result }, &mut self.frame).map_or(0, <[u8]>::len)
            }
        };
        self.platform.write(self.frame());
    }
}
