//! What upstream Tock's `kernel` publishes of what a capsule or a board of this repository uses: paths and signatures, as
//! its documentation has them, and no behaviour.
//!
//! With the feature `release-2-2` those of that release where they differ, without it those of its main branch of
//! August 2026, at the revision that `kernel-board/upstream-nrf52840dk` names. Nothing of it is ever run.

#![no_std]
#![allow(unused_variables, dead_code, clippy::all)]

pub use crate::errorcode::ErrorCode;
pub use crate::kernel::Kernel;
pub use crate::process::ProcessId;
pub use crate::scheduler::Scheduler;

pub mod errorcode {
    use crate::process::Error;

    /// Of some versions it is `Eq` too.
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(usize)]
    pub enum ErrorCode {
        FAIL = 1,
        BUSY = 2,
        ALREADY = 3,
        OFF = 4,
        RESERVE = 5,
        INVAL = 6,
        SIZE = 7,
        CANCEL = 8,
        NOMEM = 9,
        NOSUPPORT = 10,
        NODEVICE = 11,
        UNINSTALLED = 12,
        NOACK = 13,
    }

    impl From<ErrorCode> for usize {
        fn from(error: ErrorCode) -> usize {
            error as usize
        }
    }

    impl From<Error> for ErrorCode {
        fn from(error: Error) -> ErrorCode {
            unimplemented!()
        }
    }

    impl From<ErrorCode> for Result<(), ErrorCode> {
        fn from(error: ErrorCode) -> Self {
            Err(error)
        }
    }

    pub fn into_statuscode(result: Result<(), ErrorCode>) -> usize {
        unimplemented!()
    }
}

pub mod capabilities {
    pub unsafe trait ProcessManagementCapability {}
    pub unsafe trait ProcessStartCapability {}
    pub unsafe trait MainLoopCapability {}
    pub unsafe trait MemoryAllocationCapability {}
    pub unsafe trait ExternalProcessCapability {}
}

/// On the main branch what a capability is made by is unsafe.
#[cfg(not(feature = "release-2-2"))]
#[macro_export]
macro_rules! create_capability {
    ($($T:ty),+) => {{
        struct Cap(());
        $(
            #[allow(unsafe_code)]
            unsafe impl $T for Cap {}
        )+
        impl Cap {
            #[allow(unsafe_code)]
            unsafe fn made() -> Self {
                Self(())
            }
        }
        Cap::made()
    }};
}

#[cfg(feature = "release-2-2")]
#[macro_export]
macro_rules! create_capability {
    ($T:ty $(,)?) => {{
        struct Cap;
        #[allow(unsafe_code)]
        unsafe impl $T for Cap {}
        Cap
    }};
}

/// An unsafe operation, wherever it is used.
#[macro_export]
macro_rules! static_init {
    ($T:ty, $e:expr $(,)?) => {{
        let value: $T = $e;
        let place: &'static mut $T = $crate::utilities::keep(value);
        place
    }};
}

#[macro_export]
macro_rules! debug {
    ($($rest:tt)*) => {{
        $crate::debug::print(format_args!($($rest)*));
    }};
}

pub mod debug {
    pub fn print(what: core::fmt::Arguments<'_>) {}
}

mod kernel {
    use crate::capabilities::{
        MainLoopCapability, MemoryAllocationCapability, ProcessManagementCapability,
    };
    use crate::grant::{AllowRoSize, AllowRwSize, Grant, UpcallSize};
    use crate::ipc::IPC;
    use crate::platform::KernelResources;
    use crate::platform::chip::Chip;
    use crate::process::{Process, ProcessId};

    pub struct Kernel(());

    impl Kernel {
        pub fn create_grant<
            T: Default,
            Upcalls: UpcallSize,
            AllowROs: AllowRoSize,
            AllowRWs: AllowRwSize,
        >(
            &'static self,
            driver_num: usize,
            capability: &dyn MemoryAllocationCapability,
        ) -> Grant<T, Upcalls, AllowROs, AllowRWs> {
            unimplemented!()
        }

        pub fn process_each_capability<F>(
            &'static self,
            capability: &dyn ProcessManagementCapability,
            closure: F,
        ) where
            F: FnMut(&dyn Process),
        {
        }

        pub fn process_map_or_external<F, R>(
            &self,
            default: R,
            processid: ProcessId,
            closure: F,
            capability: &dyn ProcessManagementCapability,
        ) -> R
        where
            F: FnOnce(&dyn Process) -> R,
        {
            unimplemented!()
        }

