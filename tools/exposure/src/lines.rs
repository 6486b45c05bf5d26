//! Which lines of the processor's interrupt controller a node has.
//!
//! Devicetree Specification 2.4: a node's interrupts are those in `interrupts-extended`, each with
//! its own parent, or else those in `interrupts`, whose parent is the nearest `interrupt-parent` up
//! the tree or the nearest node above that takes interrupts. Lines of another controller reach the
//! processor on lines that only its driver knows, and interrupt maps are not followed: both are
//! refused where such an interrupt is exposed.

use crate::devicetree::{Node, Property};

/// Lines of the largest controller (Armv8-M: 480 external interrupts).
const LINES: u32 = 480;
/// Where Armv6-M to Armv8-M have the controller (`NVIC_ISER0`).
const CONTROLLER: u32 = 0xE000_E100;

/// Why an interrupt is none of the processor's lines.
pub(crate) enum NoLine {
    /// It is another controller's.
    Elsewhere(String),
    /// Nobody here knows which one it is.
    Unknown(String),
}

impl NoLine {
    /// The reason in words.
    pub(crate) fn reason(self) -> String {
        let (Self::Elsewhere(reason) | Self::Unknown(reason)) = self;
        reason
    }
}

/// The lines of a node in order, or for each why it is none; one reason where nothing can be read.
pub(crate) fn lines(root: &Node, node: &Node) -> Result<Vec<Result<u32, NoLine>>, String> {
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
            lines.push(number(controller, line));
            rest = after;
        }
        return Ok(lines);
    }
    let Some(property) = node.property("interrupts") else {
        return Ok(Vec::new());
    };
    let cells = property.cells().ok_or("interrupts cannot be read")?;
    // Upwards from the node: its parent is named, or it is the node above.
    let mut at = node;
    let controller = loop {
        let next = match at.property("interrupt-parent") {
            Some(_) => at.cell("interrupt-parent").and_then(by_phandle),
            None => parent(&nodes, at),
        };
        let next = next.ok_or("no node above has an interrupt-parent")?;
        if next.has("#interrupt-cells") {
            break next;
        }
        // A parent that takes no interrupts is asked for its own parent; a circle has none.
        if at.has("interrupt-parent") {
            return Err(format!("{} takes no interrupts", next.label()));
        }
        at = next;
    };
    let width = width(controller)?;
    let entries = cells.chunks_exact(width);
    if !entries.remainder().is_empty() {
        let label = controller.label();
        return Err(format!(
            "interrupts are not whole entries of the {width} cells that {label} asks for"
        ));
    }
    Ok(entries.map(|entry| number(controller, entry)).collect())
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

fn number(controller: &Node, entry: &[u32]) -> Result<u32, NoLine> {
    let label = controller.label();
    if controller.has("interrupt-map") {
        let reason = format!("it goes through the interrupt map of {label}");
        return Err(NoLine::Unknown(reason));
    }
    let reg = controller.property("reg").and_then(Property::cells);
    let nvic = reg.is_some_and(|reg| reg.contains(&CONTROLLER))
        || controller
            .property("compatible")
            .and_then(Property::strings)
            .is_some_and(|words| words.iter().any(|word| word.ends_with("m-nvic")));
    if !nvic {
        return Err(NoLine::Elsewhere(format!(
            "it goes to {label}, which is not the processor's interrupt controller"
        )));
    }
    match entry {
        [line] | [line, _] if *line < LINES => Ok(*line),
        [line] | [line, _] => {
            let reason = format!("the processor has no line {line}");
            Err(NoLine::Elsewhere(reason))
        }
        _ => {
            let reason = format!("{label} has {} #interrupt-cells", entry.len());
            Err(NoLine::Unknown(reason))
        }
    }
}
