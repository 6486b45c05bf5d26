//! A devicetree with the source line of everything in it.
//!
//! `dtc` reads the source (includes, labels, references, overriding) and prints one
//! tree, one property a line, each with the place it came from ([`Printed`](crate::Printed)). That print is
//! simple enough to read here; it holds values, labels and places at once, so they
//! cannot disagree.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::problem::Place;
use crate::text::{Scanner, number};

/// The property by which others refer to a node, and its name of old.
const PHANDLE: &str = "phandle";
const OLD_PHANDLE: &str = "linux,phandle";

/// One part of a property's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// Cells, of whatever width, or bytes: as they stand in a devicetree's memory.
    Bytes(Vec<u8>),
    /// Anything else; nothing here reads it.
    Other,
}

impl Value {
    /// The strings in it. Of bytes only those that are paths: many a number looks like a short word.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let (text, bytes) = match self {
            Self::Text(text) => (Some(text.as_str()), &[][..]),
            Self::Bytes(bytes) => (None, bytes.as_slice()),
            Self::Other => (None, &[][..]),
        };
        let parts = bytes.split(|byte| *byte == 0).map(str::from_utf8);
        let is_path = |text: &&str| text.len() > 1 && text.starts_with('/');
        let parts = parts.flatten().filter(is_path);
        text.into_iter().chain(parts)
    }
}

/// One property.
#[derive(Clone, Debug)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) values: Vec<Value>,
    pub(crate) place: Place,
    /// Line in which the value ends.
    last_line: u32,
    /// The phandles that the source refers to by a label or a path in cells ([`refer`]).
    pub(crate) references: Vec<u32>,
}

impl Property {
    /// All that a driver which asks for strings would find: those that are written as such, and bytes that are [some](Value::texts).
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.values.iter().flat_map(Value::texts)
    }

    /// The value if it is strings and nothing else, at least one.
    pub(crate) fn strings(&self) -> Option<Vec<&str>> {
        let strings: Option<Vec<_>> = self
            .values
            .iter()
            .map(|value| match value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        strings.filter(|strings| !strings.is_empty())
    }

    /// The value if it is cells of 32 bits and nothing else, at least one.
    pub(crate) fn cells(&self) -> Option<Vec<u32>> {
        let mut bytes = Vec::new();
        for value in &self.values {
            match value {
                Value::Bytes(part) => bytes.extend_from_slice(part),
                _ => return None,
            }
        }
        let (cells, rest) = bytes.as_chunks::<4>();
        let cells: Vec<_> = cells.iter().map(|cell| u32::from_be_bytes(*cell)).collect();
        Some(cells).filter(|cells| !cells.is_empty() && rest.is_empty())
    }

    /// Where the string `text` of this value stands: a list may take several lines.
    pub(crate) fn place_of(&self, text: &str) -> Place {
        let mut place = self.place.clone();
        if let Ok(source) = fs::read_to_string(&place.file) {
            let quoted = format!("\"{text}\"");
            let found = (1..)
                .zip(source.lines())
                .skip_while(|(line, _)| *line < self.place.line)
                .take_while(|(line, _)| *line <= self.last_line)
                .find(|(_, content)| content.contains(&quoted));
            if let Some((line, _)) = found {
                place.line = line;
            }
        }
        place
    }
}

/// One node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) labels: Vec<String>,
    pub(crate) properties: Vec<Property>,
    pub(crate) children: Vec<Node>,
    pub(crate) place: Place,
}

impl Node {
    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        self.properties
            .iter()
            .find(|property| property.name == name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.property(name).is_some()
    }

    /// The only cell of a property.
    pub(crate) fn cell(&self, name: &str) -> Option<u32> {
        match self.property(name)?.cells()?.as_slice() {
            [cell] => Some(*cell),
            _ => None,
        }
    }

