//! Interrupts, clear rules and captures.

use crate::support::{BOARD, block, channels, exposures_of, refused};

#[test]
fn an_interrupt_exists() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"error\";",
        ),
        &["exposure.dts:3: regs has no interrupt \"error\"; remedy: use one of: rx, tx"],
    );
}

#[test]
fn a_block_without_interrupts_has_none() {
    refused(
        block("plain", "access = \"mediated\"; interrupts = \"rx\";"),
        &["exposure.dts:3: plain has no interrupt \"rx\"; remedy: remove it, the block has none"],
    );
}

#[test]
fn an_interrupt_is_listed_once() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\", \"rx\";",
        ),
        &["exposure.dts:3: interrupt \"rx\" is listed twice; remedy: remove one"],
    );
}

#[test]
fn every_interrupt_of_the_board_has_a_name() {
    refused(
        block("unnamed", "access = \"mediated\"; interrupts = \"rx\";"),
        &[
            "exposure.dts:3: unnamed has 1 interrupts and 0 interrupt-names; remedy: give every interrupt a name in the board's .dtsi",
        ],
    );
}

#[test]
fn a_clear_rule_for_each_interrupt() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\", \"tx\";\n clear = \"FLAGS 0x1\"; clear-order = \"before-capture\";",
        ),
        &[
            "exposure.dts:4: clear has 1 entries for 2 interrupts; remedy: write one entry for each, in the order of interrupts",
        ],
    );
}

#[test]
fn a_clear_rule_writes_a_register() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\", \"tx\"; clear-order = \"before-capture\";\n clear = \"FLAG 0x1\",\n \"STATUS 0x1\";",
        ),
        &[
            "exposure.dts:4: regs has no register FLAG; remedy: use one of: CTRL, ALIAS, STATUS, CLEAR, DATA, FLAGS, BYTE, KICK, MIXED, ZERO, WIDE, FAR",
            "exposure.dts:5: STATUS cannot be written: the SVD file says read-only; remedy: only read it",
        ],
    );
}

#[test]
fn a_clear_rule_has_two_words() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\"; clear-order = \"before-capture\";\n clear = \"FLAGS\";",
        ),
        &[
            "exposure.dts:4: cannot read clear entry \"FLAGS\"; remedy: write \"<register> <value>\"",
        ],
    );
}

#[test]
fn a_clear_rule_says_when() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\"; clear = \"FLAGS 0x1\";",
        ),
        &[
            "exposure.dts:3: clear has no meaning without clear-order; remedy: add clear-order or remove clear",
        ],
    );
}

#[test]
fn clear_order_has_two_words() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\"; clear = \"FLAGS 0x1\"; clear-order = \"first\";",
        ),
        &[
            "exposure.dts:3: clear-order = \"first\" is no known word; remedy: use one of: before-capture, after-capture",
        ],
    );
}

#[test]
fn an_order_needs_a_rule_and_captures_an_interrupt() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\";\n clear-order = \"after-capture\";\n captures-max = <1>;",
        ),
        &[
            "exposure.dts:4: clear-order has no meaning without clear; remedy: add clear or remove clear-order",
            "exposure.dts:5: captures-max has no meaning without interrupts; remedy: add interrupts or remove captures-max",
        ],
    );
}

/// The console's, the reserved timer's, and that of a node without registers.
#[test]
fn a_line_of_the_firmware_is_not_exposed() {
    let exposure = "a { register-block = <&regs>; access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\"; };";
    let shared = |line: &str| {
        BOARD.replace(
            "interrupts = <4>, <5>;",
            &format!("interrupts = <{line}>, <5>;"),
        )
    };
    assert!(exposures_of(&shared("4"), exposure).is_ok());
    for (board, whose) in [
        (
            shared("0"),
            "its line 0 is that of console, which the firmware keeps",
        ),
        (
            shared("9").replace(
                "berth,reserved = \"the kernel's clock\";",
                "berth,reserved; interrupts = <8>, <9>;",
            ),
            "its line 9 is that of kernel_timer, which the firmware keeps",
        ),
        (
            shared("9").replace(
                "cpu0: cpu { };",
                "cpu0: cpu { }; wake: wake { berth,reserved; interrupts = <9>; };",
            ),
            "its line 9 is that of wake, which the firmware keeps",
        ),
    ] {
        let problems = exposures_of(&board, exposure).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.contains(whose)),
            "{problems:?}"
        );
    }
}

#[test]
fn captures_have_a_maximum() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\"; captures-max = <17>;",
        ),
        &["exposure.dts:3: captures-max is 17; remedy: use 1 to 16"],
    );
}

/// A line that others have, too: what says which of them has raised it.
#[test]
fn where_an_interrupt_is_told_can_be_read() {
    let clear = "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\"; clear = \"FLAGS 0x1\"; clear-order = \"after-capture\";";
    let with = |raised: &str| block("regs", &format!("{clear} {raised}"));
    let configuration = with("raised = \"CTRL 0x1\";").unwrap();
    let raised = configuration.exposures[0].interrupts[0]
        .raised
        .clone()
        .unwrap();
    assert_eq!(
        (raised.register.as_str(), raised.offset, raised.mask),
        ("CTRL", 0, 1)
    );
    let table = berth_exposure_compiler::kernel_table(&configuration);
    assert!(table.contains("raised: Some(&(0x0, 0x1)) })"), "{table}");
    for (raised, with_words) in [
        (
            "raised = \"CTRL\";",
            "cannot read raised entry \"CTRL\"; remedy: write \"<register> <mask>\"",
        ),
        (
            "raised = \"CTRL 0x1\", \"CTRL 0x1\";",
            "raised has 2 entries for 1 interrupts",
        ),
        ("raised = \"NOBODY 0x1\";", "NOBODY"),
        ("raised = \"CTRL 0x0\";", "CTRL"),
        ("raised = \"DATA 0x1\";", "reading DATA has an effect"),
    ] {
        let problems = with(raised).map(|_| ()).unwrap_err();
        assert!(
            problems.iter().any(|p| p.contains(with_words)),
            "{raised}: {problems:?}"
        );
    }
    let bare = "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\"; raised = \"CTRL 0x1\";";
    let problems = block("regs", bare).unwrap_err();
    assert!(
        problems
            .iter()
            .any(|p| p.contains("raised has no meaning without clear")),
        "{problems:?}"
    );
}

/// More than the kernel has numbers for: it would not start.
#[test]
fn as_many_interrupts_as_the_kernel_can_number() {
    let line = |n| format!("interrupts = <{}>; interrupt-names = \"t\";", 40 + n);
    let with = |count| channels(count, line, "interrupts = \"t\";");
    assert_eq!(with(32).unwrap().exposures.len(), 32);
    refused(
        with(33),
        &["exposure.dts:2: 33 interrupts are exposed, 32 are allowed; remedy: expose fewer"],
    );
}
