//! Containers.

use super::{
    super::{App, Caller, Change, Problem, problem},
    request::{Answer, Asked, At, OnContainer, OnDevice, Sent, prepared},
    settings::Stored,
};
use crate::{
    Again,
    placing::{self, How, Placed, place},
    settings::Wanted,
    watch::Carrying,
};
use axum::{Extension, Json, body::Bytes, extract::State, http::StatusCode};
use berth::{Client, Container, Inspection, LogLine, UpdateOutcome, Wishes};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// How long a change may take, and an upload (100 KB take 9 s at 115200 baud).
const CHANGE: Duration = Duration::from_secs(60);
const UPLOAD: Duration = Duration::from_secs(120);

/// The trial of a container that replaces another one, unless the request says how long.
const TRIAL_MS: u32 = 1000;

/// Lines that one answer has at most, and that are read for it.
const LINES_MAX: u32 = 1000;
const LINES_READ_MAX: u32 = 4000;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(inspect, store, edit, remove))
        .routes(routes!(act))
        .routes(routes!(update))
        .routes(routes!(logs))
}

/// All containers, as they are now.
#[utoipa::path(get, path = "/v1/devices/{device}/containers", tag = "containers",
    params(("device" = String, Path, description = "The device")),
    responses((status = 200, body = Vec<Container>), (status = "default", body = problem::Body)))]
async fn list(on: OnDevice) -> Answer<Vec<Container>> {
    on.look("containers", berth::containers).await
}

/// Everything that is known of a container.
#[utoipa::path(get, path = "/v1/devices/{device}/containers/{name}", tag = "containers",
    params(("device" = String, Path, description = "The device"), ("name" = String, Path, description = "The container")),
    responses((status = 200, body = Inspection), (status = "default", body = problem::Body)))]
async fn inspect(OnContainer { on, name }: OnContainer) -> Answer<Inspection> {
    on.look("inspect", move |client| berth::inspect(client, &name))
        .await
}

/// What came of an upload.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Outcome {
    /// `stored`, `unchanged` (it has this image already) or `updated`.
    pub(in super::super) outcome: &'static str,
    /// Was it started?
    pub(in super::super) started: bool,
    /// How the update of a container that ran has come along.
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<UpdateOutcome>,
    /// Something worth knowing about the module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) note: Option<String>,
}

/// Store a container, in place of the one of its name if there is one: one that runs is updated live, on trial.
#[utoipa::path(put, path = "/v1/devices/{device}/containers/{name}", tag = "containers",
    params(("device" = String, Path, description = "The device"), ("name" = String, Path, description = "The container"), Stored),
    request_body(content_type = "application/wasm", content = Vec<u8>, description = "A module or a package"),
    responses((status = 200, body = Outcome), (status = 409, body = problem::Body, description = "The device refuses, or the new one failed and the old one is there again"),
        (status = "default", body = problem::Body)))]
pub(in super::super) async fn store(
    OnContainer { on, name }: OnContainer,
    Asked(mut wanted): Asked<Stored>,
    file: Bytes,
) -> Answer<Outcome> {
    let mut chosen = wanted.terms()?;
    let wishes = match wanted.wishes.as_deref() {
        None => Wishes::Bounded,
        Some(word) => Wishes::from_str(word, false)
            .map_err(|_| Problem::bad_request("wishes: expected none, bounded or all"))?,
    };
    if file.is_empty() {
        return Err(Problem::bad_request(
            "the body is the module, and it is empty",
        ));
    }
    let prepared = prepared(file.into(), &name).await?;
    chosen.parameters = berth::grant(chosen.parameters, prepared.wishes, wishes).parameters;
    let trial = Duration::from_millis(wanted.trial_ms.unwrap_or(TRIAL_MS).into());
    let change = Change {
        action: "upload",
        subject: name.clone(),
        again: Again::Yes,
        patience: UPLOAD,
    };
    let (note, bytes) = (prepared.note, prepared.bytes);
    let how = How {
        wanted: chosen,
        trial,
        start: wanted.start,
        restart: false,
    };
    let known = on.known("upload").await?;
    let carrying = Carrying::begin(known.line.watch(), &name, bytes.len());
    let ask = move |client: &mut Client| {
        let before = placing::find(client, &name)?;
        place(client, &name, before.as_ref(), &bytes, &how, &carrying)
    };
    let outcome = |placed: &Placed| match placed.rolled_back() {
        Some(_) => "rolled-back",
        None => "done",
    };
    let placed = on.change(change, ask, outcome).await?;
    match placed.rolled_back() {
        Some(why) => Err(Problem::new(StatusCode::CONFLICT, "rolled-back", &why)
            .hint("the container's faults and logs show what the new one did")),
        None => Ok(Json(Outcome {
            outcome: placed.outcome,
            started: placed.started,
            update: placed.update,
            note,
        })),
    }
}

/// What to change of how a container runs.
#[derive(Deserialize, ToSchema)]
struct Edit {
    /// Start it anew, so that it takes effect at once; if that fails, nothing is changed.
    #[serde(default)]
    now: bool,
    #[serde(default)]
    parameters: Wanted,
}

/// Change how a container runs.
#[utoipa::path(patch, path = "/v1/devices/{device}/containers/{name}", tag = "containers",
    params(("device" = String, Path, description = "The device"), ("name" = String, Path, description = "The container")),
    request_body = Edit,
    responses((status = 204, description = "changed"), (status = "default", body = problem::Body)))]
