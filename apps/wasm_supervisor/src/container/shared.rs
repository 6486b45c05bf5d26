//! What all containers share with the supervisor: the system below, and what is theirs but lies
//! outside their arenas.
//!
//! ```text
//!   by slot   log, saved state          a container's, whatever runs
//!   by run    mailbox, open line,       one run's: begins and ends with it ([`super::run`])
//!             claims, staged state
//! ```

use core::cell::{Cell, RefCell};

use berth_foreign::OpenLine;
use berth_protocol::{Level, Parameters};

use super::conveyors::Conveyors;
use super::log::Log;
use super::mail::{Mailbox, SendError};
use super::name::{CONTAINERS_MAX, Name};
use super::outcome::LastWords;
use super::registrations::Handlers;
use super::run_id::{Claims, RUNS_MAX, RunId};
use super::saved::{SaveError, Saved};
use crate::arena;
use crate::buses::{Bus, Place, SpiSettings, Transfer};
use crate::errno;
use crate::platform::{DeviceKind, Distrust, Platform, Proven};

/// Devices of a kind that containers can have: a filter of the kernel knows no larger numbers.
const DEVICES_MAX: usize = 64;

/// What says that a run was the last to drive a device.
const fn driver_of(id: RunId) -> u8 {
    id.index() as u8 + 1
}

/// See the module.
pub struct Shared<P> {
    /// The system below.
    pub platform: P,
    logs: [RefCell<Option<Log>>; CONTAINERS_MAX],
    saved: [RefCell<Saved>; CONTAINERS_MAX],
    /// How often the configuration of each was changed.
    changes: [Cell<u32>; CONTAINERS_MAX],
    runs: [Cells; RUNS_MAX],
    /// The interrupt handlers of all runs.
    pub handlers: Handlers,
    /// The conveyors of all runs.
    pub(super) conveyors: Conveyors,
    /// See [`take_last_words`](Self::take_last_words).
    pub(super) last_words: Cell<Option<LastWords>>,
    /// Who was the last to drive each device of the kernel, of each kind so many: the run's number and one more; 0 is nobody.
    driven: [[Cell<u8>; DEVICES_MAX]; DeviceKind::ALL.len()],
    /// Whose transfer is under way, by the bus's number.
    buses: [Cell<Option<RunId>>; Bus::COUNT],
}

/// What belongs to one run and outlives each of its steps.
pub(super) struct Cells {
    /// Slot of the container that it is a run of; `None` while there is no such run.
    pub(super) slot: Cell<Option<u8>>,
    /// It is loaded, or being loaded, and not yet its container's run.
    pub(super) staged: Cell<bool>,
    /// The state that it has saved while it was staged.
    pub(super) state: RefCell<Option<Saved>>,
    /// Messages for it.
    pub(super) mail: RefCell<Mailbox>,
    /// The line that it has begun to print.
    pub(super) line: RefCell<OpenLine>,
    /// Most bytes of linear memory that it may have.
    pub(super) memory_max: Cell<u32>,
    /// The blocks that it holds.
    pub(super) claims: Cell<Claims>,
    /// Of these, by the bit of their number, those that it has had register programs for which one pass did not finish.
    pub(super) programs: Cell<u8>,
    /// Where the signed bytes are that the kernel has proven for it.
    proven: Cell<Option<Proven>>,
}

impl Cells {
    const fn new() -> Self {
        Self {
            slot: Cell::new(None),
            staged: Cell::new(false),
            state: RefCell::new(None),
            mail: RefCell::new(Mailbox::new()),
            line: RefCell::new(OpenLine::new()),
            memory_max: Cell::new(u32::MAX),
            claims: Cell::new(Claims::NONE),
            programs: Cell::new(0),
            proven: Cell::new(None),
        }
    }
}

impl<P> Shared<P> {
    /// Nothing yet.
    pub const fn new(platform: P) -> Self {
        Self {
            platform,
            logs: [const { RefCell::new(None) }; CONTAINERS_MAX],
            saved: [const { RefCell::new(Saved::new()) }; CONTAINERS_MAX],
            changes: [const { Cell::new(0) }; CONTAINERS_MAX],
            runs: [const { Cells::new() }; RUNS_MAX],
            handlers: Handlers::new(),
            conveyors: Conveyors::new(),
            last_words: Cell::new(None),
            driven: [const { [const { Cell::new(0) }; DEVICES_MAX] }; DeviceKind::ALL.len()],
            buses: [const { Cell::new(None) }; Bus::COUNT],
        }
    }

