//! Which PMSAv7 regions cover which addresses: arithmetic without registers.
//!
//! A PMSAv7 region is a power-of-two block, aligned to its own size, of which
//! each eighth (a *subregion*) can be switched off. That is coarse, so a
//! process's memory is drawn with two regions, the second one magnifying the
//! eighth in which the first one ends:
//!
//! ```text
//!            | 0   | 1   | 2   | 3   | 4   | 5   | 6   | 7   |   block of S bytes
//! coarse     |#####|#####|#####|                                 granule S/8
//! fine                         |#|#|#|#|#| | | |                 granule S/64
//!            ^start                      ^edge        ^grants    kernel's part
//! ```
//!
//! The edge between the process's part and the kernel's is therefore known to
//! one sixty-fourth of the block (256 KiB block: 4 KiB), and the block itself
//! need not be used to its end: memory above the kernel's part may belong to
//! somebody else.
//!
//! Everything here is plain numbers and runs, tested, on any machine.

/// Smallest region the architecture knows, as a power of two (32 bytes).
const MIN_REGION_LOG2: u32 = 5;

/// Smallest region whose subregions can be switched off (256 bytes).
const MIN_SUBREGION_LOG2: u32 = 8;

/// Smallest block for a process: its eighth must have subregions itself.
const MIN_BLOCK_LOG2: u32 = MIN_SUBREGION_LOG2 + 3;

/// Largest region considered, 2 GiB; nothing larger is ever asked for.
const MAX_REGION_LOG2: u32 = 31;

/// Start of the private peripheral bus: never opened to a process.
const PRIVATE_PERIPHERAL_BUS: u32 = 0xE000_0000;

/// Size of the smallest block with so many bytes, not 0, as a power of two.
fn block_log2(bytes: u32) -> u32 {
    u32::BITS - (bytes - 1).leading_zeros()
}

/// `value` rounded up to a multiple of `granule`, a power of two.
fn round_up(value: u32, granule: u32) -> Option<u32> {
    Some(value.checked_add(granule - 1)? & !(granule - 1))
}

/// A region of the MPU: a block and which eighths of it count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionShape {
    base: u32,
    log2_size: u32,
    /// Bit n set: subregion n is switched off (the hardware's SRD field).
    disabled: u8,
}

impl RegionShape {
    /// The subregions `from..to` of the block at `base`; `None` if there are none.
    fn eighths(base: u32, log2_size: u32, from: u32, to: u32) -> Option<Self> {
        if from >= to || to > 8 {
            return None;
        }
        let enabled = (0xFFu32 >> (8 - to)) & (0xFF << from);
        Some(Self {
            base,
            log2_size,
            disabled: !(enabled as u8),
        })
    }

    /// First address that the region opens.
    #[must_use]
    pub fn start(&self) -> u32 {
        self.base + self.disabled.trailing_ones() * (self.len_of_eighth())
    }

    /// How many bytes the region opens. Enabled subregions are always adjacent.
    #[must_use]
    pub fn len(&self) -> u32 {
        if self.disabled == 0 {
            1 << self.log2_size
        } else {
            self.disabled.count_zeros() * self.len_of_eighth()
        }
    }

