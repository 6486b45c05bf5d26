//! WASMICO's HTTP API: its paths, fields, keys and status codes, so that its command line works unchanged.
//!
//! ```text
//!   POST /task/upload                                  multipart: file, reservedStackSize, reservedInitialMemory, memoryLimit, liveUpdate
//!   POST /task/edit                                    filename and the same
//!   POST /task/delete|start|stop|pause|unpause         filename
//!   GET  /task/active   /task/details   /heap
//! ```
//!
//! Each is there for the default device, and below the name of a device for that one. WASMICO's `/filesystem` and `/erase`, left over
//! from its development, are not offered.

use super::{App, Caller, Change, Problem};
use crate::{
    Again, Role, State as Kept,
    placing::{self, How, place},
    state::Numbers,
    watch::{Carrying, Watch},
};
use axum::{
    Extension, Json, Router,
    extract::{
        Form, FromRequest, FromRequestParts, Multipart, Query, RawPathParams, Request, State,
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use berth::{Client, Container, Prepared, Wishes};
use berth_protocol::{ImageHash, Parameters};
use serde::Serialize;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// How long a change may take, and an upload (100 KB take 9 s at 115200 baud).
const CHANGE: Duration = Duration::from_secs(30);
const UPLOAD: Duration = Duration::from_secs(120);

/// How long a replaced task has to show that it stands; a fault in this time brings the old one back.
const TRIAL: Duration = Duration::from_secs(1);

/// What WASMICO puts before the name of each file.
const FOLDER: &str = "/tasks/";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/task/upload", post(upload))
        .route("/task/edit", post(edit))
        .route("/task/delete", post(delete))
        .route("/task/start", post(start))
        .route("/task/stop", post(stop))
        .route("/task/pause", post(pause))
        .route("/task/unpause", post(unpause))
        .route("/task/active", get(active))
        .route("/task/details", get(details))
        .route("/heap", get(heap))
}

/// Is this a path of WASMICO's API, with or without a device before it? No device is called as another part of the gateway.
pub(super) fn is_path(path: &str) -> bool {
    let is = |path: &str| path == "/heap" || path.starts_with("/task/");
    let below = path.get(1..).and_then(|path| path.find('/'));
    let below = below.and_then(|at| path.get(at + 1..));
    is(path) || (!path.starts_with("/v1/") && below.is_some_and(is))
}

/// What a change answers.
#[derive(Serialize)]
struct Said {
    status_code: u8,
    message: &'static str,
}

/// Whether a change was made; if not, why, in WASMICO's words.
enum Did {
    Done,
    Not(&'static str),
}

type Answer<T> = Result<Json<T>, Problem>;
type Shared = State<Arc<App>>;

async fn upload(
    State(app): Shared,
    Extension(caller): Extension<Caller>,
    path: RawPathParams,
    request: Request,
) -> Answer<Said> {
    let fields = Fields::of(request).await?;
    let Some((filename, file)) = &fields.file else {
        return Err(Problem::bad_request("no file was sent"));
    };
    if !filename.ends_with(".wasm") {
        return Err(Problem::bad_request(
            "the file is no wasm file: its name must end with .wasm",
        ));
    }
    let name = container(filename)?;
    let (numbers, live) = (fields.numbers()?, fields.is_live());
    let (file, package) = (file.clone(), name.clone());
    let prepared = tokio::task::spawn_blocking(move || berth::prepare(file, &package))
        .await
        .map_err(|_| Problem::bad_request("the file cannot be read"))?
        .map_err(|error| Problem::bad_request(&error.to_string()))?;
    let chosen = parameters(numbers);
    let granted = berth::grant(chosen, prepared.wishes, Wishes::Bounded).parameters;
    let sha256 = berth::hexadecimal(&ImageHash::of(&prepared.bytes).0);
    let asked = Asked {
        action: "upload",
        message: "file uploaded successfully",
        name: name.clone(),
        keep: Some((sha256, numbers)),
        again: Again::Yes,
        patience: UPLOAD,
    };
    let device = app.lines.get(name_of_device(&path).as_deref());
    let watch = device.map_or_else(Arc::default, |known| Arc::clone(known.line.watch()));
    change(app, caller, &path, asked, move |client, name| {
        store(client, name, &prepared, (granted, live), &watch)
    })
    .await
}

/// Stores a file, in place of an old one of its name if there is one.
fn store(
    client: &mut Client,
    name: &str,
    image: &Prepared,
    (parameters, live): (Parameters, bool),
    watch: &Arc<Watch>,
) -> Result<Did, berth::Error> {
    let carrying = Carrying::begin(watch, name, image.bytes.len());
    let before = placing::find(client, name)?;
    if before.as_ref().is_some_and(Container::is_active) && !live {
        // WASMICO writes over the file of a running task. A device keeps one image of a container.
        return match berth::upload(client, name, &image.bytes, parameters, |done| {
            carrying.has(done)
        }) {
            Err(error) if error.is_refusal("name-taken") => Ok(Did::Not(
                "task is currently running: stop it first, or give liveUpdate",
            )),
            stored => stored.map(|_| Did::Done),
        };
    }
    let how = How {
        wanted: parameters.into(),
        trial: TRIAL,
        start: live,
        restart: live,
    };
    let placed = place(client, name, before.as_ref(), &image.bytes, &how, &carrying)?;
    Ok(match placed.rolled_back() {
        Some(_) => Did::Not("the new file has failed, and the old one is there again"),
        None => Did::Done,
    })
}

async fn edit(
    State(app): Shared,
    Extension(caller): Extension<Caller>,
    path: RawPathParams,
    request: Request,
) -> Answer<Said> {
    let fields = Fields::of(request).await?;
    let (numbers, live) = (fields.numbers()?, fields.is_live());
    let parameters = parameters(numbers);
    let (name, kept_name) = (fields.name()?, fields.name()?);
    let device = name_of_device(&path);
    let asked = Asked::change("edit", "file edited successfully", name);
    let again = Arc::clone(&app);
    let said = change(app, caller.clone(), &path, asked, move |client, name| {
        let was_active = is_active(client, name)?.unwrap_or_default();
        berth::edit(client, name, parameters, live && was_active)?;
        Ok(Did::Done)
    })
    .await?;
    // The third number means nothing to the device; it is kept for `details`.
    let known = again
        .device(&caller, device.as_deref(), Role::Operate, "edit")
        .await?;
    let images = known.line.ask(Again::Yes, super::LOOK, berth::images).await;
    // What is done stays done.
    let images = images.unwrap_or_default();
    if let Some(image) = images.iter().find(|image| is_it(&image.name, &kept_name)) {
        let (sha256, stored) = (image.sha256.clone(), image.name.to_string());
        again
            .with_state(move |state| {
                state.keep_numbers((&known.device.name, &stored), &sha256, numbers)
            })
            .await?;
    }
    Ok(said)
}

/// A change of one task that needs no more than its name: by whom, of which device, and which task.
struct OnTask {
    app: Arc<App>,
    caller: Caller,
    path: RawPathParams,
    name: String,
}

impl FromRequest<Arc<App>> for OnTask {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Extension(caller) = Extension::from_request_parts(&mut parts, app)
            .await
            .map_err(IntoResponse::into_response)?;
        let path = RawPathParams::from_request_parts(&mut parts, app)
            .await
            .map_err(IntoResponse::into_response)?;
        let name = Fields::of(Request::from_parts(parts, body))
            .await
            .and_then(|fields| fields.name())
            .map_err(IntoResponse::into_response)?;
        Ok(Self {
            app: Arc::clone(app),
            caller,
            path,
            name,
        })
    }
}

impl OnTask {
    async fn change(
        self,
        action: &'static str,
        message: &'static str,
        ask: impl FnMut(&mut Client, &str) -> Result<Did, berth::Error> + Send + 'static,
    ) -> Answer<Said> {
        let asked = Asked::change(action, message, self.name);
        change(self.app, self.caller, &self.path, asked, ask).await
    }
}

async fn delete(task: OnTask) -> Answer<Said> {
    task.change("delete", "file deleted successfully", |client, name| {
        match berth::remove(client, name) {
            Err(error) if error.is_refusal("wrong-state") => {}
            removed => return removed.map(|()| Did::Done),
        }
        // "Permanent deletion" (paper, 4.5) frees what a paused task keeps, too.
        if !is_paused(client, name)? {
            return Ok(Did::Not("task is currently running"));
        }
        berth::stop(client, name)?;
        berth::remove(client, name).map(|()| Did::Done)
    })
    .await
}

async fn start(task: OnTask) -> Answer<Said> {
    task.change(
        "start",
        "task started successfully",
        |client, name| match berth::start(client, name) {
            Err(error)
                if error.is_refusal("wrong-state") && is_active(client, name)? == Some(true) =>
            {
                Ok(Did::Not("task is already executing"))
            }
            started => started.map(|()| Did::Done),
        },
    )
    .await
}

async fn stop(task: OnTask) -> Answer<Said> {
    task.change("stop", "task stopped successfully", |client, name| {
        if_active(berth::stop(client, name))
    })
    .await
}

async fn pause(task: OnTask) -> Answer<Said> {
    task.change(
        "pause",
        "task paused successfully",
        |client, name| match berth::pause(client, name) {
            Err(error) if error.is_refusal("wrong-state") && is_paused(client, name)? => {
                Ok(Did::Not("task is already paused"))
            }
            paused => if_active(paused),
        },
    )
    .await
}

async fn unpause(task: OnTask) -> Answer<Said> {
    task.change(
        "unpause",
        "task unpaused successfully",
        |client, name| match berth::resume(client, name) {
            Err(error) if error.is_refusal("wrong-state") => Ok(Did::Not("task is not paused")),
            resumed => resumed.map(|()| Did::Done),
        },
    )
    .await
}

fn if_active(done: Result<(), berth::Error>) -> Result<Did, berth::Error> {
    match done {
        Err(error) if error.is_refusal("wrong-state") => Ok(Did::Not("task is not executing")),
        done => done.map(|()| Did::Done),
    }
}

/// Whether a container is active; `None`: there is none of this name.
fn is_active(client: &mut Client, name: &str) -> Result<Option<bool>, berth::Error> {
    Ok(placing::find(client, name)?.map(|container| container.is_active()))
}

fn is_paused(client: &mut Client, name: &str) -> Result<bool, berth::Error> {
    let found = placing::find(client, name)?;
    Ok(found.is_some_and(|container| container.state == berth_protocol::State::Paused))
}

#[derive(Serialize)]
struct Active {
    tasks: Vec<Task>,
    espressif_num_threads: usize,
    status_code: u8,
}

#[derive(Serialize)]
struct Task {
    filename: String,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_high_water_mark: Option<u32>,
}

async fn active(
    State(app): Shared,
    Extension(caller): Extension<Caller>,
    path: RawPathParams,
) -> Answer<Active> {
    let containers = look(&app, &caller, &path, "active", berth::containers).await?;
    let tasks: Vec<_> = containers
        .iter()
        .filter(|container| container.is_active())
        .map(|container| {
            let paused = container.state == berth_protocol::State::Paused;
            // The least that was left so far of what the task may take: 0 is too little, near 0 is danger.
            let left = container.memory_limit.saturating_sub(container.memory_high);
            Task {
                filename: format!("{FOLDER}{}", container.name),
                paused,
                stack_high_water_mark: (!paused).then_some(left),
            }
        })
        .collect();
    Ok(Json(Active {
        // The supervisor is one more.
        espressif_num_threads: tasks.len() + 1,
        tasks,
        status_code: 0,
    }))
}

#[derive(Serialize)]
struct Details {
    files: Vec<File>,
    status_code: u8,
}

#[derive(Serialize)]
struct File {
    filename: String,
    reserved_stack_size: u32,
    reserved_initial_memory: u32,
    memory_limit: u32,
}

async fn details(
    State(app): Shared,
    Extension(caller): Extension<Caller>,
    path: RawPathParams,
) -> Answer<Details> {
    let known = app
        .device(
            &caller,
            name_of_device(&path).as_deref(),
            Role::View,
            "details",
        )
        .await?;
    let images = look(&app, &caller, &path, "details", berth::images).await?;
    let device = known.device.name;
    let files = app
        .with_state(move |state: &Kept| {
            let files = images.iter().map(|image| {
                let kept = state.numbers((&device, &image.name), &image.sha256)?;
                let kept = kept.unwrap_or_default();
                let chosen = &image.parameters;
                Ok(File {
                    filename: format!("{FOLDER}{}", image.name),
                    reserved_stack_size: chosen.stack.or(kept.stack).unwrap_or(0),
                    reserved_initial_memory: chosen.memory.or(kept.memory).unwrap_or(0),
                    memory_limit: kept.memory_limit.or(chosen.limit).unwrap_or(0),
                })
            });
            files.collect::<Result<_, _>>()
        })
        .await?;
    Ok(Json(Details {
        files,
        status_code: 0,
    }))
}

#[derive(Serialize)]
struct Heap {
    free_heap_size: u32,
    largest_free_block_size: u32,
    status_code: u8,
}

async fn heap(
    State(app): Shared,
    Extension(caller): Extension<Caller>,
    path: RawPathParams,
) -> Answer<Heap> {
    let heap = look(&app, &caller, &path, "heap", berth::heap).await?;
    Ok(Json(Heap {
        free_heap_size: heap.free,
        largest_free_block_size: heap.largest_free,
        status_code: 0,
    }))
}

/// Asks the device of a path something that changes nothing.
async fn look<T: Send + 'static>(
    app: &App,
    caller: &Caller,
    path: &RawPathParams,
    action: &str,
    ask: impl FnMut(&mut Client) -> Result<T, berth::Error> + Send + 'static,
) -> Result<T, Problem> {
    app.look(caller, name_of_device(path).as_deref(), action, ask)
        .await
}

