//! A small board in a folder of its own, and what the compiler says about it.

use std::fs;
use std::path::Path;

use berth_exposure_compiler::{Configuration, compile};
use tempfile::TempDir;

/// A board with one of everything that is checked.
pub(crate) const BOARD: &str = include_str!("board.dtsi");
/// Its registers.
pub(crate) const REGISTERS: &str = include_str!("board.svd");

/// Lines of the source before the children of the exposure node.
pub(crate) const HEAD: &str = "/include/ \"board.dtsi\"\n/ { exposure { compatible = \"berth,exposure\"; svd = \"board.svd\";\n";
/// And after them.
pub(crate) const TAIL: &str = "}; };\n";

/// Compile a source beside the board's files; problems without the folder's name.
pub(crate) fn run(source: &str) -> Result<Configuration, Vec<String>> {
    run_with(source, BOARD)
}

/// As [`run`], with another tree.
pub(crate) fn run_with(source: &str, board: &str) -> Result<Configuration, Vec<String>> {
    run_all(source, board, REGISTERS)
}

/// As [`run`], with other board files.
pub(crate) fn run_all(
    source: &str,
    board: &str,
    registers: &str,
) -> Result<Configuration, Vec<String>> {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    file("board.dtsi", board);
    file("board.svd", registers);
    file("exposure.dts", source);
    file(
        "layout.ld",
        "MEMORY\n{\n KERNEL_FLASH (rx) : ORIGIN = 0x0, LENGTH = 0x40000\n STORE_FLASH (r) : ORIGIN = 0x140000, LENGTH = 0x80000\n CODE_FLASH (rx) : ORIGIN = 0x1C0000, LENGTH = 0x20000\n SUPERVISOR_FLASH (rx) : ORIGIN = 0x80000, LENGTH = 0x80000\n APP0_FLASH (rx) : ORIGIN = 0x00100000, LENGTH = 0x10000\n}\n",
    );
    let result = compile(
        &folder.path().join("exposure.dts"),
        &folder.path().join("layout.ld"),
    );
    result.map_err(|problems| {
        let strip = |text: String| without(&text, folder.path());
        problems.iter().map(|p| strip(p.to_string())).collect()
    })
}

fn without(text: &str, folder: &Path) -> String {
    text.replace(&format!("{}/", folder.display()), "")
}

/// Children of the exposure node, one line each from line 3 on. Where none has a safe state, all
/// say that they need none.
pub(crate) fn exposures(children: &str) -> Result<Configuration, Vec<String>> {
    exposures_of(BOARD, children)
}

/// As [`exposures`], of another board.
pub(crate) fn exposures_of(board: &str, children: &str) -> Result<Configuration, Vec<String>> {
    let mut children = children.to_owned();
    if !children.contains("safe-state") {
        let block = "register-block = ";
        children = children.replace(block, &format!("safe-state = \"none\"; {block}"));
    }
    run_with(&format!("{HEAD}{children}\n{TAIL}"), board)
}

/// Properties of an exposure of `label` in line 3, next lines included.
pub(crate) fn block(label: &str, properties: &str) -> Result<Configuration, Vec<String>> {
    exposures(&format!(
        "a {{ register-block = <&{label}>; {properties} }};"
    ))
}

/// Children of the filter's node, from line 3 on; an LED is exposed.
pub(crate) fn filter(children: &str) -> Result<Configuration, Vec<String>> {
    run(&format!(
        "/include/ \"board.dtsi\"\n/ {{ exposure {{ compatible = \"berth,exposure\"; svd = \"board.svd\"; led {{ device = \"led\"; index = <2>; safe-state = \"none\"; }}; }}; filter {{\n{children}\n}}; }};\n"
    ))
}

/// A refusal with exactly these lines.
pub(crate) fn refused(result: Result<Configuration, Vec<String>>, expected: &[&str]) {
    match result {
        Ok(_) => panic!("a wrong configuration was accepted"),
        Err(problems) => assert_eq!(problems, expected),
    }
}

/// A board with so many timers more, all of them exposed: `node` is what a node says beside its registers, `block` an exposure.
pub(crate) fn channels(
    count: u32,
    node: impl Fn(u32) -> String,
    block: &str,
) -> Result<Configuration, Vec<String>> {
    let each = |form: &dyn Fn(u32, u32) -> String| -> String {
        (0..count)
            .map(|n| form(n, 0x5000_0000 + 0x100 * n))
            .collect()
    };
    let nodes = each(&|n, at| {
        format!(
            "channel{n}: c@{at:x} {{ compatible = \"arm,cmsdk-timer\"; reg = <0x{at:x} 0x100>; {} }};\n",
            node(n)
        )
    });
    let blocks = each(&|n, _| {
        format!(
            "c{n} {{ register-block = <&channel{n}>; access = \"mapped\"; safe-state = \"none\"; {block} }};\n"
        )
    });
    let peripherals = each(&|n, at| {
        format!(
            "<peripheral derivedFrom=\"PLAIN\"><name>C{n}</name><baseAddress>0x{at:x}</baseAddress></peripheral>\n"
        )
    });
    run_all(
        &format!("{HEAD}{blocks}{TAIL}"),
        &BOARD.replace("\t\tbig: ", &format!("{nodes}big: ")),
        &REGISTERS.replace("</peripherals>", &format!("{peripherals}</peripherals>")),
    )
}
