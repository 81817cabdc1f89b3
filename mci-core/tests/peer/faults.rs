//! However many faults there were, in the end all hold the same.

use crate::world::World;

/// Most kinds of fault come up thousands of times in these.
const RUNS: u64 = 300;
const EVENTS: usize = 1500;

#[test]
fn after_any_faults_everyone_holds_what_is_published() {
    let (mut slowest, mut deltas, mut stored) = (0, 0, 0);
    for seed in 0..RUNS {
        let mut world = World::new(seed);
        for event in 1..=EVENTS {
            world.happen();
            // In the middle too, and on with the faults after it.
            if event % 500 == 0 {
                let Some(rounds) = world.settle() else {
                    panic!("seed {seed}, after {event} events: {:#?}\n{:#?}", world.publisher, world.hearers);
                };
                slowest = slowest.max(rounds);
            }
        }
        deltas += world.hearers.iter().map(|hearer| hearer.deltas).sum::<usize>();
        stored += world.hearers.iter().map(|hearer| hearer.stored).sum::<usize>();
    }
    // So much happened at least, or the test shows nothing.
    assert!(stored > 5000 && deltas > 2000, "{stored} shards were stored, and {deltas} of them by deltas");
    assert!(slowest <= 8, "it takes {slowest} rounds");
}