/// A change that is asked for.
struct Asked {
    action: &'static str,
    /// If it is done.
    message: &'static str,
    name: String,
    /// To be kept if it is done: the image's SHA-256, and its numbers.
    keep: Option<(String, Numbers)>,
    again: Again,
    patience: Duration,
}

impl Asked {
    const fn change(action: &'static str, message: &'static str, name: String) -> Self {
        Self {
            action,
            message,
            name,
            keep: None,
            again: Again::No,
            patience: CHANGE,
        }
    }
}

/// Asks the device of a path for a change, with an entry in the audit log before and after. Once it is asked for it goes
/// on, and is recorded, also if the caller hangs up.
async fn change(
    app: Arc<App>,
    caller: Caller,
    path: &RawPathParams,
    asked: Asked,
    mut ask: impl FnMut(&mut Client, &str) -> Result<Did, berth::Error> + Send + 'static,
) -> Answer<Said> {
    let device = name_of_device(path);
    let change = Change {
        action: asked.action,
        subject: asked.name.clone(),
        again: asked.again,
        patience: asked.patience,
    };
    let whole = tokio::spawn(async move {
        let container = asked.name.clone();
        let ask = move |client: &mut Client| exact_first(client, &container, &mut ask);
        let outcome = |did: &Did| match did {
            Did::Done => "done",
            Did::Not(_) => "wrong-state",
        };
        let (known, did) = Arc::clone(&app)
            .change(caller, device.as_deref(), change, ask, outcome)
            .await
            .map_err(in_its_words)?;
        if let Did::Not(why) = did {
            return Err(Problem::bad_request(why));
        }
        if let Some((sha256, numbers)) = asked.keep {
            let (device, name) = (known.device.name, asked.name);
            app.with_state(move |state| state.keep_numbers((&device, &name), &sha256, numbers))
                .await?;
        }
        Ok(Json(Said {
            status_code: 0,
            message: asked.message,
        }))
    });
    match whole.await {
        Ok(said) => said,
        Err(_) => Err(Problem::from(crate::Failed::Gone)),
    }
}

