//! `berth keys`: the keys that sign packages.

use super::{Failure, login, revoke};
use crate::{
    Error,
    cli::{Cli, KeysCommand, NewKey, VerifyPackage},
    error::shown,
    output,
};
use berth_pack::{
    keys::{self, Public, Secret},
    sign::{in_words, is_of},
};
use berth_signature::find;
use std::io::Write;

pub(super) fn run(cli: &Cli, command: &KeysCommand, out: &mut impl Write) -> Result<(), Failure> {
    let json = cli.json;
    match command {
        KeysCommand::New(arguments) => new(arguments, out, json),
        KeysCommand::List => {
            let list = keys::list().map_err(Error::from)?;
            output::keys(out, &list, json)?;
            Ok(())
        }
        KeysCommand::Show(arguments) => {
            let key = Public::read(&arguments.name).map_err(Error::from)?;
            if arguments.pem {
                out.write_all(key.pem().map_err(Error::from)?.as_bytes())?;
            } else {
                output::key(out, &arguments.name, &key, json)?;
            }
            Ok(())
        }
        KeysCommand::Revoke(arguments) => revoke::run(cli, arguments, out),
        KeysCommand::Verify(arguments) => verify(arguments, out, json),
        KeysCommand::Provision => login::provision(cli, out),
    }
}

fn new(arguments: &NewKey, out: &mut impl Write, json: bool) -> Result<(), Failure> {
    let path = keys::place(&arguments.name).map_err(Error::from)?;
    if path.exists() {
        return Err(Error::Usage(format!(
            "{} is there already, and a key is not replaced: packages that it signed would be nobody's",
            shown(&path)
        ))
        .into());
    }
    let passphrase = match arguments.encrypt {
        true => Some(keys::new_passphrase().map_err(Error::from)?),
        false => None,
    };
    let secret = Secret::generate().map_err(Error::from)?;
    let passphrase = passphrase.as_ref().map(|passphrase| passphrase.as_str());
    secret.write_new(&path, passphrase).map_err(Error::from)?;
    output::key(out, &arguments.name, &secret.public(), json)?;
    if !json {
        output::note(&format!(
            "the secret key is in {}: keep a copy of it, and keep it to yourself; the manufacturer gets the line that begins with \"public\"",
            shown(&path)
        ));
    }
    Ok(())
}

/// Say who signed. That nobody did, or that it is not right, is an error.
fn verify(arguments: &VerifyPackage, out: &mut impl Write, json: bool) -> Result<(), Failure> {
    let path = &arguments.package;
    let package = std::fs::read(path).map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    let wrong = |what: &str| Error::Unsigned(format!("{}: {what}", shown(path)));
    let signed = match find(&package) {
        Ok(Some(signed)) => signed,
        Ok(None) => return Err(wrong("not signed").into()),
        Err(malformed) => return Err(wrong(&malformed.to_string()).into()),
    };
    let known = match &arguments.key {
        Some(key) => vec![(key.clone(), Public::read(key).map_err(Error::from)?)],
        None => keys::list().map_err(Error::from)?,
    };
    let id = signed.claims.key;
    let Some((name, key)) = known.iter().find(|(_, key)| key.id() == id) else {
        return Err(wrong(&format!(
            "signed {}; that key is not at hand, so whether it did is not known",
            in_words(&signed)
        ))
        .into());
    };
    if !is_of(&package, &signed, key) {
        return Err(wrong("changed after it was signed").into());
    }
    output::verified(out, name, &signed, json)?;
    Ok(())
}
