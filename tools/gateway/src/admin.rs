//! What each command does.

use crate::{
    By, Config, Error, Scope, Server, State,
    cli::{Cli, Command, DeviceCommand, FleetCommand, KeyCommand, Serve},
    fleet,
    mqtt::{self, Broker},
    tls,
};
use berth::{Said, session::Operator};
use etcetera::base_strategy::{BaseStrategy, Xdg};
use serde::Serialize;
use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// Carries out a command line; what comes out is the exit code.
#[must_use]
pub fn run(cli: &Cli) -> u8 {
    match carry_out(cli) {
        Ok(()) => 0,
        // Whoever read our output has had enough (`fleet rollouts | head`).
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            eprintln!("error: {error}\nhint: {}", error.hint());
            error.exit_code()
        }
    }
}

fn carry_out(cli: &Cli) -> Result<(), Error> {
    let folder = match &cli.state {
        Some(folder) => folder.clone(),
        None => default_folder()?,
    };
    let state = match &cli.database {
        None => State::open(&folder)?,
        Some(url) => {
            let lease = Duration::from_secs(cli.serve.lease.into());
            State::open_shared(&folder, url, cli.database_certificate.as_deref(), lease)?
        }
    };
    match &cli.command {
        None => serve(&cli.serve, state),
        Some(Command::Key(KeyCommand::Add(new))) => {
            let scope = Scope {
                devices: new.devices.clone(),
                groups: new.groups.clone(),
            };
            let key = state.add_key(&new.name, new.role, &scope, By::COMMAND)?;
            eprintln!("note: keep it, it is not shown again");
            say(&key)
        }
        Some(Command::Key(KeyCommand::List)) => table(cli.json, &state.keys()?, |key| {
            let all = [key.scope.devices.clone(), key.scope.groups.clone()].concat();
            let scope = if all.is_empty() {
                "all".into()
            } else {
                all.join(",")
            };
            let revoked = if key.revoked { "revoked" } else { "" };
            vec![
                key.name.clone(),
                key.role.word().into(),
                scope,
                key.id.clone(),
                revoked.into(),
            ]
        }),
        Some(Command::Key(KeyCommand::Revoke(key))) => state.revoke_key(&key.name, By::COMMAND),
        Some(Command::Device(DeviceCommand::Add(new))) => {
            let address: berth::Address = new
                .address
                .parse()
                .map_err(|error: berth::Error| Error::Usage(error.to_string()))?;
            state.add_device(
                &new.name,
                &address.to_string(),
                &new.groups,
                new.default,
                By::COMMAND,
            )
        }
        Some(Command::Device(DeviceCommand::List)) => {
            table(cli.json, &state.devices()?, |device| {
                let default = if device.default { "default" } else { "" };
                vec![
                    device.name.clone(),
                    device.address.clone(),
                    device.groups.join(","),
                    default.into(),
                ]
            })
        }
        Some(Command::Device(DeviceCommand::Remove(device))) => {
            state.remove_device(&device.name, By::COMMAND)
        }
        Some(Command::Fleet(command)) => on_fleet(cli.json, &state, command),
        Some(Command::Audit(audit)) if audit.verify => {
            let count = state.audit_verify()?;
            say(&format!("{count} entries, each follows from those before"))
        }
        Some(Command::Audit(audit)) => {
            table(cli.json, &state.audit_entries(audit.last)?, |entry| {
                let subject = match entry.ends {
                    Some(begun) => format!("{} (of {begun})", entry.subject),
                    None => entry.subject.clone(),
                };
                vec![
                    entry.number.to_string(),
                    time(entry.time_ms),
                    entry.who.clone(),
                    entry.peer.clone(),
                    entry.device.clone(),
                    entry.action.clone(),
                    subject,
                    entry.outcome.clone(),
                ]
            })
        }
    }
}

