//! Many modules in one start of the emulator.

use std::path::{Path, PathBuf};
use std::process::Command;

use berth_compiler::entry::Helper;
use berth_engine_tests::outcome::{Ending, Outcome, Trap, Value};
use wasmparser::ValType;

use crate::instance::Instance;

/// Pauses after which a call does not end.
const PAUSES: u32 = 2_000_000;

/// A batch in the making.
#[derive(Default)]
pub struct Batch {
    words: Vec<u32>,
    /// What is told of each module: its calls' results, its globals, its context's words.
    asked: Vec<Asked>,
}

struct Asked {
    calls: Vec<Vec<ValType>>,
    globals: Vec<(ValType, u32)>,
    context: u32,
    exports_memory: bool,
}

/// What came of a module on the board.
#[derive(Clone, Debug)]
pub struct Run {
    /// Endings and globals; the memory is not in it.
    pub outcome: Outcome,
    /// Bytes of the memory and a number that stands for them, if it is exported.
    pub memory: Option<(u32, u32)>,
    /// How often it was paused.
    pub pauses: u32,
    /// Instructions of each call, to some tens, those of interrupts included.
    pub instructions: Vec<u32>,
    /// Return addresses of traps, from the front of the object.
    pub places: Vec<u32>,
    /// Something that never may be: a fault of the processor, or code that cannot be paused.
    pub fault: Option<String>,
}

/// As the program on the board computes it.
#[must_use]
pub fn hash(bytes: &[u8]) -> u32 {
    let mut sum = 0x811c_9dc5u32;
    let mut mix = |value: u32| sum = (sum ^ value).wrapping_mul(0x0100_0193).rotate_left(13);
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        mix(u32::from_le_bytes(chunk.try_into().unwrap()));
    }
    for byte in chunks.remainder() {
        mix(u32::from(*byte));
    }
    sum
}

fn words_of(kind: ValType) -> u32 {
    if matches!(kind, ValType::I64 | ValType::F64) {
        2
    } else {
        1
    }
}

fn words(kinds: &[ValType]) -> u32 {
    kinds.iter().map(|kind| words_of(*kind)).sum()
}

/// The emulator could not be started or ended otherwise than it should.
#[derive(Debug)]
pub struct Broken(pub String);

impl Batch {
    /// How many modules it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.asked.len()
    }

    /// Has it none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// Bytes of it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        4 * self.words.len()
    }

    /// Adds a module and calls of its exported functions, in slices of so much fuel.
    pub fn add(&mut self, module: &Instance, calls: &[(String, Vec<Value>)], slice: u32) {
        let code = module.code.chunks_exact(4);
        self.words.push(code.len() as u32);
        self.words
            .extend(code.map(|word| u32::from_le_bytes(word.try_into().unwrap())));
        self.words
            .extend([module.blob_at, module.blob.len() as u32, module.end]);
        self.words.extend(&module.blob);
        self.words.extend([module.memory, module.context]);
        self.words.extend([module.stack, slice, PAUSES]);
        let mut results = Vec::new();
        let starts = u32::from(module.start.is_some());
        self.words.push(calls.len() as u32 + starts);
        if let Some(start) = module.start {
            self.words.extend([8 * start + 4, 0, 0, 0]);
            results.push(Vec::new());
        }
        for (name, arguments) in calls {
            let (_, index, parameters, given) = module
                .functions
                .iter()
                .find(|(known, ..)| known == name)
                .expect("an exported function");
            let at_sp = words(parameters).max(words(given)).saturating_sub(4);
            self.words.extend([8 * index + 4, at_sp, words(parameters)]);
            for value in arguments {
                match *value {
                    Value::I32(value) => self.words.push(value as u32),
                    Value::F32(bits) => self.words.push(bits),
                    Value::I64(value) => {
                        self.words.extend([value as u32, (value >> 32) as u32]);
                    }
                    Value::F64(bits) => self.words.extend([bits as u32, (bits >> 32) as u32]),
                    Value::Function(_) => self.words.push(0),
                    Value::Extern(number) => self.words.push(number.map_or(0, |n| n + 1)),
                }
            }
            self.words.push(words(given));
            results.push(given.clone());
        }
        self.asked.push(Asked {
            calls: results,
            globals: module.globals.clone(),
            context: module.context,
            exports_memory: module.exports_memory,
        });
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// See [`Broken`].
    pub fn run(&self, folder: &Path) -> Result<Vec<Run>, Broken> {
        let count = [self.asked.len() as u32];
        let output = start(folder, count.iter().chain(&self.words).copied())?;
        let told = output.chunks_exact(4);
        let mut told = told.map(|word| u32::from_le_bytes(word.try_into().unwrap()));
        let runs = self.asked.iter().map(|asked| asked.read(&mut told));
        runs.collect::<Option<Vec<_>>>()
            .ok_or_else(|| Broken("it told less than it was asked".into()))
    }
}

