//! The board that the thread's imports reach.

use crate::conveyor::{Direction, Fields, Move};
use crate::host::Call;
use crate::{Capture, Handler, Level, STATE_MAX};
use berth_desk::{Board, Desk, Index, Width};
use std::any::Any;
use std::borrow::ToOwned;
use std::boxed::Box;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::string::String;
use std::thread_local;
use std::vec::Vec;

use super::Ended;
use super::patience::{self, Patience};

thread_local! {
    static BOARD: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// A board, and what its container has.
pub(crate) struct Running {
    board: Board,
    pub(crate) desk: Desk,
    pub(crate) log: Vec<(Level, String)>,
    claimed: Vec<Index>,
    handlers: Vec<Registered>,
    conveyors: Vec<Attached>,
    /// What was captured for the handler that runs, to be found at its registers: block, offset, width and value.
    captured: Vec<(Index, u32, Width, u32)>,
    saved: Vec<u8>,
    configuration: BTreeMap<Vec<u8>, Vec<u8>>,
    changes: u32,
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    until_us: u64,
    in_handler: bool,
    pub(super) patience: Patience,
}

#[derive(Clone)]
struct Registered {
    block: Index,
    number: u8,
    priority: u8,
    handler: Handler,
    captures: Vec<Capture>,
    source: u32,
}

/// A conveyor.
#[derive(Clone, Copy)]
struct Attached {
    block: Index,
    moves: &'static [Move],
    fields: &'static dyn Fields,
    when: u32,
    due_us: u64,
}

impl Attached {
    /// Its period in microseconds, if it has one.
    const fn period(&self) -> Option<u64> {
        match self.when & 3 {
            1 => Some((self.when >> 2) as u64),
            _ => None,
        }
    }
}

/// Leaves the main function: the container has ended.
struct Left(Ended);

impl Running {
    pub(super) fn new(board: Board, mut desk: Desk) -> Self {
        desk.record();
        Self {
            board,
            desk,
            log: Vec::new(),
            claimed: Vec::new(),
            handlers: Vec::new(),
            conveyors: Vec::new(),
            captured: Vec::new(),
            saved: Vec::new(),
            configuration: BTreeMap::new(),
            changes: 0,
            values: BTreeMap::new(),
            until_us: u64::MAX,
            in_handler: false,
            patience: Patience::new(),
        }
    }

    /// The operator changes a setting, or removes it.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) {
        let name = name.as_bytes().to_owned();
        match value {
            Some(value) => drop(self.configuration.insert(name, value.as_bytes().to_owned())),
            None => drop(self.configuration.remove(&name)),
        }
        self.changes += 1;
    }

    pub(crate) fn setting(&mut self, name: &[u8]) -> Option<&[u8]> {
        self.configuration.get(name).map(Vec::as_slice)
    }

    pub(crate) fn changes(&mut self) -> u32 {
        self.changes
    }

    pub(crate) fn value(&mut self, name: &[u8]) -> Option<&[u8]> {
        self.values.get(name).map(Vec::as_slice)
    }

    /// Without the limits of a device, which its operator chooses.
    pub(crate) fn set_value(&mut self, name: &[u8], value: Option<&[u8]>) -> i32 {
        match value {
            Some(value) => drop(self.values.insert(name.to_owned(), value.to_owned())),
            None => drop(self.values.remove(name)),
        }
        0
    }

    pub(crate) fn claim(&mut self, label: &str) -> i32 {
        let Some(block) = self.desk.block(label) else {
            panic!("missing-imports: mmio:{label} claim: not exposed by this board");
        };
        let place = self.claimed.iter().position(|own| *own == block);
        let place = place.unwrap_or_else(|| {
            self.claimed.push(block);
            self.claimed.len() - 1
        });
        place as i32
    }

    fn index(&self, handle: i32) -> Option<&Index> {
        self.claimed.get(usize::try_from(handle).ok()?)
    }

    fn block(&self, handle: i32) -> Option<&berth_desk::Block> {
        self.desk.exposed(*self.index(handle)?)
    }

    /// The block of a handle, and what an access may do.
    fn permitted(&self, what: &str, (handle, offset): (i32, u32), width: Width) -> Permitted {
        let Some(index) = self.index(handle) else {
            panic!("faulted: bad-handle in mmio.{what}({handle}, {offset:#x})");
        };
        let exposed = self.desk.exposed(*index);
        let permission = exposed.and_then(|exposed| exposed.permission(offset, width));
        let Some((read, write, zero_rest)) = permission else {
            self.bad_register(what, *index, offset);
        };
        Permitted {
            index: *index,
            read,
            write,
            zero_rest,
        }
    }

    fn bad_register(&self, what: &str, index: Index, offset: u32) -> ! {
        let block = self.desk.exposed(index);
        let access = patience::access(what, block, offset);
        let why = block.and_then(|block| block.why_refused(what, offset));
        let why = why.map(|why| std::format!(": {why}"));
        panic!(
            "faulted: bad-register in {access}{}",
            why.unwrap_or_default()
        )
    }

    pub(crate) fn read(&mut self, bytes: u32, handle: i32, offset: u32) -> u32 {
        let width = width(bytes);
        let may = self.permitted(names(width).0, (handle, offset), width);
        let (index, mask) = (may.index, may.read);
        if mask == 0 {
            self.bad_register(names(width).0, index, offset);
        }
        let mut captured = self.captured.iter();
        let register = (index, offset, width);
        match captured.position(|(i, o, w, _)| (*i, *o, *w) == register) {
            Some(place) => self.captured.remove(place).3,
            None => self.desk.read(index, offset, width) & mask,
        }
    }

    pub(crate) fn write(&mut self, bytes: u32, handle: i32, offset: u32, value: u32) {
        let width = width(bytes);
        let may = self.permitted(names(width).1, (handle, offset), width);
        let (index, mask, zero_rest) = (may.index, may.write, may.zero_rest);
        if mask == 0 {
            self.bad_register(names(width).1, index, offset);
        }
        self.change((index, offset, width), (mask, value), zero_rest);
    }

    pub(crate) fn modify(&mut self, handle: i32, offset: u32, mask: u32, value: u32) {
        let width = Width::Bits32;
        let may = self.permitted("modify32", (handle, offset), width);
        let (index, write) = (may.index, may.write);
        if write == 0 || may.zero_rest {
            self.bad_register("modify32", index, offset);
        }
        if write & mask != 0 {
            self.change((index, offset, width), (write & mask, value), false);
        }
    }

    fn change(
        &mut self,
        (index, offset, width): (Index, u32, Width),
        (mask, value): (u32, u32),
        zero_rest: bool,
    ) {
        let kept = width.mask() & !mask;
        let old = if zero_rest || kept == 0 {
            0
        } else {
            self.desk.read(index, offset, width) & kept
        };
        self.desk.write(index, offset, width, old | value & mask);
    }

    pub(crate) fn register(
        &mut self,
        label: &str,
        (number, priority): (u8, u8),
        handler: Handler,
        captures: &[Capture],
    ) -> i32 {
        let place = self.claim(label);
        let Some(block) = self.desk.block(label) else {
            return -11;
        };
        let exposed = self.desk.exposed(block);
        let interrupts = exposed.map_or(&[][..], |exposed| &exposed.interrupts);
        let Some(interrupt) = interrupts.get(usize::from(number)) else {
            return -11;
        };
        let mut handlers = self.handlers.iter();
        if handlers.any(|other| other.block == block && other.number == number) {
            return -3;
        }
        if captures.len() as u32 > interrupt.captures_max {
            return -7;
        }
        if self.handlers.len() as u32 >= self.board.limits.handlers {
            return -9;
        }
        for capture in captures {
            let (offset, bytes) = capture.place();
            let permission =
                exposed.and_then(|exposed| exposed.permission(offset.into(), width(bytes.into())));
            match permission {
                None => return -6,
                Some((0, ..)) => return -10,
                Some(_) => {}
            }
        }
        self.handlers.push(Registered {
            block,
            number,
            priority,
            handler,
            captures: captures.to_vec(),
            source: (place as u32) << 8 | u32::from(number),
        });
        self.handlers.sort_by_key(|handler| handler.priority);
        0
    }

    pub(crate) fn unregister(&mut self, label: &str) {
        let block = self.desk.block(label);
        self.handlers.retain(|handler| Some(handler.block) != block);
    }

    pub(crate) fn log(&mut self, level: i32, text: &[u8]) {
        let level = match level {
            0 => Level::Error,
            1 => Level::Warn,
            2 => Level::Info,
            _ => Level::Debug,
        };
        let text = String::from_utf8_lossy(text).into_owned();
        self.log.push((level, text));
    }

    pub(crate) fn now_us(&mut self) -> u64 {
        self.desk.look_at_clock()
    }

    pub(crate) fn save(&mut self, state: &[u8]) -> i32 {
        if state.len() > STATE_MAX {
            return crate::imports::SIZE;
        }
        self.saved = state.to_owned();
        0
    }

    pub(crate) fn load(&self, buffer: &mut [u8]) -> usize {
        for (place, byte) in buffer.iter_mut().zip(&self.saved) {
            *place = *byte;
        }
        self.saved.len()
    }

    pub(crate) fn program(&mut self) {
        panic!(
            "register programs are carried out by a device or by `berth sim`, not by a driver's test"
        );
    }

    pub(crate) fn attach(
        &mut self,
        label: &str,
        moves: &'static [Move],
        fields: &'static dyn Fields,
        when: u32,
    ) -> i32 {
        let handle = self.claim(label);
        let Some(block) = self.desk.block(label) else {
            return -11;
        };
        if self.conveyors.iter().any(|other| other.block == block) {
            return -2;
        }
        if self.conveyors.len() as u32 >= self.board.limits.conveyors {
            return -9;
        }
        for one in moves {
            let offset = one.offset.into();
            let may = self.permitted("conveyor", (handle, offset), one.width);
            let mask = match one.direction {
                Direction::In => may.read,
                Direction::Out => may.write,
            };
            if mask == 0 {
                self.bad_register("conveyor", block, offset);
            }
        }
        self.conveyors.push(Attached {
            block,
            moves,
            fields,
            when,
            due_us: self.desk.now_us() + u64::from(when >> 2),
        });
        0
    }

    pub(crate) fn sync(&mut self, label: &str, first: u32, count: u32) {
        let block = self.desk.block(label);
        let mut conveyors = self.conveyors.iter();
        let found = conveyors.find(|other| Some(other.block) == block).copied();
        let (first, count) = (first as usize, count as usize);
        let Some((one, moves)) =
            found.and_then(|one| Some((one, one.moves.get(first..first + count)?)))
        else {
            panic!("faulted: bad-conveyor in conveyor.sync({label}, {first})");
        };
        self.make(one, moves);
    }

    pub(crate) fn detach(&mut self, label: &str) {
        let block = self.desk.block(label);
        self.conveyors.retain(|other| Some(other.block) != block);
    }

    fn make<'a>(&mut self, one: Attached, moves: impl IntoIterator<Item = &'a Move>) {
        let place = self.claimed.iter().position(|own| *own == one.block);
        let handle = place.map_or(-1, |place| place as i32);
        for Move {
            offset,
            width,
            direction,
            place,
            count,
        } in moves.into_iter().copied()
        {
            let Some(field) = one.fields.field(place.into()) else {
                continue;
            };
            for number in 0..usize::from(count) {
                match direction {
                    Direction::In => {
                        let may = self.permitted("conveyor", (handle, offset.into()), width);
                        let value = self.desk.read(may.index, offset.into(), width) & may.read;
                        field.set_value(number, value);
                    }
                    Direction::Out => {
                        let value = field.value(number).unwrap_or(0);
                        self.write(width.bytes(), handle, offset.into(), value);
                    }
                }
            }
        }
    }

    /// What was captured of registers that a conveyor of the block mirrors is there, too.
    fn mirror_captured(&mut self, block: Index) {
        let mut conveyors = self.conveyors.iter();
        let Some(one) = conveyors.find(|other| other.block == block) else {
            return;
        };
        let mut found: Vec<(u32, Width)> = Vec::new();
        for (_, offset, width, value) in &self.captured {
            let number = found.iter().filter(|it| **it == (*offset, *width)).count();
            found.push((*offset, *width));
            let places = one.moves.iter().filter(|own| {
                own.direction == Direction::In
                    && u32::from(own.offset) == *offset
                    && own.width == *width
            });
            let mut places = places
                .flat_map(|own| (0..usize::from(own.count)).map(move |number| (own.place, number)));
            if let Some((place, number)) = places.nth(number)
                && let Some(field) = one.fields.field(place.into())
            {
                field.set_value(number, *value);
            }
        }
    }

    /// The conveyor that is synchronised at this interrupt makes its moves of one direction; what was captured is not read again.
    fn at_interrupt(&mut self, next: &Registered, direction: Direction) {
        let mut conveyors = self.conveyors.iter();
        let at = u32::from(next.number) << 2 | 2;
        let found = conveyors.find(|other| other.block == next.block && other.when == at);
        let Some(one) = found.copied() else {
            return;
        };
        let is_captured = |own: &Move| {
            let mut captures = next.captures.iter();
            let place = (own.offset, own.width.bytes() as u8);
            captures.any(|capture| capture.target().is_none() && capture.place() == place)
        };
        let is_meant = |own: &&Move| {
            own.direction == direction && (direction == Direction::Out || !is_captured(own))
        };
        self.make(one, one.moves.iter().filter(is_meant));
    }

    /// Synchronise the conveyors that are due. Returns when the next one is.
    fn sync_due(&mut self) -> Option<u64> {
        for place in 0..self.conveyors.len() {
            let now = self.desk.now_us();
            let Some(one) = self.conveyors.get_mut(place) else {
                continue;
            };
            if let Some(period) = one.period().filter(|_| one.due_us <= now) {
                one.due_us = now + period;
                let one = *one;
                self.make(one, one.moves);
            }
        }
        let timed = self.conveyors.iter().filter(|one| one.period().is_some());
        timed.map(|one| one.due_us).min()
    }

    /// The next handler that is to be called, with what was captured.
    fn taken(&mut self) -> Option<Registered> {
        let mut handlers = self.handlers.clone().into_iter();
        let next =
            handlers.find(|handler| self.desk.raised(handler.block) >> handler.number & 1 != 0)?;
        let before = self.desk.set_by(berth_desk::By::Interrupt);
        let exposed = self.desk.exposed(next.block).cloned();
        let interrupt = exposed.and_then(|e| e.interrupts.get(usize::from(next.number)).cloned());
        let clear = |desk: &mut Desk| {
            if let Some(clear) = interrupt.as_ref().and_then(|i| i.clear.as_ref()) {
                desk.write(next.block, clear.offset, width(clear.size / 8), clear.value);
            }
        };
        let first = interrupt.as_ref().is_some_and(|i| i.clear_before_capture);
        if first {
            clear(&mut self.desk);
        }
        for capture in &next.captures {
            let (offset, bytes) = capture.place();
            let value = self
                .desk
                .read(next.block, offset.into(), width(bytes.into()));
            let offset = u32::from(offset);
            let width = width(bytes.into());
            match capture.target() {
                Some(target) => target.set(value),
                None => self.captured.push((next.block, offset, width, value)),
            }
        }
        if !first {
            clear(&mut self.desk);
        }
        self.desk.taken(next.block, next.number.into());
        self.desk.set_by(before);
        self.mirror_captured(next.block);
        self.at_interrupt(&next, Direction::In);
        Some(next)
    }
}

