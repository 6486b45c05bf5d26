//! Blocks are exposed because something says that they are harmless, not because nothing says the
//! contrary; and what a block is, its addresses say too.

use crate::support::{BOARD, exposures, exposures_of, refused};

/// The board with more nodes in its bus.
fn with(nodes: &str) -> String {
    BOARD.replace(
        "nvic: interrupt-controller",
        &format!("{nodes}\nnvic: interrupt-controller"),
    )
}

/// What is said about an exposure of `x` in a board with `nodes`, without file and line.
fn said(nodes: &str, properties: &str) -> Vec<String> {
    let exposure = format!("a {{ register-block = <&x>; access = \"mediated\"; {properties} }};");
    let problems = exposures_of(&with(nodes), &exposure).err();
    let problems = problems.unwrap_or_default().into_iter();
    let known = |problem: &String| !problem.contains("the SVD file has no peripheral");
    let bare = |problem: String| problem.split_once(": ").map(|(_, text)| text.to_owned());
    problems.filter(known).filter_map(bare).collect()
}

/// That an exposure of `x` is refused with something about `reason`, and that `dangerous` is the
/// owner's way out.
#[track_caller]
fn dangerous(nodes: &str, reason: &str) {
    let problems = said(nodes, "");
    assert!(
        problems.iter().any(|problem| problem.contains(reason)
            && problem.contains("dangerous = \"<why this is acceptable>\"")),
        "{problems:?} without {reason}"
    );
    assert_eq!(said(nodes, "dangerous = \"we know\";"), [""; 0], "{nodes}");
}

/// That nothing makes an exposure of `x` possible.
#[track_caller]
fn never(nodes: &str, reason: &str) {
    for properties in ["", "dangerous = \"we know\";"] {
        let problems = said(nodes, properties);
        assert!(
            problems.iter().any(|problem| problem.contains(reason)),
            "{problems:?} without {reason}"
        );
    }
}

/// That `x` is exposed without a word.
#[track_caller]
fn harmless(nodes: &str) {
    assert_eq!(said(nodes, ""), [""; 0], "{nodes}");
}

const HERE: &str = "reg = <0x40100000 0x100>;";
const UART: &str = "compatible = \"arm,cmsdk-uart\";";
const SAID: &str = "berth,harmless = \"manual, 4.2\";";

#[test]
fn what_is_not_known_is_not_harmless() {
    assert_eq!(
        said(
            &format!("x: spi@40100000 {{ {HERE} compatible = \"vendor,spi\"; }};"),
            ""
        ),
        [
            "x is not known to be harmless (vendor,spi): nothing says that it cannot master the bus, reroute pins, or switch clocks or power; remedy: add berth,harmless = \"<where its manual says so>\" to its node in the board's .dtsi, or dangerous = \"<why this is acceptable>\" here"
        ]
    );
    for node in [
        "x: spi@40100000",
        "x: serial@40100000",
        "x: usb@40100000",
        "x: ethernet@40100000",
        "x: mmc@40100000",
        "x: crypto@40100000",
        "x: display@40100000",
        "x: block@40100000",
    ] {
        for compatible in [
            "",
            "compatible = \"vendor,block-with-dma\";",
            // A variant of something harmless, in either order.
            "compatible = \"vendor,uart-with-dma\", \"arm,cmsdk-uart\";",
            "compatible = \"arm,cmsdk-uart\", \"vendor,uart-with-dma\";",
            "compatible = \"arm,primecell\";",
            "compatible = \"arm,cmsdk-uart2\";",
            "compatible = \"ARM,CMSDK-UART\";",
        ] {
            dangerous(
                &format!("{node} {{ {HERE} {compatible} }};"),
                "is not known to be harmless",
            );
        }
    }
}

#[test]
fn the_list_or_the_tree_says_what_is_harmless() {
    harmless(&format!("x: anything@40100000 {{ {HERE} {UART} }};"));
    harmless(&format!("x: usb@40100000 {{ {HERE} {SAID} }};"));
    // But it says where it is known.
    for empty in [
        "berth,harmless;",
        "berth,harmless = \"\";",
        "berth,harmless = <1>;",
    ] {
        never(
            &format!("x: usb@40100000 {{ {HERE} {empty} }};"),
            "remedy: write berth,harmless = \"<where its manual says so>\"",
        );
    }
}

