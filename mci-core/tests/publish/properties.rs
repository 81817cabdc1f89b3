//! Whatever happened on the way, what is published depends on the objects that are there at the end.

use core::time::Duration;
use std::collections::BTreeMap;

use mci_core::Endpoint;
use mci_core::publish::{
    BackendPolicy, Config, EndpointSlice, Gateway, Group, Gslb, GslbName, HostnameRule, Ingress,
    IngressBackend, Key, Kind, Node, Object, ObjectName, Publisher, ReferenceGrant, ReferenceView, Referent,
    Route, RouteKind, RouteParent, Service, ServiceType, SliceEndpoint, Update,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::world::{ip, name, west};

/// Few names, so that objects meet.
const SPACES: [&str; 2] = ["a", "a-b"];
const NAMES: [&str; 3] = ["x", "y", "z"];
const ADDRESSES: [&str; 6] =
    ["192.0.2.1", "2001:db8::1", "192.0.2.2", "lb.example.net", "127.0.0.1", "nonsense"];
const HOSTNAMES: [&str; 5] = ["x.g.example", "Y.g.example", "*.g.example", "x.h.example", "not a name"];

fn object_name() -> impl Strategy<Value = ObjectName> {
    (select(&SPACES[..]), select(&NAMES[..])).prop_map(|(space, name)| ObjectName::new(space, name))
}

fn addresses() -> impl Strategy<Value = Vec<String>> {
    subsequence(&ADDRESSES[..], 0..3).prop_map(|some| some.into_iter().map(str::to_owned).collect())
}

fn gslb() -> impl Strategy<Value = Object> {
    let named = (object_name(), select(&[Group::Cyclops, Group::Mci][..]));
    let reference = (select(&Referent::ALL[..]), select(&NAMES[..]));
    let hostnames = subsequence(&HOSTNAMES[..], 0..4);
    let overrides = prop_oneof![3 => Just(Vec::new()), 1 => addresses()];
    (named, 0..3_u64, reference, hostnames, overrides, 0..3_i64, any::<bool>()).prop_map(
        |((object, group), created, (kind, referent), hostnames, ip_overrides, priority, all)| {
            Object::Gslb(Gslb {
                created,
                hostnames: hostnames.into_iter().map(str::to_owned).collect(),
                ip_overrides,
                priority,
                backend_policy: if all { BackendPolicy::All } else { BackendPolicy::Any },
                ..Gslb::new(GslbName { object, group }, kind, referent)
            })
        },
    )
}

fn a_service() -> impl Strategy<Value = Object> {
    let kinds = [
        ServiceType::ClusterIp,
        ServiceType::Headless,
        ServiceType::NodePort,
        ServiceType::LoadBalancer,
        ServiceType::ExternalName,
    ];
    let external = prop_oneof![3 => Just(Vec::new()), 1 => addresses()];
    let external_name = prop::option::of(select(&["app.example.net", "10.0.0.1"][..]));
    (object_name(), select(kinds.to_vec()), addresses(), external, external_name).prop_map(
        |(name, kind, load_balancer, external_ips, external_name)| {
            let external_name = external_name.map(Into::into);
            Object::Service(Service {
                name,
                version: "1".into(),
                kind,
                load_balancer,
                external_ips,
                external_name,
            })
        },
    )
}

fn a_slice() -> impl Strategy<Value = Object> {
    let endpoint = (
        subsequence(&["10.0.0.1", "10.0.0.2", "2001:db8::9"][..], 0..2),
        select(&[None, Some(true), Some(false)][..]),
        prop::option::of(select(&NAMES[..])),
    );
    let endpoint = endpoint.prop_map(|(addresses, ready, node)| SliceEndpoint {
        addresses: addresses.into_iter().map(ip).collect(),
        ready,
        node: node.map(Into::into),
        ..SliceEndpoint::default()
    });
    (object_name(), prop::option::weighted(0.9, select(&NAMES[..])), vec(endpoint, 0..3)).prop_map(
        |(name, service, endpoints)| {
            Object::EndpointSlice(EndpointSlice { name, service: service.map(Into::into), endpoints })
        },
    )
}

fn a_node() -> impl Strategy<Value = Object> {
    let ips = || subsequence(&["198.51.100.1", "198.51.100.2", "10.1.0.1"][..], 0..3);
    (select(&NAMES[..]), ips(), ips()).prop_map(|(name, external, internal)| {
        Object::Node(Node {
            name: name.into(),
            external_ips: external.into_iter().map(ip).collect(),
            internal_ips: internal.into_iter().map(ip).collect(),
        })
    })
}

fn an_ingress() -> impl Strategy<Value = Object> {
    let backend = prop_oneof![
        4 => select(&NAMES[..]).prop_map(|name| IngressBackend::Service(name.into())),
        1 => Just(IngressBackend::Resource("Bucket/b".into())),
    ];
    (object_name(), addresses(), vec(backend, 0..3)).prop_map(|(name, addresses, backends)| {
        Object::Ingress(Ingress { name, version: "1".into(), addresses, backends })
    })
}

fn a_gateway() -> impl Strategy<Value = Object> {
    (object_name(), addresses(), any::<bool>()).prop_map(|(name, addresses, programmed)| {
        Object::Gateway(Gateway { name, version: "1".into(), addresses, programmed })
    })
}

fn route_kind() -> impl Strategy<Value = RouteKind> {
    select(&[RouteKind::Http, RouteKind::Grpc, RouteKind::Tls][..])
}

fn a_route() -> impl Strategy<Value = Object> {
    let parent =
        (object_name(), any::<bool>()).prop_map(|(gateway, accepted)| RouteParent { gateway, accepted });
    (route_kind(), object_name(), vec(parent, 0..3), vec(object_name(), 0..3)).prop_map(
        |(kind, name, parents, backends)| {
            Object::Route(Route { kind, name, version: "1".into(), parents, backends })
        },
    )
}

fn a_grant() -> impl Strategy<Value = Object> {
    let from = (route_kind(), select(&SPACES[..])).prop_map(|(kind, space)| (kind, space.into()));
    let to = prop::option::of(select(&NAMES[..])).prop_map(|name| name.map(Into::into));
    (object_name(), vec(from, 0..3), vec(to, 0..2))
        .prop_map(|(name, from, to)| Object::ReferenceGrant(ReferenceGrant { name, from, to }))
}

#[derive(Clone, Debug)]
enum Step {
    Apply(Object),
    /// The object of this name goes, if it is there.
    Remove(Object),
    /// Everything of one kind is listed again, without some.
    Relist(Kind, usize),
    Update(u32),
    Configure(bool),
}

fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        4 => gslb(),
        3 => a_service(),
        3 => a_slice(),
        1 => a_node(),
        2 => an_ingress(),
        1 => a_gateway(),
        2 => a_route(),
        1 => a_grant(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => object().prop_map(Step::Apply),
        3 => object().prop_map(Step::Remove),
        1 => (object(), 0..3_usize).prop_map(|(object, skipped)| Step::Relist(object.key().kind, skipped)),
        4 => (0..400_u32).prop_map(Step::Update),
        1 => any::<bool>().prop_map(Step::Configure),
    ]
}

