//! What stands in the place of the imports off the device: nothing, or the board that a test has put on the
//! desk (the feature `desk`).
//!
//! Without a board the crate compiles, so that an author can test the logic around it, and the functions do nothing.

use crate::conveyor::{Fields, Move};
use crate::{Capture, Handler};

#[cfg(feature = "desk")]
use crate::desk::running as board;

/// What the device is called for.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(feature = "desk"),
    expect(dead_code, reason = "nobody counts calls")
)]
pub(crate) enum Call {
    /// A function, with its module.
    Named(&'static str),
    /// One that lets time pass.
    Wait,
    /// A function of the module `mmio`, with its handle and its offset.
    Register(&'static str, i32, u32),
}

/// No board can be on the desk.
#[cfg(not(feature = "desk"))]
mod board {
    use super::{Call, Capture, Fields, Handler, Move};

    /// What a board would do.
    pub(super) struct Running;

    pub(super) fn call<R>(_: Call, _: impl FnOnce(&mut Running) -> R) -> Option<R> {
        None
    }

    pub(super) fn pass_time(_: u64) {}
    pub(super) fn wait_for_ever() {}
    pub(super) fn leave(_: i32) {}

    impl Running {
        pub(super) fn claim(&mut self, _: &str) -> i32 {
            0
        }
        pub(super) fn register(&mut self, _: &str, _: (u8, u8), _: Handler, _: &[Capture]) -> i32 {
            0
        }
        pub(super) fn unregister(&mut self, _: &str) {}
        pub(super) fn log(&mut self, _: i32, _: &[u8]) {}
        pub(super) fn now_us(&mut self) -> u64 {
            0
        }
        pub(super) fn read(&mut self, _: u32, _: i32, _: u32) -> u32 {
            0
        }
        pub(super) fn write(&mut self, _: u32, _: i32, _: u32, _: u32) {}
        pub(super) fn modify(&mut self, _: i32, _: u32, _: u32, _: u32) {}
        pub(super) fn save(&mut self, _: &[u8]) -> i32 {
            0
        }
        pub(super) fn load(&mut self, _: &mut [u8]) -> usize {
            0
        }
        pub(super) fn setting(&mut self, _: &[u8]) -> Option<&[u8]> {
            None
        }
        pub(super) fn changes(&mut self) -> u32 {
            0
        }
        pub(super) fn value(&mut self, _: &[u8]) -> Option<&[u8]> {
            None
        }
        pub(super) fn set_value(&mut self, _: &[u8], _: Option<&[u8]>) -> i32 {
            0
        }
        pub(super) fn program(&mut self) {}
        pub(super) fn attach(
            &mut self,
            _: &str,
            _: &'static [Move],
            _: &'static dyn Fields,
            _: u32,
        ) -> i32 {
            0
        }
        pub(super) fn sync(&mut self, _: &str, _: u32, _: u32) {}
        pub(super) fn detach(&mut self, _: &str) {}
    }
}

/// Used by [`block!`](crate::block!).
#[must_use]
pub fn claim(module: &str) -> i32 {
    board::call(Call::Named("claim"), |board| board.claim(label(module))).unwrap_or(0)
}

/// Used by [`irq!`](crate::irq!).
#[must_use]
pub fn register(
    module: &str,
    number: u8,
    priority: u8,
    handler: Handler,
    captures: &[Capture],
) -> i32 {
    let which = (number, priority);
    board::call(Call::Named("irq.register"), |board| {
        board.register(label(module), which, handler, captures)
    })
    .unwrap_or(0)
}

/// Used by [`irq!`](crate::irq!).
pub fn unregister(module: &str) {
    board::call(Call::Named("irq.unregister"), |board| {
        board.unregister(label(module))
    });
}

/// Used by [`conveyor!`](crate::conveyor!).
#[must_use]
pub fn attach(module: &str, moves: &'static [Move], fields: &'static dyn Fields, when: u32) -> i32 {
    board::call(Call::Named("conveyor.attach"), |board| {
        board.attach(label(module), moves, fields, when)
    })
    .unwrap_or(0)
}

/// Used by [`conveyor!`](crate::conveyor!).
#[must_use]
pub fn sync(module: &str, first: u32, count: u32) -> i32 {
    board::call(Call::Named("conveyor.sync"), |board| {
        board.sync(label(module), first, count)
    });
    0
}

/// Used by [`conveyor!`](crate::conveyor!).
pub fn detach(module: &str) {
    board::call(Call::Named("conveyor.detach"), |board| {
        board.detach(label(module))
    });
}

/// Behind `mmio:`, `irq:` or `conveyor:`.
fn label(module: &str) -> &str {
    module.split_once(':').map_or(module, |(_, label)| label)
}

pub(crate) fn log_text(level: i32, text: &[u8]) {
    board::call(Call::Named("berth.log"), |board| board.log(level, text));
}

pub(crate) fn now_us() -> i64 {
    let now = board::call(Call::Named("berth.now_us"), board::Running::now_us).unwrap_or(0);
    now.cast_signed()
}

pub(crate) fn sleep_us(microseconds: i64) {
    board::pass_time(microseconds.cast_unsigned());
}

pub(crate) fn yield_now() {
    board::pass_time(1);
}

pub(crate) fn exit(code: i32) -> ! {
    board::leave(code);
    panic!("the container left with code {code}")
}

pub(crate) fn save(state: &[u8]) -> i32 {
    board::call(Call::Named("berth.state_save"), |board| board.save(state)).unwrap_or(0)
}

pub(crate) fn load(buffer: &mut [u8]) -> usize {
    board::call(Call::Named("berth.state_load"), |board| board.load(buffer)).unwrap_or(0)
}

/// Copies what was found to the front of `buffer`. Returns what the import returns.
fn found(value: Option<&[u8]>, buffer: &mut [u8]) -> i32 {
    let Some(value) = value else {
        return -1;
    };
    for (place, byte) in buffer.iter_mut().zip(value) {
        *place = *byte;
    }
    value.len() as i32
}

pub(crate) fn config_get(name: &[u8], buffer: &mut [u8]) -> i32 {
    board::call(Call::Named("berth.config_get"), |board| {
        found(board.setting(name), buffer)
    })
    .unwrap_or(-1)
}

pub(crate) fn config_changes() -> u32 {
    board::call(Call::Named("berth.config_changes"), board::Running::changes).unwrap_or(0)
}

pub(crate) fn value_get(name: &[u8], buffer: &mut [u8]) -> i32 {
    board::call(Call::Named("berth.value_get"), |board| {
        found(board.value(name), buffer)
    })
    .unwrap_or(-1)
}

pub(crate) fn value_set(name: &[u8], value: &[u8]) -> i32 {
    board::call(Call::Named("berth.value_set"), |board| {
        board.set_value(name, Some(value))
    })
    .unwrap_or(0)
}

pub(crate) fn value_remove(name: &[u8]) -> i32 {
    board::call(Call::Named("berth.value_remove"), |board| {
        board.set_value(name, None)
    })
    .unwrap_or(0)
}

pub(crate) fn send(_name: &[u8], _message: &[u8]) -> i32 {
    board::call(Call::Named("berth.send"), |_| crate::imports::NODEVICE)
        .unwrap_or(crate::imports::NODEVICE)
}

pub(crate) fn receive(_buffer: &mut [u8], _from: &mut [u8; 32]) -> usize {
    board::wait_for_ever();
    0
}

fn read(name: &'static str, bytes: u32, handle: i32, offset: u32) -> u32 {
    let call = Call::Register(name, handle, offset);
    board::call(call, |board| board.read(bytes, handle, offset)).unwrap_or(0)
}

fn write(name: &'static str, bytes: u32, handle: i32, offset: u32, value: u32) {
    let call = Call::Register(name, handle, offset);
    board::call(call, |board| board.write(bytes, handle, offset, value));
}

pub(crate) fn read8(handle: i32, offset: u32) -> u32 {
    read("read8", 1, handle, offset)
}

pub(crate) fn read16(handle: i32, offset: u32) -> u32 {
    read("read16", 2, handle, offset)
}

pub(crate) fn read32(handle: i32, offset: u32) -> u32 {
    read("read32", 4, handle, offset)
}

pub(crate) fn write8(handle: i32, offset: u32, value: u32) {
    write("write8", 1, handle, offset, value);
}

pub(crate) fn write16(handle: i32, offset: u32, value: u32) {
    write("write16", 2, handle, offset, value);
}

pub(crate) fn write32(handle: i32, offset: u32, value: u32) {
    write("write32", 4, handle, offset, value);
}

pub(crate) fn modify32(handle: i32, offset: u32, mask: u32, value: u32) {
    let call = Call::Register("modify32", handle, offset);
    board::call(call, |board| board.modify(handle, offset, mask, value));
}

pub(crate) fn run(_handle: i32, _code: &[u8], _input: &[u8], output: &mut [u8]) -> i32 {
    board::call(Call::Named("program.run"), board::Running::program);
    output.len() as i32
}
