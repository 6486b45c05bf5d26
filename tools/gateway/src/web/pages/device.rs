//! One device: its containers live, who holds what of its hardware, an upload, and what went wrong.

use super::{
    super::{
        App, LOOK, Problem,
        v1::{
            containers::{Removal, Verb, act, remove, store},
            devices,
            request::{Asked, At, OnContainer, OnDevice},
            settings::Stored,
        },
    },
    Page, Trouble, Visitor, badge, done, faults, figures,
    overview::{memory, trouble},
    page, segment,
};
use crate::{Again, Role, Standing, history::Point, lines::Known, watch::Carried};
use axum::{
    Extension, Json, Router,
    extract::{Multipart, Path, State},
    response::Response,
    routing::{get, post},
};
use berth::{Container, Holder};
use berth_protocol::State as Does;
use maud::{Markup, html};
use std::sync::Arc;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/-/devices/{device}", get(whole))
        .route("/-/devices/{device}/live", get(live))
        .route("/-/devices/{device}/exposures", get(exposures))
        .route("/-/devices/{device}/faults", get(faults::of_device))
        .route("/-/devices/{device}/upload", get(carried).post(upload))
        .route("/-/devices/{device}/reset", post(reset))
        .route(
            "/-/devices/{device}/containers/{name}/do/{verb}",
            post(verb),
        )
        .route(
            "/-/devices/{device}/containers/{name}/do/delete",
            post(delete),
        )
}

/// The device of a page; it is looked at more often from now on.
pub(super) async fn viewed(app: &App, visitor: &Visitor, name: &str) -> Result<Known, Trouble> {
    let known = app
        .device(&visitor.caller, Some(name), Role::View, "page")
        .await?;
    known.line.view();
    Ok(known)
}

async fn whole(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At(name): At<String>,
) -> Page {
    let known = viewed(&app, &visitor, &name).await?;
    let path = format!("/-/devices/{name}");
    let body = html! {
        p.path { a href="/" { "Devices" } }
        (state(&visitor, &known))
        @if visitor.may_operate() { (upload_form(&path)) }
        section aria-labelledby="exposures-title" {
            h2 #exposures-title { "Exposures" }
            div #exposures hx-get={ (path) "/exposures" } hx-trigger="load, changed from:body, every 10s" { p.quiet { "…" } }
        }
        section aria-labelledby="faults-title" {
            h2 #faults-title { "Faults" }
            div #faults hx-get={ (path) "/faults" } hx-trigger="load, changed from:body, every 10s" { p.quiet { "…" } }
        }
    };
    Ok(page(&visitor, &name, "/", &body))
}

async fn live(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At(name): At<String>,
) -> Page {
    let known = viewed(&app, &visitor, &name).await?;
    Ok(state(&visitor, &known))
}

