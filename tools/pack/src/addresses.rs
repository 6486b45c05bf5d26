//! Which addresses a module's code may reach, as far as constants tell.
//!
//! A body is read once, with a stack of what is known of each operand: a constant, the value of a global, that value
//! with something added or taken away, or nothing. What is consumed as the address of an access **is** an address;
//! what is compared, multiplied or shifted is a number, and an access at such a number tells nothing of where it goes;
//! everything else **may be** one. Where the control flow
//! divides or comes together, all is forgotten, and what was on the stack may be an address.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::Operator;

use crate::sections::is_comparison;

/// What constants tell.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    /// First and last-but-one address of what is accessed for certain.
    pub(crate) accessed: BTreeSet<(u64, u64)>,
    /// What may be an address.
    pub(crate) possible: BTreeSet<u64>,
    /// Words of data at any place, aligned or not, that are not also in `possible`: only the very end's address counts.
    pub(crate) unaligned: BTreeSet<u64>,
    /// Something is accessed at a multiple, without a base that it would be counted from.
    pub(crate) without_base: bool,
    /// Globals that become smaller: as the pointer of a stack does in every function that has a frame.
    pub(crate) descending: BTreeSet<u32>,
    /// Globals that become larger: as the pointer of an allocator that only gives.
    pub(crate) ascending: BTreeSet<u32>,
}

/// A function, as a call sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callee {
    pub(crate) parameters: usize,
    pub(crate) results: usize,
    /// None of its parameters is a pointer.
    pub(crate) takes_numbers: bool,
}

/// Functions of the device without pointers in their parameters.
pub(crate) fn takes_numbers(module: &str, name: &str) -> bool {
    match module {
        "mmio" => true,
        "berth" => matches!(name, "now_us" | "sleep_us" | "yield" | "exit"),
        "arduino" => !matches!(name, "print" | "pauseTask" | "resumeTask"),
        "tock:led" => true,
        _ => module.starts_with("mmio:") || module.starts_with("irq:"),
    }
}

/// What is known of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    /// 32 bits of it, or the halves of 64.
    Constant(u64),
    Global(u32),
    Less(u32),
    More(u32),
    /// A multiple of a constant: an index that is to be added to where something begins.
    Scaled,
}

/// Highest offset of an access that can be of a field; a higher one is where an array begins.
const FIELDS: u64 = 64;

/// Bits of the number of a byte in an ordinary page.
const PAGE_BITS: u64 = 16;

/// What becomes of the operands of a multiplication or a shift by a constant.
fn scaled(left: Known, right: Known) -> Known {
    match (left, right) {
        (Known::Constant(_), Known::Constant(_)) => Known::Nothing,
        (_, Known::Constant(_)) | (Known::Constant(_), _) => Known::Scaled,
        _ => Known::Nothing,
    }
}

/// The reading of one body.
pub(crate) struct Body<'a> {
    found: &'a mut Addresses,
    /// Callees of calls, by the index of the function; of an indirect one by its type.
    functions: &'a dyn Fn(u32) -> Option<Callee>,
    types: &'a dyn Fn(u32) -> Option<Callee>,
    stack: Vec<Known>,
    locals: BTreeMap<u32, Known>,
    counts_large_pages: bool,
}

impl<'a> Body<'a> {
    pub(crate) fn new(
        found: &'a mut Addresses,
        functions: &'a dyn Fn(u32) -> Option<Callee>,
        types: &'a dyn Fn(u32) -> Option<Callee>,
    ) -> Self {
        Self {
            found,
            functions,
            types,
            stack: Vec::new(),
            locals: BTreeMap::new(),
            counts_large_pages: false,
        }
    }

    /// Does it count in pages of 64 KiB, as far as it was read: shift by 16, divide or multiply by 65,536, round up to that?
    pub(crate) const fn counts_large_pages(&self) -> bool {
        self.counts_large_pages
    }

