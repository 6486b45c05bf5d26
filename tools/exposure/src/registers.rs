//! Entries that name registers: masks, safe states, clear rules.
//!
//! Besides names and widths, what is checked here is that hardware does not do more
//! than the entry says. The kernel writes bits outside a mask back as it read them,
//! or as zero where reading or writing a one acts; where neither leaves
//! them alone, the entry is refused.

use svd_parser::svd::Access;

use crate::model;
use crate::problem::Problem;
use crate::report::list;
use crate::svd::{Field, Peripheral, Register, Skipped, WriteEffect};
use crate::text::number;

/// The block that entries refer to.
pub(crate) struct Registers<'a> {
    pub(crate) label: &'a str,
    /// Bytes.
    pub(crate) length: u32,
    pub(crate) peripheral: &'a Peripheral,
    /// Registers that may be read though it has an effect.
    pub(crate) read_effects: &'a [&'a str],
    /// Registers of which the manufacturer says that reading has an effect; empty: none has.
    pub(crate) reading_acts: Option<&'a [&'a str]>,
}

/// How a mask entry looks.
pub(crate) const MASK_FORM: &str = "\"<register> r|w|rw <mask>\"";
/// How a safe-state entry looks.
pub(crate) const SAFE_FORM: &str = "\"<register> <value> <mask>\"";
/// How a clear entry looks.
pub(crate) const CLEAR_FORM: &str = "\"<register> <value>\"";
/// How an entry looks that says where an interrupt is told.
pub(crate) const RAISED_FORM: &str = "\"<register> <mask>\"";

