//! Masks and the registers they name.

use crate::support::{block, exposures, refused};

#[test]
fn a_mask_entry_has_three_words() {
    refused(
        block(
            "regs",
            "access = \"mediated\";\n masks = \"CTRL rw\",\n \"BYTE x 0x1\",\n \"FLAGS rw many\";",
        ),
        &[
            "exposure.dts:4: cannot read masks entry \"CTRL rw\"; remedy: write \"<register> r|w|rw <mask>\"",
            "exposure.dts:5: cannot read masks entry \"BYTE x 0x1\"; remedy: write \"<register> r|w|rw <mask>\"",
            "exposure.dts:6: cannot read masks entry \"FLAGS rw many\"; remedy: write \"<register> r|w|rw <mask>\"",
        ],
    );
}

#[test]
fn a_register_exists() {
    refused(
        block("plain", "access = \"mediated\"; masks = \"CTRL rw 0x1\";"),
        &["exposure.dts:3: plain has no register CTRL; remedy: use one of: ONLY"],
    );
}

#[test]
fn a_register_lies_inside_its_block() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"FAR rw 0xffffffff\";",
        ),
        &[
            "exposure.dts:3: FAR at 0x200 lies outside the 0x100 bytes of regs; remedy: correct reg in the board's .dtsi or the SVD file",
        ],
    );
}

#[test]
fn a_register_has_a_width_of_the_processor() {
    refused(
        block("regs", "access = \"mediated\"; masks = \"WIDE rw 0x1\";"),
        &[
            "exposure.dts:3: WIDE has 64 bits at 0x28; remedy: correct the SVD file, a register has 8, 16 or 32 bits and is aligned to its size",
        ],
    );
}

#[test]
fn two_names_of_one_place_are_one_too_many() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf\", \"ALIAS r 0xf\";",
        ),
        &["exposure.dts:3: ALIAS and CTRL lie at the same place; remedy: list one of them"],
    );
}

#[test]
fn a_mask_is_as_wide_as_its_register() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"BYTE rw 0x100\", \"CTRL rw 0x100000000\";",
        ),
        &[
            "exposure.dts:3: 0x100 is wider than the 8 bits of BYTE; remedy: use bits of BYTE only",
            "exposure.dts:3: 0x100000000 is wider than the 32 bits of CTRL; remedy: use bits of CTRL only",
        ],
    );
}

#[test]
fn a_mask_names_fields() {
    refused(
        block("regs", "access = \"mediated\"; masks = \"CTRL rw 0x3f\";"),
        &[
            "exposure.dts:3: bits 0x30 of CTRL belong to no field; remedy: remove them, or add the field to the SVD file",
        ],
    );
}

#[test]
fn a_mask_names_bits() {
    refused(
        block("regs", "access = \"mediated\"; masks = \"CTRL rw 0x0\";"),
        &["exposure.dts:3: the mask of CTRL is 0; remedy: remove the entry or name bits"],
    );
}

#[test]
fn a_write_only_register_is_not_read() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"KICK rw 0xffffffff\";",
        ),
        &[
            "exposure.dts:3: KICK cannot be read: the SVD file says write-only; remedy: expose it as w",
        ],
    );
}

#[test]
fn a_read_only_register_is_not_written() {
    refused(
        block("regs", "access = \"mediated\"; masks = \"STATUS rw 0x1\";"),
        &[
            "exposure.dts:3: STATUS cannot be written: the SVD file says read-only; remedy: only read it",
        ],
    );
}

#[test]
fn too_many_registers() {
    refused(
        exposures(
            "a { register-block = <&regs>; access = \"mediated\"; masks = \"CTRL rw 0xf0f\", \"BYTE rw 0xff\"; };\nlimits { registers = <1>; };",
        ),
        &[
            "exposure.dts:2: 2 registers are exposed, 1 are allowed; remedy: expose fewer, or raise limits/registers up to 1024",
        ],
    );
}

#[test]
fn a_block_has_at_most_255_registers() {
    let entries: Vec<_> = (0..256).map(|i| format!("\"R{i} r 0xff\"")).collect();
    let properties = format!("access = \"mediated\"; masks = {};", entries.join(", "));
    let source =
        format!("a {{ register-block = <&big>; {properties} }}; limits {{ registers = <1024>; }};");
    refused(
        exposures(&source),
        &[
            "exposure.dts:3: 256 registers are exposed, 255 are allowed; remedy: expose fewer, or raise limits/registers up to 255",
        ],
    );
}

/// What cannot be read cannot be written back, and what is written once has not to be written for another's sake.
#[test]
fn fields_beside_a_mask_are_judged_one_by_one() {
    use crate::support::{BOARD, HEAD, REGISTERS, TAIL};
    let field = "<field><name>B</name><bitOffset>8</bitOffset><bitWidth>4</bitWidth>";
    assert!(REGISTERS.contains(field));
    for (access, why) in [
        ("write-only", "they cannot be read to write them back"),
        ("writeOnce", "some of them can be written only once"),
        ("read-writeOnce", "some of them can be written only once"),
    ] {
        let registers = REGISTERS.replacen(field, &format!("{field}<access>{access}</access>"), 1);
        let said = |properties: &str| {
            let source = format!(
                "{HEAD}a {{ register-block = <&regs>; access = \"mediated\"; {properties} }};\n{TAIL}"
            );
            crate::support::run_all(&source, BOARD, &registers)
        };
        for properties in [
            "safe-state = \"none\"; masks = \"CTRL rw 0xf\";",
            "safe-state = \"CTRL 0x0 0xf\"; masks = \"CTRL r 0xf\";",
        ] {
            let problems = said(properties).unwrap_err();
            assert!(
                problems.iter().any(|problem| problem
                    .contains(&format!("would also change its bits 0xf00, because {why}"))),
                "{access}: {problems:?}"
            );
        }
        // All of it, or the other alone.
        assert!(said("safe-state = \"none\"; masks = \"CTRL w 0xf0f\";").is_ok());
    }
}
