//! Snapshots, edits and what they change.

use mci_core::{Cause, ClusterState, Hostname, Live, OutsideZones, OverrideState, Settings, Snapshot, Zones};

use crate::world::{a, answer, cluster, endpoint, hostname, name, world, world_in, zone};

fn two_names() -> Snapshot {
    world([
        hostname(
            "app.z.example",
            [endpoint("west", &["192.0.2.1"]), endpoint("east", &["192.0.2.2"]).priority(-1)],
        ),
        hostname("solo.z.example", [endpoint("east", &["192.0.2.3"])]),
    ])
}

fn changed(live: &Live, edit: impl FnOnce(&mut mci_core::Edit)) -> Vec<(String, String, String)> {
    let changes = live.edit(edit);
    changes.iter().map(|c| (c.hostname.to_string(), c.before.to_string(), c.after.to_string())).collect()
}

#[test]
fn an_edit_leaves_the_snapshot_that_it_began_with() {
    let before = two_names();
    let after = before.edited(|edit| edit.remove(&name("app.z.example")));
    assert_eq!(answer(&before, &a("app.z.example")), "192.0.2.1");
    assert_eq!(answer(&after, &a("app.z.example")), "NXDOMAIN");
    assert_eq!((before.hostname_count(), after.hostname_count()), (2, 1));
}

#[test]
fn changes_name_what_may_be_answered_now_and_before() {
    let live = Live::new(two_names());
    let one = |of: &str, from: &str, to: &str| (of.to_owned(), from.to_owned(), to.to_owned());
    let stale = |edit: &mut mci_core::Edit| edit.set_cluster(&cluster("west"), ClusterState::Stale);
    assert_eq!(changed(&live, stale), [one("app.z.example", "west", "east")]);
    let down =
        |edit: &mut mci_core::Edit| edit.override_cluster(&cluster("east"), Some(OverrideState::Down.into()));
    // Both that it held go on: stale serves (R11).
    assert_eq!(
        changed(&live, down),
        [one("app.z.example", "east", "west (stale)"), one("solo.z.example", "east", "east (stale)")]
    );
    let remove = |edit: &mut mci_core::Edit| edit.remove(&name("solo.z.example"));
    assert_eq!(changed(&live, remove), [one("solo.z.example", "east (stale)", "NXDOMAIN")]);
}

#[test]
fn changes_say_what_brought_them_about() {
    let live = Live::new(two_names());
    let cause = |edit: &dyn Fn(&mut mci_core::Edit)| live.edit(|e| edit(e)).iter().next().unwrap().because;
    let Cause::Cluster { cluster: of, to, .. } =
        cause(&|e| e.set_cluster(&cluster("west"), ClusterState::Stale))
    else {
        panic!("not the cluster")
    };
    assert_eq!((of, to.state), (cluster("west"), ClusterState::Stale));
    assert_eq!(cause(&|e| e.set_ready(&name("app.z.example"), &cluster("east"), false)), Cause::Published);
    let held = |e: &mut mci_core::Edit| {
        e.override_hostname(&name("solo.z.example"), &cluster("east"), Some(OverrideState::Down.into()));
    };
    assert_eq!(cause(&held), Cause::HostnameOverride);
    let settings = Settings { ttl: mci_core::Ttl::new(9).unwrap(), ..Settings::default() };
    assert_eq!(cause(&|e| e.set_settings(settings.clone())), Cause::Configuration);
}

#[test]
fn nothing_is_published_where_nothing_differs() {
    let live = Live::new(two_names());
    let before = std::sync::Arc::as_ptr(&live.load());
    let changes = live.edit(|edit| {
        edit.upsert(hostname("solo.z.example", [endpoint("east", &["192.0.2.3"])]));
        edit.set_cluster(&cluster("west"), ClusterState::Alive);
        edit.remove(&name("nothing.z.example"));
        edit.set_ready(&name("solo.z.example"), &cluster("west"), false);
        edit.set_zones(&Zones::new(vec![zone("z.example")], None).unwrap());
        edit.set_settings(Settings::default());
    });
    assert!(!changes.any());
    assert_eq!(changes.iter().count(), 0);
    assert_eq!(before, std::sync::Arc::as_ptr(&live.load()));
}

