//! What an older supervisor has left in flash is there for this one.
//!
//! Before there were configurations and named values the store had 34 keys in place of 68, the last one, 33, was that of
//! the upload, and an image's metadata ended behind its quarantine. The bytes of that metadata are written out here. Before there
//! were counters of packages it had 68 keys, and 67 was that of the upload.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use berth_flash::{PAGE_BYTES, Simulated};
use berth_protocol::{
    Chosen, ImageHash, Level, NAME_MAX, Op, Parameters, Reply, Restart, Service, State,
};
use berth_store::Store;

use super::Bench;

/// Pages of the reference part.
const PAGES: usize = 128;

/// The store as it was: images under keys 0 to 15, saved states under 16 to 31, the candidate of a live update under 32.
type Older = Store<Simulated, PAGES, 34>;

/// Parameters that nobody has chosen: nine times nothing.
const NOTHING: &[u8] = &[0; 9];

/// Stack 1,024, memory 2,048, limit 65,536, share 30, restarted after three failures with 500 ms, with the device, from level
/// warn on, handlers of 20 ms and 5,000 fuel, six writes a day.
const ALL: &[u8] = &[
    1, 0x80, 0x08, 1, 0x80, 0x10, 1, 0x80, 0x80, 0x04, 1, 30, 1, 1, 3, 0xf4, 0x03, 1, 1, 1, 1, 1,
    20, 0x88, 0x27, 1, 6,
];

fn all() -> Parameters {
    Parameters {
        stack: Some(1_024),
        memory: Some(2_048),
        limit: Some(65_536),
        share: Some(30),
        restart: Some(Restart::OnFailure {
            limit: 3,
            backoff_ms: 500,
        }),
        boot: Some(true),
        log_level: Some(Level::Warn),
        service: Some(Service {
            period_ms: 20,
            budget: 5_000,
        }),
        writes: Some(6),
    }
}

/// The metadata of an image.
fn meta(name: &str, parameters: &[u8], quarantined: bool) -> Vec<u8> {
    let name = [&[name.len() as u8], name.as_bytes()].concat();
    [&name, parameters, &[quarantined.into()]].concat()
}

fn store(older: &mut Older, key: u8, image: &[u8], meta: &[u8]) {
    let hash = ImageHash::of(image);
    older
        .begin(image.len() as u32, &hash.0, meta)
        .expect("there is room");
    older.write(0, image).expect("it is written");
    older.commit(key, None).expect("it is stored");
}

/// Says what was saved, counts its starts in the value `n`, and says that.
fn program(number: usize) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "berth" "state_load" (func $load (param i32 i32) (result i32)))
          (import "berth" "config_get" (func $config (param i32 i32 i32 i32) (result i32)))
          (import "berth" "value_get" (func $get (param i32 i32 i32 i32) (result i32)))
          (import "berth" "value_set" (func $set (param i32 i32 i32 i32) (result i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 64 (pagesize 1))
          (data (i32.const 0) "n??0 {number}")
          (func (export "_start")
            (drop (call $load (i32.const 1) (i32.const 1)))
            (drop (call $config (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 1)))
            (drop (call $get (i32.const 0) (i32.const 1) (i32.const 3) (i32.const 1)))
            (i32.store8 (i32.const 3) (i32.add (i32.load8_u (i32.const 3)) (i32.const 1)))
            (call $log (i32.const 0) (i32.const 1) (i32.const 3))
            (call $exit (call $set (i32.const 0) (i32.const 1) (i32.const 3) (i32.const 1)))))"#
    );
    wat::parse_str(text).unwrap()
}

impl Bench {
    /// The flash that an older supervisor has left.
    fn of_older(fill: impl FnOnce(&mut Older)) -> Self {
        let mut older = Older::mount(Simulated::new(PAGES)).expect("an empty store");
        fill(&mut older);
        Self::with_flash(older.into_flash())
    }

    /// How the container called `name` is to be run.
    fn parameters(&mut self, name: &str) -> Parameters {
        self.ask(Op::Inspect { name }, |result| match result {
            Ok(Reply::Inspection(found)) => found.parameters,
            other => panic!("{other:?}"),
        })
    }

    /// Start it, and return what it has said, and its code.
    fn says(&mut self, name: &str) -> (String, i32) {
        self.ok(Op::Start { name });
        self.live(self.fake.0.now_us.get() + 20_000);
        let State::Exited { code } = self.state(name) else {
            panic!("{:?}", self.state(name));
        };
        (self.logs(name).pop().expect("it has said something"), code)
    }

    fn free_pages(&mut self) -> usize {
        self.ask(Op::Status, |result| match result {
            Ok(Reply::Status(status)) => {
                status.store.expect("there is a store").free as usize / PAGE_BYTES
            }
            other => panic!("{other:?}"),
        })
    }
}

