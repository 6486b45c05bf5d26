//! Computes `berth_kernels::MIX` in a container, and exits with the microseconds that it took.

#![no_std]
#![forbid(unsafe_code)]

berth_kernels::container!(berth_kernels::MIX);
