//! `peek`: touches one address that is none of its business.
//!
//! Prints what it is about to do, does it, and prints that it got away with it;
//! the last line must never appear. Which address and how is chosen when it is
//! built:
//!
//! * `PEEK_ADDRESS`: hexadecimal without prefix, default `20000000` (the first
//!   word of the kernel's RAM);
//! * `PEEK_ACCESS`: `read` (default), `write` or `execute`.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use test_apps::Line;

libtock::main!(main);

const ADDRESS: usize = match option_env!("PEEK_ADDRESS") {
    Some(text) => match usize::from_str_radix(text, 16) {
        Ok(address) => address,
        Err(_) => panic!("PEEK_ADDRESS is not a hexadecimal number"),
    },
    None => 0x2000_0000,
};

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
    Execute,
}

const ACCESS: Access = match option_env!("PEEK_ACCESS") {
    None => Access::Read,
    Some(text) => match text.as_bytes() {
        b"read" => Access::Read,
        b"write" => Access::Write,
        b"execute" => Access::Execute,
        _ => panic!("PEEK_ACCESS is none of read, write, execute"),
    },
};

fn main() {
    let verb = match ACCESS {
        Access::Read => "read",
        Access::Write => "write",
        Access::Execute => "execute",
    };
    Line::new()
        .text("peek: about to ")
        .text(verb)
        .text(" 0x")
        .hex(ADDRESS as u32)
        .print();
    let value = touch();
    Line::new()
        .text("peek: NOT STOPPED, value 0x")
        .hex(value)
        .print();
}

fn touch() -> u32 {
    let pointer = core::ptr::without_provenance_mut::<u32>(ADDRESS);
    match ACCESS {
        // SAFETY: none: the point of this process is to do what it may not. The
        // memory protection unit answers.
        Access::Read => unsafe { pointer.read_volatile() },
        Access::Write => {
            // SAFETY: as above.
            unsafe { pointer.write_volatile(0xdead_beef) };
            0
        }
        Access::Execute => {
            // SAFETY: as above; the low bit selects the Thumb instruction set.
            let function: extern "C" fn() -> u32 =
                unsafe { core::mem::transmute(core::ptr::without_provenance::<()>(ADDRESS | 1)) };
            function()
        }
    }
}
