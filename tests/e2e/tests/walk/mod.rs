//! A hostile process touches everything: reads, writes and executes.
//!
//! What it may reach follows from the memory map and its own header alone: its flash
//! (not for writing) and its RAM up to its break. The table of probes is computed
//! here and written into the process `walk`, which makes one forbidden access a run
//! (`tests/apps/src/bin/walk.rs`). The kernel of this test restarts it after each.
//!
//! Steps are odd multiples of 32 bytes in `make test`, so that they do not meet the
//! same place of every block, and 32 bytes with `BERTH_SOAK` set (`make soak`).
//!
//! Accesses are of single bytes: the emulator checks the first byte of an access only.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, root, tbf};
use berth_emulator::{Layout, Region};

const READ: u32 = 1;
const WRITE: u32 = 2;
const EXECUTE: u32 = 4;
const ALLOWED: u32 = 1 << 31;

/// Where the walker's break is, from the start of its RAM: a multiple of what the
/// MPU can draw in a slot of this size, so that nothing is open above it.
const BREAK: u32 = 0x1000;

/// The walker's slot in the memory map.
const FLASH: &str = "APP2_FLASH";
const RAM: &str = "APP2_RAM";

/// Device registers of this board: peripherals, Ethernet.
const PERIPHERALS: Region = region(0x4000_0000, 0x0004_0000);
const ETHERNET: Region = region(0x4020_0000, 0x0000_1000);
/// The processor's own registers.
const PRIVATE: Region = region(0xe000_0000, 0x0010_0000);
/// Memory that the emulator has beyond the map.
const MORE_FLASH: Region = region(0x0020_0000, 0x0020_0000);
const MORE_RAM: Region = region(0x2008_0000, 0x0038_0000);

/// How much further apart the probes are in parts that hold nothing.
const COARSE: u32 = 64;

const fn region(origin: u32, length: u32) -> Region {
    Region { origin, length }
}

/// One line of the process's table.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    start: u32,
    count: u32,
    step: u32,
    accesses: u32,
}

/// The table as it grows.
struct Table {
    own_flash: Region,
    own_ram: Region,
    ranges: Vec<Range>,
}

fn contains(region: Region, address: u32) -> bool {
    address.wrapping_sub(region.origin) < region.length
}

impl Table {
    /// What the process may do at `address`.
    fn allowed(&self, address: u32) -> u32 {
        if contains(self.own_ram, address) {
            READ | WRITE | EXECUTE
        } else if contains(self.own_flash, address) {
            READ | EXECUTE
        } else {
            0
        }
    }

    /// Probe every `step` bytes of `region`.
    fn every(&mut self, region: Region, step: u32) {
        let last = region.origin + (region.length - 1);
        let mut address = Some(region.origin);
        while let Some(here) = address.filter(|&here| here <= last) {
            self.probe(here, step);
            address = here.checked_add(step);
        }
    }

    /// Probe the bytes around an edge.
    fn edge(&mut self, edge: u32) {
        for address in [edge.wrapping_sub(1), edge, edge.wrapping_add(1)] {
            self.probe(address, 1);
        }
    }

    /// One address: what is allowed there must pass, what is not must fault. (What
    /// executing own memory does depends on what is there, so that is not tried,
    /// except in `executable`.)
    fn probe(&mut self, address: u32, step: u32) {
        let allowed = self.allowed(address);
        self.push(address, step, allowed & (READ | WRITE) | ALLOWED);
        self.push(address, step, !allowed & (READ | WRITE | EXECUTE));
    }

    /// Add an address, to a range that it continues if there is one.
    fn push(&mut self, start: u32, step: u32, accesses: u32) {
        if accesses & !ALLOWED == 0 {
            return;
        }
        let continued = self.ranges.iter_mut().rev().take(2).find(|range| {
            range.step == step
                && range.accesses == accesses
                && range.start.wrapping_add(range.count * step) == start
        });
        match continued {
            Some(range) => range.count += 1,
            None => self.ranges.push(Range {
                start,
                count: 1,
                step,
                accesses,
            }),
        }
    }

    /// Returns how many probes of the table must fault, and how many must pass.
    fn probes(&self) -> (u32, u32) {
        let count = |allowed: bool| {
            self.ranges
                .iter()
                .filter(|range| (range.accesses & ALLOWED != 0) == allowed)
                .map(|range| range.count * (range.accesses & !ALLOWED).count_ones())
                .sum()
        };
        (count(false), count(true))
    }

