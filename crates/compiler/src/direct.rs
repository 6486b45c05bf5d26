//! Imported functions that are accesses to registers.
//!
//! The stub of such a function makes the access itself where the handle names a window and the offset a whole word in it, and
//! notes it, as the device's software does of what it makes itself. Everything else is that one's: a handle that names nothing, a block that the kernel has not
//! opened, one that is shut for captured registers, an offset outside or between two words.
//!
//! ```text
//!   windows, count ── handle < count? ── address, words of the window ── offset turned right by two < words? ── access, return
//!                          └─ no: number in ip, to the device's software ─────────┘ no
//! ```

use crate::code::Code;
use crate::encode::{Access, Alu, Cond, IP, LR, MEMORY, R0, R1, Reg, Shift};
use crate::entry::{Direct, context};
use crate::module::Module;

const R2: Reg = Reg(2);
const R3: Reg = Reg(3);
/// Logarithm of a window's bytes.
const WINDOW_LOG2: u16 = 4;

impl Module<'_, '_> {
    /// The function that was read last, imported by these names, may be an access.
    pub(crate) fn note_direct(&mut self, module: &str, name: &str) {
        let index = self.functions as u32 - 1;
        let Some(own) = self
            .function_signature(index)
            .filter(|_| index < Direct::NUMBERS)
        else {
            return;
        };
        let Some(is) = Direct::named(module, name, own.parameters, own.results) else {
            return;
        };
        self.direct[is as usize].get_or_insert(index);
    }

    /// The access that the imported function `index` is.
    pub(crate) fn direct(&self, index: u32) -> Option<Direct> {
        let all = [Direct::Read, Direct::Write, Direct::Modify];
        all.into_iter()
            .find(|is| self.direct[*is as usize] == Some(index))
    }
}

impl Code<'_> {
    /// A jump to the device's software, for the imported function `index`.
    pub(crate) fn host_call(&mut self, index: u32) {
        self.constant(IP, index);
        self.access_at(Access::Ldr, Reg(15), MEMORY, -(context::HOST as i32));
    }

    /// The number of the function to ip, in a form that does not depend on it.
    fn number(&mut self, index: u32) {
        self.long(0xf240, IP.n() << 8 | index as u16);
    }

    /// All of such a function, which has the number `index`.
    pub(crate) fn direct(&mut self, direct: Direct, index: u32) {
        let mut slow = crate::code::NONE;
        match direct {
            Direct::Modify => self.modify(index, &mut slow),
            Direct::Read | Direct::Write => {
                self.load_two(R3, IP, MEMORY, -(context::WINDOWS as i32));
                self.compare(R0, IP);
                self.branch_later(Cond::Hs, &mut slow);
                self.window(R3, IP);
                self.branch_later(Cond::Ls, &mut slow);
                self.store_two(R0, R1, MEMORY, -(context::LAST_ACCESS as i32));
                self.number(index);
                self.access_at(Access::Str, IP, MEMORY, -(context::LAST_NUMBER as i32));
                if direct == Direct::Read {
                    self.access(Access::Ldr, R0, R3, R1, 0);
                } else {
                    self.access(Access::Str, R2, R3, R1, 0);
                }
                self.jump_register(LR);
            }
        }
        self.land(&mut slow);
        self.number(index);
        self.access_at(Access::Ldr, Reg(15), MEMORY, -(context::HOST as i32));
    }

    /// From the windows' address in `windows`, and the handle in r0, to the window's own, and `words`; and looks whether the offset in r1 is a word in it.
    fn window(&mut self, windows: Reg, words: Reg) {
        self.alu_shifted(
            Alu::Add,
            false,
            (windows, windows, R0),
            (Shift::Lsl, WINDOW_LOG2),
        );
        self.load_two(windows, words, windows, 0);
        // cmp words, r1, ror #2: a bit of what is not aligned becomes one of the highest.
        self.long(0xebb0 | words.n(), 0x0fb0 | R1.n());
    }

    /// All registers have arguments: the handle is taken back from where it was noted.
    fn modify(&mut self, index: u32, slow: &mut u32) {
        let mut shut = crate::code::NONE;
        self.store_two(R0, R1, MEMORY, -(context::LAST_ACCESS as i32));
        self.access_at(Access::Ldr, IP, MEMORY, -(context::WINDOW_COUNT as i32));
        self.compare(R0, IP);
        self.branch_later(Cond::Hs, slow);
        self.access_at(Access::Ldr, IP, MEMORY, -(context::WINDOWS as i32));
        self.window(IP, R0);
        self.branch_later(Cond::Ls, &mut shut);
        self.alu(Alu::Add, false, IP, IP, R1);
        self.access_at(Access::Ldr, R0, IP, 0);
        self.alu(Alu::Bic, false, R0, R0, R2);
        self.alu(Alu::And, false, R3, R3, R2);
        self.alu(Alu::Orr, false, R0, R0, R3);
        self.access_at(Access::Str, R0, IP, 0);
        self.number(index);
        self.access_at(Access::Str, IP, MEMORY, -(context::LAST_NUMBER as i32));
        self.jump_register(LR);
        self.land(&mut shut);
        self.access_at(Access::Ldr, R0, MEMORY, -(context::LAST_ACCESS as i32));
    }

    /// Loads two words from `[n + offset]`, which is a whole number of words, at most 255 of them either way.
    fn load_two(&mut self, low: Reg, high: Reg, n: Reg, offset: i32) {
        self.two(0xe950, low, high, n, offset);
    }

    /// Stores two words likewise.
    fn store_two(&mut self, low: Reg, high: Reg, n: Reg, offset: i32) {
        self.two(0xe940, low, high, n, offset);
    }

    fn two(&mut self, base: u16, low: Reg, high: Reg, n: Reg, offset: i32) {
        let up = u16::from(offset >= 0) << 7;
        let words = (offset.unsigned_abs() / 4) as u16;
        self.long(base | up | n.n(), low.n() << 12 | high.n() << 8 | words);
    }
}