        pub fn kernel_loop<KR: KernelResources<C>, C: Chip, const NUM_PROCS: u8>(
            &self,
            resources: &KR,
            chip: &C,
            ipc: Option<&IPC<NUM_PROCS>>,
            capability: &dyn MainLoopCapability,
        ) -> ! {
            unimplemented!()
        }
    }
}

pub mod hil;

pub mod ipc {
    pub const DRIVER_NUM: usize = 0x10000;
    pub struct IPC<const NUM_PROCS: u8>(());
}

pub mod upcall {
    #[derive(Copy, Clone, Debug, Eq, PartialEq)]
    pub struct UpcallId(usize);

    #[derive(Copy, Clone, Debug)]
    pub enum UpcallError {
        InvalidSubscribeNum,
        QueueFull,
        KernelError,
    }
}

pub mod grant {
    use crate::process::{Error, ProcessId};
    use crate::processbuffer::{ReadOnlyProcessBufferRef, ReadWriteProcessBufferRef};
    use crate::upcall::UpcallError;
    use core::marker::PhantomData;
    use core::ops::{Deref, DerefMut};

    pub trait UpcallSize {}
    pub trait AllowRoSize {}
    pub trait AllowRwSize {}
    pub struct UpcallCount<const NUM: u8>;
    pub struct AllowRoCount<const NUM: u8>;
    pub struct AllowRwCount<const NUM: u8>;
    impl<const NUM: u8> UpcallSize for UpcallCount<NUM> {}
    impl<const NUM: u8> AllowRoSize for AllowRoCount<NUM> {}
    impl<const NUM: u8> AllowRwSize for AllowRwCount<NUM> {}

    pub struct GrantData<'a, T: 'a + ?Sized>(&'a mut T);

    impl<'a, T: 'a + ?Sized> Deref for GrantData<'a, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0
        }
    }

