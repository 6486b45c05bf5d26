//! One device: a thread that owns its line, and what others want of it.
//!
//! ```text
//!   ask ──(bounded queue)──► owner thread ── berth::Client ── line
//!    ▲                          │  no line: look for it again, ever less often
//!    └──────── answer ──────────┘
//! ```
//!
//! Each device has its own thread and its own queue, so whatever one does (stalls, floods, sends garbage, is away) costs
//! the others nothing. What is asked has a time by which it is answered, whether the device answers or not. A line that
//! breaks is looked for again; what may be repeated is then done again, so an upload goes on where it ended.

use crate::{
    Error,
    throttle::Throttled,
    watch::{Due, Seen, Watch},
};
use berth::{Address, Client, DeviceInfo, LineLock};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Requests that may wait for one device.
const WAITING_MAX: usize = 64;

/// Until the line is looked for again, at first and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How long a device has for the first answer.
const HELLO_PATIENCE: Duration = Duration::from_secs(3);

/// How much longer than the thread the caller waits, so that the thread's reason is heard.
const MARGIN: Duration = Duration::from_millis(500);

/// Is there a device?
#[derive(Clone, Debug)]
pub enum Standing {
    /// The line is being opened for the first time.
    Looking,
    /// It answers.
    Here(DeviceInfo),
    /// It does not.
    Away {
        /// Why not, for people.
        why: String,
        /// Since when.
        since: Instant,
    },
}

/// May what is asked be done again if the line breaks in the middle of it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It must not be done twice, or there is no sense in waiting: whoever asked is told.
    No,
    /// It waits for the line, as long as it has time, and is done anew; an upload goes on where it ended.
    Yes,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failed {
    /// The device is not there.
    Away(String),
    /// Too many wait for this device.
    Full,
    /// The time was over first.
    Late,
    /// The device or the way to it.
    Device(berth::Error),
    /// The gateway ends, or the device was taken out of it.
    Gone,
}

/// A device and its thread, which ends when this is dropped.
#[derive(Debug)]
pub struct Line {
    address: Address,
    queue: SyncSender<Job>,
    standing: Arc<Mutex<Standing>>,
    watch: Arc<Watch>,
}

/// What is asked of a device.
struct Job {
    until: Instant,
    again: Again,
    /// Is the device another one afterwards?
    changes: bool,
    work: Box<dyn Work>,
}

trait Work: Send {
    /// Do it; gives back why not if the line broke, and has answered otherwise.
    fn attempt(&mut self, client: &mut Client) -> Result<(), berth::Error>;
    /// Say that it will not be done.
    fn give_up(&mut self, why: Failed);
    /// Does nobody wait for it any more?
    fn is_idle(&self) -> bool;
}

struct Asked<T, F> {
    ask: F,
    answer: Option<oneshot::Sender<Result<T, Failed>>>,
}

impl<T, F> Asked<T, F> {
    fn answer(&mut self, answer: Result<T, Failed>) {
        if let Some(waiting) = self.answer.take() {
            // Who has gone needs no answer.
            let _ = waiting.send(answer);
        }
    }
}

impl<T: Send, F: FnMut(&mut Client) -> Result<T, berth::Error> + Send> Work for Asked<T, F> {
    fn attempt(&mut self, client: &mut Client) -> Result<(), berth::Error> {
        match (self.ask)(client) {
            Err(error) if is_about_line(&error) => Err(error),
            answer => {
                self.answer(answer.map_err(Failed::Device));
                Ok(())
            }
        }
    }

    fn give_up(&mut self, why: Failed) {
        self.answer(Err(why));
    }

    fn is_idle(&self) -> bool {
        self.answer.as_ref().is_none_or(oneshot::Sender::is_closed)
    }
}

/// After these the line is opened anew.
const fn is_about_line(error: &berth::Error) -> bool {
    matches!(
        error,
        berth::Error::Line(_)
            | berth::Error::Open { .. }
            | berth::Error::Busy { .. }
            | berth::Error::TimedOut { .. }
    )
}

