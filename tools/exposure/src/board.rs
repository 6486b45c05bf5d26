//! The board's peripherals, and which of them must not be given away.
//!
//! What makes a block dangerous is read off the tree, so that a new board needs no
//! list: generic node names and marker properties of the Devicetree Specification,
//! `chosen/stdout-path`, memory, the processor's private peripherals, and
//! `berth,reserved` where only the manufacturer can know.

use crate::devicetree::{Node, Property};
use crate::problem::{Place, Problem};
use crate::report::Report;

/// The Armv7-M and Armv8-M private peripheral bus: interrupt controller, MPU,
/// SysTick, debug.
const PRIVATE_BUS: (u32, u32) = (0xE000_0000, 0x10_0000);

/// Generic names (Devicetree Specification 2.2.2) of what no container may have.
const NAMES: [(&str, &str); 12] = [
    ("clock-controller", "a clock controller"),
    ("cpu", "the processor"),
    ("debug", "a debug unit"),
    ("dma-controller", "a DMA controller"),
    ("flash", "flash memory"),
    ("flash-controller", "a flash controller"),
    ("interrupt-controller", "an interrupt controller"),
    ("memory", "memory"),
    ("power-controller", "a power controller"),
    ("reset-controller", "a reset controller"),
    ("syscon", "a system controller"),
    ("watchdog", "a watchdog"),
];

/// Properties that say the same whatever the name.
const MARKERS: [(&str, &str); 7] = [
    ("#clock-cells", "a clock controller"),
    ("#dma-cells", "a DMA controller"),
    ("#power-domain-cells", "a power controller"),
    ("#reset-cells", "a reset controller"),
    ("bus-master", "a bus master"),
    ("dma-coherent", "a bus master"),
    ("interrupt-controller", "an interrupt controller"),
];

/// One peripheral.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) node: &'a Node,
    pub(crate) base: u32,
    /// Bytes.
    pub(crate) length: u32,
    /// Why it must not be exposed.
    pub(crate) danger: Option<String>,
}

impl Block<'_> {
    pub(crate) fn overlaps(&self, other: (u32, u32)) -> bool {
        overlap((self.base, self.length), other)
    }
}

/// The peripherals of a board.
pub(crate) struct Board<'a> {
    pub(crate) blocks: Vec<Block<'a>>,
    interrupt_cells: usize,
}

impl<'a> Board<'a> {
    pub(crate) fn of(root: &'a Node) -> Self {
        let mut blocks = Vec::new();
        collect(root, &mut blocks);
        let console = console(root);
        let memory: Vec<_> = blocks
            .iter()
            .filter(|block| kind(block.node) == "memory")
            .map(|block| (block.base, block.length))
            .collect();
        for block in &mut blocks {
            block.danger = danger(block, console.as_deref(), &memory);
        }
        let parent = root.cell("interrupt-parent");
        let controller = root
            .all()
            .into_iter()
            .find(|node| parent.is_some() && node.cell("phandle") == parent);
        let interrupt_cells = controller.and_then(|node| node.cell("#interrupt-cells"));
        Self {
            blocks,
            interrupt_cells: interrupt_cells.unwrap_or(1).max(1) as usize,
        }
    }

    /// The block of the node that a phandle names.
    pub(crate) fn block(&self, phandle: u32) -> Option<&Block<'a>> {
        self.blocks
            .iter()
            .find(|block| block.node.cell("phandle") == Some(phandle))
    }

    /// Names and lines of a block's interrupts.
    pub(crate) fn interrupts(
        &self,
        block: &Block<'a>,
        place: &Place,
        report: &mut Report,
    ) -> Vec<(&'a str, u32)> {
        let property = |name| block.node.property(name);
        let cells = property("interrupts").and_then(Property::cells);
        let names = property("interrupt-names").and_then(Property::strings);
        let (cells, names) = (cells.unwrap_or_default(), names.unwrap_or_default());
        let lines: Vec<_> = cells.chunks(self.interrupt_cells).collect();
        if lines.len() != names.len() {
            let problem = Problem::InterruptNames {
                label: block.node.label().to_owned(),
                interrupts: lines.len(),
                names: names.len(),
            };
            report.add(place, problem);
            return Vec::new();
        }
        names
            .into_iter()
            .zip(lines)
            .filter_map(|(name, line)| Some((name, *line.first()?)))
            .collect()
    }
}

/// Every block that the processor sees at the address in its `reg`: below buses
/// that translate nothing, with one cell for address and length.
fn collect<'a>(node: &'a Node, blocks: &mut Vec<Block<'a>>) {
    let one = |name| node.cell(name) == Some(1);
    if one("#address-cells") && one("#size-cells") {
        for child in &node.children {
            let cells = child.property("reg").and_then(Property::cells);
            for pair in cells.unwrap_or_default().chunks_exact(2) {
                if let [base, length] = *pair {
                    blocks.push(Block {
                        node: child,
                        base,
                        length,
                        danger: None,
                    });
                }
            }
        }
    }
    for child in &node.children {
        // `ranges;` without a value: the child's addresses are the parent's.
        if child
            .property("ranges")
            .is_some_and(|p| p.values.is_empty())
        {
            collect(child, blocks);
        }
    }
}

/// A node's name without its address.
fn kind(node: &Node) -> &str {
    node.name.split('@').next().unwrap_or_default()
}

/// Path of the node that `chosen/stdout-path` names.
fn console(root: &Node) -> Option<String> {
    let chosen = root.children.iter().find(|node| node.name == "chosen")?;
    let path = chosen.string("stdout-path")?;
    // What follows a colon are parameters of the line.
    Some(path.split(':').next().unwrap_or(path).to_owned())
}

fn danger(block: &Block, console: Option<&str>, memory: &[(u32, u32)]) -> Option<String> {
    let node = block.node;
    if let Some(property) = node.property("berth,reserved") {
        let said = property.strings().unwrap_or_default().join(", ");
        return Some(match said.as_str() {
            "" => "reserved by the manufacturer".to_owned(),
            _ => said,
        });
    }
    if console == Some(node.path.as_str()) {
        return Some("the console".to_owned());
    }
    let named = NAMES.iter().find(|(name, _)| *name == kind(node));
    let marked = MARKERS.iter().find(|(name, _)| node.has(name));
    if let Some((_, what)) = named.or(marked) {
        return Some((*what).to_owned());
    }
    if block.overlaps(PRIVATE_BUS) {
        return Some("a part of the processor".to_owned());
    }
    let in_memory = memory.iter().any(|range| block.overlaps(*range));
    in_memory.then(|| "memory".to_owned())
}

fn overlap((a, a_length): (u32, u32), (b, b_length): (u32, u32)) -> bool {
    u64::from(a) < u64::from(b) + u64::from(b_length)
        && u64::from(b) < u64::from(a) + u64::from(a_length)
}
