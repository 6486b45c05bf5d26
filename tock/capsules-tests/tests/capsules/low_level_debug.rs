//! Low-level debug as processes see it, on a line that the test plays.

use capsules_core::low_level_debug::{BUF_LEN, DRIVER_NUM, LowLevelDebug};
use capsules_tests::uart::TestUart;
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::uart::Transmit;
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel};

#[test]
fn lines_of_processes_take_turns() {
    let kernel = TestKernel::new();
    let uart = TestUart::leak();
    let driver: &'static LowLevelDebug<_> = Box::leak(Box::new(LowLevelDebug::new(
        Box::leak(Box::new([0; BUF_LEN])),
        uart,
        kernel.create_grant(DRIVER_NUM),
    )));
    uart.set_transmit_client(driver);
    driver.register();
    let processes = kernel.start_all(&[TestApp::default(), TestApp::default()]);
    for x in 0..2 {
        assert!(processes[0].command(driver, 2, x, 0).is_success());
    }
    assert!(processes[1].command(driver, 3, 0xff, 0x10).is_success());
    assert!(processes[1].command(driver, 1, 1, 0).is_success());
    let unknown = processes[1].command(driver, 4, 1, 0);
    assert_eq!(unknown, CommandReturn::failure(ErrorCode::NOSUPPORT));
    while uart.is_sending() {
        uart.finish_buffer();
        DeferredCall::service_next_pending_call();
    }
    let [a, b] = [processes[0].id().id(), processes[1].id().id()];
    let expected = std::format!(
        "process {a} prints 0x0\r\nprocess {b} prints 0xff 0x10\r\n\
         process {a} prints 0x1\r\nprocess {b} alert 0x1: panicked\r\n"
    );
    assert_eq!(uart.sent(), expected);
}
