//! Places: what a package tells of where it is, so that a fault can be named.
//!
//! The engine does not say where a container's code stood when it failed. The package says it itself: a
//! global, exported under `_place`, holds the number of the place that is being executed, and the side file says which function, and which
//! line of its source, a number means.
//!
//! ```text
//!   module ──► places: where may an instruction fail, and is the global's value known there?
//!                │ not known, or another: i32.const NUMBER, global.set before it
//!                ▼
//!   package, and beside it: NUMBER ──► function, file and line (with debugging information)
//! ```
//!
//! Functions of the SDK and of the language tell nothing, unless they call back: a fault in one is told as that of the line
//! that called it.
//!
//! A mark is two instructions. One stands where code may fail and the place may be another than that of the mark before: at
//! the first such instruction of a function, behind calls of the module's functions, at joints of its branches.
//! Calls of the device do not change the global, and interrupt handlers and `_pause`, which run between any two
//! instructions of main, put back what they found.

use std::collections::{BTreeMap, BTreeSet};

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use serde::{Deserialize, Serialize};
use wasmparser::{
    ElementItems, ExternalKind, FuncType, Operator, Parser, Payload, TypeRef, ValType,
};

use crate::PackError;
use crate::names::{Names, is_underneath, readable};

const MAIN: &str = "_start";
/// Name of the function that a device calls beside main.
const PAUSE: &str = "_pause";

/// How closely a package tells where it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Places {
    /// Not at all: as small and as fast as it was compiled
    No,
    /// The function, where the module has names of functions
    #[default]
    Functions,
    /// The line of the source, where the module has debugging information
    Lines,
}

/// A place of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The function by its number in the package.
    pub function: u32,
    /// The line, and whose it is; behind it where that was inlined, from the inside out. Empty without debugging information.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
}

/// A line of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// The function that it belongs to, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Its file, from the folder of the compilation if it is below that.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
}

/// Where marks stand.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Before which instruction (function by its number among those defined, place of the instruction) which number is set.
    pub(crate) marks: BTreeMap<(usize, usize), u32>,
    /// Functions that put back what they found, by their numbers among those defined.
    pub(crate) restoring: BTreeSet<usize>,
    /// The places, by their numbers from 1 on; functions by their numbers in the module.
    pub(crate) places: Vec<Place>,
}

impl Plan {
    /// Returns where marks are to stand in `module`, which is valid; `None` if none is asked for, or nothing can fail.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn of(
        module: &[u8],
        places: Places,
        names: &Names,
    ) -> Result<Option<Self>, PackError> {
        if places == Places::No || (places == Places::Functions && names.0.is_empty()) {
            return Ok(None);
        }
        let mut functions = Functions::default();
        let mut sections = BTreeMap::new();
        let mut bodies = Vec::new();
        let mut code_start = 0;
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::CodeSectionStart { range, .. } => code_start = range.start,
                Payload::CodeSectionEntry(body) => bodies.push(body),
                Payload::CustomSection(section) => {
                    sections.insert(section.name(), section.data());
                }
                payload => functions.payload(&payload)?,
            }
        }
        let lines = match places {
            Places::Lines => Lines::of(&sections),
            _ => None,
        };
        let bodies: Vec<Vec<(Operator<'_>, usize)>> = bodies
            .iter()
            .map(|body| {
                let operators = body.get_operators_reader()?.into_iter_with_offsets();
                operators.collect::<Result<_, _>>()
            })
            .collect::<Result<_, _>>()?;
        let code = Code {
            functions: &functions,
            bodies: &bodies,
            names,
            lines: lines.as_ref(),
            start: code_start,
        };
        let telling = code.telling();
        let mut plan = Self {
            restoring: functions.beside_main(),
            ..Self::default()
        };
        let mut known = BTreeMap::new();
        for (number, operators) in bodies.iter().enumerate() {
            let function = functions.imported + number as u32;
            if !telling.contains(&function) {
                continue;
            }
            let mut number_of = |lines: Vec<Line>| {
                let next = plan.places.len() as u32 + 1;
                *known.entry((function, lines.clone())).or_insert_with(|| {
                    plan.places.push(Place { function, lines });
                    next
                })
            };
            let wanted: Vec<Option<u32>> = operators
                .iter()
                .map(|(operator, at)| may_fail(operator).then(|| number_of(code.lines_at(*at))))
                .collect();
            let marks = Body {
                operators,
                wanted: &wanted,
                telling: &telling,
            }
            .marks();
            let marks = marks.into_iter();
            plan.marks
                .extend(marks.map(|(index, place)| ((number, index), place)));
        }
        // What cannot fail tells nothing.
        Ok(Some(plan).filter(|plan| !plan.marks.is_empty()))
    }
}

