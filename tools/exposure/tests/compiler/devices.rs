//! Devices behind drivers of the kernel.

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
        exposures("a { device = \"led\"; };\nb { device = \"led\"; index = <64>; };"),
        &[
            "exposure.dts:3: index is missing; remedy: add index = <number>",
            "exposure.dts:4: index is 64; remedy: use 0 to 63",
        ],
    );
}

#[test]
fn a_device_is_exposed_once() {
    refused(
        exposures("a { device = \"led\"; index = <1>; };\nb { device = \"led\"; index = <1>; };"),
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
            "a { device = \"i2c\"; index = <0>; }; b { device = \"gpio\"; index = <3>; }; c { device = \"gpio\"; index = <63>; };",
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
            "a { device = \"led\"; index = <0>; };",
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
