//! What the processor did to the devices, from QEMU's trace.

/// One access to a register of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whether it wrote.
    pub write: bool,
    /// Where.
    pub address: u32,
    /// What was read or written.
    pub value: u32,
    /// Width in bytes.
    pub bytes: u8,
}

/// QEMU's names of the two events.
pub(crate) const EVENTS: [&str; 2] = ["memory_region_ops_read", "memory_region_ops_write"];

/// The accesses in a trace, oldest first. A line that is not whole yet is left out, and so
/// are accesses to the processor's own registers (from `0xe0000000` up).
pub(crate) fn parse(trace: &str) -> Vec<Access> {
    trace
        .split_inclusive('\n')
        .filter_map(|line| parse_line(line.strip_suffix('\n')?))
        .filter(|access| access.address < 0xe000_0000)
        .collect()
}

/// `memory_region_ops_write cpu 0 mr 0x55… addr 0x40004008 value 0x1 size 4 name 'uart'`
fn parse_line(line: &str) -> Option<Access> {
    let write = line.starts_with(EVENTS[1]);
    if !write && !line.starts_with(EVENTS[0]) {
        return None;
    }
    let word = |key| {
        let mut words = line.split(' ');
        words.by_ref().find(|word| *word == key)?;
        words.next()
    };
    let hexadecimal = |key| {
        let digits = word(key)?.strip_prefix("0x")?;
        // Values are printed with 64 bits.
        u64::from_str_radix(digits, 16)
            .ok()
            .map(|value| value as u32)
    };
    Some(Access {
        write,
        address: hexadecimal("addr")?,
        value: hexadecimal("value")?,
        bytes: word("size")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_are_read_and_other_lines_are_not() {
        let trace = "\
memory_region_ops_read cpu 0 mr 0x5633b4363830 addr 0xe000ed18 value 0x0 size 4 name 'nvic_sysregs'
memory_region_ops_write cpu 0 mr 0x5633b4363830 addr 0x40004008 value 0x1 size 4 name 'uart'
led_change_intensity LED desc:'USERLED1' color:green intensity 0% -> 100%
memory_region_ops_read cpu 0 mr 0x56 addr 0x40028000 value 0x3 size 1 name 'mps2-fpgaio'
memory_region_ops_read cpu 0 mr 0x56 addr 0x40028000 value";
        let access = |write, address, value, bytes| Access {
            write,
            address,
            value,
            bytes,
        };
        assert_eq!(
            parse(trace),
            [
                access(true, 0x4000_4008, 1, 4),
                access(false, 0x4002_8000, 3, 1)
            ]
        );
    }
}
