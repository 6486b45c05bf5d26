//! Random operations, power cuts among them, against the reference model: one million; as many as
//! `STORE_OPERATIONS` says in longer runs.

mod support;

use berth_random::Random;
use support::model::{Model, Op, PAGE, PAGES, Tested, is_possible, restart};
use support::operations::operation;
use support::setting;
use support::unstable::Unstable;

use berth_store::Error;

/// Runs of operations on one store each.
#[derive(Default, Debug)]
struct Counts {
    operations: u64,
    done: u64,
    cuts: u64,
    settled: u64,
    full: u64,
    apart: u64,
    /// Programs that the flash refused.
    refused: u64,
}

#[test]
fn a_million_random_operations_and_the_model_agree() {
    let operations = setting("STORE_OPERATIONS", 1_000_000);
    let seed = setting("STORE_SEED", 1);
    let mut counts = Counts::default();
    let mut life = 0;
    while counts.operations < operations {
        // A part lives for some thousands of erases; a new one begins with other luck.
        live(seed * 1_000_003 + life, 5_000, &mut counts);
        life += 1;
    }
    println!("store: {counts:?} on {life} parts, seed {seed}");
    assert!(counts.cuts * 20 > counts.operations);
    assert!(counts.done * 2 > counts.operations);
    assert!(counts.refused * 100_000 < counts.operations);
    // Free pages that cannot be brought together are rare even in a store that is always nearly full.
    assert!(counts.apart * 100 < counts.operations, "{counts:?}");
}

fn live(seed: u64, operations: u64, counts: &mut Counts) {
    let mut random = Random(seed);
    let mut store = Tested::mount(Unstable::new(PAGES)).unwrap();
    let mut model = Model::default();
    for _ in 0..operations {
        counts.operations += 1;
        let op = operation(&mut random, &model);
        if random.one_in(3) {
            let seed = [0, u64::MAX, random.number()][random.below(3) as usize];
            let most = if random.one_in(3) { 12 } else { 150 };
            let after = random.below(most);
            store.flash_mut().cut(after, seed);
        }
        let (answer, after) = model.run(&mut store, &op);
        if store.flash().is_off() {
            counts.cuts += 1;
            store = restart(store, &mut random);
            assert!(is_possible(&model, &after, &op, &store), "{op:?}");
            store = settle(store, &model, &after, &op, &mut random, counts);
            model = found(&model, &after, &store);
            continue;
        }
        store.flash_mut().cut(u64::MAX, 0);
        match answer {
            Ok(()) => {
                counts.done += 1;
                model = after;
            }
            Err(error) => {
                let before = &model;
                if matches!(error, Error::Full { .. }) {
                    counts.full += 1;
                    counts.apart += u64::from(is_apart(&store, error));
                }
                check_refusal(before, &op, error);
                if matches!(op, Op::Begin { .. }) && !model.is_in(&store) {
                    model = model.without_upload();
                }
            }
        }
        assert!(model.is_in(&store), "{op:?}: {answer:?}");
        if random.one_in(50) {
            store = restart(store, &mut random);
            assert!(model.is_in(&store), "after a reset");
        }
        // Three cuts in a row that leave no trace at the same entry of the root: nobody could know.
        let violations = &store.flash().violations;
        assert!(violations.iter().all(|at| *at < 2 * PAGE), "{violations:?}");
        counts.refused += violations.len() as u64;
        store.flash_mut().violations.clear();
    }
}

/// Is there room, but not in one piece?
fn is_apart(store: &Tested, error: Error) -> bool {
    matches!(error, Error::Full { needed, .. } if needed <= store.space().free)
}

/// A refusal must have a reason that the model can see.
fn check_refusal(model: &Model, op: &Op, error: Error) {
    let has = |key: &u8| model.objects.contains_key(key);
    let fine = match (op, error) {
        (_, Error::Full { .. } | Error::Directory) => true,
        (Op::Write { .. }, Error::NoUpload) => model.upload.is_none(),
        (Op::Commit { .. }, Error::NoUpload) => model.upload.is_none(),
        (Op::Commit { .. }, Error::Incomplete { expected }) => model
            .upload
            .as_ref()
            .is_some_and(|(image, _)| (expected as usize) < image.bytes.len()),
        (Op::Link { from, .. } | Op::Rename { from, .. }, Error::NoObject) => !has(from),
        _ => false,
    };
    assert!(fine, "{op:?}: {error:?}");
}

/// Make certain what was found, with more power cuts in between.
fn settle(
    mut store: Tested,
    before: &Model,
    after: &Model,
    op: &Op,
    random: &mut Random,
    counts: &mut Counts,
) -> Tested {
    // In a full store two cuts in a row are allowed for, else more.
    let cuts = 1 + store.space().free as usize / PAGE;
    for _ in 0..cuts.min(4) {
        if random.one_in(2) {
            store.flash_mut().cut(random.below(150), random.number());
        }
        let done = store.settle();
        if !store.flash().is_off() {
            store.flash_mut().cut(u64::MAX, 0);
            done.unwrap();
            counts.settled += 1;
            return store;
        }
        store = restart(store, random);
        assert!(is_possible(before, after, op, &store), "{op:?}, settling");
    }
    store.settle().unwrap();
    store
}

/// Which of the possible outcomes it was.
fn found(before: &Model, after: &Model, store: &Tested) -> Model {
    [before.clone(), after.clone(), before.without_upload()]
        .into_iter()
        .find(|model| model.is_in(store))
        .expect("none of the possible outcomes")
}
