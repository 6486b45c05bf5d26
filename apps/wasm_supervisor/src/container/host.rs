//! What a container may do: the host functions, with every argument checked.
//!
//! A container names a claimed block by a small number that means something
//! only to itself. Here it becomes the kernel's handle, after number, offset,
//! alignment and length have been checked; what the kernel refuses in spite of
//! that (a register or direction that is not exposed) ends the container, too.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use berth_foreign::{Ending, Foreign, OpenLine, PARAMETERS_MAX};
use berth_protocol::{Fault, HostCall, Level, Parameters};

use super::CONTAINERS_MAX;
use super::handlers::{Handlers, Wanted};
use super::log::{self, Log};
use super::mail::{Mailbox, SendError};
use super::saved::Saved;
use crate::arena::{self, ArenaId};
use crate::engine::{Account, Handler, Host, MailPlace, Stop, border::price};
use crate::platform::{Claimed, LedAction, Platform, Width};

/// What all containers share with the supervisor: the system, and what is theirs but lies
/// outside their arenas because it outlives them.
pub struct Shared<P> {
    /// The system below.
    pub platform: P,
    logs: [RefCell<Option<Log>>; CONTAINERS_MAX],
    saved: [RefCell<Saved>; CONTAINERS_MAX],
    mail: [RefCell<Mailbox>; CONTAINERS_MAX],
    /// Most bytes of linear memory that each may have.
    memory_max: [Cell<u32>; CONTAINERS_MAX],
    lines: [RefCell<OpenLine>; CONTAINERS_MAX],
    /// Their interrupt handlers.
    pub handlers: Handlers,
    arenas: Arenas,
    /// See [`take_last_words`](Self::take_last_words).
    last_words: Cell<Option<LastWords>>,
}

impl<P> Shared<P> {
    /// No logs yet.
    pub const fn new(platform: P) -> Self {
        Self {
            platform,
            logs: [const { RefCell::new(None) }; CONTAINERS_MAX],
            saved: [const { RefCell::new(Saved::new()) }; CONTAINERS_MAX],
            mail: [const { RefCell::new(Mailbox::new()) }; CONTAINERS_MAX],
            memory_max: [const { Cell::new(u32::MAX) }; CONTAINERS_MAX],
            lines: [const { RefCell::new(OpenLine::new()) }; CONTAINERS_MAX],
            handlers: Handlers::new(),
            arenas: Arenas::new(),
            last_words: Cell::new(None),
        }
    }

    /// What a container whose loading has just failed in its own code left; nothing otherwise.
    pub fn take_last_words(&self) -> LastWords {
        self.last_words.take().unwrap_or_default()
    }

    /// The arena of the container in `slot`, or the spare one behind the last slot.
    pub fn arena(&self, slot: usize) -> Option<ArenaId> {
        ArenaId::of_container(usize::from(self.arenas.0.get(slot)?.get()))
    }

