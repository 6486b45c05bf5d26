//! A call of each function that a container can import, as modules in text form: for tests that try them all, so that a
//! function that is new is tried by being there.

#![forbid(unsafe_code)]

use berth_admission::imports::{FUNCTIONS, HostFunction};
use berth_exposure::Width;
use berth_foreign::Foreign;

/// What a container has to be called to which messages are for itself.
pub const NAME: &str = "hog";

/// A function, and how it is called: with valid arguments, about a block of lights or a timer.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The module that it is imported from; one that ends in a colon is followed by the label of a block.
    module: &'static str,
    /// Its name there.
    name: &'static str,
    /// What it stands for.
    pub function: HostFunction<'static>,
}

/// Returns calls of this device's own functions.
pub fn own() -> impl Iterator<Item = Call> {
    let own = FUNCTIONS.iter();
    own.map(|&(module, name, function)| Call {
        module,
        name,
        function,
    })
}

/// Returns calls of functions of other systems.
pub fn foreign() -> impl Iterator<Item = Call> {
    Foreign::all().map(|(module, name, function)| Call {
        module,
        name,
        function: HostFunction::Foreign(function),
    })
}

impl Call {
    /// Returns how the function is called in messages.
    #[must_use]
    pub fn title(&self) -> String {
        let Self { module, name, .. } = self;
        let dot = if module.ends_with(':') { "" } else { "." };
        format!("{module}{dot}{name}")
    }

    /// Returns a module that sleeps for `first_us` microseconds and then calls the function without end.
    #[must_use]
    pub fn without_end(&self, first_us: u64) -> String {
        let sleep = if first_us == 0 {
            String::new()
        } else {
            format!("(call $sleep (i64.const {first_us}))")
        };
        let (before, (calls, _)) = (self.before(), self.calls());
        self.text(&format!("{sleep} {before} (loop $l {calls} (br $l))"))
    }

    /// Returns a module that calls the function so many times, a multiple of eight, and tells the microseconds as its exit
    /// code; `None` of a function that does not return.
    #[must_use]
    pub fn counted(&self, times: u32) -> Option<String> {
        let (before, (calls, count)) = (self.before(), self.calls());
        self.returns().then(|| {
            self.text(&format!(
                "{before} (local.set $t (call $now))
                 (loop $l {calls}
                   (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                     (i32.const {}))))
                 (call $exit (i32.wrap_i64 (i64.sub (call $now) (local.get $t))))",
                times / count
            ))
        })
    }

    /// Does a call of it return, on a board that has no registers of less than 32 bits and nobody who sends messages?
    fn returns(&self) -> bool {
        !matches!(
            self.function,
            HostFunction::Exit
                | HostFunction::Receive
                | HostFunction::Read(Width::Bits8 | Width::Bits16)
                | HostFunction::Write(Width::Bits8 | Width::Bits16)
                | HostFunction::Foreign(Foreign::ProcExit | Foreign::PollOneoff)
        )
    }

    /// Returns what has to be called once, so that a call does something.
    const fn before(&self) -> &'static str {
        match self.function {
            HostFunction::Sync(_) => {
                // Without memory for it there is nothing to synchronise, and it ends.
                "(if (call $attach (i32.const 192) (i32.const 10) (i32.const 512) (i32.const 0)) (then (return)))"
            }
            _ => "",
        }
    }

    /// Returns some calls behind each other, and how many.
    fn calls(&self) -> (String, u32) {
        let (parameters, results) = self.function.signature();
        let given = arguments(&self.function);
        let arguments: String = parameters
            .iter()
            .enumerate()
            .map(|(number, byte)| match given.get(number) {
                Some(argument) => *argument,
                None if *byte == 0x7f => "(i32.const 64)",
                None if *byte == 0x7e => "(i64.const 64)",
                None => "(f64.const 64)",
            })
            .collect();
        // Registering or attaching twice is refused quickly; what takes long is to do it.
        if matches!(
            self.function,
            HostFunction::Register(_) | HostFunction::Attach(_)
        ) {
            (
                format!("{arguments} (call $f) drop (call $un)\n").repeat(4),
                4,
            )
        } else {
            let drop = if results.is_empty() { "" } else { "drop" };
            (format!("{arguments} (call $f) {drop}\n").repeat(8), 8)
        }
    }

    /// Returns the module whose main is `body`.
    fn text(&self, body: &str) -> String {
        let Self { module, name, .. } = self;
        let (parameters, results) = self.function.signature();
        let (parameters, result) = (types(parameters), types(results));
        // About the block with the lights, which is mediated; about interrupts, of a timer.
        let (block, full) = match *module {
            "irq:" => ("timer0", "irq:timer0"),
            "mmio:" => ("fpgaio", "mmio:fpgaio"),
            "conveyor:" => ("fpgaio", "conveyor:fpgaio"),
            other => ("fpgaio", other),
        };
        let claim = if module.starts_with("mmio") || *module == "irq:" || *module == "program" {
            format!(r#"(import "mmio:{block}" "claim" (func $claim (result i32)))"#)
        } else {
            String::new()
        };
        let beside = match self.function {
            HostFunction::Register(_) => r#"(import "irq:timer0" "unregister" (func $un))"#,
            HostFunction::Attach(_) => r#"(import "conveyor:fpgaio" "detach" (func $un))"#,
            HostFunction::Sync(_) => {
                r#"(import "conveyor:fpgaio" "attach" (func $attach (param i32 i32 i32 i32) (result i32)))"#
            }
            _ => "",
        };
        // As many accesses as there can be, of the lights: ten moves of four.
        let moves: String = (0..10_u8)
            .map(|number| format!("\\00\\00\\04\\00\\{:02x}\\00\\04\\00", 16 * number))
            .collect();
        format!(
            r#"(module {claim} {beside}
              (import "{full}" "{name}" (func $f (param {parameters}) (result {result})))
              (import "berth" "now_us" (func $now (result i64)))
              (import "berth" "sleep_us" (func $sleep (param i64)))
              (import "berth" "exit" (func $exit (param i32)))
              (memory (export "memory") 2048 (pagesize 1))
              (table (export "__indirect_function_table") 1 funcref)
              (elem (i32.const 0) $handler)
              (func $handler (param i32 i32))
              (data (i32.const 0) "{NAME}")
              (data (i32.const 32) "\40\00\00\00\14\00\00\00")
              (data (i32.const 64) "abcdefghijklmnopqrst")
              (data (i32.const 128) "\06\04\00\00\40\00\00\00\01\00\00\00\00\00\00\00\03\04\00\00\02\00\00\00\00\00\00\00\00\00\00\00")
              (data (i32.const 192) "{moves}")
              (func (export "_start") (local $i i32) (local $t i64) {body}))"#
        )
    }
}

