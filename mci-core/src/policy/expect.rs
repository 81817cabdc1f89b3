//! What a test expects of everything that may be answered.

use core::fmt;
use core::net::IpAddr;
use std::collections::BTreeSet;

use crate::cluster::ClusterId;
use crate::hostname::Hostname;
use crate::policy::share::{ExpectedShare, Percent};
use crate::possible::Possible;
use crate::record_type::Rcode;

/// What a test expects; what is absent may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expectation {
    pub(crate) kind: Option<Kind>,
    pub(crate) rcode: Option<Rcode>,
    /// Exactly those with a share above 0.
    pub(crate) clusters: Option<BTreeSet<ClusterId>>,
    /// Exactly their addresses, and their target names where any is named.
    pub(crate) addresses: Option<Answers>,
    pub(crate) targets: Option<BTreeSet<Hostname>>,
    pub(crate) includes: Option<Part>,
    pub(crate) excludes: Option<Part>,
    pub(crate) ttl: Option<u32>,
    pub(crate) stale: Option<bool>,
    pub(crate) shares: Option<Vec<(ClusterId, ExpectedShare)>>,
    pub(crate) tolerance: Option<Percent>,
}

/// The short forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There is an answer from what is alive, or from `fallback`.
    Answered,
    /// The name exists and has nothing of this type.
    NoData,
    NxDomain,
    Refused,
}

pub(crate) const KINDS: &[(&str, Kind)] = &[
    ("answered", Kind::Answered),
    ("NODATA", Kind::NoData),
    ("NXDOMAIN", Kind::NxDomain),
    ("REFUSED", Kind::Refused),
];

pub(crate) const RCODES: &[(&str, Rcode)] =
    &[("NOERROR", Rcode::NOERROR), ("NXDOMAIN", Rcode::NXDOMAIN), ("REFUSED", Rcode::REFUSED)];

/// Addresses and target names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) addresses: BTreeSet<IpAddr>,
    pub(crate) targets: BTreeSet<Hostname>,
}

/// A part of what is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) clusters: BTreeSet<ClusterId>,
    pub(crate) answers: Answers,
}

impl Expectation {
    /// Whether it speaks of names that do not exist: then one that does not is no mistake in the test.
    pub(crate) fn is_of_missing_names(&self) -> bool {
        matches!(self.kind, Some(Kind::NxDomain | Kind::Refused))
            || self.rcode.is_some_and(|rcode| rcode != Rcode::NOERROR)
    }

    /// What differs, a line each; nothing where all is as expected.
    pub(crate) fn differences(&self, possible: &Possible) -> Vec<String> {
        let Self {
            kind,
            rcode,
            clusters,
            addresses,
            targets,
            includes,
            excludes,
            ttl,
            stale,
            shares,
            tolerance,
        } = self;
        let mut lines = Vec::new();
        lines.extend(kind.and_then(|kind| kind.difference(possible)));
        if let Some(rcode) = rcode
            && *rcode != possible.rcode
        {
            lines.push(format!("rcode: expected {rcode}, found {}", possible.rcode));
        }
        let drawn = drawn(possible);
        if let Some(expected) = clusters {
            lines.extend(difference("clusters", expected, &drawn));
        }
        if let Some(expected) = addresses {
            lines.extend(difference("addresses", &expected.addresses, &possible.addresses));
            if !expected.targets.is_empty() {
                lines.extend(difference("targets", &expected.targets, &possible.targets));
            }
        }
        if let Some(expected) = targets {
            lines.extend(difference("targets", expected, &possible.targets));
        }
        if let Some(part) = includes {
            let missing = part.list(|cluster| !drawn.contains(cluster), |answers| answers.beside(possible));
            lines.extend(missing.into_iter().map(|name| format!("includes: {name} is not answered")));
        }
        if let Some(part) = excludes {
            let present = part.list(|cluster| drawn.contains(cluster), |answers| answers.among(possible));
            lines.extend(present.into_iter().map(|name| format!("excludes: {name} is answered")));
        }
        if let Some(expected) = ttl
            && possible.ttl != Some(*expected)
        {
            let found = possible.ttl.map_or("no answer".to_owned(), |ttl| ttl.to_string());
            lines.push(format!("ttl: expected {expected}, found {found}"));
        }
        if let Some(expected) = stale
            && *expected != possible.stale
        {
            lines.push(format!("stale: expected {expected}, found {}", possible.stale));
        }
        if let Some(expected) = shares {
            lines.extend(share_differences(expected, *tolerance, possible));
        }
        lines
    }
}

impl Kind {
    fn difference(self, possible: &Possible) -> Option<String> {
        let met = match self {
            Self::Answered if possible.is_answered() && possible.stale => {
                return Some("expected an answer, found only one from what is not alive (R11)".to_owned());
            }
            Self::Answered => possible.is_answered(),
            Self::NoData => possible.rcode == Rcode::NOERROR && !possible.is_answered(),
            Self::NxDomain => possible.rcode == Rcode::NXDOMAIN,
            Self::Refused => possible.rcode == Rcode::REFUSED,
        };
        (!met).then(|| format!("expected {self}, found {possible}"))
    }
}

