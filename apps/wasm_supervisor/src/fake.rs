//! A platform in memory, for tests: a serial line, a clock that only moves when
//! told to, and three exposed blocks with plain registers, one of which is mapped.

#![allow(clippy::indexing_slicing, reason = "test code")]

use core::sync::atomic::AtomicU32;
use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::vec::Vec;

use berth_flash::{Cut, Flash, FlashError, Simulated};
use berth_protocol::ImageHash;

use crate::admission::Module;
use crate::arena;
use crate::container::notes::RUNNING;
use crate::conveyors::Conveyors;
use crate::engine::Code;
use crate::errno;
use crate::interrupts::{Capture, Counters, Interrupts, Registered};
use crate::platform::{
    AGREEMENT_BYTES, AccessClass, Claim, Claimed, DESCRIPTION_MAX, Description, DeviceKind,
    Distrust, Examined, LOGIN_BYTES, LedAction, NOTES, OperatorPolicy, PinAction, Platform, Policy,
    Proven, Pull, Refusal, SECRET_BYTES, TURN_US, Width,
};
use crate::window::Window;

mod buses;
mod conveyors;
pub mod keys;
mod programs;

pub use buses::Wires;
pub use conveyors::Belts;
pub use programs::Machines;

/// Labels and lengths of what the fake board exposes.
pub const EXPOSED: [(&str, u32); 3] = [("fpgaio", 0x20), ("timer0", 0x10), ("uart1", 0x10)];

/// The block without interrupts.
pub const SILENT: &str = "fpgaio";

/// The block that may be mapped.
pub const MAPPED: &str = "uart1";

/// The register of `fpgaio` that is not exposed: the kernel refuses it.
pub const HIDDEN: u16 = 0x1c;

/// The register that makes the supervisor fail when it is read, where a test wants that.
pub const FATAL: u16 = 0x0c;

/// How many lights are exposed.
pub const LEDS_EXPOSED: u32 = 2;

/// What happens inside; shared between the test and the supervisor.
#[derive(Default)]
pub struct State {
    /// Bytes on their way to the supervisor.
    pub input: RefCell<VecDeque<u8>>,
    /// Bytes it has sent.
    pub output: RefCell<Vec<u8>>,
    /// Why it compiles nothing, if it could.
    pub interprets_for: Cell<Option<&'static str>>,
    /// The images that it has code of.
    pub code_of: RefCell<Vec<ImageHash>>,
    /// The time.
    pub now_us: Cell<u64>,
    /// Microseconds that pass whenever code of a container is executed.
    pub run_us: Cell<u64>,
    /// Microseconds that pass in a piece of a turn, behind which it is asked whether there may be another.
    pub piece_us: Cell<u64>,
    /// A console that keeps nothing, in place of one that keeps all of `input`.
    pub unkept: RefCell<Option<Unkept>>,
    /// Microseconds that a byte takes on the line; 87 is 115200 baud.
    pub byte_us: Cell<u64>,
    /// What the kernel needs for a byte that is sent.
    pub kernel_byte_ns: Cell<u64>,
    /// A line is being sent until then.
    pub sending_until_us: Cell<u64>,
    /// Tag of the container that holds each block.
    pub holders: RefCell<[Option<u32>; EXPOSED.len()]>,
    /// Registers by block and offset.
    pub registers: RefCell<BTreeMap<(u16, u16), u32>>,
    /// Register writes in order.
    pub writes: RefCell<Vec<(u16, u16, u32)>>,
    /// The registers that are mapped.
    pub mapped: Mapped,
    /// The kernel has no protection region left.
    pub no_region: Cell<bool>,
    /// How often a block was claimed.
    pub claims: Cell<u32>,
    /// How often the counters of an interrupt were asked for.
    pub counted: Cell<u32>,
    /// How often an exposure was described.
    pub described: Cell<u32>,
    /// The store's flash, while no supervisor has it; `None`: there is none.
    pub flash: RefCell<Option<Simulated>>,
    /// Notes of this run, and of the one before if that failed.
    pub notes: RefCell<[u32; NOTES]>,
    /// See `notes`.
    pub notes_before: Cell<Option<[u32; NOTES]>>,
    /// How often a new run was asked for.
    pub restarts: Cell<u32>,
    /// Reading [`FATAL`] of any block makes the supervisor fail.
    pub fatal: Cell<bool>,
    /// Opening the flash makes it fail.
    pub fatal_flash: Cell<bool>,
    /// It has failed, and whatever it does before it is dropped has no effect.
    pub failed: Cell<bool>,
    /// Lights of the kernel's driver; only the first [`LEDS_EXPOSED`] are exposed.
    pub leds: RefCell<[bool; 3]>,
    /// The first 64 devices of each kind that were let go, one bit each. No list: what fails for want of memory is counted.
    pub let_go: Cell<[u64; DeviceKind::ALL.len()]>,
    /// Levels of the pins of the kernel's driver.
    pub pins: RefCell<[bool; 2]>,
    /// The interrupts of the blocks.
    pub interrupts: RefCell<Lines>,
    /// The buses.
    pub wires: RefCell<Wires>,
    /// Register programs under way.
    pub programs: RefCell<Machines>,
    /// The kernel carries out none.
    pub no_programs: Cell<bool>,
    /// Conveyors.
    pub belts: RefCell<Belts>,
    /// The kernel attaches none.
    pub no_conveyors: Cell<bool>,
    /// The manufacturer's keys.
    pub keys: RefCell<keys::Keys>,
    /// The bus answers accesses of this register, of any block, with errors.
    pub gated: Cell<Option<u16>>,
}

