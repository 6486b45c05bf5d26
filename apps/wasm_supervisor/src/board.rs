//! The platform on a board: a Tock process, through libtock.

use alloc::vec;
use core::cell::{Cell, RefCell};
use core::fmt::Write;
use core::sync::atomic::{AtomicU32, Ordering};

#[cfg(feature = "compiled")]
use berth_protocol::{CodeStatus, ImageHash};
use libtock::alarm::{self, Clock};
use libtock::console::{self, Receiver, Writer};
use libtock::wasm_host::operators;
use libtock::wasm_host::proofs::{self, Unproven};
use libtock::{
    ErrorCode, EventSlot, StaticBuffer, gpio, led, memop, run_record, wasm_host, yield_wait,
};

#[cfg(feature = "compiled")]
use crate::admission::Module;
use crate::arena;
#[cfg(feature = "compiled")]
use crate::compiled::Compiled;
#[cfg(feature = "compiled")]
use crate::engine::Code;
use crate::interrupts::Interrupts;
use crate::platform::{
    AGREEMENT_BYTES, AccessClass, BLOCK_MAX, Claimed, DESCRIPTION_MAX, Description, DeviceKind,
    Distrust, Examined, LINE_MAX, LOGIN_BYTES, LedAction, NOTES, OperatorPolicy, PinAction,
    Platform, Policy, Proven, Refusal, SECRET_BYTES, TURN_US, Width,
};
use crate::text::Text;
use crate::window::Window;
use berth_exposure::proof::Refused;
use berth_flash::Flash;
use buses::{ENDS, Transfers};
use interrupts::RECORDED;

mod buses;
mod conveyors;
mod flash;
mod interrupts;
mod programs;

/// Bytes taken from the console at once.
const RECEIVE_BYTES: usize = 64;

/// A console that keeps as many bytes between two reads, a tenth of a second of them, loses none.
const KEPT_BYTES: usize = 1024;

/// Most looks for the end of a line that is measured: no line takes as long.
const ROUNDS_MAX: u32 = 1 << 16;
/// So many tell what one takes without a line: a millisecond or two.
const ROUNDS_FREE: u32 = 64;

/// Bytes left to the kernel for what its drivers keep for this process.
const GRANT_BYTES: usize = 4 * 1024;

/// With less memory not even the smallest container would run.
const LEAST_BYTES: u32 = 28 * 1024;

/// One byte more than any label has.
const LABEL_MAX: usize = berth_exposure::LABEL_MAX + 1;

/// The counter behind the clock wraps; this is often enough to notice.
const LONGEST_WAIT_US: u64 = 30_000_000;

static RECEIVED: EventSlot = EventSlot::new();
static ALARM: EventSlot = EventSlot::new();
static SENT: EventSlot = EventSlot::new();
static BUFFER: StaticBuffer<RECEIVE_BYTES> = StaticBuffer::new();
static LINE: StaticBuffer<LINE_MAX> = StaticBuffer::new();

/// The kernel copies these words when this process fails, and gives them to its next run.
static NOTES_LENT: [AtomicU32; NOTES] = [const { AtomicU32::new(0) }; NOTES];

/// The board this process runs on.
pub struct Board {
    clock: RefCell<Clock>,
    receiver: RefCell<Receiver>,
    writer: RefCell<Writer>,
    /// The last time told, for the case that the clock fails.
    last_us: Cell<u64>,
    transfers: Transfers,
    /// Address of the store's flash, once it was opened.
    store: Cell<usize>,
    /// Code that was compiled here, once it was asked for; `None` in it: there is no flash for any.
    #[cfg(feature = "compiled")]
    compiled: RefCell<Option<Option<Compiled<flash::Partition>>>>,
}

impl Board {
    /// Take console and alarm.
    ///
    /// # Errors
    ///
    /// If the kernel has none, or this is not the first call. That another process reads the console is none.
    pub fn new() -> Result<Self, ErrorCode> {
        let clock = Clock::new()?;
        alarm::notify(&ALARM)?;
        interrupts::start();
        conveyors::start();
        flash::announce();
        // A kernel without it: then every run is the first.
        let _ = run_record::share(&NOTES_LENT);
        let buffer = BUFFER.take().ok_or(ErrorCode::Already)?;
        let is_kept = console::kept() as usize >= KEPT_BYTES;
        let receiver = Receiver::new(buffer, &RECEIVED, is_kept)?;
        let line = LINE.take().ok_or(ErrorCode::Already)?;
        let writer = Writer::new(line, &SENT)?;
        Ok(Self {
            clock: RefCell::new(clock),
            receiver: RefCell::new(receiver),
            writer: RefCell::new(writer),
            last_us: Cell::new(0),
            transfers: Transfers::new(),
            store: Cell::new(0),
            #[cfg(feature = "compiled")]
            compiled: RefCell::new(None),
        })
    }

