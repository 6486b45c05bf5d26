//! `misbehave`: does one thing for which a process must be stopped.
//!
//! Prints what it is about to do, does it, and prints that nobody stopped it;
//! the last line must never appear. What it does is its setting
//! ([`test_apps::Setting`]):
//!
//! | value | does |
//! | --- | --- |
//! | `stack` (default) | pushes until the stack is used up |
//! | `stack-pointer` | makes a system call with the stack pointer in the kernel's RAM |
//! | `frame` | lets the kernel write over the frame to which it returns |
//! | `system-call` | makes a system call of a class that does not exist |
//! | `undefined` | executes an undefined instruction |
//! | `system-register` | writes the vector table's address |
//! | `return` | returns from its entry point |
//! | `breakpoint` | executes the instruction of a debugger's breakpoint |
//! | `panic` | panics; it stops itself then and says where |
//! | `astray-WHAT` | the same with the stack pointer in the kernel's RAM; WHAT is `undefined`, `breakpoint`, `store`, `division`, `system-register`, `coprocessor`, `jump` or `return` |
//! | `terminate` | ends itself with code 3: no misbehaviour, for comparison |
//!
//! (For plain reads, writes and jumps to where it may not, see `peek`.)

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::arch::asm;
use test_apps::{Line, Setting};

libtock::main!(main);

static DEED: Setting<32> = Setting::new("misbehave", "stack");

/// Instructions that fault, with the stack pointer where no frame can be stacked: r0 is there, too.
macro_rules! astray {
    ($($instruction:literal),+) => {
        // SAFETY: none: the point of this process is to do what it may not.
        unsafe {
            asm!("ldr r0, =0x20000800", "mov sp, r0", $($instruction),+, options(noreturn))
        }
    };
}

fn main() {
    let deed = DEED.text();
    Line::new().text("misbehave: ").text(deed).print();
    match deed {
        "stack" => overflow(),
        "stack-pointer" => stack_pointer(),
        "frame" => frame(),
        "system-call" => system_call(),
        "undefined" => undefined(),
        "system-register" => system_register(),
        "return" => leave(),
        "breakpoint" => breakpoint(),
        "astray-undefined" => astray!("udf #7"),
        "astray-breakpoint" => astray!("bkpt #0xab"),
        "astray-store" => astray!("str r0, [r0]"),
        "astray-division" => astray!("movs r1, #0", "udiv r0, r0, r1"),
        "astray-system-register" => astray!("ldr r1, =0xe000ed08", "str r1, [r1]"),
        "astray-coprocessor" => astray!("mrc p10, 7, r0, c1, c0, 0"),
        "astray-jump" => astray!("mov r1, pc", "bx r1"),
        "astray-return" => astray!("mvn lr, #2", "bx lr"),
        "terminate" => libtock::terminate(3),
        "panic" => panic!("not shown, only where it happened"),
        _ => {
            Line::new()
                .text("misbehave: there is no such setting")
                .print();
            return;
        }
    }
    Line::new().text("misbehave: NOT STOPPED").print();
}

/// Grow the stack until it leaves the process's RAM.
fn overflow() -> ! {
    // SAFETY: none, here and below: the point of this process is to do what it
    // may not.
    unsafe { asm!("2:", "push {{r0-r7}}", "b 2b", options(noreturn)) }
}

/// The kernel must notice before it touches the frame of the exception.
fn stack_pointer() {
    // SAFETY: see above.
    unsafe {
        asm!(
            "mov  r4, sp",
            "ldr  r0, =0x20000800",
            "mov  sp, r0",
            "movs r0, #1",
            "movs r1, #0",
            "svc  2",
            "mov  sp, r4",
            out("r0") _,
            out("r1") _,
            out("r4") _,
            clobber_abi("C"),
        );
    }
}

/// Allow the place where the processor status will be saved as a buffer, and have the name of a
/// process written there.
fn frame() {
    // SAFETY: see above.
    unsafe {
        asm!(
            "mov  r4, sp",
            "bic  r4, r4, #7",
            "mov  r5, sp",
            "mov  sp, r4",
            "ldr  r0, =0x10002",
            "movs r1, #0",
            "subs r2, r4, #4",
            "movs r3, #64",
            "svc  3",
            "ldr  r0, =0x10002",
            "movs r1, #4",
            "movs r2, #1", // the process with this number: the first that was loaded
            "movs r3, #0",
            "svc  2",
            "mov  sp, r5",
            out("r0") _,
            out("r1") _,
            out("r2") _,
            out("r3") _,
            out("r4") _,
            out("r5") _,
            clobber_abi("C"),
        );
    }
}

fn system_call() {
    // SAFETY: see above.
    unsafe { asm!("svc 200", clobber_abi("C")) };
}

fn undefined() {
    // SAFETY: see above.
    unsafe { asm!("udf #7") };
}

fn breakpoint() {
    // SAFETY: see above.
    unsafe { asm!("bkpt #0xab", in("r0") 0, in("r1") 0) };
}

fn system_register() {
    const VECTOR_TABLE_OFFSET: usize = 0xE000_ED08;
    // SAFETY: see above.
    unsafe { core::ptr::without_provenance_mut::<u32>(VECTOR_TABLE_OFFSET).write_volatile(0) };
}

/// To where the kernel's link register pointed when the process started.
fn leave() {
    // SAFETY: see above.
    unsafe { asm!("movs r0, #1", "bx r0", out("r0") _) };
}
