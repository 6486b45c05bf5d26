//! What is stored on the device, by what it has answered.

use std::collections::{BTreeMap, BTreeSet};

use berth_protocol::{Op, Reply, Response};

use super::World;

/// What may be stored under a name: hashes of images; `None`: nothing.
pub(super) type Stored = BTreeMap<String, BTreeSet<Option<[u8; 32]>>>;

/// An announced upload.
#[derive(Clone)]
pub(super) struct Announced {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) hash: [u8; 32],
}

impl World {
    /// The model is told what came of a request.
    pub(super) fn note(&mut self, op: &Op<'_>, response: &Response<'_>) {
        let Ok(reply) = response.result else {
            if let Some(upload) = committed(op) {
                // On refusal the upload is forgotten.
                self.announced.take_if(|announced| announced.id == upload);
            }
            return;
        };
        if let Some(upload) = committed(op) {
            let Some(announced) = self.announced.take().filter(|a| a.id == upload) else {
                // A commit that is over is answered as it was.
                return self.resync();
            };
            let known = self.stored.entry(announced.name).or_default();
            if reply == Reply::Done {
                known.clear();
            }
            // A live update may go back to what was there.
            known.insert(Some(announced.hash));
        }
        match (*op, reply) {
            (
                Op::UploadBegin {
                    upload, name, hash, ..
                }
                | Op::UpdateBegin {
                    upload, name, hash, ..
                }
                | Op::Announce {
                    upload, name, hash, ..
                },
                Reply::Upload { .. },
            ) => {
                self.announced = Some(Announced {
                    id: upload,
                    name: name.to_owned(),
                    hash: hash.0,
                });
            }
            (Op::Remove { name }, Reply::Done) => drop(self.stored.remove(name)),
            _ => {}
        }
    }

    /// What the device says that is stored.
    pub(super) fn listed(&mut self) -> BTreeMap<String, [u8; 32]> {
        let mut listed = BTreeMap::new();
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            cursor = self.ask(Op::Images { cursor: at }, |_, response| {
                match response.result.unwrap() {
                    Reply::Image { item, next } => {
                        let before = listed.insert(item.name.to_owned(), item.hash.0);
                        assert!(before.is_none(), "{} is there twice", item.name);
                        assert!(next.is_none_or(|next| next > at));
                        next
                    }
                    Reply::End => None,
                    other => panic!("{other:?}"),
                }
            });
        }
        listed
    }

    /// The device has what the model says.
    pub(super) fn check(&mut self) {
        let listed = self.listed();
        for (name, may_be) in &self.stored {
            let is = listed.get(name).copied();
            assert!(may_be.contains(&is), "{name} is {is:x?}");
        }
        for name in listed.keys() {
            assert!(self.stored.contains_key(name), "nobody has stored {name}");
        }
    }

    /// What is there is what the model has from now on. A live update that is on trial may still go back.
    pub(super) fn resync(&mut self) {
        let listed = self.listed();
        self.announced = None;
        let before = std::mem::take(&mut self.stored);
        for (name, hash) in listed {
            let on_trial = before.get(&name).filter(|may_be| may_be.len() > 1);
            let mut may_be = on_trial.cloned().unwrap_or_default();
            may_be.insert(Some(hash));
            self.stored.insert(name, may_be);
        }
    }
}

/// The upload that it commits, if it does.
const fn committed(op: &Op<'_>) -> Option<u32> {
    match op {
        Op::UploadCommit { upload } | Op::RunCommit { upload } | Op::Commit { upload, .. } => {
            Some(*upload)
        }
        _ => None,
    }
}

/// Does it change something?
pub(super) const fn changes(op: &Op<'_>) -> bool {
    committed(op).is_some()
        || matches!(
            op,
            Op::Start { .. }
                | Op::Stop { .. }
                | Op::Kill { .. }
                | Op::Remove { .. }
                | Op::Pause { .. }
                | Op::Resume { .. }
                | Op::Edit { .. }
        )
}
