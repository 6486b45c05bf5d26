//! NXP's switch PCA9548: eight buses behind a bus. Source: NXP's data sheet PCA9548A, section 7.

use super::{Chip, Chips, Plug};
use serde::Deserialize;

/// How many buses it has.
const BUSES: usize = 8;

/// What is connected to one of its buses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Behind {
    /// Its number, 0 to 7.
    #[serde(deserialize_with = "super::in_range::<0, 7, _>")]
    bus: usize,
    chips: Vec<Plug>,
}

/// The switch.
pub(super) struct Pca9548 {
    buses: [Chips; BUSES],
    /// The buses that are connected, one bit each.
    connected: u8,
    /// The bus with whose chip a transfer is; otherwise it is with the switch itself.
    other: Option<usize>,
}

impl Pca9548 {
    /// A switch with these chips behind it, and none of its buses connected.
    pub(super) fn new(behind: &[Behind]) -> Self {
        let plugs = |number: usize| {
            let own = behind.iter().filter(|behind| behind.bus == number);
            own.flat_map(|behind| behind.chips.clone())
                .collect::<Vec<_>>()
        };
        Self {
            buses: std::array::from_fn(|number| Chips::new(&plugs(number))),
            connected: 0,
            other: None,
        }
    }

    fn other(&mut self) -> Option<&mut Chips> {
        self.buses.get_mut(self.other?)
    }
}

impl Chip for Pca9548 {
    fn go_on(&mut self, now_us: u64) {
        for bus in &mut self.buses {
            bus.go_on(now_us);
        }
    }

    fn next_us(&self) -> Option<u64> {
        self.buses.iter().filter_map(Chips::next_us).min()
    }

    fn reaches(&mut self, address: u8) -> bool {
        let connected = self.connected;
        let mut buses = self.buses.iter_mut().enumerate();
        self.other =
            buses.position(|(number, bus)| connected >> number & 1 != 0 && bus.find(address));
        self.other.is_some()
    }

    fn begin(&mut self, reads: bool) {
        if let Some(chips) = self.other() {
            chips.begin(reads);
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.other() {
            Some(chips) => chips.take(byte),
            None => {
                self.connected = byte;
                true
            }
        }
    }

    fn give(&mut self) -> u8 {
        let connected = self.connected;
        self.other().map_or(connected, Chips::give)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms() -> Chips {
        let plug = |celsius: f64| Plug::Tmp105 {
            address: 0x48,
            celsius,
            changes: Vec::new(),
        };
        let behind = |bus: usize, celsius: f64| Behind {
            bus,
            chips: vec![plug(celsius)],
        };
        Chips::new(&[Plug::Pca9548 {
            address: 0x70,
            buses: vec![behind(2, 20.0), behind(5, 30.0)],
        }])
    }

    #[test]
    fn what_is_behind_it_is_reached_by_connected_buses_only() {
        let mut chips = rooms();
        assert!(!chips.address(0x48, true));
        for (connected, degrees) in [(1 << 2, 20), (1 << 5, 30)] {
            assert!(chips.address(0x70, false) && chips.take(connected));
            assert!(chips.address(0x48, true));
            assert_eq!([chips.give(), chips.give()], [degrees, 0]);
            assert!(chips.address(0x70, true));
            assert_eq!(chips.give(), connected);
        }
    }
}
