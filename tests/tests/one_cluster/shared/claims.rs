//! Who has a hostname: objects that come, go, are renamed and contend.

use mci_tests::checker::Checker;
use mci_tests::load::Answer;
use mci_tests::world::{CALM, GSLBS, INGRESSES, World, gslb, ingress};
use serde_json::json;
use std::time::Instant;

use crate::here;

#[test]
fn a_gslb_that_is_deleted_takes_its_hostname_with_it() {
    if !here() {
        return;
    }
    let world = World::shared();
    let name = "app.deleted.gslb.example.com";
    world.publish("team-deleted", "app", name, "192.0.2.1");
    world.answers(name, "A", "192.0.2.1");
    world.delete(GSLBS, "team-deleted", "app");
    world.answers(name, "A", "NXDOMAIN");
    // And it may come back.
    world.apply(&gslb("team-deleted", "app", ("Ingress", "app"), &[name]));
    world.answers(name, "A", "192.0.2.1");
}

#[test]
fn a_hostname_that_is_taken_from_the_list_goes_and_another_comes() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, old, new) = ("team-list", "old.list.gslb.example.com", "new.list.gslb.example.com");
    world.publish(team, "app", old, "192.0.2.1");
    world.answers(old, "A", "192.0.2.1");
    world.apply(&gslb(team, "app", ("Ingress", "app"), &[new]));
    world.answers(new, "A", "192.0.2.1");
    world.answers(old, "A", "NXDOMAIN");
}

#[test]
fn a_gslb_that_is_renamed_never_stops_being_answered() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-renamed", "app.renamed.gslb.example.com");
    world.publish(team, "app", name, "192.0.2.1");
    world.answers(name, "A", "192.0.2.1");
    let load = world.load(name);
    let began = load.began();
    // Whoever renames an object makes a new one and deletes the old one: what is back in time never went (R26).
    world.delete(GSLBS, team, "app");
    world.apply(&gslb(team, "renamed", ("Ingress", "app"), &[name]));
    world.wait_for_condition(team, "renamed", "Published", "True Published");
    // What the deletion would have done, it would have done by the time that another name's deletion has.
    world.publish(team, "marker", "marker.renamed.gslb.example.com", "192.0.2.2");
    world.answers("marker.renamed.gslb.example.com", "A", "192.0.2.2");
    world.delete(GSLBS, team, "marker");
    world.answers("marker.renamed.gslb.example.com", "A", "NXDOMAIN");
    let right = [Answer::addresses(["192.0.2.1"])];
    load.none_failed_none_wrong(&Checker::new(CALM).phase("all the time", began, right));
}

#[test]
fn a_gslb_that_moves_to_another_object_is_answered_from_that_one() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-moved", "app.moved.gslb.example.com");
    world.publish(team, "app", name, "192.0.2.1");
    world.answers(name, "A", "192.0.2.1");
    world.apply(&ingress(team, "other", "app"));
    world.cluster().set_addresses(INGRESSES, team, "other", &["192.0.2.2"]);
    let load = world.load(name);
    let checker = Checker::new(CALM).phase("the first", load.began(), [Answer::addresses(["192.0.2.1"])]);
    let moved = Instant::now();
    world.apply(&gslb(team, "app", ("Ingress", "other"), &[name]));
    world.answers(name, "A", "192.0.2.2");
    load.none_failed_none_wrong(&checker.phase("the second", moved, [Answer::addresses(["192.0.2.2"])]));
}

