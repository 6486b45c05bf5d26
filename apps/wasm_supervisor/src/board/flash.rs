//! The store's flash: a partition that the kernel gives to this process.

#[cfg(feature = "compiled")]
use berth_flash::driver::CODE_DRIVER_NUM;
use berth_flash::driver::{DRIVER_NUM, upcall};
use berth_flash::{Erases, Flash, FlashError};
use libtock::flash_partition;
use libtock::{ErrorCode, EventSlot, subscribe};

use crate::window::StoreMemory;

/// Where the ends of its operations arrive.
static DONE: EventSlot = EventSlot::new();
/// The same of the part for code.
#[cfg(feature = "compiled")]
static CODE_DONE: EventSlot = EventSlot::new();

/// Call the drivers for the first time, so that they take what they keep for this process.
pub(super) fn announce() {
    // A kernel without it has no store.
    let _ = subscribe(DRIVER_NUM, upcall::DONE, &DONE);
    // A kernel without it has everything interpreted.
    #[cfg(feature = "compiled")]
    let _ = subscribe(CODE_DRIVER_NUM, upcall::DONE, &CODE_DONE);
}

/// The partition.
pub struct Partition(StoreMemory);

impl Partition {
    /// Open the partition; `None` if the kernel has none for this process, cannot map it, or
    /// erases it in other pages than the store's.
    pub(super) fn open() -> Option<Self> {
        Self::of(flash_partition::Partition::open(&DONE).ok()?)
    }

    /// Open the part for code, to be executed; `None` as above.
    #[cfg(feature = "compiled")]
    pub(super) fn open_code() -> Option<Self> {
        Self::of(flash_partition::Partition::open_code(&CODE_DONE).ok()?)
    }

    fn of(partition: flash_partition::Partition) -> Option<Self> {
        (partition.page() == Self::PAGE_BYTES).then(|| Self(StoreMemory::new(partition)))
    }

    /// An operation that the run before left under way keeps the flash busy for some more
    /// milliseconds at most.
    fn change(
        &mut self,
        operation: impl Fn(&mut flash_partition::Partition) -> Result<(), ErrorCode>,
    ) -> Result<(), FlashError> {
        loop {
            return match operation(self.0.partition()) {
                Ok(()) => Ok(()),
                Err(ErrorCode::Busy) => continue,
                Err(ErrorCode::Invalid | ErrorCode::Size) => Err(FlashError::Range),
                Err(ErrorCode::Already) => Err(FlashError::Rule),
                Err(ErrorCode::Reserve) => Err(FlashError::Later),
                Err(_) => Err(FlashError::Failed),
            };
        }
    }
}

impl Flash for Partition {
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    fn program(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashError> {
        self.change(|partition| partition.program(offset, bytes))
    }

    fn erase(&mut self, page: usize) -> Result<(), FlashError> {
        self.change(|partition| partition.erase(page))
    }

    fn erases(&self) -> Option<Erases> {
        self.0.erases()
    }
}
