// Labels and registers of one board, for containers. Made from exposure.dts.

/// `fpgaio`: 24 bytes.
pub mod fpgaio {
    /// The label to import.
    pub const LABEL: &str = "fpgaio";
    /// Offset of LED0: 32 bits, readable 0x2, writable 0x2.
    pub const LED0: u32 = 0x0;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// LED0, readable 0x2, writable 0x2.
        pub led0: typed::Register<0x0, u32, typed::Changed>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:fpgaio"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            led0: typed::Register::of(block),
        }
    }

    /// Bits of LED0.
    pub mod led0 {
        use berth_guest::typed::Field;

        /// 0x2.
        pub const LED1: Field = Field::of(0x2);
    }
}

/// `i2c_shield1`: 4096 bytes.
pub mod i2c_shield1 {
    /// The label to import.
    pub const LABEL: &str = "i2c_shield1";
    /// Offset of CONTROL: 32 bits, readable 0x3, writable 0x3.
    pub const CONTROL: u32 = 0x0;
    /// Offset of CONTROLC: 32 bits, readable 0x0, writable 0x3.
    pub const CONTROLC: u32 = 0x4;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// CONTROL, readable 0x3, writable 0x3.
        pub control: typed::Register<0x0, u32, typed::Whole>,
        /// CONTROLC, readable 0x0, writable 0x3.
        pub controlc: typed::Register<0x4, u32, typed::WriteOnly>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:i2c_shield1"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            control: typed::Register::of(block),
            controlc: typed::Register::of(block),
        }
    }

    /// Bits of CONTROL.
    pub mod control {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const SCL: Field = Field::of(0x1);

        /// 0x2.
        pub const SDA: Field = Field::of(0x2);
    }

    /// Bits of CONTROLC.
    pub mod controlc {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const SCL: Field = Field::of(0x1);

        /// 0x2.
        pub const SDA: Field = Field::of(0x2);
    }
}

/// `uart1`: 4096 bytes.
pub mod uart1 {
    /// The label to import.
    pub const LABEL: &str = "uart1";
    /// Offset of DATA: 32 bits.
    pub const DATA: u32 = 0x0;
    /// Offset of STATE: 32 bits.
    pub const STATE: u32 = 0x4;
    /// Offset of CTRL: 32 bits.
    pub const CTRL: u32 = 0x8;
    /// Offset of INTSTATUS: 32 bits.
    pub const INTSTATUS: u32 = 0xc;
    /// Offset of BAUDDIV: 32 bits.
    pub const BAUDDIV: u32 = 0x10;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// DATA.
        pub data: typed::Register<0x0, u32, typed::Changed>,
        /// STATE.
        pub state: typed::Register<0x4, u32, typed::Changed>,
        /// CTRL.
        pub ctrl: typed::Register<0x8, u32, typed::Changed>,
        /// INTSTATUS.
        pub intstatus: typed::Register<0xc, u32, typed::Changed>,
        /// BAUDDIV.
        pub bauddiv: typed::Register<0x10, u32, typed::Changed>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:uart1"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            data: typed::Register::of(block),
            state: typed::Register::of(block),
            ctrl: typed::Register::of(block),
            intstatus: typed::Register::of(block),
            bauddiv: typed::Register::of(block),
        }
    }

    /// Bits of DATA.
    pub mod data {
        use berth_guest::typed::Field;

        /// 0xff.
        pub const BYTE: Field = Field::of(0xff);
    }

    /// Bits of STATE.
    pub mod state {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TXFULL: Field = Field::of(0x1);

        /// 0x2.
        pub const RXFULL: Field = Field::of(0x2);

        /// 0x4.
        pub const TXOVERRUN: Field = Field::of(0x4);

        /// 0x8.
        pub const RXOVERRUN: Field = Field::of(0x8);
    }

    /// Bits of CTRL.
    pub mod ctrl {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TXEN: Field = Field::of(0x1);

        /// 0x2.
        pub const RXEN: Field = Field::of(0x2);

        /// 0x4.
        pub const TXIE: Field = Field::of(0x4);

        /// 0x8.
        pub const RXIE: Field = Field::of(0x8);

        /// 0x10.
        pub const TXOIE: Field = Field::of(0x10);

        /// 0x20.
        pub const RXOIE: Field = Field::of(0x20);

        /// 0x40.
        pub const HSTM: Field = Field::of(0x40);
    }

    /// Bits of INTSTATUS.
    pub mod intstatus {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TX: Field = Field::of(0x1);

        /// 0x2.
        pub const RX: Field = Field::of(0x2);

        /// 0x4.
        pub const TXO: Field = Field::of(0x4);

        /// 0x8.
        pub const RXO: Field = Field::of(0x8);
    }

    /// Bits of BAUDDIV.
    pub mod bauddiv {
        use berth_guest::typed::Field;

        /// 0xfffff.
        pub const DIVIDER: Field = Field::of(0xfffff);
    }

    berth_guest::irq!(
        /// The interrupts.
        pub Interrupts = "irq:uart1"
    );

    /// Numbers of the interrupts.
    pub mod interrupts {
        /// `rx`; at most 4 captures.
        pub const RX: u8 = 0;
        /// `tx`; at most 4 captures.
        pub const TX: u8 = 1;
    }
}

