//! What the emulator's processor executed between two accesses of a register, by the code's owner.
//!
//! `-singlestep` makes each instruction a block of its own, of which the emulator writes a line (`exec`); accesses of devices stand between
//! these lines. An address belongs to the function around it. What the compiler inlined counts where it went, and helpers
//! that belong to nobody (copies, outlined sequences) count for who called them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol, SymbolKind};

/// Whose an instruction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The engine, for the container.
    Container,
    /// The supervisor's own code.
    Supervisor,
    /// A native process.
    Process,
    /// The kernel, its board included.
    Kernel,
    /// A driver of the kernel, with what it accesses the register by.
    Capsule,
}

/// Functions by address: the first of each, and whose it is. `None`: whoever calls it.
pub struct Owners(BTreeMap<u32, Option<Layer>>);

/// Crates that are drivers.
const CAPSULES: [&str; 5] = [
    "wasm_host",
    "wasm_host_board",
    "berth_exposure",
    "capsules_core",
    "mps2",
];
/// Crates of the language.
const NOBODYS: [&str; 3] = ["core", "alloc", "compiler_builtins"];

impl Owners {
    /// No functions.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds the functions of an ELF file; `whose` says by a function's crate to whom it belongs.
    ///
    /// # Errors
    /// If it cannot be read or is none.
    pub fn add(&mut self, path: &Path, whose: fn(&str) -> Layer) -> Result<()> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read {}; run `make build`", path.display()))?;
        let file = object::File::parse(&*bytes)
            .with_context(|| format!("{} is not an ELF file", path.display()))?;
        for symbol in file.symbols() {
            if symbol.kind() == SymbolKind::Text
                && let Ok(name) = symbol.name()
            {
                let owner = crate_of(name).map(whose);
                // Bit 0 says that it is Thumb code.
                let address = u32::try_from(symbol.address())? & !1;
                self.0.insert(address, owner);
            }
        }
        Ok(())
    }

    fn of(&self, address: u32) -> Option<Layer> {
        let (_, owner) = self.0.range(..=address).next_back()?;
        *owner
    }
}

impl Default for Owners {
    fn default() -> Self {
        Self::new()
    }
}

/// The crate of a function, if it has one that is somebody's.
fn crate_of(symbol: &str) -> Option<&'static str> {
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    // `<crate::Type as other::Trait>::function`, `&mut crate::Type`.
    let plain = name.trim_start_matches(|c: char| "<&*( ".contains(c));
    let plain = plain.trim_start_matches("mut ").trim_start_matches("dyn ");
    let (first, _) = plain.split_once("::")?;
    let known =
        NOBODYS.contains(&first) || first.contains(|c: char| !c.is_alphanumeric() && c != '_');
    // As many as there are crates.
    (!known).then(|| &*Box::leak(first.to_owned().into_boxed_str()))
}

/// Whose code of the kernel's image is.
#[must_use]
pub fn of_kernel(name: &str) -> Layer {
    if CAPSULES.contains(&name) {
        Layer::Capsule
    } else {
        Layer::Kernel
    }
}

/// Whose code of the supervisor is.
#[must_use]
pub fn of_supervisor(name: &str) -> Layer {
    if name.starts_with("wasmi") {
        Layer::Container
    } else {
        Layer::Supervisor
    }
}

/// Whose code of a native process is.
#[must_use]
pub const fn of_process(_: &str) -> Layer {
    Layer::Process
}

/// Instructions of one round: a write of a one to a register, and a write of a zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// On the way to an access, by owner, the accesses included.
    pub there: BTreeMap<Layer, u32>,
    /// Below whoever asked for it, on the way back.
    pub back: u32,
}

impl Round {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> u32 {
        self.there.values().sum::<u32>() + self.back
    }
}

/// What a trace says.
enum Step {
    At(u32),
    Write(u32),
}

