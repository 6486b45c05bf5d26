//! The program, run as its user does.

use super::{FakeDevice, Faults};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
    process::{Command, Output},
};

/// The program with a configuration folder of its own, and no device.
pub fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command
        .env_remove("BERTH_DEVICE")
        .env_remove("COLUMNS")
        // Whoever runs the tests may have no terminal that can do anything, or want no colours.
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_RUNTIME_DIR", home)
        .current_dir(home)
        // No device that is connected to this computer, no line that another test shares.
        .env("BERTH_SEARCH", "no")
        .stdin(std::process::Stdio::null());
    command
}

/// Runs `berth` with these words; gives exit code, standard output and standard error.
pub fn berth(home: &Path, device: Option<&str>, words: &[&str]) -> (i32, String, String) {
    let mut command = command(home);
    command.args(words);
    if let Some(device) = device {
        command.env("BERTH_DEVICE", device);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code().unwrap(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

/// A terminal: the person's end, and the end for a program's output.
pub fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let end = File::options()
        .read(true)
        .write(true)
        .open(name.into_string().unwrap())
        .unwrap();
    (person.into(), end)
}

/// Read what the terminal gets until `text` stands in it; all so far, which may be less if the program
/// has ended.
pub fn read_until(person: &mut File, text: &str) -> String {
    let mut shown = Vec::new();
    loop {
        let said = String::from_utf8_lossy(&shown);
        if said.contains(text) {
            return said.into_owned();
        }
        let mut buffer = [0; 256];
        match person.read(&mut buffer) {
            Ok(count @ 1..) => shown.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // So ends a pseudo-terminal whose other end is closed: Linux says EIO there.
            Ok(0) => return said.into_owned(),
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                return said.into_owned();
            }
            Err(error) => panic!("{error}, after {said}"),
        }
    }
}

/// A device with its operator.
pub struct Bench {
    pub device: FakeDevice,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Faults::default())
    }

    pub fn with(faults: Faults) -> Self {
        Self {
            device: FakeDevice::new(faults),
        }
    }

    pub fn home(&self) -> &Path {
        self.device.folder.path()
    }

    pub fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.home().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }

    pub fn run(&self, words: &[&str]) -> (i32, String, String) {
        berth(self.home(), Some(&self.device.address()), words)
    }

    /// It must succeed and say nothing on standard error.
    pub fn ok(&self, words: &[&str]) -> String {
        let (code, out, err) = self.run(words);
        assert_eq!((code, err.as_str()), (0, ""), "{words:?}: {out}");
        out
    }

    /// A call and all that it said, as a page of a story.
    pub fn page(&self, words: &[&str]) -> String {
        page(self.home(), words, &self.run(words))
    }
}

/// A call and all that it said; the folder has another name in each run.
pub fn page(home: &Path, words: &[&str], (code, out, err): &(i32, String, String)) -> String {
    let mut page = format!("$ berth {}\n{out}", words.join(" "));
    if !err.is_empty() {
        page.push_str("-- standard error\n");
        page.push_str(err);
    }
    if *code != 0 {
        page.push_str(&format!("-- exit code {code}\n"));
    }
    page.replace(&*home.to_string_lossy(), "FOLDER")
}