/// Who has a bus has what is on it, whatever its name.
#[test]
fn a_bus_is_as_harmless_as_what_is_on_it() {
    const SPI: &str = "compatible = \"arm,pl022\";";
    const I2C: &str = "compatible = \"arm,versatile-i2c\";";
    let on = |bus: &str, chip: &str| format!("x: bus@40100000 {{ {HERE} {bus} {chip} }};");
    for (bus, chip) in [
        (
            SPI,
            "w25q16jv@0 { compatible = \"jedec,spi-nor\"; reg = <0>; };",
        ),
        (
            SPI,
            "spi-flash@0 { compatible = \"winbond,w25q16\"; reg = <0>; };",
        ),
        (
            I2C,
            "pmic@24 { compatible = \"vendor,pmic\"; regulator-always-on; };",
        ),
        (
            I2C,
            "oscillator@55 { compatible = \"vendor,clock\"; status = \"disabled\"; };",
        ),
        (
            I2C,
            "mux@70 { compatible = \"ti,tmp105\"; i2c@0 { pmic@24 { compatible = \"vendor,pmic\"; }; }; };",
        ),
    ] {
        dangerous(&on(bus, chip), "of which nothing says that it is harmless");
    }
    for (bus, chip) in [
        (I2C, "sensor@48 { compatible = \"ti,tmp105\"; };"),
        (
            I2C,
            "thing@48 { compatible = \"vendor,thing\"; berth,harmless = \"manual, 4.2\"; };",
        ),
        (SPI, "settings { mode = <3>; };"),
    ] {
        harmless(&on(bus, chip));
    }
    let timer = "compatible = \"st,stm32-timers\"; pwm { compatible = \"st,stm32-pwm\"; };";
    harmless(&on(timer, ""));
}

/// A flash chip that its bus shows at addresses of the processor is on the bus as well.
#[test]
fn a_chip_with_a_place_of_its_own_is_on_its_bus() {
    const CELLS: &str = "#address-cells = <1>; #size-cells = <1>; ranges;";
    const AT: &str = "reg = <0x90000000 0x1000000>;";
    let on = |chip: &str| format!("x: bus@40100000 {{ {HERE} {UART} {CELLS} {chip} }};");
    let unknown = "of which nothing says that it is harmless";
    for (chip, what) in [
        (
            format!("xip@90000000 {{ compatible = \"v,nor\"; {AT} }};"),
            unknown,
        ),
        (format!("flash@90000000 {{ {AT} }};"), "x is flash memory"),
        (
            format!("xip@90000000 {{ {AT} berth,reserved = \"where the firmware runs\"; }};"),
            "x is where the firmware runs",
        ),
        (
            "pwm@40102000 { reg = <0x40102000 0x100>; berth,reserved = \"the fan's\"; };"
                .to_owned(),
            "x is the fan's",
        ),
        (
            format!("mux {{ {CELLS} xip@90000000 {{ compatible = \"v,nor\"; {AT} }}; }};"),
            unknown,
        ),
    ] {
        dangerous(&on(&chip), what);
    }
    harmless(&on(&format!(
        "sensor@90000000 {{ compatible = \"ti,tmp105\"; {AT} }};"
    )));
    // A bus without registers is not exposed, and what is beside x on it is beside it.
    let beside = format!(
        "b {{ {CELLS} x: bus@40100000 {{ {HERE} {UART} }}; xip@90000000 {{ {AT} {UART} berth,reserved; }}; }};"
    );
    harmless(&beside);
}

