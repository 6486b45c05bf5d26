//! The allocator itself, small enough for Miri (`make miri`): blocks of several arenas
//! side by side, growth, a step that is given up, a wiped arena used again.

use std::sync::Mutex;

use wasm_supervisor::arena::{self, ArenaAllocator, ArenaId, OutOfMemory, Owned, Usage};

#[global_allocator]
static ALLOCATOR: ArenaAllocator = ArenaAllocator;

/// Arenas are shared by all tests of this program: one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn slot(number: usize) -> ArenaId {
    let id = ArenaId::of_container(number).unwrap();
    arena::set_limit(id, usize::MAX);
    id
}

/// A list and what it should hold; every change moves or grows blocks.
#[derive(Default)]
struct Things {
    texts: Vec<String>,
    boxes: Vec<Box<[u64]>>,
}

impl Things {
    fn grow(&mut self, round: usize) {
        self.texts.push("x".repeat(round * 3));
        self.boxes
            .push(vec![round as u64; round].into_boxed_slice());
        if round % 3 == 2 {
            self.texts.remove(0);
            self.boxes.swap_remove(0);
        }
    }

    fn sum(&self) -> usize {
        let boxes: u64 = self.boxes.iter().flat_map(|numbers| numbers.iter()).sum();
        self.texts.iter().map(String::len).sum::<usize>() + boxes as usize
    }
}

fn expected(rounds: usize) -> usize {
    let mut things = Things::default();
    (0..rounds).for_each(|round| things.grow(round));
    things.sum()
}

#[test]
fn arenas_grow_beside_each_other_and_keep_their_contents() {
    let _guard = ONE_AT_A_TIME.lock();
    arena::set_installed();
    let make = || Ok::<_, ()>(Things::default());
    let mut all: Vec<_> = (0..3)
        .map(|n| Owned::new(slot(n), make).unwrap().unwrap())
        .collect();
    for round in 0..20 {
        for owned in &mut all {
            owned.run(|things| things.grow(round)).unwrap();
        }
    }
    let sum = expected(20);
    for owned in &mut all {
        assert_eq!(owned.run(|things| things.sum()), Ok(sum));
        assert_eq!(owned.peek().map(Things::sum), Some(sum));
    }
    // The middle one goes; the others do not notice, and its place is used again.
    drop(all.remove(1));
    assert_eq!(arena::usage(slot(1)), Usage::default());
    let mut again = Owned::new(slot(1), make).unwrap().unwrap();
    again
        .run(|things| (0..20).for_each(|round| things.grow(round)))
        .unwrap();
    for owned in all.iter_mut().chain([&mut again]) {
        assert_eq!(owned.run(|things| things.sum()), Ok(sum));
    }
}

#[test]
fn a_step_without_memory_is_given_up_and_its_arena_is_empty() {
    let _guard = ONE_AT_A_TIME.lock();
    arena::set_installed();
    let id = slot(0);
    let mut owned = Owned::new(id, || Ok::<_, ()>(Things::default()))
        .unwrap()
        .unwrap();
    arena::set_limit(id, 2048);
    let mut rounds = 0;
    while owned.run(|things| things.grow(rounds)).is_ok() {
        rounds += 1;
    }
    assert!((5..50).contains(&rounds), "{rounds}");
    assert_eq!(owned.run(|things| things.sum()), Err(OutOfMemory));
    assert!(owned.peek().is_none());
    drop(owned);
    assert_eq!(arena::usage(id), Usage::default());
    // Nobody else can take an arena that is taken.
    arena::set_limit(id, usize::MAX);
    let first = Owned::new(id, || Ok::<_, ()>(0u32)).unwrap();
    assert!(Owned::new(id, || Ok::<_, ()>(0u32)).is_err());
    drop(first);
    assert!(Owned::new(id, || Ok::<_, ()>(0u32)).is_ok());
}

#[test]
fn a_step_can_do_work_of_the_supervisor() {
    let _guard = ONE_AT_A_TIME.lock();
    arena::set_installed();
    let mut log: Vec<u32> = Vec::new();
    let mut owned = Owned::new(slot(2), || Ok::<_, ()>(vec![1u32]))
        .unwrap()
        .unwrap();
    for number in 0..100 {
        let held = arena::usage(slot(2)).held_bytes;
        owned.run(|_| arena::outside(|| log.push(number))).unwrap();
        assert_eq!(arena::usage(slot(2)).held_bytes, held);
    }
    drop(owned);
    assert_eq!(log.iter().sum::<u32>(), 4950);
}
