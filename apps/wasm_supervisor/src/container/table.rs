//! All containers of the device, and the scheduler that shares time among them.

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;

use berth_protocol::{Fault, ImageHash, Level, Parameters, State};

use super::host::Blocks;
use super::log::Log;
use super::state::{self, Event};
use super::{
    CONTAINERS_MAX, Container, ContainerHost, Entry, FaultRecord, LastCall, Name, Pending, Shared,
};
use crate::admission::{HostFunction, Label, Malformed, Module, imports};
use crate::arena::{self, ArenaId, Owned};
use crate::engine::wasmi::Wasmi;
use crate::engine::{BlockNumbers, Engine, Limits, LoadError, Step, config};
use crate::platform::{Platform, Refusal};

/// Fuel of a slice for each percent of share. With the usual share of 50 a
/// slice is some 14,000 instructions, ten times what changing containers costs.
const FUEL_PER_SHARE: u64 = 50;

/// Fuel of a module's start function: one slice of the usual length.
const START_FUEL: u64 = 2_500;

/// Why something was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not possible in this state.
    State(State),
    /// Every slot is taken.
    TooMany,
    /// No memory for the image and what belongs to it.
    NoRoom,
    /// Not a module for this device.
    Invalid(Malformed),
    /// So many imports cannot be satisfied, or not now; more than one, or some
    /// that never can.
    Missing(u16),
    /// Its `claim`-th label is held by a container or by the firmware.
    Busy {
        /// Which of its labels.
        claim: usize,
        /// Slot of the holder; `None` if it is the firmware.
        holder: Option<usize>,
    },
    /// The kernel does not give its `claim`-th label for another reason.
    Claim {
        /// Which of its labels.
        claim: usize,
        /// The kernel's error code.
        code: u8,
    },
    /// It would need more memory than it can have.
    Memory {
        /// Bytes it needs at least; 0 if not known.
        needed: u32,
    },
}

/// What one step of a container's engine brought.
#[derive(Clone, Copy)]
struct Outcome {
    step: Step,
    fuel: u64,
    pending: Option<Pending>,
    last_call: Option<LastCall>,
}

/// All containers.
pub struct Containers<P: Platform + 'static> {
    shared: Rc<Shared<P>>,
    slots: [Option<Container<P>>; CONTAINERS_MAX],
    /// The slot that had the last turn.
    turn: usize,
}

