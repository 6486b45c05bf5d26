//! What derived elements of SVD files inherit beside parts of their own, and what is repeated too often or oddly.

use berth_exposure_compiler::Configuration;

use crate::vendors::{exposed, peripheral, register};

const ACTS: &str = "<readAction>modify</readAction>";

fn names(result: &Result<Configuration, Vec<String>>) -> Vec<(String, u32)> {
    let map = &result.as_ref().unwrap().exposures[0].map;
    map.iter()
        .map(|register| (register.name.clone(), register.offset))
        .collect()
}

#[track_caller]
fn refused(result: Result<Configuration, Vec<String>>, with: &str) {
    let problems = result.map(|_| ()).unwrap_err();
    assert!(
        problems.iter().any(|p| p.contains(with)),
        "{problems:?} without {with}"
    );
}

#[test]
fn a_derived_peripheral_has_the_others_too() {
    let source = peripheral(
        "Y",
        "0x40100000",
        &(register("CR", 0, ACTS) + &register("DR", 4, ACTS) + &register("SR", 8, "")),
    );
    let middle = "<peripheral derivedFrom=\"Y\"><name>Z</name><baseAddress>0x40200000</baseAddress><registers>".to_owned()
        + &register("SR", 0x10, "")
        + "</registers></peripheral>";
    let own = |from: &str| {
        format!(
            "<peripheral derivedFrom=\"{from}\"><name>X</name><baseAddress>0x40000000</baseAddress><registers>{}{}</registers></peripheral>",
            register("CR", 0, ""),
            register("NEW", 0x20, "")
        )
    };
    for (from, sr) in [("Y", 8), ("Z", 0x10)] {
        for order in [
            format!("{source}{middle}{}", own(from)),
            format!("{}{middle}{source}", own(from)),
        ] {
            let entry = |name: &str| exposed(&order, &format!("masks = \"{name} r 0x1\";"));
            refused(entry("DR"), "reading DR has an effect");
            let one = [("CR", 0), ("DR", 4), ("SR", sr), ("NEW", 0x20)];
            let mut one = one.map(|(name, at)| (name.to_owned(), at));
            one.sort_by_key(|(_, at)| *at);
            // Its own CR, of which reading does nothing.
            assert_eq!(names(&entry("CR")), one);
            // And when all of it is exposed.
            refused(exposed(&order, ""), "has an effect");
        }
    }
}

#[test]
fn derived_registers_and_clusters_have_the_others_too() {
    let field = |name: &str, bits: &str, more: &str| {
        format!("<field><name>{name}</name><bitRange>{bits}</bitRange>{more}</field>")
    };
    let first = register(
        "A",
        0,
        &format!(
            "<fields>{}{}</fields>",
            field("EN", "[0:0]", ""),
            field("KEY", "[15:8]", "<access>write-only</access>")
        ),
    );
    for from in ["A", "Y.A"] {
        let second = register(
            "B",
            4,
            &format!("<fields>{}</fields>", field("EN", "[1:1]", "")),
        )
        .replace("<register>", &format!("<register derivedFrom=\"{from}\">"));
        let text = match from {
            "A" => peripheral("X", "0x40000000", &(first.clone() + &second)),
            _ => peripheral("X", "0x40000000", &second) + &peripheral("Y", "0x40100000", &first),
        };
        refused(
            exposed(&text, "reading-acts = \"none\"; masks = \"B rw 0x2\";"),
            "would also change its bits 0xff00",
        );
    }
    let cluster = |name: &str, at: u32, from: &str, registers: &str| {
        format!(
            "<cluster{from}><name>{name}</name><addressOffset>{at:#x}</addressOffset>{registers}</cluster>"
        )
    };
    let text = peripheral(
        "X",
        "0x40000000",
        &(cluster(
            "C",
            0,
            "",
            &(register("DR", 0, ACTS) + &register("CR", 4, "")),
        ) + &cluster("D", 0x10, " derivedFrom=\"C\"", &register("NEW", 8, ""))),
    );
    refused(
        exposed(&text, "masks = \"D_DR r 0x1\";"),
        "reading D_DR has an effect",
    );
    let all = names(&exposed(&text, "masks = \"D_CR r 0x1\";"));
    assert_eq!(all.last(), Some(&("D_NEW".to_owned(), 0x18)));
    assert_eq!(all.len(), 5);
}

