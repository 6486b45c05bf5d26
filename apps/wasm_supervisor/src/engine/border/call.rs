//! One host call under way: what its body may use.

use wasmi::{AsContextMut, Caller, Extern, Memory, Ref, Val};

use berth_protocol::Fault;

use super::account;
use crate::admission::entries::MEMORY;
use crate::engine::wasmi::{Data, Handler};
use crate::engine::{Host, Stop};

/// The table that a module must export for its handlers, as linkers call it.
const TABLE: &str = "__indirect_function_table";

/// A host call: who calls, and about which block. It hands out memory and host, not the store, so what it costs
/// is settled by the border alone.
pub(in crate::engine) struct Call<'c, 'a, H: 'static> {
    /// Borrowed: it lies in memory already.
    caller: &'c mut Caller<'a, Data<H>>,
    block: u8,
}

impl<'c, 'a, H: Host + 'static> Call<'c, 'a, H> {
    #[inline(always)]
    pub(super) const fn new(caller: &'c mut Caller<'a, Data<H>>, block: u8) -> Self {
        Self { caller, block }
    }

    /// Returns the host of the container.
    #[inline(always)]
    pub(in crate::engine) fn host(&mut self) -> &mut H {
        &mut self.caller.data_mut().host
    }

    /// Returns the number of the block that the function is about.
    pub(in crate::engine) const fn block(&self) -> u8 {
        self.block
    }

    /// Returns whether the caller has a budget, and not a slice.
    pub(in crate::engine) fn has_budget(&self) -> bool {
        self.caller.data().border.aside
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
        // Known after instantiation; a start function comes before that.
        let memory: Option<Memory> = match self.caller.data().memory {
            Some(memory) => Some(memory),
            None => (self.caller.get_export(MEMORY)).and_then(Extern::into_memory),
        };
        match memory {
            Some(memory) => {
                let (bytes, data) = memory.data_and_store_mut(self.caller.as_context_mut());
                (bytes, &mut data.host)
            }
            None => (&mut [], self.host()),
        }
    }

    /// Returns the function at `index` of the container's table, if it can be a handler.
    pub(in crate::engine) fn handler(&self, index: u32) -> Result<Handler, Fault> {
        let table = self
            .caller
            .get_export(TABLE)
            .and_then(Extern::into_table)
            .ok_or(Fault::TableBounds)?;
        match table.get(&*self.caller, index.into()) {
            Some(Val::FuncRef(Ref::Val(function))) => function
                .typed(&*self.caller)
                .map(Handler)
                .map_err(|_| Fault::Signature),
            Some(_) => Err(Fault::NullCall),
            None => Err(Fault::TableBounds),
        }
    }
}

/// Returns the part of `memory` that a container means; `None` if it is not all inside.
pub(crate) fn part(memory: &[u8], pointer: u32, length: u32) -> Option<&[u8]> {
    let end = (pointer as usize).checked_add(length as usize)?;
    memory.get(pointer as usize..end)
}
