//! One call of Heartbeats.

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_stream::wrappers::ReceiverStream;

use crate::peer::client::{Connection, PeerError, Progress, Pulse};
use crate::peer::wire;

/// Tells a peer that the own cluster lives, until it does not acknowledge that for one interval or the call ends.
pub async fn heartbeats(
    connection: &Connection,
    pulse: Pulse,
    progress: &watch::Sender<Progress>,
) -> PeerError {
    match beat(connection, pulse, progress).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn beat(
    connection: &Connection,
    pulse: Pulse,
    progress: &watch::Sender<Progress>,
) -> Result<std::convert::Infallible, PeerError> {
    let Pulse { cluster: _, heartbeat, mut altered, interval: period } = pulse;
    // One that finds the last still unsent is not sent: its acknowledgement is missing already.
    let (outbound, queue) = mpsc::channel(1);
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    altered.mark_unchanged();
    let mut is_altered_known = true;
    // The call's answer begins with the first acknowledgement at the latest.
    let first = wire::heartbeat(&heartbeat());
    let mut unacknowledged = 1_u64;
    let _ = outbound.try_send(first);
    let request = connection.request(ReceiverStream::new(queue));
    let answers = timeout(period, connection.client().heartbeats(request)).await;
    let answers = answers.map_err(|_| PeerError::Unacknowledged(period))?;
    let mut answers = answers.map_err(|status| PeerError::of_status(&status, connection.key()))?.into_inner();
    loop {
        let is_due = tokio::select! {
            answer = answers.message() => {
                let answer = answer.map_err(|status| PeerError::of_status(&status, connection.key()))?;
                let Some(heard) = answer else {
                    return Err(PeerError::Ended { code: "OK", message: "the peer ended it".into() });
                };
                unacknowledged = unacknowledged.saturating_sub(1);
                progress.send_modify(|progress| progress.heartbeat_acknowledged(heard.term));
                false
            }
            _ = ticks.tick() => {
                if unacknowledged > 0 {
                    return Err(PeerError::Unacknowledged(period));
                }
                true
            }
            changed = altered.changed(), if is_altered_known => {
                is_altered_known = changed.is_ok();
                is_altered_known
            }
        };
        if is_due && outbound.try_send(wire::heartbeat(&heartbeat())).is_ok() {
            unacknowledged += 1;
        }
    }
}
