//! One host call under way: who has made it, and what its body may use.

use berth_protocol::Fault;

use super::account::{self, State};
use crate::engine::{Handler, Host, Stop};

/// The engine of a container that has made a host call: what of it the border needs.
pub(in crate::engine) trait Caller<H> {
    /// Returns the host of the container.
    fn host(&mut self) -> &mut H;
    /// Returns what is kept for the border.
    fn border(&mut self) -> &mut State;
    /// Returns the fuel that is left.
    fn fuel(&self) -> u64;
    /// Sets the fuel that is left.
    fn set_fuel(&mut self, fuel: u64);
    /// Returns the container's memory (empty without one) and its host.
    fn memory_and_host(&mut self) -> (&mut [u8], &mut H);
    /// Returns the function at `index` of the table that the module exports for its handlers, if it can be one.
    fn handler(&mut self, index: u32) -> Result<Handler, Fault>;
}

/// The table that a module must export for its handlers, as linkers call it.
pub(in crate::engine) const TABLE: &str = "__indirect_function_table";

/// A host call: who calls, and about which block. It hands out memory and host, not the engine, so what it costs
/// is settled by the border alone.
pub(in crate::engine) struct Call<'c, H> {
    caller: &'c mut (dyn Caller<H> + 'c),
    block: u8,
}

impl<'c, H: Host> Call<'c, H> {
    pub(super) const fn new(caller: &'c mut (dyn Caller<H> + 'c), block: u8) -> Self {
        Self { caller, block }
    }

    /// Returns the host of the container.
    pub(in crate::engine) fn host(&mut self) -> &mut H {
        self.caller.host()
    }

    /// Returns the number of the block that the function is about.
    pub(in crate::engine) const fn block(&self) -> u8 {
        self.block
    }

    /// Returns whether the caller has a budget, and not a slice.
    pub(in crate::engine) fn has_budget(&mut self) -> bool {
        self.caller.border().aside
    }

    /// Notes that this call costs `fuel` beside the price of its function, because of its arguments; before it does the
    /// work.
    ///
    /// # Errors
    ///
    /// If what has a budget cannot pay it.
    pub(in crate::engine) fn more(&mut self, fuel: u32) -> Result<(), Stop> {
        account::afford(self.caller, fuel)?;
        self.host().account().charge(fuel);
        Ok(())
    }

    /// Returns how much fuel main can still use in this call before its slice is ended in it.
    pub(in crate::engine) fn spare(&mut self) -> u64 {
        account::spare(self.caller)
    }

    /// Notes what main has used of that.
    pub(in crate::engine) fn used(&mut self, fuel: u32) {
        self.host().account().charge(fuel);
    }

    /// Returns the container's memory (empty without one) and its host.
    pub(in crate::engine) fn memory_and_host(&mut self) -> (&mut [u8], &mut H) {
        self.caller.memory_and_host()
    }

    /// Returns the function at `index` of the container's table, if it can be a handler.
    pub(in crate::engine) fn handler(&mut self, index: u32) -> Result<Handler, Fault> {
        self.caller.handler(index)
    }
}

/// Returns the part of `memory` that a container means; `None` if it is not all inside.
pub(crate) fn part(memory: &[u8], pointer: u32, length: u32) -> Option<&[u8]> {
    let end = (pointer as usize).checked_add(length as usize)?;
    memory.get(pointer as usize..end)
}
