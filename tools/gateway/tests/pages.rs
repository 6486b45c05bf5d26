//! What people see: without a browser who gets in and what is refused, and in a real one each page, as somebody uses it.

#[path = "support/browser.rs"]
mod browser;
mod support;

use browser::Browser;
use serde_json::json;
use std::fs;
use support::{Answer, Board, Client, ENDLESS, Gateway, board::Does, done, module, wait_until};

/// Writes a line ten times a second, and holds a block.
const TALKS: &str = r#"(module
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (import "mmio:timer0" "claim" (func $claim (result i32)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "the lamp is on")
  (func (export "_start")
    (drop (call $claim))
    (loop $a
      (call $log (i32.const 2) (i32.const 0) (i32.const 14))
      (call $sleep (i64.const 100000))
      (br $a))))"#;

const FAULTS: &str = r#"(module (memory (export "memory") 64 (pagesize 1))
  (func (export "_start") (unreachable)))"#;

/// Logs in as a browser does that shows no page. Returns a client with the cookie, the token, and the answer.
fn log_in(address: &str, key: &str) -> (Client, String, Answer) {
    let http = Client::new(address, None);
    let answer = http.post("/-/login", &[("key", key)]);
    let cookie = answer.header("set-cookie").unwrap_or_default().to_owned();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let http = http.with("Cookie", &cookie);
    let page = http.get("/").body;
    let token = page.split("X-CSRF-Token&quot;:&quot;").nth(1);
    let token = token.and_then(|rest| rest.split('&').next());
    (http, token.unwrap_or_default().to_owned(), answer)
}

#[test]
fn who_has_not_logged_in_sees_and_changes_nothing() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let nobody = Client::new(&gateway.address, None);
    for path in [
        "/",
        "/-/devices/roof",
        "/-/rollouts",
        "/-/faults",
        "/-/devices/roof/containers/x/log",
    ] {
        let sent = nobody.get(path);
        assert_eq!(
            (sent.status, sent.header("location")),
            (303, Some("/-/login")),
            "{path}"
        );
    }
    // A part of a page that is asked for again sends the whole page there.
    let part = nobody.with("HX-Request", "true").get("/-/devices");
    assert_eq!(
        (part.status, part.header("hx-redirect")),
        (401, Some("/-/login"))
    );
    // A key as programs have it opens no page, and a session nothing else.
    let key = gateway.first_key.clone().unwrap();
    assert_eq!(gateway.client().get("/").status, 303);
    let (http, token, answer) = log_in(&gateway.address, &key);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let cookie = answer.header("set-cookie").unwrap();
    for word in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "there is no TLS: {cookie}");
    assert_eq!(http.get("/").status, 200);
    assert_eq!(http.get("/v1/devices").status, 401);
    let page = http.get("/");
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(
        !page.body.contains("<style") && !page.body.contains(" style="),
        "{}",
        page.body
    );
    assert_eq!(
        page.body.matches("<script").count(),
        page.body.matches("<script src=").count()
    );

    // A change without the token of our pages is another page's.
    let stop = "/-/devices/roof/containers/blink/do/stop";
    for http in [http.clone(), http.with("X-CSRF-Token", "x")] {
        assert_eq!(http.send("POST", stop, "", b"").status, 403);
    }
    let from_page = http.with("X-CSRF-Token", &token);
    for (name, value) in [
        ("Origin", "http://evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        assert_eq!(
            from_page
                .with(name, value)
                .send("POST", stop, "", b"")
                .status,
            403
        );
    }
    assert_eq!(
        from_page.send("POST", stop, "", b"").status,
        404,
        "there is no such container"
    );

    // What is no key is said to be none, and not for ever.
    let (_, _, wrong) = log_in(&gateway.address, "berth_x");
    assert_eq!(wrong.status, 401);
    assert!(wrong.body.contains("not known") && wrong.header("set-cookie").is_none());
    let often = (0..20).map(|_| nobody.post("/-/login", &[("key", "x")]).status);
    assert!(often.into_iter().any(|status| status == 429));
    // Who has one is not kept out by that.
    assert_eq!(log_in(&gateway.address, &key).2.status, 303);
    let audit = gateway.audit();
    assert!(
        audit.contains(&("log in".into(), String::new(), "done".into())),
        "{audit:?}"
    );

    // It ends when somebody ends it, or the key is revoked.
    let out = from_page.send("POST", "/-/logout", "", b"");
    assert_eq!(
        (out.status, out.header("hx-redirect")),
        (204, Some("/-/login"))
    );
    assert_eq!(http.get("/").status, 303);
    let ci = done(gateway.state.path(), &["key", "add", "ci"]);
    let (http, ..) = log_in(&gateway.address, &ci);
    assert_eq!(http.get("/").status, 200);
    done(gateway.state.path(), &["key", "revoke", "ci"]);
    assert_eq!(http.get("/").status, 303);
}

