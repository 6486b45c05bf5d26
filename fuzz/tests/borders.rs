//! Each border with its seeds and some thousand changes of them, the same every time. `FUZZ_CHANGES`: so many.

use berth_fuzz::mutate::run;
use berth_fuzz::target;

fn short(name: &str, changes: u64) {
    let setting = std::env::var("FUZZ_CHANGES");
    let changes = setting.map_or(changes, |text| text.parse().unwrap());
    run(target(name).unwrap(), changes);
}

#[test]
fn frames() {
    short("frame", 50_000);
}

#[test]
fn requests() {
    short("requests", 2_000);
}

#[test]
fn packages() {
    short("package", 50_000);
}

#[test]
fn headers_of_applications() {
    short("tbf", 5_000);
}

#[test]
fn configurations() {
    short("devicetree", 2_000);
}

#[test]
fn register_files() {
    short("svd", 1_000);
}

#[test]
fn keys() {
    short("editor", 5_000);
}

#[test]
fn flash_of_the_store() {
    short("store", 20_000);
}

#[test]
fn compiled_objects() {
    short("checker", 5_000);
}

#[test]
fn modules_for_the_compiler() {
    short("compiler", 2_000);
}
