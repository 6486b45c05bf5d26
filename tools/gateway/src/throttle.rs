//! A line from which no more is taken than a serial port can bring, so that a device that floods costs the others
//! nothing: what it sends too much waits at its end.

use berth::Transport;
use std::{
    io::{self, Read, Write},
    thread,
    time::{Duration, Instant},
};

/// Bytes taken in one period: 160,000 a second, 14 times what 115200 baud bring.
const MOST: usize = 16_000;
const PERIOD: Duration = Duration::from_millis(100);

/// See the module.
pub(crate) struct Throttled {
    line: Box<dyn Transport>,
    began: Instant,
    taken: usize,
}

impl Throttled {
    pub(crate) fn new(line: Box<dyn Transport>) -> Self {
        Self {
            line,
            began: Instant::now(),
            taken: 0,
        }
    }
}

impl Read for Throttled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken >= MOST {
            thread::sleep(PERIOD.saturating_sub(self.began.elapsed()));
        }
        if self.began.elapsed() >= PERIOD {
            self.began = Instant::now();
            self.taken = 0;
        }
        let count = self.line.read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

impl Write for Throttled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}

impl Transport for Throttled {
    fn second_handle(&self) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(Self::new(self.line.second_handle()?)))
    }

    fn shut_down(&self) {
        self.line.shut_down();
    }

    fn has_unread(&self) -> bool {
        self.line.has_unread()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives as much as there is room for.
    struct Flood;

    impl Read for Flood {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }
    }

    impl Write for Flood {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Transport for Flood {
        fn second_handle(&self) -> io::Result<Box<dyn Transport>> {
            Ok(Box::new(Self))
        }

        fn shut_down(&self) {}
    }

    #[test]
    fn a_flood_is_taken_at_the_pace_of_a_fast_serial_port() {
        let began = Instant::now();
        let mut line = Throttled::new(Box::new(Flood)).second_handle().unwrap();
        let mut buffer = [0; 1000];
        let mut taken = 0;
        while taken < 5 * MOST {
            taken += line.read(&mut buffer).unwrap();
        }
        // Four periods had to end first, however fast or slow the computer is.
        assert!(began.elapsed() >= 4 * PERIOD);
    }
}
