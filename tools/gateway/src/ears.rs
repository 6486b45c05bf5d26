//! One thread that hears all lines, so that a device costs none while it is silent.
//!
//! ```text
//!   lines ──(the system tells which have something)──► ears ── berth::Listener ──► the client that waits for the answer
//! ```
//!
//! No more is taken from a line than a fast serial port can bring: what a device that floods sends too much waits at its end, and
//! the others are heard meanwhile.

use crate::{Error, line::hold};
use berth::{Heard, Listener};
use mio::{Events, Interest, Poll, Registry, Token, unix::SourceFd};
use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::RawFd,
    sync::{Arc, Mutex, Weak},
    thread,
    time::{Duration, Instant},
};

/// Bytes taken from a line in one period: 160,000 a second, 14 times what 115200 baud bring.
const MOST: usize = 16_000;
const PERIOD: Duration = Duration::from_millis(100);

/// What the system tells at once.
const TOLD_MAX: usize = 256;

/// Between two looks whether this is still wanted.
const LOOK: Duration = Duration::from_secs(1);

struct Line {
    listener: Listener,
    descriptor: RawFd,
    /// When its period began, and what was taken in it.
    began: Instant,
    taken: usize,
}

/// What comes next for a line.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The system tells when there is something.
    Told,
    /// There is more.
    More,
    /// There is more, and it has to wait until then.
    Later(Instant),
    /// Nothing comes any more.
    Nothing,
}

impl Line {
    fn hear(&mut self) -> Next {
        let now = Instant::now();
        if now.duration_since(self.began) >= PERIOD {
            (self.began, self.taken) = (now, 0);
        }
        if self.taken >= MOST {
            return Next::Later(self.began + PERIOD);
        }
        match self.listener.hear() {
            Heard::End => Next::Nothing,
            Heard::Bytes(count) => {
                self.taken += count;
                if self.listener.has_more() {
                    Next::More
                } else {
                    Next::Told
                }
            }
        }
    }
}

/// A line, as long as it is heard.
type Place = Arc<Mutex<Option<Line>>>;

/// The lines, by number, and the number of the next one.
#[derive(Default)]
struct Places {
    next: usize,
    all: BTreeMap<usize, Place>,
}

/// The thread, and the lines that it hears. It ends when nobody has this.
pub(crate) struct Ears {
    registry: Registry,
    places: Mutex<Places>,
}

/// A line that is heard until this is dropped; then it is closed.
pub(crate) struct Ear {
    ears: Arc<Ears>,
    number: usize,
}

impl Drop for Ear {
    fn drop(&mut self) {
        let place = hold(&self.ears.places).all.remove(&self.number);
        if let Some(place) = place {
            self.ears.close(&mut hold(&place));
        }
    }
}

impl Ears {
    /// Begins to hear.
    ///
    /// # Errors
    /// [`Error::System`].
    pub(crate) fn new() -> Result<Arc<Self>, Error> {
        let failed = |error: std::io::Error| Error::System(format!("nobody hears lines: {error}"));
        let poll = Poll::new().map_err(failed)?;
        let this = Arc::new(Self {
            registry: poll.registry().try_clone().map_err(failed)?,
            places: Mutex::default(),
        });
        let ears = Arc::downgrade(&this);
        thread::Builder::new()
            .name("ears".into())
            .spawn(move || hear(poll, &ears))
            .map_err(failed)?;
        Ok(this)
    }

    /// Hears a line from now on; gives it back if the system cannot tell when there is something on it.
    pub(crate) fn listen(self: &Arc<Self>, listener: Listener) -> Result<Ear, Box<Listener>> {
        let Some(descriptor) = listener.descriptor() else {
            return Err(listener.into());
        };
        let mut places = hold(&self.places);
        let number = places.next;
        let mut source = SourceFd(&descriptor);
        let told = self
            .registry
            .register(&mut source, Token(number), Interest::READABLE);
        if told.is_err() {
            return Err(listener.into());
        }
        let line = Line {
            listener,
            descriptor,
            began: Instant::now(),
            taken: 0,
        };
        places.next += 1;
        let place = Arc::new(Mutex::new(Some(line)));
        places.all.insert(number, place);
        Ok(Ear {
            ears: Arc::clone(self),
            number,
        })
    }

