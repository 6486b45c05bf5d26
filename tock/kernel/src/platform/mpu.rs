//! Memory protection: what a process can touch while it runs.
//!
//! A configuration belongs to one process. The kernel writes it to the
//! hardware ([`MPU::configure_mpu`]) only when another process ran since or the
//! configuration changed, and leaves the protection on while it runs itself: an
//! implementation must let privileged code reach all memory at any time
//! (PMSA: `PRIVDEFENA`).

#![allow(unsafe_code)]

use core::fmt::{self, Display, Write};

/// What a process may do in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Read, write, execute.
    ReadWriteExecute,
    /// Read, write.
    ReadWriteOnly,
    /// Read, execute.
    ReadExecuteOnly,
    /// Read.
    ReadOnly,
    /// Execute.
    ExecuteOnly,
}

/// A range of addresses opened to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    start_address: *const u8,
    size: usize,
}

/// Says whether a region may be opened to a process.
pub type RegionCheck = fn(Region) -> bool;

impl Region {
    /// The range of `size` bytes from `start_address`.
    #[must_use]
    pub const fn new(start_address: *const u8, size: usize) -> Self {
        Self {
            start_address,
            size,
        }
    }

    /// First address.
    #[must_use]
    pub const fn start_address(&self) -> *const u8 {
        self.start_address
    }

    /// Length in bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }
}

/// A memory protection unit.
///
/// # Safety
///
/// Isolation rests on it: after [`configure_mpu`](Self::configure_mpu) with a
/// configuration, unprivileged code can touch exactly the regions that were
/// allocated in it and succeeded, with their permissions.
#[allow(unsafe_code, clippy::result_unit_err)]
pub unsafe trait MPU {
    /// The regions of one process; displays as a table for people.
    type MpuConfig: Display;

    /// Switch protection of unprivileged code on.
    fn enable_app_mpu(&self);

    /// Switch protection off.
    ///
    /// # Safety
    ///
    /// No process may run until it is on again.
    unsafe fn disable_app_mpu(&self);

    /// How many regions the hardware has.
    fn number_total_regions(&self) -> usize;

    /// An empty configuration; `None` if no more can be made.
    fn new_config(&self) -> Option<Self::MpuConfig>;

    /// Make `config` empty again.
    fn reset_config(&self, config: &mut Self::MpuConfig);

    /// Open a region of at least `min_region_size` bytes inside the
    /// `unallocated_memory_size` bytes from `unallocated_memory_start`.
    /// `None`, and `config` unchanged, if that is not possible.
    fn allocate_region(
        &self,
        unallocated_memory_start: *const u8,
        unallocated_memory_size: usize,
        min_region_size: usize,
        permissions: Permissions,
        config: &mut Self::MpuConfig,
    ) -> Option<Region>;

    /// Open exactly the `size` bytes of peripheral registers from `start`, as
    /// peripheral memory, never executable. `None`, and `config` unchanged, if the
    /// hardware cannot do exactly that.
    fn allocate_peripheral_region(
        &self,
        _start: *const u8,
        _size: usize,
        _permissions: Permissions,
        _config: &mut Self::MpuConfig,
    ) -> Option<Region> {
        None
    }

    /// Close a region that [`allocate_region`](Self::allocate_region) or
    /// [`allocate_peripheral_region`](Self::allocate_peripheral_region) returned.
    ///
    /// # Errors
    ///
    /// `config` has no such region.
    fn remove_memory_region(&self, region: Region, config: &mut Self::MpuConfig) -> Result<(), ()>;

    /// Choose where the RAM block of a process lies and open its lower part.
    ///
    /// The block lies inside the unallocated memory, has at least
    /// `min_memory_size` bytes and room for `initial_app_memory_size` at its
    /// lower and `initial_kernel_memory_size` at its upper end such that the
    /// process cannot touch the latter. Returns start and size of the block.
    #[allow(clippy::too_many_arguments)]
    fn allocate_app_memory_region(
        &self,
        unallocated_memory_start: *const u8,
        unallocated_memory_size: usize,
        min_memory_size: usize,
        initial_app_memory_size: usize,
        initial_kernel_memory_size: usize,
        permissions: Permissions,
        config: &mut Self::MpuConfig,
    ) -> Option<(*const u8, usize)>;

    /// Move the borders in the block: the process reaches up to `app_memory_break`
    /// and must not reach `kernel_memory_break`.
    ///
    /// # Errors
    ///
    /// The hardware cannot separate the two; `config` is unchanged.
    fn update_app_memory_region(
        &self,
        app_memory_break: *const u8,
        kernel_memory_break: *const u8,
        permissions: Permissions,
        config: &mut Self::MpuConfig,
    ) -> Result<(), ()>;

    /// Where what the process reaches of its block ends: its break, rounded up to what the hardware can
    /// separate. `None` is not known, and taken for everything up to the kernel's break.
    fn app_memory_end(&self, _config: &Self::MpuConfig) -> Option<*const u8> {
        None
    }

    /// Print region number `number` for people, in a line; nothing if it is off. Printing all at
    /// once is what `config`'s `Display` does, and what this does for region 0 unless it is implemented.
    ///
    /// # Errors
    ///
    /// Of the writer.
    fn print_region(
        &self,
        config: &Self::MpuConfig,
        number: usize,
        writer: &mut dyn Write,
    ) -> fmt::Result {
        if number == 0 {
            write!(writer, "{config}")
        } else {
            Ok(())
        }
    }

    /// Write `config` to the hardware. The kernel calls this when the hardware holds anything else, and nobody but
    /// the kernel keeps what it holds.
    ///
    /// # Safety
    ///
    /// The process that runs next is the one `config` belongs to.
    unsafe fn configure_mpu(&self, config: &Self::MpuConfig);
}
