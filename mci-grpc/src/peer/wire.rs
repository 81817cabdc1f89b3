//! Messages ⇄ the words of `mci_core::peer`. What comes in is checked here, and nowhere else.

use std::fmt;
use std::time::Duration;

use mci_core::peer::{
    Heard, Heartbeat, Refusal, RefusalReason, ShardChange, ShardItem, ShardState, ShardUpdate, ShardVersion,
    Stored, Urgency,
};
use mci_core::{ClusterId, Hostname, Shard};

use crate::peer::pb;

/// The longest digest that is kept.
const DIGEST: usize = 128;
/// The highest term and seq: a Kubernetes object has no room for more.
const HIGHEST: u64 = i64::MAX.unsigned_abs();

/// A message that no peer sends. It says which field is wrong, and nothing that could be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub(crate) struct Malformed {
    field: &'static str,
    problem: String,
}

fn malformed(field: &'static str, problem: impl fmt::Display) -> Malformed {
    Malformed { field, problem: format!("{problem}") }
}

pub(crate) fn state(state: &ShardState) -> pb::State {
    let ShardState { shard, version: ShardVersion { term, seq }, digest } = state;
    pb::State { shard: shard.number().into(), term: *term, seq: *seq, digest: digest.to_string() }
}

pub(crate) fn read_state(state: pb::State) -> Result<ShardState, Malformed> {
    let pb::State { shard, term, seq, digest } = state;
    let shard = Shard::try_from(u64::from(shard)).map_err(|error| malformed("state.shard", error))?;
    Ok(ShardState { shard, version: read_version(term, seq)?, digest: read_digest(digest)? })
}

fn read_version(term: u64, seq: u64) -> Result<ShardVersion, Malformed> {
    match term.max(seq) {
        0..=HIGHEST => Ok(ShardVersion { term, seq }),
        high => Err(malformed("state", format_args!("has a term or seq of {high}: at most {HIGHEST}"))),
    }
}

fn read_digest(digest: String) -> Result<std::sync::Arc<str>, Malformed> {
    match digest.len() {
        0..=DIGEST => Ok(digest.into()),
        long => Err(malformed("state.digest", format_args!("has {long} octets: at most {DIGEST}"))),
    }
}

fn item(item: &ShardItem) -> pb::Item {
    pb::Item { hostname: item.hostname.to_string(), json: item.json.as_ref().to_owned() }
}

pub(crate) fn shard(update: ShardUpdate) -> pb::Shard {
    let ShardUpdate { state: now, change, urgency } = update;
    let change = match change {
        ShardChange::Whole(items) => {
            pb::shard::Change::Whole(pb::Whole { items: items.iter().map(item).collect() })
        }
        ShardChange::Delta { base, base_digest, put, removed } => pb::shard::Change::Delta(pb::Delta {
            base_term: base.term,
            base_seq: base.seq,
            base_digest: base_digest.as_ref().to_owned(),
            put: put.iter().map(item).collect(),
            removed: removed.iter().map(Hostname::to_string).collect(),
        }),
    };
    let urgency = match urgency {
        Urgency::Change => pb::Urgency::Change,
        Urgency::Bulk => pb::Urgency::Bulk,
    };
    pb::Shard { state: Some(state(&now)), urgency: urgency.into(), change: Some(change) }
}

/// A shard from `cluster`, and the items that are left out of it because they cannot be read.
pub(crate) fn read_shard(
    cluster: &ClusterId,
    shard: pb::Shard,
) -> Result<(ShardUpdate, Vec<Refusal>), Malformed> {
    let pb::Shard { state, urgency, change } = shard;
    let state = read_state(state.ok_or_else(|| malformed("shard.state", "is missing"))?)?;
    if state.version.term == 0 {
        return Err(malformed("shard.state.term", "is 0: the terms of a sender begin with 1"));
    }
    // One that a later version knows is no reason to hurry.
    let urgency = match pb::Urgency::try_from(urgency) {
        Ok(pb::Urgency::Change) => Urgency::Change,
        Ok(pb::Urgency::Bulk) | Err(_) => Urgency::Bulk,
    };
    let mut reading = Reading { cluster, shard: state.shard, refused: Vec::new() };
    let change = match change {
        Some(pb::shard::Change::Whole(pb::Whole { items })) => ShardChange::Whole(reading.items(items)),
        Some(pb::shard::Change::Delta(delta)) => {
            let pb::Delta { base_term, base_seq, base_digest, put, removed } = delta;
            let removed = removed.into_iter().filter_map(|text| reading.hostname(text)).collect();
            ShardChange::Delta {
                base: read_version(base_term, base_seq)?,
                base_digest: read_digest(base_digest)?,
                put: reading.items(put),
                removed,
            }
        }
        None => return Err(malformed("shard.change", "is missing")),
    };
    Ok((ShardUpdate { state, change, urgency }, reading.refused))
}

