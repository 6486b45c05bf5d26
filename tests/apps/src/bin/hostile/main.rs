//! `hostile`: everything a process can ask, with arguments that no one should pass.
//!
//! It stands in the supervisor's place and makes [`CALLS`] system calls of every class, to
//! every driver the board has and to some it has not, with random and with edge-case arguments;
//! half of them go to `wasm_host`. Then it says so and ends. A test compares what the
//! emulator saw of the devices meanwhile with the table of exposures.
//!
//! What it leaves out would end the test rather than the kernel: leaving (class Exit),
//! sleeping forever, giving its own stack away, and asking process information to stop
//! other processes, which that driver is for.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

mod arguments;

use arguments::Arguments;
use berth_exposure::{DRIVER_NUM, command};
use libtock::raw::{self, class, variant, yield_variant};
use test_apps::Line;

libtock::main!(main);

/// How many; `HOSTILE_CALLS` at build time says otherwise.
const CALLS: u32 = match option_env!("HOSTILE_CALLS") {
    Some(text) => match u32::from_str_radix(text, 10) {
        Ok(calls) => calls,
        Err(_) => panic!("HOSTILE_CALLS is not a number"),
    },
    None => 120_000,
};

const PROCESS_INFO: usize = 0x1_0002;
const PROCESS_INFO_SET_STATE: usize = 6;
const CONSOLE: usize = 1;
const LOW_LEVEL_DEBUG: usize = 8;

fn main() {
    let Ok(mut arguments) = Arguments::new() else {
        Line::new().text("hostile: no memory to work with").print();
        return;
    };
    Line::new()
        .text("hostile: begins ")
        .decimal(CALLS)
        .text(" calls")
        .print();
    let mut accepted = 0u32;
    for _ in 0..CALLS {
        accepted += u32::from(call(&mut arguments));
    }
    Line::new()
        .text("hostile: ")
        .decimal(CALLS)
        .text(" calls, ")
        .decimal(accepted)
        .text(" accepted, ")
        .decimal(arguments.claims)
        .text(" claims, ")
        .decimal(arguments.programs)
        .text(" programs, ")
        .decimal(arguments.syncs)
        .text(" syncs")
        .print();
}

/// One call. Returns whether the kernel accepted it.
fn call(arguments: &mut Arguments) -> bool {
    if arguments.one_in(2) {
        return host_command(arguments);
    }
    let driver = arguments.driver();
    let number = arguments.number();
    let result = match arguments.below(16) {
        0 => {
            let flag = arguments.lendable_address();
            // SAFETY: here and below: `Arguments` gives no address in this process's
            // memory but those of a buffer that nothing else uses, and no function but
            // one that touches nothing.
            unsafe { raw::yield_call([yield_variant::NO_WAIT, flag, arguments.word(), 0]) };
            return true;
        }
        1 => {
            let registers = [driver, number, arguments.function(), arguments.word()];
            // SAFETY: see above.
            unsafe { raw::call::<{ class::SUBSCRIBE }>(registers) }
        }
        2..4 => {
            let (address, length) = arguments.buffer();
            // SAFETY: see above.
            unsafe { raw::call::<{ class::ALLOW_READ_WRITE }>([driver, number, address, length]) }
        }
        4..6 => {
            let (address, length) = arguments.buffer();
            // SAFETY: see above.
            unsafe { raw::call::<{ class::ALLOW_READ_ONLY }>([driver, number, address, length]) }
        }
        6 => {
            let (address, length) = arguments.buffer();
            let registers = [driver, number, address, length];
            // SAFETY: see above.
            unsafe { raw::call::<{ class::ALLOW_USERSPACE_READABLE }>(registers) }
        }
        7 => {
            let (operation, argument) = arguments.memory_operation();
            // SAFETY: the break only grows.
            unsafe { raw::call::<{ class::MEMOP }>([operation, argument, 0, 0]) }
        }
        8 => {
            // A variant that there is not; the others would end this process.
            let nothing = arguments.word() | 2;
            // SAFETY: it returns with an error.
            unsafe { raw::call::<{ class::EXIT }>([nothing, arguments.word(), 0, 0]) }
        }
        _ => {
            let quiet = (driver == CONSOLE || driver == LOW_LEVEL_DEBUG) && !arguments.one_in(32);
            if quiet || (driver == PROCESS_INFO && number == PROCESS_INFO_SET_STATE) {
                return false;
            }
            let registers = [driver, number, arguments.word(), arguments.word()];
            // SAFETY: see above.
            unsafe { raw::call::<{ class::COMMAND }>(registers) }
        }
    };
    result[0] >= variant::SUCCESS
}

/// A command to `wasm_host`.
fn host_command(arguments: &mut Arguments) -> bool {
    let number = match arguments.below(32) {
        0 => command::CLAIM,
        1 => command::RELEASE,
        2 => command::RELEASE_ALL,
        3 => command::MAP,
        4 => command::UNMAP,
        5 => command::DESCRIBE,
        6 => arguments.number(),
        7 | 8 => command::REGISTER + arguments.below(4),
        // Programs and conveyors: begun, gone on with, and ended.
        9..=14 => command::PROGRAM_RUN + arguments.below(6),
        15 => {
            arguments.lend_room();
            command::CONVEYOR_SYNC
        }
        _ => command::READ8 + arguments.below(8),
    };
    let (first, second) = match number {
        command::CLAIM => {
            let length = arguments.lend_label();
            (arguments.below(4), length)
        }
        command::RELEASE | command::MAP | command::UNMAP => (arguments.handle(), arguments.word()),
        command::RELEASE_ALL => (arguments.below(64), arguments.below(16)),
        command::DESCRIBE => (arguments.below(40), arguments.word()),
        command::ACKNOWLEDGE => (arguments.below(40), arguments.word()),
        // Which interrupt, and with priority and captures that are mostly possible.
        command::REGISTER | command::UNREGISTER | command::COUNTERS => {
            let which = arguments.handle() << 16 | arguments.below(3);
            (which, arguments.below(4) << 8 | arguments.below(6))
        }
        command::PROGRAM_RUN => {
            let count = arguments.lend_program();
            let which = arguments.handle() << 16 | arguments.below(256) << 8 | count;
            (which, arguments.below(64) << 16 | arguments.below(64))
        }
        command::PROGRAM_CONTINUE => (arguments.handle(), arguments.word()),
        command::CONVEYOR_ATTACH => {
            let count = arguments.lend_moves();
            (arguments.handle() << 16 | count, arguments.below(257))
        }
        command::CONVEYOR_SYNC => {
            let few = if arguments.one_in(8) { 256 } else { 2 };
            let (first, count) = (arguments.below(few) / 2, arguments.below(few));
            (
                arguments.handle() << 16 | first << 8 | count,
                arguments.below(4),
            )
        }
        command::PROGRAM_CANCEL | command::CONVEYOR_DETACH => {
            (arguments.handle(), arguments.word())
        }
        _ => (arguments.register(), arguments.word()),
    };
    // SAFETY: lends and subscribes nothing; what was lent before is in the buffer.
    let result = unsafe { raw::call::<{ class::COMMAND }>([DRIVER_NUM, number, first, second]) };
    if number == command::CLAIM && result[0] == variant::SUCCESS_3_U32 {
        arguments.claimed(result[1]);
    }
    let accepted = result[0] >= variant::SUCCESS;
    match number {
        command::PROGRAM_RUN => arguments.programs += u32::from(accepted),
        command::CONVEYOR_SYNC => arguments.syncs += u32::from(accepted),
        _ => {}
    }
    accepted
}