    /// Reads once from a line that may have something.
    fn hear(&self, number: usize) -> Next {
        let place = hold(&self.places).all.get(&number).cloned();
        let Some(place) = place else {
            return Next::Told;
        };
        let mut line = hold(&place);
        let next = line.as_mut().map_or(Next::Told, Line::hear);
        if next == Next::Nothing {
            self.close(&mut line);
        }
        next
    }

    /// Who waits for something on it hears that nothing will come.
    fn close(&self, line: &mut Option<Line>) {
        if let Some(line) = line.take() {
            // The system forgets it with its end at the latest.
            let _ = self.registry.deregister(&mut SourceFd(&line.descriptor));
        }
    }
}

fn hear(mut poll: Poll, ears: &Weak<Ears>) {
    let mut told = Events::with_capacity(TOLD_MAX);
    let mut more = BTreeSet::new();
    let mut later: BTreeMap<usize, Instant> = BTreeMap::new();
    loop {
        let wait = match later.values().min() {
            _ if !more.is_empty() => Duration::ZERO,
            Some(at) => at.saturating_duration_since(Instant::now()).min(LOOK),
            None => LOOK,
        };
        if poll.poll(&mut told, Some(wait)).is_err() {
            // A signal; anything else goes on as long as it is so, and must not take a processor.
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        let Some(ears) = ears.upgrade() else {
            return;
        };
        more.extend(told.iter().map(|event| event.token().0));
        let now = Instant::now();
        more.extend(
            later
                .extract_if(.., |_, at| *at <= now)
                .map(|(number, _)| number),
        );
        for number in std::mem::take(&mut more) {
            match ears.hear(number) {
                Next::Told | Next::Nothing => {}
                Next::More => {
                    more.insert(number);
                }
                Next::Later(at) => {
                    later.insert(number, at);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth::Client;
    use std::{io::Write, os::unix::net::UnixStream};

    /// A line, the ear that hears it, and its other end.
    fn line(ears: &Arc<Ears>) -> (Client, Ear, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        let (client, listener) = Client::heard(Box::new(here)).unwrap();
        let Ok(ear) = ears.listen(listener) else {
            panic!("a socket can be heard");
        };
        (client, ear, there)
    }

    #[test]
    fn a_flood_is_taken_at_the_pace_of_a_fast_serial_port() {
        let ears = Ears::new().unwrap();
        let (_client, _ear, mut there) = line(&ears);
        // What the system keeps of it is no more than this.
        const KEPT: usize = 1 << 19;
        there
            .set_write_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let began = Instant::now();
        let mut sent = 0;
        while sent < KEPT + 5 * MOST {
            sent += there.write(&[b'x'; 1000]).unwrap();
        }
        // So many periods had to end first, however fast or slow the computer is.
        assert!(began.elapsed() >= 4 * PERIOD);
    }

    #[test]
    fn a_line_that_is_not_heard_any_more_is_closed_and_one_that_ends_is_told() {
        let ears = Ears::new().unwrap();
        let (mut client, ear, there) = line(&ears);
        drop(there);
        let error = berth::hello(&mut client).unwrap_err();
        assert!(matches!(error, berth::Error::Line(_)), "{error}");
        drop((client, ear));
        let (client, ear, mut there) = line(&ears);
        drop((client, ear));
        let ended = std::iter::repeat_with(|| there.write(&[0])).find_map(Result::err);
        assert!(ended.is_some());
        assert!(hold(&ears.places).all.is_empty());
    }
}
