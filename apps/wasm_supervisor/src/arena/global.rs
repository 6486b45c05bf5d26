//! The global allocator: every allocation goes to the arena that is current.
//!
//! On the board this is *the* allocator of the process. On the host it is
//! installed only by the test `tests/memory.rs`; other tests run on the
//! system's allocator and see empty arenas.

#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use super::guard;
use super::linear::Resized;
use super::pool::{
    ALIGN_MAX, ArenaId, Memory, Node, PAGE_BYTES, Pool, RESERVED_BYTES, Space, Usage,
};

/// Most bytes of the pool on a board. Of the 256 KiB of the supervisor's RAM the kernel takes
/// up to 8 (its own part and the MPU's granule), the stack 28, the table of pages
/// 7, other statics 2. Where the kernel gives less, the pool is smaller.
pub const BOARD_POOL_BYTES: usize = 212 * 1024;
/// Most bytes of the pool.
#[cfg(target_os = "none")]
const POOL_BYTES: usize = BOARD_POOL_BYTES;
/// Bytes of the pool. Pointers are twice as long as on the board, so is the pool.
#[cfg(not(target_os = "none"))]
const POOL_BYTES: usize = 448 * 1024;

const POOL_PAGES: usize = POOL_BYTES / PAGE_BYTES;

/// The memory that the pool manages: what the process has got ([`make_do_with`]).
#[cfg(target_os = "none")]
mod memory {
    use core::ptr;
    use core::sync::atomic::{AtomicPtr, Ordering};

    static BASE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

