//! A peer that speaks the stream.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mci_core::peer::{Heartbeat, PeerTerm};
use mci_grpc::peer::{Progress, Pulse, Source, run};
use mci_kube::operator::Beat;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::standing::Standing;
use super::talk::Talking;

/// Before a configuration that cannot be used is looked at again: its files may be others by then.
const AGAIN: Duration = Duration::from_secs(30);

/// Tells it until this is dropped; it returns where that cannot even be tried.
pub(super) async fn tell(talking: &Talking, interval: Duration) {
    let Talking { settings, own, leads, standing, term } = talking;
    let target = match settings.target() {
        Ok(target) => target,
        Err(problem) => {
            standing.failed("configuration", problem);
            return sleep(AGAIN).await;
        }
    };
    let (altering, altered) = watch::channel(0);
    let (progress, mut progressed) = watch::channel(Progress::default());
    let (beats, of_said) = (own.beats.clone(), Arc::clone(term));
    let source = Source {
        outbox: Arc::clone(&own.outgoing.outbox),
        changed: own.outgoing.generation.clone(),
        outdone: Arc::clone(&own.outgoing.outdone),
    };
    let pulse = Pulse {
        cluster: own.cluster.clone(),
        heartbeat: Arc::new(move || said(&beats.borrow().heartbeat, &lock(&of_said))),
        altered,
        interval,
    };
    tokio::select! {
        never = run(&target, source, pulse, leads.clone(), &progress) => match never {},
        never = alter(own.beats.clone(), &altering) => match never {},
        never = follow(&mut progressed, &own.beats, term, standing) => match never {},
    }
}

/// What this peer is told: the own word, in a term that it believes.
fn said(own: &Heartbeat, term: &PeerTerm) -> Heartbeat {
    Heartbeat { term: term.of(own.term), ..own.clone() }
}

/// Has a heartbeat sent at once that says something else than the one before.
async fn alter(mut beats: watch::Receiver<Beat>, altering: &watch::Sender<u64>) -> Infallible {
    let word = |beat: &Beat| {
        let Heartbeat { instance, term, left, overrides, view_age: _ } = &beat.heartbeat;
        (instance.clone(), *term, *left, overrides.clone())
    };
    let mut last = word(&beats.borrow_and_update());
    loop {
        if beats.changed().await.is_err() {
            return std::future::pending().await;
        }
        let now = word(&beats.borrow_and_update());
        if now != last {
            last = now;
            altering.send_modify(|altered| *altered += 1);
        }
    }
}

/// Tells how it goes, and hears what the peer knows of us.
async fn follow(
    progressed: &mut watch::Receiver<Progress>,
    beats: &watch::Receiver<Beat>,
    term: &Mutex<PeerTerm>,
    standing: &Standing,
) -> Infallible {
    let mut heartbeats = 0;
    let mut failed: Option<Instant> = None;
    loop {
        if progressed.changed().await.is_err() {
            return std::future::pending().await;
        }
        let progress = progressed.borrow_and_update();
        if let Some((at, error)) = progress.error.as_ref().filter(|(at, _)| failed != Some(*at)) {
            failed = Some(*at);
            standing.failed(error.label(), error.to_string());
        }
        standing.is_connected(progress.connected.is_some());
        standing.unsent(progress.syncing.as_ref().map(|syncing| syncing.unsent));
        standing.refused(progress.refused.len());
        if progress.heartbeats != heartbeats {
            heartbeats = progress.heartbeats;
            if let Some(at) = progress.acknowledged {
                standing.acknowledged(at);
            }
            let beat = beats.borrow();
            lock(term).heard(beat.heartbeat.term, progress.heard_term, beat.leads);
        }
    }
}

fn lock(term: &Mutex<PeerTerm>) -> MutexGuard<'_, PeerTerm> {
    term.lock().unwrap_or_else(PoisonError::into_inner)
}
