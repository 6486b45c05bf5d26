//! The keys that sign packages, and those of operators: node `keys`, and which exposures name them.

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
const ROLE: &str = "role = \"author\" or \"operator\"";
const READING: &str = "reading = \"operators\" or \"open\"";

/// What is said of keys.
pub(crate) struct Said<'a> {
    /// The keys that sign packages.
    pub(crate) keys: Vec<Listed<'a>>,
    /// Those of operators.
    pub(crate) operators: Vec<Key>,
    /// Packages without a signature are refused.
    pub(crate) refuses_unsigned: bool,
    /// Reading is for operators alone.
    pub(crate) closes_reading: bool,
}

/// A key as it is listed.
pub(crate) struct Listed<'a> {
    node: &'a Node,
    is_operator: bool,
    key: Key,
    /// What it is limited to, with the places.
    labels: Option<Vec<(Place, &'a str)>>,
}

/// The keys below the node that lists exposures, and what follows from them.
pub(crate) fn keys<'a>(node: &'a Node, report: &mut Report) -> Said<'a> {
    let mut listed: Vec<Listed> = Vec::new();
    let above = node.children.iter().find(|child| child.name == NODE);
    if let Some(above) = above {
        report.known(above, &[]);
    }
    for child in above.into_iter().flat_map(|above| &above.children) {
        let Some(key) = key(child, report) else {
            continue;
        };
        if let Some(other) = listed
            .iter()
            .find(|other| other.key.id == key.key.id && other.is_operator == key.is_operator)
        {
            let problem = Problem::KeyTwice {
                name: child.name.clone(),
                line: other.node.place.line,
            };
            report.add(&child.place, problem);
            continue;
        }
        listed.push(key);
    }
    let (operators, listed): (Vec<_>, Vec<_>) = listed.into_iter().partition(|key| key.is_operator);
    for kind in [&listed, &operators] {
        if kind.len() > KEYS_MAX {
            let (count, max) = (kind.len(), KEYS_MAX);
            report.add(&node.place, Problem::TooManyKeys { count, max });
        }
    }
    Said {
        refuses_unsigned: needs(
            node,
            ("unsigned", "refuse", "allow", UNSIGNED),
            (listed.is_empty(), "keys"),
            report,
        ),
        closes_reading: needs(
            node,
            ("reading", "operators", "open", READING),
            (operators.is_empty(), "keys with role = \"operator\""),
            report,
        ),
        keys: listed,
        operators: sound(operators),
    }
}

/// Returns whether a property has the first of its two words, which means something only where there are keys.
fn needs(
    node: &Node,
    (name, strict, open, form): (&'static str, &'static str, &'static str, &'static str),
    (is_alone, what): (bool, &'static str),
    report: &mut Report,
) -> bool {
    let is_strict = report.word(node, name, form, &[(strict, true), (open, false)]) == Some(true);
    if let (true, true, Some(property)) = (is_strict, is_alone, node.property(name)) {
        let (name, needs) = (form.split(" or ").next().unwrap_or(form), what);
        report.add(&property.place, Problem::Needs { name, needs });
    }
    is_strict
}

fn key<'a>(node: &'a Node, report: &mut Report) -> Option<Listed<'a>> {
    report.known(node, &["public", "labels", "role", "revokes"]);
    let words = [("operator", true), ("author", false)];
    let is_operator = report.word(node, "role", ROLE, &words) == Some(true);
    if let (true, Some(property)) = (is_operator, node.property("labels")) {
        let (name, needs) = ("labels", "role = \"author\"");
        report.add(&property.place, Problem::Needs { name, needs });
    }
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
        is_operator,
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
