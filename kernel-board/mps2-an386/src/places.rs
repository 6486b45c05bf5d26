//! Who is who on this board: its table of places.
//!
//! A process is known by the place that its image stands in and by nothing else: filter, mapping, the store's guard, fault
//! policy and scheduler all ask for the number of its place. What a place gives,
//! no header can widen.
//!
//! | number | place | RAM | processes | may call | runs | after a fault |
//! |---|---|---|---|---|---|---|
//! | 0 | `SUPERVISOR_FLASH` | `SUPERVISOR_RAM` | 1 | what `exposure.dts` lists for it, nothing else | when no other is ready | again |
//! | 1–3 | `APP0_FLASH` … `APP2_FLASH` | `APP0_RAM` … | 4 each | everything, or what `exposure.dts` lists for it | by turns | not again |

use kernel::process::{LOAD_TEXT_MAX, Place, Priority, RestartBudget, RestartPace};
use kernel::static_init;
use mps2::fpgaio;

use crate::drivers::DEBUG_BYTES;
use crate::layout::Ground;
use crate::policy::{RestartAlways, StopAlways};

/// How many places there are.
pub(crate) const COUNT: usize = 4;

/// The supervisor, or whatever else stands in its place.
pub(crate) const SUPERVISOR: usize = 0;

/// The last of the manufacturer's own places.
#[cfg(feature = "restart-walk")]
pub(crate) const APP2: usize = 3;

/// Their names in messages.
const NAMES: [&str; COUNT] = [
    "the supervisor's place",
    "place APP0",
    "place APP1",
    "place APP2",
];

// What is said at the start of all places waits until the line is first free.
const _: () = assert!(COUNT * LOAD_TEXT_MAX <= DEBUG_BYTES);

/// Processes in a place of the manufacturer's: position-independent ones lie one behind the other in the first.
const OWN_PROCESSES: usize = 4;

/// Processes in all places together.
pub(crate) const PROCESSES: usize = 1 + (COUNT - 1) * OWN_PROCESSES;

/// Objects in the flash of a place: the process, what was there before, and the padding between them.
const OBJECTS: usize = 16;

/// A process restarts this often at once, and then every so many seconds.
const RESTARTS: (u32, u32) = (8, 8);

/// Whether a place is the manufacturer's own: what stands there may call everything unless `exposure.dts` says
/// otherwise.
pub(crate) const fn is_own(place: usize) -> bool {
    place != SUPERVISOR
}

/// The table, over the ground that the memory map gives to each place. Called once, at the start.
pub(crate) fn table(grounds: [Ground; COUNT]) -> impl Iterator<Item = Place> {
    let budgets: &'static [RestartBudget; COUNT] = static_init!(
        [RestartBudget; COUNT],
        [(); COUNT].map(|()| RestartBudget::new(RESTARTS.0, RESTARTS.1, fpgaio::seconds))
    );
    let rows = grounds.into_iter().zip(budgets).enumerate();
    rows.map(|(number, (ground, budget))| place(number, ground, budget))
}

fn place(number: usize, ground: Ground, pace: &'static dyn RestartPace) -> Place {
    #[cfg(feature = "restart-walk")]
    let pace = if number == APP2 { &() } else { pace };
    #[cfg(feature = "restart-fuzz")]
    let pace = if number == SUPERVISOR { &() } else { pace };
    Place {
        name: NAMES.get(number).unwrap_or(&"a place"),
        flash: ground.flash,
        memory: ground.memory,
        slots: if number == SUPERVISOR {
            1
        } else {
            OWN_PROCESSES
        },
        objects: OBJECTS,
        priority: if number == SUPERVISOR {
            Priority::Background
        } else {
            Priority::Equal
        },
        states_ids: is_own(number),
        // What stands in the supervisor's place executes what the kernel has written to flash for it, never its RAM, which holds what
        // containers write; but for the test that puts machine code there.
        executes_memory: is_own(number) || cfg!(feature = "restart-fuzz"),
        fault_policy: if number == SUPERVISOR {
            &RestartAlways
        } else {
            &StopAlways
        },
        pace,
    }
}
