//! SVD files as vendors write them: our own small ones with what theirs have, and, where
//! `BERTH_VENDOR_SVD` names a folder, all that lie in it.

use std::fs;
use std::path::{Path, PathBuf};

use berth_exposure_compiler::{Configuration, compile, labels};
use tempfile::TempDir;

/// A board with one block `x` at 0x40000000, and what `peripherals` says of it.
pub(crate) fn exposed(peripherals: &str, properties: &str) -> Result<Configuration, Vec<String>> {
    let svd = format!(
        "<device schemaVersion=\"1.1\"><name>V</name><version>1</version><description>V</description><addressUnitBits>8</addressUnitBits><width>32</width><size>32</size><access>read-write</access><peripherals>{peripherals}</peripherals></device>"
    );
    compiled(&svd, (0x4000_0000, 0x100), properties)
}

fn compiled(
    svd: &str,
    (base, length): (u64, u64),
    properties: &str,
) -> Result<Configuration, Vec<String>> {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let none = match properties.contains("safe-state") {
        true => "",
        false => "safe-state = \"none\";",
    };
    file("v.svd", svd);
    file(
        "layout.ld",
        "SUPERVISOR_FLASH (rx) : ORIGIN = 0x80000, LENGTH = 0x80000\n",
    );
    file(
        "exposure.dts",
        &format!(
            "/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>; cpus {{ cpu {{ compatible = \"arm,cortex-m0+\"; }}; }};\nx: x@1 {{ reg = <{base:#x} {length:#x}>; berth,harmless = \"its manual\"; }};\nfilter {{ compatible = \"berth,syscall-filter\"; }};\nexposure {{ compatible = \"berth,exposure\"; svd = \"v.svd\";\na {{ register-block = <&x>; access = \"mediated\"; {none} {properties} }}; }}; }};\n"
        ),
    );
    let path = |name: &str| folder.path().join(name);
    compile(&path("exposure.dts"), &path("layout.ld"))
        .map_err(|problems| problems.iter().map(|p| p.problem.to_string()).collect())
}

#[track_caller]
fn refused(result: Result<Configuration, Vec<String>>, with: &str) {
    let problems = result.map(|_| ()).unwrap_err();
    assert!(
        problems.iter().any(|p| p.contains(with)),
        "{problems:?} without {with}"
    );
}

pub(crate) fn peripheral(name: &str, base: &str, registers: &str) -> String {
    format!(
        "<peripheral><name>{name}</name><baseAddress>{base}</baseAddress><registers>{registers}</registers></peripheral>"
    )
}

pub(crate) fn register(name: &str, offset: u32, more: &str) -> String {
    format!(
        "<register><name>{name}</name><addressOffset>{offset:#x}</addressOffset>{more}</register>"
    )
}

const NONE: &str = "reading-acts = \"none\";";
const ACTS: &str = "<readAction>modify</readAction>";

#[test]
fn what_nobody_exposes_is_not_judged() {
    let good = peripheral("X", "0x40000000", &register("A", 0, ""));
    for odd in [
        // Elements that the schema has not, numbers that are none, what is missing or twice.
        peripheral("Y", "0x40001000", &register("B", 0, "<access>sometimes</access>")),
        peripheral("Y", "somewhere", ""),
        peripheral("Y", "0x40001000", "<register><name>B</name></register>"),
        peripheral("Y", "0x40001000", &register("B", 0, "<fields><field><name>F</name><bitRange>[1:2:3]</bitRange></field></fields>")),
        peripheral("Y", "0x40001000", &register("B", 0, "<dim>many</dim>")),
        peripheral("Y", "0x40001000", &register("B[%s]", 0, "<dim>2</dim><dimIncrement>4</dimIncrement><dimIndex>a</dimIndex>")),
        "<peripheral derivedFrom=\"NOBODY\"><name>Y</name><baseAddress>0x40001000</baseAddress></peripheral>".to_owned(),
        "<peripheral><baseAddress>0x40001000</baseAddress></peripheral>".to_owned(),
        "<peripheral/>".to_owned(),
        "<something/>".to_owned(),
    ] {
        for order in [format!("{good}{odd}"), format!("{odd}{good}")] {
            assert!(exposed(&order, NONE).is_ok(), "{odd}: {:?}", exposed(&order, NONE).err());
        }
    }
}

