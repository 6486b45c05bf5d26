//! A device for the tests of containers: the fake platform, and the containers on it.

use std::string::{String, ToString};
use std::vec::Vec;

use berth_protocol::{ImageHash, Parameters, State};

use super::{Containers, Name, Shared};
use crate::fake::Fake;

/// A fake platform and its containers. Each file of tests adds what it does with them.
pub(super) struct Device {
    pub(super) fake: Fake,
    pub(super) containers: Containers<Fake>,
}

impl Device {
    /// Returns one without flash and without containers.
    pub(super) fn new() -> Self {
        Self::on(Fake::default())
    }

    /// Returns a run of the supervisor on this platform.
    pub(super) fn on(fake: Fake) -> Self {
        let containers = Containers::new(Shared::new(fake.clone()).into());
        Self { fake, containers }
    }

    /// Stores a container. Returns its slot.
    pub(super) fn store(&mut self, name: &str, image: &[u8]) -> usize {
        self.store_with(name, image, Parameters::default())
    }

    /// Stores a container with these parameters. Returns its slot.
    pub(super) fn store_with(&mut self, name: &str, image: &[u8], parameters: Parameters) -> usize {
        let own = Name::new(name).unwrap();
        let hash = ImageHash::of(image);
        self.containers.store(own, image, hash, parameters).unwrap();
        self.containers.find(name).unwrap()
    }

    /// Stores a container and starts it. Returns its slot.
    pub(super) fn start(&mut self, name: &str, image: &[u8]) -> usize {
        self.start_with(name, image, Parameters::default())
    }

    /// Stores a container with these parameters and starts it. Returns its slot.
    pub(super) fn start_with(&mut self, name: &str, image: &[u8], parameters: Parameters) -> usize {
        let slot = self.store_with(name, image, parameters);
        self.containers.start(slot).unwrap();
        slot
    }

    /// Lets so many milliseconds pass, in each of which everybody has the turns that they want.
    pub(super) fn pass(&mut self, ms: u32) {
        for _ in 0..ms {
            while self.containers.run_one() {}
            self.fake.0.now_us.set(self.fake.0.now_us.get() + 1000);
        }
    }

    /// Returns what a register of a block that is not mapped has.
    pub(super) fn register(&self, block: u16, offset: u16) -> u32 {
        let registers = self.fake.0.registers.borrow();
        registers.get(&(block, offset)).copied().unwrap_or(0)
    }

    /// Gives it a value.
    pub(super) fn set(&self, block: u16, offset: u16, value: u32) {
        let mut registers = self.fake.0.registers.borrow_mut();
        registers.insert((block, offset), value);
    }

    /// Returns the state of the container in `slot`.
    pub(super) fn state(&self, slot: usize) -> State {
        self.containers.get(slot).unwrap().state()
    }

    /// Returns all that its log has.
    pub(super) fn said(&self, slot: usize) -> Vec<String> {
        let mut lines = Vec::new();
        self.containers.shared.with_log(slot, |log| {
            let mut from = 0;
            while let Some(line) = log.line(from) {
                lines.push(line.text.to_string());
                from = line.sequence + 1;
            }
        });
        lines
    }
}
