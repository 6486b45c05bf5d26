//! What stands in a place gets what the board gives to the place, whatever its header says.

use std::vec::Vec;

use crate::platform::mpu::Permissions;
use crate::process::{FaultAction, Priority, ProcessLoadError, ShortId};
use crate::test_utils::{TestApp, TestKernel, TestPlace};
use tock_tbf::types::TbfParseError;

fn app(name: &'static str) -> TestApp {
    TestApp {
        name,
        ..TestApp::default()
    }
}

fn place(flash: Vec<u8>) -> TestPlace {
    TestPlace {
        flash,
        ..TestPlace::default()
    }
}

/// Padding of this length.
fn padding(total_size: u32) -> Vec<u8> {
    let words = [2 | 16 << 16, total_size, 0, 2 | 16 << 16 ^ total_size];
    words.iter().flat_map(|w: &u32| w.to_le_bytes()).collect()
}

fn set_length(image: &mut [u8], length: u32) {
    let old = u32::from_le_bytes([image[4], image[5], image[6], image[7]]);
    let sum = u32::from_le_bytes([image[12], image[13], image[14], image[15]]);
    image[4..8].copy_from_slice(&length.to_le_bytes());
    image[12..16].copy_from_slice(&(sum ^ old ^ length).to_le_bytes());
}

fn started(test: &TestKernel) -> Vec<(&'static str, usize)> {
    let processes = test.kernel.processes();
    processes
        .map(|process| (process.get_process_name(), process.place()))
        .collect()
}

/// At the beginning of the place or anywhere behind, in the first slot or not: where it lies says who it is.
#[test]
fn a_process_is_who_its_place_says() {
    for before in [
        Vec::new(),
        padded(512),
        padded(4096),
        TestApp {
            enabled: false,
            ..app("off")
        }
        .image(),
    ] {
        let test = TestKernel::new();
        let guest = TestPlace {
            priority: Priority::Background,
            states_ids: false,
            ..place([before, app("guest").image()].concat())
        };
        let all = [place(app("firmware").image()), guest];
        assert_eq!(test.load_places(all), Ok(()));
        assert_eq!(started(&test), [("firmware", 0), ("guest", 1)]);
        let background = |index| test.kernel.process_with(index, Priority::Background);
        assert!(background(0).is_none() && background(1).is_some());
    }
}

/// From the beginning, with another break, and after a restart.
#[test]
fn memory_is_executed_only_where_the_board_says_so() {
    for executes in [true, false] {
        let test = TestKernel::new();
        let place = TestPlace {
            executes_memory: executes,
            ..place(app("guest").image())
        };
        assert_eq!(test.load_places([place]), Ok(()));
        let process = test.process(0).as_process();
        let memory = process.get_addresses().sram_start;
        let check = || {
            process.setup_mpu();
            let active = test.chip.mpu.active.borrow();
            let of_memory = active
                .iter()
                .filter(|(region, _)| region.start_address().addr() == memory);
            let permissions: Vec<_> = of_memory.map(|(_, permissions)| *permissions).collect();
            let expected = if executes {
                Permissions::ReadWriteExecute
            } else {
                Permissions::ReadWriteOnly
            };
            assert_eq!(permissions, [expected]);
        };
        check();
        let addresses = process.get_addresses();
        assert!(process.brk(addresses.sram_app_brk + 256).is_ok());
        check();
        test.process(0).restart();
        check();
    }
}

fn padded(length: u32) -> Vec<u8> {
    let mut bytes = padding(length);
    bytes.resize(length as usize, 0xFF);
    bytes
}

#[test]
fn ids_that_a_header_claims_count_only_where_the_board_says_so() {
    let claims = TestApp {
        short_id: 0x1234,
        storage: Some((7, &[8], &[9])),
        ..app("claims")
    };
    for believed in [true, false] {
        let test = TestKernel::new();
        let place = TestPlace {
            states_ids: believed,
            ..place(claims.image())
        };
        assert_eq!(test.load_places([place]), Ok(()));
        let process = test.process(0).as_process();
        let fixed = matches!(process.short_app_id(), ShortId::Fixed(_));
        assert_eq!(fixed, believed);
        assert_eq!(process.get_storage_permissions().is_some(), believed);
    }
}

