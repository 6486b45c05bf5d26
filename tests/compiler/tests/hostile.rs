//! Objects written by hand, each against one rule of the checker, and beside them what is right.

use berth_checker::check;
use berth_compiler::entry::Helper;
use berth_compiler_tests::checked::Object;

/// A piece of a function.
#[derive(Clone, Copy)]
enum Part {
    /// Halfwords as they are.
    Is(&'static [u16]),
    /// A branch of 32 bits under a condition, to so many halfwords from itself.
    Go(u16, i32),
    /// A branch to a trap under a condition.
    Trap(u16),
    /// So much fuel is charged.
    Charge(u16),
    /// A call of a helper, or, instead of the call, a branch to the place that calls it.
    Help(Helper),
    BranchToHelp(Helper),
    /// A call of what lies at so many bytes of the object.
    Call(i32),
}

use Part::{BranchToHelp, Call, Charge, Go, Help, Is, Trap};

const EQ: u16 = 0;
const NE: u16 = 1;
const HS: u16 = 2;
const LO: u16 = 3;
const MI: u16 = 4;
const HI: u16 = 8;

/// What a function begins with: r4 and lr are saved, the stack's limit looked at, a frame of two words taken.
const BEGIN: &[Part] = &[
    // push {r4, lr}; ldr ip, [r9, #-12]; cmp sp, ip
    Is(&[0xb510, 0xf859, 0xcc0c, 0x45e5]),
    Trap(LO),
    // sub sp, #8
    Is(&[0xb082]),
];

/// And what it ends with.
const END: &[Part] = &[Is(&[0xb002, 0xbd10])];

/// A branch (0x8000: with a condition; 0x9000), or a call (0xd000) over a distance in bytes from itself.
fn branch(kind: u16, condition: u16, distance: i32) -> [u16; 2] {
    let offset = (distance - 4) >> 1;
    let bit = |at: i32| (offset >> at & 1) as u16;
    let sign = bit(30);
    if kind == 0x8000 {
        return [
            0xf000 | sign << 10 | condition << 6 | (offset >> 11 & 0x3f) as u16,
            0x8000 | bit(17) << 13 | bit(18) << 11 | (offset & 0x7ff) as u16,
        ];
    }
    let (j1, j2) = (bit(22) ^ sign ^ 1, bit(21) ^ sign ^ 1);
    [
        0xf000 | sign << 10 | (offset >> 11 & 0x3ff) as u16,
        kind | j1 << 13 | j2 << 11 | (offset & 0x7ff) as u16,
    ]
}

/// A function whose code begins at so many bytes of the object.
fn assemble(start: i32, parts: &[Part]) -> Vec<u16> {
    let mut code: Vec<u16> = Vec::new();
    // What leads to the stubs behind it: where, under which condition, to what.
    let mut waiting = Vec::new();
    for part in parts {
        let at = code.len();
        match *part {
            Is(halfwords) => code.extend(halfwords),
            Go(condition, halfwords) => code.extend(branch(0x8000, condition, 2 * halfwords)),
            Call(to) => code.extend(branch(0xd000, 0, to - start - 2 * at as i32)),
            Trap(condition) => {
                waiting.push((at, condition, None));
                code.extend([0, 0]);
            }
            Charge(fuel) => {
                code.extend([0xf1ba, 0x0a00 | fuel]);
                waiting.push((at + 2, MI, Some(at + 4)));
                code.extend([0, 0]);
            }
            Help(_) | BranchToHelp(_) => code.extend([0, 0]),
        }
    }
    let mut calls = Vec::new();
    for (from, condition, back) in waiting {
        let here = code.len();
        code[from..from + 2].copy_from_slice(&branch(0x8000, condition, 2 * (here - from) as i32));
        code.extend([0, 0]);
        let helper = match back {
            None => Helper::TrapMemory,
            Some(back) => {
                let distance = 2 * (back as i32 - code.len() as i32);
                code.extend(branch(0x9000, 0, distance));
                Helper::Pause
            }
        };
        calls.push((here, 0xd000, helper));
    }
    let mut at = 0;
    for part in parts {
        match *part {
            Help(helper) => calls.push((at, 0xd000, helper)),
            BranchToHelp(helper) => calls.push((at, 0x9000, helper)),
            _ => {}
        }
        at += match part {
            Is(halfwords) => halfwords.len(),
            Charge(_) => 4,
            _ => 2,
        };
    }
    for (from, kind, helper) in calls {
        let here = code.len();
        code[from..from + 2].copy_from_slice(&branch(kind, 0, 2 * (here - from) as i32));
        // ldr ip, [r9, #-8]; ldr pc, [ip, #4 * helper]
        code.extend([0xf859, 0xcc08, 0xf8dc, 0xf000 | (4 * helper as u16)]);
    }
    code
}

/// The module that all objects here are said to be made of: one function of two parameters, a memory of one page, a
/// table of functions, one of the host's references, and a global variable.
fn module() -> Vec<u8> {
    let text = r#"(module (type (func (param i32 i32) (result i32))) (memory 1) (global (mut i32) (i32.const 0))
        (table 4 funcref) (table 4 externref) (func (type 0) (i32.const 0)))"#;
    wat::parse_str(text).unwrap()
}

