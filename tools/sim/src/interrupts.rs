//! Interrupts of the simulated board, taken as the kernel takes them: captured, cleared and masked until they are handled.

use crate::rules::width;
use crate::simulated::Simulated;
use berth_desk::{Board, By, Index, Width};
use wasm_host::desk as rule;
use wasm_supervisor::arena;
use wasm_supervisor::errno;
use wasm_supervisor::interrupts::{Capture, Counters, Interrupts, Registered};

/// One interrupt of the board.
#[derive(Default)]
struct Line {
    /// Its block, and its number there.
    block: usize,
    number: u32,
    captures: Vec<Capture>,
    values: Vec<u32>,
    counters: Counters,
}

/// All interrupts of the board; each has a bit, in the order of the board's table.
pub(crate) struct Lines {
    lines: Vec<Line>,
    registered: u32,
    recorded: u32,
    watched: u32,
}

impl Lines {
    pub(crate) fn new(board: &Board) -> Self {
        let of_block = |(block, exposed): (usize, &berth_desk::Block)| {
            (0..exposed.interrupts.len() as u32).map(move |number| Line {
                block,
                number,
                ..Line::default()
            })
        };
        let blocks = board.exposures.iter().enumerate();
        Self {
            lines: blocks.flat_map(of_block).collect(),
            registered: 0,
            recorded: 0,
            watched: 0,
        }
    }

    fn place(&self, block: usize, number: u32) -> Option<usize> {
        let mut lines = self.lines.iter();
        lines.position(|line| line.block == block && line.number == number)
    }

    /// Take what is raised. Returns the bits of those that are watched and wait for their handler.
    pub(crate) fn look(&mut self, board: &Simulated) -> u32 {
        let open = self.registered & !self.recorded;
        if open != 0 {
            for (place, line) in self.lines.iter_mut().enumerate() {
                let bit = bit(place);
                if open & bit != 0 && line.is_raised(board) {
                    line.take(board);
                    self.recorded |= bit;
                }
            }
        }
        self.recorded & self.watched
    }

    /// The claim of a block is over.
    pub(crate) fn silence(&mut self, block: usize) {
        for (place, line) in self.lines.iter_mut().enumerate() {
            if line.block == block {
                self.registered &= !bit(place);
                self.recorded &= !bit(place);
                line.captures.clear();
            }
        }
    }
}

fn bit(place: usize) -> u32 {
    1u32.checked_shl(place as u32).unwrap_or(0)
}

impl Line {
    fn is_raised(&self, board: &Simulated) -> bool {
        let raised = board.0.desk.lock().raised(Index(self.block));
        raised.checked_shr(self.number).unwrap_or(0) & 1 != 0
    }

    fn take(&mut self, board: &Simulated) {
        let inside = &board.0;
        let exposed = inside.board.exposures.get(self.block);
        let interrupt = exposed.and_then(|e| e.interrupts.get(self.number as usize));
        let (Some(interrupt), Some(exposure)) = (interrupt, inside.exposures.get(self.block))
        else {
            return;
        };
        inside.desk.on_behalf(By::Interrupt, || {
            let clear = || {
                if let Some(clear) = &interrupt.clear {
                    let mut desk = inside.desk.lock();
                    let index = Index(self.block);
                    desk.write(index, clear.offset, width(clear.size), clear.value);
                }
            };
            if interrupt.clear_before_capture {
                clear();
            }
            let read = |capture: &Capture| {
                let width = Width::of_bytes(capture.bytes.into())?;
                rule::read(exposure, capture.offset, width).ok()
            };
            self.values = self.captures.iter().map(|c| read(c).unwrap_or(0)).collect();
            if !interrupt.clear_before_capture {
                clear();
            }
        });
        inside.desk.lock().taken(Index(self.block), self.number);
        self.counters.taken = self.counters.taken.wrapping_add(1);
    }
}

impl Interrupts for Simulated {
    fn watch(&self, bits: u32) {
        self.0.lines.borrow_mut().watched = bits;
    }

    fn waiting(&self) -> u32 {
        arena::of_the_board(|| self.0.lines.borrow_mut().look(self))
    }

    fn recorded(&self) -> u32 {
        arena::of_the_board(|| {
            let mut lines = self.0.lines.borrow_mut();
            lines.look(self);
            lines.recorded
        })
    }

    fn register(
        &self,
        handle: u16,
        number: u16,
        _: u8,
        captures: &[Capture],
    ) -> Result<Registered, u8> {
        arena::of_the_board(|| {
            let (block, exposure) = self.held(handle).ok_or(errno::RESERVE)?;
            let mut lines = self.0.lines.borrow_mut();
            let place = lines.place(block, number.into()).ok_or(errno::NO_DEVICE)?;
            if lines.registered & bit(place) != 0 {
                return Err(errno::ALREADY);
            }
            let exposed = self.0.board.exposures.get(block);
            let interrupt = exposed.and_then(|e| e.interrupts.get(usize::from(number)));
            let most = interrupt.map_or(0, |interrupt| interrupt.captures_max);
            if captures.len() as u32 > most {
                return Err(errno::SIZE);
            }
            if lines.registered.count_ones() >= self.0.board.limits.handlers {
                return Err(errno::NO_MEMORY);
            }
            for capture in captures {
                let width = Width::of_bytes(capture.bytes.into()).ok_or(errno::INVALID)?;
                rule::may_read(exposure, capture.offset, width).map_err(|e| e as u8)?;
            }
            lines.registered |= bit(place);
            if let Some(line) = lines.lines.get_mut(place) {
                line.captures = captures.to_vec();
                line.values = vec![0; captures.len()];
                line.counters = Counters::default();
            }
            Ok(Registered {
                interrupt: place as u32,
                record: place as u32,
                opens_us: 0,
            })
        })
    }

    fn unregister(&self, _: u16, _: u16, bit: u32) {
        let mut lines = self.0.lines.borrow_mut();
        lines.registered &= !bit;
        lines.recorded &= !bit;
    }

    fn count(&self, _: u32) -> u32 {
        1
    }

    fn value(&self, record: u32, place: usize) -> u32 {
        let lines = self.0.lines.borrow();
        let line = lines.lines.get(record as usize);
        let value = line.and_then(|line| line.values.get(place));
        value.copied().unwrap_or(0)
    }

    fn acknowledge(&self, bit: u32) -> u32 {
        let mut lines = self.0.lines.borrow_mut();
        lines.recorded &= !bit;
        if let Some(line) = lines.lines.get_mut(bit.trailing_zeros() as usize)
            && arena::of_the_board(|| line.is_raised(self))
        {
            line.counters.merged = line.counters.merged.wrapping_add(1);
        }
        0
    }

    fn open_line(&self, _: u32) -> u32 {
        0
    }

    fn counters(&self, handle: u16, number: u16) -> Counters {
        let lines = self.0.lines.borrow();
        let place = self
            .held(handle)
            .and_then(|(block, _)| lines.place(block, number.into()));
        let line = place.and_then(|place| lines.lines.get(place));
        line.map(|line| line.counters).unwrap_or_default()
    }
}
