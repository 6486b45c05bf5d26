//! API keys. A key is shown once, when it is made; kept is the SHA-256 of its secret. That needs no slow hash, because a
//! secret is 256 random bits: nobody guesses one, however fast.

use super::{By, NewEntry, State, audit, devices::is_name, sql::values};
use crate::{Error, Role, Scope};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct KeyRow {
    /// The part of it that is no secret.
    pub id: String,
    /// What its operator calls it; stands in the audit log.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// To which devices.
    pub scope: Scope,
    /// Does it work no more?
    pub revoked: bool,
}

/// A key that is to be made.
struct NewKey<'a> {
    name: &'a str,
    role: Role,
    scope: &'a Scope,
}

/// What each key begins with, so that one is known where it does not belong.
const PREFIX: &str = "berth_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

impl State {
    /// Makes a key and returns it: `berth_ID_SECRET`. It cannot be asked for again.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that cannot be one, [`Error::Taken`], [`Error::System`], [`Error::State`].
    pub fn add_key(
        &self,
        name: &str,
        role: Role,
        scope: &Scope,
        by: By<'_>,
    ) -> Result<String, Error> {
        self.insert_key(&NewKey { name, role, scope }, false, by)
            .map(Option::unwrap_or_default)
    }

    /// Makes a key if there is none at all; `None` if there is one.
    ///
    /// # Errors
    /// As [`add_key`](Self::add_key).
    pub fn add_first_key(&self, name: &str) -> Result<Option<String>, Error> {
        let new = NewKey {
            name,
            role: Role::Admin,
            scope: &Scope::default(),
        };
        self.insert_key(&new, true, By::COMMAND)
    }

    fn insert_key(
        &self,
        new: &NewKey<'_>,
        only_first: bool,
        by: By<'_>,
    ) -> Result<Option<String>, Error> {
        let groups = new.scope.groups.iter().chain(&new.scope.devices);
        for name in groups.map(String::as_str).chain([new.name]) {
            if !is_name(name) {
                return Err(Error::Usage(format!(
                    "\"{name}\" is no name: 1 to 32 of a-z A-Z 0-9 . _ -, beginning with a letter or digit"
                )));
            }
        }
        let (id, secret) = (random::<ID_BYTES>()?, random::<SECRET_BYTES>()?);
        self.change(|sql| {
            let empty: bool = sql
                .one("SELECT count(*) = 0 FROM access_key", values![])?
                .get(0)?;
            if only_first && !empty {
                return Ok(None);
            }
            let added = sql.run(
                "INSERT INTO access_key (id, name, hash, role, added_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                values![&id, new.name, &hash(&secret)[..], new.role.word(), sql.now_ms],
            );
            match added {
                Err(error) if error.is_taken() => {
                    return Err(Error::Taken {
                        kind: "key",
                        name: new.name.to_owned(),
                    });
                }
                added => added?,
            };
            let devices = new.scope.devices.iter().map(|name| ("device", name));
            let groups = new.scope.groups.iter().map(|name| ("group", name));
            for (kind, value) in devices.chain(groups) {
                sql.run(
                    "INSERT INTO access_scope (key, kind, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    values![&id, kind, value],
                )?;
            }
            audit::write(sql, by.entry("key add", new.name))?;
            Ok(Some(format!("{PREFIX}{id}_{secret}")))
        })
    }

    /// Lets a key work no more, from the next request on.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::State`].
    pub fn revoke_key(&self, name: &str, by: By<'_>) -> Result<(), Error> {
        self.change(|sql| {
            let revoked = sql.run(
                "UPDATE access_key SET revoked_ms = coalesce(revoked_ms, ?2) WHERE name = ?1",
                values![name, sql.now_ms],
            )?;
            if revoked == 0 {
                return Err(Error::Unknown {
                    kind: "key",
                    name: name.to_owned(),
                });
            }
            audit::write(sql, by.entry("key revoke", name))?;
            Ok(())
        })
    }

