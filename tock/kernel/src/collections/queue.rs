//! What queues have in common.

/// A first-in, first-out queue of bounded length.
pub trait Queue<T> {
    /// Whether there is something to dequeue.
    fn has_elements(&self) -> bool;
    /// Whether the next `enqueue` would fail.
    fn is_full(&self) -> bool;
    /// Number of elements.
    fn len(&self) -> usize;
    /// Whether the queue holds nothing.
    fn is_empty(&self) -> bool {
        !self.has_elements()
    }
    /// Append `value`; `false` if the queue is full.
    fn enqueue(&mut self, value: T) -> bool;
    /// Append `value`; if full, drop and return the oldest.
    fn push(&mut self, value: T) -> Option<T>;
    /// Take the oldest.
    fn dequeue(&mut self) -> Option<T>;
    /// Remove and return the oldest element that `f` accepts.
    fn remove_first_matching<F: Fn(&T) -> bool>(&mut self, f: F) -> Option<T>;
    /// Drop everything.
    fn empty(&mut self);
    /// Keep only what `f` accepts, in order.
    fn retain<F: FnMut(&T) -> bool>(&mut self, f: F);
}
