//! The one place where gRPC statuses are made: of what was decided (D11, D15, D15a, D27), and of requests that carry no
//! message.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use mci_core::wire::Disposition;
use tonic::Code;

use crate::reply::Reply;

pub(crate) const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// A refusal: its code, and a message of printable ASCII without `%`, which needs no encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: &'static str,
}

impl Refusal {
    const fn new(code: Code, message: &'static str) -> Self {
        Self { code, message }
    }

    /// D27: the limit of unfinished requests is reached.
    pub(crate) const OVERLOADED: Self =
        Self::new(Code::Unavailable, "overloaded: too many unfinished requests");
    pub(crate) const NOT_READY: Self =
        Self::new(Code::Unavailable, "not ready: the first sync is not finished");
    pub(crate) const FOREIGN: Self = Self::new(Code::NotFound, "the name is outside every zone");
    pub(crate) const UNREADABLE: Self =
        Self::new(Code::InvalidArgument, "msg is a DNS message whose question cannot be read");
    pub(crate) const NO_QUERY: Self = Self::new(Code::InvalidArgument, "msg is no DNS query");
    pub(crate) const NO_PACKET: Self =
        Self::new(Code::InvalidArgument, "the request is not exactly one coredns.dns.DnsPacket");
    pub(crate) const TOO_LARGE: Self =
        Self::new(Code::ResourceExhausted, "a DNS message has at most 65535 octets");
    pub(crate) const COMPRESSED: Self =
        Self::new(Code::Unimplemented, "compressed messages are not supported: use identity");
    pub(crate) const LATE: Self = Self::new(Code::DeadlineExceeded, "the request did not arrive in time");
}

/// What a decision means in gRPC: an OK that carries the octets, or a refusal.
pub(crate) fn of(disposition: Disposition) -> Result<(), Refusal> {
    match disposition {
        Disposition::Reply => Ok(()),
        Disposition::NotReady => Err(Refusal::NOT_READY),
        Disposition::NotFound => Err(Refusal::FOREIGN),
        Disposition::Unreadable => Err(Refusal::UNREADABLE),
        Disposition::Drop => Err(Refusal::NO_QUERY),
    }
}

/// A response without a message: what the protocol calls *Trailers-Only*.
pub(crate) fn refuse(refusal: Refusal) -> Response<Reply> {
    let mut response = Response::new(Reply::empty());
    let headers = response.headers_mut();
    headers.reserve(3);
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(GRPC_STATUS, code(refusal.code));
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(refusal.message));
    response
}

/// A response for what is not gRPC at all.
pub(crate) fn no_grpc(status: StatusCode) -> Response<Reply> {
    let mut response = Response::new(Reply::empty());
    *response.status_mut() = status;
    response
}

/// The trailers of an OK.
pub(crate) fn ok() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, code(Code::Ok));
    trailers
}

fn code(code: Code) -> HeaderValue {
    const OK: HeaderValue = HeaderValue::from_static("0");
    match code {
        Code::Ok => OK,
        other => HeaderValue::from(other as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d27_d11_d15_each_disposition_has_its_status() {
        let code = |disposition| of(disposition).map_err(|refusal| refusal.code);
        assert_eq!(code(Disposition::Reply), Ok(()));
        assert_eq!(code(Disposition::NotReady), Err(Code::Unavailable));
        assert_eq!(code(Disposition::NotFound), Err(Code::NotFound));
        assert_eq!(code(Disposition::Unreadable), Err(Code::InvalidArgument));
        assert_eq!(code(Disposition::Drop), Err(Code::InvalidArgument));
    }

    #[test]
    fn messages_need_no_percent_encoding() {
        let all = [
            Refusal::OVERLOADED,
            Refusal::NOT_READY,
            Refusal::FOREIGN,
            Refusal::UNREADABLE,
            Refusal::NO_QUERY,
            Refusal::NO_PACKET,
            Refusal::TOO_LARGE,
            Refusal::COMPRESSED,
            Refusal::LATE,
        ];
        for refusal in all {
            assert!(refusal.message.bytes().all(|octet| matches!(octet, b' '..=b'~') && octet != b'%'));
            assert_eq!(refuse(refusal).headers()["grpc-status"], (refusal.code as i32).to_string().as_str());
        }
    }
}
