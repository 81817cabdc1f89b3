//! Resolve a hostname in 20 lines: `cargo run -p mci-core --example resolve`.

use mci_core::state_file::{Problems, StateFile};
use mci_core::{Outcome, Query, RecordType};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn main() -> Result<(), Problems> {
    let mut chance = StdRng::seed_from_u64(1);
    let snapshot = StateFile::parse(include_str!("../../examples/standalone.yaml"))?.into_snapshot();
    let name = "app.gslb.example.com".parse().expect("a name");
    let query = Query::new(name, RecordType::A);
    match snapshot.resolve(&query, &mut chance) {
        Outcome::Addresses(a) => {
            println!("{} {:?} ttl {}", a.cluster(), a.iter().collect::<Vec<_>>(), a.ttl());
        }
        Outcome::Target(target) => println!("CNAME {}", target.name()),
        other => println!("{other}"),
    }
    for (cluster, share) in snapshot.shares(&query) {
        println!("{cluster} {share}");
    }
    print!("{}", snapshot.explain(&query));
    Ok(())
}
