//! The bearer token of a file that someone else replaces: a pod's service account.
//!
//! The kubelet writes a new one long before the old one ends. It is read again when it is ten seconds old, and at once
//! after a 401. A file that cannot be read leaves the last token in use: some take the file away on purpose.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use tower::{BoxError, Layer, Service};
use tracing::warn;

/// A token that was read so long ago is read again before it is used.
const FRESH: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Token {
    path: PathBuf,
    header: HeaderValue,
    read: Instant,
    refused: bool,
}

impl Token {
    fn read(path: &Path) -> Result<HeaderValue, String> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("the token file {} cannot be read: {error}", path.display()))?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", text.trim()))
            .map_err(|_| format!("the token file {} holds no token", path.display()))?;
        header.set_sensitive(true);
        Ok(header)
    }

    fn current(&mut self, now: Instant) -> HeaderValue {
        if self.refused || now.duration_since(self.read) >= FRESH {
            match Self::read(&self.path) {
                Ok(header) => self.header = header,
                Err(problem) => warn!(problem, "The last token stays in use"),
            }
            self.read = now;
            self.refused = false;
        }
        self.header.clone()
    }
}

/// Adds the file's token to each request.
#[derive(Clone, Debug)]
pub(super) struct FileTokenLayer(Arc<Mutex<Token>>);

impl FileTokenLayer {
    /// Reads the file for the first time.
    pub(super) fn new(path: PathBuf) -> Result<Self, String> {
        let header = Token::read(&path)?;
        Ok(Self(Arc::new(Mutex::new(Token { path, header, read: Instant::now(), refused: false }))))
    }
}

impl<S> Layer<S> for FileTokenLayer {
    type Service = FileToken<S>;

    fn layer(&self, inner: S) -> FileToken<S> {
        FileToken { inner, token: Arc::clone(&self.0) }
    }
}

/// The service that does so.
#[derive(Clone, Debug)]
pub(super) struct FileToken<S> {
    inner: S,
    token: Arc<Mutex<Token>>,
}

impl<S, B, R> Service<Request<B>> for FileToken<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let header = self.token.lock().unwrap_or_else(PoisonError::into_inner).current(Instant::now());
        request.headers_mut().insert(AUTHORIZATION, header);
        let answer = self.inner.call(request);
        let token = Arc::clone(&self.token);
        Box::pin(async move {
            let response = answer.await.map_err(Into::into)?;
            if response.status() == StatusCode::UNAUTHORIZED {
                token.lock().unwrap_or_else(PoisonError::into_inner).refused = true;
            }
            Ok(response)
        })
    }
}
