//! The keys that sign packages: node `keys`, and which exposures name them.

use berth_ed25519::{Flaw, KEY_BYTES, PublicKey};
use berth_exposure::proof::KEYS_MAX;
use berth_signature::KeyId;
use sha2::{Digest, Sha256};

use crate::devicetree::{Node, Value};
use crate::model::{Exposure, Key};
use crate::problem::{Place, Problem};
use crate::report::Report;

/// Name of the node.
pub(crate) const NODE: &str = "keys";
const PUBLIC: &str = "public = [<32 bytes in hexadecimal>]";
const LABELS: &str = "labels = \"<label>\", ... or \"*\"";
const KEYS: &str = "keys = <&key ...>";
const UNSIGNED: &str = "unsigned = \"refuse\" or \"allow\"";

/// A key as it is listed.
pub(crate) struct Listed<'a> {
    node: &'a Node,
    key: Key,
    /// What it is limited to, with the places.
    labels: Option<Vec<(Place, &'a str)>>,
}

/// The keys below the node that lists exposures, and whether packages without a signature are refused.
pub(crate) fn keys<'a>(node: &'a Node, report: &mut Report) -> (Vec<Listed<'a>>, bool) {
    let mut listed: Vec<Listed> = Vec::new();
    let above = node.children.iter().find(|child| child.name == NODE);
    if let Some(above) = above {
        report.known(above, &[]);
    }
    for child in above.into_iter().flat_map(|above| &above.children) {
        let Some(key) = key(child, report) else {
            continue;
        };
        if let Some(other) = listed.iter().find(|other| other.key.id == key.key.id) {
            let problem = Problem::KeyTwice {
                name: child.name.clone(),
                line: other.node.place.line,
            };
            report.add(&child.place, problem);
            continue;
        }
        listed.push(key);
    }
    if listed.len() > KEYS_MAX {
        let (count, max) = (listed.len(), KEYS_MAX);
        report.add(&node.place, Problem::TooManyKeys { count, max });
    }
    let words = [("refuse", true), ("allow", false)];
    let refuses = report.word(node, "unsigned", UNSIGNED, &words);
    if let (Some(true), true, Some(property)) =
        (refuses, listed.is_empty(), node.property("unsigned"))
    {
        let (name, needs) = ("unsigned = \"refuse\"", "keys");
        report.add(&property.place, Problem::Needs { name, needs });
    }
    (listed, refuses == Some(true))
}

fn key<'a>(node: &'a Node, report: &mut Report) -> Option<Listed<'a>> {
    report.known(node, &["public", "labels", "revokes"]);
    let labels = node
        .has("labels")
        .then(|| report.strings(node, "labels", LABELS));
    let Some(property) = node.property("public") else {
        let name = "public".to_owned();
        report.add(&node.place, Problem::Missing { name, form: PUBLIC });
        return None;
    };
    let mut bytes = Vec::new();
    for value in &property.values {
        match value {
            Value::Bytes(part) => bytes.extend_from_slice(part),
            _ => {
                let name = "public".to_owned();
                report.add(&property.place, Problem::Form { name, form: PUBLIC });
                return None;
            }
        }
    }
    let (name, length) = (node.name.clone(), bytes.len());
    let encoded = <[u8; KEY_BYTES]>::try_from(bytes).map_err(|_| Problem::KeyLength {
        name: name.clone(),
        length,
    });
    let encoded = report.take(&property.place, encoded)?;
    let sound = PublicKey::new(&encoded).map_err(|flaw| Problem::NoKey {
        name: name.clone(),
        why: match flaw {
            Flaw::NotCanonical => {
                "they encode no coordinate, or one in a way that is not canonical"
            }
            Flaw::NotOnCurve => "no point of the curve has this coordinate",
            Flaw::SmallOrder => "the point is of small order, and anybody could sign for it",
        },
    });
    report.take(&property.place, sound)?;
    let limited = labels.filter(|labels| !labels.iter().any(|(_, label)| *label == "*"));
    let named = limited
        .iter()
        .flatten()
        .map(|(_, label)| (*label).to_owned());
    Some(Listed {
        node,
        key: Key {
            name,
            id: KeyId::of_hash(&Sha256::digest(encoded).into()).0,
            public: encoded,
            labels: named.collect(),
            revokes: node.has("revokes"),
        },
        labels: limited,
    })
}

/// Returns the names of the keys that an exposure's property `keys` refers to.
pub(crate) fn named(node: &Node, label: &str, keys: &[Listed], report: &mut Report) -> Vec<String> {
    let Some(property) = node.property(NODE) else {
        return Vec::new();
    };
    let Some(cells) = property.cells() else {
        let name = NODE.to_owned();
        report.add(&property.place, Problem::Form { name, form: KEYS });
        return Vec::new();
    };
    let mut names = Vec::new();
    for cell in cells {
        let Some(key) = keys
            .iter()
            .find(|key| key.node.cell("phandle") == Some(cell))
        else {
            report.add(&property.place, Problem::NotAKey(label.to_owned()));
            continue;
        };
        let name = &key.key.name;
        let may = key.labels.as_ref();
        if may.is_some_and(|may| !may.iter().any(|(_, own)| *own == label)) {
            let (key, label) = (name.clone(), label.to_owned());
            report.add(&property.place, Problem::KeyOfOthers { key, label });
        } else if names.contains(name) {
            let (what, line) = (name.clone(), property.place.line);
            report.add(&property.place, Problem::ListedTwice { what, line });
        }
        names.push(name.clone());
    }
    names
}

/// What a key is limited to names it: else the limit says something that does not hold.
pub(crate) fn check(keys: &[Listed], exposures: &[Exposure], report: &mut Report) {
    for key in keys {
        for (place, label) in key.labels.iter().flatten() {
            let exposure = exposures.iter().find(|exposure| exposure.label == *label);
            let name = &key.key.name;
            if !exposure.is_some_and(|exposure| exposure.keys.contains(name)) {
                let (key, label) = (name.clone(), (*label).to_owned());
                report.add(place, Problem::KeyNotNamed { key, label });
            }
        }
    }
}

/// The keys without their places.
pub(crate) fn sound(keys: Vec<Listed>) -> Vec<Key> {
    keys.into_iter().map(|key| key.key).collect()
}
