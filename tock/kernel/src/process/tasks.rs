//! The queue of events that wait for a process to yield.

use core::cell::Cell;

use super::Task;
use crate::upcall::UpcallId;

/// How many events can wait.
pub(crate) const CAPACITY: usize = 10;

/// One slot more than [`CAPACITY`]: reserved for the event that a process
/// waits for with Yield-WaitFor, so that a full queue cannot starve it.
const SLOTS: usize = CAPACITY + 1;

/// First in, first out. The slots are dense: the oldest task is slot 0.
pub(crate) struct TaskQueue {
    tasks: [Option<Task>; SLOTS],
    length: usize,
}

impl TaskQueue {
    pub(crate) const fn new() -> Self {
        Self {
            tasks: [None; SLOTS],
            length: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Append; `awaited` allows the reserved slot.
    pub(crate) fn enqueue(&mut self, task: Task, awaited: bool) -> bool {
        let limit = if awaited { SLOTS } else { CAPACITY };
        if self.length >= limit {
            return false;
        }
        let Some(slot) = self.tasks.get_mut(self.length) else {
            return false;
        };
        *slot = Some(task);
        self.length += 1;
        true
    }

    fn remove(&mut self, index: usize) -> Option<Task> {
        let rest = self.tasks.get_mut(index..self.length)?;
        let task = rest.first_mut()?.take();
        // By cells: `rotate_left` brings a kilobyte and a half of code for long slices.
        let rest = Cell::from_mut(rest).as_slice_of_cells();
        for (place, following) in rest.iter().zip(rest.iter().skip(1)) {
            place.set(following.get());
        }
        self.length -= 1;
        task
    }

    pub(crate) fn dequeue(&mut self) -> Option<Task> {
        self.remove(0)
    }

    fn find(&self, accept: impl Fn(&Task) -> bool) -> Option<usize> {
        self.tasks
            .iter()
            .take(self.length)
            .position(|task| task.as_ref().is_some_and(&accept))
    }

    pub(crate) fn contains(&self, id: UpcallId) -> bool {
        self.find(|task| task.upcall_id() == Some(id)).is_some()
    }

    /// Whether a function waits to be run (null upcalls do not count).
    pub(crate) fn has_function(&self) -> bool {
        self.find(|task| matches!(task, Task::FunctionCall(_)))
            .is_some()
    }

    pub(crate) fn remove_upcall(&mut self, id: UpcallId) -> Option<Task> {
        let index = self.find(|task| task.upcall_id() == Some(id))?;
        self.remove(index)
    }

    /// Drop all tasks that are this event; how many there were.
    pub(crate) fn remove_all(&mut self, id: UpcallId) -> usize {
        let before = self.length;
        while self.remove_upcall(id).is_some() {}
        before - self.length
    }

    pub(crate) fn clear(&mut self) {
        // Slots beyond the length are never read.
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FunctionCall, FunctionCallSource, ReturnArguments};
    use super::*;

    const A: UpcallId = UpcallId {
        driver_num: 1,
        subscribe_num: 0,
    };
    const B: UpcallId = UpcallId {
        driver_num: 1,
        subscribe_num: 1,
    };

    fn call(id: UpcallId, n: usize) -> Task {
        Task::FunctionCall(FunctionCall {
            source: FunctionCallSource::Driver(id),
            argument0: n,
            argument1: 0,
            argument2: 0,
            argument3: 0,
            pc: 4,
        })
    }

    fn null(id: UpcallId, n: usize) -> Task {
        Task::ReturnValue(ReturnArguments {
            upcall_id: id,
            argument0: n,
            argument1: 0,
            argument2: 0,
        })
    }

    #[test]
    fn ten_fit_and_one_awaited() {
        let mut queue = TaskQueue::new();
        for n in 0..CAPACITY {
            assert!(queue.enqueue(call(A, n), false));
        }
        assert!(!queue.enqueue(call(A, 99), false));
        assert!(queue.enqueue(null(B, 7), true));
        assert!(!queue.enqueue(null(B, 8), true));
        assert_eq!(queue.remove_upcall(B).map(|t| t.arguments().0), Some(7));
        for n in 0..CAPACITY {
            assert_eq!(queue.dequeue().map(|t| t.arguments().0), Some(n));
        }
        assert_eq!(queue.dequeue(), None);
    }

    #[test]
    fn removing_one_event_keeps_the_others_in_order() {
        let mut queue = TaskQueue::new();
        for n in 0..3 {
            assert!(queue.enqueue(null(A, n), false));
            assert!(queue.enqueue(call(B, n), false));
        }
        assert!(queue.has_function() && queue.contains(A));
        assert_eq!(queue.remove_all(A), 3);
        assert!(!queue.contains(A));
        for n in 0..3 {
            assert_eq!(queue.dequeue(), Some(call(B, n)));
        }
        assert!(queue.enqueue(null(A, 0), false) && !queue.has_function());
    }
}
