//! A serial line that changes bits.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// How long a client's read waits, as for any line (`berth::open`).
const READ_TICK: Duration = Duration::from_millis(50);

/// A line with noise on it, in both directions.
pub(crate) struct Noisy {
    flipped: Arc<AtomicU64>,
}

impl Noisy {
    /// Put noise on `line`: one bit in `one_in` changes. The stream is for the client.
    pub(crate) fn over(line: UnixStream, one_in: u32, seed: u64) -> Result<(Self, UnixStream)> {
        let (client, ours) = UnixStream::pair()?;
        client.set_read_timeout(Some(READ_TICK))?;
        let flipped = Arc::new(AtomicU64::new(0));
        for (from, to, seed) in [
            (line.try_clone()?, ours.try_clone()?, seed),
            (ours, line, !seed),
        ] {
            let flipped = Arc::clone(&flipped);
            let noise = Noise::new(one_in, seed);
            thread::spawn(move || copy(from, to, noise, &flipped));
        }
        Ok((Self { flipped }, client))
    }

    /// Bits changed so far.
    pub(crate) fn flipped(&self) -> u64 {
        self.flipped.load(Ordering::Relaxed)
    }
}

/// Copy until either side has gone.
fn copy(mut from: UnixStream, mut to: UnixStream, mut noise: Noise, flipped: &AtomicU64) {
    let mut buffer = [0; 256];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let Some(bytes) = buffer.get_mut(..count) else {
            return;
        };
        for byte in bytes.iter_mut() {
            let mask = noise.mask();
            *byte ^= mask;
            flipped.fetch_add(mask.count_ones().into(), Ordering::Relaxed);
        }
        if to.write_all(bytes).is_err() {
            return;
        }
    }
}

/// Which bits change: each with the same probability, by Xorshift.
struct Noise {
    state: u64,
    below: u32,
}

impl Noise {
    fn new(one_in: u32, seed: u64) -> Self {
        Self {
            state: seed | 1,
            below: u32::MAX / one_in,
        }
    }

    fn mask(&mut self) -> u8 {
        (0..8).fold(0, |mask, bit| {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            mask | u8::from(((self.state >> 32) as u32) < self.below) << bit
        })
    }
}
