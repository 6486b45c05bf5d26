//! Which nodes a node refers to, in whatever way its source says so.

use std::collections::HashSet;

use crate::chosen::path_of;
use crate::devicetree::{Node, Property, Value};
use crate::lines::controller;

/// The nodes that a node refers to: by its properties, and the controller that its interrupts go to, which a node above may name.
/// `nodes` are all that there are, the root first.
pub(crate) fn targets<'a>(nodes: &[&'a Node], user: &'a Node) -> Vec<&'a Node> {
    // For what is below: a node itself may have no interrupts.
    let own = |property: &&Property| property.name != "interrupt-parent";
    let properties: Vec<_> = user.properties.iter().filter(own).collect();
    let mut found = named(nodes, &properties);
    if user.has("interrupts") && !user.has("interrupts-extended") {
        // What cannot be found is told where its lines are asked for.
        found.extend(controller(nodes, user).ok());
    }
    found
}

/// The nodes that properties refer to. `nodes` are all that there are, the root first.
pub(crate) fn named<'a>(nodes: &[&'a Node], properties: &[&Property]) -> Vec<&'a Node> {
    let referred: HashSet<u32> = properties
        .iter()
        .flat_map(|property| property.references.iter().copied())
        .collect();
    // By path or alias, addresses in it or not, with parameters behind it or not.
    let root = nodes.first().copied();
    let paths: HashSet<String> = properties
        .iter()
        .flat_map(|property| property.texts())
        .filter_map(|text| path_of(root?, text))
        .collect();
    let named = |node: &&'a Node| {
        node.cell("phandle")
            .is_some_and(|phandle| referred.contains(&phandle))
            || paths.iter().any(|path| node.is_at(path))
            || node
                .stated_phandle()
                .is_some_and(|stated| properties.iter().any(|p| may_name(p, stated)))
    };
    nodes.iter().copied().filter(named).collect()
}

/// Whether a property may refer to the node to which the source itself gave this phandle. A reference to it looks as
/// any number does, so only the numbers that are known to be numbers are none.
fn may_name(property: &Property, phandle: u32) -> bool {
    const NUMBERS: [&str; 8] = [
        "reg",
        "ranges",
        "dma-ranges",
        "interrupts",
        "clock-frequency",
        "current-speed",
        "phandle",
        "linux,phandle",
    ];
    let name = property.name.as_str();
    let numbers = NUMBERS.contains(&name) || name.starts_with('#');
    !numbers
        && property.values.iter().any(|value| match value {
            Value::Bytes(bytes) => bytes.as_chunks().0.contains(&phandle.to_be_bytes()),
            _ => false,
        })
}