impl<'a> Registers<'a> {
    /// A register by its name, sound and inside the block.
    pub(crate) fn named(&self, name: &str) -> Result<&'a Register, Problem> {
        let found = self.peripheral.register(name);
        let found = found.map_err(|names| Problem::Ambiguous {
            label: self.label.to_owned(),
            register: name.to_owned(),
            names: list(names.iter()),
        })?;
        let odd = |skipped: &Skipped| Problem::OddRegister {
            label: self.label.to_owned(),
            register: name.to_owned(),
            odd: skipped.name.clone(),
            reason: skipped.reason.clone(),
        };
        let skipped = &self.peripheral.skipped;
        if let (None, Some(same)) = (found, skipped.iter().find(|s| s.may_be(name))) {
            return Err(odd(same));
        }
        let register = found.ok_or_else(|| {
            let known = self.peripheral.registers.iter().map(|r| &r.name);
            Problem::NoRegister {
                label: self.label.to_owned(),
                register: name.to_owned(),
                known: match self.peripheral.registers.is_empty() {
                    true => list(
                        skipped
                            .iter()
                            .map(|s| format!("none ({}: {})", s.name, s.reason)),
                    ),
                    false => list(known),
                },
            }
        })?;
        let shares = |skipped: &&Skipped| skipped.shares(register.offset, register.end());
        if let Some(sharing) = skipped.iter().find(shares) {
            return Err(odd(sharing));
        }
        let (size, offset) = (register.size, register.offset);
        let name = name.to_owned();
        if !matches!(size, 8 | 16 | 32) || offset % (size / 8) != 0 {
            return Err(Problem::RegisterShape {
                register: name,
                size,
                offset,
            });
        }
        if register.end() > self.length {
            return Err(Problem::RegisterOutside {
                label: self.label.to_owned(),
                register: name,
                offset,
                length: self.length,
            });
        }
        Ok(register)
    }

    /// What reading a register does, by the SVD file or the manufacturer.
    pub(crate) fn read_effect(&self, register: &Register) -> Option<&'static str> {
        let shares = |name: &&str| {
            let named = self.peripheral.register(name).ok().flatten();
            named
                .is_some_and(|named| named.offset < register.end() && register.offset < named.end())
        };
        match self.reading_acts {
            Some([]) => None,
            Some(names) if names.iter().any(shares) => Some("reading-acts"),
            _ => self.peripheral.read_effect(register),
        }
    }

    /// Returns whether the manufacturer permits reading the bytes of a register though it has an effect.
    pub(crate) fn permits(&self, register: &Register) -> bool {
        self.read_effects.iter().any(|name| {
            let named = self.peripheral.register(name).ok().flatten();
            named
                .is_some_and(|named| named.offset < register.end() && register.offset < named.end())
        })
    }

    /// A register with the effects of all that shares its bytes.
    fn united(&self, register: &Register) -> Register {
        let mut united = self.peripheral.united(register);
        united.read_effect = self.read_effect(register);
        united
    }

    /// `"CONTROL rw 0x3"`.
    pub(crate) fn mask(&self, text: &str) -> Result<model::Register, Problem> {
        let (name, access, mask) = three(text, "masks", MASK_FORM)?;
        let (reads, writes) = match access {
            "r" => (true, false),
            "w" => (false, true),
            "rw" => (true, true),
            _ => return Err(malformed(text, "masks", MASK_FORM)),
        };
        let mask = number(mask).ok_or_else(|| malformed(text, "masks", MASK_FORM))?;
        let register = self.named(name)?;
        let mask = bits(register, mask)?;
        // Of `rw` each bit has what its field has; the words alone ask for all bits.
        let (can_read, can_write) = allowed(register, mask);
        let (read, write) = match (reads, writes) {
            (true, true) => (can_read, can_write),
            _ => (mask, mask),
        };
        if reads {
            readable(register)?;
            field_access(register, read, can_read, "read", "write-only")?;
            if let Some(effect) = self.read_effect(register)
                && !self.permits(register)
            {
                let register = name.to_owned();
                return Err(Problem::ReadEffect { register, effect });
            }
        }
        let mut zero_rest = false;
        if writes {
            writable(register)?;
            field_access(register, write, can_write, "written", "read-only")?;
            let register = &self.united(register);
            zero_rest = match rest(register, write) {
                Rest::Zero => true,
                Rest::Keep if !reads && unwritten(register, write) != 0 => {
                    return Err(partial(
                        register,
                        write,
                        "a register that is exposed for writing only is not read",
                        "expose it as rw, or all its bits",
                    ));
                }
                Rest::Keep => false,
                Rest::Impossible(why) => {
                    return Err(partial(register, write, why, "expose all its bits"));
                }
            };
        }
        Ok(model::Register {
            name: name.to_owned(),
            offset: register.offset,
            size: register.size,
            read: if reads { read } else { 0 },
            write: if writes { write } else { 0 },
            zero_rest,
        })
    }

    /// `"CONTROL 0x3 0x3"`; `exposed`: the registers the block exposes one by one.
    pub(crate) fn safe_state(
        &self,
        text: &str,
        exposed: &[model::Register],
    ) -> Result<model::RegisterWrite, Problem> {
        let wrong = || malformed(text, "safe-state", SAFE_FORM);
        let (name, value, mask) = three(text, "safe-state", SAFE_FORM)?;
        let (value, mask) = (
            number(value).ok_or_else(wrong)?,
            number(mask).ok_or_else(wrong)?,
        );
        let register = self.named(name)?;
        // The manufacturer's own write may set reserved bits to what the manual asks.
        let mask = narrow(register, mask)?;
        if mask == 0 {
            return Err(Problem::EmptyMask(name.to_owned()));
        }
        let value = narrow(register, value)?;
        if value & !mask != 0 {
            return Err(Problem::OutsideMask {
                register: name.to_owned(),
                value,
                mask,
            });
        }
        writable(register)?;
        let fields = register.fields.iter().fold(0, |all, f| all | f.mask);
        let (_, can_write) = allowed(register, mask);
        if value & fields & !can_write != 0 {
            field_access(register, value & fields, can_write, "written", "read-only")?;
        }
        let register = &self.united(register);
        let whole = mask == register.all();
        let zeroed = exposed
            .iter()
            .any(|e| e.offset == register.offset && (e.zero_rest || e.read == 0));
        let why = match rest(register, mask) {
            _ if whole => None,
            Rest::Impossible(why) => Some(why),
            Rest::Zero if !zeroed && register.read_effect.is_some() => {
                Some("reading them to write them back has an effect")
            }
            Rest::Zero if !zeroed && unwritten(register, mask) != 0 => {
                Some("writing back a one acts")
            }
            Rest::Keep if zeroed && unwritten(register, mask) != 0 => {
                Some("a register that is exposed for writing only is not read")
            }
            Rest::Keep | Rest::Zero => None,
        };
        if let Some(why) = why {
            return Err(partial(register, mask, why, "give a mask of all its bits"));
        }
        Ok(write(register, value, mask))
    }

    /// `"INTSTATUS 0x2"`.
    pub(crate) fn clear(&self, text: &str) -> Result<model::RegisterWrite, Problem> {
        let wrong = || malformed(text, "clear", CLEAR_FORM);
        let words: Vec<_> = text.split_whitespace().collect();
        let [name, value] = words[..] else {
            return Err(wrong());
        };
        let value = number(value).ok_or_else(wrong)?;
        let register = self.named(name)?;
        let value = narrow(register, value)?;
        writable(register)?;
        Ok(write(register, value, register.all()))
    }

    /// `"MIS 0x1"`.
    pub(crate) fn raised(&self, text: &str) -> Result<model::Raised, Problem> {
        let wrong = || malformed(text, "raised", RAISED_FORM);
        let words: Vec<_> = text.split_whitespace().collect();
        let [name, mask] = words[..] else {
            return Err(wrong());
        };
        let mask = number(mask).ok_or_else(wrong)?;
        let register = self.named(name)?;
        let (name, offset) = (register.name.clone(), register.offset);
        if register.size != 32 {
            let size = register.size;
            return Err(Problem::RegisterShape {
                register: name,
                size,
                offset,
            });
        }
        let mask = bits(register, mask)?;
        readable(register)?;
        let (can_read, _) = allowed(register, mask);
        field_access(register, mask, can_read, "read", "write-only")?;
        match self.read_effect(register) {
            // Whether permitted or not: it is read whoever raised the line.
            Some(effect) => Err(Problem::ReadEffect {
                register: name,
                effect,
            }),
            None => Ok(model::Raised {
                register: name,
                offset,
                mask,
            }),
        }
    }
}

