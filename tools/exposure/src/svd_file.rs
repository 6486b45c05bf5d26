//! The parts of an SVD file that concern a block.
//!
//! Vendors' files have odd elements somewhere. What nobody exposes is not judged: a block's registers are
//! parsed from a copy of the file that has only the peripherals whose registers may lie in the block, those
//! that they are derived from, and of them nothing but registers and fields. A register of these that makes no
//! sense is left out, if the file at least says where it is: then only what shares its bytes is refused.

use std::fs;
use std::iter::successors;
use std::path::Path;

use roxmltree::{Document, Node};
use svd_parser::ValidateLevel;
use svd_parser::svd::Device;

use crate::address::Range;
use crate::svd::{Peripheral, Skipped, register};
use crate::svd_derived::{missing, parts, source};

/// Elements that say nothing about what an access does.
const UNREAD: [&str; 12] = [
    "addressBlock",
    "alternateGroup",
    "alternatePeripheral",
    "alternateRegister",
    "cpu",
    "description",
    "disableCondition",
    "displayName",
    "enumeratedValues",
    "interrupt",
    "vendorExtensions",
    "writeConstraint",
];

/// Bytes of the widest register that there is.
const WIDEST: u64 = 8;

/// Most registers and fields of the peripherals at a block's addresses: four times as many as a block has words.
const COUNT_MAX: u64 = 0x1_0000;

/// How deep inherited elements inherit.
const INHERITED_MAX: usize = 8;

/// Longest row of peripherals, each derived from the next; a ring has no end.
const DERIVED_MAX: usize = 8;

/// An SVD file.
pub(crate) struct File {
    text: String,
    /// It says of some register that reading it has an effect.
    knows_read_effects: bool,
}

