//! What each cluster is, from the evidence of heartbeats (R20, R20a). Pure: time comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mci_core::peer::Protocol;
use mci_core::{ClusterId, ClusterState, Liveness, LivenessLimits, RemovesAllPeers, Roster};

use crate::content::cluster::OwnOverrides;
use crate::heartbeat::{Evidence, Said, View};

/// What is to be written of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) state: ClusterState,
    pub(super) reason: String,
    pub(super) instance: Option<String>,
    pub(super) term: Option<u64>,
    pub(super) own: OwnOverrides,
}

/// One observer's view of every cluster that belongs here.
pub(super) struct Judge {
    own: ClusterId,
    limits: LivenessLimits,
    liveness: Liveness,
    /// The peers, and what each said of leaving.
    peers: Roster,
    /// The same for the own cluster, which nobody removes.
    itself: Roster,
    configured: BTreeSet<ClusterId>,
    /// Peers that are configured no more, and stay because no other would be left.
    unforgotten: BTreeSet<ClusterId>,
    said: BTreeMap<ClusterId, Said>,
}

impl Judge {
    pub(super) fn new(own: ClusterId, limits: LivenessLimits) -> Self {
        let mut liveness = Liveness::new(own.clone(), limits);
        liveness.watch(&own, None);
        let mut itself = Roster::default();
        itself
            .configure(&BTreeSet::from([own.clone()]), Duration::ZERO)
            .expect("nothing is removed from an empty roster");
        Self {
            own,
            limits,
            liveness,
            peers: Roster::default(),
            itself,
            configured: BTreeSet::new(),
            unforgotten: BTreeSet::new(),
            said: BTreeMap::new(),
        }
    }

    /// A cluster that was judged before: it belongs here until the configuration says otherwise.
    pub(super) fn knew(&mut self, cluster: &ClusterId, judged: Option<ClusterState>, now: Duration) {
        self.liveness.watch(cluster, judged);
        // What is gone and not configured was removed before: it is none of those that would go now.
        if judged == Some(ClusterState::Gone) {
            return;
        }
        if *cluster != self.own && !self.configured.contains(cluster) {
            self.configured.insert(cluster.clone());
            // Adding never removes.
            let _ = self.peers.configure(&self.configured, now);
        }
    }

    /// Which peers are configured now. Others become stale at once, and gone after ten minutes; removing all at once is
    /// refused, and changes nothing, unless each of them is `forgotten`.
    pub(super) fn configure(
        &mut self,
        peers: &BTreeSet<ClusterId>,
        forgotten: &BTreeSet<ClusterId>,
        limits: LivenessLimits,
        now: Duration,
    ) -> Result<(), RemovesAllPeers> {
        self.limits = limits;
        self.liveness.configure(limits);
        for peer in peers {
            self.liveness.watch(peer, None);
        }
        let going: BTreeSet<ClusterId> = self.configured.difference(peers).cloned().collect();
        if going.is_subset(forgotten) {
            for peer in &going {
                self.peers.forget(peer, now);
            }
        }
        self.unforgotten = going;
        self.peers.configure(peers, now)?;
        self.unforgotten.clear();
        self.configured.clone_from(peers);
        Ok(())
    }

    /// What the leader wrote, while somebody else leads.
    pub(super) fn adopt(&mut self, cluster: &ClusterId, judged: ClusterState) {
        self.liveness.adopt(cluster, judged);
    }

    /// A Lease, as it stands.
    pub(super) fn take(&mut self, evidence: Evidence, now: Duration) {
        match evidence {
            Evidence::Heartbeat { cluster, counter, said } => {
                // A Lease of a cluster that does not belong here is nobody's.
                let Ok(cluster) = cluster.parse::<ClusterId>() else { return };
                if self.liveness.state(&cluster).is_none() {
                    return;
                }
                self.liveness.heard(&cluster, counter);
                let roster = if cluster == self.own { &mut self.itself } else { &mut self.peers };
                if self.said.get(&cluster).is_some_and(|before| said.is_another_than(before)) {
                    roster.begin_anew(&cluster);
                }
                roster.hear(&cluster, said.term, said.left);
                self.said.insert(cluster, said);
            }
            Evidence::Receiver { pod, counter } => self.liveness.received(&pod, counter, now),
            Evidence::Other => {}
        }
    }

