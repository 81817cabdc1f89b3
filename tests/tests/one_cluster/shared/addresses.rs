//! R25: addresses that are lost while their backends are ready.

use mci_tests::checker::Checker;
use mci_tests::load::Answer;
use mci_tests::wait;
use mci_tests::world::{CALM, INGRESSES, World};

use crate::here;

#[test]
fn r25_addresses_that_a_controller_empties_stay_until_they_are_back() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-emptied", "app.emptied.gslb.example.com");
    world.publish(team, "app", name, "192.0.2.1");
    world.answers(name, "A", "192.0.2.1");
    let load = world.load(name);
    let began = load.began();
    world.cluster().set_addresses(INGRESSES, team, "app", &[]);
    world.wait_for_condition(team, "app", "AddressHeld", "True AddressesLost");
    world.cluster().set_addresses(INGRESSES, team, "app", &["192.0.2.1"]);
    wait::until_true("nothing is held any more", || world.condition(team, "app", "AddressHeld").is_none());
    let right = [Answer::addresses(["192.0.2.1"])];
    load.none_failed_none_wrong(&Checker::new(CALM).phase("all the time", began, right));
}

#[test]
fn r25_held_addresses_go_at_once_with_their_backends_and_give_way_to_new_ones() {
    if !here() {
        return;
    }
    let world = World::shared();
    let (team, name) = ("team-unheld", "app.unheld.gslb.example.com");
    world.publish(team, "app", name, "192.0.2.1");
    world.answers(name, "A", "192.0.2.1");
    world.cluster().set_addresses(INGRESSES, team, "app", &[]);
    world.wait_for_condition(team, "app", "AddressHeld", "True AddressesLost");
    world.answers(name, "A", "192.0.2.1");
    world.cluster().scale(team, "app", 0);
    world.answers(name, "A", "NODATA");
    world.cluster().scale(team, "app", 1);
    world.cluster().set_addresses(INGRESSES, team, "app", &["192.0.2.2"]);
    world.answers(name, "A", "192.0.2.2");
}
