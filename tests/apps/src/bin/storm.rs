//! `storm`: a process that handles a timer's interrupts, far more than it can.
//!
//! The timer interrupts 100,000 times a second. What it does is its setting:
//!
//! | value | does |
//! | --- | --- |
//! | `count` (default) | handles 600, stops the timer, and tells the kernel's counters beside its own, and a hash of when each was handled |
//! | `busy` | the same without ever giving the processor back, so that no time jumps: the emulator's periodic timers skip periods when it does |
//! | `fault` | handles 10, waits for one more, and faults with it unhandled |
//! | `exit` | the same, and ends itself |

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::berth_exposure::interrupt::Capture;
use libtock::wasm_host::interrupts::{self, Records, Registered};
use libtock::{ErrorCode, EventSlot, alarm, wasm_host, yield_wait};
use test_apps::{Line, Setting};

libtock::main!(main);

static DEED: Setting<16> = Setting::new("storm", "count");
static RECORDS: Records<64> = Records::new();
static RECORDED: EventSlot = EventSlot::new();

/// Registers of the CMSDK timer.
const CTRL: u16 = 0x0;
const VALUE: u16 = 0x4;
const RELOAD: u16 = 0x8;
const ON: u32 = 0b1001;
/// 10 us at 25 MHz.
const TICKS: u32 = 250;

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("storm: failed: ")
            .text(code.name())
            .print();
    }
}

fn run() -> Result<(), ErrorCode> {
    let timer = wasm_host::claim(1, "timer0")?.handle;
    RECORDS.lend()?;
    interrupts::notify(&RECORDED)?;
    let value = Capture {
        offset: VALUE,
        bytes: 4,
    };
    let registered = RECORDS.register(timer, 0, 5, &[value])?;
    wasm_host::write32(timer, RELOAD, TICKS - 1)?;
    wasm_host::write32(timer, CTRL, ON)?;
    match DEED.text() {
        "count" | "busy" => count(timer, &registered),
        deed => {
            for _ in 0..10 {
                wait(&registered);
                handle(&registered)?;
            }
            wait(&registered);
            Line::new().text("storm: ends with one unhandled").print();
            if deed == "fault" {
                // SAFETY: none: nothing is there, the point is to fault.
                unsafe { core::ptr::with_exposed_provenance::<u32>(0x3000_0000).read_volatile() };
            }
            libtock::terminate(3);
        }
    }
}

fn wait(registered: &Registered) {
    while RECORDS.waiting() & registered.bit() == 0 {
        if !busy() {
            yield_wait();
        }
    }
}

fn busy() -> bool {
    DEED.text() == "busy"
}

fn pause(ms: u32) -> Result<(), ErrorCode> {
    if !busy() {
        return alarm::sleep_ms(ms);
    }
    let ticks = ms * (alarm::frequency()? / 1000);
    let start = alarm::now()?;
    while alarm::now()?.wrapping_sub(start) < ticks {}
    Ok(())
}

/// The captured register of an interrupt that waits; its line may open.
fn handle(registered: &Registered) -> Result<u32, ErrorCode> {
    let value = RECORDS.value(registered.record, 0);
    RECORDS.take(registered.bit());
    let mut opens_us = interrupts::acknowledge(registered.interrupt)?;
    while opens_us != 0 {
        pause(opens_us.div_ceil(1000))?;
        opens_us = interrupts::acknowledge(registered.interrupt)?;
    }
    Ok(value)
}

fn count(timer: u16, registered: &Registered) -> Result<(), ErrorCode> {
    let (mut handled, mut hash) = (0, 0x811c_9dc5_u32);
    while handled < 600 {
        wait(registered);
        let value = handle(registered)?;
        handled += 1;
        for word in [value, alarm::now()?] {
            hash = (hash ^ word).wrapping_mul(0x0100_0193);
        }
    }
    wasm_host::write32(timer, CTRL, 0)?;
    // What was raised before.
    for _ in 0..3 {
        pause(20)?;
        if RECORDS.waiting() & registered.bit() != 0 {
            handle(registered)?;
            handled += 1;
        }
    }
    let counters = interrupts::counters(timer, 0)?;
    Line::new()
        .text("storm: handled ")
        .decimal(handled)
        .text(", taken ")
        .decimal(counters.taken)
        .text(", dropped ")
        .decimal(counters.dropped)
        .print();
    Line::new()
        .text("storm: merged ")
        .decimal(counters.merged)
        .text(", trace ")
        .hex(hash)
        .print();
    while busy() {}
    Ok(())
}
