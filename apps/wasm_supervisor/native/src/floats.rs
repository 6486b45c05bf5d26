//! Operations of floats, as the other engine does them: numbers are their bits.

use berth_compiler::entry::Helper;
use wasmi_core::wasm;

use crate::helpers::Entry;

pub(crate) extern "C" fn f32_eq(a: u32, b: u32) -> u32 {
    u32::from(wasm::f32_eq(f32::from_bits(a), f32::from_bits(b)))
}
pub(crate) extern "C" fn f32_ne(a: u32, b: u32) -> u32 {
    u32::from(wasm::f32_ne(f32::from_bits(a), f32::from_bits(b)))
}
pub(crate) extern "C" fn f32_lt(a: u32, b: u32) -> u32 {
    u32::from(wasm::f32_lt(f32::from_bits(a), f32::from_bits(b)))
}
pub(crate) extern "C" fn f32_gt(a: u32, b: u32) -> u32 {
    u32::from(wasm::f32_gt(f32::from_bits(a), f32::from_bits(b)))
}
pub(crate) extern "C" fn f32_le(a: u32, b: u32) -> u32 {
    u32::from(wasm::f32_le(f32::from_bits(a), f32::from_bits(b)))
}
pub(crate) extern "C" fn f32_ge(a: u32, b: u32) -> u32 {
    u32::from(wasm::f32_ge(f32::from_bits(a), f32::from_bits(b)))
}
pub(crate) extern "C" fn f64_eq(a: u64, b: u64) -> u32 {
    u32::from(wasm::f64_eq(f64::from_bits(a), f64::from_bits(b)))
}
pub(crate) extern "C" fn f64_ne(a: u64, b: u64) -> u32 {
    u32::from(wasm::f64_ne(f64::from_bits(a), f64::from_bits(b)))
}
pub(crate) extern "C" fn f64_lt(a: u64, b: u64) -> u32 {
    u32::from(wasm::f64_lt(f64::from_bits(a), f64::from_bits(b)))
}
pub(crate) extern "C" fn f64_gt(a: u64, b: u64) -> u32 {
    u32::from(wasm::f64_gt(f64::from_bits(a), f64::from_bits(b)))
}
pub(crate) extern "C" fn f64_le(a: u64, b: u64) -> u32 {
    u32::from(wasm::f64_le(f64::from_bits(a), f64::from_bits(b)))
}
pub(crate) extern "C" fn f64_ge(a: u64, b: u64) -> u32 {
    u32::from(wasm::f64_ge(f64::from_bits(a), f64::from_bits(b)))
}
pub(crate) extern "C" fn f32_abs(a: u32) -> u32 {
    wasm::f32_abs(f32::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f32_neg(a: u32) -> u32 {
    wasm::f32_neg(f32::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f32_ceil(a: u32) -> u32 {
    wasm::f32_ceil(f32::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f32_floor(a: u32) -> u32 {
    wasm::f32_floor(f32::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f32_trunc(a: u32) -> u32 {
    wasm::f32_trunc(f32::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f32_nearest(a: u32) -> u32 {
    wasm::f32_nearest(f32::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f32_sqrt(a: u32) -> u32 {
    wasm::f32_sqrt(f32::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f32_add(a: u32, b: u32) -> u32 {
    wasm::f32_add(f32::from_bits(a), f32::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f32_sub(a: u32, b: u32) -> u32 {
    wasm::f32_sub(f32::from_bits(a), f32::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f32_mul(a: u32, b: u32) -> u32 {
    wasm::f32_mul(f32::from_bits(a), f32::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f32_div(a: u32, b: u32) -> u32 {
    wasm::f32_div(f32::from_bits(a), f32::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f32_min(a: u32, b: u32) -> u32 {
    wasm::f32_min(f32::from_bits(a), f32::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f32_max(a: u32, b: u32) -> u32 {
    wasm::f32_max(f32::from_bits(a), f32::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f32_copysign(a: u32, b: u32) -> u32 {
    wasm::f32_copysign(f32::from_bits(a), f32::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f64_abs(a: u64) -> u64 {
    wasm::f64_abs(f64::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f64_neg(a: u64) -> u64 {
    wasm::f64_neg(f64::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f64_ceil(a: u64) -> u64 {
    wasm::f64_ceil(f64::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f64_floor(a: u64) -> u64 {
    wasm::f64_floor(f64::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f64_trunc(a: u64) -> u64 {
    wasm::f64_trunc(f64::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f64_nearest(a: u64) -> u64 {
    wasm::f64_nearest(f64::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f64_sqrt(a: u64) -> u64 {
    wasm::f64_sqrt(f64::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f64_add(a: u64, b: u64) -> u64 {
    wasm::f64_add(f64::from_bits(a), f64::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f64_sub(a: u64, b: u64) -> u64 {
    wasm::f64_sub(f64::from_bits(a), f64::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f64_mul(a: u64, b: u64) -> u64 {
    wasm::f64_mul(f64::from_bits(a), f64::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f64_div(a: u64, b: u64) -> u64 {
    wasm::f64_div(f64::from_bits(a), f64::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f64_min(a: u64, b: u64) -> u64 {
    wasm::f64_min(f64::from_bits(a), f64::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f64_max(a: u64, b: u64) -> u64 {
    wasm::f64_max(f64::from_bits(a), f64::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn f64_copysign(a: u64, b: u64) -> u64 {
    wasm::f64_copysign(f64::from_bits(a), f64::from_bits(b)).to_bits()
}
pub(crate) extern "C" fn i32_trunc_sat_f32_s(a: u32) -> u32 {
    wasm::i32_trunc_sat_f32_s(f32::from_bits(a)) as u32
}
pub(crate) extern "C" fn i32_trunc_sat_f32_u(a: u32) -> u32 {
    wasm::i32_trunc_sat_f32_u(f32::from_bits(a)) as u32
}
pub(crate) extern "C" fn i32_trunc_sat_f64_s(a: u64) -> u32 {
    wasm::i32_trunc_sat_f64_s(f64::from_bits(a)) as u32
}
pub(crate) extern "C" fn i32_trunc_sat_f64_u(a: u64) -> u32 {
    wasm::i32_trunc_sat_f64_u(f64::from_bits(a)) as u32
}
pub(crate) extern "C" fn i64_trunc_sat_f32_s(a: u32) -> u64 {
    wasm::i64_trunc_sat_f32_s(f32::from_bits(a)) as u64
}
pub(crate) extern "C" fn i64_trunc_sat_f32_u(a: u32) -> u64 {
    wasm::i64_trunc_sat_f32_u(f32::from_bits(a)) as u64
}
pub(crate) extern "C" fn i64_trunc_sat_f64_s(a: u64) -> u64 {
    wasm::i64_trunc_sat_f64_s(f64::from_bits(a)) as u64
}
pub(crate) extern "C" fn i64_trunc_sat_f64_u(a: u64) -> u64 {
    wasm::i64_trunc_sat_f64_u(f64::from_bits(a)) as u64
}
pub(crate) extern "C" fn i32_trunc_f32_s(a: u32) -> u32 {
    told(wasm::i32_trunc_f32_s(f32::from_bits(a)).err())
}
pub(crate) extern "C" fn i32_trunc_f32_u(a: u32) -> u32 {
    told(wasm::i32_trunc_f32_u(f32::from_bits(a)).err())
}
pub(crate) extern "C" fn i32_trunc_f64_s(a: u64) -> u32 {
    told(wasm::i32_trunc_f64_s(f64::from_bits(a)).err())
}
pub(crate) extern "C" fn i32_trunc_f64_u(a: u64) -> u32 {
    told(wasm::i32_trunc_f64_u(f64::from_bits(a)).err())
}
pub(crate) extern "C" fn i64_trunc_f32_s(a: u32) -> u32 {
    told(wasm::i64_trunc_f32_s(f32::from_bits(a)).err())
}
pub(crate) extern "C" fn i64_trunc_f32_u(a: u32) -> u32 {
    told(wasm::i64_trunc_f32_u(f32::from_bits(a)).err())
}
pub(crate) extern "C" fn i64_trunc_f64_s(a: u64) -> u32 {
    told(wasm::i64_trunc_f64_s(f64::from_bits(a)).err())
}
pub(crate) extern "C" fn i64_trunc_f64_u(a: u64) -> u32 {
    told(wasm::i64_trunc_f64_u(f64::from_bits(a)).err())
}
pub(crate) extern "C" fn f32_convert_i32_s(a: u32) -> u32 {
    wasm::f32_convert_i32_s(a as i32).to_bits()
}
pub(crate) extern "C" fn f32_convert_i32_u(a: u32) -> u32 {
    wasm::f32_convert_i32_u(a).to_bits()
}
pub(crate) extern "C" fn f32_convert_i64_s(a: u64) -> u32 {
    wasm::f32_convert_i64_s(a as i64).to_bits()
}
pub(crate) extern "C" fn f32_convert_i64_u(a: u64) -> u32 {
    wasm::f32_convert_i64_u(a).to_bits()
}
pub(crate) extern "C" fn f32_demote_f64(a: u64) -> u32 {
    wasm::f32_demote_f64(f64::from_bits(a)).to_bits()
}
pub(crate) extern "C" fn f64_convert_i32_s(a: u32) -> u64 {
    wasm::f64_convert_i32_s(a as i32).to_bits()
}
pub(crate) extern "C" fn f64_convert_i32_u(a: u32) -> u64 {
    wasm::f64_convert_i32_u(a).to_bits()
}
pub(crate) extern "C" fn f64_convert_i64_s(a: u64) -> u64 {
    wasm::f64_convert_i64_s(a as i64).to_bits()
}
pub(crate) extern "C" fn f64_convert_i64_u(a: u64) -> u64 {
    wasm::f64_convert_i64_u(a).to_bits()
}
/// The library's keeps what is no number as it is; WebAssembly makes it quiet.
pub(crate) extern "C" fn f64_promote_f32(a: u32) -> u64 {
    let number = f32::from_bits(a);
    let bits = wasm::f64_promote_f32(number).to_bits();
    if number.is_nan() {
        bits | 1 << 51
    } else {
        bits
    }
}

fn told(trap: Option<wasmi_core::TrapCode>) -> u32 {
    match trap {
        None => 0,
        Some(wasmi_core::TrapCode::BadConversionToInteger) => Helper::TrapConversion as u32,
        Some(_) => Helper::TrapOverflow as u32,
    }
}

/// How many there are.
pub(crate) const COUNT: usize = Helper::COUNT - Helper::FloatCompare as usize;

/// All of them in the order of the helpers.
pub(crate) const TABLE: [Entry; COUNT] = [
    Entry::of(f32_eq as *const ()),
    Entry::of(f32_ne as *const ()),
    Entry::of(f32_lt as *const ()),
    Entry::of(f32_gt as *const ()),
    Entry::of(f32_le as *const ()),
    Entry::of(f32_ge as *const ()),
    Entry::of(f64_eq as *const ()),
    Entry::of(f64_ne as *const ()),
    Entry::of(f64_lt as *const ()),
    Entry::of(f64_gt as *const ()),
    Entry::of(f64_le as *const ()),
    Entry::of(f64_ge as *const ()),
    Entry::of(f32_abs as *const ()),
    Entry::of(f32_neg as *const ()),
    Entry::of(f32_ceil as *const ()),
    Entry::of(f32_floor as *const ()),
    Entry::of(f32_trunc as *const ()),
    Entry::of(f32_nearest as *const ()),
    Entry::of(f32_sqrt as *const ()),
    Entry::of(f32_add as *const ()),
    Entry::of(f32_sub as *const ()),
    Entry::of(f32_mul as *const ()),
    Entry::of(f32_div as *const ()),
    Entry::of(f32_min as *const ()),
    Entry::of(f32_max as *const ()),
    Entry::of(f32_copysign as *const ()),
    Entry::of(f64_abs as *const ()),
    Entry::of(f64_neg as *const ()),
    Entry::of(f64_ceil as *const ()),
    Entry::of(f64_floor as *const ()),
    Entry::of(f64_trunc as *const ()),
    Entry::of(f64_nearest as *const ()),
    Entry::of(f64_sqrt as *const ()),
    Entry::of(f64_add as *const ()),
    Entry::of(f64_sub as *const ()),
    Entry::of(f64_mul as *const ()),
    Entry::of(f64_div as *const ()),
    Entry::of(f64_min as *const ()),
    Entry::of(f64_max as *const ()),
    Entry::of(f64_copysign as *const ()),
    Entry::of(i32_trunc_sat_f32_s as *const ()),
    Entry::of(i32_trunc_sat_f32_u as *const ()),
    Entry::of(i32_trunc_sat_f64_s as *const ()),
    Entry::of(i32_trunc_sat_f64_u as *const ()),
    Entry::of(i64_trunc_sat_f32_s as *const ()),
    Entry::of(i64_trunc_sat_f32_u as *const ()),
    Entry::of(i64_trunc_sat_f64_s as *const ()),
    Entry::of(i64_trunc_sat_f64_u as *const ()),
    Entry::of(i32_trunc_f32_s as *const ()),
    Entry::of(i32_trunc_f32_u as *const ()),
    Entry::of(i32_trunc_f64_s as *const ()),
    Entry::of(i32_trunc_f64_u as *const ()),
    Entry::of(i64_trunc_f32_s as *const ()),
    Entry::of(i64_trunc_f32_u as *const ()),
    Entry::of(i64_trunc_f64_s as *const ()),
    Entry::of(i64_trunc_f64_u as *const ()),
    Entry::of(f32_convert_i32_s as *const ()),
    Entry::of(f32_convert_i32_u as *const ()),
    Entry::of(f32_convert_i64_s as *const ()),
    Entry::of(f32_convert_i64_u as *const ()),
    Entry::of(f32_demote_f64 as *const ()),
    Entry::of(f64_convert_i32_s as *const ()),
    Entry::of(f64_convert_i32_u as *const ()),
    Entry::of(f64_convert_i64_s as *const ()),
    Entry::of(f64_convert_i64_u as *const ()),
    Entry::of(f64_promote_f32 as *const ()),
];
