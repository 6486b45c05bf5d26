//! The node that lists what is exposed: blocks, devices, limits.

use std::path::Path;

use berth_exposure::interrupt::{CAPTURES_MAX, INTERRUPTS_MAX};
use berth_exposure::{AccessClass, LABEL_MAX};

use crate::address::Range;
use crate::board::{Block, Board};
use crate::bus::Reach;
use crate::danger::{Danger, HARMLESS, HARMLESS_FORM};
use crate::device_classes::{self, CLASSES, Class};
use crate::devicetree::{Node, Property};
use crate::interrupts::interrupts;
use crate::keys;
use crate::model::{Device, Exposure, Key, Limits, Named, NamedBits, RegisterWrite};
use crate::problem::{Place, Problem};
use crate::registers::{MASK_FORM, Registers, SAFE_FORM};
use crate::report::Report;
use crate::svd;
use crate::svd_file::File;

/// The node's `compatible`.
pub(crate) const COMPATIBLE: &str = "berth,exposure";

/// Largest block: a register's offset is 16 bits of a system-call argument.
const LENGTH_MAX: u64 = 0x1_0000;
/// Most registers of a block: a description counts them in one byte.
const BLOCK_REGISTERS_MAX: usize = 255;
/// Most lines of a block's safe state and interrupts of it together: the end of a claim is one piece of the kernel's work, of
/// some 170 instructions for each beside 450, and must not keep the firmware out for more than 4,000 (docs/kernel.md).
const END_MAX: usize = 16;
/// Most exposed blocks: the kernel numbers them with one byte.
const BLOCKS_MAX: usize = 256;
/// Smallest region of the memory protection unit.
const REGION_MIN: u64 = 32;

const BLOCK_PROPERTIES: [&str; 14] = [
    "register-block",
    "label",
    "access",
    "masks",
    "read-effects",
    "reading-acts",
    "safe-state",
    "interrupts",
    "clear",
    "clear-order",
    "raised",
    "captures-max",
    "dangerous",
    "keys",
];

/// Name, default, smallest and largest of each limit.
const LIMITS: [(&str, u32, u32, u32); 10] = [
    ("registers", 64, 1, 1024),
    ("handlers", 8, 1, 32),
    ("captures", 16, 1, CAPTURES_MAX as u32),
    ("accesses-per-pass", 64, 1, 1024),
    ("share-percent", 10, 1, 90),
    ("erase-burst", 256, 1, 65_535),
    ("erase-hours", 24, 1, 8_766),
    ("erases-per-second", 16, 1, 65_535),
    ("programs", 0, 0, 8),
    ("conveyors", 0, 0, 8),
];

/// What the node holds, as far as it is sound.
pub(crate) struct Listed {
    pub(crate) exposures: Vec<Exposure>,
    pub(crate) devices: Vec<Device>,
    pub(crate) limits: Limits,
    pub(crate) keys: Vec<Key>,
    pub(crate) refuses_unsigned: bool,
    pub(crate) operators: Vec<Key>,
    pub(crate) closes_reading: bool,
}

/// Check the node's children.
pub(crate) fn check(node: &Node, board: &Board, source: &Path, report: &mut Report) -> Listed {
    report.known(node, &["compatible", "svd", "unsigned", "reading"]);
    let peripherals = peripherals(node, source, report);
    let limits = limits(node, report);
    let keys::Said {
        keys,
        operators,
        refuses_unsigned,
        closes_reading,
    } = keys::keys(node, report);
    let mut listed = Listed {
        exposures: Vec::new(),
        devices: Vec::new(),
        limits,
        keys: Vec::new(),
        refuses_unsigned,
        operators,
        closes_reading,
    };
    let mut seen: Vec<(String, u32)> = Vec::new();
    let mut exposed = Vec::new();
    let others = |child: &&Node| !["limits", keys::NODE].contains(&child.name.as_str());
    for child in node.children.iter().filter(others) {
        match (child.has("register-block"), child.has("device")) {
            (true, false) => {
                let context = Context {
                    node: child,
                    board,
                    file: peripherals.as_ref(),
                    limits: &limits,
                    keys: &keys,
                };
                let exposure = context.check(&mut seen, &mut exposed, report);
                listed.exposures.extend(exposure);
            }
            (false, true) => listed.devices.extend(device(child, &mut seen, report)),
            _ => report.add(&child.place, Problem::BlockOrDevice),
        }
    }
    keys::check(&keys, &listed.exposures, report);
    listed.keys = keys::sound(keys);
    if listed.exposures.len() > BLOCKS_MAX {
        let (count, max) = (listed.exposures.len(), BLOCKS_MAX);
        report.add(&node.place, Problem::TooManyBlocks { count, max });
    }
    let (count, max) = (
        listed.exposures.iter().map(|e| e.interrupts.len()).sum(),
        INTERRUPTS_MAX,
    );
    if count > max {
        report.add(&node.place, Problem::TooManyInterrupts { count, max });
    }
    let count = listed.exposures.iter().filter_map(|e| e.registers.as_ref());
    too_many(
        count.map(Vec::len).sum(),
        limits.registers,
        LIMITS[0].3,
        &node.place,
        report,
    );
    listed
}

