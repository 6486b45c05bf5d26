//! For the isolation test only (feature `restart-walk`): the process in place APP2, `walk`, begins
//! again after every access that the hardware refused, without a word.
//!
//! Any other end of it, such as an undefined instruction where there should have been
//! nothing to execute, is reported and final as usual.

use core::fmt::{self, Write};

use kernel::process::Process;

use crate::places::APP2;

/// What a process's report says about an access that was refused.
const REFUSALS: [&str; 3] = [
    "instruction fetch where the MPU forbids it",
    "data access where the MPU forbids it",
    // The processor's own registers are not behind the MPU.
    "bus error on data access",
];

/// Whether `process` is the walker, and the hardware has refused its last access.
pub(crate) fn is_stopped_walker(process: &dyn Process) -> bool {
    if process.place() != APP2 {
        return false;
    }
    let mut refused = Refused(false);
    process.print_full_process(&mut refused);
    refused.0
}

/// Reads a report for [`REFUSALS`]. The report comes in pieces, and each cause is one.
struct Refused(bool);

impl Write for Refused {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 |= REFUSALS.contains(&text);
        Ok(())
    }
}