#[test]
fn repetitions_without_end_are_named() {
    let many = |count: &str| format!("<dim>{count}</dim><dimIncrement>4</dimIncrement>");
    let words = "have more registers and fields than can be read, 65536 with all their repetitions: correct dim";
    let cluster = |inner: &str| {
        format!(
            "<cluster><name>C%s</name><addressOffset>0</addressOffset>{}{inner}</cluster>",
            many("5000")
        )
    };
    for registers in [
        register("R%s", 0, &many("4000000000")),
        cluster(&cluster(&register("A", 0, "")).replace("C%s", "D%s")),
        cluster(&register("R%s", 0, &many("100"))),
        register(
            "A",
            0,
            &format!(
                "<fields><field><name>F%s</name><bitRange>[0:0]</bitRange>{}</field></fields>",
                many("4000000000")
            ),
        ),
        register("R%s", 0, &(many("2") + "<dimIndex>0-4000000000</dimIndex>")),
    ] {
        let text = peripheral("X", "0x40000000", &registers);
        refused(exposed(&text, "reading-acts = \"none\";"), words);
    }
    // Of what nobody exposes nothing is said.
    let text = peripheral("X", "0x40000000", &register("A", 0, ""))
        + &peripheral("Y", "0x40001000", &register("R%s", 0, &many("4000000000")));
    assert!(exposed(&text, "reading-acts = \"none\";").is_ok());
}

#[test]
fn indices_are_read_as_the_schema_has_them() {
    let array = |count: u32, indices: &str| {
        let more = format!(
            "<dim>{count}</dim><dimIncrement>4</dimIncrement><dimIndex>{indices}</dimIndex>"
        );
        peripheral("X", "0x40000000", &register("R%s", 0, &more))
    };
    for indices in ["x, y", " x,\n y ", "x,y"] {
        let text = array(2, indices);
        let result = exposed(&text, "reading-acts = \"none\"; masks = \"Ry r 0x1\";");
        assert_eq!(names(&result), [("Rx".to_owned(), 0), ("Ry".to_owned(), 4)]);
    }
    for (count, indices) in [(4, "x,y"), (2, "0x0-0x1")] {
        let result = exposed(
            &array(count, indices),
            "reading-acts = \"none\"; masks = \"R0 r 0x1\";",
        );
        refused(
            result,
            "what the SVD file says of register R%s of x makes no sense (",
        );
        let result = exposed(
            &array(count, indices),
            "reading-acts = \"none\"; masks = \"Q r 0x1\";",
        );
        refused(result, "remedy: use one of: none (R%s: ");
    }
}

#[test]
fn numbers_without_measure_are_odd_only_where_they_are() {
    let far = "<dim>2</dim><dimIncrement>0xfffffff0</dimIncrement>";
    let field = |bits: &str, more: &str| {
        format!("<fields><field{more}><name>F</name>{bits}</field></fields>")
    };
    let cluster = |offset: &str, inner: &str| {
        format!("<cluster><name>C</name><addressOffset>{offset}</addressOffset>{inner}</cluster>")
    };
    for odd in [
        cluster("0xfffffff0", &register("R", 0x100, "")),
        cluster("0x100", &register("R%s", 0x20, far)),
        cluster("0x100", &format!("{}{}", far, register("R", 0x10, ""))).replace(">C<", ">C%s<"),
        register("R%s", 0x100, far),
        register(
            "R",
            0x100,
            &field("<bitRange>[4294967295:0]</bitRange>", ""),
        ),
        register(
            "R",
            0x100,
            &field("<bitRange>[0:0]</bitRange>", " derivedFrom=\"A.F\""),
        ),
        register(
            "R",
            0x100,
            &field(
                "<dim>2</dim><dimIncrement>4294967295</dimIncrement><bitRange>[1:0]</bitRange>",
                "",
            )
            .replace(">F<", ">F%s<"),
        ),
    ] {
        let text = peripheral("X", "0x40000000", &(register("A", 0, "") + &odd));
        let result = exposed(&text, "reading-acts = \"none\"; masks = \"A rw 0x1\";");
        assert!(result.is_ok(), "{odd}: {:?}", result.err());
    }
}

