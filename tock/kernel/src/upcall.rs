//! Events that drivers deliver to processes.

/// Which event of which driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpcallId {
    /// Driver number.
    pub driver_num: usize,
    /// Subscribe number within the driver.
    pub subscribe_num: usize,
}

/// Why an event could not be queued for its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpcallError {
    /// The driver has no such subscribe number.
    InvalidSubscribeNum,
    /// The process's queue is full; the event is dropped and counted.
    QueueFull,
    /// The process cannot take events: it ended or its state is broken.
    KernelError,
}
