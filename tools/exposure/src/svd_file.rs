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
use crate::nesting::nesting;
use crate::svd::{Peripheral, Skipped, register, shown};
use crate::svd_derived::{
    DERIVED_MAX, Derived, derivations, is_derived_from_nothing, is_endless, missing, own,
};
use crate::svd_element::{
    called, child, count, dim, end_of, extent, has_odd_dim, index, instance, name_of, number,
    width_of,
};
use crate::unpanicked::unpanicked;

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

/// Elements that decide what an access does, of which the schema has one at most in another: what a second one says would
/// not be read.
const SINGLE: [&str; 16] = [
    "access",
    "addressOffset",
    "baseAddress",
    "bitOffset",
    "bitRange",
    "bitWidth",
    "dim",
    "dimIncrement",
    "fields",
    "lsb",
    "modifiedWriteValues",
    "msb",
    "peripherals",
    "readAction",
    "registers",
    "size",
];

/// Most registers and fields of the peripherals at a block's addresses: four times as many as a block has words.
const COUNT_MAX: u64 = 0x1_0000;

/// Bytes of the widest register whose bits are looked at.
const WIDEST_READ: u64 = 256;

/// How deep elements may be in others: they are read by functions that call themselves.
const NESTED_MAX: usize = 100;

/// How deep inherited elements inherit.
const INHERITED_MAX: usize = 8;