fn config(strict: bool) -> Config {
    let rule = HostnameRule {
        zones: Some(vec![name("g.example")]),
        ip_overrides: Some(false),
        max_priority: Some(1),
        ..HostnameRule::default()
    };
    let hostname_policy = strict.then(|| vec![rule]);
    Config { hostname_policy, zones: vec![name("h.example")], ..Config::new(west()) }
}

/// All that was ever said, the last word for each thing; without stamps and versions.
#[derive(Debug, Default, PartialEq)]
struct Said {
    hostnames: BTreeMap<String, Endpoint>,
    gslbs: BTreeMap<String, String>,
    services: BTreeMap<String, String>,
    references: BTreeMap<String, String>,
}

impl Said {
    fn hear(&mut self, update: Update) {
        fn put<T>(map: &mut BTreeMap<String, T>, key: &impl ToString, value: Option<T>) {
            match value {
                Some(value) => drop(map.insert(key.to_string(), value)),
                None => {
                    assert!(map.remove(&key.to_string()).is_some(), "{} was never there", key.to_string());
                }
            }
        }
        for (key, value) in update.hostnames {
            put(&mut self.hostnames, &key, value.map(|endpoint| endpoint.changed(0)));
        }
        for (key, value) in update.gslbs {
            put(&mut self.gslbs, &key, value.map(|status| format!("{status:?}")));
        }
        for (key, value) in update.services {
            put(&mut self.services, &key, value.map(|view| format!("{view:?}")));
        }
        for (key, value) in update.references {
            let view = value.map(|view| ReferenceView { version: "".into(), ..view });
            put(&mut self.references, &key, view.map(|view| format!("{view:?}")));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r23_what_is_published_depends_on_the_objects_and_not_on_the_way_to_them(
        before in vec(object(), 0..30),
        steps in vec(step(), 0..60),
    ) {
        let mut publisher = Publisher::new(config(false));
        let mut objects: BTreeMap<Key, Object> = BTreeMap::new();
        let mut said = Said::default();
        let (mut now, mut strict) = (0, false);
        for step in before.into_iter().map(Step::Apply).chain(steps) {
            match step {
                Step::Apply(object) => {
                    publisher.apply(object.clone());
                    objects.insert(object.key(), object);
                }
                Step::Remove(object) => {
                    let there = objects.remove(&object.key()).is_some();
                    let removed = publisher.remove(&object.key());
                    // A slice without its label is of no use to anybody, and not kept.
                    prop_assert!(there || !removed);
                }
                Step::Relist(kind, skipped) => {
                    let all = objects.values().filter(|object| object.key().kind == kind);
                    let listed: Vec<Object> = all.skip(skipped).cloned().collect();
                    objects.retain(|key, _| key.kind != kind);
                    objects.extend(listed.iter().map(|object| (object.key(), object.clone())));
                    publisher.reset(kind, listed);
                }
                Step::Update(seconds) => {
                    now += seconds;
                    said.hear(publisher.update(Duration::from_secs(now.into()), now));
                }
                Step::Configure(whether) => {
                    strict = whether;
                    publisher.configure(config(strict));
                }
            }
        }
        // What is held ends with its time, and what begins to be held now, too.
        for _ in 0..2 {
            now += 1000;
            said.hear(publisher.update(Duration::from_secs(now.into()), now));
        }
        prop_assert_eq!(publisher.next_due(), None);

        let mut fresh = Publisher::new(config(strict));
        for object in objects.values().rev() {
            fresh.apply(object.clone());
        }
        let mut expected = Said::default();
        expected.hear(fresh.update(Duration::ZERO, 0));
        prop_assert_eq!(&said, &expected);

        let held: BTreeMap<String, Endpoint> =
            publisher.hostnames().map(|(hostname, endpoint)| (hostname.to_string(), endpoint.clone().changed(0))).collect();
        prop_assert_eq!(&held, &said.hostnames);
        prop_assert_eq!(publisher.statuses().len(), said.gslbs.len());
        prop_assert!(publisher.update(Duration::from_secs(now.into()), now).is_empty());
        // A leader that starts with all this finds nothing to do.
        fresh = Publisher::new(config(strict));
        fresh.seed(publisher.hostnames().map(|(hostname, endpoint)| (hostname.clone(), endpoint.clone())));
        for object in objects.into_values() {
            fresh.apply(object);
        }
        prop_assert_eq!(fresh.update(Duration::ZERO, now + 1).hostnames, []);
    }
}
