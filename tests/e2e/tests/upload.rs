//! Uploads by `berth` that are broken off: by the line, by whoever killed `berth`, by the device's power; and a
//! store that is full.

#[path = "line/guests.rs"]
mod guests;
mod line;
#[path = "line/relay.rs"]
mod relay;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, Terminal, program};
use berth_flash::{Flash as _, Simulated};
use berth_store::Store;
use guests::{Guest, with_custom_section};
use line::Line;
use relay::Relay;
use tempfile::TempDir;

/// Bytes of the image; what frames add to them is less than a third.
const PADDING: usize = 40_000;
/// Bytes that the line carries before it breaks.
const CARRIED: usize = 20_000;
/// Bytes of a page of the store.
const PAGE: usize = 4096;

/// A large module in a file.
struct Image {
    folder: TempDir,
    bytes: usize,
}

impl Image {
    fn new(version: u32) -> Result<Self> {
        let folder = TempDir::new()?;
        let image = with_custom_section(Guest::version(version).image()?, PADDING);
        std::fs::write(folder.path().join("large.wasm"), &image)?;
        let bytes = image.len();
        Ok(Self { folder, bytes })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("large.wasm")
    }

    /// `berth upload` of it to this address, as it is. It repeats a request after a second, so that a busy machine has it repeat
    /// none: what goes over the line is counted.
    fn upload(&self, address: &str) -> Command {
        let mut command = Command::new(program("berth"));
        command
            .args(["--device", address, "--timeout", "60"])
            .args(["upload", "--no-pack"])
            .arg(self.path());
        command
    }

