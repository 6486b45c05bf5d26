//! How many erases a process has: the life of the part is the manufacturer's, not the process's.
//!
//! A page of flash can be erased some ten thousand times, and whoever may erase at will wears one out in
//! minutes; and while a page is erased, many parts keep the processor from reading their flash. So there are two
//! bounds, whatever the process does:
//!
//! * *Wear.* Each page has a *budget*: some erases at once, and one more each time a period has passed, up to as
//!   many as at the beginning. What [`Budget::most`] computes is what a page can suffer in years. What is kept of a page is
//!   when it will have them all again; an erase puts that off by a period. So time brings every page its own without a look
//!   at any, and no call's length grows with the number of pages.
//! * *Rate.* In any second the part of flash takes only so many, of all its partitions together: it is one part that is busy
//!   ([`Rate`]). The clock tells whole seconds, so what counts are those of its
//!   second and the one before: in the long run it takes half as many at least.
//!
//! What is left of the budgets stands in memory that keeps its contents over a reset ([`Kept`]), if the board has such:
//! then a reset gives nothing back, whenever it comes. When the power was gone nothing of it is there, and all budgets are full; so how often the
//! *power* goes counts, and nothing else. (A counter that outlives the power would be one more word of flash for each erase, in a
//! page that wears as well.)

use berth_exposure::erases::Budget;
use core::cell::Cell;
use core::sync::atomic::{Ordering, compiler_fence};

/// Returns the erases that a page has at once: no more than can be counted in seconds of half a century.
fn at_once(budget: Budget) -> u32 {
    u32::from(budget.burst).min(u32::MAX / 2 / budget.period())
}

/// Returns the seconds in which a page without erases gets them all back.
fn whole_s(budget: Budget) -> u32 {
    at_once(budget) * budget.period()
}

/// Seconds since some moment; wraps.
pub trait Seconds {
    /// What the clock shows.
    fn seconds(&self) -> u32;
}

/// Memory of the budgets. A board that can puts it where a reset leaves it alone; what it holds after the power was gone is
/// found out by its check.
pub struct Kept<const PAGES: usize> {
    /// When each page has all its erases again, in the seconds of `passed`.
    full: [Cell<u32>; PAGES],
    /// Seconds that have passed since the power came, resets or not, at the last look.
    passed: Cell<u32>,
    /// `Books::sum` of the above.
    check: Cell<u32>,
    begun: Begun,
}

impl<const PAGES: usize> Kept<PAGES> {
    /// Memory in which nothing is kept yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            full: [const { Cell::new(0) }; PAGES],
            passed: Cell::new(0),
            check: Cell::new(0),
            begun: Begun::new(),
        }
    }

    fn books(&self) -> Books<'_> {
        Books {
            full: &self.full,
            passed: &self.passed,
            check: &self.check,
            begun: &self.begun,
        }
    }
}

impl<const PAGES: usize> Default for Kept<PAGES> {
    fn default() -> Self {
        Self::new()
    }
}

/// The change that is being made of one word and the sum. A reset may come between the two: then this tells what the
/// word was, so that the sum is known to have been right.
struct Begun {
    place: Cell<u32>,
    old: Cell<u32>,
    /// `Books::seal` of the place, the old and the new value.
    seal: Cell<u32>,
}

impl Begun {
    const fn new() -> Self {
        Self {
            place: Cell::new(0),
            old: Cell::new(0),
            seal: Cell::new(0),
        }
    }
}

/// Place of [`Kept::passed`] in the sum. No board has so many pages.
const PASSED: u32 = u16::MAX as u32;

/// The same without the number of pages.
struct Books<'a> {
    full: &'a [Cell<u32>],
    passed: &'a Cell<u32>,
    check: &'a Cell<u32>,
    begun: &'a Begun,
}

