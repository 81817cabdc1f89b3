//! One hostname as it is held: a single allocation that the draw walks from front to back.
//!
//! ```text
//!  head (16 octets) │ name, wire form │ n records of 32 octets, by cluster identifier │ data
//!  data: a record's IPv4 addresses, its IPv6 addresses, its target names in wire form, its fallback; the head's fallback
//! ```
//!
//! Everything in here is written by [`pack`] and read by [`Entry`]; nothing else knows the layout.
#![expect(clippy::indexing_slicing, reason = "every offset was written by `pack`, in this file")]

use core::net::IpAddr;
use std::sync::Arc;

use crate::cluster::ClusterId;
use crate::hostname::{Hostname, parent};
use crate::hostname_state::{AnswerMode, Endpoint, HostnameState, Policy, Ttl, WhenAllDown};

const HEAD: usize = 16;
const RECORD: usize = 32;
/// No TTL is set: beyond every legal one.
const NO_TTL: u32 = u32::MAX;

const READY: u8 = 1 << 0;
/// Two bits each: 0 is unset, else the variant's position + 1.
const MODE_SHIFT: u8 = 1;
const DOWN_SHIFT: u8 = 3;
const HAS_FALLBACK: u8 = 1 << 5;
/// In the head alone: some cluster publishes a policy of its own (R10).
const MIXED_POLICY: u8 = 1 << 6;
/// In the head alone: a name without a hostname, kept because there are hostnames below it.
const EMPTY_NON_TERMINAL: u8 = 1 << 7;

/// What does not fit into an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooLarge {
    /// Over 65,535 addresses of one family, or 65,535 endpoints.
    Addresses,
    /// Over 255 target names at one endpoint.
    Targets,
}

/// Packs a hostname; `index` gives each cluster's position.
pub(crate) fn pack(
    state: &HostnameState,
    mut index: impl FnMut(&ClusterId) -> Option<u16>,
) -> Result<Arc<[u8]>, TooLarge> {
    let mut endpoints: Vec<&Endpoint> = state.endpoints.iter().collect();
    endpoints.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    let name = state.hostname.wire();
    let data_start = HEAD + name.len() + endpoints.len() * RECORD;
    let mut records = Vec::with_capacity(endpoints.len() * RECORD);
    let mut data = Vec::new();
    let mut flags = policy_flags(&state.policy);
    for endpoint in &endpoints {
        if endpoint.policy != Policy::default() {
            flags |= MIXED_POLICY;
        }
        let cluster = index(&endpoint.cluster).ok_or(TooLarge::Addresses)?;
        let record = pack_record(endpoint, cluster, data_start, &mut data)?;
        records.extend_from_slice(&record);
    }
    let fallback = u32::try_from(data_start + data.len()).map_err(|_| TooLarge::Addresses)?;
    push_fallback(&state.policy, &mut data)?;

    let mut entry = Vec::with_capacity(data_start + data.len());
    entry.push(u8::try_from(name.len()).expect("a hostname has at most 255 octets"));
    entry.push(flags);
    entry.extend_from_slice(&u16::try_from(endpoints.len()).map_err(|_| TooLarge::Addresses)?.to_le_bytes());
    entry.extend_from_slice(&state.policy.ttl.map_or(NO_TTL, Ttl::seconds).to_le_bytes());
    entry.extend_from_slice(&fallback.to_le_bytes());
    let changed = endpoints.iter().map(|endpoint| endpoint.changed).max().unwrap_or(0);
    entry.extend_from_slice(&changed.to_le_bytes());
    entry.extend_from_slice(name);
    entry.extend_from_slice(&records);
    entry.extend_from_slice(&data);
    Ok(entry.into())
}

/// A name that exists only because there are hostnames below it.
pub(crate) fn empty_non_terminal(name: &[u8]) -> Arc<[u8]> {
    let mut entry = vec![0; HEAD];
    entry[0] = u8::try_from(name.len()).expect("a name has at most 255 octets");
    entry[1] = EMPTY_NON_TERMINAL;
    entry.extend_from_slice(name);
    entry.into()
}

