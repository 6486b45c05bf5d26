//! The pool against a model that knows nothing of lists: a byte map of owners.

use core::cell::Cell;

use super::linear::Resized;
use super::pool::{
    ALIGN_MAX, ArenaId, GRANULE, Memory, NOBODY, Node, PAGE_BYTES, Pool, RESERVED_PAGES,
    has_page_of,
};

const PAGES: usize = 24 * 1024 / PAGE_BYTES;
const CONTAINERS: usize = 4;

/// Nodes in a vector; reading one that was never written is caught.
struct Words {
    nodes: Vec<Option<Node>>,
    reads: Cell<usize>,
}

impl Memory for Words {
    fn read(&self, offset: u32) -> Node {
        assert_eq!(offset as usize % GRANULE, 0);
        self.reads.set(self.reads.get() + 1);
        self.nodes[offset as usize / GRANULE].expect("read a node that is none")
    }

    fn write(&mut self, offset: u32, node: Node) {
        assert_eq!(offset as usize % GRANULE, 0);
        self.nodes[offset as usize / GRANULE] = Some(node);
    }
}

fn pool() -> Pool<Words, PAGES> {
    Pool::new(Words {
        nodes: vec![None; PAGES * PAGE_BYTES / GRANULE],
        reads: Cell::new(0),
    })
}

fn container(slot: usize) -> ArenaId {
    ArenaId::of_container(slot).unwrap()
}

/// A small generator, so that a failure can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
}

#[derive(Clone, Copy)]
struct Block {
    arena: usize,
    offset: usize,
    size: usize,
}

/// What is known without asking the pool.
struct Model {
    pool: Pool<Words, PAGES>,
    blocks: Vec<Block>,
    used: Vec<bool>,
    /// The linear memory of each arena that has one.
    buffers: [Option<Buffer>; CONTAINERS],
}

/// A buffer that asks before it grows, and then for twice its length, as the engine's.
#[derive(Clone, Copy)]
struct Buffer {
    offset: usize,
    length: usize,
    capacity: usize,
    /// Bytes that the model has marked.
    held: usize,
}

impl Model {
    fn mark(&mut self, offset: usize, size: usize, used: bool) {
        for byte in &mut self.used[offset..offset + size] {
            assert_ne!(*byte, used, "a byte with two owners, or with none");
            *byte = used;
        }
    }

    fn allocate(&mut self, arena: usize, size: usize, align: usize) {
        let possible = self.pool.can_allocate(container(arena), size, align);
        let got = self.pool.allocate(container(arena), size, align);
        assert_eq!(got.is_some(), possible);
        if let Some(offset) = got {
            let offset = offset as usize;
            assert_eq!(offset % align.max(GRANULE), 0);
            let size = size.max(1).next_multiple_of(GRANULE);
            self.mark(offset, size, true);
            self.blocks.push(Block {
                arena,
                offset,
                size,
            });
        }
    }

    fn free(&mut self, index: usize) {
        let block = self.blocks.swap_remove(index);
        self.pool.free(block.offset as u32, block.size);
        self.mark(block.offset, block.size, false);
    }

    fn resize(&mut self, index: usize, new: usize) {
        let Block { offset, size, .. } = self.blocks[index];
        if self.pool.resize(offset as u32, size, new) == Resized::InPlace {
            let new = new.max(1).next_multiple_of(GRANULE);
            self.mark(offset, size, false);
            self.mark(offset, new, true);
            self.blocks[index].size = new;
        }
    }

    fn buffer(&mut self, arena: usize, length: usize) {
        if self.buffers[arena].is_some() || !self.pool.grow_linear(container(arena), length, true) {
            return;
        }
        // As the engine's buffer asks: for eight bytes where fewer would do.
        let capacity = length.max(8);
        let offset = self.pool.allocate(container(arena), capacity, 1).unwrap();
        let buffer = Buffer {
            offset: offset as usize,
            length,
            capacity,
            held: 0,
        };
        self.buffers[arena] = Some(self.marked(buffer));
    }

    /// `buffer` with all bytes marked that it has.
    fn marked(&mut self, mut buffer: Buffer) -> Buffer {
        let held = self.pool.held(buffer.offset as u32, buffer.capacity);
        assert!(buffer.length <= held, "allowed, and not there");
        buffer.held = held.max(1).next_multiple_of(GRANULE);
        self.mark(buffer.offset, buffer.held, true);
        buffer
    }

