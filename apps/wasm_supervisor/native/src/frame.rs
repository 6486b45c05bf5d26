//! A call of compiled code under way.

#![allow(unsafe_code)]

use core::arch::global_asm;
use core::mem::offset_of;

use berth_compiler::entry::{Helper, context};

use crate::helpers::{self, Entry, table};
use crate::own;

/// Bytes of stack below the limit that helpers, leaving, and an interrupt take, beside [`SLACK`](berth_compiler::entry::SLACK).
pub const STACK_RESERVE: u32 = 512;

/// Why compiled code has come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The function returned.
    Returned,
    /// The fuel is used up.
    Paused,
    /// It calls the imported function with this number; parameters are in [`Frame::word`], results go there.
    Host(u32),
    /// It wants the memory to grow by so many pages: [`Frame::grown`].
    MemoryGrow(u32),
    /// It wants the table of this number to grow.
    TableGrow {
        /// Which.
        table: u32,
        /// By how many elements.
        elements: u32,
        /// What they are to be.
        value: u32,
    },
    /// It cannot go on: the number of the helper of the reason, and the address behind the place.
    Trapped {
        /// Of [`Helper`].
        reason: u8,
        /// Address in the code.
        place: u32,
    },
}

/// A call of compiled code: its registers while it does not run. The assembly below knows the order.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Frame {
    /// Where whoever entered it goes on.
    own_sp: u32,
    /// Its stack.
    sp: u32,
    /// Where it goes on.
    place: u32,
    /// r0 to r3.
    words: [u32; 4],
    /// r9.
    memory: u32,
    /// r10: what is left; negative at a pause.
    fuel: i32,
    /// What it came back for, as `kind`.
    kind: u32,
    /// ip at that time.
    number: u32,
}

/// What it came back for.
mod kind {
    pub(super) const RETURNED: u32 = 0;
    pub(super) const PAUSED: u32 = 1;
    pub(super) const HOST: u32 = 2;
    pub(super) const MEMORY_GROW: u32 = 3;
    pub(super) const TABLE_GROW: u32 = 4;
    pub(super) const TRAPPED: u32 = 5;
    pub(super) const TOLD: u32 = 6;
}

/// Registers that a stack that was left begins with: r4 to r8, r11, lr.
const SAVED_WORDS: u32 = 7;