/// What an access may do.
struct Permitted {
    index: Index,
    read: u32,
    write: u32,
    zero_rest: bool,
}

fn width(bytes: u32) -> Width {
    Width::of_bytes(bytes).unwrap_or(Width::Bits32)
}

const fn names(width: Width) -> (&'static str, &'static str) {
    match width {
        Width::Bits8 => ("read8", "write8"),
        Width::Bits16 => ("read16", "write16"),
        Width::Bits32 => ("read32", "write32"),
    }
}

/// Do something with the thread's board, if it has one.
fn with<R>(work: impl FnOnce(&mut Running) -> R) -> Option<R> {
    BOARD.with_borrow_mut(|board| board.as_mut().map(work))
}

/// The driver calls the device: that is counted and done, and the handlers that are due are called.
pub(crate) fn call<R>(call: Call, work: impl FnOnce(&mut Running) -> R) -> Option<R> {
    let result = with(|board| {
        board.patience.count(call);
        work(board)
    })?;
    handle();
    check();
    Some(result)
}

/// Whoever has no time left, or has called too often, ends.
fn check() {
    let ends = with(|board| {
        let said = board.patience.is_over(|handle| board.block(handle));
        // Nobody leaves a handler but by its end.
        let is_over = !board.in_handler
            && board.until_us != u64::MAX
            && board.desk.now_us() >= board.until_us;
        (is_over, said)
    });
    match ends {
        Some((true, _)) => resume_unwind(Box::new(Left(Ended::TimeIsOver))),
        Some((_, Some(said))) => panic!("{said}"),
        _ => {}
    }
}

