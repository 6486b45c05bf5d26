//! The module `wasi_snapshot_preview1`, as far as a command without files needs it.
//!
//! Descriptors 0, 1 and 2 are there: nothing to read, and text that goes to the log. All
//! others, files, directories and sockets are not. Both clocks are the time since the device
//! started: it has no other. There are no arguments. The environment is the container's configuration, which
//! the supervisor writes when main's turn comes.

use berth_protocol::Level;

use super::{Call, Ending, Foreign};

/// Error numbers (`errno` of the specification).
mod errno {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const BADF: u32 = 8;
    pub(super) const INVAL: u32 = 28;
    pub(super) const NOTSUP: u32 = 58;
    pub(super) const SPIPE: u32 = 70;
}

/// Standard output and error.
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// Clocks that are told: real time and monotonic.
const CLOCKS: u32 = 2;

/// Most bytes and buffers of one write; the caller's library writes the rest with the next.
const WRITE_MAX: u32 = 512;
const BUFFERS_MAX: u32 = 16;

/// Nanoseconds of a microsecond, which is what the clocks count.
const NS_PER_US: u64 = 1000;

impl Call<'_> {
    pub(super) fn wasi(&mut self, function: Foreign) -> Result<u32, Ending> {
        let (first, second) = (self.word(0), self.word(1));
        match function {
            Foreign::ArgsSizesGet => {
                self.put_word(first, 0)?;
                self.put_word(second, 0)?;
            }
            // None of the sizes told before: nothing to write.
            Foreign::ArgsGet => {}
            Foreign::EnvironSizesGet | Foreign::EnvironGet => {
                return Err(Ending::Environ {
                    sizes: function == Foreign::EnvironSizesGet,
                    first,
                    second,
                });
            }
            Foreign::ClockResGet | Foreign::ClockTimeGet if first >= CLOCKS => {
                return Ok(errno::INVAL);
            }
            Foreign::ClockResGet => self.put(second, &NS_PER_US.to_le_bytes())?,
            Foreign::ClockTimeGet => {
                let now = self.container.now_us() * NS_PER_US;
                self.put(self.word(2), &now.to_le_bytes())?;
            }
            Foreign::ProcExit => return Err(Ending::Exit(first as i32)),
            Foreign::SchedYield => return Err(Ending::Poll { until_us: 0 }),
            Foreign::PollOneoff => return self.poll(first, second),
            _ if first > STDERR => return Ok(errno::BADF),
            Foreign::FdSeek => return Ok(errno::SPIPE),
            Foreign::FdFdstatGet => {
                // A character device (2), no flags, rights to read (2) and write (64).
                let mut stat = [0; 24];
                stat[0] = 2;
                stat[8] = if first < STDOUT { 2 } else { 64 };
                self.put(second, &stat)?;
            }
            // The end, at once.
            Foreign::FdRead if first < STDOUT => self.put_word(self.word(3), 0)?,
            Foreign::FdWrite if first >= STDOUT => return self.write(first),
            Foreign::FdRead | Foreign::FdWrite => return Ok(errno::BADF),
            // `fd_close` of one of the three.
            _ => {}
        }
        Ok(errno::SUCCESS)
    }

    /// `fd_write(fd, buffers, count, written)`
    fn write(&mut self, fd: u32) -> Result<u32, Ending> {
        let level = if fd == STDERR {
            Level::Warn
        } else {
            Level::Info
        };
        let mut buffer = self.word(1);
        for _ in 0..self.word(2).min(BUFFERS_MAX) {
            let (pointer, length) = (self.word_at(buffer)?, self.word_at(buffer + 4)?);
            if self.say(level, pointer, length, WRITE_MAX - self.said)? < length {
                break;
            }
            buffer += 8;
        }
        self.put_word(self.word(3), self.said)?;
        Ok(errno::SUCCESS)
    }

    /// `poll_oneoff(subscriptions, events, count, happened)` of one clock and a time from now,
    /// which is how libraries sleep. There is nothing else to wait for.
    fn poll(&mut self, subscription: u32, event: u32) -> Result<u32, Ending> {
        let mut item = [0; 48];
        item.copy_from_slice(self.bytes(subscription, 48)?);
        let word = |at: usize| {
            let bytes = item.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        // Kind 0 is a clock, flag 1 an absolute time.
        let unknown = u32::from(item[8]) | u32::from(item[40] & 1) | (word(16) / CLOCKS);
        if unknown != 0 || self.word(2) != 1 {
            return Ok(errno::NOTSUP);
        }
        let timeout_ns = u64::from(word(24)) | u64::from(word(28)) << 32;
        // The event: the subscription's user data, no error, kind clock.
        for byte in item.iter_mut().skip(8) {
            *byte = 0;
        }
        self.put(event, &item[..32])?;
        self.put_word(self.word(3), 1)?;
        let until_us = self.container.now_us() + timeout_ns.div_ceil(NS_PER_US);
        Err(Ending::Poll { until_us })
    }

    /// The word at `pointer`.
    fn word_at(&mut self, pointer: u32) -> Result<u32, Ending> {
        let bytes = self.bytes(pointer, 4)?;
        Ok(bytes
            .first_chunk()
            .map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }
}
