//! A linked list whose links lie in its elements, so that it needs no memory of its own.
//!
//! Virtualizers keep their clients in one. A node belongs to one list at a time.

use core::cell::Cell;

/// The place in an element where the list keeps what follows it.
pub struct ListLink<'a, T: 'a + ?Sized> {
    next: Cell<Option<&'a T>>,
}

impl<T: ?Sized> ListLink<'_, T> {
    /// Makes the link of an element that stands in no list.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            next: Cell::new(None),
        }
    }
}

/// An element of a [`List`].
pub trait ListNode<'a, T: ?Sized> {
    /// Returns the element's link.
    fn next(&'a self) -> &'a ListLink<'a, T>;
}

/// The list.
pub struct List<'a, T: 'a + ?Sized + ListNode<'a, T>> {
    first: ListLink<'a, T>,
}

impl<'a, T: ?Sized + ListNode<'a, T>> List<'a, T> {
    /// Makes an empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            first: ListLink::empty(),
        }
    }

    /// Returns the first element.
    #[must_use]
    pub fn head(&self) -> Option<&'a T> {
        self.first.next.get()
    }

    /// Puts `node`, which stands in no list, before all others.
    pub fn push_head(&self, node: &'a T) {
        node.next().next.set(self.head());
        self.first.next.set(Some(node));
    }

    /// Puts `node`, which stands in no list, behind all others.
    pub fn push_tail(&self, node: &'a T) {
        node.next().next.set(None);
        match self.iter().last() {
            Some(last) => last.next().next.set(Some(node)),
            None => self.first.next.set(Some(node)),
        }
    }

    /// Takes the first element out and returns it.
    pub fn pop_head(&self) -> Option<&'a T> {
        let node = self.head()?;
        self.first.next.set(node.next().next.take());
        Some(node)
    }

    /// Returns the elements from first to last.
    pub fn iter(&self) -> ListIterator<'a, T> {
        ListIterator { next: self.head() }
    }
}

impl<'a, T: ?Sized + ListNode<'a, T>> Default for List<'a, T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What [`List::iter`] returns.
pub struct ListIterator<'a, T: 'a + ?Sized + ListNode<'a, T>> {
    next: Option<&'a T>,
}

impl<'a, T: ?Sized + ListNode<'a, T>> Iterator for ListIterator<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        let node = self.next?;
        self.next = node.next().next.get();
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    struct Node<'a>(u32, ListLink<'a, Node<'a>>);

    impl<'a> ListNode<'a, Node<'a>> for Node<'a> {
        fn next(&'a self) -> &'a ListLink<'a, Node<'a>> {
            &self.1
        }
    }

    fn numbers<'a>(list: &List<'a, Node<'a>>) -> Vec<u32> {
        list.iter().map(|node| node.0).collect()
    }

    #[test]
    fn elements_stand_where_they_were_put() {
        let nodes = [1, 2, 3].map(|number| Node(number, ListLink::empty()));
        let list = List::new();
        assert!(list.head().is_none() && list.pop_head().is_none());
        list.push_tail(&nodes[1]);
        list.push_head(&nodes[0]);
        list.push_tail(&nodes[2]);
        assert_eq!(numbers(&list), [1, 2, 3]);

        let taken = list.pop_head().unwrap();
        assert_eq!((taken.0, numbers(&list)), (1, [2, 3].to_vec()));
        list.push_tail(taken);
        assert_eq!(numbers(&list), [2, 3, 1]);
        while list.pop_head().is_some() {}
        assert_eq!(numbers(&list), []);
    }
}
