//! What went wrong, and what was known then.

use super::{
    super::{
        App,
        v1::{
            devices,
            request::{At, OnDevice},
        },
    },
    Page, Visitor,
    device::{ask, viewed},
    figures, page, segment,
};
use crate::watch::{Item, Place};
use axum::{Extension, Json, Router, extract::State, routing::get};
use berth::{DeviceEvent, FaultRecord};
use maud::{Markup, html};
use std::sync::Arc;

/// Faults that one page shows.
const SHOWN_MAX: usize = 200;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/-/faults", get(whole))
        .route("/-/faults/part", get(part))
        .route(
            "/-/devices/{device}/containers/{name}/fault",
            get(of_container),
        )
}

async fn whole(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    let body = html! {
        h1 { "Faults" }
        p.quiet { "Since the gateway was started, as far as the devices still told of them; the newest first." }
        (all(&app, &visitor))
    };
    Ok(page(&visitor, "Faults", "/-/faults", &body))
}

async fn part(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    Ok(all(&app, &visitor))
}

/// The faults of all devices that the visitor may see, counted, and one by one.
fn all(app: &App, visitor: &Visitor) -> Markup {
    let mut faults: Vec<(String, u64, DeviceEvent)> = Vec::new();
    for known in app.devices(&visitor.caller) {
        // When a device began, by our clock: its events have its own.
        let uptime_us = match known.line.standing() {
            crate::Standing::Here(info) => info.uptime_us,
            _ => 0,
        };
        for item in known.line.watch().events_from(Place::default()) {
            if let Item::Event(event) = &*item
                && event.event == "faulted"
            {
                let ago_s = uptime_us.saturating_sub(event.time_us) / 1_000_000;
                faults.push((known.device.name.clone(), ago_s, event.clone()));
            }
        }
    }
    faults.sort_by_key(|(_, ago_s, event)| (*ago_s, std::cmp::Reverse(event.sequence)));
    let total = faults.len();
    html! {
        div #all-faults hx-get="/-/faults/part" hx-trigger="every 2s" hx-swap="outerHTML" {
            @if faults.is_empty() { p.good { "None." } } @else {
                ul.faults {
                    @for (device, ago_s, event) in faults.iter().take(SHOWN_MAX) {
                        @let name = event.name.as_deref().unwrap_or_default();
                        @let id = format!("fault-{device}-{}-{}", event.log, event.sequence);
                        li {
                            details id=(id) hx-get={ "/-/devices/" (device) "/containers/" (segment(name)) "/fault" } hx-trigger="toggle once" hx-target="find .record" {
                                summary {
                                    span.badge.bad { (event.detail) } " "
                                    a href={ "/-/devices/" (device) "/containers/" (segment(name)) } { (name) } " on "
                                    a href={ "/-/devices/" (device) } { (device) }
                                    span.quiet { ", " (figures::duration(*ago_s)) " before it was seen last" }
                                }
                                div.record { p.quiet { "…" } }
                            }
                        }
                    }
                }
                @if total > SHOWN_MAX { p.quiet { (total - SHOWN_MAX) " more." } }
            }
        }
    }
}

async fn of_container(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At((device, name)): At<(String, String)>,
) -> Page {
    let known = viewed(&app, &visitor, &device).await?;
    let found = ask(&known, move |client| berth::inspect(client, &name)).await?;
    Ok(html! {
        @match &found.last_fault {
            None => { p.quiet { "The device has no record of it any more." } },
            Some(fault) => { p.quiet { "The container's last fault:" } (record(fault)) },
        }
    })
}

/// The last fault of each container of a device.
pub(super) async fn of_device(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At(device): At<String>,
) -> Page {
    let on = OnDevice {
        app,
        caller: visitor.caller,
        device: device.clone(),
    };
    let Json(faults) = devices::faults(on).await?;
    Ok(html! {
        @if faults.is_empty() { p.quiet { "None." } }
        @for fault in &faults {
            h3 { a href={ "/-/devices/" (device) "/containers/" (segment(&fault.name)) } { (fault.name) } }
            (record(&fault.record))
        }
    })
}

/// What was known at a fault.
pub(super) fn record(record: &FaultRecord) -> Markup {
    html! {
        dl.figures.fault {
            div { dt { "Fault" } dd { span.badge.bad { (record.fault) } } }
            div { dt { "In" } dd { (record.entry) @if let Some(source) = record.source { " of source " (source) } } }
            @if let Some(place) = &record.place {
                div { dt { "Where" } dd { @if let Some(text) = &place.text { code { (text) } } @else { "place " (place.number) " of image " code { (place.image) } } } }
            }
            @if let Some(call) = &record.last_call {
                div { dt { "Last call" } dd {
                    code { (call.name) "(" (format!("{:#x}, {:#x}", call.arguments[0], call.arguments[1])) ")" }
                    @if let Some(block) = &call.block { " on " code { (block) @if let Some(register) = &call.register { "." (register) } } }
                } }
            }
            @if let Some(why) = &record.why {
                div { dt { "Why" } dd { (why) } }
            }
            div { dt { "When" } dd { (figures::duration(record.time_us / 1_000_000)) " after the device's start" } }
            div { dt { "Memory held" } dd { (figures::bytes(record.memory_used.into())) } }
            div { dt { "Fuel used" } dd { (record.fuel_used) } }
            div { dt { "Restarts before" } dd { (record.restarts) } }
        }
    }
}
