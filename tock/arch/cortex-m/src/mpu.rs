//! The PMSAv7 memory protection unit.
//!
//! It is switched on once, with the default memory map for privileged code
//! (PRIVDEFENA), and stays on: the kernel may always reach everything it could
//! without, because regions never take rights from privileged code. Entering
//! the kernel costs nothing, and entering a process only costs something if
//! another process ran before or this one's regions changed.
//!
//! Regions 0 and 1 are the process's RAM (see [`crate::mpu_layout`]), the
//! others its flash and whatever else the kernel opens to it.

#![allow(unsafe_code)]

use core::fmt;

use kernel::platform::mpu::{self, Permissions, Region};
use kernel::utilities::StaticRef;
use kernel::utilities::hex::Hex;
use kernel::utilities::registers::interfaces::Writeable;
use kernel::utilities::registers::{ReadOnly, ReadWrite, register_structs};

use crate::mpu_layout::{AppMemory, RegionShape};

register_structs! {
    MpuRegisters {
        (0x00 => kind: ReadOnly<u32>),
        (0x04 => ctrl: ReadWrite<u32>),
        (0x08 => rnr: ReadWrite<u32>),
        (0x0C => rbar: ReadWrite<u32>),
        (0x10 => rasr: ReadWrite<u32>),
        (0x14 => @END),
    }
}

// SAFETY: the architecture fixes the MPU at this address.
const MPU_REGISTERS: StaticRef<MpuRegisters> =
    unsafe { StaticRef::new(0xE000_ED90 as *const MpuRegisters) };

/// MPU_CTRL: on, default map for privileged code, off in fault handlers.
const ENABLE_PRIVDEFENA: u32 = 1 << 2 | 1;

/// How many of the regions the process's RAM takes.
const RAM_REGIONS: usize = 2;

/// Access attributes of MPU_RASR for memory of `permissions` at `start`.
///
/// Privileged code keeps read and write everywhere. What the architecture's
/// default map calls peripherals or external devices is strongly ordered and
/// never executable; all else is normal memory. Stores to strongly ordered memory are not buffered on the
/// Cortex-M3 and M4: one that the bus refuses is a precise fault of the process that made it, and none is taken
/// after the process was left.
fn attributes(permissions: Permissions, start: u32) -> u32 {
    const XN: u32 = 1 << 28;
    const READ_WRITE: u32 = 0b011 << 24;
    const USER_READ_ONLY: u32 = 0b010 << 24;
    const NORMAL_SHARED_WRITE_THROUGH: u32 = 1 << 18 | 1 << 17;
    // TEX, C and B zero.
    const STRONGLY_ORDERED: u32 = 0;

    let (access, execute) = match permissions {
        Permissions::ReadWriteExecute => (READ_WRITE, true),
        Permissions::ReadWriteOnly => (READ_WRITE, false),
        Permissions::ReadExecuteOnly | Permissions::ExecuteOnly => (USER_READ_ONLY, true),
        Permissions::ReadOnly => (USER_READ_ONLY, false),
    };
    if is_device(start) {
        access | STRONGLY_ORDERED | XN
    } else {
        access | NORMAL_SHARED_WRITE_THROUGH | if execute { 0 } else { XN }
    }
}

/// Does the architecture's default map have peripherals or external devices here?
fn is_device(address: u32) -> bool {
    matches!(address, 0x4000_0000..0x6000_0000 | 0xA000_0000..)
}

/// One region as the hardware takes it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    rbar: u32,
    rasr: u32,
}

impl Slot {
    /// RASR 0 switches the region off.
    fn off(number: usize) -> Self {
        Self {
            rbar: 1 << 4 | number as u32,
            rasr: 0,
        }
    }

    fn new(number: usize, shape: Option<RegionShape>, attributes: u32) -> Self {
        shape.map_or(Self::off(number), |shape| Self {
            rbar: shape.rbar(number as u32),
            rasr: shape.rasr() | attributes,
        })
    }

    fn shape(&self) -> Option<RegionShape> {
        RegionShape::from_registers(self.rbar, self.rasr)
    }
}

/// The regions of one process.
pub struct MpuConfig<const REGIONS: usize> {
    memory: Option<AppMemory>,
    slots: [Slot; REGIONS],
}

impl<const REGIONS: usize> MpuConfig<REGIONS> {
    fn clear(&mut self) {
        self.memory = None;
        self.slots = core::array::from_fn(Slot::off);
    }

