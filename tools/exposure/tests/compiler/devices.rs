//! Devices behind drivers of the kernel.

use berth_exposure_compiler::kernel_table;

use crate::support::{exposures, refused, run};

#[test]
fn a_device_has_a_class() {
    refused(
        exposures("a { device = \"motor\"; index = <0>; };"),
        &[
            "exposure.dts:3: device = \"motor\" is no known word; remedy: use one of: led, gpio, alarm, uart, spi, i2c",
        ],
    );
}

#[test]
fn a_device_has_an_index() {
    refused(
        exposures(
            "a { device = \"led\"; safe-state = \"off\"; };\nb { device = \"led\"; index = <64>; safe-state = \"off\"; };",
        ),
        &[
            "exposure.dts:3: index is missing; remedy: add index = <number>",
            "exposure.dts:4: index is 64; remedy: use 0 to 63",
        ],
    );
}

#[test]
fn a_device_is_exposed_once() {
    refused(
        exposures(
            "a { device = \"led\"; index = <1>; safe-state = \"off\"; };\nb { device = \"led\"; index = <1>; safe-state = \"off\"; };",
        ),
        &["exposure.dts:4: led 1 is exposed already in line 3; remedy: join both exposures"],
    );
}

#[test]
fn a_driver_of_one_device_has_no_other_index() {
    for class in ["alarm", "uart", "spi", "i2c"] {
        refused(
            exposures(&format!("a {{ device = \"{class}\"; index = <1>; }};")),
            &["exposure.dts:3: index is 1; remedy: use 0 to 0"],
        );
    }
}

#[test]
fn a_device_that_stays_as_it_was_driven_says_how_it_comes_to_rest() {
    refused(
        exposures(
            "a { device = \"led\"; index = <0>; };\nb { device = \"gpio\"; index = <0>; safe-state = \"off\"; };\nc { device = \"gpio\"; index = <1>; safe-state = <1>; };\nd { device = \"spi\"; index = <0>; safe-state = \"none\"; };",
        ),
        &[
            "exposure.dts:3: safe-state is missing; remedy: add safe-state = \"<state in which it rests>\" or \"none\"",
            "exposure.dts:4: safe-state = \"off\" is no known word; remedy: use one of: none, low, high, input, input-pull-up, input-pull-down",
            "exposure.dts:5: safe-state has a value of the wrong form; remedy: write safe-state = \"<state in which it rests>\" or \"none\"",
            "exposure.dts:6: a device of class spi has no safe-state: nothing of it stays as it was when its user ends; remedy: leave the property out",
        ],
    );
}

/// The board's table of safe states has what brings each device to rest, and the supervisor may let go of it.
#[test]
fn a_safe_state_is_commands_to_the_driver() {
    let devices = "a { device = \"gpio\"; index = <3>; safe-state = \"low\"; }; b { device = \"gpio\"; index = <9>; safe-state = \"none\"; }; c { device = \"led\"; index = <2>; safe-state = \"on\"; };";
    let configuration = run(&format!(
        "/include/ \"board.dtsi\"\n/ {{ exposure {{ compatible = \"berth,exposure\"; svd = \"board.svd\"; {devices} }}; }};\n"
    ));
    let table = kernel_table(&configuration.unwrap());
    for line in [
        "LED_RESTS: &[Rest; 1] = &[",
        "Rest { index: 2, drives: 0xe, commands: &[(1, 0)] },",
        "GPIO_RESTS: &[Rest; 1] = &[",
        "Rest { index: 3, drives: 0x3be, commands: &[(8, 0), (3, 0), (1, 0), (3, 0)] },",
    ] {
        assert!(table.contains(line), "{line}: {table}");
    }
    let let_go = 1 << 63;
    assert_eq!(
        callable(devices, ""),
        [
            (0x4, let_go | 0x7ff, let_go | 0x3fe, 1 << 3 | 1 << 9),
            (0x2, let_go | 0x1f, let_go | 0x1e, 1 << 2),
        ]
    );
}

/// What the supervisor may call, when these devices are exposed: driver, commands, indexed, indices.
fn callable(devices: &str, listed: &str) -> Vec<(u32, u64, u64, u64)> {
    let configuration = run(&format!(
        "/include/ \"board.dtsi\"\n/ {{ exposure {{ compatible = \"berth,exposure\"; svd = \"board.svd\"; {devices} }}; filter {{ compatible = \"berth,syscall-filter\"; s {{ process = \"SUPERVISOR_FLASH\"; exposures; {listed} }}; }}; }};\n"
    ));
    let process = configuration.unwrap().processes.remove(0);
    let drivers = process.drivers.iter().skip(1);
    drivers
        .map(|d| (d.driver, d.commands, d.indexed, d.indices))
        .collect()
}

#[test]
fn an_exposed_device_can_be_called_and_no_other() {
    assert_eq!(callable("", ""), []);
    assert_eq!(
        callable("a { device = \"spi\"; index = <0>; };", ""),
        [(0x2_0001, 0b1111_1110_0101, 0, 0)]
    );
    assert_eq!(
        callable(
            "a { device = \"i2c\"; index = <0>; }; b { device = \"gpio\"; index = <3>; safe-state = \"none\"; }; c { device = \"gpio\"; index = <63>; safe-state = \"none\"; };",
            ""
        ),
        [
            (0x2_0003, 0b1111, 0, 0),
            (0x4, 0x7ff, 0x3fe, 1 << 3 | 1 << 63),
        ]
    );
}

#[test]
fn what_is_exposed_as_a_device_may_be_listed_for_the_process_itself() {
    let alarm = "a { device = \"alarm\"; index = <0>; };";
    let own = "t { driver = <0>; commands = \"0-4\", \"9\"; };";
    assert_eq!(callable(alarm, own), [(0, 0b10_0111_1111, 0, 0)]);
    // Once; and not what takes an index, where two lists would not be one.
    for (devices, listed) in [
        (
            alarm,
            format!("{own} u {{ driver = <0>; commands = \"0\"; }};"),
        ),
        (
            "a { device = \"led\"; index = <0>; safe-state = \"none\"; };",
            "t { driver = <2>; commands = \"0\"; };".to_owned(),
        ),
        (
            alarm,
            "t { driver = <0>; commands = \"0-4\"; indexed = \"1\"; indices = \"0\"; };".to_owned(),
        ),
    ] {
        let source = format!(
            "/include/ \"board.dtsi\"\n/ {{ exposure {{ compatible = \"berth,exposure\"; svd = \"board.svd\"; {devices} }}; filter {{ compatible = \"berth,syscall-filter\"; s {{ process = \"SUPERVISOR_FLASH\"; exposures; {listed} }}; }}; }};\n"
        );
        let problems = run(&source).unwrap_err();
        assert!(problems[0].contains("is listed already"), "{problems:?}");
    }
}
