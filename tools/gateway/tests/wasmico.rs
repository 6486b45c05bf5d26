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
    assert_eq!((large.status, &*large.code()), (413, "too-large"));
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

/// WASMICO's command line, as far as it is one: what each command sends, with its words in their order, and what it prints.
struct CommandLine {
    /// What `config` was told, by name; and the one that was selected.
    devices: Vec<(String, String)>,
    selected: String,
    /// Where files are uploaded from.
    files: Vec<(&'static str, Vec<u8>)>,
}

impl CommandLine {
    /// Runs one line of the paper's; returns the HTTP status and what it prints.
    fn run(&mut self, line: &str) -> (u16, serde_json::Value) {
        let words: Vec<_> = line.split(' ').skip(1).collect();
        match *words {
            ["config", name, address] => {
                self.devices.push((name.to_owned(), address.to_owned()));
                return (0, json!(null));
            }
            ["devices"] => {
                return (0, json!(self.devices));
            }
            ["select", name] => {
                // It keeps the address, not the name.
                let found = self.devices.iter().find(|(known, _)| known == name);
                found.unwrap().1.clone_into(&mut self.selected);
                return (0, json!(null));
            }
            _ => {}
        }
        // `http://` and the address: a user before the `@` is sent as HTTP basic.
        let (key, place) = self.selected.split_once('@').unwrap();
        let (address, device) = place.split_once('/').unwrap_or((place, ""));
        let basic = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, key);
        let mut http =
            support::Client::new(address, None).with("Authorization", &format!("Basic {basic}"));
        if !device.is_empty() {
            http = http.at(device);
        }
        let answer = match *words {
            ["upload", file, stack, memory, limit] => {
                let bytes = &self.files.iter().find(|(name, _)| *name == file).unwrap().1;
                let fields = [
                    ("reservedStackSize", stack),
                    ("reservedInitialMemory", memory),
                    ("memoryLimit", limit),
                ];
                http.upload(file, bytes, &fields)
            }
            ["edit", file, stack, memory, limit] => http.post(
                "/task/edit",
                &[
                    ("filename", file),
                    ("reservedStackSize", stack),
                    ("reservedInitialMemory", memory),
                    ("memoryLimit", limit),
                ],
            ),
            ["edit", file] => http.post("/task/edit", &[("filename", file)]),
            // The paper's word, and the program's.
            ["resume", file] => http.post("/task/unpause", &[("filename", file)]),
            [
                verb @ ("start" | "stop" | "pause" | "unpause" | "delete"),
                file,
            ] => http.post(&format!("/task/{verb}"), &[("filename", file)]),
            ["showactive"] => http.get("/task/active"),
            ["details"] => http.get("/task/details"),
            ["heap"] => http.get("/heap"),
            _ => panic!("{line}"),
        };
        (answer.status, answer.json())
    }
}

#[test]
fn the_command_lines_of_the_paper_do_what_it_says() {
    let (roof, attic) = (Board::new(), Board::new());
    let gateway = Gateway::with(&[("roof", &roof), ("attic", &attic)], &[]);
    let key = support::done(
        gateway.state.path(),
        &["key", "add", "ci", "--role", "operate"],
    );
    let mut wasmico = CommandLine {
        devices: Vec::new(),
        selected: String::new(),
        files: ["app.wasm", "example1.wasm", "test1.wasm"]
            .map(|name| (name, module(ENDLESS)))
            .to_vec(),
    };
    let address = &gateway.address;
    wasmico.run(&format!("wasmico config first x:{key}@{address}"));
    wasmico.run(&format!("wasmico config second x:{key}@{address}/attic"));
    assert_eq!(
        wasmico.run("wasmico devices").1.as_array().unwrap().len(),
        2
    );
    let said = |message: &str| (200, json!({ "status_code": 0, "message": message }));
    for device in ["first", "second"] {
        wasmico.run(&format!("wasmico select {device}"));
        let heap = |wasmico: &mut CommandLine| {
            let (status, heap) = wasmico.run("wasmico heap");
            assert_eq!((status, &heap["status_code"]), (200, &json!(0)));
            heap["free_heap_size"].as_u64().unwrap()
        };
        // Listings 3 to 9.
        assert_eq!(
            wasmico.run("wasmico upload app.wasm 10000 65536 4096"),
            said("file uploaded successfully")
        );
        assert_eq!(wasmico.run("wasmico edit app.wasm 10000 65536 4096").0, 200);
        assert_eq!(
            wasmico.run("wasmico start app.wasm"),
            said("task started successfully")
        );
        assert_eq!(wasmico.run("wasmico pause app.wasm").0, 200);
        assert_eq!(wasmico.run("wasmico resume app.wasm").0, 200);
        assert_eq!(wasmico.run("wasmico pause app.wasm").0, 200);
        // Listings 10 and 11, with the folder that the program has in front.
        let upload = wasmico.run("wasmico upload example1.wasm 4000 66536 2048");
        assert_eq!(upload, said("file uploaded successfully"));
        assert_eq!(
            wasmico.run("wasmico start example1.wasm"),
            said("task started successfully")
        );
        let (_, details) = wasmico.run("wasmico details");
        assert_eq!(
            details["files"][1],
            json!({"filename": "/tasks/example1.wasm", "reserved_stack_size": 4000, "reserved_initial_memory": 66536, "memory_limit": 2048})
        );
        let (_, active) = wasmico.run("wasmico showactive");
        assert_eq!(
            active["tasks"][0],
            json!({"filename": "/tasks/app.wasm", "paused": true})
        );
        assert_eq!(active["tasks"][1]["paused"], json!(false));
        assert!(
            active["tasks"][1]["stack_high_water_mark"].is_u64(),
            "{active}"
        );
        for file in ["app.wasm", "example1.wasm"] {
            assert_eq!(
                wasmico.run(&format!("wasmico stop {file}")),
                said("task stopped successfully")
            );
        }
        // Listing 2: what a task has taken is there again when it is stopped, which it is not in theirs.
        wasmico.run("wasmico upload test1.wasm 4096 65536 4096");
        let before = heap(&mut wasmico);
        assert_eq!(
            wasmico.run("wasmico start test1.wasm"),
            said("task started successfully")
        );
        assert!(heap(&mut wasmico) <= before);
        assert_eq!(
            wasmico.run("wasmico stop test1.wasm"),
            said("task stopped successfully")
        );
        assert_eq!(heap(&mut wasmico), before);
        for file in ["app.wasm", "example1.wasm", "test1.wasm"] {
            assert_eq!(wasmico.run(&format!("wasmico delete {file}")).0, 200);
        }
        assert_eq!(wasmico.run("wasmico start app.wasm").0, 404);
        assert_eq!(wasmico.run("wasmico details").1["files"], json!([]));
    }
}