    /// The only string of a property.
    pub(crate) fn string(&self, name: &str) -> Option<&str> {
        match self.property(name)?.strings()?.as_slice() {
            [text] => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_compatible(&self, with: &str) -> bool {
        self.property("compatible")
            .and_then(Property::strings)
            .is_some_and(|strings| strings.contains(&with))
    }

    /// Its name without the address.
    pub(crate) fn kind(&self) -> &str {
        self.name.split('@').next().unwrap_or_default()
    }

    /// Returns whether its `status` says that it is in use (Devicetree Specification 2.3.4).
    pub(crate) fn is_enabled(&self) -> bool {
        !self.has("status") || matches!(self.string("status"), Some("okay" | "ok"))
    }

    /// Takes the phandle that a source of old states by another name, where there is none (Devicetree Specification 2.3.3).
    fn take_old_phandle(&mut self) {
        if let Some(old) = self.property(OLD_PHANDLE).filter(|_| !self.has(PHANDLE)) {
            let name = PHANDLE.to_owned();
            let phandle = Property {
                name,
                ..old.clone()
            };
            self.properties.push(phandle);
        }
    }

    /// The phandle that the source itself gives to it: dtc made none.
    pub(crate) fn stated_phandle(&self) -> Option<u32> {
        let property = self.property(PHANDLE)?;
        let made = property.place.line == 0;
        self.cell(PHANDLE).filter(|_| !made)
    }

    /// Returns whether `other` is a child, a child's child, and so on.
    pub(crate) fn is_above(&self, other: &Self) -> bool {
        let rest = other.path.strip_prefix(self.path.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
    }

    /// Returns whether `path` names it; addresses may be left out (Devicetree Specification 2.2.3).
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let (own, named) = (self.path.split('/'), path.split('/'));
        own.clone().count() == named.clone().count()
            && own.zip(named).all(|(own, named)| {
                own == named || (!named.contains('@') && own.split('@').next() == Some(named))
            })
    }

    /// The name containers know it by: the first label, else the path.
    pub(crate) fn label(&self) -> &str {
        self.labels.first().unwrap_or(&self.path)
    }

    /// This node and all below it.
    pub(crate) fn all(&self) -> Vec<&Node> {
        let mut nodes = vec![self];
        for child in &self.children {
            nodes.extend(child.all());
        }
        nodes
    }
}

/// Notes the references of a tree, of which `other` is the print with other phandles.
pub(crate) fn refer(tree: &mut Node, other: &Node) {
    let own_phandles = [PHANDLE, OLD_PHANDLE];
    for property in &mut tree.properties {
        let Some(other) = other.property(&property.name) else {
            continue;
        };
        if own_phandles.contains(&property.name.as_str()) {
            continue;
        }
        for values in property.values.iter().zip(&other.values) {
            let (Value::Bytes(here), Value::Bytes(there)) = values else {
                continue;
            };
            let cells = here.as_chunks::<4>().0.iter().zip(there.as_chunks::<4>().0);
            let differ = cells.filter(|(here, there)| here != there);
            let phandles = differ.map(|(here, _)| u32::from_be_bytes(*here));
            property.references.extend(phandles);
        }
    }
    for node in &mut tree.children {
        let mut others = other.children.iter();
        if let Some(other) = others.find(|other| other.name == node.name) {
            refer(node, other);
        }
    }
}

/// The root of dtc's print, or the line that could not be read.
pub(crate) fn parse(printed: &str) -> Result<Node, String> {
    let mut open: Vec<Node> = Vec::new();
    for line in printed.lines() {
        let wrong = || line.to_owned();
        let text = line.trim();
        if text.is_empty() || text.starts_with("/dts-v1/") || text.starts_with("/memreserve/") {
            continue;
        }
        if text.starts_with("};") {
            let mut node = open.pop().ok_or_else(wrong)?;
            node.take_old_phandle();
            match open.last_mut() {
                Some(parent) => parent.children.push(node),
                None => return Ok(node),
            }
            continue;
        }
        let mut scanner = Scanner::new(text);
        let mut labels = Vec::new();
        let mut name = scanner.word();
        while let Some(label) = name.strip_suffix(':') {
            labels.push(label.to_owned());
            name = scanner.word();
        }
        // dtc prints first what was added last: the order means nothing.
        labels.sort();
        if scanner.take("{") {
            let (place, _) = places(scanner.rest()).unwrap_or_else(unplaced);
            let path = match open.last() {
                None => "/".to_owned(),
                Some(parent) => format!("{}/{name}", parent.path.trim_end_matches('/')),
            };
            open.push(Node {
                name: name.to_owned(),
                path,
                labels,
                properties: Vec::new(),
                children: Vec::new(),
                place,
            });
            continue;
        }
        let values = if scanner.take("=") {
            scanner.values().ok_or_else(wrong)?
        } else {
            Vec::new()
        };
        let node = open.last_mut().ok_or_else(wrong)?;
        // Properties that dtc made (phandles) have no place.
        let (place, last_line) = places(scanner.rest()).unwrap_or_else(unplaced);
        node.properties.push(Property {
            name: name.trim_end_matches(';').to_owned(),
            values,
            place,
            last_line,
            references: Vec::new(),
        });
    }
    Err(String::from("the tree does not end"))
}

fn unplaced() -> (Place, u32) {
    let file = PathBuf::from("dtc");
    (Place { file, line: 0 }, 0)
}

/// From `… /* FILE:LINE:COLUMN-LINE:COLUMN[, …] */`: the last place, which is the
/// one that overrode the others, and its last line.
fn places(text: &str) -> Option<(Place, u32)> {
    let (_, comment) = text.split_once("/*")?;
    let all = comment.trim_end().strip_suffix("*/")?.trim();
    let (start, end) = all.rsplit_once('-')?;
    let mut start = start.rsplitn(3, ':');
    let _column = start.next()?;
    let line = number(start.next()?)?;
    let before = start.next()?;
    // A comma alone separates nothing: file names have commas.
    let separators = before.match_indices(", ");
    let file = separators
        .filter(|(at, _)| before.get(..*at).is_some_and(ends_as_place))
        .last()
        .and_then(|(at, separator)| before.get(at + separator.len()..))
        .unwrap_or(before);
    let last_line = number(end.split(':').next()?)?;
    let line = u32::try_from(line).ok()?;
    let file = clean(file);
    Some((Place { file, line }, u32::try_from(last_line).ok()?))
}

/// Returns whether a text ends in `:LINE:COLUMN-LINE:COLUMN`.
fn ends_as_place(text: &str) -> bool {
    let mut parts = text.rsplitn(4, ':');
    let [last, middle, first] = [parts.next(), parts.next(), parts.next()];
    let is_number = |part: Option<&str>| part.is_some_and(|part| number(part).is_some());
    let middle = middle.and_then(|middle| middle.split_once('-'));
    let middle =
        middle.is_some_and(|(column, line)| is_number(Some(column)) && is_number(Some(line)));
    parts.next().is_some() && is_number(last) && middle && is_number(first)
}

/// Without `x/..`, which dtc leaves in the names of included files.
pub(crate) fn clean(file: &str) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in Path::new(file).components() {
        let climbs = matches!(clean.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::ParentDir if climbs => {
                clean.pop();
            }
            Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean
}
