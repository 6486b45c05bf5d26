//! What starts when the supervisor begins, and what it does when it fails again and again.

use std::string::{String, ToString};
use std::vec::Vec;

use berth_flash::Simulated;
use berth_protocol::{Happening, ImageHash, Parameters, Restart, State, Update};

use super::belongings::Change;
use super::notes::on_behalf;
use super::{Containers, Name, Refused, Shared};
use crate::fake::Fake;

const SLEEPER: &str = r#"(module
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (func (export "_start") (loop $l (call $sleep (i64.const 1000)) (br $l))))"#;

const CLAIMER: &str = r#"(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (func (export "_start")
    (drop (call $claim)) (loop $l (call $sleep (i64.const 1000)) (br $l))))"#;

const POLICY: Option<Restart> = Some(Restart::OnFailure {
    limit: 3,
    backoff_ms: 100,
});

/// The containers that a store would bring back: names, programs and parameters.
type Stored = [(&'static str, &'static str, Parameters)];

/// A run of the supervisor: with these containers, after the boot list was gone through.
fn begin(fake: &Fake, stored: &Stored) -> Containers<Fake> {
    let mut containers = Containers::new(Shared::new(fake.clone()).into());
    for (name, wat, parameters) in stored {
        // With flash those of the run before are there.
        if containers.find(name).is_some() {
            continue;
        }
        let image = wat::parse_str(wat).unwrap();
        containers
            .store(
                Name::new(name).unwrap(),
                image,
                ImageHash([0; 32]),
                *parameters,
            )
            .unwrap();
    }
    while containers.start_at_boot() {}
    containers
}

fn active(containers: &Containers<Fake>) -> Vec<String> {
    containers
        .iter()
        .filter(|(_, container)| container.state() == State::Running)
        .map(|(_, container)| container.name().to_string())
        .collect()
}

fn parameters(boot: Option<bool>, restart: Option<Restart>) -> Parameters {
    Parameters {
        boot,
        restart,
        ..Parameters::default()
    }
}

fn slot(containers: &Containers<Fake>, name: &str) -> usize {
    containers.find(name).unwrap()
}

#[test]
fn at_power_on_the_boot_list_starts_and_nothing_else() {
    let fake = Fake::default();
    let stored = [
        ("plain", SLEEPER, parameters(None, None)),
        ("boots", SLEEPER, parameters(Some(true), None)),
        ("policy", SLEEPER, parameters(None, POLICY)),
        ("not", SLEEPER, parameters(Some(false), POLICY)),
        ("too", SLEEPER, parameters(Some(true), POLICY)),
    ];
    let containers = begin(&fake, &stored);
    assert_eq!(active(&containers), ["boots", "too"]);
}

#[test]
fn what_was_active_and_has_a_policy_comes_back_after_a_failure() {
    let fake = Fake::default();
    let stored = [
        ("plain", SLEEPER, parameters(None, None)),
        ("policy", SLEEPER, parameters(None, POLICY)),
        ("stopped", SLEEPER, parameters(None, POLICY)),
        ("never", SLEEPER, parameters(None, POLICY)),
        ("off", SLEEPER, parameters(None, Some(Restart::No))),
    ];
    let mut containers = begin(&fake, &stored);
    for name in ["plain", "policy", "stopped", "off"] {
        let slot = slot(&containers, name);
        containers.start(slot).unwrap();
    }
    let stopped = slot(&containers, "stopped");
    containers.stop(stopped).unwrap();
    fake.fail();
    // The store brings them back in any order.
    let mut turned = stored;
    turned.reverse();
    let containers = begin(&fake, &turned);
    assert_eq!(active(&containers), ["policy"]);
    assert_eq!(containers.before().failures, 1);
    let (_, record) = containers.events().first_from(0).unwrap();
    assert_eq!(
        record.what,
        Happening::Boot {
            restarts: 1,
            safe_mode: false
        }
    );
}

#[test]
fn what_was_deleted_while_it_was_paused_was_not_active() {
    let fake = Fake::default();
    let stored = [("policy", SLEEPER, parameters(None, POLICY))];
    let mut containers = begin(&fake, &stored);
    containers.start(0).unwrap();
    containers.pause(0).unwrap();
    containers.remove(0).unwrap();
    fake.fail();
    // One of the same name was stored since, and never started.
    assert!(active(&begin(&fake, &stored)).is_empty());
}

#[test]
fn what_cannot_be_started_at_boot_is_tried_again_if_it_has_a_policy() {
    let fake = Fake::default();
    let stored = [
        ("first", CLAIMER, parameters(Some(true), None)),
        ("second", CLAIMER, parameters(Some(true), POLICY)),
        ("third", CLAIMER, parameters(Some(true), None)),
    ];
    let mut containers = begin(&fake, &stored);
    let states = |containers: &Containers<Fake>| {
        ["first", "second", "third"]
            .map(|name| containers.get(slot(containers, name)).unwrap().state())
    };
    assert_eq!(
        states(&containers),
        [
            State::Running,
            State::Restarting { count: 1 },
            State::Stored
        ]
    );
    containers.stop(0).unwrap();
    fake.0.now_us.set(1_000_000);
    containers.run_one();
    assert_eq!(
        states(&containers),
        [State::Stopped, State::Running, State::Stored]
    );
}

/// A device with flash.
fn with_flash() -> Fake {
    let fake = Fake::default();
    fake.0.flash.replace(Some(Simulated::new(64)));
    fake
}