#[test]
fn a_replacement_keeps_positions_and_changes_only_what_differs() {
    let live = Live::new(two_names());
    let position = |of: &str| (0..9).find(|at| live.snapshot().cluster_at(*at) == Some(&cluster(of)));
    let [east, west] = [position("east"), position("west")];
    // In another order, with another cluster, without west, and with another zone in front.
    let new = world_in(
        vec![zone("a.example"), zone("z.example")],
        Settings::default(),
        [
            hostname("new.a.example", [endpoint("north", &["192.0.2.9"])]),
            hostname("solo.z.example", [endpoint("east", &["192.0.2.3"])]),
            hostname("app.z.example", [endpoint("east", &["192.0.2.2"])]),
        ],
    );
    let changes = live.edit(|edit| edit.replace(&new));
    let names: Vec<Hostname> = changes.iter().map(|change| change.hostname).collect();
    assert_eq!(names, [name("app.z.example"), name("new.a.example")]);
    assert_eq!(position("east"), east);
    assert_eq!((position("west"), west.is_some()), (None, true));
    assert_eq!(live.snapshot().zone_at(0).map(|zone| zone.name.clone()), Some(name("z.example")));
    assert_eq!(answer(&live.snapshot(), &a("app.z.example")), "192.0.2.2");
    assert_eq!(live.snapshot().digest(), new.digest());
    assert!(!live.edit(|edit| edit.replace(&new)).iter().any(|_| true));
}

#[test]
fn replicas_with_equal_content_have_equal_digests_whatever_the_order() {
    let states = || {
        vec![
            hostname("app.z.example", [endpoint("west", &["192.0.2.1"]), endpoint("east", &["192.0.2.2"])]),
            hostname("solo.z.example", [endpoint("east", &["192.0.2.3"])]),
        ]
    };
    let forwards = world(states());
    let backwards = world(states().into_iter().rev());
    assert_eq!(forwards.digest(), backwards.digest());
    let other = forwards.edited(|edit| edit.set_ready(&name("solo.z.example"), &cluster("east"), false));
    assert_ne!(forwards.digest(), other.digest());
    let stale = forwards.edited(|edit| edit.set_cluster(&cluster("east"), ClusterState::Stale));
    assert_ne!(forwards.digest(), stale.digest());
}

#[test]
fn new_zones_move_what_exists_and_turn_away_what_they_name_themselves() {
    let held = [
        hostname("app.z.example", [endpoint("west", &["192.0.2.1"])]),
        hostname("ns1.inner.z.example", [endpoint("west", &["192.0.2.2"])]),
    ];
    let live = Live::new(world(held));
    let zones = Zones::new(vec![zone("inner.z.example")], None).unwrap();
    let changes = live.edit(|edit| edit.set_zones(&zones));
    assert_eq!(changes.refused(), [mci_core::Refused::NameServer(name("ns1.inner.z.example"))]);
    let now = live.snapshot();
    assert_eq!(answer(&now, &a("app.z.example")), "192.0.2.1", "held outside every zone (D12)");
    assert_eq!(answer(&now, &a("z.example")), "NODATA", "above a name that is held outside every zone");
    assert_eq!(answer(&now, &a("x.z.example")), "REFUSED");
    assert_eq!(answer(&now, &a("x.inner.z.example")), "NXDOMAIN");
}

#[test]
fn the_serial_follows_changes_of_hostnames_and_never_falls() {
    let live = Live::new(two_names());
    let serial = || live.snapshot().serial(Some(0));
    live.edit(|edit| {
        edit.stamp(1_000);
        edit.set_ready(&name("solo.z.example"), &cluster("east"), false);
    });
    assert_eq!(serial(), 1_000);
    live.edit(|edit| {
        edit.stamp(2_000);
        edit.set_cluster(&cluster("west"), ClusterState::Stale);
    });
    assert_eq!(serial(), 1_000, "liveness does not move it");
    live.edit(|edit| {
        edit.stamp(500);
        edit.remove(&name("solo.z.example"));
    });
    assert_eq!(serial(), 1_000, "a clock that went back");
    live.edit(|edit| {
        edit.stamp(3_000);
        edit.replace(&two_names());
    });
    assert_eq!(serial(), 3_000);
}

#[test]
fn foreign_names_are_refused_or_denied() {
    let settings = Settings { outside_zones: OutsideZones::Nxdomain, ..Settings::default() };
    assert_eq!(answer(&world([]), &a("www.example.com")), "REFUSED");
    let denied = world_in(vec![zone("z.example")], settings, []);
    assert_eq!(denied.possible(&a("www.example.com")).to_string(), "NXDOMAIN");
}