#[test]
fn pages_show_what_the_key_may_see_and_do() {
    let (roof, attic) = (Board::new(), Board::new());
    let gateway = Gateway::with(&[("roof", &roof), ("attic", &attic)], &[]);
    wait_until("it is there", || {
        gateway.client().get("/heap").status == 200
    });
    gateway.client().upload("lamp.wasm", &module(ENDLESS), &[]);
    wait_until("it was seen", || {
        gateway.client().get("/v1/devices/roof").json()["seen"]["heap"]["containers"] == 1
    });
    let words = ["key", "add", "roofer", "--device", "roof"];
    let key = done(gateway.state.path(), &words);
    let (viewer, token, _) = log_in(&gateway.address, &key);
    let page = viewer.get("/").body;
    assert!(
        page.contains("roof") && !page.contains("attic") && !page.contains("/-/rollouts"),
        "{page}"
    );
    assert_eq!(viewer.get("/-/devices/attic").status, 404);
    assert_eq!(viewer.get("/-/rollouts").status, 403);
    let page = viewer.get("/-/devices/roof");
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("lamp")
            && !page.body.contains("/do/start")
            && !page.body.contains("type=\"file\"")
    );
    // Nor by hand.
    let viewer = viewer.with("X-CSRF-Token", &token);
    for path in [
        "containers/lamp/do/start",
        "containers/lamp/do/delete",
        "reset",
    ] {
        let path = format!("/-/devices/roof/{path}");
        assert_eq!(viewer.send("POST", &path, "", b"").status, 403, "{path}");
    }
    let (admin, ..) = log_in(&gateway.address, gateway.first_key.as_deref().unwrap());
    let page = admin.get("/-/devices/roof").body;
    assert!(
        page.contains("/do/start") && page.contains("type=\"file\""),
        "{page}"
    );
    // What a device says is text, whatever it says.
    let strange = admin
        .get("/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        .body;
    assert!(!strange.contains("<script>"), "{strange}");
}

