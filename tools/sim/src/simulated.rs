//! The platform of the supervisor on the desk.

use crate::buses::UnderWay;
use crate::interrupts::Lines;
use crate::rules::{self, Shared};
use berth_desk::{Block, Board, By, Desk, Driver, Index, Model, Width, Wrong};
use berth_flash::Simulated as NoFlash;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use wasm_host::{Exposure, desk as rule, desk::Conveyor, desk::Program};
use wasm_supervisor::arena;
use wasm_supervisor::buses::Bus;
use wasm_supervisor::container::notes::RUNNING;
use wasm_supervisor::errno;
use wasm_supervisor::platform::{
    AccessClass, Claim, Claimed, DESCRIPTION_MAX, Description, DeviceKind, LedAction, PinAction,
    Platform, Pull, Refusal,
};

/// Microseconds that a turn of a container takes, or a call of one of its handlers.
const TURN_US: u64 = 100;

/// Handles are not the numbers of blocks.
const FIRST_HANDLE: u16 = 0x100;

/// A board on the desk, as the supervisor sees it. Clones are the same board.
#[derive(Clone)]
pub struct Simulated(pub(crate) Rc<Inside>);

pub(crate) struct Inside {
    name: String,
    pub(crate) board: Board,
    pub(crate) desk: Shared,
    pub(crate) exposures: Vec<&'static Exposure>,
    /// Tag of the container that holds each.
    pub(crate) holders: RefCell<Vec<Option<u32>>>,
    /// Bytes on their way to the supervisor, and those it has sent.
    pub(crate) input: RefCell<VecDeque<u8>>,
    pub(crate) output: RefCell<Vec<u8>>,
    leds: RefCell<Vec<bool>>,
    /// Levels of the pins of the kernel's driver.
    pins: RefCell<Vec<bool>>,
    pub(crate) lines: RefCell<Lines>,
    /// Register programs under way, by handle.
    pub(crate) programs: RefCell<BTreeMap<u16, Program>>,
    /// Conveyors that are attached, by handle.
    pub(crate) conveyors: RefCell<BTreeMap<u16, Conveyor>>,
    /// What is under way on the kernel's buses.
    pub(crate) transfers: RefCell<[Option<UnderWay>; Bus::COUNT]>,
    /// Nobody sleeps longer.
    pub(crate) until_us: Cell<u64>,
    /// Nothing will happen any more.
    pub(crate) is_idle: Cell<bool>,
}

impl Simulated {
    /// A board, and what stands behind its blocks. `name` is for people.
    ///
    /// # Errors
    /// The model does not fit the board.
    pub(crate) fn new(name: &str, board: Board, model: &Model) -> Result<Self, Wrong> {
        let desk = Shared::new(Desk::new(&board, model)?);
        let exposures: Vec<&'static Exposure> = board
            .exposures
            .iter()
            .enumerate()
            .map(|(index, block)| rules::exposure(&desk, Index(index), block))
            .collect();
        let count = |class: &str| {
            let devices = board.devices.iter().filter(|device| device.class == class);
            let numbers = devices.map(|device| device.index as usize + 1);
            numbers.max().unwrap_or(0)
        };
        let (leds, pins) = (vec![false; count("led")], vec![false; count("gpio")]);
        Ok(Self(Rc::new(Inside {
            name: name.to_owned(),
            holders: RefCell::new(vec![None; exposures.len()]),
            lines: RefCell::new(Lines::new(&board)),
            board,
            desk,
            exposures,
            input: RefCell::default(),
            output: RefCell::default(),
            leds: RefCell::new(leds),
            pins: RefCell::new(pins),
            programs: RefCell::default(),
            conveyors: RefCell::default(),
            transfers: RefCell::default(),
            until_us: Cell::new(0),
            is_idle: Cell::new(false),
        })))
    }

    /// The block of a handle that somebody holds.
    pub(crate) fn held(&self, handle: u16) -> Option<(usize, &'static Exposure)> {
        let index = usize::from(handle.checked_sub(FIRST_HANDLE)?);
        let is_held = self.0.holders.borrow().get(index)?.is_some();
        let exposure = self.0.exposures.get(index)?;
        is_held.then_some((index, *exposure))
    }

