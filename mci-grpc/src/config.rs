//! Where the server listens, and its limits.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::tls::Tls;

/// An address to listen on, written as `CoreDNS` writes it.
///
/// ```
/// use mci_grpc::Listen;
/// let tcp: Listen = "127.0.0.1:1153".parse().unwrap();
/// let unix: Listen = "unix:///run/mci/1.sock".parse().unwrap();
/// assert_eq!((tcp.to_string(), unix.to_string()), ("127.0.0.1:1153".into(), "unix:///run/mci/1.sock".into()));
/// assert!("localhost".parse::<Listen>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listen {
    /// TCP; with TLS where [`Config::tls`] is set. Port 0 takes a free one.
    Tcp(SocketAddr),
    /// A unix socket, by its absolute path. It is never wrapped in TLS: the folder's permissions guard it.
    Unix(PathBuf),
}

/// The text is no address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address to listen on: write ADDRESS:PORT, such as 127.0.0.1:1153 or [::1]:1153, or unix:///PATH, \
     such as unix:///run/mci/1.sock"
)]
pub struct ListenError(String);

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') && !path.ends_with('/') => Ok(Self::Unix(path.into())),
            Some(_) => Err(ListenError(text.to_owned())),
            None => text.parse().map(Self::Tcp).map_err(|_| ListenError(text.to_owned())),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// Where the server listens, and its limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// All are served alike. `CoreDNS` holds one connection to each upstream that it is told of, so several unix
    /// sockets make a pool.
    pub listen: Vec<Listen>,
    /// Certificates for the TCP listeners; without, they speak HTTP/2 in the clear.
    pub tls: Option<Arc<Tls>>,
    /// Requests that may be unfinished at once: their message is still on its way in, or their reply waits for the
    /// client's flow control. One more gets UNAVAILABLE at once (D27), and nothing ever queues. A message that
    /// arrives whole is answered on the spot, so only slow clients hold any.
    pub max_in_flight: usize,
    /// Connections that may be open at once; one more is closed at once.
    pub max_connections: usize,
    /// The permissions of unix sockets. To connect one needs to be able to write, and `CoreDNS` is often another user
    /// of the same pod, so the default is 0666: the folder decides who comes near.
    pub socket_mode: u32,
    /// How long a request's message may take to arrive; 5 s is all that `CoreDNS` waits.
    pub request_timeout: Duration,
    /// How long a client may take for the TLS handshake and HTTP/2's preface.
    pub handshake_timeout: Duration,
    /// How often a silent connection is asked whether it is alive…
    pub keepalive_interval: Duration,
    /// … and how long it may take to answer.
    pub keepalive_timeout: Duration,
    /// How long a shutdown waits for requests in flight, before it closes what is left.
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 1153)))],
            tls: None,
            max_in_flight: 4096,
            max_connections: 1024,
            socket_mode: 0o666,
            request_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Streams that one connection may have open: above the limit of requests, so that it is the limit that answers
    /// (D27) and no client waits for a stream. hyper's own default, 200, is less than one busy `CoreDNS` needs.
    pub(crate) fn max_streams(&self) -> u32 {
        u32::try_from(self.max_in_flight.saturating_add(1000)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in ["127.0.0.1:1153", "[::1]:1153", "0.0.0.0:0", "unix:///run/mci/1.sock"] {
            assert_eq!(text.parse::<Listen>().map(|l| l.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_address_is_told_with_what_would_be() {
        for text in [
            "",
            "1153",
            ":1153",
            "localhost:1153",
            "unix://run/1.sock",
            "unix://",
            "unix:///run/",
            "127.0.0.1",
        ] {
            let error = text.parse::<Listen>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{text:?} is no address to listen on: write ADDRESS:PORT")),
                "{error}"
            );
        }
    }

    #[test]
    fn d29_the_stream_limit_is_above_the_limit_of_requests() {
        let config = Config { max_in_flight: 4096, ..Config::default() };
        assert_eq!(config.max_streams(), 5096);
        let endless = Config { max_in_flight: usize::MAX, ..Config::default() };
        assert_eq!(endless.max_streams(), u32::MAX);
    }
}
