//! Code that the device has compiled of images, in the part of the flash that is for it.
//!
//! ```text
//!   loading ─► Compiled::of ─┬─ an object of the image: found, or made now
//!                            └─ looked at once after each start of the device, then executed
//!   ─────────── berth_compiler, berth_checker, CodeStore ───────────
//! ```
//!
//! An image is compiled when it is started for the first time, **in one piece**: nobody else runs meanwhile. Whatever cannot be done
//! here the interpreter does, and the container's log says why.
//!
//! An object is given up when nobody has its image any more and nothing executes it, and at the start of the device if another compiler has
//! made it. If what is free then lies in pieces all are: nothing runs yet, and what runs then is compiled again.

#![allow(unsafe_code)]

use alloc::vec::Vec;

use berth_checker::{check, room_words};
use berth_code::{CodeStore, Error, Key, Object};
use berth_compiler::{Room, compile};
use berth_flash::Flash;
use berth_protocol::{CodeStatus, ImageHash};
use sha2::{Digest, Sha256};

use crate::admission::Module;
use crate::engine::Code;
use crate::engine::native::SOURCES;
use crate::platform::told;

/// How much a module may have.
#[derive(Clone, Copy)]
struct Most {
    /// Functions, imported ones included.
    functions: usize,
    /// Local variables of a function, parameters included.
    locals: usize,
    /// Values on the stack at once.
    values: usize,
    /// Blocks in each other.
    blocks: usize,
    /// Halfwords of the code of a function.
    code: usize,
}

/// What most modules need: 9 KB of memory.
const USUAL: Most = Most {
    functions: 96,
    locals: 64,
    values: 64,
    blocks: 32,
    code: 1_536,
};
/// For larger ones: 25 KB.
const LARGE: Most = Most {
    functions: 256,
    locals: 256,
    values: 128,
    blocks: 64,
    code: 6_144,
};
/// Types and global variables, in either.
const TYPES: usize = 64;
const GLOBALS: usize = 32;

/// Returns so many of something, in memory that there may not be. One after the other: all of it would not fit on the stack.
fn list<T: Default>(count: usize) -> Result<Vec<T>, Why> {
    let mut list = Vec::new();
    list.try_reserve_exact(count).map_err(|_| Why::Memory)?;
    list.resize_with(count, T::default);
    Ok(list)
}

/// What has made an object, and what that expects around it: the compiler's version in the highest byte, and a number that changes with every
/// change of a source that either depends on. What another supervisor has made is never executed.
const MAKER: u32 = berth_compiler::VERSION << 24 | SOURCES & 0x00ff_ffff;

/// Why an image is not compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// What the module is, or has too much of.
    Module(&'static str),
    /// There is no memory to compile with.
    Memory,
    /// The flash for code is full.
    Full,
    /// The flash for code cannot be written.
    Flash,
    /// The checker does not take it.
    Unchecked(&'static str),
}

impl Why {
    /// Returns what is wrong, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Module(what) | Self::Unchecked(what) => what,
            Self::Memory => "no memory to compile it with",
            Self::Full => "the flash for code is full",
            Self::Flash => "the flash for code cannot be written",
        }
    }
}

/// What is compiled.
pub struct Compiled<F> {
    store: CodeStore<F>,
    /// A bit for each page at which an object begins that was looked at since the start, and may be executed.
    looked_at: u128,
}

impl<F: Flash> Compiled<F> {
    /// What there is in this part of the flash, which is executable, and of which nothing is executed yet.
    #[must_use]
    pub fn new(flash: F) -> Self {
        let mut store = CodeStore::new(flash);
        // What cannot be given up is in the way, and no harm.
        let _ = store.retain(|object| object.key.compiler == MAKER);
        let space = store.space();
        let free = space.pages.saturating_sub(space.used);
        if free >= space.pages / 4 && space.longest_free < free / 2 {
            let _ = store.retain(|_| false);
        }
        Self {
            store,
            looked_at: 0,
        }
    }

    /// Returns the code of `image`, which is made if there is none.
    ///
    /// # Errors
    ///
    /// Why the interpreter has to run it.
    pub fn of(&mut self, image: &[u8], module: &Module<'_>) -> Result<Code, Why> {
        let memory = u32::try_from(module.memory_bytes);
        let memory = memory.map_err(|_| Why::Module("a memory larger than any"))?;
        let key = Key {
            image: Sha256::digest(image).into(),
            compiler: MAKER,
            memory,
        };
        let object = match self.store.find(&key) {
            Some(object) => object,
            // Its code has changed while something may be executing it, and is not to be erased below that.
            None if self.may_be_executed(&key) => return Err(Why::Flash),
            None => self.make(key, image, module)?,
        };
        self.look_at(&object, image)?;
        let start = self.address(&object).ok_or(Why::Flash)?;
        // SAFETY: `find` or `make` has returned the object for this image, `look_at` has found that the checker takes it, the kernel has
        // opened this flash for executing until the process ends, and objects are given up in `new`, before any is executed, in `keep`, if no
        // run has them, and in `make`, if none of it was looked at.
        Ok(unsafe { Code::new(start) })
    }

