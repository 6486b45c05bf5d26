//! Stubs of imported functions that make an access to a register themselves.
//!
//! There is one form of each, halfword for halfword, written from the manual and not from the compiler: nothing else in an object reads where windows are, or
//! accesses what is in one. In all of them r0 is the handle, r1 the offset, and ip, r3 and r0 are what a call does not keep.

use berth_compiler::entry::Direct;

use crate::walk::Walk;

/// Stands for the second halfword of `movw ip, #number`.
const NUMBER: u16 = 0xffff;

/// A read (the last access is `ldr`) and a write of a word.
const fn plain(access: [u16; 2]) -> [u16; 26] {
    let [first, second] = access;
    [
        // ldrd r3, ip, [r9, #-36]: the windows' address, and how many there are; cmp r0, ip; bhs.w to the last movw
        0xe959, 0x3c09, 0x4560, 0xf080, 0x8011,
        // add.w r3, r3, r0, lsl #4; ldrd r3, ip, [r3]: address and words of the window
        0xeb03, 0x1300, 0xe9d3, 0x3c00, // cmp.w ip, r1, ror #2; bls.w to the last movw
        0xebbc, 0x0fb1, 0xf240, 0x8009,
        // strd r0, r1, [r9, #-44]; movw ip, #number; str ip, [r9, #-48]
        0xe949, 0x010b, 0xf240, NUMBER, 0xf849, 0xcc30, // the access; bx lr
        first, second, 0x4770, // movw ip, #number; ldr pc, [r9, #-20]
        0xf240, NUMBER, 0xf859, 0xfc14,
    ]
}

/// `ldr.w r0, [r3, r1]`, `str.w r2, [r3, r1]`
const READ: [u16; 26] = plain([0xf853, 0x0001]);
const WRITE: [u16; 26] = plain([0xf843, 0x2001]);

/// A change of the bits in r2 to those of r3.
const MODIFY: [u16; 37] = [
    // strd r0, r1, [r9, #-44]; ldr ip, [r9, #-32]; cmp r0, ip; bhs.w to the last movw
    0xe949, 0x010b, 0xf859, 0xcc20, 0x4560, 0xf080, 0x801a,
    // ldr ip, [r9, #-36]; add.w ip, ip, r0, lsl #4; ldrd ip, r0, [ip]
    0xf859, 0xcc24, 0xeb0c, 0x1c00, 0xe9dc, 0xc000,
    // cmp.w r0, r1, ror #2; bls.w to the ldr of the handle; add ip, r1
    0xebb0, 0x0fb1, 0xf240, 0x800e, 0x448c,
    // ldr.w r0, [ip]; bic.w r0, r0, r2; ands r3, r2; orrs r0, r3; str.w r0, [ip]
    0xf8dc, 0x0000, 0xea20, 0x0002, 0x4013, 0x4318, 0xf8cc, 0x0000,
    // movw ip, #number; str ip, [r9, #-48]; bx lr
    0xf240, NUMBER, 0xf849, 0xcc30, 0x4770,
    // ldr r0, [r9, #-44]; movw ip, #number; ldr pc, [r9, #-20]
    0xf859, 0x0c2c, 0xf240, NUMBER, 0xf859, 0xfc14,
];

impl Walk<'_> {
    /// Is what begins at a place the access that the imported function `index` may be? Returns the place behind.
    pub(crate) fn direct(&self, at: u32, index: u32) -> Option<u32> {
        let form: &[u16] = match self.module.direct(index)? {
            Direct::Read => &READ,
            Direct::Write => &WRITE,
            Direct::Modify => &MODIFY,
        };
        let number = 0x0c00 | index as u16;
        let mut place = at;
        for halfword in form {
            let wanted = if *halfword == NUMBER {
                number
            } else {
                *halfword
            };
            if self.half(place) != Ok(wanted) {
                return None;
            }
            place += 2;
        }
        Some(place)
    }
}
