//! A kernel with processes but without a processor, for host tests.
//!
//! ```
//! use kernel::test_utils::{TestApp, TestKernel};
//!
//! let test = TestKernel::new();
//! // let driver = MyDriver::new(test.create_grant(MY_DRIVER_NUM), ..);
//! let process = test.start(&TestApp::default());
//! // process.allow_ro(MY_DRIVER_NUM, &driver, 1, b"hello");
//! // let result = process.command(&driver, 1, 5, 0);
//! assert!(process.upcalls().is_empty());
//! ```
//!
//! Grants come before processes, as on a board. What a test makes lives until
//! the test program ends. All calls go through the kernel's own code; only the
//! processor ([`FakeChip`]) is pretended.

mod app;
mod chip;

pub use self::app::TestApp;
pub use self::chip::{FakeBoundary, FakeChip, FakeConfig, FakeMpu, FakeTimer};

use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use crate::dispatch;
use crate::errorcode::ErrorCode;
use crate::grant::{AllowRoSize, AllowRwSize, Grant, UpcallSize};
use crate::kernel::Kernel;
use crate::platform::SyscallDriverLookup;
use crate::process::{
    FaultAction, Pass, Place, Priority, Process, ProcessArray, ProcessFaultPolicy, ProcessId,
    ProcessLoadError, RestartPace, Task, load_places, load_processes,
};
use crate::syscall::{CommandReturn, SyscallDriver};
use crate::syscall::{Syscall, SyscallReturn};

/// Slots of a test kernel, unless a test says otherwise.
pub const SLOTS: usize = 4;

/// Bytes of RAM that all processes of a test share.
const RAM: usize = 256 * 1024;

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Memory aligned as a RAM block needs it.
fn leak_bytes(length: usize) -> &'static mut [u8] {
    #[repr(align(64))]
    #[derive(Clone, Copy)]
    struct Aligned(#[allow(dead_code, reason = "read as bytes")] [u8; 64]);
    let room = Box::leak(vec![Aligned([0xAA; 64]); length.div_ceil(64)].into_boxed_slice());
    let start = room.as_mut_ptr().cast::<u8>();
    // SAFETY: the leaked room has at least `length` bytes and this is its only reference.
    #[allow(unsafe_code)]
    unsafe {
        core::slice::from_raw_parts_mut(start, length)
    }
}

/// A fault policy that does the same every time.
pub struct FixedPolicy(pub FaultAction);

impl ProcessFaultPolicy for FixedPolicy {
    fn action(&self, _process: &dyn Process) -> FaultAction {
        self.0
    }
}

/// A place of a test kernel ([`Place`]).
pub struct TestPlace {
    /// What its flash holds.
    pub flash: Vec<u8>,
    /// Bytes of its RAM.
    pub ram: usize,
    /// Most processes.
    pub slots: usize,
    /// Most objects.
    pub objects: usize,
    /// When they run.
    pub priority: Priority,
    /// Whether their ids are believed.
    pub states_ids: bool,
    /// Whether they execute their RAM.
    pub executes_memory: bool,
    /// What becomes of them after a fault.
    pub action: FaultAction,
    /// How fast they may begin again.
    pub pace: &'static dyn RestartPace,
}

impl Default for TestPlace {
    fn default() -> Self {
        Self {
            flash: vec![],
            ram: 64 * 1024,
            slots: SLOTS,
            objects: 16,
            priority: Priority::Equal,
            states_ids: true,
            executes_memory: true,
            action: FaultAction::Stop,
            pace: &(),
        }
    }
}

/// Flash that holds these bytes.
fn leak_flash(flash: &[u8]) -> &'static [u8] {
    let image = leak_bytes(flash.len());
    image.copy_from_slice(flash);
    let _ = image.as_mut_ptr().expose_provenance();
    image
}

/// A kernel on a [`FakeChip`].
#[derive(Clone, Copy)]
pub struct TestKernel {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Its chip.
    pub chip: &'static FakeChip,
}

impl Default for TestKernel {
    fn default() -> Self {
        Self::new()
    }
}

