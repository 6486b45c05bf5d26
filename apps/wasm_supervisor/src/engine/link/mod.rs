//! Host functions: arguments in, [`Host`] method, result out, all through the [border](super::border), whatever engine
//! makes the call.
//!
//! One file for each family: registers in [`mmio`], their programs in [`program`], conveyors in [`conveyor`], interrupts in [`irq`],
//! the clock and what suspends in [`time`], the log in [`log`], saved state in [`state`], configuration and named values in [`keep`],
//! messages in [`mail`],
//! functions of other systems in [`foreign`].

use alloc::vec::Vec;

use super::border::{Body, Linked};
use super::{BlockNumbers, Host, Keep};
use crate::admission::{HostFunction, Module};
use crate::platform::Width;

mod conveyor;
pub(super) mod foreign;
mod irq;
mod keep;
mod log;
mod mail;
mod mmio;
mod program;
mod state;
mod time;

/// Returns the host functions that `module` imports, in its order, made by `make`, which is told what the function is called;
/// `None` if one of them is not a function of ours (which admission has excluded).
pub(super) fn link<H: Host, T>(
    module: &Module<'_>,
    blocks: &BlockNumbers,
    mut make: impl FnMut(&HostFunction<'_>, Linked<H>) -> Option<T>,
) -> Option<Vec<T>> {
    let mut made = Vec::with_capacity(module.imports().count());
    let mut claims = 0;
    for import in module.imports() {
        let function = HostFunction::named(&import.ok()?).ok()?;
        let block = blocks.get(claims);
        claims += usize::from(function.label().is_some());
        made.push(make(&function, Linked::new(&function, block))?);
    }
    Some(made)
}

/// Returns what a function does.
pub(super) fn body<H: Host>(function: &HostFunction<'_>) -> Body<H> {
    Body::Own(match function {
        HostFunction::Claim(_) => mmio::claim,
        HostFunction::Read(Width::Bits8) => mmio::read8,
        HostFunction::Read(Width::Bits16) => mmio::read16,
        HostFunction::Read(Width::Bits32) => mmio::read32,
        HostFunction::Write(Width::Bits8) => mmio::write8,
        HostFunction::Write(Width::Bits16) => mmio::write16,
        HostFunction::Write(Width::Bits32) => mmio::write32,
        HostFunction::Modify32 => mmio::modify32,
        HostFunction::Program => program::run,
        HostFunction::Register(_) => irq::register,
        HostFunction::Unregister(_) => irq::unregister,
        HostFunction::Attach(_) => conveyor::attach,
        HostFunction::Sync(_) => conveyor::sync,
        HostFunction::Detach(_) => conveyor::detach,
        HostFunction::Log => log::log,
        HostFunction::NowUs => time::now_us,
        HostFunction::SleepUs => time::sleep_us,
        HostFunction::Yield => time::yield_now,
        HostFunction::Exit => time::exit,
        HostFunction::StateSave => state::save,
        HostFunction::StateLoad => state::load,
        HostFunction::Send => mail::send,
        HostFunction::Receive => mail::receive,
        HostFunction::ConfigGet => |call, words| keep::ask(call, Keep::ConfigGet, words),
        HostFunction::ConfigChanges => keep::config_changes,
        HostFunction::ValueGet => |call, words| keep::ask(call, Keep::ValueGet, words),
        HostFunction::ValueSet => |call, words| keep::ask(call, Keep::ValueSet, words),
        HostFunction::ValueRemove => keep::remove,
        HostFunction::Foreign(function) => return Body::Foreign(*function),
    })
}
