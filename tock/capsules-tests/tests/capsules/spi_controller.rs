//! The driver as processes see it, on a bus that the test plays, beside a kernel client of the same bus.

use capsules_core::passes::Passes;
use capsules_core::spi_controller::{DRIVER_NUM, Spi};
use capsules_core::virtualizers::virtual_spi::{MuxSpiMaster, SharedBus, VirtualSpiMasterDevice};
use capsules_tests::buses::{Later, RATE_MAX, TestSpi};
use core::cell::RefCell;
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::spi::{ClockPhase, ClockPolarity, SpiMaster, SpiMasterClient, SpiMasterDevice};
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use kernel::utilities::leasable_buffer::SubSliceMut;

const READ_WRITE: usize = 2;
const SET_RATE: usize = 5;
const GET_RATE: usize = 6;
const SET_PHASE: usize = 7;
const GET_PHASE: usize = 8;
const SET_POLARITY: usize = 9;
const GET_POLARITY: usize = 10;
const READ: usize = 11;

/// Chip selects.
const PROCESSES: u32 = 1;
const KERNEL: u32 = 2;

/// Bytes of a chunk.
const CHUNK: usize = 8;

type Device = VirtualSpiMasterDevice<'static, TestSpi>;

#[derive(Default)]
struct KernelClient(RefCell<Vec<Result<usize, ErrorCode>>>);

impl SpiMasterClient for KernelClient {
    fn read_write_done(
        &self,
        _: SubSliceMut<'static, u8>,
        _: Option<SubSliceMut<'static, u8>>,
        status: Result<usize, ErrorCode>,
    ) {
        self.0.borrow_mut().push(status);
    }
}

struct Desk {
    bus: &'static TestSpi,
    spi: &'static Spi<'static, Device>,
    kernel: &'static Device,
    kernel_client: &'static KernelClient,
    processes: Vec<TestProcess>,
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn bytes(bytes: &[u8]) -> SubSliceMut<'static, u8> {
    SubSliceMut::new(bytes.to_vec().leak())
}

fn desk() -> Desk {
    desk_with(None)
}

/// Of a board that gives the driver these passes.
fn desk_with(passes: Option<&'static dyn Passes>) -> Desk {
    let bus = TestSpi::leak();
    let mux = leak(MuxSpiMaster::new(bus));
    bus.set_client(mux);
    let device: &'static Device = leak(VirtualSpiMasterDevice::new(mux, PROCESSES));
    device.setup();
    let kernel: &'static Device = leak(VirtualSpiMasterDevice::new(mux, KERNEL));
    kernel.setup();
    let kernel_client = leak(KernelClient::default());
    kernel.set_client(kernel_client);
    let test = TestKernel::new();
    let spi = Spi::new(device, test.create_grant(DRIVER_NUM)).with_bus(device);
    let spi: &'static Spi<'static, Device> = leak(match passes {
        Some(passes) => spi.with_passes(passes),
        None => spi,
    });
    spi.config_buffers(vec![0; CHUNK].leak(), vec![0; CHUNK + 3].leak());
    device.set_client(spi);
    spi.register();
    let app = TestApp::default();
    Desk {
        bus,
        spi,
        kernel,
        kernel_client,
        processes: test.start_all(&[app.clone(), app.clone(), app]),
    }
}

impl Desk {
    fn call(&self, process: usize, number: usize, argument: usize) -> CommandReturn {
        self.processes[process].command(self.spi, number, argument, 0)
    }

    fn lend(&self, process: usize, bytes: &[u8]) {
        self.processes[process]
            .allow_ro(DRIVER_NUM, self.spi, 0, bytes)
            .unwrap();
    }

    fn lend_room(&self, process: usize, length: usize) -> usize {
        self.processes[process]
            .allow_rw(DRIVER_NUM, self.spi, 0, length)
            .unwrap()
    }

    /// Run bus and kernel until nothing moves; whether anything did.
    fn run(&self) {
        while self.step() {}
    }

    fn step(&self) -> bool {
        if self.bus.is_busy() {
            self.bus.finish(Ok(()));
            return true;
        }
        DeferredCall::service_next_pending_call()
            .or_else(DeferredCall::service_next_later_call)
            .is_some()
    }

