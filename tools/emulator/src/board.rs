//! What to start.

use crate::{
    Attached, Bus, ConsoleText, Emulator, Error, Qmp, accesses, attached,
    emulator::{END_LIMIT, wait_for_client},
    process::Process,
    qmp::control_of,
};
use berth::{Address, Mux};
use std::{
    ffi::OsString,
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Debian package `qemu-system-arm`.
const QEMU: &str = "qemu-system-arm";

/// Serial lines of the board.
const UARTS: usize = 5;

/// How long QEMU may take until its sockets are there.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(20);

/// Where the firmware's emulated flash looks for words to it, and the first of them: "bert".
/// As in `kernel-board/mps2-an386/src/layout.rs`; behind `EMULATOR_NOTES` in `layout.ld`.
const NOTES_WORDS: u32 = 0x0022_8000;
const NOTES_PRESENT: u32 = 0x7472_6562;

/// Virtual time that counts instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icount {
    /// An instruction takes 2^`shift` ns of virtual time; 0 to 10.
    pub shift: u8,
    /// What an idle processor does.
    pub sleep: Sleep,
}

/// An end of power in the middle of an operation of the store's flash. The emulator
/// ends with [`PowerCut::STATUS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerCut {
    /// So many steps are done whole, the next one in part. A step is a word programmed or a page erased.
    pub after: u32,
    /// Which bits that step has changed: all zeros, none; all ones, all; else some.
    pub seed: u32,
}

impl PowerCut {
    /// Exit status of the emulator.
    pub const STATUS: i32 = 77;
}

/// What happens to virtual time while the processor waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// It passes as real time does.
    RealTime,
    /// It jumps to the next timer event: fast, but host input comes "late".
    Jump,
}

/// A board to be started.
#[derive(Clone, Debug)]
pub struct Board {
    flash: PathBuf,
    limit: Duration,
    icount: Option<Icount>,
    semihosting: Option<Vec<String>>,
    keep_store: bool,
    cut: Option<PowerCut>,
    worn_page: Option<u16>,
    trace_leds: bool,
    trace_accesses: bool,
    raw_console: bool,
    paused: bool,
    socket: Option<PathBuf>,
    reachable: bool,
    attached: Vec<Attached>,
    arguments: Vec<OsString>,
}

