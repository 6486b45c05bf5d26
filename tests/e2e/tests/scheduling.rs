//! Who runs when several want to.

use anyhow::{Result, ensure};
use berth_e2e::{Device, Flash};

#[test]
fn a_process_that_never_yields_leaves_its_equals_their_turns() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    // `spin` comes first in flash; `peek` prints, waits for that, and goes on.
    flash.install("spin")?;
    flash.install("peek")?;
    let device = Device::power_on(&flash)?;
    device.console("spin: begins")?;
    device.console("peek: about to read")?;
    device.console("peek stays stopped, the others go on.")?;
    ensure!(device.board.ending().is_none(), "the board still runs");
    Ok(())
}
