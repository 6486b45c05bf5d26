//! What an element of an SVD file says of itself: name, number, repetition, extent.

use roxmltree::Node;

use crate::svd::shown;
use crate::svd_derived::{derivations, parts};

/// Bytes of a register of which nothing says how wide it is, at most.
const WIDEST: u64 = 8;

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

/// The name of an element as it is told.
pub(crate) fn called(node: Node) -> String {
    shown(name_of(node).unwrap_or("without a name"))
}

/// A number as SVD files write it: the schema's, with a factor behind it or not, and binary in two ways.
pub(crate) fn number(node: Node) -> Option<u64> {
    // Comments may stand around it, and not in it.
    let texts = node
        .children()
        .filter_map(|child| child.text().filter(|_| child.is_text()));
    let mut texts = texts.map(str::trim).filter(|text| !text.is_empty());
    let text = texts.next()?.trim_start_matches('+');
    if texts.next().is_some() {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['u', 'l']);
    if let Some(hexadecimal) = digits.strip_prefix("0x") {
        return u64::from_str_radix(hexadecimal, 16).ok();
    }
    let binary = digits.strip_prefix('#').or(digits.strip_prefix("0b"));
    if let Some(binary) = binary {
        return u64::from_str_radix(&binary.replace('x', "0"), 2).ok();
    }
    let factors = [('k', 10), ('m', 20), ('g', 30), ('t', 40)];
    let scaled = factors.iter().find_map(|(letter, shift)| {
        let digits = digits.strip_suffix(*letter)?;
        digits.parse::<u64>().ok()?.checked_mul(1 << shift)
    });
    scaled.or_else(|| digits.parse().ok())
}

/// A number of an element, or of the nearest of those that it is derived from that has one. `None`: none of them has; an error: it
/// cannot be read.
fn inherited(node: Node, name: &str) -> Option<Result<u64, ()>> {
    let found = derivations(node).find_map(|node| child(node, name))?;
    Some(number(found).ok_or(()))
}

/// Returns how often an element is repeated, and the distance: what it inherits, too.
pub(crate) fn dim(node: Node) -> (u64, u64) {
    let value = |name| inherited(node, name)?.ok();
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
    let times = derivations(node).map(|node| {
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
    match (inherited(node, "dim"), inherited(node, "dimIncrement")) {
        (None, None) => false,
        (count, step) => !matches!((count, step), (Some(Ok(_)), Some(Ok(_)))),
    }
}

/// Bytes that a register has at most: the most of what it says itself and what it inherits, from above or from others.
pub(crate) fn width_of(register: Node) -> u64 {
    let sizes = register
        .ancestors()
        .filter_map(|node| inherited(node, "size"))
        .map(|size| size.map_or(WIDEST, |bits| bits.div_ceil(8)));
    sizes.fold(WIDEST, u64::max)
}

/// Bytes from the base of a peripheral or cluster to the end of its last register: all where that cannot be read.
pub(crate) fn end_of(node: Node) -> u64 {
    let ends = parts(node).into_iter().map(|part| {
        let inner = match part.has_tag_name("cluster") {
            true => end_of(part),
            false => width_of(part),
        };
        let offset = match inherited(part, "addressOffset") {
            Some(Ok(offset)) => offset,
            Some(Err(())) => return u64::MAX,
            None => 0,
        };
        if has_odd_dim(part) {
            return u64::MAX;
        }
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
    let end = Some(end_of(node)).filter(|end| *end != u64::MAX);
    ends.max().max(end).unwrap_or(0)
}

/// The name of a repeated element's `index`th.
pub(crate) fn instance(node: Node, index: usize) -> String {
    let name = shown(name_of(node).unwrap_or_default());
    let list = child(node, "dimIndex").map(self::index).unwrap_or_default();
    let own = list.split(',').nth(index).filter(|_| list.contains(','));
    let own = own.map_or_else(|| index.to_string(), str::to_owned);
    name.replace("[%s]", &own).replace("%s", &own)
}