/// What is kept up to date.
fn state(visitor: &Visitor, known: &Known) -> Markup {
    let name = &known.device.name;
    let seen = known.line.seen();
    let (word, kind, info) = match known.line.standing() {
        Standing::Looking => ("being looked for", "quiet", None),
        Standing::Away { .. } => ("away", "bad", None),
        Standing::Elsewhere { .. } => ("at another gateway", "quiet", None),
        Standing::Here(info) => ("here", "good", Some(info)),
    };
    html! {
        div #live hx-get={ "/-/devices/" (name) "/live" } hx-trigger="every 2s, changed from:body" hx-swap="outerHTML" {
            div.title {
                h1 { (name) " " (badge(word, kind)) }
                @if visitor.may_operate() && info.is_some() {
                    button #reset.risky type="button" hx-post={ "/-/devices/" (name) "/reset" } hx-target="#message" hx-swap="innerHTML"
                        hx-confirm={ "Let " (name) " begin anew as after power-on? Its containers stop meanwhile." } { "Reset" }
                }
            }
            @if let Standing::Elsewhere { at } = known.line.standing() { p { (super::overview::elsewhere(at.as_deref())) } }
            @if let Standing::Away { why, since } = known.line.standing() {
                p.bad { "Away for " (figures::duration(since.elapsed().as_secs())) ": " (why) }
            }
            @if let Some(seen) = &seen {
                @for text in trouble(seen) { p.bad { (text) } }
                dl.figures {
                    @if let Some(info) = &info {
                        div { dt { "Board" } dd { (info.board) } }
                        div { dt { "Kernel, supervisor" } dd { (info.kernel) ", " (info.supervisor) } }
                        div { dt { "Up" } dd #uptime { (figures::duration(info.uptime_us / 1_000_000)) } }
                    }
                    @if let Some(status) = &seen.status {
                        div { dt { "Restarts of the supervisor" } dd { (status.restarts) } }
                        @if let Some(store) = &status.store {
                            div { dt { "Flash" } dd { (figures::bytes(store.free.into())) " of " (figures::bytes(store.total.into())) " free" } }
                            div { dt { "Wear" } dd { "erased " (store.wear_max) " times at most, " (store.wear_mean) " in the mean" } }
                        }
                    }
                    div { dt { "Seen" } dd { (figures::duration(seen.at.elapsed().as_secs())) " ago" } }
                    div.wide {
                        dt { "Memory" }
                        dd {
                            (memory(&seen.heap))
                            @let free = known.line.watch().history().free();
                            @let used: Vec<_> = free.into_iter().map(|(at, free)| (at, seen.heap.total.saturating_sub(free))).collect();
                            (figures::curve(&used, seen.heap.total, "Memory used, two minutes",
                                &figures::bytes(seen.heap.total.saturating_sub(seen.heap.free).into())))
                        }
                    }
                }
                (containers(visitor, known, &seen.containers))
            }
        }
    }
}

