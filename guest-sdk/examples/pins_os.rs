//! `pins_os`: drives a pin of the kernel's, reads it back, and looks at another one.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::gpio::{Input, NoPin, Output, Pull};
use berth_guest::{error, info, sleep_ms};

berth_guest::main!(main);

fn main() {
    if blink().is_err() {
        error!("there is no such pin");
    }
}

fn blink() -> Result<(), NoPin> {
    let mut select = Output::new(0)?;
    let button = Input::new(2, Pull::None)?;
    for _ in 0..2 {
        select.set_active()?;
        say(&select, &button)?;
        select.toggle()?;
        say(&select, &button)?;
    }
    // The board keeps this one.
    if Output::new(3).is_err() {
        info!("pin 3 is not exposed");
    }
    Ok(())
}

fn say(select: &Output, button: &Input) -> Result<(), NoPin> {
    let high = |is_active| if is_active { "high" } else { "low" };
    info!(
        "select {}, button {}",
        high(select.is_active()?),
        high(button.is_active()?)
    );
    sleep_ms(10);
    Ok(())
}
