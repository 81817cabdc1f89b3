//! Why an answer is what it is, as data (R13).

use core::fmt;
use core::net::IpAddr;

use crate::cluster::{ClusterState, OverrideState};
use crate::contest::{Class, Contest, Tier, has_family};
use crate::decide::Place;
use crate::entry::{IpFamily, Record};
use crate::hostname::{Hostname, presentation};
use crate::hostname_state::{AnswerMode, WhenAllDown};
use crate::outcome::Query;
use crate::possible::Possible;
use crate::record_type::RecordType;
use crate::share::Share;
use crate::snapshot::Snapshot;

/// Why a query is answered as it is: the same decision as [`Snapshot::resolve`] takes, as data (R13).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Explanation {
    /// The name that was asked about.
    pub name: String,
    /// The type that was asked about, `A` where none was named.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub record_type: String,
    /// The zone that answers.
    pub zone: Option<String>,
    /// The wildcard that covers the name, where one does (R2).
    pub wildcard: Option<String>,
    /// What may be answered.
    pub answer: Possible,
    /// What that follows from, in a sentence that names the rule.
    pub because: String,
    /// How much of an answer is given (R8).
    pub answer_mode: Option<AnswerMode>,
    /// What answers when nothing else does (R11).
    pub when_all_down: Option<WhenAllDown>,
    /// Every endpoint, taken or not, by cluster identifier.
    pub endpoints: Vec<ExplainedEndpoint>,
    /// What is allowed and unwise.
    pub warnings: Vec<Warning>,
}

/// One endpoint, and the rule that took or dropped it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct ExplainedEndpoint {
    /// The cluster's identifier.
    pub cluster: String,
    /// What liveness says of the cluster.
    pub state: ClusterState,
    /// An operator's override of the cluster, or of this hostname at it; the stronger of both.
    #[cfg_attr(feature = "serde", serde(rename = "override"))]
    pub held_back: Option<OverrideState>,
    /// Whether it is ready.
    pub ready: bool,
    /// Its priority: higher wins.
    pub priority: i64,
    /// Its weight.
    pub weight: u32,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its target names.
    pub targets: Vec<String>,
    /// Whether it may answer.
    pub taken: bool,
    /// Its part of the answers to the type that was asked about.
    pub share: Share,
    /// Its part of the answers to A.
    pub share_a: Share,
    /// Its part of the answers to AAAA.
    pub share_aaaa: Share,
    /// The rule that decided.
    pub rule: &'static str,
    /// What the rule found.
    pub because: String,
}

/// A condition that is allowed and unwise; the names are those of the GSLB status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Warning {
    /// `FamilyMismatch`, `MixedTargets`, `NamesIgnored`, `CnameAtApex` or `PolicyMismatch`.
    pub condition: &'static str,
    /// What it means here.
    pub message: String,
}

impl Snapshot {
    /// Why the query is answered as it is (R13).
    pub fn explain(&self, query: &Query) -> Explanation {
        let located = self.locate(query.name.wire(), query.record_type);
        let zone = located.zone.and_then(|zone| self.zone_at(zone));
        let mut explanation = Explanation {
            name: query.name.to_string(),
            record_type: query.record_type.to_string(),
            zone: zone.map(|zone| zone.name.to_string()),
            wildcard: None,
            answer: self.possible(query),
            because: String::new(),
            answer_mode: None,
            when_all_down: None,
            endpoints: Vec::new(),
            warnings: Vec::new(),
        };
        explanation.because = match &located.place {
            Place::Hostname(contest) => {
                if located.by_wildcard {
                    explanation.wildcard = Some(presentation(contest.entry.name()));
                }
                explanation.answer_mode = Some(contest.answer_mode());
                explanation.when_all_down = Some(contest.when_all_down());
                let asked = Asked::new(contest, query.record_type);
                explanation.endpoints =
                    contest.entry.records().map(|r| self.explain_endpoint(&asked, r)).collect();
                explanation.warnings = self.warnings(contest);
                asked.because(&explanation.answer)
            }
            _ if located.at_apex && matches!(query.record_type, RecordType::SOA | RecordType::NS) => {
                "the zone's own records (D7, D8)".to_owned()
            }
            Place::Static(_, node) if node.name_server.is_some() => {
                "the name is a name server's (D8)".to_owned()
            }
            Place::Static(_, node) if node.records.is_empty() => "an empty non-terminal (D5)".to_owned(),
            Place::Static(..) => "static records of the zone (D34)".to_owned(),
            Place::Acme(target) => format!("acmeDelegation: an alias of {} (D34)", presentation(target)),
            Place::Delegated(..) => "delegated to other name servers (D34)".to_owned(),
            Place::Empty if located.at_apex => "the zone's apex, which is no hostname (D5)".to_owned(),
            Place::Empty => "there are hostnames below it, and none at it (D5)".to_owned(),
            Place::Missing => "the zone has no such name, and no wildcard covers it (R2, D4)".to_owned(),
            Place::Outside => "it lies outside all zones and is not held (D11)".to_owned(),
        };
        explanation
    }

