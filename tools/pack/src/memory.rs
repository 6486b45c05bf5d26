//! How large a module's memory has to be, and what its stack is.
//!
//! A device has some hundred kilobytes, a WebAssembly page has 64, so a package counts its
//! memory in bytes (custom page sizes, page size 1). How many are enough is known from the
//! linker, in this order:
//!
//! | known from | the memory ends |
//! |---|---|
//! | `__heap_base` exported | there |
//! | the stack lies above the data (the stack pointer's first value is not below any segment) | where the stack begins |
//! | neither | [`SLACK`] above the highest address found in segments, stack pointer and code: an estimate |
//!
//! Where the linker's word is known it is still not all: a program may use memory behind it, from `__heap_base` on or at an
//! address of its own. If such an address is accessed, if the address of the end itself is in code, data or a
//! global that is used, or if a global grows from there, all that was linked is kept. If some constant merely could be an
//! address behind the end (`crate::addresses`), the end is an estimate behind it. Linkers align the end: an address
//! between `__data_end` and there is the end's as well, and where `__data_end` is not exported, one between the last
//! segment and there may be. What a program computes when it runs nobody sees: the basis says what was looked at. One that
//! accesses memory at a multiple of something, counted from nowhere, keeps what was linked.
//!
//! A module with an allocator (it says `memory.size` or `memory.grow`) believes that all of
//! its first pages are there, and that they have 64 KiB. Such a memory keeps its size. If it
//! was linked with pages of one byte, as `docs/wasi.md` shows, wasi-libc still counts in
//! pages of 64 KiB; the two instructions are then rewritten so that they tell it the truth:
//! whole pages of 64 KiB, and never more of them.

use berth_package::Stack;
use wasmparser::MemoryType;

use crate::PackError;
use crate::mapped::windows;
use crate::survey::Survey;

/// Alignment of the shadow stack in every ABI for WebAssembly.
pub(crate) const STACK_ALIGN: u32 = 16;

/// Bytes of an ordinary page, as a power of two.
const PAGE_LOG2: u32 = 16;

/// Bytes beyond the highest known address where the end is only estimated: the last
/// variable without a first value begins at a known address and ends at an unknown one.
pub(crate) const SLACK: u64 = 4096;

/// From where the size of a memory is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The module has no memory.
    None,
    /// The caller chose it.
    Asked,
    /// Up to `__heap_base`.
    HeapBase,
    /// Up to the top of the stack, which lies above the data.
    StackTop,
    /// Estimated, with slack.
    Estimated,
    /// As linked: it uses memory behind what the linker laid out, nobody knows how much.
    UsesMore,
    /// As linked: the module counts pages of 64 KiB.
    CountsPages,
    /// As linked, in bytes; an allocator that counts pages of 64 KiB is told the truth: it gets no more.
    NoMorePages,
    /// As linked: it is counted in bytes already.
    AsLinked,
    /// The same, but it uses memory behind its end.
    TooShort,
}

impl Basis {
    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::None => "no memory",
            Self::Asked => "as asked for",
            Self::HeapBase => "stack and statics, up to __heap_base",
            Self::StackTop => "statics and stack",
            Self::Estimated => {
                "estimated: choose with --memory, or let the linker tell with -Wl,--export=__heap_base,--export=__data_end, which is enough where no constant could be an address behind"
            }
            Self::UsesMore => {
                "as linked: it uses memory behind stack and statics; how much is enough you can choose with --memory"
            }
            Self::NoMorePages => {
                "as linked; its allocator counts pages of 64 KiB and gets no more than that: allocate from a heap of fixed size instead (berth_guest::heap! in Rust), or link with pages of 64 KiB"
            }
            Self::CountsPages => "as linked: it has an allocator that counts pages of 64 KiB",
            Self::AsLinked => "as linked",
            Self::TooShort => {
                "as linked, but it uses memory behind its end: link it with as much as it needs (--initial-memory), or choose with --memory"
            }
        }
    }

    /// Is there something that its author or operator should know?
    #[must_use]
    pub const fn is_doubtful(self) -> bool {
        matches!(
            self,
            Self::Estimated | Self::UsesMore | Self::NoMorePages | Self::TooShort
        )
    }
}