#[test]
fn r19_a_hostname_that_two_claim_is_the_older_one_s_until_that_one_goes() {
    if !here() {
        return;
    }
    let world = World::shared();
    let name = "app.twice.gslb.example.com";
    world.publish("team-twice-a", "app", name, "192.0.2.1");
    world.answers(name, "A", "192.0.2.1");
    world.publish("team-twice-b", "app", name, "192.0.2.2");
    world.wait_for_condition("team-twice-b", "app", "Accepted", "False HostnameConflict");
    world.wait_for_condition("team-twice-a", "app", "Accepted", "True Accepted");
    let note = world.wait_for_event("team-twice-b", "app", "HostnameConflict");
    assert!(note.contains(name) && note.contains("team-twice-a/app"), "{note}");
    world.answers(name, "A", "192.0.2.1");

    world.delete(GSLBS, "team-twice-a", "app");
    world.answers(name, "A", "192.0.2.2");
    world.wait_for_condition("team-twice-b", "app", "Accepted", "True Accepted");
}

#[test]
fn an_object_that_is_missing_is_answered_once_it_is_made() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-missing", "app.missing.gslb.example.com");
    world.cluster().namespace(team);
    world.apply(&gslb(team, "app", ("Ingress", "app"), &[name]));
    world.wait_for_condition(team, "app", "ResolvedRefs", "False RefNotFound");
    world.wait_for_condition(team, "app", "Published", "False RefNotFound");
    world.answers(name, "A", "NODATA");
    world.apply(&ingress(team, "app", "app"));
    world.cluster().set_addresses(INGRESSES, team, "app", &["192.0.2.1"]);
    world.deploy(team, "app", 1);
    world.answers(name, "A", "192.0.2.1");
    world.wait_for_condition(team, "app", "ResolvedRefs", "True ResolvedRefs");
    world.delete(INGRESSES, team, "app");
    world.answers(name, "A", "NODATA");
}

#[test]
fn r27_what_the_policy_refuses_is_not_published_and_says_so() {
    if !here() {
        return;
    }
    let world = World::shared();
    let team = "limited";
    let (inside, outside) = ("app.limited.gslb.example.com", "app.unlimited.gslb.example.com");
    world.deploy(team, "app", 1);
    world.apply(&ingress(team, "app", "app"));
    world.cluster().set_addresses(INGRESSES, team, "app", &["192.0.2.1"]);
    world.apply(&gslb(team, "app", ("Ingress", "app"), &[inside, outside]));
    world.answers(inside, "A", "192.0.2.1");
    world.wait_for_condition(team, "app", "Accepted", "False HostnameNotAllowed");
    let note = world.wait_for_event(team, "app", "HostnameNotAllowed");
    assert!(note.contains(outside) && !note.contains(inside), "{note}");
    world.answers(outside, "A", "NXDOMAIN");

    // Neither addresses of one's own choice nor a priority above the others.
    for (field, value) in [("ipOverrides", json!(["192.0.2.66"])), ("priority", json!(11))] {
        let other = format!("{}.limited.gslb.example.com", field.to_lowercase());
        let name = field.to_lowercase();
        let mut claim = gslb(team, &name, ("Ingress", "app"), &[&other]);
        claim["spec"][field] = value;
        world.apply(&claim);
        world.wait_for_condition(team, &name, "Accepted", "False HostnameNotAllowed");
        world.answers(&other, "A", "NXDOMAIN");
    }
    // A namespace that no entry names.
    world.publish("unnamed", "app", "app.unnamed.gslb.example.com", "192.0.2.1");
    world.wait_for_condition("unnamed", "app", "Accepted", "False HostnameNotAllowed");
    world.answers("app.unnamed.gslb.example.com", "A", "NXDOMAIN");
}

#[test]
fn a_namespace_that_is_deleted_takes_its_hostnames_with_it() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-namespace", "app.namespace.gslb.example.com");
    world.publish(team, "app", name, "192.0.2.1");
    world.publish(team, "second", "second.namespace.gslb.example.com", "192.0.2.2");
    world.answers(name, "A", "192.0.2.1");
    world.answers("second.namespace.gslb.example.com", "A", "192.0.2.2");
    world.delete("namespaces", "", team);
    world.answers(name, "A", "NXDOMAIN");
    world.answers("second.namespace.gslb.example.com", "A", "NXDOMAIN");
}