fn too_many(count: usize, max: u32, most: u32, place: &Place, report: &mut Report) {
    if count > max as usize {
        report.add(place, Problem::TooManyRegisters { count, max, most });
    }
}

/// The SVD file's content; nothing if it cannot be had, which is reported once.
fn peripherals(node: &Node, source: &Path, report: &mut Report) -> Option<File> {
    let Some(property) = node.property("svd") else {
        report.add(&node.place, Problem::NoSvd);
        return None;
    };
    let file = report.string(node, "svd", "svd = \"<file>\"")?;
    let path = source.parent().unwrap_or(Path::new("")).join(file);
    let read = File::open(&path).map_err(|reason| Problem::Svd {
        file: file.to_owned(),
        reason,
    });
    report.take(&property.place, read)
}

fn limits(node: &Node, report: &mut Report) -> Limits {
    let child = node.children.iter().find(|child| child.name == "limits");
    let [
        registers,
        handlers,
        captures,
        accesses_per_pass,
        share_percent,
        erase_burst,
        erase_hours,
        erases_per_second,
        programs,
        conveyors,
    ] = LIMITS.map(|(name, default, min, max)| {
        child
            .and_then(|limits| report.cell(limits, name, "<number>", (min, max)))
            .unwrap_or(default)
    });
    if let Some(limits) = child {
        report.known(limits, &LIMITS.map(|(name, ..)| name));
    }
    Limits {
        registers,
        handlers,
        captures,
        accesses_per_pass,
        share_percent,
        erase_burst,
        erase_hours,
        erases_per_second,
        programs,
        conveyors,
    }
}

/// Returns whether `label` is new.
fn is_new(label: &str, place: &Place, seen: &mut Vec<(String, u32)>, report: &mut Report) -> bool {
    let earlier = seen.iter().find(|(other, _)| other == label);
    if let Some((_, line)) = earlier {
        let problem = Problem::Twice {
            label: label.to_owned(),
            line: *line,
        };
        report.add(place, problem);
        return false;
    }
    seen.push((label.to_owned(), place.line));
    true
}

/// `led { device = "led"; index = <0>; safe-state = "off"; };`
fn device(node: &Node, seen: &mut Vec<(String, u32)>, report: &mut Report) -> Option<Device> {
    report.known(node, &["device", "index", "safe-state"]);
    let classes = CLASSES.each_ref().map(|class| (class.name, class));
    let class = report.word(node, "device", "device = \"led\"", &classes);
    const FORM: &str = "index = <number>";
    if !node.has("index") {
        let name = "index".to_owned();
        report.add(&node.place, Problem::Missing { name, form: FORM });
    }
    let last = class.map_or(u32::MAX, |class| class.last_index);
    let index = report.cell(node, "index", FORM, (0, last));
    let (class, index) = (class?, index?);
    let safe_state = device_rest(node, class, report);
    let label = format!("{} {index}", class.name);
    is_new(&label, &node.place, seen, report).then(|| Device {
        class: class.name.to_owned(),
        index,
        driver: class.driver,
        safe_state,
    })
}

/// How a device comes to rest. It has to be said of one that stays as it was driven last.
fn device_rest(node: &Node, class: &Class, report: &mut Report) -> Option<String> {
    const NAME: &str = "safe-state";
    if class.rests.is_empty() {
        if let Some(property) = node.property(NAME) {
            let class = class.name;
            report.add(&property.place, Problem::RestsByItself { class });
        }
        return None;
    }
    const FORM: &str = "safe-state = \"<state in which it rests>\" or \"none\"";
    if !node.has(NAME) {
        let name = NAME.to_owned();
        report.add(&node.place, Problem::Missing { name, form: FORM });
        return None;
    }
    let states: Vec<_> = class.rests.iter().map(|(name, _)| (*name, *name)).collect();
    let state = report.word(node, NAME, FORM, &states)?;
    (state != device_classes::NONE).then(|| state.to_owned())
}

