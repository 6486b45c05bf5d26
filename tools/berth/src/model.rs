//! What devices tell, as berth keeps and prints it. The field names are the keys of the
//! JSON output and stay.

use serde::Serialize;

/// What a device tells of itself.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceInfo {
    /// Version of the protocol.
    pub protocol: u16,
    /// Name of the board.
    pub board: String,
    /// Version of the kernel.
    pub kernel: String,
    /// Version of the supervisor.
    pub supervisor: String,
    /// Microseconds since the supervisor started.
    pub uptime_us: u64,
}

/// Memory of a device, in bytes.
#[derive(Clone, Debug, Serialize)]
pub struct HeapInfo {
    /// For images and containers together.
    pub total: u32,
    /// Free.
    pub free: u32,
    /// Largest free block.
    pub largest_free: u32,
    /// Containers stored.
    pub containers: u16,
    /// Most containers that can be stored.
    pub containers_max: u16,
}

/// A container on a device.
#[derive(Clone, Debug, Serialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// One word: `stored`, `starting`, `running`, `paused`, `stopped`, `exited`, `faulted`,
    /// `restarting`.
    pub state: &'static str,
    /// What it exited with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What it was ended for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// Microseconds since it was started; 0 unless active.
    pub uptime_us: u64,
    /// Fuel used since it was started.
    pub fuel_used: u64,
    /// Bytes of memory it holds.
    pub memory_used: u32,
    /// Most bytes it may hold.
    pub memory_limit: u32,
    /// Share of the CPU relative to other containers.
    pub share: u8,
    /// Share of the CPU that it had lately, in thousandths.
    pub cpu_permille: u16,
    /// Most bytes of memory it has held since it was started.
    pub memory_high: u32,
    /// Deepest use of its stack in bytes, if the module tells where its stack lies.
    pub stack_high: Option<u32>,
    /// Interrupts taken for it since it was started.
    pub interrupts: u32,
    /// Of these, lost because its queue was full.
    pub interrupts_dropped: u32,
    /// How often it has been restarted since it was started.
    pub restarts: u16,
    /// Length of its image in bytes.
    pub image_bytes: u32,
    /// Register blocks it holds.
    pub blocks: Vec<Block>,
}

/// A register block that a container holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// Its label.
    pub label: String,
    /// As [`Exposure::access`].
    pub access: &'static str,
}

/// A register block that the manufacturer exposed.
#[derive(Clone, Debug, Serialize)]
pub struct Exposure {
    /// The name containers import it by.
    pub label: String,
    /// Length of the block in bytes.
    pub length: u32,
    /// `mediated`, `mapped`, or `mediated-fallback`: it may be mapped, but its holder found no
    /// protection region free.
    pub access: &'static str,
    /// How many of its registers are exposed.
    pub registers: u8,
    /// Who has claimed it.
    pub holder: Holder,
}

/// Who has claimed an exposure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Holder {
    /// Nobody.
    Free,
    /// A container.
    Container(String),
    /// Another process of the firmware.
    Firmware,
}

/// A line that a container wrote.
#[derive(Clone, Debug, Serialize)]
pub struct LogLine {
    /// Its number.
    pub sequence: u32,
    /// Lines before it that the device no longer has.
    pub dropped: u32,
    /// Microseconds since the device started.
    pub time_us: u64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// What it wrote.
    pub text: String,
}