    /// The end of a claim, as the kernel has it: program, conveyor, interrupts, safe state.
    fn end(&self, index: usize) {
        let handle = FIRST_HANDLE + index as u16;
        self.0.programs.borrow_mut().remove(&handle);
        self.0.conveyors.borrow_mut().remove(&handle);
        self.0.lines.borrow_mut().silence(index);
        if let Some(exposure) = self.0.exposures.get(index) {
            let desk = &self.0.desk;
            desk.on_behalf(By::SafeState, || rule::make_safe(exposure));
        }
        if let Some(holder) = self.0.holders.borrow_mut().get_mut(index) {
            *holder = None;
        }
    }

    /// This device of the kernel's driver, if containers may have it.
    fn device(&self, class: &str, index: u32) -> Option<&Driver> {
        let mut devices = self.0.board.devices.iter();
        devices.find(|device| device.class == class && device.index == index)
    }

    fn has(&self, class: &str, index: u32) -> bool {
        self.device(class, index).is_some()
    }
}

/// How the manufacturer lets a block be reached.
fn class(block: &Block) -> AccessClass {
    if block.access == "mapped" {
        AccessClass::Mapped
    } else {
        AccessClass::Mediated
    }
}

impl Platform for Simulated {
    type Flash = NoFlash;

    /// None: what is stored is in memory, and the machine is gone when it is off.
    fn flash(&self) -> Option<NoFlash> {
        None
    }

    fn names(&self) -> (&str, &str) {
        (&self.0.name, "simulated")
    }

    fn now_us(&self) -> u64 {
        self.0.desk.lock().look_at_clock()
    }

    fn receive(&self, out: &mut [u8]) -> usize {
        let mut input = self.0.input.borrow_mut();
        let count = input.len().min(out.len());
        for (place, byte) in out.iter_mut().zip(input.drain(..count)) {
            *place = byte;
        }
        count
    }

    fn write(&self, bytes: &[u8]) {
        arena::of_the_board(|| self.0.output.borrow_mut().extend_from_slice(bytes));
    }

    /// Nothing: sending takes no time here.
    fn send_measured(&self, line: &[u8]) -> u64 {
        self.write(line);
        0
    }

    fn wait(&self, deadline_us: Option<u64>) {
        arena::of_the_board(|| {
            if self.0.lines.borrow_mut().look(self) != 0 {
                return;
            }
            let transfer = self.transfer_ends_us();
            let mut desk = self.0.desk.lock();
            let next = [deadline_us, desk.next_us(), transfer];
            let next = next.into_iter().flatten().min();
            self.0.is_idle.set(next.is_none());
            if let Some(next) = next {
                let until = next.min(self.0.until_us.get());
                desk.go_on(until);
            }
        });
    }