/// A multiplexer that stands elsewhere and says on which bus it hangs, with all that is behind it; in circles, too.
#[test]
fn what_hangs_on_a_bus_from_elsewhere_is_on_it() {
    let bus = format!("x: bus@40100000 {{ {HERE} {UART} }};");
    let mux = |parent: &str, chip: &str| {
        format!(
            "{bus} mux: mux {{ compatible = \"i2c-mux-gpio\"; berth,harmless = \"m\"; {parent} i2c@0 {{ {chip} }}; }};"
        )
    };
    let pmic = "pmic@34 { compatible = \"v,pmic\"; };";
    dangerous(
        &mux("i2c-parent = <&x>;", pmic),
        "of which nothing says that it is harmless",
    );
    dangerous(
        &mux(
            "i2c-parent = <&x>;",
            "c { berth,reserved = \"the supply\"; };",
        ),
        "x is used by mux, which is the supply",
    );
    harmless(&mux(
        "i2c-parent = <&x>;",
        "c@48 { compatible = \"ti,tmp105\"; };",
    ));
    harmless(&mux("i2c-parent = <&nvic>;", pmic));
    let circle = "i2c-parent = <&x &mux>;";
    dangerous(
        &mux(circle, pmic),
        "of which nothing says that it is harmless",
    );
}

#[test]
fn a_reason_of_spaces_and_other_bytes_is_none() {
    for nothing in ["", " ", "\\x20\\x09", "\\0", "\\n\\t"] {
        let node = format!("x: x@40100000 {{ {HERE} berth,harmless = \"{nothing}\"; }};");
        let problems = said(&node, "");
        let told = problems
            .iter()
            .any(|p| p.contains("berth,harmless has a value of the wrong form"));
        assert!(told, "{nothing}: {problems:?}");
        let problems = said(
            &format!("x: x@40100000 {{ {HERE} }};"),
            &format!("dangerous = \"{nothing}\";"),
        );
        let told = problems
            .iter()
            .any(|p| p.contains("dangerous has a value of the wrong form"));
        assert!(told, "{nothing}: {problems:?}");
    }
    let quoted = "berth,harmless = \"\\\"RM\\\", 4.2\";";
    harmless(&format!("x: x@40100000 {{ {HERE} {quoted} }};"));
}

#[test]
fn no_word_helps_against_what_the_tree_says() {
    for (node, what) in [
        ("pinctrl@40100000", "a pin controller"),
        ("iomuxc@40100000", "a pin controller"),
        ("power-controller@40100000", "a power controller"),
        ("reset-controller@40100000", "a reset controller"),
        ("clock-controller@40100000", "a clock controller"),
        ("watchdog@40100000", "a watchdog"),
        ("flash-controller@40100000", "a flash controller"),
        ("dma@40100000", "a DMA controller"),
    ] {
        dangerous(&format!("x: {node} {{ {HERE} {UART} {SAID} }};"), what);
    }
    for (property, what) in [
        ("#reset-cells = <1>;", "a reset controller"),
        ("#power-domain-cells = <0>;", "a power controller"),
        ("#iommu-cells = <1>;", "a memory management unit"),
        (
            "dmas = <&dma 1>;",
            "a block with channels of a DMA controller",
        ),
        ("dma-coherent;", "a bus master"),
        ("memory-region = <&dma>;", "a bus master"),
        ("interrupt-controller;", "an interrupt controller"),
        (
            "berth,reserved = \"the kernel's radio\";",
            "the kernel's radio",
        ),
    ] {
        dangerous(
            &format!("x: spi@40100000 {{ {HERE} {UART} {SAID} {property} }};"),
            what,
        );
    }
    dangerous(
        &format!("x: spi@40100000 {{ {HERE} {SAID} compatible = \"vendor,scu\", \"syscon\"; }};"),
        "a system controller",
    );
}

#[test]
fn no_word_helps_against_what_the_address_says() {
    for (address, what) in [
        // DWT, ITM, SysTick, NVIC, SCB, MPU, what vendors have behind them, and what reaches in.
        ("0xe0001000 0x100", "a part of the processor"),
        ("0xe0000000 0x100", "a part of the processor"),
        ("0xe000e010 0x10", "a part of the processor"),
        ("0xe000ed00 0x90", "a part of the processor"),
        ("0xe0042000 0x400", "a part of the processor"),
        ("0xf0000000 0x100", "a part of the processor"),
        ("0xdfffff00 0x101", "a part of the processor"),
        // Code, SRAM, external RAM, whether a node says memory or not.
        ("0x10000000 0x100", "is memory"),
        ("0x30000000 0x100", "is memory"),
        ("0x60000000 0x100", "is memory"),
        ("0x9fffff00 0x101", "is memory"),
        ("0x5fffff00 0x101", "is memory"),
        // Bits of SRAM, and of nothing in particular.
        ("0x22100000 0x80", "is memory"),
        ("0x43000000 0x80", "an alias of 0x40080000"),
    ] {
        dangerous(
            &format!("x: serial@1 {{ reg = <{address}>; {UART} {SAID} }};"),
            what,
        );
    }
}

