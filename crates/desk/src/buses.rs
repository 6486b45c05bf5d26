//! The buses of the kernel's own drivers, which containers use by transfers instead of registers.

use crate::device::Traffic;
use crate::devices::{Chips, Plug};
use serde::Deserialize;
use std::collections::VecDeque;

/// What is connected to a bus of the kernel's, as a model says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connected {
    pub(crate) class: Class,
    /// To an I2C bus.
    #[serde(default)]
    pub(crate) chips: Vec<Plug>,
    /// An SPI bus or a UART whose output is its own input.
    #[serde(default)]
    pub(crate) loops: bool,
    /// The bytes that come on an SPI bus, then zeros; or those that have come on a UART.
    #[serde(default)]
    pub(crate) answers: Vec<u8>,
}

/// Of which kind a bus is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Class {
    Spi,
    I2c,
    Uart,
}

impl Class {
    /// The word for it in a list of exposures.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Spi => "spi",
            Self::I2c => "i2c",
            Self::Uart => "uart",
        }
    }
}

/// The buses of a board.
pub(crate) struct Buses {
    chips: Chips,
    loops: bool,
    answers: VecDeque<u8>,
    /// The UART's output is its input.
    echoes: bool,
    /// What has come on it and nobody has taken.
    come: VecDeque<u8>,
}

impl Buses {
    /// Buses with what a model says is connected to them.
    pub(crate) fn new(connected: &[Connected]) -> Self {
        let on = |class: Class| connected.iter().find(move |on| on.class == class);
        let spi = on(Class::Spi);
        let uart = on(Class::Uart);
        Self {
            chips: Chips::new(on(Class::I2c).map_or(&[], |i2c| &i2c.chips)),
            loops: spi.is_some_and(|spi| spi.loops),
            answers: spi.map_or(VecDeque::new(), |spi| spi.answers.clone().into()),
            echoes: uart.is_some_and(|uart| uart.loops),
            come: uart.map_or(VecDeque::new(), |uart| uart.answers.clone().into()),
        }
    }

    /// Bytes leave the UART.
    pub(crate) fn uart_send(&mut self, sent: &[u8]) -> Vec<Traffic> {
        if self.echoes {
            self.come.extend(sent);
        }
        sent.iter().map(|byte| Traffic::Sent(*byte)).collect()
    }

    /// How many bytes the UART has that nobody has taken.
    pub(crate) fn uart_come(&self) -> usize {
        self.come.len()
    }

    /// Fill `room` from the UART, if so many have come.
    pub(crate) fn uart_take(&mut self, room: &mut [u8]) -> Vec<Traffic> {
        if self.come.len() < room.len() {
            return Vec::new();
        }
        let length = room.len();
        let taken = room.iter_mut().zip(self.come.drain(..length));
        taken
            .map(|(place, byte)| {
                *place = byte;
                Traffic::Received(byte)
            })
            .collect()
    }

    pub(crate) fn go_on(&mut self, now_us: u64) {
        self.chips.go_on(now_us);
    }

    pub(crate) fn next_us(&self) -> Option<u64> {
        self.chips.next_us()
    }

    /// Send to a chip, then fill `room` from it. Returns what was on the bus; all is acknowledged if each part says so.
    pub(crate) fn i2c(
        &mut self,
        address: u8,
        sent: &[u8],
        room: &mut [u8],
    ) -> (bool, Vec<Traffic>) {
        let mut traffic = Vec::new();
        let mut part = |reads: bool, answered: bool, bytes: Vec<u8>| {
            traffic.push(Traffic::Transfer {
                address,
                reads,
                answered,
                bytes,
            });
        };
        // Nothing to read is a write, if only of the address.
        if !sent.is_empty() || room.is_empty() {
            let answers = self.chips.address(address, false);
            let mut taken = answers;
            let mut bytes = Vec::new();
            for byte in sent {
                if !taken {
                    break;
                }
                bytes.push(*byte);
                taken = self.chips.take(*byte);
            }
            part(false, answers, bytes);
            if !taken {
                return (false, traffic);
            }
        }
        if room.is_empty() {
            return (true, traffic);
        }
        let answers = self.chips.address(address, true);
        if answers {
            room.fill_with(|| self.chips.give());
        }
        part(
            true,
            answers,
            if answers { room.to_vec() } else { Vec::new() },
        );
        (answers, traffic)
    }

    /// Exchange as many bytes as the longer of both has: zeros are sent behind the end, and what has no room is lost.
    pub(crate) fn spi(&mut self, sent: &[u8], room: &mut [u8]) -> Vec<Traffic> {
        let mut traffic = Vec::new();
        for at in 0..sent.len().max(room.len()) {
            let byte = sent.get(at).copied().unwrap_or(0);
            let came = if self.loops {
                byte
            } else {
                self.answers.pop_front().unwrap_or(0)
            };
            if let Some(place) = room.get_mut(at) {
                *place = came;
            }
            traffic.push(Traffic::Exchanged {
                sent: byte.into(),
                received: came.into(),
            });
        }
        traffic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensor() -> Buses {
        let connected = Connected {
            class: Class::I2c,
            chips: vec![Plug::Tmp105 {
                address: 0x48,
                celsius: 21.5,
                changes: Vec::new(),
            }],
            loops: false,
            answers: Vec::new(),
        };
        Buses::new(&[connected])
    }

    #[test]
    fn a_transfer_sends_then_receives() {
        let mut room = [0; 2];
        let (done, traffic) = sensor().i2c(0x48, &[0], &mut room);
        assert!(done);
        assert_eq!(room, [0x15, 0x80]);
        let said: Vec<String> = traffic.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["write 0x48 00", "read 0x48 15 80"]);
    }

    #[test]
    fn nobody_answers_at_another_address() {
        let (done, traffic) = sensor().i2c(0x49, &[0], &mut [0]);
        assert!(!done);
        let said: Vec<String> = traffic.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["write 0x49: nobody answers"]);
    }

    #[test]
    fn a_bus_gives_what_it_was_told_or_what_it_gets() {
        let mut connected = Connected {
            class: Class::Spi,
            chips: Vec::new(),
            loops: false,
            answers: vec![7, 8],
        };
        let mut room = [1; 3];
        Buses::new(std::slice::from_ref(&connected)).spi(&[5], &mut room);
        assert_eq!(room, [7, 8, 0]);
        connected.loops = true;
        Buses::new(&[connected]).spi(&[5, 6], &mut room);
        assert_eq!(room, [5, 6, 0]);
    }

    #[test]
    fn a_uart_gives_what_has_come_when_all_of_it_is_there() {
        let connected = Connected {
            class: Class::Uart,
            chips: Vec::new(),
            loops: true,
            answers: b"ab".to_vec(),
        };
        let mut buses = Buses::new(&[connected]);
        let mut room = [0; 3];
        assert!(buses.uart_take(&mut room).is_empty());
        assert_eq!(buses.uart_send(b"c").len(), 1);
        assert_eq!(buses.uart_come(), 3);
        assert_eq!(buses.uart_take(&mut room).len(), 3);
        assert_eq!((&room, buses.uart_come()), (b"abc", 0));
    }
}
