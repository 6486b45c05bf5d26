//! The console as processes see it, on a line that the test plays.

use capsules_core::console::{Console, DRIVER_NUM, TURN_BYTES};
use capsules_core::passes::Passes;
use capsules_core::virtualizers::virtual_uart::{MuxUart, UartDevice};
use capsules_tests::uart::TestUart;
use core::cell::RefCell;
use kernel::ErrorCode;
use kernel::collections::ring_buffer::RingBuffer;
use kernel::deferred_call::DeferredCall;
use kernel::hil::uart::{Error, Transmit, TransmitClient};
use kernel::process::ProcessId;
use kernel::syscall::CommandReturn;
use kernel::test_utils::{TestApp, TestKernel, TestProcess};

const WRITE: usize = 1;
const READ: usize = 2;
const ABORT: usize = 3;

struct Desk {
    uart: &'static TestUart,
    mux: &'static MuxUart<'static>,
    console: &'static Console<'static>,
    processes: Vec<TestProcess>,
}

fn leak_bytes(length: usize) -> &'static mut [u8] {
    Box::leak(std::vec![0; length].into_boxed_slice())
}

/// Three processes on a console with a transmit buffer of 4 bytes and a ring of `ring`.
fn desk(ring: usize) -> Desk {
    desk_with(ring, None)
}

fn desk_with(ring: usize, passes: Option<&'static Asked>) -> Desk {
    let uart = TestUart::leak();
    let mux: &'static MuxUart = Box::leak(Box::new(MuxUart::new(uart)));
    mux.initialize();
    let device: &'static UartDevice = Box::leak(Box::new(UartDevice::new(mux)));
    device.setup();
    let kernel = TestKernel::new();
    let grant = kernel.create_grant(DRIVER_NUM);
    let console = Console::new(
        device,
        leak_bytes(4),
        leak_bytes(1),
        RingBuffer::new(leak_bytes(ring)),
        grant,
    );
    let console = match passes {
        Some(passes) => console.with_passes(device, passes),
        None => console,
    };
    let console: &'static Console = Box::leak(Box::new(console));
    console.start();
    let app = TestApp::default();
    let processes = kernel.start_all(&[app.clone(), app.clone(), app]);
    Desk {
        uart,
        mux,
        console,
        processes,
    }
}

impl Desk {
    fn call(&self, process: usize, number: usize, length: usize) -> CommandReturn {
        self.processes[process].command(self.console, number, length, 0)
    }

    fn lend_text(&self, process: usize, text: &str) {
        self.processes[process]
            .allow_ro(DRIVER_NUM, self.console, 1, text.as_bytes())
            .unwrap();
    }

    fn write(&self, process: usize, text: &str) {
        self.lend_text(process, text);
        assert!(self.call(process, WRITE, text.len()).is_success());
    }

    fn lend_room(&self, process: usize, length: usize) -> usize {
        self.processes[process]
            .allow_rw(DRIVER_NUM, self.console, 1, length)
            .unwrap()
    }

    fn arrive(&self, bytes: &[u8]) {
        assert!(self.uart.arrive(bytes, Error::None));
    }

    /// Run the line and the kernel's deferred calls until nothing moves.
    fn run(&self) -> String {
        let before = self.uart.sent().len();
        while self.step() {}
        self.uart.sent().split_off(before)
    }

    fn step(&self) -> bool {
        if self.uart.is_sending() {
            self.uart.finish_buffer();
            true
        } else {
            DeferredCall::service_next_pending_call().is_some()
        }
    }

    /// What the process was told since the last time: number and first two arguments.
    fn told(&self, process: usize) -> Vec<(usize, usize, usize)> {
        let upcalls = self.processes[process].upcalls();
        upcalls
            .into_iter()
            .map(|(number, (first, second, third))| {
                assert_eq!(third, 0);
                (number, first, second)
            })
            .collect()
    }
}

#[test]
fn the_driver_is_there_and_knows_its_commands() {
    let desk = desk(8);
    assert!(desk.call(0, 0, 0).is_success());
    // What it keeps while nobody reads.
    assert_eq!(desk.call(0, 4, 0), CommandReturn::success_u32(8));
    assert_eq!(
        desk.call(0, 5, 0),
        CommandReturn::failure(ErrorCode::NOSUPPORT)
    );
}

