//! Sets of containers, their versions, and the roll-outs from one to the next.

use super::{By, State, audit, devices::is_name, now_ms};
use crate::{Error, fleet::Spec};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Where a roll-out stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Rollout {
    /// Its number.
    pub(crate) id: i64,
    /// The set.
    pub(crate) set: String,
    /// The version that comes.
    pub(crate) version: i64,
    /// The version that was; 0: none.
    pub(crate) previous: i64,
    /// `running`, `paused`, `stopped` (by a gate), `aborted` (by somebody) or `done`.
    pub(crate) state: String,
    /// The stage that it is at, from 0.
    pub(crate) stage: i64,
    /// How many stages it has.
    pub(crate) stages: i64,
    /// Why it was stopped.
    pub(crate) why: String,
    /// When it began, in milliseconds since 1970.
    pub(crate) begun_ms: i64,
    /// When it ended.
    pub(crate) ended_ms: Option<i64>,
}

/// A device of a roll-out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RolloutDevice {
    /// Its name.
    pub(crate) device: String,
    /// The stage in which it gets the new version.
    pub(crate) stage: i64,
    /// `waiting`, `updated`, `good` (its stage has passed), `failed`, or `back` (it has the old version again).
    pub(crate) state: String,
    /// Why it failed.
    pub(crate) why: String,
    /// Since when, in milliseconds since 1970.
    pub(crate) at_ms: i64,
}

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
    /// `stored`, `updated`, `rolled-back`, `changed`, `started`, `removed` or `refused`.
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
}

/// What came of applying a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Applied {
    /// The version.
    pub(crate) version: i64,
    /// Its roll-out; nothing if it is as it was.
    pub(crate) rollout: Option<i64>,
}

