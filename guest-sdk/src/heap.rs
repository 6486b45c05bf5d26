//! A heap of fixed size for `alloc`.
//!
//! The allocator that comes with Rust for this target asks for pages of 64 KiB, more than most containers are large. This
//! one gives memory from an array among the statics, so the container's size is known when it is linked.

/// An allocator that gives memory from an array of `N` bytes; [`heap!`](crate::heap) makes it the container's.
pub use emballoc::Allocator as Heap;

/// Give the container a heap of so many bytes, a multiple of four. `alloc` is there then: `alloc::vec::Vec`,
/// `alloc::string::String`, `alloc::boxed::Box`.
///
/// ```ignore
/// berth_guest::heap!(4096);
///
/// let mut seen = alloc::vec::Vec::new();
/// seen.push(7);
/// ```
///
/// An allocation that finds no room ends the container, as a panic does. Each takes four bytes more than it asks
/// for. Interrupt handlers must not allocate: they run while main may be in the middle of an allocation, and
/// would wait for it until their budget is used up.
#[macro_export]
macro_rules! heap {
    ($bytes:expr) => {
        extern crate alloc;

        #[global_allocator]
        static HEAP: $crate::Heap<{ $bytes }> = $crate::Heap::new();
    };
}