/// What the checker says of an object with this one function.
fn judged(function: &[Part]) -> Result<(), &'static str> {
    let mut halfwords = vec![0, 0];
    halfwords.extend(branch(0x9000, 0, 4));
    halfwords.extend(assemble(8, function));
    let bytes: Vec<u8> = halfwords
        .iter()
        .flat_map(|half| half.to_le_bytes())
        .collect();
    check(&bytes, &module(), 1 << 16, &mut [0; 100]).map_err(|refusal| refusal.what)
}

/// The same of a function with the usual beginning and end.
fn body(parts: &[&[Part]]) -> Result<(), &'static str> {
    judged(&[&[BEGIN], parts, &[END]].concat().concat())
}

const UNCHECKED: Result<(), &str> = Err("an access without its check");
const NO_INSTRUCTION: Result<(), &str> = Err("no instruction that the compiler makes");
/// `ldr r0, [r9, r0]`
const LOAD: Part = Is(&[0xf859, 0x0000]);
/// `cmp r0, #100`, and a trap if it is more.
const CHECK: &[Part] = &[Is(&[0x2864]), Trap(HI)];

#[test]
fn accesses_of_the_memory_are_behind_their_check() {
    assert_eq!(body(&[CHECK, &[LOAD]]), Ok(()));
    assert_eq!(body(&[&[LOAD]]), UNCHECKED);
    // Another register, another condition, an instruction between, a register that is changed.
    assert_eq!(body(&[&[Is(&[0x2964]), Trap(HI), LOAD]]), UNCHECKED);
    assert_eq!(body(&[&[Is(&[0x2864]), Trap(HS), LOAD]]), UNCHECKED);
    assert_eq!(body(&[&[Is(&[0x2864, 0x3101]), Trap(HI), LOAD]]), UNCHECKED);
    assert_eq!(body(&[CHECK, &[Is(&[0x3001]), LOAD]]), UNCHECKED);
    // Four bytes at 65,532 are the last: movw r2, #65532 or #65533; cmp r0, r2.
    let up_to = |low| [Is(low), Trap(HI), LOAD];
    assert_eq!(body(&[&up_to(&[0xf64f, 0x72fc, 0x4290])]), Ok(()));
    assert_eq!(body(&[&up_to(&[0xf64f, 0x72fd, 0x4290])]), UNCHECKED);
    // A branch around the check: cmp r1, #0; beq to the access.
    assert_eq!(
        body(&[&[Is(&[0x2900]), Go(EQ, 5)], CHECK, &[LOAD]]),
        UNCHECKED
    );
    // A check on one of two ways only, and one that a pause is behind.
    assert_eq!(
        body(&[&[Is(&[0x2900]), Go(EQ, 5)], CHECK, &[Is(&[0x2300]), LOAD]]),
        UNCHECKED
    );
    assert_eq!(body(&[CHECK, &[Charge(5), LOAD]]), UNCHECKED);
    // A call changes r0, and not r4, which is given back: mov r4, r0; cmp r4, #100; ldr r0, [r9, r4].
    let popcnt = [Help(Helper::I32Popcnt)];
    assert_eq!(body(&[CHECK, &popcnt, &[LOAD]]), UNCHECKED);
    let kept: [Part; 2] = [Is(&[0x4604, 0x2c64]), Trap(HI)];
    assert_eq!(body(&[&kept, &popcnt, &[Is(&[0xf859, 0x0004])]]), Ok(()));
    // Sums: add.w ip, r9, r0, and up to 65,432 bytes from there on (cmp r0, #100).
    let further = |offset| [Is(&[0xeb09, 0x0c00]), Is(offset)];
    assert_eq!(body(&[CHECK, &further(&[0xf8dc, 0x0ffc])]), Ok(()));
    assert_eq!(body(&[&further(&[0xf8dc, 0x0ffc])]), UNCHECKED);
    assert_eq!(body(&[CHECK, &further(&[0xf85c, 0x0c04])]), UNCHECKED);
    // A number that the memory is long enough for, and one for which it is not.
    let constant = |number| [Is(number), Is(&[0x44cc, 0xf8dc, 0x0000])];
    assert_eq!(body(&[&constant(&[0xf64f, 0x7cfc])]), Ok(()));
    assert_eq!(body(&[&constant(&[0xf64f, 0x7cfd])]), UNCHECKED);
}

