//! The words of the command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Load containers into a running device and watch them.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// Where the device is: unix:PATH, tcp:HOST:PORT or a serial port
    #[arg(
        long,
        short,
        global = true,
        env = "BERTH_DEVICE",
        value_name = "ADDRESS"
    )]
    pub device: Option<String>,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    /// How long to wait for an answer of the device
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub timeout: u16,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 refused by the device, 2 usage, 3 no device or line broken, \
4 timed out, 5 verification failed";

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Store a container on the device
    Upload(Upload),
    /// Start containers
    Start(Names),
    /// Stop containers at their next suspension point
    Stop(Names),
    /// Stop containers at once
    Kill(Names),
    /// Delete containers
    #[command(visible_alias = "delete")]
    Rm(Remove),
    /// List the containers
    #[command(visible_alias = "showactive")]
    Ps,
    /// Show what a container wrote
    Logs(Logs),
    /// List what containers can claim on this device, and who holds it
    Exposures,
    /// Show what the device is
    Info,
    /// Show the memory of the device
    Heap,
    /// Open the device's console on this terminal
    Console(Console),
}

/// What `upload` takes.
#[derive(Debug, Args)]
pub struct Upload {
    /// A WebAssembly module
    pub file: PathBuf,
    /// Name of the container [default: the file's name without its ending]
    #[arg(long)]
    pub name: Option<String>,
    /// Most bytes of stack for the interpreter
    #[arg(long, value_name = "BYTES")]
    pub stack: Option<u32>,
    /// Most bytes its linear memory may grow to
    #[arg(long, value_name = "BYTES")]
    pub memory: Option<u32>,
    /// Most bytes of device memory, everything included
    #[arg(long, value_name = "BYTES")]
    pub limit: Option<u32>,
    /// Share of the CPU relative to other containers, 1 to 100
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub share: Option<u8>,
}

/// Containers by name.
#[derive(Debug, Args)]
pub struct Names {
    /// Names of containers
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
}

/// What `rm` takes.
#[derive(Debug, Args)]
pub struct Remove {
    /// Stop them first if they are active
    #[arg(long, short)]
    pub force: bool,
    /// Names of containers
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
}

/// What `logs` takes.
#[derive(Debug, Args)]
pub struct Logs {
    /// Name of the container
    pub name: String,
    /// Go on with new lines until interrupted
    #[arg(long, short)]
    pub follow: bool,
}

/// What `console` takes.
#[derive(Debug, Args)]
pub struct Console {
    /// Let other berth calls use the device meanwhile, as --device unix:PATH
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_words_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn device_and_json_may_stand_behind_the_verb() {
        let cli = Cli::try_parse_from(["berth", "ps", "--json", "-d", "tcp:a:1"]).unwrap();
        assert!(cli.json);
        assert_eq!(cli.device.as_deref(), Some("tcp:a:1"));
    }

    #[test]
    fn old_names_work() {
        let parse = |words: &[&str]| Cli::try_parse_from(words).unwrap().command;
        assert!(matches!(parse(&["berth", "showactive"]), Command::Ps));
        assert!(matches!(parse(&["berth", "delete", "x"]), Command::Rm(_)));
    }
}
