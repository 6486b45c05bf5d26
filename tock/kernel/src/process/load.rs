//! Starting the processes that lie in flash.
//!
//! A board gives a table of places ([`Place`]), and each is scanned by itself. Its flash holds one object after
//! the other, each as long as its header says; where no object begins, the scan of the place ends, and after as many
//! objects as the place has. An object that is padding, is
//! disabled, or has a broken header is passed over. One process that cannot be
//! started does not keep the others from it. Debug messages say of the first ones that were not started
//! why, and how many more there are.
//!
//! RAM: a process linked for an address gets exactly that, in whatever order
//! processes lie in flash, as long as it is of its place and blocks do not overlap; others get the
//! first RAM of their place where they fit.
//!
//! All work here is bounded by what the board says, not by what flash holds: headers have at most
//! [`HEADER_BYTES`].

use core::cell::Cell;
use core::fmt;

use super::memory::GrantSlot;
use super::standard::{Parts, ProcessStandard, kernel_memory_size};
use super::{Place, Priority, ProcessFaultPolicy, ProcessLoadError, Standing};
use crate::capabilities::ProcessManagementCapability;
use crate::debug;
use crate::kernel::Kernel;
use crate::platform::chip::Chip;
use crate::platform::mpu::MPU;
use crate::syscall::UserspaceKernelBoundary;
use crate::{KERNEL_MAJOR_VERSION, KERNEL_MINOR_VERSION};
use tock_tbf::parse::{VERSION, parse_tbf_header, parse_tbf_header_lengths};
use tock_tbf::types::{InitialTbfParseError, TbfHeader, TbfParseError};

/// Longest header that is looked at. What states permissions for every driver there is has some hundred bytes.
const HEADER_BYTES: u16 = 2048;

/// Objects of a place of which a message each says why they are not started; of the others only how many they are.
const TOLD: usize = 3;

/// Most bytes of the messages about one place: a board that keeps so many for each loses none.
pub const LOAD_TEXT_MAX: usize = 700;

/// Start the processes of a board's table of places. A place's number is its position among them.
///
/// # Errors
///
/// Why the first process that could not be started was not; all that could
/// be, were.
pub fn load_places<C: Chip>(
    kernel: &'static Kernel,
    chip: &'static C,
    places: impl IntoIterator<Item = Place>,
    _capability: &dyn ProcessManagementCapability,
) -> Result<(), ProcessLoadError> {
    let mut outcome = Ok(());
    for (number, place) in places.into_iter().enumerate() {
        first_failure(&mut outcome, load_place(kernel, chip, number, place));
    }
    outcome
}

/// Start all processes that lie in `app_flash`, in RAM of `app_memory`: one place for all, which trusts them.
///
/// # Errors
///
/// Why the first process that could not be started was not; all that could
/// be, were.
pub fn load_processes<C: Chip>(
    kernel: &'static Kernel,
    chip: &'static C,
    app_flash: &'static [u8],
    app_memory: &'static mut [u8],
    fault_policy: &'static dyn ProcessFaultPolicy,
    _capability: &dyn ProcessManagementCapability,
) -> Result<(), ProcessLoadError> {
    let place = Place {
        name: "processes",
        flash: app_flash,
        memory: app_memory,
        slots: usize::MAX,
        objects: usize::MAX,
        priority: Priority::Equal,
        states_ids: true,
        executes_memory: true,
        fault_policy,
        pace: &(),
    };
    load_place(kernel, chip, 0, place)
}

/// Remember the first failure. `Result::and` is the same, but the compiler copies its operand in place, with a
/// function for that of 1,600 bytes.
#[inline(never)]
fn first_failure(all: &mut Result<(), ProcessLoadError>, one: Result<(), ProcessLoadError>) {
    if all.is_ok() {
        *all = one;
    }
}

