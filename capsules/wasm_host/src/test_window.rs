//! A block of registers for tests: plain memory that remembers every access.
//!
//! Also a part of `capsules/tests`, so it names what it uses by the crate's root.

use crate::{BusError, Width, Window};
use std::boxed::Box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec;
use std::vec::Vec;

/// One access that reached the hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Load(usize, Width),
    Store(usize, Width, u32),
}

pub(crate) struct Memory {
    bytes: Mutex<Vec<u8>>,
    log: Mutex<Vec<Access>>,
    /// Whether the bus answers with errors.
    gated: AtomicBool,
}

impl Memory {
    /// Where it pretends to be.
    pub(crate) const ADDRESS: usize = 0x4000_5000;

    pub(crate) fn leak(length: usize) -> &'static Self {
        Box::leak(Box::new(Self {
            bytes: Mutex::new(vec![0; length]),
            log: Mutex::new(Vec::new()),
            gated: AtomicBool::new(false),
        }))
    }

    /// Set all bytes and forget the log.
    pub(crate) fn fill(&self, bytes: &[u8]) {
        self.bytes.lock().unwrap().copy_from_slice(bytes);
        self.log.lock().unwrap().clear();
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    pub(crate) fn word(&self, offset: usize) -> u32 {
        let bytes = self.bytes.lock().unwrap();
        u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
    }

    pub(crate) fn set_word(&self, offset: usize, value: u32) {
        self.bytes.lock().unwrap()[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// The accesses since the last call.
    pub(crate) fn take_log(&self) -> Vec<Access> {
        core::mem::take(&mut self.log.lock().unwrap())
    }

    /// Switch the block's clock off, or on again.
    pub(crate) fn gate(&self, off: bool) {
        self.gated.store(off, Ordering::Relaxed);
    }

    fn answer(&self) -> Result<(), BusError> {
        if self.gated.load(Ordering::Relaxed) {
            Err(BusError)
        } else {
            Ok(())
        }
    }
}

impl Window for Memory {
    fn len(&self) -> usize {
        self.bytes.lock().unwrap().len()
    }
    fn address(&self) -> Option<usize> {
        Some(Self::ADDRESS)
    }
    fn load(&self, offset: u16, width: Width) -> Result<u32, BusError> {
        let offset = usize::from(offset);
        self.log.lock().unwrap().push(Access::Load(offset, width));
        self.answer()?;
        let bytes = self.bytes.lock().unwrap();
        let n = width.bytes() as usize;
        assert_eq!(offset % n, 0, "misaligned load reached the hardware");
        let mut value = [0; 4];
        value[..n].copy_from_slice(&bytes[offset..offset + n]);
        Ok(u32::from_le_bytes(value))
    }
    fn store(&self, offset: u16, width: Width, value: u32) -> Result<(), BusError> {
        let offset = usize::from(offset);
        self.log
            .lock()
            .unwrap()
            .push(Access::Store(offset, width, value));
        self.answer()?;
        let mut bytes = self.bytes.lock().unwrap();
        let n = width.bytes() as usize;
        assert_eq!(offset % n, 0, "misaligned store reached the hardware");
        bytes[offset..offset + n].copy_from_slice(&value.to_le_bytes()[..n]);
        Ok(())
    }
}
