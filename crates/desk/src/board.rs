//! What a manufacturer exposes, as the exposure compiler writes it (`exposures.json`).

use crate::{Width, Wrong};
use serde::Deserialize;
use serde_json::Value;

/// What a board exposes to containers.
#[derive(Clone, Debug, Deserialize)]
pub struct Board {
    /// Its blocks.
    pub exposures: Vec<Block>,
    /// The kernel's drivers that containers may use.
    #[serde(default)]
    pub devices: Vec<Driver>,
    /// Maxima over all containers.
    #[serde(default)]
    pub limits: Limits,
}

/// Maxima over all containers, as far as they matter here.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Interrupts that are registered at the same time.
    pub handlers: u32,
    /// Register programs that are under way at the same time.
    pub programs: u32,
    /// Conveyors that are attached at the same time.
    pub conveyors: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handlers: 8,
            programs: 2,
            conveyors: 4,
        }
    }
}

/// A driver of the kernel.
#[derive(Clone, Debug, Deserialize)]
pub struct Driver {
    /// Its kind: `led`, `spi`, `i2c`.
    pub class: String,
    /// Which of the kind.
    pub index: u32,
    /// The state that it comes to rest in; none: it stays as it is.
    #[serde(default)]
    pub safe_state: Option<String>,
}

/// A block of registers.
#[derive(Clone, Debug, Deserialize)]
pub struct Block {
    /// The name that containers import it by.
    pub label: String,
    /// Bytes.
    pub length: u32,
    /// How it is reached: `mediated` or `mapped`.
    #[serde(default)]
    pub access: String,
    /// The registers that are exposed; `None`: all of the block.
    #[serde(default)]
    pub registers: Option<Vec<Register>>,
    /// Every register whose name is known.
    #[serde(default)]
    pub map: Vec<Place>,
    /// What is written when whoever has it ends.
    #[serde(default)]
    pub safe_state: Vec<SafeWrite>,
    /// Its interrupts, by number.
    #[serde(default)]
    pub interrupts: Vec<Interrupt>,
}

/// Where a register is.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Bytes from the start of the block.
    pub offset: u32,
    /// Bits.
    pub size: u32,
}

/// A register of which some bits are exposed.
#[derive(Clone, Debug, Deserialize)]
pub struct Register {
    /// Bytes from the start of the block.
    pub offset: u32,
    /// Bits.
    pub size: u32,
    /// Bits that may be read.
    pub read: u32,
    /// Bits that may be written.
    pub write: u32,
    /// Bits that may not be written are written as zero instead of being kept.
    #[serde(default)]
    pub zero_rest: bool,
}

/// One write of a safe state.
#[derive(Clone, Debug, Deserialize)]
pub struct SafeWrite {
    /// Bytes from the start of the block.
    pub offset: u32,
    /// Bits.
    pub size: u32,
    /// What is written.
    pub value: u32,
    /// The bits that are written.
    pub mask: u32,
}

/// An interrupt of a block.
#[derive(Clone, Debug, Deserialize)]
pub struct Interrupt {
    /// Its name.
    pub name: String,
    /// The write that clears its source; `None`: its handler has to.
    #[serde(default)]
    pub clear: Option<Clear>,
    /// That is done before registers are captured, otherwise after.
    #[serde(default)]
    pub clear_before_capture: bool,
    /// Most registers that are captured.
    #[serde(default)]
    pub captures_max: u32,
}

/// A write that clears the source of an interrupt.
#[derive(Clone, Debug, Deserialize)]
pub struct Clear {
    /// Bytes from the start of the block.
    pub offset: u32,
    /// Bits.
    pub size: u32,
    /// What is written.
    pub value: u32,
}

/// The board of this project's emulator.
const REFERENCE: &str = include_str!("boards/mps2-an386.json");

impl Board {
    /// Read the JSON of the manufacturer's build, or what `berth exposures --json` prints of a device if that tells the registers
    /// of each block: with `--list`, or where all of them are exposed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(json: &str) -> Result<Self, Wrong> {
        let wrong = |error| Wrong(format!("does not list exposures: {error}"));
        let mut list: Value = serde_json::from_str(json).map_err(wrong)?;
        let blocks = list.get_mut("exposures").and_then(Value::as_array_mut);
        for block in blocks.into_iter().flatten() {
            as_manufactured(block)?;
        }
        serde_json::from_value(list).map_err(wrong)
    }

    /// The reference board, Arm's MPS2 with AN386.
    #[must_use]
    pub fn reference() -> Self {
        // A test reads it; should it be none, there is nothing on the board.
        Self::parse(REFERENCE).unwrap_or(Self {
            exposures: Vec::new(),
            devices: Vec::new(),
            limits: Limits::default(),
        })
    }

    /// How many of the kernel's drivers of a kind there are.
    #[must_use]
    pub fn drivers(&self, class: &str) -> usize {
        let drivers = self.devices.iter();
        drivers.filter(|driver| driver.class == class).count()
    }
}

