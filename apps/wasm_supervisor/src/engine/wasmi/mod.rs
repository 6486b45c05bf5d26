//! wasmi behind the engine border.

use wasmi::errors::{ErrorKind, InstantiationError, MemoryError, TableError};
use wasmi::{
    Engine as WasmiEngine, Error, Instance, Memory, Module as WasmiModule, ResourceLimiter, Store,
    TrapCode, TypedFunc, TypedResumableCall, TypedResumableCallHostTrap,
    TypedResumableCallOutOfFuel, Val,
};

use wasmi_core::LimiterError;

use berth_protocol::Fault;

use super::{BlockNumbers, Engine, Host, Limits, LoadError, Step, border, config, link};
use crate::admission::Module;
use crate::admission::entries::{MAIN, MEMORY, PLACE};
use crate::admission::module::most;

mod import;
mod scratch;

/// What the store carries for its host functions.
struct Data<H> {
    host: H,
    memory: Option<Memory>,
    /// The module has a `memory.grow`.
    memory_grows: bool,
    border: border::State,
}

impl<H: Host> ResourceLimiter for Data<H> {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        // What is made at the beginning is a part of loading.
        if current > 0 {
            self.host.account().charge(border::price::GROWTH);
        }
        Ok(self.host.may_have_memory(desired, 0, self.memory_grows))
    }

    // Each table may become as large as all of them may be at the start.
    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        Ok(desired as u64 <= most::TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        8
    }

    fn memories(&self) -> usize {
        1
    }
}

/// A function that handles interrupts. Only a number: it means nothing outside its store.
pub type Function = TypedFunc<(u32, u32), ()>;

/// Where main stands.
enum Main {
    /// Not begun, ended, or just being executed.
    Idle,
    OutOfFuel(TypedResumableCallOutOfFuel<()>),
    Stopped(TypedResumableCallHostTrap<()>),
}

/// One module in one store of one wasmi engine.
pub struct Wasmi<H> {
    // Before the store: it refers to code of the engine.
    call: Main,
    store: Store<Data<H>>,
    /// For its exports. Kept instead of main itself: it is smaller.
    instance: Instance,
    fuel_used: u64,
}

