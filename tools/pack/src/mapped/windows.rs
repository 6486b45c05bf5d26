//! Windows: ranges of addresses behind which there are registers instead of memory.
//!
//! The SDK gives each label a window of dummy addresses and writes both into the module (section [`SECTION`]); for a
//! module whose addresses are those of a chip, whoever packs it says which of them are whose (`--map`).

use berth_exposure::LABEL_MAX;

/// Name of the custom section in which a module says which windows it has: for each the first address (four bytes, the lowest first),
/// the length of the label (one byte) and the label.
pub const SECTION: &str = "berth.windows";

/// Bytes of a window of dummy addresses: no block is longer.
pub const DUMMY_BYTES: u32 = 0x1_0000;

/// Dummy addresses: 16 bits choose a window's register, the bits above are the window's.
pub const DUMMY: core::ops::Range<u32> = 0xF000_0000..0xFE00_0000;

/// Bytes of a window whose length nobody says: what most chips give a peripheral.
pub const MAPPED_BYTES: u32 = 0x1000;

/// Below this there may be linear memory: no device has so much.
pub(crate) const LOWEST: u32 = 0x0100_0000;

/// So far below a window of a chip a number may be an address to which a driver adds an offset, if it is as round as
/// the base of a bus is.
const BUS_BYTES: u32 = 0x1000_0000;
/// How round that is.
const BUS_ALIGNMENT: u32 = 0x1_0000;
/// So far below any number may be one: the block before, as the base of several alike.
const BEFORE_BYTES: u32 = 0x1_0000;

/// A window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// First address.
    pub start: u32,
    /// Bytes.
    pub length: u32,
    /// The label of the block behind it.
    pub label: String,
}

impl Window {
    pub(crate) const fn end(&self) -> u64 {
        self.start as u64 + self.length as u64
    }

    const fn is_dummy(&self) -> bool {
        DUMMY.start <= self.start && self.start < DUMMY.end
    }

    /// Is there something of it in `first..end`?
    pub(crate) const fn meets(&self, first: u64, end: u64) -> bool {
        first < self.end() && end > self.start as u64
    }
}

/// What is wrong with the windows of a module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The section cannot be read.
    #[error(
        "its section {SECTION} is damaged: build it anew with the SDK that belongs to this program"
    )]
    Damaged,
    /// Two labels at one address.
    #[error(
        "{} and {} share addresses from {at:#x} on: give one of them another window (`window N` in the SDK, another address with --map)",
        .labels.0, .labels.1
    )]
    Shared {
        /// The labels.
        labels: (String, String),
        /// First address that both have.
        at: u64,
    },
    /// Where memory is, or beyond the last address.
    #[error(
        "the window of {label}, {start:#x} to {end:#x}, is not between {LOWEST:#x}, below which there is memory, and the end of all addresses"
    )]
    Place {
        /// Its label.
        label: String,
        /// Its first address.
        start: u32,
        /// The first behind it.
        end: u64,
    },
    /// No label.
    #[error("{0:?} is no label: 1 to {LABEL_MAX} letters, digits, `_`, `-`, `.`, `,`, `@` or `/`")]
    Label(String),
}

/// All windows of a module, in the order of their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Windows(Vec<Window>);

impl Windows {
    /// Puts together what a module says and what was said about it.
    pub(crate) fn of(section: &[u8], mapped: &[Window]) -> Result<Self, WindowError> {
        let mut all = read(section)?;
        // The same said twice is one.
        for window in mapped {
            if !all.contains(window) {
                all.push(window.clone());
            }
        }
        for window in &all {
            check(window)?;
        }
        all.sort_by_key(|window| window.start);
        for pair in all.windows(2) {
            if let [first, second] = pair
                && first.meets(second.start.into(), second.end())
            {
                return Err(WindowError::Shared {
                    labels: (first.label.clone(), second.label.clone()),
                    at: second.start.into(),
                });
            }
        }
        Ok(Self(all))
    }

    /// Has one of these the label or an address of `window`?
    pub(crate) fn has(&self, window: &Window) -> bool {
        let same = |own: &Window| own.label == window.label;
        self.meet(window.start.into(), window.end()) || self.0.iter().any(same)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Window> {
        self.0.iter()
    }

    /// The number of the window in which all of `first..end` lies.
    pub(crate) fn around(&self, first: u64, end: u64) -> Option<usize> {
        self.0
            .iter()
            .position(|window| u64::from(window.start) <= first && end <= window.end())
    }

    /// Is there something of any window in `first..end`?
    pub(crate) fn meet(&self, first: u64, end: u64) -> bool {
        self.0.iter().any(|window| window.meets(first, end))
    }

    /// May a driver reach a register from this number, which it has as a constant? In a window, or where the address of a
    /// chip's register is computed from: a bus, or a block before. Dummy addresses are not computed from others.
    pub(crate) fn lead(&self, number: u32) -> bool {
        self.0.iter().any(|window| {
            let distance = window.start.checked_sub(number);
            let is_base = distance.is_some_and(|distance| {
                distance < BEFORE_BYTES
                    || (distance < BUS_BYTES && number.is_multiple_of(BUS_ALIGNMENT))
            });
            window.meets(number.into(), u64::from(number) + 1) || (!window.is_dummy() && is_base)
        })
    }

    /// By how many bits a driver shifts `number` to have the upper bits of an address in a chip's window. Numbers of
    /// twelve bits and fewer are too usual to mean that.
    pub(crate) fn shifts(&self, number: u32) -> impl Iterator<Item = u32> {
        let chips = self.0.iter().filter(|window| !window.is_dummy());
        let numbers = chips.filter(move |_| number > 0xfff);
        numbers.flat_map(move |window| {
            let reached = |bits: &u32| {
                let first = u64::from(number) << bits;
                window.meets(first, first + (1 << bits))
            };
            (1..=19).filter(reached).collect::<Vec<_>>()
        })
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Window> {
        self.0.get(number)
    }
}

fn check(window: &Window) -> Result<(), WindowError> {
    let is_label = (1..=LABEL_MAX).contains(&window.label.len())
        && window
            .label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.,@/".contains(&byte));
    if !is_label {
        return Err(WindowError::Label(window.label.clone()));
    }
    if window.start < LOWEST || window.length == 0 || window.end() > 1 << 32 {
        return Err(WindowError::Place {
            label: window.label.clone(),
            start: window.start,
            end: window.end(),
        });
    }
    Ok(())
}

/// Reads the section: linkers put the parts of all objects one after the other.
fn read(mut section: &[u8]) -> Result<Vec<Window>, WindowError> {
    let mut windows: Vec<Window> = Vec::new();
    while let Some((start, rest)) = section.split_first_chunk::<4>() {
        let (&length, rest) = rest.split_first().ok_or(WindowError::Damaged)?;
        let (label, rest) = rest
            .split_at_checked(length.into())
            .ok_or(WindowError::Damaged)?;
        let window = Window {
            start: u32::from_le_bytes(*start),
            length: DUMMY_BYTES,
            label: core::str::from_utf8(label)
                .map_err(|_| WindowError::Damaged)?
                .to_owned(),
        };
        if !windows.contains(&window) {
            windows.push(window);
        }
        section = rest;
    }
    if section.is_empty() {
        Ok(windows)
    } else {
        Err(WindowError::Damaged)
    }
}
