//! What `/chosen` names: the firmware uses it.
//!
//! Devicetree Specification 3.3 and 3.6: a node is named by reference, by path, or by an alias, which may
//! have the rest of a path behind it; what follows a colon are parameters. What should name a node and names
//! none protects nothing, so it is a mistake.

use crate::devicetree::{Node, Value};
use crate::problem::Problem;
use crate::references::targets;
use crate::report::Report;

/// Properties that hold a path or an alias and nothing else.
const PATHS: [&str; 3] = ["stdout-path", "linux,stdout-path", "stdin-path"];

/// Most aliases that one name goes through; a circle has no end.
const ALIASES_MAX: usize = 16;

/// Paths of the nodes that `chosen` names, and what they are.
pub(crate) fn chosen<'a>(root: &'a Node, report: &mut Report) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    let nodes = root.all();
    for chosen in root.children.iter().filter(|node| node.name == "chosen") {
        for property in &chosen.properties {
            let name = property.name.as_str();
            let console = PATHS.contains(&name) || name == "zephyr,console";
            let what = match console {
                true => "the console".to_owned(),
                false => format!("the firmware's (chosen/{name})"),
            };
            let must_name = PATHS.contains(&name);
            let mut named: Vec<&Node> = Vec::new();
            let mut lost = Vec::new();
            for value in &property.values {
                match value {
                    Value::Text(text) => match path_of(root, text) {
                        Some(path) => {
                            let before = named.len();
                            named.extend(nodes.iter().copied().filter(|node| node.is_at(&path)));
                            if named.len() == before {
                                lost.push(format!("\"{text}\""));
                            }
                        }
                        None if must_name => lost.push(format!("\"{text}\"")),
                        // Words for the firmware, such as arguments.
                        None => {}
                    },
                    Value::Bytes(bytes) => {
                        let (cells, _) = bytes.as_chunks::<4>();
                        for cell in cells {
                            let cell = u32::from_be_bytes(*cell);
                            let is = |node: &&Node| node.cell("phandle") == Some(cell);
                            named.extend(nodes.iter().copied().filter(is));
                        }
                        for path in value.texts().filter_map(|text| path_of(root, text)) {
                            named.extend(nodes.iter().copied().filter(|node| node.is_at(&path)));
                        }
                    }
                    Value::Other => lost.push("a value of another form".to_owned()),
                }
            }
            if must_name && named.is_empty() && lost.is_empty() {
                lost.push("its value".to_owned());
            }
            for text in lost {
                let name = name.to_owned();
                report.add(&property.place, Problem::Chosen { name, text });
            }
            found.extend(named.iter().map(|node| (node.path.as_str(), what.clone())));
        }
        for below in chosen
            .all()
            .into_iter()
            .filter(|node| chosen.is_above(node))
        {
            let what = format!("the firmware's ({})", below.path.trim_start_matches('/'));
            let named = targets(&nodes, below).into_iter();
            found.extend(named.map(|node| (node.path.as_str(), what.clone())));
        }
    }
    found
}

/// The path that a text means, if it is a path or begins with an alias.
pub(crate) fn path_of(root: &Node, text: &str) -> Option<String> {
    let aliases = root.children.iter().find(|node| node.name == "aliases");
    let mut path = text.split(':').next().unwrap_or(text).to_owned();
    for _ in 0..ALIASES_MAX {
        if path.starts_with('/') {
            break;
        }
        let (first, rest) = match path.split_once('/') {
            Some((first, rest)) => (first, format!("/{rest}")),
            None => (path.as_str(), String::new()),
        };
        let target = aliases?.string(first)?;
        let target = target.split(':').next().unwrap_or(target);
        path = format!("{}{rest}", target.trim_end_matches('/'));
    }
    // A circle of aliases is left as it is: no node has such a path.
    let short = path.trim_end_matches('/');
    Some(if short.is_empty() { "/" } else { short }.to_owned())
}