    impl<'a, T: 'a + ?Sized> DerefMut for GrantData<'a, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0
        }
    }

    pub struct GrantKernelData<'a>(PhantomData<&'a ()>);

    impl<'a> GrantKernelData<'a> {
        pub fn schedule_upcall(
            &self,
            subscribe_num: usize,
            r: (usize, usize, usize),
        ) -> Result<(), UpcallError> {
            unimplemented!()
        }

        /// Came after the release.
        #[cfg(not(feature = "release-2-2"))]
        pub fn remove_pending_upcalls(&self, subscribe_num: usize) -> usize {
            unimplemented!()
        }

        pub fn get_readonly_processbuffer(
            &self,
            allow_ro_num: usize,
        ) -> Result<ReadOnlyProcessBufferRef<'_>, Error> {
            unimplemented!()
        }

        pub fn get_readwrite_processbuffer(
            &self,
            allow_rw_num: usize,
        ) -> Result<ReadWriteProcessBufferRef<'_>, Error> {
            unimplemented!()
        }
    }

    pub struct Grant<
        T: Default,
        Upcalls: UpcallSize,
        AllowROs: AllowRoSize,
        AllowRWs: AllowRwSize,
    >(PhantomData<(T, Upcalls, AllowROs, AllowRWs)>);

    impl<T: Default, Upcalls: UpcallSize, AllowROs: AllowRoSize, AllowRWs: AllowRwSize>
        Grant<T, Upcalls, AllowROs, AllowRWs>
    {
        pub fn enter<F, R>(&self, processid: ProcessId, fun: F) -> Result<R, Error>
        where
            F: FnOnce(&mut GrantData<T>, &GrantKernelData) -> R,
        {
            unimplemented!()
        }

        pub fn each<F>(&self, fun: F)
        where
            F: FnMut(ProcessId, &mut GrantData<T>, &GrantKernelData),
        {
        }

        pub fn iter(&self) -> Iter<'_, T, Upcalls, AllowROs, AllowRWs> {
            unimplemented!()
        }
    }

    pub struct ProcessGrant<
        'a,
        T: 'a,
        Upcalls: UpcallSize,
        AllowROs: AllowRoSize,
        AllowRWs: AllowRwSize,
    >(PhantomData<(&'a T, Upcalls, AllowROs, AllowRWs)>);

    impl<'a, T: Default, Upcalls: UpcallSize, AllowROs: AllowRoSize, AllowRWs: AllowRwSize>
        ProcessGrant<'a, T, Upcalls, AllowROs, AllowRWs>
    {
        pub fn processid(&self) -> ProcessId {
            unimplemented!()
        }

        pub fn enter<F, R>(self, fun: F) -> R
        where
            F: FnOnce(&mut GrantData<T>, &GrantKernelData) -> R,
        {
            unimplemented!()
        }

        pub fn try_enter<F, R>(self, fun: F) -> Option<R>
        where
            F: FnOnce(&mut GrantData<T>, &GrantKernelData) -> R,
        {
            unimplemented!()
        }
    }

    pub struct Iter<
        'a,
        T: 'a + Default,
        Upcalls: UpcallSize,
        AllowROs: AllowRoSize,
        AllowRWs: AllowRwSize,
    >(PhantomData<(&'a T, Upcalls, AllowROs, AllowRWs)>);

    impl<'a, T: Default, Upcalls: UpcallSize, AllowROs: AllowRoSize, AllowRWs: AllowRwSize> Iterator
        for Iter<'a, T, Upcalls, AllowROs, AllowRWs>
    {
        type Item = ProcessGrant<'a, T, Upcalls, AllowROs, AllowRWs>;

        fn next(&mut self) -> Option<Self::Item> {
            unimplemented!()
        }
    }
}

pub mod processbuffer {
    use crate::ErrorCode;
    use crate::process::Error;
    use core::cell::Cell;
    use core::marker::PhantomData;
    use core::ops::{Deref, Index, Range, RangeFrom, RangeTo};

    pub trait ReadableProcessBuffer {
        fn len(&self) -> usize;
        fn ptr(&self) -> *const u8;
        fn enter<F, R>(&self, fun: F) -> Result<R, Error>
        where
            F: FnOnce(&ReadableProcessSlice) -> R;
    }

    pub trait WriteableProcessBuffer: ReadableProcessBuffer {
        fn mut_ptr(&self) -> *mut u8 {
            unimplemented!()
        }
        fn mut_enter<F, R>(&self, fun: F) -> Result<R, Error>
        where
            F: FnOnce(&WriteableProcessSlice) -> R;
    }

    macro_rules! buffer {
        ($name:ident) => {
            impl ReadableProcessBuffer for $name {
                fn len(&self) -> usize {
                    unimplemented!()
                }
                fn ptr(&self) -> *const u8 {
                    unimplemented!()
                }
                fn enter<F, R>(&self, fun: F) -> Result<R, Error>
                where
                    F: FnOnce(&ReadableProcessSlice) -> R,
                {
                    unimplemented!()
                }
            }
        };
        (mut $name:ident) => {
            buffer!($name);
            impl WriteableProcessBuffer for $name {
                fn mut_enter<F, R>(&self, fun: F) -> Result<R, Error>
                where
                    F: FnOnce(&WriteableProcessSlice) -> R,
                {
                    unimplemented!()
                }
            }
        };
    }

    pub struct ReadOnlyProcessBuffer(());
    pub struct ReadWriteProcessBuffer(());
    #[derive(Default)]
    pub struct UserspaceReadableProcessBuffer(());
    buffer!(ReadOnlyProcessBuffer);
    buffer!(mut ReadWriteProcessBuffer);
    buffer!(mut UserspaceReadableProcessBuffer);

    pub struct ReadOnlyProcessBufferRef<'a>(ReadOnlyProcessBuffer, PhantomData<&'a ()>);
    pub struct ReadWriteProcessBufferRef<'a>(ReadWriteProcessBuffer, PhantomData<&'a ()>);

    impl Deref for ReadOnlyProcessBufferRef<'_> {
        type Target = ReadOnlyProcessBuffer;
        fn deref(&self) -> &ReadOnlyProcessBuffer {
            &self.0
        }
    }

    impl Deref for ReadWriteProcessBufferRef<'_> {
        type Target = ReadWriteProcessBuffer;
        fn deref(&self) -> &ReadWriteProcessBuffer {
            &self.0
        }
    }

    #[repr(transparent)]
    pub struct ReadableProcessByte(Cell<u8>);

    impl ReadableProcessByte {
        pub fn get(&self) -> u8 {
            self.0.get()
        }
    }

    #[repr(transparent)]
    pub struct ReadableProcessSlice([ReadableProcessByte]);
    #[repr(transparent)]
    pub struct WriteableProcessSlice([Cell<u8>]);

    macro_rules! slice {
        ($name:ident, $element:ty) => {
            impl $name {
                pub fn copy_to_slice(&self, dest: &mut [u8]) {}
                pub fn copy_to_slice_or_err(&self, dest: &mut [u8]) -> Result<(), ErrorCode> {
                    unimplemented!()
                }
                pub fn len(&self) -> usize {
                    self.0.len()
                }
                pub fn iter(&self) -> core::slice::Iter<'_, $element> {
                    self.0.iter()
                }
                pub fn chunks(&self, chunk_size: usize) -> impl Iterator<Item = &$name> {
                    core::iter::empty()
                }
                /// With other ranges only in later versions, which have deprecated `get_from` and `get_to`.
                pub fn get(&self, range: Range<usize>) -> Option<&$name> {
                    unimplemented!()
                }
            }
            slice!($name, Range<usize>, $name);
            slice!($name, RangeFrom<usize>, $name);
            slice!($name, RangeTo<usize>, $name);
            slice!($name, usize, $element);
        };
        ($name:ident, $index:ty, $output:ty) => {
            impl Index<$index> for $name {
                type Output = $output;
                fn index(&self, index: $index) -> &$output {
                    unimplemented!()
                }
            }
        };
    }

    slice!(ReadableProcessSlice, ReadableProcessByte);
    slice!(WriteableProcessSlice, Cell<u8>);

    impl WriteableProcessSlice {
        pub fn copy_from_slice(&self, src: &[u8]) {}
        pub fn copy_from_slice_or_err(&self, src: &[u8]) -> Result<(), ErrorCode> {
            unimplemented!()
        }
    }
}

