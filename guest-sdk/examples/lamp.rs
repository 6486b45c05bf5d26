//! `lamp`: blinks an LED that it does not own, through the container `leds`.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{Level, Line, receive, send, sleep_ms};

berth_guest::main!(main);

fn main() {
    let mut on = 1;
    loop {
        if send("leds", &[on]).is_err() {
            berth_guest::warn!("leds does not answer");
            sleep_ms(1000);
            continue;
        }
        let mut answer = [0; 2];
        receive(&mut answer);
        let [lit, changes] = answer;
        Line::<32>::new()
            .text(if lit == 1 {
                "on, change "
            } else {
                "off, change "
            })
            .unsigned(u32::from(changes))
            .log(Level::Info);
        on ^= 1;
        sleep_ms(50);
    }
}
