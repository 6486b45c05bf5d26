//! What registers are known to hold, and what may be done with it.
//!
//! Nothing is known where paths meet, and at places where code can be paused; of a call only that r4 to r8 and r11 keep
//! addresses that were checked. What a comparison says counts for the instruction behind it.

use berth_compiler::entry::{CHECKED_EXTENT, CHECKED_WORDS, context};

use crate::decode::{At, IP, Is, KEPT, LR, MEMORY, SP, condition, is_general};
use crate::module::Module;

/// What is known of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Unknown,
    Constant(u32),
    /// The same as r9.
    Context,
    /// A number: from there on there are at least so many bytes of memory.
    Checked(u32),
    /// What this word of the frame holds.
    Loaded(u8),
    /// An address, from which on there are so many.
    Inside(u32),
    /// r9 and so many bytes.
    Above(u32),
    /// So many bytes below r9.
    Below(u32),
    /// Bytes of the memory.
    MemoryBytes,
    /// So many fewer, and the memory has so many.
    Limit(u32),
    /// Number of elements of a table.
    Length(u32),
    /// Address of its elements.
    Elements(u32),
    /// A reference to a function, or null.
    Element,
    /// A reference to a function.
    Function,
    /// The number of the type of the function in lr.
    TypeOf,
    /// A reference to a function of this type.
    Callee(u32),
    /// Address of the words that the caller passes at sp.
    Callers,
}

use Value::{
    Above, Below, Callee, Checked, Constant, Element, Elements, Function, Inside, Length, Limit,
    Loaded, Unknown,
};

/// What the flags say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flags {
    #[default]
    None,
    /// How this register compares.
    Compared(u8, Value),
    /// That the memory has so many bytes, which were subtracted to ip.
    Borrow(u32),
}

/// Numbers that rules refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of the memory at least.
    pub(crate) memory: u32,
    /// Bytes that callers of this function keep at sp.
    pub(crate) callers: i32,
}

/// What is known at a place of a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    values: [Value; 15],
    /// Of each word from the bottom of the frame: so many bytes of memory there are from the number in it on.
    words: [u16; CHECKED_WORDS as usize],
    pub(crate) flags: Flags,
    /// A register that is below the length of a table.
    bound: Option<(u8, u32)>,
    /// A word of the frame, so many bytes below the saved registers, and what it holds.
    stored: Option<(i32, Value)>,
    /// Bytes that sp is below the saved registers.
    pub(crate) below: i32,
    /// What that is between instructions, and the most that it is anywhere.
    pub(crate) frame: i32,
    pub(crate) most: i32,
    /// Registers that the function has saved, one bit each.
    pub(crate) saved: u16,
    /// Something leads here.
    pub(crate) live: bool,
}

impl State {
    pub(crate) const fn new() -> Self {
        Self {
            values: [Unknown; 15],
            words: [0; CHECKED_WORDS as usize],
            flags: Flags::None,
            bound: None,
            stored: None,
            below: 0,
            frame: 0,
            most: 0,
            saved: 0,
            live: true,
        }
    }

    /// Paths meet.
    pub(crate) fn forget(&mut self) {
        self.values = [Unknown; 15];
        self.words = [0; CHECKED_WORDS as usize];
        (self.flags, self.bound, self.stored) = (Flags::None, None, None);
        (self.below, self.live) = (self.frame, true);
    }

    /// A call has come back.
    pub(crate) fn called(&mut self) {
        for (register, value) in self.values.iter_mut().enumerate() {
            if KEPT >> register & 1 == 0 || !matches!(value, Checked(_) | Loaded(_)) {
                *value = Unknown;
            }
        }
        self.bound = self.bound.filter(|(register, _)| KEPT >> register & 1 != 0);
        self.stored = None;
    }

    /// Bytes of saved registers.
    pub(crate) const fn saved_bytes(&self) -> i32 {
        4 * (self.saved.count_ones() as i32 + 1)
    }

    pub(crate) fn value(&self, register: u8) -> Value {
        self.values
            .get(usize::from(register))
            .copied()
            .unwrap_or(Unknown)
    }

    fn set(&mut self, register: u8, value: Value) {
        if let Some(place) = self.values.get_mut(usize::from(register)) {
            *place = value;
        }
    }

