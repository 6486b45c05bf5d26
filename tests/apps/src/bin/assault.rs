//! `assault`: in the supervisor's place, uses what it is given against the kernel.
//!
//! What it does is its setting. The first seven have the kernel do as much as it can at once for what is claimed:
//!
//! | value | does |
//! | --- | --- |
//! | `release` (default) | claims all that is exposed, maps what can be, registers as many interrupts as it may, and gives all back in one call; again and again |
//! | `restart` | the same, and begins again in place of giving back |
//! | `fault` | the same, and faults |
//! | `keep` | the same, and keeps it, whoever may end that |
//! | `all` | has as many blocks interrupt as it may, as fast as they can, acknowledges at once, and meanwhile writes, sets alarms and moves its break |
//! | `limits` | for a kernel whose `exposure.dts` has as much as there may be (`limits.awk`): holds all of it, asks for a label like 245 others, captures 16 registers, ends the longest claim, and goes through all claims; again and again |
//! | `programs` | has the longest register programs carried out, and the longest conveyors attached and synchronised, for one block after the other |
//!
//! The others want the kernel that restarts what stands there whatever it did (`restart-fuzz`): each run does
//! one thing, by its number.
//!
//! | value | a run |
//! | --- | --- |
//! | `states` | has the kernel record a captured register, whose 32 bits it chose, as the program status in the frame that it returns to |
//! | `flags` | has the kernel write the flag of a Yield into the frame of that Yield |
//! | `borders` | moves its break to where its stack, its upcalls or its queue are in the way, and yields |

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::arch::asm;

use libtock::berth_exposure::interrupt::{COUNT, Capture, VALUES};
use libtock::berth_exposure::{DESCRIPTION_MAX, DRIVER_NUM, allow};
use libtock::raw::{self, class};
use libtock::wasm_host::interrupts::Records;
use libtock::{ErrorCode, alarm, command, memop, wasm_host};
use test_apps::interrupting::Interrupting;
use test_apps::{Line, Setting, conveying, holding, own, programming};

libtock::main!(main);

static DEED: Setting<16> = Setting::new("assault", "release");
static RECORDS: Records<128> = Records::new();

/// Who claims: all for one, so that one call gives all back.
const TAG: u32 = 7;

/// Runs between two lines.
const TOLD: u32 = 500;

fn main() {
    let result = match DEED.text() {
        "states" => run().and_then(states),
        "flags" => run().and_then(flags),
        "borders" => run().and_then(borders),
        deed => {
            Line::new().text("assault: ").text(deed).print();
            match deed {
                "release" => release(),
                "restart" => holding::all(TAG, &RECORDS).map(|_| libtock::restart(0)),
                "fault" => holding::all(TAG, &RECORDS).map(|_| fault()),
                "keep" => keep(),
                "all" => all(),
                "limits" => limits(),
                "programs" => programs(),
                _ => Err(ErrorCode::Invalid),
            }
        }
    };
    if let Err(code) = result {
        Line::new()
            .text("assault: failed: ")
            .text(code.name())
            .print();
    }
}

/// The number of this run.
fn run() -> Result<u32, ErrorCode> {
    let number = own::stats("assault")?.1.restarts;
    if number.is_multiple_of(TOLD) {
        Line::new()
            .text("assault: ")
            .decimal(number)
            .text(" runs")
            .print();
    }
    Ok(number)
}

fn fault() {
    // SAFETY: none: this faults.
    unsafe { core::ptr::without_provenance_mut::<u32>(0x2000_0000).write_volatile(0) };
}

fn keep() -> Result<(), ErrorCode> {
    hold_all_aloud()?;
    loop {
        core::hint::spin_loop();
    }
}

fn release() -> Result<(), ErrorCode> {
    hold_all_aloud()?;
    loop {
        wasm_host::release_all(TAG)?;
        holding::all(TAG, &RECORDS)?;
    }
}

