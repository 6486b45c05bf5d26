//! One container: its figures, its log as it is written, and everything that is known of it.

use super::{
    super::{App, Problem, v1::follow},
    Page, Visitor,
    device::{actions, ask, cpu, held, state_badge, viewed},
    faults, figures, page, segment,
};
use crate::lines::Known;
use axum::{Extension, Router, extract::State, routing::get};
use berth::Container;
use maud::{Markup, html};
use std::sync::Arc;

use super::super::v1::request::At;

pub(super) fn router() -> Router<Arc<App>> {
    let path = "/-/devices/{device}/containers/{name}";
    Router::new()
        .route(path, get(whole))
        .route(&format!("{path}/live"), get(live))
        .route(&format!("{path}/known"), get(known))
        // The same as over `/v1`: what pages show are the lines in it.
        .route(&format!("{path}/log"), get(follow::logs))
}

/// The container as it was seen last.
fn seen(known: &Known, name: &str) -> Option<Container> {
    let seen = known.line.seen()?;
    let found = seen.containers.iter().find(|c| *c.name == *name);
    found.cloned()
}

async fn whole(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At((device, name)): At<(String, String)>,
) -> Page {
    let known = viewed(&app, &visitor, &device).await?;
    let path = format!("/-/devices/{device}/containers/{}", segment(&name));
    if seen(&known, &name).is_none() {
        // Perhaps it came after the last look; the device knows, and says so otherwise.
        let wanted = name.clone();
        ask(&known, move |client| berth::inspect(client, &wanted)).await?;
    }
    let body = html! {
        p.path { a href="/" { "Devices" } " / " a href={ "/-/devices/" (device) } { (device) } }
        (state(&visitor, &known, &name))
        section aria-labelledby="log-title" {
            h2 #log-title { "Log" }
            ol #log.log data-stream={ (path) "/log" } tabindex="0" aria-label="Log, the newest line last" {}
            p.quiet #log-state { "…" }
        }
        div #known hx-get={ (path) "/known" } hx-trigger="load, changed from:body, every 10s" { p.quiet { "…" } }
    };
    Ok(page(&visitor, &name, "/", &body))
}

async fn live(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At((device, name)): At<(String, String)>,
) -> Page {
    let known = viewed(&app, &visitor, &device).await?;
    Ok(state(&visitor, &known, &name))
}

fn state(visitor: &Visitor, known: &Known, name: &str) -> Markup {
    let device = &known.device.name;
    let container = seen(known, name);
    let points = known.line.watch().history().of(name);
    html! {
        div #live hx-get={ "/-/devices/" (device) "/containers/" (segment(name)) "/live" } hx-trigger="every 2s, changed from:body" hx-swap="outerHTML" {
            @match &container {
                None => { h1 { (name) } p.quiet { "It is not there." } },
                Some(container) => {
                    div.title {
                        h1 { (name) " " (state_badge(container)) }
                        @if visitor.may_operate() { div.do { (actions(device, container)) } }
                    }
                    dl.figures {
                        div.wide { dt { "CPU" } dd #cpu { (cpu(&points, container)) } }
                        div.wide { dt { "Memory" } dd #memory { (held(&points, container)) } }
                        div { dt { "Up" } dd #uptime { @if container.is_active() { (figures::duration(container.uptime_us / 1_000_000)) } @else { "–" } } }
                        div { dt { "Most memory" } dd { (figures::bytes(container.memory_high.into())) " of " (figures::bytes(container.memory_limit.into())) } }
                        @if let Some(stack) = container.stack_high { div { dt { "Deepest stack" } dd { (figures::bytes(stack.into())) } } }
                        div { dt { "Fuel" } dd #fuel { (container.fuel_used) } }
                        div { dt { "Interrupts" } dd { (container.interrupts) ", " (container.interrupts_dropped) " lost" } }
                        div { dt { "Restarts" } dd { (container.restarts) } }
                        div { dt { "Image" } dd { (figures::bytes(container.image_bytes.into())) } }
                        div { dt { "Holds" } dd { @if container.blocks.is_empty() { "nothing" }
                            @for block in &container.blocks { span.tag { (block.label) " (" (block.access) ")" } " " } } }
                    }
                },
            }
        }
    }
}

async fn known(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At((device, name)): At<(String, String)>,
) -> Page {
    let known = viewed(&app, &visitor, &device).await?;
    let found = ask(&known, move |client| berth::inspect(client, &name)).await?;
    let how = serde_json::to_value(&found.parameters)
        .map_err(|error| Problem::bad_request(&error.to_string()))?;
    let chosen = how.as_object().into_iter().flatten();
    let chosen: Vec<_> = chosen.filter(|(_, value)| !value.is_null()).collect();
    Ok(html! {
        section aria-labelledby="fault-title" {
            h2 #fault-title { "Last fault" }
            @match &found.last_fault { None => { p.quiet { "None." } }, Some(record) => { (faults::record(record)) } }
        }
        section aria-labelledby="known-title" {
            h2 #known-title { "How it is to run" }
            dl.figures {
                div.wide { dt { "SHA-256 of its image" } dd { code.hash { (found.sha256) } } }
                @for (name, value) in &chosen {
                    div { dt { (name) } dd { @if let Some(text) = value.as_str() { (text) } @else { (value.to_string()) } } }
                }
                @if chosen.is_empty() { div { dt { "Parameters" } dd { "as the device chooses" } } }
                @if let Some(values) = &found.values { div { dt { "Named values" } dd { (values.count) ", " (figures::bytes(values.bytes.into())) " of " (figures::bytes(values.limit.into())) } } }
                div { dt { "Saved state" } dd { (figures::bytes(found.saved_bytes.into())) } }
            }
            @if let Some(configuration) = found.configuration.as_ref().filter(|all| !all.is_empty()) {
                h3 { "Configuration" }
                table.plain { tbody { @for (name, value) in configuration { tr { th scope="row" { code { (name) } } td { (value) } } } } }
            }
            @if !found.sources.is_empty() {
                h3 { "Interrupts" }
                table.stack {
                    thead { tr { th scope="col" { "Source" } th scope="col" { "Priority" } th scope="col" { "Taken" } th scope="col" { "Lost" } th scope="col" { "Longest run" } } }
                    tbody { @for source in &found.sources { tr {
                        th scope="row" { code { (source.label) } } td data-label="Priority" { (source.priority) } td data-label="Taken" { (source.taken) }
                        td data-label="Lost" { (source.dropped) } td data-label="Longest run" { (source.longest_us) " µs" }
                    } } }
                }
            }
        }
    })
}
