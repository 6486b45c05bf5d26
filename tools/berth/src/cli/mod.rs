//! The words of the command line.

mod keys;
mod name;
mod settings;

pub use keys::{Keys, KeysCommand, NewKey, RevokeList, ShowKey, VerifyPackage};
pub use name::{name_of, without_ending};
pub use settings::{LogLevel, Numbers, Policy, Settings, Wishes, policy, service};

use crate::complete;
use crate::{Error, meaning::Meaning, project::Purpose};
use berth_pack::{Places, whole_number};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// Load containers into a running device and watch them.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// Which device: its name (`berth devices`), a serial port, unix:PATH, HOST:PORT or https://GATEWAY/NAME
    #[arg(
        long,
        short,
        global = true,
        env = "BERTH_DEVICE",
        hide_env_values = true,
        value_name = "DEVICE",
        add = ArgValueCandidates::new(complete::devices)
    )]
    pub device: Option<String>,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    /// How long to wait for an answer of the device
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 10,
          value_parser = whole_number(1, u16::MAX))]
    pub timeout: u16,
    /// The operator's key to log in with where the device has operators: a name (`berth keys list`) or a file
    #[arg(long, global = true, env = "BERTH_OPERATOR", hide_env_values = true, value_name = "KEY",
          add = ArgValueCandidates::new(complete::keys))]
    pub operator: Option<String>,
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
    /// Write a new container's project: code, test and SDK
    New(New),
    /// Build the project of this folder, and make a package of it
    Build(Build),
    /// Store a container on the device
    Upload(Upload),
    /// Store a container and start it; what runs under its name is replaced
    Run(Run),
    /// Run a container on this computer, against a simulated board
    Sim(Sim),
    /// Change how a container runs, without uploading it again
    Edit(Edit),
    /// Start containers
    Start(Start),
    /// Stop containers at their next suspension point
    Stop(Repeatable),
    /// Start containers anew, whatever they do now
    Restart(Names),
    /// Wait until containers have ended; the exit code is that of the last
    Wait(Wait),
    /// Stop containers at once
    Kill(Names),
    /// Suspend containers where they stand
    Pause(Names),
    /// Let paused containers go on
    #[command(visible_alias = "unpause")]
    Resume(Names),
    /// Delete containers
    #[command(visible_alias = "delete")]
    Rm(Remove),
    /// Delete the containers that have ended
    Prune(Prune),
    /// List the containers
    #[command(visible_alias = "showactive")]
    Ps(Wide),
    /// List the stored images and their parameters, or read one back
    #[command(visible_alias = "details")]
    Images(Images),
    /// Show what the containers use, live
    Stats(Stats),
    /// Show the memory of the device and of each container
    #[command(visible_alias = "heapinfo")]
    Heap,
    /// Show what a container wrote
    Logs(Logs),
    /// Show everything that is known of a container, with its last fault
    Inspect(Inspect),
    /// Show what happened on the device
    Events(Events),
    /// List what containers can claim on this device, and who holds it
    Exposures(Exposures),
    /// Show what the device is
    Info,
    /// Begin anew as after power-on: ends every container; the firmware beside them goes on
    Reset,
    /// Open the device's console on this terminal, and share the line with other calls
    Console(Console),
    /// Give a device a name
    Config(Config),
    /// List the devices that have a name
    Devices,
    /// Choose the device that is meant if nobody says which
    Select(Select),
    /// Look for devices: serial ports, shared lines, configured addresses
    Scan(Scan),
    /// Check the way to the device, and what it still has room for
    Doctor,
    /// Make and show the keys that sign packages, and look at signatures
    Keys(Keys),
    /// Open a session with the operator's key, for further calls without it
    Login,
    /// End that session
    Logout,
    /// Offer devices over HTTP: the words of the gateway, berth-serve
    #[command(disable_help_flag = true)]
    Serve(Serve),
    /// Say what is to run on which devices: `fleet` of the gateway, berth-serve
    #[command(disable_help_flag = true)]
    Fleet(Serve),
    /// Print the completion script of a shell
    Completions(Completions),
}

