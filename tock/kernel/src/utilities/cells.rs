//! Cells that let a driver change its state through `&self`.
//!
//! Drivers are shared as `&'static`, so all of their state is in cells. These
//! add to [`core::cell`] what drivers do most: hold something that may be
//! absent ([`OptionalCell`]), hold a buffer that is lent to hardware and comes
//! back ([`TakeCell`]), and use a larger value in place ([`MapCell`]).

use core::cell::{Cell, RefCell};

/// A [`Cell`] of a value that may be absent.
pub struct OptionalCell<T> {
    value: Cell<Option<T>>,
}

impl<T> Default for OptionalCell<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T> OptionalCell<T> {
    /// A cell that holds `value`.
    pub const fn new(value: T) -> Self {
        Self {
            value: Cell::new(Some(value)),
        }
    }

    /// A cell that holds nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            value: Cell::new(None),
        }
    }

    /// Hold `value`, dropping what was there.
    pub fn set(&self, value: T) {
        self.value.set(Some(value));
    }

    /// Hold `option`, dropping what was there.
    pub fn insert(&self, option: Option<T>) {
        self.value.set(option);
    }

    /// Hold `value` and return what was there.
    pub fn replace(&self, value: T) -> Option<T> {
        self.value.replace(Some(value))
    }

    /// Take the value out.
    pub fn take(&self) -> Option<T> {
        self.value.take()
    }

    /// Hold nothing.
    pub fn clear(&self) {
        self.value.set(None);
    }

    /// Whether a value is there.
    pub fn is_some(&self) -> bool {
        let value = self.value.take();
        let there = value.is_some();
        self.value.set(value);
        there
    }

    /// Whether no value is there.
    pub fn is_none(&self) -> bool {
        !self.is_some()
    }
}

impl<T: Copy> OptionalCell<T> {
    /// A copy of the value.
    pub fn get(&self) -> Option<T> {
        self.value.get()
    }

    /// A copy of the value, or `default`.
    pub fn unwrap_or(&self, default: T) -> T {
        self.get().unwrap_or(default)
    }

    /// Whether a value is there and equals `value`.
    pub fn contains(&self, value: &T) -> bool
    where
        T: PartialEq,
    {
        self.get().as_ref() == Some(value)
    }

    /// Apply `f` to a copy of the value, if there is one.
    pub fn map<F, R>(&self, f: F) -> Option<R>
    where
        F: FnOnce(T) -> R,
    {
        self.get().map(f)
    }

    /// Apply `f` to a copy of the value, or return `default`.
    pub fn map_or<F, R>(&self, default: R, f: F) -> R
    where
        F: FnOnce(T) -> R,
    {
        self.get().map_or(default, f)
    }

    /// Apply `f` to a copy of the value, or call `default`.
    pub fn map_or_else<D, F, R>(&self, default: D, f: F) -> R
    where
        D: FnOnce() -> R,
        F: FnOnce(T) -> R,
    {
        self.get().map_or_else(default, f)
    }

    /// Apply `f`, which may itself find nothing, to a copy of the value.
    pub fn and_then<F, R>(&self, f: F) -> Option<R>
    where
        F: FnOnce(T) -> Option<R>,
    {
        self.get().and_then(f)
    }

    /// A copy of the value, or `error`.
    ///
    /// # Errors
    ///
    /// `error` if the cell is empty.
    pub fn ok_or<E>(&self, error: E) -> Result<T, E> {
        self.get().ok_or(error)
    }
}

/// A cell that owns a unique reference, lent out and put back.
pub struct TakeCell<'a, T: 'a + ?Sized> {
    value: Cell<Option<&'a mut T>>,
}

impl<'a, T: ?Sized> TakeCell<'a, T> {
    /// A cell that holds `value`.
    pub const fn new(value: &'a mut T) -> Self {
        Self {
            value: Cell::new(Some(value)),
        }
    }

    /// A cell that holds nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            value: Cell::new(None),
        }
    }

    /// Whether nothing is there (it is lent out).
    pub fn is_none(&self) -> bool {
        !self.is_some()
    }

    /// Whether the reference is there.
    pub fn is_some(&self) -> bool {
        let value = self.value.take();
        let there = value.is_some();
        self.value.set(value);
        there
    }

    /// Take the reference out.
    pub fn take(&self) -> Option<&'a mut T> {
        self.value.take()
    }

    /// Put something (or nothing) in, dropping what was there.
    pub fn put(&self, value: Option<&'a mut T>) {
        self.value.set(value);
    }

    /// Hold `value` and return what was there.
    pub fn replace(&self, value: &'a mut T) -> Option<&'a mut T> {
        self.value.replace(Some(value))
    }

    /// Apply `f` to the value, if it is there. Inside `f` the cell is empty.
    pub fn map<F, R>(&self, f: F) -> Option<R>
    where
        F: FnOnce(&mut T) -> R,
    {
        let value = self.take()?;
        let result = f(value);
        self.put(Some(value));
        Some(result)
    }

    /// As [`map`](Self::map), with a default.
    pub fn map_or<F, R>(&self, default: R, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.map(f).unwrap_or(default)
    }

    /// As [`map`](Self::map), with a default made on demand.
    pub fn map_or_else<D, F, R>(&self, default: D, f: F) -> R
    where
        D: FnOnce() -> R,
        F: FnOnce(&mut T) -> R,
    {
        self.map(f).unwrap_or_else(default)
    }

    /// As [`map`](Self::map), for an `f` that may itself find nothing.
    pub fn and_then<F, R>(&self, f: F) -> Option<R>
    where
        F: FnOnce(&mut T) -> Option<R>,
    {
        self.map(f).flatten()
    }
}

