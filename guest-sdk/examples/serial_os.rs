//! `serial_os`: answers on the kernel's UART: what comes, four bytes at a time, goes back in capitals. Others run while it waits.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{BusError, error, info, uart};

berth_guest::main!(main);

fn main() {
    if serve().is_err() {
        error!("the line does not work");
    }
}

fn serve() -> Result<(), BusError> {
    uart::write(b"four, please\n")?;
    info!("it asks");
    let mut four = [0; 4];
    uart::read(&mut four)?;
    four.make_ascii_uppercase();
    uart::write(&four)?;
    info!("it has answered");
    Ok(())
}
