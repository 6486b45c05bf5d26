//! What requests to this API are taken apart into. What cannot be is a problem like every other one.

use super::super::{App, Caller, Change, Problem};
use crate::{Role, lines::Known};
use axum::{
    Extension, Json,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::request::Parts,
};
use berth::{Client, Prepared};
use serde::de::DeserializeOwned;
use std::sync::Arc;

pub(in super::super) type Answer<T> = Result<Json<T>, Problem>;

/// A body, as JSON.
pub(in super::super) struct Sent<T>(pub(in super::super) T);

/// What stands behind the path.
pub(in super::super) struct Asked<T>(pub(in super::super) T);

/// Parts of the path.
pub(in super::super) struct At<T>(pub(in super::super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let sent = Json::from_request(request, state).await;
        let Json(sent) = sent.map_err(|error| Problem::bad_request(&error.body_text()))?;
        Ok(Self(sent))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asked = Query::from_request_parts(parts, state).await;
        let Query(asked) = asked.map_err(|error| Problem::bad_request(&error.body_text()))?;
        Ok(Self(asked))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let at = Path::from_request_parts(parts, state).await;
        let Path(at) = at.map_err(|_| Problem::not_found("there is nothing at this path"))?;
        Ok(Self(at))
    }
}

/// A request about a device.
pub(in super::super) struct OnDevice {
    pub(in super::super) app: Arc<App>,
    pub(in super::super) caller: Caller,
    pub(in super::super) device: String,
}

impl OnDevice {
    async fn of(parts: &mut Parts, app: &Arc<App>, device: String) -> Result<Self, Problem> {
        let caller = Extension::from_request_parts(parts, app).await;
        let Extension(caller) = caller.map_err(|error| Problem::bad_request(&error.body_text()))?;
        Ok(Self {
            app: Arc::clone(app),
            caller,
            device,
        })
    }

    /// The device, for who may see it.
    pub(in super::super) async fn known(&self, action: &str) -> Result<Known, Problem> {
        self.app
            .device(&self.caller, Some(&self.device), Role::View, action)
            .await
    }

    /// Asks it for something that changes nothing.
    pub(in super::super) async fn look<T: Send + 'static>(
        &self,
        action: &str,
        ask: impl FnMut(&mut Client) -> Result<T, berth::Error> + Send + 'static,
    ) -> Answer<T> {
        self.app
            .look(&self.caller, Some(&self.device), action, ask)
            .await
            .map(Json)
    }

    /// Asks it for a change; `outcome` is the word for the audit log.
    pub(in super::super) async fn change<T: Send + 'static>(
        self,
        change: Change,
        ask: impl FnMut(&mut Client) -> Result<T, berth::Error> + Send + 'static,
        outcome: impl Fn(&T) -> &'static str + Send + 'static,
    ) -> Result<T, Problem> {
        let done = self
            .app
            .change(self.caller, Some(&self.device), change, ask, outcome);
        done.await.map(|(_, done)| done)
    }
}

impl FromRequestParts<Arc<App>> for OnDevice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let At(device) = At::from_request_parts(parts, app).await?;
        Self::of(parts, app, device).await
    }
}

/// A request about a container of a device.
pub(in super::super) struct OnContainer {
    pub(in super::super) on: OnDevice,
    pub(in super::super) name: String,
}

impl FromRequestParts<Arc<App>> for OnContainer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let At((device, name)) = At::from_request_parts(parts, app).await?;
        let on = OnDevice::of(parts, app, device).await?;
        Ok(Self { on, name })
    }
}

/// A module that was sent for a container, packed.
pub(in super::super) async fn prepared(file: Vec<u8>, name: &str) -> Result<Prepared, Problem> {
    let name = name.to_owned();
    tokio::task::spawn_blocking(move || berth::prepare(file, &name))
        .await
        .map_err(|_| Problem::bad_request("the module cannot be read"))?
        .map_err(|error| {
            Problem::new(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                "not-packed",
                &format!("the module cannot be packed: {error}"),
            )
        })
}
