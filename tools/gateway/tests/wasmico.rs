//! WASMICO's HTTP API, as its command line uses it.

mod support;

use berth_protocol::Parameters;
use serde_json::json;
use std::time::Duration;
use support::{Board, ENDLESS, Gateway, module};

const OK: (u16, u64) = (200, 0);
const NUMBERS: [(&str, &str); 3] = [
    ("reservedStackSize", "10000"),
    ("reservedInitialMemory", "65536"),
    ("memoryLimit", "4096"),
];
const APP: [(&str, &str); 1] = [("filename", "app.wasm")];

fn ok(answer: &support::Answer) {
    let (status, code, message) = answer.said();
    assert_eq!((status, code), OK, "{message}");
}

#[test]
fn a_task_goes_through_its_whole_life() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client_of("ci", &["--role", "operate"]);

    let uploaded = http.upload("app.wasm", &module(ENDLESS), &NUMBERS);
    assert_eq!(
        (uploaded.status, uploaded.json()),
        (
            200,
            json!({"status_code": 0, "message": "file uploaded successfully"})
        )
    );
    assert_eq!(
        http.get("/task/details").json(),
        json!({
            "files": [{
                "filename": "/tasks/app.wasm",
                "reserved_stack_size": 10000,
                "reserved_initial_memory": 65536,
                "memory_limit": 4096
            }],
            "status_code": 0
        })
    );
    assert_eq!(
        http.get("/task/active").json(),
        json!({"tasks": [], "espressif_num_threads": 1, "status_code": 0})
    );

    ok(&http.post("/task/start", &APP));
    let active = http.get("/task/active").json();
    let task = &active["tasks"][0];
    assert_eq!(active["espressif_num_threads"], 2);
    assert_eq!(
        (&task["filename"], &task["paused"]),
        (&json!("/tasks/app.wasm"), &json!(false))
    );
    assert!(task["stack_high_water_mark"].is_u64(), "{task}");
    assert_eq!(
        http.post("/task/start", &APP).said(),
        (400, 1, "task is already executing".into())
    );

    ok(&http.post("/task/pause", &APP));
    let active = http.get("/task/active").json();
    assert_eq!(
        active["tasks"],
        json!([{"filename": "/tasks/app.wasm", "paused": true}])
    );
    assert_eq!(
        http.post("/task/pause", &APP).said(),
        (400, 1, "task is already paused".into())
    );
    ok(&http.post("/task/unpause", &APP));
    assert_eq!(
        http.post("/task/unpause", &APP).said(),
        (400, 1, "task is not paused".into())
    );

    assert_eq!(
        http.post("/task/delete", &APP).said(),
        (400, 1, "task is currently running".into())
    );
    ok(&http.post("/task/stop", &APP));
    for path in ["/task/stop", "/task/pause"] {
        let said = http.post(path, &APP).said();
        assert_eq!(said, (400, 1, "task is not executing".into()), "{path}");
    }
    // With the folder that the lists have in front.
    ok(&http.post("/task/delete", &[("filename", "/tasks/app.wasm")]));
    assert_eq!(http.get("/task/details").json()["files"], json!([]));
    for path in ["start", "stop", "pause", "unpause", "delete", "edit"] {
        let said = http.post(&format!("/task/{path}"), &APP).said();
        assert_eq!(said, (404, 1, "file not found".into()), "{path}");
    }
}

#[test]
fn the_heap_has_wasmicos_keys() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let heap = gateway.client().get("/heap").json();
    let heap = heap.as_object().unwrap();
    let keys: Vec<_> = heap.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["free_heap_size", "largest_free_block_size", "status_code"]
    );
    assert!(heap["free_heap_size"].as_u64() >= heap["largest_free_block_size"].as_u64());
}

#[test]
fn a_paused_task_can_be_deleted_with_what_it_keeps() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    let free =
        |http: &support::Client| http.get("/heap").json()["free_heap_size"].as_u64().unwrap();
    let before = free(&http);
    ok(&http.upload("app.wasm", &module(ENDLESS), &NUMBERS));
    ok(&http.post("/task/start", &APP));
    ok(&http.post("/task/pause", &APP));
    ok(&http.post("/task/delete", &APP));
    assert_eq!(free(&http), before);
}

#[test]
fn a_live_update_replaces_what_runs_and_starts_what_is_new() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    let live = [&NUMBERS[..], &[("liveUpdate", "true")]].concat();
    let paused =
        |http: &support::Client| http.get("/task/active").json()["tasks"][0]["paused"].clone();

    ok(&http.upload("app.wasm", &module(ENDLESS), &live));
    assert_eq!(paused(&http), json!(false));
    // Without the word, what runs is left alone.
    let other = module(&ENDLESS.replace("1000", "2000"));
    let (status, code, message) = http.upload("app.wasm", &other, &NUMBERS).said();
    assert_eq!((status, code), (400, 1));
    assert!(message.contains("liveUpdate"), "{message}");
    ok(&http.upload("app.wasm", &other, &live));
    assert_eq!(paused(&http), json!(false));

    // One that fails at once brings the old one back, and says so.
    let broken =
        module(r#"(module (memory 64 (pagesize 1)) (func (export "_start") unreachable))"#);
    let (status, code, message) = http.upload("app.wasm", &broken, &live).said();
    assert_eq!((status, code), (400, 1), "{message}");
    assert_eq!(paused(&http), json!(false));
    // The numbers are still those of the old one.
    assert_eq!(
        http.get("/task/details").json()["files"][0]["memory_limit"],
        4096
    );

    // What is stopped is replaced and stays stopped.
    ok(&http.post("/task/stop", &APP));
    ok(&http.upload("app.wasm", &module(ENDLESS), &NUMBERS));
    assert_eq!(http.get("/task/active").json()["tasks"], json!([]));
}

