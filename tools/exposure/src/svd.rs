//! The registers of the board's peripherals, from its SVD file.

use svd_parser::svd::{Access, FieldInfo, ModifiedWriteValues, ReadAction, RegisterInfo};

/// What a write of a bit does, as far as it concerns bits beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteEffect {
    /// It stores the bit.
    Stores,
    /// A one acts, a zero does nothing.
    OneActs,
    /// A zero, or any write, acts.
    OtherActs,
}

/// Bits of a register that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// `None`: all of a register that has no fields.
    pub(crate) name: Option<String>,
    pub(crate) mask: u32,
    pub(crate) writable: bool,
    /// What was written can be read, to be written back.
    pub(crate) readable: bool,
    /// Only its first write counts.
    pub(crate) once: bool,
    pub(crate) effect: WriteEffect,
}

/// One register.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    pub(crate) name: String,
    /// The name of the peripheral that has it.
    pub(crate) peripheral: String,
    pub(crate) offset: u32,
    /// In bits.
    pub(crate) size: u32,
    pub(crate) access: Access,
    /// What reading does, if it does something.
    pub(crate) read_effect: Option<&'static str>,
    /// Not empty: a register without fields is one field.
    pub(crate) fields: Vec<Field>,
    /// Those of the bits above the 32nd, with the number of their word.
    upper: Vec<(u32, Field)>,
}

impl Register {
    /// All bits.
    pub(crate) fn all(&self) -> u32 {
        u32::MAX >> (32 - self.size.clamp(1, 32))
    }

    /// First byte offset after it.
    pub(crate) fn end(&self) -> u32 {
        self.offset.saturating_add(self.size.div_ceil(8))
    }

    /// Returns whether it is called so.
    fn goes_by(&self, name: &str) -> bool {
        let own = |(peripheral, register)| peripheral == self.peripheral && register == self.name;
        name == self.name || name.split_once('.').is_some_and(own)
    }

    /// A name that no other register has.
    fn full(&self) -> String {
        format!("{}.{}@{:#x}", self.peripheral, self.name, self.offset)
    }
}

/// The registers at the addresses of a block, of however many peripherals.
#[derive(Clone, Debug)]
pub(crate) struct Peripheral {
    /// The file's name for the one that begins where the block does.
    pub(crate) name: String,
    /// By offset.
    pub(crate) registers: Vec<Register>,
    /// Those that make no sense.
    pub(crate) skipped: Vec<Skipped>,
    /// Name and first address of those that begin elsewhere than the block and have registers in it.
    pub(crate) inside: Vec<(String, u64)>,
    /// How many other peripherals of the file were not looked at.
    pub(crate) unwanted: usize,
}

/// A register of which the file says where it is, and otherwise nothing that makes sense.
#[derive(Clone, Debug)]
pub(crate) struct Skipped {
    pub(crate) name: String,
    /// Its first byte from the start of the block, or the block's first.
    pub(crate) start: u64,
    /// First byte behind it at the latest.
    pub(crate) end: u64,
    pub(crate) reason: String,
}

impl Skipped {
    /// Returns whether `name` may be its name: `R2` that of an array `R%s` or `R[%s]`.
    pub(crate) fn may_be(&self, name: &str) -> bool {
        let own = self.name.replace("[%s]", "%s");
        match own.split_once("%s") {
            Some((before, behind)) => {
                let rest = name.strip_prefix(before);
                self.name == name || rest.is_some_and(|rest| rest.ends_with(behind))
            }
            None => own == name,
        }
    }

    /// Returns whether it may have a byte of the block from `start` up to `end`.
    pub(crate) fn shares(&self, start: u32, end: u32) -> bool {
        self.start < u64::from(end) && u64::from(start) < self.end
    }
}

impl Peripheral {
    /// The register that `name` names: its own name, `PERIPHERAL.NAME` where several peripherals have
    /// registers at the block's addresses, or `NAME@OFFSET` where nothing else tells it from another.
    /// Nothing if there is none; the full names of all if there are several.
    pub(crate) fn register(&self, name: &str) -> Result<Option<&Register>, Vec<String>> {
        let (bare, offset) = match name.rsplit_once('@') {
            Some((bare, offset)) => (bare, crate::text::number(offset)),
            None => (name, None),
        };
        let is = |register: &&Register| match offset {
            Some(offset) => register.goes_by(bare) && u64::from(register.offset) == offset,
            None => register.goes_by(name),
        };
        let found: Vec<_> = self.registers.iter().filter(is).collect();
        let Some(first) = found.first() else {
            return Ok(None);
        };
        // Several views of one register have one meaning.
        let same = |other: &&&Register| {
            (other.offset, other.size) == (first.offset, first.size) && other.access == first.access
        };
        if found.iter().all(|other| same(&other)) {
            return Ok(Some(first));
        }
        Err(found.iter().map(|register| register.full()).collect())
    }

