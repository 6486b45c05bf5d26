//! What stands behind the blocks of a board: a file in TOML.

use crate::buses::{Buses, Class, Connected};
use crate::devices::{
    Arrival, CmsdkTimer, CmsdkUart, Fpgaio, Pl022, Plug, Sbcon, Script, Scripted,
    scripted::{Deed, Event, Reaction},
};
use crate::moment::Moment;
use crate::{Block, Board, Device, Wrong};
use serde::Deserialize;

/// What stands behind the blocks of a board, and what happens when.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    #[serde(default)]
    block: Vec<Behind>,
    /// What is connected to the buses of the kernel's drivers.
    #[serde(default)]
    bus: Vec<Connected>,
}

/// What stands behind one block.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Behind {
    label: String,
    #[serde(default)]
    device: Kind,
    /// On the bus of `sbcon`.
    #[serde(default)]
    chips: Vec<Plug>,
    /// On the line of `cmsdk-uart`.
    #[serde(default)]
    input: Vec<Input>,
    /// Of `pl022`: the words that come in.
    #[serde(default)]
    answers: Vec<u32>,
    /// Of `registers` and `fpgaio`.
    #[serde(default)]
    register: Vec<Register>,
    #[serde(default)]
    event: Vec<Happening>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    Registers,
    Fpgaio,
    Sbcon,
    CmsdkUart,
    CmsdkTimer,
    Pl022,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(default)]
    at: Moment,
    #[serde(default)]
    text: String,
    #[serde(default)]
    bytes: Vec<u8>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Register {
    #[serde(flatten)]
    place: Place,
    #[serde(default)]
    value: u32,
    #[serde(default)]
    reads: Vec<u32>,
    #[serde(default)]
    fixed: u32,
    #[serde(default)]
    cleared_by_ones: u32,
    #[serde(default)]
    written: Vec<Written>,
}

/// A register: by its name, where the board has one, or by its offset.
#[derive(Clone, Debug, Deserialize)]
struct Place {
    name: Option<String>,
    offset: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    mask: u32,
    #[serde(default)]
    value: u32,
    #[serde(default)]
    after: Moment,
    #[serde(default)]
    set: Vec<Set>,
    #[serde(default)]
    raise: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Happening {
    at: Moment,
    #[serde(default)]
    every: Moment,
    #[serde(default)]
    set: Vec<Set>,
    #[serde(default)]
    raise: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    #[serde(flatten)]
    place: Place,
    value: u32,
    #[serde(default = "all")]
    mask: u32,
}

const fn all() -> u32 {
    u32::MAX
}

/// Of this project's emulated board.
const REFERENCE: &str = include_str!("boards/mps2-an386.toml");

impl Model {
    /// Read a model.
    ///
    /// # Errors
    /// What is wrong with it, with its line.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        toml::from_str(text).map_err(|error| Wrong(error.to_string().trim_end().to_owned()))
    }

    /// What the reference board has.
    #[must_use]
    pub fn reference() -> Self {
        // A test reads it; should it be none, every block has plain registers.
        Self::parse(REFERENCE).unwrap_or_default()
    }

    /// This model, with what another says of its blocks in the place of what this one says.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        let replaced = |behind: &Behind| other.block.iter().any(|o| o.label == behind.label);
        self.block.retain(|behind| !replaced(behind));
        self.block.extend(other.block);
        let replaced = |on: &Connected| other.bus.iter().any(|o| o.class == on.class);
        self.bus.retain(|on| !replaced(on));
        self.bus.extend(other.bus);
        self
    }

    /// Leave out what is said of blocks and buses that a board does not have.
    #[must_use]
    pub fn on(mut self, board: &Board) -> Self {
        let is_there = |behind: &Behind| board.exposures.iter().any(|b| b.label == behind.label);
        self.block.retain(is_there);
        self.bus.retain(|on| board.drivers(on.class.word()) > 0);
        self
    }

    /// # Errors
    /// It says something of a block or bus that the board does not have, or says it twice.
    pub(crate) fn all_are_on(&self, board: &Board) -> Result<(), Wrong> {
        let mut before: Vec<&str> = Vec::new();
        for behind in &self.block {
            let label = behind.label.as_str();
            if !board.exposures.iter().any(|block| block.label == label) {
                return Err(Wrong(format!(
                    "block \"{label}\": the board exposes none of this label"
                )));
            }
            if before.contains(&label) {
                return Err(Wrong(format!("block \"{label}\" stands there twice")));
            }
            before.push(label);
        }
        for (index, on) in self.bus.iter().enumerate() {
            let word = on.class.word();
            let wrong = if board.drivers(word) == 0 {
                "the kernel's driver is not exposed by the board"
            } else if self.bus.iter().take(index).any(|o| o.class == on.class) {
                "stands there twice"
            } else if on.class != Class::I2c && !on.chips.is_empty() {
                "has no \"chips\""
            } else if on.class == Class::I2c && (on.loops || !on.answers.is_empty()) {
                "has neither \"loops\" nor \"answers\""
            } else {
                continue;
            };
            return Err(Wrong(format!("bus \"{word}\": {wrong}")));
        }
        Ok(())
    }

    /// What is connected to the buses of the kernel's drivers.
    pub(crate) fn buses(&self) -> Buses {
        Buses::new(&self.bus)
    }

    /// What stands behind a block.
    pub(crate) fn device(&self, block: &Block) -> Result<Box<dyn Device>, Wrong> {
        let behind = self.block.iter().find(|b| b.label == block.label);
        let Some(behind) = behind else {
            return Ok(Box::new(Scripted::new(Script::default())));
        };
        behind.has_nothing_of_others()?;
        Ok(match behind.device {
            Kind::Registers => Box::new(Scripted::new(behind.script(block)?)),
            Kind::Fpgaio => Box::new(Fpgaio::new(Scripted::new(behind.script(block)?))),
            Kind::Sbcon => Box::new(Sbcon::new(&behind.chips)),
            Kind::CmsdkUart => Box::new(CmsdkUart::new(behind.arrivals())),
            Kind::CmsdkTimer => Box::new(CmsdkTimer::default()),
            Kind::Pl022 => Box::new(Pl022::new(behind.answers.clone())),
        })
    }
}

