//! What the firmware keeps: parts of a block without addresses of their own, lines behind maps and other
//! controllers, names in `/chosen`. What cannot be read protects as much as what can, or is a mistake.

use crate::support::exposures_of;

/// Problems of an exposure of `x` with the interrupt `rx` of line 5, and what `nodes` adds to the bus and `root`
/// to the root.
fn said(root: &str, x: &str, nodes: &str) -> Vec<String> {
    let board = format!(
        "/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&nvic>;\n{root}
        filter {{ compatible = \"berth,syscall-filter\"; }};
        soc: soc {{ #address-cells = <1>; #size-cells = <1>; ranges;
            nvic: interrupt-controller@e000e100 {{ compatible = \"arm,v7m-nvic\"; reg = <0xe000e100 0xc00>; interrupt-controller; #interrupt-cells = <2>; }};
            x: serial@40001000 {{ compatible = \"arm,cmsdk-uart\"; reg = <0x40001000 0x100>; interrupts = <5 0>; interrupt-names = \"rx\"; {x} }};
            {nodes}
        }}; }};"
    );
    let exposure = "a { register-block = <&x>; access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\"; };";
    exposures_of(&board, exposure).err().unwrap_or_default()
}

#[track_caller]
fn refused(root: &str, x: &str, nodes: &str, with: &str) {
    let problems = said(root, x, nodes);
    assert!(
        problems.iter().any(|p| p.contains(with)),
        "{root} {x} {nodes}: {problems:?} without {with}"
    );
}

#[track_caller]
fn accepted(root: &str, x: &str, nodes: &str) {
    assert_eq!(said(root, x, nodes), [""; 0], "{root} {x} {nodes}");
}

#[test]
fn what_has_no_address_of_its_own_is_a_part_of_the_node_above() {
    let chips = "#address-cells = <1>; #size-cells = <0>;";
    let words = "#address-cells = <1>; #size-cells = <1>;";
    let kept = "berth,reserved = \"the alarm\";";
    accepted("", &format!("{chips} eeprom@0 {{ reg = <0>; }};"), "");
    for (x, with) in [
        (
            format!("{chips} chan@0 {{ reg = <0>; {kept} }};"),
            "x is the alarm",
        ),
        (
            format!("{words} chan@10 {{ reg = <0x10 4>; {kept} }};"),
            "x is the alarm",
        ),
        (
            format!(
                "{chips} mux@70 {{ reg = <0x70>; {chips} bus@1 {{ reg = <1>; pmic@2d {{ reg = <0x2d>; {kept} }}; }}; }};"
            ),
            "x is the alarm",
        ),
        (
            format!("{chips} flash@0 {{ reg = <0>; }};"),
            "x is flash memory",
        ),
        (
            format!("{chips} chan@0 {{ reg = <0>; #dma-cells = <1>; }};"),
            "x is a DMA controller",
        ),
        (
            format!("{words} chan@10 {{ reg = <0x10 4>; dmas = <&nvic 1>; }};"),
            "x is a block with channels of a DMA controller",
        ),
    ] {
        refused("", &x, "", with);
    }
    let chip = format!("{chips} chip: chip@0 {{ reg = <0>; }};");
    refused(
        "chosen { firmware,store = &chip; };",
        &chip,
        "",
        "x is the firmware's (chosen/firmware,store)",
    );
    // A bus is kept with all that is on it.
    refused(
        "chosen { firmware,bus = &soc; };",
        "",
        "",
        "x is the firmware's (chosen/firmware,bus)",
    );
    // What is kept and is nowhere would protect nothing.
    refused(
        "",
        "",
        "hid { #address-cells = <1>; #size-cells = <1>; t: timer@40001000 { reg = <0x40001000 0x100>; berth,reserved = \"alarm\"; }; };",
        "t is the firmware's and has no place in the processor's address space",
    );
}

/// A reserved node at another address.
fn keeper(interrupts: &str) -> String {
    format!("k: k@40008000 {{ reg = <0x40008000 0x100>; berth,reserved = \"k\"; {interrupts} }};")
}

#[test]
fn lines_of_what_the_firmware_keeps_are_followed() {
    let nexus = |map: &str| {
        format!(
            "nx: nexus {{ #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = {map}; }};"
        ) + &keeper("interrupt-parent = <&nx>; interrupts = <3>;")
    };
    let line = "its line 5 is that of k, which the firmware keeps";
    let unread = "of k, which the firmware keeps and whose lines cannot be read";
    refused("", "", &keeper("interrupts = <5 0>;"), line);
    accepted("", "", &keeper("interrupts = <6 0>;"));
    // Maps: the row that matches counts, under its mask.
    accepted("", "", &nexus("<2 &nvic 5 0>, <3 &nvic 6 0>"));
    for (nodes, with) in [
        (nexus("<2 &nvic 6 0>, <3 &nvic 5 0>"), line),
        (nexus("<0 &nvic 5 0>; interrupt-map-mask = <0>"), line),
        (nexus("<2 &nvic 5 0>"), unread),
        (nexus("<3 &nvic 5>"), unread),
        (nexus("<3 0x77 5 0>"), unread),
        (nexus("<3 &nx 3>"), unread),
        (nexus("<3 &nvic 6 0>").replace("#address-cells = <0>;", ""), unread),
        // Other controllers: the lines that they have.
        (
            "exti: exti { interrupt-controller; #interrupt-cells = <1>; interrupts = <4 0>, <5 0>; };".to_owned()
                + &keeper("interrupts-extended = <&exti 1>;"),
            // It is used by what is kept, so it is kept itself.
            "its line 5 is that of exti, which the firmware keeps",
        ),
        (
            "exti: exti { interrupt-controller; #interrupt-cells = <1>; };".to_owned()
                + &keeper("interrupts-extended = <&exti 1>;"),
            unread,
        ),
        (
            "odd: odd { };".to_owned() + &keeper("interrupts-extended = <&nvic 9 0>, <&odd 3>;"),
            unread,
        ),
        (keeper("interrupts-extended = <&nvic 99 0>, <&nvic 5>;"), unread),
        (keeper("interrupts = <9 0>, <3>;"), unread),
        (keeper("interrupt-parent = <0x77>; interrupts = <9 0>;"), unread),
        // A part of a block: the block's lines are the firmware's.
        (
            "k: spi@40008000 { reg = <0x40008000 0x100>; interrupts = <5 0>; #address-cells = <1>; #size-cells = <0>; c@0 { reg = <0>; berth,reserved = \"c\"; }; };".to_owned(),
            line,
        ),
    ] {
        refused("", "", &nodes, with);
    }
    let chosen = "chosen { stdout-path = &k; };";
    let map = nexus("<3 &nvic 5 0>").replace("berth,reserved = \"k\";", "");
    refused(chosen, "", &map, line);
}

#[test]
fn chosen_names_nodes_as_the_specification_says() {
    let aliases = "aliases { bus = \"/soc\"; tm = \"tx\"; tx = &x; round = \"round\"; };";
    for value in [
        "\"/soc/serial@40001000/\"",
        "\"tm\"",
        "\"bus/serial@40001000:115200n8\"",
        "\"bus/serial\"",
        "&x, <1>",
        "<1>, \"tx\"",
    ] {
        for property in ["stdout-path", "firmware,timer"] {
            let root = format!("{aliases} chosen {{ {property} = {value}; }};");
            refused(&root, "", "", "x is the ");
        }
    }
    for value in [
        "\"round\"",
        "\"nobody\"",
        "\"bus/nobody\"",
        "\"/soc/nobody@1\"",
        "<0x77>",
    ] {
        let root = format!("{aliases} chosen {{ stdout-path = {value}; }};");
        refused(
            &root,
            "",
            "",
            "names no node, so what the firmware uses is not known",
        );
    }
    // Words for the firmware.
    accepted(
        "chosen { bootargs = \"console=ttyS0\"; seed = [01 02 03]; };",
        "",
        "",
    );
}

#[test]
fn names_are_known_in_the_forms_that_trees_have() {
    for (name, what) in [
        ("dma1", "a DMA controller"),
        ("DMA2", "a DMA controller"),
        ("dma_controller", "a DMA controller"),
        ("cru", "a clock controller"),
        ("RCC", "a clock controller"),
        ("pin_mux-0", "a pin controller"),
        ("wdt0", "a watchdog"),
    ] {
        let x = format!("{name} {{ }};");
        refused("", &x, "", &format!("x is {what}"));
    }
}

#[test]
fn labels_stand_anywhere_in_a_value() {
    accepted(
        "",
        "",
        "c: serial@40007000 { reg = <v1: 0x40007000 0x1000 v2:>; l: y = m: \"b:\", n: \"c\" o:; z = [p: 01 q: 02]; };",
    );
    refused(
        "",
        "",
        "c: t@40001000 { reg = <v1: 0x40001000 v2: 0x100 v3:> v4:; };",
        "overlap those of c",
    );
}

#[test]
fn a_bus_of_wide_addresses_is_its_windows() {
    let pci = |at: &str| {
        format!(
            "pci: pci {{ #address-cells = <3>; #size-cells = <2>; ranges = <0x02000000 0 0 {at} 0 0x1000>; y: y {{ reg = <0x02000000 0 0 0 0x10>; }}; }};"
        )
    };
    accepted("", "", &pci("0x60000000"));
    refused("", "", &pci("0x40001000"), "overlap those of pci");
}

#[test]
fn a_block_at_two_addresses_and_a_controller_of_three_cells_are_named() {
    let nodes = "b { #address-cells = <1>; #size-cells = <1>; ranges = <0 0x40000000 0x10000>, <0 0x50000000 0x10000>; w: w@5000 { reg = <0x5000 0x100>; berth,harmless = \"m\"; }; };";
    let board = format!(
        "/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>; filter {{ compatible = \"berth,syscall-filter\"; }};
        nvic: c {{ compatible = \"arm,v7m-nvic\"; #interrupt-cells = <3>; }};
        x: x@40001000 {{ compatible = \"arm,cmsdk-uart\"; reg = <0x40001000 0x100>; interrupt-parent = <&nvic>; interrupts = <1 2 3>; interrupt-names = \"rx\"; }};
        {nodes} }};"
    );
    let exposure = "a { register-block = <&w>; access = \"mediated\"; }; b { register-block = <&x>; access = \"mediated\"; interrupts = \"rx\"; };";
    let problems = exposures_of(&board, exposure).err().unwrap_or_default();
    for with in [
        "the buses above w let it through at several addresses",
        "nvic has 3 #interrupt-cells, and the processor's controller has a line",
    ] {
        assert!(
            problems.iter().any(|p| p.contains(with)),
            "{problems:?} without {with}"
        );
    }
}

/// The first entry of `reg` is what is exposed; where the buses keep it from the processor, no other is.
#[test]
fn of_several_entries_the_first_is_meant_or_none() {
    for (reg, reached) in [
        ("<0x1000 0x100>, <0x20000 0x100>", Some(0x4000_1000)),
        ("<0x20000 0x100>, <0x1000 0x100>", None),
    ] {
        let board = format!(
            "/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>; filter {{ compatible = \"berth,syscall-filter\"; }};
            b {{ #address-cells = <1>; #size-cells = <1>; ranges = <0 0x40000000 0x10000>;
            w: w {{ reg = {reg}; berth,harmless = \"m\"; }}; }}; }};"
        );
        let exposed = exposures_of(
            &board,
            "a { register-block = <&w>; access = \"mediated\"; read-effects = \"DATA\"; };",
        );
        match (reached, exposed) {
            (Some(base), Ok(found)) => assert_eq!(found.exposures[0].base, base),
            (None, Err(problems)) => {
                let none = "a has no registers in the processor's address space";
                assert!(problems.iter().any(|p| p.contains(none)), "{problems:?}");
            }
            (_, exposed) => panic!("{reg}: {exposed:?}"),
        }
    }
}

/// What the firmware keeps has what it uses, however the source says that it does.
#[test]
fn what_is_used_by_what_the_firmware_keeps_is_kept() {
    let pwm = "#pwm-cells = <2>;";
    let heater = "heater, which is the heater";
    let kept = "berth,reserved = \"the heater\";";
    for uses in [
        "pwms = <&x 0 1000>;",
        "pwms = <&nvic 1 2>, <&x 0 1000>;",
        "vendor,table = <1 2 &x>;",
        "vendor,path = &x;",
        "vendor,path = \"on\", \"/soc/serial@40001000\";",
        "vendor,path = \"/soc/serial\";",
        "vendor,path = \"/soc/serial@40001000:115200\";",
        "interrupt-parent = <&x>; interrupts = <1>;",
        "interrupts-extended = <&x 1>;",
        "gpios = <&{/soc/serial@40001000} 3>;",
    ] {
        let x = format!("{pwm} #interrupt-cells = <1>;");
        let node = format!("heater: heater {{ {uses} {kept} }};");
        refused(&node, &x, "", &format!("x is used by {heater}"));
        // A child, and what is on a bus, are kept with it.
        let above = format!("heaters {{ {kept} heater: heater {{ {uses} }}; }};");
        refused(&above, &x, "", &format!("x is used by {heater}"));
        let chosen =
            format!("chosen {{ firmware,heater = &heater; }}; heater: heater {{ {uses} }};");
        refused(
            &chosen,
            &x,
            "",
            "x is used by heater, which is the firmware's",
        );
        let free = format!("heater: heater {{ {uses} }};");
        assert_eq!(said(&free, &x, "")[..], [""; 0], "{uses}");
    }
    for uses in ["lines:9600", "lines"] {
        let node =
            format!("aliases {{ lines = &x; }}; heater: heater {{ out = \"{uses}\"; {kept} }};");
        refused(&node, "", "", &format!("x is used by {heater}"));
    }
    // In steps, through a part of x, and by a phandle that the source states.
    let steps = "fan { berth,reserved = \"the fan\"; speed = <&sensor>; }; sensor: sensor { io-channels = <&x 1>; };";
    refused(
        steps,
        "",
        "",
        "x is used by sensor, which is used by /fan, which is the fan",
    );
    let chip = "#address-cells = <1>; #size-cells = <0>; dac: dac@0 { reg = <0>; };";
    let node = format!("heater: heater {{ vendor,dac = <&dac>; {kept} }};");
    refused(&node, chip, "", &format!("x is used by {heater}"));
    for uses in ["pwms = <0x77 0 1000>;", "pwms = <&x 0 1000>;"] {
        let node = format!("heater: heater {{ {uses} {kept} }};");
        refused(
            &node,
            "phandle = <0x77>;",
            "",
            &format!("x is used by {heater}"),
        );
    }
    // A number that happens to be that of a phandle is none.
    let numbers: String = (0..64).map(|number| format!("{number} ")).collect();
    let node = format!("heater: heater {{ vendor,levels = <{numbers}>; {kept} }};");
    accepted(&node, "", "");
    accepted(
        &format!("heater {{ reg = <0x77 1>; {kept} }};").replace("reg", "clock-frequency"),
        "phandle = <0x77>;",
        "",
    );
}

/// The controller of its interrupts, which a node above names or is, and what the buses above it use.
#[test]
fn what_is_used_through_the_nodes_above_is_kept() {
    let cells = "#address-cells = <1>; #size-cells = <1>; ranges;";
    let port = "#interrupt-cells = <1>;";
    let interrupt = "interrupts = <3>;";
    let used = "x is used by k, which is k";
    let bus = |above: &str, k: &str| format!("b: b {{ {cells} {above} {} }};", keeper(k));
    refused("", port, &bus("interrupt-parent = <&x>;", interrupt), used);
    // Another controller than that of the bus.
    refused(
        "",
        port,
        &bus(
            "interrupt-parent = <&nvic>;",
            "interrupt-parent = <&x>; interrupts = <3>;",
        ),
        used,
    );
    // The nearest node above that takes interrupts, without a word: what is on x is of x anyway, but not what x leads to.
    let nexus =
        "nx: nexus { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <3 &x 1>; };";
    refused(
        "",
        port,
        &format!("{nexus} {}", bus("interrupt-parent = <&nx>;", interrupt)),
        "x is used by nx, which is used by k",
    );
    refused(
        "",
        port,
        &bus("clocks = <&x 1>;", ""),
        "x is used by b, which is k",
    );
    accepted(
        "",
        port,
        &bus("clocks = <&x 1>;", "").replace("berth,reserved = \"k\";", ""),
    );
}

/// A phandle by its name of old is one.
#[test]
fn a_phandle_of_old_is_followed() {
    let heater = "heater { berth,reserved = \"the heater\"; cool = USES; };";
    let mid = "mid: mid { pwms = <&x 0>; linux,phandle = <0x77>; };";
    for uses in ["<&mid>", "<0x77>", "&mid"] {
        let root = format!("{mid} {}", heater.replace("USES", uses));
        refused(&root, "", "", "x is used by mid, which is used by /heater");
    }
    for uses in ["<&x 1>", "<0x77 1>"] {
        let root = heater.replace("USES", uses);
        refused(&root, "linux,phandle = <0x77>;", "", "x is used by /heater");
    }
}

#[test]
fn what_is_below_chosen_names_what_it_refers_to() {
    for names in ["<&x 1>", "\"/soc/serial@40001000\"", "&x"] {
        refused(
            &format!("chosen {{ c {{ vendor,timer = {names}; }}; }};"),
            "",
            "",
            "x is the firmware's (chosen/c)",
        );
    }
    let numbers: String = (0..64).map(|number| format!("{number} ")).collect();
    accepted(
        &format!("chosen {{ c {{ vendor,levels = <{numbers}>; }}; }};"),
        "",
        "",
    );
}

/// What is reserved by its status works, in the hands of another software.
#[test]
fn what_is_reserved_by_its_status_is_kept() {
    let at = |status: &str, reg: &str| {
        format!("y: timer@40001080 {{ reg = <{reg}>; interrupts = <5 0>; {status} }};")
    };
    let reserved = "status = \"reserved\";";
    refused(
        "",
        "",
        &at(reserved, "0x40001080 0x10"),
        "the registers of x overlap those of y",
    );
    refused(
        "",
        "",
        &at(reserved, "0x40005000 0x10"),
        "its line 5 is that of y",
    );
    for free in [
        "status = \"disabled\";",
        "status = \"fail\";",
        "status = \"fail-sss\";",
    ] {
        accepted("", "", &at(free, "0x40005000 0x10"));
    }
    for used in ["", "status = \"okay\";", "status = \"ok\";"] {
        refused(
            "",
            "",
            &at(used, "0x40001080 0x10"),
            "the registers of x overlap those of y",
        );
    }
}

/// However many nodes are used by one another, each is looked at when its user is known to be kept; they were all
/// looked at for each of them.
#[test]
fn long_chains_of_uses_come_to_an_end() {
    const NODES: usize = 600;
    for reversed in [false, true] {
        let node = |n: usize| {
            let next = match n {
                NODES => "&x".to_owned(),
                n => format!("&n{}", n + 1),
            };
            format!("n{n}: n{n} {{ uses = <{next}>; }};")
        };
        let mut nodes: Vec<String> = (1..=NODES).map(node).collect();
        if reversed {
            nodes.reverse();
        }
        let nodes = nodes.concat();
        accepted("", "", &nodes);
        let keeper = "k: k { berth,reserved = \"the heater\"; uses = <&n1>; };";
        refused(
            "",
            "",
            &format!("{nodes} {keeper}"),
            "x is used by n600, which is used, 600 steps away, by what is the heater",
        );
    }
}

/// Rows of maps that lead to many rows of others, and a width that no memory holds.
#[test]
fn maps_of_interrupts_are_followed_in_bounds() {
    let map = |n: usize| {
        let to = match n {
            14 => "&nvic 9 0".to_owned(),
            n => format!("&m{} 1", n + 1),
        };
        let rows = vec![format!("<1 {to}>"); 40].join(", ");
        format!(
            "m{n}: m{n} {{ #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = {rows}; }};"
        )
    };
    let maps: String = (0..15).map(map).collect();
    let kept = "k: k { berth,reserved = \"k\"; interrupt-parent = <&m0>; interrupts = <1>; };";
    accepted("", "", &format!("{maps} {kept}"));
    let line = maps.replace("&nvic 9 0", "&nvic 5 0");
    refused("", "", &format!("{line} {kept}"), "its line 5 is that of k");
    let wide = "m0: m0 { #address-cells = <0xffffffff>; #interrupt-cells = <1>; interrupt-map = <1 &nvic 9 0>; };";
    refused("", "", &format!("{wide} {kept}"), "has no whole rows");
}

#[test]
fn a_parent_of_interrupts_that_is_no_node_is_named() {
    refused(
        "",
        "interrupt-parent = <77>;",
        "",
        "the interrupt-parent of x is no node",
    );
}

#[test]
fn two_interrupts_of_one_name_cannot_be_told_apart() {
    let board = crate::support::BOARD.replace("\"rx\", \"tx\"", "\"rx\", \"rx\"");
    let exposure = "a { register-block = <&regs>; access = \"mediated\"; masks = \"CTRL rw 0xf0f\"; interrupts = \"rx\"; };";
    let problems = exposures_of(&board, exposure).unwrap_err();
    let with = "regs has several interrupts named rx";
    assert!(problems.iter().any(|p| p.contains(with)), "{problems:?}");
}

/// A list of strings is one however its source or dtc wrote it, and bytes that are paths are some.
#[test]
fn a_name_counts_however_it_is_written() {
    let path = "/soc/serial@40001000";
    let hex: String = path.bytes().map(|byte| format!("{byte:02x} ")).collect();
    let cells: String = path
        .as_bytes()
        .chunks(4)
        .map(|four| {
            four.iter()
                .fold("0x".to_owned(), |cell, byte| cell + &format!("{byte:02x}"))
                + " "
        })
        .collect();
    for value in [
        format!("\"{path}\""),
        format!("\"fw\", \"{path}\""),
        format!("\"fw\\0{path}\""),
        format!("\"fw\\x00{path}\\0\""),
        format!("\"fw\\0\\0{path}\\0more\""),
        format!("[{hex}00]"),
        format!("[66 77 00 {hex}00]"),
        format!("<{cells}>"),
    ] {
        let kept = "berth,reserved = \"the heater's\";";
        refused(
            &format!("heater {{ {kept} io = {value}; }};"),
            "",
            "",
            "x is",
        );
        refused(&format!("chosen {{ io = {value}; }};"), "", "", "x is");
        refused(
            &format!("chosen {{ below {{ io = {value}; }}; }};"),
            "",
            "",
            "x is",
        );
        accepted(&format!("heater {{ io = {value}; }};"), "", "");
    }
    // What is escaped otherwise ends nothing.
    accepted(&format!("chosen {{ io = \"a\\\\0{path}\"; }};"), "", "");
}
