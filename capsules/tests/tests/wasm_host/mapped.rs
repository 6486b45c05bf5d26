//! Mapped blocks: what is opened, to whom, and that every end closes it.

use super::ends::ENDS;
use super::{Board, board, failed};
use crate::Mapper;
use crate::test_window::Memory;
use berth_exposure::command;
use kernel::ErrorCode;
use kernel::process::ProcessId;
use kernel::syscall::CommandReturn;
use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::vec::Vec;

/// A mapper that has so many regions and remembers which are open.
struct Regions {
    free: Cell<usize>,
    open: RefCell<Vec<(ProcessId, usize, usize)>>,
}

impl Mapper for Regions {
    fn open(&self, process: ProcessId, start: usize, length: usize) -> bool {
        let free = self.free.get();
        if free > 0 {
            self.free.set(free - 1);
            self.open.borrow_mut().push((process, start, length));
        }
        free > 0
    }

    fn close(&self, process: ProcessId, start: usize, length: usize) {
        let mut open = self.open.borrow_mut();
        let before = open.len();
        open.retain(|region| *region != (process, start, length));
        assert_eq!(open.len() + 1, before, "closed what was not open");
        self.free.set(self.free.get() + 1);
    }
}

fn mapping_board(free: usize) -> (Board, &'static Regions) {
    let regions: &'static Regions = Box::leak(Box::new(Regions {
        free: Cell::new(free),
        open: RefCell::default(),
    }));
    let mut board = board();
    board.host = board.host.with_mapper(regions);
    (board, regions)
}

fn map(board: &Board, process: usize, handle: u16) -> CommandReturn {
    board.call(process, command::MAP, handle.into(), 0)
}

const OPENED: (u32, u32, u32) = (Memory::ADDRESS as u32, 0x1000, 7);

#[test]
fn a_block_is_opened_once_whole_and_to_its_holder() {
    let (board, regions) = mapping_board(2);
    let handle = board.claim(0, 1, "uart1").unwrap();
    assert!(regions.open.borrow().is_empty(), "a claim opens nothing");
    for _ in 0..2 {
        let opened = map(&board, 0, handle).get_success_3_u32();
        assert_eq!(opened, Some(OPENED));
        let id = board.processes[0].id();
        assert_eq!(*regions.open.borrow(), [(id, Memory::ADDRESS, 0x1000)]);
    }
    assert_eq!(map(&board, 1, handle), failed(ErrorCode::RESERVE));
    assert_eq!(map(&board, 0, handle ^ 0x100), failed(ErrorCode::RESERVE));
    assert_eq!(
        board.call(0, command::MAP, 0x1_0000 | usize::from(handle), 0),
        failed(ErrorCode::RESERVE)
    );
    // Commands go on serving it.
    assert!(board.read32(0, handle, 0).is_success_u32());
}

#[test]
fn unmapping_keeps_the_claim() {
    let (board, regions) = mapping_board(1);
    let handle = board.claim(0, 1, "uart1").unwrap();
    let unmap = |process| board.call(process, command::UNMAP, handle.into(), 0);
    assert_eq!(unmap(0), failed(ErrorCode::ALREADY));
    assert!(map(&board, 0, handle).get_success_3_u32().is_some());
    assert_eq!(unmap(1), failed(ErrorCode::RESERVE));
    assert_eq!(regions.open.borrow().len(), 1);
    assert!(unmap(0).is_success());
    assert!(regions.open.borrow().is_empty());
    assert!(board.read32(0, handle, 0).is_success_u32());
    assert!(map(&board, 0, handle).get_success_3_u32().is_some());
}

#[test]
fn what_is_masked_is_never_opened() {
    let (board, regions) = mapping_board(9);
    for label in ["leds", "nothing"] {
        let handle = board.claim(0, 1, label).unwrap();
        assert_eq!(map(&board, 0, handle), failed(ErrorCode::NOSUPPORT));
    }
    assert!(regions.open.borrow().is_empty());
}

#[test]
fn without_a_region_commands_serve_the_block() {
    let (board, _) = mapping_board(0);
    let handle = board.claim(0, 1, "uart1").unwrap();
    assert_eq!(map(&board, 0, handle), failed(ErrorCode::NOMEM));
    assert!(board.write32(0, handle, 0x10, 5).is_success());
    assert_eq!(board.read32(0, handle, 0x10), CommandReturn::success_u32(5));
    assert!(!board.description_is_mapped(0, 1));
}

#[test]
fn only_the_holder_is_told_that_it_is_mapped() {
    let (board, _) = mapping_board(1);
    let handle = board.claim(0, 1, "uart1").unwrap();
    assert!(!board.description_is_mapped(0, 1));
    assert!(map(&board, 0, handle).get_success_3_u32().is_some());
    assert!(board.description_is_mapped(0, 1));
    assert!(!board.description_is_mapped(1, 1));
}

/// However a claim ends, nothing stays open, and the next holder begins without
/// a mapping and can have one.
#[test]
fn every_end_of_a_claim_closes_the_block() {
    for (name, end) in ENDS {
        let (board, regions) = mapping_board(1);
        let handle = board.claim(0, 1, "uart1").unwrap();
        assert!(map(&board, 0, handle).get_success_3_u32().is_some());
        end(&board.held(1, "uart1", handle));
        assert!(regions.open.borrow().is_empty(), "{name}");
        let next = board.claim(1, 9, "uart1").expect(name);
        assert!(!board.description_is_mapped(1, 1), "{name}");
        assert_eq!(
            map(&board, 1, next).get_success_3_u32(),
            Some(OPENED),
            "{name}"
        );
    }
}
