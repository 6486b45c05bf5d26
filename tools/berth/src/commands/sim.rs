//! `berth sim`: a container on this computer, against a simulated board.
//!
//! ```text
//!   file ──► package ──► upload, start ──► turn by turn: its log, what was accessed ──► how it ended
//!            (as `run`)   the same requests, to a device in this program
//! ```

use super::{
    Failure, endings, flush,
    lifecycle::{How, ImageFile},
    project,
    watch::Log,
};
use crate::{
    Client, Container, Error, LogLine,
    cli::{Cli, Numbers, Sim},
    device,
    meaning::Meaning,
    output::{self, Moments},
    project::Purpose,
};
use berth_pack::Places;
use berth_sim::{Access, Board, Machine, Model, OnBus, Wrong};
use std::{
    io::Write,
    path::{Path, PathBuf},
    rc::Rc,
};

pub(super) fn run(cli: &Cli, arguments: &Sim, out: &mut impl Write) -> Result<(), Failure> {
    arguments.settings.check()?;
    let terms = arguments.settings.terms(&Numbers::default())?;
    let files = match arguments.files.as_slice() {
        [] => {
            let purpose = Purpose::Try(arguments.places.unwrap_or(Places::Lines));
            vec![project::told(&project::here()?, purpose, out, cli.json)?.path]
        }
        files => files.to_vec(),
    };
    let how = How {
        as_is: arguments.no_pack,
        places: arguments.places.unwrap_or_default(),
        ..How::default()
    };
    let images = named(&files, &arguments.names, how)?;
    let (machine, board) = machine(arguments)?;
    let meaning = Rc::new(Meaning::of_board(board));
    let own = machine.clone();
    let mut client = Client::here(Box::new(move |frame| own.exchange(frame)));
    if arguments.trace {
        machine.record();
    }
    let mut run = Run {
        machine,
        trace: arguments.trace,
        json: cli.json,
        shown: Vec::new(),
    };
    for image in &images {
        image.upload(&mut client, &terms, arguments.wishes)?;
        run.shown.push(Shown {
            log: Log::of(&image.name, Rc::clone(&meaning)).goes_on(),
            name: image.name.clone(),
        });
    }
    for image in &images {
        let started = device::start(&mut client, &image.name);
        run.show(&mut client, out)?;
        started.map_err(as_run)?;
    }
    let length_us = u64::try_from(arguments.time.as_micros()).unwrap_or(u64::MAX);
    let ended = run.until(&mut client, length_us, out)?;
    for container in &ended {
        if !cli.json {
            output::note(&format!("{} {}", container.name, container.state_text()));
        }
    }
    endings::finish(ended.last().map_or(0, endings::exit_code))
}

/// The packages of these files, each under a name of its own.
fn named(files: &[PathBuf], names: &[String], how: How) -> Result<Vec<ImageFile>, Error> {
    if names.len() > files.len() {
        return Err(Error::Usage(format!(
            "there are more names than files: {} for {}",
            names.len(),
            files.len()
        )));
    }
    let names = names.iter().map(|name| Some(name.as_str()));
    let names = names.chain(std::iter::repeat(None));
    let images = files.iter().zip(names);
    let images = images
        .map(|(file, name)| ImageFile::read(file, name, how))
        .collect::<Result<Vec<_>, _>>()?;
    for (place, image) in images.iter().enumerate() {
        let mut before = images.iter().zip(files).take(place);
        if let Some((_, file)) = before.find(|(other, _)| other.name == image.name) {
            return Err(Error::Usage(format!(
                "{} and {} are both named \"{}\": give each a name, in the order of the files (--name first --name second)",
                crate::error::shown(file),
                files
                    .get(place)
                    .map_or_else(String::new, |file| crate::error::shown(file)),
                image.name
            )));
        }
    }
    Ok(images)
}

