//! The desks of all that the operator writes, and who writes from them.

use std::sync::Arc;
use std::time::Duration;

use mci_core::ClusterId;
use mci_core::publish::{Group, GslbName};

use super::gauges::Gauges;
use super::notices::Notices;
use super::tasks::Tasks;
use super::wanted::{OwnShard, Resource, Says, Service};
use crate::client::ClusterClient;
use crate::lease::Claim;
use crate::names;
use crate::resources::{CyclopsGslb, Gslb};
use crate::watch::ObjectKey;
use crate::write::{Act, Counters, Desk, Lane, Lanes, Listener, Outcome, Report, Strangers, Wanted, Writer};
use tokio_util::sync::CancellationToken;

/// `ResourceCache` and `ServiceCache` are for people: one that flaps costs one write in this time.
const BETWEEN: Duration = Duration::from_secs(5);

/// One desk a kind.
#[derive(Clone)]
pub(super) struct Desks {
    pub(super) shards: Desk<OwnShard>,
    pub(super) resources: Desk<Resource>,
    pub(super) services: Desk<Service>,
    pub(super) gslbs: Desk<Says<Gslb>>,
    pub(super) cyclops: Desk<Says<CyclopsGslb>>,
}

impl Desks {
    pub(super) fn new() -> Self {
        Self {
            // A shard that is not spoken of is left alone: a replica that does not lead speaks of none.
            shards: Desk::new(Strangers::Keep, Duration::ZERO),
            resources: Desk::new(Strangers::Delete, BETWEEN),
            services: Desk::new(Strangers::Delete, BETWEEN),
            gslbs: Desk::new(Strangers::Keep, Duration::ZERO),
            cyclops: Desk::new(Strangers::Keep, Duration::ZERO),
        }
    }

    /// Everything was said once.
    pub(super) fn begin(&self) {
        let Self { shards, resources, services, gslbs, cyclops } = self;
        shards.begin();
        resources.begin();
        services.begin();
        gslbs.begin();
        cyclops.begin();
    }

    /// An object that says that it is the own cluster's, under a name that is not its own. What lies under the name of
    /// another shard of the own cluster is written over.
    pub(super) fn remove_stray(&self, own: &ClusterId, key: ObjectKey) {
        if !key.name.starts_with(&names::cluster_caches_of(own)) {
            self.shards.want_nothing(key, Lane::Bulk);
        }
    }

    /// Starts one writer a desk; all share the lanes.
    pub(super) fn spawn(
        &self,
        tasks: &mut Tasks,
        writing: &Writing,
        counters: &[(&'static str, Arc<Counters>); 5],
        stop: &CancellationToken,
    ) {
        let Self { shards, resources, services, gslbs, cyclops } = self;
        let [of_shards, of_resources, of_services, of_gslbs, of_cyclops] = counters;
        let gauges = Arc::clone(&writing.gauges);
        let on_shard: Listener = Arc::new(move |report| {
            let Report { key, act, outcome, problem: _ } = report;
            if outcome == Outcome::Done && matches!(act, Act::Create | Act::Replace) {
                gauges.written(&key);
            }
        });
        writing.spawn(tasks, of_shards, shards, Some(on_shard), stop);
        writing.spawn(tasks, of_resources, resources, None, stop);
        writing.spawn(tasks, of_services, services, None, stop);
        writing.spawn(tasks, of_gslbs, gslbs, Some(writing.on_status(Group::Mci)), stop);
        writing.spawn(tasks, of_cyclops, cyclops, Some(writing.on_status(Group::Cyclops)), stop);
    }
}

/// What every writer needs.
pub(super) struct Writing {
    pub(super) client: ClusterClient,
    pub(super) claim: Claim,
    pub(super) lanes: Lanes,
    pub(super) gauges: Arc<Gauges>,
    pub(super) notices: Notices,
}

impl Writing {
    fn spawn<W: Wanted>(
        &self,
        tasks: &mut Tasks,
        (name, counters): &(&'static str, Arc<Counters>),
        desk: &Desk<W>,
        listener: Option<Listener>,
        stop: &CancellationToken,
    ) {
        let writer = Writer {
            name,
            client: self.client.clone(),
            desk: desk.clone(),
            claim: self.claim.clone(),
            lanes: self.lanes.clone(),
            counters: Arc::clone(counters),
            listener,
        };
        tasks.spawn(name, writer.run(stop.clone()));
    }

    /// Tells of a status that the API server refuses for good.
    fn on_status(&self, group: Group) -> Listener {
        let (gauges, notices) = (Arc::clone(&self.gauges), self.notices.clone());
        Arc::new(move |report| {
            let Report { key, act: _, outcome, problem } = report;
            if outcome == Outcome::Invalid {
                gauges.count_refused_status();
                let gslb = GslbName::new(group, &*key.namespace, &*key.name);
                notices.status_refused(&gslb, problem.as_deref().unwrap_or_default());
            }
        })
    }
}
