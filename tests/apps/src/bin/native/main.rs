//! `native`: compiles a WebAssembly module into the part of the flash that is for code, and executes it there.
//!
//! It stands in the supervisor's place and does what that will do: the compiler, the store of code objects and the way into
//! compiled code and back, in a process. A run that finds the object of an earlier one compiles nothing.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::cell::UnsafeCell;

use berth_code::{CodeStore, Key};
use berth_compiler::Storage;
use berth_compiler::entry::{SLACK, context, entry};
use berth_flash::{Flash, FlashError};
use libtock::flash_partition::Partition;
use libtock::{ErrorCode, EventSlot};
use supervisor_native::{Exit, Frame, STACK_RESERVE, fill};
use test_apps::Line;

libtock::main!(main);

/// `program.wat`.
const IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/native.wasm"));
/// Its functions, the imported one first.
const FUNCTIONS: u32 = 11;
const SUM: u32 = 1;
const FIB: u32 = 2;
const TWICE: u32 = 3;
const CALLS: u32 = 4;
const ROOT: u32 = 5;
const DEEP: u32 = 6;
const STOP: u32 = 7;
const OUTSIDE: u32 = 8;
const QUOTIENT: u32 = 9;
const GROW: u32 = 10;
const MEMORY: u32 = 512;
const MEMORY_MOST: u32 = 1_024;

type Room<'a> = Storage<'a, 16, 16, 16, 8, 512>;

/// What a container has: stack, tables, context, memory. Twice, so that one can be moved.
#[repr(C, align(16))]
struct Arena(UnsafeCell<[[u32; ARENA_WORDS]; 2]>);

const STACK_WORDS: usize = 288;
const CONTEXT_WORDS: usize = 32;
const ARENA_WORDS: usize = STACK_WORDS + CONTEXT_WORDS + MEMORY_MOST as usize / 4;

// SAFETY: one thread.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([[0; ARENA_WORDS]; 2]));
static DONE: EventSlot = EventSlot::new();

/// The partition as the store of code wants it.
struct Code(Partition);

impl Flash for Code {
    fn bytes(&self) -> &[u8] {
        let start = core::ptr::with_exposed_provenance(self.0.address());
        // SAFETY: the kernel opened it until the process ends, and it changes by the calls below only.
        unsafe { core::slice::from_raw_parts(start, self.0.length()) }
    }

    fn program(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashError> {
        self.0
            .program(offset, bytes)
            .map_err(|_| FlashError::Failed)
    }

    fn erase(&mut self, page: usize) -> Result<(), FlashError> {
        self.0.erase(page).map_err(|_| FlashError::Failed)
    }
}

/// No memory: what the compiler's crates have that asks for it is not called.
struct Nothing;

// SAFETY: gives no memory.
unsafe impl core::alloc::GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: core::alloc::Layout) -> *mut u8 {
        core::ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {}
}

#[global_allocator]
static NOTHING: Nothing = Nothing;

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("native: failed: ")
            .text(code.name())
            .print();
    }
}

fn run() -> Result<(), ErrorCode> {
    let mut code = CodeStore::new(Code(Partition::open_code(&DONE)?));
    let key = Key {
        image: [7; 32],
        compiler: 1,
        memory: MEMORY,
    };
    let (object, how) = match code.find(&key) {
        Some(object) => (object, "found"),
        None => {
            let mut writer = code
                .begin(key, FUNCTIONS, 4 * IMAGE.len())
                .map_err(|_| ErrorCode::NoMem)?;
            let mut room = Room::new();
            let report = berth_compiler::compile(IMAGE, room.room(), MEMORY, true, &mut writer);
            let report = report.map_err(|_| ErrorCode::Invalid)?;
            (
                writer.finish(&report).map_err(|_| ErrorCode::Fail)?,
                "compiled",
            )
        }
    };
    Line::new().text("native: ").text(how).print();
    let start =
        code.flash().bytes().as_ptr().addr() as u32 + object.offset(Code::PAGE_BYTES) as u32;
    computes(start);
    traps(start);
    together(start);
    Ok(())
}

/// A container on one of the two arenas.
struct Container {
    arena: u32,
    code: u32,
    frame: Frame,
    pauses: u32,
}

impl Container {
    fn new(which: u32, code: u32) -> Self {
        let all = ARENA.0.get().addr() as u32;
        let arena = all + which * 4 * ARENA_WORDS as u32;
        for word in 0..ARENA_WORDS as u32 {
            set(arena + 4 * word, 0);
        }
        let this = Self {
            arena,
            code,
            frame: Frame::new(),
            pauses: 0,
        };
        let memory = this.memory();
        // SAFETY: the words in front of the memory are left for this.
        unsafe { fill(memory, MEMORY, this.limit(), code) };
        // One table with two elements, which stand at the other end of the context.
        let table = memory - 4 * CONTEXT_WORDS as u32;
        set(memory - context::table(0), 2);
        set(memory - context::table(0) - 4, table);
        for (index, function) in [TWICE, FIB].into_iter().enumerate() {
            set(table + 4 * index as u32, (code + entry(function) + 4) | 1);
        }
        this
    }

    const fn limit(&self) -> u32 {
        self.arena + SLACK + STACK_RESERVE
    }

    const fn stack(&self) -> u32 {
        self.arena + 4 * STACK_WORDS as u32
    }

    const fn memory(&self) -> u32 {
        self.stack() + 4 * CONTEXT_WORDS as u32
    }

    fn begin(&mut self, function: u32, parameters: &[u32]) {
        self.pauses = 0;
        self.frame.set_fuel(0);
        let (entry, stack, memory) = (self.code + entry(function) + 4, self.stack(), self.memory());
        // SAFETY: the store found the object as the compiler wrote it, and the arena is this container's.
        unsafe { self.frame.begin(entry, stack, memory, parameters, 2) };
    }