#[test]
fn somebody_looks_after_a_device_in_a_browser() {
    let (roof, attic) = (Board::new(), Board::new());
    let state = tempfile::tempdir().unwrap();
    done(
        state.path(),
        &["device", "add", "roof", &roof.address(), "--group", "house"],
    );
    done(
        state.path(),
        &[
            "device",
            "add",
            "attic",
            &attic.address(),
            "--group",
            "house",
        ],
    );
    let gateway = Gateway::start(state, &["--rate", "1000"]);
    let browser = Browser::open(&gateway.address);

    // A wrong key, and a right one.
    browser.go("/");
    browser.write("#key", "berth_no_key");
    browser.click("button[type=submit]");
    browser.shows(".message.error", "not known");
    browser.log_in(gateway.first_key.as_deref().unwrap());
    browser.shows("#devices", "2 devices");
    browser.shows("#devices", "2 well");
    attic.set(Does::Pulled);
    // Who is in trouble comes first; nobody has loaded the page again.
    browser.run("window.sameOne = true");
    browser.shows(".card h2", "attic");
    browser.shows(".card h2", "away");
    assert_eq!(browser.run("return window.sameOne"), true);

    // From the keyboard alone: past the menu into the page, and to the device.
    browser.press('\u{e004}');
    assert_eq!(browser.focus(), "skip");
    browser.run("document.querySelector('#device-roof').focus()");
    // The part that it is in is replaced meanwhile.
    browser.run("window.before = document.querySelector('#devices')");
    wait_until("it was replaced", || {
        browser.run("return window.before !== document.querySelector('#devices')") == true
    });
    assert_eq!(browser.focus(), "device-roof");
    browser.press('\u{e007}');
    wait_until("it is the device's page", || {
        browser.path() == "/-/devices/roof"
    });

    // A module is dropped; its cable is pulled meanwhile, so how far it has come is to be seen.
    let text = TALKS.replace(
        "(data (i32.const 0)",
        &format!(
            "(data (i32.const 4096) \"{}\") (data (i32.const 0)",
            "x".repeat(6000)
        ),
    );
    let text = text.replace(" 64 (pagesize 1))", " 12288 (pagesize 1))");
    roof.line.lock().unwrap().pull_after_chunks = Some(8);
    drop_file(&browser, "lamp.wasm", &module(&text));
    wait_until("the cable is pulled", || {
        roof.line.lock().unwrap().does == Does::Pulled
    });
    browser.shows("#transfer", "are on the device");
    let part =
        "const p = document.querySelector('#progress'); return p.value > 0 && p.value < p.max";
    wait_until("some of it is there", || browser.run(part) == true);
    roof.set(Does::Pass);
    browser.shows("#message", "lamp is stored and started");
    browser.shows("#live", "running");
    assert_eq!(browser.count("#transfer *"), 0);

    // Who holds what.
    browser.shows("#exposures", "lamp");
    browser.shows("#exposures", "nobody");

    // One that is no module, and one that faults: both are said.
    drop_file(&browser, "broken.wasm", b"no module");
    browser.shows("#message .error", "not a WebAssembly module");
    drop_file(&browser, "pump.wasm", &module(FAULTS));
    browser.shows("#faults", "unreachable");
    browser.shows("#live", "faulted");
    browser.shows("#live", "faulted: pump");

    assert!(!browser.is_too_wide());

    // A container: figures that move, its log as it is written.
    browser.click("#container-lamp");
    wait_until("it is the container's page", || {
        browser.path() == "/-/devices/roof/containers/lamp"
    });
    browser.shows("#log", "the lamp is on");
    let (fuel, lines) = (browser.text("#fuel"), browser.count("#log li"));
    wait_until("its figures move", || browser.text("#fuel") != fuel);
    wait_until("its log goes on", || browser.count("#log li") > lines);
    wait_until("there is a curve", || browser.count("#cpu polyline") == 1);
    browser.click("#pause-lamp");
    browser.shows("#message", "pause is done");
    browser.shows(".title .badge", "paused");
    browser.click("#stop-lamp");
    browser.shows(".title .badge", "stopped");
    // Asked before it is done.
    browser.click("#delete-lamp");
    browser.say_yes();
    browser.shows("#message", "lamp is deleted");
    browser.shows("#live", "It is not there");
    browser.shows("#known", "no container of this name");

    // All faults, and what was known at one.
    browser.go("/-/faults");
    browser.shows("#all-faults", "pump on roof");
    browser.click("summary .badge");
    browser.shows(".record", "In");
    browser.shows(".record", "main");

    // On a phone, in the dark.
    let light = browser.run("return getComputedStyle(document.body).backgroundColor");
    browser.dark(true);
    browser.size(390, 780);
    for path in [
        "/-/faults",
        "/-/devices/roof",
        "/-/devices/roof/containers/pump",
        "/-/rollouts",
        "/",
    ] {
        browser.go(path);
        assert!(!browser.is_too_wide(), "{path}");
    }
    assert_ne!(
        browser.run("return getComputedStyle(document.body).backgroundColor"),
        light
    );
    browser.go("/-/devices/roof");
    browser.shows("#exposures", "nobody");
    browser.click("#logout");
    wait_until("it is logged out", || browser.path() == "/-/login");
    // No page has loaded or run what it may not.
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // The gateway goes: it is said, and what is shown is not taken for what is so.
    browser.log_in(gateway.first_key.as_deref().unwrap());
    gateway.end();
    browser.shows("#gone", "does not answer");
}