impl<H: Host + 'static> Engine<H> for Wasmi<H> {
    type Handler = Function;

    fn load(
        image: &[u8],
        module: &Module<'_>,
        blocks: &BlockNumbers,
        limits: Limits,
        host: H,
    ) -> Result<Self, LoadError> {
        let stacks = if limits.handlers {
            config::HANDLER_STACKS
        } else {
            0
        };
        let mut config = config::config(limits.stack_bytes as usize);
        config.set_max_cached_stacks(stacks);
        let engine = WasmiEngine::new(&config);
        let data = Data {
            host,
            memory: None,
            memory_grows: module.grows,
            border: border::State::default(),
        };
        let mut store = Store::new(&engine, data);
        store.limiter(|data| data);
        // Fails only where fuel is off.
        let _ = store.set_fuel(limits.start_fuel);
        store.data_mut().border.aside = true;
        // What stays comes before what compiling needs for a moment: less room
        // is lost between blocks (docs/memory.md).
        let externs = link::link(module, blocks, |function, linked| {
            import::import(&mut store, function, linked)
        })
        .ok_or(LoadError::Invalid { offset: 0 })?;
        let compiled = WasmiModule::new(&engine, image).map_err(|error| load_error(&error))?;
        scratch::release(&engine, module.functions);
        let instance = match Instance::new(&mut store, &compiled, &externs) {
            Ok(instance) => instance,
            Err(error) => {
                let fuel = fuel_used(&mut store, limits.start_fuel);
                let data = store.data_mut();
                data.host.start_failed(fuel);
                return Err(match data.border.take_over() {
                    true => LoadError::Trapped(Fault::StartTooLong),
                    false => load_error(&error),
                });
            }
        };
        store.data_mut().border.aside = false;
        store.data_mut().memory = instance.get_memory(&store, MEMORY);
        let mut loaded = Self {
            call: Main::Idle,
            store,
            instance,
            fuel_used: 0,
        };
        loaded.count_fuel(limits.start_fuel);
        if loaded.fuel_used > limits.start_fuel {
            let fuel = loaded.fuel_used;
            loaded.host().start_failed(fuel);
            return Err(LoadError::Trapped(Fault::StartTooLong));
        }
        match loaded.export(MAIN) {
            Some(_) => Ok(loaded),
            None => Err(LoadError::NoMain),
        }
    }

    fn validate(image: &[u8]) -> Result<(), LoadError> {
        WasmiModule::new(&config::engine(), image)
            .map(|_| ())
            .map_err(|error| load_error(&error))
    }

    fn call(&mut self, fuel: u64) -> Step {
        let Some(main) = self.export(MAIN) else {
            return Step::Trapped(Fault::Engine);
        };
        let result = self.enter(main, fuel);
        self.after(fuel, result)
    }

    fn resume(&mut self, fuel: u64, result: Option<i32>) -> Step {
        let (fuel, result) = match core::mem::replace(&mut self.call, Main::Idle) {
            Main::Idle => return Step::Trapped(Fault::Engine),
            Main::OutOfFuel(call) => {
                let fuel = fuel.max(call.required_fuel());
                let _ = self.store.set_fuel(fuel);
                (fuel, call.resume(&mut self.store))
            }
            Main::Stopped(call) => {
                let _ = self.store.set_fuel(fuel);
                let result = match self.store.data_mut().border.take_returned() {
                    Some(returned) => import::value(returned),
                    None => result.map(Val::I32),
                };
                (fuel, call.resume(&mut self.store, result.as_slice()))
            }
        };
        self.after(fuel, result)
    }

    fn exports(&self, name: &str) -> bool {
        self.export(name).is_some()
    }

    fn aside(&mut self, name: &str, fuel: u64) -> Option<Step> {
        let function = self.export(name)?;
        self.store.data_mut().border.aside = true;
        let result = self.enter(function, fuel);
        self.count_fuel(fuel);
        // A suspended call that is dropped leaves nothing behind.
        Some(self.leave_aside(
            fuel,
            match result {
                Ok(TypedResumableCall::Finished(())) => Step::Finished,
                Ok(TypedResumableCall::OutOfFuel(_)) => Step::OutOfFuel,
                Ok(TypedResumableCall::HostTrap(_)) => Step::Stopped,
                Err(error) => Step::Trapped(fault(&error)),
            },
        ))
    }

    fn handle(&mut self, function: Function, source: u32, count: u32, fuel: u64) -> Step {
        let _ = self.store.set_fuel(fuel);
        self.store.data_mut().border.aside = true;
        let result = function.call(&mut self.store, (source, count));
        self.count_fuel(fuel);
        let step = match result {
            Ok(()) => Step::Finished,
            Err(error) => match (error.kind(), error.as_trap_code()) {
                (ErrorKind::Host(_), _) => Step::Stopped,
                (_, Some(TrapCode::OutOfFuel)) => Step::OutOfFuel,
                _ => Step::Trapped(fault(&error)),
            },
        };
        self.leave_aside(fuel, step)
    }

    fn fuel_used(&self) -> u64 {
        self.fuel_used
    }

    fn host(&mut self) -> &mut H {
        &mut self.store.data_mut().host
    }

    fn memory(&mut self) -> &mut [u8] {
        match self.store.data().memory {
            Some(memory) => memory.data_mut(&mut self.store),
            None => &mut [],
        }
    }

    fn memory_now(&self) -> &[u8] {
        match self.store.data().memory {
            Some(memory) => memory.data(&self.store),
            None => &[],
        }
    }

    fn place(&self) -> Option<u32> {
        let global = self.instance.get_global(&self.store, PLACE)?;
        match global.get(&self.store) {
            Val::I32(place) => u32::try_from(place).ok().filter(|place| *place > 0),
            _ => None,
        }
    }
}

