//! `instants`: in the supervisor's place, ends itself at an instant that it chooses, with all that it can hold.
//!
//! Each run claims all that is exposed, maps what can be and registers as many interrupts as it may. By a clock of its own
//! it sees when the firmware's process with the deadline has had its time, and ends itself so long before that one is to have it
//! again: another instant and another way in each run, by its number. It wants the kernel that restarts what stands there
//! whatever it did (`restart-fuzz`).
//!
//! ```text
//! instants: 500 runs, held 12, registered 8
//! ```

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::arch::asm;

use libtock::berth_exposure::{Claim, DESCRIPTION_MAX};
use libtock::wasm_host::interrupts::Records;
use libtock::{ErrorCode, wasm_host};
use test_apps::{Line, own};

libtock::main!(main);

static RECORDS: Records<128> = Records::new();

/// Who claims.
const TAG: u32 = 7;

/// Runs between two lines.
const TOLD: u32 = 500;

/// The CMSDK timer, which counts down at 25 MHz: its registers.
const CTRL: usize = 0x0;
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;

/// In its ticks: the process takes longer than this, the driver with the deadline does not.
const GAP: u32 = 1_400;
/// From one of the process's times to the next.
const PERIOD: u32 = 25_000;
/// Instants before the next: up to 328 us, by 80 ns; each run's is far from those before.
const INSTANTS: u32 = 4_096;
const INSTANT: u32 = 2;
const STEP: u32 = 1_597;

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("instants: failed: ")
            .text(code.name())
            .print();
    }
}

fn run() -> Result<(), ErrorCode> {
    let number = own::stats("instants")?.1.restarts;
    let timer = wasm_host::claim(TAG, "timer0")?.handle;
    let base = wasm_host::map(timer)?.address();
    let register = |offset| core::ptr::with_exposed_provenance_mut::<u32>(base + offset);
    // SAFETY: here and below: the block is mapped, and these are its registers.
    unsafe {
        register(VALUE).write_volatile(u32::MAX);
        register(RELOAD).write_volatile(u32::MAX);
        register(CTRL).write_volatile(1);
    }
    let (held, registered) = hold_rest()?;
    if number.is_multiple_of(TOLD) {
        Line::new()
            .text("instants: ")
            .decimal(number)
            .text(" runs, held ")
            .decimal(held + 1)
            .text(", registered ")
            .decimal(registered)
            .print();
    }
    // SAFETY: as above.
    let now = || unsafe { register(VALUE).read_volatile() };
    let mut before = now();
    loop {
        let seen = now();
        if before.wrapping_sub(seen) > GAP {
            break;
        }
        before = seen;
    }
    let instant = number.wrapping_mul(STEP) % INSTANTS * INSTANT;
    while before.wrapping_sub(now()) < PERIOD - instant {}
    end(number);
    Ok(())
}

/// Claims, maps and registers what is not held yet. Returns how many claims and interrupts there are.
fn hold_rest() -> Result<(u32, u32), ErrorCode> {
    RECORDS.lend()?;
    let (mut claims, mut registered) = (0, 0);
    for index in 0..wasm_host::count()? {
        let mut record = [0; DESCRIPTION_MAX];
        let block = wasm_host::describe(index, &mut record)?;
        if block.claim == Claim::Own(TAG) {
            continue;
        }
        let handle = wasm_host::claim(TAG, block.label)?.handle;
        claims += 1;
        // There are fewer regions than blocks.
        let _ = wasm_host::map(handle);
        for number in 0..block.interrupts {
            let done = RECORDS.register(handle, number.into(), number, &[]);
            registered += u32::from(done.is_ok());
        }
    }
    Ok((claims, registered))
}

fn end(number: u32) {
    /// First word of the kernel's RAM.
    const KERNEL_RAM: usize = 0x2000_0000;
    match number % 4 {
        // A store that is forbidden.
        // SAFETY: none, here and below: it faults.
        0 => unsafe { core::ptr::without_provenance_mut::<u32>(KERNEL_RAM).write_volatile(0) },
        // A call whose frame has no room.
        1 => unsafe { asm!("mov sp, {0}", "svc 5", in(reg) KERNEL_RAM, options(noreturn)) },
        2 => libtock::terminate(0),
        _ => libtock::restart(0),
    }
}
