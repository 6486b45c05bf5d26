//! Small tools.

use kernel::collections::queue::Queue;
use kernel::collections::ring_buffer::RingBuffer;
use kernel::utilities::StaticRef;
use kernel::utilities::cells::{MapCell, NumericCellExt, OptionalCell, TakeCell};
use kernel::utilities::leasable_buffer::SubSliceMut;
use kernel::utilities::registers::interfaces::{ReadWriteable, Readable, Writeable};
use kernel::utilities::registers::{
    ReadOnly, ReadWrite, WriteOnly, register_bitfields, register_structs,
};

register_bitfields![u32,
    CONTROL [ENABLE OFFSET(0) NUMBITS(1) [], MODE OFFSET(1) NUMBITS(2) [FAST = 1]]
];
register_structs! {
    Registers {
        (0x0 => control: ReadWrite<u32, CONTROL::Register>),
        (0x4 => status: ReadOnly<u32>),
        (0x8 => clear: WriteOnly<u32>),
        (0xC => @END),
    }
}

fn registers(block: StaticRef<Registers>) -> u32 {
    block
        .control
        .modify(CONTROL::ENABLE::SET + CONTROL::MODE::FAST);
    block.clear.set(1);
    block.status.get() + block.control.read(CONTROL::MODE)
}

fn cells(
    optional: &OptionalCell<u32>,
    take: &TakeCell<'static, [u8]>,
    map: &MapCell<u32>,
    number: &core::cell::Cell<u32>,
) -> Option<u8> {
    optional.set(1);
    optional.clear();
    let _: (bool, Option<u32>) = (optional.is_some(), optional.take());
    let _: u32 = optional.map_or(0, |value| value + map.map(|inner| *inner).unwrap_or(0));
    number.increment();
    let buffer = take.take()?;
    take.replace(buffer);
    take.map(|bytes| bytes[0])
}

fn queues(ring: &mut RingBuffer<'static, u8>, lease: &mut SubSliceMut<'static, u8>) -> usize {
    ring.enqueue(1);
    let _: Option<u8> = ring.dequeue();
    lease.slice(1..3);
    lease.reset();
    lease.len()
}