    /// Returns whether the buffer could grow.
    fn grow(&mut self, arena: usize, more: usize) -> Option<bool> {
        let mut buffer = self.buffers[arena]?;
        let length = buffer.length + more;
        if !self.pool.grow_linear(container(arena), length, true) {
            return Some(false);
        }
        self.mark(buffer.offset, buffer.held, false);
        if length > buffer.capacity {
            let capacity = length.max(2 * buffer.capacity);
            let old = buffer.offset as u32;
            match self.pool.resize(old, buffer.capacity, capacity) {
                Resized::InPlace => {}
                Resized::Moved { to, held } => {
                    assert!(held >= buffer.length);
                    self.pool.moved(old, held);
                    buffer.offset = to as usize;
                }
                Resized::No => panic!("allowed, and not done"),
            }
            buffer.capacity = capacity;
        }
        buffer.length = length;
        self.buffers[arena] = Some(self.marked(buffer));
        Some(true)
    }

    fn drop_buffer(&mut self, arena: usize) {
        if let Some(buffer) = self.buffers[arena].take() {
            self.pool.free(buffer.offset as u32, buffer.capacity);
            self.mark(buffer.offset, buffer.held, false);
        }
    }

    fn wipe(&mut self, arena: usize) {
        self.pool.wipe(container(arena));
        if let Some(buffer) = self.buffers[arena].take() {
            self.mark(buffer.offset, buffer.held, false);
        }
        let (gone, kept): (Vec<_>, Vec<_>) = self.blocks.iter().partition(|b| b.arena == arena);
        self.blocks = kept;
        for block in gone {
            self.mark(block.offset, block.size, false);
        }
    }

    /// Counts, and no page with two owners.
    fn check(&self) {
        let mut held = 0;
        let mut owner = [None; PAGES];
        for arena in 0..CONTAINERS {
            let usage = self.pool.usage(container(arena));
            let blocks: Vec<_> = self.blocks.iter().filter(|b| b.arena == arena).collect();
            let buffer = self.buffers[arena].iter();
            assert_eq!(usage.blocks as usize, blocks.len() + buffer.len());
            assert_eq!(
                usage.used_bytes as usize,
                blocks.iter().map(|b| b.size).sum::<usize>()
                    + buffer.map(|b| b.held).sum::<usize>()
            );
            assert!(usage.used_bytes <= usage.held_bytes && usage.held_bytes <= usage.peak_bytes);
            held += usage.held_bytes;
            for block in blocks {
                let pages =
                    block.offset / PAGE_BYTES..=(block.offset + block.size - 1) / PAGE_BYTES;
                for page in pages {
                    assert!(owner[page].is_none_or(|o| o == arena), "a shared page");
                    owner[page] = Some(arena);
                }
            }
        }
        let space = self.pool.space();
        assert_eq!(space.free_bytes + held, space.total_bytes);
    }
}

#[test]
fn random_operations_keep_every_byte_with_one_owner() {
    let (mut grown, mut short) = (0, 0);
    for seed in 1..=40 {
        let mut random = Random(seed);
        let mut model = Model {
            pool: pool(),
            blocks: Vec::new(),
            used: vec![false; PAGES * PAGE_BYTES],
            buffers: [None; CONTAINERS],
        };
        for _ in 0..1_500 {
            let arena = random.below(CONTAINERS);
            let count = model.blocks.len();
            match random.below(24) {
                20 => model.buffer(arena, 1 + random.below(4_000)),
                21 | 22 => {
                    grown += u32::from(model.grow(arena, random.below(600)) == Some(true));
                    let is_short = |b: &Buffer| b.held < b.capacity;
                    short += u32::from(model.buffers[arena].as_ref().is_some_and(is_short));
                }
                23 if random.below(8) == 0 => model.drop_buffer(arena),
                0..=8 => {
                    let largest = [16, 100, 900, 5_000][random.below(4)];
                    let align = 1 << random.below(7);
                    model.allocate(arena, random.below(largest), align);
                }
                9..=14 if count > 0 => model.free(random.below(count)),
                15..=17 if count > 0 => model.resize(random.below(count), random.below(4_000)),
                18 => model.pool.trim(container(arena)),
                19 if random.below(8) == 0 => model.wipe(arena),
                _ => {}
            }
            model.check();
        }
        for arena in 0..CONTAINERS {
            model.drop_buffer(arena);
            while let Some(index) = model.blocks.iter().position(|b| b.arena == arena) {
                model.free(index);
            }
            model.pool.trim(container(arena));
        }
        let space = model.pool.space();
        assert_eq!(space.largest_bytes, space.total_bytes, "seed {seed}");
    }
    println!("buffers grew {grown} times and were {short} times shorter than they claim");
    assert!(grown > 500 && short > 50, "{grown} {short}");
}

