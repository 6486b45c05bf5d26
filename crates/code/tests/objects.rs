//! Objects are found as they were written, or not at all: whatever changes, and wherever the power goes.

use berth_code::{CodeStore, Error, Key, Object};
use berth_compiler::{Report, Sink};
use berth_flash::{Cut, Flash, FlashError, Simulated};
use berth_random::Random;

/// Seven entries a page, so that the directory is often full.
const PAGE: usize = 512;
const PAGES: usize = 14;

type Part = Simulated<PAGE>;
type Store = CodeStore<Part>;

fn key(number: u8) -> Key {
    Key {
        image: [number; 32],
        compiler: 7,
        memory: 2_048,
    }
}

/// The bytes of the object for `key(number)`: so many functions, so many halfwords.
fn code(number: u8, halfwords: usize) -> (u32, Vec<u16>, Vec<[u32; 2]>) {
    let mut random = Random(u64::from(number) + 1);
    let functions = u32::from(number % 5);
    let mut word = || random.number() as u32;
    let body = (0..halfwords).map(|_| word() as u16).collect();
    let table = (0..functions).map(|_| [word(), word()]).collect();
    (functions, body, table)
}

fn expected(number: u8, halfwords: usize) -> Vec<u8> {
    let (_, body, table) = code(number, halfwords);
    let table = table.into_iter().flatten().flat_map(u32::to_le_bytes);
    table
        .chain(body.into_iter().flat_map(u16::to_le_bytes))
        .collect()
}

/// Writes an object as the compiler does: function by function, the table at last.
fn write(store: &mut Store, number: u8, halfwords: usize) -> Result<Object, Error> {
    let (functions, body, table) = code(number, halfwords);
    let bytes = expected(number, halfwords).len();
    let mut writer = store.begin(key(number), functions, bytes)?;
    for part in body.chunks(77) {
        if writer.put(part).is_err() {
            return Err(writer.failed().unwrap());
        }
    }
    for (index, words) in (0..).zip(table) {
        if writer.entry(index, words).is_err() {
            return Err(writer.failed().unwrap());
        }
    }
    writer.finish(&Report {
        bytes: bytes as u32,
        longest: 400,
        again: 0,
    })
}

fn found(store: &Store, number: u8) -> Option<Vec<u8>> {
    let object = store.find(&key(number))?;
    assert_eq!(object.longest, 400);
    Some(store.code(&object).unwrap().to_vec())
}

fn store() -> Store {
    CodeStore::new(Simulated::new(PAGES))
}

/// The same after a reset.
fn again(store: Store) -> Store {
    let mut flash = store.into_flash();
    flash.power_on();
    CodeStore::new(flash)
}

#[test]
fn what_was_finished_is_found_for_its_key_and_no_other() {
    let mut store = store();
    assert_eq!(store.find(&key(3)), None);
    for (number, halfwords) in [(3, 100), (4, 1), (0, 300)] {
        write(&mut store, number, halfwords).unwrap();
    }
    let mut store = again(store);
    for (number, halfwords) in [(3, 100), (4, 1), (0, 300)] {
        assert_eq!(found(&store, number), Some(expected(number, halfwords)));
    }
    for other in [
        Key {
            compiler: 8,
            ..key(3)
        },
        Key {
            memory: 4_096,
            ..key(3)
        },
        key(5),
    ] {
        assert_eq!(store.find(&other), None);
    }
    assert_eq!(store.space().objects, 3);
    assert_eq!(store.retain(|object| object.key != key(4)), Ok(1));
    assert_eq!(found(&store, 4), None);
    let store = again(store);
    assert_eq!((found(&store, 4), store.space().objects), (None, 2));
    assert_eq!(found(&store, 3), Some(expected(3, 100)));
}

#[test]
fn one_that_was_not_finished_is_none_and_holds_nothing() {
    let mut store = store();
    let free = store.space().longest_free;
    let begun = store.begin(key(1), 1, 600);
    begun.unwrap().put(&[1; 300]).unwrap();
    assert_eq!(
        (store.find(&key(1)), store.space().longest_free),
        (None, free)
    );
    // Less than was announced, and more.
    for (functions, entries) in [(2, 1), (1, 2)] {
        let mut writer = store.begin(key(1), functions, 600).unwrap();
        writer.put(&[1; 30]).unwrap();
        let all = (0..entries).all(|index| writer.entry(index, [0; 2]).is_ok());
        let bytes = 8 * functions + 60;
        let finished = writer.finish(&Report {
            bytes,
            ..Report::default()
        });
        assert!(!all || finished.is_err());
        assert_eq!(store.find(&key(1)), None);
    }
}

