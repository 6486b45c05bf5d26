//! The task that owns a device's line: it opens it, looks at the device, and does what is asked, one after the other.
//!
//! It has a thread only while it waits for the device, so a device of which nothing is wanted costs none, and one that stalls keeps
//! no other one's.

use crate::{
    ears::{Ear, Ears},
    fenced::{Fenced, LOST},
    line::{Again, Failed, Job, Standing, WAITING_MAX, hold},
    look::Due,
    state::Fence,
    turns::{Turn, Turns},
    watch::Watch,
};
use berth::{Address, Client, DeviceInfo, Heard, LineLock, session::Operator};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc::Receiver,
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// Until the line is looked for again, at first and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How long nothing has to happen until it is looked whether there is something to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a device has for the first answer.
const HELLO_PATIENCE: Duration = Duration::from_secs(3);

/// A line in use. What it consists of ends in this order.
struct Connected {
    client: Client,
    /// `None`: the line has a thread that hears it.
    _ear: Option<Ear>,
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
    pub(crate) ears: Arc<Ears>,
    /// Who logs in on a device that has operators.
    pub(crate) operator: Option<Operator>,
    pub(crate) turns: Turns,
}

/// What an owner does next.
enum Next {
    Job(Job),
    /// Look at the device, in this turn.
    Look(Turn),
    /// Look what is due.
    Nothing,
}

/// The handle of the line was dropped, or the gateway ends.
struct Ended;

/// Does on a thread of its own what waits for the device.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Ended> {
    spawn_blocking(work).await.map_err(|_| Ended)
}

impl Owner {
    pub(crate) async fn run(mut self) {
        // It ends between two things that are done; nobody is left to be told.
        let _ = self.run_until_ended().await;
    }

    async fn run_until_ended(&mut self) -> Result<(), Ended> {
        let mut look_again = LOOK_AGAIN.0;
        loop {
            let (address, fence) = (self.address.clone(), self.fence.clone());
            let (ears, operator) = (Arc::clone(&self.ears), self.operator.clone());
            let turn = self.turns.wait().await;
            match turn
                .hold(apart(move || connect(&address, fence, &ears, operator)))
                .await?
            {
                Ok((connected, info)) => {
                    *hold(&self.standing) = Standing::Here(info);
                    look_again = LOOK_AGAIN.0;
                    let connected = self.serve(connected).await?;
                    // The line is closed: another gateway may open it.
                    apart(move || drop(connected)).await?;
                }
                Err(error) => {
                    self.is_away(&error);
                    let until = Instant::now() + look_again;
                    look_again = (look_again * 2).min(LOOK_AGAIN.1);
                    self.wait(until, &error).await?;
                }
            }
        }
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
    async fn wait(&mut self, until: Instant, error: &berth::Error) -> Result<(), Ended> {
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
            match timeout(left, self.jobs.recv()).await {
                Ok(Some(job)) if job.again == Again::Yes && self.waiting.len() < WAITING_MAX => {
                    self.waiting.push_back(job);
                }
                Ok(Some(mut job)) => job.work.give_up(Failed::Away(error.to_string())),
                Ok(None) => return Err(Ended),
                Err(_) if Instant::now() >= until => return Ok(()),
                Err(_) => {}
            }
        }
    }

    /// While there is a line. Gives it back when it has broken, or is not this gateway's any more.
    async fn serve(&mut self, mut connected: Connected) -> Result<Connected, Ended> {
        let mut due = Due::now();
        loop {
            let look = due.left(&self.watch);
            let mut left = if look.is_zero() { PATIENCE } else { look };
            if let Some(ours) = self.left() {
                if ours.is_zero() {
                    self.is_away(&lost());
                    return Ok(connected);
                }
                left = left.min(ours);
            }
            let mut job = match self.next(left, look.is_zero()).await? {
                Next::Nothing => continue,
                Next::Look(turn) => {
                    let watch = Arc::clone(&self.watch);
                    let looking = apart(move || {
                        let looked = due.look(&watch, &mut connected.client);
                        (connected, due, looked)
                    });
                    let looked = turn.hold(looking).await?;
                    (connected, due) = (looked.0, looked.1);
                    match looked.2 {
                        Ok(Some(info)) => *hold(&self.standing) = Standing::Here(info),
                        Ok(None) => {}
                        Err(error) => {
                            self.is_away(&error);
                            return Ok(connected);
                        }
                    }
                    continue;
                }
                Next::Job(job) => job,
            };
            if job.until <= Instant::now() {
                job.work.give_up(Failed::Late);
                continue;
            }
            if job.work.is_idle() {
                due.after(job.changes);
                continue;
            }
            let attempted = apart(move || {
                let client = &mut connected.client;
                client.set_deadline(Some(job.until));
                let done = job.work.attempt(client);
                client.set_deadline(None);
                (connected, job, done)
            });
            let (given_back, mut job, done) = attempted.await?;
            connected = given_back;
            due.after(job.changes);
            if let Err(error) = done {
                self.is_away(&error);
                if job.again == Again::Yes && job.until > Instant::now() {
                    self.waiting.push_front(job);
                } else {
                    job.work.give_up(Failed::Device(error));
                }
                return Ok(connected);
            }
        }
    }

    /// What comes first: something that is asked, a turn if the device `is_due` to be looked at, or the end of that time.
    async fn next(&mut self, left: Duration, is_due: bool) -> Result<Next, Ended> {
        if let Some(job) = self.waiting.pop_front() {
            return Ok(Next::Job(job));
        }
        tokio::select! {
            job = self.jobs.recv() => job.map(Next::Job).ok_or(Ended),
            turn = self.turns.wait(), if is_due => Ok(Next::Look(turn)),
            () = sleep(left) => Ok(Next::Nothing),
        }
    }
}

/// Opens the line, and asks who is there.
fn connect(
    address: &Address,
    fence: Option<Fence>,
    ears: &Arc<Ears>,
    operator: Option<Operator>,
) -> Result<(Connected, DeviceInfo), berth::Error> {
    if fence.as_ref().is_some_and(|fence| fence.left().is_zero()) {
        return Err(lost());
    }
    let (lock, place) = berth::take_line(address)?;
    let line = Fenced::new(berth::open(&place)?, fence);
    let (mut client, listener) = Client::heard(Box::new(line))?;
    if let Some(operator) = operator {
        client.set_operator(operator.at(address));
    }
    let ear = match ears.listen(listener) {
        Ok(ear) => Some(ear),
        Err(mut listener) => {
            std::thread::spawn(move || while listener.hear() != Heard::End {});
            None
        }
    };
    let mut connected = Connected {
        client,
        _ear: ear,
        _lock: lock,
    };
    let info = ask_hello(&mut connected.client)?;
    Ok((connected, info))
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
