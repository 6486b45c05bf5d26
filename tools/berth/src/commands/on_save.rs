//! `berth run --watch`: on each save the container is replaced by what its files have become.
//!
//! ```text
//!   save ──► build ──► package ──► live update ──► its log, until the next save
//!              │ fails                │ refused, or faults on trial: the old one runs on
//!              └──────────────────────┴──► said; the next save is waited for
//! ```

use super::{
    Failure, connect_shared, endings, project, rolled_back,
    run::{Running, image},
    watch::{FOLLOW_EVERY, Log},
};
use crate::{
    Client, Error,
    cli::{Cli, Run},
    device,
    meaning::Meaning,
    output,
    project::{Project, Purpose, Watch},
};
use berth_protocol::State;
use std::{
    io::Write,
    path::{Path, PathBuf},
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

/// How long a new image is on trial. Short: the next save waits for its end.
const TRIAL: Duration = Duration::from_secs(1);

/// What is built anew.
enum Source {
    File(PathBuf),
    Project(Project),
}

impl Source {
    /// The file to run, as it has become by now.
    fn made(&self, purpose: Purpose, out: &mut impl Write, json: bool) -> Result<PathBuf, Failure> {
        match self {
            Self::File(file) => Ok(file.clone()),
            Self::Project(project) => Ok(project::told(project, purpose, out, json)?.path),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::File(file) => vec![file.clone()],
            Self::Project(project) => project.sources(),
        }
    }
}

pub(super) fn run(cli: &Cli, arguments: &Run, out: &mut impl Write) -> Result<(), Failure> {
    let source = match &arguments.file {
        Some(file) => Source::File(file.clone()),
        None => Source::Project(project::here()?),
    };
    let (mut connection, info) = connect_shared(cli)?;
    let meaning = Rc::new(arguments.meaning.read(&info.board)?);
    let client = &mut connection.client;
    let watch = Watch::of(&source.files())?;
    let mut shown: Option<Shown> = None;
    let mut is_due = true;
    loop {
        if is_due {
            let began = Instant::now();
            if let Some(shown) = &mut shown {
                shown.until_trial_ends(client, out, cli.json)?;
            }
            match source.made(arguments.purpose(), out, cli.json) {
                Ok(file) => {
                    let what = (&*file, &meaning);
                    replace(cli, arguments, client, what, &mut shown, out)
                        .inspect(|()| took(began, cli.json))
                }
                Err(failure) => Err(failure),
            }
            .or_else(|failure| said(failure, cli.json))?;
        }
        if let Some(shown) = &mut shown {
            shown.look(client, out, cli.json)?;
        }
        thread::sleep(FOLLOW_EVERY);
        is_due = watch.saved();
    }
}

/// Say how long a save took until it ran.
fn took(began: Instant, json: bool) {
    if !json {
        output::note(&format!("took {:.1} s", began.elapsed().as_secs_f32()));
    }
}

/// What another save may mend is said, and waited for.
fn said(failure: Failure, json: bool) -> Result<(), Failure> {
    match failure {
        Failure::Error(
            error
            @ (Error::Refused(_) | Error::Build { .. } | Error::File { .. } | Error::Usage(_)),
        ) => {
            output::error(&error, json);
            if !json {
                output::note("waits for the next save");
            }
            Ok(())
        }
        failure => Err(failure),
    }
}

/// Run what was made, in the place of what runs.
fn replace(
    cli: &Cli,
    arguments: &Run,
    client: &mut Client,
    (file, meaning): (&Path, &Rc<Meaning>),
    shown: &mut Option<Shown>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let image = image(arguments, file)?;
    // Its lines of before are read on; of one that was there before this command, only what is new.
    let shown = match shown {
        Some(shown) if shown.name == image.name => shown,
        _ => shown.insert(Shown::of(image.name.clone(), Rc::clone(meaning))),
    };
    let done = Running::of(arguments, &image, TRIAL)?.begin(client, &mut shown.log)?;
    shown.trial = done.on_trial;
    shown.ended = None;
    output::action(
        out,
        &image.name,
        done.what,
        Some(image.bytes.len()),
        cli.json,
    )?;
    super::flush(out)
}

/// A container whose log is shown.
struct Shown {
    name: String,
    log: Log,
    /// The update that is on trial.
    trial: Option<u32>,
    /// How it ended, as was said.
    ended: Option<State>,
}

impl Shown {
    fn of(name: String, meaning: Rc<Meaning>) -> Self {
        Self {
            log: Log::of(&name, meaning).goes_on(),
            name,
            trial: None,
            ended: None,
        }
    }

    /// Show what it has written, and say what has become of it.
    fn look(
        &mut self,
        client: &mut Client,
        out: &mut impl Write,
        json: bool,
    ) -> Result<(), Failure> {
        let container = endings::find(client, &self.name)?;
        let Some(container) = container else {
            return Err(endings::unknown("run", &self.name).into());
        };
        self.log.print(client, out, json)?;
        if let Some(upload) = self.trial {
            let update = device::update_status(client, &self.name, Some(upload))?;
            if let Some(update) = update.filter(|update| update.update != "trial") {
                self.trial = None;
                if update.update == "rolled-back" {
                    output::error(&rolled_back(&self.name, &update), json);
                }
            }
        }
        let ended = Some(container.state).filter(|_| endings::has_ended(&container));
        if ended != self.ended && ended.is_some() && !json {
            output::note(&format!(
                "{} {}; waits for the next save",
                self.name,
                container.state_text()
            ));
        }
        self.ended = ended;
        Ok(())
    }

    /// One trial at a time: what comes next waits for its end.
    fn until_trial_ends(
        &mut self,
        client: &mut Client,
        out: &mut impl Write,
        json: bool,
    ) -> Result<(), Failure> {
        while self.trial.is_some() {
            self.look(client, out, json)?;
            thread::sleep(FOLLOW_EVERY);
        }
        Ok(())
    }
}
