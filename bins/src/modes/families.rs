//! What components tell of themselves, as metrics.

use std::sync::Arc;

use mci_http::families::Family;
use mci_kube::decode::Decoding;
use mci_kube::lease::Claim;
use mci_kube::watch::{Progress, Relist};
use mci_kube::write::Counters;

/// Watches: whether each is whole, when it was heard last, and what it took.
pub(super) fn watches(watches: &[Arc<Progress>]) -> Vec<Family> {
    let mut contact = Family::gauge(
        "mci_source_contact_timestamp_seconds",
        "When the API server last answered this watch, or sent it something",
    );
    let mut synced = Family::gauge("mci_source_synced", "Whether everything was seen once");
    let mut current =
        Family::gauge("mci_source_current", "Whether what is held is what there is, as far as known");
    let mut objects = Family::gauge("mci_source_objects", "How many objects there are");
    let mut malformed = Family::gauge("mci_source_malformed_objects", "Objects that cannot be read now");
    let mut events = Family::counter("mci_source_events", "Changes that came");
    let mut failures = Family::counter("mci_source_failures", "Requests of this watch that failed");
    let mut relists = Family::counter("mci_source_relists", "How often everything was listed, and why");
    for watch in watches {
        let source = [("source", watch.name())];
        if let Some(seconds) = watch.contact_unix() {
            contact = contact.with(source, seconds);
        }
        synced = synced.with(source, f64::from(u8::from(watch.is_synced())));
        current = current.with(source, f64::from(u8::from(watch.state().is_current())));
        objects = objects.with(source, number(watch.objects()));
        malformed = malformed.with(source, number(watch.malformed_now()));
        events = events.with(source, number(watch.events()));
        failures = failures.with(source, number(watch.failures()));
        for reason in Relist::ALL {
            let labels = [("source", watch.name()), ("reason", reason.as_str())];
            relists = relists.with(labels, number(watch.relists(reason)));
        }
    }
    vec![contact, synced, current, objects, malformed, events, failures, relists]
}

/// Objects that were passed over.
pub(super) fn decoding(decoding: &Decoding) -> Vec<Family> {
    vec![
        Family::counter("mci_object_faults", "Parts of objects that could not be used")
            .with([], number(decoding.faults.count())),
        Family::counter("mci_object_strangers", "Objects whose name is not that of their content, as seen")
            .with([], number(decoding.strangers())),
    ]
}

/// Writes by kind, lane, what was done and what came of it.
pub(super) fn writes<'a>(writers: impl IntoIterator<Item = (&'static str, &'a Counters)>) -> Family {
    let mut family = Family::counter("mci_writes", "Writes to the API server, and what came of them");
    for (kind, counters) in writers {
        for (lane, act, outcome, count) in counters.all() {
            let labels = [
                ("kind", kind),
                ("lane", lane.as_str()),
                ("act", act.as_str()),
                ("outcome", outcome.as_str()),
            ];
            family = family.with(labels, number(count));
        }
    }
    family
}

/// Whether this process leads, and in which term.
pub(super) fn leadership(claim: &Claim) -> Vec<Family> {
    let term = claim.term();
    let mut families = vec![
        Family::gauge("mci_leader", "Whether this process leads")
            .with([], f64::from(u8::from(term.is_some()))),
    ];
    families.extend(
        term.map(|term| {
            Family::gauge("mci_leader_term", "The term in which it leads").with([], number(term))
        }),
    );
    families
}

#[expect(clippy::cast_precision_loss, reason = "counts fit into 53 bits")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}
