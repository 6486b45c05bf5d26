//! Which address each access of a module may have.
//!
//! Bounds of all numbers are followed through locals, globals, calls and results, until nothing new is learned. What is kept in
//! memory is one thing: once a window's address was put there, whatever is read may be one.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::Operator;

use super::access::Access;
use super::facts::{Facts, Step};
use super::value::Value;
use super::windows::Windows;
use crate::sections::is_comparison;

/// Rounds after which a bound that still moves is given up.
const ROUNDS: u32 = 3;

/// The value of an access's address, without the offset in the instruction; by function (of those defined) and step.
pub(crate) type Reached = BTreeMap<(usize, usize), Value>;

/// What is known of the module as a whole.
struct Flow<'a> {
    facts: &'a Facts<'a>,
    windows: &'a Windows,
    /// Parameters of each function that is defined; `None`: nobody calls it.
    parameters: Vec<Option<Vec<Value>>>,
    /// Results of each; `None`: it has not returned yet.
    results: Vec<Option<Vec<Value>>>,
    globals: Vec<Value>,
    /// A window's address may be in memory.
    memory: bool,
    /// By how many bits a constant of the module is shifted to be a window's address.
    shifts: BTreeSet<u32>,
    changed: bool,
    round: u32,
    reached: Reached,
}

/// Follows all numbers.
pub(crate) fn reached(facts: &Facts<'_>, windows: &Windows) -> Reached {
    let count = facts.functions.len();
    let outside = |number: usize| {
        let index = facts.imported() + number as u32;
        facts.known_outside.contains(&index)
    };
    let mut flow = Flow {
        facts,
        windows,
        parameters: (0..count)
            .map(|number| {
                let function = facts.functions.get(number)?;
                outside(number).then(|| vec![Value::ANY; function.parameters])
            })
            .collect(),
        results: vec![None; count],
        globals: facts
            .globals
            .iter()
            .map(|value| value.map_or(Value::ANY, |value| Value::constant(value, windows)))
            .collect(),
        memory: facts
            .words
            .iter()
            .any(|word| windows.meet((*word).into(), u64::from(*word) + 1)),
        shifts: shifts(facts, windows),
        changed: true,
        round: 0,
        reached: Reached::new(),
    };
    while core::mem::take(&mut flow.changed) {
        for number in 0..count {
            flow.function(number);
        }
        flow.round += 1;
    }
    flow.reached
}

/// What [`Windows::shifts`] says of all constants.
fn shifts(facts: &Facts<'_>, windows: &Windows) -> BTreeSet<u32> {
    let steps = facts
        .functions
        .iter()
        .flat_map(|function| &function.steps)
        .filter_map(|step| match step.operator {
            Operator::I32Const { value } => Some(value as u32),
            _ => None,
        });
    let words = facts.words.iter().copied();
    steps
        .chain(words)
        .flat_map(|number| windows.shifts(number))
        .collect()
}

#[derive(Clone, PartialEq)]
struct State {
    stack: Vec<Value>,
    locals: Vec<Value>,
}

struct Frame {
    /// Step of the loop, if it is one.
    head: Option<usize>,
    height: usize,
    parameters: usize,
    results: usize,
    /// What arrives behind it.
    exit: Option<State>,
    /// What its other branch begins with.
    otherwise: Option<State>,
}