#[test]
fn branches_lead_to_instructions_of_the_function() {
    let to = |halfwords| body(&[&[Is(&[0x2900]), Go(EQ, halfwords), Is(&[0xf04f, 0x0001])]]);
    assert_eq!(to(2), Ok(()));
    assert_eq!(to(4), Ok(()));
    assert!(to(3).is_err());
    for out in [200, 60_000, -4] {
        assert!(to(out).is_err(), "{out}");
    }
    // A loop is left by fuel.
    assert_eq!(body(&[&[Charge(3), Is(&[0x3801]), Go(NE, -5)]]), Ok(()));
    assert!(body(&[&[Charge(3), Is(&[0x3801]), Go(NE, -3)]]).is_err());
    assert!(body(&[&[Is(&[0x3801]), Go(NE, -1)]]).is_err());
    assert_eq!(body(&[&[Charge(0)]]), Err("fuel that is not charged"));
    // Tables of branches: cmp r0, #2; bhs to behind; tbh; two distances; nothing.
    let table = |distances, skip| {
        body(&[&[
            Is(&[0x2802]),
            Go(HS, skip),
            Is(&[0xe8df, 0xf010]),
            Is(distances),
            Is(&[0x2000, 0x2001]),
        ]])
    };
    assert_eq!(table(&[2, 3], 6), Ok(()));
    assert!(table(&[1, 3], 6).is_err());
    assert!(table(&[2, 300], 6).is_err());
    // The branch in front of it leads into it, or to the jump itself.
    assert!(table(&[2, 3], 4).is_err());
    assert!(table(&[2, 3], 2).is_err());
    assert!(body(&[&[Is(&[0xe8df, 0xf010, 2, 3, 0x2000, 0x2001])]]).is_err());
    // Nothing goes on behind the end.
    assert!(judged(&[Is(&[0xb510, 0xb082])]).is_err());
}

