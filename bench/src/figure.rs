//! A figure: what was measured, and what it stands beside.

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

/// Figures that are measured together.
pub struct Group {
    /// Heading in the table.
    pub title: &'static str,
    /// How they were taken, as Markdown.
    pub how: &'static str,
    /// The figures.
    pub figures: Vec<Figure>,
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
}
