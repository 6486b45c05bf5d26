//! What headers say, and what the kernel does with headers that are wrong.
//!
//! `hello` lies in the first slot of the firmware's processes and is broken in one way
//! after the other, by `tockloader` or by writing over its header in the image;
//! `declared` in the second slot must start all the same.

use anyhow::{Context, Result, ensure};
use berth_e2e::tbf::{self, tlv};
use berth_e2e::{Device, Flash, root};
use berth_emulator::Layout;

/// Where the slot `name` of the memory map begins.
fn slot(name: &str) -> Result<usize> {
    let layout = Layout::read(&root().join("layout.ld"))?;
    Ok(layout
        .region(name)
        .with_context(|| format!("no {name}"))?
        .origin as usize)
}

/// `hello` in the first slot of the firmware's processes, `declared` in the second.
fn two_processes() -> Result<Flash> {
    let flash = Flash::without_supervisor()?;
    flash.install("hello")?;
    flash.install("declared")?;
    Ok(flash)
}

/// Boot, wait until `declared` has run, and return what the console said.
fn boot(flash: &Flash) -> Result<String> {
    let device = Device::power_on(flash)?;
    let result = device.console(" passed, 0 failed");
    let text = device.board.console.text();
    result.with_context(|| text.clone())?;
    Ok(text)
}

/// Break the header of `hello`: it must not start, the console must say `reason`, and
/// `declared` must start.
fn broken(change: impl FnOnce(&mut [u8]) -> Result<()>, reason: &str) -> Result<()> {
    let flash = two_processes()?;
    let start = slot("APP0_FLASH")?;
    flash.edit(|bytes| change(bytes.get_mut(start..).context("a short image")?))?;
    let text = boot(&flash)?;
    let line = format!("at {start:#010x} is not started: {reason}");
    ensure!(text.contains(&line), "no line \"{line}\" in:\n{text}");
    ensure!(!text.contains("hello from"), "{text}");
    Ok(())
}

#[test]
fn the_kernel_keeps_to_what_a_header_declares() -> Result<()> {
    let text = boot(&two_processes()?)?;
    ensure!(text.contains("14 passed, 0 failed"), "{text}");
    ensure!(text.contains("hello from a process"), "{text}");
    Ok(())
}

#[test]
fn tockloader_shows_the_kernels_attributes() -> Result<()> {
    let flash = two_processes()?;
    let info = flash.tockloader(&["info"])?;
    let layout = Layout::read(&root().join("layout.ld"))?;
    let region = |name: &str| layout.region(name).with_context(|| format!("no {name}"));
    let ram_start = region("APP0_RAM")?.origin;
    let supervisor = region("SUPERVISOR_RAM")?;
    let ram_length = supervisor.origin + supervisor.length - ram_start;
    let attributes = info
        .split_once("Kernel Attributes")
        .map(|(_, attributes)| attributes)
        .with_context(|| info.clone())?;
    // The first number on the line that begins with `key`.
    let field = |key: &str| -> Result<&str> {
        attributes
            .lines()
            .find_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix(':'))
            .and_then(|rest| rest.split_whitespace().next())
            .with_context(|| format!("no {key} in: {attributes}"))
    };
    ensure!(field("sentinel")? == "TOCK", "{attributes}");
    ensure!(field("version")? == "1", "{attributes}");
    ensure!(field("kernel_version")?.starts_with("2.2"), "{attributes}");
    ensure!(
        field("app_memory_start")? == ram_start.to_string(),
        "{attributes}"
    );
    ensure!(
        field("app_memory_len")? == ram_length.to_string(),
        "{attributes}"
    );
    ensure!(field("kernel_binary_start")? == "0", "{attributes}");
    let kernel: u32 = field("kernel_binary_len")?.parse()?;
    ensure!(
        (10_000..region("KERNEL_FLASH")?.length).contains(&kernel),
        "{attributes}"
    );
    Ok(())
}

#[test]
fn a_disabled_process_is_passed_over_and_said() -> Result<()> {
    let flash = two_processes()?;
    flash.tockloader(&["disable-app", "hello"])?;
    let text = boot(&flash)?;
    ensure!(
        text.contains("The process hello is disabled and not started."),
        "{text}"
    );
    ensure!(!text.contains("hello from"), "{text}");
    flash.tockloader(&["enable-app", "hello"])?;
    ensure!(boot(&flash)?.contains("hello from a process"));
    Ok(())
}

