//! What drivers do for one process while others sleep that have called them before: as much as if there were none.

use capsules_core::alarm::AlarmDriver;
use capsules_core::console::Console;
use capsules_core::low_level_debug::{BUF_LEN, LowLevelDebug};
use capsules_core::passes::Passes;
use capsules_core::virtualizers::virtual_uart::{MuxUart, UartDevice};
use capsules_core::{alarm, console, low_level_debug};
use capsules_tests::alarm::TestAlarm;
use capsules_tests::uart::TestUart;
use kernel::Kernel;
use kernel::collections::ring_buffer::RingBuffer;
use kernel::deferred_call::DeferredCall;
use kernel::hil::time::Alarm;
use kernel::hil::uart::Transmit;
use kernel::process::ProcessId;
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};

const FAR: usize = 1 << 30;

/// Passes as a board asks the kernel for them.
struct Requests(&'static Kernel);

impl Passes for Requests {
    fn request(&self, process: ProcessId) -> bool {
        self.0.request_pass(process, console::DRIVER_NUM)
    }
}

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

/// How often a process is looked at in what is done for the first one: alarms and their interrupt, a write of several
/// chunks, another one that waits for it, lines of low-level debug.
fn looks(processes: usize) -> [usize; 4] {
    let test = TestKernel::with_slots::<13>();
    let hardware = TestAlarm::leak();
    let alarm: &AlarmDriver<_> = leak(AlarmDriver::new(
        hardware,
        test.create_grant(alarm::DRIVER_NUM),
    ));
    hardware.set_alarm_client(alarm);

    let uart = TestUart::leak();
    let mux: &MuxUart = leak(MuxUart::new(uart));
    mux.initialize();
    let line = || -> &'static UartDevice {
        let line: &UartDevice = leak(UartDevice::new(mux));
        line.setup();
        line
    };
    let device = line();
    let grant = test.create_grant(console::DRIVER_NUM);
    let ring = RingBuffer::new(leak([0; 8]));
    let console: &Console = leak(
        Console::new(device, leak([0; 4]), leak([0]), ring, grant)
            .with_passes(device, leak(Requests(test.kernel))),
    );
    console.start();
    let device = line();
    let grant = test.create_grant(low_level_debug::DRIVER_NUM);
    let debug: &LowLevelDebug<_> = leak(LowLevelDebug::new(leak([0; BUF_LEN]), device, grant));
    device.set_transmit_client(debug);
    kernel::deferred_call::DeferredCallClient::register(debug);

    let all = test.start_all(&vec![TestApp::default(); processes]);
    let run = || {
        loop {
            if uart.is_sending() {
                uart.finish_buffer();
            } else if DeferredCall::service_next_pending_call().is_none() {
                let pass = |process: &TestProcess| {
                    let done = process.as_process().pass();
                    done.map(|_| console.pass(process.id()))
                };
                if all.iter().take(2).find_map(pass).is_none() {
                    return;
                }
            }
        }
    };
    let write = |process: &TestProcess, text: &str| {
        process
            .allow_ro(console::DRIVER_NUM, console, 1, text.as_bytes())
            .unwrap();
        assert!(process.command(console, 1, text.len(), 0).is_success());
    };
    for process in &all {
        process.finish_clearing();
        process.command(alarm, 5, FAR, 0);
        write(process, "up");
        run();
        assert!(process.command(debug, 2, 1, 0).is_success());
        run();
        let _ = process.upcalls();
    }
    let (one, other) = (&all[0], &all[1]);
    [
        test.looks_in(|| {
            one.command(alarm, 5, 10, 0);
            hardware.run(20);
            assert_eq!(one.upcalls().len(), 1);
        }),
        test.looks_in(|| {
            write(one, "a text of several chunks");
            run();
        }),
        test.looks_in(|| {
            write(one, "a text of several chunks");
            write(other, "and one that waits");
            run();
        }),
        test.looks_in(|| {
            for _ in 0..3 {
                assert!(one.command(debug, 2, 1, 0).is_success());
            }
            run();
        }),
    ]
}

#[test]
fn those_that_sleep_cost_nothing() {
    let few = looks(2);
    assert!(few.iter().all(|looks| *looks > 0), "{few:?}");
    assert_eq!(looks(13), few);
}

/// Alarms that are due together are told one an interrupt, and none is lost.
#[test]
fn alarms_that_are_due_together_are_told_one_by_one() {
    let test = TestKernel::with_slots::<13>();
    let hardware = TestAlarm::leak();
    let driver: &AlarmDriver<_> = leak(AlarmDriver::new(
        hardware,
        test.create_grant(alarm::DRIVER_NUM),
    ));
    hardware.set_alarm_client(driver);
    let all = test.start_all(&vec![TestApp::default(); 13]);
    for process in &all {
        let set = process.command(driver, 5, 10, 0);
        assert_eq!(set, CommandReturn::success_u32(10));
    }
    let told = || {
        all.iter()
            .map(|process| process.upcalls().len())
            .sum::<usize>()
    };
    hardware.run(10);
    assert_eq!(told(), 1);
    hardware.run(0);
    assert_eq!(told(), 1);
    hardware.run(100);
    assert_eq!(told(), 11);
}