impl File {
    /// Read a file, or say why it cannot be read; what it says is looked at later.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        // Descriptions come in every encoding; names and numbers are ASCII.
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}').to_owned();
        let mut file = Self {
            text,
            knows_read_effects: false,
        };
        let document = file.document()?;
        let peripherals = peripherals(&document).ok_or("it has no peripherals")?;
        // Where it is read, not in a comment or in what a vendor added.
        file.knows_read_effects = says_read_action(peripherals);
        Ok(file)
    }

    fn document(&self) -> Result<Document<'_>, String> {
        let options = roxmltree::ParsingOptions {
            allow_dtd: true,
            ..Default::default()
        };
        Document::parse_with_options(&self.text, options).map_err(|error| error.to_string())
    }

    /// Whether the file says of any register that reading it has an effect.
    pub(crate) fn knows_read_effects(&self) -> bool {
        self.knows_read_effects
    }

    /// The registers that share addresses with a block, or why they are not known; `None` if no peripheral
    /// begins where the block does.
    pub(crate) fn peripheral(&self, block: Range) -> Result<Option<Peripheral>, String> {
        let document = self.document()?;
        let all: Vec<_> = peripherals(&document)
            .map(|node| {
                node.children()
                    .filter(|c| c.has_tag_name("peripheral"))
                    .collect()
            })
            .unwrap_or_default();
        let mut found = false;
        let mut wanted: Vec<Node> = Vec::new();
        let mut inside = Vec::new();
        for node in &all {
            let Some(base) = child(*node, "baseAddress").and_then(number) else {
                continue;
            };
            let instances = dim(*node);
            let extent = self.extent(*node, &all, 0);
            let (count, step) = instances;
            let mut here = (0..count).map(|index| Range {
                base: base.saturating_add(step.saturating_mul(index)),
                length: extent.max(1),
            });
            found |= here.clone().any(|range| range.base == block.base);
            let name = name_of(*node).unwrap_or("a peripheral without a name");
            // Its extent is an estimate from above: what reaches in from before is seen by its registers.
            let begins = |range: &Range| block.base < range.base && range.base < block.end();
            let other = here.clone().filter(begins);
            inside.extend(other.map(|range| (name.to_owned(), range.base)));
            if here.any(|range| range.base == block.base || range.overlaps(block)) {
                wanted.push(*node);
            }
        }
        if !found {
            return Ok(None);
        }
        self.add_sources(&mut wanted, &all);
        let unwanted = all.len() - wanted.len();
        let mut fuel = 4 * COUNT_MAX;
        let count = wanted.iter().fold(0, |all: u64, node| {
            all.saturating_add(count(*node, &mut fuel))
        });
        if count > COUNT_MAX {
            return Err(format!(
                "the peripherals at its addresses have more registers and fields than can be read, {COUNT_MAX} with all their repetitions: correct dim"
            ));
        }
        let (device, odd) = self.parse_without_odd(&document, &wanted)?;
        let mut skipped = Vec::new();
        for (node, reason) in odd {
            skipped.extend(self.places(node, &all, block, &reason)?);
        }
        let mut registers = Vec::new();
        for peripheral in &device.peripherals {
            for info in peripheral.all_registers() {
                let at = peripheral
                    .base_address
                    .saturating_add(info.address_offset.into());
                let size = u64::from(info.properties.size.unwrap_or(32))
                    .div_ceil(8)
                    .max(1);
                let own = peripheral.base_address == block.base;
                let range = Range {
                    base: at,
                    length: size,
                };
                if peripheral.base_address < block.base && range.overlaps(block) {
                    inside.push((peripheral.name.clone(), peripheral.base_address));
                }
                // Of the block's own peripherals all, to say what is wrong with them.
                let offset = at
                    .checked_sub(block.base)
                    .and_then(|o| u32::try_from(o).ok());
                if let Some(offset) = offset.filter(|_| own || range.overlaps(block)) {
                    registers.push(register(info, &peripheral.name, offset));
                }
            }
        }
        registers.sort_by_key(|register| register.offset);
        Ok(Some(Peripheral {
            registers,
            skipped,
            inside,
            unwanted,
        }))
    }

    /// The wanted peripherals, and the registers of theirs that make no sense, which were left out.
    fn parse_without_odd<'a, 'b>(
        &self,
        document: &Document,
        wanted: &[Node<'a, 'b>],
    ) -> Result<(Device, Vec<(Node<'a, 'b>, String)>), String> {
        let all = match parse(&self.without(document, wanted, &[])) {
            Ok(device) => return Ok((device, Vec::new())),
            Err(error) => error,
        };
        let mut registers: Vec<_> = wanted
            .iter()
            .flat_map(|peripheral| peripheral.descendants())
            .filter(|node| node.has_tag_name("register"))
            .collect();
        // What others are derived from comes first.
        registers.sort_by_key(|register| register.has_attribute("derivedFrom"));
        // From none of them to all that make sense, by halves.
        let mut left_out = registers.clone();
        let mut odd = Vec::new();
        let mut groups = vec![registers];
        while let Some(mut group) = groups.pop() {
            let tried: Vec<_> = left_out
                .iter()
                .filter(|node| !group.contains(node))
                .copied()
                .collect();
            match (parse(&self.without(document, wanted, &tried)), &group[..]) {
                (Ok(_), _) => left_out = tried,
                (Err(reason), [only]) => odd.push((*only, reason)),
                (Err(_), []) => return Err(all),
                (Err(_), _) => {
                    let second = group.split_off(group.len() / 2);
                    groups.push(second);
                    groups.push(group);
                }
            }
        }
        let device = parse(&self.without(document, wanted, &left_out)).map_err(|_| all)?;
        Ok((device, odd))
    }

    /// Where in the block a register is that makes no sense.
    fn places(
        &self,
        register: Node,
        all: &[Node],
        block: Range,
        reason: &str,
    ) -> Result<Vec<Skipped>, String> {
        let name = name_of(register).unwrap_or("without a name");
        let nowhere = || format!("nothing says where the register {name} is: {reason}");
        let mut start = 0_u64;
        let mut behind = WIDEST;
        let mut peripheral = None;
        for node in register.ancestors() {
            if node.has_tag_name("register") || node.has_tag_name("cluster") {
                let offset = child(node, "addressOffset")
                    .and_then(number)
                    .ok_or_else(nowhere)?;
                if has_odd_dim(node) {
                    return Err(nowhere());
                }
                let (count, step) = dim(node);
                start = start.saturating_add(offset);
                behind = behind.saturating_add(step.saturating_mul(count - 1));
            } else if node.has_tag_name("peripheral") {
                peripheral = Some(node);
            }
        }
        let peripheral = peripheral.ok_or_else(nowhere)?;
        // Where the peripheral is, and those that are derived from it.
        let here = all.iter().filter(|other| {
            let sources = successors(Some(**other), |node| {
                let from = node.attribute("derivedFrom")?;
                all.iter()
                    .find(|node| name_of(**node) == Some(from))
                    .copied()
            });
            sources.take(DERIVED_MAX).any(|node| node == peripheral)
        });
        let mut places = Vec::new();
        for node in here {
            let Some(base) = child(*node, "baseAddress").and_then(number) else {
                continue;
            };
            let (count, step) = dim(*node);
            for index in 0..count {
                let range = Range {
                    base: base
                        .saturating_add(step.saturating_mul(index))
                        .saturating_add(start),
                    length: behind,
                };
                if range.overlaps(block) {
                    places.push(Skipped {
                        name: name.to_owned(),
                        start: range.base.saturating_sub(block.base),
                        end: range.base.saturating_add(behind).saturating_sub(block.base),
                        reason: reason.to_owned(),
                    });
                }
            }
        }
        Ok(places)
    }

    /// Bytes from the base of a peripheral to the end of its last register, as far as that can be read.
    fn extent(&self, node: Node, all: &[Node], depth: usize) -> u64 {
        let registers = child(node, "registers").map_or(0, end_of);
        let source = node
            .attribute("derivedFrom")
            .filter(|_| depth < DERIVED_MAX);
        let source = source.and_then(|name| all.iter().find(|p| name_of(**p) == Some(name)));
        registers.max(source.map_or(0, |source| self.extent(*source, all, depth + 1)))
    }

    /// Adds the peripherals that wanted ones, or registers in them, are derived from.
    fn add_sources<'a, 'b>(&self, wanted: &mut Vec<Node<'a, 'b>>, all: &[Node<'a, 'b>]) {
        let mut next = 0;
        while let Some(node) = wanted.get(next).copied() {
            next += 1;
            let paths = node
                .descendants()
                .filter_map(|n| n.attribute("derivedFrom"));
            for path in paths {
                let first = path.split('.').next().unwrap_or(path);
                let sources = all.iter().filter(|p| name_of(**p) == Some(first));
                for source in sources {
                    if !wanted.contains(source) {
                        wanted.push(*source);
                    }
                }
            }
        }
    }

    /// The text without peripherals that nobody wants, elements that nobody reads, and the registers `left_out`;
    /// with what derived elements inherit beside parts of their own.
    fn without(&self, document: &Document, wanted: &[Node], left_out: &[Node]) -> String {
        let mut text = String::with_capacity(self.text.len());
        let device = document.root().children();
        if let Some(device) = device.into_iter().find(|n| n.has_tag_name("device")) {
            let keep = |node: &Node| {
                !(UNREAD.contains(&node.tag_name().name())
                    || left_out.contains(node)
                    || (node.parent().is_some_and(|n| n.has_tag_name("peripherals"))
                        && !wanted.contains(node)))
            };
            text.push_str(self.text.get(..device.range().start).unwrap_or_default());
            self.write(device, &keep, &mut text, 0);
        }
        text
    }

    /// Writes an element without those in it that are not kept.
    fn write(&self, node: Node, keep: &dyn Fn(&Node) -> bool, text: &mut String, depth: usize) {
        let inherited = match node.tag_name().name() {
            "registers" | "fields" => node.parent_element().and_then(missing),
            "cluster" => missing(node),
            _ => None,
        };
        if node.has_tag_name("dimIndex") {
            text.push_str(&format!("<dimIndex>{}</dimIndex>", index(node)));
            return;
        }
        let mut from = node.range().start;
        for child in node.children().filter(Node::is_element) {
            text.push_str(self.text.get(from..child.range().start).unwrap_or_default());
            from = child.range().end;
            if keep(&child) {
                self.write(child, keep, text, depth);
            }
            if let Some((last, parts)) = &inherited
                && *last == child
                && depth < INHERITED_MAX
            {
                for part in parts.iter().filter(|part| keep(part)) {
                    self.write(*part, keep, text, depth + 1);
                }
            }
        }
        text.push_str(self.text.get(from..node.range().end).unwrap_or_default());
    }
}

