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
