//! What a broker hears of devices: mosquitto, as Debian has it.

mod support;

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};
use support::{Board, Gateway, done, module, program, wait_until};
use tempfile::TempDir;

/// Writes a line, and ends with a fault.
const WRITES_AND_FAULTS: &str = r#"(module
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 64 (pagesize 1))
  (data (i32.const 0) "about to fail")
  (func (export "_start") (call $log (i32.const 2) (i32.const 0) (i32.const 13)) (unreachable)))"#;

struct Mosquitto {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    /// With more lines in its configuration, in which `FOLDER` is a folder of its own.
    fn with(lines: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let lines = lines.replace("FOLDER", &folder.path().display().to_string());
        fs::write(
            folder.path().join("conf"),
            format!("listener {port} 127.0.0.1\n{lines}"),
        )
        .unwrap();
        let mut this = Self {
            folder,
            port,
            child: None,
        };
        this.start();
        this
    }

    fn open() -> Self {
        Self::with("allow_anonymous true\n", |_| {})
    }

    fn start(&mut self) {
        // Started by root it would become another user, who may not read its folder.
        let user = "user root\n";
        let configuration = self.folder.path().join("conf");
        let text = fs::read_to_string(&configuration).unwrap();
        if !text.contains(user) {
            fs::write(&configuration, text + user).unwrap();
        }
        let child = Command::new("/usr/sbin/mosquitto")
            .arg("-c")
            .arg(configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto (tools/setup/setup.sh tests)");
        self.child = Some(child);
        let port = self.port;
        wait_until("the broker listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Somebody who hears all topics.
    fn listen(&self) -> Heard {
        listen(MqttOptions::new("", "127.0.0.1", self.port))
    }
}

fn listen(mut options: MqttOptions) -> Heard {
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut connection) = Client::new(options, 16);
    client.subscribe("#", QoS::AtLeastOnce).unwrap();
    let heard = Heard {
        heard: Arc::default(),
        client,
    };
    let all = Arc::clone(&heard.heard);
    std::thread::spawn(move || {
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::Publish(said))) => {
                    let payload = String::from_utf8(said.payload.to_vec()).unwrap();
                    all.lock().unwrap().push((said.topic, payload));
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    heard
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Heard {
    heard: Arc<Mutex<Vec<(String, String)>>>,
    client: Client,
}

impl Heard {
    fn of(&self, topic: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let of = heard.iter().filter(|(said, _)| said == topic);
        of.map(|(_, payload)| payload.clone()).collect()
    }

    fn last(&self, topic: &str) -> Option<String> {
        self.of(topic).pop()
    }

    fn json(&self, topic: &str) -> Option<Value> {
        serde_json::from_str(&self.last(topic)?).ok()
    }

    fn wait(&self, what: &str, topic: &str, is_so: impl Fn(&Value) -> bool) {
        wait_until(what, || self.json(topic).is_some_and(|value| is_so(&value)));
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        // It may be gone.
        let _ = self.client.disconnect();
    }
}

fn upload(gateway: &Gateway, name: &str) {
    let path = format!("/v1/devices/roof/containers/{name}?start=true");
    let answer =
        gateway
            .client()
            .send("PUT", &path, "application/wasm", &module(WRITES_AND_FAULTS));
    assert!(answer.status < 300, "{answer:?}");
}

#[test]
fn a_broker_hears_of_devices_containers_events_and_lines() {
    let (board, broker) = (Board::new(), Mosquitto::open());
    let heard = broker.listen();
    let gateway = Gateway::with(
        &[("roof", &board)],
        &[
            "--mqtt",
            &broker.url(),
            "--mqtt-prefix",
            "plant/7/",
            "--mqtt-logs",
        ],
    );
    heard.wait("the device is there", "plant/7/devices/roof", |device| {
        device["state"] == "here" && device["seen"]["heap"]["free"].as_u64().is_some()
    });
    assert_eq!(heard.last("plant/7/gateway").unwrap(), "online");
    upload(&gateway, "bad");
    let container = "plant/7/devices/roof/containers/bad";
    heard.wait("its container", container, |container| {
        container["state"] == "faulted"
    });
    wait_until("the event", || {
        let events = heard.of("plant/7/devices/roof/events");
        events.iter().any(|event| {
            let event: Value = serde_json::from_str(event).unwrap();
            event["event"] == "faulted" && event["name"] == "bad" && event["sequence"].is_u64()
        })
    });
    wait_until("the line", || {
        let lines = heard.of(&format!("{container}/log"));
        lines.iter().any(|line| line.contains("\"about to fail\""))
    });
    // Who comes later hears what is so, and not what happened.
    let later = broker.listen();
    later.wait("what is so", container, |container| {
        container["state"] == "faulted"
    });
    assert!(later.of("plant/7/devices/roof/events").is_empty());
    let path = "/v1/devices/roof/containers/bad";
    assert_eq!(gateway.client().send("DELETE", path, "", b"").status, 204);
    wait_until("it is gone", || {
        later.last(container).as_deref() == Some("")
    });
    done(gateway.state.path(), &["device", "remove", "roof"]);
    wait_until("the device is gone", || {
        later.last("plant/7/devices/roof").as_deref() == Some("")
    });
}

#[test]
fn a_broker_that_was_away_hears_what_is_so_and_what_happened() {
    let (board, mut broker) = (Board::new(), Mosquitto::open());
    let gateway = Gateway::with(&[("roof", &board)], &["--mqtt", &broker.url()]);
    let heard = broker.listen();
    heard.wait("the device is there", "berth/devices/roof", |device| {
        device["state"] == "here"
    });
    broker.kill();
    upload(&gateway, "bad");
    let path = "/v1/devices/roof/containers/bad";
    wait_until("it has failed", || {
        gateway.client().get(path).body.contains("faulted")
    });
    broker.start();
    // It keeps nothing, and knows nobody any more.
    let heard = broker.listen();
    heard.wait("what is so", "berth/devices/roof/containers/bad", |it| {
        it["state"] == "faulted"
    });
    wait_until("what happened", || {
        let events = heard.of("berth/devices/roof/events");
        events.iter().any(|event| event.contains("faulted"))
    });
}

#[test]
fn a_gateway_that_ends_is_offline_however_it_ends() {
    let broker = Mosquitto::open();
    for killed in [false, true] {
        let gateway = Gateway::with(&[], &["--mqtt", &broker.url()]);
        let heard = broker.listen();
        wait_until("it is there", || {
            heard.last("berth/gateway").as_deref() == Some("online")
        });
        if killed {
            gateway.kill();
        } else {
            gateway.end();
        }
        wait_until("it is not there", || {
            heard.last("berth/gateway").as_deref() == Some("offline")
        });
    }
}

#[test]
fn a_broker_with_tls_and_names_hears_who_proves_his_own() {
    const WORDS: [&str; 2] = ["gate", "open sesame"];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = listener.local_addr().unwrap().port();
    drop(listener);
    let broker = Mosquitto::with(
        &format!(
            "certfile FOLDER/certificate.pem\nkeyfile FOLDER/key.pem\nallow_anonymous false\n\
             password_file FOLDER/names\nlistener {plain} 127.0.0.1\n"
        ),
        |folder| {
            let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
            fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
            fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
            let made = Command::new("/usr/bin/mosquitto_passwd")
                .args(["-b", "-c"])
                .arg(folder.join("names"))
                .args(WORDS)
                .status();
            assert!(made.unwrap().success());
        },
    );
    let url = broker.url().replace("mqtt:", "mqtts:");
    let certificate = broker.folder.path().join("certificate.pem");
    let certificate = certificate.to_str().unwrap();
    let named = [
        "--listen",
        "127.0.0.1:0",
        "--mqtt",
        &url,
        "--mqtt-user",
        WORDS[0],
    ];
    let trusted = [&named[..], &["--mqtt-certificate", certificate]].concat();
    let state = tempfile::tempdir().unwrap();
    let start = |password: &str, words: &[&str]| {
        let mut command = program(state.path());
        command.env("BERTH_MQTT_PASSWORD", password).args(words);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    for (password, words, why) in [
        ("wrong", &trusted[..], "NotAuthorized"),
        (WORDS[1], &named[..], "certificate"),
    ] {
        let mut gateway = start(password, words);
        let said = BufReader::new(gateway.stderr.take().unwrap()).lines();
        let mut said = said.map_while(Result::ok);
        // A system that trusts nobody says so at once.
        let why = said.find(|line| line.contains(why));
        gateway.kill().unwrap();
        gateway.wait().unwrap();
        why.expect("it says why");
    }
    let mut options = MqttOptions::new("", "127.0.0.1", plain);
    options.set_credentials(WORDS[0], WORDS[1]);
    let heard = listen(options);
    let mut gateway = start(WORDS[1], &trusted);
    wait_until("it is there", || {
        heard.last("berth/gateway").as_deref() == Some("online")
    });
    gateway.kill().unwrap();
    gateway.wait().unwrap();
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_opened() {
    let state = tempfile::tempdir().unwrap();
    for words in [
        &["--mqtt", "hub:1883"][..],
        &["--mqtt", "mqtt://hub", "--mqtt-prefix", "a/#"],
        &["--mqtt", "mqtt://hub", "--mqtt-certificate", "/nothing"],
        &["--mqtt-logs"],
    ] {
        let output = program(state.path()).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
    }
}