    /// Returns all keys, oldest first.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn keys(&self) -> Result<Vec<KeyRow>, Error> {
        let rows = self.look(|sql| {
            sql.rows(
                "SELECT id FROM access_key ORDER BY added_ms, name",
                values![],
            )
        })?;
        let ids = rows.iter().map(|row| row.get(0));
        let ids: Vec<String> = ids.collect::<Result<_, _>>()?;
        let mut keys = Vec::new();
        for id in ids {
            keys.extend(self.key_row(&id)?.map(|(row, _)| row));
        }
        Ok(keys)
    }

    /// Returns whose key this is; `None`: nobody's, or it was revoked.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn key(&self, key: &str) -> Result<Option<KeyRow>, Error> {
        let parts = key.strip_prefix(PREFIX).and_then(|key| key.split_once('_'));
        let Some((id, secret)) = parts else {
            return Ok(None);
        };
        Ok(self
            .key_row(id)?
            .filter(|(row, kept)| is_same(kept, &hash(secret)) && !row.revoked)
            .map(|(row, _)| row))
    }

    /// Returns the key of this id, unless it was revoked.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn key_of_id(&self, id: &str) -> Result<Option<KeyRow>, Error> {
        let found = self.key_row(id)?;
        Ok(found.map(|(row, _)| row).filter(|row| !row.revoked))
    }

    fn key_row(&self, id: &str) -> Result<Option<(KeyRow, [u8; 32])>, Error> {
        self.look(|sql| {
            let found = sql.row(
                "SELECT name, role, revoked_ms IS NOT NULL, hash FROM access_key WHERE id = ?1",
                values![id],
            )?;
            let Some(found) = found else {
                return Ok(None);
            };
            let mut scope = Scope::default();
            let rows = sql.rows(
                "SELECT kind, value FROM access_scope WHERE key = ?1 ORDER BY value",
                values![id],
            )?;
            for row in rows {
                let kind: String = row.get(0)?;
                let names = if kind == "device" {
                    &mut scope.devices
                } else {
                    &mut scope.groups
                };
                names.push(row.get(1)?);
            }
            let role: String = found.get(1)?;
            let row = KeyRow {
                id: id.to_owned(),
                name: found.get(0)?,
                // The table holds no other word.
                role: Role::of(&role).unwrap_or(Role::View),
                scope,
                revoked: found.get(2)?,
            };
            Ok(Some((row, found.get(3)?)))
        })
    }

    /// Writes that a caller was sent away.
    pub(crate) fn audit_denied(&self, who: &str, peer: &str, action: &str) -> Result<i64, Error> {
        self.audit(NewEntry {
            who,
            peer,
            action,
            outcome: "denied",
            ..NewEntry::default()
        })
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Takes as long wherever they differ.
fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// So many random bytes, in hexadecimal.
pub(crate) fn random<const BYTES: usize>() -> Result<String, Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::System(error.to_string()))?;
    Ok(berth::hexadecimal(&bytes))
}

#[cfg(test)]
pub(super) mod tests {
    use super::{super::both::Fresh, *};

    pub(in crate::state) fn a_key_is_known_by_its_secret_alone_and_not_kept(fresh: &mut Fresh) {
        let state = fresh.state();
        let scope = Scope {
            devices: vec!["roof".into()],
            groups: vec!["attic".into()],
        };
        let key = state
            .add_key("ci", Role::Operate, &scope, By::COMMAND)
            .unwrap();
        let other = state
            .add_key("other", Role::View, &Scope::default(), By::COMMAND)
            .unwrap();
        let found = state.key(&key).unwrap().unwrap();
        assert_eq!(
            (&*found.name, found.role, &found.scope),
            ("ci", Role::Operate, &scope)
        );

        let (id, _) = key.rsplit_once('_').unwrap();
        let (_, secret) = other.rsplit_once('_').unwrap();
        for wrong in [
            "",
            "berth_",
            "x",
            id,
            &format!("{id}_"),
            &format!("{id}_{secret}"),
            &key[1..],
        ] {
            assert_eq!(state.key(wrong).unwrap(), None, "{wrong}");
        }
        let secret = key.rsplit_once('_').unwrap().1.as_bytes();
        let folder = state.folder().to_owned();
        drop(state);
        for file in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(secret.len()).any(|part| part == secret));
        }
    }

    pub(in crate::state) fn a_revoked_key_is_nobodys_and_its_name_stays_taken(fresh: &mut Fresh) {
        let state = fresh.state();
        let key = state.add_first_key("first").unwrap().unwrap();
        assert_eq!(state.add_first_key("second").unwrap(), None);
        state.revoke_key("first", By::COMMAND).unwrap();
        assert_eq!(state.key(&key).unwrap(), None);
        assert!(state.keys().unwrap()[0].revoked);
        let again = state.add_key("first", Role::View, &Scope::default(), By::COMMAND);
        assert!(matches!(again, Err(Error::Taken { .. })));
        assert!(matches!(
            state.revoke_key("x", By::COMMAND),
            Err(Error::Unknown { .. })
        ));
        assert_eq!(state.audit_verify().unwrap(), 2);
    }
}
