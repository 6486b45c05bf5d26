//! Devicetrees as others write them: small ones with the structure that Zephyr's have for nRF52840,
//! STM32F4 and RP2040, in our own words.

use crate::support::exposures_of;

/// A tree with the head that all share: the processor's controller with two cells, and what `nodes`
/// adds to the root.
fn tree(nodes: &str) -> String {
    format!(
        "/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>;\n{nodes}\nfilter {{ compatible = \"berth,syscall-filter\"; }};\n}};"
    )
}

/// Problems of an exposure of `label`, without what the SVD file of these tests does not know.
fn said(tree: &str, label: &str, properties: &str) -> Vec<String> {
    let exposure =
        format!("a {{ register-block = <&{label}>; access = \"mediated\"; {properties} }};");
    let problems = exposures_of(tree, &exposure).err().unwrap_or_default();
    let known = |problem: &String| !problem.contains("the SVD file has no peripheral");
    problems.into_iter().filter(known).collect()
}

#[track_caller]
fn refused(tree: &str, label: &str, properties: &str, with: &str) {
    let problems = said(tree, label, properties);
    assert!(
        problems.iter().any(|p| p.contains(with)),
        "{problems:?} without {with}"
    );
}

/// Several peripherals at an address of which one is in use; two cells of an interrupt; the console
/// by its alias.
fn nrf() -> String {
    tree(
        "aliases { console-line = &uart0; };
        chosen { zephyr,console = &uart0; stdout-path = \"console-line:115200\"; zephyr,flash = &flash0; };
        cpus { #address-cells = <1>; #size-cells = <0>; cpu@0 { compatible = \"arm,cortex-m4f\"; reg = <0>; }; };
        soc { #address-cells = <1>; #size-cells = <1>; ranges; interrupt-parent = <&nvic>;
            nvic: interrupt-controller@e000e100 { compatible = \"arm,v7m-nvic\"; reg = <0xe000e100 0xc00>; interrupt-controller; #interrupt-cells = <2>; };
            nvmc: flash-controller@4001e000 { reg = <0x4001e000 0x1000>; #address-cells = <1>; #size-cells = <1>; flash0: flash@0 { reg = <0x0 0x100000>; }; };
            clock: clock@40000000 { compatible = \"nordic,nrf-clock\"; reg = <0x40000000 0x1000>; interrupts = <0 1>; };
            power: power@40000000 { compatible = \"nordic,nrf-power\"; reg = <0x40000000 0x1000>; interrupts = <0 1>; };
            uart0: uart@40002000 { compatible = \"nordic,nrf-uarte\"; reg = <0x40002000 0x1000>; interrupts = <2 1>; };
            i2c0: i2c@40003000 { compatible = \"nordic,nrf-twi\"; reg = <0x40003000 0x1000>; interrupts = <3 1>; };
            spi0: spi@40003000 { compatible = \"nordic,nrf-spim\"; reg = <0x40003000 0x1000>; interrupts = <3 1>; status = \"disabled\"; };
            timer0: timer@40008000 { compatible = \"nordic,nrf-timer\"; reg = <0x40008000 0x1000>; interrupts = <8 1>; interrupt-names = \"compare\"; };
            gpiote: gpiote@40006000 { compatible = \"nordic,nrf-gpiote\"; reg = <0x40006000 0x1000>; interrupts = <6 5>; };
        };",
    )
}

#[test]
fn nrf52840() {
    let tree = nrf();
    // Parts of other families choose in the timer itself what it triggers, so each board says it of its own.
    refused(
        &tree,
        "timer0",
        "",
        "is not known to be harmless (nordic,nrf-timer)",
    );
    let known = tree.replace(
        "\"nordic,nrf-timer\"",
        "\"nordic,nrf-timer\"; berth,harmless = \"nRF52840 PS, TIMER\"",
    );
    assert_eq!(said(&known, "timer0", ""), [""; 0]);
    refused(&tree, "uart0", "", "uart0 is the console");
    refused(&tree, "nvmc", "", "nvmc is a flash controller");
    refused(
        &tree,
        "clock",
        "",
        "is not known to be harmless (nordic,nrf-clock)",
    );
    // Enabled both, at one address.
    refused(
        &tree,
        "power",
        "dangerous = \"no\";",
        "overlap those of clock",
    );
    // The disabled one has a DMA, and is the same block.
    let known = tree.replace(
        "\"nordic,nrf-twi\"",
        "\"nordic,nrf-twi\"; berth,harmless = \"PS\"",
    );
    refused(
        &known,
        "i2c0",
        "",
        "at the addresses of spi0, which is not known to be harmless",
    );
    refused(&tree, "spi0", "", "spi0 is disabled");
}

/// Ports in a pin controller, lines that go through EXTI, timers whose registers a child drives.
fn stm32() -> String {
    tree(
        "chosen { stdout-path = \"/soc/serial@40011000:115200n8\"; };
        soc { #address-cells = <1>; #size-cells = <1>; ranges; interrupt-parent = <&nvic>;
            nvic: interrupt-controller@e000e100 { compatible = \"arm,v7m-nvic\"; reg = <0xe000e100 0xc00>; interrupt-controller; #interrupt-cells = <2>; };
            exti: interrupt-controller@40013c00 { reg = <0x40013c00 0x400>; interrupt-controller; #interrupt-cells = <1>; };
            rcc: rcc@40023800 { reg = <0x40023800 0x400>; #clock-cells = <2>; };
            pinctrl: pin-controller@40020000 { reg = <0x40020000 0x2400>; #address-cells = <1>; #size-cells = <1>; ranges;
                gpioa: gpio@40020000 { compatible = \"st,stm32-gpio\"; reg = <0x40020000 0x400>; berth,harmless = \"no\"; };
            };
            usart1: serial@40011000 { compatible = \"st,stm32-usart\"; reg = <0x40011000 0x400>; interrupts = <37 0>; };
            otg: usb@50000000 { compatible = \"st,stm32-otgfs\"; reg = <0x50000000 0x40000>; interrupts = <67 0>; };
            timers2: timers@40000000 { compatible = \"st,stm32-timers\"; reg = <0x40000000 0x400>; interrupts = <28 0>; interrupt-names = \"global\"; pwm { }; };
            button: button@40000400 { compatible = \"st,stm32-timers\"; reg = <0x40000400 0x400>; interrupt-parent = <&exti>; interrupts = <13>; interrupt-names = \"edge\"; };
        };",
    )
}

#[test]
fn stm32f4() {
    let tree = stm32();
    assert_eq!(said(&tree, "timers2", ""), [""; 0]);
    // A request by itself moves nothing; a channel that the firmware has set up does.
    let with_channel = tree.replace("pwm { };", "dmas = <&rcc 1 2>; pwm { };");
    refused(
        &with_channel,
        "timers2",
        "",
        "timers2 is a block with channels of a DMA controller",
    );
    refused(&tree, "usart1", "", "usart1 is the console");
    refused(
        &tree,
        "gpioa",
        "",
        "at the addresses of pinctrl, which is a pin controller",
    );
    refused(&tree, "rcc", "", "rcc is a clock controller");
    refused(&tree, "exti", "", "exti is an interrupt controller");
    refused(&tree, "otg", "", "otg is not known to be harmless");
}

/// Atomic views of every block, beside it.
fn rp() -> String {
    tree(
        "aliases { serial0 = &uart0; };
        chosen { stdout-path = \"serial0:115200n8\"; };
        cpus { #address-cells = <1>; #size-cells = <0>; cpu@0 { compatible = \"arm,cortex-m0+\"; reg = <0>; }; };
        soc { #address-cells = <1>; #size-cells = <1>; ranges; interrupt-parent = <&nvic>;
            berth,aliases = <0x40035000 0x1000 0x40034000>, <0x40036000 0x1000 0x40034000>, <0x40037000 0x1000 0x40034000>;
            nvic: interrupt-controller@e000e100 { compatible = \"arm,v6m-nvic\"; reg = <0xe000e100 0xc00>; interrupt-controller; #interrupt-cells = <2>; };
            uart0: uart@40034000 { compatible = \"raspberrypi,pico-uart\", \"arm,pl011\"; reg = <0x40034000 0x1000>; interrupts = <20 3>; };
            view: uart@40036000 { compatible = \"arm,pl011\"; reg = <0x40036000 0x1000>; };
            pwm: pwm@40050000 { compatible = \"raspberrypi,pico-pwm\"; reg = <0x40050000 0x1000>; interrupts = <4 3>; interrupt-names = \"wrap\"; };
            resets: reset-controller@4000c000 { reg = <0x4000c000 0x1000>; #reset-cells = <1>; };
        };",
    )
}

#[test]
fn rp2040() {
    let tree = rp();
    assert_eq!(said(&tree, "pwm", ""), [""; 0]);
    refused(&tree, "uart0", "", "uart0 is the console");
    refused(
        &tree,
        "view",
        "dangerous = \"no\";",
        "overlap those of uart0",
    );
    refused(&tree, "resets", "", "resets is a reset controller");
}

/// Lines of `x`, which the SVD file of these tests knows as `regs`.
fn line(nodes: &str, x: &str) -> Result<u32, Vec<String>> {
    let board = tree(&format!(
        "interrupt-parent = <&nvic>;
        nvic: interrupt-controller@e000e100 {{ compatible = \"arm,v7m-nvic\"; reg = <0xe000e100 0xc00>; interrupt-controller; #interrupt-cells = <2>; }};
        gic: gic {{ interrupt-controller; #interrupt-cells = <1>; }};
        {nodes}
        bus {{ #address-cells = <1>; #size-cells = <1>; ranges; BUS
            x: serial@40001000 {{ compatible = \"arm,cmsdk-uart\"; reg = <0x40001000 0x100>; interrupt-names = \"a\", \"b\"; {x} }};
        }};"
    ));
    let (board, bus) = match x.split_once("BUS:") {
        Some((own, bus)) => (board.replace(x, own), bus.to_owned()),
        None => (board, String::new()),
    };
    let exposure = "a { register-block = <&x>; access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"b\"; };";
    exposures_of(&board.replace("BUS", &bus), exposure).map(|c| c.exposures[0].interrupts[0].line)
}

#[test]
fn interrupts_have_their_own_parents() {
    assert_eq!(line("", "interrupts = <4 1>, <5 1>;"), Ok(5));
    assert_eq!(
        line("", "interrupts-extended = <&gic 4>, <&nvic 7 1>;"),
        Ok(7)
    );
    // `interrupts-extended` comes first.
    assert_eq!(
        line(
            "",
            "interrupts = <4 1>, <5 1>; interrupts-extended = <&nvic 4 1>, <&nvic 9 1>;"
        ),
        Ok(9)
    );
    for (nodes, x, with) in [
        (
            "",
            "interrupts-extended = <&nvic 4 1>, <&gic 7>;",
            "interrupt \"b\" of x cannot be exposed: it goes to gic, which is not the processor's interrupt controller",
        ),
        (
            "",
            "interrupt-parent = <&gic>; interrupts = <4>, <5>;",
            "it goes to gic, which is not",
        ),
        // Inherited from the bus, not from the root.
        (
            "",
            "interrupts = <4>, <5>; BUS:interrupt-parent = <&gic>;",
            "it goes to gic, which is not",
        ),
        (
            "",
            "interrupts = <4 1>, <5>;",
            "cannot read the interrupts of x: interrupts are not whole entries of the 2 cells that nvic asks for",
        ),
        (
            "",
            "interrupts = <4 1>, <480 1>;",
            "the processor has no line 480",
        ),
        (
            "",
            "interrupts-extended = <&nvic 4 1>, <&nvic 7>;",
            "the last entry of interrupts-extended is too short",
        ),
        (
            "",
            "interrupts-extended = <&nvic 4 1>, <0x77 7>;",
            "interrupts-extended refers to no node (0x77)",
        ),
        (
            "plain: plain { };",
            "interrupt-parent = <&plain>; interrupts = <4>, <5>;",
            "plain takes no interrupts",
        ),
        (
            "nexus: nexus { #interrupt-cells = <1>; interrupt-map = <4 &nvic 4 0>; };",
            "interrupt-parent = <&nexus>; interrupts = <4>, <5>;",
            "it goes through the interrupt map of nexus",
        ),
        (
            "",
            "interrupts = \"text\", \"text\";",
            "interrupts cannot be read",
        ),
    ] {
        let problems = line(nodes, x).unwrap_err();
        assert!(
            problems.iter().any(|p| p.contains(with)),
            "{problems:?} without {with}"
        );
    }
}

#[test]
fn files_with_commas_and_spaces_in_their_names_are_named_whole() {
    use std::fs;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("a, b:1:2-3:4 c, d.dts");
    let layout = folder.path().join("layout.ld");
    fs::write(&layout, "").unwrap();
    let problems = |text: &str| {
        fs::write(&path, text).unwrap();
        let problems = berth_exposure_compiler::compile(&path, &layout).unwrap_err();
        let places = problems.into_iter().map(|p| (p.place.file, p.place.line));
        places.collect::<Vec<_>>()
    };
    let filter = "filter { compatible = \"berth,syscall-filter\"; };";
    let node = "exposure { compatible = \"berth,exposure\"; svd = \"no\"; };";
    // Two places of one node, and an error of dtc's.
    let twice = format!("/dts-v1/;\n/ {{ {filter} {node} }};\n/ {{ exposure {{\n odd; }}; }};\n");
    assert_eq!(problems(&twice), [(path.clone(), 2), (path.clone(), 4)]);
    assert_eq!(problems("/dts-v1/;\n/ { a = ; };\n"), [(path.clone(), 2)]);
}

/// A name that looks like an option is read; one that dtc's places cannot hold is refused, and said.
#[test]
fn files_are_read_by_whatever_name_or_refused_for_it() {
    use std::fs;
    let folder = tempfile::TempDir::new().unwrap();
    let layout = folder.path().join("layout.ld");
    fs::write(&layout, "").unwrap();
    let program = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_exposure"))
            .args(["--layout", "layout.ld", "--", name])
            .current_dir(folder.path())
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let text = "/dts-v1/;\n/ { filter { compatible = \"berth,syscall-filter\"; };\nexposure { compatible = \"berth,exposure\"; svd = \"no\"; odd; }; };\n";
    for name in ["-S.dts", "-", "--help", "a\\b.dts"] {
        let said = program(name, text);
        let place = format!("{name}:3: ");
        assert!(
            said.lines().all(|line| line.starts_with(&place)),
            "{name}: {said}"
        );
        assert!(said.contains("unknown property odd"), "{name}: {said}");
    }
    for name in ["a\"b.dts", "a\nb.dts", "a\x1bb.dts"] {
        let said = program(name, text);
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
        assert!(
            said.contains("use a path without quotation marks"),
            "{said}"
        );
    }
    let overlay = program("overlay.dts", "/dts-v1/; /plugin/;\n&x { };\n");
    assert!(
        overlay.starts_with("overlay.dts:1: no node is"),
        "{overlay}"
    );
}
