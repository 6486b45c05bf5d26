//! What goes on: logs, events, figures that are redrawn.

use super::{Failure, connect_shared, endings, flush, lifecycle};
use crate::{
    Client, Container, Error, LogLine,
    cli::{Cli, Events, Logs, Stats},
    device,
    meaning::Meaning,
    output::{self, Moments},
};
use std::{
    io::{self, IsTerminal, Write},
    rc::Rc,
    thread,
    time::{Duration, SystemTime},
};

/// How often a follower asks for what is new.
pub(super) const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Cursor home, and clear from there.
const REDRAW: &str = "\x1b[H\x1b[J";
/// More lines than any device keeps, those apart that come while they are read.
const LINES_MAX: u32 = 4_096;
/// Clear the whole terminal, once.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) fn logs(cli: &Cli, arguments: &Logs, out: &mut impl Write) -> Result<(), Failure> {
    let (mut connection, info) = connect_shared(cli)?;
    let client = &mut connection.client;
    let meaning = arguments.meaning.read(&info.board)?;
    let mut log = Log::of(&arguments.name, Rc::new(meaning));
    log.waits = arguments.follow;
    // A container may say more than a line takes, without end: what it says from now on is not there yet.
    log.until_us = Some(info.uptime_us);
    // When the device started, by our clock; what it says is as old as its answer at most.
    if arguments.clock {
        let started = SystemTime::now().checked_sub(Duration::from_micros(info.uptime_us));
        log.moments = Moments::Clock(started.ok_or(Error::Unexpected { to: "hello" })?);
    }
    let since = arguments.since.map(|since| {
        let since = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        info.uptime_us.saturating_sub(since)
    });
    if arguments.tail.is_some() || since.is_some() {
        let mut lines = log.lines(client)?;
        lines.retain(|line| line.time_us >= since.unwrap_or(0));
        let skipped = arguments
            .tail
            .map_or(0, |tail| lines.len().saturating_sub(tail));
        for line in lines.iter().skip(skipped) {
            output::log_line(out, line, log.moments, cli.json)?;
        }
    }
    if arguments.follow {
        (log.left, log.until_us) = (None, None);
    }
    loop {
        log.print(client, out, cli.json)?;
        if !arguments.follow {
            return Ok(());
        }
        thread::sleep(FOLLOW_EVERY);
    }
}

/// Show what a container writes, if that is wanted, until it has ended. Returns what became of it.
pub(super) fn until_it_ends(
    client: &mut Client,
    mut log: Log,
    show: bool,
    out: &mut impl Write,
    json: bool,
) -> Result<Container, Failure> {
    let name = log.name.clone();
    let name = name.as_str();
    log.left = None;
    loop {
        // Looked at before its lines, so that the last ones are there when it has ended.
        let container =
            endings::find(client, name)?.ok_or_else(|| endings::unknown("run", name))?;
        if show {
            log.print(client, out, json)?;
        }
        if endings::has_ended(&container) {
            return Ok(container);
        }
        thread::sleep(FOLLOW_EVERY);
    }
}

/// The log of a container, read line by line.
pub(super) struct Log {
    name: String,
    /// Which log the lines read so far are of.
    log: Option<u32>,
    from: u32,
    moments: Moments,
    /// So many lines are taken for what is there by now; `None`: it is followed, and may go on for ever.
    left: Option<u32>,
    /// Lines of a later moment, in microseconds since the device started, are not among what is there by now.
    until_us: Option<u64>,
    /// It is waited for what comes, also when the container goes.
    waits: bool,
    /// Its container was there, and is gone.
    is_gone: bool,
    /// Its container was there.
    was_there: bool,
    /// What is known of its faults.
    meaning: Rc<Meaning>,
}

impl Log {
    pub(super) fn of(name: &str, meaning: Rc<Meaning>) -> Self {
        Self {
            meaning,
            name: name.to_owned(),
            log: None,
            from: 0,
            moments: Moments::Device,
            left: Some(LINES_MAX),
            until_us: None,
            waits: false,
            is_gone: false,
            was_there: false,
        }
    }

