//! What a register write costs a container and a native process, in instructions.

#![forbid(unsafe_code)]

use anyhow::Result;

fn main() -> Result<()> {
    for cost in berth_bench::registers::measure()? {
        println!("{} = {:.1}", cost.key, cost.instructions);
    }
    Ok(())
}