impl Behind {
    /// # Errors
    /// It says what its device does not have.
    fn has_nothing_of_others(&self) -> Result<(), Wrong> {
        let scripted = matches!(self.device, Kind::Registers | Kind::Fpgaio);
        let others = [
            ("chips", self.chips.is_empty() || self.device == Kind::Sbcon),
            (
                "input",
                self.input.is_empty() || self.device == Kind::CmsdkUart,
            ),
            (
                "answers",
                self.answers.is_empty() || self.device == Kind::Pl022,
            ),
            ("register", self.register.is_empty() || scripted),
            ("event", self.event.is_empty() || scripted),
        ];
        match others.iter().find(|(_, fits)| !fits) {
            Some((word, _)) => Err(Wrong(format!(
                "block \"{}\": its device has no \"{word}\"",
                self.label
            ))),
            None => Ok(()),
        }
    }

    fn arrivals(&self) -> Vec<Arrival> {
        let arrival = |input: &Input| Arrival {
            at_us: input.at.0,
            bytes: [input.text.as_bytes(), &input.bytes].concat(),
        };
        self.input.iter().map(arrival).collect()
    }

    fn script(&self, block: &Block) -> Result<Script, Wrong> {
        let mut script = Script::default();
        for register in &self.register {
            let offset = register.place.in_block(block)?;
            script.values.insert(offset, register.value);
            script.fixed.insert(offset, register.fixed);
            script
                .cleared_by_ones
                .insert(offset, register.cleared_by_ones);
            if !register.reads.is_empty() {
                let reads = register.reads.iter().copied().collect();
                script.reads.insert(offset, reads);
            }
            for written in &register.written {
                script.reactions.push(Reaction {
                    offset,
                    mask: written.mask,
                    value: written.value,
                    after_us: written.after.0,
                    deed: deed(block, &written.set, &written.raise)?,
                });
            }
        }
        for event in &self.event {
            script.events.push(Event {
                at_us: event.at.0,
                every_us: event.every.0,
                deed: deed(block, &event.set, &event.raise)?,
            });
        }
        Ok(script)
    }
}

impl Place {
    fn in_block(&self, block: &Block) -> Result<u32, Wrong> {
        let label = &block.label;
        let offset = match (&self.name, self.offset) {
            (Some(name), None) => block
                .offset_of(name)
                .ok_or_else(|| Wrong(format!("block \"{label}\" has no register \"{name}\"")))?,
            (None, Some(offset)) => offset,
            _ => {
                return Err(Wrong(format!(
                    "block \"{label}\": a register has a name or an offset"
                )));
            }
        };
        if !offset.is_multiple_of(4) || offset >= block.length {
            return Err(Wrong(format!(
                "block \"{label}\": {offset:#x} is no offset of a word in it"
            )));
        }
        Ok(offset)
    }
}

fn deed(block: &Block, set: &[Set], raise: &[String]) -> Result<Deed, Wrong> {
    let mut deed = Deed::default();
    for set in set {
        let offset = set.place.in_block(block)?;
        deed.set.push((offset, set.mask, set.value));
    }
    for name in raise {
        let number = block.interrupt(name).ok_or_else(|| {
            Wrong(format!(
                "block \"{}\" has no interrupt \"{name}\"",
                block.label
            ))
        })?;
        deed.raise |= 1u32.checked_shl(number).unwrap_or(0);
    }
    Ok(deed)
}