fn on_fleet(json: bool, state: &State, command: &FleetCommand) -> Result<(), Error> {
    match command {
        FleetCommand::Apply(apply) => {
            let (sets, images) = fleet::read(&apply.file)?;
            for (sha256, bytes) in &images {
                state.keep_image(sha256, bytes)?;
            }
            for (name, spec) in &sets {
                let applied = fleet::apply(state, name, spec, By::COMMAND)?;
                say(&match applied.rollout {
                    Some(id) => format!("{name}: version {}, roll-out {id}", applied.version),
                    None => format!("{name}: version {} holds already", applied.version),
                })?;
            }
            Ok(())
        }
        FleetCommand::Sets => {
            let sets: Vec<_> = state
                .sets()?
                .into_iter()
                .map(|set| (set.name.clone(), set.version, set.coming()))
                .collect();
            table(json, &sets, |(name, version, coming)| {
                let coming = coming.map_or_else(String::new, |number| format!("{number} comes"));
                vec![name.clone(), version.to_string(), coming]
            })
        }
        FleetCommand::Rollouts => table(json, &state.rollouts(None)?, |rollout| {
            vec![
                rollout.id.to_string(),
                rollout.set.clone(),
                format!("{} to {}", rollout.previous, rollout.version),
                rollout.state.clone(),
                format!("stage {} of {}", rollout.stage + 1, rollout.stages),
                time(rollout.begun_ms),
                rollout.why.clone(),
            ]
        }),
        FleetCommand::Report(which) => {
            if state.rollouts(Some(which.id))?.is_empty() {
                return Err(Error::Unknown {
                    kind: "roll-out",
                    name: which.id.to_string(),
                });
            }
            table(json, &state.rollout_devices(which.id)?, |device| {
                vec![
                    (device.stage + 1).to_string(),
                    device.device.clone(),
                    device.state.clone(),
                    time(device.at_ms),
                    device.why.clone(),
                ]
            })
        }
        FleetCommand::Pause(which) => state.pause_rollout(which.id, true, By::COMMAND),
        FleetCommand::Resume(which) => state.pause_rollout(which.id, false, By::COMMAND),
        FleetCommand::Abort(which) => state.end_rollout(which.id, "aborted", "", By::COMMAND),
        FleetCommand::History(which) => {
            let entries = state.history(which.device.as_deref(), which.last)?;
            table(json, &entries, |entry| {
                vec![
                    time(entry.time_ms),
                    entry.device.clone(),
                    entry.container.clone(),
                    entry.what.clone(),
                    entry.sha256.chars().take(12).collect(),
                    format!("{} {}", entry.set, entry.version),
                ]
            })
        }
    }
}

fn default_folder() -> Result<PathBuf, Error> {
    let folders = Xdg::new().map_err(|error| {
        Error::Usage(format!(
            "no folder for the state: {error}; set HOME or --state"
        ))
    })?;
    let folder = folders.state_dir().unwrap_or_else(|| folders.data_dir());
    Ok(folder.join("berth-serve"))
}

/// The last moment of the year 9999, after which times are written in another way.
const LAST_MS: u64 = 253_402_300_799_999;

/// Seconds of the day are enough for people, with the day in front.
fn time(ms: i64) -> String {
    let time = std::time::UNIX_EPOCH + Duration::from_millis(ms.unsigned_abs().min(LAST_MS));
    humantime::format_rfc3339_seconds(time).to_string()
}

fn say(text: &str) -> Result<(), Error> {
    writeln!(io::stdout(), "{text}").map_err(Error::Output)
}

/// Prints rows in columns, or what they are made of as JSON. What callers chose moves no terminal.
fn table<T: Serialize>(
    json: bool,
    items: &[T],
    row: impl Fn(&T) -> Vec<String>,
) -> Result<(), Error> {
    if json {
        let text = serde_json::to_string(items).map_err(|error| Error::Output(error.into()))?;
        return say(&text);
    }
    let rows: Vec<Vec<Said>> = items
        .iter()
        .map(|item| row(item).iter().map(|text| Said::of(text)).collect())
        .collect();
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let line: String = cells
            .map(|(cell, &width)| format!("{cell:width$}  "))
            .collect();
        say(line.trim_end())?;
    }
    Ok(())
}

/// Returns what clients may call the gateway: where it listens, which may be each address of this computer, and what its operator calls it.
fn names(how: &Serve) -> Result<Vec<String>, Error> {
    let listens = how.listen.ip();
    let mut names = vec!["localhost".to_owned()];
    names.extend(how.names.iter().cloned());
    if listens.is_unspecified() {
        let interfaces = if_addrs::get_if_addrs();
        let interfaces = interfaces.map_err(|error| Error::System(error.to_string()))?;
        let addresses = interfaces.iter().map(if_addrs::Interface::ip);
        // Whoever listens at 0.0.0.0 is not reached by IPv6.
        let reached = addresses.filter(|address| listens.is_ipv6() || address.is_ipv4());
        names.extend(reached.map(|address| address.to_string()));
    } else {
        names.push(listens.to_string());
    }
    Ok(names)
}