#[test]
fn a_write_of_any_length_goes_out_and_is_told() {
    let desk = desk(8);
    for text in ["a", "four", "five5", "a text of many chunks, 32 bytes."] {
        desk.write(0, text);
        assert_eq!(desk.told(0), []);
        assert_eq!(desk.run(), text);
        assert_eq!(desk.told(0), [(1, text.len(), 0)]);
    }
    // As much as the buffer has, or the length says, or nothing.
    desk.lend_text(0, "short");
    for (length, sent) in [(100, "short"), (2, "sh"), (0, "")] {
        assert!(desk.call(0, WRITE, length).is_success());
        assert_eq!(desk.run(), sent);
        assert_eq!(desk.told(0), [(1, sent.len(), 0)]);
    }
    // A process that never lent a buffer.
    assert!(desk.call(1, WRITE, 5).is_success());
    assert_eq!(
        (desk.run(), desk.told(1)),
        (String::new(), [(1, 0, 0)].into())
    );
}

#[test]
fn writes_are_whole_and_in_order() {
    let desk = desk(8);
    desk.write(2, "<first, of several chunks>");
    desk.write(0, "<second, of several chunks>");
    desk.write(1, "<third, of several chunks>");
    assert_eq!(
        desk.call(0, WRITE, 1),
        CommandReturn::failure(ErrorCode::BUSY)
    );
    assert_eq!(
        desk.run(),
        "<first, of several chunks><second, of several chunks><third, of several chunks>"
    );
    for process in 0..3 {
        assert_eq!(desk.told(process).len(), 1);
    }
}