/// What `new` takes.
#[derive(Debug, Args)]
pub struct New {
    /// The folder to make; its last part is the container's name
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// What it is written in
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t = Language::Rust)]
    pub lang: Language,
    /// Use the SDK in this folder instead of writing one into the project
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub sdk: Option<PathBuf>,
}

/// What a project is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Rust.
    Rust,
    /// C, compiled by clang.
    C,
}

/// What `build` takes.
#[derive(Debug, Args)]
pub struct Build {
    /// How closely it tells where it is, for whoever reads its faults
    #[arg(long, value_name = "HOW CLOSELY", value_enum, default_value_t = Places::Functions)]
    pub places: Places,
}

/// What `upload` takes.
#[derive(Debug, Args)]
pub struct Upload {
    /// A WebAssembly module
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// WASMICO's three numbers.
    #[command(flatten)]
    pub numbers: Numbers,
    /// Name of the container [default: the file's name without its ending]
    #[arg(long)]
    pub name: Option<String>,
    /// How it runs.
    #[command(flatten)]
    pub settings: Settings,
    /// Replace the running container of this name by the new image, at once
    #[arg(long, visible_alias = "liveUpdate")]
    pub live_update: bool,
    /// With --live-update: a fault in this time brings the old image back
    #[arg(long, value_name = "SECONDS", requires = "live_update", default_value_t = 5,
          value_parser = whole_number(0_u16, 600))]
    pub trial: u16,
    /// With --live-update: do not wait for the end of the trial
    #[arg(long, requires = "live_update")]
    pub no_wait: bool,
    /// How closely it tells where it is, for whoever reads its faults
    #[arg(long, value_name = "HOW CLOSELY", value_enum, default_value_t = Places::Functions)]
    pub places: Places,
    /// What becomes of what the package's author wishes (share, stack, memory, restart) and you do not say
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Wishes::Bounded,
          env = "BERTH_WISHES", hide_env_values = true)]
    pub wishes: Wishes,
    /// Send the file as it is instead of packing it on the way
    #[arg(long)]
    pub no_pack: bool,
    /// Also if the device has had a newer version of this signed package
    #[arg(long)]
    pub allow_downgrade: bool,
}

/// What `run` takes.
#[derive(Debug, Args)]
pub struct Run {
    /// A WebAssembly module [default: the project of this folder, built]
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// Name of the container [default: the file's name without its ending]
    #[arg(long)]
    pub name: Option<String>,
    /// How it runs.
    #[command(flatten)]
    pub settings: Settings,
    /// Show what it writes until it ends, and end with its exit code; interrupted, it runs on
    #[arg(long, short)]
    pub follow: bool,
    /// Show what it writes, and replace it by what it becomes whenever it is saved: the project's files, or FILE
    #[arg(long, short, conflicts_with_all = ["follow", "rm"])]
    pub watch: bool,
    /// Wait until it ends, and delete it then
    #[arg(long)]
    pub rm: bool,
    /// How closely it tells where it is, for whoever reads its faults [default: lines of a project, functions of FILE]
    #[arg(long, value_name = "HOW CLOSELY", value_enum)]
    pub places: Option<Places>,
    /// What the numbers of a fault mean.
    #[command(flatten)]
    pub meaning: Named,
    /// What becomes of what the package's author wishes (share, stack, memory, restart) and you do not say
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Wishes::Bounded,
          env = "BERTH_WISHES", hide_env_values = true)]
    pub wishes: Wishes,
    /// Send the file as it is instead of packing it on the way
    #[arg(long)]
    pub no_pack: bool,
    /// Also if the device has had a newer version of this signed package
    #[arg(long)]
    pub allow_downgrade: bool,
}

impl Run {
    /// What a project is built for.
    pub(crate) fn purpose(&self) -> Purpose {
        Purpose::Try(self.places.unwrap_or(Places::Lines))
    }
}

