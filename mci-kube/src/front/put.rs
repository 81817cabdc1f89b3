//! One shard of a peer, stored.
//!
//! ```text
//!   a whole ───────────────────────► over the version that the watch or our last write showed ──► stored
//!   a delta ──► the object as it is ──► over that version                                            │
//!      ▲                                                              409, 404: look again ◄─────────┘
//!      └──────────────────────────────── decide again ◄──────────────────────┘
//! ```

use std::collections::HashSet;

use mci_core::peer::{
    Decision, HeldShard, Refusal, ShardChange, ShardState, ShardUpdate, StoreError, Stored, Urgency, decide,
};
use mci_core::{ClusterId, Hostname, Shard};

use super::admit::{Admitted, admit, as_sent, is_of_today, mark};
use super::object::{Items, Place, RawShard};
use super::shelf::Held;
use super::{Inner, unavailable};
use crate::client::CallError;
use crate::watch::{ObjectKey, Version};
use crate::write::{Act, Lane, Outcome};

/// How often a write is decided again before the sender is told to come later.
const ATTEMPTS: usize = 8;

/// A shard as it is to be written.
pub(super) struct Draft {
    pub(super) state: ShardState,
    pub(super) items: Items,
    pub(super) mark: Option<String>,
}

impl Inner {
    /// Everything that is held of a cluster, as its sender is told: what was written under another policy than today's is
    /// nothing, so that it is sent again.
    pub(super) fn states(&self, cluster: &ClusterId) -> Vec<ShardState> {
        let admission = self.admission(cluster);
        let known = self.shelf();
        let hostnames = known.hostnames_of(cluster);
        let state = |(shard, held): (Shard, &Held)| {
            if is_of_today(held.admission.as_deref(), &admission, hostnames) {
                held.state(shard)
            } else {
                ShardState::nothing(shard)
            }
        };
        known.of(cluster).map(state).collect()
    }

    /// Stores an update. The caller holds the lock of this shard.
    pub(super) async fn put(&self, place: &Place, update: ShardUpdate) -> Result<Stored, StoreError> {
        let admission = self.admission(&place.cluster);
        let lane = match update.urgency {
            Urgency::Change => Lane::Changes,
            Urgency::Bulk => Lane::Bulk,
        };
        let is_delta = matches!(update.change, ShardChange::Delta { .. });
        // What the object's version is where it is not what is held: under the name of the shard lies something else.
        let mut stranger = None;
        for _ in 0..ATTEMPTS {
            let mut held = self.held(place);
            let mut items = Vec::new();
            // Newer than what comes: nothing has to be looked at.
            if is_delta && held.as_ref().is_some_and(|held| held.version < update.state.version) {
                let (found, other) = self.look(place, lane).await?;
                stranger = other;
                held = self.held(place);
                items = found.map(|object| as_sent(object.into_items())).unwrap_or_default();
            }
            let hostnames = self.shelf().hostnames_of(&place.cluster);
            let of_today = held
                .as_ref()
                .is_some_and(|held| is_of_today(held.admission.as_deref(), &admission, hostnames));
            let state = match &held {
                // Under another policy its content would be another: the same version may take its place.
                Some(held) if !of_today && held.version <= update.state.version => {
                    ShardState::nothing(place.shard)
                }
                Some(held) => held.state(place.shard),
                None => ShardState::nothing(place.shard),
            };
            let known: HashSet<Hostname> = items.iter().map(|item| item.hostname.clone()).collect();
            let before = HeldShard { state: state.clone(), items };
            let decision = decide(held.is_some().then_some(&before), update.clone());
            let HeldShard { state: next, items: mut wanted } = match decision {
                Decision::Keep | Decision::NeedWhole => return Ok(Stored { state, refused: Vec::new() }),
                Decision::Replace(next) => next,
            };
            // A hostname that is new pushes out none that was there.
            wanted.sort_by_cached_key(|item| (!known.contains(&item.hostname), item.hostname.clone()));
            let beside = self.shelf().hostnames_beside(place);
            let Admitted { items, refused } = admit(place, wanted, &admission, beside);
            // What was left out of what a delta starts from is still left out.
            let mark = mark(&admission, &refused).or_else(|| {
                let before = held.as_ref().filter(|_| is_delta)?.admission.as_deref()?;
                Some(before.to_owned())
            });
            let over = held.as_ref().map(|held| held.resource_version).or(stranger);
            let draft = Draft { state: next, items, mark };
            match self.write(place, draft, over, lane).await? {
                Some(state) => return Ok(self.stored(place, state, refused)),
                None => stranger = self.look(place, lane).await?.1,
            }
        }
        Err(StoreError::Unavailable {
            reason: format!(
                "shard {} was changed by others each time that it was to be written",
                place.shard
            ),
        })
    }

