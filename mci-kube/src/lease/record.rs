//! The Lease as this crate reads and writes it.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;

use super::election::Record;
use super::{Options, TERM};
use crate::client::{CallError, version_of};

/// What counts of a Lease.
pub(super) fn read(lease: &Lease) -> Result<Record, CallError> {
    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone());
    let term = lease.metadata.annotations.as_ref().and_then(|annotations| annotations.get(TERM));
    Ok(Record {
        version: version_of(lease)?,
        holder: holder.filter(|holder| !holder.is_empty()),
        // A term that someone broke is as one that was lost: the floor holds.
        term: term.and_then(|term| term.parse().ok()).unwrap_or(0),
    })
}

/// The Lease to write over `last`, held by us, or by nobody when released.
pub(super) fn write(options: &Options, last: Option<&Lease>, term: u64, held: bool) -> Lease {
    let mut lease = last.cloned().unwrap_or_else(|| Lease {
        metadata: ObjectMeta {
            namespace: Some(options.namespace.clone()),
            name: Some(options.name.clone()),
            ..ObjectMeta::default()
        },
        spec: None,
    });
    lease.metadata.managed_fields = None;
    let annotations = lease.metadata.annotations.get_or_insert_default();
    let before = annotations.insert(TERM.to_owned(), term.to_string());
    let taken = before.as_deref() != Some(term.to_string().as_str());
    // Wall clocks are for people here: nobody compares them.
    let now = MicroTime(Timestamp::now());
    let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
    spec.holder_identity = Some(if held { options.identity.clone() } else { String::new() });
    // At least one second: the API server refuses less.
    let seconds = options.timing.duration.as_secs().max(1);
    spec.lease_duration_seconds = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
    spec.renew_time = Some(now.clone());
    if taken || spec.acquire_time.is_none() {
        spec.acquire_time = Some(now);
        spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |count| count.saturating_add(1)));
    }
    lease
}