    /// Why a hostname is answered as it is: for A, or for AAAA where only that is answered; each endpoint's share of the
    /// other is there too.
    pub fn explain_name(&self, hostname: &Hostname) -> Explanation {
        let query = |record_type| Query::new(hostname.clone(), record_type);
        let only_v6 = !self.possible(&query(RecordType::A)).is_answered()
            && self.possible(&query(RecordType::AAAA)).is_answered();
        self.explain(&query(if only_v6 { RecordType::AAAA } else { RecordType::A }))
    }

    fn explain_endpoint(&self, asked: &Asked<'_>, record: Record<'_>) -> ExplainedEndpoint {
        let contest = asked.contest;
        let status = self.clusters.status(record.cluster()).cloned().unwrap_or_default();
        let of_hostname = self.overrides.state(contest.entry.name(), record.cluster());
        let held_back = status.held_back.as_ref().map(|held_back| held_back.state).max(of_hostname);
        let (rule, because) = asked.verdict(record, status.state, held_back);
        let share = asked.share(record);
        let runs = [IpFamily::V4, IpFamily::V6].map(|family| record.run(family));
        ExplainedEndpoint {
            cluster: self.clusters.id(record.cluster()).map(ToString::to_string).unwrap_or_default(),
            state: status.state,
            held_back,
            ready: record.is_ready(),
            priority: record.priority(),
            weight: record.weight(),
            addresses: runs.into_iter().flat_map(|run| contest.entry.addresses(run)).collect(),
            targets: contest.entry.targets(record).map(presentation).collect(),
            taken: share > Share::NONE,
            share,
            share_a: Asked::new(contest, RecordType::A).share(record),
            share_aaaa: Asked::new(contest, RecordType::AAAA).share(record),
            rule,
            because,
        }
    }

    /// What is allowed and unwise at one hostname (R5, R9, R10).
    fn warnings(&self, contest: &Contest<'_>) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut warn = |condition, message: String| warnings.push(Warning { condition, message });
        let id = |record: Record<'_>| {
            self.clusters.id(record.cluster()).map(ToString::to_string).unwrap_or_default()
        };
        let live = || contest.entry.records().filter(|record| !contest.standing(*record).gone);
        for record in live() {
            if record.has_addresses() && record.target_count() != 0 {
                warn(
                    "NamesIgnored",
                    format!("{}: has addresses, so its target names are not used (R9)", id(record)),
                );
            }
            if contest.at_apex && record.is_target() {
                warn("CnameAtApex", format!("{}: a CNAME is illegal at a zone's apex (R9)", id(record)));
            }
        }
        if let Some(tier) = contest.tier(|_| true) {
            let members = || contest.members(tier);
            let targets = members().filter(|record| record.is_target()).count();
            let total = members().count();
            if targets != 0 && targets != total {
                let message =
                    "addresses and target names in one tier: behind a cache their shares are not exact (R9)";
                warn("MixedTargets", message.to_owned());
            }
            for family in [IpFamily::V4, IpFamily::V6] {
                let having = members().filter(|record| has_family(*record, family)).count();
                let anywhere = live().any(|record| has_family(record, family));
                if having < total && (having != 0 || anywhere) {
                    let lacking = members().filter(|record| !has_family(*record, family)).map(id);
                    let name = if family == IpFamily::V4 { "IPv4" } else { "IPv6" };
                    let message = format!("no {name} at {} (R5, R7)", lacking.collect::<Vec<_>>().join(", "));
                    warn("FamilyMismatch", message);
                }
            }
        }
        let mismatch = [
            ("ttl", differ(live().filter_map(Record::ttl))),
            ("answerMode", differ(live().filter_map(Record::answer_mode))),
            ("whenAllDown", differ(live().filter_map(Record::when_all_down))),
        ];
        for (key, _) in mismatch.into_iter().filter(|(_, differs)| *differs) {
            warn("PolicyMismatch", format!("clusters publish different values of {key} (R10)"));
        }
        warnings
    }
}

/// Whether there are two values that are not the same.
fn differ<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
    let first = values.next();
    values.any(|value| first.as_ref() != Some(&value))
}

/// A contest, and what was asked of it.
struct Asked<'a> {
    contest: &'a Contest<'a>,
    family: Option<IpFamily>,
    tier: Option<Tier>,
    only_targets: bool,
}

impl<'a> Asked<'a> {
    fn new(contest: &'a Contest<'a>, record_type: RecordType) -> Self {
        let family = match record_type {
            RecordType::A => Some(IpFamily::V4),
            RecordType::AAAA => Some(IpFamily::V6),
            _ => None,
        };
        let tier = contest.tier(|record| family.is_none_or(|family| has_family(record, family)));
        let only_targets = tier.is_some_and(|tier| contest.members(tier).all(Record::is_target));
        Self { contest, family, tier, only_targets }
    }