    /// A front end's Lease is gone.
    pub(super) fn receiver_gone(&mut self, pod: &str) {
        self.liveness.receiver_gone(pod);
    }

    /// Whether some cluster has not been heard for so long that what is known of it is worth a proof.
    pub(super) fn is_doubtful(&self) -> bool {
        self.liveness.greatest_age() + self.limits.check * 2 >= self.limits.timeout / 3
    }

    /// Lets ages grow.
    pub(super) fn tick(&mut self, now: Duration, contact: bool) {
        self.liveness.tick(now, contact);
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.liveness.is_frozen()
    }

    /// Every cluster with how long it has not been heard.
    pub(super) fn ages(&self) -> impl Iterator<Item = (&ClusterId, Duration)> {
        self.liveness.clusters().map(|id| (id, self.liveness.age(id).unwrap_or_default()))
    }

    /// What every cluster is.
    pub(super) fn verdicts(&self, now: Duration) -> Vec<(ClusterId, Verdict)> {
        let ids: Vec<ClusterId> = self.liveness.clusters().cloned().collect();
        ids.into_iter().map(|id| (id.clone(), self.verdict(&id, now))).collect()
    }

    fn verdict(&self, id: &ClusterId, now: Duration) -> Verdict {
        let heard = self.liveness.state(id).unwrap_or_default();
        let roster = if *id == self.own { &self.itself } else { &self.peers };
        let state = roster.state(id, heard, now);
        let said = self.said.get(id);
        let left = said.is_some_and(|said| said.left);
        let mut reason = match (state, heard) {
            (ClusterState::Alive, _) => heard_how(said),
            (ClusterState::Gone, _) if left => "it said goodbye".to_owned(),
            (ClusterState::Gone, _) => "it was removed from the peers".to_owned(),
            (ClusterState::Stale, ClusterState::Alive) => "it is no longer among the peers".to_owned(),
            (ClusterState::Stale, _) => {
                format!("its heartbeat was not heard for {} s", self.limits.timeout.as_secs_f64())
            }
        };
        if self.unforgotten.contains(id) {
            reason.push_str("; it is no longer among the peers, and stays because none would be left: `mci cluster forget` removes it");
        }
        Verdict {
            state,
            reason,
            instance: said.map(|said| said.instance.clone()).filter(|instance| !instance.is_empty()),
            term: said.map(|said| said.term),
            // The own overrides stand in the spec of the very same object.
            own: match said {
                Some(said) if *id != self.own => OwnOverrides::read(&said.overrides),
                _ => OwnOverrides::default(),
            },
        }
    }

    /// Clusters whose removal is complete: their state goes with them.
    pub(super) fn take_gone(&mut self, now: Duration) -> Vec<ClusterId> {
        let gone = self.peers.take_gone(now);
        for cluster in &gone {
            self.liveness.forget(cluster);
            self.said.remove(cluster);
        }
        gone
    }
}

