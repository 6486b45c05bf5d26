//! From an image to an engine that can run it: imports, memory, claims, compilation.

use berth_protocol::{Fault, Level, Parameters};

use super::host::ContainerHost;
use super::name::{CONTAINERS_MAX, Name};
use super::notes::on_behalf;
use super::outcome::{LastWords, Pending};
use super::pieces::undivided;
use super::refused::Refused;
use super::run::{Place, Run};
use super::run_id::{BLOCKS_MAX, Blocks, RunId};
use super::shared::Shared;
use super::storage::Image;
use super::table::{Containers, limit, tag};
use crate::admission::labels::Seen;
use crate::admission::{HostFunction, Label, Malformed, Module, imports};
use crate::arena::{self, ArenaId, Owned};
use crate::engine::{BlockNumbers, Code, Engine, Executor, Limits, LoadError, config};
use crate::platform::{Claimed, Platform, Refusal};

/// Fuel of a module's start function: one slice of the usual length.
pub(super) const START_FUEL: u64 = 2_500;

/// No blocks.
const NOTHING: Blocks = [None; BLOCKS_MAX];

/// How loading can fail.
pub(super) enum Loading {
    Refused(Refused),
    Fault(Fault, LastWords),
}

impl Loading {
    /// As the outcome of an update: what a new image did that could not be started, or why it
    /// was refused.
    pub(super) const fn outcome(&self) -> Result<Option<Fault>, Refused> {
        match self {
            Self::Fault(fault, _) => Ok(Some(*fault)),
            Self::Refused(refused) => Err(*refused),
        }
    }
}

impl From<Refused> for Loading {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// What the run that is replaced holds, and the one that replaces it takes over.
pub(super) struct Held<'a> {
    module: Module<'a>,
    blocks: Blocks,
}

impl<'a> Held<'a> {
    /// What a run of this image holds. `None` if that is no image.
    pub(super) fn new(image: &'a [u8], blocks: Blocks) -> Option<Self> {
        let module = Module::scan(image).ok()?;
        Some(Self { module, blocks })
    }

    /// The block of this label.
    fn block(&self, label: Label<'_>) -> Option<Claimed> {
        let number = self
            .module
            .block_labels()
            .position(|other| other == label)?;
        self.blocks.get(number).copied().flatten()
    }
}

/// What is to be loaded for a container.
pub(super) struct Source<'a> {
    /// Its image.
    pub(super) image: &'a [u8],
    /// It is to replace another, which comes back if the supervisor fails.
    pub(super) on_trial: bool,
    /// How it is to run.
    pub(super) parameters: &'a Parameters,
    /// What the run that it is to replace holds: needs no claim.
    pub(super) held: Option<&'a Held<'a>>,
    /// What its module's start function may use; 0: none of its code runs.
    pub(super) start_fuel: u64,
}

/// Refuses an image whose linear memory alone does not fit with these parameters, however much
/// is free. What never fits is no reason to stop what runs.
pub(super) fn never_fits(image: &[u8], parameters: Parameters) -> Result<(), Refused> {
    let module = Module::scan(image).map_err(Refused::Invalid)?;
    let room = parameters.limit.unwrap_or_else(arena::total);
    let room = room.min(parameters.memory.unwrap_or(room));
    let needed = u32::try_from(module.memory_bytes).unwrap_or(u32::MAX);
    if needed > room && arena::is_in_use() {
        return Err(Refused::Memory { needed, room });
    }
    Ok(())
}