/// Call the handlers of interrupts that are raised.
fn handle() {
    // A handler that does not remove the cause is called again, as on a device; not for ever.
    for _ in 0..1000 {
        let next = with(|board| {
            let next = if board.in_handler {
                None
            } else {
                board.taken()
            };
            board.in_handler |= next.is_some();
            next
        });
        let Some(Some(next)) = next else { return };
        (next.handler)(next.source, 1);
        with(|board| {
            board.captured.clear();
            board.at_interrupt(&next, Direction::Out);
            board.in_handler = false;
        });
    }
    panic!(
        "an interrupt is raised again whenever its handler has returned: who removes its cause?"
    );
}

/// Nobody sleeps longer: devices count time in smaller units.
const FAR_US: u64 = u64::MAX >> 10;

/// Let time pass, and call handlers when their interrupts come.
pub(crate) fn pass_time(microseconds: u64) {
    let deadline = with(|board| {
        assert!(
            !board.in_handler,
            "faulted: may-suspend: a handler cannot wait"
        );
        let now = board.desk.now_us();
        now.saturating_add(microseconds.max(1)).min(FAR_US)
    });
    let Some(deadline) = deadline else { return };
    loop {
        call(Call::Wait, |_| ());
        let now = with(|board| {
            let next = [board.desk.next_us(), board.sync_due()];
            let next = next.into_iter().flatten().min().unwrap_or(u64::MAX);
            let until = next.min(deadline).min(board.until_us);
            board.desk.go_on(until);
            board.sync_due();
            (board.desk.now_us(), board.until_us)
        });
        let Some((now, until)) = now else { return };
        if now >= deadline {
            handle();
            return;
        }
        if now >= until {
            resume_unwind(Box::new(Left(Ended::TimeIsOver)));
        }
    }
}