    /// A general register is written.
    pub(crate) fn write(&mut self, register: u8, value: Value) -> Result<(), &'static str> {
        if (KEPT & !self.saved) >> register & 1 != 0 {
            return Err("a register is changed that is not saved");
        }
        if self.bound.is_some_and(|(bound, _)| bound == register) {
            self.bound = None;
        }
        if register == LR && self.value(IP) == Value::TypeOf {
            self.set(IP, Unknown);
        }
        self.set(register, value);
        Ok(())
    }

    /// A trap is taken under this condition: what does it say that it was not?
    pub(crate) fn learn(&mut self, condition: u8, flags: Flags, memory: u32) {
        match (condition, flags) {
            (condition::HI, Flags::Compared(register, Constant(most))) if most < memory => {
                self.learn_checked(register, memory - most);
            }
            (condition::HI, Flags::Compared(register, Limit(extent))) => {
                self.learn_checked(register, extent);
            }
            (condition::LO, Flags::Borrow(extent)) => self.set(IP, Limit(extent)),
            (condition::HS, Flags::Compared(register, Length(table))) => {
                self.bound = Some((register, table));
            }
            (condition::EQ, Flags::Compared(LR, Constant(0))) if self.value(LR) == Element => {
                self.set(LR, Function);
            }
            (condition::NE, Flags::Compared(IP, Constant(number)))
                if (self.value(IP), self.value(LR)) == (Value::TypeOf, Function) =>
            {
                self.set(LR, Callee(number));
            }
            _ => {}
        }
    }

    fn learn_checked(&mut self, register: u8, extent: u32) {
        let extent = extent.max(self.extent(register));
        if let Loaded(word) = self.value(register)
            && let Some(known) = self.words.get_mut(usize::from(word))
        {
            *known = extent.min(CHECKED_EXTENT) as u16;
        }
        self.set(register, Checked(extent));
    }

    /// Bytes of memory that there are from the number in a register on.
    fn extent(&self, register: u8) -> u32 {
        match self.value(register) {
            Checked(extent) => extent,
            Loaded(word) => self
                .words
                .get(usize::from(word))
                .map_or(0, |extent| u32::from(*extent)),
            _ => 0,
        }
    }

    /// A word of the frame is written.
    fn write_word(&mut self, word: u8) {
        for register in 0..15 {
            if self.value(register) == Loaded(word) {
                self.set(register, Checked(self.extent(register)));
            }
        }
        if let Some(known) = self.words.get_mut(usize::from(word)) {
            *known = 0;
        }
    }

    /// sp moves.
    pub(crate) fn move_stack(&mut self, by: i32) -> Result<(), &'static str> {
        self.below -= by;
        if by % 4 != 0 || self.below < 0 || self.below > 1 << 13 {
            return Err("sp moves out of the frame");
        }
        self.most = self.most.max(self.below);
        self.stored = self.stored.filter(|(place, _)| *place <= self.below);
        Ok(())
    }

    /// Does the fifth argument, at sp, hold the context?
    pub(crate) fn passes_context(&self) -> bool {
        self.stored == Some((self.below, Value::Context))
    }

    /// Carries out an instruction that leads nowhere. `flags` is what the one before it says.
    pub(crate) fn apply(
        &mut self,
        is: Is,
        module: &Module,
        bounds: Bounds,
    ) -> Result<(), &'static str> {
        match is {
            Is::Computed(to) => self.write(to, Unknown),
            Is::ComputedTwo => {
                self.write(IP, Unknown)?;
                self.write(LR, Unknown)
            }
            Is::Constant { to, value } => self.write(to, Constant(value)),
            Is::Upper { to, half } => {
                let value = match self.value(to) {
                    Constant(lower) => Constant(half << 16 | lower & 0xffff),
                    _ => Unknown,
                };
                self.write(to, value)
            }
            Is::Moved { to: MEMORY, .. } => Err("r9 is changed"),
            Is::Moved { to, from: MEMORY } => self.write(to, Value::Context),
            Is::Moved { to, from } => self.write(to, self.value(from)),
            Is::Sum { to, a, b } => self.write(to, self.sum(a, b)),
            Is::Difference { to, a, b } => {
                if let (Value::MemoryBytes, Constant(extent), IP) =
                    (self.value(a), self.value(b), to)
                {
                    self.flags = Flags::Borrow(extent);
                }
                self.write(to, Unknown)
            }
            Is::Plus {
                to,
                from,
                value,
                flags,
            } => {
                let lower = value.wrapping_neg();
                if flags && self.value(from) == Value::MemoryBytes && to == IP {
                    self.flags = Flags::Borrow(lower);
                }
                let is = match from {
                    MEMORY => Below(lower),
                    SP if value as i32 == self.below + self.saved_bytes() => Value::Callers,
                    SP => return Err("an address in the stack"),
                    _ => Unknown,
                };
                self.write(to, is)
            }
            Is::Against { a, value } => {
                self.flags = Flags::Compared(a, Constant(value));
                Ok(())
            }
            Is::Compared { a, b } if is_general(a) => {
                self.flags = Flags::Compared(a, self.value(b));
                Ok(())
            }
            Is::Access {
                load,
                bytes,
                register,
                base,
                at,
            } => {
                let value = if base == SP {
                    self.frame_access(load, bytes, register, at)?
                } else {
                    let known = self.outside(base, at, (load, bytes), module, bounds);
                    // What is never reached need not be right.
                    match known {
                        None if self.live => return Err("an access without its check"),
                        known => known.unwrap_or(Unknown),
                    }
                };
                if load {
                    return self.write(register, value);
                }
                Ok(())
            }
            Is::Stack(by) => self.move_stack(by),
            _ => Err("an instruction that has no place here"),
        }
    }

    /// What the sum of two registers is.
    fn sum(&self, a: u8, b: u8) -> Value {
        let extent = self.extent(b);
        match (a, b, self.value(a)) {
            (MEMORY, _, _) => Inside(extent),
            (_, MEMORY, Constant(value)) => Above(value),
            (_, _, Above(value)) => Inside(extent.saturating_sub(value)),
            _ => Unknown,
        }
    }

    /// An access of the frame. Returns what is loaded.
    fn frame_access(
        &mut self,
        load: bool,
        bytes: u32,
        register: u8,
        at: At,
    ) -> Result<Value, &'static str> {
        let At::Distance(distance) = at else {
            return Err("an access of the frame by an index");
        };
        if bytes != 4 || distance < 0 || distance % 4 != 0 || distance + 4 > self.below {
            return Err("an access outside of the frame");
        }
        let place = self.below - distance;
        let known = self.stored.filter(|(stored, _)| *stored == place);
        // Words from the bottom of the frame, not of what was taken below it for a call.
        let word = u32::try_from(distance - (self.below - self.frame)).map(|bytes| bytes / 4);
        let word = word
            .ok()
            .filter(|word| *word < CHECKED_WORDS)
            .map(|word| word as u8);
        if load {
            let loaded = word.map_or(Unknown, Loaded);
            return Ok(known.map_or(loaded, |(_, value)| value));
        }
        if let Some(word) = word {
            self.write_word(word);
        }
        let value = match register {
            MEMORY => Value::Context,
            _ => self.value(register),
        };
        if matches!(value, Value::Context | Callee(_)) {
            self.stored = Some((place, value));
        } else if known.is_some() {
            self.stored = None;
        }
        Ok(Unknown)
    }

    /// An access of anything else, if it is one that may be. Returns what is loaded.
    fn outside(
        &self,
        base: u8,
        at: At,
        (load, bytes): (bool, u32),
        module: &Module,
        bounds: Bounds,
    ) -> Option<Value> {
        // Numbers are small enough for 64 bits not to run over.
        let from = |start: u32, distance: i32| i64::from(start) + i64::from(distance);
        let reads = load && bytes == 4;
        let is = |holds: bool| holds.then_some(Unknown);
        match (base, self.value(base), at) {
            (MEMORY, _, At::Distance(distance)) if distance < 0 => {
                let distance = from(0, -distance);
                if bytes == 4 && module.is_global(distance) {
                    return Some(Unknown);
                }
                if !reads {
                    return None;
                }
                let length = module.table_of_length(distance).map(Length);
                let elements = module.table_of_length(distance - 4).map(Elements);
                match distance as u32 {
                    context::MEMORY_BYTES => Some(Value::MemoryBytes),
                    context::CODE => Some(Unknown),
                    _ => length.or(elements),
                }
            }
            (MEMORY, _, At::Distance(distance)) => {
                is(from(bytes, distance) <= i64::from(bounds.memory))
            }
            (MEMORY, _, At::Index(index, 0)) => is(self.extent(index) >= bytes),
            (_, Inside(there), At::Distance(distance)) => {
                is(distance >= 0 && from(bytes, distance) <= i64::from(there))
            }
            (_, Above(above), At::Distance(distance)) => {
                let end = from(above, distance) + i64::from(bytes);
                is(distance >= 0 && end <= i64::from(bounds.memory))
            }
            (_, Above(above), At::Index(index, 0)) => {
                is(i64::from(self.extent(index)) >= from(above, bytes as i32))
            }
            (_, Below(below), At::Distance(distance)) => {
                let word = i64::from(below) - i64::from(distance);
                is(distance >= 0 && bytes == 4 && module.is_global(word))
            }
            (_, Elements(table), At::Index(index, 2)) if self.bound == Some((index, table)) => {
                let has_functions = module.has_functions(table);
                reads.then_some(if has_functions { Element } else { Unknown })
            }
            (LR, Function, At::Distance(-5)) if reads => Some(Value::TypeOf),
            (_, Value::Callers, At::Distance(distance)) => {
                let inside = distance >= 0 && distance + 4 <= bounds.callers;
                is(inside && bytes == 4 && distance % 4 == 0)
            }
            _ => None,
        }
    }
}