/// Returns types as a module in text form names them.
fn types(bytes: &[u8]) -> String {
    let name = |byte: &u8| match byte {
        0x7f => "i32 ",
        0x7e => "i64 ",
        _ => "f64 ",
    };
    bytes.iter().map(name).collect()
}

/// What it is called with; what is missing is a small number that is a place in its memory.
fn arguments(function: &HostFunction<'_>) -> &'static [&'static str] {
    match function {
        // Through the kernel, by the handle of its only block.
        HostFunction::Read(Width::Bits32) => &["(call $claim)", "(i32.const 0)"],
        HostFunction::Read(_) => &["(call $claim)", "(i32.const 16)"],
        HostFunction::Write(Width::Bits32) => &["(call $claim)", "(i32.const 0)", "(i32.const 0)"],
        HostFunction::Write(_) => &["(call $claim)", "(i32.const 16)", "(i32.const 0)"],
        HostFunction::Modify32 => &[
            "(call $claim)",
            "(i32.const 0)",
            "(i32.const 0)",
            "(i32.const 0)",
        ],
        // One write, of nothing, again and again for a slice: see the data at 128.
        HostFunction::Program => &[
            "(call $claim)",
            "(i32.const 128)",
            "(i32.const 32)",
            "(i32.const 0)",
            "(i32.const 0)",
            "(i32.const 0)",
            "(i32.const 0)",
        ],
        HostFunction::Log => &["(i32.const 2)", "(i32.const 64)", "(i32.const 20)"],
        HostFunction::SleepUs => &["(i64.const 0)"],
        HostFunction::Exit => &["(i32.const 0)"],
        // As much as there can be.
        HostFunction::StateSave | HostFunction::StateLoad => {
            &["(i32.const 64)", "(i32.const 1024)"]
        }
        // To itself, which is full soon.
        HostFunction::Send => &[
            "(i32.const 0)",
            "(i32.const 3)",
            "(i32.const 64)",
            "(i32.const 64)",
        ],
        // A name that has no setting; a value that is the same each time, of a name that has it from the first time on.
        HostFunction::ConfigGet | HostFunction::ValueGet | HostFunction::ValueSet => &[
            "(i32.const 0)",
            "(i32.const 3)",
            "(i32.const 64)",
            "(i32.const 64)",
        ],
        HostFunction::ValueRemove => &["(i32.const 0)", "(i32.const 3)"],
        HostFunction::Receive => &["(i32.const 64)", "(i32.const 64)", "(i32.const 0)"],
        HostFunction::Register(_) => &[
            "(i32.const 0)",
            "(i32.const 0)",
            "(i32.const 0)",
            "(i32.const 0)",
        ],
        HostFunction::Attach(_) => &[
            "(i32.const 192)",
            "(i32.const 10)",
            "(i32.const 512)",
            "(i32.const 0)",
        ],
        HostFunction::Sync(_) => &["(i32.const 0)", "(i32.const 10)"],
        HostFunction::NowUs
        | HostFunction::ConfigChanges
        | HostFunction::Yield
        | HostFunction::Detach(_)
        | HostFunction::Claim(_)
        | HostFunction::Unregister(_) => &[],
        HostFunction::Foreign(function) => match function {
            Foreign::Delay | Foreign::ProcExit | Foreign::LedIsOn => &["(i32.const 0)"],
            Foreign::LedOn | Foreign::LedOff | Foreign::LedToggle => &["(i32.const 0)"],
            // To the console, one piece of twenty bytes.
            Foreign::FdWrite => &[
                "(i32.const 1)",
                "(i32.const 32)",
                "(i32.const 1)",
                "(i32.const 48)",
            ],
            Foreign::Print => &["(i32.const 64)", "(i32.const 20)"],
            Foreign::SpiConfigure => &["(i32.const 1000000)", "(i32.const 0)"],
            // As few bytes as there can be: what comes with a transfer is most of it then.
            Foreign::SpiTransfer => &["(i32.const 64)", "(i32.const 96)", "(i32.const 1)"],
            Foreign::SpiRead | Foreign::SpiWrite => &["(i32.const 64)", "(i32.const 1)"],
            // The sensor: its register 0 is its temperature, of two bytes.
            Foreign::I2cRead => &["(i32.const 0x48)", "(i32.const 64)", "(i32.const 2)"],
            Foreign::I2cWrite => &["(i32.const 0x48)", "(i32.const 0)", "(i32.const 1)"],
            Foreign::I2cWriteRead => &[
                "(i32.const 0x48)",
                "(i32.const 8)",
                "(i32.const 1)",
                "(i32.const 64)",
                "(i32.const 2)",
            ],
            _ => &[],
        },
    }
}
