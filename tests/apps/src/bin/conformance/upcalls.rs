//! Yield in its three forms, and the queue of events.

#![allow(unsafe_code)]

use core::hint::black_box;
use libtock::raw;
use libtock::{ErrorCode, EventSlot, alarm, allow};
use test_apps::Line;
use test_apps::report::Report;

/// Where alarm events arrive.
static ALARM: EventSlot = EventSlot::new();

/// How many events can wait.
const QUEUE: usize = 10;
const CONSOLE: usize = 1;
/// A byte in flash.
static MARK: u8 = 0xa5;

pub(crate) fn run(report: &mut Report) {
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
    waiting_for(report);
    queue(report);
}

fn waiting_for(report: &mut Report) {
    report.check(
        "yield-wait-for sleeps until its event and runs no function",
        alarm::notify(&ALARM).is_ok()
            && alarm::set_relative(1000).is_ok()
            && libtock::wait_for(alarm::DRIVER_NUM, 0)[2] == 0
            && !ALARM.is_filled(),
    );
    // The alarm expires while the process waits for the console, or before.
    let expiry = alarm::set_relative(1000);
    Line::new()
        .text("check  (a line, for the event of its having been written)")
        .print();
    report.check(
        "an event that came while another was waited for is not lost",
        expiry.is_ok_and(|expiry| libtock::wait_for(alarm::DRIVER_NUM, 0)[1] == expiry as usize)
            && !ALARM.is_filled(),
    );
    // Flash is the process's own, but not for writing. (On a board whose flash is
    // RAM the kernel could.)
    let flash = black_box(&MARK);
    let address = core::ptr::from_ref(flash).expose_provenance();
    // SAFETY: the kernel must not write there.
    unsafe { raw::yield_call([raw::yield_variant::NO_WAIT, address, 0, 0]) };
    report.check(
        "yield-no-wait does not write its flag to flash",
        // SAFETY: a byte of our own.
        unsafe { core::ptr::from_ref(flash).read_volatile() } == 0xa5,
    );
}

fn queue(report: &mut Report) {
    let filled = alarm::notify(&ALARM).is_ok() && (0..QUEUE + 2).all(|_| expire());
    let delivered = (0..2 * QUEUE)
        .take_while(|_| libtock::yield_no_wait())
        .count();
    report.check(
        "ten events wait, what comes then is dropped",
        filled && delivered == QUEUE && ALARM.take().is_some(),
    );

    let _ = libtock::unsubscribe(alarm::DRIVER_NUM, 0);
    full_queue(report);
}

/// Ten events of writes wait, then the alarm's comes.
fn full_queue(report: &mut Report) {
    static DOTS: [u8; QUEUE] = *b"..........";
    let written = allow::with_read_only(CONSOLE, 1, &DOTS, || {
        // Each write is over, and its event queued, before the next begins.
        (1..=QUEUE)
            .all(|length| libtock::command(CONSOLE, 1, length, 0).success().is_ok() && pass(0))
    });
    let expiry = alarm::frequency().and_then(|second| alarm::set_relative(second / 100));
    let waited =
        expiry.is_ok_and(|expiry| libtock::wait_for(alarm::DRIVER_NUM, 0)[1] == expiry as usize);
    let in_order =
        written == Ok(true) && (1..=QUEUE).all(|length| libtock::wait_for(CONSOLE, 1)[0] == length);
    Line::new().text(" (55 dots)").print();
    report.check("a full queue does not hold up what is waited for", waited);
    report.check("and what was queued before it stays, in order", in_order);
}

/// Let an alarm expire without yielding; its event is queued then.
pub(crate) fn expire() -> bool {
    const AHEAD: u32 = 1000;
    alarm::set_relative(AHEAD).is_ok() && pass(AHEAD)
}

/// Let `ticks` and 10 ms pass without yielding (an emulated timer may be late).
fn pass(ticks: u32) -> bool {
    let (Ok(frequency), Ok(now)) = (alarm::frequency(), alarm::now()) else {
        return false;
    };
    let end = now.wrapping_add(ticks).wrapping_add(frequency / 100);
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
