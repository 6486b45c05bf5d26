//! Writes the code of a module as assembler source, for a look with a disassembler:
//! `cargo run -p berth-compiler-tests --example show -- MODULE.wasm | llvm-mc --triple=thumbv7em-none-eabi --filetype=obj -o it.o && llvm-objdump -d it.o`.
//! Instead of a file: `seed N` or `smith N` for a generated module.

use berth_compiler_tests::{instance, smith};
use berth_engine_tests::generate;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let image = match words[..] {
        ["seed", number] => generate::module(number.parse()?),
        ["smith", number] => smith::module(number.parse()?).ok_or("no module")?,
        [path] => wat::parse_file(path)?,
        _ => return Err("a file, or `seed N`, or `smith N`".into()),
    };
    if let Ok(path) = std::env::var("BERTH_WASM") {
        std::fs::write(path, &image)?;
    }
    let (code, report) = instance::compile(&image).map_err(|error| format!("{error:?}"))?;
    println!("@ {report:?}\n.syntax unified\n.thumb\n");
    for pair in code.chunks(2) {
        println!(".inst.n {:#06x}", u16::from_le_bytes([pair[0], pair[1]]));
    }
    Ok(())
}
