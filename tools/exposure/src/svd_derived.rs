//! What elements of an SVD file that are derived from others inherit.
//!
//! CMSIS-SVD, `derivedFrom`: an element has all that the one has which it is derived from; what it says itself
//! replaces what has the same name, or is added. The parser leaves out everything inherited of a peripheral,
//! cluster or register that has registers or fields of its own, so these are put in before it reads the text.

use std::iter::successors;
use std::ops::Range;

use roxmltree::Node;

use crate::svd_element::{child, name_of};

/// Longest row of elements, each derived from the next; a ring has no end.
pub(crate) const DERIVED_MAX: usize = 32;

/// The element inside which another has its parts: `registers`, `fields`, or a cluster itself.
fn holder<'a, 'b>(node: Node<'a, 'b>) -> Option<Node<'a, 'b>> {
    match node.tag_name().name() {
        "peripheral" => child(node, "registers"),
        "register" => child(node, "fields"),
        "cluster" => Some(node),
        _ => None,
    }
}

fn is_part(node: &Node) -> bool {
    ["register", "cluster", "field"].contains(&node.tag_name().name())
}

/// The parts that an element says itself.
pub(crate) fn own<'a, 'b>(node: Node<'a, 'b>) -> Vec<Node<'a, 'b>> {
    let holder = holder(node).into_iter();
    holder
        .flat_map(|holder| holder.children())
        .filter(is_part)
        .collect()
}

/// The first of the elements with a name, except one.
fn named<'a, 'b>(
    elements: impl IntoIterator<Item = Node<'a, 'b>>,
    name: &str,
    except: Node<'a, 'b>,
) -> Option<Node<'a, 'b>> {
    let mut elements = elements.into_iter();
    elements.find(|element| *element != except && name_of(*element) == Some(name))
}

/// The element that one is derived from, if it stands beside it.
fn beside<'a, 'b>(node: Node<'a, 'b>) -> Option<Node<'a, 'b>> {
    let name = node.attribute("derivedFrom")?.trim();
    let found = named(node.parent()?.children(), name, node)?;
    Some(found).filter(|found| found.tag_name() == node.tag_name())
}

/// The element that one is derived from, by its name beside it or its path from the peripherals.
pub(crate) fn source<'a, 'b>(node: Node<'a, 'b>) -> Option<Node<'a, 'b>> {
    if let Some(found) = beside(node) {
        return Some(found);
    }
    let mut words = node.attribute("derivedFrom")?.trim().split('.');
    let all = node.ancestors().find(|n| n.has_tag_name("peripherals"))?;
    let mut found = named(all.children(), words.next()?, node)?;
    for word in words {
        // Only by names: a path through what is derived by a path may have no end.
        let sources = successors(Some(found), |node| beside(*node)).take(DERIVED_MAX + 1);
        found = named(sources.flat_map(own), word, node)?;
    }
    Some(found).filter(|found| found.tag_name() == node.tag_name())
}

/// An element, and those that it is derived from, one from the next.
pub(crate) fn derivations<'a, 'b>(node: Node<'a, 'b>) -> impl Iterator<Item = Node<'a, 'b>> {
    successors(Some(node), |node| source(*node)).take(DERIVED_MAX + 1)
}

/// Returns whether an element is derived over more others than are followed, itself among them or not.
pub(crate) fn is_endless(node: Node) -> bool {
    derivations(node)
        .last()
        .is_some_and(|last| source(last).is_some())
}

/// Returns whether an element has parts of its own, and what it is derived from is not found: the parser might find it, and
/// leave out what is inherited beside them.
pub(crate) fn is_derived_from_nothing(node: Node) -> bool {
    node.has_attribute("derivedFrom") && !own(node).is_empty() && source(node).is_none()
}

/// All parts of an element, inherited ones too.
pub(crate) fn parts<'a, 'b>(node: Node<'a, 'b>) -> Vec<Node<'a, 'b>> {
    parts_at(node, 0)
}

fn parts_at<'a, 'b>(node: Node<'a, 'b>, depth: usize) -> Vec<Node<'a, 'b>> {
    let mut parts = own(node);
    if let Some(source) = source(node).filter(|_| depth < DERIVED_MAX) {
        let new = |part: &Node| parts.iter().all(|own| name_of(*own) != name_of(*part));
        let inherited: Vec<_> = parts_at(source, depth + 1)
            .into_iter()
            .filter(new)
            .collect();
        parts.extend(inherited);
    }
    parts
}

/// The parts that an element with own ones inherits, and the element behind which they belong. The parser
/// inherits what has no own ones.
pub(crate) fn missing<'a, 'b>(node: Node<'a, 'b>) -> Option<(Node<'a, 'b>, Vec<Node<'a, 'b>>)> {
    node.attribute("derivedFrom")?;
    let own = own(node);
    let last = *own.last()?;
    let inherited = parts(node).into_iter().filter(|part| !own.contains(part));
    Some((last, inherited.collect()))
}

/// What an element that is derived from another inherits.
pub(crate) struct Derived<'a, 'b> {
    /// Where its source says from which, in the text.
    pub(crate) attribute: Range<usize>,
    /// What decides what an access does, and it does not say itself.
    pub(crate) properties: Vec<Node<'a, 'b>>,
    /// Its parts, where it has none of its own ([`missing`] has those of others).
    pub(crate) parts: Vec<Node<'a, 'b>>,
    /// The name of the element that they stand in; empty: the element itself.
    pub(crate) holder: &'static str,
}

impl<'a, 'b> Derived<'a, 'b> {
    /// `None`: it is not derived, or from nothing that there is.
    pub(crate) fn of(node: Node<'a, 'b>) -> Option<Self> {
        const POSITIONS: [&str; 3] = ["bitOffset", "bitRange", "lsb"];
        const PROPERTIES: [&str; 7] = [
            "access",
            "dim",
            "dimIncrement",
            "dimIndex",
            "modifiedWriteValues",
            "readAction",
            "size",
        ];
        let holder = match node.tag_name().name() {
            "peripheral" => "registers",
            "register" => "fields",
            "cluster" => "",
            // The parser asks where it is, and would look for its source where it is inherited.
            "field" if POSITIONS.iter().any(|name| child(node, name).is_some()) => "",
            _ => return None,
        };
        source(node)?;
        let names = PROPERTIES.into_iter();
        let names = names.filter(|name| child(node, name).is_none());
        Some(Self {
            attribute: node.attribute_node("derivedFrom")?.range(),
            properties: names
                .filter_map(|name| derivations(node).find_map(|node| child(node, name)))
                .collect(),
            parts: match own(node).is_empty() {
                true => parts(node),
                false => Vec::new(),
            },
            holder,
        })
    }
}
