//! HostnameCache.

use mci_core::HostnameState;
use mci_kube::content::hostname;
use mci_kube::names;
use mci_kube::resources::HostnameCache;
use proptest::prelude::*;
use serde_json::json;

use crate::world::{any_endpoint, any_hostname, cluster, hostname as name, west};

proptest! {
    #[test]
    fn r23_what_was_merged_comes_back_as_it_was(
        of in any_hostname(), west in any_endpoint("west"), east in any_endpoint("east"),
    ) {
        let state = HostnameState::new(of.clone()).endpoint(east.clone()).endpoint(west.clone());
        let object = hostname::write(&state);
        prop_assert!(names::is_ours(&object));
        let object: HostnameCache = serde_json::from_str(&serde_json::to_string(&object).unwrap()).unwrap();
        let read = hostname::read(&object).unwrap();
        prop_assert_eq!(&read.faults, &[]);
        prop_assert_eq!(read.content, state);
        // Equal content, equal octets.
        let turned = HostnameState::new(of).endpoint(west).endpoint(east);
        prop_assert_eq!(hostname::write(&turned), object);
    }
}

#[test]
fn the_ready_addresses_stand_beside_it_as_the_dotnet_application_writes_them() {
    let ready = west(&["192.0.2.2", "192.0.2.1"]).priority(i64::MAX).weight(u32::MAX);
    let unready = mci_core::Endpoint::new(cluster("east"), ["192.0.2.9".parse().unwrap()]).ready(false);
    let object = hostname::write(&HostnameState::new(name("app.example")).endpoint(ready).endpoint(unready));
    let value = serde_json::to_value(&object).unwrap();
    assert_eq!(
        (&value["hostname"], &value["addresses"]),
        (
            &json!("app.example"),
            &json!([
                {"ipAddress": "192.0.2.1", "priority": i32::MAX, "weight": i32::MAX, "clusterIdentifier": "west"},
                {"ipAddress": "192.0.2.2", "priority": i32::MAX, "weight": i32::MAX, "clusterIdentifier": "west"},
            ])
        )
    );
}

#[test]
fn a_bad_endpoint_takes_no_other_with_it() {
    let object: HostnameCache = serde_json::from_value(json!({
        "metadata": {"name": "h", "namespace": "mci"},
        "hostname": "app.example",
        "endpoints": [
            {"clusterIdentifier": "East!"},
            {"addresses": []},
            {"clusterIdentifier": "west", "addresses": [{"ipAddress": "192.0.2.1"}]},
            {"clusterIdentifier": "west", "changed": 5, "addresses": [{"ipAddress": "192.0.2.2"}]},
            {"clusterIdentifier": "south", "weight": -1},
        ],
    }))
    .unwrap();
    let read = hostname::read(&object).unwrap();
    let newest = west(&["192.0.2.2"]).changed(5);
    assert_eq!(read.content, HostnameState::new(name("app.example")).endpoint(newest));
    let faults: Vec<_> = read.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "HostnameCache mci/h: endpoints[0].clusterIdentifier: \"East!\" is no cluster identifier: 1 to 63 \
             lower-case letters, digits, '-' and '.', each part beginning and ending with a letter or digit",
            "HostnameCache mci/h: endpoints[1]: missing field `clusterIdentifier`",
            "HostnameCache mci/h: endpoints[3]: a second endpoint of cluster west: one a cluster",
            "HostnameCache mci/h: endpoints[4]: invalid value: integer `-1`, expected u32",
        ]
    );
}

#[test]
fn what_the_dotnet_application_wrote_is_a_hostname_without_endpoints_and_nobodys() {
    let object: HostnameCache = serde_json::from_value(json!({
        "apiVersion": "multicluster.veccsolutions.io/v1alpha", "kind": "HostnameCache",
        "metadata": {"name": "app.example"}, "hostname": "app.example",
        "addresses": [{"ipAddress": "192.0.2.1", "priority": 0, "weight": 50, "clusterIdentifier": "west"}],
    }))
    .unwrap();
    assert!(!names::is_ours(&object));
    assert_eq!(hostname::read(&object).unwrap().content, HostnameState::new(name("app.example")));
}
