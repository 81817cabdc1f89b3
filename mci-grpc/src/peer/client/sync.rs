//! One call of Sync: the outbox's shards, each acknowledged when it is stored.

use std::collections::BTreeMap;

use mci_core::Shard;
use mci_core::peer::{Sender, ShardChange, ShardUpdate, Window};
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::peer::client::progress::Sent;
use crate::peer::client::{Connection, PeerError, Progress, Pulse, Source};
use crate::peer::{CAPABILITIES, PROTOCOL, pb, wire};

/// Sends what the own cluster publishes, and every change of it, until the call ends.
pub async fn sync(
    connection: &Connection,
    source: Source,
    pulse: &Pulse,
    progress: &watch::Sender<Progress>,
) -> PeerError {
    progress.send_modify(Progress::sync_began);
    match Syncing::open(connection, source, pulse, progress).await {
        Ok(syncing) => match syncing.run().await {
            Ok(never) => match never {},
            Err(error) => error,
        },
        Err(error) => error,
    }
}

struct Syncing<'a> {
    connection: &'a Connection,
    source: Source,
    progress: &'a watch::Sender<Progress>,
    sender: Sender,
    outbound: mpsc::Sender<pb::FromSender>,
    answers: Streaming<pb::FromReceiver>,
    /// What was sent and is not answered, for whoever counts.
    sent: BTreeMap<Shard, Sent>,
    patience: Duration,
    /// When something has to have come.
    deadline: Instant,
}

fn say(message: pb::from_sender::Message) -> pb::FromSender {
    pb::FromSender { message: Some(message) }
}

impl<'a> Syncing<'a> {
    async fn open(
        connection: &'a Connection,
        mut source: Source,
        pulse: &Pulse,
        progress: &'a watch::Sender<Progress>,
    ) -> Result<Self, PeerError> {
        let patience = connection.patience();
        // One message waits for the connection: what is decided later is newer, and a change overtakes the rest.
        let (outbound, queue) = mpsc::channel(1);
        let open = pb::Open {
            protocol: PROTOCOL,
            capabilities: CAPABILITIES.map(str::to_owned).into(),
            cluster: pulse.cluster.to_string(),
            heartbeat: Some(wire::heartbeat(&(pulse.heartbeat)())),
        };
        let _ = outbound.try_send(say(pb::from_sender::Message::Open(open)));
        source.changed.mark_changed();
        let opening = async {
            let request = connection.request(ReceiverStream::new(queue));
            let answers = connection.client().sync(request).await;
            let mut answers =
                answers.map_err(|status| PeerError::of_status(&status, connection.key()))?.into_inner();
            let first =
                answers.message().await.map_err(|status| PeerError::of_status(&status, connection.key()))?;
            Ok::<_, PeerError>((answers, first))
        };
        let (answers, first) = timeout(patience, opening).await.map_err(|_| PeerError::Stuck(patience))??;
        let Some(pb::FromReceiver { message: Some(pb::from_receiver::Message::Opened(opened)) }) = first
        else {
            return Err(PeerError::Garbage("its first message is not Opened".into()));
        };
        let pb::Opened { protocol, capabilities, window_shards, window_octets } = opened;
        if protocol != PROTOCOL {
            return Err(PeerError::Version(protocol));
        }
        let own = Window::default();
        let window = Window {
            shards: usize::try_from(window_shards).unwrap_or(usize::MAX).min(own.shards),
            octets: usize::try_from(window_octets).unwrap_or(usize::MAX).min(own.octets),
        };
        Ok(Self {
            connection,
            source,
            progress,
            sender: Sender::new(window, capabilities.iter().any(|capability| capability == "delta")),
            outbound,
            answers,
            sent: BTreeMap::new(),
            patience,
            deadline: Instant::now() + patience,
        })
    }

    async fn run(mut self) -> Result<std::convert::Infallible, PeerError> {
        let mut is_source_known = true;
        let outbound = self.outbound.clone();
        loop {
            let is_ready = self.sender.is_ready();
            let waits = !self.sender.is_listed() || self.sender.on_the_way() > 0;
            let outdone = tokio::select! {
                // Answers and changes first: what is sent next is then decided with all that is known.
                biased;
                answer = self.answers.message() => {
                    let answer = answer.map_err(|status| PeerError::of_status(&status, self.connection.key()))?;
                    let Some(pb::FromReceiver { message: Some(message) }) = answer else {
                        return Err(PeerError::Ended { code: "OK", message: "the peer ended it".into() });
                    };
                    self.take(message)?
                }
                changed = self.source.changed.changed(), if is_source_known => {
                    is_source_known = changed.is_ok();
                    self.sender.changed(&self.source.outbox)
                }
                permit = outbound.reserve(), if is_ready => {
                    let permit = permit.map_err(|_| PeerError::Ended {
                        code: "OK",
                        message: "the peer takes nothing more".into(),
                    })?;
                    if self.sender.on_the_way() == 0 {
                        self.deadline = Instant::now() + self.patience;
                    }
                    if let Some(update) = self.sender.next(&self.source.outbox) {
                        self.sent.insert(update.state.shard, carried(&update));
                        permit.send(say(pb::from_sender::Message::Shard(wire::shard(update))));
                    }
                    false
                }
                () = sleep_until(self.deadline), if waits => return Err(PeerError::Stuck(self.patience)),
            };
            if outdone {
                self.source.outdone.notify_one();
            }
            self.progress.send_modify(|progress| progress.moved(&self.sender));
        }
    }

    /// Returns whether something new is outdone.
    fn take(&mut self, message: pb::from_receiver::Message) -> Result<bool, PeerError> {
        match message {
            pb::from_receiver::Message::Held(pb::Held { states, last }) => {
                let states = states.into_iter().map(wire::read_state).collect::<Result<Vec<_>, _>>()?;
                if !self.sender.is_listed() {
                    self.deadline = Instant::now() + self.patience;
                }
                Ok(self.sender.held(states, last, &self.source.outbox)?)
            }
            pb::from_receiver::Message::Stored(stored) => {
                let (state, mut refused) = wire::read_stored(stored)?;
                for one in &mut refused {
                    one.message = self.connection.key().hide_in(&one.message);
                }
                let Some(sent) = self.sent.remove(&state.shard) else {
                    let shard = state.shard;
                    return Err(PeerError::Garbage(format!(
                        "it answers shard {shard}, which is not on its way"
                    )));
                };
                self.deadline = Instant::now() + self.patience;
                let outdone = self.sender.stored(state.clone(), &self.source.outbox)?;
                self.progress.send_modify(|progress| progress.stored(sent, &state, refused));
                Ok(outdone)
            }
            pb::from_receiver::Message::Opened(_) => Err(PeerError::Garbage("it says Opened twice".into())),
        }
    }
}

fn carried(update: &ShardUpdate) -> Sent {
    let octets = update.octets();
    match &update.change {
        ShardChange::Whole(_) => Sent { octets, is_whole: true, hostnames: Vec::new() },
        ShardChange::Delta { put, removed, .. } => {
            let put = put.iter().map(|item| &item.hostname);
            Sent { octets, is_whole: false, hostnames: put.chain(removed).map(ToString::to_string).collect() }
        }
    }
}
