//! Memory-mapped registers: loads and stores on addresses become checked accesses.
//!
//! ```text
//!   windows   address ranges and their labels: from the module (SDK) and from --map
//!   facts     functions step by step, who may call them
//!   flow      the bounds of every address (value)
//!   plan      each access: memory, a register of one window, to be tested, or refused   (here)
//!   emit      what stands in the package in its place: mmio.read32(handle, offset) and so on
//! ```
//!
//! An access becomes one call with the same width, in the same place, so number and order of accesses stay. Everything else of
//! the device's rules (what is exposed, bits, directions) holds as for calls, because it is a call.

mod access;
mod emit;
mod facts;
mod flow;
mod value;
pub mod windows;

use std::collections::{BTreeMap, BTreeSet};

use facts::Facts;
use value::Value;
use windows::{DUMMY, Window, Windows};

use crate::{Names, PackError};

pub(crate) use access::Access;
pub(crate) use emit::Emitter;

/// What is asked for beside what a module says itself.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// Windows at addresses of a chip.
    pub windows: Vec<Window>,
    /// Windows of which only those are taken that the module has accesses in, of no other label and at no address of the
    /// module's own or those above: all that a chip has.
    pub chip: Vec<Window>,
    /// Functions, by name or number, in which addresses are tested that are known only when they run; `all`.
    pub dynamic: Vec<String>,
}

/// What becomes of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is one of this block's registers.
    Register {
        /// The block's number.
        handle: u32,
        /// First address of its window.
        start: u32,
        /// The register, where it is known now.
        offset: Option<u32>,
    },
    /// What it is, is found out when it runs.
    Tested,
}

/// Why an access cannot be turned into one of a register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// It may be a register's, or not.
    #[error(
        "which address this access has is not known now, and it may be a register's: take the register's address in this function (let it be inlined, build with optimisation), or find out when it runs: --dynamic {function}"
    )]
    Unknown {
        /// Number of the function.
        function: u32,
    },
    /// A register of 64 bits.
    #[error("an access of 64 bits at {at:#x}: registers have at most 32; make two accesses of it")]
    Wide {
        /// Its address.
        at: u64,
    },
    /// Not a multiple of its width.
    #[error(
        "an access of {bytes} bytes at {at:#x}, which is no multiple of {bytes}: no register is accessed so"
    )]
    Misaligned {
        /// Its address.
        at: u64,
        /// Its width.
        bytes: u32,
    },
    /// A dummy address that belongs to no window, or reaches out of one.
    #[error(
        "an access of {bytes} bytes at {at:#x}, where no window is: an offset beyond the block, or a label that is not asked for"
    )]
    Nowhere {
        /// Its address.
        at: u64,
        /// Its width.
        bytes: u32,
    },
}

/// All that becomes of the accesses of a module.
#[derive(Default)]
pub(crate) struct Plan {
    /// By function (of those defined) and step.
    pub(crate) decisions: BTreeMap<(usize, usize), (Access, Decision)>,
    /// Windows with the numbers of their blocks.
    pub(crate) blocks: Vec<(Window, u32)>,
    /// Labels of which the claim is to be imported, in this order.
    pub(crate) claims: Vec<String>,
    /// Functions of the module's own imports that access registers, by name.
    pub(crate) imported: BTreeMap<String, u32>,
    /// Types, and functions imported and defined, of the module.
    pub(crate) types: u32,
    pub(crate) imports: u32,
    pub(crate) functions: u32,
}