/// A file is called with its ending; one that was uploaded by `berth` without WASMICO's numbers is not.
fn exact_first(
    client: &mut Client,
    name: &str,
    mut ask: impl FnMut(&mut Client, &str) -> Result<Did, berth::Error>,
) -> Result<Did, berth::Error> {
    match (ask(client, name), name.strip_suffix(".wasm")) {
        (Err(error), Some(short)) if error.is_refusal("unknown-name") => {
            ask(client, short).map_err(|_| error)
        }
        (done, _) => done,
    }
}

/// Is this stored container the one that is meant?
fn is_it(stored: &str, wanted: &str) -> bool {
    stored == wanted || wanted.strip_suffix(".wasm") == Some(stored)
}

/// A refusal of the device with WASMICO's status and text, where it has one.
fn in_its_words(problem: Problem) -> Problem {
    let (status, text) = match problem.code() {
        "unknown-name" => (StatusCode::NOT_FOUND, Some("file not found")),
        "out-of-memory" => (StatusCode::BAD_REQUEST, Some("resources are not enough")),
        "too-many-containers" | "device-full" | "store-full" => (
            StatusCode::BAD_REQUEST,
            Some("maximum number of files reached"),
        ),
        "store-failed" => (StatusCode::INTERNAL_SERVER_ERROR, None),
        // The gateway's own: there is no such device.
        "not-found" => return problem,
        _ if problem.is_refusal() => (StatusCode::BAD_REQUEST, None),
        _ => return problem,
    };
    problem.into_wasmico(status, text)
}

