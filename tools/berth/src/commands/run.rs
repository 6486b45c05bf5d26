//! `berth run`: from a file to a running container, whatever was there before.

use super::{Failure, connect_shared, endings, lifecycle, rolled_back, watch};
use crate::{
    Begun, Client, Error,
    cli::{Cli, Numbers, Run, Wishes},
    device, output,
};
use berth_protocol::Parameters;
use lifecycle::ImageFile;
use std::{io::Write, time::Duration};

/// How long the new image of a container that ran is on trial.
const TRIAL: Duration = Duration::from_secs(5);

pub(super) fn run(cli: &Cli, arguments: &Run, out: &mut impl Write) -> Result<(), Failure> {
    let image = ImageFile::read(
        &arguments.file,
        arguments.name.as_deref(),
        arguments.no_pack,
        false,
    )?;
    let parameters = arguments.settings.parameters(&Numbers::default());
    let (mut connection, _) = connect_shared(cli)?;
    let client = &mut connection.client;
    let watched = arguments.follow || arguments.rm;
    let done = match endings::find(client, &image.name)? {
        None => begin(client, &image, parameters, arguments.wishes)?,
        Some(old) => replace(client, &image, parameters, old.is_active(), watched)?,
    };
    output::action(out, &image.name, done, Some(image.bytes.len()), cli.json)?;
    if !watched {
        return Ok(());
    }
    let ended = watch::until_it_ends(client, &image.name, arguments.follow, out, cli.json)?;
    if arguments.rm {
        device::remove(client, &image.name)?;
    }
    if !cli.json {
        output::note(&format!("{} {}", image.name, ended.state_text()));
    }
    endings::finish(endings::exit_code(&ended))
}

/// The first of its name. If the device refuses to start it, it is not left there either; one that was started and
/// failed stays, so that it can be inspected.
fn begin(
    client: &mut Client,
    image: &ImageFile,
    parameters: Parameters,
    how: Wishes,
) -> Result<&'static str, Error> {
    image.upload(client, parameters, how)?;
    match device::start(client, &image.name) {
        Ok(()) => Ok("started"),
        Err(Error::Refused(refusal)) => {
            if refusal.code != "wrong-state" {
                device::remove(client, &image.name)?;
            }
            Err(Error::Refused(refusal))
        }
        Err(error) => Err(error),
    }
}

/// Another image, or the same once more, for a container that is there.
fn replace(
    client: &mut Client,
    image: &ImageFile,
    parameters: Parameters,
    was_active: bool,
    watched: bool,
) -> Result<&'static str, Error> {
    let name = &image.name;
    let begun = image.send(|progress| {
        let after = device::After::Runs;
        device::live_update(
            client,
            name,
            &image.bytes,
            parameters,
            TRIAL,
            after,
            progress,
        )
    })?;
    match begun {
        Begun::Unchanged => {
            endings::restart(client, name)?;
            Ok("started again")
        }
        Begun::Update { upload, outcome } if was_active => {
            // Who watches sees what becomes of it.
            let update = if watched {
                outcome
            } else {
                lifecycle::trial_end(client, name, upload, outcome)?
            };
            match update {
                Some(update) if update.update == "rolled-back" => Err(rolled_back(name, &update)),
                _ => Ok("replaced"),
            }
        }
        // Started by the device, which would have kept the old image if it could not be.
        Begun::Update { .. } => Ok("replaced and started"),
    }
}