pub mod process {
    use crate::ErrorCode;
    use crate::Kernel;
    use crate::capabilities::ProcessManagementCapability;
    use crate::platform::chip::Chip;
    use crate::platform::mpu;
    use crate::upcall::UpcallId;

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub struct ProcessId(usize);

    impl ProcessId {
        pub fn id(&self) -> usize {
            unimplemented!()
        }
        pub fn get_editable_flash_range(&self) -> (usize, usize) {
            unimplemented!()
        }
    }

    #[derive(Copy, Clone, Debug, Eq, PartialEq)]
    pub enum Error {
        NoSuchApp,
        OutOfMemory,
        AddressOutOfBounds,
        InactiveApp,
        KernelError,
        AlreadyInUse,
    }

    #[derive(PartialEq, Eq)]
    pub enum StoppedExecutingReason {
        NoWorkLeft,
        StoppedFaulted,
        Stopped,
        TimesliceExpired,
        KernelPreemption,
    }

    #[derive(Clone, Copy)]
    pub enum ShortId {
        LocallyUnique,
        Fixed(core::num::NonZeroU32),
    }

    #[derive(Copy, Clone, Debug, Eq, PartialEq)]
    pub enum State {
        Running,
        Yielded,
        YieldedFor(UpcallId),
        Stopped(StoppedState),
        Faulted,
        Terminated,
    }

    #[derive(Copy, Clone, Debug, Eq, PartialEq)]
    pub enum StoppedState {
        Running,
        Yielded,
        YieldedFor(UpcallId),
    }

    pub struct ProcessAddresses {
        pub flash_start: usize,
        pub flash_non_protected_start: usize,
        pub flash_integrity_end: *const u8,
        pub flash_end: usize,
        pub sram_start: usize,
        pub sram_app_brk: usize,
        pub sram_grant_start: usize,
        pub sram_end: usize,
        pub sram_heap_start: Option<usize>,
        pub sram_stack_top: Option<usize>,
        pub sram_stack_bottom: Option<usize>,
    }

    /// Some of its 60 methods.
    pub trait Process {
        fn processid(&self) -> ProcessId;
        fn short_app_id(&self) -> ShortId;
        fn get_process_name(&self) -> &'static str;
        fn get_restart_count(&self) -> usize;
        fn get_state(&self) -> State;
        fn is_running(&self) -> bool;
        fn stop(&self);
        fn resume(&self);
        fn set_fault_state(&self);
        fn terminate(&self, completion_code: Option<u32>);
        fn debug_syscall_count(&self) -> usize;
        fn debug_timeslice_expiration_count(&self) -> usize;
        fn get_addresses(&self) -> ProcessAddresses;
        fn add_mpu_region(
            &self,
            unallocated_memory_start: *const u8,
            unallocated_memory_size: usize,
            min_region_size: usize,
        ) -> Option<mpu::Region>;
        fn remove_mpu_region(&self, region: mpu::Region) -> Result<(), ErrorCode>;
    }

    pub enum FaultAction {
        Panic,
        Restart,
        Stop,
    }

    pub trait ProcessFaultPolicy {
        fn action(&self, process: &dyn Process) -> FaultAction;
    }

    #[derive(Debug)]
    pub struct ProcessLoadError(());

    pub fn load_processes<C: Chip>(
        kernel: &'static Kernel,
        chip: &'static C,
        app_flash: &'static [u8],
        app_memory: &'static mut [u8],
        fault_policy: &'static dyn ProcessFaultPolicy,
        capability: &dyn ProcessManagementCapability,
    ) -> Result<(), ProcessLoadError> {
        unimplemented!()
    }
}

