//! The processor: entering compiled code and leaving it, protection, and the emulator's own calls.
//!
//! Memory is addressed by numbers here: the layout is this program's and the batch's, and the processor's protection unit
//! is set so that nothing else can be reached from compiled code.

#![allow(unsafe_code)]

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;
use core::ptr::{addr_of, read_volatile, write_volatile};

/// How a call ended.
pub(crate) struct Outcome {
    /// 1: it returned; 2: a trap; 4: too many pauses; 5: too long without one; 7: a fault of the processor.
    pub(crate) kind: u32,
    /// Of a trap.
    pub(crate) reason: u32,
    /// The return address, or the address of a fault.
    pub(crate) place: u32,
    pub(crate) pauses: u32,
    pub(crate) results: [u32; 4],
    /// r9 at the end.
    pub(crate) memory: u32,
}

/// What `enter` and the handlers tell each other; the assembly below knows the order.
#[repr(C)]
struct Shared {
    main_stack: u32,
    slice: u32,
    pauses_left: u32,
    ticks: u32,
    kind: u32,
    frame: [u32; 8],
    frame_at: u32,
    memory: u32,
}

#[unsafe(no_mangle)]
static mut SHARED: Shared = Shared {
    main_stack: 0,
    slice: 0,
    pauses_left: 0,
    ticks: 0,
    kind: 0,
    frame: [0; 8],
    frame_at: 0,
    memory: 0,
};

