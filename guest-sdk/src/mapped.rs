//! Registers as memory: windows of dummy addresses.
//!
//! Each label has a window of 64 KiB, from `0xF000_0000` up. [`mapped!`](crate::mapped!) puts label and window into the module, and
//! `pack` makes a checked access of each load and store there; no address of any board is in the module.

/// The first window.
const FIRST: u32 = 0xF000_0000;
/// How many there are. The highest addresses are none: small negative numbers look like them.
const WINDOWS: u32 = 0xE00;

/// The label in the name of an import module.
const fn label(module: &str) -> &[u8] {
    let bytes = module.as_bytes();
    match bytes.split_at_checked(5) {
        Some((b"mmio:", label)) => label,
        _ => panic!("registers are asked for as `mmio:` and a label"),
    }
}

/// First address of window `number`.
#[doc(hidden)]
#[must_use]
pub const fn numbered(number: u32) -> u32 {
    assert!(number < WINDOWS, "there are 0xE00 windows");
    FIRST + (number << 16)
}

/// First address of a label's own window: the same wherever it is asked for. `pack` says so if two labels have the same.
#[doc(hidden)]
#[must_use]
pub const fn window(module: &str) -> u32 {
    // FNV-1a.
    let mut hash = 0x811C_9DC5_u32;
    let mut rest = label(module);
    while let Some((byte, more)) = rest.split_first() {
        hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
        rest = more;
    }
    numbered(hash % WINDOWS)
}

/// Bytes of the record of a window.
#[doc(hidden)]
#[must_use]
pub const fn record_length(module: &str) -> usize {
    5 + label(module).len()
}

/// What stands in the module: first address, length of the label, label.
#[doc(hidden)]
#[must_use]
pub const fn record<const LENGTH: usize>(module: &str, start: u32) -> [u8; LENGTH] {
    let mut record = [0; LENGTH];
    let (mut place, mut rest) = (5, label(module));
    let [a, b, c, d] = start.to_le_bytes();
    [record[0], record[1], record[2], record[3]] = [a, b, c, d];
    record[4] = rest.len() as u8;
    while let Some((byte, more)) = rest.split_first() {
        record[place] = *byte;
        place += 1;
        rest = more;
    }
    record
}

/// Ask for a block of registers, as a struct of registers in memory.
///
/// `mapped!(fn leds: Leds = "mmio:fpgaio")` makes a function `leds()` that returns a `&'static Leds`. `Leds` is what drivers
/// have: a `#[repr(C)]` struct of registers that are read and written with volatile loads and stores, for instance those of
/// `tock-registers`. It must be valid whatever is in the registers, and its accesses must be volatile.
///
/// The device checks each access as it does for [`Block`](crate::Block). If `pack` says that two labels share a window, give one of
/// them another: `mapped!(fn leds: Leds = "mmio:fpgaio", window 3)`.
#[macro_export]
macro_rules! mapped {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident : $Registers:ty = $module:literal) => {
        $crate::mapped!(@ $(#[$attribute])* $visibility $name $Registers, $module, $crate::window($module));
    };
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident : $Registers:ty = $module:literal, window $number:literal) => {
        $crate::mapped!(@ $(#[$attribute])* $visibility $name $Registers, $module, $crate::numbered($number));
    };
    (@ $(#[$attribute:meta])* $visibility:vis $name:ident $Registers:ty, $module:literal, $start:expr) => {
        $(#[$attribute])*
        #[inline(always)]
        $visibility fn $name() -> &'static $Registers {
            const START: u32 = $start;
            #[cfg(target_arch = "wasm32")]
            const LENGTH: usize = $crate::record_length($module);
            #[cfg(target_arch = "wasm32")]
            #[used]
            #[unsafe(link_section = "berth.windows")]
            static RECORD: [u8; LENGTH] = $crate::record($module, START);
            #[cfg(not(target_arch = "wasm32"))]
            panic!("registers at {START:#x} are on a device only");
            // SAFETY: nothing but registers is at these addresses, and what is read there is checked by the device, which ends
            // the container where there are none. That the struct is one of registers is the author's promise.
            #[cfg(target_arch = "wasm32")]
            unsafe {
                &*::core::ptr::with_exposed_provenance(START as usize)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_one_window_and_a_record() {
        let start = window("mmio:fpgaio");
        assert!((FIRST..0xFE00_0000).contains(&start) && start.is_multiple_of(0x1_0000));
        assert_ne!(window("mmio:uart1"), start);
        const RECORD: [u8; 6] = record("mmio:a", numbered(3));
        assert_eq!(RECORD, *b"\0\0\x03\xF0\x01a");
        assert_eq!(record_length("mmio:a"), RECORD.len());
    }
}
