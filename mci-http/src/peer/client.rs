//! The calls to one peer: over HTTP/1.1, which is all that the .NET application speaks, bounded in time and in octets.

use std::fmt;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use serde::Deserialize;
use tokio::time::timeout;

use crate::rest::{Fault, Host, Json};

/// How long a peer may take to answer a heartbeat or one hostname: a heartbeat that waits behind another call has to be in
/// time for the next.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long its list of hostnames may take.
const PATIENCE_FOR_LISTS: Duration = Duration::from_secs(30);
/// The most octets of a short answer.
const LARGEST: usize = 64 * 1024;
/// The most octets of a list of hostnames: 100,000 of them, with some addresses each.
const LARGEST_LIST: usize = 64 * 1024 * 1024;
/// What is shown of a peer's own words.
const SHOWN: usize = 200;

/// One peer, by its URL and with our key there.
#[derive(Clone)]
pub struct PeerClient {
    base: String,
    key: Option<HeaderValue>,
    way: Way,
    patience: Duration,
    patience_for_lists: Duration,
    largest_list: usize,
}

#[derive(Clone)]
enum Way {
    Plain(Client<HttpConnector, Body>),
    Tls(Client<HttpsConnector<HttpConnector>, Body>),
}

/// What a peer speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// The stream.
    Stream {
        /// The version of its protocol.
        protocol: u32,
        /// What it can do.
        capabilities: Vec<String>,
        /// What it calls itself.
        cluster: String,
    },
    /// The REST calls alone.
    Rest,
}

/// What a peer says that it publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// One for each hostname.
    pub hosts: Vec<Host>,
    /// Items that cannot be used, each with its place and what is wrong.
    pub faults: Vec<String>,
}

/// Why a call to a peer did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// No connection, or it broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("nothing came within {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// It does not know our key.
    #[error("it does not accept our key ({0}): does its configuration have the key's stored form?")]
    Key(u16),
    /// It understood, and does not want it.
    #[error("it refuses with {status}: {detail}")]
    Refused {
        /// Of its answer.
        status: u16,
        /// In its words.
        detail: String,
    },
    /// It cannot now.
    #[error("it fails with {status}: {detail}")]
    Failed {
        /// Of its answer.
        status: u16,
        /// In its words.
        detail: String,
    },
    /// Whatever it is, it is no peer.
    #[error("its answer cannot be understood: {0}")]
    Garbage(String),
}

/// A URL or a machine that no call can be made with.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The key cannot be sent.
    #[error("the key cannot stand in a header: it has to be printable ASCII without spaces")]
    Key,
    /// Whom to trust is not known.
    #[error(
        "this machine's certificate authorities cannot be read ({0}); SSL_CERT_FILE names a file of them"
    )]
    Authorities(std::io::Error),
}

