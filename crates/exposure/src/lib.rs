//! What the kernel and the supervisor agree on about exposed registers.
//!
//! The `wasm_host` capsule and the process that runs containers meet at one
//! system-call driver. Its numbers and the byte layout of its records stand
//! here once; the page that explains every call, argument and error is
//! `capsules/wasm_host/README.md`.

#![no_std]
#![forbid(unsafe_code)]

pub mod conveyor;
pub mod erases;
pub mod filter;
pub mod interrupt;
pub mod operator;
pub mod program;
pub mod proof;
pub mod rest;
mod width;

pub use width::Width;

/// Driver number of `wasm_host`; upstream Tock uses nothing from here up.
pub const DRIVER_NUM: usize = 0xA0000;

/// Longest label, in bytes.
pub const LABEL_MAX: usize = 32;

/// Command numbers.
pub mod command {
    /// Is the driver there? → success.
    pub const EXISTS: usize = 0;
    /// How many exposures? → u32.
    pub const COUNT: usize = 1;
    /// `(index)`: write the [`Description`](super::Description) of one exposure
    /// into read-write allow 0 → u32 bytes written.
    pub const DESCRIBE: usize = 2;
    /// `(container tag, label length)`: claim the exposure whose label stands in
    /// read-only allow 0 → (u32 handle, u32 block length in bytes, u32 access class;
    /// where that is mapped, [`MAP`] may open the block).
    pub const CLAIM: usize = 3;
    /// `(handle)`: release one claim.
    pub const RELEASE: usize = 4;
    /// `(container tag, from)`: release a claim of one container, among the next exposures from that index, the first time 0 → (u32
    /// released, 1 or 0; u32 index to go on from, 0 when all have been looked at). What ends a claim is the kernel's work: between
    /// two calls the firmware comes first.
    pub const RELEASE_ALL: usize = 5;
    /// `(handle)`: open the block to the process → (u32 address, u32 length in bytes,
    /// u32 access widths, one bit each: 1, 2 and 4 for that many bytes).
    pub const MAP: usize = 6;
    /// `(handle)`: close it again; the claim stays.
    pub const UNMAP: usize = 7;
    /// `(register, _)`: read → u32. Register: see [`super::register`].
    pub const READ8: usize = 8;
    /// As [`READ8`], 16 bits.
    pub const READ16: usize = 9;
    /// As [`READ8`], 32 bits.
    pub const READ32: usize = 10;
    /// `(register, value)`: write.
    pub const WRITE8: usize = 11;
    /// As [`WRITE8`], 16 bits.
    pub const WRITE16: usize = 12;
    /// As [`WRITE8`], 32 bits.
    pub const WRITE32: usize = 13;
    /// `(mask)`: the bits that the next [`MODIFY32`] of this process changes.
    pub const SET_MODIFY_MASK: usize = 14;
    /// `(register, value)`: change the bits of the mask set before; the mask is
    /// used up by the call, whatever its outcome. Needs a register whose other
    /// bits can be kept: not a write-only one.
    pub const MODIFY32: usize = 15;
    /// `(handle and number, priority and captures)`: have an interrupt of a claimed block
    /// recorded; see [`super::interrupt_of`] and [`super::registration`]. The captures
    /// stand in read-only allow 1 → (u32 interrupt, u32 word of its record,
    /// u32 microseconds until its line opens).
    pub const REGISTER: usize = 16;
    /// `(handle and number)`: record it no more.
    pub const UNREGISTER: usize = 17;
    /// `(interrupt, 0)`: it is handled, its line may open → u32 microseconds until then; if not zero, to be
    /// repeated after that time with [`ONLY_LINE`](super::interrupt::ONLY_LINE), which asks for the line and
    /// no more.
    pub const ACKNOWLEDGE: usize = 18;
    /// `(handle and number)` → (u32 taken, u32 of these dropped, u32 raised again while
    /// they were handled).
    pub const COUNTERS: usize = 19;
    /// `(handle and instructions, input and output)`: check a [program](super::program) and begin it; see
    /// [`super::program_of`] and [`super::data_of`]. Its instructions stand in read-only allow 2, its input in read-only
    /// allow 3, or, while nothing is lent there, behind the instructions; its output goes to read-write allow 1 → (u32 [state](super::program::state), u32 bytes of output so far).
    pub const PROGRAM_RUN: usize = 20;
    /// `(handle)`: go on with the block's program → as [`PROGRAM_RUN`].
    pub const PROGRAM_CONTINUE: usize = 21;
    /// `(handle)`: end the block's program where it is.
    pub const PROGRAM_CANCEL: usize = 22;
    /// `(handle and moves, bytes of memory)`: check the list of a [conveyor](super::conveyor) and keep it for the block; see
    /// [`super::conveyor_of`]. The list stands in read-only allow 2.
    pub const CONVEYOR_ATTACH: usize = 23;
    /// `(handle and moves, directions)`: make the moves of the block's conveyor that [`super::moves_of`] names, between its registers
    /// and userspace-readable allow 1 → (u32 [state](super::conveyor::state), u32 accesses made).
    pub const CONVEYOR_SYNC: usize = 24;
    /// `(handle)`: forget the block's conveyor.
    pub const CONVEYOR_DETACH: usize = 25;
    /// `(offset, length)`: prove the image in these bytes of the store's partition, or go on with it → success with u32
    /// [`GOES_ON`](super::program::state::GOES_ON), to be repeated; with (u32 key, u32 counter), it is [proven](super::proof); a failure
    /// `FAIL` with u32, why it is [refused](super::proof::Refused). A proof of the same bytes that was made before lasts until this one is refused.
    pub const PROVE: usize = 26;
    /// `(offset, length)`: end the proof of these bytes.
    pub const PROOF_END: usize = 27;
    /// What the board's manufacturer says of signatures → (u32 number of keys, u32 1 if packages without a signature are not to run, u32 proofs
    /// that are kept at most). With argument 1: which keys may sign lists of what is revoked → u32 set of keys.
    pub const KEYS: usize = 28;
    /// `(index)`: who may sign for an exposure → u32 set of keys; without any, claims of it need no proof.
    pub const KEYS_OF: usize = 29;
    /// What the board's manufacturer says of operators → (u32 number of their keys, u32 1 if reading, too, is theirs alone).
    pub const OPERATORS: usize = 30;
    /// `(step, passes)`: is what stands in read-only allow 0 a [login](super::operator) of an operator's? See [`super::operator::step`]. → success with u32
    /// [`GOES_ON`](super::program::state::GOES_ON), to be repeated with [`GO_ON`](super::operator::step::GO_ON); success, it is; a failure `FAIL`, it is not.
    pub const LOGIN: usize = 31;
    /// `(step, passes)`: what do the secret and the public key in read-only allow 0 agree on? As [`LOGIN`]; it is written to read-write allow 0.
    pub const AGREE: usize = 32;
}

