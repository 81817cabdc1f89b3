//! One connection: queries in, replies out, and when it ends (D33; RFC 7766).

use core::pin::pin;
use core::time::Duration;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::frames::{BadLength, Frames};

/// Replies that wait beyond this are sent before another query is read.
const FLUSH: usize = 16 * 1024;

/// What answers one message: writes the reply, or says that the connection is to end.
pub(super) trait Respond {
    /// Answers `query` into `reply`; false: no reply, and the connection ends (D15).
    fn respond(&mut self, query: &[u8], reply: &mut Vec<u8>) -> bool;
}

impl<F: FnMut(&[u8], &mut Vec<u8>) -> bool> Respond for F {
    fn respond(&mut self, query: &[u8], reply: &mut Vec<u8>) -> bool {
        self(query, reply)
    }
}

/// What ends a connection from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends<'a> {
    /// Without a whole query for so long.
    pub(super) idle: Duration,
    /// With replies that the client does not take for so long.
    pub(super) write: Duration,
    /// The server ends: what has come is answered.
    pub(super) shutdown: &'a CancellationToken,
    /// Its place goes to another connection.
    pub(super) taken_away: &'a CancellationToken,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed it.
    Client,
    /// No whole query for too long.
    Idle,
    /// A length that no query has, or a message that gets no reply.
    Refused,
    /// Replies were not taken.
    Unread,
    /// Its place went to another connection.
    TakenAway,
    /// The server ends.
    Shutdown,
}

/// Serves one connection until it ends.
pub(super) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    mut respond: impl Respond,
    ends: Ends<'_>,
) -> io::Result<End> {
    let mut frames = Frames::default();
    let mut replies = Replies::default();
    // Set anew by each query, not by each octet: a client that sends one now and then holds a place no longer.
    let mut idle = pin!(sleep_until(Instant::now() + ends.idle));
    loop {
        let refused = loop {
            match frames.next() {
                Ok(Some(query)) => {
                    if !replies.append(query, &mut respond) {
                        break true;
                    }
                    idle.as_mut().reset(Instant::now() + ends.idle);
                    if replies.octets.len() >= FLUSH && !replies.send(&mut stream, ends.write).await? {
                        return Ok(End::Unread);
                    }
                }
                Ok(None) => break false,
                Err(BadLength(_)) => break true,
            }
        };
        if !replies.send(&mut stream, ends.write).await? {
            return Ok(End::Unread);
        }
        if refused {
            return Ok(End::Refused);
        }
        let end = tokio::select! {
            // In this order: what has come is answered, whatever else is the matter.
            biased;
            read = stream.read(frames.space()) => match read? {
                0 => End::Client,
                octets => {
                    frames.filled(octets);
                    continue;
                }
            },
            () = ends.shutdown.cancelled() => End::Shutdown,
            () = ends.taken_away.cancelled() => End::TakenAway,
            () = &mut idle => End::Idle,
        };
        return Ok(end);
    }
}

/// Replies that wait to be sent, each behind its length, so that both go in one write.
#[derive(Debug, Default)]
struct Replies {
    octets: Vec<u8>,
    one: Vec<u8>,
}

impl Replies {
    fn append(&mut self, query: &[u8], respond: &mut impl Respond) -> bool {
        if !respond.respond(query, &mut self.one) {
            return false;
        }
        // No reply is longer (D24).
        let Ok(length) = u16::try_from(self.one.len()) else { return false };
        self.octets.extend_from_slice(&length.to_be_bytes());
        self.octets.extend_from_slice(&self.one);
        true
    }

    /// Sends what waits; false if the client does not take it.
    async fn send(&mut self, stream: &mut (impl AsyncWrite + Unpin), within: Duration) -> io::Result<bool> {
        if self.octets.is_empty() {
            return Ok(true);
        }
        let Ok(written) = timeout(within, stream.write_all(&self.octets)).await else { return Ok(false) };
        written?;
        self.octets.clear();
        // A connection that had one large answer does not keep its memory.
        self.octets.shrink_to(FLUSH);
        self.one.shrink_to(FLUSH);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use core::pin::Pin;
    use core::task::{Context, Poll};
    use std::collections::VecDeque;

    use tokio::io::{DuplexStream, ReadBuf, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// A query of 12 octets that all are `n`, behind its length.
    fn query(n: u8) -> Vec<u8> {
        [&[0, 12], &[n; 12][..]].concat()
    }

    /// Its reply by [`echo`].
    fn reply(n: u8) -> Vec<u8> {
        [&[0, 14], &[n; 12][..], b"ok"].concat()
    }

    fn echo(query: &[u8], reply: &mut Vec<u8>) -> bool {
        reply.clear();
        reply.extend_from_slice(query);
        reply.extend_from_slice(b"ok");
        true
    }

    struct Tokens {
        shutdown: CancellationToken,
        taken_away: CancellationToken,
    }

    impl Tokens {
        fn new() -> Self {
            Self { shutdown: CancellationToken::new(), taken_away: CancellationToken::new() }
        }

        fn ends(&self) -> Ends<'_> {
            Ends { idle: LIMIT, write: LIMIT, shutdown: &self.shutdown, taken_away: &self.taken_away }
        }
    }

    /// Serves a connection with `respond` while `client` uses its other side.
    async fn served<T>(
        respond: impl Respond,
        client: impl AsyncFnOnce(DuplexStream, &Tokens) -> T,
    ) -> (End, T) {
        let (ours, theirs) = duplex(64 * 1024);
        let tokens = Tokens::new();
        let (end, seen) = tokio::join!(serve(ours, respond, tokens.ends()), client(theirs, &tokens));
        (end.unwrap(), seen)
    }

    async fn rest(mut stream: DuplexStream) -> Vec<u8> {
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).await.unwrap();
        octets
    }

