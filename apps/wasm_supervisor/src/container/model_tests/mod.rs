//! Random operations against a model of what containers do.
//!
//! The model ([`world`]) knows nothing of engines, slices or tables: it is the life of a container as
//! its operator would tell it. `BERTH_SEQUENCES` says how many sequences are run.

mod program;
mod world;

use std::collections::HashMap;
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;
use std::{format, println, vec};

use berth_protocol::{ImageHash, Parameters, Restart};

use self::program::{INTERRUPTS, PAUSES, PROGRAMS, Program, TIMER};
use self::world::{Answer, Model, World};
use super::belongings::Change;
use super::{Containers, Name, Refused, Shared};
use crate::fake::Fake;

/// Sequences of a run, and operations of a sequence.
const SEQUENCES: u32 = 100_000;
const LENGTH: u32 = 20;

/// Containers that a sequence plays with.
const SLOTS: usize = 4;

/// Small numbers from a seed (xorshift).
struct Dice(u32);

impl Dice {
    fn roll(&mut self, below: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 8) % below
    }
}

/// The model and what it is compared with.
struct Play {
    world: World,
    fake: Fake,
    containers: Containers<Fake>,
    images: Rc<HashMap<Program, Vec<u8>>>,
    dice: Dice,
    /// What was done, for when it goes wrong.
    story: Vec<String>,
}

impl Play {
    fn new(seed: u32, images: Rc<HashMap<Program, Vec<u8>>>) -> Self {
        let fake = Fake::default();
        Self {
            world: World {
                now_us: 0,
                models: [None; SLOTS],
            },
            containers: Containers::new(Shared::new(fake.clone()).into()),
            fake,
            images,
            dice: Dice(seed.wrapping_mul(0x9e37_79b9) | 1),
            story: vec![],
        }
    }

    fn policy(&mut self) -> Restart {
        let backoff_ms = [0, 200, 1000][self.dice.roll(3) as usize];
        match self.dice.roll(4) {
            0 => Restart::OnFailure {
                limit: self.dice.roll(3) as u8,
                backoff_ms,
            },
            1 => Restart::Always { backoff_ms },
            _ => Restart::No,
        }
    }

    fn store(&mut self, slot: usize) {
        let mut program = PROGRAMS[self.dice.roll(PROGRAMS.len() as u32) as usize];
        match &mut program {
            Program::Pause(what) => *what = PAUSES[self.dice.roll(PAUSES.len() as u32) as usize],
            Program::Handles(what) => {
                *what = INTERRUPTS[self.dice.roll(INTERRUPTS.len() as u32) as usize];
            }
            _ => {}
        }
        let policy = self.policy();
        self.story
            .push(format!("store {slot} {program:?} {policy:?}"));
        let image = self.images[&program].clone();
        let name = Name::new(&format!("c{slot}")).unwrap();
        let parameters = Parameters {
            restart: Some(policy),
            ..Parameters::default()
        };
        let hash = ImageHash([0; 32]);
        self.containers
            .store(name, image, hash, parameters)
            .unwrap();
        self.world.models[slot] = Some(Model::new(program, policy));
    }

    fn operate(&mut self, slot: usize) {
        let what = self.dice.roll(10);
        let (containers, world) = (&mut self.containers, &mut self.world);
        let (name, expected, result) = match what {
            0..=2 => ("start", world.start(slot), containers.start(slot)),
            3 => ("stop", world.stop(slot, false), containers.stop(slot)),
            4 => ("kill", world.stop(slot, true), containers.kill(slot)),
            5 | 6 => ("pause", world.pause(slot), containers.pause(slot)),
            7 => ("resume", world.resume(slot), containers.resume(slot)),
            8 => {
                let policy = self.policy();
                let restart = self.dice.roll(2) == 0;
                let changes = Parameters {
                    restart: Some(policy),
                    ..Parameters::default()
                };
                (
                    "edit",
                    self.world.edit(slot, policy, restart),
                    self.containers
                        .edit(slot, changes, Change::default(), restart),
                )
            }
            _ => ("remove", world.remove(slot), containers.remove(slot)),
        };
        self.story.push(format!("{name} {slot}"));
        let answer = match result {
            Ok(()) => Answer::Done,
            Err(Refused::State(state)) => Answer::State(state),
            Err(Refused::Busy { .. }) => Answer::Busy,
            Err(other) => panic!("{other:?} after {:#?}", self.story),
        };
        assert_eq!(answer, expected, "{:#?}", self.story);
    }