impl Flow<'_> {
    fn join(&mut self, old: &mut [Value], new: &[Value], widen: bool) {
        for (old, new) in old.iter_mut().zip(new) {
            let both = if widen {
                old.widened(*new)
            } else {
                old.or(*new)
            };
            self.changed |= both != *old;
            *old = both;
        }
    }

    /// Whether a number that is not known is shifted as one of the module's constants has to be to become a window's address.
    fn composes(&self, operator: &Operator<'_>, left: Value, right: Value) -> bool {
        let bits = match operator {
            Operator::I32Shl if right.is_constant() => right.least & 31,
            Operator::I32Mul if right.least.is_power_of_two() => right.least.trailing_zeros(),
            _ => return false,
        };
        right.is_constant() && !left.is_constant() && self.shifts.contains(&bits)
    }

    fn call(&mut self, index: u32, arguments: &[Value]) -> Option<Vec<Value>> {
        let Some(number) = index.checked_sub(self.facts.imported()) else {
            let (_, results) = self.facts.type_of(index).unwrap_or((0, 0));
            return Some(vec![Value::ANY; results]);
        };
        let number = number as usize;
        let widen = self.round > ROUNDS;
        match self.parameters.get_mut(number).map(Option::take) {
            Some(Some(mut known)) => {
                self.join(&mut known, arguments, widen);
                if let Some(place) = self.parameters.get_mut(number) {
                    *place = Some(known);
                }
            }
            Some(None) => {
                self.changed = true;
                if let Some(place) = self.parameters.get_mut(number) {
                    *place = Some(arguments.to_vec());
                }
            }
            None => {}
        }
        self.results.get(number).cloned().flatten()
    }

    /// A call through a table reaches whatever function of this type somebody outside knows.
    fn call_indirect(&mut self, ty: u32, arguments: &[Value]) -> Vec<Value> {
        let facts = self.facts;
        let parameters = facts.types.get(ty as usize).copied();
        let (_, results) = parameters.unwrap_or((0, 0));
        let mut all = vec![Value::ANY; results];
        for index in &facts.known_outside {
            if facts.type_of(*index) == parameters
                && let Some(results) = self.call(*index, arguments)
            {
                for (all, result) in all.iter_mut().zip(results) {
                    *all = all.or(result);
                }
            }
        }
        all
    }

    fn returns(&mut self, number: usize, results: &[Value]) {
        let widen = self.round > ROUNDS;
        let old = self.results.get_mut(number).map(Option::take);
        let new = match old {
            Some(Some(mut known)) => {
                self.join(&mut known, results, widen);
                known
            }
            _ => {
                self.changed = true;
                results.to_vec()
            }
        };
        if let Some(place) = self.results.get_mut(number) {
            *place = Some(new);
        }
    }

    fn function(&mut self, number: usize) {
        let Some(function) = self.facts.functions.get(number) else {
            return;
        };
        let Some(mut locals) = self.parameters.get(number).cloned().flatten() else {
            return;
        };
        // Variables begin as zero.
        locals.resize(function.locals, Value::between(0, 0));
        let mut heads: BTreeMap<usize, State> = BTreeMap::new();
        loop {
            let mut walk = Walk {
                number,
                state: Some(State {
                    stack: Vec::new(),
                    locals: locals.clone(),
                }),
                frames: vec![Frame {
                    head: None,
                    height: 0,
                    parameters: 0,
                    results: function.results,
                    exit: None,
                    otherwise: None,
                }],
                heads: &mut heads,
                moved: false,
            };
            for (place, step) in function.steps.iter().enumerate() {
                walk.step(self, place, step);
            }
            if !walk.moved {
                return;
            }
        }
    }
}

/// One walk through one function.
struct Walk<'a> {
    number: usize,
    /// `None` where nothing arrives.
    state: Option<State>,
    frames: Vec<Frame>,
    heads: &'a mut BTreeMap<usize, State>,
    /// More arrives at the head of a loop than was known.
    moved: bool,
}

