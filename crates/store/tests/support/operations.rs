//! Operations drawn at random.

use super::model::{Image, KEYS, Model, Op, PAGE};
use berth_random::Random;

const DATA_KEYS: u64 = KEYS as u64 - 1;

fn key(random: &mut Random) -> u8 {
    random.below(DATA_KEYS) as u8
}

fn maybe_key(random: &mut Random) -> Option<u8> {
    random.one_in(2).then(|| key(random))
}

fn meta(random: &mut Random) -> Vec<u8> {
    let length = random.below(20);
    (0..length).map(|_| random.number() as u8).collect()
}

pub(crate) fn operation(random: &mut Random, model: &Model) -> Op {
    match random.below(16) {
        0 | 1 => {
            let pages = 1 + random.below(6) * random.below(2);
            let length = random.below(pages * PAGE as u64 + 1) as usize;
            let image = Image::new(random.number() % 64, length);
            let meta = meta(random);
            Op::Begin { image, meta }
        }
        2..=4 => {
            let bytes = random.below(900) as usize;
            Op::Write { bytes }
        }
        5 | 6 => Op::Write { bytes: usize::MAX },
        7 | 8 => {
            let (to, drop) = (key(random), maybe_key(random));
            Op::Commit {
                to,
                drop: drop.filter(|drop| *drop != to),
            }
        }
        9 if random.one_in(4) => Op::Abort,
        9 => match &model.upload {
            // The same again.
            Some((image, _)) => Op::Begin {
                image: image.clone(),
                meta: meta(random),
            },
            None => Op::Abort,
        },
        10 | 11 => {
            let most = if random.one_in(8) { 1200 } else { 60 };
            let length = random.below(most) as usize;
            let bytes = Image::new(random.number(), length).bytes;
            Op::Put {
                key: key(random),
                meta: meta(random),
                bytes,
            }
        }
        12 => Op::Link {
            from: key(random),
            to: key(random),
            meta: meta(random),
        },
        13 => {
            let (from, to) = (key(random), key(random));
            let drop = maybe_key(random).filter(|drop| *drop != to && *drop != from);
            Op::Rename { from, to, drop }
        }
        _ => Op::Remove {
            key: key(random),
            and: maybe_key(random),
        },
    }
}
