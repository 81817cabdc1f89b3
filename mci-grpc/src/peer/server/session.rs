//! One call of Sync.
//!
//! ```text
//!   Open ──► heard ──► Opened, Held … Held(last)
//!   Shard ──► waiting: changes, bulk ──► stored, so many at once, each shard in order ──► Stored
//!   every now and then: is still held what was said? ──► Held
//! ```
//!
//! What a peer sends is read at once, whatever waits: the window bounds it, and the connection has room for heartbeats.
//! Everything happens while the answers are polled: a call that goes leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt as _, stream};
use mci_core::Shard;
use mci_core::peer::{ClusterStore, Refusal, ShardState, ShardUpdate, StoreError, Stored, Told, Urgency};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tonic::{Status, Streaming};

use crate::peer::server::Shared;
use crate::peer::server::known::Admitted;
use crate::peer::server::status::{self, Ended};
use crate::peer::{CAPABILITIES, PROTOCOL, pb, wire};

/// How many states a message of the list carries.
const PIECE: usize = 256;

pub(super) struct Session<S> {
    shared: Arc<Shared<S>>,
    admitted: Admitted,
    inbound: Streaming<pb::FromSender>,
    is_open: bool,
    has_ended: bool,
    /// What goes out next.
    answers: VecDeque<pb::from_receiver::Message>,
    changes: VecDeque<Arrived>,
    bulk: VecDeque<Arrived>,
    /// The shards that are being stored, and which of them are bulk.
    busy: BTreeMap<Shard, Urgency>,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Shards and octets that came, and are not answered.
    on_the_way: usize,
    octets: usize,
    told: Told,
    look: Interval,
    is_looking: bool,
}

/// A shard that waits.
struct Arrived {
    update: ShardUpdate,
    refused: Vec<Refusal>,
    octets: usize,
}

impl Arrived {
    const fn shard(&self) -> Shard {
        self.update.state.shard
    }
}

/// What came of something that was begun.
enum Done {
    Put { shard: Shard, urgency: Urgency, octets: usize, result: Result<Stored, StoreError> },
    Looked(Result<Vec<ShardState>, StoreError>),
    Heard(Result<u64, Ended>),
}

