//! Devices that do what devices do: stall, flood, send garbage, go away and come back.

mod support;

use std::{sync::mpsc, time::Duration};
use support::{Board, ENDLESS, Gateway, board::Does, module, wait_until};

/// A device does its worst while somebody waits for it; all that is asked of another one meanwhile is answered.
fn slows_no_other(does: Does) {
    let (good, bad) = (Board::new(), Board::new());
    let gateway = Gateway::with(&[("good", &good), ("bad", &bad)], &["--rate", "100000"]);
    let http = gateway.client();
    wait_until("both are there", || {
        http.at("bad").get("/heap").status == 200
    });
    bad.set(does);
    std::thread::scope(|scope| {
        let (ended, ends) = mpsc::channel();
        let http = &http;
        scope.spawn(move || {
            let answer = http.at("bad").get("/heap");
            ended.send(answer.status).unwrap();
        });
        let mut status = None;
        let mut answered = 0;
        // As long as the bad one keeps its caller waiting, and then some more.
        while status.is_none() || answered < 100 {
            assert_eq!(http.at("good").get("/heap").status, 200);
            answered += 1;
            std::thread::sleep(Duration::from_millis(5));
            status = status.or_else(|| ends.try_recv().ok());
        }
        assert!(matches!(status, Some(502..=504)), "{does:?}: {status:?}");
    });
    // It is forgiven when it behaves.
    bad.set(Does::Pass);
    wait_until("the bad one is back", || {
        http.at("bad").get("/heap").status == 200
    });
}

#[test]
fn one_that_stalls_slows_no_other() {
    slows_no_other(Does::Stall);
}

#[test]
fn one_that_takes_nothing_slows_no_other() {
    slows_no_other(Does::Block);
}

#[test]
fn one_that_floods_slows_no_other() {
    slows_no_other(Does::Flood);
}

#[test]
fn one_that_sends_garbage_slows_no_other() {
    slows_no_other(Does::Garbage);
}

#[test]
fn one_that_goes_away_is_said_to_be_and_found_again() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    wait_until("it is there", || http.get("/heap").status == 200);
    board.set(Does::Pulled);
    wait_until("it is away", || http.get("/heap").status == 503);
    let away = http.get("/heap");
    assert_eq!((away.status, &*away.code()), (503, "device-away"));
    assert!(away.header("retry-after").is_some());
    board.set(Does::Pass);
    wait_until("it is back", || http.get("/heap").status == 200);
}

#[test]
fn an_upload_whose_cable_is_pulled_goes_on_where_it_ended() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    wait_until("it is there", || http.get("/heap").status == 200);
    // Long enough for many parts.
    let data = "x".repeat(8000);
    let text = ENDLESS.replace(
        "(memory (export \"memory\") 64 (pagesize 1))",
        &format!("(memory (export \"memory\") 8192 (pagesize 1)) (data (i32.const 0) \"{data}\")"),
    );
    let code = module(&text);
    board.line.lock().unwrap().pull_after_chunks = Some(10);
    std::thread::scope(|scope| {
        let (http, code) = (&http, &code);
        let upload = scope.spawn(move || http.upload("app.wasm", code, &[]));
        wait_until("the cable is pulled", || {
            board.line.lock().unwrap().does == Does::Pulled
        });
        // Whoever cannot wait is told so, and not kept.
        wait_until("it is known to be away", || http.get("/heap").status == 503);
        board.set(Does::Pass);
        let (status, _, message) = upload.join().unwrap().said();
        assert_eq!((status, &*message), (200, "file uploaded successfully"));
    });
    let line = board.line.lock().unwrap();
    assert!(line.opened >= 2);
    let restarts = line
        .chunks
        .windows(2)
        .filter(|pair| pair[1] <= pair[0])
        .count();
    let from_the_beginning = line.chunks.iter().filter(|offset| **offset == 0).count();
    assert!(line.chunks.len() > 20, "{:?}", line.chunks);
    // The part that the device did not hear is sent again; nothing before it.
    assert_eq!((restarts, from_the_beginning), (1, 1), "{:?}", line.chunks);
    drop(line);
    assert_eq!(
        http.post("/task/start", &[("filename", "app.wasm")]).status,
        200
    );
}

#[test]
fn a_change_is_not_made_twice_when_its_answer_is_lost() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    assert_eq!(http.upload("app.wasm", &module(ENDLESS), &[]).status, 200);
    board.set(Does::Stall);
    let started = http.post("/task/start", &[("filename", "app.wasm")]);
    assert!(matches!(started.status, 503 | 504), "{started:?}");
    board.set(Does::Pass);
    wait_until("it is back", || http.get("/heap").status == 200);
    // It was told that nobody knows; it was not done behind its back afterwards.
    assert_eq!(board.heard("Start"), 1);
    let log = gateway.audit();
    let rows: Vec<_> = log
        .iter()
        .filter(|(action, _, _)| action == "start")
        .collect();
    assert_eq!((rows.len(), &*rows[0].2), (2, "asked"));
    assert_ne!(rows[1].2, "done");
}

#[test]
fn only_so_many_wait_for_one_device() {
    let (good, bad) = (Board::new(), Board::new());
    let gateway = Gateway::with(&[("good", &good), ("bad", &bad)], &["--rate", "100000"]);
    let http = gateway.client();
    wait_until("it is there", || http.at("bad").get("/heap").status == 200);
    bad.set(Does::Stall);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..90)
            .map(|_| scope.spawn(|| http.at("bad").get("/heap")))
            .collect();
        let answers: Vec<_> = waiting.into_iter().map(|one| one.join().unwrap()).collect();
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer.status, 502..=504))
        );
        assert!(answers.iter().any(|answer| answer.code() == "device-busy"));
    });
    assert_eq!(http.at("good").get("/heap").status, 200);
}

#[test]
fn devices_come_and_go_while_the_gateway_runs() {
    let (roof, attic) = (Board::new(), Board::new());
    let gateway = Gateway::with(&[("roof", &roof)], &[]);
    let http = gateway.client();
    support::done(
        gateway.state.path(),
        &["device", "add", "attic", &attic.address(), "--default"],
    );
    wait_until("it is there", || {
        http.at("attic").get("/heap").status == 200
    });
    wait_until("it is the default", || {
        http.get("/heap");
        attic.heard("Heap") >= 2
    });
    support::done(gateway.state.path(), &["device", "remove", "attic"]);
    wait_until("it is gone", || http.at("attic").get("/heap").status == 404);
    assert_eq!(http.at("roof").get("/heap").status, 200);
    // Its line is free for others.
    let address = attic.address().parse().unwrap();
    wait_until("its line is free", || {
        berth::connect(&address, Duration::from_secs(10)).is_ok()
    });
}