#[test]
fn what_is_nested_without_end_is_a_message() {
    let mut inner = register("R", 0, "");
    for _ in 0..20_000 {
        inner = format!("<cluster><name>C</name><addressOffset>0</addressOffset>{inner}</cluster>");
    }
    let text = peripheral("X", "0x40000000", &inner);
    refused(exposed(&text, "reading-acts = \"none\";"), "nested");
}

const CLEAR: &str = "<modifiedWriteValues>oneToClear</modifiedWriteValues>";
const ONE: &str = "reading-acts = \"none\"; masks = \"R rw 0x1\";";

fn field(name: &str, bit: u32, more: &str) -> String {
    format!(
        "<field><name>{name}</name><bitOffset>{bit}</bitOffset><bitWidth>1</bitWidth>{more}</field>"
    )
}

/// As many as are followed are inherited whole; over more, nothing is lost in silence.
#[test]
fn a_long_row_of_derivations_is_whole_or_a_mistake() {
    let row = |steps: u32| {
        let first = field("A", 0, "") + &field("B", 1, "") + &field("C", 8, CLEAR);
        let mut all = register("R0", 0x80, &format!("<fields>{first}</fields>"));
        for step in 1..=steps {
            let (name, offset) = match step == steps {
                true => ("R".to_owned(), 0),
                false => (format!("R{step}"), 0x80 + 4 * step),
            };
            let own = format!(
                "<fields>{}</fields>",
                field(&format!("F{step}"), 16 + step % 8, "")
            );
            let from = format!("<register derivedFrom=\"R{}\">", step - 1);
            all += &register(&name, offset, &own).replace("<register>", &from);
        }
        exposed(&peripheral("X", "0x40000000", &all), ONE)
    };
    for steps in [1, 8, 9, 32] {
        refused(row(steps), "some keep their value and in others a one acts");
    }
    for steps in [33, 60] {
        refused(row(steps), "is derived over more than 32 others");
    }
    // A ring, and what nobody exposes.
    let ring = |base: &str| {
        let one = |name: &str, from: &str, at| {
            register(name, at, "")
                .replace("<register>", &format!("<register derivedFrom=\"{from}\">"))
        };
        peripheral("Y", base, &(one("A", "B", 0) + &one("B", "A", 4)))
            + &peripheral("X", "0x40000000", &register("R", 0, ""))
    };
    refused(
        exposed(&ring("0x40000000"), ONE),
        "is derived over more than 32 others",
    );
    assert!(exposed(&ring("0x40001000"), ONE).is_ok());
}

/// What reaches into a block by a number that it inherits.
#[test]
fn a_repetition_that_is_inherited_reaches_as_far() {
    let many = "<dim>64</dim><dimIncrement>0x40</dimIncrement>";
    let derived = |name: &str, from: &str, offset: &str| {
        format!("<register derivedFrom=\"{from}\"><name>{name}</name>{offset}</register>")
    };
    let block = peripheral("X", "0x40000000", &register("R", 0, ""));
    let source = peripheral(
        "S",
        "0x40300000",
        &register("T[%s]", 0x40, &format!("{many}{ACTS}")),
    );
    let at = "<addressOffset>0x40</addressOffset>";
    let whole = "<peripheral><name>S%s</name><dim>2</dim><dimIncrement>0x1000</dimIncrement><baseAddress>0x60000000</baseAddress><registers>".to_owned()
        + &register("T", 0, ACTS)
        + "</registers></peripheral><peripheral derivedFrom=\"S%s\"><name>Q%s</name><baseAddress>0x3ffff000</baseAddress></peripheral>";
    for others in [
        source.clone() + &peripheral("Q", "0x3ffff000", &derived("V[%s]", "S.T[%s]", at)),
        whole,
    ] {
        let text = others + &block;
        refused(
            exposed(&text, "masks = \"R r 0x1\";"),
            "reading R has an effect",
        );
        refused(exposed(&text, ""), "has an effect");
    }
}