#[test]
fn a_memory_grows_to_the_last_page() {
    for obstacle in [false, true] {
        let mut model = Model {
            pool: pool(),
            blocks: Vec::new(),
            used: vec![false; PAGES * PAGE_BYTES],
            buffers: [None; CONTAINERS],
        };
        if obstacle {
            // At the bottom, and right behind the memory: it has to move.
            model.allocate(1, 8, 8);
        }
        model.buffer(0, PAGES * PAGE_BYTES / 3);
        while model.grow(0, 64) == Some(true) {
            model.check();
        }
        let buffer = model.buffers[0].unwrap();
        let all = (PAGES - RESERVED_PAGES) * PAGE_BYTES;
        // What it left when it moved may stay too short for it.
        let (most, spare) = if obstacle {
            (all - PAGE_BYTES, 1024)
        } else {
            (all, 64)
        };
        assert!(
            buffer.length + spare > most && buffer.length <= most,
            "{} of {most}",
            buffer.length
        );
    }
}

#[test]
fn a_memory_grows_as_far_whatever_it_began_with_and_by_what_it_grows() {
    let grown = |first: usize, step: usize| {
        let mut model = Model {
            pool: pool(),
            blocks: Vec::new(),
            used: vec![false; PAGES * PAGE_BYTES],
            buffers: [None; CONTAINERS],
        };
        // A memory that begins empty takes its first block with its first growth.
        model.buffer(0, if first == 0 { step } else { first });
        while model.grow(0, step) == Some(true) {}
        model.check();
        model.buffers[0].unwrap().length
    };
    let all = (PAGES - RESERVED_PAGES) * PAGE_BYTES;
    for step in [64, 100, 1_000] {
        for first in (0..=200).chain([1_000, 3_000, 5_001, 7_777, 8_192, 9_000, 11_000]) {
            let got = grown(first, step);
            // A move leaves the end of its old place unused.
            assert!(
                got + step + 2 * PAGE_BYTES > all,
                "begun with {first}, by {step}: {got} of {all}"
            );
        }
    }
}

#[test]
fn a_refused_growth_is_not_searched_for_again() {
    let mut pool = pool();
    let id = container(0);
    assert!(pool.grow_linear(id, 7, true));
    pool.allocate(id, 8, 1).unwrap();
    let other = pool.allocate(container(1), 256, 8).unwrap();
    let all = PAGES * PAGE_BYTES;
    assert!(!pool.grow_linear(id, all, true));
    // A search reads the nodes of the free blocks.
    let before = pool.memory().reads.get();
    for more in 0..100 {
        assert!(!pool.grow_linear(id, all + more, true));
    }
    assert_eq!(pool.memory().reads.get(), before);
    // Fewer bytes are another question, and so are as many when something has come back.
    assert!(pool.grow_linear(id, 16, true));
    pool.free(other, 256);
    assert!(!pool.grow_linear(id, all, true));
    assert!(pool.memory().reads.get() > before);
}

#[test]
fn an_arena_stops_at_its_limit_and_leaves_the_reserve() {
    let mut pool = pool();
    pool.set_limit(container(0), 4 * PAGE_BYTES);
    assert!(pool.allocate(container(0), 4 * PAGE_BYTES, 8).is_some());
    assert!(pool.allocate(container(0), 1, 8).is_none());
    let rest = pool.space().free_bytes as usize;
    assert!(pool.allocate(container(1), rest, 8).is_none());
    assert!(
        pool.allocate(container(1), rest - RESERVED_PAGES * PAGE_BYTES, 8)
            .is_some()
    );
    assert!(pool.allocate(container(2), 1, 8).is_none());
    assert!(
        pool.allocate(ArenaId::SUPERVISOR, RESERVED_PAGES * PAGE_BYTES, 8)
            .is_some()
    );
    assert!(pool.allocate(ArenaId::SUPERVISOR, 1, 8).is_none());
}

