//! As many exposures as there may be, with labels that begin alike.

use super::claim_store;
use super::test_window::Memory;
use berth_exposure::{DRIVER_NUM, allow, command};
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::test_utils::{TestApp, TestKernel, TestProcess};
use std::boxed::Box;
use std::format;
use std::string::String;
use std::vec::Vec;
use wasm_host::{Exposure, Registers, SafeWrite, WasmHost, Widths};

const MOST: usize = 256;
/// Most slots that are looked at in one call.
const PIECE: usize = 16;

fn label(index: usize) -> String {
    // Not in the order of the table.
    format!("sensor_channel_number_000000_{:03}", index * 167 % MOST)
}

fn host() -> (
    &'static WasmHost<MOST>,
    Vec<TestProcess>,
    [&'static Memory; MOST],
) {
    static SAFE: [SafeWrite; 1] = [SafeWrite::new(0, 0, u32::MAX)];
    let windows = core::array::from_fn(|_| Memory::leak(4));
    let table = Box::leak(Box::new(core::array::from_fn(|index| {
        let label = Box::leak(label(index).into_boxed_str());
        Exposure::new(label, windows[index], 4, Registers::Whole(Widths::ALL)).safe_state(&SAFE)
    })));
    let kernel = TestKernel::new();
    let host = WasmHost::new(table, claim_store(), kernel.create_grant(DRIVER_NUM)).unwrap();
    let host = Box::leak(Box::new(host.with_ends_one_by_one(DeferredCall::set_later)));
    host.register();
    let processes = kernel.start_all(&[app(), app()]);
    (host, processes, windows)
}

/// With as much RAM as the labels of a test take.
fn app() -> TestApp {
    TestApp {
        ram: 0x8000,
        ..TestApp::default()
    }
}

fn claim(host: &WasmHost<MOST>, process: &TestProcess, label: &str) -> Result<u32, ErrorCode> {
    { process.allow_ro(DRIVER_NUM, host, allow::RO_LABEL, label.as_bytes()) }.unwrap();
    let result = process.command(host, command::CLAIM, 1, label.len());
    let handle = result.get_success_3_u32().map(|(handle, ..)| handle);
    handle.ok_or_else(|| result.get_failure().unwrap())
}

/// The driver is moved over the stack when a board makes it.
#[test]
fn the_driver_is_no_larger_for_more_exposures() {
    assert_eq!(size_of::<WasmHost<1>>(), size_of::<WasmHost<MOST>>());
}

#[test]
fn each_label_leads_to_its_exposure_and_others_to_none() {
    let (host, processes, _) = host();
    for index in 0..MOST {
        let handle = claim(host, &processes[0], &label(index)).unwrap();
        assert_eq!(handle as usize % MOST, index);
    }
    for unknown in [
        "a",
        "sensor_channel_number_000000_256",
        "sensor_channel_number_000000_99",
        "sensor_channel_number_000000_",
        "z",
    ] {
        assert_eq!(
            claim(host, &processes[0], unknown),
            Err(ErrorCode::NODEVICE)
        );
    }
}

/// However much is held, one call looks at a piece of the table and ends at most one claim.
#[test]
fn a_release_of_all_is_so_many_calls() {
    let (host, processes, windows) = host();
    for index in (0..MOST).filter(|index| index % 50 == 7) {
        claim(host, &processes[0], &label(index)).unwrap();
        windows[index].set_word(0, 1);
    }
    let (mut from, mut released) = (0, Vec::new());
    loop {
        let answer = processes[0].command(host, command::RELEASE_ALL, 1, from);
        let (count, next) = answer.get_success_2_u32().unwrap();
        let end = if next == 0 { MOST } else { next as usize };
        assert!(count <= 1 && end - from <= PIECE);
        released.extend((count == 1).then_some(end - 1));
        if next == 0 {
            break;
        }
        from = end;
    }
    assert_eq!(released, [7, 57, 107, 157, 207]);
    assert!(windows.iter().all(|window| window.word(0) == 0));
    // One that begins behind the table.
    let answer = processes[0].command(host, command::RELEASE_ALL, 1, usize::MAX);
    assert_eq!(answer.get_success_2_u32(), Some((0, 0)));
}

/// The end of a run is so many calls, too, among which what another process holds stays.
#[test]
fn the_end_of_a_run_is_so_many_calls() {
    let (host, processes, windows) = host();
    for index in 0..MOST {
        let process = &processes[index % 2];
        claim(host, process, &label(index)).unwrap();
        windows[index].set_word(0, 1);
    }
    processes[1].terminate();
    host.process_gone(processes[1].id());
    let held = || windows.iter().filter(|window| window.word(0) == 1).count();
    for ended in 0..MOST / 2 {
        assert_eq!(held(), MOST - ended);
        assert!(DeferredCall::service_next_later_call().is_some());
    }
    assert_eq!(held(), MOST / 2);
    assert!(DeferredCall::service_next_later_call().is_none());
    // Of a run that held nothing.
    processes[1].restart();
    host.process_gone(processes[1].id());
    let calls = core::iter::from_fn(DeferredCall::service_next_later_call).count();
    assert_eq!((calls, held()), (MOST / PIECE, MOST / 2));
}