const SIM_HELP: &str = "\
The container runs as on a device: the same checks, the same faults, the same words. Time is the board's own: who
sleeps does not wait here. Without --board it is the reference board, with its lights, serial lines, SPI controllers,
timer, and a temperature sensor on the I2C bus. A model says what stands behind the blocks, and what happens when:

  [[block]]
  label = \"uart1\"
  device = \"cmsdk-uart\"                  # or fpgaio, cmsdk-timer, pl022, sbcon, registers
  input = [{ at = \"500ms\", text = \"hello\" }]

  [[block]]
  label = \"adc\"                          # registers that react, for everything else
  [[block.register]]
  name = \"CTRL\"
  written = [{ mask = 1, value = 1, after = \"2ms\", set = [{ name = \"DATA\", value = 512 }], raise = [\"ready\"] }]

The author's guide explains all of it. Exit code: the container's own, 1 for a fault or a refusal, 0 if the time is over.";

/// What `sim` takes.
#[derive(Debug, Args)]
#[command(after_help = SIM_HELP)]
pub struct Sim {
    /// WebAssembly modules [default: the project of this folder, built]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Name of the container [default: the file's, or the package's]; with several files once for each, in their order
    #[arg(long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// What the board exposes: its manufacturer's exposures.json, or what `berth exposures --list` and `--json` print [default: the
    /// reference board]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub board: Option<PathBuf>,
    /// What stands behind its blocks, and what happens when: a file in TOML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub model: Option<PathBuf>,
    /// Show every access to a register, and what was on the buses
    #[arg(long)]
    pub trace: bool,
    /// How closely it tells where it is, for whoever reads its faults [default: lines of a project, functions of FILE]
    #[arg(long, value_name = "HOW CLOSELY", value_enum)]
    pub places: Option<Places>,
    /// End after so long by the board's clock, such as 2s or 10m
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration, default_value = "10s")]
    pub time: Duration,
    /// How it runs.
    #[command(flatten)]
    pub settings: Settings,
    /// What becomes of what the package's author wishes (share, stack, memory, restart) and you do not say
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Wishes::Bounded,
          env = "BERTH_WISHES", hide_env_values = true)]
    pub wishes: Wishes,
    /// Take the file as it is instead of packing it on the way
    #[arg(long)]
    pub no_pack: bool,
}

/// What `edit` takes.
#[derive(Debug, Args)]
pub struct Edit {
    /// Name of the container
    #[arg(add = ArgValueCandidates::new(complete::containers))]
    pub name: String,
    /// WASMICO's three numbers.
    #[command(flatten)]
    pub numbers: Numbers,
    /// How it runs.
    #[command(flatten)]
    pub settings: Settings,
    /// Start it anew if it is active, so that all takes effect now
    #[arg(long, visible_alias = "liveUpdate")]
    pub now: bool,
}

/// Containers by name.
#[derive(Debug, Args)]
pub struct Names {
    /// Names of containers
    #[arg(required = true, value_name = "NAME",
          add = ArgValueCandidates::new(complete::containers))]
    pub names: Vec<String>,
}

/// Containers by name, for what may be done already.
#[derive(Debug, Args)]
pub struct Repeatable {
    /// It is no error if there is nothing to do
    #[arg(long)]
    pub if_needed: bool,
    /// Names of containers
    #[arg(required = true, value_name = "NAME", add = ArgValueCandidates::new(complete::containers))]
    pub names: Vec<String>,
}

/// What `start` takes.
#[derive(Debug, Args)]
pub struct Start {
    /// Also those that are quarantined because the device's supervisor failed while they ran
    #[arg(long)]
    pub lift: bool,
    /// Which, and what of them.
    #[command(flatten)]
    pub containers: Repeatable,
}

/// What `wait` takes.
#[derive(Debug, Args)]
pub struct Wait {
    /// Give up after so long [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = whole_number(1, u32::MAX))]
    pub at_most: Option<u32>,
    /// Names of containers
    #[arg(required = true, value_name = "NAME", add = ArgValueCandidates::new(complete::containers))]
    pub names: Vec<String>,
}

