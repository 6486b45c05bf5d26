//! Who did what. Entries are only added: the database refuses anything else, and each entry's chain follows from all
//! before it, so that whoever changes the file in another way is found out.
//!
//! A change of a device has two entries, one before it is asked for and one with its outcome. One without the
//! second was cut off.

use super::{State, now_ms};
use crate::Error;
use rusqlite::{OptionalExtension, Transaction, params};
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

impl State {
    /// Writes an entry and returns its number.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn audit(&self, entry: NewEntry<'_>) -> Result<i64, Error> {
        self.change(|transaction| write(transaction, entry))
    }

    /// Returns the last `count` entries, oldest first.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn audit_entries(&self, count: u32) -> Result<Vec<AuditEntry>, Error> {
        let connection = self.hold();
        let mut statement = connection.prepare(
            "SELECT number, time_ms, who, peer, device, action, subject, outcome, ends
             FROM (SELECT * FROM audit ORDER BY number DESC LIMIT ?1) ORDER BY number",
        )?;
        let rows = statement.query_map([count], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Looks whether each entry follows from the one before. Returns how many there are.
    ///
    /// # Errors
    /// [`Error::AuditChanged`] with the first that does not; [`Error::State`].
    pub fn audit_verify(&self) -> Result<i64, Error> {
        let connection = self.hold();
        let mut statement = connection.prepare(
            "SELECT number, time_ms, who, peer, device, action, subject, outcome, ends, chain
             FROM audit ORDER BY number",
        )?;
        let mut rows = statement.query([])?;
        let (mut count, mut before) = (0, [0; 32]);
        while let Some(row) = rows.next()? {
            let entry = read(row)?;
            let chain: [u8; 32] = row.get(9)?;
            count += 1;
            if entry.number != count || chain != chained(before, &entry) {
                return Err(Error::AuditChanged(count));
            }
            before = chain;
        }
        Ok(count)
    }
}

/// Writes an entry as part of a change.
pub(super) fn write(transaction: &Transaction<'_>, new: NewEntry<'_>) -> Result<i64, Error> {
    let last = transaction
        .query_row(
            "SELECT number, chain FROM audit ORDER BY number DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let (number, before): (i64, [u8; 32]) = last.unwrap_or_default();
    let text = |text: &str| text.chars().take(TEXT_MAX).collect::<String>();
    let entry = AuditEntry {
        number: number + 1,
        time_ms: now_ms(),
        who: text(new.who),
        peer: text(new.peer),
        device: text(new.device),
        action: text(new.action),
        subject: text(new.subject),
        outcome: text(new.outcome),
        ends: new.ends,
    };
    transaction.execute(
        "INSERT INTO audit (number, time_ms, who, peer, device, action, subject, outcome, ends, chain)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            entry.number,
            entry.time_ms,
            entry.who,
            entry.peer,
            entry.device,
            entry.action,
            entry.subject,
            entry.outcome,
            entry.ends,
            chained(before, &entry)
        ],
    )?;
    Ok(entry.number)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<AuditEntry> {
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
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
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
        (folder, state)
    }

    #[test]
    fn nothing_of_it_is_changed_or_deleted() {
        let (_folder, state) = state();
        for statement in [
            "UPDATE audit SET who = 'x'",
            "DELETE FROM audit WHERE number = 3",
            "DELETE FROM audit",
        ] {
            let error = state.hold().execute(statement, []).unwrap_err();
            assert!(error.to_string().contains("append-only"), "{error}");
        }
        assert_eq!(state.audit_verify().unwrap(), 3);
        let subjects: Vec<_> = state.audit_entries(2).unwrap();
        assert_eq!((subjects[0].number, subjects[1].number), (2, 3));
    }

    #[test]
    fn whoever_goes_round_the_gateway_is_found_out() {
        for (change, found) in [
            ("UPDATE audit SET who = 'x' WHERE number = 2", 2),
            ("DELETE FROM audit WHERE number = 1", 1),
            ("UPDATE audit SET time_ms = 0 WHERE number = 3", 3),
        ] {
            let (_folder, state) = state();
            state
                .hold()
                .execute_batch(
                    "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_shortened;",
                )
                .unwrap();
            state.hold().execute(change, []).unwrap();
            let error = state.audit_verify().unwrap_err();
            assert!(
                matches!(error, Error::AuditChanged(number) if number == found),
                "{change}: {error}"
            );
        }
    }
}
