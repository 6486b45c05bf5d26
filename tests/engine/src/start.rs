//! Modules given what every container has: an exported function `_start`.

use berth_admission::reader::Reader;
use wasm_encoder::Encode;

/// Numbers of the sections that it changes, in the order in which a module has them.
const CHANGED: [u8; 4] = [1, 3, 7, 10];
const ORDER: [u8; 13] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/// Returns a module without imports with an empty function `_start` more, which is its last; or
/// `None` if its sections cannot be told from each other.
#[must_use]
pub fn with_start(image: &[u8]) -> Option<Vec<u8>> {
    with_code(image, &[])
}

/// As [`with_start`], with this code in the function.
#[must_use]
pub fn with_code(image: &[u8], code: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::module(image).ok()?;
    let header = image.get(..reader.offset() as usize)?;
    let mut sections: Vec<(u8, Vec<u8>)> = Vec::new();
    while !reader.is_empty() {
        let (id, body) = reader.section().ok()?;
        sections.push((id, body.rest().to_vec()));
    }
    for id in CHANGED {
        if !sections.iter().any(|(known, _)| *known == id) {
            let place = |id: u8| ORDER.iter().position(|known| *known == id);
            let at = sections
                .iter()
                .position(|(known, _)| *known != 0 && place(*known) > place(id));
            sections.insert(at.unwrap_or(sections.len()), (id, vec![0]));
        }
    }
    let count = |id: u8| {
        let (_, body) = sections.iter().find(|(known, _)| *known == id)?;
        Reader::new(body, 0).u32().ok()
    };
    let (types, functions) = (count(1)?, count(3)?);
    let mut output = header.to_vec();
    for (id, body) in sections {
        let more = match id {
            1 => vec![0x60, 0, 0],
            3 => encoded(types),
            7 => [&b"\x06_start\0"[..], &encoded(functions)].concat(),
            // No locals, the code, `end`.
            10 => [&encoded(code.len() as u32 + 2)[..], &[0], code, &[0x0b]].concat(),
            _ => Vec::new(),
        };
        let body = if more.is_empty() {
            body
        } else {
            let mut body = Reader::new(&body, 0);
            let entries = body.u32().ok()?;
            [&encoded(entries.checked_add(1)?), body.rest(), &more].concat()
        };
        output.push(id);
        output.extend(encoded(body.len() as u32));
        output.extend(body);
    }
    Some(output)
}

/// Returns the number of the function that a module exports under a name.
#[must_use]
pub fn function(image: &[u8], name: &str) -> Option<u32> {
    let mut sections = Reader::module(image).ok()?;
    while let Ok((id, mut exports)) = sections.section() {
        if id != 7 {
            continue;
        }
        for _ in 0..exports.u32().ok()? {
            let known = exports.name().ok()?;
            let (kind, index) = (exports.byte().ok()?, exports.u32().ok()?);
            if known == name && kind == 0 {
                return Some(index);
            }
        }
    }
    None
}

/// Returns an unsigned LEB128 number.
#[must_use]
pub fn encoded(value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}