/// Upstream's console: one read at a time, into a buffer of 64 bytes; what comes when that is full is lost.
#[derive(Default)]
pub struct Unkept {
    /// Bytes, and when they come.
    pub line: VecDeque<(u64, u8)>,
    /// When it was last looked what has come, and read anew.
    pub looked_us: u64,
    /// How many were lost.
    pub lost: usize,
}

impl Unkept {
    /// Bytes of a read.
    const READ: usize = 64;
    /// How long a read lasts before it is looked what it has brought, as of libtock's receiver.
    const LOOK_US: u64 = 2_000;

    fn receive(&mut self, now_us: u64, out: &mut [u8]) -> usize {
        let arrived = self.line.partition_point(|(at, _)| *at <= now_us);
        if arrived < Self::READ && now_us < self.looked_us + Self::LOOK_US {
            return 0;
        }
        self.looked_us = now_us;
        let count = arrived.min(Self::READ);
        for (place, (_, byte)) in out.iter_mut().zip(self.line.drain(..arrived)) {
            *place = byte;
        }
        self.lost += arrived - count;
        count
    }
}

/// Interrupts of the fake board: each block but one has two, bit `2 * block + number`.
#[derive(Default)]
pub struct Lines {
    recorded: u32,
    watched: u32,
    registered: u32,
    /// Priorities and captures of what is registered, by bit.
    pub registrations: BTreeMap<u32, (u8, Vec<(u16, u8)>)>,
    /// Captured values to be told, in order.
    pub values: Vec<u32>,
    /// Records are those of a neighbour on the line.
    pub are_anothers: bool,
    /// What was acknowledged, in order.
    pub acknowledged: Vec<u32>,
    /// Whose lines were asked for, in order.
    pub asked: Vec<u32>,
    /// Microseconds until a line opens again.
    pub opens_us: u32,
    /// So many registrations are refused from now on.
    pub refuses: u32,
    counters: BTreeMap<u32, Counters>,
}

impl Fake {
    /// Raise interrupt `number` of a block. Returns whether it is recorded.
    pub fn raise(&self, block: u32, number: u32) -> bool {
        let mut lines = self.0.interrupts.borrow_mut();
        let bit = 1 << (2 * block + number);
        let recorded = lines.registered & !lines.recorded & bit != 0;
        if recorded {
            lines.recorded |= bit;
            lines.counters.entry(bit).or_default().taken += 1;
        }
        recorded
    }

