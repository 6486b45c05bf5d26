//! Who may do what with which devices.

use crate::Device;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a key may do; each may do what those before it may.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    clap::ValueEnum,
    ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See everything, change nothing.
    View,
    /// Change containers.
    Operate,
    /// Change the gateway itself.
    Admin,
}

impl Role {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::View, Self::Operate, Self::Admin]
            .into_iter()
            .find(|role| role.word() == word)
    }
}

/// The devices that a key is for. Without any name: all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Names of devices.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Groups of devices, whoever is in them when it is asked.
    #[serde(default)]
    pub groups: Vec<String>,
}

impl Scope {
    /// Is the device one of them?
    pub(crate) fn has(&self, device: &Device) -> bool {
        (self.devices.is_empty() && self.groups.is_empty())
            || self.devices.contains(&device.name)
            || self
                .groups
                .iter()
                .any(|group| device.groups.contains(group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_all_devices_or_those_it_names() {
        let device = Device {
            name: "roof".into(),
            address: "unix:/x".into(),
            default: false,
            groups: vec!["house".into()],
        };
        let scope = |devices: &[&str], groups: &[&str]| Scope {
            devices: devices.iter().map(|&name| name.into()).collect(),
            groups: groups.iter().map(|&name| name.into()).collect(),
        };
        for (scope, has) in [
            (scope(&[], &[]), true),
            (scope(&["roof"], &[]), true),
            (scope(&[], &["house"]), true),
            (scope(&["attic"], &["house"]), true),
            (scope(&["attic"], &[]), false),
            (scope(&["house"], &["roof"]), false),
        ] {
            assert_eq!(scope.has(&device), has, "{scope:?}");
        }
    }

    #[test]
    fn an_admin_may_all_that_an_operator_may() {
        assert!(Role::Admin >= Role::Operate && Role::Operate >= Role::View);
        for role in [Role::View, Role::Operate, Role::Admin] {
            assert_eq!(Role::of(role.word()), Some(role));
        }
    }
}
