//! Who may publish what (R27).

use mci_core::publish::{ConditionType, Config, Gslb, HostnameRule, Referent};

use crate::world::{APP, World, gslb, name, object, texts, west};

fn config(rules: Vec<HostnameRule>) -> Config {
    Config { hostname_policy: Some(rules), ..Config::new(west()) }
}

fn rule(namespaces: &[&str], zones: &[&str]) -> HostnameRule {
    HostnameRule {
        namespaces: Some(texts(namespaces)),
        zones: Some(zones.iter().map(|zone| name(zone)).collect()),
        ..HostnameRule::default()
    }
}

/// Why a GSLB in this namespace may not publish this name; nothing if it may.
#[track_caller]
fn refusal(
    rules: Vec<HostnameRule>,
    namespace: &str,
    hostname: &str,
    change: fn(&mut Gslb),
) -> Option<String> {
    let mut world = World::with(config(rules));
    let mut gslb = gslb("any", Referent::Service, "web");
    gslb.name.object = object(&format!("{namespace}/app"));
    gslb.hostnames = texts(&[hostname]);
    change(&mut gslb);
    world.apply(gslb);
    let published = world.update().hostnames.len();
    let status = world.status(&format!("{namespace}/app"));
    let accepted = status.condition(ConditionType::Accepted).unwrap();
    assert_eq!(published, usize::from(accepted.holds));
    if accepted.holds {
        return None;
    }
    assert_eq!(accepted.reason.as_str(), "HostnameNotAllowed");
    Some(accepted.message.clone())
}

#[test]
fn r27_without_a_list_everything_is_allowed() {
    let mut world = World::new();
    world.apply(gslb("app", Referent::Service, "web"));
    assert_eq!(world.update().hostnames.len(), 1);
}

#[test]
fn r27_no_entry_that_matches_namespace_and_zone_refuses() {
    let rules = || vec![rule(&["shop", "team-*"], &["g.example"]), rule(&["web"], &["w.example"])];
    for (namespace, hostname, expected) in [
        ("shop", "app.g.example", true),
        ("shop", "g.example", true),
        ("shop", "*.g.example", true),
        ("team-a", "a.b.g.example", true),
        ("team", "app.g.example", false),
        ("shop", "app.w.example", false),
        ("shop", "app.xg.example", false),
        ("web", "app.w.example", true),
        ("web", "app.g.example", false),
    ] {
        let refusal = refusal(rules(), namespace, hostname, |_| ());
        let message = format!("{hostname}: no entry of hostnamePolicy lets namespace {namespace} publish it");
        assert_eq!(refusal, (!expected).then_some(message), "{namespace} {hostname}");
    }
    assert!(refusal(Vec::new(), "shop", APP, |_| ()).is_some(), "a list without entries allows nothing");
}

#[test]
fn r27_a_key_that_is_left_out_allows() {
    assert_eq!(
        refusal(vec![HostnameRule::default()], "any", "any.example", |gslb| gslb.priority = 1 << 40),
        None
    );
    let by_zone = HostnameRule { namespaces: None, ..rule(&[], &["g.example"]) };
    assert_eq!(refusal(vec![by_zone], "any", APP, |gslb| gslb.ip_overrides = texts(&["192.0.2.1"])), None);
    let by_namespace = HostnameRule { zones: None, ..rule(&["shop"], &[]) };
    assert_eq!(refusal(vec![by_namespace], "shop", "any.example", |_| ()), None);
}

#[test]
fn r27_the_first_entry_that_matches_decides() {
    let strict = HostnameRule { max_priority: Some(0), ..rule(&["shop"], &["g.example"]) };
    let loose = rule(&["*"], &["g.example"]);
    let high: fn(&mut Gslb) = |gslb| gslb.priority = 1;
    assert!(refusal(vec![strict.clone(), loose.clone()], "shop", APP, high).is_some());
    assert_eq!(refusal(vec![loose, strict], "shop", APP, high), None);
}

#[test]
fn r27_overrides_and_high_priorities_may_be_refused() {
    let no_overrides = || vec![HostnameRule { ip_overrides: Some(false), ..rule(&["shop"], &["g.example"]) }];
    assert_eq!(refusal(no_overrides(), "shop", APP, |_| ()), None);
    assert_eq!(
        refusal(no_overrides(), "shop", APP, |gslb| gslb.ip_overrides = texts(&["192.0.2.1"])).as_deref(),
        Some("app.g.example: hostnamePolicy lets namespace shop publish it only without ipOverrides")
    );
    let at_most = || vec![HostnameRule { max_priority: Some(10), ..rule(&["shop"], &["g.example"]) }];
    assert_eq!(refusal(at_most(), "shop", APP, |gslb| gslb.priority = 10), None);
    assert_eq!(
        refusal(at_most(), "shop", APP, |gslb| gslb.priority = 11).as_deref(),
        Some(
            "app.g.example: hostnamePolicy lets namespace shop publish it with a priority of at most 10, and this is 11"
        )
    );
}

#[test]
fn r27_what_is_refused_stands_in_nobodys_way() {
    let mut world = World::with(config(vec![rule(&["shop"], &["g.example"])]));
    let mut older = Gslb { created: 1, ..gslb("any", Referent::Service, "web") };
    older.name.object = object("elsewhere/app");
    world.apply(older).apply(Gslb { created: 2, weight: 2, ..gslb("app", Referent::Service, "web") });
    assert_eq!(world.endpoint(APP).map(|endpoint| endpoint.parts().weight), Some(2));
    assert_eq!(
        world.conditions("elsewhere/app"),
        ["Accepted=False HostnameNotAllowed", "ResolvedRefs=False RefNotFound", "Published=False NoHostname"]
    );
}

#[test]
fn r27_a_new_policy_acts_on_what_is_there() {
    let mut world = World::new();
    world.apply(gslb("app", Referent::Service, "web"));
    assert!(world.endpoint(APP).is_some());
    world.publisher.configure(config(vec![rule(&["elsewhere"], &["g.example"])]));
    let update = world.update();
    assert_eq!(update.hostnames, [(name(APP), None)]);
    assert_eq!(update.gslbs.len(), 1);
    world.publisher.configure(config(vec![rule(&["shop"], &["g.example"])]));
    assert!(world.endpoint(APP).is_some());
}
