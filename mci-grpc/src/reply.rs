//! The body of a response.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tonic::Status;

use crate::backend::Slot;
use crate::status;

/// The body of a response. It keeps the request's slot until HTTP/2 has taken all of it.
#[derive(Debug)]
pub(crate) struct Reply {
    content: Content,
    slot: Option<Slot>,
}

#[derive(Debug)]
enum Content {
    /// One message, then the trailers of an OK.
    Packet(Bytes),
    Trailers,
    Nothing,
    /// What tonic's services answer.
    Other(tonic::body::Body),
}

impl Reply {
    pub(crate) const fn empty() -> Self {
        Self { content: Content::Nothing, slot: None }
    }

    pub(crate) const fn packet(frame: Bytes, slot: Slot) -> Self {
        Self { content: Content::Packet(frame), slot: Some(slot) }
    }

    pub(crate) const fn other(body: tonic::body::Body, slot: Slot) -> Self {
        Self { content: Content::Other(body), slot: Some(slot) }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if let Content::Other(body) = &mut this.content {
            return Pin::new(body).poll_frame(context);
        }
        Poll::Ready(match std::mem::replace(&mut this.content, Content::Nothing) {
            Content::Packet(frame) => {
                this.content = Content::Trailers;
                Some(Ok(Frame::data(frame)))
            }
            Content::Trailers => {
                this.slot = None;
                Some(Ok(Frame::trailers(status::ok())))
            }
            Content::Nothing | Content::Other(_) => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Packet(_) | Content::Trailers => false,
            Content::Nothing => true,
            Content::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            // Not exact, or hyper would add a Content-Length that nobody needs.
            Content::Packet(_) | Content::Trailers => SizeHint::default(),
            Content::Nothing => SizeHint::with_exact(0),
            Content::Other(body) => body.size_hint(),
        }
    }
}
