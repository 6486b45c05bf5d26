//! Our API: what it says of itself, what it does, and what monitoring reads.

mod support;

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};
use support::{Board, Client, ENDLESS, Gateway, board::Does, done, module, wait_until};

/// Ends with a fault at once.
const FAULTS: &str = r#"(module (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (unreachable)))"#;

/// Writes a line and then no more.
const WRITES: &str = r#"(module
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "\"one\" <two>")
  (func (export "_start")
    (call $log (i32.const 2) (i32.const 0) (i32.const 11))
    (loop $a (call $sleep (i64.const 1000)) (br $a))))"#;

fn put(http: &Client, path: &str, bytes: &[u8]) -> support::Answer {
    http.send("PUT", path, "application/wasm", bytes)
}

fn post(http: &Client, path: &str) -> u16 {
    http.send("POST", path, "", b"").status
}

fn post_json(http: &Client, path: &str, body: &Value) -> support::Answer {
    http.send(
        "POST",
        path,
        "application/json",
        body.to_string().as_bytes(),
    )
}

#[test]
fn a_container_is_stored_started_changed_and_deleted() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    let blink = "/v1/devices/roof/containers/blink";

    let stored = put(
        &http,
        &format!(
            "{blink}?share=7&restart=on-failure:3&values=8192&configuration=period_ms%3D500%0Amode%3Da%20b"
        ),
        &module(ENDLESS),
    );
    assert_eq!(stored.status, 200, "{stored:?}");
    assert_eq!(stored.json()["outcome"], "stored");
    assert_eq!(stored.json()["started"], false);
    let again = put(
        &http,
        &format!("{blink}?start=true&share=7&restart=on-failure:3"),
        &module(ENDLESS),
    );
    assert_eq!(
        (
            again.json()["outcome"].clone(),
            again.json()["started"].clone()
        ),
        (json!("unchanged"), json!(true))
    );

    let found = http.get(blink).json();
    assert_eq!(
        (&found["state"], &found["parameters"]["share"]),
        (&json!("running"), &json!(7))
    );
    assert_eq!(found["parameters"]["restart"], "on-failure:3");
    let configuration = json!({ "mode": "a b", "period_ms": "500" });
    assert_eq!(found["configuration"], configuration);
    assert_eq!(
        found["values"],
        json!({ "count": 0, "bytes": 0, "limit": 8192, "chosen": 8192 })
    );
    let listed = http.get("/v1/devices/roof/containers").json();
    assert_eq!(listed[0]["name"], "blink");

    // A new image of one that runs is on trial; one that fails leaves the old one.
    let bad = put(&http, blink, &module(FAULTS));
    assert_eq!(
        (bad.status, bad.code()),
        (409, "rolled-back".into()),
        "{bad:?}"
    );
    assert_eq!(http.get(blink).json()["state"], "running");
    assert_eq!(
        http.get(&format!("{blink}/update")).json()["update"],
        "rolled-back"
    );
    let updated = put(&http, &format!("{blink}?trial_ms=200"), &module(WRITES)).json();
    assert_eq!(
        (&updated["outcome"], &updated["update"]["update"]),
        (&json!("updated"), &json!("kept"))
    );

    let image = http.get("/v1/devices/roof/images").json();
    assert_eq!(image[0]["name"], "blink");
    let kept = http.send(
        "PATCH",
        blink,
        "application/json",
        br#"{"parameters":{"share":9,"log_level":"warn","configuration":{"mode":null,"address":"0x48"}}}"#,
    );
    assert_eq!(kept.status, 204, "{kept:?}");
    let configuration = json!({ "address": "0x48", "period_ms": "500" });
    assert_eq!(http.get(blink).json()["configuration"], configuration);
    assert_eq!(http.get(blink).json()["parameters"]["share"], 9);

    assert_eq!(post(&http, &format!("{blink}/pause")), 204);
    assert_eq!(http.get(blink).json()["state"], "paused");
    assert_eq!(post(&http, &format!("{blink}/resume")), 204);
    assert_eq!(post(&http, &format!("{blink}/restart")), 204);
    let active = http.send("DELETE", blink, "", b"");
    assert_eq!((active.status, active.code()), (409, "wrong-state".into()));
    assert_eq!(
        http.send("DELETE", &format!("{blink}?force=true"), "", b"")
            .status,
        204
    );
    let gone = http.get(blink);
    assert_eq!((gone.status, gone.code()), (404, "unknown-name".into()));

    let audit = gateway.audit();
    for action in ["upload", "edit", "pause", "unpause", "restart", "delete"] {
        let of = |outcome: &str| {
            let row = (action.to_owned(), "blink".to_owned(), outcome.to_owned());
            audit.contains(&row)
        };
        assert!(of("asked") && of("done"), "{action}: {audit:?}");
    }
    assert!(audit.iter().any(|(_, _, outcome)| outcome == "rolled-back"));
}

