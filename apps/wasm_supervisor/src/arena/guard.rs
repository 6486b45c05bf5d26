//! Running a step in an arena, and giving up on it when memory runs out.
//!
//! The engine assumes that most of its allocations succeed. When one does not
//! fit its container's arena, the step that asked for it is **abandoned**:
//! control returns to [`run`], which says so, and the caller wipes the arena
//! without dropping anything in it.
//!
//! # Why abandoning is sound here
//!
//! On the board, [`exhausted`] restores the registers that [`run`] saved and
//! so leaves the frames in between without running their destructors (as
//! `longjmp` does). Rust gives no guarantee for that over frames that have
//! something to drop, so these conditions are kept, and
//! each is named where it is met:
//!
//! 1. Everything the skipped frames own lives in the arena, which is wiped
//!    (engine, module, store and suspended calls of one container).
//! 2. No pointer into the arena survives outside it ([`owned`](super::owned)
//!    forgets its value; what steps return is `Copy` and owns nothing).
//! 3. No lock and no borrow of ours is held while the engine allocates
//!    ([`global`](super::global) releases its lock before it calls
//!    [`exhausted`]; host functions borrow nothing when they return an error,
//!    and do their own work [`outside`], where nothing is abandoned).
//! 4. The engine's only statics are atomic counters of ids; they stay valid.
//! 5. Panics abort, so no landing pad is skipped that something relies on.
//!
//! On the host the step gets the system's memory instead, and [`run`] reports
//! the failure when it ends; the outcome for the caller is the same.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::sync::atomic::{AtomicBool, Ordering};

use super::pool::ArenaId;

/// The step needed memory that its arena could not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// Set by the program that makes the arenas its global allocator.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Say that [`ArenaAllocator`](super::ArenaAllocator) is the global allocator; on the host,
/// for the calling thread, which plays the supervisor from now on.
pub fn set_installed() {
    platform::install();
    INSTALLED.store(true, Ordering::Relaxed);
}

/// Is [`ArenaAllocator`](super::ArenaAllocator) the global allocator?
#[must_use]
pub fn is_installed() -> bool {
    INSTALLED.load(Ordering::Relaxed)
}

pub(super) use platform::{
    current, elsewhere, exhausted, failed, fails, free_overdraft, will_fail,
};

/// Run `step` with arena `id` current.
///
/// # Errors
///
/// If an allocation of the step did not fit. The step may have been left at
/// any allocation; nothing it has made in the arena may be used or dropped.
///
/// Steps do not nest: inside a step, `run` must not be called.
pub(super) fn run<R>(id: ArenaId, step: impl FnOnce() -> R) -> Result<R, OutOfMemory> {
    platform::run(id, step)
}

/// Do `work` of the supervisor inside a step: what it allocates belongs to the
/// supervisor and outlives the container.
pub fn outside<R>(work: impl FnOnce() -> R) -> R {
    let id = platform::set_current(ArenaId::SUPERVISOR);
    let result = work();
    platform::set_current(id);
    result
}

/// Let the allocation fail before which there are `allocations` others on this thread, and
/// no other. Those of arena `spared` and of a test itself ([`of_the_test`]) do not count.
#[cfg(not(target_os = "none"))]
pub fn fail_after(allocations: u64, spared: ArenaId) {
    platform::fail_after(Some((allocations, spared)));
}

/// Let no allocation fail any more. Returns whether one has.
#[cfg(not(target_os = "none"))]
#[must_use]
pub fn has_failed() -> bool {
    platform::fail_after(None).is_none()
}

/// Do `work` of a test itself: what it allocates comes from the system and takes
/// nothing from the pool.
#[cfg(not(target_os = "none"))]
pub fn of_the_test<R>(work: impl FnOnce() -> R) -> R {
    platform::as_whose(true, work)
}

/// Say that [`ArenaAllocator`](super::ArenaAllocator) is the global allocator of a program that simulates a device beside
/// other things: what allocates from the arenas is only [`of_the_supervisor`].
#[cfg(not(target_os = "none"))]
pub fn set_installed_on_the_desk() {
    INSTALLED.store(true, Ordering::Relaxed);
}

/// Do `work` of the supervisor on a thread that is otherwise the program's own.
#[cfg(not(target_os = "none"))]
pub fn of_the_supervisor<R>(work: impl FnOnce() -> R) -> R {
    platform::as_whose(false, work)
}