impl Walk<'_> {
    fn pop(&mut self) -> Value {
        self.state
            .as_mut()
            .and_then(|state| state.stack.pop())
            .unwrap_or(Value::ANY)
    }

    fn push(&mut self, value: Value) {
        if let Some(state) = &mut self.state {
            state.stack.push(value);
        }
    }

    fn take(&mut self, count: usize) -> Vec<Value> {
        match &mut self.state {
            Some(state) => state
                .stack
                .split_off(state.stack.len().saturating_sub(count)),
            None => Vec::new(),
        }
    }

    /// What is handed on to a label that takes `count` values, with the stack as it was before its block.
    fn trimmed(&self, height: usize, count: usize) -> Option<State> {
        let mut state = self.state.clone()?;
        let handed = state
            .stack
            .split_off(state.stack.len().saturating_sub(count));
        state.stack.truncate(height);
        state.stack.extend(handed);
        Some(state)
    }

    fn branch(&mut self, flow: &mut Flow<'_>, depth: u32) {
        let Some(at) = self.frames.len().checked_sub(1 + depth as usize) else {
            return;
        };
        let Some(frame) = self.frames.get(at) else {
            return;
        };
        let count = match frame.head {
            Some(_) => frame.parameters,
            None => frame.results,
        };
        let head = frame.head;
        let Some(state) = self.trimmed(frame.height, count) else {
            return;
        };
        if at == 0 {
            return flow.returns(self.number, &state.stack);
        }
        match head {
            Some(head) => {
                let known = self.heads.get(&head);
                let both = known.map_or(state.clone(), |known| merged(known, &state, true));
                if Some(&both) != known {
                    self.moved = true;
                    self.heads.insert(head, both);
                }
            }
            None => self.leave(at, &state),
        }
    }

    fn leave(&mut self, at: usize, state: &State) {
        if let Some(frame) = self.frames.get_mut(at) {
            frame.exit = Some(match &frame.exit {
                Some(exit) => merged(exit, state, false),
                None => state.clone(),
            });
        }
    }

    fn enter(&mut self, step: &Step<'_>, head: Option<usize>, results: usize) {
        let parameters = step.gives;
        let height = self
            .state
            .as_ref()
            .map_or(0, |state| state.stack.len().saturating_sub(parameters));
        self.frames.push(Frame {
            head,
            height,
            parameters,
            results,
            exit: None,
            otherwise: None,
        });
    }

    fn step(&mut self, flow: &mut Flow<'_>, place: usize, step: &Step<'_>) {
        use Operator as O;
        match &step.operator {
            O::Block { blockty } => self.enter(step, None, results(flow, *blockty)),
            O::Loop { blockty } => {
                if let Some(state) = &mut self.state {
                    if let Some(known) = self.heads.get(&place) {
                        *state = merged(known, state, false);
                    }
                    self.heads.insert(place, state.clone());
                }
                self.enter(step, Some(place), results(flow, *blockty));
            }
            O::If { blockty } => {
                self.pop();
                self.enter(step, None, results(flow, *blockty));
                let state = self.state.clone();
                if let Some(frame) = self.frames.last_mut() {
                    frame.otherwise = state;
                }
            }
            O::Else => {
                self.fall_out();
                self.state = self
                    .frames
                    .last_mut()
                    .and_then(|frame| frame.otherwise.take());
            }
            O::End => {
                let is_loop = self.frames.last().is_some_and(|frame| frame.head.is_some());
                if self.frames.len() == 1 {
                    self.branch(flow, 0);
                } else if !is_loop {
                    self.fall_out();
                    // An `if` without its other branch hands on what it got.
                    if let Some(otherwise) = self.frames.last_mut().and_then(|f| f.otherwise.take())
                    {
                        self.leave(self.frames.len() - 1, &otherwise);
                    }
                    self.state = self.frames.last_mut().and_then(|frame| frame.exit.take());
                }
                self.frames.pop();
            }
            _ if self.state.is_none() => {}
            O::Br { relative_depth } => {
                self.branch(flow, *relative_depth);
                self.state = None;
            }
            O::BrIf { relative_depth } => {
                self.pop();
                self.branch(flow, *relative_depth);
            }
            O::BrTable { targets } => {
                self.pop();
                for target in targets.targets().flatten().chain([targets.default()]) {
                    self.branch(flow, target);
                }
                self.state = None;
            }
            O::Return => {
                self.branch(flow, self.frames.len() as u32 - 1);
                self.state = None;
            }
            O::Unreachable => self.state = None,
            O::Call { function_index } => {
                let arguments = self.take(step.takes);
                match flow.call(*function_index, &arguments) {
                    Some(results) => results.into_iter().for_each(|value| self.push(value)),
                    None => self.state = None,
                }
            }
            O::CallIndirect { type_index, .. } => {
                self.pop();
                let arguments = self.take(step.takes - 1);
                let results = flow.call_indirect(*type_index, &arguments);
                results.into_iter().for_each(|value| self.push(value));
            }
            O::ReturnCall { function_index } => {
                let arguments = self.take(step.takes);
                if let Some(results) = flow.call(*function_index, &arguments) {
                    flow.returns(self.number, &results);
                }
                self.state = None;
            }
            O::ReturnCallIndirect { type_index, .. } => {
                self.pop();
                let arguments = self.take(step.takes - 1);
                let results = flow.call_indirect(*type_index, &arguments);
                flow.returns(self.number, &results);
                self.state = None;
            }
            other => self.plain(flow, place, step, other),
        }
    }

    /// The end of a block, or of a branch of it.
    fn fall_out(&mut self) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        if let Some(state) = self.trimmed(frame.height, frame.results) {
            self.leave(self.frames.len() - 1, &state);
        }
    }

    fn local(&mut self, index: u32) -> Option<&mut Value> {
        self.state.as_mut()?.locals.get_mut(index as usize)
    }

    /// Instructions after which the next one comes.
    fn plain(
        &mut self,
        flow: &mut Flow<'_>,
        place: usize,
        step: &Step<'_>,
        operator: &Operator<'_>,
    ) {
        use Operator as O;
        if let Some(access) = Access::of(operator) {
            let stored = access.is_store().then(|| self.pop());
            let address = self.pop();
            flow.reached.insert((self.number, place), address);
            match stored {
                Some(value) if value.is_address && !flow.memory => {
                    flow.memory = true;
                    flow.changed = true;
                }
                Some(_) => {}
                None => self.push(access.loaded(flow.memory)),
            }
            return;
        }
        match operator {
            O::I32Const { value } => self.push(Value::constant(*value as u32, flow.windows)),
            O::I64Const { value } => {
                let halves = [*value as u32, (*value >> 32) as u32];
                let is_address = halves
                    .iter()
                    .any(|half| Value::constant(*half, flow.windows).is_address);
                self.push(Value::made_of(is_address));
            }
            O::LocalGet { local_index } => {
                let value = self.local(*local_index).copied().unwrap_or(Value::ANY);
                self.push(value);
            }
            O::LocalSet { local_index } | O::LocalTee { local_index } => {
                let value = self.pop();
                if let Some(place) = self.local(*local_index) {
                    *place = value;
                }
                if step.gives == 1 {
                    self.push(value);
                }
            }
            O::GlobalGet { global_index } => {
                let value = flow.globals.get(*global_index as usize);
                self.push(value.copied().unwrap_or(Value::ANY));
            }
            O::GlobalSet { global_index } => {
                let value = self.pop();
                let widen = flow.round > ROUNDS;
                if let Some(mut old) = flow.globals.get(*global_index as usize).copied() {
                    flow.join(core::slice::from_mut(&mut old), &[value], widen);
                    if let Some(place) = flow.globals.get_mut(*global_index as usize) {
                        *place = old;
                    }
                }
            }
            O::Select | O::TypedSelect { .. } => {
                self.pop();
                let (right, left) = (self.pop(), self.pop());
                self.push(left.or(right));
            }
            other => {
                let taken = self.take(step.takes);
                let value = match taken[..] {
                    [left, right] => binary(other, left, right),
                    _ => None,
                };
                let composed = match taken[..] {
                    [left, right] => flow.composes(other, left, right),
                    _ => false,
                };
                let value = value.map(|value| Value {
                    is_address: value.is_address
                        || composed
                        || (value.is_constant() && flow.windows.lead(value.least)),
                    ..value
                });
                let is_address = composed || taken.iter().any(|value| value.is_address);
                for _ in 0..step.gives {
                    self.push(value.unwrap_or(Value::made_of(is_address)));
                }
            }
        }
    }
}

