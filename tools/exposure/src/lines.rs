//! Which lines of the processor's interrupt controller a node has.
//!
//! Devicetree Specification 2.4: a node's interrupts are those in `interrupts-extended`, each with
//! its own parent, or else those in `interrupts`, whose parent is the nearest `interrupt-parent` up
//! the tree or the nearest node above that takes interrupts. Only lines of the processor's own controller
//! are exposed. What the firmware has is followed further ([`reached`]): through interrupt maps (2.4.3), and
//! through other controllers to the lines that these have.

use std::collections::BTreeSet;

use crate::devicetree::{Node, Property};

/// Lines of the largest controller (Armv8-M: 480 external interrupts).
const LINES: u32 = 480;
/// Where Armv6-M to Armv8-M have the controller (`NVIC_ISER0`).
const CONTROLLER: u32 = 0xE000_E100;

/// Most maps and controllers that one interrupt goes through; a circle has no end.
const STEPS_MAX: usize = 16;

/// The lines of a node in order, or for each why it is none; one reason where nothing can be read.
pub(crate) fn lines(root: &Node, node: &Node) -> Result<Vec<Result<u32, String>>, String> {
    let specifiers = specifiers(root, node)?;
    if let Some((controller, entry)) = specifiers
        .iter()
        .find(|(controller, entry)| is_nvic(controller) && entry.len() > 2)
    {
        return Err(format!(
            "{} has {} #interrupt-cells, and the processor's controller has a line and at most a priority",
            controller.label(),
            entry.len()
        ));
    }
    let specifiers = specifiers.iter();
    Ok(specifiers
        .map(|(controller, entry)| number(controller, entry))
        .collect())
}

/// Every line of the processor that a node's interrupts can arrive on, or why that cannot be told.
pub(crate) fn reached(root: &Node, node: &Node) -> Result<BTreeSet<u32>, String> {
    let mut reached = Reached::default();
    follow(root, node, &mut reached, 0)?;
    Ok(reached.lines)
}

/// Where interrupts have arrived so far.
#[derive(Default)]
struct Reached<'a> {
    lines: BTreeSet<u32>,
    /// Node, controller and cells of those that were followed to their end: many rows of maps may lead to one.
    followed: BTreeSet<(&'a str, &'a str, Vec<u32>)>,
}

/// Adds the lines of all interrupts of `node`.
fn follow<'a>(
    root: &'a Node,
    node: &'a Node,
    reached: &mut Reached<'a>,
    steps: usize,
) -> Result<(), String> {
    for (controller, entry) in specifiers(root, node)? {
        arrive(root, node, controller, &entry, reached, steps)?;
    }
    Ok(())
}

/// Adds the lines that one interrupt of `node`, as `controller` has it, arrives on.
fn arrive<'a>(
    root: &'a Node,
    node: &'a Node,
    controller: &'a Node,
    entry: &[u32],
    reached: &mut Reached<'a>,
    steps: usize,
) -> Result<(), String> {
    let key = (node.path.as_str(), controller.path.as_str(), entry.to_vec());
    if reached.followed.contains(&key) {
        return Ok(());
    }
    further(root, node, controller, entry, reached, steps)?;
    reached.followed.insert(key);
    Ok(())
}

/// Adds the lines of one interrupt that was not followed yet.
fn further<'a>(
    root: &'a Node,
    node: &'a Node,
    controller: &'a Node,
    entry: &[u32],
    reached: &mut Reached<'a>,
    steps: usize,
) -> Result<(), String> {
    let label = controller.label();
    if steps > STEPS_MAX {
        return Err(format!("the interrupts of {label} go round in a circle"));
    }
    if let Some(map) = controller.property("interrupt-map") {
        let cells = map.cells();
        let cells = cells.ok_or_else(|| format!("the interrupt-map of {label} cannot be read"))?;
        for (parent, entry) in mapped(root, node, controller, entry, &cells)? {
            arrive(root, controller, parent, &entry, reached, steps + 1)?;
        }
        return Ok(());
    }
    if is_nvic(controller) {
        reached.lines.insert(number(controller, entry)?);
        return Ok(());
    }
    // Another controller has lines of its own, and any may be meant.
    if !controller.has("interrupts") && !controller.has("interrupts-extended") {
        return Err(format!("{label} has no interrupts of its own to arrive on"));
    }
    follow(root, controller, reached, steps + 1)
}

/// The rows of an interrupt map that an interrupt matches: parent, and the interrupt as the parent has it.
fn mapped<'a>(
    root: &'a Node,
    node: &Node,
    nexus: &Node,
    entry: &[u32],
    cells: &[u32],
) -> Result<Vec<(&'a Node, Vec<u32>)>, String> {
    let label = nexus.label();
    let short = || format!("the interrupt-map of {label} has no whole rows");
    let address = nexus.cell("#address-cells");
    let address = address.ok_or_else(|| format!("{label} has no #address-cells"))?;
    // No row is shorter than what it is compared with.
    let address = usize::try_from(address).ok();
    let address = address.filter(|address| *address <= cells.len());
    let address = address.ok_or_else(short)?;
    let mut child = match node.property("reg").and_then(Property::cells) {
        _ if address == 0 => Vec::new(),
        Some(reg) => reg.get(..address).map(<[u32]>::to_vec).unwrap_or_default(),
        None => Vec::new(),
    };
    let known = child.len() == address;
    child.resize(address, 0);
    child.extend_from_slice(entry);
    let mask = match nexus.property("interrupt-map-mask") {
        Some(mask) => mask.cells().filter(|mask| mask.len() <= child.len()),
        None => Some(Vec::new()),
    };
    let mut mask =
        mask.ok_or_else(|| format!("the interrupt-map-mask of {label} cannot be read"))?;
    // Cells that the mask does not have are compared.
    mask.resize(child.len(), u32::MAX);
    let mut rows = Vec::new();
    let mut rest = cells;
    while !rest.is_empty() {
        let (from, after) = rest.split_at_checked(child.len()).ok_or_else(short)?;
        let (phandle, after) = after.split_first().ok_or_else(short)?;
        let parent = by_phandle(root, *phandle)
            .ok_or_else(|| format!("the interrupt-map of {label} refers to no node"))?;
        let skipped = parent.cell("#address-cells").unwrap_or(0) as usize;
        let (_, after) = after.split_at_checked(skipped).ok_or_else(short)?;
        let (to, after) = after.split_at_checked(width(parent)?).ok_or_else(short)?;
        let matches = child.iter().zip(from).zip(&mask).enumerate();
        let matches = matches.into_iter().all(|(at, ((child, from), mask))| {
            // An address that is not known may be any.
            (!known && at < address) || child & mask == from & mask
        });
        if matches {
            rows.push((parent, to.to_vec()));
        }
        rest = after;
    }
    if rows.is_empty() {
        return Err(format!("the interrupt-map of {label} has no row for it"));
    }
    Ok(rows)
}

