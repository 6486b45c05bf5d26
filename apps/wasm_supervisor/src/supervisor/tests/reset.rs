//! A reset that somebody asks for, and reading back what is stored.

use std::vec::Vec;

use berth_flash::Simulated;
use berth_protocol::{CHUNK_MAX, DeviceError, Op, Parameters, Reply, State};

use super::{BLINK, Bench, SPIN};
use crate::fake::EXPOSED;

/// A supervisor with a store.
fn bench() -> Bench {
    Bench::with_flash(Simulated::new(32))
}

fn uptime(bench: &mut Bench) -> u64 {
    bench.ask(Op::Hello { protocol: 0 }, |result| match result.unwrap() {
        Reply::Hello(device) => device.uptime_us,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_reset_ends_all_and_the_next_run_begins_as_after_power_on() {
    let mut bench = bench();
    bench.install("blink", BLINK);
    bench.install("spin", SPIN);
    let parameters = Parameters {
        boot: Some(true),
        ..Parameters::default()
    };
    bench.ok(Op::Edit {
        name: "spin",
        parameters,
        restart: false,
    });
    bench.ok(Op::Start { name: "blink" });
    bench.ok(Op::Start { name: "spin" });
    // One of them never sleeps.
    bench.polls(9);
    bench.fake.0.now_us.set(2_000_000);
    let uptime_us = uptime(&mut bench);
    bench.ok(Op::Reset { uptime_us });
    assert_eq!(bench.fake.0.restarts.get(), 1);
    // Nothing is held, and nothing runs.
    assert_eq!(*bench.fake.0.holders.borrow(), [None; EXPOSED.len()]);
    assert_eq!(bench.state("blink"), State::Stopped);
    let mut bench = bench.restarted();
    bench.polls(20);
    assert_eq!(bench.state("spin"), State::Running);
    assert_eq!(bench.state("blink"), State::Stored);
    // The same again, because its answer was lost: it is done already.
    bench.ok(Op::Reset { uptime_us });
    assert_eq!(bench.fake.0.restarts.get(), 1);
    assert_eq!(bench.state("spin"), State::Running);
}

#[test]
fn a_reset_ends_safe_mode() {
    let mut bench = bench();
    bench.install("spin", SPIN);
    for _ in 0..3 {
        bench.fake.fail();
        bench = bench.restarted();
    }
    bench.ask(Op::Start { name: "spin" }, |result| {
        assert_eq!(result, Err(DeviceError::SafeMode));
    });
    assert!(bench.type_text("reset\n").contains("ok"));
    let mut bench = bench.restarted();
    bench.ok(Op::Start { name: "spin" });
}

#[test]
fn an_image_is_read_back_as_it_was_stored() {
    let image = wat::parse_str(BLINK).unwrap();
    assert!(image.len() > CHUNK_MAX, "several parts");
    for mut bench in [bench(), Bench::new()] {
        bench.upload("blink", &image);
        bench.ok(Op::UploadCommit { upload: 0 });
        let mut read = Vec::new();
        loop {
            let op = Op::ReadImage {
                name: "blink",
                offset: read.len() as u32,
            };
            let part = bench.ask(op, |result| match result.unwrap() {
                Reply::ImagePart { bytes } => bytes.to_vec(),
                other => panic!("{other:?}"),
            });
            if part.is_empty() {
                break;
            }
            read.extend(part);
        }
        assert_eq!(read, image);
        for offset in [image.len() as u32 + 1, u32::MAX] {
            let op = Op::ReadImage {
                name: "blink",
                offset,
            };
            bench.ask(op, |result| {
                assert_eq!(result, Ok(Reply::ImagePart { bytes: &[] }));
            });
        }
        let op = Op::ReadImage {
            name: "nobody",
            offset: 0,
        };
        bench.ask(op, |result| {
            assert_eq!(result, Err(DeviceError::UnknownName));
        });
    }
}
