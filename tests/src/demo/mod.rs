//! Two clusters with one application in both, for a person to play with: what `cargo xtask demo` runs.
//!
//! ```text
//!   Fleet (west, east) ── kubeconfig, ports ──► Page: what to try
//!     ▲                                            │
//!     └── Watchers ask each cluster's CoreDNS ─────┴──► terminal: who answers, now, and each change
//! ```

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::cluster::{Cluster, Replica};
use crate::fleet::Fleet;
use crate::require::{KUBERNETES_VERSION, program};
use crate::world::{INGRESSES, NAMESPACE, World, gslb, ingress};

mod watcher;

use self::watcher::{Seen, Watcher};

/// What is asked for.
const HOSTNAME: &str = "app.gslb.example.com";

/// Where the application lives in each cluster.
const TEAM: &str = "shop";

/// Who answers with what.
const ADDRESSES: [(&str, &str); 2] = [("west", "192.0.2.10"), ("east", "198.51.100.20")];

/// How often the terminal is drawn.
const FRAME: Duration = Duration::from_millis(250);

/// Starts everything, says what to try, and shows who answers until the end is asked for.
pub fn run(end: &Receiver<()>) -> Result<(), Box<dyn Error>> {
    println!("Starting two clusters, with MCI and an application in both: about half a minute …");
    let fleet = Fleet::options(ADDRESSES.len()).beside_tests().start();
    for (name, address) in ADDRESSES {
        expose(fleet.world(name), address);
    }
    let kubeconfig = kubeconfig(&fleet)?;
    fleet.draws(HOSTNAME, "A", &ADDRESSES.map(|(_, address)| address));
    println!("{}", page(&fleet, &kubeconfig));
    let watchers: Vec<Watcher> = fleet
        .worlds
        .iter()
        .map(|world| Watcher::start(world.identifier(), world.coredns.dns(), HOSTNAME))
        .collect();
    show(end, &watchers);
    println!("\nEnding everything.");
    Ok(())
}

/// One ready pod behind an Ingress with an address, and a GSLB.
fn expose(world: &World, address: &str) {
    world.deploy(TEAM, "app", 1);
    world.apply(&ingress(TEAM, "app", "app"));
    world.cluster().set_addresses(INGRESSES, TEAM, "app", &[address]);
    world.apply(&gslb(TEAM, "app", ("Ingress", "app"), &[HOSTNAME]));
}

/// One kubeconfig with a context for each cluster, called as the cluster is.
fn kubeconfig(fleet: &Fleet) -> Result<PathBuf, Box<dyn Error>> {
    let path = fleet.folder().join("kubeconfig");
    let all: Vec<String> =
        fleet.worlds.iter().map(|world| world.cluster().kubeconfig().display().to_string()).collect();
    let text = with_kubeconfig(&all.join(":"), &["config", "view", "--flatten"])?;
    std::fs::write(&path, text)?;
    let file = path.display().to_string();
    for world in &fleet.worlds {
        let (old, new) = (world.cluster().name(), world.identifier());
        with_kubeconfig(&file, &["config", "rename-context", old, new])?;
        with_kubeconfig(&file, &["config", "set-context", new, &format!("--namespace={NAMESPACE}")])?;
    }
    with_kubeconfig(&file, &["config", "use-context", "west"])?;
    Ok(path)
}

