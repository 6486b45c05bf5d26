//! Containers with interrupt handlers, written in the text form of WebAssembly.

#![allow(dead_code, reason = "each test program uses a part")]

use anyhow::Result;
use berth_e2e::Device;

/// A container that says `waits!` when it has registered.
pub(crate) fn module(label: &str, main: &str, handler: &str) -> Result<Vec<u8>> {
    let main = format!(
        "{main}
         (call $waits)
         (loop $l (call $sleep (i64.const 1000000)) (br $l))"
    );
    whole(label, &main, handler)
}

/// What every module here imports; `label` is its block, and its handler is function 1.
pub(crate) fn whole(label: &str, main: &str, handler: &str) -> Result<Vec<u8>> {
    Ok(wat::parse_str(format!(
        r#"(module
          (import "mmio:{label}" "claim" (func $claim (result i32)))
          (import "irq:{label}" "register"
            (func $register (param i32 i32 i32 i32) (result i32)))
          (import "irq:{label}" "unregister" (func $unregister))
          (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
          (import "mmio" "write32" (func $write (param i32 i32 i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "now_us" (func $now (result i64)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 64 (pagesize 1))
          (data (i32.const 0) "handledwaits!")
          (global $left (mut i32) (i32.const 0))
          (table (export "__indirect_function_table") 2 funcref)
          (elem (i32.const 1) $handler)
          (func $get (param $offset i32) (result i32)
            (call $read (call $claim) (local.get $offset)))
          (func $set (param $offset i32) (param $value i32)
            (call $write (call $claim) (local.get $offset) (local.get $value)))
          (func $handled (call $log (i32.const 2) (i32.const 0) (i32.const 7)))
          (func $waits (call $log (i32.const 2) (i32.const 7) (i32.const 6)))
          ;; Some instructions, and a call that lets handlers run.
          (func $busy (result i64) (local $left i32)
            (local.set $left (i32.const 40))
            (loop $l (br_if $l (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
            (call $now))
          (func $busy_until (param $us i64)
            (loop $l (br_if $l (i64.lt_u (call $busy) (local.get $us)))))
          ;; "handled", a blank and a number.
          (func $say_handled (param $number i32) (local $at i32)
            (local.set $at (i32.const 48))
            (loop $l
              (local.set $at (i32.sub (local.get $at) (i32.const 1)))
              (i32.store8 (local.get $at)
                (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
              (br_if $l (local.tee $number (i32.div_u (local.get $number) (i32.const 10)))))
            (local.set $at (i32.sub (local.get $at) (i32.const 8)))
            (i64.store (local.get $at) (i64.load (i32.const 0)))
            (i32.store8 offset=7 (local.get $at) (i32.const 32))
            (call $log (i32.const 2) (local.get $at)
              (i32.sub (i32.const 48) (local.get $at))))
          (func $handle_with_priority (param $priority i32)
            (if (call $register (local.get $priority) (i32.const 1) (i32.const 0) (i32.const 0))
              (then unreachable)))
          (func $handler (param i32 i32) {handler})
          (func (export "_start") {main}))"#
    ))?)
}

/// Upload a module, with these words more for `berth upload`.
pub(crate) fn upload(device: &Device, name: &str, module: &[u8], words: &[&str]) -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join(format!("{name}.wasm"));
    std::fs::write(&file, module)?;
    let file = file.to_string_lossy();
    let words: Vec<_> = ["upload", &file].iter().chain(words).copied().collect();
    device.berth(&words)?.ok().map(drop)
}
