//! The driver as processes see it, on a bus that the test plays, beside a kernel client of the same bus.

use capsules_core::i2c_master::{DRIVER_NUM, I2CMasterDriver};
use capsules_core::passes::Passes;
use capsules_core::virtualizers::virtual_i2c::{I2CDevice, I2CMasterDevice, MuxI2C};
use capsules_tests::buses::{Later, TestI2C};
use core::cell::RefCell;
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::i2c::{Error, I2CClient, I2CDevice as _, I2CMaster};
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};

const WRITE: usize = 1;
const READ: usize = 2;
const WRITE_READ: usize = 3;

/// Bytes of the kernel's buffer.
const ROOM: usize = 32;
const ADDRESS: usize = 0x48;

type Bus = I2CMasterDevice<'static, TestI2C>;

/// What came back.
type Outcome = (Vec<u8>, Result<(), Error>);

#[derive(Default)]
struct KernelClient(RefCell<Vec<Outcome>>);

impl I2CClient for KernelClient {
    fn command_complete(&self, buffer: &'static mut [u8], status: Result<(), Error>) {
        self.0.borrow_mut().push((buffer.to_vec(), status));
    }
}

struct Desk {
    bus: &'static TestI2C,
    driver: &'static I2CMasterDriver<'static, Bus>,
    device: &'static I2CDevice<'static, TestI2C>,
    client: &'static KernelClient,
    processes: Vec<TestProcess>,
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn desk() -> Desk {
    desk_with(None)
}

/// Of a board that gives the driver these passes.
fn desk_with(passes: Option<&'static dyn Passes>) -> Desk {
    let bus = TestI2C::leak();
    let mux = leak(MuxI2C::new(bus));
    bus.set_master_client(mux);
    let shared: &'static Bus = leak(I2CMasterDevice::new(mux));
    shared.setup();
    shared.enable();
    let device = leak(I2CDevice::new(mux, 0x50));
    device.setup();
    device.enable();
    let client = leak(KernelClient::default());
    device.set_client(client);
    let test = TestKernel::new();
    let grant = test.create_grant(DRIVER_NUM);
    let driver = I2CMasterDriver::new(shared, vec![0; ROOM].leak(), grant);
    let driver = leak(match passes {
        Some(passes) => driver.with_passes(passes),
        None => driver,
    });
    shared.set_master_client(driver);
    driver.register();
    let app = TestApp::default();
    Desk {
        bus,
        driver,
        device,
        client,
        processes: test.start_all(&[app.clone(), app]),
    }
}

impl Desk {
    fn call(&self, process: usize, number: usize, first: usize, second: usize) -> CommandReturn {
        self.processes[process].command(self.driver, number, first, second)
    }

    /// Lend a buffer that holds these bytes; where it is.
    fn lend(&self, process: usize, bytes: &[u8]) -> usize {
        let process = &self.processes[process];
        let address = process
            .allow_rw(DRIVER_NUM, self.driver, 1, bytes.len())
            .unwrap();
        self.fill(process, address, bytes);
        address
    }

    fn fill(&self, process: &TestProcess, address: usize, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            assert!(process.as_process().set_byte(address + index, *byte));
        }
    }

    fn rest(&self) {
        while DeferredCall::service_next_pending_call()
            .or_else(DeferredCall::service_next_later_call)
            .is_some()
        {}
    }

    /// The one event of a process.
    fn told(&self, process: usize) -> usize {
        let upcalls = self.processes[process].upcalls();
        assert_eq!(upcalls.len(), 1, "{upcalls:?}");
        let (number, (status, zero, nought)) = upcalls[0];
        assert_eq!((number, zero, nought), (0, 0, 0));
        status
    }
}

