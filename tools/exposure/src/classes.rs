//! Kinds of blocks that are known to be harmless, from `classes.txt`.

/// The list; its head explains it.
const LIST: &str = include_str!("../classes.txt");

/// The class of what says nothing by itself.
const GENERIC: &str = "generic";

/// What the list says about one `compatible`: its class.
fn class(compatible: &str) -> Option<&'static str> {
    entries()
        .find(|(known, _, _)| *known == compatible)
        .map(|(_, class, _)| class)
}

/// `compatible`, class and source of each entry.
fn entries() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    LIST.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (compatible, rest) = line.trim().split_once(char::is_whitespace)?;
            let (class, source) = rest.trim().split_once(char::is_whitespace)?;
            Some((compatible, class, source.trim()))
        })
}

/// Returns whether the list knows a block by everything that its `compatible` says.
///
/// An unknown word beside a known one is a variant that the list does not know: a vendor's SPI with
/// a DMA of its own is compatible with the SPI that it was made from.
pub(crate) fn harmless(compatible: &[&str]) -> bool {
    let classes: Option<Vec<_>> = compatible.iter().map(|one| class(one)).collect();
    classes.is_some_and(|classes| classes.iter().any(|class| *class != GENERIC))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: [&str; 12] = [
        "uart", "spi", "i2c", "timer", "gpio", "adc", "dac", "pwm", "random", "crc", "sensor",
        GENERIC,
    ];

    #[test]
    fn every_line_of_the_list_has_a_class_and_a_source() {
        let lines = LIST.lines().filter(|line| !line.starts_with('#'));
        let lines: Vec<_> = lines.filter(|line| !line.trim().is_empty()).collect();
        assert_eq!(entries().count(), lines.len(), "{lines:?}");
        for (compatible, class, source) in entries() {
            assert!(CLASSES.contains(&class), "{compatible}: {class}");
            assert!(source.len() > 20, "{compatible}: {source}");
            let same = entries().filter(|(other, ..)| *other == compatible);
            assert_eq!(same.count(), 1, "{compatible}");
        }
    }

    #[test]
    fn one_unknown_word_is_enough() {
        assert!(harmless(&["arm,pl022"]));
        assert!(harmless(&["arm,pl022", "arm,primecell"]));
        assert!(!harmless(&["arm,primecell"]));
        assert!(!harmless(&["vendor,spi-with-dma", "arm,pl022"]));
        assert!(!harmless(&["arm,pl022", "vendor,spi-with-dma"]));
        assert!(!harmless(&[]));
    }
}