/// Do `work` of a simulated board below the supervisor: what it allocates comes from the system.
#[cfg(not(target_os = "none"))]
pub fn of_the_board<R>(work: impl FnOnce() -> R) -> R {
    platform::as_whose(true, work)
}

#[cfg(target_os = "none")]
mod platform {
    use super::{ArenaId, Layout, OutOfMemory};
    use core::arch::naked_asm;
    use core::cell::Cell;
    use core::ffi::c_void;
    use core::ptr;

    struct Context {
        /// Number of the current arena.
        arena: Cell<u8>,
        /// Stack pointer saved by `arena_catch`; zero while no step runs.
        saved_sp: Cell<usize>,
    }

    // SAFETY: a process on the board has one thread.
    unsafe impl Sync for Context {}

    static CONTEXT: Context = Context {
        arena: Cell::new(ArenaId::SUPERVISOR.number()),
        saved_sp: Cell::new(0),
    };

    /// Call `step(argument)`. Returns 0 if it returned, 1 if [`arena_throw`] left it.
    /// `saved_sp` receives the stack pointer under which the callee-saved
    /// registers lie. (Soft float: there are no other callee-saved ones.)
    #[unsafe(naked)]
    unsafe extern "C" fn arena_catch(
        saved_sp: *mut usize,
        step: unsafe extern "C" fn(*mut c_void),
        argument: *mut c_void,
    ) -> u32 {
        naked_asm!(
            // r3 keeps the stack aligned to eight bytes.
            "push {{r3-r11, lr}}",
            "mov r3, sp",
            "str r3, [r0]",
            "mov r0, r2",
            "blx r1",
            "movs r0, #0",
            "pop {{r3-r11, pc}}",
        )
    }

    /// Return 1 from the `arena_catch` that stored `saved_sp`.
    #[unsafe(naked)]
    unsafe extern "C" fn arena_throw(saved_sp: usize) -> ! {
        naked_asm!("mov sp, r0", "movs r0, #1", "pop {{r3-r11, pc}}")
    }

    pub(super) fn run<R>(id: ArenaId, step: impl FnOnce() -> R) -> Result<R, OutOfMemory> {
        struct Call<F, R> {
            step: Option<F>,
            result: Option<R>,
        }
        unsafe extern "C" fn call<F: FnOnce() -> R, R>(argument: *mut c_void) {
            // SAFETY: `run` passes its own `Call<F, R>`, which outlives the call.
            let call = unsafe { &mut *argument.cast::<Call<F, R>>() };
            if let Some(step) = call.step.take() {
                call.result = Some(step());
            }
        }
        fn trampoline<F: FnOnce() -> R, R>(_: &Call<F, R>) -> unsafe extern "C" fn(*mut c_void) {
            call::<F, R>
        }

        let mut state = Call {
            step: Some(step),
            result: None,
        };
        let entry = trampoline(&state);
        CONTEXT.arena.set(id.number());
        // SAFETY: `entry` fits the type of `state`, which lives until the call
        // returns; `saved_sp` is a static. The conditions at the head of this
        // file make it sound to leave the step in between.
        let left = unsafe {
            arena_catch(
                CONTEXT.saved_sp.as_ptr(),
                entry,
                ptr::from_mut(&mut state).cast(),
            )
        };
        CONTEXT.saved_sp.set(0);
        CONTEXT.arena.set(ArenaId::SUPERVISOR.number());
        if left != 0 {
            return Err(OutOfMemory);
        }
        state.result.take().ok_or(OutOfMemory)
    }

    pub(in super::super) fn current() -> ArenaId {
        ArenaId::from_number(CONTEXT.arena.get())
    }

    /// Make `id` current. Returns the one before.
    pub(super) fn set_current(id: ArenaId) -> ArenaId {
        ArenaId::from_number(CONTEXT.arena.replace(id.number()))
    }

    /// An allocation did not fit: leave the step, or (in the supervisor's own
    /// arena) tell the caller.
    pub(in super::super) fn exhausted(_: Layout) -> *mut u8 {
        let saved_sp = CONTEXT.saved_sp.get();
        if saved_sp == 0 || current() == ArenaId::SUPERVISOR {
            return ptr::null_mut();
        }
        // SAFETY: `saved_sp` is not zero, so the `arena_catch` that stored it has
        // not returned and its frame is intact below ours.
        unsafe { arena_throw(saved_sp) }
    }