/// All that is needed to check one exposed block.
struct Context<'a> {
    node: &'a Node,
    board: &'a Board<'a>,
    file: Option<&'a File>,
    limits: &'a Limits,
    keys: &'a [keys::Listed<'a>],
}

impl<'a> Context<'a> {
    fn check(
        &self,
        seen: &mut Vec<(String, u32)>,
        exposed: &mut Vec<(&'a str, Range)>,
        report: &mut Report,
    ) -> Option<Exposure> {
        let node = self.node;
        report.known(node, &BLOCK_PROPERTIES);
        let place = &node.property("register-block")?.place;
        let Some(phandle) = node.cell("register-block") else {
            let problem = Problem::Form {
                name: "register-block".to_owned(),
                form: "register-block = <&label>",
            };
            report.add(place, problem);
            return None;
        };
        let Some(block) = self.board.block(phandle) else {
            report.add(place, Problem::NoRegisters(node.name.clone()));
            return None;
        };
        let label = self.label(block, report);
        let new = is_new(label, place, seen, report);
        let found = self.file.map(|file| file.peripheral(block.range));
        let peripheral = found
            .as_ref()
            .and_then(|found| found.as_ref().ok()?.as_ref());
        self.place_checks(block, label, place, peripheral, report);
        let mut others = exposed.iter();
        let other = others.find(|(_, other)| new && self.board.overlap(block.range, *other));
        if let Some((other, _)) = other
            && self.board.neighbour(block).is_none()
        {
            let (label, other) = (label.to_owned(), (*other).to_owned());
            report.add(place, Problem::Overlap { label, other });
        }
        exposed.push((label, block.range));

        let words = [
            ("mediated", AccessClass::Mediated),
            ("mapped", AccessClass::Mapped),
        ];
        const ACCESS: &str = "access = \"mediated\" or \"mapped\"";
        if !node.has("access") {
            let name = "access".to_owned();
            report.add(&node.place, Problem::Missing { name, form: ACCESS });
        }
        let access = report.word(node, "access", ACCESS, &words);
        if access == Some(AccessClass::Mapped) {
            mapped_checks(node, label, block, report);
        }

        let base = u32::try_from(block.range.base).ok()?;
        let length = u32::try_from(block.range.length).ok()?;
        let file = self.file?;
        let found = found?.map_err(|reason| Problem::Svd {
            file: format!("for {label}"),
            reason,
        });
        let Some(peripheral) = report.take(place, found)? else {
            let label = label.to_owned();
            report.add(place, Problem::NoPeripheral { label, base });
            return None;
        };
        let effects = report.strings(node, "read-effects", "\"<register>\", ...");
        let read_effects: Vec<_> = effects.iter().map(|(_, name)| *name).collect();
        let acts = report.strings(
            node,
            "reading-acts",
            "reading-acts = \"<register>\", ... or \"none\"",
        );
        let mut reading_acts: Vec<_> = acts.iter().map(|(_, name)| *name).collect();
        if reading_acts == ["none"] {
            reading_acts.clear();
        }
        let registers = Registers {
            label,
            length,
            peripheral: &peripheral,
            read_effects: &read_effects,
            reading_acts: node.has("reading-acts").then_some(&reading_acts[..]),
        };
        for (place, name) in acts.iter().filter(|_| !reading_acts.is_empty()) {
            report.take(place, registers.named(name));
        }
        let list = self.masks(&registers, report);
        let reads = list
            .as_ref()
            .is_none_or(|list| list.iter().any(|r| r.read != 0));
        if reads && !node.has("reading-acts") && !file.knows_read_effects() {
            report.add(&node.place, Problem::ReadingActs(label.to_owned()));
        }
        self.effects(&registers, &effects, list.as_deref(), report);
        let exposed = list.as_deref().unwrap_or_default();
        let safe_state = self.safe_state(&registers, exposed, report);
        // What nobody exposes is not judged.
        let lines = match node.has("interrupts") {
            true => self.board.interrupts(block, place, report),
            false => Some(Vec::new()),
        };
        let interrupts =
            lines.map(|lines| interrupts(node, &registers, &lines, self.limits, report));
        let interrupts = interrupts.unwrap_or_default();
        if safe_state.len() + interrupts.len() > END_MAX {
            let problem = Problem::LongEnd {
                label: label.to_owned(),
                lines: safe_state.len(),
                interrupts: interrupts.len(),
                most: END_MAX,
            };
            let property = node.property("safe-state");
            report.add(property.map_or(place, |property| &property.place), problem);
        }
        Some(Exposure {
            label: label.to_owned(),
            base,
            length,
            peripheral: peripheral.name.clone(),
            reached: self.board.reach(block.range),
            access: access?,
            registers: list,
            map: peripheral.registers.iter().map(named).collect(),
            safe_state,
            keys: keys::named(node, label, self.keys, report),
            interrupts,
            skipped: skipped(&peripheral),
        })
    }

    /// The label containers import the block by.
    fn label(&self, block: &Block<'a>, report: &mut Report) -> &'a str {
        let labels = &block.node.labels;
        let all: Vec<_> = labels
            .iter()
            .map(|label| (label.as_str(), label.as_str()))
            .collect();
        match self.node.property("label") {
            Some(_) => report.word(self.node, "label", "label = \"<label>\"", &all),
            None => {
                if labels.len() > 1 {
                    let problem = Problem::Labels {
                        node: block.node.label().to_owned(),
                        labels: labels.join(", "),
                    };
                    report.add(&self.node.place, problem);
                }
                None
            }
        }
        .unwrap_or_else(|| block.node.label())
    }

    /// Label, length, danger, neighbours.
    fn place_checks(
        &self,
        block: &Block,
        label: &str,
        place: &Place,
        peripheral: Option<&svd::Peripheral>,
        report: &mut Report,
    ) {
        if label.len() > LABEL_MAX || label.is_empty() {
            let problem = Problem::Label {
                label: label.to_owned(),
                length: label.len(),
                max: LABEL_MAX,
            };
            report.add(place, problem);
        }
        let Range { base, length } = block.range;
        if !(1..=LENGTH_MAX).contains(&length) {
            let label = label.to_owned();
            report.add(place, Problem::Length { label, length });
        }
        match block.reach {
            Reach::Whole => {}
            Reach::Part => {
                let label = label.to_owned();
                let problem = Problem::NotReached {
                    label,
                    base,
                    length,
                };
                report.add(place, problem);
            }
            Reach::Several => report.add(place, Problem::SeveralPlaces(label.to_owned())),
        }
        if let Some(node) = self.board.disabled(block) {
            let own = node.path == block.node.path;
            let disabled = if own { label } else { node.label() };
            report.add(place, Problem::Disabled(disabled.to_owned()));
        }
        if self.board.is_endless(block.range) {
            report.add(place, Problem::EndlessAliases(label.to_owned()));
        }
        let neighbour = self.board.neighbour(block);
        let within = self
            .within(block, peripheral)
            .filter(|_| neighbour.is_none());
        self.danger(block, label, place, within, report);
        if let Some(other) = neighbour {
            let label = label.to_owned();
            report.add(place, Problem::Overlap { label, other });
        }
    }

    /// What else would be exposed with all of a block, by the tree or the SVD file: its name and first address. Where
    /// registers are listed, the list says what is exposed.
    fn within(&self, block: &Block, peripheral: Option<&svd::Peripheral>) -> Option<(String, u64)> {
        if self.node.has("masks") {
            return None;
        }
        let node = self.board.inside(block);
        let node = node.map(|other| (other.node.label().to_owned(), other.range.base));
        node.or_else(|| peripheral?.inside.first().cloned())
    }

    /// That the block is harmless, and what lies in it, or that the manufacturer answers for it.
    fn danger(
        &self,
        block: &Block,
        label: &str,
        place: &Place,
        within: Option<(String, u64)>,
        report: &mut Report,
    ) {
        report.reason(block.node, HARMLESS, HARMLESS_FORM);
        let accepted = report.reason(self.node, "dangerous", DANGEROUS).is_some();
        let label = label.to_owned();
        match (&block.danger, self.node.property("dangerous")) {
            (Some(Danger::Known(reason)), None) => {
                let reason = reason.clone();
                report.add(place, Problem::Dangerous { label, reason });
            }
            (Some(Danger::Unknown), None) => {
                let compatible = block.node.property("compatible");
                let strings = compatible.and_then(Property::strings).unwrap_or_default();
                let compatible = match strings.join(", ").as_str() {
                    "" => String::new(),
                    all => format!(" ({all})"),
                };
                report.add(place, Problem::NotHarmless { label, compatible });
            }
            (None, None) => {
                if let Some((other, base)) = within {
                    report.add(place, Problem::Within { label, other, base });
                }
            }
            (None, Some(property)) if accepted && within.is_none() => {
                report.add(&property.place, Problem::NotDangerous(label));
            }
            _ => {}
        }
    }

    /// What is written when a claim ends; the word `none` says that nothing need be.
    fn safe_state(
        &self,
        registers: &Registers,
        exposed: &[crate::model::Register],
        report: &mut Report,
    ) -> Vec<RegisterWrite> {
        let Some(property) = self.node.property("safe-state") else {
            let label = registers.label.to_owned();
            report.add(&self.node.place, Problem::NoSafeState(label));
            return Vec::new();
        };
        if property.strings().is_some_and(|all| all == ["none"]) {
            return Vec::new();
        }
        report
            .strings(self.node, "safe-state", SAFE_FORM)
            .into_iter()
            .filter_map(|(place, text)| report.take(&place, registers.safe_state(text, exposed)))
            .collect()
    }

    /// The registers exposed one by one, by offset; `None`: the whole block.
    fn masks(
        &self,
        registers: &Registers,
        report: &mut Report,
    ) -> Option<Vec<crate::model::Register>> {
        let property = self.node.property("masks")?;
        let mut list: Vec<crate::model::Register> = Vec::new();
        for (place, text) in report.strings(self.node, "masks", MASK_FORM) {
            let Some(register) = report.take(&place, registers.mask(text)) else {
                continue;
            };
            let end = |r: &crate::model::Register| r.offset + r.size / 8;
            let clash = list
                .iter()
                .find(|other| other.offset < end(&register) && register.offset < end(other));
            if let Some(other) = clash {
                let problem = Problem::RegistersOverlap {
                    register: register.name,
                    other: other.name.clone(),
                };
                report.add(&place, problem);
                continue;
            }
            list.push(register);
        }
        list.sort_by_key(|register| register.offset);
        let max = u32::try_from(BLOCK_REGISTERS_MAX).unwrap_or(u32::MAX);
        too_many(list.len(), max, max, &property.place, report);
        Some(list)
    }

    /// Reads with an effect are exposed only where the source says so.
    fn effects(
        &self,
        registers: &Registers,
        named: &[(Place, &str)],
        list: Option<&[crate::model::Register]>,
        report: &mut Report,
    ) {
        let exposed =
            |name: &str| list.is_none_or(|list| list.iter().any(|r| r.name == name && r.read != 0));
        for (place, name) in named {
            let Some(register) = report.take(place, registers.named(name)) else {
                continue;
            };
            // An entry that was refused for another reason may well need it.
            let masked = self.node.property("masks").is_some_and(|masks| {
                let entries = masks.strings().unwrap_or_default();
                entries.iter().any(|e| e.split(' ').next() == Some(name))
            });
            if registers.read_effect(register).is_none() || !(exposed(name) || masked) {
                report.add(place, Problem::NoReadEffect((*name).to_owned()));
            }
        }
        if list.is_some() {
            return;
        }
        // The whole block: every register can be read.
        for odd in &registers.peripheral.skipped {
            let problem = Problem::OddRegister {
                label: registers.label.to_owned(),
                register: "the whole block".to_owned(),
                odd: odd.name.clone(),
                reason: odd.reason.clone(),
            };
            report.add(&self.node.place, problem);
        }
        for register in &registers.peripheral.registers {
            if let Some(effect) = registers.read_effect(register)
                && !registers.permits(register)
            {
                let register = register.name.clone();
                report.add(&self.node.place, Problem::ReadEffect { register, effect });
            }
        }
    }
}

/// What of the file was not judged for a block.
fn skipped(peripheral: &svd::Peripheral) -> Vec<String> {
    let others = match peripheral.unwanted {
        0 => None,
        count => Some(format!("{count} peripherals at other addresses")),
    };
    let odd = peripheral.skipped.iter();
    let odd = odd.map(|odd| format!("register {}: {}", odd.name, odd.reason));
    others.into_iter().chain(odd).collect()
}

fn named(register: &svd::Register) -> Named {
    Named {
        name: register.name.clone(),
        offset: register.offset,
        size: register.size,
        fields: register
            .fields
            .iter()
            .filter_map(|field| {
                let name = field.name.clone()?;
                let mask = field.mask;
                Some(NamedBits { name, mask })
            })
            .collect(),
    }
}

pub(crate) const DANGEROUS: &str = "dangerous = \"<why this is acceptable>\"";

/// What the memory protection unit can do.
fn mapped_checks(node: &Node, label: &str, block: &Block, report: &mut Report) {
    let label = label.to_owned();
    if let Some(masks) = node.property("masks") {
        report.add(&masks.place, Problem::MappedWithMasks(label.clone()));
    }
    let Range { base, length } = block.range;
    let region = length.is_power_of_two() && length >= REGION_MIN && base % length == 0;
    if let Some(access) = node.property("access").filter(|_| !region) {
        let problem = Problem::MappedShape {
            label,
            base,
            length,
        };
        report.add(&access.place, problem);
    }
}
