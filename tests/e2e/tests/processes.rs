//! Native processes on the kernel: installed by `tockloader`, kept apart by the
//! memory protection unit.

use anyhow::{Result, ensure};
use berth_e2e::{Device, Flash};

#[test]
fn tockloader_sees_the_kernel_and_the_supervisor() -> Result<()> {
    let flash = Flash::new()?;
    let list = flash.tockloader(&["list"])?;
    ensure!(list.contains("wasm_supervisor"), "{list}");
    let info = flash.tockloader(&["info"])?;
    ensure!(info.contains("wasm_supervisor"), "{info}");
    Ok(())
}

#[test]
fn a_process_is_installed_and_prints() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("hello")?;
    let device = Device::power_on(&flash)?;
    device.console("hello from a process")?;
    Ok(())
}

#[test]
fn a_disabled_process_does_not_start() -> Result<()> {
    let flash = Flash::new()?;
    flash.install("hello")?;
    flash.tockloader(&["disable-app", "hello"])?;
    let device = Device::boot_with(&flash)?;
    ensure!(!device.board.console.text().contains("hello from"));
    Ok(())
}

#[test]
fn system_calls_answer_as_upstreams_do() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("conformance")?;
    let device = Device::power_on_counted(&flash)?;
    let report = device.console(" failed");
    // Vector 22 ends the process, and the report names the call.
    let end = report.and_then(|()| device.console("conformance stays stopped"));
    let text = device.board.console.text();
    end?;
    // 21 vectors, and what a table of registers cannot say.
    ensure!(text.contains("79 passed, 0 failed"), "{text}");
    ensure!(text.contains(" cause: unknown way to yield (r0)"), "{text}");
    ensure!(!text.contains("FAIL"), "{text}");
    Ok(())
}

#[test]
fn a_process_that_reads_kernel_memory_is_stopped_and_the_others_go_on() -> Result<()> {
    let flash = Flash::new()?;
    flash.install("hello")?;
    flash.install("peek")?;
    let device = Device::boot_with(&flash)?;
    device.console("peek: about to read 0x20000000")?;
    // The report names the process and the address, and says what follows.
    device.console("MMFAR 0x20000000")?;
    device.console("peek stays stopped, the others go on.")?;
    device.console("hello from a process")?;
    device.upload("blink")?;
    device.berth(&["start", "blink"])?.ok()?;
    ensure!(device.state("blink")? == "running");
    let text = device.board.console.text();
    ensure!(!text.contains("NOT STOPPED"), "{text}");
    Ok(())
}

/// The board without containers, where all processes are equals.
#[test]
fn a_plain_board_runs_the_same_processes() -> Result<()> {
    let flash = Flash::with_kernel("plain-kernel.bin")?;
    flash.install("hello")?;
    flash.install("peek")?;
    let device = Device::power_on(&flash)?;
    device.console("A plain Tock board on mps2-an386.")?;
    device.console("Process peek faulted and was stopped.")?;
    let at = device.board.console.position();
    let patience = std::time::Duration::from_secs(30);
    let console = &device.board.console;
    console.wait_after(at, "hello: LED 0 changed", patience)?;
    ensure!(!console.text().contains("NOT STOPPED"));
    Ok(())
}

#[test]
fn the_engine_does_on_the_board_what_the_specification_says() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("engine_proof")?;
    let device = Device::power_on(&flash)?;
    let report = device.console(" failed");
    let text = device.board.console.text();
    report?;
    // Handlers on a suspended main, and what operations make of NaNs on a target without a unit for them.
    ensure!(text.contains("40 passed, 0 failed"), "{text}");
    Ok(())
}

#[test]
fn a_board_without_supervisor_gives_berth_a_time_out() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("hello")?;
    let device = Device::power_on(&flash)?;
    device.console("hello from a process")?;
    let run = device.berth(&["ps", "--timeout", "2"])?;
    ensure!(run.code == 4, "{} {}{}", run.code, run.stdout, run.stderr);
    Ok(())
}