#[test]
fn an_alias_is_what_it_is_an_alias_of() {
    // A bit of the kernel's timer at 0x40009000, and a byte of the console in a declared window.
    never(
        &format!("x: serial@42120000 {{ reg = <0x42120000 0x20>; {UART} }};"),
        "overlap those of kernel_timer",
    );
    never(
        &format!(
            "berth,aliases = <0x50000000 0x10000 0x40000000>;\nx: serial@500000fc {{ reg = <0x500000fc 0x4>; {UART} }};"
        ),
        "overlap those of console",
    );
    // Aliases of aliases.
    never(
        &format!(
            "berth,aliases = <0xa0000000 0x1000000 0x42000000>;\nx: serial@a0120000 {{ reg = <0xa0120000 0x20>; {UART} }};"
        ),
        "overlap those of kernel_timer",
    );
    // No windows: too few numbers; addresses of two cells; empty; its own target; longer than there are addresses.
    for aliases in [
        "0x50000000 0x10000",
        "0 0x50000000 0 0x10000000 0 0x40000000",
        "0x50000000 0 0x40000000",
        "0x50000000 0x1000 0x50000000",
        "0x50000000 0xb0000001 0x40000000",
        "0x40000000 0xb0000001 0x50000000",
    ] {
        never(
            &format!("berth,aliases = <{aliases}>;\nx: serial@40100000 {{ {HERE} {UART} }};"),
            "remedy: write berth,aliases = <alias length target>, ...",
        );
    }
    // A processor without bit-banding has peripherals there.
    harmless(&format!(
        "cpu@0 {{ device_type = \"cpu\"; compatible = \"arm,cortex-m33\"; }};\nx: serial@42120000 {{ reg = <0x42120000 0x20>; {UART} }};"
    ));
}

/// Which of them the kernel runs on, nobody says; the peripherals are repeated for one.
#[test]
fn of_several_processors_one_with_bit_bands_is_enough() {
    let bit = format!("x: serial@42120000 {{ reg = <0x42120000 0x20>; {UART} }};");
    for processors in [
        "cpu@0 { device_type = \"cpu\"; compatible = \"arm,cortex-m0+\"; };\ncpu@1 { device_type = \"cpu\"; compatible = \"arm,cortex-m4f\"; };",
        "cpu@0 { device_type = \"cpu\"; compatible = \"arm,cortex-m7\"; };\ncpu@1 { device_type = \"cpu\"; compatible = \"arm,cortex-m4\"; status = \"disabled\"; };",
        "cpu@0 { device_type = \"cpu\"; compatible = \"arm,cortex-m3\", \"arm,cortex-m0\"; };",
        "cpu@0 { device_type = \"cpu\"; compatible = \"arm,cortex-a7\"; };",
        // One that is not named, or by its architecture only, may have them, whatever there is beside it.
        "cpu@0 { device_type = \"cpu\"; };\ncpu@1 { device_type = \"cpu\"; compatible = \"arm,cortex-m0+\"; };",
        "cpu@0 { device_type = \"cpu\"; compatible = \"arm,armv7m\"; };\ncpu@1 { device_type = \"cpu\"; compatible = \"arm,cortex-m0+\"; };",
        // No processor of this board.
        "remote { compatible = \"arm,cortex-m33\"; status = \"disabled\"; };",
        "cpu@0 { compatible = \"arm,cortex-m33\"; };",
        // What it is called, and where it stands, does not matter for one that has them.
        "cpu@0 { device_type = \"cpu\"; compatible = \"arm,cortex-m7\"; };\nprocessor@1 { compatible = \"arm,cortex-m4\"; };",
        "cpu@0 { device_type = \"cpu\"; compatible = \"arm,cortex-m7\"; cluster { core1 { compatible = \"acme,part\", \"arm,cortex-m4f\"; }; }; };",
        "cpu@0 { device_type = \"cpu\"; compatible = \"arm,cortex-m7\", \"ARM,Cortex-M4\"; };",
        "cpu@0 { device_type = \"cpu\"; compatible = \"arm,cortex-m7\", \"acme\\0arm,cortex-m4\"; };",
        "cpu@0 { device_type = \"cpu\"; compatible = \"arm,cortex-m7\", \"acme\\x00arm,cortex-m4\"; };",
    ] {
        never(
            &format!("{processors}\n{bit}"),
            "overlap those of kernel_timer",
        );
    }
    harmless(&format!(
        "cpu@0 {{ device_type = \"cpu\"; compatible = \"arm,cortex-m33\"; }};\ncpu@1 {{ device_type = \"cpu\"; compatible = \"arm,cortex-m0+\"; }};\n{bit}"
    ));
}