/// Start the processes of one place.
fn load_place<C: Chip>(
    kernel: &'static Kernel,
    chip: &'static C,
    number: usize,
    place: Place,
) -> Result<(), ProcessLoadError> {
    let memory_start = place.memory.as_mut_ptr().expose_provenance();
    let loader = Loader {
        kernel,
        chip,
        standing: Standing {
            place: number,
            priority: place.priority,
            states_ids: place.states_ids,
            memory: place.memory_permissions(),
            fault_policy: place.fault_policy,
            pace: place.pace,
        },
        slots: place.slots,
        memory_start,
        memory_end: memory_start + place.memory.len(),
        objects_told: Cell::new(0),
    };
    let mut outcome = Ok(());
    let mut objects = Objects { rest: place.flash };
    for (address, object) in objects.by_ref().take(place.objects) {
        let object = object.map_err(ProcessLoadError::TbfHeaderParseFailure);
        let header = object.and_then(|object| object.header());
        let loaded = match (object, header) {
            (Ok(object), Ok(header)) => loader.start(object, header),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        if let Err(error) = loaded {
            let name = header.ok().and_then(|header| header.get_package_name());
            let name = name.unwrap_or("(unnamed)");
            loader.tell(format_args!(
                "The process {name} at {address:#010x} is not started: {error}."
            ));
        }
        first_failure(&mut outcome, loaded);
    }
    let Place { name, .. } = place;
    let more = loader.objects_told.get().saturating_sub(TOLD);
    if more > 0 {
        debug!("{more} more objects of {name} are not started.");
    }
    if let Some((address, _)) = objects.next() {
        let objects = place.objects;
        debug!("From {address:#010x} on, {name} is not looked at: {objects} objects are before.");
    }
    outcome
}

/// One object in flash.
#[derive(Clone, Copy)]
struct Object {
    flash: &'static [u8],
    header_size: u16,
    version: u16,
}

impl Object {
    /// Its header; of one that is too long only its length is looked at.
    fn header(&self) -> Result<TbfHeader<'static>, ProcessLoadError> {
        if self.header_size > HEADER_BYTES {
            return Err(ProcessLoadError::HeaderTooLong {
                length: self.header_size,
                most: HEADER_BYTES,
            });
        }
        let header = self.flash.get(..usize::from(self.header_size));
        header
            .ok_or(TbfParseError::NotEnoughFlash)
            .and_then(|header| parse_tbf_header(header, self.version))
            .map_err(ProcessLoadError::TbfHeaderParseFailure)
    }
}

/// The objects in flash with their addresses, one after the other.
struct Objects {
    rest: &'static [u8],
}

impl Iterator for Objects {
    type Item = (usize, Result<Object, TbfParseError>);

    fn next(&mut self) -> Option<Self::Item> {
        let address = self.rest.as_ptr().addr();
        let broken = (address, Err(TbfParseError::NotEnoughFlash));
        let start = self.rest.first_chunk()?;
        let lengths = parse_tbf_header_lengths(start);
        // The parser reports no length below that of a header, so the scan advances.
        let total_size = match lengths {
            Ok((_, _, total_size)) | Err(InitialTbfParseError::InvalidHeader(total_size)) => {
                total_size as usize
            }
            Err(InitialTbfParseError::UnableToParse) => {
                self.rest = &[];
                // Erased flash is the end. What says that it is an object, but
                // not where the next one begins, is worth a word.
                return start.starts_with(&VERSION.to_le_bytes()).then_some(broken);
            }
        };
        let Some((flash, rest)) = self.rest.split_at_checked(total_size) else {
            self.rest = &[];
            return Some(broken);
        };
        self.rest = rest;
        Some(match lengths {
            Ok((version, header_size, _)) => (
                address,
                Ok(Object {
                    flash,
                    header_size,
                    version,
                }),
            ),
            Err(_) => broken,
        })
    }
}

/// What is the same for all processes of a place.
struct Loader<C: Chip + 'static> {
    kernel: &'static Kernel,
    chip: &'static C,
    standing: Standing,
    /// Most processes of the place.
    slots: usize,
    memory_start: usize,
    memory_end: usize,
    /// How many of its objects had something to be told.
    objects_told: Cell<usize>,
}

/// A RAM block: addresses.
#[derive(Clone, Copy)]
struct Block {
    start: usize,
    end: usize,
}

