//! `berth` through a gateway: the same operations, the same refusals, and who may do what.

mod support;

use berth_protocol::Parameters;
use std::time::Duration;
use support::{Board, ENDLESS, Gateway, board::Does, done, module, wait_until};

/// A container of this name that is not new.
const NAME: &str = "blink";

fn address(gateway: &Gateway, key: &str, device: &str) -> berth::Address {
    let text = format!("http://x:{key}@{}/{device}", gateway.address);
    text.parse().unwrap()
}

fn connect(gateway: &Gateway, key: &str) -> Result<berth::Client, berth::Error> {
    let place = address(gateway, key, "roof");
    let (_lock, client, _) = berth::connect(&place, Duration::from_secs(20))?;
    Ok(client)
}

fn key(gateway: &Gateway, name: &str, role: &str) -> String {
    done(gateway.state.path(), &["key", "add", name, "--role", role])
}

#[test]
fn what_berth_does_over_a_line_it_does_through_a_gateway() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let first = gateway.first_key.clone().unwrap();
    let mut client = connect(&gateway, &first).unwrap();

    let image = module(ENDLESS);
    let stored = berth::upload(&mut client, NAME, &image, Parameters::default(), |_| {});
    assert_eq!(stored.unwrap(), berth::UploadOutcome::Stored);
    berth::start(&mut client, NAME).unwrap();
    let containers = berth::containers(&mut client).unwrap();
    assert_eq!(containers.len(), 1);
    assert!(containers[0].is_active() && containers[0].name == *NAME);
    let images = berth::images(&mut client).unwrap();
    assert_eq!(
        berth::read_image(&mut client, &images[0], |_| {}).unwrap(),
        image
    );

    // A refusal is the device's own, whole with its details.
    let again = berth::start(&mut client, NAME).unwrap_err();
    assert!(again.is_refusal("wrong-state"), "{again}");
    let nobodys =
        module(r#"(module (import "nobody" "has_this" (func)) (func (export "_start")))"#);
    berth::upload(
        &mut client,
        "other",
        &nobodys,
        Parameters::default(),
        |_| {},
    )
    .unwrap();
    let refused = berth::start(&mut client, "other").unwrap_err();
    assert!(refused.to_string().contains("nobody has_this"), "{refused}");

    berth::stop(&mut client, NAME).unwrap();
    berth::remove(&mut client, NAME).unwrap();
    let rows: Vec<_> = gateway
        .audit()
        .into_iter()
        .filter(|(action, ..)| !action.contains(' '))
        .collect();
    let row = |action: &str, subject: &str, outcome: &str| {
        (action.to_owned(), subject.to_owned(), outcome.to_owned())
    };
    for (action, subject, outcome) in [
        ("upload", NAME, "done"),
        ("commit", NAME, "done"),
        ("start", NAME, "done"),
        ("start", NAME, "wrong-state"),
        ("start", "other", "missing-imports"),
        ("stop", NAME, "done"),
        ("delete", NAME, "done"),
    ] {
        assert!(
            rows.contains(&row(action, subject, outcome)),
            "{action}: {rows:?}"
        );
        assert!(rows.contains(&row(action, subject, "asked")), "{rows:?}");
    }
}

#[test]
fn a_key_may_do_what_its_role_says() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let viewer = key(&gateway, "viewer", "view");
    let mut client = connect(&gateway, &viewer).unwrap();
    assert!(berth::containers(&mut client).unwrap().is_empty());
    let image = module(ENDLESS);
    let denied = berth::upload(&mut client, NAME, &image, Parameters::default(), |_| {});
    let denied = denied.unwrap_err();
    assert!(matches!(denied, berth::Error::Denied(_)), "{denied}");
    assert_eq!((denied.exit_code(), denied.code()), (1, "denied"));
    assert_eq!(board.heard("UploadBegin"), 0);
    // A part or a commit alone is no way round it.
    let first = gateway.first_key.clone().unwrap();
    for op in [
        berth_protocol::Op::UploadCommit { upload: 1 },
        berth_protocol::Op::UploadChunk {
            upload: 1,
            offset: 0,
            bytes: &[0],
        },
        berth_protocol::Op::Reset { uptime_us: 0 },
    ] {
        let mut client = connect(&gateway, &viewer).unwrap();
        let denied = client.request("test", op, |_| ()).unwrap_err();
        assert!(
            matches!(denied, berth::Error::Denied(_)),
            "{op:?}: {denied}"
        );
        let mut client = connect(&gateway, &first).unwrap();
        client.request("test", op, |_| ()).unwrap();
    }

    let stranger = connect(&gateway, "berth_no_key").map(|_| ()).unwrap_err();
    assert!(matches!(stranger, berth::Error::Denied(_)), "{stranger}");
    let elsewhere = address(&gateway, &first, "attic");
    let none = berth::connect(&elsewhere, Duration::from_secs(20))
        .map(|_| ())
        .unwrap_err();
    assert_eq!((none.exit_code(), none.code()), (3, "gateway"), "{none}");
    assert!(none.to_string().contains("attic"), "{none}");
    assert!(!none.to_string().contains(&first), "{none}");
}

#[test]
fn what_is_no_message_and_a_device_that_is_away_say_so() {
    let board = Board::new();
    let gateway = Gateway::with(&[("roof", &board)], &[]);
    let kind = "application/octet-stream";
    let http = gateway.client();
    for wrong in [&b""[..], &[0xff; 10], &[1, 0xff, 0xff], &[7; 4000]] {
        let answer = http.send("POST", "/v1/devices/roof/messages", kind, wrong);
        assert_eq!((answer.status, answer.code()), (400, "bad-request".into()));
    }
    board.set(Does::Pulled);
    let first = gateway.first_key.clone().unwrap();
    wait_until("the device is away", || {
        let away = connect(&gateway, &first).map(|_| ());
        matches!(away, Err(berth::Error::Gateway { why, .. }) if why.contains("not there"))
    });
    board.set(Does::Pass);
    wait_until("the device is there again", || {
        connect(&gateway, &first).is_ok()
    });
}

#[test]
fn a_gateway_that_is_not_there_cannot_be_opened() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://{}/roof", listener.local_addr().unwrap());
    drop(listener);
    let nobody = berth::connect(&place.parse().unwrap(), Duration::from_secs(20));
    let nobody = nobody.map(|_| ()).unwrap_err();
    assert_eq!(
        (nobody.exit_code(), nobody.code()),
        (3, "cannot-open"),
        "{nobody}"
    );
}
