//! What an element of an SVD file says of itself: name, number, repetition, extent.

use std::iter::successors;

use roxmltree::Node;

use crate::svd_derived::{DERIVED_MAX, parts, source};

/// Bytes of the widest register that there is.
pub(crate) const WIDEST: u64 = 8;

/// A list of indices without the blanks that may stand behind its commas.
pub(crate) fn index(node: Node) -> String {
    let text = node.text().unwrap_or_default();
    text.split_whitespace().collect()
}

pub(crate) fn child<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children().find(|child| child.has_tag_name(name))
}

pub(crate) fn name_of<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    child(node, "name")?.text().map(str::trim)
}

/// A number as SVD files write it.
pub(crate) fn number(node: Node) -> Option<u64> {
    let text = node.text()?.trim().trim_start_matches('+');
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['u', 'l']);
    match (digits.strip_prefix("0x"), digits.strip_prefix('#')) {
        (Some(hexadecimal), _) => u64::from_str_radix(hexadecimal, 16).ok(),
        (_, Some(binary)) => u64::from_str_radix(&binary.replace('x', "0"), 2).ok(),
        _ => digits.parse().ok(),
    }
}

/// Returns how often an element is repeated, and the distance.
pub(crate) fn dim(node: Node) -> (u64, u64) {
    let value = |name| child(node, name).and_then(number);
    match (value("dim"), value("dimIncrement")) {
        (Some(count), Some(step)) => (count.clamp(1, 0x1_0000), step),
        _ => (1, 0),
    }
}

/// Returns how many registers and fields there are in an element, itself included, with what it inherits, all repetitions
/// and a repetition's indices. `fuel` is how many elements may still be looked at; behind it all are too many.
pub(crate) fn count(node: Node, fuel: &mut u64) -> u64 {
    let Some(left) = fuel.checked_sub(1) else {
        return u64::MAX;
    };
    *fuel = left;
    let own = !node.has_tag_name("peripheral");
    let mut inner = u64::from(own);
    for part in parts(node) {
        inner = inner.saturating_add(count(part, fuel));
    }
    // A repetition is inherited, too.
    let times = successors(Some(node), |node| source(*node)).take(DERIVED_MAX);
    let times = times.map(|node| {
        let dim = child(node, "dim").and_then(number).unwrap_or(1);
        dim.max(span(node))
    });
    inner.saturating_mul(times.max().unwrap_or(1).max(1))
}

/// Returns how many indices the first and last of `dimIndex` mean.
fn span(node: Node) -> u64 {
    let text = child(node, "dimIndex").map(index).unwrap_or_default();
    let numbers = text.split_once('-').and_then(|(first, last)| {
        Some(
            last.parse::<u64>()
                .ok()?
                .saturating_sub(first.parse().ok()?),
        )
    });
    numbers.map_or(1, |span| span.saturating_add(1))
}

/// Is it repeated, and nobody can say how often or where?
pub(crate) fn has_odd_dim(node: Node) -> bool {
    let number_of = |name| child(node, name).map(|found| number(found).is_some());
    match (number_of("dim"), number_of("dimIncrement")) {
        (None, None) => false,
        (count, step) => count != Some(true) || step != Some(true),
    }
}

/// Bytes from the base of a peripheral or cluster to the end of its last register, as far as that can be read.
pub(crate) fn end_of(node: Node) -> u64 {
    let ends = parts(node).into_iter().map(|part| {
        let inner = match part.has_tag_name("cluster") {
            true => end_of(part),
            false => WIDEST,
        };
        let offset = child(part, "addressOffset").and_then(number).unwrap_or(0);
        let (count, step) = dim(part);
        let last = step.saturating_mul(count - 1);
        offset.saturating_add(last).saturating_add(inner)
    });
    ends.max().unwrap_or(0)
}

/// Bytes of a peripheral: its own, or up to the end of its last register.
pub(crate) fn extent(node: Node) -> u64 {
    let blocks = node.children().filter(|c| c.has_tag_name("addressBlock"));
    let ends = blocks.filter_map(|block| {
        let value = |name| child(block, name).and_then(number);
        value("offset")?.checked_add(value("size")?)
    });
    ends.max().unwrap_or(0).max(end_of(node))
}

/// The name of a repeated element's `index`th.
pub(crate) fn instance(node: Node, index: usize) -> String {
    let name = name_of(node).unwrap_or_default();
    let list = child(node, "dimIndex").map(self::index).unwrap_or_default();
    let own = list.split(',').nth(index).filter(|_| list.contains(','));
    let own = own.map_or_else(|| index.to_string(), str::to_owned);
    name.replace("[%s]", &own).replace("%s", &own)
}