fn serve(how: &Serve, state: State) -> Result<(), Error> {
    let loopback = how.listen.ip().is_loopback();
    let certificate = match (&how.certificate, &how.private_key) {
        (Some(certificate), Some(key)) => Some(tls::given(certificate, key)?),
        _ if how.plain || (loopback && !how.tls) => None,
        _ => Some(tls::own(state.folder(), &names(how)?)?),
    };
    let scheme = if certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let told = certificate
        .as_ref()
        .map(|it| (it.fingerprint.clone(), it.file.clone()));
    let password = std::env::var("BERTH_MQTT_PASSWORD").ok();
    let broker = how.mqtt.as_deref().map(|url| {
        Broker::of(&mqtt::Wanted {
            url,
            user: how.mqtt_user.as_deref(),
            password: how.mqtt_user.as_ref().and(password.as_deref()),
            certificates: how.mqtt_certificate.as_deref(),
            prefix: &how.mqtt_prefix,
            logs: how.mqtt_logs,
        })
    });
    let config = Config {
        listen: how.listen,
        names: how.names.clone(),
        trusted: how.wasmico_without_key.clone(),
        requests_per_second: how.rate,
        check_every: Duration::from_secs(how.check_every.into()),
        operator: how
            .operator
            .as_deref()
            .filter(|key| !key.is_empty())
            .map(Operator::read)
            .transpose()
            .map_err(|error| Error::Usage(error.to_string()))?,
        certificate,
        broker: broker.transpose()?,
    };
    crate::take_handles();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(THREADS_MAX)
        .thread_keep_alive(IDLE)
        .build()
        .map_err(|error| Error::System(error.to_string()))?;
    let first = state.add_first_key("first")?;
    let served = runtime.block_on(async {
        let state = Arc::new(state);
        let server = Server::bind(config, Arc::clone(&state)).await?;
        if let Some((fingerprint, file)) = told {
            say(&format!("certificate {} sha256 {fingerprint}", file.display()))?;
        }
        if let Some(key) = first {
            say(&format!("first key (admin, shown once) {key}"))?;
        }
        // The last line: whoever has read it may begin.
        say(&format!("listening at {scheme}://{}", server.address()))?;
        for network in &how.wasmico_without_key {
            eprintln!("note: whoever is in {network} operates all devices over WASMICO's API without a key");
        }
        if how.plain && !loopback {
            eprintln!("note: without TLS, who sees the network sees the keys");
        }
        let end = ended()?;
        server.run(end).await;
        Ok(())
    });
    // What is being asked of a device is not waited for.
    runtime.shutdown_background();
    served
}

/// Threads at most. There is one for each device that is being asked at the moment, so they are few, but as many as there are devices
/// if all of them stall.
const THREADS_MAX: usize = 8192;

/// How long a thread waits for the next device. At the start all are asked at once; after that a few threads are enough.
const IDLE: Duration = Duration::from_millis(200);

/// Until somebody ends the program.
fn ended() -> Result<impl Future<Output = ()>, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| Error::System(error.to_string()));
    let (mut interrupt, mut terminate) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn who_listens_everywhere_is_called_by_each_address() {
        let names = |words: &[&str]| {
            let words = [&["berth-serve"], words].concat();
            names(&Cli::parse_from(words).serve).unwrap()
        };
        let one = names(&["--listen", "127.0.0.1:0", "--name", "roof.example"]);
        assert_eq!(one, ["localhost", "roof.example", "127.0.0.1"]);
        let all = names(&["--listen", "0.0.0.0:0"]);
        assert!(all.contains(&"127.0.0.1".to_owned()), "{all:?}");
        assert!(!all.iter().any(|name| name.contains(':')), "{all:?}");
        // The certificate can be made for all of them.
        let folder = tempfile::tempdir().unwrap();
        tls::own(folder.path(), &names(&["--listen", "[::]:0"])).unwrap();
    }
}
