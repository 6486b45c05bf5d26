//! An instance of a compiled module, and calls of its functions: memory, context and stacks in the allocator's memory.

#![allow(unsafe_code)]

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use berth_compiler::entry::{self, SLACK, context};
use berth_instance::{Error, Layout, Moves};

use crate::frame::{Exit, Frame, STACK_RESERVE, fill};
use crate::helpers::{REFERENCE, set_word, word};

/// An object that may be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(u32);

impl Code {
    /// The object at this address, which is a multiple of 4.
    ///
    /// # Safety
    ///
    /// The compiler has made it of the image that its [`Instance`]s are laid out by, the checker has taken it, its bytes can be executed, and
    /// they stay as they are for as long as there is an instance.
    #[must_use]
    pub const unsafe fn new(address: u32) -> Self {
        Self(address)
    }

    /// Returns that address.
    #[must_use]
    pub const fn address(self) -> u32 {
        self.0
    }
}

/// A stack for one call.
pub struct Stack(Box<[u32]>);

impl Stack {
    /// Returns one of so many bytes, beside what helpers and interrupts take.
    #[must_use]
    pub fn new(bytes: u32) -> Self {
        let words = (SLACK + STACK_RESERVE + bytes).div_ceil(4) as usize;
        Self(vec![0; words].into_boxed_slice())
    }

    /// Its lowest address, and the one behind it.
    fn ends(&mut self) -> [u32; 2] {
        let lowest = self.0.as_mut_ptr().expose_provenance();
        [lowest, lowest + 4 * self.0.len()].map(|end| end as u32)
    }
}

/// A block of registers that the kernel has opened to this process, as compiled code finds it.
///
/// # Safety
///
/// Four words of 32 bits in this order: an address, and a number of words that may be read and written from there on, whatever is in them; the
/// others are anything. They can be for as long as such a value is borrowed.
pub unsafe trait Window: Copy {}

/// Bytes of a [`Window`].
const WINDOW_BYTES: usize = 16;

/// The number of an imported function that there is not.
const NO_ACCESS: u32 = u32::MAX;

/// Why an element is no function to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFunction {
    /// The table has no such element.
    Outside,
    /// It is null.
    Null,
    /// It is of another type.
    Signature,
}

/// A function of an instance by its reference. It means nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function(u32);

/// One call of a function: where it stands, and its stack.
pub struct Call {
    frame: Frame,
    stack: Stack,
    /// It has not come to an end, and can go on.
    goes_on: bool,
    /// Number of its instance.
    of: u32,
}

impl Call {
    /// Returns what is left of its fuel; negative at a pause.
    #[must_use]
    pub const fn fuel(&self) -> i32 {
        self.frame.fuel()
    }

    /// Sets what is left of its fuel.
    pub const fn set_fuel(&mut self, fuel: i32) {
        self.frame.set_fuel(fuel);
    }

    /// Gives its stack back, for another.
    #[must_use]
    pub fn into_stack(self) -> Stack {
        self.stack
    }

    /// Is a word of parameters or results in a register, or inside of its stack?
    fn is_there(&self, number: u32) -> bool {
        let in_register = number < 4;
        let end = self.stack.0.as_ptr_range().end.addr() as u32;
        in_register || self.frame.at_sp(number) < end
    }

    /// Returns a word of the parameters of the host function that it calls; anything if it has not so many.
    #[must_use]
    pub fn word(&self, number: u32) -> u32 {
        if !self.is_there(number) {
            return 0;
        }
        // SAFETY: a register's, or a word of its stack.
        unsafe { self.frame.word(number) }
    }

    /// Sets a word of the results of the host function that it calls: one of the first four.
    pub fn set_result(&mut self, number: u32, value: u32) {
        if number < 4 {
            // SAFETY: a register's.
            unsafe { self.frame.set_word(number, value) };
        }
    }

    /// Answers [`Exit::MemoryGrow`]: `before`, the pages that there were; `None`: it has not grown.
    pub const fn grown(&mut self, before: Option<u32>) {
        // Where the memory is it learns when it goes on.
        self.frame.grown(before, self.frame.memory());
    }
}

/// How a memory may grow.
#[derive(Clone, Copy)]
pub struct Growth {
    /// Pages that there are.
    pub before: u32,
    /// Bytes of the memory when it has grown.
    pub bytes: u32,
    /// Bytes that are in one piece with the memory, in front of it.
    pub beside: u32,
}

