//! All listeners: bound together, run together, ended together.

use core::net::SocketAddr;
use std::io;
use std::sync::Arc;
use std::thread;

use mci_core::wire::CookieSecrets;
use mci_core::{Live, Observe};
use rand::TryRng;
use rand::rngs::{SmallRng, SysRng};
use socket2::Socket;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::answerer::Answerer;
use crate::bind::{BindError, Bound, Protocol, bind};
use crate::config::Config;
use crate::tcp::{self, Admission, Tcp};
use crate::udp::{self, Stop};

/// Listeners that hold their addresses; [`run`](Self::run) makes them answer.
pub struct Listeners<O> {
    bound: Vec<Bound>,
    answerer: Arc<Answerer<O>>,
    config: Config,
}

/// Why listening ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[error("the {protocol} listener at {address} ended: {source}")]
pub struct Error {
    /// Where it listened.
    pub address: SocketAddr,
    /// Over what.
    pub protocol: Protocol,
    /// Why it ended.
    pub source: io::Error,
}

impl<O> core::fmt::Debug for Listeners<O> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Listeners")
            .field("bound", &self.bound)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<O: Observe> Listeners<O> {
    /// Binds every address over UDP and TCP. What comes in from now on waits for [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// The first address that cannot be had; none is held then.
    pub fn bind(config: Config, live: Arc<Live>, observe: Arc<O>) -> Result<Self, BindError> {
        let bound = config
            .addresses
            .iter()
            .map(|&address| bind(address, config.sockets))
            .collect::<Result<_, _>>()?;
        let cookies = config.cookies.clone().unwrap_or_else(random_secret);
        let answerer = Arc::new(Answerer::new(live, observe, cookies, config.rate_limit));
        Ok(Self { bound, answerer, config })
    }

    /// The addresses, in the order in which they were given, each for UDP and TCP; with the port that was taken where 0 was
    /// asked for.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }

    /// Answers until `shutdown`; then answers what has been received, and returns when every thread and task has ended.
    ///
    /// Dropping the future ends everything too, without waiting for it.
    ///
    /// # Errors
    ///
    /// A listener that ended before `shutdown`; all others have been ended then.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Error> {
        let Self { bound, answerer, config } = self;
        let sockets = bound.iter().flat_map(|bound| &bound.udp).cloned().collect();
        let tcp = Arc::new(Tcp {
            answerer: Arc::clone(&answerer),
            admission: Arc::new(Admission::new(config.tcp)),
            limits: config.tcp,
        });
        // Ends the threads when this future is dropped, too; tasks end with `running`.
        let stop = StopOnDrop(Arc::new(Stop::new(sockets)));
        // Of its own, so that one listener's end ends the others and not what the caller's token stands for.
        let ending = shutdown.child_token();
        let mut running = JoinSet::new();
        for Bound { address, udp, tcp: listener } in bound {
            for (number, socket) in udp.into_iter().enumerate() {
                let thread = udp_thread(number, socket, address, Arc::clone(&answerer), Arc::clone(&stop.0));
                running.spawn(named(address, Protocol::Udp, thread));
            }
            let (tcp, ending) = (Arc::clone(&tcp), ending.clone());
            let accepting = async move {
                let listener = TcpListener::from_std(listener)?;
                tcp::serve(listener, address, tcp, rand::make_rng(), ending).await
            };
            running.spawn(named(address, Protocol::Tcp, accepting));
        }

        let mut result = tokio::select! {
            biased;
            () = shutdown.cancelled() => Ok(()),
            Some(ended) = running.join_next() => judge(ended, shutdown.is_cancelled()),
        };
        ending.cancel();
        stop.0.stop();
        while let Some(ended) = running.join_next().await {
            result = result.and(judge(ended, true));
        }
        result
    }
}

type Ended = (SocketAddr, Protocol, io::Result<()>);

/// What a listener's end means: without a fault it is right only where it was told to end.
fn judge(ended: Result<Ended, JoinError>, was_told: bool) -> Result<(), Error> {
    let (address, protocol, result) = ended.expect("`named` catches panics, and nobody aborts it");
    match result {
        Ok(()) if was_told => Ok(()),
        Ok(()) => Err(Error { address, protocol, source: io::Error::other("nobody told it to") }),
        Err(source) => Err(Error { address, protocol, source }),
    }
}

/// Runs one listener; its panic is an error of its own.
async fn named(
    address: SocketAddr,
    protocol: Protocol,
    listener: impl Future<Output = io::Result<()>> + Send + 'static,
) -> Ended {
    let result = AbortOnDropHandle::new(tokio::spawn(listener)).await;
    (address, protocol, result.unwrap_or_else(|panicked| Err(io::Error::other(panicked))))
}

/// Runs one UDP socket on a thread of its own until it ends.
async fn udp_thread<O: Observe>(
    number: usize,
    socket: Arc<Socket>,
    address: SocketAddr,
    answerer: Arc<Answerer<O>>,
    stop: Arc<Stop>,
) -> io::Result<()> {
    let rng: SmallRng = rand::make_rng();
    let (running, ended) = oneshot::channel::<()>();
    let thread = thread::Builder::new().name(format!("dns-udp-{number}")).spawn(move || {
        // Dropped at the end, however it comes.
        let _running = running;
        udp::serve(&socket, address, &answerer, &stop, rng)
    })?;
    let _ = ended.await;
    thread.join().unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(io::Error::other(format!("its thread panicked: {text}")))
    })
}

struct StopOnDrop(Arc<Stop>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn random_secret() -> CookieSecrets {
    let mut secret = [0; 16];
    SysRng.try_fill_bytes(&mut secret).expect("the system has random numbers");
    CookieSecrets::new(secret, [])
}
