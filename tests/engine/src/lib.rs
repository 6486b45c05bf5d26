//! Is the engine right? What a container computes, compared with what another engine computes.
//!
//! * [`generate`]: modules of the forms in which engines go wrong.
//! * [`product`]: a module as a container has it, in slices of fuel.
//! * [`outcome`]: what is compared.
//! * [`proofs`]: WebAssembly's own tests as containers.
//! * [`programs`]: what compilers make of the same source.
//! * [`start`]: modules from elsewhere as a device admits them.
//!
//! docs/engine-faults.md lists what was found with this.

pub mod generate;
pub mod outcome;
pub mod product;
pub mod programs;
pub mod proofs;
pub mod start;
