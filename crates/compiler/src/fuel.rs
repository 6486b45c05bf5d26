//! What code is charged, and where it can be paused.
//!
//! Code is charged before it runs, by its length in halfwords (and more for calls of helpers), so that fuel stands for
//! time. A *site* charges what follows it up to the next one: at the header of a loop, at the beginning of a function that
//! calls can lead back to, and wherever more than [`STRETCH`] would go by otherwise. Behind the end of the block in
//! which a site stands paths meet that have not passed it; from there on the site outside of the block counts.

use crate::code::NONE;
use crate::encode::{Alu, Cond, FUEL, modified};
use crate::entry::Direct;
use crate::function::Generator;

/// Halfwords after which there is another site.
const STRETCH: u32 = 400;
/// What a call of a helper is charged.
pub(crate) const HELPER: u32 = 20;
/// What a call of the device's software is charged; it charges what it does itself.
pub(crate) const CALL: u32 = 4;

/// Returns what an access to a register is charged: the length of what the object does for it.
pub(crate) const fn access(direct: Direct) -> u32 {
    match direct {
        Direct::Read | Direct::Write => 20,
        Direct::Modify => 30,
    }
}

/// The site that what is generated is charged to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    /// Where it is; [`NONE`]: callers are charged.
    site: u32,
    /// What it charges for what was generated before `from`.
    cost: u32,
    from: u32,
}

impl Account {
    pub(crate) const NONE: Self = Self {
        site: NONE,
        cost: 0,
        from: 0,
    };
}

/// The least number not below `cost` that an instruction can hold.
fn rounded(cost: u32) -> u32 {
    let shift = (24 - cost.leading_zeros().min(24)) as u8;
    ((cost >> shift) + u32::from(cost & ((1 << shift) - 1) != 0)) << shift
}

impl Generator<'_, '_> {
    fn cost(&self) -> u32 {
        self.account.cost + self.code.place() - self.account.from
    }

    /// Charges more than the length of the code.
    pub(crate) const fn charge(&mut self, more: u32) {
        self.account.cost += more;
    }

    /// A site that no block closes, at the beginning of a function.
    pub(crate) fn open_root(&mut self, checked: bool) {
        (self.account, self.callers_cost) = (Account::NONE, 0);
        if checked {
            self.site();
        }
        self.account.from = self.code.place();
    }

    /// The end of the function. Returns what its callers are charged.
    pub(crate) fn close_root(&mut self) -> u32 {
        let cost = self.cost();
        self.write_site(cost);
        self.callers_cost
    }

    fn site(&mut self) {
        self.account = Account {
            site: self.code.place(),
            cost: 0,
            from: self.code.place() + 4,
        };
        self.code.long(0, 0);
        let mut chain = self.pauses;
        self.code.branch_later(Cond::Mi, &mut chain);
        self.pauses = chain;
    }

    /// Writes what the site charges, or what callers are charged: at least 1, so that no circle is for nothing.
    fn write_site(&mut self, cost: u32) {
        self.longest = self.longest.max(cost);
        if self.account.site == NONE {
            self.callers_cost = cost;
            return;
        }
        let bits = modified(rounded(cost.max(1))).unwrap_or(0xfff);
        let high = 0xf000 | (Alu::Sub as u16) << 5 | 1 << 4 | u16::from(FUEL.0) | bits >> 11 << 10;
        let low = (bits >> 8 & 7) << 12 | u16::from(FUEL.0) << 8 | bits & 0xff;
        self.code.patch(self.account.site, (high, low));
    }

    /// Another site, which counts up to the end of the innermost block.
    pub(crate) fn split(&mut self) {
        let outside = Account {
            cost: self.cost(),
            ..self.account
        };
        match self.blocks.checked_sub(1) {
            // The function's own block is never closed: what counted in it is over.
            Some(block) if block > 0 && self.module.room.blocks[block].outside.is_none() => {
                self.module.room.blocks[block].outside = Some(outside);
            }
            _ => self.write_site(outside.cost),
        }
        self.forget_all_checked();
        self.site();
    }

    /// Another site if it is time for one. Flags are not kept.
    pub(crate) fn split_if_long(&mut self) {
        if self.cost() > STRETCH {
            self.split();
        }
    }

    /// The end of a block, or of one way through it.
    pub(crate) fn close_account(&mut self, block: usize) {
        if let Some(outside) = self.module.room.blocks[block].outside.take() {
            let cost = self.cost();
            self.write_site(cost);
            self.account = outside;
            self.account.from = self.code.place();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_is_not_less_than_the_cost() {
        for cost in 0..100_000 {
            let charged = rounded(cost);
            assert!(charged >= cost && charged <= cost + cost / 127, "{cost}");
            assert!(modified(charged).is_some(), "{cost}");
        }
    }
}