    fn bit(handle: u16, number: u16) -> u32 {
        1 << (2 * (handle - FIRST_HANDLE) + number)
    }
}

impl Interrupts for Fake {
    fn watch(&self, bits: u32) {
        self.0.interrupts.borrow_mut().watched = bits;
    }

    fn waiting(&self) -> u32 {
        let lines = self.0.interrupts.borrow();
        lines.recorded & lines.watched
    }

    fn recorded(&self) -> u32 {
        self.0.interrupts.borrow().recorded
    }

    fn register(
        &self,
        handle: u16,
        number: u16,
        priority: u8,
        captures: &[Capture],
    ) -> Result<Registered, u8> {
        assert!(self.block(handle, 0).is_some(), "not claimed");
        if number > 1 {
            return Err(11);
        }
        let bit = Self::bit(handle, number);
        let mut lines = self.0.interrupts.borrow_mut();
        if lines.registered & bit != 0 {
            return Err(3);
        }
        if lines.refuses > 0 {
            lines.refuses -= 1;
            return Err(6);
        }
        lines.registered |= bit;
        arena::of_the_test(|| {
            let captures = captures.iter().map(|c| (c.offset, c.bytes)).collect();
            lines.registrations.insert(bit, (priority, captures));
            lines.counters.insert(bit, Counters::default());
        });
        Ok(Registered {
            interrupt: bit.trailing_zeros(),
            record: bit,
            opens_us: lines.opens_us,
        })
    }

    fn unregister(&self, handle: u16, number: u16, bit: u32) {
        assert_eq!(bit, Self::bit(handle, number));
        let mut lines = self.0.interrupts.borrow_mut();
        if lines.recorded & bit != 0 {
            lines.counters.entry(bit).or_default().dropped += 1;
        }
        lines.registered &= !bit;
        lines.recorded &= !bit;
        arena::of_the_test(|| lines.registrations.remove(&bit));
    }

    fn count(&self, _record: u32) -> u32 {
        u32::from(!self.0.interrupts.borrow().are_anothers)
    }

    fn value(&self, _record: u32, place: usize) -> u32 {
        self.0
            .interrupts
            .borrow()
            .values
            .get(place)
            .copied()
            .unwrap_or(0)
    }

    fn acknowledge(&self, bit: u32) -> u32 {
        let mut lines = self.0.interrupts.borrow_mut();
        lines.recorded &= !bit;
        arena::of_the_test(|| lines.acknowledged.push(bit));
        lines.opens_us
    }

    fn open_line(&self, bit: u32) -> u32 {
        let mut lines = self.0.interrupts.borrow_mut();
        assert_ne!(lines.registered & bit, 0, "not registered");
        arena::of_the_test(|| lines.asked.push(bit));
        lines.opens_us
    }

    fn counters(&self, handle: u16, number: u16) -> Counters {
        self.0.counted.set(self.0.counted.get() + 1);
        let lines = self.0.interrupts.borrow();
        let counters = lines.counters.get(&Self::bit(handle, number));
        counters.copied().unwrap_or_default()
    }
}

/// Words that play the mapped block.
pub struct Mapped(pub &'static [AtomicU32; 4]);

impl Default for Mapped {
    fn default() -> Self {
        Self(Box::leak(Box::default()))
    }
}

/// The store's flash in the hands of a supervisor. Afterwards the next one can have it.
pub struct FakeFlash {
    flash: Option<Simulated>,
    state: Rc<State>,
}

impl FakeFlash {
    /// Cut the power of the flash.
    pub fn cut(&mut self, cut: Cut) {
        if let Some(flash) = &mut self.flash {
            flash.cut(cut);
        }
    }

    /// Refuse erases of pages that have had this many, until more are allowed.
    pub fn allow_erases(&mut self, erases: u32) {
        if let Some(flash) = &mut self.flash {
            flash.allow_erases(erases);
        }
    }

    /// Is its power gone?
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.flash.as_ref().is_some_and(Simulated::is_off)
    }

    fn part(&mut self) -> Result<&mut Simulated, FlashError> {
        self.flash.as_mut().ok_or(FlashError::Failed)
    }
}

