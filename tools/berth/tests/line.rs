//! Operations over good and bad lines.

mod support;

use berth::{Address, Client, Error, Mux, UploadOutcome};
use berth_protocol::{Parameters, State};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use support::{FakeDevice, Faults};

fn connect(device: &FakeDevice) -> Client {
    let address = Address::Unix(device.path().to_owned());
    let mut client = Client::new(berth::open(&address).unwrap()).unwrap();
    // Repeats after 140 ms.
    client.set_timeout(Duration::from_secs(2));
    client
}

fn image(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 % 251) as u8).collect()
}

/// Everything once; each bad line must give what the good one gives.
fn whole_life(faults: Faults) -> Arc<Mutex<support::Memory>> {
    let device = FakeDevice::new(faults);
    let mut client = connect(&device);
    berth::hello(&mut client).unwrap();
    let image = image(1000);
    let mut heard = Vec::new();
    let outcome = berth::upload(&mut client, "a", &image, Parameters::default(), |bytes| {
        heard.push(bytes);
    });
    assert_eq!(outcome.unwrap(), UploadOutcome::Stored);
    assert_eq!(heard, [0, 224, 448, 672, 896, 1000]);
    assert_eq!(device.memory.lock().unwrap().image("a").unwrap(), image);
    berth::start(&mut client, "a").unwrap();
    let containers = berth::containers(&mut client).unwrap();
    assert_eq!((containers.len(), containers[0].state), (1, State::Running));
    assert_eq!(berth::exposures(&mut client).unwrap().len(), 3);
    assert_eq!(
        berth::log_line(&mut client, "a", None, 0)
            .unwrap()
            .unwrap()
            .text,
        "two"
    );
    berth::stop(&mut client, "a").unwrap();
    berth::remove(&mut client, "a").unwrap();
    assert!(berth::containers(&mut client).unwrap().is_empty());
    let executed = device.memory.lock().unwrap().executed.clone();
    for once in ["UploadBegin", "UploadCommit", "Start", "Stop", "Remove"] {
        let times = executed.iter().filter(|what| *what == once).count();
        assert_eq!(times, 1, "{once} in {executed:?}");
    }
    device.memory
}

#[test]
fn a_good_line() {
    whole_life(Faults::default());
}

#[test]
fn lost_requests_are_repeated() {
    whole_life(Faults {
        lose_request: Some(5),
        ..Faults::default()
    });
}

#[test]
fn a_request_whose_answer_is_lost_is_not_executed_twice() {
    whole_life(Faults {
        lose_answer: Some(5),
        ..Faults::default()
    });
}

#[test]
fn repeated_answers_are_taken_once() {
    whole_life(Faults {
        repeat_answer: Some(1),
        ..Faults::default()
    });
}

#[test]
fn damaged_answers_are_asked_for_again() {
    whole_life(Faults {
        damage_answer: Some(5),
        ..Faults::default()
    });
}

#[test]
fn text_between_frames_and_delays_do_no_harm() {
    whole_life(Faults {
        text_before_answer: Some(1),
        delay: Duration::from_millis(20),
        ..Faults::default()
    });
}

#[test]
fn an_operation_ends_when_its_time_is_over() {
    let device = FakeDevice::new(Faults {
        silent: true,
        ..Faults::default()
    });
    let mut client = connect(&device);
    client.set_timeout(Duration::from_secs(1000));
    let allowed = Duration::from_millis(200);
    client.set_deadline(Some(Instant::now() + allowed));
    // So does one that begins later.
    for _ in 0..2 {
        let error = berth::containers(&mut client).unwrap_err();
        assert!(
            matches!(error, Error::TimedOut { after, .. } if after <= allowed),
            "{error}"
        );
    }
}

#[test]
fn answers_later_than_the_repetition_do_no_harm() {
    let device = FakeDevice::new(Faults {
        delay: Duration::from_millis(200),
        ..Faults::default()
    });
    let mut client = connect(&device);
    berth::hello(&mut client).unwrap();
    berth::heap(&mut client).unwrap();
    let executed = device.memory.lock().unwrap().executed.clone();
    assert_eq!(executed, ["Hello", "Heap"]);
}

