//! One call of Heartbeats: each is heard, and answered at once.

use std::sync::Arc;

use futures_util::{Stream, stream};
use mci_core::peer::{ClusterStore, Heard};
use tonic::{Status, Streaming};

use crate::peer::server::Shared;
use crate::peer::server::known::Admitted;
use crate::peer::server::status::{self, Ended};
use crate::peer::{pb, wire};

pub(super) struct Hearing<S> {
    shared: Arc<Shared<S>>,
    admitted: Admitted,
    inbound: Streaming<pb::Heartbeat>,
}

impl<S: ClusterStore> Hearing<S> {
    pub(super) const fn new(
        shared: Arc<Shared<S>>,
        admitted: Admitted,
        inbound: Streaming<pb::Heartbeat>,
    ) -> Self {
        Self { shared, admitted, inbound }
    }

    pub(super) fn answers(self) -> impl Stream<Item = Result<pb::Heard, Status>> + Send {
        stream::unfold(Some(self), |hearing| async move {
            let mut hearing = hearing?;
            match hearing.next().await {
                Ok(heard) => Some((Ok(heard?), Some(hearing))),
                Err(ended) => Some((Err(hearing.admitted.end(ended)), None)),
            }
        })
    }

    async fn next(&mut self) -> Result<Option<pb::Heard>, Ended> {
        let Self { shared, admitted, inbound } = self;
        let cluster = admitted.cluster.clone();
        let hear = async {
            let Some(heartbeat) = inbound.message().await.map_err(status::inbound)? else { return Ok(None) };
            let heartbeat = wire::read_heartbeat(heartbeat).map_err(|problem| status::malformed(&problem))?;
            let term = shared.heard(&cluster, heartbeat).await?;
            Ok(Some(wire::heard(Heard { term })))
        };
        tokio::select! {
            heard = hear => heard,
            ended = admitted.locked_out() => Err(ended),
            () = shared.stopping.cancelled() => Err(status::stopping()),
        }
    }
}
