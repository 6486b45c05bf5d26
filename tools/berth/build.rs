//! The SDK is part of this program: it is built anew when a file is added there.

fn main() {
    println!("cargo::rerun-if-changed=../../guest-sdk/src");
    println!("cargo::rerun-if-changed=../../crates/exposure/src");
}