/// What `prune` takes.
#[derive(Debug, Args)]
pub struct Prune {
    /// Delete them; without it they are only listed
    #[arg(long, short)]
    pub force: bool,
}

/// What a long table takes.
#[derive(Debug, Args)]
pub struct Wide {
    /// All columns, however wide the table becomes
    #[arg(long)]
    pub wide: bool,
}

/// What `images` takes.
#[derive(Debug, Args)]
pub struct Images {
    /// How wide the table may be.
    #[command(flatten)]
    pub wide: Wide,
    /// Read the image of this container back into a file
    #[arg(long, value_name = "NAME", conflicts_with = "wide",
          add = ArgValueCandidates::new(complete::containers))]
    pub save: Option<String>,
    /// With --save: the file to write, - for standard output [default: NAME.berth, if there is none]
    #[arg(long, short, value_name = "FILE", requires = "save", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// What `inspect` takes.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Name of the container
    #[arg(add = ArgValueCandidates::new(complete::containers))]
    pub name: String,
    /// What the numbers of a fault mean.
    #[command(flatten)]
    pub meaning: Named,
}

/// What the numbers of a fault mean, where berth does not know it by itself.
#[derive(Debug, Args)]
pub struct Named {
    /// Names of the package's functions and places, for its faults [default: those of packages made or sent here]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub names: Option<PathBuf>,
    /// The manufacturer's list (exposures.json), for names of registers [default: that of the reference board]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub list: Option<PathBuf>,
}

impl Named {
    /// What is known, for a device whose board has this name.
    ///
    /// # Errors
    /// If one of the files cannot be read, or is none.
    pub(crate) fn read(&self, board: &str) -> Result<Meaning, Error> {
        Meaning::of(board, self.names.as_deref(), self.list.as_deref())
    }
}

/// What `rm` takes.
#[derive(Debug, Args)]
pub struct Remove {
    /// Stop them first if they are active
    #[arg(long, short)]
    pub force: bool,
    /// Names of containers
    #[arg(required = true, value_name = "NAME",
          add = ArgValueCandidates::new(complete::containers))]
    pub names: Vec<String>,
}

/// What `stats` takes.
#[derive(Debug, Args)]
pub struct Stats {
    /// Show it once instead of redrawing it
    #[arg(long)]
    pub no_stream: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1,
          value_parser = whole_number(1, u16::MAX))]
    pub interval: u16,
    /// Look so often, then end
    #[arg(long, value_name = "TIMES", value_parser = whole_number(1, u32::MAX))]
    pub count: Option<u32>,
}

/// What `logs` takes.
#[derive(Debug, Args)]
pub struct Logs {
    /// Name of the container
    #[arg(add = ArgValueCandidates::new(complete::containers))]
    pub name: String,
    /// Go on with new lines until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// Only the last lines
    #[arg(long, short = 'n', value_name = "LINES", value_parser = whole_number(0, u32::MAX as usize))]
    pub tail: Option<usize>,
    /// Only lines of the last so long, such as 30s, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = time_span, allow_hyphen_values = true)]
    pub since: Option<Duration>,
    /// Show when by this computer's clock (UTC) instead of by the device's, which begins at its start
    #[arg(long)]
    pub clock: bool,
    /// What the numbers of a fault mean.
    #[command(flatten)]
    pub meaning: Named,
}

/// What `events` takes.
#[derive(Debug, Args)]
pub struct Events {
    /// Go on with new events until interrupted
    #[arg(long, short)]
    pub follow: bool,
}

/// What `exposures` takes.
#[derive(Debug, Args)]
pub struct Exposures {
    /// The manufacturer's list (exposures.json): show registers, masks and interrupts, too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub list: Option<PathBuf>,
}

/// What `console` takes.
#[derive(Debug, Args)]
pub struct Console {
    /// Where other berth calls are served meanwhile [default: a place that they find by themselves]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub socket: Option<PathBuf>,
}

