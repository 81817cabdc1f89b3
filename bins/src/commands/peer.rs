//! `mci peer`: what the way to a peer allows.

use std::process::ExitCode;

use anyhow::anyhow;
use mci_core::state_file::nearest;
use serde_json::json;

use super::doctor::write_findings;
use super::{Out, write_data};
use crate::cli::{PeerCheck, PeerCommand, PeerOf};
use crate::config::{self, Peer};
use crate::doctor::Finding;
use crate::facts::{runtime, wrong};
use crate::peer_check::check;
use crate::progress::during;

/// Does what was asked of a peer.
pub(crate) fn peer(arguments: &PeerOf, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let PeerCommand::Check(arguments) = &arguments.command;
    checked(arguments, out)
}

fn checked(arguments: &PeerCheck, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let config = config::of_peers(arguments.configuration.config.as_deref())
        .map_err(|problems| wrong(&"the configuration", &problems))?;
    let peer = named(&config.peers, &arguments.peer)?;
    let runtime = runtime()?;
    let findings =
        during("Checking", || anyhow::Ok(runtime.block_on(check(peer, &config.cluster_identifier))))?;
    let format = arguments.output.format;
    let failed = findings.iter().any(Finding::is_failure);
    if format.is_data() {
        let peer = peer.identifier.as_str();
        write_data(out, format, &json!({ "peer": peer, "ok": !failed, "findings": findings }))?;
    } else {
        write_findings(out, &findings)?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The peer of that name; the nearest is named where there is none.
fn named<'a>(peers: &'a [Peer], name: &str) -> anyhow::Result<&'a Peer> {
    let names = || peers.iter().map(|peer| peer.identifier.as_str());
    peers.iter().find(|peer| peer.identifier.as_str() == name).ok_or_else(|| {
        let hint = match nearest(name, names()) {
            Some(near) => format!("did you mean {near}?"),
            None if peers.is_empty() => {
                "it has none at all (--config FILE, or MCI_CONFIG, says which one)".to_owned()
            }
            None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        };
        anyhow!("the configuration has no peer {name}; {hint}")
    })
}
