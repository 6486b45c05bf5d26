//! How much memory loading a module takes on a device, measured without one.
//!
//! ```text
//!   this program (any host)
//!   └─ wasmi ── executes the loader, a WebAssembly module: pointers of 32 bits, as on a board
//!               └─ the supervisor's own loading: its scan, arenas, engine, host functions
//!                  └─ the module in question
//! ```
//!
//! The engine allocates in ways that follow neither from a module's length nor from anything that can be counted
//! in it, and on a host its pointers are twice as long. So the supervisor's crate is compiled for a machine whose
//! types have the layout that they have on a board (`loader/`, built by `build.rs`), and asked to load the module with less
//! and less memory. An end-to-end test compares the answer with a board, to the page.

#![forbid(unsafe_code)]

use wasmi::{Config, Engine, Instance, Linker, Memory, Module, Store};

/// The loader. Empty if the compiler that built this knows no WebAssembly.
static LOADER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/loader.wasm"));

/// Bytes by which arenas grow.
const PAGE_BYTES: u32 = 32;
/// Bytes less than what it took that are tried first.
const SLACK_BYTES: u32 = 8 * PAGE_BYTES;

/// Why nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// This program was built by a compiler without the target `wasm32-unknown-unknown`.
    NoLoader,
    /// It loads with no memory that a device has.
    TooLarge,
    /// It is no module for devices, or does not come through its start function.
    Refused,
    /// The loader itself has failed.
    Failed,
}

impl core::fmt::Display for Unmeasured {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoLoader => "this program was built without the target wasm32-unknown-unknown",
            Self::TooLarge => "it loads with no memory that a device has",
            Self::Refused => "it does not come through its start function",
            Self::Failed => "the loader has failed",
        })
    }
}

/// Can anything be measured?
#[must_use]
pub const fn is_possible() -> bool {
    !LOADER.is_empty()
}

/// Returns the fewest bytes with which a device loads `image`, its linear memory included, if the value stack
/// may have `stack` bytes: the smallest limit (`--limit`) with which it starts.
///
/// # Errors
///
/// See [`Unmeasured`].
pub fn needed(image: &[u8], stack: u32) -> Result<u32, Unmeasured> {
    let mut loader = Loader::new(image)?;
    let most = loader.load(stack, u32::MAX)?.ok_or(Unmeasured::TooLarge)?;
    // With all there is an arena takes some pages more at once than it needs, not many.
    let (mut too_few, mut enough) = (0, most.next_multiple_of(PAGE_BYTES));
    let mut step = SLACK_BYTES;
    while let Some(fewer) = enough.checked_sub(step) {
        match loader.load(stack, fewer)? {
            Some(_) => enough = fewer,
            None => {
                too_few = fewer;
                break;
            }
        }
        step *= 2;
    }
    while enough - too_few > PAGE_BYTES {
        let middle = (too_few + (enough - too_few) / 2).next_multiple_of(PAGE_BYTES);
        match loader.load(stack, middle)? {
            Some(_) => enough = middle,
            None => too_few = middle,
        }
    }
    Ok(enough)
}

/// The loader with a module in it.
struct Loader {
    store: Store<()>,
    instance: Instance,
}

impl Loader {
    fn new(image: &[u8]) -> Result<Self, Unmeasured> {
        if !is_possible() {
            return Err(Unmeasured::NoLoader);
        }
        let mut config = Config::default();
        // Only what is used of it is compiled.
        config.compilation_mode(wasmi::CompilationMode::Lazy);
        let engine = Engine::new(&config);
        let made = (|| {
            let module = Module::new(&engine, LOADER)?;
            let mut store = Store::new(&engine, ());
            let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module)?;
            let place = instance.get_typed_func::<u32, u32>(&store, "image")?;
            let place = place.call(&mut store, image.len() as u32)? as usize;
            Ok::<_, wasmi::Error>((store, instance, place))
        })();
        let (mut store, instance, place) = made.map_err(|_| Unmeasured::Failed)?;
        let memory: Memory = instance
            .get_memory(&store, "memory")
            .ok_or(Unmeasured::Failed)?;
        memory
            .write(&mut store, place, image)
            .map_err(|_| Unmeasured::Failed)?;
        Ok(Self { store, instance })
    }

    /// Loads the module with at most `limit` bytes. Returns how many it held at most, or `None` if they were too few.
    fn load(&mut self, stack: u32, limit: u32) -> Result<Option<u32>, Unmeasured> {
        let load = self
            .instance
            .get_typed_func::<(u32, u32), u32>(&self.store, "load");
        match load.and_then(|load| load.call(&mut self.store, (stack, limit))) {
            Ok(0) => Ok(None),
            Ok(u32::MAX) => Err(Unmeasured::Refused),
            Ok(held) => Ok(Some(held)),
            Err(_) => Err(Unmeasured::Failed),
        }
    }
}
