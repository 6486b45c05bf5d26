//! Wear on the real geometry, and what happens when a page fails.

mod support;

use berth_flash::{Flash, PAGE_BYTES, Simulated};
use berth_random::Random;
use berth_store::{Error, Store};
use sha2::{Digest, Sha256};
use support::model::Image;
use support::setting;

/// The board's: 127 pages of 4 KiB, keys for 16 containers.
const PAGES: usize = 127;
const KEYS: usize = 34;
type Real = Store<Simulated, PAGES, KEYS>;

fn real() -> Real {
    Real::mount(Simulated::new(PAGES)).unwrap()
}

fn upload<F: Flash, const P: usize, const K: usize>(
    store: &mut Store<F, P, K>,
    key: u8,
    image: &[u8],
) -> Result<(), Error> {
    let hash = Sha256::digest(image).into();
    let mut offset = store.begin(image.len() as u32, &hash, &[key; 60])?;
    while (offset as usize) < image.len() {
        let end = (offset as usize + 232).min(image.len());
        offset = store.write(offset, &image[offset as usize..end])?;
    }
    store.commit(key, None)
}

/// Assert that wear is spread, and that the store knows it; what it is.
fn check_wear(store: &Real, what: &str) {
    let erases = store.flash().erases();
    let most = *erases.iter().max().unwrap();
    let total: u32 = erases.iter().sum();
    let mean = f64::from(total) / PAGES as f64;
    println!("store: {what}: most {most}, mean {mean:.1} erases");
    assert!(mean >= 16.0, "not enough to tell");
    assert!(f64::from(most) <= 2.0 * mean, "{what}: {erases:?}");
    let wear = store.wear();
    assert_eq!((wear.pages, wear.retired), (PAGES as u32, 0));
    assert!(
        wear.most.abs_diff(most) <= 1 && wear.total.abs_diff(total) <= 2,
        "{wear:?}"
    );
}

#[test]
fn wear_is_spread_while_most_of_the_store_never_changes() {
    let mut store = real();
    // Eleven images that stay, 90 of 121 pages.
    for key in 0..11 {
        let length = [3, 20, 1, 8, 12, 2, 16, 5, 9, 4, 10][usize::from(key)] * PAGE_BYTES - 7;
        upload(&mut store, key, &Image::new(u64::from(key), length).bytes).unwrap();
    }
    let mut random = Random(7);
    for round in 0..setting("STORE_WEAR", 1500) {
        let length = random.below(24_000) as usize;
        upload(&mut store, 11, &Image::new(round, length).bytes).unwrap();
        store.put(27, &[], &[1; 50]).unwrap();
    }
    check_wear(&store, "small uploads beside 90 pages that stay");
    for key in 0..11 {
        let object = store.get(key).unwrap();
        let hash: [u8; 32] = Sha256::digest(object.bytes).into();
        assert_eq!(
            object.hash,
            Some(&hash),
            "image {key} was moved and is the same"
        );
    }
}

#[test]
fn wear_is_spread_when_only_metadata_and_states_change() {
    let mut store = real();
    for key in 0..6 {
        upload(&mut store, key, &Image::new(u64::from(key), 40_000).bytes).unwrap();
    }
    for round in 0..setting("STORE_WEAR_META", 40_000u64) {
        let [meta, ..] = round.to_le_bytes();
        store.link(2, 2, &[meta; 70]).unwrap();
        if round.is_multiple_of(100) {
            store.put(20, &[], &[meta; 200]).unwrap();
        }
    }
    check_wear(&store, "parameters and states");
}

#[test]
fn a_full_store_says_so_and_goes_on() {
    let mut store = real();
    let total = store.space().total as usize;
    assert_eq!(total, (PAGES - 6) * PAGE_BYTES);
    assert_eq!(store.space().largest as usize, total);
    upload(&mut store, 0, &Image::new(1, total - 2 * PAGE_BYTES).bytes).unwrap();
    let (needed, free) = (3 * PAGE_BYTES as u32, 2 * PAGE_BYTES as u32);
    let image = Image::new(2, needed as usize).bytes;
    assert_eq!(
        upload(&mut store, 1, &image),
        Err(Error::Full { needed, free })
    );
    upload(&mut store, 1, &image[..free as usize]).unwrap();
    assert_eq!(store.space().free, 0);
    // Metadata can still change, again and again.
    for round in 0..1_000u32 {
        store.link(1, 1, &round.to_le_bytes()).unwrap();
    }
    store.remove(0, None).unwrap();
    upload(&mut store, 1, &image).unwrap();
    assert_eq!(store.get(1).unwrap().bytes, image);
}

