//! Power cuts at every word and every erase of a workload that does everything a store can do; then,
//! after each of them, at every word and every erase of doing the interrupted operation again.

mod support;

use berth_flash::Flash;
use berth_random::Random;
use support::model::{Answer, Image, Model, Op, PAGE, PAGES, Tested, is_possible, restart};
use support::operations::operation;
use support::unstable::Unstable;

/// Which bits of the interrupted word have changed: none, all, some.
const SEEDS: [u64; 3] = [0, u64::MAX, 0x1234_5678_9abc_def1];

fn upload(seed: u64, length: usize, to: u8, drop: Option<u8>) -> Vec<Op> {
    let image = Image::new(seed, length);
    let meta = vec![seed as u8; 5];
    let mut ops = vec![Op::Begin { image, meta }];
    let mut left = length;
    while left > 0 {
        // Not whole words, so that parts overlap.
        let bytes = left.min(301);
        ops.push(Op::Write { bytes });
        left -= bytes & !3;
        if bytes == left || bytes < 4 {
            break;
        }
    }
    ops.push(Op::Write { bytes: PAGE });
    ops.push(Op::Commit { to, drop });
    ops
}

fn put(key: u8, length: usize) -> Op {
    let bytes = Image::new(length as u64, length).bytes;
    let meta = vec![key; 3];
    Op::Put { key, meta, bytes }
}

/// Upload, edit, save state, share, delete, replace, live update, fill up, make room.
fn workload() -> Vec<Op> {
    // Changes of small things, until what stays has to move for the wear's sake.
    let mut ops: Vec<Op> = (1..=12).map(|length| put(5, length)).collect();
    ops.extend(upload(1, 700, 0, None));
    ops.push(put(4, 30));
    ops.push(Op::Link {
        from: 0,
        to: 0,
        meta: vec![9; 8],
    });
    ops.push(Op::Link {
        from: 0,
        to: 1,
        meta: vec![7; 8],
    });
    ops.push(put(4, 55));
    ops.push(Op::Begin {
        image: Image::new(5, 900),
        meta: vec![1],
    });
    ops.push(Op::Write { bytes: 600 });
    ops.push(Op::Begin {
        image: Image::new(5, 900),
        meta: vec![1, 2],
    });
    ops.push(Op::Abort);
    // A live update: the candidate, then in one step in the old one's place.
    ops.extend(upload(2, 513, 3, None));
    ops.push(Op::Rename {
        from: 3,
        to: 0,
        drop: Some(4),
    });
    // Replaced at once, with the saved state gone.
    ops.push(put(5, 4));
    ops.extend(upload(3, 64, 1, Some(5)));
    ops.push(put(2, 1100));
    ops.push(Op::Remove {
        key: 0,
        and: Some(1),
    });
    ops.push(Op::Remove { key: 2, and: None });
    for key in 0..6 {
        ops.extend(upload(10 + u64::from(key), PAGE, key, None));
    }
    ops.push(Op::Remove {
        key: 0,
        and: Some(2),
    });
    ops.push(Op::Remove { key: 4, and: None });
    // What is free now lies apart; this needs it in one piece.
    ops.extend(upload(4, 7 * PAGE - 3, 0, None));
    ops
}

#[test]
fn a_cut_at_every_step_and_another_at_every_step_of_trying_again() {
    let mut random = Random(1);
    let mut counts = Counts::default();
    let mut store = Tested::mount(Unstable::new(PAGES)).unwrap();
    let mut model = Model::default();
    // The root is about to change its page.
    let last_entries = (PAGE - 2 * 8)..(PAGE - 8);
    for round in 0.. {
        let (answer, after) = model.run(&mut store, &put(5, 3 + round % 7));
        answer.unwrap();
        model = after;
        if store.flash().bytes()[last_entries.clone()] != [0xff; 8] {
            break;
        }
    }
    let root_erases = store.flash().erases()[1];
    for op in workload() {
        let (answer, done, after) = examine(&store, &model, &op, &mut random, &mut counts);
        answer.unwrap_or_else(|error| panic!("{op:?}: {error:?}"));
        (store, model) = (done, after);
    }
    assert_eq!(store.flash().erases()[1], root_erases + 1);
    println!("store, workload: {counts:?}");
    assert!(counts.cuts > 5_000 && counts.second > 500_000);
}

