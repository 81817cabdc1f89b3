//! However many faults there were, in the end all hold the same.

use crate::world::World;

/// Faults of each kind come up thousands of times in these.
const RUNS: u64 = 400;
const EVENTS: usize = 1500;

#[test]
fn after_any_faults_everyone_holds_what_is_published() {
    let (mut slowest, mut deltas, mut stored, mut violations) = (0, 0, 0, 0);
    for seed in 0..RUNS {
        let mut world = World::new(seed);
        for event in 0..EVENTS {
            world.happen();
            // In the middle too, and on with the faults after it.
            if event % 500 == 499 {
                let Some(rounds) = world.settle() else {
                    panic!("seed {seed}, after {event} events: {:#?}\n{:#?}", world.publisher, world.hearers);
                };
                slowest = slowest.max(rounds);
            }
        }
        deltas += world.hearers.iter().map(|hearer| hearer.deltas).sum::<usize>();
        stored += world.hearers.iter().map(|hearer| hearer.stored).sum::<usize>();
        violations += world.violations;
    }
    eprintln!("{deltas} deltas of {stored}, {violations} violations, slowest {slowest}");
    // That much happened, or the test shows nothing.
    assert!(deltas > 1000, "{deltas} deltas");
    assert!(violations > 0, "no session was ended for what the other side said");
    assert!(slowest <= 8, "it takes {slowest} rounds");
}
