//! The UART of Arm's Cortex-M System Design Kit. Source: Arm DDI 0479, section 4.3.
//!
//! A byte that is sent has left at once. One that arrives waits until there is room for it, as behind a line with flow
//! control: what is lost on a real line is lost by its speed, which is not simulated.

use crate::device::Traffic;
use crate::{Device, Width};
use std::collections::VecDeque;

const DATA: u32 = 0x00;
const STATE: u32 = 0x04;
const CTRL: u32 = 0x08;
const INTSTATUS: u32 = 0x0c;
const BAUDDIV: u32 = 0x10;

/// In `STATE`: a byte has arrived.
const ARRIVED: u32 = 1 << 1;
/// In `CTRL`: transmitter, receiver, and their interrupts.
const SENDS: u32 = 1 << 0;
const RECEIVES: u32 = 1 << 1;
const SEND_INTERRUPT: u32 = 1 << 2;
const RECEIVE_INTERRUPT: u32 = 1 << 3;
/// In `INTSTATUS`.
const SENT: u32 = 1 << 0;
const CAME: u32 = 1 << 1;
/// The smallest divisor that the device takes.
const DIVISOR_MIN: u32 = 16;
/// Numbers of its interrupts.
const RX: u32 = 0;
const TX: u32 = 1;

/// Bytes that arrive at a time.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) at_us: u64,
    pub(crate) bytes: Vec<u8>,
}

/// One line.
#[derive(Default)]
pub(crate) struct CmsdkUart {
    state: u32,
    ctrl: u32,
    status: u32,
    divisor: u32,
    received: u8,
    /// What has come, and there was no room for.
    waiting: VecDeque<u8>,
    /// What is to come, by time.
    arrivals: VecDeque<Arrival>,
    traffic: Vec<Traffic>,
}

impl CmsdkUart {
    /// A line on which this arrives.
    pub(crate) fn new(mut arrivals: Vec<Arrival>) -> Self {
        arrivals.sort_by_key(|arrival| arrival.at_us);
        Self {
            arrivals: arrivals.into(),
            ..Self::default()
        }
    }

    fn take_next(&mut self) {
        let ready = self.ctrl & RECEIVES != 0 && self.divisor >= DIVISOR_MIN;
        if !ready || self.state & ARRIVED != 0 {
            return;
        }
        if let Some(byte) = self.waiting.pop_front() {
            self.received = byte;
            self.state |= ARRIVED;
            self.traffic.push(Traffic::Received(byte));
            if self.ctrl & RECEIVE_INTERRUPT != 0 {
                self.status |= CAME;
            }
        }
    }
}

impl Device for CmsdkUart {
    fn go_on(&mut self, now_us: u64) {
        while let Some(arrival) = self.arrivals.pop_front_if(|next| next.at_us <= now_us) {
            self.waiting.extend(arrival.bytes);
        }
        self.take_next();
    }

    fn next_us(&self) -> Option<u64> {
        self.arrivals.front().map(|arrival| arrival.at_us)
    }

    fn read(&mut self, offset: u32, _: Width) -> u32 {
        match offset {
            DATA => {
                self.state &= !ARRIVED;
                let byte = self.received;
                self.take_next();
                byte.into()
            }
            STATE => self.state,
            CTRL => self.ctrl,
            INTSTATUS => self.status,
            BAUDDIV => self.divisor,
            _ => 0,
        }
    }

    fn write(&mut self, offset: u32, _: Width, value: u32) {
        match offset {
            DATA if self.ctrl & SENDS != 0 => {
                self.traffic.push(Traffic::Sent(value as u8));
                if self.ctrl & SEND_INTERRUPT != 0 {
                    self.status |= SENT;
                }
            }
            CTRL => {
                self.ctrl = value & 0x7f;
                self.take_next();
            }
            // Cleared by ones.
            STATE => self.state &= !(value & 0b1100),
            INTSTATUS => self.status &= !value,
            BAUDDIV => {
                self.divisor = value & 0xf_ffff;
                self.take_next();
            }
            _ => {}
        }
    }

    fn raised(&self) -> u32 {
        let line = |bit: u32, number: u32| u32::from(self.status & bit != 0) << number;
        line(CAME, RX) | line(SENT, TX)
    }

    fn traffic(&mut self) -> Vec<Traffic> {
        std::mem::take(&mut self.traffic)
    }

    fn receive(&mut self, bytes: &[u8]) -> bool {
        self.waiting.extend(bytes);
        self.take_next();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: Width = Width::Bits32;

    #[test]
    fn bytes_come_one_by_one_and_go_at_once() {
        let arrival = Arrival {
            at_us: 50,
            bytes: b"hi".to_vec(),
        };
        let mut uart = CmsdkUart::new(vec![arrival]);
        uart.write(BAUDDIV, WORD, 16);
        uart.write(CTRL, WORD, SENDS | RECEIVES | RECEIVE_INTERRUPT);
        uart.go_on(49);
        assert_eq!((uart.read(STATE, WORD), uart.raised()), (0, 0));
        uart.go_on(50);
        assert_eq!((uart.read(STATE, WORD), uart.raised()), (ARRIVED, 1 << RX));
        uart.write(INTSTATUS, WORD, CAME);
        assert_eq!(uart.read(DATA, WORD), u32::from(b'h'));
        assert_eq!((uart.read(STATE, WORD), uart.raised()), (ARRIVED, 1 << RX));
        assert_eq!(uart.read(DATA, WORD), u32::from(b'i'));
        assert_eq!(uart.read(STATE, WORD), 0);
        uart.write(DATA, WORD, b'!'.into());
        let traffic = [
            Traffic::Received(b'h'),
            Traffic::Received(b'i'),
            Traffic::Sent(b'!'),
        ];
        assert_eq!(uart.traffic(), traffic);
    }

    #[test]
    fn what_is_off_neither_takes_nor_sends() {
        let mut uart = CmsdkUart::default();
        uart.receive(b"x");
        uart.write(DATA, WORD, 1);
        assert_eq!((uart.read(STATE, WORD), uart.traffic()), (0, Vec::new()));
    }
}
