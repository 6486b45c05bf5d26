//! What no container may have.

use crate::support::{block, refused};

#[test]
fn console_is_refused() {
    refused(
        block("console", "access = \"mediated\";"),
        &[
            "exposure.dts:3: console is the console: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn dma_is_refused() {
    refused(
        block("dma", "access = \"mediated\";"),
        &[
            "exposure.dts:3: dma is a DMA controller: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn clock_is_refused() {
    refused(
        block("clock", "access = \"mediated\";"),
        &[
            "exposure.dts:3: clock is a clock controller: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn flashc_is_refused() {
    refused(
        block("flashc", "access = \"mediated\";"),
        &[
            "exposure.dts:3: flashc is a flash controller: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn scc_is_refused() {
    refused(
        block("scc", "access = \"mediated\";"),
        &[
            "exposure.dts:3: scc is a system controller: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn kernel_timer_is_refused() {
    refused(
        block("kernel_timer", "access = \"mediated\";"),
        &[
            "exposure.dts:3: kernel_timer is the kernel's clock: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn dog_is_refused() {
    refused(
        block("dog", "access = \"mediated\";"),
        &[
            "exposure.dts:3: dog is a watchdog: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn master_is_refused() {
    refused(
        block("master", "access = \"mediated\";"),
        &[
            "exposure.dts:3: master is a bus master: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn mpu_is_refused() {
    refused(
        block("mpu", "access = \"mediated\";"),
        &[
            "exposure.dts:3: mpu is a part of the processor: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn nvic_is_refused() {
    refused(
        block("nvic", "access = \"mediated\";"),
        &[
            "exposure.dts:3: nvic is an interrupt controller: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
        ],
    );
}

#[test]
fn ram_alias_is_refused() {
    refused(
        block("ram_alias", "access = \"mediated\";"),
        &[
            "exposure.dts:3: ram_alias is memory: who has it can break the firmware; remedy: do not expose it, or add dangerous = \"<why this is acceptable>\"",
            "exposure.dts:3: the registers of ram_alias overlap those of /memory@20000000; remedy: correct reg in the board's .dtsi",
        ],
    );
}

#[test]
fn what_is_dangerous_can_be_exposed_with_a_reason() {
    let accepted = block(
        "dma",
        "access = \"mediated\"; dangerous = \"its channels reach a fenced memory only\";",
    );
    assert_eq!(accepted.unwrap().exposures[0].label, "dma");
}