#[test]
fn instructions_that_the_compiler_does_not_make_are_none() {
    let others: [&[u16]; 24] = [
        // svc, bkpt, udf, cpsid, wfi, cbz, cbnz, nop
        &[0xdf00],
        &[0xbe00],
        &[0xde00],
        &[0xb672],
        &[0xbf30],
        &[0xb100],
        &[0xb900],
        &[0xbf00],
        // msr control, r0; mrs r0, control; dsb; coprocessors
        &[0xf380, 0x8814],
        &[0xf3ef, 0x8014],
        &[0xf3bf, 0x8f4f],
        &[0xee00, 0x0f10],
        &[0xee10, 0x0a10],
        &[0xed90, 0x0a00],
        // pc: ldr pc, [sp]; mov pc, r0; add pc, r0; ldr r0, [pc]; adr
        &[0xf8dd, 0xf000],
        &[0x4687],
        &[0x4487],
        &[0x4800],
        &[0xa000],
        // ldmia, stmia, ldrd, ldrex
        &[0xc801],
        &[0xe880, 0x0003],
        &[0xe9d9, 0x0100],
        &[0xe859, 0x0f00],
        // ldr with write-back
        &[0xf859, 0x0b04],
    ];
    for other in others {
        assert_eq!(body(&[&[Is(other)]]), NO_INSTRUCTION, "{other:x?}");
    }
}

#[test]
fn jumps_go_only_where_the_stack_or_a_table_says() {
    // bx r0, blx r0, bx lr, bx ip, blx lr; pop {pc} in the middle.
    assert_eq!(body(&[&[Is(&[0x4700])]]), NO_INSTRUCTION);
    assert_eq!(body(&[&[Is(&[0x4780])]]), NO_INSTRUCTION);
    assert_eq!(body(&[&[Is(&[0x4770])]]), NO_INSTRUCTION);
    assert!(body(&[&[Is(&[0x4760])]]).is_err());
    assert!(body(&[&[Is(&[0x47f0])]]).is_err());
    assert!(body(&[&[Is(&[0xbd10])]]).is_err());
    // A return that gives back other registers, or with sp elsewhere.
    assert!(judged(&[BEGIN, &[Is(&[0xb002, 0xbd00])]].concat()).is_err());
    assert!(judged(&[BEGIN, &[Is(&[0xb001, 0xbd10])]].concat()).is_err());
    // The sequence of an indirect call, and each of its parts left out.
    let parts: [&[Part]; 5] = [
        &[Charge(9)],
        // ldr lr, [r9, #-52]; cmp r1, lr; bhs
        &[Is(&[0xf859, 0xec34, 0x4571]), Trap(HS)],
        // ldr lr, [r9, #-56]; ldr lr, [lr, r1, lsl #2]
        &[Is(&[0xf859, 0xec38, 0xf85e, 0xe021])],
        // cmp lr, #0; beq
        &[Is(&[0xf1be, 0x0f00]), Trap(EQ)],
        // ldr ip, [lr, #-5]; cmp ip, #0; bne
        &[Is(&[0xf85e, 0xcc05, 0xf1bc, 0x0f00]), Trap(NE)],
    ];
    const CALL: &[Part] = &[Is(&[0x47f0])];
    assert_eq!(body(&[&parts.concat(), CALL]), Ok(()));
    for missing in 0..parts.len() {
        let mut less = parts.to_vec();
        less.remove(missing);
        assert!(body(&[&less.concat(), CALL]).is_err(), "{missing}");
    }
    // Of the table of the host's references (8 bytes further down), and with lr written again before the call.
    let mut of_host = parts;
    of_host[1] = &[Is(&[0xf859, 0xec3c, 0x4571]), Trap(HS)];
    of_host[2] = &[Is(&[0xf859, 0xec40, 0xf85e, 0xe021])];
    assert!(body(&[&of_host.concat(), CALL]).is_err());
    assert!(body(&[&parts.concat(), &[Is(&[0x4686])], CALL]).is_err());
    // A call of itself, which has to be charged for; of the middle of a function, and of its entry.
    assert_eq!(body(&[&[Charge(3), Call(8)]]), Ok(()));
    assert_eq!(body(&[&[Charge(3), Call(4)]]), Ok(()));
    assert!(body(&[&[Call(8)]]).is_err());
    assert!(body(&[&[Charge(3), Call(10)]]).is_err());
    assert!(body(&[&[Charge(3), Call(0)]]).is_err());
    // It is looked at the stack before, else it calls nothing.
    let unlooked = [Is(&[0xb510, 0xb082]), Charge(3), Call(8)];
    assert!(judged(&[&unlooked, END].concat()).is_err());
}