/// What a module says of its functions.
#[derive(Default)]
struct Functions {
    types: Vec<Option<FuncType>>,
    /// The type of each, imported ones first.
    type_of: Vec<u32>,
    imported: u32,
    /// Functions that stand in tables.
    in_tables: BTreeSet<u32>,
    pause: Option<u32>,
}

impl Functions {
    fn payload(&mut self, payload: &Payload<'_>) -> Result<(), PackError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for ty in group?.into_types() {
                        self.types.push(match ty.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(ty) => Some(ty),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    if let TypeRef::Func(ty) = import?.ty {
                        self.type_of.push(ty);
                        self.imported += 1;
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    self.type_of.push(ty?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    if export.kind == ExternalKind::Func && export.name == PAUSE {
                        self.pause = Some(export.index);
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section.clone() {
                    match element?.items {
                        ElementItems::Functions(items) => {
                            for function in items {
                                self.in_tables.insert(function?);
                            }
                        }
                        ElementItems::Expressions(_, items) => {
                            for expression in items {
                                for operator in expression?.get_operators_reader() {
                                    if let Operator::RefFunc { function_index } = operator? {
                                        self.in_tables.insert(function_index);
                                    }
                                }
                            }
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Functions that a device may call while main stands: `_pause`, and what may be a handler of interrupts.
    fn beside_main(&self) -> BTreeSet<usize> {
        let is_handler = |function: &u32| {
            let ty = self.type_of.get(*function as usize)?;
            let ty = self.types.get(*ty as usize)?.as_ref()?;
            Some(ty.params() == [ValType::I32; 2] && ty.results().is_empty())
        };
        self.in_tables
            .iter()
            .copied()
            .filter(|function| is_handler(function) == Some(true))
            .chain(self.pause)
            .filter_map(|function| function.checked_sub(self.imported))
            .map(|number| number as usize)
            .collect()
    }
}

/// The code of a module.
struct Code<'a> {
    functions: &'a Functions,
    /// The instructions of each function, with their places in the module.
    bodies: &'a [Vec<(Operator<'a>, usize)>],
    names: &'a Names,
    lines: Option<&'a Lines<'a>>,
    /// Where the code begins in the module.
    start: usize,
}

impl Code<'_> {
    /// Functions that tell where they are: what an author has written, and what is underneath and calls it.
    fn telling(&self) -> BTreeSet<u32> {
        let numbers = (self.functions.imported..).zip(self.bodies);
        let mut telling: BTreeSet<u32> = numbers
            .clone()
            .filter(|(function, body)| {
                let name = self.names.0.get(function);
                body.iter().any(|(operator, _)| may_fail(operator))
                    && !name.is_some_and(|name| is_underneath(&readable(name)))
            })
            .map(|(function, _)| function)
            .collect();
        loop {
            let before = telling.len();
            for (function, body) in numbers.clone() {
                if body.iter().any(|(operator, _)| calls(operator, &telling)) {
                    telling.insert(function);
                }
            }
            if telling.len() == before {
                return telling;
            }
        }
    }

    /// The lines of the instruction at this place of the module, without what is underneath.
    fn lines_at(&self, at: usize) -> Vec<Line> {
        let at = at.saturating_sub(self.start) as u64;
        let mut lines = self.lines.map_or_else(Vec::new, |lines| lines.at(at));
        let is_underneath = |line: &Line| line.function.as_deref().is_some_and(is_underneath);
        match lines.iter().position(|line| !is_underneath(line)) {
            Some(first) if first > 0 => drop(lines.drain(..first)),
            _ => {}
        }
        // What `main!` wraps around an author's main.
        if lines.len() > 1 && lines.last().and_then(|line| line.function.as_deref()) == Some(MAIN) {
            lines.pop();
        }
        lines
    }
}

/// May this instruction change the place, if these functions tell theirs?
fn calls(operator: &Operator<'_>, telling: &BTreeSet<u32>) -> bool {
    match operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            telling.contains(function_index)
        }
        Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => true,
        _ => false,
    }
}

/// May this instruction end the container?
fn may_fail(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::Unreachable
            | O::Call { .. }
            | O::CallIndirect { .. }
            | O::ReturnCall { .. }
            | O::ReturnCallIndirect { .. }
            | O::I32DivS
            | O::I32DivU
            | O::I32RemS
            | O::I32RemU
            | O::I64DivS
            | O::I64DivU
            | O::I64RemS
            | O::I64RemU
            | O::I32TruncF32S
            | O::I32TruncF32U
            | O::I32TruncF64S
            | O::I32TruncF64U
            | O::I64TruncF32S
            | O::I64TruncF32U
            | O::I64TruncF64S
            | O::I64TruncF64U
            | O::MemoryInit { .. }
            | O::MemoryCopy { .. }
            | O::MemoryFill { .. }
            | O::TableInit { .. }
            | O::TableCopy { .. }
            | O::TableFill { .. }
            | O::TableGet { .. }
            | O::TableSet { .. }
    ) || accesses_memory(operator)
}

fn accesses_memory(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::I32Load { .. }
            | O::I64Load { .. }
            | O::F32Load { .. }
            | O::F64Load { .. }
            | O::I32Load8S { .. }
            | O::I32Load8U { .. }
            | O::I32Load16S { .. }
            | O::I32Load16U { .. }
            | O::I64Load8S { .. }
            | O::I64Load8U { .. }
            | O::I64Load16S { .. }
            | O::I64Load16U { .. }
            | O::I64Load32S { .. }
            | O::I64Load32U { .. }
            | O::I32Store { .. }
            | O::I64Store { .. }
            | O::F32Store { .. }
            | O::F64Store { .. }
            | O::I32Store8 { .. }
            | O::I32Store16 { .. }
            | O::I64Store8 { .. }
            | O::I64Store16 { .. }
            | O::I64Store32 { .. }
    )
}