    /// Looks at the second operand of an instruction.
    fn counts(&mut self, operator: &Operator<'_>) {
        use Operator as O;
        const PAGE: u64 = 1 << PAGE_BITS;
        let Some(Known::Constant(value)) = self.stack.last().copied() else {
            return;
        };
        self.counts_large_pages |= match operator {
            O::I32Shl | O::I32ShrU | O::I32ShrS => value == PAGE_BITS,
            O::I32Mul | O::I32DivU | O::I32DivS | O::I32RemU | O::I32RemS => value == PAGE,
            O::I32Add => value == PAGE - 1,
            _ => false,
        };
    }

    fn pop(&mut self) -> Known {
        self.stack.pop().unwrap_or(Known::Nothing)
    }

    /// It may be used as an address by somebody.
    fn possible(&mut self, known: Known) {
        if let Known::Constant(value) = known {
            self.found.possible.insert(value & 0xffff_ffff);
            if value >> 32 != 0 {
                self.found.possible.insert(value >> 32);
            }
        }
    }

    /// So many operands that may be used as addresses.
    fn give_away(&mut self, count: usize) {
        for _ in 0..count {
            let known = self.pop();
            self.possible(known);
        }
    }

    /// So many operands that are numbers, whatever they are.
    fn numbers(&mut self, count: usize) {
        for _ in 0..count {
            self.pop();
        }
    }

    fn nothing(&mut self, count: usize) {
        self.stack
            .extend(std::iter::repeat_n(Known::Nothing, count));
    }

    /// An access of `width` bytes at what lies on the stack, and `offset` more.
    fn access(&mut self, offset: u64, width: u64) {
        match self.pop() {
            Known::Constant(value) => {
                let first = (value & 0xffff_ffff) + offset;
                self.found.accessed.insert((first, first + width));
            }
            known if known == Known::Scaled && offset < FIELDS => {
                self.found.without_base = true;
            }
            // An array that begins there, or a field of something.
            _ if offset > 0 => {
                self.found.possible.insert(offset);
            }
            _ => {}
        }
    }

    /// Something starts or ends here, and what is known may not hold any more.
    fn forget(&mut self) {
        self.give_away(self.stack.len());
        self.locals.clear();
    }

    fn call(&mut self, callee: Option<Callee>) {
        match callee {
            Some(callee) => {
                if callee.takes_numbers {
                    self.numbers(callee.parameters);
                } else {
                    self.give_away(callee.parameters);
                }
                self.nothing(callee.results);
            }
            None => self.forget(),
        }
    }

