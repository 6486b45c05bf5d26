//! What executes a container: told, chosen, and what becomes of code that the device has compiled.

use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use berth_protocol::configuration::{ENGINE, INTERPRETER};
use berth_protocol::{Chosen, Engine, ImageHash, Op, Parameters, Reply};

use super::{BLINK, Bench, SPIN};
use crate::fake::Fake;
use crate::supervisor::Supervisor;

/// What the fake device says of all that it does not compile.
const WHY: &str = "it compiles nothing";

impl Bench {
    /// What executes a container, and why.
    fn engine(&mut self, name: &str) -> (Option<Engine>, Option<String>) {
        self.ask(Op::Engine { name }, |result| match result.unwrap() {
            Reply::Engine { engine, why } => (engine, why.map(ToString::to_string)),
            other => panic!("{other:?}"),
        })
    }

    /// Changes the configuration of a container.
    fn configure(&mut self, name: &str, changes: &str) {
        let (draft, length) = (7, changes.len() as u16);
        self.ok(Op::Draft {
            draft,
            offset: 0,
            bytes: changes.as_bytes(),
        });
        let chosen = Chosen {
            draft,
            length,
            values: None,
        };
        self.ok(Op::Change {
            name,
            parameters: Parameters::default(),
            restart: false,
            chosen,
        });
    }

    /// The images that the device has code of.
    fn code_of(&self) -> Vec<ImageHash> {
        self.fake.0.code_of.borrow().clone()
    }
}

fn hash(text: &str) -> ImageHash {
    ImageHash::of(&wat::parse_str(text).unwrap())
}

#[test]
fn the_engine_is_told_and_chosen_from_the_next_start_on() {
    let mut bench = Bench::new();
    bench.install("it", SPIN);
    assert_eq!(bench.engine("it"), (None, None), "nothing executes it");
    bench.ok(Op::Start { name: "it" });
    assert_eq!(bench.engine("it"), (Some(Engine::Interpreter), None));
    assert!(bench.logs("it").is_empty());
    // On a device that could compile it.
    bench.fake.0.interprets_for.set(Some(WHY));
    bench.ok(Op::Stop { name: "it" });
    bench.ok(Op::Start { name: "it" });
    let because = |why: &str| (Some(Engine::Interpreter), Some(why.to_string()));
    assert_eq!(bench.engine("it"), because(WHY));
    assert_eq!(
        bench.logs("it"),
        ["runs in the interpreter: it compiles nothing"]
    );
    bench.configure("it", &std::format!("{ENGINE}={INTERPRETER}\0"));
    assert_eq!(bench.engine("it"), because(WHY));
    bench.ok(Op::Stop { name: "it" });
    bench.ok(Op::Start { name: "it" });
    assert_eq!(bench.engine("it"), because("it was chosen"));
    assert_eq!(bench.logs("it").len(), 1, "nobody is told what he chose");
    bench.configure("it", &std::format!("{ENGINE}\0"));
    bench.ok(Op::Stop { name: "it" });
    bench.ok(Op::Start { name: "it" });
    assert_eq!(bench.engine("it"), because(WHY));
    let text = bench.type_text("inspect it\r");
    assert!(
        text.contains("engine: interpreter, it compiles nothing"),
        "{text}"
    );
    assert_eq!(
        bench.refused(Op::Engine { name: "who" }),
        "no container of this name"
    );
}

#[test]
fn code_goes_with_the_last_container_that_has_its_image() {
    let mut bench = Bench::new();
    let (spin, blink) = (hash(SPIN), hash(BLINK));
    bench.fake.0.code_of.replace(vec![spin, blink]);
    bench.polls(1);
    assert!(bench.code_of().is_empty(), "nobody has these images");
    bench.install("one", SPIN);
    bench.install("other", SPIN);
    bench.install("third", BLINK);
    bench.fake.0.code_of.replace(vec![spin, blink]);
    bench.ok(Op::Remove { name: "one" });
    assert_eq!(bench.code_of(), [spin, blink]);
    bench.ok(Op::Remove { name: "third" });
    assert_eq!(bench.code_of(), [spin]);
    bench.ok(Op::Remove { name: "other" });
    assert!(bench.code_of().is_empty());
}

/// What a log, an event and the device itself say of the time is one clock, whenever the supervisor has begun: who asks for
/// what was said until now gets all of it.
#[test]
fn what_was_written_is_never_later_than_the_device_says_that_it_is() {
    let fake = Fake::default();
    fake.0.now_us.set(250_000);
    let mut bench = Bench {
        supervisor: Supervisor::new(fake.clone()),
        fake,
        next_id: 100,
        text: String::new(),
    };
    bench.install("it", BLINK);
    bench.ok(Op::Start { name: "it" });
    bench.live(400_000);
    let now = bench.ask(Op::Hello { protocol: 0 }, |result| match result.unwrap() {
        Reply::Hello(device) => device.uptime_us,
        other => panic!("{other:?}"),
    });
    assert_eq!(now, 150_000);
    let line = Op::Log {
        name: "it",
        log: None,
        from: 1,
    };
    let written = bench.ask(line, |result| match result.unwrap() {
        Reply::LogLine { time_us, .. } => time_us,
        other => panic!("{other:?}"),
    });
    assert!((100_000..=now).contains(&written), "{written} at {now}");
    let last = bench.ask(Op::Events { log: None, from: 0 }, |result| {
        match result.unwrap() {
            Reply::Event { time_us, .. } => time_us,
            other => panic!("{other:?}"),
        }
    });
    assert!(last <= now, "{last} at {now}");
}
