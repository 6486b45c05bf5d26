//! What was refused, in the words of the protocol.

use berth_protocol::{DeviceError, State, TEXT_MAX, cut};

use crate::arena;
use crate::container::counters::PACKAGES_MAX;
use crate::container::{CONTAINERS_MAX, Container, Containers, Refused};
use crate::platform::Platform;

/// What was to be done with something.
#[derive(Clone, Copy)]
pub(super) struct About {
    /// Its slot; `None` of an image that has no container.
    pub(super) slot: Option<usize>,
    /// It is the image that was to replace the container's.
    pub(super) update: bool,
}

/// Returns a refusal in the words of the protocol.
pub(super) fn error<P: Platform + 'static>(
    containers: &Containers<P>,
    about: About,
    refused: Refused,
) -> DeviceError<'_> {
    let label = |claim| {
        let label = about
            .slot
            .and_then(|slot| containers.label(slot, claim, about.update));
        cut(label.unwrap_or("?"), TEXT_MAX)
    };
    match refused {
        Refused::State(State::Quarantined) => DeviceError::Quarantined,
        Refused::State(state) => DeviceError::WrongState { state },
        Refused::SafeMode => DeviceError::SafeMode,
        Refused::OnTrial => DeviceError::Busy,
        Refused::TooMany => DeviceError::TooManyContainers {
            limit: CONTAINERS_MAX as u16,
        },
        Refused::NoRoom => DeviceError::DeviceFull {
            needed: 0,
            free: arena::free(),
        },
        Refused::Invalid(malformed) => DeviceError::InvalidModule {
            offset: malformed.offset,
            what: malformed.what,
        },
        Refused::Missing(count) => DeviceError::MissingImports { count },
        Refused::Busy { claim, holder } => DeviceError::LabelBusy {
            label: label(claim),
            holder: holder
                .and_then(|holder| containers.get(holder))
                .map(Container::name),
        },
        Refused::Claim { claim, code } => DeviceError::ClaimRefused {
            label: label(claim),
            code,
        },
        Refused::KeyNeeded { claim } => DeviceError::KeyNeeded {
            label: label(claim),
        },
        Refused::Untrusted(why) => DeviceError::Untrusted { why },
        Refused::Older(counter) => DeviceError::Older { counter },
        Refused::TooManyPackages => DeviceError::TooManyPackages {
            limit: PACKAGES_MAX as u16,
        },
        Refused::Configuration(what) => DeviceError::BadParameter { what },
        Refused::Store(error) => store_error(error, containers.images().flash().is_some()),
        Refused::Memory { needed, room } => DeviceError::OutOfMemory { needed, free: room },
    }
}

/// What the store refuses, which is `in_flash` or in memory.
const fn store_error(error: berth_store::Error, in_flash: bool) -> DeviceError<'static> {
    use berth_store::Error;
    match error {
        Error::Full { needed, free } if in_flash => DeviceError::StoreFull { needed, free },
        Error::Full { needed, free } => DeviceError::DeviceFull { needed, free },
        Error::Directory => DeviceError::StoreFull { needed: 0, free: 0 },
        Error::Worn { page } => DeviceError::StoreFailed { page },
        Error::Later => DeviceError::StoreLater,
        Error::NoUpload => DeviceError::NoUpload,
        Error::Offset { expected } => DeviceError::BadOffset { expected },
        Error::Incomplete { expected } => DeviceError::Incomplete { expected },
        Error::Hash => DeviceError::HashMismatch,
        Error::NoObject | Error::Foreign | Error::Geometry => DeviceError::Internal {
            what: "the store has lost an object",
        },
    }
}