/// Operations that move objects, for room or for wear, as they turn up in a random sequence.
#[test]
fn cuts_while_objects_are_moved() {
    let mut random = Random(2);
    let mut counts = Counts::default();
    let mut store = Tested::mount(Unstable::new(PAGES)).unwrap();
    let mut model = Model::default();
    let mut operations = 0;
    while counts.moved < 5 {
        operations += 1;
        let op = operation(&mut random, &model);
        let mut done = store.clone();
        let (answer, after) = model.run(&mut done, &op);
        if moves(&store, &done) > 0 && answer.is_ok() {
            counts.moved += moves(&store, &done);
            let _ = examine(&store, &model, &op, &mut random, &mut counts);
        }
        store = done;
        if answer.is_ok() || after.without_upload().is_in(&store) {
            model = after;
        }
        model = [model.clone(), model.without_upload()]
            .into_iter()
            .find(|model| model.is_in(&store))
            .expect("neither done nor refused");
    }
    println!("store, moves among {operations} operations: {counts:?}");
    assert!(counts.second > 200_000);
}

/// What was tried.
#[derive(Debug, Default)]
struct Counts {
    /// Power cuts.
    cuts: u64,
    /// Second power cuts.
    second: u64,
    /// Objects moved.
    moved: usize,
}

/// Cut the power at every step of `op`; what it is without that.
fn examine(
    store: &Tested,
    before: &Model,
    op: &Op,
    random: &mut Random,
    counts: &mut Counts,
) -> (Answer, Tested, Model) {
    let mut done = store.clone();
    let (answer, after) = before.run(&mut done, op);
    assert!(after.is_in(&done), "{op:?}: {answer:?}");
    for step in 0..done.flash().steps() - store.flash().steps() {
        for seed in SEEDS {
            let mut cut = store.clone();
            cut.flash_mut().cut(step, seed);
            let _ = before.run(&mut cut, op);
            assert!(cut.flash().is_off());
            counts.cuts += 1;
            let cut = restart(cut, random);
            assert!(
                is_possible(before, &after, op, &cut),
                "{op:?} cut at {step} with {seed:x}"
            );
            counts.second += again(&cut, before, &after, op, random);
        }
    }
    assert!(done.flash().violations.is_empty());
    (answer, done, after)
}

/// Returns how many objects are still what they were but lie elsewhere.
fn moves(before: &Tested, after: &Tested) -> usize {
    let place = |store: &Tested, key| {
        let object = store.get(key)?;
        let start = object.bytes.as_ptr() as usize - store.flash().bytes().as_ptr() as usize;
        Some((start, object.bytes.to_vec(), object.hash.copied()))
    };
    (0..4)
        .filter_map(|key| Some((place(before, key)?, place(after, key)?)))
        .filter(|(old, new)| old.0 != new.0 && old.1 == new.1 && old.2 == new.2)
        .count()
}

/// Settle, do the operation again, and cut the power at each step of both. Returns their number.
fn again(store: &Tested, before: &Model, after: &Model, op: &Op, random: &mut Random) -> u64 {
    let mut settled = store.clone();
    settled.settle().unwrap();
    let settling = settled.flash().steps() - store.flash().steps();
    for step in 0..settling {
        let mut cut = store.clone();
        cut.flash_mut().cut(step, random.number());
        assert!(cut.settle().is_err());
        let cut = restart(cut, random);
        assert!(cut.flash().violations.is_empty());
        assert!(
            is_possible(before, after, op, &cut),
            "{op:?}, settling cut at {step}"
        );
    }
    // If it had happened, it is the next change that is interrupted.
    let happened = after.is_in(&settled) && !before.is_in(&settled);
    let next = match after.objects.keys().next() {
        Some(key) => Op::Link {
            from: *key,
            to: *key,
            meta: vec![3],
        },
        None => put(5, 1),
    };
    let (model, op) = match happened {
        true => (after.clone(), &next),
        false if before.is_in(&settled) => (before.clone(), op),
        false => (before.without_upload(), op),
    };
    let redo = |store: &mut Tested| {
        if matches!(op, Op::Commit { .. }) {
            // The upload goes on at the beginning of a page.
            let _ = model.run(store, &Op::Write { bytes: usize::MAX });
        }
        model.run(store, op).1
    };
    let mut done = settled.clone();
    let after = redo(&mut done);
    assert!(after.is_in(&done), "{op:?} done again");
    let steps = done.flash().steps() - settled.flash().steps();
    for step in 0..steps {
        let mut cut = settled.clone();
        cut.flash_mut().cut(step, random.number());
        redo(&mut cut);
        let cut = restart(cut, random);
        assert!(cut.flash().violations.is_empty());
        assert!(
            is_possible(&model, &after, op, &cut),
            "{op:?} cut again at {step}"
        );
    }
    settling + steps
}
