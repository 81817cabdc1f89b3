use std::net::IpAddr;

use mci_core::{ClusterId, Endpoint, Hostname};

use super::{Host, Json, MOST, Place, Target};

fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

fn east() -> ClusterId {
    "east".parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn read(body: &str) -> Result<Host, String> {
    let json = Json::parse(body.as_bytes()).map_err(|fault| fault.to_string())?;
    Host::read(&json, "").map_err(|fault| fault.to_string())
}

#[test]
fn what_the_net_application_sends_is_understood_in_any_case() {
    let expected = Host {
        hostname: name("a.example"),
        places: vec![Place {
            target: Target::Address(ip("192.0.2.1")),
            priority: 3,
            weight: 50,
            ready: None,
        }],
    };
    for body in [
        r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "192.0.2.1", "priority": 3, "weight": 50}]}"#,
        r#"{"Hostname": "A.Example", "HostIPs": [{"IPAddress": "192.0.2.1", "Priority": 3, "Weight": 50, "New": {}}]}"#,
        r#"{"HOSTIPS": [{"IPADDRESS": "192.0.2.1", "PRIORITY": 3}], "HOSTNAME": "a.example."}"#,
    ] {
        assert_eq!(read(body).as_ref(), Ok(&expected), "{body}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_path() {
    for (body, expected) in [
        ("[", "$: the body is no JSON: "),
        ("[]", "$: expected an object, found a list"),
        ("{}", "hostname: it is missing"),
        (r#"{"hostname": 1}"#, "hostname: expected a hostname as text, found a whole number"),
        (r#"{"hostname": "a..b"}"#, "hostname: \"a..b\" has an empty label"),
        (r#"{"hostname": "a.example"}"#, "hostIPs: it is missing: [] says"),
        (r#"{"hostname": "a.example", "hostIPs": null}"#, "hostIPs: it is missing: [] says"),
        (r#"{"hostname": "a.example", "hostIPs": {}}"#, "hostIPs: expected a list, found an object"),
        (r#"{"hostname": "a.example", "hostIPs": [1]}"#, "hostIPs[0]: expected an object"),
        (
            r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": 1}]}"#,
            "hostIPs[0].ipAddress: expected an address",
        ),
        (
            r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "192.0.2.300"}]}"#,
            "hostIPs[0].ipAddress: \"192.0.2.300\" is no IPv4 or IPv6 address",
        ),
        (
            r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "192.0.2.1", "weight": -1}]}"#,
            "hostIPs[0].weight: -1 is out of range: 0 to 2147483647",
        ),
        (
            r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "192.0.2.1"}, {"ipAddress": "192.0.2.1", "priority": 2147483648}]}"#,
            "hostIPs[1].priority: 2147483648 is out of range",
        ),
        (
            r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "192.0.2.1", "priority": 1.5}]}"#,
            "hostIPs[0].priority: expected a whole number from 0 to 2147483647, found a fraction",
        ),
        (
            r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "192.0.2.1", "ready": "no"}]}"#,
            "hostIPs[0].ready: expected true or false",
        ),
        (
            r#"{"hostname": "a.example", "hostips": [], "hostIPs": []}"#,
            "$: \"hostIPs\" and \"hostips\" are the same",
        ),
    ] {
        let error = read(body).unwrap_err();
        assert!(error.starts_with(expected), "{body}: {error}");
    }
}

/// The endpoint of places, each `address|name priority weight ready`.
fn endpoint(places: &[(&str, u32, u32, Option<bool>)]) -> Option<Endpoint> {
    let place = |(text, priority, weight, ready): &(&str, u32, u32, Option<bool>)| {
        let target = match text.parse() {
            Ok(address) => Target::Address(address),
            Err(_) if text.is_empty() => Target::Nothing,
            Err(_) => Target::Name(name(text)),
        };
        Place { target, priority: *priority, weight: *weight, ready: *ready }
    };
    Host { hostname: name("a.example"), places: places.iter().map(place).collect() }.endpoint(&east())
}

