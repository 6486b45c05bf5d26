//! From an image to an engine that can run it: imports, memory, claims, compilation.

use berth_protocol::Fault;

use super::ContainerHost;
use super::host::Blocks;
use super::table::{Containers, Refused, tag};
use crate::admission::bound::bound;
use crate::admission::{HostFunction, Label, Malformed, Module, imports};
use crate::arena::{self, ArenaId, Owned};
use crate::engine::wasmi::Wasmi;
use crate::engine::{BlockNumbers, Engine, Limits, LoadError, config};
use crate::platform::{Platform, Refusal};

/// Fuel of a module's start function: one slice of the usual length.
const START_FUEL: u64 = 2_500;

/// How loading can fail.
pub(super) enum Loading {
    Refused(Refused),
    Fault(Fault),
}

impl From<Refused> for Loading {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl<P: Platform + 'static> Containers<P> {
    /// Load and link the container in `slot`, and run its module's start function.
    ///
    /// # Errors
    ///
    /// The caller gives back what it has claimed until then.
    pub(super) fn load(&self, slot: usize) -> Result<Owned<Wasmi<ContainerHost<P>>>, Loading> {
        let container = self.get(slot).ok_or(Refused::NoRoom)?;
        let id = ArenaId::of_container(slot).ok_or(Refused::TooMany)?;
        let module = Module::scan(self.image(slot)).map_err(Refused::Invalid)?;
        let (_, limit) = self.memory(slot);
        let needed = bound(&module).map_err(Refused::Invalid)?;
        admit(&module, needed, limit)?;
        if let Some(room) = container.parameters.memory
            && module.memory_bytes > u64::from(room)
        {
            let needed = u32::try_from(module.memory_bytes).unwrap_or(u32::MAX);
            return Err(Refused::Memory { needed, room }.into());
        }
        let (blocks, numbers) = self.resolve(slot, &module)?;
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
        // No more than was admitted, whatever the engine does.
        arena::set_limit(id, needed as usize);
        let shared = self.shared.clone();
        let image = self.image(slot);
        let loaded = Owned::new(id, move || {
            let host = ContainerHost::new(shared, slot, &blocks);
            Wasmi::load(image, &module, &numbers, limits, host)
        });
        match loaded {
            Ok(Ok(engine)) => {
                arena::trim(id);
                arena::set_limit(id, limit as usize);
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
                let room = limit.min(arena::room());
                Err(Refused::Memory { needed, room }.into())
            }
            Ok(Err(LoadError::Trapped(fault))) => Err(Loading::Fault(fault)),
        }
    }

    /// Check every import and claim every label, each once.
    ///
    /// # Errors
    ///
    /// All reasons at once; a single label that is held is told with its holder.
    fn resolve(&self, slot: usize, module: &Module<'_>) -> Result<(Blocks, BlockNumbers), Refused> {
        let fit = module
            .imports()
            .flatten()
            .all(|import| HostFunction::fitting(module, &import).is_ok());
        let claimed = if fit {
            self.claim(slot, module)
        } else {
            Err(Refused::Missing(1))
        };
        claimed.map_err(|refused| {
            // What went wrong is not what always happens: asking the kernel about each label
            // costs more than claiming it.
            let platform = &self.shared.platform;
            platform.release_all(tag(slot));
            let unavailable = imports::unavailable(module, platform).count();
            if unavailable > 1 || imports::missing(module, platform).next().is_some() {
                Refused::Missing(unavailable as u16)
            } else {
                refused
            }
        })
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

/// Is there room for `module`, which takes at most `needed` bytes, below `limit`?
fn admit(module: &Module<'_>, needed: u32, limit: u32) -> Result<(), Refused> {
    if !arena::is_in_use() {
        return Ok(());
    }
    let room = limit.min(arena::room());
    if needed > room {
        return Err(Refused::Memory { needed, room });
    }
    // Everything but the linear memory is in small pieces.
    let piece = arena::space().largest_bytes;
    if module.memory_bytes > u64::from(piece) {
        return Err(Refused::Memory {
            needed: module.memory_bytes as u32,
            room: piece,
        });
    }
    Ok(())
}

/// Let the engine look at the image, which takes at most `needed` bytes, in the arena of the
/// still empty `slot`. An image too large to be checked now is checked when it is started.
pub(super) fn validate<P: Platform + 'static>(
    slot: usize,
    image: &[u8],
    needed: u32,
) -> Result<(), Refused> {
    let id = ArenaId::of_container(slot).ok_or(Refused::TooMany)?;
    arena::set_limit(id, needed as usize);
    match arena::owned::scratch(id, || {
        <Wasmi<ContainerHost<P>> as Engine<_>>::validate(image)
    }) {
        Ok(Err(LoadError::Invalid { offset })) => Err(invalid(offset)),
        _ => Ok(()),
    }
}
