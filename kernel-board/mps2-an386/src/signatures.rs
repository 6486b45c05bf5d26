//! Whose signature a claim needs, and whose a login: the keys of `exposure.dts`, and the images that the kernel looks at.
//!
//! ```text
//!   flash_partition ── changes ──► Watched ──► wasm_host ── look ──► EmulatedFlash
//!                                                  └── pass ──► KeyProver, with KEYS; OperatorKeys, with OPERATORS
//! ```

use berth_proof::{KeyProver, OperatorKeys};
use flash_partition::{FlashPartition, Watch};
use kernel::static_init;
use wasm_host::{OperatorPolicy, ProofStore, Signatures};

use crate::board::BoardHost;
use crate::emulated_flash::EmulatedFlash;
use crate::exposures::{CLOSES_READING, KEYS, OPERATORS, REFUSES_UNSIGNED, REVOKERS};

/// Has `host` look at the signatures of images in `part`.
#[inline(never)]
pub(crate) fn with(host: BoardHost, part: &'static EmulatedFlash) -> BoardHost {
    let signatures = Signatures {
        images: part,
        prover: static_init!(KeyProver<'static>, KeyProver::new(&KEYS)),
        keys: KEYS.len(),
        refuses_unsigned: REFUSES_UNSIGNED,
        revokers: REVOKERS,
    };
    let operators = OperatorPolicy {
        examiner: static_init!(OperatorKeys<'static>, OperatorKeys::new(&OPERATORS)),
        keys: OPERATORS.len(),
        closes_reading: CLOSES_READING,
    };
    host.with_signatures(signatures, static_init!(ProofStore, ProofStore::new()))
        .with_operators(operators)
}

/// Passes on what changes in the partition.
struct Watched(&'static BoardHost);

impl Watch for Watched {
    fn changes(&self, offset: usize, length: usize) {
        self.0.changes(offset, length);
    }

    fn changed(&self) {
        self.0.changed();
    }
}

/// Has `partition` tell `host` of every change.
pub(crate) fn watch(partition: &FlashPartition, host: &'static BoardHost) {
    partition.set_watch(static_init!(Watched, Watched(host)));
}
