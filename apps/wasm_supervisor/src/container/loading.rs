//! From an image to an engine that can run it: imports, memory, claims, compilation.

use berth_protocol::Fault;

use super::host::{BLOCKS_MAX, Blocks, LastWords, Shared};
use super::table::{Containers, Refused, tag};
use super::{CONTAINERS_MAX, ContainerHost, Pending};
use crate::admission::{HostFunction, Label, Malformed, Module, imports};
use crate::arena::{self, ArenaId, Owned};
use crate::engine::wasmi::Wasmi;
use crate::engine::{BlockNumbers, Engine, Limits, LoadError, config};
use crate::platform::{Claimed, Platform, Refusal};

/// Fuel of a module's start function: one slice of the usual length.
const START_FUEL: u64 = 2_500;

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

/// What the container that is replaced holds, and the one that replaces it takes over.
pub(super) struct Held<'a> {
    module: Module<'a>,
    blocks: Blocks,
}

impl<'a> Held<'a> {
    /// What a container with this image holds. `None` if that is no image.
    pub(super) fn new(image: &'a [u8], blocks: Blocks) -> Option<Self> {
        let module = Module::scan(image).ok()?;
        Some(Self { module, blocks })
    }

    /// The block of this label.
    fn block(&self, label: Label<'_>) -> Option<Claimed> {
        let distinct = labels(&self.module).enumerate().filter(|(place, label)| {
            !labels(&self.module)
                .take(*place)
                .any(|other| other == *label)
        });
        let number = distinct.into_iter().position(|(_, other)| other == label)?;
        self.blocks.get(number).copied().flatten()
    }
}

impl<P: Platform + 'static> Containers<P> {
    /// Load and link the container in `slot`, and run its module's start function. What is `held`
    /// needs no claim.
    ///
    /// # Errors
    ///
    /// The caller gives back what it has claimed until then, unless something is held: then it
    /// holds that and nothing else.
    pub(super) fn load(
        &self,
        slot: usize,
        held: Option<&Held<'_>>,
    ) -> Result<Owned<Wasmi<ContainerHost<P>>>, Loading> {
        let mut blocks = NOTHING;
        let loaded = self.load_and_claim(slot, held, &mut blocks);
        if let (Err(_), Some(held)) = (&loaded, held) {
            self.release_except(&blocks, &held.blocks);
        }
        loaded
    }

    /// Give back of `blocks` what is not in `keep`.
    pub(super) fn release_except(&self, blocks: &Blocks, keep: &Blocks) {
        let kept = |handle| keep.iter().flatten().any(|block| block.handle == handle);
        for block in blocks.iter().flatten() {
            if !kept(block.handle) {
                self.shared.platform.release(block.handle);
            }
        }
    }

    fn load_and_claim(
        &self,
        slot: usize,
        held: Option<&Held<'_>>,
        blocks: &mut Blocks,
    ) -> Result<Owned<Wasmi<ContainerHost<P>>>, Loading> {
        let container = self.get(slot).ok_or(Refused::NoRoom)?;
        let id = self.shared.arena(slot).ok_or(Refused::TooMany)?;
        let module = Module::scan(self.image(slot)).map_err(Refused::Invalid)?;
        let (_, limit) = self.memory(slot);
        arena::set_limit(id, limit as usize);
        admit(id, &module, limit)?;
        if let Some(room) = container.parameters.memory
            && module.memory_bytes > u64::from(room)
        {
            let needed = u32::try_from(module.memory_bytes).unwrap_or(u32::MAX);
            return Err(Refused::Memory { needed, room }.into());
        }
        let numbers = self.resolve(slot, &module, held, blocks)?;
        let limits = Limits {
            stack_bytes: container
                .parameters
                .stack
                .unwrap_or(config::STACK_MAX_BYTES as u32),
            start_fuel: START_FUEL,
            handlers: module.imports().flatten().any(|import| {
                matches!(HostFunction::named(&import), Ok(HostFunction::Register(_)))
            }),
        };
        let shared = self.shared.clone();
        let image = self.image(slot);
        let blocks = &*blocks;
        let loaded = Owned::new(id, move || {
            let host = ContainerHost::new(shared, slot, blocks);
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

    /// Check every import and claim every label, each once.
    ///
    /// # Errors
    ///
    /// All reasons at once; a single label that is held is told with its holder.
    fn resolve(
        &self,
        slot: usize,
        module: &Module<'_>,
        held: Option<&Held<'_>>,
        blocks: &mut Blocks,
    ) -> Result<BlockNumbers, Refused> {
        // Claiming a block does not tell whether it has interrupts.
        let asks = module.imports().flatten().any(|import| {
            matches!(
                HostFunction::named(&import),
                Ok(HostFunction::Register(_) | HostFunction::Unregister(_))
            )
        });
        let fit = if asks {
            let platform = &self.shared.platform;
            imports::missing(module, platform).next().is_none()
        } else {
            let mut imports = module.imports().flatten();
            imports.all(|import| HostFunction::fitting(module, &import).is_ok())
        };
        let claimed = if fit {
            self.claim(slot, module, held, blocks)
        } else {
            Err(Refused::Missing(1))
        };
        claimed.map_err(|refused| {
            // What went wrong is not what always happens: asking the kernel about each label
            // costs more than claiming it.
            let platform = &self.shared.platform;
            let keep = held.map_or(NOTHING, |held| held.blocks);
            self.release_except(blocks, &keep);
            *blocks = NOTHING;
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
        module: &Module<'_>,
        held: Option<&Held<'_>>,
        blocks: &mut Blocks,
    ) -> Result<BlockNumbers, Refused> {
        let mut numbers = BlockNumbers::new();
        let mut claimed = 0usize;
        for (claim, label) in labels(module).enumerate() {
            let earlier = labels(module).take(claim).position(|other| other == label);
            let number = match earlier {
                Some(earlier) => numbers.get(earlier),
                None => {
                    let own = held.and_then(|held| held.block(label));
                    let block = own.map_or_else(
                        || {
                            let claimed = self.shared.platform.claim(tag(slot), label.0);
                            claimed.map_err(|refusal| match refusal {
                                Refusal::Busy => Refused::Busy {
                                    claim,
                                    holder: self.holder(label),
                                },
                                Refusal::NotExposed => Refused::Missing(1),
                                Refusal::Other(code) => Refused::Claim { claim, code },
                            })
                        },
                        Ok,
                    )?;
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
        Ok(numbers)
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

/// The labels that a module imports, in order.
pub(super) fn labels<'a>(module: &Module<'a>) -> impl Iterator<Item = Label<'a>> {
    module
        .imports()
        .flatten()
        .filter_map(|import| match HostFunction::named(&import) {
            Ok(function) => function.label(),
            Err(_) => None,
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
    let id = shared.arena(CONTAINERS_MAX).ok_or(Refused::TooMany)?;
    arena::set_limit(id, arena::TOTAL_BYTES as usize);
    match arena::owned::scratch(id, || {
        <Wasmi<ContainerHost<P>> as Engine<_>>::validate(image)
    }) {
        Ok(Err(LoadError::Invalid { offset })) => Err(invalid(offset)),
        _ => Ok(()),
    }
}
