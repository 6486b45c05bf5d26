//! Sources that cannot be read, and nodes that are not there.

use crate::support::{BOARD, HEAD, exposures, refused, run, run_with};

#[test]
fn an_unknown_label_is_refused_by_dtc() {
    refused(
        exposures("a { register-block = <&nothing>; };"),
        &[
            "exposure.dts:3: /exposure/a: Reference to non-existent node or label \"nothing\"; remedy: correct the devicetree source here",
        ],
    );
}

#[test]
fn a_syntax_error_is_refused_by_dtc() {
    refused(
        exposures("a { register-block = ; };"),
        &["exposure.dts:3: syntax error; remedy: correct the devicetree source here"],
    );
}

#[test]
fn a_configuration_needs_its_node() {
    refused(
        run("/include/ \"board.dtsi\"\n/ { };\n"),
        &[
            "exposure.dts:2: no node is compatible = \"berth,exposure\"; remedy: add the node that lists what is exposed",
        ],
    );
}

#[test]
fn the_node_exists_once() {
    refused(
        run(&format!(
            "{HEAD}{}",
            "};\nb { compatible = \"berth,exposure\"; svd = \"board.svd\"; }; };\n"
        )),
        &[
            "exposure.dts:4: a second node is compatible = \"berth,exposure\"; remedy: move its children into the first one",
        ],
    );
}

#[test]
fn the_registers_come_from_a_named_file() {
    refused(
        run("/include/ \"board.dtsi\"\n/ { exposure { compatible = \"berth,exposure\"; }; };\n"),
        &[
            "exposure.dts:2: no SVD file is named; remedy: add svd = \"<file>\" with the registers of the board's peripherals",
        ],
    );
}

#[test]
fn a_missing_svd_file_is_named() {
    refused(
        run(
            "/include/ \"board.dtsi\"\n/ { exposure { compatible = \"berth,exposure\";\n svd = \"other.svd\"; }; };\n",
        ),
        &[
            "exposure.dts:3: cannot use the SVD file other.svd: No such file or directory (os error 2); remedy: name an SVD file beside this one that svd-parser accepts",
        ],
    );
}

#[test]
fn a_filter_is_not_lost_by_a_typing_error() {
    let board = BOARD.replace("berth,syscall-filter", "berth,system-call-filter");
    refused(
        run_with(&format!("{HEAD}}}; }};\n"), &board),
        &[
            "exposure.dts:2: no node is compatible = \"berth,syscall-filter\"; remedy: add the node that lists what processes may call, or an empty one to let all of them call everything",
        ],
    );
}

#[test]
fn two_filters_are_one_too_many() {
    refused(
        run(&format!(
            "{HEAD}}};\n b {{ compatible = \"berth,syscall-filter\"; }}; }};\n"
        )),
        &[
            "exposure.dts:4: a second node is compatible = \"berth,syscall-filter\"; remedy: move its children into the first one",
        ],
    );
}

/// A region that is not understood would protect nothing.
#[test]
fn the_memory_map_is_understood_or_refused() {
    use crate::support::{BOARD, HEAD, LAYOUT, REGISTERS, TAIL, run_beside};
    let source = format!(
        "{HEAD}a {{ register-block = <&plain>; access = \"mediated\"; safe-state = \"none\"; }};\n{TAIL}"
    );
    let said = |line: &str| {
        let layout = LAYOUT.replace(
            "}\n",
            &format!("{line}\n}}\n_end = ORIGIN(APP0_FLASH) + 4;\n"),
        );
        run_beside(&source, BOARD, REGISTERS, &layout)
            .err()
            .unwrap_or_default()
    };
    assert_eq!(said(""), [""; 0]);
    assert_eq!(
        said("ELSEWHERE (rw) : ORIGIN = 1M, LENGTH = 4K /* two */ /* comments */"),
        [""; 0]
    );
    for over in [
        "KEPT (rw) : ORIGIN = 0x40002000, LENGTH = 4K",
        "KEPT (rw) : ORIGIN = 0x40002000, LENGTH = 0x100 /* with a comment */",
    ] {
        let problems = said(over);
        assert!(
            problems[0].contains("overlap those of KEPT in the memory map"),
            "{problems:?}"
        );
    }
    for unread in [
        "KEPT (rw) : ORIGIN = 0x40002000, LENGTH = 0x100 + 0x100",
        "KEPT (rw) : ORIGIN = START, LENGTH = 0x100",
        "KEPT (rw) : org = 0x40002000, len = 0x100",
        "KEPT (rw) : ORIGIN = 0x40002000,",
    ] {
        assert_eq!(
            said(unread),
            [format!(
                "layout.ld:5: cannot read \"{unread}\" of the memory map; remedy: write NAME (flags) : ORIGIN = <number>, LENGTH = <number>, in one line"
            )]
        );
    }
}