impl TestKernel {
    /// A kernel without grants and processes.
    #[must_use]
    pub fn new() -> Self {
        Self::with_slots::<SLOTS>()
    }

    /// The same with room for so many processes.
    #[must_use]
    pub fn with_slots<const N: usize>() -> Self {
        let slots = leak(ProcessArray::<N>::new());
        let kernel: &Kernel = leak(Kernel::new(slots.as_slice()));
        let capability =
            crate::create_capability!(crate::capabilities::ProcessManagementCapability);
        // Any region, as with upstream's kernel; a test may say otherwise.
        kernel.set_openable_regions(|_| true, &capability);
        Self {
            kernel,
            chip: leak(FakeChip::default()),
        }
    }

    /// How often a process was looked at meanwhile, whether it is ready or what a driver keeps in it: what must not grow with the
    /// number of processes.
    pub fn looks_in(&self, deed: impl FnOnce()) -> usize {
        let before = self.kernel.looks.get();
        deed();
        self.kernel.looks.get() - before
    }

    /// A grant, as a board creates it.
    #[must_use]
    pub fn create_grant<T: Default, U: UpcallSize, RO: AllowRoSize, RW: AllowRwSize>(
        &self,
        driver_num: usize,
    ) -> Grant<T, U, RO, RW> {
        let capability = crate::create_capability!(crate::capabilities::MemoryAllocationCapability);
        self.kernel.create_grant(driver_num, &capability)
    }

    /// Load everything in `flash` with RAM of `ram` bytes, once a test.
    ///
    /// # Errors
    ///
    /// As [`load_processes`].
    pub fn load(
        &self,
        flash: &[u8],
        ram: usize,
        action: FaultAction,
    ) -> Result<(), ProcessLoadError> {
        let capability =
            crate::create_capability!(crate::capabilities::ProcessManagementCapability);
        let outcome = load_processes(
            self.kernel,
            self.chip,
            leak_flash(flash),
            leak_bytes(ram),
            leak(FixedPolicy(action)),
            &capability,
        );
        self.finish_clearing();
        outcome
    }

    /// Have the memory that processes reach cleared, as the main loop would before it runs them.
    fn finish_clearing(&self) {
        for process in self.kernel.processes() {
            finish_clearing(process);
        }
    }

    /// Load what lies in these places, once a test.
    ///
    /// # Errors
    ///
    /// As [`load_places`].
    pub fn load_places(
        &self,
        places: impl IntoIterator<Item = TestPlace>,
    ) -> Result<(), ProcessLoadError> {
        let capability =
            crate::create_capability!(crate::capabilities::ProcessManagementCapability);
        let places = places.into_iter().map(|place| Place {
            name: "a test place",
            flash: leak_flash(&place.flash),
            memory: leak_bytes(place.ram),
            slots: place.slots,
            objects: place.objects,
            priority: place.priority,
            states_ids: place.states_ids,
            executes_memory: place.executes_memory,
            fault_policy: leak(FixedPolicy(place.action)),
            pace: place.pace,
        });
        let outcome = load_places(self.kernel, self.chip, places, &capability);
        self.finish_clearing();
        outcome
    }

    /// Checks that all processes lie apart, in `ram` bytes of RAM and `flash` bytes of flash together, each with its parts
    /// in their order.
    ///
    /// # Panics
    ///
    /// If they do not.
    pub fn assert_apart(&self, ram: usize, flash: usize) {
        let processes = self.kernel.processes();
        let mut blocks: Vec<_> = processes.map(|process| process.get_addresses()).collect();
        blocks.sort_unstable_by_key(|block| block.sram_start);
        let length = |block: &crate::process::ProcessAddresses| block.sram_end - block.sram_start;
        assert!(blocks.iter().map(length).sum::<usize>() <= ram);
        for block in &blocks {
            assert!(block.sram_start < block.sram_app_brk);
            assert!(block.sram_app_brk <= block.sram_grant_start);
            assert!(block.sram_grant_start < block.sram_end);
            assert!(block.flash_start < block.flash_non_protected_start);
            assert!(block.flash_non_protected_start <= block.flash_end);
            assert!(block.flash_end - block.flash_start <= flash);
        }
        for pair in blocks.windows(2) {
            assert!(pair[0].sram_end <= pair[1].sram_start);
        }
    }

