//! `forger`: in the supervisor's place of a board with keys, tries to claim what needs a signed image without having one.
//!
//! The test has put images into the store, some pages apart from each other (`tests/e2e/tests/proofs.rs`): signed for the lamp, for the heater,
//! once more for the lamp, and others that are almost so. How long each is, the setting says in words. What is not refused ends it with a
//! line that says where; else it tells
//!
//! ```text
//! forger: refused 20
//! forger: proved heater, key 1, counter 7
//! forger: lamp on
//! forger: done
//! forger: 100 tries
//! ```

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::berth_exposure::proof::PROOFS_MAX;
use libtock::flash_partition::Partition;
use libtock::wasm_host::proofs::{self, Unproven};
use libtock::{ErrorCode, EventSlot, restart, wasm_host, yield_wait};
use test_apps::{Line, Setting};

libtock::main!(main);

/// Length of each image in bytes; 0 ends the list.
static IMAGES: Setting<128> = Setting::new("forger", "");

/// The first page that holds one, and how far the next one is.
const FIRST: usize = 8;
const APART: usize = 1;

/// A page without an image, where the run before leaves a mark.
const FREE: usize = 64;
const MARK: u8 = 0x5a;

const LAMP: &str = "fpgaio";
const HEATER: &str = "i2c_shield1";

/// Tries of the flood between two lines.
const TOLD: u32 = 100;

/// What was not refused, or not granted: a line of this file.
struct Failed(u32);

macro_rules! must {
    ($condition:expr) => {
        if !$condition {
            return Err(Failed(line!()));
        }
    };
}

macro_rules! granted {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(_) => return Err(Failed(line!())),
        }
    };
}

fn main() {
    static DONE: EventSlot = EventSlot::new();
    let come = match Partition::open(&DONE) {
        Ok(flash) => run(flash, &DONE),
        Err(_) => Err(Failed(line!())),
    };
    if let Err(Failed(line)) = come {
        let mut said = Line::new();
        said.text("forger: failed in line ").decimal(line).print();
    }
}

/// An image: where it lies, and how long it is.
#[derive(Clone, Copy)]
struct Image {
    offset: usize,
    length: usize,
}

impl Image {
    fn prove(self) -> Result<proofs::Proven, Unproven> {
        proofs::prove(self.offset, self.length)
    }

    fn is_refused(self) -> bool {
        matches!(self.prove(), Err(Unproven::Refused(_)))
    }

    fn is_error(self, error: ErrorCode) -> bool {
        self.prove() == Err(Unproven::Error(error))
    }
}

fn claim(label: &str) -> Result<u16, ErrorCode> {
    wasm_host::claim(1, label).map(|claimed| claimed.handle)
}

fn is_unproven(label: &str) -> bool {
    claim(label) == Err(ErrorCode::Reserve)
}

