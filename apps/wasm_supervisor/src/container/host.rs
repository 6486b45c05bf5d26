//! What a container may do: the host functions, with every argument checked.
//!
//! A container names a claimed block by a small number that means something
//! only to itself. Here it becomes the kernel's handle, after number, offset,
//! alignment and length have been checked; what the kernel refuses in spite of
//! that (a register or direction that is not exposed) ends the container, too.

use alloc::rc::Rc;
use core::cell::RefCell;

use berth_protocol::Fault;

use super::CONTAINERS_MAX;
use super::log::{self, Log};
use crate::arena::{self, ArenaId};
use crate::engine::{BlockNumbers, Host, Stop};
use crate::platform::{Claimed, Platform, Width};
use crate::window::Window;

/// What all containers share with the supervisor: the system and the logs.
/// Logs are outside the containers' arenas because they outlive them.
pub struct Shared<P> {
    /// The system below.
    pub platform: P,
    logs: [RefCell<Option<Log>>; CONTAINERS_MAX],
}

impl<P> Shared<P> {
    /// No logs yet.
    pub const fn new(platform: P) -> Self {
        Self {
            platform,
            logs: [const { RefCell::new(None) }; CONTAINERS_MAX],
        }
    }

    /// Do something with the log of the container in `slot`, if it has one.
    pub fn with_log<R>(&self, slot: usize, work: impl FnOnce(&mut Log) -> R) -> Option<R> {
        self.logs.get(slot)?.borrow_mut().as_mut().map(work)
    }

    /// Give the container in `slot` a log, or take it away.
    pub fn set_log(&self, slot: usize, log: Option<Log>) {
        if let Some(place) = self.logs.get(slot) {
            *place.borrow_mut() = log;
        }
    }
}

/// Why a container's execution was ended by its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// It sleeps until this time.
    Sleep {
        /// Microseconds on the device's clock.
        until_us: u64,
    },
    /// It lets others run.
    Yield,
    /// It ended itself.
    Exit {
        /// Its code.
        code: i32,
    },
    /// It did what it may not.
    Fault(
        /// What.
        Fault,
    ),
}

/// The last host function that a container called, for its fault record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastCall {
    /// Its name.
    pub name: &'static str,
    /// Its first two arguments.
    pub arguments: [u32; 2],
}

/// Claimed blocks of one container.
pub type Blocks = [Option<Claimed>; BlockNumbers::MAX];

/// The host of one container.
pub struct ContainerHost<P> {
    shared: Rc<Shared<P>>,
    slot: usize,
    blocks: Blocks,
    pending: Option<Pending>,
    last_call: Option<LastCall>,
}

impl<P: Platform> ContainerHost<P> {
    /// A host for the container in `slot` that has claimed `blocks`.
    pub const fn new(shared: Rc<Shared<P>>, slot: usize, blocks: Blocks) -> Self {
        Self {
            shared,
            slot,
            blocks,
            pending: None,
            last_call: None,
        }
    }

    /// Why the last step ended in a host function.
    pub const fn take_pending(&mut self) -> Option<Pending> {
        self.pending.take()
    }

    /// The last host function called.
    pub const fn last_call(&self) -> Option<LastCall> {
        self.last_call
    }

    const fn called(&mut self, name: &'static str, arguments: [u32; 2]) {
        self.last_call = Some(LastCall { name, arguments });
    }

    const fn stop(&mut self, pending: Pending) -> Stop {
        self.pending = Some(pending);
        Stop
    }

    /// The window of the block that `handle` names, if it is mapped. All that an
    /// access to a mapped block does stands here, in `Window`, and in `called`.
    #[inline]
    fn window(&self, handle: u32) -> Option<&Window> {
        self.blocks.get(handle as usize)?.as_ref()?.window.as_ref()
    }

    /// The container tried what its block does not have.
    #[cold]
    #[inline(never)]
    const fn bad_register(&mut self) -> Stop {
        self.stop(Pending::Fault(Fault::BadRegister))
    }

    #[inline(never)]
    fn read_mediated(&mut self, width: Width, handle: u32, offset: u32) -> Result<u32, Stop> {
        let (kernel_handle, short) = self.register(width, handle, offset)?;
        let value = self.platform(|platform| platform.read(width, kernel_handle, short));
        self.granted(value)
    }

