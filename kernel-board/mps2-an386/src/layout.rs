//! Where things lie in flash and RAM, as the linker script says.

#![allow(unsafe_code)]

unsafe extern "C" {
    static _sapps: u8;
    static _eapps: u8;
    static _sstoreflash: u8;
    static mut _sstore: u8;
    static _estore: u8;
    static mut _snotes: u8;
    static mut _scode: u8;
    static _ecode: u8;
    static mut _scodenotes: u8;
    static mut _sappmem: u8;
    static _eappmem: u8;
    static _ssupervisor: u8;
    static _esupervisor: u8;
    static mut _ssupervisormem: u8;
    static _esupervisormem: u8;
    static _sapp0: u8;
    static _eapp0: u8;
    static mut _sapp0mem: u8;
    static _eapp0mem: u8;
    static _sapp1: u8;
    static _eapp1: u8;
    static mut _sapp1mem: u8;
    static _eapp1mem: u8;
    static _sapp2: u8;
    static _eapp2: u8;
    static mut _sapp2mem: u8;
    static _eapp2mem: u8;
}

/// Flash and RAM for processes.
pub(crate) struct Ground {
    /// Where their images lie.
    pub(crate) flash: &'static [u8],
    /// Where they have their RAM.
    pub(crate) memory: &'static mut [u8],
}

impl Ground {
    /// What lies between symbols of the linker script.
    ///
    /// # Safety
    ///
    /// Symbols of regions that the linker script gives to processes alone, flash first; and once: the memory
    /// is referred to by nobody else.
    unsafe fn between(flash: [*const u8; 2], start: *mut u8, end: *const u8) -> Self {
        // SAFETY: nothing in the kernel writes this flash or has anything in this RAM, and the caller
        // promised that nobody else refers to it.
        unsafe {
            Self {
                flash: core::slice::from_raw_parts(flash[0], flash[1].addr() - flash[0].addr()),
                memory: core::slice::from_raw_parts_mut(start, end.addr() - start.addr()),
            }
        }
    }
}

/// All flash and RAM for processes, for a board without places.
///
/// # Safety
///
/// Once, and not together with [`places`].
pub(crate) unsafe fn all_places() -> Ground {
    let flash = [&raw const _sapps, &raw const _eapps];
    // SAFETY: the caller's promise.
    unsafe { Ground::between(flash, &raw mut _sappmem, &raw const _eappmem) }
}

/// The places for processes, the supervisor's first.
///
/// # Safety
///
/// Once, and not together with [`all_places`].
pub(crate) unsafe fn places() -> [Ground; 4] {
    // SAFETY: the regions of the memory map do not overlap, and the caller's promise.
    unsafe {
        [
            Ground::between(
                [&raw const _ssupervisor, &raw const _esupervisor],
                &raw mut _ssupervisormem,
                &raw const _esupervisormem,
            ),
            Ground::between(
                [&raw const _sapp0, &raw const _eapp0],
                &raw mut _sapp0mem,
                &raw const _eapp0mem,
            ),
            Ground::between(
                [&raw const _sapp1, &raw const _eapp1],
                &raw mut _sapp1mem,
                &raw const _eapp1mem,
            ),
            Ground::between(
                [&raw const _sapp2, &raw const _eapp2],
                &raw mut _sapp2mem,
                &raw const _eapp2mem,
            ),
        ]
    }
}

/// Pages of the store's region at most.
pub(crate) const STORE_PAGES: usize = 128;

/// All of the flash that the store's region of the memory map has: address and bytes.
pub(crate) fn store_flash() -> (usize, usize) {
    let start = (&raw const _sstoreflash).addr();
    (start, (&raw const _estore).addr() - start)
}

/// Pages of the region for compiled code at most.
pub(crate) const CODE_PAGES: usize = 32;

/// All of the flash for compiled code: address and bytes.
pub(crate) fn code_flash() -> (usize, usize) {
    let start = (&raw const _scode).addr();
    (start, (&raw const _ecode).addr() - start)
}

/// A part of the flash as the emulated flash sees it.
pub(crate) struct Store {
    /// Its bytes.
    pub(crate) bytes: &'static mut [u8],
    /// How often each word was programmed; memory that a real part does not have.
    pub(crate) counts: &'static mut [u8],
}

/// The container store.
///
/// # Safety
///
/// Once: the slices are the only references of the kernel to this memory.
pub(crate) unsafe fn store() -> Store {
    let start = &raw mut _sstore;
    let len = (&raw const _estore).addr() - start.addr();
    // SAFETY: the linker script puts nothing of the kernel there, the caller promised
    // that nobody else refers to it, and a process only ever reads it.
    unsafe {
        Store {
            bytes: core::slice::from_raw_parts_mut(start, len),
            counts: core::slice::from_raw_parts_mut(&raw mut _snotes, len / 4),
        }
    }
}

/// The flash for compiled code.
///
/// # Safety
///
/// As [`store`].
pub(crate) unsafe fn code() -> Store {
    let (_, len) = code_flash();
    // SAFETY: as in `store`; a process reads and executes it.
    unsafe {
        Store {
            bytes: core::slice::from_raw_parts_mut(&raw mut _scode, len),
            counts: core::slice::from_raw_parts_mut(&raw mut _scodenotes, len / 4),
        }
    }
}

/// What the emulator's user says to the emulated flash, in words behind its notes.
pub(crate) struct EmulatorWords {
    /// Steps of the flash (words programmed, pages erased) until the power is cut.
    pub(crate) cut_after: u32,
    /// What is left of the step that the cut is in.
    pub(crate) cut_seed: u32,
    /// One more than the page that cannot be erased any more; 0: all can.
    pub(crate) worn: u32,
}

/// The emulator's words, if there are any: semihosting may be used then.
pub(crate) fn emulator_words() -> Option<EmulatorWords> {
    /// "bert", as tools/emulator writes it.
    const PRESENT: u32 = 0x7472_6562;
    /// Behind the notes, a fourth of the store's 512 KiB and of the code's 128: what the file has reaches up to here.
    const OFFSET: usize = 0x2_8000;
    let words = (&raw const _snotes).wrapping_add(OFFSET).cast::<u32>();
    // SAFETY: aligned memory that the linker script keeps free. It is written by nobody
    // but the emulator.
    let [present, cut_after, cut_seed, worn] =
        [0, 1, 2, 3].map(|number| unsafe { words.wrapping_add(number).read_volatile() });
    (present == PRESENT).then_some(EmulatorWords {
        cut_after,
        cut_seed,
        worn,
    })
}
