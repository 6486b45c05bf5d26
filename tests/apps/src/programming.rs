//! The longest register programs that there may be, of two test processes.

use libtock::berth_exposure::program::{
    Exchange, INSTRUCTION_BYTES, INSTRUCTIONS_MAX, Instruction, Place, Ready,
};
use libtock::berth_exposure::{DESCRIPTION_MAX, Width};
use libtock::wasm_host::programs;
use libtock::{ErrorCode, wasm_host};

/// A block that programs and conveyors are for.
#[derive(Clone, Copy)]
pub struct Block {
    /// Its handle.
    pub handle: u16,
    /// A register that is changed, in part or as a whole.
    pub changed: u16,
    /// A register that is read.
    pub status: u16,
}

/// Claim with `tag` one block after the other that has registers for this, and give it back after `work`. Returns the sum of what that returns.
///
/// # Errors
///
/// Those of the driver of containers.
pub fn each(tag: u32, mut work: impl FnMut(Block) -> u32) -> Result<u32, ErrorCode> {
    const PLACES: [(&str, u16, u16); 4] = [
        ("fpgaio", 0x0, 0x0),
        ("uart", 0x8, 0x4),
        ("spi", 0x0, 0xc),
        // The last ones of 255, with masks (`limits.awk`).
        ("sensor_channel_number_000000_all", 4 * 254, 4 * 252),
    ];
    let mut sum = 0;
    for index in 0..wasm_host::count()? {
        let mut record = [0; DESCRIPTION_MAX];
        let block = wasm_host::describe(index, &mut record)?;
        let place = PLACES
            .iter()
            .find(|(kind, ..)| block.label.starts_with(kind));
        let Some((_, changed, status)) = place else {
            continue;
        };
        let handle = wasm_host::claim(tag, block.label)?.handle;
        sum += work(Block {
            handle,
            changed: *changed,
            status: *status,
        });
        wasm_host::release(handle)?;
    }
    Ok(sum)
}

/// Have those carried out for a block that cost most to check, and those that are longest to carry out. Returns how many were.
#[must_use]
pub fn longest(block: Block) -> u32 {
    /// Words that a program moves, and their bytes.
    const WORDS: u16 = 256;
    const MOVED: usize = WORDS as usize * 4;
    let mut code = [0; INSTRUCTIONS_MAX * INSTRUCTION_BYTES];
    let mut moving = [0; 2 * INSTRUCTION_BYTES + MOVED];
    let mut output = [0; MOVED];
    let mut carried_out = 0;
    let Block {
        handle,
        changed,
        status,
    } = block;
    let change = Instruction::Modify {
        at: word(changed),
        mask: 0x2,
        value: 0,
    };
    let ready = Some(Ready { bit: 1, is: false });
    let one = Exchange {
        data: word(changed),
        status,
        words: 1,
        under_way: 1,
        room: ready,
        from_input: false,
        filled: None,
        to_output: false,
        limit: 3,
    };
    let exchange = Instruction::Exchange(one);
    let all = Instruction::Exchange(Exchange {
        words: WORDS,
        from_input: true,
        filled: ready,
        to_output: true,
        ..one
    });
    for instruction in [change, exchange] {
        for (at, to) in code.chunks_exact_mut(INSTRUCTION_BYTES).enumerate() {
            let first = Instruction::Repeat {
                count: 100,
                body: INSTRUCTIONS_MAX as u8 - 1,
            };
            to.copy_from_slice(&if at == 0 { first } else { instruction }.encode());
        }
        let done = programs::run(handle, INSTRUCTIONS_MAX as u16, &code, &mut []);
        // A block whose registers are others refuses the one or the other.
        carried_out += u32::from(done == Ok(0));
    }
    for (count, instruction, bytes) in [
        (WORDS, Instruction::Take(word(changed)), 0),
        (WORDS, Instruction::Read(word(status)), MOVED),
        (1, all, MOVED),
    ] {
        carried_out += repeated(
            handle,
            count,
            instruction,
            &mut moving,
            &mut output[..bytes],
        );
    }
    carried_out
}

/// Has an instruction repeated so many times. `moving` holds, behind room for two instructions, what is moved to registers; `output` takes
/// what comes from them. Returns 1 if all of `output` was filled, else 0.
pub fn repeated(
    handle: u16,
    count: u16,
    instruction: Instruction,
    moving: &mut [u8],
    output: &mut [u8],
) -> u32 {
    let first = Instruction::Repeat {
        count: count.into(),
        body: 1,
    };
    for (instruction, to) in [first, instruction]
        .iter()
        .zip(moving.chunks_exact_mut(INSTRUCTION_BYTES))
    {
        to.copy_from_slice(&instruction.encode());
    }
    let bytes = output.len() as u32;
    u32::from(programs::run(handle, 2, moving, output) == Ok(bytes))
}

fn word(offset: u16) -> Place {
    Place {
        offset,
        width: Width::Bits32,
    }
}