pub mod syscall {
    pub use crate::syscall_driver::{CommandReturn, SyscallDriver};

    pub enum YieldCall {
        NoWait,
        Wait,
        WaitFor,
    }

    /// Some fields of some variants are of types that differ between the versions, and left out: nobody here may name them.
    pub enum Syscall {
        Yield {
            which: usize,
        },
        Subscribe {
            driver_number: usize,
            subdriver_number: usize,
            appdata: usize,
        },
        Command {
            driver_number: usize,
            subdriver_number: usize,
            arg0: usize,
            arg1: usize,
        },
        ReadWriteAllow {
            driver_number: usize,
            subdriver_number: usize,
            allow_size: usize,
        },
        UserspaceReadableAllow {
            driver_number: usize,
            subdriver_number: usize,
            allow_size: usize,
        },
        ReadOnlyAllow {
            driver_number: usize,
            subdriver_number: usize,
            allow_size: usize,
        },
        Memop {
            operand: usize,
            arg0: usize,
        },
        Exit {
            which: usize,
            completion_code: usize,
        },
    }

    pub trait UserspaceKernelBoundary {}
}

mod syscall_driver {
    use crate::ErrorCode;
    use crate::process::{self, ProcessId};
    use crate::processbuffer::UserspaceReadableProcessBuffer;

    pub struct CommandReturn(());

    macro_rules! answers {
        ($($name:ident($($argument:ident: $type:ty),*);)*) => {
            impl CommandReturn {
                $(pub fn $name($($argument: $type),*) -> Self { Self(()) })*
            }
        };
    }

    answers! {
        failure(rc: ErrorCode);
        failure_u32(rc: ErrorCode, data0: u32);
        failure_u32_u32(rc: ErrorCode, data0: u32, data1: u32);
        failure_u64(rc: ErrorCode, data0: u64);
        success();
        success_u32(data0: u32);
        success_u32_u32(data0: u32, data1: u32);
        success_u32_u32_u32(data0: u32, data1: u32, data2: u32);
        success_u64(data0: u64);
        success_u32_u64(data0: u32, data1: u64);
    }

    impl From<Result<(), ErrorCode>> for CommandReturn {
        fn from(result: Result<(), ErrorCode>) -> Self {
            Self(())
        }
    }

    impl From<process::Error> for CommandReturn {
        fn from(error: process::Error) -> Self {
            Self(())
        }
    }

    pub trait SyscallDriver {
        fn command(
            &self,
            command_num: usize,
            r2: usize,
            r3: usize,
            process_id: ProcessId,
        ) -> CommandReturn {
            unimplemented!()
        }

        fn allow_userspace_readable(
            &self,
            app: ProcessId,
            which: usize,
            slice: UserspaceReadableProcessBuffer,
        ) -> Result<UserspaceReadableProcessBuffer, (UserspaceReadableProcessBuffer, ErrorCode)>
        {
            unimplemented!()
        }

        fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error>;
    }
}

pub mod deferred_call {
    pub trait DeferredCallClient: Sized {
        fn handle_deferred_call(&self);
        fn register(&'static self);
    }

    pub struct DeferredCall(());

    impl DeferredCall {
        pub fn new() -> Self {
            Self(())
        }
        pub fn register<DC: DeferredCallClient>(&self, client: &'static DC) {}
        pub fn set(&self) {}
        pub fn is_pending(&self) -> bool {
            unimplemented!()
        }
        pub fn has_tasks() -> bool {
            unimplemented!()
        }
    }
}

pub mod scheduler {
    use crate::platform::chip::Chip;
    use crate::process::{ProcessId, StoppedExecutingReason};
    use core::num::NonZeroU32;

    #[cfg(feature = "release-2-2")]
    type Timeslice = u32;
    #[cfg(not(feature = "release-2-2"))]
    type Timeslice = NonZeroU32;

    #[derive(Copy, Clone)]
    pub enum SchedulingDecision {
        RunProcess((ProcessId, Option<Timeslice>)),
        TrySleep,
    }

    pub trait Scheduler<C: Chip> {
        fn next(&self) -> SchedulingDecision;
        fn result(&self, result: StoppedExecutingReason, execution_time_us: Option<u32>);

        #[cfg(feature = "release-2-2")]
        unsafe fn execute_kernel_work(&self, chip: &C) {}
        #[cfg(feature = "release-2-2")]
        unsafe fn do_kernel_work_now(&self, chip: &C) -> bool {
            unimplemented!()
        }
        #[cfg(feature = "release-2-2")]
        unsafe fn continue_process(&self, id: ProcessId, chip: &C) -> bool {
            unimplemented!()
        }

