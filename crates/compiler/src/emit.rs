//! Instructions of the processor, as halfwords.
//!
//! Source: ARMv7-M Architecture Reference Manual, A7 (instructions). Which encoding is taken is decided here: the shortest.

use crate::code::Code;
use crate::encode::{Access, Alu, Cond, PC, Reg, SP, Shift, modified, spread};

impl Code<'_> {
    /// `d = n op m << amount`; without the flags unless `flags`.
    pub(crate) fn alu_shifted(
        &mut self,
        op: Alu,
        flags: bool,
        (d, n, m): (Reg, Reg, Reg),
        (shift, amount): (Shift, u16),
    ) {
        self.long(
            0xea00 | (op as u16) << 5 | u16::from(flags) << 4 | n.n(),
            (amount >> 2) << 12 | d.n() << 8 | (amount & 3) << 6 | (shift as u16) << 4 | m.n(),
        );
    }

    /// `d = n op m`. Flags are set if `flags`, else they are anything.
    pub(crate) fn alu(&mut self, op: Alu, flags: bool, d: Reg, n: Reg, m: Reg) {
        if d.low() && n.low() && m.low() && !self.keep_flags {
            let three = m.n() << 6 | n.n() << 3 | d.n();
            match op {
                Alu::Add => return self.short(0x1800 | three),
                Alu::Sub => return self.short(0x1a00 | three),
                _ => {}
            }
            let two = match op {
                Alu::And => Some(0x4000),
                Alu::Eor => Some(0x4040),
                Alu::Adc => Some(0x4140),
                Alu::Sbc => Some(0x4180),
                Alu::Orr => Some(0x4300),
                _ => None,
            };
            if let Some(base) = two {
                if d == n {
                    return self.short(base | m.n() << 3 | d.n());
                }
                if d == m && op != Alu::Sbc {
                    return self.short(base | n.n() << 3 | d.n());
                }
            }
        }
        if op == Alu::Add && d == n && !flags {
            return self.short(0x4400 | (d.n() >> 3) << 7 | m.n() << 3 | d.n() & 7);
        }
        self.alu_shifted(op, flags, (d, n, m), (Shift::Lsl, 0));
    }

    /// `d = n op value`. `scratch` takes the value if the instruction cannot hold it.
    pub(crate) fn alu_immediate(
        &mut self,
        op: Alu,
        flags: bool,
        (d, n): (Reg, Reg),
        value: u32,
        scratch: Reg,
    ) {
        if d.low() && n.low() && !self.keep_flags && matches!(op, Alu::Add | Alu::Sub) {
            // With flags wanted, x - -y is not x + y where there is nothing to add.
            let negative = value.wrapping_neg();
            let (op, value) = if negative < 256 && value != 0 {
                (if op == Alu::Add { Alu::Sub } else { Alu::Add }, negative)
            } else {
                (op, value)
            };
            let subtract = u16::from(op == Alu::Sub);
            if value < 8 {
                return self
                    .short(0x1c00 | subtract << 9 | (value as u16) << 6 | n.n() << 3 | d.n());
            }
            if value < 256 && d == n {
                return self.short(0x3000 | subtract << 11 | d.n() << 8 | value as u16);
            }
        }
        let opposite = match op {
            Alu::Add => Some((Alu::Sub, value.wrapping_neg())),
            Alu::Sub => Some((Alu::Add, value.wrapping_neg())),
            Alu::And => Some((Alu::Bic, !value)),
            Alu::Orr => Some((Alu::Orn, !value)),
            Alu::Adc => Some((Alu::Sbc, !value)),
            Alu::Sbc => Some((Alu::Adc, !value)),
            _ => None,
        };
        let mut forms = [Some((op, value)), opposite.filter(|_| value != 0)]
            .into_iter()
            .flatten();
        let fits = forms.find_map(|(op, value)| Some((op, modified(value)?)));
        if let Some((op, bits)) = fits {
            let (high, low) = spread(bits);
            return self.long(
                0xf000 | (op as u16) << 5 | u16::from(flags) << 4 | n.n() | high,
                low | d.n() << 8,
            );
        }
        if !flags && matches!(op, Alu::Add | Alu::Sub) {
            let negative = value.wrapping_neg();
            let plain = match op {
                _ if value < 4096 => Some((op, value)),
                Alu::Add if negative < 4096 => Some((Alu::Sub, negative)),
                Alu::Sub if negative < 4096 => Some((Alu::Add, negative)),
                _ => None,
            };
            if let Some((op, value)) = plain {
                return self.add_12(op == Alu::Sub, d, n, value as u16);
            }
        }
        self.constant(scratch, value);
        self.alu(op, flags, d, n, scratch);
    }

    /// `d = n + value` or `n - value`, with all twelve bits of the value and no flags.
    pub(crate) fn add_12(&mut self, subtract: bool, d: Reg, n: Reg, value: u16) {
        let (high, low) = spread(value);
        let base = if subtract { 0xf2a0 } else { 0xf200 };
        self.long(base | n.n() | high, low | d.n() << 8);
    }

    /// Compares `n` with `value`.
    pub(crate) fn compare_immediate(&mut self, n: Reg, value: u32, scratch: Reg) {
        if value < 256 && n.low() {
            return self.short(0x2800 | n.n() << 8 | value as u16);
        }
        let negative = value.wrapping_neg();
        let (base, bits) = match (modified(value), modified(negative)) {
            (Some(bits), _) => (0xf1b0, bits),
            // Compared with the negative number added: the same flags, but for 0 and the lowest number.
            (_, Some(bits)) if value != 1 << 31 => (0xf110, bits),
            _ => {
                self.constant(scratch, value);
                return self.compare(n, scratch);
            }
        };
        let (high, low) = spread(bits);
        self.long(base | n.n() | high, low | 0xf00);
    }

    /// Compares two registers.
    pub(crate) fn compare(&mut self, n: Reg, m: Reg) {
        if n.low() && m.low() {
            self.short(0x4280 | m.n() << 3 | n.n());
        } else {
            self.short(0x4500 | (n.n() >> 3) << 7 | m.n() << 3 | n.n() & 7);
        }
    }

    /// `d = m`. Keeps the flags.
    pub(crate) fn copy(&mut self, d: Reg, m: Reg) {
        if d != m {
            self.short(0x4600 | (d.n() >> 3) << 7 | m.n() << 3 | d.n() & 7);
        }
    }

    /// `d = value`. Changes the flags only if they need not be kept.
    pub(crate) fn constant(&mut self, d: Reg, value: u32) {
        if value < 256 && d.low() && !self.keep_flags {
            return self.short(0x2000 | d.n() << 8 | value as u16);
        }
        for (base, value) in [(0xf04f, value), (0xf06f, !value)] {
            if let Some(bits) = modified(value) {
                let (high, low) = spread(bits);
                return self.long(base | high, low | d.n() << 8);
            }
        }
        self.half(0xf240, d, value as u16);
        if value >> 16 != 0 {
            self.half(0xf2c0, d, (value >> 16) as u16);
        }
    }

    fn half(&mut self, base: u16, d: Reg, value: u16) {
        let (high, low) = spread(value & 0xfff);
        self.long(base | high | value >> 12, low | d.n() << 8);
    }

    /// `d = m shifted by amount`, 1 to 31. Flags are anything.
    pub(crate) fn shift(&mut self, shift: Shift, d: Reg, m: Reg, amount: u16) {
        if d.low() && m.low() && shift != Shift::Ror && !self.keep_flags {
            return self.short((shift as u16) << 11 | amount << 6 | m.n() << 3 | d.n());
        }
        self.alu_shifted(Alu::Orr, false, (d, PC, m), (shift, amount));
    }

    /// `d = n shifted by m`, whose low 8 bits count.
    pub(crate) fn shift_by(&mut self, shift: Shift, d: Reg, n: Reg, m: Reg) {
        self.long(
            0xfa00 | (shift as u16) << 5 | n.n(),
            0xf000 | d.n() << 8 | m.n(),
        );
    }

    /// `d = !m`.
    #[allow(dead_code)]
    pub(crate) fn not(&mut self, d: Reg, m: Reg) {
        self.alu_shifted(Alu::Orn, false, (d, PC, m), (Shift::Lsl, 0));
    }

    /// `d = n * m`.
    pub(crate) fn multiply(&mut self, d: Reg, n: Reg, m: Reg) {
        self.long(0xfb00 | n.n(), 0xf000 | d.n() << 8 | m.n());
    }

    /// `d = a + n * m`.
    pub(crate) fn multiply_add(&mut self, d: Reg, n: Reg, m: Reg, a: Reg) {
        self.long(0xfb00 | n.n(), a.n() << 12 | d.n() << 8 | m.n());
    }

    /// `d = a - n * m`.
    pub(crate) fn multiply_subtract(&mut self, d: Reg, n: Reg, m: Reg, a: Reg) {
        self.long(0xfb00 | n.n(), a.n() << 12 | d.n() << 8 | 0x10 | m.n());
    }

    /// `(low, high) = n * m`, unsigned.
    pub(crate) fn multiply_long(&mut self, low: Reg, high: Reg, n: Reg, m: Reg) {
        self.long(0xfba0 | n.n(), low.n() << 12 | high.n() << 8 | m.n());
    }

    /// `d = n / m`.
    pub(crate) fn divide(&mut self, signed: bool, d: Reg, n: Reg, m: Reg) {
        let base = if signed { 0xfb90 } else { 0xfbb0 };
        self.long(base | n.n(), 0xf0f0 | d.n() << 8 | m.n());
    }

    /// `d` = leading zeros of `m`.
    pub(crate) fn leading_zeros(&mut self, d: Reg, m: Reg) {
        self.long(0xfab0 | m.n(), 0xf080 | d.n() << 8 | m.n());
    }

    /// `d` = the bits of `m` in the opposite order.
    pub(crate) fn reverse_bits(&mut self, d: Reg, m: Reg) {
        self.long(0xfa90 | m.n(), 0xf0a0 | d.n() << 8 | m.n());
    }

    /// `d` = the low 8 or 16 bits of `m`, extended by their sign.
    pub(crate) fn extend(&mut self, byte: bool, d: Reg, m: Reg) {
        if d.low() && m.low() {
            let base = if byte { 0xb240 } else { 0xb200 };
            return self.short(base | m.n() << 3 | d.n());
        }
        let base = if byte { 0xfa4f } else { 0xfa0f };
        self.long(base, 0xf080 | d.n() << 8 | m.n());
    }

    /// Accesses `[n + m << shift]`.
    pub(crate) fn access(&mut self, access: Access, t: Reg, n: Reg, m: Reg, shift: u16) {
        self.long(access as u16 | n.n(), t.n() << 12 | shift << 4 | m.n());
    }

    /// Accesses `[n + offset]`, `offset` below 4096 and not below -255.
    pub(crate) fn access_at(&mut self, access: Access, t: Reg, n: Reg, offset: i32) {
        if offset < 0 {
            let below = (-offset) as u16;
            return self.long(access as u16 | n.n(), t.n() << 12 | 0xc00 | below);
        }
        let offset = offset as u16;
        let words = t.low() && offset.is_multiple_of(4);
        match access {
            Access::Ldr if words && n == SP && offset < 1024 => {
                self.short(0x9800 | t.n() << 8 | offset >> 2);
            }
            Access::Str if words && n == SP && offset < 1024 => {
                self.short(0x9000 | t.n() << 8 | offset >> 2);
            }
            Access::Ldr if words && n.low() && offset < 128 => {
                self.short(0x6800 | offset << 4 | n.n() << 3 | t.n());
            }
            Access::Str if words && n.low() && offset < 128 => {
                self.short(0x6000 | offset << 4 | n.n() << 3 | t.n());
            }
            _ => self.long(access as u16 | 0x80 | n.n(), t.n() << 12 | offset),
        }
    }

    /// The next instruction only if this holds.
    pub(crate) fn if_then(&mut self, condition: Cond) {
        self.short(0xbf08 | (condition as u16) << 4);
    }

    /// `d` = does this hold? 1 or 0.
    pub(crate) fn truth(&mut self, d: Reg, condition: Cond) {
        let otherwise = (condition as u16 & 1 ^ 1) << 3 | 4;
        self.short(0xbf00 | (condition as u16) << 4 | otherwise);
        for value in [1, 0] {
            if d.low() {
                self.short(0x2000 | d.n() << 8 | value);
            } else {
                self.long(0xf04f, d.n() << 8 | value);
            }
        }
    }

    /// Pushes these registers, one bit each, and lr.
    pub(crate) fn push(&mut self, registers: u16) {
        if registers & 0xff00 == 0 {
            self.short(0xb500 | registers);
        } else {
            self.long(0xe92d, registers | 1 << 14);
        }
    }

    /// Pops these registers, and what was lr to pc.
    pub(crate) fn pop_and_return(&mut self, registers: u16) {
        if registers & 0xff00 == 0 {
            self.short(0xbd00 | registers);
        } else {
            self.long(0xe8bd, registers | 1 << 15);
        }
    }

    /// Pops these registers and lr.
    pub(crate) fn pop(&mut self, registers: u16) {
        if registers == 0 {
            // ldr lr, [sp], #4
            self.long(0xf85d, 0xeb04);
        } else {
            self.long(0xe8bd, registers | 1 << 14);
        }
    }

    /// Moves sp by a multiple of 4 below 4096.
    pub(crate) fn move_stack(&mut self, down: bool, bytes: u16) {
        if bytes < 512 {
            self.short(0xb000 | u16::from(down) << 7 | bytes >> 2);
        } else {
            self.add_12(down, SP, SP, bytes);
        }
    }

    /// Calls what `m` points to.
    pub(crate) fn call_register(&mut self, m: Reg) {
        self.short(0x4780 | m.n() << 3);
    }

    /// Jumps to what `m` points to.
    pub(crate) fn jump_register(&mut self, m: Reg) {
        self.short(0x4700 | m.n() << 3);
    }

    /// Jumps over the halfwords that follow, as many as the table behind this says at place `m`.
    pub(crate) fn table_jump(&mut self, m: Reg) {
        self.long(0xe8d0 | PC.n(), 0xf010 | m.n());
    }
}
