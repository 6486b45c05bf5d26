//! Sets of containers: rolled out in stages, stopped by what fails, taken back, kept as they are to be.

mod support;

use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use support::{Board, ENDLESS, Gateway, board::Does, command, done, module, wait_until};

/// Writes a line, and sleeps for ever.
const SAYS_READY: &str = r#"(module
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "now ready")
  (func (export "_start")
    (call $log (i32.const 2) (i32.const 0) (i32.const 9))
    (loop $a (call $sleep (i64.const 1000)) (br $a))))"#;

/// Ends with a fault at once.
const FAULTS: &str = r#"(module (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (unreachable)))"#;

/// Ends with a fault after four seconds: its trial on the device is over by then.
const FAULTS_LATER: &str = r#"(module
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (call $sleep (i64.const 4000000)) unreachable))"#;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

struct Street {
    boards: Vec<Board>,
    gateway: Gateway,
    folder: tempfile::TempDir,
}

impl Street {
    fn new() -> Self {
        let boards: Vec<_> = NAMES.iter().map(|_| Board::new()).collect();
        let state = tempfile::tempdir().unwrap();
        for (name, board) in NAMES.iter().zip(&boards) {
            let words = ["device", "add", name, &board.address(), "--group", "street"];
            done(state.path(), &words);
        }
        let gateway = Gateway::start(state, &["--check-every", "1", "--rate", "1000"]);
        Self {
            boards,
            gateway,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self, image: &str, rollout: &str) -> String {
        fs::write(self.folder.path().join("lamp.wasm"), module(image)).unwrap();
        let file = self.folder.path().join("fleet.toml");
        let text = format!(
            "[set.lamps]\ngroups = [\"street\"]\n\
             [set.lamps.containers.lamp]\nimage = \"lamp.wasm\"\nparameters = {{ share = 7, configuration = {{ period_ms = \"500\" }} }}\n\
             [set.lamps.rollout]\n{rollout}\n"
        );
        fs::write(&file, text).unwrap();
        file.to_string_lossy().into_owned()
    }

    /// Rolls an image out, and returns the number of the roll-out.
    fn apply(&self, image: &str, rollout: &str) -> i64 {
        let file = self.file(image, rollout);
        let said = done(self.gateway.state.path(), &["fleet", "apply", &file]);
        let (_, id) = said.rsplit_once(' ').unwrap();
        id.parse().unwrap_or_else(|_| panic!("{said}"))
    }

    fn rollout(&self, id: i64) -> Value {
        let path = format!("/v1/fleet/rollouts/{id}");
        self.gateway.client().get(&path).json()
    }

    fn ends(&self, id: i64, state: &str) -> Value {
        wait_until(&format!("roll-out {id} is {state}"), || {
            let now = self.rollout(id)["state"].clone();
            let ended = now == "done" || now == "stopped" || now == "aborted";
            assert!(!ended || now == state, "{}", self.rollout(id));
            now == state
        });
        self.rollout(id)
    }

    /// The hash of the image that each device has, and whether it runs.
    fn lamps(&self) -> Vec<(String, String)> {
        let http = self.gateway.client();
        let lamp = |name: &&str| {
            let found = http
                .get(&format!("/v1/devices/{name}/containers/lamp"))
                .json();
            let word = |key: &str| found[key].as_str().unwrap_or("none").to_owned();
            (word("sha256"), word("state"))
        };
        NAMES.iter().map(lamp).collect()
    }

    fn all_run_the_same(&self) -> Option<String> {
        let lamps = self.lamps();
        let (first, _) = &lamps[0];
        lamps
            .iter()
            .all(|(sha256, state)| sha256 == first && state == "running")
            .then(|| first.clone())
    }
}

const FAST: &str = "stages = [\"1\", \"50%\"]\nwatch_s = 1";

#[test]
fn a_good_image_goes_through_its_stages_to_all_and_what_drifts_is_set_right() {
    let street = Street::new();
    let id = street.apply(
        SAYS_READY,
        &format!("{FAST}\nlogs = {{ lamp = \"ready\" }}"),
    );
    let report = street.ends(id, "done");
    assert_eq!(
        (&report["stages"], &report["previous"]),
        (&json!(3), &json!(0))
    );
    let stages: Vec<_> = report["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| {
            (
                device["stage"].as_i64().unwrap(),
                device["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(stages, [(0, "good"), (1, "good"), (2, "good"), (2, "good")]);
    assert!(street.all_run_the_same().is_some(), "{:?}", street.lamps());
    let http = street.gateway.client();
    let history = http.get("/v1/fleet/history?device=c").json();
    assert_eq!(
        (&history[0]["what"], &history[0]["set"]),
        (&json!("stored"), &json!("lamps"))
    );

    // The same again is nothing to be done.
    let file = street.file(
        SAYS_READY,
        &format!("{FAST}\nlogs = {{ lamp = \"ready\" }}"),
    );
    let again = done(street.gateway.state.path(), &["fleet", "apply", &file]);
    assert!(again.contains("holds already"), "{again}");

    // Somebody stops one, deletes another, and changes the third and the fourth.
    let post = |path: &str| http.send("POST", path, "", b"").status;
    assert_eq!(post("/v1/devices/a/containers/lamp/stop"), 204);
    let gone = http.send(
        "DELETE",
        "/v1/devices/b/containers/lamp?force=true",
        "",
        b"",
    );
    assert_eq!(gone.status, 204);
    let edit = br#"{"parameters":{"share":50}}"#;
    let path = "/v1/devices/c/containers/lamp";
    assert_eq!(
        http.send("PATCH", path, "application/json", edit).status,
        204
    );
    let edit = br#"{"parameters":{"configuration":{"period_ms":"7","other":"1"}}}"#;
    let fourth = "/v1/devices/d/containers/lamp";
    let changed = http.send("PATCH", fourth, "application/json", edit);
    assert_eq!(changed.status, 204);
    wait_until("all is as it is to be", || {
        let share = http.get(path).json()["parameters"]["share"].clone();
        let configuration = http.get(fourth).json()["configuration"].clone();
        // What the set does not name is left as it is.
        street.all_run_the_same().is_some()
            && share == 7
            && configuration == json!({ "other": "1", "period_ms": "500" })
    });
    let drift = http.get("/v1/fleet/sets/lamps/drift").json();
    let drift = drift.as_array().unwrap();
    assert!(
        drift.len() == 4 && drift.iter().all(|device| device["state"] == "same"),
        "{drift:?}"
    );

    // What is no part of it any more is removed.
    let text =
        "[set.lamps]\ngroups = [\"street\"]\n[set.lamps.rollout]\nstages = []\nwatch_s = 0\n";
    let file = street.folder.path().join("none.toml");
    fs::write(&file, text).unwrap();
    done(
        street.gateway.state.path(),
        &["fleet", "apply", &file.to_string_lossy()],
    );
    wait_until("the lamps are gone", || {
        street.lamps().iter().all(|(_, state)| state == "none")
    });
}

#[test]
fn a_bad_image_stops_by_itself_and_leaves_the_fleet_as_it_was() {
    let street = Street::new();
    let first = street.apply(ENDLESS, FAST);
    street.ends(first, "done");
    let before = street.all_run_the_same().unwrap();
    for (bad, says) in [(FAULTS, "unreachable"), (FAULTS_LATER, "faulted")] {
        let heard: Vec<_> = street
            .boards
            .iter()
            .map(|board| board.heard("UpdateBegin"))
            .collect();
        let id = street.apply(bad, "stages = [\"1\", \"50%\"]\nwatch_s = 8");
        let report = street.ends(id, "stopped");
        assert!(report["why"].as_str().unwrap().contains(says), "{report}");
        wait_until("the fleet is as it was", || {
            street.all_run_the_same().as_ref() == Some(&before)
                && street.rollout(id)["devices"][0]["state"] == "back"
        });
        let report = street.rollout(id);
        let others = report["devices"].as_array().unwrap().iter().skip(1);
        assert!(
            others.clone().all(|device| device["state"] == "waiting"),
            "{report}"
        );
        for (board, before) in street.boards.iter().zip(heard).skip(1) {
            assert_eq!(board.heard("UpdateBegin"), before, "{says}");
        }
    }
    let audit = street.gateway.audit();
    let stopped = audit
        .iter()
        .filter(|(action, ..)| action == "rollout stopped");
    assert_eq!(stopped.count(), 2, "{audit:?}");
}

#[test]
fn a_rollout_waits_goes_on_and_is_taken_back_and_another_must_wait_for_it() {
    let street = Street::new();
    let first = street.apply(ENDLESS, FAST);
    street.ends(first, "done");
    let before = street.all_run_the_same().unwrap();
    let id = street.apply(SAYS_READY, "stages = [\"1\"]\nwatch_s = 1000");
    wait_until("the first device has it", || {
        street.rollout(id)["devices"][0]["state"] == "updated"
    });
    let file = street.file(FAULTS, FAST);
    let state = street.gateway.state.path();
    let busy = command(state, &["fleet", "apply", &file]);
    assert_eq!(busy.status.code(), Some(1), "{busy:?}");
    let number = id.to_string();
    done(state, &["fleet", "pause", &number]);
    assert_eq!(street.rollout(id)["state"], "paused");
    assert_eq!(
        command(state, &["fleet", "pause", &number]).status.code(),
        Some(1)
    );
    done(state, &["fleet", "resume", &number]);
    let http = street.gateway.client();
    let aborted = http.send("POST", &format!("/v1/fleet/rollouts/{id}/abort"), "", b"");
    assert_eq!(aborted.status, 204, "{aborted:?}");
    wait_until("the fleet is as it was", || {
        street.all_run_the_same().as_ref() == Some(&before)
    });
    assert_eq!(street.rollout(id)["state"], "aborted");
    // Who may not sees and changes nothing of it.
    let viewer = street.gateway.client_of("viewer", &["--role", "view"]);
    assert_eq!(viewer.get("/v1/fleet/rollouts").status, 200);
    assert_eq!(
        viewer
            .send("POST", &format!("/v1/fleet/rollouts/{id}/abort"), "", b"")
            .status,
        403
    );
    let scoped = street
        .gateway
        .client_of("scoped", &["--role", "operate", "--device", "a"]);
    assert_eq!(scoped.get("/v1/fleet/sets").status, 403);
}

#[test]
fn a_line_that_the_old_image_wrote_passes_no_stage() {
    let street = Street::new();
    let gate = "stages = [\"1\"]\nwatch_s = 0\nlogs = { lamp = \"ready\" }";
    let good = street.apply(SAYS_READY, gate);
    street.ends(good, "done");
    let silent = street.apply(ENDLESS, gate);
    wait_until("the first has it", || {
        let devices = street.rollout(silent)["devices"].clone();
        devices.to_string().contains("updated")
    });
    std::thread::sleep(Duration::from_secs(3));
    let now = street.rollout(silent);
    assert_eq!(
        (&now["state"], &now["stage"]),
        (&json!("running"), &json!(0)),
        "{now}"
    );
}

#[test]
fn who_is_no_more_holds_nothing_up_and_a_set_of_nobody_holds_at_once() {
    let street = Street::new();
    street.boards[3].set(Does::Pulled);
    let id = street.apply(ENDLESS, "stages = [\"1\"]\nwatch_s = 3");
    done(street.gateway.state.path(), &["device", "remove", "b"]);
    street.ends(id, "done");
    let http = street.gateway.client();
    let nobody = json!({ "groups": ["later"], "containers": {} }).to_string();
    let applied = http.send(
        "PUT",
        "/v1/fleet/sets/later",
        "application/json",
        nobody.as_bytes(),
    );
    street.ends(applied.json()["rollout"].as_i64().unwrap(), "done");
}

/// As after a gateway that was killed between what it did and its note.
#[test]
fn what_is_found_as_it_is_to_be_is_the_sets_from_then_on() {
    let street = Street::new();
    let http = street.gateway.client();
    let image = module(ENDLESS);
    let there = "/v1/devices/a/containers/lamp?start=true&share=7&configuration=period_ms%3D500";
    let put = http.send("PUT", there, "application/wasm", &image);
    assert_eq!(put.status, 200, "{put:?}");
    let id = street.apply(ENDLESS, FAST);
    street.ends(id, "done");
    let history = http.get("/v1/fleet/history?device=a").json();
    assert_eq!(history[0]["container"], "lamp", "{history}");
    let nothing = json!({ "groups": ["street"], "containers": {} }).to_string();
    let applied = http.send(
        "PUT",
        "/v1/fleet/sets/lamps",
        "application/json",
        nothing.as_bytes(),
    );
    assert_eq!(applied.status, 200, "{applied:?}");
    wait_until("nobody has it", || {
        street.lamps().iter().all(|(sha256, _)| sha256 == "none")
    });
}

/// Nobody could put it back.
#[test]
fn a_container_of_no_set_is_not_taken_over() {
    let street = Street::new();
    let http = street.gateway.client();
    let there = "/v1/devices/a/containers/lamp?start=true";
    let put = http.send("PUT", there, "application/wasm", &module(SAYS_READY));
    assert_eq!(put.status, 200, "{put:?}");
    let before = street.lamps();
    let id = street.apply(ENDLESS, FAST);
    let report = street.ends(id, "stopped");
    assert!(report.to_string().contains("of no set"), "{report}");
    wait_until("all is as it was", || street.lamps() == before);
}

#[test]
fn who_is_away_gets_it_when_he_comes_back() {
    let street = Street::new();
    street.boards[1].set(Does::Pulled);
    wait_until("b is away", || {
        street.gateway.client().get("/v1/devices/b").json()["state"] == "away"
    });
    let id = street.apply(ENDLESS, FAST);
    let report = street.ends(id, "done");
    assert_eq!(report["devices"][1]["state"], "waiting", "{report}");
    street.boards[1].set(Does::Pass);
    wait_until("b has it", || street.all_run_the_same().is_some());
}

#[test]
fn a_gateway_that_is_killed_goes_on_where_it_was_and_does_nothing_twice() {
    let mut street = Street::new();
    let id = street.apply(ENDLESS, "stages = [\"1\", \"50%\"]\nwatch_s = 2");
    for round in 0..3 {
        std::thread::sleep(Duration::from_millis(300 + 500 * round));
        let nothing = Gateway::start(tempfile::tempdir().unwrap(), &[]);
        let state = std::mem::replace(&mut street.gateway, nothing).kill();
        let next = Gateway::start(state, &["--check-every", "1", "--rate", "1000"]);
        let key = done(
            next.state.path(),
            &["key", "add", &format!("k{round}"), "--role", "admin"],
        );
        street.gateway = next;
        street.gateway.first_key = Some(key);
    }
    street.ends(id, "done");
    assert!(street.all_run_the_same().is_some());
    for board in &street.boards {
        assert_eq!(board.heard("UploadCommit"), 1, "one image, once");
        assert_eq!(board.heard("Start"), 1);
    }
}

#[test]
fn a_set_that_makes_no_sense_is_refused_whole() {
    let street = Street::new();
    let state = street.gateway.state.path();
    let folder = street.folder.path();
    fs::write(folder.join("lamp.wasm"), module(ENDLESS)).unwrap();
    let says = |text: &str, what: &str| {
        let file = folder.join("wrong.toml");
        fs::write(&file, text).unwrap();
        let refused = command(state, &["fleet", "apply", &file.to_string_lossy()]);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            matches!(refused.status.code(), Some(1 | 2)),
            "{text}: {error}"
        );
        assert!(error.contains(what), "{text}: {error}");
    };
    let lamp = "[set.l.containers.lamp]\nimage = \"lamp.wasm\"\n";
    says("[set.l]\n", "is for no devices");
    says("[set.l]\ngroups = [\"street\"]\ncolour = 1\n", "colour");
    says("[set.l]\ndevices = [\"nobody\"]\n", "nobody");
    says(
        &format!("[set.l]\ngroups = [\"street\"]\n{lamp}start = 1\n"),
        "start",
    );
    says(
        &format!("[set.l]\ngroups = [\"street\"]\n{lamp}parameters = {{ restart = \"never\" }}\n"),
        "restart",
    );
    says(
        &format!("[set.l]\ngroups = [\"street\"]\n{lamp}[set.l.rollout]\nstages = [\"some\"]\n"),
        "some",
    );
    says(
        &format!(
            "[set.l]\ngroups = [\"street\"]\n{lamp}[set.l.rollout]\nlogs = {{ pump = \"x\" }}\n"
        ),
        "pump",
    );
    says(
        "[set.l]\ngroups = [\"street\"]\n[set.l.containers.lamp]\nimage = \"none.wasm\"\n",
        "none.wasm",
    );
    says(
        "[set.l]\ngroups = [\"street\"]\n[set.l.containers.\"a b\"]\nimage = \"lamp.wasm\"\n",
        "a b",
    );
    assert_eq!(done(state, &["fleet", "sets", "--json"]), "[]");

    // Two sets want the same container on one device.
    let two = format!(
        "[set.l]\ngroups = [\"street\"]\n{lamp}[set.m]\ndevices = [\"a\"]\n[set.m.containers.lamp]\nimage = \"lamp.wasm\"\n"
    );
    says(&two, "is of set l");
    assert!(Path::new(&folder.join("wrong.toml")).exists());
}