    /// What was sent, with the chip select of each piece and whether it ended the selection.
    fn pieces(&self) -> Vec<(u32, Vec<u8>, bool)> {
        let seen = self.bus.seen.take();
        seen.into_iter()
            .map(|seen| (seen.select, seen.sent, !seen.held))
            .collect()
    }

    /// The one event of a process: bytes and status.
    fn told(&self, process: usize) -> (usize, usize) {
        let upcalls = self.processes[process].upcalls();
        assert_eq!(upcalls.len(), 1, "{upcalls:?}");
        let (number, (length, status, zero)) = upcalls[0];
        assert_eq!((number, zero), (0, 0));
        (length, status)
    }
}

#[test]
fn the_driver_is_there_and_knows_its_commands() {
    let desk = desk();
    assert!(desk.call(0, 0, 0).is_success());
    for number in [1, 3, 4, 12, usize::MAX] {
        assert_eq!(
            desk.call(0, number, 1),
            CommandReturn::failure(ErrorCode::NOSUPPORT)
        );
    }
}

#[test]
fn a_transfer_of_any_length_is_one_selection_and_arrives_whole() {
    for length in 1..4 * CHUNK {
        let desk = desk();
        let sent: Vec<u8> = (0..length as u8).map(|byte| byte * 7).collect();
        desk.lend(0, &sent);
        let room = desk.lend_room(0, length + 2);
        assert!(desk.call(0, READ_WRITE, length).is_success());
        assert!(desk.processes[0].upcalls().is_empty());
        desk.run();
        assert_eq!(desk.told(0), (length, 0));
        let pieces = desk.pieces();
        let whole: Vec<u8> = pieces
            .iter()
            .flat_map(|(_, sent, _)| sent.clone())
            .collect();
        assert_eq!(whole, sent);
        assert!(pieces.iter().all(|(_, piece, _)| piece.len() <= CHUNK));
        let ends: Vec<bool> = pieces.iter().map(|(.., end)| *end).collect();
        assert_eq!(ends.iter().filter(|end| **end).count(), 1);
        assert_eq!((ends.last(), desk.bus.releases.get()), (Some(&true), 1));
        let expected: Vec<u8> = sent.iter().map(|byte| !byte).chain([0, 0]).collect();
        assert_eq!(desk.processes[0].read(room, length + 2), expected);
    }
}

#[test]
fn what_is_not_lent_is_neither_sent_nor_received() {
    let desk = desk();
    let invalid = CommandReturn::failure(ErrorCode::INVAL);
    assert_eq!(desk.call(0, READ_WRITE, 1), invalid);
    assert_eq!(desk.call(0, READ, 1), invalid);
    desk.lend(0, &[1, 2, 3]);
    for length in [0, 4, usize::MAX] {
        assert_eq!(desk.call(0, READ_WRITE, length), invalid);
    }
    // Sending alone, with nowhere to put what comes.
    assert!(desk.call(0, READ_WRITE, 3).is_success());
    desk.run();
    assert_eq!(desk.told(0), (3, 0));
    let room = desk.lend_room(0, 2);
    assert_eq!(desk.call(0, READ_WRITE, 3), invalid);
    assert_eq!(desk.call(0, READ, 3), invalid);
    assert!(desk.call(0, READ, 2).is_success());
    desk.run();
    assert_eq!(desk.told(0), (2, 0));
    assert_eq!(desk.processes[0].read(room, 2), [0xff, 0xff]);
    assert_eq!(desk.pieces()[1], (PROCESSES, vec![0, 0], true));
}

#[test]
fn transfers_wait_for_each_other_in_the_order_they_were_made() {
    let desk = desk();
    for process in [1, 2, 0] {
        desk.lend(process, &[process as u8; 20]);
        assert!(desk.call(process, READ_WRITE, 20).is_success());
    }
    let busy = CommandReturn::failure(ErrorCode::BUSY);
    assert_eq!(desk.call(2, READ_WRITE, 20), busy);
    assert_eq!(desk.call(1, SET_RATE, 1000), busy);
    desk.run();
    let order: Vec<u8> = desk.pieces().iter().map(|(_, sent, _)| sent[0]).collect();
    assert_eq!(order, [1, 1, 1, 2, 2, 2, 0, 0, 0]);
    for process in 0..3 {
        assert_eq!(desk.told(process), (20, 0));
    }
}