/// Nothing will ever come: whoever has a time waits until that is over.
pub(crate) fn wait_for_ever() {
    let is_endless = with(|board| board.until_us == u64::MAX);
    assert!(
        is_endless != Some(true),
        "the driver waits for a message, and nobody sends one to a driver's test: `berth sim` runs several containers"
    );
    pass_time(u64::MAX);
}

/// The container leaves.
pub(crate) fn leave(code: i32) {
    if with(|_| ()).is_some() {
        resume_unwind(Box::new(Left(Ended::With(code))));
    }
}

/// Work on a board: it is the thread's meanwhile.
pub(super) fn on<R>(place: &mut Option<Running>, until_us: u64, work: impl FnOnce() -> R) -> R {
    match caught(place, until_us, work) {
        Ok(result) => result,
        Err(payload) => resume_unwind(payload),
    }
}

/// The same for a whole main function.
pub(super) fn run(place: &mut Option<Running>, until_us: u64, main: impl FnOnce()) -> Ended {
    let ended = match caught(place, until_us, main) {
        Ok(()) => Ended::With(0),
        Err(payload) => match payload.downcast::<Left>() {
            Ok(left) => left.0,
            Err(payload) => resume_unwind(payload),
        },
    };
    if let Some(running) = place {
        running.end();
    }
    ended
}

