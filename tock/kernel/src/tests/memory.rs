//! Break, high-water mark, zeroing, regions.

use super::driver::{NUM, driver};
use crate::platform::mpu::Permissions;
use crate::process::{Error, Process};
use crate::processbuffer::WriteableProcessBuffer;
use crate::test_utils::{TestApp, TestKernel, TestProcess};

fn start() -> (TestKernel, TestProcess, &'static dyn Process) {
    let test = TestKernel::new();
    let process = test.start(&TestApp::default());
    (test, process, process.as_process())
}

#[test]
fn exposed_memory_is_zero() {
    let (_, process, p) = start();
    let a = p.get_addresses();
    assert!(process.read(a.sram_start, 64).iter().all(|&b| b == 0));
    p.brk(a.sram_start + 512).unwrap();
    assert!(process.read(a.sram_start + 64, 448).iter().all(|&b| b == 0));
}

#[test]
fn shrunk_and_regrown_memory_is_zero() {
    let (_, process, p) = start();
    let start = p.get_addresses().sram_start;
    p.brk(start + 512).unwrap();
    assert!(p.set_byte(start + 400, 7));
    p.brk(start + 64).unwrap();
    assert!(!p.set_byte(start + 400, 7));
    p.brk(start + 512).unwrap();
    assert_eq!(process.read(start + 400, 1), [0]);
}

#[test]
fn the_break_stays_in_its_bounds() {
    let (_, _, p) = start();
    let a = p.get_addresses();
    assert_eq!(p.brk(a.sram_start - 1), Err(Error::AddressOutOfBounds));
    assert_eq!(p.brk(a.sram_end), Err(Error::AddressOutOfBounds));
    assert_eq!(p.brk(usize::MAX), Err(Error::AddressOutOfBounds));
    assert_eq!(p.brk(a.sram_grant_start + 1), Err(Error::OutOfMemory));
    assert_eq!(p.sbrk(isize::MIN), Err(Error::AddressOutOfBounds));
    assert!(
        p.build_readwrite_process_buffer(a.sram_start + 10, 20)
            .is_ok()
    );
    assert_eq!(p.brk(a.sram_start + 29), Err(Error::AddressOutOfBounds));
    assert!(p.brk(a.sram_start + 30).is_ok());
    assert_eq!(p.get_addresses().sram_app_brk, a.sram_start + 30);
}

#[test]
fn grants_and_break_meet_but_do_not_cross() {
    let test = TestKernel::new();
    let driver = driver(&test);
    let process = test.start(&TestApp::default());
    let p = process.as_process();
    p.brk(p.get_addresses().sram_start + 1024).unwrap();
    process.allow_ro(NUM, driver, 0, b"x").unwrap();
    while p.sbrk(1).is_ok() {}
    let a = p.get_addresses();
    assert!(a.sram_app_brk <= a.sram_grant_start);
    assert!(a.sram_grant_start - a.sram_app_brk < 32);
}

#[test]
fn lent_buffers_end_with_the_process() {
    let (_, process, p) = start();
    let start = p.get_addresses().sram_start;
    let buffer = p.build_readwrite_process_buffer(start, 4).unwrap();
    buffer
        .mut_enter(|bytes| bytes.copy_from_slice(b"abcd"))
        .unwrap();
    assert_eq!(process.read(start, 4), b"abcd");
    process.restart();
    assert_eq!(buffer.mut_enter(|_| ()), Err(Error::NoSuchApp));
    assert!(buffer.mut_ptr().is_null());
}