/// `uart2`: 4096 bytes.
pub mod uart2 {
    /// The label to import.
    pub const LABEL: &str = "uart2";
    /// Offset of DATA: 32 bits.
    pub const DATA: u32 = 0x0;
    /// Offset of STATE: 32 bits.
    pub const STATE: u32 = 0x4;
    /// Offset of CTRL: 32 bits.
    pub const CTRL: u32 = 0x8;
    /// Offset of INTSTATUS: 32 bits.
    pub const INTSTATUS: u32 = 0xc;
    /// Offset of BAUDDIV: 32 bits.
    pub const BAUDDIV: u32 = 0x10;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// DATA.
        pub data: typed::Register<0x0, u32, typed::Changed>,
        /// STATE.
        pub state: typed::Register<0x4, u32, typed::Changed>,
        /// CTRL.
        pub ctrl: typed::Register<0x8, u32, typed::Changed>,
        /// INTSTATUS.
        pub intstatus: typed::Register<0xc, u32, typed::Changed>,
        /// BAUDDIV.
        pub bauddiv: typed::Register<0x10, u32, typed::Changed>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:uart2"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            data: typed::Register::of(block),
            state: typed::Register::of(block),
            ctrl: typed::Register::of(block),
            intstatus: typed::Register::of(block),
            bauddiv: typed::Register::of(block),
        }
    }

    /// Bits of DATA.
    pub mod data {
        use berth_guest::typed::Field;

        /// 0xff.
        pub const BYTE: Field = Field::of(0xff);
    }

    /// Bits of STATE.
    pub mod state {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TXFULL: Field = Field::of(0x1);

        /// 0x2.
        pub const RXFULL: Field = Field::of(0x2);

        /// 0x4.
        pub const TXOVERRUN: Field = Field::of(0x4);

        /// 0x8.
        pub const RXOVERRUN: Field = Field::of(0x8);
    }

    /// Bits of CTRL.
    pub mod ctrl {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TXEN: Field = Field::of(0x1);

        /// 0x2.
        pub const RXEN: Field = Field::of(0x2);

        /// 0x4.
        pub const TXIE: Field = Field::of(0x4);

        /// 0x8.
        pub const RXIE: Field = Field::of(0x8);

        /// 0x10.
        pub const TXOIE: Field = Field::of(0x10);

        /// 0x20.
        pub const RXOIE: Field = Field::of(0x20);

        /// 0x40.
        pub const HSTM: Field = Field::of(0x40);
    }

    /// Bits of INTSTATUS.
    pub mod intstatus {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TX: Field = Field::of(0x1);

        /// 0x2.
        pub const RX: Field = Field::of(0x2);

        /// 0x4.
        pub const TXO: Field = Field::of(0x4);

        /// 0x8.
        pub const RXO: Field = Field::of(0x8);
    }

    /// Bits of BAUDDIV.
    pub mod bauddiv {
        use berth_guest::typed::Field;

        /// 0xfffff.
        pub const DIVIDER: Field = Field::of(0xfffff);
    }

    berth_guest::irq!(
        /// The interrupts.
        pub Interrupts = "irq:uart2"
    );

    /// Numbers of the interrupts.
    pub mod interrupts {
        /// `rx`; at most 4 captures.
        pub const RX: u8 = 0;
        /// `tx`; at most 4 captures.
        pub const TX: u8 = 1;
    }
}