/// What `config` takes.
#[derive(Debug, Args)]
pub struct Config {
    /// The name
    #[arg(add = ArgValueCandidates::new(complete::devices))]
    pub name: String,
    /// Where the device is: a serial port, unix:PATH or HOST:PORT
    #[arg(required_unless_present = "remove")]
    pub address: Option<String>,
    /// Forget this name
    #[arg(long, conflicts_with = "address")]
    pub remove: bool,
}

/// What `select` takes.
#[derive(Debug, Args)]
pub struct Select {
    /// The name
    #[arg(add = ArgValueCandidates::new(complete::devices))]
    pub name: String,
}

/// What `scan` takes.
#[derive(Debug, Args)]
pub struct Scan {
    /// Only list the places; open none of them
    #[arg(long)]
    pub list: bool,
    /// Places to look at besides: pseudo-terminals, unix:PATH, HOST:PORT
    #[arg(value_name = "PLACE")]
    pub places: Vec<String>,
}

/// What `serve` takes.
#[derive(Debug, Args)]
pub struct Serve {
    /// For the gateway
    #[arg(
        value_name = "WORD",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<OsString>,
}

/// What `completions` takes.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    pub shell: String,
}

/// `30s`, `5m`, `1h30m`.
fn time_span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "not a length of time, such as 30s, 5m or 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(words: &[&str]) -> Command {
        let mut all = vec!["berth"];
        all.extend(words);
        Cli::try_parse_from(all).unwrap().command
    }

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
    fn wasmicos_names_work() {
        assert!(matches!(parse(&["showactive"]), Command::Ps(_)));
        assert!(matches!(parse(&["details"]), Command::Images(_)));
        assert!(matches!(parse(&["heapinfo"]), Command::Heap));
        assert!(matches!(parse(&["delete", "x"]), Command::Rm(_)));
        assert!(matches!(parse(&["unpause", "x"]), Command::Resume(_)));
        assert!(matches!(parse(&["config", "x", "y:1"]), Command::Config(_)));
        assert!(matches!(parse(&["devices"]), Command::Devices));
        assert!(matches!(parse(&["select", "x"]), Command::Select(_)));
    }

    #[test]
    fn wasmicos_three_numbers_are_understood_as_wasmico_does() {
        let Command::Upload(upload) =
            parse(&["upload", "f.wasm", "10000", "65536", "4096", "--liveUpdate"])
        else {
            panic!("not an upload");
        };
        let parameters = upload.settings.parameters(&upload.numbers);
        // Its memory limit is one of the program's memory; ours counts all that the device spends.
        assert_eq!(
            (parameters.stack, parameters.memory, parameters.limit),
            (Some(10_000), Some(65_536), None)
        );
        assert!(upload.live_update && upload.numbers.note().is_some());
        let Command::Edit(edit) = parse(&["edit", "f.wasm", "768", "--memory", "4096"]) else {
            panic!("not an edit");
        };
        assert_eq!(edit.name, "f.wasm");
        assert!(edit.numbers.note().is_none());
        let parameters = edit.settings.parameters(&edit.numbers);
        assert_eq!(
            (parameters.stack, parameters.memory, parameters.limit),
            (Some(768), Some(4096), None)
        );
        // Both are given: they do not contradict each other.
        let Command::Edit(edit) = parse(&["edit", "f", "768", "65536", "2048", "--limit", "40K"])
        else {
            panic!("not an edit");
        };
        let parameters = edit.settings.parameters(&edit.numbers);
        assert_eq!(parameters.limit, Some(40 * 1024));
    }

    /// A name is taken as it is written: what is deleted is what was named.
    #[test]
    fn names_are_exact() {
        let Command::Rm(remove) = parse(&["delete", "app.wasm", "pump"]) else {
            panic!("not an rm");
        };
        assert_eq!(remove.names, ["app.wasm", "pump"]);
        let Command::Upload(upload) = parse(&["upload", "x.wasm", "--name", "app.wasm"]) else {
            panic!("not an upload");
        };
        assert_eq!(upload.name.as_deref(), Some("app.wasm"));
    }
}
