//! `buses`: what SPI and I2C do for a process, on hardware.
//!
//! The SPI bus receives what it sends. On the I2C bus are a thermometer and a memory of 32 KiB, if the test has put them
//! there; its setting says how often the round of checks is made (`0`: without end).

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libtock::{ErrorCode, alarm, allow, command, i2c, spi, wait_for};
use test_apps::report::Report;
use test_apps::{Line, Setting};

libtock::main!(main);

static ROUNDS: Setting<8> = Setting::new("buses", "1");

/// TMP105.
const THERMOMETER: u8 = 0x48;
/// AT24C256.
const MEMORY: u8 = 0x50;
const NOBODY: u8 = 0x33;

/// Longest SPI transfer here.
const LONGEST: usize = 1024;

/// Between two rounds.
const REST_MS: u32 = 1;

fn main() {
    let mut report = Report::new();
    match ROUNDS.text() {
        "0" => loop {
            let mut round = Report::new();
            spi_transfers(&mut round);
            i2c_transfers(&mut round);
            if round.failed() > 0 {
                Line::new().text("buses: a round failed").print();
            }
            // Buses that are done at once leave no other time to what is in the background.
            let _ = alarm::sleep_ms(REST_MS);
        },
        _ => {
            spi_transfers(&mut report);
            spi_settings(&mut report);
            spi_arguments(&mut report);
            i2c_transfers(&mut report);
            i2c_arguments(&mut report);
        }
    }
    report.count();
    Line::new().text("buses: done").print();
}

fn pattern(index: usize, seed: usize) -> u8 {
    (index.wrapping_mul(31) ^ seed) as u8
}

fn spi_transfers(report: &mut Report) {
    let mut whole = true;
    // Around the FIFO, the interrupt's threshold, the driver's chunk, and a kilobyte.
    for length in [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 63, 64, 65, 255, LONGEST] {
        let mut sent = [0; LONGEST];
        for (index, byte) in sent.iter_mut().enumerate() {
            *byte = pattern(index, length);
        }
        let mut room = [0xee; LONGEST];
        let bytes = sent.get(..length).unwrap_or_default();
        whole &= spi::transfer(bytes, &mut room) == Ok(length);
        whole &= room.get(..length) == Some(bytes);
        whole &= room.iter().skip(length).all(|byte| *byte == 0xee);
    }
    report.check("every length comes back whole", whole);
    let mut room = [0xee; 70];
    report.check(
        "receiving alone sends zeros",
        spi::receive(&mut room) == Ok(70) && room == [0; 70],
    );
    report.check("sending alone", spi::send(&[1; 70]) == Ok(70));
}

fn spi_settings(report: &mut Report) {
    report.check("rate of the board", spi::rate() == Ok(961_538));
    // The rates of the figure that the containers' ways to a register are compared with.
    let mut right = true;
    for (asked, real) in [
        (18_750, 18_684),
        (1_500_000, 1_388_888),
        (24_000_000, 12_500_000),
    ] {
        right &= spi::set_rate(asked).is_ok() && spi::rate() == Ok(real);
    }
    report.check("rates are the next ones below", right);
    report.check(
        "no rate of zero",
        spi::set_rate(0) == Err(ErrorCode::Invalid) && spi::rate() == Ok(12_500_000),
    );
    let call = |number, argument| command(spi::DRIVER_NUM, number, argument, 0);
    let mut right = true;
    for (set, get) in [
        (spi::commands::SET_PHASE, spi::commands::GET_PHASE),
        (spi::commands::SET_POLARITY, spi::commands::GET_POLARITY),
    ] {
        for value in [1, 0] {
            right &= call(set, value).success().is_ok();
            right &= call(get, 0).success_u32() == Ok(value as u32);
        }
    }
    report.check("phase and polarity", right);
}