    /// All registers that have a byte in common with one, itself included.
    pub(crate) fn sharing(&self, register: &Register) -> impl Iterator<Item = &Register> {
        let (start, end) = (register.offset, register.end());
        let shares = move |other: &&Register| other.offset < end && start < other.end();
        self.registers.iter().filter(shares)
    }

    /// What reading a register's bytes does, whatever name it is said of.
    pub(crate) fn read_effect(&self, register: &Register) -> Option<&'static str> {
        self.sharing(register).find_map(|other| other.read_effect)
    }

    /// The register with the effects of everything that shares its bytes.
    pub(crate) fn united(&self, register: &Register) -> Register {
        let mut united = register.clone();
        united.read_effect = self.read_effect(register);
        for other in self.sharing(register) {
            let shift = 8 * (i64::from(other.offset) - i64::from(register.offset));
            let lower = other.fields.iter().map(|field| (field, shift));
            let upper = other.upper.iter();
            let upper = upper.map(|(word, field)| (field, shift + 32 * i64::from(*word)));
            for (field, shift) in lower.chain(upper) {
                let mask = match u32::try_from(shift.unsigned_abs()) {
                    Ok(by) if shift < 0 => field.mask.checked_shr(by),
                    Ok(by) => field.mask.checked_shl(by),
                    Err(_) => None,
                };
                let mask = mask.unwrap_or(0) & register.all();
                let field = Field {
                    mask,
                    ..field.clone()
                };
                let same = |own: &Field| *own == field;
                if mask != 0 && field.writable && !united.fields.iter().any(same) {
                    united.fields.push(field);
                }
            }
        }
        united
    }
}

/// A name as it may stand in a message or in source that is made of it: one line of letters that are seen.
pub(crate) fn shown(name: &str) -> String {
    let seen = |c: char| c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric();
    let shown = name.chars().map(|c| if seen(c) { c } else { '_' });
    shown.collect()
}

/// One register of the parser, `offset` bytes from the start of the block.
pub(crate) fn register(info: &RegisterInfo, peripheral: &str, offset: u32) -> Register {
    let size = info.properties.size.unwrap_or(32);
    let access = info.properties.access.unwrap_or(Access::ReadWrite);
    let fields = info.fields.as_deref().unwrap_or_default();
    let read_action = fields
        .iter()
        .find_map(|field| field.read_action)
        .or(info.read_action);
    let mut register = Register {
        name: shown(&info.name),
        peripheral: shown(peripheral),
        offset,
        size,
        access,
        read_effect: read_action.map(ReadAction::as_str),
        fields: Vec::new(),
        upper: Vec::new(),
    };
    let mut all: Vec<_> = fields.iter().map(|f| self::bits(f, info, access)).collect();
    if all.is_empty() {
        all.push(Bits {
            name: None,
            first: 0,
            count: size,
            access,
            effect: effect(info.modified_write_values),
        });
    }
    register.fields = all.iter().map(|bits| bits.in_word(0)).collect();
    let words = 1..size.div_ceil(32);
    register.upper = words
        .flat_map(|word| all.iter().map(move |bits| (word, bits.in_word(word))))
        .filter(|(_, field)| field.mask != 0)
        .collect();
    register
}

/// A field of a register of any width.
struct Bits {
    name: Option<String>,
    first: u32,
    count: u32,
    access: Access,
    effect: WriteEffect,
}

impl Bits {
    /// What of it is in a word of the register.
    fn in_word(&self, word: u32) -> Field {
        let start = i64::from(word) * 32;
        let from = (i64::from(self.first) - start).clamp(0, 32);
        let end = (i64::from(self.first) + i64::from(self.count) - start).clamp(from, 32);
        Field {
            name: self.name.clone(),
            mask: ((1_u64 << end) - (1_u64 << from)) as u32,
            writable: self.access.can_write(),
            readable: self.access.can_read(),
            once: is_once(self.access),
            effect: self.effect,
        }
    }
}

fn bits(field: &FieldInfo, register: &RegisterInfo, access: Access) -> Bits {
    Bits {
        name: Some(shown(&field.name)),
        first: field.bit_range.offset,
        count: field.bit_range.width,
        access: field.access.unwrap_or(access),
        effect: effect(
            field
                .modified_write_values
                .or(register.modified_write_values),
        ),
    }
}

fn is_once(access: Access) -> bool {
    matches!(access, Access::WriteOnce | Access::ReadWriteOnce)
}

fn effect(values: Option<ModifiedWriteValues>) -> WriteEffect {
    use ModifiedWriteValues::{Modify, OneToClear, OneToSet, OneToToggle};
    match values {
        None | Some(Modify) => WriteEffect::Stores,
        Some(OneToClear | OneToSet | OneToToggle) => WriteEffect::OneActs,
        Some(_) => WriteEffect::OtherActs,
    }
}