#[test]
fn an_interrupted_upload_goes_on_where_it_ended() {
    let device = FakeDevice::new(Faults {
        close_after: Some(3),
        ..Faults::default()
    });
    let image = image(1000);
    let mut starts = Vec::new();
    let outcome = loop {
        let mut first = None;
        let result = berth::upload(
            &mut connect(&device),
            "a",
            &image,
            Parameters::default(),
            |b| {
                first.get_or_insert(b);
            },
        );
        starts.extend(first);
        match result {
            Err(Error::Line(_)) if starts.len() < 10 => {}
            other => break other.unwrap(),
        }
    };
    assert_eq!(outcome, UploadOutcome::Stored);
    // Three requests a connection: begin and two parts; at last begin, part and commit.
    assert_eq!(starts, [0, 448, 896]);
    assert_eq!(device.memory.lock().unwrap().image("a").unwrap(), image);
}

#[test]
fn an_unchanged_image_is_not_sent_again() {
    let device = FakeDevice::new(Faults::default());
    let mut client = connect(&device);
    let mut upload =
        |image: &[u8]| berth::upload(&mut client, "a", image, Parameters::default(), |_| {});
    assert_eq!(upload(&image(500)).unwrap(), UploadOutcome::Stored);
    assert_eq!(upload(&image(500)).unwrap(), UploadOutcome::Unchanged);
    let error = upload(&image(501)).unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("name-taken", 1));
}

#[test]
fn an_empty_image_is_the_devices_to_judge() {
    let device = FakeDevice::new(Faults::default());
    berth::upload(
        &mut connect(&device),
        "a",
        &[],
        Parameters::default(),
        |_| {},
    )
    .unwrap();
    assert_eq!(device.memory.lock().unwrap().image("a").unwrap(), b"");
}

#[test]
fn a_damaged_upload_is_a_failed_verification() {
    let device = FakeDevice::new(Faults {
        bad_hash: true,
        ..Faults::default()
    });
    let error = berth::upload(
        &mut connect(&device),
        "a",
        &image(9),
        Parameters::default(),
        |_| {},
    )
    .unwrap_err();
    assert_eq!(error.exit_code(), 5);
}

#[test]
fn a_refusal_names_all_missing_imports_at_once() {
    let device = FakeDevice::new(Faults {
        lose_answer: Some(4),
        ..Faults::default()
    });
    let mut client = connect(&device);
    berth::upload(
        &mut client,
        "bad",
        b"MISSING",
        Parameters::default(),
        |_| {},
    )
    .unwrap();
    let Err(Error::Refused(refusal)) = berth::start(&mut client, "bad") else {
        panic!("not refused");
    };
    let missing: Vec<_> = refusal
        .missing
        .iter()
        .map(|m| (&m.module[..], &m.name[..]))
        .collect();
    assert_eq!(
        missing,
        [("mmio:flash", "claim"), ("env", "malloc"), ("berth", "fly")]
    );
}

#[test]
fn a_closed_line_is_not_a_timeout() {
    let device = FakeDevice::new(Faults {
        close_after: Some(0),
        ..Faults::default()
    });
    let error = berth::hello(&mut connect(&device)).unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");
}

#[test]
fn another_protocol_version_is_said() {
    let device = FakeDevice::new(Faults {
        protocol: Some(99),
        ..Faults::default()
    });
    let error = berth::hello(&mut connect(&device)).unwrap_err();
    assert!(matches!(error, Error::Version { device: 99 }), "{error}");
}

/// Uploads have a number since version 3: what is older says so, and what to do.
#[test]
fn a_device_of_version_2_is_told_with_what_to_do() {
    let device = FakeDevice::new(Faults {
        protocol: Some(2),
        ..Faults::default()
    });
    let error = berth::hello(&mut connect(&device)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the device speaks protocol 2, this berth speaks 3"
    );
    let hint = error.hint().unwrap();
    assert!(hint.contains("update the device's supervisor"), "{hint}");
}

