//! The module `arduino`: what WASMICO's tasks call.
//!
//! As there, with three differences that only a wrong program notices: pointers are checked; the
//! name that `pauseTask` and `resumeTask` are given is not looked at, since a container has
//! one saved state, its own; a pin that is no exposed LED does nothing.

use berth_protocol::Level;

use super::{Call, Ending, Foreign, LedAction};

/// Pins that are the board's LEDs.
const PINS: u32 = 10;

/// Most bytes that one `print` brings into the log, which holds no more.
const PRINT_MAX: u32 = 768;

impl Call<'_> {
    pub(super) fn arduino(&mut self, function: Foreign) -> Result<u32, Ending> {
        let (first, second) = (self.word(0), self.word(1));
        let now = self.container.now_us();
        match function {
            Foreign::Millis => return Ok((now / 1000) as u32),
            Foreign::Micros => return Ok(now as u32),
            Foreign::Delay => {
                let until_us = now + u64::from(first) * 1000;
                return Err(Ending::Sleep { until_us });
            }
            // LEDs are outputs, whatever is asked for; other pins are nothing.
            Foreign::PinMode => {}
            Foreign::DigitalWrite => {
                let action = match second {
                    0 => LedAction::Off,
                    _ => LedAction::On,
                };
                if first < PINS {
                    // A pin that is not exposed does nothing, as an unconnected one.
                    self.container.led(first, action);
                }
            }
            // The first LED that is exposed.
            Foreign::GetPinLed => return Ok((0..PINS).find(|pin| self.is_led(*pin)).unwrap_or(0)),
            Foreign::Print => {
                self.say(Level::Info, first, second, PRINT_MAX)?;
            }
            Foreign::PrintInt => {
                let number = first as i32;
                self.number(number < 0, number.unsigned_abs());
            }
            Foreign::PrintDouble => {
                let bits = self.arguments.first().copied().unwrap_or(0);
                self.double(bits);
            }
            Foreign::PauseTask => {
                let state = super::part(self.memory, first, second)?;
                self.container.save(state);
            }
            Foreign::ResumeTask => {
                let buffer = super::part(self.memory, first, second)?;
                return Ok(u32::from(self.container.load(buffer)));
            }
            // Free, and what would be free without this container.
            _ => {
                let (free, held) = self.container.memory();
                let own = match function {
                    Foreign::InitialFreeHeap => held,
                    _ => 0,
                };
                return Ok(free.saturating_add(own));
            }
        }
        Ok(0)
    }

    fn is_led(&self, pin: u32) -> bool {
        pin < PINS && self.container.led_is_on(pin).is_some()
    }

    fn number(&mut self, negative: bool, number: u32) {
        let mut digits = [0; 11];
        let text = decimal(negative, number, &mut digits);
        self.tell(Level::Info, text);
    }

    /// As Arduino's `Print` does it: two decimals, rounded half up; `ovf` beyond what
    /// fits 32 bits. (The formatting of floats in the core library takes 20 KB of flash.)
    fn double(&mut self, bits: u64) {
        const LARGEST: f64 = 4_294_967_040.0;
        const INFINITE: u64 = 0x7ff << 52;
        let size = bits & (u64::MAX >> 1);
        let number = f64::from_bits(size);
        let word: &[u8] = if size > INFINITE {
            b"nan"
        } else if size == INFINITE {
            b"inf"
        } else if number > LARGEST {
            b"ovf"
        } else {
            let hundredths = (number * 100.0 + 0.5) as u64;
            self.number(bits != size, (hundredths / 100) as u32);
            let rest = (hundredths % 100) as u8;
            return self.tell(Level::Info, &[b'.', b'0' + rest / 10, b'0' + rest % 10]);
        };
        self.tell(Level::Info, word);
    }
}

/// A number in decimal digits, at the end of `digits`.
fn decimal(negative: bool, mut number: u32, digits: &mut [u8; 11]) -> &[u8] {
    let mut start = digits.len();
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    if negative && let Some(place) = start.checked_sub(1).and_then(|at| digits.get_mut(at)) {
        *place = b'-';
        start -= 1;
    }
    digits.get(start..).unwrap_or_default()
}