#[test]
fn bytes_go_and_come() {
    let desk = desk();
    let address = desk.lend(0, b"abcdef");
    assert!(desk.call(0, 0, 0, 0).is_success());
    assert!(desk.call(0, WRITE, ADDRESS, 3).is_success());
    // The process may do with its buffer what it likes meanwhile.
    desk.fill(&desk.processes[0], address, b"ABCDEF");
    desk.bus.finish(&[], Ok(()));
    assert_eq!(desk.told(0), 0);
    assert!(desk.call(0, READ, ADDRESS, 2).is_success());
    desk.bus.finish(b"xy", Ok(()));
    assert_eq!(desk.told(0), 0);
    assert_eq!(desk.processes[0].read(address, 6), b"xyCDEF");
    assert!(desk.call(0, WRITE_READ, ADDRESS | 1 << 8, 4).is_success());
    desk.bus.finish(b"1234", Ok(()));
    assert_eq!(desk.told(0), 0);
    assert_eq!(desk.processes[0].read(address, 6), b"1234EF");
    // Is somebody there?
    assert!(desk.call(0, WRITE, ADDRESS, 0).is_success());
    desk.bus.finish(&[], Err(Error::AddressNak));
    assert_eq!(desk.told(0), ErrorCode::NOACK as usize);
    assert_eq!(
        *desk.bus.orders.borrow(),
        [
            (0x48, b"abc".to_vec(), 0),
            (0x48, vec![], 2),
            (0x48, b"x".to_vec(), 4),
            (0x48, vec![], 0),
        ]
    );
}

#[test]
fn what_cannot_be_is_refused_before_the_bus_sees_it() {
    let desk = desk();
    let invalid = CommandReturn::failure(ErrorCode::INVAL);
    assert_eq!(desk.call(0, READ, ADDRESS, 1), invalid);
    desk.lend(0, &[0; 4]);
    assert_eq!(desk.call(0, WRITE, ADDRESS, 5), invalid);
    assert_eq!(desk.call(0, WRITE, ADDRESS, usize::MAX), invalid);
    assert_eq!(desk.call(0, READ, ADDRESS, 5), invalid);
    assert_eq!(desk.call(0, READ, ADDRESS, 0), invalid);
    assert_eq!(desk.call(0, WRITE_READ, ADDRESS | 5 << 8, 1), invalid);
    assert_eq!(
        desk.call(0, WRITE_READ, ADDRESS | usize::MAX << 8, 1),
        invalid
    );
    assert_eq!(desk.call(0, WRITE_READ, ADDRESS | 1 << 8, 5), invalid);
    for address in [0x80, 0xff, 0x148, usize::MAX] {
        assert_eq!(desk.call(0, WRITE, address, 1), invalid);
        assert_eq!(desk.call(0, READ, address, 1), invalid);
    }
    assert_eq!(desk.call(0, WRITE_READ, 0x80 | 1 << 8, 1), invalid);
    assert_eq!(
        desk.call(0, 4, ADDRESS, 1),
        CommandReturn::failure(ErrorCode::NOSUPPORT)
    );
    desk.lend(0, &[0; ROOM + 1]);
    assert_eq!(
        desk.call(0, WRITE, ADDRESS, ROOM + 1),
        CommandReturn::failure(ErrorCode::SIZE)
    );
    assert!(desk.bus.orders.borrow().is_empty());
    assert!(desk.call(0, WRITE, ADDRESS, ROOM).is_success());
    assert_eq!(
        desk.call(0, WRITE, ADDRESS, 1),
        CommandReturn::failure(ErrorCode::BUSY)
    );
}

#[test]
fn transfers_of_processes_and_kernel_wait_for_each_other() {
    let desk = desk();
    desk.lend(0, b"0");
    desk.lend(1, b"1");
    assert!(desk.call(0, WRITE, ADDRESS, 1).is_success());
    assert!(desk.call(1, WRITE, ADDRESS, 1).is_success());
    desk.device.write(b"k".to_vec().leak(), 1).unwrap();
    let (error, _) = desk.device.write(vec![0].leak(), 1).unwrap_err();
    assert_eq!(error, Error::Busy);
    for _ in 0..3 {
        desk.bus.finish(&[], Ok(()));
        desk.rest();
    }
    let order: Vec<Vec<u8>> = desk.bus.orders.take().into_iter().map(|o| o.1).collect();
    assert_eq!(order, [b"0", b"k", b"1"]);
    assert_eq!((desk.told(0), desk.told(1)), (0, 0));
    assert_eq!(*desk.client.0.borrow(), [(b"k".to_vec(), Ok(()))]);
    // Whoever switches off has no bus; it stays on for others.
    desk.device.disable();
    let (error, _) = desk.device.read(vec![0].leak(), 1).unwrap_err();
    assert_eq!(error, Error::NotSupported);
    assert!(desk.bus.enabled.get());
}

