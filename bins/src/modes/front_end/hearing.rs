//! The proof that this front end hears (R20): it calls its own listener, and only what answers is told.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mci_http::call_own;
use mci_kube::front::{Settings, Store};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{debug, info, warn};

/// How long its own listener may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether it heard itself last, and why not.
#[derive(Debug, Default)]
pub(super) struct Hearing(Mutex<Option<Result<(), String>>>);

impl Hearing {
    /// For readiness.
    pub(super) fn state(&self) -> Result<(), String> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        heard.unwrap_or_else(|| Err("it has not called itself yet".to_owned()))
    }

    /// Proves it each heartbeat interval, whether or not any peer speaks.
    pub(super) async fn prove(
        &self,
        listening: SocketAddr,
        is_tls: bool,
        store: &Store,
        settings: watch::Receiver<Settings>,
    ) {
        loop {
            let interval = settings.borrow().interval;
            self.once(listening, is_tls, store, interval).await;
            sleep(interval).await;
        }
    }

    async fn once(&self, listening: SocketAddr, is_tls: bool, store: &Store, interval: Duration) {
        let mut heard = call_own(listening, is_tls, PATIENCE.min(interval)).await;
        if heard.is_ok() {
            match store.listening().await {
                Ok(()) => {}
                Err(error) if error.is_conflict() => debug!(%error, "Someone else wrote the receiver Lease"),
                Err(error) => heard = Err(format!("the receiver Lease cannot be written: {error}")),
            }
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&heard) {
            match &heard {
                Ok(()) => info!("This front end hears itself, and says so"),
                Err(problem) => warn!(problem, "This front end cannot prove that it hears: it says nothing"),
            }
        }
        *last = Some(heard);
    }
}