/// `uart3`: 4096 bytes.
pub mod uart3 {
    /// The label to import.
    pub const LABEL: &str = "uart3";
    /// Offset of DATA: 32 bits.
    pub const DATA: u32 = 0x0;
    /// Offset of STATE: 32 bits.
    pub const STATE: u32 = 0x4;
    /// Offset of CTRL: 32 bits.
    pub const CTRL: u32 = 0x8;
    /// Offset of INTSTATUS: 32 bits.
    pub const INTSTATUS: u32 = 0xc;
    /// Offset of BAUDDIV: 32 bits.
    pub const BAUDDIV: u32 = 0x10;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// DATA.
        pub data: typed::Register<0x0, u32, typed::Changed>,
        /// STATE.
        pub state: typed::Register<0x4, u32, typed::Changed>,
        /// CTRL.
        pub ctrl: typed::Register<0x8, u32, typed::Changed>,
        /// INTSTATUS.
        pub intstatus: typed::Register<0xc, u32, typed::Changed>,
        /// BAUDDIV.
        pub bauddiv: typed::Register<0x10, u32, typed::Changed>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:uart3"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            data: typed::Register::of(block),
            state: typed::Register::of(block),
            ctrl: typed::Register::of(block),
            intstatus: typed::Register::of(block),
            bauddiv: typed::Register::of(block),
        }
    }

    /// Bits of DATA.
    pub mod data {
        use berth_guest::typed::Field;

        /// 0xff.
        pub const BYTE: Field = Field::of(0xff);
    }

    /// Bits of STATE.
    pub mod state {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TXFULL: Field = Field::of(0x1);

        /// 0x2.
        pub const RXFULL: Field = Field::of(0x2);

        /// 0x4.
        pub const TXOVERRUN: Field = Field::of(0x4);

        /// 0x8.
        pub const RXOVERRUN: Field = Field::of(0x8);
    }

    /// Bits of CTRL.
    pub mod ctrl {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TXEN: Field = Field::of(0x1);

        /// 0x2.
        pub const RXEN: Field = Field::of(0x2);

        /// 0x4.
        pub const TXIE: Field = Field::of(0x4);

        /// 0x8.
        pub const RXIE: Field = Field::of(0x8);

        /// 0x10.
        pub const TXOIE: Field = Field::of(0x10);

        /// 0x20.
        pub const RXOIE: Field = Field::of(0x20);

        /// 0x40.
        pub const HSTM: Field = Field::of(0x40);
    }

    /// Bits of INTSTATUS.
    pub mod intstatus {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TX: Field = Field::of(0x1);

        /// 0x2.
        pub const RX: Field = Field::of(0x2);

        /// 0x4.
        pub const TXO: Field = Field::of(0x4);

        /// 0x8.
        pub const RXO: Field = Field::of(0x8);
    }

    /// Bits of BAUDDIV.
    pub mod bauddiv {
        use berth_guest::typed::Field;

        /// 0xfffff.
        pub const DIVIDER: Field = Field::of(0xfffff);
    }

    berth_guest::irq!(
        /// The interrupts.
        pub Interrupts = "irq:uart3"
    );

    /// Numbers of the interrupts.
    pub mod interrupts {
        /// `rx`; at most 4 captures.
        pub const RX: u8 = 0;
        /// `tx`; at most 4 captures.
        pub const TX: u8 = 1;
    }
}

