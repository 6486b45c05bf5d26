//! What is exposed: labels, addresses, access classes.

use crate::support::{block, channels, exposures, exposures_of, refused};

#[test]
fn an_exposure_is_a_block_or_a_device() {
    refused(
        exposures("a { };\nb { register-block = <&plain>; device = \"led\"; };"),
        &[
            "exposure.dts:3: an exposure is either a block of registers or a device of the kernel; remedy: write exactly one of register-block and device",
            "exposure.dts:4: an exposure is either a block of registers or a device of the kernel; remedy: write exactly one of register-block and device",
        ],
    );
}

#[test]
fn only_what_has_registers_can_be_exposed() {
    refused(
        block("cpu0", "access = \"mediated\";"),
        &[
            "exposure.dts:3: a has no registers in the processor's address space; remedy: refer to a node with reg below buses with empty ranges",
        ],
    );
}

#[test]
fn a_label_fits_a_system_call() {
    refused(
        block(
            "a_label_that_is_much_too_long_for_us",
            "access = \"mediated\";",
        ),
        &[
            "exposure.dts:3: label \"a_label_that_is_much_too_long_for_us\" has 36 bytes; remedy: give the node in the board's .dtsi a label of 1 to 32",
        ],
    );
}

#[test]
fn a_block_is_exposed_once() {
    refused(
        exposures(
            "a { register-block = <&plain>; access = \"mediated\"; };\nb { register-block = <&plain>; access = \"mediated\"; };",
        ),
        &["exposure.dts:4: plain is exposed already in line 3; remedy: join both exposures"],
    );
}

#[test]
fn a_block_has_a_sensible_length() {
    refused(
        block("long", "access = \"mediated\";"),
        &[
            "exposure.dts:3: long is 131072 bytes long; remedy: correct reg in the board's .dtsi, a block has 1 to 65536 bytes",
        ],
    );
}

#[test]
fn blocks_do_not_overlap() {
    refused(
        block("left", "access = \"mediated\";"),
        &[
            "exposure.dts:3: the registers of left overlap those of right; remedy: correct reg in the board's .dtsi",
        ],
    );
}

#[test]
fn the_svd_knows_the_block() {
    refused(
        block("stranger", "access = \"mediated\";"),
        &[
            "exposure.dts:3: the SVD file has no peripheral at 0x4000f000 (stranger); remedy: add it, or correct the address in the board's .dtsi",
        ],
    );
}

#[test]
fn a_mapped_block_has_no_masks() {
    refused(
        block("regs", "access = \"mapped\"; masks = \"CTRL rw 0xf0f\";"),
        &[
            "exposure.dts:3: regs is mapped and has masks, but the memory protection unit knows no masks; remedy: use access = \"mediated\" or remove masks",
        ],
    );
}

#[test]
fn a_mapped_block_is_a_region() {
    refused(
        block("odd", "access = \"mapped\";"),
        &[
            "exposure.dts:3: odd cannot be mapped: 0x20 bytes at 0x40003010 are no memory protection region; remedy: use access = \"mediated\", or give it a power of two of at least 32 bytes, aligned to its length",
        ],
    );
}

#[test]
fn danger_is_accepted_with_a_reason_only() {
    refused(
        block("dma", "access = \"mediated\"; dangerous;"),
        &[
            "exposure.dts:3: dangerous has a value of the wrong form; remedy: write dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn an_acceptance_without_danger_is_refused() {
    refused(
        block(
            "plain",
            "access = \"mediated\"; dangerous = \"we trust them\";",
        ),
        &[
            "exposure.dts:3: plain is not dangerous; remedy: remove the property dangerous, it would hide a later change of the board",
        ],
    );
}

/// Problems of exposing all of a block of 4 KiB, with these properties and children and beside these nodes.
fn whole(x: &str, nodes: &str) -> Vec<String> {
    let board = format!(
        "/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>;
        filter {{ compatible = \"berth,syscall-filter\"; }};
        soc {{ #address-cells = <1>; #size-cells = <1>; ranges;
            x: timer@40002000 {{ compatible = \"arm,cmsdk-timer\"; reg = <0x40002000 0x1000>; #address-cells = <1>; #size-cells = <1>; {x} }};
            {nodes}
        }}; }};"
    );
    let exposure = "a { register-block = <&x>; access = \"mediated\"; };";
    exposures_of(&board, exposure).err().unwrap_or_default()
}

/// However the tree says where another peripheral is that begins or ends in a block: beside it or below it, on a bus that
/// translates, in use or not.
#[test]
fn what_begins_or_ends_in_a_block_is_seen_however_it_is_said() {
    let kind = "compatible = \"arm,cmsdk-timer\";";
    let words = "#address-cells = <1>; #size-cells = <1>;";
    let off = "status = \"disabled\";";
    assert_eq!(whole("", "")[..], [""; 0]);
    for (reg, begins_or_ends) in [
        ("0x40002800 0x100", true),
        ("0x40002000 0x100", true),
        ("0x40001800 0x900", true),
        ("0x40002f00 0x1000", true),
        ("0x40002000 0x1000", false),
        ("0x40002000 0x2000", false),
        ("0x40003000 0x100", false),
        ("0x40001000 0x1000", false),
    ] {
        let bus_reg = reg.replace("0x4000", "0x0000");
        let overlaps = begins_or_ends || reg.starts_with("0x40002000");
        for (used, with) in [("", "overlap those of y"), (off, "y")] {
            let own = format!("y: t@1 {{ {kind} reg = <{reg}>; {used} }};");
            let bus = format!(
                "bus@0 {{ {words} ranges = <0 0x40000000 0x10000>; y: t@1 {{ {kind} reg = <{bus_reg}>; {used} }}; }};"
            );
            let part = format!("ranges; y: t@1 {{ {kind} reg = <{reg}>; {used} }};");
            let expected = if used == off {
                begins_or_ends
            } else {
                overlaps
            };
            for (x, nodes) in [("", &own), ("", &bus), (part.as_str(), &String::new())] {
                let said = whole(x, nodes);
                let seen = said.iter().any(|problem| problem.contains(with));
                assert_eq!(seen, expected, "{x} {nodes}: {said:?}");
            }
        }
    }
    // Deeper down, with a bus that translates within the block.
    for used in ["", off] {
        let deep = format!(
            "ranges = <0 0x40002000 0x1000>; p {{ {words} ranges; y: t@800 {{ {kind} reg = <0x800 0x100>; {used} }}; }};"
        );
        assert!(!whole(&deep, "").is_empty(), "{deep}");
    }
}

/// The kernel numbers them with one byte.
#[test]
fn blocks_have_a_maximum() {
    let with = |count| channels(count, |_| String::new(), "");
    assert_eq!(with(256).unwrap().exposures.len(), 256);
    refused(
        with(257),
        &["exposure.dts:2: 257 blocks are exposed, 256 are allowed; remedy: expose fewer"],
    );
}
