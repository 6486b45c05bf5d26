//! Addresses that reach what other addresses reach.
//!
//! An alias counts as what it aliases: whoever asks whether two ranges overlap asks for everything
//! that they reach. Two kinds are known. The Cortex-M3 and M4 repeat each bit of the first MiB of
//! SRAM and of the peripherals as a word (Cortex-M4 TRM, "Bit-banding"); a processor that is not
//! named may have them, and so may a part that has one with them beside one without, wherever in the tree it is named. That there are none, only
//! processors can say: what `/cpus` has, and nodes that say so (`device_type`, Devicetree Specification 3.8).
//! All others the tree declares with `berth,aliases = <alias length target>`.

use crate::address::Range;
use crate::devicetree::Node;
use crate::problem::Problem;
use crate::report::Report;

/// One window of aliases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Alias {
    window: Range,
    target: u64,
    /// Bytes of the window for one of the target.
    scale: u64,
}

/// Processors without bit-banding.
const PLAIN: [&str; 8] = [
    "arm,cortex-m0",
    "arm,cortex-m0+",
    "arm,cortex-m7",
    "arm,cortex-m23",
    "arm,cortex-m33",
    "arm,cortex-m33f",
    "arm,cortex-m55",
    "arm,cortex-m85",
];

const BIT_BANDS: [Alias; 2] = [bit_band(0x2000_0000), bit_band(0x4000_0000)];

const fn bit_band(target: u64) -> Alias {
    Alias {
        window: Range {
            base: target + 0x200_0000,
            length: 0x200_0000,
        },
        target,
        scale: 32,
    }
}

/// What the names of all processors begin with.
const PROCESSORS: &str = "arm,cortex-m";

/// Returns whether processors are named, and all of them are without bit-banding: of a part with several, nobody says
/// which one the kernel runs on, used or not.
fn is_plain(nodes: &[&Node]) -> bool {
    let mut processors = nodes.iter().filter(|node| is_processor(node)).peekable();
    processors.peek().is_some()
        && processors.all(|node| cores(node).next().is_some())
        // A core with bit-bands is one wherever it stands, and whatever its node is called.
        && nodes.iter().flat_map(|node| cores(node)).all(|core| PLAIN.contains(&core.as_str()))
}

fn is_processor(node: &Node) -> bool {
    let below = node.path.strip_prefix("/cpus/");
    let is_listed = below.is_some_and(|name| name == "cpu" || name.starts_with("cpu@"));
    is_listed || node.string("device_type") == Some("cpu")
}

/// The processors that a node is named as, in small letters.
fn cores(node: &Node) -> impl Iterator<Item = String> {
    let words = node.property("compatible").into_iter();
    let words = words
        .flat_map(|property| property.texts())
        .map(str::to_lowercase);
    words.filter(|word| word.starts_with(PROCESSORS))
}

/// Most ranges that one may reach. Only declarations that make no sense lead to more: a window that is shifted against
/// itself. What leads to more counts as reaching everything.
const REACHED_MAX: usize = 1024;

/// All addresses.
pub(crate) const EVERYTHING: Range = Range {
    base: 0,
    length: 1 << 32,
};

/// The property that declares aliases.
const PROPERTY: &str = "berth,aliases";
const FORM: &str = "berth,aliases = <alias length target>, ...";

/// Whether they are windows: an empty one, one that is its own target and one that goes on behind the last address are numbers of another form,
/// as those of a tree whose addresses have two cells.
fn is_sound(cells: &[u32]) -> bool {
    let (entries, rest) = cells.as_chunks();
    let is_window = |[base, length, target]: &[u32; 3]| {
        let fits = |from: &u32| u64::from(*from) + u64::from(*length) <= EVERYTHING.length;
        *length != 0 && base != target && fits(base) && fits(target)
    };
    rest.is_empty() && entries.iter().all(is_window)
}

/// The aliases of a part.
pub(crate) struct Aliases {
    windows: Vec<Alias>,
}

impl Aliases {
    /// The aliases that the processor has and the tree declares.
    pub(crate) fn of(root: &Node, report: &mut Report) -> Self {
        let mut windows = Vec::new();
        let nodes = root.all();
        if !is_plain(&nodes) {
            windows.extend(BIT_BANDS);
        }
        for node in nodes {
            let Some(property) = node.property(PROPERTY) else {
                continue;
            };
            let cells = property.cells().filter(|cells| is_sound(cells));
            if cells.is_none() {
                let name = PROPERTY.to_owned();
                report.add(&property.place, Problem::Form { name, form: FORM });
            }
            for entry in cells.unwrap_or_default().chunks_exact(3) {
                if let [base, length, target] = *entry {
                    windows.push(Alias {
                        window: Range {
                            base: base.into(),
                            length: length.into(),
                        },
                        target: target.into(),
                        scale: 1,
                    });
                }
            }
        }
        Self { windows }
    }

