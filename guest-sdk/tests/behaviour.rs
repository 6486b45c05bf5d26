//! Runs the example containers against a pretended device and checks what it
//! sees: register accesses, log lines, traps.
//!
//! The engine is the supervisor's. Time passes only when a container sleeps;
//! when it has slept often enough, the device stops it.

mod common;

use wasmi::{
    Caller, Config, Engine, Error, Extern, Linker, Module, Store, TrapCode, errors::HostError,
};

/// What the pretended device has seen.
#[derive(Default)]
struct Device {
    lines: Vec<(i32, String)>,
    /// The one register: offset 0 of the block with handle 7.
    led: u32,
    /// `(offset, mask, value)` of every change.
    changes: Vec<(i32, u32, u32)>,
    now_us: i64,
    sleeps: Vec<i64>,
    exit: Option<i32>,
}

/// Why the device stopped the container.
#[derive(Debug)]
struct Stopped;

impl core::fmt::Display for Stopped {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("stopped by the device")
    }
}

impl HostError for Stopped {}

const HANDLE: i32 = 7;
const SLEEPS: usize = 4;

/// Run an example until it ends or is stopped.
fn run(name: &str) -> (Device, Result<(), Error>) {
    run_with(name, 100_000)
}

/// The same with so much fuel.
fn run_with(name: &str, fuel: u64) -> (Device, Result<(), Error>) {
    let mut config = Config::default();
    config.consume_fuel(true).wasm_custom_page_sizes(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, common::example(name)).unwrap();
    let mut store = Store::new(&engine, Device::default());
    store.set_fuel(fuel).unwrap();
    let result = linker(&engine)
        .instantiate_and_start(&mut store, &module)
        .and_then(|instance| {
            instance
                .get_typed_func::<(), ()>(&store, "_start")?
                .call(&mut store, ())
        });
    (store.into_data(), result)
}

/// The imports of a device that exposes one block, `fpgaio`.
fn linker(engine: &Engine) -> Linker<Device> {
    type Call<'a> = Caller<'a, Device>;
    fn define(engine: &Engine) -> Result<Linker<Device>, wasmi::errors::LinkerError> {
        let mut linker = Linker::new(engine);
        linker
            .func_wrap("mmio:fpgaio", "claim", || HANDLE)?
            .func_wrap(
                "mmio",
                "read32",
                |device: Call<'_>, handle: i32, offset: i32| {
                    assert_eq!((handle, offset), (HANDLE, 0));
                    device.data().led
                },
            )?
            .func_wrap(
                "mmio",
                "modify32",
                |mut device: Call<'_>, handle: i32, offset: i32, mask: u32, value: u32| {
                    assert_eq!(handle, HANDLE);
                    let device = device.data_mut();
                    device.led = device.led & !mask | value & mask;
                    device.changes.push((offset, mask, value));
                },
            )?
            .func_wrap(
                "berth",
                "log",
                |mut device: Call<'_>, level: i32, start: u32, length: u32| {
                    let Some(Extern::Memory(memory)) = device.get_export("memory") else {
                        panic!("no memory");
                    };
                    let mut text = vec![0; length as usize];
                    memory.read(&device, start as usize, &mut text).unwrap();
                    let text = String::from_utf8(text).unwrap();
                    device.data_mut().lines.push((level, text));
                },
            )?
            .func_wrap("berth", "now_us", |device: Call<'_>| device.data().now_us)?
            .func_wrap("berth", "sleep_us", |mut device: Call<'_>, time: i64| {
                let device = device.data_mut();
                device.now_us += time;
                device.sleeps.push(time);
                if device.sleeps.len() < SLEEPS {
                    Ok(())
                } else {
                    Err(Error::host(Stopped))
                }
            })?
            .func_wrap("berth", "exit", |mut device: Call<'_>, code: i32| {
                device.data_mut().exit = Some(code);
                Err::<(), _>(Error::host(Stopped))
            })?;
        Ok(linker)
    }
    define(engine).unwrap()
}

fn info(lines: &[&str]) -> Vec<(i32, String)> {
    lines.iter().map(|&line| (2, line.to_owned())).collect()
}

fn was_stopped(result: Result<(), Error>) -> bool {
    result.is_err_and(|error| error.downcast_ref::<Stopped>().is_some())
}

#[test]
fn hello_logs_and_ends() {
    let (device, result) = run("hello");
    result.unwrap();
    assert_eq!(device.lines, info(&["hello from a container"]));
}

#[test]
fn blink_changes_its_own_led_and_says_so() {
    let (device, result) = run("blink");
    assert!(was_stopped(result));
    assert_eq!(device.changes, [(0, 2, 2), (0, 2, 0), (0, 2, 2), (0, 2, 0)]);
    assert_eq!(device.sleeps, [100_000; SLEEPS]);
    assert_eq!(
        device.lines,
        info(&[
            "LED on, change 1",
            "LED off, change 2",
            "LED on, change 3",
            "LED off, change 4",
        ])
    );
}

#[test]
fn greedy_cannot_be_linked() {
    let (device, result) = run("greedy");
    let message = result.unwrap_err().to_string();
    assert!(message.contains("mmio:"), "{message}");
    assert!(device.lines.is_empty());
}

#[test]
fn spin_never_ends_by_itself() {
    let (device, result) = run("spin");
    assert_eq!(
        result.unwrap_err().as_trap_code(),
        Some(TrapCode::OutOfFuel)
    );
    assert_eq!(device.lines, info(&["spinning"]));
}

#[test]
fn trap_reads_outside_its_memory() {
    let (device, result) = run("trap");
    assert_eq!(
        result.unwrap_err().as_trap_code(),
        Some(TrapCode::MemoryOutOfBounds)
    );
    assert_eq!(device.lines, info(&["about to read outside"]));
    assert_eq!(device.exit, None);
}

#[test]
fn fib_has_the_right_result() {
    let (device, result) = run("fib");
    result.unwrap();
    assert_eq!(device.lines, info(&["fib(1500) = 0x66027650"]));
}

#[test]
fn minimal_sleeps_a_second_at_a_time() {
    let (device, result) = run("minimal");
    assert!(was_stopped(result));
    assert_eq!(device.sleeps, [1_000_000; SLEEPS]);
}

/// What a round takes of the heap is there again for the next: all of them together would not fit.
#[test]
fn words_lives_on_its_heap() {
    let (device, end) = run_with("words", 3_000_000);
    let sorted = "a and as author chose container every has heap is its large of one own this";
    let texts: Vec<_> = device.lines.iter().map(|(_, text)| text.as_str()).collect();
    assert!(texts.len() >= 2 * SLEEPS, "{texts:?}, {end:?}");
    for round in texts.chunks_exact(2) {
        assert_eq!(round, [sorted, "16 words"]);
    }
}
