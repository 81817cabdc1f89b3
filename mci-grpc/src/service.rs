//! The HTTP side of `coredns.dns.DnsService/Query`, and the way to the other services.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use tokio::time::Sleep;
use tonic::service::Routes;
use tower::Service as _;

use crate::backend::{Backend, Slot};
use crate::frame;
use crate::reply::Reply;
use crate::status::{self, GRPC, Refusal};

/// The path of the one method that matters.
const QUERY: &str = "/coredns.dns.DnsService/Query";

/// Answers the requests of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) backend: Arc<Backend>,
    pub(crate) routes: Routes,
    pub(crate) client: Option<SocketAddr>,
    pub(crate) request_timeout: Duration,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Reply>;
    type Error = hyper::Error;
    type Future = Responding;

    fn call(&self, request: Request<Incoming>) -> Responding {
        let Some(slot) = self.backend.slot() else {
            return Responding::refused(Refusal::OVERLOADED);
        };
        if request.uri().path() != QUERY {
            let response = self.routes.clone().call(request);
            return Responding::Other { response: Box::pin(response), slot: Some(slot) };
        }
        let (head, body) = request.into_parts();
        if head.method != Method::POST {
            return Responding::Done(Some(status::no_grpc(StatusCode::METHOD_NOT_ALLOWED)));
        }
        if !is_grpc(&head.headers) {
            return Responding::Done(Some(status::no_grpc(StatusCode::UNSUPPORTED_MEDIA_TYPE)));
        }
        Responding::Query(Query {
            body,
            received: Received::Nothing,
            slot: Some(slot),
            headers: head.headers,
            client: self.client,
            timeout: self.request_timeout,
            late: None,
        })
    }
}

/// `application/grpc`, or a variant with protobuf messages.
fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return false };
    kind == GRPC
        || kind.as_bytes().strip_prefix(GRPC.as_bytes()).is_some_and(|rest| matches!(rest, b"+proto"))
}

/// A response in the making.
pub(crate) enum Responding {
    Query(Query),
    Other { response: Pin<Box<<Routes as tower::Service<Request<Incoming>>>::Future>>, slot: Option<Slot> },
    Done(Option<Response<Reply>>),
}

impl Responding {
    fn refused(refusal: Refusal) -> Self {
        Self::Done(Some(status::refuse(refusal)))
    }
}

impl Future for Responding {
    type Output = Result<Response<Reply>, hyper::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Query(query) => query.poll(context),
            Self::Other { response, slot } => {
                let Ok(response) = ready!(response.as_mut().poll(context));
                let slot = slot.take().expect("a future is not polled after its end");
                Poll::Ready(Ok(response.map(|body| Reply::other(body, slot))))
            }
            Self::Done(response) => {
                Poll::Ready(Ok(response.take().expect("a future is not polled after its end")))
            }
        }
    }
}

/// A query whose message is on its way in. Most are whole at the first look.
pub(crate) struct Query {
    body: Incoming,
    received: Received,
    slot: Option<Slot>,
    headers: HeaderMap,
    client: Option<SocketAddr>,
    timeout: Duration,
    late: Option<Pin<Box<Sleep>>>,
}

/// What has arrived of a message: of one piece it is never copied.
enum Received {
    Nothing,
    Whole(Bytes),
    Pieces(BytesMut),
}

impl Received {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Whole(piece) => piece.len(),
            Self::Pieces(pieces) => pieces.len(),
        }
    }

    fn push(&mut self, piece: Bytes) {
        match self {
            Self::Nothing => *self = Self::Whole(piece),
            Self::Whole(first) => {
                let mut pieces = BytesMut::with_capacity(2 * (first.len() + piece.len()));
                pieces.extend_from_slice(first);
                pieces.extend_from_slice(&piece);
                *self = Self::Pieces(pieces);
            }
            Self::Pieces(pieces) => pieces.extend_from_slice(&piece),
        }
    }

    fn take(&mut self) -> Bytes {
        match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => Bytes::new(),
            Self::Whole(piece) => piece,
            Self::Pieces(pieces) => pieces.freeze(),
        }
    }
}

impl Query {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Response<Reply>, hyper::Error>> {
        while !self.body.is_end_stream() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(None) => break,
                Poll::Ready(Some(Ok(piece))) => {
                    // Trailers end a request; there is nothing in them for us.
                    let Ok(piece) = piece.into_data() else { continue };
                    if self.received.len() + piece.len() > frame::MAX_FRAME {
                        return Poll::Ready(Ok(status::refuse(Refusal::TOO_LARGE)));
                    }
                    self.received.push(piece);
                }
                Poll::Ready(Some(Err(gone))) => return Poll::Ready(Err(gone)),
                Poll::Pending => {
                    let timeout = self.timeout;
                    let late = self.late.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
                    ready!(late.as_mut().poll(context));
                    return Poll::Ready(Ok(status::refuse(Refusal::LATE)));
                }
            }
        }
        Poll::Ready(Ok(self.respond()))
    }

    fn respond(&mut self) -> Response<Reply> {
        let slot = self.slot.take().expect("a query is answered once");
        let answer = frame::decode(self.received.take())
            .and_then(|message| slot.backend().answer(&message, self.client));
        match answer {
            Ok(packet) => {
                let mut response = Response::new(Reply::packet(packet, slot));
                // The request's table of headers serves once more: it has room, and spares an allocation.
                let mut headers = std::mem::take(&mut self.headers);
                headers.clear();
                headers.insert(CONTENT_TYPE, GRPC);
                *response.headers_mut() = headers;
                response
            }
            Err(refusal) => status::refuse(refusal),
        }
    }
}
