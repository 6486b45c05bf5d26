//! Modules on a device whose memory is counted: see [`berth_fuzz::modules`].

use wasm_supervisor::arena::{ArenaAllocator, of_the_test, set_installed};

#[global_allocator]
static ALLOCATOR: ArenaAllocator = ArenaAllocator;

#[test]
fn modules() {
    set_installed();
    let setting = std::env::var("FUZZ_CHANGES");
    let changes = setting.map_or(3_000, |text| text.parse().unwrap());
    of_the_test(|| berth_fuzz::mutate::run(berth_fuzz::target("modules").unwrap(), changes));
}