    /// Has what comes while nobody asks kept here, where the console does not keep it. Once there is memory.
    pub fn keep_what_comes(&self) {
        let mut receiver = self.receiver.borrow_mut();
        if !receiver.is_kept() {
            receiver.keep_in(vec![0; KEPT_BYTES].leak());
        }
    }

    /// Go round, looking for the end of a line that is being sent, as long as `goes_on` says, which is told whether one is and
    /// how many rounds there were. Returns their number and the microseconds that they took.
    #[inline(never)]
    fn rounds(&self, mut goes_on: impl FnMut(bool, u32) -> bool) -> (u32, u64) {
        let begun = self.now_us();
        let mut rounds = 0;
        loop {
            rounds += 1;
            libtock::yield_no_wait();
            let is_sending = self.is_sending();
            let now = self.now_us();
            let mut receiver = self.receiver.borrow_mut();
            if !receiver.is_kept() {
                receiver.keep(now);
            }
            if !goes_on(is_sending, rounds) {
                return (rounds, now.saturating_sub(begun));
            }
        }
    }

    /// Wait for the end of the line that is being sent. What comes meanwhile is kept.
    #[inline(never)]
    fn finish_line(&self) {
        while self.is_sending() {
            yield_wait();
            let mut receiver = self.receiver.borrow_mut();
            if !receiver.is_kept() {
                receiver.keep(self.now_us());
            }
        }
    }
}

/// Let the arenas have the memory that this process gets: what its bundle asks for, or less where the kernel gives
/// less. Returns whether it is enough; if not, that was said. Before anything is allocated.
#[must_use]
pub fn take_memory() -> bool {
    arena::make_do_with(memop::extend_at_most(arena::MEMORY_MAX, GRANT_BYTES));
    arena::set_installed();
    let there = arena::total();
    if there >= LEAST_BYTES {
        return true;
    }
    let mut text = Text::<160>::new();
    // Nothing here can fail: what does not fit is cut.
    let _ = write!(
        text,
        "berth: {there} bytes of memory, at least {LEAST_BYTES} are needed: a bundle made with a larger --app-heap asks for more\r\n"
    );
    say(text.bytes());
    false
}

/// Say why this process ends, if there is a console.
pub fn say(text: &[u8]) {
    // Without one there is nobody to tell.
    let _ = console::last_words(text);
}

/// Copy to the front of `out`. Returns the number of bytes.
fn copy(bytes: &[u8], out: &mut [u8]) -> usize {
    let count = bytes.len().min(out.len());
    for (place, byte) in out.iter_mut().zip(bytes) {
        *place = *byte;
    }
    count
}

/// Map a block that may be mapped, if a protection region is free for it.
fn window(claimed: &wasm_host::Claimed) -> Option<Window> {
    if claimed.access != AccessClass::Mapped {
        return None;
    }
    let mapping = wasm_host::map(claimed.handle).ok()?;
    Window::new(&mapping)
}

/// Opens the flash for compiled code; `None`: there is none.
#[cfg(feature = "compiled")]
fn open_code() -> Option<Compiled<flash::Partition>> {
    flash::Partition::open_code().map(Compiled::new)
}

/// What a call about a login has come to.
const fn examined(come: Option<bool>) -> Examined {
    match come {
        None => Examined::GoesOn,
        Some(true) => Examined::Done,
        Some(false) => Examined::Refused,
    }
}

impl Platform for Board {
    type Flash = flash::Partition;

    fn flash(&self) -> Option<Self::Flash> {
        let partition = flash::Partition::open()?;
        self.store.set(partition.bytes().as_ptr().addr());
        Some(partition)
    }

    fn policy(&self) -> Policy {
        // A kernel without it has no keys.
        proofs::policy().map_or_else(Policy::default, |policy| Policy {
            keys: policy.keys as u8,
            refuses_unsigned: policy.refuses_unsigned,
            revokers: proofs::revokers(),
        })
    }

    fn prove(&self, image: &[u8]) -> Result<u32, Distrust> {
        let Proven { address, length } = Proven::of(image);
        // What is not in the partition lies beyond its end, as the kernel sees it.
        let proven = proofs::prove(address.wrapping_sub(self.store.get()), length);
        proven
            .map(|proven| proven.key)
            .map_err(|unproven| match unproven {
                Unproven::Refused(Refused::Unsigned) => Distrust::Unsigned,
                Unproven::Refused(Refused::Malformed) => Distrust::Malformed,
                Unproven::Refused(Refused::UnknownKey) => Distrust::UnknownKey,
                Unproven::Refused(Refused::BadSignature) => Distrust::Changed,
                Unproven::Refused(Refused::Label) => Distrust::Label,
                Unproven::Error(_) => Distrust::Unproven,
            })
    }