fn write(register: &Register, value: u32, mask: u32) -> model::RegisterWrite {
    model::RegisterWrite {
        register: register.name.clone(),
        offset: register.offset,
        size: register.size,
        value,
        mask,
    }
}

fn malformed(text: &str, name: &'static str, form: &'static str) -> Problem {
    Problem::Entry {
        name,
        text: text.to_owned(),
        form,
    }
}

fn three<'t>(
    text: &'t str,
    name: &'static str,
    form: &'static str,
) -> Result<(&'t str, &'t str, &'t str), Problem> {
    let words: Vec<_> = text.split_whitespace().collect();
    match words[..] {
        [a, b, c] => Ok((a, b, c)),
        _ => Err(malformed(text, name, form)),
    }
}

/// A value as wide as the register.
fn narrow(register: &Register, value: u64) -> Result<u32, Problem> {
    u32::try_from(value)
        .ok()
        .filter(|value| value & !register.all() == 0)
        .ok_or_else(|| Problem::TooWide {
            register: register.name.clone(),
            mask: value,
            size: register.size,
        })
}

/// A mask of bits that are in fields.
fn bits(register: &Register, mask: u64) -> Result<u32, Problem> {
    let mask = narrow(register, mask)?;
    if mask == 0 {
        return Err(Problem::EmptyMask(register.name.clone()));
    }
    let fields = register.fields.iter().fold(0, |all, f| all | f.mask);
    match mask & !fields {
        0 => Ok(mask),
        bits => Err(Problem::NoField {
            register: register.name.clone(),
            bits,
        }),
    }
}

