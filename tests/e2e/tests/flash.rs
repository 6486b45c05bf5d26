//! The store's flash: its rules, its protection, and that it outlives the emulator.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::{Device, Flash};
use berth_emulator::{Ending, PowerCut};

/// Where the partition lies in the image: the store's region less its first page.
const STORE: usize = 0x14_1000;
/// Bytes of a page.
const PAGE: usize = 0x1000;
/// Why a process ended that wrote what it may read, and executed what it may not.
const WRITES: &str = "data access where the MPU forbids it";
const EXECUTES: &str = "instruction fetch where the MPU forbids it";

fn flash_rules() -> Result<Flash> {
    let flash = Flash::without_supervisor()?;
    flash.install("flash_rules")?;
    Ok(flash)
}

/// The words that the runs of `flash_rules` left in the image.
fn runs(flash: &Flash) -> Result<Vec<u32>> {
    let bytes = flash.bytes()?;
    let page = bytes.get(STORE + PAGE..STORE + 2 * PAGE);
    let words = page.context("the image has no store")?.chunks_exact(4);
    Ok(words
        .map(|word| word.iter().rev().fold(0, |all, b| all << 8 | u32::from(*b)))
        .take_while(|word| *word != u32::MAX)
        .collect())
}

#[test]
fn the_flash_has_rules_and_its_process_no_other_way_to_it() -> Result<()> {
    let device = Device::power_on(&flash_rules()?)?;
    device.console("flash: run 4 reaches: behind")?;
    device.console("flash: 3 runs before")?;
    let text = device.board.console.text();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("flash: "))
        .collect();
    let expected = [
        "flash: 0 runs before",
        "flash: ok ok ALREADY ok ALREADY INVAL INVAL INVAL INVAL no",
        "flash: words 0x70707070 0xffffffff 0xf0f0f0f, erased 0xffffffff",
        "flash: run 1 reaches: writing",
        "flash: 1 runs before",
        "flash: run 2 reaches: executing",
        "flash: run 3 reaches: without a mapping",
        "flash: 2 runs before",
        "flash: run 4 reaches: behind",
        "flash: 3 runs before",
    ];
    ensure!(lines == expected, "{text}");
    Ok(())
}

/// What `compiled` said in its four runs, and why each of them ended.
fn compiled(flash: &Flash) -> Result<(Vec<String>, Vec<String>)> {
    flash.install("compiled")?;
    let device = Device::power_on(flash)?;
    device.console("compiled: done")?;
    let text = device.board.console.text();
    let with = |what: &str| {
        let lines = text.lines().filter(|line| line.contains(what));
        lines.map(str::to_owned).collect()
    };
    Ok((with("compiled: "), with(" cause: ")))
}

/// Of all flash and RAM that the supervisor's process can change it can execute this one part, which it cannot change but
/// by commands.
#[test]
fn what_is_written_into_the_part_for_code_is_executed_and_nothing_else() -> Result<()> {
    let (lines, causes) = compiled(&Flash::without_supervisor()?)?;
    let expected = [
        "compiled: run 1, 32 pages, the function returns 42",
        "compiled: run 1 reaches: writing",
        "compiled: run 2, 32 pages, the function returns 42",
        "compiled: run 2 reaches: executing memory",
        "compiled: run 3, 32 pages, the function returns 42",
        "compiled: run 3 reaches: executing the store",
        "compiled: run 4 reaches: without a mapping",
        "compiled: done",
    ];
    ensure!(lines == expected, "{lines:?}");
    let [writing, executing @ ..] = &causes[..] else {
        bail!("no faults");
    };
    ensure!(
        writing.contains(WRITES) && executing.len() == 3,
        "{causes:?}"
    );
    ensure!(
        executing.iter().all(|cause| cause.contains(EXECUTES)),
        "{causes:?}"
    );
    Ok(())
}

/// The manufacturer of this kernel lists no such part in `exposure.dts`.
#[test]
fn where_the_manufacturer_forbids_compiled_code_there_is_no_part_for_it() -> Result<()> {
    let (lines, causes) = compiled(&Flash::with_kernel("limits-kernel.bin")?)?;
    let reaches = |run| match run {
        4 => format!("compiled: run {run} reaches: without a mapping"),
        run => format!("compiled: run {run} reaches: what is not there"),
    };
    let expected: Vec<_> = (1..=4)
        .map(reaches)
        .chain(["compiled: done".into()])
        .collect();
    ensure!(lines == expected, "{lines:?}");
    ensure!(causes.len() == 4, "{causes:?}");
    ensure!(
        causes.iter().all(|cause| cause.contains(EXECUTES)),
        "{causes:?}"
    );
    Ok(())
}