/// What a device tells of a block becomes what its manufacturer's build says of it.
fn as_manufactured(block: &mut Value) -> Result<(), Wrong> {
    match block.get_mut("details").map(Value::take) {
        Some(details @ Value::Object(_)) => *block = details,
        _ if block.get("registers").is_some_and(Value::is_number) => {
            if block["registers"] != 0 {
                let label = block["label"].as_str().unwrap_or_default();
                return Err(Wrong(format!(
                    "tells how many registers of \"{label}\" are exposed, and not which: a device does not know that. Take the \
                     exposures.json of its manufacturer's build, or what `berth exposures --list exposures.json --json` makes of it"
                )));
            }
            block["registers"] = Value::Null;
        }
        _ => {}
    }
    Ok(())
}

impl Block {
    /// The offset that a register of this name has.
    #[must_use]
    pub fn offset_of(&self, name: &str) -> Option<u32> {
        let mut map = self.map.iter();
        let place = map.find(|place| place.name.eq_ignore_ascii_case(name));
        place.map(|place| place.offset)
    }

    /// The name of the register at an offset.
    #[must_use]
    pub fn name_at(&self, offset: u32) -> Option<&str> {
        let mut map = self.map.iter();
        let inside = |place: &&Place| {
            offset
                .checked_sub(place.offset)
                .is_some_and(|behind| behind < (place.size / 8).max(1))
        };
        map.find(inside).map(|place| place.name.as_str())
    }

    /// What a container may see and change by an access: the bits that it may read, those that it may write, and whether the
    /// others are written as zero instead of being kept. `None`: the access is not allowed at all.
    ///
    /// The rules are those of the kernel's capsule `wasm_host`; a test of `berth-sim` compares them.
    #[must_use]
    pub fn permission(&self, offset: u32, width: Width) -> Option<(u32, u32, bool)> {
        let bytes = width.bytes();
        let is_inside = offset < self.length && self.length - offset >= bytes;
        if !offset.is_multiple_of(bytes) || !is_inside {
            return None;
        }
        let Some(registers) = &self.registers else {
            let all = width.mask();
            return (width == Width::Bits32).then_some((all, all, false));
        };
        let register = registers
            .iter()
            .find(|register| register.offset == offset && register.size == 8 * bytes)?;
        let writes_zeros = register.zero_rest || register.read == 0;
        Some((register.read, register.write, writes_zeros))
    }

    /// The number of the interrupt of this name.
    #[must_use]
    pub fn interrupt(&self, name: &str) -> Option<u32> {
        let mut names = self.interrupts.iter();
        let number = names.position(|interrupt| interrupt.name.eq_ignore_ascii_case(name));
        number.map(|number| number as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_board_is_there_with_names() {
        let board = Board::reference();
        let uart = board.exposures.iter().find(|block| block.label == "uart1");
        let uart = uart.unwrap();
        assert_eq!(uart.offset_of("bauddiv"), Some(0x10));
        assert_eq!(uart.name_at(0x9), Some("CTRL"));
        assert_eq!(uart.interrupt("tx"), Some(1));
        assert_eq!(board.drivers("led"), 1);
    }

    #[test]
    fn what_a_device_lists_is_a_board_if_it_tells_the_registers() {
        let block = |registers: &str| {
            let registers = registers.replace('\'', "\"");
            let block = format!(
                r#"{{"exposures": [{{"label": "leds", "access": "mediated", "length": 24, {registers}}}]}}"#
            );
            Board::parse(&block).map(|mut board| board.exposures.remove(0))
        };
        let whole = block("'registers': 0, 'held_by': 'nobody'").unwrap();
        assert!(whole.registers.is_none() && whole.length == 24);
        let details = r#"'registers': 1, 'details': {'label': 'leds', 'length': 24, 'registers':
            [{'offset': 0, 'size': 32, 'read': 2, 'write': 2}]}"#;
        let listed = block(details).unwrap();
        assert_eq!(listed.permission(0, Width::Bits32), Some((2, 2, false)));
        let said = block("'registers': 1, 'details': null").unwrap_err().0;
        assert!(
            said.contains("\"leds\"") && said.contains("exposures --list"),
            "{said}"
        );
    }
}
