//! R1, R2 and R2a: names, wildcards, zones.

use mci_core::{
    Hostname, HostnameError, HostnameState, Query, RecordType, Refused, Settings, StaticData, StaticRecord,
    Zones,
};

use crate::world::{a, aaaa, answer, endpoint, hostname, name, world, world_in, zone};

#[test]
fn r01_names_are_compared_without_regard_to_the_case_of_ascii_letters() {
    let world = world([hostname("App.Z.Example", [endpoint("west", &["192.0.2.1"])])]);
    assert_eq!(answer(&world, &a("aPP.z.EXAMPLE")), "192.0.2.1");
    assert_eq!(name("APP.z.example").to_string(), "app.z.example");
}

#[test]
fn r01_underscores_are_allowed_and_other_characters_are_not() {
    assert_eq!(name("_sip._tcp.z.example").label_count(), 4);
    assert_eq!(
        "a b.example".parse::<Hostname>(),
        Err(HostnameError::Character("a b.example".to_owned(), ' '))
    );
    assert_eq!(
        "bücher.example".parse::<Hostname>(),
        Err(HostnameError::Character("bücher.example".to_owned(), 'ü'))
    );
}

#[test]
fn r01_a_label_has_63_octets_at_most_and_a_name_255() {
    let label = "a".repeat(63);
    assert!(label.parse::<Hostname>().is_ok());
    assert_eq!(
        format!("{label}a.b").parse::<Hostname>(),
        Err(HostnameError::LabelTooLong(format!("{label}a")))
    );
    // Three labels of 63 (64 octets each) and one of 61 (62), and the root: 255 octets.
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(longest.parse::<Hostname>().unwrap().wire().len(), 255);
    assert_eq!(format!("{longest}a").parse::<Hostname>(), Err(HostnameError::TooLong(format!("{longest}a"))));
}

#[test]
fn r02_a_wildcard_covers_one_or_more_labels() {
    let world = world([hostname("*.z.example", [endpoint("west", &["192.0.2.1"])])]);
    assert_eq!(answer(&world, &a("x.z.example")), "192.0.2.1");
    assert_eq!(answer(&world, &a("y.x.z.example")), "192.0.2.1");
    assert_eq!(answer(&world, &a("z.example")), "NODATA", "the apex exists, and the wildcard lies below it");
    assert_eq!(answer(&world, &a("*.z.example")), "192.0.2.1", "RFC 4592 §2.1.1: the asterisk label itself");
}

#[test]
fn r02_an_exact_name_beats_the_wildcard_and_hides_it_below() {
    let world = world([
        hostname("*.z.example", [endpoint("west", &["192.0.2.1"])]),
        hostname("app.z.example", [endpoint("west", &["192.0.2.2"])]),
    ]);
    assert_eq!(answer(&world, &a("app.z.example")), "192.0.2.2");
    assert_eq!(
        answer(&world, &a("x.app.z.example")),
        "NXDOMAIN",
        "the closest encloser is app, which has no wildcard"
    );
    assert_eq!(answer(&world, &aaaa("app.z.example")), "NODATA");
}

#[test]
fn r02_an_empty_non_terminal_hides_the_wildcard_above_it() {
    let world = world([
        hostname("*.z.example", [endpoint("west", &["192.0.2.1"])]),
        hostname("deep.ent.z.example", [endpoint("west", &["192.0.2.2"])]),
    ]);
    assert_eq!(answer(&world, &a("ent.z.example")), "NODATA");
    assert_eq!(answer(&world, &a("x.ent.z.example")), "NXDOMAIN");
    let world = world.edited(|edit| edit.remove(&name("deep.ent.z.example")));
    assert_eq!(answer(&world, &a("ent.z.example")), "192.0.2.1", "it went with the last name below it");
}