impl PeerClient {
    /// Of a peer's front end. It asks nothing yet. Where `tls` is absent the authorities of this machine are trusted.
    pub fn new(url: &Uri, key: Option<&str>, tls: Option<ClientConfig>) -> Result<Self, ClientError> {
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_max_idle_per_host(1);
        let way = if url.scheme_str() == Some("https") {
            let builder = HttpsConnectorBuilder::new();
            let builder = match tls {
                Some(tls) => builder.with_tls_config(tls),
                None => builder.with_native_roots().map_err(ClientError::Authorities)?,
            };
            Way::Tls(client.build(builder.https_only().enable_http1().build()))
        } else {
            Way::Plain(client.build_http())
        };
        let key = key.map(|key| {
            let mut value = HeaderValue::from_str(key).map_err(|_| ClientError::Key)?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Self {
            base: url.to_string().trim_end_matches('/').to_owned(),
            key: key.transpose()?,
            way,
            patience: PATIENCE,
            patience_for_lists: PATIENCE_FOR_LISTS,
            largest_list: LARGEST_LIST,
        })
    }

    /// With another patience, for its lists too.
    pub const fn patience(mut self, patience: Duration) -> Self {
        (self.patience, self.patience_for_lists) = (patience, patience);
        self
    }

    /// With another limit to the octets of its list of hostnames.
    pub const fn largest_list(mut self, octets: usize) -> Self {
        self.largest_list = octets;
        self
    }

    /// What it speaks. An error says that it speaks neither protocol, or is not there to tell.
    pub async fn probe(&self) -> Result<Spoken, PeerError> {
        let (status, body) = self.call(Method::GET, "/api/v1/peer", None, self.patience, LARGEST).await?;
        match status {
            StatusCode::OK => {
                let told: ToldPeer = serde_json::from_slice(&body).map_err(|error| {
                    PeerError::Garbage(format!("/api/v1/peer is not what it should be: {error}"))
                })?;
                let ToldPeer { protocol, capabilities, cluster } = told;
                Ok(Spoken::Stream { protocol, capabilities, cluster })
            }
            StatusCode::NOT_FOUND => Ok(Spoken::Rest),
            status => Err(self.refusal(status, &body)),
        }
    }

    /// Says that the own cluster lives.
    pub async fn heartbeat(&self) -> Result<(), PeerError> {
        let answer = self.call(Method::POST, "/Heartbeat", None, self.patience, LARGEST).await?;
        self.done(answer)
    }

    /// Says what the own cluster publishes for one hostname.
    pub async fn post_host(&self, host: &Host) -> Result<(), PeerError> {
        let body = serde_json::to_vec(host).expect("a hostname with its places is JSON");
        let answer = self.call(Method::POST, "/Host", Some(body), self.patience, LARGEST).await?;
        self.done(answer)
    }

    /// What the peer publishes; nothing where it has no view of its own cluster now.
    pub async fn get_host(&self) -> Result<Option<Hosts>, PeerError> {
        let patience = self.patience_for_lists;
        let (status, body) = self.call(Method::GET, "/Host", None, patience, self.largest_list).await?;
        match status {
            StatusCode::OK => hosts(&body).map(Some).map_err(|fault| PeerError::Garbage(fault.to_string())),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(self.refusal(status, &body)),
        }
    }

    fn done(&self, (status, body): (StatusCode, Bytes)) -> Result<(), PeerError> {
        if status.is_success() { Ok(()) } else { Err(self.refusal(status, &body)) }
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> PeerError {
        let code = status.as_u16();
        let detail = self.shown(body);
        match status {
            StatusCode::UNAUTHORIZED => PeerError::Key(code),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                PeerError::Failed { status: code, detail }
            }
            status if status.is_client_error() => PeerError::Refused { status: code, detail },
            status if status.is_server_error() => PeerError::Failed { status: code, detail },
            _ => PeerError::Garbage(format!("it answers with {code}: {detail}")),
        }
    }

    /// The beginning of a peer's words, on one line. A peer that sends our key back does not bring it into a log.
    fn shown(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let told = serde_json::from_str::<ToldProblem>(&text).ok();
        let told = told.and_then(|problem| problem.detail.or(problem.title));
        let mut text = told.unwrap_or_else(|| text.into_owned());
        if let Some(key) = self.key.as_ref().and_then(|key| std::str::from_utf8(key.as_bytes()).ok()) {
            text = text.replace(key, "[our key]");
        }
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
        let line = line.trim();
        if line.is_empty() { "without a word".to_owned() } else { line.to_owned() }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        patience: Duration,
        largest: usize,
    ) -> Result<(StatusCode, Bytes), PeerError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, "application/json");
        if let Some(key) = &self.key {
            request = request.header("X-Api-Key", key);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(body.map_or_else(Body::empty, Body::from))
            .map_err(|error| PeerError::Unreachable(format!("its URL cannot be used: {error}")))?;
        let asking = async {
            let response = match &self.way {
                Way::Plain(client) => client.request(request).await,
                Way::Tls(client) => client.request(request).await,
            };
            let response = response.map_err(|error| PeerError::Unreachable(causes(&error)))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), largest).collect().await;
            match body {
                Ok(body) => Ok((status, body.to_bytes())),
                Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                    Err(PeerError::Garbage(format!("it is longer than {largest} octets")))
                }
                Err(error) => Err(PeerError::Unreachable(causes(error.as_ref()))),
            }
        };
        timeout(patience, asking).await.map_err(|_| PeerError::Silent(patience))?
    }
}

/// Where it is, and not with which key.
impl fmt::Debug for PeerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerClient").field("url", &self.base).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct ToldPeer {
    protocol: u32,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    cluster: String,
}

#[derive(Deserialize)]
struct ToldProblem {
    title: Option<String>,
    detail: Option<String>,
}

/// Reads a list of hostnames; an item that cannot be used keeps none of the others from being used.
fn hosts(body: &[u8]) -> Result<Hosts, Fault> {
    let json = Json::parse(body)?;
    let Json::List(list) = json else {
        return Err(Fault::new("$", format!("expected a list of hostnames, found {json}")));
    };
    let mut read = Hosts::default();
    for (index, item) in list.iter().enumerate() {
        match Host::read(item, &format!("[{index}]")) {
            Ok(host) => read.hosts.push(host),
            Err(fault) => read.faults.push(fault.to_string()),
        }
    }
    Ok(read)
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