        #[cfg(not(feature = "release-2-2"))]
        fn execute_kernel_work(&self, chip: &C) {}
        #[cfg(not(feature = "release-2-2"))]
        fn do_kernel_work_now(&self, chip: &C) -> bool {
            unimplemented!()
        }
        #[cfg(not(feature = "release-2-2"))]
        fn continue_process(&self, id: ProcessId, chip: &C) -> bool {
            unimplemented!()
        }
    }

    pub mod round_robin {
        use super::{Scheduler, SchedulingDecision};
        use crate::platform::chip::Chip;
        use crate::process::StoppedExecutingReason;
        use core::marker::PhantomData;

        pub struct RoundRobinSched<'a>(PhantomData<&'a ()>);

        impl<C: Chip> Scheduler<C> for RoundRobinSched<'_> {
            fn next(&self) -> SchedulingDecision {
                unimplemented!()
            }
            fn result(&self, result: StoppedExecutingReason, execution_time_us: Option<u32>) {}
        }
    }
}

pub mod platform {
    use crate::ErrorCode;
    use crate::platform::chip::Chip;
    use crate::process::Process;
    use crate::scheduler::Scheduler;
    use crate::syscall::{Syscall, SyscallDriver};

    pub trait KernelResources<C: Chip> {
        type SyscallDriverLookup: SyscallDriverLookup;
        type SyscallFilter: SyscallFilter;
        type ProcessFault: ProcessFault;
        type ContextSwitchCallback: ContextSwitchCallback;
        type Scheduler: Scheduler<C>;
        type SchedulerTimer: scheduler_timer::SchedulerTimer;
        type WatchDog: watchdog::WatchDog;

        fn syscall_driver_lookup(&self) -> &Self::SyscallDriverLookup;
        fn syscall_filter(&self) -> &Self::SyscallFilter;
        fn process_fault(&self) -> &Self::ProcessFault;
        fn context_switch_callback(&self) -> &Self::ContextSwitchCallback;
        fn scheduler(&self) -> &Self::Scheduler;
        fn scheduler_timer(&self) -> &Self::SchedulerTimer;
        fn watchdog(&self) -> &Self::WatchDog;
    }

    pub trait SyscallDriverLookup {
        fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
        where
            F: FnOnce(Option<&dyn SyscallDriver>) -> R;
    }

    pub trait SyscallFilter {
        fn filter_syscall(
            &self,
            process: &dyn Process,
            syscall: &Syscall,
        ) -> Result<(), ErrorCode> {
            Ok(())
        }
    }
    impl SyscallFilter for () {}

    pub trait ProcessFault {
        fn process_fault_hook(&self, process: &dyn Process) -> Result<(), ()> {
            Err(())
        }
    }
    impl ProcessFault for () {}

    pub trait ContextSwitchCallback {
        fn context_switch_hook(&self, process: &dyn Process);
    }
    impl ContextSwitchCallback for () {
        fn context_switch_hook(&self, process: &dyn Process) {}
    }

    pub mod scheduler_timer {
        pub trait SchedulerTimer {}
        impl SchedulerTimer for () {}
    }

    pub mod watchdog {
        pub trait WatchDog {}
        impl WatchDog for () {}
    }

    pub mod mpu {
        #[derive(Copy, Clone, PartialEq, Eq)]
        pub struct Region {
            start_address: *const u8,
            size: usize,
        }

        impl Region {
            pub fn new(start_address: *const u8, size: usize) -> Region {
                Region { start_address, size }
            }
            pub fn start_address(&self) -> *const u8 {
                self.start_address
            }
            pub fn size(&self) -> usize {
                self.size
            }
        }

        #[cfg(feature = "release-2-2")]
        pub trait MPU {}
        #[cfg(not(feature = "release-2-2"))]
        pub unsafe trait MPU {}
    }

    pub mod chip {
        use crate::platform::mpu;
        use crate::syscall;
        use core::fmt::Write;

        pub trait Chip {
            type MPU: mpu::MPU;
            #[cfg(not(feature = "release-2-2"))]
            type ThreadIdProvider: ThreadIdProvider;
            type UserspaceKernelBoundary: syscall::UserspaceKernelBoundary;

