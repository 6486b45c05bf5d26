//! Compiled code in a process: made on the board, written to the flash, entered, left and entered again.

use anyhow::{Result, ensure};
use berth_e2e::{Device, Flash};

/// What `native` said when it was through.
fn native(flash: &Flash) -> Result<Vec<String>> {
    let device = Device::power_on(flash)?;
    device.console("native: moved")?;
    let text = device.board.console.text();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("native: "));
    Ok(lines.map(str::to_owned).collect())
}

/// The results as this computer has them.
fn expected() -> Vec<String> {
    let mut memory = [0u32; 128];
    let mut sum = |rounds| {
        let mut sum = 0u32;
        for _ in 0..rounds {
            for (at, word) in (0..).step_by(4).zip(&mut memory) {
                *word = word.wrapping_add(at);
                sum = sum.wrapping_mul(31).wrapping_add(*word);
            }
        }
        memory = [0; 128];
        sum
    };
    let calls = (1..=9u64).fold(0u64, |all, n| all + 0x1_0000_0003 * n + 5 * twice(n)) + 9;
    vec![
        format!("sum {} 1", sum(20)),
        format!("sum in one piece {}", sum(20)),
        "fib 610".to_owned(),
        format!("calls {} {}", calls as u32, calls >> 32),
        "root 6".to_owned(),
        "grow 1024".to_owned(),
        "grow too far 1024".to_owned(),
        // Stack, unreachable, memory, memory, division by zero, overflow: as the compiler numbers them.
        "traps 8 1 2 2 6 7".to_owned(),
        "afterwards 0".to_owned(),
        format!("together 144 {}", sum(10)),
        "moved 144 1".to_owned(),
    ]
}

/// The first element of the table.
const fn twice(n: u64) -> u64 {
    2 * n
}

/// The first run compiles, writes the code to the flash and executes it there; the next one, after the power was gone, finds it. Paused at every
/// site, beside another, and moved at each pause it computes the same; traps end it, and the next call goes on.
#[test]
fn a_process_compiles_a_module_into_the_flash_and_executes_it() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("native")?;
    for how in ["compiled", "found"] {
        let lines = native(&flash)?;
        ensure!(lines.first().is_some_and(|line| line == how), "{lines:?}");
        ensure!(lines[1..] == expected(), "{lines:?}");
    }
    // A bit of the code that changes: it is compiled again.
    flash.edit(|bytes| {
        bytes[0x1c_2000 + 0x90] ^= 1;
        Ok(())
    })?;
    let lines = native(&flash)?;
    ensure!(
        lines.first().is_some_and(|line| line == "compiled"),
        "{lines:?}"
    );
    ensure!(lines[1..] == expected(), "{lines:?}");
    Ok(())
}