    /// The process in slot `index`.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn process(&self, index: usize) -> TestProcess {
        TestProcess {
            process: self.kernel.process_at(index).expect("a process"),
            next_buffer: leak(core::cell::Cell::new(0)),
        }
    }

    /// Start one process; faults stop it.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start(&self, app: &TestApp) -> TestProcess {
        self.start_all(core::slice::from_ref(app)).remove(0)
    }

    /// Start several processes, once a test; faults stop them.
    ///
    /// # Panics
    ///
    /// When one cannot be started.
    #[must_use]
    pub fn start_all(&self, apps: &[TestApp]) -> Vec<TestProcess> {
        let flash: Vec<u8> = apps.iter().flat_map(TestApp::image).collect();
        self.load(&flash, RAM, FaultAction::Stop)
            .expect("processes that can be started");
        (0..apps.len()).map(|index| self.process(index)).collect()
    }
}

/// A lookup that knows one driver.
pub struct OneDriver<'a> {
    /// Its number.
    pub number: usize,
    /// The driver.
    pub driver: &'a dyn SyscallDriver,
}

impl SyscallDriverLookup for OneDriver<'_> {
    fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
    where
        F: FnOnce(Option<&dyn SyscallDriver>) -> R,
    {
        f((driver_num == self.number).then_some(self.driver))
    }
}

/// A process that a test plays.
#[derive(Clone, Copy)]
pub struct TestProcess {
    process: &'static dyn Process,
    /// Where in its RAM the next buffer goes, from the start.
    next_buffer: &'static core::cell::Cell<usize>,
}