#[test]
fn regions_are_tracked_and_vanish_at_restart() {
    let (test, process, p) = start();
    let at = |n: usize| core::ptr::without_provenance(0x4000_0000 + n * 0x1000);
    let active = || {
        p.setup_mpu();
        test.chip.mpu.active.borrow().len()
    };
    assert_eq!(active(), 2);
    let rw = Permissions::ReadWriteOnly;
    let first = p.add_peripheral_region(at(0), 0x40, rw).unwrap();
    assert_eq!((active(), first.size()), (3, 0x40));
    assert!(p.add_mpu_region(at(0), 0x1000, 0x20).is_none(), "overlap");
    for n in 1..5 {
        assert!(p.add_mpu_region(at(n), 0x1000, 0x1000).is_some());
    }
    assert!(p.add_mpu_region(at(6), 0x1000, 0x1000).is_none());
    assert_eq!(active(), 7, "a refused region is not open");
    p.remove_mpu_region(first).unwrap();
    assert!(p.remove_mpu_region(first).is_err());
    assert_eq!(active(), 6);
    process.restart();
    assert_eq!(active(), 2);
    for n in 0..5 {
        assert!(p.add_mpu_region(at(n), 0x1000, 0x1000).is_some());
    }
    process.terminate();
    assert!(p.add_mpu_region(at(7), 0x1000, 0x1000).is_none());
}

#[test]
fn memory_is_opened_for_reading_only() {
    let (test, process, p) = start();
    let store = core::ptr::without_provenance(0x14_0000);
    let region = p.add_read_only_region(store, 0x8_0000).unwrap();
    assert_eq!((region.start_address(), region.size()), (store, 0x8_0000));
    p.setup_mpu();
    let opened = test.chip.mpu.active.borrow().last().copied();
    assert_eq!(opened, Some((region, Permissions::ReadOnly)));
    assert!(p.add_read_only_region(store, 0x8_0000).is_none(), "open");
    process.restart();
    assert!(p.add_read_only_region(store, 0x8_0000).is_some());
}

#[test]
fn memory_is_opened_for_executing_and_not_for_writing() {
    let (test, process, p) = start();
    let code = core::ptr::without_provenance(0x1c_0000);
    let region = p.add_executable_region(code, 0x2_0000).unwrap();
    assert_eq!((region.start_address(), region.size()), (code, 0x2_0000));
    p.setup_mpu();
    let opened = test.chip.mpu.active.borrow().last().copied();
    assert_eq!(opened, Some((region, Permissions::ReadExecuteOnly)));
    assert!(p.add_executable_region(code, 0x2_0000).is_none(), "open");
    process.restart();
    assert!(p.add_executable_region(code, 0x2_0000).is_some());
}

#[test]
fn only_what_the_board_allows_is_opened() {
    let (test, _, p) = start();
    let at = |address: usize| core::ptr::without_provenance(address);
    let capability = crate::create_capability!(crate::capabilities::ProcessManagementCapability);
    test.kernel.set_openable_regions(
        |region| region.start_address().addr() == 0x4000_1000 && region.size() == 0x1000,
        &capability,
    );
    p.setup_mpu();
    let own = test.chip.mpu.active.borrow().len();
    let rw = Permissions::ReadWriteOnly;
    // The kernel's RAM, a neighbour, a part and more than the whole.
    assert!(p.add_mpu_region(at(0x2000_0000), 0x1000, 0x1000).is_none());
    for (start, size) in [
        (0x4000_2000, 0x1000),
        (0x4000_1000, 0x800),
        (0x4000_1000, 0x2000),
    ] {
        assert!(p.add_peripheral_region(at(start), size, rw).is_none());
    }
    p.setup_mpu();
    assert_eq!(test.chip.mpu.active.borrow().len(), own, "nothing is open");
    assert!(
        p.add_peripheral_region(at(0x4000_1000), 0x1000, rw)
            .is_some()
    );
    p.setup_mpu();
    assert_eq!(test.chip.mpu.active.borrow().len(), own + 1);
}

#[test]
fn the_mpu_is_written_only_when_something_changed() {
    let test = TestKernel::new();
    let all = test.start_all(&[TestApp::default(), TestApp::default()]);
    let (a, b) = (all[0].as_process(), all[1].as_process());
    let written = |p: &dyn Process| {
        let before = test.chip.mpu.configured.get();
        p.setup_mpu();
        test.chip.mpu.configured.get() - before
    };
    assert_eq!(
        [written(a), written(a), written(b), written(b)],
        [1, 0, 1, 0]
    );
    a.sbrk(32).unwrap();
    assert_eq!([written(b), written(a), written(a)], [0, 1, 0]);
    a.sbrk(32).unwrap();
    assert_eq!([written(a), written(a)], [1, 0]);
}