#[test]
fn what_holds_for_a_bus_holds_for_all_on_it() {
    let below = |word: &str| {
        format!(
            "radio: bus@1 {{ #address-cells = <1>; #size-cells = <1>; ranges; {word} part@2 {{ #address-cells = <1>; #size-cells = <1>; ranges;\nx: serial@40100000 {{ {HERE} {UART} }}; }}; }};"
        )
    };
    harmless(&below(""));
    dangerous(
        &below("berth,reserved = \"the radio's own\";"),
        "x is the radio's own",
    );
    never(
        &below("status = \"disabled\";"),
        "radio is disabled; remedy: add status = \"okay\" to its node, or do not expose it",
    );
}

/// A node without registers is a part of the one above it.
#[test]
fn what_a_part_without_registers_is_its_block_is() {
    let with_part = |part: &str| format!("x: serial@40100000 {{ {HERE} {UART} {SAID} {part} }};");
    harmless(&with_part("pwm { };"));
    harmless(&with_part(
        "#address-cells = <1>; #size-cells = <0>; eeprom@0 { reg = <0>; };",
    ));
    for (part, what) in [
        // Numbers on a bus of its own are no addresses of the processor: who has the bus has the chip.
        (
            "#address-cells = <1>; #size-cells = <0>; flash@0 { reg = <0>; };",
            "x is flash memory",
        ),
        ("dma-controller { };", "x is a DMA controller"),
        (
            "part { part { #clock-cells = <0>; }; };",
            "x is a clock controller",
        ),
        (
            "part { compatible = \"syscon\"; };",
            "x is a system controller",
        ),
        (
            "part { berth,reserved = \"the radio's\"; };",
            "x is the radio's",
        ),
    ] {
        dangerous(&with_part(part), what);
    }
    let board = with(&with_part("line { };")).replace(
        "stdout-path = &console;",
        "stdout-path = \"/soc/serial@40100000/line\";",
    );
    let exposure = "a { register-block = <&x>; access = \"mediated\"; };";
    let problems = exposures_of(&board, exposure).unwrap_err();
    assert!(
        problems.iter().any(|p| p.contains("x is the console")),
        "{problems:?}"
    );
}

#[test]
fn blocks_that_overlap_are_never_exposed() {
    for (address, other) in [
        // Wholly, partly, by a byte, around.
        ("0x40009000 0x100", "kernel_timer"),
        ("0x40000080 0x100", "console"),
        ("0x400000ff 0x1", "console"),
        ("0x40004f80 0x200", "dma"),
        ("0x20000fff 0x1", "/memory@20000000"),
        // What the memory map has, though no node does.
        ("0x80000 0x100", "SUPERVISOR_FLASH in the memory map"),
        ("0x10ff00 0x1000", "APP0_FLASH in the memory map"),
    ] {
        never(
            &format!("x: serial@1 {{ reg = <{address}>; {UART} {SAID} }};"),
            &format!("overlap those of {other}"),
        );
    }
}

