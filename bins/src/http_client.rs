//! Asks the HTTP port of a running process of MCI: its API, its readiness.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::body::Body;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::timeout;

/// How long one answer may take: that of a state of 50,000 hostnames, too.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most octets of one answer.
const LARGEST: usize = 1 << 30;

/// One server, by its URL.
#[derive(Clone, Debug)]
pub(crate) struct HttpServer {
    url: String,
    client: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Plain(Client<HttpConnector, Body>),
    Tls(Client<HttpsConnector<HttpConnector>, Body>),
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl HttpServer {
    /// Of `http(s)://HOST:PORT`. It asks nothing yet; the certificates of this machine's authorities count.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let client = Client::builder(TokioExecutor::new());
        // A machine without any authority's certificate can still ask in plain text.
        let client = if url.starts_with("https:") {
            let connector = HttpsConnectorBuilder::new().with_native_roots().context(
                "this machine's certificate authorities cannot be read; SSL_CERT_FILE names a file of them",
            )?;
            Way::Tls(client.build(connector.https_only().enable_http1().build()))
        } else {
            Way::Plain(client.build_http())
        };
        Ok(Self { url: url.trim_end_matches('/').to_owned(), client })
    }

    /// What stands at `path`, whatever the status.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let uri: Uri = format!("{}{path}", self.url).parse()?;
        let request = Request::get(uri)
            .header(http::header::ACCEPT, "application/json")
            .body(Body::empty())
            .expect("a URI and a constant header are a request");
        let asking = async {
            let response = match &self.client {
                Way::Plain(client) => client.request(request).await,
                Way::Tls(client) => client.request(request).await,
            };
            let response = response.map_err(|error| anyhow!(causes(&error)))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LARGEST).collect().await.map_err(|e| anyhow!(e))?;
            Ok(Answer { status, body: body.to_bytes().to_vec() })
        };
        let silent = || anyhow!("nothing came within {} s", PATIENCE.as_secs());
        let answer: anyhow::Result<Answer> = timeout(PATIENCE, asking).await.map_err(|_| silent())?;
        answer.with_context(|| format!("{} gave no answer", self.url))
    }

    /// What the API has at `path`, as octets.
    pub(crate) async fn api(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let Answer { status, body } = self.get(path).await?;
        if status.is_success() {
            return Ok(body);
        }
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        match problem.get("detail").and_then(Value::as_str) {
            Some(detail) => bail!("{}{path} is {status}: {detail}", self.url),
            None if status == StatusCode::NOT_FOUND => {
                bail!("{}{path} is not there: is it the HTTP port of a dns-server?", self.url)
            }
            None => bail!("{}{path} is {status}", self.url),
        }
    }

    /// The same as JSON.
    pub(crate) async fn json(&self, path: &str) -> anyhow::Result<Value> {
        let body = self.api(path).await?;
        serde_json::from_slice(&body).with_context(|| format!("{}{path} is no JSON", self.url))
    }
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::*;

    /// A server of these routes, as long as the runtime lasts.
    async fn server(routes: Router) -> HttpServer {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        HttpServer::new(&url).unwrap()
    }

    async fn said(server: &HttpServer, path: &str) -> String {
        let error = format!("{:#}", server.json(path).await.unwrap_err());
        error.replace(&server.url, "URL")
    }

    #[tokio::test]
    async fn what_is_there_is_read_and_what_is_not_says_what_to_do() {
        let problem = (StatusCode::BAD_REQUEST, r#"{"title": "no", "detail": "name: it is empty"}"#);
        let routes = Router::new()
            .route("/good", get(|| async { r#"{"a": 1}"# }))
            .route("/bad", get(move || async move { problem }))
            .route("/text", get(|| async { "hello" }));
        let server = server(routes).await;
        assert_eq!(server.json("/good").await.unwrap(), serde_json::json!({"a": 1}));
        assert_eq!(said(&server, "/bad").await, "URL/bad is 400 Bad Request: name: it is empty");
        let missing = "URL/none is not there: is it the HTTP port of a dns-server?";
        assert_eq!(said(&server, "/none").await, missing);
        assert!(said(&server, "/text").await.starts_with("URL/text is no JSON: "));
    }
}
