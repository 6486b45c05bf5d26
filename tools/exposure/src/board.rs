//! The board's peripherals: where they are, and which of them must not be given away.

use std::collections::{BTreeSet, HashMap};

use crate::address::{Range, addressable};
use crate::aliases::{Aliases, EVERYTHING};
use crate::bus::{self, Reach};
use crate::chosen::chosen;
use crate::danger::{Danger, Facts, hanging};
use crate::devicetree::{Node, Property};
use crate::layout::Region;
use crate::lines::{lines, reached};
use crate::problem::{Place, Problem};
use crate::report::Report;

/// One peripheral.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) node: &'a Node,
    pub(crate) range: Range,
    /// Which entry of the node's `reg` it is, from 0.
    entry: usize,
    /// How the processor reaches it.
    pub(crate) reach: Reach,
    /// Why it must not be exposed.
    pub(crate) danger: Option<Danger>,
}

impl Block<'_> {
    /// Returns whether this is a part of `other`: its node, or one below.
    fn is_of(&self, other: &Self) -> bool {
        other.node.is_above(self.node) || self.node.path == other.node.path
    }

    /// Returns whether somebody uses its registers: what is reserved by its status works, too.
    fn in_use(&self) -> bool {
        self.node.is_enabled() || self.node.string("status") == Some("reserved")
    }
}

/// The peripherals of a board.
pub(crate) struct Board<'a> {
    pub(crate) blocks: Vec<Block<'a>>,
    regions: &'a [Region],
    aliases: Aliases,
    /// The nodes that the firmware has, and their lines or why these are not known.
    kept: Vec<(&'a Node, Result<BTreeSet<u32>, String>)>,
    root: &'a Node,
}

impl<'a> Board<'a> {
    /// The peripherals below `root`; `regions` are those of the memory map.
    pub(crate) fn of(root: &'a Node, regions: &'a [Region], report: &mut Report) -> Self {
        let places = bus::places(root, report);
        let nodes = root.all();
        let facts = Facts {
            hanging: hanging(&nodes),
            nodes,
            chosen: chosen(root, report),
            placed: places
                .iter()
                .map(|place| place.node.path.as_str())
                .collect(),
            memory: places
                .iter()
                .filter(|place| is_memory(place.node))
                .map(|place| place.range)
                .collect(),
            aliases: Aliases::of(root, report),
            used: HashMap::new(),
        }
        .with_uses();
        let mut blocks: Vec<_> = places
            .into_iter()
            .map(|place| Block {
                node: place.node,
                range: place.range,
                entry: place.entry,
                reach: match addressable(place.range) {
                    true => place.reach,
                    false => Reach::Part,
                },
                danger: facts.own(place.node, place.range),
            })
            .collect();
        let shared: Vec<_> = blocks
            .iter()
            .map(|block| shared(block, &blocks, &facts.aliases))
            .collect();
        for (block, shared) in blocks.iter_mut().zip(shared) {
            block.danger = block.danger.take().or(shared);
        }
        let nodes = facts.nodes.iter().copied();
        let kept: Vec<_> = nodes.filter(|node| facts.keeps(node)).collect();
        for node in &kept {
            if let Some(reg) = node.property("reg").filter(|_| facts.is_nowhere(node)) {
                let label = node.label().to_owned();
                report.add(&reg.place, Problem::KeptNowhere(label));
            }
        }
        let kept = kept.into_iter().map(|node| (node, reached(root, node)));
        let kept = kept.collect();
        Self {
            blocks,
            regions,
            kept,
            aliases: facts.aliases,
            root,
        }
    }

