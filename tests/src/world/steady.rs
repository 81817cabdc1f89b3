//! A steady load on every way to an answer, held against one table.

use std::time::{Duration, Instant};

use crate::checker::Checker;
use crate::cluster::Replica;
use crate::load::{Exchange, Load, Plan};

use super::World;
use crate::wait;

/// While the API server is down, an answer may be as old as it likes.
pub const UNLIMITED: Duration = Duration::MAX;

/// 500 queries a second and more: half through `CoreDNS`, half to the dns-servers themselves.
#[derive(Debug)]
pub struct Steady {
    name: String,
    began: Instant,
    ways: Vec<(&'static str, Load)>,
}

/// What each way is asked at least.
const ENOUGH: usize = 200;

/// Half the rate, with which one way is asked.
const PAUSE: Duration = Duration::from_millis(3);

impl World {
    /// Begins to ask for a name. A dns-server that does not answer in a second is passed over for the next, as
    /// resolvers do.
    pub fn load(&self, name: &str) -> Steady {
        self.begin_load(name, false)
    }

    /// The same, and a dns-server that answers SERVFAIL itself is passed over for the next, as resolvers do: for tests
    /// that start one again, which has not synced at first.
    pub fn load_past_servfail(&self, name: &str) -> Steady {
        self.begin_load(name, true)
    }

    fn begin_load(&self, name: &str, passes_over_servfail: bool) -> Steady {
        let began = Instant::now();
        let plan = |servers: Vec<_>| Plan { pause: PAUSE, passes_over_servfail, ..Plan::new(servers, name) };
        let direct = self.dns_servers.iter().map(Replica::dns).collect();
        let ways = vec![
            ("through CoreDNS", plan(vec![self.coredns.dns()]).start()),
            ("direct", plan(direct).start()),
        ];
        Steady { name: name.to_owned(), began, ways }
    }
}

impl Steady {
    /// When it began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Ends it, once enough was asked to say anything, and fails where one query failed or was answered wrongly by the
    /// table.
    #[track_caller]
    pub fn none_failed_none_wrong(self, table: &Checker) {
        let Steady { name, began, ways } = self;
        for (way, load) in &ways {
            wait::until_true(&format!("{ENOUGH} queries {way}"), || load.asked() >= ENOUGH);
        }
        let (asked, took) = (ways.iter().map(|(_, load)| load.asked()).sum::<usize>(), began.elapsed());
        let runs: Vec<(&str, Vec<Exchange>)> =
            ways.into_iter().map(|(way, load)| (way, load.stop())).collect();
        for (way, exchanges) in &runs {
            let verdict = table.judge(exchanges);
            assert!(verdict.is_clean(), "{name} {way}: {} asked\n{verdict}", exchanges.len());
        }
        // In 10 ms each.
        let too_few = took.as_millis() / 10 > asked as u128;
        assert!(!too_few, "only {asked} queries in {took:?} for {name}: not enough to say anything");
    }
}
