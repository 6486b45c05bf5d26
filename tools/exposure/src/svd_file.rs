//! The parts of an SVD file that concern a block.
//!
//! Vendors' files have odd elements somewhere. What nobody exposes is not judged: a block's registers are
//! parsed from a copy of the file that has only the peripherals whose registers may lie in the block, those
//! that they are derived from, and of them nothing but registers and fields.

use std::fs;
use std::path::Path;

use roxmltree::{Document, Node};
use svd_parser::ValidateLevel;

use crate::address::Range;
use crate::svd::{Peripheral, register};

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
            if here.any(|range| range.base == block.base || range.overlaps(block)) {
                wanted.push(*node);
            }
        }
        if !found {
            return Ok(None);
        }
        self.add_sources(&mut wanted, &all);
        let text = self.without(&document, &wanted);
        let config = svd_parser::Config::default()
            .validate_level(ValidateLevel::Disabled)
            .ignore_enums(true)
            .expand(true)
            .expand_properties(true);
        // `{:#}`: with the causes.
        let device =
            svd_parser::parse_with_config(&text, &config).map_err(|error| format!("{error:#}"))?;
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
        Ok(Some(Peripheral { registers }))
    }

    /// Bytes from the base of a peripheral to the end of its last register, as far as that can be read.
    fn extent(&self, node: Node, all: &[Node], depth: u32) -> u64 {
        let registers = child(node, "registers").map_or(0, end_of);
        let source = node.attribute("derivedFrom").filter(|_| depth < 8);
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

    /// The text without peripherals that nobody wants and elements that nobody reads.
    fn without(&self, document: &Document, wanted: &[Node]) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut from = 0;
        let Some(device) = document
            .root()
            .children()
            .find(|n| n.has_tag_name("device"))
        else {
            return text;
        };
        let mut open = vec![device];
        let mut cuts = Vec::new();
        while let Some(node) = open.pop() {
            for child in node.children().filter(Node::is_element) {
                let name = child.tag_name().name();
                let cut = UNREAD.contains(&name)
                    || (node.has_tag_name("peripherals") && !wanted.contains(&child));
                if cut {
                    cuts.push(child.range());
                } else {
                    open.push(child);
                }
            }
        }
        cuts.sort_by_key(|cut| cut.start);
        for cut in cuts {
            text.push_str(self.text.get(from..cut.start).unwrap_or_default());
            from = cut.end;
        }
        text.push_str(self.text.get(from..).unwrap_or_default());
        text
    }
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

fn child<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn name_of<'a>(node: Node<'a, 'a>) -> Option<&'a str> {
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

/// First offset behind everything in an element.
fn end_of(node: Node) -> u64 {
    let ends = node.children().filter_map(|child| {
        let name = child.tag_name().name();
        let inner = match name {
            // The largest that there is.
            "register" => 8,
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
