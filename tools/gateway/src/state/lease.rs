//! Who owns which device, where several gateways share a state.
//!
//! ```text
//!   every fifth of a lease:  beat ── who else lives? ── what is free? ── take, give back
//!                              │
//!                            Fence ── each byte to a device passes it, and each look of its owner
//! ```
//!
//! No clock is compared with another one, and none with the database's: a gateway moves its `beat` on, and whoever sees the same
//! beat for a whole lease by its own clock that only goes forward takes that gateway out. The owner counts from before it sent its
//! beat, and stops a tenth of a lease earlier; so clocks may be set at will, and have to go equally fast within that tenth. While
//! the database does not answer nobody is taken out; who cannot beat stops to use its devices, and goes on with them if nobody has
//! taken them when the database is there again.
//!
//! Behind a beat that came too late there is the state itself: what an owner writes of a device is written in a transaction that
//! looks whether it still owns it, under the same `epoch`.

use super::{
    hold,
    postgres::Postgres,
    random,
    sql::{Sql, values},
};
use crate::Error;
use rustix::time::{ClockId, clock_gettime};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Milliseconds since this computer was started, those in which it slept among them.
fn now() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec * 1000 + now.tv_nsec / 1_000_000).unwrap_or(0)
}

/// Tells whether a device is this gateway's, at any instant, without asking anybody.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    /// Until when the gateway is known to live, as [`now`] counts.
    until: Arc<AtomicU64>,
    /// Was the device not given back?
    owned: Arc<AtomicBool>,
}

impl Fence {
    /// One that holds for a while.
    #[cfg(test)]
    pub(crate) fn for_a_minute() -> Self {
        Self {
            until: Arc::new(AtomicU64::new(now() + 60_000)),
            owned: Arc::new(AtomicBool::new(true)),
        }
    }

    pub(crate) fn holds(&self) -> bool {
        !self.left().is_zero()
    }

    /// How long it holds if nothing is heard of the database any more.
    pub(crate) fn left(&self) -> Duration {
        if self.owned.load(Ordering::SeqCst) {
            Duration::from_millis(self.until.load(Ordering::SeqCst).saturating_sub(now()))
        } else {
            Duration::ZERO
        }
    }

    fn fall(&self) {
        self.owned.store(false, Ordering::SeqCst);
    }
}

/// Whose a device is.
#[derive(Clone, Debug)]
pub(crate) enum Whose {
    /// This gateway's, as long as the fence holds.
    Mine(Fence),
    /// Another one's, at this address; or nobody's at the moment.
    Elsewhere(Option<String>),
}

/// What a gateway does with a device that it owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Something is asked of it.
    Busy,
    /// It may be another gateway's.
    Idle,
    /// It was not reached for so long; another gateway may have the line to it.
    Away(Duration),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Leases {
    /// A session of its own, so that a beat waits for nothing.
    database: Mutex<Postgres>,
    lease: Duration,
    mine: Mutex<Mine>,
    /// Does the gateway end? Then nothing is taken any more.
    ends: AtomicBool,
}

/// What this gateway knows.
#[derive(Debug, Default)]
struct Mine {
    /// Another one whenever it was taken out; `None`: it has none yet.
    id: Option<String>,
    until: Arc<AtomicU64>,
    owned: BTreeMap<String, Owned>,
    /// Addresses of other devices' owners.
    elsewhere: BTreeMap<String, Option<String>>,
    /// Beats of the other gateways, and since when they stand.
    beats: HashMap<String, (i64, u64)>,
    /// Since when a device is nobody's, as this gateway saw it.
    free: HashMap<String, u64>,
    /// Devices that were given back because they were not reached, and until when they are left to others.
    left: HashMap<String, u64>,
    /// Devices that are to be given back because a gateway has come.
    surplus: usize,
}

#[derive(Debug)]
struct Owned {
    epoch: i64,
    fence: Fence,
}