/// What takes the longer the more is exposed.
fn limits() -> Result<(), ErrorCode> {
    const OTHER_TAG: u32 = 8;
    const LONGEST: &str = "uart1";
    const MAPPED: &str = "sensor_channel_number_000000_243";
    const UNKNOWN: &str = "sensor_channel_number_000000_999";
    const CAPTURES: [Capture; 16] = [Capture {
        offset: 0x8,
        bytes: 4,
    }; 16];
    let (claims, registered) = holding::all(TAG, &RECORDS)?;
    let released = wasm_host::release_all(TAG)?;
    Line::new()
        .text("assault: held ")
        .decimal(claims)
        .text(", registered ")
        .decimal(registered)
        .text(", released ")
        .decimal(released)
        .print();
    let mut record = [0; DESCRIPTION_MAX];
    for index in 0..claims {
        let block = wasm_host::describe(index, &mut record)?;
        if ![LONGEST, MAPPED].contains(&block.label) {
            wasm_host::claim(TAG, block.label)?;
        }
    }
    loop {
        if wasm_host::claim(OTHER_TAG, UNKNOWN) != Err(ErrorCode::NoDevice) {
            return Err(ErrorCode::Fail);
        }
        let longest = wasm_host::claim(OTHER_TAG, LONGEST)?.handle;
        RECORDS.register(longest, 1, 255, &CAPTURES)?;
        RECORDS.register(longest, 0, 255, &CAPTURES)?;
        wasm_host::release(longest)?;
        let mapped = wasm_host::claim(OTHER_TAG, MAPPED)?.handle;
        wasm_host::map(mapped)?;
        if wasm_host::release_all(OTHER_TAG)? != 1 {
            return Err(ErrorCode::Fail);
        }
    }
}

/// What costs most to check, and what is longest to carry out.
fn programs() -> Result<(), ErrorCode> {
    let mut rounds = 0;
    conveying::lend();
    loop {
        rounds += programming::each(TAG, |block| {
            programming::longest(block)
                + conveying::mirrored(block.handle, block.changed, block.status)
        })?;
        Line::new()
            .text("assault: programs ")
            .decimal(rounds)
            .print();
    }
}

/// [`holding::all`], said aloud.
fn hold_all_aloud() -> Result<(), ErrorCode> {
    let (claims, registered) = holding::all(TAG, &RECORDS)?;
    Line::new()
        .text("assault: held ")
        .decimal(claims)
        .text(", registered ")
        .decimal(registered)
        .print();
    Ok(())
}

fn all() -> Result<(), ErrorCode> {
    let blocks = Interrupting::start(TAG, &RECORDS)?;
    Line::new()
        .text("assault: interrupts ")
        .decimal(blocks.registered)
        .print();
    static TEXT: [u8; 64] = [b'.'; 64];
    // SAFETY: lent for reading, and it is never written.
    unsafe { raw::call::<{ class::ALLOW_READ_ONLY }>([1, 1, TEXT.as_ptr() as usize, TEXT.len()]) };
    loop {
        blocks.again();
        let _ = command(1, 1, TEXT.len(), 0);
        let _ = command(8, 1, 0x99, 0);
        let now = alarm::now()?;
        for dt in [0, u32::MAX] {
            alarm::set_absolute(now, dt)?;
        }
        raw_memop(1, 16);
        raw_memop(1, 16usize.wrapping_neg());
        // SAFETY: nothing is subscribed.
        unsafe { raw::yield_call([0, 0, 0, 0]) };
    }
}

/// A program status: every state of an IT block or an interrupted instruction, with and without the Thumb bit
/// and padding, some flags; then the numbers of all exceptions, by which it would be a handler's.
fn status(number: u32) -> u32 {
    let state = number & 0xff;
    let it = (state & 0b11) << 25 | (state >> 2) << 10;
    let thumb = u32::from(number & 0x100 == 0) << 24;
    let padded = number & 0x200;
    let flags = number.wrapping_mul(0x9e37_79b9) & 0xf80f_0000;
    let exception = if number < 1024 { 0 } else { number & 0x1ff };
    it | thumb | padded | flags | exception
}