fn pack_record(
    endpoint: &Endpoint,
    cluster: u16,
    data_start: usize,
    data: &mut Vec<u8>,
) -> Result<[u8; RECORD], TooLarge> {
    let offset = u32::try_from(data_start + data.len()).map_err(|_| TooLarge::Addresses)?;
    let [mut v4, mut v6] = [0_usize; 2];
    for address in &endpoint.addresses {
        if let IpAddr::V4(address) = address {
            data.extend_from_slice(&address.octets());
            v4 += 1;
        }
    }
    for address in &endpoint.addresses {
        if let IpAddr::V6(address) = address {
            data.extend_from_slice(&address.octets());
            v6 += 1;
        }
    }
    for target in &endpoint.targets {
        data.extend_from_slice(target.wire());
    }
    push_fallback(&endpoint.policy, data)?;
    let flags = policy_flags(&endpoint.policy) | if endpoint.ready { READY } else { 0 };

    let count = |n: usize| u16::try_from(n).map_err(|_| TooLarge::Addresses);
    let mut record = [0; RECORD];
    record[0..8].copy_from_slice(&endpoint.priority.to_le_bytes());
    record[8..12].copy_from_slice(&endpoint.weight.to_le_bytes());
    record[12..16].copy_from_slice(&offset.to_le_bytes());
    record[16..18].copy_from_slice(&cluster.to_le_bytes());
    record[18..20].copy_from_slice(&count(v4)?.to_le_bytes());
    record[20..22].copy_from_slice(&count(v6)?.to_le_bytes());
    record[22] = u8::try_from(endpoint.targets.len()).map_err(|_| TooLarge::Targets)?;
    record[23] = flags;
    record[24..28].copy_from_slice(&endpoint.policy.ttl.map_or(NO_TTL, Ttl::seconds).to_le_bytes());
    record[28..32].copy_from_slice(&endpoint.changed.to_le_bytes());
    Ok(record)
}

fn policy_flags(policy: &Policy) -> u8 {
    let mode = match policy.answer_mode {
        None => 0,
        Some(AnswerMode::Cluster) => 1,
        Some(AnswerMode::Single) => 2,
        Some(AnswerMode::All) => 3,
    };
    let down = match policy.when_all_down {
        None => 0,
        Some(WhenAllDown::Nodata) => 1,
        Some(WhenAllDown::Any) => 2,
        Some(WhenAllDown::Static) => 3,
    };
    let fallback = if policy.fallback.is_empty() { 0 } else { HAS_FALLBACK };
    mode << MODE_SHIFT | down << DOWN_SHIFT | fallback
}

/// Counts of both families, then IPv4, then IPv6.
fn push_fallback(policy: &Policy, data: &mut Vec<u8>) -> Result<(), TooLarge> {
    if policy.fallback.is_empty() {
        return Ok(());
    }
    let v4 = policy.fallback.iter().filter(|address| address.is_ipv4()).count();
    let v6 = policy.fallback.len() - v4;
    for count in [v4, v6] {
        data.extend_from_slice(&u16::try_from(count).map_err(|_| TooLarge::Addresses)?.to_le_bytes());
    }
    for address in &policy.fallback {
        if let IpAddr::V4(address) = address {
            data.extend_from_slice(&address.octets());
        }
    }
    for address in &policy.fallback {
        if let IpAddr::V6(address) = address {
            data.extend_from_slice(&address.octets());
        }
    }
    Ok(())
}

/// An IP address family (R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IpFamily {
    V4,
    V6,
}

impl IpFamily {
    /// Octets of one address.
    pub(crate) const fn width(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }
}

/// A run of addresses of one family inside an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) offset: u32,
    pub(crate) count: u16,
    pub(crate) family: IpFamily,
}

impl Run {
    /// The offset of each address.
    pub(crate) fn offsets(self) -> impl Iterator<Item = u32> + Clone {
        let width = if matches!(self.family, IpFamily::V4) { 4 } else { 16 };
        (0..u32::from(self.count)).map(move |i| self.offset + i * width)
    }
}

/// A hostname, read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a>(pub(crate) &'a [u8]);