/// Registers of which the file says where they are, and something else that makes no sense.
fn odd_registers() -> Vec<String> {
    vec![
        register("B", 4, "<access>sometimes</access>"),
        register("B", 4, "<size>wide</size>"),
        register("B", 4, "<readAction>perhaps</readAction>"),
        register(
            "B",
            4,
            "<fields><field><name>F</name><bitRange>[1:2:3]</bitRange></field></fields>",
        ),
        register("B", 4, "<fields><field><name>F</name></field></fields>"),
        "<cluster><name>C</name><addressOffset>0</addressOffset>".to_owned()
            + &register("B", 4, "<access>sometimes</access>")
            + "</cluster>",
    ]
}

#[test]
fn an_odd_register_is_judged_only_with_what_shares_its_bytes() {
    let (a, c) = (register("A", 0, ""), register("C", 0xc, ""));
    for odd in odd_registers() {
        for order in [
            format!("{a}{odd}{c}"),
            format!("{odd}{c}{a}"),
            format!("{c}{a}{odd}"),
        ] {
            // Alone, and in a peripheral that others are derived from.
            let derived = "<peripheral derivedFrom=\"Y\"><name>X</name><baseAddress>0x40000000</baseAddress></peripheral>";
            let again = "<peripheral derivedFrom=\"Z\"><name>Y</name><baseAddress>0x40300000</baseAddress></peripheral>";
            let layouts = [
                peripheral("X", "0x40000000", &order),
                peripheral("Y", "0x40100000", &order) + derived,
                peripheral("Z", "0x40100000", &order) + again + derived,
            ];
            for layout in layouts {
                let exposed = |masks: &str| exposed(&layout, &format!("{NONE} {masks}"));
                let found = exposed("masks = \"A rw 0xff\", \"C r 0x1\";").unwrap();
                let skipped = &found.exposures[0].skipped;
                assert!(
                    skipped.iter().any(|s| s.starts_with("register B: ")),
                    "{skipped:?}"
                );
                for whole in ["", "masks = \"B r 0x1\";"] {
                    refused(exposed(whole), "register B of x makes no sense");
                }
            }
        }
    }
    // What shares a byte with it, by another name.
    let shared = register("A", 0, "") + &register("D", 4, "") + &odd_registers()[0];
    let shared = peripheral("X", "0x40000000", &shared);
    refused(
        exposed(&shared, &format!("{NONE} masks = \"D r 0x1\";")),
        "register B of x makes no sense",
    );
    assert!(exposed(&shared, &format!("{NONE} masks = \"A r 0x1\";")).is_ok());
    // An array of them reaches further.
    let array = register(
        "B[%s]",
        4,
        "<dim>3</dim><dimIncrement>4</dimIncrement><access>sometimes</access>",
    );
    let array = peripheral("X", "0x40000000", &(array + &c + &register("E", 0x20, "")));
    refused(
        exposed(&array, &format!("{NONE} masks = \"C r 0x1\";")),
        "makes no sense",
    );
    assert!(exposed(&array, &format!("{NONE} masks = \"E r 0x1\";")).is_ok());
    // Where nobody knows where it is, it may be anywhere.
    for nowhere in [
        "<register><name>B</name><access>sometimes</access></register>".to_owned(),
        register("B", 4, "<dim>many</dim><access>sometimes</access>"),
        "<cluster><name>C%s</name><dim>x</dim><addressOffset>0</addressOffset>".to_owned()
            + &odd_registers()[0]
            + "</cluster>",
    ] {
        let layout = peripheral("X", "0x40000000", &(a.clone() + &nowhere));
        refused(
            exposed(&layout, &format!("{NONE} masks = \"A r 0x1\";")),
            "cannot use the SVD file",
        );
    }
}

#[test]
fn what_says_nothing_about_an_access_is_not_read() {
    let odd =
        "<interrupt><name>I</name></interrupt><addressBlock><offset>x</offset></addressBlock>";
    let fields = "<fields><field><name>F</name><bitOffset>0</bitOffset><bitWidth>1</bitWidth><enumeratedValues><enumeratedValue><name/><value>??</value></enumeratedValue></enumeratedValues></field></fields>";
    let text = peripheral("X", "0x40000000", &register("A", 0, fields))
        .replace("<registers>", &format!("{odd}<registers>"));
    assert!(
        exposed(&text, NONE).is_ok(),
        "{:?}",
        exposed(&text, NONE).err()
    );
}

