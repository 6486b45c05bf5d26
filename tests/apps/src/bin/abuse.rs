//! `abuse`: in the supervisor's place, has the kernel work for it without end.
//!
//! What it does again and again is its setting:
//!
//! | value | does |
//! | --- | --- |
//! | `writes` (default) | writes 32 KiB to the console |
//! | `lines` | has low-level debug print lines |
//! | `reads` | reads as much as there is, with room for 32 KiB |
//! | `breaks` | takes 48 KiB of memory and gives them back |
//! | `steps` | moves its break by odd numbers of bytes, up and down |
//! | `faults` | faults, until the board does not restart it any more |
//! | `restarts` | restarts itself |
//! | `walk` | reads, writes or executes another forbidden place in each run |
//! | `alarms` | sets its alarm to now and to far away |
//! | `names` | asks for ids and names of processes, with room for 32 KiB |
//! | `erases` | erases one page of the flash and programs it, whatever the answer |
//! | `partitions` | erases two pages of each of the flash's partitions as often as they may be, as fast as it can |
//! | `above` | looks for anything in the memory above its break that it reaches, in three runs and at each change of its break, and leaves as much as it can there |

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::flash_partition::Partition;
use libtock::{ErrorCode, EventSlot, alarm, command, console, memop, process_info};
use test_apps::{Line, Setting, own};

libtock::main!(main);

static DEED: Setting<16> = Setting::new("abuse", "writes");

/// Of the memory above its break, which the Makefile makes large.
const ROOM: usize = 48 * 1024;

/// Lines of 32 bytes, in flash.
static TEXT: [[u8; 32]; 1024] = [*b"this is what nobody waited for\r\n"; 1024];

/// Low-level debug, and its command for an alert.
const LOW_LEVEL_DEBUG: usize = 8;
const ALERT: usize = 1;

/// A page in the middle of the store.
const PAGE: usize = 64;

fn main() {
    Line::new().text("abuse: ").text(DEED.text()).print();
    let result = match DEED.text() {
        "writes" => forever(|| console::write_all(TEXT.as_flattened())),
        "lines" => forever(|| {
            let _ = command(LOW_LEVEL_DEBUG, ALERT, 0x1234_5678, 0);
            Ok(())
        }),
        "reads" => reads(),
        "breaks" => forever(|| {
            move_break(ROOM as isize)?;
            move_break(-(ROOM as isize))
        }),
        "steps" => steps(),
        "faults" => fault(),
        "restarts" => libtock::restart(0),
        "walk" => walk(),
        "alarms" => forever(|| {
            let now = alarm::now()?;
            for dt in [0, 1, u32::MAX / 2, u32::MAX] {
                alarm::set_absolute(now, dt)?;
            }
            Ok(())
        }),
        "names" => names(),
        "erases" => erases(),
        "partitions" => partitions(),
        "above" => above(),
        _ => Err(ErrorCode::Invalid),
    };
    if let Err(code) = result {
        Line::new()
            .text("abuse: failed: ")
            .text(code.name())
            .print();
    }
}

fn forever(mut deed: impl FnMut() -> Result<(), ErrorCode>) -> Result<(), ErrorCode> {
    loop {
        deed()?;
    }
}

fn move_break(bytes: isize) -> Result<(), ErrorCode> {
    // SAFETY: what is given back was taken by the same loop, and nobody uses it.
    unsafe { memop::sbrk(bytes) }.map(drop)
}

fn steps() -> Result<(), ErrorCode> {
    let mut step = 1;
    forever(|| {
        step = step * 7 % 24_001;
        move_break(step)?;
        move_break(-step)
    })
}

fn fault() -> ! {
    /// First word of the kernel's RAM.
    const KERNEL_RAM: usize = 0x2000_0000;
    loop {
        // SAFETY: none: this faults.
        unsafe { core::ptr::without_provenance_mut::<u32>(KERNEL_RAM).write_volatile(0) };
    }
}

