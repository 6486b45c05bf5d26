//! How much stack the functions of an ELF file take, read from their Thumb-2 instructions.
//!
//! ```text
//!   push {r4-r7, lr}      ┐
//!   push.w {r8-r11}       │ before anything is given back: the frame
//!   sub.w sp, sp, #22528  ┘
//!   ...
//!   bl callee             ── beside it: the callee's frame
//! ```
//!
//! A frame is what is taken from the stack before the first instruction that gives some of it back, so what a compiler puts
//! behind an early return counts. Calls are those that name their function; what is called through a pointer begins a
//! chain of its own, and functions that call each other in a circle count once. So a chain is no bound; it shows
//! what grows.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

/// What one function takes of the stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Function {
    name: String,
    /// Bytes of its frame.
    frame: u64,
    /// Addresses of what it calls.
    calls: Vec<u64>,
    /// Addresses of what it goes on in, its own frame being given back.
    goes_on: Vec<u64>,
}

/// The functions of a program.
#[derive(Clone, Debug)]
pub struct Frames(BTreeMap<u64, Function>);

/// Bytes of stack, and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Bytes.
    pub bytes: u64,
    /// The function, or the functions from the first to the last, whose frames these are: those of at least 256 bytes.
    pub whose: String,
}

/// Frames below this are not told.
const TOLD: u64 = 256;

impl Frames {
    /// Read all functions of an ELF file.
    ///
    /// # Errors
    /// If the file cannot be read, is no ELF file, or has no functions.
    pub fn of(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read {}; run `make build`", path.display()))?;
        let file = object::File::parse(&*bytes)
            .with_context(|| format!("{} is not an ELF file", path.display()))?;
        let data = data_of(&file);
        let mut functions = BTreeMap::new();
        for symbol in file.symbols() {
            if symbol.kind() != SymbolKind::Text || symbol.size() == 0 {
                continue;
            }
            // The lowest bit says that it is Thumb code.
            let start = symbol.address() & !1;
            let code = file
                .sections()
                .find_map(|section| section.data_range(start, symbol.size()).ok().flatten());
            let name = symbol.name().unwrap_or_default();
            let code = code.with_context(|| format!("{name} has no code"))?;
            let mut function = read(start, code, |address| {
                let before = data.range(..=address).next_back();
                before.is_some_and(|(_, is_data)| *is_data)
            });
            function.name = format!("{:#}", demangle(name));
            functions.insert(start, function);
        }
        ensure!(!functions.is_empty(), "{} has no functions", path.display());
        Ok(Self(functions))
    }

    /// Returns the largest frame.
    #[must_use]
    pub fn largest(&self) -> Taken {
        let largest = self.0.values().max_by_key(|function| function.frame);
        largest.map_or_else(
            || Taken {
                bytes: 0,
                whose: String::new(),
            },
            |function| Taken {
                bytes: function.frame,
                whose: function.name.clone(),
            },
        )
    }

    /// Returns the chain of calls that takes most.
    #[must_use]
    pub fn deepest(&self) -> Taken {
        let mut known = BTreeMap::new();
        for start in self.0.keys() {
            self.depth(*start, &mut known);
        }
        let begin = known.iter().max_by_key(|(_, chain)| chain.bytes);
        let mut at = begin.map(|(start, _)| *start);
        let bytes = begin.map_or(0, |(_, chain)| chain.bytes);
        let mut whose = Vec::new();
        while let Some(function) = at.and_then(|start| self.0.get(&start)) {
            if function.frame >= TOLD {
                whose.push(format!("{} ({})", function.name, function.frame));
            }
            at = at.and_then(|start| known.get(&start)?.next);
        }
        Taken {
            bytes,
            whose: whose.join(" > "),
        }
    }

