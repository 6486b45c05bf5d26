//! When an alarm of any width is due, against numbers that do not wrap.

use super::expiration::{Expiration, shorter};
use kernel::hil::time::{Ticks, Ticks16, Ticks24, Ticks32};
use proptest::prelude::*;

/// Looks at an alarm at each of these distances, and what it must be then: armed until
/// the sum reaches `dt`, due from there on, with the same expiry all the time.
fn check<T: Ticks>(start: u32, dt: u32, steps: &[u32]) {
    let mask = u32::MAX >> (32 - T::width().min(32));
    let dt = dt & mask;
    let (start, distance) = (T::from(start), T::from(dt));
    let expiry = start.wrapping_add(distance);
    let mut alarm = Expiration::Armed {
        reference: start,
        dt: distance,
    };
    let (mut now, mut passed) = (start, 0_u64);
    for step in steps {
        now = now.wrapping_add(T::from(*step));
        passed += u64::from(step & mask);
        alarm = alarm.brought_to(now);
        assert_eq!(alarm.expiry(), Some(expiry));
        let left = u64::from(dt).saturating_sub(passed);
        let remaining = alarm.remaining().map(|t| u64::from(t.into_u32()));
        assert_eq!(remaining, Some(left), "{dt} after {passed}");
        let is_due = matches!(alarm, Expiration::Due { .. });
        assert_eq!(is_due, passed >= u64::from(dt));
    }
}

proptest! {
    /// However often and when it is looked at, and wherever the counter wraps.
    #[test]
    fn an_alarm_is_armed_until_its_time_and_due_from_then_on(
        start: u32,
        dt: u32,
        steps in prop::collection::vec(any::<u32>(), 0..20),
    ) {
        check::<Ticks32>(start, dt, &steps);
        check::<Ticks24>(start, dt, &steps);
        check::<Ticks16>(start, dt, &steps);
    }
}

#[test]
fn off_is_never_due_and_due_is_never_off() {
    let off = Expiration::<Ticks32>::Off;
    assert_eq!(off.brought_to(7.into()), off);
    assert_eq!((off.remaining(), off.expiry()), (None, None));
    let due = Expiration::Due {
        expiry: Ticks32::from(3),
    };
    for now in [0, 3, 4, u32::MAX] {
        assert_eq!(due.brought_to(now.into()), due);
    }
    assert_eq!(due.remaining(), Some(0.into()));
}

#[test]
fn waiting_for_nothing_is_longer_than_any_wait() {
    assert_eq!(shorter(Some(3), Some(2)), Some(2));
    assert_eq!(shorter(None, Some(0)), Some(0));
    assert_eq!(shorter(Some(u32::MAX), None), Some(u32::MAX));
    assert_eq!(shorter::<u32>(None, None), None);
}
