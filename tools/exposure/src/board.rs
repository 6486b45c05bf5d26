//! The board's peripherals: where they are, and which of them must not be given away.

use crate::address::{Range, addressable};
use crate::aliases::{Aliases, EVERYTHING};
use crate::bus;
use crate::danger::{Danger, Facts};
use crate::devicetree::{Node, Property, Value};
use crate::layout::Region;
use crate::lines::{NoLine, lines};
use crate::problem::{Place, Problem};
use crate::report::Report;

/// One peripheral.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) node: &'a Node,
    pub(crate) range: Range,
    /// The buses above say where it is; else it counts at the addresses that it states, and cannot be exposed.
    pub(crate) reached: bool,
    /// The processor reaches all of it.
    pub(crate) whole: bool,
    /// Why it must not be exposed.
    pub(crate) danger: Option<Danger>,
}

impl Block<'_> {
    /// Whether one of the nodes is above the other: its registers are a part of the other's.
    fn is_related(&self, other: &Self) -> bool {
        let (one, other) = (self.node, other.node);
        one.is_above(other) || other.is_above(one) || one.path == other.path
    }
}

/// The peripherals of a board.
pub(crate) struct Board<'a> {
    pub(crate) blocks: Vec<Block<'a>>,
    regions: &'a [Region],
    aliases: Aliases,
    /// The nodes that the firmware has.
    kept: Vec<&'a Node>,
    root: &'a Node,
}

impl<'a> Board<'a> {
    /// The peripherals below `root`; `regions` are those of the memory map.
    pub(crate) fn of(root: &'a Node, regions: &'a [Region], report: &mut Report) -> Self {
        let places = bus::places(root, report);
        let facts = Facts {
            nodes: root.all(),
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
        };
        let mut blocks: Vec<_> = places
            .into_iter()
            .map(|place| Block {
                node: place.node,
                range: place.range,
                reached: place.reached,
                whole: place.whole && addressable(place.range),
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
        let kept = nodes.filter(|node| facts.keeps(node)).collect();
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

    /// The block of the node that a phandle names.
    pub(crate) fn block(&self, phandle: u32) -> Option<&Block<'a>> {
        self.blocks
            .iter()
            .find(|block| block.reached && block.node.cell("phandle") == Some(phandle))
    }

    /// What else is at the addresses of a block, or at addresses that are aliases of them. Disabled
    /// nodes and those that the block is a part of do not count.
    pub(crate) fn neighbour(&self, block: &Block) -> Option<String> {
        let overlaps = |range| self.overlap(block.range, range);
        let mut blocks = self.blocks.iter();
        let other = blocks.find(|other| {
            other.node.is_enabled() && !other.is_related(block) && overlaps(other.range)
        });
        let region = || self.regions.iter().find(|region| overlaps(region.range));
        match other {
            Some(other) => Some(other.node.label().to_owned()),
            None => region().map(|region| format!("{} in the memory map", region.name)),
        }
    }

    /// A node that begins elsewhere than a block and has registers in it, in use or not. What the block is a part
    /// of, or has as its own parts, does not count.
    pub(crate) fn inside(&self, block: &Block) -> Option<&Block<'a>> {
        self.blocks.iter().find(|other| {
            !other.is_related(block)
                && other.range.base != block.range.base
                && other.range.overlaps(block.range)
        })
    }

    /// Whether it is not known what a range reaches, because its aliases have no end.
    pub(crate) fn is_endless(&self, range: Range) -> bool {
        self.aliases.reach(range).contains(&EVERYTHING)
    }

    /// Whether two ranges have a byte in common, directly or through aliases.
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
        let lines = lines
            .into_iter()
            .map(|line| self.free(line.map_err(NoLine::reason)?));
        Some(names.into_iter().zip(lines).collect())
    }

    /// A line, if no node that the firmware has is on it: it could not be masked for a container's sake.
    fn free(&self, line: u32) -> Result<u32, String> {
        for other in &self.kept {
            let label = other.label();
            let unknown = |reason| {
                format!(
                    "it may be that of {label}, which the firmware keeps and whose interrupts cannot be read: {reason}"
                )
            };
            for own in lines(self.root, other).map_err(unknown)? {
                match own {
                    Ok(own) if own == line => {
                        return Err(format!(
                            "its line {line} is that of {label}, which the firmware keeps"
                        ));
                    }
                    Ok(_) | Err(NoLine::Elsewhere(_)) => {}
                    Err(NoLine::Unknown(reason)) => return Err(unknown(reason)),
                }
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

/// The nodes that `chosen` names, by path, by alias or by reference: the firmware uses them.
fn chosen<'a>(root: &'a Node, report: &mut Report) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    let child = |name| root.children.iter().find(|node| node.name == name);
    let Some(chosen) = child("chosen") else {
        return found;
    };
    let nodes = root.all();
    for property in &chosen.properties {
        let what = match property.name.as_str() {
            "stdout-path" | "linux,stdout-path" | "stdin-path" | "zephyr,console" => {
                "the console".to_owned()
            }
            name => format!("the firmware's (chosen/{name})"),
        };
        for value in &property.values {
            let mut named: Vec<&&Node> = Vec::new();
            match value {
                Value::Text(text) => {
                    // What follows a colon are parameters of the line.
                    let name = text.split(':').next().unwrap_or(text);
                    let path = full_path(&nodes, child("aliases"), name);
                    let is_path = path.is_some() || property.name.ends_with("-path");
                    let path = path.unwrap_or_else(|| name.to_owned());
                    named.extend(nodes.iter().filter(|node| node.is_at(&path)));
                    // Other texts, as the arguments of a kernel, name nothing.
                    if named.is_empty() && is_path {
                        let (name, text) = (property.name.clone(), text.clone());
                        report.add(&property.place, Problem::Chosen { name, text });
                    }
                }
                Value::Bytes(bytes) => {
                    for cell in bytes.as_chunks::<4>().0 {
                        let phandle = Some(u32::from_be_bytes(*cell));
                        let with = nodes.iter().filter(|n| n.cell("phandle") == phandle);
                        named.extend(with);
                    }
                }
                Value::Other => {}
            }
            found.extend(named.iter().map(|node| (node.path.as_str(), what.clone())));
        }
    }
    found
}

/// Most aliases, each of which names the next.
const ALIASES_MAX: usize = 8;

/// The path that a text is, or that begins with an alias (Devicetree Specification 2.2.3 and 3.3); `None` if it is neither.
fn full_path(nodes: &[&Node], aliases: Option<&Node>, text: &str) -> Option<String> {
    let mut path = text.to_owned();
    for _ in 0..ALIASES_MAX {
        if path.starts_with('/') {
            return Some(path.trim_end_matches('/').to_owned());
        }
        let (first, rest) = path.split_once('/').unwrap_or((&path, ""));
        let alias = aliases?.property(first)?;
        let target = match alias.strings() {
            Some(strings) => (*strings.first()?).to_owned(),
            None => {
                let phandle = aliases?.cell(first);
                let mut with = nodes.iter().filter(|n| n.cell("phandle") == phandle);
                with.next()?.path.clone()
            }
        };
        path = match rest {
            "" => target,
            rest => format!("{target}/{rest}"),
        };
    }
    None
}
