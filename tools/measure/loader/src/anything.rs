//! A device that exposes whatever a module asks for, and on which nothing happens.

use berth_flash::{Flash, FlashError};
use wasm_supervisor::admission::{HostFunction, Module};
use wasm_supervisor::buses::{Bus, Buses};
use wasm_supervisor::conveyors::{Conveyors, Refused};
use wasm_supervisor::interrupts::{Capture, Counters, Interrupts, Registered};
use wasm_supervisor::platform::{
    AccessClass, Claim, Claimed, DESCRIPTION_MAX, Description, DeviceKind, LedAction, PinAction,
    Platform, Refusal, Width,
};
use wasm_supervisor::programs::{Ended, Parts, Pass, Passes, Programs, Work};

/// Bytes of every block: no offset is outside.
const LENGTH: u32 = 0x1_0000;

/// See the module.
pub(crate) struct Anything {
    labels: Vec<String>,
}

impl Anything {
    /// Returns a device with all labels that `image` imports.
    pub(crate) fn of(image: &[u8]) -> Self {
        let mut labels = Vec::new();
        if let Ok(module) = Module::scan(image) {
            let imports = module.imports().flatten();
            let named = imports.filter_map(|import| {
                let function = HostFunction::named(&import).ok()?;
                Some(function.label()?.0.to_owned())
            });
            for label in named {
                if !labels.contains(&label) {
                    labels.push(label);
                }
            }
        }
        Self { labels }
    }
}

/// There is none.
pub(crate) struct NoFlash;

impl Flash for NoFlash {
    fn bytes(&self) -> &[u8] {
        &[]
    }

    fn program(&mut self, _: usize, _: &[u8]) -> Result<(), FlashError> {
        Err(FlashError::Failed)
    }

    fn erase(&mut self, _: usize) -> Result<(), FlashError> {
        Err(FlashError::Failed)
    }
}

impl Interrupts for Anything {
    fn watch(&self, _: u32) {}

    fn waiting(&self) -> u32 {
        0
    }

    fn recorded(&self) -> u32 {
        0
    }

    fn register(&self, _: u16, _: u16, _: u8, _: &[Capture]) -> Result<Registered, u8> {
        Ok(Registered {
            interrupt: 0,
            record: 1,
            opens_us: 0,
        })
    }

    fn unregister(&self, _: u16, _: u16, _: u32) {}

    fn count(&self, _: u32) -> u32 {
        0
    }

    fn value(&self, _: u32, _: usize) -> u32 {
        0
    }

    fn acknowledge(&self, _: u32) -> u32 {
        0
    }

    fn open_line(&self, _: u32) -> u32 {
        0
    }

    fn counters(&self, _: u16, _: u16) -> Counters {
        Counters::default()
    }
}

impl Programs for Anything {
    fn runs_programs(&self) -> bool {
        true
    }

    fn run_program(&self, _: u16, _: Parts<'_>, _: Passes) -> (Result<Pass, Ended>, Work) {
        (Ok(Pass::Done(0)), Work::default())
    }
}

impl Conveyors for Anything {
    fn has_conveyors(&self) -> bool {
        true
    }

    fn attach_conveyor(&self, _: u16, _: &[u8], _: u16) -> Result<(), Refused> {
        Ok(())
    }

    fn sync_conveyor(&self, _: u16, _: (u8, u8), _: u32, _: &mut [u8]) -> Result<u32, Refused> {
        Ok(0)
    }
}

impl Buses for Anything {
    fn has_bus(&self, _: Bus) -> bool {
        true
    }
}

impl Platform for Anything {
    type Flash = NoFlash;

    fn flash(&self) -> Option<NoFlash> {
        None
    }

    fn names(&self) -> (&str, &str) {
        ("", "")
    }

    fn now_us(&self) -> u64 {
        0
    }

    fn turn_ends(&self, _: u64) -> u64 {
        0
    }

    fn receive(&self, _: &mut [u8]) -> usize {
        0
    }

    fn write(&self, _: &[u8]) {}

    fn send_measured(&self, _: &[u8]) -> u64 {
        0
    }

    fn wait(&self, _: Option<u64>) {}

    fn describe<'a>(
        &self,
        index: u32,
        buffer: &'a mut [u8; DESCRIPTION_MAX],
    ) -> Option<Description<'a>> {
        let label = self.labels.get(index as usize)?;
        let place = buffer.get_mut(..label.len())?;
        place.copy_from_slice(label.as_bytes());
        Some(Description {
            length: LENGTH,
            access: AccessClass::Mediated,
            interrupts: u8::MAX,
            mapped: false,
            claim: Claim::Free,
            registers: 0,
            label: core::str::from_utf8(place).ok()?,
        })
    }

    fn restart(&self) {}

    fn claim(&self, _: u32, label: &str) -> Result<Claimed, Refusal> {
        let number = self.labels.iter().position(|known| known == label);
        let number = number.and_then(|number| u16::try_from(number).ok());
        Ok(Claimed {
            handle: number.ok_or(Refusal::NotExposed)?,
            length: LENGTH,
            access: AccessClass::Mediated,
            window: None,
        })
    }

    fn release(&self, _: u16) {}

    fn release_all(&self, _: u32) {}

    fn read(&self, _: Width, _: u16, _: u16) -> Option<u32> {
        Some(0)
    }

    fn write_register(&self, _: Width, _: u16, _: u16, _: u32) -> Option<()> {
        Some(())
    }

    fn modify32(&self, _: u16, _: u16, _: u32, _: u32) -> Option<()> {
        Some(())
    }

    fn led_count(&self) -> u32 {
        u32::MAX
    }

    fn led(&self, _: u32, _: LedAction) -> Result<(), u8> {
        Ok(())
    }

    fn led_is_on(&self, _: u32) -> Option<bool> {
        Some(false)
    }

    fn let_go(&self, _: DeviceKind, _: u32) {}

    fn pin_count(&self) -> u32 {
        u32::MAX
    }

    fn pin(&self, _: u32, _: PinAction) -> Result<(), u8> {
        Ok(())
    }

    fn pin_is_high(&self, _: u32) -> Option<bool> {
        Some(false)
    }
}
