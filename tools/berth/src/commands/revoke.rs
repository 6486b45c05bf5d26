//! `berth keys revoke`: what must not run any more.

use super::{Failure, connect};
use crate::{
    Error,
    cli::{Cli, RevokeList},
    device::{self, from_hexadecimal},
    error::shown,
    output,
};
use berth_pack::{
    keys::{Public, Secret},
    sign::{Signer, sign_list},
};
use berth_signature::{
    HASH_BYTES, KEY_ID_BYTES, KeyId,
    revocation::{self, Revoked},
};
use std::io::Write;

pub(super) fn run(cli: &Cli, arguments: &RevokeList, out: &mut impl Write) -> Result<(), Failure> {
    let list = match (&arguments.list, &arguments.sign, arguments.counter) {
        (Some(path), ..) => std::fs::read(path).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?,
        (None, Some(key), Some(counter)) => made(arguments, key, counter)?,
        _ => return Err(Error::Usage("say --list, or --sign and --counter".into()).into()),
    };
    let Some((_, signed)) = revocation::list(&list) else {
        return Err(
            Error::Usage("this is no list that `berth keys revoke -o` has written".into()).into(),
        );
    };
    if let Some(path) = &arguments.output {
        std::fs::write(path, &list).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
        output::action(out, &shown(path).to_string(), "written", None, cli.json)?;
        return Ok(());
    }
    let mut connection = connect(cli)?;
    device::revoke(&mut connection.client, &list)?;
    let what = format!("list {}", signed.claims.counter);
    output::action(out, &what, "revoked", None, cli.json)?;
    Ok(())
}

/// Returns the list that the arguments say.
fn made(arguments: &RevokeList, key: &str, counter: u32) -> Result<Vec<u8>, Error> {
    let mut entries = Vec::new();
    for key in &arguments.keys {
        entries.push(Revoked::Key(id(key)?));
    }
    for package in &arguments.packages {
        entries.push(version(package)?);
    }
    let hashes: Result<Vec<_>, _> = arguments.images.iter().map(|image| hash(image)).collect();
    let hashes = hashes?;
    entries.extend(hashes.iter().map(Revoked::Image));
    let signer = Signer::Key(Secret::read(key)?);
    sign_list(&entries, counter, &signer).map_err(|error| Error::Usage(error.to_string()))
}

/// The id of a key that is named, or given.
fn id(word: &str) -> Result<KeyId, Error> {
    match from_hexadecimal::<KEY_ID_BYTES>(word) {
        Some(id) => Ok(KeyId(id)),
        None => Ok(Public::read(word)?.id()),
    }
}

/// Versions of a package.
fn version(word: &str) -> Result<Revoked<'_>, Error> {
    let mut parts = word.rsplitn(3, ':');
    let counter = parts.next().and_then(|counter| counter.parse().ok());
    match (counter, parts.next(), parts.next()) {
        (Some(counter), Some(name), Some(key)) => Ok(Revoked::Package {
            key: id(key)?,
            counter,
            name,
        }),
        _ => Err(Error::Usage(format!(
            "{word:?} is no version of a package: KEY:NAME:COUNTER, as in lamps:blink:3"
        ))),
    }
}

/// The hash of an image that is a file, or that is given.
fn hash(word: &str) -> Result<[u8; HASH_BYTES], Error> {
    if let Some(hash) = from_hexadecimal(word) {
        return Ok(hash);
    }
    let image = std::fs::read(word).map_err(|source| Error::File {
        path: word.into(),
        source,
    })?;
    Ok(berth_protocol::ImageHash::of(&image).0)
}
