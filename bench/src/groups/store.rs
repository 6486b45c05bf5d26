//! What the container store costs, and how fast images arrive.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use berth::{Client, UploadOutcome};
use berth_e2e::{Device, Flash};
use berth_emulator::{Board, Ending, PowerCut};

use crate::figure::{Figure, Group, Key, Unit};
use crate::process::{self, ICOUNT};

const PROCESS: &str = "bench_store";
const PATIENCE: Duration = Duration::from_secs(300);

/// Told while the store is filled.
const FILLED: [Key; 5] = [
    Key::alone(
        "store.write_amplification",
        Unit::Ratio,
        "Bytes programmed for each byte of an image of 16 KiB: uploaded in parts of 200 bytes, then replaced by another",
        None,
    ),
    Key::alone(
        "store.erase_amplification",
        Unit::Ratio,
        "Bytes erased for each byte of the same",
        None,
    ),
    Key::alone(
        "store.write_amplification_small",
        Unit::Ratio,
        "Bytes programmed for each byte of an image of 500 bytes",
        None,
    ),
    Key::alone(
        "store.erase_amplification_small",
        Unit::Ratio,
        "Bytes erased for each byte of the same: a page is a page",
        None,
    ),
    Key::alone(
        "store.wear_most_by_mean",
        Unit::Ratio,
        "Erases of the most worn page by the mean of all, after 4,000 small images while three fifths of the store never changed",
        Some(2.0),
    ),
];

/// Told after a cut.
const RECOVERY: Key = Key::alone(
    "store.recovery",
    Unit::Instructions,
    "Opening a full store after the power was cut: the most of all cuts",
    None,
);
const SETTLE: Key = Key::alone(
    "store.settle",
    Unit::Instructions,
    "The first change after that, which begins a new page of the log: the most of all cuts",
    None,
);

const UPLOAD: Key = Key::alone(
    "lifecycle.upload_bytes_per_s",
    Unit::BytesPerSecond,
    "Image of 64 KiB from `berth` into the store, commit included, by the host's clock",
    None,
);

/// Steps of flash, words and pages, after which the power is cut: while the directory is written anew, at its
/// record of the next image, in that image's pages.
const CUTS: [u32; 6] = [3, 300, 560, 600, 1_400, 4_000];

/// Measure it.
///
/// # Errors
/// If the board fails, or something is not as it was after a cut.
pub fn measure() -> Result<Group> {
    let flash = Flash::without_supervisor()?;
    flash.install(PROCESS)?;
    let board = |flash: &Flash| Board::new(flash.path()).icount(ICOUNT);
    let mut figures = process::read(PROCESS, &FILLED, board(&flash).keep_store(), PATIENCE)?;
    let mut most = [RECOVERY, SETTLE].map(|key| Figure { key, value: 0.0 });
    for after in CUTS {
        let flash = flash.copy()?;
        let cut = PowerCut {
            after,
            seed: 0x5a5a_c3c3,
        };
        let limit = PATIENCE * 2;
        let ending = board(&flash)
            .cut_power(cut)
            .limit(limit)
            .start()?
            .wait(limit)?;
        ensure!(ending == Ending::Exited(Some(PowerCut::STATUS)), "{ending}");
        let keys = [RECOVERY, SETTLE];
        let found = process::read(PROCESS, &keys, board(&flash).keep_store(), PATIENCE)?;
        for (most, found) in most.iter_mut().zip(found) {
            most.value = most.value.max(found.value);
        }
    }
    figures.extend(most);
    figures.push(Figure {
        key: UPLOAD,
        value: upload()?,
    });
    Ok(Group {
        title: "Store",
        how: "The process `bench_store` has the store alone on the board's flash, through the same system calls as the supervisor, and counts \
              what it programs and erases. It fills the store; then the power is cut at six places of storing one more image, words torn, and it opens the \
              store again. The speed of uploads is the emulator's serial line on the host that ran this, and the only figure here that is not exact.",
        figures,
        ..Group::default()
    })
}

/// Bytes a second.
fn upload() -> Result<f64> {
    let device = Device::boot()?;
    let mut image = wat::parse_str(r#"(module (func (export "_start")))"#)?;
    // A custom section of 2^16 bytes, of which two are its name.
    image.extend([0, 0x80, 0x80, 0x04, 1, b'x']);
    image.extend((0..(1 << 16) - 2).map(|place: u32| (place * 7) as u8));
    let mut client = Client::new(berth::open(&device.board.address().parse()?)?)?;
    let began = Instant::now();
    match berth::upload(
        &mut client,
        "large",
        &image,
        berth_protocol::Parameters::default(),
        |_| (),
    )? {
        UploadOutcome::Stored => {}
        UploadOutcome::Unchanged => bail!("it was there already"),
    }
    let seconds = began.elapsed().as_secs_f64();
    device.container("large")?.context("it is stored")?;
    Ok((image.len() as f64 / seconds).round())
}
