//! Why a block must not be exposed.
//!
//! A block is exposed without `dangerous` only if something says that it is harmless: the list of
//! kinds ([`crate::classes`]), or `berth,harmless` in the tree. Neither helps against what the tree
//! or the address says: generic node names and marker properties of the Devicetree Specification,
//! what `chosen` names, `berth,reserved`, memory, the processor's own addresses, aliases.

use std::collections::{HashMap, HashSet};

use crate::address::{Area, Range, area};
use crate::aliases::Aliases;
use crate::classes;
use crate::devicetree::{Node, Property};
use crate::references::{named, targets};
use crate::text::says_something;

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

/// Generic names (Devicetree Specification 2.2.2, and those that Linux, Zephyr and vendors' tools use) of what no
/// container may have; small letters, without numbers behind them ([`generic`]).
const NAMES: [(&str, &str); 52] = [
    ("bdma", "a DMA controller"),
    ("ccm", "a clock controller"),
    ("ccu", "a clock controller"),
    ("clock-controller", "a clock controller"),
    ("cmu", "a clock controller"),
    ("cpu", "the processor"),
    ("crg", "a clock controller"),
    ("cru", "a clock controller"),
    ("debug", "a debug unit"),
    ("dma", "a DMA controller"),
    ("dma-controller", "a DMA controller"),
    ("dmac", "a DMA controller"),
    ("dmamux", "a DMA controller"),
    ("edma", "a DMA controller"),
    ("flash", "flash memory"),
    ("flash-controller", "a flash controller"),
    ("gpdma", "a DMA controller"),
    ("interrupt-controller", "an interrupt controller"),
    ("iocon", "a pin controller"),
    ("iommu", "a memory management unit"),
    ("iomux", "a pin controller"),
    ("iomuxc", "a pin controller"),
    ("iomuxc-gpr", "a pin controller"),
    ("iwdg", "a watchdog"),
    ("ldma", "a DMA controller"),
    ("mdma", "a DMA controller"),
    ("memory", "memory"),
    ("memory-controller", "a memory controller"),
    ("nvic", "an interrupt controller"),
    ("nvmc", "a flash controller"),
    ("pdma", "a DMA controller"),
    ("pin-controller", "a pin controller"),
    ("pinctrl", "a pin controller"),
    ("pinmux", "a pin controller"),
    ("pmc", "a power controller"),
    ("power-controller", "a power controller"),
    ("power-management", "a power controller"),
    ("prcm", "a power controller"),
    ("pwr", "a power controller"),
    ("rcc", "a clock controller"),
    ("reset-controller", "a reset controller"),
    ("scg", "a clock controller"),
    ("scu", "a system controller"),
    ("syscfg", "a system controller"),
    ("syscon", "a system controller"),
    ("sysctl", "a system controller"),
    ("udma", "a DMA controller"),
    ("watchdog", "a watchdog"),
    ("wdog", "a watchdog"),
    ("wdt", "a watchdog"),
    ("wwdg", "a watchdog"),
    ("xdmac", "a DMA controller"),
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
    /// Paths of the nodes that have a place in the processor's addresses.
    pub(crate) placed: HashSet<&'a str>,
    /// Ranges of memory.
    pub(crate) memory: Vec<Range>,
    pub(crate) aliases: Aliases,
    /// Nodes that stand elsewhere and hang on a node, by its path ([`hanging`]).
    pub(crate) hanging: HashMap<&'a str, Vec<&'a Node>>,
    /// Paths of the nodes that others use which the firmware keeps, and who does ([`Facts::with_uses`]).
    pub(crate) used: HashMap<&'a str, Use>,
}

/// How a node is used by another that the firmware keeps.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    /// By whom, and what that is.
    what: String,
    /// What the firmware keeps the first of them for.
    first: String,
    /// How many nodes are between.
    steps: usize,
}

/// Steps of a use that are told one by one.
const STEPS_TOLD: usize = 8;

/// Properties by which a multiplexer that stands elsewhere says on which bus it hangs, with all that is behind it.
const HANGS_ON: [&str; 3] = ["i2c-parent", "mdio-parent-bus", "spi-parent"];

