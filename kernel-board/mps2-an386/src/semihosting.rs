//! Files of the computer that runs the emulator (Arm's semihosting, version 2.0).
//!
//! A real board without a debugger faults at the instruction, and an emulator without
//! semihosting does so too. So nothing here is called unless the emulator's user has
//! said that it may ([`crate::layout::emulator_words`]).

#![allow(unsafe_code)]

use core::arch::asm;

const SYS_OPEN: usize = 0x01;
const SYS_WRITE: usize = 0x05;
const SYS_READ: usize = 0x06;
const SYS_SEEK: usize = 0x0a;
const SYS_GET_CMDLINE: usize = 0x15;
const SYS_EXIT_EXTENDED: usize = 0x20;

/// For reading and writing, not created, not truncated ("r+b").
const MODE_UPDATE: usize = 3;
/// The application ended by itself.
const APPLICATION_EXIT: usize = 0x2_0026;

/// # Safety
///
/// The parameters are those of the operation: pointers in it are valid, with lengths, for
/// what it does with them.
#[inline(never)]
unsafe fn call(operation: usize, parameters: &mut [usize]) -> usize {
    let result;
    // SAFETY: the emulator takes this breakpoint and changes nothing but r0 and what the
    // parameters point to, as the caller promised.
    unsafe {
        asm!(
            "bkpt #0xab",
            inlateout("r0") operation => result,
            in("r1") parameters.as_mut_ptr(),
            options(nostack),
        );
    }
    result
}

/// An open file.
pub(crate) struct File {
    handle: usize,
}

impl File {
    /// Open the file that the emulator's command line names, all of it. The command line
    /// is put into `buffer`.
    pub(crate) fn of_command_line(buffer: &mut [u8]) -> Option<Self> {
        let mut place = [buffer.as_mut_ptr().expose_provenance(), buffer.len()];
        // SAFETY: a buffer and its length.
        if unsafe { call(SYS_GET_CMDLINE, &mut place) } != 0 {
            return None;
        }
        let [start, length] = place;
        // SAFETY: what the call just put there: a string with its length, which a zero follows.
        let handle = unsafe { call(SYS_OPEN, &mut [start, MODE_UPDATE, length]) };
        (handle != usize::MAX).then_some(Self { handle })
    }

    fn seek(&self, offset: usize) -> bool {
        // SAFETY: no pointers.
        unsafe { call(SYS_SEEK, &mut [self.handle, offset]) == 0 }
    }

    /// Read from `offset`; how many bytes at the end of `bytes` there were none for.
    pub(crate) fn read_at(&self, offset: usize, bytes: &mut [u8]) -> usize {
        if !self.seek(offset) {
            return bytes.len();
        }
        let place = bytes.as_mut_ptr().expose_provenance();
        // SAFETY: a slice to be written.
        unsafe { call(SYS_READ, &mut [self.handle, place, bytes.len()]) }
    }

    /// Write at `offset`; whether all of it was written.
    pub(crate) fn write_at(&self, offset: usize, bytes: &[u8]) -> bool {
        let place = bytes.as_ptr().expose_provenance();
        // SAFETY: a slice to be read.
        self.seek(offset) && unsafe { call(SYS_WRITE, &mut [self.handle, place, bytes.len()]) == 0 }
    }
}

/// End the emulator with this status.
pub(crate) fn exit(status: usize) -> ! {
    loop {
        // SAFETY: no pointers; the emulator does not come back.
        unsafe { call(SYS_EXIT_EXTENDED, &mut [APPLICATION_EXIT, status]) };
    }
}
