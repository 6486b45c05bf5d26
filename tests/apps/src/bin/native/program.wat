(module
  (import "host" "mix" (func $mix (param i32 i64 i32 i32) (result i64)))
  (memory 512 1024 (pagesize 1))
  (global $calls (mut i32) (i32.const 0))
  (table 2 funcref)
  (elem (i32.const 0) $twice $fib)

  ;; The sum of what is stored in the memory, again and again.
  (func (export "sum") (param $rounds i32) (result i32) (local $sum i32) (local $at i32)
    (loop $round
      (local.set $at (i32.const 0))
      (loop $words
        (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (local.get $at)))
        (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (i32.load (local.get $at))))
        (br_if $words (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 512))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $sum))

  (func $fib (export "fib") (param $n i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1)))
                     (call $fib (i32.sub (local.get $n) (i32.const 2)))))))

  (func $twice (param $n i32) (result i32) (i32.add (local.get $n) (local.get $n)))

  ;; A host function with parameters on the stack, and one through the table.
  (func (export "calls") (param $n i32) (result i64) (local $all i64)
    (loop $again
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (local.set $all (i64.add (local.get $all)
        (call $mix (local.get $n) (i64.const 0x1_0000_0003) (i32.const 5)
          (call_indirect (param i32) (result i32) (local.get $n) (i32.const 0)))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.add (local.get $all) (i64.extend_i32_u (global.get $calls))))

  ;; Numbers that the processor does not compute itself.
  (func (export "root") (param f64) (result f64) (f64.sqrt (f64.mul (local.get 0) (f64.const 2.25))))

  (func $deep (export "deep") (param i32) (result i32)
    (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "stop") (unreachable))
  (func (export "outside") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "quotient") (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32)
    (drop (memory.grow (local.get 0)))
    (memory.size)))