    /// A region opens at least one subregion.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len_of_eighth(&self) -> u32 {
        1 << (self.log2_size - 3)
    }

    /// Does the hardware grant `address` through this region?
    #[must_use]
    pub fn contains(&self, address: u32) -> bool {
        address
            .checked_sub(self.start())
            .is_some_and(|offset| offset < self.len())
    }

    /// Do the opened bytes share one with `[start, start + len)`?
    #[must_use]
    pub fn overlaps(&self, start: u32, len: u32) -> bool {
        // 64 bits: both ends may lie at 2^32.
        let end = u64::from(start) + u64::from(len);
        let own_end = u64::from(self.start()) + u64::from(self.len());
        u64::from(self.start()) < end && u64::from(start) < own_end
    }

    /// The region that these register values describe; `None` if it is off.
    #[must_use]
    pub fn from_registers(rbar: u32, rasr: u32) -> Option<Self> {
        (rasr & 1 == 1).then_some(Self {
            base: rbar & !0x1F,
            log2_size: ((rasr >> 1) & 0x1F) + 1,
            disabled: (rasr >> 8) as u8,
        })
    }

    /// Value of MPU_RBAR that selects region `number` and sets its base.
    #[must_use]
    pub fn rbar(&self, number: u32) -> u32 {
        const VALID: u32 = 1 << 4;
        self.base | VALID | number
    }

    /// Value of MPU_RASR without the access attributes: enabled, size, subregions.
    #[must_use]
    pub fn rasr(&self) -> u32 {
        u32::from(self.disabled) << 8 | (self.log2_size - 1) << 1 | 1
    }

    /// The tightest region inside `[start, start + available)` that opens at
    /// least `min_size` bytes, or `None` if the shapes of PMSAv7 do not allow one.
    ///
    /// With `available == min_size` the result opens exactly these bytes.
    #[must_use]
    pub fn fit(start: u32, available: u32, min_size: u32) -> Option<Self> {
        if min_size == 0 || min_size > available {
            return None;
        }
        let limit = start.checked_add(available)?;
        if limit > PRIVATE_PERIPHERAL_BUS {
            return None;
        }
        let mut best: Option<Self> = None;
        for log2_size in MIN_REGION_LOG2.max(block_log2(min_size))..=MAX_REGION_LOG2 {
            let size = 1u32 << log2_size;
            let whole = log2_size < MIN_SUBREGION_LOG2;
            let granule = if whole { size } else { size / 8 };
            let Some(first) = round_up(start, granule) else {
                break;
            };
            let Some(end) = first
                .checked_add(min_size)
                .and_then(|end| round_up(end, granule))
            else {
                break;
            };
            let base = first & !(size - 1);
            // The last address decides, so that a block may end at 2^32.
            if end > limit || (end - 1) & !(size - 1) != base {
                continue;
            }
            let shape = if whole {
                Self {
                    base,
                    log2_size,
                    disabled: 0,
                }
            } else {
                let Some(shape) = Self::eighths(
                    base,
                    log2_size,
                    (first - base) / granule,
                    (end - base) / granule,
                ) else {
                    continue;
                };
                shape
            };
            if best.is_none_or(|best| shape.start() + shape.len() < best.start() + best.len()) {
                best = Some(shape);
            }
            // From here on granules only grow, so no other one is tighter.
            if !whole {
                break;
            }
        }
        best
    }
}

/// Where a process's memory lies and which block the regions are cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppMemory {
    block: u32,
    log2_size: u32,
    start: u32,
    len: u32,
}

impl AppMemory {
    /// Choose memory for a process inside `[start, start + available)`.
    ///
    /// At least `min_total` bytes, of which the lower `min_total - kernel` (and
    /// at least `app`) can be given to the process while the upper `kernel`
    /// bytes, rounded up to a multiple of eight, stay closed. All sizes in
    /// bytes. `None` if it does not fit. Asked again for what it answered, it
    /// answers the same.
    #[must_use]
    pub fn fit(start: u32, available: u32, min_total: u32, app: u32, kernel: u32) -> Option<Self> {
        let limit = start.checked_add(available)?;
        // Eight bytes keep the kernel's structures at the top aligned.
        let kernel = round_up(kernel, 8)?;
        let app = app.max(min_total.saturating_sub(kernel)).max(1);
        let mut best: Option<Self> = None;
        for log2_size in MIN_BLOCK_LOG2.max(block_log2(app))..=MAX_REGION_LOG2 {
            let Some(memory) = Self::in_block(log2_size, start, app, kernel) else {
                continue;
            };
            let end = memory.start + memory.len;
            if end <= limit && best.is_none_or(|best| end < best.start + best.len) {
                best = Some(memory);
            }
            // In larger blocks steps only grow, so none that begins here ends earlier.
            if memory.start - start < 1 << (log2_size - 3) {
                break;
            }
        }
        best
    }

    /// The lowest place from `start` up for `app + kernel` bytes in a block of this size.
    fn in_block(log2_size: u32, start: u32, app: u32, kernel: u32) -> Option<Self> {
        let size = 1u32 << log2_size;
        let place = |start: u32| {
            let start = round_up(start, size / 8)?;
            let block = start & !(size - 1);
            let edge = round_up(start.checked_add(app)?, size / 64)?;
            let len = edge.checked_add(kernel)? - start;
            (edge - block <= size).then_some(Self {
                block,
                log2_size,
                start,
                len,
            })
        };
        // If it does not fit from here to the end of the block, then perhaps from
        // the beginning of the next one.
        place(start).or_else(|| place(round_up(start, size)?))
    }

