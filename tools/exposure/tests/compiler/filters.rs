//! What processes may call.

use crate::support::{filter, refused};

#[test]
fn a_process_has_a_place() {
    refused(
        filter("a { exposures; };"),
        &[
            "exposure.dts:3: process is missing; remedy: add process = \"<region of the memory map>\"",
        ],
    );
}

#[test]
fn the_place_is_in_the_memory_map() {
    for name in ["SUPERVISER", "KERNEL_FLASH", "STORE_FLASH", "CODE_FLASH"] {
        refused(
            filter(&format!("a {{ process = \"{name}\"; }};")),
            &[&format!(
                "exposure.dts:3: the memory map has no place {name} for processes; remedy: use one of: APP0_FLASH, SUPERVISOR_FLASH"
            )],
        );
    }
}

#[test]
fn a_process_is_listed_once() {
    refused(
        filter("a { process = \"APP0_FLASH\"; };\nb { process = \"APP0_FLASH\"; };"),
        &["exposure.dts:4: APP0_FLASH is listed already in line 3; remedy: join both"],
    );
}

#[test]
fn a_driver_has_number_and_commands() {
    refused(
        filter("a { process = \"APP0_FLASH\";\n d { };\n};"),
        &[
            "exposure.dts:4: driver is missing; remedy: add driver = <number>",
            "exposure.dts:4: commands is missing; remedy: add commands = \"<first>-<last>\", ...",
        ],
    );
}

#[test]
fn a_driver_is_listed_once() {
    refused(
        filter(
            "a { process = \"APP0_FLASH\"; exposures;\n d { driver = <1>; commands = \"0\"; };\n e { driver = <1>; commands = \"1\"; };\n f { driver = <0xa0000>; commands = \"1\"; };\n};",
        ),
        &[
            "exposure.dts:5: driver 0x1 is listed already in line 4; remedy: join both",
            "exposure.dts:6: driver 0xa0000 is listed already in line 3; remedy: join both",
        ],
    );
}

/// Who executes others' code and could end processes would end the firmware's.
#[test]
fn a_host_of_containers_controls_no_other_process_without_a_reason() {
    let of = |exposures: &str, commands: &str, reason: &str| {
        filter(&format!(
            "a {{ process = \"SUPERVISOR_FLASH\"; {exposures}\n d {{ driver = <0x10002>; commands = \"{commands}\"; {reason} }};\n}};"
        ))
    };
    const WHY: &str = "dangerous = \"it restarts the pump's process\";";
    for commands in ["0-6", "0-63", "6"] {
        refused(
            of("exposures;", commands, ""),
            &[
                "exposure.dts:4: driver 0x10002 is control of other processes by its commands from 6 on: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
            ],
        );
        assert_eq!(of("exposures;", commands, WHY).map(drop), Ok(()));
        // The firmware's own processes may.
        assert_eq!(of("", commands, "").map(drop), Ok(()));
    }
    refused(
        of("exposures;", "0-5", WHY),
        &[
            "exposure.dts:4: driver 0x10002 is not dangerous; remedy: remove the property dangerous, it would hide a later change of the board",
        ],
    );
    assert_eq!(of("exposures;", "0-5", "").map(drop), Ok(()));
}

#[test]
fn commands_are_ranges_of_numbers() {
    refused(
        filter(
            "a { process = \"APP0_FLASH\";\n d { driver = <1>; commands = \"all\",\n \"3-1\",\n \"60-64\"; };\n};",
        ),
        &[
            "exposure.dts:4: cannot read commands entry \"all\"; remedy: write \"<first>-<last>\" or \"<number>\"",
            "exposure.dts:5: cannot read commands entry \"3-1\"; remedy: write \"<first>-<last>\" or \"<number>\"",
            "exposure.dts:6: commands is 64; remedy: use 0 to 63",
        ],
    );
}

#[test]
fn indices_need_commands_that_take_them() {
    refused(
        filter(
            "a { process = \"APP0_FLASH\";\n d { driver = <2>; commands = \"0-3\"; indices = \"0\"; };\n};",
        ),
        &[
            "exposure.dts:4: indices has no meaning without indexed; remedy: add indexed or remove indices",
        ],
    );
}

#[test]
fn an_unknown_property_of_a_filter() {
    refused(
        filter(
            "a { process = \"APP0_FLASH\"; nam = \"x\";\n d { driver = <2>; commands = \"0-3\"; command = \"4\"; };\n};",
        ),
        &[
            "exposure.dts:3: unknown property nam; remedy: remove it or use one of: process, exposures",
            "exposure.dts:4: unknown property command; remedy: remove it or use one of: driver, commands, indexed, indices, dangerous",
        ],
    );
}