/// Numbers in each of the forms that files have, and one in none: what is there may be anywhere.
#[test]
fn numbers_are_read_in_every_form() {
    let block = peripheral("X", "0x40000000", &register("R", 0, ""));
    let acts = "reading R has an effect";
    let other = |base: &str, offset: &str, more: &str| {
        let register = format!(
            "<register><name>Y</name><addressOffset>{offset}</addressOffset>{more}{ACTS}</register>"
        );
        block.clone() + &peripheral("Y", base, &register)
    };
    let reads = "masks = \"R r 0x1\";";
    let two = |count: &str| format!("<dim>{count}</dim><dimIncrement>0x1000</dimIncrement>");
    for text in [
        other("1073741824", "0", ""),
        other("0b1000000000000000000000000000000", "0", ""),
        other("#1000000000000000000000000000000", "0b0", ""),
        other("1048576K", "0K", ""),
        other("1024m", "0", ""),
        other("+1G", "0", ""),
        other("<!--x-->0x40000000<!--y-->", "0", ""),
        other("0x3ffff000", "4k", ""),
        other("0x3ffff000", "0b1000000000000", ""),
        other("0x3ffff000", "0", &two("0b10")).replace(">Y</name><address", ">Y%s</name><address"),
    ] {
        // What this program reads and its parser does not may be anywhere, too.
        let problems = exposed(&text, reads).map(|_| ()).unwrap_err();
        let told = |p: &String| {
            p.contains(acts)
                || p.contains("makes no sense")
                || p.contains("cannot use the SVD file")
        };
        assert!(problems.iter().any(told), "{text}: {problems:?}");
    }
    for text in [
        other("somewhere", "0", ""),
        other("0x4000<!--x-->0000", "0", ""),
        other("0x3ffff000", "somewhere", ""),
        other("0x3ffff000", "0", &two("many")).replace(">Y</name><address", ">Y%s</name><address"),
    ] {
        refused(exposed(&text, reads), "nothing says where");
    }
    // Behind the block it is not, wherever its registers are.
    assert!(
        exposed(
            &other("0x40000100", "somewhere", ""),
            &(reads.to_owned() + "reading-acts = \"none\";")
        )
        .is_ok()
    );
}