global_asm!(
    r#"
    .syntax unified
    .thumb
    .section .vectors, "a"
    .word 0x20010000
    .word reset
    .word fault
    .word fault
    .word fault
    .word fault
    .word fault
    .word 0, 0, 0, 0
    .word service
    .word 0, 0
    .word fault
    .word tick

    .section .text.machine, "ax"
    .thumb_func
    .global reset
reset:
    bl start

    @ enter_code(entry, registers: r0 to r3, r9, r10, sp)
    .thumb_func
    .global enter_code
enter_code:
    push {{r4-r11, lr}}
    ldr r3, =SHARED
    mov r4, sp
    str r4, [r3]
    ldr r5, [r1, #24]
    msr psp, r5
    mov r12, r0
    ldr r9, [r1, #16]
    ldr r10, [r1, #20]
    mov r5, r1
    ldr r0, [r5]
    ldr r1, [r5, #4]
    ldr r2, [r5, #8]
    ldr r3, [r5, #12]
    ldr lr, =returned
    ldr r4, =0x5a5a5a5a
    mov r6, r4
    mov r7, r4
    mov r8, r4
    mov r11, r4
    movs r5, #3
    msr control, r5
    isb
    mov r5, r4
    bx r12

    .thumb_func
returned:
    svc #1

    .thumb_func
    .global stub_pause
stub_pause:
    svc #3
    bx lr

    .thumb_func
service:
    mrs r0, psp
    ldr r1, [r0, #24]
    ldrb r1, [r1, #-2]
    cmp r1, #3
    bne finish
    ldr r2, =SHARED
    ldr r3, [r2, #8]
    subs r3, #1
    str r3, [r2, #8]
    mov r1, #4
    bmi finish
    mov r1, #0
    str r1, [r2, #12]
    ldr r1, [r2, #4]
    add r10, r10, r1
    @ What a pause does not keep.
    ldr r1, =0xdeadbeef
    str r1, [r0, #16]
    bx lr

    .thumb_func
tick:
    tst lr, #4
    it eq
    bxeq lr
    mrs r0, psp
    ldr r2, =SHARED
    ldr r1, [r2, #12]
    add r1, r1, #1
    str r1, [r2, #12]
    cmp r1, #4000
    it lo
    bxlo lr
    mov r1, #5
    b finish

    .thumb_func
fault:
    mrs r0, psp
    mov r1, #7

finish:
    ldr r2, =SHARED
    str r1, [r2, #16]
    str r0, [r2, #52]
    str r9, [r2, #56]
    add r2, #20
    mov r3, #8
1:
    ldr r1, [r0], #4
    str r1, [r2], #4
    subs r3, #1
    bne 1b
    @ Clear the reasons of faults.
    ldr r2, =0xe000ed28
    ldr r1, [r2]
    str r1, [r2]
    ldr r2, =SHARED
    ldr r3, [r2]
    mov sp, r3
    pop {{r4-r11, lr}}
    sub sp, #32
    bic lr, lr, #1
    str lr, [sp, #24]
    mov r0, #0x01000000
    str r0, [sp, #28]
    mov r0, #0
    msr control, r0
    isb
    ldr lr, =0xfffffff9
    bx lr
    .pool
    "#
);

unsafe extern "C" {
    fn enter_code(entry: u32, registers: *const u32);
}

/// No memory: the crates that ask for it have what asks in functions that are not called.
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

/// The first Rust code.
#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    crate::run()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: the emulator's call "exit" with a reason that is not success.
    unsafe { asm!("bkpt 0xab", in("r0") 0x18, in("r1") 0x20023, options(noreturn)) }
}

/// Calls the code at `entry`.
pub(crate) fn enter(
    entry: u32,
    arguments: [u32; 4],
    memory: u32,
    sp: u32,
    slice: u32,
    pauses: u32,
) -> Outcome {
    let [a, b, c, d] = arguments;
    let registers = [a, b, c, d, memory, slice, sp];
    // SAFETY: one core, and the handlers touch it only while compiled code runs, which is inside `enter_code`; that
    // preserves all registers that the calling convention preserves.
    let shared = unsafe {
        let shared = &raw mut SHARED;
        write_volatile(&raw mut (*shared).slice, slice);
        write_volatile(&raw mut (*shared).pauses_left, pauses);
        write_volatile(&raw mut (*shared).ticks, 0);
        enter_code(entry | 1, registers.as_ptr());
        read_volatile(shared)
    };
    let frame = shared.frame;
    Outcome {
        kind: shared.kind,
        // A trap's stub says its reason in ip; a helper's in r0.
        reason: frame[4],
        place: if shared.kind == 7 { frame[6] } else { frame[5] },
        pauses: pauses.wrapping_sub(shared.pauses_left),
        results: [frame[0], frame[1], frame[2], frame[3]],
        memory: shared.memory,
    }
}

/// Reads a word.
pub(crate) fn word(address: u32) -> u32 {
    // SAFETY: all addresses that this program and its batches have are of memory that the board has.
    unsafe { read_volatile(address as *const u32) }
}

/// Writes a word.
pub(crate) fn set_word(address: u32, value: u32) {
    // SAFETY: as above; nothing of this program's own lies where batches write.
    unsafe { write_volatile(address as *mut u32, value) }
}

/// Writes a byte.
pub(crate) fn set_byte(address: u32, value: u8) {
    // SAFETY: as above.
    unsafe { write_volatile(address as *mut u8, value) }
}

/// Copies words.
pub(crate) fn copy(from: u32, to: u32, words: u32) {
    for index in 0..words {
        set_word(to + 4 * index, word(from + 4 * index));
    }
}

/// Clears words up to `end`.
pub(crate) fn clear(from: u32, end: u32) {
    let mut address = from;
    while address < end {
        set_word(address, 0);
        address += 4;
    }
}

/// A number that stands for bytes: whole words first.
pub(crate) fn hash(from: u32, bytes: u32) -> u32 {
    let mut sum = 0x811c_9dc5u32;
    let mut mix = |value: u32| sum = (sum ^ value).wrapping_mul(0x0100_0193).rotate_left(13);
    for index in 0..bytes / 4 {
        mix(word(from + 4 * index));
    }
    for index in bytes & !3..bytes {
        // SAFETY: as in `word`.
        mix(u32::from(unsafe {
            read_volatile((from + index) as *const u8)
        }));
    }
    sum
}

/// Sets up protection, faults and the tick.
pub(crate) fn protect() {
    const CACHED: u32 = 0b110 << 16;
    let regions = [
        // This program: read-only for all. Its helpers are executed by compiled code.
        (0, 19, 6 << 24 | CACHED),
        // Code: read-only for what is unprivileged.
        (0x0010_0000, 19, 2 << 24 | CACHED),
        // Stack, context, memory: never executed.
        (0x2180_0000, 22, 3 << 24 | 1 << 28 | CACHED),
    ];
    for (number, (base, size, attributes)) in regions.into_iter().enumerate() {
        set_word(0xe000_ed98, number as u32);
        set_word(0xe000_ed9c, base);
        set_word(0xe000_eda0, attributes | size << 1 | 1);
    }
    set_word(0xe000_ed94, 5);
    // Faults of memory, bus and usage have handlers.
    set_word(0xe000_ed24, 7 << 16);
    // A tick every 10,000 cycles of 25 MHz.
    set_word(0xe000_e014, 10_000);
    set_word(0xe000_e018, 0);
    set_word(0xe000_e010, 7);
    // SAFETY: makes the settings above count.
    unsafe { asm!("dsb", "isb") };
}

/// Bytes of the batch.
pub(crate) fn bytes(from: u32, length: u32) -> &'static [u8] {
    // SAFETY: the batch, or an object that was put together, lies there for good, and nothing writes to it from now on.
    unsafe { core::slice::from_raw_parts(from as *const u8, length as usize) }
}

/// What the free part of the stack is filled with.
const PAINT: u32 = 0xa5c3_5a3c;
/// Where it ends: above all variables.
const STACK_END: u32 = 0x2000_2000;

fn stack_pointer() -> u32 {
    let sp: u32;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, sp", out(reg) sp) };
    sp
}

/// Fills the free part of the stack. Returns where it begins.
#[inline(never)]
pub(crate) fn paint_stack() -> u32 {
    let sp = stack_pointer();
    let mut address = STACK_END;
    while address < sp - 64 {
        set_word(address, PAINT);
        address += 4;
    }
    sp
}

/// Returns how many bytes below `sp` have been used since.
pub(crate) fn stack_used(sp: u32) -> u32 {
    let mut address = STACK_END;
    while word(address) == PAINT {
        address += 4;
    }
    sp.saturating_sub(address)
}

/// Ticks of the board's counter, 25 million a second.
pub(crate) fn ticks() -> u32 {
    word(0x4002_8018)
}

/// Writes bytes to the emulator's standard output.
pub(crate) fn write(from: u32, bytes: u32) {
    let name = b":tt\0";
    let open = [addr_of!(*name) as u32, 4, 3];
    let handle = call(1, open.as_ptr() as u32);
    let block = [handle, from, bytes];
    call(5, block.as_ptr() as u32);
}

/// Ends the emulator.
pub(crate) fn exit() -> ! {
    loop {
        call(0x18, 0x20026);
    }
}

/// A call of the emulator's.
fn call(number: u32, argument: u32) -> u32 {
    let mut value = number;
    // SAFETY: the emulator reads the block that `argument` points to, and memory that it names.
    unsafe { asm!("bkpt 0xab", inout("r0") value, in("r1") argument) };
    value
}
