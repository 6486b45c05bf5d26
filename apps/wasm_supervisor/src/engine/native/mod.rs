//! Compiled code behind the engine border.
//!
//! Main has a stack of its own, and so has each call beside it: a handler, `_pause`. Compiled code comes back at every host call and
//! when its fuel is used up, so nothing of it is on the supervisor's stack between two calls.
//!
//! Fuel is the containers' (some 15 instructions); compiled code is charged by its length in halfwords, of which some
//! [`HALFWORDS`] take as long.

use alloc::boxed::Box;

use berth_compiler::entry::Direct;
use berth_instance::{Layout, Most};
use berth_protocol::Fault;
use supervisor_native::{Call, Exit, Instance, NoFunction, Stack};

use super::border::{self, Body, Caller, Linked, Returned, State, TABLE, WORDS, Words};
use super::{BlockNumbers, Handler, Host, Limits, LoadError, Step, Stop, link};
use crate::admission::entries::{MAIN, PAUSE, PLACE};
use crate::admission::{HostFunction, Module};

use faults::{INVALID, fault, load_error};

mod faults;

pub use supervisor_native::{Code, Function, SOURCES};

/// Halfwords of code, which is what it is charged by, for each fuel.
const HALFWORDS: i32 = 16;
/// Most fuel that is given at once: nobody waits for so much.
const FUEL_MAX: u64 = 100_000_000;

/// Bytes that are filled with zeros for each fuel.
const FILLED_BYTES: u32 = 64;

/// Type bytes of a signature.
const I32: u8 = 0x7f;
/// Kinds of exports.
const FUNCTION: u8 = 0;
const TABLES: u8 = 1;
const GLOBAL: u8 = 3;

/// A host function, and what it takes.
struct Import<H> {
    linked: Linked<H>,
    /// Type bytes of its parameters.
    parameters: &'static [u8],
}

/// Where main stands.
enum Main {
    /// Not begun, or ended.
    Idle,
    /// It is out of fuel, or waits for what a host function returns.
    Suspended(Call),
}

/// Where the module may be entered, and what else is exported.
struct Entries {
    main: Function,
    pause: Option<Function>,
    /// Where the number of its place is, in bytes below its memory.
    place: Option<u32>,
    /// Number of the table for handlers, and of their type.
    handlers: Option<(u32, u32)>,
}

/// One compiled module of one container.
pub struct Native<H> {
    host: H,
    border: State,
    instance: Instance,
    imports: Box<[Import<H>]>,
    entries: Option<Entries>,
    main: Main,
    /// A stack for calls beside main, if there are handlers.
    spare: Option<Stack>,
    stack_bytes: u32,
    fuel_used: u64,
}

/// How a piece of a call has ended.
enum Ended {
    Returned,
    OutOfFuel,
    Stopped,
    Trapped(Fault),
}

/// A host call under way, for the border.
struct Under<'n, H> {
    host: &'n mut H,
    border: &'n mut State,
    instance: &'n mut Instance,
    call: &'n mut Call,
    handlers: Option<(u32, u32)>,
}

impl<H: Host> Caller<H> for Under<'_, H> {
    fn host(&mut self) -> &mut H {
        self.host
    }

    fn border(&mut self) -> &mut State {
        self.border
    }

    fn fuel(&self) -> u64 {
        u64::try_from(self.call.fuel() / HALFWORDS).unwrap_or(0)
    }

    fn set_fuel(&mut self, fuel: u64) {
        self.call.set_fuel(halfwords(fuel));
    }

    fn memory_and_host(&mut self) -> (&mut [u8], &mut H) {
        (self.instance.memory(), self.host)
    }

    fn handler(&mut self, index: u32) -> Result<Handler, Fault> {
        let (table, of_type) = self.handlers.ok_or(Fault::TableBounds)?;
        let function = self.instance.element(table, index, of_type);
        function.map(Handler::compiled).map_err(|why| match why {
            NoFunction::Outside => Fault::TableBounds,
            NoFunction::Null => Fault::NullCall,
            NoFunction::Signature => Fault::Signature,
        })
    }
}

/// Returns so much fuel as compiled code counts it.
fn halfwords(fuel: u64) -> i32 {
    fuel.min(FUEL_MAX) as i32 * HALFWORDS
}

