//! A steady load on every cluster's DNS, held against one table.

use std::time::Instant;

use crate::checker::Checker;
use crate::world::Steady;

use super::Fleet;

/// 500 queries a second at each cluster.
#[derive(Debug)]
pub struct SteadyFleet {
    began: Instant,
    clusters: Vec<(String, Steady)>,
}

impl Fleet {
    /// Begins to ask every cluster's DNS for a name.
    pub fn load(&self, name: &str) -> SteadyFleet {
        let clusters = self.worlds.iter().map(|world| (world.identifier().to_owned(), world.load(name)));
        SteadyFleet { began: Instant::now(), clusters: clusters.collect() }
    }

    /// The same, and a dns-server that answers SERVFAIL itself is passed over for the next, as resolvers do: for tests
    /// that start one again.
    pub fn load_past_servfail(&self, name: &str) -> SteadyFleet {
        let clusters =
            self.worlds.iter().map(|world| (world.identifier().to_owned(), world.load_past_servfail(name)));
        SteadyFleet { began: Instant::now(), clusters: clusters.collect() }
    }
}

impl SteadyFleet {
    /// When it began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Ends the load on one cluster, before its DNS goes: what it answered is judged by this table.
    #[track_caller]
    pub fn end_at(&mut self, cluster: &str, table: &Checker) {
        let place = self.clusters.iter().position(|(name, _)| name == cluster).expect("it is asked");
        let (_, steady) = self.clusters.remove(place);
        steady.none_failed_none_wrong(table);
    }

    /// Ends it, and fails where one query failed or was answered wrongly by the table, at any cluster.
    #[track_caller]
    pub fn none_failed_none_wrong(self, table: &Checker) {
        for (cluster, steady) in self.clusters {
            eprintln!("judging what {cluster} answered");
            steady.none_failed_none_wrong(table);
        }
    }
}