/// `uart4`: 4096 bytes.
pub mod uart4 {
    /// The label to import.
    pub const LABEL: &str = "uart4";
    /// Offset of DATA: 32 bits.
    pub const DATA: u32 = 0x0;
    /// Offset of STATE: 32 bits.
    pub const STATE: u32 = 0x4;
    /// Offset of CTRL: 32 bits.
    pub const CTRL: u32 = 0x8;
    /// Offset of INTSTATUS: 32 bits.
    pub const INTSTATUS: u32 = 0xc;
    /// Offset of BAUDDIV: 32 bits.
    pub const BAUDDIV: u32 = 0x10;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// DATA.
        pub data: typed::Register<0x0, u32, typed::Changed>,
        /// STATE.
        pub state: typed::Register<0x4, u32, typed::Changed>,
        /// CTRL.
        pub ctrl: typed::Register<0x8, u32, typed::Changed>,
        /// INTSTATUS.
        pub intstatus: typed::Register<0xc, u32, typed::Changed>,
        /// BAUDDIV.
        pub bauddiv: typed::Register<0x10, u32, typed::Changed>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:uart4"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            data: typed::Register::of(block),
            state: typed::Register::of(block),
            ctrl: typed::Register::of(block),
            intstatus: typed::Register::of(block),
            bauddiv: typed::Register::of(block),
        }
    }

    /// Bits of DATA.
    pub mod data {
        use berth_guest::typed::Field;

        /// 0xff.
        pub const BYTE: Field = Field::of(0xff);
    }

    /// Bits of STATE.
    pub mod state {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TXFULL: Field = Field::of(0x1);

        /// 0x2.
        pub const RXFULL: Field = Field::of(0x2);

        /// 0x4.
        pub const TXOVERRUN: Field = Field::of(0x4);

        /// 0x8.
        pub const RXOVERRUN: Field = Field::of(0x8);
    }

    /// Bits of CTRL.
    pub mod ctrl {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TXEN: Field = Field::of(0x1);

        /// 0x2.
        pub const RXEN: Field = Field::of(0x2);

        /// 0x4.
        pub const TXIE: Field = Field::of(0x4);

        /// 0x8.
        pub const RXIE: Field = Field::of(0x8);

        /// 0x10.
        pub const TXOIE: Field = Field::of(0x10);

        /// 0x20.
        pub const RXOIE: Field = Field::of(0x20);

        /// 0x40.
        pub const HSTM: Field = Field::of(0x40);
    }

    /// Bits of INTSTATUS.
    pub mod intstatus {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TX: Field = Field::of(0x1);

        /// 0x2.
        pub const RX: Field = Field::of(0x2);

        /// 0x4.
        pub const TXO: Field = Field::of(0x4);

        /// 0x8.
        pub const RXO: Field = Field::of(0x8);
    }

    /// Bits of BAUDDIV.
    pub mod bauddiv {
        use berth_guest::typed::Field;

        /// 0xfffff.
        pub const DIVIDER: Field = Field::of(0xfffff);
    }

    berth_guest::irq!(
        /// The interrupts.
        pub Interrupts = "irq:uart4"
    );

    /// Numbers of the interrupts.
    pub mod interrupts {
        /// `rx`; at most 4 captures.
        pub const RX: u8 = 0;
        /// `tx`; at most 4 captures.
        pub const TX: u8 = 1;
    }
}