impl Line {
    /// Begins to look for a device.
    ///
    /// # Errors
    /// [`Error::System`] if there is no thread for it.
    pub fn open(name: &str, address: Address) -> Result<Self, Error> {
        let (queue, jobs) = mpsc::sync_channel(WAITING_MAX);
        let standing = Arc::new(Mutex::new(Standing::Looking));
        let watch = Arc::new(Watch::default());
        let owner = Owner {
            address: address.clone(),
            jobs,
            standing: Arc::clone(&standing),
            watch: Arc::clone(&watch),
            waiting: VecDeque::new(),
        };
        thread::Builder::new()
            .name(format!("line {name}"))
            .spawn(move || owner.run())
            .map_err(|error| Error::System(format!("no thread for {name}: {error}")))?;
        Ok(Self {
            address,
            queue,
            standing,
            watch,
        })
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Returns whether it is there, as far as is known.
    #[must_use]
    pub fn standing(&self) -> Standing {
        hold(&self.standing).clone()
    }

    /// The device as it was when it was looked at last.
    pub(crate) fn seen(&self) -> Option<Arc<Seen>> {
        self.watch.seen()
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// The device is on somebody's page, so it is looked at more often for a while.
    pub(crate) fn view(&self) {
        if self.watch.view() {
            self.wake();
        }
    }

    /// Has the owner look who follows now.
    pub(crate) fn wake(&self) {
        self.nudge(false);
    }

    /// Has the owner look at the device soon.
    pub(crate) fn glance(&self) {
        self.nudge(true);
    }

    fn nudge(&self, changes: bool) {
        let nobody = Asked::<(), _> {
            ask: |_: &mut Client| Ok(()),
            answer: None,
        };
        let job = Job {
            until: Instant::now() + MARGIN,
            again: Again::No,
            changes,
            work: Box::new(nobody),
        };
        // A queue that is full wakes him as well.
        let _ = self.queue.try_send(job);
    }

    /// Asks something of the device, and waits at most `patience` for the answer.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn ask<T: Send + 'static>(
        &self,
        again: Again,
        patience: Duration,
        ask: impl FnMut(&mut Client) -> Result<T, berth::Error> + Send + 'static,
    ) -> Result<T, Failed> {
        self.queue((again, false), patience, ask).await
    }

    /// The same of something that changes the device, so that it is looked at soon.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn change<T: Send + 'static>(
        &self,
        again: Again,
        patience: Duration,
        ask: impl FnMut(&mut Client) -> Result<T, berth::Error> + Send + 'static,
    ) -> Result<T, Failed> {
        self.queue((again, true), patience, ask).await
    }

    async fn queue<T: Send + 'static>(
        &self,
        (again, changes): (Again, bool),
        patience: Duration,
        ask: impl FnMut(&mut Client) -> Result<T, berth::Error> + Send + 'static,
    ) -> Result<T, Failed> {
        let (answer, answered) = oneshot::channel();
        let work = Asked {
            ask,
            answer: Some(answer),
        };
        let job = Job {
            until: Instant::now() + patience,
            again,
            changes,
            work: Box::new(work),
        };
        match self.queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Failed::Full),
            Err(TrySendError::Disconnected(_)) => return Err(Failed::Gone),
        }
        match tokio::time::timeout(patience + MARGIN, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failed::Gone),
            Err(_) => Err(Failed::Late),
        }
    }
}

struct Connected {
    client: Client,
    _lock: LineLock,
}

/// The owner of a line.
struct Owner {
    address: Address,
    jobs: Receiver<Job>,
    standing: Arc<Mutex<Standing>>,
    watch: Arc<Watch>,
    /// What waits for the line.
    waiting: VecDeque<Job>,
}

/// The handle of the line was dropped.
struct Ended;

impl Owner {
    fn run(mut self) {
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
        let (lock, place) = berth::take_line(&self.address)?;
        let line = Throttled::new(berth::open(&place)?);
        let mut client = Client::new(Box::new(line))?;
        let info = ask_hello(&mut client)?;
        *hold(&self.standing) = Standing::Here(info);
        Ok(Connected {
            client,
            _lock: lock,
        })
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
            let left = due.left(&self.watch);
            if left.is_zero() {
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

fn ask_hello(client: &mut Client) -> Result<DeviceInfo, berth::Error> {
    client.set_deadline(Some(Instant::now() + HELLO_PATIENCE));
    let info = berth::hello(client);
    client.set_deadline(None);
    info
}

pub(crate) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
