//! Chips on an I2C bus.

mod bytes;
mod clock;
mod expander;
mod switch;
mod tmp105;

use bytes::Bytes;
use clock::Ds1307;
use expander::Pca9538;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use switch::Pca9548;
use tmp105::Tmp105;

/// A chip, as a model says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "chip", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Plug {
    /// TI's temperature sensor TMP105, also for LM75 and its kind.
    Tmp105 {
        address: u8,
        /// Degrees at the start.
        #[serde(default)]
        celsius: f64,
        /// What it becomes later.
        #[serde(default)]
        changes: Vec<tmp105::Change>,
    },
    /// Bytes by number, which a pointer of one or two bytes chooses.
    Bytes {
        address: u8,
        /// How many there are.
        #[serde(default = "usual_size", deserialize_with = "in_range::<1, 65_536, _>")]
        size: usize,
        /// What stands in the first.
        #[serde(default)]
        bytes: Vec<u8>,
        /// Bytes of the pointer.
        #[serde(default = "usual_pointer", deserialize_with = "in_range::<1, 2, _>")]
        pointer: usize,
    },
    /// Maxim's clock DS1307, also for DS1338.
    Ds1307 {
        #[serde(default = "clocks_address")]
        address: u8,
    },
    /// NXP's expander PCA9538, also for PCA9554 and its kind.
    Pca9538 {
        #[serde(default = "expanders_address")]
        address: u8,
        /// The levels of its pins, where it does not drive them, one bit each.
        #[serde(default)]
        pins: u8,
        /// What they become later.
        #[serde(default)]
        changes: Vec<expander::Change>,
    },
    /// NXP's switch PCA9548: buses behind a bus.
    Pca9548 {
        #[serde(default = "expanders_address")]
        address: u8,
        /// What is connected to them.
        #[serde(default)]
        buses: Vec<switch::Behind>,
    },
}

/// A number that is no less and no more than these.
fn in_range<'de, const LEAST: usize, const MOST: usize, D: Deserializer<'de>>(
    from: D,
) -> Result<usize, D::Error> {
    let number = usize::deserialize(from)?;
    if (LEAST..=MOST).contains(&number) {
        return Ok(number);
    }
    Err(D::Error::custom(format!(
        "{number} is not {LEAST} to {MOST}"
    )))
}

const fn usual_size() -> usize {
    256
}

const fn usual_pointer() -> usize {
    1
}

const fn clocks_address() -> u8 {
    0x68
}

const fn expanders_address() -> u8 {
    0x70
}

/// What a chip does with the bytes of its transfers.
trait Chip: Send {
    fn go_on(&mut self, now_us: u64) {
        let _ = now_us;
    }
    fn next_us(&self) -> Option<u64> {
        None
    }
    /// A transfer to an address begins. Returns whether somebody behind it is meant, to whom it hands on
    /// what follows.
    fn reaches(&mut self, address: u8) -> bool {
        let _ = address;
        false
    }
    /// A transfer to it, or from it, begins.
    fn begin(&mut self, reads: bool);
    /// It gets a byte. Returns whether it acknowledges it.
    fn take(&mut self, byte: u8) -> bool;
    /// It is asked for a byte.
    fn give(&mut self) -> u8;
}

/// Chips on one bus.
pub(crate) struct Chips {
    chips: Vec<(u8, Box<dyn Chip>)>,
    /// The one that is spoken with.
    chosen: Option<usize>,
}

impl Chips {
    /// These chips.
    pub(crate) fn new(plugs: &[Plug]) -> Self {
        Self {
            chips: plugs.iter().map(Plug::chip).collect(),
            chosen: None,
        }
    }

    /// Let time pass until `now_us`.
    pub(crate) fn go_on(&mut self, now_us: u64) {
        for (_, chip) in &mut self.chips {
            chip.go_on(now_us);
        }
    }

    /// When one does something by itself next.
    pub(crate) fn next_us(&self) -> Option<u64> {
        let next = self.chips.iter().filter_map(|(_, chip)| chip.next_us());
        next.min()
    }

    /// Speak with whoever has an address. Returns whether anybody has.
    pub(crate) fn address(&mut self, address: u8, reads: bool) -> bool {
        let is_there = self.find(address);
        self.begin(reads);
        is_there
    }

    /// Choose whoever has an address. Returns whether anybody has.
    fn find(&mut self, address: u8) -> bool {
        let mut chips = self.chips.iter_mut();
        // One that has it itself has nobody behind it that is meant.
        self.chosen = chips.position(|(own, chip)| chip.reaches(address) || *own == address);
        self.chosen.is_some()
    }

    /// A transfer with who was chosen begins.
    fn begin(&mut self, reads: bool) {
        if let Some(chip) = self.chosen() {
            chip.begin(reads);
        }
    }

    /// Send a byte to who was addressed. Returns whether it was acknowledged.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        self.chosen().is_some_and(|chip| chip.take(byte))
    }

    /// A byte from who was addressed; ones if nobody was.
    pub(crate) fn give(&mut self) -> u8 {
        self.chosen().map_or(0xff, |chip| chip.give())
    }

    fn chosen(&mut self) -> Option<&mut Box<dyn Chip>> {
        let (_, chip) = self.chips.get_mut(self.chosen?)?;
        Some(chip)
    }
}

impl Plug {
    /// Its address, and the chip.
    fn chip(&self) -> (u8, Box<dyn Chip>) {
        match self {
            Self::Tmp105 {
                address,
                celsius,
                changes,
            } => (*address, Box::new(Tmp105::new(*celsius, changes.clone()))),
            Self::Bytes {
                address,
                size,
                bytes,
                pointer,
            } => (
                *address,
                Box::new(Bytes::new(bytes.clone(), *size, *pointer)),
            ),
            Self::Ds1307 { address } => (*address, Box::new(Ds1307::new())),
            Self::Pca9538 {
                address,
                pins,
                changes,
            } => (*address, Box::new(Pca9538::new(*pins, changes.clone()))),
            Self::Pca9548 { address, buses } => (*address, Box::new(Pca9548::new(buses))),
        }
    }
}