/// What a register is by the words of the element that it is in holds where it is inherited, too.
#[test]
fn what_decides_about_an_access_is_inherited_with_it() {
    let words = "<readAction>clear</readAction>";
    let fields = format!(
        "<fields>{}{}</fields>",
        field("A", 0, ""),
        field("B", 1, "")
    );
    let inner = register("R", 0, &fields);
    let own = register("OWN", 0x40, "");
    let of_peripherals = |says: &str, own: &str| {
        format!(
            "<peripheral><name>Y</name><baseAddress>0x40300000</baseAddress>{says}<registers>{inner}</registers></peripheral>
             <peripheral derivedFrom=\"Y\"><name>X</name><baseAddress>0x40000000</baseAddress>{own}</peripheral>"
        )
    };
    let of_clusters = |says: &str, own: &str| {
        let clusters = format!(
            "<cluster><name>C0</name><addressOffset>0x80</addressOffset>{says}{inner}</cluster>
             <cluster derivedFrom=\"C0\"><name>C</name><addressOffset>0</addressOffset>{own}</cluster>"
        );
        peripheral("X", "0x40000000", &clusters)
    };
    for (access, rights, with) in [
        ("write-only", "r", "says write-only"),
        ("read-only", "w", "says read-only"),
        ("writeOnce", "rw", ""),
        ("read-writeOnce", "rw", ""),
    ] {
        let says = format!("<access>{access}</access>");
        let masks =
            |name: &str| format!("reading-acts = \"none\"; masks = \"{name} {rights} 0x1\";");
        for own in [String::new(), format!("<registers>{own}</registers>")] {
            refused(exposed(&of_peripherals(&says, &own), &masks("R")), with);
        }
        for own in ["", own.as_str()] {
            refused(exposed(&of_clusters(&says, own), &masks("C_R")), with);
        }
        // Its own word comes first.
        let other = format!("<access>read-write</access><registers>{own}</registers>");
        let result = exposed(&of_peripherals(&says, &other), ONE);
        assert!(result.is_ok(), "{access}: {:?}", result.err());
    }
    let sized = of_peripherals("<size>16</size>", &format!("<registers>{own}</registers>"));
    let result = exposed(&sized, "reading-acts = \"none\"; masks = \"R rw 0x3\";");
    let configuration = result.unwrap();
    let registers = configuration.exposures[0].registers.as_ref().unwrap();
    assert_eq!(registers[0].size, 16);
    // What is replaced where it is inherited is not what others there are derived from.
    let heir = "<peripheral><name>Y</name><baseAddress>0x40300000</baseAddress><registers>"
        .to_owned()
        + &register("S", 0x80, words)
        + &register("R", 0, &fields).replace("<register>", "<register derivedFrom=\"S\">")
        + "</registers></peripheral><peripheral derivedFrom=\"Y\"><name>X</name><baseAddress>0x40000000</baseAddress><registers>"
        + &register("S", 0x80, "")
        + "</registers></peripheral>";
    refused(
        exposed(&heir, "masks = \"R r 0x1\";"),
        "has an effect (clear)",
    );
    // Nothing of its own is not nothing.
    for empty in [
        "<registers></registers>",
        "<registers/>",
        "<registers><!--x--></registers>",
    ] {
        let text = of_peripherals("<access>write-only</access>", empty);
        refused(
            exposed(&text, "reading-acts = \"none\"; masks = \"R r 0x1\";"),
            "says write-only",
        );
    }
    let array = register(
        "S%s",
        0x80,
        &format!("<dim>2</dim><dimIncrement>4</dimIncrement>{fields}"),
    ) + &register("R", 0, &format!("<fields>{}</fields>", field("A", 0, "")))
        .replace("<register>", "<register derivedFrom=\"S0\">");
    refused(
        exposed(&peripheral("X", "0x40000000", &array), ONE),
        "is not found by its name",
    );
    // Of a register, and of one of a register.
    let acts = register("S", 0x80, words)
        + &register("R", 0, &fields).replace("<register>", "<register derivedFrom=\"S\">");
    refused(
        exposed(
            &peripheral("X", "0x40000000", &acts),
            "masks = \"R r 0x1\";",
        ),
        "has an effect (clear)",
    );
}

/// A register of any width has all its bits where they are, before the block's beginning and behind its first word.
#[test]
fn a_wide_register_reaches_as_far_as_it_is_wide() {
    let block = peripheral(
        "X",
        "0x40000000",
        &register(
            "R",
            4,
            &format!(
                "<fields>{}{}</fields>",
                field("A", 0, ""),
                field("B", 1, "")
            ),
        ),
    );
    let wide = |base: &str, offset: u32, bits: u32, more: &str| {
        block.clone()
            + &peripheral(
                "Y",
                base,
                &register("W", offset, &format!("<size>{bits}</size>{more}")),
            )
    };
    let clear = format!("<fields>{}</fields>", field("C", 45, CLEAR));
    refused(
        exposed(&wide("0x40000000", 0, 256, &clear), ONE),
        "some keep their value and in others a one acts",
    );
    refused(
        exposed(&wide("0x40000000", 0, 256, ACTS), "masks = \"R r 0x1\";"),
        "reading R has an effect",
    );
    for before in [
        wide("0x3ffff000", 0xff0, 256, ACTS),
        wide("0x40000000", 0, 100_000, ACTS),
        wide("0x40000000", 0, 100_000, CLEAR),
    ] {
        refused(exposed(&before, ONE), "makes no sense");
    }
    let short = wide("0x3ffff000", 0xff0, 128, "");
    assert!(
        exposed(&short, ONE).is_ok(),
        "{:?}",
        exposed(&short, ONE).err()
    );
}