    fn operators(&self) -> OperatorPolicy {
        operators::policy().map_or_else(OperatorPolicy::default, |policy| OperatorPolicy {
            keys: policy.keys as u8,
            closes_reading: policy.closes_reading,
        })
    }

    fn examine_login(&self, begins: Option<&[u8; LOGIN_BYTES]>) -> Examined {
        examined(operators::login(begins))
    }

    fn examine_agreement(
        &self,
        begins: Option<&[u8; AGREEMENT_BYTES]>,
        agreed: &mut [u8; SECRET_BYTES],
    ) -> Examined {
        examined(operators::agree(begins, agreed))
    }

    fn end_proof(&self, bytes: Proven) {
        // One that is gone is over.
        let _ = proofs::end(bytes.address.wrapping_sub(self.store.get()), bytes.length);
    }

    #[cfg(feature = "compiled")]
    fn compiled(&self, image: &[u8], module: &Module<'_>) -> Result<Code, Option<&'static str>> {
        let mut place = self.compiled.borrow_mut();
        match place.get_or_insert_with(open_code) {
            Some(compiled) => compiled.of(image, module).map_err(|why| Some(why.text())),
            None => Err(Some("there is no flash for code")),
        }
    }

    #[cfg(feature = "compiled")]
    fn keep_code(&self, keep: &dyn Fn(&ImageHash, u32) -> bool) {
        if let Some(compiled) = self.compiled.borrow_mut().get_or_insert_with(open_code) {
            compiled.keep(keep);
        }
    }

    #[cfg(feature = "compiled")]
    fn code_status(&self) -> Option<CodeStatus> {
        let mut place = self.compiled.borrow_mut();
        place
            .get_or_insert_with(open_code)
            .as_ref()
            .map(Compiled::status)
    }

    fn names(&self) -> (&str, &str) {
        (option_env!("BERTH_BOARD").unwrap_or("Tock board"), "Tock 2")
    }

    fn now_us(&self) -> u64 {
        if let Ok(now) = self.clock.borrow_mut().now_us() {
            self.last_us.set(now);
        }
        self.last_us.get()
    }

    fn turn_ends(&self, begun_us: u64) -> u64 {
        let look_by = self.receiver.borrow().look_by();
        look_by.min(begun_us + TURN_US)
    }

    fn receive(&self, out: &mut [u8]) -> usize {
        let mut receiver = self.receiver.borrow_mut();
        // Only there does it matter when.
        let now = if receiver.is_kept() { 0 } else { self.now_us() };
        receiver.receive(now, out)
    }

    fn write(&self, bytes: &[u8]) {
        for part in bytes.chunks(LINE_MAX) {
            self.finish_line();
            // A console that fails leaves nobody to tell.
            self.begin_line(part);
        }
        self.finish_line();
    }

    fn begin_line(&self, line: &[u8]) {
        let _ = self.writer.borrow_mut().start(line);
    }

    fn is_sending(&self) -> bool {
        self.writer.borrow_mut().is_writing()
    }

    fn send_measured(&self, line: &[u8]) -> u64 {
        self.finish_line();
        self.begin_line(line);
        // What is missing is the kernel's: so many rounds would have taken less without a line.
        let (rounds, passed) = self.rounds(|is_sending, rounds| is_sending && rounds < ROUNDS_MAX);
        self.finish_line();
        let (free, free_passed) = self.rounds(|_, rounds| rounds < ROUNDS_FREE);
        let own = u64::from(rounds) * free_passed / u64::from(free);
        passed.saturating_sub(own) * 1_000 / line.len().max(1) as u64
    }

    fn wait(&self, deadline_us: Option<u64>) {
        let now = self.now_us();
        let longest = now + LONGEST_WAIT_US;
        let look = self.receiver.borrow_mut().before_sleep(now);
        let longest = look.unwrap_or(longest);
        let deadline = deadline_us.unwrap_or(longest).min(longest);
        let woken = || {
            let mut ends = ENDS.iter();
            RECEIVED.is_filled() || SENT.is_filled() || ends.any(EventSlot::is_filled)
        };
        if deadline > now && !woken() && self.waiting() == 0 {
            ALARM.take();
            let ticks = self.clock.borrow().ticks(deadline - now);
            if alarm::set_relative(ticks).is_ok() {
                while !woken() && !ALARM.is_filled() && RECORDED.take().is_none() {
                    yield_wait();
                }
            }
            // The alarm stays set: it wakes the process once too often, later, which costs
            // less than stopping it now, when an interrupt may wait.
        }
        let mut receiver = self.receiver.borrow_mut();
        if !receiver.is_kept() {
            receiver.after_sleep(self.now_us());
        }
    }

    fn describe<'a>(
        &self,
        index: u32,
        buffer: &'a mut [u8; DESCRIPTION_MAX],
    ) -> Option<Description<'a>> {
        wasm_host::describe(index, buffer).ok()
    }

    fn note_before(&self, index: usize) -> Option<u32> {
        run_record::previous(index)
    }

    fn note(&self, index: usize, value: u32) {
        if let Some(word) = NOTES_LENT.get(index) {
            word.store(value, Ordering::Relaxed);
        }
    }

    fn restart(&self) {
        // A kernel without it has no notes of any run.
        let _ = run_record::keep();
        libtock::restart(0)
    }

    fn claim(&self, tag: u32, label: &str) -> Result<Claimed, Refusal> {
        // A label of an image in the store's flash: the kernel reads a process's own memory only.
        let mut own = [0; LABEL_MAX];
        let length = copy(label.as_bytes(), &mut own);
        let own = own.get(..length).unwrap_or_default();
        // A label that was cut is longer than any that is exposed.
        let label = core::str::from_utf8(own).unwrap_or_default();
        if length == LABEL_MAX {
            return Err(Refusal::NotExposed);
        }
        match wasm_host::claim(tag, label) {
            Ok(claimed) => Ok(Claimed {
                handle: claimed.handle,
                length: claimed.length.min(BLOCK_MAX),
                access: claimed.access,
                window: window(&claimed),
            }),
            Err(ErrorCode::NoDevice) => Err(Refusal::NotExposed),
            Err(ErrorCode::Busy) => Err(Refusal::Busy),
            Err(ErrorCode::Reserve) => Err(Refusal::Unproven),
            Err(code) => Err(Refusal::Other(code as u8)),
        }
    }

    fn release(&self, handle: u16) {
        // What is not claimed need not be given back.
        let _ = wasm_host::release(handle);
    }

    fn release_all(&self, tag: u32) {
        // It has nothing to give back where there is no such driver.
        let _ = wasm_host::release_all(tag);
    }

    #[inline(always)]
    fn read(&self, width: Width, handle: u16, offset: u16) -> Option<u32> {
        match width {
            Width::Bits8 => wasm_host::read8(handle, offset).map(u32::from),
            Width::Bits16 => wasm_host::read16(handle, offset).map(u32::from),
            Width::Bits32 => wasm_host::read32(handle, offset),
        }
        .ok()
    }

    #[inline(always)]
    fn write_register(&self, width: Width, handle: u16, offset: u16, value: u32) -> Option<()> {
        match width {
            Width::Bits8 => wasm_host::write8(handle, offset, value as u8),
            Width::Bits16 => wasm_host::write16(handle, offset, value as u16),
            Width::Bits32 => wasm_host::write32(handle, offset, value),
        }
        .ok()
    }

    #[inline(always)]
    fn modify32(&self, handle: u16, offset: u16, mask: u32, value: u32) -> Option<()> {
        wasm_host::modify32(handle, offset, mask, value).ok()
    }

    fn led_count(&self) -> u32 {
        led::count().unwrap_or(0)
    }

    fn led(&self, index: u32, action: LedAction) -> Result<(), u8> {
        match action {
            LedAction::On => led::on(index),
            LedAction::Off => led::off(index),
            LedAction::Toggle => led::toggle(index),
        }
        .map_err(|code| code as u8)
    }

    fn led_is_on(&self, index: u32) -> Option<bool> {
        led::is_on(index).ok()
    }

    fn let_go(&self, kind: DeviceKind, number: u32) {
        // Refused where it has no safe state.
        let _ = match kind {
            DeviceKind::Led => led::let_go(number),
            DeviceKind::Pin => gpio::let_go(number),
        };
    }

    fn pin_count(&self) -> u32 {
        gpio::count().unwrap_or(0)
    }

    fn pin(&self, number: u32, action: PinAction) -> Result<(), u8> {
        match action {
            PinAction::Output => gpio::make_output(number),
            PinAction::Input(pull) => gpio::make_input(number, pull as u32),
            PinAction::Set => gpio::set(number),
            PinAction::Clear => gpio::clear(number),
            PinAction::Toggle => gpio::toggle(number),
        }
        .map_err(|code| code as u8)
    }

    fn pin_is_high(&self, number: u32) -> Option<bool> {
        gpio::read(number).ok()
    }
}
