//! New keys and salts, and what both sides have to be told of a key.
//!
//! ```text
//!   key: 256 random bits, as text ──► the calling side's `peers[].key`
//!    └─ SHA-512(salt ‖ key), base64 ──► the called side's `apiKeys[].key`
//! ```
//!
//! The answer has the fields of the .NET application, with lines of its configuration, and those of MCI's beside them. Nothing
//! of what is in use is in it: neither the own salt, nor a key, nor a key's stored form. The stored form of a new key is
//! computed with the own salt, so it is for callers with a key.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Scheme;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use mci_core::ClusterId;
use mci_core::peer::KeyRing;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::Serialize;

use crate::api::problem::Problem;

/// What a new salt has: as many octets as the hash that it goes into.
const SALT_OCTETS: usize = 64;
/// What a new key has.
const KEY_OCTETS: usize = 32;

#[derive(Serialize)]
pub(super) struct NewSalt {
    /// A line of configuration.
    salt: String,
}

/// For `GET /Authentication/Salt`.
pub(super) fn new_salt() -> Result<NewSalt, Problem> {
    let octets: [u8; SALT_OCTETS] = random()?;
    Ok(NewSalt { salt: format!("ClusterSalt: {}", BASE64_STANDARD.encode(octets)) })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewKey {
    local_auth_model: Local,
    remote_auth_model: Remote,
    /// For this cluster's configuration.
    local: OwnSide,
    /// For that of the cluster that is to call.
    remote: OtherSide,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Local {
    config_map: Identifier,
    secret: Hash,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Remote {
    config_map: Place,
    secret: Key,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identifier {
    cluster_identifier: String,
}

#[derive(Serialize)]
struct Hash {
    hash: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    cluster_identifier: String,
    url: String,
}

#[derive(Serialize)]
struct Key {
    key: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OwnSide {
    api_keys: [ApiKey; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ApiKey {
    cluster_identifier: String,
    key: String,
}

#[derive(Serialize)]
struct OtherSide {
    peers: [Peer; 1],
}

#[derive(Serialize)]
struct Peer {
    identifier: String,
    url: String,
    key: String,
}

/// For `GET /Authentication/Auth?identifier=X`.
pub(super) fn new_key(own: &ClusterId, keys: &KeyRing, request: &Request) -> Result<NewKey, Problem> {
    let identifier = identifier(request.uri().query().unwrap_or_default())?;
    if identifier == *own {
        let detail = format!("identifier: {own} is this cluster's own: say which cluster the key is for");
        return Err(Problem::bad_request(detail));
    }
    let key = BASE64_URL_SAFE_NO_PAD.encode(random::<KEY_OCTETS>()?);
    let hash = BASE64_STANDARD.encode(keys.stored(key.as_bytes()));
    let next = keys.clusters().count();
    let scheme = request.uri().scheme().unwrap_or(&Scheme::HTTPS);
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(request.uri().host()).unwrap_or("mci.example.com");
    let url = format!("{scheme}://{host}");
    Ok(NewKey {
        local_auth_model: Local {
            config_map: Identifier {
                cluster_identifier: format!(
                    "Authentication__ApiKeys__{next}__ClusterIdentifier: {identifier}"
                ),
            },
            // Values of a Secret are in base64 once more.
            secret: Hash {
                hash: format!("Authentication__ApiKeys__{next}__Key: {}", BASE64_STANDARD.encode(&hash)),
            },
        },
        remote_auth_model: Remote {
            config_map: Place {
                cluster_identifier: format!("Peers__0__Identifier: {own}"),
                url: format!("Peers__0__Url: {url}"),
            },
            secret: Key { key: format!("Peers__0__Key: {}", BASE64_STANDARD.encode(&key)) },
        },
        local: OwnSide { api_keys: [ApiKey { cluster_identifier: identifier.to_string(), key: hash }] },
        remote: OtherSide { peers: [Peer { identifier: own.to_string(), url, key }] },
    })
}

/// The cluster that a query names.
fn identifier(query: &str) -> Result<ClusterId, Problem> {
    let value = query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.eq_ignore_ascii_case("identifier").then_some(value)
    });
    // An identifier has no character that would have to be escaped.
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        let detail = "identifier: it is missing: ?identifier=NAME says which cluster the key is for";
        return Err(Problem::bad_request(detail.to_owned()));
    };
    value.parse().map_err(|error| Problem::bad_request(format!("identifier: {error}")))
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut octets = [0; N];
    SysRng.try_fill_bytes(&mut octets).map_err(|error| {
        tracing::error!(%error, "This machine gives no random numbers");
        Problem::internal()
    })?;
    Ok(octets)
}
