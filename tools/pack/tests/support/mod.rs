//! What tests do with an image: execute it.

use wasmi::{Error, Linker, Module, Store, TrapCode};

/// Execute `start` and `_start`. Returns how it ended, and the bytes of its memory.
pub(crate) fn execute<T>(
    linker: &Linker<T>,
    store: &mut Store<T>,
    module: &Module,
) -> (Result<(), Option<TrapCode>>, Vec<u8>) {
    let code = |error: Error| error.as_trap_code();
    match linker.instantiate_and_start(&mut *store, module) {
        Ok(instance) => {
            let main = instance
                .get_typed_func::<(), ()>(&*store, "_start")
                .unwrap();
            let end = main.call(&mut *store, ()).map_err(code);
            let memory = instance.get_memory(&*store, "memory");
            (
                end,
                memory.map_or(Vec::new(), |memory| memory.data(&*store).to_vec()),
            )
        }
        Err(error) => (Err(code(error)), Vec::new()),
    }
}
