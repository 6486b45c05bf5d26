//! Writing: chunk by chunk, one write after the other.
//!
//! The next chunk of a write follows in a pass of a process that waits for the line, which is kept
//! meanwhile; on a board without passes from within the callback for the last one, which keeps the line too (see
//! [`crate::virtualizers::virtual_uart`]). The next *write*, and the next turn of a long
//! one, is started from a deferred call, and others come before.

use super::{App, Console, TURN_BYTES, ro_allow, upcall};
use crate::passes::put_off;
use kernel::ErrorCode;
use kernel::grant::GrantKernelData;
use kernel::hil::uart::TransmitClient;
use kernel::process::ProcessId;
use kernel::processbuffer::ReadableProcessBuffer;

/// A write that is not complete.
#[derive(Clone, Copy)]
pub(super) struct Write {
    length: usize,
    sent: usize,
}

impl Console<'_> {
    pub(super) fn write(&self, process: ProcessId, length: usize) -> Result<(), ErrorCode> {
        let is_over = self.apps.enter(process, |app, kernel_data| {
            if app.write.is_some() {
                return Err(ErrorCode::BUSY);
            }
            let allowed = kernel_data
                .get_readonly_processbuffer(ro_allow::WRITE)
                .map_or(0, |buffer| buffer.len());
            let write = Write {
                length: length.min(allowed),
                sent: 0,
            };
            app.write = Some(write);
            if write.length == 0 {
                finish(app, kernel_data);
            }
            Ok(write.length == 0)
        })??;
        if is_over {
            return Ok(());
        }
        if !self.wait(process) {
            self.apps.enter(process, |app, _| app.write = None)?;
            return Err(ErrorCode::BUSY);
        }
        if self.writer.is_none() {
            self.start_next_write();
        } else if self.tx_buffer.is_some() {
            // It helps the one that has the line. (With a chunk under way, who goes on is asked when that is sent.)
            match self.passes {
                Some((_, passes)) => _ = passes.request(process),
                None => self.continue_write(),
            }
        }
        Ok(())
    }

    /// Has a process wait for the line behind the others. Returns whether there was room.
    fn wait(&self, process: ProcessId) -> bool {
        self.waiting.push(process, &|other| {
            let waits = self.apps.enter(other, |app, _| app.write.is_some());
            waits.unwrap_or(false)
        })
    }

    /// Have the next chunk sent, in a pass of the writer or of one that waits for the line and is certain to run.
    fn request_passes(&self) {
        let Some((_, passes)) = self.passes else {
            return self.continue_write();
        };
        let writer = self.writer.get();
        if !writer.is_some_and(|writer| passes.request(writer)) {
            self.waiting.any(&|process| passes.request(process));
        }
    }

    /// Send the next chunk of the write that has the line, unless one is being sent.
    pub(super) fn continue_write(&self) {
        if let Some(process) = self.writer.get() {
            self.send_chunk(process);
            self.have_next_started();
        }
    }

    /// Have the next write started, if none has the line, behind the turns of processes: its first chunk raises interrupts
    /// right after those of the last one.
    fn have_next_started(&self) {
        if self.writer.is_some() || self.waiting.is_empty() {
            return;
        }
        put_off(self.passes.map(|(_, passes)| passes), &self.next_writer);
    }

    fn keep_line(&self, keep: bool) {
        if let Some((line, _)) = self.passes {
            line.keep(keep);
        }
    }

    /// Put the oldest waiting write on the line, if the line is ours to take.
    pub(super) fn start_next_write(&self) {
        if self.writer.is_some() {
            return;
        }
        let Some(process) = self.waiting.pop() else {
            return;
        };
        self.writer.set(process);
        self.turn.set(TURN_BYTES);
        self.send_chunk(process);
        // One that is gone, or lends nothing, is over at once.
        self.have_next_started();
    }

    /// Send what comes next of the write that has the line, or end it.
    fn send_chunk(&self, process: ProcessId) {
        let Some(chunk) = self.tx_buffer.take() else {
            return;
        };
        let turn = self.turn.get();
        let room = chunk.len().min(turn);
        let filled = self
            .apps
            .enter(process, |app, kernel_data| {
                let chunk = chunk.get_mut(..room).unwrap_or_default();
                let length = fill(app, kernel_data, chunk);
                let goes_on = app
                    .write
                    .is_some_and(|write| write.sent + length < write.length);
                (length, goes_on)
            })
            // The process is gone, and its write with it.
            .unwrap_or((0, false));
        let sending = match filled {
            (0, _) => Err(chunk),
            (length, goes_on) => {
                self.turn.set(turn - length);
                self.uart
                    .transmit_buffer(chunk, length)
                    .map(|()| self.keep_line(goes_on && length < turn))
                    .map_err(|(_, chunk)| chunk)
            }
        };
        if let Err(chunk) = sending {
            self.tx_buffer.replace(chunk);
            self.end_write(process);
        }
    }

    /// The write that has the line is over: tell its process how far it came.
    fn end_write(&self, process: ProcessId) {
        self.writer.clear();
        self.keep_line(false);
        // A process that is gone need not be told.
        let _ = self
            .apps
            .enter(process, |app, kernel_data| finish(app, kernel_data));
    }
}

/// Copy the next bytes of a write; how many. None if the process has since taken
/// the buffer back.
fn fill(app: &App, kernel_data: &GrantKernelData, chunk: &mut [u8]) -> usize {
    let Some(write) = app.write else { return 0 };
    kernel_data
        .get_readonly_processbuffer(ro_allow::WRITE)
        .and_then(|buffer| {
            buffer.enter(|bytes| {
                let left = write.length.saturating_sub(write.sent);
                let from = bytes.iter().skip(write.sent).take(left);
                chunk
                    .iter_mut()
                    .zip(from)
                    .map(|(to, from)| *to = from.get())
                    .count()
            })
        })
        .unwrap_or(0)
}

fn finish(app: &mut App, kernel_data: &GrantKernelData) {
    if let Some(write) = app.write.take() {
        // A full queue loses the upcall; the process did not yield for ten events.
        let _ = kernel_data.schedule_upcall(upcall::WRITE_DONE, (write.sent, 0, 0));
    }
}

impl TransmitClient for Console<'_> {
    fn transmitted_buffer(
        &self,
        chunk: &'static mut [u8],
        length: usize,
        result: Result<(), ErrorCode>,
    ) {
        self.tx_buffer.replace(chunk);
        let Some(process) = self.writer.get() else {
            return;
        };
        let is_over = self.turn.get() == 0;
        let goes_on = self.apps.enter(process, |app, _| match &mut app.write {
            Some(write) => {
                write.sent += length;
                result.is_ok() && write.sent < write.length
            }
            None => false,
        });
        match goes_on {
            // The next turn is behind those of all who wait.
            Ok(true) if is_over && self.wait(process) => {
                self.writer.clear();
                self.keep_line(false);
            }
            Ok(true) if is_over => self.end_write(process),
            Ok(true) => self.request_passes(),
            Ok(false) | Err(_) => self.end_write(process),
        }
        self.have_next_started();
    }
}