/// Where a peripheral is, as an SVD file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its name.
    pub name: String,
    /// Its first address.
    pub base: u64,
    /// Bytes that are its own, or up to the end of its last register; 0 if the file tells neither.
    pub length: u64,
}

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
        if nesting(&text) > NESTED_MAX {
            return Err(format!(
                "its elements are nested more than {NESTED_MAX} deep"
            ));
        }
        let mut file = Self {
            text,
            knows_read_effects: false,
        };
        let document = file.document()?;
        let peripherals = peripherals(&document).ok_or("it has no peripherals")?;
        let device = peripherals.parent_element().ok_or("it has no device")?;
        if let Some(repeated) = repeated(device) {
            return Err(repeated);
        }
        let unit = child(device, "addressUnitBits");
        if let Some(bits) = unit.and_then(|unit| unit.text())
            && unit.and_then(number) != Some(8)
        {
            return Err(format!(
                "its addresses count units of {} bits, and not bytes",
                bits.trim()
            ));
        }
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

    /// Returns whether the file says of any register that reading it has an effect.
    pub(crate) fn knows_read_effects(&self) -> bool {
        self.knows_read_effects
    }

    /// Where the file's peripherals are, in its order; of those that are repeated each.
    pub(crate) fn placed(&self) -> Result<Vec<Placed>, String> {
        let document = self.document()?;
        let all = peripherals(&document).into_iter();
        let all = all.flat_map(|node| node.children());
        let mut placed = Vec::new();
        for node in all.filter(|child| child.has_tag_name("peripheral")) {
            let Some(base) = child(node, "baseAddress").and_then(number) else {
                continue;
            };
            let length = derivations(node).map(extent).max().unwrap_or(0);
            let (count, step) = dim(node);
            placed.extend((0..count).map(|index| Placed {
                name: instance(node, index as usize),
                base: base.saturating_add(step.saturating_mul(index)),
                length,
            }));
        }
        Ok(placed)
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
        let mut found = None;
        let mut wanted: Vec<Node> = Vec::new();
        let mut inside = Vec::new();
        for node in &all {
            let name = called(*node);
            let extent = end_of(*node);
            let base = child(*node, "baseAddress").and_then(number);
            let Some(base) = base.filter(|_| !has_odd_dim(*node)) else {
                if extent == 0 {
                    continue;
                }
                // Its registers may be anywhere.
                return Err(format!(
                    "nothing says where {name} is: its baseAddress or dim is no number"
                ));
            };
            let instances = dim(*node);
            let (count, step) = instances;
            let mut here = (0..count).map(|index| Range {
                base: base.saturating_add(step.saturating_mul(index)),
                length: extent.max(1),
            });
            let own = here.clone().position(|range| range.base == block.base);
            found = found.or_else(|| own.map(|index| instance(*node, index)));
            // Its extent is an estimate from above: what reaches in from before is seen by its registers.
            let begins = |range: &Range| block.base < range.base && range.base < block.end();
            let other = here.clone().filter(begins);
            inside.extend(other.map(|range| (name.clone(), range.base)));
            if here.any(|range| range.base == block.base || range.overlaps(block)) {
                wanted.push(*node);
            }
        }
        let Some(name) = found else {
            return Ok(None);
        };
        self.add_sources(&mut wanted, &all);
        let mut read = wanted.iter().flat_map(|node| node.descendants());
        if let Some(repeated) = read.find_map(repeated) {
            return Err(repeated);
        }
        let mut read = wanted.iter().flat_map(|node| node.descendants());
        if let Some(node) = read.find(|node| is_endless(*node)) {
            let (what, name) = (node.tag_name().name(), called(node));
            return Err(format!(
                "the {what} {name} is derived over more than {DERIVED_MAX} others: write out what it inherits"
            ));
        }
        let mut read = wanted.iter().flat_map(|node| node.descendants());
        if let Some(node) = read.find(|node| is_derived_from_nothing(*node)) {
            return Err(format!(
                "what the {} {} is derived from is not found by its name: write out what it inherits",
                node.tag_name().name(),
                called(node)
            ));
        }
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
                    inside.push((shown(&peripheral.name), peripheral.base_address));
                }
                // Of the block's own peripherals all, to say what is wrong with them.
                let offset = at
                    .checked_sub(block.base)
                    .and_then(|o| u32::try_from(o).ok());
                let Some(offset) = offset.filter(|_| own || range.overlaps(block)) else {
                    // One that begins before the block has its bits in it, too.
                    if range.overlaps(block) {
                        skipped.push(Skipped {
                            name: shown(&info.name),
                            start: 0,
                            end: range.end().saturating_sub(block.base),
                            reason: "it begins before the block".to_owned(),
                        });
                    }
                    continue;
                };
                if size > WIDEST_READ {
                    skipped.push(Skipped {
                        name: shown(&info.name),
                        start: offset.into(),
                        end: u64::from(offset).saturating_add(size),
                        reason: format!("it has {size} bytes"),
                    });
                    continue;
                }
                registers.push(register(info, &peripheral.name, offset));
            }
        }
        registers.sort_by_key(|register| register.offset);
        Ok(Some(Peripheral {
            name,
            registers,
            skipped,
            inside,
            unwanted,
        }))
    }

    /// The wanted peripherals, and the registers and clusters of theirs that make no sense, which were left out.
    fn parse_without_odd<'a, 'b>(
        &self,
        document: &Document,
        wanted: &[Node<'a, 'b>],
    ) -> Result<(Device, Vec<(Node<'a, 'b>, String)>), String> {
        let parsed = |left_out: &[Node]| parse(&self.without(document, wanted, left_out)?);
        let all = match parsed(&[]) {
            Ok(device) => return Ok((device, Vec::new())),
            Err(error) => error,
        };
        let mut parts: Vec<_> = wanted
            .iter()
            .flat_map(|peripheral| peripheral.descendants())
            .filter(|node| node.has_tag_name("register") || node.has_tag_name("cluster"))
            .collect();
        // Clusters come before what is in them, and first comes what others are derived from.
        parts.sort_by_key(|part| {
            (
                part.has_tag_name("register"),
                part.has_attribute("derivedFrom"),
            )
        });
        // From none of them to all that make sense, by halves.
        let mut left_out = parts.clone();
        let mut odd = Vec::new();
        let mut groups = vec![parts];
        while let Some(mut group) = groups.pop() {
            let tried: Vec<_> = left_out
                .iter()
                .filter(|node| !group.contains(node))
                .copied()
                .collect();
            match (parsed(&tried), &group[..]) {
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
        let device = parsed(&left_out).map_err(|_| all)?;
        Ok((device, odd))
    }

    /// Where in the block a register or cluster is that makes no sense.
    fn places(
        &self,
        odd: Node,
        all: &[Node],
        block: Range,
        reason: &str,
    ) -> Result<Vec<Skipped>, String> {
        let name = called(odd);
        let nowhere = || {
            let what = odd.tag_name().name();
            format!("nothing says where the {what} {name} is: {reason}")
        };
        let mut start = 0_u64;
        let mut behind = match odd.has_tag_name("cluster") {
            true => end_of(odd),
            false => width_of(odd),
        };
        let mut peripheral = None;
        for node in odd.ancestors() {
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
            sources.take(DERIVED_MAX + 1).any(|node| node == peripheral)
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
                        name: name.clone(),
                        start: range.base.saturating_sub(block.base),
                        end: range.base.saturating_add(behind).saturating_sub(block.base),
                        reason: reason.to_owned(),
                    });
                }
            }
        }
        Ok(places)
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
    ///
    /// # Errors
    /// What is inherited inherits in turn deeper than is followed.
    fn without(
        &self,
        document: &Document,
        wanted: &[Node],
        left_out: &[Node],
    ) -> Result<String, String> {
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
            self.write(device, &keep, &mut text, 0)?;
        }
        Ok(text)
    }

    /// Writes an element without those in it that are not kept.
    fn write(
        &self,
        node: Node,
        keep: &dyn Fn(&Node) -> bool,
        text: &mut String,
        depth: usize,
    ) -> Result<(), String> {
        let inherited = match node.tag_name().name() {
            "registers" | "fields" => node.parent_element().and_then(missing),
            "cluster" => missing(node),
            _ => None,
        };
        if node.has_tag_name("dimIndex") {
            text.push_str(&format!("<dimIndex>{}</dimIndex>", index(node)));
            return Ok(());
        }
        // What is derived is written out, by all that it inherits: the parser would leave out what it has no place for.
        let mut derived = Derived::of(node);
        let mut from = node.range().start;
        if let Some(attribute) = derived.as_ref().map(|derived| &derived.attribute) {
            text.push_str(self.text.get(from..attribute.start).unwrap_or_default());
            from = attribute.end;
        }
        for child in node.children().filter(Node::is_element) {
            text.push_str(self.text.get(from..child.range().start).unwrap_or_default());
            from = child.range().end;
            if let Some(Derived { holder, .. }) = &derived
                && child.has_tag_name(*holder)
                && own(node).is_empty()
            {
                continue;
            }
            // In front of the first.
            if let Some(Derived {
                properties,
                parts,
                holder,
                ..
            }) = derived.as_mut()
            {
                for property in properties.drain(..) {
                    text.push_str(self.text.get(property.range()).unwrap_or_default());
                }
                let parts: Vec<_> = parts.drain(..).filter(|part| keep(part)).collect();
                let is_apart = !parts.is_empty() && !holder.is_empty();
                if is_apart {
                    text.push_str(&format!("<{holder}>"));
                }
                for part in parts {
                    self.write_inherited(part, keep, text, depth)?;
                }
                if is_apart {
                    text.push_str(&format!("</{holder}>"));
                }
            }
            if keep(&child) {
                self.write(child, keep, text, depth)?;
            }
            if let Some((last, parts)) = &inherited
                && *last == child
            {
                for part in parts.iter().filter(|part| keep(part)) {
                    self.write_inherited(*part, keep, text, depth)?;
                }
            }
        }
        text.push_str(self.text.get(from..node.range().end).unwrap_or_default());
        Ok(())
    }

    /// The same of one that another inherits.
    fn write_inherited(
        &self,
        part: Node,
        keep: &dyn Fn(&Node) -> bool,
        text: &mut String,
        depth: usize,
    ) -> Result<(), String> {
        if depth == INHERITED_MAX {
            return Err(format!(
                "what {} inherits inherits itself, more than {INHERITED_MAX} deep: write out what it inherits",
                called(part)
            ));
        }
        self.write(part, keep, text, depth + 1)
    }
}