    /// Finds what a function takes with all that it calls.
    fn depth(&self, start: u64, known: &mut BTreeMap<u64, Chain>) -> u64 {
        if let Some(chain) = known.get(&start) {
            return chain.bytes;
        }
        let Some(function) = self.0.get(&start) else {
            return 0;
        };
        // Who comes back to itself finds this.
        known.insert(start, Chain::default());
        let mut deepest = Chain {
            bytes: function.frame,
            next: None,
        };
        let called = function.calls.iter().map(|to| (function.frame, *to));
        let gone_on = function.goes_on.iter().map(|to| (0, *to));
        for (own, to) in called.chain(gone_on) {
            let bytes = own + self.depth(to, known);
            if bytes > deepest.bytes {
                deepest = Chain {
                    bytes,
                    next: Some(to),
                };
            }
        }
        known.insert(start, deepest);
        deepest.bytes
    }
}

/// The deepest chain of calls from a function on.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    bytes: u64,
    next: Option<u64>,
}

/// Returns where data lies between the code, and where code goes on: what the mapping symbols say
/// (ELF for the Arm Architecture, 5.5.5).
fn data_of(file: &object::File<'_>) -> BTreeMap<u64, bool> {
    let mapping = file.symbols().filter_map(|symbol| {
        let name = symbol.name().ok()?;
        match name.get(..2)? {
            "$d" => Some((symbol.address(), true)),
            "$t" | "$a" => Some((symbol.address(), false)),
            _ => None,
        }
    });
    mapping.collect()
}

/// Reads the code of one function, which begins at `start`; `is_data` tells what of it is none.
fn read(start: u64, code: &[u8], is_data: impl Fn(u64) -> bool) -> Function {
    let mut function = Function::default();
    let mut gives_back = false;
    let halves: Vec<u32> = code
        .chunks_exact(2)
        .map(|half| u32::from(u16::from_le_bytes([half[0], half[1]])))
        .collect();
    let mut at = 0;
    while let Some(&first) = halves.get(at) {
        let address = start + 2 * at as u64;
        if is_data(address) {
            at += 1;
            continue;
        }
        // Architecture manual, A6.1: what begins like this has two halves.
        let is_long = first >> 11 >= 0b11101;
        let second = if is_long {
            halves.get(at + 1).copied().unwrap_or(0)
        } else {
            0
        };
        at += if is_long { 2 } else { 1 };
        match moved(first, second, is_long) {
            Moved::Taken(bytes) if !gives_back => function.frame += bytes,
            Moved::Given => gives_back = true,
            _ => {}
        }
        let end = start + code.len() as u64;
        match branch(first, second, is_long, address) {
            Some((to, true)) => function.calls.push(to),
            Some((to, false)) if !(start..end).contains(&to) => function.goes_on.push(to),
            _ => {}
        }
    }
    function
}

/// What an instruction does to the stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moved {
    Not,
    Taken(u64),
    Given,
}

