//! A whole device on the desk.

use crate::simulated::Simulated;
use berth_desk::{Access, Board, Model, OnBus, Width, Wrong};
use berth_protocol::{Event, FrameDecoder};
use wasm_host::desk as rule;
use wasm_supervisor::arena;
use wasm_supervisor::supervisor::Supervisor;

/// Looks in which a request is answered at the latest: it takes a few.
const LOOKS_MAX: usize = 10_000;

/// Let machines have the memory of a device, and not more. For a program whose global allocator is
/// [`ArenaAllocator`](wasm_supervisor::arena::ArenaAllocator), and that makes one machine only.
pub fn use_arenas() {
    arena::set_installed_on_the_desk();
}

/// A device on the desk. It does nothing, and no time passes, unless it is told to.
pub struct Machine {
    board: Simulated,
    supervisor: Supervisor<Simulated>,
}

impl Machine {
    /// Switch one on: a board, and what stands behind its blocks. `name` is for people.
    ///
    /// # Errors
    /// The model does not fit the board.
    pub fn new(name: &str, board: Board, model: &Model) -> Result<Self, Wrong> {
        let board = Simulated::new(name, board, model)?;
        let below = board.clone();
        let supervisor = arena::of_the_supervisor(|| Supervisor::new(below));
        Ok(Self { board, supervisor })
    }

    /// Send a frame, and wait for the message that answers it. Returns `None` if there is none. Containers that can run do
    /// meanwhile, and nobody sleeps.
    pub fn exchange(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        self.board.0.input.borrow_mut().extend(frame);
        let mut decoder = FrameDecoder::new();
        for _ in 0..LOOKS_MAX {
            arena::of_the_supervisor(|| self.supervisor.poll());
            let sent = std::mem::take(&mut *self.board.0.output.borrow_mut());
            for byte in sent {
                if let Event::Message(message) = decoder.push(byte) {
                    return Some(message.to_vec());
                }
            }
        }
        None
    }

    /// Run for a turn, or sleep until there is something to do; at most until `until_us`. Returns whether there
    /// will be anything to do.
    pub fn turn(&mut self, until_us: u64) -> bool {
        self.board.0.until_us.set(until_us);
        self.board.0.is_idle.set(false);
        arena::of_the_supervisor(|| self.supervisor.turn());
        !self.board.0.is_idle.get()
    }

    /// May whoever holds block `index` read there, and write? Nothing is accessed.
    #[must_use]
    pub fn allows(&self, index: usize, offset: u32, width: Width) -> (bool, bool) {
        self.board
            .0
            .exposures
            .get(index)
            .map_or((false, false), |exposure| {
                (
                    rule::may_read(exposure, offset, width).is_ok(),
                    rule::may_write(exposure, offset, width).is_ok(),
                )
            })
    }

    /// The time of the device in microseconds.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.board.0.desk.lock().now_us()
    }

    /// Record every access from now on.
    pub fn record(&mut self) {
        self.board.0.desk.lock().record();
    }

    /// Take the accesses since this was asked last.
    pub fn accesses(&mut self) -> Vec<Access> {
        self.board.0.desk.lock().accesses()
    }

    /// Take what was on the buses since this was asked last.
    pub fn on_bus(&mut self) -> Vec<OnBus> {
        self.board.0.desk.lock().on_bus()
    }

    /// Let bytes arrive on the serial line of a block.
    ///
    /// # Errors
    /// There is no such block, or no serial line there.
    pub fn receive(&mut self, label: &str, bytes: &[u8]) -> Result<(), Wrong> {
        self.board.0.desk.lock().receive(label, bytes)
    }
}