impl Mine {
    /// It was taken out: nothing is its own any more.
    fn lose(&mut self) {
        for owned in self.owned.values() {
            owned.fence.fall();
        }
        *self = Self {
            beats: std::mem::take(&mut self.beats),
            ..Self::default()
        };
    }
}

/// A row of the table of gateways.
struct Gateway {
    id: String,
    beat: i64,
    lease_ms: u64,
    address: String,
}

/// What is to be written in one transaction.
#[derive(Default)]
struct Plan {
    /// Gateways whose beat stands, with it.
    dead: Vec<(String, i64)>,
    give_back: Vec<String>,
    take: Vec<String>,
}

impl Leases {
    pub(super) fn new(database: Postgres, lease: Duration) -> Self {
        Self {
            database: Mutex::new(database),
            lease,
            mine: Mutex::default(),
            ends: AtomicBool::new(false),
        }
    }

    /// How often there is to be a [`turn`](Self::turn).
    pub(crate) fn pause(&self) -> Duration {
        self.lease / 5
    }

    /// Whose a device is, as far as this gateway knows.
    pub(crate) fn whose(&self, device: &str) -> Whose {
        let mine = hold(&self.mine);
        match mine.owned.get(device) {
            Some(owned) if owned.fence.holds() => Whose::Mine(owned.fence.clone()),
            _ => Whose::Elsewhere(mine.elsewhere.get(device).cloned().flatten()),
        }
    }

    /// Looks, as part of a change, whether this gateway still owns a device.
    pub(super) fn is_ours(&self, sql: &Sql<'_>, device: &str) -> Result<bool, Error> {
        let (id, epoch) = {
            let mine = hold(&self.mine);
            let (Some(id), Some(owned)) = (&mine.id, mine.owned.get(device)) else {
                return Ok(false);
            };
            (id.clone(), owned.epoch)
        };
        let found = sql.row(
            "SELECT 1 FROM lease l JOIN gateway g ON g.id = l.owner
             WHERE l.device = ?1 AND l.owner = ?2 AND l.epoch = ?3",
            values![device, &id, epoch],
        )?;
        Ok(found.is_some())
    }

    /// Beats, and takes and gives back what is due; other gateways tell callers `address`. Returns whether a device has
    /// another owner now.
    ///
    /// # Errors
    /// [`Error::Database`]; then nobody's beat is known to stand.
    pub(crate) fn turn(&self, address: &str, use_of: impl Fn(&str) -> Use) -> Result<bool, Error> {
        let mut database = hold(&self.database);
        if self.ends.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let before = hold(&self.mine).elsewhere.clone();
        let owned_before: Vec<_> = hold(&self.mine).owned.keys().cloned().collect();
        if let Err(error) = self.turn_with(&mut database, address, use_of) {
            hold(&self.mine).beats.clear();
            return Err(error);
        }
        let mine = hold(&self.mine);
        Ok(mine.elsewhere != before || !mine.owned.keys().eq(&owned_before))
    }