fn run(mut flash: Partition, done: &'static EventSlot) -> Result<(), Failed> {
    let page = flash.page();
    let image = |number: usize| Image {
        offset: (FIRST + APART * number) * page,
        length: IMAGES.word(number) as usize,
    };
    let [lamp, heater, other_lamp] = [0, 1, 2].map(image);

    // The run before, if there was one, had a proof and a claim.
    must!(is_unproven(LAMP) && is_unproven(HEATER));
    if byte(&flash, FREE * page) == MARK {
        return flood(other_lamp, image(3));
    }
    almost((3..).map(image))?;
    beside(lamp, flash.length())?;
    must!(is_unproven(LAMP) && is_unproven(HEATER));

    // One image is none for another's label.
    told("heater", granted!(heater.prove()));
    must!(is_unproven(LAMP));
    let held = granted!(claim(HEATER));
    granted!(wasm_host::release(held));
    told("lamp", granted!(lamp.prove()));
    granted!(proofs::end(heater.offset, heater.length));
    must!(is_unproven(HEATER));
    let held = granted!(claim(LAMP));
    granted!(wasm_host::modify32(held, 0, 2, 2));
    Line::new().text("forger: lamp on").print();

    // What is written elsewhere changes nothing; what is written there ends proof and claim.
    granted!(flash.erase(FREE));
    granted!(wasm_host::read32(held, 0));
    must!(flash.program(lamp.offset + 8, &[0; 4]).is_ok());
    must!(wasm_host::read32(held, 0) == Err(ErrorCode::Reserve));
    must!(wasm_host::modify32(held, 0, 2, 2) == Err(ErrorCode::Reserve));
    must!(is_unproven(LAMP) && lamp.is_refused() && is_unproven(LAMP));

    // Begun, and erased in the middle.
    must!(proofs::go_on(heater.offset, heater.length).is_none());
    const FLASH: usize = berth_flash::driver::DRIVER_NUM;
    const ERASE: usize = berth_flash::driver::command::ERASE;
    granted!(libtock::command(FLASH, ERASE, heater.offset / page, 0).success());
    must!(heater.is_error(ErrorCode::Busy) && is_unproven(HEATER));
    while done.take().is_none() {
        yield_wait();
    }
    must!(heater.is_refused() && is_unproven(HEATER));

    // With a proof and a claim, for the next run to find none.
    told("other", granted!(other_lamp.prove()));
    let held = granted!(claim(LAMP));
    granted!(wasm_host::modify32(held, 0, 2, 2));
    granted!(flash.program(FREE * page, &[MARK; 4]));
    Line::new().text("forger: done").print();
    restart(0)
}

/// Images that are none.
fn almost(images: impl Iterator<Item = Image>) -> Result<(), Failed> {
    let mut refused = 0;
    for image in images.take_while(|image| image.length != 0) {
        must!(image.is_refused());
        refused += 1;
    }
    Line::new()
        .text("forger: refused ")
        .decimal(refused)
        .print();
    Ok(())
}

/// Outside the partition, around an image, and parts of it.
fn beside(image: Image, end: usize) -> Result<(), Failed> {
    let Image { offset, length } = image;
    for (offset, length) in [
        (end, length),
        (end - length + 1, length),
        (usize::MAX, length),
        (offset, usize::MAX),
        (offset, end + 1),
        (offset, 0),
    ] {
        must!(Image { offset, length }.is_error(ErrorCode::Invalid));
    }
    for (offset, length) in [
        (offset, length / 2),
        (offset, length - 1),
        (offset, length + 1),
        (offset - 1, length + 1),
        (offset + 1, length - 1),
        (offset, end - offset),
    ] {
        must!(Image { offset, length }.is_refused());
    }
    Ok(())
}

fn byte(flash: &Partition, offset: usize) -> u8 {
    let at = core::ptr::with_exposed_provenance::<u8>(flash.address() + offset);
    // SAFETY: inside the partition, which is open for reading as long as this process lives.
    unsafe { at.read_volatile() }
}

fn told(name: &str, proven: proofs::Proven) {
    let mut line = Line::new();
    line.text("forger: proved ").text(name);
    line.text(", key ").decimal(proven.key);
    line.text(", counter ").decimal(proven.counter).print();
}

/// Proves without end: what can be proven, what cannot, what is given up in the middle for another.
fn flood(good: Image, bad: Image) -> Result<(), Failed> {
    for tries in 1_u32.. {
        let number = tries as usize % PROOFS_MAX;
        must!(bad.is_refused());
        for _ in 0..number {
            let _ = proofs::go_on(bad.offset, bad.length);
            let _ = proofs::go_on(good.offset, good.length);
        }
        if number == 0 {
            granted!(good.prove());
            let held = granted!(claim(LAMP));
            granted!(proofs::end(good.offset, good.length));
            must!(wasm_host::read32(held, 0) == Err(ErrorCode::Reserve));
        }
        if tries % TOLD == 0 {
            Line::new()
                .text("forger: ")
                .decimal(tries)
                .text(" tries")
                .print();
        }
    }
    Ok(())
}