/// Numbers of instances that were made. One that is made after 2^32 others has the number of one that is long over.
static INSTANCES: AtomicU32 = AtomicU32::new(0);

/// Memory, tables, globals and context of one instance.
pub struct Instance {
    /// What is in front of the memory, and the memory.
    words: Vec<u32>,
    /// Tells it from all others, wherever they are.
    number: u32,
    /// Where its own addresses are.
    moves: Moves,
    /// Most pages of the memory, and the logarithm of a page's bytes.
    pages: u32,
    page_log2: u32,
    /// Words in front of it.
    front: usize,
    /// Bytes of the memory.
    bytes: usize,
    /// Functions of the module.
    functions: u32,
    code: Code,
}

impl Instance {
    /// Lays out an instance.
    ///
    /// # Errors
    ///
    /// As [`Layout::fill`].
    pub fn new(layout: &Layout<'_>, code: Code) -> Result<Self, Error> {
        let (front, bytes) = (layout.words(), layout.memory as usize);
        let mut words = vec![0; front + bytes.div_ceil(4)];
        let at = words.as_mut_ptr().expose_provenance() as u32;
        let (head, rest) = words.split_at_mut_checked(front).ok_or(Error::TooMuch)?;
        layout.fill(head, bytes_of(rest, bytes), at, code.0)?;
        let this = Self {
            words,
            number: INSTANCES.fetch_add(1, Ordering::Relaxed),
            moves: layout.moves(),
            pages: layout.pages,
            page_log2: layout.page_log2,
            front,
            bytes,
            functions: layout.functions(),
            code,
        };
        // SAFETY: the words below the memory are its context.
        unsafe { fill(this.address(), bytes as u32, 0, code.0) };
        set_word(this.address() - context::LAST_NUMBER, NO_ACCESS);
        Ok(this)
    }

    /// Address of the memory.
    fn address(&self) -> u32 {
        (self.words.as_ptr().addr() + 4 * self.front) as u32
    }

    /// Returns how the memory grows by so many pages; `None` if it may not have as many.
    #[must_use]
    pub const fn growth(&self, pages: u32) -> Option<Growth> {
        // At most 2^32 bytes, of which no device has as many.
        let before = (self.bytes >> self.page_log2) as u32;
        match before.checked_add(pages) {
            Some(after) if after <= self.pages => {}
            _ => return None,
        }
        let bytes = (before as u64 + pages as u64) << self.page_log2;
        if bytes > u32::MAX as u64 {
            return None;
        }
        Some(Growth {
            before,
            bytes: bytes as u32,
            beside: 4 * self.front as u32,
        })
    }

    /// Makes the memory so large, here or elsewhere; the rest are zeros. Returns whether there was room.
    pub fn grow(&mut self, growth: Growth) -> bool {
        let bytes = growth.bytes as usize;
        let more = (self.front + bytes.div_ceil(4)).saturating_sub(self.words.len());
        let before = self.words.as_ptr().expose_provenance() as u32;
        if bytes < self.bytes || self.words.try_reserve_exact(more).is_err() {
            return false;
        }
        self.words.resize(self.words.len() + more, 0);
        self.bytes = bytes;
        let at = self.words.as_mut_ptr().expose_provenance() as u32;
        if at != before {
            self.moves.moved(&mut self.words, before, at);
        }
        set_word(self.address() - context::MEMORY_BYTES, growth.bytes);
        true
    }

    /// Returns the memory.
    pub fn memory(&mut self) -> &mut [u8] {
        bytes_of(
            self.words.get_mut(self.front..).unwrap_or_default(),
            self.bytes,
        )
    }