#[test]
fn the_stack_is_the_functions_own_and_no_deeper_than_it_looked() {
    // str r0, [sp, #4] is the last word; behind it r4 is saved, and lr.
    assert_eq!(body(&[&[Is(&[0x9001])]]), Ok(()));
    for outside in [
        &[0x9002u16] as &[u16],
        &[0x9003],
        &[0x9803],
        &[0xf8cd, 0x0ffc],
    ] {
        let part: &'static [u16] = Box::leak(outside.into());
        assert_eq!(body(&[&[Is(part)]]), Err("an access outside of the frame"));
    }
    // mov sp, r0; add sp, r0; mov r0, sp; add r0, sp, #4; strb [sp]
    for other in [
        &[0x4685u16] as &[u16],
        &[0x4485],
        &[0x4668],
        &[0xa801],
        &[0xf20d, 0x0004],
        &[0xf88d, 0x0000],
    ] {
        let part: &'static [u16] = Box::leak(other.into());
        assert!(body(&[&[Is(part)]]).is_err(), "{other:x?}");
    }
    // Frames of 56 bytes and of 60 after a look at the limit, without one, and of more with the look at all of it.
    let frame = |down, up| judged(&[&BEGIN[..2], &[Is(down), Is(up)]].concat());
    assert_eq!(frame(&[0xb08e], &[0xb00e, 0xbd10]), Ok(()));
    assert!(frame(&[0xb08f], &[0xb00f, 0xbd10]).is_err());
    // push; ldr lr, [r9, #-12]; subw ip, sp, #256; cmp ip, lr; blo; subw sp, sp, #256
    let large = |looked, taken| {
        let parts = [
            Is(&[0xb510, 0xf859, 0xec0c]),
            Is(looked),
            Is(&[0x45f4]),
            Trap(LO),
            Is(taken),
        ];
        judged(&[&parts[..], &[Is(&[0xb040, 0xbd10])]].concat())
    };
    assert_eq!(large(&[0xf2ad, 0x1c00], &[0xf2ad, 0x1d00]), Ok(()));
    assert!(large(&[0xf2ad, 0x0cfc], &[0xf2ad, 0x1d00]).is_err());
    // What is taken for a call counts: sub sp, #8; add sp, #8.
    let more = |looked| {
        let parts = [
            Is(&[0xb510, 0xf859, 0xec0c]),
            Is(looked),
            Is(&[0x45f4]),
            Trap(LO),
        ];
        let taken = [Is(&[0xf2ad, 0x1d00, 0xb082, 0xb002, 0xb040, 0xbd10])];
        judged(&[&parts[..], &taken].concat())
    };
    assert_eq!(more(&[0xf2ad, 0x1c08]), Ok(()));
    assert!(more(&[0xf2ad, 0x1c04]).is_err());
    // A branch while sp is moved, and a call with room that the callee's type does not have.
    assert!(body(&[&[Is(&[0xb082, 0x2900]), Go(EQ, 2), Is(&[0xb002])]]).is_err());
    assert!(body(&[&[Charge(3), Is(&[0xb082]), Call(8), Is(&[0xb002])]]).is_err());
    // Two parameters are in registers, so nothing is shared with the caller: add ip, sp, #16; ldr r0, [ip].
    assert_eq!(body(&[&[Is(&[0xf20d, 0x0c10, 0xf8dc, 0x0000])]]), UNCHECKED);
}