impl Frame {
    /// A call that has not begun, with code, stack and memory of nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            own_sp: 0,
            sp: 0,
            place: 0,
            words: [0; 4],
            memory: 0,
            fuel: 0,
            kind: kind::RETURNED,
            number: 0,
        }
    }

    /// Begins a call of the function at `entry` with parameters of so many words and room for results, on the stack that ends at `stack`, for the memory at `memory`
    /// (r9), whose context is filled.
    ///
    /// # Safety
    ///
    /// `entry` is the entry of a function in an object that the compiler made and that is executable; the stack's words and the context's belong to this
    /// call, and the context says how far down the stack goes.
    pub unsafe fn begin(
        &mut self,
        entry: u32,
        stack: u32,
        memory: u32,
        parameters: &[u32],
        results: usize,
    ) {
        let at_sp = parameters
            .len()
            .max(results)
            .saturating_sub(self.words.len()) as u32;
        let sp = stack - 4 * at_sp;
        self.words = [0; 4];
        for (number, word) in (0..).zip(parameters) {
            match self.words.get_mut(number as usize) {
                Some(place) => *place = *word,
                None => helpers::set_word(sp + 4 * (number - 4), *word),
            }
        }
        // Function addresses are odd: Thumb.
        let back = returned as *const () as u32;
        for register in 0..SAVED_WORDS {
            let value = if register + 1 == SAVED_WORDS { back } else { 0 };
            helpers::set_word(sp - 4 * (SAVED_WORDS - register), value);
        }
        self.sp = sp - 4 * SAVED_WORDS;
        self.place = entry | 1;
        self.memory = memory;
    }

    /// Goes on for `fuel` more, until it comes back.
    ///
    /// # Safety
    ///
    /// It was begun, and did not come back with its end or a trap since; everything that was said then still holds.
    pub unsafe fn run(&mut self, fuel: i32) -> Exit {
        self.fuel = self.fuel.saturating_add(fuel);
        helpers::set_word(self.memory - own::FRAME, (&raw mut *self).addr() as u32);
        // SAFETY: the caller's promise. It comes back with all registers that a call keeps.
        unsafe { enter_compiled(self) };
        let [first, second, third, _] = self.words;
        match self.kind {
            kind::RETURNED => Exit::Returned,
            kind::PAUSED => Exit::Paused,
            kind::HOST => Exit::Host(self.number),
            kind::MEMORY_GROW => Exit::MemoryGrow(first),
            kind::TABLE_GROW => Exit::TableGrow {
                value: first,
                elements: second,
                table: third,
            },
            kind => Exit::Trapped {
                reason: if kind == kind::TOLD {
                    first
                } else {
                    self.number
                } as u8,
                place: self.place,
            },
        }
    }

    /// Returns what is left of the fuel; negative at a pause.
    #[must_use]
    pub const fn fuel(&self) -> i32 {
        self.fuel
    }

    /// Sets what is left of the fuel.
    pub const fn set_fuel(&mut self, fuel: i32) {
        self.fuel = fuel;
    }

    /// Address of the memory.
    #[must_use]
    pub const fn memory(&self) -> u32 {
        self.memory
    }

    /// Where a word of parameters or results is that has no register.
    pub(crate) const fn at_sp(&self, number: u32) -> u32 {
        // Returned: nothing is saved below.
        let saved = if self.kind == kind::RETURNED {
            0
        } else {
            4 * SAVED_WORDS
        };
        self.sp + saved + 4 * (number - 4)
    }

    /// Returns a word of the parameters of a host function, or of the results of the function that returned.
    ///
    /// # Safety
    ///
    /// It has so many, and the stack is there.
    #[must_use]
    pub unsafe fn word(&self, number: u32) -> u32 {
        match self.words.get(number as usize) {
            Some(word) => *word,
            None => helpers::word(self.at_sp(number)),
        }
    }

    /// Sets a word of the results of a host function.
    ///
    /// # Safety
    ///
    /// As [`word`](Self::word).
    pub unsafe fn set_word(&mut self, number: u32, value: u32) {
        match self.words.get_mut(number as usize) {
            Some(word) => *word = value,
            None => helpers::set_word(self.at_sp(number), value),
        }
    }

    /// Answers [`Exit::MemoryGrow`]: `before`, the pages that there were, and where the memory is now; `None`: it does not grow.
    pub const fn grown(&mut self, before: Option<u32>, memory: u32) {
        let pages = match before {
            Some(pages) => pages,
            None => u32::MAX,
        };
        self.words[0] = pages;
        self.words[1] = memory;
        self.memory = memory;
    }

    /// Stack and memory lie elsewhere now, by so many bytes each, with all that they hold; wraps.
    pub const fn moved(&mut self, stack: u32, memory: u32) {
        self.sp = self.sp.wrapping_add(stack);
        self.memory = self.memory.wrapping_add(memory);
    }

    /// The lowest address of its stack that holds something.
    #[must_use]
    pub const fn sp(&self) -> u32 {
        self.sp
    }
}

/// The table of helpers that a context names.
#[unsafe(no_mangle)]
static NATIVE_HELPERS: [Entry; Helper::COUNT] = table(
    [
        Entry::of(native_pause as *const ()),
        Entry::of(native_trap_1 as *const ()),
        Entry::of(native_trap_2 as *const ()),
        Entry::of(native_trap_3 as *const ()),
        Entry::of(native_trap_4 as *const ()),
        Entry::of(native_trap_5 as *const ()),
        Entry::of(native_trap_6 as *const ()),
        Entry::of(native_trap_7 as *const ()),
        Entry::of(native_trap_8 as *const ()),
        Entry::of(native_trap_told as *const ()),
        Entry::of(native_trap_told as *const ()),
    ],
    Entry::of(native_memory_grow as *const ()),
    Entry::of(native_table_grow as *const ()),
);

