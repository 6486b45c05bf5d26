//! The container store after anything that can have happened to its flash.

use std::collections::BTreeMap;

use berth_flash::{Cut, Flash, Simulated};
use berth_protocol::ImageHash;
use berth_store::{Error, HASH_BYTES, Key, Store};

use crate::bytes::Bytes;

const PAGE: usize = 512;
const PAGES: usize = 12;
const KEYS: usize = 7;
/// Keys for objects; the last one is the upload's.
const DATA_KEYS: Key = KEYS as Key - 1;

type Tested = Store<Simulated<PAGE>, PAGES, KEYS>;

/// What is kept of an object: hash, metadata, bytes.
type Kept = (Option<[u8; HASH_BYTES]>, Vec<u8>, Vec<u8>);

type Contents = BTreeMap<Key, Kept>;

/// The first byte says what the others are: the flash, or what was done to it.
pub fn body(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    match kind % 4 {
        0 => image(rest),
        1 => image(&sealed(rest)),
        _ => history(Bytes(rest)),
    }
}

/// What is in the store.
fn contents(store: &Tested) -> Contents {
    let mut contents = Contents::new();
    for key in 0..DATA_KEYS {
        if let Some(object) = store.get(key) {
            let kept = (
                object.hash.copied(),
                object.meta.into(),
                object.bytes.into(),
            );
            contents.insert(key, kept);
        }
    }
    contents
}

fn mounted(flash: Simulated<PAGE>) -> Option<Tested> {
    let before = flash.steps();
    match Tested::mount(flash) {
        Ok(store) => {
            assert_eq!(store.flash().steps(), before, "mounting writes");
            Some(store)
        }
        Err(error) => {
            assert_eq!(error, Error::Foreign);
            None
        }
    }
}

/// A flash with these bytes, erased behind them: mounting it panics never and writes nothing, whatever it holds is read the
/// same twice, and no operation after it panics.
fn image(bytes: &[u8]) {
    let mut flash = Simulated::<PAGE>::new(PAGES);
    for (place, byte) in flash.bytes_mut().iter_mut().zip(bytes) {
        *place = *byte;
    }
    let Some(mut store) = mounted(flash.clone()) else {
        return;
    };
    let found = contents(&store);
    let again = mounted(flash).map(|store| contents(&store));
    assert_eq!(again, Some(found));
    let _ = (store.upload().is_some(), store.received(), store.space());
    let _ = (store.wear(), store.find(&[1; HASH_BYTES]));
    let _ = store.put(1, &[2], &[3; 600]);
    let _ = store.link(1, 2, &[]);
    let _ = store.rename(2, 4, Some(3));
    let _ = store.begin(900, &[1; HASH_BYTES], &[]);
    let _ = store.write(0, &[1; 900]);
    let _ = store.commit(5, None);
    let _ = store.remove(1, Some(4));
    let _ = mounted(store.into_flash()).map(|store| contents(&store));
}

/// The same with a root and a log's head as a store has them, so that what is behind them is read.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(PAGES * PAGE, 0xff);
    let page = 2 + usize::from(bytes[8]) % (PAGES - 2);
    let entry = 7 << 8 | page as u32;
    bytes[..4].copy_from_slice(&entry.to_le_bytes());
    bytes[4..8].copy_from_slice(&(!entry).to_le_bytes());
    let log = page * PAGE;
    bytes[log..log + 4].copy_from_slice(b"BTS1");
    bytes[log + 4..log + 8].copy_from_slice(&(PAGES as u32).to_le_bytes());
    bytes
}

/// Bytes of an image that follow from a number.
fn made(number: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![number; length];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte ^= index as u8;
    }
    bytes
}

