//! What a table of registers cannot say: upcalls, the queue, memory.

use crate::report::Report;
use core::sync::atomic::{AtomicU32, Ordering};
use libtock::raw::{self, class, variant};
use libtock::{ErrorCode, EventSlot, alarm, memop};

/// In the data section: must have been copied from flash.
static DATA: AtomicU32 = AtomicU32::new(0x1234_5678);
/// In the bss section: must be zero.
static BSS: AtomicU32 = AtomicU32::new(0);
/// Where alarm events arrive.
static ALARM: EventSlot = EventSlot::new();

pub(crate) fn run(report: &mut Report) {
    report.check(
        "data is copied and bss is clear",
        DATA.load(Ordering::Relaxed) == 0x1234_5678 && BSS.load(Ordering::Relaxed) == 0,
    );
    DATA.store(0, Ordering::Relaxed);
    BSS.store(1, Ordering::Relaxed);
    report.check("registers r4 to r11 survive a call", registers_survive());
    yielding(report);
    memory(report);
}

fn yielding(report: &mut Report) {
    report.check(
        "yield-no-wait with nothing pending returns 0",
        !libtock::yield_no_wait(),
    );
    report.check(
        "yield-no-wait with only an unsubscribed event pending returns 0",
        expire() && !libtock::yield_no_wait(),
    );
    let [now, expiry, third] = libtock::wait_for(alarm::DRIVER_NUM, 0);
    report.check(
        "yield-wait-for finds that event, unsubscribed, with its arguments",
        now.wrapping_sub(expiry) < 1 << 31 && third == 0,
    );

    let subscribed = alarm::notify(&ALARM).is_ok();
    report.check(
        "no upcall runs before a yield",
        subscribed && expire() && !ALARM.is_filled(),
    );
    report.check("yield-no-wait runs one upcall", libtock::yield_no_wait());
    let event = ALARM.take();
    report.check(
        "the upcall had the event's arguments",
        event.is_some_and(|event| {
            let [now, expiry, third] = event.arguments;
            event.count == 1 && (now as u32).wrapping_sub(expiry as u32) < 1 << 31 && third == 0
        }),
    );
    report.check(
        "yield-wait sleeps until the upcall has run",
        alarm::set_relative(1000).is_ok() && {
            libtock::yield_wait();
            ALARM.take().is_some()
        },
    );
    report.check(
        "subscribing again drops what was queued",
        expire()
            && alarm::notify(&ALARM).is_ok()
            && !libtock::yield_no_wait()
            && !ALARM.is_filled(),
    );
    report.check(
        "unsubscribing succeeds",
        libtock::unsubscribe(alarm::DRIVER_NUM, 0).is_ok(),
    );
    report.check(
        "stopping an alarm that is not set is ALREADY",
        alarm::stop() == Err(ErrorCode::Already),
    );
}

/// Let an alarm expire without yielding; its event is queued then.
fn expire() -> bool {
    const AHEAD: u32 = 1000;
    let (Ok(frequency), Ok(expiry)) = (alarm::frequency(), alarm::set_relative(AHEAD)) else {
        return false;
    };
    // 10 ms more than it takes: an emulated timer may interrupt late.
    let end = expiry.wrapping_add(frequency / 100);
    // Each look at the clock is a system call, after which the kernel handles
    // what is pending.
    loop {
        match alarm::now() {
            Ok(now) if now.wrapping_sub(end) < 1 << 31 => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

fn memory(report: &mut Report) {
    const SIZE: isize = 64;
    // SAFETY: what is taken here is used by nobody else, and given back before
    // the next step takes it again.
    unsafe {
        let zero_again = memop::sbrk(SIZE).is_ok_and(|start| {
            let bytes = core::ptr::with_exposed_provenance_mut::<u8>(start);
            bytes.write_bytes(0xa5, SIZE as usize);
            memop::sbrk(-SIZE).is_ok()
                && memop::sbrk(SIZE) == Ok(start)
                && core::slice::from_raw_parts(bytes, SIZE as usize) == [0; SIZE as usize]
        });
        report.check("newly exposed memory is zero", zero_again);

        let end = memop::app_break().unwrap_or(0);
        let lent = raw::call::<{ class::ALLOW_READ_WRITE }>([1, 1, end - 4, 4]);
        let shrunk = memop::sbrk(-SIZE);
        let back = raw::call::<{ class::ALLOW_READ_WRITE }>([1, 1, 0, 0]);
        let shrunk_after = memop::sbrk(-SIZE);
        report.check(
            "the break never goes below a buffer that was lent",
            lent[0] == variant::SUCCESS_2_U32
                && shrunk == Err(ErrorCode::NoMem)
                && back == [variant::SUCCESS_2_U32, end - 4, 4, 0]
                && shrunk_after == Err(ErrorCode::NoMem),
        );
    }
    let start = memop::ram_start().unwrap_or(0);
    let app_break = memop::app_break().unwrap_or(0);
    let grants = memop::grant_start().unwrap_or(0);
    let end = memop::ram_end().unwrap_or(0);
    report.check(
        "memory is laid out as RAM start < break <= grants < RAM end",
        start < app_break && app_break <= grants && grants < end,
    );
    // SAFETY: refused, so nothing moves.
    let above = unsafe { memop::brk(grants + 1) };
    report.check(
        "the break stops at the grants",
        above == Err(ErrorCode::NoMem),
    );
}

/// Fill r4, r5 and r8 to r11, make a call, and see whether they are the same
/// after it (r6 and r7 belong to the compiler).
fn registers_survive() -> bool {
    let same: usize;
    // SAFETY: every register used is declared; the call is a command to a driver
    // that is not there.
    unsafe {
        core::arch::asm!(
            "movw r4, #0x4444",
            "movw r5, #0x5555",
            "movw r8, #0x8888",
            "movw r9, #0x9999",
            "movw r10, #0xaaaa",
            "movw r11, #0xbbbb",
            "movw r0, #0x7777",
            "movs r1, #0",
            "svc  2",
            "movs r0, #0",
            "movw r1, #0x4444",
            "cmp  r4, r1",
            "bne  2f",
            "movw r1, #0x5555",
            "cmp  r5, r1",
            "bne  2f",
            "movw r1, #0x8888",
            "cmp  r8, r1",
            "bne  2f",
            "movw r1, #0x9999",
            "cmp  r9, r1",
            "bne  2f",
            "movw r1, #0xaaaa",
            "cmp  r10, r1",
            "bne  2f",
            "movw r1, #0xbbbb",
            "cmp  r11, r1",
            "bne  2f",
            "movs r0, #1",
            "2:",
            out("r0") same,
            out("r1") _,
            out("r2") _,
            out("r3") _,
            out("r4") _,
            out("r5") _,
            out("r8") _,
            // r9 is reserved on some Arm platforms, not on this one.
            out("r9") _,
            out("r10") _,
            out("r11") _,
            out("r12") _,
            out("lr") _,
        );
    }
    same == 1
}
