//! Capabilities: zero-sized tokens that prove the right to call something.
//!
//! Only a board can make one, because implementing these traits takes
//! `unsafe`, which capsules forbid; see
//! [`create_capability!`](crate::create_capability). A function that takes
//! `&dyn SomeCapability` therefore cannot be called by a capsule that the board
//! did not hand the token to.

/// Starting, stopping, restarting, inspecting and mapping memory into processes.
///
/// # Safety
///
/// Implemented by boards only.
#[allow(unsafe_code)]
pub unsafe trait ProcessManagementCapability {}

/// Starting a process that was loaded.
///
/// # Safety
///
/// Implemented by boards only.
#[allow(unsafe_code)]
pub unsafe trait ProcessStartCapability {}

/// Running the kernel's main loop.
///
/// # Safety
///
/// Implemented by boards only.
#[allow(unsafe_code)]
pub unsafe trait MainLoopCapability {}

/// Creating grants.
///
/// # Safety
///
/// Implemented by boards only.
#[allow(unsafe_code)]
pub unsafe trait MemoryAllocationCapability {}

/// Being handed a [`ProcessId`](crate::ProcessId) from outside the kernel.
///
/// # Safety
///
/// Implemented by boards only.
#[allow(unsafe_code)]
pub unsafe trait ExternalProcessCapability {}

/// Choosing where kernel debug output goes.
///
/// # Safety
///
/// Implemented by boards only.
#[allow(unsafe_code)]
pub unsafe trait SetDebugWriterCapability {}

/// Make a value that implements the given capability traits.
///
/// For boards only: it expands to `unsafe impl`.
#[macro_export]
macro_rules! create_capability {
    ($($capability:ty),+ $(,)?) => {{
        struct Capability;
        $(
            #[allow(unsafe_code)]
            // SAFETY: minted by the board, which decides who may hold it.
            unsafe impl $capability for Capability {}
        )+
        Capability
    }};
}