struct Reading<'a> {
    cluster: &'a ClusterId,
    shard: Shard,
    refused: Vec<Refusal>,
}

impl Reading<'_> {
    fn items(&mut self, items: Vec<pb::Item>) -> Vec<ShardItem> {
        let items = items.into_iter();
        let read = items.filter_map(|pb::Item { hostname, json }| {
            let hostname = self.hostname(hostname)?;
            Some(ShardItem { hostname, json: json.into() })
        });
        read.collect()
    }

    fn hostname(&mut self, text: String) -> Option<Hostname> {
        let problem = match text.parse::<Hostname>() {
            Ok(hostname) if Shard::of(&hostname) == self.shard => return Some(hostname),
            Ok(hostname) => format!("it belongs to shard {}, not to {}", Shard::of(&hostname), self.shard),
            Err(error) => error.to_string(),
        };
        let reason = RefusalReason::Malformed(problem);
        self.refused.push(Refusal { cluster: self.cluster.clone(), hostname: text, reason });
        None
    }
}

pub(crate) fn stored(stored: Stored) -> pb::Stored {
    let Stored { state: now, refused } = stored;
    let refused = refused.into_iter().map(|refusal| pb::Refused {
        hostname: refusal.hostname,
        reason: refusal.reason.label().to_owned(),
        message: refusal.reason.to_string(),
    });
    pb::Stored { state: Some(state(&now)), refused: refused.collect() }
}

pub(crate) fn read_stored(stored: pb::Stored) -> Result<(ShardState, Vec<pb::Refused>), Malformed> {
    let pb::Stored { state, refused } = stored;
    Ok((read_state(state.ok_or_else(|| malformed("stored.state", "is missing"))?)?, refused))
}

pub(crate) fn heartbeat(heartbeat: &Heartbeat) -> pb::Heartbeat {
    let Heartbeat { instance, term, left, overrides, view_age } = heartbeat;
    let view_age_ms = view_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    pb::Heartbeat {
        instance: instance.clone(),
        term: *term,
        left: *left,
        overrides: overrides.clone(),
        view_age_ms,
    }
}

/// The longest instance that is taken: a UID has 36 octets.
const INSTANCE: usize = 256;
/// The longest overrides: they are kept in an annotation, all of which together may have 256 KiB.
const OVERRIDES: usize = 128 * 1024;

pub(crate) fn read_heartbeat(heartbeat: pb::Heartbeat) -> Result<Heartbeat, Malformed> {
    let pb::Heartbeat { instance, term, left, overrides, view_age_ms } = heartbeat;
    if instance.len() > INSTANCE {
        let long = instance.len();
        return Err(malformed("heartbeat.instance", format_args!("has {long} octets: at most {INSTANCE}")));
    }
    if overrides.len() > OVERRIDES {
        let long = overrides.len();
        return Err(malformed("heartbeat.overrides", format_args!("has {long} octets: at most {OVERRIDES}")));
    }
    if term > HIGHEST {
        return Err(malformed("heartbeat.term", format_args!("is {term}: at most {HIGHEST}")));
    }
    Ok(Heartbeat { instance, term, left, overrides, view_age: view_age_ms.map(Duration::from_millis) })
}

