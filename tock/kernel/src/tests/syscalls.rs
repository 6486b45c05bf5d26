//! All system-call classes, after the vectors taken from upstream Tock on a board.

use super::driver::{Bare, Driver, NUM, driver};
use crate::errorcode::ErrorCode::*;
use crate::process::{Process, State};
use crate::syscall::{Syscall, SyscallReturn as R, YieldCall};
use crate::test_utils::{TestApp, TestKernel, TestProcess};
use crate::upcall::UpcallId;

struct Setup {
    test: TestKernel,
    driver: &'static Driver,
    process: TestProcess,
}

/// A process that runs, with 1 KiB of RAM below its break.
fn setup() -> Setup {
    let test = TestKernel::new();
    let driver = driver(&test);
    let process = test.start(&TestApp::default());
    let p = process.as_process();
    let crate::process::Task::FunctionCall(start) = p.dequeue_task().unwrap() else {
        panic!("no start function");
    };
    p.set_process_function(start);
    assert_eq!(p.get_state(), State::Running);
    p.brk(p.get_addresses().sram_start + 1024).unwrap();
    process.finish_clearing();
    Setup {
        test,
        driver,
        process,
    }
}

impl Setup {
    fn call(&self, syscall: Syscall) -> Option<R> {
        self.process
            .syscall(self.test.chip, NUM, self.driver, syscall)
    }

    fn p(&self) -> &'static dyn Process {
        self.process.as_process()
    }

    fn ram(&self) -> usize {
        self.p().get_addresses().sram_start
    }

    fn command(&self, driver_number: usize, number: usize, arg0: usize, arg1: usize) -> R {
        let syscall = Syscall::Command {
            driver_number,
            subdriver_number: number,
            arg0,
            arg1,
        };
        self.call(syscall).unwrap()
    }

    fn subscribe(&self, driver_number: usize, number: usize, f: usize, data: usize) -> R {
        let syscall = Syscall::Subscribe {
            driver_number,
            subdriver_number: number,
            upcall_ptr: f,
            appdata: data,
        };
        self.call(syscall).unwrap()
    }

    fn allow_ro(&self, driver_number: usize, number: usize, address: usize, size: usize) -> R {
        let syscall = Syscall::ReadOnlyAllow {
            driver_number,
            subdriver_number: number,
            allow_address: address,
            allow_size: size,
        };
        self.call(syscall).unwrap()
    }

    fn allow_rw(&self, number: usize, address: usize, size: usize) -> R {
        let syscall = Syscall::ReadWriteAllow {
            driver_number: NUM,
            subdriver_number: number,
            allow_address: address,
            allow_size: size,
        };
        self.call(syscall).unwrap()
    }

    fn memop(&self, operand: usize, arg0: usize) -> R {
        self.call(Syscall::Memop { operand, arg0 }).unwrap()
    }

    fn yields(&self, yield_type: YieldCall) {
        assert_eq!(self.call(Syscall::Yield { yield_type }), None);
    }

    /// Where the flag of Yield-NoWait is in these tests, and what it says.
    fn flag(&self) -> u8 {
        self.process.read(self.ram() + 1000, 1)[0]
    }
}

#[test]
fn commands() {
    let s = setup();
    assert_eq!(s.command(0x7777, 0, 1, 2), R::Failure(NODEVICE));
    assert_eq!(s.command(NUM, 0, 0, 0), R::Success);
    assert_eq!(s.command(NUM, 99, 0, 0), R::Failure(NOSUPPORT));
    assert_eq!(s.command(NUM, 1, 0, 0), R::SuccessU32(1));
    assert_eq!(s.command(NUM, 1, 0, 0), R::SuccessU32(2));
}

#[test]
fn subscribe_swaps() {
    let s = setup();
    let f = s.process.function();
    assert_eq!(
        s.subscribe(0x7777, 0, 0, 0x55),
        R::SwapFailure(NODEVICE, 0, 0x55)
    );
    assert_eq!(
        s.subscribe(NUM, 1, 0x2000, 0x55),
        R::SwapFailure(INVAL, 0x2000, 0x55)
    );
    assert_eq!(
        s.subscribe(NUM, 77, 0, 0x55),
        R::SwapFailure(NOSUPPORT, 0, 0x55)
    );
    assert_eq!(s.subscribe(NUM, 2, f, 0x55), R::SwapSuccess(0, 0));
    assert_eq!(s.subscribe(NUM, 2, 0, 0x66), R::SwapSuccess(f, 0x55));
    assert_eq!(s.subscribe(NUM, 2, f, 0), R::SwapSuccess(0, 0x66));
    // Code in RAM is allowed, in the header and just below the break not.
    let a = s.p().get_addresses();
    assert!(matches!(
        s.subscribe(NUM, 0, a.sram_start, 0),
        R::SwapSuccess(..)
    ));
    for wrong in [
        a.flash_start,
        f - 1,
        a.flash_end - 3,
        a.sram_app_brk - 3,
        usize::MAX,
    ] {
        assert_eq!(
            s.subscribe(NUM, 0, wrong, 7),
            R::SwapFailure(INVAL, wrong, 7)
        );
    }
}

