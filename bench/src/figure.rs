//! A figure: what was measured, and what it stands beside.

use crate::plot::Plot;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Guest instructions.
    Instructions,
    /// Bytes of flash or RAM.
    Bytes,
    /// So much of one for each of another.
    Ratio,
    /// By the host's clock.
    BytesPerSecond,
    /// By the host's clock.
    Milliseconds,
}

impl Unit {
    /// As it stands in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
            Self::BytesPerSecond => "bytes/s",
            Self::Milliseconds => "ms",
        }
    }
}

/// One key of the results: its meaning, and the figures it is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Name in `results.json`.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What exactly was measured, for the table.
    pub what: &'static str,
    /// The same measured elsewhere: where, and how much.
    pub reference: Option<(&'static str, f64)>,
    /// It must not be more than this.
    pub must: Option<f64>,
    /// It should not be more than this.
    pub goal: Option<f64>,
}

impl Key {
    /// A count of instructions that stands beside no other, perhaps with a limit.
    #[must_use]
    pub const fn instructions(name: &'static str, what: &'static str, must: Option<f64>) -> Self {
        Self::alone(name, Unit::Instructions, what, must)
    }

    /// The most of the runs of which this key has the least or the mean.
    #[must_use]
    pub fn most(self) -> Self {
        // A key is named for as long as the program runs.
        let name = format!("{}.max", self.name);
        Self::instructions(
            Box::leak(name.into_boxed_str()),
            "The most of all runs",
            None,
        )
    }

    /// A figure that stands beside no other, perhaps with a limit.
    #[must_use]
    pub const fn alone(
        name: &'static str,
        unit: Unit,
        what: &'static str,
        must: Option<f64>,
    ) -> Self {
        Self {
            name,
            unit,
            what,
            reference: None,
            must,
            goal: None,
        }
    }
}

/// A key with what was measured for it.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// The key.
    pub key: Key,
    /// What came out.
    pub value: f64,
}

impl Figure {
    /// Returns whether it is within what it must be.
    #[must_use]
    pub fn within_must(&self) -> bool {
        self.key.must.is_none_or(|must| self.value <= must)
    }

    /// Returns whether it is within what it should be.
    #[must_use]
    pub fn within_goal(&self) -> bool {
        self.key.goal.is_none_or(|goal| self.value <= goal)
    }
}

/// The least of some runs of the same, and the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of these runs, of which there is one at least.
    #[must_use]
    pub fn of(runs: impl IntoIterator<Item = f64>) -> Self {
        let none = Self {
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
        };
        runs.into_iter().fold(none, |spread, run| Self {
            least: spread.least.min(run),
            most: spread.most.max(run),
        })
    }

    /// The same counted otherwise.
    #[must_use]
    pub fn map(self, count: impl Fn(f64) -> f64) -> Self {
        Self {
            least: count(self.least),
            most: count(self.most),
        }
    }

    /// What this has more than `other`, at least and at most.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self {
            least: self.least - other.least,
            most: self.most - other.least,
        }
    }

    /// The figures: the least for the key, and the most as `.max` beside it if it is more.
    #[must_use]
    pub fn figures(self, key: Key) -> Vec<Figure> {
        let mut figures = vec![Figure {
            key,
            value: self.least,
        }];
        if self.most > self.least {
            figures.push(Figure {
                key: key.most(),
                value: self.most,
            });
        }
        figures
    }
}

/// Figures that are measured together.
#[derive(Default)]
pub struct Group {
    /// Heading in the table.
    pub title: &'static str,
    /// How they were taken, as Markdown.
    pub how: &'static str,
    /// The figures.
    pub figures: Vec<Figure>,
    /// What is made of them, below the table, as Markdown.
    pub more: String,
    /// The pictures that it shows.
    pub plots: Vec<Plot>,
}

/// A number as people write it: thousands apart, decimals only where there are some.
#[must_use]
pub fn number(value: f64) -> String {
    // Below ten, places behind the point tell as much as they do before it above.
    let text = if value.abs() < 10.0 {
        format!("{value:.3}")
    } else {
        format!("{value:.1}")
    };
    let (whole, decimal) = text.split_once('.').unwrap_or((&text, ""));
    let decimal = decimal.trim_end_matches('0');
    let (sign, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |digits| ("-", digits));
    let mut out = String::from(sign);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !decimal.is_empty() {
        out.push('.');
        out.push_str(decimal);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (value, text) in [
            (0.0, "0"),
            (1.0125, "1.012"),
            (9.5, "9.5"),
            (999.96, "1,000"),
            (1234.5, "1,234.5"),
            (-48_172.0, "-48,172"),
            (1_000_000.0, "1,000,000"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn limits_are_inclusive() {
        let key = Key {
            name: "k",
            unit: Unit::Bytes,
            what: "",
            reference: None,
            must: Some(10.0),
            goal: Some(5.0),
        };
        let judge = |value| {
            let figure = Figure { key, value };
            (figure.within_must(), figure.within_goal())
        };
        assert_eq!(judge(5.0), (true, true));
        assert_eq!(judge(5.1), (true, false));
        assert_eq!(judge(10.1), (false, false));
    }

    #[test]
    fn a_spread_is_told_where_there_is_one() {
        let key = Key::instructions("k", "", None);
        let same = Spread::of([3.0, 3.0]);
        assert_eq!(same.figures(key).len(), 1);
        let runs = Spread::of([5.0, 3.0, 4.0]).less(Spread::of([1.0, 2.0]));
        assert_eq!((runs.least, runs.most), (2.0, 4.0));
        let figures = runs.map(|run| 10.0 * run).figures(key);
        let told: Vec<_> = figures.iter().map(|f| (f.key.name, f.value)).collect();
        assert_eq!(told, [("k", 20.0), ("k.max", 40.0)]);
    }
}
