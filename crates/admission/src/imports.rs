//! Imports of a module and what they mean on this device.

use berth_exposure::{Claim, DESCRIPTION_MAX, Description, Width};
use berth_foreign::{Bus, Device, Foreign};
use berth_protocol::MissingWhy;

use super::reader::Reader;
use super::{Malformed, Module};

/// What a device has for containers, as far as imports are resolved against it.
pub trait Offers {
    /// Describes the exposure at `index`. `None` behind the last one.
    fn describe<'a>(
        &self,
        index: u32,
        buffer: &'a mut [u8; DESCRIPTION_MAX],
    ) -> Option<Description<'a>>;

    /// Returns the number of LEDs.
    fn led_count(&self) -> u32;

    /// Returns whether register programs are carried out.
    fn runs_programs(&self) -> bool;

    /// Returns whether conveyors are attached.
    fn has_conveyors(&self) -> bool;

    /// Returns whether there is this bus.
    fn has_bus(&self, bus: Bus) -> bool;

    /// Returns the number of pins.
    fn pin_count(&self) -> u32;
}

/// One import as it stands in the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import<'a> {
    /// Name of the module imported from.
    pub module: &'a str,
    /// Name of the item.
    pub name: &'a str,
    /// Index of the function type; `None` if it is not a function.
    pub function_type: Option<u32>,
}

/// The imports of a module, in order.
#[derive(Clone, Copy, Debug)]
pub struct Imports<'a> {
    reader: Reader<'a>,
    left: u32,
}

impl<'a> Imports<'a> {
    /// Read the import section; none if there is no section.
    pub(super) fn new(section: Option<Reader<'a>>) -> Self {
        let mut reader = section.unwrap_or(Reader::new(&[], 0));
        let left = if section.is_some() {
            reader.u32().unwrap_or(0)
        } else {
            0
        };
        Self { reader, left }
    }

    /// What follows the imports read so far.
    pub(super) const fn rest(&self) -> Reader<'a> {
        self.reader
    }

    fn import(&mut self) -> Result<Import<'a>, Malformed> {
        let module = self.reader.name()?;
        let name = self.reader.name()?;
        let kind_at = self.reader;
        let function_type = match self.reader.byte()? {
            0 => Some(self.reader.u32()?),
            1 => {
                self.reader.byte()?;
                self.limits()?;
                None
            }
            2 => {
                self.limits()?;
                None
            }
            3 => {
                self.reader.slice(2)?;
                None
            }
            _ => return Err(kind_at.error("unknown kind of import")),
        };
        Ok(Import {
            module,
            name,
            function_type,
        })
    }

    fn limits(&mut self) -> Result<(), Malformed> {
        let flags = self.reader.byte()?;
        self.reader.u64()?;
        if flags & 1 != 0 {
            self.reader.u64()?;
        }
        if flags & 8 != 0 {
            self.reader.u32()?;
        }
        Ok(())
    }
}

impl<'a> Iterator for Imports<'a> {
    type Item = Result<Import<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.import())
    }
}

/// A label of an exposure, as an import names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'a>(pub &'a str);