impl Books<'_> {
    /// Tells memory that was kept from memory that holds anything: of 2^32 contents one passes. A sum over the words,
    /// so that a change of one costs no look at the others.
    fn sum(&self) -> u32 {
        let pages = (0..).zip(self.full);
        pages.fold(
            Self::part(PASSED, self.passed.get()),
            |sum, (page, full)| sum.wrapping_add(Self::part(page, full.get())),
        )
    }

    /// What a word adds to the sum: another value, another part.
    // Once, for the size.
    #[inline(never)]
    const fn part(place: u32, value: u32) -> u32 {
        (value ^ place << 16 ^ 0x6265_7274).wrapping_mul(0x9e37_79b1)
    }

    /// What stands in [`Begun`] while a word is changed.
    const fn seal(place: u32, old: u32, new: u32) -> u32 {
        old.rotate_left(16) ^ new ^ place ^ 0x7365_616c
    }

    fn word(&self, place: u32) -> Option<&Cell<u32>> {
        match place {
            PASSED => Some(self.passed),
            page => self.full.get(page as usize),
        }
    }

    /// Changes a word with these writes, in this order: after each of them the memory can be read again.
    #[inline(always)]
    fn change(&self, place: u32, new: u32, mut write: impl FnMut(&Cell<u32>, u32)) {
        let Some(word) = self.word(place) else {
            return;
        };
        let (begun, old) = (self.begun, word.get());
        let seal = Self::seal(place, old, new);
        let sum = self.check.get().wrapping_sub(Self::part(place, old));
        write(&begun.place, place);
        write(&begun.old, old);
        write(&begun.seal, seal);
        write(word, new);
        write(self.check, sum.wrapping_add(Self::part(place, new)));
        write(&begun.seal, !seal);
    }

    #[inline(never)]
    fn set(&self, place: u32, new: u32) {
        self.change(place, new, |cell, value| {
            cell.set(value);
            // A reset may come now: what was written stands there, and nothing that comes later does.
            compiler_fence(Ordering::SeqCst);
        });
    }

    /// Returns whether the memory was kept. A change that a reset has cut off between the word and the sum is ended.
    #[inline(never)]
    fn is_kept(&self) -> bool {
        let (check, sum) = (self.check.get(), self.sum());
        if check == sum {
            return true;
        }
        let (place, old) = (self.begun.place.get(), self.begun.old.get());
        let Some(new) = self.word(place).map(Cell::get) else {
            return false;
        };
        let before = sum
            .wrapping_sub(Self::part(place, new))
            .wrapping_add(Self::part(place, old));
        self.begun.seal.get() == Self::seal(place, old, new) && check == before
    }
}

/// The erases of the last two seconds, of all partitions of one part of flash.
#[derive(Default)]
pub struct Rate {
    /// A second, the erases in the one before, and in it.
    second: Cell<(u32, u16, u16)>,
}

impl Rate {
    /// Nothing was erased yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            second: Cell::new((0, 0, 0)),
        }
    }

    /// Erases in the second before `now`, and in that.
    fn lately(&self, now: u32) -> (u16, u16) {
        let (second, before, count) = self.second.get();
        match now.wrapping_sub(second) {
            0 => (before, count),
            1 => (count, 0),
            _ => (0, 0),
        }
    }
}

/// What the pages of a partition have left.
pub struct Wear<'a> {
    budget: Budget,
    rate: &'a Rate,
    clock: &'a dyn Seconds,
    books: Books<'a>,
    /// The latest second at which any page is full again.
    latest: Cell<u32>,
    /// What the clock showed at the last look.
    seen: Cell<u32>,
    /// Erases since the board started, and those that were refused for want of budget.
    done: Cell<u32>,
    refused: Cell<u32>,
}

/// How the books were before an erase was noted.
pub(crate) struct Noted {
    page: usize,
    full: u32,
    latest: u32,
    second: (u32, u16, u16),
    done: u32,
}

/// What is left, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Erases that the page with the fewest has left.
    pub(crate) fewest: u32,
    /// Erases since the board started.
    pub(crate) done: u32,
    /// Erases that were refused since then.
    pub(crate) refused: u32,
}

impl<'a> Wear<'a> {
    /// The budgets as they were before a reset if `kept` holds them, else full ones. `rate` is that of the part of flash that the
    /// partition lies in.
    #[must_use]
    pub fn new<const PAGES: usize>(
        budget: Budget,
        rate: &'a Rate,
        clock: &'a dyn Seconds,
        kept: &'a Kept<PAGES>,
    ) -> Self {
        let books = kept.books();
        let whole = books.is_kept();
        if !whole {
            books.passed.set(0);
        }
        // No page can owe more than all of its erases; another firmware may have had another budget.
        let empty = books.passed.get().saturating_add(whole_s(budget));
        let mut latest = 0;
        for page in books.full {
            let full = if whole { page.get().min(empty) } else { 0 };
            page.set(full);
            latest = latest.max(full);
        }
        books.check.set(books.sum());
        Self {
            budget,
            rate,
            clock,
            books,
            latest: Cell::new(latest),
            seen: Cell::new(clock.seconds()),
            done: Cell::new(0),
            refused: Cell::new(0),
        }
    }

