//! Containers without a heap.

pub mod queue;
pub mod ring_buffer;
