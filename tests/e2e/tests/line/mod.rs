//! Requests sent frame by frame, for what `berth` would never send.

#![allow(dead_code, reason = "each test program uses a part")]

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::Device;
use berth_protocol::{
    CHUNK_MAX, DeviceError, Event, FRAME_MAX, Fault, FrameDecoder, ImageHash, Op, Parameters,
    Reply, Request, Response, State, StoreStatus, Update, encode_frame,
};

/// An answer takes no longer, or it is lost.
const ANSWER: Duration = Duration::from_secs(4);
/// How often a request is sent again.
const ATTEMPTS: u32 = 8;

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
        stream.set_read_timeout(Some(ANSWER))?;
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
        let mut patience = ATTEMPTS;
        loop {
            match self.stream.read_exact(&mut byte) {
                Ok(()) => {}
                // As `berth` does: the same request again. On a busy host a frame may take
                // longer than a device waits for its end.
                Err(error) if error.kind() == ErrorKind::WouldBlock && patience > 0 => {
                    patience -= 1;
                    self.stream.write_all(frame)?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
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

    /// A request of an upload. Returns the offset that the device wants next.
    pub(crate) fn offset(&mut self, op: Op<'_>) -> Result<u32> {
        self.ask(op, |result| match result {
            Ok(Reply::Upload { offset }) => Ok(offset),
            other => bail!("{other:?}"),
        })?
    }

    /// A request that must be refused. Returns the word of its error.
    pub(crate) fn refusal(&mut self, op: Op<'_>) -> Result<&'static str> {
        self.ask(op, |result| match result {
            Err(error) => Ok(error.word()),
            Ok(reply) => bail!("{reply:?}"),
        })?
    }

    /// Announce an image by `begin` and send what the device does not have of it; where it went on.
    pub(crate) fn send(&mut self, begin: Op<'_>, image: &[u8]) -> Result<usize> {
        let upload = begin.upload_id().context("announces nothing")?;
        let from = self.offset(begin)? as usize;
        let mut offset = from;
        while let Some(rest) = image.get(offset..).filter(|rest| !rest.is_empty()) {
            let bytes = rest.get(..CHUNK_MAX).unwrap_or(rest);
            let op = Op::UploadChunk {
                upload,
                offset: offset as u32,
                bytes,
            };
            let next = self.offset(op)? as usize;
            ensure!(
                next > offset && next <= image.len(),
                "{offset}, then {next}"
            );
            offset = next;
        }
        Ok(from)
    }

    /// Upload and store an image; where the upload went on.
    pub(crate) fn install(
        &mut self,
        name: &str,
        image: &[u8],
        parameters: Parameters,
    ) -> Result<usize> {
        let begin = Op::UploadBegin {
            upload: 0,
            name,
            length: image.len() as u32,
            hash: ImageHash::of(image),
            parameters,
        };
        let from = self.send(begin, image)?;
        self.done(commit(&begin))?;
        Ok(from)
    }

    /// Replace a container by another image, on trial for so long.
    pub(crate) fn update(&mut self, name: &str, image: &[u8], trial_ms: u32) -> Result<Update> {
        let begin = Op::UpdateBegin {
            upload: 0,
            name,
            length: image.len() as u32,
            hash: ImageHash::of(image),
            parameters: Parameters::default(),
            trial_ms,
        };
        self.send(begin, image)?;
        self.ask(commit(&begin), updated)?
    }

    /// Where the last live update of a container stands.
    pub(crate) fn update_status(&mut self, name: &str) -> Result<Update> {
        self.ask(Op::UpdateStatus { name, upload: None }, updated)?
    }

    /// Hash and parameters of every stored image, by name.
    pub(crate) fn images(&mut self) -> Result<BTreeMap<String, (ImageHash, Parameters)>> {
        let mut all = BTreeMap::new();
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            cursor = self.ask(Op::Images { cursor: at }, |result| match result {
                Ok(Reply::Image { item, next }) => {
                    all.insert(item.name.to_owned(), (item.hash, item.parameters));
                    Ok(next)
                }
                Ok(Reply::End) => Ok(None),
                other => bail!("{other:?}"),
            })??;
        }
        Ok(all)
    }

    /// Returns how the store is.
    pub(crate) fn store(&mut self) -> Result<StoreStatus> {
        self.ask(Op::Status, |result| match result {
            Ok(Reply::Status(status)) => status.store.context("there is no store"),
            other => bail!("{other:?}"),
        })?
    }

    /// A request that may be refused: whether it was done, or the word of its error.
    pub(crate) fn outcome(&mut self, op: Op<'_>) -> Result<Result<(), &'static str>> {
        self.ask(op, |result| match result {
            Ok(Reply::Done) => Ok(Ok(())),
            Err(error) => Ok(Err(error.word())),
            Ok(reply) => bail!("{reply:?}"),
        })?
    }

    /// State and fuel used of every container, by name.
    pub(crate) fn containers(&mut self) -> Result<BTreeMap<String, (State, u64)>> {
        let mut all = BTreeMap::new();
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            cursor = self.ask(Op::Containers { cursor: at }, |result| match result {
                Ok(Reply::Container { item, next }) => {
                    all.insert(item.name.to_owned(), (item.state, item.fuel_used));
                    Ok(next)
                }
                Ok(Reply::End) => Ok(None),
                other => bail!("{other:?}"),
            })??;
        }
        Ok(all)
    }

    /// Bytes of free memory.
    pub(crate) fn free_memory(&mut self) -> Result<u32> {
        Ok(self.memory()?.0)
    }

    /// Bytes of free memory, in all and in the longest piece.
    pub(crate) fn memory(&mut self) -> Result<(u32, u32)> {
        self.ask(Op::Heap, |result| match result {
            Ok(Reply::Heap(heap)) => Ok((heap.free, heap.largest_free)),
            other => bail!("{other:?}"),
        })?
    }

    /// The log lines of a container from number `from` on, as far as they are kept, with their
    /// numbers.
    pub(crate) fn log(&mut self, name: &str, from: u32) -> Result<Vec<(u32, String)>> {
        let mut lines = Vec::new();
        let mut next = Some(from);
        while let Some(from) = next {
            next = self.ask(
                Op::Log {
                    name,
                    log: None,
                    from,
                },
                |result| match result {
                    Ok(Reply::LogLine { sequence, text, .. }) => {
                        lines.push((sequence, text.to_owned()));
                        Ok(Some(sequence + 1))
                    }
                    Ok(Reply::End) => Ok(None),
                    other => bail!("{other:?}"),
                },
            )??;
        }
        Ok(lines)
    }

    /// Returns how the device is.
    pub(crate) fn status(&mut self) -> Result<Status> {
        self.ask(Op::Status, |result| match result {
            Ok(Reply::Status(status)) => Ok(Status {
                safe_mode: status.safe_mode,
                restarts: status.restarts,
            }),
            other => bail!("{other:?}"),
        })?
    }

    /// The last fault of a container, and how often it had been restarted then.
    pub(crate) fn fault(&mut self, name: &str) -> Result<Option<(Fault, u16)>> {
        self.ask(Op::Inspect { name }, |result| match result {
            Ok(Reply::Inspection(inspection)) => Ok(inspection
                .fault
                .map(|report| (report.fault, report.restarts))),
            other => bail!("{other:?}"),
        })?
    }
}

fn updated(result: Result<Reply<'_>, DeviceError<'_>>) -> Result<Update> {
    match result {
        Ok(Reply::Update(update)) => Ok(update),
        other => bail!("{other:?}"),
    }
}

/// What a device tells of itself.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) safe_mode: bool,
    /// Failures of the supervisor since power-on.
    pub(crate) restarts: u16,
}

/// The commit of the upload that `begin` announces.
pub(crate) fn commit(begin: &Op<'_>) -> Op<'static> {
    let upload = begin.upload_id().unwrap_or_default();
    Op::UploadCommit { upload }
}
