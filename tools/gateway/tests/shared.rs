//! Several gateways at one PostgreSQL: each device is one's at a time, and what happens when a gateway, the database or a clock does
//! what it should not.

mod support;

use std::{fs, process::Command, time::Duration};
use support::{
    Board, Client, ENDLESS, Gateway, board::Does, faketime, module, postgres::Postgres, program,
    wait_until,
};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// How each gateway is started: a lease is short, so that nobody waits long, and longer than a busy computer lets a program wait.
const WORDS: [&str; 6] = ["--check-every", "1", "--rate", "1000", "--lease", "4"];
const LONGER: Duration = Duration::from_secs(5);

struct Site {
    // Ended before the database.
    gateways: Vec<Gateway>,
    boards: Vec<Board>,
    url: String,
    key: String,
    postgres: Postgres,
}

impl Site {
    fn new() -> Self {
        let postgres = Postgres::new();
        let url = postgres.database("berth");
        let boards: Vec<_> = NAMES.iter().map(|_| Board::new()).collect();
        let mut site = Self {
            gateways: Vec::new(),
            boards,
            url,
            key: String::new(),
            postgres,
        };
        for (name, board) in NAMES.iter().zip(&site.boards) {
            site.done(&["device", "add", name, &board.address(), "--group", "street"]);
        }
        site.key = site.done(&["key", "add", "operator", "--role", "admin"]);
        site
    }

    /// Runs a command of the operator's, on a computer of its own.
    fn done(&self, words: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let output = self.shared(program(folder.path())).args(words).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn shared(&self, mut command: Command) -> Command {
        command.env("BERTH_SERVE_DATABASE", &self.url);
        command
    }

    /// One more gateway, as on a computer of its own.
    fn start(&mut self, clock: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = self.shared(program(folder.path()));
        // Locks of lines are a computer's.
        command.env("TMPDIR", folder.path());
        if let Some(clock) = clock {
            command
                .env("LD_PRELOAD", faketime())
                .env("FAKETIME", clock)
                .env("DONT_FAKE_MONOTONIC", "1");
        }
        self.gateways.push(Gateway::run(folder, command, &WORDS));
    }

    fn client(&self, gateway: usize) -> Client {
        Client::new(&self.gateways[gateway].address, Some(&self.key))
    }

    /// The names of the devices that a gateway has.
    fn has(&self, gateway: usize) -> Vec<String> {
        let all = self.client(gateway).get("/v1/devices").json();
        let all = all.as_array().unwrap().iter();
        let here = all.filter(|device| device["state"] == "here");
        here.map(|device| device["name"].as_str().unwrap().to_owned())
            .collect()
    }

    fn opened(&self) -> Vec<usize> {
        let opened = |board: &Board| board.line.lock().unwrap().opened;
        self.boards.iter().map(opened).collect()
    }

    fn apply(&self, rollout: &str) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("lamp.wasm"), module(ENDLESS)).unwrap();
        let file = folder.path().join("fleet.toml");
        let text = format!(
            "[set.lamps]\ngroups = [\"street\"]\n[set.lamps.containers.lamp]\nimage = \"lamp.wasm\"\n\
             [set.lamps.rollout]\n{rollout}\n"
        );
        fs::write(&file, text).unwrap();
        self.done(&["fleet", "apply", &file.to_string_lossy()]);
    }

    /// Each device has heard of its image once.
    fn nothing_was_done_twice(&self) {
        for board in &self.boards {
            assert_eq!(board.heard("UploadCommit"), 1, "one image, once");
            assert_eq!(board.heard("Start"), 1);
        }
    }
}

