//! Programs of real compilers compute at every level of optimisation what they do in wasmtime.

use berth_engine_soak::Reference;
use berth_engine_tests::start::with_start;
use berth_engine_tests::{product, programs};

#[test]
fn programs_compute_what_they_do_in_wasmtime() {
    let folder = tempfile::tempdir().unwrap();
    let reference = Reference::new().unwrap();
    let calls = programs::calls(60);
    for (name, image) in programs::compile(folder.path()).unwrap() {
        let image = with_start(&image).unwrap();
        let want = reference.run(&image, &calls).unwrap();
        let is = product::run(&image, &calls, 777).unwrap();
        assert!(is == want, "{name}: {}", is.difference(&want));
    }
}
