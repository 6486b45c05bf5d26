//! `bus_abuse`: in the supervisor's place, has the buses work for it without end.
//!
//! What it does again and again is its setting:
//!
//! | value | does |
//! | --- | --- |
//! | `long` (default) | sends 32 KiB over SPI |
//! | `short` | sends single bytes over SPI |
//! | `i2c` | writes as much as a transfer takes, to a memory and to nobody |
//! | `swaps` | takes its buffers back in the middle of transfers, lends them twice, changes settings |
//! | `leaves` | begins transfers on both buses and ends its run, by every way there is |
//! | `serial` | sends 32 KiB on the second serial line |
//! | `serial_short` | sends 512 bytes on it, a turn of the line |
//! | `listens` | takes what comes on it |

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::{ErrorCode, alarm, allow, command, i2c, memop, spi, uart, wait_for};
use test_apps::{Line, Setting, own};

libtock::main!(main);

static DEED: Setting<16> = Setting::new("bus_abuse", "long");

/// In flash.
static TEXT: [u8; 32 * 1024] = [0x5a; 32 * 1024];

const MEMORY: u8 = 0x50;
const NOBODY: u8 = 0x33;

fn main() {
    Line::new().text("bus_abuse: ").text(DEED.text()).print();
    let result = match DEED.text() {
        "long" => forever(|| spi::send(&TEXT).map(drop)),
        "short" => forever(|| spi::send(&[0x5a]).map(drop)),
        "i2c" => forever(|| {
            let _ = i2c::write(MEMORY, &mut [0; 130]);
            let _ = i2c::read(MEMORY, &mut [0; 130]);
            let _ = i2c::write(NOBODY, &mut [0; 130]);
            Ok(())
        }),
        "swaps" => swaps(),
        "leaves" => leaves(),
        "serial" => forever(|| sends(TEXT.len())),
        "serial_short" => forever(|| sends(512)),
        "listens" => forever(listens),
        _ => Err(ErrorCode::Invalid),
    };
    if let Err(code) = result {
        Line::new()
            .text("bus_abuse: failed: ")
            .text(code.name())
            .print();
    }
}

fn forever(mut deed: impl FnMut() -> Result<(), ErrorCode>) -> Result<(), ErrorCode> {
    loop {
        deed()?;
    }
}

fn swaps() -> Result<(), ErrorCode> {
    let room = memop::extend(8 * 1024)?;
    let mut seed = 1_usize;
    forever(|| {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let length = seed >> 16 & 0x1fff;
        let _ = command(spi::DRIVER_NUM, spi::commands::SET_RATE, seed, 0);
        // Both buffers go back as soon as the transfer has begun.
        allow::with_read_only(spi::DRIVER_NUM, spi::TO_SEND, &TEXT, || {
            allow::with_read_write(spi::DRIVER_NUM, spi::RECEIVED, room, || {
                let _ = command(spi::DRIVER_NUM, spi::commands::READ_WRITE, length, 0);
                let _ = command(spi::DRIVER_NUM, spi::commands::READ, seed, 0);
            })
        })??;
        let (first, second) = (seed >> 8, seed >> 20);
        allow::with_read_write(i2c::DRIVER_NUM, i2c::BUFFER, room, || {
            let _ = command(
                i2c::DRIVER_NUM,
                seed >> 4 & 3,
                first & 0x7fff,
                second & 0xff,
            );
        })?;
        if seed & 0x700 == 0 {
            let _ = spi::send(&[1]);
            libtock::yield_no_wait();
        }
        Ok(())
    })
}

/// Send so many bytes on the second serial line.
fn sends(length: usize) -> Result<(), ErrorCode> {
    allow::with_read_only(uart::DRIVER_NUM, uart::TO_SEND, &TEXT, || {
        command(uart::DRIVER_NUM, uart::commands::WRITE, length, 0).success()?;
        let _ = wait_for(uart::DRIVER_NUM, uart::WRITTEN);
        Ok(())
    })?
}

/// Take some bytes of the second serial line.
fn listens() -> Result<(), ErrorCode> {
    let mut room = [0; 64];
    allow::with_read_write(uart::DRIVER_NUM, uart::RECEIVED, &mut room, || {
        command(uart::DRIVER_NUM, uart::commands::READ, 64, 0).success()?;
        let _ = wait_for(uart::DRIVER_NUM, uart::READ);
        Ok(())
    })?
}

/// The end of a run, another one in each.
fn leaves() -> Result<(), ErrorCode> {
    let run = own::stats("bus_abuse")?.1.restarts;
    allow::with_read_only(spi::DRIVER_NUM, spi::TO_SEND, &TEXT, || {
        command(spi::DRIVER_NUM, spi::commands::READ_WRITE, TEXT.len(), 0).success()?;
        let mut room = [0; 130];
        allow::with_read_write(i2c::DRIVER_NUM, i2c::BUFFER, &mut room, || {
            command(i2c::DRIVER_NUM, i2c::commands::READ, MEMORY.into(), 130).success()?;
            if run % 4 == 3 {
                // Not before something has come.
                let _ = wait_for(i2c::DRIVER_NUM, i2c::DONE);
            } else {
                alarm::sleep_ms(run % 3)?;
            }
            end_run(run)
        })?
    })?
}

fn end_run(run: u32) -> Result<(), ErrorCode> {
    /// First word of the kernel's RAM.
    const KERNEL_RAM: usize = 0x2000_0000;
    if run.is_multiple_of(2) {
        libtock::restart(0)
    }
    // SAFETY: none: this faults.
    unsafe { core::ptr::without_provenance_mut::<u32>(KERNEL_RAM).write_volatile(0) };
    Err(ErrorCode::Fail)
}
