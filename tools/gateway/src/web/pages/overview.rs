//! All devices, those in trouble first.

use super::{Page, Visitor, badge, figures, page};
use crate::{Standing, lines::Known, watch::Seen};
use axum::{
    Extension, Router,
    extract::{Query, State},
    routing::get,
};
use berth_protocol::State as Does;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

use super::super::App;

/// Devices that a page shows; more are found by their names.
const SHOWN_MAX: usize = 100;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(whole))
        .route("/-/devices", get(part))
}

/// Which devices.
#[derive(Deserialize, Default)]
struct Which {
    /// A part of the name or of a group.
    #[serde(default)]
    q: String,
}

impl Which {
    fn has(&self, known: &Known) -> bool {
        let device = &known.device;
        let wanted = self.q.trim();
        device.name.contains(wanted) || device.groups.iter().any(|group| group.contains(wanted))
    }
}

async fn whole(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(which): Query<Which>,
) -> Page {
    let body = html! {
        h1 { "Devices" }
        form.filter role="search" method="get" action="/" {
            label for="q" { "Find" }
            input #q type="search" name="q" value=(which.q) placeholder="name or group" autocomplete="off"
                hx-get="/-/devices" hx-target="#devices" hx-swap="outerHTML" hx-trigger="input changed delay:250ms";
        }
        (devices(&app, &visitor, &which))
    };
    Ok(page(&visitor, "Devices", "/", &body))
}

async fn part(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(which): Query<Which>,
) -> Page {
    Ok(devices(&app, &visitor, &which))
}

/// How a device is, worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Away,
    Ill,
    Looking,
    Well,
    Elsewhere,
}

/// What is wrong with a device that is there, in a few words.
pub(super) fn trouble(seen: &Seen) -> Vec<String> {
    let mut trouble = Vec::new();
    if let Some(status) = &seen.status {
        if status.safe_mode {
            trouble.push("safe mode: no container starts".to_owned());
        }
        if status.without_store {
            trouble.push("its store was not read".to_owned());
        }
        if let Some(suspect) = &status.suspect {
            trouble.push(format!("the supervisor failed while {suspect} ran"));
        }
    }
    for (word, is) in [
        (
            "faulted",
            (|does| matches!(does, Does::Faulted { .. })) as fn(Does) -> bool,
        ),
        ("quarantined", |does| matches!(does, Does::Quarantined)),
        ("restarting", |does| matches!(does, Does::Restarting { .. })),
    ] {
        let these = seen.containers.iter().filter(|c| is(c.state));
        let names: Vec<&str> = these.map(|c| &*c.name).collect();
        if !names.is_empty() {
            trouble.push(format!("{word}: {}", names.join(", ")));
        }
    }
    trouble
}

fn health(known: &Known, seen: Option<&Seen>) -> Health {
    match known.line.standing() {
        Standing::Away { .. } => Health::Away,
        Standing::Looking => Health::Looking,
        Standing::Elsewhere { .. } => Health::Elsewhere,
        Standing::Here(_) if seen.is_some_and(|seen| !trouble(seen).is_empty()) => Health::Ill,
        Standing::Here(_) => Health::Well,
    }
}

fn devices(app: &App, visitor: &Visitor, which: &Which) -> Markup {
    let all = app.devices(&visitor.caller);
    let mut rows: Vec<_> = all
        .iter()
        .filter(|known| which.has(known))
        .map(|known| {
            let seen = known.line.seen();
            (health(known, seen.as_deref()), known, seen)
        })
        .collect();
    rows.sort_by(|a, b| (a.0, &a.1.device.name).cmp(&(b.0, &b.1.device.name)));
    let count = |health| rows.iter().filter(|row| row.0 == health).count();
    let total = rows.len();
    html! {
        section #devices hx-get="/-/devices" hx-trigger="every 2s" hx-include="#q" hx-swap="outerHTML" aria-label="Devices" {
            p.summary {
                strong { (total) } @if total == 1 { " device: " } @else { " devices: " }
                (badge(&format!("{} well", count(Health::Well)), "good")) " "
                @if count(Health::Ill) > 0 { (badge(&format!("{} in trouble", count(Health::Ill)), "bad")) " " }
                @if count(Health::Away) > 0 { (badge(&format!("{} away", count(Health::Away)), "bad")) " " }
                @if count(Health::Looking) > 0 { (badge(&format!("{} being looked for", count(Health::Looking)), "quiet")) " " }
                @if count(Health::Elsewhere) > 0 { (badge(&format!("{} at other gateways", count(Health::Elsewhere)), "quiet")) }
            }
            @if all.is_empty() {
                p { "No devices yet. " code { "berth serve device add NAME ADDRESS" } " adds one." }
            }
            ul.cards {
                @for (health, known, seen) in rows.iter().take(SHOWN_MAX) { (card(*health, known, seen.as_deref())) }
            }
            @if total > SHOWN_MAX { p.quiet { (total - SHOWN_MAX) " more: find them by name or group." } }
        }
    }
}

fn card(health: Health, known: &Known, seen: Option<&Seen>) -> Markup {
    let device = &known.device;
    let (word, kind) = match health {
        Health::Away => ("away", "bad"),
        Health::Ill => ("in trouble", "bad"),
        Health::Looking => ("being looked for", "quiet"),
        Health::Well => ("well", "good"),
        Health::Elsewhere => ("at another gateway", "quiet"),
    };
    let id = format!("device-{}", device.name);
    html! {
        li.card {
            h2 { a id=(id) href={ "/-/devices/" (device.name) } { (device.name) } " " (badge(word, kind)) }
            @match known.line.standing() {
                Standing::Away { why, since } => p { "Away for " (figures::duration(since.elapsed().as_secs())) ": " (why) },
                Standing::Looking => p.quiet { "Its line is being opened." },
                Standing::Elsewhere { at } => p.quiet { (elsewhere(at.as_deref())) },
                Standing::Here(info) => p.quiet { (info.board) ", up " (figures::duration(info.uptime_us / 1_000_000)) },
            }
            @if let Some(seen) = seen {
                @for text in trouble(seen) { p.bad { (text) } }
                @let active = seen.containers.iter().filter(|c| c.is_active()).count();
                p { (active) " of " (seen.containers.len()) " containers run" }
                (memory(&seen.heap))
            }
            @if !device.groups.is_empty() {
                p.groups { @for group in &device.groups { span.tag { (group) } " " } }
            }
        }
    }
}

/// Where a device is that is not this gateway's.
pub(super) fn elsewhere(at: Option<&str>) -> Markup {
    html! {
        @match at {
            Some(at) => { "The gateway at " a href=(at) { (at) } " has it." },
            None => { "No gateway has it at the moment." },
        }
    }
}

/// How much of the memory is taken.
pub(super) fn memory(heap: &berth::HeapInfo) -> Markup {
    let used = heap.total.saturating_sub(heap.free);
    let text = format!(
        "{} of {} memory used",
        figures::bytes(used.into()),
        figures::bytes(heap.total.into())
    );
    html! {
        p.memory {
            meter min="0" max=(heap.total) high=(heap.total / 100 * 90) value=(used) aria-label=(text) {}
            span.quiet { (text) }
        }
    }
}