/// One argument that names an interrupt of a claimed block: handle in the upper half,
/// the number of the interrupt among those of its block in the lower.
#[must_use]
pub const fn interrupt_of(handle: u16, number: u16) -> usize {
    ((handle as usize) << 16) | number as usize
}

/// One argument with priority (the lower is served first) and how many captures.
#[must_use]
pub const fn registration(priority: u8, captures: u8) -> usize {
    ((priority as usize) << 8) | captures as usize
}

/// One argument with the handle of a claimed block, how many instructions a program for it has, and how many passes may be made at
/// once; 0 is one.
#[must_use]
pub const fn program_of(handle: u16, instructions: u8, passes: u8) -> usize {
    ((handle as usize) << 16) | ((passes as usize) << 8) | instructions as usize
}

/// One argument with the lengths of a program's input and output in bytes.
#[must_use]
pub const fn data_of(input: u16, output: u16) -> usize {
    ((input as usize) << 16) | output as usize
}

/// One argument with the handle of a claimed block and how many moves its conveyor has.
#[must_use]
pub const fn conveyor_of(handle: u16, moves: u8) -> usize {
    ((handle as usize) << 16) | moves as usize
}

/// One argument with the handle of a claimed block, and which moves of its conveyor are meant: so many from the first one on.
#[must_use]
pub const fn moves_of(handle: u16, first: u8, count: u8) -> usize {
    ((handle as usize) << 16) | ((first as usize) << 8) | count as usize
}

/// Upcall numbers.
pub mod upcall {
    /// Interrupts were recorded: `(their bits, 0, 0)`. At most one waits in the queue.
    pub const INTERRUPT: usize = 0;
}

/// Allow numbers (read-only and read-write are separate spaces).
pub mod allow {
    /// Read-only: the label of a claim, UTF-8; a login, or two keys.
    pub const RO_LABEL: usize = 0;
    /// Read-only: the captures of a registration.
    pub const RO_CAPTURES: usize = 1;
    /// Read-only: the instructions of a program, and behind them its input; the list of a conveyor.
    pub const RO_PROGRAM: usize = 2;
    /// Read-only: the input of a program, where it does not stand behind the instructions.
    pub const RO_INPUT: usize = 3;
    /// Userspace-readable: where interrupts are recorded.
    pub const RECORDS: usize = 0;
    /// Userspace-readable: the memory of conveyors.
    pub const CONVEYOR: usize = 1;
    /// Read-write: where a description is written, or what two keys agree on.
    pub const RW_DESCRIPTION: usize = 0;
    /// Read-write: the output of a program.
    pub const RW_OUTPUT: usize = 1;
}