    /// First byte.
    #[must_use]
    pub fn start(&self) -> u32 {
        self.start
    }

    /// Length in bytes, the kernel's part included.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Never: a process has at least one granule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes by which the edge of the process's part can move.
    #[must_use]
    pub fn granule(&self) -> u32 {
        1 << (self.log2_size - 6)
    }

    /// The two regions that open `[start, app_break)`, rounded up to the granule.
    ///
    /// `None` if `app_break` lies outside the memory or rounding it up would
    /// open a byte at or above `kernel_break`.
    #[must_use]
    pub fn regions(&self, app_break: u32, kernel_break: u32) -> Option<[Option<RegionShape>; 2]> {
        let size = 1u32 << self.log2_size;
        let eighth = size / 8;
        if app_break < self.start {
            return None;
        }
        let edge = round_up(app_break, self.granule())?;
        if edge > kernel_break || kernel_break - self.start > self.len || edge - self.block > size {
            return None;
        }
        let used = edge - self.block;
        let coarse = RegionShape::eighths(
            self.block,
            self.log2_size,
            (self.start - self.block) / eighth,
            used / eighth,
        );
        let fine = RegionShape::eighths(
            // With the whole block in use this is past it, and not used.
            self.block.wrapping_add(used / eighth * eighth),
            self.log2_size - 3,
            0,
            used % eighth / self.granule(),
        );
        Some([coarse, fine])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the hardware would grant, from the register values alone.
    fn granted(rbar: u32, rasr: u32, address: u32) -> bool {
        let log2 = ((rasr >> 1) & 0x1F) + 1;
        let size = 1u64 << log2;
        let base = u64::from(rbar & !0x1F);
        assert_eq!(base % size, 0, "misaligned region would be ignored");
        assert!(
            log2 >= 8 || (rasr >> 8) & 0xFF == 0,
            "no subregions below 256 bytes"
        );
        let Some(offset) = u64::from(address).checked_sub(base) else {
            return false;
        };
        rasr & 1 == 1 && offset < size && (rasr >> 8) >> (offset * 8 / size) & 1 == 0
    }

    fn any_granted(regions: &[Option<RegionShape>], address: u32) -> bool {
        regions
            .iter()
            .flatten()
            .any(|r| granted(r.rbar(0), r.rasr(), address))
    }

    #[test]
    fn the_supervisor_gets_its_block_with_4_kib_steps() {
        let m = AppMemory::fit(0x2004_0000, 0x4_0000, 0x3_F000 + 2000, 32, 2000).unwrap();
        assert_eq!((m.start(), m.granule()), (0x2004_0000, 0x1000));
        assert!(m.len() <= 0x4_0000);
        let [a, b] = m.regions(0x2007_F000, 0x2007_F000).unwrap();
        assert_eq!(
            (a.unwrap().start(), a.unwrap().len()),
            (0x2004_0000, 0x3_8000)
        );
        assert_eq!(
            (b.unwrap().start(), b.unwrap().len()),
            (0x2007_8000, 0x7000)
        );
        assert_eq!(m.regions(0x2007_F001, 0x2007_F010), None);
    }

    #[test]
    fn exact_blocks_and_subregions_are_found() {
        for (start, len) in [
            (0x4002_8000, 0x20),
            (0x4002_8000, 0x1000),
            (0x8_0000, 0x8_0000),
            // The supervisor's flash, and an image of half a megabyte in it.
            (0x4_0000, 0xC_0000),
            (0x4_0000, 0x8_0000),
            (0x4000_2000, 0x60),
        ] {
            let r = RegionShape::fit(start, len, len).unwrap();
            assert_eq!((r.start(), r.len()), (start, len));
        }
        assert_eq!(RegionShape::fit(0x4000_3010, 0x30, 0x30), None);
        assert_eq!(RegionShape::fit(0x2000_0000, 0, 0), None);
        assert_eq!(RegionShape::fit(0xE000_E000, 0x1000, 0x1000), None);
        assert_eq!(RegionShape::fit(0xFFFF_FFF0, 0x100, 0x20), None);
    }

    proptest! {
        #[test]
        fn a_region_opens_what_was_asked_and_nothing_around(
            start in 0u32..0x5000_0000, min in 1u32..0x4_0000, slack in 0u32..0x1_0000, probe in any::<u32>(),
        ) {
            let available = min + slack;
            if let Some(r) = RegionShape::fit(start, available, min) {
                prop_assert!(r.start() >= start && r.len() >= min);
                prop_assert!(r.start() - start + r.len() <= available);
                let around = [start.wrapping_sub(1), start, r.start().wrapping_sub(1), r.start(),
                    r.start() + r.len() - 1, r.start() + r.len(), start + available, probe];
                prop_assert_eq!(RegionShape::from_registers(r.rbar(3), r.rasr()), Some(r));
                for a in around {
                    prop_assert_eq!(r.contains(a), granted(r.rbar(3), r.rasr(), a));
                    prop_assert!(!r.contains(a) || (a >= start && a - start < available));
                }
            }
        }

        #[test]
        fn natural_blocks_always_fit(log2 in 5u32..=29, n in 0u32..64) {
            let size = 1u32 << log2;
            let start = u64::from(n) * u64::from(size);
            if start + u64::from(size) <= 0xE000_0000 {
                let r = RegionShape::fit(start as u32, size, size).unwrap();
                prop_assert_eq!((r.start(), r.len()), (start as u32, size));
            }
        }

        #[test]
        fn a_process_reaches_its_part_and_nothing_of_the_kernels(
            start in 0x1FFF_0000u32..0x2008_0000, slack in 0u32..0x4_0000,
            app in 1u32..0x2_0000, kernel in (0u32..0x200).prop_map(|n| 8 * n), at in 0u32..=1000, probe in 0u32..=1000,
        ) {
            let min_total = app + kernel;
            let Some(m) = AppMemory::fit(start, min_total + slack, min_total, 32, kernel) else {
                return Ok(());
            };
            prop_assert!(m.start() >= start && m.len() >= min_total);
            prop_assert!(u64::from(m.start() - start) + u64::from(m.len()) <= u64::from(min_total + slack));
            let end = m.start() + m.len();
            // All that the process asked for can be opened.
            prop_assert!(m.regions(m.start() + app, end - kernel).is_some());
            let brk = m.start() + (u64::from(m.len()) * u64::from(at) / 1000) as u32;
            let kernel_break = end - kernel;
            match m.regions(brk, kernel_break) {
                Some(regions) => {
                    let edge = brk.div_ceil(m.granule()) * m.granule();
                    let inside = m.start() + (u64::from(brk - m.start()) * u64::from(probe) / 1000) as u32;
                    for a in [m.start() - 1, m.start(), brk.wrapping_sub(1), brk, inside, edge - 1, edge, kernel_break - 1, kernel_break, end - 1, end] {
                        prop_assert_eq!(any_granted(&regions, a), a >= m.start() && a < edge, "{:#x}", a);
                    }
                    prop_assert!(edge <= kernel_break);
                }
                None => prop_assert!(brk.div_ceil(m.granule()) * m.granule() > kernel_break),
            }
        }

        #[test]
        fn the_same_question_gets_the_same_answer(
            start in 0x1FFF_0000u32..0x2008_0000, app in 1u32..0x2_0000, kernel in 0u32..0x1000,
        ) {
            if let Some(m) = AppMemory::fit(start, 0x10_0000, app + kernel, 32, kernel) {
                let again = AppMemory::fit(m.start(), m.len(), m.len(), 32, kernel);
                prop_assert_eq!(again.map(|m| (m.start(), m.len())), Some((m.start(), m.len())));
            }
        }

        #[test]
        fn an_aligned_block_wastes_less_than_a_granule(log2 in 11u32..=18, part in 1u32..=64, off in 0u32..64, kernel in 0u32..2048) {
            let size = 1u32 << log2;
            let app = (size / 64 * part).saturating_sub(off).max(1);
            if app + kernel <= size {
                let m = AppMemory::fit(0x2004_0000, size + kernel + 8, app + kernel, 32, kernel).unwrap();
                prop_assert!(m.len() < app + kernel + size / 64 + 8);
            }
        }
    }
}
