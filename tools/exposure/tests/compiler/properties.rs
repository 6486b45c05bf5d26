//! Properties: names, forms, words and ranges.

use crate::support::{block, exposures, refused, run};

#[test]
fn an_unknown_property_may_be_a_typing_error() {
    refused(
        block("regs", "access = \"mediated\"; mask = \"CTRL rw 0xf\";"),
        &[
            "exposure.dts:3: unknown property mask; remedy: remove it or use one of: register-block, label, access, masks, read-effects, reading-acts, safe-state, interrupts, clear, clear-order, raised, captures-max, dangerous, keys",
            "exposure.dts:3: reading DATA has an effect (modify); remedy: expose it without reading, or add \"DATA\" to read-effects",
        ],
    );
}

#[test]
fn a_property_of_the_node_itself_is_checked() {
    refused(
        run(
            "/include/ \"board.dtsi\"\n/ { exposure { compatible = \"berth,exposure\"; svd = \"board.svd\"; registers = <1>; }; };\n",
        ),
        &[
            "exposure.dts:2: unknown property registers; remedy: remove it or use one of: compatible, svd, unsigned, reading",
        ],
    );
}

#[test]
fn a_value_has_its_form() {
    refused(
        block("plain", "access = <1>;"),
        &[
            "exposure.dts:3: access has a value of the wrong form; remedy: write access = \"mediated\" or \"mapped\"",
        ],
    );
}

#[test]
fn an_access_class_must_be_chosen() {
    refused(
        block("plain", ""),
        &["exposure.dts:3: access is missing; remedy: add access = \"mediated\" or \"mapped\""],
    );
}

#[test]
fn access_has_two_words() {
    refused(
        block("plain", "access = \"direct\";"),
        &[
            "exposure.dts:3: access = \"direct\" is no known word; remedy: use one of: mediated, mapped",
        ],
    );
}

#[test]
fn a_reference_is_one_phandle() {
    refused(
        exposures("a { register-block = \"regs\"; access = \"mediated\"; };"),
        &[
            "exposure.dts:3: register-block has a value of the wrong form; remedy: write register-block = <&label>",
        ],
    );
}

#[test]
fn limits_have_ranges() {
    refused(
        exposures(
            "limits { registers = <0>; handlers = <33>;\n captures = <65>; accesses-per-pass = <1025>;\n share-percent = <91>; };",
        ),
        &[
            "exposure.dts:3: registers is 0; remedy: use 1 to 1024",
            "exposure.dts:3: handlers is 33; remedy: use 1 to 32",
            "exposure.dts:4: captures is 65; remedy: use 1 to 16",
            "exposure.dts:4: accesses-per-pass is 1025; remedy: use 1 to 1024",
            "exposure.dts:5: share-percent is 91; remedy: use 1 to 90",
        ],
    );
}

#[test]
fn an_unknown_limit() {
    refused(
        exposures("limits { speed = <1>; };"),
        &[
            "exposure.dts:3: unknown property speed; remedy: remove it or use one of: registers, handlers, captures, accesses-per-pass, share-percent, erase-burst, erase-hours, erases-per-second, programs, conveyors",
        ],
    );
}
