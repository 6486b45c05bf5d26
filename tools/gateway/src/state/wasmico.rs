//! The three numbers that WASMICO keeps of each upload. A device keeps two of them as its own settings; the third means nothing to it.

use super::{State, sql::values};
use crate::Error;

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
        self.change(|sql| {
            sql.run(
                "INSERT INTO wasmico_numbers AS kept (device, container, sha256, stack, memory, memory_limit)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (device, container) DO UPDATE SET
                   stack = CASE WHEN kept.sha256 = excluded.sha256 THEN coalesce(excluded.stack, kept.stack) ELSE excluded.stack END,
                   memory = CASE WHEN kept.sha256 = excluded.sha256 THEN coalesce(excluded.memory, kept.memory) ELSE excluded.memory END,
                   memory_limit = CASE WHEN kept.sha256 = excluded.sha256 THEN coalesce(excluded.memory_limit, kept.memory_limit) ELSE excluded.memory_limit END,
                   sha256 = excluded.sha256",
                values![device, container, sha256, numbers.stack, numbers.memory, numbers.memory_limit],
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
        self.look(|sql| {
            let found = sql.row(
                "SELECT stack, memory, memory_limit FROM wasmico_numbers
                 WHERE device = ?1 AND container = ?2 AND sha256 = ?3",
                values![device, container, sha256],
            )?;
            found
                .map(|row| {
                    Ok(Numbers {
                        stack: row.get(0)?,
                        memory: row.get(1)?,
                        memory_limit: row.get(2)?,
                    })
                })
                .transpose()
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{super::both::Fresh, *};

    pub(in crate::state) fn numbers_are_those_of_one_image(fresh: &mut Fresh) {
        let state = fresh.state();
        let numbers = |stack, memory| Numbers {
            stack,
            memory,
            memory_limit: None,
        };
        let at = ("roof", "app");
        let keep = |sha256, new| state.keep_numbers(at, sha256, new).unwrap();
        keep("a", numbers(Some(1), Some(u32::MAX)));
        keep("a", numbers(Some(2), None));
        let kept = |sha256| state.numbers(at, sha256).unwrap();
        assert_eq!(kept("a"), Some(numbers(Some(2), Some(u32::MAX))));
        keep("b", numbers(None, Some(3)));
        assert_eq!(kept("b"), Some(numbers(None, Some(3))));
        assert_eq!(kept("a"), None);
    }
}
