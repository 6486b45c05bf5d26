//! Images on their way to the device.

use super::{ask, convert, done, with_draft};
use crate::{Client, Error, Terms, UpdateOutcome};
use berth_protocol::{FRAME_MAX, ImageHash, Op, Reply, Request, encode_frame};
use std::time::Duration;

/// What came of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// Stored.
    Stored,
    /// The same image was stored already.
    Unchanged,
}

/// How a live update began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The new image has replaced the old one, or did not stand up.
    Update {
        /// What to ask [`update_status`] about.
        upload: u32,
        /// How far it has come.
        outcome: Option<UpdateOutcome>,
    },
    /// It is the image that the container has already.
    Unchanged,
}

/// Store `image` under `name`. `progress` hears how many bytes the device has.
/// An upload that was interrupted goes on where it ended.
///
/// # Errors
/// As every request; [`Error::Verification`] if the image arrived damaged.
pub fn upload(
    client: &mut Client,
    name: &str,
    image: &[u8],
    terms: impl Into<Terms>,
    progress: impl FnMut(u32),
) -> Result<UploadOutcome, Error> {
    let terms = terms.into();
    let changes = &*terms.configuration.bytes();
    let begin = announcement(name, image, &terms, changes, None)?;
    let Some(upload) = send(client, name, image, (begin, changes), progress)? else {
        return Ok(UploadOutcome::Unchanged);
    };
    let commit = commit(upload, false, terms.older);
    let committed = with_draft(client, ("upload", name), changes, |client| {
        done(client, "upload", Some(name), commit)
    });
    match verified(committed) {
        Ok(()) => Ok(UploadOutcome::Stored),
        // Who sent the same at the same time may have committed it. If not, the commit is not repeated: it may be
        // what reset the device.
        Err(lost) if lost.is_refusal("no-upload") => {
            match announce(client, name, (begin, changes))? {
                None => Ok(UploadOutcome::Stored),
                Some(_) => Err(lost),
            }
        }
        Err(error) => Err(error),
    }
}

/// Replace the running container `name` by one from `image`. `before_commit` comes when the device has all of it, and
/// the old one runs still. The answer comes when the new one
/// runs, on trial for `trial`, or when it did not stand up.
///
/// # Errors
/// As [`upload`].
pub fn live_update(
    client: &mut Client,
    name: &str,
    image: &[u8],
    terms: impl Into<Terms>,
    (trial, after): (Duration, After),
    progress: impl FnMut(u32),
    before_commit: impl FnOnce(&mut Client) -> Result<(), Error>,
) -> Result<Begun, Error> {
    let terms = terms.into();
    let changes = &*terms.configuration.bytes();
    let trial_ms = u32::try_from(trial.as_millis()).unwrap_or(u32::MAX);
    let begin = announcement(name, image, &terms, changes, Some(trial_ms))?;
    let Some(upload) = send(client, name, image, (begin, changes), progress)? else {
        return Ok(Begun::Unchanged);
    };
    let (to, commit) = match after {
        After::Waits => ("update", commit(upload, false, terms.older)),
        After::Runs => ("start", commit(upload, true, terms.older)),
    };
    before_commit(client)?;
    let outcome = with_draft(client, (to, name), changes, |client| {
        ask(client, to, Some(name), commit, |reply| match reply {
            Reply::Update(update) => Some(convert::update(update)),
            _ => None,
        })
    });
    match verified(outcome) {
        // As with a first upload: who sent the same may have committed it.
        Err(lost) if lost.is_refusal("no-upload") => {
            match announce(client, name, (begin, changes))? {
                None => Ok(Begun::Unchanged),
                Some(_) => Err(lost),
            }
        }
        outcome => outcome.map(|outcome| Begun::Update { upload, outcome }),
    }
}

/// The end of an upload. What needs no more is said as older firmware knows it.
const fn commit(upload: u32, starts: bool, downgrade: bool) -> Op<'static> {
    match (starts, downgrade) {
        (false, false) => Op::UploadCommit { upload },
        (true, false) => Op::RunCommit { upload },
        (starts, true) => Op::Commit {
            upload,
            starts,
            downgrade: true,
        },
    }
}

/// What becomes of a container that does not run when its image is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It is started when somebody starts it.
    Waits,
    /// It is started at once; if it cannot be, it keeps its image.
    Runs,
}

/// Where a live update of a container stands, the last one if none is named; `None`: there was none.
///
/// # Errors
/// As every request; refused if another one came after the one that is named.
pub fn update_status(
    client: &mut Client,
    name: &str,
    upload: Option<u32>,
) -> Result<Option<UpdateOutcome>, Error> {
    let op = Op::UpdateStatus { name, upload };
    ask(client, "update", Some(name), op, |reply| match reply {
        Reply::Update(update) => Some(convert::update(update)),
        _ => None,
    })
}

