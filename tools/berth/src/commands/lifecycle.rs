//! From an image to a container, and through its life.

use super::{Failure, connect, endings, rolled_back};
use crate::{
    Begun, Client, Container, Error, Terms, UpdateOutcome, UploadOutcome,
    cli::{Cli, Edit, Remove, Repeatable, Upload, Wishes, name_of, without_ending},
    device, meaning, output, packing,
    wishes::{self, Granted},
};
use berth_pack::{Places, printable};
use berth_protocol::{Parameters, Restart};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How often the outcome of a trial is asked for.
const TRIAL_TICK: Duration = Duration::from_millis(100);

/// How much longer than announced a trial may take.
const TRIAL_MARGIN: Duration = Duration::from_secs(5);

/// How a file becomes an image.
#[derive(Clone, Copy, Default)]
pub(super) struct How {
    /// It is sent as it is.
    pub(super) as_is: bool,
    /// With WASMICO's numbers it is called as its file is.
    pub(super) as_wasmico: bool,
    /// How closely it tells where it is.
    pub(super) places: Places,
}

/// An image from a file of this computer.
pub(super) struct ImageFile {
    /// The file.
    path: PathBuf,
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// How it wants to be run.
    wishes: Parameters,
}

impl ImageFile {
    /// Read a file and make a package of it.
    pub(super) fn read(path: &Path, name: Option<&str>, how: How) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        let name = match name.or_else(|| packing::name(&bytes)) {
            Some(name) => name.to_owned(),
            None => name_of(path, how.as_wasmico),
        };
        if !berth_protocol::is_valid_name(&name) {
            return Err(Error::Usage(format!(
                "\"{}\" is not a container name (1 to 32 of a-z A-Z 0-9 . _ -, beginning with \
                 a letter or digit); choose one with --name",
                printable(&name)
            )));
        }
        if how.as_is {
            let wishes = Parameters::default();
            return Ok(Self {
                path: path.to_owned(),
                name,
                bytes,
                wishes,
            });
        }
        let prepared =
            packing::prepare_with(bytes, &name, how.places).map_err(|error| Error::NotPacked {
                path: path.to_owned(),
                why: error.to_string(),
            })?;
        match &prepared.names {
            Some(names) => meaning::keep(names),
            None => meaning::keep_beside(path, &prepared.bytes),
        }
        if let Some(text) = prepared.note {
            note(&name, &text);
        }
        Ok(Self {
            path: path.to_owned(),
            name,
            bytes: prepared.bytes,
            wishes: prepared.wishes,
        })
    }

    /// Send it, with a bar.
    pub(super) fn send<T>(
        &self,
        send: impl FnOnce(&dyn Fn(u32)) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let bar = progress_bar(&self.name, self.bytes.len() as u64);
        let outcome = send(&|bytes| bar.set_position(bytes.into()));
        bar.finish_and_clear();
        outcome.map_err(|error| self.explained(error))
    }

    /// Says of a file that is no module what it is, where the device has refused it for being none, or for its length.
    fn explained(&self, error: Error) -> Error {
        let code = match &error {
            Error::Refused(refusal) => refusal.code,
            _ => return error,
        };
        match packing::instead_of_a_module(&self.bytes) {
            Some(what) if matches!(code, "invalid-module" | "too-large") => Error::NoModule {
                path: self.path.clone(),
                what,
                code,
            },
            _ => error,
        }
    }

    pub(super) fn upload(
        &self,
        client: &mut Client,
        chosen: &Terms,
        wishes: Wishes,
    ) -> Result<UploadOutcome, Error> {
        let Granted { parameters, note } = wishes::grant(chosen.parameters, self.wishes, wishes);
        if let Some(text) = note {
            output::note(&format!("{}: {text}", self.name));
        }
        let terms = Terms {
            parameters,
            ..chosen.clone()
        };
        self.send(|progress| device::upload(client, &self.name, &self.bytes, terms, progress))
    }
}

/// Something that the operator may want to know, beside what is done.
fn note(name: &str, text: &str) {
    output::note(&format!("{name}: {text}"));
}

