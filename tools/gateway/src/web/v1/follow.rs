//! What happens, as it happens: server-sent events.
//!
//! Each has its place in the log as its id (`LOG:NUMBER`), so a browser that was cut off goes on where it was
//! (`Last-Event-ID`). However many follow a log, the device is asked for it once.

use super::{
    super::{App, LOOK, Problem, problem},
    request::{OnContainer, OnDevice},
};
use crate::{
    Again,
    lines::Known,
    look,
    watch::{Item, Place},
};
use axum::{
    http::HeaderMap,
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt, stream};
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::broadcast::{self, error::RecvError};
use utoipa_axum::{router::OpenApiRouter, routes};

/// A comment so often, so that nothing on the way takes a quiet stream for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Whether somebody may still follow is looked at so often.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(events))
        .routes(routes!(logs))
}

/// What happens on a device, from what it still knows on.
#[utoipa::path(get, path = "/v1/devices/{device}/events/stream", tag = "devices",
    params(("device" = String, Path, description = "The device"), ("Last-Event-ID" = Option<String>, Header, description = "What came last")),
    responses((status = 200, content_type = "text/event-stream", body = String, description = "events of kind `event`, each with one event as JSON"),
        (status = "default", body = problem::Body)))]
async fn events(
    on: OnDevice,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let known = on.known("events").await?;
    let place = last_id(&headers);
    let (before, coming) = known.line.watch().follow_events(place);
    known.line.wake();
    let over = is_over(&on, &known);
    Ok(answer(known, "event", place, before, coming, over))
}

/// What a container writes, from what the device still has on.
#[utoipa::path(get, path = "/v1/devices/{device}/containers/{name}/logs/stream", tag = "containers",
    params(("device" = String, Path, description = "The device"), ("name" = String, Path, description = "The container"),
        ("Last-Event-ID" = Option<String>, Header, description = "What came last")),
    responses((status = 200, content_type = "text/event-stream", body = String, description = "events of kind `line`, each with one line as JSON"),
        (status = "default", body = problem::Body)))]
pub(in super::super) async fn logs(
    OnContainer { on, name }: OnContainer,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let known = on.known("logs").await?;
    let mut place = last_id(&headers);
    let begun = place;
    let mut before = read(&known, &name, &mut place).await?;
    let (from, coming) = known.line.watch().follow_log(&name, place);
    known.line.wake();
    if (from.log, from.next) != (place.log, place.next) {
        // Somebody follows it already, and has read further: between the two is what we have not.
        before.extend(read(&known, &name, &mut place).await?);
    }
    let over = is_over(&on, &known);
    Ok(answer(known, "line", begun, before, coming, over))
}

/// What the device has of a log from a place on; the first answer of a container that is not there is its refusal.
async fn read(known: &Known, name: &str, place: &mut Place) -> Result<Vec<Arc<Item>>, Problem> {
    let mut items = Vec::new();
    loop {
        let (name, mut from) = (name.to_owned(), *place);
        let is_first = items.is_empty();
        let part = known.line.ask(Again::No, LOOK, move |client| {
            if is_first {
                // What `read` takes for the end of a log.
                match berth::log_line(client, &name, None, 0) {
                    Err(error) if error.is_refusal("unknown-name") => return Err(error),
                    _ => {}
                }
            }
            let mut part = Vec::new();
            look::read(
                &mut from,
                |place| Ok(berth::log_line(client, &name, place.log, place.next)?.map(Item::Line)),
                |item| part.push(Arc::new(item)),
            )?;
            Ok((from, part))
        });
        let (after, part) = part.await?;
        *place = after;
        if part.is_empty() {
            return Ok(items);
        }
        items.extend(part);
    }
}

/// Where a client was before it was cut off; at the beginning otherwise.
fn last_id(headers: &HeaderMap) -> Place {
    let place = || {
        let text = headers.get("last-event-id")?.to_str().ok()?;
        let (log, sequence) = text.split_once(':')?;
        Some(Place {
            log: Some(log.parse().ok()?),
            next: sequence.parse::<u32>().ok()?.saturating_add(1),
        })
    };
    place().unwrap_or_default()
}

/// Ends when the caller may see the device no more: his key is revoked, he has logged out, or the device is not one of its devices or not there.
fn is_over(on: &OnDevice, known: &Known) -> impl Future<Output = ()> + Send + use<> {
    let app = Arc::clone(&on.app);
    let (key, device) = (on.caller.key.clone(), known.device.name.clone());
    let session = on.caller.session;
    async move {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if session.is_some_and(|session| !app.sessions.goes_on(&session)) {
                return;
            }
            let key = key.clone();
            let row = app.with_state(move |state| state.key_of_id(&key)).await;
            // Without the database nobody knows, and nothing new is begun.
            let Ok(row) = row else { continue };
            let is_his = |known: Known| row.is_some_and(|row| row.scope.has(&known.device));
            if !app.lines.get(Some(&device)).is_some_and(is_his) {
                return;
            }
        }
    }
}

struct Following {
    kind: &'static str,
    place: Place,
    before: VecDeque<Arc<Item>>,
    coming: broadcast::Receiver<Arc<Item>>,
    /// So that the device's thread goes on while somebody follows.
    _known: Known,
}

fn answer(
    known: Known,
    kind: &'static str,
    place: Place,
    before: Vec<Arc<Item>>,
    coming: broadcast::Receiver<Arc<Item>>,
    over: impl Future<Output = ()> + Send + 'static,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let following = Following {
        kind,
        place,
        before: before.into(),
        coming,
        _known: known,
    };
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Sse::new(events.take_until(over)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        loop {
            let item = match self.before.pop_front() {
                Some(item) => item,
                None => match self.coming.recv().await {
                    Ok(item) => item,
                    Err(RecvError::Lagged(count)) => {
                        return Some(Event::default().event("missed").data(count.to_string()));
                    }
                    Err(RecvError::Closed) => return None,
                },
            };
            if !self.place.is_before(&item) {
                continue;
            }
            self.place = Place::after(&item);
            let (log, sequence) = item.place();
            let event = Event::default()
                .event(self.kind)
                .id(format!("{log}:{sequence}"));
            // What cannot be written as JSON is not sent; there is nothing of that kind.
            if let Ok(event) = event.json_data(&*item) {
                return Some(event);
            }
        }
    }
}
