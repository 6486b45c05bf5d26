//! The gateway: devices over HTTP, for people and programs that have no serial line.
//!
//! ```text
//!   main ── cli (words) ── admin (keys, devices, audit log)
//!             │
//!           server (listen, TLS, one task a connection)
//!             │
//!            web ── guard (host, origin, rate, key) ── access (who may do what)
//!             │        └─ problem (errors)
//!             ├── pages (for people: what a browser shows)
//!             ├── v1 (our API, described by itself) ── messages (berth's own) ── metrics
//!             ├── wasmico (WASMICO's HTTP API)
//!             │      fleet (what is to run where, and the way there)
//!             │
//!             │    mqtt (what is told a broker)
//!           lines (which devices there are) ── line (one owner a device)
//!             │                                  ├─ owner (the task; a thread while it is asked) ── look
//!             │                                  ├─ watch (what is seen without being asked for) ── history
//!             │                                  ├─ ears (one thread that hears all lines)
//!             │                                  └─ fenced (only while the device is this gateway's)
//!           state (keys, devices, audit log, fleets: SQLite, or a PostgreSQL that several gateways share, each device one's)
//! ```
//!
//! What a device does is the library `berth`'s; here it is decided who may ask for it, and one task a device asks.

#![forbid(unsafe_code)]

mod access;
mod admin;
pub mod cli;
mod ears;
mod error;
mod fenced;
mod fleet;
mod history;
mod line;
mod lines;
mod look;
mod mqtt;
mod owner;
mod placing;
mod server;
mod settings;
mod state;
mod tls;
mod turns;
mod watch;
mod web;

pub use access::{Role, Scope};
pub use admin::run;
pub use error::Error;
pub use line::{Again, Failed, Line, Standing};
pub use lines::Lines;
pub use server::{Config, Server, take_handles};

pub use state::{AuditEntry, By, Device, KeyRow, State};
pub use web::Network;
