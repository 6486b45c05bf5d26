//! Containers that say which they are.

#![allow(dead_code, reason = "each test program uses a part")]

use anyhow::Result;

/// A container that tells its version, and the version that saved a state before it; then it
/// sleeps for ever.
pub(crate) struct Guest<'a> {
    /// Below 100,000,000.
    pub(crate) version: u32,
    /// What it claims.
    pub(crate) labels: &'a [&'a str],
    /// Its linear memory in bytes; the first 64 are its own.
    pub(crate) memory: u32,
    /// What it does, in WebAssembly's text format, when it has told that and has slept a moment.
    pub(crate) then: &'a str,
}

impl Guest<'_> {
    /// The simplest one of this version.
    pub(crate) const fn version(version: u32) -> Self {
        Self {
            version,
            labels: &[],
            memory: 64,
            then: "",
        }
    }

    /// What it logs: its version and the one that saved, if any.
    pub(crate) fn says(version: u32, saved: Option<u32>) -> String {
        let saved = saved.map_or_else(|| "????????".into(), |saved| format!("{saved:08}"));
        format!("version {version:08} after {saved}")
    }

    pub(crate) fn image(&self) -> Result<Vec<u8>> {
        let Self {
            version,
            labels,
            memory,
            then,
        } = self;
        let claims: String = labels
            .iter()
            .enumerate()
            .map(|(n, label)| {
                format!("(import \"mmio:{label}\" \"claim\" (func $claim{n} (result i32)))\n")
            })
            .collect();
        Ok(wat::parse_str(format!(
            r#"(module {claims}
              (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
              (import "berth" "log" (func $log (param i32 i32 i32)))
              (import "berth" "sleep_us" (func $sleep (param i64)))
              (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
              (import "berth" "state_load" (func $load (param i32 i32) (result i32)))
              (memory (export "memory") {memory} (pagesize 1))
              (data (i32.const 0) "version {version:08} after ????????")
              (func (export "_pause") (drop (call $save (i32.const 8) (i32.const 8))))
              (func (export "_start")
                (drop (call $load (i32.const 23) (i32.const 8)))
                (call $log (i32.const 2) (i32.const 0) (i32.const 31))
                (call $sleep (i64.const 1000))
                {then}
                (loop $again (call $sleep (i64.const 10000000)) (br $again))))"#
        ))?)
    }
}

/// The same module with a custom section of so many bytes, below 2 MiB.
pub(crate) fn with_custom_section(mut module: Vec<u8>, bytes: usize) -> Vec<u8> {
    let size = bytes + 2;
    let leb = |shift: u32, more: u8| (size >> shift) as u8 & 0x7f | more;
    module.extend([0, leb(0, 0x80), leb(7, 0x80), leb(14, 0), 1, b'x']);
    module.extend((0..bytes).map(|place| (place * 7 + place / 256) as u8));
    module
}
