//! Blocks of registers that interrupt, as often as they can.

use libtock::berth_exposure::DESCRIPTION_MAX;
use libtock::berth_exposure::interrupt::Capture;
use libtock::wasm_host::interrupts::{self, Records};
use libtock::{ErrorCode, wasm_host};

/// Registers of a block and what makes it interrupt: CMSDK timer, CMSDK UART (received bytes, too), PL022.
const START: [(&str, &[(u16, u32)]); 3] = [
    ("timer", &[(0x8, 249), (0x0, 0b1001)]),
    ("uart", &[(0x10, 16), (0x8, 0xf)]),
    ("spi", &[(0x4, 0b10), (0x14, 0b1000)]),
];

/// What is captured, twice, at each.
const FIRST: Capture = Capture {
    offset: 0,
    bytes: 4,
};

/// Blocks that interrupt.
pub struct Interrupting {
    handles: [u16; 16],
    /// How many they are.
    pub count: usize,
    /// How many interrupts they have.
    pub registered: u32,
}

impl Interrupting {
    /// Claims with `tag` all that this board has, lends `records`, and starts them.
    ///
    /// # Errors
    ///
    /// Those of the driver of containers.
    pub fn start<const BYTES: usize>(
        tag: u32,
        records: &'static Records<BYTES>,
    ) -> Result<Self, ErrorCode> {
        records.lend()?;
        let mut all = Self {
            handles: [0; 16],
            count: 0,
            registered: 0,
        };
        for index in 0..wasm_host::count()? {
            let mut record = [0; DESCRIPTION_MAX];
            let block = wasm_host::describe(index, &mut record)?;
            let start = START.iter().find(|(kind, _)| block.label.starts_with(kind));
            let Some((_, writes)) = start else {
                continue;
            };
            let handle = wasm_host::claim(tag, block.label)?.handle;
            for number in 0..block.interrupts {
                let done = records.register(handle, number.into(), number, &[FIRST; 2]);
                all.registered += u32::from(done.is_ok());
            }
            for (register, value) in *writes {
                wasm_host::write32(handle, *register, *value)?;
            }
            if let Some(place) = all.handles.get_mut(all.count) {
                *place = handle;
                all.count += 1;
            }
        }
        Ok(all)
    }

    /// Opens their lines, and has them interrupt again.
    pub fn again(&self) {
        for interrupt in 0..32 {
            let _ = interrupts::acknowledge(interrupt);
        }
        for handle in self.handles.iter().take(self.count) {
            // A timer goes on; a byte leaves a UART or an SPI.
            let _ = wasm_host::write32(*handle, 0, 0b1001);
        }
    }
}