    fn set(&mut self, number: usize, slot: Slot) {
        if let Some(old) = self.slots.get_mut(number) {
            *old = slot;
        }
    }

    /// Print region `number`, if it is on.
    fn print(&self, number: usize, writer: &mut dyn fmt::Write) -> fmt::Result {
        let Some((slot, shape)) = self.slots.get(number).and_then(|s| Some((s, s.shape()?))) else {
            return Ok(());
        };
        write!(
            writer,
            " MPU region {number}: {}..{} r{}{}\r\n",
            Hex(shape.start() as usize),
            Hex(shape.start().wrapping_add(shape.len()) as usize),
            if slot.rasr >> 24 & 0b111 == 0b011 {
                'w'
            } else {
                '-'
            },
            if slot.rasr >> 28 & 1 == 0 { 'x' } else { '-' },
        )
    }

    /// Does `shape` touch the process's memory (the kernel's part included) or a region?
    fn overlaps(&self, shape: &RegionShape) -> bool {
        self.memory
            .is_some_and(|memory| shape.overlaps(memory.start(), memory.len()))
            || self
                .slots
                .iter()
                .filter_map(Slot::shape)
                .any(|other| shape.overlaps(other.start(), other.len()))
    }
}

impl<const REGIONS: usize> fmt::Display for MpuConfig<REGIONS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..REGIONS).try_for_each(|number| self.print(number, f))
    }
}

/// The unit itself, with `REGIONS` regions (8 or 16).
#[derive(Debug)]
pub struct MPU<const REGIONS: usize> {
    /// Kept by whoever holds the unit; which configuration the hardware holds, the kernel knows.
    _unit: (),
}

impl<const REGIONS: usize> MPU<REGIONS> {
    /// The unit, not switched on yet ([`MPU::init`]).
    ///
    /// # Safety
    ///
    /// There is one MPU: two objects would overwrite each other's regions.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self { _unit: () }
    }

    /// Switch every region off and the unit on: no process can reach anything.
    pub fn init(&self) {
        self.write(&core::array::from_fn(Slot::off));
    }

    fn write(&self, slots: &[Slot; REGIONS]) {
        program(slots, |write| match write {
            Write::Ctrl(value) => MPU_REGISTERS.ctrl.set(value),
            Write::Rbar(value) => MPU_REGISTERS.rbar.set(value),
            Write::Rasr(value) => MPU_REGISTERS.rasr.set(value),
        });
        crate::support::synchronize();
    }
}

/// A write to a register of the unit.
#[derive(Clone, Copy)]
enum Write {
    Ctrl(u32),
    Rbar(u32),
    Rasr(u32),
}

/// The writes that put `slots` in place. The unit is off meanwhile: between its two writes a region has the new
/// address and the old size and attributes, which may lie over the vectors and forbid them
/// to an interrupt that comes just then. Nothing unprivileged runs until it is on again.
fn program<const REGIONS: usize>(slots: &[Slot; REGIONS], mut write: impl FnMut(Write)) {
    write(Write::Ctrl(0));
    for slot in slots {
        // The region number travels in RBAR.
        write(Write::Rbar(slot.rbar));
        write(Write::Rasr(slot.rasr));
    }
    write(Write::Ctrl(ENABLE_PRIVDEFENA));
}

/// A pointer as the 32-bit address it is on the target; `None` on a host where it is not.
fn address(pointer: *const u8) -> Option<u32> {
    u32::try_from(pointer.addr()).ok()
}

fn bytes(size: usize) -> Option<u32> {
    u32::try_from(size).ok()
}

// SAFETY: a process reaches, unprivileged, exactly the regions of the
// configuration that `configure_mpu` wrote last: there is no default map for
// unprivileged code, and `mpu_layout` proves (by property tests) that a shape
// opens no byte outside what was asked.
unsafe impl<const REGIONS: usize> mpu::MPU for MPU<REGIONS> {
    type MpuConfig = MpuConfig<REGIONS>;

    fn enable_app_mpu(&self) {
        // On since `init`.
    }

    unsafe fn disable_app_mpu(&self) {
        // Privileged code is not restricted by it.
    }

    fn number_total_regions(&self) -> usize {
        REGIONS
    }

    fn new_config(&self) -> Option<Self::MpuConfig> {
        Some(MpuConfig {
            memory: None,
            slots: core::array::from_fn(Slot::off),
        })
    }

    fn reset_config(&self, config: &mut Self::MpuConfig) {
        config.clear();
    }