/// Those with a share above 0.
fn drawn(possible: &Possible) -> BTreeSet<ClusterId> {
    let above_zero = possible.shares.iter().filter(|share| share.share.numerator() > 0);
    above_zero.map(|share| share.cluster.clone()).collect()
}

fn difference<T: Ord + fmt::Display>(
    what: &str,
    expected: &BTreeSet<T>,
    found: &BTreeSet<T>,
) -> Option<String> {
    if expected == found {
        return None;
    }
    let signed = |sign: char, names: Vec<&T>| {
        names.into_iter().map(|name| format!("{sign}{name}")).collect::<Vec<_>>().join(" ")
    };
    let missing = signed('-', expected.difference(found).collect());
    let beside = signed('+', found.difference(expected).collect());
    let parts: Vec<String> = [missing, beside].into_iter().filter(|part| !part.is_empty()).collect();
    Some(format!("{what}: expected {}, found {}  ({})", listed(expected), listed(found), parts.join(" ")))
}

fn listed<T: fmt::Display>(names: &BTreeSet<T>) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn share_differences(
    expected: &[(ClusterId, ExpectedShare)],
    tolerance: Option<Percent>,
    possible: &Possible,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (cluster, wanted) in expected {
        let found = possible.share(cluster);
        if !wanted.is_met_by(found, tolerance) {
            let within = tolerance.map(|tolerance| format!(" ± {tolerance}")).unwrap_or_default();
            lines.push(format!("shares: expected {cluster} {wanted}{within}, found {cluster} {found}"));
        }
    }
    for share in &possible.shares {
        let listed = expected.iter().any(|(cluster, _)| *cluster == share.cluster);
        if !listed && share.share.numerator() > 0 {
            lines.push(format!("shares: {} is not listed, and has {}", share.cluster, share.share));
        }
    }
    lines
}

impl Part {
    /// Its names, as text, of which the two functions say that they count.
    fn list(
        &self,
        cluster: impl Fn(&ClusterId) -> bool,
        answers: impl Fn(&Answers) -> Vec<String>,
    ) -> Vec<String> {
        let clusters = self.clusters.iter().filter(|id| cluster(id)).map(ToString::to_string);
        clusters.chain(answers(&self.answers)).collect()
    }
}

impl Answers {
    /// What of this is not answered.
    fn beside(&self, possible: &Possible) -> Vec<String> {
        let addresses = self.addresses.difference(&possible.addresses).map(ToString::to_string);
        addresses.chain(self.targets.difference(&possible.targets).map(ToString::to_string)).collect()
    }

    /// What of this is answered.
    fn among(&self, possible: &Possible) -> Vec<String> {
        let addresses = self.addresses.intersection(&possible.addresses).map(ToString::to_string);
        addresses.chain(self.targets.intersection(&possible.targets).map(ToString::to_string)).collect()
    }

    fn texts(&self) -> Vec<String> {
        let addresses = self.addresses.iter().map(ToString::to_string);
        addresses.chain(self.targets.iter().map(ToString::to_string)).collect()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered => "an answer",
            Self::NoData => "NODATA",
            Self::NxDomain => "NXDOMAIN",
            Self::Refused => "REFUSED",
        })
    }
}

/// `clusters east; ttl 5`
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.kind.map(|kind| kind.to_string()));
        parts.extend(self.rcode.map(|rcode| format!("rcode {rcode}")));
        parts.extend(self.clusters.as_ref().map(|clusters| format!("clusters {}", listed(clusters))));
        let addresses = |answers: &Answers| match answers.texts() {
            texts if texts.is_empty() => "no addresses".to_owned(),
            texts => format!("addresses {}", texts.join(", ")),
        };
        parts.extend(self.addresses.as_ref().map(addresses));
        parts.extend(self.targets.as_ref().map(|targets| format!("targets {}", listed(targets))));
        let part = |part: &Part| part.list(|_| true, Answers::texts).join(", ");
        parts.extend(self.includes.as_ref().map(|includes| format!("includes {}", part(includes))));
        parts.extend(self.excludes.as_ref().map(|excludes| format!("excludes {}", part(excludes))));
        parts.extend(self.ttl.map(|ttl| format!("ttl {ttl}")));
        parts.extend(self.stale.map(|stale| if stale { "stale" } else { "not stale" }.to_owned()));
        if let Some(shares) = &self.shares {
            let shares: Vec<String> =
                shares.iter().map(|(cluster, share)| format!("{cluster} {share}")).collect();
            let within = self.tolerance.map(|tolerance| format!(" ± {tolerance}")).unwrap_or_default();
            parts.push(format!("shares {}{within}", shares.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}