    fn takes_part(&self, record: Record<'_>) -> bool {
        match self.family {
            Some(family) => has_family(record, family),
            None => self.only_targets,
        }
    }

    fn share(&self, record: Record<'_>) -> Share {
        match &self.tier {
            Some(tier) if self.contest.is_member(tier, record) && self.takes_part(record) => {
                Share::new(tier.weight(record).into(), tier.sum)
            }
            _ => Share::NONE,
        }
    }

    fn because(&self, answer: &Possible) -> String {
        let Some(tier) = self.tier else {
            return if answer.fallback {
                "nothing is eligible: whenAllDown is static (R11)".to_owned()
            } else {
                "no endpoint may answer (R11)".to_owned()
            };
        };
        let who = match tier.class {
            Class::Eligible => "the highest priority with an eligible endpoint answers (R4)",
            Class::Drained => "only drained endpoints are left: the highest priority, equally (R6)",
            Class::LastResort | Class::LastResortDrained => {
                "nothing is eligible: ready endpoints of stale or overridden clusters answer (R11)"
            }
            Class::Any | Class::AnyDrained => "nothing is ready anywhere: whenAllDown is any (R11)",
        };
        let nothing =
            if answer.is_answered() { "" } else { "; nobody there has what was asked for (R7, R9)" };
        format!("{who}: priority {}{nothing}", tier.priority)
    }

    fn verdict(
        &self,
        record: Record<'_>,
        state: ClusterState,
        held_back: Option<OverrideState>,
    ) -> (&'static str, String) {
        let Some(class) = self.contest.class(record) else {
            return if state == ClusterState::Gone {
                ("R3", "its cluster is gone".to_owned())
            } else if record.target_count() != 0 {
                ("R9", "a CNAME is illegal at a zone's apex".to_owned())
            } else {
                ("R14", "it has no address and no target name".to_owned())
            };
        };
        let best = self.tier;
        if best.is_none_or(|best| class > best.class) {
            let level = |class: Class| class as u8 / 2;
            if best.is_some_and(|best| level(best.class) == level(class)) {
                return match held_back {
                    Some(OverrideState::Drained) => ("R24", "overridden drained".to_owned()),
                    _ => ("R6", "weight 0: drained".to_owned()),
                };
            }
            return match (record.is_ready(), state, held_back) {
                (false, ..) => ("R3", "not ready".to_owned()),
                (true, _, Some(OverrideState::Down)) => ("R24", "overridden down".to_owned()),
                (true, ..) => ("R20", format!("its cluster is {state}")),
            };
        }
        let Some(best) = best else { return ("R3", "not eligible".to_owned()) };
        if record.priority() < best.priority {
            return ("R4", format!("priority {} is below {}", record.priority(), best.priority));
        }
        if !self.takes_part(record) {
            return match self.family {
                Some(IpFamily::V4) => ("R7", "has no IPv4 address".to_owned()),
                Some(IpFamily::V6) => ("R7", "has no IPv6 address".to_owned()),
                None => ("R9", "only A and AAAA are answered with addresses".to_owned()),
            };
        }
        if class.is_stale() {
            ("R11", "serves although it is stale or overridden: nothing else is left".to_owned())
        } else if class.is_drained() {
            ("R6", "drained, and nothing else is left: shared equally".to_owned())
        } else {
            ("R5", format!("weight {} of {}", record.weight(), best.sum))
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.name, self.record_type, self.answer)?;
        if let Some(ttl) = self.answer.ttl {
            write!(f, ", ttl {ttl}")?;
        }
        writeln!(f)?;
        writeln!(f, "  because {}", self.because)?;
        match (&self.zone, &self.wildcard) {
            (Some(zone), Some(wildcard)) => writeln!(f, "  zone {zone}, by the wildcard {wildcard}")?,
            (Some(zone), None) => writeln!(f, "  zone {zone}")?,
            (None, Some(wildcard)) => writeln!(f, "  outside every zone, by the wildcard {wildcard}")?,
            (None, None) => {}
        }
        let width = self.endpoints.iter().map(|endpoint| endpoint.cluster.len()).max().unwrap_or(0);
        for endpoint in &self.endpoints {
            let mark = if endpoint.taken { '+' } else { '-' };
            let share = if endpoint.taken { endpoint.share.to_string() } else { String::from("–") };
            let mut offers: Vec<String> = endpoint.addresses.iter().map(ToString::to_string).collect();
            offers.extend(endpoint.targets.iter().cloned());
            writeln!(
                f,
                "  {mark} {:width$}  {share:>6}  {}: {}  [{}]",
                endpoint.cluster,
                endpoint.rule,
                endpoint.because,
                offers.join(", ")
            )?;
        }
        for warning in &self.warnings {
            writeln!(f, "  ! {}: {}", warning.condition, warning.message)?;
        }
        Ok(())
    }
}