#[test]
fn a_process_that_ends_in_a_transfer_is_told_nothing_and_others_go_on() {
    for restarts in [false, true] {
        let desk = desk();
        let address = desk.lend(0, &[0; 4]);
        assert!(desk.call(0, READ, ADDRESS, 4).is_success());
        desk.lend(1, b"1");
        assert!(desk.call(1, WRITE, ADDRESS, 1).is_success());
        if restarts {
            desk.processes[0].restart();
            assert_eq!(desk.lend(0, &[7; 4]), address);
        } else {
            desk.processes[0].terminate();
        }
        desk.bus.finish(b"late", Ok(()));
        desk.rest();
        desk.bus.finish(&[], Ok(()));
        assert_eq!(desk.told(1), 0);
        assert!(desk.processes[0].upcalls().is_empty());
        if restarts {
            assert_eq!(desk.processes[0].read(address, 4), [7; 4]);
        }
    }
}

#[test]
fn buffers_that_are_swapped_in_a_transfer() {
    let desk = desk();
    // For a shorter one: what came has no place.
    let first = desk.lend(0, &[0; 4]);
    assert!(desk.call(0, READ, ADDRESS, 4).is_success());
    let second = desk.lend(0, &[0; 3]);
    desk.bus.finish(b"come", Ok(()));
    assert_eq!(desk.told(0), ErrorCode::SIZE as usize);
    assert_eq!(desk.processes[0].read(first, 4), [0; 4]);
    assert_eq!(desk.processes[0].read(second, 3), [0; 3]);
    // For another one: it comes there.
    assert!(desk.call(0, READ, ADDRESS, 2).is_success());
    let third = desk.lend(0, &[0; 9]);
    desk.bus.finish(b"is", Ok(()));
    assert_eq!(desk.told(0), 0);
    assert_eq!(desk.processes[0].read(third, 3), [b'i', b's', 0]);
    // While it waits for its turn.
    desk.lend(1, &[1]);
    assert!(desk.call(1, WRITE, ADDRESS, 1).is_success());
    assert!(desk.call(0, WRITE, ADDRESS, 9).is_success());
    desk.lend(0, &[]);
    desk.bus.finish(&[], Ok(()));
    desk.rest();
    assert_eq!(desk.told(0), ErrorCode::SIZE as usize);
    assert!(!desk.bus.is_busy());
}

#[test]
fn a_bus_that_refuses_or_fails_says_why() {
    let desk = desk();
    desk.lend(0, &[1]);
    desk.bus.refuse.set(true);
    assert!(desk.call(0, WRITE, ADDRESS, 1).is_success());
    assert_eq!(desk.told(0), ErrorCode::NOSUPPORT as usize);
    desk.bus.refuse.set(false);
    for (error, code) in [
        (Error::DataNak, ErrorCode::NOACK),
        (Error::ArbitrationLost, ErrorCode::RESERVE),
        (Error::Overrun, ErrorCode::SIZE),
        (Error::Busy, ErrorCode::BUSY),
    ] {
        assert!(desk.call(0, WRITE, ADDRESS, 1).is_success());
        desk.bus.finish(&[], Err(error));
        desk.rest();
        assert_eq!(desk.told(0), code as usize);
    }
}

#[test]
fn a_board_says_how_what_follows_is_put_off() {
    for later in [false, true] {
        let desk = desk_with(later.then_some(&Later));
        desk.lend(0, b"0");
        desk.lend(1, b"1");
        assert!(desk.call(0, WRITE, ADDRESS, 1).is_success());
        assert!(desk.call(1, WRITE, ADDRESS, 1).is_success());
        desk.rest();
        desk.bus.finish(&[], Ok(()));
        // Before any process, unless the board says otherwise.
        assert_eq!(DeferredCall::service_next_pending_call().is_some(), !later);
        assert!(!later || DeferredCall::service_next_later_call().is_some());
        desk.rest();
        desk.bus.finish(&[], Ok(()));
        assert_eq!((desk.told(0), desk.told(1)), (0, 0));
    }
}
