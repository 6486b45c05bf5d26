//! Which functions there are, and their signatures.

use super::tock::Bus;

/// A device of the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Lights.
    Led,
    /// A bus.
    Bus(Bus),
    /// Pins.
    Gpio,
}

/// A function of another system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "named as what they stand for, in TABLE")]
pub enum Foreign {
    Millis,
    Micros,
    Delay,
    PinMode,
    DigitalWrite,
    GetPinLed,
    Print,
    PrintInt,
    PrintDouble,
    PauseTask,
    ResumeTask,
    FreeHeap,
    InitialFreeHeap,
    ArgsGet,
    ArgsSizesGet,
    EnvironGet,
    EnvironSizesGet,
    ClockResGet,
    ClockTimeGet,
    FdClose,
    FdFdstatGet,
    FdRead,
    FdSeek,
    FdWrite,
    PollOneoff,
    ProcExit,
    SchedYield,
    LedCount,
    LedOn,
    LedOff,
    LedToggle,
    LedIsOn,
    SpiConfigure,
    SpiTransfer,
    SpiRead,
    SpiWrite,
    I2cRead,
    I2cWrite,
    I2cWriteRead,
    UartWrite,
    UartRead,
    GpioCount,
    GpioMakeOutput,
    GpioMakeInput,
    GpioSetActive,
    GpioSetInactive,
    GpioToggle,
    GpioIsActive,
    AlarmNow,
    AlarmResolution,
    AlarmWaitFor,
    AlarmWaitUntil,
}

/// All of them, in the order of [`TABLE`].
const ALL: [Foreign; 52] = [
    Foreign::Millis,
    Foreign::Micros,
    Foreign::Delay,
    Foreign::PinMode,
    Foreign::DigitalWrite,
    Foreign::GetPinLed,
    Foreign::Print,
    Foreign::PrintInt,
    Foreign::PrintDouble,
    Foreign::PauseTask,
    Foreign::ResumeTask,
    Foreign::FreeHeap,
    Foreign::InitialFreeHeap,
    Foreign::ArgsGet,
    Foreign::ArgsSizesGet,
    Foreign::EnvironGet,
    Foreign::EnvironSizesGet,
    Foreign::ClockResGet,
    Foreign::ClockTimeGet,
    Foreign::FdClose,
    Foreign::FdFdstatGet,
    Foreign::FdRead,
    Foreign::FdSeek,
    Foreign::FdWrite,
    Foreign::PollOneoff,
    Foreign::ProcExit,
    Foreign::SchedYield,
    Foreign::LedCount,
    Foreign::LedOn,
    Foreign::LedOff,
    Foreign::LedToggle,
    Foreign::LedIsOn,
    Foreign::SpiConfigure,
    Foreign::SpiTransfer,
    Foreign::SpiRead,
    Foreign::SpiWrite,
    Foreign::I2cRead,
    Foreign::I2cWrite,
    Foreign::I2cWriteRead,
    Foreign::UartWrite,
    Foreign::UartRead,
    Foreign::GpioCount,
    Foreign::GpioMakeOutput,
    Foreign::GpioMakeInput,
    Foreign::GpioSetActive,
    Foreign::GpioSetInactive,
    Foreign::GpioToggle,
    Foreign::GpioIsActive,
    Foreign::AlarmNow,
    Foreign::AlarmResolution,
    Foreign::AlarmWaitFor,
    Foreign::AlarmWaitUntil,
];

/// Most parameters of a foreign function.
pub const PARAMETERS_MAX: usize = 5;

/// Modules, ending in `/`, each followed by its functions: name, `=`, parameters, `>` if
/// there is a result (an `i32`). A parameter is its type byte as it stands in a module:
/// `\x7f` is `i32`, `~` is `i64`, `|` is `f64`. Text takes half the flash of a table.
///
/// Sources of the signatures: WASMICO's `bindWasmFunctions` and programs; WASI's
/// `wasi_snapshot_preview1.witx`.
const TABLE: &str = "arduino/ millis=> micros=> delay=\x7f pinMode=\x7f\x7f \
    digitalWrite=\x7f\x7f getPinLED=> print=\x7f\x7f printInt=\x7f printDouble=| \
    pauseTask=\x7f\x7f\x7f resumeTask=\x7f\x7f\x7f> getFreeHeapSize=> getInitialFreeHeapSize=> \
    wasi_snapshot_preview1/ args_get=\x7f\x7f> args_sizes_get=\x7f\x7f> environ_get=\x7f\x7f> \
    environ_sizes_get=\x7f\x7f> clock_res_get=\x7f\x7f> clock_time_get=\x7f~\x7f> \
    fd_close=\x7f> fd_fdstat_get=\x7f\x7f> \
    fd_read=\x7f\x7f\x7f\x7f> fd_seek=\x7f~\x7f\x7f> \
    fd_write=\x7f\x7f\x7f\x7f> poll_oneoff=\x7f\x7f\x7f\x7f> proc_exit=\x7f sched_yield=> \
    tock:led/ count=> on=\x7f> off=\x7f> toggle=\x7f> is_on=\x7f> \
    tock:spi/ configure=\x7f\x7f> transfer=\x7f\x7f\x7f> read=\x7f\x7f> write=\x7f\x7f> \
    tock:i2c/ read=\x7f\x7f\x7f> write=\x7f\x7f\x7f> write_read=\x7f\x7f\x7f\x7f\x7f> \
    tock:uart/ write=\x7f\x7f> read=\x7f\x7f> \
    tock:gpio/ count=> make_output=\x7f> make_input=\x7f\x7f> set_active=\x7f> set_inactive=\x7f> \
    toggle=\x7f> is_active=\x7f> \
    tock:alarm/ now=\x7f> resolution=> wait_for=~ wait_until=~";

