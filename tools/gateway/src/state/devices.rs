//! Which devices there are, and in which groups.

use super::{
    NewEntry, State, audit, fleet,
    sql::{Sql, values},
};
use crate::Error;
use serde::Serialize;
use std::collections::BTreeMap;

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Its name, and the first part of the path of its addresses.
    pub name: String,
    /// Its line, as `berth` writes it.
    pub address: String,
    /// Is it meant if nobody says which?
    pub default: bool,
    /// Labels that say what belongs together.
    pub groups: Vec<String>,
}

/// First parts of paths that are the gateway's own, now or later.
const RESERVED: [&str; 12] = [
    "v1",
    "task",
    "heap",
    "metrics",
    "openapi",
    "assets",
    "login",
    "logout",
    "health",
    "fleet",
    "filesystem",
    "erase",
];

/// Returns whether a device or group may be called so.
pub(crate) fn is_name(name: &str) -> bool {
    berth_protocol::is_valid_name(name)
}

/// All devices, by name.
pub(super) fn all(sql: &Sql<'_>) -> Result<Vec<Device>, Error> {
    let mut groups = BTreeMap::<String, Vec<String>>::new();
    let labels = "SELECT device, label FROM device_group ORDER BY device, label";
    for row in sql.rows(labels, values![])? {
        groups.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    let rows = sql.rows(
        "SELECT name, address, is_default FROM device ORDER BY name",
        values![],
    )?;
    let devices = rows.iter().map(|row| {
        let name: String = row.get(0)?;
        Ok(Device {
            groups: groups.remove(&name).unwrap_or_default(),
            name,
            address: row.get(1)?,
            default: row.get(2)?,
        })
    });
    devices.collect()
}

/// Looks whether a device is in two sets that each say what the same container is to be.
///
/// # Errors
/// [`Error::Usage`] if so.
fn is_told_once(sql: &Sql<'_>, device: &Device) -> Result<(), Error> {
    let sets = fleet::sets(sql)?;
    for (at, set) in sets.iter().enumerate() {
        for other in sets.iter().take(at) {
            let mut specs = set.specs.values();
            if let Some(container) = specs.find_map(|spec| other.says_too(spec, device)) {
                return Err(Error::Usage(format!(
                    "{} would be in the sets {} and {}, which both say what {container} is to be",
                    device.name, other.name, set.name
                )));
            }
        }
    }
    Ok(())
}

impl State {
    /// Adds a device; the first one is the default.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that cannot be one, and if two sets say what the same container of it is to be; [`Error::Taken`],
    /// [`Error::State`].
    pub fn add_device(
        &self,
        name: &str,
        address: &str,
        groups: &[String],
        default: bool,
        by: By<'_>,
    ) -> Result<(), Error> {
        for name in groups.iter().map(String::as_str).chain([name]) {
            if !is_name(name) {
                return Err(Error::Usage(format!(
                    "\"{name}\" is no name: 1 to 32 of a-z A-Z 0-9 . _ -, beginning with a letter or digit"
                )));
            }
        }
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(Error::Usage(format!(
                "\"{name}\" is a path of the gateway; choose another name"
            )));
        }
        self.change(|sql| {
            let first: bool = sql
                .one("SELECT count(*) = 0 FROM device", values![])?
                .get(0)?;
            if default {
                sql.run("UPDATE device SET is_default = 0", values![])?;
            }
            let added = sql.run(
                "INSERT INTO device (name, address, is_default, added_ms) VALUES (?1, ?2, ?3, ?4)",
                values![name, address, first || default, sql.now_ms],
            );
            match added {
                Err(error) if error.is_taken() => {
                    return Err(Error::Taken {
                        kind: "device",
                        name: name.to_owned(),
                    });
                }
                added => added?,
            };
            for group in groups {
                sql.run(
                    "INSERT INTO device_group (device, label) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    values![name, group],
                )?;
            }
            let device = Device {
                name: name.to_owned(),
                address: address.to_owned(),
                default: first || default,
                groups: groups.to_vec(),
            };
            is_told_once(sql, &device)?;
            audit::write(sql, by.entry("device add", name))?;
            Ok(())
        })
    }

    /// Removes a device; nothing is asked of the device itself.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::State`].
    pub fn remove_device(&self, name: &str, by: By<'_>) -> Result<(), Error> {
        self.change(|sql| {
            let removed = sql.run("DELETE FROM device WHERE name = ?1", values![name])?;
            if removed == 0 {
                return Err(Error::Unknown {
                    kind: "device",
                    name: name.to_owned(),
                });
            }
            audit::write(sql, by.entry("device remove", name))?;
            Ok(())
        })
    }

    /// Returns all devices, by name.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn devices(&self) -> Result<Vec<Device>, Error> {
        self.look(all)
    }
}

