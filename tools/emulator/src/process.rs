//! The process of an emulator: started, watched, killed.
//!
//! One thread starts it, waits for it and kills it: at the wall-clock limit or when
//! asked to. Because the kernel ties "dies with its parent" to the *thread* that started
//! a process, it is that thread that lives as long as the emulator.

use crate::Error;
use std::{
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How often the thread looks whether the process has ended.
const TICK: Duration = Duration::from_millis(20);

/// Most bytes of its messages that an error shows.
const STDERR_MAX: usize = 4000;

/// How an emulator ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself (semihosting exit, crash), with this status if it was not a signal.
    Exited(Option<i32>),
    /// Killed at its wall-clock limit.
    TimedOut,
    /// Killed because its user was done with it.
    Killed,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(Some(code)) => write!(f, "exit status {code}"),
            Self::Exited(None) => f.write_str("killed by a signal"),
            Self::TimedOut => f.write_str("killed at its time limit"),
            Self::Killed => f.write_str("killed"),
        }
    }
}

/// A running emulator process.
#[derive(Debug)]
pub(crate) struct Process {
    id: u32,
    kill: Sender<()>,
    ended: Mutex<(Receiver<Ending>, Option<Ending>)>,
    thread: Option<JoinHandle<()>>,
    stderr: PathBuf,
}

impl Process {
    /// Start `program`; kill it after `limit`. Its messages go to the file `stderr`.
    pub(crate) fn start(
        program: &'static str,
        arguments: Vec<OsString>,
        stderr: &Path,
        limit: Duration,
    ) -> Result<Self, Error> {
        let messages = File::create(stderr).map_err(|source| Error::File {
            path: stderr.to_owned(),
            source,
        })?;
        let (kill, killed) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let (begin, begun) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            // `setpriv` (util-linux) asks for the signal and becomes the program.
            let child = Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "--", program])
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(messages)
                .spawn();
            match child {
                Ok(child) => {
                    // Both receivers may be gone if their owner gave up.
                    let _ = begin.send(Ok(child.id()));
                    let _ = end.send(watch(child, &killed, limit));
                }
                Err(error) => {
                    let _ = begin.send(Err(error));
                }
            }
        });
        let id = begun
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the watching thread ended")))
            .map_err(|source| Error::Start { program, source })?;
        Ok(Self {
            id,
            kill,
            ended: Mutex::new((ended, None)),
            thread: Some(thread),
            stderr: stderr.to_owned(),
        })
    }

    /// Its process id.
    pub(crate) const fn id(&self) -> u32 {
        self.id
    }

    /// Returns how it ended; `None` if it still runs after `limit`.
    pub(crate) fn wait(&self, limit: Duration) -> Option<Ending> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.1.is_none() {
            ended.1 = ended.0.recv_timeout(limit).ok();
        }
        ended.1
    }

    /// The error that says how it ended.
    pub(crate) fn ended_error(&self, ending: Ending) -> Error {
        let stderr = std::fs::read(&self.stderr).unwrap_or_default();
        let stderr = stderr.get(..STDERR_MAX).unwrap_or(&stderr);
        Error::Ended {
            ending: ending.to_string(),
            stderr: String::from_utf8_lossy(stderr).into_owned(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.kill.send(());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}

/// Wait for `child`; kill it at the limit, on request, or when nobody can request any more.
fn watch(mut child: Child, killed: &Receiver<()>, limit: Duration) -> Ending {
    let until = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ending::Exited(ExitStatus::code(&status)),
            Ok(None) => {}
            Err(_) => return Ending::Exited(None),
        }
        let ending = match killed.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) if Instant::now() < until => continue,
            Err(RecvTimeoutError::Timeout) => Ending::TimedOut,
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Ending::Killed,
        };
        // SIGKILL; an error means that it has just ended. Waiting leaves no zombie.
        let _ = child.kill();
        let _ = child.wait();
        return ending;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(limit: Duration, script: &str) -> (tempfile::TempDir, Process) {
        let folder = tempfile::tempdir().unwrap();
        let stderr = folder.path().join("stderr");
        let arguments = ["-c", script].map(Into::into).to_vec();
        let process = Process::start("sh", arguments, &stderr, limit).unwrap();
        (folder, process)
    }

    #[test]
    fn an_end_is_reported_with_its_status_and_words() {
        let (_folder, process) = start(Duration::from_secs(10), "echo because >&2; exit 7");
        let ending = process.wait(Duration::from_secs(10)).unwrap();
        assert_eq!(ending, Ending::Exited(Some(7)));
        assert!(process.ended_error(ending).to_string().contains("because"));
    }

    #[test]
    fn at_the_limit_it_is_killed_even_if_it_ignores_gentler_signals() {
        let (_folder, process) = start(Duration::from_millis(100), "trap '' TERM; sleep 60");
        assert_eq!(
            process.wait(Duration::from_secs(10)),
            Some(Ending::TimedOut)
        );
    }

    #[test]
    fn it_ends_with_its_owner() {
        let (_folder, process) = start(Duration::from_secs(60), "exec sleep 60");
        let proc_entry = PathBuf::from(format!("/proc/{}", process.id()));
        assert!(proc_entry.exists());
        drop(process);
        assert!(!proc_entry.exists());
    }
}
