//! What fields let a register do: those beside a mask and those in it.

use berth_exposure_compiler::Configuration;

use crate::vendors::{exposed, peripheral, register};

/// A register with EN in bit 0 and a field in bits 8 to 15.
fn with(field: &str, properties: &str) -> Result<Configuration, Vec<String>> {
    let fields = format!(
        "<fields><field><name>EN</name><bitRange>[0:0]</bitRange></field><field><name>F</name><bitRange>[15:8]</bitRange>{field}</field></fields>"
    );
    let block = peripheral("X", "0x40000000", &register("CR", 0, &fields));
    let properties = format!("reading-acts = \"none\"; {properties}");
    exposed(&block, &properties)
}

#[track_caller]
fn refused(field: &str, properties: &str, with_words: &str) {
    let problems = with(field, properties).map(|_| ()).unwrap_err();
    assert!(
        problems.iter().any(|p| p.contains(with_words)),
        "{field} {properties}: {problems:?} without {with_words}"
    );
}

/// Read and write mask, and whether the rest is written as zero.
#[track_caller]
fn masks(field: &str, properties: &str) -> (u32, u32, bool) {
    let configuration = with(field, properties).unwrap();
    let register = &configuration.exposures[0].registers.as_ref().unwrap()[0];
    (register.read, register.write, register.zero_rest)
}

#[test]
fn what_cannot_be_read_or_written_again_is_not_written_back() {
    let one = "<modifiedWriteValues>oneToSet</modifiedWriteValues>";
    for properties in ["masks = \"CR rw 0x1\";", "masks = \"CR w 0x1\";"] {
        for access in ["writeOnce", "read-writeOnce"] {
            let field = format!("<access>{access}</access>");
            refused(&field, properties, "some of them can be written only once");
            refused(
                &(field + one),
                properties,
                "some of them can be written only once",
            );
        }
        refused(
            "<access>write-only</access>",
            properties,
            "would also change its bits 0xff00, because they cannot be read to write them back",
        );
    }
    for (access, why) in [
        ("writeOnce", "some of them can be written only once"),
        ("read-writeOnce", "some of them can be written only once"),
        ("write-only", "they cannot be read to write them back"),
    ] {
        let field = format!("<access>{access}</access>");
        let block = "masks = \"CR r 0x1\"; safe-state = \"CR 0x0 0x1\";";
        let problems = with(&field, block).map(|_| ()).unwrap_err();
        assert!(
            problems.iter().any(|p| p.contains(why)),
            "{access}: {problems:?}"
        );
    }
    // All of a register may be written, and a read-only neighbour is nobody's loss.
    assert_eq!(
        masks("<access>write-only</access>", "masks = \"CR w 0xff01\";"),
        (0, 0xff01, false)
    );
    assert_eq!(
        masks("<access>read-only</access>", "masks = \"CR rw 0x1\";"),
        (1, 1, false)
    );
    // A whole register that can be written once.
    let block = peripheral(
        "X",
        "0x40000000",
        &register("CR", 0, "<access>read-writeOnce</access>"),
    );
    let properties = "reading-acts = \"none\"; masks = \"CR rw 0x1\";";
    let problems = exposed(&block, properties).map(|_| ()).unwrap_err();
    assert!(problems[0].contains("only once"), "{problems:?}");
}

#[test]
fn a_write_only_neighbour_in_which_ones_act_is_written_as_zero() {
    let fields = "<fields><field><name>GO</name><bitRange>[0:0]</bitRange><access>write-only</access><modifiedWriteValues>oneToSet</modifiedWriteValues></field><field><name>STOP</name><bitRange>[1:1]</bitRange><access>write-only</access><modifiedWriteValues>oneToSet</modifiedWriteValues></field></fields>";
    let block = peripheral("X", "0x40000000", &register("CR", 0, fields));
    let properties = "reading-acts = \"none\"; masks = \"CR w 0x1\";";
    let configuration = exposed(&block, properties).unwrap();
    assert!(configuration.exposures[0].registers.as_ref().unwrap()[0].zero_rest);
}

#[test]
fn each_bit_has_what_its_field_has() {
    // `rw` gives each bit what there is.
    assert_eq!(
        masks("<access>read-only</access>", "masks = \"CR rw 0x101\";"),
        (0x101, 1, false)
    );
    assert_eq!(
        masks("<access>write-only</access>", "masks = \"CR rw 0xff01\";"),
        (1, 0xff01, false)
    );
    refused(
        "<access>read-only</access>",
        "masks = \"CR w 0x101\";",
        "the field with the bits 0x100 of CR cannot be written: the SVD file says read-only",
    );
    for access in ["write-only", "writeOnce"] {
        refused(
            &format!("<access>{access}</access>"),
            "masks = \"CR r 0x101\";",
            "the field with the bits 0x100 of CR cannot be read: the SVD file says write-only",
        );
    }
    refused(
        "<access>read-only</access>",
        "masks = \"CR rw 0x100\";",
        "what is exposed of CR cannot be written: the SVD file says read-only",
    );
}