#[test]
fn buses_that_translate_are_followed() {
    // The same registers behind two buses, one of which moves addresses.
    let bus = "#address-cells = <1>; #size-cells = <1>;";
    never(
        &format!(
            "bus@1 {{ {bus} ranges = <0x0 0x40009000 0x1000>;\nx: serial@0 {{ reg = <0x0 0x20>; {UART} }}; }};"
        ),
        "overlap those of kernel_timer",
    );
    never(
        &format!(
            "bus@1 {{ {bus} ranges = <0x0 0x50000000 0x100000>; bus@2 {{ {bus} ranges = <0x100 0x1000 0x1000>;\nx: serial@0 {{ reg = <0x100 0x20>; {UART} }}; }}; }};\nother: serial@50001010 {{ reg = <0x50001010 0x4>; {UART} }};"
        ),
        "overlap those of other",
    );
    // Nothing in the way, in cells of 64 bits.
    harmless(&format!(
        "bus@1 {{ #address-cells = <2>; #size-cells = <2>; ranges = <0x0 0x0 0x50000000 0x0 0x1000>;\nx: serial@0 {{ reg = <0x0 0x100 0x0 0x20>; {UART} }}; }};"
    ));
    // Outside every window, in two of them, half in one.
    never(
        &format!(
            "bus@1 {{ {bus} ranges = <0x0 0x50000000 0x1000>;\nx: serial@0 {{ reg = <0xff0 0x20>; {UART} }}; }};"
        ),
        "the processor cannot reach all of x",
    );
    never(
        &format!(
            "bus@1 {{ {bus} ranges = <0x0 0x50000000 0x100>, <0x100 0x51000000 0x100>;\nx: serial@0 {{ reg = <0xf0 0x20>; {UART} }}; }};"
        ),
        "the processor cannot reach all of x",
    );
    for ranges in ["", "ranges = <0x0 0x50000000 0x100>;"] {
        never(
            &format!("bus@1 {{ {bus} {ranges}\nx: serial@0 {{ reg = <0x200 0x20>; {UART} }}; }};"),
            "has no registers in the processor's address space",
        );
    }
}

#[test]
fn addresses_do_not_wrap_around() {
    let bus = "#address-cells = <2>; #size-cells = <2>; ranges;";
    for reg in [
        "0x1 0x40100000 0x0 0x100",
        "0xffffffff 0xffffff00 0x0 0x200",
        "0x0 0x40100000 0x1 0x100",
    ] {
        never(
            &format!("bus@1 {{ {bus}\nx: serial@0 {{ reg = <{reg}>; {UART} }}; }};"),
            "x",
        );
        let problems = said(
            &format!("bus@1 {{ {bus}\nx: serial@0 {{ reg = <{reg}>; {UART} }}; }};"),
            "dangerous = \"we know\";",
        );
        assert!(
            problems.iter().any(|p| p.contains("cannot reach all of x")),
            "{problems:?}"
        );
    }
    never(
        &format!("x: serial@0 {{ reg = <0xffffff00 0x200>; {UART} }};"),
        "the processor cannot reach all of x",
    );
    never(
        &format!("x: serial@0 {{ reg = <0x40100000 0x0>; {UART} }};"),
        "x is 0 bytes long",
    );
    for reg in [
        "<0x40100000>",
        "<0x40100000 0x20 0x1>",
        "<0x40100000 0x20>, \"x\"",
        "\"x\"",
    ] {
        never(
            &format!("x: serial@0 {{ reg = {reg}; {UART} }};"),
            "cannot read reg of /soc/serial@0",
        );
    }
    // 64-bit literals are read as what they are.
    never(
        &format!("x: serial@0 {{ reg = /bits/ 64 <0x4000900000000020>; {UART} }};"),
        "overlap those of kernel_timer",
    );
}

#[test]
fn what_a_disabled_node_says_holds_for_its_registers() {
    // One of several uses of the same registers: no overlap, but what the others can, it can.
    harmless(&format!(
        "spi@40100000 {{ {HERE} {SAID} status = \"disabled\"; }};\nx: i2c@40100000 {{ {HERE} {SAID} }};"
    ));
    dangerous(
        &format!(
            "y: spi@40100000 {{ {HERE} compatible = \"vendor,spi-with-dma\"; status = \"disabled\"; }};\nx: i2c@40100000 {{ {HERE} {SAID} }};"
        ),
        "at the addresses of y, which is not known to be harmless",
    );
    never(
        &format!("x: i2c@40100000 {{ {HERE} {UART} status = \"disabled\"; }};"),
        "x is disabled; remedy: add status = \"okay\" to its node, or do not expose it",
    );
}

