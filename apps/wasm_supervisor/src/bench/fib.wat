;; 1500 Fibonacci numbers modulo 2^32; traps unless the last one is right.
(module
  (memory (export "memory") 16 (pagesize 1))
  (data (i32.const 0) "\dc\05\00\00")
  (func (export "_start") (local $n i32) (local $a i32) (local $b i32) (local $next i32)
    (local.set $n (i32.load (i32.const 0)))
    (local.set $b (i32.const 1))
    (loop $again
      (local.set $next (i32.add (local.get $a) (local.get $b)))
      (local.set $a (local.get $b))
      (local.set $b (local.get $next))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (if (i32.ne (local.get $a) (i32.const 0x66027650)) (then unreachable))))
