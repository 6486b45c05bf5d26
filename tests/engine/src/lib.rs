//! Is the engine right? What a container computes, compared with what another engine computes.
//!
//! * [`generate`]: modules of the forms in which engines go wrong.
//! * [`product`]: a module as a container has it, in slices of fuel.
//! * [`outcome`]: what is compared.
//!
//! docs/engine-faults.md lists what was found with this.

pub mod generate;
pub mod outcome;
pub mod product;
pub mod random;
