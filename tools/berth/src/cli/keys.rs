//! The words of `berth keys`.

use crate::complete;
use clap::{Args, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

const KEYS_HELP: &str = "\
A signed package in three commands:

  berth keys new lamps                                   # once: a secret key, and its public key to be given to the manufacturer
  berth build                                            # or pack module.wasm
  pack lamp.berth --sign lamps --counter 1 -o lamp-1.berth

The device takes it where its manufacturer has put the public key into exposure.dts (`berth keys show lamps`). The next version
has --counter 2: a device does not go back to one with a lower number.";

const REVOKE_HELP: &str = "\
  berth keys revoke --sign root --counter 1 --key lamps                      # whatever the key lamps has signed
  berth keys revoke --sign root --counter 2 --key lamps --package oven:heater:7
  berth keys revoke --sign root --counter 2 --key lamps -o list.berth-revoked
  berth keys revoke --list list.berth-revoked                                # to each device

The list takes the place of the one that a device has, so it names all that is revoked. The device takes it if the manufacturer lets the
key revoke (`revokes;` in exposure.dts) and its counter is not below that of the list before. What it covers ends, and does not start again.";

/// What `keys revoke` takes.
#[derive(Debug, Args)]
pub struct RevokeList {
    /// Send this list, which was signed before
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["sign", "counter", "keys", "packages", "images", "output"], required_unless_present = "sign")]
    pub list: Option<PathBuf>,
    /// Make a list and sign it with this key: a name or a file
    #[arg(long, value_name = "KEY", requires = "counter", add = ArgValueCandidates::new(complete::keys))]
    pub sign: Option<String>,
    /// Which version of the list this is: higher than the one before
    #[arg(long, value_name = "N", requires = "sign")]
    pub counter: Option<u32>,
    /// Revoke all that this key has signed: a name, a file, or its id; repeatable
    #[arg(long = "key", value_name = "KEY", add = ArgValueCandidates::new(complete::keys))]
    pub keys: Vec<String>,
    /// Revoke this version of a package and all before it: the key that signed it, its name and its counter; repeatable
    #[arg(long = "package", value_name = "KEY:NAME:COUNTER")]
    pub packages: Vec<String>,
    /// Revoke an image: a file, or its SHA-256 as `berth inspect` shows it; repeatable
    #[arg(long = "image", value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub images: Vec<String>,
    /// Write the list to a file instead of sending it
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "sign")]
    pub output: Option<PathBuf>,
}

/// What `keys` takes.
#[derive(Debug, Args)]
#[command(after_help = KEYS_HELP)]
pub struct Keys {
    /// What to do with them.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key
    New(NewKey),
    /// List the keys that have a name
    List,
    /// Show a public key, as a device's configuration and as packages have it
    Show(ShowKey),
    /// Say who signed a package, and what the signature allows
    Verify(VerifyPackage),
    /// Tell a device what must not run any more: keys, versions of packages, images
    #[command(after_help = REVOKE_HELP)]
    Revoke(RevokeList),
    /// Give a device the secret that operators' sessions need, once, over a line that nobody else hears
    Provision,
}

/// What `keys new` takes.
#[derive(Debug, Args)]
pub struct NewKey {
    /// Its name, or a file (PKCS#8, PEM; the public key goes beside it, ending in .pub)
    pub name: String,
    /// Encrypt it with a passphrase: that in BERTH_PASSPHRASE, or one that is typed
    #[arg(long)]
    pub encrypt: bool,
}

/// What `keys show` takes.
#[derive(Debug, Args)]
pub struct ShowKey {
    /// Its name, or a file, with the secret or the public key
    #[arg(add = ArgValueCandidates::new(complete::keys))]
    pub name: String,
    /// As PEM
    #[arg(long)]
    pub pem: bool,
}

/// What `keys verify` takes.
#[derive(Debug, Args)]
pub struct VerifyPackage {
    /// The package
    #[arg(value_hint = ValueHint::FilePath)]
    pub package: PathBuf,
    /// The key that must have signed it, a name or a file [default: any of `berth keys list`]
    #[arg(long, value_name = "KEY", add = ArgValueCandidates::new(complete::keys))]
    pub key: Option<String>,
}