/// Kernel output that waits from the start of a write comes right behind it, also
/// when more writes wait.
#[test]
fn others_on_the_line_get_their_turn_between_writes() {
    struct Kernel;
    impl TransmitClient for Kernel {
        fn transmitted_buffer(&self, _: &'static mut [u8], _: usize, _: Result<(), ErrorCode>) {}
    }
    let desk = desk(8);
    let device: &'static UartDevice = Box::leak(Box::new(UartDevice::new(desk.mux)));
    device.setup();
    device.set_transmit_client(&Kernel);
    desk.write(0, "<one and more>");
    desk.write(1, "<two and more>");
    let message = Box::leak(Box::new(*b"[kernel]"));
    device.transmit_buffer(message, 8).unwrap();
    assert_eq!(desk.run(), "<one and more>[kernel]<two and more>");
}

#[test]
fn a_writer_that_ends_or_takes_its_buffer_back_makes_room() {
    let desk = desk(8);
    desk.write(0, "<never complete>");
    desk.write(1, "<next>");
    desk.step();
    desk.processes[0].terminate();
    // The chunk that was on the line goes out, the rest does not.
    assert_eq!(desk.run(), "er c<next>");
    assert_eq!(desk.told(1), [(1, 6, 0)]);

    desk.write(1, "<taken back>");
    desk.lend_text(1, "");
    assert_eq!(desk.run(), "<tak");
    assert_eq!(desk.told(1), [(1, 4, 0)]);
    desk.write(1, "<again>");
    assert_eq!(desk.run(), "<again>");
}

#[test]
fn a_line_that_refuses_ends_the_write() {
    let desk = desk(8);
    desk.uart.refuse.set(true);
    desk.write(0, "lost");
    assert_eq!(desk.told(0), [(1, 0, 0)]);
    desk.uart.refuse.set(false);
    desk.write(0, "kept");
    assert_eq!(desk.run(), "kept");
}

#[test]
fn a_read_waits_for_all_its_bytes() {
    let desk = desk(8);
    let room = desk.lend_room(0, 20);
    assert!(desk.call(0, READ, 20).is_success());
    // More than the ring holds, so it is emptied on the way.
    desk.arrive(b"0123456789abcdefghi");
    assert_eq!(desk.told(0), []);
    desk.arrive(b"jk");
    assert_eq!(desk.told(0), [(2, 0, 20)]);
    assert_eq!(desk.processes[0].read(room, 20), b"0123456789abcdefghij");
    assert_eq!(desk.console.lost(), 0);
}

#[test]
fn bytes_between_two_reads_are_kept() {
    let desk = desk(8);
    desk.arrive(b"before");
    let room = desk.lend_room(0, 4);
    assert!(desk.call(0, READ, 4).is_success());
    assert_eq!(desk.told(0), [(2, 0, 4)]);
    assert_eq!(desk.processes[0].read(room, 4), b"befo");
    desk.arrive(b"012345");
    assert_eq!(desk.console.lost(), 0);
    desk.arrive(b"67");
    assert_eq!(desk.console.lost(), 2);
    for expected in [b"re01", b"2345"] {
        assert!(desk.call(0, READ, 4).is_success());
        assert_eq!(desk.told(0), [(2, 0, 4)]);
        assert_eq!(desk.processes[0].read(room, 4), expected);
    }
}

#[test]
fn read_and_abort_takes_what_there_is() {
    let desk = desk(8);
    let room = desk.lend_room(0, 16);
    let cancelled = ErrorCode::CANCEL as usize;
    for bytes in [&b""[..], b"x", b"three", b"12345678"] {
        desk.arrive(bytes);
        assert!(desk.call(0, READ, 16).is_success());
        assert!(desk.call(0, ABORT, 0).is_success());
        assert_eq!(desk.told(0), [(2, cancelled, bytes.len())]);
        assert_eq!(desk.processes[0].read(room, bytes.len()), bytes);
    }
    // A read that is complete is not cancelled, and one upcall is all there is.
    desk.arrive(b"ab");
    assert!(desk.call(0, READ, 2).is_success());
    assert!(desk.call(0, ABORT, 0).is_success());
    assert_eq!(desk.told(0), [(2, 0, 2)]);
    // Bytes that come while the read is under way belong to it.
    assert!(desk.call(0, READ, 16).is_success());
    desk.arrive(b"while");
    assert!(desk.call(0, ABORT, 0).is_success());
    assert_eq!(desk.told(0), [(2, cancelled, 5)]);
    // Another process cannot abort it.
    assert!(desk.call(0, READ, 16).is_success());
    assert!(desk.call(1, ABORT, 0).is_success());
    assert_eq!((desk.told(0), desk.told(1)), ([].into(), [].into()));
}

#[test]
fn one_reader_at_a_time_until_it_is_gone() {
    let desk = desk(8);
    for process in [0, 1] {
        desk.lend_room(process, 4);
    }
    assert!(desk.call(0, READ, 4).is_success());
    for process in [0, 1] {
        let busy = CommandReturn::failure(ErrorCode::BUSY);
        assert_eq!(desk.call(process, READ, 4), busy);
    }
    desk.arrive(b"a");
    desk.processes[0].terminate();
    assert!(desk.call(1, READ, 4).is_success());
    desk.arrive(b"bcd");
    assert_eq!(desk.told(1), [(2, 0, 4)]);
}

#[test]
fn a_reader_that_ends_while_bytes_come_loses_none_for_the_next() {
    let desk = desk(8);
    desk.lend_room(0, 4);
    assert!(desk.call(0, READ, 4).is_success());
    desk.processes[0].terminate();
    desk.arrive(b"12345");
    let room = desk.lend_room(1, 5);
    assert!(desk.call(1, READ, 5).is_success());
    assert_eq!(desk.told(1), [(2, 0, 5)]);
    assert_eq!(desk.processes[1].read(room, 5), b"12345");
}

#[test]
fn lengths_are_cut_to_the_buffer_and_a_buffer_may_go() {
    let desk = desk(8);
    // None lent, or nothing asked for: complete at once, nothing taken.
    desk.arrive(b"abc");
    assert!(desk.call(0, READ, 10).is_success());
    assert_eq!(desk.told(0), [(2, 0, 0)]);
    let room = desk.lend_room(0, 2);
    assert!(desk.call(0, READ, 0).is_success());
    assert_eq!(desk.told(0), [(2, 0, 0)]);
    assert!(desk.call(0, READ, 10).is_success());
    assert_eq!(desk.told(0), [(2, 0, 2)]);
    assert_eq!(desk.processes[0].read(room, 2), b"ab");
    // Taken back under way: the read ends, the bytes stay.
    desk.lend_room(0, 4);
    assert!(desk.call(0, READ, 4).is_success());
    desk.lend_room(0, 0);
    desk.arrive(b"def");
    assert_eq!(desk.told(0), [(2, ErrorCode::SIZE as usize, 1)]);
    desk.lend_room(0, 3);
    assert!(desk.call(0, READ, 3).is_success());
    assert_eq!(desk.told(0), [(2, 0, 3)]);
}

#[test]
fn bytes_broken_on_the_line_are_counted_and_reception_goes_on() {
    let desk = desk(8);
    let room = desk.lend_room(0, 3);
    desk.arrive(b"a");
    assert!(desk.uart.arrive(b"?", Error::FramingError));
    assert!(desk.uart.arrive(b"b", Error::OverrunError));
    desk.arrive(b"c");
    assert_eq!(desk.console.lost(), 2);
    assert!(desk.call(0, READ, 3).is_success());
    assert_eq!(desk.processes[0].read(room, 3), b"abc");
}

/// Remembers which processes passes were asked for. None is certain to run.
#[derive(Default)]
struct Asked(RefCell<Vec<ProcessId>>);

impl Passes for Asked {
    fn request(&self, process: ProcessId) -> bool {
        self.0.borrow_mut().push(process);
        false
    }
}

/// As [`desk`], and the console works in passes that the test gives.
fn paced(ring: usize) -> (Desk, &'static Asked) {
    let asked: &'static Asked = Box::leak(Box::default());
    (desk_with(ring, Some(asked)), asked)
}

impl Desk {
    /// Run line and deferred calls, and give each pass that was asked for to the process; how many there were.
    fn run_passes(&self, asked: &Asked) -> usize {
        let mut passes = 0;
        loop {
            while self.step() {}
            let Some(process) = asked.0.borrow_mut().pop() else {
                return passes;
            };
            self.console.pass(process);
            passes += 1;
        }
    }
}

#[test]
fn a_write_takes_a_pass_for_each_chunk_but_the_first_and_is_whole() {
    let (desk, asked) = paced(8);
    let other: &'static UartDevice = Box::leak(Box::new(UartDevice::new(desk.mux)));
    other.setup();
    desk.write(0, "0123456789");
    other
        .transmit_buffer(Box::leak(Box::new(*b"<other>")), 7)
        .unwrap();
    while desk.step() {}
    assert_eq!(desk.uart.sent(), "0123", "nobody gave a pass");
    assert_eq!(desk.run_passes(asked), 2);
    assert_eq!(desk.uart.sent(), "0123456789<other>");
    assert_eq!(desk.told(0), [(1, 10, 0)]);
}

#[test]
fn who_waits_drives_a_writer_that_is_never_run() {
    let (desk, asked) = paced(8);
    desk.write(0, "a long one");
    desk.write(1, "mine");
    let stuck = desk.processes[0].id();
    for _ in 0..20 {
        while desk.step() {}
        asked.0.borrow_mut().retain(|process| *process != stuck);
        let Some(process) = asked.0.borrow_mut().pop() else {
            break;
        };
        desk.console.pass(process);
    }
    assert_eq!(desk.uart.sent(), "a long onemine");
    assert_eq!(desk.told(1), [(1, 4, 0)]);
}

#[test]
fn a_write_without_end_leaves_others_their_turn() {
    let (desk, asked) = paced(8);
    let long = "x".repeat(3 * TURN_BYTES);
    desk.write(0, &long);
    desk.write(1, "first");
    desk.write(2, "second");
    desk.run_passes(asked);
    let turn = "x".repeat(TURN_BYTES);
    assert_eq!(
        desk.uart.sent(),
        [&turn, "first", "second", &turn, &turn].concat()
    );
    assert_eq!(desk.told(0), [(1, 3 * TURN_BYTES, 0)]);
    assert_eq!(
        (desk.told(1), desk.told(2)),
        ([(1, 5, 0)].into(), [(1, 6, 0)].into())
    );
}

#[test]
fn a_writer_that_ends_in_its_turn_gives_up_the_line() {
    let (desk, asked) = paced(8);
    desk.write(0, "0123456789");
    desk.write(1, "mine");
    while desk.step() {}
    desk.processes[0].terminate();
    desk.run_passes(asked);
    assert_eq!(desk.uart.sent(), "0123mine");
}

#[test]
fn a_read_takes_a_pass_for_each_piece_and_an_abort_waits_for_them() {
    const LENGTH: usize = 300;
    let (desk, asked) = paced(2 * LENGTH);
    let text: Vec<u8> = (0..LENGTH).map(|n| n as u8).collect();
    desk.arrive(&text);
    let place = desk.lend_room(0, 2 * LENGTH);
    assert!(desk.call(0, READ, 2 * LENGTH).is_success());
    assert!(desk.call(0, ABORT, 0).is_success());
    assert_eq!(desk.told(0), []);
    let passes = desk.run_passes(asked);
    assert!((3..=6).contains(&passes), "{passes}");
    assert_eq!(desk.told(0), [(2, ErrorCode::CANCEL as usize, LENGTH)]);
    assert_eq!(desk.processes[0].read(place, LENGTH), text);
}