#[test]
fn a_driver_without_grant_has_no_upcalls() {
    let s = setup();
    let call = |syscall| s.process.syscall(s.test.chip, 2, &Bare, syscall);
    let subscribe = Syscall::Subscribe {
        driver_number: 2,
        subdriver_number: 0,
        upcall_ptr: 0,
        appdata: 1,
    };
    assert_eq!(call(subscribe), Some(R::SwapFailure(NOSUPPORT, 0, 1)));
    let command = Syscall::Command {
        driver_number: 2,
        subdriver_number: 0,
        arg0: 0,
        arg1: 0,
    };
    assert_eq!(call(command), Some(R::Failure(NOSUPPORT)));
    let readable = Syscall::UserspaceReadableAllow {
        driver_number: 2,
        subdriver_number: 0,
        allow_address: s.ram(),
        allow_size: 4,
    };
    assert_eq!(call(readable), Some(R::SwapFailure(NOSUPPORT, s.ram(), 4)));
}

#[test]
fn allows_swap() {
    let s = setup();
    let a = s.p().get_addresses();
    let (ram, flash) = (a.sram_start + 100, a.flash_non_protected_start);
    assert_eq!(s.allow_rw(77, ram, 4), R::SwapFailure(NOSUPPORT, ram, 4));
    for wrong in [
        0x2000,
        flash,
        a.sram_app_brk - 3,
        a.sram_start - 1,
        usize::MAX - 1,
    ] {
        assert_eq!(s.allow_rw(1, wrong, 4), R::SwapFailure(INVAL, wrong, 4));
    }
    assert_eq!(s.allow_rw(1, ram, 4), R::SwapSuccess(0, 0));
    assert_eq!(s.allow_rw(1, a.sram_app_brk - 4, 4), R::SwapSuccess(ram, 4));
    assert_eq!(s.allow_ro(NUM, 0, flash, 4), R::SwapSuccess(0, 0));
    assert_eq!(
        s.allow_ro(NUM, 0, a.flash_start, 4),
        R::SwapFailure(INVAL, a.flash_start, 4)
    );
    assert_eq!(s.allow_ro(NUM, 0, 0xdead_beef, 0), R::SwapSuccess(flash, 4));
    assert_eq!(s.allow_ro(NUM, 0, 0, 0), R::SwapSuccess(0xdead_beef, 0));
    assert_eq!(
        s.allow_ro(0x7777, 0, 0x1234, 5),
        R::SwapFailure(NODEVICE, 0x1234, 5)
    );
}

#[test]
fn no_room_for_the_grant() {
    let s = setup();
    let a = s.p().get_addresses();
    while s.p().sbrk(32).is_ok() {}
    assert_eq!(s.subscribe(NUM, 0, 0, 9), R::SwapFailure(NOMEM, 0, 9));
    assert_eq!(s.command(NUM, 1, 0, 0), R::Failure(NOMEM));
    assert_eq!(s.memop(0, a.sram_app_brk), R::Success);
    assert_eq!(s.subscribe(NUM, 0, 0, 9), R::SwapSuccess(0, 0));
}

#[test]
fn memops() {
    let s = setup();
    let a = s.p().get_addresses();
    assert_eq!(s.memop(99, 0), R::Failure(NOSUPPORT));
    assert_eq!(s.memop(0, 0x3000_0000), R::Failure(NOMEM));
    assert_eq!(s.memop(1, 0), R::SuccessAddr(a.sram_app_brk));
    assert_eq!(s.memop(1, 16), R::SuccessAddr(a.sram_app_brk));
    assert_eq!(
        s.memop(1, (-16i32) as u32 as usize),
        R::SuccessAddr(a.sram_app_brk + 16)
    );
    assert_eq!(s.memop(1, 0x7fff_ffff), R::Failure(NOMEM));
    assert_eq!(s.memop(2, 0), R::SuccessAddr(a.sram_start));
    assert_eq!(s.memop(3, 0), R::SuccessAddr(a.sram_end));
    assert_eq!(s.memop(4, 0), R::SuccessAddr(a.flash_start));
    assert_eq!(s.memop(5, 0), R::SuccessAddr(a.flash_end));
    assert_eq!(s.memop(6, 0), R::SuccessAddr(a.sram_grant_start));
    assert_eq!(s.memop(7, 0), R::SuccessAddr(0));
    assert_eq!(s.memop(8, 0), R::Failure(FAIL));
    assert_eq!(s.memop(9, 0), R::Failure(FAIL));
    assert_eq!(s.memop(10, s.ram() + 64), R::Success);
    assert_eq!(s.memop(11, 0xffff_ffff), R::Success);
    let a = s.p().get_addresses();
    assert_eq!(
        (a.sram_stack_top, a.sram_heap_start),
        (Some(s.ram() + 64), None)
    );
}

