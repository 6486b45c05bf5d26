;; The guest of the engine proof (engine_proof.rs says what is proved).
;;
;; Two main loops, suspended in two ways, and handlers that are called while a
;; main is suspended. Everything a main has in its stack when it is suspended
;; (accumulator, counter) enters its result, so a resumed main that lost or
;; mixed up anything returns a wrong number.
(module
  (import "proof" "wait" (func $wait (param i32) (result i32)))
  (memory (export "memory") 1024 (pagesize 1))
  (table (export "table") 4 funcref)
  (elem (i32.const 0) $grow $endless $trap $ask)
  (global $calls (mut i32) (i32.const 0))

  ;; Last aligned word of the memory as it is now.
  (func $last (result i32)
    (i32.and (i32.sub (memory.size) (i32.const 4)) (i32.const -4)))

  ;; One round of both mains: acc = acc * 31 + value + mem[64], mem[64] += i.
  (func $round (param $acc i32) (param $i i32) (param $value i32) (result i32)
    (local.set $acc
      (i32.add
        (i32.add (i32.mul (local.get $acc) (i32.const 31)) (local.get $value))
        (i32.load (i32.const 64))))
    (i32.store (i32.const 64)
      (i32.add (i32.load (i32.const 64)) (local.get $i)))
    (local.get $acc))

  ;; What a main returns: accumulator, what handlers did, the new last word.
  (func $finish (param $acc i32) (result i32)
    (i32.add
      (i32.add (local.get $acc) (i32.mul (global.get $calls) (i32.const 1000003)))
      (i32.load (call $last))))

  (func (export "main_fuel") (param $n i32) (result i32)
    (local $acc i32) (local $i i32)
    (loop $next
      (local.set $acc (call $round (local.get $acc) (local.get $i) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
    (call $finish (local.get $acc)))

  (func (export "main_host") (param $n i32) (result i32)
    (local $acc i32) (local $i i32)
    (loop $next
      (local.set $acc
        (call $round (local.get $acc) (local.get $i) (call $wait (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
    (call $finish (local.get $acc)))

  ;; Handler: grow by `bytes`, put `value` into the new last word, count.
  (func $grow (param $bytes i32) (param $value i32)
    (if (i32.eq (memory.grow (local.get $bytes)) (i32.const -1)) (then unreachable))
    (i32.store (call $last) (local.get $value))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1))))

  ;; Handler that never ends.
  (func $endless (param i32 i32) (loop $again (br $again)))

  ;; Handler that counts, then traps out of bounds.
  (func $trap (param i32 i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (drop (i32.load (i32.const -4))))

  ;; Handler that suspends itself in the host call, then counts the answer.
  (func $ask (param i32) (param $value i32)
    (global.set $calls
      (i32.add (call $wait (local.get $value)) (global.get $calls)))))
