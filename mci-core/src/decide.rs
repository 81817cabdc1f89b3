//! From a name and a type to a [`Decision`]: zones, wildcards, chains (R1, R2, R8, R9, D1 to D12, D25, D34).

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::chance::{Chance, index_below};
use crate::contest::{Contest, Tier, has_family};
use crate::decision::{Answer, Authority, Decision, Soa, SoaOwner, Step, Target};
use crate::entry::{IpFamily, Record};
use crate::hostname::{Hostname, MAX_WIRE, labels, parent, suffixes};
use crate::hostname_state::{AnswerMode, Ttl, WhenAllDown};
use crate::outcome::Addresses;
use crate::record_type::{Rcode, RecordType};
use crate::settings::OutsideZones;
use crate::shuffle::{partial_shuffle, weighted_order};
use crate::snapshot::Snapshot;
use crate::zone::{StaticData, StaticRecord};
use crate::zones::{NO_ZONE, StaticNode, ZoneData};

/// The most CNAMEs that are followed in one answer (R9, D25).
const MAX_CHAIN: usize = 8;
/// The label below which ACME looks for its challenge (RFC 8555 §8.4).
const ACME_LABEL: &[u8] = b"\x0f_acme-challenge";

/// Where a name leads (R2, R2a, D5, D8, D11, D12, D34).
pub(crate) enum Place<'a> {
    /// A hostname, or the wildcard that covers the name.
    Hostname(Contest<'a>),
    /// A name with static records, or the static wildcard that covers the name.
    Static(&'a ZoneData, &'a StaticNode),
    /// `_acme-challenge` of a held name, and where it points (D34).
    Acme(Box<[u8]>),
    /// At or below this delegation.
    Delegated(&'a ZoneData, &'a StaticNode),
    /// A name that exists and holds nothing: an empty non-terminal, or an apex without a hostname.
    Empty,
    /// In a zone, and it does not exist.
    Missing,
    /// In no zone, and not held.
    Outside,
}

/// A place, and the zone that it lies in.
pub(crate) struct Located<'a> {
    pub(crate) zone: Option<u16>,
    pub(crate) place: Place<'a>,
    /// Whether the name is its zone's apex.
    pub(crate) at_apex: bool,
    /// Whether a wildcard covers it.
    pub(crate) by_wildcard: bool,
}