/// One function, whose marks are looked for.
struct Body<'a> {
    operators: &'a [(Operator<'a>, usize)],
    /// The place of each instruction that may fail.
    wanted: &'a [Option<u32>],
    /// Functions that change the place.
    telling: &'a BTreeSet<u32>,
}

/// A block that is open.
struct Open {
    /// What is known at its beginning.
    known: Option<u32>,
    /// How often that had changed by then.
    changes: usize,
}

impl Body<'_> {
    /// Returns before which instruction which place is to be set.
    fn marks(&self) -> Vec<(usize, u32)> {
        let mut marks = Vec::new();
        // What the global holds, if that is known, and how often that has changed.
        let (mut known, mut changes) = (None, 0);
        let mut open: Vec<Open> = Vec::new();
        for (index, (operator, _)) in self.operators.iter().enumerate() {
            if let Some(place) = self.wanted.get(index).copied().flatten()
                && known != Some(place)
            {
                marks.push((index, place));
                known = Some(place);
                changes += 1;
            }
            match operator {
                Operator::Block { .. } | Operator::If { .. } => open.push(Open { known, changes }),
                Operator::Loop { .. } => {
                    // Its end leads back to here. Where all of it is at one place that is told once, before it.
                    match self.only(index) {
                        Only::Nothing => {}
                        Only::Place(place) if known == Some(place) => {}
                        Only::Place(place) => {
                            marks.push((index, place));
                            known = Some(place);
                            changes += 1;
                        }
                        Only::Several => {
                            known = None;
                            changes += 1;
                        }
                    }
                    open.push(Open { known, changes });
                }
                Operator::Else => {
                    if let Some(open) = open.last() {
                        // The end of the first branch comes with what that has made of it.
                        known = open.known;
                    }
                }
                Operator::End => {
                    if let Some(open) = open.pop()
                        && changes != open.changes
                    {
                        known = None;
                    }
                }
                operator if calls(operator, self.telling) => {
                    known = None;
                    changes += 1;
                }
                _ => {}
            }
        }
        marks
    }

    /// Where the loop that begins at `index` may fail.
    fn only(&self, index: usize) -> Only {
        let mut only = Only::Nothing;
        let mut depth = 0;
        for (index, (operator, _)) in self.operators.iter().enumerate().skip(index) {
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::End => depth -= 1,
                operator if calls(operator, self.telling) => return Only::Several,
                _ => {}
            }
            if let Some(place) = self.wanted.get(index).copied().flatten() {
                match only {
                    Only::Nothing => only = Only::Place(place),
                    Only::Place(known) if known == place => {}
                    _ => return Only::Several,
                }
            }
            if depth == 0 {
                break;
            }
        }
        only
    }
}