    fn allocate_region(
        &self,
        unallocated_memory_start: *const u8,
        unallocated_memory_size: usize,
        min_region_size: usize,
        permissions: Permissions,
        config: &mut Self::MpuConfig,
    ) -> Option<Region> {
        let shape = RegionShape::fit(
            address(unallocated_memory_start)?,
            bytes(unallocated_memory_size)?,
            bytes(min_region_size)?,
        )?;
        let number = (RAM_REGIONS..REGIONS)
            .find(|n| config.slots.get(*n).is_some_and(|slot| slot.rasr == 0))?;
        if config.overlaps(&shape) {
            return None;
        }
        config.set(
            number,
            Slot::new(number, Some(shape), attributes(permissions, shape.start())),
        );
        Some(Region::new(
            unallocated_memory_start.with_addr(shape.start() as usize),
            shape.len() as usize,
        ))
    }

    fn allocate_peripheral_region(
        &self,
        start: *const u8,
        size: usize,
        permissions: Permissions,
        config: &mut Self::MpuConfig,
    ) -> Option<Region> {
        if !is_device(address(start)?) {
            return None;
        }
        // With nothing to spare, a region that fits is exact.
        self.allocate_region(start, size, size, permissions, config)
    }

    fn remove_memory_region(&self, region: Region, config: &mut Self::MpuConfig) -> Result<(), ()> {
        let start = address(region.start_address()).ok_or(())?;
        let len = bytes(region.size()).ok_or(())?;
        let number = (RAM_REGIONS..REGIONS)
            .find(|n| {
                config
                    .slots
                    .get(*n)
                    .and_then(Slot::shape)
                    .is_some_and(|shape| (shape.start(), shape.len()) == (start, len))
            })
            .ok_or(())?;
        config.set(number, Slot::off(number));
        Ok(())
    }

    fn allocate_app_memory_region(
        &self,
        unallocated_memory_start: *const u8,
        unallocated_memory_size: usize,
        min_memory_size: usize,
        initial_app_memory_size: usize,
        initial_kernel_memory_size: usize,
        permissions: Permissions,
        config: &mut Self::MpuConfig,
    ) -> Option<(*const u8, usize)> {
        let memory = AppMemory::fit(
            address(unallocated_memory_start)?,
            bytes(unallocated_memory_size)?,
            bytes(min_memory_size)?,
            bytes(initial_app_memory_size)?,
            bytes(initial_kernel_memory_size)?,
        )?;
        let collides = config
            .slots
            .iter()
            .skip(RAM_REGIONS)
            .filter_map(Slot::shape)
            .any(|shape| shape.overlaps(memory.start(), memory.len()));
        if collides {
            return None;
        }
        let start = unallocated_memory_start.with_addr(memory.start() as usize);
        config.memory = Some(memory);
        self.update_app_memory_region(
            start.wrapping_add(initial_app_memory_size),
            start
                .wrapping_add(memory.len() as usize)
                .wrapping_sub(initial_kernel_memory_size),
            permissions,
            config,
        )
        .ok()?;
        Some((start, memory.len() as usize))
    }

    fn update_app_memory_region(
        &self,
        app_memory_break: *const u8,
        kernel_memory_break: *const u8,
        permissions: Permissions,
        config: &mut Self::MpuConfig,
    ) -> Result<(), ()> {
        let memory = config.memory.ok_or(())?;
        let app_break = address(app_memory_break).ok_or(())?;
        let kernel_break = address(kernel_memory_break).ok_or(())?;
        let regions = memory.regions(app_break, kernel_break).ok_or(())?;
        let attributes = attributes(permissions, memory.start());
        for (number, shape) in regions.into_iter().enumerate() {
            config.set(number, Slot::new(number, shape, attributes));
        }
        Ok(())
    }

    fn app_memory_end(&self, config: &Self::MpuConfig) -> Option<*const u8> {
        let memory = config.memory?;
        let ends = config
            .slots
            .iter()
            .take(RAM_REGIONS)
            .filter_map(Slot::shape);
        let end = ends
            .map(|shape| shape.start().wrapping_add(shape.len()))
            .max();
        Some(core::ptr::without_provenance(
            end.unwrap_or(memory.start()) as usize
        ))
    }

    fn print_region(
        &self,
        config: &Self::MpuConfig,
        number: usize,
        writer: &mut dyn fmt::Write,
    ) -> fmt::Result {
        config.print(number, writer)
    }