    /// Goes on for one slice.
    fn slice(&mut self, fuel: i32) -> Exit {
        // SAFETY: as above; nobody runs what has ended.
        let exit = unsafe { self.frame.run(fuel) };
        match exit {
            Exit::Paused => self.pauses += 1,
            Exit::Host(_) => {
                // SAFETY: the function has five words of parameters and two of results.
                let [a, low, high, c, d] = [0, 1, 2, 3, 4].map(|n| unsafe { self.frame.word(n) });
                let mixed =
                    (u64::from(high) << 32 | u64::from(low)) * u64::from(a) + u64::from(c * d);
                // SAFETY: as above.
                unsafe {
                    self.frame.set_word(0, mixed as u32);
                    self.frame.set_word(1, (mixed >> 32) as u32);
                }
            }
            Exit::MemoryGrow(pages) => {
                let memory = self.frame.memory();
                let before = get(memory - context::MEMORY_BYTES);
                let grows = before + pages <= MEMORY_MOST;
                if grows {
                    set(memory - context::MEMORY_BYTES, before + pages);
                }
                self.frame.grown(grows.then_some(before), memory);
            }
            _ => {}
        }
        exit
    }

    /// Goes on to the end, in slices of so much.
    fn end(&mut self, fuel: i32) -> Exit {
        loop {
            match self.slice(fuel) {
                Exit::Paused | Exit::Host(_) | Exit::MemoryGrow(_) => {}
                end => return end,
            }
        }
    }

    fn call(&mut self, function: u32, parameters: &[u32], fuel: i32) -> u64 {
        self.begin(function, parameters);
        match self.end(fuel) {
            Exit::Returned => self.result(),
            Exit::Trapped { reason, .. } => u64::MAX - u64::from(reason),
            _ => u64::MAX,
        }
    }

    fn result(&self) -> u64 {
        // SAFETY: two words are in registers.
        let [low, high] = [0, 1].map(|n| unsafe { self.frame.word(n) });
        u64::from(high) << 32 | u64::from(low)
    }

    /// All of it lies in the other arena now, and the place where it was holds nothing.
    fn moves(&mut self) {
        let all = ARENA.0.get().addr() as u32;
        let size = 4 * ARENA_WORDS as u32;
        let to = if self.arena == all { all + size } else { all };
        for word in 0..ARENA_WORDS as u32 {
            set(to + 4 * word, get(self.arena + 4 * word));
            set(self.arena + 4 * word, 0xdead_beef);
        }
        let by = to.wrapping_sub(self.arena);
        self.arena = to;
        self.frame.moved(by, by);
        let memory = self.memory();
        set(memory - context::STACK_LIMIT, self.limit());
        set(
            memory - context::table(0) - 4,
            memory - 4 * CONTEXT_WORDS as u32,
        );
    }
}

fn tell(what: &str, numbers: &[u32]) {
    let mut line = Line::new();
    line.text("native: ").text(what);
    for number in numbers {
        line.text(" ").decimal(*number);
    }
    line.print();
}

fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

fn computes(code: u32) {
    let mut one = Container::new(0, code);
    let sum = one.call(SUM, &[20], 400) as u32;
    tell("sum", &[sum, u32::from(one.pauses > 10)]);
    let whole = Container::new(0, code).call(SUM, &[20], 10_000_000) as u32;
    tell("sum in one piece", &[whole]);
    tell("fib", &[one.call(FIB, &[15], 300) as u32]);
    tell("calls", &halves(one.call(CALLS, &[9], 300)));
    let [low, high] = halves(16.0f64.to_bits());
    let root = f64::from_bits(one.call(ROOT, &[low, high], 300));
    tell("root", &[root as u32]);
    tell("grow", &[one.call(GROW, &[512], 300) as u32]);
    tell("grow too far", &[one.call(GROW, &[1], 300) as u32]);
}

fn traps(code: u32) {
    let mut one = Container::new(0, code);
    let mut reason = |function, parameters: &[u32]| !one.call(function, parameters, 300) as u32;
    tell(
        "traps",
        &[
            reason(DEEP, &[0]),
            reason(STOP, &[]),
            reason(OUTSIDE, &[509]),
            reason(OUTSIDE, &[u32::MAX]),
            reason(QUOTIENT, &[1, 0, 0, 0]),
            reason(QUOTIENT, &[0, 0x8000_0000, u32::MAX, u32::MAX]),
        ],
    );
    tell("afterwards", &[one.call(OUTSIDE, &[508], 300) as u32]);
}

/// Two take turns, slice by slice; then one is moved at every pause.
fn together(code: u32) {
    let (mut one, mut other) = (Container::new(0, code), Container::new(1, code));
    one.begin(FIB, &[12]);
    other.begin(SUM, &[10]);
    let (mut first, mut second) = (Exit::Paused, Exit::Paused);
    while first != Exit::Returned || second != Exit::Returned {
        for (container, exit) in [(&mut one, &mut first), (&mut other, &mut second)] {
            if *exit != Exit::Returned {
                *exit = container.slice(100);
            }
        }
    }
    tell("together", &[one.result() as u32, other.result() as u32]);
    let mut moving = Container::new(0, code);
    moving.begin(FIB, &[12]);
    let mut moves = 0;
    while moving.slice(100) != Exit::Returned {
        moving.moves();
        moves += 1;
    }
    tell("moved", &[moving.result() as u32, u32::from(moves > 10)]);
}

fn get(address: u32) -> u32 {
    // SAFETY: a word of the arenas.
    unsafe { (address as *const u32).read_volatile() }
}

fn set(address: u32, value: u32) {
    // SAFETY: as above.
    unsafe { (address as *mut u32).write_volatile(value) }
}
