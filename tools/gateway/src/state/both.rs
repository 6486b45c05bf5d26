//! The tests of the state, with each database: what holds with one holds with the other.

#[path = "../../tests/support/postgres.rs"]
mod server;

use super::{
    By, NewEntry, State, Use, Whose, audit::tests as audit, devices::tests as devices,
    fleet::tests as fleet, keys::tests as keys, rollouts::tests as rollouts,
    wasmico::tests as wasmico,
};
use crate::Error;
use server::Postgres;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// All of them.
const TESTS: [fn(&mut Fresh); 11] = [
    audit::nothing_of_it_is_changed_or_deleted,
    audit::whoever_goes_round_the_gateway_is_found_out,
    audit::what_a_caller_chose_is_written_whatever_it_is,
    devices::the_first_is_the_default_until_another_is_said_to_be,
    devices::a_path_of_the_gateway_is_no_name,
    devices::no_two_sets_say_what_the_same_container_is,
    fleet::what_was_done_to_a_device_is_told_and_which_containers_are_a_sets,
    keys::a_key_is_known_by_its_secret_alone_and_not_kept,
    keys::a_revoked_key_is_nobodys_and_its_name_stays_taken,
    rollouts::a_rollout_goes_from_stage_to_stage_once_each_whoever_says_so,
    wasmico::numbers_are_those_of_one_image,
];

/// Makes states that are empty.
#[derive(Default)]
pub(super) struct Fresh {
    folders: Vec<TempDir>,
    server: Option<Postgres>,
}

impl Fresh {
    pub(super) fn state(&mut self) -> State {
        let folder = tempfile::tempdir().unwrap();
        let number = self.folders.len();
        let state = match &self.server {
            None => State::open(folder.path()).unwrap(),
            Some(server) => shared(&server.database(&format!("state{number}")), folder.path()),
        };
        self.folders.push(folder);
        state
    }

    /// With these devices, which are this gateway's.
    pub(super) fn owning(&mut self, devices: &[&str]) -> State {
        let state = self.fresh_with(devices);
        if let Some(leases) = state.leases() {
            leases.turn("http://here", |_| Use::Idle).unwrap();
        }
        state
    }

    fn fresh_with(&mut self, devices: &[&str]) -> State {
        let state = self.state();
        for device in devices {
            let address = format!("unix:/{device}");
            let added = state.add_device(device, &address, &[], false, By::COMMAND);
            added.unwrap();
        }
        state
    }
}

const LEASE: Duration = Duration::from_secs(1);

fn shared(url: &str, folder: &Path) -> State {
    State::open_shared(folder, url, None, LEASE).unwrap()
}

#[test]
fn all_of_them_in_sqlite() {
    for test in TESTS {
        test(&mut Fresh::default());
    }
}

#[test]
fn all_of_them_in_postgresql() {
    let mut fresh = Fresh {
        server: Some(Postgres::new()),
        ..Fresh::default()
    };
    for test in TESTS {
        test(&mut fresh);
    }
    a_newer_format_is_left_alone(&mut fresh);
    who_has_lost_a_device_writes_nothing_of_it(&mut fresh);
    what_was_not_answered_was_not_done_or_whole(&mut fresh);
}

fn a_newer_format_is_left_alone(fresh: &mut Fresh) {
    let url = fresh.server.as_ref().unwrap().database("newer");
    let folder = tempfile::tempdir().unwrap();
    let state = shared(&url, folder.path());
    let newer = "INSERT INTO berth_format (number) VALUES (1000)";
    state.change(|sql| sql.run(newer, vec![])).unwrap();
    let refused = State::open_shared(folder.path(), &url, None, LEASE).unwrap_err();
    assert!(matches!(refused, Error::NewerState { found: 1000, .. }));
}

/// Two gateways by hand: the second one takes a device of the first, which does not know it yet.
fn who_has_lost_a_device_writes_nothing_of_it(fresh: &mut Fresh) {
    let url = fresh.server.as_ref().unwrap().database("lost");
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| shared(&url, folder.path()));
    let turn = |state: &State| {
        let leases = state.leases().unwrap();
        leases.turn("http://there", |_| Use::Idle).unwrap()
    };
    let fence = |state: &State| match state.leases().unwrap().whose("a") {
        Whose::Mine(fence) => Some(fence),
        Whose::Elsewhere(_) => None,
    };
    first
        .add_device("a", "unix:/a", &[], false, By::COMMAND)
        .unwrap();
    assert!(turn(&first));
    let held = fence(&first).unwrap();
    assert!(held.holds());
    let placed = [("lamp".to_owned(), "00".to_owned(), "stored")];
    let write = |state: &State| state.note_placed("a", &placed, &BTreeMap::new());
    write(&first).unwrap();

    // As long as the first one beats, it has the device, however often the second one looks.
    let began = Instant::now();
    while began.elapsed() < LEASE * 2 {
        turn(&first);
        turn(&second);
        assert!(fence(&second).is_none());
        std::thread::sleep(LEASE / 10);
    }
    assert!(matches!(write(&second), Err(Error::LeaseLost(_))));

    // It stands still; before the other one has the device, its own fence has fallen.
    while fence(&second).is_none() {
        turn(&second);
        std::thread::sleep(LEASE / 10);
    }
    assert!(!held.holds());
    assert!(matches!(write(&first), Err(Error::LeaseLost(_))));
    let entry = NewEntry {
        device: "a",
        outcome: "asked",
        ..NewEntry::default()
    };
    assert!(matches!(
        first.audit_before(entry),
        Err(Error::LeaseLost(_))
    ));
    write(&second).unwrap();
    assert_eq!(second.history(None, 10).unwrap().len(), 2);

    // It goes on, finds that it was taken out, and begins anew with nothing.
    turn(&first);
    assert!(fence(&first).is_none() && !held.holds());
    second.leases().unwrap().end().unwrap();
    assert!(fence(&second).is_none() && !turn(&second));
    assert!(turn(&first), "what is given back is free at once");
    write(&first).unwrap();
}

/// The server is killed while somebody writes, again and again.
fn what_was_not_answered_was_not_done_or_whole(fresh: &mut Fresh) {
    let url = fresh.server.as_ref().unwrap().database("killed");
    let folder = tempfile::tempdir().unwrap();
    let state = shared(&url, folder.path());
    let stop = AtomicBool::new(false);
    let mut answered = Vec::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut answered = Vec::new();
            let mut number = 0;
            while !stop.load(Ordering::SeqCst) {
                let name = format!("d{number}");
                number += 1;
                match state.add_device(&name, "unix:/x", &["all".into()], false, By::COMMAND) {
                    Ok(()) => answered.push(name),
                    Err(Error::Database { .. }) => std::thread::sleep(Duration::from_millis(20)),
                    Err(error) => panic!("{error}"),
                }
            }
            answered
        });
        let server = fresh.server.as_mut().unwrap();
        for pause in [3, 50, 211] {
            std::thread::sleep(Duration::from_millis(pause));
            server.kill();
            server.start();
        }
        std::thread::sleep(Duration::from_secs(2));
        stop.store(true, Ordering::SeqCst);
        answered = writer.join().unwrap();
    });
    let devices = state.devices().unwrap();
    // Each has its group and its entry, and what was answered is there.
    assert!(devices.iter().all(|device| device.groups == ["all"]));
    assert_eq!(state.audit_verify().unwrap(), devices.len() as i64);
    for name in &answered {
        assert!(devices.iter().any(|device| device.name == *name), "{name}");
    }
    assert!(!answered.is_empty());
}
