//! The traits through which the kernel and a board's hooks see a process.

use core::fmt::Write;
use core::ptr::NonNull;

use super::{
    CommandPermissions, Error, FunctionCall, Life, Pass, ProcessAddress, ProcessAddresses,
    ProcessId, ProcessSizes, ShortId, State, StoppedExecutingReason, Task, Woken,
};
use crate::errorcode::ErrorCode;
use crate::platform::mpu;
use crate::processbuffer::{ReadOnlyProcessBuffer, ReadWriteProcessBuffer};
use crate::storage_permissions::StoragePermissions;
use crate::syscall::{ContextSwitchReason, SyscallReturn};
use crate::upcall::UpcallId;

/// A process: identity, state, events, running.
pub trait Process: ProcessMemory + ProcessGrants {
    /// The id of the present run.
    fn processid(&self) -> ProcessId;

    /// Number of the place that it stands in, in the board's table ([`Place`](super::Place)): who it is.
    /// 0 if the board has no table.
    fn place(&self) -> usize;

    /// The short id from its header.
    fn short_app_id(&self) -> ShortId;

    /// The name from its header; empty if it has none.
    fn get_process_name(&self) -> &'static str;

    /// How often it was restarted since boot.
    fn get_restart_count(&self) -> usize;

    /// What it said when it ended: `None` never ended, `Some(None)` ended
    /// without saying.
    fn get_completion_code(&self) -> Option<Option<u32>>;

    /// What it is doing.
    fn get_state(&self) -> State;

    /// Whether it has something to do now.
    fn ready(&self) -> bool;

    /// Whether it is alive: it runs, sleeps or is stopped, and did not end.
    fn is_running(&self) -> bool;

    /// Whether an event waits for it.
    fn has_tasks(&self) -> bool;

    /// How many events wait.
    fn pending_tasks(&self) -> usize;

    /// Queue something for its next yield.
    ///
    /// # Errors
    ///
    /// `NOMEM` the queue is full (counted), `NODEVICE` the process has ended.
    fn enqueue_task(&self, task: Task) -> Result<(), ErrorCode>;

    /// Take the oldest task.
    fn dequeue_task(&self) -> Option<Task>;

    /// Take the oldest task that is this event.
    fn remove_upcall(&self, upcall_id: UpcallId) -> Option<Task>;

    /// Drop all tasks that are this event; how many there were.
    fn remove_pending_upcalls(&self, upcall_id: UpcallId) -> usize;

    /// It yielded: sleeps until an upcall.
    fn set_yielded_state(&self);

    /// It yielded: sleeps until this event.
    fn set_yielded_for_state(&self, upcall_id: UpcallId);

    /// Where in its life it is.
    fn life(&self) -> Life;

    /// Hold it; it keeps what it was doing. One that is to begin again does not before it is resumed.
    fn stop(&self);

    /// Let a held process go on, or begin again.
    fn resume(&self);

    /// It faulted: ask its fault policy and act. A held one stays held.
    fn set_fault_state(&self);

    /// End it and start it again from the beginning, with a new id.
    /// Takes effect when no grant of it is entered, at the latest when the
    /// kernel loop is back in charge and its place allows it ([`RestartPace`](super::RestartPace)).
    /// A held one is held no longer.
    fn try_restart(&self, completion_code: Option<u32>);

    /// End it for good; [`try_restart`](Self::try_restart) alone brings it back.
    fn terminate(&self, completion_code: Option<u32>);

    /// Whether it ended and is to begin again, at once or when its place allows it.
    fn awaits_restart(&self) -> bool;

    /// Carry out what [`try_restart`](Self::try_restart) had to put off.
    fn finish_restart(&self);

    /// Hand a return value to it; faults it if its stack is broken. Whether it
    /// is in [`State::Running`] then.
    fn set_syscall_return_value(&self, return_value: SyscallReturn) -> bool;

    /// Make it run a function next; faults it if its stack is broken. Whether it
    /// is in [`State::Running`] then.
    fn set_process_function(&self, callback: FunctionCall) -> bool;

    /// Do a pass of the kernel's work for it if there is any; otherwise bring it to
    /// [`State::Running`] if it sleeps and something waits for it.
    ///
    /// # Errors
    ///
    /// Why there is nothing for it to do.
    fn wake(&self) -> Result<Woken, StoppedExecutingReason>;

    /// Do one pass of the kernel's work for it; `None` if there is none. See [`Pass`].
    fn pass(&self) -> Option<Pass>;

    /// Note that this driver has work to do for it, which is done in passes when it would run.
    /// Without a grant of the driver nothing is noted. Returns whether it was.
    fn request_pass(&self, driver_num: usize) -> bool;

    /// It has ended another's run, and waits until that end is over
    /// ([`RunEndClient::end_pass`](super::RunEndClient::end_pass)).
    fn wait_for_ends(&self);

    /// Have everything known about it printed in passes, as debug messages, and its name and
    /// `outcome` behind.
    fn request_report(&self, outcome: &'static str);

    /// Make its MPU configuration the active one and run it until it stops.
    /// `None` if it is not in [`State::Running`].
    fn switch_to(&self) -> Option<ContextSwitchReason>;

    /// Whether its header limits the commands it may give.
    fn has_command_permissions(&self) -> bool;

    /// What its header lets it do with a driver.
    fn get_command_permissions(&self, driver_num: usize, offset: usize) -> CommandPermissions;

    /// What its header lets it do with stored things; `None` if it says nothing.
    fn get_storage_permissions(&self) -> Option<StoragePermissions>;

    /// Returns how many time slices of it ended by time since boot.
    fn debug_timeslice_expiration_count(&self) -> usize;

    /// Returns how many system calls it made since boot.
    fn debug_syscall_count(&self) -> usize;

    /// Returns how many events for it were dropped since boot because its queue was full.
    fn debug_dropped_upcall_count(&self) -> usize;

    /// Count the end of a time slice by time.
    fn debug_timeslice_expired(&self);

    /// Print everything known about it, for people.
    fn print_full_process(&self, writer: &mut dyn Write);
}

/// The memory of a process.
pub trait ProcessMemory {
    /// Move the break to `new_break`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] above the grants or the MPU cannot separate them,
    /// [`Error::AddressOutOfBounds`] outside the block or below a lent buffer,
    /// [`Error::InactiveApp`] the process has ended.
    fn brk(&self, new_break: usize) -> Result<usize, Error>;