#[test]
fn a_block_grows_in_place_into_free_pages() {
    let mut pool = pool();
    // A whole number of pages, however many are claimed at once.
    let long = 32 * PAGE_BYTES;
    let block = pool.allocate(container(0), 100, 8).unwrap();
    assert_eq!(pool.resize(block, 100, long), Resized::InPlace);
    assert_eq!(pool.usage(container(0)).blocks, 1);
    assert_eq!(pool.usage(container(0)).held_bytes as usize, long);
    let _obstacle = pool.allocate(container(1), 8, 8).unwrap();
    assert_eq!(pool.resize(block, long, long + 1), Resized::No);
    assert_eq!(pool.resize(block, long, 8), Resized::InPlace);
    pool.trim(container(0));
    assert_eq!(pool.usage(container(0)).held_bytes as usize, PAGE_BYTES);
}

#[test]
fn the_last_pages_are_given_one_by_one() {
    let mut pool = pool();
    pool.set_limit(container(0), 3 * PAGE_BYTES);
    for _ in 0..3 {
        assert!(pool.allocate(container(0), PAGE_BYTES, 8).is_some());
    }
    assert!(pool.allocate(container(0), 1, 8).is_none());
    assert_eq!(pool.usage(container(0)).held_bytes as usize, 3 * PAGE_BYTES);
}

#[test]
fn requests_no_pool_can_serve_are_refused() {
    let mut pool = pool();
    assert!(pool.allocate(container(0), usize::MAX, 8).is_none());
    assert!(pool.allocate(container(0), 8, 2 * ALIGN_MAX).is_none());
    assert!(!pool.can_allocate(container(0), (PAGES + 1) * PAGE_BYTES, 8));
    assert!(ArenaId::of_container(usize::MAX - 1).is_none());
    assert_eq!(pool.usage(container(0)).held_bytes, 0);
}

#[test]
fn a_pool_with_less_memory_gives_out_exactly_that() {
    // None, less than a page, an odd number, all, and more than there can be.
    for bytes in [
        0,
        PAGE_BYTES - 1,
        5 * PAGE_BYTES + 7,
        4096,
        PAGES * PAGE_BYTES,
        usize::MAX,
    ] {
        let mut pool = pool();
        pool.make_do_with(bytes);
        let there = (bytes / PAGE_BYTES).min(PAGES) * PAGE_BYTES;
        let space = pool.space();
        assert_eq!(space.total_bytes as usize, there);
        assert_eq!(
            (space.free_bytes as usize, space.largest_bytes as usize),
            (there, there)
        );
        // The supervisor's own arena may have everything.
        let id = ArenaId::SUPERVISOR;
        assert!(!pool.can_allocate(id, there + 1, 8));
        let mut end = 0;
        let mut blocks = Vec::new();
        while let Some(offset) = pool.allocate(id, PAGE_BYTES, 8) {
            end = end.max(offset as usize + PAGE_BYTES);
            blocks.push(offset);
        }
        assert_eq!(blocks.len() * PAGE_BYTES, there);
        assert_eq!((end, pool.free_bytes()), (there, 0));
        for offset in blocks {
            assert_eq!(
                pool.resize(offset, PAGE_BYTES, there + PAGE_BYTES),
                Resized::No
            );
            pool.free(offset, PAGE_BYTES);
        }
        pool.wipe(id);
        assert_eq!(pool.space(), space);
    }
}

#[test]
fn four_pages_are_looked_at_at_once_as_one_by_one() {
    let owners = [NOBODY, 1, 2, 7, 0x7f, 0x80, 0x81, 0xfe, 0xff];
    let each = |place: usize| owners[place % owners.len()];
    let places = owners.len();
    for at in 0..places.pow(4) {
        let four = [
            each(at),
            each(at / places),
            each(at / places.pow(2)),
            each(at / places.pow(3)),
        ];
        for owner in owners {
            assert_eq!(
                has_page_of(four, owner),
                four.contains(&owner),
                "{four:?} {owner}"
            );
        }
    }
}