impl<'a> Entry<'a> {
    pub(crate) fn name(self) -> &'a [u8] {
        &self.0[HEAD..HEAD + usize::from(self.0[0])]
    }

    pub(crate) fn is_empty_non_terminal(self) -> bool {
        self.0[1] & EMPTY_NON_TERMINAL != 0
    }

    /// Whether some cluster publishes a policy of its own (R10).
    pub(crate) fn has_mixed_policy(self) -> bool {
        self.0[1] & MIXED_POLICY != 0
    }

    pub(crate) fn ttl(self) -> Option<u32> {
        Some(read_u32(self.0, 4)).filter(|ttl| *ttl != NO_TTL)
    }

    pub(crate) fn answer_mode(self) -> Option<AnswerMode> {
        answer_mode(self.0[1])
    }

    pub(crate) fn when_all_down(self) -> Option<WhenAllDown> {
        when_all_down(self.0[1])
    }

    pub(crate) fn fallback(self, family: IpFamily) -> Option<Run> {
        (self.0[1] & HAS_FALLBACK != 0).then(|| self.fallback_run(read_u32(self.0, 8), family))
    }

    /// The newest change that any of its endpoints reports.
    pub(crate) fn changed(self) -> u32 {
        read_u32(self.0, 12)
    }

    /// The endpoints, by cluster identifier.
    pub(crate) fn records(self) -> impl DoubleEndedIterator<Item = Record<'a>> + ExactSizeIterator + Clone {
        let start = HEAD + usize::from(self.0[0]);
        let count = usize::from(u16::from_le_bytes([self.0[2], self.0[3]]));
        let (records, _) = self.0[start..start + count * RECORD].as_chunks::<RECORD>();
        records.iter().map(Record)
    }

    fn fallback_run(self, at: u32, family: IpFamily) -> Run {
        let start = at as usize;
        let v4 = u16::from_le_bytes([self.0[start], self.0[start + 1]]);
        let v6 = u16::from_le_bytes([self.0[start + 2], self.0[start + 3]]);
        match family {
            IpFamily::V4 => Run { offset: at + 4, count: v4, family },
            IpFamily::V6 => Run { offset: at + 4 + u32::from(v4) * 4, count: v6, family },
        }
    }

    /// What a cluster publishes as the fallback.
    pub(crate) fn record_fallback(self, record: Record<'a>, family: IpFamily) -> Option<Run> {
        (record.0[23] & HAS_FALLBACK != 0).then(|| {
            let mut at = record.run(IpFamily::V6).offset as usize + usize::from(record.v6()) * 16;
            for target in self.targets(record) {
                at += target.len();
            }
            self.fallback_run(u32::try_from(at).expect("an entry's offsets fit u32"), family)
        })
    }

    /// The octets of the address at this offset.
    pub(crate) fn octets(self, offset: u32, family: IpFamily) -> &'a [u8] {
        let at = offset as usize;
        &self.0[at..at + family.width()]
    }

    pub(crate) fn addresses(self, run: Run) -> impl Iterator<Item = IpAddr> + 'a {
        run.offsets().map(move |offset| address(self.octets(offset, run.family)))
    }

    /// The target names of an endpoint, in wire form.
    pub(crate) fn targets(self, record: Record<'a>) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = &self.0[record.run(IpFamily::V6).offset as usize + usize::from(record.v6()) * 16..];
        (0..record.target_count()).map(move |_| {
            let after = core::iter::successors(Some(rest), |name| parent(name)).last().map_or(0, <[u8]>::len);
            // `after` starts at the root's zero octet, which belongs to this name.
            let (name, others) = rest.split_at(rest.len() - after + 1);
            rest = others;
            name
        })
    }

    /// The hostname as it was packed.
    pub(crate) fn unpack(self, cluster: impl Fn(u16) -> ClusterId) -> HostnameState {
        let endpoints = self.records().map(|record| Endpoint {
            cluster: cluster(record.cluster()),
            addresses: [IpFamily::V4, IpFamily::V6]
                .into_iter()
                .flat_map(|family| self.addresses(record.run(family)))
                .collect(),
            targets: self.targets(record).map(Hostname::from_stored).collect(),
            priority: record.priority(),
            weight: record.weight(),
            ready: record.is_ready(),
            policy: Policy {
                ttl: record.ttl().and_then(|ttl| Ttl::new(ttl).ok()),
                answer_mode: record.answer_mode(),
                when_all_down: record.when_all_down(),
                fallback: self.both_families(|family| self.record_fallback(record, family)),
            },
            changed: record.changed(),
        });
        HostnameState {
            hostname: Hostname::from_stored(self.name()),
            policy: Policy {
                ttl: self.ttl().and_then(|ttl| Ttl::new(ttl).ok()),
                answer_mode: self.answer_mode(),
                when_all_down: self.when_all_down(),
                fallback: self.both_families(|family| self.fallback(family)),
            },
            endpoints: endpoints.collect(),
        }
    }

    /// Feeds everything but the clusters' positions to a hasher.
    pub(crate) fn hash_content(self, hasher: &mut impl core::hash::Hasher) {
        let start = HEAD + usize::from(self.0[0]);
        let data = start + self.records().len() * RECORD;
        hasher.write(&self.0[..start]);
        for record in self.records() {
            hasher.write(&record.0[..16]);
            hasher.write(&record.0[18..]);
        }
        hasher.write(&self.0[data..]);
    }

    fn both_families(self, run: impl Fn(IpFamily) -> Option<Run>) -> Vec<IpAddr> {
        [IpFamily::V4, IpFamily::V6].into_iter().filter_map(run).flat_map(|run| self.addresses(run)).collect()
    }
}

