//! Accesses that do more than they say.

use crate::support::{block, refused};

#[test]
fn a_read_with_an_effect_is_not_exposed_by_mistake() {
    refused(
        block("regs", "access = \"mediated\"; masks = \"DATA rw 0xff\";"),
        &[
            "exposure.dts:3: reading DATA has an effect (modify); remedy: expose it without reading, or add \"DATA\" to read-effects",
        ],
    );
}

#[test]
fn nor_with_the_whole_block() {
    refused(
        block("regs", "access = \"mediated\";"),
        &[
            "exposure.dts:3: reading DATA has an effect (modify); remedy: expose it without reading, or add \"DATA\" to read-effects",
        ],
    );
}

#[test]
fn read_effects_names_registers() {
    refused(
        block(
            "regs",
            "access = \"mediated\"; masks = \"DATA w 0xff\";\n read-effects = \"CTRL\", \"NONE\";",
        ),
        &[
            "exposure.dts:4: CTRL needs no entry in read-effects; remedy: remove it, only exposed registers whose reading has an effect belong there",
            "exposure.dts:4: regs has no register NONE; remedy: use one of: CTRL, ALIAS, STATUS, CLEAR, DATA, FLAGS, BYTE, KICK, MIXED, ZERO, WIDE, FAR",
        ],
    );
}

#[test]
fn a_write_keeps_the_bits_beside_it() {
    refused(
        block(
            "regs",
            "access = \"mediated\";\n masks = \"CTRL w 0x1\",\n \"KICK w 0x1\",\n \"MIXED rw 0x4\",\n \"ZERO rw 0x1\",\n \"DATA rw 0x1\";\n read-effects = \"DATA\";",
        ),
        &[
            "exposure.dts:4: a write to 0x1 of CTRL would also change its bits 0xf0e, because a register that is exposed for writing only is not read; remedy: expose it as rw, or all its bits",
            "exposure.dts:5: a write to 0x1 of KICK would also change its bits 0xfffffffe, because they cannot be read to write them back; remedy: expose all its bits",
            "exposure.dts:6: a write to 0x4 of MIXED would also change its bits 0x3, because some keep their value and in others a one acts; remedy: expose all its bits",
            "exposure.dts:7: a write to 0x1 of ZERO would also change its bits 0xfffffffe, because any write to them acts; remedy: expose all its bits",
            "exposure.dts:8: a write to 0x1 of DATA would also change its bits 0xfe, because reading them to write them back has an effect; remedy: expose all its bits",
        ],
    );
}