impl<P: Platform + 'static> Containers<P> {
    /// Load and link what the container in `slot` is.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub(super) fn load_own(&self, slot: usize) -> Result<Run<P>, Loading> {
        let container = self.get(slot).ok_or(Refused::NoRoom)?;
        let source = Source {
            image: self.image(slot),
            on_trial: container.image == Image::Candidate,
            parameters: &container.parameters,
            held: None,
            start_fuel: START_FUEL,
        };
        self.load(slot, &source)
    }

    /// Find out whether the container in `slot`, which is active, can be started with these parameters, and leave
    /// its run as it is. None of its code runs.
    ///
    /// # Errors
    ///
    /// Why it never can. What could only be known if its run gave back its memory first is no error.
    pub(super) fn rehearse(&mut self, slot: usize, parameters: Parameters) -> Result<(), Refused> {
        let blocks = self.run_mut(slot).map_or(NOTHING, Run::blocks);
        let image = self.image(slot);
        never_fits(image, parameters)?;
        let held = Held::new(image, blocks);
        let source = Source {
            image,
            on_trial: false,
            parameters: &parameters,
            held: held.as_ref(),
            start_fuel: 0,
        };
        match self.load(slot, &source) {
            // It came to its start function, which is not for now.
            Ok(_) | Err(Loading::Fault(..)) => Ok(()),
            Err(Loading::Refused(refused)) if is_for_now(refused, &parameters) => Ok(()),
            Err(Loading::Refused(refused)) => Err(refused),
        }
    }

    /// Load and link an image for the container in `slot`, and run its module's start function: a staged run.
    ///
    /// # Errors
    ///
    /// Why it cannot run. Nothing is left of it then.
    pub(super) fn load(&self, slot: usize, source: &Source<'_>) -> Result<Run<P>, Loading> {
        let container = self.get(slot).ok_or(Refused::NoRoom)?;
        let platform = &self.shared.platform;
        on_behalf(platform, container.tag, source.on_trial, || {
            self.load_as(slot, container.name, source)
        })
    }

    fn load_as(&self, slot: usize, name: Name, source: &Source<'_>) -> Result<Run<P>, Loading> {
        let parameters = source.parameters;
        let memory_max = parameters.memory.unwrap_or(u32::MAX);
        let place = Place::take(&self.shared, slot, name, memory_max).ok_or(Refused::TooMany)?;
        let id = place.id().arena().ok_or(Refused::TooMany)?;
        let image = source.image;
        let module = Module::scan(image).map_err(Refused::Invalid)?;
        self.trusted(Some(place.id()), image)?;
        let limit = limit(parameters);
        arena::set_limit(id, limit as usize);
        admit(id, &module, limit)?;
        if module.memory_bytes > u64::from(memory_max) {
            let needed = u32::try_from(module.memory_bytes).unwrap_or(u32::MAX);
            let room = memory_max;
            return Err(Refused::Memory { needed, room }.into());
        }
        let mut blocks = NOTHING;
        let numbers = self.resolve(slot, place.id(), &module, source.held, &mut blocks)?;
        let stack_bytes = parameters.stack.unwrap_or(config::STACK_MAX_BYTES as u32);
        let limits = Limits {
            stack_bytes,
            start_fuel: undivided(source.start_fuel, stack_bytes),
            handlers: module.imports().flatten().any(|import| {
                matches!(HostFunction::named(&import), Ok(HostFunction::Register(_)))
            }),
            code: self.compiled(slot, place.id(), image, &module),
        };
        let shared = self.shared.clone();
        let (run, blocks) = (place.id(), &blocks);
        let loaded = Owned::new(id, move || {
            let host = ContainerHost::new(shared, run, slot, blocks);
            Executor::load(image, &module, &numbers, limits, host)
        });
        match loaded {
            Ok(Ok(engine)) => {
                arena::trim(id);
                let now = self.shared.platform.now_us();
                Ok(Run::new(engine, place, limits.stack_bytes, now))
            }
            Ok(Err(LoadError::Invalid { offset })) => Err(invalid(offset).into()),
            Ok(Err(LoadError::NoMain)) => Err(Refused::Invalid(Malformed {
                offset: 0,
                what: "_start has parameters or results",
            })
            .into()),
            Ok(Err(LoadError::Stopped)) => {
                let words = self.shared.take_last_words();
                let fault = match words.pending {
                    Some(Pending::Fault(fault)) => fault,
                    _ => Fault::MaySuspend,
                };
                Err(Loading::Fault(fault, words))
            }
            Ok(Err(LoadError::Trapped(Fault::OutOfMemory))) | Err(_) => {
                let room = limit.min(arena::room());
                // How much more it would have asked for, nobody knows.
                Err(Refused::Memory { needed: 0, room }.into())
            }
            Ok(Err(LoadError::Trapped(fault))) => {
                Err(Loading::Fault(fault, self.shared.take_last_words()))
            }
        }
    }

    /// Returns what the image is compiled to, if it is. Where the interpreter runs what could have been compiled the container's log
    /// says why.
    fn compiled(&self, slot: usize, run: RunId, image: &[u8], module: &Module<'_>) -> Option<Code> {
        let platform = &self.shared.platform;
        match platform.compiled(image, module) {
            Ok(code) => Some(code),
            Err(why) => {
                if let Some(why) = why {
                    let now = platform.now_us();
                    for part in ["runs in the interpreter: ", why] {
                        self.shared
                            .say(run, slot, Level::Info, now, part.as_bytes());
                    }
                    self.shared.end_line(run, slot, now);
                }
                None
            }
        }
    }

    /// Check every import and claim every label, each once.
    ///
    /// # Errors
    ///
    /// All reasons at once; a single label that is held is told with its holder.
    fn resolve(
        &self,
        slot: usize,
        run: RunId,
        module: &Module<'_>,
        held: Option<&Held<'_>>,
        blocks: &mut Blocks,
    ) -> Result<BlockNumbers, Refused> {
        // Claiming its blocks does not tell.
        let asks = module.imports().flatten().any(|import| {
            HostFunction::named(&import).is_ok_and(|function| function.depends_on_device())
        });
        let fit = if asks {
            let platform = &self.shared.platform;
            imports::missing(module, platform).next().is_none()
        } else {
            let mut imports = module.imports().flatten();
            imports.all(|import| HostFunction::fitting(module, &import).is_ok())
        };
        let claimed = if fit {
            self.claim(slot, run, module, held, blocks)
        } else {
            Err(Refused::Missing(1))
        };
        claimed.map_err(|refused| {
            // What went wrong is not what always happens: asking the kernel about each label
            // costs more than claiming it.
            let platform = &self.shared.platform;
            let unavailable = imports::unavailable(module, platform, tag(slot)).count();
            if unavailable > 1 || imports::missing(module, platform).next().is_some() {
                Refused::Missing(unavailable as u16)
            } else {
                refused
            }
        })
    }

    /// Claim every label that the module imports and that is not held, each once.
    fn claim(
        &self,
        slot: usize,
        run: RunId,
        module: &Module<'_>,
        held: Option<&Held<'_>>,
        blocks: &mut Blocks,
    ) -> Result<BlockNumbers, Refused> {
        let mut numbers = BlockNumbers::new();
        for (claim, (label, seen)) in module.numbered_labels().enumerate() {
            let number = match seen {
                Seen::Again(earlier) => numbers.get(earlier),
                Seen::First(number) => {
                    let place = blocks.get_mut(number).ok_or_else(too_many_labels)?;
                    let block = match held.and_then(|held| held.block(label)) {
                        Some(block) => block,
                        None => {
                            let claimed = self.shared.platform.claim(tag(slot), label.0);
                            claimed.map_err(|refusal| match refusal {
                                Refusal::Busy => Refused::Busy {
                                    claim,
                                    holder: self.holder(label),
                                },
                                Refusal::NotExposed => Refused::Missing(1),
                                Refusal::Unproven => Refused::KeyNeeded { claim },
                                Refusal::Other(code) => Refused::Claim { claim, code },
                            })?
                        }
                    };
                    *place = Some(block);
                    self.shared.hold(run, block.handle);
                    number as u8
                }
            };
            if !numbers.set(claim, number) {
                return Err(too_many_labels());
            }
        }
        Ok(numbers)
    }
}

