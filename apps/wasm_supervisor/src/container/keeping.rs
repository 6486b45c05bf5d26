//! What main asks of the store: a setting of its configuration, its named values. Main waits, and goes on in the same turn.
//!
//! What is given a value is in the flash when the call returns. So each costs one of the writes that the container has a day
//! ([`super::budget`]); where there is none, the call says when there is one, and nothing has changed. While an image is on
//! trial there is none: what it writes would outlive it.

use core::ops::ControlFlow;

use berth_flash::Flash;
use berth_protocol::configuration::{settings, value};
use berth_protocol::{Entry, Fault, is_valid_name};
use berth_store::{Error, Key};

use super::belongings::{stored_bytes, values, with_value};
use super::budget::Budget;
use super::images::Images;
use super::outcome::End;
use super::pieces::{Pieces, may_go_on};
use super::record::Container;
use super::run::Main;
use super::storage::{Image, values_key};
use super::table::Containers;
use crate::arena;
use crate::buses::Place;
use crate::engine::border::price;
use crate::engine::{Asked, Engine, Keep};
use crate::errno;
use crate::platform::Platform;

/// There is no setting, or no value, of this name.
const NONE: i32 = -1;

/// When a flash whose erases are used up is asked again, if it does not say: after an hour.
const ERASES_S: u32 = 3_600;

/// Returns the part of `memory` that is meant; `None` if it is not inside.
fn part(memory: &[u8], place: Place) -> Option<&[u8]> {
    let Place { pointer, length } = place;
    crate::engine::part(memory, pointer, length)
}

/// Copies `bytes` to `pointer`. Returns whether there is room for them.
fn put(memory: &mut [u8], pointer: usize, bytes: &[u8]) -> Option<()> {
    let end = pointer.checked_add(bytes.len())?;
    memory.get_mut(pointer..end)?.copy_from_slice(bytes);
    Some(())
}

/// Copies what fits of what was found. Returns what the call returns: its length.
fn found(memory: &mut [u8], place: Place, bytes: Option<&[u8]>) -> Option<i32> {
    part(memory, place)?;
    let Some(bytes) = bytes else {
        return Some(NONE);
    };
    let fits = bytes.get(..place.length as usize).unwrap_or(bytes);
    put(memory, place.pointer as usize, fits)?;
    i32::try_from(bytes.len()).ok()
}

/// Writes the environment of a WASI program: `first` is the place of pointers to its texts, `second` that of the texts.
fn environ(memory: &mut [u8], asked: &Asked, configuration: &[u8]) -> Option<i32> {
    let (mut first, mut second) = (asked.name.pointer as usize, asked.value.pointer as usize);
    if asked.keep == Keep::EnvironSizes {
        let count = settings(configuration).count() as u32;
        put(memory, first, &count.to_le_bytes())?;
        put(memory, second, &(configuration.len() as u32).to_le_bytes())?;
        return Some(0);
    }
    for setting in settings(configuration) {
        put(memory, first, &(second as u32).to_le_bytes())?;
        put(memory, second, setting.whole)?;
        first += 4;
        second += setting.whole.len();
    }
    Some(0)
}

/// As a call says that it is to be made again in so many microseconds.
fn later(after_us: u64) -> i32 {
    let after_ms = after_us.div_ceil(1_000).max(1);
    -i32::try_from(after_ms).unwrap_or(i32::MAX)
}

