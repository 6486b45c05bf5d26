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
//! A module with an allocator (it says `memory.size` or `memory.grow`) believes that all of
//! its first pages are there, and that they have 64 KiB. Such a memory keeps its size. If it
//! was linked with pages of one byte, as `docs/wasi.md` shows, wasi-libc still counts in
//! pages of 64 KiB; the two instructions are then rewritten so that they tell it the truth:
//! whole pages of 64 KiB, and never more of them.

use berth_package::Stack;
use wasmparser::MemoryType;

use crate::PackError;
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
    /// As linked: the module counts pages of 64 KiB.
    CountsPages,
    /// As linked: it is counted in bytes already.
    AsLinked,
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
                "estimated; exact with -Wl,--export=__heap_base, or choose with --memory"
            }
            Self::CountsPages => "as linked: it has an allocator that counts pages of 64 KiB",
            Self::AsLinked => "as linked",
        }
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
        if let (Some(what), Some(asked)) = (survey.counts_pages, asked)
            && asked != linked
        {
            return Err(PackError::CountsPages { what });
        }
        let (size, basis) = match asked {
            Some(asked) => (check(survey, asked)?, Basis::Asked),
            None if in_bytes => (linked, Basis::AsLinked),
            None if survey.counts_pages.is_some() => (linked, Basis::CountsPages),
            None => enough(survey, linked),
        };
        let counting = if in_bytes && survey.counts_pages.is_some() && survey.is_wasi {
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

/// How much a module without an allocator needs, of the `linked` bytes it has.
fn enough(survey: &Survey, linked: u64) -> (u64, Basis) {
    let data_end = survey.data.map_or(0, |(_, end)| end);
    let (size, basis) = match (survey.heap_base, survey.stack_pointer) {
        (Some(heap_base), _) => (u64::from(heap_base), Basis::HeapBase),
        (None, Some(top)) if has_stack_last(survey) => (u64::from(top), Basis::StackTop),
        (None, top) => (
            data_end
                .max(top.unwrap_or(0).into())
                .max(survey.data_end.unwrap_or(0).into())
                .max(survey.highest_constant)
                + SLACK,
            Basis::Estimated,
        ),
    };
    let size = size.max(data_end).next_multiple_of(STACK_ALIGN.into());
    (size.min(linked), basis)
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
