//! Random instructions: some that are nothing, most of kinds that a kernel has to bear.

use crate::words::Words;

/// Length of a program.
pub(crate) const HALFWORDS: usize = 96;

/// Instructions without arguments, and with fixed ones: `wfi`, `wfe`, `sev`, `yield`, barriers, `clrex`.
const HINTS: [u32; 5] = [0xbf30, 0xbf20, 0xbf40, 0xbf10, 0xbf00];
const BARRIERS: [u32; 4] = [0xf3bf_8f4f, 0xf3bf_8f6f, 0xf3bf_8f5f, 0xf3bf_8f2f];
/// Special registers: APSR, IPSR, EPSR, MSP, PSP, PRIMASK, BASEPRI, BASEPRI_MAX, FAULTMASK, CONTROL.
const SPECIAL: [u32; 10] = [0, 5, 6, 8, 9, 16, 17, 18, 19, 20];

/// A program in memory.
#[repr(C, align(4))]
pub(crate) struct Program {
    code: [u16; HALFWORDS],
    stack: u32,
}

impl Program {
    /// The program of this run. It loads its stack pointer first.
    pub(crate) fn new(words: &mut Words) -> Self {
        let mut program = Self {
            code: [0xbf00; HALFWORDS],
            stack: words.stack(),
        };
        // ldr.w sp, [pc, #offset]: the word behind the code, from behind this instruction.
        let offset = (HALFWORDS * 2 - 4) as u16;
        let mut at = 0;
        program.put(&mut at, 0xf8df);
        program.put(&mut at, 0xd000 | offset);
        while at < HALFWORDS {
            let (first, second) = instruction(words);
            program.put(&mut at, first);
            if let Some(second) = second {
                program.put(&mut at, second);
            }
        }
        program
    }

    fn put(&mut self, at: &mut usize, halfword: u16) {
        if let Some(place) = self.code.get_mut(*at) {
            *place = halfword;
        }
        *at += 1;
    }

    /// Where it begins, as a function.
    pub(crate) fn entry(&mut self) -> u32 {
        self.code.as_mut_ptr().expose_provenance() as u32 | 1
    }
}

/// One instruction, of one or two halfwords.
fn instruction(words: &mut Words) -> (u16, Option<u16>) {
    let low = words.below(8);
    let other = words.below(8);
    let any = words.below(16);
    let list = words.random();
    let word = match words.below(32) {
        0 => words.random() | 0xe800_0000,
        // Anything of 16 bits.
        1 | 2 => words.below(0xe800),
        // ldr, str and their narrow forms: with an immediate, then with a register.
        3..6 => 0x6000 | words.below(0x3000),
        6 => 0x5000 | words.below(0x1000),
        // str.w and ldr.w with a positive offset, strt and ldrt.
        7 => {
            let opcode = words.one_of(&[0xf8c0, 0xf8d0, 0xf880, 0xf890, 0xf8a0, 0xf8b0]);
            opcode << 16 | any << 16 | low << 12 | words.below(16) << 2
        }
        8 => {
            let opcode = words.one_of(&[0xf840, 0xf850]);
            opcode << 16 | any << 16 | low << 12 | 0xe00 | words.below(256)
        }
        // The stack pointer: mov, add, sub, push, pop.
        9 => 0x4685 | any << 3,
        10 => 0xb000 | words.below(0x100),
        11 => 0xb400 | list & 0x1ff,
        12 => 0xbc00 | list & 0x1ff,
        // stm, ldm.
        13 => 0xc000 | list & 0xfff,
        14 => {
            let opcode = words.one_of(&[0xe880, 0xe890, 0xe900, 0xe910, 0xe920, 0xe8b0]);
            opcode << 16 | any << 16 | list & 0xdfff
        }
        // svc: a class that exists, or not.
        15..18 => 0xdf00 | words.below(8),
        18 => 0xdf00 | words.below(256),
        19 => words.one_of(&[0xbe00, 0xbeab, 0xde00, 0xdeff]) | words.below(2),
        // bx, blx.
        20 => 0x4700 | any << 3 | words.below(2) << 7,
        // Branches: short ones, compare and branch, table branch.
        21 => 0xd000 | words.below(0xe00),
        22 => words.one_of(&[0xb100, 0xb900, 0xe000]) | words.below(0x200),
        23 => 0xe8d0_f000 | any << 16 | words.below(2) << 4 | low,
        // msr, mrs.
        24 => 0xf380_8000 | any << 16 | words.below(16) << 8 | words.one_of(&SPECIAL),
        25 => 0xf3ef_8000 | low << 8 | words.one_of(&SPECIAL),
        // cps, if-then, hints, barriers.
        26 => 0xb660 | words.below(2) << 4 | words.below(8),
        27 => 0xbf00 | words.below(256),
        28 => words.one_of(&HINTS),
        29 => words.one_of(&BARRIERS),
        // Coprocessors and floating point.
        30 => (0xec00 | words.below(0x400)) << 16 | words.random() & 0xffff,
        // ldrex, strex; a division.
        _ => words.one_of(&[
            0xe850_0f00 | any << 16 | low << 12,
            0xe840_0000 | any << 16 | low << 12 | other << 8,
            0xfbb0_f0f0 | low << 16 | other << 8 | list & 7,
        ]),
    };
    if word > 0xffff {
        ((word >> 16) as u16, Some(word as u16))
    } else {
        (word as u16, None)
    }
}