#[test]
fn a_sticky_process_starts_and_stays_installed() -> Result<()> {
    let flash = two_processes()?;
    flash.tockloader(&["sticky-app", "hello"])?;
    ensure!(flash.tockloader(&["uninstall", "hello"]).is_err());
    ensure!(boot(&flash)?.contains("hello from a process"));
    Ok(())
}

#[test]
fn an_uninstalled_process_leaves_padding_that_is_passed_over() -> Result<()> {
    let flash = two_processes()?;
    flash.tockloader(&["uninstall", "hello"])?;
    let text = boot(&flash)?;
    ensure!(!text.contains("hello from"), "{text}");
    ensure!(!text.contains("is not started"), "{text}");
    Ok(())
}

#[test]
fn a_length_of_zero_ends_the_scan_and_not_the_kernel() -> Result<()> {
    let flash = two_processes()?;
    let start = slot("APP1_FLASH")?;
    flash.edit(|bytes| {
        let header = bytes.get_mut(start..).context("a short image")?;
        tbf::set_word(header, 4, 0)?;
        tbf::seal(header)
    })?;
    let device = Device::power_on(&flash)?;
    device.console("hello from a process")?;
    device.console(&format!(
        "The process (unnamed) at {start:#010x} is not started: its header is wrong: \
         it is cut off or contradicts its own lengths."
    ))?;
    device.console("hello: LED 0 changed, 2")?;
    Ok(())
}

/// It comes first, and gets it all the same neither as long as it is free nor at all: RAM is of places.
#[test]
fn a_process_that_is_linked_for_ram_of_another_is_passed_over() -> Result<()> {
    let ram = u32::try_from(slot("APP1_RAM")?)?;
    broken(
        |header| {
            let addresses = tbf::find(header, tlv::FIXED_ADDRESSES)?;
            tbf::set_word(header, addresses + 4, ram)?;
            tbf::seal(header)
        },
        &format!("it is linked for RAM at {ram:#010x}, which is not free."),
    )
}

#[test]
fn a_process_that_is_linked_for_another_place_in_flash_is_passed_over() -> Result<()> {
    broken(
        |header| {
            let addresses = tbf::find(header, tlv::FIXED_ADDRESSES)?;
            tbf::set_word(header, addresses + 8, 0x0012_0100)?;
            tbf::seal(header)
        },
        "it is linked for flash at 0x00120100 and lies at 0x00100100.",
    )
}

#[test]
fn a_corrupt_header_is_passed_over() -> Result<()> {
    broken(
        |header| {
            header[20] ^= 1;
            Ok(())
        },
        "its header is wrong: its checksum is ",
    )
}

#[test]
fn a_header_without_a_kernel_version_is_passed_over() -> Result<()> {
    broken(
        |header| {
            let version = tbf::find(header, tlv::KERNEL_VERSION)?;
            // An entry of a type that nobody knows.
            tbf::set_word(header, version, 0x0004_7777)?;
            tbf::seal(header)
        },
        "it does not say which kernel version it needs.",
    )
}

#[test]
fn a_header_for_another_kernel_is_passed_over() -> Result<()> {
    for (major, minor) in [(2, 3), (3, 0), (1, 0)] {
        broken(
            |header| {
                let version = tbf::find(header, tlv::KERNEL_VERSION)?;
                tbf::set_word(header, version + 4, major | minor << 16)?;
                tbf::seal(header)
            },
            &format!("it needs kernel version {major}.{minor}, this is 2.2."),
        )?;
    }
    Ok(())
}

#[test]
fn a_process_that_wants_too_much_ram_is_passed_over() -> Result<()> {
    broken(
        |header| {
            for entry in [tlv::MAIN, tlv::PROGRAM] {
                let entry = tbf::find(header, entry)?;
                tbf::set_word(header, entry + 12, 0x0010_0000)?;
            }
            tbf::seal(header)
        },
        "there is not enough RAM for it.",
    )
}