/// A cell for a larger value that is used in place.
#[derive(Debug)]
pub struct MapCell<T> {
    value: RefCell<Option<T>>,
}

impl<T> Default for MapCell<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T> MapCell<T> {
    /// A cell that holds `value`.
    pub const fn new(value: T) -> Self {
        Self {
            value: RefCell::new(Some(value)),
        }
    }

    /// A cell that holds nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            value: RefCell::new(None),
        }
    }

    /// Whether nothing can be used now: empty, or in use further up the stack.
    pub fn is_none(&self) -> bool {
        !self.is_some()
    }

    /// Whether a value is there to be used.
    pub fn is_some(&self) -> bool {
        self.value.try_borrow().is_ok_and(|value| value.is_some())
    }

    /// Take the value out; `None` if empty or in use.
    pub fn take(&self) -> Option<T> {
        self.value.try_borrow_mut().ok()?.take()
    }

    /// Hold `value`, dropping what was there. Ignored while in use.
    pub fn put(&self, value: T) {
        let _ = self.replace(value);
    }

    /// Hold `value` and return what was there. Ignored while in use.
    pub fn replace(&self, value: T) -> Option<T> {
        self.value.try_borrow_mut().ok()?.replace(value)
    }

    /// Apply `f` to the value in place; `None` if empty or in use.
    pub fn map<F, R>(&self, f: F) -> Option<R>
    where
        F: FnOnce(&mut T) -> R,
    {
        self.value.try_borrow_mut().ok()?.as_mut().map(f)
    }

    /// As [`map`](Self::map), with a default.
    pub fn map_or<F, R>(&self, default: R, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.map(f).unwrap_or(default)
    }

    /// As [`map`](Self::map), with a default made on demand.
    pub fn map_or_else<D, F, R>(&self, default: D, f: F) -> R
    where
        D: FnOnce() -> R,
        F: FnOnce(&mut T) -> R,
    {
        self.map(f).unwrap_or_else(default)
    }

    /// As [`map`](Self::map), for an `f` that may itself find nothing.
    pub fn and_then<F, R>(&self, f: F) -> Option<R>
    where
        F: FnOnce(&mut T) -> Option<R>,
    {
        self.map(f).flatten()
    }
}

/// Arithmetic on cells of numbers; wraps as hardware counters do.
pub trait NumericCellExt<T> {
    /// Add `value`.
    fn add(&self, value: T);
    /// Subtract `value`.
    fn subtract(&self, value: T);
    /// Add one.
    fn increment(&self);
    /// Subtract one.
    fn decrement(&self);
    /// Add one, return the value before.
    fn get_and_increment(&self) -> T;
}

macro_rules! numeric_cell {
    ($($number:ty),+) => {$(
        impl NumericCellExt<$number> for Cell<$number> {
            fn add(&self, value: $number) {
                self.set(self.get().wrapping_add(value));
            }
            fn subtract(&self, value: $number) {
                self.set(self.get().wrapping_sub(value));
            }
            fn increment(&self) {
                self.add(1);
            }
            fn decrement(&self) {
                self.subtract(1);
            }
            fn get_and_increment(&self) -> $number {
                let before = self.get();
                self.increment();
                before
            }
        }
    )+};
}
numeric_cell!(u8, u16, u32, u64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional() {
        let cell = OptionalCell::new(3);
        assert!(cell.is_some() && cell.contains(&3));
        assert_eq!(cell.map_or(0, |n| n + 1), 4);
        assert_eq!(cell.replace(5), Some(3));
        assert_eq!(cell.take(), Some(5));
        assert!(cell.is_none());
    }

    #[test]
    fn take_cell_is_empty_while_used() {
        let mut buffer = [1u8, 2];
        let cell = TakeCell::new(&mut buffer[..]);
        let inside = cell.map(|bytes| (bytes.len(), cell.is_none()));
        assert_eq!(inside, Some((2, true)));
        assert!(cell.take().is_some());
        assert!(cell.map(|_| ()).is_none());
    }

    #[test]
    fn map_cell_refuses_nesting() {
        let cell = MapCell::new(1);
        assert_eq!(cell.map(|_| cell.map(|_| ())), Some(None));
        assert_eq!(cell.take(), Some(1));
        assert!(cell.is_none());
    }
}