    /// What a range reaches: itself, and what its bytes are aliases of; [`EVERYTHING`] if that has no end.
    pub(crate) fn reach(&self, range: Range) -> Vec<Range> {
        let mut reached = vec![range];
        let mut next = 0;
        while let Some(range) = reached.get(next).copied() {
            next += 1;
            for alias in &self.windows {
                let Some(target) = range.common(alias.window).map(|part| alias.target(part)) else {
                    continue;
                };
                // Aliases that go round in a circle end here.
                if !reached.iter().any(|known| target.lies_in(*known)) {
                    reached.push(target);
                }
                if reached.len() > REACHED_MAX {
                    return vec![range, EVERYTHING];
                }
            }
        }
        reached
    }

    /// Returns whether two ranges reach a byte in common.
    pub(crate) fn overlap(&self, one: Range, other: Range) -> bool {
        let others = self.reach(other);
        self.reach(one)
            .iter()
            .any(|one| others.iter().any(|other| one.overlaps(*other)))
    }

    /// Whether a part of the range is an alias.
    pub(crate) fn target(&self, range: Range) -> Option<u64> {
        let alias = |alias: &Alias| Some(alias.target(range.common(alias.window)?).base);
        self.windows.iter().find_map(alias)
    }
}

impl Alias {
    /// What a part of the window reaches.
    fn target(&self, part: Range) -> Range {
        let first = (part.base - self.window.base) / self.scale;
        let end = (part.end() - self.window.base).div_ceil(self.scale);
        Range {
            base: self.target.saturating_add(first),
            length: end - first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(base: u64, length: u64) -> Range {
        Range { base, length }
    }

    #[test]
    fn a_word_of_a_bit_band_reaches_a_byte() {
        let aliases = Aliases {
            windows: BIT_BANDS.to_vec(),
        };
        // Bit 1 of the byte at 0x40028004.
        let word = range(0x4250_0084, 4);
        assert_eq!(aliases.reach(word), [word, range(0x4002_8004, 1)]);
        assert!(aliases.overlap(word, range(0x4002_8000, 0x18)));
        assert!(!aliases.overlap(word, range(0x4002_8005, 1)));
        // Two bits of one byte are one byte.
        assert!(aliases.overlap(word, range(0x4250_0088, 4)));
    }

    #[test]
    fn circles_end() {
        let alias = |base, target| Alias {
            window: range(base, 0x1000),
            target,
            scale: 1,
        };
        let aliases = Aliases {
            windows: vec![
                alias(0x4000_0000, 0x5000_0000),
                alias(0x5000_0000, 0x4000_0000),
            ],
        };
        assert!(aliases.overlap(range(0x4000_0010, 4), range(0x5000_0012, 1)));
        assert!(!aliases.overlap(range(0x4000_0010, 4), range(0x5000_0014, 4)));
    }

    /// However many views a block has, each counts; where there is no end, everything does.
    #[test]
    fn none_is_left_out() {
        let alias = |base, length, target| Alias {
            window: range(base, length),
            target,
            scale: 1,
        };
        let many = (0..500).map(|i| alias(0x4000_0000, 4, 0x5000_0000 + i * 0x10));
        let aliases = Aliases {
            windows: many.collect(),
        };
        let block = range(0x4000_0000, 0x100);
        let views = (0..500).map(|i| range(0x5000_0000 + i * 0x10, 4));
        let all: Vec<_> = std::iter::once(block).chain(views).collect();
        assert_eq!(aliases.reach(block), all);
        // One behind the other.
        let row = (0..500).map(|i| alias(0x4000_0000 + i * 0x10, 4, 0x4000_0010 + i * 0x10));
        let aliases = Aliases {
            windows: row.collect(),
        };
        assert!(aliases.overlap(range(0x4000_0000, 4), range(0x4000_1f40, 4)));
        let shifted = Aliases {
            windows: vec![alias(0x4000_0000, 0x100_0000, 0x4000_0004)],
        };
        assert!(shifted.reach(range(0x4000_0000, 4)).contains(&EVERYTHING));
        assert!(shifted.overlap(range(0x4000_0000, 4), range(0x5000_0000, 4)));
        // All of it is reached in one step.
        assert_eq!(shifted.reach(range(0x4000_0000, 0x100_0000)).len(), 2);
    }
}