fn states(number: u32) -> Result<(), ErrorCode> {
    /// Registers of the CMSDK timer, and what starts it.
    const CTRL: u16 = 0x0;
    const VALUE: u16 = 0x4;
    const RELOAD: u16 = 0x8;
    const ON: u32 = 0b1001;

    RECORDS.lend()?;
    let timer = wasm_host::claim(TAG, "timer0")?.handle;
    let capture = Capture {
        offset: RELOAD,
        bytes: 4,
    };
    let registered = RECORDS.register(timer, 0, 5, &[capture])?;
    wasm_host::write32(timer, RELOAD, status(number))?;
    wasm_host::write32(timer, VALUE, 3000)?;
    let mut stack = [0u64; 64];
    let top = (stack.as_mut_ptr() as usize + 256) & !7;
    // The value is the last word of the frame of an interrupt.
    let records = top - 4 - 4 * (registered.record as usize + VALUES - COUNT);
    // SAFETY: none: the kernel has to bear it.
    unsafe {
        raw::call::<{ class::ALLOW_USERSPACE_READABLE }>([
            DRIVER_NUM,
            allow::RECORDS,
            records,
            256,
        ]);
        wasm_host::write32(timer, CTRL, ON)?;
        asm!(
            "mov sp, {top}",
            "2: adds r0, r0, #1",
            "b 2b",
            top = in(reg) top,
            options(noreturn),
        )
    }
}

fn flags(number: u32) -> Result<(), ErrorCode> {
    let offset = number % 32;
    if number & 32 != 0 {
        // An upcall waits: the flag is 1.
        static EXPIRED: libtock::EventSlot = libtock::EventSlot::new();
        libtock::subscribe(0, 0, &EXPIRED)?;
        let start = alarm::set_absolute(alarm::now()?, 0)?;
        while alarm::now()?.wrapping_sub(start) < 30 {}
    }
    // SAFETY: none: the kernel has to bear it.
    unsafe {
        asm!(
            "mov r4, sp",
            "bic r5, r4, #7",
            "mov sp, r5",
            "subs r1, r5, #32",
            "adds r1, r1, {offset}",
            "movs r0, #0",
            "svc 0",
            "mov sp, r4",
            offset = in(reg) offset,
            out("r4") _,
            out("r5") _,
            clobber_abi("C"),
        );
    }
    libtock::restart(0)
}

fn borders(number: u32) -> Result<(), ErrorCode> {
    let start = memop::ram_start()?;
    let end = memop::ram_end()?;
    let here = memop::app_break()?;
    let stack = core::ptr::from_ref(&start).addr();
    let flash = memop::flash_end()?;
    let kernel = raw_memop(6, 0);
    let breaks = [
        start,
        start + 1,
        start + 31,
        start + 32,
        start + 33,
        stack,
        stack - 8,
        stack - 100,
        stack + 1,
        here,
        here + 1,
        here | 0x1f,
        kernel,
        kernel - 1,
        kernel + 1,
        kernel - 32,
        end,
        end - 1,
        0,
        usize::MAX,
        0x8000_0000,
    ];
    let functions = [
        flash - 4,
        flash - 3,
        flash,
        here - 4,
        here - 3,
        here,
        start,
        start | 1,
        stack,
        1,
        usize::MAX,
        0xffff_fff1,
    ];
    let to = breaks[number as usize % breaks.len()];
    let function = functions[number as usize / breaks.len() % functions.len()];
    // An upcall of the console for that function, queued, and a lent buffer in some of the runs.
    if number & 1 != 0 {
        // SAFETY: none, here and below: the kernel has to bear it.
        unsafe { raw::call::<{ class::ALLOW_READ_ONLY }>([1, 1, here - 1, 1]) };
    }
    unsafe { raw::call::<{ class::SUBSCRIBE }>([1, 1, function, usize::MAX]) };
    for _ in 0..12 {
        let _ = command(1, 1, 0, 0);
    }
    raw_memop(
        number as usize & 1,
        to.wrapping_sub(if number & 1 == 0 { 0 } else { here }),
    );
    unsafe {
        raw::yield_call([number as usize % 3, 1, 1, 0]);
        raw::yield_call([0, 0, 0, 0]);
        raw::call::<{ class::MEMOP }>([0, here, 0, 0]);
        raw::yield_call([1, 0, 0, 0]);
    }
    Ok(())
}

fn raw_memop(operation: usize, argument: usize) -> usize {
    // SAFETY: none: the kernel has to bear it.
    let [_, value, ..] = unsafe { raw::call::<{ class::MEMOP }>([operation, argument, 0, 0]) };
    value
}
