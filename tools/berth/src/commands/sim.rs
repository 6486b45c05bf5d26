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
    Client, Container, Error,
    cli::{Cli, Numbers, Sim},
    device,
    meaning::Meaning,
    output,
    project::Purpose,
};
use berth_pack::Places;
use berth_sim::{Board, Machine, Model, Wrong};
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
    let images = files
        .iter()
        .map(|file| ImageFile::read(file, None, how))
        .collect::<Result<Vec<_>, _>>()?;
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

    /// Show what was accessed, and what containers have written.
    fn show(&mut self, client: &mut Client, out: &mut impl Write) -> Result<(), Failure> {
        let (accesses, on_bus) = (self.machine.accesses(), self.machine.on_bus());
        if self.trace {
            output::trace(out, &accesses, &on_bus, self.json)?;
        }
        let several = self.shown.len() > 1 && !self.json;
        for shown in &mut self.shown {
            let title = several.then_some(shown.name.as_str());
            shown.log.print_with(client, out, self.json, title)?;
        }
        flush(out)
    }
}