    /// Move the break by `increment` bytes; returns the old one.
    ///
    /// # Errors
    ///
    /// As [`brk`](Self::brk).
    fn sbrk(&self, increment: isize) -> Result<usize, Error>;

    /// One of its addresses.
    fn address(&self, which: ProcessAddress) -> usize;

    /// Whether memory that it reaches is still to be cleared; it does not run before that is done.
    fn is_being_cleared(&self) -> bool;

    /// All its addresses.
    fn get_addresses(&self) -> ProcessAddresses;

    /// What the kernel keeps in its RAM block.
    fn get_sizes(&self) -> ProcessSizes;

    /// How many flash regions its header lets it write.
    fn number_writeable_flash_regions(&self) -> usize;

    /// Offset from the start of its flash and length of such a region.
    fn get_writeable_flash_region(&self, index: usize) -> Option<(usize, usize)>;

    /// Keep what it says about its stack, for reports.
    fn update_stack_start_pointer(&self, stack_pointer: usize);

    /// Keep what it says about its heap, for reports.
    fn update_heap_start_pointer(&self, heap_pointer: usize);

    /// Check a buffer that it wants to lend for writing.
    ///
    /// # Errors
    ///
    /// `INVAL` not all in its own RAM, `FAIL` the process has ended.
    fn build_readwrite_process_buffer(
        &self,
        buf_start_addr: usize,
        size: usize,
    ) -> Result<ReadWriteProcessBuffer, ErrorCode>;

    /// Check a buffer that it wants to lend for reading.
    ///
    /// # Errors
    ///
    /// `INVAL` neither all in its RAM nor all in its own flash, `FAIL` the process has ended.
    fn build_readonly_process_buffer(
        &self,
        buf_start_addr: usize,
        size: usize,
    ) -> Result<ReadOnlyProcessBuffer, ErrorCode>;

    /// Write one byte of its RAM; `false` if the address is not below its break.
    fn set_byte(&self, addr: usize, value: u8) -> bool;

    /// Whether a function may be called at this address.
    fn is_valid_upcall_function_pointer(&self, upcall_fn: usize) -> bool;

    /// Make its MPU configuration the active one, if it is not.
    fn setup_mpu(&self);

    /// Open a further region of memory to it, readable and writeable. Closed at
    /// restart. `None`, with nothing opened, if that is not possible.
    fn add_mpu_region(
        &self,
        unallocated_memory_start: *const u8,
        unallocated_memory_size: usize,
        min_region_size: usize,
    ) -> Option<mpu::Region>;

    /// Open exactly this range of peripheral registers to it (peripheral memory,
    /// never executable). Closed at restart.
    fn add_peripheral_region(
        &self,
        start: *const u8,
        size: usize,
        permissions: mpu::Permissions,
    ) -> Option<mpu::Region>;

    /// Open exactly this range of memory to it for reading, never for writing or
    /// executing. Closed at restart. `None`, with nothing opened, if that is not possible.
    fn add_read_only_region(&self, start: *const u8, size: usize) -> Option<mpu::Region>;

    /// Open exactly this range of memory to it for reading and executing, never for
    /// writing. Closed at restart. `None`, with nothing opened, if that is not possible.
    fn add_executable_region(&self, start: *const u8, size: usize) -> Option<mpu::Region>;

    /// Close a region that was opened.
    ///
    /// # Errors
    ///
    /// `INVAL` no such region is open.
    fn remove_mpu_region(&self, region: mpu::Region) -> Result<(), ErrorCode>;
}

/// The memory that drivers keep in a process.
///
/// For [`grant`](crate::grant) only, which keeps the pointers from being
/// misused.
pub trait ProcessGrants {
    /// Reserve `size` bytes for grant `grant_num` of driver `driver_num`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], [`Error::InactiveApp`], [`Error::KernelError`] no
    /// such grant, [`Error::AlreadyInUse`] it is already allocated or its driver
    /// number is taken.
    fn allocate_grant(
        &self,
        grant_num: usize,
        driver_num: usize,
        size: usize,
        align: usize,
    ) -> Result<NonNull<u8>, Error>;

    /// Whether the grant is allocated; `None` if the process ended or there is no such grant.
    fn grant_is_allocated(&self, grant_num: usize) -> Option<bool>;

    /// Begin using a grant exclusively.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyInUse`], [`Error::InactiveApp`], [`Error::OutOfMemory`]
    /// not allocated yet, [`Error::KernelError`] no such grant.
    fn enter_grant(&self, grant_num: usize) -> Result<NonNull<u8>, Error>;

    /// End using a grant; call once for each [`enter_grant`](Self::enter_grant).
    fn leave_grant(&self, grant_num: usize);

    /// The allocated grant of a driver, without entering it.
    fn lookup_grant_from_driver_num(&self, driver_num: usize) -> Option<NonNull<u8>>;

    /// How many grants are allocated.
    fn grant_allocated_count(&self) -> usize;
}