            #[cfg(not(feature = "release-2-2"))]
            fn init();
            fn service_pending_interrupts(&self);
            fn has_pending_interrupts(&self) -> bool;
            fn mpu(&self) -> &Self::MPU;
            fn userspace_kernel_boundary(&self) -> &Self::UserspaceKernelBoundary;
            fn sleep(&self);
            #[cfg(feature = "release-2-2")]
            unsafe fn atomic<F, R>(&self, f: F) -> R
            where
                F: FnOnce() -> R;
            #[cfg(not(feature = "release-2-2"))]
            fn with_interrupts_disabled<F, R>(&self, f: F) -> R
            where
                F: FnOnce() -> R;
            #[cfg(feature = "release-2-2")]
            unsafe fn print_state(&self, writer: &mut dyn Write);
            #[cfg(not(feature = "release-2-2"))]
            unsafe fn print_state(this: Option<&Self>, writer: &mut dyn Write);
        }

        pub unsafe trait ThreadIdProvider {
            fn running_thread_id() -> usize;
        }

        pub trait InterruptService {
            #[cfg(feature = "release-2-2")]
            unsafe fn service_interrupt(&self, interrupt: u32) -> bool;
            #[cfg(not(feature = "release-2-2"))]
            fn service_interrupt(&self, interrupt: u32) -> bool;
        }
    }
}

pub mod collections {
    pub mod queue {
        pub trait Queue<T> {
            fn has_elements(&self) -> bool;
            fn is_full(&self) -> bool;
            fn len(&self) -> usize;
            fn enqueue(&mut self, val: T) -> bool;
            fn push(&mut self, val: T) -> Option<T>;
            fn dequeue(&mut self) -> Option<T>;
            fn empty(&mut self);
            fn retain<F>(&mut self, f: F)
            where
                F: FnMut(&T) -> bool;
        }
    }

    pub mod ring_buffer {
        use super::queue::Queue;
        use core::mem::MaybeUninit;

        pub struct RingBuffer<'a, T: 'a>(core::marker::PhantomData<&'a T>);

        impl<'a, T: Copy> RingBuffer<'a, T> {
            #[cfg(feature = "release-2-2")]
            pub fn new(ring: &'a mut [T]) -> RingBuffer<'a, T> {
                unimplemented!()
            }
            #[cfg(not(feature = "release-2-2"))]
            pub fn new(ring: &'a mut [MaybeUninit<T>]) -> RingBuffer<'a, T> {
                unimplemented!()
            }
            pub fn available_len(&self) -> usize {
                unimplemented!()
            }
        }

        impl<T: Copy> Queue<T> for RingBuffer<'_, T> {
            fn has_elements(&self) -> bool {
                unimplemented!()
            }
            fn is_full(&self) -> bool {
                unimplemented!()
            }
            fn len(&self) -> usize {
                unimplemented!()
            }
            fn enqueue(&mut self, val: T) -> bool {
                unimplemented!()
            }
            fn push(&mut self, val: T) -> Option<T> {
                unimplemented!()
            }
            fn dequeue(&mut self) -> Option<T> {
                unimplemented!()
            }
            fn empty(&mut self) {}
            fn retain<F>(&mut self, f: F)
            where
                F: FnMut(&T) -> bool,
            {
            }
        }
    }
}

pub mod utilities {
    /// Where a value is kept for ever.
    ///
    /// # Safety
    ///
    /// As upstream's `static_init`: once.
    pub unsafe fn keep<T>(value: T) -> &'static mut T {
        unimplemented!()
    }

    pub mod leasable_buffer {
        use core::ops::{Index, IndexMut, RangeBounds};
        use core::slice::SliceIndex;

        #[derive(Debug, PartialEq)]
        pub struct SubSliceMut<'a, T>(&'a mut [T]);

        impl<'a, T> SubSliceMut<'a, T> {
            pub fn new(buffer: &'a mut [T]) -> Self {
                Self(buffer)
            }
            pub fn take(self) -> &'a mut [T] {
                self.0
            }
            pub fn reset(&mut self) {}
            pub fn len(&self) -> usize {
                unimplemented!()
            }
            pub fn as_ptr(&self) -> *const T {
                unimplemented!()
            }
            #[cfg(feature = "release-2-2")]
            pub fn as_slice(&mut self) -> &mut [T] {
                self.0
            }
            #[cfg(not(feature = "release-2-2"))]
            pub fn as_slice(&self) -> &[T] {
                self.0
            }
            #[cfg(not(feature = "release-2-2"))]
            pub fn as_mut_slice(&mut self) -> &mut [T] {
                self.0
            }
            pub fn is_sliced(&self) -> bool {
                unimplemented!()
            }
            pub fn slice<R: RangeBounds<usize>>(&mut self, range: R) {}
        }