impl Flash for FakeFlash {
    fn bytes(&self) -> &[u8] {
        self.flash.as_ref().map_or(&[], Flash::bytes)
    }

    fn program(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashError> {
        self.part()?.program(offset, bytes)
    }

    fn erase(&mut self, page: usize) -> Result<(), FlashError> {
        self.part()?.erase(page)
    }
}

impl Drop for FakeFlash {
    fn drop(&mut self) {
        self.state.flash.replace(self.flash.take());
    }
}

/// The platform; clones share their state.
#[derive(Clone, Default)]
pub struct Fake(pub Rc<State>);

/// Handles are not block numbers, so that mixing them up is noticed.
const FIRST_HANDLE: u16 = 0x700;

impl Fake {
    fn block(&self, handle: u16, offset: u16) -> Option<u16> {
        let block = handle.checked_sub(FIRST_HANDLE)?;
        let held = self.0.holders.borrow().get(usize::from(block))?.is_some();
        (held && (block != 0 || offset != HIDDEN)).then_some(block)
    }
}

impl Fake {
    /// Bytes of the block with this handle.
    fn length(&self, handle: u16) -> u32 {
        let block = usize::from(handle.wrapping_sub(FIRST_HANDLE));
        EXPOSED.get(block).map_or(0, |(_, length)| *length)
    }

    /// The supervisor fails: what it holds is gone, its notes are kept for the next run.
    pub fn fail(&self) {
        let notes = self.0.notes.replace([0; NOTES]);
        self.0.notes_before.set(Some(notes));
        self.0.holders.borrow_mut().fill(None);
    }

    /// The supervisor fails in the middle of what it does. It goes on, since nothing can stop it here, but
    /// nothing of that is left when it is dropped and its next run [begins](Self::begin_again).
    pub fn fail_now(&self) {
        if !self.0.failed.replace(true) {
            self.fail();
        }
    }

    /// The next run of the supervisor may begin.
    pub fn begin_again(&self) {
        self.0.failed.set(false);
        self.0.holders.borrow_mut().fill(None);
        *self.0.interrupts.borrow_mut() = Lines::default();
        *self.0.programs.borrow_mut() = Machines::default();
        *self.0.belts.borrow_mut() = Belts::default();
        *self.0.wires.borrow_mut() = Wires::default();
        self.0.notes.take();
    }
}

/// What the manufacturer allows with a block.
fn class(label: &str) -> AccessClass {
    if label == MAPPED {
        AccessClass::Mapped
    } else {
        AccessClass::Mediated
    }
}

impl Platform for Fake {
    type Flash = FakeFlash;

    fn flash(&self) -> Option<FakeFlash> {
        if self.0.fatal_flash.get() {
            self.fail_now();
        }
        let flash = self.0.flash.take()?;
        Some(FakeFlash {
            flash: Some(flash),
            state: self.0.clone(),
        })
    }

