//! What starts when the supervisor begins, and what it does when it fails again and again.

use std::string::{String, ToString};
use std::vec::Vec;

use berth_protocol::{Happening, ImageHash, Parameters, Restart, State};

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

#[test]
fn a_container_that_kills_the_supervisor_at_every_boot_leads_to_safe_mode() {
    let fake = Fake::default();
    let stored = [
        ("good", SLEEPER, parameters(Some(true), None)),
        ("killer", SLEEPER, parameters(Some(true), POLICY)),
    ];
    for _ in 0..3 {
        let mut containers = begin(&fake, &stored);
        assert_eq!(active(&containers), ["good", "killer"]);
        for _ in 0..4 {
            let now = fake.0.now_us.get() + 1_000_000;
            fake.0.now_us.set(now);
            containers.run_one();
        }
        // It fails in the middle of the killer's slice.
        let killer = containers.get(1).unwrap().tag();
        super::notes::note_running(&fake, killer);
        fake.fail();
    }
    let mut containers = begin(&fake, &stored);
    assert!(containers.before().safe_mode);
    assert!(active(&containers).is_empty());
    let suspects: Vec<_> = containers
        .iter()
        .filter(|(_, container)| containers.before().suspects(container.tag()))
        .map(|(slot, _)| slot)
        .collect();
    assert_eq!(suspects, [1]);
    assert_eq!(containers.start(0), Err(Refused::SafeMode));
    assert_eq!(containers.get(0).unwrap().state(), State::Stored);
    // The operator can delete it.
    containers.remove(1).unwrap();
    assert!(containers.find("killer").is_none());
}