impl<H: Host> Native<H> {
    /// As [`Engine::load`](super::Engine::load), for the object that was made of the image.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn load(
        image: &[u8],
        code: Code,
        module: &Module<'_>,
        blocks: &BlockNumbers,
        limits: Limits,
        mut host: H,
    ) -> Result<Self, LoadError> {
        let imports = link::link(module, blocks, |function: &HostFunction<'_>, linked| {
            let (parameters, _) = function.signature();
            Some(Import { linked, parameters })
        });
        let imports = imports.ok_or(INVALID)?.into_boxed_slice();
        let most = Most {
            elements: 0,
            memory: u32::MAX,
        };
        let layout = Layout::of(image, most).map_err(load_error)?;
        // The code was made for a memory of exactly this size.
        if u64::from(layout.memory) != module.memory_bytes {
            return Err(INVALID);
        }
        let beside = 4 * layout.words();
        if (layout.memory > 0 || module.grows)
            && !host.may_have_memory(layout.memory as usize, beside, module.grows)
        {
            return Err(LoadError::Trapped(Fault::OutOfMemory));
        }
        let instance = match Instance::new(&layout, code) {
            Ok(instance) => instance,
            Err(error) => {
                host.start_failed(0);
                return Err(load_error(error));
            }
        };
        let mut loaded = Self {
            host,
            border: State::default(),
            entries: entries(&layout, &instance),
            instance,
            imports,
            main: Main::Idle,
            spare: None,
            stack_bytes: limits.stack_bytes,
            fuel_used: 0,
        };
        let start = layout.start.and_then(|index| {
            let of_type = layout.type_number(&[], &[])?;
            loaded.instance.function(index, of_type)
        });
        if let Some(start) = start {
            loaded.start(start, limits.start_fuel)?;
        } else if layout.start.is_some() {
            return Err(INVALID);
        }
        if loaded.entries.is_none() {
            return Err(LoadError::NoMain);
        }
        if limits.handlers {
            loaded.spare = Some(Stack::new(limits.stack_bytes));
        }
        Ok(loaded)
    }

    /// Runs the module's start function with at most `fuel`.
    fn start(&mut self, function: Function, fuel: u64) -> Result<(), LoadError> {
        let step = match fuel {
            // None of its code is to run.
            0 => Step::OutOfFuel,
            _ => self.beside(function, [0; 2], fuel),
        };
        let failed = match step {
            Step::Finished => return Ok(()),
            Step::OutOfFuel => LoadError::Trapped(Fault::StartTooLong),
            Step::Stopped => LoadError::Stopped,
            Step::Trapped(fault) => LoadError::Trapped(fault),
        };
        let used = self.fuel_used;
        self.host.start_failed(used);
        Err(failed)
    }

    /// As [`Engine::call`](super::Engine::call).
    pub fn call(&mut self, fuel: u64) -> Step {
        let stack = Stack::new(self.stack_bytes);
        let main = self.entries.as_ref().map(|entries| entries.main);
        let call = main.and_then(|main| self.instance.call(main, [0; 2], stack));
        match call {
            Some(call) => self.go_on(call, fuel),
            None => Step::Trapped(Fault::Engine),
        }
    }

    /// As [`Engine::resume`](super::Engine::resume).
    pub fn resume(&mut self, fuel: u64, result: Option<i32>) -> Step {
        match core::mem::replace(&mut self.main, Main::Idle) {
            Main::Idle => Step::Trapped(Fault::Engine),
            Main::Suspended(mut call) => {
                match self.border.take_returned() {
                    Some(returned) => answer(&mut call, returned),
                    None => {
                        if let Some(result) = result {
                            call.set_result(0, result as u32);
                        }
                    }
                }
                self.go_on(call, fuel)
            }
        }
    }

    /// Lets main go on.
    fn go_on(&mut self, mut call: Call, fuel: u64) -> Step {
        let ended = self.run(&mut call, fuel);
        match ended {
            Ended::Returned => return Step::Finished,
            Ended::Trapped(fault) => return Step::Trapped(fault),
            Ended::OutOfFuel | Ended::Stopped => {}
        }
        self.main = Main::Suspended(call);
        match ended {
            Ended::Stopped if !self.border.is_cut() => Step::Stopped,
            _ => Step::OutOfFuel,
        }
    }

    /// As [`Engine::exports`](super::Engine::exports), of what is asked for.
    pub fn exports(&self, name: &str) -> bool {
        self.export(name).is_some()
    }

    fn export(&self, name: &str) -> Option<Function> {
        let entries = self.entries.as_ref()?;
        match name {
            MAIN => Some(entries.main),
            PAUSE => entries.pause,
            _ => None,
        }
    }

    /// As [`Engine::aside`](super::Engine::aside).
    pub fn aside(&mut self, name: &str, fuel: u64) -> Option<Step> {
        let function = self.export(name)?;
        Some(self.beside(function, [0; 2], fuel))
    }

    /// As [`Engine::handle`](super::Engine::handle).
    pub fn handle(&mut self, function: Function, source: u32, count: u32, fuel: u64) -> Step {
        self.beside(function, [source, count], fuel)
    }

    /// Calls a function with a budget, beside main.
    fn beside(&mut self, function: Function, parameters: [u32; 2], fuel: u64) -> Step {
        let is_kept = self.spare.is_some();
        let stack = self.spare.take();
        let stack = stack.unwrap_or_else(|| Stack::new(self.stack_bytes));
        let Some(mut call) = self.instance.call(function, parameters, stack) else {
            return Step::Trapped(Fault::Engine);
        };
        self.border.aside = true;
        let ended = self.run(&mut call, fuel);
        self.border.aside = false;
        let over = self.border.take_over();
        if is_kept {
            self.spare = Some(call.into_stack());
        }
        match ended {
            Ended::Stopped if over => Step::OutOfFuel,
            // Its last host calls were noted and not taken from its fuel yet.
            Ended::Returned if self.fuel_used > fuel => Step::OutOfFuel,
            Ended::Returned => Step::Finished,
            Ended::OutOfFuel => Step::OutOfFuel,
            Ended::Stopped => Step::Stopped,
            Ended::Trapped(fault) => Step::Trapped(fault),
        }
    }

    /// Lets a call go on with `fuel`, and counts what it has used.
    fn run(&mut self, call: &mut Call, fuel: u64) -> Ended {
        let given = halfwords(fuel);
        call.set_fuel(given);
        let ended = loop {
            let exit = self.instance.run(call, self.host.windows());
            if let Some((number, arguments)) = self.instance.take_access() {
                self.note(number, arguments);
            }
            match exit {
                Exit::Returned => break Ended::Returned,
                Exit::Paused => break Ended::OutOfFuel,
                Exit::Host(number) => {
                    if self.host_call(call, number).is_err() {
                        break Ended::Stopped;
                    }
                }
                Exit::MemoryGrow(pages) => self.grow(call, pages),
                // It may always refuse to.
                Exit::TableGrow { .. } => call.set_result(0, u32::MAX),
                Exit::Trapped { reason, .. } => break Ended::Trapped(fault(reason)),
            }
        };
        // What was taken beyond is a debt: it is told, and what comes next is given anew.
        let used = given.saturating_sub(call.fuel());
        let used = u64::try_from(used).unwrap_or(0).div_ceil(HALFWORDS as u64);
        let beyond = self.border.take_fuel() + i64::from(self.host.account().take());
        self.fuel_used = used.saturating_add_signed(beyond);
        ended
    }

    /// Tells the host of the last access that code has made itself, through the imported function `number`.
    fn note(&mut self, number: u32, arguments: [u32; 2]) {
        // Each of these has another number of parameters, and nothing else is accessed so.
        let access = match self.imports.get(number as usize) {
            Some(import) if import.parameters.len() == 2 => Direct::Read,
            Some(import) if import.parameters.len() == 3 => Direct::Write,
            _ => Direct::Modify,
        };
        self.host.accessed(access, arguments);
    }

    /// Lets the memory grow, if it may. All of it is paid at once: code that grows in a loop is paused there.
    fn grow(&mut self, call: &mut Call, pages: u32) {
        self.host.account().charge(border::price::GROWTH);
        let growth = self.instance.growth(pages).filter(|growth| {
            let (bytes, beside) = (growth.bytes as usize, growth.beside as usize);
            // What grows by nothing asks how large it is.
            pages == 0 || self.host.may_have_memory(bytes, beside, true)
        });
        let length = self.instance.memory_now().len();
        let grown = growth.filter(|growth| pages == 0 || self.instance.grow(*growth));
        let filled = self.instance.memory_now().len() - length;
        let owed = self.host.account().take() + filled as u32 / FILLED_BYTES;
        call.set_fuel(call.fuel().saturating_sub(halfwords(owed.into())));
        call.grown(grown.map(|growth| growth.before));
    }

    /// Makes the host call that the code has come back for.
    fn host_call(&mut self, call: &mut Call, number: u32) -> Result<(), Stop> {
        let import = self.imports.get(number as usize).ok_or(Stop)?;
        let linked = import.linked;
        let parameters = import.parameters;
        let mut under = Under {
            host: &mut self.host,
            border: &mut self.border,
            instance: &mut self.instance,
            call,
            handlers: self.entries.as_ref().and_then(|entries| entries.handlers),
        };
        let returned = match linked.body {
            Body::Own(_) => {
                let mut words: Words = [0; WORDS];
                let count: usize = parameters.iter().map(|of_type| words_of(*of_type)).sum();
                for (number, word) in (0..).zip(words.iter_mut().take(count)) {
                    *word = under.call.word(number);
                }
                border::call(&mut under, &linked, &words)?
            }
            Body::Foreign(function) => {
                let mut arguments = link::foreign::Arguments::default();
                let mut number = 0;
                for (argument, of_type) in arguments.iter_mut().zip(parameters) {
                    *argument = under.call.word(number).into();
                    if words_of(*of_type) == 2 {
                        *argument |= u64::from(under.call.word(number + 1)) << 32;
                    }
                    number += words_of(*of_type) as u32;
                }
                let word = border::call_foreign(&mut under, &linked, function, &arguments)?;
                Returned::Word(word)
            }
        };
        answer(call, returned);
        Ok(())
    }

    /// As [`Engine::fuel_used`](super::Engine::fuel_used).
    pub const fn fuel_used(&self) -> u64 {
        self.fuel_used
    }

    /// As [`Engine::host`](super::Engine::host).
    pub const fn host(&mut self) -> &mut H {
        &mut self.host
    }

    /// As [`Engine::memory`](super::Engine::memory).
    pub fn memory(&mut self) -> &mut [u8] {
        self.instance.memory()
    }

    /// As [`Engine::memory_now`](super::Engine::memory_now).
    pub fn memory_now(&self) -> &[u8] {
        self.instance.memory_now()
    }

    /// As [`Engine::place`](super::Engine::place).
    pub fn place(&self) -> Option<u32> {
        let place = self.entries.as_ref()?.place?;
        let number = self.instance.below(place)?;
        (number > 0 && number <= i32::MAX as u32).then_some(number)
    }
}

