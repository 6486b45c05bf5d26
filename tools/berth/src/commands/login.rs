//! `berth login`, `berth logout`, `berth keys provision`: operators.

use super::{Failure, address, timeout};
use crate::{
    Address, Client, Error,
    cli::Cli,
    device::{self, done},
    error::shown,
    output,
    session::{self, Operator, Session},
};
use berth_protocol::Op;
use std::io::Write;

/// The operator that `--operator` or `BERTH_OPERATOR` say.
fn operator(cli: &Cli, device: &Address) -> Result<Option<Operator>, Error> {
    match cli.operator.as_deref().filter(|key| !key.is_empty()) {
        Some(key) => Ok(Some(Operator::read(key)?.at(device))),
        None => Ok(None),
    }
}

fn named(cli: &Cli, device: &Address) -> Result<Operator, Error> {
    operator(cli, device)?.ok_or_else(|| {
        Error::Usage("whose key? say --operator KEY, or BERTH_OPERATOR=KEY".to_owned())
    })
}

/// Have a client log in when it has to, or ask in the session that is kept.
pub(super) fn prepare(cli: &Cli, device: &Address, client: &mut Client) -> Result<(), Error> {
    match operator(cli, device)? {
        Some(operator) => client.set_operator(operator),
        None => {
            if let Some(session) = Session::kept(device)? {
                client.set_session(session);
            }
        }
    }
    Ok(())
}

pub(super) fn login(cli: &Cli, out: &mut impl Write) -> Result<(), Failure> {
    let address = address(cli)?;
    let operator = named(cli, &address)?;
    let (_lock, mut client, info) = device::connect(&address, timeout(cli))?;
    client.set_operator(operator);
    client.log_in()?;
    match client.session() {
        Some(session) => {
            let path = session.keep(&address)?;
            output::action(out, &info.board, "logged in", None, cli.json)?;
            if !cli.json {
                output::note(&format!(
                    "the session is in {}, until `berth logout`, a reset of the device, or an hour without a request",
                    shown(&path)
                ));
            }
        }
        None => {
            output::action(out, &info.board, "needs no login", None, cli.json)?;
        }
    }
    Ok(())
}

pub(super) fn logout(cli: &Cli, out: &mut impl Write) -> Result<(), Failure> {
    let address = address(cli)?;
    let Some(session) = Session::kept(&address)? else {
        return Err(Error::Usage("there is no session: `berth login` opens one".into()).into());
    };
    let (_lock, mut client, info) = device::connect(&address, timeout(cli))?;
    client.set_session(session);
    let ended = done(&mut client, "logout", None, Op::Logout);
    Session::forget(&address)?;
    // One that is over already is what was asked for.
    match ended {
        Err(error) if !error.is_refusal("no-session") => return Err(error.into()),
        _ => output::action(out, &info.board, "logged out", None, cli.json)?,
    }
    Ok(())
}

pub(super) fn provision(cli: &Cli, out: &mut impl Write) -> Result<(), Failure> {
    let address = address(cli)?;
    let operator = named(cli, &address)?;
    let (_lock, mut client, info) = device::connect(&address, timeout(cli))?;
    let public = session::give_secret(&mut client, &operator)?;
    output::action(out, &info.board, "provisioned", None, cli.json)?;
    if !cli.json {
        output::note(&format!(
            "its public key is {public}, and known here from now on"
        ));
    }
    Ok(())
}