#[test]
fn exit() {
    let s = setup();
    let exit = |which| {
        s.call(Syscall::Exit {
            which,
            completion_code: 7,
        })
    };
    assert_eq!(exit(9), Some(R::Failure(NOSUPPORT)));
    let id = s.process.id();
    assert_eq!(exit(1), None);
    assert_eq!(s.p().get_completion_code(), Some(Some(7)));
    s.p().finish_restart();
    assert_ne!(s.process.id(), id);
    assert_eq!(
        (s.p().get_state(), s.p().get_restart_count()),
        (State::Yielded, 1)
    );
    assert_eq!(exit(0), None);
    assert_eq!(s.p().get_state(), State::Terminated);
    assert!(!s.p().ready() && !s.p().is_running());
}

#[test]
fn yield_no_wait_counts_only_functions() {
    let s = setup();
    let no_wait = YieldCall::NoWait(s.ram() + 1000);
    s.p().set_byte(s.ram() + 1000, 9);
    s.yields(no_wait);
    assert_eq!((s.flag(), s.p().get_state()), (0, State::Running));
    assert_eq!(s.command(NUM, 2, 0, 5), R::Success);
    assert_eq!(s.p().pending_tasks(), 1);
    s.yields(no_wait);
    assert_eq!((s.flag(), s.p().get_state()), (0, State::Running));
    assert!(matches!(
        s.subscribe(NUM, 0, s.process.function(), 0),
        R::SwapSuccess(..)
    ));
    assert_eq!(
        s.p().pending_tasks(),
        0,
        "subscribing drops what was queued"
    );
    assert_eq!(s.command(NUM, 2, 0, 5), R::Success);
    s.yields(no_wait);
    assert_eq!((s.flag(), s.p().get_state()), (1, State::Yielded));
    assert!(s.p().ready());
}

#[test]
fn the_flag_of_no_wait_is_written_only_to_own_memory() {
    let s = setup();
    let a = s.p().get_addresses();
    for address in [0, a.sram_app_brk, a.sram_end - 1, usize::MAX] {
        s.yields(YieldCall::NoWait(address));
        assert_eq!(s.p().get_state(), State::Running);
    }
}

#[test]
fn wait_for_is_not_starved_or_misled() {
    let s = setup();
    for number in [0, 1] {
        assert!(matches!(
            s.subscribe(NUM, number, s.process.function(), 0),
            R::SwapSuccess(..)
        ));
    }
    for _ in 0..10 {
        assert_eq!(s.command(NUM, 2, 0, 1), R::Success);
    }
    assert_eq!(s.command(NUM, 2, 0, 1), R::Failure(FAIL));
    assert_eq!(s.p().debug_dropped_upcall_count(), 1);
    let id = UpcallId {
        driver_num: NUM,
        subscribe_num: 2,
    };
    s.yields(YieldCall::WaitFor(id));
    assert!(!s.p().ready());
    // The awaited event has a place although the queue is full; one behind it has not.
    assert_eq!(s.command(NUM, 2, 2, 42), R::Success);
    assert_eq!(s.command(NUM, 2, 1, 1), R::Failure(FAIL));
    assert!(s.p().ready());
    assert_eq!(
        s.p().remove_upcall(id).map(|task| task.arguments()),
        Some((42, 0, 0))
    );
    assert_eq!(s.p().pending_tasks(), 10);
}

#[test]
fn a_broken_stack_faults_the_process() {
    let s = setup();
    s.test.chip.boundary.broken_stack.set(true);
    let syscall = Syscall::Memop {
        operand: 2,
        arg0: 0,
    };
    assert_eq!(s.call(syscall), None);
    assert_eq!(s.p().get_state(), State::Faulted);
}
