//! Whole numbers of a command line.

use std::fmt::Display;

/// Returns what reads a whole number from `least` to `most`, and says of anything else that it is none.
pub fn whole_number<T>(
    least: T,
    most: T,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    T: std::str::FromStr + PartialOrd + Display + Copy + Send + Sync,
{
    move |text| match text.parse() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(format!("not a whole number from {least} to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_of_the_range_is_told_the_range() {
        let share = whole_number(1_u8, 100);
        assert_eq!(["1", "50", "100"].map(&share), [1, 50, 100].map(Ok));
        for wrong in ["", "0", "101", "1O1", "-5", "1.5", "99999999999999999999"] {
            let told = share(wrong).unwrap_err();
            assert_eq!(told, "not a whole number from 1 to 100", "{wrong}");
        }
    }
}
