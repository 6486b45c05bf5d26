//! Variables of the kernel and of a process, seen from outside while they are at work.
//!
//! ```text
//! let mut variables = Variables::of(&elf, (0x2001_0000, 0x8000))?;
//! variables.learn(bus)?;                       // again and again: which words change
//! ensure!(variables.changed(bus)?.is_empty());  // of the others, which have
//! ```

use std::fmt;

use anyhow::{Context, Result};
use berth_emulator::Bus;
use object::{Object, ObjectSymbol};

/// A word that has changed.
pub(crate) struct Word {
    pub(crate) address: u32,
    was: u32,
    is: u32,
    /// The variable it lies in, and where.
    place: String,
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            was,
            is,
            place,
        } = self;
        write!(f, "{address:#x} ({place}): {is:#x}, not {was:#x}")
    }
}

/// Words on both sides of one that changes in the process that count as changing.
const NEAR: usize = 32;

/// Words in a row.
struct Block {
    start: u32,
    /// As they were first seen; empty before.
    first: Vec<u32>,
    /// Which ones have changed since.
    changes: Vec<bool>,
}

/// A variable of the kernel.
struct Symbol {
    name: String,
    start: u32,
    length: u32,
}

/// All variables of a kernel, and the RAM of a process.
pub(crate) struct Variables {
    /// Where the kernel's stack begins, and its variables end.
    pub(crate) stack: u32,
    pub(crate) end: u32,
    blocks: [Block; 2],
    /// Where those lie of which it is known that they change, and their bytes.
    changing: Vec<(u32, u32)>,
    lengths: [u32; 2],
    symbols: Vec<Symbol>,
}

impl Variables {
    /// Those of a kernel, by its ELF file, and of a process, by start and length in bytes of its RAM. Of some it is known that they
    /// change: a part of their names, and their bytes.
    ///
    /// # Errors
    /// If it is no such file, or has no such variables.
    pub(crate) fn of(elf: &[u8], process: (u32, usize), changing: &[(&str, u32)]) -> Result<Self> {
        let file = object::File::parse(elf)?;
        let symbol = |name| -> Result<u32> {
            let symbol = file.symbol_by_name(name);
            let symbol = symbol.with_context(|| format!("no {name}"))?;
            Ok(u32::try_from(symbol.address())?)
        };
        let (start, end) = (symbol("_srelocate")?, symbol("_ekept")?);
        let is_variable = |symbol: &object::Symbol<'_, '_>| {
            symbol.size() > 0 && (u64::from(start)..u64::from(end)).contains(&symbol.address())
        };
        let symbols = file.symbols().filter(is_variable).map(|symbol| Symbol {
            name: symbol.name().unwrap_or("?").to_owned(),
            start: symbol.address() as u32,
            length: symbol.size() as u32,
        });
        let symbols: Vec<Symbol> = symbols.collect();
        let changing = changing.iter().map(|(name, length)| {
            let is_it = |symbol: &&Symbol| symbol.name.contains(name) && symbol.length == *length;
            let symbol = symbols.iter().find(is_it);
            let symbol = symbol.with_context(|| format!("no {name} of {length} bytes"))?;
            Ok((symbol.start, symbol.length))
        });
        let block = |start| Block {
            start,
            first: Vec::new(),
            changes: Vec::new(),
        };
        Ok(Self {
            stack: symbol("_sstack")?,
            end,
            blocks: [block(start), block(process.0)],
            lengths: [end - start, process.1 as u32],
            changing: changing.collect::<Result<_>>()?,
            symbols,
        })
    }

    /// The address of the variable whose name has this in it.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn address(&self, name: &str) -> Result<u32> {
        let symbol = self.symbols.iter().find(|s| s.name.contains(name));
        Ok(symbol.with_context(|| format!("no {name}"))?.start)
    }

    /// See which words have changed since they were first seen.
    ///
    /// # Errors
    /// Of the connection to the emulator.
    pub(crate) fn learn(&mut self, bus: &mut Bus) -> Result<()> {
        for (block, length) in self.blocks.iter_mut().zip(self.lengths) {
            let now = words(bus, block.start, length)?;
            if block.first.is_empty() {
                let is_known = |address: u32| {
                    let mut known = self.changing.iter();
                    known.any(|(start, length)| address.wrapping_sub(*start) < *length)
                };
                let addresses = (block.start..).step_by(4);
                block.changes = addresses.take(now.len()).map(is_known).collect();
                block.first = now;
                continue;
            }
            let all = block.changes.iter_mut().zip(&block.first).zip(&now);
            for ((changes, first), now) in all {
                *changes |= first != now;
            }
        }
        Ok(())
    }

    /// What lies beside a word that changes changes too, now and then: the rest of its variable, and in the process, of whose
    /// variables nothing is known (its stack, and what the kernel keeps of its registers), [`NEAR`] words on both sides. Which
    /// words are seen to change hangs on the instants of the looks; what this says hangs much less on them.
    pub(crate) fn spread(&mut self) {
        for block in &mut self.blocks {
            let seen = block.changes.clone();
            for index in (0..seen.len()).filter(|index| seen[*index]) {
                let address = block.start + 4 * index as u32;
                let is_in = |symbol: &&Symbol| address.wrapping_sub(symbol.start) < symbol.length;
                let (first, last) = match self.symbols.iter().find(is_in) {
                    Some(symbol) => {
                        let start = symbol.start.saturating_sub(block.start);
                        (start as usize / 4, (start + symbol.length - 1) as usize / 4)
                    }
                    None => (index.saturating_sub(NEAR), index + NEAR),
                };
                let last = last.min(seen.len() - 1);
                block.changes[first..=last].fill(true);
            }
        }
    }

    /// How many words have never changed, and how many there are.
    pub(crate) fn fixed(&self) -> (usize, usize) {
        let all = || self.blocks.iter().flat_map(|block| &block.changes);
        (all().filter(|changes| !**changes).count(), all().count())
    }

    /// Those that had never changed and have now.
    ///
    /// # Errors
    /// Of the connection to the emulator.
    pub(crate) fn changed(&self, bus: &mut Bus) -> Result<Vec<Word>> {
        let mut found = Vec::new();
        for (block, length) in self.blocks.iter().zip(self.lengths) {
            let now = words(bus, block.start, length)?;
            let all = block.changes.iter().zip(&block.first).zip(&now);
            for (index, ((changes, was), is)) in all.enumerate() {
                if !changes && was != is {
                    let address = block.start + 4 * index as u32;
                    found.push(Word {
                        address,
                        was: *was,
                        is: *is,
                        place: self.place(address),
                    });
                }
            }
        }
        Ok(found)
    }

    fn place(&self, address: u32) -> String {
        let is_in = |symbol: &&Symbol| address.wrapping_sub(symbol.start) < symbol.length;
        match self.symbols.iter().find(is_in) {
            Some(symbol) => format!(
                "{} + {}, of {} bytes",
                symbol.name,
                address - symbol.start,
                symbol.length
            ),
            None => "of the process".to_owned(),
        }
    }
}

fn words(bus: &mut Bus, start: u32, length: u32) -> Result<Vec<u32>> {
    let bytes = bus.read(start, length & !3)?;
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |word, b| word << 8 | u32::from(*b))
    };
    Ok(bytes.chunks(4).map(word).collect())
}
