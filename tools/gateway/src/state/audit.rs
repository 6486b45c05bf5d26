//! Who did what. Entries are only added: the database refuses anything else, and each entry's chain follows from all
//! before it, so that whoever changes the file in another way is found out.
//!
//! A change of a device has two entries, one before it is asked for and one with its outcome. One without the
//! second was cut off.

use super::{
    State,
    sql::{Row, Sql, Value, values},
};
use crate::Error;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// Its number, from 1.
    pub number: i64,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// Name of the key, or who else it was.
    pub who: String,
    /// Network address it came from; empty: this computer's command line.
    pub peer: String,
    /// The device, if it was about one.
    pub device: String,
    /// What was asked for.
    pub action: String,
    /// The container or key it was about.
    pub subject: String,
    /// `asked`, `done`, `denied`, or the code of the error.
    pub outcome: String,
    /// Number of the entry whose outcome this is.
    pub ends: Option<i64>,
}

/// What is to be written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NewEntry<'a> {
    pub(crate) who: &'a str,
    pub(crate) peer: &'a str,
    pub(crate) device: &'a str,
    pub(crate) action: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) ends: Option<i64>,
}

/// Longest text of an entry; what a caller sends may be longer.
const TEXT_MAX: usize = 200;

/// Entries that are looked at together: a log may have millions.
const VERIFIED_AT_ONCE: u32 = 1000;

impl State {
    /// Writes an entry and returns its number.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn audit(&self, entry: NewEntry<'_>) -> Result<i64, Error> {
        self.change(|sql| write(sql, entry))
    }

    /// Writes an entry about a device that is to be changed, by its owner.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], [`Error::State`], [`Error::Database`].
    pub(crate) fn audit_before(&self, entry: NewEntry<'_>) -> Result<i64, Error> {
        self.change_of(entry.device, |sql| write(sql, entry))
    }

    /// Returns the last `count` entries, oldest first.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn audit_entries(&self, count: u32) -> Result<Vec<AuditEntry>, Error> {
        let rows = self.look(|sql| {
            sql.rows(
                "SELECT number, time_ms, who, peer, device, action, subject, outcome, ends
                 FROM (SELECT * FROM audit ORDER BY number DESC LIMIT ?1) AS newest ORDER BY number",
                values![count],
            )
        })?;
        rows.iter().map(read).collect()
    }

    /// Looks whether each entry follows from the one before. Returns how many there are.
    ///
    /// # Errors
    /// [`Error::AuditChanged`] with the first that does not; [`Error::State`].
    pub fn audit_verify(&self) -> Result<i64, Error> {
        let (mut count, mut before) = (0, [0; 32]);
        loop {
            let rows = self.look(|sql| {
                sql.rows(
                    "SELECT number, time_ms, who, peer, device, action, subject, outcome, ends, chain
                     FROM audit WHERE number > ?1 ORDER BY number LIMIT ?2",
                    values![count, VERIFIED_AT_ONCE],
                )
            })?;
            if rows.is_empty() {
                return Ok(count);
            }
            for row in &rows {
                let entry = read(row)?;
                let chain: [u8; 32] = row.get(9)?;
                count += 1;
                if entry.number != count || chain != chained(before, &entry) {
                    return Err(Error::AuditChanged(count));
                }
                before = chain;
            }
        }
    }
}

/// Writes an entry as part of a change.
pub(super) fn write(sql: &Sql<'_>, new: NewEntry<'_>) -> Result<i64, Error> {
    let last = sql.row(
        "SELECT number, chain FROM audit ORDER BY number DESC LIMIT 1",
        values![],
    )?;
    let (number, before): (i64, [u8; 32]) = match last {
        Some(row) => (row.get(0)?, row.get(1)?),
        None => Default::default(),
    };
    let text = |text: &str| {
        Value::clean(text)
            .chars()
            .take(TEXT_MAX)
            .collect::<String>()
    };
    let entry = AuditEntry {
        number: number + 1,
        time_ms: sql.now_ms,
        who: text(new.who),
        peer: text(new.peer),
        device: text(new.device),
        action: text(new.action),
        subject: text(new.subject),
        outcome: text(new.outcome),
        ends: new.ends,
    };
    sql.run(
        "INSERT INTO audit (number, time_ms, who, peer, device, action, subject, outcome, ends, chain)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        values![
            entry.number,
            entry.time_ms,
            &entry.who,
            &entry.peer,
            &entry.device,
            &entry.action,
            &entry.subject,
            &entry.outcome,
            entry.ends,
            &chained(before, &entry)[..],
        ],
    )?;
    Ok(entry.number)
}