    /// Returns what a container left whose loading has just failed in its own code; nothing otherwise.
    pub fn take_last_words(&self) -> LastWords {
        self.last_words.take().unwrap_or_default()
    }

    /// Returns what belongs to a run. An id is always one of them.
    pub(super) fn run(&self, id: RunId) -> Option<&Cells> {
        self.runs.get(id.index())
    }

    /// Returns the ids of all runs there are.
    pub(super) fn run_ids(&self) -> impl Iterator<Item = (RunId, &Cells)> {
        let runs = RunId::all().zip(&self.runs);
        runs.filter(|(_, cells)| cells.slot.get().is_some())
    }

    /// Returns an id that no run has: `wanted`, if it is free.
    pub(super) fn free_id(&self, wanted: usize) -> Option<RunId> {
        let mut ids = RunId::all().skip(wanted).take(1).chain(RunId::all());
        ids.find(|id| {
            self.run(*id)
                .is_some_and(|cells| cells.slot.get().is_none())
        })
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

    /// Apply what holds at once of the parameters of the container in `slot`.
    pub fn set_parameters(&self, slot: usize, parameters: &Parameters) {
        let least = parameters.log_level.unwrap_or(Level::Trace);
        self.with_log(slot, |log| log.set_level(least));
    }

    /// A run of the container in `slot` says a piece of text.
    pub(super) fn say(&self, run: RunId, slot: usize, level: Level, now: u64, text: &[u8]) {
        if let Some(cells) = self.run(run) {
            let mut open = cells.line.borrow_mut();
            open.say(text, &mut |line| self.append(slot, level, now, line));
        }
    }

    /// A run of the container in `slot` ends: so does the line it has begun.
    pub(super) fn end_line(&self, run: RunId, slot: usize, now: u64) {
        if let Some(cells) = self.run(run) {
            let mut open = cells.line.borrow_mut();
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

    /// Returns how often the configuration of the container in `slot` was changed.
    pub fn changes(&self, slot: usize) -> u32 {
        self.changes.get(slot).map_or(0, Cell::get)
    }

    /// The configuration of the container in `slot` is another.
    pub(super) fn set_changed(&self, slot: usize) {
        if let Some(changes) = self.changes.get(slot) {
            changes.set(changes.get().wrapping_add(1));
        }
    }

    /// A run of the container in `slot` saves its state. What a staged one saves is its own.
    ///
    /// # Errors
    ///
    /// Why it could not be saved; what was saved before is kept then.
    pub(super) fn save(&self, run: RunId, slot: usize, state: &[u8]) -> Result<(), SaveError> {
        match self.run(run) {
            Some(cells) if cells.staged.get() => {
                let mut staged = cells.state.borrow_mut();
                staged.get_or_insert_default().save(state)
            }
            _ => self.with_saved(slot, |saved| saved.save(state)),
        }
    }

    /// Let a run of the container in `slot` look at the state it finds: what itself has saved, or what was
    /// saved before it.
    pub(super) fn saved<R>(&self, run: RunId, slot: usize, look: impl FnOnce(&[u8]) -> R) -> R {
        if let Some(cells) = self.run(run)
            && let Some(staged) = &*cells.state.borrow()
        {
            return look(staged.bytes());
        }
        self.with_saved(slot, |saved| look(saved.bytes()))
    }

    /// Do something with the mailbox of a run.
    pub(super) fn with_mail<R>(&self, run: RunId, work: impl FnOnce(&mut Mailbox) -> R) -> R {
        match self.run(run) {
            Some(cells) => work(&mut cells.mail.borrow_mut()),
            None => work(&mut Mailbox::new()),
        }
    }

    /// Is there a message for this run?
    pub(super) fn has_mail(&self, run: RunId) -> bool {
        self.with_mail(run, |mail| mail.has_mail())
    }

    /// Put a message of the run `from` into the mailbox of the container called `name`. What a staged
    /// run sends to its own name is for itself.
    pub(super) fn send(&self, from: RunId, name: &[u8], message: &[u8]) -> Result<(), SendError> {
        let own = self
            .with_mail(from, |mail| mail.name())
            .ok_or(SendError::NoReceiver)?;
        let is_own = own.as_str().as_bytes() == name;
        let to = self.run_ids().find(|(id, cells)| {
            if is_own {
                *id == from
            } else {
                !cells.staged.get() && cells.mail.borrow().is_of(name)
            }
        });
        let (_, to) = to.ok_or(SendError::NoReceiver)?;
        to.mail.borrow_mut().put(own.as_str(), message)
    }

    /// Drop what is kept for the container in `slot`, which is deleted.
    pub fn forget(&self, slot: usize) {
        self.set_log(slot, None);
        self.with_saved(slot, |saved| *saved = Saved::new());
    }
}

impl<P: Platform> Shared<P> {
    /// Begin to keep what belongs to a run of the container in `slot`, called `name`. It is staged.
    pub(super) fn begin_run(&self, id: RunId, slot: usize, name: Name, memory_max: u32) {
        if let Some(cells) = self.run(id) {
            cells.slot.set(Some(slot as u8));
            cells.staged.set(true);
            cells.memory_max.set(memory_max);
            self.handlers.begin(id);
            cells.mail.borrow_mut().set_open(Some(name));
        }
    }

    /// A staged run is its container's from now on, in the place of `old`: what it has saved counts,
    /// and messages for its container are its.
    pub(super) fn commit_run(&self, id: RunId, slot: usize, old: Option<RunId>) {
        let Some(cells) = self.run(id) else {
            return;
        };
        cells.staged.set(false);
        if let Some(state) = cells.state.take() {
            self.with_saved(slot, |saved| *saved = state);
        }
        if let Some(old) = old.and_then(|old| self.run(old)) {
            let mut mail = cells.mail.borrow_mut();
            mail.take_over(&mut old.mail.borrow_mut());
        }
    }

    /// A run is over, whether it was ever its container's or not: its handlers, its line, its messages,
    /// and the blocks that no other run of its container holds.
    pub(super) fn end_run(&self, id: RunId) {
        let Some(cells) = self.run(id) else {
            return;
        };
        let Some(slot) = cells.slot.get() else {
            return;
        };
        self.handlers.unregister(&self.platform, id, None);
        self.conveyors.detach(&self.platform, id, None);
        self.cancel_programs(id);
        self.cancel_transfers(id);
        self.end_line(id, usize::from(slot), self.platform.now_us());
        cells.mail.borrow_mut().set_open(None);
        cells.state.take();
        cells.slot.set(None);
        for (kind, devices) in DeviceKind::ALL.into_iter().zip(&self.driven) {
            for (number, driver) in (0..).zip(devices) {
                if driver.get() == driver_of(id) {
                    driver.set(0);
                    self.platform.let_go(kind, number);
                }
            }
        }
        for handle in cells.claims.take().handles() {
            let mut others = self.run_ids();
            let passed = others
                .any(|(_, other)| other.slot.get() == Some(slot) && other.claims.get().has(handle));
            if !passed {
                self.platform.release(handle);
            }
        }
        if let Some(proven) = cells.proven.take()
            && !self.is_proven(proven)
        {
            self.platform.end_proof(proven);
        }
    }

    /// Has a run a proof of these bytes?
    fn is_proven(&self, bytes: Proven) -> bool {
        self.run_ids()
            .any(|(_, cells)| cells.proven.get() == Some(bytes))
    }

    /// Have a signed image proven for a run, or, without one, for now. Runs of the same bytes share one proof: what they claim rests on it.
    ///
    /// # Errors
    ///
    /// Why it is not as it should be.
    pub(super) fn prove(&self, id: Option<RunId>, image: &[u8]) -> Result<(), Distrust> {
        let bytes = Proven::of(image);
        let is_new = !self.is_proven(bytes);
        if is_new {
            self.platform.prove(image)?;
        }
        match id.and_then(|id| self.run(id)) {
            Some(cells) => cells.proven.set(Some(bytes)),
            None if is_new => self.platform.end_proof(bytes),
            None => {}
        }
        Ok(())
    }

    /// Have the kernel verify the signature of bytes in the store's flash that are no run's. Returns the number of the key.
    ///
    /// # Errors
    ///
    /// Why it is not as it should be.
    pub(super) fn prove_alone(&self, bytes: &[u8]) -> Result<u32, Distrust> {
        let key = self.platform.prove(bytes)?;
        self.platform.end_proof(Proven::of(bytes));
        Ok(key)
    }

    /// A run drives a device of the kernel: it is this run's to let go, and no other's any more.
    pub(super) fn drives(&self, id: RunId, kind: DeviceKind, number: u32) {
        let [leds, pins] = &self.driven;
        let devices = match kind {
            DeviceKind::Led => leds,
            DeviceKind::Pin => pins,
        };
        if let Some(driver) = devices.get(number as usize) {
            driver.set(driver_of(id));
        }
    }

    /// Nobody goes on with what register programs a run has under way: they end where they are. Those of blocks that
    /// are given back end with the claim; a block may pass to another run.
    pub(super) fn cancel_programs(&self, id: RunId) {
        if let Some(cells) = self.run(id) {
            let programs = cells.programs.take();
            for (number, handle) in cells.claims.get().handles().enumerate() {
                if programs & 1 << number != 0 {
                    self.platform.cancel_program(handle);
                }
            }
        }
    }

    /// A run has a register program under way for this block.
    pub(super) fn begin_program(&self, id: RunId, handle: u16) {
        if let Some(cells) = self.run(id) {
            let number = cells.claims.get().handles().position(|own| own == handle);
            let bit = number.map_or(0, |number| 1 << number);
            cells.programs.set(cells.programs.get() | bit);
        }
    }

    /// Whose transfer is under way on a bus.
    fn transferring(&self, bus: Bus) -> &Cell<Option<RunId>> {
        let [spi, i2c, uart_out, uart_in] = &self.buses;
        match bus {
            Bus::Spi => spi,
            Bus::I2c => i2c,
            Bus::UartOut => uart_out,
            Bus::UartIn => uart_in,
        }
    }

    /// May a run that waits for a transfer on this bus begin it, or end it?
    pub(super) fn may_go_on(&self, id: RunId, bus: Bus) -> bool {
        match self.transferring(bus).get() {
            Some(owner) => owner == id && self.platform.is_transfer_over(bus),
            None => self.platform.is_bus_idle(bus),
        }
    }

    /// Begin the transfer that a run waits for, or end it. Returns what its call returns, if it is over. Only if the run
    /// [may go on](Self::may_go_on).
    pub(super) fn transfer(
        &self,
        id: RunId,
        transfer: &Transfer,
        settings: SpiSettings,
        memory: &mut [u8],
    ) -> Option<u32> {
        let owner = self.transferring(transfer.bus);
        let part = |place: Place| {
            let start = place.pointer as usize;
            // Inside when it was asked for, and memories do not shrink.
            start..start + place.length as usize
        };
        let code = arena::outside(|| match owner.get() {
            Some(_) => {
                let room = memory.get_mut(part(transfer.room)).unwrap_or_default();
                let code = self.platform.end_transfer(transfer.bus, room)?;
                owner.set(None);
                Some(code)
            }
            None => {
                let sent = memory.get(part(transfer.sent)).unwrap_or_default();
                match self.platform.begin_transfer(transfer, settings, sent) {
                    Ok(()) => {
                        owner.set(Some(id));
                        None
                    }
                    // It may begin later.
                    Err(errno::BUSY) => None,
                    Err(code) => Some(code),
                }
            }
        });
        code.map(u32::from)
    }

    /// Nobody waits for the transfer of a run any more.
    pub(super) fn cancel_transfers(&self, id: RunId) {
        for bus in Bus::ALL {
            let owner = self.transferring(bus);
            if owner.get() == Some(id) {
                owner.set(None);
                self.platform.cancel_transfer(bus);
            }
        }
    }

    /// A run holds this block from now on.
    pub(super) fn hold(&self, id: RunId, handle: u16) {
        if let Some(cells) = self.run(id) {
            let mut claims = cells.claims.get();
            claims.add(handle);
            cells.claims.set(claims);
        }
    }
}