#[test]
fn what_is_written_outlives_reset_kill_and_tockloader() -> Result<()> {
    let flash = flash_rules()?;
    let mut device = Device::power_on(&flash)?;
    device.console("flash: 3 runs before")?;
    let at = device.board.console.position();
    device.board.reset()?;
    device
        .board
        .console
        .wait_after(at, "flash: 4 runs before", Duration::from_secs(30))?;
    // Killed at once, whatever it is doing.
    drop(device);
    let before = runs(&flash)?;
    ensure!(before.starts_with(&[1, 2, 4, 5, 1]), "{before:?}");

    // The flash's contents are none of tockloader's business.
    let store = |flash: &Flash| Ok::<_, anyhow::Error>(flash.bytes()?.split_off(STORE));
    let untouched = store(&flash)?;
    flash.install("hello")?;
    let list = flash.tockloader(&["list"])?;
    ensure!(
        list.contains("hello") && list.contains("flash_rules"),
        "{list}"
    );
    flash.tockloader(&["uninstall", "hello"])?;
    flash.tockloader(&["erase-apps"])?;
    ensure!(store(&flash)? == untouched, "tockloader changed the store");

    flash.install("flash_rules")?;
    let device = Device::power_on(&flash)?;
    device.console(&format!("flash: {} runs before", before.len()))?;
    let list = flash.tockloader(&["list"])?;
    ensure!(list.contains("flash_rules"), "{list}");
    Ok(())
}

#[test]
fn the_power_can_be_cut_in_the_middle_of_a_word() -> Result<()> {
    let word = |seed| {
        let flash = flash_rules()?;
        // The first step programs a word with the number 1.
        let cut = PowerCut { after: 0, seed };
        let device = Device::power_on_board(&flash, |board| board.cut_power(cut))?;
        let ending = device.board.wait(Duration::from_secs(30))?;
        ensure!(ending == Ending::Exited(Some(PowerCut::STATUS)), "{ending}");
        runs(&flash)
    };
    ensure!(word(0)?.is_empty(), "nothing has changed");
    ensure!(word(u32::MAX)? == [1], "all has changed");
    let torn = word(0x5555_5555)?;
    let [torn] = torn[..] else {
        anyhow::bail!("{torn:?}");
    };
    ensure!(torn & 1 == 1 && torn != 1, "{torn:#x}");
    Ok(())
}

/// A process that erases one page as fast as it can has what the manufacturer gives, and no more after it was
/// restarted.
#[test]
fn a_page_is_erased_as_often_as_its_budget_says() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("abuse")?;
    flash.set("abuse", b"erases")?;
    let device = Device::power_on_counted(&flash)?;
    device.console("abuse: erased 256, refused 744")?;
    device.console("abuse: erased 256, refused 4744")
}

/// What pages may suffer is theirs, and how often the part is busy with an erase is one number for all of its partitions.
#[test]
fn the_partitions_of_the_part_share_its_rate() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("abuse")?;
    flash.set("abuse", b"partitions")?;
    let device = Device::power_on_counted(&flash)?;
    device.console("abuse: erased 512 of 1024 in both")
}

/// The budget stands in memory that a reset leaves alone; the end of the power it does not outlive.
#[test]
fn a_reset_gives_no_erase_back() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("abuse")?;
    flash.set("abuse", b"erases")?;
    let mut device = Device::power_on_counted(&flash)?;
    device.console("abuse: erased 256, refused 744")?;
    for _ in 0..2 {
        let at = device.board.console.position();
        device.board.reset()?;
        let told = "abuse: erased 0, refused 1000";
        let console = &device.board.console;
        console.wait_after(at, told, Duration::from_secs(60))?;
    }
    drop(device);
    let device = Device::power_on_counted(&flash)?;
    device.console("abuse: erased 256, refused 744")
}

/// What the operator sees of it.
#[test]
fn the_budget_is_told() -> Result<()> {
    let said = Device::boot()?.berth(&["doctor"])?.ok()?;
    let line = said.lines().find(|line| line.contains("flash budget"));
    let line = line.with_context(|| said.clone())?;
    ensure!(
        line.contains(
            " of 256 erases left to the page with the fewest, one more each 1d00h; 0 refused"
        ),
        "{line}"
    );
    Ok(())
}