    pub(super) fn set(base: *mut u8) {
        BASE.store(base, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn base() -> *mut u8 {
        BASE.load(Ordering::Relaxed)
    }
}

/// The memory that the pool manages: always there.
#[cfg(not(target_os = "none"))]
mod memory {
    use super::{ALIGN_MAX, POOL_BYTES, UnsafeCell};

    #[repr(align(64))]
    struct Bytes(UnsafeCell<[u8; POOL_BYTES]>);

    // `Bytes` promises what `Pool` relies on.
    const _: () = assert!(core::mem::align_of::<Bytes>() >= ALIGN_MAX);

    // SAFETY: the bytes are reached through pointers to blocks, each of which the
    // pool gives to one owner at a time, and through list nodes in free blocks,
    // which only the holder of `LOCK` touches.
    unsafe impl Sync for Bytes {}

    static BYTES: Bytes = Bytes(UnsafeCell::new([0; POOL_BYTES]));

    pub(super) fn base() -> *mut u8 {
        BYTES.0.get().cast()
    }
}

use memory::base;

/// Most memory that is of use: the pool, and what is lost where it does not begin at a multiple of [`ALIGN_MAX`].
#[cfg(target_os = "none")]
pub const MEMORY_MAX: usize = POOL_BYTES + ALIGN_MAX;

/// Let the arenas be made of this memory. Once, before anything is allocated: until then nothing can be.
#[cfg(target_os = "none")]
pub fn make_do_with(memory: &'static mut [u8]) {
    let lost = memory.as_ptr().align_offset(ALIGN_MAX);
    let rest = memory.get_mut(lost..).unwrap_or_default();
    with_pool(|pool| pool.make_do_with(rest.len()));
    memory::set(rest.as_mut_ptr());
}

/// List nodes inside free blocks of the pool's memory.
struct Nodes;

impl Memory for Nodes {
    // Of every step along a list.
    #[inline(always)]
    fn read(&self, offset: u32) -> Node {
        assert_inside(offset);
        // SAFETY: `assert_inside` checked that 8 bytes at `offset` are inside;
        // the pool keeps nodes only in free blocks and at multiples of 8, so the
        // place is aligned and nobody else's.
        unsafe {
            let place = base().add(offset as usize).cast::<u32>();
            Node {
                next: place.read(),
                length: place.add(1).read(),
            }
        }
    }

    #[inline(always)]
    fn write(&mut self, offset: u32, node: Node) {
        assert_inside(offset);
        // SAFETY: as in `read`.
        unsafe {
            let place = base().add(offset as usize).cast::<u32>();
            place.write(node.next);
            place.add(1).write(node.length);
        }
    }
}

/// A list that leads outside is damaged; going on would damage more.
#[inline(always)]
fn assert_inside(offset: u32) {
    assert!(offset as usize + 8 <= POOL_BYTES && offset.is_multiple_of(8));
}

struct SharedPool(UnsafeCell<Pool<Nodes, POOL_PAGES>>);

// SAFETY: only `with_pool` reaches the cell, and it holds `LOCK` meanwhile.
unsafe impl Sync for SharedPool {}

static POOL: SharedPool = SharedPool(UnsafeCell::new(Pool::new(Nodes)));
/// Taken while the pool is changed. A process on the board has one thread, so
/// there nobody ever waits; tests on the host have several.
static LOCK: AtomicBool = AtomicBool::new(false);

/// Change the pool. `change` must not allocate.
fn with_pool<R>(change: impl FnOnce(&mut Pool<Nodes, POOL_PAGES>) -> R) -> R {
    while LOCK.swap(true, Ordering::Acquire) {
        core::hint::spin_loop();
    }
    // SAFETY: `LOCK` was free and is ours until the store below, so this is the
    // only reference.
    let result = change(unsafe { &mut *POOL.0.get() });
    LOCK.store(false, Ordering::Release);
    result
}

/// What arena `id` holds.
#[must_use]
pub fn usage(id: ArenaId) -> Usage {
    with_pool(|pool| pool.usage(id))
}

/// Bytes that all arenas have together.
#[must_use]
pub fn total() -> u32 {
    with_pool(|pool| pool.total_bytes())
}

/// What the pool has left. Looks at every page, some 100,000 instructions: who does not
/// want the longest run asks for [`free`].
#[must_use]
pub fn space() -> Space {
    with_pool(|pool| pool.space())
}

/// Bytes of free pages.
#[must_use]
pub fn free() -> u32 {
    with_pool(|pool| pool.free_bytes())
}

/// Bytes that containers can still take.
#[must_use]
pub fn room() -> u32 {
    free().saturating_sub(RESERVED_BYTES as u32)
}

/// Return the pages of `id` that no block uses.
pub fn trim(id: ArenaId) {
    with_pool(|pool| pool.trim(id));
}

/// Let `id` own pages for at most `bytes`.
pub fn set_limit(id: ArenaId, bytes: usize) {
    with_pool(|pool| pool.set_limit(id, bytes));
}

/// Could arena `id` take `size` bytes in one piece?
///
/// Always yes where the arenas are not the allocator (most tests on the host).
#[must_use]
pub fn can_allocate(id: ArenaId, size: usize) -> bool {
    !guard::is_installed() || with_pool(|pool| pool.can_allocate(id, size, 8))
}

/// May the linear memory of arena `id` have `bytes` bytes? Asked before each growth and before one is made; `grows`: it may grow later, or does.
///
/// Always yes where the arenas are not the allocator.
#[must_use]
pub fn grow_linear(id: ArenaId, bytes: usize, grows: bool) -> bool {
    !guard::is_installed() || with_pool(|pool| pool.grow_linear(id, bytes, grows))
}

/// Is it known, without a search, that the linear memory of arena `id` cannot have `bytes` bytes?
#[must_use]
pub fn refuses_linear(id: ArenaId, bytes: usize) -> bool {
    guard::is_installed() && with_pool(|pool| pool.refuses_linear(id, bytes))
}

/// What lives in arena `id` is dropped next, and then the arena is wiped.
pub(super) fn end(id: ArenaId) {
    with_pool(|pool| pool.end(id));
}

/// Return all pages of a container's arena, whatever is in them.
///
/// # Safety
///
/// Nothing that lives in the arena may be used or dropped afterwards: the
/// caller has dropped or forgotten every value that owns or borrows memory in it.
pub(super) unsafe fn wipe(id: ArenaId) {
    with_pool(|pool| pool.wipe(id));
}

/// The global allocator of the supervisor.
pub struct ArenaAllocator;

// SAFETY: blocks come from the pool, which gives no byte to two owners, keeps
// size and alignment (its tests check both against a model), and never moves a
// block by itself; `dealloc` and `realloc` get the layout of the allocation, which is what
// the pool needs. One block an arena may be shorter than its layout says, that of
// a linear memory: `growth` says why its owner does not touch what is missing, and the pool
// knows its length (`held`). On the host, blocks outside the pool belong to the system's
// allocator and go back there.
unsafe impl GlobalAlloc for ArenaAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(block) = guard::elsewhere(layout) {
            return block;
        }
        if guard::fails() {
            return guard::failed(layout);
        }
        // There is no memory yet.
        #[cfg(target_os = "none")]
        if base().is_null() {
            return ptr::null_mut();
        }
        let id = guard::current();
        match with_pool(|pool| pool.allocate(id, layout.size(), layout.align())) {
            // SAFETY: an offset from the pool is inside its memory.
            Some(offset) => unsafe { base().add(offset as usize) },
            None => guard::exhausted(layout),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match offset_of(pointer) {
            Some(offset) => with_pool(|pool| pool.free(offset, layout.size())),
            // SAFETY: not from the pool, so `alloc` got it from the guard.
            None => unsafe { guard::free_overdraft(pointer, layout) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let grows = new_size > layout.size();
        let mut held = layout.size();
        // A test may want growth to fail: in `alloc`, below.
        if let Some(offset) = offset_of(pointer) {
            held = with_pool(|pool| pool.held(offset, held));
            if !(grows && guard::will_fail()) {
                match with_pool(|pool| pool.resize(offset, layout.size(), new_size)) {
                    Resized::InPlace => return pointer,
                    Resized::Moved { to, held } => {
                        // SAFETY: `to` is an offset of a fresh block of the pool, at least as
                        // long as the `held` bytes of the old one, which do not overlap it.
                        let new = unsafe { base().add(to as usize) };
                        // SAFETY: as above.
                        unsafe { ptr::copy_nonoverlapping(pointer, new, held) };
                        with_pool(|pool| pool.moved(offset, held));
                        return new;
                    }
                    Resized::No => {}
                }
            }
        }
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else {
            return ptr::null_mut();
        };
        // SAFETY: the layout is valid and not of size zero (the caller's duty).
        let new = unsafe { self.alloc(new_layout) };
        if !new.is_null() {
            // SAFETY: both blocks are at least as long as what is copied, and the
            // new one is a fresh block, so they do not overlap; the old one is the
            // caller's to give back.
            unsafe {
                ptr::copy_nonoverlapping(pointer, new, held.min(new_size));
                self.dealloc(pointer, layout);
            }
        }
        new
    }
}

fn offset_of(pointer: *mut u8) -> Option<u32> {
    let offset = (pointer as usize).checked_sub(base() as usize)?;
    (offset < POOL_BYTES).then_some(offset as u32)
}