    fn run(&mut self) {
        let handled = self.containers.run_handlers();
        assert_eq!(handled, self.world.handle(), "{:#?}", self.story);
        let restarted = self.world.due();
        if let Some(slot) = restarted {
            self.world.restart(slot);
        }
        let ready = self.world.ready();
        let ran = self.containers.run_one();
        assert_eq!(ran, restarted.is_some() || !ready.is_empty());
        if !ready.is_empty() {
            let slot = self.containers.last_turn();
            self.story.push(format!("slice {slot}"));
            assert!(ready.contains(&slot), "{:#?}", self.story);
            let fuel = self.world.slice(slot);
            self.world.step(slot, fuel);
        }
    }

    /// Is everything that can be seen as the model says?
    fn compare(&self) {
        let story = &self.story;
        for slot in 0..SLOTS {
            let (model, container) = (self.world.models[slot], self.containers.get(slot));
            assert_eq!(model.is_some(), container.is_some(), "{story:#?}");
            let (Some(model), Some(container)) = (model, container) else {
                continue;
            };
            assert_eq!(container.state(), model.state, "slot {slot}: {story:#?}");
            let fault = container.fault().map(|fault| (fault.fault, fault.entry));
            assert_eq!(fault, model.fault, "slot {slot}: {story:#?}");
            assert_eq!(container.restarts().total, model.total, "{story:#?}");
            let saved = self
                .containers
                .shared
                .with_saved(slot, |saved| saved.bytes().to_vec());
            let expected = model
                .saved
                .map_or(vec![], |count| count.to_le_bytes().into());
            assert_eq!(saved, expected, "slot {slot}: {story:#?}");
            assert_eq!(container.run.is_some(), model.is_loaded(), "{story:#?}");
            let has_mail = self.containers.has_mail(slot);
            assert_eq!(has_mail, model.is_loaded() && model.mail > 0, "{story:#?}");
        }
        let holders = self.fake.0.holders.borrow();
        for (block, holder) in holders.iter().enumerate() {
            let expected = (0..SLOTS).find(|slot| self.world.block(*slot) == Some(block));
            assert_eq!(*holder, expected.map(|slot| slot as u32 + 1), "{story:#?}");
        }
        let interrupts = self.fake.0.interrupts.borrow();
        let registered = self.world.registered().is_some();
        assert_eq!(
            interrupts.registrations.len(),
            usize::from(registered),
            "{story:#?}"
        );
    }

    fn play(&mut self) {
        for _ in 0..LENGTH {
            let slot = self.dice.roll(SLOTS as u32) as usize;
            // The table puts a new container into its first free slot.
            match self.world.models.iter().position(Option::is_none) {
                Some(free) if self.world.models[slot].is_none() => self.store(free),
                _ => match self.dice.roll(9) {
                    0..=3 => self.operate(slot),
                    4 => {
                        self.story.push("an interrupt".into());
                        let recorded = self.fake.raise(TIMER as u32, 0);
                        assert_eq!(recorded, self.world.interrupt(), "{:#?}", self.story);
                    }
                    5..=7 => {
                        for _ in 0..=self.dice.roll(4) {
                            self.run();
                            self.compare();
                        }
                    }
                    _ => {
                        let passed = [500, 1_000, 150_000, 5_000_000, 700_000_000];
                        let passed = passed[self.dice.roll(5) as usize];
                        self.story.push(format!("{passed} us pass"));
                        // While the device sleeps: it is nobody's time.
                        self.containers.charge_to(None);
                        self.world.now_us += passed;
                        self.fake.0.now_us.set(self.world.now_us);
                    }
                },
            }
            self.compare();
        }
    }
}

/// A part of all sequences, so that tests run side by side.
fn play(part: u32) {
    const PARTS: u32 = 4;
    let sequences = std::env::var("BERTH_SEQUENCES")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(SEQUENCES);
    let mut images = HashMap::new();
    for program in PROGRAMS {
        images.insert(program, program.image());
    }
    let pauses = PAUSES.map(Program::Pause);
    for program in pauses.into_iter().chain(INTERRUPTS.map(Program::Handles)) {
        images.insert(program, program.image());
    }
    let images = Rc::new(images);
    let mut states = HashMap::<String, u32>::new();
    for sequence in (part..sequences).step_by(PARTS as usize) {
        let mut play = Play::new(sequence + 1, images.clone());
        play.play();
        for model in play.world.models.iter().flatten() {
            let word = format!("{:?}", core::mem::discriminant(&model.state));
            *states.entry(word).or_default() += 1;
        }
    }
    println!("part {part} of {PARTS}: {sequences} sequences of {LENGTH} operations in all");
    // Sequences get everywhere: all states but `starting`, which no request meets.
    assert_eq!(states.len(), 7, "{states:?}");
}

#[test]
fn random_operations_do_what_the_model_says_1() {
    play(0);
}

#[test]
fn random_operations_do_what_the_model_says_2() {
    play(1);
}

#[test]
fn random_operations_do_what_the_model_says_3() {
    play(2);
}

#[test]
fn random_operations_do_what_the_model_says_4() {
    play(3);
}
