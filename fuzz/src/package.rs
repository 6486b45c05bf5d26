//! Packages: what a module's sections and its manifest say, beside another reader of modules.

use berth_package::{MANIFEST_MAX, Manifest, ManifestError, SECTION, custom_section};
use wasmparser::{Parser, Payload};

/// Nothing makes reading panic; what is read is in the input; and of a module that another reader takes both find the same.
pub fn body(input: &[u8]) {
    let is = custom_section(input, SECTION);
    if let Some(Some(wanted)) = by_another(input) {
        assert_eq!(is, Ok(Some(wanted)));
    }
    let manifest = Manifest::of(input);
    match is {
        Err(_) => assert_eq!(manifest, Err(ManifestError::NotAModule)),
        Ok(None) => assert_eq!(manifest, Ok(None)),
        Ok(Some(section)) => assert_eq!(manifest, Manifest::decode(section).map(Some)),
    }
    for section in [input, is.ok().flatten().unwrap_or_default()] {
        if let Ok(manifest) = Manifest::decode(section) {
            let mut buffer = [0; MANIFEST_MAX];
            if let Some(written) = manifest.encode(&mut buffer) {
                assert_eq!(Manifest::decode(written), Ok(manifest));
            }
        }
    }
}

/// The first section of this name as another reader finds it; `None` if that does not take the module.
fn by_another(image: &[u8]) -> Option<Option<&[u8]>> {
    let mut found = None;
    for payload in Parser::new(0).parse_all(image) {
        match payload.ok()? {
            Payload::CustomSection(section) if found.is_none() && section.name() == SECTION => {
                found = Some(section.data());
            }
            _ => {}
        }
    }
    Some(found)
}

/// Manifests, and a module with one among other sections.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut buffer = [0; MANIFEST_MAX];
    let manifest = Manifest {
        name: "blink",
        version: "1.2.0",
        description: "an LED",
        memory: 2048,
        share: Some(30),
        ..Manifest::default()
    };
    let section = manifest.encode(&mut buffer).unwrap().to_vec();
    let mut module = wat::parse_str(r#"(module (func (export "_start")))"#).unwrap();
    let contents = [&[5], SECTION.as_bytes(), &section].concat();
    module.extend([0, contents.len() as u8]);
    module.extend(contents);
    vec![section, module]
}