#[test]
fn free_pages_that_lie_apart_are_brought_together() {
    let mut store = real();
    for key in 0..16 {
        upload(
            &mut store,
            key,
            &Image::new(u64::from(key), 7 * PAGE_BYTES).bytes,
        )
        .unwrap();
    }
    for key in (0..16).step_by(2) {
        store.remove(key, None).unwrap();
    }
    let free = store.space();
    assert!(free.largest < free.free / 2, "{free:?}");
    let image = Image::new(99, 50 * PAGE_BYTES).bytes;
    upload(&mut store, 0, &image).unwrap();
    assert_eq!(store.get(0).unwrap().bytes, image);
    for key in (1..16).step_by(2) {
        let image = Image::new(u64::from(key), 7 * PAGE_BYTES).bytes;
        assert_eq!(store.get(key).unwrap().bytes, image);
    }
}

#[test]
fn the_directory_holds_sixteen_containers_with_everything() {
    let mut store = real();
    let image = Image::new(5, 300);
    for key in 0..16 {
        upload(&mut store, key, &image.bytes).unwrap();
        store.link(key, key, &[key; 80]).unwrap();
        store.put(16 + key, &[], &[key; 128]).unwrap();
    }
    assert_eq!(store.find(&image.hash), Some(0));
    // The same bytes under another key cost nothing but the record.
    let free = store.space().free;
    store.link(3, 32, &[1; 80]).unwrap();
    assert_eq!(store.space().free, free);
    assert_eq!(store.link(3, 33, &[]), Err(Error::NoObject));
    let store = Real::mount(store.into_flash()).unwrap();
    for key in 0..16 {
        assert_eq!(store.get(key).unwrap().meta, [key; 80]);
        assert_eq!(store.get(16 + key).unwrap().bytes, [key; 128]);
    }
}

#[test]
fn worn_pages_are_left_out_and_nothing_is_lost() {
    // Pages of 512 bytes that take 60 erases.
    let flash = Simulated::<512>::new(24).endurance(60);
    let mut store = Store::<_, 24, 7>::mount(flash).unwrap();
    let kept = Image::new(3, 1500).bytes;
    upload(&mut store, 0, &kept).unwrap();
    let (mut worn, mut done, mut in_a_row) = (0, 0, 0);
    let end = loop {
        let image = Image::new(done, 2000).bytes;
        match upload(&mut store, 1, &image) {
            Ok(()) => {
                done += 1;
                in_a_row = 0;
                assert_eq!(store.get(1).unwrap().bytes, image);
            }
            // The last pages wear out together; then not even the log can move.
            Err(end @ Error::Worn { .. }) if in_a_row == 20 => break end,
            Err(Error::Worn { .. }) => {
                worn += 1;
                in_a_row += 1;
            }
            Err(end) => break end,
        }
        assert_eq!(store.get(0).unwrap().bytes, kept);
        if done % 10 == 0 {
            store = Store::mount(store.into_flash()).unwrap();
        }
    };
    // In the end there is no room left, and what is there can still be read.
    assert!(
        matches!(end, Error::Full { .. } | Error::Worn { .. }),
        "{end:?}"
    );
    assert_eq!(store.get(0).unwrap().bytes, kept);
    let wear = store.wear();
    println!("store: {done} uploads, {worn} failed by wear, then {end:?}, {wear:?}");
    assert!(done > 100 && worn >= 1, "{done} {worn}");
    assert!(wear.retired >= 8);
}

#[test]
fn a_damaged_image_is_refused_at_commit() {
    let mut store = real();
    let image = Image::new(1, 5000);
    let mut wrong = image.bytes.clone();
    wrong[4999] ^= 1;
    store.begin(5000, &image.hash, &[]).unwrap();
    assert_eq!(
        store.commit(0, None),
        Err(Error::Incomplete { expected: 0 })
    );
    assert_eq!(store.write(4, &wrong), Err(Error::Offset { expected: 0 }));
    assert_eq!(store.write(0, &wrong[..7]), Ok(4));
    assert_eq!(store.write(0, &wrong), Ok(5000));
    assert_eq!(store.commit(0, None), Err(Error::Hash));
    assert_eq!((store.get(0), store.upload()), (None, None));
    assert_eq!(store.write(0, &[1]), Err(Error::NoUpload));
}

#[test]
fn what_is_not_a_store_is_not_touched() {
    // Another format: an entry that is whole, and no log where it points.
    let mut flash = Simulated::<4096>::new(PAGES);
    let entry = 1u32 << 8 | 9;
    flash.program(0, &entry.to_le_bytes()).unwrap();
    flash.program(4, &(!entry).to_le_bytes()).unwrap();
    let steps = flash.steps();
    assert_eq!(Real::mount(flash.clone()).unwrap_err(), Error::Foreign);
    assert_eq!(flash.steps(), steps);
    let small = Simulated::<4096>::new(7);
    assert_eq!(Real::mount(small).unwrap_err(), Error::Geometry);
    let large = Simulated::<4096>::new(PAGES + 1);
    assert_eq!(Real::mount(large).unwrap_err(), Error::Geometry);
}