#[test]
fn a_part_of_a_dangerous_block_is_dangerous() {
    dangerous(
        &format!(
            "p: pinctrl@40100000 {{ reg = <0x40100000 0x1000>; #address-cells = <1>; #size-cells = <1>; ranges;\nx: gpio@40100400 {{ reg = <0x40100400 0x100>; {SAID} }}; }};"
        ),
        "at the addresses of p, which is a pin controller",
    );
    // And a block with a dangerous part, which is not in use.
    let part = |status: &str| {
        format!(
            "x: serial@40100000 {{ {HERE} {SAID} #address-cells = <1>; #size-cells = <1>; ranges;\ny: clock@40100040 {{ reg = <0x40100040 0x4>; #clock-cells = <0>; {status} }}; }};"
        )
    };
    dangerous(&part("status = \"disabled\";"), "x is a clock controller");
    never(&part(""), "overlap those of y");
}

#[test]
fn a_part_and_the_whole_are_not_both_exposed() {
    let nodes = format!(
        "x: serial@40100000 {{ {HERE} {SAID} #address-cells = <1>; #size-cells = <1>; ranges;\ny: part@40100040 {{ reg = <0x40100040 0x4>; {SAID} }}; }};"
    );
    let exposure = "a { register-block = <&x>; access = \"mediated\"; };\nb { register-block = <&y>; access = \"mediated\"; };";
    let problems = exposures_of(&with(&nodes), exposure).unwrap_err();
    let overlap = "exposure.dts:4: the registers of y overlap those of x; remedy: correct reg in the board's .dtsi";
    assert!(problems.iter().any(|p| p == overlap), "{problems:?}");
}

#[test]
fn the_firmware_keeps_what_chosen_names_by_whatever_name() {
    let nodes = format!("x: serial@40100000 {{ {HERE} {UART} }};");
    for (chosen, what) in [
        ("stdout-path = \"serial7\";", "x is the console"),
        ("stdout-path = \"serial7:115200n8\";", "x is the console"),
        (
            "stdout-path = \"/soc/serial@40100000:115200n8\";",
            "x is the console",
        ),
        ("stdout-path = \"/soc/serial\";", "x is the console"),
        ("stdin-path = &x;", "x is the console"),
        ("zephyr,console = &x;", "x is the console"),
        (
            "zephyr,shell-uart = <&x>;",
            "x is the firmware's (chosen/zephyr,shell-uart)",
        ),
    ] {
        let board = with(&nodes)
            .replace("stdout-path = &console;", chosen)
            .replace("cpu0:", "aliases { serial7 = &x; };\ncpu0:");
        let exposure = "a { register-block = <&x>; access = \"mediated\"; };";
        let problems = exposures_of(&board, exposure).unwrap_err();
        assert!(
            problems.iter().any(|p| p.contains(what)),
            "{chosen}: {problems:?}"
        );
    }
}

#[test]
fn two_labels_are_one_block() {
    let nodes = format!("x: y: serial@40100000 {{ {HERE} {UART} }};");
    assert_eq!(
        said(&nodes, ""),
        [
            "x has the labels x, y; remedy: say which of them containers import with label = \"<label>\""
        ]
    );
    assert_eq!(said(&nodes, "label = \"x\";"), [""; 0]);
    assert_eq!(
        said(&nodes, "label = \"z\";"),
        ["label = \"z\" is no known word; remedy: use one of: x, y"]
    );
    let both = "a { register-block = <&x>; label = \"x\"; access = \"mediated\"; };\nb { register-block = <&y>; label = \"y\"; access = \"mediated\"; };";
    let problems = exposures_of(&with(&nodes), both).unwrap_err();
    assert!(
        problems
            .iter()
            .any(|p| p.contains("the registers of y overlap those of x")),
        "{problems:?}"
    );
}

