//! Types of values and functions, as a module's type section has them.

use super::Malformed;
use super::reader::Reader;

/// Most parameters and results of a function type together.
const TYPE_VALUES: u32 = 32;

/// Parameters and results of the type `index` of a type section.
pub(super) fn type_at(types: Option<Reader<'_>>, index: u32) -> Option<(&[u8], &[u8])> {
    let mut reader = types?;
    let count = reader.u32().ok()?;
    if index >= count {
        return None;
    }
    for _ in 0..index {
        function_type(&mut reader).ok()?;
    }
    function_type(&mut reader).ok()
}

/// A value type; the reference types of later proposals take more bytes and
/// are refused.
pub(super) fn value_type(reader: &mut Reader<'_>) -> Result<u8, Malformed> {
    let start = *reader;
    match reader.byte()? {
        known @ (0x7c..=0x7f | 0x70 | 0x6f) => Ok(known),
        _ => Err(start.error("unknown value type")),
    }
}

/// A function type: its parameters and results, as type bytes.
pub(super) fn function_type<'a>(
    reader: &mut Reader<'a>,
) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let start = *reader;
    if reader.byte()? != 0x60 {
        return Err(start.error("not a function type"));
    }
    let values = |reader: &mut Reader<'a>| {
        let count = reader.u32()?;
        if count > TYPE_VALUES {
            return Err(start.error("too many parameters or results"));
        }
        let slice = reader.slice(count)?;
        let mut check = Reader::new(slice, start.offset());
        while !check.is_empty() {
            value_type(&mut check)?;
        }
        Ok(slice)
    };
    Ok((values(reader)?, values(reader)?))
}