/// A list of indices without the blanks that may stand behind its commas.
fn index(node: Node) -> String {
    let text = node.text().unwrap_or_default();
    text.split_whitespace().collect()
}

/// What the parser makes of a text, or why not, with the causes.
fn parse(text: &str) -> Result<Device, String> {
    let config = svd_parser::Config::default()
        .validate_level(ValidateLevel::Disabled)
        .ignore_enums(true)
        .expand(true)
        .expand_properties(true);
    svd_parser::parse_with_config(text, &config).map_err(|error| format!("{error:#}"))
}

fn peripherals<'a>(document: &'a Document) -> Option<Node<'a, 'a>> {
    let device = document
        .root()
        .children()
        .find(|n| n.has_tag_name("device"))?;
    child(device, "peripherals")
}

/// Whether an element that is read has a `readAction` in it.
fn says_read_action(node: Node) -> bool {
    node.children().any(|child| {
        let name = child.tag_name().name();
        name == "readAction" || (!UNREAD.contains(&name) && says_read_action(child))
    })
}

pub(crate) fn child<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children().find(|child| child.has_tag_name(name))
}

pub(crate) fn name_of<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    child(node, "name")?.text().map(str::trim)
}

/// A number as SVD files write it.
fn number(node: Node) -> Option<u64> {
    let text = node.text()?.trim().trim_start_matches('+');
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['u', 'l']);
    match (digits.strip_prefix("0x"), digits.strip_prefix('#')) {
        (Some(hexadecimal), _) => u64::from_str_radix(hexadecimal, 16).ok(),
        (_, Some(binary)) => u64::from_str_radix(&binary.replace('x', "0"), 2).ok(),
        _ => digits.parse().ok(),
    }
}

