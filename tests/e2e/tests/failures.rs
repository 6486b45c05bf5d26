//! When containers fail: policies and records.

mod line;

use anyhow::{Result, bail, ensure};
use berth_e2e::Device;
use berth_protocol::{Fault, Op, Parameters, Restart, State};
use line::Line;

/// Requests after which something that happens by itself has happened.
const PATIENCE: usize = 2_000;

#[test]
fn a_container_with_a_policy_is_started_again_and_given_up() -> Result<()> {
    let device = Device::boot()?;
    let mut line = Line::open(&device)?;
    let name = "bad";
    let image = wat::parse_str(r#"(module (func (export "_start") unreachable))"#)?;
    let parameters = Parameters {
        restart: Some(Restart::OnFailure {
            limit: 3,
            backoff_ms: 0,
        }),
        ..Parameters::default()
    };
    line.install(name, &image, parameters)?;
    line.done(Op::Start { name })?;
    let fault = Fault::Unreachable;
    let mut seen = Vec::new();
    for _ in 0..PATIENCE {
        let state = line.containers()?[name].0;
        if !seen.contains(&state) {
            seen.push(state);
        }
        if state == (State::Faulted { fault }) {
            let inspection = line.fault(name)?;
            ensure!(inspection == Some((fault, 3)), "{inspection:?}");
            ensure!(seen.contains(&State::Restarting { count: 3 }), "{seen:?}");
            return Ok(());
        }
    }
    bail!("it was never given up: {seen:?}")
}
