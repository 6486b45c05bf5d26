//! Host functions as wasmi sees them: arguments in, [`Host`] method, result out, all through the
//! [border](super::border).
//!
//! One file for each family: registers in [`mmio`], their programs in [`program`], conveyors in [`conveyor`], interrupts in [`irq`],
//! the clock and what suspends in [`time`], the log in [`log`], saved state in [`state`], configuration and named values in [`keep`],
//! messages in [`mail`],
//! functions of other systems in [`foreign`].
//!
//! Functions are typed (half the cost of wasmi's dynamic ones), and given to the instance in the order of the
//! imports, which needs no linker and its tables of names.

use alloc::vec::Vec;

use wasmi::{Extern, Store};

use super::border::{Border, HostFunction as Linked};
use super::wasmi::Data;
use super::{BlockNumbers, Host, Keep};
use crate::admission::{HostFunction, Module};

mod conveyor;
mod foreign;
mod irq;
mod keep;
mod log;
mod mail;
mod mmio;
mod program;
mod state;
mod time;

/// Returns the host functions that `module` imports, in its order; `None` if one of
/// them is not a function of ours (which admission has excluded).
pub(super) fn link<H: Host + 'static>(
    store: &mut Store<Data<H>>,
    module: &Module<'_>,
    blocks: &BlockNumbers,
) -> Option<Vec<Extern>> {
    let mut externs = Vec::with_capacity(module.imports().count());
    let mut claims = 0;
    for import in module.imports() {
        let function = HostFunction::named(&import.ok()?).ok()?;
        let block = blocks.get(claims);
        claims += usize::from(function.label().is_some());
        let border = Border::new(store, &function, block);
        externs.push(linked(border, function).into());
    }
    Some(externs)
}

fn linked<H: Host + 'static>(border: Border<'_, H>, function: HostFunction<'_>) -> Linked {
    match function {
        HostFunction::Claim(_) => border.shared0(mmio::claim),
        HostFunction::Read(width) => mmio::read(border, width),
        HostFunction::Write(width) => mmio::write(border, width),
        HostFunction::Modify32 => mmio::modify32(border),
        HostFunction::Program => border.shared7(program::run),
        HostFunction::Register(_) => border.shared4(irq::register),
        HostFunction::Unregister(_) => border.shared0(irq::unregister),
        HostFunction::Attach(_) => border.shared4(conveyor::attach),
        HostFunction::Sync(_) => border.shared2(conveyor::sync),
        HostFunction::Detach(_) => border.shared0(conveyor::detach),
        HostFunction::Log => border.shared3(log::log),
        HostFunction::NowUs => border.shared0(time::now_us),
        HostFunction::SleepUs => border.shared1(time::sleep_us),
        HostFunction::Yield => border.shared0(time::yield_now),
        HostFunction::Exit => border.shared1(time::exit),
        HostFunction::StateSave => border.shared2(state::save),
        HostFunction::StateLoad => border.shared2(state::load),
        HostFunction::Send => border.shared4(mail::send),
        HostFunction::Receive => border.shared3(mail::receive),
        HostFunction::ConfigGet => border.shared4(|call, name, length, pointer, room| {
            keep::ask(call, Keep::ConfigGet, (name, length), (pointer, room))
        }),
        HostFunction::ConfigChanges => border.shared0(keep::config_changes),
        HostFunction::ValueGet => border.shared4(|call, name, length, pointer, room| {
            keep::ask(call, Keep::ValueGet, (name, length), (pointer, room))
        }),
        HostFunction::ValueSet => border.shared4(|call, name, length, pointer, room| {
            keep::ask(call, Keep::ValueSet, (name, length), (pointer, room))
        }),
        HostFunction::ValueRemove => border.shared2(|call, name, length| {
            keep::ask(call, Keep::ValueRemove, (name, length), (0, 0))
        }),
        HostFunction::Foreign(function) => foreign::function(border, function),
    }
}
