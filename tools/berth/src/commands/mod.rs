//! What each verb does.

mod completions;
pub(crate) mod devices;
mod doctor;
mod endings;
mod images;
mod keys;
mod lifecycle;
mod login;
mod on_save;
mod project;
mod revoke;
mod run;
mod serve;
mod sim;
mod watch;

use crate::{
    Address, Client, Container, DeviceInfo, Error, LineLock, Registry, UpdateOutcome,
    cli::{Cli, Command, Console},
    console, device,
    manufacturer::Manufacturer,
    output,
    share::{self, Shared},
};
use std::{
    io::{self, Write},
    time::Duration,
};

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
            let error = Error::Output(error);
            output::error(&error, cli.json);
            error.exit_code()
        }
    }
}

/// Say what is wrong with the words of a command line, or what help was asked for; what comes out
/// is the exit code.
#[must_use]
pub fn not_understood(error: &clap::Error) -> u8 {
    let as_json = std::env::args_os().any(|word| word == "--json");
    if error.use_stderr() && as_json {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        // What follows is for people: how the command is used.
        let (message, _) = text.split_once("\n\n").unwrap_or((text, ""));
        output::error(&Error::Usage(message.trim_end().into()), true);
    } else if error.use_stderr() {
        output::not_understood(error);
    } else {
        // If nobody reads it, the exit code still tells.
        let _ = error.print();
    }
    u8::try_from(error.exit_code()).unwrap_or(2)
}

/// Say that the program's global allocator is the supervisor's: what `sim` runs has the memory of a device then.
pub fn have_arenas() {
    berth_sim::use_arenas();
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
        Command::New(arguments) => project::new(arguments, &mut out, json)?,
        Command::Build(arguments) => project::build(arguments, &mut out, json)?,
        Command::Upload(arguments) => lifecycle::upload(cli, arguments, &mut out)?,
        Command::Run(arguments) => run::run(cli, arguments, &mut out)?,
        Command::Sim(arguments) => sim::run(cli, arguments, &mut out)?,
        Command::Edit(arguments) => lifecycle::edit(cli, arguments, &mut out)?,
        Command::Start(c) => {
            let start = if c.lift {
                lifecycle::lift_and_start
            } else {
                |client: &mut _, name: &_| lifecycle::exact_first(client, name, device::start)
            };
            let how = (
                start as fn(&mut _, &_) -> _,
                Container::is_active as fn(&_) -> _,
            );
            let said = lifecycle::Said {
                done: "started",
                already: "runs already",
            };
            lifecycle::repeatable(cli, &c.containers, &said, how, &mut out)?;
        }
        Command::Stop(c) => {
            let how = (
                device::stop as fn(&mut _, &_) -> _,
                endings::has_ended as fn(&_) -> _,
            );
            let said = lifecycle::Said {
                done: "stopped",
                already: "has ended already",
            };
            lifecycle::repeatable(cli, c, &said, how, &mut out)?;
        }
        Command::Restart(c) => {
            lifecycle::each(cli, &c.names, "restarted", endings::restart, &mut out)?;
        }
        Command::Wait(arguments) => endings::wait(cli, arguments, &mut out)?,
        Command::Prune(arguments) => endings::prune(cli, arguments, &mut out)?,
        Command::Kill(c) => lifecycle::each(cli, &c.names, "killed", device::kill, &mut out)?,
        Command::Pause(c) => lifecycle::each(cli, &c.names, "paused", device::pause, &mut out)?,
        Command::Resume(c) => {
            let resume =
                |client: &mut _, name: &_| lifecycle::exact_first(client, name, device::resume);
            lifecycle::each(cli, &c.names, "resumed", resume, &mut out)?;
        }
        Command::Rm(arguments) => lifecycle::remove(cli, arguments, &mut out)?,
        Command::Ps(wide) => {
            let client = &mut connect(cli)?.client;
            let containers = device::containers(client)?;
            output::containers(&mut out, &containers, width(wide.wide), json)?;
            // Why nothing runs; older firmware does not tell.
            if let Ok(status) = device::status(client)
                && status.safe_mode
            {
                let suspect = status.suspect.as_deref().unwrap_or("unknown");
                output::note(&format!(
                    "safe mode, no container starts; suspect: {suspect}"
                ));
                if status.without_store {
                    output::note("the store could not be read, and is left alone until a reset");
                }
            }
        }
        Command::Images(arguments) => images::run(cli, arguments, &mut out)?,
        Command::Stats(arguments) => watch::stats(cli, arguments, &mut out)?,
        Command::Heap => {
            let client = &mut connect(cli)?.client;
            let (heap, containers) = (device::heap(client)?, device::names(client)?);
            output::heap(&mut out, &heap, &containers, json)?;
        }
        Command::Logs(arguments) => watch::logs(cli, arguments, &mut out)?,
        Command::Inspect(c) => {
            let mut connection = connect(cli)?;
            let meaning = c.meaning.read(&connection.info.board)?;
            let client = &mut connection.client;
            let mut found = lifecycle::exact_first(client, &c.name, device::inspect)?;
            if let Some(fault) = &mut found.last_fault {
                meaning.add_to(fault);
            }
            output::inspection(&mut out, &found, json)?;
        }
        Command::Events(arguments) => watch::events(cli, arguments, &mut out)?,
        Command::Exposures(arguments) => {
            let list = arguments.list.as_deref().map(Manufacturer::read);
            let list = list.transpose()?;
            let exposures = device::exposures(&mut connect(cli)?.client)?;
            output::exposures(&mut out, &exposures, list.as_ref(), json)?;
        }
        Command::Info => {
            let mut connection = connect(cli)?;
            let heap = device::heap(&mut connection.client)?;
            output::info(&mut out, &connection.info, &heap, json)?;
        }
        Command::Reset => {
            let mut connection = connect(cli)?;
            device::reset(&mut connection.client, &connection.info)?;
            output::action(&mut out, &connection.info.board, "reset", None, json)?;
        }
        Command::Console(arguments) => {
            drop(out);
            open_console(cli, arguments)?;
        }
        Command::Config(arguments) => devices::config(arguments, &mut out, json)?,
        Command::Devices => devices::list(&mut out, json)?,
        Command::Select(arguments) => devices::select(&arguments.name, &mut out, json)?,
        Command::Scan(arguments) => devices::scan(arguments, &mut out, json)?,
        Command::Doctor => doctor::run(cli, &mut out)?,
        Command::Keys(arguments) => keys::run(cli, &arguments.command, &mut out)?,
        Command::Login => login::login(cli, &mut out)?,
        Command::Logout => login::logout(cli, &mut out)?,
        Command::Serve(arguments) => return Err(serve::run(&arguments.words, json).into()),
        Command::Fleet(arguments) => {
            let words = [&["fleet".into()][..], &arguments.words].concat();
            return Err(serve::run(&words, json).into());
        }
        Command::Completions(arguments) => completions::print(&arguments.shell, &mut out)?,
    }
    Ok(())
}

