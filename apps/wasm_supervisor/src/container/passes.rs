//! Register programs of main that one pass does not finish: main waits, and the passes are made in its container's turns.

use core::ops::ControlFlow;

use berth_protocol::Entry;

use super::host::PROGRAM;
use super::notes::on_behalf;
use super::outcome::{End, LastCall};
use super::pieces::{Pieces, may_go_on};
use super::run::Main;
use super::storage::Image;
use super::table::Containers;
use crate::engine::Engine;
use crate::engine::border::price;
use crate::platform::Platform;
use crate::programs::{Pass, Passes, Work};

impl<P: Platform + 'static> Containers<P> {
    /// Go on with the program that main of the container in `slot` waits for, for one of the `pieces`, or less if an
    /// interrupt comes to wait. If it is over, main goes on with what the call returns. Breaks with how the container has ended,
    /// if it has, when its turn, which has `begun`, is over.
    pub(super) fn go_on_with(
        &mut self,
        slot: usize,
        pieces: &mut Pieces,
        begun: u64,
    ) -> ControlFlow<Option<End>> {
        let Some(Some(container)) = self.slots.get_mut(slot) else {
            return ControlFlow::Break(None);
        };
        let on_trial = container.image == Image::Candidate;
        let platform = &self.shared.platform;
        let calls = u64::from(price::LEND + price::PROGRAM_CALL);
        let rest = pieces.next().saturating_sub(calls) / u64::from(price::PASS);
        let passes = u32::try_from(rest).unwrap_or(u32::MAX).max(1);
        let engine = container.run.as_mut().and_then(|run| run.engine.as_mut());
        let Some(engine) = engine else {
            return ControlFlow::Break(None);
        };
        let mut made = Work::default();
        let come = on_behalf(platform, container.tag, on_trial, || {
            engine.run(|engine| {
                let Some(program) = engine.host().program() else {
                    return Ok(Some(0));
                };
                let memory = engine.memory();
                // Memories do not shrink.
                let come = match program.places.of(memory) {
                    Some(parts) => {
                        let (come, work) =
                            platform.run_program(program.handle, parts, Passes::Next(passes));
                        made = work;
                        come
                    }
                    None => Ok(Pass::GoesOn),
                };
                program.judge(come, memory)
            })
        });
        let fuel = u64::from(price::LEND + made.price());
        let is_left = pieces.used(fuel);
        self.used(slot, fuel);
        let Some(run) = self.run_mut(slot) else {
            return ControlFlow::Break(None);
        };
        run.fuel_used += fuel;
        match come {
            Ok(Ok(Some(result))) => run.main = Main::Returning(result),
            Ok(Err((fault, arguments))) => {
                return ControlFlow::Break(Some(End::Fault {
                    fault,
                    entry: Entry::Main,
                    last_call: Some(LastCall {
                        name: PROGRAM,
                        arguments,
                    }),
                }));
            }
            // It goes on. (What a pass does takes no memory.)
            Ok(Ok(None)) | Err(_) => {}
        }
        if is_left && may_go_on(&self.shared.platform, begun) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(None)
        }
    }
}
