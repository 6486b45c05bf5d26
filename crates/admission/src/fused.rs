//! A fault of the engine, and the code in which it cannot show.
//!
//! wasmi 2.0.0 joins a `select` with the comparison that made its condition, if that was with
//! zero: `x == 0` becomes a `select` on x with its arms exchanged. If x lies in a slot (a local,
//! or a value that had to give way) and not in the engine's register, the joined instruction
//! reads the register all the same, which holds anything. docs/engine-faults.md has the case as
//! it can be reported.
//!
//! What has to be known is thus one thing: when a `select` is translated, is the instruction
//! translated last such a comparison, and its result the condition? The engine computes
//! constants when it translates, so the instruction before the `select` does not tell.
//! [`Fusion`] follows what is on top of the operand stack, and whether the comparison may be
//! what was translated last. It errs on the side of a fault: code that it lets pass is right.
//!
//! [`guard`](super::guard) changes code so that it passes.

/// What is known of an operand when the engine translates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    /// Nothing.
    Unknown,
    /// A constant, or 0 where it is not known which.
    Constant(u32),
    /// A local variable, read where it is used.
    Local,
    /// Computed when the program runs.
    Computed,
    /// Computed by the instruction that was translated last: it lies in the register.
    Fresh,
    /// A constant, or [`Fresh`](Operand::Fresh).
    Settled,
}

impl Operand {
    /// Is it surely no constant? An instruction with such an operand is translated to one of
    /// the engine's.
    const fn is_solid(self) -> bool {
        matches!(self, Self::Local | Self::Computed | Self::Fresh)
    }

    /// Can it be a constant zero?
    const fn may_be_zero(self) -> bool {
        matches!(self, Self::Unknown | Self::Settled | Self::Constant(0))
    }

    /// What is known of it when something else was translated since.
    const fn older(self) -> Self {
        match self {
            Self::Settled => Self::Unknown,
            Self::Fresh => Self::Computed,
            known => known,
        }
    }
}

/// What an instruction does to the operand stack, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Pushes a constant.
    Constant(u32),
    /// Pushes a local.
    LocalGet,
    /// Pops into a local.
    LocalSet,
    /// Copies into a local.
    LocalTee,
    /// Replaces one operand by what is computed of it.
    Unary,
    /// Compares an `i32` or a reference with zero.
    IsZero,
    /// Compares an `i64` with zero.
    IsZero64,
    /// Changes the type of an operand only.
    Retype,
    /// Replaces two operands by what is computed of them.
    Binary,
    /// As [`Binary`](Effect::Binary), and the engine leaves it out for an amount of zero.
    Shift,
    /// Compares two `i32` for being equal, or not.
    Equal,
    /// Compares two `i64` for being equal, or not.
    Equal64,
    /// `i32.xor`, which the engine can turn into a comparison.
    Xor,
    /// Drops one operand.
    Drop,
    /// Chooses between two operands.
    Select,
    /// Branches on one operand.
    Branch,
    /// Loads: always translated, and the result is on top.
    Load,
    /// Calls, stores, branches without a condition: always translated.
    Always,
    /// Pushes one operand of which nothing is known.
    Push,
    /// Anything else.
    Other,
}

/// State while one function body is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fusion {
    top: Operand,
    below: Operand,
    /// May a comparison with zero be what was translated last?
    armed: bool,
}

impl Fusion {
    pub(super) const fn new() -> Self {
        Self {
            top: Operand::Unknown,
            below: Operand::Unknown,
            armed: false,
        }
    }

    /// Reads one instruction, and tells whether it is a `select` that the engine may get wrong.
    pub(super) fn read(&mut self, effect: Effect) -> bool {
        let (top, below) = (self.top, self.below);
        match effect {
            Effect::Constant(value) => self.push(Operand::Constant(value)),
            Effect::LocalGet => self.push(Operand::Local),
            Effect::Push => self.push(Operand::Unknown),
            Effect::LocalSet => {
                self.copied(top);
                self.pop(1);
            }
            Effect::LocalTee => {
                self.copied(top);
                self.top = if top.is_solid() {
                    Operand::Local
                } else {
                    top.older()
                };
                self.below = below.older();
            }
            Effect::Unary => self.computed(0, top.is_solid()),
            Effect::Binary => self.computed(1, top.is_solid() || below.is_solid()),
            Effect::Shift => match top {
                Operand::Constant(amount) if amount & 31 != 0 => self.computed(1, below.is_solid()),
                Operand::Local | Operand::Computed | Operand::Fresh => self.computed(1, true),
                // The value shifted by nothing, perhaps.
                _ => self.pop(2),
            },
            Effect::Xor => {
                self.computed(1, top.is_solid() || below.is_solid());
                // `x ^ 0`, of which a comparison with zero makes `x == 0`.
                self.armed |= top.may_be_zero() || below.may_be_zero();
            }
            // In the register: the engine gets it right.
            Effect::IsZero if top == Operand::Fresh => {}
            Effect::IsZero => self.compared(0, top.is_solid(), true),
            Effect::Equal if top.may_be_zero() || below.may_be_zero() => {
                self.compared(1, top.is_solid() || below.is_solid(), true);
            }
            Effect::IsZero64 if top == Operand::Local => self.computed(0, true),
            Effect::IsZero64 => self.compared(0, top.is_solid(), false),
            Effect::Equal64 if top.may_be_zero() || below.may_be_zero() => {
                self.compared(1, top.is_solid() || below.is_solid(), false);
            }
            Effect::Equal | Effect::Equal64 => {
                self.computed(1, top.is_solid() || below.is_solid());
            }
            Effect::Retype => {
                self.top = top.older();
                self.below = below.older();
            }
            Effect::Drop => self.pop(1),
            Effect::Select => {
                self.pop(3);
                let is_compared =
                    matches!(top, Operand::Unknown | Operand::Computed | Operand::Fresh);
                return self.armed && is_compared;
            }
            Effect::Branch => {
                self.armed &= !top.is_solid();
                self.pop(2);
            }
            Effect::Load => self.computed(0, true),
            Effect::Always => {
                self.armed = false;
                self.pop(2);
            }
            Effect::Other => self.pop(2),
        }
        false
    }

    /// `pops` operands more than one were replaced by what is computed of them, which was
    /// translated if one of them is `solid`, or else is a constant perhaps.
    fn computed(&mut self, pops: u8, solid: bool) {
        self.armed &= !solid;
        self.below = if pops == 0 {
            self.below.older()
        } else {
            Operand::Unknown
        };
        self.top = if solid {
            Operand::Fresh
        } else {
            Operand::Settled
        };
    }

    /// As [`computed`](Self::computed), of a comparison with zero, which the engine can join
    /// with what was translated before. It is one that it gets wrong later if it `arms`.
    fn compared(&mut self, pops: u8, solid: bool, arms: bool) {
        self.armed |= arms;
        self.below = if pops == 0 {
            self.below.older()
        } else {
            Operand::Unknown
        };
        self.top = if solid {
            Operand::Computed
        } else {
            Operand::Unknown
        };
    }

    /// An operand was copied into a local. One that is set to itself is left out.
    fn copied(&mut self, operand: Operand) {
        self.armed &= !matches!(
            operand,
            Operand::Constant(_) | Operand::Computed | Operand::Fresh
        );
    }

    fn push(&mut self, operand: Operand) {
        self.below = self.top.older();
        self.top = operand;
    }

    fn pop(&mut self, operands: u8) {
        self.top = if operands == 1 {
            self.below.older()
        } else {
            Operand::Unknown
        };
        self.below = Operand::Unknown;
    }
}