/// One access to what is not this process's, another one in each run.
fn walk() -> Result<(), ErrorCode> {
    /// Kernel's flash and RAM, another process's RAM, a peripheral, the processor's own registers.
    const PLACES: [usize; 5] = [0, 0x2000_0000, 0x2001_0000, 0x4000_8000, 0xe000_ed00];
    let run = own::stats("abuse")?.1.restarts as usize;
    let place = PLACES.get(run % PLACES.len()).copied().unwrap_or(0);
    let address = place + run * 0x24 % 0x8000;
    // SAFETY: none: this faults.
    unsafe {
        match run / PLACES.len() % 3 {
            0 => drop(core::ptr::without_provenance::<u8>(address).read_volatile()),
            1 => core::ptr::without_provenance_mut::<u8>(address).write_volatile(0),
            _ => {
                let code = core::ptr::without_provenance::<()>(address | 1);
                core::mem::transmute::<*const (), extern "C" fn()>(code)();
            }
        }
    }
    // Not stopped: that the kernel's flash can be read is a fault of the test's board.
    Line::new()
        .text("abuse: failed: reached 0x")
        .hex(address as u32)
        .print();
    Err(ErrorCode::Fail)
}

fn reads() -> Result<(), ErrorCode> {
    static SLOT: libtock::EventSlot = libtock::EventSlot::new();
    let buffer = memop::extend(32 * 1024)?;
    let mut reader = console::Reader::new(buffer, &SLOT)?;
    forever(|| reader.read_available().map(drop))
}

fn names() -> Result<(), ErrorCode> {
    let buffer = memop::extend(32 * 1024)?;
    forever(|| {
        process_info::ids(buffer)?;
        let ids = buffer.first_chunk::<16>().copied().unwrap_or_default();
        for id in ids.chunks_exact(4) {
            let id = id.first_chunk().map_or(0, |id| u32::from_le_bytes(*id));
            let _ = process_info::name(id, buffer);
            let _ = process_info::stats(id);
        }
        Ok(())
    })
}

fn erases() -> Result<(), ErrorCode> {
    static DONE: EventSlot = EventSlot::new();
    let mut flash = Partition::open(&DONE)?;
    let page = flash.page();
    let (mut done, mut refused) = (0, 0);
    forever(|| {
        match flash.erase(PAGE) {
            Ok(()) => done += 1,
            Err(_) => refused += 1,
        }
        for part in 0..page / 256 {
            let _ = flash.program(PAGE * page + part * 256, &[0x55; 256]);
        }
        if (done + refused) % 1000 == 0 {
            Line::new()
                .text("abuse: erased ")
                .decimal(done)
                .text(", refused ")
                .decimal(refused)
                .print();
        }
        Ok(())
    })
}

fn partitions() -> Result<(), ErrorCode> {
    static STORE: EventSlot = EventSlot::new();
    static CODE: EventSlot = EventSlot::new();
    let mut partitions = [Partition::open(&STORE)?, Partition::open_code(&CODE)?];
    let mut done = 0;
    for partition in &mut partitions {
        for page in 0..2 {
            done += (0..256).filter(|_| partition.erase(page).is_ok()).count();
        }
    }
    Line::new()
        .text("abuse: erased ")
        .decimal(u32::try_from(done).unwrap_or(u32::MAX))
        .text(" of 1024 in both")
        .print();
    Ok(())
}

/// What the MPU of its block can separate: a 64th of 128 KiB.
const GRANULE: usize = 2048;

fn above() -> Result<(), ErrorCode> {
    let run = own::stats("abuse")?.1.restarts + 1;
    look_and_fill(run, "at the start")?;
    for bytes in [5000, -3000, 1, 20_000, -20_001, 30_011] {
        move_break(bytes)?;
        look_and_fill(run, "at a change")?;
    }
    // Grants lie below the end of the block, where the next run's break goes.
    let _ = process_info::name(1, &mut [0; 8]);
    if run < 3 {
        libtock::restart(0)
    }
    Line::new().text("abuse: nothing above").print();
    Ok(())
}

/// Complain about what is not zero above the break, and write over all that is reached there.
fn look_and_fill(run: u32, when: &str) -> Result<(), ErrorCode> {
    let start = memop::app_break()?;
    for address in start..start.next_multiple_of(GRANULE) {
        let byte = core::ptr::with_exposed_provenance_mut::<u8>(address);
        // SAFETY: none of this process's own things lie above its break; if the memory is not
        // reached, this faults, and the test sees it.
        let found = unsafe { byte.read_volatile() };
        if found != 0 {
            Line::new()
                .text("abuse: failed: run ")
                .decimal(run)
                .text(" found 0x")
                .hex(found.into())
                .text(" ")
                .text(when)
                .print();
            return Err(ErrorCode::Fail);
        }
        // SAFETY: as above.
        unsafe { byte.write_volatile(0xa5) };
    }
    Ok(())
}
