//! A board with keys, and what stands in the supervisor's place without having a signed image: it claims nothing that needs one, and makes nobody late.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, root};
use berth_emulator::Layout;
use signed_images::{module, signed, signed_with, signing};

#[allow(dead_code)]
#[path = "../../../crates/proof/tests/support/mod.rs"]
mod signed_images;

/// The keys of `exposure-keys.dts`.
const LAMP: u8 = 1;
const HEATER: u8 = 2;

/// As `tests/apps/src/bin/forger.rs` has it.
const FIRST: usize = 8;
const PAGE: usize = 4096;

const LEDS: u32 = 0x4002_8000;
const LED1: u32 = 0x2;

/// Most images that the setting has room for, with the zero behind them.
const IMAGES_MAX: usize = 31;

/// As many and as long as there may be.
const LABELS: [&str; 8] = [
    "fpgaio",
    "uart1",
    "a_label_of_32_bytes_of_another_1",
    "a_label_of_32_bytes_of_another_2",
    "a_label_of_32_bytes_of_another_3",
    "a_label_of_32_bytes_of_another_4",
    "a_label_of_32_bytes_of_another_5",
    "a_label_of_32_bytes_of_another_6",
];

/// Two for the lamp, one for the heater, and such as are none.
fn images() -> Vec<Vec<u8>> {
    let lamp = signed(LAMP, module(700), 3, &["fpgaio"]);
    let heater = signed(HEATER, module(600), 7, &["i2c_shield1"]);
    let mut images = vec![
        lamp.clone(),
        heater.clone(),
        signed(LAMP, module(300), 4, &LABELS),
        // The first of these is what the flood is made of.
        signed_with(
            &signing(HEATER),
            signed_images::id(&signing(LAMP)),
            module(500),
            3,
            &["fpgaio"],
        ),
        module(300),
        vec![0; 100],
        signed(3, module(300), 3, &["fpgaio"]),
        signed(HEATER, module(300), 3, &["fpgaio"]),
        signed(LAMP, module(300), 3, &["fpgaio", "i2c_shield1"]),
        [&lamp[..], &[0, 2, 1, b'x']].concat(),
        [lamp.clone(), heater].concat(),
    ];
    // A bit in each part of it; exhaustive with the same code on the host (`crates/proof`, `capsules/tests`).
    let count = IMAGES_MAX - images.len();
    for number in 0..count {
        let mut image = lamp.clone();
        let bit = (8 * image.len() - 1) * number / (count - 1);
        image[bit / 8] ^= 1 << (bit % 8);
        images.push(image);
    }
    images
}

#[test]
fn nothing_in_the_supervisors_place_claims_without_a_signed_image() -> Result<()> {
    let images = images();
    let flash = Flash::with_kernel("keys-kernel.bin")?;
    flash.install("deadline")?;
    flash.install("forger")?;
    let lengths: Vec<u8> = images
        .iter()
        .flat_map(|image| (image.len() as u32).to_le_bytes())
        .collect();
    flash.set("forger", &lengths)?;
    let store = Layout::read(&root().join("layout.ld"))?;
    let store = store.region("STORE_FLASH").context("no store")?.origin as usize;
    flash.edit(|bytes| {
        for (number, image) in images.iter().enumerate() {
            let at = store + (FIRST + number) * PAGE;
            let place = bytes.get_mut(at..at + image.len());
            place.context("no such page")?.copy_from_slice(image);
        }
        Ok(())
    })?;
    let mut device = Device::power_on_counted(&flash)?;
    let console = &device.board.console;
    let refused = format!("forger: refused {}", images.len() - 3);
    let mut at = 0;
    for line in [
        &refused[..],
        "forger: proved heater, key 1, counter 7",
        "forger: proved lamp, key 0, counter 3",
        "forger: lamp on",
        "forger: proved other, key 0, counter 4",
        "forger: done",
        "forger: 100 tries",
    ] {
        console
            .wait_after(at, line, Duration::from_secs(120))
            .with_context(|| console.text())?;
        at = console.position();
    }
    // The claim of the run before ended with it, and the lamp's safe state is off.
    ensure!(device.board.bus.read32(LEDS)? & LED1 == 0);
    let kept = device.keeps_deadlines(4)?;
    let text = device.board.console.text();
    ensure!(!text.contains("forger: failed"), "{text}");
    println!("forger: {kept}");
    Ok(())
}