#[test]
fn a_safe_state_or_none_is_said() {
    let without = "a { register-block = <&plain>; access = \"mediated\"; };\nb { register-block = <&regs>; access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; safe-state = \"none\"; };";
    refused(
        exposures(without),
        &[
            "exposure.dts:3: safe-state of plain is missing; remedy: add safe-state = \"<register> <value> <mask>\", or safe-state = \"none\" if the block may stay as its last driver left it",
        ],
    );
    let both = "b { register-block = <&regs>; access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; safe-state = \"none\", \"CTRL 0x0 0x1\"; };";
    refused(
        exposures(both),
        &[
            "exposure.dts:3: cannot read safe-state entry \"none\"; remedy: write \"<register> <value> <mask>\"",
        ],
    );
}

/// All of a block is exposed with all that lies in it, whoever knows of that: a disabled node, which is harmless by
/// itself, or the SVD file alone.
#[test]
fn what_lies_in_a_block_is_not_exposed_with_it() {
    let node = |label: &str, base: u32, length: u32, more: &str| {
        format!(
            "{label}: {label}@{base:x} {{ compatible = \"arm,cmsdk-timer\"; reg = <{base:#x} {length:#x}>; {more} }};"
        )
    };
    let off = "status = \"disabled\";";
    // The file has another one in both.
    let with_file = node("x", 0x4000_1000, 0x2000, "") + &node("z", 0x4000_1800, 0x100, off);
    let by_file = node("x", 0x4000_d000, 0x1100, "");
    let by_tree = node("x", 0x4005_0000, 0x1000, "") + &node("y", 0x4005_0800, 0x100, off);
    let from_before = node("x", 0x4005_0000, 0x100, "") + &node("y", 0x4004_ff00, 0x180, off);
    let board = |nodes: &str| {
        // Without those of this board that are in use at these addresses: that is another matter.
        let mut board = with(nodes);
        for in_use in ["regs:", "plain:", "big:", "unnamed:", "a_label_"] {
            let at = board.find(&format!("\t{in_use}")).unwrap();
            let end = at + board[at..].find('\n').unwrap();
            board.replace_range(at..end, "");
        }
        board
    };
    let said = |nodes: &str, properties: &str| {
        let exposure =
            format!("a {{ register-block = <&x>; access = \"mediated\"; {properties} }};");
        let problems = exposures_of(&board(nodes), &exposure).err();
        let problems = problems.unwrap_or_default();
        problems
            .into_iter()
            .filter(|problem| problem.contains("lies in it") || problem.contains("not dangerous"))
            .collect::<Vec<_>>()
    };
    for (nodes, other) in [
        (&with_file, "z lies in it, at 0x40001800"),
        (&by_file, "UNNAMED lies in it, at 0x4000e000"),
        (&by_tree, "y lies in it, at 0x40050800"),
        (&from_before, "y lies in it, at 0x4004ff00"),
    ] {
        assert_eq!(
            said(nodes, ""),
            [format!(
                "exposure.dts:3: x is exposed whole, and {other}; remedy: correct reg in the board's .dtsi, list in masks what is exposed, or add dangerous = \"<why this is acceptable>\""
            )]
        );
        assert_eq!(said(nodes, "dangerous = \"we know\";"), [""; 0]);
    }
    assert_eq!(said(&by_tree, "masks = \"R0 rw 0xff\";"), [""; 0]);
    // As long as the peripheral, and another view of it at the same address.
    let exact = node("x", 0x4005_0000, 0x100, "") + &node("y", 0x4005_0000, 0x100, off);
    assert_eq!(said(&exact, ""), [""; 0]);
    assert_eq!(
        said(&exact, "dangerous = \"we know\";"),
        [
            "exposure.dts:3: x is not dangerous; remedy: remove the property dangerous, it would hide a later change of the board"
        ]
    );
}

/// Whoever shifts a window against itself is told so.
#[test]
fn aliases_have_an_end() {
    let nodes = "shift { berth,aliases = <0x40050000 0x8000 0x40050004>; };
        x: x@40050000 { compatible = \"arm,cmsdk-timer\"; reg = <0x40050000 0x100>; };";
    for properties in ["", "dangerous = \"we know\";"] {
        let problems = said(nodes, properties);
        assert!(
            problems.contains(
                &"the aliases of x have no end; remedy: correct berth,aliases in the board's .dtsi: a window may not overlap its own target".to_owned()
            ),
            "{problems:?}"
        );
    }
}
