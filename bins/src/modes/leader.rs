//! Leading: who contends, and what is released last (R28).

use std::future::Future;

use mci_kube::client::ClusterClient;
use mci_kube::lease::{self, Claim, Contender};
use tokio_util::sync::CancellationToken;

use crate::supervise::Supervisor;

/// Contends for `name`. `floor` is the highest term that was seen elsewhere.
pub(super) fn contend(
    client: &ClusterClient,
    namespace: &str,
    name: &str,
    pod: &str,
    floor: impl Fn() -> u64 + Send + Sync + 'static,
) -> (Claim, Contender) {
    let options = lease::Options {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        identity: lease::identity(pod),
        floor: std::sync::Arc::new(floor),
        timing: lease::Timing::default(),
    };
    lease::contend(client.clone(), options)
}

/// Runs a component that writes as leader. The claim is released when what it wrote last has been answered.
pub(super) fn run(
    supervisor: &mut Supervisor,
    name: &'static str,
    contender: Contender,
    component: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) {
    let release = CancellationToken::new();
    let released = release.clone();
    supervisor.vital("leadership", async move {
        contender.run(released).await;
        Ok(())
    });
    supervisor.vital(name, async move {
        let ended = component.await;
        release.cancel();
        ended
    });
}
