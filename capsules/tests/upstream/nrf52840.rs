//! Of upstream Tock's `nrf52840` what the example board uses: paths and signatures, and no behaviour.

#![no_std]
#![allow(unused_variables, clippy::all)]

pub mod rtc {
    use core::marker::PhantomData;
    use kernel::hil::time::{Freq32KHz, Ticks24, Time};

    pub struct Rtc<'a>(PhantomData<&'a ()>);

    impl Time for Rtc<'_> {
        type Frequency = Freq32KHz;
        type Ticks = Ticks24;

        fn now(&self) -> Ticks24 {
            unimplemented!()
        }
    }
}

pub mod interrupt_service {
    use kernel::platform::chip::InterruptService;

    /// The family's peripherals.
    pub struct Nrf52DefaultPeripherals<'a> {
        pub rtc: crate::rtc::Rtc<'a>,
    }

    pub struct Nrf52840DefaultPeripherals<'a> {
        pub nrf52: Nrf52DefaultPeripherals<'a>,
    }

    impl InterruptService for Nrf52840DefaultPeripherals<'_> {
        fn service_interrupt(&self, interrupt: u32) -> bool {
            unimplemented!()
        }
    }
}

pub mod chip {
    use core::fmt::Write;
    use core::marker::PhantomData;
    use kernel::platform::chip::{Chip, InterruptService, ThreadIdProvider};
    use kernel::platform::mpu;
    use kernel::syscall::UserspaceKernelBoundary;

    pub struct Protection(());
    unsafe impl mpu::MPU for Protection {}

    pub struct Boundary(());
    impl UserspaceKernelBoundary for Boundary {}

    pub struct Threads(());
    unsafe impl ThreadIdProvider for Threads {
        fn running_thread_id() -> usize {
            unimplemented!()
        }
    }

    pub struct NRF52<'a, I: InterruptService + 'a>(PhantomData<&'a I>);

    impl<'a, I: InterruptService + 'a> Chip for NRF52<'a, I> {
        type MPU = Protection;
        type ThreadIdProvider = Threads;
        type UserspaceKernelBoundary = Boundary;

        fn init() {}
        fn service_pending_interrupts(&self) {}
        fn has_pending_interrupts(&self) -> bool {
            unimplemented!()
        }
        fn mpu(&self) -> &Protection {
            unimplemented!()
        }
        fn userspace_kernel_boundary(&self) -> &Boundary {
            unimplemented!()
        }
        fn sleep(&self) {}
        fn with_interrupts_disabled<F, R>(&self, f: F) -> R
        where
            F: FnOnce() -> R,
        {
            unimplemented!()
        }
        unsafe fn print_state(this: Option<&Self>, writer: &mut dyn Write) {}
    }
}
