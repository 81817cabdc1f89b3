//! What is configured of a peer that is told.

use std::path::PathBuf;

use http::Uri;
use mci_core::ClusterId;
use mci_grpc::peer::{ApiKey, PeerTarget, client_tls};
use mci_http::peer::PeerClient;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Config, Peer, Protocol};

/// What is configured of a peer that is told. It is equal to another where the same would be done.
#[derive(Clone, Debug)]
pub(crate) struct PeerSettings {
    pub(crate) identifier: ClusterId,
    pub(super) url: Uri,
    pub(super) grpc_url: Option<Uri>,
    pub(super) key: Option<SecretString>,
    pub(crate) protocol: Protocol,
    pub(super) insecure: bool,
    pub(super) ca: Option<PathBuf>,
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

impl PeerSettings {
    /// Those of every peer.
    pub(crate) fn of(config: &Config) -> Vec<Self> {
        config.peers.iter().map(Self::of_peer).collect()
    }

    fn of_peer(peer: &Peer) -> Self {
        let Peer {
            identifier,
            url,
            grpc_url,
            key,
            protocol,
            // What it may publish is of no concern to who tells it.
            allowed_zones: _,
            max_priority: _,
            insecure,
            ca,
            identity,
        } = peer.clone();
        Self { identifier, url, grpc_url, key, protocol, insecure, ca, identity }
    }

    /// How the stream reaches it. An error says what is wrong with the configuration.
    pub(super) fn target(&self) -> Result<PeerTarget, String> {
        let key =
            self.key.as_ref().ok_or("no key is configured for it (`key` or `keyFile`): it is not told")?;
        let key: ApiKey = key.expose_secret().parse().map_err(|error| format!("its key: {error}"))?;
        let mut target = PeerTarget::new(self.grpc_url.clone().unwrap_or_else(|| self.url.clone()), key);
        target.insecure = self.insecure;
        target.ca.clone_from(&self.ca);
        target.identity.clone_from(&self.identity);
        Ok(target)
    }

    /// How it is asked by REST. An error says what is wrong with the configuration.
    pub(crate) fn rest_client(&self) -> Result<PeerClient, String> {
        let target = self.target()?;
        let tls = match self.url.scheme_str() {
            Some("https") => Some(client_tls(&target).map_err(|error| error.to_string())?),
            _ => None,
        };
        let key = self.key.as_ref().map(ExposeSecret::expose_secret);
        PeerClient::new(&self.url, key, tls).map_err(|error| error.to_string())
    }
}

impl PartialEq for PeerSettings {
    fn eq(&self, other: &Self) -> bool {
        let Self { identifier, url, grpc_url, key, protocol, insecure, ca, identity } = self;
        let text = |key: &Option<SecretString>| key.as_ref().map(|key| key.expose_secret().to_owned());
        *identifier == other.identifier
            && *url == other.url
            && *grpc_url == other.grpc_url
            && text(key) == text(&other.key)
            && *protocol == other.protocol
            && *insecure == other.insecure
            && *ca == other.ca
            && *identity == other.identity
    }
}