#[test]
fn the_kernels_own_transfer_comes_between_two_of_processes_not_into_one() {
    let desk = desk();
    for process in [0, 1] {
        desk.lend(process, &[process as u8 + 1; 20]);
        assert!(desk.call(process, READ_WRITE, 20).is_success());
    }
    desk.kernel.read_write_bytes(bytes(b"k"), None).unwrap();
    let (code, ..) = desk.kernel.read_write_bytes(bytes(b"k"), None).unwrap_err();
    assert_eq!(code, ErrorCode::BUSY);
    desk.run();
    let order: Vec<(u32, u8)> = desk
        .pieces()
        .iter()
        .map(|(select, sent, _)| (*select, sent[0]))
        .collect();
    let [one, two] = [1, 2].map(|byte| (PROCESSES, byte));
    assert_eq!(order, [one, one, one, (KERNEL, b'k'), two, two, two]);
    assert_eq!(*desk.kernel_client.0.borrow(), [Ok(1)]);
}

#[test]
fn settings_are_each_process_s_own_and_come_with_its_transfer() {
    let desk = desk();
    assert_eq!(
        desk.call(0, GET_RATE, 0),
        CommandReturn::success_u32(1_000_000)
    );
    assert!(desk.call(0, SET_RATE, 123_456).is_success());
    assert!(desk.call(0, SET_PHASE, 1).is_success());
    assert!(desk.call(1, SET_POLARITY, 1).is_success());
    let rate_of = |process| desk.call(process, GET_RATE, 0);
    assert_eq!(rate_of(0), CommandReturn::success_u32(123_000));
    assert_eq!(rate_of(1), CommandReturn::success_u32(1_000_000));
    assert_eq!(rate_of(2), CommandReturn::success_u32(1_000_000));
    for (process, phase, polarity) in [(0, 1, 0), (1, 0, 1), (2, 0, 0)] {
        assert_eq!(
            desk.call(process, GET_PHASE, 0),
            CommandReturn::success_u32(phase)
        );
        assert_eq!(
            desk.call(process, GET_POLARITY, 0),
            CommandReturn::success_u32(polarity)
        );
    }
    for rate in [0, RATE_MAX as usize + 1, usize::MAX] {
        assert_eq!(
            desk.call(0, SET_RATE, rate),
            CommandReturn::failure(ErrorCode::INVAL)
        );
    }
    for process in 0..3 {
        desk.lend(process, &[1]);
        assert!(desk.call(process, READ_WRITE, 1).is_success());
    }
    desk.run();
    let seen = desk.bus.seen.take();
    let settings: Vec<_> = seen
        .iter()
        .map(|seen| (seen.rate, seen.phase, seen.polarity))
        .collect();
    use {ClockPhase::*, ClockPolarity::*};
    assert_eq!(
        settings,
        [
            (123_000, SampleTrailing, IdleLow),
            (1_000_000, SampleLeading, IdleHigh),
            (1_000_000, SampleLeading, IdleLow),
        ]
    );
}

#[test]
fn nobodys_settings_wait_for_the_transfer_of_another() {
    let desk = desk();
    desk.lend(0, &[1; 20]);
    assert!(desk.call(0, READ_WRITE, 20).is_success());
    let rate_of = |process| desk.call(process, GET_RATE, 0);
    assert!(desk.call(1, SET_RATE, 123_456).is_success());
    assert_eq!(rate_of(1), CommandReturn::success_u32(123_456));
    assert!(desk.call(2, SET_RATE, RATE_MAX as usize + 1).is_success());
    for process in [1, 2] {
        desk.lend(process, &[1]);
        assert!(desk.call(process, READ_WRITE, 1).is_success());
    }
    desk.run();
    assert_eq!((desk.told(0), desk.told(1)), ((20, 0), (1, 0)));
    assert_eq!(rate_of(1), CommandReturn::success_u32(123_000));
    // What the bus cannot do shows then.
    assert_eq!(desk.told(2), (0, ErrorCode::INVAL as usize));
    let rates: Vec<u32> = desk.bus.seen.take().iter().map(|seen| seen.rate).collect();
    assert_eq!(rates, [1_000_000, 1_000_000, 1_000_000, 123_000]);
    assert!(desk.call(2, SET_RATE, 1000).is_success());
    assert!(desk.call(2, READ_WRITE, 1).is_success());
    desk.run();
    assert_eq!(desk.told(2), (1, 0));
}

