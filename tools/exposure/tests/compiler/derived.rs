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
