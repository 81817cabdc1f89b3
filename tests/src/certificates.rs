//! An authority, and certificates of it for a server and for a client, as files.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use tempfile::TempDir;

/// The name that the server's certificate is for, beside 127.0.0.1.
pub const SERVER_NAME: &str = "mci.test";

/// PEM files in a folder of their own.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes a new authority, and a certificate for [`SERVER_NAME`] and one for a client.
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("mci-test-").expect("a folder for certificates can be made");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "authority of a test");
        let issuer = CertifiedIssuer::self_signed(authority, key()).expect("an authority can sign itself");
        let write = |name: &str, text: String| {
            fs::write(folder.path().join(name), text).expect("a file can be written");
        };
        write("ca.pem", issuer.pem());
        for (name, usage) in
            [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let names = [SERVER_NAME.to_owned(), "127.0.0.1".to_owned()];
            let mut parameters =
                CertificateParams::new(names).expect("names that can stand in a certificate");
            parameters.extended_key_usages = vec![usage];
            let key = key();
            let certificate = parameters.signed_by(&key, &issuer).expect("an authority can sign");
            write(&format!("{name}.pem"), certificate.pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
        Certificates { folder }
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The server's certificate.
    pub fn server_certificate(&self) -> PathBuf {
        self.path("server.pem")
    }

    /// The server's key.
    pub fn server_key(&self) -> PathBuf {
        self.path("server.key")
    }

    /// The client's certificate.
    pub fn client_certificate(&self) -> PathBuf {
        self.path("client.pem")
    }

    /// The client's key.
    pub fn client_key(&self) -> PathBuf {
        self.path("client.key")
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Certificates::new()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}
