//! Devices.

use super::{
    super::{App, Caller, Change, Problem, problem},
    request::{Answer, OnContainer, OnDevice, Sent},
};
use crate::{Again, Standing, lines::Known, watch::Seen};
use axum::{
    Extension, Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use berth::{
    Container, DeviceEvent, DeviceInfo, DeviceStatus, Exposure, FaultRecord, HeapInfo, Image, Said,
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How long an image may take to be read back, and a device to begin anew.
const READ: Duration = Duration::from_secs(120);
const RESET: Duration = Duration::from_secs(60);

/// Most events that one answer has.
const EVENTS_MAX: usize = 1000;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(one, remove))
        .routes(routes!(heap))
        .routes(routes!(status))
        .routes(routes!(exposures))
        .routes(routes!(images))
        .routes(routes!(image))
        .routes(routes!(events))
        .routes(routes!(faults))
        .routes(routes!(reset))
}

/// A device.
#[derive(Serialize, ToSchema)]
pub(crate) struct Device {
    /// Its name.
    name: String,
    /// Its line.
    address: String,
    /// Labels that say what belongs together.
    groups: Vec<String>,
    /// Is it meant if a request of WASMICO's API names none?
    default: bool,
    /// `looking`, `here` or `away`.
    state: &'static str,
    /// Why it is away.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Seconds since when it is away.
    #[serde(skip_serializing_if = "Option::is_none")]
    away_s: Option<u64>,
    /// Address of the gateway that has it, if it is elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// What it tells of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<DeviceInfo>,
    /// What was seen when it was looked at last.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Glance>,
}

/// A device at a glance.
#[derive(Serialize, ToSchema)]
struct Glance {
    /// Milliseconds since then.
    age_ms: u64,
    /// Memory, in bytes.
    heap: HeapInfo,
    /// In safe mode no container starts.
    safe_mode: bool,
    /// Containers that are active.
    active: usize,
    /// Containers that ended with a fault.
    faulted: usize,
}

impl Device {
    pub(crate) fn of(known: &Known) -> Self {
        let device = &known.device;
        let mut shown = Self {
            name: device.name.clone(),
            address: device.address.clone(),
            groups: device.groups.clone(),
            default: device.default,
            state: "looking",
            why: None,
            away_s: None,
            at: None,
            info: None,
            seen: known.line.seen().as_deref().map(Glance::of),
        };
        match known.line.standing() {
            Standing::Looking => {}
            Standing::Here(info) => {
                shown.state = "here";
                shown.info = Some(info);
            }
            Standing::Elsewhere { at } => {
                shown.state = "elsewhere";
                shown.at = at;
            }
            Standing::Away { why, since } => {
                shown.state = "away";
                shown.why = Some(why);
                shown.away_s = Some(since.elapsed().as_secs());
            }
        }
        shown
    }
}

impl Glance {
    fn of(seen: &Seen) -> Self {
        let count = |is: fn(&Container) -> bool| seen.containers.iter().filter(|c| is(c)).count();
        Self {
            age_ms: u64::try_from(seen.at.elapsed().as_millis()).unwrap_or(u64::MAX),
            heap: seen.heap.clone(),
            safe_mode: seen.status.as_ref().is_some_and(|status| status.safe_mode),
            active: count(Container::is_active),
            faulted: count(|c| matches!(c.state, berth_protocol::State::Faulted { .. })),
        }
    }
}

type Shared = State<Arc<App>>;
type Who = Extension<Caller>;

/// All devices, as they were seen last.
#[utoipa::path(get, path = "/v1/devices", tag = "devices",
    responses((status = 200, body = Vec<Device>), (status = "4XX", body = problem::Body)))]
async fn list(State(app): Shared, Extension(caller): Who) -> Json<Vec<Device>> {
    Json(app.devices(&caller).iter().map(Device::of).collect())
}

/// One device, as it was seen last.
#[utoipa::path(get, path = "/v1/devices/{device}", tag = "devices",
    params(("device" = String, Path, description = "Its name")),
    responses((status = 200, body = Device), (status = "4XX", body = problem::Body)))]
async fn one(on: OnDevice) -> Answer<Device> {
    Ok(Json(Device::of(&on.known("device").await?)))
}

/// A device that is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDevice {
    /// What to call it.
    name: String,
    /// Its line: a serial port, `unix:PATH` or `HOST:PORT`, as seen from the gateway.
    address: String,
    /// Labels that say what belongs together.
    #[serde(default)]
    groups: Vec<String>,
    /// Is it meant if a request of WASMICO's API names none?
    #[serde(default)]
    default: bool,
}

/// Add a device (admin).
#[utoipa::path(post, path = "/v1/devices", tag = "devices", request_body = NewDevice,
    responses((status = 201, description = "added"), (status = "4XX", body = problem::Body)))]
async fn add(
    State(app): Shared,
    Extension(caller): Who,
    Sent(new): Sent<NewDevice>,
) -> Result<StatusCode, Problem> {
    app.admin(&caller, "device add", &new.name).await?;
    let address: berth::Address = new
        .address
        .parse()
        .map_err(|error: berth::Error| Problem::bad_request(&error.to_string()))?;
    let following = Arc::clone(&app);
    app.change_state(caller, move |state, by| {
        let address = address.to_string();
        state.add_device(&new.name, &address, &new.groups, new.default, by)?;
        following.follow()
    })
    .await?;
    Ok(StatusCode::CREATED)
}

