//! Bytes by number, which a pointer chooses: a memory, or whatever else has plain registers.

use super::Chip;

/// The chip.
pub(super) struct Bytes {
    all: Vec<u8>,
    pointer_bytes: usize,
    at: usize,
    /// Bytes of this transfer so far.
    got: usize,
}

impl Bytes {
    /// A chip with so many bytes, of which the first are these, and with a pointer of so many.
    pub(super) fn new(mut bytes: Vec<u8>, size: usize, pointer: usize) -> Self {
        bytes.resize(size.max(1), 0);
        Self {
            all: bytes,
            pointer_bytes: pointer,
            at: 0,
            got: 0,
        }
    }

    fn next(&mut self) -> &mut u8 {
        let length = self.all.len();
        let at = self.at % length;
        self.at = (at + 1) % length;
        // There is at least one, and it is inside.
        self.all.get_mut(at).unwrap_or_else(|| unreachable!())
    }
}

impl Chip for Bytes {
    fn begin(&mut self, _: bool) {
        self.got = 0;
    }

    fn take(&mut self, byte: u8) -> bool {
        if self.got < self.pointer_bytes {
            self.at = if self.got == 0 { 0 } else { self.at << 8 } | usize::from(byte);
        } else {
            *self.next() = byte;
        }
        self.got += 1;
        true
    }

    fn give(&mut self) -> u8 {
        *self.next()
    }
}
