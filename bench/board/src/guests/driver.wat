;; Changes a register of its block, logs and sleeps, for ever.
(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 2048 (pagesize 1))
  (data (i32.const 1024) "changed")
  (func $change (param $block i32) (param $value i32)
    (call $modify (local.get $block) (i32.const 0) (i32.const 2) (local.get $value))
    (call $log (i32.const 2) (i32.const 1024) (i32.const 7)))
  (func (export "_start") (local $block i32) (local $value i32)
    (local.set $block (call $claim))
    (loop $again
      (local.set $value (i32.xor (local.get $value) (i32.const 2)))
      (call $change (local.get $block) (local.get $value))
      (call $sleep (i64.const 100000))
      (br $again))))