    /// The whole upload; bytes that went over the line.
    fn upload_whole(&self, device: &Device) -> Result<usize> {
        let relay = Relay::to(&device.board.address(), usize::MAX)?;
        let output = self.upload(&relay.address()).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = format!("large uploaded ({} bytes)\n", self.bytes);
        ensure!(
            said == expected,
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(relay.carried())
    }

    /// What must still go over the line when so much has: not much more than the rest.
    fn rest(&self, carried: usize) -> usize {
        (self.bytes - carried * 3 / 4) * 4 / 3
    }

    /// Half of it is none; the upload goes on where it was when the device had `kept` bytes, and then it runs.
    fn goes_on(&self, device: &Device, kept: usize) -> Result<()> {
        ensure!(device.container("large")?.is_none());
        let carried = self.upload_whole(device)?;
        ensure!(carried < self.rest(kept), "{carried} bytes for the rest");
        self.runs(device, 1)
    }

    /// The device has it, and it runs.
    fn runs(&self, device: &Device, version: u32) -> Result<()> {
        device.berth(&["start", "large"])?.ok()?;
        device.console(&Guest::says(version, None))?;
        device.wait_state("large", "running")
    }
}

/// Start this `berth` and wait until it has had the line carry all that it may.
fn stalled(relay: &Relay, berth: &mut Command) -> Result<Child> {
    let mut berth = berth.stderr(Stdio::null()).spawn()?;
    let until = Instant::now() + Duration::from_secs(30);
    while !relay.is_exhausted() {
        ensure!(berth.try_wait()?.is_none(), "berth has ended");
        ensure!(Instant::now() < until, "only {} bytes", relay.carried());
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(berth)
}

#[test]
fn an_upload_goes_on_after_the_line_broke() -> Result<()> {
    let device = Device::boot()?;
    let image = Image::new(1)?;
    let relay = Relay::to(&device.board.address(), CARRIED)?;
    relay.close_at_end();
    let output = image.upload(&relay.address()).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(3), "{said}");
    ensure!(said.contains("closed by the other side"), "{said}");
    image.goes_on(&device, CARRIED)?;
    let again = image.upload(&device.board.address()).output()?;
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    ensure!(
        said == format!("large unchanged ({} bytes)\n", image.bytes),
        "{said}"
    );
    Ok(())
}

#[test]
fn an_upload_goes_on_after_berth_was_killed() -> Result<()> {
    let device = Device::boot()?;
    let image = Image::new(1)?;
    let relay = Relay::to(&device.board.address(), CARRIED)?;
    let mut berth = stalled(&relay, &mut image.upload(&relay.address()))?;
    // SIGKILL.
    berth.kill()?;
    berth.wait()?;
    image.goes_on(&device, CARRIED)
}

#[test]
fn an_upload_goes_on_at_the_last_page_after_the_devices_power_was_gone() -> Result<()> {
    let flash = Flash::new()?;
    let device = Device::boot_with(&flash)?;
    let image = Image::new(1)?;
    let relay = Relay::to(&device.board.address(), CARRIED)?;
    let mut berth = stalled(&relay, &mut image.upload(&relay.address()))?;
    drop(device);
    // The line has ended with the board.
    ensure!(berth.wait()?.code() == Some(3));
    let device = Device::boot_with(&flash)?;
    image.goes_on(&device, CARRIED - 2 * PAGE)
}

#[test]
fn the_old_image_stays_until_the_new_one_is_committed() -> Result<()> {
    let flash = Flash::new()?;
    let device = Device::boot_with(&flash)?;
    let (old, new) = (Image::new(1)?, Image::new(2)?);
    old.upload_whole(&device)?;
    old.runs(&device, 1)?;
    let hash = |device: &Device| -> Result<String> {
        let inspected = device.json(&["inspect", "large"])?;
        Ok(inspected["container"]["sha256"].to_string())
    };
    let before = hash(&device)?;
    let relay = Relay::to(&device.board.address(), CARRIED)?;
    let mut berth = stalled(&relay, new.upload(&relay.address()).arg("--live-update"))?;
    // While half of the new one is there, and when the power goes.
    ensure!(device.state("large")? == "running");
    ensure!(hash(&device)? == before);
    drop(device);
    berth.wait()?;
    let device = Device::boot_with(&flash)?;
    ensure!(hash(&device)? == before);
    old.runs(&device, 1)
}

#[test]
fn the_progress_of_an_upload_is_seen_on_a_terminal() -> Result<()> {
    let device = Device::boot()?;
    let image = Image::new(1)?;
    let relay = Relay::to(&device.board.address(), CARRIED)?;
    let path = image.path();
    let words = [
        "--device",
        &*relay.address(),
        "upload",
        "--no-pack",
        &*path.to_string_lossy(),
    ]
    .map(str::to_owned);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let terminal = Terminal::start(&program("berth"), &words, (100, 10))?;
    // The line has stopped half-way, and so has the bar.
    terminal.wait("half a bar", |text| {
        text.starts_with("large [███") && text.contains("░░░]") && text.contains("KiB/39.37 KiB")
    })
}

/// As the supervisor has it: pages and keys of the store, and the first key that is no image's.
type DeviceStore = Store<Simulated, 128, 71>;
const STATES: u8 = 16;
/// Where the partition lies in the image, and how many pages it has.
const STORE: usize = 0x14_1000;
const PAGES: usize = 127;

/// Fill the store of a device that is off, up to less than `leave` bytes, with states of containers that it
/// does not have: over the line that would take most of a minute.
fn fill(flash: &Flash, leave: u32) -> Result<()> {
    flash.edit(|bytes| {
        let partition = bytes.get_mut(STORE..STORE + PAGES * PAGE);
        let partition = partition.context("the image has no store")?;
        let mut simulated = Simulated::new(PAGES);
        simulated.bytes_mut().copy_from_slice(partition);
        let failed = |error| anyhow::anyhow!("{error:?}");
        let mut store = DeviceStore::mount(simulated).map_err(failed)?;
        let state = [7; 8 * PAGE];
        for key in STATES + 1..2 * STATES {
            if store.space().largest < leave {
                break;
            }
            store.put(key, &[], &state).map_err(failed)?;
        }
        ensure!(store.space().largest < leave, "{:?}", store.space());
        partition.copy_from_slice(store.flash().bytes());
        Ok(())
    })
}

#[test]
fn a_full_store_is_told_and_keeps_what_it_has() -> Result<()> {
    let flash = Flash::new()?;
    let device = Device::boot_with(&flash)?;
    let (first, second) = (Image::new(1)?, Image::new(2)?);
    let upload = |device: &Device, image: &Image, name| {
        let path = image.path();
        device.berth(&[
            "upload",
            "--no-pack",
            "--name",
            name,
            &path.to_string_lossy(),
        ])
    };
    upload(&device, &first, "first")?.ok()?;
    drop(device);
    fill(&flash, first.bytes as u32)?;
    let device = Device::boot_with(&flash)?;
    let refused = upload(&device, &second, "second")?.refused()?;
    let free = Line::open(&device)?.store()?.largest_free;
    let needed = second.bytes.next_multiple_of(PAGE);
    let expected = format!(
        "error: second: the store is full: {needed} bytes needed, {free} free in one piece\n\
         hint: `berth rm` a container that is not needed; `berth images` shows their sizes\n"
    );
    ensure!(refused == expected, "{refused}, not {expected}");
    // What is there stays, and a live update that does not fit changes nothing.
    let path = second.path().to_string_lossy().into_owned();
    let update = ["upload", "--no-pack", "--live-update", "--name", "first"];
    device.berth(&["start", "first"])?.ok()?;
    let words = [&update[..], &[&*path]].concat();
    let refused = device.berth(&words)?.refused()?;
    ensure!(
        refused.starts_with("error: first: the store is full: "),
        "{refused}"
    );
    device.console(&Guest::says(1, None))?;
    ensure!(device.state("first")? == "running");
    // Room is made as the hint says.
    device.berth(&["rm", "-f", "first"])?.ok()?;
    upload(&device, &second, "second")?.ok()?;
    device.berth(&["start", "second"])?.ok()?;
    device.console(&Guest::says(2, None))
}

#[test]
fn a_worn_page_is_told_and_the_others_serve() -> Result<()> {
    // One of those that a fresh store takes for its second image.
    const WORN: u16 = 5;
    let flash = Flash::new()?;
    let boot = || -> Result<Device> {
        let limit = Duration::from_secs(300);
        let device = Device::power_on_board(&flash, |board| board.limit(limit).worn_page(WORN))?;
        device.console("type help")?;
        Ok(device)
    };
    let device = boot()?;
    device.upload("hello")?;
    let image = Image::new(1)?;
    let path = image.path().to_string_lossy().into_owned();
    let refused = device.berth(&["upload", "--no-pack", &path])?.refused()?;
    let expected = format!(
        "error: large: the flash failed in page {WORN}\n\
         hint: do it again, which takes other pages; if this comes back, the flash of this device is at its end\n"
    );
    ensure!(refused == expected, "{refused}");
    ensure!(device.container("large")?.is_none());
    // The same again takes other pages, and so does whatever comes after a reset.
    image.upload_whole(&device)?;
    image.runs(&device, 1)?;
    drop(device);
    let device = boot()?;
    ensure!(device.container("hello")?.is_some());
    image.runs(&device, 1)?;
    device.berth(&["rm", "-f", "large"])?.ok()?;
    image.upload_whole(&device).map(drop)
}
