//! Looks at the way to a peer, from the name to what it speaks; each finding is a line: ok, or what to do.
//!
//! ```text
//!  URL ──► name ──► addresses ──► connection ──► TLS, certificate ──► HTTP/2     (path.rs, for url and for grpcUrl)
//!  key ──► GET /api/v1/peer, GET /Host ──► what it speaks, whether it knows us
//! ```
//!
//! It reads and changes nothing there: no heartbeat is sent, nothing is published.

mod certificate;
mod path;

use mci_core::ClusterId;
use mci_grpc::peer::{PeerTarget, client_tls};
use mci_http::peer::{PeerClient, PeerError, Spoken};
use rustls::ClientConfig;
use secrecy::ExposeSecret as _;

use self::path::Http2;
use crate::config::{Peer, Protocol};
use crate::doctor::Finding;

/// Examines the way to a peer, in the order in which one would look.
pub(crate) async fn check(peer: &Peer, own: &ClusterId) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tls = match tls(peer) {
        Ok(tls) => tls,
        Err(problem) => {
            findings.push(Finding::fail(problem, "correct the configuration of this peer"));
            return findings;
        }
    };
    let Some(http2) = path::examine("url", &peer.url, &tls, &mut findings).await else { return findings };
    let http2 = match &peer.grpc_url {
        None => Some(("url", http2)),
        Some(url) => path::examine("grpcUrl", url, &tls, &mut findings).await.map(|http2| ("grpcUrl", http2)),
    };
    if peer.key.is_none() {
        let make = format!("at {}: mci auth key --cluster {own}", peer.identifier);
        findings.push(Finding::fail("no key is configured for this peer", make));
        return findings;
    }
    let spoken = speaks(peer, tls, &mut findings).await;
    if let (Some(spoken), Some((key, http2))) = (&spoken, http2) {
        findings.push(fits(peer, spoken, key, &http2));
    }
    findings
}

/// Whom to trust there, and as whom to come: the same as whoever tells it.
fn tls(peer: &Peer) -> Result<ClientConfig, String> {
    // Whatever the key is, TLS does not depend on it.
    let key = "none".parse().expect("printable ASCII is a key");
    let mut target = PeerTarget::new(peer.url.clone(), key);
    target.ca.clone_from(&peer.ca);
    target.identity.clone_from(&peer.identity);
    client_tls(&target).map_err(|error| error.to_string())
}

/// What it speaks, and whether it knows our key.
async fn speaks(peer: &Peer, tls: ClientConfig, findings: &mut Vec<Finding>) -> Option<Spoken> {
    let key = peer.key.as_ref().map(|key| key.expose_secret());
    let client = match PeerClient::new(&peer.url, key, Some(tls)) {
        Ok(client) => client,
        Err(error) => {
            findings.push(Finding::fail(error.to_string(), "nothing can be asked without"));
            return None;
        }
    };
    let spoken = match client.probe().await {
        Ok(spoken) => spoken,
        Err(error) => {
            findings.push(refused("GET /api/v1/peer", &error));
            return None;
        }
    };
    match &spoken {
        Spoken::Stream { protocol, capabilities, cluster } => {
            findings.push(Finding::ok("our key is accepted"));
            if !cluster.is_empty() && *cluster != peer.identifier.as_str() {
                findings.push(Finding::fail(
                    format!("it calls itself {cluster}, and is {} here", peer.identifier),
                    "correct peers[].identifier, or its url",
                ));
            }
            let can = if capabilities.is_empty() {
                String::new()
            } else {
                format!(" ({})", capabilities.join(", "))
            };
            findings.push(Finding::ok(format!("it speaks the stream, version {protocol}{can}")));
        }
        // It knows no path by which a key could be tried but its list.
        Spoken::Rest => match client.get_host().await {
            Ok(hosts) => {
                let held = match hosts {
                    Some(hosts) => format!("it lists {} hostnames", hosts.hosts.len()),
                    None => "it has no view of its own cluster now".to_owned(),
                };
                findings.push(Finding::ok(format!("our key is accepted, and {held}")));
                findings.push(Finding::ok("it speaks REST alone"));
            }
            Err(error) => {
                findings.push(refused("GET /Host", &error));
                return None;
            }
        },
    }
    Some(spoken)
}

/// Why a call was not answered, and what to do.
fn refused(call: &str, error: &PeerError) -> Finding {
    let fix = match error {
        PeerError::Key(_) => {
            "put the stored form of our key into its apiKeys: `mci auth key` there prints both"
        }
        PeerError::Unreachable(_) | PeerError::Silent(_) => {
            "is its front end running, and is nothing in between?"
        }
        PeerError::Refused { .. } | PeerError::Garbage(_) => "is this URL that of its front end?",
        PeerError::Failed { .. } => "see the log of its front end",
    };
    Finding::fail(format!("{call}: {error}"), fix)
}

/// Whether the way carries what is spoken, and what is spoken is what is configured.
fn fits(peer: &Peer, spoken: &Spoken, key: &str, http2: &Http2) -> Finding {
    match (spoken, peer.protocol, http2) {
        (Spoken::Rest, Protocol::Stream, _) => Finding::fail(
            "the configuration asks for the stream, and the peer does not speak it",
            "say `protocol: rest`, or nothing",
        ),
        (Spoken::Rest, Protocol::Auto | Protocol::Rest, _) => Finding::ok("it is told over REST"),
        (Spoken::Stream { .. }, Protocol::Rest, _) => {
            Finding::ok("it is told over REST, as is configured, though it speaks the stream")
        }
        (Spoken::Stream { .. }, Protocol::Auto | Protocol::Stream, Http2::Passes) => {
            Finding::ok("it is told over the stream")
        }
        (Spoken::Stream { .. }, Protocol::Auto | Protocol::Stream, Http2::Not(why)) => Finding::fail(
            format!("the way does not carry HTTP/2, so the stream cannot be used: {why}"),
            format!(
                "let the proxy at {key} pass HTTP/2, give `grpcUrl` where it does, or say `protocol: rest`"
            ),
        ),
    }
}

#[cfg(test)]
mod tests;