    fn compiled(&self, _: &[u8], _: &Module<'_>) -> Result<Code, Option<&'static str>> {
        Err(self.0.interprets_for.get())
    }

    fn keep_code(&self, keep: &dyn Fn(&ImageHash, u32) -> bool) {
        self.0.code_of.borrow_mut().retain(|hash| keep(hash, 0));
    }

    fn names(&self) -> (&str, &str) {
        ("fake board", "fake kernel")
    }

    fn now_us(&self) -> u64 {
        self.0.now_us.get()
    }

    fn turn_ends(&self, begun_us: u64) -> u64 {
        // Between two pieces, and not before the first.
        if self.0.notes.borrow()[RUNNING] != 0 {
            let now = self.0.now_us.get() + self.0.piece_us.get();
            self.0.now_us.set(now);
        }
        let ends = begun_us + TURN_US;
        match &*self.0.unkept.borrow() {
            Some(console) => ends.min(console.looked_us + Unkept::LOOK_US),
            None => ends,
        }
    }

    fn receive(&self, out: &mut [u8]) -> usize {
        if let Some(console) = &mut *self.0.unkept.borrow_mut() {
            return console.receive(self.0.now_us.get(), out);
        }
        let mut input = self.0.input.borrow_mut();
        let count = input.len().min(out.len());
        for (place, byte) in out.iter_mut().zip(input.drain(..count)) {
            *place = byte;
        }
        count
    }

    fn write(&self, bytes: &[u8]) {
        // The line is slow, and this waits for it.
        let free_us = self.0.now_us.get().max(self.0.sending_until_us.get());
        let sent_us = free_us + bytes.len() as u64 * self.0.byte_us.get();
        self.0.now_us.set(sent_us);
        arena::of_the_test(|| self.0.output.borrow_mut().extend_from_slice(bytes));
    }

    fn begin_line(&self, line: &[u8]) {
        assert!(!self.is_sending(), "a line in the middle of another");
        let sent_us = self.0.now_us.get() + line.len() as u64 * self.0.byte_us.get();
        self.0.sending_until_us.set(sent_us);
        arena::of_the_test(|| self.0.output.borrow_mut().extend_from_slice(line));
    }

    fn is_sending(&self) -> bool {
        self.0.now_us.get() < self.0.sending_until_us.get()
    }

    fn send_measured(&self, line: &[u8]) -> u64 {
        self.write(line);
        self.0.kernel_byte_ns.get()
    }

    fn wait(&self, deadline_us: Option<u64>) {
        if let Some(deadline) = deadline_us {
            self.0.now_us.set(deadline.max(self.0.now_us.get()));
        }
    }

    fn policy(&self) -> Policy {
        self.0.keys.borrow().policy()
    }

    fn prove(&self, image: &[u8]) -> Result<u32, Distrust> {
        arena::of_the_test(|| self.0.keys.borrow_mut().prove(image))
    }

    fn operators(&self) -> OperatorPolicy {
        self.0.keys.borrow().operator_policy()
    }

    fn examine_login(&self, begins: Option<&[u8; LOGIN_BYTES]>) -> Examined {
        self.0.keys.borrow_mut().examine_login(begins)
    }

    fn examine_agreement(
        &self,
        begins: Option<&[u8; AGREEMENT_BYTES]>,
        agreed: &mut [u8; SECRET_BYTES],
    ) -> Examined {
        self.0.keys.borrow_mut().examine_agreement(begins, agreed)
    }

    fn end_proof(&self, bytes: Proven) {
        arena::of_the_test(|| self.0.keys.borrow_mut().end(bytes));
    }

    fn describe<'a>(
        &self,
        index: u32,
        _buffer: &'a mut [u8; DESCRIPTION_MAX],
    ) -> Option<Description<'a>> {
        self.0.described.set(self.0.described.get() + 1);
        let (label, length) = *EXPOSED.get(index as usize)?;
        let holder = self.0.holders.borrow()[index as usize];
        Some(Description {
            length,
            interrupts: if label == SILENT { 0 } else { 2 },
            access: class(label),
            mapped: label == MAPPED && holder.is_some() && !self.0.no_region.get(),
            claim: holder.map_or(Claim::Free, Claim::Own),
            registers: 3,
            label,
        })
    }

    fn note_before(&self, index: usize) -> Option<u32> {
        self.0.notes_before.get().map(|notes| notes[index])
    }

    fn note(&self, index: usize, value: u32) {
        // Whose code is executed is noted before, and that it is over behind.
        if index == RUNNING && value == 0 {
            self.0.now_us.set(self.0.now_us.get() + self.0.run_us.get());
        }
        self.0.notes.borrow_mut()[index] = value;
    }

    fn restart(&self) {
        self.0.restarts.set(self.0.restarts.get() + 1);
        self.fail();
    }

