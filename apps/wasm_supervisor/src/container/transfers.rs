//! Transfers on the kernel's buses that main waits for: each begins and ends in a turn of its container.

use core::ops::ControlFlow;

use super::outcome::End;
use super::pieces::{Pieces, may_go_on};
use super::run::Main;
use super::table::Containers;
use crate::buses::Bus;
use crate::engine::Engine;
use crate::engine::border::price;
use crate::platform::Platform;

/// Nanoseconds that the kernel takes for a byte on a bus, whoever runs meanwhile: its interrupts and copies. Measured with the
/// kernel's driver of SPI (`spi.word_native_kernel`: 111 instructions for two bytes).
const BYTE_NS: u64 = 3_500;

impl<P: Platform + 'static> Containers<P> {
    /// Begin the transfer that main of the container in `slot` waits for, or end it, as far as that is possible now. If it is over, main
    /// goes on with what the call returns. Breaks when the turn, which has `begun`, is over.
    pub(super) fn transfer(
        &mut self,
        slot: usize,
        bus: Bus,
        pieces: &mut Pieces,
        begun: u64,
    ) -> ControlFlow<Option<End>> {
        let shared = self.shared.clone();
        let Some(run) = self.run_mut(slot) else {
            return ControlFlow::Break(None);
        };
        let id = run.id();
        let Some(engine) = run.engine.as_mut() else {
            return ControlFlow::Break(None);
        };
        // A container whose turn comes for its share of time while another has the bus.
        if !shared.may_go_on(id, bus) {
            return ControlFlow::Break(None);
        }
        let come = engine.run(|engine| {
            let (transfer, settings) = engine.host().transfer()?;
            let bytes = transfer.sent.length.max(transfer.room.length);
            Some((
                shared.transfer(id, &transfer, settings, engine.memory())?,
                bytes,
            ))
        });
        // (What it does takes no memory of the container's.)
        let (result, bytes) = come.ok().flatten().unzip();
        if let Some(result) = result {
            run.main = Main::Returning(result);
        }
        let is_left = pieces.used(price::LEND.into());
        self.used(slot, price::LEND.into());
        self.charge_line(slot, u64::from(bytes.unwrap_or(0)) * BYTE_NS);
        if result.is_some() && is_left && may_go_on(&self.shared.platform, begun) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(None)
        }
    }
}