impl<H: Host + 'static> Wasmi<H> {
    fn export(&self, name: &str) -> Option<TypedFunc<(), ()>> {
        self.instance.get_typed_func(&self.store, name).ok()
    }

    fn enter(
        &mut self,
        function: TypedFunc<(), ()>,
        fuel: u64,
    ) -> Result<TypedResumableCall<()>, Error> {
        let _ = self.store.set_fuel(fuel);
        function.call_resumable(&mut self.store, ())
    }

    /// What had a budget of `given` fuel has ended with `step`. Returns how, the budget considered.
    fn leave_aside(&mut self, given: u64, step: Step) -> Step {
        let border = &mut self.store.data_mut().border;
        border.aside = false;
        let over = border.take_over();
        match step {
            Step::Stopped if over => Step::OutOfFuel,
            // Its last host calls were noted and not taken from its fuel yet.
            Step::Finished if self.fuel_used > given => Step::OutOfFuel,
            step => step,
        }
    }

    fn count_fuel(&mut self, given: u64) {
        self.fuel_used = fuel_used(&mut self.store, given);
    }

    fn after(&mut self, given: u64, result: Result<TypedResumableCall<()>, Error>) -> Step {
        self.count_fuel(given);
        match result {
            Ok(TypedResumableCall::Finished(())) => Step::Finished,
            Ok(TypedResumableCall::OutOfFuel(call)) => {
                self.call = Main::OutOfFuel(call);
                Step::OutOfFuel
            }
            Ok(TypedResumableCall::HostTrap(call)) => {
                self.call = Main::Stopped(call);
                if self.store.data().border.is_cut() {
                    Step::OutOfFuel
                } else {
                    Step::Stopped
                }
            }
            Err(error) => Step::Trapped(fault(&error)),
        }
    }
}

/// Returns the fuel that was used by the last step, which was `given` so much.
fn fuel_used<H: Host>(store: &mut Store<Data<H>>, given: u64) -> u64 {
    let left = store.get_fuel().unwrap_or(0);
    let data = store.data_mut();
    let beyond = data.border.take_fuel() + i64::from(data.host.account().take());
    given.saturating_sub(left).saturating_add_signed(beyond)
}

fn fault(error: &Error) -> Fault {
    // The one end of an instruction that the engine does not call a trap.
    if matches!(error.kind(), ErrorKind::Table(TableError::CopyOutOfBounds)) {
        return Fault::TableBounds;
    }
    match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => Fault::Unreachable,
        Some(TrapCode::MemoryOutOfBounds) => Fault::MemoryBounds,
        Some(TrapCode::TableOutOfBounds) => Fault::TableBounds,
        Some(TrapCode::IndirectCallToNull) => Fault::NullCall,
        Some(TrapCode::BadSignature) => Fault::Signature,
        Some(TrapCode::IntegerDivisionByZero) => Fault::DivisionByZero,
        Some(TrapCode::IntegerOverflow) => Fault::IntegerOverflow,
        Some(TrapCode::BadConversionToInteger) => Fault::Conversion,
        Some(TrapCode::StackOverflow) => Fault::StackOverflow,
        Some(TrapCode::OutOfFuel | TrapCode::GrowthOperationLimited) | None => Fault::Engine,
    }
}

fn load_error(error: &Error) -> LoadError {
    match error.kind() {
        ErrorKind::Wasm(error) => LoadError::Invalid {
            offset: u32::try_from(error.offset()).unwrap_or(u32::MAX),
        },
        ErrorKind::Host(_) => LoadError::Stopped,
        ErrorKind::Memory(
            MemoryError::OutOfSystemMemory | MemoryError::ResourceLimiterDeniedAllocation,
        )
        | ErrorKind::Table(TableError::OutOfSystemMemory)
        | ErrorKind::Instantiation(
            InstantiationError::FailedToInstantiateMemory(_)
            | InstantiationError::FailedToInstantiateTable(_),
        ) => LoadError::Trapped(Fault::OutOfMemory),
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            LoadError::Trapped(Fault::TableBounds)
        }
        ErrorKind::Instantiation(_)
        | ErrorKind::Read(_)
        | ErrorKind::Translation(_)
        | ErrorKind::Limits(_)
        | ErrorKind::Ir(_) => LoadError::Invalid { offset: 0 },
        _ => match error.as_trap_code() {
            // Fuel is given for the start function only.
            Some(TrapCode::OutOfFuel) => LoadError::Trapped(Fault::StartTooLong),
            _ => LoadError::Trapped(fault(error)),
        },
    }
}