pub(crate) const fn heard(heard: Heard) -> pb::Heard {
    pb::Heard { term: heard.term }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(shard: Shard) -> impl Iterator<Item = Hostname> {
        let names = (0..).map(|index| format!("app-{index}.example").parse::<Hostname>().unwrap());
        names.filter(move |name| Shard::of(name) == shard)
    }

    fn update() -> ShardUpdate {
        let shard = Shard::try_from(5).unwrap();
        let mut names = names(shard);
        let item = ShardItem { hostname: names.next().unwrap(), json: r#"{"new":[1]}"#.into() };
        let base = ShardVersion { term: 2, seq: 9 };
        let change = ShardChange::Delta {
            base,
            base_digest: "before".into(),
            put: vec![item],
            removed: vec![names.next().unwrap()],
        };
        let version = ShardVersion { term: 3, seq: 1 };
        ShardUpdate {
            state: ShardState { shard, version, digest: "after".into() },
            change,
            urgency: Urgency::Change,
        }
    }

    fn east() -> ClusterId {
        "east".parse().unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let delta = update();
        assert_eq!(read_shard(&east(), shard(delta.clone())), Ok((delta.clone(), vec![])));
        let ShardChange::Delta { put, .. } = delta.change else { unreachable!() };
        let whole = ShardUpdate { change: ShardChange::Whole(put), urgency: Urgency::Bulk, ..delta };
        assert_eq!(read_shard(&east(), shard(whole.clone())), Ok((whole, vec![])));

        let full = Heartbeat {
            instance: "uid".into(),
            term: 7,
            left: true,
            overrides: "{}".into(),
            view_age: Some(Duration::from_millis(1500)),
        };
        assert_eq!(read_heartbeat(heartbeat(&full)), Ok(full));
        assert_eq!(read_heartbeat(pb::Heartbeat::default()), Ok(Heartbeat::default()));
    }

    #[test]
    fn an_item_that_cannot_be_read_is_left_out_by_name() {
        let mut message = shard(update());
        let stranger = names(Shard::try_from(6).unwrap()).next().unwrap();
        let Some(pb::shard::Change::Delta(delta)) = &mut message.change else { unreachable!() };
        delta.put.push(pb::Item { hostname: stranger.to_string(), json: "{}".into() });
        delta.put.push(pb::Item { hostname: "a..b".into(), json: "{}".into() });
        let (read, refused) = read_shard(&east(), message).unwrap();
        assert_eq!(read, update());
        let refused: Vec<String> = refused.iter().map(Refusal::to_string).collect();
        let stranger =
            format!("cluster east may not publish {stranger}: it belongs to shard 006, not to 005");
        assert_eq!(refused.first(), Some(&stranger));
        assert!(refused[1].starts_with("cluster east may not publish a..b: "), "{refused:?}");
    }

    #[test]
    fn what_no_peer_sends_is_told_by_its_field() {
        let problem = |change: &dyn Fn(&mut pb::Shard)| {
            let mut message = shard(update());
            change(&mut message);
            read_shard(&east(), message).unwrap_err().to_string()
        };
        let of =
            |change: fn(&mut pb::State)| problem(&move |message| change(message.state.as_mut().unwrap()));
        assert_eq!(
            [
                problem(&|message| message.state = None),
                problem(&|message| message.change = None),
                of(|state| state.shard = 1024),
                of(|state| state.term = 0),
                of(|state| state.seq = u64::MAX),
                of(|state| state.digest = "x".repeat(129)),
            ],
            [
                "shard.state is missing".to_owned(),
                "shard.change is missing".to_owned(),
                "state.shard 1024 is no shard: they are numbered from 0 to 1023".to_owned(),
                "shard.state.term is 0: the terms of a sender begin with 1".to_owned(),
                format!("state has a term or seq of {}: at most {}", u64::MAX, i64::MAX),
                "state.digest has 129 octets: at most 128".to_owned(),
            ]
        );
        let long = pb::Heartbeat { overrides: "x".repeat(OVERRIDES + 1), ..pb::Heartbeat::default() };
        let error = read_heartbeat(long).unwrap_err().to_string();
        assert_eq!(error, "heartbeat.overrides has 131073 octets: at most 131072");
    }
}
