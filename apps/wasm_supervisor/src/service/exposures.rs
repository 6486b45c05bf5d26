//! What this device exposes, as the operator sees it.

use berth_protocol::{Access, Exposure, Holder};

use crate::container::Containers;
use crate::platform::{AccessClass, Claim, DESCRIPTION_MAX, Platform};

/// Exposure `index` with the name of its holder. Returns `None` from their number up.
pub fn exposure<'a, P: Platform + 'static>(
    containers: &'a Containers<P>,
    platform: &P,
    index: u32,
    buffer: &'a mut [u8; DESCRIPTION_MAX],
) -> Option<Exposure<'a>> {
    let described = platform.describe(index, buffer)?;
    Some(Exposure {
        label: described.label,
        length: described.length,
        access: access(
            described.access,
            described.mapped || !matches!(described.claim, Claim::Own(_)),
        ),
        registers: described.registers,
        holder: match described.claim {
            Claim::Free => Holder::Free,
            Claim::Other => Holder::Firmware,
            Claim::Own(tag) => Containers::<P>::slot_of_tag(tag)
                .and_then(|slot| containers.get(slot))
                .map_or(Holder::Firmware, |container| {
                    Holder::Container(container.name())
                }),
        },
    })
}

/// Returns how accesses to a block of this class travel, if it is mapped into this process or not.
pub(super) const fn access(class: AccessClass, is_mapped: bool) -> Access {
    match class {
        AccessClass::Mediated => Access::Mediated,
        AccessClass::Mapped if is_mapped => Access::Mapped,
        AccessClass::Mapped => Access::Fallback,
    }
}
