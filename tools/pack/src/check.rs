//! Would a board take this package? What its supervisor decides when a container is stored
//! and started, decided here, without a device.
//!
//! The rules are not written down a second time: imports, labels and memory go through the
//! supervisor's own admission ([`berth_admission`]), against the exposures that
//! the OEM's build wrote (`target/image/exposures.json`) instead of a kernel.
//!
//! What only the device knows stays open: whether somebody holds a block, and how much of
//! its memory is free now.

use std::collections::BTreeSet;

use berth_admission::bound::bound_on_board;
use berth_admission::imports::{Offers, missing};
use berth_admission::{Bus, Malformed, Module};
use berth_exposure::{AccessClass, Claim, DESCRIPTION_MAX, Description, LABEL_MAX};
use berth_measure::Unmeasured;
use berth_package::Manifest;
use berth_protocol::MissingWhy;
use serde::{Deserialize, de::Error as _};
use wasm_supervisor::arena::global::BOARD_POOL_BYTES;
use wasm_supervisor::container::run_id::BLOCKS_MAX;
use wasm_supervisor::engine::BlockNumbers;
use wasm_supervisor::engine::config::{STACK_MAX_BYTES, STACK_MIN_BYTES};
use wasm_supervisor::service::upload::{IMAGE_MAX, STACK_MAX};
use wasmparser::Validator;

use crate::segments::{self, Outside};
use crate::{printable, survey};

/// What a board exposes, as the exposure compiler writes it (`exposure --json`), or as
/// `berth exposures --json` tells it of a device.
#[derive(Debug, Deserialize)]
pub struct Board {
    exposures: Vec<Exposure>,
    /// `None`: not told.
    devices: Option<Vec<Device>>,
    /// `None`: not told.
    limits: Option<Limits>,
}

/// Of its limits, what decides whether an import is there.
#[derive(Debug, Deserialize)]
struct Limits {
    /// Register programs at once.
    programs: Option<u32>,
    /// Conveyors at once.
    conveyors: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Exposure {
    label: String,
    length: u32,
    /// Its peripheral's name in the chip's SVD file. `None`: not told.
    peripheral: Option<String>,
    /// `None`: not told.
    interrupts: Option<Vec<serde_json::Value>>,
}

#[derive(Debug, Deserialize)]
struct Device {
    class: String,
}

impl Board {
    /// Read the JSON.
    ///
    /// # Errors
    ///
    /// If it is none, or does not list exposures.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let board: Self = serde_json::from_str(text)?;
        match board.exposures.iter().find(|e| e.label.len() > LABEL_MAX) {
            Some(long) => Err(serde_json::Error::custom(format!(
                "label {}: no device knows labels of more than {LABEL_MAX} bytes",
                long.label
            ))),
            None => Ok(board),
        }
    }

    /// Returns label, name of the peripheral in the chip's SVD file (if told), and bytes of each block.
    pub fn blocks(&self) -> impl Iterator<Item = (&str, Option<&str>, u32)> {
        self.exposures
            .iter()
            .map(|e| (e.label.as_str(), e.peripheral.as_deref(), e.length))
    }

    /// Does it tell which blocks have interrupts, and which devices there are? What a device
    /// tells of itself does not; then that is not checked.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.devices.is_some() && self.exposures.iter().all(|e| e.interrupts.is_some())
    }
}

impl Offers for Board {
    fn describe<'a>(
        &self,
        index: u32,
        buffer: &'a mut [u8; DESCRIPTION_MAX],
    ) -> Option<Description<'a>> {
        let exposure = self.exposures.get(index as usize)?;
        let label = buffer.get_mut(..exposure.label.len())?;
        label.copy_from_slice(exposure.label.as_bytes());
        let interrupts = exposure.interrupts.as_ref().map_or(1, Vec::len);
        Some(Description {
            length: exposure.length,
            access: AccessClass::Mediated,
            interrupts: u8::try_from(interrupts).unwrap_or(u8::MAX),
            mapped: false,
            claim: Claim::Free,
            registers: 0,
            label: std::str::from_utf8(label).ok()?,
        })
    }

    fn led_count(&self) -> u32 {
        match &self.devices {
            Some(devices) => devices.iter().filter(|d| d.class == "led").count() as u32,
            None => 1,
        }
    }

    fn has_bus(&self, bus: Bus) -> bool {
        let class = match bus {
            Bus::Spi => "spi",
            Bus::I2c => "i2c",
            Bus::UartOut | Bus::UartIn => "uart",
        };
        let devices = self.devices.as_ref();
        devices.is_none_or(|devices| devices.iter().any(|device| device.class == class))
    }

    fn pin_count(&self) -> u32 {
        match &self.devices {
            Some(devices) => devices.iter().filter(|d| d.class == "gpio").count() as u32,
            None => 1,
        }
    }

    fn runs_programs(&self) -> bool {
        let limits = self.limits.as_ref();
        limits.and_then(|limits| limits.programs) != Some(0)
    }

    fn has_conveyors(&self) -> bool {
        let limits = self.limits.as_ref();
        limits.and_then(|limits| limits.conveyors) != Some(0)
    }
}

