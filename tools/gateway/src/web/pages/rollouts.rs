//! Roll-outs, with their stages.

use super::{
    super::{
        App,
        v1::{
            fleet::{self, Report, Turn},
            request::At,
        },
    },
    Page, Trouble, Visitor, badge, done, figures, page,
};
use crate::state::{Rollout, RolloutDevice};
use axum::{
    Extension, Json, Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use maud::{Markup, html};
use std::sync::Arc;

/// Roll-outs that the list shows.
const SHOWN_MAX: usize = 100;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/-/rollouts", get(whole))
        .route("/-/rollouts/{id}", get(one))
        .route("/-/rollouts/{id}/live", get(live))
        .route("/-/rollouts/{id}/{turn}", post(turn))
}

async fn whole(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    let who = Extension(visitor.caller.clone());
    let Json(sets) = fleet::sets(State(Arc::clone(&app)), who.clone()).await?;
    let Json(rollouts) = fleet::rollouts(State(app), who).await?;
    let body = html! {
        h1 { "Roll-outs" }
        div #rollouts hx-get="/-/rollouts" hx-trigger="every 2s" hx-select="#rollouts" hx-swap="outerHTML" {
            @if sets.is_empty() { p { "Nothing is rolled out yet. " code { "berth fleet apply fleet.toml" } " says what is to run where." } }
            @else {
                p.summary { "Sets: " @for set in &sets { span.tag { (set.name) " " (set.version) @if let Some(coming) = set.coming { " → " (coming) } } " " } }
            }
            ul.cards {
                @for rollout in rollouts.iter().take(SHOWN_MAX) {
                    li.card {
                        h2 { a id={ "rollout-" (rollout.id) } href={ "/-/rollouts/" (rollout.id) } { (rollout.id) ": " (rollout.set) " " (rollout.version) } " " (state_badge(rollout)) }
                        p.quiet { "Stage " (rollout.stage + 1) " of " (rollout.stages) ", begun " (figures::moment(rollout.begun_ms)) }
                        @if !rollout.why.is_empty() { p.bad { (rollout.why) } }
                    }
                }
            }
        }
    };
    Ok(page(&visitor, "Roll-outs", "/-/rollouts", &body))
}

fn state_badge(rollout: &Rollout) -> Markup {
    let (word, kind) = match &*rollout.state {
        "running" => ("running", "good"),
        "paused" => ("paused", "warn"),
        "stopped" => ("stopped by itself", "bad"),
        "aborted" => ("aborted", "warn"),
        _ => ("done", "good"),
    };
    badge(word, kind)
}

async fn report(app: Arc<App>, visitor: &Visitor, id: i64) -> Result<Report, Trouble> {
    let who = Extension(visitor.caller.clone());
    let Json(report) = fleet::rollout(State(app), who, At(id)).await?;
    Ok(report)
}

async fn one(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At(id): At<i64>,
) -> Page {
    let report = report(app, &visitor, id).await?;
    let body = html! {
        p.path { a href="/-/rollouts" { "Roll-outs" } }
        (state(&visitor, &report))
    };
    let title = format!("Roll-out {id}");
    Ok(page(&visitor, &title, "/-/rollouts", &body))
}

async fn live(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At(id): At<i64>,
) -> Page {
    let report = report(app, &visitor, id).await?;
    Ok(state(&visitor, &report))
}

fn state(visitor: &Visitor, report: &Report) -> Markup {
    let rollout = &report.rollout;
    let path = format!("/-/rollouts/{}", rollout.id);
    let verbs: &[(&str, &str)] = match &*rollout.state {
        "running" => &[("pause", "Pause"), ("abort", "Abort")],
        "paused" => &[("resume", "Resume"), ("abort", "Abort")],
        _ => &[],
    };
    let ask = "End it, and take it back from whoever has it?";
    html! {
        div #live hx-get={ (path) "/live" } hx-trigger="every 2s, changed from:body" hx-swap="outerHTML" {
            div.title {
                h1 { (rollout.set) ": " (rollout.previous) " → " (rollout.version) " " (state_badge(rollout)) }
                @if visitor.may_operate() && !verbs.is_empty() {
                    div.do { @for (verb, text) in verbs {
                        button id=(verb) type="button" hx-post={ (path) "/" (verb) } hx-target="#message" hx-swap="innerHTML" hx-confirm=[(*verb == "abort").then_some(ask)] { (text) } " "
                    } }
                }
            }
            p.quiet { "Begun " (figures::moment(rollout.begun_ms)) @if let Some(ended) = rollout.ended_ms { ", ended " (figures::moment(ended)) } }
            @if !rollout.why.is_empty() { p.message.error { (rollout.why) } }
            ol.stages {
                @for stage in 0..rollout.stages { (stage_of(report, stage)) }
            }
        }
    }
}

fn stage_of(report: &Report, stage: i64) -> Markup {
    let rollout = &report.rollout;
    let devices: Vec<&RolloutDevice> = report
        .devices
        .iter()
        .filter(|device| device.stage == stage)
        .collect();
    let count = |state: &str| devices.iter().filter(|d| d.state == state).count();
    let ended = rollout.state != "running" && rollout.state != "paused";
    let (word, kind) = if stage < rollout.stage || rollout.state == "done" {
        ("passed", "good")
    } else if stage > rollout.stage {
        (if ended { "not begun" } else { "comes" }, "quiet")
    } else {
        match &*rollout.state {
            "running" => ("now", "good"),
            "paused" => ("waits", "warn"),
            "stopped" => ("failed", "bad"),
            _ => ("ended", "warn"),
        }
    };
    html! {
        li.stage.(kind) {
            h2 { "Stage " (stage + 1) " " (badge(word, kind)) }
            p.quiet {
                (devices.len()) @if devices.len() == 1 { " device" } @else { " devices" }
                @for state in ["updated", "good", "failed", "back", "waiting"] { @let n = count(state); @if n > 0 { ", " (n) " " (state) } }
            }
            ul.devices {
                @for device in devices.iter().take(SHOWN_MAX) {
                    @let kind = match &*device.state { "good" => "good", "failed" => "bad", "back" => "warn", "updated" => "good", _ => "quiet" };
                    li { a href={ "/-/devices/" (device.device) } { (device.device) } " " (badge(&device.state, kind))
                        @if !device.why.is_empty() { " " span.bad { (device.why) } } }
                }
                @if devices.len() > SHOWN_MAX { li.quiet { (devices.len() - SHOWN_MAX) " more" } }
            }
        }
    }
}

async fn turn(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At((id, turn)): At<(i64, Turn)>,
) -> Result<Response, Trouble> {
    let text = match turn {
        Turn::Pause => "The roll-out waits.",
        Turn::Resume => "The roll-out goes on.",
        Turn::Abort => "The roll-out has ended, and is taken back.",
    };
    fleet::turn(State(app), Extension(visitor.caller), At((id, turn))).await?;
    Ok(done(text))
}
