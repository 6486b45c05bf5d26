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
//! Objects are given up when the device starts and there is little room left, all of them: then nothing that they are made of runs.

#![allow(unsafe_code)]

use alloc::vec::Vec;

use berth_checker::{check, room_words};
use berth_code::{CodeStore, Error, Key, Object};
use berth_compiler::{Storage, compile};
use berth_flash::Flash;
use sha2::{Digest, Sha256};

use crate::admission::Module;
use crate::engine::Code;
use crate::engine::native;

/// What a function may have: 96 functions, 64 local variables, 64 values, 32 blocks, 3 KiB of code each.
type Room<'a> = Storage<'a, 96, 64, 64, 32, 1_536>;

/// Version of what compiled code expects of the software around it, beside the compiler's.
const AROUND: u32 = 1;

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
        let space = store.space();
        if space.longest_free < space.pages / 4 {
            // What cannot be given up is in the way, and no harm.
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
        if !native::takes(module) {
            return Err(Why::Module("its memory grows"));
        }
        let memory = u32::try_from(module.memory_bytes);
        let memory = memory.map_err(|_| Why::Module("a memory larger than any"))?;
        let key = Key {
            image: Sha256::digest(image).into(),
            compiler: berth_compiler::VERSION << 16 | AROUND,
            memory,
        };
        let object = match self.store.find(&key) {
            Some(object) => object,
            // Its code has changed while something may be executing it, and is not to be erased below that.
            None if self.may_be_executed(&key) => return Err(Why::Flash),
            None => self.make(key, image, module)?,
        };
        self.look_at(&object, image)?;
        let start = self.store.code(&object).ok_or(Why::Flash)?.as_ptr();
        // SAFETY: `find` or `make` has returned the object for this image, `look_at` has found that the checker takes it, the kernel has
        // opened this flash for executing until the process ends, and objects are given up in `new` only, before any is executed (and one
        // for the same key in `make`, if none of it was looked at).
        Ok(unsafe { Code::new(start.expose_provenance() as u32) })
    }

    /// Compiles an image.
    fn make(&mut self, key: Key, image: &[u8], module: &Module<'_>) -> Result<Object, Why> {
        let mut place: Vec<Room<'_>> = Vec::new();
        place.try_reserve_exact(1).map_err(|_| Why::Memory)?;
        place.push(Room::new());
        let room = place.first_mut().ok_or(Why::Memory)?.room();
        let imports = module.imports().flatten();
        let imported = imports.filter(|import| import.function_type.is_some());
        let functions = imported.count() as u32 + module.functions;
        let mut writer = self
            .store
            .begin(key, functions, 2 * image.len())
            .map_err(why)?;
        match compile(image, room, key.memory, module.grows, &mut writer) {
            Ok(report) => writer.finish(&report).map_err(why),
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
