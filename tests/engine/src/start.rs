//! Modules given what every container has: an exported function `_start`.

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
    let (header, mut rest) = image.split_at_checked(8)?;
    let mut sections: Vec<(u8, Vec<u8>)> = Vec::new();
    while let Some((&id, after)) = rest.split_first() {
        let (length, after) = number(after)?;
        let (body, after) = after.split_at_checked(length as usize)?;
        sections.push((id, body.to_vec()));
        rest = after;
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
        Some(number(body)?.0)
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
            let (entries, rest) = number(&body)?;
            [&encoded(entries.checked_add(1)?), rest, &more].concat()
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
    let mut rest = image.get(8..)?;
    while let Some((&id, after)) = rest.split_first() {
        let (length, after) = number(after)?;
        let (body, after) = after.split_at_checked(length as usize)?;
        rest = after;
        if id != 7 {
            continue;
        }
        let (entries, mut exports) = number(body)?;
        for _ in 0..entries {
            let (length, after) = number(exports)?;
            let (known, after) = after.split_at_checked(length as usize)?;
            let (kind, after) = after.split_first()?;
            let (index, after) = number(after)?;
            if known == name.as_bytes() && *kind == 0 {
                return Some(index);
            }
            exports = after;
        }
    }
    None
}

/// Reads an unsigned LEB128 number of 32 bits, and returns what follows it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, &bytes[index + 1..]));
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
