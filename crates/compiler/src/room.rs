//! What the compiler remembers: given by its caller, of fixed size, and used again for each function.

use crate::control::Block;
use crate::function::Local;
use crate::kind::Kind;
use crate::module::{Function, Global, Type};
use crate::operands::Operand;
use crate::validator::Frame;

/// Memory for one compilation. What does not fit is refused, and only that.
pub struct Room<'m, 'a> {
    /// Types of the module.
    pub types: &'m mut [Type],
    /// Functions, imported ones included.
    pub functions: &'m mut [Function],
    /// Global variables.
    pub globals: &'m mut [Global],
    /// Local variables of a function, parameters included.
    pub locals: &'m mut [Local],
    /// Kinds of the values on the stack, for the validator.
    pub kinds: &'m mut [Kind],
    /// Open blocks, for the validator.
    pub frames: &'m mut [Frame<'a>],
    /// Places of the values on the stack.
    pub operands: &'m mut [Operand],
    /// Open blocks.
    pub blocks: &'m mut [Block<'a>],
    /// Code of one function, in halfwords.
    pub code: &'m mut [u16],
}

/// What there is for each thing at the beginning.
macro_rules! empty {
    ($($part:ty),*) => {
        $(impl Default for $part {
            fn default() -> Self {
                Self::NONE
            }
        })*
    };
}
empty!(Type, Function, Global, Local, Frame<'_>, Operand, Block<'_>);

/// Room as a value: so many functions, so deep, so long a body. Its size is that of its parts, 8 bytes a function and
/// local or so, 2 bytes a halfword of the longest body.
#[derive(Debug)]
pub struct Storage<
    'a,
    const FUNCTIONS: usize,
    const LOCALS: usize,
    const DEPTH: usize,
    const NESTING: usize,
    const CODE: usize,
> {
    types: [Type; 64],
    functions: [Function; FUNCTIONS],
    globals: [Global; 32],
    locals: [Local; LOCALS],
    kinds: [Kind; DEPTH],
    frames: [Frame<'a>; NESTING],
    operands: [Operand; DEPTH],
    blocks: [Block<'a>; NESTING],
    code: [u16; CODE],
}

impl<
    'a,
    const FUNCTIONS: usize,
    const LOCALS: usize,
    const DEPTH: usize,
    const NESTING: usize,
    const CODE: usize,
> Storage<'a, FUNCTIONS, LOCALS, DEPTH, NESTING, CODE>
{
    /// Empty room.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            types: [Type::NONE; 64],
            functions: [Function::NONE; FUNCTIONS],
            globals: [Global::NONE; 32],
            locals: [Local::NONE; LOCALS],
            kinds: [Kind::Any; DEPTH],
            frames: [Frame::NONE; NESTING],
            operands: [Operand::NONE; DEPTH],
            blocks: [Block::NONE; NESTING],
            code: [0; CODE],
        }
    }

    /// The room in it.
    pub const fn room<'m>(&'m mut self) -> Room<'m, 'a> {
        Room {
            types: &mut self.types,
            functions: &mut self.functions,
            globals: &mut self.globals,
            locals: &mut self.locals,
            kinds: &mut self.kinds,
            frames: &mut self.frames,
            operands: &mut self.operands,
            blocks: &mut self.blocks,
            code: &mut self.code,
        }
    }
}

impl<
    const FUNCTIONS: usize,
    const LOCALS: usize,
    const DEPTH: usize,
    const NESTING: usize,
    const CODE: usize,
> Default for Storage<'_, FUNCTIONS, LOCALS, DEPTH, NESTING, CODE>
{
    fn default() -> Self {
        Self::new()
    }
}
