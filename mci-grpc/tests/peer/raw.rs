//! A client that says what it likes, message by message.

use mci_grpc::peer::pb::{self, from_receiver, from_sender};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

use crate::serving::{DEADLINE, FrontEnd, KEY};

pub(crate) struct Raw {
    to: mpsc::Sender<pb::FromSender>,
    answers: Streaming<pb::FromReceiver>,
}

pub(crate) async fn client(front_end: &FrontEnd) -> pb::peer_sync_client::PeerSyncClient<Channel> {
    let url = format!("http://{}", front_end.listening.address);
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    pb::peer_sync_client::PeerSyncClient::new(channel)
}

pub(crate) fn with_key<T>(message: T, key: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-api-key", key.parse().unwrap());
    request
}

impl Raw {
    pub(crate) async fn call(front_end: &FrontEnd) -> Result<Self, Status> {
        Self::with_key(front_end, KEY).await
    }

    pub(crate) async fn with_key(front_end: &FrontEnd, key: &str) -> Result<Self, Status> {
        let (to, queue) = mpsc::channel(1000);
        let request = with_key(ReceiverStream::new(queue), key);
        let answers = client(front_end).await.sync(request).await?.into_inner();
        Ok(Self { to, answers })
    }

    /// A call that has begun, and knows that nothing is held.
    pub(crate) async fn open(front_end: &FrontEnd) -> Self {
        let mut raw = Self::call(front_end).await.unwrap();
        raw.say(open()).await;
        assert!(matches!(raw.hear().await, Ok(from_receiver::Message::Opened(_))));
        let nothing = pb::Held { states: vec![], last: true };
        assert_eq!(raw.hear().await.unwrap(), from_receiver::Message::Held(nothing));
        raw
    }

    pub(crate) async fn say(&self, message: from_sender::Message) {
        self.to.send(pb::FromSender { message: Some(message) }).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> Result<from_receiver::Message, Status> {
        let message = timeout(DEADLINE, self.answers.message()).await.expect("an answer in time")?;
        Ok(message.and_then(|message| message.message).expect("an answer"))
    }

    /// What the call ends with, whatever comes before.
    pub(crate) async fn end(mut self) -> (Code, String) {
        loop {
            match self.hear().await {
                Ok(_) => {}
                Err(status) => return (status.code(), status.message().to_owned()),
            }
        }
    }
}

pub(crate) fn open() -> from_sender::Message {
    let open = pb::Open {
        protocol: 1,
        capabilities: vec!["something later".into()],
        cluster: "east".into(),
        heartbeat: Some(pb::Heartbeat::default()),
    };
    from_sender::Message::Open(open)
}

/// A shard whose content is empty, or these items.
pub(crate) fn shard(
    number: u32,
    seq: u64,
    urgency: pb::Urgency,
    items: Vec<pb::Item>,
) -> from_sender::Message {
    from_sender::Message::Shard(pb::Shard {
        state: Some(pb::State { shard: number, term: 1, seq, digest: format!("{seq}") }),
        urgency: urgency.into(),
        change: Some(pb::shard::Change::Whole(pb::Whole { items })),
    })
}