impl<C: Chip> Loader<C> {
    /// Start the process in `object`, if it is one that is to run.
    fn start(&self, object: Object, header: TbfHeader<'static>) -> Result<(), ProcessLoadError> {
        if header.is_padding() {
            return Ok(());
        }
        if !header.enabled() {
            let name = header.get_package_name().unwrap_or("");
            self.tell(format_args!(
                "The process {name} is disabled and not started."
            ));
            return Ok(());
        }
        check_kernel_version(&header)?;
        check_flash_address(&header, object.flash)?;
        let place = self.standing.place;
        let here = self.kernel.processes().filter(|p| p.place() == place);
        let room = here.count() < self.slots;
        let free = self.kernel.free_slot();
        let index = free
            .filter(|_| room)
            .ok_or(ProcessLoadError::NoProcessSlot)?;
        let mut config = self
            .chip
            .mpu()
            .new_config()
            .ok_or(ProcessLoadError::InternalError)?;
        let block = self.find_block(&header, &mut config)?;
        let process = self.place(object.flash, header, index, block, config)?;
        process
            .begin_run()
            .map_err(|_| ProcessLoadError::MpuInvalidFlashLength)?;
        self.kernel.add(process, self.standing.priority);
        Ok(())
    }

    /// A message about one object, unless there were many.
    fn tell(&self, message: fmt::Arguments<'_>) {
        let before = self.objects_told.get();
        self.objects_told.set(before + 1);
        if before < TOLD {
            debug!("{message}");
        }
    }

    /// RAM blocks that are taken.
    fn taken(&self) -> impl Iterator<Item = Block> {
        self.kernel.processes().map(|process| {
            let a = process.get_addresses();
            Block {
                start: a.sram_start,
                end: a.sram_end,
            }
        })
    }

    /// Free bytes from `start` to the next block; `None` if there are none.
    fn free_from(&self, start: usize) -> Option<usize> {
        let memory = Block {
            start: self.memory_start,
            end: self.memory_end,
        };
        free_bytes(start, memory, || self.taken())
    }

    /// Choose the RAM block: at the fixed address, else the first that fits.
    fn find_block(
        &self,
        header: &TbfHeader,
        config: &mut <C::MPU as MPU>::MpuConfig,
    ) -> Result<Block, ProcessLoadError> {
        if let Some(fixed) = header.get_fixed_address_ram() {
            let mismatch = ProcessLoadError::MemoryAddressMismatch {
                expected_address: fixed as usize,
            };
            let free = self.free_from(fixed as usize).ok_or(mismatch)?;
            let block = self
                .fit(header, fixed as usize, free, config)
                .ok_or(ProcessLoadError::NotEnoughMemory)?;
            return if block.start == fixed as usize {
                Ok(block)
            } else {
                Err(mismatch)
            };
        }
        core::iter::once(self.memory_start)
            .chain(self.taken().map(|block| block.end))
            .filter_map(|start| Some((start, self.free_from(start)?)))
            .find_map(|(start, free)| self.fit(header, start, free, config))
            .ok_or(ProcessLoadError::NotEnoughMemory)
    }

    /// Ask the MPU for a block inside `free` bytes from `start`.
    fn fit(
        &self,
        header: &TbfHeader,
        start: usize,
        free: usize,
        config: &mut <C::MPU as MPU>::MpuConfig,
    ) -> Option<Block> {
        let kernel_size = kernel_memory_size::<C>(self.kernel.grant_count());
        let initial = self
            .chip
            .userspace_kernel_boundary()
            .initial_process_app_brk_size();
        let asked = (header.get_minimum_app_ram_size() as usize).max(initial);
        let mpu = self.chip.mpu();
        mpu.reset_config(config);
        let (start, size) = mpu.allocate_app_memory_region(
            core::ptr::with_exposed_provenance(start),
            free,
            asked.checked_add(kernel_size)?,
            initial,
            kernel_size,
            self.standing.memory,
            config,
        )?;
        let start = start.addr();
        let end = start.checked_add(size)?;
        Some(Block { start, end })
    }

