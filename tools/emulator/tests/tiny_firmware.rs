//! The harness against a firmware of 72 bytes: console, LEDs, memory, limits.

use berth_emulator::{Board, Emulator, Ending, Icount, Sleep};
use std::{
    io::{Read, Write},
    path::Path,
    time::Duration,
};

const SOON: Duration = Duration::from_secs(20);

/// Switches the second LED on, prints `!` and a newline on UART0, then echoes. Thumb:
///
/// ```text
/// 00  .word 0x20010000, 0x00000009      initial stack pointer, reset vector
/// 08  mov.w r0, #0x40004000             UART0
/// 0c  movs r1, #16 ; str r1, [r0, #16]  BAUDDIV
/// 10  movs r1, #3  ; str r1, [r0, #8]   CTRL: transmit, receive
/// 14  ldr r2, =0x40028000               FPGAIO
/// 16  movs r1, #2  ; str r1, [r2]       LED0
/// 1a  movs r4, #'!' ; bl send
/// 20  movs r4, #10 ; bl send
/// 26  echo: ldr r1, [r0, #4] ; movs r3, #2 ; tst r1, r3 ; beq echo
/// 2e  ldr r4, [r0] ; bl send ; b echo
/// 36  send: ldr r1, [r0, #4] ; movs r3, #1 ; tst r1, r3 ; bne send
/// 3e  str r4, [r0] ; bx lr
/// 44  .word 0x40028000
/// ```
const FIRMWARE: [u8; 72] = [
    0x00, 0x00, 0x01, 0x20, 0x09, 0x00, 0x00, 0x00, 0x4f, 0xf0, 0x40, 0x20, 0x10, 0x21, 0x01, 0x61,
    0x03, 0x21, 0x81, 0x60, 0x0b, 0x4a, 0x02, 0x21, 0x11, 0x60, 0x21, 0x24, 0x00, 0xf0, 0x0b, 0xf8,
    0x0a, 0x24, 0x00, 0xf0, 0x08, 0xf8, 0x41, 0x68, 0x02, 0x23, 0x19, 0x42, 0xfb, 0xd0, 0x04, 0x68,
    0x00, 0xf0, 0x01, 0xf8, 0xf7, 0xe7, 0x41, 0x68, 0x01, 0x23, 0x19, 0x42, 0xfb, 0xd1, 0x04, 0x60,
    0x70, 0x47, 0x00, 0xbf, 0x00, 0x80, 0x02, 0x40,
];

fn flash(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("flash.bin");
    std::fs::write(&path, FIRMWARE).unwrap();
    path
}

fn boot(board: impl FnOnce(Board) -> Board) -> (tempfile::TempDir, Emulator) {
    let folder = tempfile::tempdir().unwrap();
    let emulator = board(Board::new(flash(folder.path()))).start().unwrap();
    (folder, emulator)
}

#[test]
fn not_a_byte_of_the_console_is_lost_and_typing_arrives() {
    let (_folder, emulator) = boot(|board| board);
    emulator.console.wait_for("!\n", SOON).unwrap();
    emulator.type_text("hello").unwrap();
    emulator.console.wait_for("hello", SOON).unwrap();
    assert_eq!(emulator.console.text(), "!\nhello");
}

#[test]
fn leds_and_registers_are_seen_from_outside() {
    let (_folder, mut emulator) = boot(|board| board.trace_leds());
    emulator.console.wait_for("!", SOON).unwrap();
    assert_eq!(emulator.bus.read32(0x4002_8000).unwrap(), 2);
    emulator.wait_for_led("USERLED0", false, SOON).unwrap();
    emulator.wait_for_led("USERLED1", true, SOON).unwrap();
    let never = emulator.wait_for_led("USERLED0", true, Duration::ZERO);
    assert!(never.is_err());
    assert!(emulator.leds().unwrap().len() > 2);
}

#[test]
fn memory_is_read_and_written_from_outside() {
    let (_folder, mut emulator) = boot(|board| board);
    assert_eq!(emulator.bus.read(0, 72).unwrap(), FIRMWARE);
    emulator.bus.write(0x2000_1000, &[1, 2, 3, 4, 5]).unwrap();
    assert_eq!(emulator.bus.read32(0x2000_1000).unwrap(), 0x0403_0201);
    emulator.bus.write32(0x2000_1004, 0xdead_beef).unwrap();
    assert_eq!(
        emulator.bus.read(0x2000_1004, 4).unwrap(),
        [0xef, 0xbe, 0xad, 0xde]
    );
    assert!(emulator.qmp.monitor("info version").unwrap().contains('.'));
}

#[test]
fn a_raw_console_is_for_one_direct_client() {
    let (_folder, mut emulator) = boot(|board| board.raw_console().paused());
    let mut line = emulator.uart(0).unwrap();
    line.set_read_timeout(Some(SOON)).unwrap();
    emulator.resume().unwrap();
    let mut start = [0; 2];
    line.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"!\n");
    line.write_all(b"x").unwrap();
    line.read_exact(&mut start[..1]).unwrap();
    assert_eq!(start[0], b'x');
    assert!(emulator.type_text("x").is_err());
}

#[test]
fn a_reset_starts_the_firmware_again() {
    let (_folder, mut emulator) = boot(|board| board);
    let first = emulator.console.wait_for("!\n", SOON).unwrap();
    emulator.reset().unwrap();
    emulator.console.wait_after(first, "!\n", SOON).unwrap();
}

#[test]
fn it_is_killed_at_its_limit_and_says_so() {
    let (_folder, emulator) = boot(|board| board.limit(Duration::from_secs(1)));
    assert_eq!(emulator.wait(SOON).unwrap(), Ending::TimedOut);
}

#[test]
fn instruction_counting_works() {
    let icount = Icount {
        shift: 6,
        sleep: Sleep::RealTime,
    };
    let (_folder, emulator) = boot(|board| board.icount(icount));
    emulator.console.wait_for("!\n", SOON).unwrap();
}

#[test]
fn a_wrong_argument_is_reported_in_qemus_words() {
    let folder = tempfile::tempdir().unwrap();
    let board = Board::new(flash(folder.path())).argument("--nonsense");
    let error = board.start().err().unwrap().to_string();
    assert!(error.contains("nonsense"), "{error}");
}

/// Ends the emulator through semihosting (`SYS_EXIT_EXTENDED`) with status 42:
///
/// ```text
/// 00  .word 0x20010000, 0x00000009
/// 08  movs r0, #0x20 ; adr r1, 10 ; bkpt 0xab ; b .
/// 10  .word 0x20026, 42
/// ```
const EXIT_42: [u32; 6] = [
    0x2001_0000,
    0x0000_0009,
    0xa101_2020,
    0xe7fe_beab,
    0x0002_0026,
    42,
];

#[test]
fn the_firmware_can_end_the_emulator_only_if_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.bin");
    std::fs::write(&path, EXIT_42.map(u32::to_le_bytes).concat()).unwrap();
    let allowed = Board::new(&path).semihosting(&["word, with comma"]);
    let emulator = allowed.start().unwrap();
    assert_eq!(emulator.wait(SOON).unwrap(), Ending::Exited(Some(42)));
    // Without it the breakpoint is a fault, with no handler for it: QEMU gives up.
    let emulator = Board::new(&path).start().unwrap();
    assert_ne!(emulator.wait(SOON).unwrap(), Ending::Exited(Some(42)));
}
