//! Who may do what, and what nobody may.

mod support;

use std::{io::Write, net::TcpStream, sync::Arc};
use support::{Board, Client, ENDLESS, Gateway, board::Does, module, wait_until};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

const APP: [(&str, &str); 1] = [("filename", "app.wasm")];
const CHANGES: [&str; 6] = ["delete", "edit", "start", "stop", "pause", "unpause"];
const LOOKS: [&str; 3] = ["/task/active", "/task/details", "/heap"];

#[test]
fn without_a_key_nothing_is_seen_or_changed() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let known = gateway.client();
    wait_until("it is there", || known.get("/heap").status == 200);
    let heard = board.line.lock().unwrap().heard.len();
    for stranger in [
        Client::new(&gateway.address, Some("berth_0123456789abcdef_00")),
        Client::new(&gateway.address, None),
        Client::new(&gateway.address, None).with("Authorization", "Basic Og=="),
    ] {
        let mut answers = vec![stranger.upload("app.wasm", &module(ENDLESS), &[])];
        answers.extend(LOOKS.iter().map(|path| stranger.get(path)));
        answers.extend(
            CHANGES
                .iter()
                .map(|verb| stranger.post(&format!("/task/{verb}"), &APP)),
        );
        for answer in answers {
            // The strangers' tries are counted together, and there are too many of them.
            assert!(matches!(answer.status, 401 | 429), "{answer:?}");
            if answer.status == 401 {
                // No browser asks its user for a password.
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
                assert_eq!(answer.said().1, 1);
            } else {
                assert!(answer.header("retry-after").is_some());
            }
        }
    }
    let line = board.line.lock().unwrap();
    let asked: Vec<_> = line.heard[heard..]
        .iter()
        .filter(|what| *what != "Hello")
        .collect();
    assert!(asked.is_empty(), "{asked:?}");
    drop(line);
    // Who has a key is not kept waiting by those who have none.
    assert_eq!(known.get("/heap").status, 200);
    assert!(
        gateway
            .audit()
            .iter()
            .any(|(_, _, outcome)| outcome == "denied")
    );
}

#[test]
fn a_key_that_may_look_changes_nothing() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client_of("eyes", &["--role", "view"]);
    for path in LOOKS {
        assert_eq!(http.get(path).status, 200, "{path}");
    }
    let mut answers = vec![http.upload("app.wasm", &module(ENDLESS), &[])];
    answers.extend(
        CHANGES
            .iter()
            .map(|verb| http.post(&format!("/task/{verb}"), &APP)),
    );
    for answer in answers {
        assert_eq!(
            (answer.status, &*answer.code()),
            (403, "forbidden"),
            "{answer:?}"
        );
    }
    let log = gateway.audit();
    let denied = log
        .iter()
        .filter(|(_, _, outcome)| outcome == "denied")
        .count();
    assert_eq!(denied, CHANGES.len() + 1);
}

#[test]
fn a_key_for_some_devices_knows_of_no_others() {
    let (roof, attic) = (Board::new(), Board::new());
    let gateway = Gateway::with(&[("roof", &roof)], &[]);
    let add = [
        "device",
        "add",
        "attic",
        &attic.address(),
        "--group",
        "house",
    ];
    support::done(gateway.state.path(), &add);
    let admin = gateway.client();
    wait_until("both are there", || {
        admin.at("attic").get("/heap").status == 200
    });
    for (name, words) in [
        ("one", ["--device", "attic"]),
        ("two", ["--group", "house"]),
    ] {
        let http = gateway.client_of(name, &words);
        assert_eq!(http.at("attic").get("/heap").status, 200);
        // As one that is not there, and so is the default one.
        let (own, none) = (http.at("roof").get("/heap"), http.at("cellar").get("/heap"));
        assert_eq!(own.body.replace("roof", "cellar"), none.body);
        assert_eq!((own.status, http.get("/heap").status), (404, 404));
    }
}

#[test]
fn a_revoked_key_works_no_more_from_the_next_request_on() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client_of("ci", &[]);
    assert_eq!(http.get("/task/none").status, 404);
    support::done(gateway.state.path(), &["key", "revoke", "ci"]);
    assert_eq!(http.get("/task/none").status, 401);
}

#[test]
fn a_key_comes_as_a_header_or_in_http_basic() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let key = gateway.first_key.clone().unwrap();
    let basic = |text: String| {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let shown = format!("Basic {}", BASE64_STANDARD.encode(text));
        Client::new(&gateway.address, None).with("Authorization", &shown)
    };
    wait_until("it is there", || {
        gateway.client().get("/heap").status == 200
    });
    for http in [basic(format!("wasmico:{key}")), basic(format!("{key}:"))] {
        assert_eq!(http.get("/heap").status, 200);
    }
}

