//! A whole device on the desk.
//!
//! ```text
//!   Machine (handle, for any thread) ── work ──► Device: the supervisor, in a thread of its own
//! ```

use crate::simulated::Simulated;
use berth_desk::{Access, Board, Model, OnBus, Width, Wrong};
use berth_protocol::{Event, FrameDecoder};
use std::sync::mpsc::{self, Sender};
use std::thread;
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

/// Something to be done on the device's thread.
type Work = Box<dyn FnOnce(&mut Device) + Send>;

/// A device on the desk. It does nothing, and no time passes, unless it is told to; whoever tells it waits until that is done. Clones
/// are the same device.
#[derive(Clone)]
pub struct Machine {
    work: Sender<Work>,
}

impl Machine {
    /// Switch one on: a board, and what stands behind its blocks. `name` is for people.
    ///
    /// # Errors
    /// The model does not fit the board.
    pub fn new(name: &str, board: Board, model: &Model) -> Result<Self, Wrong> {
        let (name, model) = (name.to_owned(), model.clone());
        let (work, to_do) = mpsc::channel::<Work>();
        let (is_on, switched) = mpsc::channel();
        // The supervisor is made of what stays on one thread. This one ends with the last handle.
        thread::spawn(move || match Device::new(&name, board, &model) {
            Ok(mut device) => {
                let _ = is_on.send(Ok(()));
                for work in to_do {
                    work(&mut device);
                }
            }
            Err(wrong) => drop(is_on.send(Err(wrong))),
        });
        switched.recv().unwrap_or_else(|_| failed())?;
        Ok(Self { work })
    }

    /// Do something on the device's thread, and wait for it.
    fn on<R: Send + 'static>(&self, work: impl FnOnce(&mut Device) -> R + Send + 'static) -> R {
        let (done, result) = mpsc::channel();
        let work = Box::new(move |device: &mut Device| drop(done.send(work(device))));
        // Only if it has failed is nobody there; then there is no result.
        let _ = self.work.send(work);
        result.recv().unwrap_or_else(|_| failed())
    }

    /// Send a frame, and wait for the message that answers it. Returns `None` if there is none. Containers that can run do
    /// meanwhile, and nobody sleeps.
    #[must_use]
    pub fn exchange(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let frame = frame.to_vec();
        self.on(move |device| device.exchange(&frame))
    }

    /// Run for a turn, or sleep until there is something to do; at most until `until_us`. Returns whether there
    /// will be anything to do.
    #[must_use]
    pub fn turn(&self, until_us: u64) -> bool {
        self.on(move |device| device.turn(until_us))
    }

    /// May whoever holds block `index` read there, and write? Nothing is accessed.
    #[must_use]
    pub fn allows(&self, index: usize, offset: u16, width: Width) -> (bool, bool) {
        self.on(move |device| device.allows(index, offset, width))
    }

    /// The time of the device in microseconds.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.on(|device| device.board.0.desk.lock().now_us())
    }

    /// Record every access from now on.
    pub fn record(&self) {
        self.on(|device| device.board.0.desk.lock().record());
    }

    /// Take the accesses since this was asked last.
    #[must_use]
    pub fn accesses(&self) -> Vec<Access> {
        self.on(|device| device.board.0.desk.lock().accesses())
    }

    /// Take what was on the buses since this was asked last.
    #[must_use]
    pub fn on_bus(&self) -> Vec<OnBus> {
        self.on(|device| device.board.0.desk.lock().on_bus())
    }

    /// Let bytes arrive on the serial line of a block.
    ///
    /// # Errors
    /// There is no such block, or no serial line there.
    pub fn receive(&self, label: &str, bytes: &[u8]) -> Result<(), Wrong> {
        let (label, bytes) = (label.to_owned(), bytes.to_vec());
        self.on(move |device| device.board.0.desk.lock().receive(&label, &bytes))
    }
}

/// The device's thread has panicked, and has said why.
fn failed() -> ! {
    panic!("the simulated device has failed")
}

/// The device itself.
struct Device {
    board: Simulated,
    supervisor: Supervisor<Simulated>,
}

impl Device {
    fn new(name: &str, board: Board, model: &Model) -> Result<Self, Wrong> {
        let board = Simulated::new(name, board, model)?;
        let below = board.clone();
        let supervisor = arena::of_the_supervisor(|| Supervisor::new(below));
        Ok(Self { board, supervisor })
    }

    fn exchange(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
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

    fn turn(&mut self, until_us: u64) -> bool {
        self.board.0.until_us.set(until_us);
        self.board.0.is_idle.set(false);
        arena::of_the_supervisor(|| self.supervisor.turn());
        !self.board.0.is_idle.get()
    }

    fn allows(&self, index: usize, offset: u16, width: Width) -> (bool, bool) {
        let exposure = self.board.0.exposures.get(index);
        exposure.map_or((false, false), |exposure| {
            (
                rule::may_read(exposure, offset, width).is_ok(),
                rule::may_write(exposure, offset, width).is_ok(),
            )
        })
    }
}
