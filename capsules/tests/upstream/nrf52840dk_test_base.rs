//! Of upstream Tock's `nrf52840dk-test-base` what the example board uses: paths and signatures, and no behaviour.

#![no_std]
#![allow(unused_variables, clippy::all)]

use core::panic::PanicInfo;
use kernel::platform::{KernelResources, SyscallDriverLookup};
use kernel::scheduler::round_robin::RoundRobinSched;
use kernel::syscall::SyscallDriver;
use nrf52840::interrupt_service::Nrf52840DefaultPeripherals;

pub type ChipHw = nrf52840::chip::NRF52<'static, Nrf52840DefaultPeripherals<'static>>;

/// Not named by a user.
pub struct MuxUart(());
pub struct MuxAlarm(());

pub struct Platform(());

impl SyscallDriverLookup for Platform {
    fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
    where
        F: FnOnce(Option<&dyn SyscallDriver>) -> R,
    {
        unimplemented!()
    }
}

impl KernelResources<ChipHw> for Platform {
    type SyscallDriverLookup = Self;
    type SyscallFilter = ();
    type ProcessFault = ();
    type ContextSwitchCallback = ();
    type Scheduler = RoundRobinSched<'static>;
    type SchedulerTimer = ();
    type WatchDog = ();

    fn syscall_driver_lookup(&self) -> &Self {
        self
    }
    fn syscall_filter(&self) -> &() {
        &()
    }
    fn process_fault(&self) -> &() {
        &()
    }
    fn context_switch_callback(&self) -> &() {
        &()
    }
    fn scheduler(&self) -> &RoundRobinSched<'static> {
        unimplemented!()
    }
    fn scheduler_timer(&self) -> &() {
        &()
    }
    fn watchdog(&self) -> &() {
        &()
    }
}

pub unsafe fn start() -> (
    &'static kernel::Kernel,
    Platform,
    &'static ChipHw,
    &'static Nrf52840DefaultPeripherals<'static>,
    &'static MuxUart,
    &'static MuxAlarm,
) {
    unimplemented!()
}

/// It has the board's.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