/// A word of [`TABLE`]: where it begins, where its `=` stands, where it ends. Found by hand, as
/// the searches of the core library are larger than all of this.
#[derive(Clone, Copy, Default)]
struct Word {
    start: usize,
    middle: usize,
    end: usize,
}

impl Word {
    /// The word that begins at `start`. Returns `None` behind the last.
    fn at(start: usize) -> Option<Self> {
        let mut middle = 0;
        let mut end = start;
        while let Some(byte) = TABLE.as_bytes().get(end)
            && *byte != b' '
        {
            if *byte == b'=' {
                middle = end;
            }
            end += 1;
        }
        (end > start).then_some(Self { start, middle, end })
    }

    const fn is_module(self) -> bool {
        self.middle == 0
    }

    /// Of a function.
    fn name(self) -> &'static str {
        TABLE.get(self.start..self.middle).unwrap_or_default()
    }

    /// Without the `/`.
    fn module(self) -> &'static str {
        TABLE.get(self.start..self.end - 1).unwrap_or_default()
    }

    fn signature(self) -> &'static [u8] {
        let bytes = TABLE.as_bytes();
        bytes.get(self.middle + 1..self.end).unwrap_or_default()
    }
}

/// Where the functions stand in [`TABLE`]: found once, by the compiler, since each call asks for its name.
const WORDS: [[u16; 3]; ALL.len()] = words();

const fn words() -> [[u16; 3]; ALL.len()] {
    let bytes = TABLE.as_bytes();
    let mut words = [[0; 3]; ALL.len()];
    let (mut at, mut number) = (0, 0);
    while at < bytes.len() {
        let start = at;
        let mut middle = 0;
        while at < bytes.len() && bytes[at] != b' ' {
            if bytes[at] == b'=' {
                middle = at;
            }
            at += 1;
        }
        if middle > 0 {
            words[number] = [start as u16, middle as u16, at as u16];
            number += 1;
        }
        at += 1;
    }
    words
}

impl Foreign {
    /// The function `module.name`; `Some(None)` if there is such a module, but no such
    /// function in it.
    #[must_use]
    pub fn named(module: &str, name: &str) -> Option<Option<Self>> {
        let (mut known, mut inside) = (false, false);
        let (mut start, mut number) = (0, 0);
        while let Some(word) = Word::at(start) {
            start = word.end + 1;
            if word.is_module() {
                inside = word.module() == module;
                known |= inside;
                continue;
            }
            if inside && word.name() == name {
                return Some(ALL.get(number).copied());
            }
            number += 1;
        }
        known.then_some(None)
    }

    /// Returns all functions, each with its module and its name.
    pub fn all() -> impl Iterator<Item = (&'static str, &'static str, Self)> {
        let mut module = "";
        let mut start = 0;
        let words = core::iter::from_fn(move || {
            let word = Word::at(start)?;
            start = word.end + 1;
            Some(word)
        });
        words
            .filter_map(move |word| {
                if word.is_module() {
                    module = word.module();
                    return None;
                }
                Some((module, word.name()))
            })
            .zip(ALL)
            .map(|((module, name), function)| (module, name, function))
    }

    fn word(self) -> Word {
        let [start, middle, end] = WORDS
            .get(self as usize)
            .map_or([0; 3], |word| word.map(usize::from));
        Word { start, middle, end }
    }

    /// Type bytes of its parameters, and whether it has a result, an `i32`.
    #[must_use]
    pub fn signature(self) -> (&'static [u8], bool) {
        match self.word().signature() {
            [parameters @ .., b'>'] => (parameters, true),
            parameters => (parameters, false),
        }
    }