impl<P: Platform + 'static> Containers<P> {
    /// Do what main of the container in `slot` asks of the store. It goes on with what the call returns. Breaks with how the
    /// container has ended, if it has, or when its turn, which has `begun`, is over.
    pub(super) fn keep(
        &mut self,
        slot: usize,
        pieces: &mut Pieces,
        begun: u64,
    ) -> ControlFlow<Option<End>> {
        let now = self.shared.platform.now_us();
        let Some(container) = self.slots.get_mut(slot).and_then(Option::as_mut) else {
            return ControlFlow::Break(None);
        };
        let configuration = container.belongings.configuration;
        let on_trial = container.image != Image::Stored;
        let trial = self.trial.as_ref().filter(|_| on_trial);
        let writes = container.writes();
        let Container {
            run,
            budget,
            belongings,
            ..
        } = container;
        let mut purse = Purse {
            budget,
            writes,
            limit: belongings.values_limit() as usize,
            now,
            not_before_us: trial.map_or(now, |trial| trial.until_us),
        };
        let images = &mut self.images;
        let engine = run.as_mut().and_then(|run| run.engine.as_mut());
        // What is looked through and copied.
        let mut bytes = 0;
        let come = engine.map(|engine| {
            engine.run(|engine| {
                let Some(asked) = engine.host().asked() else {
                    return (Some(0), None);
                };
                let memory = engine.memory();
                let come = match asked.keep {
                    Keep::ConfigGet | Keep::Environ | Keep::EnvironSizes => {
                        let all = configuration.map_or(&[][..], |key| images.image(key));
                        bytes = all.len();
                        if asked.keep == Keep::ConfigGet {
                            let name = part(memory, asked.name);
                            let value = name.map(|name| value(all, name));
                            value.and_then(|value| found(memory, asked.value, value))
                        } else {
                            environ(memory, &asked, all)
                        }
                    }
                    Keep::ValueGet => {
                        let all = images.image(values_key(slot));
                        bytes = all.len();
                        part(memory, asked.name)
                            .map(|name| values(all).find(|value| value.name == name))
                            .and_then(|value| {
                                found(memory, asked.value, value.map(|value| value.value))
                            })
                    }
                    Keep::ValueSet | Keep::ValueRemove => {
                        let value = match asked.keep {
                            Keep::ValueSet => part(memory, asked.value).map(Some),
                            _ => Some(None),
                        };
                        bytes = images.image(values_key(slot)).len();
                        part(memory, asked.name).zip(value).map(|(name, value)| {
                            arena::outside(|| {
                                set_value(&mut purse, images, values_key(slot), (name, value))
                            })
                        })
                    }
                };
                (come, engine.host().last_call())
            })
        });
        let fuel = bytes as u32 / price::STATE_BYTES;
        let is_left = pieces.used(fuel.into());
        self.used(slot, fuel.into());
        // (What it does takes no memory of the container's.)
        let (result, last_call) = come.and_then(Result::ok).unwrap_or((Some(0), None));
        let Some(result) = result else {
            return ControlFlow::Break(Some(End::Fault {
                fault: Fault::BadPointer,
                entry: Entry::Main,
                last_call,
            }));
        };
        if let Some(run) = self.run_mut(slot) {
            run.main = Main::Returning(result as u32);
        }
        if is_left && may_go_on(&self.shared.platform, begun) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(None)
        }
    }
}

/// What a container may have written.
struct Purse<'a> {
    budget: &'a mut Budget,
    /// Writes a day.
    writes: u16,
    /// Most bytes of all its values.
    limit: usize,
    /// The time now, in microseconds.
    now: u64,
    /// Nothing is written before this.
    not_before_us: u64,
}

/// Give a name a value, or none. Returns what the call returns: 0, an error number, or in how many milliseconds it is to be
/// tried again, as a negative number.
fn set_value<F: Flash>(
    purse: &mut Purse<'_>,
    images: &mut Images<F>,
    key: Key,
    (name, value): (&[u8], Option<&[u8]>),
) -> i32 {
    let now = purse.now;
    let old = images.image(key);
    if !core::str::from_utf8(name).is_ok_and(is_valid_name) {
        return errno::INVALID.into();
    }
    let before = values(old).find(|kept| kept.name == name);
    // What is there already is not written again.
    if before.map(|kept| kept.value) == value {
        return 0;
    }
    let freed = before.map_or(0, |kept| stored_bytes(kept.name, kept.value));
    let added = value.map_or(0, |value| stored_bytes(name, value));
    // One that has more than it may have by now can remove what it has, and make it smaller.
    if added > freed && old.len() - freed + added > purse.limit {
        return errno::SIZE.into();
    }
    if purse.not_before_us > now {
        return later(purse.not_before_us - now);
    }
    let Some(all) = with_value(old, name, value) else {
        return errno::NO_MEMORY.into();
    };
    if let Err(due_us) = purse.budget.take(purse.writes, now) {
        return later(due_us.saturating_sub(now));
    }
    let done = if all.is_empty() {
        images.remove(key, None)
    } else {
        images.put(key, &all)
    };
    match done {
        Ok(()) => 0,
        Err(Error::Later) => {
            let erases = images.flash().and_then(|store| store.flash().erases());
            let period_s = erases.map_or(ERASES_S, |erases| erases.period_s);
            later(u64::from(period_s) * 1_000_000)
        }
        Err(Error::Full { .. } | Error::Directory) => errno::NO_MEMORY.into(),
        Err(_) => errno::FAIL.into(),
    }
}
