//! The registers of the board's peripherals, from its SVD file.

use std::fs;
use std::path::Path;

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
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) mask: u32,
    pub(crate) writable: bool,
    pub(crate) effect: WriteEffect,
}

/// One register.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    pub(crate) name: String,
    pub(crate) offset: u32,
    /// In bits.
    pub(crate) size: u32,
    pub(crate) access: Access,
    /// What reading does, if it does something.
    pub(crate) read_effect: Option<&'static str>,
    /// Not empty: a register without fields is one field.
    pub(crate) fields: Vec<Field>,
}

impl Register {
    /// All bits.
    pub(crate) fn all(&self) -> u32 {
        u32::MAX >> (32 - self.size.clamp(1, 32))
    }

    /// First byte offset after it.
    pub(crate) fn end(&self) -> u32 {
        self.offset.saturating_add(self.size / 8)
    }
}

/// One peripheral.
#[derive(Clone, Debug)]
pub(crate) struct Peripheral {
    pub(crate) base: u64,
    /// By offset.
    pub(crate) registers: Vec<Register>,
}

impl Peripheral {
    pub(crate) fn register(&self, name: &str) -> Option<&Register> {
        self.registers.iter().find(|register| register.name == name)
    }
}

/// All peripherals of the file, or why there are none.
pub(crate) fn read(path: &Path) -> Result<Vec<Peripheral>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let config = svd_parser::Config::default()
        .expand(true)
        .expand_properties(true);
    // `{:#}`: with the causes.
    let device =
        svd_parser::parse_with_config(&text, &config).map_err(|error| format!("{error:#}"))?;
    Ok(device
        .peripherals
        .iter()
        .map(|peripheral| {
            let mut registers: Vec<_> = peripheral.all_registers().map(|r| register(r)).collect();
            registers.sort_by_key(|register| register.offset);
            Peripheral {
                base: peripheral.base_address,
                registers,
            }
        })
        .collect())
}

fn register(info: &RegisterInfo) -> Register {
    let size = info.properties.size.unwrap_or(32);
    let access = info.properties.access.unwrap_or(Access::ReadWrite);
    let fields = info.fields.as_deref().unwrap_or_default();
    let read_action = fields
        .iter()
        .find_map(|field| field.read_action)
        .or(info.read_action);
    let mut register = Register {
        name: info.name.clone(),
        offset: info.address_offset,
        size,
        access,
        read_effect: read_action.map(ReadAction::as_str),
        fields: Vec::new(),
    };
    register.fields = fields
        .iter()
        .map(|field| self::field(field, info, access))
        .collect();
    if register.fields.is_empty() {
        register.fields.push(Field {
            mask: register.all(),
            writable: access.can_write(),
            effect: effect(info.modified_write_values),
        });
    }
    register
}

fn field(field: &FieldInfo, register: &RegisterInfo, access: Access) -> Field {
    let (offset, width) = (field.bit_range.offset, field.bit_range.width);
    let bits = u64::MAX
        .checked_shr(64u32.saturating_sub(width))
        .unwrap_or(0);
    // Bits above the 32nd are those of a register that is refused for its size.
    let mask = bits.checked_shl(offset).unwrap_or(0) as u32;
    Field {
        mask,
        writable: field.access.unwrap_or(access).can_write(),
        effect: effect(
            field
                .modified_write_values
                .or(register.modified_write_values),
        ),
    }
}

fn effect(values: Option<ModifiedWriteValues>) -> WriteEffect {
    use ModifiedWriteValues::{Modify, OneToClear, OneToSet, OneToToggle};
    match values {
        None | Some(Modify) => WriteEffect::Stores,
        Some(OneToClear | OneToSet | OneToToggle) => WriteEffect::OneActs,
        Some(_) => WriteEffect::OtherActs,
    }
}
