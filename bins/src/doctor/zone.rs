//! A zone's delegation: from the parent's NS records and glue to every name server's address, over UDP and TCP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use anyhow::anyhow;
use mci_core::{RecordType, Snapshot};

use super::answers::is_below;
use super::{Examination, Finding};
use crate::ask::Client;
use crate::dig::{Line, Question, Reply};
use crate::source::Server;

/// Name servers by name, with the addresses that are told beside them.
type NameServers = BTreeMap<String, BTreeSet<IpAddr>>;

/// Examines the delegation of `zone`.
pub(super) async fn examine(
    examination: &Examination,
    zone: &str,
    known: Option<&Snapshot>,
    findings: &mut Vec<Finding>,
) {
    let Some(resolver) = resolver(examination, zone, findings).await else { return };
    let seen = resolver.names(zone, RecordType::NS).await;
    match &seen {
        Ok(names) if !names.is_empty() => {
            let names: Vec<_> = names.iter().cloned().collect();
            findings.push(Finding::ok(format!("{} finds {zone} at {}", resolver.at, names.join(", "))));
        }
        Ok(_) => findings.push(Finding::fail(
            format!("{} finds no name server of {zone}", resolver.at),
            "add NS records for it in the parent zone, and let them lead to where MCI answers",
        )),
        Err(error) => findings.push(Finding::fail(
            format!("{} does not resolve {zone} ({error:#})", resolver.at),
            "look at the delegation below",
        )),
    }
    let delegation = delegation(&resolver, zone, findings).await;
    // Where the parent tells nothing, what the resolver sees is all there is.
    let servers = delegation.clone().unwrap_or_else(|| {
        seen.unwrap_or_default().into_iter().map(|name| (name, BTreeSet::new())).collect()
    });
    let own = reach(&resolver, zone, &servers, findings).await;
    if let (Some(delegation), Some(own)) = (&delegation, &own) {
        compare(zone, delegation, own, findings);
    }
    if let Some(known) = known {
        cached(&resolver, zone, known, findings).await;
    }
}

/// Who resolves names.
struct Resolver {
    at: SocketAddr,
    port: u16,
}

async fn ask(at: SocketAddr, question: &Question, tcp: bool) -> anyhow::Result<Reply> {
    let server = Server::Dns(at.ip().to_string(), at.port());
    let (reply, _) = Client::connect(&server, tcp).await?.ask(question).await?;
    Ok(reply)
}

impl Resolver {
    async fn resolve(&self, name: &str, of: RecordType) -> anyhow::Result<Vec<Line>> {
        let reply = ask(self.at, &Question::new(name, of)?.recursive(), false).await?;
        let rcode = reply.rcode();
        // NOERROR and NXDOMAIN are answers; anything else is a failure.
        if ![0, 3].contains(&rcode.0) {
            return Err(anyhow!("it answers {rcode}"));
        }
        Ok(reply.answer().into_iter().filter(|line| line.record_type == of).collect())
    }

    async fn names(&self, name: &str, of: RecordType) -> anyhow::Result<BTreeSet<String>> {
        Ok(self.resolve(name, of).await?.into_iter().map(|line| line.data).collect())
    }

    async fn addresses(&self, name: &str) -> BTreeSet<IpAddr> {
        let mut found = BTreeSet::new();
        for of in [RecordType::A, RecordType::AAAA] {
            let lines = self.resolve(name, of).await.unwrap_or_default();
            found.extend(lines.iter().filter_map(|line| line.data.parse::<IpAddr>().ok()));
        }
        found
    }

    fn name_server(&self, address: IpAddr) -> SocketAddr {
        SocketAddr::new(address, self.port)
    }
}

/// The first resolver that answers at all.
async fn resolver(examination: &Examination, zone: &str, findings: &mut Vec<Finding>) -> Option<Resolver> {
    for at in &examination.resolvers {
        let asking = async { ask(*at, &Question::new(zone, RecordType::NS)?.recursive(), false).await };
        match asking.await {
            Ok(_) => return Some(Resolver { at: *at, port: examination.port }),
            Err(error) => findings.push(Finding::fail(
                format!("the resolver {at} does not answer ({error:#})"),
                "name another by --resolver IP",
            )),
        }
    }
    findings.push(Finding::unknown(format!("the delegation of {zone}: no resolver answers")));
    None
}

/// What the parent's name servers say of the zone.
async fn delegation(resolver: &Resolver, zone: &str, findings: &mut Vec<Finding>) -> Option<NameServers> {
    let (parent, servers) = parent(resolver, zone).await?;
    let mut unreached = Vec::new();
    for server in &servers {
        for address in resolver.addresses(server).await {
            let asking = async {
                ask(resolver.name_server(address), &Question::new(zone, RecordType::NS)?, false).await
            };
            match asking.await {
                Ok(reply) => return told(zone, &parent, server, &reply, findings),
                Err(error) => unreached.push(format!("{server} ({error:#})")),
            }
        }
    }
    let unreached =
        if unreached.is_empty() { "their names have no address".to_owned() } else { unreached.join("; ") };
    findings.push(Finding::unknown(format!(
        "the name servers of {parent}, the parent, do not answer: {unreached}"
    )));
    None
}