/// What there is to say of a cluster that is alive.
fn heard_how(said: Option<&Said>) -> String {
    let how = match said.and_then(|said| said.protocol) {
        Some(Protocol::Stream) => "its heartbeat is heard by its stream",
        Some(Protocol::Rest) => "its heartbeat is heard by REST",
        None => "its heartbeat is heard",
    };
    match said.and_then(|said| said.view) {
        Some(View::Degraded) => {
            format!("Degraded: {how}, and what it publishes is as old as its last view of its own API server")
        }
        Some(View::Ok) | None => how.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClusterId {
        text.parse().unwrap()
    }

    fn heartbeat(cluster: &str, counter: u64, said: Said) -> Evidence {
        Evidence::Heartbeat { cluster: cluster.to_owned(), counter, said }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn judge() -> Judge {
        let mut judge = Judge::new(id("east"), LivenessLimits::default());
        judge.configure(&[id("west")].into(), &[].into(), LivenessLimits::default(), at(0)).unwrap();
        judge
    }

    fn state(judge: &Judge, cluster: &str, now: u64) -> (ClusterState, String) {
        let verdict = judge.verdict(&id(cluster), at(now));
        (verdict.state, verdict.reason)
    }

    #[test]
    fn r20_the_own_cluster_is_stale_when_its_operator_is_silent() {
        let mut judge = judge();
        for second in 1..=92 {
            judge.tick(at(second), true);
        }
        assert_eq!(
            state(&judge, "east", 92),
            (ClusterState::Stale, "its heartbeat was not heard for 90 s".to_owned())
        );
        judge.take(heartbeat("east", 1, Said::default()), at(92));
        judge.take(heartbeat("east", 2, Said::default()), at(93));
        assert_eq!(state(&judge, "east", 93).0, ClusterState::Alive);
        // Nobody here hears the peer, so nobody judges it.
        assert_eq!(state(&judge, "west", 93).0, ClusterState::Alive);
    }

    #[test]
    fn r20a_a_goodbye_is_heard_and_a_removed_peer_goes_after_ten_minutes() {
        let mut judge = judge();
        judge.knew(&id("north"), Some(ClusterState::Alive), at(1));
        judge.take(heartbeat("west", 1, Said { left: true, term: 2, ..Said::default() }), at(2));
        assert_eq!(state(&judge, "west", 2), (ClusterState::Gone, "it said goodbye".to_owned()));
        judge.configure(&[id("west")].into(), &[].into(), LivenessLimits::default(), at(3)).unwrap();
        assert_eq!(
            state(&judge, "north", 3),
            (ClusterState::Stale, "it is no longer among the peers".to_owned())
        );
        assert_eq!(judge.take_gone(at(602)), []);
        assert_eq!(judge.take_gone(at(603)), [id("north")]);
        assert!(judge.verdicts(at(604)).iter().all(|(id, _)| id.as_str() != "north"));
    }

    #[test]
    fn r20a_another_installation_is_not_bound_by_the_goodbye_of_the_one_before() {
        let mut judge = judge();
        let said = |instance: &str, term, left| Said {
            instance: instance.to_owned(),
            term,
            left,
            ..Said::default()
        };
        judge.take(heartbeat("west", 1, said("i-1", 9, true)), at(1));
        judge.take(heartbeat("west", 2, said("i-1", 3, false)), at(2));
        assert_eq!(state(&judge, "west", 2).0, ClusterState::Gone, "the highest term decides");
        judge.take(heartbeat("west", 3, said("i-2", 3, false)), at(3));
        assert_eq!(state(&judge, "west", 3).0, ClusterState::Alive);
    }

    #[test]
    fn r20_a_cluster_whose_view_is_old_is_alive_and_shown() {
        let mut judge = judge();
        let said = |view| Said { protocol: Some(Protocol::Stream), view: Some(view), ..Said::default() };
        judge.take(heartbeat("west", 1, said(View::Ok)), at(1));
        let heard = "its heartbeat is heard by its stream";
        assert_eq!(state(&judge, "west", 1), (ClusterState::Alive, heard.to_owned()));
        judge.take(heartbeat("west", 2, said(View::Degraded)), at(2));
        let (alive, reason) = state(&judge, "west", 2);
        assert_eq!(
            (alive, reason.starts_with(&format!("Degraded: {heard}, "))),
            (ClusterState::Alive, true),
            "{reason}"
        );
    }

    #[test]
    fn r20a_removing_every_peer_at_once_changes_nothing_until_it_is_confirmed() {
        let mut judge = judge();
        let configure = |judge: &mut Judge, peers: &[&str], forgotten: &[&str], now| {
            let set = |names: &[&str]| names.iter().map(|name| id(name)).collect();
            judge.configure(&set(peers), &set(forgotten), LivenessLimits::default(), at(now)).is_ok()
        };
        assert!(configure(&mut judge, &["west", "north"], &[], 1));
        assert!(!configure(&mut judge, &[], &[], 2));
        let (found, reason) = state(&judge, "west", 2);
        assert_eq!(found, ClusterState::Alive);
        assert!(reason.ends_with("`mci cluster forget` removes it"), "{reason}");
        assert!(!configure(&mut judge, &[], &["west"], 3), "all of them are to be confirmed");
        assert_eq!(state(&judge, "west", 3).0, ClusterState::Alive);
        assert!(configure(&mut judge, &[], &["west", "north"], 4));
        let removed = (ClusterState::Stale, "it is no longer among the peers".to_owned());
        assert_eq!((state(&judge, "west", 4), state(&judge, "north", 4)), (removed.clone(), removed));
        assert_eq!(judge.take_gone(at(604)), [id("north"), id("west")]);
    }

    #[test]
    fn r20a_a_peer_that_is_still_configured_is_not_forgotten() {
        let mut judge = judge();
        judge
            .configure(&[id("west")].into(), &[id("west")].into(), LivenessLimits::default(), at(1))
            .unwrap();
        assert_eq!(state(&judge, "west", 1), (ClusterState::Alive, "its heartbeat is heard".to_owned()));
    }

    #[test]
    fn r20a_a_removal_that_is_complete_stays_so_after_a_restart() {
        let mut judge = Judge::new(id("east"), LivenessLimits::default());
        judge.knew(&id("east"), Some(ClusterState::Alive), at(0));
        judge.knew(&id("west"), Some(ClusterState::Gone), at(0));
        judge.configure(&[].into(), &[].into(), LivenessLimits::default(), at(0)).unwrap();
        assert_eq!(
            state(&judge, "west", 1),
            (ClusterState::Gone, "it was removed from the peers".to_owned())
        );
    }

    #[test]
    fn r20a_a_cluster_that_comes_back_from_its_goodbye_is_alive_again_whatever_comes_late() {
        let mut judge = judge();
        let said = |term, left| Said { term, left, ..Said::default() };
        judge.take(heartbeat("west", 1, said(2, true)), at(1));
        assert_eq!(state(&judge, "west", 1).0, ClusterState::Gone);
        judge.take(heartbeat("west", 2, said(3, false)), at(2));
        assert_eq!(state(&judge, "west", 2).0, ClusterState::Alive);
        // Of a replica that lags behind.
        judge.take(heartbeat("west", 3, said(2, true)), at(3));
        assert_eq!(state(&judge, "west", 3).0, ClusterState::Alive);
    }

    #[test]
    fn r20a_a_goodbye_outlasts_the_silence_that_follows() {
        let mut judge = judge();
        judge.take(heartbeat("west", 1, Said { left: true, term: 2, ..Said::default() }), at(1));
        for second in 2..=200 {
            judge.tick(at(second), true);
        }
        assert_eq!(state(&judge, "west", 200), (ClusterState::Gone, "it said goodbye".to_owned()));
    }

    #[test]
    fn a_heartbeat_of_a_cluster_that_does_not_belong_here_is_nobodys() {
        let mut judge = judge();
        judge.take(heartbeat("elsewhere", 1, Said::default()), at(1));
        judge.take(heartbeat("NO NAME", 1, Said::default()), at(1));
        assert_eq!(judge.verdicts(at(1)).len(), 2);
    }

    #[test]
    fn r24_the_overrides_of_a_peer_are_what_it_said_last() {
        let mut judge = judge();
        let overrides = r#"{"override":{"state":"drained","reason":"upgrade"}}"#.to_owned();
        judge.take(heartbeat("west", 1, Said { overrides, ..Said::default() }), at(1));
        let verdict = judge.verdict(&id("west"), at(1));
        assert_eq!(verdict.own.held_back.unwrap().reason.as_deref(), Some("upgrade"));
        judge.take(heartbeat("west", 2, Said::default()), at(2));
        assert_eq!(judge.verdict(&id("west"), at(2)).own, OwnOverrides::default());
    }

    #[test]
    fn r20_doubt_comes_with_a_third_of_the_timeout() {
        let mut judge = judge();
        judge.tick(at(1), true);
        assert!(!judge.is_doubtful());
        for second in 2..=30 {
            judge.tick(at(second), true);
        }
        assert!(judge.is_doubtful());
    }
}
