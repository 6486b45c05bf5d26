//! Exhaustive check of [`crate::access`] against an oracle written another way.
//!
//! The code under test searches the register an access falls into and shifts that
//! register's masks. The oracle does neither: it spreads a table once into a map
//! of bits, and decides every access bit by bit from the map. What both must agree on:
//! the answer, the memory afterwards, and which accesses reached the hardware.

use crate::access::{self, Refusal};
use crate::exposure::{Exposure, Register, Registers, Rest, Widths};
use crate::test_window::{Access, Memory};
use berth_exposure::Width;
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

const WIDTHS: [Width; 3] = [Width::Bits8, Width::Bits16, Width::Bits32];
const VALUES: [u32; 5] = [0, u32::MAX, 0x5a5a_a5a5, 0x0000_8001, 0x1234_5678];

/// What the table says of one byte of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Byte {
    register: usize,
    widths: Widths,
    readable: [bool; 8],
    writable: [bool; 8],
    reread: bool,
}

/// The map of a block: one entry a byte, `None` where nothing is exposed.
fn spread(exposure: &Exposure) -> Vec<Option<Byte>> {
    let mut map = vec![None; exposure.length as usize];
    match exposure.registers {
        Registers::Whole(widths) => map.fill(Some(Byte {
            register: usize::MAX,
            widths,
            readable: [true; 8],
            writable: [true; 8],
            reread: true,
        })),
        Registers::List(list) => {
            for (number, register) in list.iter().enumerate() {
                let read = register.read.to_le_bytes();
                let write = register.write.to_le_bytes();
                for i in 0..register.size.bytes() as usize {
                    let bits = |byte: u8| core::array::from_fn(|bit| (byte >> bit) % 2 == 1);
                    map[usize::from(register.offset) + i] = Some(Byte {
                        register: number,
                        widths: register.widths,
                        readable: bits(read[i]),
                        writable: bits(write[i]),
                        reread: register.rest == Rest::Kept,
                    });
                }
            }
        }
    }
    map
}

/// The bytes an access covers, or why it is refused before permissions count.
fn covered(map: &[Option<Byte>], offset: u32, width: Width) -> Result<Vec<Byte>, Refusal> {
    let count = width.bytes() as usize;
    let offset = offset as usize;
    if offset % count != 0 {
        return Err(Refusal::Misaligned);
    }
    if offset + count > map.len() {
        return Err(Refusal::OutsideBlock);
    }
    let first = map[offset].ok_or(Refusal::NoPermission)?;
    if !first.widths.contains(width) {
        return Err(Refusal::Width);
    }
    map[offset..offset + count]
        .iter()
        .map(|byte| match byte {
            Some(byte) if byte.register == first.register => Ok(*byte),
            _ => Err(Refusal::Width),
        })
        .collect()
}

fn expected_read(
    map: &[Option<Byte>],
    memory: &[u8],
    offset: u32,
    width: Width,
) -> Result<u32, Refusal> {
    let bytes = covered(map, offset, width)?;
    if !bytes.iter().any(|byte| byte.readable.contains(&true)) {
        return Err(Refusal::NoPermission);
    }
    let mut value = 0;
    for (i, byte) in bytes.iter().enumerate() {
        for bit in 0..8 {
            if byte.readable[bit] && (memory[offset as usize + i] >> bit) % 2 == 1 {
                value += 1 << (8 * i + bit);
            }
        }
    }
    Ok(value)
}

/// Memory after a write or modify of the bits that `wanted` selects.
fn expected_change(
    bytes: &[Byte],
    memory: &[u8],
    offset: u32,
    value: u32,
    wanted: impl Fn(usize) -> bool,
) -> Vec<u8> {
    let mut after = memory.to_vec();
    for (i, byte) in bytes.iter().enumerate() {
        for bit in 0..8 {
            let position = 8 * i + bit;
            let place = &mut after[offset as usize + i];
            let set = if byte.writable[bit] && wanted(position) {
                (value >> position) % 2 == 1
            } else if byte.reread {
                continue;
            } else {
                false
            };
            *place = (*place & !(1 << bit)) | (u8::from(set) << bit);
        }
    }
    after
}

/// The log of a change that covers `all` bits or not.
fn expected_log(offset: u32, width: Width, after: &[u8], load: bool) -> Vec<Access> {
    let offset = offset as usize;
    let mut stored = 0;
    for i in (0..width.bytes() as usize).rev() {
        stored = stored * 256 + u32::from(after[offset + i]);
    }
    let mut log = Vec::new();
    if load {
        log.push(Access::Load(offset, width));
    }
    log.push(Access::Store(offset, width, stored));
    log
}

fn list(registers: Vec<Register>) -> Registers {
    Registers::List(Box::leak(registers.into_boxed_slice()))
}