    fn stored(&self, place: &Place, state: ShardState, refused: Vec<Refusal>) -> Stored {
        self.refusals.note(&refused);
        self.count_stored(&place.cluster);
        Stored { state, refused }
    }

    /// Writes a shard over a version, or as a new one. Nothing where that is not how it is.
    pub(super) async fn write(
        &self,
        place: &Place,
        draft: Draft,
        over: Option<Version>,
        lane: Lane,
    ) -> Result<Option<ShardState>, StoreError> {
        let Draft { state, items, mark } = draft;
        let object =
            RawShard::new(&self.namespace, place, state.version, &state.digest, items, mark.as_deref(), over);
        let permit = self.lanes.begin(lane).await;
        let (act, answer) = match over {
            Some(_) => (Act::Replace, self.client.replace(&object).await),
            None => (Act::Create, self.client.create(&object).await),
        };
        let written = match answer.and_then(|object| object.held()) {
            Ok(held) => {
                permit.succeeded();
                self.counters.count(lane, act, Outcome::Done);
                self.shelf().set(&self.namespace, place.clone(), Some(held));
                return Ok(Some(state));
            }
            Err(error) => error,
        };
        if written.is_overloaded() {
            permit.overloaded();
        }
        self.counters.count(lane, act, outcome(&written));
        if written.is_conflict() || written.is_not_found() { Ok(None) } else { Err(unavailable(&written)) }
    }

    /// Looks at a shard as it is. Beside it, the version of what lies under its name and is no such shard.
    pub(super) async fn look(
        &self,
        place: &Place,
        lane: Lane,
    ) -> Result<(Option<RawShard>, Option<Version>), StoreError> {
        let key: ObjectKey = place.key(&self.namespace);
        let found = self.client.get::<RawShard>(&key).await.and_then(|object| match object {
            Some(object) => object.held().map(|held| Some((object, held))),
            None => Ok(None),
        });
        match found {
            Ok(found) => {
                self.counters.count(lane, Act::Look, Outcome::Done);
                let (object, held) = found.unzip();
                let is_shard = object.as_ref().is_some_and(|object| object.is_of(place));
                let stranger = held.as_ref().map(|held| held.resource_version).filter(|_| !is_shard);
                self.shelf().set(&self.namespace, place.clone(), held.filter(|_| is_shard));
                Ok((object.filter(|_| is_shard), stranger))
            }
            Err(error) => {
                self.counters.count(lane, Act::Look, outcome(&error));
                Err(unavailable(&error))
            }
        }
    }
}

/// What a failure is called in metrics.
fn outcome(error: &CallError) -> Outcome {
    if error.is_conflict() || error.is_not_found() {
        Outcome::Conflict
    } else if error.is_overloaded() {
        Outcome::Overloaded
    } else if error.is_forbidden() {
        Outcome::Forbidden
    } else if error.is_invalid() {
        Outcome::Invalid
    } else if error.is_outcome_unknown() {
        Outcome::Unknown
    } else {
        Outcome::Failed
    }
}