#[test]
fn each_device_is_one_gateways_and_moves_when_that_one_dies_or_ends_whatever_their_clocks_say() {
    let mut site = Site::new();
    site.start(None);
    wait_until("the first has all", || site.has(0).len() == 4);
    // Its clock is a day ahead; what it beats by is not a clock.
    site.start(Some("+1d"));
    wait_until("each has its share", || {
        site.has(0).len() == 2 && site.has(1).len() == 2
    });
    let (first, second) = (site.has(0), site.has(1));
    assert!(first.iter().all(|name| !second.contains(name)));

    // Who asks the wrong one is told the right one.
    let name = &first[0];
    let elsewhere = site.client(1).get(&format!("/v1/devices/{name}")).json();
    let address = format!("http://{}", site.gateways[0].address);
    assert_eq!(
        (&elsewhere["state"], &elsewhere["at"]),
        (&"elsewhere".into(), &address.clone().into())
    );
    for answer in [
        site.client(1).get(&format!("/v1/devices/{name}/heap")),
        site.client(1)
            .send("POST", &format!("/v1/devices/{name}/reset"), "", b""),
    ] {
        assert_eq!((answer.status, &*answer.code()), (421, "device-elsewhere"));
        assert!(answer.body.contains(&address), "{answer:?}");
    }
    let page = site.client(1).get("/metrics").body;
    assert!(!page.contains(&format!("device=\"{name}\"")), "{page}");
    // For longer than a lease nobody takes anything from the other.
    let opened = site.opened();
    std::thread::sleep(LONGER);
    assert_eq!((site.has(0), site.has(1)), (first, second));
    assert_eq!(site.opened(), opened);

    drop(site.gateways.remove(0).kill());
    wait_until("the other has all", || site.has(0).len() == 4);
    site.start(None);
    wait_until("each has its share again", || {
        site.has(0).len() == 2 && site.has(1).len() == 2
    });
    // One that ends gives back what it has, and says what it has done to the end.
    site.gateways.remove(0).end();
    wait_until("the other has all again", || site.has(0).len() == 4);
    site.done(&["audit", "--verify"]);
}

#[test]
fn a_gateway_that_stands_still_uses_nothing_any_more_when_it_goes_on() {
    let mut site = Site::new();
    site.start(None);
    wait_until("the first has all", || site.has(0).len() == 4);
    site.gateways[0].signal("STOP");
    // Its lines end, as those of a computer that sleeps.
    for board in &site.boards {
        board.set(Does::Pulled);
    }
    std::thread::sleep(Duration::from_millis(100));
    for board in &site.boards {
        board.set(Does::Pass);
    }
    site.start(None);
    wait_until("the second has all", || site.has(1).len() == 4);
    // Each device is opened by the second one once more, when it gives back a share to the first, and by nobody else.
    let opened = site.opened();
    site.gateways[0].signal("CONT");
    wait_until("the first is one of two again", || {
        site.has(0).len() == 2 && site.has(1).len() == 2
    });
    let more: usize = site.opened().iter().sum::<usize>() - opened.iter().sum::<usize>();
    assert_eq!(more, 2);
}

#[test]
fn a_roll_out_goes_on_when_a_gateway_and_the_database_are_killed_in_the_middle_and_nothing_is_done_twice()
 {
    let mut site = Site::new();
    site.start(None);
    site.start(None);
    wait_until("each has its share", || {
        site.has(0).len() == 2 && site.has(1).len() == 2
    });
    site.apply("stages = [\"1\", \"50%\"]\nwatch_s = 1");
    std::thread::sleep(Duration::from_millis(700));
    drop(site.gateways.remove(1).kill());
    std::thread::sleep(Duration::from_millis(700));
    site.postgres.kill();
    std::thread::sleep(Duration::from_millis(300));
    site.postgres.start();
    wait_until("it is done", || {
        let answer = site.client(0).get("/v1/fleet/rollouts/1");
        answer.status == 200 && answer.json()["state"] == "done"
    });
    // Who had no gateway at its stage gets it from the next.
    wait_until("all have it", || {
        site.boards.iter().all(|board| board.heard("Start") > 0)
    });
    site.nothing_was_done_twice();
    site.done(&["audit", "--verify"]);
}

#[test]
fn without_its_database_a_gateway_does_nothing_and_says_so_and_goes_on_when_it_is_back() {
    let mut site = Site::new();
    site.start(None);
    wait_until("it has all", || site.has(0).len() == 4);
    let http = site.client(0);
    site.postgres.kill();
    // Its processes end one after the other, and the last one may still answer.
    wait_until("it says so", || {
        let refused = http.get("/v1/devices");
        (refused.status, &*refused.code()) == (503, "state-failed")
    });
    let heard = |what| -> usize { site.boards.iter().map(|board| board.heard(what)).sum() };
    // For longer than a lease: another gateway could have the devices by then, so this one has let go of them.
    std::thread::sleep(LONGER);
    let before = heard("Hello");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(heard("Hello"), before, "nothing is asked of any device");
    site.postgres.start();
    wait_until("it has all again", || {
        http.get("/v1/devices").status == 200 && site.has(0).len() == 4
    });
    let stored = http.send(
        "PUT",
        "/v1/devices/a/containers/app",
        "application/wasm",
        &module(ENDLESS),
    );
    assert_eq!(stored.status, 200, "{stored:?}");
    site.done(&["audit", "--verify"]);
}
