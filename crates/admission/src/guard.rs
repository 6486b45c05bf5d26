//! What the engine cannot do, changed in a module before it goes to a device.
//!
//! A `return_call` of an imported function becomes a call and a return. Nothing else changes, and a
//! module without one comes back as it is.

use alloc::vec::Vec;

use super::Malformed;
use super::code;
use super::entries::is_tail_call_out;
use super::imports::Imports;
use super::reader::Reader;

/// Numbers of the sections that are looked at.
const IMPORT: u8 = 2;
const CODE: u8 = 10;
const CALL: u8 = 0x10;
const RETURN: u8 = 0x0f;

/// Returns `image` with every such place changed, and how many there were.
///
/// # Errors
///
/// If it is no module, or one with instructions that containers cannot have.
pub fn guard(image: &[u8]) -> Result<(Vec<u8>, u32), Malformed> {
    let mut guarded = 0;
    let mut output = Vec::with_capacity(image.len());
    let mut reader = Reader::new(image, 0);
    output.extend_from_slice(reader.slice(8)?);
    let mut imported = 0;
    while !reader.is_empty() {
        let (id, mut body) = reader.section()?;
        output.push(id);
        if id == IMPORT {
            let imports = Imports::new(Some(body)).flatten();
            imported = imports.filter(|i| i.function_type.is_some()).count() as u32;
        }
        if id == CODE {
            let (code, more) = section(&mut body, imported)?;
            guarded += more;
            sized(&mut output, &code);
        } else {
            let whole = body.left();
            sized(&mut output, body.slice(whole)?);
        }
    }
    Ok((output, guarded))
}

/// Returns the contents of a code section, changed.
fn section(section: &mut Reader<'_>, imported: u32) -> Result<(Vec<u8>, u32), Malformed> {
    let mut output = Vec::new();
    let mut guarded = 0;
    let bodies = section.u32()?;
    number(&mut output, bodies);
    for _ in 0..bodies {
        let length = section.u32()?;
        let (body, more) = function(section.part(length)?, imported)?;
        guarded += more;
        sized(&mut output, &body);
    }
    Ok((output, guarded))
}

/// Returns one function's locals and instructions, changed.
fn function(mut reader: Reader<'_>, imported: u32) -> Result<(Vec<u8>, u32), Malformed> {
    let mut output = Vec::new();
    let mut guarded = 0;
    // What is not written yet.
    let mut rest = reader;
    for _ in 0..reader.u32()? {
        reader.u32()?;
        reader.byte()?;
    }
    code::expression(&mut reader, |mut at| {
        if let Some(callee) = is_tail_call_out(at, imported) {
            guarded += 1;
            output.extend_from_slice(rest.slice(at.offset() - rest.offset())?);
            output.push(CALL);
            number(&mut output, callee);
            output.push(RETURN);
            at.byte()?;
            at.u32()?;
            rest = at;
        }
        Ok(())
    })?;
    let left = rest.left();
    output.extend_from_slice(rest.slice(left)?);
    Ok((output, guarded))
}

/// Writes `bytes` behind their length.
fn sized(output: &mut Vec<u8>, bytes: &[u8]) {
    // Parts of an image that was read with lengths of 32 bits, and a fraction more.
    number(output, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    output.extend_from_slice(bytes);
}

/// Writes an unsigned LEB128 number.
fn number(output: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        output.push(value as u8 | 0x80);
        value >>= 7;
    }
    output.push(value as u8);
}
