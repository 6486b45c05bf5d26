//! Where things lie in flash and RAM, as the linker script says.

unsafe extern "C" {
    static _sapps: u8;
    static _eapps: u8;
    static _ssupervisor: u8;
    static _sstoreflash: u8;
    static mut _sstore: u8;
    static _estore: u8;
    static mut _snotes: u8;
    static mut _sappmem: u8;
    static _eappmem: u8;
}

/// Flash that holds processes.
pub(crate) fn process_flash() -> &'static [u8] {
    let start = &raw const _sapps;
    let len = (&raw const _eapps).addr() - start.addr();
    // SAFETY: the linker script gives this flash to processes; nothing in the
    // kernel writes it.
    unsafe { core::slice::from_raw_parts(start, len) }
}

/// RAM for processes.
///
/// # Safety
///
/// Once: the slice is the only reference to this memory.
pub(crate) unsafe fn process_memory() -> &'static mut [u8] {
    let start = &raw mut _sappmem;
    let len = (&raw const _eappmem).addr() - start.addr();
    // SAFETY: the linker script puts nothing of the kernel there, and the
    // caller promised that nobody else refers to it.
    unsafe { core::slice::from_raw_parts_mut(start, len) }
}

/// Where the supervisor's image begins: how the board knows it.
pub(crate) fn supervisor_flash_start() -> usize {
    (&raw const _ssupervisor).addr()
}

/// All of the flash that the store's region of the memory map has: address and bytes.
pub(crate) fn store_flash() -> (usize, usize) {
    let start = (&raw const _sstoreflash).addr();
    (start, (&raw const _estore).addr() - start)
}

/// The container store as the emulated flash sees it.
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
    /// Behind the notes, of which the store's 512 KiB have a fourth.
    const OFFSET: usize = 0x2_0000;
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