/// Operations, cuts of the power among them: what was acknowledged is there, what was interrupted has happened whole or not.
fn history(mut bytes: Bytes<'_>) {
    let mut store = mounted(Simulated::new(PAGES)).unwrap();
    let mut contents_now = Contents::new();
    let mut upload: Option<(Vec<u8>, u8)> = None;
    while !bytes.is_empty() {
        let before = contents_now.clone();
        let answer = step(&mut store, &mut contents_now, &mut upload, &mut bytes);
        if answer.is_err() {
            let after = std::mem::replace(&mut contents_now, before.clone());
            if store.flash().is_off() {
                let mut flash = store.into_flash();
                flash.power_on();
                store = mounted(flash).expect("a store that cannot be mounted");
                let found = contents(&store);
                assert!(found == before || found == after, "{found:?}");
                contents_now = found;
                upload = None;
                // What was found is what it is from now on, whatever comes.
                if store.settle().is_err() || store.abort().is_err() {
                    return;
                }
            }
        }
        assert_eq!(contents(&store), contents_now);
    }
    let again = mounted(store.into_flash()).map(|store| contents(&store));
    assert_eq!(again, Some(contents_now));
}

/// Does one thing. `model` is changed as if it succeeds.
fn step(
    store: &mut Tested,
    model: &mut Contents,
    upload: &mut Option<(Vec<u8>, u8)>,
    bytes: &mut Bytes<'_>,
) -> Result<(), Error> {
    let kind = bytes.below(16);
    let key = bytes.byte() % DATA_KEYS;
    let other = bytes.byte() % DATA_KEYS;
    match kind {
        0..=3 => {
            let length = usize::from(bytes.half()) % 1600;
            let object = made(bytes.byte(), length);
            model.insert(key, (None, vec![other], object.clone()));
            store.put(key, &[other], &object)
        }
        4..=6 => {
            let image = made(key, usize::from(bytes.half()) % 2000);
            let hash = ImageHash::of(&image).0;
            *upload = None;
            let begun = store.begin(image.len() as u32, &hash, &[other]);
            if begun.is_ok() {
                *upload = Some((image, other));
            }
            begun.map(|_| ())
        }
        7..=9 => {
            let Some((image, _)) = upload else {
                return Ok(());
            };
            let Some(from) = store.upload().map(|upload| upload.offset as usize) else {
                *upload = None;
                return Ok(());
            };
            let to = (from + 64 * usize::from(bytes.byte())).min(image.len());
            store.write(from as u32, &image[from..to]).map(|_| ())
        }
        10 | 11 => {
            if let Some((image, meta)) = upload.take() {
                let hash = ImageHash::of(&image).0;
                model.insert(key, (Some(hash), vec![meta], image));
            }
            store.commit(key, None)
        }
        12 => {
            if let Some((hash, _, object)) = model.get(&key).cloned() {
                model.insert(other, (hash, vec![7], object));
            }
            store.link(key, other, &[7])
        }
        13 => {
            if let Some(object) = model.remove(&key) {
                model.insert(other, object);
            }
            store.rename(key, other, None)
        }
        14 => {
            model.remove(&key);
            model.remove(&other);
            store.remove(key, Some(other))
        }
        _ => {
            let (after, seed) = (u64::from(bytes.byte()), u64::from(bytes.word()));
            store.flash_mut().cut(Cut { after, seed });
            Ok(())
        }
    }
}

/// A store in which much has been done, its flash, and histories.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut store = mounted(Simulated::new(PAGES)).unwrap();
    let image = made(1, 900);
    let hash = ImageHash::of(&image).0;
    store.put(0, &[1, 2, 3, 4], &made(2, 700)).unwrap();
    store.begin(900, &hash, &[9; 8]).unwrap();
    store.write(0, &image).unwrap();
    store.commit(1, None).unwrap();
    store.link(1, 2, &[5; 12]).unwrap();
    store.rename(2, 3, Some(0)).unwrap();
    store.begin(600, &hash, &[]).unwrap();
    store.write(0, &image[..512]).unwrap();
    let flash = store.flash().bytes();
    let history = [
        2, 0, 1, 2, 100, 0, 3, 4, 1, 9, 0, 3, 7, 1, 9, 255, 10, 2, 0, 12, 2, 3, 15, 0, 0, 2, 1, 0,
        0, 0, 0, 4, 1, 0, 2, 9, 13, 3, 5, 14, 5, 2,
    ];
    let longer = history.repeat(6);
    vec![
        [&[0], flash].concat(),
        [&[1], flash].concat(),
        history.to_vec(),
        longer,
    ]
}
