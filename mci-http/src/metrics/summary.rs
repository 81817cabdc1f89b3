//! What the gauges say of a snapshot: computed when somebody scrapes, and kept until the snapshot changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use mci_core::{Condition, Hostname, Live, Snapshot};

/// The label of what lies outside every zone.
pub(crate) const OUTSIDE: &str = "-";
/// A scrape of a snapshot that changes all the time computes at most this part of it: one fiftieth.
const REST: u32 = 50;
/// What is computed faster than this is always computed.
const QUICK: Duration = Duration::from_millis(20);

/// The hostnames of one zone by what is so of them. A hostname is answered or unanswerable; the others are said of
/// those beside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    /// An A or AAAA query gets an address or a name.
    pub(crate) answered: u64,
    /// Neither does.
    pub(crate) unanswerable: u64,
    /// One cluster is all that answers.
    pub(crate) single_cluster: u64,
    /// Only stale clusters, or those overridden `down`, answer (R11).
    pub(crate) stale: u64,
    /// A cluster that offers it has weight 0 (R6) or is held back by an operator (R24).
    pub(crate) drained: u64,
}

/// What the gauges say of one snapshot.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// [`Snapshot::digest`].
    pub(crate) digest: u64,
    /// By zone, those without hostnames included.
    pub(crate) zones: BTreeMap<String, Conditions>,
}

impl Summary {
    fn of(snapshot: &Snapshot) -> Self {
        let mut apexes = HashMap::new();
        let mut zones = BTreeMap::new();
        for zone in snapshot.zones().iter() {
            let name = zone.name.to_string();
            apexes.insert(zone.name.wire(), name.clone());
            zones.insert(name, Conditions::default());
        }
        for hostname in snapshot.hostnames() {
            let zone = longest(hostname.wire(), &apexes).map_or(OUTSIDE, String::as_str);
            if !zones.contains_key(zone) {
                zones.insert(zone.to_owned(), Conditions::default());
            }
            let conditions = zones.get_mut(zone).expect("inserted above");
            count(conditions, snapshot, &hostname);
        }
        Self { digest: snapshot.digest(), zones }
    }
}

/// The longest zone that contains the name (R2a).
fn longest<'a>(mut name: &[u8], apexes: &'a HashMap<&[u8], String>) -> Option<&'a String> {
    loop {
        if let Some(zone) = apexes.get(name) {
            return Some(zone);
        }
        let label = usize::from(*name.first()?);
        if label == 0 {
            return None;
        }
        name = name.get(1 + label..)?;
    }
}

fn count(conditions: &mut Conditions, snapshot: &Snapshot, hostname: &Hostname) {
    let Some(Condition { answered, single_cluster, stale, drained }) = snapshot.condition(hostname) else {
        return;
    };
    conditions.answered += u64::from(answered);
    conditions.unanswerable += u64::from(!answered);
    conditions.single_cluster += u64::from(single_cluster);
    conditions.stale += u64::from(stale);
    conditions.drained += u64::from(drained);
}

/// The summary of the snapshot that is served.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Which snapshot it is of. A weak reference keeps the address from being used again, and nothing else.
    of: Weak<Snapshot>,
    computed: Option<(Instant, Duration)>,
    summary: Arc<Summary>,
}

impl Kept {
    /// The summary, computed anew if the snapshot is another; says whether it was.
    pub(crate) fn renew(&mut self, live: &Live) -> (Arc<Summary>, bool) {
        let snapshot = Arc::clone(&live.load());
        let same = std::ptr::eq(self.of.as_ptr(), Arc::as_ptr(&snapshot));
        let rests = self.computed.is_some_and(|(end, took)| took > QUICK && end.elapsed() < took * REST);
        if same || rests {
            return (Arc::clone(&self.summary), false);
        }
        let start = Instant::now();
        self.summary = Arc::new(Summary::of(&snapshot));
        self.of = Arc::downgrade(&snapshot);
        self.computed = Some((Instant::now(), start.elapsed()));
        (Arc::clone(&self.summary), true)
    }
}
