//! How long the flash lasts, whatever containers do: computed, and lived through.

use std::println;
use std::vec::Vec;

use berth_flash::Simulated;
use berth_protocol::{ImageHash, Parameters, Restart, State};

use super::belongings::Change;
use super::budget::WRITES_DEFAULT;
use super::storage::{ImageStore, image_key, saved_key};
use super::test_device::Device;
use super::{CONTAINERS_MAX, Containers, Shared};
use crate::fake::Fake;

/// Pages of the reference part's store, and erases that a page of it is promised for.
const PAGES: usize = 128;
const ERASES: u64 = 10_000;

/// A day in microseconds.
const DAY_US: u64 = 86_400_000_000;

/// Years until the most worn page of a store, so many of whose pages are full of images, has reached its end, if each
/// container has its state written as often as its budget lets it.
fn years(full: usize) -> u64 {
    const DAYS: u64 = 150;
    let mut store: ImageStore<Simulated> = ImageStore::mount(Simulated::new(PAGES)).unwrap();
    for slot in 0..CONTAINERS_MAX {
        let pages = full / CONTAINERS_MAX;
        let image = std::vec![slot as u8; pages * 4096];
        store
            .begin(image.len() as u32, &ImageHash::of(&image).0, &[])
            .unwrap();
        store.write(0, &image).unwrap();
        store.commit(image_key(slot), None).unwrap();
    }
    for day in 0..DAYS {
        for number in 0..WRITES_DEFAULT {
            for slot in 0..CONTAINERS_MAX {
                let state = [(day as u8) ^ (number as u8), slot as u8].repeat(512);
                store.put(saved_key(slot), &[], &state).unwrap();
            }
        }
    }
    let most = u64::from(store.wear().most);
    println!("{full} of {PAGES} pages full: {most} erases in {DAYS} days");
    ERASES * DAYS / most / 365
}

#[test]
fn the_flash_lasts_ten_years_whatever_containers_save() {
    for full in [16, 64, 96] {
        let years = years(full);
        println!("{full} pages full: {years} years");
        assert!(years >= 10, "{years} years with {full} pages full");
    }
}

/// Saves something else each time, and ends.
const SAVES_AND_EXITS: &str = r#"(module
  (import "berth" "state_load" (func $load (param i32 i32) (result i32)))
  (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
  (memory (export "memory") 16 (pagesize 1))
  (func (export "_start")
    (drop (call $load (i32.const 0) (i32.const 4)))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (drop (call $save (i32.const 0) (i32.const 4)))))"#;

/// Saves the same each time, and faults.
const SAVES_THE_SAME_AND_FAULTS: &str = r#"(module
  (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
  (memory (export "memory") 16 (pagesize 1))
  (func (export "_start")
    (drop (call $save (i32.const 0) (i32.const 16)))
    unreachable))"#;

impl Device {
    fn with_flash() -> Self {
        let fake = Fake::default();
        fake.0.flash.replace(Some(Simulated::new(64)));
        Self::on(fake)
    }

    /// Store a container that is started again whenever it ends, with this budget.
    fn store_restarting(&mut self, name: &str, wat: &str, writes: Option<u16>) -> usize {
        let parameters = Parameters {
            restart: Some(Restart::Always { backoff_ms: 0 }),
            writes,
            ..Parameters::default()
        };
        self.store_with(name, &wat::parse_str(wat).unwrap(), parameters)
    }

    /// Let time pass. Returns how often what the store has of a container's state changed.
    fn live(&mut self, slot: usize, us: u64) -> u64 {
        let end = self.fake.0.now_us.get() + us;
        let mut writes = 0;
        let mut before = self.stored(slot);
        while self.fake.0.now_us.get() < end {
            let busy = self.containers.run_one();
            let now = self.stored(slot);
            writes += u64::from(now != before);
            before = now;
            if !busy {
                let wake = self.containers.next_wake().unwrap_or(end);
                self.fake.0.now_us.set(wake.min(end));
            }
        }
        writes
    }

    fn stored(&self, slot: usize) -> Vec<u8> {
        let store = self.containers.images().flash().unwrap();
        store
            .get(saved_key(slot))
            .map_or_else(Vec::new, |object| object.bytes.to_vec())
    }
}

