//! Maxim's clock DS1307: time in decimal digits, and bytes that it keeps. Source: Maxim's data sheet DS1307, "Clock and calendar".

use super::Chip;

const SECOND_US: u64 = 1_000_000;

/// Registers by number: seconds, minutes, hours, day of the week, day, month, year, how its output ticks; then bytes.
const SECONDS: usize = 0;
const HOURS: usize = 2;
const TIME: usize = 7;
const REGISTERS: usize = 64;

/// In the seconds: the clock stands.
const HALTED: u8 = 1 << 7;
/// In the hours: they are from 1 to 12, and these are of the afternoon.
const TWELVE: u8 = 1 << 6;
const AFTERNOON: u8 = 1 << 5;

/// The clock. It stands at first.
pub(super) struct Ds1307 {
    registers: [u8; REGISTERS],
    /// What a transfer shows of the time: it does not change in the middle of one.
    shown: [u8; TIME],
    at: usize,
    begins: bool,
    /// When the second that it shows began.
    second_us: u64,
    now_us: u64,
}

impl Ds1307 {
    /// A clock that was never set.
    pub(super) const fn new() -> Self {
        let mut registers = [0; REGISTERS];
        // The first of January of its year 0, a Saturday.
        [registers[0], registers[3], registers[4], registers[5]] = [HALTED, 7, 1, 1];
        Self {
            registers,
            shown: [0; TIME],
            at: 0,
            begins: false,
            second_us: 0,
            now_us: 0,
        }
    }

    /// One second more.
    fn tick(&mut self) {
        let [seconds, minutes, hours, weekday, day, month, year, ..] = &mut self.registers;
        if !carries(seconds, 0, 59) || !carries(minutes, 0, 59) {
            return;
        }
        let midnight = if *hours & TWELVE == 0 {
            carries(hours, 0, 23)
        } else {
            let (half, mut twelfth) = (*hours & AFTERNOON, *hours & 0x1f);
            carries(&mut twelfth, 1, 12);
            // Eleven is followed by the twelve of the other half of the day.
            let turns = twelfth == 0x12;
            let now = half ^ if turns { AFTERNOON } else { 0 };
            *hours = TWELVE | now | twelfth;
            turns && now == 0
        };
        if !midnight {
            return;
        }
        *weekday = *weekday % 7 + 1;
        let days = match (number(*month), number(*year)) {
            (2, year) if year % 4 == 0 => 29,
            (2, _) => 28,
            (4 | 6 | 9 | 11, _) => 30,
            _ => 31,
        };
        if carries(day, 1, days) && carries(month, 1, 12) {
            carries(year, 0, 99);
        }
    }
}

/// The number that two decimal digits say.
const fn number(digits: u8) -> u8 {
    10 * (digits >> 4) + (digits & 0xf)
}

/// Count on. Returns whether it has come to its first again.
const fn carries(digits: &mut u8, first: u8, last: u8) -> bool {
    let number = number(*digits);
    let next = if number >= last { first } else { number + 1 };
    *digits = ((next / 10) << 4) | (next % 10);
    number >= last
}

impl Chip for Ds1307 {
    fn go_on(&mut self, now_us: u64) {
        self.now_us = now_us;
        let [seconds, ..] = self.registers;
        if seconds & HALTED != 0 {
            self.second_us = now_us;
        }
        while now_us - self.second_us >= SECOND_US {
            self.second_us += SECOND_US;
            self.tick();
        }
    }

    fn begin(&mut self, reads: bool) {
        self.begins = !reads;
        let (time, _) = self.registers.split_at(TIME);
        self.shown.copy_from_slice(time);
    }

    fn take(&mut self, byte: u8) -> bool {
        if self.begins {
            self.begins = false;
            self.at = usize::from(byte) % REGISTERS;
            return true;
        }
        let kept = match self.at {
            SECONDS => {
                // A second begins when they are written.
                self.second_us = self.now_us;
                0xff
            }
            1 => 0x7f,
            HOURS => 0x7f,
            3 => 0x07,
            4 => 0x3f,
            5 => 0x1f,
            _ => 0xff,
        };
        if let Some(place) = self.registers.get_mut(self.at) {
            *place = byte & kept;
        }
        self.at = (self.at + 1) % REGISTERS;
        true
    }

    fn give(&mut self) -> u8 {
        let shown = self.shown.get(self.at);
        let byte = shown.or(self.registers.get(self.at)).copied().unwrap_or(0);
        self.at = (self.at + 1) % REGISTERS;
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(chip: &mut Ds1307, time: [u8; TIME]) {
        chip.begin(false);
        assert!(chip.take(0) && time.into_iter().all(|byte| chip.take(byte)));
    }

    fn time(chip: &mut Ds1307) -> [u8; TIME] {
        chip.begin(false);
        chip.take(0);
        chip.begin(true);
        [(); TIME].map(|()| chip.give())
    }

    #[test]
    fn a_day_ends_as_the_calendar_has_it() {
        for (last, first) in [
            // A leap day, and none.
            ([2, 0x28, 2, 0x28], [3, 0x29, 2, 0x28]),
            ([3, 0x28, 2, 0x27], [4, 0x01, 3, 0x27]),
            ([6, 0x30, 4, 0x26], [7, 0x01, 5, 0x26]),
            ([7, 0x31, 0x12, 0x99], [1, 0x01, 1, 0]),
        ] {
            let mut chip = Ds1307::new();
            let [weekday, day, month, year] = last;
            set(&mut chip, [0x58, 0x59, 0x23, weekday, day, month, year]);
            chip.go_on(1_999_999);
            assert_eq!(time(&mut chip)[..3], [0x59, 0x59, 0x23]);
            chip.go_on(2_000_000);
            let [weekday, day, month, year] = first;
            assert_eq!(time(&mut chip), [0, 0, 0, weekday, day, month, year]);
        }
    }

    #[test]
    fn hours_up_to_twelve_turn_at_noon_and_midnight() {
        let mut chip = Ds1307::new();
        let mut now_us = 0;
        let mut after = |hours: u8| {
            chip.go_on(now_us);
            set(&mut chip, [0x59, 0x59, hours, 1, 1, 1, 0]);
            now_us += SECOND_US;
            chip.go_on(now_us);
            let [_, _, hours, weekday, ..] = time(&mut chip);
            (hours, weekday)
        };
        assert_eq!(after(TWELVE | 0x09), (TWELVE | 0x10, 1));
        assert_eq!(after(TWELVE | 0x11), (TWELVE | AFTERNOON | 0x12, 1));
        assert_eq!(
            after(TWELVE | AFTERNOON | 0x12),
            (TWELVE | AFTERNOON | 1, 1)
        );
        assert_eq!(after(TWELVE | AFTERNOON | 0x11), (TWELVE | 0x12, 2));
    }

    #[test]
    fn one_that_was_never_set_stands() {
        let mut chip = Ds1307::new();
        chip.go_on(10 * SECOND_US);
        assert_eq!(time(&mut chip), [HALTED, 0, 0, 7, 1, 1, 0]);
    }
}
