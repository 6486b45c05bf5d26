//! Who may use the gateway, and who did what. For admins.

use super::{
    super::{App, Caller, Problem, problem},
    request::{Answer, Asked, At, Sent},
};
use crate::{AuditEntry, KeyRow, Role, Scope};
use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Entries of one answer, unless the request says how many, and at most.
const ENTRIES: u32 = 100;
const ENTRIES_MAX: u32 = 10_000;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(keys, add))
        .routes(routes!(revoke))
        .routes(routes!(audit))
}

type Shared = State<Arc<App>>;
type Who = Extension<Caller>;

/// All keys, without their secrets.
#[utoipa::path(get, path = "/v1/keys", tag = "gateway",
    responses((status = 200, body = Vec<KeyRow>), (status = "default", body = problem::Body)))]
async fn keys(State(app): Shared, Extension(caller): Who) -> Answer<Vec<KeyRow>> {
    app.admin(&caller, "key list", "").await?;
    app.with_state(crate::State::keys).await.map(Json)
}

/// A key that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// What to call it; stands in the audit log.
    name: String,
    /// What it may do.
    role: Role,
    /// For which devices; left out: all.
    #[serde(default)]
    scope: Scope,
}

/// A key, with its secret.
#[derive(Serialize, ToSchema)]
struct MadeKey {
    /// It cannot be asked for again.
    key: String,
}

/// Make a key.
#[utoipa::path(post, path = "/v1/keys", tag = "gateway", request_body = NewKey,
    responses((status = 201, body = MadeKey), (status = "default", body = problem::Body)))]
async fn add(
    State(app): Shared,
    Extension(caller): Who,
    Sent(new): Sent<NewKey>,
) -> Result<(StatusCode, Json<MadeKey>), Problem> {
    app.admin(&caller, "key add", &new.name).await?;
    let key = app
        .change_state(caller, move |state, by| {
            state.add_key(&new.name, new.role, &new.scope, by)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(MadeKey { key })))
}

/// Let a key work no more, from the next request on.
#[utoipa::path(delete, path = "/v1/keys/{name}", tag = "gateway",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "revoked"), (status = "default", body = problem::Body)))]
async fn revoke(
    State(app): Shared,
    Extension(caller): Who,
    At(name): At<String>,
) -> Result<StatusCode, Problem> {
    app.admin(&caller, "key revoke", &name).await?;
    app.change_state(caller, move |state, by| state.revoke_key(&name, by))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Entries {
    /// The last so many: 100 unless chosen, at most 10,000.
    last: Option<u32>,
}

/// Who did what, oldest first.
#[utoipa::path(get, path = "/v1/audit", tag = "gateway", params(Entries),
    responses((status = 200, body = Vec<AuditEntry>), (status = "default", body = problem::Body)))]
async fn audit(
    State(app): Shared,
    Extension(caller): Who,
    Asked(which): Asked<Entries>,
) -> Answer<Vec<AuditEntry>> {
    app.admin(&caller, "audit", "").await?;
    let last = which.last.unwrap_or(ENTRIES).min(ENTRIES_MAX);
    app.with_state(move |state| state.audit_entries(last))
        .await
        .map(Json)
}