/// What becomes of `memory.size` and `memory.grow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// They stay.
    Keep,
    /// So many pages of 64 KiB, and no more to be had.
    Fixed {
        /// The pages.
        pages: u32,
    },
}

/// The memory of the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Its type; `None` without a memory.
    pub(crate) memory: Option<MemoryType>,
    pub(crate) counting: Counting,
    pub(crate) stack: Option<Stack>,
    pub(crate) basis: Basis,
}

/// Bytes of a memory at the start.
pub(crate) fn bytes(memory: &MemoryType) -> u64 {
    memory.initial << memory.page_size_log2.unwrap_or(PAGE_LOG2)
}

impl Plan {
    /// Decide. `asked`: the size that the caller wants.
    pub(crate) fn of(survey: &Survey, asked: Option<u32>) -> Result<Self, PackError> {
        let stack = stack(survey);
        let Some(memory) = survey.memory else {
            return Ok(Self {
                memory: None,
                counting: Counting::Keep,
                stack: None,
                basis: Basis::None,
            });
        };
        let linked = bytes(&memory);
        let in_bytes = memory.page_size_log2 == Some(0);
        let asked = asked.map(u64::from);
        // What counts bytes as they are knows that pages have one.
        let counts_large_pages =
            survey.counts_pages.is_some() && (survey.is_wasi || survey.counts_large_pages);
        // wasi-libc has the rest of its memory for its heap; others begin with what they ask for.
        let is_misled = counts_large_pages && !survey.is_wasi;
        if let (Some(what), Some(asked)) = (survey.counts_pages, asked)
            && asked != linked
        {
            return Err(PackError::CountsPages { what });
        }
        let (size, basis) = match asked {
            Some(asked) => (check(survey, asked)?, Basis::Asked),
            None if in_bytes && is_misled => (linked, Basis::NoMorePages),
            None if in_bytes && is_too_short(survey, linked) => (linked, Basis::TooShort),
            None if in_bytes => (linked, Basis::AsLinked),
            None if survey.counts_pages.is_some() => (linked, Basis::CountsPages),
            None => enough(survey, linked),
        };
        let counting = if in_bytes && counts_large_pages {
            Counting::Fixed {
                pages: (linked >> PAGE_LOG2) as u32,
            }
        } else {
            Counting::Keep
        };
        let keep = survey.counts_pages.is_some() && counting == Counting::Keep;
        let memory = if keep {
            memory
        } else {
            // No maximum: the device has a limit of its own, and nothing asks for more.
            MemoryType {
                initial: size,
                maximum: None,
                page_size_log2: Some(0),
                ..memory
            }
        };
        Ok(Self {
            memory: Some(memory),
            counting,
            stack,
            basis,
        })
    }
}

/// The size asked for, if everything that is known of the module has its place in it.
fn check(survey: &Survey, asked: u64) -> Result<u64, PackError> {
    let needed = survey
        .data
        .map_or(0, |(_, end)| end)
        .max(u64::from(survey.stack_pointer.unwrap_or(0)));
    if asked < needed {
        return Err(PackError::MemoryTooSmall { asked, needed });
    }
    Ok(asked)
}

/// Returns how much a module without an allocator needs, of the `linked` bytes it has.
fn enough(survey: &Survey, linked: u64) -> (u64, Basis) {
    let data_end = survey.data.map_or(0, |(_, end)| end);
    let (end, basis) = match (survey.heap_base, survey.stack_pointer) {
        (Some(heap_base), _) => (u64::from(heap_base), Basis::HeapBase),
        (None, Some(top)) if has_stack_last(survey) => (u64::from(top), Basis::StackTop),
        (None, top) => {
            let end = data_end
                .max(top.unwrap_or(0).into())
                .max(survey.data_end.unwrap_or(0).into());
            (end, Basis::Estimated)
        }
    };
    let end = end.max(data_end).next_multiple_of(STACK_ALIGN.into());
    let (size, basis) = match (behind(survey, end, linked), basis) {
        (Behind::Used, Basis::HeapBase | Basis::StackTop) => return (linked, Basis::UsesMore),
        (Behind::Grows, _) => return (linked, Basis::UsesMore),
        (Behind::Used, _) | (Behind::Perhaps, _) => {
            let highest = highest(survey, linked).max(end);
            (highest + SLACK, Basis::Estimated)
        }
        (Behind::Nothing, Basis::Estimated) => (end + SLACK, Basis::Estimated),
        // Where that goes nobody sees.
        (Behind::Nothing, _) if survey.addresses.without_base => return (linked, Basis::UsesMore),
        (Behind::Nothing, basis) => (end, basis),
    };
    (size.next_multiple_of(STACK_ALIGN.into()).min(linked), basis)
}