/// As somebody does who drags a file onto the page.
fn drop_file(browser: &Browser, name: &str, bytes: &[u8]) {
    let script = format!(
        "const files = new DataTransfer();
         files.items.add(new File([new Uint8Array({})], {}, {{type: 'application/wasm'}}));
         const form = document.querySelector('#upload');
         for (const kind of ['dragenter', 'dragover', 'drop'])
             form.dispatchEvent(new DragEvent(kind, {{dataTransfer: files, bubbles: true, cancelable: true}}));",
        json!(bytes),
        json!(name)
    );
    browser.run(&script);
}

#[test]
fn a_bad_image_stops_by_itself_before_somebodys_eyes() {
    let names = ["a", "b", "c", "d"];
    let boards: Vec<_> = names.iter().map(|_| Board::new()).collect();
    let state = tempfile::tempdir().unwrap();
    for (name, board) in names.iter().zip(&boards) {
        done(
            state.path(),
            &["device", "add", name, &board.address(), "--group", "street"],
        );
    }
    let gateway = Gateway::start(state, &["--check-every", "1", "--rate", "1000"]);
    let folder = tempfile::tempdir().unwrap();
    let apply = |image: &str, watch_s: u32| {
        fs::write(folder.path().join("lamp.wasm"), module(image)).unwrap();
        let file = folder.path().join("fleet.toml");
        let text = format!(
            "[set.lamps]\ngroups = [\"street\"]\n[set.lamps.containers.lamp]\nimage = \"lamp.wasm\"\n\
             [set.lamps.rollout]\nstages = [\"1\", \"50%\"]\nwatch_s = {watch_s}\n"
        );
        fs::write(&file, text).unwrap();
        done(
            gateway.state.path(),
            &["fleet", "apply", &file.to_string_lossy()],
        );
    };
    let browser = Browser::open(&gateway.address);
    browser.log_in(gateway.first_key.as_deref().unwrap());
    browser.click("nav a[href='/-/rollouts']");
    browser.shows("#rollouts", "Nothing is rolled out yet");
    apply(TALKS, 1);
    // The list fills by itself, and says when it is done.
    browser.shows("#rollouts", "1: lamps 1");
    browser.shows("#rollouts", "done");
    let shas = || {
        let http = gateway.client();
        let sha = |name: &&str| {
            let container = http
                .get(&format!("/v1/devices/{name}/containers/lamp"))
                .json();
            (container["sha256"].clone(), container["state"].clone())
        };
        names.iter().map(sha).collect::<Vec<_>>()
    };
    let before = shas();
    assert!(
        before.iter().all(|(_, state)| state == "running"),
        "{before:?}"
    );

    apply(FAULTS, 30);
    browser.shows("#rollouts", "2: lamps 2");
    browser.click("#rollout-2");
    browser.shows("#live", "stopped by itself");
    browser.shows(".message.error", "unreachable");
    // The one device that had it has the old one again; the others never heard of it.
    browser.shows(".stage.bad", "back");
    browser.shows(".stages", "not begun");
    assert_eq!(browser.count(".stage"), 3);
    wait_until("the fleet is as it was", || shas() == before);

    // One that is paused, and taken back, by hand.
    apply(ENDLESS, 1000);
    browser.go("/-/rollouts/3");
    browser.shows(".stages", "updated");
    browser.click("#pause");
    browser.shows("#live h1", "paused");
    browser.click("#resume");
    browser.shows("#live h1", "running");
    browser.click("#abort");
    browser.say_yes();
    browser.shows("#live h1", "aborted");
    wait_until("the fleet is as it was", || shas() == before);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