    fn turn_with(
        &self,
        database: &mut Postgres,
        address: &str,
        use_of: impl Fn(&str) -> Use,
    ) -> Result<(), Error> {
        let lease_ms = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
        let kept_ms = i64::try_from(lease_ms).unwrap_or(i64::MAX);
        let sent = now();
        let id = hold(&self.mine).id.clone();
        let id = database.use_session(|session| {
            let sql = Sql::postgres(session, 0);
            if let Some(id) = id {
                let beats =
                    "UPDATE gateway SET beat = beat + 1, address = ?2, lease_ms = ?3 WHERE id = ?1";
                if sql.run(beats, values![&id, address, kept_ms])? > 0 {
                    return Ok(id);
                }
                eprintln!("note: another gateway has taken this one's devices; it begins anew");
                hold(&self.mine).lose();
            }
            let id = random::<8>()?;
            sql.run(
                "INSERT INTO gateway (id, address, beat, lease_ms) VALUES (?1, ?2, 0, ?3)",
                values![&id, address, kept_ms],
            )?;
            hold(&self.mine).id = Some(id.clone());
            Ok(id)
        })?;
        let stops = sent + lease_ms - lease_ms / 10;
        hold(&self.mine).until.store(stops, Ordering::SeqCst);

        let (gateways, leases) =
            database.use_session(|session| look(&Sql::postgres(session, 0)))?;
        let plan = self.plan(&id, &gateways, &leases, use_of);
        let mut taken = Vec::new();
        if !plan.dead.is_empty() || !plan.give_back.is_empty() || !plan.take.is_empty() {
            taken = database.change(|sql| carry_out(sql, &id, &plan))?;
        }
        let mut mine = hold(&self.mine);
        for (device, epoch) in taken {
            let fence = Fence {
                until: Arc::clone(&mine.until),
                owned: Arc::new(AtomicBool::new(true)),
            };
            mine.free.remove(&device);
            mine.owned.insert(device, Owned { epoch, fence });
        }
        let address_of = |owner: &String| {
            let owner = gateways.iter().find(|gateway| gateway.id == *owner);
            owner.map(|gateway| gateway.address.clone())
        };
        let others = leases
            .iter()
            .filter(|(device, _)| !mine.owned.contains_key(device));
        let others =
            others.map(|(device, owner)| (device.clone(), owner.as_ref().and_then(address_of)));
        mine.elsewhere = others.collect();
        Ok(())
    }

    /// What there is to do. What is given back is not used any more from here on.
    fn plan(
        &self,
        id: &str,
        gateways: &[Gateway],
        leases: &[(String, Option<String>)],
        use_of: impl Fn(&str) -> Use,
    ) -> Plan {
        let lease = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
        let now = now();
        // Asked before anything is held here: whoever holds the lines asks whose they are.
        let owned: Vec<_> = hold(&self.mine).owned.keys().cloned().collect();
        let uses: Vec<_> = owned.iter().map(|device| use_of(device)).collect();
        let mut mine = hold(&self.mine);
        let mine = &mut *mine;
        let mut plan = Plan::default();
        let (mut live, mut has_come) = (BTreeSet::new(), false);
        for gateway in gateways.iter().filter(|gateway| gateway.id != id) {
            let stands = mine
                .beats
                .get(&gateway.id)
                .filter(|(beat, _)| *beat == gateway.beat);
            match stands {
                Some((_, since)) if now - since >= gateway.lease_ms => {
                    plan.dead.push((gateway.id.clone(), gateway.beat));
                    continue;
                }
                Some(_) => {}
                None => {
                    let before = mine.beats.insert(gateway.id.clone(), (gateway.beat, now));
                    has_come |= before.is_none();
                }
            }
            live.insert(&gateway.id);
        }
        mine.beats.retain(|id, _| live.contains(id));
        let count = live.len() + 1;
        let fair = leases.len().div_ceil(count);

        // Devices that were taken out of the state.
        let ours = |device: &String| {
            let mut leases = leases.iter();
            leases.any(|(name, owner)| name == device && owner.as_deref() == Some(id))
        };
        mine.owned.retain(|device, owned| {
            let is_ours = ours(device);
            if !is_ours {
                owned.fence.fall();
            }
            is_ours
        });
        // What was begun and came to no end.
        for (device, _) in leases.iter().filter(|(device, owner)| {
            owner.as_deref() == Some(id) && !mine.owned.contains_key(device)
        }) {
            plan.give_back.push(device.clone());
        }
        if has_come {
            mine.surplus = mine.owned.len().saturating_sub(fair);
        }
        mine.left.retain(|_, until| *until > now);
        for (device, is_used) in owned.iter().zip(uses) {
            if !mine.owned.contains_key(device) {
                continue;
            }
            match is_used {
                Use::Away(since) if count > 1 && since >= self.lease => {
                    mine.left.insert(device.clone(), now + lease * count as u64);
                }
                Use::Idle | Use::Away(_) if mine.surplus > 0 => mine.surplus -= 1,
                _ => continue,
            }
            plan.give_back.push(device.clone());
        }
        for device in &plan.give_back {
            if let Some(owned) = mine.owned.remove(device) {
                owned.fence.fall();
            }
        }

        let is_free = |owner: &Option<String>| {
            owner
                .as_ref()
                .is_none_or(|owner| owner != id && !live.contains(owner))
        };
        let free = leases.iter().filter(|(_, owner)| is_free(owner));
        let free: BTreeSet<_> = free.map(|(device, _)| device).collect();
        mine.free.retain(|device, _| free.contains(device));
        for device in free {
            let since = *mine.free.entry(device.clone()).or_insert(now);
            let is_share = mine.owned.len() + plan.take.len() < fair;
            // What nobody else wants, or reaches, is for whoever does.
            let is_left = now - since >= lease;
            if !mine.left.contains_key(device) && (is_share || is_left) {
                plan.take.push(device.clone());
            }
        }
        plan
    }

