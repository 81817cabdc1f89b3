//! Examines a cluster, its servers and a zone's delegation; each finding is a line: ok, or what to do.
//!
//! ```text
//!  kube context ──► cluster.rs ──┐ (snapshot: what should be answered)
//!  http servers ──► servers.rs ──┤──► answers.rs ◄── dns and grpc servers
//!  resolvers, ZONE ──► zone.rs ──┴──► findings
//! ```
//!
//! Nothing is changed, and what cannot be looked at is told apart from what is wrong.

mod answers;
mod cluster;
mod servers;
mod zone;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};
use mci_core::Snapshot;
use serde::Serialize;

use crate::kube_facts::KubeOptions;
use crate::source::Server;

/// What is examined.
#[derive(Debug)]
pub(crate) struct Examination {
    /// The cluster, unless none is to be asked.
    pub(crate) kube: Option<KubeOptions>,
    pub(crate) servers: Vec<Server>,
    /// In lower case, without the final dot.
    pub(crate) zone: Option<String>,
    pub(crate) resolvers: Vec<SocketAddr>,
    /// Where name servers listen.
    pub(crate) port: u16,
}

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Ok,
    Fail,
    /// It could not be looked at.
    Unknown,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// How it is.
    pub(crate) what: String,
    /// What to do about it.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

impl Finding {
    pub(crate) fn ok(what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, what: what.into(), fix: None }
    }

    pub(crate) fn fail(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, what: what.into(), fix: Some(fix.into()) }
    }

    pub(crate) fn unknown(what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, what: what.into(), fix: None }
    }
}

impl Finding {
    pub(crate) fn is_failure(&self) -> bool {
        self.verdict == Verdict::Fail
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Ok => "ok    ",
            Verdict::Fail => "FAIL  ",
            Verdict::Unknown => "-     ",
        };
        write!(f, "{mark}{}", self.what)?;
        match &self.fix {
            Some(fix) => write!(f, ": {fix}"),
            None => Ok(()),
        }
    }
}

/// Examines everything, in the order in which one would look.
pub(crate) async fn examine(examination: &Examination) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known: Option<Snapshot> = None;
    match &examination.kube {
        Some(kube) => known = cluster::examine(kube, is_alone(examination), &mut findings).await,
        None => findings.push(Finding::unknown("no cluster is asked (--no-cluster)")),
    }
    // What a server holds is nearer to what it answers than what the cluster holds, and has the zones.
    if let Some(held) = servers::examine(&examination.servers, &mut findings).await {
        known = Some(held);
    }
    answers::examine(examination, known.as_ref(), &mut findings).await;
    if let Some(zone) = &examination.zone {
        zone::examine(examination, zone, known.as_ref(), &mut findings).await;
    }
    findings
}

/// Whether there is nothing to look at but the cluster.
fn is_alone(examination: &Examination) -> bool {
    examination.servers.is_empty() && examination.zone.is_none()
}

/// The resolvers of this machine.
pub(crate) fn system_resolvers() -> anyhow::Result<Vec<SocketAddr>> {
    const FILE: &str = "/etc/resolv.conf";
    let text = std::fs::read_to_string(FILE).with_context(|| format!("{FILE} cannot be read"))?;
    let found = resolvers_of(&text);
    if found.is_empty() {
        bail!("{FILE} names no resolver");
    }
    Ok(found)
}

fn resolvers_of(text: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        let named = words.next() == Some("nameserver");
        let address: IpAddr = words.next().filter(|_| named)?.parse().ok()?;
        Some(SocketAddr::new(address, 53))
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolvers_of_a_machine_are_read_and_all_else_is_passed_over() {
        let text = "# nameserver 192.0.2.1\nsearch example.com\nnameserver 192.0.2.2\nnameserver ::1 # here\nnameserver x\n";
        let expected: Vec<SocketAddr> = ["192.0.2.2:53", "[::1]:53"].map(|text| text.parse().unwrap()).into();
        assert_eq!(resolvers_of(text), expected);
    }

    #[test]
    fn a_finding_is_one_line() {
        assert_eq!(Finding::fail("it is broken", "mend it").to_string(), "FAIL  it is broken: mend it");
        assert_eq!(Finding::ok("it is whole").to_string(), "ok    it is whole");
        assert_eq!(Finding::unknown("not seen").to_string(), "-     not seen");
    }
}
