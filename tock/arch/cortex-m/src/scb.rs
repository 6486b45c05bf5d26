//! System control block: vector table, fault handlers, priorities, fault status.

#![allow(unsafe_code)]

use kernel::utilities::StaticRef;
use kernel::utilities::registers::interfaces::{ReadWriteable, Readable, Writeable};
use kernel::utilities::registers::{ReadOnly, ReadWrite, register_bitfields, register_structs};

use crate::fault::FaultStatus;
use crate::nvic::PRIORITY;

register_structs! {
    ScbRegisters {
        (0x00 => cpuid: ReadOnly<u32>),
        (0x04 => icsr: ReadWrite<u32>),
        (0x08 => vtor: ReadWrite<u32>),
        (0x0C => aircr: ReadWrite<u32>),
        (0x10 => scr: ReadWrite<u32>),
        (0x14 => ccr: ReadWrite<u32, ConfigurationControl::Register>),
        (0x18 => shpr: [ReadWrite<u32>; 3]),
        (0x24 => shcsr: ReadWrite<u32, HandlerControl::Register>),
        (0x28 => cfsr: ReadWrite<u32>),
        (0x2C => hfsr: ReadWrite<u32>),
        (0x30 => dfsr: ReadWrite<u32>),
        (0x34 => mmfar: ReadWrite<u32>),
        (0x38 => bfar: ReadWrite<u32>),
        (0x3C => afsr: ReadWrite<u32>),
        (0x40 => _reserved),
        (0x88 => cpacr: ReadWrite<u32>),
        (0x8C => _reserved2),
        (0x234 => fpccr: ReadWrite<u32>),
        (0x238 => @END),
    }
}

register_bitfields![u32,
    ConfigurationControl [
        /// Exception frames are aligned to eight bytes.
        STKALIGN 9,
        DIV_0_TRP 4
    ],
    HandlerControl [
        USGFAULTENA 18,
        BUSFAULTENA 17,
        MEMFAULTENA 16
    ]
];

// SAFETY: the architecture fixes the system control block at this address.
const SCB: StaticRef<ScbRegisters> = unsafe { StaticRef::new(0xE000_ED00 as *const ScbRegisters) };

// SAFETY: the architecture fixes the auxiliary control register at this address.
const ACTLR: StaticRef<ReadWrite<u32>> =
    unsafe { StaticRef::new(0xE000_E008 as *const ReadWrite<u32>) };

/// Set up exceptions: each kind of fault has its handler and, with priority 0,
/// goes before everything else; SVC, PendSV and SysTick share the priority of
/// the interrupts. Division by zero traps. The floating-point unit stays off, and nothing is
/// ever stacked lazily: an exception frame always has eight words, written when it is made.
pub fn init() {
    let [shpr1, shpr2, shpr3] = &SCB.shpr;
    shpr1.set(0);
    shpr2.set(u32::from_be_bytes([PRIORITY, 0, 0, 0])); // SVC
    shpr3.set(u32::from_be_bytes([PRIORITY, PRIORITY, 0, 0])); // SysTick, PendSV
    SCB.ccr
        .modify(ConfigurationControl::STKALIGN::SET + ConfigurationControl::DIV_0_TRP::SET);
    SCB.shcsr.modify(
        HandlerControl::USGFAULTENA::SET
            + HandlerControl::BUSFAULTENA::SET
            + HandlerControl::MEMFAULTENA::SET,
    );
    SCB.cpacr.set(0);
    SCB.fpccr.set(0);
    crate::support::synchronize();
}

/// Set bits of the auxiliary control register; what they are is each core's own.
pub fn set_auxiliary_control(bits: u32) {
    ACTLR.set(ACTLR.get() | bits);
    crate::support::synchronize();
}

/// Where exceptions are vectored through.
///
/// # Safety
///
/// `table` must be a complete vector table, aligned as the core demands, that
/// lives as long as exceptions are taken.
pub unsafe fn set_vector_table_offset(table: *const ()) {
    SCB.vtor.set(table.addr() as u32);
}

/// Read what the last fault was and clear it for the next one.
#[must_use]
pub fn take_fault_status() -> FaultStatus {
    let status = FaultStatus {
        cfsr: SCB.cfsr.get(),
        hfsr: SCB.hfsr.get(),
        mmfar: SCB.mmfar.get(),
        bfar: SCB.bfar.get(),
    };
    // The status bits are cleared by writing them back.
    SCB.cfsr.set(status.cfsr);
    SCB.hfsr.set(status.hfsr);
    status
}

/// CPUID: implementer, part, revision.
#[must_use]
pub fn cpuid() -> u32 {
    SCB.cpuid.get()
}

/// Ask the system to reset; returns until it does.
pub fn reset() {
    const KEY: u32 = 0x05FA << 16;
    const SYSRESETREQ: u32 = 1 << 2;
    crate::support::synchronize();
    SCB.aircr.set(KEY | SYSRESETREQ);
}
