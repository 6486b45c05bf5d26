//! Containers: what they are, what they may do, and whose turn it is.
//!
//! Each file uses those above it, and none below.
//!
//! ```text
//!   name, run_id, outcome, refused          leaf types
//!   state, restart, budget, schedule        tables and sums, without a container
//!   around, load, pieces                    what turns take, and whose time it is
//!   log, mail, saved, events, notes         what is kept outside a container's memory
//!   storage, images, trial                  where images are, and what belongs to them; an update on trial
//!   conveyors, registrations, shared, host  what a container's code can reach
//!   run, record, table                      a run, a container, all of them
//!   belongings, persistence, change         configuration, named values; in flash; change state
//!   counters, operators                     how old an image may be; what sessions are made of
//!   revoked                                 what must not run any more
//!   trust                                   signatures of images
//!   loading, storing                        from an image to a run; come into being
//!   passes, transfers, keeping              register programs, buses, what main asks of the store
//!   running, handlers, mirroring            a slice of main; handlers of interrupts; conveyors that are due
//!   ending                                  what follows when it ends: trial, policy
//!   lifecycle, update                       what operators do
//! ```

mod around;
pub mod belongings;
#[cfg(test)]
mod boot_tests;
mod budget;
mod change;
#[cfg(test)]
mod conveyor_tests;
mod conveyors;
pub mod counters;
mod ending;
#[cfg(test)]
mod entry_tests;
pub mod events;
#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod handler_tests;
pub mod handlers;
pub mod host;
pub mod images;
mod keeping;
pub(crate) mod lifecycle;
mod load;
mod loading;
pub mod log;
pub mod mail;
#[cfg(test)]
mod mail_tests;
mod mirroring;
#[cfg(test)]
mod model_tests;
pub mod name;
pub mod notes;
pub mod operators;
mod outcome;
mod passes;
#[cfg(test)]
mod pause_tests;
mod persistence;
mod pieces;
#[cfg(test)]
mod program_tests;
pub mod record;
pub mod refused;
pub mod registrations;
pub mod restart;
mod revoked;
pub mod run;
pub mod run_id;
#[cfg(test)]
mod run_tests;
mod running;
pub mod saved;
pub mod schedule;
pub mod shared;
pub mod state;
pub mod storage;
mod storing;
pub mod table;
#[cfg(test)]
mod test_device;
#[cfg(test)]
mod transfer_tests;
mod transfers;
mod trial;
pub mod trust;
mod update;
#[cfg(test)]
mod update_tests;
#[cfg(test)]
mod wear_tests;

pub use host::ContainerHost;
pub use name::{CONTAINERS_MAX, Name};
pub use outcome::{LastCall, Pending};
pub use record::Container;
pub use refused::Refused;
pub use schedule::SHARE_DEFAULT;
pub use shared::Shared;
pub use table::Containers;