fn containers(visitor: &Visitor, known: &Known, containers: &[Container]) -> Markup {
    let device = &known.device.name;
    html! {
        h2 { "Containers" }
        @if containers.is_empty() {
            p.quiet { "None yet." }
        } @else {
            table.stack {
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "State" } th scope="col" { "CPU" } th scope="col" { "Memory" }
                    th scope="col" { "Up" } th scope="col" { "Restarts" } th scope="col" { "Interrupts" } th scope="col" { "Holds" }
                    @if visitor.may_operate() { th scope="col" { "Do" } }
                } }
                tbody {
                    @for container in containers {
                        @let points = known.line.watch().history().of(&container.name);
                        @let id = format!("container-{}", container.name);
                        tr {
                            th scope="row" { a id=(id) href={ "/-/devices/" (device) "/containers/" (segment(&container.name)) } { (container.name) } }
                            td data-label="State" { (state_badge(container)) }
                            td data-label="CPU" { (cpu(&points, container)) }
                            td data-label="Memory" { (held(&points, container)) }
                            td.short data-label="Up" { @if container.is_active() { (figures::duration(container.uptime_us / 1_000_000)) } @else { "–" } }
                            td data-label="Restarts" { (container.restarts) }
                            td data-label="Interrupts" { (container.interrupts) @if container.interrupts_dropped > 0 { " (" (container.interrupts_dropped) " lost)" } }
                            td data-label="Holds" { @if container.blocks.is_empty() { "–" } @for block in &container.blocks { span.tag { (block.label) } " " } }
                            @if visitor.may_operate() { td.do data-label="Do" { (actions(device, container)) } }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn state_badge(container: &Container) -> Markup {
    let kind = match container.state {
        Does::Running | Does::Starting => "good",
        Does::Faulted { .. } | Does::Quarantined => "bad",
        Does::Paused | Does::Restarting { .. } => "warn",
        Does::Stored | Does::Stopped | Does::Exited { .. } => "quiet",
    };
    badge(&container.state_text(), kind)
}

/// What it had of the CPU lately.
pub(super) fn cpu(points: &[Point], container: &Container) -> Markup {
    let values: Vec<_> = points
        .iter()
        .map(|point| (point.at_s, point.cpu_permille.into()))
        .collect();
    // Small shares are to be seen, too.
    let most = values.iter().map(|value| value.1).max().unwrap_or(0);
    let last = figures::permille(container.cpu_permille);
    html! {
        (figures::curve(&values, most.max(100), "CPU, two minutes", &last))
        span.figure { (last) }
    }
}

/// What memory it held lately, of what it may.
pub(super) fn held(points: &[Point], container: &Container) -> Markup {
    let values: Vec<_> = points
        .iter()
        .map(|point| (point.at_s, point.memory))
        .collect();
    let most = values.iter().map(|value| value.1).max().unwrap_or(0);
    let last = figures::bytes(container.memory_used.into());
    html! {
        (figures::curve(&values, (most + most / 4).max(1024), "Memory, two minutes", &last))
        span.figure { (last) }
    }
}

/// What may be done with a container as it is.
pub(super) fn actions(device: &str, container: &Container) -> Markup {
    let verbs: &[(&str, &str)] = match container.state {
        Does::Running | Does::Starting => {
            &[("stop", "Stop"), ("pause", "Pause"), ("restart", "Restart")]
        }
        Does::Paused => &[("resume", "Resume"), ("stop", "Stop")],
        Does::Restarting { .. } => &[("stop", "Stop"), ("start", "Start")],
        Does::Quarantined => &[("lift", "Allow again"), ("delete", "Delete")],
        Does::Stored | Does::Stopped | Does::Exited { .. } | Does::Faulted { .. } => {
            &[("start", "Start"), ("delete", "Delete")]
        }
    };
    let name = &*container.name;
    html! {
        @for (verb, text) in verbs {
            @let id = format!("{verb}-{name}");
            @let path = format!("/-/devices/{device}/containers/{}/do/{verb}", segment(name));
            @let ask = (*verb == "delete").then(|| format!("Delete {name}, with its image, state and log?"));
            button id=(id) type="button" hx-post=(path) hx-target="#message" hx-swap="innerHTML" hx-disabled-elt="this"
                hx-confirm=[ask] aria-label={ (text) " " (name) } { (text) }
            " "
        }
    }
}

async fn verb(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At((device, name, verb)): At<(String, String, Verb)>,
) -> Result<Response, Trouble> {
    let text = format!("{name}: {} is done.", verb.word());
    let at = At((device, name, verb));
    act(at, State(app), Extension(visitor.caller)).await?;
    Ok(done(&text))
}

async fn delete(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At((device, name)): At<(String, String)>,
) -> Result<Response, Trouble> {
    let on = OnDevice {
        app,
        caller: visitor.caller,
        device,
    };
    let text = format!("{name} is deleted.");
    let how = Asked(Removal { force: false });
    remove(OnContainer { on, name }, how).await?;
    Ok(done(&text))
}

async fn reset(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At(device): At<String>,
) -> Result<Response, Trouble> {
    let text = format!("{device} has begun anew.");
    let on = OnDevice {
        app,
        caller: visitor.caller,
        device,
    };
    devices::reset(on).await?;
    Ok(done(&text))
}

async fn exposures(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At(name): At<String>,
) -> Page {
    let on = OnDevice {
        app,
        caller: visitor.caller,
        device: name.clone(),
    };
    let Json(exposures) = devices::exposures(on).await?;
    Ok(html! {
        @if exposures.is_empty() { p.quiet { "This device exposes nothing." } } @else {
            table.stack {
                thead { tr { th scope="col" { "Label" } th scope="col" { "Held by" } th scope="col" { "Access" } th scope="col" { "Registers" } th scope="col" { "Length" } } }
                tbody {
                    @for exposure in &exposures {
                        tr {
                            th scope="row" { code { (exposure.label) } }
                            td data-label="Held by" {
                                @match &exposure.holder {
                                    Holder::Free => { span.quiet { "nobody" } },
                                    Holder::Firmware => { (badge("the firmware", "warn")) },
                                    Holder::Container(holder) => { a href={ "/-/devices/" (name) "/containers/" (segment(holder)) } { (holder) } },
                                }
                            }
                            td data-label="Access" { (exposure.access) }
                            td data-label="Registers" { (exposure.registers) }
                            td data-label="Length" { (exposure.length) " B" }
                        }
                    }
                }
            }
        }
    })
}

fn upload_form(path: &str) -> Markup {
    html! {
        section aria-labelledby="upload-title" {
            h2 #upload-title { "Upload" }
            form #upload.drop hx-post={ (path) "/upload" } hx-encoding="multipart/form-data" hx-target="#message" hx-swap="innerHTML" hx-disabled-elt="#upload-go"
                data-progress={ (path) "/upload" } {
                p {
                    label.file for="file" { "Drop a " code { ".wasm" } " file here, or choose one" }
                    input #file type="file" name="file" accept=".wasm,application/wasm" required;
                }
                p {
                    label for="name" { "Name" }
                    input #name name="name" type="text" maxlength="32" placeholder="as the file" autocomplete="off" spellcheck="false";
                    label.check { input #start name="start" type="checkbox" value="true" checked; "start it" }
                    button #upload-go.main type="submit" { "Upload" }
                }
                div #transfer aria-live="polite" {}
            }
        }
    }
}

/// How far an image has come.
async fn carried(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    At(name): At<String>,
) -> Page {
    let known = viewed(&app, &visitor, &name).await?;
    Ok(html! {
        @if let Some(Carried { name, done, total }) = known.line.watch().carried() {
            label for="progress" { (name) ": " (figures::bytes(done.into())) " of " (figures::bytes(total.into())) " are on the device" }
            progress #progress max=(total) value=(done) {}
        } @else {
            label for="progress" { "On its way to the gateway, or being started" }
            progress #progress {}
        }
    })
}

async fn upload(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(device): Path<String>,
    mut form: Multipart,
) -> Result<Response, Trouble> {
    let (mut name, mut file, mut start) = (String::new(), None, false);
    while let Some(field) = form.next_field().await.map_err(Problem::from)? {
        match field.name() {
            Some("file") => {
                let called = field.file_name().unwrap_or_default().to_owned();
                file = Some((called, field.bytes().await.map_err(Problem::from)?));
            }
            Some("name") => field
                .text()
                .await
                .map_err(Problem::from)?
                .trim()
                .clone_into(&mut name),
            Some("start") => start = field.text().await.map_err(Problem::from)? == "true",
            _ => {}
        }
    }
    let Some((called, bytes)) = file else {
        return Err(Problem::bad_request("choose a file first").into());
    };
    if name.is_empty() {
        // What stands before it is the browser's folder.
        let last = called.rsplit(['/', '\\']).next().unwrap_or_default();
        last.strip_suffix(".wasm")
            .unwrap_or(last)
            .clone_into(&mut name);
    }
    let on = OnDevice {
        app,
        caller: visitor.caller,
        device,
    };
    let container = OnContainer {
        on,
        name: name.clone(),
    };
    let Json(outcome) = store(container, Asked(Stored::of(start)), bytes).await?;
    let what = match (outcome.outcome, outcome.started) {
        ("updated", _) => "is updated",
        ("unchanged", true) => "was there already, and is started",
        ("unchanged", false) => "was there already",
        (_, true) => "is stored and started",
        (_, false) => "is stored",
    };
    let note = outcome.note.map(|note| format!(" ({note})"));
    Ok(done(&format!("{name} {what}.{}", note.unwrap_or_default())))
}

/// Asks the device of a page for something.
pub(super) async fn ask<T: Send + 'static>(
    known: &Known,
    ask: impl FnMut(&mut berth::Client) -> Result<T, berth::Error> + Send + 'static,
) -> Result<T, Trouble> {
    let answer = known.line.ask(Again::No, LOOK, ask).await;
    Ok(answer.map_err(Problem::from)?)
}