    /// Gives back all at once, when the gateway ends.
    ///
    /// # Errors
    /// [`Error::Database`]; then the others take them when the lease is over.
    pub(crate) fn end(&self) -> Result<(), Error> {
        self.ends.store(true, Ordering::SeqCst);
        let mut database = hold(&self.database);
        let id = hold(&self.mine).id.clone();
        hold(&self.mine).lose();
        let Some(id) = id else { return Ok(()) };
        let gone = "DELETE FROM gateway WHERE id = ?1";
        database.change(|sql| sql.run(gone, values![&id])).map(drop)
    }
}

/// All gateways, and all devices with their owners.
type Looked = (Vec<Gateway>, Vec<(String, Option<String>)>);

fn look(sql: &Sql<'_>) -> Result<Looked, Error> {
    let gateways = sql.rows("SELECT id, beat, lease_ms, address FROM gateway", values![])?;
    let gateways = gateways.iter().map(|row| {
        Ok(Gateway {
            id: row.get(0)?,
            beat: row.get(1)?,
            lease_ms: u64::try_from(row.get::<i64>(2)?).unwrap_or(0),
            address: row.get(3)?,
        })
    });
    let leases = sql.rows(
        "SELECT d.name, l.owner FROM device d LEFT JOIN lease l ON l.device = d.name ORDER BY d.name",
        values![],
    )?;
    let leases = leases.iter().map(|row| Ok((row.get(0)?, row.get(1)?)));
    Ok((
        gateways.collect::<Result<_, Error>>()?,
        leases.collect::<Result<_, Error>>()?,
    ))
}

/// Returns what was taken, with its epoch.
fn carry_out(sql: &Sql<'_>, id: &str, plan: &Plan) -> Result<Vec<(String, i64)>, Error> {
    for (dead, beat) in &plan.dead {
        // Unless it has come to life meanwhile.
        sql.run(
            "DELETE FROM gateway WHERE id = ?1 AND beat = ?2",
            values![dead, *beat],
        )?;
    }
    for device in &plan.give_back {
        sql.run(
            "UPDATE lease SET owner = '' WHERE device = ?1 AND owner = ?2",
            values![device, id],
        )?;
    }
    let lives = sql.row("SELECT 1 FROM gateway WHERE id = ?1", values![id])?;
    if lives.is_none() {
        return Ok(Vec::new());
    }
    let mut taken = Vec::new();
    for device in &plan.take {
        // Unless somebody has taken it meanwhile, or it is no more.
        let epoch = sql.row(
            "INSERT INTO lease (device, owner, epoch) SELECT name, ?2, 1 FROM device WHERE name = ?1
             ON CONFLICT (device) DO UPDATE SET owner = excluded.owner, epoch = lease.epoch + 1
             WHERE NOT EXISTS (SELECT 1 FROM gateway g WHERE g.id = lease.owner)
             RETURNING epoch",
            values![device, id],
        )?;
        if let Some(row) = epoch {
            taken.push((device.clone(), row.get(0)?));
        }
    }
    Ok(taken)
}