impl Plan {
    /// Decides; `None`: the module has no windows.
    pub(crate) fn of(
        module: &[u8],
        mapping: &Mapping,
        names: &Names,
    ) -> Result<Option<Self>, PackError> {
        let facts = Facts::of(module)?;
        let named = Windows::of(&facts.windows, &mapping.windows)?;
        let dynamic = dynamic(&facts, mapping, names)?;
        let chip: Vec<_> = mapping.chip.iter().filter(|w| !named.has(w)).collect();
        let asked = mapping.windows.iter();
        let all: Vec<_> = asked.clone().chain(chip.iter().copied()).cloned().collect();
        let windows = Windows::of(&facts.windows, &all)?;
        if windows.is_empty() {
            return Ok(None);
        }
        let plan = Self::with(&facts, &windows, &all, &dynamic, names)?;
        let (unused, used): (Vec<&Window>, Vec<&Window>) = chip
            .into_iter()
            .partition(|window| !plan.uses(&facts, window));
        if unused.is_empty() {
            return Ok(Some(plan));
        }
        // What is not used is not claimed, and so has no number.
        let all: Vec<_> = asked.chain(used).cloned().collect();
        let windows = Windows::of(&facts.windows, &all)?;
        if windows.is_empty() {
            return Ok(None);
        }
        Self::with(&facts, &windows, &all, &dynamic, names).map(Some)
    }

    /// Decides, with these windows, of which `asked` are not the module's own.
    fn with(
        facts: &Facts<'_>,
        windows: &Windows,
        asked: &[Window],
        dynamic: &BTreeSet<u32>,
        names: &Names,
    ) -> Result<Self, PackError> {
        let mut plan = Self {
            types: facts.types.len() as u32,
            imports: facts.imported(),
            functions: facts.functions.len() as u32,
            ..Self::default()
        };
        plan.blocks(facts, windows);
        let mut overlooked = false;
        for ((number, place), address) in flow::reached(facts, windows) {
            let Some(step) = facts
                .functions
                .get(number)
                .and_then(|function| function.steps.get(place))
            else {
                continue;
            };
            let Some(access) = Access::of(&step.operator) else {
                continue;
            };
            let function = facts.imported() + number as u32;
            let is_dynamic = dynamic.contains(&function);
            match plan.decide(windows, &access, address, function, is_dynamic) {
                Ok(Some(decision)) => {
                    plan.decisions.insert((number, place), (access, decision));
                }
                Ok(None) => overlooked |= !is_dynamic && may_be_anything(windows, &access, address),
                Err(error) => {
                    let name = names.0.get(&function);
                    return Err(PackError::Access {
                        function,
                        name: name.map_or(String::new(), |name| {
                            format!(" ({})", crate::printable(name))
                        }),
                        offset: step.offset,
                        error,
                    });
                }
            }
        }
        // Whoever names a chip's addresses has a driver that uses them.
        match asked.first() {
            Some(window) if plan.decisions.is_empty() && overlooked => Err(PackError::Overlooked {
                label: window.label.clone(),
                start: window.start,
            }),
            _ => Ok(plan),
        }
    }

    /// Does an access for certain, or may one that is tested, be one of this window's registers?
    fn uses(&self, facts: &Facts<'_>, window: &Window) -> bool {
        let mut decisions = self.decisions.values().map(|(_, decision)| decision);
        decisions.any(|decision| match decision {
            Decision::Register { start, .. } => *start == window.start,
            Decision::Tested => facts.leads_to(window),
        })
    }

    /// Numbers the blocks as devices do: in the order in which their labels come first in the imports.
    fn blocks(&mut self, facts: &Facts<'_>, windows: &Windows) {
        let mut labels: Vec<&str> = Vec::new();
        let mut claimed: Vec<&str> = Vec::new();
        for (index, import) in facts.imports.iter().enumerate() {
            if import.module == "mmio" {
                self.imported.insert(import.name.to_owned(), index as u32);
            }
            let block = import.module.strip_prefix("mmio:");
            claimed.extend(block);
            if let Some(label) = block.or_else(|| import.module.strip_prefix("irq:"))
                && !labels.contains(&label)
            {
                labels.push(label);
            }
        }
        for window in windows.iter() {
            let label = window.label.as_str();
            let known = labels.iter().position(|known| *known == label);
            let number = known.unwrap_or_else(|| {
                labels.push(label);
                labels.len() - 1
            });
            // The interrupts of a block are a claim of it, too.
            if !claimed.contains(&label) && !self.claims.iter().any(|claim| claim == label) {
                self.claims.push(label.to_owned());
            }
            self.blocks.push((window.clone(), number as u32));
        }
    }

