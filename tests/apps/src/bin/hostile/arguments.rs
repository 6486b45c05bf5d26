//! What to pass: random words, edges, addresses that are not this process's to give.

#![allow(unsafe_code)]

use berth_exposure::conveyor::{Direction, MOVE_BYTES, MOVES_MAX, Move};
use berth_exposure::program::{Exchange, INSTRUCTIONS_MAX, Instruction, Place, Ready};
use berth_exposure::{DRIVER_NUM, Width, allow};
use libtock::raw::{self, class};
use libtock::{ErrorCode, StaticBuffer, memop};

/// What may be lent, and is used for nothing else.
const ROOM: usize = 512;
static BUFFER: StaticBuffer<ROOM> = StaticBuffer::new();

/// Labels of the board, and what is none.
const LABELS: [&str; 15] = [
    "fpgaio",
    "i2c_shield1",
    "uart1",
    "uart2",
    "uart3",
    "uart4",
    "spi_shield0",
    "spi_shield1",
    "timer0",
    "dual_timer0",
    "dual_timer1",
    "uart0",
    "watchdog",
    "",
    "fpgaio\0",
];

/// Drivers of the board, their neighbours, and numbers at the edges.
const DRIVERS: [usize; 16] = [
    0,
    1,
    2,
    3,
    4,
    8,
    0x1_0001,
    0x1_0002,
    0x1_0003,
    0x2_0001,
    0x5_0001,
    DRIVER_NUM - 1,
    DRIVER_NUM,
    DRIVER_NUM + 1,
    0x7fff_ffff,
    usize::MAX,
];

/// Addresses outside this process: the kernel's, other processes', the devices'.
const FOREIGN: [usize; 14] = [
    0,
    4,
    0x0007_fffc,
    0x0010_0000,
    0x2000_0000,
    0x2000_fffc,
    0x2001_0000,
    0x2003_fffc,
    0x4000_4000,
    0x4000_5000,
    0x4002_8000,
    0xe000_e100,
    0xe000_ed94,
    0xffff_fffc,
];

const EDGES: [usize; 12] = [
    0,
    1,
    2,
    3,
    31,
    32,
    33,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];

/// A source of arguments.
pub(crate) struct Arguments {
    seed: u32,
    buffer: &'static mut [u8; ROOM],
    ram: core::ops::Range<usize>,
    flash: core::ops::Range<usize>,
    /// The handles of the last claims.
    handles: [usize; 8],
    /// How many claims the kernel granted.
    pub(crate) claims: u32,
    /// How many register programs it began.
    pub(crate) programs: u32,
    /// How often it synchronised a conveyor.
    pub(crate) syncs: u32,
}

/// What every subscription points to.
extern "C" fn upcall(_: usize, _: usize, _: usize, _: usize) {}

impl Arguments {
    /// A source that gives the same arguments at every start.
    pub(crate) fn new() -> Result<Self, ErrorCode> {
        Ok(Self {
            seed: 0x9e37_79b9,
            buffer: BUFFER.take().ok_or(ErrorCode::Already)?,
            ram: memop::ram_start()?..memop::ram_end()?,
            flash: memop::flash_start()?..memop::flash_end()?,
            handles: [0; 8],
            claims: 0,
            programs: 0,
            syncs: 0,
        })
    }