#[test]
fn containers_parameters_and_states_of_an_older_store_are_there() {
    let (first, hostile, last) = (program(0), program(5), program(15));
    let mut bench = Bench::of_older(|older| {
        store(older, 0, &first, &meta("first", NOTHING, false));
        older.put(16, &[], b"S").unwrap();
        store(older, 5, &hostile, &meta("hostile", NOTHING, true));
        store(older, 15, &last, &meta("last", ALL, false));
        older.put(31, &[], b"T").unwrap();
        // The power went in a trial, and then in an upload.
        store(older, 32, &program(16), &meta("first", NOTHING, false));
        let long = [7; 3 * PAGE_BYTES];
        let hash = ImageHash::of(&long);
        let begun = older.begin(long.len() as u32, &hash.0, &meta("more", NOTHING, false));
        assert_eq!(begun, Ok(0));
        assert_eq!(
            older.write(0, &long[..PAGE_BYTES + 40]),
            Ok(PAGE_BYTES as u32 + 40)
        );
    });
    bench.polls(4);
    for (name, image) in [("first", &first), ("hostile", &hostile), ("last", &last)] {
        let containers = &bench.supervisor.service.containers;
        let slot = containers.find(name).expect(name);
        let hash = containers.get(slot).map(|container| container.hash());
        assert_eq!(hash, Some(ImageHash::of(image)), "{name}");
    }
    assert!(bench.supervisor.service.containers.find("more").is_none());
    assert_eq!(bench.parameters("first"), Parameters::default());
    assert_eq!(bench.parameters("last"), all());
    assert_eq!(bench.state("hostile"), State::Quarantined);
    // It starts with the device.
    bench.live(20_000);
    assert_eq!(bench.logs("last"), ["T?1"]);
    assert_eq!(bench.says("first"), ("S?1".into(), 0));
    // What nobody has is gone: three images and three small objects have a page each; root and log three, and three stay free.
    let free = bench.free_pages();

    // What there was not is there, beside what there was.
    bench.change("first", "n=7\0", None).unwrap();
    let mut bench = bench.restarted();
    assert_eq!(bench.says("first"), ("S72".into(), 0));
    assert_eq!(bench.parameters("last"), all());
    bench.ok(Op::Lift { name: "hostile" });
    assert_eq!(bench.says("hostile"), ("??1".into(), 0));
    // A configuration, and a value of another.
    assert_eq!(bench.free_pages(), free - 2);
    let chosen = Chosen::default();
    bench.place("more", &program(17), chosen, None).unwrap();
    assert_eq!(bench.says("more"), ("??1".into(), 0));
}

/// As many containers as there can be, with the longest names and all parameters: each gets a configuration and a value,
/// which the directory has room for.
#[test]
fn a_full_older_store_has_room_for_what_is_new() {
    let name = |number: usize| format!("{number:0>width$}", width = NAME_MAX);
    let mut bench = Bench::of_older(|older| {
        for number in 0..16 {
            let key = number as u8;
            store(
                older,
                key,
                &program(number),
                &meta(&name(number), ALL, false),
            );
            older.put(16 + key, &[], b"S").unwrap();
        }
    });
    for number in 0..16 {
        let name = name(number);
        let name = name.as_str();
        bench.live(bench.fake.0.now_us.get() + 50_000);
        assert_eq!(bench.logs(name), ["S?1"], "{number}");
        bench.change(name, "n=7\0", Some(100)).expect(name);
    }
    let mut bench = bench.restarted();
    bench.live(bench.fake.0.now_us.get() + 1_000_000);
    for number in 0..16 {
        let name = name(number);
        assert_eq!(bench.logs(&name), ["S72".to_string()], "{number}");
        assert_eq!(bench.parameters(&name), all(), "{number}");
    }
}

/// The power went in an upload, and the firmware was renewed: where the upload was there are counters now.
#[test]
fn an_upload_that_an_older_supervisor_left_is_no_counter_and_is_removed() {
    let mut older = Store::<Simulated, PAGES, 68>::mount(Simulated::new(PAGES)).expect("empty");
    let image = program(0);
    let (length, hash) = (image.len() as u32, ImageHash::of(&image));
    let meta = meta("first", NOTHING, false);
    older.begin(length, &hash.0, &meta).unwrap();
    older.write(0, &image).unwrap();
    older.commit(0, None).unwrap();
    let long = [7; 3 * PAGE_BYTES];
    let hash = ImageHash::of(&long);
    older.begin(long.len() as u32, &hash.0, &meta).unwrap();
    older.write(0, &long[..PAGE_BYTES + 40]).unwrap();
    let mut bench = Bench::with_flash(older.into_flash());
    bench.polls(4);
    let packages = bench.ask(Op::Trust, |result| match result {
        Ok(Reply::Trust(trust)) => trust.packages,
        other => panic!("{other:?}"),
    });
    assert_eq!(packages, 0);
    assert_eq!(bench.says("first").1, 0);
    // One image and its values; root and log three, and three stay free.
    assert_eq!(bench.free_pages(), PAGES - 2 - 3 - 3);
}
