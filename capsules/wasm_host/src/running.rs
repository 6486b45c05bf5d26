//! The commands of register programs.

use crate::driver::WasmHost;
use crate::exposure::Exposure;
use crate::passes::Passes;
use crate::program::{self, Data, LOOKS_MAX, Machine, Pass};
use crate::refusal::Refusal;
use crate::window::Window;
use berth_exposure::program::{
    INSTRUCTION_BYTES, INSTRUCTIONS_MAX, Instruction, PASS_UNITS, answer_of, check_units, state,
};
use berth_exposure::{Width, allow};
use core::cell::Cell;
use kernel::ErrorCode;
use kernel::process::ProcessId;
use kernel::processbuffer::{
    ReadableProcessBuffer, ReadableProcessSlice, WriteableProcessBuffer, WriteableProcessSlice,
};
use kernel::syscall::CommandReturn;
use kernel::utilities::cells::MapCell;

/// Room for one register program: a board has as many as may be under way at once.
pub struct ProgramSlot {
    /// The exposure whose program it is.
    owner: Cell<Option<usize>>,
    machine: MapCell<Machine>,
}

impl ProgramSlot {
    /// Room without a program.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            owner: Cell::new(None),
            machine: MapCell::new(Machine::new()),
        }
    }
}

impl Default for ProgramSlot {
    fn default() -> Self {
        Self::new()
    }
}

/// What the process has lent: instructions and input in one buffer, output in the other.
struct Lent<'a> {
    input: &'a ReadableProcessSlice,
    output: Option<&'a WriteableProcessSlice>,
}

/// The most bytes of values that are narrower than a word, and are fetched or handed over at once.
const NARROW_BYTES: usize = 2 * LOOKS_MAX;

impl Data for Lent<'_> {
    #[inline(never)]
    fn take(&self, at: usize, width: Width) -> Option<u32> {
        // Each width by itself: the length that is looked at is a constant.
        Some(match width {
            Width::Bits8 => {
                let from = self.input.get(at..at + 1)?;
                from[0].get().into()
            }
            Width::Bits16 => {
                let from = self.input.get(at..at + 2)?;
                u16::from_le_bytes([from[0].get(), from[1].get()]).into()
            }
            Width::Bits32 => {
                let from = self.input.get(at..at + 4)?;
                u32::from_le_bytes([from[0].get(), from[1].get(), from[2].get(), from[3].get()])
            }
        })
    }

    #[inline(never)]
    fn put(&self, at: usize, width: Width, value: u32) -> Option<()> {
        let output = self.output?;
        let [b0, b1, b2, b3] = value.to_le_bytes();
        match width {
            Width::Bits8 => {
                let to = output.get(at..at + 1)?;
                to[0].set(b0);
            }
            Width::Bits16 => {
                let to = output.get(at..at + 2)?;
                to[0].set(b0);
                to[1].set(b1);
            }
            Width::Bits32 => {
                let to = output.get(at..at + 4)?;
                to[0].set(b0);
                to[1].set(b1);
                to[2].set(b2);
                to[3].set(b3);
            }
        }
        Some(())
    }

    #[inline(never)]
    fn fetch(&self, at: usize, width: Width, values: &mut [[u8; 4]]) -> Option<()> {
        let bytes = width.bytes() as usize;
        let from = self.input.get(at..at + values.len() * bytes)?;
        if width == Width::Bits32 {
            // All at once, as they lie there.
            return from.copy_to_slice_or_err(values.as_flattened_mut()).ok();
        }
        // All at once as they lie there, too, and then each to its place.
        let mut room = [0; NARROW_BYTES];
        let lying = room.get_mut(..from.len())?;
        from.copy_to_slice_or_err(lying).ok()?;
        if width == Width::Bits8 {
            for (value, byte) in values.iter_mut().zip(lying) {
                *value = [*byte, 0, 0, 0];
            }
        } else {
            for (value, pair) in values.iter_mut().zip(lying.chunks_exact(2)) {
                if let [low, high] = *pair {
                    *value = [low, high, 0, 0];
                }
            }
        }
        Some(())
    }

    #[inline(never)]
    fn hand_over(&self, at: usize, width: Width, values: &[[u8; 4]]) -> Option<()> {
        let bytes = width.bytes() as usize;
        let to = self.output?.get(at..at + values.len() * bytes)?;
        if width == Width::Bits32 {
            return to.copy_from_slice_or_err(values.as_flattened()).ok();
        }
        let mut room = [0; NARROW_BYTES];
        let lying = room.get_mut(..to.len())?;
        if width == Width::Bits8 {
            for ([low, ..], byte) in values.iter().zip(&mut *lying) {
                *byte = *low;
            }
        } else {
            for ([low, high, ..], pair) in values.iter().zip(lying.chunks_exact_mut(2)) {
                pair.copy_from_slice(&[*low, *high]);
            }
        }
        to.copy_from_slice_or_err(lying).ok()
    }
}

