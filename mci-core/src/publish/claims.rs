//! Which GSLB of this cluster has which hostname (R19).

use std::collections::{BTreeMap, BTreeSet};

use crate::hostname::Hostname;
use crate::publish::names::GslbName;

/// A claim on a hostname. The smallest wins: the older, then the smaller name, then the smaller group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim {
    /// `metadata.creationTimestamp`, in Unix seconds.
    pub(crate) created: u64,
    pub(crate) gslb: GslbName,
}

/// All claims.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    by_hostname: BTreeMap<Hostname, BTreeSet<Claim>>,
}

impl Claims {
    /// The claim that has the hostname.
    pub(crate) fn winner(&self, hostname: &Hostname) -> Option<&GslbName> {
        self.by_hostname.get(hostname)?.first().map(|claim| &claim.gslb)
    }

    /// Adds a claim; whether it has the hostname now.
    pub(crate) fn add(&mut self, hostname: &Hostname, claim: &Claim) -> bool {
        let claims = self.by_hostname.entry(hostname.clone()).or_default();
        claims.insert(claim.clone());
        claims.first() == Some(claim)
    }

    /// Takes a claim back; whether it had the hostname.
    pub(crate) fn withdraw(&mut self, hostname: &Hostname, claim: &Claim) -> bool {
        let Some(claims) = self.by_hostname.get_mut(hostname) else { return false };
        let had = claims.first() == Some(claim);
        claims.remove(claim);
        if claims.is_empty() {
            self.by_hostname.remove(hostname);
        }
        had
    }

    /// Everyone who claims a hostname.
    pub(crate) fn claimants(&self, hostname: &Hostname) -> impl Iterator<Item = &GslbName> {
        self.by_hostname.get(hostname).into_iter().flatten().map(|claim| &claim.gslb)
    }
}
