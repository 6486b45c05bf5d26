//! Requests sent frame by frame, for what `berth` would never send.

#![allow(dead_code, reason = "each test program uses a part")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use berth_e2e::Device;
use berth_protocol::{
    DeviceError, Event, FRAME_MAX, FrameDecoder, Op, Reply, Request, Response, encode_frame,
};

/// A client of the device's line.
pub(crate) struct Line {
    stream: UnixStream,
    decoder: FrameDecoder,
    next_id: u32,
}

impl Line {
    pub(crate) fn open(device: &Device) -> Result<Self> {
        let address = device.board.address();
        let path = address.strip_prefix("unix:").context("a socket")?;
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        // Answers are found by request; another client's must not be among them.
        let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        Ok(Self {
            stream,
            decoder: FrameDecoder::new(),
            next_id: seed.subsec_nanos(),
        })
    }

    fn ask<R>(
        &mut self,
        op: Op<'_>,
        look: impl FnOnce(Result<Reply<'_>, DeviceError<'_>>) -> R,
    ) -> Result<R> {
        self.next_id = self.next_id.wrapping_add(1);
        let id = self.next_id;
        let mut frame = [0; FRAME_MAX];
        let frame = encode_frame(&Request { id, op }, &mut frame)
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        self.stream.write_all(frame)?;
        let mut byte = [0];
        loop {
            self.stream.read_exact(&mut byte)?;
            if let Event::Message(message) = self.decoder.push(byte[0])
                && let Ok(response) = Response::decode(message)
                && response.id == id
            {
                return Ok(look(response.result));
            }
        }
    }

    /// A request that must succeed.
    pub(crate) fn done(&mut self, op: Op<'_>) -> Result<()> {
        self.ask(op, |result| match result {
            Ok(Reply::Done) => Ok(()),
            other => bail!("{other:?}"),
        })?
    }

    /// A request of an upload; the offset that the device wants next.
    pub(crate) fn offset(&mut self, op: Op<'_>) -> Result<u32> {
        self.ask(op, |result| match result {
            Ok(Reply::Upload { offset }) => Ok(offset),
            other => bail!("{other:?}"),
        })?
    }

    /// A request that must be refused; the word of its error.
    pub(crate) fn refusal(&mut self, op: Op<'_>) -> Result<&'static str> {
        self.ask(op, |result| match result {
            Err(error) => Ok(error.word()),
            Ok(reply) => bail!("{reply:?}"),
        })?
    }
}
