//! The capsules as processes see them, on the fake chip of `kernel::test_utils`: all of it is in `tests/`.

#![no_std]