/// The announcement of an image, that is to replace a container if it has a trial.
fn announcement<'a>(
    name: &'a str,
    image: &[u8],
    terms: &Terms,
    changes: &[u8],
    trial_ms: Option<u32>,
) -> Result<Op<'a>, Error> {
    let (length, hash) = (length(image)?, ImageHash::of(image));
    let parameters = terms.parameters;
    // What every device knows, if that says it all.
    Ok(match trial_ms {
        _ if !terms.is_plain() => numbered(|upload| Op::Announce {
            upload,
            name,
            length,
            hash,
            parameters,
            trial_ms,
            chosen: terms.chosen(changes),
        }),
        None => numbered(|upload| Op::UploadBegin {
            upload,
            name,
            length,
            hash,
            parameters,
        }),
        Some(trial_ms) => numbered(|upload| Op::UpdateBegin {
            upload,
            name,
            length,
            hash,
            parameters,
            trial_ms,
        }),
    })
}

fn length(image: &[u8]) -> Result<u32, Error> {
    u32::try_from(image.len()).map_err(|_| Error::Usage("the image is larger than 4 GiB".into()))
}

/// The announcement of an upload, with a number that follows from all that is announced. So the same command goes on
/// with what was interrupted, and two that send the same at the same time send it together.
fn numbered<'a>(announce: impl Fn(u32) -> Op<'a>) -> Op<'a> {
    let mut buffer = [0; FRAME_MAX];
    let request = Request {
        id: 0,
        op: announce(0),
    };
    let hash = match encode_frame(&request, &mut buffer) {
        Ok(frame) => ImageHash::of(frame).0,
        // Too long to be sent, as the device's refusal of it would be.
        Err(_) => [0; 32],
    };
    let [a, b, c, d, ..] = hash;
    announce(u32::from_le_bytes([a, b, c, d]))
}

/// How often an upload is announced again that the device does not know any more, because it was reset or another
/// operator's took its place.
const BEGINS: u32 = 3;

/// How long to wait, and how often, while another operator's upload is in progress.
const BUSY_WAIT: Duration = Duration::from_millis(500);
const BUSY_WAITS: u32 = 60;

/// Announce an image and send its parts. Returns the number of the upload, which is complete; `None` if the device has
/// the image already.
fn send(
    client: &mut Client,
    name: &str,
    image: &[u8],
    (begin, changes): (Op<'_>, &[u8]),
    mut progress: impl FnMut(u32),
) -> Result<Option<u32>, Error> {
    let upload = begin.upload_id().unwrap_or_default();
    let mut begins = 0;
    loop {
        begins += 1;
        let Some(offset) = announce(client, name, (begin, changes))? else {
            return Ok(None);
        };
        match send_from(client, name, image, (upload, offset), &mut progress) {
            Err(lost) if lost.is_refusal("no-upload") && begins < BEGINS => {}
            sent => return sent.map(|()| Some(upload)),
        }
    }
}

/// Announce an image, and wait for another operator's upload to end if there is one. Returns where it begins;
/// `None` if the device has the image already.
fn announce(
    client: &mut Client,
    name: &str,
    (begin, changes): (Op<'_>, &[u8]),
) -> Result<Option<u32>, Error> {
    let mut waits = 0;
    loop {
        let begun = with_draft(client, ("upload", name), changes, |client| {
            ask(client, "upload", Some(name), begin, |reply| match reply {
                Reply::Upload { offset } => Some(Some(offset)),
                Reply::Unchanged => Some(None),
                _ => None,
            })
        });
        match begun {
            Err(error) if error.is_refusal("upload-busy") && waits < BUSY_WAITS => {
                waits += 1;
                std::thread::sleep(BUSY_WAIT);
            }
            begun => return begun,
        }
    }
}

/// Send the parts of an image from an offset on.
fn send_from(
    client: &mut Client,
    name: &str,
    image: &[u8],
    (upload, mut offset): (u32, u32),
    progress: &mut impl FnMut(u32),
) -> Result<(), Error> {
    progress(offset);
    let most = client.chunk_max();
    while let Some(rest) = image.get(offset as usize..).filter(|rest| !rest.is_empty()) {
        let bytes = rest.get(..most).unwrap_or(rest);
        let op = Op::UploadChunk {
            upload,
            offset,
            bytes,
        };
        let next = ask(client, "upload", Some(name), op, |reply| match reply {
            Reply::Upload { offset } => Some(offset),
            _ => None,
        })?;
        // Each answer moves on, or the loop would have no end.
        if next <= offset || next as usize > image.len() {
            return Err(Error::Unexpected { to: "upload" });
        }
        offset = next;
        progress(offset);
    }
    Ok(())
}

fn verified<T>(result: Result<T, Error>) -> Result<T, Error> {
    match result {
        Err(Error::Refused(refusal)) if refusal.code == "hash-mismatch" => {
            Err(Error::Verification(refusal.to_string()))
        }
        other => other,
    }
}