fn read(row: &Row) -> Result<AuditEntry, Error> {
    Ok(AuditEntry {
        number: row.get(0)?,
        time_ms: row.get(1)?,
        who: row.get(2)?,
        peer: row.get(3)?,
        device: row.get(4)?,
        action: row.get(5)?,
        subject: row.get(6)?,
        outcome: row.get(7)?,
        ends: row.get(8)?,
    })
}

/// Each text with its length before it, so that no two entries are the same bytes.
fn chained(before: [u8; 32], entry: &AuditEntry) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(entry.number.to_le_bytes());
    hash.update(entry.time_ms.to_le_bytes());
    for text in [
        &entry.who,
        &entry.peer,
        &entry.device,
        &entry.action,
        &entry.subject,
        &entry.outcome,
    ] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.update(entry.ends.unwrap_or(0).to_le_bytes());
    hash.finalize().into()
}

#[cfg(test)]
pub(super) mod tests {
    use super::{super::both::Fresh, *};

    fn with_entries(fresh: &mut Fresh) -> State {
        let state = fresh.state();
        for subject in ["a", "b", "c"] {
            let entry = NewEntry {
                who: "ci",
                action: "start",
                subject,
                outcome: "asked",
                ..NewEntry::default()
            };
            state.audit(entry).unwrap();
        }
        state
    }

    pub(in crate::state) fn nothing_of_it_is_changed_or_deleted(fresh: &mut Fresh) {
        let state = with_entries(fresh);
        for statement in [
            "UPDATE audit SET who = 'x'",
            "DELETE FROM audit WHERE number = 3",
            "DELETE FROM audit",
        ] {
            let error = state.look(|sql| sql.run(statement, values![])).unwrap_err();
            assert!(error.to_string().contains("append-only"), "{error}");
        }
        assert_eq!(state.audit_verify().unwrap(), 3);
        let subjects: Vec<_> = state.audit_entries(2).unwrap();
        assert_eq!((subjects[0].number, subjects[1].number), (2, 3));
    }

    pub(in crate::state) fn whoever_goes_round_the_gateway_is_found_out(fresh: &mut Fresh) {
        for (change, found) in [
            ("UPDATE audit SET who = 'x' WHERE number = 2", 2),
            ("DELETE FROM audit WHERE number = 1", 1),
            ("UPDATE audit SET time_ms = 0 WHERE number = 3", 3),
        ] {
            let state = with_entries(fresh);
            let changed = state.look(|sql| {
                let locks: &[&str] = if sql.is_shared() {
                    &["ALTER TABLE audit DISABLE TRIGGER USER"]
                } else {
                    &[
                        "DROP TRIGGER audit_is_not_changed",
                        "DROP TRIGGER audit_is_not_shortened",
                    ]
                };
                for lock in locks {
                    sql.run(lock, values![])?;
                }
                sql.run(change, values![])
            });
            assert_eq!(changed.unwrap(), 1);
            let error = state.audit_verify().unwrap_err();
            assert!(
                matches!(error, Error::AuditChanged(number) if number == found),
                "{change}: {error}"
            );
        }
    }

    pub(in crate::state) fn what_a_caller_chose_is_written_whatever_it_is(fresh: &mut Fresh) {
        let state = fresh.state();
        let long = "ä".repeat(1000);
        for subject in [
            "a\0b",
            "'; DROP TABLE audit; --",
            "?1 $1",
            "\u{1f98a}",
            &long,
        ] {
            let entry = NewEntry {
                subject,
                ..NewEntry::default()
            };
            state.audit(entry).unwrap();
        }
        assert_eq!(state.audit_verify().unwrap(), 5);
        let entries = state.audit_entries(5).unwrap();
        assert_eq!(entries[0].subject, "a\u{fffd}b");
        assert_eq!(entries[2].subject, "?1 $1");
        assert_eq!(entries[4].subject.chars().count(), TEXT_MAX);
    }
}
