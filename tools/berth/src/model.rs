//! What devices tell, as berth keeps and prints it. The field names are the keys of the
//! JSON output and stay.

use crate::Said;
use berth_protocol::{Place, State};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// What a device tells of itself.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeviceInfo {
    /// Version of the protocol.
    pub protocol: u16,
    /// Name of the board.
    pub board: Said,
    /// Version of the kernel.
    pub kernel: Said,
    /// Version of the supervisor.
    pub supervisor: Said,
    /// Microseconds since the supervisor started.
    pub uptime_us: u64,
}

/// Memory of a device, in bytes.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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

/// How a device is doing.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeviceStatus {
    /// In safe mode no container starts.
    pub safe_mode: bool,
    /// The store was not read, because the supervisor failed again and again when it read it.
    pub without_store: bool,
    /// The container that was running when the supervisor failed last.
    pub suspect: Option<Said>,
    /// Restarts of the supervisor since power-on.
    pub restarts: u16,
    /// Longest time in microseconds for which it could not answer.
    pub longest_stall_us: u32,
    /// Bytes that a minimal container needs.
    pub minimal_bytes: u32,
    /// The store in flash, if there is one.
    pub store: Option<Store>,
}

/// The store in flash, in bytes and erases.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Store {
    /// For images and what belongs to them.
    pub total: u32,
    /// Free.
    pub free: u32,
    /// Largest image that can be stored now.
    pub largest_free: u32,
    /// Erases of the most worn page.
    pub wear_max: u32,
    /// Mean erases of all pages.
    pub wear_mean: u32,
    /// The firmware's budget of erases, if it gives one.
    pub erases: Option<Erases>,
}

/// How often the store's flash may be erased, as the manufacturer decided.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Erases {
    /// Erases that the page with the fewest has left now.
    pub left: u32,
    /// Most that a page has.
    pub most: u32,
    /// Seconds until each page has one more.
    pub period_s: u32,
    /// Erases that were refused since the device started.
    pub refused: u32,
}

/// A container on a device.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Container {
    /// Its name.
    pub name: Said,
    /// What it does. Printed as its word in `state`, with `exit_code` or `fault` beside it.
    #[serde(flatten, serialize_with = "printed")]
    #[cfg_attr(feature = "schema", schema(value_type = Printed))]
    pub state: State,
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
    /// Of these, lost: it ended, or unregistered, before its handler ran.
    pub interrupts_dropped: u32,
    /// How often it has been restarted since it was started.
    pub restarts: u16,
    /// Length of its image in bytes.
    pub image_bytes: u32,
    /// Register blocks it holds.
    pub blocks: Vec<Block>,
}

impl Container {
    /// Returns whether it holds memory and claims.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.state.is_active()
    }

    /// Returns the state with what belongs to it, as people see it.
    #[must_use]
    pub fn state_text(&self) -> String {
        match self.state {
            // How often is a column of its own.
            State::Restarting { .. } => self.state.word().to_owned(),
            state => state.to_string(),
        }
    }
}

/// A state, for machines.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
struct Printed {
    /// One stable word.
    state: &'static str,
    /// What it ended with, if it exited.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    /// Why it ended, if it faulted.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
}

/// Prints a state, for machines.
fn printed<S: Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    let mut printed = Printed {
        state: state.word(),
        exit_code: None,
        fault: None,
    };
    match *state {
        State::Exited { code } => printed.exit_code = Some(code),
        State::Faulted { fault } => printed.fault = Some(fault.word()),
        _ => {}
    }
    printed.serialize(serializer)
}

/// A register block that a container holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Block {
    /// Its label.
    pub label: Said,
    /// As [`Exposure::access`].
    pub access: &'static str,
}

/// A register block that the manufacturer exposed.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Exposure {
    /// The name containers import it by.
    pub label: Said,
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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Holder {
    /// Nobody.
    Free,
    /// A container.
    Container(Said),
    /// Another process of the firmware.
    Firmware,
}

/// A line that a container wrote.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Which log it is of; another one after the container was deleted or the device was reset.
    #[serde(skip)]
    pub log: u32,
    /// Its number.
    pub sequence: u32,
    /// Lines before it that the device no longer has.
    pub dropped: u32,
    /// Microseconds since the device started.
    pub time_us: u64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// What it wrote.
    pub text: Said,
    /// If it tells of a fault: what its numbers mean, as far as that is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
}

/// How a container is to run; `None`: the device chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Settings {
    /// Most bytes of stack for the interpreter.
    pub stack: Option<u32>,
    /// Most bytes of linear memory.
    pub memory: Option<u32>,
    /// Most bytes of device memory.
    pub limit: Option<u32>,
    /// Share of the CPU.
    pub share: Option<u8>,
    /// `no`, `on-failure`, `on-failure:N` or `always`.
    pub restart: Option<String>,
    /// Milliseconds before the first restart.
    pub backoff_ms: Option<u16>,
    /// Is it started when the device starts?
    pub boot: Option<bool>,
    /// Least important level that is kept.
    pub log_level: Option<&'static str>,
    /// Handlers at a fixed period.
    pub service: Option<ServiceInfo>,
    /// Most writes of its state to flash a day for what it does itself.
    pub writes: Option<u16>,
}