#[test]
fn a_cluster_has_one_priority_and_one_weight_for_a_hostname() {
    let of = |addresses: &[&str]| Endpoint::new(east(), addresses.iter().map(|text| ip(text)));
    assert_eq!(endpoint(&[]), None, "an empty list says that it is published no more");
    assert_eq!(
        endpoint(&[("192.0.2.1", 0, 50, None), ("192.0.2.2", 0, 70, None)]),
        Some(of(&["192.0.2.1", "192.0.2.2"])),
        "the first gives the weight"
    );
    assert_eq!(
        endpoint(&[("192.0.2.1", 0, 50, None), ("192.0.2.2", 2, 70, None), ("192.0.2.3", 2, 10, None)]),
        Some(of(&["192.0.2.2", "192.0.2.3"]).priority(2).weight(70)),
        "the highest priority answers (R4)"
    );
    assert_eq!(
        endpoint(&[("192.0.2.1", 0, 50, None), ("192.0.2.2", 2, 0, None)]),
        Some(of(&["192.0.2.1"])),
        "who is drained gets nothing while another is not (R6)"
    );
    assert_eq!(endpoint(&[("192.0.2.2", 2, 0, None)]), Some(of(&["192.0.2.2"]).priority(2).weight(0)));
    assert_eq!(
        endpoint(&[("192.0.2.1", 9, 50, Some(false)), ("192.0.2.2", 0, 50, Some(true))]),
        Some(of(&["192.0.2.2"])),
        "who is not ready counts only where nobody is"
    );
    assert_eq!(
        endpoint(&[("192.0.2.1", 9, 50, Some(false))]),
        Some(of(&["192.0.2.1"]).priority(9).ready(false))
    );
    assert_eq!(endpoint(&[("lb.example", 0, 50, None)]), Some(of(&[]).targets([name("lb.example")])));
    assert_eq!(endpoint(&[("", 0, 50, None)]), Some(of(&[]).ready(false)), "there, and without an address");
}

#[test]
fn the_own_cluster_is_shown_with_numbers_that_the_wire_can_carry() {
    let endpoint = Endpoint::new(east(), [ip("192.0.2.1"), ip("2001:db8::1")])
        .priority(-3)
        .weight(u32::MAX)
        .ready(false)
        .targets([name("ignored.example")]);
    let host = Host::of(name("a.example"), &endpoint);
    assert_eq!(
        serde_json::to_value(&host).unwrap(),
        serde_json::json!({"hostname": "a.example", "hostIPs": [
            {"ipAddress": "192.0.2.1", "priority": 0, "weight": 2_147_483_647, "ready": false},
            {"ipAddress": "2001:db8::1", "priority": 0, "weight": 2_147_483_647, "ready": false},
        ]})
    );
    let json = Json::parse(&serde_json::to_vec(&host).unwrap()).unwrap();
    assert_eq!(Host::read(&json, ""), Ok(host), "and it is read back");
}

#[test]
fn a_rest_peer_is_told_ready_ipv4_addresses_or_the_name_in_one_order() {
    let told = |item: &str| {
        let host = Host::from_item(name("a.example"), item).unwrap();
        let text = |place: &Place| match &place.target {
            Target::Address(address) => address.to_string(),
            Target::Name(name) => name.to_string(),
            Target::Nothing => String::new(),
        };
        host.places.iter().map(|place| (text(place), place.priority, place.weight)).collect::<Vec<_>>()
    };
    let item = r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "192.0.2.9"}, {"ipAddress": "2001:db8::1"},
        {"ipAddress": "192.0.2.2", "ready": true}, {"ipAddress": "192.0.2.3", "ready": false}, {"ipAddress": "?"}],
        "targets": ["lb.example"], "priority": 99999999999, "weight": 4000000000, "ready": true, "new": [1]}"#;
    assert_eq!(told(item), [("192.0.2.2".to_owned(), MOST, MOST), ("192.0.2.9".to_owned(), MOST, MOST)]);
    let named =
        r#"{"hostname": "a.example", "hostIPs": [], "targets": ["z.example", "b.example"], "priority": -1}"#;
    assert_eq!(told(named), [("b.example".to_owned(), 0, 50), ("z.example".to_owned(), 0, 50)]);
    let unready = r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "192.0.2.9"}], "ready": false}"#;
    assert_eq!(told(unready), []);
    assert!(Host::from_item(name("a.example"), "[").is_err());
}
