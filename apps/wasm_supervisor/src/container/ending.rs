//! What follows when a container ends: its fault record, its trial, its policy.
//!
//! Whatever runs a container's code returns how that has ended ([`End`]); it is applied here and nowhere else.

use core::fmt::Write;

use berth_exposure::LABEL_MAX;
use berth_protocol::{
    Entry, Fault, FaultReport, Happening, LOG_TEXT_MAX, Level, Restart, State, Update,
};

use super::budget::Cause;
use super::host::{ACCESSES, CONVEYORS, PROGRAM};
use super::loading::Loading;
use super::name::CONTAINERS_MAX;
use super::outcome::{End, LastCall};
use super::record::FaultRecord;
use super::refused::Refused;
use super::restart::Ended;
use super::run::Figures;
use super::saved::Saved;
use super::state::Event;
use super::storage::{CANDIDATE_KEY, Image, image_key};
use super::table::Containers;
use super::trial::{Trial, Version};
use crate::platform::Platform;
use crate::text::Text;

/// If the store does not take the end of a trial for long, it is tried again after this.
const RETRY_MAX_US: u64 = 300_000_000;

impl<P: Platform + 'static> Containers<P> {
    /// Do what is due, and give the next container that can run a slice. Returns whether there was
    /// anything.
    pub fn run_one(&mut self) -> bool {
        let now = self.shared.platform.now_us();
        self.account(now);
        self.end_trial(now);
        self.store_deferred(now);
        let restarted = self.restart_one(now);
        // A restart has moved the clock on; what this turn is charged with begins where that ended.
        let now = if restarted {
            self.shared.platform.now_us()
        } else {
            now
        };
        match self.run_next(now) {
            Some((slot, end)) => {
                if let Some(end) = end {
                    self.end(slot, end);
                }
                true
            }
            None => restarted,
        }
    }

    /// Synchronise the conveyors that are due, and run the handlers of interrupts that wait, each once. Returns whether there were any.
    pub fn run_handlers(&mut self) -> bool {
        let synchronised = self.sync_each(Self::end);
        self.run_each(Self::end) || synchronised
    }

    /// Start one container again whose time has come. One at a time: loading takes long.
    fn restart_one(&mut self, now: u64) -> bool {
        let due = self.iter().find(|(_, container)| {
            matches!(container.state, State::Restarting { .. }) && container.restarts.due_us <= now
        });
        match due {
            Some((slot, _)) => {
                self.begin_span(now, Some(slot));
                self.start_again(slot);
                self.charge_to(None);
                true
            }
            None => false,
        }
    }

    /// Look at one more of the containers that were there when the supervisor began, and start
    /// it if it is to start then: because its operator said so, or because it was active
    /// when the supervisor failed and has a policy. Returns whether there was one to look at.
    pub fn start_at_boot(&mut self) -> bool {
        self.tell_store();
        let mut slots = self.boot_slot..CONTAINERS_MAX;
        let next = slots.find_map(|slot| Some((slot, self.get(slot)?)));
        let starts = next.is_some_and(|(_, container)| {
            let policy = container.parameters.restart.unwrap_or(Restart::No);
            let comes_back = policy != Restart::No
                && self.before.was_active(&self.shared.platform, container.tag);
            container.state == State::Stored
                && (comes_back || container.parameters.boot == Some(true))
        });
        let next = next.map(|(slot, _)| slot);
        self.boot_slot = slots.start;
        if let (Some(slot), true) = (next, starts) {
            self.start_again(slot);
        }
        next.is_some()
    }

    /// Start the container in `slot` because its policy or the boot list wants it.
    fn start_again(&mut self, slot: usize) {
        match self.launch(slot, Event::Start) {
            // A fault while it was loaded has been dealt with as every fault.
            Ok(()) | Err(Refused::State(_) | Refused::SafeMode) => {}
            Err(refused) => {
                if let Refused::Untrusted(why) = refused {
                    self.note(slot, Happening::Untrusted { why });
                }
                self.apply_policy(slot, Ended::Failure);
            }
        }
    }

    /// Load the container in `slot` and let it begin. If its own code fails while it is loaded, it has
    /// ended, as it would by a fault at any other time.
    ///
    /// # Errors
    ///
    /// Why it does not run. It is what it was before, or it is faulted and the error is that state.
    pub(super) fn launch(&mut self, slot: usize, event: Event) -> Result<(), Refused> {
        let Some(before) = self.state(slot) else {
            return Ok(());
        };
        self.check(slot, event)?;
        if self.before.safe_mode {
            return Err(Refused::SafeMode);
        }
        self.go(slot, event);
        let began = self.shared.platform.now_us();
        let loaded = self.load_own(slot);
        let now = self.shared.platform.now_us();
        let took = now.saturating_sub(began);
        self.clock.stalled(took);
        if let Some(container) = self.get_mut(slot) {
            container.restarts.loading_us = u32::try_from(took).unwrap_or(u32::MAX);
        }
        match loaded {
            Ok(run) => {
                self.used(slot, run.fuel_used);
                self.shared.commit_run(run.id(), slot, None);
                if let Some(container) = self.get_mut(slot) {
                    container.run = Some(run);
                    container.fault = None;
                }
                self.go(slot, Event::Loaded);
                Ok(())
            }
            Err(Loading::Refused(refused)) => {
                self.go(slot, Event::Refuse { before });
                Err(refused)
            }
            Err(Loading::Fault(fault, words)) => {
                if let Some(container) = self.get_mut(slot) {
                    container.last = Figures {
                        started_us: now,
                        fuel_used: words.fuel_used,
                        memory_high: words.memory_used,
                        interrupts: (0, 0),
                    };
                }
                let end = End::Fault {
                    fault,
                    entry: Entry::Start,
                    last_call: words.last_call,
                };
                self.end(slot, end);
                // Its arena is wiped already.
                if let Some(container) = self.get_mut(slot)
                    && let Some(record) = &mut container.fault
                {
                    record.report.memory_used = words.memory_used;
                }
                Err(Refused::State(State::Faulted { fault }))
            }
        }
    }

    /// The label of the block that this call of the container in `slot` was about, if it was about one.
    fn block_of(&self, slot: usize, call: &LastCall) -> Option<Text<LABEL_MAX>> {
        let [number, _] = call.arguments;
        let is_access = call.name.starts_with(ACCESSES)
            || call.name.starts_with(CONVEYORS)
            || call.name == PROGRAM;
        let number = u8::try_from(number).ok().filter(|_| is_access)?;
        let mut text = Text::new();
        text.write_str(self.block_label(slot, number)?).ok()?;
        Some(text)
    }

    /// The container in `slot` has ended by what it did.
    pub(super) fn end(&mut self, slot: usize, end: End) {
        match end {
            End::Exit { code } => {
                self.go(slot, Event::Exit { code });
                self.apply_policy(slot, Ended::Exit);
            }
            End::Fault {
                fault,
                entry,
                last_call,
            } => {
                self.record_fault(slot, fault, entry, last_call);
                self.go(slot, Event::Fault(fault));
                if !self.roll_back(slot, fault) {
                    self.apply_policy(slot, Ended::Failure);
                }
            }
        }
    }

    /// No policy has a say in the end of the container in `slot` any more.
    pub(super) fn give_up(&mut self, slot: usize) {
        if let Some(container) = self.get(slot)
            && let State::Restarting { .. } = container.state
        {
            let ended = container.ended;
            self.go(slot, Event::GiveUp { ended });
        }
    }

    /// Keep in mind what a container did that is ended for it, and say so in its log.
    fn record_fault(
        &mut self,
        slot: usize,
        fault: Fault,
        entry: Entry,
        last_call: Option<LastCall>,
    ) {
        let time_us = self.shared.platform.now_us();
        let (memory_used, _) = self.memory(slot);
        let block = last_call.and_then(|call| self.block_of(slot, &call));
        if let Some(container) = self.get_mut(slot) {
            let report = FaultReport {
                fault,
                entry,
                last_call,
                fuel_used: container.fuel_used(),
                memory_used,
                restarts: container.restarts.total,
                time_us,
            };
            let place = container.place();
            container.fault = Some(FaultRecord {
                report,
                block,
                place,
            });
            let entry = match entry {
                Entry::Start => "while loading",
                Entry::Main => "in main",
                Entry::Handler { .. } => "in a handler",
                Entry::Pause => "in _pause",
            };
            // Nothing here may need memory: it may be what the container ran out of.
            let mut text = Text::<LOG_TEXT_MAX>::new();
            let _ = write!(text, "faulted: {} {entry}, ", fault.word());
            if let Some(place) = place {
                let _ = write!(text, "{place}, ");
            }
            let _ = write!(text, "fuel {}", report.fuel_used);
            if let Some(LastCall {
                name, arguments, ..
            }) = last_call
            {
                let [first, second] = arguments;
                let _ = write!(text, ", last call {name}({first}, {second:#x})");
            }
            if let Some(block) = block {
                let label = core::str::from_utf8(block.bytes()).unwrap_or_default();
                let _ = write!(text, " of {label}");
            }
            self.shared.with_log(slot, |log| {
                log.say(Level::Error, time_us, text.bytes());
            });
        }
    }

    /// The container in `slot` has ended, or could not be started again: what does its
    /// policy say?
    fn apply_policy(&mut self, slot: usize, end: Ended) {
        let now = self.shared.platform.now_us();
        let Some(container) = self.get_mut(slot) else {
            return;
        };
        let waited = matches!(container.state, State::Restarting { .. });
        let ran_us = if waited {
            0
        } else {
            container.ended = container.state;
            now.saturating_sub(container.started_us())
        };
        let ended = container.ended;
        let policy = container.parameters.restart.unwrap_or(Restart::No);
        if container.restarts.again(policy, end, ran_us, now) {
            let count = container.restarts.in_row;
            self.go(slot, Event::Again { count });
        } else if waited {
            self.go(slot, Event::GiveUp { ended });
        }
    }

    /// The container in `slot` has faulted. If it was on trial, the old image is there again, with its
    /// saved state, and started. Returns whether it was.
    fn roll_back(&mut self, slot: usize, fault: Fault) -> bool {
        let Some(trial) = self.trial.take_if(|trial| trial.slot == slot) else {
            return false;
        };
        self.restore_version(slot, trial.old, trial.saved);
        self.drop_candidate();
        self.sweep();
        self.updated(slot, Update::RolledBack { fault: Some(fault) });
        self.start_again(slot);
        true
    }

    /// Is a trial over? Then the new image stays.
    fn end_trial(&mut self, now: u64) {
        let Some(trial) = self.trial.take_if(|trial| trial.until_us <= now) else {
            return;
        };
        let slot = trial.slot;
        if self.images.rename(CANDIDATE_KEY, image_key(slot)).is_err() {
            // It goes on, and is tried again less and less often: an attempt may wear the flash.
            let retry_us = trial.retry_us;
            self.trial = Some(Trial {
                until_us: now.saturating_add(retry_us),
                retry_us: (2 * retry_us).min(RETRY_MAX_US),
                ..trial
            });
            return;
        }
        if let Some(container) = self.get_mut(slot) {
            container.image = Image::Stored;
        }
        // What the new one saved meanwhile; tried again when it ends.
        let _ = self.persist(slot, Cause::Operator);
        // The old one's configuration.
        self.sweep();
        let stopped_first = trial.stopped_first;
        self.updated(slot, Update::Kept { stopped_first });
    }

    /// Let the container in `slot` be this version. Returns what it was.
    pub(super) fn set_version(&mut self, slot: usize, version: Version) -> Option<Version> {
        self.shared.set_parameters(slot, &version.parameters);
        self.shared.set_changed(slot);
        let container = self.get_mut(slot)?;
        Some(Version {
            image: core::mem::replace(&mut container.image, version.image),
            hash: core::mem::replace(&mut container.hash, version.hash),
            parameters: core::mem::replace(&mut container.parameters, version.parameters),
            belongings: core::mem::replace(&mut container.belongings, version.belongings),
        })
    }

    /// The old version again, with the state that it had saved.
    pub(super) fn restore_version(&mut self, slot: usize, old: Version, saved: Saved) {
        self.set_version(slot, old);
        self.shared.with_saved(slot, |place| *place = saved);
    }
}
