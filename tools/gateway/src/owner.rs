//! The thread that owns a device's line: it opens it, looks at the device, and does what is asked, one after the other.

use crate::{
    fenced::{Fenced, LOST},
    line::{Again, Failed, Job, Standing, WAITING_MAX, hold},
    state::Fence,
    throttle::Throttled,
    watch::{Due, Watch},
};
use berth::{Address, Client, DeviceInfo, LineLock};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

/// Until the line is looked for again, at first and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How long a device has for the first answer.
const HELLO_PATIENCE: Duration = Duration::from_secs(3);

struct Connected {
    client: Client,
    _lock: LineLock,
}

/// The owner of a line.
pub(crate) struct Owner {
    pub(crate) address: Address,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) standing: Arc<Mutex<Standing>>,
    pub(crate) watch: Arc<Watch>,
    /// What waits for the line.
    pub(crate) waiting: VecDeque<Job>,
    pub(crate) fence: Option<Fence>,
}

/// The handle of the line was dropped.
struct Ended;

impl Owner {
    pub(crate) fn run(mut self) {
        let mut look_again = LOOK_AGAIN.0;
        loop {
            let ended = match self.connect() {
                Ok(connected) => {
                    look_again = LOOK_AGAIN.0;
                    self.serve(connected)
                }
                Err(error) => {
                    self.is_away(&error);
                    let until = Instant::now() + look_again;
                    look_again = (look_again * 2).min(LOOK_AGAIN.1);
                    self.wait(until, &error)
                }
            };
            if ended.is_err() {
                return;
            }
        }
    }

    fn connect(&self) -> Result<Connected, berth::Error> {
        if self.left().is_some_and(|left| left.is_zero()) {
            return Err(lost());
        }
        let (lock, place) = berth::take_line(&self.address)?;
        let line = Fenced::new(berth::open(&place)?, self.fence.clone());
        let line = Throttled::new(Box::new(line));
        let mut client = Client::new(Box::new(line))?;
        let info = ask_hello(&mut client)?;
        *hold(&self.standing) = Standing::Here(info);
        Ok(Connected {
            client,
            _lock: lock,
        })
    }

    /// How long the device is this gateway's at least; `None`: there is no other one.
    fn left(&self) -> Option<Duration> {
        self.fence.as_ref().map(Fence::left)
    }

    fn is_away(&self, error: &berth::Error) {
        let mut standing = hold(&self.standing);
        let since = match &*standing {
            Standing::Away { since, .. } => *since,
            _ => Instant::now(),
        };
        *standing = Standing::Away {
            why: error.to_string(),
            since,
        };
    }

    /// While there is no line: what can wait for it waits, the rest is told so.
    fn wait(&mut self, until: Instant, error: &berth::Error) -> Result<(), Ended> {
        loop {
            self.waiting.retain_mut(|job| {
                let late = job.until <= Instant::now();
                if late {
                    job.work.give_up(Failed::Away(error.to_string()));
                }
                !late && !job.work.is_idle()
            });
            let next = self.waiting.iter().map(|job| job.until).min();
            let next = next.map_or(until, |next| next.min(until));
            let left = next.saturating_duration_since(Instant::now());
            match self.jobs.recv_timeout(left) {
                Ok(job) if job.again == Again::Yes && self.waiting.len() < WAITING_MAX => {
                    self.waiting.push_back(job);
                }
                Ok(mut job) => job.work.give_up(Failed::Away(error.to_string())),
                Err(RecvTimeoutError::Timeout) if Instant::now() >= until => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Ended),
            }
        }
    }

    /// While there is a line. Returns when it has broken.
    fn serve(&mut self, mut connected: Connected) -> Result<(), Ended> {
        let client = &mut connected.client;
        let mut due = Due::now();
        loop {
            let mut left = due.left(&self.watch);
            if let Some(ours) = self.left() {
                if ours.is_zero() {
                    // The line is closed: another gateway may open it.
                    self.is_away(&lost());
                    return Ok(());
                }
                left = left.min(ours);
            }
            if due.left(&self.watch).is_zero() {
                match due.look(&self.watch, client) {
                    Ok(Some(info)) => *hold(&self.standing) = Standing::Here(info),
                    Ok(None) => {}
                    Err(error) => {
                        self.is_away(&error);
                        return Ok(());
                    }
                }
            }
            let next = match self.waiting.pop_front() {
                Some(job) => Ok(job),
                None => self.jobs.recv_timeout(left),
            };
            match next {
                Ok(mut job) if job.until <= Instant::now() => job.work.give_up(Failed::Late),
                Ok(job) if job.work.is_idle() => {
                    if job.changes {
                        due.after_change();
                    }
                }
                Ok(mut job) => {
                    client.set_deadline(Some(job.until));
                    let done = job.work.attempt(client);
                    client.set_deadline(None);
                    if job.changes {
                        due.after_change();
                    }
                    if let Err(error) = done {
                        self.is_away(&error);
                        if job.again == Again::Yes && job.until > Instant::now() {
                            self.waiting.push_front(job);
                        } else {
                            job.work.give_up(Failed::Device(error));
                        }
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Ended),
            }
        }
    }
}

fn lost() -> berth::Error {
    berth::Error::Line(std::io::Error::other(LOST))
}

fn ask_hello(client: &mut Client) -> Result<DeviceInfo, berth::Error> {
    client.set_deadline(Some(Instant::now() + HELLO_PATIENCE));
    let info = berth::hello(client);
    client.set_deadline(None);
    info
}
