//! Where things lie in flash and RAM, as the linker script says.

unsafe extern "C" {
    static _sapps: u8;
    static _eapps: u8;
    static _ssupervisor: u8;
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
