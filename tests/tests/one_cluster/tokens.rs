//! Tokens of `ServiceAccount`s: those that programs began with end, and others stand in their place.

use std::time::Instant;

use http::Method;
use mci_tests::checker::Checker;
use mci_tests::cluster::{Api, Mode};
use mci_tests::load::Answer;
use mci_tests::wait;
use mci_tests::world::{CALM, INGRESSES, LEADERLESS, NAMESPACE, World};
use serde_json::json;

use crate::here;

const TEAM: &str = "team";
const NAME: &str = "app.gslb.example.com";
const ACCOUNTS: &str = "serviceaccounts";
const MODES: [Mode; 3] = [Mode::Operator, Mode::Orchestrator, Mode::DnsServer];

#[test]
fn tokens_are_replaced_under_live_watches_and_the_old_ones_are_refused() {
    if !here() {
        return;
    }
    let world = World::options().replicas_of_all(2).behind_proxies().start();
    world.publish(TEAM, "app", NAME, "192.0.2.1");
    world.answers(NAME, "A", "192.0.2.1");
    let load = world.load(NAME);
    let table = Checker::new(CALM).phase("first", load.began(), [Answer::addresses(["192.0.2.1"])]);
    let old: Vec<Api> =
        MODES.iter().map(|mode| world.cluster().api_of(NAMESPACE, &mode.service_account())).collect();

    let replaced = Instant::now();
    for mode in MODES {
        // An account that is made anew is another one: tokens of the first are good for nothing.
        let name = mode.service_account();
        let mut account = world.api().get(ACCOUNTS, NAMESPACE, &name).unwrap();
        world.delete(ACCOUNTS, NAMESPACE, &name);
        let metadata = &account["metadata"];
        account["metadata"] = json!({"name": name, "namespace": NAMESPACE, "labels": metadata["labels"]});
        world.apply(&account);
        for replica in world.replicas(mode) {
            replica.write_token(&world.cluster().token(NAMESPACE, &name));
        }
    }
    // The API server remembers for some seconds whom it has let in.
    for (mode, api) in MODES.iter().zip(&old) {
        wait::until_true(&format!("the first tokens of the {} are refused", mode.name()), || {
            let asked = api.request(Method::GET, "/api/v1/namespaces", None, None);
            asked.is_err_and(|refused| refused.code == 401)
        });
    }
    // What is open is heard as before, and what is written is written with the new ones.
    let table = table.delay(replaced, LEADERLESS);
    let changed = Instant::now();
    world.cluster().set_addresses(INGRESSES, TEAM, "app", &["192.0.2.2"]);
    world.answers(NAME, "A", "192.0.2.2");
    let table = table.phase("second", changed, [Answer::addresses(["192.0.2.2"])]);

    // And what is opened anew is opened with them.
    for proxy in world.proxies() {
        let before = proxy.accepted();
        proxy.cut();
        wait::until_true("it is connected to again", || proxy.accepted() > before);
        proxy.pass();
    }
    let changed = Instant::now();
    world.cluster().set_addresses(INGRESSES, TEAM, "app", &["192.0.2.3"]);
    world.answers(NAME, "A", "192.0.2.3");
    let table = table.phase("third", changed, [Answer::addresses(["192.0.2.3"])]);
    load.none_failed_none_wrong(&table);
    for replica in world.all() {
        wait::until_true(&format!("{} is ready", replica.name()), || replica.is_ready());
    }
}