/// An import that the board does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its module.
    pub module: String,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: MissingWhy,
}

/// Why a board would refuse a package, whatever else it has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Larger than any image.
    #[error("image of {bytes} bytes; a device takes at most {IMAGE_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not a module that this device runs.
    #[error("invalid module at offset {offset}: {what}")]
    Invalid {
        /// Where.
        offset: usize,
        /// What.
        what: String,
    },
    /// A segment that is copied at the start to where there is nothing.
    #[error(
        "{} segment {index} ends at {end}, {} has {room}: it would fault before its first instruction",
        if *.is_element { "element" } else { "data" },
        if *.is_element { "its table" } else { "its memory" },
    )]
    Segment {
        /// Is it one of elements? Otherwise of data.
        is_element: bool,
        /// Which one.
        index: usize,
        /// First place behind it.
        end: u64,
        /// First place behind what it is copied to.
        room: u64,
    },
    /// Imports that are not there.
    #[error("{}", imports_text(.0))]
    Missing(Vec<Missing>),
    /// More blocks than a container can hold.
    #[error(
        "imports {labels} labels in {imports} imports; a container has at most {BLOCKS_MAX} in {}",
        BlockNumbers::MAX
    )]
    TooManyLabels {
        /// Different labels.
        labels: usize,
        /// Imports of them.
        imports: usize,
    },
    /// Its linear memory alone does not fit.
    #[error("its linear memory needs {needed} bytes, {room} are to be had")]
    Memory {
        /// Bytes it has from the start.
        needed: u32,
        /// Bytes there are.
        room: u32,
    },
    /// Loading it takes more than there is.
    #[error("loading takes {needed} bytes, {room} are to be had")]
    Room {
        /// Bytes that it takes at least.
        needed: u32,
        /// Bytes there are.
        room: u32,
    },
    /// Loading it takes more than there ever is.
    #[error(
        "loading takes more memory than a device has, with nothing else on it: at most some {bytes} bytes are counted"
    )]
    TooMuch {
        /// What counting tells.
        bytes: u32,
    },
    /// What its author chose contradicts itself.
    #[error("its linear memory of {memory} bytes is more than the {limit} that it may grow to")]
    MemoryLimit {
        /// Bytes from the start.
        memory: u64,
        /// Bytes at most.
        limit: u32,
    },
    /// A stack that no device gives.
    #[error("a stack of {stack} bytes; {STACK_MIN_BYTES} to {STACK_MAX} are possible")]
    Stack {
        /// Bytes asked for.
        stack: u32,
    },
}

fn imports_text(missing: &[Missing]) -> String {
    let mut text = match missing.len() {
        1 => "1 import is not available on this board".to_owned(),
        count => format!("{count} imports are not available on this board"),
    };
    for Missing { module, name, why } in missing {
        let (module, name) = (printable(module), printable(name));
        text.push_str(&format!("\n  {module} {name}: {why}"));
    }
    text
}

/// How many bytes loading takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// So many, measured: with fewer it does not load.
    Measured(u32),
    /// At most so many, as far as counting what is in the module tells.
    Counted(u32, Unmeasured),
}

impl Default for Needed {
    fn default() -> Self {
        Self::Counted(0, Unmeasured::Refused)
    }
}

impl core::fmt::Display for Needed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Measured(bytes) => write!(f, "{bytes} bytes"),
            Self::Counted(bytes, why) => {
                write!(
                    f,
                    "at most some {bytes} bytes (counted, not measured: {why})"
                )
            }
        }
    }
}

