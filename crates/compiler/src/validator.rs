//! Is a function's body valid? Kinds of values only; where they are is the generator's affair.
//!
//! Source: WebAssembly core specification 3.3 and its appendix (validation algorithm).

use berth_admission::Malformed;
use berth_admission::reader::Reader;

use crate::Error;
use crate::function::Local;
use crate::instruction::{BlockType, Instruction, code};
use crate::kind::{Kind, Signature, kinds};
use crate::module::Module;
use crate::typing::{accessed, signature};

/// An open block.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The instruction that opened it; 0: the function.
    code: u16,
    signature: Signature<'a>,
    /// Values on the stack below it.
    height: u32,
    /// The rest of it is not reached.
    unreachable: bool,
}

impl Frame<'_> {
    pub(crate) const NONE: Self = Self {
        code: 0,
        signature: Signature {
            parameters: &[],
            results: &[],
        },
        height: 0,
        unreachable: false,
    };
}

/// State of the validation of one body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Validator {
    kinds: usize,
    frames: usize,
    at: u32,
}

const MISMATCH: &str = "a value of another kind is wanted";

impl Validator {
    /// Begins with the body of a function of this type.
    pub(crate) fn begin<'a>(
        module: &mut Module<'_, 'a>,
        signature: Signature<'a>,
    ) -> Result<Self, Error> {
        let mut new = Self::default();
        new.open(module, 0, signature)?;
        Ok(new)
    }

    /// Has the function's last `end` come?
    pub(crate) const fn is_over(&self) -> bool {
        self.frames == 0
    }

    /// Type of the block that `depth` blocks lie in; only of blocks that there are.
    pub(crate) fn resolve<'a>(module: &Module<'_, 'a>, block: BlockType) -> Option<Signature<'a>> {
        match block {
            BlockType::Empty => Some(Signature::block(None)),
            BlockType::Value(kind) => Some(Signature::block(Some(kind))),
            BlockType::Type(index) => module.signature(index),
        }
    }

    const fn error(&self, what: &'static str) -> Error {
        Error::Invalid(Malformed {
            offset: self.at,
            what,
        })
    }

    fn push(&mut self, module: &mut Module<'_, '_>, kind: Kind) -> Result<(), Error> {
        *module
            .room
            .kinds
            .get_mut(self.kinds)
            .ok_or(Error::refused("too many values on the stack"))? = kind;
        self.kinds += 1;
        Ok(())
    }

    fn push_all(&mut self, module: &mut Module<'_, '_>, bytes: &[u8]) -> Result<(), Error> {
        kinds(bytes).try_for_each(|kind| self.push(module, kind))
    }

    fn pop(&mut self, module: &Module<'_, '_>, want: Kind) -> Result<Kind, Error> {
        let frame = &module.room.frames[self.frames - 1];
        if self.kinds == frame.height as usize {
            if frame.unreachable {
                return Ok(Kind::Any);
            }
            return Err(self.error("the stack has no more values"));
        }
        self.kinds -= 1;
        let is = module.room.kinds[self.kinds];
        if is != want && is != Kind::Any && want != Kind::Any {
            return Err(self.error(MISMATCH));
        }
        Ok(is)
    }

    fn pop_all(&mut self, module: &Module<'_, '_>, bytes: &[u8]) -> Result<(), Error> {
        for kind in kinds(bytes).rev() {
            self.pop(module, kind)?;
        }
        Ok(())
    }

    fn open<'a>(
        &mut self,
        module: &mut Module<'_, 'a>,
        code: u16,
        signature: Signature<'a>,
    ) -> Result<(), Error> {
        *module
            .room
            .frames
            .get_mut(self.frames)
            .ok_or(Error::refused("blocks nested too deep"))? = Frame {
            code,
            signature,
            height: self.kinds as u32,
            unreachable: false,
        };
        self.frames += 1;
        if code != 0 {
            self.push_all(module, signature.parameters)?;
        }
        Ok(())
    }

    fn close<'a>(&mut self, module: &Module<'_, 'a>) -> Result<Frame<'a>, Error> {
        let frame = module.room.frames[self.frames - 1];
        self.pop_all(module, frame.signature.results)?;
        if self.kinds != frame.height as usize {
            return Err(self.error("values are left at the end of a block"));
        }
        self.frames -= 1;
        Ok(frame)
    }

    fn unreachable(&mut self, module: &mut Module<'_, '_>) {
        let frame = &mut module.room.frames[self.frames - 1];
        frame.unreachable = true;
        self.kinds = frame.height as usize;
    }

    /// What a branch to the block `depth` blocks further out takes with it.
    fn label<'a>(&self, module: &Module<'_, 'a>, depth: u32) -> Result<&'a [u8], Error> {
        let frame = (self.frames - 1)
            .checked_sub(depth as usize)
            .map(|index| module.room.frames[index]);
        match frame {
            Some(frame) if frame.code == code::LOOP => Ok(frame.signature.parameters),
            Some(frame) => Ok(frame.signature.results),
            None => Err(self.error("a branch to a block that there is not")),
        }
    }

    /// Checks one instruction.
    pub(crate) fn check<'a>(
        &mut self,
        module: &mut Module<'_, 'a>,
        locals: usize,
        is: &Instruction<'a>,
    ) -> Result<(), Error> {
        self.at = is.at;
        if let Some((taken, given)) = signature(is.code) {
            for kind in taken.iter().rev() {
                self.pop(module, *kind)?;
            }
            return self.push(module, given);
        }
        match is.code {
            0x28..=0x3e => self.access(module, is),
            code::UNREACHABLE | code::NOP | code::BLOCK..=code::ELSE | code::END..=code::RETURN => {
                self.control(module, is)
            }
            code::CALL..=code::RETURN_CALL_INDIRECT => self.call(module, is),
            code::LOCAL_GET..=code::LOCAL_TEE => {
                let Local { kind, .. } = *module.room.locals[..locals]
                    .get(is.index as usize)
                    .ok_or(self.error("unknown local variable"))?;
                if is.code != code::LOCAL_GET {
                    self.pop(module, kind)?;
                }
                if is.code != code::LOCAL_SET {
                    self.push(module, kind)?;
                }
                Ok(())
            }
            code::GLOBAL_GET | code::GLOBAL_SET => {
                let global = module
                    .global(is.index)
                    .ok_or(self.error("unknown global variable"))?;
                if is.code == code::GLOBAL_GET {
                    return self.push(module, global.kind);
                }
                if !global.mutable {
                    return Err(self.error("a constant is set"));
                }
                self.pop(module, global.kind).map(drop)
            }
            code::DROP => self.pop(module, Kind::Any).map(drop),
            code::SELECT => {
                self.pop(module, Kind::I32)?;
                let second = self.pop(module, Kind::Any)?;
                let first = self.pop(module, second)?;
                let kind = if first == Kind::Any { second } else { first };
                if kind.is_reference() {
                    return Err(self.error("select of references without their type"));
                }
                self.push(module, kind)
            }
            code::SELECT_TYPED => {
                self.pop(module, Kind::I32)?;
                self.pop(module, is.kind)?;
                self.pop(module, is.kind)?;
                self.push(module, is.kind)
            }
            code::REF_NULL => {
                if !is.kind.is_reference() {
                    return Err(self.error(MISMATCH));
                }
                self.push(module, is.kind)
            }
            code::REF_IS_NULL => {
                let kind = self.pop(module, Kind::Any)?;
                if !kind.is_reference() && kind != Kind::Any {
                    return Err(self.error(MISMATCH));
                }
                self.push(module, Kind::I32)
            }
            code::REF_FUNC => {
                if !module.is_declared(is.index) {
                    return Err(self.error("a reference to a function that is not declared"));
                }
                self.push(module, Kind::Function)
            }
            _ => self.bulk(module, is),
        }
    }

    fn access(&mut self, module: &mut Module<'_, '_>, is: &Instruction<'_>) -> Result<(), Error> {
        let (kind, log2) = accessed(is.code);
        if is.second > log2 {
            return Err(self.error("an alignment above the natural one"));
        }
        if module.memories == 0 {
            return Err(self.error("no memory"));
        }
        if is.code >= 0x36 {
            self.pop(module, kind)?;
            self.pop(module, Kind::I32).map(drop)
        } else {
            self.pop(module, Kind::I32)?;
            self.push(module, kind)
        }
    }

    fn control<'a>(
        &mut self,
        module: &mut Module<'_, 'a>,
        is: &Instruction<'a>,
    ) -> Result<(), Error> {
        match is.code {
            code::NOP => {}
            code::UNREACHABLE => self.unreachable(module),
            code::BLOCK | code::LOOP | code::IF => {
                let signature =
                    Self::resolve(module, is.block).ok_or(self.error("unknown type"))?;
                if is.code == code::IF {
                    self.pop(module, Kind::I32)?;
                }
                self.pop_all(module, signature.parameters)?;
                self.open(module, is.code, signature)?;
            }
            code::ELSE => {
                let frame = self.close(module)?;
                if frame.code != code::IF {
                    return Err(self.error("else without if"));
                }
                self.open(module, code::ELSE, frame.signature)?;
            }
            code::END => {
                let frame = self.close(module)?;
                let Signature {
                    parameters,
                    results,
                } = frame.signature;
                if frame.code == code::IF && parameters != results {
                    return Err(self.error("if without else gives other values than it takes"));
                }
                if self.frames > 0 {
                    self.push_all(module, results)?;
                }
            }
            code::BR => {
                let taken = self.label(module, is.index)?;
                self.pop_all(module, taken)?;
                self.unreachable(module);
            }
            code::BR_IF => {
                self.pop(module, Kind::I32)?;
                let taken = self.label(module, is.index)?;
                self.pop_all(module, taken)?;
                self.push_all(module, taken)?;
            }
            code::BR_TABLE => self.branch_table(module, is)?,
            _ => {
                let results = module.room.frames[0].signature.results;
                self.pop_all(module, results)?;
                self.unreachable(module);
            }
        }
        Ok(())
    }

    fn branch_table<'a>(
        &mut self,
        module: &mut Module<'_, 'a>,
        is: &Instruction<'a>,
    ) -> Result<(), Error> {
        self.pop(module, Kind::I32)?;
        let mut targets = is.targets;
        let mut default = is.targets;
        for _ in 0..is.index {
            default.u32()?;
        }
        let arity = self.label(module, default.u32()?)?;
        for _ in 0..=is.index {
            let taken = self.label(module, targets.u32()?)?;
            if taken.len() != arity.len() {
                return Err(self.error("targets that take different numbers of values"));
            }
            // What is popped is what was there, and it is not written over.
            let kept = self.kinds;
            self.pop_all(module, taken)?;
            self.kinds = kept;
        }
        self.unreachable(module);
        Ok(())
    }

    fn call<'a>(&mut self, module: &mut Module<'_, 'a>, is: &Instruction<'a>) -> Result<(), Error> {
        let signature = if matches!(is.code, code::CALL | code::RETURN_CALL) {
            module.function_signature(is.index)
        } else {
            if module.table_kind(is.second) != Some(Kind::Function) {
                return Err(self.error("no table of functions"));
            }
            self.pop(module, Kind::I32)?;
            module.signature(is.index)
        };
        let signature = signature.ok_or(self.error("unknown function or type"))?;
        self.pop_all(module, signature.parameters)?;
        if matches!(is.code, code::CALL | code::CALL_INDIRECT) {
            return self.push_all(module, signature.results);
        }
        if signature.results != module.room.frames[0].signature.results {
            return Err(self.error("a call in the place of a return gives other values"));
        }
        self.unreachable(module);
        Ok(())
    }

    /// Memory and tables as a whole.
    fn bulk(&mut self, module: &mut Module<'_, '_>, is: &Instruction<'_>) -> Result<(), Error> {
        const I: Kind = Kind::I32;
        let names_memory = match is.code {
            code::MEMORY_SIZE | code::MEMORY_GROW => Some(0),
            code::MEMORY_FILL => Some(is.index),
            code::MEMORY_INIT => Some(is.second),
            code::MEMORY_COPY => Some(is.index | is.second),
            _ => None,
        };
        if names_memory.is_some_and(|index| index as usize >= module.memories) {
            return Err(self.error("no memory"));
        }
        if matches!(is.code, code::MEMORY_INIT | code::DATA_DROP) {
            match module.data_segments() {
                Some(count) if is.index < count => {}
                _ => return Err(self.error("unknown data segment")),
            }
        }
        let named = match is.code {
            code::TABLE_INIT => module.table_kind(is.second),
            code::TABLE_GET
            | code::TABLE_SET
            | code::TABLE_COPY
            | code::TABLE_GROW
            | code::TABLE_SIZE
            | code::TABLE_FILL => module.table_kind(is.index),
            code::ELEM_DROP => module.segment_kind(is.index),
            _ => Some(I),
        };
        let kind = named.ok_or(self.error("unknown table or segment"))?;
        let same = match is.code {
            code::TABLE_INIT => module.segment_kind(is.index),
            code::TABLE_COPY => module.table_kind(is.second),
            _ => Some(kind),
        };
        if same != Some(kind) {
            return Err(self.error("tables or segments of different kinds"));
        }
        let (taken, given): (&[Kind], Option<Kind>) = match is.code {
            code::MEMORY_SIZE | code::TABLE_SIZE => (&[], Some(I)),
            code::MEMORY_GROW => (&[I], Some(I)),
            code::TABLE_GET => (&[I], Some(kind)),
            code::TABLE_SET => (&[I, kind], None),
            code::TABLE_GROW => (&[kind, I], Some(I)),
            code::TABLE_FILL => (&[I, kind, I], None),
            code::DATA_DROP | code::ELEM_DROP => (&[], None),
            _ => (&[I, I, I], None),
        };
        for kind in taken.iter().rev() {
            self.pop(module, *kind)?;
        }
        given.map_or(Ok(()), |kind| self.push(module, kind))
    }
}

/// The local variables of a body in front of its instructions, behind the parameters. Returns how many there are.
pub(crate) fn locals(
    module: &mut Module<'_, '_>,
    signature: Signature<'_>,
    reader: &mut Reader<'_>,
) -> Result<usize, Error> {
    let mut count = 0;
    let mut add = |kind| -> Result<(), Error> {
        *module
            .room
            .locals
            .get_mut(count)
            .ok_or(Error::refused("too many local variables"))? = Local::new(kind);
        count += 1;
        Ok(())
    };
    kinds(signature.parameters).try_for_each(&mut add)?;
    for _ in 0..reader.u32()? {
        let of_this_kind = reader.u32()?;
        let kind = crate::instruction::value_type(reader)?;
        for _ in 0..of_this_kind {
            add(kind)?;
        }
    }
    Ok(count)
}