impl Snapshot {
    /// Decides what a query for this name, in folded wire form, is answered with.
    pub(crate) fn decide(
        &self,
        name: &[u8],
        qtype: RecordType,
        chance: &mut (impl Chance + ?Sized),
    ) -> Decision<'_> {
        let located = self.locate(name, qtype);
        let mut decision = Decision {
            rcode: Rcode::NOERROR,
            authoritative: true,
            zone: located.zone,
            cluster: None,
            stale: false,
            chain: None,
            answer: Answer::Nothing,
            authority: Authority::Nothing,
        };
        let mut target = self.decide_at(&located, qtype, &mut decision, chance);
        while let Some((step, follow)) = target {
            let chain = decision.chain.get_or_insert_default();
            if chain.steps.len() == MAX_CHAIN {
                chain.cut = true;
                break;
            }
            let asked = Hostname::from_stored(step.target.wire());
            let seen =
                asked.wire() == name || chain.steps.iter().any(|other| other.target.wire() == asked.wire());
            chain.steps.push(step);
            if !follow {
                break;
            }
            if seen {
                chain.cut = true;
                break;
            }
            let located = self.locate(asked.wire(), qtype);
            target = self.decide_at(&located, qtype, &mut decision, chance);
        }
        decision
    }

    /// Decides for one name; gives the CNAME instead where there is one, and whether it is to be followed.
    fn decide_at<'a>(
        &'a self,
        located: &Located<'a>,
        qtype: RecordType,
        decision: &mut Decision<'a>,
        chance: &mut (impl Chance + ?Sized),
    ) -> Option<(Step<'a>, bool)> {
        if located.at_apex && qtype == RecordType::SOA {
            decision.answer = Answer::Soa(self.soa(located.zone));
            return None;
        }
        if located.at_apex
            && qtype == RecordType::NS
            && let Some(zone) = located.zone.and_then(|zone| self.zones().at(zone))
        {
            decision.answer = Answer::NameServers(zone);
            return None;
        }
        match &located.place {
            Place::Hostname(contest) => {
                return self.decide_hostname(contest, located, qtype, decision, chance);
            }
            Place::Static(data, node) => return self.decide_static(data, node, located, qtype, decision),
            Place::Acme(target) => {
                let ttl =
                    located.zone.and_then(|zone| self.zones().at(zone)).map_or(Ttl::DEFAULT, |zone| zone.ttl);
                let step = Step { target: Target::Made(target.clone()), ttl: ttl.seconds() };
                return Some((step, !matches!(qtype, RecordType::CNAME | RecordType::ANY)));
            }
            Place::Delegated(data, node) => {
                decision.authoritative &= decision.chain.is_some();
                let cut = node.records.iter().filter(|record| matches!(record.data, StaticData::Ns(_)));
                decision.authority = Authority::Referral(&data.zone, cut.collect());
            }
            Place::Empty => self.no_data(located, qtype, decision),
            Place::Missing => {
                decision.rcode = Rcode::NXDOMAIN;
                decision.authority = Authority::Soa(self.soa(located.zone));
            }
            // The end of a chain that leads elsewhere: the CNAMEs alone (D25).
            Place::Outside if decision.chain.is_some() => {}
            Place::Outside => {
                decision.authoritative = false;
                decision.rcode = match self.settings().outside_zones {
                    OutsideZones::Refused | OutsideZones::NotFound => Rcode::REFUSED,
                    OutsideZones::Nxdomain => Rcode::NXDOMAIN,
                };
            }
        }
        None
    }

    /// NODATA (D3), or the HINFO that stands for all types (D9).
    fn no_data<'a>(&'a self, located: &Located<'a>, qtype: RecordType, decision: &mut Decision<'a>) {
        let soa = self.soa(located.zone);
        if qtype == RecordType::ANY {
            decision.answer = Answer::Hinfo(soa.negative_ttl);
        } else {
            decision.authority = Authority::Soa(soa);
        }
    }

    fn decide_hostname<'a>(
        &'a self,
        contest: &Contest<'a>,
        located: &Located<'a>,
        qtype: RecordType,
        decision: &mut Decision<'a>,
        chance: &mut (impl Chance + ?Sized),
    ) -> Option<(Step<'a>, bool)> {
        let family = match qtype {
            RecordType::A => IpFamily::V4,
            RecordType::AAAA => IpFamily::V6,
            _ => {
                let tier =
                    contest.tier(|_| true).filter(|tier| contest.members(*tier).all(Record::is_target));
                let Some(record) = tier.and_then(|tier| contest.draw(&tier, |_| true, chance)) else {
                    self.no_data(located, qtype, decision);
                    return None;
                };
                note_cluster(decision, record.cluster(), tier.is_some_and(|tier| tier.class.is_stale()));
                let step = target_step(contest, record, chance);
                return step.map(|step| (step, !matches!(qtype, RecordType::CNAME | RecordType::ANY)));
            }
        };
        let takes_part = |record: Record<'_>| has_family(record, family);
        let Some(tier) = contest.tier(takes_part) else {
            self.answer_fallback(contest, located, family, decision, chance);
            return None;
        };
        let Some(record) = contest.draw(&tier, takes_part, chance) else {
            self.no_data(located, qtype, decision);
            return None;
        };
        note_cluster(decision, record.cluster(), tier.class.is_stale());
        if record.is_target() {
            return target_step(contest, record, chance).map(|step| (step, true));
        }
        let mut picks: SmallVec<[u32; 8]> = SmallVec::new();
        let mode = contest.answer_mode();
        match mode {
            AnswerMode::Cluster | AnswerMode::Single => {
                picks.extend(record.run(family).offsets());
                let most = if mode == AnswerMode::Single { 1 } else { self.settings().max_addresses };
                partial_shuffle(&mut picks, most, chance);
            }
            AnswerMode::All => self.pick_all(contest, &tier, record, family, &mut picks, chance),
        }
        decision.answer = Answer::Addresses(Addresses {
            snapshot: self,
            entry: contest.entry,
            cluster: Some(record.cluster()),
            family,
            ttl: contest.ttl(),
            stale: tier.class.is_stale(),
            picks,
        });
        None
    }

    /// Every participating cluster's addresses, `first` in front, the others in a weighted shuffle (R8).
    fn pick_all<'a>(
        &self,
        contest: &Contest<'a>,
        tier: &Tier,
        first: Record<'a>,
        family: IpFamily,
        picks: &mut SmallVec<[u32; 8]>,
        chance: &mut (impl Chance + ?Sized),
    ) {
        let others = contest.members(*tier).filter(|record| record.run(family).count != 0);
        let others: Vec<Record<'a>> = others.filter(|record| record.cluster() != first.cluster()).collect();
        let weights: Vec<u64> = others.iter().map(|record| u64::from(tier.weight(*record))).collect();
        let ordered = weighted_order(&weights, chance).into_iter().filter_map(|at| others.get(at).copied());
        let most = self.settings().max_addresses;
        let mut seen = BTreeSet::new();
        for record in core::iter::once(first).chain(ordered) {
            if picks.len() >= most {
                break;
            }
            let mut of_cluster: SmallVec<[u32; 8]> = record.run(family).offsets().collect();
            partial_shuffle(&mut of_cluster, usize::MAX, chance);
            picks.extend(of_cluster.into_iter().filter(|at| seen.insert(contest.entry.octets(*at, family))));
        }
        picks.truncate(most);
    }

    /// Nothing eligible, nothing stale: `whenAllDown` (R11).
    fn answer_fallback<'a>(
        &'a self,
        contest: &Contest<'a>,
        located: &Located<'a>,
        family: IpFamily,
        decision: &mut Decision<'a>,
        chance: &mut (impl Chance + ?Sized),
    ) {
        let run =
            (contest.when_all_down() == WhenAllDown::Static).then(|| contest.fallback(family)).flatten();
        let Some(run) = run else {
            let qtype = if family == IpFamily::V4 { RecordType::A } else { RecordType::AAAA };
            self.no_data(located, qtype, decision);
            return;
        };
        let mut picks: SmallVec<[u32; 8]> = run.offsets().collect();
        let single = contest.answer_mode() == AnswerMode::Single;
        partial_shuffle(&mut picks, if single { 1 } else { self.settings().max_addresses }, chance);
        decision.answer = Answer::Addresses(Addresses {
            snapshot: self,
            entry: contest.entry,
            cluster: None,
            family,
            ttl: contest.ttl(),
            stale: false,
            picks,
        });
    }

    fn decide_static<'a>(
        &'a self,
        data: &'a ZoneData,
        node: &'a StaticNode,
        located: &Located<'a>,
        qtype: RecordType,
        decision: &mut Decision<'a>,
    ) -> Option<(Step<'a>, bool)> {
        let first = node.records.first();
        if let Some(StaticRecord { data: StaticData::Cname(target), ttl, .. }) = first {
            let ttl = ttl.unwrap_or(data.zone.ttl).seconds();
            let step = Step { target: Target::Stored(target.wire()), ttl };
            return Some((step, !matches!(qtype, RecordType::CNAME | RecordType::ANY)));
        }
        if let Some(server) = &node.name_server {
            let v4 = qtype == RecordType::A;
            let asked = matches!(qtype, RecordType::A | RecordType::AAAA);
            let addresses: Vec<_> =
                server.addresses.iter().copied().filter(|a| asked && a.is_ipv4() == v4).collect();
            if !addresses.is_empty() {
                decision.answer = Answer::NameServerAddresses(&data.zone, addresses);
                return None;
            }
        }
        let records: Vec<_> =
            node.records.iter().filter(|record| record.data.record_type() == qtype).collect();
        if records.is_empty() {
            self.no_data(located, qtype, decision);
        } else {
            decision.answer = Answer::Static(&data.zone, records);
        }
        None
    }

    /// Finds what answers a name (R2, R2a).
    pub(crate) fn locate<'a>(&'a self, name: &[u8], qtype: RecordType) -> Located<'a> {
        if let Some(node) = self.names.get(name).filter(|node| node.published) {
            let zone = (node.zone != NO_ZONE).then_some(node.zone);
            let at_apex =
                zone.and_then(|zone| self.zones().at(zone)).is_some_and(|zone| zone.name.wire() == name);
            if !(at_apex && qtype == RecordType::DS) {
                let place = Place::Hostname(self.contest(node, at_apex));
                return Located { zone, place, at_apex, by_wildcard: false };
            }
        }
        let mut zone = self.zones().containing(name);
        let mut at_apex = zone.is_some_and(|zone| self.zones().at_apex(name) == Some(zone));
        if at_apex
            && qtype == RecordType::DS
            && let Some(outer) = parent(name).and_then(|above| self.zones().containing(above))
        {
            // The parent's side of the cut answers for DS (RFC 4035 §3.1.4.1).
            (zone, at_apex) = (Some(outer), false);
        }
        let Some(data) = zone.and_then(|zone| self.zones().data(zone)) else {
            return self.locate_outside(name);
        };
        let (place, by_wildcard) = self.locate_inside(data, name, qtype, at_apex);
        Located { zone, place, at_apex, by_wildcard }
    }

    fn contest<'a>(&'a self, node: &'a crate::names::Node, at_apex: bool) -> Contest<'a> {
        Contest {
            entry: node.entry(),
            clusters: &self.clusters,
            overrides: &self.overrides,
            settings: self.settings(),
            at_apex,
        }
    }

    fn locate_inside<'a>(
        &'a self,
        data: &'a ZoneData,
        name: &[u8],
        qtype: RecordType,
        at_apex: bool,
    ) -> (Place<'a>, bool) {
        if let Some((owner, node)) = data.delegation(name)
            && !(owner.wire() == name && qtype == RecordType::DS)
        {
            return (Place::Delegated(data, node), false);
        }
        if let Some((_, node)) = data.node(name) {
            return (Place::Static(data, node), false);
        }
        if at_apex || self.exists(data, name) {
            return (self.acme(data, name).unwrap_or(Place::Empty), false);
        }
        if let Some(acme) = self.acme(data, name) {
            return (acme, false);
        }
        // The closest encloser decides: the longest ancestor that exists, the apex at the latest (RFC 4592 §3.3.1).
        let apex = data.zone.name.wire();
        let above = suffixes(name).skip(1);
        let encloser =
            above.into_iter().find(|suffix| *suffix == apex || self.exists(data, suffix)).unwrap_or(apex);
        let mut wildcard = [0; MAX_WIRE + 2];
        match wildcard_below(encloser, &mut wildcard) {
            None => (Place::Missing, false),
            Some(wildcard) => {
                if let Some(node) = self.names.get(wildcard).filter(|node| node.published) {
                    (Place::Hostname(self.contest(node, false)), true)
                } else if let Some((_, node)) = data.node(wildcard) {
                    (Place::Static(data, node), true)
                } else {
                    (Place::Missing, false)
                }
            }
        }
    }

    /// Whether the name exists in the zone: held, configured, or above one that is.
    fn exists(&self, data: &ZoneData, name: &[u8]) -> bool {
        self.names.get(name).is_some_and(|node| node.published || node.below > 0) || data.node(name).is_some()
    }

    /// Outside all zones only what is held exists, and what lies above it (D12).
    fn locate_outside<'a>(&'a self, name: &[u8]) -> Located<'a> {
        let outside = |place, by_wildcard| Located { zone: None, place, at_apex: false, by_wildcard };
        let mut encloser = None;
        for (depth, suffix) in suffixes(name).enumerate() {
            let exists = self.names.get(suffix).is_some_and(|node| node.published || node.below > 0);
            match (exists, depth) {
                (true, 0) => return outside(Place::Empty, false),
                (true, _) => {
                    encloser = Some(suffix);
                    break;
                }
                (false, _) => {}
            }
        }
        let mut wildcard = [0; MAX_WIRE + 2];
        let node = encloser
            .and_then(|encloser| wildcard_below(encloser, &mut wildcard))
            .and_then(|wildcard| self.names.get(wildcard))
            .filter(|node| node.published);
        match node {
            Some(node) => outside(Place::Hostname(self.contest(node, false)), true),
            None => outside(Place::Outside, false),
        }
    }

    /// `_acme-challenge.X` where X, or `*.X`, is held and the zone delegates its challenges (D34).
    fn acme<'a>(&'a self, data: &'a ZoneData, name: &[u8]) -> Option<Place<'a>> {
        let delegation = data.zone.acme_delegation.as_ref()?;
        let challenged = name.strip_prefix(ACME_LABEL)?;
        let held = |name: &[u8]| self.names.get(name).is_some_and(|node| node.published);
        let mut wildcard = [0; MAX_WIRE + 2];
        let is_held = held(challenged) || wildcard_below(challenged, &mut wildcard).is_some_and(held);
        let made: Vec<u8> = [challenged.strip_suffix(&[0])?, delegation.wire()].concat();
        (is_held && made.len() <= MAX_WIRE).then(|| Place::Acme(made.into()))
    }

    /// The SOA of a zone, or of a name that is held outside every zone (D7, D12).
    fn soa(&self, zone: Option<u16>) -> Soa<'_> {
        match zone.and_then(|zone| Some((zone, self.zones().data(zone)?))) {
            Some((position, data)) => Soa {
                owner: SoaOwner::Stored(data.zone.name.wire()),
                mname: data.mname.wire(),
                rname: &data.rname,
                serial: self.serial(Some(position)),
                negative_ttl: data.zone.negative_ttl.seconds(),
                ttl: data.zone.ttl.seconds(),
            },
            None => Soa {
                owner: SoaOwner::Asked,
                mname: self.outside_names.mname.wire(),
                rname: &self.outside_names.rname,
                serial: self.serial(None),
                negative_ttl: Ttl::DEFAULT.seconds(),
                ttl: Ttl::DEFAULT.seconds(),
            },
        }
    }
}

fn note_cluster(decision: &mut Decision<'_>, cluster: u16, stale: bool) {
    decision.cluster.get_or_insert(cluster);
    decision.stale |= stale;
}

/// One of the endpoint's target names, each equally likely (R9).
fn target_step<'a>(
    contest: &Contest<'a>,
    record: Record<'a>,
    chance: &mut (impl Chance + ?Sized),
) -> Option<Step<'a>> {
    let drawn = index_below(chance, usize::from(record.target_count()));
    let target = contest.entry.targets(record).nth(drawn)?;
    Some(Step { target: Target::Stored(target), ttl: contest.ttl() })
}

/// `*.` in front of a name, if that still fits.
pub(crate) fn wildcard_below<'b>(name: &[u8], buffer: &'b mut [u8; MAX_WIRE + 2]) -> Option<&'b [u8]> {
    let wildcard = buffer.get_mut(..name.len() + 2)?;
    let (star, rest) = wildcard.split_at_mut(2);
    star.copy_from_slice(b"\x01*");
    rest.copy_from_slice(name);
    Some(wildcard)
        .filter(|wildcard| wildcard.len() <= MAX_WIRE && labels(wildcard).count() < 128)
        .map(|w| &*w)
}