impl<const N: usize> WasmHost<N> {
    /// Carry out register programs. Without a slot every one is refused.
    #[must_use]
    pub fn with_programs(mut self, slots: &'static [ProgramSlot]) -> Self {
        self.programs = slots;
        self
    }

    /// The slot that has the program of an exposure, or, for `None`, a free one.
    fn slot(&self, owner: Option<usize>) -> Option<&'static ProgramSlot> {
        self.programs.iter().find(|slot| slot.owner.get() == owner)
    }

    /// End the program of an exposure, wherever it is.
    pub(crate) fn end_program(&self, index: usize) -> bool {
        let slot = self.slot(Some(index));
        slot.is_some_and(|slot| slot.owner.take().is_some())
    }

    pub(crate) fn run_program(
        &self,
        process: ProcessId,
        program: u32,
        data: u32,
    ) -> Result<CommandReturn, Refusal> {
        let (index, _) = self.held(process, program >> 16)?;
        let (instructions, passes) = ((program & 0xff) as usize, program >> 8 & 0xff);
        let (input, output) = ((data >> 16) as usize, (data & 0xffff) as usize);
        if self.slot(Some(index)).is_some() {
            return Err(program::Refusal::State.into());
        }
        if instructions == 0 {
            return Err(program::Refusal::Malformed.into());
        }
        if instructions > INSTRUCTIONS_MAX {
            return Err(program::Refusal::TooLarge.into());
        }
        let slot = self.slot(None).ok_or(program::Refusal::NoRoom)?;
        let mut answer = Err(Refusal::BufferTooSmall);
        self.lent(process, instructions, &mut |code, lent| {
            if lent.input.len() < input
                || lent.output.map_or(0, WriteableProcessSlice::len) < output
            {
                return;
            }
            slot.owner.set(Some(index));
            // At most 32: checked above.
            let begin = |machine: &mut Machine| machine.begin(instructions as u8, input, output);
            slot.machine.map(begin);
            answer = Ok(self.passes(index, slot, code, lent, passes));
        })?;
        answer
    }

    pub(crate) fn continue_program(
        &self,
        process: ProcessId,
        handle: u32,
        passes: u32,
    ) -> Result<CommandReturn, Refusal> {
        let (index, _) = self.held(process, handle)?;
        let slot = self.slot(Some(index)).ok_or(program::Refusal::State)?;
        let mut answer = Err(Refusal::BufferTooSmall);
        let instructions = slot.machine.map_or(0, |machine| machine.length());
        self.lent(process, instructions, &mut |code, lent| {
            answer = Ok(self.passes(index, slot, code, lent, passes));
        })?;
        answer
    }

    pub(crate) fn cancel_program(
        &self,
        process: ProcessId,
        handle: u32,
    ) -> Result<CommandReturn, Refusal> {
        let (index, _) = self.held(process, handle)?;
        self.end_program(index)
            .then(CommandReturn::success)
            .ok_or(program::Refusal::State.into())
    }

    /// Make one pass of the program in a slot, and more of them, `passes` together at most, while the process's turn goes on.
    fn passes(
        &self,
        index: usize,
        slot: &ProgramSlot,
        code: &ReadableProcessSlice,
        lent: &Lent<'_>,
        passes: u32,
    ) -> CommandReturn {
        let Some(exposure) = self.exposures.get(index) else {
            return CommandReturn::failure(ErrorCode::FAIL);
        };
        let mut passes = self.passes_of_a_turn().at_most(passes);
        let come = slot.machine.map(|machine| {
            let pass = on(machine, exposure, code, lent, &mut passes);
            (pass, machine.instruction(), machine.output() as u32)
        });
        let made = passes.made();
        // Nothing else uses the machine.
        let Some((pass, instruction, output)) = come else {
            return CommandReturn::failure(ErrorCode::FAIL);
        };
        if pass != Ok(Pass::GoesOn) {
            slot.owner.set(None);
        }
        match pass {
            Ok(Pass::Done) => CommandReturn::success_u32_u32(answer_of(state::DONE, made), output),
            Ok(Pass::GoesOn) => {
                CommandReturn::success_u32_u32(answer_of(state::GOES_ON, made), output)
            }
            // The error, the instruction, the bytes of output so far.
            Err(refusal) => {
                CommandReturn::failure_u32_u32(refusal.into(), answer_of(instruction, made), output)
            }
        }
    }

    /// What the process has lent, behind and with so many instructions.
    fn lent(
        &self,
        process: ProcessId,
        instructions: usize,
        work: &mut dyn FnMut(&ReadableProcessSlice, &Lent<'_>),
    ) -> Result<(), Refusal> {
        self.enter(process, &mut |_, kernel_data| {
            let program = kernel_data.get_readonly_processbuffer(allow::RO_PROGRAM);
            let apart = kernel_data.get_readonly_processbuffer(allow::RO_INPUT);
            let output = kernel_data.get_readwrite_processbuffer(allow::RW_OUTPUT);
            let Ok(program) = program else { return };
            let _ = program.enter(|program| {
                let length = instructions * INSTRUCTION_BYTES;
                let (Some(code), Some(behind)) =
                    (program.get(0..length), program.get(length..program.len()))
                else {
                    return;
                };
                let mut with = |input: &ReadableProcessSlice| match &output {
                    Ok(output) if output.len() > 0 => {
                        let _ = output.mut_enter(|output| {
                            let output = Some(output);
                            work(code, &Lent { input, output });
                        });
                    }
                    _ => work(
                        code,
                        &Lent {
                            input,
                            output: None,
                        },
                    ),
                };
                match &apart {
                    Ok(apart) if apart.len() > 0 => {
                        let _ = apart.enter(with);
                    }
                    _ => with(behind),
                }
            });
        })
        .map_err(|_| Refusal::NoGrant)
    }
}