/// The nearest zone above, and its name servers.
async fn parent(resolver: &Resolver, zone: &str) -> Option<(String, BTreeSet<String>)> {
    let mut above = zone;
    loop {
        above = above.split_once('.').map_or("", |(_, above)| above);
        let name = if above.is_empty() { "." } else { above };
        let names = resolver.names(name, RecordType::NS).await.unwrap_or_default();
        if !names.is_empty() {
            return Some((name.to_owned(), names));
        }
        if above.is_empty() {
            return None;
        }
    }
}

/// Reads the referral, or the answer where the parent holds the zone itself.
fn told(
    zone: &str,
    parent: &str,
    server: &str,
    reply: &Reply,
    findings: &mut Vec<Finding>,
) -> Option<NameServers> {
    let all = [reply.answer(), reply.authority()].concat();
    let is_delegation = |line: &&Line| line.record_type == RecordType::NS && line.owner == zone;
    let mut servers: NameServers =
        all.iter().filter(is_delegation).map(|line| (line.data.clone(), BTreeSet::new())).collect();
    if servers.is_empty() {
        findings.push(Finding::fail(
            format!("{parent} does not delegate {zone} (asked {server}: {})", reply.summary()),
            format!("add NS records for {zone} in {parent}"),
        ));
        return None;
    }
    for line in reply.additional() {
        if let (Some(addresses), Ok(address)) = (servers.get_mut(&line.owner), line.data.parse()) {
            addresses.insert(address);
        }
    }
    let names: Vec<_> = servers.keys().cloned().collect();
    findings.push(Finding::ok(format!("{parent} delegates {zone} to {}", names.join(", "))));
    for (name, glue) in &servers {
        if !is_below(name, zone) {
            continue;
        }
        findings.push(if glue.is_empty() {
            Finding::fail(
                format!("{parent} gives no address of {name}, which is in {zone} itself"),
                format!("add its A and AAAA records (glue) in {parent}: nobody can find it otherwise"),
            )
        } else {
            let glue: Vec<_> = glue.iter().map(ToString::to_string).collect();
            Finding::ok(format!("{parent} gives the address of {name}: {}", glue.join(", ")))
        });
    }
    Some(servers)
}

/// Asks every address of every name server; gives what the first that answers says of the zone.
async fn reach(
    resolver: &Resolver,
    zone: &str,
    servers: &NameServers,
    findings: &mut Vec<Finding>,
) -> Option<NameServers> {
    let mut own = None;
    for (name, glue) in servers {
        let addresses = if glue.is_empty() { resolver.addresses(name).await } else { glue.clone() };
        if addresses.is_empty() {
            findings.push(Finding::fail(
                format!("the name server {name} has no address"),
                "add A or AAAA records for it, or take it out of the NS records",
            ));
        }
        for address in addresses {
            let at = resolver.name_server(address);
            let mut answers = Vec::new();
            for (tcp, way) in [(false, "UDP"), (true, "TCP")] {
                match soa(at, zone, tcp).await {
                    Ok(()) => answers.push(way),
                    Err(Unreached::NoWay) => {
                        let what = format!("{name} at {address} cannot be asked from here: no way there");
                        findings.push(Finding::unknown(what));
                        break;
                    }
                    Err(Unreached::Silent(why)) => findings.push(Finding::fail(
                        format!("{name} at {address} does not answer for {zone} over {way} ({why})"),
                        format!("open port {} for {way}, and let it lead to CoreDNS or MCI", at.port()),
                    )),
                    Err(Unreached::NoAuthority(said)) => findings.push(Finding::fail(
                        format!("{name} at {address} is no authority for {zone} over {way} ({said})"),
                        "serve the zone there: `zones` of the dns-server, and its server block of CoreDNS",
                    )),
                }
            }
            if !answers.is_empty() {
                findings.push(Finding::ok(format!(
                    "{name} at {address} answers for {zone} over {}",
                    answers.join(" and ")
                )));
                if own.is_none() {
                    own = of_zone(at, zone).await;
                }
            }
        }
    }
    own
}

enum Unreached {
    /// Of a family that this machine has no way for.
    NoWay,
    Silent(String),
    NoAuthority(String),
}

async fn soa(at: SocketAddr, zone: &str, tcp: bool) -> Result<(), Unreached> {
    let asking = async { ask(at, &Question::new(zone, RecordType::SOA)?, tcp).await };
    let reply = asking.await.map_err(|error| {
        let of_io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
        match of_io.map(std::io::Error::kind) {
            Some(std::io::ErrorKind::NetworkUnreachable | std::io::ErrorKind::AddrNotAvailable) => {
                Unreached::NoWay
            }
            _ => Unreached::Silent(error.root_cause().to_string()),
        }
    })?;
    let has_soa = reply.answer().iter().any(|line| line.record_type == RecordType::SOA && line.owner == zone);
    if reply.is_authoritative() && has_soa { Ok(()) } else { Err(Unreached::NoAuthority(reply.summary())) }
}