#[test]
fn registers_of_the_memory_the_fuel_and_the_caller_stay() {
    // r9: mov, mov.w, add, sub, ldr. r10: mov, add, sub without flags, ldr.
    for other in [
        &[0x4681u16] as &[u16],
        &[0xf04f, 0x0900],
        &[0x4481],
        &[0xf1a9, 0x0904],
        &[0xf8dd, 0x9000],
        &[0x4682],
        &[0xf10a, 0x0a01],
        &[0xf1aa, 0x0a01],
        &[0xf8dd, 0xa000],
    ] {
        let part: &'static [u16] = Box::leak(other.into());
        assert!(body(&[&[Is(part)]]).is_err(), "{other:x?}");
    }
    // r5 is not saved, r4 is.
    assert_eq!(body(&[&[Is(&[0x4604])]]), Ok(()));
    assert_eq!(
        body(&[&[Is(&[0x4605])]]),
        Err("a register is changed that is not saved")
    );
    // Below r9: the global variable (68 bytes), lengths of tables (52, 60); nothing else is written, and the addresses of
    // helpers, of the limit, of the host and of windows are not read.
    assert_eq!(body(&[&[Is(&[0xf849, 0x0c44])]]), Ok(()));
    assert_eq!(body(&[&[Is(&[0xf859, 0x0c34])]]), Ok(()));
    for distance in (4..=80).step_by(4).filter(|distance| *distance != 68) {
        let write = Box::leak(Box::new([0xf849, 0x0c00 | distance]));
        assert_eq!(body(&[&[Is(write)]]), UNCHECKED, "{distance}");
    }
    for distance in [8, 12, 20, 24, 28, 32, 36, 40, 44, 48, 72, 76] {
        let read = Box::leak(Box::new([0xf859, 0x0c00 | distance]));
        assert_eq!(body(&[&[Is(read)]]), UNCHECKED, "{distance}");
    }
    // An element is not written: ldr lr, [r9, #-52]; cmp r1, lr; bhs; ldr ip, [r9, #-56]; ldr or str r0, [ip, r1, lsl #2].
    let element = |access| {
        body(&[&[
            Is(&[0xf859, 0xec34, 0x4571]),
            Trap(HS),
            Is(&[0xf859, 0xcc38]),
            Is(access),
        ]])
    };
    assert_eq!(element(&[0xf85c, 0x0021]), Ok(()));
    assert_eq!(element(&[0xf84c, 0x0021]), UNCHECKED);
    assert_eq!(element(&[0xf85c, 0x0020]), UNCHECKED);
}

