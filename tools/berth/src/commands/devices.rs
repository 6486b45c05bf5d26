//! The registry of devices, and looking for them.

use super::Failure;
use crate::{
    Address, ChosenBy, Error, Registry,
    address::looks_like_address,
    cli::{Config, Scan},
    device, lock,
    output::{self, Found},
    share,
};
use std::{collections::BTreeSet, io::Write, path::Path, thread, time::Duration};

/// How long a place may take to answer a scan.
const PATIENCE: Duration = Duration::from_millis(1500);

pub(super) fn config(arguments: &Config, out: &mut impl Write, json: bool) -> Result<(), Failure> {
    let name = &arguments.name;
    let mut registry = Registry::load()?;
    let done = match &arguments.address {
        Some(address) => {
            if name.is_empty() || looks_like_address(name) {
                return Err(Error::Usage(format!(
                    "\"{name}\" cannot be the name of a device: names have no slash and no colon"
                ))
                .into());
            }
            let address = address.parse::<Address>()?.absolute()?;
            registry.devices.insert(name.clone(), address.to_string());
            "configured"
        }
        None => {
            if registry.devices.remove(name).is_none() {
                return Err(Error::UnknownDevice { name: name.clone() }.into());
            }
            if registry.selected.as_ref() == Some(name) {
                registry.selected = None;
            }
            "forgotten"
        }
    };
    registry.save()?;
    output::action(out, name, done, None, json)?;
    Ok(())
}

pub(super) fn select(name: &str, out: &mut impl Write, json: bool) -> Result<(), Failure> {
    let mut registry = Registry::load()?;
    if !registry.devices.contains_key(name) {
        return Err(Error::UnknownDevice { name: name.into() }.into());
    }
    // The name, not its address: configuring it anew moves the selection along.
    registry.selected = Some(name.into());
    registry.save()?;
    output::action(out, name, "selected", None, json)?;
    Ok(())
}

pub(super) fn list(out: &mut impl Write, json: bool) -> Result<(), Failure> {
    output::devices(out, &Registry::load()?, json)?;
    Ok(())
}

/// Where commands look for a device that nobody named: everywhere, at lines that berth shares (`lines`), nowhere
/// (`no`).
const SEARCH: &str = "BERTH_SEARCH";

/// Ask every place that may be a device who is there.
pub(super) fn scan(arguments: &Scan, out: &mut impl Write, json: bool) -> Result<(), Failure> {
    let registry = Registry::load()?;
    let mut places: Vec<Address> = Vec::new();
    for place in &arguments.places {
        places.push(place.parse()?);
    }
    places.extend(candidates());
    places.extend(registry.devices.values().flat_map(|text| text.parse()));
    let unique = without_repetitions(places);
    let look = |place: &Address| Found {
        name: registry.name_of(place).map(Into::into),
        address: place.to_string(),
        answer: if arguments.list {
            None
        } else {
            Some(device::connect(place, PATIENCE).map(|(_, _, info)| info))
        },
    };
    let found: Vec<_> = thread::scope(|scope| {
        let lookers: Vec<_> = unique
            .iter()
            .map(|place| scope.spawn(|| look(place)))
            .collect();
        // A looker cannot panic; if it did, its place is left out.
        lookers
            .into_iter()
            .filter_map(|looker| looker.join().ok())
            .collect()
    });
    output::scan(out, &found, json)?;
    Ok(())
}

/// Where devices may be that nobody has configured: shared lines, serial ports.
fn candidates() -> Vec<Address> {
    let mut places = share::running();
    places.extend(serial_ports());
    places
}

/// Each line once, however it is written.
fn without_repetitions(mut places: Vec<Address>) -> Vec<Address> {
    let mut known = BTreeSet::new();
    places.retain(|place| known.insert(lock::line_name(place)));
    places
}

/// The device that is meant, and why. As with other tools nobody has to name the only one there is.
///
/// # Errors
/// [`Registry::choose`]'s, or [`Error::WhichDevice`] if none is configured and several answer.
pub(crate) fn meant(
    registry: &Registry,
    wanted: Option<&str>,
) -> Result<(Address, ChosenBy), Error> {
    match registry.choose(wanted) {
        Err(Error::NoDevice) => Ok((the_only_one()?, ChosenBy::Answer)),
        chosen => chosen,
    }
}

/// The only device that answers.
fn the_only_one() -> Result<Address, Error> {
    let places = match std::env::var(SEARCH).as_deref() {
        Ok("no") => return Err(Error::NoDevice),
        Ok("lines") => share::running(),
        _ => without_repetitions(candidates()),
    };
    let mut answering: Vec<_> = thread::scope(|scope| {
        let lookers: Vec<_> = places
            .into_iter()
            .map(|place| scope.spawn(|| device::connect(&place, PATIENCE).is_ok().then_some(place)))
            .collect();
        // A looker cannot panic; if it did, its place is left out.
        lookers
            .into_iter()
            .filter_map(|looker| looker.join().ok().flatten())
            .collect()
    });
    match (answering.pop(), answering.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Error::NoDevice),
        (Some(last), false) => {
            answering.push(last);
            Err(Error::WhichDevice {
                names: answering.iter().map(Address::to_string).collect(),
            })
        }
    }
}

/// Serial ports of this computer.
fn serial_ports() -> Vec<Address> {
    // Where there is no such folder, the library would panic.
    if cfg!(target_os = "linux") && !Path::new("/sys/class/tty").is_dir() {
        return Vec::new();
    }
    let mut ports: Vec<_> = serialport::available_ports()
        .unwrap_or_default()
        .into_iter()
        .map(|port| port.port_name)
        .collect();
    ports.sort();
    ports
        .into_iter()
        .map(|path| Address::Tty(path.into()))
        .collect()
}
