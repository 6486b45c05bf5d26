//! What can stand behind a block.

mod chips;
mod cmsdk_timer;
mod cmsdk_uart;
mod fpgaio;
mod pl022;
pub(crate) mod scripted;
mod two_wire;

pub(crate) use chips::{Chips, Plug};
pub(crate) use cmsdk_timer::CmsdkTimer;
pub(crate) use cmsdk_uart::{Arrival, CmsdkUart};
pub(crate) use fpgaio::Fpgaio;
pub(crate) use pl022::Pl022;
pub(crate) use scripted::{Script, Scripted};
pub(crate) use two_wire::Sbcon;

/// Ticks of the reference board's clock in a microsecond.
pub(crate) const TICKS_PER_US: u64 = 25;