    /// Note what time has passed.
    fn look(&self) {
        let now = self.clock.seconds();
        let since = now.wrapping_sub(self.seen.replace(now));
        if since != 0 {
            let passed = self.books.passed.get().saturating_add(since);
            self.books.set(PASSED, passed);
        }
    }

    /// Erases that a page has left which is full again at a second.
    fn left(&self, full: u32) -> u32 {
        let owed = full.saturating_sub(self.books.passed.get());
        let used = owed.div_ceil(self.budget.period());
        at_once(self.budget).saturating_sub(used)
    }

    /// When a page is full again that is erased now. Returns `None` if it cannot be.
    fn full_after_erase(&self, page: usize) -> Option<u32> {
        let full = self.books.full.get(page)?.get();
        if self.left(full) == 0 {
            return None;
        }
        // No sum of an even later second: that many years no board runs.
        full.max(self.books.passed.get())
            .checked_add(self.budget.period())
    }

    /// Returns whether a page may be erased now; if not, that counts.
    pub(crate) fn may_erase(&self, page: usize) -> bool {
        self.look();
        let (before, count) = self.rate.lately(self.seen.get());
        let in_rate = before.saturating_add(count) < self.budget.per_second;
        let may = in_rate && self.full_after_erase(page).is_some();
        if !may {
            self.refused.set(self.refused.get().saturating_add(1));
        }
        may
    }

    /// Note an erase of a page, before it begins: a reset in between gives nothing back. Returns what takes the note back.
    pub(crate) fn erases(&self, page: usize) -> Noted {
        let noted = Noted {
            page,
            full: self.books.full.get(page).map_or(0, Cell::get),
            latest: self.latest.get(),
            second: self.rate.second.get(),
            done: self.done.get(),
        };
        let now = self.seen.get();
        let (before, count) = self.rate.lately(now);
        self.rate.second.set((now, before, count.saturating_add(1)));
        self.done.set(self.done.get().saturating_add(1));
        if let Some(full) = self.full_after_erase(page) {
            // No board has 64 Ki pages.
            self.books.set(page as u32, full);
            self.latest.set(self.latest.get().max(full));
        }
        noted
    }

    /// The erase that was noted last has not begun.
    pub(crate) fn did_not_begin(&self, noted: Noted) {
        self.books.set(noted.page as u32, noted.full);
        self.latest.set(noted.latest);
        self.rate.second.set(noted.second);
        self.done.set(noted.done);
    }

    pub(crate) fn budget(&self) -> Budget {
        self.budget
    }

