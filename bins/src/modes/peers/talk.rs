//! One peer that is told, for as long as it is configured.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mci_core::peer::{PeerTerm, Protocol};
use mci_grpc::peer::Backoff;
use mci_http::peer::Spoken;
use mci_kube::operator::Beat;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::choice::Choice;
use super::settings::PeerSettings;
use super::standing::Standing;
use super::{Own, rest, stream};

/// After so many intervals without a heartbeat that is due, this replica stands still, and says nothing (R21).
const STILL: u32 = 3;

/// What the protocols have in common.
pub(super) struct Talking {
    pub(super) settings: Arc<PeerSettings>,
    pub(super) own: Own,
    pub(super) leads: watch::Receiver<bool>,
    pub(super) standing: Arc<Standing>,
    /// Outlives sessions: what the peer once heard it has not forgotten.
    pub(super) term: Arc<Mutex<PeerTerm>>,
}

/// Tells a peer, in whichever protocol it speaks, for as long as it is polled.
pub(super) async fn talk(
    settings: Arc<PeerSettings>,
    own: Own,
    leads: watch::Receiver<bool>,
    standing: Arc<Standing>,
) -> Infallible {
    let began = Instant::now();
    let mut beats = own.beats.clone();
    let mut asking = Asking {
        settings: Arc::clone(&settings),
        standing: Arc::clone(&standing),
        choice: Choice::new(settings.protocol, Duration::ZERO),
        began,
        backoff: Backoff::default(),
    };
    let talking = Talking { settings, own, leads, standing, term: Arc::default() };
    loop {
        // Nothing is said before there is a heartbeat to say.
        let Ok(interval) = beats.wait_for(|beat| beat.number > 0).await.map(|beat| beat.interval) else {
            return pending().await;
        };
        let Some(protocol) = asking.choice.speaks() else {
            asking.ask().await;
            continue;
        };
        talking.standing.speaks(Some(protocol));
        let session = async {
            match protocol {
                Protocol::Stream => stream::tell(&talking, interval).await,
                Protocol::Rest => rest::tell(&talking, interval).await,
            }
        };
        let is_still = tokio::select! {
            () = session => false,
            () = asking.ask_again() => false,
            is_still = other(beats.clone(), interval) => is_still,
        };
        talking.standing.is_connected(false);
        talking.standing.unsent(None);
        if is_still {
            warn!(peer = %talking.settings.identifier, "No heartbeat is due here any more: the peer is told nothing");
            if beats.changed().await.is_err() {
                return pending().await;
            }
        }
    }
}

/// Returns when heartbeats come in another interval, or (true) do not come any more.
async fn other(mut beats: watch::Receiver<Beat>, interval: Duration) -> bool {
    loop {
        beats.mark_unchanged();
        match timeout(interval * STILL, beats.changed()).await {
            Ok(Ok(())) if beats.borrow().interval == interval => {}
            Ok(Ok(())) => return false,
            Ok(Err(_)) | Err(_) => return true,
        }
    }
}

/// Asks a peer what it speaks.
struct Asking {
    settings: Arc<PeerSettings>,
    standing: Arc<Standing>,
    choice: Choice,
    began: Instant,
    backoff: Backoff,
}

impl Asking {
    /// Returns when the peer turns out to speak another protocol than before.
    async fn ask_again(&mut self) {
        while !self.ask().await {}
    }

    /// Asks when it is time; whether it is another protocol than before.
    async fn ask(&mut self) -> bool {
        loop {
            if let Some(at) = self.standing.last_acknowledged() {
                self.choice.heard(at.saturating_duration_since(self.began));
            }
            let Some(at) = self.choice.ask_at() else { return pending().await };
            let at = self.began + at;
            if Instant::now() >= at {
                break;
            }
            sleep_until(at).await;
        }
        let told = match rest::probe(&self.settings).await {
            Ok(Spoken::Rest) => Some(Protocol::Rest),
            Ok(Spoken::Stream { protocol: _, capabilities: _, cluster }) => {
                let peer = &self.settings.identifier;
                if !cluster.is_empty() && cluster != peer.as_str() {
                    warn!(%peer, url = %self.settings.url, found = cluster, "A peer calls itself otherwise: is its URL right?");
                }
                Some(Protocol::Stream)
            }
            Err((reason, error)) => {
                if self.choice.speaks().is_none() {
                    self.standing.failed(reason, error);
                } else {
                    debug!(peer = %self.settings.identifier, error, "A peer does not say what it speaks");
                }
                None
            }
        };
        let pause = self.backoff.next();
        if told.is_some() {
            self.backoff.reset();
        }
        self.choice.told(told, self.began.elapsed(), pause)
    }
}