fn name_of_device(path: &RawPathParams) -> Option<String> {
    path.iter()
        .find(|(name, _)| *name == "device")
        .map(|(_, device)| device.to_owned())
}

/// The container of a file.
fn container(filename: &str) -> Result<String, Problem> {
    let name = filename.strip_prefix(FOLDER).unwrap_or(filename);
    if berth_protocol::is_valid_name(name) {
        return Ok(name.to_owned());
    }
    Err(Problem::bad_request(
        "a file's name has 1 to 32 of a-z A-Z 0-9 . _ -, and begins with a letter or digit",
    ))
}

fn parameters(numbers: Numbers) -> Parameters {
    Parameters {
        stack: numbers.stack,
        memory: numbers.memory,
        ..Parameters::default()
    }
}

/// What was sent: in the path's query, a form, or a form of several parts with a file.
#[derive(Default)]
struct Fields {
    values: HashMap<String, String>,
    file: Option<(String, Vec<u8>)>,
}

impl Fields {
    async fn of(request: Request) -> Result<Self, Problem> {
        let wrong = |error: &dyn std::fmt::Display| Problem::bad_request(&error.to_string());
        let query = Query::<HashMap<String, String>>::try_from_uri(request.uri());
        let mut fields = Self {
            values: query.map_err(|error| wrong(&error))?.0,
            file: None,
        };
        match kind(request.headers()) {
            "multipart/form-data" => {
                let mut parts = Multipart::from_request(request, &())
                    .await
                    .map_err(|error| wrong(&error))?;
                while let Some(part) = parts.next_field().await? {
                    let (name, file) = (
                        part.name().map(str::to_owned),
                        part.file_name().map(str::to_owned),
                    );
                    let bytes = part.bytes().await?;
                    match (name, file) {
                        (_, Some(file)) => fields.file = Some((file, bytes.to_vec())),
                        (Some(name), None) => {
                            let text = String::from_utf8_lossy(&bytes).into_owned();
                            fields.values.insert(name, text);
                        }
                        (None, None) => {}
                    }
                }
            }
            "application/x-www-form-urlencoded" => {
                let form = Form::<HashMap<String, String>>::from_request(request, &());
                fields
                    .values
                    .extend(form.await.map_err(|error| wrong(&error))?.0);
            }
            _ => {}
        }
        Ok(fields)
    }

