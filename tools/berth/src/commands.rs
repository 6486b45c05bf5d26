//! What each verb does.

use crate::{
    Address, Client, DeviceInfo, Error, LineLock, Refusal, UploadOutcome,
    cli::{Cli, Command, Console, Logs, Upload},
    console, device, output,
};
use berth_protocol::Parameters;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// How often `logs -f` asks for new lines.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Carry out a command line; what comes out is the exit code.
#[must_use]
pub fn run(cli: &Cli) -> u8 {
    match carry_out(cli) {
        Ok(()) => 0,
        Err(Failure::Error(error)) => {
            output::error(&error, cli.json);
            error.exit_code()
        }
        // Each was reported when it happened.
        Err(Failure::Reported(code)) => code,
        // Whoever read our output has had enough (`berth logs | head`).
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(Failure::Output(error)) => {
            let error = Error::Usage(format!("cannot write the output: {error}"));
            output::error(&error, cli.json);
            error.exit_code()
        }
    }
}

enum Failure {
    Error(Error),
    Reported(u8),
    Output(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn carry_out(cli: &Cli) -> Result<(), Failure> {
    let json = cli.json;
    let mut out = io::stdout().lock();
    match &cli.command {
        Command::Upload(arguments) => upload(cli, arguments, &mut out)?,
        Command::Start(c) => each(cli, &c.names, "started", device::start, &mut out)?,
        Command::Stop(c) => each(cli, &c.names, "stopped", device::stop, &mut out)?,
        Command::Kill(c) => each(cli, &c.names, "killed", device::kill, &mut out)?,
        Command::Rm(c) if c.force => each(cli, &c.names, "deleted", remove_by_force, &mut out)?,
        Command::Rm(c) => each(cli, &c.names, "deleted", device::remove, &mut out)?,
        Command::Ps => {
            let containers = device::containers(&mut connect(cli)?.client)?;
            output::containers(&mut out, &containers, json)?;
        }
        Command::Logs(arguments) => logs(cli, arguments, &mut out)?,
        Command::Exposures => {
            let exposures = device::exposures(&mut connect(cli)?.client)?;
            output::exposures(&mut out, &exposures, json)?;
        }
        Command::Info => {
            let mut connection = connect(cli)?;
            let heap = device::heap(&mut connection.client)?;
            output::info(&mut out, &connection.info, &heap, json)?;
        }
        Command::Heap => {
            let heap = device::heap(&mut connect(cli)?.client)?;
            output::heap(&mut out, &heap, json)?;
        }
        Command::Console(Console { socket }) => {
            drop(out);
            let address = address(cli)?;
            let _lock = LineLock::take(&address)?;
            console::run(crate::open(&address)?, socket.as_deref())?;
        }
    }
    Ok(())
}

struct Connection {
    _lock: LineLock,
    client: Client,
    info: DeviceInfo,
}

fn address(cli: &Cli) -> Result<Address, Error> {
    cli.device
        .as_deref()
        .filter(|text| !text.is_empty())
        .ok_or(Error::NoDevice)?
        .parse()
}

fn connect(cli: &Cli) -> Result<Connection, Error> {
    let (lock, client, info) =
        device::connect(&address(cli)?, Duration::from_secs(cli.timeout.into()))?;
    Ok(Connection {
        _lock: lock,
        client,
        info,
    })
}

fn upload(cli: &Cli, arguments: &Upload, out: &mut impl Write) -> Result<(), Failure> {
    let path = &arguments.file;
    let image = std::fs::read(path).map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    };
    if !berth_protocol::is_valid_name(&name) {
        return Err(Error::Usage(format!(
            "\"{name}\" is not a container name (1 to 32 of a-z A-Z 0-9 . _ -, beginning with a \
             letter or digit); choose one with --name"
        ))
        .into());
    }
    let parameters = Parameters {
        stack: arguments.stack,
        memory: arguments.memory,
        limit: arguments.limit,
        share: arguments.share,
        ..Parameters::default()
    };
    let mut connection = connect(cli)?;
    let bar = progress_bar(&name, image.len() as u64);
    let outcome = device::upload(&mut connection.client, &name, &image, parameters, |bytes| {
        bar.set_position(bytes.into());
    });
    bar.finish_and_clear();
    let outcome = match outcome? {
        UploadOutcome::Stored => "uploaded",
        UploadOutcome::Unchanged => "unchanged",
    };
    output::action(out, &name, outcome, Some(image.len()), cli.json)?;
    Ok(())
}

/// A bar on standard error; hidden unless that is a terminal.
fn progress_bar(name: &str, length: u64) -> ProgressBar {
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

/// Do the same with several containers; a refusal of one does not keep the others from it.
fn each(
    cli: &Cli,
    names: &[String],
    done: &'static str,
    action: fn(&mut Client, &str) -> Result<(), Error>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut connection = connect(cli)?;
    let mut refused = None;
    for name in names {
        match action(&mut connection.client, name) {
            Ok(()) => output::action(out, name, done, None, cli.json)?,
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
        Err(Error::Refused(Refusal {
            code: "wrong-state",
            ..
        })) => {
            device::kill(client, name)?;
            device::remove(client, name)
        }
        other => other,
    }
}

fn logs(cli: &Cli, arguments: &Logs, out: &mut impl Write) -> Result<(), Failure> {
    let mut connection = connect(cli)?;
    let mut from = 0;
    loop {
        while let Some(line) = device::log_line(&mut connection.client, &arguments.name, from)? {
            output::log_line(out, &line, cli.json)?;
            let Some(next) = line.sequence.checked_add(1) else {
                return Ok(());
            };
            from = next;
        }
        out.flush()?;
        if !arguments.follow {
            return Ok(());
        }
        std::thread::sleep(FOLLOW_EVERY);
    }
}

/// The JSON of an action, also used by its test.
pub(crate) fn action_json(name: &str, done: &str, bytes: Option<usize>) -> serde_json::Value {
    let mut value = json!({ "name": name, "result": done });
    if let (Some(bytes), Some(object)) = (bytes, value.as_object_mut()) {
        object.insert("bytes".into(), bytes.into());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_drawn() {
        ProgressStyle::with_template(BAR).unwrap();
    }
}
