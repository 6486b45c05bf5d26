//! Work whose length a process chooses, in passes.
//!
//! One call makes pass after pass as long as the turn of the process goes on, and else says how far it has come: the process repeats
//! it. So the firmware comes first between any two passes, whoever asked for how many.

use crate::driver::WasmHost;
use crate::window::Turn;
use berth_exposure::program::PASSES_MAX;

impl<const N: usize> WasmHost<N> {
    /// Make pass after pass in one call, as many as it asks for, as long as the turn of the process goes on. Without this a call
    /// ends with its pass.
    #[must_use]
    pub fn with_turn(mut self, turn: &'static dyn Turn) -> Self {
        self.turn = Some(turn);
        self
    }

    /// Passes of a call, as many as the process's turn allows.
    pub(crate) fn passes_of_a_turn(&self) -> Passes {
        Passes {
            turn: self.turn,
            asked: PASSES_MAX,
            made: 1,
        }
    }
}

/// The passes of one call.
pub(crate) struct Passes {
    turn: Option<&'static dyn Turn>,
    /// How many there may be; one is made whatever this says.
    asked: u32,
    /// How many there were, with the one that is being made.
    made: u32,
}

impl Passes {
    /// So many of them, if there may not be fewer.
    #[cfg(any(feature = "programs", feature = "keys"))]
    pub(crate) fn at_most(self, asked: u32) -> Self {
        Self {
            asked: asked.min(self.asked),
            ..self
        }
    }

    /// Returns how many there were, with the one that is being made.
    #[cfg(feature = "programs")]
    pub(crate) const fn made(&self) -> u32 {
        self.made
    }

    /// Begin with another one. `false`: the call ends.
    #[inline(never)]
    pub(crate) fn another(&mut self) -> bool {
        let goes_on = self.made < self.asked && self.turn.is_some_and(|turn| turn.goes_on());
        self.made += u32::from(goes_on);
        goes_on
    }
}
