//! What is left of a frame that was cut short is not typing.
//!
//! A frame that stands still for too long is given up, and one that is too long is none: what follows on the line is text then. It may be the
//! rest of that frame, and so the bytes of a container, which an author chose: with ends of lines among them they would be commands. So text
//! counts for nothing from then on, until a whole frame has come, or somebody presses Enter twice, alone, with a moment before each: what
//! is left of a frame comes all at once.

/// Microseconds in which nothing else has come.
const MOMENT_US: u64 = 300_000;

/// What a byte outside of frames is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Typed.
    Typed,
    /// Perhaps the rest of a frame.
    Nothing,
    /// The first Enter.
    Asked,
}

/// Whether text may be the rest of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rest {
    is_possible: bool,
    /// How often Enter was pressed, alone.
    enters: u8,
    last: u8,
    last_us: u64,
}

impl Rest {
    /// A frame was given up.
    pub(super) fn begins(&mut self) {
        (self.is_possible, self.enters) = (true, 0);
    }

    /// A whole frame has come.
    pub(super) fn ends(&mut self) {
        self.is_possible = false;
    }

    /// A byte of a frame has come.
    pub(super) fn passes(&mut self, now: u64) {
        (self.last, self.last_us, self.enters) = (0, now, 0);
    }

    /// What a byte outside of frames is.
    pub(super) fn hear(&mut self, byte: u8, now: u64) -> Heard {
        let is_alone = now.saturating_sub(self.last_us) >= MOMENT_US;
        // Terminals may send both for one key.
        let is_second = (self.last, byte) == (b'\r', b'\n');
        (self.last, self.last_us) = (byte, now);
        if !self.is_possible {
            return Heard::Typed;
        }
        if is_second {
            return Heard::Nothing;
        }
        let is_enter = is_alone && matches!(byte, b'\r' | b'\n');
        self.enters = if is_enter { self.enters + 1 } else { 0 };
        match self.enters {
            0 => Heard::Nothing,
            1 => Heard::Asked,
            _ => {
                self.ends();
                Heard::Typed
            }
        }
    }
}