    /// Returns the memory, to be looked at.
    #[must_use]
    pub fn memory_now(&self) -> &[u8] {
        let words = self.words.get(self.front..).unwrap_or_default();
        // SAFETY: the bytes of these words, of which there are at least so many (`new`); any bytes are a `u8`.
        unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), self.bytes) }
    }

    /// Returns the word that is so many bytes below the memory: of a global variable, as [`Layout::global`] says.
    #[must_use]
    pub fn below(&self, distance: u32) -> Option<u32> {
        let place = self.front.checked_sub(distance as usize / 4)?;
        self.words.get(place).copied()
    }

    /// Returns function `index`. `None` if there is none of the type with this number, as [`Layout::type_number`] has it.
    #[must_use]
    pub fn function(&self, index: u32, of_type: u32) -> Option<Function> {
        let function = Function(self.code.0 + entry::entry(index) + REFERENCE);
        (index < self.functions && self.is_of(function, of_type)).then_some(function)
    }

    /// Returns the function that element `index` of `table` refers to.
    ///
    /// # Errors
    ///
    /// Why there is none of the type with this number.
    pub fn element(&self, table: u32, index: u32, of_type: u32) -> Result<Function, NoFunction> {
        let length = self.below(context::table(table)).unwrap_or(0);
        let elements = self.below(context::table(table) + 4).unwrap_or(0);
        if index >= length {
            return Err(NoFunction::Outside);
        }
        let first = elements.wrapping_sub(self.words.as_ptr().addr() as u32) / 4;
        let word = self.words.get((first + index) as usize).copied();
        match word.ok_or(NoFunction::Outside)? {
            0 => Err(NoFunction::Null),
            word if self.is_of(Function(word), of_type) => Ok(Function(word)),
            _ => Err(NoFunction::Signature),
        }
    }

    /// Is it a function of this instance, of this type?
    fn is_of(&self, function: Function, of_type: u32) -> bool {
        self.is_own(function) && word(function.0 - REFERENCE) == of_type
    }

    /// Is it an entry of this instance's object?
    const fn is_own(&self, function: Function) -> bool {
        let offset = function.0.wrapping_sub(self.code.0 + REFERENCE);
        let stride = entry::entry(1);
        offset.is_multiple_of(stride) && offset / stride < self.functions
    }

    /// Begins a call of a function with these parameters on `stack`, beside whatever else is under way. `None` if it is no function of this
    /// instance.
    #[must_use]
    pub fn call(&self, function: Function, parameters: [u32; 2], mut stack: Stack) -> Option<Call> {
        if !self.is_own(function) {
            return None;
        }
        let [_, end] = stack.ends();
        let mut frame = Frame::new();
        // SAFETY: the entry is one of an object that may be executed; stack and context are this instance's. Words that a
        // function does not take are in registers that it may change.
        unsafe { frame.begin(function.0 - 1, end, self.address(), &parameters, 0) };
        Some(Call {
            frame,
            stack,
            goes_on: true,
            of: self.number,
        })
    }

    /// Returns the number of the imported function of the last access that code has made itself, its handle and its offset, once.
    pub fn take_access(&mut self) -> Option<(u32, [u32; 2])> {
        let number = self.below(context::LAST_NUMBER)?;
        if number == NO_ACCESS {
            return None;
        }
        set_word(self.address() - context::LAST_NUMBER, NO_ACCESS);
        let handle = self.below(context::LAST_ACCESS)?;
        let offset = self.below(context::LAST_ACCESS - 4)?;
        Some((number, [handle, offset]))
    }

    /// Lets a call of this instance go on until its fuel is used up or it comes back for something else. The code may access what is in
    /// `windows`, whose numbers are its handles. A call that was over, or is another instance's, is trapped.
    pub fn run<W: Window>(&mut self, call: &mut Call, windows: &[W]) -> Exit {
        const { assert!(size_of::<W>() == WINDOW_BYTES) }
        let memory = self.words.as_mut_ptr().expose_provenance() as u32 + 4 * self.front as u32;
        if !call.goes_on || call.of != self.number {
            return Exit::Trapped {
                reason: 0,
                place: 0,
            };
        }
        // It may have grown since, in this call or in another.
        call.frame
            .moved(0, memory.wrapping_sub(call.frame.memory()));
        let [lowest, _] = call.stack.ends();
        set_word(
            memory - context::STACK_LIMIT,
            lowest + SLACK + STACK_RESERVE,
        );
        let at = windows.as_ptr().expose_provenance() as u32;
        set_word(memory - context::WINDOWS, at);
        set_word(memory - context::WINDOW_COUNT, windows.len() as u32);
        // SAFETY: it was begun here and is not over, its stack is where it was, its memory where the frame has it now, and its windows are borrowed; only this
        // instance and this call have them.
        let exit = unsafe { call.frame.run(0) };
        call.goes_on = !matches!(exit, Exit::Returned | Exit::Trapped { .. });
        exit
    }
}

/// The first `count` bytes of these words.
fn bytes_of(words: &mut [u32], count: usize) -> &mut [u8] {
    let count = count.min(4 * words.len());
    // SAFETY: there are so many bytes in these words, and any bytes are words and `u8`s.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), count) }
}