    /// The node that says that a block is not in use: its own, or a bus above it.
    pub(crate) fn disabled(&self, block: &Block) -> Option<&'a Node> {
        let nodes = self.root.all().into_iter();
        let mut own =
            nodes.filter(|node| node.is_above(block.node) || node.path == block.node.path);
        own.find(|node| !node.is_enabled())
    }

    /// The block of the node that a phandle names: the first entry of its `reg`, and no other where the processor does not reach
    /// that one.
    pub(crate) fn block(&self, phandle: u32) -> Option<&Block<'a>> {
        self.blocks
            .iter()
            .find(|block| block.entry == 0 && block.node.cell("phandle") == Some(phandle))
    }

    /// What else is at the addresses of a block, or at addresses that are aliases of them, its own parts too. Disabled
    /// nodes and those that the block is a part of do not count.
    pub(crate) fn neighbour(&self, block: &Block) -> Option<String> {
        let overlaps = |range| self.overlap(block.range, range);
        let mut blocks = self.blocks.iter();
        let other =
            blocks.find(|other| other.in_use() && !block.is_of(other) && overlaps(other.range));
        let region = || self.regions.iter().find(|region| overlaps(region.range));
        match other {
            Some(other) => Some(other.node.label().to_owned()),
            None => region().map(|region| format!("{} in the memory map", region.name)),
        }
    }

    /// A node that has registers in a block and begins or ends elsewhere than it, in use or not, directly or through
    /// aliases. What the block is a part of does not count.
    pub(crate) fn inside(&self, block: &Block) -> Option<&Block<'a>> {
        let reached = self.aliases.reach(block.range);
        self.blocks.iter().find(|other| {
            let differs = |here: &Range, there: &Range| {
                there.overlaps(*here) && (there.base != here.base || there.end() < here.end())
            };
            let others = self.aliases.reach(other.range);
            let mut pairs = reached
                .iter()
                .flat_map(|here| others.iter().map(move |there| (here, there)));
            !block.is_of(other) && pairs.any(|(here, there)| differs(here, there))
        })
    }

    /// Returns whether it is not known what a range reaches, because its aliases have no end.
    pub(crate) fn is_endless(&self, range: Range) -> bool {
        self.aliases.reach(range).contains(&EVERYTHING)
    }

    /// Returns whether two ranges have a byte in common, directly or through aliases.
    pub(crate) fn overlap(&self, one: Range, other: Range) -> bool {
        self.aliases.overlap(one, other)
    }

    /// First address and length of everything that a range reaches.
    pub(crate) fn reach(&self, range: Range) -> Vec<(u64, u64)> {
        let reached = self.aliases.reach(range).into_iter();
        reached.map(|range| (range.base, range.length)).collect()
    }

    /// Names and lines of a block's interrupts.
    pub(crate) fn interrupts(
        &self,
        block: &Block<'a>,
        place: &Place,
        report: &mut Report,
    ) -> Option<Vec<(&'a str, Result<u32, String>)>> {
        let names = block.node.property("interrupt-names");
        let names = names.and_then(Property::strings).unwrap_or_default();
        let label = || block.node.label().to_owned();
        let lines = lines(self.root, block.node).map_err(|reason| Problem::InterruptTree {
            label: label(),
            reason,
        });
        let lines = report.take(place, lines)?;
        if lines.len() != names.len() {
            let problem = Problem::InterruptNames {
                label: block.node.label().to_owned(),
                interrupts: lines.len(),
                names: names.len(),
            };
            report.add(place, problem);
            return None;
        }
        let lines = lines.into_iter().map(|line| self.free(line?));
        Some(names.into_iter().zip(lines).collect())
    }

    /// A line, if no node that the firmware has is on it: it could not be masked for a container's sake.
    fn free(&self, line: u32) -> Result<u32, String> {
        for (other, lines) in &self.kept {
            let label = other.label();
            match lines {
                Err(reason) => {
                    return Err(format!(
                        "it may be that of {label}, which the firmware keeps and whose lines cannot be read ({reason})"
                    ));
                }
                Ok(lines) if lines.contains(&line) => {
                    return Err(format!(
                        "its line {line} is that of {label}, which the firmware keeps"
                    ));
                }
                Ok(_) => {}
            }
        }
        Ok(line)
    }
}

fn is_memory(node: &Node) -> bool {
    node.kind() == "memory"
        || node.string("device_type") == Some("memory")
        || node.is_compatible("mmio-sram")
        || node.is_compatible("soc-nv-flash")
}

/// The danger that a block has from others at its addresses, disabled ones too: the registers of
/// one that is not in use are still there.
fn shared(block: &Block, blocks: &[Block], aliases: &Aliases) -> Option<Danger> {
    let others = blocks.iter().filter(|other| {
        other.node.path != block.node.path && aliases.overlap(block.range, other.range)
    });
    let mut dangers = others.filter_map(|other| Some((other.node.label(), other.danger.as_ref()?)));
    let (label, danger) = dangers.next()?;
    let what = match danger {
        Danger::Known(what) => format!("which is {what}"),
        Danger::Unknown => "which is not known to be harmless".to_owned(),
    };
    Some(Danger::Known(format!(
        "at the addresses of {label}, {what}"
    )))
}
