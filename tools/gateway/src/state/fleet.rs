//! Sets of containers, their versions, and what ran where. The roll-outs from one version to the next are in `rollouts`.

use super::{
    By, Device, State, audit,
    devices::{self, is_name},
    sql::{Sql, values},
};
use crate::{Error, fleet::Spec};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Something that was done to a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Happened {
    /// When, in milliseconds since 1970.
    pub(crate) time_ms: i64,
    /// The device.
    pub(crate) device: String,
    /// The container.
    pub(crate) container: String,
    /// SHA-256 of its image.
    pub(crate) sha256: String,
    /// `stored`, `updated`, `rolled-back`, `changed`, `started`, `removed`, `refused`, or `found`: it was there already.
    pub(crate) what: String,
    /// The set.
    pub(crate) set: String,
    /// Its version.
    pub(crate) version: i64,
}

/// A set as it holds.
#[derive(Clone, Debug)]
pub(crate) struct Holds {
    pub(crate) name: String,
    /// 0: nothing holds yet.
    pub(crate) version: i64,
    /// All versions that a device may be to have now: the one that holds, and the one that is rolled out.
    pub(crate) specs: BTreeMap<i64, Spec>,
}

impl Holds {
    /// The version that is rolled out, if one is.
    pub(crate) fn coming(&self) -> Option<i64> {
        let mut versions = self.specs.keys();
        versions.find(|&&number| number != self.version).copied()
    }

    /// Returns a container of which it says what it is to be on this device, as another set's `spec` does.
    pub(crate) fn says_too(&self, spec: &Spec, device: &Device) -> Option<&String> {
        let own = self.specs.values();
        let mut own = own
            .filter(|own| own.is_for(device) && spec.is_for(device))
            .flat_map(|own| own.containers.keys());
        own.find(|name| spec.containers.contains_key(*name))
    }
}

/// What came of applying a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Applied {
    /// The version.
    pub(crate) version: i64,
    /// Its roll-out; nothing if it is as it was.
    pub(crate) rollout: Option<i64>,
}

/// What was known when it was looked whether a set may be so: it is looked anew if something else is known by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many versions of sets there were so far.
    versions: i64,
    /// The devices that there are.
    pub(crate) devices: Vec<Device>,
}

fn seen(sql: &Sql<'_>) -> Result<Seen, Error> {
    let versions = sql.one("SELECT count(*) FROM fleet_version", values![])?;
    Ok(Seen {
        versions: versions.get(0)?,
        devices: devices::all(sql)?,
    })
}

/// All sets as they hold, and are to be.
pub(super) fn sets(sql: &Sql<'_>) -> Result<Vec<Holds>, Error> {
    let mut sets = Vec::new();
    let names = "SELECT name, version FROM fleet_set ORDER BY name";
    for row in sql.rows(names, values![])? {
        let (name, version): (String, i64) = (row.get(0)?, row.get(1)?);
        let found = sql.rows(
            "SELECT number, spec FROM fleet_version v WHERE set_name = ?1 AND (number = ?2 OR number IN
                (SELECT number FROM rollout r WHERE r.set_name = v.set_name AND state IN ('running', 'paused')))",
            values![&name, version],
        )?;
        let mut specs = BTreeMap::new();
        for row in found {
            let (number, text): (i64, String) = (row.get(0)?, row.get(1)?);
            let spec = serde_json::from_str(&text).map_err(|error| {
                Error::System(format!("version {number} of set {name}: {error}"))
            })?;
            specs.insert(number, spec);
        }
        sets.push(Holds {
            name,
            version,
            specs,
        });
    }
    Ok(sets)
}

