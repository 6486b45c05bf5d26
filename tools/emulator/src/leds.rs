//! What the LEDs did, from QEMU's trace.

/// One LED was switched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedChange {
    /// Its name, `USERLED0` or `USERLED1` for those of FPGAIO.
    pub led: String,
    /// Whether it is on now.
    pub on: bool,
}

/// The changes in a trace, oldest first. A line that is not whole yet is left out.
pub(crate) fn parse(trace: &str) -> Vec<LedChange> {
    trace
        .split_inclusive('\n')
        .filter_map(|line| parse_line(line.strip_suffix('\n')?))
        .collect()
}

/// `led_change_intensity LED desc:'USERLED0' color:green intensity 0% -> 100%`
fn parse_line(line: &str) -> Option<LedChange> {
    let (_, rest) = line.split_once("led_change_intensity LED desc:'")?;
    let (led, rest) = rest.split_once('\'')?;
    let (_, percent) = rest.rsplit_once("-> ")?;
    let percent: u8 = percent.trim().strip_suffix('%')?.parse().ok()?;
    Some(LedChange {
        led: led.to_owned(),
        on: percent > 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_and_other_lines_are_not() {
        let trace = "led_set_intensity LED desc:'USERLED1' color:green intensity: 100%\n\
                     led_change_intensity LED desc:'USERLED1' color:green intensity 0% -> 100%\n\
                     led_change_intensity LED desc:'SCC LED3' color:green intensity 100% -> 0%\n\
                     led_change_intensity LED desc:'USERLED0' color:green intensity 0% -> 10";
        let change = |led: &str, on| LedChange {
            led: led.into(),
            on,
        };
        assert_eq!(
            parse(trace),
            [change("USERLED1", true), change("SCC LED3", false)]
        );
    }
}
