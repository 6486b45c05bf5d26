//! What becomes of a sound configuration.

use berth_exposure::AccessClass;
use berth_exposure_compiler::{Driver, Register, RegisterWrite, kernel_table};

use crate::support::{block, exposures, filter};

fn register(name: &str, offset: u32, size: u32, read: u32, write: u32, zero: bool) -> Register {
    Register {
        name: name.to_owned(),
        offset,
        size,
        read,
        write,
        zero_rest: zero,
    }
}

#[test]
fn registers_are_sorted_and_know_what_to_do_with_the_rest() {
    let configuration = block(
        "regs",
        "access = \"mediated\"; read-effects = \"DATA\";\n masks = \"MIXED r 0x7\", \"FLAGS rw 0x3\", \"DATA rw 0xff\", \"BYTE r 0xf\", \"CTRL rw 0x3\", \"CLEAR w 0x1\";",
    )
    .unwrap();
    let exposure = &configuration.exposures[0];
    let expected = [
        // Neighbours are kept.
        register("CTRL", 0x0, 32, 0x3, 0x3, false),
        // A one acts: nothing may be written back.
        register("CLEAR", 0x8, 32, 0x0, 0x1, true),
        // Reading acts: a write does not read.
        register("DATA", 0xc, 32, 0xff, 0xff, true),
        register("FLAGS", 0x10, 32, 0x3, 0x3, true),
        register("BYTE", 0x14, 8, 0xf, 0x0, false),
        register("MIXED", 0x1c, 32, 0x7, 0x0, false),
    ];
    assert_eq!(exposure.registers.as_deref(), Some(&expected[..]));
    assert_eq!((exposure.base, exposure.length), (0x4000_1000, 0x100));
    let table = kernel_table(&configuration);
    assert!(
        table.contains("Register::new(0x8, 0x0, 0x1).zero_rest()"),
        "{table}"
    );
    assert!(
        table.contains("Register::new(0x14, 0xf, 0x0).size(Width::Bits8)"),
        "{table}"
    );
}

#[test]
fn a_mapped_block_has_no_list_and_keeps_its_safe_state_and_interrupts() {
    let configuration = block(
        "regs",
        "access = \"mapped\"; read-effects = \"DATA\";\n safe-state = \"CTRL 0x1 0x3\", \"BYTE 0x7f 0xff\"; interrupts = \"tx\"; clear = \"FLAGS 0x2\"; clear-order = \"after-capture\"; captures-max = <3>;",
    )
    .unwrap();
    let exposure = &configuration.exposures[0];
    assert_eq!(exposure.access, AccessClass::Mapped);
    assert_eq!(exposure.registers, None);
    let write = |register: &str, offset, size, value, mask| RegisterWrite {
        register: register.to_owned(),
        offset,
        size,
        value,
        mask,
    };
    let safe = [
        write("CTRL", 0x0, 32, 0x1, 0x3),
        write("BYTE", 0x14, 8, 0x7f, 0xff),
    ];
    assert_eq!(exposure.safe_state, safe);
    let interrupt = &exposure.interrupts[0];
    assert_eq!((interrupt.line, interrupt.captures_max), (5, 3));
    assert_eq!(
        interrupt.clear,
        Some(write("FLAGS", 0x10, 32, 0x2, u32::MAX))
    );
    assert!(!interrupt.clear_before_capture);
    let table = kernel_table(&configuration);
    assert!(table.contains(".access(AccessClass::Mapped)"), "{table}");
    assert!(
        table.contains(
            "clear: Some(Clear { offset: 0x10, bytes: 4, value: 0x2, before_capture: false, raised: None })"
        ),
        "{table}"
    );
}

#[test]
fn limits_have_defaults() {
    let limits = exposures("limits { handlers = <3>; };").unwrap().limits;
    assert_eq!((limits.handlers, limits.registers), (3, 64));
    assert_eq!((limits.captures, limits.accesses_per_pass), (16, 64));
    assert_eq!(limits.share_percent, 10);
}

#[test]
fn a_process_with_the_exposures_gets_wasm_host_and_the_devices_by_index() {
    let configuration = filter(
        "a { process = \"SUPERVISOR_FLASH\"; exposures;\n d { driver = <1>; commands = \"0-2\", \"5\", \"63\"; indexed = \"2\"; indices = \"0-1\"; };\n};",
    )
    .unwrap();
    let process = &configuration.processes[0];
    assert_eq!(process.flash_start, 0x80000);
    let driver = |driver, commands, indexed, indices| Driver {
        driver,
        commands,
        indexed,
        indices,
    };
    let expected = [
        driver(0xa0000, u64::MAX, 0, 0),
        driver(0x2, 0b1_1111, 0b1_1110, 1 << 2),
        driver(0x1, 1 << 63 | 0b10_0111, 0b100, 0b11),
    ];
    assert_eq!(process.drivers, expected);
}