    fn name(&self) -> Result<String, Problem> {
        match self.values.get("filename") {
            Some(name) => container(name),
            None => Err(Problem::bad_request("the field filename is missing")),
        }
    }

    fn is_live(&self) -> bool {
        self.values
            .get("liveUpdate")
            .is_some_and(|live| live == "true")
    }

    fn numbers(&self) -> Result<Numbers, Problem> {
        let number = |name: &str| match self.values.get(name).map(|text| text.trim()) {
            None | Some("" | "undefined" | "null") => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| Problem::bad_request(&format!("{name} is no number of bytes"))),
        };
        Ok(Numbers {
            stack: number("reservedStackSize")?,
            memory: number("reservedInitialMemory")?,
            memory_limit: number("memoryLimit")?,
        })
    }
}

/// Media type of a body, without its parameters.
fn kind(headers: &HeaderMap) -> &str {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wasmicos_paths_are_the_default_devices_and_those_below_a_device() {
        for (path, is) in [
            ("/heap", true),
            ("/task/upload", true),
            ("/roof/heap", true),
            ("/roof/task/active", true),
            ("/", false),
            ("", false),
            ("/metrics", false),
            ("/v1/devices", false),
            ("/v1/devices/roof/heap", false),
            ("/v1/heap", false),
            ("/v1/task/active", false),
            ("/-/devices/roof", false),
            ("/a/b/heap", false),
        ] {
            assert_eq!(is_path(path), is, "{path}");
        }
    }
}