/// Returns the shortest round in a trace of writes of `ones` and of zero to `register`, of whom `asks` is on top. (Interrupts make others longer.)
///
/// # Errors
/// If there is none.
pub fn shortest(trace: &str, owners: &Owners, register: u32, asks: Layer) -> Result<Round> {
    let steps: Vec<Step> = trace
        .lines()
        .filter_map(|line| step(line, register))
        .collect();
    let mut rounds = Vec::new();
    let mut round = Round::default();
    let (mut owner, mut is_back, mut writes, mut last) = (asks, true, 0, 0);
    // Nothing is counted before the first zero.
    let mut counts = false;
    for step in steps {
        match step {
            // A block that turns out to access a device is begun again.
            Step::At(address) if address == last => {}
            Step::At(address) => {
                last = address;
                owner = owners.of(address).unwrap_or(owner);
                is_back &= owner != asks;
                if is_back {
                    round.back += 1;
                } else {
                    *round.there.entry(owner).or_default() += 1;
                }
            }
            Step::Write(value) => {
                is_back = true;
                writes += 1;
                if value == 0 {
                    if counts && writes == 2 {
                        rounds.push(core::mem::take(&mut round));
                    }
                    round = Round::default();
                    (counts, writes) = (true, 0);
                }
            }
        }
    }
    let found = rounds.len();
    ensure!(found > 2, "{found} rounds in the trace");
    let shortest = rounds.into_iter().min_by_key(Round::all);
    let shortest = shortest.context("a round")?;
    ensure!(shortest.all() > 0, "no instructions in the trace");
    Ok(shortest)
}

/// `Trace 0: 0x7f… [00800400/00001234/00000110/ff000201] name`, or an access (`berth_emulator::Access`).
fn step(line: &str, register: u32) -> Option<Step> {
    if let Some(rest) = line.strip_prefix("Trace ") {
        let (_, words) = rest.split_once('[')?;
        let address = words.split('/').nth(1)?;
        return u32::from_str_radix(address, 16).ok().map(Step::At);
    }
    let rest = line.strip_prefix("memory_region_ops_write ")?;
    let word = |key: &str| {
        let mut words = rest.split(' ');
        words.by_ref().find(|word| *word == key)?;
        u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()
    };
    (word("addr")? == u64::from(register)).then_some(())?;
    Some(Step::Write(word("value")? as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_belong_to_crates() {
        for (symbol, owner) in [
            ("_ZN4core3fmt5write17h0123456789abcdefE", None),
            ("OUTLINED_FUNCTION_7", None),
            ("memcpy", None),
            ("_ZN6kernel4loop17h0123456789abcdefE", Some("kernel")),
            (
                "_ZN47_$LT$wasm_host..A$u20$as$u20$kernel..Driver$GT$7command17h0123456789abcdefE",
                Some("wasm_host"),
            ),
        ] {
            assert_eq!(crate_of(symbol), owner, "{symbol}");
        }
    }

    #[test]
    fn a_round_is_from_a_zero_to_the_next() {
        let mut owners = Owners::new();
        owners.0.insert(0x100, Some(Layer::Container));
        owners.0.insert(0x200, Some(Layer::Supervisor));
        owners.0.insert(0x300, None);
        let at = |address: u32| format!("Trace 0: 0x7 [00800400/{address:08x}/00/ff] f\n");
        let write = |value: u32| {
            format!(
                "memory_region_ops_write cpu 0 mr 0x5 addr 0x40028000 value {value:#x} size 4 name 'f'\n"
            )
        };
        let access = |value| {
            // The engine, the supervisor, a helper of its, the access (begun twice), and back.
            [0x100, 0x200, 0x300, 0x204, 0x204].map(at).concat()
                + &write(value)
                + &at(0x206)
                + &at(0x102)
        };
        let trace = (0..4).map(|_| access(2) + &access(0)).collect::<String>();
        let round = shortest(&trace, &owners, 0x4002_8000, Layer::Container).unwrap();
        let there = [(Layer::Container, 4), (Layer::Supervisor, 6)];
        assert_eq!(round.there, BTreeMap::from(there));
        assert_eq!((round.back, round.all()), (2, 12));
    }
}
