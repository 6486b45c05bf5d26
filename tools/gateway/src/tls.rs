//! The gateway's certificate: the operator's, or one that is made at the first start and kept.

use crate::Error;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Certificate and key, ready for use.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) config: Arc<ServerConfig>,
    /// SHA-256 of the first certificate, in hexadecimal: what a client compares.
    pub(crate) fingerprint: String,
    /// The file with it, for clients to trust.
    pub(crate) file: PathBuf,
}

/// Uses the certificates in one file, the gateway's own first, with the key in the other.
pub(crate) fn given(certificates: &Path, key: &Path) -> Result<Certificate, Error> {
    let chain = read(certificates)?;
    let key = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|error| Error::Certificate(format!("{}: {error}", key.display())))?;
    ready(certificates, &chain, key)
}

/// Uses the certificate in `folder`; makes one for these names if there is none, or if it is not for all of them.
pub(crate) fn own(folder: &Path, names: &[String]) -> Result<Certificate, Error> {
    let (both, public) = (folder.join("tls.pem"), folder.join("certificate.pem"));
    let mut kept = match fs::read(&both) {
        Ok(kept) => Some(kept).filter(|kept| has_names(kept, names)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(source) => return Err(Error::File { path: both, source }),
    };
    if kept.is_none() {
        let made = rcgen::generate_simple_self_signed(names)
            .map_err(|error| Error::Certificate(error.to_string()))?;
        let text = format!(
            "{NAMES}{}\n{}{}",
            names.join(" "),
            made.signing_key.serialize_pem(),
            made.cert.pem()
        );
        // Key and certificate in one file, so that they are never of two.
        write_whole(&both, text.as_bytes())?;
        write_whole(&public, made.cert.pem().as_bytes())?;
        kept = Some(text.into_bytes());
    }
    let kept = kept.unwrap_or_default();
    let key = PrivateKeyDer::from_pem_slice(&kept)
        .map_err(|error| Error::Certificate(format!("{}: {error}", both.display())))?;
    ready(&public, &kept, key)
}

/// The first line of a file of ours.
const NAMES: &str = "# for ";

fn has_names(kept: &[u8], names: &[String]) -> bool {
    let text = String::from_utf8_lossy(kept);
    let first = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(NAMES));
    let has: Vec<_> = first.unwrap_or_default().split(' ').collect();
    names.iter().all(|name| has.contains(&name.as_str()))
}

fn ready(file: &Path, chain: &[u8], key: PrivateKeyDer<'static>) -> Result<Certificate, Error> {
    let wrong =
        |why: &dyn std::fmt::Display| Error::Certificate(format!("{}: {why}", file.display()));
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error))?;
    let first = chain.first().ok_or_else(|| wrong(&"there is none in it"))?;
    let fingerprint = Sha256::digest(first);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong(&error))?;
    Ok(Certificate {
        config: Arc::new(config),
        fingerprint: berth::hexadecimal(&fingerprint),
        file: file.to_owned(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file that is there whole or not at all, for its owner alone.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// By what a server's certificate is checked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trust<'a> {
    /// By what the system trusts.
    System,
    /// By the certificates in this file.
    File(&'a Path),
    /// By nothing, so none is good: the server is spoken to without TLS.
    Nobody,
}

/// How a server is spoken to whose certificate is checked so; `option` is the one that names the file.
///
/// # Errors
/// [`Error::File`], [`Error::Certificate`].
pub(crate) fn trust(by: Trust<'_>, option: &str) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match by {
        Trust::Nobody => {}
        Trust::File(path) => {
            let wrong = |why: &dyn std::fmt::Display| {
                Error::Certificate(format!("{}: {why}", path.display()))
            };
            let bytes = std::fs::read(path).map_err(|source| Error::File {
                path: path.to_owned(),
                source,
            })?;
            for certificate in CertificateDer::pem_slice_iter(&bytes) {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
            if roots.is_empty() {
                return Err(wrong(&"there is no certificate in it"));
            }
        }
        Trust::System => {
            let system = rustls_native_certs::load_native_certs();
            let (added, _) = roots.add_parsable_certificates(system.certs);
            if added == 0 {
                return Err(Error::Certificate(format!(
                    "the system has none to trust a server by; {option} FILE names the server's"
                )));
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Certificate(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_anew_for_a_new_name() {
        let folder = tempfile::tempdir().unwrap();
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        let first = own(folder.path(), &names(&["localhost", "127.0.0.1"])).unwrap();
        let same = own(folder.path(), &names(&["localhost"])).unwrap();
        assert_eq!(first.fingerprint, same.fingerprint);
        let other = own(folder.path(), &names(&["localhost", "roof.example"])).unwrap();
        assert_ne!(first.fingerprint, other.fingerprint);
        // What clients are given is the certificate, and no key.
        let public = fs::read_to_string(&other.file).unwrap();
        assert!(public.contains("BEGIN CERTIFICATE") && !public.contains("PRIVATE"));
    }

    #[test]
    fn a_key_that_is_another_certificates_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let made = || rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        let (one, two) = (made(), made());
        let certificate = write("c.pem", &one.cert.pem());
        let key = write("k.pem", &one.signing_key.serialize_pem());
        let wrong = write("w.pem", &two.signing_key.serialize_pem());
        given(&certificate, &key).unwrap();
        for (certificate, key) in [
            (&certificate, &wrong),
            (&key, &key),
            (&certificate, &certificate),
        ] {
            assert!(matches!(
                given(certificate, key),
                Err(Error::Certificate(_))
            ));
        }
    }
}
