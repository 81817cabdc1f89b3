//! Other clusters: where they are, how they are known here, and what they and our own namespaces may publish.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash};
use std::path::{Path as FilePath, PathBuf};

use http::Uri;
use mci_core::state_file::reading::{self, Keys, Node, Path, Reader, keys};
use mci_core::{ClusterId, Hostname};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::value;

/// What a peer is asked in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The stream where the peer speaks it, else REST.
    #[default]
    Auto,
    Stream,
    Rest,
}

const PROTOCOLS: &[(&str, Protocol)] =
    &[("auto", Protocol::Auto), ("stream", Protocol::Stream), ("rest", Protocol::Rest)];

/// Another cluster.
#[allow(dead_code, reason = "checked here, and used by what talks to peers")]
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) identifier: ClusterId,
    /// Its front end.
    pub(crate) url: Uri,
    /// Where its stream is, if that is another place.
    pub(crate) grpc_url: Option<Uri>,
    /// What we say who we are with.
    pub(crate) key: Option<SecretString>,
    pub(crate) protocol: Protocol,
    /// The zones it may publish in; all where absent (R27).
    pub(crate) allowed_zones: Option<Vec<Hostname>>,
    /// The highest priority it may publish (R27).
    pub(crate) max_priority: Option<u32>,
    /// Whether plain HTTP is allowed.
    pub(crate) insecure: bool,
    /// A file of certificates (PEM) that are trusted at this peer beside those of the machine.
    pub(crate) ca: Option<PathBuf>,
    /// Files of the certificate and its key (PEM) that this peer asks us for.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// A key that a peer says who it is with, as we store it.
#[derive(Clone, Debug)]
pub(crate) struct ApiKey {
    pub(crate) cluster_identifier: ClusterId,
    /// SHA-512 of salt and key: 64 octets.
    pub(crate) hash: SecretSlice<u8>,
}

/// Who may publish what (R27); what is absent allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyEntry {
    /// Names or globs.
    pub(crate) namespaces: Option<Vec<String>>,
    pub(crate) zones: Option<Vec<Hostname>>,
    pub(crate) ip_overrides: bool,
    pub(crate) max_priority: Option<u32>,
}

keys!(PeerKey {
    Identifier = "identifier",
    Url = "url",
    GrpcUrl = "grpcUrl",
    Key = "key",
    KeyFile = "keyFile",
    Protocol = "protocol",
    AllowedZones = "allowedZones",
    MaxPriority = "maxPriority",
    Insecure = "insecure",
    CaFile = "caFile",
    ClientCertFile = "clientCertFile",
    ClientKeyFile = "clientKeyFile",
});

keys!(ApiKeyKey { ClusterIdentifier = "clusterIdentifier", Key = "key", KeyFile = "keyFile" });

keys!(PolicyKey {
    Namespaces = "namespaces",
    Zones = "zones",
    IpOverrides = "ipOverrides",
    MaxPriority = "maxPriority",
});

/// The most that `priority` takes where it is written (GSLB, REST).
const MOST_PRIORITY: i128 = i32::MAX as i128;

/// SHA-512.
const HASH: usize = 64;

/// Files with secrets: read once, and remembered, so that they can be followed.
#[derive(Debug, Default)]
pub(super) struct SecretFiles {
    /// What relative paths are relative to: the folder of the configuration file.
    folder: PathBuf,
    pub(super) read: Vec<PathBuf>,
    /// Of what they held.
    pub(super) hasher: DefaultHasher,
}

impl SecretFiles {
    pub(super) fn beside(file: Option<&FilePath>) -> Self {
        let folder = file.and_then(FilePath::parent).unwrap_or(FilePath::new("")).to_owned();
        Self { folder, read: Vec::new(), hasher: DefaultHasher::new() }
    }