    fn claim(&self, tag: u32, label: &str) -> Result<Claimed, Refusal> {
        let block = EXPOSED
            .iter()
            .position(|(known, _)| *known == label)
            .ok_or(Refusal::NotExposed)?;
        let holder = &mut self.0.holders.borrow_mut()[block];
        if holder.is_some() {
            return Err(Refusal::Busy);
        }
        if !self.0.keys.borrow().allows(label) {
            return Err(Refusal::Unproven);
        }
        *holder = Some(tag);
        self.0.claims.set(self.0.claims.get() + 1);
        Ok(Claimed {
            handle: FIRST_HANDLE + block as u16,
            length: EXPOSED[block].1,
            access: class(label),
            window: if label == MAPPED && !self.0.no_region.get() {
                Window::over(self.0.mapped.0, Width::Bits32.bytes())
            } else {
                None
            },
        })
    }

    fn release(&self, handle: u16) {
        self.end_program(handle);
        self.detach_conveyor(handle);
        let place = usize::from(handle - FIRST_HANDLE);
        let holder = self.0.holders.borrow_mut()[place].take();
        let gone = self.0.failed.get();
        assert!(holder.is_some() || gone, "nobody holds it");
    }

    fn release_all(&self, tag: u32) {
        for (holder, handle) in self.0.holders.borrow_mut().iter_mut().zip(FIRST_HANDLE..) {
            if *holder == Some(tag) {
                self.end_program(handle);
                self.detach_conveyor(handle);
                *holder = None;
            }
        }
    }

    fn read(&self, width: Width, handle: u16, offset: u16) -> Option<u32> {
        let block = self.block(handle, offset)?;
        if self.0.gated.get() == Some(offset) {
            return None;
        }
        if offset == FATAL && self.0.fatal.get() {
            self.fail_now();
        }
        let registers = self.0.registers.borrow();
        Some(registers.get(&(block, offset)).copied().unwrap_or(0) & width.mask())
    }

    fn write_register(&self, width: Width, handle: u16, offset: u16, value: u32) -> Option<()> {
        let block = self.block(handle, offset)?;
        if self.0.gated.get() == Some(offset) {
            return None;
        }
        assert_eq!(value & !width.mask(), 0, "more bits than the width has");
        // Unlike a board's platform this one allocates.
        arena::of_the_test(|| {
            self.0.registers.borrow_mut().insert((block, offset), value);
            self.0.writes.borrow_mut().push((block, offset, value));
        });
        Some(())
    }

    fn modify32(&self, handle: u16, offset: u16, mask: u32, value: u32) -> Option<()> {
        let old = self.read(Width::Bits32, handle, offset)?;
        self.write_register(Width::Bits32, handle, offset, old & !mask | value & mask)
    }

    fn led_count(&self) -> u32 {
        self.0.leds.borrow().len() as u32
    }

    fn led(&self, index: u32, action: LedAction) -> Result<(), u8> {
        const NO_DEVICE: u8 = 11;
        let mut leds = self.0.leds.borrow_mut();
        if index >= LEDS_EXPOSED {
            return Err(NO_DEVICE);
        }
        let led = &mut leds[index as usize];
        *led = match action {
            LedAction::On => true,
            LedAction::Off => false,
            LedAction::Toggle => !*led,
        };
        Ok(())
    }

    fn led_is_on(&self, index: u32) -> Option<bool> {
        (index < LEDS_EXPOSED).then(|| self.0.leds.borrow()[index as usize])
    }

    fn let_go(&self, kind: DeviceKind, number: u32) {
        let mut let_go = self.0.let_go.get();
        let_go[kind as usize] |= 1 << number;
        self.0.let_go.set(let_go);
    }

    fn pin_count(&self) -> u32 {
        self.0.pins.borrow().len() as u32
    }

    fn pin(&self, number: u32, action: PinAction) -> Result<(), u8> {
        let mut pins = self.0.pins.borrow_mut();
        let pin = pins.get_mut(number as usize).ok_or(errno::INVALID)?;
        *pin = match action {
            PinAction::Output => *pin,
            PinAction::Input(pull) => pull == Pull::Up,
            PinAction::Set => true,
            PinAction::Clear => false,
            PinAction::Toggle => !*pin,
        };
        Ok(())
    }

    fn pin_is_high(&self, number: u32) -> Option<bool> {
        self.0.pins.borrow().get(number as usize).copied()
    }
}