/// A second object in a place for one, and as many as flash can hold.
#[test]
fn a_place_has_no_more_processes_than_the_board_says() {
    for copies in [2, 16] {
        let test = TestKernel::new();
        let guest = TestPlace {
            slots: 1,
            objects: 32,
            ..place(app("guest").image().repeat(copies))
        };
        let firmware = place([app("one").image(), app("two").image()].concat());
        let result = test.load_places([guest, firmware]);
        assert_eq!(result, Err(ProcessLoadError::NoProcessSlot));
        assert_eq!(started(&test), [("guest", 0), ("one", 1), ("two", 1)]);
    }
}

/// RAM that a header claims, by address or by size, is the place's or none.
#[test]
fn ram_of_another_place_is_not_to_be_had() {
    let large = TestApp {
        ram: 40 * 1024,
        ..app("large")
    };
    let test = TestKernel::new();
    let guest = TestPlace {
        ram: 32 * 1024,
        ..place(large.image())
    };
    let result = test.load_places([guest, place(app("firmware").image())]);
    assert_eq!(result, Err(ProcessLoadError::NotEnoughMemory));
    assert_eq!(started(&test), [("firmware", 1)]);
    for address in [0, 0x1000, 0x2000_0000, 0xFFFF_F000] {
        let fixed = TestApp {
            fixed: Some((address, u32::MAX)),
            ..app("fixed")
        };
        let test = TestKernel::new();
        let all = [place(fixed.image()), place(app("firmware").image())];
        let mismatch = ProcessLoadError::MemoryAddressMismatch {
            expected_address: address as usize,
        };
        assert_eq!(test.load_places(all), Err(mismatch));
        assert_eq!(started(&test), [("firmware", 1)]);
    }
}

/// An object that says it is longer than its place gets nothing, and the next place begins where it begins.
#[test]
fn no_object_reaches_into_the_next_place() {
    for length in [513, 1024, 0x7fff_ffff, u32::MAX, 0, 4] {
        let mut long = app("long").image();
        set_length(&mut long, length);
        for object in [long, padding(length)] {
            let test = TestKernel::new();
            let result = test.load_places([place(object), place(app("next").image())]);
            let broken = ProcessLoadError::TbfHeaderParseFailure(TbfParseError::NotEnoughFlash);
            assert_eq!(result, Err(broken), "{length}");
            assert_eq!(started(&test), [("next", 1)], "{length}");
        }
    }
}

#[test]
fn a_place_full_of_broken_objects_is_not_looked_through() {
    for junk in [padding(16), broken()] {
        let test = TestKernel::new();
        let guest = TestPlace {
            objects: 8,
            ..place([junk.repeat(8), app("ninth").image()].concat())
        };
        let _ = test.load_places([guest, place(app("firmware").image())]);
        assert_eq!(started(&test), [("firmware", 1)]);
    }
    let test = TestKernel::new();
    let guest = TestPlace {
        objects: 9,
        ..place([broken().repeat(8), app("ninth").image()].concat())
    };
    let _ = test.load_places([guest]);
    assert_eq!(started(&test), [("ninth", 0)]);
}

/// The smallest object that is not what it says.
fn broken() -> Vec<u8> {
    let mut broken = padding(16);
    broken[12] ^= 1;
    broken
}

#[test]
fn a_header_longer_than_any_is_not_read() {
    let mut long = app("long").image();
    long.resize(8192, 0);
    long[2..4].copy_from_slice(&4096u16.to_le_bytes());
    set_length(&mut long, 8192);
    let test = TestKernel::new();
    let result = test.load_places([place(long), place(app("next").image())]);
    let error = ProcessLoadError::HeaderTooLong {
        length: 4096,
        most: 2048,
    };
    assert_eq!(result, Err(error));
    assert_eq!(started(&test), [("next", 1)]);
}

#[test]
fn what_becomes_of_a_fault_is_the_places_too() {
    let test = TestKernel::new();
    let all = [FaultAction::Stop, FaultAction::Restart].map(|action| TestPlace {
        action,
        ..place(app("same").image())
    });
    assert_eq!(test.load_places(all), Ok(()));
    for index in 0..2 {
        test.process(index).as_process().set_fault_state();
    }
    assert!(!test.process(0).as_process().awaits_restart());
    assert!(test.process(1).as_process().awaits_restart());
}