#[test]
fn what_makes_no_sense_is_said_and_changes_nothing() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    let blink = "/v1/devices/roof/containers/blink";
    let image = module(ENDLESS);
    for (query, says) in [
        ("share=x", "share"),
        ("shares=1", "shares"),
        ("restart=never", "restart"),
        ("backoff_ms=5", "needs restart"),
        ("log_level=loud", "log_level"),
        ("service=0:5", "service"),
        ("wishes=most", "wishes"),
        ("start=perhaps", "start"),
        ("configuration=a%20b%3D1", "configuration"),
        ("configuration=a%3D1%0Aa%3D2", "changed twice"),
        ("values=16385", "values"),
    ] {
        let answer = put(&http, &format!("{blink}?{query}"), &image);
        assert_eq!(
            (answer.status, answer.code()),
            (400, "bad-request".into()),
            "{query}"
        );
        assert!(answer.body.contains(says), "{query}: {}", answer.body);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    assert_eq!(put(&http, blink, b"").status, 400);
    let bad = put(&http, blink, b"\0asm\x01\0\0\0\x01");
    assert_eq!(
        (bad.status, bad.code()),
        (422, "not-packed".into()),
        "{bad:?}"
    );
    for body in [
        "",
        "{\"parameters\":{\"share\":1000}}",
        "{\"parameters\":{\"colour\":1}}",
        "{\"parameters\":{\"configuration\":{\"-a\":\"1\"}}}",
    ] {
        let answer = http.send("PATCH", blink, "application/json", body.as_bytes());
        assert_eq!(
            (answer.status, answer.code()),
            (400, "bad-request".into()),
            "{body}"
        );
    }
    // Whatever is wrong with a request, it is said in the same way.
    for (method, path, body) in [
        ("POST", "/v1/devices", "{"),
        ("POST", "/v1/devices", "{\"name\":\"attic\"}"),
        ("POST", "/v1/keys", "[]"),
        ("PUT", "/v1/fleet/sets/lamps", "{\"colour\":1}"),
        ("GET", "/v1/audit?last=many", ""),
        ("GET", "/v1/fleet/history?last=-1", ""),
        ("GET", "/v1/devices/roof/containers/blink/logs?last=x", ""),
        (
            "DELETE",
            "/v1/devices/roof/containers/blink?force=perhaps",
            "",
        ),
        ("POST", "/v1/images", ""),
    ] {
        let answer = http.send(method, path, "application/json", body.as_bytes());
        let found = (answer.status, answer.header("content-type"));
        let expected = (400, Some("application/problem+json"));
        assert_eq!(found, expected, "{method} {path}: {answer:?}");
    }
    for path in [
        "/v1",
        "/v1/devices/roof/containers/blink/explode",
        "/v1/devices/attic",
        "/v1/devices/attic/heap",
        "/v1/devices/attic/events/stream",
        "/v1/devices/roof/containers/nobody/logs/stream",
        "/v1/devices/roof/containers/nobody/logs",
    ] {
        let answer = http.get(path);
        assert!(matches!(answer.status, 404 | 405), "{path}: {answer:?}");
        assert!(!answer.code().is_empty());
    }
    assert_eq!(
        post(&http, "/v1/devices/roof/containers/blink/explode"),
        404
    );
    assert_eq!(board.heard("UploadBegin"), 0);
}

