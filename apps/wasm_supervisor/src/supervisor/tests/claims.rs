//! What a container claims: mapped blocks, and refusals that name everything.

use core::sync::atomic::Ordering;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use berth_protocol::{Access, DeviceError, Fault, Holder, MissingWhy, Op, Reply, State};

use super::{BLINK, Bench};
use crate::fake::EXPOSED;

/// A module that claims the mapped block as `$b` and does `body`.
fn on_mapped(body: &str) -> String {
    format!(
        r#"(module
          (import "mmio:uart1" "claim" (func $claim (result i32)))
          (import "mmio" "read8" (func $read8 (param i32 i32) (result i32)))
          (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
          (import "mmio" "write32" (func $write (param i32 i32 i32)))
          (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
          (import "berth" "exit" (func $exit (param i32)))
          (import "berth" "yield" (func $yield))
          (func (export "_start") (local $b i32)
            (local.set $b (call $claim))
            {body}))"#
    )
}

impl Bench {
    /// The table as the shell shows it, with single blanks.
    fn exposures_table(&mut self) -> String {
        let table = self.type_text("exposures\n");
        table.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Access class and holder of each exposure.
    fn exposures(&mut self) -> Vec<(String, Access, String)> {
        let mut list = Vec::new();
        loop {
            let cursor = list.len() as u16;
            let item = self.ask(Op::Exposures { cursor }, |result| match result.unwrap() {
                Reply::Exposure { item, .. } => Some((
                    item.label.to_string(),
                    item.access,
                    match item.holder {
                        Holder::Container(name) => name.to_string(),
                        other => format!("{other:?}"),
                    },
                )),
                _ => None,
            });
            match item {
                Some(item) => list.push(item),
                None => return list,
            }
        }
    }

    /// The blocks of a container, with how they are reached.
    fn blocks(&mut self, name: &str) -> Vec<(String, Access)> {
        let mut list = Vec::new();
        let mut from = Some(0);
        while let Some(cursor) = from {
            from = self.ask(Op::Blocks { name, cursor }, |result| {
                match result.unwrap() {
                    Reply::Block {
                        label,
                        access,
                        next,
                    } => {
                        list.push((label.to_string(), access));
                        next
                    }
                    Reply::End => None,
                    other => panic!("{other:?}"),
                }
            });
        }
        list
    }

    fn mapped_word(&self, index: usize) -> u32 {
        self.fake.0.mapped.0[index].load(Ordering::Relaxed)
    }
}

const WORK: &str = "(call $write (local.get $b) (i32.const 4) (i32.const 0xf0))
  (call $modify (local.get $b) (i32.const 4) (i32.const 0x33) (i32.const 0x11))
  (loop $again (call $yield) (br $again))";

#[test]
fn accesses_to_a_mapped_block_make_no_system_call() {
    let mut bench = Bench::new();
    bench.install("uart", &on_mapped(WORK));
    bench.ok(Op::Start { name: "uart" });
    bench.polls(3);
    assert_eq!(bench.mapped_word(1), 0xd1);
    assert!(bench.fake.0.writes.borrow().is_empty());
    let uart1 = ("uart1".to_string(), Access::Mapped, "uart".to_string());
    assert_eq!(bench.exposures()[2], uart1);
    assert!(bench.exposures_table().contains("mapped uart"));
}

#[test]
fn without_a_region_the_kernel_makes_the_accesses_and_everyone_is_told() {
    let mut bench = Bench::new();
    bench.fake.0.no_region.set(true);
    bench.install("uart", &on_mapped(WORK));
    bench.ok(Op::Start { name: "uart" });
    bench.polls(3);
    assert_eq!(*bench.fake.0.writes.borrow(), [(2, 4, 0xf0), (2, 4, 0xd1)]);
    assert_eq!(bench.mapped_word(1), 0);
    let uart1 = ("uart1".to_string(), Access::Fallback, "uart".to_string());
    assert_eq!(bench.exposures()[2], uart1);
    assert!(bench.exposures_table().contains("mediated-fallback uart"));
    // What a free block may be is not what the last holder got.
    bench.ok(Op::Stop { name: "uart" });
    assert_eq!(bench.exposures()[2].1, Access::Mapped);
}

#[test]
fn a_container_tells_its_own_blocks_and_the_kernel_is_not_asked() {
    let mut bench = Bench::new();
    bench.install(
        "many",
        r#"(module
          (import "mmio:uart1" "claim" (func (result i32)))
          (import "irq:timer0" "unregister" (func))
          (import "mmio:timer0" "claim" (func (result i32)))
          (import "mmio:fpgaio" "claim" (func (result i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (func (export "_start") (call $sleep (i64.const 10000000))))"#,
    );
    assert_eq!(bench.blocks("many"), []);
    for no_region in [false, true] {
        bench.fake.0.no_region.set(no_region);
        bench.ok(Op::Start { name: "many" });
        bench.fake.0.described.set(0);
        let uart1 = if no_region {
            Access::Fallback
        } else {
            Access::Mapped
        };
        let all = [
            ("uart1", uart1),
            ("timer0", Access::Mediated),
            ("fpgaio", Access::Mediated),
        ];
        let all = all.map(|(label, access)| (label.to_string(), access));
        assert_eq!(bench.blocks("many"), all);
        bench.ok(Op::Pause { name: "many" });
        assert_eq!(bench.blocks("many"), all);
        assert_eq!(bench.fake.0.described.get(), 0);
        let said = bench.type_text("inspect many\n");
        assert!(said.contains("block fpgaio: mediated"), "{said}");
        bench.ok(Op::Stop { name: "many" });
        assert_eq!(bench.blocks("many"), []);
    }
    let unknown = Op::Blocks {
        name: "nobody",
        cursor: 0,
    };
    bench.ask(unknown, |result| {
        assert_eq!(result, Err(DeviceError::UnknownName));
    });
}

#[test]
fn the_list_of_exposures_asks_the_kernel_once_about_each() {
    let mut bench = Bench::new();
    bench.exposures();
    // And once what is behind the last.
    assert_eq!(bench.fake.0.described.get(), EXPOSED.len() as u32 + 1);
}

#[test]
fn a_mapped_block_ends_where_it_ends() {
    for (body, fault) in [
        (
            "(drop (call $read (local.get $b) (i32.const 16)))",
            Fault::BadRegister,
        ),
        (
            "(drop (call $read (local.get $b) (i32.const 14)))",
            Fault::BadRegister,
        ),
        (
            "(drop (call $read (local.get $b) (i32.const 2)))",
            Fault::BadRegister,
        ),
        (
            "(drop (call $read (local.get $b) (i32.const -4)))",
            Fault::BadRegister,
        ),
        // The block takes words only.
        (
            "(drop (call $read8 (local.get $b) (i32.const 0)))",
            Fault::BadRegister,
        ),
        (
            "(call $write (local.get $b) (i32.const 16) (i32.const -1))",
            Fault::BadRegister,
        ),
        (
            "(call $modify (local.get $b) (i32.const 13) (i32.const -1) (i32.const -1))",
            Fault::BadRegister,
        ),
        (
            "(call $write (i32.const 1) (i32.const 0) (i32.const -1))",
            Fault::BadHandle,
        ),
        (
            "(call $modify (i32.const 8) (i32.const 0) (i32.const -1) (i32.const -1))",
            Fault::BadHandle,
        ),
    ] {
        let mut bench = Bench::new();
        bench.install("bad", &on_mapped(body));
        bench.ok(Op::Start { name: "bad" });
        bench.polls(3);
        assert_eq!(bench.state("bad"), State::Faulted { fault }, "{body}");
        let logs = bench.logs("bad");
        let text = format!("faulted: {} in main", fault.word());
        assert!(logs[0].starts_with(&text), "{logs:?}");
        assert!(logs[0].contains("last call mmio."), "{logs:?}");
        for index in 0..4 {
            assert_eq!(bench.mapped_word(index), 0, "{body}");
        }
        assert_eq!(bench.exposures()[2].2, "Free");
    }
}

#[test]
fn missing_and_held_labels_are_named_together() {
    let mut bench = Bench::new();
    bench.install("blink", BLINK);
    bench.install("uart", &on_mapped(WORK));
    bench.install(
        "greedy",
        r#"(module
          (import "mmio:fpgaio" "claim" (func (result i32)))
          (import "mmio:watchdog" "claim" (func (result i32)))
          (import "mmio:timer0" "claim" (func (result i32)))
          (import "mmio:uart1" "claim" (func (result i32)))
          (func (export "_start")))"#,
    );
    bench.ok(Op::Start { name: "blink" });
    bench.ok(Op::Start { name: "uart" });
    bench.next_id = 700;
    assert_eq!(
        bench.refused(Op::Start { name: "greedy" }),
        "3 imports are not available on this device"
    );
    let mut reasons = Vec::new();
    for index in 0..4 {
        bench.ask(Op::Detail { of: 701, index }, |result| {
            match result.unwrap() {
                Reply::Missing { module, why, .. } => {
                    reasons.push((module.to_string(), why, None));
                }
                Reply::Held { module, holder, .. } => {
                    let holder = holder.map(ToString::to_string);
                    reasons.push((module.to_string(), MissingWhy::InUse, holder));
                }
                Reply::End => assert_eq!(index, 3),
                other => panic!("{other:?}"),
            }
        });
    }
    let named = |name: &str| Some(name.to_string());
    assert_eq!(
        reasons,
        [
            ("mmio:fpgaio".into(), MissingWhy::InUse, named("blink")),
            ("mmio:watchdog".into(), MissingWhy::NotExposed, None),
            ("mmio:uart1".into(), MissingWhy::InUse, named("uart")),
        ]
    );
    // Nothing was taken, not even what was free.
    assert_eq!(bench.exposures()[1].2, "Free");
    let text = bench.type_text("start greedy\n");
    assert!(text.contains("mmio:fpgaio.claim: in use"), "{text}");
    assert!(text.contains("mmio:watchdog.claim: not exposed by this board"));
}

#[test]
fn two_held_labels_are_named_together() {
    let mut bench = Bench::new();
    bench.install("blink", BLINK);
    bench.install("uart", &on_mapped(WORK));
    bench.install(
        "both",
        r#"(module
          (import "mmio:fpgaio" "claim" (func (result i32)))
          (import "mmio:uart1" "claim" (func (result i32)))
          (func (export "_start")))"#,
    );
    bench.ok(Op::Start { name: "blink" });
    bench.ok(Op::Start { name: "uart" });
    assert_eq!(
        bench.refused(Op::Start { name: "both" }),
        "2 imports are not available on this device"
    );
    bench.ok(Op::Stop { name: "blink" });
    assert_eq!(
        bench.refused(Op::Start { name: "both" }),
        "uart1 is in use by container uart"
    );
    bench.ok(Op::Stop { name: "uart" });
    bench.ok(Op::Start { name: "both" });
}
