//! A module from its first byte to its last.

use berth_admission::Malformed;
use berth_admission::reader::Reader;

use crate::code::Sink;
use crate::function::Generator;
use crate::instruction::{Instruction, code};
use crate::module::Module;
use crate::operands::Place;
use crate::typing::signature;
use crate::validator::{self, Validator};
use crate::{Error, Room};

/// What came of a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes of the object, its entry table included.
    pub bytes: u32,
    /// The most fuel that is charged at once: between two places where code can be paused no more halfwords run, but for what
    /// functions that return one after the other still have to do.
    pub longest: u32,
    /// Functions that were made twice, because of the size of their frame.
    pub again: u32,
}

/// Numbers of sections.
const CODE: u8 = 10;
const DATA: u8 = 11;

/// Compiles `image`, which the scan has admitted. The object goes to `sink`. `memory_bytes` is the size of the linear memory
/// at the start, `grows`: it may become larger, as the scan says.
///
/// # Errors
///
/// See [`Error`]. What the sink has got by then is nothing.
pub fn compile<'m, 'a>(
    image: &'a [u8],
    room: Room<'m, 'a>,
    memory_bytes: u32,
    grows: bool,
    sink: &mut impl Sink,
) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut generator: Option<Generator<'m, 'a>> = None;
    let mut module = Some(Module::new(image, room));
    let mut reader = Reader::module(image)?;
    let mut has_data = false;
    let begin = |module: Module<'m, 'a>, sink: &mut _| -> Result<Generator<'m, 'a>, Error> {
        if module.imports_others {
            return Err(Error::refused("something is imported that is no function"));
        }
        let mut generator = Generator::new(module, memory_bytes, grows);
        generator.imported(sink)?;
        Ok(generator)
    };
    while !reader.is_empty() {
        let (id, body) = reader.section()?;
        match (id, &mut module, &mut generator) {
            (CODE, known, _) => {
                let Some(known) = known.take() else { continue };
                let mut new = begin(known, sink)?;
                bodies(&mut new, body, sink, &mut report)?;
                generator = Some(new);
            }
            (DATA, Some(module), _) | (DATA, None, Some(Generator { module, .. })) => {
                has_data = true;
                module.data_section(body)?;
            }
            (_, Some(module), _) => module.section(id, body)?,
            _ => {}
        }
    }
    let mut generator = match (generator, module) {
        (Some(generator), _) => generator,
        (None, Some(module)) => begin(module, sink)?,
        (None, None) => return Ok(report),
    };
    if !has_data {
        generator.module.no_data_section(&reader)?;
    }
    generator.entries(sink)?;
    report.bytes = generator.position;
    report.longest = generator.longest;
    Ok(report)
}

/// The code section.
fn bodies<'a>(
    generator: &mut Generator<'_, 'a>,
    mut section: Reader<'a>,
    sink: &mut impl Sink,
    report: &mut Report,
) -> Result<(), Error> {
    let count = section.u32()?;
    for number in 0..count {
        let length = section.u32()?;
        let body = section.part(length)?;
        let index = generator.module.imported as u32 + number;
        let made = |error: Error| error.within(index);
        if !function(generator, index, body, false, sink).map_err(made)? {
            report.again += 1;
            function(generator, index, body, true, sink).map_err(made)?;
        }
    }
    Ok(())
}

/// One function. Returns false if it is to be made again with a large frame.
fn function<'a>(
    generator: &mut Generator<'_, 'a>,
    index: u32,
    mut body: Reader<'a>,
    large: bool,
    sink: &mut impl Sink,
) -> Result<bool, Error> {
    let start = body;
    let of_type = generator.module.function_signature(index);
    let own = of_type.ok_or(start.error("a body without a function"))?;
    let locals = validator::locals(&mut generator.module, own, &mut body)?;
    let mut validator = Validator::begin(&mut generator.module, own)?;
    let large = generator.begin(index, own, locals, body, large)?;
    generator.open(0, own);
    while !validator.is_over() {
        let is = Instruction::read(&mut body)?;
        validator.check(&mut generator.module, locals, &is)?;
        generator.instruction(&is, body);
        generator.check()?;
    }
    if !body.is_empty() {
        return Err(body.error("code behind the end of a function").into());
    }
    generator.end(large, sink)
}

/// Is this module, which the scan has admitted, valid?
///
/// # Errors
///
/// [`Error::Invalid`] if not; [`Error::Refused`] if the room is too small to tell.
pub fn validate<'a>(image: &'a [u8], room: Room<'_, 'a>) -> Result<(), Error> {
    let mut module = Module::new(image, room);
    let mut reader = Reader::module(image)?;
    let mut has_data = false;
    while !reader.is_empty() {
        let (id, mut body) = reader.section()?;
        match id {
            CODE => {
                for number in 0..body.u32()? {
                    let length = body.u32()?;
                    let body = body.part(length)?;
                    let index = module.imported as u32 + number;
                    body_is_valid(&mut module, index, body).map_err(|e| e.within(index))?;
                }
            }
            DATA => {
                has_data = true;
                module.data_section(body)?;
            }
            _ => module.section(id, body)?,
        }
    }
    if !has_data {
        module.no_data_section(&reader)?;
    }
    Ok(())
}