/// Writes what every context has of this software: where helpers and the host's function are.
///
/// # Safety
///
/// The words below `memory` are a context's.
pub unsafe fn fill(memory: u32, bytes: u32, stack_limit: u32, code: u32) {
    helpers::set_word(memory - context::MEMORY_BYTES, bytes);
    helpers::set_word(
        memory - context::HELPERS,
        (&raw const NATIVE_HELPERS).addr() as u32,
    );
    helpers::set_word(memory - context::STACK_LIMIT, stack_limit);
    helpers::set_word(memory - context::CODE, code);
    helpers::set_word(memory - context::HOST, native_host as *const () as u32);
}

unsafe extern "C" {
    fn enter_compiled(frame: *mut Frame);
    #[link_name = "native_returned"]
    fn returned();
    fn native_pause();
    fn native_host();
    fn native_memory_grow();
    fn native_table_grow();
    fn native_trap_1();
    fn native_trap_2();
    fn native_trap_3();
    fn native_trap_4();
    fn native_trap_5();
    fn native_trap_6();
    fn native_trap_7();
    fn native_trap_8();
    fn native_trap_told();
}

global_asm!(
    r#"
    .syntax unified
    .thumb
    .section .text.native, "ax"

    @ enter_compiled(frame): keeps what a call keeps on the caller's own stack.
    .thumb_func
    .global enter_compiled
enter_compiled:
    push {{r4-r11, lr}}
    str sp, [r0, #{own_sp}]
    ldr ip, [r0, #{place}]
    ldr r9, [r0, #{memory}]
    ldr r10, [r0, #{fuel}]
    ldr sp, [r0, #{sp}]
    pop {{r4-r8, r11, lr}}
    add r0, #{words}
    ldm r0, {{r0-r3}}
    bx ip

    @ Each of these saves what compiled code keeps on its own stack, and says what it is.
    .macro native_leave_as name, kind
    .thumb_func
    .global \name
\name:
    push {{r4-r8, r11, lr}}
    movs r5, #\kind
    b native_leave
    .endm
    native_leave_as native_pause, {PAUSED}
    native_leave_as native_host, {HOST}
    native_leave_as native_memory_grow, {MEMORY_GROW}
    native_leave_as native_table_grow, {TABLE_GROW}
    native_leave_as native_trap_told, {TOLD}

    .macro native_trap_of reason
    .thumb_func
    .global native_trap_\reason
native_trap_\reason:
    movs r12, #\reason
    b native_trap
    .endm
    native_trap_of 1
    native_trap_of 2
    native_trap_of 3
    native_trap_of 4
    native_trap_of 5
    native_trap_of 6
    native_trap_of 7
    native_trap_of 8
    .thumb_func
native_trap:
    push {{r4-r8, r11, lr}}
    movs r5, #{TRAPPED}
    b native_leave

    @ The function at the bottom of the stack has returned; its results on the stack are at sp.
    .thumb_func
    .global native_returned
native_returned:
    movs r5, #{RETURNED}

native_leave:
    ldr r4, [r9, #-{FRAME}]
    str lr, [r4, #{place}]
    str r9, [r4, #{memory}]
    str r10, [r4, #{fuel}]
    str r5, [r4, #{kind}]
    str ip, [r4, #{number}]
    str sp, [r4, #{sp}]
    ldr sp, [r4, #{own_sp}]
    add r4, #{words}
    stm r4, {{r0-r3}}
    pop {{r4-r11, pc}}
    "#,
    own_sp = const offset_of!(Frame, own_sp),
    sp = const offset_of!(Frame, sp),
    place = const offset_of!(Frame, place),
    words = const offset_of!(Frame, words),
    memory = const offset_of!(Frame, memory),
    fuel = const offset_of!(Frame, fuel),
    kind = const offset_of!(Frame, kind),
    number = const offset_of!(Frame, number),
    FRAME = const own::FRAME,
    RETURNED = const kind::RETURNED,
    PAUSED = const kind::PAUSED,
    HOST = const kind::HOST,
    MEMORY_GROW = const kind::MEMORY_GROW,
    TABLE_GROW = const kind::TABLE_GROW,
    TRAPPED = const kind::TRAPPED,
    TOLD = const kind::TOLD,
);
