//! What two operators do, and what each may see of it.

use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use berth_flash::Simulated;
use berth_protocol::{CHUNK_MAX, DeviceError, ImageHash, Op, Parameters, Reply, Update};

use super::super::Bench;
use crate::service::upload::IDLE_US;

const NAMES: [&str; 3] = ["a", "b", "c"];

pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % sides
    }
}

/// An announcement: name, image, trial.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Announced {
    id: u32,
    name: &'static str,
    image: usize,
    /// It replaces a container.
    update: bool,
}

/// The upload in progress, as the model knows it.
#[derive(Clone, Copy, Debug)]
struct Current {
    announced: Announced,
    offset: usize,
    active_us: u64,
}

/// A container, as the model knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stored {
    image: usize,
    share: u8,
    /// Its last live update.
    update: Option<u32>,
}

/// One operator.
#[derive(Default)]
pub(super) struct Operator {
    /// What it is sending, and where the device said it should go on.
    sending: Option<(Announced, usize)>,
    /// Uploads of it that are over.
    over: Vec<u32>,
    /// Its last live update.
    updated: Option<(&'static str, u32)>,
    pub(super) done: u32,
}

pub(super) struct World {
    pub(super) bench: Bench,
    pub(super) dice: Dice,
    images: Vec<Vec<u8>>,
    current: Option<Current>,
    stored: BTreeMap<&'static str, Stored>,
    story: Vec<String>,
}

/// What is compared of an answer.
#[derive(Debug, PartialEq)]
enum Answer {
    Done,
    Unchanged,
    Offset(usize),
    Updated,
    NeverUpdated,
    Refused(&'static str),
}

fn answer(result: Result<Reply<'_>, DeviceError<'_>>) -> Answer {
    match result {
        Ok(Reply::Done) => Answer::Done,
        Ok(Reply::Unchanged) => Answer::Unchanged,
        Ok(Reply::Upload { offset }) => Answer::Offset(offset as usize),
        Ok(Reply::Update(Update::Kept { .. })) => Answer::Updated,
        Ok(Reply::Update(Update::None)) => Answer::NeverUpdated,
        Ok(other) => panic!("{other:?}"),
        Err(error) => Answer::Refused(error.word()),
    }
}

impl World {
    pub(super) fn new(seed: u64, flash: bool) -> Self {
        let mut bench = Bench::new();
        if flash {
            bench.fake.0.flash.replace(Some(Simulated::new(64)));
            bench = bench.restarted();
        }
        let images = (0..4).map(|seed| {
            let filler = "x".repeat(150 + 250 * seed);
            let text =
                format!(r#"(module (func (export "_start")) (@custom "n{seed}" "{filler}"))"#);
            wat::parse_str(text).unwrap()
        });
        Self {
            bench,
            dice: Dice(seed),
            images: images.collect(),
            current: None,
            stored: BTreeMap::new(),
            story: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.bench.fake.0.now_us.get()
    }

    /// Ask, sometimes twice, as after a lost answer.
    fn ask(&mut self, who: usize, op: Op<'_>) -> Answer {
        self.story.push(format!("{who}: {:.60}", format!("{op:?}")));
        let twice = self.dice.roll(8) == 0;
        let found = self.bench.ask(op, answer);
        if twice {
            // The same number: the same request, sent again.
            self.bench.next_id -= 1;
            let again = self.bench.ask(op, answer);
            assert_eq!(again, found, "{:#?}", self.story);
        }
        found
    }

    fn expect(&self, found: Answer, expected: Answer) {
        assert_eq!(found, expected, "{:#?}", self.story);
    }

    fn announce(&mut self, who: usize, announced: Announced) -> Answer {
        let Announced {
            id,
            name,
            image,
            update,
        } = announced;
        let image = self.images[image].clone();
        let (length, hash) = (image.len() as u32, ImageHash::of(&image));
        let parameters = Parameters::default();
        let op = if update {
            Op::UpdateBegin {
                upload: id,
                name,
                length,
                hash,
                parameters,
                trial_ms: 100,
            }
        } else {
            let share = Some(50);
            Op::UploadBegin {
                upload: id,
                name,
                length,
                hash,
                parameters: Parameters {
                    share,
                    ..parameters
                },
            }
        };
        let found = self.ask(who, op);
        let now = self.now();
        let stored = self.stored.get(name);
        let expected = match (stored, update) {
            (Some(stored), true) if stored.image == announced.image => Answer::Unchanged,
            (Some(stored), false) if stored.image == announced.image && stored.share == 50 => {
                Answer::Unchanged
            }
            (Some(_), false) => Answer::Refused("name-taken"),
            (None, true) => Answer::Refused("unknown-name"),
            _ => match &mut self.current {
                Some(current) if current.announced == announced => {
                    current.active_us = now;
                    Answer::Offset(current.offset)
                }
                Some(current) if now - current.active_us < IDLE_US => {
                    Answer::Refused("upload-busy")
                }
                _ => {
                    // What the store has of the same image it may use.
                    let Answer::Offset(offset) = found else {
                        panic!("{found:?}: {:#?}", self.story);
                    };
                    self.current = Some(Current {
                        announced,
                        offset,
                        active_us: now,
                    });
                    Answer::Offset(offset)
                }
            },
        };
        assert_eq!(found, expected, "{:#?}", self.story);
        found
    }

    fn chunk(&mut self, who: usize, id: u32, image: usize, offset: usize) -> Answer {
        let bytes = self.images[image].clone();
        let bytes = bytes.get(offset..).unwrap_or_default();
        let bytes = bytes.get(..CHUNK_MAX.min(bytes.len())).unwrap_or_default();
        let op = Op::UploadChunk {
            upload: id,
            offset: offset as u32,
            bytes,
        };
        let found = self.ask(who, op);
        let now = self.now();
        let expected = match &mut self.current {
            Some(current) if current.announced.id == id => {
                assert!(current.announced.image == image, "{:#?}", self.story);
                current.active_us = now;
                current.offset = current.offset.max(offset + bytes.len());
                Answer::Offset(current.offset)
            }
            _ => Answer::Refused("no-upload"),
        };
        assert_eq!(found, expected, "{:#?}", self.story);
        found
    }

    fn commit(&mut self, who: usize, id: u32) -> Answer {
        let found = self.ask(who, Op::UploadCommit { upload: id });
        let expected = match self.current.take_if(|current| current.announced.id == id) {
            None => Answer::Refused("no-upload"),
            Some(Current {
                announced, offset, ..
            }) => {
                if offset < self.images[announced.image].len() {
                    Answer::Refused("incomplete")
                } else if announced.update {
                    match self.stored.get_mut(announced.name) {
                        None => Answer::Refused("unknown-name"),
                        Some(stored) => {
                            // What the other has changed meanwhile stays.
                            stored.image = announced.image;
                            stored.update = Some(id);
                            Answer::Updated
                        }
                    }
                } else {
                    let stored = Stored {
                        image: announced.image,
                        share: 50,
                        update: None,
                    };
                    self.stored.insert(announced.name, stored);
                    Answer::Done
                }
            }
        };
        self.expect(found, expected);
        match self.story.last() {
            Some(last) if last.contains("Commit") => {}
            other => panic!("{other:?}"),
        }
        self.compare();
        Answer::Done
    }

    fn abort(&mut self, who: usize, id: u32) {
        let found = self.ask(who, Op::UploadAbort { upload: id });
        let aborted = self.current.take_if(|current| current.announced.id == id);
        let expected = aborted.map_or(Answer::Refused("no-upload"), |_| Answer::Done);
        self.expect(found, expected);
    }

    /// Has the device what the model has?
    fn compare(&mut self) {
        let mut found = BTreeMap::new();
        let mut cursor = Some(0);
        while let Some(here) = cursor {
            cursor = self
                .bench
                .ask(Op::Images { cursor: here }, |result| match result {
                    Ok(Reply::Image { item, next }) => {
                        let share = item.parameters.share.unwrap();
                        found.insert(item.name.to_string(), (item.hash, share));
                        next
                    }
                    Ok(Reply::End) => None,
                    other => panic!("{other:?}"),
                });
        }
        let expected: BTreeMap<_, _> = self
            .stored
            .iter()
            .map(|(name, stored)| {
                let hash = ImageHash::of(&self.images[stored.image]);
                (name.to_string(), (hash, stored.share))
            })
            .collect();
        assert_eq!(found, expected, "{:#?}", self.story);
    }

    /// One request of an operator.
    pub(super) fn step(&mut self, who: usize, operator: &mut Operator) {
        match self.dice.roll(12) {
            // It dies, and is somebody else from now on.
            0 => {
                let over = operator.sending.take().map(|(announced, _)| announced.id);
                operator.over.extend(over);
                operator.updated = None;
                self.story.push(format!("{who} dies"));
            }
            1 => {
                let name = NAMES[self.dice.roll(3)];
                let found = self.ask(who, Op::Remove { name });
                let expected = match self.stored.remove(name) {
                    Some(_) => Answer::Done,
                    None => Answer::Refused("unknown-name"),
                };
                self.expect(found, expected);
                self.compare();
            }
            2 => {
                let name = NAMES[self.dice.roll(3)];
                let share = [50, 60][self.dice.roll(2)];
                let parameters = Parameters {
                    share: Some(share),
                    ..Parameters::default()
                };
                let found = self.ask(
                    who,
                    Op::Edit {
                        name,
                        parameters,
                        restart: false,
                    },
                );
                let expected = match self.stored.get_mut(name) {
                    Some(stored) => {
                        stored.share = share;
                        Answer::Done
                    }
                    None => Answer::Refused("unknown-name"),
                };
                self.expect(found, expected);
                self.compare();
            }
            // About something that is over, or not its own.
            3 if !operator.over.is_empty() => {
                let id = operator.over[self.dice.roll(operator.over.len())];
                if self.current.is_some_and(|c| c.announced.id == id) {
                    return;
                }
                match self.dice.roll(3) {
                    0 => drop(self.chunk(who, id, 0, 0)),
                    1 => drop(self.commit(who, id)),
                    _ => self.abort(who, id),
                }
            }
            4 => {
                if let Some((name, id)) = operator.updated {
                    let op = Op::UpdateStatus {
                        name,
                        upload: Some(id),
                    };
                    let found = self.ask(who, op);
                    let expected = match self.stored.get(name) {
                        None => Answer::Refused("unknown-name"),
                        // Stored anew since: there was none.
                        Some(Stored { update: None, .. }) => Answer::NeverUpdated,
                        Some(stored) if stored.update == Some(id) => Answer::Updated,
                        Some(_) => Answer::Refused("superseded"),
                    };
                    self.expect(found, expected);
                }
            }
            _ => self.send(who, operator),
        }
    }

    /// Go on with an upload as `berth` does, or begin one.
    fn send(&mut self, who: usize, operator: &mut Operator) {
        let Some((announced, offset)) = operator.sending else {
            let name = NAMES[self.dice.roll(3)];
            let image = self.dice.roll(self.images.len());
            let update = self.stored.contains_key(name);
            // The number follows from what is announced, as berth's does: sometimes both send the same.
            let place = NAMES.iter().position(|other| *other == name).unwrap();
            let id = (place * 100 + image * 10 + usize::from(update)) as u32;
            let announced = Announced {
                id,
                name,
                image,
                update,
            };
            if let Answer::Offset(offset) = self.announce(who, announced) {
                operator.sending = Some((announced, offset));
            }
            return;
        };
        if offset < self.images[announced.image].len() {
            match self.chunk(who, announced.id, announced.image, offset) {
                Answer::Offset(offset) => operator.sending = Some((announced, offset)),
                // Lost, because it was idle for long or the other has sent the same: it begins anew.
                _ => operator.sending = None,
            }
        } else {
            let mine = self.current.is_some_and(|c| c.announced.id == announced.id);
            let stored = self.stored.contains_key(announced.name);
            self.commit(who, announced.id);
            operator.sending = None;
            operator.over.push(announced.id);
            operator.done += u32::from(mine);
            if mine && announced.update && stored {
                operator.updated = Some((announced.name, announced.id));
            }
        }
    }
}
