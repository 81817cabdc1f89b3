//! Serves names over UDP and TCP until Ctrl-C: the listeners by themselves, for a look or a measurement.
//!
//! ```text
//! cargo run --release -p mci-dns --example serve -- 127.0.0.1:5300 100000 1     # address, names, UDP sockets
//! dig @127.0.0.1 -p 5300 h42.gslb.example.com
//! ```

use std::error::Error;
use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mci_core::{
    Builder, Endpoint, Exchange, HostnameState, Live, NameServer, Observe, Settings, Snapshot, Ttl, Way,
    Zone, Zones,
};
use mci_dns::{Config, Listeners};
use tokio_util::sync::CancellationToken;

/// Counts replies and octets.
#[derive(Debug, Default)]
struct Counters {
    replies: AtomicU64,
    octets: AtomicU64,
}

impl Observe for Counters {
    fn answered(&self, exchange: &Exchange<'_>) {
        self.replies.fetch_add(1, Ordering::Relaxed);
        self.octets.fetch_add(exchange.reply.len() as u64, Ordering::Relaxed);
    }
    fn overloaded(&self, _: Way) {}
}

/// `h0.gslb.example.com` and so on, each with two addresses in each of three clusters of different weight.
fn snapshot(names: u32) -> Result<Snapshot, Box<dyn Error>> {
    let zone = Zone {
        name: "gslb.example.com".parse()?,
        name_servers: vec![NameServer {
            name: "ns.gslb.example.com".parse()?,
            addresses: vec![Ipv4Addr::new(192, 0, 2, 53).into()],
        }],
        responsible_email: "hostmaster@example.com".to_owned(),
        negative_ttl: Ttl::DEFAULT,
        ttl: Ttl::DEFAULT,
        records: vec![],
        acme_delegation: None,
    };
    let zones = Zones::new(vec![zone], None).map_err(|problems| format!("{problems:?}"))?;
    let mut builder = Builder::new(Settings::default(), zones);
    for n in 0..names {
        let mut state = HostnameState::new(format!("h{n}.gslb.example.com").parse()?);
        for (cluster, weight) in [("east", 70), ("north", 20), ("west", 10)] {
            let address =
                |last: u32| Ipv4Addr::from_bits((10 << 24) + ((n << 3 | last) & 0x00ff_ffff)).into();
            let first = weight / 10 % 4 * 2;
            state = state.endpoint(
                Endpoint::new(cluster.parse()?, [address(first), address(first + 1)]).weight(weight),
            );
        }
        builder.insert(&state)?;
    }
    Ok(builder.build())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:5300".to_owned()).parse()?;
    let names = arguments.next().map_or(Ok(1000), |names| names.parse())?;
    let mut config = Config::new([address]);
    if let Some(sockets) = arguments.next() {
        config.sockets = sockets.parse::<NonZeroUsize>()?;
    }
    let counters = Arc::new(Counters::default());
    let live = Arc::new(Live::new(snapshot(names)?));
    let listeners = Listeners::bind(config, live, Arc::clone(&counters))?;
    for address in listeners.local_addrs() {
        println!("dig @{} -p {} h0.gslb.example.com", address.ip(), address.port());
    }

    let shutdown = CancellationToken::new();
    let mut running = pin!(listeners.run(shutdown.clone()));
    tokio::select! {
        ended = &mut running => ended?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            shutdown.cancel();
            running.await?;
        }
    }
    let (replies, octets) =
        (counters.replies.load(Ordering::Relaxed), counters.octets.load(Ordering::Relaxed));
    println!("{replies} replies, {octets} octets");
    Ok(())
}
