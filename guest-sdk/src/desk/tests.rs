use super::*;
use crate::mps2_an386::{fpgaio, uart1};
use crate::{config, info, now_us, sleep_us, yield_now};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is said of work that asks without an end, and is allowed so many calls.
fn said(calls: u64, work: impl FnOnce()) -> String {
    let mut bench = Bench::new().calls_max(calls);
    let ended = catch_unwind(AssertUnwindSafe(|| bench.drive(work)));
    let said = ended.unwrap_err();
    let text = said.downcast_ref::<&str>().map(|text| text.to_string());
    text.unwrap_or_else(|| *said.downcast::<String>().unwrap())
}

/// A byte that never comes.
fn byte() -> u32 {
    let uart = uart1::registers();
    uart.bauddiv.write(16);
    while uart.state.read() & 0b10 == 0 {}
    uart.data.read()
}

#[test]
fn time_is_over_for_who_never_sleeps_too() {
    let mut bench = Bench::new();
    let time = Duration::from_millis(20);
    let polls: [fn(); 4] = [
        || _ = byte(),
        || while now_us() != 0 {},
        || loop {
            yield_now();
        },
        || loop {
            info!("at {}", now_us());
        },
    ];
    for poll in polls {
        let before = bench.now_us();
        assert_eq!(bench.run(time, poll), Ended::TimeIsOver);
        // The safe state is written behind it.
        assert!((20_000..20_010).contains(&(bench.now_us() - before)));
    }
    // The board is as it was before: whoever comes next has its time.
    assert_eq!(bench.run(time, || sleep_us(19_999)), Ended::With(0));
}

#[test]
fn who_asks_without_an_end_is_told_what_it_asked() {
    let said = said(500, || _ = byte());
    for part in [
        "called the device 501 times, waited 0 times",
        "its last call was mmio.read32(uart1, 0x4) (STATE)",
        "Bench::receive",
        "Bench::calls_max",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

/// Whatever is called, time passes by it or not.
#[test]
fn every_call_counts() {
    let asks: [(fn(), &str); 5] = [
        (|| info!("again"), "berth.log"),
        (|| _ = config::get("period_ms"), "berth.config_get"),
        (|| _ = crate::send("pump", b"on"), "berth.send"),
        (yield_now, "waited 101 times"),
        (|| _ = crate::receive(&mut [0; 8]), "nobody sends one"),
    ];
    for (ask, name) in asks {
        let said = said(100, || {
            loop {
                ask();
            }
        });
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn who_has_no_time_has_all_of_it() {
    let mut bench = Bench::new();
    bench.drive(|| sleep_us(u64::MAX));
    assert!(bench.drive(now_us) > u64::from(u32::MAX));
}

#[test]
fn each_piece_of_work_has_its_own_calls() {
    let mut bench = Bench::new().calls_max(3);
    for _ in 0..3 {
        bench.drive(|| (0..3).for_each(|_| _ = now_us()));
    }
}

/// What is asked of one block leaves what is known of another.
#[test]
fn each_block_has_its_own_record() {
    let mut bench = Bench::new();
    bench.drive(|| {
        uart1::registers().ctrl.put(uart1::ctrl::TXEN.set());
        uart1::registers().data.write(0x41);
        fpgaio::registers().led0.write(0b10);
        uart1::registers().data.write(0x42);
    });
    assert_eq!(bench.writes("fpgaio"), [("LED0".into(), 0b10)]);
    assert_eq!(bench.on_bus("i2c_shield1"), [""; 0]);
    assert_eq!(
        bench.accesses("uart1"),
        ["write32 CTRL 0x1", "write32 DATA 0x41", "write32 DATA 0x42"]
    );
    assert_eq!(bench.bytes_out("uart1"), b"AB");
    assert_eq!(bench.accesses("uart1"), [""; 0]);
}