/// A refusal to start is one of `run`, with its hints.
fn as_run(error: Error) -> Error {
    match error {
        Error::Refused(refusal) => Error::Refused(crate::Refusal {
            to: "run",
            ..refusal
        }),
        error => error,
    }
}

/// The board that was asked for, switched on.
fn machine(arguments: &Sim) -> Result<(Machine, Board), Error> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })
    };
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |Wrong(why): Wrong| Error::Usage(format!("{}: {why}", crate::error::shown(&path)))
    };
    let (name, board) = match &arguments.board {
        Some(path) => (
            crate::error::shown(path),
            Board::parse(&read(path)?).map_err(wrong(path))?,
        ),
        None => ("mps2-an386".to_owned(), Board::reference()),
    };
    let usual = Model::reference().on(&board);
    let own = board.clone();
    let machine = match &arguments.model {
        None => Machine::new(&name, board, &usual).map_err(wrong(Path::new(&name)))?,
        Some(path) => {
            let model = Model::parse(&read(path)?).map_err(wrong(path))?;
            Machine::new(&name, board, &usual.with(model)).map_err(wrong(path))?
        }
    };
    Ok((machine, own))
}

/// A container whose log is shown.
struct Shown {
    name: String,
    log: Log,
}

/// Containers that run.
struct Run {
    machine: Machine,
    trace: bool,
    json: bool,
    shown: Vec<Shown>,
}

impl Run {
    /// Run until all have ended, or the time is over. Returns what became of them.
    fn until(
        &mut self,
        client: &mut Client,
        length_us: u64,
        out: &mut impl Write,
    ) -> Result<Vec<Container>, Failure> {
        let mut is_idle = false;
        loop {
            // Looked at before their lines, so that the last ones are there when they have ended.
            let mut containers = Vec::new();
            for shown in &self.shown {
                let container = endings::find(client, &shown.name)?;
                containers.push(container.ok_or_else(|| endings::unknown("run", &shown.name))?);
            }
            self.show(client, out)?;
            if containers.iter().all(endings::has_ended) {
                return Ok(containers);
            }
            if self.machine.now_us() >= length_us {
                return Ok(containers);
            }
            // One that had something to do while it was looked at has done it by now.
            if is_idle {
                output::note("nothing will happen any more: all that runs waits for ever");
                return Ok(containers);
            }
            is_idle = !self.machine.turn(length_us);
        }
    }

    /// Show what was accessed, and what containers have written, in the order of time.
    fn show(&mut self, client: &mut Client, out: &mut impl Write) -> Result<(), Failure> {
        let (accesses, on_bus) = (self.machine.accesses(), self.machine.on_bus());
        let mut seen = Vec::new();
        if self.trace {
            seen.extend(accesses.into_iter().map(Seen::Access));
            seen.extend(on_bus.into_iter().map(Seen::Bus));
        }
        let several = self.shown.len() > 1 && !self.json;
        for shown in &mut self.shown {
            for line in shown.log.lines(client)? {
                seen.push(Seen::Line(several.then(|| shown.name.clone()), line));
            }
        }
        // What is of one moment stays as it is here: an access, what it put on a bus, what was said of it.
        seen.sort_by_key(Seen::time_us);
        for one in &seen {
            match one {
                Seen::Access(access) => output::access(out, access, self.json)?,
                Seen::Bus(entry) => output::bus(out, entry, self.json)?,
                Seen::Line(title, line) => {
                    if let Some(title) = title {
                        write!(out, "{title}: ")?;
                    }
                    output::log_line(out, line, Moments::Device, self.json)?;
                }
            }
        }
        flush(out)
    }
}

/// Something that is shown of a run.
enum Seen {
    Access(Access),
    Bus(OnBus),
    /// A line of a log, of the container of this name if there are several.
    Line(Option<String>, LogLine),
}

impl Seen {
    const fn time_us(&self) -> u64 {
        match self {
            Self::Access(access) => access.time_us,
            Self::Bus(entry) => entry.time_us,
            Self::Line(_, line) => line.time_us,
        }
    }
}
