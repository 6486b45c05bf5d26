//! Where execution may enter a module and leave it: which functions there are, and of what type.
//!
//! Checked by the scan, before anything of a module runs: a start function acts on the world, and
//! what comes after it cannot take that back.

use super::Malformed;
use super::imports::Imports;
use super::reader::Reader;

/// Name of the function that is a container's main.
pub const MAIN: &str = "_start";
/// Name of the function that a container may have to be asked before it is paused or replaced.
pub const PAUSE: &str = "_pause";
/// Name of the global by which a module tells where it is: the number of a place, 0 before the first.
pub const PLACE: &str = "_place";
/// Name under which a module exports its linear memory.
pub const MEMORY: &str = "memory";

const RETURN_CALL: u8 = 0x12;
const RETURN_CALL_INDIRECT: u8 = 0x13;
const REF_FUNC: u8 = 0xd2;

/// The functions of a module in the order of their indices: imported ones first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Functions<'a> {
    pub(super) imports: Option<Reader<'a>>,
    /// How many of the imports are functions.
    pub(super) imported: u32,
    /// The function section, from its first entry on.
    pub(super) defined: Option<Reader<'a>>,
}

impl Functions<'_> {
    /// Returns the index of the type of function `index`.
    pub(super) fn type_of(&self, index: u32) -> Option<u32> {
        if let Some(defined) = index.checked_sub(self.imported) {
            let mut reader = self.defined?;
            for _ in 0..defined {
                reader.u32().ok()?;
            }
            return reader.u32().ok();
        }
        let imports = Imports::new(self.imports).flatten();
        let mut functions = imports.filter_map(|import| import.function_type);
        functions.nth(index as usize)
    }

    /// Refuses a function of the device where one of the module must be: the engine suspends
    /// containers between their own instructions.
    pub(super) const fn own(
        &self,
        index: u32,
        at: &Reader<'_>,
        what: &'static str,
    ) -> Result<(), Malformed> {
        if index < self.imported {
            return Err(at.error(what));
        }
        Ok(())
    }
}

/// Calls that leave no instruction of the module behind.
///
/// A function of the device that ends a function in its place has nobody to return to: the engine
/// cannot resume what it suspends. `pack` writes a call and a return instead. Of a call
/// through a table nobody knows whom it reaches, so it may stand only where no table holds
/// a function of the device.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TailCalls<'a> {
    /// The first that goes through a table.
    indirect: Option<Reader<'a>>,
    /// A function of the device is used as a value.
    refers: bool,
}