#[test]
fn effects_are_those_of_the_bytes_by_whatever_name() {
    let data = register("DATA", 0, ACTS);
    let other = register("STATUS", 0, "");
    // Two registers of a peripheral, in either order, and two peripherals at a base.
    let layouts = [
        peripheral("X", "0x40000000", &format!("{data}{other}")),
        peripheral("X", "0x40000000", &format!("{other}{data}")),
        peripheral("X", "0x40000000", &other) + &peripheral("Y", "0x40000000", &data),
        peripheral("Y", "0x40000000", &data) + &peripheral("X", "0x40000000", &other),
        // One that begins before the block, and one inside it.
        peripheral("X", "0x40000000", &other)
            + &peripheral("Y", "0x3ffff000", &register("DATA", 0x1000, ACTS)),
        peripheral("X", "0x40000000", &other)
            + "<peripheral><name>Y</name><baseAddress>0x3ffff000</baseAddress><registers><cluster><name>C%s</name><dim>2</dim><dimIncrement>0x800</dimIncrement><addressOffset>0x800</addressOffset>"
            + &register("DATA", 0, ACTS)
            + "</cluster></registers></peripheral>",
        // A byte of it.
        peripheral("X", "0x40000000", &other)
            + &peripheral(
                "Y",
                "0x40000003",
                &register("DATA", 0, &format!("<size>8</size>{ACTS}")),
            ),
        // Derived, and an array.
        peripheral("X", "0x40000000", &other)
            + &peripheral("Z", "0x40100000", &data)
            + "<peripheral derivedFrom=\"Z\"><name>Y</name><baseAddress>0x40000000</baseAddress></peripheral>",
        peripheral("X", "0x40000000", &other)
            + &peripheral(
                "Y",
                "0x3ffffff0",
                &register(
                    "D[%s]",
                    0,
                    &format!("<dim>8</dim><dimIncrement>4</dimIncrement>{ACTS}"),
                ),
            ),
    ];
    for layout in layouts {
        refused(
            exposed(&layout, "masks = \"STATUS r 0x1\";"),
            "reading STATUS has an effect (modify)",
        );
        refused(exposed(&layout, ""), "has an effect (modify)");
        let permitted = "masks = \"STATUS r 0x1\"; read-effects = \"STATUS\";";
        assert!(
            exposed(&layout, permitted).is_ok(),
            "{layout}: {:?}",
            exposed(&layout, permitted).err()
        );
    }
    // What a write does.
    let clear = "<modifiedWriteValues>oneToClear</modifiedWriteValues>";
    let both = register("FLAGS", 0, clear) + &register("MODE", 0, "");
    refused(
        exposed(
            &peripheral("X", "0x40000000", &both),
            &format!("{NONE} masks = \"MODE rw 0x1\";"),
        ),
        "some keep their value and in others a one acts",
    );
    // The upper half of one of 64 bits, with fields and without.
    let upper = "<field><name>H</name><bitRange>[40:40]</bitRange>".to_owned() + clear + "</field>";
    let lower = "<field><name>L</name><bitRange>[0:0]</bitRange></field>";
    for more in [
        format!("<size>64</size><fields>{lower}{upper}</fields>"),
        format!("<size>64</size>{clear}"),
    ] {
        for (offset, is_refused) in [(4, true), (8, false)] {
            let both = register("WIDE", 0, &more) + &register("MODE", offset, "");
            let text = peripheral("X", "0x40000000", &both);
            let masked = exposed(&text, &format!("{NONE} masks = \"MODE rw 0x1\";"));
            match is_refused {
                true => refused(masked, "some keep their value and in others a one acts"),
                false => assert!(masked.is_ok(), "{:?}", masked.err()),
            }
        }
    }
}

/// A name is one line wherever it comes to stand: in source for containers' authors it would be source.
#[test]
fn a_name_is_one_line_of_letters() {
    let named = |name: &str| peripheral("X", "0x40000000", &register(name, 0, ""));
    let text = named("X&#10;pub fn evil() { }&#13;//&#x202e;");
    let labels = labels(&exposed(&text, NONE).unwrap());
    let is_item = |line: &str| line.trim_start().starts_with("pub fn evil");
    assert!(
        !labels.lines().any(is_item) && labels.contains("X_pub fn evil"),
        "{labels}"
    );
    assert!(!labels.contains(['\r', '\u{202e}']), "{labels:?}");
    let problems = exposed(&text, "masks = \"B r 0x1\";").unwrap_err();
    assert!(
        problems.iter().all(|p| !p.contains(['\n', '\u{202e}'])),
        "{problems:?}"
    );
}

