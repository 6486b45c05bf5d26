//! What happened on the device lately: a ring of numbered events.

use berth_protocol::Happening;

use super::name::Name;

/// Events that are kept.
const KEPT: usize = 16;

/// One event.
#[derive(Clone, Copy)]
pub struct Record {
    /// Microseconds since the device started.
    pub time_us: u64,
    /// The container, which may be gone by now; `None`: the supervisor itself.
    pub name: Option<Name>,
    /// What happened.
    pub what: Happening,
}

/// The last events, numbered from 0.
pub struct Events {
    ring: [Option<Record>; KEPT],
    next: u32,
}

impl Events {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ring: [None; KEPT],
            next: 0,
        }
    }

    /// Something happened.
    pub fn note(&mut self, record: Record) {
        if let Some(place) = self.ring.get_mut(self.next as usize % KEPT) {
            *place = Some(record);
            self.next = self.next.wrapping_add(1);
        }
    }

    /// The first event kept that is not older than number `from`, with its number.
    #[must_use]
    pub fn first_from(&self, from: u32) -> Option<(u32, &Record)> {
        let sequence = from.max(self.next.saturating_sub(KEPT as u32));
        if sequence >= self.next {
            return None;
        }
        let record = self.ring.get(sequence as usize % KEPT)?.as_ref()?;
        Some((sequence, record))
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time_us: u64) -> Record {
        Record {
            time_us,
            name: Name::new("it"),
            what: Happening::Started,
        }
    }

    #[test]
    fn events_come_back_in_order_and_the_oldest_give_way() {
        let mut events = Events::new();
        assert!(events.first_from(0).is_none());
        for number in 0..100u32 {
            events.note(at(u64::from(number)));
            let mut from = 0;
            let mut seen = std::vec::Vec::new();
            while let Some((sequence, record)) = events.first_from(from) {
                assert_eq!(record.time_us, u64::from(sequence));
                seen.push(sequence);
                from = sequence + 1;
            }
            let oldest = (number + 1).saturating_sub(KEPT as u32);
            assert!(seen.iter().copied().eq(oldest..=number));
        }
        assert!(events.first_from(100).is_none());
        assert!(events.first_from(u32::MAX).is_none());
    }
}
