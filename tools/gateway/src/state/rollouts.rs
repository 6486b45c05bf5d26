//! The roll-outs from one version of a set to the next, and where each of their devices stands.

use super::{
    By, State, audit,
    sql::{Row, Sql, values},
};
use crate::Error;
use serde::Serialize;
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
    /// The number of the question whether all devices were seen once more; without a sign before it, it is asked now.
    #[serde(skip)]
    pub(crate) asked: i64,
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
    /// Does it answer, or is it looked for?
    #[serde(skip)]
    pub(crate) here: bool,
    /// Have all of its containers written what they have to?
    #[serde(skip)]
    pub(crate) said: bool,
    /// The last question for which it was seen once more.
    #[serde(skip)]
    pub(crate) confirmed: i64,
}

/// What its owner knows of a device of a roll-out.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) rollout: i64,
    pub(crate) device: String,
    pub(crate) here: bool,
    pub(crate) said: bool,
    pub(crate) confirmed: i64,
}

impl State {
    /// Roll-outs, the newest first; `None`: all.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn rollouts(&self, only: Option<i64>) -> Result<Vec<Rollout>, Error> {
        let which = "WHERE CAST(?1 AS BIGINT) IS NULL OR id = ?1 ORDER BY id DESC LIMIT 1000";
        let rows = self.look(|sql| sql.rows(&format!("{ROLLOUTS} {which}"), values![only]))?;
        rows.iter().map(read_rollout).collect()
    }

    /// Those that are under way.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn rollouts_under_way(&self) -> Result<Vec<Rollout>, Error> {
        let which = "WHERE state IN ('running', 'paused') ORDER BY id";
        let rows = self.look(|sql| sql.rows(&format!("{ROLLOUTS} {which}"), values![]))?;
        rows.iter().map(read_rollout).collect()
    }

    /// The devices of a roll-out, by stage and name.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn rollout_devices(&self, id: i64) -> Result<Vec<RolloutDevice>, Error> {
        let rows = self.look(|sql| {
            // A device that nobody owns is away, whatever its last owner has seen.
            let here = if sql.is_shared() {
                "here = 1 AND EXISTS (SELECT 1 FROM lease l JOIN gateway g ON g.id = l.owner WHERE l.device = d.device)"
            } else {
                "here = 1"
            };
            sql.rows(
                &format!(
                    "SELECT device, stage, state, why, at_ms, {here}, said, confirmed
                     FROM rollout_device d WHERE rollout = ?1 ORDER BY stage, device"
                ),
                values![id],
            )
        })?;
        let devices = rows.iter().map(|row| {
            Ok(RolloutDevice {
                device: row.get(0)?,
                stage: row.get(1)?,
                state: row.get(2)?,
                why: row.get(3)?,
                at_ms: row.get(4)?,
                here: row.get(5)?,
                said: row.get(6)?,
                confirmed: row.get(7)?,
            })
        });
        devices.collect()
    }

    /// Notes what owners know of their devices. A device that is another gateway's by now is left out.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn note_facts(&self, facts: &[Fact]) -> Result<(), Error> {
        if facts.is_empty() {
            return Ok(());
        }
        self.change(|sql| {
            for fact in facts {
                if self.is_ours(sql, &fact.device)? {
                    sql.run(
                        "UPDATE rollout_device SET here = ?3, said = ?4, confirmed = ?5 WHERE rollout = ?1 AND device = ?2",
                        values![fact.rollout, &fact.device, fact.here, fact.said, fact.confirmed],
                    )?;
                }
            }
            Ok(())
        })
    }

    /// Asks the owners of all devices of a roll-out to look at them once more, because the time of its stage is over.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn ask_owners(&self, id: i64, stage: i64) -> Result<(), Error> {
        self.change(|sql| {
            sql.run(
                "UPDATE rollout SET asked = 1 - asked WHERE id = ?1 AND stage = ?2 AND state = 'running' AND asked <= 0",
                values![id, stage],
            )?;
            Ok(())
        })
    }

    /// The stage is not complete any more, so what was asked means nothing.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn forget_asked(&self, id: i64) -> Result<(), Error> {
        self.change(|sql| {
            sql.run(
                "UPDATE rollout SET asked = -abs(asked) WHERE id = ?1",
                values![id],
            )?;
            Ok(())
        })
    }

    /// A device of a roll-out has the new version. One that is good, or has failed, stays what it is.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn note_updated(&self, id: i64, device: &str) -> Result<(), Error> {
        self.change_of(device, |sql| {
            sql.run(
                "UPDATE rollout_device SET state = 'updated', why = '', at_ms = ?3
                 WHERE rollout = ?1 AND device = ?2 AND state NOT IN ('updated', 'good', 'failed')",
                values![id, device, sql.now_ms],
            )?;
            Ok(())
        })
    }

    /// A device of a roll-out has failed; the first reason stays.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn note_failed(&self, id: i64, device: &str, why: &str) -> Result<(), Error> {
        self.change_of(device, |sql| {
            sql.run(
                "UPDATE rollout_device SET state = 'failed', why = ?3, at_ms = ?4
                 WHERE rollout = ?1 AND device = ?2 AND state <> 'failed'",
                values![id, device, why, sql.now_ms],
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
        let count = format!("SELECT count(*) FROM rollout_device WHERE {WHERE}");
        let found: i64 = self.look(|sql| sql.one(&count, values![device])?.get(0))?;
        if found == 0 {
            return Ok(());
        }
        self.change_of(device, |sql| {
            sql.run(
                &format!("UPDATE rollout_device SET state = 'back', at_ms = ?2 WHERE {WHERE}"),
                values![device, sql.now_ms],
            )?;
            Ok(())
        })
    }

    /// The next stage begins; behind the last one the new version holds.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn advance(&self, id: i64, from: i64) -> Result<(), Error> {
        self.change(|sql| {
            sql.run(
                "UPDATE rollout_device SET state = 'good', at_ms = ?3
                 WHERE rollout = ?1 AND stage <= ?2 AND state = 'updated'",
                values![id, from, sql.now_ms],
            )?;
            let done = sql.run(
                "UPDATE rollout SET state = 'done', ended_ms = ?3
                 WHERE id = ?1 AND stage = ?2 AND stages = ?2 + 1 AND state = 'running'",
                values![id, from, sql.now_ms],
            )?;
            if done == 0 {
                sql.run(
                    "UPDATE rollout SET stage = stage + 1, asked = -abs(asked) WHERE id = ?1 AND stage = ?2 AND state = 'running'",
                    values![id, from],
                )?;
                return Ok(());
            }
            sql.run(
                "UPDATE fleet_set SET version = (SELECT number FROM rollout WHERE id = ?1)
                 WHERE name = (SELECT set_name FROM rollout WHERE id = ?1)",
                values![id],
            )?;
            let set: String = set_of(sql, id)?;
            audit::write(sql, By::GATEWAY.entry("rollout done", &set))?;
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
        self.change(|sql| {
            let found = sql.row("SELECT state FROM rollout WHERE id = ?1", values![id])?;
            let found: Option<String> = found.map(|row| row.get(0)).transpose()?;
            if !found.is_some_and(|state| from.contains(&&*state)) {
                return Err(Error::Unknown {
                    kind: "roll-out that is",
                    name: format!("{id}, {}", from.join(" or ")),
                });
            }
            let ends = matches!(to, "stopped" | "aborted").then_some(sql.now_ms);
            sql.run(
                "UPDATE rollout SET state = ?2, why = ?3, ended_ms = ?4, asked = -abs(asked) WHERE id = ?1",
                values![id, to, why, ends],
            )?;
            let set: String = set_of(sql, id)?;
            audit::write(sql, by.entry(action, &set))?;
            Ok(())
        })
    }
}

fn set_of(sql: &Sql<'_>, id: i64) -> Result<String, Error> {
    sql.one("SELECT set_name FROM rollout WHERE id = ?1", values![id])?
        .get(0)
}

const ROLLOUTS: &str =
    "SELECT id, set_name, number, previous, state, stage, stages, why, begun_ms, ended_ms, asked
     FROM rollout";

fn read_rollout(row: &Row) -> Result<Rollout, Error> {
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
        asked: row.get(10)?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::{super::both::Fresh, *};
    use crate::fleet::Spec;

    fn spec(share: u8) -> Spec {
        let container =
            serde_json::json!({ "sha256": "0".repeat(64), "parameters": { "share": share } });
        let spec =
            serde_json::json!({ "devices": ["a", "b"], "containers": { "lamp": container } });
        serde_json::from_value(spec).unwrap()
    }

    fn states(state: &State, id: i64) -> Vec<String> {
        let devices = state.rollout_devices(id).unwrap().into_iter();
        devices.map(|device| device.state).collect()
    }

    pub(in crate::state) fn a_rollout_goes_from_stage_to_stage_once_each_whoever_says_so(
        fresh: &mut Fresh,
    ) {
        let state = fresh.owning(&["a", "b"]);
        let stages = [("a".to_owned(), 0), ("b".to_owned(), 1)];
        let apply = |share| {
            let seen = state.seen().unwrap();
            let applied = state.apply("lamps", &spec(share), &stages, &seen, By::COMMAND);
            applied.map(Option::unwrap)
        };
        assert!(
            matches!(apply(1), Err(Error::Usage(_))),
            "there is no image"
        );
        let image = "0".repeat(64);
        state.keep_image(&image, b"image").unwrap();
        let early = state.seen().unwrap();
        state.keep_image(&image, b"image").unwrap();
        assert_eq!(state.image(&image).unwrap().unwrap(), b"image");
        assert_eq!(state.image("1").unwrap(), None);

        let first = apply(1).unwrap().rollout.unwrap();
        // What was looked at before another one came is looked at anew.
        let late = state.apply("lamps", &spec(1), &stages, &early, By::COMMAND);
        assert!(matches!(late, Ok(None)));
        assert!(matches!(apply(2), Err(Error::Taken { .. })));
        assert_eq!(state.sets().unwrap()[0].coming(), Some(1));
        state.note_updated(first, "a").unwrap();
        state.ask_owners(first, 0).unwrap();
        state.ask_owners(first, 0).unwrap();
        assert_eq!(state.rollouts(Some(first)).unwrap()[0].asked, 1);
        // Two gateways come to the same end.
        for _ in 0..2 {
            state.advance(first, 0).unwrap();
        }
        let now = &state.rollouts_under_way().unwrap()[0];
        assert_eq!((now.stage, now.asked), (1, -1));
        assert_eq!(states(&state, first), ["good", "waiting"]);
        state.note_updated(first, "b").unwrap();
        for _ in 0..2 {
            state.advance(first, 1).unwrap();
        }
        assert!(state.rollouts_under_way().unwrap().is_empty());
        assert_eq!(state.sets().unwrap()[0].version, 1);
        assert_eq!(apply(1).unwrap().rollout, None, "it holds already");

        let second = apply(2).unwrap().rollout.unwrap();
        state.pause_rollout(second, true, By::COMMAND).unwrap();
        state.advance(second, 0).unwrap();
        assert_eq!(state.rollouts(Some(second)).unwrap()[0].stage, 0);
        state.pause_rollout(second, false, By::COMMAND).unwrap();
        state.note_updated(second, "a").unwrap();
        state.note_failed(second, "a", "it faults").unwrap();
        state.note_updated(second, "a").unwrap();
        let end = |by| state.end_rollout(second, "stopped", "a", by);
        end(By::GATEWAY).unwrap();
        assert!(matches!(end(By::GATEWAY), Err(Error::Unknown { .. })));
        assert_eq!(states(&state, second), ["failed", "waiting"]);
        state.note_back("a").unwrap();
        assert_eq!(states(&state, second), ["back", "waiting"]);
        assert_eq!(state.sets().unwrap()[0].version, 1);
        assert_eq!(state.rollouts(None).unwrap().len(), 2);
        let done = state.audit_entries(100).unwrap().into_iter();
        let done = done.map(|entry| entry.action);
        let done: Vec<_> = done.filter(|action| action != "device add").collect();
        assert_eq!(
            done,
            [
                "fleet apply",
                "rollout done",
                "fleet apply",
                "rollout pause",
                "rollout resume",
                "rollout stopped"
            ]
        );
    }
}
