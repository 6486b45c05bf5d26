//! Devices behind drivers of the kernel.

use crate::support::{exposures, refused};

#[test]
fn a_device_has_a_class() {
    refused(
        exposures("a { device = \"motor\"; index = <0>; };"),
        &["exposure.dts:3: device = \"motor\" is no known word; remedy: use one of: led"],
    );
}

#[test]
fn a_device_has_an_index() {
    refused(
        exposures("a { device = \"led\"; };\nb { device = \"led\"; index = <64>; };"),
        &[
            "exposure.dts:3: index is missing; remedy: add index = <number>",
            "exposure.dts:4: index is 64; remedy: use 0 to 63",
        ],
    );
}

#[test]
fn a_device_is_exposed_once() {
    refused(
        exposures("a { device = \"led\"; index = <1>; };\nb { device = \"led\"; index = <1>; };"),
        &["exposure.dts:4: led 1 is exposed already in line 3; remedy: join both exposures"],
    );
}
