//! Containers that end, are started anew, and are no longer needed.

use super::{Failure, connect, lifecycle};
use crate::{
    Client, Container, Error, Refusal,
    cli::{Cli, Prune, Wait},
    device, output,
};
use berth_protocol::{DeviceError, Parameters, State};
use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

/// How often a container that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The container of exactly this name; `None` if there is none.
pub(super) fn find(client: &mut Client, name: &str) -> Result<Option<Container>, Error> {
    let containers = device::names(client)?;
    Ok(containers
        .into_iter()
        .find(|container| container.name == name))
}

/// Has it ended, and nothing starts it again?
pub(super) fn has_ended(container: &Container) -> bool {
    !container.state.is_active() && !matches!(container.state, State::Restarting { .. })
}

/// What a container that has ended makes berth exit with: its own code, 1 for a fault and in quarantine, 0 if it was
/// stopped.
pub(super) fn exit_code(container: &Container) -> u8 {
    match container.state {
        // As everywhere: the low byte of it.
        State::Exited { code } => code as u8,
        State::Faulted { .. } | State::Quarantined => 1,
        _ => 0,
    }
}

/// `wait`.
pub(super) fn wait(cli: &Cli, arguments: &Wait, out: &mut impl Write) -> Result<(), Failure> {
    let client = &mut connect(cli)?.client;
    let patience = arguments
        .at_most
        .map(|seconds| Duration::from_secs(seconds.into()));
    let began = Instant::now();
    let mut code = 0;
    for name in &arguments.names {
        let container = loop {
            let container = find(client, name)?.ok_or_else(|| unknown("wait", name))?;
            if has_ended(&container) {
                break container;
            }
            if let Some(after) = patience.filter(|patience| began.elapsed() > *patience) {
                return Err(Error::NotYet {
                    what: format!("{name} has not ended ({})", container.state_text()),
                    after,
                    hint: "without --at-most `berth wait` waits for as long as it takes; `berth stop` ends it",
                }
                .into());
            }
            thread::sleep(LOOK_EVERY);
        };
        output::action(out, name, &container.state_text(), None, cli.json)?;
        code = exit_code(&container);
    }
    finish(code)
}

/// `berth` exits with this.
pub(super) fn finish(code: u8) -> Result<(), Failure> {
    match code {
        0 => Ok(()),
        code => Err(Failure::Reported(code)),
    }
}

pub(super) fn unknown(to: &'static str, name: &str) -> Error {
    Error::Refused(Refusal::of(to, Some(name), &DeviceError::UnknownName))
}

/// `restart` of one: the device does both at once if it is active, so that a refusal leaves it as it was.
pub(super) fn restart(client: &mut Client, name: &str) -> Result<(), Error> {
    let container = find(client, name)?.ok_or_else(|| unknown("restart", name))?;
    if container.is_active() {
        fits_into(client, "restart", name, None)?;
        device::edit(client, name, Parameters::default(), true)
    } else {
        device::start(client, name)
    }
}

/// Refuse what would leave a container that runs without a way to start: a limit, its own if none is given, below what
/// it holds by now.
pub(super) fn fits_into(
    client: &mut Client,
    to: &'static str,
    name: &str,
    limit: Option<u32>,
) -> Result<(), Error> {
    let Some(container) = find(client, name)? else {
        // The device says so.
        return Ok(());
    };
    let (needed, free) = (
        container.memory_used,
        limit.unwrap_or(container.memory_limit),
    );
    if container.is_active() && needed > free {
        let error = DeviceError::OutOfMemory { needed, free };
        return Err(Error::Refused(Refusal {
            message: format!(
                "it holds {needed} bytes, more than a limit of {free}: it goes on as it is"
            ),
            ..Refusal::of(to, Some(name), &error)
        }));
    }
    Ok(())
}

/// `prune`.
pub(super) fn prune(cli: &Cli, arguments: &Prune, out: &mut impl Write) -> Result<(), Failure> {
    let containers = device::names(&mut connect(cli)?.client)?;
    let ended: Vec<_> = containers
        .into_iter()
        .filter(|container| {
            matches!(
                container.state,
                State::Exited { .. } | State::Faulted { .. } | State::Stopped
            )
        })
        .collect();
    if arguments.force {
        let names: Vec<_> = ended.into_iter().map(|container| container.name).collect();
        return lifecycle::each(cli, &names, "deleted", device::remove, out);
    }
    for container in &ended {
        let done = format!("would be deleted, {}", container.state_text());
        let bytes = Some(container.image_bytes as usize);
        output::action(out, &container.name, &done, bytes, cli.json)?;
    }
    if !cli.json {
        output::note(if ended.is_empty() {
            "no container has ended"
        } else {
            "nothing is deleted yet: `berth prune -f` does it"
        });
    }
    Ok(())
}