fn with_kubeconfig(kubeconfig: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut kubectl = std::process::Command::new(program("kubectl", KUBERNETES_VERSION));
    let output = kubectl.env("KUBECONFIG", kubeconfig).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// What there is, and what to try.
fn page(fleet: &Fleet, kubeconfig: &std::path::Path) -> String {
    let mut text = String::new();
    let kubectl = program("kubectl", KUBERNETES_VERSION).display().to_string();
    let mci = crate::mci::program().display().to_string();
    let [west, east] = ["west", "east"].map(|name| fleet.world(name).coredns.dns().port());
    let _ = write!(
        text,
        "\nTwo clusters, west and east. Each has an application behind an Ingress, exposed by a GSLB as {HOSTNAME};\n\
         each tells the other what it has and that it lives, and each one's CoreDNS answers for both.\n\n\
         In another terminal:\n\n\
         \x20 export KUBECONFIG={config}\n\
         \x20 alias kubectl={kubectl}\n\
         \x20 alias mci={mci}\n\n\
         Ask either cluster:\n\
         \x20 dig @127.0.0.1 -p {west} {HOSTNAME} +short\n\
         \x20 dig @127.0.0.1 -p {east} {HOSTNAME} +short +tcp\n\n\
         Take the application away in west, and give it back:\n\
         \x20 kubectl --context west -n {TEAM} scale deployment app --replicas 0\n\
         \x20 kubectl --context west -n {TEAM} scale deployment app --replicas 1\n\n\
         Give east a smaller share, or let west have it all while it can:\n\
         \x20 kubectl --context east -n {TEAM} patch gslbs.multicluster.veccsolutions.io app --type merge -p '{{\"spec\":{{\"weight\":10}}}}'\n\
         \x20 kubectl --context west -n {TEAM} patch gslbs.multicluster.veccsolutions.io app --type merge -p '{{\"spec\":{{\"priority\":1}}}}'\n\n\
         Drain a cluster, as seen from the other one or from itself, and end that:\n\
         \x20 mci drain west --context east --reason 'a try'\n\
         \x20 mci undrain west --context east\n\n\
         Look at it, and ask why:\n\
         \x20 mci status --context west\n\
         \x20 mci explain {HOSTNAME} A --context west\n\n",
        config = kubeconfig.display(),
    );
    for world in &fleet.worlds {
        let _ = writeln!(
            text,
            "Kill {} outright, its API server and all (3 s later the other one answers alone):\n  kill -9 {}",
            world.identifier(),
            processes(world)
        );
    }
    text.push_str("\nCtrl-C here ends everything.\n");
    text
}

/// The process IDs of everything that a cluster consists of, but what both share.
fn processes(world: &World) -> String {
    let cluster: &Cluster = world.cluster();
    let servers = [cluster.api_server(), cluster.controller_manager(), cluster.scheduler(), cluster.kwok()];
    let mut ids: Vec<String> = servers.iter().map(|server| server.id().to_string()).collect();
    ids.extend(world.all().map(|replica: &Replica| replica.process.id().to_string()));
    ids.push(world.coredns.process.id().to_string());
    ids.join(" ")
}

/// Draws who answers, until the end is asked for: over itself on a terminal, else each change alone.
fn show(end: &Receiver<()>, watchers: &[Watcher]) {
    let terminal = io::stdout().is_terminal();
    let mut before: Vec<Option<Seen>> = vec![None; watchers.len()];
    let mut drawn = 0;
    while end.recv_timeout(FRAME) == Err(RecvTimeoutError::Timeout) {
        let now: Vec<Seen> = watchers.iter().map(Watcher::seen).collect();
        let mut text = String::new();
        if terminal && drawn > 0 {
            // Up to where it was drawn last, and away with it.
            let _ = write!(text, "\x1b[{drawn}A\x1b[J");
        }
        for ((watcher, seen), before) in watchers.iter().zip(&now).zip(&mut before) {
            if before.as_ref().is_none_or(|before| before.who() != seen.who()) {
                let _ = writeln!(text, "{}  {} answers with {}", clock(), watcher.name(), names(&seen.who()));
                *before = Some(seen.clone());
            }
        }
        if terminal {
            for (watcher, seen) in watchers.iter().zip(&now) {
                let _ = writeln!(text, "  asked at {:<5} {}", watcher.name(), bars(seen));
            }
            drawn = watchers.len();
        }
        print!("{text}");
        let _ = io::stdout().flush();
    }
}

/// The shares of the last answers.
fn bars(seen: &Seen) -> String {
    let total: usize = seen.counts.values().sum();
    let each: Vec<String> = seen
        .counts
        .iter()
        .map(|(answer, count)| {
            let percent = count * 100 / total.max(1);
            format!("{:<22} {:<20} {percent:>3} %", name(answer), "█".repeat(percent / 5))
        })
        .collect();
    each.join("  ")
}

fn names(answers: &[String]) -> String {
    answers.iter().map(|answer| name(answer)).collect::<Vec<_>>().join(" and ")
}

/// An answer, with the cluster whose it is.
fn name(answer: &str) -> String {
    let cluster = ADDRESSES.iter().find(|(_, address)| *address == answer);
    cluster.map_or_else(|| answer.to_owned(), |(cluster, _)| format!("{answer} ({cluster})"))
}

/// The time of day, in UTC.
fn clock() -> String {
    let now = k8s_openapi::jiff::Timestamp::now().to_string();
    now.get(11..19).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_whose_it_is() {
        assert_eq!(name("192.0.2.10"), "192.0.2.10 (west)");
        assert_eq!(name("SERVFAIL"), "SERVFAIL");
        assert_eq!(names(&["192.0.2.10".to_owned(), "NODATA".to_owned()]), "192.0.2.10 (west) and NODATA");
    }

    #[test]
    fn bars_are_shares() {
        let counts = [("192.0.2.10".to_owned(), 3), ("198.51.100.20".to_owned(), 1)].into();
        let text = bars(&Seen { counts });
        assert!(text.contains("192.0.2.10 (west)      ███████████████       75 %"), "{text}");
        assert!(text.contains(" 25 %"), "{text}");
    }
}
