//! What is to run where, and the way there.

use super::{
    super::{App, Caller, Problem, problem},
    request::{Answer, Asked, At, Sent, prepared},
};
use crate::{
    Again, Role, Standing,
    fleet::{self, Difference, Spec, Target, differences},
    state::{Applied, Happened, Rollout, RolloutDevice},
};
use axum::{Extension, Json, body::Bytes, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Entries of one answer, unless the request says how many, and at most.
const ENTRIES: u32 = 100;
const ENTRIES_MAX: u32 = 10_000;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(keep_image))
        .routes(routes!(sets))
        .routes(routes!(set, apply))
        .routes(routes!(drift))
        .routes(routes!(rollouts))
        .routes(routes!(rollout))
        .routes(routes!(turn))
        .routes(routes!(history))
}

type Shared = State<Arc<App>>;
type Who = Extension<Caller>;

/// An image that the gateway has.
#[derive(Serialize, ToSchema)]
struct Kept {
    /// Its SHA-256, in hexadecimal.
    sha256: String,
    /// Its length, packed.
    bytes: usize,
}

/// For which container an image is.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct For {
    /// The container's name; a module is packed for it.
    name: String,
}

/// Keep an image for sets. It is kept once, however often it is sent.
#[utoipa::path(post, path = "/v1/images", tag = "fleet", params(For),
    request_body(content_type = "application/wasm", content = Vec<u8>, description = "A module or a package"),
    responses((status = 201, body = Kept), (status = "default", body = problem::Body)))]
async fn keep_image(
    State(app): Shared,
    Extension(caller): Who,
    Asked(of): Asked<For>,
    file: Bytes,
) -> Result<(StatusCode, Json<Kept>), Problem> {
    app.fleet(&caller, "image keep", &of.name).await?;
    let prepared = prepared(file.into(), &of.name).await?;
    let sha256 = berth::hexadecimal(&berth_protocol::ImageHash::of(&prepared.bytes).0);
    let (hash, bytes) = (sha256.clone(), prepared.bytes.len());
    app.with_state(move |state| state.keep_image(&hash, &prepared.bytes))
        .await?;
    Ok((StatusCode::CREATED, Json(Kept { sha256, bytes })))
}

/// A set as it holds.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Set {
    /// Its name.
    pub(in super::super) name: String,
    /// The version that holds; 0: none yet.
    pub(in super::super) version: i64,
    /// What that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<Spec>,
    /// The version that is rolled out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) coming: Option<i64>,
}

/// All sets.
#[utoipa::path(get, path = "/v1/fleet/sets", tag = "fleet",
    responses((status = 200, body = Vec<Set>), (status = "default", body = problem::Body)))]
pub(in super::super) async fn sets(State(app): Shared, Extension(caller): Who) -> Answer<Vec<Set>> {
    app.fleet_seen(&caller)?;
    let sets = app.with_state(crate::State::sets).await?;
    let shown = sets.into_iter().map(|mut set| Set {
        coming: set.coming(),
        spec: set.specs.remove(&set.version),
        version: set.version,
        name: set.name,
    });
    Ok(Json(shown.collect()))
}

/// One set.
#[utoipa::path(get, path = "/v1/fleet/sets/{name}", tag = "fleet",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = Set), (status = "default", body = problem::Body)))]
async fn set(State(app): Shared, who: Who, At(name): At<String>) -> Answer<Set> {
    let Json(all) = sets(State(app), who).await?;
    let mut found = all.into_iter().filter(|set| set.name == name);
    let found = found.next();
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found(&format!("there is no set \"{name}\"")))
}

/// Say what a set is to be. If it was something else a roll-out begins.
#[utoipa::path(put, path = "/v1/fleet/sets/{name}", tag = "fleet", request_body = Spec,
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = Applied), (status = "default", body = problem::Body)))]
async fn apply(
    State(app): Shared,
    Extension(caller): Who,
    At(name): At<String>,
    Sent(spec): Sent<Spec>,
) -> Answer<Applied> {
    app.fleet(&caller, "fleet apply", &name).await?;
    let applied = app.change_state(caller, move |state, by| {
        fleet::apply(state, &name, &spec, by)
    });
    applied.await.map(Json)
}

/// In what a device differs from what it is to be.
#[derive(Serialize, ToSchema)]
struct Drift {
    /// The device.
    device: String,
    /// `same`, `differs` or `away`.
    state: &'static str,
    /// In what.
    differences: Vec<Difference>,
}

/// In what the devices of a set differ from what holds; what differs is set right within half a minute.
#[utoipa::path(get, path = "/v1/fleet/sets/{name}/drift", tag = "fleet",
    params(("name" = String, Path, description = "The set")),
    responses((status = 200, body = Vec<Drift>), (status = "default", body = problem::Body)))]