#[test]
fn devices_and_keys_are_an_admins() {
    let (board, other) = (Board::new(), Board::new());
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    let viewer = gateway.client_of("viewer", &["--role", "view"]);
    let operator = gateway.client_of("operator", &["--role", "operate"]);
    let scoped = gateway.client_of("scoped", &["--role", "admin", "--device", "roof"]);
    let new = json!({"name": "attic", "address": other.address(), "groups": ["house"]});
    for (client, who) in [
        (&viewer, "viewer"),
        (&operator, "operator"),
        (&scoped, "scoped"),
    ] {
        let key = json!({"name": "mine", "role": "admin"});
        for answer in [
            post_json(client, "/v1/devices", &new),
            post_json(client, "/v1/keys", &key),
            client.send("DELETE", "/v1/devices/roof", "", b""),
            client.send("DELETE", "/v1/keys/first", "", b""),
            client.get("/v1/keys"),
            client.get("/v1/audit"),
        ] {
            assert_eq!(
                (answer.status, answer.code()),
                (403, "forbidden".into()),
                "{who}"
            );
        }
    }
    assert_eq!(
        put(&viewer, "/v1/devices/roof/containers/x", &module(ENDLESS)).status,
        403
    );
    assert_eq!(post(&viewer, "/v1/devices/roof/reset"), 403);

    let made = post_json(&http, "/v1/devices", &new);
    assert_eq!(made.status, 201, "{made:?}");
    let taken = post_json(&http, "/v1/devices", &new);
    assert_eq!((taken.status, taken.code()), (409, "name-taken".into()));
    let bad = post_json(
        &http,
        "/v1/devices",
        &json!({"name": "v1", "address": "unix:/x"}),
    );
    assert_eq!(bad.status, 400, "{bad:?}");
    // It is there at once.
    wait_until("the new device answers", || {
        http.get("/v1/devices/attic/heap").status == 200
    });
    let made = post_json(
        &http,
        "/v1/keys",
        &json!({"name": "mine", "role": "view", "scope": {"groups": ["house"]}}),
    );
    assert_eq!(made.status, 201, "{made:?}");
    let mine = Client::new(&gateway.address, made.json()["key"].as_str());
    let seen = mine.get("/v1/devices").json();
    assert_eq!(
        (seen.as_array().unwrap().len(), &seen[0]["name"]),
        (1, &json!("attic"))
    );
    assert_eq!(mine.get("/v1/devices/roof/heap").status, 404);
    assert!(!mine.get("/metrics").body.contains("roof"));
    assert_eq!(http.send("DELETE", "/v1/keys/mine", "", b"").status, 204);
    assert_eq!(mine.get("/v1/devices").status, 401);
    assert_eq!(
        http.send("DELETE", "/v1/devices/attic", "", b"").status,
        204
    );
    assert_eq!(http.get("/v1/devices/attic").status, 404);
    let audit = http.get("/v1/audit?last=5").json();
    let last = audit.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["action"], &last["who"]),
        (&json!("device remove"), &json!("first"))
    );
}