impl<S: ClusterStore> Session<S> {
    pub(super) fn new(
        shared: Arc<Shared<S>>,
        admitted: Admitted,
        inbound: Streaming<pb::FromSender>,
    ) -> Self {
        let period = shared.config.look;
        let mut look = interval_at(Instant::now() + period, period);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            shared,
            admitted,
            inbound,
            is_open: false,
            has_ended: false,
            answers: VecDeque::new(),
            changes: VecDeque::new(),
            bulk: VecDeque::new(),
            busy: BTreeMap::new(),
            work: FuturesUnordered::new(),
            on_the_way: 0,
            octets: 0,
            told: Told::default(),
            look,
            is_looking: false,
        }
    }

    pub(super) fn answers(self) -> impl Stream<Item = Result<pb::FromReceiver, Status>> + Send {
        stream::unfold(Some(self), |session| async move {
            let mut session = session?;
            match session.next().await {
                Ok(message) => Some((Ok(pb::FromReceiver { message: Some(message?) }), Some(session))),
                Err(ended) => Some((Err(session.admitted.end(ended)), None)),
            }
        })
    }

    async fn next(&mut self) -> Result<Option<pb::from_receiver::Message>, Ended> {
        if !self.is_open {
            self.open().await?;
            self.is_open = true;
        }
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return Ok(Some(answer));
            }
            self.begin_work();
            if self.has_ended && self.work.is_empty() {
                return Ok(None);
            }
            tokio::select! {
                ended = self.admitted.locked_out() => return Err(ended),
                () = self.shared.stopping.cancelled() => return Err(status::stopping()),
                Some(done) = self.work.next() => self.finish(done)?,
                message = self.inbound.message(), if !self.has_ended => {
                    match message.map_err(status::inbound)? {
                        Some(message) => self.take(message)?,
                        None => self.has_ended = true,
                    }
                }
                _ = self.look.tick(), if !self.is_looking => {
                    self.is_looking = true;
                    let (here, cluster) = (Arc::clone(&self.shared), self.admitted.cluster.clone());
                    self.work.push(Box::pin(async move { Done::Looked(here.store.shards(&cluster).await) }));
                }
            }
        }
    }

    async fn open(&mut self) -> Result<(), Ended> {
        let Self { shared, admitted, inbound, .. } = self;
        let cluster = admitted.cluster.clone();
        let open = async {
            let first = timeout(shared.config.open_timeout, inbound.message()).await;
            let first = first.map_err(|_| status::silent())?.map_err(status::inbound)?;
            let Some(pb::FromSender { message: Some(pb::from_sender::Message::Open(open)) }) = first else {
                return Err(status::no_open());
            };
            // Capabilities are for later versions.
            let pb::Open { protocol, capabilities: _, cluster: said, heartbeat } = open;
            if protocol != PROTOCOL {
                return Err(status::version(protocol));
            }
            if said != cluster.as_str() {
                return Err(status::other_cluster(&cluster, &said));
            }
            let heartbeat = wire::read_heartbeat(heartbeat.unwrap_or_default());
            shared.heard(&cluster, heartbeat.map_err(|problem| status::malformed(&problem))?).await?;
            shared.store.shards(&cluster).await.map_err(|error| status::store(&error))
        };
        let held = tokio::select! {
            held = open => held?,
            ended = admitted.locked_out() => return Err(ended),
            () = shared.stopping.cancelled() => return Err(status::stopping()),
        };
        self.answers.push_back(pb::from_receiver::Message::Opened(pb::Opened {
            protocol: PROTOCOL,
            capabilities: CAPABILITIES.map(str::to_owned).into(),
            window_shards: u32::try_from(self.shared.config.window_shards).unwrap_or(u32::MAX),
            window_octets: u64::try_from(self.shared.config.window_octets).unwrap_or(u64::MAX),
        }));
        self.list(held);
        Ok(())
    }

    /// The list, in pieces; the last says so, and may be empty.
    fn list(&mut self, held: Vec<ShardState>) {
        let mut pieces = held.chunks(PIECE).peekable();
        loop {
            let states: Vec<pb::State> = pieces.next().unwrap_or_default().iter().map(wire::state).collect();
            let last = pieces.peek().is_none();
            self.answers.push_back(pb::from_receiver::Message::Held(pb::Held { states, last }));
            if last {
                break;
            }
        }
        self.told = Told::new(held);
    }

    fn take(&mut self, message: pb::FromSender) -> Result<(), Ended> {
        let Some(pb::from_sender::Message::Shard(shard)) = message.message else {
            return Err(status::no_open());
        };
        let (update, refused) =
            wire::read_shard(&self.admitted.cluster, shard).map_err(|problem| status::malformed(&problem))?;
        let config = &self.shared.config;
        if self.on_the_way >= config.window_shards || self.octets >= config.window_octets {
            return Err(status::window());
        }
        let octets = update.octets();
        self.on_the_way += 1;
        self.octets += octets;
        let lane = match update.urgency {
            Urgency::Change => &mut self.changes,
            Urgency::Bulk => &mut self.bulk,
        };
        lane.push_back(Arrived { update, refused, octets });
        if let Some(heartbeat) = self.shared.overdue(&self.admitted.cluster) {
            let (here, cluster) = (Arc::clone(&self.shared), self.admitted.cluster.clone());
            self.work.push(Box::pin(async move { Done::Heard(here.heard(&cluster, heartbeat).await) }));
        }
        Ok(())
    }

    /// Stores what waits, as far as there is room: changes before bulk, and no shard twice at once.
    fn begin_work(&mut self) {
        while self.busy.len() < self.shared.config.writes {
            let bulk = self.busy.values().filter(|urgency| **urgency == Urgency::Bulk).count();
            let busy = &self.busy;
            let free = |lane: &VecDeque<Arrived>| {
                lane.iter().position(|arrived| !busy.contains_key(&arrived.shard()))
            };
            let next = if let Some(at) = free(&self.changes) {
                self.changes.remove(at)
            } else if bulk < self.shared.config.bulk_writes {
                free(&self.bulk).and_then(|at| self.bulk.remove(at))
            } else {
                None
            };
            let Some(Arrived { update, refused, octets }) = next else { break };
            let (shard, urgency) = (update.state.shard, update.urgency);
            self.busy.insert(shard, urgency);
            let (here, cluster) = (Arc::clone(&self.shared), self.admitted.cluster.clone());
            self.work.push(Box::pin(async move {
                let mut result = here.store.put(&cluster, update).await;
                if let Ok(stored) = &mut result {
                    stored.refused.extend(refused);
                }
                Done::Put { shard, urgency, octets, result }
            }));
        }
    }

    fn finish(&mut self, done: Done) -> Result<(), Ended> {
        match done {
            Done::Put { shard, urgency, octets, result } => {
                self.busy.remove(&shard);
                self.on_the_way -= 1;
                self.octets -= octets;
                let stored = result.map_err(|error| status::store(&error))?;
                self.shared.observe.stored(&self.admitted.cluster, urgency, &stored.refused);
                self.told.stored(stored.state.clone());
                self.answers.push_back(pb::from_receiver::Message::Stored(wire::stored(stored)));
            }
            Done::Looked(held) => {
                self.is_looking = false;
                self.compare(held.map_err(|error| status::store(&error))?);
            }
            Done::Heard(result) => {
                result?;
            }
        }
        Ok(())
    }

    /// Tells what is other than the peer was told.
    fn compare(&mut self, held: Vec<ShardState>) {
        let Self { busy, changes, bulk, told, .. } = self;
        let waiting: BTreeSet<Shard> = changes.iter().chain(&*bulk).map(Arrived::shard).collect();
        let news = told.look(held, |shard| busy.contains_key(&shard) || waiting.contains(&shard));
        for piece in news.chunks(PIECE) {
            let states = piece.iter().map(wire::state).collect();
            self.answers.push_back(pb::from_receiver::Message::Held(pb::Held { states, last: false }));
        }
    }
}