/// Passes of a program, on their way to the window that makes its accesses.
pub struct Running<'a> {
    machine: &'a mut Machine,
    lent: &'a Lent<'a>,
    /// What the first has left.
    units: u32,
    passes: &'a mut Passes,
    /// What it has come to.
    come: Result<Pass, program::Refusal>,
}

impl Running<'_> {
    /// Carry them out, with the accesses of this window.
    #[inline(always)]
    pub(crate) fn on<W: Window + ?Sized>(&mut self, window: &W) {
        let (machine, passes) = (&mut *self.machine, &mut *self.passes);
        self.come = machine.passes(window, self.lent, self.units, &mut || passes.another());
    }
}

/// Passes: what is to be checked first, and what that leaves of the time for carrying it out.
fn on(
    machine: &mut Machine,
    exposure: &Exposure,
    code: &ReadableProcessSlice,
    lent: &Lent<'_>,
    passes: &mut Passes,
) -> Result<Pass, program::Refusal> {
    let Some(units) = check(
        machine,
        exposure,
        |index| instruction(code, index),
        &mut || passes.another(),
    )?
    else {
        return Ok(Pass::GoesOn);
    };
    let mut running = Running {
        machine,
        lent,
        units,
        passes,
        come: Ok(Pass::GoesOn),
    };
    exposure.window.pass(&mut running);
    running.come
}

/// Check the instructions that have not been, which `bytes` tells by their index. Returns the units that this leaves of the pass; `None`:
/// the others are checked in the next one.
///
/// # Errors
/// What is wrong with an instruction.
#[inline(always)]
pub(crate) fn check(
    machine: &mut Machine,
    exposure: &Exposure,
    bytes: impl Fn(usize) -> Option<[u8; INSTRUCTION_BYTES]>,
    another: &mut dyn FnMut() -> bool,
) -> Result<Option<u32>, program::Refusal> {
    let mut units = PASS_UNITS;
    while let Some(index) = machine.unchecked() {
        let bytes = bytes(index);
        let operation = bytes.map_or(0, |[operation, ..]| operation);
        let work = check_units(operation);
        if units < work {
            if !another() {
                return Ok(None);
            }
            units = PASS_UNITS;
        }
        units -= work;
        machine.check(exposure, bytes.as_ref().and_then(Instruction::decode))?;
    }
    Ok(Some(units))
}

/// The bytes of the instruction that the process has at an index now.
fn instruction(code: &ReadableProcessSlice, index: usize) -> Option<[u8; INSTRUCTION_BYTES]> {
    let mut bytes = [0; INSTRUCTION_BYTES];
    let from = code.get(index * INSTRUCTION_BYTES..(index + 1) * INSTRUCTION_BYTES)?;
    from.copy_to_slice_or_err(&mut bytes).ok()?;
    Some(bytes)
}