#[test]
fn the_report_names_what_matters() {
    let (_, _, p) = start();
    let mut text = std::string::String::new();
    p.print_full_process(&mut text);
    for part in [
        "\"test\"",
        "waiting for any upcall",
        "registers",
        "2 regions",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

fn start_large() -> (TestKernel, TestProcess, &'static dyn Process) {
    let test = TestKernel::new();
    let process = test.start(&TestApp {
        ram: 40_000,
        ..TestApp::default()
    });
    (test, process, process.as_process())
}

/// What really is in its RAM, also above its break.
#[allow(unsafe_code)]
fn raw(address: usize) -> u8 {
    // SAFETY: the tests below ask for addresses of the leaked block of a test process.
    unsafe { core::ptr::with_exposed_provenance::<u8>(address).read() }
}

/// Where the MPU of the process `p`, which is given to it, ends its own part.
fn edge(test: &TestKernel, p: &'static dyn Process) -> usize {
    p.setup_mpu();
    let start = p.get_addresses().sram_start;
    let active = test.chip.mpu.active.borrow();
    let own = active
        .iter()
        .find(|(region, _)| region.start_address().addr() == start);
    let (own, _) = own.unwrap();
    start + own.size()
}

#[test]
fn memory_above_the_break_is_zero_up_to_the_edge_at_every_change() {
    let (test, process, p) = start_large();
    let base = p.get_addresses().sram_start;
    // Every byte of the block was 0xAA before, and the process fills whatever it reaches.
    for size in [100, 1000, 33, 65, 4001, 4000, 63, 31_009, 1] {
        p.brk(base + size).unwrap();
        process.finish_clearing();
        let edge = edge(&test, p);
        assert!((size..size + 32).contains(&(edge - base)), "{size}");
        let dirty: std::vec::Vec<usize> = (base + size..edge).filter(|&a| raw(a) != 0).collect();
        assert!(dirty.is_empty(), "{size}: {dirty:x?}");
        for address in base..edge {
            // As the process would, beyond its break as well.
            // SAFETY: inside the leaked block, below the kernel's part.
            #[allow(unsafe_code)]
            unsafe {
                core::ptr::with_exposed_provenance_mut::<u8>(address).write(0x55);
            }
        }
    }
    process.restart();
    let edge = edge(&test, p);
    assert!((base..edge).all(|address| raw(address) == 0), "a new run");
}

#[test]
fn what_grants_leave_behind_is_cleared_before_it_is_reached() {
    let test = TestKernel::new();
    let driver = driver(&test);
    let process = test.start(&TestApp::default());
    let p = process.as_process();
    process.allow_ro(NUM, driver, 0, b"x").unwrap();
    let grants = p.get_addresses().sram_grant_start;
    process.restart();
    let top = p.get_addresses().sram_grant_start;
    assert!(grants < top, "the grant is gone");
    // As much as there is.
    let mut step = 32 * 1024;
    while step > 0 {
        if p.sbrk(step).is_err() {
            step /= 2;
        }
    }
    process.finish_clearing();
    let brk = p.get_addresses().sram_app_brk;
    assert!(brk > grants);
    assert!((grants..brk).all(|address| raw(address) == 0));
}

#[test]
fn a_large_break_is_cleared_in_passes_and_the_process_does_not_run_before() {
    let (_, process, p) = start_large();
    let start = p.get_addresses().sram_start;
    let size = 20_000;
    p.brk(start + size).unwrap();
    let mut passes = 1;
    while p.is_being_cleared() {
        assert!(p.ready());
        assert_eq!(p.pass(), Some(crate::process::Pass::Done));
        passes += 1;
    }
    assert!(passes > size / 1024, "{passes} passes");
    assert_eq!(p.pass(), None);
    assert!(process.read(start, size).iter().all(|&byte| byte == 0));
}