impl Board {
    /// The reference board (`mps2-an386`) with the flash image at `flash`, limited to
    /// one minute.
    #[must_use]
    pub fn new(flash: impl Into<PathBuf>) -> Self {
        Self {
            flash: flash.into(),
            limit: Duration::from_secs(60),
            icount: None,
            semihosting: None,
            keep_store: false,
            cut: None,
            worn_page: None,
            trace_leds: false,
            trace_accesses: false,
            raw_console: false,
            paused: false,
            socket: None,
            reachable: false,
            attached: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// Kill it after this wall-clock time.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Count instructions.
    #[must_use]
    pub const fn icount(mut self, icount: Icount) -> Self {
        self.icount = Some(icount);
        self
    }

    /// Let the firmware use this computer's files and end the emulator; `words` is
    /// its command line.
    #[must_use]
    pub fn semihosting(mut self, words: &[&str]) -> Self {
        self.semihosting = Some(words.iter().map(|word| (*word).to_owned()).collect());
        self
    }

    /// Write what the firmware stores through to the flash image, whose path semihosting
    /// tells it: it outlives a reset and the emulator. Otherwise the image is never changed.
    #[must_use]
    pub const fn keep_store(mut self) -> Self {
        self.keep_store = true;
        self
    }

    /// As [`keep_store`](Self::keep_store), and the power goes in the middle of an operation.
    #[must_use]
    pub const fn cut_power(mut self, cut: PowerCut) -> Self {
        self.keep_store = true;
        self.cut = Some(cut);
        self
    }

    /// As [`keep_store`](Self::keep_store), and page number `page` of the store's flash cannot be erased any more.
    #[must_use]
    pub const fn worn_page(mut self, page: u16) -> Self {
        self.keep_store = true;
        self.worn_page = Some(page);
        self
    }

    /// Record what the LEDs do.
    #[must_use]
    pub const fn trace_leds(mut self) -> Self {
        self.trace_leds = true;
        self
    }

    /// Record every access to a device.
    #[must_use]
    pub const fn trace_accesses(mut self) -> Self {
        self.trace_accesses = true;
        self
    }

    /// Do not touch UART0: its socket is for one direct client. Output without a client
    /// is lost.
    #[must_use]
    pub const fn raw_console(mut self) -> Self {
        self.raw_console = true;
        self
    }

    /// Do not run until [`Emulator::resume`].
    #[must_use]
    pub const fn paused(mut self) -> Self {
        self.paused = true;
        self
    }

    /// Where `berth` reaches UART0 (default: in the emulator's own folder).
    #[must_use]
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.socket = Some(path.into());
        self
    }

    /// Let other processes reach the emulator itself, at a socket beside the flash image ([`Qmp::reach`]).
    #[must_use]
    pub const fn reachable(mut self) -> Self {
        self.reachable = true;
        self
    }

    /// A chip on a connector of the board.
    #[must_use]
    pub fn attach(mut self, chip: Attached) -> Self {
        self.attached.push(chip);
        self
    }

    /// A further argument for QEMU.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Start it.
    ///
    /// # Errors
    /// [`Error::File`] if there is no flash image, [`Error::Start`], [`Error::Ended`],
    /// [`Error::Connection`].
    pub fn start(self) -> Result<Emulator, Error> {
        fs::metadata(&self.flash).map_err(|source| Error::NoFlash {
            flash: self.flash.clone(),
            source,
        })?;
        attached::fit(&self.attached)?;
        for chip in &self.attached {
            chip.prepare(&self.flash)?;
        }
        // Paths of unix sockets must be short, so not below the build folder.
        let folder = tempfile::Builder::new()
            .prefix("berth-emulator-")
            .tempdir()
            .map_err(|source| Error::File {
                path: std::env::temp_dir(),
                source,
            })?;
        let process = Process::start(
            QEMU,
            self.command_line(folder.path()),
            &folder.path().join("stderr"),
            self.limit,
        )?;
        let console = Arc::new(ConsoleText::default());
        let connected = self.connect(&process, folder.path(), &console);
        // A connection that breaks while it starts says less than the emulator does.
        let (qmp, bus, mux) = connected.map_err(|error| match error {
            Error::Connection { .. } => match process.wait(END_LIMIT) {
                Some(ending) => process.ended_error(ending),
                None => error,
            },
            error => error,
        })?;
        let mut emulator = Emulator {
            bus,
            qmp,
            console,
            mux,
            process,
            socket: self.socket_path(folder.path()),
            folder,
        };
        if !self.paused {
            emulator.resume()?;
        }
        Ok(emulator)
    }

    /// Its control, its memory, and its console if that is shared.
    fn connect(
        &self,
        process: &Process,
        folder: &Path,
        console: &Arc<ConsoleText>,
    ) -> Result<(Qmp, Bus, Option<Mux>), Error> {
        let mut qmp = Qmp::new(connect(process, "QMP", &folder.join("qmp"))?)?;
        let bus = Bus::new(connect(process, "test protocol", &folder.join("bus"))?)?;
        let mux = if self.raw_console {
            None
        } else {
            Some(self.share_console(process, &mut qmp, folder, console)?)
        };
        Ok((qmp, bus, mux))
    }

    fn share_console(
        &self,
        process: &Process,
        qmp: &mut Qmp,
        folder: &Path,
        console: &Arc<ConsoleText>,
    ) -> Result<Mux, Error> {
        let failed = |source| Error::Connection {
            to: "UART0",
            source,
        };
        let address = Address::Unix(uart_path(folder, 0));
        let line = retry(process, || {
            berth::open(&address).map_err(|error| failed(std::io::Error::other(error)))
        })?;
        wait_for_client(qmp, 0)?;
        let console = Arc::clone(console);
        Mux::start(line, Some(&self.socket_path(folder)), move |text| {
            console.push(text);
        })
        .map_err(failed)
    }

    fn socket_path(&self, folder: &Path) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| {
            if self.raw_console {
                uart_path(folder, 0)
            } else {
                folder.join("line")
            }
        })
    }

    /// QEMU's whole command line. The processor stands still until everybody has
    /// connected, because output that nobody listens to is lost.
    fn command_line(&self, folder: &Path) -> Vec<OsString> {
        let mut line: Vec<OsString> = [
            "-M",
            "mps2-an386",
            "-display",
            "none",
            "-monitor",
            "none",
            "-S",
        ]
        .map(Into::into)
        .to_vec();
        let mut add = |option: &str, value: OsString| {
            line.push(option.into());
            line.push(value);
        };
        // No `-kernel`: the processor starts from the vectors at address 0.
        add(
            "-device",
            joined("loader,file=", &self.flash, ",addr=0,force-raw=on"),
        );
        add(
            "-qmp",
            joined("unix:", &folder.join("qmp"), ",server=on,wait=off"),
        );
        if self.reachable {
            let control = control_of(&self.flash);
            add("-qmp", joined("unix:", &control, ",server=on,wait=off"));
        }
        add(
            "-qtest",
            joined("unix:", &folder.join("bus"), ",server=on,wait=off"),
        );
        add("-qtest-log", "none".into());
        for number in 0..UARTS {
            let path = uart_path(folder, number);
            add("-serial", joined("unix:", &path, ",server=on,wait=off"));
        }
        if let Some(Icount { shift, sleep }) = self.icount {
            let sleep = match sleep {
                Sleep::RealTime => "on",
                Sleep::Jump => "off",
            };
            add("-icount", format!("shift={shift},sleep={sleep}").into());
        }
        let mut semihosting = self.semihosting.clone();
        if self.keep_store {
            semihosting
                .get_or_insert_default()
                .push(self.flash.to_string_lossy().into_owned());
            // Without a cut: in more steps than an emulator's life has.
            let cut = self.cut.unwrap_or(PowerCut {
                after: u32::MAX,
                seed: 0,
            });
            let words = u64::from(cut.seed) << 32 | u64::from(cut.after);
            let at = NOTES_WORDS;
            add("-device", number_at(at, NOTES_PRESENT.into(), 4));
            add("-device", number_at(at + 4, words, 8));
            let worn = self.worn_page.map_or(0, |page| u64::from(page) + 1);
            add("-device", number_at(at + 12, worn, 4));
        }
        if let Some(words) = &semihosting {
            let mut value = String::from("enable=on,target=native");
            for word in words {
                value.push_str(",arg=");
                value.push_str(&escaped(word));
            }
            add("-semihosting-config", value.into());
        }
        if self.trace_leds {
            add("-trace", "led_change_intensity".into());
        }
        if self.trace_accesses {
            for event in accesses::EVENTS {
                add("-trace", event.into());
            }
        }
        if self.trace_leds || self.trace_accesses {
            add("-D", folder.join("trace").into());
        }
        line.extend(
            self.attached
                .iter()
                .flat_map(|chip| chip.words(&self.flash)),
        );
        line.extend(self.arguments.iter().cloned());
        line
    }
}