fn spi_arguments(report: &mut Report) {
    let call = |number, argument| command(spi::DRIVER_NUM, number, argument, 0).success();
    let mut right = true;
    for number in [1, 3, 4, 12, usize::MAX] {
        right &= call(number, 1) == Err(ErrorCode::NoSupport);
    }
    report.check("commands that are none", right);
    let invalid = Err(ErrorCode::Invalid);
    report.check(
        "nothing lent",
        call(2, 1) == invalid && call(11, 1) == invalid,
    );
    let bytes = [7; 300];
    let mut room = [0; 300];
    let lent = allow::with_read_only(spi::DRIVER_NUM, spi::TO_SEND, &bytes, || {
        allow::with_read_write(spi::DRIVER_NUM, spi::RECEIVED, &mut room, || {
            let mut right = true;
            for length in [0, 301, usize::MAX] {
                right &= call(2, length) == invalid && call(11, length) == invalid;
            }
            right &= call(2, 300).is_ok();
            // The second one, and settings, wait for the end of the first.
            right &= call(2, 1) == Err(ErrorCode::Busy);
            right &= call(spi::commands::SET_RATE, 1000) == Err(ErrorCode::Busy);
            right
        })
    });
    report.check("lengths that cannot be", lent == Ok(Ok(true)));
    // Both buffers were taken back in the transfer: it ended there.
    let [length, status, zero] = wait_for(spi::DRIVER_NUM, spi::DONE);
    report.check(
        "a transfer ends where its buffers end",
        length < 300 && (status, zero) == (0, 0),
    );
    report.check(
        "and the bus is free again",
        spi::transfer(&[1, 2, 3], &mut room) == Ok(3) && room.starts_with(&[1, 2, 3]),
    );
}

fn i2c_transfers(report: &mut Report) {
    // The configuration of a TMP105 is written and read back, its limits are a register of two bytes.
    let mut limit = [3, 0x4b, 0x80];
    let written = i2c::write(THERMOMETER, &mut limit);
    let mut buffer = [3, 0xee, 0xee];
    let read = i2c::write_read(THERMOMETER, &mut buffer, 1, 2);
    report.check(
        "a register of the thermometer keeps what is written",
        written.is_ok() && read.is_ok() && buffer == [0x4b, 0x80, 0xee],
    );
    let mut again = [0; 2];
    report.check(
        "reading goes on at the register that was named",
        i2c::read(THERMOMETER, &mut again) == Ok(()) && again == [0x4b, 0x80],
    );
    let mut page = [0; 2 + 64];
    for (index, byte) in page.iter_mut().enumerate().skip(2) {
        *byte = pattern(index, 9);
    }
    if let Some(first) = page.first_mut() {
        *first = 0x12;
    }
    let expected = page;
    let written = i2c::write(MEMORY, &mut page);
    let mut buffer = [0; 64];
    if let Some(first) = buffer.first_mut() {
        *first = 0x12;
    }
    let read = i2c::write_read(MEMORY, &mut buffer, 2, 64);
    report.check(
        "a page of the memory",
        written.is_ok() && read.is_ok() && expected.get(2..) == Some(&buffer[..]),
    );
    report.check(
        "nobody answers",
        i2c::read(NOBODY, &mut again) == Err(ErrorCode::NoAck)
            && i2c::write(NOBODY, &mut [1]) == Err(ErrorCode::NoAck)
            && i2c::write(NOBODY, &mut []) == Err(ErrorCode::NoAck)
            && i2c::write(THERMOMETER, &mut []) == Ok(()),
    );
}

fn i2c_arguments(report: &mut Report) {
    let mut buffer = [0; 300];
    let invalid = Err(ErrorCode::Invalid);
    let call = |number, first, second| command(i2c::DRIVER_NUM, number, first, second).success();
    report.check("nothing lent", call(1, 0x48, 1) == invalid);
    let right = allow::with_read_write(i2c::DRIVER_NUM, i2c::BUFFER, &mut buffer, || {
        let mut right = call(2, 0x48, 0) == invalid;
        for number in [1, 2] {
            right &=
                call(number, 0x48, 301) == invalid && call(number, 0x48, usize::MAX) == invalid;
            right &= call(number, 0x80, 1) == invalid && call(number, usize::MAX, 1) == invalid;
            right &= call(number, 0x48, 131) == Err(ErrorCode::Size);
        }
        right &= call(3, 0x48 | usize::MAX << 8, 1) == invalid;
        right &= call(4, 0x48, 1) == Err(ErrorCode::NoSupport);
        right &= call(2, 0x48, 130).is_ok() && call(2, 0x48, 1) == Err(ErrorCode::Busy);
        right
    });
    report.check("arguments that cannot be", right == Ok(true));
    // Its buffer was taken back: what came has no place.
    let [status, ..] = wait_for(i2c::DRIVER_NUM, i2c::DONE);
    report.check(
        "a buffer that is taken back in a transfer",
        ErrorCode::from_raw(status) == ErrorCode::Size,
    );
}
