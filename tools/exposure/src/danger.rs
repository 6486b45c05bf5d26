//! Why a block must not be exposed.
//!
//! A block is exposed without `dangerous` only if something says that it is harmless: the list of
//! kinds ([`crate::classes`]), or `berth,harmless` in the tree. Neither helps against what the tree
//! or the address says: generic node names and marker properties of the Devicetree Specification,
//! what `chosen` names, `berth,reserved`, memory, the processor's own addresses, aliases.

use crate::address::{Area, Range, area};
use std::collections::HashSet;

use crate::aliases::Aliases;
use crate::classes;
use crate::devicetree::{Node, Property};

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Danger {
    /// It is known to be dangerous: what it is.
    Known(String),
    /// Nothing says that it is harmless.
    Unknown,
}

/// The property by which a tree says that a block is harmless.
pub(crate) const HARMLESS: &str = "berth,harmless";
/// Its form.
pub(crate) const HARMLESS_FORM: &str = "berth,harmless = \"<where its manual says so>\"";

/// Generic names (Devicetree Specification 2.2.2, and those that Linux and Zephyr use) of what no
/// container may have.
const NAMES: [(&str, &str); 22] = [
    ("clock-controller", "a clock controller"),
    ("cpu", "the processor"),
    ("debug", "a debug unit"),
    ("dma", "a DMA controller"),
    ("dma-controller", "a DMA controller"),
    ("flash", "flash memory"),
    ("flash-controller", "a flash controller"),
    ("interrupt-controller", "an interrupt controller"),
    ("iommu", "a memory management unit"),
    ("iomux", "a pin controller"),
    ("iomuxc", "a pin controller"),
    ("memory", "memory"),
    ("memory-controller", "a memory controller"),
    ("pin-controller", "a pin controller"),
    ("pinctrl", "a pin controller"),
    ("pinmux", "a pin controller"),
    ("power-controller", "a power controller"),
    ("power-management", "a power controller"),
    ("rcc", "a clock controller"),
    ("reset-controller", "a reset controller"),
    ("syscon", "a system controller"),
    ("watchdog", "a watchdog"),
];

/// Properties that say the same whatever the name.
const MARKERS: [(&str, &str); 16] = [
    ("#clock-cells", "a clock controller"),
    ("#dma-cells", "a DMA controller"),
    ("#hwlock-cells", "a lock between processors"),
    ("#iommu-cells", "a memory management unit"),
    ("#mbox-cells", "a mailbox of other processors"),
    ("#pinctrl-cells", "a pin controller"),
    ("#power-domain-cells", "a power controller"),
    ("#reset-cells", "a reset controller"),
    ("bus-master", "a bus master"),
    ("dma-channels", "a bus master"),
    ("dma-coherent", "a bus master"),
    ("dmas", "a block with channels of a DMA controller"),
    ("interrupt-controller", "an interrupt controller"),
    ("iommus", "a bus master"),
    ("memory-region", "a bus master"),
    ("wakeup-controller", "a power controller"),
];

/// Words of a `compatible` that say the same, whatever the name.
const WORDS: [(&str, &str); 2] = [("syscon", "a system controller"), ("mmio-sram", "memory")];

/// What the tree says about dangers.
pub(crate) struct Facts<'a> {
    /// All nodes.
    pub(crate) nodes: Vec<&'a Node>,
    /// Paths that `chosen` names, and what they are.
    pub(crate) chosen: Vec<(&'a str, String)>,
    /// Paths of the nodes that have addresses of the processor.
    pub(crate) placed: HashSet<&'a str>,
    /// Ranges of memory.
    pub(crate) memory: Vec<Range>,
    pub(crate) aliases: Aliases,
}

impl Facts<'_> {
    /// The danger of a block by itself, without regard to its neighbours.
    pub(crate) fn own(&self, node: &Node, range: Range) -> Option<Danger> {
        if let Some(what) = self.known(node, range) {
            return Some(Danger::Known(what));
        }
        let said = node.string(HARMLESS);
        let strings = node.property("compatible").and_then(Property::strings);
        let harmless = said.is_some_and(|said| !said.trim().is_empty())
            || classes::harmless(&strings.unwrap_or_default());
        (!harmless).then_some(Danger::Unknown)
    }

    /// What the firmware keeps a node for. A bus that is the firmware's is so with all that is on it.
    fn reserved(&self, node: &Node) -> Option<String> {
        let mut above = self.nodes.iter().filter(|other| other.is_above(node));
        reserved(node).or_else(|| above.find_map(|node| reserved(node)))
    }

    /// Whether the firmware has it: whether the tree says so.
    pub(crate) fn keeps(&self, node: &Node) -> bool {
        self.reserved(node).is_some() || self.chosen_for(node).is_some()
    }

    fn known(&self, node: &Node, range: Range) -> Option<String> {
        if let Some(what) = self.reserved(node) {
            return Some(what);
        }
        if let Some(what) = self.said(node, true) {
            return Some(what);
        }
        for range in self.aliases.reach(range) {
            match area(range) {
                Area::System => return Some("a part of the processor".to_owned()),
                Area::Memory => return Some("memory".to_owned()),
                Area::Device => {}
            }
            if self.memory.iter().any(|memory| range.overlaps(*memory)) {
                return Some("memory".to_owned());
            }
        }
        let target = self.aliases.target(range)?;
        Some(format!("an alias of {target:#x}"))
    }

    /// What `chosen` names a node for, or a node above it.
    fn chosen_for(&self, node: &Node) -> Option<String> {
        let names = |path: &str| {
            let rest = node.path.strip_prefix(path.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let (_, what) = self.chosen.iter().find(|(path, _)| names(path))?;
        Some(what.clone())
    }

    /// What the words of a node say, and of the nodes in it that have no addresses of the processor, such as channels of a
    /// timer or chips on a serial bus: what they are, it is.
    ///
    /// The generic name of a chip on a serial bus says what that is, not what the bus is: `by_name` is false for it.
    fn said(&self, node: &Node, by_name: bool) -> Option<String> {
        if let Some(what) = self.chosen_for(node) {
            return Some(what);
        }
        let mut names = NAMES.iter().filter(|_| by_name);
        let named = names.find(|(name, _)| *name == node.kind());
        let marked = MARKERS.iter().find(|(name, _)| node.has(name));
        let compatible = WORDS.iter().find(|(word, _)| node.is_compatible(word));
        if let Some((_, what)) = named.or(marked).or(compatible) {
            return Some((*what).to_owned());
        }
        let is_part = |child: &&Node| !self.placed.contains(child.path.as_str());
        let parts = node.children.iter().filter(is_part);
        let mut said =
            parts.filter_map(|part| reserved(part).or_else(|| self.said(part, !part.has("reg"))));
        said.next()
    }
}

/// What the tree says the firmware keeps a node for.
fn reserved(node: &Node) -> Option<String> {
    let property = node.property("berth,reserved")?;
    let said = property.strings().unwrap_or_default().join(", ");
    Some(match said.as_str() {
        "" => "reserved by the manufacturer".to_owned(),
        _ => said,
    })
}
