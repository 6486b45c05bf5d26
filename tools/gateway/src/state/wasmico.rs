//! The three numbers that WASMICO keeps of each upload. A device keeps two of them as its own settings; the third means nothing to it.

use super::State;
use crate::Error;
use rusqlite::{OptionalExtension, params};

/// See the module; in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) stack: Option<u32>,
    pub(crate) memory: Option<u32>,
    pub(crate) memory_limit: Option<u32>,
}

impl State {
    /// Keeps the numbers of a container with this image. What is `None` stays as it was with the same image.
    pub(crate) fn keep_numbers(
        &self,
        (device, container): (&str, &str),
        sha256: &str,
        numbers: Numbers,
    ) -> Result<(), Error> {
        self.change(|transaction| {
            transaction.execute(
                "INSERT INTO wasmico_numbers (device, container, sha256, stack, memory, memory_limit)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (device, container) DO UPDATE SET
                   stack = CASE WHEN sha256 = excluded.sha256 THEN coalesce(excluded.stack, stack) ELSE excluded.stack END,
                   memory = CASE WHEN sha256 = excluded.sha256 THEN coalesce(excluded.memory, memory) ELSE excluded.memory END,
                   memory_limit = CASE WHEN sha256 = excluded.sha256 THEN coalesce(excluded.memory_limit, memory_limit) ELSE excluded.memory_limit END,
                   sha256 = excluded.sha256",
                params![device, container, sha256, numbers.stack, numbers.memory, numbers.memory_limit],
            )?;
            Ok(())
        })
    }

    /// Returns the numbers of a container, if they are those of this image.
    pub(crate) fn numbers(
        &self,
        (device, container): (&str, &str),
        sha256: &str,
    ) -> Result<Option<Numbers>, Error> {
        Ok(self
            .hold()
            .query_row(
                "SELECT stack, memory, memory_limit FROM wasmico_numbers
                 WHERE device = ?1 AND container = ?2 AND sha256 = ?3",
                params![device, container, sha256],
                |row| {
                    Ok(Numbers {
                        stack: row.get(0)?,
                        memory: row.get(1)?,
                        memory_limit: row.get(2)?,
                    })
                },
            )
            .optional()?)
    }
}
