//! How often a driver may call the device: a test of one that waits for what never comes has an end.
//!
//! ```text
//!   call of the device ──► counted ──► handlers ──► is the time of `run` over? that is the end
//!                                               └─► too many? what it did last, and what to do
//! ```

use crate::host::Call;
use berth_desk::Block;
use std::format;
use std::string::String;

/// Calls of the device in one piece of work, unless a test says otherwise: a few seconds of a test's time.
const CALLS_MAX: u64 = 4_000_000;

/// The calls of one piece of work.
pub(super) struct Patience {
    calls: u64,
    waits: u64,
    most: u64,
    last: Call,
}

impl Patience {
    pub(super) const fn new() -> Self {
        Self {
            calls: 0,
            waits: 0,
            most: CALLS_MAX,
            last: Call::Wait,
        }
    }

    pub(super) const fn set_most(&mut self, most: u64) {
        self.most = most;
    }

    /// Another piece of work begins.
    pub(super) const fn begin(&mut self) {
        self.calls = 0;
        self.waits = 0;
    }

    pub(super) const fn count(&mut self, call: Call) {
        self.calls += 1;
        match call {
            Call::Wait => self.waits += 1,
            call => self.last = call,
        }
    }

    /// What to say if there were too many. `block` gives that of a handle.
    pub(super) fn is_over<'a>(&self, block: impl Fn(i32) -> Option<&'a Block>) -> Option<String> {
        if self.calls <= self.most {
            return None;
        }
        let last = match self.last {
            Call::Wait => "a wait".into(),
            Call::Named(name) => name.into(),
            Call::Register(function, handle, offset) => access(function, block(handle), offset),
        };
        let (calls, waits) = (self.calls, self.waits);
        Some(format!(
            "the driver has called the device {calls} times, waited {waits} times, and has not come to its end; its last call was \
             {last}. If it waits for something, let the board do it (an event or a reaction of the model, `Bench::receive`, a \
             `Device` of your own), or let the driver give up after a while; if it only needs longer, `Bench::calls_max` allows more"
        ))
    }
}

/// An access, as a fault of the device has it.
pub(super) fn access(function: &str, block: Option<&Block>, offset: u32) -> String {
    let label = block.map_or("", |block| &block.label);
    let name = block.and_then(|block| block.name_at(offset));
    let name = name.map(|name| format!(" ({name})"));
    format!(
        "mmio.{function}({label}, {offset:#x}){}",
        name.unwrap_or_default()
    )
}