    /// The path that a node names, wherever this process was started.
    fn path(&self, reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<PathBuf> {
        value::file(reader, node, path).map(|file| self.folder.join(file))
    }

    /// The content of the file that a node names.
    pub(super) fn text(
        &mut self,
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        path: &Path<'_>,
    ) -> Option<SecretText> {
        let file = self.folder.join(value::file(reader, node, path)?);
        let content = fs::read_to_string(&file);
        self.read.push(file.clone());
        content.as_ref().ok().hash(&mut self.hasher);
        match content {
            Ok(text) => Some(SecretText(text.into())),
            Err(error) => {
                let message = format_args!("{} cannot be read: {error}", file.display());
                reader.problem(path, node.at, message);
                None
            }
        }
    }
}

/// The text of a secret file on its way to its value.
pub(super) struct SecretText(SecretString);

impl SecretText {
    /// Without the end of its line.
    pub(super) fn line(&self) -> &str {
        self.0.expose_secret().trim_end_matches(['\n', '\r'])
    }
}

pub(super) fn peers(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    own: &ClusterId,
    files: &mut SecretFiles,
) -> Vec<Peer> {
    let mut peers = Vec::new();
    let mut places: BTreeMap<ClusterId, String> = BTreeMap::new();
    reader.secretly(|reader| {
        reader.list(node, path, "a list of peers", |reader, node, path| {
            let Some(peer) = peer(reader, node, path, own, files) else { return };
            if let Some(place) = places.get(&peer.identifier) {
                let message = format_args!("peer {} is also at {place}", peer.identifier);
                reader.problem(&path.key("identifier"), node.at, message);
                return;
            }
            places.insert(peer.identifier.clone(), reader.place_text(node.at));
            peers.push(peer);
        });
    });
    peers
}

fn peer(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    own: &ClusterId,
    files: &mut SecretFiles,
) -> Option<Peer> {
    let (mut identifier, mut url, mut grpc_url, mut key) = (None, None, None, None);
    let (mut protocol, mut allowed_zones, mut max_priority) = (Protocol::Auto, None, None);
    let mut insecure = false;
    let (mut ca, mut certificate, mut certificate_key) = (None, None, None);
    let given = reader.map(node, path, |reader, of, node, path| match of {
        PeerKey::Identifier => identifier = other_cluster(reader, node, path, own),
        PeerKey::Url => url = uri(reader, node, path),
        PeerKey::GrpcUrl => grpc_url = uri(reader, node, path),
        PeerKey::Key => key = value::key(reader, node, path),
        PeerKey::KeyFile => {
            key = files.text(reader, node, path).and_then(|text| {
                value::checked_key(text.line()).map_err(|message| reader.problem(path, node.at, message)).ok()
            });
        }
        PeerKey::Protocol => protocol = reader.word(node, path, PROTOCOLS).unwrap_or_default(),
        PeerKey::AllowedZones => allowed_zones = Some(zones(reader, node, path)),
        PeerKey::MaxPriority => max_priority = priority(reader, node, path),
        PeerKey::Insecure => insecure = reader.boolean(node, path).unwrap_or_default(),
        PeerKey::CaFile => ca = files.path(reader, node, path),
        PeerKey::ClientCertFile => certificate = files.path(reader, node, path),
        PeerKey::ClientKeyFile => certificate_key = files.path(reader, node, path),
    })?;
    if PeerKey::ClientCertFile.is_in(given) != PeerKey::ClientKeyFile.is_in(given) {
        reader.problem(
            path,
            node.at,
            "`clientCertFile` and `clientKeyFile` go together: one of them is missing",
        );
    }
    missing::<PeerKey>(reader, node, path, |key| key.is_in(given), &[PeerKey::Identifier, PeerKey::Url]);
    if PeerKey::Key.is_in(given) && PeerKey::KeyFile.is_in(given) {
        reader.problem(path, node.at, "`key` and `keyFile` are both given: one is enough");
    }
    for (name, uri) in [("url", &url), ("grpcUrl", &grpc_url)] {
        let is_plain = uri.as_ref().is_some_and(|uri: &Uri| uri.scheme_str() == Some("http"));
        if is_plain && !insecure {
            let message = "plain HTTP: everybody on the way can read the key";
            let hint = || Some("write https://…, or `insecure: true` where that is meant".to_owned());
            reader.problem_with(&path.key(name), node.at, message, hint);
        }
    }
    Some(Peer {
        identifier: identifier?,
        url: url?,
        grpc_url,
        key,
        protocol,
        allowed_zones,
        max_priority,
        insecure,
        ca,
        identity: certificate.zip(certificate_key),
    })
}

pub(super) fn api_keys(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    own: &ClusterId,
    files: &mut SecretFiles,
) -> Vec<ApiKey> {
    let mut keys: Vec<ApiKey> = Vec::new();
    reader.secretly(|reader| {
        reader.list(node, path, "a list of keys", |reader, node, path| {
            let (mut cluster, mut hash) = (None, None);
            let what = "the stored form of a key, base64(SHA-512(salt and key)),";
            let given = reader.map(node, path, |reader, key, node, path| match key {
                ApiKeyKey::ClusterIdentifier => cluster = other_cluster(reader, node, path, own),
                ApiKeyKey::Key => {
                    hash = reader.text(node, path, "a key's stored form as text").and_then(|text| {
                        let octets = value::octets(text, Some(HASH), what);
                        octets.map_err(|message| reader.problem(path, node.at, message)).ok()
                    });
                }
                ApiKeyKey::KeyFile => {
                    hash = files.text(reader, node, path).and_then(|text| {
                        let octets = value::octets(text.line(), Some(HASH), what);
                        octets.map_err(|message| reader.problem(path, node.at, message)).ok()
                    });
                }
            });
            let Some(given) = given else { return };
            missing::<ApiKeyKey>(reader, node, path, |key| key.is_in(given), &[ApiKeyKey::ClusterIdentifier]);
            match (ApiKeyKey::Key.is_in(given), ApiKeyKey::KeyFile.is_in(given)) {
                (false, false) => {
                    reader.problem(path, node.at, "the key \"key\" (or \"keyFile\") is missing");
                }
                (true, true) => {
                    reader.problem(path, node.at, "`key` and `keyFile` are both given: one is enough");
                }
                _ => {}
            }
            if let (Some(cluster_identifier), Some(hash)) = (cluster, hash) {
                let same = |other: &&ApiKey| {
                    other.hash.expose_secret() == hash.expose_secret()
                        && other.cluster_identifier != cluster_identifier
                };
                if let Some(other) = keys.iter().find(same) {
                    let message = format_args!(
                        "it is the key of cluster {} too: a key says who a cluster is, so each needs one of its own",
                        other.cluster_identifier
                    );
                    reader.problem(path, node.at, message);
                    return;
                }
                keys.push(ApiKey { cluster_identifier, hash });
            }
        });
    });
    keys
}

pub(super) fn hostname_policy(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Vec<PolicyEntry> {
    let mut entries = Vec::new();
    reader.list(node, path, "a list of rules", |reader, node, path| {
        let mut entry = PolicyEntry { namespaces: None, zones: None, ip_overrides: true, max_priority: None };
        let given = reader.map(node, path, |reader, key, node, path| match key {
            PolicyKey::Namespaces => {
                entry.namespaces = Some(value::texts(reader, node, path, "a list of namespaces or globs"));
            }
            PolicyKey::Zones => entry.zones = Some(zones(reader, node, path)),
            PolicyKey::IpOverrides => entry.ip_overrides = reader.boolean(node, path).unwrap_or(true),
            PolicyKey::MaxPriority => entry.max_priority = priority(reader, node, path),
        });
        if given.is_some() {
            entries.push(entry);
        }
    });
    entries
}

/// The identifier of a cluster that is not this one.
fn other_cluster(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    own: &ClusterId,
) -> Option<ClusterId> {
    let identifier = reading::cluster_id(reader, node, path)?;
    if identifier == *own {
        let message = format_args!("{identifier} is this cluster's own identifier (`clusterIdentifier`)");
        let hint = || Some("each cluster needs an identifier of its own".to_owned());
        reader.problem_with(path, node.at, message, hint);
        return None;
    }
    Some(identifier)
}

fn missing<K: Keys + PartialEq>(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: &Path<'_>,
    is_given: impl Fn(K) -> bool,
    needed: &[K],
) {
    for (text, key) in K::ALL {
        if needed.contains(key) && !is_given(*key) {
            reader.problem(path, node.at, format_args!("the key {text:?} is missing"));
        }
    }
}

fn priority(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<u32> {
    reader.integer(node, path, (0, MOST_PRIORITY), "a priority")
}

fn zones(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Vec<Hostname> {
    let mut zones = Vec::new();
    reader.list(node, path, "a list of zones", |reader, node, path| {
        if let Some(zone) = reading::hostname(reader, node, path) {
            if zone.is_wildcard() {
                let message = "'*' is not allowed in a zone's name: a zone means everything below it";
                reader.problem(path, node.at, message);
            } else {
                zones.push(zone);
            }
        }
    });
    zones
}

/// `https://front-end.example.com`, with or without port and path. Who writes a password into it is not shown it again.
fn uri(reader: &mut Reader<'_>, node: &Node<'_>, path: &Path<'_>) -> Option<Uri> {
    let text = reader.text(node, path, "a URL as text")?;
    let uri = text.parse::<Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.query().is_none()
    });
    if uri.is_none() {
        reader.problem(path, node.at, "it is no URL such as https://mci.example.com:8443");
    }
    uri
}
