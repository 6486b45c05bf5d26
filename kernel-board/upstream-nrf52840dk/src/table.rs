// Made from exposure.dts; changes are lost.

pub(crate) const COUNT: usize = 1;

static BLOCK_0: Block = block(0x4001a000, 0x1000);

pub(crate) static EXPOSURES: [Exposure; COUNT] = [
    Exposure::new("timer3", &BLOCK_0, 0x1000, Registers::Whole(Widths::BITS32))
        .access(AccessClass::Mapped)
        .safe_state(&[
            // TASKS_STOP
            SafeWrite::new(0x4, 0x1, 0xffffffff),
            // INTENCLR
            SafeWrite::new(0x308, 0xffffffff, 0xffffffff),
        ])
    ,
];

/// Address and length of what is mapped, in order.
pub(crate) static MAPPED: &[(usize, usize)] = &[
    (0x4001a000, 0x1000),
];

pub(crate) const REACHED: &[(u64, u64)] = &[
    (0x4001a000, 0x1000),
];

pub(crate) static PROCESSES: &[ProcessRule] = &[
    // SUPERVISOR_FLASH
    ProcessRule {
        flash_start: 0x80000,
        drivers: &[
            DriverRule { driver: 0xa0000, commands: 0xffffffffffffffff, indexed: 0x0, indices: 0x0 },
            DriverRule { driver: 0x0, commands: 0x6f, indexed: 0x0, indices: 0x0 },
            DriverRule { driver: 0x1, commands: 0xf, indexed: 0x0, indices: 0x0 },
            DriverRule { driver: 0xa0002, commands: 0x7, indexed: 0x0, indices: 0x0 },
        ],
    },
];

pub(crate) const LIMITS: Limits = Limits { handlers: 8, captures: 16, accesses_per_pass: 64, share_percent: 10 };

pub(crate) const ERASES: Budget = Budget { burst: 256, period_s: 86400, per_second: 16 };

pub(crate) const PROGRAMS: usize = 0;

pub(crate) const CONVEYORS: usize = 0;

pub(crate) const INTERRUPTS: &[Interrupt] = &[
    Interrupt { exposure: 0, line: 26, captures_max: 2, clear: Some(Clear { offset: 0x140, bytes: 4, value: 0x0, before_capture: true, raised: None }) },
];

pub(crate) const LED_RESTS: &[Rest; 0] = &[
];

pub(crate) const GPIO_RESTS: &[Rest; 0] = &[
];
