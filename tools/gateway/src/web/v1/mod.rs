//! Our API: everything that `berth` does with a device, and what the gateway itself has. It describes itself: `/v1/openapi.json` is made
//! from the code below.
//!
//! ```text
//!   /v1/devices                                     devices, and what was seen of them last
//!   /v1/devices/{device}/…                          heap, status, exposures, images, events, faults, reset
//!   /v1/devices/{device}/containers[/{name}[/…]]    containers: see, store, change, start …, logs
//!   /v1/fleet/…, /v1/images                         sets of containers and their roll-outs
//!   /v1/keys, /v1/audit                             the gateway's own, for admins
//! ```

pub(super) mod containers;
pub(super) mod devices;
pub(super) mod fleet;
pub(super) mod follow;
mod operators;
pub(super) mod request;
pub(super) mod settings;

pub(crate) use devices::Device;

use super::{App, problem};
use axum::{Json, Router, routing::get};
use std::sync::Arc;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(
    info(title = "Berth gateway", description = "Devices over HTTP. Errors are application/problem+json (RFC 9457) with the device's own codes."),
    components(schemas(problem::Body, containers::Verb, fleet::Turn)),
    modifiers(&Key),
    security(("key" = []))
)]
struct Description;

/// How a key is shown.
struct Key;

impl Modify for Key {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key, as `berth serve key add` makes one."))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("key", SecurityScheme::Http(key));
    }
}

pub(super) fn router() -> Router<Arc<App>> {
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .merge(devices::router())
        .merge(containers::router())
        .merge(follow::router())
        .merge(fleet::router())
        .merge(operators::router())
        .split_for_parts();
    let description = Arc::new(description);
    router.route(
        "/v1/openapi.json",
        get(move || {
            let description = Arc::clone(&description);
            async move { Json((*description).clone()) }
        }),
    )
}