#[test]
fn helpers_get_the_context_and_numbers_that_there_are() {
    const MORE: Result<(), &str> = Err("a helper gets other arguments than it may");
    // mov r3, r9
    let fill = |parts: &[Part]| body(&[parts, &[Help(Helper::MemoryFill)]]);
    assert_eq!(fill(&[Is(&[0x464b])]), Ok(()));
    assert_eq!(fill(&[]), MORE);
    assert_eq!(fill(&[Is(&[0x464b, 0x3301])]), MORE);
    // The memory may have moved: mov r1, r9; the helper; mov r9, r1.
    let grow = |behind| body(&[&[Is(&[0x4649]), Help(Helper::MemoryGrow), Is(behind)]]);
    assert_eq!(grow(&[0x4689]), Ok(()));
    assert!(grow(&[0x2000]).is_err());
    assert!(grow(&[0x4681]).is_err());
    // sub sp, #8; str r9, [sp]; movs r3, #table; the helper; add sp, #8.
    let table = |before| {
        body(&[&[
            Is(&[0xb082]),
            Is(before),
            Help(Helper::TableFill),
            Is(&[0xb002]),
        ]])
    };
    assert_eq!(table(&[0xf8cd, 0x9000, 0x2301]), Ok(()));
    assert_eq!(table(&[0xf8cd, 0x9000, 0x2302]), MORE);
    assert_eq!(table(&[0xf8cd, 0x9004, 0x2301]), MORE);
    assert_eq!(table(&[0xf8cd, 0x9000, 0x9000, 0x2301]), MORE);
    assert_eq!(table(&[0x2301]), MORE);
    // Elements are copied between tables of one kind: table to, and 256 times table from.
    let copy = |before| {
        body(&[&[
            Is(&[0xb082]),
            Is(before),
            Help(Helper::TableCopy),
            Is(&[0xb002]),
        ]])
    };
    assert_eq!(copy(&[0xf8cd, 0x9000, 0x2300]), Ok(()));
    assert_eq!(copy(&[0xf8cd, 0x9000, 0xf240, 0x1301]), Ok(()));
    assert_eq!(copy(&[0xf8cd, 0x9000, 0x2301]), MORE);
    assert_eq!(copy(&[0xf8cd, 0x9000, 0xf44f, 0x7380]), MORE);
    // There is no data segment.
    assert_eq!(
        body(&[&[Is(&[0x2000, 0x4649]), Help(Helper::DataDrop)]]),
        MORE
    );
    // A pause elsewhere, a helper that is only told, and a jump to a helper in place of a call.
    assert!(body(&[&[Help(Helper::Pause)]]).is_err());
    assert!(body(&[&[Help(Helper::TrapConversion)]]).is_err());
    assert!(body(&[&[BranchToHelp(Helper::I32Popcnt)]]).is_err());
    // The place that calls a helper, fallen into.
    let place = [Is(&[0xf859, 0xcc08, 0xf8dc, 0xf054])];
    assert!(body(&[&place]).is_err());
}

#[test]
fn conditions_stand_before_what_may_have_one() {
    // ite eq; moveq r0, #1; movne r0, #0; it eq; moveq r0, r1
    assert_eq!(body(&[&[Is(&[0x2900, 0xbf0c, 0x2001, 0x2000])]]), Ok(()));
    assert_eq!(body(&[&[Is(&[0x2900, 0xbf08, 0x4608])]]), Ok(()));
    // A store, a move of sp, a change of r9, a return; a block of three.
    for other in [0x9000, 0xb002, 0x4681, 0xbd10] {
        let part = Box::leak(Box::new([0x2900, 0xbf08, other]));
        assert!(body(&[&[Is(part)]]).is_err(), "{other:x}");
    }
    assert!(body(&[&[Is(&[0x2900, 0xbf02, 0x2001, 0x2001, 0x2001])]]).is_err());
    // What is compared under a condition says nothing, and what is written is not known.
    assert_eq!(
        body(&[&[Is(&[0x2900, 0xbf08, 0x2864]), Trap(HI), LOAD]]),
        UNCHECKED
    );
    assert_eq!(
        body(&[CHECK, &[Is(&[0x2900, 0xbf08, 0x4608]), LOAD]]),
        UNCHECKED
    );
}

#[test]
fn entries_lead_to_the_functions_and_have_their_types() {
    let mut halfwords = vec![0, 0];
    halfwords.extend(branch(0x9000, 0, 4));
    halfwords.extend(assemble(8, &[BEGIN, END].concat()));
    let judged = |halfwords: &[u16], room: usize| {
        let bytes: Vec<u8> = halfwords
            .iter()
            .flat_map(|half| half.to_le_bytes())
            .collect();
        check(&bytes, &module(), 1 << 16, &mut vec![0; room])
    };
    assert_eq!(judged(&halfwords, 2), Ok(()));
    assert!(judged(&halfwords, 1).is_err());
    for (at, half) in [(0, 1), (1, 1), (3, 0xb801), (2, 0xf001), (3, 0xf800)] {
        let mut other = halfwords.clone();
        other[at] = half;
        assert!(judged(&other, 2).is_err(), "{at}");
    }
    for length in 0..halfwords.len() {
        assert!(judged(&halfwords[..length], 2).is_err(), "{length}");
    }
    halfwords.push(0);
    assert!(judged(&halfwords, 2).is_err());
}