#[test]
fn another_web_page_changes_nothing_even_on_a_trusted_network() {
    let board = Board::new();
    let gateway = Gateway::with(
        &[("roof", &board)],
        &["--wasmico-without-key", "127.0.0.0/8"],
    );
    let trusted = Client::new(&gateway.address, None);
    assert_eq!(
        trusted.upload("app.wasm", &module(ENDLESS), &[]).status,
        200
    );
    assert_eq!(trusted.post("/task/start", &APP).status, 200);
    for http in [trusted.clone(), gateway.client()] {
        for (name, value) in [
            ("Origin", "http://evil.example"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
        ] {
            let answer = http.with(name, value).post("/task/stop", &APP);
            assert_eq!(
                (answer.status, &*answer.code()),
                (403, "cross-site"),
                "{name}"
            );
        }
        // A name that another page's owner lets mean this computer.
        let rebound = http.with("Host", "evil.example").post("/task/stop", &APP);
        assert_eq!((rebound.status, &*rebound.code()), (421, "unknown-host"));
        assert_eq!(http.with("Host", "evil.example").get("/heap").status, 421);
        // No other page is told that it may ask, or read.
        let asked = http.with("Origin", "http://evil.example");
        let asked = asked.with("Access-Control-Request-Method", "POST");
        let answer = asked.send("OPTIONS", "/task/stop", "", b"");
        assert_ne!(answer.status, 200);
        for answer in [
            answer,
            http.with("Origin", "http://evil.example").get("/heap"),
        ] {
            assert!(
                !answer.head.to_ascii_lowercase().contains("access-control"),
                "{answer:?}"
            );
        }
    }
    // The gateway's own pages may.
    let own = trusted.with("Origin", &format!("http://{}", gateway.address));
    assert_eq!(own.post("/task/stop", &APP).status, 200);
}

#[test]
fn a_network_is_trusted_only_if_somebody_says_so() {
    let board = Board::new();
    let gateway = Gateway::with(
        &[("roof", &board)],
        &["--wasmico-without-key", "10.0.0.0/8"],
    );
    let stranger = Client::new(&gateway.address, None);
    assert_eq!(stranger.get("/heap").status, 401);
    // A wrong key is no key, on any network.
    let gateway = Gateway::with(&[], &["--wasmico-without-key", "127.0.0.1"]);
    let wrong = Client::new(&gateway.address, Some("berth_0_0"));
    assert_eq!(wrong.get("/heap").status, 401);
}

#[test]
fn who_has_no_key_on_a_trusted_network_has_wasmicos_api_only() {
    let board = Board::new();
    let gateway = Gateway::with(
        &[("roof", &board)],
        &["--wasmico-without-key", "127.0.0.0/8"],
    );
    let trusted = Client::new(&gateway.address, None);
    wait_until("it is there", || trusted.get("/roof/heap").status == 200);
    for (method, path) in [
        ("GET", "/v1/devices"),
        ("GET", "/v1/devices/roof/heap"),
        ("GET", "/metrics"),
        ("POST", "/v1/devices/roof/reset"),
        ("POST", "/v1/devices/roof/messages"),
        ("DELETE", "/v1/devices/roof/containers/app"),
    ] {
        let answer = trusted.send(method, path, "", b"");
        assert_eq!(answer.status, 401, "{method} {path}");
    }
    assert_eq!((board.heard("Reset"), board.heard("Remove")), (0, 0));
    assert_eq!(trusted.get("/roof/task/active").status, 200);
}

#[test]
fn a_log_in_that_does_not_come_is_not_waited_for_long() {
    use std::io::{Read, Write};
    let gateway = Gateway::with(&[], &[]);
    let mut stream = std::net::TcpStream::connect(&gateway.address).unwrap();
    stream
        .write_all(
            b"POST /-/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
              Content-Length: 100\r\n\r\nkey=",
        )
        .unwrap();
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(60)))
        .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[test]
fn what_is_too_large_or_no_text_is_a_problem_like_every_other() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    let large = vec![0; 5 << 20];
    let path = "/v1/devices/roof/containers/app";
    let answer = http.send("PUT", path, "application/wasm", &large);
    assert_eq!((answer.status, &*answer.code()), (413, "too-large"));
    let answer = http.get("/%ff/heap");
    assert_eq!((answer.status, &*answer.code()), (400, "bad-request"));
}

#[test]
fn a_key_has_its_rate() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &["--rate", "1"]);
    let (one, other) = (
        gateway.client_of("one", &[]),
        gateway.client_of("other", &[]),
    );
    // It may take long until there were too many, on a computer that needs a second for each.
    let answer = std::iter::repeat_with(|| one.get("/task/none"))
        .find(|answer| answer.status == 429)
        .unwrap();
    assert!(answer.header("retry-after").is_some());
    assert_eq!(other.get("/task/none").status, 404);
}

#[test]
fn each_change_stands_in_the_audit_log_before_and_after() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client_of("ci", &["--role", "operate"]);
    assert_eq!(http.upload("app.wasm", &module(ENDLESS), &[]).status, 200);
    assert_eq!(http.post("/task/start", &APP).status, 200);
    assert_eq!(
        http.post("/task/start", &[("filename", "none.wasm")])
            .status,
        404
    );
    let log = gateway.audit();
    let rows: Vec<_> = log.iter().map(|(a, s, o)| (&**a, &**s, &**o)).collect();
    assert_eq!(
        rows[rows.len() - 6..],
        [
            ("upload", "app.wasm", "asked"),
            ("upload", "app.wasm", "done"),
            ("start", "app.wasm", "asked"),
            ("start", "app.wasm", "done"),
            ("start", "none.wasm", "asked"),
            ("start", "none.wasm", "unknown-name"),
        ]
    );
    let verified = support::done(gateway.state.path(), &["audit", "--verify"]);
    assert_eq!(
        verified,
        format!("{} entries, each follows from those before", rows.len())
    );
}