    pub(crate) fn told(&self) -> Told {
        self.look();
        Told {
            fewest: self.left(self.latest.get()),
            done: self.done.get(),
            refused: self.refused.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clock(Cell<u32>);

    impl Seconds for Clock {
        fn seconds(&self) -> u32 {
            self.0.get()
        }
    }

    impl Clock {
        fn pass(&self, seconds: u32) {
            self.0.set(self.0.get().wrapping_add(seconds));
        }
    }

    /// Erase a page as often as it may be. Returns the number of times.
    fn use_up(wear: &Wear<'_>, page: usize) -> u64 {
        let mut erases = 0;
        while wear.may_erase(page) {
            wear.erases(page);
            erases += 1;
        }
        erases
    }

    /// A page that is erased whenever it may be, for ten years, the clock wrapping or not and the board reset or not, never
    /// suffers more than what is computed.
    #[test]
    fn no_page_suffers_more_than_what_is_computed() {
        const YEAR_S: u64 = 31_557_600;
        let budget = Budget {
            burst: 256,
            period_s: 24 * 3600,
            per_second: u16::MAX,
        };
        // What a part usually promises, with the defaults of the exposure compiler and twenty losses of power.
        assert!(budget.most(10, 20) <= 10_000);
        for (start, resets) in [(0, false), (u32::MAX - 1000, false), (77, true)] {
            let clock = Clock(Cell::new(start));
            let rate = Rate::new();
            let kept = Kept::<3>::new();
            let mut wear = Wear::new(budget, &rate, &clock, &kept);
            let (mut erases, mut passed) = (0_u64, 0_u64);
            // Odd steps, so that periods are hit and missed.
            while passed < 10 * YEAR_S {
                erases += use_up(&wear, 1);
                clock.pass(7_919);
                passed += 7_919;
                if resets {
                    wear.look();
                    wear = Wear::new(budget, &rate, &clock, &kept);
                }
            }
            let most = budget.most(10, 1);
            assert!(erases <= most && erases + 2 >= most, "{erases} of {most}");
            assert!(wear.may_erase(0), "another page is its own");
        }
    }

    #[test]
    fn a_page_that_rests_gets_back_what_it_had_and_no_more() {
        let clock = Clock(Cell::new(5));
        let rate = Rate::new();
        let kept = Kept::<2>::new();
        let budget = Budget {
            burst: 2,
            period_s: 100,
            per_second: 10,
        };
        let wear = Wear::new(budget, &rate, &clock, &kept);
        assert_eq!(use_up(&wear, 0), 2);
        assert!(!wear.may_erase(0) && wear.may_erase(1) && !wear.may_erase(2));
        let told = |fewest, refused| Told {
            fewest,
            done: 2,
            refused,
        };
        assert_eq!(wear.told(), told(0, 3));
        clock.pass(99);
        assert!(!wear.may_erase(0));
        clock.pass(1);
        assert!(wear.may_erase(0));
        clock.pass(100_000);
        assert_eq!(wear.told(), told(2, 4));
    }

    /// What a call costs does not grow with the pages, however long nobody looked: of all pages one word changes.
    #[test]
    fn time_brings_every_page_its_own_without_a_look_at_it() {
        let clock = Clock(Cell::new(3));
        let rate = Rate::new();
        let kept = Kept::<64>::new();
        let budget = Budget {
            burst: 3,
            period_s: 100,
            per_second: 1000,
        };
        let wear = Wear::new(budget, &rate, &clock, &kept);
        for page in 0..64 {
            assert_eq!(use_up(&wear, page), 3);
        }
        clock.pass(200);
        let before: std::vec::Vec<u32> = kept.full.iter().map(Cell::get).collect();
        assert_eq!(wear.told().fewest, 2);
        assert!(wear.may_erase(5));
        wear.erases(5);
        let after = kept.full.iter().map(Cell::get);
        let changed = before.iter().zip(after).filter(|(a, b)| *a != b).count();
        assert_eq!(changed, 1);
        assert_eq!(wear.told().fewest, 1);
        assert_eq!(use_up(&wear, 63), 2);
    }

    /// Writes of a change of one word.
    const STEPS: usize = 6;

    /// However few of the writes of a change are made before a reset, no page has more than before.
    #[test]
    fn a_reset_in_the_middle_of_a_change_gives_nothing_back() {
        let budget = Budget {
            burst: 5,
            period_s: 100,
            per_second: 100,
        };
        for steps in 0..=STEPS {
            for place in [1, PASSED] {
                let clock = Clock(Cell::new(9));
                let rate = Rate::new();
                let kept = Kept::<3>::new();
                let wear = Wear::new(budget, &rate, &clock, &kept);
                assert_eq!(use_up(&wear, 1), 5);
                assert_eq!(use_up(&wear, 2), 5);
                let books = kept.books();
                let word = books.word(place).unwrap();
                let new = word.get() + if place == PASSED { 1 } else { 100 };
                let mut made = 0;
                books.change(place, new, |cell, value| {
                    if made < steps {
                        cell.set(value);
                    }
                    made += 1;
                });
                assert!(made == STEPS);
                let wear = Wear::new(budget, &rate, &clock, &kept);
                assert!(!wear.may_erase(1) && !wear.may_erase(2), "{place} {steps}");
                assert!(wear.may_erase(0));
            }
        }
    }

    /// A budget whose numbers do not fit a word of seconds is less generous, never more.
    #[test]
    fn the_largest_budget_is_bounded_all_the_same() {
        let clock = Clock(Cell::new(0));
        let rate = Rate::new();
        let kept = Kept::<1>::new();
        let budget = Budget {
            burst: u16::MAX,
            period_s: u32::MAX,
            per_second: u16::MAX,
        };
        let wear = Wear::new(budget, &rate, &clock, &kept);
        assert_eq!(use_up(&wear, 0), 0);
        let budget = Budget {
            period_s: 24 * 3600,
            ..budget
        };
        let wear = Wear::new(budget, &rate, &clock, &kept);
        assert_eq!(use_up(&wear, 0), u64::from(u32::MAX / 2 / (24 * 3600)));
    }

    #[test]
    fn an_erase_that_did_not_begin_costs_nothing() {
        let clock = Clock(Cell::new(9));
        let rate = Rate::new();
        let kept = Kept::<2>::new();
        let budget = Budget {
            burst: 2,
            period_s: 100,
            per_second: 2,
        };
        let wear = Wear::new(budget, &rate, &clock, &kept);
        for _ in 0..10 {
            assert!(wear.may_erase(0));
            let noted = wear.erases(0);
            wear.did_not_begin(noted);
        }
        assert_eq!(wear.told().done, 0);
        assert!(kept.books().is_kept());
        assert_eq!(use_up(&wear, 0), 2);
    }

    #[test]
    fn a_second_takes_no_more_than_the_rate() {
        let clock = Clock(Cell::new(u32::MAX));
        let rate = Rate::new();
        let kept = Kept::<4>::new();
        let budget = Budget {
            burst: 100,
            period_s: 100,
            per_second: 3,
        };
        let wear = Wear::new(budget, &rate, &clock, &kept);
        let erases: u64 = (0..4).map(|page| use_up(&wear, page)).sum();
        assert_eq!(erases, 3, "of all pages together");
        // A second of the clock may end at once.
        for (passed, erases) in [(1, 0), (1, 3), (1, 0), (2, 3), (1000, 3), (1, 0)] {
            clock.pass(passed);
            assert_eq!(use_up(&wear, 3), erases);
        }
        // Some in each of two.
        clock.pass(2);
        for (passed, erases) in [(0, 2), (1, 1), (1, 2), (1, 1)] {
            clock.pass(passed);
            for _ in 0..erases {
                assert!(wear.may_erase(2));
                wear.erases(2);
            }
            assert_eq!(
                wear.may_erase(2),
                passed == 0,
                "two in the first, three in two"
            );
        }
    }

    /// A part of flash is as busy with the erases of one partition as with those of another.
    #[test]
    fn partitions_of_one_part_share_its_rate_and_not_their_pages() {
        let clock = Clock(Cell::new(7));
        let rate = Rate::new();
        let kept = [const { Kept::<2>::new() }; 2];
        let budget = Budget {
            burst: 5,
            period_s: 100,
            per_second: 3,
        };
        let [first, second] = kept
            .each_ref()
            .map(|kept| Wear::new(budget, &rate, &clock, kept));
        assert_eq!(use_up(&first, 0) + use_up(&second, 0), 3);
        clock.pass(1);
        assert_eq!(use_up(&second, 0), 0, "what the other erased counts");
        clock.pass(1);
        assert!(second.may_erase(0));
        let noted = second.erases(0);
        assert_eq!(use_up(&first, 0), 2);
        clock.pass(2);
        assert!(first.may_erase(1));
        first.did_not_begin(first.erases(1));
        assert_eq!(use_up(&second, 0), 3);
        assert_eq!(noted.page, 0);
        assert_eq!((first.told().done, second.told().done), (5, 4));
    }

    #[test]
    fn a_reset_gives_nothing_back_and_the_end_of_the_power_everything() {
        let clock = Clock(Cell::new(9));
        let rate = Rate::new();
        let kept = Kept::<3>::new();
        let budget = Budget {
            burst: 5,
            period_s: 100,
            per_second: 100,
        };
        let wear = Wear::new(budget, &rate, &clock, &kept);
        assert_eq!(use_up(&wear, 1), 5);
        clock.pass(60);
        wear.look();
        // A reset; the clock begins anew with it.
        clock.0.set(0);
        let wear = Wear::new(budget, &rate, &clock, &kept);
        assert!(!wear.may_erase(1) && wear.may_erase(0));
        clock.pass(40);
        assert_eq!(use_up(&wear, 1), 1, "what had passed of the period counts");
        // A firmware that allows less.
        let less = Budget { burst: 2, ..budget };
        assert_eq!(use_up(&Wear::new(less, &rate, &clock, &kept), 0), 2);
        // The power was gone: whatever single bit is another one now, all is given anew.
        for bit in 0..32 {
            let before = kept.full[2].get();
            kept.full[2].set(before ^ 1 << bit);
            let wear = Wear::new(budget, &rate, &clock, &kept);
            assert_eq!(wear.told().fewest, 5, "bit {bit}");
        }
    }
}