    fn decide(
        &self,
        windows: &Windows,
        access: &Access,
        address: Value,
        function: u32,
        is_dynamic: bool,
    ) -> Result<Option<Decision>, AccessError> {
        let bytes = access.bytes;
        let first = u64::from(address.least) + u64::from(access.offset);
        let end = u64::from(address.most) + u64::from(access.offset) + u64::from(bytes);
        if let Some(number) = windows.around(first, end) {
            let (start, handle) = match (windows.get(number), self.blocks.get(number)) {
                (Some(window), Some((_, handle))) => (window.start, *handle),
                _ => return Ok(None),
            };
            if access.width().is_none() {
                return Err(AccessError::Wide { at: first });
            }
            if address.is_constant() && first % u64::from(bytes) != 0 {
                return Err(AccessError::Misaligned { at: first, bytes });
            }
            let offset = address
                .is_constant()
                .then(|| (first - u64::from(start)) as u32);
            return Ok(Some(Decision::Register {
                handle,
                start,
                offset,
            }));
        }
        if address.is_constant() {
            let is_dummy = u64::from(DUMMY.start) < end && first < u64::from(DUMMY.end);
            return if is_dummy || windows.meet(first, end) {
                Err(AccessError::Nowhere { at: first, bytes })
            } else {
                Ok(None)
            };
        }
        // Not one of a window, whatever it is.
        if !windows.meet(first, end) {
            return Ok(None);
        }
        let in_offset = windows.meet(access.offset.into(), u64::from(access.offset) + 1);
        let may_be = address.is_address || in_offset;
        match (is_dynamic, access.width()) {
            (true, Some(_)) => Ok(Some(Decision::Tested)),
            // No register is accessed so, and where one is there is no memory: a fault, without a test.
            (true, None) => Ok(None),
            // Memory, as far as anybody can know; a register would be a fault.
            (false, _) if !may_be => Ok(None),
            (false, _) => Err(AccessError::Unknown { function }),
        }
    }
}

/// May an access have the address of a register, as far as is known?
fn may_be_anything(windows: &Windows, access: &Access, address: Value) -> bool {
    let first = u64::from(address.least) + u64::from(access.offset);
    let end = u64::from(address.most) + u64::from(access.offset) + u64::from(access.bytes);
    !address.is_constant() && windows.meet(first, end)
}

/// The numbers of the functions that are named.
fn dynamic(
    facts: &Facts<'_>,
    mapping: &Mapping,
    names: &Names,
) -> Result<BTreeSet<u32>, PackError> {
    let mut numbers = BTreeSet::new();
    let defined = facts.imported()..facts.imported() + facts.functions.len() as u32;
    for asked in &mapping.dynamic {
        let before = numbers.len();
        let number: Option<u32> = asked.parse().ok();
        numbers.extend(defined.clone().filter(|function| {
            asked == "all"
                || number == Some(*function)
                || names
                    .0
                    .get(function)
                    .is_some_and(|name| is_called(name, asked))
        }));
        if numbers.len() == before {
            return Err(PackError::NoFunction(crate::printable(asked)));
        }
    }
    Ok(numbers)
}

/// Is `asked` the name, or the end of its path? Rust's names end in a number of 16 digits.
fn is_called(name: &str, asked: &str) -> bool {
    let plain = match name.rsplit_once("::h") {
        Some((plain, hash)) if hash.len() == 16 => plain,
        _ => name,
    };
    [name, plain].iter().any(|name| {
        name.strip_suffix(asked)
            .is_some_and(|before| before.is_empty() || before.ends_with("::"))
    })
}
