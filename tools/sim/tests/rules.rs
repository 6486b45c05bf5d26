//! The rules of the desk, for drivers' tests, are those of the kernel's capsule, which containers meet.

use berth_desk::{Board, Desk, Index, Width};
use berth_sim::{Machine, Model};

/// All that could matter: every offset of the named registers and some beside them.
#[test]
fn a_drivers_test_may_do_what_a_container_may() {
    let board = Board::reference();
    let machine = Machine::new("board", board.clone(), &Model::default()).unwrap();
    let mut looked = 0;
    for (index, block) in board.exposures.iter().enumerate() {
        let offsets = (0..0x60).chain(block.length.saturating_sub(6)..block.length + 6);
        for offset in offsets {
            for width in [Width::Bits8, Width::Bits16, Width::Bits32] {
                let place = u16::try_from(offset).unwrap();
                let (reads, writes) = machine.allows(index, place, width);
                let permission = block.permission(offset, width);
                let (read, write) = permission.map_or((0, 0), |(read, write, _)| (read, write));
                let at = format!("{} {offset:#x} {width:?}", block.label);
                assert_eq!(reads, read != 0, "read {at}");
                assert_eq!(writes, write != 0, "write {at}");
                looked += 1;
            }
        }
    }
    assert!(looked > 1000);
}

/// What the desk gives, and what a container sees of it.
#[test]
fn bits_that_are_not_exposed_are_not_seen() {
    let board = Board::reference();
    let model = r#"
        [[block]]
        label = "fpgaio"
        [[block.register]]
        name = "LED0"
        value = 0b11
    "#;
    let mut desk = Desk::new(&board, &Model::parse(model).unwrap()).unwrap();
    let block = desk.block("fpgaio").unwrap();
    assert_eq!(block, Index(0));
    assert_eq!(desk.read(block, 0, Width::Bits32), 0b11);
    let exposed = desk.exposed(block).unwrap();
    assert_eq!(exposed.permission(0, Width::Bits32), Some((2, 2, false)));
}

/// A number that makes no sense is told with its place, and not tried.
#[test]
fn numbers_of_a_chip_are_in_their_ranges() {
    let model = |chip: &str| {
        let text = format!(
            "[[block]]\nlabel = \"i2c_shield1\"\ndevice = \"sbcon\"\nchips = [{{ {chip} }}]\n"
        );
        Model::parse(&text).map_err(|wrong| wrong.to_string())
    };
    let bytes = |rest: &str| model(&format!("chip = \"bytes\", address = 0x50, {rest}"));
    assert!(bytes("size = 65536, pointer = 2").is_ok());
    for (chip, expected) in [
        (bytes("size = 99999999999"), "99999999999 is not 1 to 65536"),
        (bytes("size = 0"), "0 is not 1 to 65536"),
        (bytes("pointer = 9"), "9 is not 1 to 2"),
        (
            model("chip = \"pca9548\", buses = [{ bus = 9, chips = [] }]"),
            "9 is not 0 to 7",
        ),
    ] {
        let said = chip.err().unwrap_or_default();
        assert!(said.contains(expected) && said.contains("line 4"), "{said}");
    }
}