    /// A stream that gives these pieces and then ends, and keeps each write by itself.
    struct Pieces {
        reads: VecDeque<Vec<u8>>,
        writes: Vec<Vec<u8>>,
    }

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            buffer.put_slice(&self.reads.pop_front().unwrap_or_default());
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Pieces {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.writes.push(octets.to_vec());
            Poll::Ready(Ok(octets.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn writes(reads: impl IntoIterator<Item = Vec<u8>>) -> (End, Vec<Vec<u8>>) {
        let mut stream = Pieces { reads: reads.into_iter().collect(), writes: Vec::new() };
        let end = serve(&mut stream, echo, Tokens::new().ends()).await.unwrap();
        (end, stream.writes)
    }

    #[tokio::test(start_paused = true)]
    async fn d33_direct_length_and_message_go_in_one_write() {
        assert_eq!(writes([query(1)]).await, (End::Client, vec![reply(1)]));
    }

    #[tokio::test(start_paused = true)]
    async fn d33_direct_a_query_in_single_octets_is_answered() {
        let octets = query(1).into_iter().map(|octet| vec![octet]);
        assert_eq!(writes(octets).await, (End::Client, vec![reply(1)]));
    }

    #[tokio::test(start_paused = true)]
    async fn d33_direct_pipelined_queries_are_all_answered() {
        let (first, second) = ([query(1), query(2), query(3)].concat(), query(4));
        let all = [reply(1), reply(2), reply(3)].concat();
        assert_eq!(writes([first, second]).await, (End::Client, vec![all, reply(4)]));
    }

    #[tokio::test(start_paused = true)]
    async fn d33_direct_a_length_under_12_or_over_4096_ends_the_connection_after_what_came_before() {
        for length in [0_u16, 11, 4097, 65_535] {
            let octets = [query(1), length.to_be_bytes().to_vec(), query(2)].concat();
            assert_eq!(writes([octets]).await, (End::Refused, vec![reply(1)]), "{length}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d15_direct_a_message_without_a_reply_ends_the_connection_after_what_came_before() {
        let respond = |query: &[u8], reply: &mut Vec<u8>| query != [2; 12] && echo(query, reply);
        let (end, replies) = served(respond, async |mut stream, _| {
            stream.write_all(&[query(1), query(2), query(3)].concat()).await.unwrap();
            rest(stream).await
        })
        .await;
        assert_eq!((end, replies), (End::Refused, reply(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn d33_direct_ten_seconds_without_a_query_end_the_connection() {
        let start = Instant::now();
        let (end, replies) = served(echo, async |mut stream, _| {
            tokio::time::sleep(Duration::from_secs(9)).await;
            stream.write_all(&query(1)).await.unwrap();
            rest(stream).await
        })
        .await;
        assert_eq!((end, replies), (End::Idle, reply(1)));
        assert_eq!(start.elapsed().as_secs(), 19);
    }

    #[tokio::test(start_paused = true)]
    async fn d33_direct_an_octet_now_and_then_does_not_hold_the_connection() {
        let start = Instant::now();
        let (end, ()) = served(echo, async |mut stream, _| {
            for octet in query(1) {
                if stream.write_all(&[octet]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            unreachable!("the connection was held");
        })
        .await;
        assert_eq!(end, End::Idle);
        assert_eq!(start.elapsed().as_secs(), 12);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_closed_and_holds_little() {
        let answered = Cell::new(0);
        let respond = |query: &[u8], reply: &mut Vec<u8>| {
            answered.set(answered.get() + 1);
            echo(query, reply);
            reply.resize(4000, 0);
            true
        };
        let start = Instant::now();
        let (end, ()) =
            served(respond, async |mut stream, _| while stream.write_all(&query(1)).await.is_ok() {}).await;
        assert_eq!(end, End::Unread);
        assert_eq!(start.elapsed(), LIMIT);
        // 64 KiB are in the stream, and one flush waits.
        assert!(answered.get() <= (64 * 1024 + FLUSH) / 4000 + 2, "{} answered", answered.get());
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_of_the_server_what_has_come_is_answered() {
        let (mut theirs, ours) = duplex(1024);
        theirs.write_all(&[query(1), query(2)].concat()).await.unwrap();
        let tokens = Tokens::new();
        tokens.shutdown.cancel();
        assert_eq!(serve(ours, echo, tokens.ends()).await.unwrap(), End::Shutdown);
        assert_eq!(rest(theirs).await, [reply(1), reply(2)].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_place_is_taken_ends_at_once() {
        let start = Instant::now();
        let (end, replies) = served(echo, async |stream, tokens| {
            tokens.taken_away.cancel();
            rest(stream).await
        })
        .await;
        assert_eq!((end, replies, start.elapsed()), (End::TakenAway, vec![], Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_asked_everything_still_gets_its_replies() {
        let (end, replies) = served(echo, async |mut stream, _| {
            stream.write_all(&query(1)).await.unwrap();
            stream.shutdown().await.unwrap();
            rest(stream).await
        })
        .await;
        assert_eq!((end, replies), (End::Client, reply(1)));
    }
}