/// What a board makes of a package.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Why it would refuse it; nothing if it would not.
    pub problems: Vec<Problem>,
    /// The labels of the blocks that it needs.
    pub labels: BTreeSet<String>,
    /// Bytes that loading takes, its linear memory included.
    pub needed: Needed,
    /// Bytes of its linear memory at the start.
    pub memory: u64,
    /// Most bytes of stack for the interpreter.
    pub stack: u32,
}

/// Bytes of its memory that a supervisor without containers holds or keeps free, with some hundred
/// to spare. An end-to-end test compares it with a board.
const SUPERVISOR_BYTES: usize = 18 * 1024;

/// Bytes of what a device has free that containers cannot have, so that it can always answer.
pub const RESERVED_BYTES: u32 = wasm_supervisor::arena::RESERVED_BYTES as u32;

/// The memory that a device with nothing else on it has for a container.
pub const ROOM_MAX: u32 = (BOARD_POOL_BYTES - SUPERVISOR_BYTES) as u32;

/// Check `image`, a package or a plain module, as a board with `room` bytes of memory for it
/// would.
#[must_use]
pub fn check(image: &[u8], board: &Board, room: u32) -> Checked {
    let mut checked = Checked::default();
    let problems = &mut checked.problems;
    if image.len() > IMAGE_MAX as usize {
        problems.push(Problem::TooLarge { bytes: image.len() });
    }
    let module = match scan(image) {
        Ok(module) => module,
        Err(invalid) => {
            problems.push(invalid);
            return checked;
        }
    };
    checked.memory = module.memory_bytes;
    for outside in segments::outside(image, checked.memory) {
        let Outside {
            is_element,
            index,
            end,
            room,
        } = outside;
        problems.push(Problem::Segment {
            is_element,
            index,
            end,
            room,
        });
    }
    let missing: Vec<_> = missing(&module, board)
        .map(|(import, why)| Missing {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            why,
        })
        .collect();
    if !missing.is_empty() {
        problems.push(Problem::Missing(missing));
    }
    let named: Vec<_> = module.labels().collect();
    checked.labels = named.iter().map(|label| label.0.to_owned()).collect();
    if checked.labels.len() > BLOCKS_MAX || named.len() > BlockNumbers::MAX {
        problems.push(Problem::TooManyLabels {
            labels: checked.labels.len(),
            imports: named.len(),
        });
    }
    if checked.memory > u64::from(room) {
        let needed = u32::try_from(checked.memory).unwrap_or(u32::MAX);
        problems.push(Problem::Memory { needed, room });
    }
    checked.stack = STACK_MAX_BYTES as u32;
    // A manifest that cannot be read is no business of the device.
    if let Ok(Some(manifest)) = Manifest::of(image) {
        wishes(&manifest, &mut checked);
    }
    // What cannot be loaded for another reason takes nothing.
    if checked.problems.is_empty() {
        checked.needed = match berth_measure::needed(image, checked.stack) {
            Ok(bytes) => Needed::Measured(bytes),
            Err(why) => Needed::Counted(bound_on_board(&module), why),
        };
        match checked.needed {
            Needed::Measured(needed) if needed > room => {
                checked.problems.push(Problem::Room { needed, room });
            }
            Needed::Counted(bytes, Unmeasured::TooLarge) => {
                checked.problems.push(Problem::TooMuch { bytes });
            }
            _ => {}
        }
    }
    checked
}

/// Is it a module that the devices' engine runs?
fn scan(image: &[u8]) -> Result<Module<'_>, Problem> {
    let malformed = |Malformed { offset, what }| Problem::Invalid {
        offset: offset as usize,
        what: what.to_owned(),
    };
    let module = Module::scan(image).map_err(malformed)?;
    Validator::new_with_features(survey::features())
        .validate_all(image)
        .map_err(|error| Problem::Invalid {
            offset: error.offset(),
            what: crate::error::words(error.message()),
        })?;
    Ok(module)
}

/// What the package's author chose.
fn wishes(manifest: &Manifest<'_>, checked: &mut Checked) {
    if let Some(limit) = manifest.memory_limit
        && u64::from(limit) < checked.memory
    {
        let memory = checked.memory;
        checked
            .problems
            .push(Problem::MemoryLimit { memory, limit });
    }
    if let Some(stack) = manifest.value_stack {
        checked.stack = stack;
        if !(STACK_MIN_BYTES as u32..=STACK_MAX).contains(&stack) {
            checked.problems.push(Problem::Stack { stack });
        }
    }
}
