//! Words that a shell offers: names of devices, of keys and of containers.

use crate::{Registry, commands::devices::meant, device};
use clap_complete::CompletionCandidate;
use std::time::Duration;

/// A person waits behind the key.
const PATIENCE: Duration = Duration::from_millis(700);

/// Names in the registry.
pub(crate) fn devices() -> Vec<CompletionCandidate> {
    let registry = Registry::load().unwrap_or_default();
    let mut found = Vec::new();
    for (name, address) in &registry.devices {
        found.push(CompletionCandidate::new(name).help(Some(address.clone().into())));
    }
    found
}

/// Names of keys.
pub(crate) fn keys() -> Vec<CompletionCandidate> {
    let keys = berth_pack::keys::list().unwrap_or_default();
    let named = |(name, key): (String, berth_pack::keys::Public)| {
        CompletionCandidate::new(name).help(Some(key.to_string().into()))
    };
    keys.into_iter().map(named).collect()
}

/// Names of the containers on the device that is meant without further words, as every command takes it. None if the
/// device does not answer, or several could be meant.
pub(crate) fn containers() -> Vec<CompletionCandidate> {
    let wanted = std::env::var("BERTH_DEVICE").ok();
    let wanted = wanted.as_deref().filter(|text| !text.is_empty());
    let Ok((address, _)) = meant(&Registry::load().unwrap_or_default(), wanted) else {
        return Vec::new();
    };
    let Ok((_lock, mut client, _)) = device::connect(&address, PATIENCE) else {
        return Vec::new();
    };
    let containers = device::names(&mut client).unwrap_or_default();
    containers
        .into_iter()
        // The shell takes what is offered as if it had been typed.
        .filter(|container| berth_protocol::is_valid_name(&container.name))
        .map(|container| {
            CompletionCandidate::new(String::from(container.name))
                .help(Some(container.state.word().into()))
        })
        .collect()
}