impl TestProcess {
    /// The id of its present run.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.process.processid()
    }

    /// The kernel's view of it.
    #[must_use]
    pub fn as_process(&self) -> &'static dyn Process {
        self.process
    }

    /// An address where a function of it could be.
    #[must_use]
    pub fn function(&self) -> usize {
        self.process.get_addresses().flash_non_protected_start
    }

    /// Make a command; goes to the driver as the kernel's call does.
    pub fn command(
        &self,
        driver: &dyn SyscallDriver,
        command_num: usize,
        arg0: usize,
        arg1: usize,
    ) -> CommandReturn {
        driver.command(command_num, arg0, arg1, self.id())
    }

    /// Make any system call with `driver` as the only driver; what the kernel
    /// returned, `None` for calls that return nothing.
    pub fn syscall(
        &self,
        chip: &FakeChip,
        driver_number: usize,
        driver: &dyn SyscallDriver,
        syscall: Syscall,
    ) -> Option<SyscallReturn> {
        let lookup = OneDriver {
            number: driver_number,
            driver,
        };
        chip.boundary.returned.take();
        dispatch::handle_syscall(&lookup, &(), self.process, self.id(), syscall);
        chip.boundary.returned.take()
    }

    /// Subscribe to an event.
    ///
    /// # Errors
    ///
    /// As the system call.
    pub fn subscribe(
        &self,
        driver_number: usize,
        driver: &dyn SyscallDriver,
        subscribe_num: usize,
    ) -> Result<(), ErrorCode> {
        let syscall = Syscall::Subscribe {
            driver_number,
            subdriver_number: subscribe_num,
            upcall_ptr: self.function(),
            appdata: 0,
        };
        outcome(dispatch::exchange(self.process, Some(driver), &syscall))
    }

    /// Lend a copy of `bytes` for reading.
    ///
    /// # Errors
    ///
    /// As the system call.
    ///
    /// # Panics
    ///
    /// When the process's RAM is used up by buffers.
    pub fn allow_ro(
        &self,
        driver_number: usize,
        driver: &dyn SyscallDriver,
        number: usize,
        bytes: &[u8],
    ) -> Result<(), ErrorCode> {
        let allow_address = self.reserve(bytes.len());
        for (i, &byte) in bytes.iter().enumerate() {
            assert!(self.process.set_byte(allow_address + i, byte), "in RAM");
        }
        let syscall = Syscall::ReadOnlyAllow {
            driver_number,
            subdriver_number: number,
            allow_address,
            allow_size: bytes.len(),
        };
        outcome(dispatch::exchange(self.process, Some(driver), &syscall))
    }

    /// Lend `length` zero bytes for writing; where they are, for [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// As the system call.
    ///
    /// # Panics
    ///
    /// When the process's RAM is used up by buffers.
    pub fn allow_rw(
        &self,
        driver_number: usize,
        driver: &dyn SyscallDriver,
        number: usize,
        length: usize,
    ) -> Result<usize, ErrorCode> {
        self.lend(driver, length, |allow_address| Syscall::ReadWriteAllow {
            driver_number,
            subdriver_number: number,
            allow_address,
            allow_size: length,
        })
    }

    /// Lend `length` zero bytes that it goes on reading; where they are.
    ///
    /// # Errors
    ///
    /// As the system call.
    ///
    /// # Panics
    ///
    /// When the process's RAM is used up by buffers.
    pub fn allow_userspace_readable(
        &self,
        driver_number: usize,
        driver: &dyn SyscallDriver,
        number: usize,
        length: usize,
    ) -> Result<usize, ErrorCode> {
        self.lend(driver, length, |allow_address| {
            Syscall::UserspaceReadableAllow {
                driver_number,
                subdriver_number: number,
                allow_address,
                allow_size: length,
            }
        })
    }

    /// Reserve `length` zero bytes and lend them with the call made for their address.
    fn lend(
        &self,
        driver: &dyn SyscallDriver,
        length: usize,
        call: impl FnOnce(usize) -> Syscall,
    ) -> Result<usize, ErrorCode> {
        let address = self.reserve(length);
        outcome(dispatch::exchange(
            self.process,
            Some(driver),
            &call(address),
        ))
        .map(|()| address)
    }

    /// Bytes of its RAM.
    ///
    /// # Panics
    ///
    /// When they are not below its break.
    #[must_use]
    pub fn read(&self, address: usize, length: usize) -> Vec<u8> {
        use crate::processbuffer::ReadableProcessBuffer;
        let buffer = self.process.build_readwrite_process_buffer(address, length);
        buffer
            .expect("own RAM")
            .enter(|bytes| bytes.iter().map(|byte| byte.get()).collect())
            .unwrap_or_else(|_| vec![])
    }

    /// Take all events that wait: subscribe number and three arguments each.
    #[must_use]
    pub fn upcalls(&self) -> Vec<(usize, (usize, usize, usize))> {
        core::iter::from_fn(|| self.process.dequeue_task())
            .filter_map(|task: Task| Some((task.upcall_id()?.subscribe_num, task.arguments())))
            .collect()
    }

    /// End it and start it again; it has a new id afterwards.
    pub fn restart(&self) {
        self.process.try_restart(None);
        self.process.finish_restart();
        self.finish_clearing();
        self.next_buffer.set(0);
    }

    /// End it.
    pub fn terminate(&self) {
        self.process.terminate(None);
    }

    /// Have the kernel clear what is still to be cleared of its memory.
    ///
    /// # Panics
    ///
    /// When that takes no end.
    pub fn finish_clearing(&self) {
        finish_clearing(self.process);
    }

    /// Room for a buffer in its RAM, moving the break as its library would.
    fn reserve(&self, length: usize) -> usize {
        let start = self.process.get_addresses().sram_start + self.next_buffer.get();
        let end = start + length;
        if end > self.process.get_addresses().sram_app_brk {
            self.process.brk(end).expect("RAM for a test buffer");
            self.finish_clearing();
        }
        self.next_buffer.set(self.next_buffer.get() + length);
        start
    }
}

fn finish_clearing(process: &dyn Process) {
    let mut passes = 0;
    while process.is_being_cleared() {
        assert_eq!(process.pass(), Some(Pass::Done));
        passes += 1;
        assert!(passes < RAM, "a pass clears something");
    }
}

fn outcome(result: SyscallReturn) -> Result<(), ErrorCode> {
    match result {
        SyscallReturn::SwapFailure(code, ..) | SyscallReturn::Failure(code) => Err(code),
        _ => Ok(()),
    }
}
