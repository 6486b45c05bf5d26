//! A device's refusal in words, with the next step.

use crate::{Said, cli::without_ending};
use berth_pack::printable;
use berth_protocol::DeviceError;
use serde::Serialize;

/// The refusal of a device, made for people and for scripts.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// One stable word.
    pub code: &'static str,
    /// Container the request was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For people.
    pub message: Said,
    /// What was asked for.
    #[serde(skip)]
    pub to: &'static str,
    /// Imports that the device does not have; all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// An import that a device does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Module of the import.
    pub module: Said,
    /// Name of the import.
    pub name: Said,
    /// One stable word.
    pub why: &'static str,
    /// For people.
    pub message: Said,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{}: ", printable(name))?;
        }
        f.write_str(&self.message)?;
        for missing in &self.missing {
            let (module, name) = (&missing.module, &missing.name);
            write!(f, "\n  {module} {name}: {}", missing.message)?;
        }
        Ok(())
    }
}

impl Refusal {
    /// What a device answered to a request about `name`.
    pub(crate) fn of(to: &'static str, name: Option<&str>, error: &DeviceError<'_>) -> Self {
        Self {
            code: error.word(),
            name: name.map(Into::into),
            message: Said::of(&error.to_string()),
            to,
            missing: Vec::new(),
        }
    }

    /// Returns what helps, if something does.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self.code {
            "unsupported" => {
                "the firmware is older than this berth; update it, or use the berth that came with it"
            }
            "bad-name" => {
                "1 to 32 of a-z A-Z 0-9 . _ -, beginning with a letter or digit; see --name"
            }
            "bad-parameter" if self.message.contains("configuration: ") => {
                "`berth inspect` shows the settings that it has; --unset NAME removes one"
            }
            "bad-parameter" => {
                "leave it out to let the device choose; --limit counts everything the container needs"
            }
            "unknown-name"
                if self
                    .name
                    .as_deref()
                    .is_some_and(|name| without_ending(name).is_some()) =>
            {
                "names are exact: without the ending of its file, perhaps; `berth ps` lists the containers"
            }
            "unknown-name" => "`berth ps` lists the containers",
            "name-taken" => {
                "replace the old one with --live-update, change how it runs with `berth edit`, or choose another --name"
            }
            // It was started, and its own code failed.
            "wrong-state"
                if self.message.contains("faulted") && matches!(self.to, "start" | "run") =>
            {
                "`berth inspect` shows what happened, `berth logs` what it wrote before"
            }
            "wrong-state" if self.to == "rm" => "`berth rm -f` stops it first",
            "wrong-state" if self.to == "start" => {
                "`berth restart` starts it anew; with --if-needed this is no error"
            }
            "wrong-state" if self.to == "run" => {
                "`berth resume` lets it go on; `berth rm -f` deletes it, with what it holds"
            }
            "wrong-state" if self.to == "stop" => "with --if-needed this is no error",
            "wrong-state" => {
                "`berth ps` shows the states; `berth start` starts a container, `berth stop` ends an active one"
            }
            "too-large" => "build it smaller: opt-level \"z\", lto, strip; see the author's guide",
            "too-many-containers" | "device-full" | "store-full" => {
                "`berth rm` a container that is not needed; `berth images` shows their sizes"
            }
            "out-of-memory" if matches!(self.to, "edit" | "restart") => {
                "`berth edit` with more --limit or --memory; with --now the device tries at once, and goes back if it fails; what was stopped before (`berth stop`) can be given any limit"
            }
            "out-of-memory" => {
                "`berth heap` shows who holds the memory: stop another container; if its own --limit or --memory is too small, `berth edit` raises it"
            }
            "no-upload" | "bad-offset" | "incomplete" => {
                "the device was reset, or another upload came between; repeat the command"
            }
            "upload-busy" => {
                "repeat the command when that is done; one that has broken off gives way after ten seconds"
            }
            "quarantined" => {
                "`berth start --lift` starts it all the same; another image (--live-update) is not quarantined, and `berth rm` deletes it"
            }
            "superseded" => "`berth inspect` shows how the last one stands",
            "no-draft" => {
                "another operator changes a configuration at the same time; give the same command again"
            }
            "unsigned" => {
                "`pack PACKAGE --sign KEY --counter N` signs it; `berth doctor` says whether the device wants that"
            }
            "unknown-key" => {
                "`berth keys verify PACKAGE` says who signed it; the device takes keys that its manufacturer gave it"
            }
            "changed" | "bad-signature" => {
                "take the package again from where it was signed; if it was on the device before, its flash has changed: upload it again"
            }
            "not-for-label" => {
                "sign it with --label for what the key may sign; the manufacturer decides which labels those are"
            }
            "key-needed" => {
                "sign the package with --label for this block, by a key that may; `berth inspect` shows what it is signed for"
            }
            "older" if self.to == "revoke" => {
                "give the list a higher --counter: `berth doctor` shows that of the device's"
            }
            "older" => "upload the newer version; --allow-downgrade takes this one all the same",
            "too-many-packages" => {
                "a package is a key and a name: take a new version of one that was here; the counters stay when containers are deleted"
            }
            "session-needed" => {
                "--operator KEY (or BERTH_OPERATOR) logs in; `berth login` opens a session for further calls"
            }
            "no-session" => {
                "`berth login` opens another; whether the device has done what was asked last, `berth ps` and `berth events` show"
            }
            "replayed" => "`berth events` shows whether it was done; then repeat the command",
            "old-challenge" => "repeat the command",
            "not-an-operator" => {
                "is it the right key? the manufacturer decides which keys are operators'"
            }
            "not-provisioned" => {
                "`berth keys provision --operator KEY`, once, over a line that nobody else hears"
            }
            "provisioned" => "an operator in a session may give it another: `berth login` first",
            "no-store" => "`berth doctor` shows what is wrong with the store",
            "key-revoked" => "have it signed with a key that is not revoked: `pack --sign`",
            "revoked" => "upload a newer version, with a higher counter",
            "not-revoker" => {
                "sign the list with a key that the manufacturer lets revoke: `revokes;` in exposure.dts"
            }
            "unproven" => {
                "`berth doctor` says if the list of what is revoked was changed in flash; else `berth start` again, and if this comes back, please report it"
            }
            "other-log" => "repeat the command to read the new one",
            "invalid-module" => {
                "is it a WebAssembly core module, built for a container? see the author's guide"
            }
            "missing-imports" => "`berth exposures` lists what this device offers",
            "label-busy" => "`berth exposures` shows who holds what; stop that container first",
            "claim-refused" => "`berth exposures` shows whether the device still offers it",
            "safe-mode" => "`berth ps` names the suspect; `berth rm` it, then `berth reset`",
            "store-failed" => {
                "do it again, which takes other pages; if this comes back, the flash of this device is at its end"
            }
            "store-later" => {
                "nothing was lost; in some hours the device takes it, or at once after a reset"
            }
            "hash-mismatch" => "repeat the upload",
            "no-detail" => "another client came between; repeat the command",
            "busy" => "repeat the command in a moment",
            "rolled-back" => "`berth inspect` and `berth logs` show what the new one did",
            "internal" => "a bug: please report it with the output of `berth doctor --json`",
            // A word of newer firmware.
            _ => return None,
        })
    }
}