/// One endpoint, read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a>(&'a [u8; RECORD]);

impl Record<'_> {
    pub(crate) fn priority(self) -> i64 {
        i64::from_le_bytes(*self.0.first_chunk().expect("a record has 32 octets"))
    }

    pub(crate) fn weight(self) -> u32 {
        read_u32(self.0, 8)
    }

    pub(crate) fn cluster(self) -> u16 {
        u16::from_le_bytes([self.0[16], self.0[17]])
    }

    fn v4(self) -> u16 {
        u16::from_le_bytes([self.0[18], self.0[19]])
    }

    fn v6(self) -> u16 {
        u16::from_le_bytes([self.0[20], self.0[21]])
    }

    /// Its addresses of one family.
    pub(crate) fn run(self, family: IpFamily) -> Run {
        let offset = read_u32(self.0, 12);
        match family {
            IpFamily::V4 => Run { offset, count: self.v4(), family },
            IpFamily::V6 => Run { offset: offset + u32::from(self.v4()) * 4, count: self.v6(), family },
        }
    }

    pub(crate) fn has_addresses(self) -> bool {
        self.v4() != 0 || self.v6() != 0
    }

    pub(crate) fn target_count(self) -> u8 {
        self.0[22]
    }

    /// Whether it answers with a name: it has one, and no address (R9).
    pub(crate) fn is_target(self) -> bool {
        self.target_count() != 0 && !self.has_addresses()
    }

    pub(crate) fn is_ready(self) -> bool {
        self.0[23] & READY != 0
    }

    pub(crate) fn answer_mode(self) -> Option<AnswerMode> {
        answer_mode(self.0[23])
    }

    pub(crate) fn when_all_down(self) -> Option<WhenAllDown> {
        when_all_down(self.0[23])
    }

    pub(crate) fn ttl(self) -> Option<u32> {
        Some(read_u32(self.0, 24)).filter(|ttl| *ttl != NO_TTL)
    }

    fn changed(self) -> u32 {
        read_u32(self.0, 28)
    }
}

const fn answer_mode(flags: u8) -> Option<AnswerMode> {
    match flags >> MODE_SHIFT & 3 {
        1 => Some(AnswerMode::Cluster),
        2 => Some(AnswerMode::Single),
        3 => Some(AnswerMode::All),
        _ => None,
    }
}

const fn when_all_down(flags: u8) -> Option<WhenAllDown> {
    match flags >> DOWN_SHIFT & 3 {
        1 => Some(WhenAllDown::Nodata),
        2 => Some(WhenAllDown::Any),
        3 => Some(WhenAllDown::Static),
        _ => None,
    }
}

fn read_u32(octets: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

/// An address from its 4 or 16 octets.
pub(crate) fn address(octets: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(octets) {
        Ok(v4) => IpAddr::from(v4),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(octets).expect("an address has 4 or 16 octets")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks_to_the_same() {
        let clusters: Vec<ClusterId> = ["east", "north", "west"].map(|id| id.parse().unwrap()).into();
        let policy = Policy {
            ttl: Some(Ttl::new(7).unwrap()),
            answer_mode: Some(AnswerMode::All),
            when_all_down: Some(WhenAllDown::Static),
            fallback: vec!["192.0.2.99".parse().unwrap(), "2001:db8::99".parse().unwrap()],
        };
        let addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|a| a.parse().unwrap());
        let state = HostnameState::new("app.example".parse().unwrap())
            .endpoint(Endpoint::new(clusters[0].clone(), addresses).priority(-3).weight(u32::MAX).changed(9))
            .endpoint(
                Endpoint::new(clusters[1].clone(), [])
                    .targets(["a.example", "lb.b.example"].map(|n| n.parse().unwrap()))
                    .policy(policy.clone()),
            )
            .endpoint(Endpoint::new(clusters[2].clone(), []).ready(false))
            .policy(policy);
        let index =
            |id: &ClusterId| clusters.iter().position(|c| c == id).and_then(|i| u16::try_from(i).ok());
        let packed = pack(&state, index).unwrap();
        assert_eq!(Entry(&packed).unpack(|i| clusters[usize::from(i)].clone()), state);
        assert_eq!(Entry(&packed).changed(), 9);
        assert!(!Entry(&packed).is_empty_non_terminal());
    }
}
