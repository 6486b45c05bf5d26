//! Whatever flash holds, the loader ends, and what it starts lies apart.

use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::process::FaultAction;
use crate::test_utils::{TestApp, TestKernel};

const RAM: usize = 32 * 1024;

/// What one object does to the image of an ordinary process.
#[derive(Clone, Debug)]
enum Part {
    /// Nothing, or with another wish for RAM.
    Process(u32),
    /// Some words overwritten, the checksum right all the same.
    Sealed(Vec<(usize, u32)>),
    /// Some bytes overwritten.
    Torn(Vec<(usize, u8)>),
    /// Noise.
    Noise(Vec<u8>),
}

fn part() -> impl Strategy<Value = Part> {
    let word = prop_oneof![0..64u32, any::<u32>()];
    prop_oneof![
        prop_oneof![0..9000u32, any::<u32>()].prop_map(Part::Process),
        vec((0..30usize, word), 1..4).prop_map(Part::Sealed),
        vec((0..300usize, any::<u8>()), 1..8).prop_map(Part::Torn),
        vec(any::<u8>(), 0..64).prop_map(Part::Noise),
    ]
}

fn bytes(part: &Part) -> Vec<u8> {
    let app = TestApp::default();
    match part {
        Part::Process(ram) => TestApp { ram: *ram, ..app }.image(),
        Part::Sealed(words) => {
            let mut image = app.image();
            for (index, word) in words {
                image[index * 4..index * 4 + 4].copy_from_slice(&word.to_le_bytes());
            }
            let header = usize::from(u16::from_le_bytes([image[2], image[3]]));
            image[12..16].fill(0);
            let sum = image.chunks(4).take(header / 4).fold(0, |sum, word| {
                sum ^ u32::from_le_bytes([word[0], word[1], word[2], word[3]])
            });
            image[12..16].copy_from_slice(&sum.to_le_bytes());
            image
        }
        Part::Torn(changes) => {
            let mut image = app.image();
            for (index, byte) in changes {
                image[*index] = *byte;
            }
            image
        }
        Part::Noise(noise) => noise.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 10 } else { 1_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_started_lies_apart(parts in vec(part(), 0..6)) {
        let flash: Vec<u8> = parts.iter().flat_map(bytes).collect();
        let test = TestKernel::new();
        let _ = test.load(&flash, RAM, FaultAction::Stop);
        test.assert_apart(RAM, flash.len());
    }
}
