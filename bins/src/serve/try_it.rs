//! Three questions to try, chosen from what the files hold.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mci_core::{Family, Hostname, Query, RecordType, Snapshot};

/// Only so many hostnames are looked at: there may be a million.
const LOOKED_AT: usize = 1_000;
const QUESTIONS: usize = 3;

/// Names and types that show what the state can do: addresses first, then whatever differs most.
pub(super) fn questions(snapshot: &Snapshot) -> Vec<(String, RecordType)> {
    let mut names: Vec<Hostname> = snapshot.hostnames().take(LOOKED_AT).collect();
    names.sort_by_key(ToString::to_string);
    let plain = || names.iter().filter(|name| !name.is_wildcard());
    let first = |of: &dyn Fn(&Hostname) -> bool| plain().find(|name| of(name)).map(ToString::to_string);
    let possible = |name: &Hostname, record_type| snapshot.possible(&Query::new(name.clone(), record_type));

    let addresses = first(&|name| snapshot.is_answered(name, Family::V4)).map(|name| (name, RecordType::A));
    let shared =
        first(&|name| possible(name, RecordType::A).shares.len() > 1).map(|name| (name, RecordType::A));
    let wildcard = names.iter().find(|name| name.is_wildcard()).map(|name| (instance(name), RecordType::A));
    let ipv6 = first(&|name| snapshot.is_answered(name, Family::V6)).map(|name| (name, RecordType::AAAA));
    let alias =
        first(&|name| !possible(name, RecordType::A).targets.is_empty()).map(|name| (name, RecordType::A));
    let zone = snapshot.zones().iter().next().map(|zone| zone.name.to_string());
    let of_zone = [RecordType::SOA, RecordType::NS].map(|of| zone.clone().map(|zone| (zone, of)));
    let missing = zone.clone().map(|zone| (format!("no-such-name.{zone}"), RecordType::A));

    let candidates = [addresses, shared, wildcard, ipv6, alias].into_iter().chain(of_zone).chain([missing]);
    let mut chosen: Vec<(String, RecordType)> = Vec::new();
    for candidate in candidates.flatten() {
        if chosen.len() < QUESTIONS && !chosen.contains(&candidate) {
            chosen.push(candidate);
        }
    }
    chosen
}

/// A name that a wildcard covers.
fn instance(wildcard: &Hostname) -> String {
    wildcard.to_string().replacen('*', "anything", 1)
}

/// The line for `dig` that asks the server at `address`.
pub(super) fn dig(address: SocketAddr, name: &str, record_type: RecordType) -> String {
    let suffix = if record_type == RecordType::A { String::new() } else { format!(" {record_type}") };
    format!("dig @{} -p {} {name}{suffix}", reachable(address).ip(), address.port())
}

/// The address at which this machine reaches a server that listens at `address`.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use mci_core::state_file::StateFile;

    use super::*;

    fn lines(state: &str) -> Vec<String> {
        let snapshot = StateFile::parse(state).unwrap().into_snapshot();
        let address = "0.0.0.0:5300".parse().unwrap();
        questions(&snapshot).iter().map(|(name, of)| dig(address, name, *of)).collect()
    }

    #[test]
    fn what_mci_init_writes_is_shown_from_three_sides() {
        let expected = [
            "dig @127.0.0.1 -p 5300 app.gslb.example.com",
            "dig @127.0.0.1 -p 5300 shop.gslb.example.com",
            "dig @127.0.0.1 -p 5300 anything.apps.gslb.example.com",
        ];
        assert_eq!(lines(crate::init::STATE), expected);
    }

    #[test]
    fn a_zone_alone_gives_three_lines_too() {
        let zone = "zones: [{name: z.example, nameservers: [ns1.example.net, ns2.example.net], responsibleEmail: a@b.example}]";
        let expected = [
            "dig @127.0.0.1 -p 5300 z.example SOA",
            "dig @127.0.0.1 -p 5300 z.example NS",
            "dig @127.0.0.1 -p 5300 no-such-name.z.example",
        ];
        assert_eq!(lines(zone), expected);
    }
}
