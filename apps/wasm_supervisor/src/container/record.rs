//! What is known of one container.

use berth_exposure::LABEL_MAX;
use berth_protocol::{Engine, FaultReport, ImageHash, Parameters, Place, State, Update};

use super::budget::{Budget, WRITES_DEFAULT};
use super::load::Load;
use super::name::Name;
use super::notes::Tag;
use super::restart::Restarts;
use super::run::{Figures, Run};
use super::schedule::{SHARE_DEFAULT, Turns};
use super::storage::{Belongings, Image};
use crate::admission::Module;
use crate::engine::Engine as _;
use crate::platform::Platform;
use crate::text::Text;

/// What a container's last fault was; kept after its memory is gone.
#[derive(Clone, Copy)]
pub(super) struct FaultRecord {
    /// All of it but the label of the block that the last call was about.
    pub(super) report: FaultReport<'static>,
    /// That label, if it was about one: the image that had it may be replaced.
    pub(super) block: Option<Text<LABEL_MAX>>,
    /// Where it was, if its package tells.
    pub(super) place: Option<Place>,
}

/// One container.
pub struct Container<P: Platform + 'static> {
    /// Its name, which no other container of the device has.
    pub(super) name: Name,
    /// What stands for its name in the supervisor's notes.
    pub(super) tag: Tag,
    /// Under which key its image is: that of its slot, or the candidate's while that is on trial.
    pub(super) image: Image,
    /// SHA-256 of that image.
    pub(super) hash: ImageHash,
    /// How it is to run, as its operator chose.
    pub(super) parameters: Parameters,
    /// What else its operator chose.
    pub(super) belongings: Belongings,
    /// Where it is in its life.
    pub(super) state: State,
    /// Its last fault, which outlives the run that had it.
    pub(super) fault: Option<FaultRecord>,
    /// Its run, while it is active. A paused container may have none: then
    /// its `_pause` has saved what it needs.
    pub(super) run: Option<Run<P>>,
    /// Figures of its last run.
    pub(super) last: Figures,
    /// How often it was restarted, and when it is to be.
    pub(super) restarts: Restarts,
    /// How its last run ended, for when its policy gives it up.
    pub(super) ended: State,
    /// Where it stands in the order of turns.
    pub(super) turns: Turns,
    /// What share of the CPU it had lately.
    pub(super) load: Load,
    /// What it may still have written to flash.
    pub(super) budget: Budget,
    /// How its last live update ended.
    pub(super) update: Update,
    /// Which live update that was, if this run of the supervisor has seen it.
    pub(super) update_id: Option<u32>,
}

impl<P: Platform + 'static> Container<P> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Its name, to be kept.
    pub(crate) const fn own_name(&self) -> Name {
        self.name
    }

    /// What stands for its name in the supervisor's notes.
    #[must_use]
    pub const fn tag(&self) -> Tag {
        self.tag
    }

    /// SHA-256 of its image.
    #[must_use]
    pub const fn hash(&self) -> ImageHash {
        self.hash
    }

    /// What its operator chose.
    #[must_use]
    pub const fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// What its operator chose beside.
    #[must_use]
    pub(crate) const fn belongings(&self) -> Belongings {
        self.belongings
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Returns how many interrupts were taken and dropped for its run, or for its last one. The kernel is asked about each
    /// that is registered.
    pub(super) fn interrupts(&self) -> (u32, u32) {
        self.run
            .as_ref()
            .map_or(self.last.interrupts, Run::interrupts)
    }

    /// When it was started last.
    #[must_use]
    pub fn started_us(&self) -> u64 {
        self.run
            .as_ref()
            .map_or(self.last.started_us, Run::started_us)
    }

    /// Fuel used since it was started last.
    #[must_use]
    pub fn fuel_used(&self) -> u64 {
        self.run
            .as_ref()
            .map_or(self.last.fuel_used, |run| run.fuel_used)
    }

    /// Most bytes of device memory that it has held since it was started.
    #[must_use]
    pub fn memory_high(&self) -> u32 {
        self.run
            .as_ref()
            .map_or(self.last.memory_high, Run::memory_high)
    }

    /// Its last fault.
    #[must_use]
    pub fn fault(&self) -> Option<FaultReport<'static>> {
        self.fault.as_ref().map(|record| record.report)
    }

    /// The label of the block that the last call before it was about, if it was about one.
    #[must_use]
    pub fn fault_block(&self) -> Option<&str> {
        let label = self.fault.as_ref()?.block.as_ref()?;
        core::str::from_utf8(label.bytes()).ok()
    }

    /// Where that was, if its package tells.
    #[must_use]
    pub fn fault_place(&self) -> Option<Place> {
        self.fault.as_ref()?.place
    }

    /// Where it is now, if its package tells.
    pub(super) fn place(&self) -> Option<Place> {
        let number = self.run.as_ref()?.engine.as_ref()?.peek()?.place()?;
        let [a, b, c, d, ..] = self.hash.0;
        Some(Place {
            number,
            image: u32::from_be_bytes([a, b, c, d]),
        })
    }

    /// Returns what executes it, and why that is the interpreter; `None`: nothing.
    #[must_use]
    pub fn engine(&self) -> Option<(Engine, Option<&'static str>)> {
        let run = self.run.as_ref()?;
        Some(match run.executed {
            Ok(_) => (Engine::Compiled, None),
            Err(why) => (Engine::Interpreter, why),
        })
    }

    /// Its restarts since the operator started it.
    #[must_use]
    pub const fn restarts(&self) -> Restarts {
        self.restarts
    }

    /// End its run, if it has one, and with it all that it holds; its figures are kept.
    pub(super) fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.last = run.end();
        }
    }

    /// Deepest use of its stack in linear memory so far, with `image` as its image, in bytes; `None` while it has no
    /// memory, and where the module does not tell where its stack is.
    #[must_use]
    pub fn stack_high(&self, image: &[u8]) -> Option<u32> {
        let engine = self.run.as_ref()?.engine.as_ref()?.peek()?;
        let top = Module::scan(image).ok()?.stack_top()?;
        let stack = engine.memory_now().get(..top as usize)?;
        // Memory begins as zeros and the stack grows downwards, so whatever is not zero
        // was written. (Zeros written at its deepest point are not seen.)
        let untouched = stack.iter().take_while(|byte| **byte == 0).count();
        Some(top - untouched as u32)
    }

    /// Most writes of its state to flash a day that follow from what it does.
    pub(super) fn writes(&self) -> u16 {
        self.parameters.writes.unwrap_or(WRITES_DEFAULT)
    }

    /// Share of the CPU that it had lately, in thousandths.
    #[must_use]
    pub const fn cpu_permille(&self) -> u16 {
        self.load.permille()
    }

    /// Share of the CPU relative to others.
    #[must_use]
    pub fn share(&self) -> u8 {
        self.parameters.share.unwrap_or(SHARE_DEFAULT)
    }
}