/// Tables that between them hold every combination that matters: sizes, width
/// sets, masks, gaps, neighbours, both ends of the block, both kinds of rest.
fn tables() -> Vec<(u32, Registers)> {
    let mut tables = vec![
        (16, Registers::Whole(Widths::ALL)),
        (16, Registers::Whole(Widths::BITS32)),
        (13, Registers::Whole(Widths::BITS8.or(Widths::BITS16))),
        (1, Registers::Whole(Widths::ALL)),
        (16, list(vec![])),
    ];
    let masks = [0, u32::MAX, 0x2, 0x00ff_0000, 0x8000_0001, 0x0f0f_f0f0];
    for read in masks {
        for write in masks {
            for widths in 1..8_u8 {
                let widths = WIDTHS
                    .into_iter()
                    .filter(|w| widths & w.bytes() as u8 != 0)
                    .map(Widths::only)
                    .reduce(Widths::or)
                    .unwrap();
                let word = |offset| Register::new(offset, read, write).widths(widths);
                let half = |offset| {
                    Register::new(offset, read & 0xffff, write & 0xffff)
                        .size(Width::Bits16)
                        .widths(widths)
                };
                let byte = |offset| {
                    Register::new(offset, read & 0xff, write & 0xff)
                        .size(Width::Bits8)
                        .widths(widths)
                };
                tables.push((
                    20,
                    list(vec![word(0), half(4), byte(6), byte(7), half(10), word(16)]),
                ));
                tables.push((
                    19,
                    list(vec![
                        byte(1),
                        word(4).zero_rest(),
                        word(8),
                        half(14).zero_rest(),
                        byte(18),
                    ]),
                ));
            }
        }
    }
    tables
}

#[test]
fn every_access_is_what_the_oracle_says() {
    let mut granted = 0_u32;
    let mut refused = 0_u32;
    for (length, registers) in tables() {
        // The window goes on behind the block: nothing may reach it there.
        let memory = Memory::leak(length as usize + 8);
        let exposure = Exposure::new("block", memory, length, registers);
        crate::table::check(
            core::slice::from_ref(&exposure),
            &[core::cell::Cell::new(0)],
        )
        .unwrap();
        let map = spread(&exposure);
        let content: Vec<u8> = (0..length + 8).map(|i| (i * 89 + 171) as u8).collect();

        for width in WIDTHS {
            for offset in (0..length + 9).chain([0x7fff, 0xfffe, 0xffff]) {
                memory.fill(&content);
                let result = access::read(&exposure, offset as u16, width);
                assert_eq!(result, expected_read(&map, &content, offset, width));
                let log = memory.take_log();
                match result {
                    Ok(_) => {
                        granted += 1;
                        assert_eq!(log, [Access::Load(offset as usize, width)]);
                    }
                    Err(_) => {
                        refused += 1;
                        assert_eq!(log, []);
                    }
                }
                assert_eq!(memory.bytes(), content);

                let target = covered(&map, offset, width).and_then(|bytes| {
                    let any = bytes.iter().any(|byte| byte.writable.contains(&true));
                    any.then_some(bytes).ok_or(Refusal::NoPermission)
                });
                for value in VALUES {
                    check_write(&exposure, memory, &content, &target, (offset, width, value));
                    for mask in VALUES {
                        check_modify(
                            &exposure,
                            memory,
                            &content,
                            &target,
                            (offset, width, value, mask),
                        );
                    }
                }
            }
        }
    }
    // Neither side of the question may be empty.
    assert!(granted > 3_000 && refused > 10_000, "{granted} {refused}");
}

fn check_write(
    exposure: &Exposure,
    memory: &Memory,
    content: &[u8],
    target: &Result<Vec<Byte>, Refusal>,
    (offset, width, value): (u32, Width, u32),
) {
    memory.fill(content);
    let result = access::write(exposure, offset as u16, width, value);
    let log = memory.take_log();
    match target {
        Err(refusal) => {
            assert_eq!(result, Err(*refusal));
            assert_eq!((log, memory.bytes()), (vec![], content.to_vec()));
        }
        Ok(bytes) => {
            assert_eq!(result, Ok(()));
            let after = expected_change(bytes, content, offset, value, |_| true);
            let all = bytes.iter().all(|byte| byte.writable == [true; 8]);
            let load = !all && bytes[0].reread;
            assert_eq!(log, expected_log(offset, width, &after, load));
            assert_eq!(memory.bytes(), after);
        }
    }
}

fn check_modify(
    exposure: &Exposure,
    memory: &Memory,
    content: &[u8],
    target: &Result<Vec<Byte>, Refusal>,
    (offset, width, value, mask): (u32, Width, u32, u32),
) {
    memory.fill(content);
    let result = access::modify(exposure, offset as u16, width, mask, value);
    let log = memory.take_log();
    let bytes = match target {
        Err(refusal) => {
            assert_eq!(result, Err(*refusal));
            assert_eq!((log, memory.bytes()), (vec![], content.to_vec()));
            return;
        }
        Ok(bytes) => bytes,
    };
    if !bytes[0].reread {
        assert_eq!(result, Err(Refusal::NoPermission));
        assert_eq!((log, memory.bytes()), (vec![], content.to_vec()));
        return;
    }
    assert_eq!(result, Ok(()));
    let wanted = |position: usize| (mask >> position) % 2 == 1;
    let changed = |(i, byte): (usize, &Byte)| {
        (0..8)
            .filter(|bit| byte.writable[*bit] && wanted(8 * i + bit))
            .count()
    };
    let count: usize = bytes.iter().enumerate().map(changed).sum();
    let after = expected_change(bytes, content, offset, value, wanted);
    assert_eq!(memory.bytes(), after);
    if count == 0 {
        assert_eq!(log, []);
    } else {
        let load = count < 8 * bytes.len();
        assert_eq!(log, expected_log(offset, width, &after, load));
    }
}
