//! TCP: one task a listener, one a connection (D33).

mod admission;
mod connection;
mod frames;

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use mci_core::{Observe, Way};
use nix::errno::Errno;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, trace, warn};

pub(crate) use self::admission::Admission;
use self::admission::Ticket;
use self::connection::Ends;
use crate::answerer::Answerer;
use crate::config::TcpLimits;

/// How long connections get at the end to take their last replies.
const GRACE: Duration = Duration::from_secs(5);
/// How long nothing is accepted when the process has no file descriptor or no memory left.
const PAUSE: Duration = Duration::from_millis(50);

/// What all TCP listeners share.
pub(crate) struct Tcp<O> {
    pub(crate) answerer: Arc<Answerer<O>>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) limits: TcpLimits,
}

/// Accepts connections until `shutdown`, then lets those that are open answer what has come.
pub(crate) async fn serve<O: Observe>(
    listener: TcpListener,
    address: SocketAddr,
    tcp: Arc<Tcp<O>>,
    mut rng: SmallRng,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => {
                report(address, ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                let (ticket, closed_one) = tcp.admission.admit(client.ip());
                if closed_one {
                    tcp.answerer.observe.overloaded(Way::Tcp);
                }
                let rng = SmallRng::seed_from_u64(rng.random());
                connections.spawn(connection(
                    stream,
                    client,
                    Arc::clone(&tcp),
                    ticket,
                    rng,
                    shutdown.clone(),
                ));
            }
            Err(error) => match classify(&error) {
                Trouble::OfTheClient => {}
                Trouble::Shortage => {
                    tcp.answerer.observe.overloaded(Way::Tcp);
                    let made_room = tcp.admission.make_room();
                    warn!(%address, %error, made_room, "Connection not accepted");
                    sleep(PAUSE).await;
                }
                Trouble::Fatal => return Err(error),
            },
        }
    }
    drop(listener);
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report(address, ended);
        }
    };
    if timeout(GRACE, all_ended).await.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}

async fn connection<O: Observe>(
    stream: TcpStream,
    client: SocketAddr,
    tcp: Arc<Tcp<O>>,
    ticket: Ticket,
    mut rng: SmallRng,
    shutdown: CancellationToken,
) {
    // A reply is one write; waiting for more would only delay it.
    let _ = stream.set_nodelay(true);
    let mut number = 0_u32;
    let respond = |query: &[u8], reply: &mut Vec<u8>| {
        ticket.active();
        let answered = tcp.answerer.stream(query, client, number, &mut rng, reply);
        number = number.wrapping_add(1);
        answered
    };
    let ends = Ends {
        idle: tcp.limits.idle,
        write: tcp.limits.write,
        shutdown: &shutdown,
        taken_away: ticket.taken_away(),
    };
    match connection::serve(stream, respond, ends).await {
        Ok(end) => trace!(%client, ?end, "Connection ended"),
        Err(error) => trace!(%client, %error, "Connection failed"),
    }
}

fn report(address: SocketAddr, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%address, %error, "Connection ended by a fault");
    }
}

/// What a failed `accept` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// The connection is gone before it began, or the network to the client is.
    OfTheClient,
    /// Something has run out.
    Shortage,
    /// The listener is no listener.
    Fatal,
}

fn classify(error: &io::Error) -> Trouble {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => Trouble::Shortage,
        Some(Errno::EBADF | Errno::EINVAL | Errno::ENOTSOCK | Errno::EOPNOTSUPP | Errno::EFAULT) | None => {
            Trouble::Fatal
        }
        // accept(2) passes errors of the network on; they are to be treated like EAGAIN.
        Some(_) => Trouble::OfTheClient,
    }
}