    /// Its name, for fault records.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.word().name()
    }

    /// Does the container pass it addresses in its memory?
    #[must_use]
    pub const fn takes_pointers(self) -> bool {
        match self {
            Self::Print | Self::PauseTask | Self::ResumeTask => true,
            Self::FdClose | Self::ProcExit | Self::SchedYield => false,
            Self::SpiTransfer | Self::SpiRead | Self::SpiWrite => true,
            Self::I2cRead | Self::I2cWrite | Self::I2cWriteRead => true,
            Self::UartWrite | Self::UartRead | Self::AlarmNow => true,
            _ => self as u8 >= Self::ArgsGet as u8 && (self as u8) < Self::LedCount as u8,
        }
    }

    /// Returns whose function it is, if it is one of a device that a board may not expose.
    #[must_use]
    pub const fn device(self) -> Option<Device> {
        match self as u8 {
            ..Self::FIRST_LED => None,
            Self::FIRST_LED..Self::FIRST_SPI => Some(Device::Led),
            Self::FIRST_SPI..Self::FIRST_I2C => Some(Device::Bus(Bus::Spi)),
            Self::FIRST_I2C..Self::FIRST_UART => Some(Device::Bus(Bus::I2c)),
            Self::FIRST_UART..Self::FIRST_GPIO => Some(Device::Bus(Bus::UartOut)),
            Self::FIRST_GPIO..Self::FIRST_ALARM => Some(Device::Gpio),
            // Every device has a clock.
            _ => None,
        }
    }

    const FIRST_LED: u8 = Self::LedCount as u8;
    const FIRST_SPI: u8 = Self::SpiConfigure as u8;
    const FIRST_I2C: u8 = Self::I2cRead as u8;
    const FIRST_UART: u8 = Self::UartWrite as u8;
    const FIRST_GPIO: u8 = Self::GpioCount as u8;
    const FIRST_ALARM: u8 = Self::AlarmNow as u8;

    /// Does it wait for a transfer on a bus?
    #[must_use]
    pub const fn transfers(self) -> bool {
        let number = self as u8;
        number > Self::FIRST_SPI && number < Self::FIRST_GPIO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_enum_are_in_the_same_order() {
        assert_eq!(
            TABLE.split(' ').filter(|word| word.contains('=')).count(),
            ALL.len()
        );
        assert_eq!(Foreign::all().count(), ALL.len());
        for (module, name, function) in Foreign::all() {
            assert_eq!(Foreign::named(module, name), Some(Some(function)));
        }
        for (index, function) in ALL.iter().enumerate() {
            assert_eq!(*function as usize, index);
            assert!(function.signature().0.len() <= PARAMETERS_MAX);
        }
        // One of each module, the first and the last.
        for (module, name, function) in [
            ("arduino", "millis", Foreign::Millis),
            ("arduino", "printDouble", Foreign::PrintDouble),
            (
                "arduino",
                "getInitialFreeHeapSize",
                Foreign::InitialFreeHeap,
            ),
            ("wasi_snapshot_preview1", "args_get", Foreign::ArgsGet),
            ("wasi_snapshot_preview1", "fd_write", Foreign::FdWrite),
            ("wasi_snapshot_preview1", "sched_yield", Foreign::SchedYield),
            ("tock:led", "count", Foreign::LedCount),
            ("tock:led", "is_on", Foreign::LedIsOn),
        ] {
            assert_eq!(Foreign::named(module, name), Some(Some(function)), "{name}");
            assert_eq!(function.name(), name);
        }
    }

    #[test]
    fn signatures_are_those_of_the_published_interfaces() {
        let signature = |function: Foreign| function.signature();
        assert_eq!(signature(Foreign::Millis), (&[][..], true));
        assert_eq!(signature(Foreign::PrintDouble), (&[0x7c][..], false));
        assert_eq!(signature(Foreign::ResumeTask), (&[0x7f; 3][..], true));
        assert_eq!(
            signature(Foreign::FdSeek),
            (&[0x7f, 0x7e, 0x7f, 0x7f][..], true)
        );
        assert_eq!(signature(Foreign::ProcExit), (&[0x7f][..], false));
    }

    #[test]
    fn unknown_modules_and_unknown_functions_are_told_apart() {
        assert_eq!(Foreign::named("arduino", "digitalRead"), Some(None));
        assert_eq!(Foreign::named("env", "millis"), None);
        assert_eq!(Foreign::named("tock:led", "millis"), Some(None));
        assert_eq!(Foreign::named("arduino", "fd_write"), Some(None));
        // No source of randomness, no such import.
        let random = Foreign::named("wasi_snapshot_preview1", "random_get");
        assert_eq!(random, Some(None));
        let device = |function: Foreign| function.device();
        assert_eq!(device(Foreign::DigitalWrite), None);
        assert_eq!(device(Foreign::SchedYield), None);
        assert_eq!(device(Foreign::LedCount), Some(Device::Led));
        assert_eq!(device(Foreign::LedIsOn), Some(Device::Led));
        assert_eq!(device(Foreign::SpiConfigure), Some(Device::Bus(Bus::Spi)));
        assert_eq!(device(Foreign::SpiWrite), Some(Device::Bus(Bus::Spi)));
        assert_eq!(device(Foreign::I2cRead), Some(Device::Bus(Bus::I2c)));
        assert_eq!(device(Foreign::I2cWriteRead), Some(Device::Bus(Bus::I2c)));
        let uart = Some(Device::Bus(Bus::UartOut));
        assert_eq!(device(Foreign::UartWrite), uart);
        assert_eq!(device(Foreign::UartRead), uart);
        assert_eq!(device(Foreign::GpioCount), Some(Device::Gpio));
        assert_eq!(device(Foreign::GpioIsActive), Some(Device::Gpio));
        assert_eq!(device(Foreign::AlarmNow), None);
        assert_eq!(device(Foreign::AlarmWaitUntil), None);
    }
}