#[test]
fn names_that_are_the_same_can_be_told_apart() {
    let two = peripheral("X", "0x40000000", &register("A", 0, ""))
        + &peripheral("Y", "0x40000000", &register("A", 4, ""));
    refused(
        exposed(&two, &format!("{NONE} masks = \"A r 0x1\";")),
        "x has several registers A; remedy: write one of: X.A@0x0, Y.A@0x4",
    );
    for (name, offset) in [("X.A", 0), ("Y.A", 4), ("A@0x4", 4), ("X.A@0x0", 0)] {
        let found = exposed(&two, &format!("{NONE} masks = \"{name} r 0x1\";")).unwrap();
        assert_eq!(
            found.exposures[0].registers.as_ref().unwrap()[0].offset,
            offset,
            "{name}"
        );
    }
    // The same register in two views is one.
    let same = peripheral("X", "0x40000000", &register("A", 0, ""))
        + &peripheral("Y", "0x40000000", &register("A", 0, ""));
    assert!(exposed(&same, &format!("{NONE} masks = \"A r 0x1\";")).is_ok());
}

#[test]
fn registers_of_clusters_are_where_their_cluster_is() {
    let cluster = format!(
        "<cluster><name>CH%s</name><dim>2</dim><dimIncrement>0x20</dimIncrement><addressOffset>0x40</addressOffset>{}</cluster>",
        register("CTRL", 4, "")
    );
    let layout = peripheral("X", "0x40000000", &cluster);
    let found = exposed(&layout, &format!("{NONE} masks = \"CH1_CTRL r 0x1\";")).unwrap();
    assert_eq!(
        found.exposures[0].registers.as_ref().unwrap()[0].offset,
        0x64
    );
}

#[test]
fn effects_of_reading_are_stated_where_the_file_is_silent() {
    let silent = peripheral(
        "X",
        "0x40000000",
        &(register("A", 0, "") + &register("B", 4, "")),
    );
    refused(
        exposed(&silent, ""),
        "remedy: add reading-acts = \"<register>\", ... to x, or reading-acts = \"none\"",
    );
    refused(exposed(&silent, "masks = \"A r 0x1\";"), "reading-acts");
    assert!(exposed(&silent, "masks = \"A w 0xffffffff\";").is_ok());
    assert!(exposed(&silent, "masks = \"A r 0x1\"; reading-acts = \"none\";").is_ok());
    refused(
        exposed(&silent, "masks = \"A r 0x1\"; reading-acts = \"A\";"),
        "reading A has an effect (reading-acts)",
    );
    assert!(exposed(&silent, "masks = \"A r 0x1\"; reading-acts = \"B\";").is_ok());
    assert!(
        exposed(
            &silent,
            "masks = \"A r 0x1\"; reading-acts = \"A\"; read-effects = \"A\";"
        )
        .is_ok()
    );
    refused(
        exposed(&silent, "reading-acts = \"C\";"),
        "x has no register C",
    );
    // What is not read does not say that the file tells.
    for unread in [
        format!("<!-- {ACTS} -->"),
        format!("<description>{ACTS}</description>"),
        format!("<vendorExtensions>{ACTS}</vendorExtensions>"),
    ] {
        let silent = peripheral("X", "0x40000000", &register("A", 0, &unread));
        refused(exposed(&silent, "masks = \"A r 0x1\";"), "reading-acts");
    }
    // A file that is wrong about it.
    let wrong = peripheral("X", "0x40000000", &register("A", 0, ACTS));
    assert!(exposed(&wrong, "masks = \"A r 0x1\"; reading-acts = \"none\";").is_ok());
}