#[test]
fn many_clients_share_a_line_behind_the_multiplexer() {
    let device = FakeDevice::new(Faults {
        text_before_answer: Some(3),
        ..Faults::default()
    });
    let socket = device.folder.path().join("shared");
    let text = Arc::new(Mutex::new(Vec::new()));
    let line = berth::open(&Address::Unix(device.path().to_owned())).unwrap();
    let seen = Arc::clone(&text);
    let mux = Mux::start(line, Some(&socket), move |bytes| {
        seen.lock().unwrap().extend_from_slice(bytes);
    })
    .unwrap();
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let address = Address::Unix(socket.clone());
            std::thread::spawn(move || {
                let (_lock, mut client, _) =
                    berth::connect(&address, Duration::from_secs(20)).unwrap();
                let name = format!("c{number}");
                let image = image(2000 + number);
                // Only one upload can be in progress: the others ask for heap meanwhile.
                if number == 0 {
                    berth::upload(&mut client, &name, &image, Parameters::default(), |_| {})
                        .unwrap();
                } else {
                    for _ in 0..20 {
                        assert_eq!(berth::heap(&mut client).unwrap().total, 200_000);
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let memory = device.memory.lock().unwrap();
    assert_eq!(memory.image("c0").unwrap(), image(2000));
    assert!(!mux.is_broken());
    drop(mux);
    assert!(!socket.exists());
    let text = text.lock().unwrap();
    assert!(text.starts_with(b"[other] a line of text\n[other]"));
}

/// Two operators behind one multiplexer upload at the same time, other images and the same one, again and again; one dies in the
/// middle and comes back.
#[test]
fn two_operators_upload_at_the_same_time() {
    let device = FakeDevice::new(Faults {
        repeat_answer: Some(13),
        delay: Duration::from_millis(1),
        ..Faults::default()
    });
    let socket = device.folder.path().join("shared");
    let line = berth::open(&device.address().parse().unwrap()).unwrap();
    let _mux = Mux::start(line, Some(&socket), |_| ()).unwrap();
    let address = Address::Unix(socket);
    let client = || Client::new(berth::open(&address).unwrap()).unwrap();
    let mut clients = [client(), client()];
    let send = |client: &mut Client, name: &str, image: &[u8]| {
        berth::upload(client, name, image, Parameters::default(), |_| ())
    };
    let other = |length: usize, seed: u8| -> Vec<u8> {
        image(length).into_iter().map(|byte| byte ^ seed).collect()
    };
    for round in 0..6 {
        let [first, second] = &mut clients;
        let (a, b) = (other(3_000, round), other(5_000, round + 100));
        // In the odd rounds both send the same.
        let (name_a, name_b) = (format!("a{round}"), format!("b{round}"));
        let (name_b, b) = match round % 2 {
            0 => (&name_b, &b),
            _ => (&name_a, &a),
        };
        std::thread::scope(|scope| {
            let one = scope.spawn(|| send(first, &name_a, &a));
            let two = scope.spawn(|| send(second, name_b, b));
            // Whoever comes second with the same finds it there.
            let done = [one.join().unwrap().unwrap(), two.join().unwrap().unwrap()];
            assert!(done.contains(&UploadOutcome::Stored), "{done:?}");
        });
        let memory = device.memory.lock().unwrap();
        assert_eq!(memory.image(&name_a).unwrap(), a);
        assert_eq!(memory.image(name_b).unwrap(), *b);
    }
    // One has died in the middle of an upload: nobody waits for it for long, and it is not in the way.
    let dead = other(4_000, 7);
    let begun = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut dies = client();
        let mut heard = 0;
        berth::upload(&mut dies, "dead", &dead, Parameters::default(), |_| {
            heard += 1;
            assert!(heard < 4, "dies");
        })
    }));
    assert!(begun.is_err());
    let [survivor, again] = &mut clients;
    assert_eq!(
        send(survivor, "after", &dead).unwrap(),
        UploadOutcome::Stored
    );
    assert_eq!(send(again, "dead", &dead).unwrap(), UploadOutcome::Stored);
}