/// Was this refused for what is free now, and not for what may be had with these parameters?
pub(super) fn is_for_now(refused: Refused, parameters: &Parameters) -> bool {
    match refused {
        Refused::Memory { room, .. } => {
            room < limit(parameters).min(parameters.memory.unwrap_or(u32::MAX))
        }
        Refused::TooMany | Refused::NoRoom => true,
        _ => false,
    }
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

/// Checks that arena `id` can have the linear memory of `module` in one piece, below `limit`.
/// Everything else is in small pieces, and who cannot have them is told when loading gets there.
fn admit(id: ArenaId, module: &Module<'_>, limit: u32) -> Result<(), Refused> {
    let needed = u32::try_from(module.memory_bytes).unwrap_or(u32::MAX);
    if arena::is_in_use() && !arena::can_allocate(id, needed as usize) {
        let room = limit.min(arena::space().largest_bytes);
        return Err(Refused::Memory { needed, room });
    }
    Ok(())
}

/// Lets the engine look at the image, in the spare arena. An image too large to be checked now
/// is checked when it is started.
pub(super) fn validate<P: Platform + 'static>(
    shared: &Shared<P>,
    image: &[u8],
) -> Result<(), Refused> {
    let spare = shared.free_id(CONTAINERS_MAX);
    let id = spare.and_then(RunId::arena).ok_or(Refused::TooMany)?;
    arena::set_limit(id, arena::total() as usize);
    match arena::owned::scratch(id, || {
        <Executor<ContainerHost<P>> as Engine<_>>::validate(image)
    }) {
        Ok(Err(LoadError::Invalid { offset })) => Err(invalid(offset)),
        _ => Ok(()),
    }
}
