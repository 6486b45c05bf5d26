//! A process that tries everything.

use super::board;
use berth_exposure::command;

/// Half a million calls with random and edge-case arguments from two processes.
/// Whatever they try, only exposed bits of what the caller holds ever change.
#[test]
fn a_hostile_process_reaches_nothing_else() {
    let board = board();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 16) as usize & 0xffff_ffff
    };
    for process in 0..2 {
        board.lend_label(process, b"leds");
    }
    // Of the LED block: bit 1 of LED, bits 0 and 1 of CLEAR, nothing else.
    let start = [0x5a5a_5a58, 0x0, 0xdead_beef, 0x0bad_f00d, 0x1122_3344];
    for (i, word) in start.into_iter().enumerate() {
        board.leds.set_word(4 * i, word);
    }
    let mut handles: [usize; 2] = [0, 0];
    let mut granted = 0;
    for _ in 0..500_000 {
        let process = random() & 1;
        let handle = match random() % 4 {
            0 => handles[0],
            1 => handles[1],
            2 => random() & 0xffff,
            _ => [0, 1, 0xffff, 4, 8][random() % 5],
        };
        let offset = match random() % 3 {
            0 => random() & 0xffff,
            1 => random() % 0x14,
            _ => [0, 4, 8, 0xc, 0xf, 0x10, 0xfffe][random() % 7],
        };
        let argument = match random() % 8 {
            0 => random(),
            1 => usize::MAX,
            _ => (handle << 16) | offset,
        };
        // Claims are rare, so that there is time between them.
        let number = match random() % 32 {
            0 => command::CLAIM,
            1 => random(),
            _ => 4 + random() % 12,
        };
        let result = match number {
            command::CLAIM => board.call(process, number, random() % 3, 4),
            command::RELEASE => board.call(process, number, handle, 0),
            command::RELEASE_ALL => board.call(process, number, random() % 64, random() % 4),
            _ => board.call(process, number, argument, random()),
        };
        if let Some((handle, ..)) = result.get_success_3_u32() {
            handles[process] = handle as usize;
        }
        granted += usize::from(result.is_success() || result.is_success_u32());
        assert_eq!(board.leds.word(0) & !0x2, start[0]);
        assert_eq!(board.leds.word(4) & !0x3, start[1]);
        assert_eq!(board.leds.word(8), start[2]);
        assert_eq!(board.leds.word(12), start[3]);
        assert_eq!(board.leds.word(16), start[4]);
        board.leds.take_log();
    }
    assert!(granted > 1_000, "{granted}");
    assert_eq!(board.uart.take_log(), []);
}
