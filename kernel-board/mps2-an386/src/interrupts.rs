//! Interrupts of this board: the firmware's to their drivers, all others to `wasm_host`.

#![allow(unsafe_code)]

use core::cell::Cell;

use cortexm4::nvic;
use kernel::deferred_call::DeferredCall;
use kernel::deferred_call::DeferredCallClient;
use kernel::hil::time::{Frequency, Ticks, Time};
use kernel::platform::chip::InterruptService;
use mps2::chip::Peripherals;
use mps2::interrupts::UART0_RX;
use mps2::system_timer::{Freq1562500Hz, SystemTimer};
use wasm_host::{Clock, InterruptStore, Lines, captures};

use crate::BoardChip;
use crate::board::BoardHost;
use crate::exposures::INTERRUPTS;
use crate::receiver::Receiver;

/// Room for what is registered of this board's table.
pub(crate) type Store = InterruptStore<{ INTERRUPTS.len() }, { captures(INTERRUPTS) }>;

// A line of the firmware could not be masked for a container's sake, so a container
// could keep the kernel busy with it.
const _: () = {
    let mut index = 0;
    while index < INTERRUPTS.len() {
        let mut own = 0;
        while own < Peripherals::LINES.len() {
            assert!(
                INTERRUPTS[index].line != Peripherals::LINES[own],
                "exposure.dts exposes an interrupt whose line the firmware uses"
            );
            own += 1;
        }
        #[cfg(feature = "buses")]
        {
            let mut own = 0;
            while own < crate::buses::LINES.len() {
                assert!(
                    INTERRUPTS[index].line != crate::buses::LINES[own],
                    "exposure.dts exposes an interrupt whose line the firmware uses"
                );
                own += 1;
            }
        }
        index += 1;
    }
};

// SAFETY: the kernel's own thread looks at the clock and services interrupts, nobody else.
#[cfg(feature = "bench")]
static STAMPS: kernel::utilities::single_core::SingleCore<crate::bench::Stamps> =
    unsafe { kernel::utilities::single_core::SingleCore::new(crate::bench::Stamps::new()) };

/// The lines of the serial ports that have a driver.
#[cfg(not(feature = "buses"))]
const RECEIVED: [u32; 1] = [UART0_RX];
#[cfg(feature = "buses")]
const RECEIVED: [u32; 2] = [UART0_RX, mps2::interrupts::UART4_RX];

/// Who services a line.
pub(crate) struct Service {
    peripherals: &'static Peripherals<'static>,
    /// Of the lines on which somebody outside can send.
    receivers: [Receiver; RECEIVED.len()],
    /// Known once they are made.
    made: Cell<Option<(&'static BoardChip, &'static BoardHost)>>,
    #[cfg(feature = "buses")]
    buses: Cell<Option<&'static crate::buses::Buses>>,
    #[cfg(feature = "deadline-task")]
    task: crate::deadline::Task,
    #[cfg(feature = "restart-fuzz")]
    reaper: crate::fuzz_policy::Reaper,
}

impl Service {
    /// The firmware's drivers, for the time being.
    pub(crate) fn new(peripherals: &'static Peripherals<'static>) -> Self {
        Self {
            peripherals,
            receivers: RECEIVED.map(|line| Receiver::new(line, &peripherals.system_timer)),
            made: Cell::new(None),
            #[cfg(feature = "buses")]
            buses: Cell::new(None),
            #[cfg(feature = "deadline-task")]
            task: crate::deadline::Task::new(),
            #[cfg(feature = "restart-fuzz")]
            reaper: crate::fuzz_policy::Reaper::new(),
        }
    }

    /// Exposed lines go to `wasm_host`, after the firmware's.
    pub(crate) fn set_host(&self, chip: &'static BoardChip, wasm_host: &'static BoardHost) {
        for interrupt in INTERRUPTS {
            #[cfg(feature = "deadline-task")]
            if interrupt.line == crate::deadline::LINE {
                continue;
            }
            chip.service_last(interrupt.line);
        }
        for receiver in &self.receivers {
            receiver.set_chip(chip);
        }
        self.made.set(Some((chip, wasm_host)));
    }

    /// What is put off is called from now on.
    pub(crate) fn register(&'static self) {
        for receiver in &self.receivers {
            receiver.register();
        }
    }

    /// Their lines go to the drivers of the buses, after all that may have a deadline: processes keep them busy.
    #[cfg(feature = "buses")]
    pub(crate) fn set_buses(&self, chip: &BoardChip, buses: &'static crate::buses::Buses) {
        for line in crate::buses::LINES {
            chip.attend(line);
            chip.service_last(line);
        }
        self.buses.set(Some(buses));
    }

    /// From now on the line of the firmware's task is its own.
    #[cfg(feature = "deadline-task")]
    pub(crate) fn start_task(&self, chip: &BoardChip, kernel: &'static kernel::Kernel) {
        #[cfg(feature = "restart-fuzz")]
        self.reaper.start(kernel);
        let _ = kernel;
        chip.attend(crate::deadline::LINE);
        self.task.start();
    }
}

impl InterruptService for Service {
    fn service_interrupt(&self, line: u32) -> bool {
        #[cfg(feature = "deadline-task")]
        if line == crate::deadline::LINE {
            self.task.service();
            #[cfg(feature = "restart-fuzz")]
            self.reaper.look();
            return true;
        }
        if self.receivers.iter().any(|receiver| receiver.refuses(line)) {
            return true;
        }
        if self.peripherals.service_interrupt(line) {
            return true;
        }
        #[cfg(feature = "buses")]
        if crate::buses::LINES.contains(&line) {
            if let Some(buses) = self.buses.get() {
                buses.service(line);
            }
            return true;
        }
        #[cfg(feature = "bench")]
        STAMPS.with(|stamps| stamps.at(0));
        let known = self
            .made
            .get()
            .is_some_and(|(_, host)| host.interrupt(line));
        #[cfg(feature = "bench")]
        STAMPS.with(|stamps| stamps.at(1));
        known
    }
}

/// The chip's interrupt controller.
pub(crate) struct Controller(pub(crate) &'static BoardChip);

impl Lines for Controller {
    fn mask(&self, line: u32) {
        self.0.ignore(line);
    }

    fn unmask(&self, line: u32) {
        self.0.attend(line);
    }

    fn clear_pending(&self, line: u32) {
        self.0.clear_pending(line);
    }

    fn is_pending(&self, line: u32) -> bool {
        self.0.is_pending(line)
    }
}

/// A process's turn goes on while the kernel's loop would have nothing to do: interrupts and the end of a slice are noted when they come, and
/// nothing becomes ready but by an interrupt or a deferred call.
pub(crate) struct Turn;

impl wasm_host::Turn for Turn {
    fn goes_on(&self) -> bool {
        !nvic::is_noted() && !DeferredCall::has_tasks()
    }
}

/// The kernel's own clock.
pub(crate) struct Timer(pub(crate) &'static SystemTimer<'static>);

impl Clock for Timer {
    fn now(&self) -> u32 {
        #[cfg(feature = "bench")]
        STAMPS.with(crate::bench::Stamps::clock);
        self.0.now().into_u32()
    }

    fn ticks_per_second(&self) -> u32 {
        Freq1562500Hz::frequency()
    }
}