#[test]
fn a_process_that_ends_in_a_transfer_leaves_the_bus_and_is_told_nothing() {
    for restarts in [false, true] {
        let desk = desk();
        desk.lend(0, &[9; 30]);
        let room = desk.lend_room(0, 30);
        assert!(desk.call(0, READ_WRITE, 30).is_success());
        desk.lend(1, &[1; 3]);
        assert!(desk.call(1, READ_WRITE, 3).is_success());
        // One chunk is through, the next under way.
        desk.step();
        desk.step();
        assert!(desk.bus.is_busy());
        if restarts {
            desk.processes[0].restart();
        } else {
            desk.processes[0].terminate();
        }
        desk.run();
        let pieces = desk.pieces();
        assert_eq!(pieces.len(), 3, "one more chunk at most");
        assert_eq!(pieces[2], (PROCESSES, vec![1; 3], true));
        assert_eq!(desk.told(1), (3, 0));
        assert!(desk.processes[0].upcalls().is_empty());
        if restarts {
            // Its memory is its next run's: nothing came there.
            desk.lend(0, &[5; 2]);
            let again = desk.lend_room(0, 30);
            assert!(again < room);
            assert_eq!(desk.processes[0].read(again, 30), [0; 30]);
            assert!(desk.call(0, READ_WRITE, 2).is_success());
            desk.run();
            assert_eq!(desk.told(0), (2, 0));
        }
    }
}

#[test]
fn buffers_that_are_swapped_in_a_transfer_end_it_where_they_end() {
    // Taken back whole, or changed for shorter ones: what is sent, what is received.
    for (given, room) in [(0, 30), (30, 0), (12, 30), (30, 12), (5, 30), (30, 5)] {
        let desk = desk();
        desk.lend(0, &[3; 30]);
        let first = desk.lend_room(0, 30);
        assert!(desk.call(0, READ_WRITE, 30).is_success());
        // The first chunk is under way.
        desk.lend(0, &vec![4; given]);
        let second = desk.lend_room(0, room);
        desk.run();
        // The chunk under way counts although nothing of it may have a place any more.
        let done = given.min(room).max(CHUNK);
        assert_eq!(desk.told(0), (done, 0), "{given} {room}");
        assert_eq!(desk.processes[0].read(first, 30), [0; 30]);
        let came = desk.processes[0].read(second, room);
        let expected: Vec<u8> = (0..room)
            .map(|index| match index {
                0..CHUNK => !3,
                _ if index < done => !4,
                _ => 0,
            })
            .collect();
        assert_eq!(came, expected);
        assert_eq!(desk.bus.releases.get(), 1, "the selection ends");
        assert!(
            desk.call(0, READ_WRITE, given.min(room)).is_success() == (given > 0 && room > 0)
                || room == 0
        );
    }
}

#[test]
fn one_buffer_for_both_directions_is_the_processs_own_affair() {
    let desk = desk();
    let room = desk.lend_room(0, 20);
    // The same bytes, lent for reading as well.
    let syscall = kernel::syscall::Syscall::ReadOnlyAllow {
        driver_number: DRIVER_NUM,
        subdriver_number: 0,
        allow_address: room,
        allow_size: 20,
    };
    let chip = kernel::test_utils::FakeChip::default();
    desk.processes[0].syscall(&chip, DRIVER_NUM, desk.spi, syscall);
    assert!(desk.call(0, READ_WRITE, 20).is_success());
    desk.run();
    assert_eq!(desk.told(0), (20, 0));
    assert_eq!(desk.processes[0].read(room, 20), [0xff; 20]);
}

