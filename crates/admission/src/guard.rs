//! Code changed so that the engine gets it right.
//!
//! A `select` that [`Fusion`](super::fused) does not let pass gets something before it that is
//! surely translated and leaves the condition as true or false as it was. Where the condition is
//! `i32.eqz`, it is compared as an `i64`, which costs nothing; else it is rotated by one bit.
//! A `return_call` of an imported function becomes a call and a return.
//! Nothing else changes, and a module that passes comes back as it is.

use alloc::vec::Vec;

use super::Malformed;
use super::code::Walk;
use super::entries::is_tail_call_out;
use super::fused::{Effect, Fusion};
use super::imports::Imports;
use super::reader::Reader;

const I32_EQZ: u8 = 0x45;
/// `i64.extend_i32_u`, `i64.eqz`.
const EQZ_AS_I64: [u8; 2] = [0xad, 0x50];
/// `i32.const 1`, `i32.rotl`.
const ROTATE: [u8; 3] = [0x41, 0x01, 0x77];
/// Numbers of the sections that are looked at.
const IMPORT: u8 = 2;
const CODE: u8 = 10;
const CALL: u8 = 0x10;
const RETURN: u8 = 0x0f;

/// Returns `image` with every place guarded, and how many had to be.
///
/// # Errors
///
/// If it is no module, or has instructions that containers cannot have.
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
            let (code, more) = code(&mut body, imported)?;
            guarded += more;
            sized(&mut output, &code);
        } else {
            let whole = body.left();
            sized(&mut output, body.slice(whole)?);
        }
    }
    Ok((output, guarded))
}

/// Returns the contents of a code section, guarded.
fn code(section: &mut Reader<'_>, imported: u32) -> Result<(Vec<u8>, u32), Malformed> {
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

/// Returns one function's locals and instructions, guarded.
fn function(mut reader: Reader<'_>, imported: u32) -> Result<(Vec<u8>, u32), Malformed> {
    let mut output = Vec::new();
    let mut guarded = 0;
    let mut locals = reader;
    for _ in 0..reader.u32()? {
        reader.u32()?;
        reader.byte()?;
    }
    output.extend_from_slice(locals.slice(reader.offset() - locals.offset())?);
    let mut walk = Walk::default();
    let mut fusion = Fusion::new();
    // What was known before an `i32.eqz` that is the last instruction written.
    let mut before_eqz = None;
    loop {
        let start = reader;
        let mut instruction = reader;
        let Some(effect) = walk.step(&mut reader)? else {
            break;
        };
        let bytes = instruction.slice(reader.offset() - instruction.offset())?;
        let before = fusion;
        if fusion.read(effect) {
            guarded += 1;
            fusion = before;
            match before_eqz.and_then(compared_as_i64) {
                Some(compared) => {
                    output.pop();
                    output.extend_from_slice(&EQZ_AS_I64);
                    fusion = compared;
                }
                None => {
                    output.extend_from_slice(&ROTATE);
                    fusion.read(Effect::Constant(1));
                    fusion.read(Effect::Shift);
                }
            }
            fusion.read(effect);
        }
        match is_tail_call_out(start, imported) {
            Some(callee) => {
                guarded += 1;
                output.push(CALL);
                number(&mut output, callee);
                output.push(RETURN);
            }
            None => output.extend_from_slice(bytes),
        }
        before_eqz = (bytes == [I32_EQZ]).then_some(before);
    }
    // The `end` and whatever a validator will say about.
    let rest = reader.left();
    output.push(END);
    output.extend_from_slice(reader.slice(rest)?);
    Ok((output, guarded))
}

/// `end`.
const END: u8 = 0x0b;

/// Returns what is known after a comparison with zero as `i64`, if a `select` may follow then.
fn compared_as_i64(mut fusion: Fusion) -> Option<Fusion> {
    fusion.read(Effect::Retype);
    fusion.read(Effect::IsZero64);
    let mut next = fusion;
    (!next.read(Effect::Select)).then_some(fusion)
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