/// Finds what a module exports; `None` if it has no main of the right type.
fn entries(layout: &Layout<'_>, instance: &Instance) -> Option<Entries> {
    let nothing = layout.type_number(&[], &[]);
    let function = |name| instance.function(layout.export(name, FUNCTION)?, nothing?);
    let place = layout.export(PLACE, GLOBAL);
    let place = place.and_then(|index| layout.global(index).ok());
    let table = layout.export(TABLE, TABLES);
    // A module without functions of that type has no handler, whatever is in its table.
    let handler = layout.type_number(&[I32, I32], &[]).unwrap_or(u32::MAX);
    Some(Entries {
        main: function(MAIN)?,
        pause: function(PAUSE),
        place: place
            .filter(|(_, kind)| kind.words() == 1)
            .map(|(at, _)| at),
        handlers: table.map(|table| (table, handler)),
    })
}

/// Words of a parameter of this type.
const fn words_of(of_type: u8) -> usize {
    const I64: u8 = 0x7e;
    const F64: u8 = 0x7c;
    if matches!(of_type, I64 | F64) { 2 } else { 1 }
}

/// Hands in what a host call has returned.
fn answer(call: &mut Call, returned: Returned) {
    match returned {
        Returned::Nothing => {}
        Returned::Word(word) => call.set_result(0, word),
        Returned::Long(long) => {
            call.set_result(0, long as u32);
            call.set_result(1, (long >> 32) as u32);
        }
    }
}