/// Where something may fail.
enum Only {
    Nothing,
    /// At this place and no other.
    Place(u32),
    /// At several, or where a function says that is called.
    Several,
}

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// Lines of the source, as the module's debugging information has them.
struct Lines<'a> {
    context: Context<Reader<'a>>,
}

impl<'a> Lines<'a> {
    /// `None` if there are none, or they cannot be read: they are for people, and a module is one without them.
    fn of(sections: &BTreeMap<&'a str, &'a [u8]>) -> Option<Self> {
        let section = |id: SectionId| {
            let data = sections.get(id.name()).copied().unwrap_or_default();
            Ok::<_, addr2line::gimli::Error>(Reader::new(data, LittleEndian))
        };
        sections.get(SectionId::DebugLine.name())?;
        let context = Context::from_dwarf(Dwarf::load(section).ok()?).ok()?;
        Some(Self { context })
    }

    /// The line of the instruction at `offset` of the code section, and where it was inlined.
    fn at(&self, offset: u64) -> Vec<Line> {
        let mut lines = Vec::new();
        let Ok(mut frames) = self.context.find_frames(offset).skip_all_loads() else {
            return lines;
        };
        while let Ok(Some(frame)) = frames.next() {
            let Some(location) = frame.location else {
                continue;
            };
            let (Some(file), Some(line)) = (location.file, location.line.filter(|line| *line > 0))
            else {
                continue;
            };
            let name = frame.function.as_ref().and_then(|name| {
                let raw = name.raw_name().ok()?;
                Some(readable(&raw))
            });
            lines.push(Line {
                function: name,
                file: self.short(offset, file).to_owned(),
                line,
            });
        }
        lines
    }

    /// A file, from the folder of the compilation if it is below that.
    fn short<'f>(&self, offset: u64, file: &'f str) -> &'f str {
        let unit = self.context.find_dwarf_and_unit(offset).skip_all_loads();
        unit.and_then(|unit| unit.comp_dir)
            .and_then(|folder| file.strip_prefix(std::str::from_utf8(folder.slice()).ok()?))
            .map_or(file, |rest| rest.trim_start_matches('/'))
    }
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