/// Encodings of the ARMv7-M architecture manual, A7.7: PUSH, SUB (SP minus immediate), STR with write-back, POP, ADD (SP plus
/// immediate).
fn moved(first: u32, second: u32, is_long: bool) -> Moved {
    let words = |list: u32| Moved::Taken(4 * u64::from(list.count_ones()));
    if !is_long {
        return match first >> 7 {
            0x160 => Moved::Given,
            0x161 => Moved::Taken(4 * u64::from(first & 0x7f)),
            _ if first >> 9 == 0b101_1010 => words(first & 0x1ff),
            _ if first >> 9 == 0b101_1110 => Moved::Given,
            _ => Moved::Not,
        };
    }
    // i : imm3 : imm8.
    let twelve = (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xff;
    let to_sp = second >> 8 & 0xf == 13 && second >> 15 == 0;
    match first & 0xfbff {
        _ if first == 0xe92d => words(second),
        _ if first == 0xe8bd => Moved::Given,
        // One register: PUSH encoding T3, POP encoding T3.
        _ if first == 0xf84d && second & 0xfff == 0xd04 => Moved::Taken(4),
        _ if first == 0xf85d && second & 0xfff == 0xb04 => Moved::Given,
        0xf1ad if to_sp => Moved::Taken(u64::from(expanded(twelve))),
        0xf2ad if to_sp => Moved::Taken(u64::from(twelve)),
        0xf10d | 0xf20d if to_sp => Moved::Given,
        _ => Moved::Not,
    }
}

/// The immediate of twelve bits that stands for more (A5.3.2).
const fn expanded(twelve: u32) -> u32 {
    let byte = twelve & 0xff;
    match twelve >> 8 {
        0 => byte,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte << 24 | byte << 16 | byte << 8 | byte,
        // A rotation of at least eight.
        _ => (0x80 | byte & 0x7f).rotate_right(twelve >> 7),
    }
}

/// Where BL or B.W of an address goes, and whether it comes back.
fn branch(first: u32, second: u32, is_long: bool, address: u64) -> Option<(u64, bool)> {
    if !is_long || first >> 11 != 0b11110 || second >> 14 & 0b11 == 0 {
        return None;
    }
    let comes_back = match (second >> 14 & 0b11, second >> 12 & 1) {
        (0b11, 1) => true,
        (0b10, 1) => false,
        _ => return None,
    };
    let sign = first >> 10 & 1;
    let bit = |shift: u32| (second >> shift & 1) ^ sign ^ 1;
    // S : I1 : I2 : imm10 : imm11 : 0.
    let offset =
        sign << 24 | bit(13) << 23 | bit(11) << 22 | (first & 0x3ff) << 12 | (second & 0x7ff) << 1;
    let offset = (offset << 7) as i32 >> 7;
    Some(((address + 4).wrapping_add_signed(offset.into()), comes_back))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: u64 = 0x40200;

    /// As `llvm-objdump` shows it: halves of instructions.
    fn of(halves: &[u16]) -> Function {
        let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
        read(0x40100, &bytes, |address| address == DATA)
    }

    #[test]
    fn a_frame_is_what_is_taken_before_anything_is_given_back() {
        // push {r4-r7, lr}; push.w {r8-r11}; sub sp, #16; add sp, #16; pop.w {r8-r11}; pop {r4-r7, pc}
        let plain = [
            0xb5f0, 0xe92d, 0x0f00, 0xb084, 0xb004, 0xe8bd, 0x0f00, 0xbdf0,
        ];
        assert_eq!(of(&plain).frame, 20 + 16 + 16);
        // And taken again behind a return: sub sp, #16 is not counted twice.
        assert_eq!(of(&[&plain[..], &[0xb084]].concat()).frame, 52);
        // str r8, [sp, #-4]!
        assert_eq!(of(&[0xf84d, 0x8d04]).frame, 4);
        // sub.w sp, sp, #22528 (0x5800); subw sp, sp, #1026
        assert_eq!(of(&[0xf5ad, 0x4db0, 0xf2ad, 0x4d02]).frame, 0x5800 + 1026);
        // What would be sub sp, #508, if it was code.
        let mut table = [0xbf00; 0x81];
        table[0x80] = 0xb0ff;
        assert_eq!(of(&table).frame, 0);
        // sub.w r0, sp, #4: another register.
        assert_eq!(of(&[0xf1ad, 0x0004]).frame, 0);
    }

    #[test]
    fn calls_name_their_functions() {
        // bl to itself is -4; bl +8; b.w +0x10000 leaves it.
        let function = of(&[0xf7ff, 0xfffe, 0xf000, 0xf804, 0xf010, 0xb800]);
        assert_eq!(function.calls, [0x40100, 0x40104 + 4 + 8]);
        assert_eq!(function.goes_on, [0x40108 + 4 + 0x10000]);
    }

    #[test]
    fn a_chain_is_the_frames_of_those_who_wait_and_no_circle_is_endless() {
        let function = |name: &str, frame, calls: &[u64], goes_on: &[u64]| Function {
            name: name.to_owned(),
            frame,
            calls: calls.to_vec(),
            goes_on: goes_on.to_vec(),
        };
        let frames = Frames(BTreeMap::from([
            (0, function("main", 1_000, &[10, 20], &[])),
            (10, function("deep", 300, &[0, 30], &[])),
            (20, function("shallow", 8, &[], &[30])),
            (30, function("last", 400, &[], &[])),
        ]));
        assert_eq!(frames.largest().bytes, 1_000);
        assert_eq!(
            frames.deepest(),
            Taken {
                bytes: 1_700,
                whose: "main (1000) > deep (300) > last (400)".to_owned(),
            }
        );
    }
}
