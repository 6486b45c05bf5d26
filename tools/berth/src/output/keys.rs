//! Keys and signatures.

use super::print_json;
use crate::table::{plain, print_table};
use berth_pack::keys::Public;
use berth_signature::Signed;
use serde_json::{Value, json};
use std::io::{self, Write};

fn hexadecimal(key: &Public) -> String {
    key.bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn as_json(name: &str, key: &Public) -> Value {
    json!({ "name": name, "id": key.to_string(), "public": hexadecimal(key) })
}

/// `keys list`.
pub(crate) fn keys(
    out: &mut impl Write,
    keys: &[(String, Public)],
    is_json: bool,
) -> io::Result<()> {
    if is_json {
        let keys: Vec<_> = keys.iter().map(|(name, key)| as_json(name, key)).collect();
        return print_json(out, &json!({ "keys": keys, "status_code": 0 }));
    }
    let mut table = plain(&["NAME", "ID", "PUBLIC KEY"]);
    for (name, key) in keys {
        table.add_row([name, &key.to_string(), &hexadecimal(key)]);
    }
    print_table(out, &table)
}

/// `keys show`.
pub(crate) fn key(out: &mut impl Write, name: &str, key: &Public, is_json: bool) -> io::Result<()> {
    if is_json {
        return print_json(out, &json!({ "key": as_json(name, key), "status_code": 0 }));
    }
    let mut table = plain(&[]);
    table.add_row(["key", name]);
    table.add_row(["id", &key.to_string()]);
    table.add_row(["exposure.dts", &key.dts()]);
    print_table(out, &table)
}

/// `keys verify`.
pub(crate) fn verified(
    out: &mut impl Write,
    name: &str,
    signed: &Signed<'_>,
    is_json: bool,
) -> io::Result<()> {
    let claims = signed.claims;
    let labels: Vec<_> = claims.labels.iter().collect();
    if is_json {
        let signature = json!({
            "key": name, "id": claims.key.to_string(), "name": claims.name, "counter": claims.counter, "labels": labels,
        });
        return print_json(out, &json!({ "signature": signature, "status_code": 0 }));
    }
    let labels = match labels.join(", ") {
        none if none.is_empty() => "none that need a key".to_owned(),
        labels => labels,
    };
    let mut table = plain(&[]);
    table.add_row(["signed by", &format!("{name} ({})", claims.key)]);
    table.add_row(["name", claims.name]);
    table.add_row(["counter", &claims.counter.to_string()]);
    table.add_row(["labels", &labels]);
    print_table(out, &table)
}
