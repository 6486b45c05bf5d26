;; Computes for ever.
(module
  (memory (export "memory") 16 (pagesize 1))
  (func (export "_start") (local $n i32)
    (loop $again
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $again))))
