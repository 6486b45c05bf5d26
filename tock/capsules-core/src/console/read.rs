//! Reading: a ring that is always filled, and a reader that is served from it.
//!
//! Bytes stay in the ring until the reader's request can be completed, or the ring
//! is half full; so most bytes cost a push and a comparison, not a visit to
//! the process's grant.

use super::{App, Console, rw_allow, upcall};
use core::cell::Cell;
use kernel::ErrorCode;
use kernel::collections::queue::Queue;
use kernel::collections::ring_buffer::RingBuffer;
use kernel::errorcode::into_statuscode;
use kernel::grant::GrantKernelData;
use kernel::hil::uart::{Error, ReceiveClient};
use kernel::process::ProcessId;
use kernel::processbuffer::{ReadableProcessBuffer, WriteableProcessBuffer};

/// A read that is not complete.
#[derive(Clone, Copy)]
pub(super) struct Read {
    length: usize,
    received: usize,
    /// Complete it with what the ring holds.
    is_aborted: bool,
}

/// Bytes that one pass moves from the ring.
const PASS_BYTES: usize = 64;

/// What serving the reader came to.
enum Served {
    /// Complete; the process was told.
    Complete,
    /// That many bytes are still missing, and the ring has none.
    Missing(usize),
    /// The ring has more.
    More,
}

impl Console<'_> {
    pub(super) fn read(&self, process: ProcessId, length: usize) -> Result<(), ErrorCode> {
        self.receive_next();
        if let Some(reader) = self.reader.get() {
            // A reader that is gone makes room.
            if self.apps.enter(reader, |_, _| ()).is_ok() {
                return Err(ErrorCode::BUSY);
            }
        }
        self.apps.enter(process, |app, kernel_data| {
            let allowed = kernel_data
                .get_readwrite_processbuffer(rw_allow::READ)
                .map_or(0, |buffer| buffer.len());
            app.read = Some(Read {
                length: length.min(allowed),
                received: 0,
                is_aborted: false,
            });
        })?;
        self.reader.set(process);
        self.serve();
        Ok(())
    }

    /// Complete the process's read with what there is. Without a read under way
    /// there is nothing to do, and that is a success too: the read may have
    /// completed just before.
    pub(super) fn abort_read(&self, process: ProcessId) -> Result<(), ErrorCode> {
        if !self.reader.contains(&process) {
            return Ok(());
        }
        self.apps.enter(process, |app, _| {
            if let Some(read) = &mut app.read {
                read.is_aborted = true;
            }
        })?;
        self.serve();
        Ok(())
    }

    /// Go on with the process's read, if it has one.
    pub(super) fn continue_read(&self, process: ProcessId) {
        if self.reader.contains(&process) {
            self.serve();
        }
    }

    /// Give the reader what the ring holds, as much as one pass takes; the rest follows in the next.
    fn serve(&self) {
        let Some(reader) = self.reader.get() else {
            return;
        };
        let served = loop {
            let served = self.apps.enter(reader, |app, kernel_data| {
                self.ring
                    .map(|ring| serve(app, kernel_data, ring))
                    .unwrap_or(Served::Complete)
            });
            match (&served, self.passes) {
                (Ok(Served::More), Some((_, passes))) => {
                    // It is its own work, whenever it comes.
                    let _ = passes.request(reader);
                    return;
                }
                (Ok(Served::More), None) => {}
                _ => break served,
            }
        };
        match served {
            Ok(Served::Missing(count)) => {
                let half = self.ring.map_or(1, |ring| ring_room(ring) / 2);
                self.serve_at.set(count.min(half).max(1));
            }
            // Complete, or the process is gone: the ring keeps what follows.
            Ok(Served::Complete | Served::More) | Err(_) => self.reader.clear(),
        }
    }

    /// Have the UART receive the next byte, unless it does.
    pub(super) fn receive_next(&self) {
        let Some(byte) = self.rx_byte.take() else {
            return;
        };
        if let Err((_, byte)) = self.uart.receive_buffer(byte, 1) {
            // The next read tries again.
            self.rx_byte.replace(byte);
        }
    }

    fn lose(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.lost.set(self.lost.get().saturating_add(count));
    }
}

pub(super) fn ring_room(ring: &RingBuffer<'static, u8>) -> usize {
    ring.len() + ring.available_len()
}

/// Move bytes from the ring to the reader's buffer, and complete the read if it is full.
fn serve(
    app: &mut App,
    kernel_data: &GrantKernelData,
    ring: &mut RingBuffer<'static, u8>,
) -> Served {
    let Some(read) = app.read else {
        return Served::Complete;
    };
    let received = Cell::new(read.received);
    let has_room = kernel_data
        .get_readwrite_processbuffer(rw_allow::READ)
        .and_then(|buffer| {
            buffer.mut_enter(|bytes| {
                let free = bytes.iter().take(read.length).skip(read.received);
                for place in free.take(PASS_BYTES) {
                    let Some(byte) = ring.dequeue() else {
                        return true;
                    };
                    place.set(byte);
                    received.set(received.get() + 1);
                }
                received.get() == read.length || received.get() == read.received + PASS_BYTES
            })
        })
        .unwrap_or(read.length == 0);
    let received = received.get();
    app.read = Some(Read { received, ..read });
    if received == read.length {
        finish(app, kernel_data, Ok(()));
        Served::Complete
    } else if !has_room {
        // The process has taken the buffer back, or swapped it for a shorter one.
        finish(app, kernel_data, Err(ErrorCode::SIZE));
        Served::Complete
    } else if ring.has_elements() {
        Served::More
    } else if read.is_aborted {
        finish(app, kernel_data, Err(ErrorCode::CANCEL));
        Served::Complete
    } else {
        Served::Missing(read.length - received)
    }
}

fn finish(app: &mut App, kernel_data: &GrantKernelData, result: Result<(), ErrorCode>) {
    if let Some(read) = app.read.take() {
        // A full queue loses the upcall; the process did not yield for ten events.
        let _ = kernel_data.schedule_upcall(
            upcall::READ_DONE,
            (into_statuscode(result), read.received, 0),
        );
    }
}

impl ReceiveClient for Console<'_> {
    fn received_buffer(
        &self,
        buffer: &'static mut [u8],
        length: usize,
        result: Result<(), ErrorCode>,
        error: Error,
    ) {
        // After an overrun the bytes that are there are sound; some before them are not there.
        let sound = result.is_ok() && matches!(error, Error::None | Error::OverrunError);
        if error == Error::OverrunError {
            self.lose(1);
        }
        let bytes = buffer.get(..length).unwrap_or_default();
        let held = self.ring.map_or(0, |ring| {
            if sound {
                let lost = bytes.iter().filter(|byte| !ring.enqueue(**byte)).count();
                self.lose(lost);
            } else {
                self.lose(length.max(1));
            }
            ring.len()
        });
        self.rx_byte.replace(buffer);
        self.receive_next();
        if self.reader.is_some() && held >= self.serve_at.get() {
            match (self.passes, self.reader.get()) {
                (Some((_, passes)), Some(reader)) => _ = passes.request(reader),
                _ => self.serve(),
            }
        }
    }
}
