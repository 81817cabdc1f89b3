//! A steady load on every way to an answer, held against one table.

use std::time::{Duration, Instant};

use crate::checker::Checker;
use crate::cluster::Replica;
use crate::load::{Exchange, Load, Plan};

use super::World;

/// While the API server is down, an answer may be as old as it likes.
pub const UNLIMITED: Duration = Duration::MAX;

/// 500 queries a second and more: half through `CoreDNS`, half to the dns-servers themselves.
#[derive(Debug)]
pub struct Steady {
    name: String,
    began: Instant,
    ways: Vec<(&'static str, Load)>,
}

/// Half the rate, with which one way is asked.
const PAUSE: Duration = Duration::from_millis(3);

impl World {
    /// Begins to ask for a name. A dns-server that does not answer in a second is passed over for the next, as
    /// resolvers do.
    pub fn load(&self, name: &str) -> Steady {
        self.load_of(name, self.dns_servers.iter().collect())
    }

    /// The same, of these dns-servers alone.
    pub fn load_of(&self, name: &str, direct: Vec<&Replica>) -> Steady {
        let began = Instant::now();
        let plan = |servers: Vec<_>| Plan { pause: PAUSE, ..Plan::new(servers, name) };
        let direct = direct.into_iter().map(Replica::dns).collect();
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

    /// Ends it and fails where one query failed or was answered wrongly by the table, or where fewer than 100 a second
    /// were asked: too few to say anything.
    #[track_caller]
    pub fn none_failed_none_wrong(self, table: &Checker) {
        let Steady { name, began, ways } = self;
        let runs: Vec<(&str, Vec<Exchange>)> =
            ways.into_iter().map(|(way, load)| (way, load.stop())).collect();
        let asked: usize = runs.iter().map(|(_, exchanges)| exchanges.len()).sum();
        for (way, exchanges) in &runs {
            let verdict = table.judge(exchanges);
            assert!(verdict.is_clean(), "{name} {way}: {} asked\n{verdict}", exchanges.len());
        }
        let rate = asked as u64 / began.elapsed().as_secs().max(1);
        assert!(rate >= 100, "only {rate} queries a second for {name}: not enough to say anything");
    }
}
