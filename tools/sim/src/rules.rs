//! A board's exposures as the kernel's capsule has them.

use berth_desk::{Block, By, Desk, Index, Width};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wasm_host::{BusError, Exposure, Register, Registers, SafeWrite, Widths, Window};

/// The desk, for the supervisor's thread and whoever watches.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Desk>>);

impl Shared {
    pub(crate) fn new(desk: Desk) -> Self {
        Self(Arc::new(Mutex::new(desk)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Desk> {
        // A thread that panicked leaves a desk as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Do something on behalf of somebody: what is accessed meanwhile is theirs.
    pub(crate) fn on_behalf<R>(&self, by: By, work: impl FnOnce() -> R) -> R {
        let before = self.lock().set_by(by);
        let result = work();
        self.lock().set_by(before);
        result
    }
}

/// A block on the desk, as the capsule reaches it.
struct Behind {
    desk: Shared,
    index: Index,
    length: usize,
}

impl Window for Behind {
    fn len(&self) -> usize {
        self.length
    }

    fn load(&self, offset: u16, width: Width) -> Result<u32, BusError> {
        Ok(self.desk.lock().read(self.index, offset.into(), width))
    }

    fn store(&self, offset: u16, width: Width, value: u32) -> Result<(), BusError> {
        let mut desk = self.desk.lock();
        desk.write(self.index, offset.into(), width, value);
        Ok(())
    }
}

/// What is exposed of a block. The capsule wants it for ever, as a board's table is: it is never given back.
pub(crate) fn exposure(desk: &Shared, index: Index, block: &Block) -> &'static Exposure {
    let label: &'static str = Box::leak(block.label.clone().into_boxed_str());
    let behind: &'static Behind = Box::leak(Box::new(Behind {
        desk: desk.clone(),
        index,
        length: block.length as usize,
    }));
    let registers = match &block.registers {
        None => Registers::Whole(Widths::BITS32),
        Some(list) => {
            let mut list: Vec<Register> = list.iter().map(register).collect();
            list.shrink_to_fit();
            Registers::List(list.leak())
        }
    };
    let safe: Vec<SafeWrite> = block
        .safe_state
        .iter()
        .map(|safe| {
            SafeWrite::new(safe.offset as u16, safe.value, safe.mask).width(width(safe.size))
        })
        .collect();
    let exposure = Exposure::new(label, behind, block.length, registers).safe_state(safe.leak());
    Box::leak(Box::new(exposure))
}

fn register(listed: &berth_desk::Register) -> Register {
    let register = Register::new(listed.offset as u16, listed.read, listed.write);
    let register = register.size(width(listed.size));
    if listed.zero_rest {
        register.zero_rest()
    } else {
        register
    }
}

/// The width of so many bits.
pub(crate) fn width(bits: u32) -> Width {
    Width::of_bytes(bits / 8).unwrap_or(Width::Bits32)
}
