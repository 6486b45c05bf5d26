//! Requests that were refused because imports are missing: which ones can be asked for afterwards.

use crate::container::Name;

/// Refusals kept, of several operators.
const KEPT: usize = 4;

/// A refused request.
#[derive(Clone, Copy)]
pub(super) struct Refusal {
    /// Its id.
    of: u32,
    /// The container.
    pub(super) name: Name,
    /// It was about the image that was to replace the container's.
    pub(super) update: bool,
}

/// The last few.
pub(super) struct Refusals {
    kept: [Option<Refusal>; KEPT],
    next: usize,
}

impl Refusals {
    /// None.
    pub(super) const fn new() -> Self {
        Self {
            kept: [None; KEPT],
            next: 0,
        }
    }

    /// A request was refused.
    pub(super) fn keep(&mut self, of: u32, name: Name, update: bool) {
        // There is one image that was to replace another.
        for kept in &mut self.kept {
            kept.take_if(|kept| kept.of == of || update && kept.update);
        }
        if let Some(place) = self.kept.get_mut(self.next) {
            *place = Some(Refusal { of, name, update });
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// Returns the refused request with this id.
    pub(super) fn find(&self, of: u32) -> Option<Refusal> {
        self.kept.iter().flatten().copied().find(|r| r.of == of)
    }

    /// The image that was to replace another is gone.
    pub(super) fn forget_update(&mut self) {
        for kept in &mut self.kept {
            kept.take_if(|kept| kept.update);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_several_operators_are_told_apart() {
        let mut refusals = Refusals::new();
        let [a, b] = ["a", "b"].map(|name| Name::new(name).unwrap());
        refusals.keep(7, a, false);
        refusals.keep(900, b, true);
        let name = |of| {
            refusals
                .find(of)
                .map(|r| (r.name.as_str() == "a", r.update))
        };
        assert_eq!(name(7), Some((true, false)));
        assert_eq!(name(900), Some((false, true)));
        assert_eq!(name(8), None);
        refusals.forget_update();
        assert!(refusals.find(900).is_none() && refusals.find(7).is_some());
        for of in 0..KEPT as u32 {
            refusals.keep(1000 + of, b, false);
        }
        assert!(refusals.find(7).is_none());
    }
}