#[test]
fn a_device_is_seen_without_being_asked() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    put(
        &http,
        "/v1/devices/roof/containers/blink?start=true",
        &module(ENDLESS),
    );
    put(&http, "/v1/devices/roof/containers/bad", &module(FAULTS));
    http.send("POST", "/v1/devices/roof/containers/bad/start", "", b"");
    wait_until("it was looked at", || {
        let seen = &http.get("/v1/devices/roof").json()["seen"];
        seen["active"] == 1 && seen["faulted"] == 1
    });
    let device = http.get("/v1/devices").json()[0].clone();
    assert_eq!(
        (&device["state"], &device["groups"]),
        (&json!("here"), &json!([]))
    );
    assert!(device["info"]["supervisor"].is_string(), "{device}");
    let faults = http.get("/v1/devices/roof/faults").json();
    assert_eq!(
        (&faults[0]["name"], &faults[0]["fault"]),
        (&json!("bad"), &json!("unreachable"))
    );
    let events = http.get("/v1/devices/roof/events").json();
    assert!(
        events
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["event"] == "faulted"),
        "{events}"
    );

    let metrics = http.get("/metrics");
    assert_eq!(
        metrics.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let samples = samples(&metrics.body);
    let value = |name: &str| {
        let found = samples.iter().find(|(sample, _)| sample == name);
        found.map(|(_, value)| *value)
    };
    assert_eq!(value(r#"berth_device_up{device="roof"}"#), Some(1.0));
    assert_eq!(
        value(r#"berth_container_state{device="roof",container="blink",state="running"}"#),
        Some(1.0)
    );
    assert_eq!(
        value(r#"berth_container_state{device="roof",container="blink",state="paused"}"#),
        Some(0.0)
    );
    assert_eq!(
        value(r#"berth_container_faults_total{device="roof",container="bad",fault="unreachable"}"#),
        Some(1.0)
    );
    assert!(value(r#"berth_device_memory_bytes{device="roof",kind="free"}"#).unwrap() > 1000.0);
    let uploads = value(r#"berth_device_uploads_total{device="roof"}"#);
    assert_eq!(uploads, Some(2.0));
    for unit in ["bytes", "seconds"] {
        let sum = value(&format!(
            r#"berth_device_upload_{unit}_total{{device="roof"}}"#
        ));
        assert!(sum.is_some_and(|sum| sum > 0.0), "{unit}");
    }
    assert!(
        value(r#"berth_container_memory_limit_bytes{device="roof",container="blink"}"#).unwrap()
            > 0.0
    );

    board.set(Does::Pulled);
    wait_until("it is away", || {
        let away = http.get("/v1/devices/roof").json();
        away["state"] == "away" && away["why"].is_string()
    });
    let metrics = http.get("/metrics").body;
    assert!(
        metrics.contains(r#"berth_device_up{device="roof"} 0"#),
        "{metrics}"
    );
    // What is known of before is not said to be so now.
    assert!(!metrics.contains("blink"), "{metrics}");
}

/// Takes the text format of OpenMetrics apart as its specification has it: each family is described before its samples,
/// no sample comes twice, counters end with `_total`, and `# EOF` is the last line.
fn samples(text: &str) -> Vec<(String, f64)> {
    let mut samples: Vec<(String, f64)> = Vec::new();
    let (mut family, mut kind) = (String::new(), String::new());
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    for line in body.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, _] => family = name.to_owned(),
            ["#", "TYPE", name, of] => {
                assert_eq!(name, family, "{line}");
                kind = of.to_owned();
            }
            ["#", "UNIT", name, unit] => {
                assert_eq!(name, family, "{line}");
                assert!(name.ends_with(&format!("_{unit}")), "{line}");
            }
            _ => {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                let name = sample.split('{').next().unwrap();
                let suffix = if kind == "counter" { "_total" } else { "" };
                assert_eq!(name, format!("{family}{suffix}"), "{line}");
                assert!(samples.iter().all(|(other, _)| other != sample), "{line}");
                samples.push((sample.to_owned(), value.parse().unwrap()));
            }
        }
    }
    samples
}

#[test]
fn a_stream_ends_with_its_key() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let key = done(gateway.state.path(), &["key", "add", "eyes"]);
    let eyes = Client::new(&gateway.address, Some(&key));
    wait_until("it is there", || eyes.get("/heap").status == 200);
    let bearer = format!("Authorization: Bearer {key}");
    let stream = opened(&gateway, "/v1/devices/roof/events/stream", &bearer);
    done(gateway.state.path(), &["key", "revoke", "eyes"]);
    ends(stream);
}

#[test]
fn a_stream_of_a_page_ends_with_the_session() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    assert_eq!(http.upload("app.wasm", &module(ENDLESS), &[]).status, 200);
    let browser = Client::new(&gateway.address, None);
    let key = gateway.first_key.as_deref().unwrap();
    let given = browser.post("/-/login", &[("key", key)]);
    let cookie = given.header("set-cookie").unwrap();
    let (cookie, _) = cookie.split_once(';').unwrap();
    let browser = browser.with("Cookie", cookie);
    let page = browser.get("/").body;
    let (_, token) = page.split_once("X-CSRF-Token").unwrap();
    let token = token.trim_start_matches(|c: char| !c.is_ascii_hexdigit());
    let end = token.find(|c: char| !c.is_ascii_hexdigit()).unwrap();
    let path = "/-/devices/roof/containers/app.wasm/log";
    let stream = opened(&gateway, path, &format!("Cookie: {cookie}"));
    let logged_out = browser.with("X-CSRF-Token", &token[..end]);
    assert_eq!(logged_out.post("/-/logout", &[]).status, 204);
    ends(stream);
}

/// A stream that has begun.
fn opened(gateway: &Gateway, path: &str, header: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    let limit = Some(Duration::from_secs(60));
    stream.set_read_timeout(limit).unwrap();
    let ask =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut begins = [0; 12];
    stream.read_exact(&mut begins).unwrap();
    assert_eq!(&begins, b"HTTP/1.1 200");
    stream
}

/// It ends by itself.
fn ends(mut stream: TcpStream) {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
}

/// Events of a stream until one is as wanted, as kind, id and data.
fn follow(
    gateway: &Gateway,
    path: &str,
    last: Option<&str>,
    mut wanted: impl FnMut(&str, &Value) -> bool,
) -> Vec<(String, Value)> {
    let key = gateway.first_key.as_deref().unwrap();
    let last = last.map_or(String::new(), |last| format!("\r\nLast-Event-ID: {last}"));
    let stream = opened(gateway, path, &format!("Authorization: Bearer {key}{last}"));
    let mut found = Vec::new();
    let (mut kind, mut id) = (String::new(), String::new());
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if let Some(text) = line.strip_prefix("event: ") {
            kind = text.to_owned();
        } else if let Some(text) = line.strip_prefix("id: ") {
            id = text.to_owned();
        } else if let Some(text) = line.strip_prefix("data: ") {
            let data: Value = serde_json::from_str(text).unwrap();
            let is_last = wanted(&kind, &data);
            found.push((id.clone(), data));
            if is_last {
                return found;
            }
        }
    }
    panic!("{path}: the stream has ended: {found:?}");
}

#[test]
fn logs_and_events_come_as_they_happen_and_go_on_where_they_were() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    let blink = "/v1/devices/roof/containers/blink";
    put(&http, &format!("{blink}?start=true"), &module(WRITES));
    let stream = format!("{blink}/logs/stream");
    // What was written before, for two at a time.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let lines = follow(&gateway, &stream, None, |kind, line| {
                    assert_eq!(kind, "line");
                    line["text"] == "\"one\" <two>"
                });
                assert_eq!(lines.len(), 1, "{lines:?}");
            });
        }
    });
    // What is written while somebody follows.
    let lines = std::thread::scope(|scope| {
        let mut seen = 0;
        let again = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            assert_eq!(post(&http, &format!("{blink}/restart")), 204);
        });
        let lines = follow(&gateway, &stream, None, |_, _| {
            seen += 1;
            seen == 2
        });
        again.join().unwrap();
        lines
    });
    assert_ne!(lines[0].0, lines[1].0);
    // From the first on, the second comes alone.
    let rest = follow(&gateway, &stream, Some(&lines[0].0), |_, _| true);
    assert_eq!(rest[0].0, lines[1].0);

    let events = follow(
        &gateway,
        "/v1/devices/roof/events/stream",
        None,
        |kind, event| {
            assert_eq!(kind, "event");
            event["event"] == "stopped"
                || event["event"] == "restarted"
                || event["event"] == "started"
        },
    );
    assert!(!events.is_empty());
    let stop = std::thread::spawn({
        let (http, path) = (http.clone(), format!("{blink}/kill"));
        move || {
            std::thread::sleep(Duration::from_millis(300));
            post(&http, &path)
        }
    });
    let last = &events.last().unwrap().0;
    follow(
        &gateway,
        "/v1/devices/roof/events/stream",
        Some(last),
        |_, event| event["event"] == "killed" || event["event"] == "stopped",
    );
    assert_eq!(stop.join().unwrap(), 204);
}