/// Interrupt handlers at a fixed period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ServiceInfo {
    /// Milliseconds from one service to the next.
    pub period_ms: u16,
    /// Fuel of all handlers in one period.
    pub budget: u32,
}

/// A stored image.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Image {
    /// Name of the container.
    pub name: Said,
    /// Length in bytes.
    pub bytes: u32,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// Does it survive a reset?
    pub persistent: bool,
    /// What its operator chose.
    pub parameters: Settings,
}

/// Everything that is known of a container.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Inspection {
    /// What `ps` shows.
    #[serde(flatten)]
    pub container: Container,
    /// SHA-256 of its image, in hexadecimal.
    pub sha256: String,
    /// What its operator chose.
    pub parameters: Settings,
    /// Its configuration; `None`: the device has none for any container.
    pub configuration: Option<BTreeMap<Said, Said>>,
    /// Its named values; as the configuration.
    pub values: Option<Values>,
    /// Bytes of state that it saved.
    pub saved_bytes: u32,
    /// Log lines that the device no longer has or never took.
    pub log_dropped: u32,
    /// Its interrupt sources.
    pub sources: Vec<Source>,
    /// Its last fault.
    pub last_fault: Option<FaultRecord>,
    /// Its last live update since the device started.
    pub update: Option<UpdateOutcome>,
    /// What the signature of its image claims, if it is signed and the firmware tells.
    pub signature: Option<SignatureClaims>,
}

/// What the signature of an image claims. A device with keys has verified it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SignatureClaims {
    /// Id of the key, in hexadecimal.
    pub key: String,
    /// Which version of the package it is.
    pub counter: u32,
    /// Name of the package.
    pub package: Said,
    /// The labels that it may claim.
    pub labels: Vec<Said>,
}

/// Values that a container gives names to.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Values {
    /// How many.
    pub count: u16,
    /// Bytes of flash that they take.
    pub bytes: u32,
    /// Most that they may take.
    pub limit: u32,
    /// What the operator chose of that; `None`: the device chooses.
    pub chosen: Option<u32>,
}

impl Values {
    pub(crate) fn of(kept: &crate::device::Kept) -> Self {
        Self {
            count: kept.values,
            bytes: kept.values_bytes,
            limit: kept.values_limit,
            chosen: kept.values_chosen,
        }
    }
}

/// An interrupt source of a container.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Source {
    /// Its label.
    pub label: Said,
    /// Lower runs first.
    pub priority: u8,
    /// Interrupts that the kernel took.
    pub taken: u32,
    /// Of these, lost: the container ended, or unregistered, before its handler ran.
    pub dropped: u32,
    /// Pulses that came while the line was masked: at least so many.
    pub merged: u32,
    /// Most fuel that one run of its handler used.
    pub longest_fuel: u32,
    /// Longest run of its handler in microseconds.
    pub longest_us: u32,
}

/// What was known at a fault.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FaultRecord {
    /// What happened, in one stable word.
    pub fault: &'static str,
    /// `start`, `main`, `handler` or `pause`.
    pub entry: &'static str,
    /// Number of the interrupt source, for a handler.
    pub source: Option<u32>,
    /// The last host function it had called.
    pub last_call: Option<HostCall>,
    /// Fuel used since it was started.
    pub fuel_used: u64,
    /// Bytes of device memory it held.
    pub memory_used: u32,
    /// How often it had been restarted.
    pub restarts: u16,
    /// Microseconds since the device started.
    pub time_us: u64,
    /// Where it was, if its package tells.
    pub place: Option<FaultPlace>,
    /// Why it was a fault, or what its author can do about it, where that is known and the word does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Where a container's code was.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FaultPlace {
    /// The number that the package has for it.
    pub number: u32,
    /// How the SHA-256 of the image begins whose number that is.
    pub image: String,
    /// The function, and the line of its source, if that is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl FaultPlace {
    /// As the device tells of it.
    pub(crate) fn of(place: Place) -> Self {
        Self {
            number: place.number,
            image: format!("{:08x}", place.image),
            text: None,
        }
    }

    pub(crate) fn as_told(&self) -> Place {
        Place {
            number: self.number,
            image: u32::from_str_radix(&self.image, 16).unwrap_or_default(),
        }
    }
}

/// A call of a host function.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HostCall {
    /// `module.function`.
    pub name: Said,
    /// Its first two arguments.
    pub arguments: [u32; 2],
    /// The label of the block that it was about.
    pub block: Option<Said>,
    /// The name of the register, if it is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
}

/// Something that happened on the device.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeviceEvent {
    /// Which list of events it is of; another one after the device was reset.
    #[serde(skip)]
    pub log: u32,
    /// Its number.
    pub sequence: u32,
    /// Events before it that the device no longer has.
    pub dropped: u32,
    /// Microseconds since the device started.
    pub time_us: u64,
    /// The container; `None`: the device itself.
    pub name: Option<Said>,
    /// One stable word.
    pub event: &'static str,
    /// For people: what belongs to it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Where a live update stands, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateOutcome {
    /// `trial`, `kept` or `rolled-back`.
    pub update: &'static str,
    /// Milliseconds of the trial that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<u32>,
    /// Was the old container stopped first, because both did not fit into memory?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_first: Option<bool>,
    /// What the new image did, if it was rolled back and could be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}