impl<P: Platform + 'static> Containers<P> {
    /// None yet.
    #[must_use]
    pub const fn new(shared: Rc<Shared<P>>) -> Self {
        Self {
            shared,
            slots: [const { None }; CONTAINERS_MAX],
            turn: 0,
        }
    }

    /// The container in `slot`.
    #[must_use]
    pub fn get(&self, slot: usize) -> Option<&Container<P>> {
        self.slots.get(slot)?.as_ref()
    }

    fn get_mut(&mut self, slot: usize) -> Option<&mut Container<P>> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// The slot of the container called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.iter()
            .find(|(_, container)| container.name() == name)
            .map(|(slot, _)| slot)
    }

    /// All containers with their slots.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Container<P>)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(slot, container)| Some((slot, container.as_ref()?)))
    }

    /// Is there room for one more?
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.slots.iter().any(Option::is_none)
    }

    /// Store a container. The caller has checked that the name is free.
    ///
    /// # Errors
    ///
    /// [`Refused::TooMany`], [`Refused::NoRoom`], [`Refused::Invalid`].
    pub fn store(
        &mut self,
        name: Name,
        image: Vec<u8>,
        hash: ImageHash,
        parameters: Parameters,
    ) -> Result<(), Refused> {
        Module::scan(&image).map_err(Refused::Invalid)?;
        let slot = self
            .slots
            .iter()
            .position(Option::is_none)
            .ok_or(Refused::TooMany)?;
        validate::<P>(slot, &image)?;
        let log = Log::new().map_err(|_| Refused::NoRoom)?;
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(Container {
                name,
                image,
                hash,
                parameters,
                state: State::Stored,
                started_us: 0,
                fuel_used: 0,
                fault: None,
                engine: None,
                entered: false,
                wake_us: 0,
            });
            self.shared.set_log(slot, Some(log));
        }
        Ok(())
    }

    /// Delete the container in `slot` with its image and log.
    ///
    /// # Errors
    ///
    /// If it is active.
    pub fn remove(&mut self, slot: usize) -> Result<(), Refused> {
        if let Some(container) = self.get(slot)
            && !state::may_remove(container.state)
        {
            return Err(Refused::State(container.state));
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = None;
        }
        self.shared.set_log(slot, None);
        Ok(())
    }

    /// Load and link the container in `slot`; its main runs from the next slice on.
    ///
    /// # Errors
    ///
    /// Why it cannot run. If its own code failed while it was loaded, it is faulted and
    /// the error is that state.
    pub fn start(&mut self, slot: usize) -> Result<(), Refused> {
        let now = self.shared.platform.now_us();
        let Some(container) = self.get_mut(slot) else {
            return Ok(());
        };
        let before = container.state;
        container.state = state::next(before, Event::Start).map_err(Refused::State)?;
        container.started_us = now;
        container.fuel_used = 0;
        container.fault = None;
        container.entered = false;
        container.wake_us = 0;
        match self.load(slot) {
            Ok(engine) => {
                if let Some(container) = self.get_mut(slot) {
                    container.engine = Some(engine);
                }
                self.go(slot, Event::Loaded);
                Ok(())
            }
            Err(Loading::Refused(refused)) => {
                self.shared.platform.release_all(tag(slot));
                self.go(slot, Event::Refuse { before });
                Err(refused)
            }
            Err(Loading::Fault(fault)) => {
                self.fail(slot, fault, Entry::Start, None);
                Err(Refused::State(State::Faulted { fault }))
            }
        }
    }

    /// End the container in `slot`.
    ///
    /// # Errors
    ///
    /// If it is not active.
    pub fn stop(&mut self, slot: usize) -> Result<(), Refused> {
        self.try_go(slot, Event::Stop)
    }

    /// Suspend the container in `slot` where it is.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn pause(&mut self, slot: usize) -> Result<(), Refused> {
        self.try_go(slot, Event::Pause)
    }

    /// Let the container in `slot` go on.
    ///
    /// # Errors
    ///
    /// If it is not paused.
    pub fn resume(&mut self, slot: usize) -> Result<(), Refused> {
        self.try_go(slot, Event::Resume)
    }

    /// Give the next container that can run a slice. Whether there was one.
    pub fn run_one(&mut self) -> bool {
        let now = self.shared.platform.now_us();
        let next = (1..=CONTAINERS_MAX)
            .map(|step| (self.turn + step) % CONTAINERS_MAX)
            .find(|slot| {
                self.get(*slot).is_some_and(|container| {
                    container.state == State::Running && container.wake_us <= now
                })
            });
        match next {
            Some(slot) => {
                self.turn = slot;
                self.slice(slot);
                true
            }
            None => false,
        }
    }

    /// When the next sleeping container wants to wake; `None` if none sleeps.
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        self.iter()
            .filter(|(_, container)| container.state == State::Running)
            .map(|(_, container)| container.wake_us)
            .min()
    }

    /// Bytes of device memory that the container in `slot` holds and may hold.
    #[must_use]
    pub fn memory(&self, slot: usize) -> (u32, u32) {
        let held = ArenaId::of_container(slot).map_or(0, |id| arena::usage(id).held_bytes);
        let limit = self
            .get(slot)
            .and_then(|container| container.parameters.limit)
            .unwrap_or(arena::space().total_bytes);
        (held, limit)
    }

    /// The label of the `claim`-th claiming import of the container in `slot`.
    #[must_use]
    pub fn label(&self, slot: usize, claim: usize) -> Option<&str> {
        let module = Module::scan(self.get(slot)?.image()).ok()?;
        labels(&module).nth(claim).map(|label| label.0)
    }

    /// The slot of the container that claims with the kernel tag `tag`.
    #[must_use]
    pub const fn slot_of_tag(tag: u32) -> Option<usize> {
        match (tag as usize).checked_sub(1) {
            Some(slot) if slot < CONTAINERS_MAX => Some(slot),
            _ => None,
        }
    }

    fn load(&self, slot: usize) -> Result<Owned<Wasmi<ContainerHost<P>>>, Loading> {
        let container = self.get(slot).ok_or(Refused::NoRoom)?;
        let id = ArenaId::of_container(slot).ok_or(Refused::TooMany)?;
        let module = Module::scan(&container.image).map_err(Refused::Invalid)?;
        // All reasons at once. A single label that is held is told by claiming it.
        let platform = &self.shared.platform;
        let unavailable = imports::unavailable(&module, platform).count();
        if unavailable > 1 || imports::missing(&module, platform).next().is_some() {
            return Err(Refused::Missing(unavailable as u16).into());
        }
        let (_, limit) = self.memory(slot);
        let needed = module.least_memory();
        if needed > u64::from(limit.min(arena::space().free_bytes)) && arena::is_in_use() {
            let needed = u32::try_from(needed).unwrap_or(u32::MAX);
            return Err(Refused::Memory { needed }.into());
        }
        let (blocks, numbers) = self.claim(slot, &module)?;
        let limits = Limits {
            stack_bytes: container
                .parameters
                .stack
                .unwrap_or(config::STACK_MAX_BYTES as u32),
            start_fuel: START_FUEL,
        };
        arena::set_limit(id, limit as usize);
        let shared = self.shared.clone();
        let image = container.image.as_slice();
        let loaded = Owned::new(id, move || {
            let host = ContainerHost::new(shared, slot, &blocks);
            Wasmi::load(image, &module, &numbers, limits, host)
        });
        match loaded {
            Ok(Ok(engine)) => {
                arena::trim(id);
                Ok(engine)
            }
            Ok(Err(LoadError::Invalid { offset })) => Err(invalid(offset).into()),
            Ok(Err(LoadError::NoMain)) => Err(Refused::Invalid(Malformed {
                offset: 0,
                what: "_start has parameters or results",
            })
            .into()),
            Ok(Err(LoadError::Stopped)) => Err(Loading::Fault(Fault::MaySuspend)),
            Ok(Err(LoadError::Trapped(Fault::OutOfMemory))) | Err(_) => {
                Err(Refused::Memory { needed: 0 }.into())
            }
            Ok(Err(LoadError::Trapped(fault))) => Err(Loading::Fault(fault)),
        }
    }

    /// Claim every label that the module imports, each once.
    fn claim(&self, slot: usize, module: &Module<'_>) -> Result<(Blocks, BlockNumbers), Refused> {
        let mut blocks: Blocks = [None; BlockNumbers::MAX];
        let mut numbers = BlockNumbers::new();
        let mut claimed = 0usize;
        for (claim, label) in labels(module).enumerate() {
            let earlier = labels(module).take(claim).position(|other| other == label);
            let number = match earlier {
                Some(earlier) => numbers.get(earlier),
                None => {
                    let block =
                        self.shared
                            .platform
                            .claim(tag(slot), label.0)
                            .map_err(|refusal| match refusal {
                                Refusal::Busy => Refused::Busy {
                                    claim,
                                    holder: self.holder(label),
                                },
                                Refusal::NotExposed => Refused::Missing(1),
                                Refusal::Other(code) => Refused::Claim { claim, code },
                            })?;
                    let Some(place) = blocks.get_mut(claimed) else {
                        return Err(too_many_labels());
                    };
                    *place = Some(block);
                    claimed += 1;
                    (claimed - 1) as u8
                }
            };
            if !numbers.set(claim, number) {
                return Err(too_many_labels());
            }
        }
        Ok((blocks, numbers))
    }

    /// The container that holds `label`, if it is one of ours.
    #[must_use]
    pub fn holder(&self, label: Label<'_>) -> Option<usize> {
        self.iter()
            .filter(|(_, container)| container.engine.is_some())
            .find(|(_, container)| {
                Module::scan(&container.image)
                    .is_ok_and(|module| labels(&module).any(|other| other == label))
            })
            .map(|(slot, _)| slot)
    }

    fn slice(&mut self, slot: usize) {
        let Some(container) = self.get_mut(slot) else {
            return;
        };
        let fuel = u64::from(container.share()) * FUEL_PER_SHARE;
        let entered = core::mem::replace(&mut container.entered, true);
        let Some(engine) = container.engine.as_mut() else {
            return;
        };
        let outcome = engine.run(|engine| {
            let step = if entered {
                engine.resume(fuel)
            } else {
                engine.call(fuel)
            };
            Outcome {
                step,
                fuel: engine.fuel_used(),
                pending: engine.host().take_pending(),
                last_call: engine.host().last_call(),
            }
        });
        let Ok(outcome) = outcome else {
            return self.fail(slot, Fault::OutOfMemory, Entry::Main, None);
        };
        container.fuel_used += outcome.fuel;
        let last_call = outcome.last_call;
        match (outcome.step, outcome.pending) {
            (Step::OutOfFuel, _) | (Step::Stopped, Some(Pending::Yield)) => {}
            (Step::Stopped, Some(Pending::Sleep { until_us })) => container.wake_us = until_us,
            (Step::Stopped, Some(Pending::Exit { code })) => self.go(slot, Event::Exit { code }),
            (Step::Finished, _) => self.go(slot, Event::Exit { code: 0 }),
            (Step::Stopped, Some(Pending::Fault(fault))) | (Step::Trapped(fault), _) => {
                self.fail(slot, fault, Entry::Main, last_call);
            }
            (Step::Stopped, None) => self.fail(slot, Fault::Engine, Entry::Main, last_call),
        }
    }

    /// End a container for what it did, and say so in its log.
    fn fail(&mut self, slot: usize, fault: Fault, entry: Entry, last_call: Option<LastCall>) {
        let now = self.shared.platform.now_us();
        if let Some(container) = self.get_mut(slot) {
            let record = FaultRecord {
                fault,
                entry,
                last_call,
                fuel_used: container.fuel_used,
            };
            container.fault = Some(record);
            let entry = match entry {
                Entry::Start => "while loading",
                Entry::Main => "in main",
            };
            let mut text = format!(
                "faulted: {} {entry}, fuel {}",
                fault.word(),
                record.fuel_used
            );
            if let Some(LastCall { name, arguments }) = last_call {
                let [first, second] = arguments;
                text = format!("{text}, last call {name}({first}, {second:#x})");
            }
            self.shared
                .with_log(slot, |log| log.append(Level::Error, now, text.as_bytes()));
        }
        self.go(slot, Event::Fault(fault));
    }

    fn try_go(&mut self, slot: usize, event: Event) -> Result<(), Refused> {
        match self.get(slot) {
            Some(container) => {
                state::next(container.state, event).map_err(Refused::State)?;
                self.go(slot, event);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Change the state; a container that is no longer active gives back
    /// its memory and its claims.
    fn go(&mut self, slot: usize, event: Event) {
        let Some(container) = self.get_mut(slot) else {
            return;
        };
        if let Ok(state) = state::next(container.state, event) {
            container.state = state;
        }
        if !container.state.is_active() {
            container.engine = None;
            self.shared.platform.release_all(tag(slot));
        }
    }
}

/// How loading can fail.
enum Loading {
    Refused(Refused),
    Fault(Fault),
}

impl From<Refused> for Loading {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// The number by which the kernel knows the container in `slot`.
const fn tag(slot: usize) -> u32 {
    slot as u32 + 1
}

const fn invalid(offset: u32) -> Refused {
    Refused::Invalid(Malformed {
        offset,
        what: "the module is not valid",
    })
}

const fn too_many_labels() -> Refused {
    Refused::Invalid(Malformed {
        offset: 0,
        what: "too many labels",
    })
}

/// The labels that a module imports, in order.
fn labels<'a>(module: &Module<'a>) -> impl Iterator<Item = Label<'a>> {
    module
        .imports()
        .flatten()
        .filter_map(|import| match HostFunction::named(&import) {
            Ok(HostFunction::Claim(label)) => Some(label),
            _ => None,
        })
}

/// Let the engine look at the image in the arena of the still empty `slot`.
/// An image too large to be checked now is checked when it is started.
fn validate<P: Platform + 'static>(slot: usize, image: &[u8]) -> Result<(), Refused> {
    let id = ArenaId::of_container(slot).ok_or(Refused::TooMany)?;
    arena::set_limit(id, usize::MAX);
    match arena::owned::scratch(id, || {
        <Wasmi<ContainerHost<P>> as Engine<_>>::validate(image)
    }) {
        Ok(Err(LoadError::Invalid { offset })) => Err(invalid(offset)),
        _ => Ok(()),
    }
}