/// All SVD files below a folder.
/// What decides about an access is said once: of a second word nobody knows which holds, and parsers read one of them.
#[test]
fn what_is_said_twice_and_other_units_than_bytes_are_refused() {
    let acts = "<readAction>clear</readAction>";
    let twice = format!(
        "<peripheral><name>X</name><baseAddress>0x40000000</baseAddress><registers>{}</registers><registers>{}</registers></peripheral>",
        register("DATA", 0, ""),
        register("FIFO", 0, acts)
    );
    let properties = "masks = \"DATA r 0xff\"; reading-acts = \"none\";";
    refused(
        exposed(&twice, properties),
        "the peripheral X has registers more than once",
    );
    let acting = register("DATA", 0, &format!("<readAction>modify</readAction>{acts}"));
    refused(
        exposed(&peripheral("X", "0x40000000", &acting), properties),
        "the register DATA has readAction more than once",
    );
    // The bits of a field in two ways, which are not the same.
    let with = |bits: &str| {
        let field = format!("<fields><field><name>F</name>{bits}</field></fields>");
        peripheral("X", "0x40000000", &register("DATA", 0, &field))
    };
    for bits in [
        "<bitRange>[1:1]</bitRange><bitOffset>0</bitOffset><bitWidth>1</bitWidth>",
        "<lsb>1</lsb><msb>1</msb><bitOffset>0</bitOffset><bitWidth>1</bitWidth>",
        "<lsb>1</lsb><msb>1</msb><bitRange>[2:1]</bitRange>",
    ] {
        refused(
            exposed(&with(bits), properties),
            "the field F has its bits more than once",
        );
    }
    let same = "<bitRange>[3:1]</bitRange><lsb>1</lsb><msb>3</msb><bitOffset>1</bitOffset><bitWidth>3</bitWidth>";
    let masks = "masks = \"DATA r 0x0e\"; reading-acts = \"none\";";
    exposed(&with(same), masks).unwrap();
    // Where nobody looks, it does no harm.
    let elsewhere = twice
        .replace("0x40000000", "0x40010000")
        .replace(">X<", ">Y<");
    let own = peripheral("X", "0x40000000", &register("DATA", 0, ""));
    exposed(&format!("{own}{elsewhere}"), properties).unwrap();
    let words = format!(
        "<device schemaVersion=\"1.1\"><name>V</name><version>1</version><description>V</description><addressUnitBits>16</addressUnitBits><width>32</width><size>32</size><access>read-write</access><peripherals>{own}</peripherals></device>"
    );
    refused(
        compiled(&words, (0x4000_0000, 0x100), properties),
        "units of 16 bits",
    );
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("svd"))
        {
            found.push(path);
        }
    }
}

/// The text of the first element of a name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once("</")?.0.trim())
}

fn number(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A peripheral: one that is harmless by its name, else the first with registers at addresses of a
/// Cortex-M's peripherals, else the first with registers (processors of other kinds).
fn harmless(svd: &str) -> Option<(u64, u64)> {
    let (mut here, mut elsewhere) = (None, None);
    let bases = svd.split("<baseAddress>").skip(1);
    let bases: Vec<_> = bases
        .filter_map(|rest| number(rest.split("</").next()?.trim()))
        .collect();
    let parts = svd.split("<peripheral").skip(1);
    for part in parts.filter(|part| !part.starts_with('s')) {
        let Some(base) = element(part, "baseAddress").and_then(number) else {
            continue;
        };
        if !part.contains("<registers>") {
            continue;
        }
        let size = element(part, "size").and_then(number).unwrap_or(0x400);
        // Some files' sizes reach into the next peripheral, which is not exposed with it.
        let next = bases.iter().filter(|next| **next > base).min();
        let room = next.map_or(0x1_0000, |next| next - base);
        let found = (base, size.clamp(1, 0x1_0000).min(room));
        if !PERIPHERALS.contains(&base) {
            elsewhere = elsewhere.or(Some(found));
            continue;
        }
        let name = element(part, "name").unwrap_or_default();
        let name = name.to_ascii_uppercase();
        let kinds = ["UART", "USART", "TIM", "GPIO", "PORT", "ADC"];
        if kinds.iter().any(|kind| name.contains(kind)) {
            return Some(found);
        }
        here = here.or(Some(found));
    }
    here.or(elsewhere)
}

const PERIPHERALS: std::ops::Range<u64> = 0x4000_0000..0x6000_0000;

#[test]
fn every_vendors_file_can_be_used() {
    let mut found = Vec::new();
    match std::env::var_os("BERTH_VENDOR_SVD") {
        Some(folder) => files(Path::new(&folder), &mut found),
        None => {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"))
                .ancestors()
                .nth(2)
                .unwrap();
            files(&root.join("kernel-board"), &mut found);
            files(&root.join("docs/oem-board"), &mut found);
        }
    }
    found.sort();
    assert!(!found.is_empty());
    let (mut used, mut elsewhere, mut wrong) = (0, 0, Vec::new());
    for file in &found {
        let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        let Some(place) = harmless(&text) else {
            wrong.push(format!("{}: no peripheral", file.display()));
            continue;
        };
        let mut properties = NONE.to_owned();
        if !PERIPHERALS.contains(&place.0) {
            elsewhere += 1;
            properties += " dangerous = \"no Cortex-M\";";
        }
        match compiled(&text, place, &properties) {
            Ok(_) => used += 1,
            Err(problems) => wrong.push(format!("{}: {problems:?}", file.display())),
        }
    }
    println!(
        "{} SVD files: {used} can be used ({elsewhere} of other processors), {} cannot",
        found.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