/// `spi_shield0`: 4096 bytes.
pub mod spi_shield0 {
    /// The label to import.
    pub const LABEL: &str = "spi_shield0";
    /// Offset of SSPCR0: 32 bits.
    pub const SSPCR0: u32 = 0x0;
    /// Offset of SSPCR1: 32 bits.
    pub const SSPCR1: u32 = 0x4;
    /// Offset of SSPDR: 32 bits.
    pub const SSPDR: u32 = 0x8;
    /// Offset of SSPSR: 32 bits.
    pub const SSPSR: u32 = 0xc;
    /// Offset of SSPCPSR: 32 bits.
    pub const SSPCPSR: u32 = 0x10;
    /// Offset of SSPIMSC: 32 bits.
    pub const SSPIMSC: u32 = 0x14;
    /// Offset of SSPRIS: 32 bits.
    pub const SSPRIS: u32 = 0x18;
    /// Offset of SSPMIS: 32 bits.
    pub const SSPMIS: u32 = 0x1c;
    /// Offset of SSPICR: 32 bits.
    pub const SSPICR: u32 = 0x20;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// SSPCR0.
        pub sspcr0: typed::Register<0x0, u32, typed::Changed>,
        /// SSPCR1.
        pub sspcr1: typed::Register<0x4, u32, typed::Changed>,
        /// SSPDR.
        pub sspdr: typed::Register<0x8, u32, typed::Changed>,
        /// SSPSR.
        pub sspsr: typed::Register<0xc, u32, typed::Changed>,
        /// SSPCPSR.
        pub sspcpsr: typed::Register<0x10, u32, typed::Changed>,
        /// SSPIMSC.
        pub sspimsc: typed::Register<0x14, u32, typed::Changed>,
        /// SSPRIS.
        pub sspris: typed::Register<0x18, u32, typed::Changed>,
        /// SSPMIS.
        pub sspmis: typed::Register<0x1c, u32, typed::Changed>,
        /// SSPICR.
        pub sspicr: typed::Register<0x20, u32, typed::Changed>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:spi_shield0"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            sspcr0: typed::Register::of(block),
            sspcr1: typed::Register::of(block),
            sspdr: typed::Register::of(block),
            sspsr: typed::Register::of(block),
            sspcpsr: typed::Register::of(block),
            sspimsc: typed::Register::of(block),
            sspris: typed::Register::of(block),
            sspmis: typed::Register::of(block),
            sspicr: typed::Register::of(block),
        }
    }

    /// Bits of SSPCR0.
    pub mod sspcr0 {
        use berth_guest::typed::Field;

        /// 0xf.
        pub const DSS: Field = Field::of(0xf);

        /// 0x30.
        pub const FRF: Field = Field::of(0x30);

        /// 0x40.
        pub const SPO: Field = Field::of(0x40);

        /// 0x80.
        pub const SPH: Field = Field::of(0x80);

        /// 0xff00.
        pub const SCR: Field = Field::of(0xff00);
    }

    /// Bits of SSPCR1.
    pub mod sspcr1 {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const LBM: Field = Field::of(0x1);

        /// 0x2.
        pub const SSE: Field = Field::of(0x2);

        /// 0x4.
        pub const MS: Field = Field::of(0x4);

        /// 0x8.
        pub const SOD: Field = Field::of(0x8);
    }

    /// Bits of SSPDR.
    pub mod sspdr {
        use berth_guest::typed::Field;

        /// 0xffff.
        pub const DATA: Field = Field::of(0xffff);
    }

    /// Bits of SSPSR.
    pub mod sspsr {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TFE: Field = Field::of(0x1);

        /// 0x2.
        pub const TNF: Field = Field::of(0x2);

        /// 0x4.
        pub const RNE: Field = Field::of(0x4);

        /// 0x8.
        pub const RFF: Field = Field::of(0x8);

        /// 0x10.
        pub const BSY: Field = Field::of(0x10);
    }

    /// Bits of SSPCPSR.
    pub mod sspcpsr {
        use berth_guest::typed::Field;

        /// 0xff.
        pub const CPSDVSR: Field = Field::of(0xff);
    }

    /// Bits of SSPIMSC.
    pub mod sspimsc {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const ROR: Field = Field::of(0x1);

        /// 0x2.
        pub const RT: Field = Field::of(0x2);

        /// 0x4.
        pub const RX: Field = Field::of(0x4);

        /// 0x8.
        pub const TX: Field = Field::of(0x8);
    }

    /// Bits of SSPICR.
    pub mod sspicr {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const ROR: Field = Field::of(0x1);

        /// 0x2.
        pub const RT: Field = Field::of(0x2);
    }

    berth_guest::irq!(
        /// The interrupts.
        pub Interrupts = "irq:spi_shield0"
    );

    /// Numbers of the interrupts.
    pub mod interrupts {
        /// `spi`; at most 2 captures.
        pub const SPI: u8 = 0;
    }
}