/// What was reported: 120 writes a minute, chosen by a package.
#[test]
fn a_container_that_saves_and_ends_for_ever_has_its_budget_of_writes() {
    for (writes, a_day) in [
        (None, u64::from(WRITES_DEFAULT)),
        (Some(3), 3),
        (Some(0), 0),
    ] {
        let mut device = Device::with_flash();
        let slot = device.store_restarting("it", SAVES_AND_EXITS, writes);
        device.containers.start(slot).unwrap();
        // Five minutes apart at most, so that the budget and not the back-off is what bounds it.
        let first = device.live(slot, DAY_US);
        assert!((a_day..=2 * a_day).contains(&first), "{writes:?}: {first}");
        let next = device.live(slot, 10 * DAY_US);
        assert!(next <= 10 * a_day + 1, "{writes:?}: {next}");
        assert!(next + 1 >= 10 * a_day, "{writes:?}: {next}");
        // The last state is the one that counts: it is in memory, and the operator's stop stores it.
        let saved = |device: &Device| {
            let shared = &device.containers.shared;
            shared.with_saved(slot, |saved| saved.bytes().to_vec())
        };
        if device.containers.get(slot).unwrap().state() != State::Stopped {
            device.containers.stop(slot).unwrap();
        }
        assert_eq!(device.stored(slot), saved(&device), "{writes:?}");
    }
}

/// A reset is no way to a new budget.
#[test]
fn each_reset_gives_a_container_one_write() {
    let mut device = Device::with_flash();
    let slot = device.store_restarting("it", SAVES_AND_EXITS, None);
    device.containers.start(slot).unwrap();
    device.live(slot, DAY_US);
    for _ in 0..20 {
        // The flash is what it was, the clock begins anew.
        let Device { fake, containers } = device;
        drop(containers);
        fake.0.now_us.set(0);
        let containers = Containers::new(Shared::new(fake.clone()).into());
        device = Device { fake, containers };
        device.containers.start(slot).unwrap();
        let writes = device.live(slot, 3_600_000_000);
        assert_eq!(writes, 1);
    }
}

#[test]
fn what_waits_for_its_budget_is_written_when_there_is_one_or_a_larger_one() {
    let mut device = Device::with_flash();
    let slot = device.store_restarting("it", SAVES_AND_EXITS, Some(1));
    device.containers.start(slot).unwrap();
    assert_eq!(device.live(slot, 3_600_000_000), 1);
    let waiting = device.stored(slot);
    // It is not started any more, and its last state is not forgotten.
    let no = Parameters {
        restart: Some(Restart::No),
        ..Parameters::default()
    };
    device
        .containers
        .edit(slot, no, Change::default(), false)
        .unwrap();
    device.live(slot, 3_600_000_000);
    assert_eq!(device.stored(slot), waiting);
    let writes = Parameters {
        writes: Some(5),
        ..Parameters::default()
    };
    device
        .containers
        .edit(slot, writes, Change::default(), false)
        .unwrap();
    assert_eq!(device.live(slot, 1_000_000), 1);
    assert_ne!(device.stored(slot), waiting);
}

#[test]
fn a_state_that_has_not_changed_is_not_written_again() {
    let mut device = Device::with_flash();
    let slot = device.store_restarting("it", SAVES_THE_SAME_AND_FAULTS, Some(u16::MAX));
    device.containers.start(slot).unwrap();
    device.live(slot, 10_000_000);
    let wear = |device: &Device| {
        let store = device.containers.images().flash().unwrap();
        (store.wear().total, store.space().free)
    };
    let before = wear(&device);
    let restarts = device.containers.get(slot).unwrap().restarts().total;
    assert_eq!(device.live(slot, DAY_US), 0);
    assert_eq!(wear(&device), before);
    let after = device.containers.get(slot).unwrap().restarts().total;
    assert!(after > restarts + 100, "{after}");
}

#[test]
fn a_container_that_ends_at_once_is_started_less_and_less_often() {
    let mut device = Device::with_flash();
    let slot = device.store_restarting("it", SAVES_AND_EXITS, None);
    device.containers.start(slot).unwrap();
    device.live(slot, DAY_US);
    let restarts = device.containers.get(slot).unwrap().restarts().total;
    // A day has 288 times five minutes.
    assert!((280..=310).contains(&restarts), "{}", restarts.to_string());
}