fn caught<R>(
    place: &mut Option<Running>,
    until_us: u64,
    work: impl FnOnce() -> R,
) -> Result<R, Box<dyn Any + Send>> {
    let mut running = place.take();
    if let Some(running) = &mut running {
        running.until_us = until_us;
        running.in_handler = false;
        running.patience.begin();
    }
    let before = BOARD.replace(running);
    // What it leaves half done is the board's, which is as it is.
    let result = catch_unwind(AssertUnwindSafe(work));
    *place = BOARD.replace(before);
    result
}

impl Running {
    /// What the end of a claim does: no more interrupts, the safe state.
    fn end(&mut self) {
        self.handlers.clear();
        self.conveyors.clear();
        let before = self.desk.set_by(berth_desk::By::SafeState);
        for index in std::mem::take(&mut self.claimed) {
            let block = self.desk.exposed(index).cloned();
            for safe in block.iter().flat_map(|block| &block.safe_state) {
                let width = width(safe.size / 8);
                let listed = block
                    .as_ref()
                    .and_then(|b| b.permission(safe.offset, width));
                let zero_rest = listed.is_some_and(|(.., zero_rest)| zero_rest);
                self.change(
                    (index, safe.offset, width),
                    (safe.mask, safe.value),
                    zero_rest,
                );
            }
        }
        self.desk.set_by(before);
    }
}
