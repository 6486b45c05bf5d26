//! `supervisor_crash`: in the supervisor's place, faults as soon as it starts.
//!
//! For the policy of the board: how often it lets a supervisor begin again.

#![no_std]
#![no_main]

use test_apps::Line;

libtock::main!(main);

/// First word of the kernel's RAM.
const KERNEL_RAM: usize = 0x2000_0000;

fn main() {
    Line::new().text("supervisor_crash: started").print();
    // SAFETY: none: the point of this process is to do what it may not.
    unsafe { core::ptr::without_provenance_mut::<u32>(KERNEL_RAM).write_volatile(0) };
    Line::new().text("supervisor_crash: NOT STOPPED").print();
}
