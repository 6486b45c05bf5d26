//! Containers without a heap.

pub mod list;
pub mod queue;
pub mod ring_buffer;
