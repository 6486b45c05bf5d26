//! The words of the command line.

use crate::{Network, Role};
use clap::{Args, Parser, Subcommand};
use std::{net::SocketAddr, path::PathBuf};

/// Offer devices over HTTP.
#[derive(Debug, Parser)]
#[command(name = "berth-serve", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Folder with keys, devices and audit log; by default berth-serve below $XDG_STATE_HOME or ~/.local/state
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "BERTH_SERVE_STATE",
        hide_env_values = true
    )]
    pub state: Option<PathBuf>,
    /// Keep it in this PostgreSQL instead, which several gateways may share: postgres://USER@HOST/NAME; better in the environment,
    /// with its password
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "BERTH_SERVE_DATABASE",
        hide_env_values = true
    )]
    pub database: Option<String>,
    /// The database's certificate, or what it is signed with, in PEM; what the system trusts without
    #[arg(long, global = true, value_name = "FILE", requires = "database")]
    pub database_certificate: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    /// How to serve.
    #[command(flatten)]
    pub serve: Serve,
    /// Something else than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str = "\
Without a command it serves. Commands work beside a gateway that runs, which follows them.

Exit codes: 0 done, 1 refused, 2 usage or something is missing, 5 the audit log was changed";

/// How to serve.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen; on others than loopback with TLS
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7380")]
    pub listen: SocketAddr,
    /// A name by which the gateway is called, beside its addresses and localhost
    #[arg(long = "name", value_name = "HOST")]
    pub names: Vec<String>,
    /// With TLS on loopback, too
    #[arg(long, conflicts_with = "plain")]
    pub tls: bool,
    /// Without TLS anywhere: keys cross the network as they are
    #[arg(long)]
    pub plain: bool,
    /// The gateway's certificate and those above it, in PEM; one is made without
    #[arg(
        long,
        value_name = "FILE",
        requires = "private_key",
        conflicts_with = "plain"
    )]
    pub certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub private_key: Option<PathBuf>,
    /// The gateway's own operator's key, for devices that have operators: a name (`berth keys list`) or a file; a passphrase in BERTH_PASSPHRASE
    #[arg(
        long,
        value_name = "KEY",
        env = "BERTH_OPERATOR",
        hide_env_values = true
    )]
    pub operator: Option<String>,
    /// Who is in this network may use WASMICO's API without a key, to operate all devices
    #[arg(long, value_name = "ADDRESS/BITS")]
    pub wasmico_without_key: Vec<Network>,
    /// Requests of one key in a second; twice as many at once
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    /// Tell this broker what happens: mqtt://HOST:PORT, or mqtts:// with TLS
    #[arg(long, value_name = "URL", help_heading = "MQTT")]
    pub mqtt: Option<String>,
    /// Before each topic
    #[arg(
        long,
        value_name = "TOPIC",
        default_value = "berth",
        help_heading = "MQTT"
    )]
    pub mqtt_prefix: String,
    /// The broker knows the gateway by this name; the password is in BERTH_MQTT_PASSWORD
    #[arg(long, value_name = "NAME", requires = "mqtt", help_heading = "MQTT")]
    pub mqtt_user: Option<String>,
    /// The broker's certificate, or what it is signed with, in PEM; what the system trusts without
    #[arg(long, value_name = "FILE", requires = "mqtt", help_heading = "MQTT")]
    pub mqtt_certificate: Option<PathBuf>,
    /// What containers write, too: each device is then asked twice a second
    #[arg(long, requires = "mqtt", help_heading = "MQTT")]
    pub mqtt_logs: bool,
    /// Seconds after which another gateway at the same database has a device whose gateway is silent
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub lease: u32,
    /// Seconds between two looks whether a device of a fleet is what it is to be
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub check_every: u32,
}

/// What there is beside serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Who may use the gateway
    #[command(subcommand)]
    Key(KeyCommand),
    /// Which devices it has
    #[command(subcommand)]
    Device(DeviceCommand),
    /// What is to run on which devices
    #[command(subcommand)]
    Fleet(FleetCommand),
    /// Who did what
    Audit(Audit),
}

/// What there is to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it; it cannot be shown again
    Add(KeyAdd),
    /// All keys, without their secrets
    List,
    /// Let a key work no more
    Revoke(Named),
}

/// What `key add` takes.
#[derive(Debug, Args)]
pub struct KeyAdd {
    /// What to call it; stands in the audit log
    pub name: String,
    /// What it may do
    #[arg(long, value_enum, default_value_t = Role::View)]
    pub role: Role,
    /// For this device; without a device or group it is for all
    #[arg(long = "device", value_name = "NAME")]
    pub devices: Vec<String>,
    /// For the devices of this group
    #[arg(long = "group", value_name = "LABEL")]
    pub groups: Vec<String>,
}

/// What there is to do with devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Add a device; the first one is the default
    Add(DeviceAdd),
    /// All devices
    List,
    /// Take a device out of the gateway
    Remove(Named),
}

/// What `device add` takes.
#[derive(Debug, Args)]
pub struct DeviceAdd {
    /// What to call it
    pub name: String,
    /// Its line: a serial port, unix:PATH or HOST:PORT
    pub address: String,
    /// A group it is in
    #[arg(long = "group", value_name = "LABEL")]
    pub groups: Vec<String>,
    /// It is the one that is meant if a request names none
    #[arg(long)]
    pub default: bool,
}

/// What there is to do with fleets.
#[derive(Debug, Subcommand)]
pub enum FleetCommand {
    /// Say what is to run where; what was something else is rolled out by the gateway that runs
    Apply(Apply),
    /// All sets
    Sets,
    /// All roll-outs, the newest first
    Rollouts,
    /// One roll-out, device by device
    Report(Rollout),
    /// Let a roll-out wait where it is
    Pause(Rollout),
    /// Let it go on
    Resume(Rollout),
    /// End it, and take it back from whoever has it
    Abort(Rollout),
    /// What was done to which device
    History(History),
}

/// What `fleet apply` takes.
#[derive(Debug, Args)]
pub struct Apply {
    /// The file of sets (TOML); images are named from where it is
    pub file: PathBuf,
}

/// A roll-out.
#[derive(Debug, Args)]
pub struct Rollout {
    /// Its number
    pub id: i64,
}

/// What `fleet history` takes.
#[derive(Debug, Args)]
pub struct History {
    /// Of this device only
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// The last entries
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub last: u32,
}

/// What takes a name only.
#[derive(Debug, Args)]
pub struct Named {
    /// Its name
    pub name: String,
}

/// What `audit` takes.
#[derive(Debug, Args)]
pub struct Audit {
    /// Print the last entries
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub last: u32,
    /// Look whether each entry follows from those before instead
    #[arg(long, conflicts_with = "last")]
    pub verify: bool,
}
