//! The way of `berth --device https://GATEWAY/NAME`: a message of the protocol to a device, and its answer.
//!
//! ```text
//!   POST /v1/devices/{device}/messages      body and answer: application/octet-stream
//! ```
//!
//! Who may ask for what is decided by the message; a change has its two entries in the audit log, as everywhere.

use super::{App, Caller, Problem};
use crate::{Again, Role};
use axum::{
    Extension, Router,
    body::Bytes,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
    routing::post,
};
use berth_protocol::{Op, Request};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a look and a change may take. What the device needs long for (it loads a module) is a change.
const LOOK: Duration = Duration::from_secs(20);
const CHANGE: Duration = Duration::from_secs(60);

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/v1/devices/{device}/messages", post(pass_on))
}

/// Is this the path of a device's messages?
pub(super) fn is_path(path: &str) -> bool {
    path.starts_with("/v1/devices/") && path.ends_with("/messages")
}

/// Uploads whose names are remembered: parts and commit say the number only.
const UPLOADS_MAX: usize = 256;

/// Numbers of uploads that were begun, with the device and the container they are for.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<VecDeque<((String, u32), Begun)>>);

/// An upload that was begun.
#[derive(Clone, Debug)]
struct Begun {
    /// The container's name.
    name: String,
    /// Bytes of the image.
    length: u32,
    at: Instant,
}

impl Uploads {
    fn begins(&self, device: &str, upload: u32, name: &str, length: u32) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let this = (device.to_owned(), upload);
        known.retain(|(other, _)| *other != this);
        if known.len() >= UPLOADS_MAX {
            known.pop_front();
        }
        let begun = Begun {
            name: name.to_owned(),
            length,
            at: Instant::now(),
        };
        known.push_back((this, begun));
    }

    fn find(&self, device: &str, upload: u32) -> Option<Begun> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = known.iter();
        let found = found.find(|((on, number), _)| on == device && *number == upload);
        found.map(|(_, begun)| begun.clone())
    }

    /// The container of an upload, or its number if it is not known.
    fn name(&self, device: &str, upload: u32) -> String {
        let found = self.find(device, upload);
        found.map_or_else(|| format!("upload {upload:08x}"), |begun| begun.name)
    }
}

/// What a message is, for whoever decides about it.
struct Asked {
    role: Role,
    again: Again,
    /// What the audit log calls it, with the container it is about; `None`: it is not recorded.
    recorded: Option<(&'static str, String)>,
    /// The upload that ends with it.
    ends: Option<Begun>,
}

impl Asked {
    /// Everything that is asked for, by name: a new operation is decided about here, or this is not compiled.
    fn of(op: &Op<'_>, device: &str, uploads: &Uploads) -> Self {
        let look = || Self {
            role: Role::View,
            again: Again::No,
            recorded: None,
            ends: None,
        };
        let change = |action, name: &str| Self {
            role: Role::Operate,
            again: Again::No,
            recorded: Some((action, name.to_owned())),
            ends: None,
        };
        match *op {
            Op::Hello { .. }
            | Op::Heap
            | Op::Status
            | Op::Containers { .. }
            | Op::Log { .. }
            | Op::Exposures { .. }
            | Op::Detail { .. }
            | Op::Inspect { .. }
            | Op::Sources { .. }
            | Op::Blocks { .. }
            | Op::FaultBlock { .. }
            | Op::FaultPlace { .. }
            | Op::Kept { .. }
            | Op::Trust
            | Op::Operators
            | Op::Signature { .. }
            | Op::Engine { .. }
            | Op::Code
            | Op::Revocations
            | Op::Images { .. }
            | Op::ReadImage { .. }
            | Op::Events { .. }
            | Op::UpdateStatus { .. } => look(),
            Op::UploadBegin {
                upload,
                name,
                length,
                ..
            }
            | Op::UpdateBegin {
                upload,
                name,
                length,
                ..
            }
            | Op::Announce {
                upload,
                name,
                length,
                ..
            } => {
                uploads.begins(device, upload, name, length);
                Self {
                    again: Again::Yes,
                    ..change("upload", name)
                }
            }
            Op::UploadChunk { .. } | Op::Draft { .. } => Self {
                role: Role::Operate,
                again: Again::Yes,
                ..look()
            },
            Op::UploadCommit { upload } | Op::RunCommit { upload } | Op::Commit { upload, .. } => {
                Self {
                    ends: uploads.find(device, upload),
                    ..change("commit", &uploads.name(device, upload))
                }
            }
            Op::UploadAbort { upload } => change("abort", &uploads.name(device, upload)),
            Op::Start { name } => change("start", name),
            Op::Stop { name } => change("stop", name),
            Op::Kill { name } => change("kill", name),
            Op::Remove { name } => change("delete", name),
            Op::Pause { name } => change("pause", name),
            Op::Resume { name } => change("unpause", name),
            Op::Lift { name } => change("lift", name),
            Op::Edit { name, .. } | Op::Change { name, .. } => change("edit", name),
            Op::Reset { .. } => change("reset", ""),
            Op::Revoke { .. } => change("revoke", ""),
            Op::Challenge | Op::Login { .. } | Op::Logout => change("log in", ""),
            Op::Provision { .. } => change("provision", ""),
        }
    }
}

async fn pass_on(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(device): Path<String>,
    message: Bytes,
) -> Result<Response, Problem> {
    let asked = {
        let request = Request::decode(&message).map_err(|_| {
            Problem::bad_request("this is no request to a device that is known here")
        })?;
        Asked::of(&request.op, &device, &app.uploads)
    };
    let patience = match asked.role {
        Role::View => LOOK,
        _ => CHANGE,
    };
    let ask = move |client: &mut berth::Client| client.forward(&message);
    let answer = match asked.recorded {
        Some((action, subject)) => {
            let change = super::Change {
                action,
                subject,
                again: asked.again,
                patience,
            };
            let done = |answer: &Vec<u8>| outcome(answer);
            let (known, answer) = app.change(caller, Some(&device), change, ask, done).await?;
            if let Some(begun) = asked.ends
                && outcome(&answer) == "done"
            {
                let watch = known.line.watch();
                watch.has_come(begun.length, begun.at.elapsed());
            }
            answer
        }
        None => {
            let known = app
                .device(&caller, Some(&device), asked.role, "message")
                .await?;
            known.line.ask(asked.again, patience, ask).await?
        }
    };
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, answer).into_response())
}

/// What the audit log says of an answer.
fn outcome(answer: &[u8]) -> &'static str {
    match berth_protocol::Response::decode(answer) {
        Ok(response) => match response.result {
            Ok(_) => "done",
            Err(error) => error.word(),
        },
        Err(_) => "unexpected-answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_called_as_its_container_until_too_many_came_after_it() {
        let uploads = Uploads::default();
        uploads.begins("roof", 7, "blink", 1);
        uploads.begins("attic", 7, "pump", 1);
        assert_eq!(uploads.name("roof", 7), "blink");
        assert_eq!(uploads.name("attic", 7), "pump");
        assert_eq!(uploads.name("roof", 8), "upload 00000008");
        for number in 0..UPLOADS_MAX {
            uploads.begins("roof", 1000 + number as u32, "other", 1);
        }
        assert_eq!(uploads.name("roof", 7), "upload 00000007");
    }
}
