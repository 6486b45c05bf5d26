//! Links with `layout.ld`, as upstream's boards do.

fn main() {
    tock_build_scripts::default_linker_script();
}