/// How often an element is repeated, and the distance.
fn dim(node: Node) -> (u64, u64) {
    let value = |name| child(node, name).and_then(number);
    match (value("dim"), value("dimIncrement")) {
        (Some(count), Some(step)) => (count.clamp(1, 0x1_0000), step),
        _ => (1, 0),
    }
}

/// How many registers and fields there are in an element, itself included, with what it inherits, all repetitions
/// and a repetition's indices. `fuel` is how many elements may still be looked at; behind it all are too many.
fn count(node: Node, fuel: &mut u64) -> u64 {
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

/// How many indices the first and last of `dimIndex` mean.
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
fn has_odd_dim(node: Node) -> bool {
    let number_of = |name| child(node, name).map(|found| number(found).is_some());
    match (number_of("dim"), number_of("dimIncrement")) {
        (None, None) => false,
        (count, step) => count != Some(true) || step != Some(true),
    }
}

/// First offset behind everything in an element.
fn end_of(node: Node) -> u64 {
    let ends = node.children().filter_map(|child| {
        let name = child.tag_name().name();
        let inner = match name {
            "register" => WIDEST,
            "cluster" => end_of(child),
            _ => return None,
        };
        let offset = self::child(child, "addressOffset")
            .and_then(number)
            .unwrap_or(0);
        let (count, step) = dim(child);
        let last = step.saturating_mul(count - 1);
        Some(offset.saturating_add(last).saturating_add(inner))
    });
    ends.max().unwrap_or(0)
}