    fn describe<'a>(
        &self,
        index: u32,
        _: &'a mut [u8; DESCRIPTION_MAX],
    ) -> Option<Description<'a>> {
        let block = self.0.board.exposures.get(index as usize)?;
        let exposure = self.0.exposures.get(index as usize)?;
        let holder = *self.0.holders.borrow().get(index as usize)?;
        let registers = block.registers.as_ref().map_or(0, Vec::len);
        Some(Description {
            length: block.length,
            access: class(block),
            interrupts: u8::try_from(block.interrupts.len()).unwrap_or(u8::MAX),
            mapped: false,
            claim: holder.map_or(Claim::Free, Claim::Own),
            registers: u8::try_from(registers).unwrap_or(u8::MAX),
            label: exposure.label(),
        })
    }

    fn note(&self, index: usize, value: u32) {
        // Whose code is executed is noted before, and behind it that it is over.
        if index == RUNNING && value == 0 {
            let mut desk = self.0.desk.lock();
            let now = desk.now_us() + TURN_US;
            arena::of_the_board(|| desk.go_on(now));
        }
    }

    /// There is nothing that a new run would begin with.
    fn restart(&self) {}

    fn claim(&self, tag: u32, label: &str) -> Result<Claimed, Refusal> {
        let mut exposures = self.0.exposures.iter();
        let index = exposures.position(|exposure| exposure.label() == label);
        let index = index.ok_or(Refusal::NotExposed)?;
        let mut holders = self.0.holders.borrow_mut();
        let block = self.0.board.exposures.get(index);
        let block = block.ok_or(Refusal::NotExposed)?;
        match holders.get_mut(index) {
            Some(holder @ None) => *holder = Some(tag),
            _ => return Err(Refusal::Busy),
        }
        Ok(Claimed {
            handle: FIRST_HANDLE + index as u16,
            length: block.length,
            access: class(block),
            window: None,
        })
    }

    fn release(&self, handle: u16) {
        if let Some((index, _)) = self.held(handle) {
            arena::of_the_board(|| self.end(index));
        }
    }

    fn release_all(&self, tag: u32) {
        for index in 0..self.0.exposures.len() {
            let is_its = self.0.holders.borrow().get(index) == Some(&Some(tag));
            if is_its {
                arena::of_the_board(|| self.end(index));
            }
        }
    }

    fn read(&self, width: Width, handle: u16, offset: u16) -> Option<u32> {
        let (_, exposure) = self.held(handle)?;
        arena::of_the_board(|| rule::read(exposure, offset, width)).ok()
    }

    fn write_register(&self, width: Width, handle: u16, offset: u16, value: u32) -> Option<()> {
        let (_, exposure) = self.held(handle)?;
        arena::of_the_board(|| rule::write(exposure, offset, width, value)).ok()
    }

    fn modify32(&self, handle: u16, offset: u16, mask: u32, value: u32) -> Option<()> {
        let (_, exposure) = self.held(handle)?;
        arena::of_the_board(|| rule::modify32(exposure, offset, mask, value)).ok()
    }

    fn led_count(&self) -> u32 {
        self.0.leds.borrow().len() as u32
    }

    fn led(&self, index: u32, action: LedAction) -> Result<(), u8> {
        if !self.has("led", index) {
            return Err(errno::NO_DEVICE);
        }
        let mut leds = self.0.leds.borrow_mut();
        let led = leds.get_mut(index as usize).ok_or(errno::INVALID)?;
        *led = match action {
            LedAction::On => true,
            LedAction::Off => false,
            LedAction::Toggle => !*led,
        };
        Ok(())
    }

    fn led_is_on(&self, index: u32) -> Option<bool> {
        let there = self.has("led", index);
        let leds = self.0.leds.borrow();
        leds.get(index as usize).copied().filter(|_| there)
    }

    fn let_go(&self, kind: DeviceKind, number: u32) {
        let (class, levels) = match kind {
            DeviceKind::Led => ("led", &self.0.leds),
            DeviceKind::Pin => ("gpio", &self.0.pins),
        };
        let device = self.device(class, number);
        let state = device.and_then(|device| device.safe_state.as_deref());
        let mut levels = levels.borrow_mut();
        if let (Some(state), Some(level)) = (state, levels.get_mut(number as usize)) {
            *level = matches!(state, "on" | "high" | "input-pull-up");
        }
    }

    fn pin_count(&self) -> u32 {
        self.0.pins.borrow().len() as u32
    }

    fn pin(&self, number: u32, action: PinAction) -> Result<(), u8> {
        if !self.has("gpio", number) {
            return Err(errno::NO_DEVICE);
        }
        let mut pins = self.0.pins.borrow_mut();
        let pin = pins.get_mut(number as usize).ok_or(errno::INVALID)?;
        *pin = match action {
            PinAction::Output => *pin,
            // Nothing drives it.
            PinAction::Input(pull) => pull == Pull::Up,
            PinAction::Set => true,
            PinAction::Clear => false,
            PinAction::Toggle => !*pin,
        };
        Ok(())
    }

    fn pin_is_high(&self, number: u32) -> Option<bool> {
        let there = self.has("gpio", number);
        let pins = self.0.pins.borrow();
        pins.get(number as usize).copied().filter(|_| there)
    }
}
