//! One device: a task that owns its line, and what others want of it.
//!
//! ```text
//!   ask ──(bounded queue)──► owner ── berth::Client ── line
//!    ▲                          │  no line: look for it again, ever less often
//!    └──────── answer ──────────┘
//! ```
//!
//! Each device has its own task and its own queue, and a thread while it is asked, so whatever one does (stalls, floods, sends garbage, is away) costs
//! the others nothing. What is asked has a time by which it is answered, whether the device answers or not. A line that
//! breaks is looked for again; what may be repeated is then done again, so an upload goes on where it ended.

use crate::{
    ears::Ears,
    owner::Owner,
    state::{Fence, Use},
    turns::Turns,
    watch::{Seen, Watch},
};
use berth::{Address, Client, DeviceInfo, session::Operator};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{
    mpsc::{self, Sender, error::TrySendError},
    oneshot,
};

/// Requests that may wait for one device.
pub(crate) const WAITING_MAX: usize = 64;

/// How much longer than the owner the caller waits, so that the owner's reason is heard.
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
    /// It is another gateway's, or nobody's at the moment.
    Elsewhere {
        /// Where that gateway is.
        at: Option<String>,
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
    /// It is another gateway's, at this address; or nobody's at the moment.
    Elsewhere(Option<String>),
    /// The gateway ends, or the device was taken out of it.
    Gone,
}

/// A device and its owner, who ends when this is dropped.
#[derive(Debug)]
pub struct Line {
    address: Address,
    queue: Sender<Job>,
    standing: Arc<Mutex<Standing>>,
    watch: Arc<Watch>,
    /// Where there may be other gateways.
    fence: Option<Fence>,
    /// How many wait for an answer.
    asked: AtomicUsize,
}

/// What is asked of a device.
pub(crate) struct Job {
    pub(crate) until: Instant,
    pub(crate) again: Again,
    /// Is the device another one afterwards?
    pub(crate) changes: bool,
    pub(crate) work: Box<dyn Work>,
}

pub(crate) trait Work: Send {
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
    /// Begins to look for a device, and uses it as long as the fence holds, if there is one. For a thread of a runtime of tokio's.
    pub(crate) fn open(
        address: Address,
        fence: Option<Fence>,
        (ears, turns): (&Arc<Ears>, &Turns),
        operator: Option<Operator>,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(WAITING_MAX);
        let standing = Arc::new(Mutex::new(Standing::Looking));
        let watch = Arc::new(Watch::default());
        let owner = Owner {
            address: address.clone(),
            jobs,
            standing: Arc::clone(&standing),
            watch: Arc::clone(&watch),
            waiting: VecDeque::new(),
            fence: fence.clone(),
            ears: Arc::clone(ears),
            turns: turns.clone(),
            operator,
        };
        tokio::spawn(owner.run());
        Self {
            address,
            queue,
            standing,
            watch,
            fence,
            asked: AtomicUsize::new(0),
        }
    }

    /// A device that is another gateway's, at this address, or nobody's: nothing is asked of it here.
    pub(crate) fn elsewhere(address: Address, at: Option<String>) -> Self {
        let (queue, _) = mpsc::channel(1);
        Self {
            address,
            queue,
            standing: Arc::new(Mutex::new(Standing::Elsewhere { at })),
            watch: Arc::default(),
            fence: None,
            asked: AtomicUsize::new(0),
        }
    }

    /// Is the device this gateway's?
    pub(crate) fn is_ours(&self) -> bool {
        self.fence.as_ref().is_none_or(Fence::holds)
            && !matches!(*hold(&self.standing), Standing::Elsewhere { .. })
    }

    /// What is done with it now.
    pub(crate) fn is_used(&self) -> Use {
        match &*hold(&self.standing) {
            Standing::Away { since, .. } => Use::Away(since.elapsed()),
            _ if self.asked.load(Ordering::SeqCst) > 0 => Use::Busy,
            _ => Use::Idle,
        }
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
        if let Standing::Elsewhere { at } = self.standing() {
            return Err(Failed::Elsewhere(at));
        }
        let _asked = Asking::begin(&self.asked);
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
            Err(TrySendError::Closed(_)) => return Err(Failed::Gone),
        }
        match tokio::time::timeout(patience + MARGIN, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failed::Gone),
            Err(_) => Err(Failed::Late),
        }
    }
}

/// Counts one who waits for an answer until it is dropped.
struct Asking<'a>(&'a AtomicUsize);

impl<'a> Asking<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