    /// Where the code of an object is.
    fn address(&self, object: &Object) -> Option<u32> {
        let code = self.store.code(object)?;
        Some(code.as_ptr().expose_provenance() as u32)
    }

    /// As [`keep_code`](crate::platform::Platform::keep_code).
    pub fn keep(&mut self, keep: &dyn Fn(&ImageHash, u32) -> bool) {
        let mut unwanted = None;
        loop {
            let next = self.store.objects().find(|object| {
                let address = self.address(object).unwrap_or(0);
                !keep(&ImageHash(object.key.image), address)
            });
            // One that cannot be given up now is found again; it is tried the next time.
            let Some(object) = next.filter(|object| unwanted != Some(*object)) else {
                return;
            };
            unwanted = Some(object);
            if self.store.retain(|other| *other != object).is_ok() {
                self.looked_at &= !Self::bit(&object);
            }
        }
    }

    /// Returns how the flash is doing.
    #[must_use]
    pub fn status(&self) -> CodeStatus {
        let space = self.store.space();
        let bytes = |pages: u16| u32::from(pages) * F::PAGE_BYTES as u32;
        CodeStatus {
            total: bytes(space.pages),
            free: bytes(space.pages.saturating_sub(space.used)),
            largest_free: bytes(space.longest_free),
            objects: space.objects,
            erased: self.store.erased(),
            erases: self.store.flash().erases().map(told),
        }
    }

    /// Compiles an image.
    fn make(&mut self, key: Key, image: &[u8], module: &Module<'_>) -> Result<Object, Why> {
        match self.make_with(&USUAL, key, image, module) {
            // Who has no memory for more is told what there is too much of.
            Err(refused @ Why::Module(_)) => match self.make_with(&LARGE, key, image, module) {
                Err(Why::Memory) => Err(refused),
                made => made,
            },
            made => made,
        }
    }

    /// Compiles an image that has so much at most.
    fn make_with(
        &mut self,
        most: &Most,
        key: Key,
        image: &[u8],
        module: &Module<'_>,
    ) -> Result<Object, Why> {
        let room = Room {
            types: &mut list(TYPES)?,
            functions: &mut list(most.functions)?,
            globals: &mut list(GLOBALS)?,
            locals: &mut list(most.locals)?,
            kinds: &mut list(most.values)?,
            frames: &mut list(most.blocks)?,
            operands: &mut list(most.values)?,
            blocks: &mut list(most.blocks)?,
            code: &mut list(most.code)?,
        };
        let imports = module.imports().flatten();
        let imported = imports.filter(|import| import.function_type.is_some());
        let functions = imported.count() as u32 + module.functions;
        let mut writer = self
            .store
            .begin(key, functions, 2 * image.len())
            .map_err(why)?;
        match compile(image, room, key.memory, module.grows, &mut writer) {
            Ok(report) => {
                let made = writer.finish(&report).map_err(why)?;
                // What stood there before was looked at, perhaps.
                self.looked_at &= !Self::bit(&made);
                Ok(made)
            }
            Err(berth_compiler::Error::Refused { what, .. }) => Err(Why::Module(what)),
            Err(berth_compiler::Error::Invalid(malformed)) => Err(Why::Module(malformed.what)),
            Err(berth_compiler::Error::Full) => Err(writer.failed().map_or(Why::Full, why)),
        }
    }

    /// Was an object for `key` looked at since the start?
    fn may_be_executed(&self, key: &Key) -> bool {
        let mut objects = self.store.of_key(key);
        objects.any(|object| self.looked_at & Self::bit(&object) != 0)
    }

    /// The bit that stands for an object.
    fn bit(object: &Object) -> u128 {
        let page = object.offset(F::PAGE_BYTES) / F::PAGE_BYTES;
        1u128.checked_shl(page as u32).unwrap_or(0)
    }

    /// Has the checker look at an object, once.
    fn look_at(&mut self, object: &Object, image: &[u8]) -> Result<(), Why> {
        if self.looked_at & Self::bit(object) != 0 {
            return Ok(());
        }
        let refused = |refusal: berth_checker::Refusal| Why::Unchecked(refusal.what);
        let words = room_words(image, object.bytes).map_err(refused)? as usize;
        let mut room: Vec<u32> = Vec::new();
        room.try_reserve_exact(words).map_err(|_| Why::Memory)?;
        room.resize(words, 0);
        let code = self.store.code(object).ok_or(Why::Flash)?;
        check(code, image, object.key.memory, &mut room).map_err(refused)?;
        self.looked_at |= Self::bit(object);
        Ok(())
    }
}

const fn why(error: Error) -> Why {
    match error {
        Error::Full => Why::Full,
        Error::Flash(_) | Error::Worn => Why::Flash,
    }
}