#[test]
fn the_description_is_of_what_is_there() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    let api = http.get("/v1/openapi.json").json();
    assert_eq!(api["openapi"], "3.1.0");
    let mut schemas = Vec::new();
    let mut operations = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            // Each has words for people, and is there: whatever it answers, it is not that nothing is there.
            let words = operation["summary"]
                .as_str()
                .or(operation["description"].as_str());
            assert!(
                words.is_some_and(|words| !words.is_empty()),
                "{method} {path}"
            );
            assert!(
                operation["responses"].as_object().unwrap().len() > 1,
                "{method} {path}"
            );
            if path.ends_with("/stream") || path.ends_with("/reset") {
                continue;
            }
            let place = path
                .replace("{device}", "attic")
                .replace("{name}", "x")
                .replace("{verb}", "start")
                .replace("{id}", "1")
                .replace("{turn}", "pause");
            let answer = http.send(&method.to_uppercase(), &place, "", b"");
            assert!(
                !answer.body.contains("nothing at this path"),
                "{method} {path}: {answer:?}"
            );
            assert_ne!(answer.status, 405, "{method} {path}");
        }
    }
    assert!(operations >= 25, "{operations}");
    // Each schema that is meant is there.
    references(&api, &mut schemas);
    for schema in schemas {
        let pointer = schema.strip_prefix('#').unwrap();
        assert!(api.pointer(pointer).is_some(), "{schema}");
    }
    // What an answer has is what is said of it.
    put(&http, "/v1/devices/roof/containers/blink", &module(ENDLESS));
    let found = http.get("/v1/devices/roof/containers/blink").json();
    let text = api["components"]["schemas"].to_string();
    for key in found.as_object().unwrap().keys() {
        assert!(text.contains(&format!("\"{key}\"")), "{key}");
    }
    let keyless = Client::new(&gateway.address, None).get("/v1/openapi.json");
    assert_eq!(keyless.status, 401);
    let _ = done(gateway.state.path(), &["audit", "--verify"]);
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                found.push(reference.clone());
            }
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(array) => array.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}