/// `spi_shield1`: 4096 bytes.
pub mod spi_shield1 {
    /// The label to import.
    pub const LABEL: &str = "spi_shield1";
    /// Offset of SSPCR0: 32 bits.
    pub const SSPCR0: u32 = 0x0;
    /// Offset of SSPCR1: 32 bits.
    pub const SSPCR1: u32 = 0x4;
    /// Offset of SSPDR: 32 bits.
    pub const SSPDR: u32 = 0x8;
    /// Offset of SSPSR: 32 bits.
    pub const SSPSR: u32 = 0xc;
    /// Offset of SSPCPSR: 32 bits.
    pub const SSPCPSR: u32 = 0x10;
    /// Offset of SSPIMSC: 32 bits.
    pub const SSPIMSC: u32 = 0x14;
    /// Offset of SSPRIS: 32 bits.
    pub const SSPRIS: u32 = 0x18;
    /// Offset of SSPMIS: 32 bits.
    pub const SSPMIS: u32 = 0x1c;
    /// Offset of SSPICR: 32 bits.
    pub const SSPICR: u32 = 0x20;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// SSPCR0.
        pub sspcr0: typed::Register<0x0, u32, typed::Changed>,
        /// SSPCR1.
        pub sspcr1: typed::Register<0x4, u32, typed::Changed>,
        /// SSPDR.
        pub sspdr: typed::Register<0x8, u32, typed::Changed>,
        /// SSPSR.
        pub sspsr: typed::Register<0xc, u32, typed::Changed>,
        /// SSPCPSR.
        pub sspcpsr: typed::Register<0x10, u32, typed::Changed>,
        /// SSPIMSC.
        pub sspimsc: typed::Register<0x14, u32, typed::Changed>,
        /// SSPRIS.
        pub sspris: typed::Register<0x18, u32, typed::Changed>,
        /// SSPMIS.
        pub sspmis: typed::Register<0x1c, u32, typed::Changed>,
        /// SSPICR.
        pub sspicr: typed::Register<0x20, u32, typed::Changed>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:spi_shield1"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            sspcr0: typed::Register::of(block),
            sspcr1: typed::Register::of(block),
            sspdr: typed::Register::of(block),
            sspsr: typed::Register::of(block),
            sspcpsr: typed::Register::of(block),
            sspimsc: typed::Register::of(block),
            sspris: typed::Register::of(block),
            sspmis: typed::Register::of(block),
            sspicr: typed::Register::of(block),
        }
    }

    /// Bits of SSPCR0.
    pub mod sspcr0 {
        use berth_guest::typed::Field;

        /// 0xf.
        pub const DSS: Field = Field::of(0xf);

        /// 0x30.
        pub const FRF: Field = Field::of(0x30);

        /// 0x40.
        pub const SPO: Field = Field::of(0x40);

        /// 0x80.
        pub const SPH: Field = Field::of(0x80);

        /// 0xff00.
        pub const SCR: Field = Field::of(0xff00);
    }

    /// Bits of SSPCR1.
    pub mod sspcr1 {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const LBM: Field = Field::of(0x1);

        /// 0x2.
        pub const SSE: Field = Field::of(0x2);

        /// 0x4.
        pub const MS: Field = Field::of(0x4);

        /// 0x8.
        pub const SOD: Field = Field::of(0x8);
    }

    /// Bits of SSPDR.
    pub mod sspdr {
        use berth_guest::typed::Field;

        /// 0xffff.
        pub const DATA: Field = Field::of(0xffff);
    }

    /// Bits of SSPSR.
    pub mod sspsr {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TFE: Field = Field::of(0x1);

        /// 0x2.
        pub const TNF: Field = Field::of(0x2);

        /// 0x4.
        pub const RNE: Field = Field::of(0x4);

        /// 0x8.
        pub const RFF: Field = Field::of(0x8);

        /// 0x10.
        pub const BSY: Field = Field::of(0x10);
    }

    /// Bits of SSPCPSR.
    pub mod sspcpsr {
        use berth_guest::typed::Field;

        /// 0xff.
        pub const CPSDVSR: Field = Field::of(0xff);
    }

    /// Bits of SSPIMSC.
    pub mod sspimsc {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const ROR: Field = Field::of(0x1);

        /// 0x2.
        pub const RT: Field = Field::of(0x2);

        /// 0x4.
        pub const RX: Field = Field::of(0x4);

        /// 0x8.
        pub const TX: Field = Field::of(0x8);
    }

    /// Bits of SSPICR.
    pub mod sspicr {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const ROR: Field = Field::of(0x1);

        /// 0x2.
        pub const RT: Field = Field::of(0x2);
    }

    berth_guest::irq!(
        /// The interrupts.
        pub Interrupts = "irq:spi_shield1"
    );

    /// Numbers of the interrupts.
    pub mod interrupts {
        /// `spi`; at most 2 captures.
        pub const SPI: u8 = 0;
    }
}

