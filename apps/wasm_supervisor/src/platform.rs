//! What the supervisor needs of the system it runs on.
//!
//! ```text
//!   supervisor: service, shell, scheduler, host functions
//!   ────────────────────────────── Platform ─────────────
//!   board.rs: libtock      tools/sim: the desk      fake.rs: tests
//! ```
//!
//! One trait, so that everything above it runs in tests on the host.

use berth_flash::Flash;
use berth_protocol::{CodeStatus, Erases, ImageHash};

use crate::admission::Module;
use crate::buses::Buses;
use crate::conveyors::Conveyors;
use crate::engine::Code;
use crate::interrupts::Interrupts;
use crate::programs::Programs;
use crate::window::Window;

pub use berth_foreign::{LedAction, PinAction, Pull};
pub use berth_protocol::Distrust;

pub use berth_exposure::operator::{AGREEMENT_BYTES, Examined, LOGIN_BYTES, SECRET_BYTES};
pub use berth_exposure::{AccessClass, Claim, DESCRIPTION_MAX, Description, Width};

/// Devices of the kernel that stay as they were driven last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A light.
    Led,
    /// A pin.
    Pin,
}

impl DeviceKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Led, Self::Pin];
}

/// Bytes of the longest block: its offsets are 16 bits to the kernel.
pub const BLOCK_MAX: u32 = 0x1_0000;

/// Returns a budget of erases as operators are told of it.
pub(crate) const fn told(erases: berth_flash::Erases) -> Erases {
    Erases {
        left: erases.left,
        most: erases.most,
        period_s: erases.period_s,
        refused: erases.refused,
    }
}

/// A block that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Names the block in the other calls.
    pub handle: u16,
    /// Its length in bytes, at most [`BLOCK_MAX`].
    pub length: u32,
    /// What the manufacturer allows.
    pub access: AccessClass,
    /// Where it is mapped into this process; `None`: the kernel makes the accesses.
    pub window: Option<Window>,
}

/// Why the kernel refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No exposure has this label.
    NotExposed,
    /// Somebody has claimed it.
    Busy,
    /// Its manufacturer wants it to be claimed for signed packages, and none is [proven](Platform::prove) that is signed for it.
    Unproven,
    /// Another reason: a Tock error code.
    Other(u8),
}

/// What the manufacturer's configuration says of signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How many keys there are. With none nothing is signed, as far as the device knows.
    pub keys: u8,
    /// What is not signed does not run.
    pub refuses_unsigned: bool,
    /// The keys that may sign lists of what is revoked, as a set of their numbers.
    pub revokers: u32,
}

/// What the manufacturer's configuration says of operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperatorPolicy {
    /// How many keys of operators there are. With none everybody may do everything.
    pub keys: u8,
    /// Reading, too, is for operators alone.
    pub closes_reading: bool,
}

/// Where bytes are that were proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Address of the first.
    pub address: usize,
    /// How many.
    pub length: usize,
}

impl Proven {
    /// Returns where `image` is.
    #[must_use]
    pub fn of(image: &[u8]) -> Self {
        Self {
            address: image.as_ptr().addr(),
            length: image.len(),
        }
    }
}

/// Words of notes that survive a failure of the supervisor ([`Platform::note`]).
pub const NOTES: usize = 16;

/// Longest line that is sent while other things go on: a name, a line of a log, and
/// what makes room for it on a terminal.
pub const LINE_MAX: usize = 224;

/// Is there an engine beside the interpreter? On the host a platform can say that there is.
pub const COMPILES: bool = cfg!(any(feature = "compiled", not(target_os = "none")));

/// Microseconds after which a turn, of main or of handlers, is long enough.
pub const TURN_US: u64 = 10_000;

/// The system below the supervisor. All methods return at once except
/// [`write`](Platform::write) and [`wait`](Platform::wait).
pub trait Platform: Interrupts + Programs + Conveyors + Buses {
    /// The flash that the store is in.
    type Flash: Flash;

    /// The flash for the store. Returns `None` if there is none, and the second time.
    fn flash(&self) -> Option<Self::Flash>;