async fn edit(
    OnContainer { on, name }: OnContainer,
    Sent(edit): Sent<Edit>,
) -> Result<StatusCode, Problem> {
    let how = edit.parameters.terms();
    let how = how.map_err(|why| Problem::bad_request(&why))?;
    let container = name.clone();
    let ask = move |client: &mut Client| berth::edit(client, &container, how.clone(), edit.now);
    change(on, "edit", name, ask).await
}

/// How a container is deleted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Removal {
    /// Stop it first, if it is active.
    #[serde(default)]
    pub(in super::super) force: bool,
}

/// Delete a container, with its image, state and log.
#[utoipa::path(delete, path = "/v1/devices/{device}/containers/{name}", tag = "containers",
    params(("device" = String, Path, description = "The device"), ("name" = String, Path, description = "The container"), Removal),
    responses((status = 204, description = "deleted"), (status = "default", body = problem::Body)))]
pub(in super::super) async fn remove(
    OnContainer { on, name }: OnContainer,
    Asked(how): Asked<Removal>,
) -> Result<StatusCode, Problem> {
    let container = name.clone();
    let ask = move |client: &mut Client| match how.force {
        true => placing::remove(client, &container),
        false => berth::remove(client, &container),
    };
    change(on, "delete", name, ask).await
}

/// What can be done with a container.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Verb {
    /// Start it.
    Start,
    /// Stop it at its next suspension point.
    Stop,
    /// Stop it at once.
    Kill,
    /// Suspend it where it stands.
    Pause,
    /// Let it go on.
    Resume,
    /// Let it be started again although the supervisor failed while it ran.
    Lift,
    /// Stop it, if it is active, and start it.
    Restart,
}

impl Verb {
    /// As the audit log has it.
    pub(in super::super) const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Resume => "unpause",
            Self::Lift => "lift",
            Self::Restart => "restart",
        }
    }

    fn act(self, client: &mut Client, name: &str) -> Result<(), berth::Error> {
        match self {
            Self::Start => berth::start(client, name),
            Self::Stop => berth::stop(client, name),
            Self::Kill => berth::kill(client, name),
            Self::Pause => berth::pause(client, name),
            Self::Resume => berth::resume(client, name),
            Self::Lift => berth::lift(client, name),
            Self::Restart => match berth::stop(client, name) {
                Err(error) if !error.is_refusal("wrong-state") => Err(error),
                _ => berth::start(client, name),
            },
        }
    }
}

/// Start, stop, kill, pause, resume, lift or restart a container.
#[utoipa::path(post, path = "/v1/devices/{device}/containers/{name}/{verb}", tag = "containers",
    params(("device" = String, Path, description = "The device"), ("name" = String, Path, description = "The container"), ("verb" = Verb, Path, description = "What to do")),
    responses((status = 204, description = "done"), (status = "default", body = problem::Body)))]
pub(in super::super) async fn act(
    At((device, name, verb)): At<(String, String, Verb)>,
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, Problem> {
    let on = OnDevice {
        app,
        caller,
        device,
    };
    let container = name.clone();
    let ask = move |client: &mut Client| verb.act(client, &container);
    change(on, verb.word(), name, ask).await
}

async fn change(
    on: OnDevice,
    action: &'static str,
    subject: String,
    ask: impl FnMut(&mut Client) -> Result<(), berth::Error> + Send + 'static,
) -> Result<StatusCode, Problem> {
    let change = Change {
        action,
        subject,
        again: Again::No,
        patience: CHANGE,
    };
    on.change(change, ask, |()| "done").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How its last live update stands; `null` if there was none since the device started.
#[utoipa::path(get, path = "/v1/devices/{device}/containers/{name}/update", tag = "containers",
    params(("device" = String, Path, description = "The device"), ("name" = String, Path, description = "The container")),
    responses((status = 200, body = Option<UpdateOutcome>), (status = "default", body = problem::Body)))]
async fn update(OnContainer { on, name }: OnContainer) -> Answer<Option<UpdateOutcome>> {
    on.look("update", move |client| {
        berth::update_status(client, &name, None)
    })
    .await
}

/// Which lines.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Lines {
    /// Only the last so many, up to 1000.
    last: Option<u32>,
}

/// What it wrote, oldest first, as far as the device still has it.
#[utoipa::path(get, path = "/v1/devices/{device}/containers/{name}/logs", tag = "containers",
    params(("device" = String, Path, description = "The device"), ("name" = String, Path, description = "The container"), Lines),
    responses((status = 200, body = Vec<LogLine>), (status = "default", body = problem::Body)))]
async fn logs(
    OnContainer { on, name }: OnContainer,
    Asked(which): Asked<Lines>,
) -> Answer<Vec<LogLine>> {
    let known = on.known("logs").await?;
    let last = which.last.unwrap_or(LINES_MAX).min(LINES_MAX) as usize;
    let read = known
        .line
        .ask(Again::No, super::super::LOOK, move |client| {
            let (mut log, mut from) = (None, 0);
            let mut lines = std::collections::VecDeque::new();
            // One that writes without end is not waited for.
            for _ in 0..LINES_READ_MAX {
                let Some(line) = berth::log_line(client, &name, log, from)? else {
                    break;
                };
                (log, from) = (Some(line.log), line.sequence + 1);
                lines.push_back(line);
                if lines.len() > last {
                    lines.pop_front();
                }
            }
            Ok(Vec::from(lines))
        });
    Ok(Json(read.await?))
}