/// Starts the emulator with these words. Returns what the program on the board says.
fn start(folder: &Path, words: impl Iterator<Item = u32>) -> Result<Vec<u8>, Broken> {
    let path = folder.join("batch.bin");
    let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
    std::fs::write(&path, bytes).map_err(|error| Broken(error.to_string()))?;
    let program = program();
    let output = Command::new("timeout")
        .args(["-k", "1", "600", "qemu-system-arm", "-M", "mps2-an386"])
        .args(["-display", "none", "-monitor", "none", "-serial", "null"])
        .args(["-semihosting-config", "enable=on,target=native"])
        .args(["-icount", "shift=5"])
        .arg("-kernel")
        .arg(&program)
        .arg("-device")
        .arg(format!(
            "loader,file={},addr=0x21000000,force-raw=on",
            path.display()
        ))
        .output()
        .map_err(|error| Broken(format!("{}: {error}", program.display())))?;
    if !output.status.success() {
        return Err(Broken(format!(
            "{}: {} (`make test-apps` builds what it runs)",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    Ok(output.stdout)
}

/// Instructions in so many ticks: a tick is 40 ns, an instruction 32.
fn instructions(ticks: u32) -> u32 {
    (u64::from(ticks) * 40 / 32) as u32
}

/// What the compiler took on the board.
#[derive(Clone, Debug)]
pub struct OnBoard {
    /// Instructions, to a few.
    pub instructions: u32,
    /// Bytes of stack, without the room.
    pub stack: u32,
    /// Bytes of room.
    pub room: u32,
    /// The checker takes it, and instructions and bytes of stack of that.
    pub taken: bool,
    /// See [`taken`](Self::taken).
    pub check_instructions: u32,
    /// See [`taken`](Self::taken).
    pub check_stack: u32,
    /// The object, up to a whole number of words.
    pub object: Vec<u8>,
}

/// Compiles a module on the board.
///
/// # Errors
///
/// If the emulator cannot be started, or the compiler does not do it there.
pub fn compile_on_board(folder: &Path, image: &[u8]) -> Result<OnBoard, Broken> {
    let admitted = berth_admission::Module::scan(image);
    let admitted = admitted.map_err(|error| Broken(format!("{error:?}")))?;
    let imports = admitted.imports().flatten();
    let imported = imports.filter(|import| import.function_type.is_some());
    let functions = imported.count() as u32 + admitted.functions;
    let head = [
        u32::MAX,
        admitted.memory_bytes as u32,
        u32::from(admitted.grows),
        functions,
        image.len() as u32,
    ];
    let words = image.chunks(4).map(|chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        u32::from_le_bytes(word)
    });
    let told = start(folder, head.into_iter().chain(words))?;
    let word = |index: usize| {
        let bytes = told.get(4 * index..4 * index + 4);
        bytes.map_or(0, |bytes| {
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        })
    };
    if word(0) != 0 {
        return Err(Broken(format!(
            "refused on the board: {}, {}",
            word(0),
            word(4)
        )));
    }
    Ok(OnBoard {
        instructions: instructions(word(1)),
        stack: word(2),
        room: word(3),
        taken: word(5) != 0,
        check_instructions: instructions(word(6)),
        check_stack: word(7),
        object: told[32..].to_vec(),
    })
}

impl Asked {
    fn read(&self, told: &mut impl Iterator<Item = u32>) -> Option<Run> {
        let mut run = Run {
            outcome: Outcome {
                endings: Vec::new(),
                globals: Vec::new(),
                memory: Vec::new(),
            },
            memory: None,
            pauses: 0,
            instructions: Vec::new(),
            places: Vec::new(),
            fault: None,
        };
        for results in &self.calls {
            let (kind, reason) = (told.next()?, told.next()?);
            let (place, pauses) = (told.next()?, told.next()?);
            run.pauses += pauses;
            run.instructions.push(instructions(told.next()?));
            let mut given = Vec::new();
            for result in results {
                given.push(value(*result, told)?);
            }
            run.outcome.endings.push(match kind {
                1 => Ending::Returned(given),
                2 => {
                    run.places.push(place.wrapping_sub(crate::instance::CODE));
                    Ending::Trapped(trap(reason))
                }
                4 => Ending::Trapped(Trap::Depth),
                other => {
                    let offset = place.wrapping_sub(crate::instance::CODE);
                    run.fault = Some(format!("{other} at {offset:#x}"));
                    Ending::Trapped(Trap::Other)
                }
            });
        }
        let memory = (told.next()?, told.next()?);
        run.memory = self.exports_memory.then_some(memory);
        let mut context = Vec::new();
        for _ in 0..self.context {
            context.push(told.next()?);
        }
        for (kind, distance) in &self.globals {
            let first = *distance as usize / 4 - 1;
            // Words come from r9 downwards.
            let mut words = (0..=first).rev().map(|index| context[index]);
            run.outcome.globals.push(value(*kind, &mut words)?);
        }
        Some(run)
    }
}

fn value(kind: ValType, words: &mut impl Iterator<Item = u32>) -> Option<Value> {
    let low = words.next()?;
    Some(match kind {
        ValType::I32 => Value::I32(low as i32),
        ValType::F32 => Value::F32(low),
        ValType::I64 | ValType::F64 => {
            let bits = u64::from(words.next()?) << 32 | u64::from(low);
            if kind == ValType::I64 {
                Value::I64(bits as i64)
            } else {
                Value::F64(bits)
            }
        }
        ValType::EXTERNREF => Value::Extern(low.checked_sub(1)),
        _ => Value::Function(low != 0),
    })
}

fn trap(reason: u32) -> Trap {
    let known = [
        (Helper::TrapUnreachable, Trap::Unreachable),
        (Helper::TrapMemory, Trap::Memory),
        (Helper::TrapTable, Trap::Table),
        (Helper::TrapNull, Trap::Null),
        (Helper::TrapSignature, Trap::Signature),
        (Helper::TrapDivisionByZero, Trap::DivisionByZero),
        (Helper::TrapOverflow, Trap::Overflow),
        (Helper::TrapConversion, Trap::Conversion),
        (Helper::TrapStack, Trap::Depth),
    ];
    let found = known.iter().find(|(helper, _)| *helper as u32 == reason);
    found.map_or(Trap::Other, |(_, trap)| *trap)
}

/// The program on the board, beside which this test was built.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let program = Path::new("thumbv7em-none-eabi/firmware/compiler_board");
    let mut folders = own.ancestors().map(|folder| folder.join(program));
    folders.find(|path| path.exists()).unwrap_or(program.into())
}