#[test]
fn a_bus_that_fails_says_so_and_the_next_has_its_turn() {
    let desk = desk();
    for process in [0, 1] {
        desk.lend(process, &[1; 20]);
        assert!(desk.call(process, READ_WRITE, 20).is_success());
    }
    desk.bus.finish(Err(ErrorCode::OFF));
    assert_eq!(desk.told(0), (0, ErrorCode::OFF as usize));
    desk.run();
    assert_eq!(desk.told(1), (20, 0));
    // One that takes nothing is told of at once.
    desk.bus.refuse.set(true);
    assert!(desk.call(0, READ_WRITE, 20).is_success());
    assert_eq!(desk.told(0), (0, ErrorCode::OFF as usize));
    desk.kernel.keep(false);
    let (code, ..) = desk.kernel.read_write_bytes(bytes(b"k"), None).unwrap_err();
    assert_eq!(code, ErrorCode::OFF);
    // In the middle of a transfer, too; the selection ends.
    desk.bus.refuse.set(false);
    assert!(desk.call(0, READ_WRITE, 20).is_success());
    let before = desk.bus.releases.get();
    desk.step();
    desk.bus.refuse.set(true);
    desk.run();
    assert_eq!(desk.told(0), (CHUNK, ErrorCode::OFF as usize));
    assert_eq!(desk.bus.releases.get(), before + 1);
}

#[test]
fn a_waiting_transfer_that_cannot_be_started_is_told_of() {
    let desk = desk();
    desk.lend(0, &[1; 4]);
    assert!(desk.call(0, READ_WRITE, 4).is_success());
    // A rate that the bus has not shows when the transfer begins: the bus is not free now.
    desk.kernel
        .configure(
            ClockPolarity::IdleLow,
            ClockPhase::SampleLeading,
            RATE_MAX + 1,
        )
        .unwrap();
    desk.kernel.read_write_bytes(bytes(b"k"), None).unwrap();
    desk.run();
    assert_eq!(*desk.kernel_client.0.borrow(), [Err(ErrorCode::INVAL)]);
    assert_eq!(desk.told(0), (4, 0));
    assert_eq!(desk.kernel.set_rate(2_000_000), Ok(()));
    assert_eq!(desk.kernel.get_rate(), 2_000_000);
}

#[test]
fn who_keeps_the_bus_has_it_until_it_lets_go() {
    let desk = desk();
    desk.kernel.keep(true);
    desk.kernel.read_write_bytes(bytes(b"a"), None).unwrap();
    desk.lend(0, &[1; 4]);
    assert!(desk.call(0, READ_WRITE, 4).is_success());
    desk.run();
    assert!(desk.processes[0].upcalls().is_empty());
    desk.kernel.read_write_bytes(bytes(b"b"), None).unwrap();
    desk.run();
    assert!(desk.processes[0].upcalls().is_empty());
    assert_eq!(desk.bus.releases.get(), 0);
    desk.kernel.keep(false);
    desk.run();
    assert_eq!(desk.told(0), (4, 0));
    let pieces: Vec<_> = desk
        .pieces()
        .into_iter()
        .map(|(select, ..)| select)
        .collect();
    assert_eq!(pieces, [KERNEL, KERNEL, PROCESSES]);
}

#[test]
fn a_board_says_how_what_follows_is_put_off() {
    for later in [false, true] {
        let desk = desk_with(later.then_some(&Later));
        desk.lend(0, &[7; 2 * CHUNK]);
        assert!(desk.call(0, READ_WRITE, 2 * CHUNK).is_success());
        while DeferredCall::service_next_pending_call().is_some() {}
        desk.bus.finish(Ok(()));
        // Before any process, unless the board says otherwise.
        assert_eq!(DeferredCall::service_next_pending_call().is_some(), !later);
        desk.run();
        let sent: Vec<u8> = desk
            .pieces()
            .into_iter()
            .flat_map(|piece| piece.1)
            .collect();
        assert_eq!(sent, [7; 2 * CHUNK]);
    }
}
