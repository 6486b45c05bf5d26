;; 1500 Fibonacci numbers modulo 2^32; exits with the microseconds that they took, or traps if
;; the last one is wrong.
(module
  (import "berth" "now_us" (func $now (result i64)))
  (import "berth" "exit" (func $exit (param i32)))
  (memory (export "memory") 16 (pagesize 1))
  (data (i32.const 0) "\dc\05\00\00")
  (func (export "_start") (local $n i32) (local $a i32) (local $b i32) (local $next i32)
    (local $start i64)
    (local.set $start (call $now))
    (local.set $n (i32.load (i32.const 0)))
    (local.set $b (i32.const 1))
    (loop $again
      (local.set $next (i32.add (local.get $a) (local.get $b)))
      (local.set $a (local.get $b))
      (local.set $b (local.get $next))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (if (i32.ne (local.get $a) (i32.const 0x66027650)) (then unreachable))
    (call $exit (i32.wrap_i64 (i64.sub (call $now) (local.get $start))))))