        impl<'a, T, I: SliceIndex<[T]>> Index<I> for SubSliceMut<'a, T> {
            type Output = <I as SliceIndex<[T]>>::Output;
            fn index(&self, index: I) -> &Self::Output {
                &self.0[index]
            }
        }

        impl<'a, T, I: SliceIndex<[T]>> IndexMut<I> for SubSliceMut<'a, T> {
            fn index_mut(&mut self, index: I) -> &mut Self::Output {
                &mut self.0[index]
            }
        }
    }

    pub mod cells {
        use core::cell::Cell;
        use core::marker::PhantomData;

        pub struct OptionalCell<T>(Cell<Option<T>>);

        impl<T> OptionalCell<T> {
            pub const fn new(val: T) -> OptionalCell<T> {
                Self(Cell::new(Some(val)))
            }
            pub const fn empty() -> OptionalCell<T> {
                Self(Cell::new(None))
            }
            pub fn set(&self, val: T) {}
            pub fn insert(&self, opt: Option<T>) {}
            pub fn replace(&self, val: T) -> Option<T> {
                unimplemented!()
            }
            pub fn clear(&self) {}
            pub fn is_some(&self) -> bool {
                unimplemented!()
            }
            pub fn is_none(&self) -> bool {
                unimplemented!()
            }
            pub fn contains(&self, x: &T) -> bool
            where
                T: PartialEq,
            {
                unimplemented!()
            }
            pub fn take(&self) -> Option<T> {
                unimplemented!()
            }
        }

        impl<T: Copy> OptionalCell<T> {
            pub fn get(&self) -> Option<T> {
                self.0.get()
            }
            pub fn map<F, R>(&self, closure: F) -> Option<R>
            where
                F: FnOnce(T) -> R,
            {
                unimplemented!()
            }
            pub fn map_or<F, R>(&self, default: R, closure: F) -> R
            where
                F: FnOnce(T) -> R,
            {
                unimplemented!()
            }
            pub fn map_or_else<U, D, F>(&self, default: D, closure: F) -> U
            where
                D: FnOnce() -> U,
                F: FnOnce(T) -> U,
            {
                unimplemented!()
            }
            pub fn and_then<U, F: FnOnce(T) -> Option<U>>(&self, f: F) -> Option<U> {
                unimplemented!()
            }
        }

        pub struct TakeCell<'a, T: 'a + ?Sized>(PhantomData<Cell<&'a mut T>>);

        impl<'a, T: ?Sized> TakeCell<'a, T> {
            pub const fn empty() -> TakeCell<'a, T> {
                Self(PhantomData)
            }
            pub fn new(value: &'a mut T) -> TakeCell<'a, T> {
                Self(PhantomData)
            }
            pub fn is_none(&self) -> bool {
                unimplemented!()
            }
            pub fn is_some(&self) -> bool {
                unimplemented!()
            }
            pub fn take(&self) -> Option<&'a mut T> {
                unimplemented!()
            }
            pub fn put(&self, val: Option<&'a mut T>) {}
            pub fn replace(&self, val: &'a mut T) -> Option<&'a mut T> {
                unimplemented!()
            }
            pub fn map<F, R>(&self, closure: F) -> Option<R>
            where
                F: FnOnce(&mut T) -> R,
            {
                unimplemented!()
            }
            pub fn map_or<F, R>(&self, default: R, closure: F) -> R
            where
                F: FnOnce(&mut T) -> R,
            {
                unimplemented!()
            }
            pub fn and_then<F, R>(&self, closure: F) -> Option<R>
            where
                F: FnOnce(&mut T) -> Option<R>,
            {
                unimplemented!()
            }
        }

        pub struct MapCell<T>(Cell<Option<T>>);

        impl<T> MapCell<T> {
            pub const fn empty() -> MapCell<T> {
                Self(Cell::new(None))
            }
            pub const fn new(value: T) -> MapCell<T> {
                Self(Cell::new(Some(value)))
            }
            pub fn is_none(&self) -> bool {
                unimplemented!()
            }
            pub fn is_some(&self) -> bool {
                unimplemented!()
            }
            pub fn take(&self) -> Option<T> {
                unimplemented!()
            }
            pub fn put(&self, val: T) {}
            pub fn replace(&self, val: T) -> Option<T> {
                unimplemented!()
            }
            pub fn map<F, R>(&self, closure: F) -> Option<R>
            where
                F: FnOnce(&mut T) -> R,
            {
                unimplemented!()
            }
            pub fn map_or<F, R>(&self, default: R, closure: F) -> R
            where
                F: FnOnce(&mut T) -> R,
            {
                unimplemented!()
            }
        }
    }
}