impl State {
    /// Keeps an image.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn keep_image(&self, sha256: &str, bytes: &[u8]) -> Result<(), Error> {
        self.change(|sql| {
            sql.run(
                "INSERT INTO image (sha256, bytes, added_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                values![sha256, bytes, sql.now_ms],
            )?;
            Ok(())
        })
    }

    pub(crate) fn image(&self, sha256: &str) -> Result<Option<Vec<u8>>, Error> {
        let bytes = "SELECT bytes FROM image WHERE sha256 = ?1";
        let found = self.look(|sql| sql.row(bytes, values![sha256]))?;
        found.map(|row| row.get(0)).transpose()
    }

    /// What a set is looked at beside.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn seen(&self) -> Result<Seen, Error> {
        self.look(seen)
    }

    /// A set is to be so. If it was something else a roll-out begins, with `stages` of it devices in their order. `None`: there is another
    /// version of some set, or another device, since this was `seen`, and nothing is changed.
    ///
    /// # Errors
    /// [`Error::Usage`] if it makes no sense or an image is missing; [`Error::Taken`] while it is rolled out.
    pub(crate) fn apply(
        &self,
        name: &str,
        spec: &Spec,
        stages: &[(String, i64)],
        seen: &Seen,
        by: By<'_>,
    ) -> Result<Option<Applied>, Error> {
        if !is_name(name) {
            return Err(Error::Usage(format!("\"{name}\" is no name of a set")));
        }
        spec.check(name)?;
        let text = serde_json::to_string(spec).map_err(|error| Error::System(error.to_string()))?;
        self.change(|sql| {
            if self::seen(sql)? != *seen {
                return Ok(None);
            }
            for (container, wanted) in &spec.containers {
                let known = sql.row(
                    "SELECT 1 FROM image WHERE sha256 = ?1",
                    values![&wanted.sha256],
                )?;
                if known.is_none() {
                    return Err(Error::Usage(format!(
                        "set {name}: the gateway has no image {} for {container}",
                        wanted.sha256
                    )));
                }
            }
            sql.run(
                "INSERT INTO fleet_set (name, version) VALUES (?1, 0) ON CONFLICT DO NOTHING",
                values![name],
            )?;
            let previous: i64 = sql
                .one(
                    "SELECT version FROM fleet_set WHERE name = ?1",
                    values![name],
                )?
                .get(0)?;
            let under_way = sql.row(
                "SELECT id FROM rollout WHERE set_name = ?1 AND state IN ('running', 'paused')",
                values![name],
            )?;
            if under_way.is_some() {
                return Err(Error::Taken {
                    kind: "roll-out of set",
                    name: name.to_owned(),
                });
            }
            let holds = sql.row(
                "SELECT spec FROM fleet_version WHERE set_name = ?1 AND number = ?2",
                values![name, previous],
            )?;
            let holds: Option<String> = holds.map(|row| row.get(0)).transpose()?;
            if holds.as_deref() == Some(&text) {
                return Ok(Some(Applied {
                    version: previous,
                    rollout: None,
                }));
            }
            let last: Option<i64> = sql
                .one(
                    "SELECT max(number) FROM fleet_version WHERE set_name = ?1",
                    values![name],
                )?
                .get(0)?;
            let version = last.unwrap_or(0) + 1;
            sql.run(
                "INSERT INTO fleet_version (set_name, number, spec, who, added_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                values![name, version, &text, by.who, sql.now_ms],
            )?;
            let count = stages.iter().map(|(_, stage)| stage + 1).max().unwrap_or(1);
            let id: i64 = sql
                .one(
                    "INSERT INTO rollout (set_name, number, previous, state, stage, stages, begun_ms)
                     VALUES (?1, ?2, ?3, 'running', 0, ?4, ?5) RETURNING id",
                    values![name, version, previous, count, sql.now_ms],
                )?
                .get(0)?;
            for (device, stage) in stages {
                sql.run(
                    "INSERT INTO rollout_device (rollout, device, stage, state, at_ms) VALUES (?1, ?2, ?3, 'waiting', ?4)",
                    values![id, device, *stage, sql.now_ms],
                )?;
            }
            audit::write(sql, by.entry("fleet apply", name))?;
            Ok(Some(Applied {
                version,
                rollout: Some(id),
            }))
        })
    }

    /// All sets as they hold, and are to be.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn sets(&self) -> Result<Vec<Holds>, Error> {
        self.look(sets)
    }

    /// Notes what was done to a device, and which containers there are a set's.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn note_placed(
        &self,
        device: &str,
        done: &[(String, String, &'static str)],
        whose: &BTreeMap<String, (String, i64)>,
    ) -> Result<(), Error> {
        if done.is_empty() {
            return Ok(());
        }
        self.change_of(device, |sql| {
            for (container, sha256, what) in done {
                let none = (String::new(), 0);
                let (set, version) = whose.get(container).unwrap_or(&none);
                if *what == "removed" {
                    sql.run(
                        "DELETE FROM placed WHERE device = ?1 AND container = ?2",
                        values![device, container],
                    )?;
                } else if *what != "refused" {
                    sql.run(
                        "INSERT INTO placed (device, container, set_name) VALUES (?1, ?2, ?3)
                         ON CONFLICT (device, container) DO UPDATE SET set_name = excluded.set_name",
                        values![device, container, set],
                    )?;
                }
                sql.run(
                    "INSERT INTO history (time_ms, device, container, sha256, what, set_name, version)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    values![sql.now_ms, device, container, sha256, *what, set, *version],
                )?;
            }
            Ok(())
        })
    }

    /// The containers of a device that are sets'.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn placed(&self, device: &str) -> Result<Vec<String>, Error> {
        let names = "SELECT container FROM placed WHERE device = ?1 ORDER BY container";
        let rows = self.look(|sql| sql.rows(names, values![device]))?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// What was done to a device, or to all, oldest first.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn history(&self, device: Option<&str>, last: u32) -> Result<Vec<Happened>, Error> {
        let rows = self.look(|sql| {
            sql.rows(
                "SELECT time_ms, device, container, sha256, what, set_name, version FROM
                   (SELECT * FROM history WHERE CAST(?1 AS TEXT) IS NULL OR device = ?1 ORDER BY number DESC LIMIT ?2) AS newest
                 ORDER BY number",
                values![device, last],
            )
        })?;
        let happened = rows.iter().map(|row| {
            Ok(Happened {
                time_ms: row.get(0)?,
                device: row.get(1)?,
                container: row.get(2)?,
                sha256: row.get(3)?,
                what: row.get(4)?,
                set: row.get(5)?,
                version: row.get(6)?,
            })
        });
        happened.collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{super::both::Fresh, *};

    pub(in crate::state) fn what_was_done_to_a_device_is_told_and_which_containers_are_a_sets(
        fresh: &mut Fresh,
    ) {
        let state = fresh.owning(&["a", "b"]);
        let set = |name: &str, version| ("lamp".to_owned(), (name.to_owned(), version));
        let done = |what| [("lamp".to_owned(), "00".to_owned(), what)];
        for (device, what, version) in [
            ("a", "stored", 1),
            ("b", "stored", 1),
            ("a", "updated", 2),
            ("b", "refused", 2),
        ] {
            let whose = [set("lamps", version)].into();
            state.note_placed(device, &done(what), &whose).unwrap();
        }
        state
            .note_placed("b", &done("removed"), &BTreeMap::new())
            .unwrap();
        assert_eq!(state.placed("a").unwrap(), ["lamp"]);
        assert!(state.placed("b").unwrap().is_empty());
        let told = |device, last| {
            let history = state.history(device, last).unwrap().into_iter();
            history
                .map(|entry| (entry.device, entry.what, entry.version))
                .collect::<Vec<_>>()
        };
        let entry =
            |device: &str, what: &str, version| (device.to_owned(), what.to_owned(), version);
        assert_eq!(
            told(Some("a"), 10),
            [entry("a", "stored", 1), entry("a", "updated", 2)]
        );
        assert_eq!(
            told(None, 2),
            [entry("b", "refused", 2), entry("b", "removed", 0)]
        );
    }
}
