//! Two operators at once, against a model of what each may see.
//!
//! Each does what `berth` does, request by request, in any order with the other: uploads, live updates,
//! changes, deletions. One may die in the middle and come back as somebody who knows nothing. Both send requests about
//! uploads that are over, or not theirs, and some twice. The model says what every answer must be.

mod model;

use model::{Operator, World};

/// Sequences, and requests of each.
const SEQUENCES: u64 = 60;
const LENGTH: usize = 400;

#[test]
fn two_operators_never_hurt_each_other() {
    let mut done = 0;
    for seed in 0..SEQUENCES {
        let mut world = World::new(seed, seed % 2 == 0);
        let mut operators = [Operator::default(), Operator::default()];
        for _ in 0..LENGTH {
            let who = world.dice.roll(2);
            let passed = [0, 1_000, 200_000, 3_000_000, 11_000_000];
            let passed = passed[world.dice.roll(40) % 5 * usize::from(world.dice.roll(6) == 0)];
            let now = world.now() + passed;
            world.bench.fake.0.now_us.set(now);
            world.step(who, &mut operators[who]);
        }
        done += operators.iter().map(|operator| operator.done).sum::<u32>();
    }
    std::println!("{SEQUENCES} sequences of {LENGTH} requests, {done} uploads done");
    assert!(done > 500, "{done}");
}