#[test]
fn with_tls_the_certificate_that_was_made_is_what_a_client_sees() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &["--tls"]);
    let said = gateway
        .said
        .iter()
        .find(|line| line.starts_with("certificate "))
        .unwrap();
    let file = said.split(' ').nth(1).unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let http = gateway.client();
    for name in ["localhost", "127.0.0.1"] {
        let connection =
            ClientConnection::new(Arc::clone(&config), ServerName::try_from(name).unwrap())
                .unwrap();
        let stream = StreamOwned::new(connection, TcpStream::connect(&gateway.address).unwrap());
        let answer = http.send_over(stream, "GET", "/task/none", "", b"");
        assert_eq!(answer.status, 404, "{name}");
    }
    // It is the same after a restart.
    let (state, first) = (gateway.said.clone(), gateway);
    let again = Gateway::start(first.kill(), &["--tls"]);
    let line = |said: &[String]| {
        said.iter()
            .find(|line| line.starts_with("certificate "))
            .cloned()
    };
    assert_eq!(line(&again.said), line(&state));
    assert_eq!(again.first_key, None);
}

#[test]
fn what_cannot_be_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (words, code, says) in [
        ("key revoke none", 1, "there is no key"),
        ("device remove none", 1, "there is no device"),
        ("device add x nowhere", 2, "nowhere"),
        ("device add v1 unix:/x", 2, "is a path of the gateway"),
        ("key add a/b", 2, "is no name"),
        ("--listen 192.0.2.1:1 --plain", 2, "cannot listen"),
        (
            "--listen 127.0.0.1:0 --certificate /none --private-key /none",
            2,
            "/none",
        ),
    ] {
        let words: Vec<_> = words.split(' ').collect();
        let output = support::command(folder.path(), &words);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        assert!(error.contains(says), "{words:?}: {error}");
        assert!(error.contains("hint: "), "{error}");
    }
}

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    assert_eq!(http.upload("app.wasm", &module(ENDLESS), &[]).status, 200);
    // Another program writes, and does not end.
    let file = gateway.state.path().join("gateway.db");
    let other = rusqlite::Connection::open(file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = http.post("/task/start", &APP);
    assert_eq!((refused.status, &*refused.code()), (503, "state-failed"));
    assert_eq!(board.heard("Start"), 0);
    // What changes nothing goes on.
    assert_eq!(http.get("/heap").status, 200);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(http.post("/task/start", &APP).status, 200);
}

#[test]
fn a_change_goes_on_and_is_recorded_when_its_caller_hangs_up() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    assert_eq!(http.upload("app.wasm", &module(ENDLESS), &[]).status, 200);
    let key = gateway.first_key.as_ref().unwrap();
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    let request = format!(
        "POST /task/start?filename=app.wasm HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\n\
         Content-Length: 0\r\n\r\n",
        gateway.address
    );
    board.set(Does::Stall);
    stream.write_all(request.as_bytes()).unwrap();
    wait_until("the device is asked", || board.heard("Start") == 1);
    drop(stream);
    board.set(Does::Pass);
    // The request was repeated, or was too late for it; either way its end is known.
    wait_until("its end stands in the log", || {
        let log = gateway.audit();
        log.iter()
            .filter(|(action, _, _)| action == "start")
            .count()
            == 2
    });
    assert_eq!(board.heard("Start"), 1);
}

#[test]
fn two_that_change_the_same_are_each_told_what_became_of_it() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &["--rate", "100000"]);
    let http = gateway.client();
    assert_eq!(http.upload("app.wasm", &module(ENDLESS), &[]).status, 200);
    let done: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = ["start", "stop", "start", "stop"]
            .into_iter()
            .map(|verb| {
                let http = &http;
                scope.spawn(move || {
                    let path = format!("/task/{verb}");
                    let answers = (0..25).map(|_| http.post(&path, &APP).said());
                    answers
                        .filter(|(status, _, message)| {
                            let refused = match verb {
                                "start" => "task is already executing",
                                _ => "task is not executing",
                            };
                            assert!(
                                *status == 200 || (*status == 400 && message == refused),
                                "{verb}: {status} {message}"
                            );
                            *status == 200
                        })
                        .count()
                })
            })
            .collect();
        clients.into_iter().map(|one| one.join().unwrap()).sum()
    });
    let log = gateway.audit();
    let of = |outcome: &str| {
        let changes = log.iter().filter(|(action, _, _)| action != "upload");
        changes.filter(|(_, _, found)| found == outcome).count()
    };
    assert_eq!((of("asked"), of("wrong-state")), (100, 100 - done));
}