/// `timer0`: 4096 bytes.
pub mod timer0 {
    /// The label to import.
    pub const LABEL: &str = "timer0";
    /// Offset of CTRL: 32 bits.
    pub const CTRL: u32 = 0x0;
    /// Offset of VALUE: 32 bits.
    pub const VALUE: u32 = 0x4;
    /// Offset of RELOAD: 32 bits.
    pub const RELOAD: u32 = 0x8;
    /// Offset of INTSTATUS: 32 bits.
    pub const INTSTATUS: u32 = 0xc;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// CTRL.
        pub ctrl: typed::Register<0x0, u32, typed::Changed>,
        /// VALUE.
        pub value: typed::Register<0x4, u32, typed::Changed>,
        /// RELOAD.
        pub reload: typed::Register<0x8, u32, typed::Changed>,
        /// INTSTATUS.
        pub intstatus: typed::Register<0xc, u32, typed::Changed>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:timer0"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            ctrl: typed::Register::of(block),
            value: typed::Register::of(block),
            reload: typed::Register::of(block),
            intstatus: typed::Register::of(block),
        }
    }

    /// Bits of CTRL.
    pub mod ctrl {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const ENABLE: Field = Field::of(0x1);

        /// 0x2.
        pub const EXTEN: Field = Field::of(0x2);

        /// 0x4.
        pub const EXTCLK: Field = Field::of(0x4);

        /// 0x8.
        pub const INTEN: Field = Field::of(0x8);
    }

    /// Bits of INTSTATUS.
    pub mod intstatus {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const TIMER: Field = Field::of(0x1);
    }

    berth_guest::irq!(
        /// The interrupts.
        pub Interrupts = "irq:timer0"
    );

    /// Numbers of the interrupts.
    pub mod interrupts {
        /// `timer`; at most 2 captures.
        pub const TIMER: u8 = 0;
    }
}

/// `dual_timer0`: 32 bytes.
pub mod dual_timer0 {
    /// The label to import.
    pub const LABEL: &str = "dual_timer0";
    /// Offset of LOAD: 32 bits.
    pub const LOAD: u32 = 0x0;
    /// Offset of VALUE: 32 bits.
    pub const VALUE: u32 = 0x4;
    /// Offset of CONTROL: 32 bits.
    pub const CONTROL: u32 = 0x8;
    /// Offset of INTCLR: 32 bits.
    pub const INTCLR: u32 = 0xc;
    /// Offset of RIS: 32 bits.
    pub const RIS: u32 = 0x10;
    /// Offset of MIS: 32 bits.
    pub const MIS: u32 = 0x14;
    /// Offset of BGLOAD: 32 bits.
    pub const BGLOAD: u32 = 0x18;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// LOAD.
        pub load: typed::Register<0x0, u32, typed::Changed>,
        /// VALUE.
        pub value: typed::Register<0x4, u32, typed::Changed>,
        /// CONTROL.
        pub control: typed::Register<0x8, u32, typed::Changed>,
        /// INTCLR.
        pub intclr: typed::Register<0xc, u32, typed::Changed>,
        /// RIS.
        pub ris: typed::Register<0x10, u32, typed::Changed>,
        /// MIS.
        pub mis: typed::Register<0x14, u32, typed::Changed>,
        /// BGLOAD.
        pub bgload: typed::Register<0x18, u32, typed::Changed>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:dual_timer0"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            load: typed::Register::of(block),
            value: typed::Register::of(block),
            control: typed::Register::of(block),
            intclr: typed::Register::of(block),
            ris: typed::Register::of(block),
            mis: typed::Register::of(block),
            bgload: typed::Register::of(block),
        }
    }

    /// Bits of CONTROL.
    pub mod control {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const ONESHOT: Field = Field::of(0x1);

        /// 0x2.
        pub const SIZE32: Field = Field::of(0x2);

        /// 0xc.
        pub const PRESCALE: Field = Field::of(0xc);

        /// 0x20.
        pub const INTEN: Field = Field::of(0x20);

        /// 0x40.
        pub const PERIODIC: Field = Field::of(0x40);

        /// 0x80.
        pub const ENABLE: Field = Field::of(0x80);
    }

    berth_guest::irq!(
        /// The interrupts.
        pub Interrupts = "irq:dual_timer0"
    );

    /// Numbers of the interrupts.
    pub mod interrupts {
        /// `timer`; at most 2 captures.
        pub const TIMER: u8 = 0;
    }
}

