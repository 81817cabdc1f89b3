//! A resolver inside a tower service, over state that changes: `cargo run -p mci-core --example tower_service`.
//!
//! Requests and replies are DNS messages, as in DNS over HTTPS; the transport around the service is yours.

use std::convert::Infallible;
use std::sync::Arc;

use mci_core::state_file::StateFile;
use mci_core::wire::Transport;
use mci_core::{ClusterState, Live};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tower::{Service, ServiceExt, service_fn};

/// One service that answers from whatever `live` holds at the moment of each call.
fn resolver(
    live: Arc<Live>,
    mut chance: StdRng,
) -> impl Service<Vec<u8>, Response = Vec<u8>, Error = Infallible> {
    service_fn(move |query: Vec<u8>| {
        let mut reply = Vec::with_capacity(512);
        let facts = live.load().answer(&query, Transport::Stream, &mut chance, &mut reply);
        println!("{}: {} octets", facts.rcode, reply.len());
        async move { Ok(reply) }
    })
}

/// `app.gslb.example.com A`, as a stub resolver asks.
fn query() -> Vec<u8> {
    let header = [0x2a, 0x2a, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let name = b"\x03app\x04gslb\x07example\x03com\x00";
    let question = [0, 1, 0, 1];
    [&header[..], name, &question].concat()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = StateFile::parse(include_str!("../../examples/standalone.yaml"))?;
    let live = Arc::new(Live::new(file.into_snapshot()));
    let mut service = resolver(Arc::clone(&live), StdRng::seed_from_u64(1));

    service.ready().await?.call(query()).await?;
    let west = "west".parse()?;
    let changes = live.edit(|edit| edit.set_cluster(&west, ClusterState::Stale));
    for change in changes.iter() {
        println!("{}: {} -> {}, because {}", change.hostname, change.before, change.after, change.because);
    }
    service.ready().await?.call(query()).await?;
    Ok(())
}
