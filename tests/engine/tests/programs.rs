//! Programs of real compilers compute at every level of optimisation what they do elsewhere, and at
//! all levels the same.
//!
//! A program is so many instructions that the other engine is asked for results only.

use berth_admission::Module as Admitted;
use berth_engine_tests::outcome::{Ending, Value};
use berth_engine_tests::product::Running;
use berth_engine_tests::programs;
use berth_engine_tests::start::with_start;
use stack_machine::{Engine, Linker, Module, Store};

const CALLS: i32 = 12;

/// Returns what the other engine says.
fn expected(image: &[u8]) -> Vec<i32> {
    let engine = Engine::default();
    let module = Module::new(&engine, image).unwrap();
    let mut store = Store::new(&engine, ());
    let linker = Linker::<()>::new(&engine);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let instance = instance.start(&mut store).unwrap();
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    (0..CALLS)
        .map(|seed| run.call(&mut store, seed).unwrap())
        .collect()
}

#[test]
fn programs_compute_what_they_do_elsewhere_at_every_level() {
    let folder = tempfile::tempdir().unwrap();
    let images = programs::compile(folder.path()).unwrap();
    assert_eq!(images.len(), 12);
    let mut first: Vec<(&str, Vec<i32>)> = Vec::new();
    for (name, image) in &images {
        let image = with_start(image).unwrap();
        Admitted::scan(&image).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let mut running = Running::new(&image, 1_000).unwrap();
        let is: Vec<i32> = programs::calls(CALLS)
            .iter()
            .map(|call| match running.call("run", call).unwrap() {
                Ending::Returned(values) => match values[..] {
                    [Value::I32(value)] => value,
                    _ => panic!("{name}: {values:?}"),
                },
                trapped => panic!("{name}: {trapped:?}"),
            })
            .collect();
        assert_eq!(is, expected(&image), "{name}");
        let language = name.split(' ').next().unwrap();
        match first.iter().find(|(known, _)| *known == language) {
            Some((_, results)) => assert_eq!(&is, results, "{name}"),
            None => first.push((language, is)),
        }
    }
}