struct Connection {
    client: Client,
    info: DeviceInfo,
    _lock: LineLock,
}

/// What `--device` or `BERTH_DEVICE` say.
fn wanted(cli: &Cli) -> Option<&str> {
    cli.device.as_deref().filter(|text| !text.is_empty())
}

fn address(cli: &Cli) -> Result<Address, Error> {
    match wanted(cli) {
        // A broken list of devices is no reason to refuse a plain address.
        Some(text) if crate::address::looks_like_address(text) => text.parse(),
        wanted => Ok(devices::meant(&Registry::load()?, wanted)?.0),
    }
}

/// Columns that a table may have: those of the terminal, elsewhere what `COLUMNS` says or 80; `None`: as many as it takes.
fn width(wide: bool) -> Option<usize> {
    if wide {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    let columns = Some(columns).filter(|columns| *columns > 0);
    columns
        .or_else(|| said().filter(|columns| *columns > 0))
        .or(Some(80))
}

fn timeout(cli: &Cli) -> Duration {
    Duration::from_secs(cli.timeout.into())
}

/// For one or a few requests.
fn connect(cli: &Cli) -> Result<Connection, Error> {
    let address = address(cli)?;
    let (lock, mut client, info) = device::connect(&address, timeout(cli))?;
    login::prepare(cli, &address, &mut client)?;
    Ok(Connection {
        client,
        info,
        _lock: lock,
    })
}

/// For long: others are served meanwhile.
fn connect_shared(cli: &Cli) -> Result<(Shared, DeviceInfo), Error> {
    let address = address(cli)?;
    let (mut shared, info) = share::connect(&address, timeout(cli))?;
    login::prepare(cli, &address, &mut shared.client)?;
    Ok((shared, info))
}

fn open_console(cli: &Cli, arguments: &Console) -> Result<(), Error> {
    let address = address(cli)?;
    if let Address::Gateway(_) = address {
        return Err(Error::Usage(
            "a gateway passes on what berth asks for, not what is typed: `berth logs -f` and `berth events -f` show what happens".into(),
        ));
    }
    let (mut lock, place) = device::take_line(&address)?;
    let line = crate::open(&place)?;
    // Whoever shares the line already also serves the others.
    let socket = match &arguments.socket {
        Some(path) => Some(path.clone()),
        None => lock.is_held().then(|| share::socket_for(&place)),
    };
    let left = console::run(line, socket.as_deref(), |socket| lock.publish(socket))?;
    drop(lock);
    left.obey();
    Ok(())
}

/// An update that did not stand up is a refusal.
fn rolled_back(name: &str, update: &UpdateOutcome) -> Error {
    let message = match update.fault {
        Some(fault) => format!("the new image faulted ({fault}); the old one runs again"),
        None => "the new image could not be started; the old one runs".to_owned(),
    };
    Error::Refused(crate::Refusal {
        code: "rolled-back",
        name: Some(name.into()),
        message: crate::Said::of(&message),
        to: "update",
        missing: Vec::new(),
    })
}

/// Flush, so that whoever follows sees it now.
fn flush(out: &mut impl Write) -> Result<(), Failure> {
    Ok(out.flush()?)
}
