//! What a container may do: the host functions, with every argument checked.
//!
//! A container names a claimed block by a small number that means something
//! only to itself. Here it becomes the kernel's handle, after number, offset,
//! alignment and length have been checked; what the kernel refuses in spite of
//! that (a register or direction that is not exposed) ends the container, too.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

#[cfg(all(feature = "compiled", target_os = "none"))]
use berth_compiler::entry::Direct;
use berth_foreign::{Ending, Foreign, PARAMETERS_MAX, SPI_SETTINGS};
use berth_protocol::{Fault, Level};

use super::conveyors;
use super::outcome::{LastCall, LastWords, Pending};
use super::registrations::Wanted;
use super::run_id::{BLOCKS_MAX, Blocks, RunId};
use super::shared::Shared;
use crate::arena;
use crate::buses::{Place, SpiSettings, Transfer};
use crate::engine::{Account, Asked, Handler, Host, Keep, MailPlace, Stop, border::price};
use crate::interrupts::Capture;
use crate::platform::{Claimed, DeviceKind, LedAction, PinAction, Platform, Width};
use crate::programs::{INSTRUCTION_BYTES, Pass, Passes, Places, UnderWay, Work};
use crate::window::Window;

/// What the fault record calls the function that runs register programs.
pub(super) const PROGRAM: &str = "program.run";
/// How what it calls the functions that access registers begins.
pub(super) const ACCESSES: &str = "mmio.";
/// How what it calls the functions of conveyors begins.
pub(super) const CONVEYORS: &str = "conveyor.";

/// A host function that was called: a byte, since a driver's accesses note theirs each time.
#[derive(Clone, Copy)]
enum Called {
    Claim,
    Read8,
    Read16,
    Read32,
    Write8,
    Write16,
    Write32,
    Modify32,
    Program,
    Log,
    NowUs,
    SleepUs,
    Yield,
    Exit,
    StateSave,
    StateLoad,
    Send,
    Receive,
    Register,
    Unregister,
    ConfigGet,
    ConfigChanges,
    ValueGet,
    ValueSet,
    ValueRemove,
    Attach,
    Sync,
    Detach,
    Foreign(Foreign),
}

impl Called {
    /// Returns what the fault record calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Read8 => "mmio.read8",
            Self::Read16 => "mmio.read16",
            Self::Read32 => "mmio.read32",
            Self::Write8 => "mmio.write8",
            Self::Write16 => "mmio.write16",
            Self::Write32 => "mmio.write32",
            Self::Modify32 => "mmio.modify32",
            Self::Program => PROGRAM,
            Self::Log => "berth.log",
            Self::NowUs => "berth.now_us",
            Self::SleepUs => "berth.sleep_us",
            Self::Yield => "berth.yield",
            Self::Exit => "berth.exit",
            Self::StateSave => "berth.state_save",
            Self::StateLoad => "berth.state_load",
            Self::Send => "berth.send",
            Self::Receive => "berth.receive",
            Self::Register => "irq.register",
            Self::Unregister => "irq.unregister",
            Self::ConfigGet => "berth.config_get",
            Self::ConfigChanges => "berth.config_changes",
            Self::ValueGet => "berth.value_get",
            Self::ValueSet => "berth.value_set",
            Self::ValueRemove => "berth.value_remove",
            Self::Attach => "conveyor.attach",
            Self::Sync => "conveyor.sync",
            Self::Detach => "conveyor.detach",
            Self::Foreign(function) => function.name(),
        }
    }
}

/// A call of a host function, with its first two arguments.
#[derive(Clone, Copy)]
struct Call {
    called: Called,
    arguments: [u32; 2],
}

