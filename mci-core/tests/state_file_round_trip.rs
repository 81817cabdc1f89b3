//! What is written reads back as the same snapshot.
#![cfg(feature = "state-file")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a helper of a test does not expect is a failed test"
)]

use core::net::IpAddr;
use std::sync::Arc;

use mci_core::state_file::{SnapshotFile, StateFile};
use mci_core::{
    AnswerMode, Builder, ClusterId, ClusterState, Endpoint, Hostname, HostnameState, NameServer,
    OutsideZones, Override, OverrideState, Policy, Settings, Snapshot, StaticData, StaticRecord, Ttl,
    WhenAllDown, Zone, Zones,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

/// Texts that a careless writer gets wrong.
fn text() -> impl Strategy<Value = String> {
    let hostile = prop_oneof![
        Just("yes"),
        Just("null"),
        Just("~"),
        Just(""),
        Just(" "),
        Just("- a"),
        Just("a: b"),
        Just("# c"),
        Just("*a"),
        Just("&a"),
        Just("!a"),
        Just("a #b"),
        Just("'"),
        Just("\""),
        Just("%"),
        Just("@"),
        Just("0x1F"),
        Just("1e3"),
        Just(".inf"),
        Just("2030-01-01"),
        Just("a\nb"),
        Just("a\n\n b\n"),
        Just("\t"),
        Just("a\tb"),
        Just("\u{85}"),
        Just("\u{2028}x"),
        Just("\u{feff}"),
        Just("\u{0}"),
        Just("\u{7f}"),
        Just("---"),
        Just("..."),
        Just("? a"),
        Just("|"),
        Just(">"),
        Just("{a: 1}"),
        Just("[1]"),
        Just("a,b"),
        Just("\\n"),
        Just("\r\n"),
        Just("<<"),
        Just("="),
        Just("12:34:56"),
    ];
    prop_oneof![hostile.prop_map(str::to_owned), any::<String>(), "[ -~]{0,120}"]
}

fn cluster() -> impl Strategy<Value = ClusterId> {
    prop_oneof![
        Just("west"),
        Just("east"),
        Just("1"),
        Just("null"),
        Just("no"),
        Just("1e3"),
        Just("0x1f"),
        Just("a.b-c")
    ]
    .prop_map(|name| name.parse().unwrap())
}

fn hostname() -> impl Strategy<Value = Hostname> {
    let below = prop_oneof![Just("gslb.example."), Just("other.test."), Just("example.")];
    ("(\\*\\.)?[a-z0-9_]{1,4}(\\.[0-9a-f]{1,3}){0,2}", below)
        .prop_map(|(name, below)| format!("{name}.{below}").parse().unwrap())
}

fn target() -> impl Strategy<Value = Hostname> {
    "[a-z_]{1,3}\\.[a-z]{2}(\\.example)?".prop_map(|name| name.parse().unwrap())
}

fn ttl() -> impl Strategy<Value = Ttl> {
    (0..=604_800_u32).prop_map(|seconds| Ttl::new(seconds).unwrap())
}

fn held_back() -> impl Strategy<Value = Override> {
    let state = prop_oneof![Just(OverrideState::Drained), Just(OverrideState::Down)];
    let until = prop_oneof![0..10_u64, any::<u64>(), 1_700_000_000..2_000_000_000_u64];
    (state, option::of(text()), option::of(text()), option::of(until)).prop_map(
        |(state, reason, by, until)| Override {
            state,
            reason: reason.map(Arc::from),
            by: by.map(Arc::from),
            until,
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    let mode = prop_oneof![Just(AnswerMode::Cluster), Just(AnswerMode::Single), Just(AnswerMode::All)];
    let down = prop_oneof![Just(WhenAllDown::Nodata), Just(WhenAllDown::Any), Just(WhenAllDown::Static)];
    (option::of(ttl()), option::of(mode), option::of(down), vec(any::<IpAddr>(), 0..3)).prop_map(
        |(ttl, answer_mode, when_all_down, mut fallback)| {
            fallback.sort_unstable();
            fallback.dedup();
            Policy { ttl, answer_mode, when_all_down, fallback }
        },
    )
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let numbers = (any::<i64>(), any::<u32>(), any::<bool>(), 0..1_u32 << 31);
    (cluster(), vec(any::<IpAddr>(), 0..4), vec(target(), 0..3), numbers, policy()).prop_map(
        |(cluster, addresses, targets, (priority, weight, ready, changed), policy)| {
            Endpoint::new(cluster, addresses)
                .targets(targets)
                .priority(priority)
                .weight(weight)
                .ready(ready)
                .changed(changed)
                .policy(policy)
        },
    )
}

fn state() -> impl Strategy<Value = HostnameState> {
    (hostname(), policy(), vec(endpoint(), 0..4)).prop_map(|(hostname, policy, endpoints)| {
        endpoints.into_iter().fold(HostnameState::new(hostname).policy(policy), HostnameState::endpoint)
    })
}

fn data() -> impl Strategy<Value = StaticData> {
    let txt = vec("[^\\u{0}]{0,60}", 1..3);
    prop_oneof![
        any::<IpAddr>().prop_map(StaticData::Address),
        txt.prop_map(|texts| StaticData::Txt(texts.into_iter().map(String::into_bytes).collect())),
        text()
            .prop_filter("255 octets", |text| text.len() < 256)
            .prop_map(|text| StaticData::Txt(vec![text.into_bytes()])),
        (any::<u16>(), option::of(target())).prop_map(|(preference, exchange)| match exchange {
            None => StaticData::Mx { preference: 0, exchange: None },
            exchange => StaticData::Mx { preference, exchange },
        }),
        (any::<u8>(), "[a-z0-9]{1,5}", text()).prop_map(|(flags, tag, value)| StaticData::Caa {
            flags,
            tag,
            value: value.into_bytes()
        }),
    ]
}

fn zone() -> impl Strategy<Value = Zone> {
    let record = ("[a-z]{1,2}", option::of(ttl()), data());
    (vec(record, 0..4), ttl(), ttl(), option::of(target()), "[a-z.]{1,8}").prop_filter_map(
        "what Zones refuses",
        |(records, negative_ttl, ttl, acme_delegation, mailbox)| {
            let name: Hostname = "gslb.example".parse().unwrap();
            let mut records: Vec<StaticRecord> = records
                .into_iter()
                .map(|(owner, ttl, data)| StaticRecord {
                    name: name.child(&format!("static-{owner}")).unwrap(),
                    ttl,
                    data,
                })
                .collect();
            records.dedup();
            let zone = Zone {
                name_servers: vec![
                    NameServer {
                        name: name.child("ns1").unwrap(),
                        addresses: vec!["192.0.2.53".parse().unwrap(), "2001:db8::".parse().unwrap()],
                    },
                    NameServer { name: "ns.example.net".parse().unwrap(), addresses: Vec::new() },
                ],
                responsible_email: format!("{mailbox}@example.com"),
                negative_ttl,
                ttl,
                records,
                acme_delegation,
                name,
            };
            Zones::new(vec![zone.clone()], None).ok().map(|_| zone)
        },
    )
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let settings = (ttl(), policy(), option::of(target()), 1..=2_000_usize).prop_map(
        |(ttl, policy, dns_server_name, max_addresses)| Settings {
            ttl,
            answer_mode: policy.answer_mode.unwrap_or_default(),
            when_all_down: policy.when_all_down.unwrap_or_default(),
            outside_zones: if max_addresses % 2 == 0 {
                OutsideZones::NotFound
            } else {
                OutsideZones::Nxdomain
            },
            dns_server_name,
            max_addresses,
        },
    );
    let cluster_state =
        prop_oneof![Just(ClusterState::Alive), Just(ClusterState::Stale), Just(ClusterState::Gone)];
    let clusters = btree_map(cluster(), (cluster_state, option::of(held_back())), 0..4);
    let overrides = vec((hostname(), cluster(), held_back()), 0..3);
    (settings, option::of(zone()), clusters, vec(state(), 0..5), overrides, any::<bool>()).prop_map(
        |(settings, zone, clusters, states, overrides, on_endpoints)| {
            let zones = Zones::new(zone.into_iter().collect(), settings.dns_server_name.as_ref()).unwrap();
            let mut builder = Builder::new(settings, zones);
            for (cluster, (state, held_back)) in clusters {
                builder.cluster(&cluster, state, held_back);
            }
            for (hostname, cluster, held_back) in overrides {
                match states.first().filter(|_| on_endpoints) {
                    Some(state) => builder.override_hostname(state.hostname(), &cluster, held_back),
                    None => builder.override_hostname(&hostname, &cluster, held_back),
                }
            }
            for state in states {
                // What a zone has no place for is not held.
                let _ = builder.insert(&state);
            }
            builder.build()
        },
    )
}

/// Everything that can be asked of a snapshot.
fn content(snapshot: &Snapshot) -> impl PartialEq + core::fmt::Debug {
    let mut states: Vec<HostnameState> =
        snapshot.hostnames().map(|name| snapshot.hostname_state(&name).unwrap()).collect();
    states.sort_by_key(|state| state.hostname().clone());
    let clusters: Vec<_> =
        snapshot.clusters().map(|id| (id.clone(), snapshot.cluster_status(id).cloned())).collect();
    let overrides: Vec<_> = states
        .iter()
        .flat_map(|state| {
            snapshot.clusters().map(|id| snapshot.hostname_override(state.hostname(), id).cloned())
        })
        .collect();
    let zones: Vec<Zone> = snapshot.zones().iter().cloned().collect();
    (states, clusters, overrides, zones, snapshot.settings().clone(), snapshot.digest())
}

proptest! {
    #[test]
    fn a_written_state_file_reads_back_as_the_same_snapshot(before in snapshot()) {
        for written in [StateFile::write_yaml(&before), StateFile::write_json(&before)] {
            let after = match StateFile::parse(&written) {
                Ok(file) => file.into_snapshot(),
                Err(problems) => return Err(TestCaseError::fail(format!("{problems}\n{written}"))),
            };
            prop_assert_eq!(content(&after), content(&before), "{}", written);
            prop_assert_eq!(after.serial(None).max(after.serial(Some(0))), before.serial(None).max(before.serial(Some(0))));
        }
        let after = SnapshotFile::read(&SnapshotFile::write(&before)).unwrap();
        prop_assert_eq!(content(&after), content(&before));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = StateFile::parse(&text);
    }

    #[test]
    fn a_cut_or_altered_file_is_read_or_refused(before in snapshot(), at in any::<prop::sample::Index>(), octet in any::<u8>(), json in any::<bool>()) {
        let mut octets = if json { StateFile::write_json(&before) } else { StateFile::write_yaml(&before) }.into_bytes();
        let at = at.index(octets.len());
        octets[at] = octet;
        if let Err(problems) = StateFile::parse_all([("a", octets.as_slice())]) {
            prop_assert!(problems.count() > 0);
        }
        octets.truncate(at);
        if let Err(problems) = StateFile::parse_all([("a", octets.as_slice())]) {
            prop_assert!(problems.iter().all(|problem| !problem.message.is_empty()));
        }
    }
}