/// Does a module that was linked in bytes use memory behind what it was linked with, and never asks for more?
fn is_too_short(survey: &Survey, linked: u64) -> bool {
    let mut accessed = survey.addresses.accessed.iter();
    let mut globals = survey.global_values.iter();
    // From there on there are registers.
    let is_memory = |first: u64| first < windows::LOWEST.into();
    survey.counts_pages.is_none()
        && (accessed.any(|(first, last)| is_memory(*first) && *last > linked)
            || globals.any(|(value, grows)| *grows && *value == linked))
}

/// What a module does with the memory behind a possible end.
enum Behind {
    Nothing,
    /// Some constant could be an address there.
    Perhaps,
    /// There are accesses, or the address of the end itself is used.
    Used,
    /// A pointer begins there and grows.
    Grows,
}

fn behind(survey: &Survey, end: u64, linked: u64) -> Behind {
    let found = &survey.addresses;
    let border = u64::from(STACK_ALIGN);
    // Where the statics end for certain, up to where linkers align the end of all: an address there is of no variable.
    let statics = survey.data_end.map_or(end, u64::from).min(end);
    let certain = statics.max(end.saturating_sub(border - 1));
    // Without the linker's word they may end anywhere behind the data: the address is that of the last variable, or it
    // is where an allocator begins.
    let data_end = survey.data.map_or(0, |(_, end)| end);
    let perhaps = match survey.data_end {
        Some(_) => certain,
        None => data_end.max(end.saturating_sub(border - 1)).min(end),
    };
    let is_behind = |value: &u64| (perhaps..=linked).contains(value);
    let is_end = |value: &u64| (certain..end + border).contains(value);
    let globals = || survey.global_values.iter();
    // Where the statics end is the least from which an allocator gives.
    let statics = statics.min(perhaps);
    if globals().any(|(value, grows)| *grows && (statics..=linked).contains(value)) {
        return Behind::Grows;
    }
    if found
        .accessed
        .iter()
        .any(|(first, last)| *last > end && *first < linked)
        || found.possible.iter().any(is_end)
        || found.unaligned.range(certain..=end).next().is_some()
        || globals().any(|(value, _)| is_end(value))
    {
        return Behind::Used;
    }
    if found.possible.iter().any(is_behind) || globals().any(|(value, _)| is_behind(value)) {
        return Behind::Perhaps;
    }
    Behind::Nothing
}

/// First address above everything that could be pointed at.
fn highest(survey: &Survey, linked: u64) -> u64 {
    // Room for the widest access.
    let values = survey.addresses.possible.iter().copied();
    let values = values.chain(survey.global_values.iter().map(|(value, _)| *value));
    let possible = values
        .filter(|value| *value < linked)
        .map(|value| value + 8);
    let accessed = survey.addresses.accessed.iter().map(|(_, last)| *last);
    let accessed = accessed.filter(|last| *last <= linked);
    possible.chain(accessed).max().unwrap_or(0)
}

/// Does the stack lie above the data? Only then is everything below its top.
fn has_stack_last(survey: &Survey) -> bool {
    match (survey.data, survey.stack_pointer) {
        (Some((start, end)), Some(top)) => start < u64::from(top) && end <= u64::from(top),
        _ => false,
    }
}

/// Where the shadow stack lies, if that is certain.
fn stack(survey: &Survey) -> Option<Stack> {
    let top = survey.stack_pointer?;
    let bottom = if has_stack_last(survey) {
        survey.data_end?.next_multiple_of(STACK_ALIGN)
    } else {
        // Data above it, so it lies first.
        survey.data.filter(|(start, _)| *start >= u64::from(top))?;
        0
    };
    (bottom < top).then_some(Stack { bottom, top })
}