    /// Returns what `image` is compiled to; where there is nothing yet it is made, which may take long.
    ///
    /// # Errors
    ///
    /// Why the interpreter has to run it; `None` where nothing is ever compiled.
    fn compiled(&self, image: &[u8], module: &Module<'_>) -> Result<Code, Option<&'static str>> {
        let _ = (image, module);
        Err(None)
    }

    /// Returns what the manufacturer wants of signatures.
    fn policy(&self) -> Policy {
        Policy::default()
    }

    /// Have the kernel verify the signature of `image`, which lies in the store's flash. From then on, and until these bytes are changed,
    /// blocks can be claimed that need a signature, as far as it is one for them. Takes some tenths of a second. Returns the number of the key
    /// that signed it.
    ///
    /// # Errors
    ///
    /// Why it is not as it should be.
    fn prove(&self, image: &[u8]) -> Result<u32, Distrust> {
        let _ = image;
        Err(Distrust::Unproven)
    }

    /// The proof of these bytes is not needed any more: what is claimed because of it alone ends.
    fn end_proof(&self, bytes: Proven) {
        let _ = bytes;
    }

    /// Returns what the manufacturer says of operators.
    fn operators(&self) -> OperatorPolicy {
        OperatorPolicy::default()
    }

    /// Have the kernel look at a login for some milliseconds, from its beginning if it `begins`.
    fn examine_login(&self, begins: Option<&[u8; LOGIN_BYTES]>) -> Examined {
        let _ = begins;
        Examined::Refused
    }

    /// Have the kernel find out for some milliseconds what a secret and, behind it, a public key agree on, from the beginning if it `begins`.
    fn examine_agreement(
        &self,
        begins: Option<&[u8; AGREEMENT_BYTES]>,
        agreed: &mut [u8; SECRET_BYTES],
    ) -> Examined {
        let _ = (begins, agreed);
        Examined::Refused
    }

    /// Gives up compiled code that `keep` does not want: of the image with this hash, at this address. It wants all that is executed.
    /// What flash does not take now is given up another time.
    fn keep_code(&self, keep: &dyn Fn(&ImageHash, u32) -> bool) {
        let _ = keep;
    }

    /// Returns how the flash for compiled code is doing. `None`: there is none.
    fn code_status(&self) -> Option<CodeStatus> {
        None
    }

    /// Name of the board and version of the kernel, for people.
    fn names(&self) -> (&str, &str);

    /// Microseconds since some fixed moment not later than the start.
    fn now_us(&self) -> u64;

    /// Returns when a turn that has begun at `begun_us` is long enough: after [`TURN_US`], or sooner where bytes would be lost that
    /// nobody [receives](Self::receive) meanwhile.
    fn turn_ends(&self, begun_us: u64) -> u64 {
        begun_us + TURN_US
    }

    /// Take bytes that have arrived on the serial line. Returns their number.
    fn receive(&self, out: &mut [u8]) -> usize;

    /// Send `bytes`, all of them.
    fn write(&self, bytes: &[u8]);

    /// Begin to send a line of at most [`LINE_MAX`] bytes and return at once; nothing may
    /// be being sent.
    fn begin_line(&self, line: &[u8]) {
        self.write(line);
    }

    /// Is a line still being sent?
    fn is_sending(&self) -> bool {
        false
    }

    /// Send a line of at most [`LINE_MAX`] bytes, all of it. Returns how many nanoseconds of this process's time a byte takes once
    /// it is begun: what the kernel needs for it, and not what the line does. Right where nothing else runs.
    fn send_measured(&self, line: &[u8]) -> u64;

    /// Sleep until bytes may have arrived, a line may have been sent, or until `deadline_us`.
    fn wait(&self, deadline_us: Option<u64>);

    /// Describe exposure `index`. Returns `None` from the number of exposures up.
    fn describe<'a>(
        &self,
        index: u32,
        buffer: &'a mut [u8; DESCRIPTION_MAX],
    ) -> Option<Description<'a>>;

    /// Word `index` of the notes that the run of the supervisor before this one left;
    /// `None` after power-on, or where nothing keeps them.
    fn note_before(&self, index: usize) -> Option<u32> {
        let _ = index;
        None
    }

    /// Write word `index` of this run's notes, for the next one if this one fails. Costs next
    /// to nothing: it is done every turn.
    fn note(&self, index: usize, value: u32) {
        let _ = (index, value);
    }

    /// Begin a new run with the notes of this one. Returns in tests only.
    fn restart(&self);

    /// Claim the block `label` for the container `tag`.
    ///
    /// # Errors
    ///
    /// Why the kernel does not give it.
    fn claim(&self, tag: u32, label: &str) -> Result<Claimed, Refusal>;

    /// Give back one claimed block.
    fn release(&self, handle: u16);

    /// Give back everything that the container `tag` has claimed.
    fn release_all(&self, tag: u32);

    /// Read a register; `None` if the kernel refuses. Neither this nor the two below
    /// allocate: they are called while a container's arena is the current one.
    fn read(&self, width: Width, handle: u16, offset: u16) -> Option<u32>;

    /// Write a register. Returns `None` if the kernel refuses.
    fn write_register(&self, width: Width, handle: u16, offset: u16, value: u32) -> Option<()>;

    /// Change the bits of `mask` in a 32-bit register. Returns `None` if the kernel refuses.
    fn modify32(&self, handle: u16, offset: u16, mask: u32, value: u32) -> Option<()>;

    /// Returns how many lights the kernel's driver has, which is 0 without one.
    fn led_count(&self) -> u32;

    /// Do something to the light `index`.
    ///
    /// # Errors
    ///
    /// The kernel's error code, if it is not exposed or there is none.
    fn led(&self, index: u32, action: LedAction) -> Result<(), u8>;

    /// Is the light `index` on? `None` if it is not exposed or there is none.
    fn led_is_on(&self, index: u32) -> Option<bool>;

    /// Nobody uses the device `number` any more: it comes to rest where the manufacturer has given it a safe state.
    fn let_go(&self, kind: DeviceKind, number: u32);

    /// Returns how many pins the kernel's driver has, which is 0 without one.
    fn pin_count(&self) -> u32;

    /// Do something to the pin `number`.
    ///
    /// # Errors
    ///
    /// The kernel's error code, if it is not exposed or there is none.
    fn pin(&self, number: u32, action: PinAction) -> Result<(), u8>;

    /// Is the pin `number` high? `None` if it is not exposed or there is none.
    fn pin_is_high(&self, number: u32) -> Option<bool>;
}