impl<'a> TailCalls<'a> {
    /// Looks at the instruction at `at`.
    pub(super) fn instruction(
        &mut self,
        mut at: Reader<'a>,
        functions: &Functions<'_>,
    ) -> Result<(), Malformed> {
        let start = at;
        match at.byte()? {
            RETURN_CALL => functions.own(at.u32()?, &start, DIRECT),
            RETURN_CALL_INDIRECT => {
                self.indirect.get_or_insert(start);
                Ok(())
            }
            REF_FUNC => {
                self.refers_to(at.u32()?, functions);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Notes that function `index` is used as a value.
    pub(super) const fn refers_to(&mut self, index: u32, functions: &Functions<'_>) {
        self.refers |= index < functions.imported;
    }

    /// Refuses calls through a table that could reach a function of the device.
    pub(super) fn finish(&self) -> Result<(), Malformed> {
        match self.indirect {
            Some(at) if self.refers => Err(at.error(INDIRECT)),
            _ => Ok(()),
        }
    }
}

const DIRECT: &str =
    "return_call of an imported function: pack the module again (pack, berth upload)";
const INDIRECT: &str = "return_call_indirect in a module with references to imported functions";

#[cfg(test)]
mod tests {
    use crate::Module;

    fn refusal(body: &str) -> Option<&'static str> {
        let image = wat::parse_str(format!("(module {body})")).unwrap();
        Module::scan(&image).err().map(|error| error.what)
    }

    const YIELD: &str = r#"(import "berth" "yield" (func $yield))"#;
    const MAIN: &str = r#"(func (export "_start"))"#;

    #[test]
    fn types_of_entries_are_known_before_anything_runs() {
        let wrong = [
            r#"(func (export "_start") (param i32))"#,
            r#"(func (export "_start") (result i64) (i64.const 1))"#,
            // Behind imports, and not the first type.
            r#"(import "berth" "yield" (func)) (import "berth" "exit" (func (param i32)))
               (func) (func (export "_start") (param i32 i32))"#,
        ];
        for body in wrong {
            assert_eq!(refusal(body), Some("_start has parameters or results"));
        }
        let pause = format!(r#"{MAIN} (func (export "_pause") (param f32))"#);
        assert_eq!(refusal(&pause), Some("_pause has parameters or results"));
        let right = format!(
            r#"(type (func (param i32))) {YIELD} (func (param i32)) {MAIN} (func (export "_pause"))"#
        );
        assert_eq!(refusal(&right), None);
    }

    #[test]
    fn a_function_of_the_device_is_no_function_of_the_module() {
        for (body, what) in [
            (
                r#"(import "berth" "yield" (func)) (export "_start" (func 0))"#.to_owned(),
                "_start is an imported function",
            ),
            (
                format!(r#"{YIELD} {MAIN} (export "_pause" (func $yield))"#),
                "_pause is an imported function",
            ),
            (
                format!("{YIELD} {MAIN} (start $yield)"),
                "the start function is an imported one",
            ),
            (
                format!("{YIELD} {MAIN} (func (return_call $yield))"),
                super::DIRECT,
            ),
            (
                format!("{YIELD} {MAIN} (func (block (block (return_call $yield))))"),
                super::DIRECT,
            ),
        ] {
            assert_eq!(refusal(&body), Some(what), "{body}");
        }
        // Exported for nobody, called as usual, and of the module's own.
        let fine = format!(
            r#"{YIELD} (func $own) {MAIN} (export "other" (func $yield)) (start $own)
               (func (call $yield)) (func (return_call $own))"#
        );
        assert_eq!(refusal(&fine), None);
    }

    #[test]
    fn a_call_through_a_table_in_a_functions_place_reaches_functions_of_the_module_only() {
        let table = |elements: &str| {
            format!(
                "{YIELD} (type $t (func)) (table 2 funcref) (func $own) {elements} {MAIN}
                 (func (return_call_indirect (type $t) (i32.const 0)))"
            )
        };
        for elements in [
            "(elem (i32.const 0) $yield)",
            "(elem (i32.const 0) $own $yield)",
            "(elem funcref (ref.func $yield))",
            "(elem declare func $yield) (func (drop (ref.func $yield)))",
            "(global funcref (ref.func $yield))",
        ] {
            assert_eq!(
                refusal(&table(elements)),
                Some(super::INDIRECT),
                "{elements}"
            );
        }
        assert_eq!(refusal(&table("(elem (i32.const 0) $own)")), None);
        // Without such calls functions of the device may be values.
        let plain = format!(
            "{YIELD} (type $t (func)) (table 1 funcref) (elem (i32.const 0) $yield) {MAIN}
             (func (call_indirect (type $t) (i32.const 0)))"
        );
        assert_eq!(refusal(&plain), None);
    }

    #[test]
    fn whoever_passes_pointers_exports_the_memory_they_point_into() {
        let log = r#"(import "berth" "log" (func (param i32 i32 i32)))"#;
        let wasi = r#"(import "wasi_snapshot_preview1" "clock_time_get"
                        (func (param i32 i64 i32) (result i32)))"#;
        for import in [log, wasi] {
            for memory in [
                "(memory 1)",
                r#"(memory (export "mem") 1)"#,
                r#"(memory 1) (global (export "memory") i32 (i32.const 0))"#,
            ] {
                let body = format!("{import} {memory} {MAIN}");
                assert_eq!(
                    refusal(&body),
                    Some("its memory is not exported as \"memory\"")
                );
            }
            let fine = format!(r#"{import} (memory (export "memory") 1) {MAIN}"#);
            assert_eq!(refusal(&fine), None);
        }
        let none = format!("{YIELD} (memory 1) {MAIN}");
        assert_eq!(refusal(&none), None);
    }
}