    pub(super) const fn install() {}

    #[inline(always)]
    pub(in super::super) const fn fails() -> bool {
        false
    }

    #[inline(always)]
    pub(in super::super) const fn will_fail() -> bool {
        false
    }

    pub(in super::super) const fn failed(_: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    #[inline(always)]
    pub(in super::super) const fn elsewhere(_: Layout) -> Option<*mut u8> {
        None
    }

    pub(in super::super) unsafe fn free_overdraft(_: *mut u8, _: Layout) {
        // There is no overdraft on the board.
    }
}

#[cfg(not(target_os = "none"))]
mod platform {
    extern crate std;

    use super::{ArenaId, Layout, OutOfMemory};
    use core::alloc::GlobalAlloc;
    use core::cell::Cell;
    use std::alloc::System;
    use std::thread_local;

    thread_local! {
        static CURRENT: Cell<u8> = const { Cell::new(ArenaId::SUPERVISOR.number()) };
        static EXHAUSTED: Cell<bool> = const { Cell::new(false) };
        /// Threads are the test's until one plays the supervisor's.
        static OF_THE_TEST: Cell<bool> = const { Cell::new(true) };
        /// Allocations before the one that is to fail.
        static UNTIL_FAILURE: Cell<Option<(u64, ArenaId)>> = const { Cell::new(None) };
    }

    pub(super) fn fail_after(allocations: Option<(u64, ArenaId)>) -> Option<(u64, ArenaId)> {
        UNTIL_FAILURE.replace(allocations)
    }

    /// Is the next allocation the one that is to fail?
    pub(in super::super) fn will_fail() -> bool {
        !OF_THE_TEST.get()
            && matches!(UNTIL_FAILURE.get(), Some((0, spared)) if spared != current())
    }

    /// Is this the allocation that is to fail?
    pub(in super::super) fn fails() -> bool {
        match UNTIL_FAILURE.get() {
            Some((left, spared)) if spared != current() && !OF_THE_TEST.get() => {
                UNTIL_FAILURE.set(left.checked_sub(1).map(|left| (left, spared)));
                left == 0
            }
            _ => false,
        }
    }

    pub(super) fn install() {
        OF_THE_TEST.set(false);
    }

    /// Do `work` of the program itself, or else of the supervisor.
    pub(super) fn as_whose<R>(of_the_program: bool, work: impl FnOnce() -> R) -> R {
        let before = OF_THE_TEST.replace(of_the_program);
        let result = work();
        OF_THE_TEST.set(before);
        result
    }

    /// A block from elsewhere, if the current arena does not serve this allocation.
    pub(in super::super) fn elsewhere(layout: Layout) -> Option<*mut u8> {
        // SAFETY: the layout is the caller's, of non-zero size by its contract.
        OF_THE_TEST.get().then(|| unsafe { System.alloc(layout) })
    }

    pub(super) fn run<R>(id: ArenaId, step: impl FnOnce() -> R) -> Result<R, OutOfMemory> {
        CURRENT.set(id.number());
        EXHAUSTED.set(false);
        let result = step();
        CURRENT.set(ArenaId::SUPERVISOR.number());
        if EXHAUSTED.get() {
            Err(OutOfMemory)
        } else {
            Ok(result)
        }
    }

    pub(in super::super) fn current() -> ArenaId {
        ArenaId::from_number(CURRENT.get())
    }

    pub(super) fn set_current(id: ArenaId) -> ArenaId {
        ArenaId::from_number(CURRENT.replace(id.number()))
    }

    /// What [`fails`] said has to fail: as on the board.
    pub(in super::super) fn failed(layout: Layout) -> *mut u8 {
        if current() == ArenaId::SUPERVISOR {
            return core::ptr::null_mut();
        }
        exhausted(layout)
    }

    pub(in super::super) fn exhausted(layout: Layout) -> *mut u8 {
        // In the supervisor's arena this is the test program itself, which may
        // need more than a board has.
        EXHAUSTED.set(true);
        // SAFETY: the layout is the caller's, of non-zero size by its contract.
        unsafe { System.alloc(layout) }
    }

    pub(in super::super) unsafe fn free_overdraft(pointer: *mut u8, layout: Layout) {
        // SAFETY: a block outside the pool came from `exhausted` or `elsewhere`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