fn body_is_valid<'a>(
    module: &mut Module<'_, 'a>,
    index: u32,
    mut body: Reader<'a>,
) -> Result<(), Error> {
    let own = module
        .function_signature(index)
        .ok_or::<Malformed>(body.error("a body without a function"))?;
    let locals = validator::locals(module, own, &mut body)?;
    let mut validator = Validator::begin(module, own)?;
    while !validator.is_over() {
        let is = Instruction::read(&mut body)?;
        validator.check(module, locals, &is)?;
    }
    Ok(())
}

impl<'a> Generator<'_, 'a> {
    /// Makes the code of one instruction that is valid. `rest` is what follows it.
    fn instruction(&mut self, is: &Instruction<'a>, rest: Reader<'a>) {
        if self.dead && !matches!(is.code, code::BLOCK..=code::ELSE | code::END) {
            return;
        }
        self.held = 0;
        let mut rest = rest;
        self.next = match rest.rest().first() {
            Some(opcode @ 0x21..=0x22) => {
                let _ = rest.byte();
                rest.u32().ok().map(|index| (u16::from(*opcode), index))
            }
            _ => None,
        };
        let next = self.next;
        let takes_flags = matches!(
            is.code,
            code::IF | code::BR_IF | code::SELECT | code::SELECT_TYPED | code::I32_EQZ
        );
        if !self.dead && !takes_flags {
            // What is set next is set by this instruction, not by the number before it.
            self.next = match is.code {
                code::LOCAL_SET | code::LOCAL_TEE => Some((is.code, is.index)),
                _ => None,
            };
            self.settle_flags();
            self.next = next;
            self.held = 0;
        }
        let flags = matches!(self.operand(0).place, Place::Flags(_));
        if !self.dead && !flags {
            self.split_if_long();
        }
        self.generate(is);
    }

    fn generate(&mut self, is: &Instruction<'a>) {
        match is.code {
            code::UNREACHABLE => self.unreachable(),
            code::NOP => {}
            code::BLOCK..=code::IF => {
                let signature = Validator::resolve(&self.module, is.block);
                self.open(is.code, signature.unwrap_or_default());
            }
            code::ELSE => self.otherwise(),
            code::END => self.close(),
            code::BR => self.branch(is.index),
            code::BR_IF => self.branch_if(is.index),
            code::BR_TABLE => self.branch_table(is),
            code::RETURN => self.leave(),
            code::CALL => self.call(is.index),
            code::CALL_INDIRECT => self.call_indirect(is.index, is.second),
            code::RETURN_CALL => self.return_call(is.index),
            code::RETURN_CALL_INDIRECT => self.return_call_indirect(is.index, is.second),
            code::DROP => self.forget(),
            code::SELECT | code::SELECT_TYPED => self.select(),
            code::LOCAL_GET..=code::LOCAL_TEE => self.local(is.code, is.index),
            code::GLOBAL_GET => self.global_get(is.index),
            code::GLOBAL_SET => self.global_set(is.index),
            code::TABLE_GET => self.table_get(is.index),
            code::TABLE_SET => self.table_set(is.index),
            0x28..=0x35 => self.load(is),
            0x36..=0x3e => self.store(is),
            code::MEMORY_SIZE | code::TABLE_SIZE => self.size(is),
            code::I32_CONST..=code::F64_CONST => {
                let kind = signature(is.code).map_or_else(Default::default, |(_, kind)| kind);
                self.push_constant(kind, is.bits);
            }
            code::REF_NULL => self.push(false, Place::Constant(0)),
            code::I32_EQZ | code::REF_IS_NULL => self.is_zero(),
            code::REF_FUNC => self.reference(is.index),
            0x46..=0x4f => self.compare(is.code),
            0x50 => self.is_zero_wide(),
            0x51..=0x5a => self.compare_wide(is.code),
            0x67..=0x69 | 0xc0 | 0xc1 => self.unary(is.code),
            0x6a..=0x78 => self.binary(is.code),
            0x79..=0x7b | 0xc2..=0xc4 => self.unary_wide(is.code),
            0x7c..=0x8a => self.binary_wide(is.code),
            0xa7 => self.wrap(),
            0xac | 0xad => self.widen(is.code == 0xac),
            0x5b..=0x66 | 0x8b..=0xbf | 0xfc00..=0xfc07 => self.float(is.code),
            _ => self.bulk(is),
        }
    }
}