#[test]
fn a_word_that_changed_is_noticed() {
    let mut store = store();
    let object = write(&mut store, 2, 60).unwrap();
    let start = object.offset(PAGE);
    for place in 0..object.bytes as usize {
        for bit in 0..8 {
            store.flash_mut().bytes_mut()[start + place] ^= 1 << bit;
            assert_eq!(store.find(&key(2)), None, "bit {bit} of byte {place}");
            store.flash_mut().bytes_mut()[start + place] ^= 1 << bit;
        }
    }
    // A bit of the directory: its head and the object's entry.
    for place in 0..PAGES * PAGE {
        if store.flash().bytes()[place] == 0xff || place >= 2 * PAGE {
            continue;
        }
        let mut flash = store.flash().clone();
        flash.bytes_mut()[place] ^= 0x10;
        let other = CodeStore::new(flash);
        let unused = (12..64).contains(&(place % PAGE));
        assert_eq!(other.find(&key(2)).is_some(), unused, "byte {place}");
    }
    assert!(store.find(&key(2)).is_some());
    // It is written once more, and the one that changed has no pages any more.
    let used = store.space().used;
    store.flash_mut().bytes_mut()[start] ^= 1;
    write(&mut store, 2, 60).unwrap();
    assert_eq!(found(&store, 2), Some(expected(2, 60)));
    assert_eq!((store.space().objects, store.space().used), (1, used));
}

#[test]
fn a_full_part_takes_no_more_and_loses_nothing() {
    let mut store = store();
    let mut written = 0;
    let error = loop {
        match write(&mut store, written, 400) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((written, error), (6, Error::Full));
    for number in 0..written {
        assert_eq!(found(&store, number), Some(expected(number, 400)));
    }
    assert_eq!(store.retain(|object| object.key == key(2)), Ok(5));
    assert_eq!(store.space().used, 2);
    // Not all of it fits anywhere, which is found out by writing.
    assert_eq!(write(&mut store, 9, 4_000), Err(Error::Full));
    assert_eq!(found(&store, 2), Some(expected(2, 400)));
}

#[test]
fn a_page_that_has_no_erase_left_is_told() {
    let mut store = store();
    write(&mut store, 1, 50).unwrap();
    store.flash_mut().allow_erases(0);
    let refused = Error::Flash(FlashError::Later);
    assert_eq!(write(&mut store, 2, 50), Err(refused));
    assert_eq!(found(&store, 1), Some(expected(1, 50)));
}

/// Fills the directory twice, gives up, writes over what was given up.
fn workload(store: &mut Store) -> Result<(), Error> {
    for number in 1..=12u8 {
        let image = key(number);
        if store.find(&image).is_none() {
            // There are four at any time.
            let last = number.saturating_sub(3)..=number;
            store.retain(|object| last.contains(&object.key.image[0]))?;
            write(store, number, halfwords(number))?;
        }
    }
    Ok(())
}

fn halfwords(number: u8) -> usize {
    20 * usize::from(number % 3) + 10
}

/// The power goes at every step, and at every step of doing it again: what is found is what was written.
#[test]
fn wherever_the_power_goes_what_is_found_is_whole() {
    let mut whole = store();
    workload(&mut whole).unwrap();
    let steps = whole.flash().steps();
    assert!(steps > 300, "{steps}");
    let check = |store: &Store, when: &str| {
        for number in 1..=12 {
            if let Some(bytes) = found(store, number) {
                assert_eq!(
                    bytes,
                    expected(number, halfwords(number)),
                    "{when}: {number}"
                );
            }
        }
    };
    for after in 0..steps {
        for seed in [0, u64::MAX, after * 77 + 1] {
            let mut store = store();
            store.flash_mut().cut(Cut { after, seed });
            assert!(workload(&mut store).is_err());
            let before: Vec<u8> = (1..=12)
                .filter(|n| store.find(&key(*n)).is_some())
                .collect();
            let mut store = again(store);
            let when = format!("cut {after}, {seed}");
            check(&store, &when);
            let left: Vec<u8> = (1..=12)
                .filter(|n| store.find(&key(*n)).is_some())
                .collect();
            assert_eq!(left, before, "{when}");
            if after % 5 == 0 {
                let second = Cut {
                    after: after % 97,
                    seed,
                };
                store.flash_mut().cut(second);
                let _ = workload(&mut store);
                store = again(store);
                check(&store, &when);
            }
            workload(&mut store).unwrap();
            check(&store, &when);
            for number in 9..=12 {
                assert!(found(&store, number).is_some(), "{when}: {number}");
            }
        }
    }
}

/// Pages of code take turns.
#[test]
fn wear_is_spread() {
    let mut store = store();
    for round in 0..600u32 {
        let number = (round % 200) as u8;
        write(&mut store, number, 80).unwrap();
        store.retain(|_| false).unwrap();
    }
    let erases = store.flash().erases();
    let of_code = &erases[2..];
    let most = of_code.iter().max().unwrap();
    assert!(*most <= 2 * 600 / of_code.len() as u32, "{erases:?}");
    assert!(
        erases[..2].iter().all(|erases| *erases <= 600 / 7 + 2),
        "{erases:?}"
    );
}
