//! One module for each driver; the numbers are those of its page.

pub mod alarm;
pub mod background;
pub mod console;
pub mod debug;
pub mod flash_partition;
pub mod gpio;
pub mod i2c;
pub mod led;
pub mod process_info;
pub mod run_record;
pub mod spi;
pub mod uart;
pub mod wasm_host;
