//! What of a peer's shard is taken (R27), and under which policy that was decided.
//!
//! An entry that is left out leaves the others alone: it is named, logged once and counted.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use mci_core::peer::{Admission, Refusal, RefusalReason, ShardItem};
use mci_core::{ClusterId, Hostname, Shard};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tracing::warn;

use super::object::{Items, Place, hex};
use crate::content::shard::{self, MAX_OCTETS};
use crate::resources::PublishedHostname;

/// What of a shard is taken.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    pub(super) items: Items,
    pub(super) refused: Vec<Refusal>,
}

/// Admits the items of one shard, in the order of their precedence where not all of them fit. `beside` hostnames are in the
/// other shards of the cluster.
pub(super) fn admit(place: &Place, items: Vec<ShardItem>, admission: &Admission, beside: usize) -> Admitted {
    let mut admitted = Admitted::default();
    let mut octets = 0;
    for ShardItem { hostname, json } in items {
        let size = json.len() + 1;
        let most = admission.limits.hostnames;
        let checked = item(place, &hostname, &json, admission).and_then(|item| {
            if octets + size > MAX_OCTETS {
                Err(RefusalReason::TooLarge { octets: size, most: MAX_OCTETS })
            } else if beside + admitted.items.len() >= most {
                Err(RefusalReason::Hostnames { most })
            } else {
                Ok(item)
            }
        });
        match checked {
            Ok(item) => {
                octets += size;
                admitted.items.insert(hostname.to_string(), item);
            }
            Err(reason) => {
                let cluster = place.cluster.clone();
                admitted.refused.push(Refusal { cluster, hostname: hostname.to_string(), reason });
            }
        }
    }
    admitted
}

/// One item as it is stored, or why it is not.
fn item(
    place: &Place,
    hostname: &Hostname,
    json: &str,
    admission: &Admission,
) -> Result<Box<RawValue>, RefusalReason> {
    let malformed = |what: String| RefusalReason::Malformed(what);
    let raw = RawValue::from_string(json.to_owned()).map_err(|error| malformed(error.to_string()))?;
    let item: PublishedHostname = serde_json::from_str(json).map_err(|error| malformed(error.to_string()))?;
    let own = Shard::of(hostname);
    if own != place.shard {
        return Err(malformed(format!("it belongs to shard {own}, not to {}", place.shard)));
    }
    if item.hostname != hostname.to_string() {
        return Err(malformed(format!("its entry is one of {:?}", item.hostname)));
    }
    let (count, most) = (item.host_ips.len() + item.targets.len(), admission.limits.addresses);
    if count > most {
        return Err(RefusalReason::Addresses { count, most });
    }
    let read = shard::read_item(&place.cluster, &item).map_err(malformed)?;
    let (hostname, endpoint) = read.content;
    admission.check(&hostname, &endpoint).map_err(|refusal| refusal.reason)?;
    Ok(raw)
}

/// What a shard says of the policy that it is written under; nothing where there was nothing to decide.
pub(super) fn mark(admission: &Admission, refused: &[Refusal]) -> Option<String> {
    let too_many = refused.iter().filter(|one| matches!(one.reason, RefusalReason::Hostnames { .. })).count();
    let decides = admission.zones.is_some() || admission.max_priority.is_some() || !refused.is_empty();
    decides.then(|| match too_many {
        0 => fingerprint(admission),
        // These are asked for again once there is room.
        count => format!("{}+{count}", fingerprint(admission)),
    })
}

/// Whether a shard with this mark would be the same under today's policy, as far as can be told without its content.
pub(super) fn is_of_today(mark: Option<&str>, admission: &Admission, hostnames: usize) -> bool {
    let Some(mark) = mark else { return admission.zones.is_none() && admission.max_priority.is_none() };
    let (policy, left_out) = match mark.split_once('+') {
        Some((policy, count)) => (policy, count.parse().unwrap_or(0)),
        None => (mark, 0_usize),
    };
    let has_room = left_out > 0 && hostnames + left_out <= admission.limits.hostnames;
    policy == fingerprint(admission) && !has_room
}

fn fingerprint(admission: &Admission) -> String {
    let Admission { zones, max_priority, limits } = admission;
    let mut zones: Option<Vec<String>> =
        zones.as_ref().map(|zones| zones.iter().map(Hostname::to_string).collect());
    if let Some(zones) = &mut zones {
        zones.sort_unstable();
    }
    let text = serde_json::to_vec(&(zones, max_priority, limits.hostnames, limits.addresses))
        .expect("texts and numbers are JSON");
    hex(&Sha256::digest(text))
}

/// How many refusals are remembered, so that each is logged once.
const REMEMBERED: usize = 10_000;

/// Logs each refusal once, and counts them by cluster and reason.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    logged: HashSet<(ClusterId, String, &'static str)>,
    counts: HashMap<(ClusterId, &'static str), u64>,
}

impl Refusals {
    pub(super) fn note(&self, refused: &[Refusal]) {
        if refused.is_empty() {
            return;
        }
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for refusal in refused {
            let reason = refusal.reason.label();
            *noted.counts.entry((refusal.cluster.clone(), reason)).or_default() += 1;
            if noted.logged.len() >= REMEMBERED {
                noted.logged.clear();
            }
            if noted.logged.insert((refusal.cluster.clone(), refusal.hostname.clone(), reason)) {
                warn!(%refusal, "An entry of a peer is left out");
            }
        }
    }

    /// How often, by cluster and reason.
    pub(super) fn counts(&self) -> Vec<(ClusterId, &'static str, u64)> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts: Vec<_> = noted
            .counts
            .iter()
            .map(|((cluster, reason), count)| (cluster.clone(), *reason, *count))
            .collect();
        counts.sort_unstable();
        counts
    }
}

/// The items of a shard as the decision of the core takes them.
pub(super) fn as_sent(items: Items) -> Vec<ShardItem> {
    let item = |(hostname, raw): (String, Box<RawValue>)| {
        Some(ShardItem { hostname: hostname.parse().ok()?, json: Arc::from(raw.get()) })
    };
    items.into_iter().filter_map(item).collect()
}