/// What is said in an element more than once, though it decides and can be read once only.
fn repeated(node: Node) -> Option<String> {
    let times = |name: &str| {
        let children = node.children();
        children.filter(|child| child.has_tag_name(name)).count()
    };
    let twice = SINGLE.into_iter().find(|name| times(name) > 1);
    let contradicts = || has_two_positions(node).then_some("its bits");
    let twice = twice.or_else(contradicts)?;
    let what = node.tag_name().name();
    let name = called(node);
    Some(format!("the {what} {name} has {twice} more than once"))
}

/// Returns whether two of the three ways to say which bits a field has say something else. The schema has one of them in a field.
fn has_two_positions(field: Node) -> bool {
    let said = |name| number(child(field, name)?);
    let range = child(field, "bitRange").and_then(|node| {
        let text = node.text()?.trim().strip_prefix('[')?.strip_suffix(']')?;
        let (msb, lsb) = text.split_once(':')?;
        Some((lsb.trim().parse().ok()?, msb.trim().parse().ok()?))
    });
    let edges = said("lsb").zip(said("msb"));
    let offset = said("bitOffset").map(|lsb| {
        let width = said("bitWidth").unwrap_or(1);
        (lsb, lsb.saturating_add(width).saturating_sub(1))
    });
    let mut positions = [range, edges, offset].into_iter().flatten();
    let first = positions.next();
    positions.any(|other| Some(other) != first)
}

/// What the parser makes of a text, or why not, with the causes.
fn parse(text: &str) -> Result<Device, String> {
    let config = svd_parser::Config::default()
        .validate_level(ValidateLevel::Disabled)
        .ignore_enums(true)
        .expand(true)
        .expand_properties(true);
    let parsed = unpanicked(|| svd_parser::parse_with_config(text, &config));
    parsed
        .ok_or("its parser gives up on numbers or names of it")?
        .map_err(|error| format!("{error:#}"))
}

fn peripherals<'a>(document: &'a Document) -> Option<Node<'a, 'a>> {
    let device = document
        .root()
        .children()
        .find(|n| n.has_tag_name("device"))?;
    child(device, "peripherals")
}

/// Returns whether an element that is read has a `readAction` in it.
fn says_read_action(node: Node) -> bool {
    node.children().any(|child| {
        let name = child.tag_name().name();
        name == "readAction" || (!UNREAD.contains(&name) && says_read_action(child))
    })
}