/// What an import stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostFunction<'a> {
    /// `mmio:<label>.claim() -> handle`
    Claim(Label<'a>),
    /// `irq:<label>.register(number and priority, function, captures, count) -> errno`
    Register(Label<'a>),
    /// `irq:<label>.unregister()`
    Unregister(Label<'a>),
    /// `mmio.read8/16/32(handle, offset) -> value`
    Read(Width),
    /// `mmio.write8/16/32(handle, offset, value)`
    Write(Width),
    /// `mmio.modify32(handle, offset, mask, value)`
    Modify32,
    /// `conveyor:<label>.attach(list, moves, memory, when) -> errno`
    Attach(Label<'a>),
    /// `conveyor:<label>.sync(first, count) -> errno`
    Sync(Label<'a>),
    /// `conveyor:<label>.detach()`
    Detach(Label<'a>),
    /// `program.run(handle, program, length, input, length, output, length) -> output or error`
    Program,
    /// `berth.log(level, pointer, length)`
    Log,
    /// `berth.now_us() -> time`
    NowUs,
    /// `berth.sleep_us(duration)`
    SleepUs,
    /// `berth.yield()`
    Yield,
    /// `berth.exit(code)`
    Exit,
    /// `berth.state_save(pointer, length) -> errno`
    StateSave,
    /// `berth.state_load(pointer, length) -> length`
    StateLoad,
    /// `berth.send(name, name_length, pointer, length) -> errno`
    Send,
    /// `berth.receive(pointer, length, from) -> length`
    Receive,
    /// `berth.config_get(name, name_length, pointer, length) -> length`
    ConfigGet,
    /// `berth.config_changes() -> count`
    ConfigChanges,
    /// `berth.value_get(name, name_length, pointer, length) -> length`
    ValueGet,
    /// `berth.value_set(name, name_length, pointer, length) -> errno, or when to try again`
    ValueSet,
    /// `berth.value_remove(name, name_length) -> errno, or when to try again`
    ValueRemove,
    /// A function of another system.
    Foreign(Foreign),
}

/// Type bytes of a signature.
const I32: u8 = 0x7f;
const I64: u8 = 0x7e;

/// No label yet.
const ANY: Label<'static> = Label("");

/// Every function of this device's own: module, name, and what it stands for. A module that ends in a colon is followed by the
/// label of a block. What is not in here does not exist, so whoever goes through all functions goes through this.
pub static FUNCTIONS: [(&str, &str, HostFunction<'static>); 28] = [
    ("mmio", "read8", HostFunction::Read(Width::Bits8)),
    ("mmio", "read16", HostFunction::Read(Width::Bits16)),
    ("mmio", "read32", HostFunction::Read(Width::Bits32)),
    ("mmio", "write8", HostFunction::Write(Width::Bits8)),
    ("mmio", "write16", HostFunction::Write(Width::Bits16)),
    ("mmio", "write32", HostFunction::Write(Width::Bits32)),
    ("mmio", "modify32", HostFunction::Modify32),
    ("program", "run", HostFunction::Program),
    ("berth", "log", HostFunction::Log),
    ("berth", "now_us", HostFunction::NowUs),
    ("berth", "sleep_us", HostFunction::SleepUs),
    ("berth", "yield", HostFunction::Yield),
    ("berth", "exit", HostFunction::Exit),
    ("berth", "state_save", HostFunction::StateSave),
    ("berth", "state_load", HostFunction::StateLoad),
    ("berth", "send", HostFunction::Send),
    ("berth", "receive", HostFunction::Receive),
    ("berth", "config_get", HostFunction::ConfigGet),
    ("berth", "config_changes", HostFunction::ConfigChanges),
    ("berth", "value_get", HostFunction::ValueGet),
    ("berth", "value_set", HostFunction::ValueSet),
    ("berth", "value_remove", HostFunction::ValueRemove),
    ("mmio:", "claim", HostFunction::Claim(ANY)),
    ("irq:", "register", HostFunction::Register(ANY)),
    ("irq:", "unregister", HostFunction::Unregister(ANY)),
    ("conveyor:", "attach", HostFunction::Attach(ANY)),
    ("conveyor:", "sync", HostFunction::Sync(ANY)),
    ("conveyor:", "detach", HostFunction::Detach(ANY)),
];

impl<'a> HostFunction<'a> {
    /// Which function an import names, whatever the device has.
    ///
    /// # Errors
    ///
    /// If there is no such module or function.
    pub fn named(import: &Import<'a>) -> Result<Self, MissingWhy> {
        let name = import.module;
        let colon = name.bytes().position(|byte| byte == b':');
        let (module, label) = name.split_at(colon.map_or(name.len(), |colon| colon + 1));
        // Few functions have a name of this length, many a module.
        let mut functions = FUNCTIONS.iter();
        if let Some((_, _, function)) = functions
            .find(|(its_module, its_name, _)| *its_name == import.name && *its_module == module)
        {
            return Ok(function.about(Label(label)));
        }
        if FUNCTIONS
            .iter()
            .any(|(its_module, ..)| *its_module == module)
        {
            return Err(MissingWhy::UnknownFunction);
        }
        Foreign::named(name, import.name)
            .ok_or(MissingWhy::UnknownModule)?
            .ok_or(MissingWhy::UnknownFunction)
            .map(Self::Foreign)
    }

    /// Returns this function about the block with this label, if it is about one.
    const fn about(self, label: Label<'a>) -> Self {
        match self {
            Self::Claim(_) => Self::Claim(label),
            Self::Register(_) => Self::Register(label),
            Self::Unregister(_) => Self::Unregister(label),
            Self::Attach(_) => Self::Attach(label),
            Self::Sync(_) => Self::Sync(label),
            Self::Detach(_) => Self::Detach(label),
            other => other,
        }
    }

    /// The label of the block that the container must have claimed for it.
    #[must_use]
    pub const fn label(&self) -> Option<Label<'a>> {
        match self {
            Self::Claim(label)
            | Self::Register(label)
            | Self::Unregister(label)
            | Self::Attach(label)
            | Self::Sync(label)
            | Self::Detach(label) => Some(*label),
            _ => None,
        }
    }

    /// Is it about the conveyor of a block?
    const fn is_about_conveyor(&self) -> bool {
        matches!(self, Self::Attach(_) | Self::Sync(_) | Self::Detach(_))
    }

    /// Does the container pass it addresses in its memory?
    #[must_use]
    pub const fn takes_pointers(&self) -> bool {
        match self {
            Self::Program
            | Self::Log
            | Self::StateSave
            | Self::StateLoad
            | Self::Send
            | Self::Receive
            | Self::ConfigGet
            | Self::ValueGet
            | Self::ValueSet
            | Self::ValueRemove
            | Self::Register(_)
            | Self::Attach(_) => true,
            Self::Foreign(function) => function.takes_pointers(),
            Self::Claim(_)
            | Self::Unregister(_)
            | Self::Sync(_)
            | Self::Detach(_)
            | Self::Read(_)
            | Self::Write(_)
            | Self::Modify32
            | Self::NowUs
            | Self::SleepUs
            | Self::Yield
            | Self::Exit
            | Self::ConfigChanges => false,
        }
    }

    /// Parameters and results it must be imported with, as type bytes.
    #[must_use]
    pub fn signature(&self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Claim(_) | Self::ConfigChanges => (&[], &[I32]),
            Self::Read(_)
            | Self::StateSave
            | Self::StateLoad
            | Self::ValueRemove
            | Self::Sync(_) => (&[I32, I32], &[I32]),
            Self::Write(_) | Self::Log => (&[I32, I32, I32], &[]),
            Self::Modify32 => (&[I32, I32, I32, I32], &[]),
            Self::Send
            | Self::Register(_)
            | Self::ConfigGet
            | Self::ValueGet
            | Self::ValueSet
            | Self::Attach(_) => (&[I32, I32, I32, I32], &[I32]),
            Self::Receive => (&[I32, I32, I32], &[I32]),
            Self::Program => (&[I32; 7], &[I32]),
            Self::NowUs => (&[], &[I64]),
            Self::SleepUs => (&[I64], &[]),
            Self::Yield | Self::Unregister(_) | Self::Detach(_) => (&[], &[]),
            Self::Exit => (&[I32], &[]),
            Self::Foreign(function) => {
                let (parameters, result) = function.signature();
                (parameters, if result { &[I32] } else { &[] })
            }
        }
    }

    /// Has the device to be asked whether it is there, though its block, if it is about one, can be claimed?
    #[must_use]
    pub const fn depends_on_device(&self) -> bool {
        match self {
            Self::Register(_) | Self::Unregister(_) | Self::Program => true,
            Self::Attach(_) | Self::Sync(_) | Self::Detach(_) => true,
            Self::Foreign(function) => function.device().is_some(),
            _ => false,
        }
    }

    /// What `import` of `module` stands for, whatever the device exposes.
    ///
    /// # Errors
    ///
    /// Why it cannot be satisfied on any device.
    pub fn fitting(module: &Module<'a>, import: &Import<'a>) -> Result<Self, MissingWhy> {
        let Some(index) = import.function_type else {
            return Err(MissingWhy::NotAFunction);
        };
        let function = Self::named(import)?;
        if module.function_type(index) != Some(function.signature()) {
            return Err(MissingWhy::Signature);
        }
        Ok(function)
    }

    /// What `import` of `module` stands for on this device.
    ///
    /// # Errors
    ///
    /// Why it cannot be satisfied.
    pub fn resolve<P: Offers>(
        module: &Module<'a>,
        import: &Import<'a>,
        platform: &P,
    ) -> Result<Self, MissingWhy> {
        let function = Self::fitting(module, import)?;
        let device = match function {
            Self::Foreign(function) => function.device(),
            _ => None,
        };
        match function.label() {
            Some(label) if claim_of(platform, &function, label).is_none() => {
                Err(MissingWhy::NotExposed)
            }
            None if device.is_some_and(|device| !has(platform, device)) => {
                Err(MissingWhy::NotExposed)
            }
            None if matches!(function, Self::Program) && !platform.runs_programs() => {
                Err(MissingWhy::NoPrograms)
            }
            Some(_) if function.is_about_conveyor() && !platform.has_conveyors() => {
                Err(MissingWhy::NoConveyors)
            }
            _ => Ok(function),
        }
    }
}

/// Is there this device of the kernel's?
fn has<P: Offers>(platform: &P, device: Device) -> bool {
    match device {
        Device::Led => platform.led_count() != 0,
        Device::Bus(bus) => platform.has_bus(bus),
        Device::Gpio => platform.pin_count() != 0,
    }
}

/// Who has the block of this label; `None` if it is not exposed, or has no interrupts
/// where `function` is about them.
fn claim_of<P: Offers>(
    platform: &P,
    function: &HostFunction<'_>,
    label: Label<'_>,
) -> Option<Claim> {
    let mut buffer = [0; DESCRIPTION_MAX];
    let plain = !matches!(
        function,
        HostFunction::Register(_) | HostFunction::Unregister(_)
    );
    (0..)
        .map_while(|index| {
            platform.describe(index, &mut buffer).map(|exposure| {
                let fits = exposure.label == label.0 && (plain || exposure.interrupts > 0);
                fits.then_some(exposure.claim)
            })
        })
        .find_map(|claim| claim)
}

/// The imports of `module` that this device cannot satisfy, and those it could not now:
/// [`MissingWhy::InUse`], told once for all imports of a label in a row. For a container
/// that holds nothing yet.
pub fn unavailable<'a, P: Offers>(
    module: &Module<'a>,
    platform: P,
    own: u32,
) -> impl Iterator<Item = (Import<'a>, MissingWhy)> {
    let mut told = None;
    module.imports().flatten().filter_map(move |import| {
        let why = match HostFunction::resolve(module, &import, &platform) {
            Err(why) => why,
            Ok(function) => match claim_of(&platform, &function, function.label()?) {
                Some(Claim::Free) => return None,
                Some(Claim::Own(tag)) if tag == own => return None,
                Some(Claim::Own(_) | Claim::Other) => {
                    if told == function.label() {
                        return None;
                    }
                    told = function.label();
                    MissingWhy::InUse
                }
                None => MissingWhy::NotExposed,
            },
        };
        Some((import, why))
    })
}

/// The imports of `module` that this device cannot satisfy.
pub fn missing<'a, P: Offers>(
    module: &Module<'a>,
    platform: P,
) -> impl Iterator<Item = (Import<'a>, MissingWhy)> {
    module.imports().flatten().filter_map(move |import| {
        HostFunction::resolve(module, &import, &platform)
            .err()
            .map(|why| (import, why))
    })
}

impl<O: Offers> Offers for &O {
    fn describe<'a>(
        &self,
        index: u32,
        buffer: &'a mut [u8; DESCRIPTION_MAX],
    ) -> Option<Description<'a>> {
        (**self).describe(index, buffer)
    }

    fn led_count(&self) -> u32 {
        (**self).led_count()
    }

    fn runs_programs(&self) -> bool {
        (**self).runs_programs()
    }

    fn has_conveyors(&self) -> bool {
        (**self).has_conveyors()
    }

    fn has_bus(&self, bus: Bus) -> bool {
        (**self).has_bus(bus)
    }

    fn pin_count(&self) -> u32 {
        (**self).pin_count()
    }
}
