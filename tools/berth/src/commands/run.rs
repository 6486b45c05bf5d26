//! `berth run`: from a file or a project to a running container, whatever was there before.

use super::{Failure, connect_shared, endings, lifecycle, on_save, project, rolled_back, watch};
use crate::{
    Begun, Client, Container, Error, Refusal, Terms,
    cli::{Cli, Numbers, Run, Wishes},
    device, output,
};
use berth_protocol::{DeviceError, State};
use lifecycle::{How, ImageFile};
use std::{io::Write, path::Path, rc::Rc, time::Duration};

/// How long the new image of a container that ran is on trial.
const TRIAL: Duration = Duration::from_secs(5);

pub(super) fn run(cli: &Cli, arguments: &Run, out: &mut impl Write) -> Result<(), Failure> {
    arguments.settings.check()?;
    if arguments.watch {
        return on_save::run(cli, arguments, out);
    }
    let file = match &arguments.file {
        Some(file) => file.clone(),
        None => project::told(&project::here()?, arguments.purpose(), out, cli.json)?.path,
    };
    let image = image(arguments, &file)?;
    let (mut connection, info) = connect_shared(cli)?;
    let meaning = Rc::new(arguments.meaning.read(&info.board)?);
    let client = &mut connection.client;
    let run = Running::of(arguments, &image, TRIAL)?;
    // What was written before this start is the old program's.
    let mut log = watch::Log::of(&image.name, meaning);
    let done = run.begin(client, &mut log)?.what;
    output::action(out, &image.name, done, Some(image.bytes.len()), cli.json)?;
    if !run.watched {
        return Ok(());
    }
    let ended = watch::until_it_ends(client, log, arguments.follow, out, cli.json)?;
    if arguments.rm {
        device::remove(client, &image.name)?;
    }
    if !cli.json {
        output::note(&format!("{} {}", image.name, ended.state_text()));
    }
    endings::finish(endings::exit_code(&ended))
}

/// The image to run.
pub(super) fn image(arguments: &Run, file: &Path) -> Result<ImageFile, Error> {
    let how = How {
        as_is: arguments.no_pack,
        places: arguments.places.unwrap_or_default(),
        ..How::default()
    };
    ImageFile::read(file, arguments.name.as_deref(), how)
}

/// How often it is looked at anew what is there, if others change it at the same time.
const LOOKS: u32 = 5;

/// What is the matter if another operator was faster: look again.
fn is_outrun(error: &Error, there: bool) -> bool {
    error.is_refusal(if there { "unknown-name" } else { "name-taken" })
}

/// What is to run, and how.
pub(super) struct Running<'a> {
    image: &'a ImageFile,
    terms: Terms,
    wishes: Wishes,
    watched: bool,
    /// How long it is on trial where it replaces another.
    trial: Duration,
}

/// What was done.
pub(super) struct Done {
    /// In a word or two.
    pub(super) what: &'static str,
    /// The number of the update that is on trial.
    pub(super) on_trial: Option<u32>,
}

impl From<&'static str> for Done {
    fn from(what: &'static str) -> Self {
        Self {
            what,
            on_trial: None,
        }
    }
}

impl<'a> Running<'a> {
    /// # Errors
    /// If the configuration cannot be.
    pub(super) fn of(
        arguments: &Run,
        image: &'a ImageFile,
        trial: Duration,
    ) -> Result<Self, Error> {
        Ok(Self {
            image,
            terms: Terms {
                older: arguments.allow_downgrade,
                ..arguments.settings.terms(&Numbers::default())?
            },
            wishes: arguments.wishes,
            watched: arguments.follow || arguments.rm || arguments.watch,
            trial,
        })
    }

    /// Start it, in the place of what is there.
    pub(super) fn begin(&self, client: &mut Client, log: &mut watch::Log) -> Result<Done, Error> {
        self.try_to_begin(client, log).map_err(|error| match error {
            Error::Refused(refusal) => Error::Refused(Refusal {
                to: "run",
                ..refusal
            }),
            error => error,
        })
    }

    fn try_to_begin(&self, client: &mut Client, log: &mut watch::Log) -> Result<Done, Error> {
        let mut looks = 1;
        loop {
            let old = endings::find(client, &self.image.name)?;
            let done = match &old {
                None => self.first(client).map(Done::from),
                Some(old) => self.replace(client, old, log),
            };
            match done {
                Err(error) if looks < LOOKS && is_outrun(&error, old.is_some()) => looks += 1,
                done => return done,
            }
        }
    }

    /// The first of its name. If the device refuses to start it, it is not left there either; one that was started
    /// and failed stays, so that it can be inspected.
    fn first(&self, client: &mut Client) -> Result<&'static str, Error> {
        self.image.upload(client, &self.terms, self.wishes)?;
        match device::start(client, &self.image.name) {
            Ok(()) => Ok("started"),
            Err(error) if error.is_refusal("wrong-state") => {
                // Who sent the same at the same time has started it.
                match endings::find(client, &self.image.name)? {
                    Some(now) if now.state.is_active() && now.state != State::Paused => {
                        Ok("started")
                    }
                    _ => Err(error),
                }
            }
            Err(Error::Refused(refusal)) => {
                device::remove(client, &self.image.name)?;
                Err(Error::Refused(refusal))
            }
            Err(error) => Err(error),
        }
    }

    /// Another image, or the same once more, for a container that is there.
    fn replace(
        &self,
        client: &mut Client,
        old: &Container,
        log: &mut watch::Log,
    ) -> Result<Done, Error> {
        let (image, name) = (self.image, &self.image.name);
        if old.state == State::Paused {
            return Err(paused(name));
        }
        let begun = image.send(|progress| {
            let after = device::After::Runs;
            device::live_update(
                client,
                name,
                &image.bytes,
                self.terms.clone(),
                (self.trial, after),
                progress,
                |client| log.skip(client),
            )
        })?;
        match begun {
            Begun::Unchanged => self.once_more(client, log).map(Done::from),
            Begun::Update { upload, outcome } if old.state.is_active() => {
                // Who watches sees what becomes of it.
                let update = if self.watched {
                    outcome
                } else {
                    lifecycle::trial_end(client, name, upload, outcome)?
                };
                match update {
                    Some(update) if update.update == "rolled-back" => {
                        Err(rolled_back(name, &update))
                    }
                    update => Ok(Done {
                        what: "replaced",
                        on_trial: update.filter(|u| u.update == "trial").map(|_| upload),
                    }),
                }
            }
            // Started by the device, which would have kept the old image if it could not be.
            Begun::Update { .. } => Ok("replaced and started".into()),
        }
    }

    /// The image that is there already: what runs is what is wanted, and keeps what it holds.
    fn once_more(&self, client: &mut Client, log: &mut watch::Log) -> Result<&'static str, Error> {
        let name = &self.image.name;
        let now = endings::find(client, name)?.ok_or_else(|| endings::unknown("run", name))?;
        match now.state {
            State::Paused => Err(paused(name)),
            state if state.is_active() => Ok("runs already"),
            _ => {
                log.skip(client)?;
                device::start(client, name)?;
                Ok("started again")
            }
        }
    }
}

/// Where a paused one stands is not thrown away.
fn paused(name: &str) -> Error {
    let state = State::Paused;
    Error::Refused(Refusal::of(
        "run",
        Some(name),
        &DeviceError::WrongState { state },
    ))
}