/// `dual_timer1`: 32 bytes.
pub mod dual_timer1 {
    /// The label to import.
    pub const LABEL: &str = "dual_timer1";
    /// Offset of LOAD: 32 bits.
    pub const LOAD: u32 = 0x0;
    /// Offset of VALUE: 32 bits.
    pub const VALUE: u32 = 0x4;
    /// Offset of CONTROL: 32 bits.
    pub const CONTROL: u32 = 0x8;
    /// Offset of INTCLR: 32 bits.
    pub const INTCLR: u32 = 0xc;
    /// Offset of RIS: 32 bits.
    pub const RIS: u32 = 0x10;
    /// Offset of MIS: 32 bits.
    pub const MIS: u32 = 0x14;
    /// Offset of BGLOAD: 32 bits.
    pub const BGLOAD: u32 = 0x18;

    use berth_guest::typed;

    /// The registers.
    #[derive(Clone, Copy, Debug)]
    pub struct Registers {
        /// LOAD.
        pub load: typed::Register<0x0, u32, typed::Changed>,
        /// VALUE.
        pub value: typed::Register<0x4, u32, typed::Changed>,
        /// CONTROL.
        pub control: typed::Register<0x8, u32, typed::Changed>,
        /// INTCLR.
        pub intclr: typed::Register<0xc, u32, typed::Changed>,
        /// RIS.
        pub ris: typed::Register<0x10, u32, typed::Changed>,
        /// MIS.
        pub mis: typed::Register<0x14, u32, typed::Changed>,
        /// BGLOAD.
        pub bgload: typed::Register<0x18, u32, typed::Changed>,
    }

    berth_guest::block!(
        /// Asks for the block.
        pub fn block = "mmio:dual_timer1"
    );

    /// Asks for the block, and gives its registers.
    #[inline(always)]
    #[must_use]
    pub fn registers() -> Registers {
        let block = block();
        Registers {
            load: typed::Register::of(block),
            value: typed::Register::of(block),
            control: typed::Register::of(block),
            intclr: typed::Register::of(block),
            ris: typed::Register::of(block),
            mis: typed::Register::of(block),
            bgload: typed::Register::of(block),
        }
    }

    /// Bits of CONTROL.
    pub mod control {
        use berth_guest::typed::Field;

        /// 0x1.
        pub const ONESHOT: Field = Field::of(0x1);

        /// 0x2.
        pub const SIZE32: Field = Field::of(0x2);

        /// 0xc.
        pub const PRESCALE: Field = Field::of(0xc);

        /// 0x20.
        pub const INTEN: Field = Field::of(0x20);

        /// 0x40.
        pub const PERIODIC: Field = Field::of(0x40);

        /// 0x80.
        pub const ENABLE: Field = Field::of(0x80);
    }

    berth_guest::irq!(
        /// The interrupts.
        pub Interrupts = "irq:dual_timer1"
    );

    /// Numbers of the interrupts.
    pub mod interrupts {
        /// `timer`; at most 2 captures.
        pub const TIMER: u8 = 0;
    }
}