    pub(crate) fn operator(&mut self, operator: &Operator<'_>) {
        use Operator as O;
        self.counts(operator);
        if let Some((offset, width)) = load(operator) {
            self.access(offset, width);
            return self.nothing(1);
        }
        if let Some((offset, width)) = store(operator) {
            self.give_away(1);
            return self.access(offset, width);
        }
        match operator {
            O::Nop => {}
            O::I32Const { value } => self.stack.push(Known::Constant(u64::from(*value as u32))),
            O::I64Const { value } => self.stack.push(Known::Constant(*value as u64)),
            O::F32Const { .. } | O::F64Const { .. } => self.nothing(1),
            O::LocalGet { local_index } => {
                let known = self.locals.get(local_index).copied();
                self.stack.push(known.unwrap_or(Known::Nothing));
            }
            O::LocalSet { local_index } => {
                let known = self.pop();
                self.possible(known);
                self.locals.insert(*local_index, known);
            }
            O::LocalTee { local_index } => {
                let known = self.pop();
                self.possible(known);
                self.locals.insert(*local_index, known);
                self.stack.push(known);
            }
            O::GlobalGet { global_index } => self.stack.push(Known::Global(*global_index)),
            O::GlobalSet { global_index } => match self.pop() {
                Known::Less(global) if global == *global_index => {
                    self.found.descending.insert(global);
                }
                Known::More(global) if global == *global_index => {
                    self.found.ascending.insert(global);
                }
                known => self.possible(known),
            },
            O::I32Add => {
                let (right, left) = (self.pop(), self.pop());
                let sum = match (left, right) {
                    (known, Known::Constant(value)) | (Known::Constant(value), known)
                        if value >> 31 == 1 =>
                    {
                        match known {
                            Known::Global(global) | Known::Less(global) => Known::Less(global),
                            _ => Known::Nothing,
                        }
                    }
                    // A frame that is given back is not more than there was.
                    (Known::Less(_), _) | (_, Known::Less(_)) => Known::Nothing,
                    (Known::Global(global) | Known::More(global), _)
                    | (_, Known::Global(global) | Known::More(global)) => Known::More(global),
                    _ => Known::Nothing,
                };
                self.possible(left);
                self.possible(right);
                self.stack.push(sum);
            }
            O::I32Sub => {
                let (_, left) = (self.pop(), self.pop());
                self.possible(left);
                self.stack.push(match left {
                    Known::Global(global) | Known::Less(global) => Known::Less(global),
                    _ => Known::Nothing,
                });
            }
            // Frames are aligned so.
            O::I32And => {
                let (right, left) = (self.pop(), self.pop());
                self.stack.push(match (left, right) {
                    (Known::Less(global), _) | (_, Known::Less(global)) => Known::Less(global),
                    _ => Known::Nothing,
                });
            }
            O::I32Shl => {
                let (right, left) = (self.pop(), self.pop());
                // What is shifted is a number, a constant as well: `1 << n`.
                let known = match left {
                    Known::Constant(_) => Known::Nothing,
                    _ => scaled(left, right),
                };
                self.stack.push(known);
            }
            O::I32Mul => {
                let (right, left) = (self.pop(), self.pop());
                self.stack.push(scaled(left, right));
            }
            O::I32Or | O::I64Or | O::I64Add => {
                self.give_away(2);
                self.nothing(1);
            }
            O::Drop => self.numbers(1),
            O::Select | O::TypedSelect { .. } => {
                self.numbers(1);
                self.give_away(2);
                self.nothing(1);
            }
            O::BrIf { .. } | O::If { .. } | O::BrTable { .. } => {
                self.numbers(1);
                self.forget();
            }
            O::Call { function_index } => self.call((self.functions)(*function_index)),
            O::CallIndirect { type_index, .. } => {
                self.numbers(1);
                self.call((self.types)(*type_index));
            }
            O::MemorySize { .. } => self.nothing(1),
            O::MemoryGrow { .. } => {
                self.numbers(1);
                self.nothing(1);
            }
            other => match arithmetic(other) {
                Some(operands) => {
                    self.numbers(operands);
                    self.nothing(1);
                }
                // Also `memory.fill` and its like, control flow, and what is not understood.
                None => self.forget(),
            },
        }
    }

    /// The body is over.
    pub(crate) fn finish(mut self) {
        self.forget();
    }
}

/// Operands of an instruction that makes a number of numbers.
fn arithmetic(operator: &Operator<'_>) -> Option<usize> {
    use Operator as O;
    Some(match operator {
        O::I32Eqz
        | O::I64Eqz
        | O::I32Clz
        | O::I32Ctz
        | O::I32Popcnt
        | O::I64Clz
        | O::I64Ctz
        | O::I64Popcnt
        | O::I32Extend8S
        | O::I32Extend16S => 1,
        compares if is_comparison(compares) => 2,
        O::I32DivS
        | O::I32DivU
        | O::I32RemS
        | O::I32RemU
        | O::I32Xor
        | O::I32ShrS
        | O::I32ShrU
        | O::I32Rotl
        | O::I32Rotr
        | O::I64Mul
        | O::I64DivS
        | O::I64DivU
        | O::I64RemS
        | O::I64RemU
        | O::I64Xor
        | O::I64Sub
        | O::I64Shl
        | O::I64ShrS
        | O::I64ShrU => 2,
        _ => return None,
    })
}

