//! Small tools.

use core::mem::MaybeUninit;

use kernel::collections::list::{List, ListLink, ListNode};
use kernel::collections::queue::Queue;
use kernel::collections::ring_buffer::RingBuffer;
use kernel::processbuffer::{
    ProcessSliceIndex, ReadableProcessByte, ReadableProcessSlice, WriteableProcessSlice,
};
use kernel::utilities::StaticRef;
use kernel::utilities::cells::{MapCell, NumericCellExt, OptionalCell, TakeCell};
use kernel::utilities::leasable_buffer::{SubSlice, SubSliceMut};
use kernel::utilities::registers::interfaces::{ReadWriteable, Readable, Writeable};
use kernel::utilities::registers::{
    Aliased, ReadOnly, ReadWrite, RegisterLongName, WriteOnly, register_bitfields, register_structs,
};

register_bitfields![u32,
    CONTROL [ENABLE OFFSET(0) NUMBITS(1) [], MODE OFFSET(1) NUMBITS(2) [FAST = 1]]
];
register_structs! {
    Registers {
        (0x0 => control: ReadWrite<u32, CONTROL::Register>),
        (0x4 => status: ReadOnly<u32>),
        (0x8 => clear: WriteOnly<u32>),
        (0xC => both: Aliased<u32, CONTROL::Register, CONTROL::Register>),
        (0x10 => @END),
    }
}

fn is_named<R: RegisterLongName>() {}

fn registers(block: StaticRef<Registers>) -> u32 {
    is_named::<CONTROL::Register>();
    block
        .control
        .modify(CONTROL::ENABLE::SET + CONTROL::MODE::FAST);
    block.clear.set(1);
    block.both.write(CONTROL::ENABLE::SET);
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
    let _: Option<u8> = ring.dequeue().or(ring.push(2));
    let _: bool = ring.is_full() || ring.has_elements();
    let _: (Option<&[u8]>, Option<&[u8]>) = ring.as_slices();
    let _: Option<u8> = ring.remove_first_matching(|byte| *byte == 2);
    ring.retain(|byte| *byte > 2);
    ring.empty();
    lease.slice(1..3);
    lease[0] = lease[1];
    let _: (*const u8, &[u8], bool) = (lease.as_ptr(), &lease[..1], lease.is_sliced());
    lease.reset();
    lease.len()
}

/// 2.2 makes a ring in initialized memory, the versions after it in memory that need not be.
fn rings(
    memory: &'static mut [u8],
    uninitialized: &'static mut [MaybeUninit<u8>],
) -> [RingBuffer<'static, u8>; 2] {
    [RingBuffer::new(memory), RingBuffer::new(uninitialized)]
}

/// A virtualizer's client.
struct Client<'a> {
    next: ListLink<'a, Client<'a>>,
    waits: core::cell::Cell<bool>,
}

impl<'a> ListNode<'a, Client<'a>> for Client<'a> {
    fn next(&'a self) -> &'a ListLink<'a, Client<'a>> {
        &self.next
    }
}

struct Virtualizer<'a> {
    clients: List<'a, Client<'a>>,
}

impl<'a> Virtualizer<'a> {
    const fn new() -> Self {
        Self {
            clients: List::new(),
        }
    }

    fn add(&self, client: &'a Client<'a>) -> Option<&'a Client<'a>> {
        self.clients.push_head(client);
        self.clients.push_tail(self.clients.pop_head()?);
        self.clients
            .iter()
            .find(|client| client.waits.get())
            .or(self.clients.head())
    }
}

fn lent(mut part: SubSlice<'static, u8>) -> &'static [u8] {
    part.slice(..1);
    let _: (*const u8, u8, usize) = (part.as_ptr(), part[0], part.len());
    part.take()
}

/// 2.2 takes ranges with both ends in `get`; the versions after it take every kind, and numbers.
fn parts<'a>(
    read: &'a ReadableProcessSlice,
    write: &'a WriteableProcessSlice,
) -> Option<&'a WriteableProcessSlice> {
    let _: Option<&ReadableProcessByte> = read.get(0);
    let _: [Option<&ReadableProcessSlice>; 4] = [
        read.get(1..2),
        read.get(..2),
        read.get(1..),
        read.get_from(1..).and_then(|rest| rest.get_to(..1)),
    ];
    let _: (u8, &ReadableProcessSlice) = (read[0].get(), &read[1..]);
    write.get(0)?.set(write[1].get());
    write.get(..2)?.get(1..)
}

fn named<S: ?Sized, I: ProcessSliceIndex<S>>(slice: &S, index: I) -> Option<&I::Output> {
    index.get(slice)
}

fn messages(slice: &ReadableProcessSlice) -> usize {
    kernel::debug!("{}", 1);
    kernel::debug_verbose!("{}", 2);
    kernel::debug::debug_available_len() + kernel::debug_process_slice!(slice)
}
