//! `longest`: in the supervisor's place, calls `wasm_host` again and again for what takes longest there.
//!
//! For a kernel whose `exposure.dts` has as much as there may be (`limits.awk`). What it calls for is its setting, by which
//! `make bench` tells how long a driver of the kernel waits beside it:
//!
//! | value | calls |
//! | --- | --- |
//! | `accesses` (default) | changes of a register with a mask, the last of 255 |
//! | `claims` | a claim with a label like 245 others, of a block that is held |
//! | `descriptions` | descriptions of that block |
//! | `registrations` | a registration with 16 captures of the last of 255 registers, beside all others that there are, and its end |
//! | `releases` | the same, and the end of its claim: it has a safe state of 15 lines that keep bits |
//! | `pieces` | the release of all claims of a container that has none |
//! | `maps` | a block opened and closed |
//! | `interrupts` | interrupts with 16 captures, one after the other |
//! | `programs` | the longest register programs |
//! | `conveyors` | the longest conveyors |

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libtock::berth_exposure::DESCRIPTION_MAX;
use libtock::berth_exposure::interrupt::Capture;
use libtock::wasm_host::interrupts::{self, Records};
use libtock::{ErrorCode, wasm_host};
use test_apps::{Line, Setting, conveying, holding, programming};

libtock::main!(main);

static DEED: Setting<16> = Setting::new("longest", "accesses");
static RECORDS: Records<192> = Records::new();

/// Who claims all others, and who claims what is called for.
const OTHERS: u32 = 7;
const TAG: u32 = 8;

/// The block with 255 registers, and the last of them.
const MANY: &str = "sensor_channel_number_000000_all";
const LAST: u16 = 4 * 254;
/// One that is mapped.
const MAPPED: &str = "sensor_channel_number_000000_243";

fn main() {
    Line::new().text("longest: ").text(DEED.text()).print();
    let result = match DEED.text() {
        "accesses" => accesses(),
        "claims" => claims(),
        "descriptions" => descriptions(),
        "registrations" => registrations(),
        "releases" => releases(),
        "pieces" => pieces(),
        "maps" => maps(),
        "interrupts" => serve(),
        "programs" => again(programming::longest),
        "conveyors" => {
            conveying::lend();
            again(|block| conveying::mirrored(block.handle, block.changed, block.status))
        }
        _ => Err(ErrorCode::Invalid),
    };
    if let Err(code) = result {
        Line::new()
            .text("longest: failed: ")
            .text(code.name())
            .print();
    }
}

/// All of it is ready: what is measured begins.
fn begins() {
    Line::new().text("longest: begins").print();
}

fn accesses() -> Result<(), ErrorCode> {
    let many = wasm_host::claim(TAG, MANY)?.handle;
    begins();
    loop {
        wasm_host::modify32(many, LAST, 0xf, 5)?;
    }
}

fn claims() -> Result<(), ErrorCode> {
    holding::all(OTHERS, &RECORDS)?;
    begins();
    loop {
        if wasm_host::claim(TAG, MAPPED) != Err(ErrorCode::Busy) {
            return Err(ErrorCode::Fail);
        }
    }
}

fn descriptions() -> Result<(), ErrorCode> {
    holding::all(OTHERS, &RECORDS)?;
    begins();
    let last = wasm_host::count()? - 1;
    loop {
        let mut record = [0; DESCRIPTION_MAX];
        wasm_host::describe(last, &mut record)?;
    }
}

/// What is registered and given up: with all its captures at the register that is found last.
fn register(many: u16) -> Result<(), ErrorCode> {
    const CAPTURES: [Capture; 16] = [Capture {
        offset: LAST,
        bytes: 4,
    }; 16];
    RECORDS.register(many, 0, 255, &CAPTURES)?;
    Ok(())
}

fn registrations() -> Result<(), ErrorCode> {
    holding::all_but(OTHERS, &RECORDS, MANY)?;
    let many = wasm_host::claim(TAG, MANY)?.handle;
    begins();
    loop {
        register(many)?;
        interrupts::unregister(many, 0)?;
    }
}

fn releases() -> Result<(), ErrorCode> {
    holding::all_but(OTHERS, &RECORDS, MANY)?;
    begins();
    loop {
        let many = wasm_host::claim(TAG, MANY)?.handle;
        register(many)?;
        wasm_host::release(many)?;
    }
}

fn pieces() -> Result<(), ErrorCode> {
    holding::all(OTHERS, &RECORDS)?;
    begins();
    loop {
        wasm_host::release_all(TAG)?;
    }
}

fn maps() -> Result<(), ErrorCode> {
    let mapped = wasm_host::claim(TAG, MAPPED)?.handle;
    begins();
    loop {
        wasm_host::map(mapped)?;
        wasm_host::unmap(mapped)?;
    }
}

/// A byte that a UART sends is an interrupt.
fn serve() -> Result<(), ErrorCode> {
    const UART: &str = "uart1";
    const TX: u16 = 1;
    const DATA: u16 = 0x0;
    const CTRL: u16 = 0x8;
    const BAUDDIV: u16 = 0x10;
    const SENDS: u32 = 0b101;
    const CAPTURES: [Capture; 16] = [Capture {
        offset: CTRL,
        bytes: 4,
    }; 16];
    holding::all_but(OTHERS, &RECORDS, UART)?;
    let uart = wasm_host::claim(TAG, UART)?.handle;
    let sent = RECORDS.register(uart, TX, 255, &CAPTURES)?;
    wasm_host::write32(uart, BAUDDIV, 16)?;
    wasm_host::write32(uart, CTRL, SENDS)?;
    begins();
    loop {
        wasm_host::write32(uart, DATA, 0)?;
        while RECORDS.waiting() & sent.bit() == 0 {
            core::hint::spin_loop();
        }
        if RECORDS.value(sent.record, 15) != SENDS {
            return Err(ErrorCode::Fail);
        }
        RECORDS.take(sent.bit());
        while interrupts::acknowledge(sent.interrupt)? != 0 {}
    }
}

fn again(work: impl Fn(programming::Block) -> u32) -> Result<(), ErrorCode> {
    begins();
    loop {
        programming::each(TAG, &work)?;
    }
}