#[test]
fn edit_changes_the_numbers_that_are_given() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    ok(&http.upload("app.wasm", &module(ENDLESS), &NUMBERS));
    let edit = [
        APP[0],
        ("reservedStackSize", "12000"),
        ("memoryLimit", "8192"),
    ];
    ok(&http.post("/task/edit", &edit));
    // WASMICO sets all to the least if none is given; here they stay.
    ok(&http.post("/task/edit", &APP));
    let file = &http.get("/task/details").json()["files"][0];
    assert_eq!(
        (
            &file["reserved_stack_size"],
            &file["reserved_initial_memory"],
            &file["memory_limit"]
        ),
        (&json!(12000), &json!(65536), &json!(8192))
    );
    ok(&http.post("/task/start", &APP));
    let live = [
        APP[0],
        ("reservedStackSize", "9000"),
        ("liveUpdate", "true"),
    ];
    ok(&http.post("/task/edit", &live));
    assert_eq!(
        http.get("/task/active").json()["tasks"][0]["paused"],
        json!(false)
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_400() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    let code = module(ENDLESS);
    let refused = |answer: support::Answer| {
        let (status, code, message) = answer.said();
        assert_eq!((status, code), (400, 1), "{message}");
    };
    refused(http.upload("app.txt", &code, &NUMBERS));
    refused(http.upload(
        "a name that is far too long for a container.wasm",
        &code,
        &NUMBERS,
    ));
    refused(http.upload("../app.wasm", &code, &NUMBERS));
    refused(http.upload("app.wasm", b"no module", &[]));
    refused(http.upload("app.wasm", &code, &[("reservedStackSize", "much")]));
    refused(http.post("/task/upload", &NUMBERS));
    refused(http.post("/task/start", &[]));
    refused(http.send("POST", "/task/start", "multipart/form-data", b"no border"));
    assert_eq!(http.get("/task/details").json()["files"], json!([]));
    // What WASMICO's authors left over is not there.
    for path in ["/erase", "/filesystem"] {
        assert_eq!(http.post(path, &[]).status, 404, "{path}");
    }
    assert_eq!(http.get("/task/start").status, 405);
    assert_eq!(http.post("/task/active", &[]).status, 405);
    // Larger than any device takes.
    let large = http.upload("app.wasm", &vec![0; 4 << 20], &[]);
    assert!(matches!(large.status, 400 | 413), "{large:?}");
}

#[test]
fn each_device_is_below_its_name_and_one_is_the_default() {
    let (roof, attic) = (Board::new(), Board::new());
    let gateway = Gateway::with(&[("roof", &roof), ("attic", &attic)], &[]);
    let http = gateway.client();
    ok(&http
        .at("attic")
        .upload("app.wasm", &module(ENDLESS), &NUMBERS));
    let files = |http: &support::Client| {
        http.get("/task/details").json()["files"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        [
            files(&http),
            files(&http.at("roof")),
            files(&http.at("attic"))
        ],
        [0, 0, 1]
    );
    let (status, _, message) = http.at("cellar").get("/heap").said();
    assert_eq!((status, &*message), (404, "there is no device \"cellar\""));
}

#[test]
fn what_was_uploaded_by_berth_is_found_with_its_ending_and_without() {
    let board = Board::new();
    let address = board.address().parse().unwrap();
    let (lock, mut client, _) = berth::connect(&address, Duration::from_secs(60)).unwrap();
    let image = berth::prepare(module(ENDLESS), "app").unwrap().bytes;
    berth::upload(&mut client, "app", &image, Parameters::default(), |_| {}).unwrap();
    drop((client, lock));

    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let http = gateway.client();
    assert_eq!(
        http.get("/task/details").json()["files"],
        json!([{
            "filename": "/tasks/app",
            // Nobody gave numbers, so there are none.
            "reserved_stack_size": 0,
            "reserved_initial_memory": 0,
            "memory_limit": 0
        }])
    );
    ok(&http.post("/task/start", &APP));
    ok(&http.post("/task/stop", &[("filename", "app")]));
    ok(&http.post("/task/edit", &[APP[0], ("memoryLimit", "4096")]));
    assert_eq!(
        http.get("/task/details").json()["files"][0]["memory_limit"],
        4096
    );
    ok(&http.post("/task/delete", &APP));
}
