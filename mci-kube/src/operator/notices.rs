//! The Events that the operator tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;
use mci_core::publish::{ConditionType, Group, GslbName, Reason, Status};
use mci_core::{ClusterId, Hostname};

use crate::events::{News, Notice, Recorder};
use crate::resources::{GROUP, VERSION};

/// So many hostnames are named in one Event.
const NAMED: usize = 5;

/// Tells Events; cheap to clone.
#[derive(Clone)]
pub(super) struct Notices {
    recorder: Recorder,
    namespace: Arc<str>,
    own: ClusterId,
    /// Which of the objects that have had that name: people's tools look Events up by it.
    uids: Arc<Mutex<HashMap<GslbName, Box<str>>>>,
}

impl Notices {
    pub(super) fn new(recorder: Recorder, namespace: &str, own: ClusterId) -> Self {
        Self { recorder, namespace: namespace.into(), own, uids: Arc::default() }
    }

    pub(super) fn knows(&self, gslb: GslbName, uid: Box<str>) {
        self.uids.lock().unwrap_or_else(PoisonError::into_inner).insert(gslb, uid);
    }

    pub(super) fn forgets(&self, gslb: &GslbName) {
        self.uids.lock().unwrap_or_else(PoisonError::into_inner).remove(gslb);
    }

    /// What changed of a GSLB. Nothing is told of how it is when it is first seen, except what is refused.
    /// `was_said` is whether its own status says already how it is accepted.
    pub(super) fn changed(&self, gslb: &GslbName, before: Option<&Status>, after: &Status, was_said: bool) {
        let word = |status: &Status, kind| {
            status.condition(kind).map(|one| (one.holds, one.reason, one.message.clone()))
        };
        if let Some(before) = before
            && before.ready != after.ready
        {
            let note =
                word(after, ConditionType::Published).map(|(_, _, message)| message).unwrap_or_default();
            if after.ready {
                self.gslb(gslb, News::Normal, "Ready", "Publish", note);
            } else {
                self.gslb(gslb, News::Warning, "NotReady", "Publish", note);
            }
        }
        let accepted = word(after, ConditionType::Accepted);
        if let Some((false, reason, message)) = accepted.clone()
            && !was_said
            && before.and_then(|before| word(before, ConditionType::Accepted)) != accepted
        {
            self.gslb(gslb, News::Warning, reason.as_str(), "Accept", message);
        }
    }

    /// A hostname found no room.
    pub(super) fn too_large(&self, gslb: &GslbName, message: String) {
        self.gslb(gslb, News::Warning, Reason::TooLarge.as_str(), "Publish", message);
    }

    /// This cluster publishes a hostname for the first time that others publish already (R27).
    pub(super) fn joined(&self, gslb: &GslbName, hostname: &Hostname, others: &[ClusterId]) {
        let others: Vec<&str> = others.iter().map(ClusterId::as_str).collect();
        let note = format!(
            "{hostname} is published by {} already: this cluster takes part in it from now on (R27)",
            others.join(", ")
        );
        self.gslb(gslb, News::Warning, "HostnameShared", "Publish", note);
    }

    /// The API server will not take this status.
    pub(super) fn status_refused(&self, gslb: &GslbName, problem: &str) {
        let note =
            format!("its status cannot be written, and is tried again when the object changes: {problem}");
        self.gslb(gslb, News::Warning, "StatusRefused", "WriteStatus", note);
    }

    /// Too many hostnames would have gone at once (R26).
    pub(super) fn held(&self, hostnames: &[Hostname]) {
        let named: Vec<String> = hostnames.iter().take(NAMED).map(ToString::to_string).collect();
        let more = hostnames.len().saturating_sub(NAMED);
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        let note = format!(
            "{} hostnames would go at once and stay (R26): {}{and}; `mci withdraw --confirm` lets them go",
            hostnames.len(),
            named.join(", ")
        );
        let regarding = ObjectReference {
            api_version: Some(format!("{GROUP}/{VERSION}")),
            kind: Some("Cluster".to_owned()),
            namespace: Some(self.namespace.to_string()),
            name: Some(self.own.to_string()),
            ..ObjectReference::default()
        };
        let (reason, action) = ("WithdrawalHeld", "Withdraw");
        self.recorder.tell(Notice { regarding, news: News::Warning, reason, action, note });
    }

    fn gslb(&self, gslb: &GslbName, news: News, reason: &'static str, action: &'static str, note: String) {
        let uid = self.uids.lock().unwrap_or_else(PoisonError::into_inner).get(gslb).map(ToString::to_string);
        let group = match gslb.group {
            Group::Mci | Group::Cyclops => gslb.group.as_str(),
        };
        let regarding = ObjectReference {
            api_version: Some(format!("{group}/{VERSION}")),
            kind: Some("GSLB".to_owned()),
            namespace: Some(gslb.object.namespace.to_string()),
            name: Some(gslb.object.name.to_string()),
            uid,
            ..ObjectReference::default()
        };
        self.recorder.tell(Notice { regarding, news, reason, action, note });
    }
}