async fn drift(
    State(app): Shared,
    Extension(caller): Who,
    At(name): At<String>,
) -> Answer<Vec<Drift>> {
    let Json(set) = set(State(Arc::clone(&app)), Extension(caller.clone()), At(name)).await?;
    let spec = set.spec.unwrap_or_else(|| Spec {
        devices: Vec::new(),
        groups: Vec::new(),
        containers: BTreeMap::new(),
        rollout: fleet::Gate::default(),
    });
    let nothing = Arc::new(Vec::new());
    let targets: BTreeMap<_, _> = spec
        .containers
        .iter()
        .filter_map(|(name, is)| Some((name.clone(), Target::of(is, Arc::clone(&nothing))?)))
        .collect();
    let targets = Arc::new(targets);
    let mut all = Vec::new();
    for known in app.devices(&caller) {
        if !spec.is_for(&known.device) {
            continue;
        }
        let targets = Arc::clone(&targets);
        all.push(tokio::spawn(async move {
            let device = known.device.name.clone();
            let away = |device| Drift {
                device,
                state: "away",
                differences: Vec::new(),
            };
            if !matches!(known.line.standing(), Standing::Here(_)) {
                return away(device);
            }
            let found = known
                .line
                .ask(Again::No, super::super::LOOK, move |client| {
                    let (images, containers) = (berth::images(client)?, berth::containers(client)?);
                    let kept = fleet::kept(client, &targets)?;
                    Ok(differences(&targets, &[], &images, &containers, &kept))
                });
            match found.await {
                Ok(differences) => Drift {
                    device,
                    state: if differences.is_empty() {
                        "same"
                    } else {
                        "differs"
                    },
                    differences,
                },
                Err(_) => away(device),
            }
        }));
    }
    let mut drifts = Vec::new();
    for one in all {
        drifts.extend(one.await);
    }
    Ok(Json(drifts))
}

/// Roll-outs, the newest first.
#[utoipa::path(get, path = "/v1/fleet/rollouts", tag = "fleet",
    responses((status = 200, body = Vec<Rollout>), (status = "default", body = problem::Body)))]
pub(in super::super) async fn rollouts(
    State(app): Shared,
    Extension(caller): Who,
) -> Answer<Vec<Rollout>> {
    app.fleet_seen(&caller)?;
    app.with_state(|state| state.rollouts(None)).await.map(Json)
}

/// A roll-out with its devices.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Report {
    /// Where it stands.
    #[serde(flatten)]
    pub(in super::super) rollout: Rollout,
    /// Its devices, by stage.
    pub(in super::super) devices: Vec<RolloutDevice>,
}

/// One roll-out, device by device.
#[utoipa::path(get, path = "/v1/fleet/rollouts/{id}", tag = "fleet",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, body = Report), (status = "default", body = problem::Body)))]
pub(in super::super) async fn rollout(
    State(app): Shared,
    Extension(caller): Who,
    At(id): At<i64>,
) -> Answer<Report> {
    app.fleet_seen(&caller)?;
    let found = app.with_state(move |state| {
        let rollout = state.rollouts(Some(id))?.pop();
        Ok((rollout, state.rollout_devices(id)?))
    });
    match found.await? {
        (Some(rollout), devices) => Ok(Json(Report { rollout, devices })),
        (None, _) => Err(Problem::not_found(&format!("there is no roll-out {id}"))),
    }
}

/// What can be done with a roll-out.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Turn {
    /// Wait where it is.
    Pause,
    /// Go on.
    Resume,
    /// End it, and take everything back.
    Abort,
}

/// Pause, resume or abort a roll-out. One that is aborted is taken back from whoever has it.
#[utoipa::path(post, path = "/v1/fleet/rollouts/{id}/{turn}", tag = "fleet",
    params(("id" = i64, Path, description = "Its number"), ("turn" = Turn, Path, description = "What to do")),
    responses((status = 204, description = "done"), (status = "default", body = problem::Body)))]
pub(in super::super) async fn turn(
    State(app): Shared,
    Extension(caller): Who,
    At((id, turn)): At<(i64, Turn)>,
) -> Result<StatusCode, Problem> {
    app.fleet(&caller, "rollout", &id.to_string()).await?;
    app.change_state(caller, move |state, by| match turn {
        Turn::Pause => state.pause_rollout(id, true, by),
        Turn::Resume => state.pause_rollout(id, false, by),
        Turn::Abort => state.end_rollout(id, "aborted", "", by),
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Entries {
    /// Of this device only.
    device: Option<String>,
    /// The last so many: 100 unless chosen, at most 10,000.
    last: Option<u32>,
}

/// What was done to which device by sets, oldest first.
#[utoipa::path(get, path = "/v1/fleet/history", tag = "fleet", params(Entries),
    responses((status = 200, body = Vec<Happened>), (status = "default", body = problem::Body)))]
async fn history(
    State(app): Shared,
    Extension(caller): Who,
    Asked(which): Asked<Entries>,
) -> Answer<Vec<Happened>> {
    app.fleet_seen(&caller)?;
    let last = which.last.unwrap_or(ENTRIES).min(ENTRIES_MAX);
    let history = app.with_state(move |state| state.history(which.device.as_deref(), last));
    history.await.map(Json)
}

impl App {
    /// May the caller change fleets? Only who operates all devices.
    async fn fleet(&self, caller: &Caller, action: &str, subject: &str) -> Result<(), Problem> {
        if caller.role >= Role::Operate
            && caller.scope == crate::Scope::default()
            && !caller.keyless
        {
            return Ok(());
        }
        self.record(caller, ("", action), subject, "denied", None)
            .await?;
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "sets of containers need a key with the role operate, for all devices",
        ))
    }

    /// May the caller see them?
    pub(in super::super) fn fleet_seen(&self, caller: &Caller) -> Result<(), Problem> {
        if caller.scope == crate::Scope::default() && !caller.keyless {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "sets of containers need a key for all devices",
        ))
    }
}
