//! Figures of the last looks at a device, for the curves on pages: at most [`POINTS_MAX`] of each, the oldest go first.

use crate::watch::Seen;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

/// Points that are kept of one curve: two minutes of a device that somebody has on a page, ten of one that nobody has.
pub(crate) const POINTS_MAX: usize = 60;

/// What a container used at one look. Twelve bytes: a thousand devices with sixteen containers each keep 11 MB of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// Seconds since the first look.
    pub(crate) at_s: u32,
    /// Bytes of memory that it held.
    pub(crate) memory: u32,
    /// Share of the CPU that it had lately, in thousandths.
    pub(crate) cpu_permille: u16,
}

/// The figures of one device.
#[derive(Debug, Default)]
pub(crate) struct History {
    began: Option<Instant>,
    /// Seconds since the first look, and bytes of memory that were free.
    free: VecDeque<(u32, u32)>,
    containers: BTreeMap<Box<str>, VecDeque<Point>>,
}

impl History {
    /// Takes down what was seen; a container that is gone is forgotten.
    pub(crate) fn add(&mut self, seen: &Seen) {
        let began = *self.began.get_or_insert(seen.at);
        let at_s = seen.at.saturating_duration_since(began).as_secs();
        let at_s = u32::try_from(at_s).unwrap_or(u32::MAX);
        push(&mut self.free, (at_s, seen.heap.free));
        self.containers.retain(|name, _| {
            let mut containers = seen.containers.iter();
            containers.any(|container| *container.name == **name)
        });
        for container in &seen.containers {
            let point = Point {
                at_s,
                memory: container.memory_used,
                cpu_permille: container.cpu_permille,
            };
            let points = self.containers.entry((*container.name).into()).or_default();
            push(points, point);
        }
    }

    /// Free memory in bytes, oldest first, each with the seconds since the first look.
    pub(crate) fn free(&self) -> Vec<(u32, u32)> {
        self.free.iter().copied().collect()
    }

    /// What a container used, oldest first.
    pub(crate) fn of(&self, container: &str) -> Vec<Point> {
        let points = self.containers.get(container);
        points.into_iter().flatten().copied().collect()
    }
}

fn push<T>(points: &mut VecDeque<T>, point: T) {
    if points.len() >= POINTS_MAX {
        points.pop_front();
    }
    points.push_back(point);
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth::HeapInfo;
    use std::time::Duration;

    #[test]
    fn the_oldest_points_go_first_and_who_is_gone_is_forgotten() {
        let began = Instant::now();
        let mut history = History::default();
        for second in 0..100 {
            history.add(&Seen {
                at: began + Duration::from_secs(second),
                heap: HeapInfo {
                    total: 1000,
                    free: second as u32,
                    largest_free: 0,
                    containers: 0,
                    containers_max: 16,
                },
                status: None,
                containers: Vec::new(),
            });
        }
        let free = history.free();
        assert_eq!(free.len(), POINTS_MAX);
        assert_eq!((free[0], free[POINTS_MAX - 1]), ((40, 40), (99, 99)));
        assert_eq!(history.of("nobody"), []);
    }
}
