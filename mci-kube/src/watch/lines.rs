//! The events of a watch as they come: one line of JSON each.

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use kube::client::Body;

use crate::client::{CallError, with_causes};

/// No object is as large as this; what is, is no watch's answer.
const LONGEST: usize = 64 << 20;

/// Lines of a body.
#[derive(Debug)]
pub(super) struct Lines {
    body: Body,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of line.
    scanned: usize,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self { body, buffer: BytesMut::new(), scanned: 0 }
    }

    /// The next line; nothing at the end. May be dropped while it waits: nothing is lost.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        loop {
            if let Some(line) = self.take() {
                return Ok(Some(line));
            }
            if self.buffer.len() > LONGEST {
                return Err(CallError::Nonsense(format!("an event of more than {LONGEST} octets")));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(CallError::Broken(with_causes(&error))),
                // Half a line at the end is what was cut off: it comes again.
                None => return Ok(None),
            }
        }
    }

    /// The next line if it is there already.
    pub(super) fn next_now(&mut self) -> Option<Result<Option<Bytes>, CallError>> {
        self.next().now_or_never()
    }

    fn take(&mut self) -> Option<Bytes> {
        loop {
            let rest = self.buffer.get(self.scanned..).unwrap_or_default();
            let Some(end) = rest.iter().position(|octet| *octet == b'\n') else {
                self.scanned = self.buffer.len();
                return None;
            };
            let mut line = self.buffer.split_to(self.scanned + end + 1);
            self.scanned = 0;
            line.truncate(line.len() - 1);
            if !line.is_empty() {
                return Some(line.freeze());
            }
        }
    }
}
