//! Uploads that are refused, and what they leave as it was.

use super::*;

#[test]
fn every_bad_upload_has_its_own_error() {
    let mut bench = Bench::new();
    bench.install("blink", BLINK);
    bench.ok(Op::Start { name: "blink" });
    let image = wat::parse_str(SPIN).unwrap();
    let other = wat::parse_str(BLINK).unwrap();

    assert_eq!(
        bench.refused(Op::UploadCommit { upload: 0 }),
        "this upload is not in progress"
    );
    assert_eq!(
        bench.refused(Bench::begin("no name", &image)),
        "not a container name"
    );
    assert_eq!(
        bench.refused(Bench::begin("blink", &image)),
        "the name is taken by another container"
    );
    bench.ask(Bench::begin("blink", &other), |result| {
        assert_eq!(result, Ok(Reply::Unchanged));
    });
    assert!(
        bench
            .refused(Op::UploadBegin {
                upload: 0,
                name: "big",
                length: u32::MAX,
                hash: ImageHash([0; 32]),
                parameters: Parameters::default(),
            })
            .starts_with("image too large")
    );
    let bad = Parameters {
        share: Some(0),
        ..Parameters::default()
    };
    assert!(
        bench
            .refused(Op::UploadBegin {
                upload: 0,
                name: "x",
                length: 8,
                hash: ImageHash([0; 32]),
                parameters: bad,
            })
            .contains("share")
    );

    // Truncated.
    bench.ok(Bench::begin("spin", &image));
    let (first, rest) = image.split_at(10);
    bench.ok(Op::UploadChunk {
        upload: 0,
        offset: 0,
        bytes: first,
    });
    assert_eq!(
        bench.refused(Op::UploadCommit { upload: 0 }),
        "image incomplete, only 10 bytes arrived"
    );
    // Out of order, too long, corrupted.
    bench.ok(Bench::begin("spin", &image));
    bench.ok(Op::UploadChunk {
        upload: 0,
        offset: 0,
        bytes: first,
    });
    assert!(
        bench
            .refused(Op::UploadChunk {
                upload: 0,
                offset: 11,
                bytes: rest
            })
            .contains("10")
    );
    bench.ok(Op::UploadChunk {
        upload: 0,
        offset: 0,
        bytes: first,
    });
    assert!(
        bench
            .refused(Op::UploadChunk {
                upload: 0,
                offset: 10,
                bytes: &[0; 200]
            })
            .contains("out of order")
    );
    let mut damaged = rest.to_vec();
    damaged[5] ^= 1;
    bench.ok(Op::UploadChunk {
        upload: 0,
        offset: 10,
        bytes: &damaged,
    });
    assert!(
        bench
            .refused(Op::UploadCommit { upload: 0 })
            .contains("damaged")
    );
    // An interrupted upload goes on where it was.
    bench.ok(Bench::begin("spin", &image));
    bench.ok(Op::UploadChunk {
        upload: 0,
        offset: 0,
        bytes: first,
    });
    bench.ask(Bench::begin("spin", &image), |result| {
        assert_eq!(result, Ok(Reply::Upload { offset: 10 }));
    });
    bench.ok(Op::UploadAbort { upload: 0 });
    // Not a module; a module that only a validator refuses.
    bench.upload("text", b"hello, world");
    assert!(
        bench
            .refused(Op::UploadCommit { upload: 0 })
            .contains("not a WebAssembly module")
    );
    let typed = br#"(module (func (export "_start") i32.add drop))"#;
    bench.upload("types", &wat::parse_bytes(typed).unwrap());
    assert!(
        bench
            .refused(Op::UploadCommit { upload: 0 })
            .starts_with("invalid module at offset")
    );

    // Full.
    for number in 1..crate::container::CONTAINERS_MAX {
        bench.install(&format!("c{number}"), SPIN);
    }
    assert_eq!(
        bench.refused(Bench::begin("one-more", &image)),
        "the device is full: 16 containers are stored"
    );

    bench.live(250_000);
    assert_eq!(bench.state("blink"), State::Running);
    assert_eq!(bench.supervisor.service.containers.iter().count(), 16);
}

/// What was reported: an announcement that is refused ended the other's upload, and a commit took what another had sent.
#[test]
fn a_refused_announcement_and_foreign_requests_change_nothing() {
    let mut bench = Bench::new();
    let image = wat::parse_str(BLINK).unwrap();
    let mine = |upload| Op::UploadBegin {
        upload,
        name: "mine",
        length: image.len() as u32,
        hash: ImageHash::of(&image),
        parameters: Parameters::default(),
    };
    bench.ok(mine(1));
    let (first, rest) = image.split_at(CHUNK_MAX.min(image.len() / 2));
    bench.ok(Op::UploadChunk {
        upload: 1,
        offset: 0,
        bytes: first,
    });
    for (length, name) in [(u32::MAX, "other"), (8, "no name"), (8, "other")] {
        let refused = bench.refused(Op::UploadBegin {
            upload: 2,
            name,
            length,
            hash: ImageHash([1; 32]),
            parameters: Parameters::default(),
        });
        assert!(!refused.is_empty());
    }
    for upload in [0, 2, u32::MAX] {
        let offset = first.len() as u32;
        let bytes = &[0; 8];
        for op in [
            Op::UploadChunk {
                upload,
                offset,
                bytes,
            },
            Op::UploadCommit { upload },
            Op::UploadAbort { upload },
        ] {
            assert_eq!(bench.refused(op), "this upload is not in progress");
        }
    }
    bench.ok(Op::UploadChunk {
        upload: 1,
        offset: first.len() as u32,
        bytes: rest,
    });
    bench.ok(Op::UploadCommit { upload: 1 });
    assert!(bench.supervisor.service.containers.find("mine").is_some());
}