/// The host of one container.
pub struct ContainerHost<P> {
    /// What containers share: the platform, logs, saved states.
    shared: Rc<Shared<P>>,
    /// The run that it serves, and its container's slot.
    run: RunId,
    slot: usize,
    /// Exactly as many as it claimed: this lies in its arena.
    blocks: Box<[Claimed]>,
    /// The windows of the same: next to one another they are found with one instruction less.
    windows: Box<[Window]>,
    /// Why its code has stopped, if a host call made it stop.
    pending: Option<Pending>,
    /// The host call that was made last, to be told with a fault.
    last_call: Option<Call>,
    /// What its calls have cost and was not taken from its fuel yet.
    account: Account,
    /// The register program that was begun last, if that was not over at once.
    program: Option<UnderWay>,
    /// What it waits for, if it waits for a transfer on a bus.
    transfer: Option<Transfer>,
    /// The clock of its transfers on the SPI bus.
    spi: SpiSettings,
    /// What it asks of the store, if it waits for that.
    asked: Option<Asked>,
    /// The interrupt whose handler runs, if registers were captured for it that are to be found there: its bit, its block, and which of them
    /// were found. The block's window is shut meanwhile, so that an access looks here and no other pays for it.
    captured: Option<(u32, u8, u16)>,
    /// Mask and value of the write that was refused last.
    refused: [u32; 2],
}

