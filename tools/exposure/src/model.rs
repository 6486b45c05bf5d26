//! A configuration that was found sound: what all outputs are made from.
//!
//! Its JSON form is what this program writes for `berth` and offline checks; keys
//! are stable, new ones may be added.

use berth_exposure::AccessClass;
use serde::Serialize;

/// All that a board exposes.
#[derive(Clone, Debug, Serialize)]
pub struct Configuration {
    /// Blocks of registers, in the order of the source.
    pub exposures: Vec<Exposure>,
    /// Devices of the kernel that containers may use through its drivers.
    pub devices: Vec<Device>,
    /// Maxima.
    pub limits: Limits,
    /// Whose signature counts. Without any, every package runs and claims.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
    /// Packages without a signature do not run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refuses_unsigned: bool,
    /// Who operates the device. Without any, whoever holds the line does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<Key>,
    /// Reading, too, is for operators alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub closes_reading: bool,
    /// What processes may call; a process that is not listed may call everything.
    pub processes: Vec<Process>,
}

/// One block of registers.
#[derive(Clone, Debug, Serialize)]
pub struct Exposure {
    /// The name containers import it by.
    pub label: String,
    /// Address: the board's business, not told to containers.
    #[serde(skip)]
    pub base: u32,
    /// Bytes.
    pub length: u32,
    /// The SVD file's name for what begins there.
    pub peripheral: String,
    /// First address and length of all that an access to it reaches, aliases followed.
    #[serde(skip)]
    pub reached: Vec<(u64, u64)>,
    /// How it is reached.
    #[serde(serialize_with = "access_word")]
    pub access: AccessClass,
    /// The exposed registers by offset; `None`: the whole block, every bit.
    pub registers: Option<Vec<Register>>,
    /// All registers the SVD file knows: where an exposed whole block has what.
    pub map: Vec<Named>,
    /// Written, in this order, whenever a claim ends.
    pub safe_state: Vec<RegisterWrite>,
    /// Names of the keys of which one has to have signed what claims it; without any, it needs no signature.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Interrupts that a container may handle.
    pub interrupts: Vec<Interrupt>,
    /// What the SVD file says and was not judged for it.
    #[serde(skip)]
    pub skipped: Vec<String>,
}

/// A key that signs packages, or an operator's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Name of its node.
    pub name: String,
    /// What a signature names it by: the first bytes of the SHA-256 of the public key.
    #[serde(serialize_with = "hexadecimal")]
    pub id: [u8; 8],
    /// The public key of Ed25519.
    #[serde(serialize_with = "hexadecimal")]
    pub public: [u8; 32],
    /// The labels that it is limited to; without any, it is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// It may sign lists of what must not run any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub revokes: bool,
}

/// One exposed register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Register {
    /// From the SVD file.
    pub name: String,
    /// Bytes from the start of the block.
    pub offset: u32,
    /// Bits: 8, 16 or 32.
    pub size: u32,
    /// Bits that may be read.
    pub read: u32,
    /// Bits that may be written.
    pub write: u32,
    /// Bits outside `write` are written as zero instead of being kept.
    pub zero_rest: bool,
}

/// Where a register is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// From the SVD file.
    pub name: String,
    /// Bytes from the start of the block.
    pub offset: u32,
    /// Bits.
    pub size: u32,
    /// Bits of it that have a name.
    #[serde(skip)]
    pub fields: Vec<NamedBits>,
}

/// Bits of a register that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedBits {
    /// From the SVD file.
    pub name: String,
    /// Which.
    pub mask: u32,
}

/// A write of some bits of a register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegisterWrite {
    /// From the SVD file.
    pub register: String,
    /// Bytes from the start of the block.
    pub offset: u32,
    /// Bits: 8, 16 or 32.
    pub size: u32,
    /// What.
    pub value: u32,
    /// Which bits.
    pub mask: u32,
}

/// One interrupt of a block.
#[derive(Clone, Debug, Serialize)]
pub struct Interrupt {
    /// From the board's devicetree.
    pub name: String,
    /// Input of the interrupt controller.
    pub line: u32,
    /// The write that clears its source; without one the line stays masked until
    /// the handler has run.
    pub clear: Option<RegisterWrite>,
    /// Clear before the registers of a capture are read, not after.
    pub clear_before_capture: bool,
    /// Where the block says whether it has raised it; cleared only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raised: Option<Raised>,
    /// Most registers captured for one interrupt.
    pub captures_max: u32,
}

/// Bits of which one is 1 while a block raises an interrupt.
#[derive(Clone, Debug, Serialize)]
pub struct Raised {
    /// Name of a register of 32 bits.
    pub register: String,
    /// Byte offset in the block.
    pub offset: u32,
    /// Which bits.
    pub mask: u32,
}

/// A device behind a driver of the kernel.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// Its class, such as `led`.
    pub class: String,
    /// Which of them.
    pub index: u32,
    /// The driver's number.
    pub driver: u32,
    /// The state in which it rests when its user has ended. None: it stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safe_state: Option<String>,
}

/// Maxima over all containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Registers exposed one by one, all blocks together.
    pub registers: u32,
    /// Interrupt handlers registered at the same time.
    pub handlers: u32,
    /// Registers captured for one interrupt.
    pub captures: u32,
    /// Register accesses in one pass of the kernel.
    pub accesses_per_pass: u32,
    /// Share of the processor's time that the kernel spends for containers, percent.
    pub share_percent: u32,
    /// Erases of a page of the store's flash at once when the power comes.
    pub erase_burst: u32,
    /// Hours after which a page has one more.
    pub erase_hours: u32,
    /// Erases of the store's flash in a second.
    pub erases_per_second: u32,
    /// Register programs at once. 0: the kernel carries out none.
    pub programs: u32,
    /// Conveyors attached at once. 0: the kernel attaches none.
    pub conveyors: u32,
}

/// What one process may call.
#[derive(Clone, Debug, Serialize)]
pub struct Process {
    /// Region of the memory map that holds its image: how the kernel knows it.
    pub region: String,
    /// Where that is.
    #[serde(skip)]
    pub flash_start: u32,
    /// Drivers in the order of the source.
    pub drivers: Vec<Driver>,
}

/// What a process may do with one driver. Sets are bit masks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Driver {
    /// The driver's number.
    pub driver: u32,
    /// Commands.
    pub commands: u64,
    /// Those whose first argument is an index.
    pub indexed: u64,
    /// Indices they may name.
    pub indices: u64,
}

fn hexadecimal<const N: usize, S: serde::Serializer>(
    bytes: &[u8; N],
    to: S,
) -> Result<S::Ok, S::Error> {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    to.serialize_str(&digits)
}

fn access_word<S: serde::Serializer>(access: &AccessClass, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match access {
        AccessClass::Mediated => "mediated",
        AccessClass::Mapped => "mapped",
    })
}