fn by_phandle(root: &Node, phandle: u32) -> Option<&Node> {
    let mut nodes = root.all().into_iter();
    nodes.find(|node| node.cell("phandle") == Some(phandle))
}

/// The interrupts of a node: the controller of each, and its cells.
fn specifiers<'a>(root: &'a Node, node: &'a Node) -> Result<Vec<(&'a Node, Vec<u32>)>, String> {
    let nodes = root.all();
    let by_phandle = |phandle: u32| {
        let mut nodes = nodes.iter().copied();
        nodes.find(|node| node.cell("phandle") == Some(phandle))
    };
    if let Some(property) = node.property("interrupts-extended") {
        let cells = property
            .cells()
            .ok_or("interrupts-extended cannot be read")?;
        let mut rest = cells.as_slice();
        let mut lines = Vec::new();
        while let Some((phandle, after)) = rest.split_first() {
            let controller = by_phandle(*phandle)
                .ok_or_else(|| format!("interrupts-extended refers to no node ({phandle:#x})"))?;
            let width = width(controller)?;
            let (line, after) = after
                .split_at_checked(width)
                .ok_or("the last entry of interrupts-extended is too short")?;
            lines.push((controller, line.to_vec()));
            rest = after;
        }
        return Ok(lines);
    }
    let Some(property) = node.property("interrupts") else {
        return Ok(Vec::new());
    };
    let cells = property.cells().ok_or("interrupts cannot be read")?;
    let controller = controller(&nodes, node)?;
    let width = width(controller)?;
    let entries = cells.chunks_exact(width);
    if !entries.remainder().is_empty() {
        let label = controller.label();
        return Err(format!(
            "interrupts are not whole entries of the {width} cells that {label} asks for"
        ));
    }
    Ok(entries.map(|entry| (controller, entry.to_vec())).collect())
}

/// The controller that the `interrupts` of a node go to. `nodes` are all that there are.
pub(crate) fn controller<'a>(nodes: &[&'a Node], node: &'a Node) -> Result<&'a Node, String> {
    let by_phandle = |phandle: u32| {
        let mut nodes = nodes.iter().copied();
        nodes.find(|node| node.cell("phandle") == Some(phandle))
    };
    // Upwards from the node: its parent is named, or it is the node above.
    let mut at = node;
    loop {
        let next = match at.property("interrupt-parent") {
            Some(_) => {
                let named = at.cell("interrupt-parent").and_then(by_phandle);
                let label = at.label();
                Some(named.ok_or_else(|| format!("the interrupt-parent of {label} is no node"))?)
            }
            None => parent(nodes, at),
        };
        let next = next.ok_or("no node above has an interrupt-parent")?;
        if next.has("#interrupt-cells") {
            return Ok(next);
        }
        // A parent that takes no interrupts is asked for its own parent; a circle has none.
        if at.has("interrupt-parent") {
            return Err(format!("{} takes no interrupts", next.label()));
        }
        at = next;
    }
}

/// The node above.
fn parent<'a>(nodes: &[&'a Node], node: &Node) -> Option<&'a Node> {
    let above = nodes.iter().copied().filter(|other| other.is_above(node));
    above.max_by_key(|node| node.path.len())
}

fn width(controller: &Node) -> Result<usize, String> {
    let cells = controller
        .cell("#interrupt-cells")
        .filter(|cells| *cells > 0);
    let label = controller.label();
    let cells = cells.ok_or_else(|| format!("{label} has no #interrupt-cells"))?;
    usize::try_from(cells).map_err(|_| format!("{label} has too many #interrupt-cells"))
}

fn number(controller: &Node, entry: &[u32]) -> Result<u32, String> {
    let label = controller.label();
    if controller.has("interrupt-map") {
        return Err(format!("it goes through the interrupt map of {label}"));
    }
    if !is_nvic(controller) {
        return Err(format!(
            "it goes to {label}, which is not the processor's interrupt controller"
        ));
    }
    match entry {
        [line] | [line, _] if *line < LINES => Ok(*line),
        [line] | [line, _] => Err(format!("the processor has no line {line}")),
        _ => Err(format!("{label} has {} #interrupt-cells", entry.len())),
    }
}

/// Returns whether it is the processor's own controller.
fn is_nvic(controller: &Node) -> bool {
    let reg = controller.property("reg").and_then(Property::cells);
    reg.is_some_and(|reg| reg.contains(&CONTROLLER))
        || controller
            .property("compatible")
            .and_then(Property::strings)
            .is_some_and(|words| words.iter().any(|word| word.ends_with("m-nvic")))
}
