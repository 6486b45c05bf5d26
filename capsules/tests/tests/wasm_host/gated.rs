//! A block that answers with bus errors: an error of the access, and of nothing else.

use super::{LED, board, failed};
use berth_exposure::{command, register};
use kernel::ErrorCode;

#[test]
fn a_bus_error_is_an_error_code_of_the_access() {
    let b = board();
    let leds = b.claim(0, 1, "leds").unwrap();
    let uart = b.claim(0, 1, "uart1").unwrap();
    b.leds.gate(true);
    b.uart.gate(true);
    let off = failed(ErrorCode::OFF);
    for number in command::READ8..command::READ8 + 6 {
        let result = b.call(0, number, register(uart, 0) as usize, 1);
        assert_eq!(result, off, "command {number}");
    }
    for number in [command::READ32, command::WRITE32, command::MODIFY32] {
        let mask = b.call(0, command::SET_MODIFY_MASK, 2, 0);
        assert!(mask.is_success());
        let result = b.call(0, number, register(leds, LED) as usize, 2);
        assert_eq!(result, off, "command {number}");
    }
    // What is not allowed is still refused as that, without an access.
    b.leds.take_log();
    let outside = b.call(0, command::READ32, register(leds, 0x100) as usize, 0);
    assert_eq!(outside, failed(ErrorCode::INVAL));
    assert!(b.leds.take_log().is_empty());
    b.leds.gate(false);
    let result = b.call(0, command::READ32, register(leds, LED) as usize, 0);
    assert!(result.get_success_u32().is_some(), "it has its clock again");
}

/// Every line of the safe state is tried, and the claim ends.
#[test]
fn a_claim_ends_though_its_block_does_not_answer() {
    let b = board();
    let leds = b.claim(0, 1, "leds").unwrap();
    b.leds.gate(true);
    b.leds.take_log();
    let released = b.call(0, command::RELEASE, leds.into(), 0);
    assert!(released.is_success());
    assert_eq!(
        b.leds.take_log().len(),
        2,
        "a load of LED, a store of CLEAR"
    );
    assert!(b.claim(1, 1, "leds").is_ok());
}