    #[inline(never)]
    fn write_mediated(
        &mut self,
        width: Width,
        handle: u32,
        offset: u32,
        value: u32,
    ) -> Result<(), Stop> {
        let (kernel_handle, short) = self.register(width, handle, offset)?;
        let value = value & width.mask();
        let done =
            self.platform(|platform| platform.write_register(width, kernel_handle, short, value));
        self.granted(done)
    }

    /// The block that `handle` names, if an access of `width` at `offset` is inside.
    fn register(&mut self, width: Width, handle: u32, offset: u32) -> Result<(u16, u16), Stop> {
        let Some(Some(block)) = self.blocks.get(handle as usize).copied() else {
            return Err(self.stop(Pending::Fault(Fault::BadHandle)));
        };
        let inside = offset
            .checked_add(width.bytes())
            .is_some_and(|end| end <= block.length);
        match u16::try_from(offset) {
            Ok(short) if inside && offset.is_multiple_of(width.bytes()) => {
                Ok((block.handle, short))
            }
            _ => Err(self.stop(Pending::Fault(Fault::BadRegister))),
        }
    }

    /// Ask the system below. What that allocates is not the container's.
    fn platform<R>(&self, call: impl FnOnce(&P) -> R) -> R {
        arena::outside(|| call(&self.shared.platform))
    }

    fn granted<T>(&mut self, result: Option<T>) -> Result<T, Stop> {
        result.ok_or_else(|| self.bad_register())
    }
}

impl<P: Platform> Host for ContainerHost<P> {
    fn claim(&mut self, block: u8) -> u32 {
        self.called("claim", [u32::from(block), 0]);
        u32::from(block)
    }

    #[inline]
    fn read(&mut self, width: Width, handle: u32, offset: u32) -> Result<u32, Stop> {
        self.called("mmio.read", [handle, offset]);
        match self.window(handle) {
            Some(window) => window
                .read(width, offset)
                .ok_or_else(|| self.bad_register()),
            None => self.read_mediated(width, handle, offset),
        }
    }

    #[inline]
    fn write(&mut self, width: Width, handle: u32, offset: u32, value: u32) -> Result<(), Stop> {
        self.called("mmio.write", [handle, offset]);
        match self.window(handle) {
            Some(window) => window
                .write(width, offset, value)
                .ok_or_else(|| self.bad_register()),
            None => self.write_mediated(width, handle, offset, value),
        }
    }

    fn modify32(&mut self, handle: u32, offset: u32, mask: u32, value: u32) -> Result<(), Stop> {
        self.called("mmio.modify32", [handle, offset]);
        if let Some(window) = self.window(handle) {
            return window
                .read(Width::Word, offset)
                .and_then(|old| window.write(Width::Word, offset, old & !mask | value & mask))
                .ok_or_else(|| self.bad_register());
        }
        let (kernel_handle, short) = self.register(Width::Word, handle, offset)?;
        let done = self.platform(|platform| platform.modify32(kernel_handle, short, mask, value));
        self.granted(done)
    }

    fn log(&mut self, level: u32, text: Option<&[u8]>) -> Result<(), Stop> {
        self.called("berth.log", [level, 0]);
        let Some(text) = text else {
            return Err(self.stop(Pending::Fault(Fault::BadPointer)));
        };
        let now = self.platform(Platform::now_us);
        arena::outside(|| {
            self.shared
                .with_log(self.slot, |log| log.append(log::level(level), now, text));
        });
        Ok(())
    }

    fn now_us(&mut self) -> u64 {
        self.called("berth.now_us", [0, 0]);
        self.platform(Platform::now_us)
    }

    fn sleep_us(&mut self, duration: u64) -> Stop {
        self.called("berth.sleep_us", [duration as u32, (duration >> 32) as u32]);
        let until_us = self.platform(Platform::now_us).saturating_add(duration);
        self.stop(Pending::Sleep { until_us })
    }

    fn yield_now(&mut self) -> Stop {
        self.called("berth.yield", [0, 0]);
        self.stop(Pending::Yield)
    }

    fn exit(&mut self, code: i32) -> Stop {
        self.called("berth.exit", [code as u32, 0]);
        self.stop(Pending::Exit { code })
    }

    fn may_have_memory(&mut self, bytes: usize) -> bool {
        ArenaId::of_container(self.slot).is_some_and(|id| arena::can_allocate(id, bytes))
    }
}
