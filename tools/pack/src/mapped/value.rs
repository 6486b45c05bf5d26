//! What is known of a number: between which bounds it lies, and whether a window's address is in it.

use super::windows::Windows;

/// A number of 32 bits, or anything else, of which only `is_address` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) least: u32,
    pub(crate) most: u32,
    /// An address in a window went into it, or one from which such is computed, so that it may be one.
    pub(crate) is_address: bool,
}

impl Value {
    /// Nothing is known of it, and it has nothing to do with windows.
    pub(crate) const ANY: Self = Self::between(0, u32::MAX);

    pub(crate) const fn between(least: u32, most: u32) -> Self {
        Self {
            least,
            most,
            is_address: false,
        }
    }

    pub(crate) fn constant(value: u32, windows: &Windows) -> Self {
        Self {
            least: value,
            most: value,
            is_address: windows.lead(value),
        }
    }

    /// Anything that may be an address if one of these may.
    pub(crate) const fn made_of(is_address: bool) -> Self {
        Self {
            is_address,
            ..Self::ANY
        }
    }

    pub(crate) const fn is_constant(&self) -> bool {
        self.least == self.most
    }

    /// Whichever of the two it is.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            is_address: self.is_address || other.is_address,
        }
    }

    /// As [`or`](Self::or), but a bound that has moved is given up, so that this comes to an end.
    pub(crate) fn widened(self, other: Self) -> Self {
        let both = self.or(other);
        Self {
            least: if both.least == self.least {
                both.least
            } else {
                0
            },
            most: if both.most == self.most {
                both.most
            } else {
                u32::MAX
            },
            is_address: both.is_address,
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let is_address = self.is_address || other.is_address;
        if self.is_constant() && other.is_constant() {
            let sum = self.least.wrapping_add(other.least);
            return Self {
                is_address,
                ..Self::between(sum, sum)
            };
        }
        match (
            self.least.checked_add(other.least),
            self.most.checked_add(other.most),
        ) {
            (Some(least), Some(most)) => Self {
                is_address,
                ..Self::between(least, most)
            },
            _ => Self::made_of(is_address),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        // The distance of two addresses is none.
        let is_address = self.is_address != other.is_address;
        if self.is_constant() && other.is_constant() {
            let difference = self.least.wrapping_sub(other.least);
            return Self {
                is_address,
                ..Self::between(difference, difference)
            };
        }
        match (
            self.least.checked_sub(other.most),
            self.most.checked_sub(other.least),
        ) {
            (Some(least), Some(most)) => Self {
                is_address,
                ..Self::between(least, most)
            },
            _ => Self::made_of(is_address),
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        let is_address = self.is_address || other.is_address;
        if self.is_constant() && other.is_constant() {
            let value = self.least & other.least;
            return Self {
                is_address,
                ..Self::between(value, value)
            };
        }
        Self {
            // What is left of an address below 16 bits is a number.
            is_address: is_address && self.most.min(other.most) > 0xffff,
            ..Self::between(0, self.most.min(other.most))
        }
    }

    pub(crate) fn inclusive_or(self, other: Self) -> Self {
        if self.is_constant() && other.is_constant() {
            let value = self.least | other.least;
            return Self {
                is_address: self.is_address || other.is_address,
                ..Self::between(value, value)
            };
        }
        // Not less than either, and less than the sum.
        let sum = self.plus(other);
        Self {
            least: self.least.max(other.least),
            ..sum
        }
    }

    pub(crate) fn times(self, other: Self) -> Self {
        match (
            self.least.checked_mul(other.least),
            self.most.checked_mul(other.most),
        ) {
            (Some(least), Some(most)) => Self::between(least, most),
            _ => Self::ANY,
        }
    }

    pub(crate) fn shifted_left(self, other: Self) -> Self {
        if other.is_constant() {
            self.times(Self::between(
                1 << (other.least & 31),
                1 << (other.least & 31),
            ))
        } else {
            Self::ANY
        }
    }

    pub(crate) fn shifted_right(self, other: Self) -> Self {
        if other.is_constant() {
            let bits = other.least & 31;
            Self::between(self.least >> bits, self.most >> bits)
        } else {
            Self::between(0, self.most)
        }
    }

    pub(crate) fn remainder(self, other: Self) -> Self {
        // By nothing is a trap.
        Self::between(0, self.most.min(other.most.saturating_sub(1)))
    }

    pub(crate) fn quotient(self, other: Self) -> Self {
        Self::between(
            self.least / other.most.max(1),
            self.most / other.least.max(1),
        )
    }
}
