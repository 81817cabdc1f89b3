//! Certificates: read from PEM files, and read again while the server runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use crate::error::Error;

/// The PEM files that TLS needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The server's certificate, followed by those between it and its root.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// Roots of the clients' certificates. With it, a client without a good certificate is refused.
    pub client_ca: Option<PathBuf>,
    /// A client without a certificate is not refused: whoever answers it looks for one.
    pub client_may_show_none: bool,
    /// What is spoken over it, as ALPN names it.
    pub protocols: Vec<&'static str>,
}

impl TlsFiles {
    /// A certificate and its key; clients need none.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
            client_may_show_none: false,
            protocols: vec!["h2"],
        }
    }

    /// HTTP/1.1 is spoken too, and a client without a certificate is not refused before it has asked for something.
    pub fn of_http(mut self) -> Self {
        self.protocols.push("http/1.1");
        self.client_may_show_none = true;
        self
    }

    /// Refuses clients without a certificate that one of these roots has signed.
    pub fn client_ca(mut self, roots: impl Into<PathBuf>) -> Self {
        self.client_ca = Some(roots.into());
        self
    }
}

/// TLS 1.2 and 1.3.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    current: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the files.
    pub fn load(files: TlsFiles) -> Result<Self, Error> {
        let current = ArcSwap::from_pointee(read(&files)?);
        Ok(Self { files, current })
    }

    /// Reads the files again, for connections that are made from now on. If any is bad, all stays as it was.
    pub fn reload(&self) -> Result<(), Error> {
        self.current.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// The files that are read.
    pub const fn files(&self) -> &TlsFiles {
        &self.files
    }

    /// What holds for a connection that is made now.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }
}

fn read(files: &TlsFiles) -> Result<ServerConfig, Error> {
    let TlsFiles { certificate, key, client_ca, client_may_show_none, protocols } = files;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (chain, secret) = identity(certificate, key)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3");
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => builder.with_client_cert_verifier(verifier(file, provider, *client_may_show_none)?),
    };
    let mut config = builder
        .with_single_cert(chain, secret)
        .map_err(|error| tls(key, format!("does not go with {}: {error}", certificate.display())))?;
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(config)
}

fn verifier(
    file: &Path,
    provider: Arc<CryptoProvider>,
    may_show_none: bool,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    add_roots(&mut roots, file)?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if may_show_none { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|error: VerifierBuilderError| tls(file, error.to_string()))
}

/// Adds the certificates of a PEM file to those that are trusted.
pub(crate) fn add_roots(roots: &mut RootCertStore, file: &Path) -> Result<(), Error> {
    for root in certificates(file)? {
        roots
            .add(root)
            .map_err(|error| tls(file, format!("holds a certificate that is no root: {error}")))?;
    }
    Ok(())
}

/// A certificate with those between it and its root, and its key.
pub(crate) fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| pem(key, "private key", &error))?;
    Ok((chain, secret))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(all) if all.is_empty() => {
            Err(pem(file, "certificate", &rustls::pki_types::pem::Error::NoItemsFound))
        }
        Ok(all) => Ok(all),
        Err(error) => Err(pem(file, "certificate", &error)),
    }
}

fn pem(file: &Path, what: &str, error: &rustls::pki_types::pem::Error) -> Error {
    use rustls::pki_types::pem::Error as Pem;
    let problem = match error {
        Pem::NoItemsFound => format!("holds no {what}: it should be a PEM file with one"),
        Pem::Io(error) => format!("cannot be read: {error}"),
        other => format!("is no PEM file with a {what}: {other}"),
    };
    tls(file, problem)
}

fn tls(file: &Path, problem: String) -> Error {
    Error::Tls { file: file.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pki {
        folder: tempfile::TempDir,
    }

    impl Pki {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            std::fs::write(folder.path().join("cert.pem"), pair.cert.pem()).unwrap();
            std::fs::write(folder.path().join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
            Self { folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn files(&self) -> TlsFiles {
            TlsFiles::new(self.path("cert.pem"), self.path("key.pem"))
        }
    }

    fn problem(files: TlsFiles) -> String {
        Tls::load(files).unwrap_err().to_string()
    }

    #[test]
    fn each_bad_file_is_named_with_what_is_wrong() {
        let pki = Pki::new();
        std::fs::write(pki.path("empty"), "").unwrap();
        std::fs::write(pki.path("torn"), "-----BEGIN CERTIFICATE-----\nMIIB\n").unwrap();
        let (cert, key) = (pki.path("cert.pem"), pki.path("key.pem"));

        let missing = problem(TlsFiles::new(pki.path("none"), &key));
        assert!(
            missing.ends_with("/none: cannot be read: No such file or directory (os error 2)"),
            "{missing}"
        );
        let empty = problem(TlsFiles::new(pki.path("empty"), &key));
        assert!(empty.ends_with("/empty: holds no certificate: it should be a PEM file with one"), "{empty}");
        let swapped = problem(TlsFiles::new(&cert, &cert));
        assert!(
            swapped.ends_with("/cert.pem: holds no private key: it should be a PEM file with one"),
            "{swapped}"
        );
        let torn = problem(TlsFiles::new(pki.path("torn"), &key));
        assert!(torn.contains("/torn: is no PEM file with a certificate: "), "{torn}");
        let ca = problem(pki.files().client_ca(pki.path("empty")));
        assert!(ca.ends_with("/empty: holds no certificate: it should be a PEM file with one"), "{ca}");
        let other = Pki::new();
        let mixed = problem(TlsFiles::new(&cert, other.path("key.pem")));
        assert!(mixed.contains("key.pem: does not go with "), "{mixed}");
    }

    #[test]
    fn a_bad_reload_leaves_the_certificate_that_is_served() {
        let pki = Pki::new();
        let tls = Tls::load(pki.files()).unwrap();
        let before = tls.current();
        std::fs::write(pki.path("cert.pem"), "half a cert").unwrap();
        assert!(tls.reload().is_err());
        assert!(Arc::ptr_eq(&before, &tls.current()));
        let next = Pki::new();
        for name in ["cert.pem", "key.pem"] {
            std::fs::copy(next.path(name), pki.path(name)).unwrap();
        }
        tls.reload().unwrap();
        assert!(!Arc::ptr_eq(&before, &tls.current()));
    }
}
