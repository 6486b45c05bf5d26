//! How often something may be done: buckets that fill with time, each request takes one.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Buckets that are kept; full ones are forgotten first.
const BUCKETS_MAX: usize = 10_000;

/// So many messages are as one request.
const MESSAGES: f64 = 8.0;

/// The limits of a gateway.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Requests of a key.
    pub(crate) requests: Buckets<String>,
    /// Messages of a key to devices, each a few bytes: their lines take fewer.
    pub(crate) messages: Buckets<String>,
    /// Requests of one network address without a key that is known.
    pub(crate) strangers: Buckets<IpAddr>,
    /// Entries that strangers may cause in the audit log, all together.
    pub(crate) denied: Buckets<()>,
}

impl Limits {
    pub(crate) fn new(requests_per_second: u32) -> Self {
        let rate = f64::from(requests_per_second);
        Self {
            requests: Buckets::new(2.0 * rate, rate),
            messages: Buckets::new(2.0 * rate * MESSAGES, rate * MESSAGES),
            strangers: Buckets::new(10.0, 0.2),
            denied: Buckets::new(100.0, 1.0),
        }
    }
}

/// One bucket for each `K`.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    /// What a bucket holds, and what comes into it in a second.
    holds: f64,
    rate: f64,
    buckets: Mutex<HashMap<K, (f64, Instant)>>,
}

impl<K: std::hash::Hash + Eq> Buckets<K> {
    fn new(holds: f64, rate: f64) -> Self {
        Self {
            holds,
            rate,
            buckets: Mutex::default(),
        }
    }

    fn now(&self, (left, at): (f64, Instant), now: Instant) -> f64 {
        let since = now.saturating_duration_since(at).as_secs_f64();
        (left + since * self.rate).min(self.holds)
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long until there is one.
    pub(crate) fn take(&self, key: K) -> Result<(), Duration> {
        self.take_at(key, Instant::now())
    }

    fn take_at(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| self.now(*bucket, now) < self.holds);
            if buckets.len() >= BUCKETS_MAX {
                return Err(Duration::from_secs(1));
            }
        }
        let bucket = buckets.entry(key).or_insert((self.holds, now));
        let left = self.now(*bucket, now);
        if left < 1.0 {
            *bucket = (left, now);
            return Err(Duration::from_secs_f64((1.0 - left) / self.rate));
        }
        *bucket = (left - 1.0, now);
        Ok(())
    }
}

/// Whoever has an IPv6 network has 2^64 addresses of it.
pub(crate) fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(network).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = Buckets::new(3.0, 0.5);
        let began = Instant::now();
        for _ in 0..3 {
            buckets.take_at("a", began).unwrap();
        }
        assert_eq!(buckets.take_at("a", began), Err(Duration::from_secs(2)));
        // Nobody else pays for it.
        buckets.take_at("b", began).unwrap();
        let later = began + Duration::from_secs(2);
        buckets.take_at("a", later).unwrap();
        buckets.take_at("a", later).unwrap_err();
        buckets
            .take_at("a", later + Duration::from_secs(3600))
            .unwrap();
    }

    #[test]
    fn there_are_not_more_buckets_than_are_kept() {
        let buckets = Buckets::new(2.0, 0.001);
        let began = Instant::now();
        for key in 0..BUCKETS_MAX {
            buckets.take_at(key, began).unwrap();
        }
        buckets.take_at(BUCKETS_MAX, began).unwrap_err();
        // Those that are full again make room.
        let later = began + Duration::from_secs(3600);
        buckets.take_at(BUCKETS_MAX, later).unwrap();
        assert_eq!(buckets.buckets.lock().unwrap().len(), 1);
    }

    #[test]
    fn an_ipv6_network_is_one_place() {
        let place = |text: &str| place(text.parse().unwrap()).to_string();
        assert_eq!(place("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(place("::ffff:10.0.0.1"), "10.0.0.1");
    }
}
