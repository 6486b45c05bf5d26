//! Safe states.

use crate::support::{block, refused};

#[test]
fn a_safe_state_has_three_words() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; safe-state = \"CTRL 0x1\";",
        ),
        &[
            "exposure.dts:3: cannot read safe-state entry \"CTRL 0x1\"; remedy: write \"<register> <value> <mask>\"",
        ],
    );
}

#[test]
fn a_safe_state_names_a_register() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; safe-state = \"CTRLX 0x1 0x1\";",
        ),
        &[
            "exposure.dts:3: regs has no register CTRLX; remedy: use one of: CTRL, ALIAS, STATUS, CLEAR, DATA, FLAGS, BYTE, KICK, MIXED, ZERO, WIDE, FAR",
        ],
    );
}

#[test]
fn a_safe_state_can_be_written() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; safe-state = \"STATUS 0x1 0x1\";",
        ),
        &[
            "exposure.dts:3: STATUS cannot be written: the SVD file says read-only; remedy: only read it",
        ],
    );
}

#[test]
fn a_safe_state_lies_in_its_mask() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; safe-state = \"CTRL 0x3 0x1\";",
        ),
        &[
            "exposure.dts:3: value 0x3 of CTRL has bits outside mask 0x1; remedy: make the mask cover the value",
        ],
    );
}

#[test]
fn a_safe_state_is_as_wide_as_its_register() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; safe-state = \"BYTE 0x0 0x1ff\";",
        ),
        &["exposure.dts:3: 0x1ff is wider than the 8 bits of BYTE; remedy: use bits of BYTE only"],
    );
}

#[test]
fn a_safe_state_has_a_mask() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; safe-state = \"CTRL 0x0 0x0\";",
        ),
        &["exposure.dts:3: the mask of CTRL is 0; remedy: remove the entry or name bits"],
    );
}

#[test]
fn a_safe_state_keeps_the_bits_beside_it() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\", \"BYTE w 0xff\";\n safe-state = \"FLAGS 0x1 0x1\",\n \"KICK 0x0 0x1\",\n \"BYTE 0x0 0x1\";",
        ),
        &[
            "exposure.dts:4: a write to 0x1 of FLAGS would also change its bits 0xfffffffe, because writing back a one acts; remedy: give a mask of all its bits",
            "exposure.dts:5: a write to 0x1 of KICK would also change its bits 0xfffffffe, because they cannot be read to write them back; remedy: give a mask of all its bits",
            "exposure.dts:6: a write to 0x1 of BYTE would also change its bits 0xfe, because a register that is exposed for writing only is not read; remedy: give a mask of all its bits",
        ],
    );
}

#[test]
fn a_safe_state_does_not_read_what_reading_changes() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; safe-state = \"DATA 0x0 0xff\";",
        ),
        &[
            "exposure.dts:3: a write to 0xff of DATA would also change its bits 0xffffff00, because reading them to write them back has an effect; remedy: give a mask of all its bits",
        ],
    );
}

#[test]
fn a_safe_state_of_all_fields_keeps_nothing_and_is_accepted() {
    let sound = block(
        "regs",
        "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; safe-state = \"DATA 0x0 0xffffffff\", \"CTRL 0x0 0xf0f\";",
    );
    assert_eq!(sound.unwrap().exposures[0].safe_state.len(), 2);
}

/// The end of a claim is one piece of the kernel's work.
#[test]
fn a_claim_ends_in_so_much_work() {
    let with = |lines: usize| {
        let lines = vec!["\"CTRL 0x1 0x1\""; lines].join(", ");
        block(
            "regs",
            &format!(
                "access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\";\n safe-state = {lines};"
            ),
        )
    };
    assert!(with(15).is_ok());
    refused(
        with(16),
        &[
            "exposure.dts:4: regs has 16 lines of safe-state and 1 of its interrupts exposed, 16 together are allowed, since the firmware waits while a claim ends; remedy: write only the registers that bring the block to rest, or expose fewer of its interrupts",
        ],
    );
}
