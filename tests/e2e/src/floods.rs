//! Bytes from outside, as fast as the board takes them.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use berth_emulator::Emulator;

use crate::Device;

/// How long a line is waited for before a look at whether all is over.
const LOOK: Duration = Duration::from_secs(1);

impl Device {
    /// Do `body` while these serial lines are flooded and whatever comes out of them is taken at once. Line 0 is the operator's, whose text the console
    /// keeps. Returns what `body` returns, and how many bytes each line took.
    ///
    /// # Errors
    /// If a line cannot be had; what `body` says.
    pub fn while_flooded<R>(
        &mut self,
        lines: &[usize],
        body: impl FnOnce(&Self) -> Result<R>,
    ) -> Result<(R, Vec<usize>)> {
        let streams = lines
            .iter()
            .map(|&number| (number != 0).then(|| self.board.uart(number)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        for stream in streams.iter().flatten() {
            stream.set_read_timeout(Some(LOOK))?;
            stream.set_write_timeout(Some(LOOK))?;
        }
        let over = AtomicBool::new(false);
        let taken: Vec<_> = lines.iter().map(|_| AtomicUsize::new(0)).collect();
        let result = thread::scope(|scope| {
            let (over, board) = (&over, &self.board);
            for (stream, taken) in streams.iter().zip(&taken) {
                scope.spawn(move || {
                    let text = "x".repeat(256);
                    // It ends when the board is switched off, too.
                    while !over.load(Ordering::Relaxed) {
                        let given = match stream.as_ref() {
                            Some(mut line) => line.write(text.as_bytes()),
                            None => typed(board, &text),
                        };
                        match given {
                            Ok(bytes) => taken.fetch_add(bytes, Ordering::Relaxed),
                            Err(error) if is_late(&error) => 0,
                            Err(_) => break,
                        };
                    }
                });
                if let Some(mut line) = stream.as_ref() {
                    scope.spawn(move || {
                        let mut room = [0; 4096];
                        while !over.load(Ordering::Relaxed) {
                            match line.read(&mut room) {
                                Ok(0) => break,
                                Err(error) if !is_late(&error) => break,
                                _ => {}
                            }
                        }
                    });
                }
            }
            let result = body(self);
            over.store(true, Ordering::Relaxed);
            result
        })?;
        Ok((
            result,
            taken.into_iter().map(AtomicUsize::into_inner).collect(),
        ))
    }
}

fn typed(board: &Emulator, text: &str) -> std::io::Result<usize> {
    board.type_text(text).map_err(std::io::Error::other)?;
    Ok(text.len())
}

/// The line takes, or gives, nothing for the moment.
fn is_late(error: &std::io::Error) -> bool {
    [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind())
}