/// Offset and width of a load.
fn load(operator: &Operator<'_>) -> Option<(u64, u64)> {
    use Operator as O;
    let (memarg, width) = match operator {
        O::I32Load8S { memarg }
        | O::I32Load8U { memarg }
        | O::I64Load8S { memarg }
        | O::I64Load8U { memarg } => (memarg, 1),
        O::I32Load16S { memarg }
        | O::I32Load16U { memarg }
        | O::I64Load16S { memarg }
        | O::I64Load16U { memarg } => (memarg, 2),
        O::I32Load { memarg }
        | O::F32Load { memarg }
        | O::I64Load32S { memarg }
        | O::I64Load32U { memarg } => (memarg, 4),
        O::I64Load { memarg } | O::F64Load { memarg } => (memarg, 8),
        _ => return None,
    };
    Some((memarg.offset, width))
}

/// Offset and width of a store.
fn store(operator: &Operator<'_>) -> Option<(u64, u64)> {
    use Operator as O;
    let (memarg, width) = match operator {
        O::I32Store8 { memarg } | O::I64Store8 { memarg } => (memarg, 1),
        O::I32Store16 { memarg } | O::I64Store16 { memarg } => (memarg, 2),
        O::I32Store { memarg } | O::F32Store { memarg } | O::I64Store32 { memarg } => (memarg, 4),
        O::I64Store { memarg } | O::F64Store { memarg } => (memarg, 8),
        _ => return None,
    };
    Some((memarg.offset, width))
}

/// Bytes of a pointer.
const WORD: u64 = 4;

/// Words of data that may be addresses, where segments lie at known places: as memory holds them, which is zero around
/// them. Linkers and optimisers leave zeros out, so that a word may end behind its segment, or stand in two.
pub(crate) fn in_segments(segments: &[(u32, &[u8])], found: &mut Addresses) {
    let around = |(start, data): &(u32, &[u8])| {
        let start = u64::from(*start);
        (
            start.saturating_sub(WORD - 1),
            start + data.len() as u64 + WORD - 1,
        )
    };
    let mut runs: Vec<(u64, u64)> = segments.iter().map(around).collect();
    runs.sort_unstable();
    runs.dedup_by(|next, run| {
        let touches = next.0 <= run.1;
        if touches {
            run.1 = run.1.max(next.1);
        }
        touches
    });
    for (first, end) in runs {
        let mut memory = vec![0; (end - first) as usize];
        // In their order: the last one stays.
        for (start, data) in segments {
            let place = u64::from(*start).checked_sub(first);
            let place = place.map(|place| place as usize);
            if let Some(bytes) = place.and_then(|place| memory.get_mut(place..place + data.len())) {
                bytes.copy_from_slice(data);
            }
        }
        in_data(&memory, first, found);
    }
}

/// Words of data that may be addresses: those that lie where a pointer would, and, apart from them, all others.
pub(crate) fn in_data(data: &[u8], start: u64, found: &mut Addresses) {
    for (place, bytes) in data.windows(4).enumerate() {
        let &[a, b, c, d] = bytes else { continue };
        let word = u32::from_le_bytes([a, b, c, d]);
        let is_aligned = (start + place as u64).is_multiple_of(4);
        // The end of a text is no pointer: letters, and the zeros behind them.
        let before = place.checked_sub(1).and_then(|before| data.get(before));
        let is_text = before.is_some_and(u8::is_ascii_graphic)
            && bytes
                .iter()
                .all(|byte| *byte == 0 || (0x20..0x7f).contains(byte) || *byte == b'\n');
        if word > 0 && is_aligned && !is_text {
            found.possible.insert(word.into());
        } else if word > 0 && !is_text {
            found.unaligned.insert(word.into());
        }
    }
}