/// Take a device out of the gateway (admin); nothing is asked of the device itself.
#[utoipa::path(delete, path = "/v1/devices/{device}", tag = "devices",
    params(("device" = String, Path, description = "Its name")),
    responses((status = 204, description = "removed"), (status = "4XX", body = problem::Body)))]
async fn remove(
    OnDevice {
        app,
        caller,
        device,
    }: OnDevice,
) -> Result<StatusCode, Problem> {
    app.admin(&caller, "device remove", &device).await?;
    let following = Arc::clone(&app);
    app.change_state(caller, move |state, by| {
        state.remove_device(&device, by)?;
        following.follow()
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its memory.
#[utoipa::path(get, path = "/v1/devices/{device}/heap", tag = "devices",
    params(("device" = String, Path, description = "Its name")),
    responses((status = 200, body = HeapInfo), (status = "default", body = problem::Body)))]
async fn heap(on: OnDevice) -> Answer<HeapInfo> {
    on.look("heap", berth::heap).await
}

/// How it is doing as a whole.
#[utoipa::path(get, path = "/v1/devices/{device}/status", tag = "devices",
    params(("device" = String, Path, description = "Its name")),
    responses((status = 200, body = DeviceStatus), (status = "default", body = problem::Body)))]
async fn status(on: OnDevice) -> Answer<DeviceStatus> {
    on.look("status", berth::status).await
}

/// What its manufacturer exposed, and who holds it.
#[utoipa::path(get, path = "/v1/devices/{device}/exposures", tag = "devices",
    params(("device" = String, Path, description = "Its name")),
    responses((status = 200, body = Vec<Exposure>), (status = "default", body = problem::Body)))]
pub(in super::super) async fn exposures(on: OnDevice) -> Answer<Vec<Exposure>> {
    on.look("exposures", berth::exposures).await
}

/// The images that it has stored.
#[utoipa::path(get, path = "/v1/devices/{device}/images", tag = "devices",
    params(("device" = String, Path, description = "Its name")),
    responses((status = 200, body = Vec<Image>), (status = "default", body = problem::Body)))]
async fn images(on: OnDevice) -> Answer<Vec<Image>> {
    on.look("images", berth::images).await
}

/// An image, read back; its SHA-256 was compared.
#[utoipa::path(get, path = "/v1/devices/{device}/images/{name}", tag = "devices",
    params(("device" = String, Path, description = "The device"), ("name" = String, Path, description = "The container")),
    responses((status = 200, content_type = "application/wasm", body = Vec<u8>), (status = "default", body = problem::Body)))]
async fn image(OnContainer { on, name }: OnContainer) -> Result<Response, Problem> {
    let known = on.known("image").await?;
    let read = known.line.ask(Again::No, READ, move |client| {
        let images = berth::images(client)?;
        match images.iter().find(|image| image.name == *name) {
            Some(image) => berth::read_image(client, image, |_| {}).map(Some),
            None => Ok(None),
        }
    });
    let bytes = read
        .await?
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "unknown-name", "no such container"))?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], bytes).into_response())
}

/// What happened on it, oldest first, as far as it still knows.
#[utoipa::path(get, path = "/v1/devices/{device}/events", tag = "devices",
    params(("device" = String, Path, description = "Its name")),
    responses((status = 200, body = Vec<DeviceEvent>), (status = "default", body = problem::Body)))]
async fn events(on: OnDevice) -> Answer<Vec<DeviceEvent>> {
    on.look("events", |client| {
        let (mut log, mut from) = (None, 0);
        let mut events = Vec::new();
        while events.len() < EVENTS_MAX
            && let Some(event) = berth::event(client, log, from)?
        {
            (log, from) = (Some(event.log), event.sequence + 1);
            events.push(event);
        }
        Ok(events)
    })
    .await
}

/// A container's last fault.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Fault {
    /// The container.
    pub(in super::super) name: Said,
    /// What was known then.
    #[serde(flatten)]
    pub(in super::super) record: FaultRecord,
}

/// The last fault of each container that had one.
#[utoipa::path(get, path = "/v1/devices/{device}/faults", tag = "devices",
    params(("device" = String, Path, description = "Its name")),
    responses((status = 200, body = Vec<Fault>), (status = "default", body = problem::Body)))]
pub(in super::super) async fn faults(on: OnDevice) -> Answer<Vec<Fault>> {
    on.look("faults", |client| {
        let mut faults = Vec::new();
        for container in berth::containers(client)? {
            match berth::inspect(client, &container.name) {
                Ok(found) => faults.extend(found.last_fault.map(|record| Fault {
                    name: container.name,
                    record,
                })),
                // Deleted meanwhile.
                Err(error) if error.is_refusal("unknown-name") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(faults)
    })
    .await
}

/// Let it begin anew as after power-on.
#[utoipa::path(post, path = "/v1/devices/{device}/reset", tag = "devices",
    params(("device" = String, Path, description = "Its name")),
    responses((status = 204, description = "it answers again"), (status = "default", body = problem::Body)))]
pub(in super::super) async fn reset(on: OnDevice) -> Result<StatusCode, Problem> {
    let change = Change {
        action: "reset",
        subject: String::new(),
        again: Again::No,
        patience: RESET,
    };
    let ask = |client: &mut berth::Client| {
        let info = berth::hello(client)?;
        berth::reset(client, &info)
    };
    on.change(change, ask, |()| "done").await?;
    Ok(StatusCode::NO_CONTENT)
}