/// The zone's own NS records, with the addresses of the name servers in it.
async fn of_zone(at: SocketAddr, zone: &str) -> Option<NameServers> {
    let reply = ask(at, &Question::new(zone, RecordType::NS).ok()?, false).await.ok()?;
    let mut servers = NameServers::new();
    for line in reply.answer().into_iter().filter(|line| line.record_type == RecordType::NS) {
        let mut addresses = BTreeSet::new();
        for of in [RecordType::A, RecordType::AAAA].into_iter().filter(|_| is_below(&line.data, zone)) {
            let question = Question::new(&line.data, of).ok()?;
            let lines = ask(at, &question, false).await.map(|reply| reply.answer()).unwrap_or_default();
            addresses.extend(lines.iter().filter_map(|line| line.data.parse::<IpAddr>().ok()));
        }
        servers.insert(line.data, addresses);
    }
    Some(servers)
}

/// Whether the parent says what the zone says.
fn compare(zone: &str, parent: &NameServers, own: &NameServers, findings: &mut Vec<Finding>) {
    let names = |servers: &NameServers| servers.keys().cloned().collect::<Vec<_>>().join(", ");
    if parent.keys().eq(own.keys()) {
        findings.push(Finding::ok(format!("the NS records of {zone} are the same at the parent and in it")));
    } else {
        findings.push(Finding::fail(
            format!("the parent delegates {zone} to {}, and it says itself {}", names(parent), names(own)),
            "make both the same: `zones[].nameservers` of the dns-server, or the parent's NS records",
        ));
    }
    for (name, glue) in parent {
        let Some(addresses) = own.get(name).filter(|_| is_below(name, zone) && !glue.is_empty()) else {
            continue;
        };
        if glue != addresses {
            let list =
                |of: &BTreeSet<IpAddr>| of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            findings.push(Finding::fail(
                format!("{name} is at {} by the parent, and at {} by {zone}", list(glue), list(addresses)),
                "make both the same",
            ));
        }
    }
}

/// The TTL that a resolver, which caches, gives.
async fn cached(resolver: &Resolver, zone: &str, known: &Snapshot, findings: &mut Vec<Finding>) {
    let mut hostnames: Vec<_> = known.hostnames().filter(|name| is_below(&name.to_string(), zone)).collect();
    hostnames.sort_by_cached_key(ToString::to_string);
    let answered = hostnames.into_iter().filter(|name| !name.to_string().starts_with('*')).find_map(|name| {
        let possible = known.possible(&mci_core::Query::new(name.clone(), RecordType::A));
        let published = possible.ttl.filter(|_| !possible.addresses.is_empty())?;
        Some((name.to_string(), published))
    });
    let Some((name, published)) = answered else { return };
    findings.push(match resolver.resolve(&name, RecordType::A).await {
        Ok(lines) => match lines.iter().map(|line| line.ttl).max() {
            Some(ttl) if ttl > published => Finding::fail(
                format!("{} gives {name} a TTL of {ttl} s where {published} s is published", resolver.at),
                "a cache on the way makes it longer: failover takes that much longer",
            ),
            Some(ttl) => {
                Finding::ok(format!("{} gives {name} a TTL of {ttl} s of {published} s", resolver.at))
            }
            None => Finding::fail(
                format!("{} finds no address of {name}", resolver.at),
                "compare with `mci resolve` at the server itself",
            ),
        },
        Err(error) => Finding::fail(
            format!("{} does not resolve {name} ({error:#})", resolver.at),
            "compare with `mci resolve` at the server itself",
        ),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn servers(all: &[(&str, &[&str])]) -> NameServers {
        let addresses = |of: &[&str]| of.iter().map(|text| text.parse().unwrap()).collect();
        all.iter().map(|(name, of)| ((*name).to_owned(), addresses(of))).collect()
    }

    fn compared(parent: &NameServers, own: &NameServers) -> Vec<(Verdict, String)> {
        let mut findings = Vec::new();
        compare("z.example", parent, own, &mut findings);
        findings.into_iter().map(|finding| (finding.verdict, finding.what)).collect()
    }

    #[test]
    fn parent_and_zone_are_compared_by_names_and_glue() {
        let parent = servers(&[("ns1.z.example", &["192.0.2.1"]), ("ns2.example.net", &[])]);
        let same =
            (Verdict::Ok, "the NS records of z.example are the same at the parent and in it".to_owned());
        assert_eq!(compared(&parent, &parent), std::slice::from_ref(&same));
        let moved = servers(&[("ns1.z.example", &["192.0.2.9"]), ("ns2.example.net", &[])]);
        let glue = "ns1.z.example is at 192.0.2.1 by the parent, and at 192.0.2.9 by z.example".to_owned();
        assert_eq!(compared(&parent, &moved), [same, (Verdict::Fail, glue)]);
        let other = servers(&[("ns1.z.example", &["192.0.2.1"])]);
        let what = "the parent delegates z.example to ns1.z.example, ns2.example.net, and it says itself ns1.z.example";
        assert_eq!(compared(&parent, &other), [(Verdict::Fail, what.to_owned())]);
    }
}