/// A module that imports the accesses to registers by whole words, a function of that name of another type, one of another module, and a read
/// once more; and does nothing.
fn accesses() -> Vec<u8> {
    let text = r#"(module
        (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
        (import "mmio" "write32" (func (param i32 i32 i32)))
        (import "mmio" "modify32" (func (param i32 i32 i32 i32)))
        (import "mmio" "read32" (func (param i32 i32 i32)))
        (import "other" "read32" (func (param i32 i32) (result i32)))
        (import "mmio" "read32" (func (param i32 i32) (result i32)))
        (import "mmio" "read16" (func (param i32 i32) (result i32)))
        (func (export "_start") (drop (call $read (i32.const 0) (i32.const 4)))))"#;
    wat::parse_str(text).unwrap()
}

/// Bytes of the stubs of those.
const STUBS: [usize; 7] = [52, 52, 74, 8, 8, 8, 8];

#[test]
fn an_access_to_a_register_is_the_one_that_there_is_and_nothing_like_it() {
    let object = Object::of(&accesses()).unwrap();
    assert_eq!(object.check(), Ok(()));
    let first = 8 * object.shared.len();
    let mut at = first;
    for (number, bytes) in STUBS.into_iter().enumerate() {
        // Where it begins is in its entry.
        let entry = 8 * number + 4;
        let word =
            |place: usize| u16::from_le_bytes([object.bytes[place], object.bytes[place + 1]]);
        let wanted = branch(0x9000, 0, at as i32 - entry as i32);
        assert_eq!([word(entry), word(entry + 2)], wanted, "{number}");
        at += bytes;
    }
    // No bit of them may be another, whichever word, register, bound or number it makes of it.
    for bit in 8 * first..8 * at {
        let mut other = object.bytes.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(object.check_instead(&other).is_err(), "bit {bit}");
    }
    // Nor a piece be missing, or twice there.
    for half in (first..at).step_by(2) {
        let mut other = object.bytes.clone();
        other.drain(half..half + 2);
        assert!(object.check_instead(&other).is_err(), "{half} left out");
        let mut other = object.bytes.clone();
        other.splice(half..half, object.bytes[half..half + 2].to_vec());
        assert!(object.check_instead(&other).is_err(), "{half} twice");
    }
    // Each stands for its own import only: those that are as long change places.
    let mut other = object.bytes.clone();
    other[first..first + 104].rotate_left(52);
    assert!(object.check_instead(&other).is_err());
}

#[test]
fn an_access_stands_for_no_other_import() {
    let object = Object::of(&accesses()).unwrap();
    let image = |from: &str, to: &str| {
        let mut image = accesses();
        let places: Vec<usize> = (0..image.len() - from.len())
            .filter(|place| image[*place..].starts_with(from.as_bytes()))
            .collect();
        image[places[0]..places[0] + to.len()].copy_from_slice(to.as_bytes());
        image
    };
    let judged = |image: &[u8]| check(&object.bytes, image, 0, &mut [0; 100]);
    assert_eq!(judged(&accesses()), Ok(()));
    // The first of each is of another name, or of another module.
    for name in ["read32", "write32", "modify32"] {
        let other = format!("{}8", &name[..name.len() - 1]);
        assert!(judged(&image(name, &other)).is_err(), "{name}");
    }
    assert!(judged(&image("mmio", "mmia")).is_err());
    // What else there is has no way to windows: in a function, each instruction of the access is none.
    for other in [
        &[0xe959u16, 0x3c09] as &[u16],
        &[0xeb03, 0x1300],
        &[0xe9d3, 0x3c00],
        &[0xebbc, 0x0fb1],
        &[0xe949, 0x010b],
        &[0x4770],
    ] {
        let part: &'static [u16] = Box::leak(other.into());
        assert_eq!(body(&[&[Is(part)]]), NO_INSTRUCTION, "{other:x?}");
    }
}