/// The nodes that hang on others so, by the paths of these. `nodes` are all that there are, the root first.
pub(crate) fn hanging<'a>(nodes: &[&'a Node]) -> HashMap<&'a str, Vec<&'a Node>> {
    let mut hanging: HashMap<&str, Vec<&Node>> = HashMap::new();
    for node in nodes {
        for on in HANGS_ON.into_iter().filter_map(|name| node.property(name)) {
            for bus in named(nodes, &[on]) {
                hanging.entry(&bus.path).or_default().push(node);
            }
        }
    }
    hanging
}

/// Returns whether two paths are of one node, or one node is somewhere below the other.
fn is_near(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() {
        (one, other)
    } else {
        (other, one)
    };
    let rest = long.strip_prefix(short.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl<'a> Facts<'a> {
    /// The same with all that is used by what the firmware keeps, however many steps away: a heater that is its own has
    /// a channel of a timer, a console has pins.
    pub(crate) fn with_uses(mut self) -> Self {
        let uses: Vec<_> = self
            .nodes
            .iter()
            .map(|user| (*user, targets(&self.nodes, user)))
            .filter(|(_, targets)| !targets.is_empty())
            .collect();
        // Those whose keeper may have been found since they were looked at.
        let mut users: Vec<_> = uses.iter().collect();
        while !users.is_empty() {
            let mut more: HashMap<&str, Use> = HashMap::new();
            for (user, targets) in users {
                let new = |target: &&&Node| self.own_keeper(target).is_none();
                let mut targets = targets.iter().filter(new).peekable();
                if targets.peek().is_none() {
                    continue;
                }
                let Some(used) = self.use_by(user) else {
                    continue;
                };
                for target in targets {
                    let path = target.path.as_str();
                    more.entry(path).or_insert_with(|| used.clone());
                }
            }
            users = uses
                .iter()
                .filter(|(user, _)| more.keys().any(|path| is_near(&user.path, path)))
                .collect();
            self.used.extend(more);
        }
        self
    }

    /// How what a node refers to is used by it, if the firmware has the node or something below it, to which it is the way: a
    /// bus that stands still stops what is on it.
    fn use_by(&self, user: &Node) -> Option<Use> {
        let part = || self.below(user, &|_| true, &|part| self.own_keeper(part));
        let what = self.kept(user).or_else(part)?;
        let by = self.used.get(user.path.as_str());
        let steps = by.map_or(1, |by| by.steps.saturating_add(1));
        let label = user.label();
        Some(Use {
            what: match by.filter(|_| steps > STEPS_TOLD) {
                Some(by) => format!(
                    "used by {label}, which is used, {} steps away, by what is {}",
                    by.steps, by.first
                ),
                None => format!("used by {label}, which is {what}"),
            },
            first: by.map_or(what, |by| by.first.clone()),
            steps,
        })
    }

    /// The danger of a block by itself, without regard to its neighbours.
    pub(crate) fn own(&self, node: &Node, range: Range) -> Option<Danger> {
        if let Some(what) = self.known(node, range) {
            return Some(Danger::Known(what));
        }
        if !is_harmless(node) {
            return Some(Danger::Unknown);
        }
        // Who has a bus has what is on it: the chip that the firmware starts from, or the processor's supply.
        let unknown = |part: &Node| {
            let is_device = part.property("compatible").is_some();
            (is_device && !is_harmless(part)).then(|| {
                format!(
                    "the way to {}, of which nothing says that it is harmless ({HARMLESS_FORM} in its node does)",
                    part.label()
                )
            })
        };
        self.part(node, &unknown).map(Danger::Known)
    }

    /// What the tree says the firmware has a node for: `berth,reserved`, or what `chosen` names.
    fn stated(&self, node: &Node) -> Option<String> {
        let chosen = || self.chosen.iter().find(|(path, _)| *path == node.path);
        reserved(node).or_else(|| chosen().map(|(_, what)| what.clone()))
    }

    /// What the firmware has a node for, by itself: what is stated, or who uses it.
    fn own_keeper(&self, node: &Node) -> Option<String> {
        self.stated(node)
            .or_else(|| Some(self.used.get(node.path.as_str())?.what.clone()))
    }

    /// What the firmware keeps a node for. A bus that is the firmware's is so with all that is on it.
    fn kept(&self, node: &Node) -> Option<String> {
        let mut above = self.nodes.iter().filter(|other| other.is_above(node));
        self.own_keeper(node)
            .or_else(|| above.find_map(|node| self.own_keeper(node)))
    }

    /// Returns whether the firmware has it or a part of it: whether the tree says so.
    pub(crate) fn keeps(&self, node: &Node) -> bool {
        let part = || self.part(node, &|part| self.own_keeper(part));
        self.kept(node).or_else(part).is_some()
    }

    /// Returns whether neither a node nor one above it has a place in the processor's addresses.
    pub(crate) fn is_nowhere(&self, node: &Node) -> bool {
        let placed = |node: &Node| self.placed.contains(node.path.as_str());
        let mut above = self.nodes.iter().filter(|other| other.is_above(node));
        !placed(node) && !above.any(|node| placed(node))
    }

    /// The first answer of a node's parts: of what is reached through it, whatever its properties. Below a node with registers that
    /// is everything, a flash chip that an SPI shows at addresses of the processor too. Below any other, which may be no more
    /// than a bus, it is what has no place in the processor's addresses.
    fn part(&self, node: &Node, ask: &dyn Fn(&Node) -> Option<String>) -> Option<String> {
        let is_placed = |node: &Node| self.placed.contains(node.path.as_str());
        let all = is_placed(node);
        self.below(node, &|part| all || !is_placed(part), ask)
    }

    /// The first answer of the nodes below one, and of what hangs on it or them, as far as they `count`.
    fn below(
        &self,
        node: &Node,
        count: &dyn Fn(&Node) -> bool,
        ask: &dyn Fn(&Node) -> Option<String>,
    ) -> Option<String> {
        let mut seen: HashSet<&str> = HashSet::from([node.path.as_str()]);
        let mut next = vec![node];
        while let Some(node) = next.pop() {
            let hanging = self.hanging.get(node.path.as_str());
            let hanging = hanging.into_iter().flatten().copied();
            for part in node.children.iter().chain(hanging) {
                if count(part) && seen.insert(&part.path) {
                    if let Some(answer) = ask(part) {
                        return Some(answer);
                    }
                    next.push(part);
                }
            }
        }
        None
    }

    fn known(&self, node: &Node, range: Range) -> Option<String> {
        // What it is comes before who uses it: an interrupt controller is used by all.
        let says = self.stated(node).or_else(|| words(node));
        if let Some(what) = says.or_else(|| self.kept(node)) {
            return Some(what);
        }
        if let Some(what) = self.said_of_parts(node) {
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

    /// What the words of its parts say: what they are, it is.
    fn said_of_parts(&self, node: &Node) -> Option<String> {
        let part = |part: &Node| self.own_keeper(part).or_else(|| words(part));
        self.part(node, &part)
    }
}

/// Whether something says that what has this node is harmless: the list of kinds, or the node.
fn is_harmless(node: &Node) -> bool {
    let said = node.string(HARMLESS);
    let strings = node.property("compatible").and_then(Property::strings);
    said.is_some_and(says_something) || classes::harmless(&strings.unwrap_or_default())
}

/// What the words of one node say.
fn words(node: &Node) -> Option<String> {
    let generic = generic(node.kind());
    let named = NAMES
        .iter()
        .find(|(name, _)| name.replace('-', "") == generic);
    let marked = MARKERS.iter().find(|(name, _)| node.has(name));
    let compatible = WORDS.iter().find(|(word, _)| node.is_compatible(word));
    let (_, what) = named.or(marked).or(compatible)?;
    Some((*what).to_owned())
}

/// A node's name in the one form in which names are compared: `DMA1`, `dma-2` and `dma_3` are all `dma`.
fn generic(kind: &str) -> String {
    let mut name = kind.to_ascii_lowercase();
    name.retain(|c| c != '-' && c != '_');
    name.trim_end_matches(|c: char| c.is_ascii_digit())
        .to_owned()
}

/// What the tree says the firmware keeps a node for: by `berth,reserved`, or by the status of what works and is another
/// software's (Devicetree Specification 2.3.4).
fn reserved(node: &Node) -> Option<String> {
    let Some(property) = node.property("berth,reserved") else {
        let status = node.string("status") == Some("reserved");
        return status.then(|| "reserved by its status".to_owned());
    };
    let said = property.strings().unwrap_or_default().join(", ");
    Some(match said.as_str() {
        "" => "reserved by the manufacturer".to_owned(),
        _ => said,
    })
}
