//! A PostgreSQL of Debian's that is a test's own: in a folder, behind a unix socket in it, and ended with the test.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of several test programs, each using another part"
)]

use std::{
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Where Debian 12 has its programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// Longest wait for something that comes.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Postgres {
    folder: TempDir,
    server: Option<Child>,
}

impl Postgres {
    pub fn new() -> Self {
        let this = Self {
            folder: tempfile::tempdir().unwrap(),
            server: None,
        };
        if let Some((user, group)) = user() {
            chown(this.folder.path(), Some(user), Some(group)).unwrap();
        }
        let made = this
            .program("initdb")
            .args(["--auth=trust", "--username=berth", "--encoding=UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(this.folder.path().join("data"))
            .output()
            .expect("PostgreSQL (tools/setup/setup.sh tests)");
        assert!(made.status.success(), "{made:?}");
        let mut this = this;
        this.start();
        this
    }

    /// A program of PostgreSQL's, which does not run as root.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(Path::new(PROGRAMS).join(name));
        if let Some((user, group)) = user() {
            command.gid(group).uid(user);
        }
        command.current_dir(self.folder.path());
        command
    }

    pub fn start(&mut self) {
        let began = Instant::now();
        loop {
            // One that was killed may not be gone wholly yet.
            let mut server = self
                .program("postgres")
                .arg("-D")
                .arg(self.folder.path().join("data"))
                .arg("-k")
                .arg(self.folder.path())
                // What the system has not written yet outlives a kill.
                .args(["-c", "listen_addresses=", "-c", "fsync=off"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            while server.try_wait().unwrap().is_none() {
                if self.is_ready() {
                    self.server = Some(server);
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            assert!(began.elapsed() < PATIENCE, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn is_ready(&self) -> bool {
        let mut ready = self.program("pg_isready");
        ready.arg("-q").arg("-h").arg(self.folder.path());
        ready.status().unwrap().success()
    }

    /// As the system kills it that has no memory.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // It may have ended.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// A new database, and its address.
    pub fn database(&self, name: &str) -> String {
        let mut made = self.program("createdb");
        made.arg("-h").arg(self.folder.path());
        let made = made.args(["-U", "berth", name]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let place = self.folder.path().display().to_string();
        format!("postgres://berth@{}/{name}", place.replace('/', "%2F"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Debian's user for it, if we are root.
fn user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let number = |option: &str| {
        let said = Command::new("id").args([option, "postgres"]).output();
        let said = String::from_utf8(said.unwrap().stdout).unwrap();
        said.trim().parse().expect("Debian's user postgres")
    };
    Some((number("-u"), number("-g")))
}
