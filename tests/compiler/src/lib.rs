//! Is what the compiler says and makes right?
//!
//! * [`room`]: room for any module that a test has.

pub mod room;