/// Connect as soon as QEMU listens.
fn connect(process: &Process, to: &'static str, path: &Path) -> Result<UnixStream, Error> {
    retry(process, || {
        UnixStream::connect(path).map_err(|source| Error::Connection { to, source })
    })
}

/// Try again while QEMU starts.
fn retry<T>(process: &Process, mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let until = Instant::now() + START_LIMIT;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= until => return Err(error),
            Err(_) => {}
        }
        if let Some(ending) = process.wait(Duration::from_millis(5)) {
            return Err(process.ended_error(ending));
        }
    }
}

pub(crate) fn uart_path(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("uart{number}"))
}

/// `before` path `after`, with the path's commas doubled as QEMU wants them.
fn joined(before: &str, path: &Path, after: &str) -> OsString {
    format!("{before}{}{after}", escaped(&path.to_string_lossy())).into()
}

/// QEMU's device that puts a number into memory, at every reset.
fn number_at(address: u32, number: u64, bytes: u8) -> OsString {
    format!("loader,addr={address:#x},data={number:#x},data-len={bytes}").into()
}

fn escaped(text: &str) -> String {
    text.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_paths_are_doubled() {
        let line = Board::new("/a,b/flash.bin").command_line(Path::new("/tmp/x,y"));
        let line: Vec<_> = line.iter().map(|word| word.to_string_lossy()).collect();
        assert!(line.contains(&"loader,file=/a,,b/flash.bin,addr=0,force-raw=on".into()));
        assert!(line.contains(&"unix:/tmp/x,,y/uart4,server=on,wait=off".into()));
    }

    #[test]
    fn the_store_is_kept_in_the_image() {
        let board = Board::new("/a,b/flash.bin").cut_power(PowerCut { after: 3, seed: 2 });
        let line = board.command_line(Path::new("/tmp"));
        let line: Vec<_> = line.iter().map(|word| word.to_string_lossy()).collect();
        assert!(line.contains(&"enable=on,target=native,arg=/a,,b/flash.bin".into()));
        let words = "loader,addr=0x228004,data=0x200000003,data-len=8";
        assert!(line.contains(&words.into()));
        let worn = "loader,addr=0x22800c,data=0x0,data-len=4";
        assert!(line.contains(&worn.into()));
    }

    #[test]
    fn the_notes_are_where_the_memory_map_has_them() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../layout.ld");
        let notes = crate::Layout::read(&path).unwrap();
        let notes = notes.region("EMULATOR_NOTES").unwrap();
        assert_eq!(notes.origin + 0x2_8000, NOTES_WORDS);
        assert!(notes.length >= 0x2_8000 + 16);
    }

    #[test]
    fn a_missing_image_is_said() {
        let error = Board::new("/no/flash.bin").start().err().unwrap();
        assert!(error.to_string().contains("/no/flash.bin"), "{error}");
    }
}