impl State {
    /// Keeps an image.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn keep_image(&self, sha256: &str, bytes: &[u8]) -> Result<(), Error> {
        self.change(|transaction| {
            transaction.execute(
                "INSERT OR IGNORE INTO image (sha256, bytes, added_ms) VALUES (?1, ?2, ?3)",
                params![sha256, bytes, now_ms()],
            )?;
            Ok(())
        })
    }

    pub(crate) fn image(&self, sha256: &str) -> Result<Option<Vec<u8>>, Error> {
        let connection = self.hold();
        let found = connection.query_row(
            "SELECT bytes FROM image WHERE sha256 = ?1",
            [sha256],
            |row| row.get(0),
        );
        Ok(found.optional()?)
    }

    /// A set is to be so. If it was something else a roll-out begins, with `stages` of it devices in their order.
    ///
    /// # Errors
    /// [`Error::Usage`] if it makes no sense or an image is missing; [`Error::Taken`] while it is rolled out.
    pub(crate) fn apply(
        &self,
        name: &str,
        spec: &Spec,
        stages: &[(String, i64)],
        by: By<'_>,
    ) -> Result<Applied, Error> {
        if !is_name(name) {
            return Err(Error::Usage(format!("\"{name}\" is no name of a set")));
        }
        spec.check(name)?;
        let text = serde_json::to_string(spec).map_err(|error| Error::System(error.to_string()))?;
        self.change(|transaction| {
            for (container, wanted) in &spec.containers {
                let known: Option<i64> = transaction
                    .query_row("SELECT 1 FROM image WHERE sha256 = ?1", [&wanted.sha256], |row| row.get(0))
                    .optional()?;
                if known.is_none() {
                    return Err(Error::Usage(format!(
                        "set {name}: the gateway has no image {} for {container}",
                        wanted.sha256
                    )));
                }
            }
            transaction.execute(
                "INSERT OR IGNORE INTO fleet_set (name, version) VALUES (?1, 0)",
                [name],
            )?;
            let previous: i64 = transaction.query_row(
                "SELECT version FROM fleet_set WHERE name = ?1",
                [name],
                |row| row.get(0),
            )?;
            let under_way: Option<i64> = transaction
                .query_row(
                    "SELECT id FROM rollout WHERE set_name = ?1 AND state IN ('running', 'paused')",
                    [name],
                    |row| row.get(0),
                )
                .optional()?;
            if under_way.is_some() {
                return Err(Error::Taken {
                    kind: "roll-out of set",
                    name: name.to_owned(),
                });
            }
            let holds: Option<String> = transaction
                .query_row(
                    "SELECT spec FROM fleet_version WHERE set_name = ?1 AND number = ?2",
                    params![name, previous],
                    |row| row.get(0),
                )
                .optional()?;
            if holds.as_deref() == Some(&text) {
                return Ok(Applied {
                    version: previous,
                    rollout: None,
                });
            }
            let last: Option<i64> = transaction.query_row(
                "SELECT max(number) FROM fleet_version WHERE set_name = ?1",
                [name],
                |row| row.get(0),
            )?;
            let version = last.unwrap_or(0) + 1;
            transaction.execute(
                "INSERT INTO fleet_version (set_name, number, spec, who, added_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![name, version, text, by.who, now_ms()],
            )?;
            let count = stages.iter().map(|(_, stage)| stage + 1).max().unwrap_or(1);
            transaction.execute(
                "INSERT INTO rollout (set_name, number, previous, state, stage, stages, begun_ms)
                 VALUES (?1, ?2, ?3, 'running', 0, ?4, ?5)",
                params![name, version, previous, count, now_ms()],
            )?;
            let id = transaction.last_insert_rowid();
            for (device, stage) in stages {
                transaction.execute(
                    "INSERT INTO rollout_device (rollout, device, stage, state, at_ms) VALUES (?1, ?2, ?3, 'waiting', ?4)",
                    params![id, device, stage, now_ms()],
                )?;
            }
            audit::write(transaction, by.entry("fleet apply", name))?;
            Ok(Applied {
                version,
                rollout: Some(id),
            })
        })
    }

    /// All sets as they hold, and are to be.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn sets(&self) -> Result<Vec<Holds>, Error> {
        let connection = self.hold();
        let mut statement =
            connection.prepare("SELECT name, version FROM fleet_set ORDER BY name")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut versions = connection.prepare(
            "SELECT number, spec FROM fleet_version v WHERE set_name = ?1 AND (number = ?2 OR number IN
                (SELECT number FROM rollout r WHERE r.set_name = v.set_name AND state IN ('running', 'paused')))",
        )?;
        let mut sets = Vec::new();
        for row in rows {
            let (name, version): (String, i64) = row?;
            let found = versions.query_map(params![name, version], |row| {
                Ok((row.get(0)?, row.get::<_, String>(1)?))
            })?;
            let mut specs = BTreeMap::new();
            for row in found {
                let (number, text): (i64, String) = row?;
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

    /// Roll-outs, the newest first; `None`: all.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn rollouts(&self, only: Option<i64>) -> Result<Vec<Rollout>, Error> {
        let connection = self.hold();
        let mut statement = connection.prepare(
            "SELECT id, set_name, number, previous, state, stage, stages, why, begun_ms, ended_ms
             FROM rollout WHERE ?1 IS NULL OR id = ?1 ORDER BY id DESC LIMIT 1000",
        )?;
        let rows = statement.query_map([only], read_rollout)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Those that are under way.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn rollouts_under_way(&self) -> Result<Vec<Rollout>, Error> {
        let connection = self.hold();
        let mut statement = connection.prepare(
            "SELECT id, set_name, number, previous, state, stage, stages, why, begun_ms, ended_ms
             FROM rollout WHERE state IN ('running', 'paused') ORDER BY id",
        )?;
        let rows = statement.query_map([], read_rollout)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The devices of a roll-out, by stage and name.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn rollout_devices(&self, id: i64) -> Result<Vec<RolloutDevice>, Error> {
        let connection = self.hold();
        let mut statement = connection.prepare(
            "SELECT device, stage, state, why, at_ms FROM rollout_device WHERE rollout = ?1 ORDER BY stage, device",
        )?;
        let rows = statement.query_map([id], |row| {
            Ok(RolloutDevice {
                device: row.get(0)?,
                stage: row.get(1)?,
                state: row.get(2)?,
                why: row.get(3)?,
                at_ms: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A device of a roll-out has the new version. One that is good, or has failed, stays what it is.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn note_updated(&self, id: i64, device: &str) -> Result<(), Error> {
        self.change(|transaction| {
            transaction.execute(
                "UPDATE rollout_device SET state = 'updated', why = '', at_ms = ?3
                 WHERE rollout = ?1 AND device = ?2 AND state NOT IN ('updated', 'good', 'failed')",
                params![id, device, now_ms()],
            )?;
            Ok(())
        })
    }

    /// A device of a roll-out has failed; the first reason stays.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn note_failed(&self, id: i64, device: &str, why: &str) -> Result<(), Error> {
        self.change(|transaction| {
            transaction.execute(
                "UPDATE rollout_device SET state = 'failed', why = ?3, at_ms = ?4
                 WHERE rollout = ?1 AND device = ?2 AND state <> 'failed'",
                params![id, device, why, now_ms()],
            )?;
            Ok(())
        })
    }

    /// A device has again what holds, wherever a roll-out to it was taken back.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn note_back(&self, device: &str) -> Result<(), Error> {
        const WHERE: &str = "device = ?1 AND state IN ('updated', 'good', 'failed')
             AND rollout IN (SELECT id FROM rollout WHERE state IN ('stopped', 'aborted'))";
        // Mostly there is nothing to write.
        let found: i64 = self.hold().query_row(
            &format!("SELECT count(*) FROM rollout_device WHERE {WHERE}"),
            [device],
            |row| row.get(0),
        )?;
        if found == 0 {
            return Ok(());
        }
        self.change(|transaction| {
            transaction.execute(
                &format!("UPDATE rollout_device SET state = 'back', at_ms = ?2 WHERE {WHERE}"),
                params![device, now_ms()],
            )?;
            Ok(())
        })
    }

    /// The next stage begins; behind the last one the new version holds.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn advance(&self, id: i64, from: i64) -> Result<(), Error> {
        self.change(|transaction| {
            transaction.execute(
                "UPDATE rollout_device SET state = 'good', at_ms = ?3
                 WHERE rollout = ?1 AND stage <= ?2 AND state = 'updated'",
                params![id, from, now_ms()],
            )?;
            let done = transaction.execute(
                "UPDATE rollout SET state = 'done', ended_ms = ?3
                 WHERE id = ?1 AND stage = ?2 AND stages = ?2 + 1 AND state = 'running'",
                params![id, from, now_ms()],
            )?;
            if done == 0 {
                transaction.execute(
                    "UPDATE rollout SET stage = stage + 1 WHERE id = ?1 AND stage = ?2 AND state = 'running'",
                    params![id, from],
                )?;
                return Ok(());
            }
            transaction.execute(
                "UPDATE fleet_set SET version = (SELECT number FROM rollout WHERE id = ?1)
                 WHERE name = (SELECT set_name FROM rollout WHERE id = ?1)",
                [id],
            )?;
            let set: String = set_of(transaction, id)?;
            audit::write(transaction, By::GATEWAY.entry("rollout done", &set))?;
            Ok(())
        })
    }

    /// It ends here, and the old version is everybody's again.
    ///
    /// # Errors
    /// [`Error::Unknown`] if it is not under way.
    pub(crate) fn end_rollout(
        &self,
        id: i64,
        state: &'static str,
        why: &str,
        by: By<'_>,
    ) -> Result<(), Error> {
        let action = if state == "stopped" {
            "rollout stopped"
        } else {
            "rollout abort"
        };
        self.turn(id, &["running", "paused"], state, why, action, by)
    }

    /// It waits where it is, or goes on.
    ///
    /// # Errors
    /// [`Error::Unknown`] if it is not running, or not paused.
    pub(crate) fn pause_rollout(&self, id: i64, pause: bool, by: By<'_>) -> Result<(), Error> {
        let (from, to, action) = if pause {
            ("running", "paused", "rollout pause")
        } else {
            ("paused", "running", "rollout resume")
        };
        self.turn(id, &[from], to, "", action, by)
    }

    fn turn(
        &self,
        id: i64,
        from: &[&str],
        to: &str,
        why: &str,
        action: &str,
        by: By<'_>,
    ) -> Result<(), Error> {
        self.change(|transaction| {
            let found = transaction
                .query_row("SELECT state FROM rollout WHERE id = ?1", [id], |row| {
                    row.get::<_, String>(0)
                })
                .optional()?;
            if !found.is_some_and(|state| from.contains(&&*state)) {
                return Err(Error::Unknown {
                    kind: "roll-out that is",
                    name: format!("{id}, {}", from.join(" or ")),
                });
            }
            let ends = matches!(to, "stopped" | "aborted").then(now_ms);
            transaction.execute(
                "UPDATE rollout SET state = ?2, why = ?3, ended_ms = ?4 WHERE id = ?1",
                params![id, to, why, ends],
            )?;
            let set: String = set_of(transaction, id)?;
            audit::write(transaction, by.entry(action, &set))?;
            Ok(())
        })
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
        self.change(|transaction| {
            for (container, sha256, what) in done {
                let none = (String::new(), 0);
                let (set, version) = whose.get(container).unwrap_or(&none);
                if *what == "removed" {
                    transaction.execute(
                        "DELETE FROM placed WHERE device = ?1 AND container = ?2",
                        params![device, container],
                    )?;
                } else if *what != "refused" {
                    transaction.execute(
                        "INSERT INTO placed (device, container, set_name) VALUES (?1, ?2, ?3)
                         ON CONFLICT (device, container) DO UPDATE SET set_name = excluded.set_name",
                        params![device, container, set],
                    )?;
                }
                transaction.execute(
                    "INSERT INTO history (time_ms, device, container, sha256, what, set_name, version)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![now_ms(), device, container, sha256, what, set, version],
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
        let connection = self.hold();
        let mut statement = connection
            .prepare("SELECT container FROM placed WHERE device = ?1 ORDER BY container")?;
        let rows = statement.query_map([device], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What was done to a device, or to all, oldest first.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn history(&self, device: Option<&str>, last: u32) -> Result<Vec<Happened>, Error> {
        let connection = self.hold();
        let mut statement = connection.prepare(
            "SELECT time_ms, device, container, sha256, what, set_name, version FROM
               (SELECT * FROM history WHERE ?1 IS NULL OR device = ?1 ORDER BY number DESC LIMIT ?2) ORDER BY number",
        )?;
        let rows = statement.query_map(params![device, last], |row| {
            Ok(Happened {
                time_ms: row.get(0)?,
                device: row.get(1)?,
                container: row.get(2)?,
                sha256: row.get(3)?,
                what: row.get(4)?,
                set: row.get(5)?,
                version: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn set_of(transaction: &Transaction<'_>, id: i64) -> Result<String, Error> {
    Ok(
        transaction.query_row("SELECT set_name FROM rollout WHERE id = ?1", [id], |row| {
            row.get(0)
        })?,
    )
}

fn read_rollout(row: &Row<'_>) -> rusqlite::Result<Rollout> {
    Ok(Rollout {
        id: row.get(0)?,
        set: row.get(1)?,
        version: row.get(2)?,
        previous: row.get(3)?,
        state: row.get(4)?,
        stage: row.get(5)?,
        stages: row.get(6)?,
        why: row.get(7)?,
        begun_ms: row.get(8)?,
        ended_ms: row.get(9)?,
    })
}