/// The supervisor fails in the middle of the slice of `name`.
fn fails_in(fake: &Fake, mut containers: Containers<Fake>, name: &str) {
    for _ in 0..4 {
        fake.0.now_us.set(fake.0.now_us.get() + 1_000_000);
        containers.run_one();
    }
    let tag = containers.get(slot(&containers, name)).unwrap().tag();
    on_behalf(fake, tag, false, || fake.fail());
    drop(containers);
    fake.0.notes.take();
}

#[test]
fn a_container_that_makes_the_supervisor_fail_is_quarantined_at_once_and_until_the_operator_lifts_it()
 {
    let fake = with_flash();
    let stored = [
        ("good", SLEEPER, parameters(Some(true), None)),
        ("killer", SLEEPER, parameters(Some(true), POLICY)),
    ];
    let containers = begin(&fake, &stored);
    let killer = slot(&containers, "killer");
    drop(containers);
    // At the power-on after which they are in the store.
    let containers = begin(&fake, &stored);
    assert_eq!(active(&containers), ["good", "killer"]);
    fails_in(&fake, containers, "killer");
    // What was running besides goes on, and what its policy says about the killer is not asked.
    let mut containers = begin(&fake, &stored);
    assert!(!containers.before().safe_mode);
    assert_eq!(active(&containers), ["good"]);
    assert_eq!(containers.get(killer).unwrap().state(), State::Quarantined);
    let refused = Err(Refused::State(State::Quarantined));
    assert_eq!(containers.start(killer), refused);
    assert_eq!(
        containers.edit(killer, parameters(None, None), Change::default(), true),
        Ok(())
    );
    for _ in 0..10 {
        fake.0.now_us.set(fake.0.now_us.get() + 1_000_000_000);
        containers.run_one();
    }
    assert_eq!(active(&containers), ["good"]);
    // It survives whatever restarts the device, edits included.
    for failed in [false, true, false, false] {
        drop(containers);
        if failed {
            fake.fail();
        } else {
            fake.0.notes_before.take();
        }
        containers = begin(&fake, &stored);
        assert_eq!(active(&containers), ["good"]);
        assert_eq!(containers.get(killer).unwrap().state(), State::Quarantined);
        assert_eq!(containers.start(killer), refused);
        containers
            .edit(
                killer,
                parameters(Some(true), POLICY),
                Change::default(),
                false,
            )
            .unwrap();
    }
    // The operator lifts it, for good.
    containers.lift(killer).unwrap();
    containers.lift(killer).unwrap();
    assert_eq!(containers.get(killer).unwrap().state(), State::Stored);
    drop(containers);
    fake.0.notes_before.take();
    assert_eq!(active(&begin(&fake, &stored)), ["good", "killer"]);
}

#[test]
fn another_image_has_done_nothing() {
    let fake = with_flash();
    let stored = [("killer", SLEEPER, parameters(Some(true), POLICY))];
    drop(begin(&fake, &stored));
    fails_in(&fake, begin(&fake, &stored), "killer");
    let mut containers = begin(&fake, &stored);
    assert_eq!(containers.get(0).unwrap().state(), State::Quarantined);
    let image = wat::parse_str(CLAIMER).unwrap();
    let hash = ImageHash::of(&image);
    containers
        .update(0, image, hash, parameters(Some(true), POLICY), 100)
        .unwrap();
    assert_eq!(containers.get(0).unwrap().state(), State::Stored);
    drop(containers);
    fake.0.notes_before.take();
    assert_eq!(active(&begin(&fake, &stored)), ["killer"]);
}

/// The image that comes back after the failure is another one.
#[test]
fn an_image_on_trial_is_dropped_and_the_container_is_not_blamed() {
    let fake = with_flash();
    let stored = [("it", SLEEPER, parameters(Some(true), POLICY))];
    drop(begin(&fake, &stored));
    let mut containers = begin(&fake, &stored);
    let image = wat::parse_str(SLEEPER.replace("1000", "1001")).unwrap();
    let hash = ImageHash::of(&image);
    let update = containers.update(0, image, hash, parameters(None, None), 60_000);
    assert!(matches!(update, Ok(Update::Trial { .. })), "{update:?}");
    // As in its slice.
    let tag = containers.get(0).unwrap().tag();
    on_behalf(&fake, tag, true, || fake.fail());
    drop(containers);
    fake.0.notes.take();
    let containers = begin(&fake, &stored);
    assert_eq!(active(&containers), ["it"]);
    assert_eq!(
        containers.update_status(0),
        Update::RolledBack { fault: None }
    );
}

#[test]
fn failures_that_nobody_is_the_cause_of_lead_to_safe_mode() {
    let fake = with_flash();
    let stored = [("good", SLEEPER, parameters(Some(true), None))];
    for _ in 0..3 {
        let containers = begin(&fake, &stored);
        assert_eq!(active(&containers), ["good"]);
        fake.fail();
        drop(containers);
        fake.0.notes.take();
    }
    let mut containers = begin(&fake, &stored);
    assert!(containers.before().safe_mode);
    assert!(active(&containers).is_empty());
    assert_eq!(containers.start(0), Err(Refused::SafeMode));
    assert_eq!(containers.get(0).unwrap().state(), State::Stored);
    // The operator can delete it.
    containers.remove(0).unwrap();
    assert!(containers.find("good").is_none());
}