    /// Give the container in `slot` the spare arena, and let its own be the spare one.
    pub fn swap_arena(&self, slot: usize) {
        if let (Some(own), Some(spare)) = (self.arenas.0.get(slot), self.arenas.0.last()) {
            own.swap(spare);
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

    /// Apply what concerns the host functions of the container in `slot`.
    pub fn set_parameters(&self, slot: usize, parameters: &Parameters) {
        let least = parameters.log_level.unwrap_or(Level::Trace);
        self.with_log(slot, |log| log.set_level(least));
        if let Some(most) = self.memory_max.get(slot) {
            most.set(parameters.memory.unwrap_or(u32::MAX));
        }
    }

    /// The container in `slot` says a piece of text.
    fn say(&self, slot: usize, level: Level, now: u64, text: &[u8]) {
        if let Some(open) = self.lines.get(slot) {
            let mut open = open.borrow_mut();
            open.say(text, &mut |line| self.append(slot, level, now, line));
        }
    }

    /// The container in `slot` ends: so does the line it has begun.
    pub fn end_line(&self, slot: usize, now: u64) {
        if let Some(open) = self.lines.get(slot) {
            let mut open = open.borrow_mut();
            open.end(&mut |line| self.append(slot, Level::Info, now, line));
        }
    }

    fn append(&self, slot: usize, level: Level, now: u64, line: &[u8]) {
        self.with_log(slot, |log| log.append(level, now, line));
    }

    /// Do something with the saved state of the container in `slot`.
    pub fn with_saved<R>(&self, slot: usize, work: impl FnOnce(&mut Saved) -> R) -> R {
        match self.saved.get(slot) {
            Some(saved) => work(&mut saved.borrow_mut()),
            None => work(&mut Saved::new()),
        }
    }

    /// Do something with the mailbox of the container in `slot`.
    pub fn with_mail<R>(&self, slot: usize, work: impl FnOnce(&mut Mailbox) -> R) -> R {
        match self.mail.get(slot) {
            Some(mail) => work(&mut mail.borrow_mut()),
            None => work(&mut Mailbox::new()),
        }
    }

    /// Is there a message for the container in `slot`?
    pub fn has_mail(&self, slot: usize) -> bool {
        self.with_mail(slot, |mail| mail.has_mail())
    }

    /// Put a message of the container in `from` into the mailbox of the one called `name`.
    fn send(&self, from: usize, name: &[u8], message: &[u8]) -> Result<(), SendError> {
        let to = self.mail.iter().find(|mail| mail.borrow().is_of(name));
        let Some(to) = to else {
            return Err(SendError::NoReceiver);
        };
        let own = self
            .with_mail(from, |mail| mail.name())
            .ok_or(SendError::NoReceiver)?;
        to.borrow_mut().put(own.as_str(), message)
    }

    /// Drop all that belongs to the container in `slot`, which is deleted.
    pub fn forget(&self, slot: usize) {
        self.set_log(slot, None);
        self.with_saved(slot, |saved| *saved = Saved::new());
        self.with_mail(slot, |mail| mail.set_open(None));
    }
}

/// Which arena each slot has; the last is spare.
struct Arenas([Cell<u8>; CONTAINERS_MAX + 1]);

impl Arenas {
    /// Each its own.
    const fn new() -> Self {
        let mut arenas = [const { Cell::new(0) }; CONTAINERS_MAX + 1];
        let mut slot = 0;
        while slot <= CONTAINERS_MAX {
            arenas[slot] = Cell::new(slot as u8);
            slot += 1;
        }
        Self(arenas)
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
    /// It sleeps until this time in a function that returns 0.
    Poll {
        /// Microseconds on the device's clock.
        until_us: u64,
    },
    /// It lets others run.
    Yield,
    /// It waits for a message.
    Receive(
        /// Where it wants it.
        MailPlace,
    ),
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
pub type LastCall = HostCall<'static>;

/// What is known of a container that failed while it was loaded: it is dropped with its arena.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastWords {
    /// Why a host function ended it, if that did.
    pub pending: Option<Pending>,
    /// The last host function that it called.
    pub last_call: Option<LastCall>,
    /// Fuel that its start function used.
    pub fuel_used: u64,
    /// Bytes of memory that it held.
    pub memory_used: u32,
}

/// Claimed blocks of one container, in the order of their numbers, none between.
pub type Blocks = [Option<Claimed>; BLOCKS_MAX];

/// Most blocks that a container claims. A label can be imported more than once: for its
/// registers and for its interrupts.
pub const BLOCKS_MAX: usize = 8;

/// The host of one container.
pub struct ContainerHost<P> {
    shared: Rc<Shared<P>>,
    slot: usize,
    /// Exactly as many as it claimed: this lies in its arena.
    blocks: Box<[Claimed]>,
    pending: Option<Pending>,
    last_call: Option<LastCall>,
    /// What its calls have cost and was not taken from its fuel yet.
    account: Account,
}

impl<P: Platform> ContainerHost<P> {
    /// A host for the container in `slot` that has claimed `blocks`. To be made in
    /// the container's arena.
    pub fn new(shared: Rc<Shared<P>>, slot: usize, blocks: &Blocks) -> Self {
        let mut claimed = Vec::with_capacity(blocks.iter().flatten().count());
        claimed.extend(blocks.iter().flatten());
        Self {
            shared,
            slot,
            blocks: claimed.into_boxed_slice(),
            pending: None,
            last_call: None,
            account: Account::new(),
        }
    }

    /// What it holds, in the order of its labels.
    pub fn blocks(&self) -> Blocks {
        let mut blocks: Blocks = [None; BLOCKS_MAX];
        for (place, block) in blocks.iter_mut().zip(&self.blocks) {
            *place = Some(*block);
        }
        blocks
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

    /// The block that `handle` names. What an access does stands here, in `called`, in
    /// `read`, `write` and `Window`; it is all inlined with a constant width, since
    /// drivers spend their time on this path. Nothing of it allocates.
    #[inline(always)]
    fn block(&self, handle: u32) -> Option<&Claimed> {
        self.blocks.get(handle as usize)
    }

    #[cold]
    #[inline(never)]
    const fn bad_handle(&mut self) -> Stop {
        self.stop(Pending::Fault(Fault::BadHandle))
    }

    #[cold]
    #[inline(never)]
    const fn bad_pointer(&mut self) -> Stop {
        self.stop(Pending::Fault(Fault::BadPointer))
    }

    /// The container tried what its block does not have.
    #[cold]
    #[inline(never)]
    const fn bad_register(&mut self) -> Stop {
        self.stop(Pending::Fault(Fault::BadRegister))
    }

    /// Ask the system below. What that allocates is not the container's.
    fn platform<R>(&self, call: impl FnOnce(&P) -> R) -> R {
        arena::outside(|| call(&self.shared.platform))
    }
}

/// The offset as the kernel wants it, if an access of `width` lies in the block.
#[inline(always)]
const fn inside(block: &Claimed, width: Width, offset: u32) -> Option<u16> {
    let bytes = width.bytes();
    let aligned = offset & (bytes - 1) == 0;
    // Blocks are at most 64 KiB long, so the offset fits.
    if aligned && offset < block.length && block.length - offset >= bytes && offset <= 0xffff {
        Some(offset as u16)
    } else {
        None
    }
}

impl<P: Platform> Host for ContainerHost<P> {
    fn claim(&mut self, block: u8) -> u32 {
        self.called("claim", [u32::from(block), 0]);
        u32::from(block)
    }

    #[inline(always)]
    fn read(&mut self, width: Width, handle: u32, offset: u32) -> Result<u32, Stop> {
        self.called("mmio.read", [handle, offset]);
        let Some(block) = self.block(handle) else {
            return Err(self.bad_handle());
        };
        let value = match &block.window {
            Some(window) => window.read(width, offset),
            None => {
                let platform = &self.shared.platform;
                let value = inside(block, width, offset)
                    .and_then(|short| platform.read(width, block.handle, short));
                self.account.charge(price::MEDIATED);
                value
            }
        };
        value.ok_or_else(|| self.bad_register())
    }

    #[inline(always)]
    fn write(&mut self, width: Width, handle: u32, offset: u32, value: u32) -> Result<(), Stop> {
        self.called("mmio.write", [handle, offset]);
        let Some(block) = self.block(handle) else {
            return Err(self.bad_handle());
        };
        let done = match &block.window {
            Some(window) => window.write(width, offset, value),
            None => {
                let platform = &self.shared.platform;
                let done = inside(block, width, offset).and_then(|short| {
                    platform.write_register(width, block.handle, short, value & width.mask())
                });
                self.account.charge(price::MEDIATED);
                done
            }
        };
        done.ok_or_else(|| self.bad_register())
    }

    #[inline(always)]
    fn modify32(&mut self, handle: u32, offset: u32, mask: u32, value: u32) -> Result<(), Stop> {
        self.called("mmio.modify32", [handle, offset]);
        let Some(block) = self.block(handle) else {
            return Err(self.bad_handle());
        };
        let done = match &block.window {
            Some(window) => window
                .read(Width::Word, offset)
                .and_then(|old| window.write(Width::Word, offset, old & !mask | value & mask)),
            None => {
                let platform = &self.shared.platform;
                let done = inside(block, Width::Word, offset)
                    .and_then(|short| platform.modify32(block.handle, short, mask, value));
                self.account.charge(price::MEDIATED + price::SYSTEM_CALL);
                done
            }
        };
        done.ok_or_else(|| self.bad_register())
    }

    fn log(&mut self, level: u32, text: Option<&[u8]>) -> Result<(), Stop> {
        self.called("berth.log", [level, 0]);
        let Some(text) = text else {
            return Err(self.bad_pointer());
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

    fn state_save(&mut self, state: Option<&[u8]>) -> Result<i32, Stop> {
        let length = state.map_or(0, <[u8]>::len) as u32;
        self.called("berth.state_save", [length, 0]);
        let Some(state) = state else {
            return Err(self.bad_pointer());
        };
        let kept = arena::outside(|| self.shared.with_saved(self.slot, |saved| saved.save(state)));
        Ok(kept.map_or_else(|error| error as i32, |()| 0))
    }

    fn state_load(&mut self, buffer: Option<&mut [u8]>) -> Result<u32, Stop> {
        let length = buffer.as_ref().map_or(0, |buffer| buffer.len()) as u32;
        self.called("berth.state_load", [length, 0]);
        let Some(buffer) = buffer else {
            return Err(self.bad_pointer());
        };
        Ok(self.shared.with_saved(self.slot, |saved| {
            for (place, byte) in buffer.iter_mut().zip(saved.bytes()) {
                *place = *byte;
            }
            saved.bytes().len() as u32
        }))
    }

    fn send(&mut self, name: Option<&[u8]>, message: Option<&[u8]>) -> Result<i32, Stop> {
        let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len) as u32;
        self.called("berth.send", [length(name), length(message)]);
        let (Some(name), Some(message)) = (name, message) else {
            return Err(self.bad_pointer());
        };
        let sent = arena::outside(|| self.shared.send(self.slot, name, message));
        Ok(sent.map_or_else(|error| error as i32, |()| 0))
    }

    fn receive(&mut self, place: MailPlace, inside: bool) -> Stop {
        self.called("berth.receive", [place.pointer, place.length]);
        if inside {
            self.stop(Pending::Receive(place))
        } else {
            self.bad_pointer()
        }
    }

    fn register(
        &mut self,
        block: u8,
        how: u32,
        function: Result<Handler, Fault>,
        captures: Option<&[u8]>,
        memory: usize,
    ) -> Result<i32, Stop> {
        self.called("irq.register", [u32::from(block), how]);
        let Some(captures) = captures else {
            return Err(self.bad_pointer());
        };
        let Some(Claimed { handle, .. }) = self.blocks.get(usize::from(block)) else {
            return Err(self.bad_handle());
        };
        let handle = *handle;
        function
            .and_then(|function| {
                let wanted = Wanted {
                    block,
                    handle,
                    how,
                    function,
                    captures,
                    memory,
                };
                arena::outside(|| self.shared.register(self.slot, &wanted))
            })
            .map_err(|fault| self.stop(Pending::Fault(fault)))
    }

    fn unregister(&mut self, block: u8) {
        self.called("irq.unregister", [u32::from(block), 0]);
        arena::outside(|| self.shared.unregister(self.slot, Some(block)));
    }

    #[inline(always)]
    fn account(&mut self) -> &mut Account {
        &mut self.account
    }

    #[inline(always)]
    fn start_failed(&mut self, fuel_used: u64) {
        let arena = self.shared.arena(self.slot);
        self.shared.last_words.set(Some(LastWords {
            pending: self.pending,
            last_call: self.last_call,
            fuel_used,
            memory_used: arena.map_or(0, |id| arena::usage(id).held_bytes),
        }));
    }

    fn interrupted(&self) -> bool {
        self.shared.platform.waiting() != 0
    }

    fn foreign(
        &mut self,
        function: Foreign,
        arguments: &[u64; PARAMETERS_MAX],
        memory: &mut [u8],
    ) -> (Result<u32, Stop>, u32) {
        let [first, second, ..] = arguments.map(|argument| argument as u32);
        self.called(function.name(), [first, second]);
        let (result, said) =
            arena::outside(|| berth_foreign::call(self, function, arguments, memory));
        let result = result.map_err(|ending| {
            self.stop(match ending {
                Ending::Sleep { until_us } => Pending::Sleep { until_us },
                Ending::Poll { until_us } => Pending::Poll { until_us },
                Ending::Exit(code) => Pending::Exit { code },
                Ending::Fault(fault) => Pending::Fault(fault),
            })
        });
        (result, said)
    }

    fn may_have_memory(&mut self, bytes: usize, block: usize) -> bool {
        let most = self.shared.memory_max.get(self.slot).map_or(0, Cell::get);
        let arena = self.shared.arena(self.slot);
        bytes <= most as usize && arena.is_some_and(|id| arena::can_allocate(id, block))
    }
}

impl<P: Platform> berth_foreign::Container for ContainerHost<P> {
    fn now_us(&self) -> u64 {
        self.shared.platform.now_us()
    }

    fn say(&mut self, level: Level, text: &[u8]) {
        let now = self.shared.platform.now_us();
        self.shared.say(self.slot, level, now, text);
    }

    fn save(&mut self, state: &[u8]) {
        // WASMICO's call has no answer; what cannot be saved is not there later.
        let _ = self.state_save(Some(state));
    }

    fn load(&mut self, buffer: &mut [u8]) -> bool {
        let found = self.state_load(Some(buffer)).is_ok_and(|length| length > 0);
        if found {
            let _ = self.state_save(Some(&[]));
        }
        found
    }

    fn memory(&self) -> (u32, u32) {
        let own = self.shared.arena(self.slot);
        let held = own.map_or(0, |id| arena::usage(id).held_bytes);
        (arena::free(), held)
    }

    fn led_count(&self) -> u32 {
        self.shared.platform.led_count()
    }

    fn led(&mut self, index: u32, action: LedAction) -> u32 {
        let result = self.shared.platform.led(index, action);
        u32::from(result.err().unwrap_or(0))
    }

    fn led_is_on(&self, index: u32) -> Option<bool> {
        self.shared.platform.led_is_on(index)
    }
}
