//! What a cluster's API server knows its clients by: an authority, a key for `ServiceAccount`s, an admin's token.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use serde_json::json;

use crate::certificates::{Certificates, SERVER_NAME};

/// Keys, certificates and tokens of one cluster, made for it alone: those of another are refused.
#[derive(Debug)]
pub(super) struct Credentials {
    certificates: Certificates,
    admin_token: String,
    folder: PathBuf,
}

impl Credentials {
    /// Makes them, and writes those that the API server reads to files in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let admin_token = format!("admin-{}", random());
        let credentials =
            Credentials { certificates: Certificates::new(), admin_token, folder: folder.to_owned() };
        write(&credentials.service_account_key(), &key.serialize_pem());
        write(&credentials.service_account_public_key(), &key.public_key_pem());
        write(&credentials.tokens(), &format!("{},admin,admin,system:masters\n", credentials.admin_token));
        credentials
    }

    /// The token of a member of `system:masters`.
    pub(super) fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The certificate that the API server shows, for 127.0.0.1 and [`SERVER_NAME`].
    pub(super) fn certificate(&self) -> PathBuf {
        self.certificates.server_certificate()
    }

    /// Its key.
    pub(super) fn key(&self) -> PathBuf {
        self.certificates.server_key()
    }

    /// What signs the tokens of `ServiceAccount`s.
    pub(super) fn service_account_key(&self) -> PathBuf {
        self.folder.join("sa.key")
    }

    /// What those are checked with.
    pub(super) fn service_account_public_key(&self) -> PathBuf {
        self.folder.join("sa.pub")
    }

    /// The file of fixed tokens.
    pub(super) fn tokens(&self) -> PathBuf {
        self.folder.join("tokens.csv")
    }

    /// Writes a kubeconfig with one context, which is named after the cluster, and says where it is.
    ///
    /// The token lies beside it in a file of its own, `FILE.token`, as a pod's does: it may be replaced there.
    pub(super) fn kubeconfig(
        &self,
        file: &str,
        cluster: &str,
        server: SocketAddr,
        namespace: &str,
        token: &str,
    ) -> PathBuf {
        let token_file = self.folder.join(format!("{file}.token"));
        write(&token_file, token);
        let mut cluster_fields = json!({
            "server": format!("https://{server}"),
            "certificate-authority": self.certificates.authority(),
        });
        // The certificate knows no address but that of loopback.
        if !server.ip().is_loopback() {
            cluster_fields["tls-server-name"] = SERVER_NAME.into();
        }
        // JSON is YAML.
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": cluster,
            "contexts": [{
                "name": cluster,
                "context": {"cluster": cluster, "user": cluster, "namespace": namespace},
            }],
            "clusters": [{"name": cluster, "cluster": cluster_fields}],
            "users": [{"name": cluster, "user": {"tokenFile": token_file}}],
        });
        let path = self.folder.join(file);
        write(&path, &serde_json::to_string_pretty(&config).expect("JSON can be written"));
        path
    }
}

/// Something that nobody else has.
fn random() -> String {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid").expect("Linux gives random identifiers");
    uuid.trim().to_owned()
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