    unsafe fn configure_mpu(&self, config: &Self::MpuConfig) {
        self.write(&config.slots);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::platform::mpu::MPU as _;

    const KERNEL_PART: usize = 1000;

    /// The unit as the architecture describes it, for privileged accesses (ARMv7-M, B3.5).
    #[derive(Default)]
    struct Unit {
        on: bool,
        number: usize,
        regions: [(u32, u32); 8],
    }

    impl Unit {
        fn take(&mut self, write: Write) {
            match write {
                Write::Ctrl(value) => self.on = value & 1 != 0,
                Write::Rbar(value) => {
                    assert!(value & 1 << 4 != 0, "the number comes with the address");
                    self.number = (value & 0xF) as usize;
                    self.regions[self.number].0 = value & !0x1F;
                }
                Write::Rasr(value) => self.regions[self.number].1 = value,
            }
        }

        /// May an interrupt's handler at this address of the kernel be fetched?
        fn fetches(&self, address: u32) -> bool {
            let covers = |&&(base, attributes): &&(u32, u32)| {
                let size = 1u64 << ((attributes >> 1 & 0x1F) + 1);
                let mask = !(size - 1) as u32;
                attributes & 1 != 0 && address & mask == base & mask
            };
            // The highest number wins; without a region, the default map.
            let region = self.regions.iter().rfind(covers);
            !self.on || region.is_none_or(|&(_, attributes)| attributes >> 28 & 1 == 0)
        }
    }

    #[test]
    fn at_every_write_an_interrupt_finds_its_handler() {
        let (first, mut many) = process();
        let (_second, few) = process();
        for block in [0x4000_4000, 0x4000_5000, 0x4002_8000] {
            let opened = first.allocate_region(
                pointer(block),
                0x1000,
                0x1000,
                Permissions::ReadWriteOnly,
                &mut many,
            );
            assert!(opened.is_some());
        }
        let mut unit = Unit::default();
        // From nothing to many regions, to few, and back.
        for config in [&many, &few, &many] {
            program(&config.slots, |write| {
                unit.take(write);
                for handler in [0x11C, 0xC0, 0x8000] {
                    assert!(unit.fetches(handler), "{:x?}", unit.regions);
                }
            });
            assert!(unit.on);
            for (slot, region) in config.slots.iter().zip(unit.regions) {
                assert_eq!((slot.rbar & !0x1F, slot.rasr), region);
            }
        }
    }

    fn pointer(address: usize) -> *const u8 {
        core::ptr::without_provenance(address)
    }

    /// A process with 64 KiB at 0x2001_0000 and its flash.
    fn process() -> (MPU<8>, MpuConfig<8>) {
        // SAFETY: nothing here touches the hardware.
        let mpu = unsafe { MPU::new() };
        let mut config = mpu.new_config().unwrap();
        let (start, len) = mpu
            .allocate_app_memory_region(
                pointer(0x2001_0000),
                0x1_0000,
                0xC000 + KERNEL_PART,
                32,
                KERNEL_PART,
                Permissions::ReadWriteOnly,
                &mut config,
            )
            .unwrap();
        assert_eq!((start.addr(), len), (0x2001_0000, 0xC000 + KERNEL_PART));
        let flash = mpu.allocate_region(
            pointer(0x10_0000),
            0x1_0000,
            0x1_0000,
            Permissions::ReadExecuteOnly,
            &mut config,
        );
        assert_eq!(flash, Some(Region::new(pointer(0x10_0000), 0x1_0000)));
        (mpu, config)
    }

    fn brk(mpu: &MPU<8>, config: &mut MpuConfig<8>, app: usize, kernel: usize) -> Result<(), ()> {
        mpu.update_app_memory_region(
            pointer(app),
            pointer(kernel),
            Permissions::ReadWriteOnly,
            config,
        )
    }

    #[test]
    fn a_break_that_cannot_be_separated_changes_nothing() {
        let (mpu, mut config) = process();
        let before = config.slots.map(|slot| (slot.rbar, slot.rasr));
        for (app, kernel) in [
            (0x2001_C001, 0x2001_C000),
            (0x2001_B801, 0x2001_BBFF),
            (0x2000_FFFF, 0x2001_C000),
            (0x2001_1000, 0x2002_C000),
        ] {
            assert_eq!(brk(&mpu, &mut config, app, kernel), Err(()), "{app:#x}");
            assert_eq!(config.slots.map(|slot| (slot.rbar, slot.rasr)), before);
        }
        brk(&mpu, &mut config, 0x2001_C000, 0x2001_C000).unwrap();
        assert_ne!(config.slots.map(|slot| (slot.rbar, slot.rasr)), before);
    }

    #[test]
    fn no_region_opens_the_process_s_own_kernel_part() {
        let (mpu, mut config) = process();
        for (start, size) in [(0x2001_C000, 32), (0x2001_0000, 0x1_0000), (0x10_0000, 32)] {
            let region = mpu.allocate_region(
                pointer(start),
                size,
                size,
                Permissions::ReadWriteOnly,
                &mut config,
            );
            assert_eq!(region, None, "{start:#x}");
        }
    }

    #[test]
    fn five_more_regions_and_each_can_be_given_back() {
        let (mpu, mut config) = process();
        let uart = |n: usize, config: &mut MpuConfig<8>| {
            mpu.allocate_peripheral_region(
                pointer(0x4000_4000 + n * 0x1000),
                0x1000,
                Permissions::ReadWriteOnly,
                config,
            )
        };
        let regions: Vec<_> = (0..5).map(|n| uart(n, &mut config).unwrap()).collect();
        assert_eq!(uart(5, &mut config), None);
        mpu.remove_memory_region(regions[2], &mut config).unwrap();
        assert_eq!(mpu.remove_memory_region(regions[2], &mut config), Err(()));
        assert!(uart(5, &mut config).is_some());
        mpu.reset_config(&mut config);
        assert!(config.slots.iter().all(|slot| slot.shape().is_none()));
    }

    #[test]
    fn peripherals_are_strongly_ordered_and_never_executable() {
        let code = attributes(Permissions::ReadExecuteOnly, 0x10_0000);
        let data = attributes(Permissions::ReadWriteOnly, 0x2001_0000);
        let device = attributes(Permissions::ReadWriteExecute, 0x4000_5000);
        let (xn, cacheable, bufferable) = (1 << 28, 1 << 17, 1 << 16);
        assert_eq!(code & (xn | cacheable | bufferable), cacheable);
        assert_eq!(data & (xn | cacheable | bufferable), xn | cacheable);
        // A buffered store could fault after the process was left.
        assert_eq!(device & (xn | cacheable | bufferable), xn);
        // AP: the process may write RAM and not code; the kernel may write both.
        assert_eq!((code >> 24 & 7, data >> 24 & 7), (0b010, 0b011));
        let (mpu, mut config) = process();
        let ram = mpu.allocate_peripheral_region(
            pointer(0x2002_0000),
            0x1000,
            Permissions::ReadWriteOnly,
            &mut config,
        );
        assert_eq!(ram, None);
    }

    #[test]
    fn half_a_mebibyte_of_flash_is_one_region_for_reading() {
        let (mpu, mut config) = process();
        let region = mpu.allocate_region(
            pointer(0x14_0000),
            0x8_0000,
            0x8_0000,
            Permissions::ReadOnly,
            &mut config,
        );
        assert_eq!(region, Some(Region::new(pointer(0x14_0000), 0x8_0000)));
        let text = config.to_string();
        assert!(text.contains("0x00140000..0x001c0000 r--"), "{text}");
    }

    #[test]
    fn the_end_of_a_process_s_memory_is_where_its_regions_end() {
        let (mpu, mut config) = process();
        for (brk_to, end) in [
            (0x2001_0001, 0x2001_0400),
            (0x2001_0400, 0x2001_0400),
            (0x2001_1FFF, 0x2001_2000),
            (0x2001_2001, 0x2001_2400),
            (0x2001_A3FC, 0x2001_A400),
            (0x2001_C000, 0x2001_C000),
        ] {
            brk(&mpu, &mut config, brk_to, 0x2001_C000).unwrap();
            assert_eq!(
                mpu.app_memory_end(&config),
                Some(pointer(end)),
                "{brk_to:#x}"
            );
        }
    }

    #[test]
    fn a_configuration_displays_its_regions() {
        let (mpu, mut config) = process();
        brk(&mpu, &mut config, 0x2001_A400, 0x2001_C000).unwrap();
        assert_eq!(
            config.to_string(),
            " MPU region 0: 0x20010000..0x2001a000 rw-\r\n \
             MPU region 1: 0x2001a000..0x2001a400 rw-\r\n \
             MPU region 2: 0x00100000..0x00110000 r-x\r\n"
        );
    }
}
