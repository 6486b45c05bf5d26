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

#[test]
fn a_region_that_cannot_be_read_is_a_mistake() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let board = crate::support::BOARD;
    std::fs::write(path("board.dtsi"), board).unwrap();
    std::fs::write(path("board.svd"), crate::support::REGISTERS).unwrap();
    let source = format!(
        "{}a {{ register-block = <&plain>; access = \"mediated\"; safe-state = \"none\"; }};{}",
        crate::support::HEAD,
        crate::support::TAIL
    );
    std::fs::write(path("exposure.dts"), source).unwrap();
    let said = |region: &str| {
        let text = format!("MEMORY\n{{\n{region}\n}}\nX = ORIGIN(A) + LENGTH(A);\n");
        std::fs::write(path("layout.ld"), text).unwrap();
        let result = berth_exposure_compiler::compile(&path("exposure.dts"), &path("layout.ld"));
        let problems = result.err().unwrap_or_default();
        let texts = problems
            .iter()
            .map(|p| (p.place.line, p.problem.to_string()));
        texts.collect::<Vec<_>>()
    };
    assert_eq!(said("A (rw) : ORIGIN = 0x20000000, LENGTH = 4K"), []);
    for over in [
        "A (rw) : ORIGIN = 0x40002000, LENGTH = 0x1000",
        "A (rw) : ORIGIN = 0x40002000, LENGTH = 4K",
        "A(rw): ORIGIN=0x40002000, LENGTH=1M /* the timer */",
        "/* two\n lines */ A : ORIGIN = 0x40002000, LENGTH = 4k",
        "A (rw) :\n ORIGIN = 0x40002000, LENGTH = 4K",
        "A\n(rw)\n:\nORIGIN\n=\n0x40002000\n,\nLENGTH\n=\n4K",
        "A (!r) : org = 0x40002000, len = 4K",
        "A : o = 0x40002000 l = 4K",
        "\"A\" : ORIGIN = 0x40002000, LENGTH = 4K",
        "B : ORIGIN = 0x20000000, LENGTH = 4K A : ORIGIN = 0x40002000, LENGTH = 4K",
        "B : ORIGIN = 0x40001000, LENGTH = 4K\nA : ORIGIN = ORIGIN(B) + LENGTH(B), LENGTH = LENGTH(B) / 2",
        "A : ORIGIN = (0x40000000 + 2 * 4K), LENGTH = 1 << 12",
        "A : ORIGIN = 010000020000, LENGTH = 0x1000",
        "A (rw) : ORIGIN = 0x40002000, LENGTH = 2 * 0x800",
        "}\nSECTIONS { .text : { *(.text) } > A }\nMEMORY { A : ORIGIN = 0x40002000, LENGTH = 4K",
    ] {
        let problems = said(over);
        assert!(
            problems
                .iter()
                .any(|(_, p)| p.contains("overlap those of A in the memory map")),
            "{over}: {problems:?}"
        );
    }
    for odd in [
        "A (rw) : ORIGIN = START, LENGTH = 4K",
        "A (rw) : ORIGIN = ORIGIN(B), LENGTH = 4K",
        "A (rw) : LENGTH = 4K, ORIGIN = 0x40002000",
        "A (rw) : ORIGIN = 0x40002000, LENGTH = 1 << 64",
        "A (rw) : ORIGIN = 0x40002000, LENGTH = 4K / 0",
        "A (rw) : ORIGIN = 0x40002000, LENGTH = ~0",
        "A (rw) ORIGIN = 0x40002000, LENGTH = 4K",
        "A (rw : ORIGIN = 0x40002000, LENGTH = 4K",
        "INCLUDE regions.ld",
        "A (rw) : ORIGIN = 0x40002000,",
    ] {
        let problems = said(odd);
        assert!(
            problems
                .iter()
                .any(|(line, p)| *line == 3 && p.contains("cannot read this region")),
            "{odd}: {problems:?}"
        );
    }
}