    /// As the process reads it.
    fn bytes(&self) -> Vec<u8> {
        let ranges = self
            .ranges
            .iter()
            .flat_map(|range| [range.start, range.count, range.step, range.accesses]);
        std::iter::once(BREAK)
            .chain(ranges)
            .flat_map(u32::to_le_bytes)
            .collect()
    }
}

fn table(layout: &Layout, own_flash: Region, own_ram: Region, factor: u32) -> Table {
    let mut table = Table {
        own_flash,
        own_ram,
        ranges: Vec::new(),
    };
    let fine = 32 * factor;
    for (_, region) in layout.regions() {
        table.every(region, fine);
    }
    for region in [PERIPHERALS, ETHERNET] {
        table.every(region, fine);
    }
    for region in [PRIVATE, MORE_FLASH, MORE_RAM] {
        table.every(region, fine * COARSE);
    }
    // The rest of the address space, bit-band aliases included: every 16 MiB and a bit.
    table.every(region(0x2200_0000, 0x0200_0000), 0x0001_0020);
    table.every(region(0x4200_0000, 0x0200_0000), 0x0001_0020);
    table.every(region(0x6000_0000, 0x8000_0000), 0x0100_0020);
    table.every(region(0xe010_0000, 0x1fe0_0000), 0x0100_0020);
    let mut edges: Vec<u32> = layout
        .regions()
        .map(|(_, region)| region)
        .chain([own_flash, own_ram, PERIPHERALS, ETHERNET, PRIVATE])
        .flat_map(|region| [region.origin, region.origin.wrapping_add(region.length)])
        .collect();
    edges.sort_unstable();
    edges.dedup();
    for edge in edges {
        table.edge(edge);
    }
    // The last bytes below the break can be executed.
    table.push(own_ram.origin + BREAK - 4, 4, EXECUTE | ALLOWED);
    table
}

#[test]
fn a_process_reaches_its_own_memory_and_nothing_else() -> Result<()> {
    let soak = std::env::var_os("BERTH_SOAK").is_some();
    let factor = if soak { 1 } else { 61 };
    let layout = Layout::read(&root().join("layout.ld"))?;
    let slot = |name: &str| layout.region(name).with_context(|| format!("no {name}"));
    let (flash_slot, ram_slot) = (slot(FLASH)?, slot(RAM)?);

    let flash = Flash::for_walk()?;
    flash.install("witness")?;
    flash.install("walk")?;
    let header = flash.bytes()?.split_off(flash_slot.origin as usize);
    let own_flash = region(flash_slot.origin, tbf::word(&header, 4)?);
    let own_ram = region(ram_slot.origin, BREAK);
    let addresses = tbf::find(&header, tbf::tlv::FIXED_ADDRESSES)?;
    ensure!(tbf::word(&header, addresses + 4)? == own_ram.origin);
    let table = table(&layout, own_flash, own_ram, factor);
    flash.set("walk", &table.bytes())?;

    let (forbidden, allowed) = table.probes();
    let start = Instant::now();
    let mut device = Device::power_on_for(&flash, Duration::from_secs(1800))?;
    let patience = Duration::from_secs(if soak { 1500 } else { 120 });
    let end = device.board.console.line_after(
        0,
        &format!("walk: all of {forbidden} probes faulted"),
        patience,
    );
    let took = start.elapsed();
    let text = device.board.console.text();
    end.with_context(|| text.clone())?;
    let line = format!("walk: all of {allowed} allowed probes passed");
    ensure!(text.contains(&line), "no line \"{line}\" in:\n{text}");
    println!(
        "{forbidden} forbidden accesses faulted, {allowed} allowed ones passed, every {} bytes, {took:.1?}",
        32 * factor
    );

    // Everything else is as it was: the other process, and all of flash (which
    // the emulator would let be written).
    let position = device.board.console.position();
    device
        .board
        .console
        .line_after(position, "witness: intact", Duration::from_secs(30))?;
    ensure!(!text.contains("CHANGED"), "{text}");
    let image = flash.bytes()?;
    device.board.pause()?;
    for (block, expected) in image.chunks(0x1_0000).enumerate() {
        let start = u32::try_from(block * 0x1_0000)?;
        let now = device
            .board
            .bus
            .read(start, u32::try_from(expected.len())?)?;
        ensure!(now == expected, "flash changed above {start:#x}");
    }
    Ok(())
}