/// One argument that names a register of a claimed block:
/// handle in the upper, byte offset in the lower half.
#[must_use]
pub const fn register(handle: u16, offset: u16) -> usize {
    ((handle as usize) << 16) | offset as usize
}

/// How accesses to an exposed block travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AccessClass {
    /// One system call an access; masks apply.
    Mediated = 0,
    /// An MPU region of the process; plain loads and stores.
    Mapped = 1,
}

/// What [`command::DESCRIBE`] tells of one exposure.
///
/// Byte layout, little endian: block length u32, access class u8 (interrupts in its upper half), claimed u8
/// (0 free, 1 by this process, 2 by another, 3 by this process and mapped into it), number of exposed registers u8, label length u8,
/// label bytes; then, if claimed by this process (1 or 3), the claiming container's tag u32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description<'a> {
    /// Length of the block in bytes.
    pub length: u32,
    /// What the manufacturer allows: mediated only, or mapped as well.
    pub access: AccessClass,
    /// How many interrupts of the block containers may handle; 15 stands for more, too.
    pub interrupts: u8,
    /// Whether the block is open to the asking process now.
    pub mapped: bool,
    /// Who has it.
    pub claim: Claim,
    /// How many registers of the block are exposed; 0 if the block is exposed whole.
    pub registers: u8,
    /// The name containers import it by.
    pub label: &'a str,
}

/// Who holds an exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody.
    Free,
    /// The asking process, on behalf of this container tag.
    Own(u32),
    /// Another process.
    Other,
}

/// Most interrupts that a [`Description`] tells.
const INTERRUPTS_TOLD: u8 = 15;

/// Size of the largest [`Description`] record in bytes.
pub const DESCRIPTION_MAX: usize = 8 + LABEL_MAX + 4;

impl<'a> Description<'a> {
    /// Write the record to `out`. Returns `None` if it does not fit or the label is too long.
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let label = self.label.as_bytes();
        if label.len() > LABEL_MAX {
            return None;
        }
        let (claim, tag) = match self.claim {
            Claim::Free => (0, None),
            Claim::Own(tag) => (if self.mapped { 3 } else { 1 }, Some(tag)),
            Claim::Other => (2, None),
        };
        let length = 8 + label.len() + if tag.is_some() { 4 } else { 0 };
        let out = out.get_mut(..length)?;
        let (head, rest) = out.split_at_mut(8);
        head[..4].copy_from_slice(&self.length.to_le_bytes());
        head[4] = self.access as u8 | self.interrupts.min(INTERRUPTS_TOLD) << 4;
        head[5] = claim;
        head[6] = self.registers;
        head[7] = label.len() as u8;
        let (name, tail) = rest.split_at_mut(label.len());
        name.copy_from_slice(label);
        if let Some(tag) = tag {
            tail.copy_from_slice(&tag.to_le_bytes());
        }
        Some(length)
    }

    /// Read a record. Returns `None` if it is malformed.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(8)?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let access = match head[4] & 0xf {
            0 => AccessClass::Mediated,
            1 => AccessClass::Mapped,
            _ => return None,
        };
        let (label, tail) = rest.split_at_checked(usize::from(head[7]))?;
        if label.len() > LABEL_MAX {
            return None;
        }
        let claim = match head[5] {
            0 => Claim::Free,
            1 | 3 => Claim::Own(u32::from_le_bytes(tail.get(..4)?.try_into().ok()?)),
            2 => Claim::Other,
            _ => return None,
        };
        Some(Self {
            length,
            access,
            mapped: head[5] == 3,
            interrupts: head[4] >> 4,
            claim,
            registers: head[6],
            label: core::str::from_utf8(label).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_survives_the_way_through_the_buffer() {
        let own = Claim::Own(0xdead_beef);
        for (claim, mapped) in [
            (Claim::Free, false),
            (own, false),
            (own, true),
            (Claim::Other, false),
        ] {
            let d = Description {
                length: 0x1000,
                access: AccessClass::Mapped,
                interrupts: 2,
                mapped,
                claim,
                registers: 3,
                label: "i2c_shield1",
            };
            let mut buffer = [0; DESCRIPTION_MAX];
            let n = d.encode(&mut buffer).unwrap();
            assert_eq!(Description::decode(&buffer[..n]), Some(d));
            for short in 0..n {
                assert_eq!(Description::decode(&buffer[..short]), None);
                assert_eq!(d.encode(&mut [0; DESCRIPTION_MAX][..short]), None);
            }
        }
    }

    #[test]
    fn a_register_argument_keeps_handle_and_offset_apart() {
        assert_eq!(register(0xabcd, 0x1234), 0xabcd_1234);
    }
}