/// Who changes the gateway.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// Name of the key, or who else it is.
    pub who: &'a str,
    /// Network address; empty: this computer's command line.
    pub peer: &'a str,
}

impl By<'static> {
    /// The gateway itself.
    pub(crate) const GATEWAY: Self = Self {
        who: "gateway",
        peer: "",
    };

    /// This computer's command line.
    pub const COMMAND: Self = Self {
        who: "command line",
        peer: "",
    };
}

impl<'a> By<'a> {
    pub(super) const fn entry(self, action: &'a str, subject: &'a str) -> NewEntry<'a> {
        NewEntry {
            who: self.who,
            peer: self.peer,
            device: "",
            action,
            subject,
            outcome: "done",
            ends: None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{super::both::Fresh, *};
    use crate::fleet::Spec;

    pub(in crate::state) fn the_first_is_the_default_until_another_is_said_to_be(
        fresh: &mut Fresh,
    ) {
        let state = fresh.state();
        let default = |state: &State| {
            let devices = state.devices().unwrap().into_iter();
            devices
                .filter(|d| d.default)
                .map(|d| d.name)
                .collect::<Vec<_>>()
        };
        state
            .add_device("b", "unix:/b", &["attic".into()], false, By::COMMAND)
            .unwrap();
        state
            .add_device("c", "unix:/c", &[], false, By::COMMAND)
            .unwrap();
        assert_eq!(default(&state), ["b"]);
        state
            .add_device("a", "unix:/a", &[], true, By::COMMAND)
            .unwrap();
        assert_eq!(default(&state), ["a"]);
        let taken = state.add_device("c", "unix:/x", &[], false, By::COMMAND);
        assert!(matches!(taken, Err(Error::Taken { .. })));
        assert_eq!(state.devices().unwrap()[1].groups, ["attic"]);
        state.remove_device("a", By::COMMAND).unwrap();
        assert!(matches!(
            state.remove_device("a", By::COMMAND),
            Err(Error::Unknown { .. })
        ));
        assert_eq!(state.devices().unwrap().len(), 2);
    }

    pub(in crate::state) fn a_path_of_the_gateway_is_no_name(fresh: &mut Fresh) {
        let state = fresh.state();
        for name in ["v1", "V1", "task", "heap", "a/b", "", ".hidden", "erase"] {
            let refused = state.add_device(name, "unix:/x", &[], false, By::COMMAND);
            assert!(matches!(refused, Err(Error::Usage(_))), "{name}");
        }
    }

    /// Neither set was asked when the device came, and the later one would have won in silence.
    pub(in crate::state) fn no_two_sets_say_what_the_same_container_is(fresh: &mut Fresh) {
        let state = fresh.state();
        let image = "0".repeat(64);
        state.keep_image(&image, b"image").unwrap();
        let spec = |set: &str, container: &str| -> Spec {
            let wanted = serde_json::json!({ "sha256": image });
            let spec = serde_json::json!({ "groups": [set], "containers": { container: wanted } });
            serde_json::from_value(spec).unwrap()
        };
        for (set, container) in [("lamps", "app"), ("pumps", "app"), ("clocks", "clock")] {
            let spec = spec(set, container);
            let seen = state.seen().unwrap();
            let applied = state.apply(set, &spec, &[], &seen, By::COMMAND);
            assert!(applied.unwrap().is_some());
        }
        let add = |name: &str, groups: &[&str]| {
            let groups: Vec<_> = groups.iter().map(|&group| group.to_owned()).collect();
            state.add_device(name, "unix:/x", &groups, false, By::COMMAND)
        };
        let seen = state.seen().unwrap();
        add("a", &["lamps", "clocks"]).unwrap();
        // A set that was looked at before the device came is looked at anew.
        let late = state.apply("new", &spec("new", "new"), &[], &seen, By::COMMAND);
        assert!(matches!(late, Ok(None)));
        let refused = add("b", &["lamps", "pumps"]).unwrap_err().to_string();
        assert!(
            refused.contains("the sets lamps and pumps, which both say what app"),
            "{refused}"
        );
        assert_eq!(state.devices().unwrap().len(), 1);
    }
}