    /// Write grant table and control block to the end of the RAM block.
    fn place(
        &self,
        flash: &'static [u8],
        header: TbfHeader<'static>,
        index: usize,
        block: Block,
        mpu_config: <C::MPU as MPU>::MpuConfig,
    ) -> Result<&'static ProcessStandard<C>, ProcessLoadError> {
        let grant_count = self.kernel.grant_count();
        let control = aligned_below::<ProcessStandard<C>>(block.end, 1);
        let table = control.and_then(|control| aligned_below::<GrantSlot>(control, grant_count));
        let (Some(control), Some(table)) = (control, table) else {
            return Err(ProcessLoadError::NotEnoughMemory);
        };
        let in_memory = self.memory_start <= block.start && block.end <= self.memory_end;
        let untaken = self
            .taken()
            .all(|other| block.end <= other.start || other.end <= block.start);
        if table < block.start || !in_memory || !untaken {
            return Err(ProcessLoadError::NotEnoughMemory);
        }
        let process_id = self.kernel.new_process_id(index);
        let process_id = process_id.ok_or(ProcessLoadError::InternalError)?;
        let grants = core::ptr::with_exposed_provenance_mut::<GrantSlot>(table);
        let room = core::ptr::with_exposed_provenance_mut::<ProcessStandard<C>>(control);
        // SAFETY: the block was just checked to lie in the memory that the board
        // gave away for good and to overlap no other process's; both objects lie
        // in it, aligned and one below the other (`aligned_below`).
        #[allow(unsafe_code)]
        unsafe {
            for i in 0..grant_count {
                grants.add(i).write(GrantSlot::new());
            }
            room.write(ProcessStandard::new(Parts {
                kernel: self.kernel,
                chip: self.chip,
                process_id,
                header,
                flash,
                standing: self.standing,
                memory_start: block.start,
                memory_end: block.end,
                grants: core::slice::from_raw_parts(grants, grant_count),
                mpu_config,
            }));
            Ok(&*room)
        }
    }
}

/// Free bytes of `memory` from `start` to the next of the `taken` blocks;
/// `None` if there are none.
fn free_bytes<I: Iterator<Item = Block>>(
    start: usize,
    memory: Block,
    taken: impl Fn() -> I,
) -> Option<usize> {
    let inside = |block: Block| block.start <= start && start < block.end;
    if !inside(memory) || taken().any(inside) {
        return None;
    }
    let next = taken().map(|b| b.start).filter(|&next| next > start).min();
    next.unwrap_or(memory.end).checked_sub(start)
}

/// Address of `count` objects of type T that end at or just below `end`.
fn aligned_below<T>(end: usize, count: usize) -> Option<usize> {
    let size = count.checked_mul(size_of::<T>())?;
    Some(end.checked_sub(size)? & !(align_of::<T>() - 1))
}

fn check_kernel_version(header: &TbfHeader) -> Result<(), ProcessLoadError> {
    let version = header.get_kernel_version();
    match version {
        Some((KERNEL_MAJOR_VERSION, minor)) if minor <= KERNEL_MINOR_VERSION => Ok(()),
        _ => Err(ProcessLoadError::IncompatibleKernelVersion { version }),
    }
}

fn check_flash_address(header: &TbfHeader, flash: &[u8]) -> Result<(), ProcessLoadError> {
    let actual_address = flash.as_ptr().addr() + header.get_protected_size() as usize;
    match header.get_fixed_address_flash() {
        Some(expected) if expected as usize != actual_address => {
            Err(ProcessLoadError::IncorrectFlashAddress {
                actual_address,
                expected_address: expected as usize,
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_can_be_taken_in_any_order() {
        let memory = Block {
            start: 100,
            end: 200,
        };
        let taken = || {
            [(150, 160), (120, 130)]
                .into_iter()
                .map(|(start, end)| Block { start, end })
        };
        let free = |start| free_bytes(start, memory, taken);
        assert_eq!(free(100), Some(20));
        assert_eq!(free(119), Some(1));
        assert_eq!(free(130), Some(20));
        assert_eq!(free(160), Some(40));
        for start in [0, 99, 120, 129, 150, 159, 200, usize::MAX] {
            assert_eq!(free(start), None, "{start}");
        }
    }
}