    fn next(&mut self, client: &mut Client) -> Result<Option<LogLine>, Error> {
        loop {
            let (log, from) = (self.log, self.from);
            let mut line = lifecycle::exact_first(client, &self.name, |client, name| {
                device::log_line(client, name, log, from)
            });
            if let Ok(Some(line)) = &mut line {
                self.meaning.add_to_line(line);
            }
            if self.log.is_some() && begins_anew(&self.name, &line) {
                (self.log, self.from) = (None, 0);
                continue;
            }
            if self.waits && self.was_there && is_unknown(&line) {
                if !self.is_gone {
                    output::note(&format!(
                        "{}: the container is gone; what follows is of the next one",
                        self.name
                    ));
                }
                (self.log, self.from, self.is_gone) = (None, 0, true);
                return Ok(None);
            }
            if line.is_ok() {
                (self.is_gone, self.was_there) = (false, true);
            }
            if let Ok(Some(line)) = &line {
                if self.until_us.is_some_and(|until| line.time_us > until) {
                    return Ok(None);
                }
                self.log = Some(line.log);
                self.from = line.sequence + 1;
                if let Some(left) = &mut self.left {
                    *left = left
                        .checked_sub(1)
                        .ok_or(Error::Unexpected { to: "logs" })?;
                }
            }
            return line;
        }
    }

    /// Leave out what is there by now; nothing is, if there is no such container.
    pub(super) fn skip(&mut self, client: &mut Client) -> Result<(), Error> {
        loop {
            match self.next(client) {
                Ok(Some(_)) => {}
                unknown if is_unknown(&unknown) => return Ok(()),
                other => return other.map(|_| ()),
            }
        }
    }

    /// The same container goes on in another log: as long as it is asked for.
    pub(super) fn goes_on(mut self) -> Self {
        self.left = None;
        self
    }

    /// Print what is there and was not yet.
    pub(super) fn print(
        &mut self,
        client: &mut Client,
        out: &mut impl Write,
        json: bool,
    ) -> Result<(), Failure> {
        while let Some(line) = self.next(client)? {
            output::log_line(out, &line, self.moments, json)?;
        }
        flush(out)
    }

    /// The lines that are there and were not yet.
    pub(super) fn lines(&mut self, client: &mut Client) -> Result<Vec<LogLine>, Error> {
        let mut lines = Vec::new();
        while let Some(line) = self.next(client)? {
            lines.push(line);
        }
        Ok(lines)
    }
}

fn is_unknown<T>(read: &Result<T, Error>) -> bool {
    read.as_ref()
        .is_err_and(|error| error.is_refusal("unknown-name"))
}

/// Is what was read so far gone, and something new begun? Says so.
fn begins_anew<T>(name: &str, read: &Result<T, Error>) -> bool {
    let anew = read
        .as_ref()
        .is_err_and(|error| error.is_refusal("other-log"));
    if anew {
        output::note(&format!(
            "{name}: the lines read so far are gone from the device; what follows begins anew"
        ));
    }
    anew
}

pub(super) fn events(cli: &Cli, arguments: &Events, out: &mut impl Write) -> Result<(), Failure> {
    let (mut connection, _) = connect_shared(cli)?;
    let (mut log, mut from) = (None, 0);
    let mut left = LINES_MAX;
    loop {
        loop {
            let event = device::event(&mut connection.client, log, from);
            if log.is_some() && begins_anew("events", &event) {
                (log, from) = (None, 0);
                continue;
            }
            let Some(event) = event? else { break };
            output::event(out, &event, cli.json)?;
            log = Some(event.log);
            from = event.sequence + 1;
            if !arguments.follow {
                left = left
                    .checked_sub(1)
                    .ok_or(Error::Unexpected { to: "events" })?;
            }
        }
        flush(out)?;
        if !arguments.follow {
            return Ok(());
        }
        thread::sleep(FOLLOW_EVERY);
    }
}

/// Redrawn on a terminal; otherwise looked at once, unless a count is given.
pub(super) fn stats(cli: &Cli, arguments: &Stats, out: &mut impl Write) -> Result<(), Failure> {
    let redraw = io::stdout().is_terminal() && !cli.json && !arguments.no_stream;
    let looks = match arguments.count {
        _ if arguments.no_stream => Some(1),
        Some(count) => Some(count),
        None if redraw || cli.json => None,
        None => Some(1),
    };
    let (mut connection, info) = connect_shared(cli)?;
    let client = &mut connection.client;
    if redraw {
        write!(out, "{CLEAR}")?;
    }
    let mut looked = 0;
    loop {
        let (heap, containers) = (device::heap(client)?, device::names(client)?);
        // Firmware from before has no such request.
        let status = device::optional(device::status(client))?;
        let store = status.and_then(|status| status.store);
        // Drawn in one go, so that it does not flicker.
        let mut picture = Vec::new();
        if redraw {
            write!(picture, "{REDRAW}")?;
        }
        output::stats(
            &mut picture,
            &info.board,
            &heap,
            store.as_ref(),
            &containers,
            cli.json,
        )?;
        out.write_all(&picture)?;
        flush(out)?;
        looked += 1;
        if looks.is_some_and(|looks| looked >= looks) {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(arguments.interval.into()));
    }
}
