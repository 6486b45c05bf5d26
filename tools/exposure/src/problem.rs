//! What can be wrong with a configuration, and what to do about it.
//!
//! Every problem is one variant; its text, problem first and remedy second, stands
//! here and nowhere else.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as the devicetree compiler was told or found it.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
}

/// One problem at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where.
    pub place: Place,
    /// What, and the remedy.
    pub problem: Problem,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line } = &self.place;
        write!(f, "{}:{line}: {}", file.display(), self.problem)
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    // The files.
    /// The devicetree compiler could not be run.
    #[error(
        "cannot run the devicetree compiler dtc: {0}; remedy: install the package device-tree-compiler"
    )]
    NoDtc(String),
    /// The devicetree compiler refused the source.
    #[error("{0}; remedy: correct the devicetree source here")]
    Dtc(String),
    /// The devicetree compiler printed what this program does not read.
    #[error("cannot read dtc's output \"{0}\"; remedy: write this in plain properties and nodes")]
    Unreadable(String),
    /// No SVD file is named.
    #[error(
        "no SVD file is named; remedy: add svd = \"<file>\" with the registers of the board's peripherals"
    )]
    NoSvd,
    /// The SVD file cannot be read.
    #[error(
        "cannot use the SVD file {file}: {reason}; remedy: name an SVD file beside this one that svd-parser accepts"
    )]
    Svd {
        /// As named.
        file: String,
        /// Why.
        reason: String,
    },
    /// A line of the memory map cannot be read.
    #[error(
        "cannot read this region of the memory map; remedy: write NAME (flags) : ORIGIN = <number>, LENGTH = <number> in one line, with numbers like 4096, 0x1000, 4K or 1M"
    )]
    Region,
    /// The source cannot be read a second time, with other phandles.
    #[error(
        "dtc cannot include this file by its path, so what it refers to is not known; remedy: use a path without quotation marks and control characters, and no node \"berth,phandles\""
    )]
    References,
    /// The memory map cannot be read.
    #[error("cannot read the memory map: {0}; remedy: name the workspace's layout.ld")]
    Layout(String),
    /// No node lists exposures.
    #[error(
        "no node is compatible = \"berth,exposure\"; remedy: add the node that lists what is exposed"
    )]
    NoExposureNode,
    /// No node lists what processes may call: perhaps a typing error in `compatible`,
    /// and then nothing would be filtered.
    #[error(
        "no node is compatible = \"berth,syscall-filter\"; remedy: add the node that lists what processes may call, or an empty one to let all of them call everything"
    )]
    NoFilterNode,
    /// A second node lists exposures, or filters.
    #[error("a second node is compatible = \"{0}\"; remedy: move its children into the first one")]
    TwoNodes(String),

    // Properties.
    /// A property nobody reads.
    #[error("unknown property {name}; remedy: remove it or use one of: {known}")]
    UnknownProperty {
        /// Its name.
        name: String,
        /// Those that have a meaning here.
        known: String,
    },
    /// A value of another type.
    #[error("{name} has a value of the wrong form; remedy: write {form}")]
    Form {
        /// The property.
        name: String,
        /// An example of the right form.
        form: &'static str,
    },
    /// A property that must be there.
    #[error("{name} is missing; remedy: add {form}")]
    Missing {
        /// The property.
        name: String,
        /// What it looks like.
        form: &'static str,
    },
    /// A number outside its range.
    #[error("{name} is {value}; remedy: use {min} to {max}")]
    Range {
        /// What.
        name: String,
        /// As written.
        value: u64,
        /// Smallest allowed.
        min: u64,
        /// Largest allowed.
        max: u64,
    },
    /// Not a word this property knows.
    #[error("{name} = \"{word}\" is no known word; remedy: use one of: {known}")]
    Word {
        /// The property.
        name: String,
        /// As written.
        word: String,
        /// The words it knows.
        known: String,
    },

    // Blocks.
    /// Neither block nor device, or both.
    #[error(
        "an exposure is either a block of registers or a device of the kernel; remedy: write exactly one of register-block and device"
    )]
    BlockOrDevice,
    /// The referenced node is nothing that can be exposed.
    #[error(
        "{0} has no registers in the processor's address space; remedy: refer to a node with reg below buses with empty ranges"
    )]
    NoRegisters(String),
    /// A label is not one.
    #[error(
        "label \"{label}\" has {length} bytes; remedy: give the node in the board's .dtsi a label of 1 to {max}"
    )]
    Label {
        /// The label.
        label: String,
        /// Its length.
        length: usize,
        /// The longest.
        max: usize,
    },
    /// Exposed twice.
    #[error("{label} is exposed already in line {line}; remedy: join both exposures")]
    Twice {
        /// The label.
        label: String,
        /// Line of the first exposure.
        line: u32,
    },
    /// Giving it away breaks isolation.
    #[error(
        "{label} is {reason}: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\""
    )]
    Dangerous {
        /// The label.
        label: String,
        /// What makes it dangerous.
        reason: String,
    },
    /// Nothing says that giving it away does not break isolation.
    #[error(
        "{label} is not known to be harmless{compatible}: nothing says that it cannot master the bus, reroute pins, or switch clocks or power; remedy: add berth,harmless = \"<where its manual says so>\" to its node in the board's .dtsi, or dangerous = \"<why this is acceptable>\" here"
    )]
    NotHarmless {
        /// The label.
        label: String,
        /// Its `compatible` in brackets, if it has one.
        compatible: String,
    },
    /// The node is not in use.
    #[error("{0} is disabled; remedy: add status = \"okay\" to its node, or do not expose it")]
    Disabled(String),
    /// Several labels: which of them containers import is not known.
    #[error(
        "{node} has the labels {labels}; remedy: say which of them containers import with label = \"<label>\""
    )]
    Labels {
        /// The first label.
        node: String,
        /// All of them.
        labels: String,
    },
    /// The processor does not reach it, or not all of it.
    #[error(
        "the processor cannot reach all of {label} ({length:#x} bytes at {base:#x}); remedy: correct reg, or ranges of the buses above it, in the board's .dtsi: all of a block lies below 4 GiB and behind one entry of each ranges"
    )]
    NotReached {
        /// The label.
        label: String,
        /// First address.
        base: u64,
        /// Bytes.
        length: u64,
    },
    /// All of it is at several addresses.
    #[error(
        "the buses above {0} let it through at several addresses, and one block has one; remedy: keep one entry of ranges for it in the board's .dtsi, and declare the others with berth,aliases = <alias length target>"
    )]
    SeveralPlaces(String),
    /// `chosen` names what cannot be found.
    #[error(
        "chosen/{name}: {text} names no node, so what the firmware uses is not known; remedy: write a reference, a path, or an alias that has one"
    )]
    Chosen {
        /// The property.
        name: String,
        /// As written.
        text: String,
    },
    /// What the firmware keeps is nowhere.
    #[error(
        "{0} is the firmware's and has no place in the processor's address space, so nothing keeps others from its registers; remedy: add ranges to the buses above it"
    )]
    KeptNowhere(String),
    /// Addresses that cannot be read.
    #[error(
        "cannot read {name} of {path}; remedy: give it whole entries of as many cells as #address-cells and #size-cells of the node above say, at most two each"
    )]
    Addresses {
        /// The node.
        path: String,
        /// The property.
        name: &'static str,
    },
    /// No safe state, and nothing says that none is needed.
    #[error(
        "safe-state of {0} is missing; remedy: add safe-state = \"<register> <value> <mask>\", or safe-state = \"none\" if the block may stay as its last driver left it"
    )]
    NoSafeState(String),
    /// `dangerous` on something that is not.
    #[error(
        "{0} is not dangerous; remedy: remove the property dangerous, it would hide a later change of the board"
    )]
    NotDangerous(String),
    /// Two blocks share addresses.
    #[error(
        "the registers of {label} overlap those of {other}; remedy: correct reg in the board's .dtsi"
    )]
    Overlap {
        /// The exposed one.
        label: String,
        /// The other one.
        other: String,
    },
    /// Other peripherals lie inside a block of which everything is exposed.
    #[error(
        "{label} is exposed whole, and {other} lies in it, at {base:#x}; remedy: correct reg in the board's .dtsi, list in masks what is exposed, or add dangerous = \"<why this is acceptable>\""
    )]
    Within {
        /// The exposed one.
        label: String,
        /// What lies in it.
        other: String,
        /// Its first address.
        base: u64,
    },
    /// Aliases without end.
    #[error(
        "the aliases of {0} have no end; remedy: correct berth,aliases in the board's .dtsi: a window may not overlap its own target"
    )]
    EndlessAliases(String),
    /// Too long or empty.
    #[error(
        "{label} is {length} bytes long; remedy: correct reg in the board's .dtsi, a block has 1 to 65536 bytes"
    )]
    Length {
        /// The label.
        label: String,
        /// Bytes.
        length: u64,
    },
    /// The MPU knows no masks.
    #[error(
        "{0} is mapped and has masks, but the memory protection unit knows no masks; remedy: use access = \"mediated\" or remove masks"
    )]
    MappedWithMasks(String),
    /// The MPU cannot describe the block.
    #[error(
        "{label} cannot be mapped: {length:#x} bytes at {base:#x} are no memory protection region; remedy: use access = \"mediated\", or give it a power of two of at least 32 bytes, aligned to its length"
    )]
    MappedShape {
        /// The label.
        label: String,
        /// First address.
        base: u64,
        /// Bytes.
        length: u64,
    },

    // Registers.
    /// The SVD does not know the block.
    #[error(
        "the SVD file has no peripheral at {base:#x} ({label}); remedy: add it, or correct the address in the board's .dtsi"
    )]
    NoPeripheral {
        /// The label.
        label: String,
        /// Its address.
        base: u32,
    },
    /// No such register.
    #[error("{label} has no register {register}; remedy: use one of: {known}")]
    NoRegister {
        /// The label.
        label: String,
        /// As written.
        register: String,
        /// Those it has.
        known: String,
    },
    /// Several registers of that name.
    #[error("{label} has several registers {register}; remedy: write one of: {names}")]
    Ambiguous {
        /// The label.
        label: String,
        /// As written.
        register: String,
        /// Names that tell them apart.
        names: String,
    },
    /// What the file says of a register makes no sense.
    #[error(
        "what the SVD file says of register {odd} of {label} makes no sense ({reason}), and {register} shares its bytes; remedy: correct the file, or do not expose it"
    )]
    OddRegister {
        /// The label.
        label: String,
        /// As written.
        register: String,
        /// The register that makes no sense.
        odd: String,
        /// Why.
        reason: String,
    },
    /// The file is silent about effects of reading, and so is the configuration.
    #[error(
        "the SVD file says of no register that reading it has an effect, which is not to say that none has; remedy: add reading-acts = \"<register>\", ... to {0}, or reading-acts = \"none\""
    )]
    ReadingActs(String),
    /// An interrupt that is none of the processor's lines.
    #[error(
        "interrupt \"{name}\" of {label} cannot be exposed: {reason}; remedy: expose only interrupts of the processor's own controller, and none that the firmware has"
    )]
    InterruptLine {
        /// The label.
        label: String,
        /// The interrupt.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Interrupts that cannot be read.
    #[error("cannot read the interrupts of {label}: {reason}; remedy: correct the board's .dtsi")]
    InterruptTree {
        /// The label.
        label: String,
        /// Why not.
        reason: String,
    },
    /// The register lies behind the block's end.
    #[error(
        "{register} at {offset:#x} lies outside the {length:#x} bytes of {label}; remedy: correct reg in the board's .dtsi or the SVD file"
    )]
    RegisterOutside {
        /// The label.
        label: String,
        /// The register.
        register: String,
        /// Its offset.
        offset: u32,
        /// Length of the block.
        length: u32,
    },
    /// No width the processor can access.
    #[error(
        "{register} has {size} bits at {offset:#x}; remedy: correct the SVD file, a register has 8, 16 or 32 bits and is aligned to its size"
    )]
    RegisterShape {
        /// The register.
        register: String,
        /// Bits.
        size: u32,
        /// Offset.
        offset: u32,
    },
    /// Two entries for the same place.
    #[error("{register} and {other} lie at the same place; remedy: list one of them")]
    RegistersOverlap {
        /// The later entry.
        register: String,
        /// The earlier entry.
        other: String,
    },
    /// A safe state of a device that has none.
    #[error(
        "a device of class {class} has no safe-state: nothing of it stays as it was when its user ends; remedy: leave the property out"
    )]
    RestsByItself {
        /// The class.
        class: &'static str,
    },
    /// What is done when a claim ends takes too long in one piece.
    #[error(
        "{label} has {lines} lines of safe-state and {interrupts} of its interrupts exposed, {most} together are allowed, since the firmware waits while a claim ends; remedy: write only the registers that bring the block to rest, or expose fewer of its interrupts"
    )]
    LongEnd {
        /// The block.
        label: String,
        /// Lines of its safe state.
        lines: usize,
        /// Its interrupts.
        interrupts: usize,
        /// Most of both together.
        most: usize,
    },
    /// More blocks than the kernel can number.
    #[error("{count} blocks are exposed, {max} are allowed; remedy: expose fewer")]
    TooManyBlocks {
        /// How many.
        count: usize,
        /// Most there can be.
        max: usize,
    },
    /// More interrupts than the kernel can number.
    #[error("{count} interrupts are exposed, {max} are allowed; remedy: expose fewer")]
    TooManyInterrupts {
        /// How many.
        count: usize,
        /// Most there can be.
        max: usize,
    },
    /// Too many of them.
    #[error(
        "{count} registers are exposed, {max} are allowed; remedy: expose fewer, or raise limits/registers up to {most}"
    )]
    TooManyRegisters {
        /// How many.
        count: usize,
        /// The limit in force.
        max: u32,
        /// The largest limit there is.
        most: u32,
    },
    /// An entry that cannot be read.
    #[error("cannot read {name} entry \"{text}\"; remedy: write {form}")]
    Entry {
        /// The property.
        name: &'static str,
        /// As written.
        text: String,
        /// The form.
        form: &'static str,
    },
    /// Bits the register does not have.
    #[error(
        "{mask:#x} is wider than the {size} bits of {register}; remedy: use bits of {register} only"
    )]
    TooWide {
        /// The register.
        register: String,
        /// As written.
        mask: u64,
        /// Bits of the register.
        size: u32,
    },
    /// Reserved bits.
    #[error(
        "bits {bits:#x} of {register} belong to no field; remedy: remove them, or add the field to the SVD file"
    )]
    NoField {
        /// The register.
        register: String,
        /// The bits.
        bits: u32,
    },
    /// Nothing is exposed by it.
    #[error("the mask of {0} is 0; remedy: remove the entry or name bits")]
    EmptyMask(String),
    /// The hardware does not do that.
    #[error("{register} cannot be {what}: the SVD file says {access}; remedy: {remedy}")]
    Access {
        /// The register.
        register: String,
        /// "read" or "written".
        what: &'static str,
        /// The SVD's word.
        access: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A read does something.
    #[error(
        "reading {register} has an effect ({effect}); remedy: expose it without reading, or add \"{register}\" to read-effects"
    )]
    ReadEffect {
        /// The register.
        register: String,
        /// The SVD's word.
        effect: &'static str,
    },
    /// `read-effects` names a register that needs no permission.
    #[error(
        "{0} needs no entry in read-effects; remedy: remove it, only exposed registers whose reading has an effect belong there"
    )]
    NoReadEffect(String),
    /// Bits outside the mask would be changed.
    #[error(
        "a write to {mask:#x} of {register} would also change its bits {rest:#x}, because {why}; remedy: {remedy}"
    )]
    PartialWrite {
        /// The register.
        register: String,
        /// Bits written.
        mask: u32,
        /// Bits that cannot be kept.
        rest: u32,
        /// Why not.
        why: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A value with bits outside its mask.
    #[error(
        "value {value:#x} of {register} has bits outside mask {mask:#x}; remedy: make the mask cover the value"
    )]
    OutsideMask {
        /// The register.
        register: String,
        /// The value.
        value: u32,
        /// The mask.
        mask: u32,
    },

    // Interrupts.
    /// No such interrupt.
    #[error("{label} has no interrupt \"{name}\"; remedy: {known}")]
    NoInterrupt {
        /// The label.
        label: String,
        /// As written.
        name: String,
        /// Those it has, as a sentence.
        known: String,
    },
    /// The same interrupt twice.
    #[error("interrupt \"{0}\" is listed twice; remedy: remove one")]
    InterruptTwice(String),
    /// Two interrupts of one name.
    #[error(
        "{label} has several interrupts named {name}, and which is meant cannot be told; remedy: give each a name of its own in the board's .dtsi"
    )]
    InterruptNamedTwice {
        /// The label.
        label: String,
        /// The name.
        name: String,
    },
    /// The dtsi's names do not match its interrupts.
    #[error(
        "{label} has {interrupts} interrupts and {names} interrupt-names; remedy: give every interrupt a name in the board's .dtsi"
    )]
    InterruptNames {
        /// The label.
        label: String,
        /// How many.
        interrupts: usize,
        /// How many names.
        names: usize,
    },
    /// A property that only means something with another.
    #[error("{name} has no meaning without {needs}; remedy: add {needs} or remove {name}")]
    Needs {
        /// What is there.
        name: &'static str,
        /// What is not.
        needs: &'static str,
    },
    /// One clear rule an interrupt.
    #[error(
        "clear has {clears} entries for {interrupts} interrupts; remedy: write one entry for each, in the order of interrupts"
    )]
    ClearCount {
        /// Entries.
        clears: usize,
        /// Interrupts.
        interrupts: usize,
    },
    /// One place an interrupt where it is told.
    #[error(
        "raised has {raised} entries for {interrupts} interrupts; remedy: write one entry for each, in the order of interrupts"
    )]
    RaisedCount {
        /// Entries.
        raised: usize,
        /// Interrupts.
        interrupts: usize,
    },

    // Keys.
    /// Not as long as a key.
    #[error(
        "the public key of {name} has {length} bytes; remedy: write the 32 bytes that `berth keys show` prints"
    )]
    KeyLength {
        /// The key's node.
        name: String,
        /// Bytes.
        length: usize,
    },
    /// Nobody's key.
    #[error(
        "the 32 bytes of {name} are no public key of Ed25519: {why}; remedy: write the 32 bytes that `berth keys show` prints"
    )]
    NoKey {
        /// The key's node.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// One key under two names.
    #[error("{name} is the same key as the one in line {line}; remedy: remove one")]
    KeyTwice {
        /// The key's node.
        name: String,
        /// Line of the first.
        line: u32,
    },
    /// More keys than the kernel can tell apart.
    #[error("{count} keys are listed; remedy: list at most {max}")]
    TooManyKeys {
        /// Listed.
        count: usize,
        /// Most.
        max: usize,
    },
    /// `keys` of an exposure names something else.
    #[error(
        "keys of {0} names what is no key; remedy: refer to labelled nodes below keys, which are sound themselves"
    )]
    NotAKey(String),
    /// A key that is limited to other labels.
    #[error(
        "{label} names the key {key}, which is limited to other labels; remedy: add \"{label}\" to the key's labels, or remove the key here"
    )]
    KeyOfOthers {
        /// The key's name.
        key: String,
        /// The exposure's label.
        label: String,
    },
    /// A limit that says something that does not hold.
    #[error(
        "{key} lists the label \"{label}\", and no exposure of that label names the key; remedy: add keys = <&{key}> to the exposure, or remove the label here"
    )]
    KeyNotNamed {
        /// The key's name.
        key: String,
        /// As written.
        label: String,
    },

    // System calls.
    /// The memory map has no such region.
    #[error("the memory map has no place {name} for processes; remedy: use one of: {known}")]
    NoRegion {
        /// As written.
        name: String,
        /// Those it has.
        known: String,
    },
    /// The same thing twice in a filter.
    #[error("{what} is listed already in line {line}; remedy: join both")]
    ListedTwice {
        /// What.
        what: String,
        /// Line of the first.
        line: u32,
    },
}