    /// The next word of the sequence (xorshift).
    fn random(&mut self) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        self.seed as usize
    }

    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.random() >> 8) % limit
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn one_of(&mut self, list: &[usize]) -> usize {
        let index = self.below(list.len());
        list.get(index).copied().unwrap_or_default()
    }

    /// Anything.
    pub(crate) fn word(&mut self) -> usize {
        match self.below(4) {
            0 => self.one_of(&EDGES),
            1 => self.one_of(&FOREIGN),
            2 => self.below(64),
            _ => self.random(),
        }
    }

    /// A driver's number, or none's.
    pub(crate) fn driver(&mut self) -> usize {
        if self.one_in(16) {
            self.random()
        } else {
            self.one_of(&DRIVERS)
        }
    }

    /// Of a command, an upcall or a buffer.
    pub(crate) fn number(&mut self) -> usize {
        match self.below(8) {
            0 => self.random(),
            1 => self.one_of(&EDGES),
            _ => self.below(28),
        }
    }

    /// A handle, live or not.
    pub(crate) fn handle(&mut self) -> usize {
        match self.below(8) {
            0 => self.word(),
            1 => self.below(0x1_0000),
            _ => {
                let handles = self.handles;
                self.one_of(&handles)
            }
        }
    }

    /// A register argument.
    pub(crate) fn register(&mut self) -> usize {
        if self.one_in(16) {
            return self.word();
        }
        let offset = match self.below(4) {
            0 => self.below(0x1_0000),
            1 => self.one_of(&[0xffc, 0xfff, 0x1000, 0x10, 0x4c, 0x50, 0xfffe, 0xffff]),
            _ => self.below(0x30),
        };
        (self.handle() << 16) | offset
    }

    /// Remember a handle that the kernel gave.
    pub(crate) fn claimed(&mut self, handle: usize) {
        let index = self.claims as usize % self.handles.len();
        if let Some(place) = self.handles.get_mut(index) {
            *place = handle;
        }
        self.claims += 1;
    }

    /// Write a label to the buffer and lend it. Returns its length, or another one.
    pub(crate) fn lend_label(&mut self) -> usize {
        let index = self.below(LABELS.len());
        let label = LABELS.get(index).copied().unwrap_or_default().as_bytes();
        for (place, byte) in self.buffer.iter_mut().zip(label) {
            *place = *byte;
        }
        self.lend(allow::RO_LABEL, label.len());
        if self.one_in(16) {
            self.word()
        } else {
            label.len()
        }
    }

    /// Lend the front of the buffer for reading.
    fn lend(&mut self, number: usize, length: usize) {
        let address = self.own(0);
        // SAFETY: the buffer is static and read by the kernel only.
        unsafe { raw::call::<{ class::ALLOW_READ_ONLY }>([DRIVER_NUM, number, address, length]) };
    }

    /// Lend the back of the buffer: for the output of programs, or as the memory of conveyors.
    pub(crate) fn lend_room(&mut self) {
        const HALF: usize = ROOM / 2;
        let short = if self.one_in(4) { self.below(HALF) } else { 0 };
        let (address, length) = (self.own(HALF), HALF - short);
        if self.one_in(2) {
            let registers = [DRIVER_NUM, allow::RW_OUTPUT, address, length];
            // SAFETY: the buffer is static, and nothing else uses what is in it.
            unsafe { raw::call::<{ class::ALLOW_READ_WRITE }>(registers) };
        } else {
            let registers = [DRIVER_NUM, allow::CONVEYOR, address, length];
            // SAFETY: as above.
            unsafe { raw::call::<{ class::ALLOW_USERSPACE_READABLE }>(registers) };
        }
    }

    /// A register that there may be.
    fn place(&mut self) -> Place {
        let width = match self.below(32) {
            0 => Width::Bits8,
            1 => Width::Bits16,
            _ => Width::Bits32,
        };
        let offset = match self.below(32) {
            0 => self.word() as u16,
            _ => 4 * self.below(4) as u16,
        };
        Place { offset, width }
    }

    /// Write a program to the buffer, one that makes sense or almost, and lend it. Returns how many instructions it has.
    pub(crate) fn lend_program(&mut self) -> usize {
        let count = self.count(INSTRUCTIONS_MAX / 2);
        for index in 0..count {
            let at = self.place();
            let (mask, value) = (self.word() as u32, self.word() as u32);
            let ready = Some(Ready {
                bit: self.below(32) as u8,
                is: self.one_in(2),
            });
            let instruction = match self.below(8) {
                0 | 1 => Instruction::Read(at),
                2 => Instruction::Write(at, value),
                3 => Instruction::Modify { at, mask, value },
                4 => Instruction::Poll {
                    at,
                    mask,
                    value,
                    limit: self.below(64) as u32,
                },
                5 => Instruction::Take(at),
                6 => Instruction::Repeat {
                    count: self.below(8) as u32,
                    body: self.below(6) as u8,
                },
                _ => Instruction::Exchange(Exchange {
                    data: at,
                    status: self.place().offset,
                    words: self.below(16) as u16,
                    under_way: self.below(9) as u8,
                    room: ready,
                    from_input: self.one_in(2),
                    filled: ready,
                    to_output: self.one_in(2),
                    limit: self.below(16) as u32,
                }),
            };
            self.put(index, &instruction.encode());
        }
        self.spoil();
        let number = if self.one_in(8) {
            allow::RO_INPUT
        } else {
            allow::RO_PROGRAM
        };
        self.lend(number, ROOM / 2);
        count
    }

    /// As [`lend_program`](Self::lend_program), the list of a conveyor. Returns how many moves it has.
    pub(crate) fn lend_moves(&mut self) -> usize {
        let count = self.count(MOVES_MAX);
        for index in 0..count {
            let Place { offset, width } = self.place();
            let one = Move {
                offset,
                width,
                direction: if self.one_in(2) {
                    Direction::In
                } else {
                    Direction::Out
                },
                place: 4 * self.below(8) as u16,
                count: 1 + self.below(3) as u16,
            };
            self.put(index, &one.encode());
        }
        self.spoil();
        self.lend(allow::RO_PROGRAM, count * MOVE_BYTES);
        count
    }

    /// How many entries of a list: mostly few, all of which may make sense; now and then as many as there is room for.
    fn count(&mut self, most: usize) -> usize {
        if self.one_in(8) {
            self.below(most + 1)
        } else {
            1 + self.below(3)
        }
    }

    /// The entry of a list that stands at the front of the buffer.
    fn put<const BYTES: usize>(&mut self, index: usize, entry: &[u8; BYTES]) {
        if let Some(to) = self.buffer.chunks_exact_mut(BYTES).nth(index) {
            to.copy_from_slice(entry);
        }
    }

    /// Now and then, one byte of the front becomes another.
    fn spoil(&mut self) {
        if self.one_in(8) {
            let (at, byte) = (self.below(ROOM / 2), self.random() as u8);
            if let Some(place) = self.buffer.get_mut(at) {
                *place = byte;
            }
        }
    }

    /// Nothing of this process but its buffer: an address and a length.
    pub(crate) fn buffer(&mut self) -> (usize, usize) {
        if self.one_in(3) {
            let start = self.below(ROOM);
            let length = self.below(ROOM - start + 1);
            return (self.own(start), length);
        }
        loop {
            let (address, length) = (self.word(), self.word());
            let end = address.saturating_add(length);
            // Not even partly its own RAM, so that what is refused is not
            // refused for its length only; a length of zero may be anywhere.
            if length == 0 || end <= self.ram.start || address >= self.ram.end {
                return (address, length);
            }
        }
    }

    /// Where the kernel may write one byte, or must not.
    pub(crate) fn lendable_address(&mut self) -> usize {
        if self.one_in(2) {
            let offset = self.below(ROOM);
            return self.own(offset);
        }
        loop {
            let address = self.word();
            if !self.ram.contains(&address) {
                return address;
            }
        }
    }

    fn own(&mut self, offset: usize) -> usize {
        self.buffer.as_mut_ptr().expose_provenance() + offset
    }

    /// A function that may be called, or none that is this process's.
    pub(crate) fn function(&mut self) -> usize {
        if self.one_in(4) {
            return upcall as *const () as usize;
        }
        loop {
            let address = self.word();
            if !self.ram.contains(&address) && !self.flash.contains(&address) {
                return address;
            }
        }
    }

    /// A memory operation that does not take away what this process needs.
    pub(crate) fn memory_operation(&mut self) -> (usize, usize) {
        const BREAK: usize = 0;
        const MOVE_BREAK: usize = 1;
        let operation = self.number();
        loop {
            let argument = self.word();
            let new_break = match operation {
                BREAK => argument,
                // Wraps as the kernel's own arithmetic must not.
                MOVE_BREAK => memop::app_break()
                    .unwrap_or(self.ram.end)
                    .wrapping_add(argument),
                _ => return (operation, argument),
            };
            let current = memop::app_break().unwrap_or(self.ram.end);
            if !(self.ram.start..current).contains(&new_break) {
                return (operation, argument);
            }
        }
    }
}