impl<P: Platform> ContainerHost<P> {
    /// A host for a run of the container in `slot` that has claimed `blocks`. To be made in
    /// the run's arena.
    pub fn new(shared: Rc<Shared<P>>, run: RunId, slot: usize, blocks: &Blocks) -> Self {
        let count = blocks.iter().flatten().count();
        let mut claimed = Vec::with_capacity(count);
        claimed.extend(blocks.iter().flatten());
        let mut windows = Vec::with_capacity(count);
        windows.extend(claimed.iter().map(own_window));
        Self {
            shared,
            run,
            slot,
            blocks: claimed.into_boxed_slice(),
            windows: windows.into_boxed_slice(),
            pending: None,
            last_call: None,
            account: Account::new(),
            program: None,
            transfer: None,
            spi: SPI_SETTINGS,
            asked: None,
            captured: None,
            refused: [0; 2],
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

    /// The register program that it waits for, if it waits for one.
    pub(super) const fn program(&self) -> Option<UnderWay> {
        self.program
    }

    /// The transfer that it waits for, if it waits for one, and the clock if that is on the SPI bus.
    pub(super) fn transfer(&self) -> Option<(Transfer, SpiSettings)> {
        Some((self.transfer?, self.spi))
    }

    /// What it asks of the store, if it waits for that.
    pub(super) const fn asked(&self) -> Option<Asked> {
        self.asked
    }

    /// The last host function called.
    pub fn last_call(&self) -> Option<LastCall> {
        let Call { called, arguments } = self.last_call?;
        let name = called.name();
        Some(LastCall { name, arguments })
    }

    const fn called(&mut self, called: Called, arguments: [u32; 2]) {
        self.last_call = Some(Call { called, arguments });
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

    /// The window of the block that `handle` names.
    #[inline(always)]
    fn window(&self, handle: u32) -> Option<&Window> {
        self.windows.get(handle as usize)
    }

    /// What the kernel calls the block and the offset of an access that it is to make, if that lies in the block.
    #[inline(always)]
    fn mediated(&self, width: Width, handle: u32, offset: u32) -> Option<(u16, u16)> {
        let block = self.block(handle)?;
        Some((block.handle, inside(block, width, offset)?))
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

    /// The same of a write, which [`again`](Host::again) may make after all.
    #[cold]
    #[inline(never)]
    const fn bad_write(&mut self, mask: u32, value: u32) -> Stop {
        self.refused = [mask, value];
        self.bad_register()
    }

    /// From now on the first reads of registers of a block get what was captured for the interrupt of this bit.
    pub(super) fn begin_captured(&mut self, bit: u32, block: u8) {
        if let Some(window) = self.windows.get_mut(usize::from(block)) {
            *window = Window::SHUT;
            self.captured = Some((bit, block, 0));
        }
    }

    /// From now on they read the device.
    pub(super) fn end_captured(&mut self) {
        let Some((_, block, _)) = self.captured.take() else {
            return;
        };
        let own = self.blocks.get(usize::from(block));
        if let (Some(window), Some(own)) = (self.windows.get_mut(usize::from(block)), own) {
            *window = own_window(own);
        }
    }

    /// The block whose window is shut and the offset in it, if the last call was about that.
    fn shut(&mut self) -> Option<(Claimed, u32)> {
        let ([handle, offset], (_, block, _)) = (self.last_call?.arguments, self.captured?);
        let own = *self.block(handle).filter(|_| handle == u32::from(block))?;
        self.account.charge(price::MEDIATED);
        Some((own, offset))
    }

    /// Reads a register of the block whose window is shut.
    fn read_shut(&mut self, width: Width) -> Option<u32> {
        let (block, offset) = self.shut()?;
        let (bit, _, taken) = self.captured.as_mut()?;
        let platform = &self.shared.platform;
        // A longer offset than a block has was not captured.
        let captured = u16::try_from(offset).ok().and_then(|offset| {
            let bytes = width.bytes() as u8;
            let register = Capture { offset, bytes };
            (self.shared.handlers).captured(platform, *bit, register, taken)
        });
        if let Some((value, is_last)) = captured {
            if is_last {
                self.end_captured();
            }
            return Some(value);
        }
        self.read_of(&block, width, offset)
    }

    /// Writes the bits of `mask` in one.
    fn modify_shut(&mut self, mask: u32, value: u32) -> Option<()> {
        let (block, offset) = self.shut()?;
        let Some(_) = block.window else {
            let short = inside(&block, Width::Bits32, offset)?;
            let platform = &self.shared.platform;
            return platform.modify32(block.handle, short, mask, value);
        };
        let old = self.read_of(&block, Width::Bits32, offset)?;
        self.write_of(&block, Width::Bits32, offset, old & !mask | value & mask)
    }

    /// Read a register of a block, whether its window is shut or not.
    fn read_of(&self, block: &Claimed, width: Width, offset: u32) -> Option<u32> {
        match &block.window {
            Some(window) => window.read(width, offset),
            None => {
                let short = inside(block, width, offset)?;
                self.shared.platform.read(width, block.handle, short)
            }
        }
    }

    /// Write a register of a block, whether its window is shut or not.
    fn write_of(&self, block: &Claimed, width: Width, offset: u32, value: u32) -> Option<()> {
        match &block.window {
            Some(window) => window.write(width, offset, value),
            None => {
                let short = inside(block, width, offset)?;
                let (platform, value) = (&self.shared.platform, value & width.mask());
                platform.write_register(width, block.handle, short, value)
            }
        }
    }

    /// The instruction at `index` of its program is none.
    fn bad_program(&mut self, index: u32) -> Stop {
        if let Some(Call { arguments, .. }) = &mut self.last_call {
            let [_, place] = arguments;
            *place = index;
        }
        self.stop(Pending::Fault(Fault::BadProgram))
    }

    /// The container did something wrong in this call; its record says of the call what is given here.
    fn wrong(&mut self, called: Called, fault: Fault, arguments: [u32; 2]) -> Stop {
        self.called(called, arguments);
        self.stop(Pending::Fault(fault))
    }

    /// The conveyor of a block could not be synchronised when that was due.
    pub(super) fn conveyor_failed(&mut self, block: u8, (fault, place): conveyors::Wrong) {
        let _ = self.wrong(Called::Sync, fault, [block.into(), place]);
    }

    /// Make passes of a program. Returns what its call returns, if that is over.
    #[inline(never)]
    fn passes(
        &mut self,
        program: UnderWay,
        passes: Passes,
        memory: &mut [u8],
    ) -> Result<(Option<u32>, Work), Stop> {
        let Some(parts) = program.places.of(memory) else {
            return Err(self.bad_pointer());
        };
        let code = program.places.code.length;
        if !(code as usize).is_multiple_of(INSTRUCTION_BYTES) {
            // The last one is none.
            return Err(self.bad_program(code / INSTRUCTION_BYTES as u32));
        }
        let platform = &self.shared.platform;
        let (come, work) = platform.run_program(program.handle, parts, passes);
        if matches!(passes, Passes::First(_)) && come == Ok(Pass::GoesOn) {
            self.shared.begin_program(self.run, program.handle);
        }
        self.program = Some(program);
        match program.judge(come, memory) {
            Ok(result) => Ok((result, work)),
            Err((fault, arguments)) => {
                self.called(Called::Program, arguments);
                Err(self.stop(Pending::Fault(fault)))
            }
        }
    }

    /// Ask the system below. What that allocates is not the container's.
    /// It has driven a device, or was not let. Returns what the container is told.
    fn driven(&self, kind: DeviceKind, number: u32, result: Result<(), u8>) -> u32 {
        match result {
            Ok(()) => {
                self.shared.drives(self.run, kind, number);
                0
            }
            Err(code) => code.into(),
        }
    }

    fn platform<R>(&self, call: impl FnOnce(&P) -> R) -> R {
        arena::outside(|| call(&self.shared.platform))
    }
}

/// The window of a block, when it is not shut.
fn own_window(block: &Claimed) -> Window {
    block.window.unwrap_or(Window::MEDIATED)
}

/// A read and a write of this width.
#[inline(always)]
const fn accesses(width: Width) -> (Called, Called) {
    match width {
        Width::Bits8 => (Called::Read8, Called::Write8),
        Width::Bits16 => (Called::Read16, Called::Write16),
        Width::Bits32 => (Called::Read32, Called::Write32),
    }
}

/// The offset as the kernel wants it, if an access of `width` lies in the block.
#[inline(always)]
const fn inside(block: &Claimed, width: Width, offset: u32) -> Option<u16> {
    let bytes = width.bytes();
    let aligned = offset & (bytes - 1) == 0;
    // An aligned access that begins before the end of whole ones ends there at the latest.
    if aligned && offset < block.length & !(bytes - 1) {
        // Blocks are at most 64 KiB long.
        Some(offset as u16)
    } else {
        None
    }
}

impl<P: Platform> Host for ContainerHost<P> {
    fn claim(&mut self, block: u8) -> u32 {
        self.called(Called::Claim, [u32::from(block), 0]);
        u32::from(block)
    }

    #[inline(always)]
    fn read(&mut self, width: Width, handle: u32, offset: u32) -> Result<u32, Stop> {
        self.called(accesses(width).0, [handle, offset]);
        let Some(window) = self.window(handle) else {
            return Err(self.bad_handle());
        };
        let value = if window.is_mediated() {
            let platform = &self.shared.platform;
            let value = self
                .mediated(width, handle, offset)
                .and_then(|(block, short)| platform.read(width, block, short));
            self.account.charge(price::MEDIATED);
            value
        } else {
            window.read(width, offset)
        };
        match value {
            Some(value) => Ok(value),
            None => Err(self.bad_register()),
        }
    }

    #[inline(always)]
    fn write(&mut self, width: Width, handle: u32, offset: u32, value: u32) -> Result<(), Stop> {
        self.called(accesses(width).1, [handle, offset]);
        let Some(window) = self.window(handle) else {
            return Err(self.bad_handle());
        };
        let done = if window.is_mediated() {
            let platform = &self.shared.platform;
            let done = self
                .mediated(width, handle, offset)
                .and_then(|(block, short)| {
                    platform.write_register(width, block, short, value & width.mask())
                });
            self.account.charge(price::MEDIATED);
            done
        } else {
            window.write(width, offset, value)
        };
        match done {
            Some(()) => Ok(()),
            None => Err(self.bad_write(0, value)),
        }
    }

    #[inline(always)]
    fn modify32(&mut self, handle: u32, offset: u32, mask: u32, value: u32) -> Result<(), Stop> {
        self.called(Called::Modify32, [handle, offset]);
        let Some(window) = self.window(handle) else {
            return Err(self.bad_handle());
        };
        let done = if window.is_mediated() {
            let platform = &self.shared.platform;
            let done = self
                .mediated(Width::Bits32, handle, offset)
                .and_then(|(block, short)| platform.modify32(block, short, mask, value));
            self.account.charge(price::MEDIATED + price::SYSTEM_CALL);
            done
        } else {
            let old = window.read(Width::Bits32, offset);
            let new = old.map(|old| old & !mask | value & mask);
            new.and_then(|new| window.write(Width::Bits32, offset, new))
        };
        match done {
            Some(()) => Ok(()),
            None => Err(self.bad_write(mask, value)),
        }
    }

    #[cfg(all(feature = "compiled", target_os = "none"))]
    fn windows(&self) -> &[Window] {
        &self.windows
    }

    #[cfg(all(feature = "compiled", target_os = "none"))]
    fn accessed(&mut self, access: Direct, arguments: [u32; 2]) {
        let called = match access {
            Direct::Read => Called::Read32,
            Direct::Write => Called::Write32,
            Direct::Modify => Called::Modify32,
        };
        self.called(called, arguments);
    }

    fn again(&mut self) -> Option<u32> {
        let width = match self.last_call?.called {
            Called::Read8 | Called::Write8 => Width::Bits8,
            Called::Read16 | Called::Write16 => Width::Bits16,
            _ => Width::Bits32,
        };
        if self.pending != Some(Pending::Fault(Fault::BadRegister)) {
            return None;
        }
        let [mask, value] = self.refused;
        let word = match self.last_call?.called {
            Called::Read8 | Called::Read16 | Called::Read32 => self.read_shut(width)?,
            Called::Write8 | Called::Write16 | Called::Write32 => {
                let (block, offset) = self.shut()?;
                self.write_of(&block, width, offset, value).map(|()| 0)?
            }
            Called::Modify32 => self.modify_shut(mask, value).map(|()| 0)?,
            _ => return None,
        };
        self.pending = None;
        Some(word)
    }

    fn begin_program(
        &mut self,
        handle: u32,
        places: Places,
        passes: u32,
        memory: &mut [u8],
    ) -> Result<(Option<u32>, Work), Stop> {
        self.called(Called::Program, [handle, places.code.pointer]);
        let Some(block) = self.block(handle) else {
            return Err(self.bad_handle());
        };
        let program = UnderWay {
            number: handle,
            handle: block.handle,
            places,
        };
        self.passes(program, Passes::First(passes), memory)
    }

    fn continue_program(
        &mut self,
        passes: u32,
        memory: &mut [u8],
    ) -> Result<(Option<u32>, Work), Stop> {
        match self.program {
            Some(program) => self.passes(program, Passes::Next(passes), memory),
            None => Err(self.bad_handle()),
        }
    }

    fn await_program(&mut self) -> Stop {
        match self.program {
            Some(_) => self.stop(Pending::Program),
            None => self.bad_handle(),
        }
    }

    fn log(&mut self, level: u32, text: Option<&[u8]>) -> Result<(), Stop> {
        self.called(Called::Log, [level, 0]);
        let Some(text) = text else {
            return Err(self.bad_pointer());
        };
        let now = self.platform(Platform::now_us);
        arena::outside(|| {
            self.shared.with_log(self.slot, |log| {
                log.append(Level::from_number(level), now, text)
            });
        });
        Ok(())
    }

    fn now_us(&mut self) -> u64 {
        self.called(Called::NowUs, [0, 0]);
        self.platform(Platform::now_us)
    }

    fn sleep_us(&mut self, duration: u64) -> Stop {
        self.called(Called::SleepUs, [duration as u32, (duration >> 32) as u32]);
        let until_us = self.platform(Platform::now_us).saturating_add(duration);
        self.stop(Pending::Sleep { until_us })
    }

    fn yield_now(&mut self) -> Stop {
        self.called(Called::Yield, [0, 0]);
        self.stop(Pending::Yield)
    }

    fn exit(&mut self, code: i32) -> Stop {
        self.called(Called::Exit, [code as u32, 0]);
        self.stop(Pending::Exit { code })
    }

    fn state_save(&mut self, state: Option<&[u8]>) -> Result<i32, Stop> {
        let length = state.map_or(0, <[u8]>::len) as u32;
        self.called(Called::StateSave, [length, 0]);
        let Some(state) = state else {
            return Err(self.bad_pointer());
        };
        let kept = arena::outside(|| self.shared.save(self.run, self.slot, state));
        Ok(kept.map_or_else(|error| error as i32, |()| 0))
    }

    fn state_load(&mut self, buffer: Option<&mut [u8]>) -> Result<u32, Stop> {
        let length = buffer.as_ref().map_or(0, |buffer| buffer.len()) as u32;
        self.called(Called::StateLoad, [length, 0]);
        let Some(buffer) = buffer else {
            return Err(self.bad_pointer());
        };
        Ok(self.shared.saved(self.run, self.slot, |saved| {
            for (place, byte) in buffer.iter_mut().zip(saved) {
                *place = *byte;
            }
            saved.len() as u32
        }))
    }

    fn send(&mut self, name: Option<&[u8]>, message: Option<&[u8]>) -> Result<i32, Stop> {
        let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len) as u32;
        self.called(Called::Send, [length(name), length(message)]);
        let (Some(name), Some(message)) = (name, message) else {
            return Err(self.bad_pointer());
        };
        let sent = arena::outside(|| self.shared.send(self.run, name, message));
        Ok(sent.map_or_else(|error| error as i32, |()| 0))
    }

    fn receive(&mut self, place: MailPlace, inside: bool) -> Stop {
        self.called(Called::Receive, [place.pointer, place.length]);
        if inside {
            self.stop(Pending::Receive(place))
        } else {
            self.bad_pointer()
        }
    }

    fn keep(&mut self, asked: Asked) -> Stop {
        let called = match asked.keep {
            Keep::ConfigGet => Some(Called::ConfigGet),
            Keep::ValueGet => Some(Called::ValueGet),
            Keep::ValueSet => Some(Called::ValueSet),
            Keep::ValueRemove => Some(Called::ValueRemove),
            // Noted as a function of another system.
            Keep::Environ | Keep::EnvironSizes => None,
        };
        if let Some(called) = called {
            self.called(called, [asked.name.pointer, asked.name.length]);
        }
        self.asked = Some(asked);
        self.stop(Pending::Keep)
    }

    fn config_changes(&mut self) -> u32 {
        self.called(Called::ConfigChanges, [0, 0]);
        self.shared.changes(self.slot)
    }

    fn register(
        &mut self,
        block: u8,
        how: u32,
        function: Result<Handler, Fault>,
        captures: Option<&[u8]>,
        memory: usize,
    ) -> Result<i32, Stop> {
        self.called(Called::Register, [u32::from(block), how]);
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
                arena::outside(|| {
                    let Shared {
                        handlers, platform, ..
                    } = &*self.shared;
                    handlers.register(platform, self.run, self.slot, &wanted)
                })
            })
            .map_err(|fault| self.stop(Pending::Fault(fault)))
    }

    fn unregister(&mut self, block: u8) -> bool {
        self.called(Called::Unregister, [u32::from(block), 0]);
        arena::outside(|| {
            let Shared {
                handlers, platform, ..
            } = &*self.shared;
            handlers.unregister(platform, self.run, Some(block))
        })
    }

    fn attach(
        &mut self,
        block: u8,
        list: Option<&[u8]>,
        pointer: u32,
        when: u32,
        memory: usize,
    ) -> Result<i32, Stop> {
        self.called(Called::Attach, [u32::from(block), pointer]);
        let Some(list) = list else {
            return Err(self.bad_pointer());
        };
        let Some(Claimed { handle, .. }) = self.blocks.get(usize::from(block)) else {
            return Err(self.bad_handle());
        };
        let wanted = conveyors::Wanted {
            block,
            handle: *handle,
            list,
            pointer,
            when,
            memory,
        };
        let come = arena::outside(|| {
            let Shared {
                conveyors,
                platform,
                ..
            } = &*self.shared;
            conveyors.attach(platform, self.run, self.slot, &wanted)
        });
        come.map_err(|(fault, place)| self.wrong(Called::Attach, fault, [block.into(), place]))
    }

    fn sync(&mut self, block: u8, first: u32, count: u32, memory: &mut [u8]) -> Result<u32, Stop> {
        self.called(Called::Sync, [u32::from(block), first]);
        let Shared {
            conveyors,
            platform,
            ..
        } = &*self.shared;
        let come = conveyors.sync(platform, self.run, block, (first, count), memory);
        come.map_err(|(fault, place)| self.wrong(Called::Sync, fault, [block.into(), place]))
    }

    fn detach(&mut self, block: u8) {
        self.called(Called::Detach, [u32::from(block), 0]);
        arena::outside(|| {
            let Shared {
                conveyors,
                platform,
                ..
            } = &*self.shared;
            conveyors.detach(platform, self.run, Some(block));
        });
    }

    #[inline(always)]
    fn account(&mut self) -> &mut Account {
        &mut self.account
    }

    #[inline(always)]
    fn start_failed(&mut self, fuel_used: u64) {
        let arena = self.run.arena();
        self.shared.last_words.set(Some(LastWords {
            pending: self.pending,
            last_call: self.last_call(),
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
        self.called(Called::Foreign(function), [first, second]);
        let (result, said) =
            arena::outside(|| berth_foreign::call(self, function, arguments, memory));
        let result = result.map_err(|ending| {
            let pending = match ending {
                Ending::Sleep { until_us } => Pending::Sleep { until_us },
                Ending::Poll { until_us } => Pending::Poll { until_us },
                Ending::Transfer(transfer) => {
                    self.transfer = Some(transfer);
                    Pending::Transfer(transfer.bus)
                }
                Ending::Environ {
                    sizes,
                    first,
                    second,
                } => {
                    let place = |pointer| Place { pointer, length: 0 };
                    let keep = if sizes {
                        Keep::EnvironSizes
                    } else {
                        Keep::Environ
                    };
                    return self.keep(Asked {
                        keep,
                        name: place(first),
                        value: place(second),
                    });
                }
                Ending::Exit(code) => Pending::Exit { code },
                Ending::Fault(fault) => Pending::Fault(fault),
            };
            self.stop(pending)
        });
        (result, said)
    }

    fn may_have_memory(&mut self, bytes: usize, beside: usize, grows: bool) -> bool {
        let cells = self.shared.run(self.run);
        let most = cells.map_or(0, |cells| cells.memory_max.get());
        let Some(id) = self.run.arena() else {
            return false;
        };
        let whole = bytes.saturating_add(beside);
        let is_known = bytes > most as usize || arena::refuses_linear(id, whole);
        if is_known || !self.account.may_search() {
            return false;
        }
        let possible = arena::grow_linear(id, whole, grows);
        if !possible {
            self.account.charge_search();
        }
        possible
    }
}

impl<P: Platform> berth_foreign::Container for ContainerHost<P> {
    fn now_us(&self) -> u64 {
        self.shared.platform.now_us()
    }

    fn say(&mut self, level: Level, text: &[u8]) {
        let now = self.shared.platform.now_us();
        self.shared.say(self.run, self.slot, level, now, text);
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
        let own = self.run.arena();
        let held = own.map_or(0, |id| arena::usage(id).held_bytes);
        (arena::free(), held)
    }

    fn led_count(&self) -> u32 {
        self.shared.platform.led_count()
    }

    fn pin_count(&self) -> u32 {
        self.shared.platform.pin_count()
    }

    fn pin(&mut self, number: u32, action: PinAction) -> u32 {
        let result = self.shared.platform.pin(number, action);
        self.driven(DeviceKind::Pin, number, result)
    }

    fn pin_is_high(&self, number: u32) -> Option<bool> {
        self.shared.platform.pin_is_high(number)
    }

    fn set_spi(&mut self, settings: SpiSettings) {
        self.spi = settings;
    }

    fn led(&mut self, index: u32, action: LedAction) -> u32 {
        let result = self.shared.platform.led(index, action);
        self.driven(DeviceKind::Led, index, result)
    }

    fn led_is_on(&self, index: u32) -> Option<bool> {
        self.shared.platform.led_is_on(index)
    }
}
