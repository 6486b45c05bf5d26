//! Code changed so that the engine gets it right.
//!
//! A `select` that [`Fusion`](super::fused) does not let pass gets something before it that is
//! surely translated and leaves the condition as true or false as it was. Where the condition is
//! `i32.eqz`, it is compared as an `i64`, which costs nothing; else it is rotated by one bit.
//! Nothing else changes, and a module that passes comes back as it is.

use alloc::vec::Vec;

use super::Malformed;
use super::code::Walk;
use super::fused::{Effect, Fusion};
use super::reader::Reader;

const I32_EQZ: u8 = 0x45;
/// `i64.extend_i32_u`, `i64.eqz`.
const EQZ_AS_I64: [u8; 2] = [0xad, 0x50];
/// `i32.const 1`, `i32.rotl`.
const ROTATE: [u8; 3] = [0x41, 0x01, 0x77];
/// Number of the code section.
const CODE: u8 = 10;

/// Returns `image` with every `select` guarded, and how many had to be.
///
/// # Errors
///
/// If it is no module, or has instructions that containers cannot have.
pub fn guard(image: &[u8]) -> Result<(Vec<u8>, u32), Malformed> {
    let mut guarded = 0;
    let mut output = Vec::with_capacity(image.len());
    let mut reader = Reader::new(image, 0);
    output.extend_from_slice(reader.slice(8)?);
    while !reader.is_empty() {
        let (id, mut body) = reader.section()?;
        output.push(id);
        if id == CODE {
            let (code, more) = code(&mut body)?;
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
fn code(section: &mut Reader<'_>) -> Result<(Vec<u8>, u32), Malformed> {
    let mut output = Vec::new();
    let mut guarded = 0;
    let bodies = section.u32()?;
    number(&mut output, bodies);
    for _ in 0..bodies {
        let length = section.u32()?;
        let (body, more) = function(section.part(length)?)?;
        guarded += more;
        sized(&mut output, &body);
    }
    Ok((output, guarded))
}

/// Returns one function's locals and instructions, guarded.
fn function(mut reader: Reader<'_>) -> Result<(Vec<u8>, u32), Malformed> {
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
        output.extend_from_slice(bytes);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Module;
    use crate::engine::config;
    use alloc::format;
    use alloc::string::String;
    use wasmi::{Linker, Module as WasmiModule, Store};

    /// A module whose `f` is `body`, of a number and a reference.
    fn module(body: &str) -> Vec<u8> {
        wat::parse_str(format!(
            r#"(module (memory (export "memory") 1 1) (table 4 funcref) (elem (i32.const 1) func $two)
               (global $zero i32 (i32.const 0)) (global $cell (mut i32) (i32.const 7))
               (func $two (result i32 i32) (i32.const 5) (i32.const 6))
               (func (export "_start"))
               (func (export "f") (param $x i32) (param $y i32) (result i32) (local $t i32) {body}))"#
        ))
        .unwrap()
    }

    fn run(image: &[u8], x: i32) -> i32 {
        let engine = config::engine();
        let module = WasmiModule::new(&engine, image).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_fuel(10_000).unwrap();
        let instance = Linker::new(&engine)
            .instantiate_and_start(&mut store, &module)
            .unwrap();
        let f = instance.get_typed_func::<(i32, i32), i32>(&store, "f");
        f.unwrap().call(&mut store, (x, 3)).unwrap()
    }

    fn select(condition: &str) -> String {
        format!("(i32.const 2) (i32.const 3) {condition} (select)")
    }

    /// Conditions that the engine gets wrong, and whether each is true for 0 and for 5.
    const WRONG: &[(&str, [bool; 2])] = &[
        ("(i32.eqz (local.get $x))", [true, false]),
        ("(i32.eq (local.get $x) (i32.const 0))", [true, false]),
        ("(i32.eq (i32.const 0) (local.get $x))", [true, false]),
        ("(i32.ne (local.get $x) (i32.const 0))", [false, true]),
        ("(i32.ne (local.get $x) (global.get $zero))", [false, true]),
        (
            "(i32.ne (local.get $x) (i32.sub (i32.const 4) (i32.const 4)))",
            [false, true],
        ),
        ("(i32.eqz (i32.eqz (local.get $x)))", [false, true]),
        (
            "(i64.eqz (i64.extend_i32_u (i32.eqz (local.get $x))))",
            [false, true],
        ),
        (
            "(i32.shl (i32.eqz (local.get $x)) (i32.const 32))",
            [true, false],
        ),
        (
            "(i32.eqz (local.get $x)) (drop (i32.const 1)) (nop) (drop (local.get $y))",
            [true, false],
        ),
        (
            "(i32.eqz (i32.xor (local.get $x) (i32.const 0)))",
            [true, false],
        ),
        ("(ref.is_null (table.get (local.get $x)))", [true, true]),
        // A value that had to give way to another.
        (
            "(i32.add (local.get $x) (local.get $x)) (local.set $t (i32.mul (local.get $y) (i32.const 3))) (i32.eqz)",
            [true, false],
        ),
        (
            "(call $two) (drop) (drop) (i32.eqz (local.get $x))",
            [true, false],
        ),
        (
            "(loop (result i32) (i32.eqz (local.get $x)))",
            [true, false],
        ),
        (
            "(select (i32.eqz (local.get $x)) (i32.const 9) (i32.const 1))",
            [true, false],
        ),
    ];

    #[test]
    fn guarded_conditions_are_what_they_were() {
        for (condition, truth) in WRONG {
            let image = module(&select(condition));
            let (image, _) = guard(&image).unwrap();
            assert!(Module::scan(&image).is_ok(), "{condition}");
            for (x, truth) in [(0, truth[0]), (5, truth[1])] {
                let x = if condition.contains("table.get") {
                    0
                } else {
                    x
                };
                let is = if truth { 2 } else { 3 };
                assert_eq!(run(&image, x), is, "{condition} of {x}");
            }
        }
    }

    #[test]
    fn what_is_not_guarded_is_refused_with_what_to_do() {
        let image = module(&select(WRONG[0].0));
        let refused = Module::scan(&image).unwrap_err();
        assert!(
            refused.what.contains("pack the module again"),
            "{}",
            refused.what
        );
        // The instruction itself.
        assert_eq!(image[refused.offset as usize], 0x1b);
    }

    #[test]
    fn what_the_engine_gets_right_stays_as_it_is() {
        for condition in [
            "(local.get $x)",
            "(i32.const 0)",
            "(i32.and (local.get $x) (i32.const 1))",
            "(i32.eqz (i32.and (local.get $x) (i32.const 1)))",
            "(i32.eqz (i32.load (local.get $x)))",
            "(i32.eq (local.get $x) (local.get $y))",
            "(i32.ne (local.get $x) (i32.const 5))",
            "(i32.lt_s (local.get $x) (i32.const 0))",
            "(i64.eqz (i64.extend_i32_u (local.get $x)))",
            "(i32.and (i32.eqz (local.get $x)) (i32.eqz (local.get $y)))",
        ] {
            let image = module(&select(condition));
            assert_eq!(guard(&image).unwrap(), (image, 0), "{condition}");
        }
    }

    /// An `i32.eqz` is guarded without another instruction at run time.
    #[test]
    fn the_usual_form_grows_by_one_byte() {
        let image = module(&select(WRONG[0].0));
        let (guarded, count) = guard(&image).unwrap();
        assert_eq!((guarded.len(), count), (image.len() + 1, 1));
    }
}