fn readable(register: &Register) -> Result<(), Problem> {
    if register.access.can_read() {
        return Ok(());
    }
    Err(Problem::Access {
        register: register.name.clone(),
        what: "read",
        access: Access::as_str(register.access),
        remedy: "expose it as w",
    })
}

/// The bits of a mask that some field of theirs lets be read, and those that one lets be written.
fn allowed(register: &Register, mask: u32) -> (u32, u32) {
    let all = |is: &dyn Fn(&Field) -> bool| {
        let fields = register.fields.iter().filter(|field| is(field));
        fields.fold(0, |all, field| all | field.mask) & mask
    };
    (all(&|field| field.readable), all(&|field| field.writable))
}

/// That the fields of `asked` bits let them be read or written: `allowed` are those that do.
fn field_access(
    register: &Register,
    asked: u32,
    allowed: u32,
    what: &'static str,
    access: &'static str,
) -> Result<(), Problem> {
    match asked & !allowed {
        // Nothing is left of `rw`.
        _ if asked == 0 => Err(Problem::Access {
            register: format!("what is exposed of {}", register.name),
            what,
            access,
            remedy: match what {
                "read" => "expose it as w",
                _ => "only read it",
            },
        }),
        0 => Ok(()),
        bits => Err(Problem::Access {
            register: format!("the field with the bits {bits:#x} of {}", register.name),
            what,
            access,
            remedy: "remove these bits, or write rw: each bit then has what its field has",
        }),
    }
}

fn writable(register: &Register) -> Result<(), Problem> {
    if register.access.can_write() {
        return Ok(());
    }
    Err(Problem::Access {
        register: register.name.clone(),
        what: "written",
        access: Access::as_str(register.access),
        remedy: "only read it",
    })
}

/// What must become of the bits of a register that a write leaves out.
enum Rest {
    /// Read and written back.
    Keep,
    /// Written as zero.
    Zero,
    /// They would change either way.
    Impossible(&'static str),
}

/// Bits outside `mask` that a write could change.
fn unwritten(register: &Register, mask: u32) -> u32 {
    let writable = register.fields.iter().filter(|f| f.writable);
    writable.fold(0, |all, f| all | f.mask) & !mask
}

fn rest(register: &Register, mask: u32) -> Rest {
    let beside = |effect: WriteEffect| {
        register
            .fields
            .iter()
            .any(|f| f.writable && f.effect == effect && f.mask & !mask != 0)
    };
    let mut others = register
        .fields
        .iter()
        .filter(|f| f.writable && f.mask & !mask != 0);
    if others.clone().any(|f| f.once) {
        return Rest::Impossible("some of them can be written only once");
    }
    if others.any(|f| f.effect == WriteEffect::Stores && !f.readable) {
        return Rest::Impossible("they cannot be read to write them back");
    }
    let stores = beside(WriteEffect::Stores);
    if beside(WriteEffect::OtherActs) {
        return Rest::Impossible("any write to them acts");
    }
    if stores && beside(WriteEffect::OneActs) {
        return Rest::Impossible("some keep their value and in others a one acts");
    }
    if stores && register.read_effect.is_some() {
        return Rest::Impossible("reading them to write them back has an effect");
    }
    if stores && !register.access.can_read() {
        return Rest::Impossible("they cannot be read to write them back");
    }
    let one_acts = register
        .fields
        .iter()
        .any(|f| f.effect == WriteEffect::OneActs);
    if stores || !(one_acts || register.read_effect.is_some()) {
        Rest::Keep
    } else {
        Rest::Zero
    }
}

fn partial(register: &Register, mask: u32, why: &'static str, remedy: &'static str) -> Problem {
    Problem::PartialWrite {
        register: register.name.clone(),
        mask,
        // Reserved bits are written too, where no field is.
        rest: match unwritten(register, mask) {
            0 => register.all() & !mask,
            rest => rest,
        },
        why,
        remedy,
    }
}
