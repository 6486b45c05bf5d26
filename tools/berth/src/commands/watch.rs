//! What goes on: logs, events, figures that are redrawn.

use super::{Failure, connect_shared, flush};
use crate::{
    Client, Error,
    cli::{Cli, Events, Logs, Stats},
    device, output,
};
use std::{
    io::{self, IsTerminal, Write},
    thread,
    time::Duration,
};

/// How often a follower asks for what is new.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Cursor home, and clear from there.
const REDRAW: &str = "\x1b[H\x1b[J";
/// Clear the whole terminal, once.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) fn logs(cli: &Cli, arguments: &Logs, out: &mut impl Write) -> Result<(), Failure> {
    let (mut connection, _) = connect_shared(cli)?;
    follow(
        &mut connection.client,
        &arguments.name,
        arguments.tail,
        arguments.follow,
        out,
        cli.json,
    )
}

/// The log of a container: what there is (or the last `tail` lines of it), then what comes.
pub(super) fn follow(
    client: &mut Client,
    name: &str,
    tail: Option<usize>,
    go_on: bool,
    out: &mut impl Write,
    json: bool,
) -> Result<(), Failure> {
    let mut from = 0;
    let mut next = |client: &mut Client| -> Result<_, Error> {
        let line = device::log_line(client, name, from)?;
        if let Some(line) = &line {
            from = line.sequence.saturating_add(1);
        }
        Ok(line)
    };
    if let Some(tail) = tail {
        let mut lines = Vec::new();
        while let Some(line) = next(client)? {
            lines.push(line);
        }
        for line in lines.iter().skip(lines.len().saturating_sub(tail)) {
            output::log_line(out, line, json)?;
        }
    }
    loop {
        while let Some(line) = next(client)? {
            output::log_line(out, &line, json)?;
        }
        flush(out)?;
        if !go_on {
            return Ok(());
        }
        thread::sleep(FOLLOW_EVERY);
    }
}

pub(super) fn events(cli: &Cli, arguments: &Events, out: &mut impl Write) -> Result<(), Failure> {
    let (mut connection, _) = connect_shared(cli)?;
    let mut from = 0;
    loop {
        while let Some(event) = device::event(&mut connection.client, from)? {
            output::event(out, &event, cli.json)?;
            from = event.sequence.saturating_add(1);
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
        // Drawn in one go, so that it does not flicker.
        let mut picture = Vec::new();
        if redraw {
            write!(picture, "{REDRAW}")?;
        }
        output::stats(&mut picture, &info.board, &heap, &containers, cli.json)?;
        out.write_all(&picture)?;
        flush(out)?;
        looked += 1;
        if looks.is_some_and(|looks| looked >= looks) {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(arguments.interval.into()));
    }
}
