//! From what the own API server holds to what a REST peer is told: shards become hostnames.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mci_core::peer::Outbox;
use mci_core::{Hostname, Shard};

use super::send_plan::SendPlan;
use crate::rest::Host;

/// Brings a [`SendPlan`] up to date with an [`Outbox`], whenever it is asked: only shards that changed are looked at.
#[derive(Debug)]
pub struct OutboxFeed {
    outbox: Arc<Outbox>,
    generation: u64,
    /// What each shard held when it was looked at: what is no longer in it is withdrawn.
    held: BTreeMap<Shard, BTreeSet<Hostname>>,
}

impl OutboxFeed {
    /// Of an outbox that was never looked at.
    pub const fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox, generation: 0, held: BTreeMap::new() }
    }

    /// Tells the plan what changed. Nothing does before the outbox has seen everything once: what is absent until then is
    /// not known to be gone.
    pub fn feed(&mut self, plan: &mut SendPlan, now: Duration) {
        if !self.outbox.has_begun() {
            return;
        }
        let (generation, shards) = self.outbox.changed_since(self.generation);
        self.generation = generation;
        for (shard, _) in shards {
            let mut holds = BTreeSet::new();
            for item in self.outbox.items_of(shard) {
                match Host::from_item(item.hostname.clone(), &item.json) {
                    Ok(host) => plan.want(host),
                    Err(error) => {
                        // It is offered nowhere rather than where it was before.
                        tracing::warn!(hostname = %item.hostname, %error, "An item of an own shard cannot be read");
                        plan.want(Host::none(item.hostname.clone()));
                    }
                }
                holds.insert(item.hostname);
            }
            let held = self.held.remove(&shard).unwrap_or_default();
            for hostname in held.difference(&holds) {
                plan.withdraw(hostname, now);
            }
            if !holds.is_empty() {
                self.held.insert(shard, holds);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mci_core::peer::{ShardItem, ShardState, ShardVersion};

    use super::*;

    fn observe(outbox: &Outbox, seq: u64, items: &[(&str, &str)]) {
        let hostname = |text: &str| -> Hostname { text.parse().unwrap() };
        let shard = Shard::of(&hostname("a.example"));
        let version = ShardVersion { term: 1, seq };
        let state = ShardState { shard, version, digest: format!("digest {seq}").into() };
        let item = |(name, json): &(&str, &str)| ShardItem { hostname: hostname(name), json: (*json).into() };
        outbox.observe(state, items.iter().map(item));
    }

    fn told(plan: &mut SendPlan) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(host) = plan.next(Duration::ZERO) {
            told.push(serde_json::to_string(&*host).unwrap());
            plan.posted(crate::peer::Posted::Told, Duration::ZERO);
        }
        told
    }

    #[test]
    fn what_changes_in_the_own_shards_is_told() {
        const APP: &str = r#"{"hostname": "a.example", "hostIPs": [{"ipAddress": "192.0.2.1"}]}"#;
        let outbox = Arc::new(Outbox::new());
        let mut feed = OutboxFeed::new(outbox.clone());
        let mut plan = SendPlan::new(Duration::from_secs(10));
        plan.heartbeat(Duration::ZERO, Duration::ZERO, true);
        observe(&outbox, 1, &[("a.example", APP)]);
        feed.feed(&mut plan, Duration::ZERO);
        assert_eq!(told(&mut plan), [""; 0], "not all was seen yet");
        outbox.begin();
        feed.feed(&mut plan, Duration::ZERO);
        let app =
            r#"{"hostname":"a.example","hostIPs":[{"ipAddress":"192.0.2.1","priority":0,"weight":50}]}"#;
        assert_eq!(told(&mut plan), [app]);
        feed.feed(&mut plan, Duration::ZERO);
        assert_eq!(told(&mut plan), [""; 0], "nothing changed");
        let empty = r#"{"hostname":"a.example","hostIPs":[]}"#;
        observe(&outbox, 2, &[("a.example", "?")]);
        feed.feed(&mut plan, Duration::ZERO);
        assert_eq!(told(&mut plan), [empty], "an item that cannot be read is offered nowhere");
        observe(&outbox, 3, &[("a.example", APP)]);
        observe(&outbox, 4, &[]);
        feed.feed(&mut plan, Duration::ZERO);
        assert_eq!(told(&mut plan), [empty], "an emptied shard withdraws what it held");
    }
}
