;; The inner loops of mirroring over one leaf, four pages at a time; hmm/leafloops.ts says what they are for and when they are called.
;; Plain accesses only: the caller holds the leaf's lock. Each loop stops in front of the first four pages that are not alike in the way
;; it knows, and says how many it has done; the loop in TypeScript, which knows everything, goes on from there.
(module
  (import "host" "memory" (memory 1 65536 shared))

  ;; A flag of a format as the driver states it: two words.
  (func $splat64 (param $low i32) (param $high i32) (result v128)
    (i64x2.splat
      (i64.or
        (i64.extend_i32_u (local.get $low))
        (i64.shl (i64.extend_i32_u (local.get $high)) (i64.const 32)))))

  ;; Entries of the CPU, from byte $pte on, to entries of a range, from byte $pfn on. Alike: all bits of $need are set.
  (func (export "snapshot")
    (param $pte i32) (param $pfn i32) (param $count i32) (param $need i32) (param $shift i32)
    (param $validLow i32) (param $validHigh i32) (param $writeLow i32) (param $writeHigh i32)
    (result i32)
    (local $done i32) (local $needs v128) (local $valid v128) (local $write v128)
    (local $entries v128) (local $frames v128) (local $writable v128)
    (local.set $needs (i32x4.splat (local.get $need)))
    (local.set $valid (call $splat64 (local.get $validLow) (local.get $validHigh)))
    (local.set $write (call $splat64 (local.get $writeLow) (local.get $writeHigh)))
    (block $out
      (loop $next
        (br_if $out (i32.gt_u (i32.add (local.get $done) (i32.const 4)) (local.get $count)))
        (local.set $entries (v128.load align=4 (local.get $pte)))
        (br_if $out
          (v128.any_true (v128.andnot (local.get $needs) (local.get $entries))))
        (local.set $frames (i32x4.shr_u (local.get $entries) (i32.const 12)))
        ;; WRITE is bit 1: all ones where it is set.
        (local.set $writable (i32x4.shr_s (i32x4.shl (local.get $entries) (i32.const 30)) (i32.const 31)))
        (v128.store align=4 (local.get $pfn)
          (v128.or
            (i64x2.shl (i64x2.extend_low_i32x4_u (local.get $frames)) (local.get $shift))
            (v128.or (local.get $valid)
              (v128.and (i64x2.extend_low_i32x4_s (local.get $writable)) (local.get $write)))))
        (v128.store offset=16 align=4 (local.get $pfn)
          (v128.or
            (i64x2.shl (i64x2.extend_high_i32x4_u (local.get $frames)) (local.get $shift))
            (v128.or (local.get $valid)
              (v128.and (i64x2.extend_high_i32x4_s (local.get $writable)) (local.get $write)))))
        (local.set $pte (i32.add (local.get $pte) (i32.const 16)))
        (local.set $pfn (i32.add (local.get $pfn) (i32.const 32)))
        (local.set $done (i32.add (local.get $done) (i32.const 4)))
        (br $next)))
    (local.get $done))

  ;; Entries of a range, from byte $pfn on, to entries of the mirror, from byte $at on. Alike: of the bits of $mark all have those of
  ;; VALID and no others; and the mirror's are either what they would become, but for the bits of $kept, or none of them has a bit of $anyValid.
  ;; Returns how many are done, and from bit 16 on how many of those were not valid before.
  (func (export "install")
    (param $at i32) (param $pfn i32) (param $count i32) (param $shift i32)
    (param $validLow i32) (param $validHigh i32) (param $writeLow i32) (param $writeHigh i32)
    (param $markLow i32) (param $markHigh i32)
    (param $writeBit i32) (param $validBit i32) (param $anyValid i32) (param $kept i32)
    (result i32)
    (local $done i32) (local $added i32)
    (local $lowRight i32) (local $highRight i32) (local $highLeft i32) (local $lowFrame v128) (local $highFrame v128)
    (local $validLows v128) (local $validHighs v128) (local $writeLows v128) (local $writeHighs v128)
    (local $markLows v128) (local $markHighs v128) (local $validBits v128) (local $writeBits v128) (local $keptBits v128)
    (local $lows v128) (local $highs v128) (local $before v128) (local $entries v128)
    (local.set $validLows (i32x4.splat (local.get $validLow)))
    (local.set $validHighs (i32x4.splat (local.get $validHigh)))
    (local.set $writeLows (i32x4.splat (local.get $writeLow)))
    (local.set $writeHighs (i32x4.splat (local.get $writeHigh)))
    (local.set $markLows (i32x4.splat (local.get $markLow)))
    (local.set $markHighs (i32x4.splat (local.get $markHigh)))
    (local.set $validBits (i32x4.splat (local.get $validBit)))
    (local.set $writeBits (i32x4.splat (local.get $writeBit)))
    (local.set $keptBits (i32x4.splat (local.get $kept)))
    ;; A frame is 20 bits from bit $shift of both words on: which part of it is in which word, and how far from its place.
    (if (i32.lt_u (local.get $shift) (i32.const 32))
      (then
        (local.set $lowRight (local.get $shift))
        (local.set $lowFrame (i32x4.splat (i32.const 0xfffff)))
        (local.set $highLeft (i32.sub (i32.const 32) (local.get $shift)))
        (if (i32.gt_u (local.get $shift) (i32.const 12))
          (then (local.set $highFrame (i32x4.splat (i32.const 0xfffff))))))
      (else
        (local.set $highRight (i32.sub (local.get $shift) (i32.const 32)))
        (local.set $highFrame (i32x4.splat (i32.const 0xfffff)))))
    (block $out
      (loop $next
        (br_if $out (i32.gt_u (i32.add (local.get $done) (i32.const 4)) (local.get $count)))
        (local.set $lows (v128.load align=4 (local.get $pfn)))
        (local.set $highs (v128.load offset=16 align=4 (local.get $pfn)))
        ;; low, high, low, high twice: the lows together, and the highs.
        (local.set $entries
          (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $lows) (local.get $highs)))
        (local.set $highs
          (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $lows) (local.get $highs)))
        (local.set $lows (local.get $entries))
        (br_if $out
          (v128.any_true
            (v128.or
              (v128.xor (v128.and (local.get $lows) (local.get $markLows)) (local.get $validLows))
              (v128.xor (v128.and (local.get $highs) (local.get $markHighs)) (local.get $validHighs)))))
        (local.set $entries
          (v128.or
            (i32x4.shl
              (v128.or
                (v128.and (i32x4.shr_u (local.get $lows) (local.get $lowRight)) (local.get $lowFrame))
                (v128.and
                  (i32x4.shl (i32x4.shr_u (local.get $highs) (local.get $highRight)) (local.get $highLeft))
                  (local.get $highFrame)))
              (i32.const 12))
            (v128.or
              (local.get $validBits)
              (v128.and
                (local.get $writeBits)
                (v128.and
                  (i32x4.eq (v128.and (local.get $lows) (local.get $writeLows)) (local.get $writeLows))
                  (i32x4.eq (v128.and (local.get $highs) (local.get $writeHighs)) (local.get $writeHighs)))))))
        (local.set $before (v128.load align=4 (local.get $at)))
        (if (v128.any_true
              (v128.andnot (v128.xor (local.get $before) (local.get $entries)) (local.get $keptBits)))
          (then
            (br_if $out (v128.any_true (v128.and (local.get $before) (i32x4.splat (local.get $anyValid)))))
            ;; One word at a time: the hardware may be looking.
            (v128.store32_lane 0 (local.get $at) (local.get $entries))
            (v128.store32_lane offset=4 1 (local.get $at) (local.get $entries))
            (v128.store32_lane offset=8 2 (local.get $at) (local.get $entries))
            (v128.store32_lane offset=12 3 (local.get $at) (local.get $entries))
            (local.set $added (i32.add (local.get $added) (i32.const 4)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $pfn (i32.add (local.get $pfn) (i32.const 32)))
        (local.set $done (i32.add (local.get $done) (i32.const 4)))
        (br $next)))
    (i32.or (local.get $done) (i32.shl (local.get $added) (i32.const 16)))))