#[test]
fn no_contents_of_the_flash_make_it_panic() {
    let mut random = Random(3);
    for _ in 0..setting("STORE_GARBAGE", 20_000) {
        let mut flash = Simulated::<512>::new(12);
        random_contents(flash.bytes_mut(), &mut random);
        // Half of them look like a store at first sight.
        if random.one_in(2) {
            let page = 2 + random.below(10) as u32;
            let entry = 7 << 8 | page;
            flash.bytes_mut()[..4].copy_from_slice(&entry.to_le_bytes());
            flash.bytes_mut()[4..8].copy_from_slice(&(!entry).to_le_bytes());
            let log = page as usize * 512;
            flash.bytes_mut()[log..log + 4].copy_from_slice(b"BTS1");
            flash.bytes_mut()[log + 4..log + 8].copy_from_slice(&12u32.to_le_bytes());
        }
        if let Ok(mut store) = Store::<_, 12, 7>::mount(flash) {
            for key in 0..8 {
                let _ = store.get(key);
            }
            let _ = (store.upload(), store.space(), store.wear());
            let _ = store.put(1, &[2], &[3; 600]);
            let _ = store.link(1, 2, &[]);
            let _ = store.begin(900, &[1; 32], &[]);
            let _ = store.write(0, &[1; 900]);
            let _ = store.remove(1, Some(2));
        }
    }
}

/// Noise, with many small numbers and rows of equal bytes in it.
fn random_contents(bytes: &mut [u8], random: &mut Random) {
    for word in bytes.chunks_mut(4) {
        let kind = random.below(8) as u8;
        let value = match kind {
            0 => 0,
            1 => u32::MAX,
            2..=4 => {
                let [kind, page, length, ..] = random.number().to_le_bytes();
                u32::from_le_bytes([kind % 8, page % 12, length % 64, 0])
            }
            _ => random.number() as u32,
        };
        word.copy_from_slice(&value.to_le_bytes());
    }
}

/// How many bytes are programmed and erased for each byte that is to be stored.
#[test]
fn what_is_written_besides_what_is_to_be_stored() {
    let mut store = real();
    let written = |store: &Real| {
        let flash = store.flash();
        let erases: u32 = flash.erases().iter().sum();
        let programs = flash.steps() - u64::from(erases);
        (programs * 4, u64::from(erases) * PAGE_BYTES as u64)
    };
    for (what, length, limit) in [
        ("images of 16 KiB", 16_384, 1.1),
        ("images of 500 bytes", 500, 4.0),
    ] {
        let before = written(&store);
        for round in 0..500 {
            upload(&mut store, 0, &Image::new(round, length).bytes).unwrap();
        }
        let after = written(&store);
        let stored = 500.0 * length as f64;
        let programmed = (after.0 - before.0) as f64 / stored;
        let erased = (after.1 - before.1) as f64 / stored;
        println!(
            "store, {what}: {programmed:.3} bytes programmed, {erased:.3} erased for each stored"
        );
        assert!(programmed < limit, "{programmed}");
    }
}

/// The driver of the flash refuses erases for now: the store says so, gives nothing up, and goes on later.
#[test]
fn a_refused_erase_gives_no_page_up_and_is_made_later() {
    let mut store = real();
    upload(&mut store, 0, &Image::new(0, 20_000).bytes).unwrap();
    let kept = Image::new(1, 30_000).bytes;
    upload(&mut store, 1, &kept).unwrap();
    let mut allowed = 2;
    store.flash_mut().allow_erases(allowed);
    let (mut done, mut refused) = (0, 0);
    for round in 0..2_000u64 {
        let image = Image::new(round + 2, 9_000).bytes;
        let changed = upload(&mut store, 2, &image).and_then(|()| store.put(20, &[], &[1; 200]));
        match changed {
            Ok(()) => done += 1,
            Err(Error::Later) => {
                refused += 1;
                // Again and again at once: it is done with other pages or refused, and nothing is lost.
                for _ in 0..3 {
                    let again = upload(&mut store, 2, &image);
                    assert!(matches!(again, Ok(()) | Err(Error::Later)), "{again:?}");
                }
                assert_eq!(store.get(1).unwrap().bytes, kept);
                allowed += 1;
                store.flash_mut().allow_erases(allowed);
            }
            Err(error) => panic!("{error:?}"),
        }
        let most = store.flash().erases().iter().max();
        assert!(most <= Some(&allowed), "{most:?} of {allowed}");
    }
    assert!(
        done > 1_000 && refused > 5,
        "{done} done, {refused} refused"
    );
    assert_eq!(store.wear().retired, 0);
    let again = Real::mount(store.flash().clone()).unwrap();
    assert_eq!(again.get(1).unwrap().bytes, kept);
    assert_eq!(again.wear().retired, 0);
}
