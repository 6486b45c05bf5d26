//! Runs one exported function of a module on the emulated board and in the interpreter:
//! `cargo run -p berth-compiler-tests --example run -- MODULE.wasm NAME [i32 …]`. `BERTH_SLICE` is the fuel of a slice.

use berth_compiler_tests::batch::Batch;
use berth_compiler_tests::instance::instance;
use berth_engine_tests::outcome::Value;
use berth_engine_tests::product::Running;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let image = wat::parse_file(arguments.next().ok_or("a module")?)?;
    let name = arguments.next().ok_or("a function")?;
    let values = arguments.map(|text| text.parse().map(Value::I32));
    let call = (name, values.collect::<Result<Vec<_>, _>>()?);
    let slice = std::env::var("BERTH_SLICE").map_or(Ok(1_000), |text| text.parse())?;
    let instance = instance(&image, 4096).map_err(|error| format!("{error:?}"))?;
    let mut batch = Batch::default();
    batch.add(&instance, std::slice::from_ref(&call), slice);
    let folder = std::env::temp_dir();
    let runs = batch.run(&folder).map_err(|error| error.0)?;
    println!("board       {:?}", runs[0]);
    let mut running = Running::new(&image, 1_000_000).map_err(|error| format!("{error:?}"))?;
    println!("interpreter {:?}", running.call(&call.0, &call.1)?);
    Ok(())
}