/// Both states.
fn merged(old: &State, new: &State, widen: bool) -> State {
    let values = |old: &[Value], new: &[Value]| {
        let pairs = old.iter().zip(new);
        pairs
            .map(|(old, new)| {
                if widen {
                    old.widened(*new)
                } else {
                    old.or(*new)
                }
            })
            .collect()
    };
    State {
        stack: values(&old.stack, &new.stack),
        locals: values(&old.locals, &new.locals),
    }
}

fn results(flow: &Flow<'_>, ty: wasmparser::BlockType) -> usize {
    match ty {
        wasmparser::BlockType::Empty => 0,
        wasmparser::BlockType::Type(_) => 1,
        wasmparser::BlockType::FuncType(index) => {
            flow.facts.types.get(index as usize).map_or(0, |ty| ty.1)
        }
    }
}

/// What an instruction makes of two numbers; `None` where only an address can be told from a number.
fn binary(operator: &Operator<'_>, left: Value, right: Value) -> Option<Value> {
    use Operator as O;
    Some(match operator {
        O::I32Add => left.plus(right),
        O::I32Sub => left.minus(right),
        O::I32And => left.and(right),
        O::I32Or => left.inclusive_or(right),
        O::I32Mul => left.times(right),
        O::I32Shl => left.shifted_left(right),
        O::I32ShrU => left.shifted_right(right),
        O::I32RemU => left.remainder(right),
        O::I32DivU => left.quotient(right),
        compares if is_comparison(compares) => Value::between(0, 1),
        _ => return None,
    })
}