#[test]
fn r02_the_closest_encloser_decides_between_wildcards() {
    let world = world([
        hostname("*.z.example", [endpoint("west", &["192.0.2.1"])]),
        hostname("*.app.z.example", [endpoint("west", &["192.0.2.2"])]),
    ]);
    assert_eq!(answer(&world, &a("x.app.z.example")), "192.0.2.2");
    assert_eq!(answer(&world, &a("x.y.z.example")), "192.0.2.1");
    assert_eq!(answer(&world, &a("app.z.example")), "NODATA", "it exists: a wildcard lies below it");
}

#[test]
fn r02a_the_longest_zone_answers_alone() {
    let world = world_in(
        vec![zone("z.example"), zone("inner.z.example")],
        Settings::default(),
        [hostname("*.z.example", [endpoint("west", &["192.0.2.1"])])],
    );
    assert_eq!(answer(&world, &a("x.z.example")), "192.0.2.1");
    assert_eq!(
        answer(&world, &a("x.inner.z.example")),
        "NXDOMAIN",
        "the outer wildcard ends at the inner apex"
    );
    assert_eq!(answer(&world, &a("inner.z.example")), "NODATA");
}

#[test]
fn r02a_an_inner_apex_exists_in_the_outer_zone() {
    let world = world_in(
        vec![zone("z.example"), zone("a.ent.z.example")],
        Settings::default(),
        [hostname("*.z.example", [endpoint("west", &["192.0.2.1"])])],
    );
    assert_eq!(answer(&world, &a("ent.z.example")), "NODATA", "an empty non-terminal above the inner apex");
    assert_eq!(answer(&world, &a("b.ent.z.example")), "NXDOMAIN");
}

#[test]
fn r02a_names_below_an_inner_apex_are_no_empty_non_terminals_outside() {
    let inner = hostname("deep.down.inner.z.example", [endpoint("west", &["192.0.2.1"])]);
    let world = world_in(vec![zone("inner.z.example")], Settings::default(), [inner]);
    assert_eq!(answer(&world, &a("down.inner.z.example")), "NODATA");
    assert_eq!(answer(&world, &a("z.example")), "REFUSED", "nothing outside the zone exists because of it");
}

#[test]
fn r02a_ds_at_an_apex_is_the_outer_zones_to_answer() {
    let ds = |of: &str| Query::new(name(of), RecordType::DS);
    let world = world_in(vec![zone("z.example"), zone("inner.z.example")], Settings::default(), []);
    assert_eq!(world.explain(&ds("inner.z.example")).zone.as_deref(), Some("z.example"));
    assert_eq!(answer(&world, &ds("inner.z.example")), "NODATA");
    assert_eq!(
        world.explain(&ds("z.example")).zone.as_deref(),
        Some("z.example"),
        "no outer zone: its own SOA"
    );
    assert_eq!(answer(&world, &ds("z.example")), "NODATA");
}

#[test]
fn r02a_an_asterisk_in_a_zones_name_is_an_error() {
    let wild = mci_core::Zone { name: name("*.example"), ..zone("example") };
    let problems = Zones::new(vec![wild], None).unwrap_err();
    assert!(problems.iter().any(|problem| problem.message.contains("'*'")), "{problems:?}");
}

#[test]
fn a_hostname_of_a_name_that_is_configured_is_refused() {
    let mut with_record = zone("z.example");
    let record = |of: &str, data| StaticRecord { name: name(of), ttl: None, data };
    with_record.records = vec![
        record("txt.z.example", StaticData::Txt(vec![b"x".to_vec()])),
        record("cut.z.example", StaticData::Ns(name("ns.elsewhere.example"))),
    ];
    let world = world_in(vec![with_record], Settings::default(), []);
    for (refused, why) in [
        ("txt.z.example", Refused::StaticRecord(name("txt.z.example"))),
        ("ns1.z.example", Refused::NameServer(name("ns1.z.example"))),
        ("x.cut.z.example", Refused::Delegated(name("x.cut.z.example"), name("cut.z.example"))),
    ] {
        let live = mci_core::Live::new(world.clone());
        let changes = live.edit(|edit| edit.upsert(HostnameState::new(name(refused))));
        assert_eq!(changes.refused(), [why]);
        assert!(!changes.any());
    }
}
