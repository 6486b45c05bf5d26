//! Uploads that go wrong on their way, said frame by frame.

mod line;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, guest};
use berth_protocol::{CHUNK_MAX, ImageHash, Op, Parameters};
use line::{Line, commit};

fn begin<'a>(name: &'a str, image: &[u8]) -> Op<'a> {
    Op::UploadBegin {
        upload: 0,
        name,
        length: image.len() as u32,
        hash: ImageHash::of(image),
        parameters: Parameters::default(),
    }
}

fn send(line: &mut Line, begin: &Op<'_>, image: &[u8], from: usize) -> Result<()> {
    for (number, bytes) in image[from..].chunks(CHUNK_MAX).enumerate() {
        let offset = (from + number * CHUNK_MAX) as u32;
        let upload = begin.upload_id().context("announces nothing")?;
        let op = Op::UploadChunk {
            upload,
            offset,
            bytes,
        };
        ensure!(line.offset(op)? as usize >= from + bytes.len());
    }
    Ok(())
}

#[test]
fn an_image_changed_in_transit_is_refused_and_not_stored() -> Result<()> {
    let device = Device::boot()?;
    let image = std::fs::read(guest("hello"))?;
    let free = || -> Result<Option<u64>> { Ok(device.json(&["heap"])?["heap"]["free"].as_u64()) };
    let mut before = None;
    for at in [0, image.len() / 2, image.len() - 1] {
        let mut line = Line::open(&device)?;
        let mut changed = image.clone();
        changed[at] ^= 0x10;
        ensure!(line.offset(begin("hello", &image))? == 0);
        send(&mut line, &begin("hello", &image), &changed, 0)?;
        ensure!(
            line.refusal(commit(&begin("hello", &image)))? == "hash-mismatch",
            "byte {at}"
        );
        // It is forgotten, not waiting to be completed.
        ensure!(line.refusal(commit(&begin("hello", &image)))? == "no-upload");
        drop(line);
        ensure!(device.container("hello")?.is_none());
        // The first time, the device rounds off what it holds itself.
        let now = free()?;
        ensure!(now.is_some() && before.is_none_or(|before| before == now));
        before = Some(now);
    }
    device.upload("hello")
}

#[test]
fn an_interrupted_upload_goes_on_where_it_was() -> Result<()> {
    let device = Device::boot()?;
    let image = std::fs::read(guest("blink"))?;
    let sent = CHUNK_MAX;
    ensure!(image.len() > 2 * sent, "too small to be interrupted");
    let mut line = Line::open(&device)?;
    ensure!(line.offset(begin("blink", &image))? == 0);
    line.offset(Op::UploadChunk {
        upload: begin("blink", &image)
            .upload_id()
            .context("announces nothing")?,
        offset: 0,
        bytes: &image[..sent],
    })?;
    drop(line);
    ensure!(
        device.container("blink")?.is_none(),
        "half an image is stored"
    );
    // The operator's tool knows nothing of it and is told where to go on.
    let mut line = Line::open(&device)?;
    ensure!(line.offset(begin("blink", &image))? as usize == sent);
    send(&mut line, &begin("blink", &image), &image, sent)?;
    line.done(commit(&begin("blink", &image)))?;
    drop(line);
    device.berth(&["start", "blink"])?.ok()?;
    device.wait_state("blink", "running")
}