pub(super) fn upload(cli: &Cli, arguments: &Upload, out: &mut impl Write) -> Result<(), Failure> {
    let image = ImageFile::read(
        &arguments.file,
        arguments.name.as_deref(),
        How {
            as_is: arguments.no_pack,
            as_wasmico: arguments.numbers.any(),
            places: arguments.places,
        },
    )?;
    arguments.settings.check()?;
    let mut terms = arguments.settings.terms(&arguments.numbers)?;
    terms.older = arguments.allow_downgrade;
    if let Some(text) = arguments.numbers.note() {
        note(&image.name, text);
    }
    let client = &mut connect(cli)?.client;
    if arguments.live_update {
        return live_update(cli, arguments, &image, &terms, client, out);
    }
    let done = match image.upload(client, &terms, arguments.wishes)? {
        UploadOutcome::Stored => "uploaded",
        UploadOutcome::Unchanged => "unchanged",
    };
    output::action(out, &image.name, done, Some(image.bytes.len()), cli.json)?;
    Ok(())
}

fn live_update(
    cli: &Cli,
    arguments: &Upload,
    image: &ImageFile,
    terms: &Terms,
    client: &mut Client,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let (name, bytes) = (&image.name, image.bytes.len());
    let trial = Duration::from_secs(arguments.trial.into());
    let begun = image.send(|progress| {
        let after = device::After::Waits;
        device::live_update(
            client,
            name,
            &image.bytes,
            terms.clone(),
            (trial, after),
            progress,
            |_| Ok(()),
        )
    });
    let (upload, update) = match begun {
        Ok(Begun::Update { upload, outcome }) => (upload, outcome),
        Ok(Begun::Unchanged) => {
            output::action(out, name, "unchanged", Some(bytes), cli.json)?;
            return Ok(());
        }
        // Nothing there to be replaced: the first image of this name.
        Err(error) if error.is_refusal("unknown-name") => {
            image.upload(client, terms, arguments.wishes)?;
            device::start(client, name)?;
            output::action(out, name, "uploaded and started", Some(bytes), cli.json)?;
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let update = if arguments.no_wait {
        update
    } else {
        trial_end(client, name, upload, update)?
    };
    match update {
        Some(update) if update.update == "rolled-back" => Err(rolled_back(name, &update).into()),
        update => {
            output::updated(out, name, update.as_ref(), bytes, cli.json)?;
            Ok(())
        }
    }
}

/// Wait until the new image has stood its trial or not.
pub(super) fn trial_end(
    client: &mut Client,
    name: &str,
    upload: u32,
    mut update: Option<UpdateOutcome>,
) -> Result<Option<UpdateOutcome>, Error> {
    let left = update.as_ref().and_then(|update| update.left_ms);
    let began = Instant::now();
    let patience = Duration::from_millis(left.unwrap_or(0).into()) + TRIAL_MARGIN;
    while update.as_ref().is_some_and(|u| u.update == "trial") {
        if began.elapsed() > patience {
            return Err(Error::NotYet {
                what: format!("{name}: the trial of the new image is not over"),
                after: patience,
                hint: "`berth inspect` shows how it stands",
            });
        }
        thread::sleep(TRIAL_TICK);
        update = device::update_status(client, name, Some(upload))?;
    }
    Ok(update)
}

pub(super) fn edit(cli: &Cli, arguments: &Edit, out: &mut impl Write) -> Result<(), Failure> {
    let mut terms = arguments.settings.terms(&arguments.numbers)?;
    let backoff = arguments.settings.backoff;
    let unchanged =
        terms == Terms::default() && arguments.numbers.note().is_none() && backoff.is_none();
    if unchanged && !arguments.now {
        return Err(
            Error::Usage("nothing to change; `berth help edit` lists what can be".into()).into(),
        );
    }
    if let Some(text) = arguments.numbers.note() {
        note(&arguments.name, text);
    }
    let client = &mut connect(cli)?.client;
    let parameters = &mut terms.parameters;
    if backoff.is_some() != parameters.restart.is_some() {
        // One of the two is left out, and stays.
        let before = device::restart_policy(client, &arguments.name)?;
        parameters.restart = merged(before, parameters.restart, backoff)?;
    }
    if let Some(limit) = parameters.limit.filter(|_| !arguments.now) {
        endings::fits_into(client, "edit", &arguments.name, Some(limit))?;
    }
    device::edit(client, &arguments.name, terms, arguments.now)?;
    output::action(out, &arguments.name, "edited", None, cli.json)?;
    Ok(())
}

/// A restart policy, or its back-off, with the other of the two as it was `before`.
fn merged(
    before: Option<Restart>,
    policy: Option<Restart>,
    backoff: Option<u16>,
) -> Result<Option<Restart>, Error> {
    let kept = match before {
        Some(Restart::OnFailure { backoff_ms, .. } | Restart::Always { backoff_ms }) => {
            Some(backoff_ms)
        }
        _ => None,
    };
    let Some(backoff_ms) = backoff.or(kept) else {
        return Ok(policy);
    };
    match policy.or(before) {
        Some(Restart::OnFailure { limit, .. }) => {
            Ok(Some(Restart::OnFailure { limit, backoff_ms }))
        }
        Some(Restart::Always { .. }) => Ok(Some(Restart::Always { backoff_ms })),
        Some(Restart::No) if backoff.is_none() => Ok(policy),
        _ => Err(Error::Usage(
            "it is never started again, so there is no back-off; say --restart as well".into(),
        )),
    }
}

pub(super) fn remove(cli: &Cli, arguments: &Remove, out: &mut impl Write) -> Result<(), Failure> {
    let action = if arguments.force {
        remove_by_force
    } else {
        device::remove
    };
    each(cli, &arguments.names, "deleted", action, out)
}

/// Start a container, also one that is quarantined.
pub(super) fn lift_and_start(client: &mut Client, name: &str) -> Result<(), Error> {
    exact_first(client, name, device::lift)?;
    exact_first(client, name, device::start)
}

/// What is done with one container.
pub(super) type Action = fn(&mut Client, &str) -> Result<(), Error>;

/// What start and stop say: of what was done, and of what was so already.
pub(super) struct Said {
    pub(super) done: &'static str,
    pub(super) already: &'static str,
}

/// Start or stop; if that is all the same, one that is there already is no error.
pub(super) fn repeatable(
    cli: &Cli,
    arguments: &Repeatable,
    said: &Said,
    (action, is_done): (Action, fn(&Container) -> bool),
    out: &mut impl Write,
) -> Result<(), Failure> {
    each_as(
        cli,
        &arguments.names,
        |client, name| match action(client, name) {
            Ok(()) => Ok(said.done),
            Err(error) if arguments.if_needed && error.is_refusal("wrong-state") => {
                match endings::find(client, name)? {
                    Some(container) if is_done(&container) => Ok(said.already),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        },
        out,
    )
}

/// Do `action` with the container of this name, and if there is none with the one that is called as the file is:
/// only for what neither ends nor replaces anything.
pub(super) fn exact_first<T>(
    client: &mut Client,
    name: &str,
    mut action: impl FnMut(&mut Client, &str) -> Result<T, Error>,
) -> Result<T, Error> {
    match (action(client, name), without_ending(name)) {
        (Err(first), Some(other)) if first.is_refusal("unknown-name") => action(client, other)
            .map_err(|second| match second {
                second if second.is_refusal("unknown-name") => first,
                second => second,
            }),
        (result, _) => result,
    }
}

/// Do the same with several containers; a refusal of one does not keep the others from it.
pub(super) fn each(
    cli: &Cli,
    names: &[String],
    done: &'static str,
    action: impl Fn(&mut Client, &str) -> Result<(), Error>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let action = |client: &mut _, name: &_| action(client, name).map(|()| done);
    each_as(cli, names, action, out)
}

/// As [`each`], where the action says what was done.
fn each_as(
    cli: &Cli,
    names: &[String],
    action: impl Fn(&mut Client, &str) -> Result<&'static str, Error>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut connection = connect(cli)?;
    let mut refused = None;
    for name in names {
        match action(&mut connection.client, name) {
            Ok(done) => output::action(out, name, done, None, cli.json)?,
            Err(error @ Error::Refused(_)) => {
                output::error(&error, cli.json);
                refused = Some(error.exit_code());
            }
            Err(error) => return Err(error.into()),
        }
    }
    refused.map_or(Ok(()), |code| Err(Failure::Reported(code)))
}

fn remove_by_force(client: &mut Client, name: &str) -> Result<(), Error> {
    match device::remove(client, name) {
        Err(error) if error.is_refusal("wrong-state") => {
            match device::kill(client, name) {
                // It has ended by itself meanwhile.
                Err(error) if error.is_refusal("wrong-state") => {}
                other => other?,
            }
            device::remove(client, name)
        }
        other => other,
    }
}

/// A bar on standard error; hidden unless that is a terminal.
pub(super) fn progress_bar(name: &str, length: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(length), target).with_prefix(name.to_owned());
    // The template is a constant; a test below reads it.
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style);
    }
    bar
}

const BAR: &str = "{prefix} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_drawn() {
        ProgressStyle::with_template(BAR).unwrap();
    }
}
